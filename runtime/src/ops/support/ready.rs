//! When an object is ready: its status is of its present generation, and its kind's own signs or its conditions say so.
//!
//! A status that an older generation left never counts. A kind is added in [`known`]; tests at the end.

use serde_json::Value;

/// What can be said of an object's readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is ready.
    Ready,
    /// Not yet; what is missing.
    Waiting(String),
    /// It will not become ready by waiting; why.
    Failed(String),
}

/// Judges an object as the API gives it.
///
/// ```
/// use serde_json::json;
/// use stepwell_runtime::ops::support::ready::{Readiness, judge};
/// let old = json!({"kind": "Widget", "metadata": {"generation": 2}, "status": {"observedGeneration": 1,
///     "conditions": [{"type": "Ready", "status": "True"}]}});
/// assert_eq!(judge(&old), Readiness::Waiting("its status is of generation 1, not yet of 2".into()));
/// ```
pub fn judge(object: &Value) -> Readiness {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
    if let (Some(generation), Some(observed)) = (generation, observed)
        && observed < generation
    {
        return Readiness::Waiting(format!(
            "its status is of generation {observed}, not yet of {generation}"
        ));
    }
    known(object).unwrap_or_else(|| by_conditions(object))
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn group(object: &Value) -> &str {
    let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    version.split_once('/').map_or("", |(group, _)| group)
}

/// The status of a condition, with its message.
pub(crate) fn condition<'o>(object: &'o Value, kind: &str) -> Option<(&'o str, &'o Value)> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    let found = all.iter().find(|c| c.get("type").and_then(Value::as_str) == Some(kind))?;
    Some((found.get("status").and_then(Value::as_str).unwrap_or("Unknown"), found))
}

