//! `util/patch-k8s-object`: a patch carried out on an object that is at hand.

use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct PatchObject;

#[derive(Deserialize)]
struct Params {
    value: Map<String, Value>,
    patch: Map<String, Value>,
}

impl Op for PatchObject {
    fn provider(&self) -> &'static str {
        "util"
    }

    fn name(&self) -> &'static str {
        "patch-k8s-object"
    }

    fn older(&self) -> &'static str {
        "patch-k8s-object"
    }

    fn pure(&self) -> bool {
        true
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["result"]
    }

    fn local(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Merges `patch` into the object `value` and returns the `result`. Nothing is sent to the cluster. Objects are merged field by field, null \
         removes a field, and lists are replaced, as JSON merge patch says."
    }

    fn run<'a>(&'a self, _: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let mut result = Value::Object(params.value);
            json_patch::merge(&mut result, &Value::Object(params.patch));
            Ok(Answer::one("result", result))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ops::support::cx::tests::nowhere;
    use serde_json::json;

    #[tokio::test]
    async fn fields_are_merged() {
        let params = json!({"value": {"spec": {"replicas": 1, "paused": true}}, "patch": {"spec": {"replicas": 3, "paused": null}}});
        let answer = PatchObject.run(&nowhere(), params.as_object().unwrap().clone()).await.unwrap();
        assert_eq!(answer, Answer::one("result", json!({"spec": {"replicas": 3}})));
        let wrong = json!({"value": [], "patch": {}}).as_object().unwrap().clone();
        assert!(PatchObject.run(&nowhere(), wrong).await.unwrap_err().message.contains("do not fit"));
    }
}
