//! Runs on an embedded cluster, as its users meet them: woken by what they wait for, changed and operated by others, with step types that come late, and many
//! at once. Times are measured where a promise is made about them.

#![allow(clippy::unwrap_used, reason = "tests")]

use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_runtime::clock::{Clock, Simulated};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Delivery, DriveError, Driver, Observed, Observer, RunRef, Until};
use stepwell_runtime::model::run::{Reason, RunPhase, RunStatus, StepPhase, Time};

const DEFINITIONS: &str = r#"
kind: WorkflowStepDefinition
metadata: {name: wait-cm}
spec:
  schematic:
    cue:
      template: |
        import ("vela/kube", "vela/builtin")
        read: kube.#Read & {$params: value: {apiVersion: "v1", kind: "ConfigMap", metadata: {name: parameter.name, namespace: context.namespace}}}
        wait: builtin.#ConditionalWait & {$params: {
          if read.$returns.err != _|_ {continue: false}
          if read.$returns.err == _|_ {continue: read.$returns.value.data.ready == "yes"}
          message: "waiting for \(parameter.name)"
        }}
        parameter: name: string
---
kind: WorkflowStepDefinition
metadata: {name: echo}
spec:
  schematic:
    cue:
      template: |
        import ("vela/builtin", "encoding/json")
        msg: builtin.#Message & {$params: message: json.Marshal(parameter)}
        out: num: 3
        parameter: {...}
"#;

const SAY: &str = "import \"vela/builtin\"\nmsg: builtin.#Message & {$params: message: parameter.text}\nparameter: text: *\"first\" | string\n";

async fn cluster() -> EmbeddedCluster {
    EmbeddedCluster::in_memory(Options::default()).await.unwrap()
}

fn driver(cluster: &EmbeddedCluster) -> Driver {
    Driver::new(cluster.client(), Library::builtin().with_text("defs.yaml", DEFINITIONS).unwrap())
}

fn delivery(name: &str, spec: &Value) -> Delivery {
    let document = json!({"apiVersion": "core.oam.dev/v1alpha1", "kind": "WorkflowRun", "metadata": {"name": name}, "spec": spec});
    Delivery::read(&Document::from_value(document)).unwrap().unwrap()
}

fn steps(steps: Value) -> Value {
    json!({"workflowSpec": {"steps": steps}})
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it takes too long")
}

async fn until(driver: &Driver, run: &RunRef, holds: impl Fn(&RunStatus) -> bool) -> RunStatus {
    within(async {
        loop {
            match driver.status(run).await {
                Ok(status) if holds(&status) => return status,
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    })
    .await
}

fn is(status: &RunStatus, step: &str, phase: StepPhase) -> bool {
    status.step(step).is_some_and(|s| s.phase == phase)
}

async fn make(client: &kube::Client, name: &str, data: Value) {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
    maps.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&map)).await.unwrap();
}

fn objects(client: &kube::Client, version: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("core.oam.dev", version, kind));
    Api::namespaced_with(client.clone(), "default", &resource)
}

async fn define(client: &kube::Client, name: &str, template: &str) {
    let object = json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "WorkflowStepDefinition", "metadata": {"name": name},
        "spec": {"schematic": {"cue": {"template": template}}}});
    let api = objects(client, "v1beta1", "WorkflowStepDefinition");
    api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await.unwrap();
}

/// Notes when ops were carried out.
#[derive(Default)]
struct Moments(Mutex<Vec<(String, Instant)>>);

