//! The record of what one rollout of an Application applies: on the cluster before an object is.
//!
//! Objects go into the tracker of the Application's generation, or where they are to stay until the Application is deleted into its root tracker. Those that are
//! applied at the same time share a write. What holds something secret is kept in a Secret of the Application, and the tracker only says so.
//! Nothing else writes trackers while a run is driven (its Lease says so), so what was written is known here. Tests: `tests/program/garbage.rs`.

use super::crds::{self, Crd};
use super::policies::Strategy;
use super::tracker::{Entry, Key, Tracker};
use super::{App, FINALIZER, NAME, NAMESPACE, Policies};
use crate::ops::OpError;
use crate::ops::support::objects::{FIELD_MANAGER, Kinds, refused};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How often a tracker is read again after somebody else has written it.
const TRIES: u32 = 5;

/// The record of a rollout.
pub struct Tracking {
    pub(crate) client: Client,
    pub(crate) kinds: Arc<Kinds>,
    /// Whose objects they are.
    pub app: App,
    uid: String,
    generation: i64,
    /// The name of the revision that is rolled out: `web-v3`.
    pub revision: String,
    /// What the Application says of its objects.
    pub policies: Policies,
    /// The components, each after those that it depends on.
    pub(crate) order: Vec<String>,
    /// Whether the Application is held already by what keeps it until its objects are gone.
    held: Mutex<bool>,
    /// What the trackers hold, once they have been read: that of this generation and the root.
    written: tokio::sync::Mutex<Option<[Tracker; 2]>>,
    /// What is to be written, and into which of the two.
    pending: Mutex<Vec<(usize, Entry)>>,
}

/// What stays when the rest is collected.
#[derive(Clone, Debug)]
pub enum Keep {
    /// What this run has applied.
    Run(String),
    /// These objects.
    These(BTreeSet<Key>),
    /// What is never to be deleted: the Application itself goes.
    Nothing,
}

async fn trackers(api: &Api<DynamicObject>, app: &App) -> Result<Vec<Tracker>, OpError> {
    let labels = format!("{NAME}={},{NAMESPACE}={}", app.name, app.namespace);
    let found = api.list(&ListParams::default().labels(&labels)).await;
    let found = found.map_err(|e| refused("list the ResourceTrackers of the application", e))?;
    found.items.iter().map(Tracker::read).collect()
}

/// What an Application has applied, as its trackers say, in the order of kinds and names; nothing where the cluster has no trackers.
///
/// # Errors
/// What the API says.
pub(crate) async fn recorded(client: &Client, kinds: &Kinds, app: &App) -> Result<Vec<Entry>, OpError> {
    let (api_version, kind) = Crd::ResourceTracker.types();
    let api = match kinds.find(client, &api_version, kind).await {
        Ok((resource, _)) => Api::all_with(client.clone(), &resource),
        Err(e) if e.retry => return Err(e),
        Err(_) => return Ok(Vec::new()),
    };
    let all = trackers(&api, app).await?.into_iter().flat_map(|t| t.entries.into_iter());
    // What is recorded twice is there once.
    Ok(all.collect::<BTreeMap<_, _>>().into_values().collect())
}

