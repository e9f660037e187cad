//! `context`: what a template can know of the Application, the component and the cluster around it.
//!
//! Every field that users' definitions read is set, also where it is empty; fields stand in the order of their names. What may be changed: a
//! new field is one line in `Context::fields`.

use super::RenderOptions;
use crate::model::application::{Application, Component};
use serde_json::Value as Json;
use std::sync::Arc;
use stepwell_lang::data::Data;

const PUBLISH_VERSION: &str = "app.oam.dev/publishVersion";
const WORKFLOW_NAME: &str = "app.oam.dev/workflowName";

/// What all components of an Application have in common.
#[derive(Debug)]
pub(crate) struct Context {
    common: Vec<(Arc<str>, Data)>,
}

fn text(s: &str) -> Data {
    Data::string(s)
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
        let components = components.iter().map(|c| Data::from_json_value(&c.to_value())).collect();
        let object = |m: &serde_json::Map<String, Json>| {
            Data::from_json_value(&crate::model::application::sorted(&Json::Object(m.clone())))
        };
        let version = &options.kube_version;
        let cluster_version = vec![
            ("gitVersion".into(), text(&version.git_version)),
            ("major".into(), text(&version.major)),
            ("minor".into(), Data::int(version.minor)),
            ("platform".into(), text(&version.platform)),
        ];
        let common: Vec<(Arc<str>, Data)> = vec![
            ("appAnnotations".into(), object(&app.annotations)),
            ("appLabels".into(), object(&app.labels)),
            ("appName".into(), text(&app.name)),
            ("appRevision".into(), text(&options.revision)),
            ("appRevisionNum".into(), Data::int(options.revision_number)),
            ("cluster".into(), text(&options.cluster)),
            ("clusterVersion".into(), Data::Struct(cluster_version)),
            ("components".into(), Data::List(components)),
            ("namespace".into(), text(namespace)),
            ("publishVersion".into(), annotation(PUBLISH_VERSION)),
            ("workflowName".into(), annotation(WORKFLOW_NAME)),
        ];
        Context { common }
    }

    /// The context of one template: what all have, and these fields.
    pub(crate) fn with(&self, fields: impl IntoIterator<Item = (&'static str, Data)>) -> Data {
        let mut all = self.common.clone();
        all.extend(fields.into_iter().map(|(k, v)| (Arc::from(k), v)));
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Data::Struct(all)
    }
}
