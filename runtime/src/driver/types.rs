//! The step types of a run: from the definitions given with the program, the run's namespace, `vela-system`, or those built in, in this order.
//!
//! A run keeps the versions that it has begun with: what comes from the cluster is written beside the record (a ConfigMap of its own, written once),
//! and taken from there when the run is taken up again. Tests: `tests/`.

use super::record::{RunRef, cluster};
use super::{DriveError, Driver};
use crate::definitions::{Definition, Library};
use crate::document::Document;
use crate::engine::Watched;
use crate::model::definition::Kind;
use crate::model::workflow::GROUP;
use crate::ops::support::objects::FIELD_MANAGER;
use crate::problem::Problem;
use futures::future;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Where definitions for all namespaces lie.
pub(super) const SYSTEM: &str = "vela-system";
const API_VERSION: &str = "core.oam.dev/v1beta1";

/// Step types that definitions on the cluster cannot replace.
const RESERVED: [&str; 2] = ["suspend", GROUP];

/// Whether a step is carried out by a definition.
pub(super) fn has_definition(kind: &str) -> bool {
    kind != GROUP
}

/// A step type that comes from the cluster.
#[derive(Clone, Debug)]
struct OfCluster {
    definition: Arc<Definition>,
    /// `namespace/name`.
    from: String,
    /// The definition as it stands there, to be kept.
    object: Value,
}

/// The step types that a run uses.
#[derive(Clone, Debug)]
pub(super) struct StepTypes {
    library: Library,
    cluster: BTreeMap<String, OfCluster>,
    /// Types whose definition has changed since the run began with it.
    pub(super) changed: Vec<String>,
}

impl StepTypes {
    pub(super) fn of_library(library: Library) -> StepTypes {
        StepTypes { library, cluster: BTreeMap::new(), changed: Vec::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Definition>> {
        match self.cluster.get(name) {
            Some(found) => Some(&found.definition),
            None => self.library.get(Kind::WorkflowStep, name),
        }
    }

    pub(super) fn unknown(&self, name: &str) -> Problem {
        self.library.unknown(Kind::WorkflowStep, name)
    }

    pub(super) fn library(&self) -> &Library {
        &self.library
    }

    /// Whether anything must be kept.
    pub(super) fn any_of_cluster(&self) -> bool {
        !self.cluster.is_empty()
    }

    /// Adds what another look has found.
    pub(super) fn absorb(&mut self, other: StepTypes) {
        self.cluster.extend(other.cluster);
    }
}

/// Definitions of the cluster that have been read, by place; compiled once as long as their version stays.
#[derive(Default)]
pub(super) struct Known {
    all: Mutex<HashMap<String, (String, Arc<Definition>)>>,
}

impl Known {
    fn definition(&self, place: &str, version: &str, object: &Value) -> Result<Arc<Definition>, DriveError> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, definition)) = all.get(place)
            && known == version
            && !version.is_empty()
        {
            return Ok(definition.clone());
        }
        let document = Document::from_value(object.clone());
        let wrong = |e| DriveError::Record(format!("the WorkflowStepDefinition {place} cannot be read: {e}"));
        let definition = Arc::new(Definition::of_object(&document, place).map_err(wrong)?);
        all.insert(place.to_string(), (version.to_string(), definition.clone()));
        Ok(definition)
    }
}

/// What to watch for a step type that is not there.
pub(super) fn watches(namespace: &str, kind: &str) -> Vec<Watched> {
    let of = |namespace: &str| Watched {
        api_version: API_VERSION.into(),
        kind: Kind::WorkflowStep.object_kind().into(),
        namespace: namespace.into(),
        name: kind.into(),
        ..Watched::default()
    };
    let mut all = vec![of(namespace)];
    if namespace != SYSTEM {
        all.push(of(SYSTEM));
    }
    all
}

/// What the cluster has of this kind and name, with its place: in the namespace, or else in `vela-system`. `what` is how people call it.
pub(super) async fn of_cluster(
    client: &kube::Client,
    resource: &ApiResource,
    namespace: &str,
    name: &str,
    what: &str,
) -> Result<Option<(String, DynamicObject)>, DriveError> {
    let places = if namespace == SYSTEM { &[SYSTEM][..] } else { &[namespace, SYSTEM] };
    for place in places {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), place, resource);
        match api.get_opt(name).await {
            Ok(Some(object)) => return Ok(Some((format!("{place}/{name}"), object))),
            Ok(None) => {}
            Err(kube::Error::Api(s)) => {
                let message = format!("cannot read the {what} {place}/{name}: {}", s.message);
                return Err(DriveError::Refused(message));
            }
            Err(e) => {
                let why = crate::ops::support::objects::innermost(&e);
                return Err(DriveError::Cluster(format!("cannot read the {what} {place}/{name}: {why}")));
            }
        }
    }
    Ok(None)
}

