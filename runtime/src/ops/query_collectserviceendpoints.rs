//! `query/collectServiceEndpoints`: where an application can be reached.

use super::support::endpoints::endpoints;
use super::support::inventory::App;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct CollectServiceEndpoints;

#[derive(Deserialize)]
struct Params {
    app: App,
}

impl Op for CollectServiceEndpoints {
    fn provider(&self) -> &'static str {
        "query"
    }

    fn name(&self) -> &'static str {
        "collectServiceEndpoints"
    }

    fn older(&self) -> &'static str {
        "collectServiceEndpoints"
    }

    fn older_provider(&self) -> &'static str {
        "ql"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["list"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Returns where an application can be reached, as `list`, from outside first: by its Ingresses, by the HTTPRoutes of the Gateway API, by its Services of type LoadBalancer and NodePort, and (with `inner`) within the cluster by all other Services, also those of Helm releases. Each `endpoint` has `protocol`, `appProtocol`, `host`, `port`, `portName` and `path`, and beside it stand `ref`, `cluster` (`local`) and `component`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let app = read::<Params>(params)?.app;
            Ok(Answer::one("list", endpoints(cx, &app).await?.into()))
        })
    }
}
