//! `metrics/promCheck`: a query to Prometheus that has to meet a condition for some time.

use super::support::body::{self, Fault, size};
use super::support::objects::innermost;
use super::support::trust::is_untrusted;
use super::{Answer, Cx, Op, OpError, Vars, read};
use crate::model::run::Time;
use crate::model::workflow::parse_duration;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long Prometheus may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer; only its first value counts.
const LONGEST: usize = 4 << 20;

/// How soon the value is looked at again, and how seldom.
const SOONEST: Duration = Duration::from_millis(200);
const OFTEN: Duration = Duration::from_secs(15);

pub(super) struct PromCheck;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    query: String,
    #[serde(default = "in_cluster")]
    metric_endpoint: String,
    condition: String,
    #[serde(default)]
    duration: Option<String>,
    #[serde(default)]
    fail_duration: Option<String>,
}

fn in_cluster() -> String {
    "http://prometheus-server.o11y-system.svc:9090".into()
}

/// Since when the condition has been met, or not: kept from one attempt of the step to the next.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Since {
    met: bool,
    at: i64,
}

impl Op for PromCheck {
    fn provider(&self) -> &'static str {
        "metrics"
    }

    fn name(&self) -> &'static str {
        "promCheck"
    }

    fn older(&self) -> &'static str {
        "promCheck"
    }

    fn vars(&self) -> Vars {
        Vars::Reads
    }

    fn doc(&self) -> &'static str {
        "Asks Prometheus at `metricEndpoint` for the present value of `query` and compares it with `condition` (such as `>= 2`). `result` becomes \
         true when the condition has been met without a break for `duration`, `failed` when it has not been met for `failDuration`; `message` says how \
         things stand. Since when is kept in the run, so a restart forgets nothing. A query that gives nothing counts as not met."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(check(cx, params))
    }
}

async fn check(cx: &Cx, params: Map<String, Value>) -> Result<Answer, OpError> {
    let params: Params = read(params)?;
    let condition = Condition::read(&params.condition)?;
    let duration = |text: &Option<String>, name: &str, default: &str| {
        let text = text.as_deref().filter(|t| !t.is_empty()).unwrap_or(default);
        parse_duration(text).map_err(|why| OpError::permanent(format!("`{name}`: {why}")))
    };
    let wanted = duration(&params.duration, "duration", "5m")?;
    let endured = duration(&params.fail_duration, "failDuration", "2m")?;
    let value = ask(cx, &params).await?;
    let met = value.is_some_and(|v| condition.holds(v));
    // The step's name keeps the checks of different steps apart, the op's those within a step.
    let path = format!("metrics-status/{}/{}", cx.step, cx.op);
    let before: Option<Since> =
        cx.vars.get(&path).and_then(|v| serde_json::from_value(v.value().clone()).ok());
    let since = before.filter(|s| s.met == met).unwrap_or(Since { met, at: cx.now.0 });
    let lasted = Time(since.at).until(cx.now);
    let (result, failed) = (met && lasted >= wanted, !met && lasted >= endured);
    let left = if met { wanted } else { endured }.saturating_sub(lasted);
    // Prometheus cannot be watched; between two looks it may have been otherwise.
    cx.look_again(left.clamp(SOONEST, OFTEN));
    let shown = value.map_or_else(|| "no value".to_string(), |v| v.to_string());
    let message = match (met, result || failed) {
        (true, true) => format!("{shown} has been {condition} for {wanted:?}"),
        (true, false) => {
            format!("{shown} is {condition}: this has to last {wanted:?}, and has lasted {lasted:?}")
        }
        (false, true) => format!("{shown} has not been {condition} for {endured:?}"),
        (false, false) => {
            format!("{shown} is not {condition}: this may last {endured:?}, and has lasted {lasted:?}")
        }
    };
    let returns = json!({"result": result, "failed": failed, "message": message});
    let Value::Object(returns) = returns else { return Err(OpError::permanent("no returns")) };
    Ok(Answer::Put { path, value: json!(since), returns })
}

/// The first value that the query gives.
async fn ask(cx: &Cx, params: &Params) -> Result<Option<f64>, OpError> {
    let base: reqwest::Url = params
        .metric_endpoint
        .parse()
        .map_err(|e| OpError::permanent(format!("`metricEndpoint` is no URL: {e}")))?;
    let what = format!("Prometheus at {}", base.origin().ascii_serialization());
    let mut url = base;
    url.path_segments_mut()
        .map_err(|()| OpError::permanent("`metricEndpoint` is no address of a server"))?
        .pop_if_empty()
        .extend(["api", "v1", "query"]);
    url.query_pairs_mut().append_pair("query", &params.query);
    let http = cx.http.clone().map_err(|why| OpError::permanent(format!("no calls over HTTP: {why}")))?;
    let failed = |e: reqwest::Error| {
        let e = e.without_url();
        OpError { message: format!("{what}: {}", innermost(&e)), retry: !is_untrusted(&e) }
    };
    let response = http.get(url).timeout(TIMEOUT).send().await.map_err(failed)?;
    let status = response.status();
    let (body, _) = body::read(response, LONGEST).await.map_err(|fault| match fault {
        Fault::Broken(e) => failed(e),
        Fault::TooLong => OpError::permanent(format!("{what}: the answer is longer than {}", size(LONGEST))),
    })?;
    let body: Value = serde_json::from_slice(&body)
        .map_err(|_| OpError::transient(format!("{what}: the answer ({status}) is not JSON")))?;
    if body["status"] != "success" {
        // A query that it does not understand will not be understood later.
        let why = body["error"].as_str().unwrap_or("it gives no result");
        return Err(OpError { message: format!("{what}: {why}"), retry: !status.is_client_error() });
    }
    let result = &body["data"]["result"];
    let sample = match body["data"]["resultType"].as_str() {
        Some("scalar") => result.get(1),
        _ => result.get(0).and_then(|first| first.get("value")).and_then(|v| v.get(1)),
    };
    match sample.and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(OpError::permanent(format!("{what}: the value `{text}` is no number"))),
        },
    }
}

