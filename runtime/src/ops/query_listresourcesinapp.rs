//! `query/listResourcesInApp`: the objects of an application.

use super::support::inventory::{App, placed};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct ListResourcesInApp;

#[derive(Deserialize)]
struct Params {
    app: ListedApp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedApp {
    #[serde(flatten)]
    app: App,
    #[serde(default)]
    with_status: bool,
}

impl Op for ListResourcesInApp {
    fn provider(&self) -> &'static str {
        "query"
    }

    fn name(&self) -> &'static str {
        "listResourcesInApp"
    }

    fn older(&self) -> &'static str {
        "listResourcesInApp"
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
        "Returns the objects that an application has applied, as `list`: each `object` with its `cluster` (`local`), `component` and `revision`; with their status where `app.withStatus` is true. They are those that its record names; `app.filter` narrows them by `components`, `kind`, `apiVersion` and `clusterNamespace`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let ListedApp { app, with_status } = read::<Params>(params)?.app;
            let mut list = app.all(cx).await?;
            if !with_status {
                list.iter_mut().filter_map(Value::as_object_mut).for_each(|o| drop(o.remove("status")));
            }
            Ok(Answer::one("list", list.into_iter().map(placed).collect()))
        })
    }
}
