//! The components of an Application as ops see them: rendered, judged, and as policies deploy them.

use crate::definitions::Library;
use crate::document::Document;
use crate::model::application::{self, Application, Component, Policy};
use crate::model::definition::Kind;
use crate::ops::{Components, Deployment, OfRevision, OpError, References, Rendered};
use crate::problem::nearest;
use crate::render::{self, Health, Live, RenderOptions};
use crate::revisions::Revision;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) struct Rendering {
    pub(super) library: Library,
    pub(super) app: Application,
    pub(super) options: RenderOptions,
    pub(super) services: Arc<Mutex<Map<String, Value>>>,
}

impl Rendering {
    fn find(&self, name: &str) -> Result<&Component, String> {
        self.app
            .components
            .iter()
            .find(|c| c.id() == name)
            .ok_or_else(|| format!("there is no component `{name}`"))
    }

    fn rendered(&self, component: &Component) -> Result<Rendered, String> {
        let rendered = render::component(&self.library, &self.app, component, &self.options);
        let rendered = rendered.map_err(|problems| problems.to_string())?;
        let mut outputs = Map::new();
        for (i, output) in rendered.outputs.into_iter().enumerate() {
            // Traits may give objects of the same name, or of none.
            let free = !output.name.is_empty() && !outputs.contains_key(&output.name);
            let name = if free { output.name } else { format!("{}-{i}", output.of) };
            outputs.insert(name, output.object);
        }
        Ok(Rendered { output: rendered.workload, outputs })
    }

    /// What a definition says of live objects; nothing where it judges none.
    fn judge(
        &self,
        component: &Component,
        (kind, name, properties): (Kind, &str, Option<&Map<String, Value>>),
        live: &Rendered,
    ) -> Result<Option<Health>, String> {
        let Some(definition) = self.library.get(kind, name) else { return Ok(None) };
        let compiled = self.library.compiled(definition).map_err(|p| p.to_string())?;
        if compiled.status.health.is_none() {
            return Ok(None);
        }
        let live = Live { component, properties, output: &live.output, outputs: &live.outputs };
        let health = render::health(&self.library, definition, &self.app, &self.options, live);
        health.map(Some).map_err(|p| p.to_string())
    }

    /// How the traits of a component stand, those whose definitions say it, in the form of `status.services`.
    fn traits(&self, component: &Component, live: &Rendered) -> Vec<Value> {
        let judge = |t: &crate::model::application::Trait| {
            let health =
                self.judge(component, (Kind::Trait, &t.kind, t.properties.as_ref()), live).ok()??;
            Some(json!({"type": t.kind, "healthy": health.healthy, "message": health.message}))
        };
        component.traits.iter().filter_map(judge).collect()
    }
}

/// What a component depends on: who names a component depends on all of its replicas.
fn needs(component: &Component, all: &[Component]) -> Vec<String> {
    let mut needs = Vec::new();
    for name in &component.depends_on {
        let before = needs.len();
        needs.extend(all.iter().filter(|c| c.name == *name).map(Component::id));
        if needs.len() == before {
            needs.push(name.clone());
        }
    }
    needs
}

impl Components for Rendering {
    fn render(&self, name: &str) -> Result<Rendered, String> {
        self.rendered(self.find(name)?)
    }

    fn references(&self, name: &str) -> Option<References> {
        let component = self.find(name).ok()?;
        let definition = self.library.get(Kind::Component, &component.kind)?;
        let header = &self.library.compiled(definition).ok()?.header;
        let (objects, urls) = header.references()?;
        let properties = component.properties.clone().unwrap_or_default();
        Some(References { properties, objects: objects.into(), urls: urls.into() })
    }

    fn render_with(&self, name: &str, properties: Map<String, Value>) -> Result<Rendered, String> {
        self.rendered(&Component { properties: Some(properties), ..self.find(name)?.clone() })
    }

    fn healthy(&self, name: &str, live: &Rendered) -> Result<Option<(bool, String)>, String> {
        let component = self.find(name)?;
        let own = (Kind::Component, component.kind.as_str(), component.properties.as_ref());
        let judged = self.judge(component, own, live)?;
        if let Some(health) = judged.as_ref().filter(|h| !h.healthy) {
            return Ok(Some((false, health.message.clone())));
        }
        for t in &component.traits {
            let of = (Kind::Trait, t.kind.as_str(), t.properties.as_ref());
            if let Some(health) = self.judge(component, of, live)?.filter(|h| !h.healthy) {
                let says = if health.message.is_empty() { "it is not healthy yet" } else { &health.message };
                return Ok(Some((false, format!("trait {}: {says}", t.kind))));
            }
        }
        Ok(judged.map(|h| (h.healthy, h.message)))
    }

