//! `time/timestamp`: a date as seconds since 1970.

use super::support::time::{call, layout_or_default};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct DateToTimestamp;

#[derive(Deserialize)]
struct Params {
    date: String,
    #[serde(default)]
    layout: String,
}

impl Op for DateToTimestamp {
    fn provider(&self) -> &'static str {
        "time"
    }

    fn name(&self) -> &'static str {
        "timestamp"
    }

    fn older(&self) -> &'static str {
        "timestamp"
    }

    fn pure(&self) -> bool {
        true
    }

    fn local(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Reads `date` by a layout as Go has them (RFC 3339 unless told otherwise) and returns the `timestamp`: seconds since 1970."
    }

    fn run<'a>(&'a self, _: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let layout = layout_or_default(params.layout);
            let moment = call("Parse", &[layout.into(), params.date.into()])?;
            let seconds = call("ToUnix", &[moment])?;
            Ok(Answer::one("timestamp", seconds.to_json_value()))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ops::support::cx::tests::nowhere;
    use serde_json::json;

    async fn run(params: Value) -> Result<Answer, OpError> {
        DateToTimestamp.run(&nowhere(), params.as_object().unwrap().clone()).await
    }

    #[tokio::test]
    async fn dates_are_read_by_layout() {
        let at = json!({"date": "2024-02-29T12:00:00+02:00"});
        assert_eq!(run(at).await, Ok(Answer::one("timestamp", json!(1709200800))));
        let at = json!({"date": "29 Feb 24", "layout": "02 Jan 06"});
        assert_eq!(run(at).await, Ok(Answer::one("timestamp", json!(1709164800))));
        let wrong = run(json!({"date": "soon"})).await.unwrap_err();
        assert!(!wrong.retry && wrong.message.contains("cannot parse \"soon\""), "{wrong}");
    }
}
