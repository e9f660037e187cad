//! Whole runs on an embedded cluster: through the example, interrupted at each save point, operated by others.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::model::run::{Reason, StepPhase};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;
use std::time::Duration;
use stepwell_cluster::{EmbeddedCluster, Options};

const APP: &str = r#"
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: first}
spec:
  components:
  - name: web
    type: webservice
    properties: {image: nginx, ports: [{port: 80, expose: true}]}
    traits:
    - {type: scaler, properties: {replicas: 2}}
  workflow:
    steps:
    - name: deploy
      type: apply-component
      properties: {component: web}
      outputs: [{name: replicas, valueFrom: '"\(output.status.readyReplicas)"'}]
    - name: approve
      type: suspend
      properties: {message: "Look at it"}
    - name: note
      type: apply-object
      inputs: [{from: replicas, parameterKey: value.data.replicas}]
      properties:
        value: {apiVersion: v1, kind: ConfigMap, metadata: {name: note}, data: {text: hello}}
    - name: tell
      type: print-message-in-status
      properties: {message: "all done"}
"#;

async fn cluster() -> EmbeddedCluster {
    EmbeddedCluster::in_memory(Options::default()).await.unwrap()
}

fn app(text: &str) -> Delivery {
    let documents = Document::read_all("app.yaml", text).unwrap_or_else(|p| panic!("{p}"));
    Delivery::read(&documents[0]).unwrap_or_else(|p| panic!("{p}")).unwrap()
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("it takes too long")
}

/// The run in a few lines.
fn lines(status: &RunStatus) -> String {
    let mut out = format!(
        "{:?} suspend={} finished={} {}\n",
        status.phase, status.suspend, status.finished, status.message
    );
    for s in status.all() {
        let reason = s.reason.map(|r| format!("{r:?}")).unwrap_or_default();
        out += &format!("{} {:?} {reason} {}\n", s.name, s.phase, s.message);
    }
    out
}

/// An Application of workflow steps alone.
fn steps(steps: &str) -> Delivery {
    let steps = steps.trim_matches('\n').replace('\n', "\n    ");
    app(&format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: run}}\nspec:\n  components: []\n  workflow:\n    steps:\n    {steps}\n"
    ))
}

