//! `builtin/suspend`: waits until somebody says to go on, or until a time has passed.

use super::{Answer, Cx, Op, OpError, read};
use crate::model::workflow::parse_duration;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Suspend;

#[derive(Deserialize)]
struct Params {
    duration: Option<String>,
    message: Option<String>,
}

impl Op for Suspend {
    fn provider(&self) -> &'static str {
        "builtin"
    }

    fn name(&self) -> &'static str {
        "suspend"
    }

    fn older(&self) -> &'static str {
        "suspend"
    }

    fn pure(&self) -> bool {
        true
    }

    fn tells(&self) -> &'static [&'static str] {
        &["message"]
    }

    fn doc(&self) -> &'static str {
        "Suspends the step until it is resumed, or until `duration` has passed. The message is shown in its status meanwhile."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let duration = params.duration.filter(|d| !d.is_empty()).map(|d| parse_duration(&d));
            let duration =
                duration.transpose().map_err(|why| OpError::permanent(format!("`duration`: {why}")))?;
            match cx.resumed {
                true => Ok(Answer::Returns(Map::new())),
                false => Ok(Answer::Suspend { duration, message: params.message }),
            }
        })
    }
}
