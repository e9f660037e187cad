//! The definitions of a run: those given with the program, those of the run's namespace or of `vela-system`, or those built in, in this order.
//!
//! A run keeps the versions that it has begun with: what comes from the cluster is written beside the record (a ConfigMap of its own, written once),
//! and taken from there when the run is taken up again. Tests: `tests/`.

use super::record::{RunRef, cluster};
use super::{DriveError, Driver};
use crate::definitions::{Definition, Library};
use crate::document::Document;
use crate::engine::Watched;
use crate::model::application::Application;
use crate::model::definition::Kind;
use crate::model::workflow::GROUP;
use crate::ops::support::objects::FIELD_MANAGER;
use crate::problem::Problem;
use futures::future;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Where definitions for all namespaces lie.
pub(super) const SYSTEM: &str = "vela-system";
pub(crate) const API_VERSION: &str = "core.oam.dev/v1beta1";

/// Step types that definitions on the cluster cannot replace.
const RESERVED: [&str; 2] = ["suspend", GROUP];

/// Whether a step is carried out by a definition.
pub(super) fn has_definition(kind: &str) -> bool {
    kind != GROUP
}

/// Kind and name of a definition.
pub(super) type Name = (Kind, String);

/// A definition that comes from the cluster.
#[derive(Clone, Debug)]
struct OfCluster {
    definition: Arc<Definition>,
    /// `namespace/name`.
    from: String,
    /// The definition as it stands there, to be kept.
    object: Value,
}

/// The definitions that a run uses.
#[derive(Clone, Debug)]
pub(super) struct Types {
    /// With those that come from the cluster.
    library: Library,
    cluster: BTreeMap<Name, OfCluster>,
    /// Those that have changed since the run began with them.
    pub(super) changed: Vec<Name>,
}

impl Types {
    pub(super) fn of_library(library: Library) -> Types {
        Types { library, cluster: BTreeMap::new(), changed: Vec::new() }
    }

    /// The step type of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Arc<Definition>> {
        self.library.get(Kind::WorkflowStep, name)
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

    fn add(&mut self, name: Name, found: OfCluster) {
        self.library.put(found.definition.clone());
        self.cluster.insert(name, found);
    }

    /// Adds what another look has found.
    pub(super) fn absorb(&mut self, other: Types) {
        other.cluster.into_iter().for_each(|(name, found)| self.add(name, found));
        self.changed.extend(other.changed);
    }
}

/// The types of components, traits and policies that an Application names, also those that it would have as an `override` policy says.
pub(super) fn named(app: &Application) -> BTreeSet<Name> {
    let mut names = BTreeSet::new();
    let mut add = |kind: Kind, name: &str| {
        names.insert((kind, name.to_string()));
    };
    for c in &app.components {
        add(Kind::Component, &c.kind);
        c.traits.iter().for_each(|t| add(Kind::Trait, &t.kind));
    }
    for p in &app.policies {
        add(Kind::Policy, &p.kind);
        let changed =
            p.properties.as_ref().filter(|_| p.kind == "override").and_then(|p| p.get("components"));
        for c in changed.and_then(Value::as_array).into_iter().flatten() {
            add(Kind::Component, c.get("type").and_then(Value::as_str).unwrap_or_default());
            for t in c.get("traits").and_then(Value::as_array).into_iter().flatten() {
                add(Kind::Trait, t.get("type").and_then(Value::as_str).unwrap_or_default());
            }
        }
    }
    names.retain(|(_, name)| !name.is_empty());
    names
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
        let wrong = |e| DriveError::Record(format!("the {place} cannot be read: {e}"));
        let definition = Arc::new(Definition::of_object(&document, place).map_err(wrong)?);
        if !version.is_empty() {
            all.insert(place.to_string(), (version.to_string(), definition.clone()));
        }
        Ok(definition)
    }
}

/// The namespaces whose definitions count in a namespace, the nearest first.
fn places(namespace: &str) -> impl Iterator<Item = &str> {
    std::iter::once(namespace).chain((namespace != SYSTEM).then_some(SYSTEM))
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
    places(namespace).map(of).collect()
}

