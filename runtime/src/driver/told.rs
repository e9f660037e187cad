//! What a run tells besides its status: its condition, and Events.
//!
//! Both are for people and their tools; nothing depends on them, so an Event that cannot be written is dropped.

use crate::model::run::{RunPhase, RunStatus, StepPhase, Time};
use crate::ops::Owner;
use kube::Client;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

/// The phases in which a run has a condition: its status, reason and message.
fn condition_of(status: &RunStatus) -> Option<(&'static str, &'static str, String)> {
    let step = |phase| status.all().find(|s| s.phase == phase && s.sub_steps.is_empty());
    let named = |words: &str, phase| match step(phase) {
        Some(s) if s.message.is_empty() => format!("{words} at step {}", s.name),
        Some(s) => format!("{words} at step {}: {}", s.name, s.message),
        None => words.to_string(),
    };
    let or_own = |text: String| if status.message.is_empty() { text } else { status.message.clone() };
    match status.phase {
        RunPhase::Succeeded => Some(("True", "Available", String::new())),
        RunPhase::Failed => Some(("False", "Failed", or_own(named("the run has failed", StepPhase::Failed)))),
        RunPhase::Terminated => Some(("False", "Terminated", or_own("the run was terminated".into()))),
        RunPhase::Suspending => {
            Some(("False", "Suspended", or_own(named("the run waits", StepPhase::Suspending))))
        }
        RunPhase::Initializing if !status.message.is_empty() => {
            Some(("False", "Pending", status.message.clone()))
        }
        _ => None,
    }
}

/// The conditions of an object with that of its run put in, or taken out.
pub(super) fn conditions(old: Option<&Value>, kind: &str, status: &RunStatus, now: Time) -> Option<Value> {
    let mut all = old.and_then(Value::as_array).cloned().unwrap_or_default();
    let at = all.iter().position(|c| c["type"] == kind);
    let before = at.map(|at| all.remove(at));
    if let Some((holds, reason, message)) = condition_of(status) {
        let same = before.as_ref().filter(|b| b["status"] == holds && b["reason"] == reason);
        let since = same.map_or_else(|| json!(now.to_string()), |b| b["lastTransitionTime"].clone());
        let mut new = json!({"type": kind, "status": holds, "reason": reason, "lastTransitionTime": since});
        if !message.is_empty() {
            new["message"] = json!(message);
        }
        all.push(new);
    }
    (!all.is_empty()).then(|| Value::Array(all))
}

/// Tells that a run is in a phase that people want to hear of.
pub(super) fn phase(client: &Client, owner: &Owner, status: &RunStatus) {
    let about = condition_of(status).map(|(_, _, message)| message).unwrap_or_default();
    let (kind, reason, message) = match status.phase {
        RunPhase::Succeeded => ("Normal", "Execute", format!("{} finished successfully", owner.kind)),
        RunPhase::Failed => ("Warning", "Execute", format!("{} finished with failure: {about}", owner.kind)),
        RunPhase::Terminated => ("Warning", "Execute", format!("{} finished with termination", owner.kind)),
        RunPhase::Suspending => ("Normal", "Suspend", about),
        _ => return,
    };
    event(client, owner, kind, reason, &message);
}

/// Writes an Event about a run, without waiting for it.
pub(super) fn event(client: &Client, owner: &Owner, kind: &str, reason: &str, message: &str) {
    let at = jiff::Timestamp::now();
    let message: String = message.chars().take(1000).collect();
    let event = json!({
        "metadata": {"generateName": format!("{}.", owner.name), "namespace": owner.namespace},
        "involvedObject": {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name,
            "namespace": owner.namespace, "uid": owner.uid},
        "type": kind, "reason": reason, "message": message, "count": 1,
        "firstTimestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "lastTimestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "source": {"component": "stepwell"},
        "reportingComponent": "stepwell", "reportingInstance": "",
    });
    let api: Api<k8s_openapi::api::core::v1::Event> = Api::namespaced(client.clone(), &owner.namespace);
    tokio::spawn(async move {
        let Ok(event) = serde_json::from_value(event) else { return };
        if let Err(e) = api.create(&PostParams::default(), &event).await {
            tracing::debug!("an Event could not be written: {e}");
        }
    });
}
