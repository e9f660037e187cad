//! `builtin/break`: ends the workflow after this step.

use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Break;

#[derive(Deserialize)]
struct Params {
    message: Option<String>,
}

impl Op for Break {
    fn provider(&self) -> &'static str {
        "builtin"
    }

    fn name(&self) -> &'static str {
        "break"
    }

    fn older(&self) -> &'static str {
        "break"
    }

    fn pure(&self) -> bool {
        true
    }

    fn tells(&self) -> &'static [&'static str] {
        &["message"]
    }

    fn doc(&self) -> &'static str {
        "Ends the step well and the workflow with it: later steps are skipped, unless their condition holds."
    }

    fn run<'a>(&'a self, _: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move { Ok(Answer::Break(read::<Params>(params)?.message)) })
    }
}