/// A comparison with a number.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Condition {
    operator: &'static str,
    number: f64,
}

impl Condition {
    fn read(text: &str) -> Result<Condition, OpError> {
        let text = text.trim();
        let found = [">=", "<=", "==", "!=", ">", "<"].into_iter().find(|o| text.starts_with(o));
        let number = found.and_then(|o| text.get(o.len()..)?.trim().parse().ok());
        match (found, number) {
            (Some(operator), Some(number)) => Ok(Condition { operator, number }),
            _ => Err(OpError::permanent(format!(
                "`condition` is `{text}`, and must be an operator (`>`, `>=`, `<`, `<=`, `==`, `!=`) and a number, such as `>= 2`"
            ))),
        }
    }

    fn holds(self, value: f64) -> bool {
        match self.operator {
            ">=" => value >= self.number,
            "<=" => value <= self.number,
            "==" => value == self.number,
            "!=" => value != self.number,
            ">" => value > self.number,
            _ => value < self.number,
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.operator, self.number)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ops::support::cx::tests::nowhere;
    use axum::extract::Query;
    use axum::routing::get;
    use std::collections::BTreeMap;

    /// A server that answers as Prometheus does, with the value that is asked for.
    async fn serve() -> String {
        let answer = async |Query(asked): Query<BTreeMap<String, String>>| {
            let query = &asked["query"];
            axum::Json(match query.as_str() {
                "none" => json!({"status": "success", "data": {"resultType": "vector", "result": []}}),
                "bad" => json!({"status": "error", "errorType": "bad_data", "error": "parse error"}),
                value => {
                    json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1.5, value]}]}})
                }
            })
        };
        let app = axum::Router::new().route("/prom/api/v1/query", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/prom/")
    }

    async fn at(
        cx: &mut Cx,
        seconds: i64,
        server: &str,
        query: &str,
    ) -> Result<(bool, bool, String), OpError> {
        cx.now = Time(seconds * 1000);
        let params = json!({"query": query, "metricEndpoint": server, "condition": ">= 2", "duration": "10s", "failDuration": "5s"});
        match PromCheck.run(cx, params.as_object().unwrap().clone()).await? {
            Answer::Put { path, value, returns } => {
                cx.vars.insert(path, value.into());
                let message = returns["message"].as_str().unwrap().to_string();
                Ok((returns["result"] == true, returns["failed"] == true, message))
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_condition_has_to_be_met_for_its_time() {
        let server = serve().await;
        let mut cx = nowhere();
        let (result, failed, message) = at(&mut cx, 100, &server, "3").await.unwrap();
        assert!(!result && !failed);
        assert_eq!(message, "3 is >= 2: this has to last 10s, and has lasted 0ns");
        assert!(!at(&mut cx, 109, &server, "3").await.unwrap().0);
        assert!(at(&mut cx, 110, &server, "2").await.unwrap().0);
        // A break starts it over, and lasting long enough fails it; no value at all is a break.
        let (result, failed, message) = at(&mut cx, 111, &server, "none").await.unwrap();
        assert!(!result && !failed);
        assert_eq!(message, "no value is not >= 2: this may last 5s, and has lasted 0ns");
        assert!(at(&mut cx, 116, &server, "1").await.unwrap().1);
        assert!(!at(&mut cx, 117, &server, "5").await.unwrap().0);
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_told() {
        let server = serve().await;
        let mut cx = nowhere();
        let wrong = at(&mut cx, 0, &server, "bad").await.unwrap_err();
        assert!(wrong.message.ends_with(": parse error"), "{wrong}");
        let wrong = at(&mut cx, 0, "http://127.0.0.1:1", "1").await.unwrap_err();
        assert!(wrong.retry && wrong.message.starts_with("Prometheus at http://127.0.0.1:1: "), "{wrong}");
        assert!(
            Condition::read("=> 2").unwrap_err().message.starts_with("`condition` is `=> 2`, and must be")
        );
        assert!(Condition::read("<0.5").unwrap().holds(0.25));
    }
}
