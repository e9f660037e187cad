//! `builtin/message`: tells something in the step's status.

use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Message;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    message: String,
}

impl Op for Message {
    fn provider(&self) -> &'static str {
        "builtin"
    }

    fn name(&self) -> &'static str {
        "message"
    }

    fn older(&self) -> &'static str {
        "message"
    }

    fn pure(&self) -> bool {
        true
    }

    fn tells(&self) -> &'static [&'static str] {
        &["message"]
    }

    fn doc(&self) -> &'static str {
        "Shows a message in the status of the step. The last message of a step stays."
    }

    fn run<'a>(&'a self, _: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move { Ok(Answer::Message(read::<Params>(params)?.message)) })
    }
}
