//! The objects of an application as the cluster has them, found by the labels that everything it applies carries.
//!
//! What may be changed: the kinds that are looked through, in [`KINDS`].

use super::cx::Cx;
use super::objects;
use crate::ops::OpError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub(crate) use crate::resources::{NAME as APP, NAMESPACE};
/// The label with the component's name.
pub(crate) const COMPONENT: &str = "app.oam.dev/component";

/// The kinds that are looked through, beside those that the application's own components render.
const KINDS: [(&str, &str); 22] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "ServiceAccount"),
    ("networking.k8s.io/v1", "Ingress"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    ("source.toolkit.fluxcd.io/v1", "HelmRepository"),
    ("terraform.core.oam.dev/v1beta2", "Configuration"),
    ("work.open-cluster-management.io/v1", "ManifestWork"),
];

/// The application that an op asks about.
#[derive(Deserialize)]
pub(crate) struct App {
    /// Its name.
    pub(crate) name: String,
    /// Its namespace; empty for that of the run.
    #[serde(default)]
    pub(crate) namespace: String,
    /// Which of its objects.
    #[serde(default)]
    pub(crate) filter: Filter,
}

/// Which objects of an application; what is empty leaves none out.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Filter {
    /// Those on this cluster.
    pub(crate) cluster: String,
    /// Those in this namespace.
    pub(crate) cluster_namespace: String,
    /// Those of these components.
    pub(crate) components: Vec<String>,
    /// Those of this kind.
    pub(crate) kind: String,
    /// Those of this API version.
    pub(crate) api_version: String,
}

/// A text in an object; empty where there is none.
pub(crate) fn text<'o>(object: &'o Value, pointer: &str) -> &'o str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A label of an object; empty where it has none such.
pub(crate) fn label<'o>(object: &'o Value, name: &str) -> &'o str {
    let labels = object.get("metadata").and_then(|m| m.get("labels"));
    labels.and_then(|l| l.get(name)).and_then(Value::as_str).unwrap_or_default()
}

impl App {
    /// The namespace of the application.
    pub(crate) fn namespace<'a>(&'a self, cx: &'a Cx) -> &'a str {
        if self.namespace.is_empty() { &cx.owner.namespace } else { &self.namespace }
    }

    fn fits(&self, object: &Value) -> bool {
        self.filter.components.is_empty()
            || self.filter.components.iter().any(|c| c == label(object, COMPONENT))
    }

    /// Its objects of one kind, by the labels that it applies them with. None where the cluster does not serve the kind.
    ///
    /// # Errors
    /// A filter that names another cluster; what the API says.
    pub(crate) async fn of_kind(
        &self,
        cx: &Cx,
        api_version: &str,
        kind: &str,
    ) -> Result<Vec<Value>, OpError> {
        cx.only_here(&self.filter.cluster)?;
        let selector = format!("{APP}={},{NAMESPACE}={}", self.name, self.namespace(cx));
        let within = &self.filter.cluster_namespace;
        let mut all = objects::list_if_served(cx, api_version, kind, within, &selector).await?;
        all.retain(|o| self.fits(o));
        Ok(all)
    }

    /// The objects of a kind that come from its workloads rather than from it, such as pods: they carry its name, and lie in one namespace.
    ///
    /// # Errors
    /// As [`App::of_kind`].
    pub(crate) async fn below(&self, cx: &Cx, api_version: &str, kind: &str) -> Result<Vec<Value>, OpError> {
        cx.only_here(&self.filter.cluster)?;
        let within = match self.filter.cluster_namespace.as_str() {
            "" => self.namespace(cx),
            namespace => namespace,
        };
        let selector = format!("{APP}={}", self.name);
        let mut all = objects::list_if_served(cx, api_version, kind, within, &selector).await?;
        all.retain(|o| self.fits(o));
        Ok(all)
    }

    /// All its objects, kind by kind.
    ///
    /// # Errors
    /// As [`App::of_kind`].
    pub(crate) async fn all(&self, cx: &Cx) -> Result<Vec<Value>, OpError> {
        let known = KINDS.iter().map(|(version, kind)| (version.to_string(), kind.to_string()));
        let mut kinds: BTreeSet<(String, String)> = known.collect();
        let own = cx.owner.kind == "Application" && cx.owner.name == self.name;
        if let Some(components) = cx.components.as_ref().filter(|_| own) {
            for (name, _) in components.components() {
                // A component that does not render has no objects of other kinds.
                let Ok(rendered) = components.render(&name) else { continue };
                for object in std::iter::once(&rendered.output).chain(rendered.outputs.values()) {
                    kinds.insert((text(object, "/apiVersion").into(), text(object, "/kind").into()));
                }
            }
        }
        let mut all = Vec::new();
        for (api_version, kind) in kinds {
            let fits = |asked: &str, is: &str| asked.is_empty() || asked == is;
            if !kind.is_empty()
                && fits(&self.filter.kind, &kind)
                && fits(&self.filter.api_version, &api_version)
            {
                all.extend(self.of_kind(cx, &api_version, &kind).await?);
            }
        }
        Ok(all)
    }
}

/// What names an object, for a result: kind, name, namespace, version, uid.
pub(crate) fn reference(object: &Value) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, pointer) in [
        ("apiVersion", "/apiVersion"),
        ("kind", "/kind"),
        ("namespace", "/metadata/namespace"),
        ("name", "/metadata/name"),
        ("uid", "/metadata/uid"),
        ("resourceVersion", "/metadata/resourceVersion"),
    ] {
        let value = text(object, pointer);
        if !value.is_empty() {
            out.insert(name.into(), json!(value));
        }
    }
    out
}

/// The object with where it is and what it belongs to.
pub(crate) fn placed(object: Value) -> Value {
    let component = label(&object, COMPONENT).to_string();
    let revision = label(&object, "app.oam.dev/revision").to_string();
    json!({"cluster": "local", "component": component, "revision": revision, "object": object})
}