impl Tracking {
    /// The record of a rollout of the Application that is this object of the cluster.
    pub fn new(
        (client, kinds): (Client, Arc<Kinds>),
        object: &Value,
        revision: String,
        policies: Policies,
        order: Vec<String>,
    ) -> Tracking {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string();
        let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array);
        Tracking {
            client,
            kinds,
            app: App { name: text("/metadata/name"), namespace: text("/metadata/namespace") },
            uid: text("/metadata/uid"),
            generation: object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default(),
            revision,
            policies,
            order,
            held: Mutex::new(finalizers.is_some_and(|f| f.iter().any(|f| f == FINALIZER))),
            written: tokio::sync::Mutex::default(),
            pending: Mutex::default(),
        }
    }

    /// The trackers on the cluster.
    pub(super) async fn api(&self) -> Result<Api<DynamicObject>, OpError> {
        crds::api(&self.client, &self.kinds, Crd::ResourceTracker, "").await
    }

    /// All trackers of the Application, as they are now.
    pub(super) async fn all(&self) -> Result<Vec<Tracker>, OpError> {
        trackers(&self.api().await?, &self.app).await
    }

    /// The tracker of this generation, and the root.
    async fn load(&self) -> Result<[Tracker; 2], OpError> {
        let mut pair = [Tracker::new(&self.app, false, self.generation), Tracker::new(&self.app, true, 0)];
        for tracker in self.all().await? {
            match tracker.root {
                true => pair[1] = tracker,
                false if tracker.generation == self.generation => pair[0] = tracker,
                false => {}
            }
        }
        Ok(pair)
    }

    /// Records that an object is about to be applied, and comes back when that is on the cluster.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub(super) async fn note(&self, manifest: &Value, run: &str, secret: bool) -> Result<(), OpError> {
        let own = self.own(manifest, run, secret).await?;
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(own.clone());
        self.write_pending(own).await
    }

    /// Records objects that are about to be applied one after the other, in one write.
    ///
    /// # Errors
    /// As [`Tracking::note`].
    pub(crate) async fn announce(&self, all: &[(Value, bool)], run: &str) -> Result<(), OpError> {
        let mut last = None;
        for (manifest, secret) in all {
            if !self.policies.read_only.fit(manifest) {
                let own = self.own(manifest, run, *secret).await?;
                self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(own.clone());
                last = Some(own);
            }
        }
        match last {
            Some(own) => self.write_pending(own).await,
            None => Ok(()),
        }
    }

    /// What is recorded of an object, and in which of the two trackers.
    async fn own(&self, manifest: &Value, run: &str, secret: bool) -> Result<(usize, Entry), OpError> {
        self.hold().await?;
        let strategy = self.policies.strategy(manifest);
        let mut entry =
            Entry { keep: strategy == Strategy::Never, sealed: secret, ..Entry::of(manifest, run) };
        match secret {
            true => self.seal(manifest).await?,
            false => entry.manifest = Some(Arc::new(manifest.clone())),
        }
        Ok((usize::from(strategy != Strategy::OnAppUpdate), entry))
    }

    /// Writes what is to be written, unless this is there: then whoever came before has written it with theirs.
    async fn write_pending(&self, own: (usize, Entry)) -> Result<(), OpError> {
        let mut written = self.written.lock().await;
        let there = |pair: &[Tracker; 2]| pair[own.0].entries.get(&own.1.key) == Some(&own.1);
        if written.as_ref().is_some_and(there) {
            self.pending.lock().unwrap_or_else(PoisonError::into_inner).retain(|p| *p != own);
            return Ok(());
        }
        let mut batch = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        if !batch.contains(&own) {
            batch.push(own);
        }
        self.write(&mut written, |pair| {
            let mut changed = [false, false];
            for (home, entry) in &batch {
                let entries = &mut pair[*home].entries;
                if entries.get(&entry.key) != Some(entry) {
                    // At its place in the order of this run.
                    entries.shift_remove(&entry.key);
                    entries.insert(entry.key.clone(), entry.clone());
                    changed[*home] = true;
                }
                changed[1 - home] |= pair[1 - home].entries.shift_remove(&entry.key).is_some();
            }
            changed
        })
        .await
    }

    /// Takes objects out of the record that a step has deleted.
    ///
    /// # Errors
    /// What keeps the record from being written.
    pub(crate) async fn forget(&self, keys: &BTreeSet<Key>) -> Result<(), OpError> {
        let mut written = self.written.lock().await;
        self.write(&mut written, |pair| {
            let mut changed = [false, false];
            for (tracker, changed) in pair.iter_mut().zip(&mut changed) {
                let before = tracker.entries.len();
                tracker.entries.retain(|key, _| !keys.contains(key));
                *changed = tracker.entries.len() != before;
            }
            changed
        })
        .await
    }

    /// Changes the two trackers, and writes those that have changed.
    async fn write(
        &self,
        written: &mut Option<[Tracker; 2]>,
        change: impl Fn(&mut [Tracker; 2]) -> [bool; 2],
    ) -> Result<(), OpError> {
        for _ in 0..TRIES {
            let mut pair = match written.take() {
                Some(pair) => pair,
                None => self.load().await?,
            };
            let changed = change(&mut pair);
            let mut crossed = false;
            for (tracker, _) in pair.iter_mut().zip(changed).filter(|(_, changed)| *changed) {
                crossed |= !self.save(tracker).await?;
            }
            if !crossed {
                *written = Some(pair);
                return Ok(());
            }
        }
        Err(OpError::transient(format!(
            "the record of what `{}` has applied is written by others all the time",
            self.app.name
        )))
    }

    /// Writes a tracker. False if somebody else has written it since it was read.
    pub(super) async fn save(&self, tracker: &mut Tracker) -> Result<bool, OpError> {
        let api = self.api().await?;
        let options = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        for _ in 0..2 {
            let object = serde_json::from_value(tracker.object(&self.app)).map_err(|e| {
                OpError::permanent(format!("the record of what was applied is no object: {e}"))
            })?;
            let done = match &tracker.version {
                Some(_) => api.replace(&tracker.name, &options, &object).await,
                None => api.create(&options, &object).await,
            };
            match done {
                Ok(object) => {
                    tracker.version = object.metadata.resource_version;
                    return Ok(true);
                }
                Err(kube::Error::Api(s)) if s.code == 409 && tracker.version.is_none() => {
                    let other = api.get_opt(&tracker.name).await.ok().flatten();
                    let own = other.is_some_and(|o| {
                        super::owner_of(&serde_json::to_value(&o).unwrap_or_default()).as_ref()
                            == Some(&self.app)
                    });
                    if own {
                        return Ok(false);
                    }
                    tracker.rename(&self.app);
                }
                Err(kube::Error::Api(s)) if matches!(s.code, 404 | 409) => return Ok(false),
                Err(e) => return Err(refused("record what is applied", e)),
            }
        }
        Ok(false)
    }

    /// Deletes a tracker, unless somebody has written it since.
    pub(super) async fn drop_tracker(&self, tracker: &Tracker) -> Result<(), OpError> {
        let only = Preconditions { resource_version: tracker.version.clone(), uid: None };
        let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
        match self.api().await?.delete(&tracker.name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(s)) if matches!(s.code, 404 | 409) => Ok(()),
            Err(e) => Err(refused("delete the record of what was applied", e)),
        }
    }

    /// Makes sure that the Application does not vanish before its objects.
    async fn hold(&self) -> Result<(), OpError> {
        if *self.held.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(());
        }
        let api = crds::api(&self.client, &self.kinds, Crd::Application, &self.app.namespace).await?;
        let (api_version, kind) = Crd::Application.types();
        let patch = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": self.app.name, "uid": self.uid, "finalizers": [FINALIZER]}});
        // Of a manager of its own, which applies nothing else: what others apply stays theirs.
        let params = PatchParams::apply("stepwell-tracker").force();
        let done = api.patch_metadata(&self.app.name, &params, &Patch::Apply(&patch)).await;
        done.map_err(|e| refused(&format!("hold the application `{}`", self.app.name), e))?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = true;
        Ok(())
    }

    /// What this run has applied, in order; with the manifests of what is secret, where they are still there.
    ///
    /// # Errors
    /// A cluster that cannot be asked.
    pub async fn applied(&self, run: &str) -> Result<Vec<Entry>, OpError> {
        let mut written = self.written.lock().await;
        if written.is_none() {
            *written = Some(self.load().await?);
        }
        let pair = written.iter().flatten();
        Ok(pair.flat_map(|t| t.entries.values()).filter(|e| e.run == run).cloned().collect())
    }

    /// Forgets what is known of the trackers: they were written elsewhere.
    pub(super) async fn reread(&self) {
        *self.written.lock().await = None;
    }

    fn sealed_name(&self) -> String {
        format!("workflow-{}-sealed", self.app.name)
    }

    /// Keeps a manifest with something secret in it.
    async fn seal(&self, manifest: &Value) -> Result<(), OpError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.app.namespace);
        let name = self.sealed_name();
        let data = json!({Key::of(manifest).sealed(): STANDARD.encode(manifest.to_string())});
        let patch = json!({"data": data});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        match api.patch_metadata(&name, &params, &Patch::Merge(&patch)).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(s)) if s.code == 404 => {}
            Err(e) => return Err(refused("keep what is secret", e)),
        }
        let (api_version, kind) = Crd::Application.types();
        let secret = json!({
            "metadata": {"name": name, "namespace": self.app.namespace,
                "ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": self.app.name, "uid": self.uid}]},
            "type": "stepwell.dev/sealed", "data": data,
        });
        let secret: Secret = serde_json::from_value(secret)
            .map_err(|e| OpError::permanent(format!("what is secret cannot be kept: {e}")))?;
        let options = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        match api.create(&options, &secret).await {
            Ok(_) => Ok(()),
            // Made meanwhile by another op of this run: the attempt is repeated.
            Err(kube::Error::Api(s)) if s.code == 409 => {
                let done = api.patch_metadata(&name, &params, &Patch::Merge(&patch)).await;
                done.map(drop).map_err(|e| refused("keep what is secret", e))
            }
            Err(e) => Err(refused("keep what is secret", e)),
        }
    }

    /// The manifests that are kept because something secret is in them, by the key of their object.
    ///
    /// # Errors
    /// A cluster that cannot be asked.
    pub(crate) async fn unsealed(&self, keys: &[Key]) -> Result<BTreeMap<Key, Value>, OpError> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.app.namespace);
        let found = api.get_opt(&self.sealed_name()).await;
        let found = found.map_err(|e| refused("read what is secret", e))?;
        let mut data = found.and_then(|s| s.data).unwrap_or_default();
        let read = |key: &Key| {
            let bytes = data.remove(&key.sealed())?;
            Some((key.clone(), serde_json::from_slice(&bytes.0).ok()?))
        };
        Ok(keys.iter().filter_map(read).collect())
    }

    /// Lets go of what was kept of objects that are no longer recorded.
    pub(super) async fn unseal(&self, keep: &BTreeSet<Key>) -> Result<(), OpError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.app.namespace);
        let name = self.sealed_name();
        let Some(found) = api.get_opt(&name).await.map_err(|e| refused("read what is secret", e))? else {
            return Ok(());
        };
        let kept: BTreeSet<String> = keep.iter().map(Key::sealed).collect();
        let gone: Map<String, Value> = found
            .data
            .unwrap_or_default()
            .into_keys()
            .filter(|k| !kept.contains(k))
            .map(|k| (k, Value::Null))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let patch = json!({"data": gone});
        let done = api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        done.map(drop).map_err(|e| refused("forget what is secret", e))
    }
}
