//! Revisions on the cluster: listed, read with what is secret in them, written, and let go of when there are too many.

use super::{HASH, Rendered, Revision, Summary, name};
use crate::ops::OpError;
use crate::ops::support::objects::{FIELD_MANAGER, Kinds, refused};
use crate::resources::crds::{self, Crd};
use crate::resources::{App, Key, NAME};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PartialObjectMeta, PostParams};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The revisions of an Application.
pub struct Revisions {
    client: Client,
    kinds: Arc<Kinds>,
    app: App,
}

/// What came of keeping a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The revision that the Application is at now.
    pub latest: Summary,
    /// Whether it is a new one.
    pub new: bool,
}

impl Revisions {
    /// Those of this Application.
    pub fn of(client: Client, kinds: Arc<Kinds>, app: App) -> Revisions {
        Revisions { client, kinds, app }
    }

    /// The objects; `None` on a cluster that does not know the kind.
    async fn there(&self) -> Result<Option<Api<DynamicObject>>, OpError> {
        let (api_version, kind) = Crd::ApplicationRevision.types();
        match self.kinds.find(&self.client, &api_version, kind).await {
            Ok((resource, _)) => {
                Ok(Some(Api::namespaced_with(self.client.clone(), &self.app.namespace, &resource)))
            }
            Err(e) if e.retry => Err(e),
            Err(_) => Ok(None),
        }
    }

    /// All revisions, the oldest first.
    ///
    /// # Errors
    /// A cluster that cannot be asked.
    pub async fn list(&self) -> Result<Vec<Summary>, OpError> {
        let Some(api) = self.there().await? else { return Ok(Vec::new()) };
        let params = ListParams::default().labels(&format!("{NAME}={}", self.app.name));
        let found = api.list_metadata(&params).await;
        let found = found.map_err(|e| refused(&format!("list the revisions of `{}`", self.app.name), e))?;
        let of = |o: &PartialObjectMeta<DynamicObject>| Summary::of(&self.app.name, o);
        let mut all: Vec<Summary> = found.items.iter().filter_map(of).collect();
        all.sort_by_key(|s| s.number);
        Ok(all)
    }

    /// One revision, without what is secret in it.
    ///
    /// # Errors
    /// One that does not exist: told with those that do. One that cannot be read.
    pub async fn get(&self, number: u64) -> Result<Revision, OpError> {
        let wanted = name(&self.app.name, number);
        let found = match self.there().await? {
            Some(api) => api.get_opt(&wanted).await.map_err(|e| refused(&format!("read {wanted}"), e))?,
            None => None,
        };
        match found {
            Some(object) => Revision::read(&self.app.name, &object),
            None => Err(OpError::permanent(self.missing(number).await?)),
        }
    }

    async fn missing(&self, number: u64) -> Result<String, OpError> {
        let all: Vec<String> = self.list().await?.iter().map(|s| s.number.to_string()).collect();
        Ok(match all.as_slice() {
            [] => format!(
                "`{}` has no revision {number}: it has none, since no run of it has succeeded",
                self.app.name
            ),
            [only] => format!("`{}` has no revision {number}: it has only {only}", self.app.name),
            all => format!("`{}` has no revision {number}: it has {}", self.app.name, all.join(", ")),
        })
    }

