//! `oam/component-apply`: renders a component of the application with its traits, applies it, waits until it is healthy.

use super::support::application::{Named, Patch, components, rendered};
use super::support::objects::{self, Target};
use super::support::ready::{Readiness, judge};
use super::support::references::is_itself;
use super::{Answer, Cx, Op, OpError, Rendered, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct ComponentApply;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    namespace: String,
    #[serde(default = "yes")]
    wait_healthy: bool,
    value: Named,
    #[serde(default)]
    patch: Patch,
}

fn yes() -> bool {
    true
}

impl Op for ComponentApply {
    fn provider(&self) -> &'static str {
        "oam"
    }

    fn name(&self) -> &'static str {
        "component-apply"
    }

    fn older(&self) -> &'static str {
        "component-apply"
    }

    fn doc(&self) -> &'static str {
        "Renders the component that `value` names with its traits, as `value` writes them where it does, applies every object of it, and unless `waitHealthy` is false waits until it is healthy: as its \
         definition judges, or where it does not, until each object's status is of its present generation and says that it is ready. \
         Returns the main object as `output` and the others as `outputs`. \
         `patch.workload` is merged into the main object before, `patch.traits.NAME` into the other of this name."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let components = params.value.of(components(cx, None)?)?;
            let name = &params.value.name;
            let rendered = rendered(cx, &components, &params.value, &params.patch).await?;
            let live = apply(cx, rendered, &params.namespace).await?;
            let health = health(name, components.as_ref(), &live);
            let (healthy, message) = match &health {
                Ok(health) => (health.is_ok(), health.as_ref().unwrap_or_else(|missing| missing).as_str()),
                Err(e) => (false, e.message.as_str()),
            };
            components.found(name, &live, healthy, message);
            if params.wait_healthy
                && let Err(missing) = health?
            {
                return Ok(Answer::Wait(missing));
            }
            let returns =
                [("output".to_string(), live.output), ("outputs".to_string(), Value::Object(live.outputs))];
            Ok(Answer::Returns(Map::from_iter(returns)))
        })
    }
}

/// Applies the objects, the main one first, and gives them as the cluster has them.
pub(super) async fn apply(cx: &Cx, rendered: Rendered, namespace: &str) -> Result<Rendered, OpError> {
    let mut live = Rendered::default();
    let output = match rendered.output {
        Value::Null => None,
        output => Some(placed(output, namespace)?),
    };
    let mut outputs = Vec::new();
    for (name, object) in rendered.outputs {
        outputs.push((name, placed(object, namespace)?));
    }
    if cx.tracking.is_some() {
        let all = output.iter().chain(outputs.iter().map(|(_, o)| o)).filter(|o| !is_itself(o));
        let all = all.cloned().collect();
        objects::announce(cx, all).await?;
    }
    if let Some(output) = output {
        live.output = apply_one(cx, output).await?;
    }
    for (name, object) in outputs {
        live.outputs.insert(name, apply_one(cx, object).await?);
    }
    Ok(live)
}

/// A rendered object in the namespace where it is put.
fn placed(object: Value, namespace: &str) -> Result<Map<String, Value>, OpError> {
    let Value::Object(mut object) = object else {
        return Err(OpError::permanent("a rendered object is no object"));
    };
    if !namespace.is_empty()
        && let Some(Value::Object(metadata)) = object.get_mut("metadata")
    {
        metadata.insert("namespace".into(), Value::String(namespace.into()));
    }
    Ok(object)
}

async fn apply_one(cx: &Cx, object: Map<String, Value>) -> Result<Value, OpError> {
    // What a component only refers to is not its own.
    if is_itself(&object) {
        let target = Target::of(&object)?;
        return objects::read(cx, target).await?.map_err(OpError::transient);
    }
    objects::apply(cx, object).await
}

/// What there is to say of a healthy component, or what keeps it from being healthy.
pub(super) fn health(
    name: &str,
    components: &dyn super::Components,
    live: &Rendered,
) -> Result<Result<String, String>, OpError> {
    let objects: Vec<&Value> =
        std::iter::once(&live.output).filter(|o| !o.is_null()).chain(live.outputs.values()).collect();
    let say = |object: &Value, why: &str| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        format!("{} {}: {why}", text("/kind"), text("/metadata/name"))
    };
    // A definition that looks at the status alone would take that of an older generation for the present one.
    for object in &objects {
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
        let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
        if let (Some(generation), Some(observed)) = (generation, observed)
            && observed < generation
        {
            let why = format!("its status is of generation {observed}, not yet of {generation}");
            return Ok(Err(say(object, &why)));
        }
    }
    // What a job has failed at it does not try again: waiting for it would be in vain, whatever the definition knows of it.
    let job = |o: &&&Value| o.get("kind").and_then(Value::as_str) == Some("Job");
    let lost = objects.iter().filter(job).find_map(|object| match judge(object) {
        Readiness::Failed(why) => Some(say(object, &why)),
        Readiness::Ready | Readiness::Waiting(_) => None,
    });
    match components.healthy(name, live).map_err(OpError::permanent)? {
        Some((true, message)) => return Ok(Ok(message)),
        Some((false, _)) if lost.is_some() => {
            return Err(OpError::permanent(lost.unwrap_or_default()));
        }
        Some((false, message)) if message.is_empty() => {
            return Ok(Err(format!("{name} is not healthy yet")));
        }
        Some((false, message)) => return Ok(Err(message)),
        None => {}
    }
    for object in objects {
        match judge(object) {
            Readiness::Ready => {}
            Readiness::Waiting(why) => return Ok(Err(say(object, &why))),
            // A rollout that has failed is not tried again by trying again.
            Readiness::Failed(why) => return Err(OpError::permanent(say(object, &why))),
        }
    }
    Ok(Ok(String::new()))
}
