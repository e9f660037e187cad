//! `time/date`: seconds since 1970 as a date.

use super::support::time::{call, layout_or_default};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use stepwell_lang::Data;

pub(super) struct TimestampToDate;

#[derive(Deserialize)]
struct Params {
    timestamp: i64,
    #[serde(default)]
    layout: String,
}

impl Op for TimestampToDate {
    fn provider(&self) -> &'static str {
        "time"
    }

    fn name(&self) -> &'static str {
        "date"
    }

    fn older(&self) -> &'static str {
        "date"
    }

    fn pure(&self) -> bool {
        true
    }

    fn local(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Writes the moment `timestamp`, in seconds since 1970, as `date` by a layout as Go has them (RFC 3339 unless told otherwise), in UTC."
    }

    fn run<'a>(&'a self, _: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let layout = layout_or_default(params.layout);
            let moment = call("Unix", &[Data::int(params.timestamp), Data::int(0)])?;
            let date = call("FormatString", &[layout.into(), moment])?;
            Ok(Answer::one("date", date.to_json_value()))
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
        TimestampToDate.run(&nowhere(), params.as_object().unwrap().clone()).await
    }

    #[tokio::test]
    async fn moments_are_written_by_layout() {
        let at = json!({"timestamp": 1709200800});
        assert_eq!(run(at).await, Ok(Answer::one("date", json!("2024-02-29T10:00:00Z"))));
        let at = json!({"timestamp": -1, "layout": "2006-01-02 15:04:05"});
        assert_eq!(run(at).await, Ok(Answer::one("date", json!("1969-12-31 23:59:59"))));
        assert!(run(json!({"timestamp": "now"})).await.is_err());
    }
}
