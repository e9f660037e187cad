//! From a body to an object of its kind: JSON or YAML, of the right kind, unknown fields dropped or refused.
//! Tests: `tests/requests.rs` and the API suite.

use serde_json::Value;

use super::{
    Api, Call,
    protobuf::{self, PROTOBUF},
    request::Query,
};
use crate::{
    error::{ApiError, ApiResult, FieldError},
    kinds::Resource,
    objects,
    schema::conform::conform,
};

/// The object of a create or replace, and warnings about it.
pub(crate) fn decode(api: &Api, call: &Call) -> ApiResult<(Value, Vec<String>)> {
    let object = if call.content_type == PROTOBUF && call.resource.custom.is_none() {
        protobuf::read(&call.resource, &call.body).map_err(ApiError::bad_request)?
    } else {
        read_body(&call.content_type, &call.body)?
    };
    if call.resource.custom.is_none() {
        check_kind(api, &call.resource, &object)?;
    }
    fit(&call.resource, &call.query, take_kind(&call.resource, object)?)
}

/// Brings an object into the structure of its kind; says which unknown fields were dropped, or refuses them.
pub(crate) fn fit(resource: &Resource, query: &Query, mut object: Value) -> ApiResult<(Value, Vec<String>)> {
    let found = conform(&resource.schema, &mut object);
    let cannot = |why: String| {
        let (kind, version) = (&resource.kind, &resource.version);
        ApiError::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"))
    };
    if let (Some(wrong), true) = (found.wrong, resource.custom.is_none()) {
        return Err(cannot(wrong));
    }
    let faults: Vec<String> = found.unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
    match query.get("fieldValidation") {
        Some("Strict") if !faults.is_empty() => {
            Err(cannot(format!("strict decoding error: {}", faults.join(", "))))
        }
        Some("Ignore") => Ok((object, vec![])),
        None | Some("Warn" | "Strict") => Ok((object, faults)),
        Some(other) => {
            let allowed = ["Ignore", "Strict", "Warn"];
            let error = FieldError::not_supported("fieldValidation", other, &allowed);
            Err(ApiError::invalid_options("CreateOptions", &error))
        }
    }
}

fn check_kind(api: &Api, resource: &Resource, object: &Value) -> ApiResult<()> {
    let kind = objects::text(&object["kind"]);
    let api_version = objects::text(&object["apiVersion"]);
    if kind.is_empty() || kind == resource.kind || api_version.is_empty() {
        return Ok(());
    }
    let version = api_version.rsplit('/').next().unwrap_or_default();
    let known = api.kinds().iter().any(|r| r.kind == kind && r.api_version() == api_version);
    let why = if known {
        let group = resource.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
        format!("converting ({version}.{kind}) to ({group}.{}): unknown conversion", resource.kind)
    } else {
        format!(
            "no kind {kind:?} is registered for version {api_version:?} in scheme \"pkg/runtime/scheme.go:111\""
        )
    };
    Err(ApiError::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {}: {why}",
        resource.kind
    )))
}

/// Checks `kind` and `apiVersion` and takes them off: objects are stored without.
pub(crate) fn take_kind(resource: &Resource, mut object: Value) -> ApiResult<Value> {
    let kind = objects::text(&object["kind"]);
    let api_version = objects::text(&object["apiVersion"]);
    if kind.is_empty() && resource.custom.is_some() {
        return Err(ApiError::bad_request(format!("Object 'Kind' is missing in '{}'", shown(&object))));
    }
    let expected = resource.api_version();
    if !kind.is_empty() && kind != resource.kind {
        if resource.custom.is_some() {
            let name = objects::text(&object["metadata"]["name"]);
            let wrong = Resource { kind: kind.clone(), ..resource.clone() };
            let error = FieldError::invalid("kind", kind, format!("must be {}", resource.kind));
            return Err(ApiError::invalid(&wrong, &name, vec![error]));
        }
        let version = api_version.rsplit('/').next().unwrap_or_default();
        return Err(ApiError::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {}",
            resource.kind
        )));
    }
    if !api_version.is_empty() && api_version != expected {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({expected})"
        )));
    }
    let Some(fields) = object.as_object_mut() else {
        return Err(ApiError::bad_request(format!(
            "couldn't get version/kind; json parse error: {}",
            shown(&object)
        )));
    };
    fields.shift_remove("kind");
    fields.shift_remove("apiVersion");
    objects::metadata(&mut object)?;
    Ok(object)
}

/// The start of an object, for messages.
fn shown(object: &Value) -> String {
    let mut text = object.to_string();
    if text.len() > 300 {
        let cut = (0..=300).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push_str("...");
    }
    text
}

/// A body as JSON or YAML. Nesting is bounded by the readers.
pub(crate) fn read_body(content_type: &str, body: &[u8]) -> ApiResult<Value> {
    match content_type {
        "" | "application/json" | "text/json" => serde_json::from_slice(body).map_err(|error| {
            ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
        }),
        "application/yaml" | "text/yaml" => yaml(body),
        _ => Err(ApiError::unsupported_media(&[
            "application/json",
            "application/yaml",
            "application/vnd.kubernetes.protobuf",
        ])),
    }
}

/// One YAML document; JSON is read as such, being by far the most frequent.
fn yaml(body: &[u8]) -> ApiResult<Value> {
    if body.first() == Some(&b'{')
        && let Ok(value) = serde_json::from_slice(body)
    {
        return Ok(value);
    }
    let text = std::str::from_utf8(body).map_err(|_| ApiError::bad_request("the body is not UTF-8"))?;
    serde_saphyr::from_str(text)
        .map_err(|error| ApiError::bad_request(format!("error converting YAML to JSON: {error}")))
}