/// What the cluster has of this kind and name, with its place: in the namespace, or else in `vela-system`. `what` is how people call it.
pub(crate) async fn of_cluster(
    client: &kube::Client,
    resource: &ApiResource,
    namespace: &str,
    name: &str,
    what: &str,
) -> Result<Option<(String, DynamicObject)>, DriveError> {
    for place in places(namespace) {
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
    /// The definitions that are given with the program, and those of the cluster that an Application names.
    ///
    /// # Errors
    /// A cluster that cannot be asked, and a definition on it that cannot be read.
    pub async fn definitions(&self, app: &Application) -> Result<Library, DriveError> {
        let none = Types::of_library(self.library.clone());
        Ok(self.types(app.namespace_or_default(), &named(app), &none).await?.library)
    }

    /// Looks for definitions; of those that are kept, the kept version counts.
    pub(super) async fn types(
        &self,
        namespace: &str,
        names: &BTreeSet<Name>,
        kept: &Types,
    ) -> Result<Types, DriveError> {
        let mut types = Types::of_library(self.library.clone());
        let asked = |(kind, name): &&Name| {
            let reserved = *kind == Kind::WorkflowStep && RESERVED.contains(&name.as_str());
            !reserved && !self.library.is_own(*kind, name)
        };
        let asked: Vec<&Name> = names.iter().filter(asked).collect();
        let mut resources = BTreeMap::new();
        for kind in asked.iter().map(|(kind, _)| *kind).collect::<BTreeSet<_>>() {
            match self.kinds.find(&self.client, API_VERSION, kind.object_kind()).await {
                Ok((resource, _)) => drop(resources.insert(kind, resource)),
                Err(e) if e.retry => return Err(DriveError::Cluster(e.message)),
                // A cluster that does not know the kind has none.
                Err(_) => {}
            }
        }
        let looks = asked.into_iter().filter_map(|name| Some((name, resources.get(&name.0)?)));
        let looks = looks.map(|(asked, resource)| async move {
            let what = format!("{} type", asked.0);
            let found = of_cluster(&self.client, resource, namespace, &asked.1, &what).await?;
            Ok::<_, DriveError>(found.map(|(from, object)| (asked, from, object)))
        });
        for (name, from, object) in future::try_join_all(looks).await?.into_iter().flatten() {
            let version = format!(
                "{}/{}",
                object.uid().unwrap_or_default(),
                object.resource_version().unwrap_or_default()
            );
            let now = kept_part(name.0, &serde_json::to_value(&object).unwrap_or_default());
            let old = kept.cluster.get(name).filter(|old| old.object["spec"] != now["spec"]);
            if let Some(old) = old {
                types.changed.push(name.clone());
                types.add(name.clone(), old.clone());
                continue;
            }
            let place = format!("{} {from}", name.0.object_kind());
            let definition = self.known.definition(&place, &version, &now)?;
            types.add(name.clone(), OfCluster { definition, from, object: now });
        }
        for (name, old) in &kept.cluster {
            if !types.cluster.contains_key(name) {
                if names.contains(name) && resources.contains_key(&name.0) {
                    types.changed.push(name.clone());
                }
                types.add(name.clone(), old.clone());
            }
        }
        let missing = names.iter().filter(|(kind, name)| types.library.get(*kind, name).is_none());
        for kind in missing.map(|(kind, _)| *kind).collect::<BTreeSet<_>>() {
            if let Some(resource) = resources.get(&kind) {
                self.add_neighbours(&mut types.library, kind, resource, namespace).await;
            }
        }
        Ok(types)
    }

    /// Adds what else there is of a kind, so that the nearest name can be told of one that is not there.
    async fn add_neighbours(&self, library: &mut Library, kind: Kind, of: &ApiResource, namespace: &str) {
        for place in places(namespace) {
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), place, of);
            // It is for a message alone: what cannot be read is left out.
            let Ok(found) = api.list(&ListParams::default()).await else { continue };
            for object in &found.items {
                let now = kept_part(kind, &serde_json::to_value(object).unwrap_or_default());
                let at = format!("{} {place}/{}", kind.object_kind(), object.name_any());
                if let Ok(definition) = self.known.definition(&at, "", &now)
                    && library.get(kind, &definition.name).is_none()
                {
                    library.put(definition);
                }
            }
        }
    }

    fn kept(&self, reference: &RunRef) -> (Api<ConfigMap>, String) {
        let name = format!("workflow-{}-definitions", reference.name);
        (Api::namespaced(self.client.clone(), &reference.namespace), name)
    }

    /// The definitions that a run has kept. Without any, the next look decides.
    pub(super) async fn kept_types(&self, reference: &RunRef) -> Result<Types, DriveError> {
        let mut types = Types::of_library(self.library.clone());
        let (api, name) = self.kept(reference);
        let found = api.get_opt(&name).await.map_err(|e| cluster(reference, "read the definitions of", e))?;
        for (key, text) in found.and_then(|c| c.data).unwrap_or_default() {
            let wrong = |e: &dyn std::fmt::Display| {
                DriveError::Record(format!("the definition `{key}` kept for {reference} cannot be read: {e}"))
            };
            let stored: Value = serde_json::from_str(&text).map_err(|e| wrong(&e))?;
            let from = stored["from"].as_str().unwrap_or_default().to_string();
            let object = stored["object"].clone();
            let document = Document::from_value(object.clone());
            let place = format!("{} {from}", object["kind"].as_str().unwrap_or_default());
            let definition = Arc::new(Definition::of_object(&document, &place).map_err(|e| wrong(&e))?);
            types.add((definition.kind, definition.name.clone()), OfCluster { definition, from, object });
        }
        Ok(types)
    }

    /// Keeps the definitions of a run that come from the cluster.
    pub(super) async fn keep_types(
        &self,
        reference: &RunRef,
        owner: &Value,
        types: &Types,
    ) -> Result<(), DriveError> {
        let (api, name) = self.kept(reference);
        // No name has an underscore in it, so these keys are different.
        let key = |(kind, name): &Name| match kind {
            Kind::WorkflowStep => name.clone(),
            other => format!("{}_{name}", other.as_str()),
        };
        let data: BTreeMap<String, String> = types
            .cluster
            .iter()
            .map(|(name, t)| (key(name), json!({"from": t.from, "object": t.object}).to_string()))
            .collect();
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": reference.namespace, "ownerReferences": [owner]},
            "data": data,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(&name, &params, &Patch::Apply(&map))
            .await
            .map_err(|e| cluster(reference, "keep the definitions of", e))?;
        Ok(())
    }

    /// Forgets them: the run starts over.
    pub(super) async fn forget_types(&self, reference: &RunRef) -> Result<(), DriveError> {
        let (api, name) = self.kept(reference);
        match api.delete(&name, &Default::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(s)) if s.code == 404 => Ok(()),
            Err(e) => Err(cluster(reference, "forget the definitions of", e)),
        }
    }
}

/// What of a definition is kept: what it says, not its history.
fn kept_part(kind: Kind, object: &Value) -> Value {
    let metadata =
        json!({"name": object["metadata"]["name"], "annotations": object["metadata"]["annotations"]});
    json!({"apiVersion": API_VERSION, "kind": kind.object_kind(), "metadata": metadata, "spec": object["spec"]})
}
