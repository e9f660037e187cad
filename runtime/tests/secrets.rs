//! Secrets that steps pass on, on an embedded cluster: one that is gone is waited for, and what a server has sent back of one is recorded as a reference.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use axum::Router;
use axum::routing::get;
use common::{cluster, driver, run_of, secret, until};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use stepwell_cluster::EmbeddedCluster;
use stepwell_runtime::driver::{Driver, RunRef, Until};
use stepwell_runtime::model::run::{Reason, StepPhase};

const DEFINITIONS: &str = r#"
kind: WorkflowStepDefinition
metadata: {name: read}
spec:
  schematic:
    cue:
      template: |
        import ("vela/kube", "encoding/base64")
        read: kube.#Read & {$params: value: {apiVersion: "v1", kind: "Secret", metadata: name: "token"}}
        text: "Bearer \(base64.Decode(null, read.$returns.value.data.value))"
        parameter: {}
---
kind: WorkflowStepDefinition
metadata: {name: call}
spec:
  schematic:
    cue:
      template: |
        import ("vela/http", "vela/kube", "strings")
        call: http.#HTTPGet & {$params: {url: parameter.server, request: header: Authorization: parameter.auth}}
        upper: http.#HTTPGet & {$params: {url: parameter.server, request: header: Authorization: strings.ToUpper(parameter.auth)}}
        wait: http.#HTTPGet & {$params: url: "\(parameter.server)/slow"}
        write: kube.#Apply & {$params: value: {apiVersion: "v1", kind: "Secret", metadata: name: "result", stringData: {
          answer: "\(call.$returns.body) \(upper.$returns.body)"
        }}}
        parameter: {server: string, auth: string}
---
kind: WorkflowStepDefinition
metadata: {name: use}
spec:
  schematic:
    cue:
      template: |
        import "vela/kube"
        write: kube.#Apply & {$params: value: {apiVersion: "v1", kind: "Secret", metadata: name: "result", stringData: answer: parameter.auth}}
        parameter: auth: string
"#;

async fn token(cluster: &EmbeddedCluster, value: &str) {
    secret(cluster, "token", json!({"value": value})).await;
}

async fn result(cluster: &EmbeddedCluster) -> String {
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), "default");
    let data = secrets.get("result").await.unwrap().data.unwrap();
    String::from_utf8(data["answer"].0.clone()).unwrap()
}

/// That nothing of a secret is in any ConfigMap or run.
async fn nowhere(cluster: &EmbeddedCluster, driver: &Driver, run: &RunRef, forms: &[&str]) {
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let all = serde_json::to_string(&maps.list(&ListParams::default()).await.unwrap().items).unwrap();
    let all = all + &serde_json::to_string(&driver.status(run).await.unwrap()).unwrap();
    for form in forms {
        assert!(!all.contains(form), "{form} in {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_gone_is_waited_for() {
    let cluster = cluster().await;
    let driver = driver(&cluster, DEFINITIONS);
    token(&cluster, "HIDDEN-ONE").await;
    let steps = json!([
        {"name": "read", "type": "read", "outputs": [{"name": "auth", "valueFrom": "text"}]},
        {"name": "look", "type": "suspend"},
        {"name": "use", "type": "use", "inputs": [{"from": "auth", "parameterKey": "auth"}]}]);
    let run = driver.submit(&run_of("run", steps)).await.unwrap();
    let driven = driver.drive(run.clone(), Until::Finished);
    until(&driver, &run, |s| s.suspend).await;
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), "default");
    secrets.delete("token", &DeleteParams::default()).await.unwrap();
    driven.resume(None).await.unwrap();
    let waits = until(&driver, &run, |s| s.step("use").is_some_and(|s| s.phase == StepPhase::Failed)).await;
    let step = waits.step("use").unwrap();
    assert_eq!(step.message, "input `auth`: there is no Secret `token` in `default`");
    assert_eq!(step.reason, Some(Reason::Execute));
    nowhere(&cluster, &driver, &run, &["HIDDEN-ONE"]).await;
    token(&cluster, "HIDDEN-TWO").await;
    let status = tokio::time::timeout(Duration::from_secs(30), driven.wait()).await.unwrap().unwrap();
    assert_eq!(status.step("use").unwrap().phase, StepPhase::Succeeded, "{status:?}");
    assert_eq!(result(&cluster).await, "Bearer HIDDEN-TWO");
    nowhere(&cluster, &driver, &run, &["HIDDEN-ONE", "HIDDEN-TWO"]).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_sends_back_is_recorded_as_a_reference() {
    let cluster = cluster().await;
    // A server that says what it was sent, and counts.
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let echo = move |headers: axum::http::HeaderMap| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { headers["authorization"].to_str().unwrap().to_string() }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    // It does not answer to a third call before it is told to.
    let (go, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (told, asked) = (go.clone(), gone.clone());
    let slow = move || {
        let told = told.clone();
        asked.fetch_add(1, Ordering::SeqCst);
        async move {
            while told.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let app = Router::new().route("/", get(echo)).route("/slow", get(slow));
    tokio::spawn(async move { axum::serve(listener, app).await });
    token(&cluster, "hidden-value").await;
    let steps = json!([
        {"name": "read", "type": "read", "outputs": [{"name": "auth", "valueFrom": "text"}]},
        {"name": "call", "type": "call", "properties": {"server": server}, "inputs": [{"from": "auth", "parameterKey": "auth"}]}]);
    let first = driver(&cluster, DEFINITIONS);
    let run = first.submit(&run_of("run", steps)).await.unwrap();
    let driven = first.drive(run.clone(), Until::Finished);
    while gone.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    // What only asks is recorded while the step goes on.
    let recorded = async {
        loop {
            let context = maps.get_opt("workflow-run-context").await.unwrap().and_then(|c| c.data);
            let is_reference = |text: &String| text.contains(r#"{"at":"/body","recipe""#);
            if context.is_some_and(|c| c.values().filter(|text| is_reference(text)).count() == 2) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), recorded).await.expect("what the calls gave is recorded");
    nowhere(&cluster, &first, &run, &["hidden-value", "HIDDEN-VALUE"]).await;
    driven.abandon();
    go.store(1, Ordering::SeqCst);
    let second = driver(&cluster, DEFINITIONS);
    let driven = second.drive(run.clone(), Until::Finished);
    let status = tokio::time::timeout(Duration::from_secs(60), driven.wait()).await.unwrap().unwrap();
    assert_eq!(status.step("call").unwrap().phase, StepPhase::Succeeded, "{status:?}");
    // What was recorded was not asked for again, and is there as it was.
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(result(&cluster).await, "Bearer hidden-value BEARER HIDDEN-VALUE");
    nowhere(&cluster, &second, &run, &["hidden-value", "HIDDEN-VALUE"]).await;
    cluster.close().await;
}
