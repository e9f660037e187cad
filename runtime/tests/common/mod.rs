//! What tests of runs share: an embedded cluster, step types, runs to carry out, and what came of them.

#![allow(dead_code, reason = "each test program uses a part of it")]

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use std::time::Duration;
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Delivery, Driver, RunRef, Until};
use stepwell_runtime::model::run::RunStatus;

pub(crate) async fn cluster() -> EmbeddedCluster {
    EmbeddedCluster::in_memory(Options::default()).await.unwrap()
}

/// A step type of this template.
pub(crate) fn definition(name: &str, template: &str) -> String {
    let template = template.trim_matches('\n').replace('\n', "\n        ");
    format!(
        "kind: WorkflowStepDefinition\nmetadata: {{name: {name}}}\nspec:\n  schematic:\n    cue:\n      template: |\n        {template}\n---\n"
    )
}

pub(crate) fn driver(cluster: &EmbeddedCluster, definitions: &str) -> Driver {
    Driver::new(cluster.client(), Library::builtin().with_text("defs.yaml", definitions).unwrap())
}

pub(crate) fn delivery(document: Value) -> Delivery {
    Delivery::read(&Document::from_value(document)).unwrap().unwrap()
}

pub(crate) fn run_of(name: &str, steps: Value) -> Delivery {
    delivery(json!({"apiVersion": "core.oam.dev/v1alpha1", "kind": "WorkflowRun", "metadata": {"name": name},
        "spec": {"workflowSpec": {"steps": steps}}}))
}

pub(crate) async fn carry_out(driver: &Driver, delivery: &Delivery) -> RunStatus {
    let run = driver.submit(delivery).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(60), driver.drive(run, Until::Finished).wait());
    end.await.expect("it takes too long").unwrap()
}

/// What the steps of a run have put out, without what ops keep for themselves.
pub(crate) async fn outputs(cluster: &EmbeddedCluster, run: &str) -> Value {
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let context = maps.get(&format!("workflow-{run}-context")).await.unwrap();
    let mut vars: Value = serde_json::from_str(&context.data.unwrap()["vars"]).unwrap();
    vars.as_object_mut().unwrap().retain(|name, _| !name.starts_with("metrics-status/"));
    vars
}

/// Writes a Secret.
pub(crate) async fn secret(cluster: &EmbeddedCluster, name: &str, data: Value) {
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), "default");
    let object =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
    secrets.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await.unwrap();
}

pub(crate) async fn until(driver: &Driver, run: &RunRef, holds: impl Fn(&RunStatus) -> bool) -> RunStatus {
    let looking = async {
        loop {
            match driver.status(run).await {
                Ok(status) if holds(&status) => return status,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.expect("it takes too long")
}

/// A kind of its own for a controller, such as one in this process.
pub(crate) async fn kind(
    cluster: &EmbeddedCluster,
    (group, version): (&str, &str),
    kind: &str,
) -> Api<DynamicObject> {
    let definitions = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let crds = Api::<DynamicObject>::all_with(cluster.client(), &ApiResource::from_gvk(&definitions));
    let singular = kind.to_lowercase();
    let name = format!("{singular}s.{group}");
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": format!("{singular}s"), "singular": singular},
            "versions": [{"name": version, "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    crds.patch(&name, &PatchParams::apply("test"), &Patch::Apply(&crd)).await.unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Api::namespaced_with(cluster.client(), "default", &resource)
}
