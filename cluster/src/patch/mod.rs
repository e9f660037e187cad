//! Patches: what the four content types of PATCH do to an object. Each is a pure function of the old object and the
//! patch. Tests: at the end of each file, and property tests for all of them.

pub(crate) mod apply;
pub(crate) mod fields;
pub(crate) mod managed;
mod strategic;

use serde_json::{Value, json};

use crate::{
    api::decode::{read_body, take_kind},
    error::{ApiError, ApiResult},
    kinds::Resource,
    objects::text,
};

/// A patch, read but not yet applied.
pub(crate) enum Patch {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7396.
    Merge(Value),
    /// Merge by the structure of the kind.
    Strategic(Value),
    /// All that a manager wants of the object.
    Apply(Value),
}

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// What the copies of one JSON patch may add up to, as on a real server.
const COPY_LIMIT: usize = 3 << 20;
/// Operations one JSON patch may have, as on a real server.
const JSON_PATCH_LIMIT: usize = 10_000;

impl Patch {
    /// Reads a patch as its content type says.
    pub(crate) fn parse(resource: &Resource, content_type: &str, body: &[u8]) -> ApiResult<Self> {
        let wrong =
            |error: serde_json::Error| ApiError::bad_request(format!("error decoding patch: {error}"));
        let merge = |body: &[u8]| -> ApiResult<Value> {
            let patch: Value = serde_json::from_slice(body).map_err(wrong)?;
            if patch.is_object() {
                Ok(patch)
            } else {
                Err(ApiError::bad_request("error decoding patch: not an object"))
            }
        };
        match content_type {
            JSON => {
                let patch: json_patch::Patch = serde_json::from_slice(body).map_err(wrong)?;
                if patch.0.len() > JSON_PATCH_LIMIT {
                    let count = patch.0.len();
                    return Err(ApiError::new(
                        413,
                        "RequestEntityTooLarge",
                        format!(
                            "The allowed maximum operations in a JSON patch is {JSON_PATCH_LIMIT}, got {count}"
                        ),
                    ));
                }
                Ok(Patch::Json(patch))
            }
            MERGE => merge(body).map(Patch::Merge),
            STRATEGIC if resource.custom.is_none() => merge(body).map(Patch::Strategic),
            APPLY => read_body("application/yaml", body).map(Patch::Apply),
            _ => {
                let mut error = ApiError::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
                if resource.custom.is_some() {
                    error = ApiError::unsupported_media(&[JSON, MERGE, APPLY]);
                } else {
                    error.details = Some(Box::new(json!({})));
                }
                Err(error)
            }
        }
    }

    /// Reads a patch to something whose structure is not looked at (a Scale).
    pub(crate) fn parse_for_any(content_type: &str, body: &[u8]) -> ApiResult<Self> {
        let value = |body: &[u8]| {
            serde_json::from_slice(body)
                .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))
        };
        match content_type {
            JSON => serde_json::from_value(value(body)?)
                .map(Patch::Json)
                .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}"))),
            MERGE | STRATEGIC => value(body).map(Patch::Merge),
            APPLY => read_body("application/yaml", body).map(Patch::Merge),
            _ => Err(ApiError::unsupported_media(&[JSON, MERGE, STRATEGIC, APPLY])),
        }
    }

    /// The patched value, whatever it is.
    pub(crate) fn apply_to_any(&self, old: &Value) -> ApiResult<Value> {
        let mut value = old.clone();
        match self {
            Patch::Json(patch) => json(&mut value, patch)?,
            Patch::Merge(patch) | Patch::Strategic(patch) | Patch::Apply(patch) => {
                json_patch::merge(&mut value, patch)
            }
        }
        Ok(value)
    }

    /// The patched object; of patches that need to know nothing but the object. An apply is not one.
    pub(crate) fn apply(&self, resource: &Resource, old: &Value) -> ApiResult<Value> {
        let mut object = with_kind(resource, old);
        match self {
            Patch::Json(patch) => json(&mut object, patch)?,
            Patch::Merge(patch) => json_patch::merge(&mut object, patch),
            Patch::Strategic(patch) => {
                object =
                    // A real server takes a patch that it cannot carry out for a fault of its own.
                    strategic::strategic(&resource.schema, &object, patch)
                        .map_err(|why| ApiError::new(500, "", why))?;
            }
            Patch::Apply(_) => return Err(ApiError::internal("an apply needs its manager")),
        }
        take_kind(resource, object)
    }
}

