//! `builtin/wait`: goes on only when a condition holds.

use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Wait;

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "continue", default)]
    go_on: bool,
    #[serde(default)]
    message: String,
}

impl Op for Wait {
    fn provider(&self) -> &'static str {
        "builtin"
    }

    fn name(&self) -> &'static str {
        "wait"
    }

    fn older(&self) -> &'static str {
        "wait"
    }

    fn pure(&self) -> bool {
        true
    }

    fn tells(&self) -> &'static [&'static str] {
        &["message"]
    }

    fn doc(&self) -> &'static str {
        "Goes on when `continue` is true. Until then the step waits: it is evaluated again when anything that it has read or applied \
         changes, and now and then besides. A condition whose parts are not there yet counts as not true."
    }

    fn run<'a>(&'a self, _: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            if params.go_on { Ok(Answer::Returns(Map::new())) } else { Ok(Answer::Wait(params.message)) }
        })
    }
}
