//! The template of an Application, where a cluster is at hand: looked for there, rendered, and what it gives written into the object. An Application that is
//! so already is not written: the second pass does nothing.
//!
//! A pass is made whenever a run begins or begins anew, and never in the middle of one. Tests: `tests/program/templates.rs`.

use super::record::{RunRef, cluster};
use super::rollout::{going_back, refused};
use super::subject::{Delivery, Found as Asked};
use super::types::{SYSTEM, of_cluster};
use super::{DriveError, Driver};
use crate::definitions::Definition;
use crate::document::Document;
use crate::engine::Watched;
use crate::model::application::Application;
use crate::model::definition::Kind;
use crate::model::template::{Place, TemplateRef};
use crate::ops::support::objects::refused as of_api;
use crate::problem::Problems;
use crate::template::{ANNOTATION, Filled, Found, UNREACHABLE, made, of_git, of_library, of_path};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whose fields in an Application come from its template.
const MANAGER: &str = "stepwell-template";
const API_VERSION: &str = "core.oam.dev/v1beta1";

/// What comes of looking for a template.
pub(super) enum Pass {
    /// There is nothing to do.
    Nothing,
    /// The Application is to be this.
    Filled(Box<Filled>),
    /// The template is not there yet.
    NotYet { message: String, watches: Vec<Watched>, missing: Problems },
    /// It cannot be rendered.
    Wrong(Problems),
}

impl Driver {
    /// The delivery as its template makes it, with the template found on the cluster, beside its file or in a repository.
    ///
    /// # Errors
    /// A template that is not there, parameters that do not fit; a cluster that cannot be asked.
    pub async fn fill(&self, delivery: Delivery) -> Result<Delivery, DriveError> {
        let Delivery::Application(app) = &delivery else { return Ok(delivery) };
        match self.pass(&delivery.reference("default"), app).await? {
            Pass::Nothing => Ok(delivery),
            Pass::Filled(filled) => Ok(Delivery::Application(Box::new(filled.application))),
            Pass::Wrong(problems) => Err(problems.into()),
            Pass::NotYet { missing, .. } => Err(missing.into()),
        }
    }

    pub(super) async fn pass(&self, reference: &RunRef, app: &Application) -> Result<Pass, DriveError> {
        let Some(template) = &app.template else { return Ok(Pass::Nothing) };
        let found = match &template.place {
            Place::Cluster => match self.template_on_cluster(&reference.namespace, template).await? {
                Some(found) => Ok(found),
                None => match of_library(&self.library, app, template) {
                    Err(missing) => return Ok(not_yet(&reference.namespace, &template.name, missing)),
                    found => found,
                },
            },
            // Who has only the object cannot look beside the file; what was found there stands in the object.
            Place::Path(_) if app.document.span("").is_none() && !app.components.is_empty() => {
                return Ok(Pass::Nothing);
            }
            Place::Path(path) => of_path(&self.library, app, path),
            Place::Git(git) => {
                let secret = match &git.secret {
                    Some(name) => Some((name.clone(), self.secret(&reference.namespace, name).await?)),
                    None => None,
                };
                let (library, app, git, local) = (self.library.clone(), app.clone(), git.clone(), self.local);
                let fetched =
                    tokio::task::spawn_blocking(move || of_git(&library, &app, &git, secret, local));
                fetched.await.map_err(|_| {
                    DriveError::Cluster("fetching the template has ended before its time".into())
                })?
            }
        };
        Ok(match found.and_then(|found| made(app, &found)) {
            Ok(filled) if filled.same => Pass::Nothing,
            Ok(filled) => Pass::Filled(Box::new(filled)),
            // It may answer another time: the run is not over for that.
            Err(problems) if problems.list.iter().any(|p| p.code == UNREACHABLE) => {
                return Err(DriveError::Cluster(problems.to_string()));
            }
            Err(problems) => Pass::Wrong(problems),
        })
    }

    async fn template_on_cluster(
        &self,
        namespace: &str,
        template: &TemplateRef,
    ) -> Result<Option<Found>, DriveError> {
        let kind = Kind::Application.object_kind();
        let resource = match self.kinds.find(&self.client, API_VERSION, kind).await {
            Ok((resource, _)) => resource,
            Err(e) if e.retry => return Err(DriveError::Cluster(e.message)),
            // A cluster that does not know the kind has none.
            Err(_) => return Ok(None),
        };
        let found = of_cluster(&self.client, &resource, namespace, &template.name, "template").await?;
        let Some((from, object)) = found else { return Ok(None) };
        let object = serde_json::to_value(&object).unwrap_or_default();
        let place = format!("{kind} {from}");
        let definition = Definition::of_object(&Document::from_value(object), &place)
            .map_err(|e| DriveError::Record(format!("the {place} cannot be read: {e}")))?;
        Ok(Some(Found { definition: Arc::new(definition), library: self.library.clone(), of: from }))
    }

    /// The data of a Secret.
    async fn secret(&self, namespace: &str, name: &str) -> Result<BTreeMap<String, Vec<u8>>, DriveError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = api.get(name).await;
        let secret = secret.map_err(|e| refused(of_api(&format!("read Secret {namespace}/{name}"), e)))?;
        Ok(secret.data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0)).collect())
    }

    /// Makes a pass over the object of a run, and writes into it what its template gives. What keeps the run from beginning is given back, with whether
    /// something was written.
    pub(super) async fn make_of_template(
        &self,
        reference: &RunRef,
        object: &Value,
    ) -> Result<(Option<Asked>, bool), DriveError> {
        // What is restored is what was delivered, whatever the template gives today.
        if object.pointer("/spec/template").is_none() || going_back(object).is_some() {
            return Ok((None, false));
        }
        let app = match Delivery::read(&Document::from_value(object.clone())) {
            Ok(Some(Delivery::Application(app))) => app,
            // What cannot be read is told by whoever looks at the whole of it.
            _ => return Ok((None, false)),
        };
        match self.pass(reference, &app).await? {
            Pass::Nothing => Ok((None, false)),
            Pass::Wrong(problems) => Ok((Some(Asked::Wrong(problems)), false)),
            Pass::NotYet { message, watches, .. } => Ok((Some(Asked::NotYet { message, watches }), false)),
            Pass::Filled(filled) => {
                let (api_version, kind) = reference.types();
                let object = json!({
                    "apiVersion": api_version, "kind": kind,
                    "metadata": {"name": reference.name, "namespace": reference.namespace, "annotations": {ANNOTATION: filled.of}},
                    "spec": filled.parts,
                });
                let params = PatchParams::apply(MANAGER).force();
                let api = self.objects(reference).await?;
                let written = api.patch(&reference.name, &params, &Patch::Apply(&object)).await;
                written.map_err(|e| cluster(reference, "write the template into", e))?;
                Ok((None, true))
            }
        }
    }
}

fn not_yet(namespace: &str, name: &str, missing: Problems) -> Pass {
    let of = |namespace: &str| Watched {
        api_version: API_VERSION.into(),
        kind: Kind::Application.object_kind().into(),
        namespace: namespace.into(),
        name: name.into(),
        ..Watched::default()
    };
    let message =
        format!("waits: there is no ApplicationTemplate `{name}` in namespace `{namespace}` or `{SYSTEM}`");
    Pass::NotYet { message, watches: vec![of(namespace), of(SYSTEM)], missing }
}
