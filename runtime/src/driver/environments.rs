//! Environments and targets on the cluster: read, and what an Application that is bound to them becomes.
//!
//! An Application is bound by its label (`envbinding.oam.dev/env`), which [`Driver::bind`] sets. What is generated for it is never written into it: each look at
//! it generates the same, as long as environment and targets stay as they are. Tests: `tests/program/environments.rs`.

use super::rollout::refused;
use super::subject::Delivery;
use super::{DriveError, Driver};
use crate::document::Document;
use crate::environments::{Bound, Environment, Generated, Target, generate, named, writes_steps};
use crate::model::application::Application;
use crate::problem::{Problem, nearest};
use crate::resources::crds::Crd;
use crate::revisions::ENVIRONMENT;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The environment that an Application is bound to.
pub(super) fn bound_to(app: &Application) -> &str {
    app.labels.get(ENVIRONMENT).and_then(Value::as_str).unwrap_or_default()
}

impl Driver {
    async fn kind(&self, crd: Crd) -> Result<Option<Api<DynamicObject>>, DriveError> {
        let (api_version, kind) = crd.types();
        match self.kinds.find(&self.client, &api_version, kind).await {
            Ok((resource, _)) => Ok(Some(Api::all_with(self.client.clone(), &resource))),
            Err(e) if e.retry => Err(refused(e)),
            // A cluster that does not know the kind has none.
            Err(_) => Ok(None),
        }
    }

    async fn all(&self, crd: Crd) -> Result<Vec<Value>, DriveError> {
        let Some(api) = self.kind(crd).await? else { return Ok(Vec::new()) };
        let found = api.list(&ListParams::default()).await;
        let what = format!("list the objects of kind {}", crd.types().1);
        let found = found.map_err(|e| refused(crate::ops::support::objects::refused(&what, e)))?;
        let mut all: Vec<Value> =
            found.items.iter().map(|o| serde_json::to_value(o).unwrap_or_default()).collect();
        all.sort_by_key(|o| o["metadata"]["name"].as_str().unwrap_or_default().to_string());
        Ok(all)
    }

    /// The environments, by name.
    ///
    /// # Errors
    /// A cluster that cannot be asked.
    pub async fn environments(&self) -> Result<Vec<Environment>, DriveError> {
        Ok(self.all(Crd::Environment).await?.iter().map(Environment::read).collect())
    }

    /// The targets, by name.
    ///
    /// # Errors
    /// A cluster that cannot be asked.
    pub async fn targets(&self) -> Result<Vec<Target>, DriveError> {
        Ok(self.all(Crd::Target).await?.iter().map(Target::read).collect())
    }

    /// An environment with its targets.
    ///
    /// # Errors
    /// One that is not there, with the nearest that is; a target that is not there, or on a cluster that cannot be reached.
    pub async fn environment(&self, name: &str) -> Result<Bound, DriveError> {
        let all = self.environments().await?;
        let known: Vec<&str> = all.iter().map(|e| e.name.as_str()).collect();
        let Some(environment) = all.iter().find(|e| e.name == name) else {
            return Err(DriveError::Refused(missing("environment", name, &known)));
        };
        let all = self.targets().await?;
        let known: Vec<&str> = all.iter().map(|t| t.name.as_str()).collect();
        let mut targets = Vec::new();
        for wanted in &environment.targets {
            let Some(target) = all.iter().find(|t| t.name == *wanted) else {
                let why = missing("target", wanted, &known);
                return Err(DriveError::Refused(format!("environment `{name}`: {why}")));
            };
            if target.cluster != "local" {
                return Err(DriveError::Refused(format!(
                    "environment `{name}`: its target `{wanted}` is on the cluster `{}`, which cannot be reached: a run works on its own cluster (`local`)",
                    target.cluster
                )));
            }
            targets.push(target.clone());
        }
        // An environment without targets is where its Applications are.
        if targets.is_empty() {
            let (name, namespace) = (environment.name.clone(), environment.namespace.clone());
            targets.push(Target { name, namespace, cluster: "local".into(), ..Target::default() });
        }
        Ok(Bound { environment: environment.clone(), targets })
    }

