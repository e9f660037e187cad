//! The pods of Jobs, which no kubelet runs: made when a Job starts, running from then on, and ended with it. What a container writes is what the annotation
//! `sim.stepwell.dev/log` of the pod template says (`api/log.rs`), and its termination message is `sim.stepwell.dev/message`. Pure functions; `mod.rs` writes
//! what they give. Tests: `tests/simulation.rs`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rules::{annotation, containers, letters};
use crate::{clock::rfc3339, objects::text};

/// The annotation with the termination message.
const MESSAGE: &str = "sim.stepwell.dev/message";

/// How many pods are made for one Job.
const MOST: u64 = 16;

/// The pods that a Job asks for.
pub(super) fn of_job(job: &Value) -> Vec<Value> {
    let (name, uid, spec) = (&job["metadata"]["name"], &job["metadata"]["uid"], &job["spec"]);
    let count = spec["completions"].as_u64().or(spec["parallelism"].as_u64()).unwrap_or(1);
    let pod = |i: u64| {
        let mut pod = spec["template"].clone();
        let meta = &mut pod["metadata"];
        meta["name"] = format!("{}-{}", text(name), letters(&json!([uid, i]), 5)).into();
        meta["namespace"] = job["metadata"]["namespace"].clone();
        meta["ownerReferences"] = json!([{
            "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true,
        }]);
        for label in ["job-name", "batch.kubernetes.io/job-name"] {
            meta["labels"][label] = name.clone();
        }
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod
    };
    (0..count.min(MOST)).map(pod).collect()
}

/// The status of a pod that runs.
pub(super) fn running(pod: &Value, now: Timestamp) -> Value {
    let state = json!({"running": {"startedAt": rfc3339(now)}});
    let statuses = containers(
        &pod["spec"],
        |image| json!({"ready": true, "started": true, "state": state, "image": image}),
    );
    json!({"phase": "Running", "startTime": rfc3339(now), "containerStatuses": statuses})
}

/// The status of a pod that has ended, for this reason if it has failed.
pub(super) fn ended(pod: &Value, failed: Option<&str>, now: Timestamp) -> Value {
    let mut end = json!({
        "exitCode": i32::from(failed.is_some()),
        "reason": if failed.is_some() { "Error" } else { "Completed" },
        "startedAt": pod["status"]["startTime"],
        "finishedAt": rfc3339(now),
    });
    if let Some(message) = failed.or(annotation(pod, MESSAGE)) {
        end["message"] = message.into();
    }
    let statuses = containers(
        &pod["spec"],
        |image| json!({"ready": false, "started": false, "state": {"terminated": end}, "image": image}),
    );
    json!({"phase": if failed.is_some() { "Failed" } else { "Succeeded" }, "containerStatuses": statuses})
}
