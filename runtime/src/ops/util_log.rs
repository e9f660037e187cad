//! `util/log`: writes to the program's log.

use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Log;

#[derive(Deserialize)]
struct Params {
    data: Option<Value>,
    #[serde(default)]
    level: i64,
}

impl Op for Log {
    fn provider(&self) -> &'static str {
        "util"
    }

    fn name(&self) -> &'static str {
        "log"
    }

    fn older(&self) -> &'static str {
        "log"
    }

    fn pure(&self) -> bool {
        true
    }

    fn tells(&self) -> &'static [&'static str] {
        &["data"]
    }

    fn doc(&self) -> &'static str {
        "Writes `data` to the log of the program that carries the workflow out: up to level 3 where everybody sees it, above that \
         where details are asked for."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let data = match params.data {
                None => return Ok(Answer::Returns(Map::new())),
                Some(Value::String(text)) => text,
                Some(other) => other.to_string(),
            };
            let (run, namespace, step) = (&cx.owner.name, &cx.owner.namespace, &cx.step);
            if params.level <= 3 {
                tracing::info!(%run, %namespace, %step, "{data}");
            } else {
                tracing::debug!(%run, %namespace, %step, "{data}");
            }
            Ok(Answer::Returns(Map::new()))
        })
    }
}
