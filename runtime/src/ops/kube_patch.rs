//! `kube/patch`: changes an object that is there.

use super::support::objects::{self, FIELD_MANAGER, Target};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use kube::api::{Patch as Body, PatchParams};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Patch;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    value: Map<String, Value>,
    patch: Map<String, Value>,
}

impl Op for Patch {
    fn provider(&self) -> &'static str {
        "kube"
    }

    fn name(&self) -> &'static str {
        "patch"
    }

    fn older(&self) -> &'static str {
        "patch"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["result"]
    }

    fn doc(&self) -> &'static str {
        "Merges `patch` into the object that `value` names (JSON merge patch: objects are merged, lists replaced, null removes) and returns it as `result`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let mut target = Target::of(&params.value)?;
            let api = objects::api(cx, &mut target).await?;
            let options =
                PatchParams { field_manager: Some(FIELD_MANAGER.to_string()), ..PatchParams::default() };
            let done = api.patch(&target.name, &options, &Body::Merge(&params.patch)).await;
            let object = done.map_err(|e| objects::refused(&format!("patch {}", target.words()), e))?;
            cx.saw(target.watched(object.metadata.resource_version.as_deref()));
            Ok(Answer::one("result", objects::plain(&object)))
        })
    }
}
