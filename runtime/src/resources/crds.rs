//! The kinds that a cluster must know before it can hold what is recorded of Applications and runs: installed where they are not there.
//!
//! Most schemas are open: what a document may hold is checked by this crate, with better messages. A new kind is one entry in [`Crd::row`].

use crate::model::definition::Kind;
use crate::ops::OpError;
use crate::ops::support::objects::{FIELD_MANAGER, Kinds, refused};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the cluster may take to serve a new kind.
const PATIENCE: Duration = Duration::from_secs(15);

/// A kind of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crd {
    /// What is delivered.
    Application,
    /// A run of its own.
    WorkflowRun,
    /// What an Application once was delivered as.
    ApplicationRevision,
    /// What an Application has applied.
    ResourceTracker,
    /// A definition.
    Definition(Kind),
    /// A workflow that several runs name.
    Workflow,
    /// A namespace for Applications, and the targets that they are put to.
    Environment,
    /// A cluster and a namespace.
    Target,
}

/// What is to be said of a kind.
struct Row {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
    namespaced: bool,
    columns: &'static [(&'static str, &'static str)],
    /// What `spec` is; open where nothing is said.
    spec: Option<Value>,
}

impl Crd {
    /// The kind of an object that somebody wants to write, if it is one of this program.
    pub fn of(api_version: &str, kind: &str) -> Option<Crd> {
        let own = [
            Crd::Application,
            Crd::WorkflowRun,
            Crd::ApplicationRevision,
            Crd::ResourceTracker,
            Crd::Workflow,
            Crd::Environment,
            Crd::Target,
        ];
        let mut all = own.into_iter().chain(Kind::ALL.map(Crd::Definition));
        all.find(|crd| crd.types() == (api_version.to_string(), crd.row().kind) && crd.row().kind == kind)
    }

    fn row(self) -> Row {
        let row = |version, kind, plural, short, columns| Row {
            group: "core.oam.dev",
            version,
            kind,
            plural,
            short,
            namespaced: true,
            columns,
            spec: None,
        };
        match self {
            Crd::Application => row(
                "v1beta1",
                "Application",
                "applications",
                "app",
                &[
                    ("Component", ".spec.components[*].name"),
                    ("Type", ".spec.components[*].type"),
                    ("Phase", ".status.status"),
                ],
            ),
            Crd::WorkflowRun => {
                row("v1alpha1", "WorkflowRun", "workflowruns", "wr", &[("Phase", ".status.status")])
            }
            Crd::ApplicationRevision => row(
                "v1beta1",
                "ApplicationRevision",
                "applicationrevisions",
                "apprev",
                &[("Succeeded", ".status.succeeded")],
            ),
            Crd::Definition(kind) => {
                let (plural, short) = match kind {
                    Kind::Component => ("componentdefinitions", "comp"),
                    Kind::Trait => ("traitdefinitions", "trait"),
                    Kind::Policy => ("policydefinitions", "def-policy"),
                    Kind::WorkflowStep => ("workflowstepdefinitions", "workflowstep"),
                    Kind::Application => ("applicationtemplates", "apptemplate"),
                };
                row(
                    "v1beta1",
                    kind.object_kind(),
                    plural,
                    short,
                    &[("Description", ".metadata.annotations.definition\\.oam\\.dev/description")],
                )
            }
            // Its steps stand beside `metadata`, not in `spec`.
            Crd::Workflow => row("v1alpha1", "Workflow", "workflows", "wf", &[]),
            Crd::ResourceTracker => Row {
                namespaced: false,
                ..row(
                    "v1beta1",
                    "ResourceTracker",
                    "resourcetrackers",
                    "rt",
                    &[("Type", ".spec.type"), ("App", ".metadata.labels.app\\.oam\\.dev/name")],
                )
            },
            Crd::Environment => Row {
                group: "stepwell.dev",
                namespaced: false,
                spec: Some(json!({"type": "object", "properties": {
                    "description": {"type": "string", "description": "What it is for"},
                    "namespace": {"type": "string", "description": "Where its Applications are recorded; of the same name where none is given"},
                    "targets": {"type": "array", "items": {"type": "string"}, "description": "The names of its targets, in the order in which they are served"},
                    "approve": {"type": "boolean", "description": "Whether nothing is put there before somebody says so"},
                }})),
                ..row(
                    "v1alpha1",
                    "Environment",
                    "environments",
                    "env",
                    &[("Namespace", ".spec.namespace"), ("Targets", ".spec.targets[*]")],
                )
            },
            Crd::Target => Row {
                group: "stepwell.dev",
                namespaced: false,
                spec: Some(json!({"type": "object", "properties": {
                    "description": {"type": "string", "description": "What it is for"},
                    "cluster": {"type": "string", "description": "The cluster; local, where none is given, is that of the run"},
                    "namespace": {"type": "string", "description": "The namespace; of the same name where none is given"},
                }})),
                ..row(
                    "v1alpha1",
                    "Target",
                    "targets",
                    "tgt",
                    &[("Cluster", ".spec.cluster"), ("Namespace", ".spec.namespace")],
                )
            },
        }
    }

