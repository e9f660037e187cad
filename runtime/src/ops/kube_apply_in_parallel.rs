//! `kube/apply-in-parallel`: creates or updates many objects at once.

use super::support::objects;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How many objects are under way at the same time.
const AT_ONCE: usize = 16;

pub(super) struct ApplyInParallel;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    value: Vec<Map<String, Value>>,
}

impl Op for ApplyInParallel {
    fn provider(&self) -> &'static str {
        "kube"
    }

    fn name(&self) -> &'static str {
        "apply-in-parallel"
    }

    fn older(&self) -> &'static str {
        "apply-in-parallel"
    }

    fn doc(&self) -> &'static str {
        "Creates or updates objects as `apply` does, several at the same time, and returns them in order. All are tried; the errors are told together."
    }

    fn older_returns(&self, _: &Map<String, Value>, _: Map<String, Value>) -> Map<String, Value> {
        // What was sent is a list in the same field: nothing can be laid over it.
        Map::new()
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let work = stream::iter(params.value.into_iter().map(|manifest| objects::apply(cx, manifest)));
            let done: Vec<Result<Value, OpError>> = work.buffered(AT_ONCE).collect().await;
            let (mut values, mut errors) = (Vec::new(), Vec::new());
            for one in done {
                match one {
                    Ok(v) => values.push(v),
                    Err(e) => errors.push(e),
                }
            }
            if errors.is_empty() {
                return Ok(Answer::one("value", Value::Array(values)));
            }
            let messages: Vec<String> = errors.iter().map(|e| e.message.clone()).collect();
            Err(OpError { message: messages.join("; "), retry: errors.iter().all(|e| e.retry) })
        })
    }
}
