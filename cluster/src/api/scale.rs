//! The `scale` subresource: replica counts of any kind that has them, as an `autoscaling/v1` Scale.
//! Tests: the API suite (`subresources.yaml`).

use axum::body::Body;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Api, Call,
    decode::read_body,
    value_answer,
    verbs::{check_preconditions, dry_run, find},
};
use crate::{
    error::{ApiError, ApiResult, FieldError},
    kinds::{Resource, Scale},
    objects::{Write, text},
    patch::Patch,
    store::parse,
};

/// `.spec.replicas` as a pointer.
fn pointer(path: &str) -> String {
    path.replace('.', "/")
}

/// The Scale of an object.
fn scale_of(resource: &Resource, scale: &Scale, object: &Value) -> Value {
    let number = |path: &str| object.pointer(&pointer(path)).and_then(Value::as_i64).unwrap_or(0);
    let mut meta = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(field) {
            meta[field] = value.clone();
        }
    }
    let mut spec = json!({});
    if number(&scale.spec) != 0 {
        spec["replicas"] = number(&scale.spec).into();
    }
    let mut status = json!({"replicas": number(&scale.status)});
    let selector = match (&scale.selector, &resource.custom) {
        (Some(path), _) => object.pointer(&pointer(path)).map(text).unwrap_or_default(),
        (None, None) => selector_text(&object["spec"]["selector"]),
        (None, Some(_)) => String::new(),
    };
    if !selector.is_empty() {
        status["selector"] = selector.into();
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status})
}

fn selector_text(selector: &Value) -> String {
    let labels = if selector.get("matchLabels").is_some() { &selector["matchLabels"] } else { selector };
    let pairs = labels.as_object().into_iter().flatten();
    pairs.map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>().join(",")
}

impl Api {
    pub(super) async fn get_scale(&self, call: Call) -> ApiResult<Response<Body>> {
        let Some(bytes) = self.store.get(&call.key())? else {
            return Err(ApiError::not_found(&call.resource, call.name()));
        };
        let Some(scale) = &call.resource.scale else { return Err(ApiError::no_such_resource()) };
        Ok(value_answer(StatusCode::OK, &scale_of(&call.resource, scale, &parse(&bytes)?)))
    }

    pub(super) async fn set_scale(&self, method: &Method, call: Call) -> ApiResult<Response<Body>> {
        let is_dry = dry_run(&call, "UpdateOptions")?;
        let change = if *method == Method::PUT {
            Change::Replace(read_body(&call.content_type, &call.body)?)
        } else {
            Change::Patch(Patch::parse_for_any(&call.content_type, &call.body)?)
        };
        let api = self.clone();
        let scale = self
            .store
            .write(move |txn| {
                let Some(scale) = &call.resource.scale else { return Err(ApiError::no_such_resource()) };
                let old = find(txn, &call.resource, &call.key(), call.name())?;
                let before = scale_of(&call.resource, scale, &old);
                let wanted = match change {
                    Change::Replace(wanted) => wanted,
                    Change::Patch(patch) => patch.apply_to_any(&before)?,
                };
                check_preconditions(&call, &old, &wanted)?;
                let replicas = match &wanted["spec"]["replicas"] {
                    Value::Null => 0,
                    value => value.as_i64().ok_or_else(|| {
                        ApiError::bad_request(
                            "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal into Go \
                             struct field ScaleSpec.spec.replicas of type int32",
                        )
                    })?,
                };
                if replicas < 0 {
                    let why = "must be greater than or equal to 0";
                    let error = FieldError::invalid("spec.replicas", replicas, why);
                    let kind = Resource {
                        group: "autoscaling".into(),
                        kind: "Scale".into(),
                        ..(*call.resource).clone()
                    };
                    return Err(ApiError::invalid(&kind, call.name(), vec![error]));
                }
                let mut new = old.clone();
                if let Some(at) = new.pointer_mut(&pointer(&scale.spec)) {
                    *at = replicas.into();
                } else {
                    // Only paths of two steps (`.spec.replicas`) can be missing their last one.
                    new["spec"][scale.spec.rsplit('.').next().unwrap_or("replicas")] = replicas.into();
                }
                let write = Write { subresource: Some("scale"), ..call.write(&api) };
                let (object, _) = write.update(txn, &old, new)?;
                if is_dry {
                    txn.discard();
                }
                Ok(scale_of(&call.resource, scale, &object))
            })
            .await?;
        Ok(value_answer(StatusCode::OK, &scale))
    }
}

enum Change {
    Replace(Value),
    Patch(Patch),
}
