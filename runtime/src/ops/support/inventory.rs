//! The objects of an application as the cluster has them: those that it has applied by its record, those of one kind by their labels.

use super::cx::Cx;
use super::objects::{self, Target};
use crate::model::labels::{COMPONENT, NAME as APP, NAMESPACE, label};
use crate::ops::OpError;
use crate::resources;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How many objects are read at the same time.
const AT_ONCE: usize = 16;

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

    /// All its objects that are there, as the record of what it has applied names them.
    ///
    /// # Errors
    /// As [`App::of_kind`].
    pub(crate) async fn all(&self, cx: &Cx) -> Result<Vec<Value>, OpError> {
        cx.only_here(&self.filter.cluster)?;
        let app = resources::App { name: self.name.clone(), namespace: self.namespace(cx).to_string() };
        let mut entries = resources::recorded(&cx.client, &cx.kinds, &app).await?;
        let fits = |asked: &str, is: &str| asked.is_empty() || asked == is;
        entries.retain(|e| {
            fits(&self.filter.kind, &e.key.kind)
                && fits(&self.filter.api_version, &e.api_version)
                && fits(&self.filter.cluster_namespace, &e.key.namespace)
        });
        let targets = entries.into_iter().map(|e| Target {
            api_version: e.api_version,
            kind: e.key.kind,
            namespace: e.key.namespace,
            name: e.key.name,
        });
        let reads = stream::iter(targets.map(|target| objects::read(cx, target))).buffered(AT_ONCE);
        let found: Vec<Result<Value, String>> = reads.try_collect().await?;
        Ok(found.into_iter().flatten().filter(|o| self.fits(o)).collect())
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
