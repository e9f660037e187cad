//! `kube/read`: reads an object.

use super::support::objects::{self, Target};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Read;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    value: Map<String, Value>,
}

impl Op for Read {
    fn provider(&self) -> &'static str {
        "kube"
    }

    fn name(&self) -> &'static str {
        "read"
    }

    fn older(&self) -> &'static str {
        "read"
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Reads the object that `value` names by `apiVersion`, `kind`, `metadata.name` and `metadata.namespace` (that of the run if there is none). \
         If it does not exist, or the cluster refuses to give it, `err` says so and the step goes on."
    }

    fn older_returns(&self, params: &Map<String, Value>, returns: Map<String, Value>) -> Map<String, Value> {
        super::kube_apply::new_parts(params, returns)
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            match objects::read(cx, Target::of(&params.value)?).await {
                Ok(Ok(object)) => Ok(Answer::one("value", object)),
                Ok(Err(missing)) => Ok(Answer::one("err", Value::String(missing))),
                Err(e) => objects::as_value(e),
            }
        })
    }
}
