//! A step that hands its work to a controller: the object with the workflow's context at it, what the controller says of its work, and a content that it has
//! not seen yet.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{carry_out, cluster, definition, delivery, driver, kind, run_of, secret, until};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stepwell_runtime::driver::Until;
use stepwell_runtime::model::run::{Reason, StepPhase};
use stepwell_runtime::ops::support::objects::Kinds;
use stepwell_runtime::resources::crds::{self, Crd};

/// A controller that works on Tasks: says that it has begun, works for a while, says how it went. A Task may say that it fails, or in which condition.
async fn control(tasks: Api<DynamicObject>) {
    let mut version = tasks.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    loop {
        let Ok(events) = tasks.watch(&WatchParams::default(), &version).await else { return };
        let mut events = std::pin::pin!(events);
        while let Ok(Some(event)) = futures::TryStreamExt::try_next(&mut events).await {
            let (WatchEvent::Added(task) | WatchEvent::Modified(task)) = event else { continue };
            version = task.metadata.resource_version.clone().unwrap();
            let generation = task.metadata.generation.unwrap();
            if task.data.pointer("/status/observedGeneration") == Some(&json!(generation)) {
                continue;
            }
            let name = task.metadata.name.clone().unwrap();
            let text = |pointer: &str| task.data.pointer(pointer).and_then(Value::as_str).map(str::to_string);
            let condition = text("/spec/condition").unwrap_or_else(|| "workflow-progress".into());
            let reason = text("/spec/end").unwrap_or_else(|| "Succeeded".into());
            let steps = [("False", "Running".to_string()), ("True", reason)];
            for (status, reason) in steps {
                let status = json!({"status": {"observedGeneration": generation, "conditions": [
                    {"type": condition, "status": status, "reason": reason, "message": "step by step"}]}});
                tasks.patch_status(&name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

const TASK: &str = r#"
import "vela/kube"
do: kube.#Delegate & {$params: {
  value: {apiVersion: "example.com/v1", kind: "Task", metadata: name: parameter.name, spec: parameter.spec}
  if parameter.condition != _|_ {condition: parameter.condition}
}}
parameter: {name: string, spec: {...}, condition?: string}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_carries_a_step_out() {
    let cluster = cluster().await;
    let tasks = kind(&cluster, ("example.com", "v1"), "Task").await;
    let controller = tokio::spawn(control(tasks.clone()));
    let read = "import \"vela/kube\"\nread: kube.#Read & {$params: value: {apiVersion: \"v1\", kind: \"Secret\", metadata: name: \"s\"}}\nparameter: {}";
    let driver = driver(&cluster, &(definition("task", TASK) + &definition("read", read)));
    secret(&cluster, "s", json!({"token": "HIDDEN-VALUE"})).await;
    let task = |name: &str, spec: Value| json!({"name": name, "type": "task", "if": "always", "properties": {"name": name, "spec": spec}});
    let mut other = task("other", json!({"condition": "Done"}));
    other["properties"]["condition"] = json!("Done");
    let run = run_of(
        "run",
        json!([
            {"name": "before", "type": "read", "outputs": [{"name": "open", "valueFrom": "{a: 1}"}, {"name": "shut", "valueFrom": "read.$returns.value.data.token"}]},
            task("good", json!({})), other, task("bad", json!({"end": "Failed"})), task("stopped", json!({"end": "Stopped"}))]),
    );
    let begun = Instant::now();
    let status = carry_out(&driver, &run).await;
    let of = |name: &str| {
        let step = status.step(name).unwrap();
        (step.phase, step.reason, step.message.clone())
    };
    assert_eq!(of("good"), (StepPhase::Succeeded, None, String::new()));
    assert_eq!(of("other"), (StepPhase::Succeeded, None, String::new()));
    for (name, reason) in [("bad", "Failed"), ("stopped", "Stopped")] {
        let message = format!("do: Task {name}: {reason}: step by step");
        assert_eq!(of(name), (StepPhase::Failed, Some(Reason::Action), message));
    }
    // Woken by what the controller writes, not by looking again after a second and more.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let good = tasks.get("good").await.unwrap();
    let context: Value =
        serde_json::from_str(&good.metadata.annotations.unwrap()["app.oam.dev/workflow-context"]).unwrap();
    assert_eq!(
        (&context["kind"], &context["name"], &context["step"]),
        (&json!("WorkflowRun"), &json!("run"), &json!("good"))
    );
    assert_eq!(context["vars"], json!({"open": {"a": 1}}));
    assert_eq!(context["stepSessionID"], json!(status.step("good").unwrap().id));
    // The end of an older content does not count: the controller has not seen the new one.
    controller.abort();
    let again = run_of("again", json!([task("good", json!({"more": true}))]));
    let run = driver.submit(&again).await.unwrap();
    let driven = driver.drive(run.clone(), Until::Finished);
    let waits =
        until(&driver, &run, |s| s.step("good").is_some_and(|s| s.message.contains("generation"))).await;
    assert_eq!(waits.step("good").unwrap().message, "Task good: its status is of generation 1, not of 2");
    let controller = tokio::spawn(control(tasks.clone()));
    // It only looks at what changes from now on.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let touch = json!({"metadata": {"labels": {"touched": "yes"}}});
    tasks.patch("good", &PatchParams::default(), &Patch::Merge(&touch)).await.unwrap();
    let status = tokio::time::timeout(Duration::from_secs(30), driven.wait()).await.unwrap().unwrap();
    assert_eq!(status.step("good").unwrap().phase, StepPhase::Succeeded);
    controller.abort();
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_is_told_revision_and_environment() {
    let cluster = cluster().await;
    crds::ensure(&cluster.client(), &Kinds::default(), Crd::Environment).await.unwrap();
    let (api_version, _) = Crd::Environment.types();
    let environment = json!({"apiVersion": api_version, "kind": "Environment", "metadata": {"name": "test"}, "spec": {"namespace": "default"}});
    let (resource, _) = Kinds::default().find(&cluster.client(), &api_version, "Environment").await.unwrap();
    let environments: Api<DynamicObject> = Api::all_with(cluster.client(), &resource);
    environments.patch("test", &PatchParams::apply("test"), &Patch::Apply(&environment)).await.unwrap();
    let tasks = kind(&cluster, ("example.com", "v1"), "Task").await;
    let controller = tokio::spawn(control(tasks.clone()));
    let driver = driver(&cluster, &definition("task", TASK));
    let app = |n: u64| {
        delivery(
            json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "shop"}, "spec": {
            "components": [], "workflow": {"steps": [{"name": "do", "type": "task", "properties": {"name": "task", "spec": {"n": n}}}]}}}),
        )
    };
    for n in 1..=2 {
        let bound = driver.bind(app(n), "test").await.unwrap();
        let status = carry_out(&driver, &bound).await;
        assert_eq!(status.step("do").unwrap().phase, StepPhase::Succeeded, "{status:?}");
        let task = tasks.get("task").await.unwrap();
        let context = &task.metadata.annotations.unwrap()["app.oam.dev/workflow-context"];
        let context: Value = serde_json::from_str(context).unwrap();
        let told = |name: &str| context[name].as_str().unwrap().to_string();
        assert_eq!((told("kind"), told("name")), ("Application".into(), "shop".into()));
        assert_eq!((told("revision"), told("environment")), (format!("shop-v{n}"), "test".into()));
    }
    controller.abort();
    cluster.close().await;
}
