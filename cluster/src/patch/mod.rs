//! Patches: what the four content types of PATCH do to an object. Each is a pure function of the old object and the
//! patch. Tests: at the end of each file.

use serde_json::{Value, json};

use crate::{
    api::verbs::{take_kind, yaml},
    error::{ApiError, ApiResult},
    kinds::Resource,
};

/// A patch, read but not yet applied.
pub(crate) enum Patch {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7396.
    Merge(Value),
}

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";

/// Operations one JSON patch may have, as on a real server.
const JSON_PATCH_LIMIT: usize = 10_000;

impl Patch {
    /// Reads a patch as its content type says.
    pub(crate) fn parse(content_type: &str, body: &[u8]) -> ApiResult<Self> {
        let wrong =
            |error: serde_json::Error| ApiError::bad_request(format!("error decoding patch: {error}"));
        match content_type {
            JSON => {
                let patch: json_patch::Patch = serde_json::from_slice(body).map_err(wrong)?;
                if patch.0.len() > JSON_PATCH_LIMIT {
                    return Err(ApiError::new(
                        413,
                        "RequestEntityTooLarge",
                        format!(
                            "The allowed maximum operations in a JSON patch is {JSON_PATCH_LIMIT}, got {}",
                            patch.0.len()
                        ),
                    ));
                }
                Ok(Patch::Json(patch))
            }
            MERGE => Ok(Patch::Merge(serde_json::from_slice(body).map_err(wrong)?)),
            _ => Err(ApiError::unsupported_media(&[JSON, MERGE])),
        }
    }

    /// The patched object.
    pub(crate) fn apply(&self, resource: &Resource, old: &Value) -> ApiResult<Value> {
        let mut object = with_kind(resource, old);
        match self {
            Patch::Json(patch) => {
                json_patch::patch(&mut object, patch).map_err(|error| {
                    ApiError::new(
                        422,
                        "Invalid",
                        format!("the server rejected our request due to an error in our request: {error}"),
                    )
                })?;
            }
            Patch::Merge(patch) => json_patch::merge(&mut object, patch),
        }
        take_kind(resource, object)
    }
}

fn with_kind(resource: &Resource, object: &Value) -> Value {
    let mut whole = json!({"kind": resource.kind, "apiVersion": resource.api_version()});
    if let (Some(whole), Some(fields)) = (whole.as_object_mut(), object.as_object()) {
        whole.extend(fields.clone());
    }
    whole
}

/// Whether the text is YAML of an apply.
pub(crate) fn apply_body(body: &[u8]) -> ApiResult<Value> {
    yaml(body)
}
