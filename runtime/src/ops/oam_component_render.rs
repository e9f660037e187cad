//! `oam/component-render`: renders a component of the application.

use super::support::application::{Named, Patch, components, rendered};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct ComponentRender;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    namespace: String,
    value: Named,
    #[serde(default)]
    patch: Patch,
}

impl Op for ComponentRender {
    fn provider(&self) -> &'static str {
        "oam"
    }

    fn name(&self) -> &'static str {
        "component-render"
    }

    fn older(&self) -> &'static str {
        "component-render"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["output", "outputs"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Renders the component that `value` names with its traits, as `value` writes them where it does, and applies nothing. Returns the main object as `output` and the others as `outputs`. \
         `patch.workload` is merged into the main object, `patch.traits.NAME` into the other of this name."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let components = params.value.of(components(cx, None)?)?;
            let mut rendered = rendered(cx, &components, &params.value, &params.patch).await?;
            if !params.namespace.is_empty() {
                for object in std::iter::once(&mut rendered.output).chain(rendered.outputs.values_mut()) {
                    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
                        metadata.insert("namespace".into(), params.namespace.clone().into());
                    }
                }
            }
            let outputs = Value::Object(rendered.outputs);
            Ok(Answer::Returns(Map::from_iter([
                ("output".into(), rendered.output),
                ("outputs".into(), outputs),
            ])))
        })
    }
}
