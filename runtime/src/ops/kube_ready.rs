//! `kube/ready`: waits until an object is ready.

use super::support::objects::{self, Target};
use super::support::ready::{Readiness, judge};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Ready;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    value: Map<String, Value>,
}

impl Op for Ready {
    fn provider(&self) -> &'static str {
        "kube"
    }

    fn name(&self) -> &'static str {
        "ready"
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Waits until the object that `value` names is there and ready, and returns it: its status must be of its present generation, and its kind's own signs \
         (replicas, completion, phase) or its condition `Ready`, `Available` or `Healthy` must say so. An object that says it has failed fails the step."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let target = Target::of(&params.value)?;
            let name = format!("{} {}", target.kind, target.name);
            let object = match objects::read(cx, target).await? {
                Ok(object) => object,
                Err(missing) => return Ok(Answer::Wait(missing)),
            };
            match judge(&object) {
                Readiness::Ready => Ok(Answer::one("value", object)),
                Readiness::Waiting(why) => Ok(Answer::Wait(format!("{name}: {why}"))),
                Readiness::Failed(why) => Err(OpError::permanent(format!("{name}: {why}"))),
            }
        })
    }
}
