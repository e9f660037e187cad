//! `query/collectResources`: the pods or services of an application.

use super::support::inventory::{App, placed};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct CollectResources;

#[derive(Deserialize)]
struct Params {
    app: App,
}

impl Op for CollectResources {
    fn provider(&self) -> &'static str {
        "query"
    }

    fn name(&self) -> &'static str {
        "collectResources"
    }

    fn older(&self) -> &'static str {
        "collectResources"
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
        "Returns the objects of the kind that `app.filter` names (a Pod or a Service, say) which carry the name of the application, also those that its workloads have made, as `list`: each `object` with its `cluster` (`local`) and `component`. They are looked for in the namespace `app.filter.clusterNamespace`, or that of the application."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let app = read::<Params>(params)?.app;
            let (api_version, kind) = (&app.filter.api_version, &app.filter.kind);
            if kind.is_empty() || api_version.is_empty() {
                return Err(OpError::permanent(
                    "`app.filter` must name the `apiVersion` and the `kind` of what is collected",
                ));
            }
            let list = app.below(cx, api_version, kind).await?;
            Ok(Answer::one("list", list.into_iter().map(placed).collect()))
        })
    }
}
