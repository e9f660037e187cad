//! `query/collectLogsInPod`: what a container of a pod has written.

use super::support::objects::refused;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How many bytes of a log a step may take.
const MOST: i64 = 1 << 20;

pub(super) struct CollectLogs;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    namespace: String,
    pod: String,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    container: String,
    previous: bool,
    since_seconds: Option<i64>,
    since_time: Option<String>,
    timestamps: bool,
    tail_lines: Option<i64>,
    limit_bytes: Option<i64>,
}

impl Options {
    fn params(self) -> Result<LogParams, OpError> {
        let since_time = match self.since_time.filter(|t| !t.is_empty()) {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| {
                OpError::permanent(format!(
                    "`options.sinceTime` is `{text}`, and must be a time as in RFC 3339"
                ))
            })?),
        };
        Ok(LogParams {
            container: Some(self.container).filter(|c| !c.is_empty()),
            previous: self.previous,
            since_seconds: self.since_seconds,
            since_time,
            timestamps: self.timestamps,
            tail_lines: self.tail_lines,
            limit_bytes: Some(self.limit_bytes.filter(|n| *n > 0).map_or(MOST, |n| n.min(MOST))),
            ..LogParams::default()
        })
    }
}

impl Op for CollectLogs {
    fn provider(&self) -> &'static str {
        "query"
    }

    fn name(&self) -> &'static str {
        "collectLogsInPod"
    }

    fn older(&self) -> &'static str {
        "collectLogsInPod"
    }

    fn older_provider(&self) -> &'static str {
        "ql"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["outputs"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Returns what a container of a pod has written, as `outputs.logs`, at most 1 MiB of it; where there is no log, `outputs.err` says why. `options` are those of the API: `container`, `previous`, `sinceSeconds`, `sinceTime`, `timestamps`, `tailLines`, `limitBytes`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let namespace = if params.namespace.is_empty() { &cx.owner.namespace } else { &params.namespace };
            let pods: Api<Pod> = Api::namespaced(cx.client.clone(), namespace);
            let what = format!("read the log of Pod {namespace}/{}", params.pod);
            let outputs = match pods.logs(&params.pod, &params.options.params()?).await {
                Ok(logs) => json!({"logs": logs}),
                // A container that has not started has no log yet: the definition decides what that means.
                Err(e) => json!({"logs": "", "err": refused(&what, e).message}),
            };
            Ok(Answer::one("outputs", outputs))
        })
    }
}