impl Observer for Moments {
    fn op(&self, observed: &Observed<'_>) {
        self.0.lock().unwrap().push((observed.step.to_string(), Instant::now()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_woken_by_the_event() {
    let cluster = cluster().await;
    let moments = Arc::new(Moments::default());
    let driver = driver(&cluster).with_observer(moments.clone());
    // The best of several: other programs may have the processor.
    let mut best = Duration::MAX;
    for i in 0..8 {
        let (name, flag) = (format!("run-{i}"), format!("flag-{i}"));
        let wait = json!([{"name": name, "type": "wait-cm", "properties": {"name": flag}}]);
        let run = driver.submit(&delivery(&name, &steps(wait))).await.unwrap();
        let driven = driver.drive(run.clone(), Until::Finished);
        let waits = |s: &RunStatus| s.step(&name).is_some_and(|w| w.message.contains("waiting"));
        until(&driver, &run, waits).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        make(&cluster.client(), &flag, json!({"ready": "yes"})).await;
        let begun = Instant::now();
        let status = within(driven.wait()).await.unwrap();
        assert_eq!(status.phase, RunPhase::Succeeded);
        // From the write that everybody can see to the end of the read that sees it.
        let all = moments.0.lock().unwrap();
        let woken =
            all.iter().filter(|(step, _)| *step == name).map(|(_, at)| at.saturating_duration_since(begun));
        best = best.min(woken.max().unwrap());
    }
    assert!(best < Duration::from_millis(50), "{best:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_type_that_comes_late_is_waited_for_and_blocks_nothing_else() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let spec = json!({"mode": {"steps": "DAG"}, "workflowSpec": {"steps": [
        {"name": "m", "type": "later"}, {"name": "other", "type": "print-message-in-status", "properties": {"message": "b"}}]}});
    let run = driver.record(&delivery("late", &spec), "default").await.unwrap();
    let driven = driver.drive(run.clone(), Until::Finished);
    let status = until(&driver, &run, |s| {
        s.step("m").is_some_and(|m| !m.message.is_empty()) && is(s, "other", StepPhase::Succeeded)
    })
    .await;
    assert_eq!(status.step("m").unwrap().message, "waits for the step type `later`, which is not there yet");
    define(&cluster.client(), "later", SAY).await;
    let status = within(driven.wait()).await.unwrap();
    assert_eq!((status.phase, status.step("m").unwrap().message.as_str()), (RunPhase::Succeeded, "first"));
    // Handed in by a person, the same is a mistake.
    let wrong =
        driver.submit(&delivery("wrong", &steps(json!([{"name": "m", "type": "never"}])))).await.unwrap_err();
    assert!(
        matches!(&wrong, DriveError::Problems(_))
            && wrong.to_string().contains("there is no workflow step type `never`"),
        "{wrong}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_comes_late_is_waited_for() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let run = driver.record(&delivery("ref", &json!({"workflowRef": "wf"})), "default").await.unwrap();
    let driven = driver.drive(run.clone(), Until::Finished);
    let status = until(&driver, &run, |s| !s.message.is_empty()).await;
    assert_eq!(
        (status.phase, status.message.as_str()),
        (RunPhase::Initializing, "waits: there is no Workflow `wf` in namespace `default`")
    );
    let workflow = json!({"apiVersion": "core.oam.dev/v1alpha1", "kind": "Workflow", "metadata": {"name": "wf"},
        "steps": [{"name": "a", "type": "print-message-in-status", "properties": {"message": "late"}}]});
    let api = objects(&cluster.client(), "v1alpha1", "Workflow");
    api.create(&PostParams::default(), &serde_json::from_value(workflow).unwrap()).await.unwrap();
    let status = within(driven.wait()).await.unwrap();
    assert_eq!(
        (status.phase, status.message.as_str(), status.step("a").unwrap().message.as_str()),
        (RunPhase::Succeeded, "", "late")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_the_step_types_that_it_began_with() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    define(&cluster.client(), "say", SAY).await;
    let spec = steps(
        json!([{"name": "a", "type": "say"}, {"name": "stop", "type": "suspend"}, {"name": "b", "type": "say"}]),
    );
    let run = driver.submit(&delivery("keeps", &spec)).await.unwrap();
    within(driver.drive(run.clone(), Until::Suspended).wait()).await.unwrap();
    define(&cluster.client(), "say", &SAY.replace("first", "second")).await;
    driver.resume(&run, None).await.unwrap();
    let status = within(driver.drive(run.clone(), Until::Finished).wait()).await.unwrap();
    assert_eq!(status.step("b").unwrap().message, "first");
    let events: Api<Event> = Api::namespaced(cluster.client(), "default");
    let told = within(async {
        loop {
            let all = events.list(&Default::default()).await.unwrap();
            if let Some(e) = all.items.into_iter().find(|e| e.reason.as_deref() == Some("DefinitionChanged"))
            {
                return e.message.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(told.contains("`say` has changed since the run began"), "{told}");
    // Started over, it takes what is there then.
    driver.restart(&run, None).await.unwrap();
    within(driver.drive(run.clone(), Until::Suspended).wait()).await.unwrap();
    assert_eq!(driver.status(&run).await.unwrap().step("a").unwrap().message, "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_spec_starts_over() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let spec = steps(
        json!([{"name": "one", "type": "echo"}, {"name": "w", "type": "wait-cm", "properties": {"name": "never"}}]),
    );
    let run = driver.submit(&delivery("edit", &spec)).await.unwrap();
    let driven = driver.drive(run.clone(), Until::Finished);
    let before = until(&driver, &run, |s| is(s, "w", StepPhase::Running)).await;
    let edited = steps(
        json!([{"name": "one", "type": "echo"}, {"name": "w", "type": "print-message-in-status", "properties": {"message": "edited"}}]),
    );
    let patch = json!({"spec": edited});
    objects(&cluster.client(), "v1alpha1", "WorkflowRun")
        .patch("edit", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    let status = within(driven.wait()).await.unwrap();
    assert_eq!((status.phase, status.step("w").unwrap().message.as_str()), (RunPhase::Succeeded, "edited"));
    assert_ne!(status.step("one").unwrap().id, before.step("one").unwrap().id, "it is another run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_context_is_written_again_or_told() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    for (name, while_driven) in [("driven", true), ("left", false)] {
        let spec = steps(json!([
            {"name": "src", "type": "echo", "outputs": [{"name": "x", "valueFrom": "out.num"}]},
            {"name": "w", "type": "wait-cm", "properties": {"name": format!("flag-{name}")}},
            {"name": "show", "type": "echo", "inputs": [{"from": "x", "parameterKey": "x"}]}]));
        let run = driver.submit(&delivery(name, &spec)).await.unwrap();
        let mut driven = driver.drive(run.clone(), Until::Finished);
        until(&driver, &run, |s| is(s, "w", StepPhase::Running) && s.context_backend.is_some()).await;
        let delete =
            async || maps.delete(&format!("workflow-{name}-context"), &Default::default()).await.unwrap();
        match while_driven {
            true => drop(delete().await),
            false => {
                driven.abandon();
                tokio::time::sleep(Duration::from_millis(50)).await;
                delete().await;
                driven = driver.drive(run.clone(), Until::Finished);
            }
        }
        make(&cluster.client(), &format!("flag-{name}"), json!({"ready": "yes"})).await;
        let status = within(driven.wait()).await.unwrap();
        match while_driven {
            true => assert_eq!(
                (status.phase, status.step("show").unwrap().message.as_str()),
                (RunPhase::Succeeded, r#"{"x":3}"#)
            ),
            false => assert!(
                status.phase == RunPhase::Failed && status.message.contains("workflow-left-context"),
                "{status:?}"
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resume_suspend_cancel_and_finally() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let spec = json!({"workflowSpec": {
        "steps": [{"name": "wait", "type": "suspend", "properties": {"duration": "10m"}}, {"name": "after", "type": "echo"}, {"name": "w", "type": "wait-cm", "properties": {"name": "never"}}],
        "finally": [{"name": "tidy", "type": "print-message-in-status", "properties": {"message": "tidied"}}]}});
    let run = driver.submit(&delivery("ops", &spec)).await.unwrap();
    let driven = driver.drive(run.clone(), Until::Finished);
    until(&driver, &run, |s| is(s, "wait", StepPhase::Suspending)).await;
    // Before its time is over, a resume resumes.
    driver.resume(&run, None).await.unwrap();
    until(&driver, &run, |s| is(s, "w", StepPhase::Running)).await;
    driver.suspend(&run).await.unwrap();
    let status = until(&driver, &run, |s| s.phase == RunPhase::Suspending).await;
    assert!(status.suspend && is(&status, "w", StepPhase::Suspending));
    assert_eq!(driver.suspend(&run).await.unwrap_err().to_string(), "the run is suspended already");
    driver.resume(&run, None).await.unwrap();
    until(&driver, &run, |s| is(s, "w", StepPhase::Running)).await;
    driver.cancel(&run).await.unwrap();
    let status = within(driven.wait()).await.unwrap();
    assert_eq!(
        (status.phase, status.step("tidy").unwrap().message.as_str()),
        (RunPhase::Terminated, "tidied")
    );
    assert_eq!(
        driver.cancel(&run).await.unwrap_err().to_string(),
        "the run is over: it has terminated; `restart` runs it again"
    );
    let object = objects(&cluster.client(), "v1alpha1", "WorkflowRun").get("ops").await.unwrap();
    assert_eq!(object.data["status"]["conditions"][0]["reason"], "Terminated");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_goes_back_to_what_succeeded() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let app = |text: &str, kind: &str| {
        let document = json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "app"}, "spec": {"components": [], "workflow": {
            "steps": [{"name": "say", "type": kind, "properties": {"message": text}}]}}});
        Delivery::read(&Document::from_value(document)).unwrap().unwrap()
    };
    let run = driver.submit(&app("good", "print-message-in-status")).await.unwrap();
    within(driver.drive(run.clone(), Until::Finished).wait()).await.unwrap();
    assert!(driver.rollback(&run, None).await.unwrap_err().to_string().contains("nothing to roll"));
    driver.submit(&app("bad", "apply-object")).await.unwrap();
    let status = within(driver.drive(run.clone(), Until::Finished).wait()).await.unwrap();
    assert_eq!(status.phase, RunPhase::Failed);
    driver.rollback(&run, None).await.unwrap();
    let status = within(driver.drive(run.clone(), Until::Finished).wait()).await.unwrap();
    let said = status.step("rollback").unwrap().message.as_str();
    assert_eq!((status.phase, said), (RunPhase::Succeeded, "app-v1 is restored: 0 objects applied"));
    let object = objects(&cluster.client(), "v1beta1", "Application").get("app").await.unwrap();
    assert_eq!(object.data["spec"]["workflow"]["steps"][0]["properties"]["message"], "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_names_a_workflow() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let document = json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "app"}, "spec": {
        "components": [{"name": "conf", "type": "k8s-objects", "properties": {"objects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}}]}}],
        "workflow": {"ref": "wf"}}});
    let app = Delivery::read(&Document::from_value(document)).unwrap().unwrap();
    let refused = driver.submit(&app).await.unwrap_err();
    assert_eq!(refused.to_string(), "spec.workflow.ref: there is no Workflow `wf` in namespace `default`");
    let run = driver.record(&app, "default").await.unwrap();
    let driven = driver.drive(run.clone(), Until::Finished);
    let status = until(&driver, &run, |s| !s.message.is_empty()).await;
    assert_eq!(status.message, "waits: there is no Workflow `wf` in namespace `default`");
    let workflow = json!({"apiVersion": "core.oam.dev/v1alpha1", "kind": "Workflow", "metadata": {"name": "wf"}, "mode": {"steps": "DAG"},
        "steps": [{"name": "deploy", "type": "apply-component", "properties": {"component": "conf"}}, {"name": "say", "type": "echo"}]});
    let api = objects(&cluster.client(), "v1alpha1", "Workflow");
    api.create(&PostParams::default(), &serde_json::from_value(workflow).unwrap()).await.unwrap();
    let status = within(driven.wait()).await.unwrap();
    assert_eq!(status.phase, RunPhase::Succeeded, "{status:?}");
    assert!(is(&status, "deploy", StepPhase::Succeeded) && is(&status, "say", StepPhase::Succeeded));
    let object = objects(&cluster.client(), "v1beta1", "Application").get("app").await.unwrap();
    let status = &object.data["status"];
    assert_eq!((&status["workflow"]["mode"], &status["status"]), (&json!("DAG-DAG"), &json!("running")));
    assert_eq!(status["services"][0]["healthy"], json!(true), "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_has_a_condition_and_an_event() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let wrong = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "UPPER"}});
    let spec = steps(json!([{"name": "bad", "type": "apply-object", "properties": {"value": wrong}}]));
    let run = driver.submit(&delivery("fails", &spec)).await.unwrap();
    within(driver.drive(run, Until::Finished).wait()).await.unwrap();
    let object = objects(&cluster.client(), "v1alpha1", "WorkflowRun").get("fails").await.unwrap();
    let condition = &object.data["status"]["conditions"][0];
    assert_eq!(
        (&condition["type"], &condition["status"], &condition["reason"]),
        (&json!("WorkflowRun"), &json!("False"), &json!("Failed"))
    );
    assert!(condition["message"].as_str().unwrap().contains("at step bad"), "{condition}");
    let events: Api<Event> = Api::namespaced(cluster.client(), "default");
    within(async {
        loop {
            let all = events.list(&Default::default()).await.unwrap();
            let failed = |e: &Event| {
                e.message.as_deref().is_some_and(|m| m.starts_with("WorkflowRun finished with failure"))
            };
            if all.items.iter().any(failed) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// A request is recorded in one write: whoever comes after carries it out, and once.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_asked_for_once() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let spec = steps(json!([
        {"name": "a", "type": "echo", "outputs": [{"name": "x", "valueFrom": "out.num"}]},
        {"name": "b", "type": "echo", "inputs": [{"from": "x", "parameterKey": "x"}], "outputs": [{"name": "y", "valueFrom": "out.num"}]},
        {"name": "c", "type": "echo", "inputs": [{"from": "y", "parameterKey": "y"}]}]));
    let run = driver.submit(&delivery("again", &spec)).await.unwrap();
    let first = within(driver.drive(run.clone(), Until::Finished).wait()).await.unwrap();
    // Asked by somebody who is no more: as an annotation, and nothing else has happened.
    let api = objects(&cluster.client(), "v1alpha1", "WorkflowRun");
    let patch = json!({"metadata": {"annotations": {"asked.workflowrun.oam.dev/1": "restart b"}}});
    api.patch("again", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    let second = within(driver.drive(run.clone(), Until::Finished).wait()).await.unwrap();
    let id = |s: &RunStatus, step: &str| s.step(step).unwrap().id.clone();
    assert_eq!((second.phase, id(&second, "a")), (RunPhase::Succeeded, id(&first, "a")));
    assert!(id(&second, "b") != id(&first, "b") && id(&second, "c") != id(&first, "c"));
    assert_eq!(second.step("c").unwrap().message, r#"{"y":3}"#);
    let object = api.get("again").await.unwrap();
    assert!(object.metadata.annotations.unwrap_or_default().keys().all(|k| !k.starts_with("asked.")));
    // It is not done again.
    let third = within(driver.drive(run.clone(), Until::Finished).wait()).await.unwrap();
    assert_eq!(id(&third, "b"), id(&second, "b"));
    // Of a run that is driven, an operation is asked, and done by whoever drives it.
    let waits = steps(
        json!([{"name": "a", "type": "echo"}, {"name": "w", "type": "wait-cm", "properties": {"name": "flag"}}]),
    );
    let run = driver.submit(&delivery("driven", &waits)).await.unwrap();
    let driven = driver.drive(run.clone(), Until::Finished);
    let before = until(&driver, &run, |s| is(s, "w", StepPhase::Running)).await;
    let after = Driver::new(cluster.client(), Library::builtin()).restart(&run, None).await.unwrap();
    assert_ne!(id(&after, "a"), id(&before, "a"));
    make(&cluster.client(), "flag", json!({"ready": "yes"})).await;
    assert_eq!(within(driven.wait()).await.unwrap().phase, RunPhase::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_steps_hold_nobody_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let slow = axum::Router::new().fallback(|| async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        "{}"
    });
    tokio::spawn(async move { axum::serve(listener, slow).await });
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let all: Vec<Value> = (0..8)
        .map(|i| json!({"name": format!("r{i}"), "type": "request", "properties": {"url": url}}))
        .collect();
    let run = driver
        .submit(&delivery("wide", &json!({"mode": {"steps": "DAG"}, "workflowSpec": {"steps": all}})))
        .await
        .unwrap();
    let begun = Instant::now();
    let status = within(driver.drive(run, Until::Finished).wait()).await.unwrap();
    assert_eq!(status.phase, RunPhase::Succeeded, "{status:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "eight calls of 0.6 s at once took {:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_carries_out_what_is_written_to_the_cluster_and_parks_what_waits() {
    let cluster = cluster().await;
    let one = driver(&cluster);
    let serving = tokio::spawn({
        let driver = one.clone();
        async move { driver.serve(None).await }
    });
    let spec = steps(json!([{"name": "stop", "type": "suspend"}, {"name": "after", "type": "echo"}]));
    let mut runs = Vec::new();
    for i in 0..30 {
        runs.push(one.record(&delivery(&format!("run-{i}"), &spec), "default").await.unwrap());
    }
    for run in &runs {
        until(&one, run, |s| is(s, "stop", StepPhase::Suspending)).await;
    }
    // What waits for a person has no task: what is left are those of the fleet, the cluster and its clients.
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    within(async {
        while tasks() >= runs.len() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    // A fleet that is started anew goes on where the last one was.
    serving.abort();
    let _ = serving.await;
    let serving = tokio::spawn({
        let driver = one.clone();
        async move { driver.serve(Some("default")).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    for run in &runs {
        one.resume(run, None).await.unwrap();
    }
    for run in &runs {
        let status = until(&one, run, |s| s.finished).await;
        assert_eq!(status.phase, RunPhase::Succeeded);
    }
    serving.abort();
}

/// Notes when ops are carried out, by a clock that jumps.
struct Times(Arc<Simulated>, Mutex<Vec<i64>>);

impl Observer for Times {
    fn op(&self, _: &Observed<'_>) {
        self.1.lock().unwrap().push(self.0.now().0);
    }
}

#[tokio::test]
async fn durations_are_exact_and_tries_are_counted_over_restarts() {
    let cluster = cluster().await;
    let clock = Arc::new(Simulated::new(Time(1_000_000_000_000)));
    let times = Arc::new(Times(clock.clone(), Mutex::default()));
    let driver = driver(&cluster).with_clock(clock.clone()).with_observer(times.clone());
    let begun = clock.now();
    let far = begun.plus(Duration::from_secs(1 << 20));
    let run = driver
        .submit(&delivery(
            "nap",
            &steps(json!([{"name": "s", "type": "suspend", "properties": {"duration": "1234ms"}}])),
        ))
        .await
        .unwrap();
    let driven = driver.drive(run, Until::Finished);
    let status = tokio::select! { end = driven.wait() => end.unwrap(), _ = clock.pass(far) => panic!("the run does not end") };
    assert_eq!((status.phase, begun.until(clock.now())), (RunPhase::Succeeded, Duration::from_millis(1234)));
    let timed = steps(
        json!([{"name": "w", "type": "wait-cm", "timeout": "90500ms", "properties": {"name": "never"}}]),
    );
    let begun = clock.now();
    let run = driver.submit(&delivery("timed", &timed)).await.unwrap();
    let driven = driver.drive(run, Until::Finished);
    let status = tokio::select! { end = driven.wait() => end.unwrap(), _ = clock.pass(far) => panic!("the run does not end") };
    assert_eq!((status.phase, begun.until(clock.now())), (RunPhase::Failed, Duration::from_millis(90_500)));

    // Ten tries after the first, in pauses that double, whoever makes them.
    times.1.lock().unwrap().clear();
    let begun = clock.now();
    let call = steps(json!([{"name": "r", "type": "request", "properties": {"url": "http://127.0.0.1:1/"}}]));
    let run = driver.submit(&delivery("tries", &call)).await.unwrap();
    let mut driven = driver.drive(run.clone(), Until::Finished);
    let status = loop {
        clock.pass(clock.now().plus(Duration::from_secs(70))).await;
        // The process is gone; another one takes over.
        driven.abandon();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let status = driver.status(&run).await.unwrap();
        if status.finished {
            break status;
        }
        driven = driver.drive(run.clone(), Until::Finished);
    };
    assert_eq!(status.step("r").unwrap().reason, Some(Reason::FailedAfterRetries));
    let tries: Vec<u64> = times.1.lock().unwrap().iter().map(|t| begun.until(Time(*t)).as_secs()).collect();
    assert_eq!(tries.len(), 11, "{tries:?}");
    assert_eq!(tries[..6], [0, 1, 3, 7, 15, 31]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undeclared_parameter_is_told() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let spec =
        steps(json!([{"name": "m", "type": "read-object", "properties": {"name": "ho", "clustr": "local"}},
        {"name": "open", "type": "echo", "properties": {"anything": 1}}]));
    let told = driver.check(&delivery("typo", &spec)).await.unwrap();
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    let want = "spec.workflowSpec.steps[0].properties.clustr: the step type `read-object` has no parameter `clustr`; it is ignored (did you mean `cluster`?)";
    assert_eq!(told, [want]);
    let refused = driver.strict().submit(&delivery("typo", &spec)).await.unwrap_err();
    assert_eq!(refused.to_string(), want);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_when_nothing_changed() {
    let cluster = cluster().await;
    let driver = driver(&cluster);
    let run = driver
        .submit(&delivery(
            "quiet",
            &steps(json!([{"name": "w", "type": "wait-cm", "properties": {"name": "never"}}])),
        ))
        .await
        .unwrap();
    let driven = driver.drive(run.clone(), Until::Finished);
    until(&driver, &run, |s| s.step("w").is_some_and(|w| w.message.contains("waiting"))).await;
    let api = objects(&cluster.client(), "v1alpha1", "WorkflowRun");
    let version = async || api.get("quiet").await.unwrap().metadata.resource_version;
    // The status is published a moment after it is saved.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = version().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(before, version().await, "looking again wrote the status");
    driven.abandon();
}