/// Carries out the operations in turn. As on a real server, `replace` also makes a field that is not there.
fn json(object: &mut Value, patch: &json_patch::Patch) -> ApiResult<()> {
    use json_patch::{AddOperation, PatchOperation};
    let mut copied = 0;
    for operation in &patch.0 {
        // A few copies of an object into itself would fill any memory.
        if let PatchOperation::Copy(copy) = operation {
            copied += object.pointer(copy.from.as_str()).map_or(0, |value| value.to_string().len());
            if copied > COPY_LIMIT {
                let message = format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {COPY_LIMIT}"
                );
                return Err(ApiError::new(413, "RequestEntityTooLarge", message));
            }
        }
        let made = match operation {
            PatchOperation::Replace(replace) if object.pointer(replace.path.as_str()).is_none() => {
                let parent = replace.path.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
                object.pointer(parent).is_some_and(Value::is_object).then(|| {
                    PatchOperation::Add(AddOperation {
                        path: replace.path.clone(),
                        value: replace.value.clone(),
                    })
                })
            }
            _ => None,
        };
        let operation = made.as_ref().unwrap_or(operation);
        json_patch::patch(object, std::slice::from_ref(operation))
            .map_err(|error| json_patch_error(&error))?;
    }
    Ok(())
}

fn json_patch_error(error: &json_patch::PatchError) -> ApiError {
    let message = format!("the server rejected our request due to an error in our request: {error}");
    ApiError::new(422, "Invalid", message)
}

/// What an applied object must be before it is looked at: of the right kind, name and structure.
pub(crate) fn check_applied(resource: &Resource, name: &str, mut config: Value) -> ApiResult<Value> {
    let api_version = text(&config["apiVersion"]);
    let kind = text(&config["kind"]);
    if api_version != resource.api_version() || kind != resource.kind {
        let group_version = if api_version.contains('/') { api_version } else { format!("/{api_version}") };
        return Err(ApiError::bad_request(format!("invalid object type: {group_version}, Kind={kind}")));
    }
    if config["metadata"].get("managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let given = text(&config["metadata"]["name"]);
    if !given.is_empty() && given != name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        )));
    }
    apply::check(&resource.schema, &config, &mut String::new()).map_err(|why| {
        let namespace = text(&config["metadata"]["namespace"]);
        let (group, version) = (&resource.group, &resource.version);
        let what = format!("{namespace}/{given}; {group}/{version}, Kind={}", resource.kind);
        ApiError::new(500, "", format!("failed to create typed patch object ({what}): {why}"))
    })?;
    config = take_kind(resource, config)?;
    config["metadata"]["name"] = name.into();
    Ok(config)
}

fn with_kind(resource: &Resource, object: &Value) -> Value {
    let mut whole = json!({"kind": resource.kind, "apiVersion": resource.api_version()});
    if let (Some(whole), Some(fields)) = (whole.as_object_mut(), object.as_object()) {
        whole.extend(fields.clone());
    }
    whole
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            "[a-c]{0,2}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        })
    }

    proptest! {
        /// RFC 7396: what a patch sets is set, and a second time changes nothing.
        #[test]
        fn merging_twice_is_merging_once(old in value(), patch in value()) {
            let mut once = old;
            json_patch::merge(&mut once, &patch);
            let mut twice = once.clone();
            json_patch::merge(&mut twice, &patch);
            prop_assert_eq!(once, twice);
        }
    }
}
