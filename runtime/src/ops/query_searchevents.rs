//! `query/searchEvents`: the events about an object.

use super::support::inventory::text;
use super::support::objects;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct SearchEvents;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    value: Map<String, Value>,
}

impl Op for SearchEvents {
    fn provider(&self) -> &'static str {
        "query"
    }

    fn name(&self) -> &'static str {
        "searchEvents"
    }

    fn older(&self) -> &'static str {
        "searchEvents"
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
        "Returns the events that the cluster keeps about the object that `value` names, as `list`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let mut target = objects::Target::of(&params.value)?;
            objects::api(cx, &mut target).await?;
            let namespace = if target.namespace.is_empty() { "default" } else { &target.namespace };
            let uid = params.value.get("metadata").map(|m| text(m, "/uid")).unwrap_or_default();
            let mut list = objects::list(cx, "v1", "Event", namespace, "").await?;
            list.retain(|e| {
                let of = |field: &str| text(e, &format!("/involvedObject/{field}"));
                of("kind") == target.kind && of("name") == target.name && (uid.is_empty() || of("uid") == uid)
            });
            Ok(Answer::one("list", list.into()))
        })
    }
}