    fn components(&self) -> Vec<(String, Value)> {
        self.app.components.iter().map(|c| (c.name.clone(), c.to_value())).collect()
    }

    fn with(&self, component: &Value) -> Result<Arc<dyn Components>, String> {
        let app = json!({
            "apiVersion": application::API_VERSION, "kind": application::KIND,
            "metadata": {"name": self.app.name}, "spec": {"components": [component]},
        });
        let read = Application::read(Document::from_value(app)).map_err(|problems| problems.to_string())?;
        let mut app = self.app.clone();
        for component in read.components {
            match app.components.iter_mut().find(|own| own.name == component.name) {
                Some(own) => *own = component,
                None => app.components.push(component),
            }
        }
        let (library, options, services) =
            (self.library.clone(), self.options.clone(), self.services.clone());
        Ok(Arc::new(Rendering { library, app, options, services }))
    }

    fn terraform(&self) -> Vec<String> {
        let said = |c: &Component| {
            let definition = self.library.get(Kind::Component, &c.kind)?;
            let workload = &self.library.compiled(definition).ok()?.header;
            // Of a type for any object, only the object tells.
            if workload.is_of_any_kind() && workload.references().is_none() {
                let output = self.rendered(c).ok()?.output;
                let group = output.get("apiVersion")?.as_str()?;
                return Some(
                    group.starts_with("terraform.core.oam.dev/") && output.get("kind")? == "Configuration",
                );
            }
            Some(workload.is_terraform())
        };
        let all = self.app.components.iter().filter(|c| said(c) == Some(true));
        all.map(Component::id).collect()
    }

    fn policies(&self) -> Vec<(String, Value)> {
        let one = |p: &Policy| {
            let properties = p.properties.clone().map(Value::Object);
            let mut fields = Map::from_iter([
                ("name".to_string(), p.name.clone().into()),
                ("type".to_string(), p.kind.clone().into()),
            ]);
            fields.extend(properties.map(|p| ("properties".to_string(), p)));
            (p.name.clone(), Value::Object(fields))
        };
        self.app.policies.iter().map(one).collect()
    }

    fn deployment(&self, policies: &[String], inline: &[Value]) -> Result<Deployment, String> {
        let mut inlined = Vec::new();
        for (i, p) in inline.iter().enumerate() {
            let text = |name: &str| p.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
            let properties = p.get("properties").and_then(Value::as_object).cloned();
            inlined.push(Policy {
                name: text("name"),
                kind: text("type"),
                properties,
                path: format!("inlinePolicies[{i}]"),
            });
        }
        let mut chosen: Vec<&Policy> = Vec::new();
        for name in policies {
            let known = || self.app.policies.iter().map(|p| p.name.as_str());
            match self.app.policies.iter().find(|p| p.name == *name) {
                Some(p) => chosen.push(p),
                None => {
                    let hint =
                        nearest(name, known()).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
                    return Err(format!("the application has no policy `{name}`{hint}"));
                }
            }
        }
        chosen.extend(&inlined);
        let (components, places) = render::placement::deployment(&self.app, &chosen)
            .map_err(|faults| faults.iter().map(|p| p.to_string()).collect::<Vec<_>>().join("; "))?;
        let order = components.iter().map(|c| (c.id(), needs(c, &components))).collect();
        let app = Application { components: components.into_owned(), ..self.app.clone() };
        let (library, options) = (self.library.clone(), self.options.clone());
        let components = Arc::new(Rendering { library, app, options, services: Arc::default() });
        Ok(Deployment { components, places, order })
    }

    fn of_revision(&self, revision: &Revision) -> Result<OfRevision, OpError> {
        let (library, gone) = revision.library(&self.library)?;
        let (app, options) = (revision.application()?, self.options.clone());
        let components = Arc::new(Rendering { library, app, options, services: Arc::default() });
        Ok(OfRevision { components, gone })
    }

    fn found(&self, name: &str, live: &Rendered, healthy: bool, message: &str) {
        let text = |pointer: &str| live.output.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let component = name.split_once('/').map_or(name, |(component, _)| component);
        let mut service = json!({
            "name": component, "namespace": text("/metadata/namespace"),
            "workloadDefinition": {"apiVersion": text("/apiVersion"), "kind": text("/kind")},
            "healthy": healthy, "message": message,
        });
        let traits = self.find(component).map(|component| self.traits(component, live)).unwrap_or_default();
        if !traits.is_empty() {
            service["traits"] = traits.into();
        }
        self.services.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string(), service);
    }

    fn services(&self) -> Map<String, Value> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
