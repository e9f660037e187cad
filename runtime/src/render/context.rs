//! `context`: what a template can know of the Application, the component and the cluster around it.
//!
//! Every field that users' definitions read is set, also where it is empty; fields stand in the order of their names. What may be changed: a
//! new field is one line in `Context::fields`.

use super::RenderOptions;
use crate::model::application::{Application, Component};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::sync::Arc;
use stepwell_lang::{Data, Shared};

const PUBLISH_VERSION: &str = "app.oam.dev/publishVersion";
const WORKFLOW_NAME: &str = "app.oam.dev/workflowName";

/// What all components of an Application have in common.
#[derive(Debug)]
pub(crate) struct Context {
    common: Vec<(Arc<str>, Shared)>,
}

fn text(s: &str) -> Shared {
    Shared::string(s)
}

/// JSON for a template, with the fields of every object in the order of their names: templates that go through maps see them so.
pub(crate) fn ordered(value: &Json) -> Shared {
    match value {
        Json::Array(items) => Shared::list(items.iter().map(ordered)),
        Json::Object(fields) => ordered_fields(fields),
        scalar => Shared::from(&Data::from_json_value(scalar)),
    }
}

/// [`ordered`] for the fields of an object.
pub(crate) fn ordered_fields(fields: &Map<String, Json>) -> Shared {
    let mut all: Vec<_> = fields.iter().collect();
    all.sort_unstable_by_key(|(name, _)| *name);
    Shared::structure(all.into_iter().map(|(name, value)| (name.as_str().into(), ordered(value))))
}

/// JSON for a template, with the fields as they stand.
fn as_written(value: &Json) -> Shared {
    match value {
        Json::Array(items) => Shared::list(items.iter().map(as_written)),
        Json::Object(fields) => {
            Shared::structure(fields.iter().map(|(k, v)| (k.as_str().into(), as_written(v))))
        }
        scalar => Shared::from(&Data::from_json_value(scalar)),
    }
}

impl Context {
    pub(crate) fn new(
        app: &Application,
        components: &[Component],
        namespace: &str,
        options: &RenderOptions,
    ) -> Context {
        let annotation =
            |name: &str| text(app.annotations.get(name).and_then(Json::as_str).unwrap_or_default());
        let components = components.iter().map(|c| as_written(&c.to_value()));
        let number = |n: i64| Shared::from(&Data::int(n));
        let version = &options.kube_version;
        let cluster_version = [
            ("gitVersion".into(), text(&version.git_version)),
            ("major".into(), text(&version.major)),
            ("minor".into(), number(version.minor)),
            ("platform".into(), text(&version.platform)),
        ];
        let common: Vec<(Arc<str>, Shared)> = vec![
            ("appAnnotations".into(), ordered_fields(&app.annotations)),
            ("appLabels".into(), ordered_fields(&app.labels)),
            ("appName".into(), text(&app.name)),
            ("appRevision".into(), text(&options.revision)),
            ("appRevisionNum".into(), number(options.revision_number)),
            ("cluster".into(), text(&options.cluster)),
            ("clusterVersion".into(), Shared::structure(cluster_version)),
            ("components".into(), Shared::list(components)),
            ("namespace".into(), text(namespace)),
            ("publishVersion".into(), annotation(PUBLISH_VERSION)),
            ("workflowName".into(), annotation(WORKFLOW_NAME)),
        ];
        Context { common }
    }

    /// The context of one template: what all have, and these fields.
    pub(crate) fn with(&self, fields: impl IntoIterator<Item = (&'static str, Shared)>) -> Shared {
        self.with_selected(&None, fields)
    }

    /// [`Context::with`] for a template that looks at these fields only. One that looks for what is not there is given all: what is told of
    /// it names what there is.
    pub(crate) fn with_selected(
        &self,
        names: &Option<BTreeSet<Arc<str>>>,
        fields: impl IntoIterator<Item = (&'static str, Shared)>,
    ) -> Shared {
        let own = fields.into_iter().map(|(k, v)| (Arc::from(k), v));
        let mut all: Vec<(Arc<str>, Shared)> = self.common.iter().cloned().chain(own).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(names) = names
            && names.iter().all(|n| all.binary_search_by(|(k, _)| k.cmp(n)).is_ok())
        {
            all.retain(|(k, _)| names.contains(k));
        }
        Shared::structure(all)
    }
}