    /// API version and kind.
    pub fn types(self) -> (String, &'static str) {
        let row = self.row();
        (format!("{}/{}", row.group, row.version), row.kind)
    }

    fn definition(self) -> Value {
        let row = self.row();
        let mut columns: Vec<Value> = row
            .columns
            .iter()
            .map(|(name, path)| json!({"name": name, "type": "string", "jsonPath": path}))
            .collect();
        columns.push(json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}));
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let spec = row.spec.clone().unwrap_or_else(|| open.clone());
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.{}", row.plural, row.group)},
            "spec": {
                "group": row.group, "scope": if row.namespaced { "Namespaced" } else { "Cluster" },
                "names": {"kind": row.kind, "singular": row.kind.to_lowercase(), "plural": row.plural,
                    "listKind": format!("{}List", row.kind), "shortNames": [row.short]},
                "versions": [{
                    "name": row.version, "served": true, "storage": true, "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": match self {
                        Crd::Workflow => open,
                        _ => json!({"type": "object", "properties": {"spec": spec, "status": open}}),
                    }},
                }],
            },
        })
    }
}

/// Makes sure that the cluster serves a kind.
///
/// # Errors
/// A cluster that refuses, does not answer, or does not serve the kind in time.
pub async fn ensure(client: &Client, kinds: &Kinds, crd: Crd) -> Result<(), OpError> {
    let (api_version, name) = crd.types();
    match kinds.find(client, &api_version, name).await {
        Ok(_) => return Ok(()),
        Err(e) if e.retry => return Err(e),
        Err(_) => {}
    }
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = crd.definition();
    let file = definition.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let applied = api.patch(file, &params, &Patch::Apply(&definition)).await;
    applied.map_err(|e| refused(&format!("install the kind {name}"), e))?;
    let begun = std::time::Instant::now();
    loop {
        match kinds.find(client, &api_version, name).await {
            Ok(_) => return Ok(()),
            Err(e) if begun.elapsed() > PATIENCE => {
                return Err(OpError::transient(format!("after {PATIENCE:?}: {}", e.message)));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The objects of a kind, which the cluster serves from now on; `namespace` counts for kinds whose objects lie in one.
///
/// # Errors
/// As [`ensure`].
pub async fn api(
    client: &Client,
    kinds: &Kinds,
    crd: Crd,
    namespace: &str,
) -> Result<Api<DynamicObject>, OpError> {
    ensure(client, kinds, crd).await?;
    let (api_version, kind) = crd.types();
    let (resource, namespaced) = kinds.find(client, &api_version, kind).await?;
    Ok(match namespaced {
        true => Api::namespaced_with(client.clone(), namespace, &resource),
        false => Api::all_with(client.clone(), &resource),
    })
}
