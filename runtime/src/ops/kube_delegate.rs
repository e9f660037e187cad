//! `kube/delegate`: leaves the work to the controller of an object, and waits until it says that it is done.

use super::support::objects;
use super::support::ready::{condition, why};
use super::{Answer, Cx, Op, OpError, Vars, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The annotation that tells the controller whose step it carries out.
const CONTEXT: &str = "app.oam.dev/workflow-context";
/// The longest that it may be: the annotations of an object have 256 KiB together.
const LONGEST: usize = 128 << 10;

pub(super) struct Delegate;

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    cluster: String,
    value: Map<String, Value>,
    condition: String,
    failed: Vec<String>,
}

impl Op for Delegate {
    fn provider(&self) -> &'static str {
        "kube"
    }

    fn name(&self) -> &'static str {
        "delegate"
    }

    fn vars(&self) -> Vars {
        Vars::Reads
    }

    fn doc(&self) -> &'static str {
        "Applies an object that somebody else's controller works on, waits until that says that it is done, and returns the object. The object carries the annotation \
         `app.oam.dev/workflow-context`: JSON with the run, its revision and environment, the step, and what steps have put out (`vars`), without what has a secret in it. The work is \
         done when `status.observedGeneration` is `metadata.generation` and the condition `condition` is `True` with reason `Succeeded`; a reason in \
         `failed` fails the step at once. What an older generation left never counts."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            cx.only_here(&params.cluster)?;
            let mut manifest = params.value;
            annotate(&mut manifest, told(cx)?)?;
            let object = objects::apply(cx, manifest).await?;
            judge(&object, &params.condition, &params.failed)
        })
    }
}

/// What the controller is told.
fn told(cx: &Cx) -> Result<String, OpError> {
    let context = |name: &str| cx.context.get(name).cloned().unwrap_or(json!(""));
    // What steps keep for themselves is nobody else's, and what has a secret in it is told nobody.
    let public = cx.vars.iter().filter(|(name, given)| !name.contains('/') && given.marked.marks.is_empty());
    let vars: Map<String, Value> = public.map(|(k, v)| (k.clone(), v.marked.data.clone())).collect();
    let text = json!({
        "apiVersion": cx.owner.api_version,
        "kind": cx.owner.kind,
        "name": cx.owner.name,
        "namespace": cx.owner.namespace,
        "revision": context("appRevision"),
        "environment": context("env"),
        "step": cx.step,
        "stepSessionID": context("stepSessionID"),
        "vars": vars,
    })
    .to_string();
    match text.len() {
        n if n > LONGEST => Err(OpError::permanent(format!(
            "what steps have put out has {} KiB, too much for the annotation `{CONTEXT}` ({} KiB)",
            n >> 10,
            LONGEST >> 10
        ))),
        _ => Ok(text),
    }
}

fn annotate(manifest: &mut Map<String, Value>, text: String) -> Result<(), OpError> {
    let wrong = |field: &str| OpError::permanent(format!("`{field}` of the object is no struct"));
    let metadata = manifest.entry("metadata").or_insert_with(|| json!({}));
    let metadata = metadata.as_object_mut().ok_or_else(|| wrong("metadata"))?;
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    let annotations = annotations.as_object_mut().ok_or_else(|| wrong("metadata.annotations"))?;
    annotations.insert(CONTEXT.into(), json!(text));
    Ok(())
}

/// What the controller says of its work.
fn judge(object: &Value, kind: &str, failed: &[String]) -> Result<Answer, OpError> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let name = format!("{} {}", text("/kind"), text("/metadata/name"));
    let Some(generation) = number("/metadata/generation") else {
        let message = format!("{name} has no generation: nobody can say which content of it is done");
        return Err(OpError::permanent(message));
    };
    match number("/status/observedGeneration") {
        Some(observed) if observed == generation => {}
        Some(observed) => {
            let message = format!("{name}: its status is of generation {observed}, not of {generation}");
            return Ok(Answer::Wait(message));
        }
        None => return Ok(Answer::Wait(format!("{name}: its controller has not seen it yet"))),
    }
    let Some((status, condition)) = condition(object, kind) else {
        return Ok(Answer::Wait(format!("{name}: there is no condition `{kind}` yet")));
    };
    let reason = condition.get("reason").and_then(Value::as_str).unwrap_or_default();
    if failed.iter().any(|f| f == reason) {
        return Err(OpError::permanent(format!("{name}: {}", why(condition))));
    }
    match (status, reason) {
        ("True", "Succeeded") => Ok(Answer::one("value", object.clone())),
        _ => Ok(Answer::Wait(format!("{name}: {}", why(condition)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::support::cx::tests::nowhere;
    use crate::secret::{Given, Marked, Part, Recipe};

    #[test]
    fn only_the_present_generation_counts() {
        let judged = |generation: i64, observed: Value, condition: Value| {
            let object = json!({"kind": "Task", "metadata": {"name": "t", "generation": generation},
                "status": {"observedGeneration": observed, "conditions": [condition]}});
            judge(&object, "workflow-progress", &["Failed".into()])
        };
        let condition = |status: &str, reason: &str| json!({"type": "workflow-progress", "status": status, "reason": reason, "message": "m"});
        let waits = |why: &str| Ok(Answer::Wait(format!("Task t: {why}")));
        let done = condition("True", "Succeeded");
        assert!(
            matches!(judged(2, json!(2), done.clone()), Ok(Answer::Returns(r)) if r.contains_key("value"))
        );
        assert_eq!(judged(2, json!(1), done.clone()), waits("its status is of generation 1, not of 2"));
        assert_eq!(judged(2, json!(null), done.clone()), waits("its controller has not seen it yet"));
        assert_eq!(judged(2, json!(2), condition("True", "Running")), waits("Running: m"));
        assert_eq!(judged(2, json!(2), condition("False", "Succeeded")), waits("Succeeded: m"));
        assert_eq!(
            judged(2, json!(2), json!({"type": "Ready"})),
            waits("there is no condition `workflow-progress` yet")
        );
        let failed = OpError::permanent("Task t: Failed: m");
        assert_eq!(judged(2, json!(2), condition("False", "Failed")), Err(failed));
        assert_eq!(
            judged(2, json!(1), condition("False", "Failed")),
            waits("its status is of generation 1, not of 2")
        );
    }

    #[tokio::test]
    async fn what_is_secret_is_told_nobody() {
        let mut cx = nowhere();
        let hidden = Marked::whole(Recipe::Text(vec![Part::Text("HIDDEN".into())]));
        cx.vars.insert("open".into(), json!({"a": 1}).into());
        cx.vars.insert("shut".into(), Given::new(hidden, json!("HIDDEN")));
        cx.vars.insert("metrics-status/s/op".into(), json!(1).into());
        cx.context.insert("stepSessionID".into(), json!("id"));
        let text = told(&cx).unwrap_or_default();
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!(told["vars"], json!({"open": {"a": 1}}));
        assert_eq!(
            (&told["step"], &told["stepSessionID"], &told["name"]),
            (&json!("s"), &json!("id"), &json!("run"))
        );
        cx.vars.insert("long".into(), json!("x".repeat(LONGEST)).into());
        assert!(
            super::told(&cx).is_err_and(|e| e.message.starts_with("what steps have put out has 128 KiB"))
        );
    }
}