    /// The same delivery, bound to an environment: in its namespace, with its label. The namespaces of the environment and its targets are made where there
    /// are none.
    ///
    /// # Errors
    /// A run of its own, an Application that names another namespace, and as [`Driver::environment`].
    pub async fn bind(&self, delivery: Delivery, name: &str) -> Result<Delivery, DriveError> {
        let Delivery::Application(app) = delivery else {
            let why = "only an Application is bound to an environment";
            return Err(DriveError::Refused(why.into()));
        };
        let bound = self.environment(name).await?;
        let namespace = &bound.environment.namespace;
        if let Some(other) = app.namespace.as_ref().filter(|n| !n.is_empty() && *n != namespace) {
            return Err(DriveError::Refused(format!(
                "the Application is in namespace `{other}`, and the environment `{name}` in `{namespace}`: leave the namespace out"
            )));
        }
        let all: BTreeSet<&String> = bound.targets.iter().map(|t| &t.namespace).chain([namespace]).collect();
        for namespace in all {
            self.make_namespace(namespace).await?;
        }
        let mut document = (*app.document).clone();
        let metadata = &mut document.value["metadata"];
        metadata["namespace"] = json!(namespace);
        if !metadata["labels"].is_object() {
            metadata["labels"] = json!({});
        }
        metadata["labels"][ENVIRONMENT] = json!(name);
        Ok(Delivery::Application(Box::new(Application::read(document)?)))
    }

    async fn make_namespace(&self, name: &str) -> Result<(), DriveError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let what = format!("make the namespace `{name}`");
        let refused = |e| refused(crate::ops::support::objects::refused(&what, e));
        if api.get_metadata_opt(name).await.map_err(refused)?.is_some() {
            return Ok(());
        }
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))
            .map_err(|e| DriveError::Record(format!("cannot {what}: {e}")))?;
        match api.create(&PostParams::default(), &namespace).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(s)) if s.code == 409 => Ok(()),
            Err(e) => Err(refused(e)),
        }
    }

    /// The workflow that an Application has which writes none, to these environments, or where none are named to the one that it is bound to.
    ///
    /// # Errors
    /// As [`Driver::environment`].
    pub async fn generate(&self, app: &Application, names: &[String]) -> Result<Generated, DriveError> {
        let own = named(app);
        let mut bound = Vec::new();
        if own.is_empty() {
            let names =
                names.iter().map(String::as_str).chain(Some(bound_to(app)).filter(|_| names.is_empty()));
            for name in names.filter(|n| !n.is_empty()) {
                bound.push(self.environment(name).await?);
            }
        } else {
            // They need not be there; those that are say whether somebody is asked.
            let all = self.environments().await?.into_iter().filter(|e| own.contains(&e.name));
            bound.extend(all.map(|environment| Bound { environment, targets: Vec::new() }));
        }
        // Its definitions are those of where it goes.
        let mut there = app.clone();
        if let Some(first) = bound.first().filter(|_| own.is_empty() && app.namespace.is_none()) {
            there.namespace = Some(first.environment.namespace.clone());
        }
        Ok(generate(&self.definitions(&there).await?, app, &bound))
    }

    /// A delivery as a run takes it: an Application without a workflow of its own has the one of its environments.
    pub(super) async fn with_workflow(
        &self,
        delivery: Delivery,
    ) -> Result<Result<Delivery, Vec<Problem>>, DriveError> {
        let Delivery::Application(app) = delivery else { return Ok(Ok(delivery)) };
        let free = named(&app).is_empty() && bound_to(&app).is_empty();
        if free || writes_steps(&app) || super::rollout::going_back(&app.document.value).is_some() {
            return Ok(Ok(Delivery::Application(app)));
        }
        let generated = match self.generate(&app, &[]).await {
            Ok(generated) => generated,
            Err(DriveError::Refused(why)) => {
                return Ok(Err(vec![Problem::new("environment", "metadata.labels", why)]));
            }
            Err(e) => return Err(e),
        };
        let mut document: Document = (*app.document).clone();
        let Some(spec) = document.value.get_mut("spec").and_then(Value::as_object_mut) else {
            return Ok(Ok(Delivery::Application(app)));
        };
        generated.complete(spec);
        let mut app = Application { document: Arc::new(document), ..*app };
        match Application::read((*app.document).clone()) {
            Ok(read) => {
                (app.policies, app.workflow) = (read.policies, read.workflow);
                Ok(Ok(Delivery::Application(Box::new(app))))
            }
            Err(problems) => Ok(Err(problems.list)),
        }
    }
}

/// What there is in the place of what is not there.
fn missing(what: &str, name: &str, known: &[&str]) -> String {
    let there = match known {
        [] => format!(
            "there are none: an object of kind {} makes one",
            if what == "target" { "Target" } else { "Environment" }
        ),
        known => match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are `{}`", known.join("`, `")),
        },
    };
    format!("there is no {what} `{name}`; {there}")
}
