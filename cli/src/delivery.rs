//! What a file to be run holds: one Application or WorkflowRun, and beside it whatever the run needs (step types, Workflows, other objects).

use crate::connect::Connection;
use crate::error::Error;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{GroupVersionKind, TypeMeta};
use kube::discovery::{self, Scope};
use serde_json::{Value, json};
use stepwell_lang::source::Source;
use stepwell_runtime::definitions::Library;
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::Delivery;
use stepwell_runtime::ops::support::objects::Kinds;
use stepwell_runtime::problem::{Problem, Problems};
use stepwell_runtime::resources::crds::{self, Crd};

/// What a file to be run holds.
pub(crate) struct Bundle {
    /// What is to be run.
    pub(crate) delivery: Delivery,
    /// What must be on the cluster before, in order.
    pub(crate) beside: Vec<Document>,
}

impl Bundle {
    /// Reads files; in all of them together there is one run.
    pub(crate) fn read(sources: &[Source]) -> Result<Bundle, Error> {
        let mut found: Option<Delivery> = None;
        let mut beside = Vec::new();
        let mut first: Option<Document> = None;
        for source in sources {
            for document in Document::read_all(&source.name, &source.text)? {
                first.get_or_insert_with(|| document.clone());
                match (Delivery::read(&document)?, &found) {
                    (Some(delivery), None) => found = Some(delivery),
                    (Some(_), Some(_)) => {
                        let problem = document.problem(
                            "document",
                            "kind",
                            "there is more than one Application or WorkflowRun to run",
                        );
                        return Err(Problems::one(document.sources.clone(), problem).into());
                    }
                    (None, _) => beside.push(document),
                }
            }
        }
        match (found, first) {
            (Some(delivery), _) => Ok(Bundle { delivery, beside }),
            (None, Some(first)) => {
                let said = |key| first.value.get(key).and_then(Value::as_str).unwrap_or("nothing").to_owned();
                let path = if said("kind") == "Application" || said("kind") == "WorkflowRun" {
                    "apiVersion"
                } else {
                    "kind"
                };
                let message =
                    format!("this is neither an Application nor a WorkflowRun: `{path}` is {}", said(path));
                let problem = first.problem("document", path, message).hint(
                    "an Application says `apiVersion: core.oam.dev/v1beta1` and `kind: Application`, a run \
                     `apiVersion: core.oam.dev/v1alpha1` and `kind: WorkflowRun`",
                );
                Err(Problems::one(first.sources.clone(), problem).into())
            }
            (None, None) => {
                let name = sources.first().map_or("the file", |s| s.name.as_str());
                Err(Problems {
                    list: vec![Problem::new("document", "", format!("{name} holds no document"))],
                    ..Problems::default()
                }
                .into())
            }
        }
    }

    /// The library with the definitions that lie beside the run.
    pub(crate) fn definitions(&self, library: Library) -> Result<Library, Error> {
        Ok(library.with_documents(&self.beside)?)
    }

    /// Applies what lies beside the run.
    pub(crate) async fn apply(&self, client: &kube::Client, namespace: &str) -> Result<(), Error> {
        self.apply_some(client, namespace, &[Scope::Cluster, Scope::Namespaced]).await
    }

    async fn apply_some(
        &self,
        client: &kube::Client,
        namespace: &str,
        scopes: &[Scope],
    ) -> Result<(), Error> {
        let kinds = Kinds::default();
        for document in &self.beside {
            apply(client, &kinds, document, namespace, scopes).await?;
        }
        Ok(())
    }

    /// Applies of what lies beside the run only what is in no namespace, such as the environment that the run goes to.
    pub(crate) async fn apply_of_cluster(&self, connection: &Connection) -> Result<(), Error> {
        self.apply_some(&connection.client, &connection.namespace, &[Scope::Cluster]).await
    }
}

async fn apply(
    client: &kube::Client,
    kinds: &Kinds,
    document: &Document,
    namespace: &str,
    scopes: &[Scope],
) -> Result<(), Error> {
    let mut object = document.value.clone();
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (types, name) =
        (TypeMeta { api_version: text("/apiVersion"), kind: text("/kind") }, text("/metadata/name"));
    let wrong = |path: &str, message: String| {
        Error::from(Problems::one(document.sources.clone(), document.problem("document", path, message)))
    };
    for (value, path) in [(&types.api_version, "apiVersion"), (&types.kind, "kind"), (&name, "metadata.name")]
    {
        if value.is_empty() {
            return Err(wrong(path, format!("the object has no `{path}`")));
        }
    }
    let unknown =
        || wrong("kind", format!("the cluster has no kind `{}` in `{}`", types.kind, types.api_version));
    let gvk = GroupVersionKind::try_from(&types).map_err(|_| unknown())?;
    // Definitions and the like can be written to a cluster that does not know them yet.
    if let Some(crd) = Crd::of(&types.api_version, &types.kind) {
        crds::ensure(client, kinds, crd).await.map_err(|e| wrong("kind", e.message))?;
    }
    let (resource, scope) = match discovery::pinned_kind(client, &gvk).await {
        Ok((resource, capabilities)) => (resource, capabilities.scope),
        Err(kube::Error::Discovery(_)) => return Err(unknown()),
        Err(kube::Error::Api(s)) if s.code == 404 => return Err(unknown()),
        Err(e) => return Err(e.into()),
    };
    if !scopes.contains(&scope) {
        return Ok(());
    }
    let api: Api<DynamicObject> = match scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => {
            let own = text("/metadata/namespace");
            let namespace = if own.is_empty() { namespace } else { &own };
            object["metadata"]["namespace"] = json!(namespace);
            Api::namespaced_with(client.clone(), namespace, &resource)
        }
    };
    let params = PatchParams::apply("stepwell").force();
    match api.patch(&name, &params, &Patch::Apply(&object)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(s)) => {
            Err(wrong("metadata.name", format!("the cluster refuses it: {}", s.message)))
        }
        Err(e) => Err(e.into()),
    }
}