/// What a condition says, in a few words.
pub(crate) fn why(condition: &Value) -> String {
    let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
    match (text("reason"), text("message")) {
        ("", "") => text("type").to_string(),
        (reason, "") => reason.to_string(),
        ("", message) => message.to_string(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

fn replicas(have: i64, want: i64, what: &str) -> Readiness {
    if have >= want { Readiness::Ready } else { Readiness::Waiting(format!("{have} of {want} {what}")) }
}

fn first_waiting(all: impl IntoIterator<Item = Readiness>) -> Readiness {
    all.into_iter().find(|r| *r != Readiness::Ready).unwrap_or(Readiness::Ready)
}

/// The kinds that say it in their own way.
fn known(object: &Value) -> Option<Readiness> {
    let kind = object.get("kind").and_then(Value::as_str)?;
    let seen = object.pointer("/status/observedGeneration").is_some();
    let unseen = || Readiness::Waiting("its controller has not seen it yet".to_string());
    let want = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    Some(match (group(object), kind) {
        ("apps", "Deployment") => {
            if let Some(("False", c)) = condition(object, "Progressing")
                && c.get("reason").and_then(Value::as_str) == Some("ProgressDeadlineExceeded")
            {
                return Some(Readiness::Failed(why(c)));
            }
            if !seen {
                return Some(unseen());
            }
            let updated = number(object, "/status/updatedReplicas");
            let old = number(object, "/status/replicas") - updated;
            first_waiting([
                replicas(updated, want, "replicas are updated"),
                if old > 0 {
                    Readiness::Waiting(format!("{old} old replicas are still there"))
                } else {
                    Readiness::Ready
                },
                replicas(number(object, "/status/availableReplicas"), want, "replicas are available"),
            ])
        }
        ("apps", "StatefulSet") if !seen => unseen(),
        ("apps", "StatefulSet") => first_waiting([
            replicas(number(object, "/status/updatedReplicas"), want, "replicas are updated"),
            replicas(number(object, "/status/readyReplicas"), want, "replicas are ready"),
        ]),
        ("apps.kruise.io", "CloneSet") if !seen => unseen(),
        ("apps.kruise.io", "CloneSet") => first_waiting([
            replicas(number(object, "/status/updatedReplicas"), want, "replicas are updated"),
            replicas(number(object, "/status/updatedReadyReplicas"), want, "updated replicas are ready"),
        ]),
        ("apps", "ReplicaSet") if !seen => unseen(),
        ("apps", "ReplicaSet") => {
            replicas(number(object, "/status/readyReplicas"), want, "replicas are ready")
        }
        ("apps", "DaemonSet") if !seen => unseen(),
        ("apps", "DaemonSet") => {
            let want = number(object, "/status/desiredNumberScheduled");
            first_waiting([
                replicas(number(object, "/status/updatedNumberScheduled"), want, "pods are updated"),
                replicas(number(object, "/status/numberReady"), want, "pods are ready"),
            ])
        }
        ("batch", "Job") => match (condition(object, "Complete"), condition(object, "Failed")) {
            (_, Some(("True", c))) => Readiness::Failed(why(c)),
            (Some(("True", _)), _) => Readiness::Ready,
            _ => {
                let want = object.pointer("/spec/completions").and_then(Value::as_i64).unwrap_or(1);
                let have = number(object, "/status/succeeded");
                Readiness::Waiting(format!("{have} of {want} pods have completed"))
            }
        },
        ("", "Pod") => match object.pointer("/status/phase").and_then(Value::as_str).unwrap_or("Pending") {
            "Succeeded" => Readiness::Ready,
            "Failed" => Readiness::Failed("the pod has failed".into()),
            phase => match condition(object, "Ready") {
                Some(("True", _)) => Readiness::Ready,
                _ => Readiness::Waiting(format!("the pod is {}", phase.to_lowercase())),
            },
        },
        ("", "PersistentVolumeClaim") => match object.pointer("/status/phase").and_then(Value::as_str) {
            Some("Bound") => Readiness::Ready,
            Some("Lost") => Readiness::Failed("its volume is lost".into()),
            _ => Readiness::Waiting("the claim is not bound".into()),
        },
        ("", "Namespace") => match object.pointer("/status/phase").and_then(Value::as_str) {
            Some("Terminating") => Readiness::Failed("the namespace is being deleted".into()),
            _ => Readiness::Ready,
        },
        ("apiextensions.k8s.io", "CustomResourceDefinition") => match condition(object, "Established") {
            Some(("True", _)) => Readiness::Ready,
            _ => Readiness::Waiting("the kind is not served yet".into()),
        },
        _ => return None,
    })
}

/// Any other kind: ready by its condition `Ready`, `Available` or `Healthy` where it has one, else by being there.
fn by_conditions(object: &Value) -> Readiness {
    for kind in ["Ready", "Available", "Healthy"] {
        match condition(object, kind) {
            Some(("True", _)) => return Readiness::Ready,
            Some((_, c)) => return Readiness::Waiting(why(c)),
            None => {}
        }
    }
    Readiness::Ready
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn waits(v: Value) -> String {
        match judge(&v) {
            Readiness::Waiting(why) => why,
            other => format!("{other:?}"),
        }
    }

    fn deployment(spec: Value, status: Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 2}, "spec": spec, "status": status})
    }

    #[test]
    fn deployments() {
        let spec = json!({"replicas": 3});
        assert_eq!(waits(deployment(spec.clone(), json!({}))), "its controller has not seen it yet");
        let old =
            json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3});
        assert_eq!(waits(deployment(spec.clone(), old)), "its status is of generation 1, not yet of 2");
        let some =
            json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 2});
        assert_eq!(waits(deployment(spec.clone(), some)), "1 old replicas are still there");
        let some =
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2});
        assert_eq!(waits(deployment(spec.clone(), some)), "2 of 3 replicas are available");
        let all =
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3});
        assert_eq!(judge(&deployment(spec.clone(), all)), Readiness::Ready);
        let stuck = json!({"observedGeneration": 2, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too slow"}]});
        assert_eq!(
            judge(&deployment(spec, stuck)),
            Readiness::Failed("ProgressDeadlineExceeded: too slow".into())
        );
        assert_eq!(
            judge(&deployment(json!({"replicas": 0}), json!({"observedGeneration": 2}))),
            Readiness::Ready
        );
    }

    #[test]
    fn clone_sets() {
        let set = |status: Value| json!({"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": status});
        assert_eq!(waits(set(json!({}))), "its controller has not seen it yet");
        let some = json!({"observedGeneration": 1, "updatedReplicas": 2, "updatedReadyReplicas": 1});
        assert_eq!(waits(set(some)), "1 of 2 updated replicas are ready");
        let all = json!({"observedGeneration": 1, "updatedReplicas": 2, "updatedReadyReplicas": 2});
        assert_eq!(judge(&set(all)), Readiness::Ready);
    }

    #[test]
    fn jobs_and_pods() {
        let job = |conditions: Value| json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions": conditions}});
        assert_eq!(waits(job(json!([]))), "0 of 1 pods have completed");
        assert_eq!(judge(&job(json!([{"type": "Complete", "status": "True"}]))), Readiness::Ready);
        let failed = job(json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]));
        assert_eq!(judge(&failed), Readiness::Failed("BackoffLimitExceeded".into()));
        let pod = |status: Value| json!({"apiVersion": "v1", "kind": "Pod", "status": status});
        assert_eq!(waits(pod(json!({"phase": "Running"}))), "the pod is running");
        assert_eq!(
            judge(&pod(json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}))),
            Readiness::Ready
        );
    }

    #[test]
    fn other_kinds_by_their_conditions() {
        let widget = |conditions: Value| json!({"apiVersion": "x.io/v1", "kind": "Widget", "status": {"conditions": conditions}});
        assert_eq!(judge(&json!({"apiVersion": "v1", "kind": "ConfigMap"})), Readiness::Ready);
        assert_eq!(
            waits(widget(json!([{"type": "Ready", "status": "False", "message": "no disk"}]))),
            "no disk"
        );
        assert_eq!(judge(&widget(json!([{"type": "Ready", "status": "True"}]))), Readiness::Ready);
    }
}