impl Driver {
    /// Looks for step types; of those that are kept, the kept version counts.
    pub(super) async fn step_types(
        &self,
        namespace: &str,
        kinds: &[String],
        kept: &StepTypes,
    ) -> Result<StepTypes, DriveError> {
        let mut types = StepTypes::of_library(self.library.clone());
        let found = match self.kinds.find(&self.client, API_VERSION, Kind::WorkflowStep.object_kind()).await {
            Ok((resource, _)) => Some(resource),
            Err(e) if e.retry => return Err(DriveError::Cluster(e.message)),
            // A cluster that does not know the kind has none.
            Err(_) => None,
        };
        let Some(resource) = found else {
            types.cluster = kept.cluster.clone();
            return Ok(types);
        };
        let asked =
            |k: &&String| !RESERVED.contains(&k.as_str()) && !self.library.is_own(Kind::WorkflowStep, k);
        let looks = kinds.iter().filter(asked).map(|kind| {
            let resource = &resource;
            async move {
                let found = of_cluster(&self.client, resource, namespace, kind, "step type").await?;
                Ok::<_, DriveError>(found.map(|(from, object)| (kind, from, object)))
            }
        });
        for found in future::try_join_all(looks).await?.into_iter().flatten() {
            let (kind, from, object) = found;
            let version = format!(
                "{}/{}",
                object.uid().unwrap_or_default(),
                object.resource_version().unwrap_or_default()
            );
            let now = kept_part(&serde_json::to_value(&object).unwrap_or_default());
            let old = kept.cluster.get(kind);
            match old.filter(|old| old.object["spec"] != now["spec"]) {
                Some(old) => {
                    types.changed.push(kind.clone());
                    types.cluster.insert(kind.clone(), old.clone());
                }
                None => {
                    let definition = self.known.definition(&from, &version, &now)?;
                    types.cluster.insert(kind.clone(), OfCluster { definition, from, object: now });
                }
            }
        }
        for (kind, old) in &kept.cluster {
            if !types.cluster.contains_key(kind) {
                types.changed.push(kind.clone());
                types.cluster.insert(kind.clone(), old.clone());
            }
        }
        Ok(types)
    }

    fn kept(&self, reference: &RunRef) -> (Api<ConfigMap>, String) {
        let name = format!("workflow-{}-definitions", reference.name);
        (Api::namespaced(self.client.clone(), &reference.namespace), name)
    }

    /// The step types that a run has kept. Without any, the next look decides.
    pub(super) async fn kept_types(&self, reference: &RunRef) -> Result<StepTypes, DriveError> {
        let mut types = StepTypes::of_library(self.library.clone());
        let (api, name) = self.kept(reference);
        let found = api.get_opt(&name).await.map_err(|e| cluster(reference, "read the step types of", e))?;
        for (kind, text) in found.and_then(|c| c.data).unwrap_or_default() {
            let wrong = |e: &dyn std::fmt::Display| {
                DriveError::Record(format!("the step type `{kind}` kept for {reference} cannot be read: {e}"))
            };
            let stored: Value = serde_json::from_str(&text).map_err(|e| wrong(&e))?;
            let from = stored["from"].as_str().unwrap_or_default().to_string();
            let object = stored["object"].clone();
            let document = Document::from_value(object.clone());
            let definition = Arc::new(Definition::of_object(&document, &from).map_err(|e| wrong(&e))?);
            types.cluster.insert(kind.clone(), OfCluster { definition, from, object });
        }
        Ok(types)
    }

    /// Keeps the step types of a run that come from the cluster.
    pub(super) async fn keep_types(
        &self,
        reference: &RunRef,
        owner: &Value,
        types: &StepTypes,
    ) -> Result<(), DriveError> {
        let (api, name) = self.kept(reference);
        let data: BTreeMap<&String, String> = types
            .cluster
            .iter()
            .map(|(kind, t)| (kind, json!({"from": t.from, "object": t.object}).to_string()))
            .collect();
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": reference.namespace, "ownerReferences": [owner]},
            "data": data,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(&name, &params, &Patch::Apply(&map))
            .await
            .map_err(|e| cluster(reference, "keep the step types of", e))?;
        Ok(())
    }

    /// Forgets them: the run starts over.
    pub(super) async fn forget_types(&self, reference: &RunRef) -> Result<(), DriveError> {
        let (api, name) = self.kept(reference);
        match api.delete(&name, &Default::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(s)) if s.code == 404 => Ok(()),
            Err(e) => Err(cluster(reference, "forget the step types of", e)),
        }
    }
}

/// What of a definition is kept: what it says, not its history.
fn kept_part(object: &Value) -> Value {
    let metadata =
        json!({"name": object["metadata"]["name"], "annotations": object["metadata"]["annotations"]});
    json!({"apiVersion": API_VERSION, "kind": Kind::WorkflowStep.object_kind(), "metadata": metadata, "spec": object["spec"]})
}