    /// One revision with what is secret in it.
    ///
    /// # Errors
    /// As [`Revisions::get`], and a Secret that is gone.
    pub async fn get_whole(&self, number: u64) -> Result<Revision, OpError> {
        let mut revision = self.get(number).await?;
        if revision.rendered.iter().any(|r| r.secret) {
            let name = sealed(&revision.summary.name);
            let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.app.namespace);
            let found = api.get_opt(&name).await.map_err(|e| refused(&format!("read Secret {name}"), e))?;
            let data = found.and_then(|s| s.data).unwrap_or_default();
            for r in revision.rendered.iter_mut().filter(|r| r.secret) {
                let key = Key::of(&r.manifest);
                let manifest = data.get(&key.sealed()).and_then(|b| serde_json::from_slice(&b.0).ok());
                r.manifest = manifest.ok_or_else(|| {
                    OpError::permanent(format!(
                        "what {} has of {} is gone with the Secret {name}",
                        revision.summary.name,
                        key.words()
                    ))
                })?;
            }
        }
        Ok(revision)
    }

    /// Keeps what has succeeded: as a new revision, or where nothing has changed since the latest, as that one. `owner` is a reference to the
    /// Application. `limit` is how many are kept beside it.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub async fn keep(&self, revision: &Revision, owner: &Value, limit: usize) -> Result<Saved, OpError> {
        let known = self.list().await?;
        let latest = known.last().filter(|l| l.hash == revision.summary.hash);
        let new = latest.is_none();
        match latest {
            Some(latest) => {
                // The same was asked for and something else came of it: what the revision holds is what is there.
                let there = self.get_whole(latest.number).await;
                if there.map_or(true, |t| !t.same_objects(revision)) {
                    self.write(revision, owner).await?;
                }
            }
            None => self.write(revision, owner).await?,
        }
        for old in known.iter().rev().skip(usize::from(!new)).skip(limit) {
            self.delete(&old.name).await?;
        }
        Ok(Saved { latest: latest.cloned().unwrap_or_else(|| revision.summary.clone()), new })
    }

    async fn write(&self, revision: &Revision, owner: &Value) -> Result<(), OpError> {
        let api = crds::api(&self.client, &self.kinds, Crd::ApplicationRevision, &self.app.namespace).await?;
        let name = &revision.summary.name;
        let cannot = |e| refused(&format!("keep the revision {name}"), e);
        let object = revision.object(&self.app.name, &self.app.namespace, owner);
        let status = object["status"].clone();
        // What is secret is there before whoever refers to it.
        self.seal(revision, owner).await?;
        let options = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let read = |value: Value| {
            serde_json::from_value::<DynamicObject>(value)
                .map_err(|e| OpError::permanent(format!("the revision {name} is no object: {e}")))
        };
        let mut written = match api.create(&options, &read(object.clone())?).await {
            Ok(written) => written,
            Err(kube::Error::Api(s)) if s.code == 409 => {
                let there = api.get_metadata(name).await.map_err(cannot)?;
                let mut object = object;
                object["metadata"]["resourceVersion"] = json!(there.metadata.resource_version);
                api.replace(name, &options, &read(object)?).await.map_err(cannot)?
            }
            Err(e) => return Err(cannot(e)),
        };
        written.data["status"] = status;
        api.replace_status(name, &options, &written).await.map(drop).map_err(cannot)
    }

    /// Keeps what is secret in a revision.
    async fn seal(&self, revision: &Revision, owner: &Value) -> Result<(), OpError> {
        let secret: Vec<&Rendered> = revision.rendered.iter().filter(|r| r.secret).collect();
        if secret.is_empty() {
            return Ok(());
        }
        let name = sealed(&revision.summary.name);
        let data: Map<String, Value> = secret
            .iter()
            .map(|r| (Key::of(&r.manifest).sealed(), json!(STANDARD.encode(r.manifest.to_string()))))
            .collect();
        let object = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "stepwell.dev/sealed",
            "metadata": {"name": name, "namespace": self.app.namespace, "ownerReferences": [owner],
                "labels": {NAME: self.app.name, HASH: revision.summary.hash}},
            "data": data,
        });
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.app.namespace);
        let params = kube::api::PatchParams::apply(FIELD_MANAGER).force();
        let done = api.patch(&name, &params, &kube::api::Patch::Apply(&object)).await;
        done.map(drop).map_err(|e| refused(&format!("keep what is secret in {}", revision.summary.name), e))
    }

    async fn delete(&self, name: &str) -> Result<(), OpError> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.app.namespace);
        let Some(api) = self.there().await? else { return Ok(()) };
        let params = DeleteParams::default();
        let revision = api.delete(name, &params).await.map(drop);
        let sealed = secrets.delete(&sealed(name), &params).await.map(drop);
        for done in [revision, sealed] {
            match done {
                Ok(()) => {}
                Err(kube::Error::Api(s)) if s.code == 404 => {}
                Err(e) => return Err(refused(&format!("let go of the revision {name}"), e)),
            }
        }
        Ok(())
    }
}

/// The name of the Secret of a revision.
fn sealed(revision: &str) -> String {
    format!("{revision}-sealed")
}
