//! Applications that name a template, written to a cluster by somebody who knows nothing of templates, and carried out there.

#![allow(clippy::unwrap_used, reason = "tests")]

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use std::time::Duration;
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::driver::{Driver, RunRef};
use stepwell_runtime::model::run::RunPhase;

fn objects(cluster: &EmbeddedCluster, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("core.oam.dev", "v1beta1", kind));
    Api::namespaced_with(cluster.client(), "default", &resource)
}

async fn apply(api: &Api<DynamicObject>, kind: &str, name: &str, spec: &Value) {
    let object =
        json!({"apiVersion": "core.oam.dev/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    api.patch(name, &PatchParams::apply("kubectl"), &Patch::Apply(object)).await.unwrap();
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

fn template(message: &str) -> Value {
    let text = format!(
        "output: {{components: [], workflow: steps: [{{name: \"say\", type: \"print-message-in-status\", properties: message: \"{message} \\(parameter.to)\"}}]}}\nparameter: to: string\n"
    );
    json!({"schematic": {"cue": {"template": text}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_waited_for_and_written_back_once() {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let driver = Driver::new(cluster.client(), Library::builtin());
    let serving = tokio::spawn({
        let driver = driver.clone();
        async move { driver.serve(None).await }
    });
    let (apps, templates) = (objects(&cluster, "Application"), objects(&cluster, "ApplicationTemplate"));
    let run = RunRef::application("default", "app");
    let says = async |text: &str| {
        driver
            .status(&run)
            .await
            .is_ok_and(|s| s.phase == RunPhase::Succeeded && s.step("say").is_some_and(|s| s.message == text))
    };
    // The Application comes first: it waits.
    apply(&apps, "Application", "app", &json!({"template": {"name": "hello", "properties": {"to": "you"}}}))
        .await;
    until("it waits", async || {
        driver.status(&run).await.is_ok_and(|s| s.message.contains("there is no ApplicationTemplate `hello`"))
    })
    .await;
    apply(&templates, "ApplicationTemplate", "hello", &template("hello")).await;
    until("it says hello", async || says("hello you").await).await;
    let written = apps.get("app").await.unwrap();
    assert_eq!(written.metadata.annotations.as_ref().unwrap()["app.oam.dev/template"], "default/hello");
    let writers: Vec<_> =
        written.metadata.managed_fields.iter().flatten().filter_map(|f| f.manager.clone()).collect();
    assert_eq!(writers.iter().filter(|w| *w == "stepwell-template").count(), 1, "{writers:?}");
    // The same again changes nothing, whoever writes it; a run that starts over takes what the template is then.
    apply(&apps, "Application", "app", &json!({"template": {"name": "hello", "properties": {"to": "you"}}}))
        .await;
    driver.restart(&run, None).await.unwrap();
    until("it has run again", async || says("hello you").await).await;
    assert_eq!(apps.get("app").await.unwrap().metadata.generation, written.metadata.generation);
    apply(&templates, "ApplicationTemplate", "hello", &template("goodbye")).await;
    driver.restart(&run, None).await.unwrap();
    until("it says goodbye", async || says("goodbye you").await).await;
    // Other parameters start it over by themselves.
    apply(&apps, "Application", "app", &json!({"template": {"name": "hello", "properties": {"to": "all"}}}))
        .await;
    until("it says so to all", async || says("goodbye all").await).await;
    // What is wrong ends the run with the reason.
    apply(&apps, "Application", "app", &json!({"template": {"name": "hello", "properties": {"to": 1}}}))
        .await;
    until("it is refused", async || {
        driver.status(&run).await.is_ok_and(|s| {
            s.phase == RunPhase::Failed && s.message.contains("the parameter `to` cannot be 1")
        })
    })
    .await;
    serving.abort();
    cluster.close().await;
}
