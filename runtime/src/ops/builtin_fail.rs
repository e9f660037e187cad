//! `builtin/fail`: ends the step as failed.

use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Fail;

#[derive(Deserialize)]
struct Params {
    message: Option<String>,
}

impl Op for Fail {
    fn provider(&self) -> &'static str {
        "builtin"
    }

    fn name(&self) -> &'static str {
        "fail"
    }

    fn older(&self) -> &'static str {
        "fail"
    }

    fn pure(&self) -> bool {
        true
    }

    fn tells(&self) -> &'static [&'static str] {
        &["message"]
    }

    fn doc(&self) -> &'static str {
        "Ends the step as failed, with a message, at once and without another attempt."
    }

    fn run<'a>(&'a self, _: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move { Ok(Answer::Fail(read::<Params>(params)?.message)) })
    }
}