async fn run(library: Library, app: &Delivery) -> RunStatus {
    let cluster = cluster().await;
    let driver = Driver::new(cluster.client(), library);
    let reference = within(driver.submit(app)).await.unwrap();
    within(driver.drive(reference, Until::Suspended).wait()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_from_end_to_end() {
    let cluster = cluster().await;
    let driver = Driver::new(cluster.client(), Library::builtin());
    let reference = within(driver.submit(&app(APP))).await.unwrap();
    let mut run = driver.drive(reference.clone(), Until::Suspended);
    let mut told = Vec::new();
    let deployments: Api<Deployment> = Api::namespaced(cluster.client(), "default");
    let status = {
        let mut progress = run.progress.resubscribe();
        std::mem::swap(&mut progress, &mut run.progress);
        let status = within(run.wait()).await.unwrap();
        while let Ok(p) = progress.try_recv() {
            told.push(p);
        }
        status
    };
    insta::assert_snapshot!(lines(&status), @r"
    Suspending suspend=true finished=false 
    deploy Succeeded  
    approve Suspending Suspend Look at it
    ");
    let waited =
        told.iter().any(|p| matches!(p, Progress::Step { step, .. } if step.reason == Some(Reason::Wait)));
    assert!(waited, "{told:?}");
    assert_eq!(deployments.get("web").await.unwrap().spec.unwrap().replicas, Some(2));

    // One driver at a time.
    let first = driver.drive(reference.clone(), Until::Finished);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = within(driver.drive(reference.clone(), Until::Finished).wait()).await;
    assert!(matches!(second, Err(DriveError::Busy(..))), "{second:?}");
    first.abandon();

    // Another process resumes, a third one drives on.
    let other = Driver::new(cluster.client(), Library::builtin());
    other.resume(&reference, None).await.unwrap();
    let status = within(driver.drive(reference.clone(), Until::Finished).wait()).await.unwrap();
    insta::assert_snapshot!(lines(&status), @r"
    Succeeded suspend=false finished=true 
    deploy Succeeded  
    approve Succeeded  
    note Succeeded  
    tell Succeeded  all done
    ");
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let note = maps.get("note").await.unwrap();
    assert_eq!(note.data.unwrap()["text"], "hello");
    let context = maps.get("workflow-first-context").await.unwrap();
    assert_eq!(context.data.unwrap()["vars"], "{\n  \"replicas\": \"2\"\n}");
    let refused = driver.resume(&reference, None).await.unwrap_err();
    assert_eq!(refused.to_string(), "the run is over: it has succeeded; `restart` runs it again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_by_another_process_wakes_the_driver() {
    let cluster = cluster().await;
    let driver = Driver::new(cluster.client(), Library::builtin());
    let app = steps(
        "- {name: a, type: suspend}\n- {name: b, type: print-message-in-status, properties: {message: hi}}",
    );
    let reference = within(driver.submit(&app)).await.unwrap();
    let mut run = driver.drive(reference.clone(), Until::Finished);
    within(async {
        loop {
            if let Progress::Run { phase: RunPhase::Suspending, .. } = run.progress.recv().await.unwrap() {
                return;
            }
        }
    })
    .await;
    let begun = std::time::Instant::now();
    Driver::new(cluster.client(), Library::builtin()).resume(&reference, Some("a")).await.unwrap();
    let status = within(run.wait()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(status.phase, RunPhase::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_fails_the_step_at_once() {
    let app = steps(
        r#"
- name: bad
  type: apply-object
  properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: UPPER}}}
- name: data
  type: apply-object
  if: always
  properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {replicas: 2}}}
- name: kind
  type: apply-object
  if: always
  properties: {value: {apiVersion: x.io/v1, kind: Nothing, metadata: {name: other}}}
- name: parameter
  type: print-message-in-status
  if: always
  properties: {message: 3}
- name: missing
  type: print-message-in-status
  if: always
- name: after
  type: print-message-in-status
  properties: {message: never}
"#,
    );
    let status = run(Library::builtin(), &app).await;
    insta::assert_snapshot!(lines(&status));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_workflow_are_told_before_anything_is_done() {
    let cluster = cluster().await;
    let driver = Driver::new(cluster.client(), Library::builtin());
    let wrong = steps(
        "- {name: a, type: print-mesage-in-status, dependsOn: [b]}\n- {name: b, type: suspend, dependsOn: [a, c]}\n- {name: b, type: suspend, timeout: soon}",
    );
    let error = driver.submit(&wrong).await.unwrap_err();
    insta::assert_snapshot!(error.to_string());
    assert!(matches!(
        driver.status(&RunRef::application("default", "run")).await,
        Err(DriveError::Cluster(_) | DriveError::NotFound(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_cannot_be_reached() {
    let _ = http_client();
    let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    let driver = Driver::new(Client::try_from(config).unwrap(), Library::builtin());
    let error = within(driver.submit(&steps("- {name: a, type: suspend}"))).await.unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, DriveError::Cluster(_)) && text.contains("the cluster does not answer"),
        "{text}"
    );
}

/// Definitions that show what the driver does with them.
const DEFINITIONS: &str = r#"
kind: WorkflowStepDefinition
metadata: {name: wait-for}
spec:
  schematic:
    cue:
      template: |
        import ("vela/kube", "vela/builtin")
        flag: kube.#Read & {$params: value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: parameter.name}}
        wait: builtin.#ConditionalWait & {$params: {continue: flag.$returns.value.data.ready == "yes", message: "waiting for \(parameter.name)"}}
        parameter: name: string
---
kind: WorkflowStepDefinition
metadata: {name: older}
spec:
  schematic:
    cue:
      template: |
        import "vela/op"
        apply: op.#Apply & {value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: parameter.name, data: ready: "yes"}}
        both: op.#Steps & {
          read: op.#Read & {value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: parameter.name}}
          say: op.#Message & {message: "it is \(read.value.data.ready)"}
        }
        parameter: name: string
---
kind: WorkflowStepDefinition
metadata: {name: several}
spec:
  schematic:
    cue:
      template: |
        import ("vela/builtin", "vela/kube")
        objects: [for n in parameter.names {
          kube.#Apply & {$params: value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: n}}
        }]
        puts: {
          for n in parameter.names {
            "put-\(n)": builtin.#DoVar & {$params: {method: "Put", path: n, value: "value of " + n}}
          }
        }
        get: builtin.#DoVar & {$params: {method: "Get", path: parameter.names[0]}}
        if get.$returns != _|_ {
          say: builtin.#Message & {$params: message: get.$returns.value}
        }
        parameter: names: [...string]
---
kind: WorkflowStepDefinition
metadata: {name: ready}
spec:
  schematic:
    cue:
      template: |
        import ("vela/builtin", "vela/kube")
        object: kube.#Ready & {$params: value: parameter}
        if object.$returns.value.status.phase != _|_ {
          say: builtin.#Message & {$params: message: object.$returns.value.status.phase}
        }
        parameter: {...}
---
kind: WorkflowStepDefinition
metadata: {name: conflict}
spec:
  schematic:
    cue:
      template: |
        import "vela/builtin"
        x: 1
        x: 2
        say: builtin.#Message & {$params: message: "never"}
---
kind: WorkflowStepDefinition
metadata: {name: give-up}
spec:
  schematic:
    cue:
      template: |
        import "vela/builtin"
        say: builtin.#Message & {$params: message: "first"}
        fail: builtin.#Fail & {$params: message: parameter.message}
        out: 7
        parameter: message: string
"#;

fn library() -> Library {
    Library::builtin().with_text("defs.yaml", DEFINITIONS).unwrap_or_else(|p| panic!("{p}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_in_every_form() {
    let app = steps(
        r#"
- {name: old, type: older, properties: {name: one}}
- {name: many, type: several, properties: {names: [x, "y"]}}
- {name: is, type: ready, properties: {apiVersion: v1, kind: Namespace, metadata: {name: default}}}
- {name: deployment, type: apply-deployment, properties: {image: nginx, replicas: 2}}
- name: read
  type: read-object
  properties: {apiVersion: apps/v1, kind: Deployment, name: deployment}
  outputs: [{name: image, valueFrom: "output.value.spec.template.spec.containers[0].image"}]
- name: image
  type: print-message-in-status
  inputs: [{from: image, parameterKey: message}]
- {name: gone, type: delete-object, properties: {apiVersion: apps/v1, kind: Deployment, name: deployment}}
- {name: again, type: delete-object, properties: {apiVersion: apps/v1, kind: Deployment, name: deployment}}
- name: taken
  type: print-message-in-status
  inputs: [{from: "y", parameterKey: message}]
- name: wrong
  type: conflict
- name: up
  type: give-up
  if: status.wrong.failed
  properties: {message: enough}
  outputs: [{name: seven, valueFrom: "out + 0"}]
- name: seven
  type: print-message-in-status
  if: always
  inputs: [{from: seven, parameterKey: message}]
- name: group
  type: step-group
  if: always
  subSteps:
  - {name: g1, type: print-message-in-status, properties: {message: in a group}}
  - {name: g2, type: print-message-in-status, if: context.stepGroupName == "group" && status.old.succeeded, properties: {message: too}}
  - {name: g3, type: print-message-in-status, if: context.nothing == 1, properties: {message: no}}
"#,
    );
    insta::assert_snapshot!(lines(&run(library(), &app).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_what_it_read_changes() {
    let cluster = cluster().await;
    let driver = Driver::new(cluster.client(), library());
    let app = steps("- {name: w, type: wait-for, properties: {name: flag}}");
    let reference = within(driver.submit(&app)).await.unwrap();
    let mut run = driver.drive(reference.clone(), Until::Finished);
    let waits = |p: &Progress| matches!(p, Progress::Step { step, .. } if step.reason == Some(Reason::Wait));
    within(async { while !waits(&run.progress.recv().await.unwrap()) {} }).await;
    // Let the fallback grow to seconds, so that it is the watch that ends the wait.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let flag =
        serde_json::from_value(json!({"metadata": {"name": "flag"}, "data": {"ready": "yes"}})).unwrap();
    let begun = std::time::Instant::now();
    maps.create(&Default::default(), &flag).await.unwrap();
    let status = within(run.wait()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(status.step("w").map(|s| s.phase), Some(StepPhase::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_saved_and_not_published_is() {
    let cluster = cluster().await;
    let driver = Driver::new(cluster.client(), library());
    let reference = within(driver.submit(&steps("- {name: only, type: several, properties: {names: [x]}}")))
        .await
        .unwrap();
    let end = within(driver.drive(reference.clone(), Until::Finished).wait()).await.unwrap();
    assert!(end.finished);
    // As it is when the process is killed between the two writes.
    let (record, _) = Record::load(&cluster.client(), &driver.kinds, &reference).await.unwrap();
    let mut object = record.object.clone();
    let published = match reference.kind {
        RunKind::Application => &mut object.data["status"]["workflow"],
        RunKind::WorkflowRun => &mut object.data["status"],
    };
    let mut run = serde_json::to_value(&end).unwrap();
    run["steps"] = json!([]);
    let after: u64 = end.context_backend.as_ref().unwrap().resource_version.parse().unwrap();
    published["finished"] = json!(false);
    published["status"] = json!("executing");
    record.api().replace_status(&reference.name, &Default::default(), &object).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let journal = json!({"after": after, "run": run}).to_string();
    let patch = kube::api::Patch::Merge(json!({"data": {"stepwell-journal": journal}}));
    maps.patch(&record.context_name(), &Default::default(), &patch).await.unwrap();
    let published = async || {
        let (record, state) = Record::load(&cluster.client(), &driver.kinds, &reference).await.unwrap();
        (record.published().finished, state.status.finished)
    };
    assert_eq!(published().await, (false, true));
    within(driver.drive(reference.clone(), Until::Finished).wait()).await.unwrap();
    assert_eq!(published().await, (true, true));
}

/// What is on the cluster when a run is over, apart from times and versions.
async fn outcome(client: &Client) -> Value {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let list = maps.list(&Default::default()).await.unwrap();
    let mut all: Vec<Value> = list
        .items
        .into_iter()
        .map(|mut m| {
            // What it says depends on when the status was published.
            m.data.as_mut().map(|d| d.remove("stepwell-journal"));
            json!([m.metadata.name, m.metadata.labels, m.data])
        })
        .collect();
    all.sort_by_key(|v| v[0].to_string());
    json!(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_interrupted_after_any_change_ends_the_same() {
    let app = steps(
        r#"
- {name: old, type: older, properties: {name: one}, outputs: [{name: o, valueFrom: "both.read.value.data"}]}
- {name: many, type: several, properties: {names: [x, "y"]}}
- {name: stop, type: suspend, properties: {duration: 200ms}}
- name: note
  type: apply-object
  inputs: [{from: o, parameterKey: value.data}]
  properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: note}}}
"#,
    );
    let whole = cluster().await;
    let driver = Driver::new(whole.client(), library());
    let reference = within(driver.submit(&app)).await.unwrap();
    let mut run = driver.drive(reference, Until::Finished);
    let mut told = 0;
    let mut progress = std::mem::replace(&mut run.progress, broadcast::channel(1).1);
    let want = within(run.wait()).await.unwrap();
    assert_eq!(want.phase, RunPhase::Succeeded, "{}", lines(&want));
    while progress.try_recv().is_ok() {
        told += 1;
    }
    let want = (lines(&want), outcome(&whole.client()).await);
    assert!(told >= 6, "{told}");
    for stop_after in 1..told {
        let broken = cluster().await;
        let reference = within(Driver::new(broken.client(), library()).submit(&app)).await.unwrap();
        let mut run = Driver::new(broken.client(), library()).drive(reference.clone(), Until::Finished);
        for _ in 0..stop_after {
            if within(run.progress.recv()).await.is_err() {
                break;
            }
        }
        run.abandon();
        let run = Driver::new(broken.client(), library()).drive(reference, Until::Finished);
        let got = within(run.wait()).await.unwrap();
        assert_eq!((lines(&got), outcome(&broken.client()).await), want, "after {stop_after} changes");
    }
}
