//! The kinds that a cluster must know before it can hold Applications and runs: installed where they are not there.
//!
//! Their schemas are open: what a document may hold is checked by this crate, with better messages.

use super::DriveError;
use super::record::{RunKind, RunRef};
use crate::ops::support::objects::{FIELD_MANAGER, Kinds, innermost};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the cluster may take to serve a new kind.
const PATIENCE: Duration = Duration::from_secs(15);

fn definition(kind: RunKind) -> Value {
    let (version, singular, plural, short) = match kind {
        RunKind::Application => ("v1beta1", "application", "applications", "app"),
        RunKind::WorkflowRun => ("v1alpha1", "workflowrun", "workflowruns", "wr"),
    };
    let column = |name: &str, path: &str| json!({"name": name, "type": "string", "jsonPath": path});
    let columns = match kind {
        RunKind::Application => json!([
            column("Component", ".spec.components[*].name"),
            column("Type", ".spec.components[*].type"),
            column("Phase", ".status.status"),
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ]),
        RunKind::WorkflowRun => json!([
            column("Phase", ".status.status"),
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ]),
    };
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.core.oam.dev")},
        "spec": {
            "group": "core.oam.dev", "scope": "Namespaced",
            "names": {"kind": RunRef { kind, namespace: String::new(), name: String::new() }.types().1, "singular": singular, "plural": plural,
                "listKind": format!("{}List", RunRef { kind, namespace: String::new(), name: String::new() }.types().1), "shortNames": [short]},
            "versions": [{
                "name": version, "served": true, "storage": true, "subresources": {"status": {}},
                "additionalPrinterColumns": columns,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": open.clone(), "status": open}}},
            }],
        },
    })
}

/// Makes sure that the cluster serves a kind.
pub(super) async fn ensure(client: &Client, kinds: &Kinds, kind: RunKind) -> Result<(), DriveError> {
    let reference = RunRef { kind, namespace: String::new(), name: String::new() };
    let (api_version, name) = reference.types();
    match kinds.find(client, api_version, name).await {
        Ok(_) => return Ok(()),
        Err(e) if e.retry => return Err(DriveError::Cluster(e.message)),
        Err(_) => {}
    }
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = definition(kind);
    let crd = definition.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(crd, &params, &Patch::Apply(&definition)).await.map_err(|e| match e {
        kube::Error::Api(s) => DriveError::Refused(format!("cannot install the kind {name}: {}", s.message)),
        other => DriveError::Cluster(format!(
            "cannot install the kind {name}: the cluster does not answer: {}",
            innermost(&other)
        )),
    })?;
    let begun = std::time::Instant::now();
    loop {
        match kinds.find(client, api_version, name).await {
            Ok(_) => return Ok(()),
            Err(e) if begun.elapsed() > PATIENCE => {
                return Err(DriveError::Cluster(format!("after {PATIENCE:?}: {}", e.message)));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
