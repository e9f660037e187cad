//! `kube/apply`: creates or updates an object.

use super::support::objects;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Apply;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    value: Map<String, Value>,
    patch: Option<Value>,
}

impl Op for Apply {
    fn provider(&self) -> &'static str {
        "kube"
    }

    fn name(&self) -> &'static str {
        "apply"
    }

    fn older(&self) -> &'static str {
        "apply"
    }

    fn doc(&self) -> &'static str {
        "Creates or updates an object by server-side apply and returns it as the cluster has it. Without a namespace it goes into that of \
         the run. `patch` is merged into the object before it is sent. What an earlier apply set and this one does not is removed."
    }

    fn older_returns(&self, params: &Map<String, Value>, returns: Map<String, Value>) -> Map<String, Value> {
        new_parts(params, returns)
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let mut manifest = Value::Object(params.value);
            if let Some(patch) = &params.patch {
                json_patch::merge(&mut manifest, patch);
            }
            let Value::Object(manifest) = manifest else {
                return Err(OpError::permanent("`patch` leaves no object"));
            };
            Ok(Answer::one("value", objects::apply(cx, manifest).await?))
        })
    }
}

/// In the older form the object that came back is laid over the one that was sent. What the cluster says differently about a field that was
/// sent would be a conflict, so only what is new is laid over.
pub(super) fn new_parts(params: &Map<String, Value>, returns: Map<String, Value>) -> Map<String, Value> {
    returns
        .into_iter()
        .filter_map(|(key, new)| match (params.get(&key), new) {
            (None, new) => Some((key, new)),
            (Some(Value::Object(old)), Value::Object(new)) => Some((key, Value::Object(new_parts(old, new)))),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_new_parts_are_laid_over() {
        let map = |v: Value| v.as_object().cloned().unwrap_or_default();
        let sent = map(json!({"value": {"spec": {"n": 1, "l": [1]}}}));
        let back = map(json!({"value": {"spec": {"n": 2, "l": [1, 2], "m": 3}, "status": {"ok": true}}}));
        assert_eq!(
            Value::Object(new_parts(&sent, back)),
            json!({"value": {"spec": {"m": 3}, "status": {"ok": true}}})
        );
    }
}
