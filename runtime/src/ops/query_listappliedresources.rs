//! `query/listAppliedResources`: what an application has applied, by name.

use super::support::inventory::{App, reference};
use super::{Answer, Cx, Op, OpError, read};
use crate::model::labels::{COMPONENT, REVISION, TRAIT_TYPE, label};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct ListAppliedResources;

#[derive(Deserialize)]
struct Params {
    app: App,
}

/// What is told of one object.
fn told(object: &Value) -> Value {
    let mut out = reference(object);
    out.insert("cluster".into(), json!("local"));
    out.insert("latest".into(), json!(true));
    for (name, value) in [
        ("component", label(object, COMPONENT)),
        ("trait", label(object, TRAIT_TYPE)),
        ("revision", label(object, REVISION)),
        (
            "publishVersion",
            object
                .pointer("/metadata/annotations/app.oam.dev~1publishVersion")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        ),
    ] {
        if !value.is_empty() {
            out.insert(name.into(), json!(value));
        }
    }
    Value::Object(out)
}

impl Op for ListAppliedResources {
    fn provider(&self) -> &'static str {
        "query"
    }

    fn name(&self) -> &'static str {
        "listAppliedResources"
    }

    fn older(&self) -> &'static str {
        "listAppliedResources"
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
        "Returns what names each object that an application has applied, as `list`: `apiVersion`, `kind`, `namespace`, `name`, `uid`, `resourceVersion`, and its `cluster` (`local`), `component`, `trait` and `revision`. `app.filter` narrows them as in query/listResourcesInApp."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let app = read::<Params>(params)?.app;
            let list = app.all(cx).await?;
            Ok(Answer::one("list", list.iter().map(told).collect()))
        })
    }
}
