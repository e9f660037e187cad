//! What a definition says of itself: its kind, its name, and the attributes around its template.
//!
//! What may be changed: a new attribute that the runtime acts on is one method of [`Header`]. How files are read is in `definitions`.

use serde_json::{Map, Value};
use std::fmt;

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A workload: `output` and `outputs`.
    Component,
    /// What changes or adds to a component: `patch`, `patchOutputs`, `outputs`.
    Trait,
    /// What holds for the whole Application.
    Policy,
    /// A step of a workflow.
    WorkflowStep,
    /// What an Application consists of.
    Application,
}

impl Kind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Kind; 5] =
        [Kind::Component, Kind::Trait, Kind::Policy, Kind::WorkflowStep, Kind::Application];

    /// As `type:` in a definition file says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Component => "component",
            Kind::Trait => "trait",
            Kind::Policy => "policy",
            Kind::WorkflowStep => "workflow-step",
            Kind::Application => "application",
        }
    }

    /// The folder below `defs/`.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::WorkflowStep => "workflowstep",
            other => other.as_str(),
        }
    }

    /// The `kind:` of the Kubernetes object that holds such a definition.
    pub fn object_kind(self) -> &'static str {
        match self {
            Kind::Component => "ComponentDefinition",
            Kind::Trait => "TraitDefinition",
            Kind::Policy => "PolicyDefinition",
            Kind::WorkflowStep => "WorkflowStepDefinition",
            Kind::Application => "ApplicationTemplate",
        }
    }

    /// The kind that `type:` names; a component was a workload once.
    pub fn parse(text: &str) -> Option<Kind> {
        let known = Kind::ALL.into_iter().find(|k| k.as_str() == text);
        known.or((text == "workload").then_some(Kind::Component))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::WorkflowStep => "workflow step",
            Kind::Application => "application template",
            other => other.as_str(),
        })
    }
}

/// What a definition says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// What it is for, in a sentence.
    pub description: String,
    /// Its labels.
    pub labels: Map<String, Value>,
    /// Its annotations.
    pub annotations: Map<String, Value>,
    /// The workload, where traits apply, when they run, status.
    pub attributes: Map<String, Value>,
}

impl Header {
    /// Whether changes by this trait restart pods.
    pub fn pod_disruptive(&self) -> bool {
        self.attributes.get("podDisruptive").and_then(Value::as_bool).unwrap_or(false)
    }

    /// When the trait is applied: `PreDispatch`, `PostDispatch`, or together with the workload.
    pub fn stage(&self) -> Option<&str> {
        self.attributes.get("stage").and_then(Value::as_str).filter(|s| !s.is_empty())
    }

    /// The path in a trait's objects where a reference to the workload is put.
    pub fn workload_ref_path(&self) -> Option<&str> {
        self.attributes.get("workloadRefPath").and_then(Value::as_str).filter(|s| !s.is_empty())
    }

    /// The parameters of a component that only name objects: the one with references to objects of a cluster, the one with addresses.
    pub fn references(&self) -> Option<(&str, &str)> {
        let references = self.attributes.get("references")?;
        let field = |name: &str| references.get(name).and_then(Value::as_str).unwrap_or_default();
        Some((field("objects"), field("urls")))
    }

    /// Whether the workload of the component may be of any kind.
    pub fn is_of_any_kind(&self) -> bool {
        let workload = self.attributes.get("workload");
        workload.and_then(|w| w.get("type")).and_then(Value::as_str) == Some("autodetects.core.oam.dev")
    }

    /// Whether the workload of the component is a Configuration of the Terraform controller.
    pub fn is_terraform(&self) -> bool {
        let workload = self.attributes.get("workload");
        let text = |pointer: &str| workload.and_then(|w| w.pointer(pointer)).and_then(Value::as_str);
        let group = text("/definition/apiVersion").unwrap_or_default();
        text("/type") == Some("configurations.terraform.core.oam.dev")
            || (group.starts_with("terraform.core.oam.dev/")
                && text("/definition/kind") == Some("Configuration"))
    }

    /// The workloads that the trait is for, unless it is for this one: a component type, a kind with its group (`deployments.apps`), a group (`*.apps`). Of
    /// kinds that do not come with Kubernetes nothing is known: they may be made like those that do.
    pub fn is_not_for(&self, component: &str, api_version: &str, kind: &str) -> Option<Vec<&str>> {
        let said = self.attributes.get("appliesToWorkloads")?.as_array()?;
        let said: Vec<&str> = said.iter().filter_map(Value::as_str).collect();
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        if !(matches!(group, "" | "apps" | "batch" | "autoscaling" | "policy") || group.ends_with(".k8s.io"))
        {
            return None;
        }
        let lower = kind.to_ascii_lowercase();
        let of_kind = |name: &str| {
            let name = name.to_ascii_lowercase();
            // Plurals are English.
            let singular =
                |ending: &str, instead: &str| name.strip_suffix(ending).map(|n| format!("{n}{instead}"));
            let forms = [Some(name.clone()), singular("s", ""), singular("es", ""), singular("ies", "y")];
            forms.into_iter().flatten().any(|form| form == lower)
        };
        let fits = |said: &&str| match said.split_once('.') {
            _ if *said == "*" || *said == component => true,
            // What labels of a definition say, nobody can tell of an object.
            _ if said.starts_with("labelSelector") => true,
            Some((name, of)) => {
                (name == "*" || of_kind(name)) && (of == group || (of == "core" && group.is_empty()))
            }
            None => group.is_empty() && of_kind(said),
        };
        (!said.is_empty() && !said.iter().any(fits)).then_some(said)
    }

    /// A text of the `status` attribute: `healthPolicy`, `customStatus` or `statusDetails`.
    pub fn status(&self, name: &str) -> Option<&str> {
        self.attributes.get("status")?.get(name)?.as_str().filter(|s| !s.trim().is_empty())
    }
}
