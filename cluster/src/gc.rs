//! What follows from a deletion: objects whose owners are gone go too, foreground and orphan finalizers are worked off, and a
//! namespace or a definition of a custom kind that is being deleted takes its objects along. One task follows the store's changes; all that it
//! knows it can read again from the store, so a restart loses nothing. Tests: `tests/deletion.rs`.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{
    api::Api,
    crd,
    error::{ApiError, ApiResult},
    objects::{Propagation, Write, text},
    store::{Change, Key, Txn},
};

const MANAGER: &str = "stepwell-collector";
const BATCH: usize = 512;
/// How long Events are kept, and how often old ones are looked for.
const EVENT_LIFE: SignedDuration = SignedDuration::from_hours(1);
const SWEEP: Duration = Duration::from_secs(300);

/// The part of an object that matters here.
#[derive(Debug, Default, Deserialize)]
struct Object {
    #[serde(default)]
    metadata: Meta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    uid: String,
    deletion_timestamp: Option<String>,
    #[serde(deserialize_with = "or_none")]
    finalizers: Vec<String>,
    #[serde(deserialize_with = "or_none")]
    owner_references: Vec<Owner>,
}

/// A list that may be null.
fn or_none<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Reads the part that matters. One that cannot be read stops the collection: taken for an object without a uid it would
/// look as if it were gone, and what it owns would be deleted.
fn object(bytes: &[u8]) -> ApiResult<Object> {
    serde_json::from_slice(bytes).map_err(ApiError::internal)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Owner {
    uid: String,
    block_owner_deletion: bool,
}

/// Who owns whom.
#[derive(Default)]
struct Graph {
    uid_of: HashMap<Key, String>,
    alive: HashMap<String, Key>,
    /// Dependents by the uid of an owner.
    dependents: HashMap<String, BTreeSet<Key>>,
    owners: HashMap<Key, Vec<Owner>>,
    /// Objects being deleted that wait for something here.
    waiting: BTreeSet<Key>,
}

impl Graph {
    fn put(&mut self, key: &Key, meta: Meta) {
        self.forget_owners(key);
        for owner in &meta.owner_references {
            self.dependents.entry(owner.uid.clone()).or_default().insert(key.clone());
        }
        if !meta.owner_references.is_empty() {
            self.owners.insert(key.clone(), meta.owner_references);
        }
        self.uid_of.insert(key.clone(), meta.uid.clone());
        self.alive.insert(meta.uid, key.clone());
        let ours = |f: &String| f == "foregroundDeletion" || f == "orphan" || f == crd::FINALIZER;
        let waits = meta.deletion_timestamp.is_some()
            && (key.resource() == "namespaces" || meta.finalizers.iter().any(ours));
        if waits {
            self.waiting.insert(key.clone());
        } else {
            self.waiting.remove(key);
        }
    }

    fn forget_owners(&mut self, key: &Key) {
        for owner in self.owners.remove(key).unwrap_or_default() {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(key);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
    }

    fn remove(&mut self, key: &Key) -> Option<String> {
        self.forget_owners(key);
        self.waiting.remove(key);
        let uid = self.uid_of.remove(key)?;
        self.alive.remove(&uid);
        Some(uid)
    }
}

/// Runs until the store closes.
pub(crate) async fn run(api: Api) {
    let mut moved = api.store.version();
    loop {
        match follow(&api, &mut moved).await {
            Ok(()) => return,
            // Fell behind the log: read everything again.
            Err(error) if error.code == 410 => {}
            Err(error) if error.code == 503 => return,
            Err(error) => {
                tracing::warn!(%error, "collecting what deleted objects leave behind");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
}

async fn follow(api: &Api, moved: &mut tokio::sync::watch::Receiver<u64>) -> ApiResult<()> {
    let mut graph = Graph::default();
    let mut cursor = api.store.list("", None, |key, bytes| {
        graph.put(&key, object(bytes)?.metadata);
        Ok(true)
    })?;
    let mut sweep = tokio::time::interval(SWEEP);
    // Owners that went while nobody looked.
    let mut doubtful: HashSet<Key> = graph.owners.keys().cloned().collect();
    loop {
        moved.borrow_and_update();
        loop {
            let events = api.store.changes(cursor, BATCH)?;
            let Some(last) = events.last() else { break };
            cursor = last.version;
            for event in events {
                if matches!(event.change, Change::Deleted) {
                    if let Some(uid) = graph.remove(&event.key) {
                        doubtful.extend(graph.dependents.get(&uid).into_iter().flatten().cloned());
                    }
                } else {
                    let meta = object(&event.object)?.metadata;
                    let owned = !meta.owner_references.is_empty();
                    graph.put(&event.key, meta);
                    if owned {
                        doubtful.insert(event.key.clone());
                    }
                }
            }
        }
        for key in std::mem::take(&mut doubtful) {
            orphaned(api, &graph, &key).await?;
        }
        for key in graph.waiting.clone() {
            work_off(api, &graph, &key).await?;
        }
        if *moved.borrow() != cursor {
            continue;
        }
        tokio::select! {
            moved = moved.changed() => if moved.is_err() { return Ok(()) },
            _ = sweep.tick() => old_events(api).await?,
        }
    }
}

/// Deletes the Events (the kind) that nothing was added to for an hour, as a real server does.
async fn old_events(api: &Api) -> ApiResult<()> {
    let limit = api.clock.now().saturating_sub(EVENT_LIFE).unwrap_or(Timestamp::MIN);
    let mut old = Vec::new();
    api.store.list(&Key::prefix("events", None), None, |key, bytes| {
        let event: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
        let times = [&event["lastTimestamp"], &event["eventTime"], &event["metadata"]["creationTimestamp"]];
        let newest = times.iter().filter_map(|time| time.as_str()?.parse::<Timestamp>().ok()).max();
        if newest.is_none_or(|newest| newest < limit) {
            old.push((key, text(&event["metadata"]["uid"])));
        }
        Ok(true)
    })?;
    for (key, uid) in old {
        delete(api, &key, uid).await?;
    }
    Ok(())
}

/// Deletes an object whose owners are all gone; takes dead owners off one that has others.
async fn orphaned(api: &Api, graph: &Graph, key: &Key) -> ApiResult<()> {
    let Some(owners) = graph.owners.get(key) else { return Ok(()) };
    let dead: Vec<String> =
        owners.iter().map(|o| &o.uid).filter(|uid| !graph.alive.contains_key(*uid)).cloned().collect();
    if dead.is_empty() {
        return Ok(());
    }
    let all = dead.len() == owners.len();
    let uid = graph.uid_of.get(key).cloned().unwrap_or_default();
    if all {
        delete(api, key, uid).await
    } else {
        change(api, key, uid, move |object| {
            if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
                owners.retain(|owner| !dead.iter().any(|uid| owner["uid"] == uid.as_str()));
            }
        })
        .await
    }
}

/// One step for an object that is being deleted and waits for this task.
async fn work_off(api: &Api, graph: &Graph, key: &Key) -> ApiResult<()> {
    let uid = graph.uid_of.get(key).cloned().unwrap_or_default();
    if key.resource() == "namespaces" {
        let namespace = key.name().to_owned();
        let inside: Vec<(Key, String)> = graph
            .uid_of
            .iter()
            .filter(|(key, _)| key.namespace() == namespace)
            .map(|(key, uid)| (key.clone(), uid.clone()))
            .collect();
        return empty_then(api, key, uid, inside, |object| {
            object["spec"]["finalizers"] = serde_json::json!([]);
        })
        .await;
    }
    if key.resource() == crd::STORED_AS {
        let prefix = format!("{}/", key.name());
        let inside: Vec<(Key, String)> = graph
            .uid_of
            .iter()
            .filter(|(key, _)| key.as_str().starts_with(&prefix))
            .map(|(key, uid)| (key.clone(), uid.clone()))
            .collect();
        return empty_then(api, key, uid, inside, |object| drop_finalizer(object, crd::FINALIZER)).await;
    }
    let dependents: Vec<Key> = graph.dependents.get(&uid).into_iter().flatten().cloned().collect();
    let Some(object) = read(api, key)? else { return Ok(()) };
    let has = |name: &str| object.metadata.finalizers.iter().any(|f| f == name);
    if has("orphan") {
        for dependent in &dependents {
            let owner = uid.clone();
            let of = graph.uid_of.get(dependent).cloned().unwrap_or_default();
            change(api, dependent, of, move |object| {
                if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
                    owners.retain(|o| o["uid"] != owner.as_str());
                }
            })
            .await?;
        }
        return change(api, key, uid, |object| drop_finalizer(object, "orphan")).await;
    }
    if has("foregroundDeletion") {
        let blocks = |dependent: &Key| {
            graph.owners.get(dependent).into_iter().flatten().any(|o| o.uid == uid && o.block_owner_deletion)
        };
        let inside: Vec<(Key, String)> = dependents
            .iter()
            .filter(|dependent| blocks(dependent))
            .map(|key| (key.clone(), graph.uid_of.get(key).cloned().unwrap_or_default()))
            .collect();
        return empty_then(api, key, uid, inside, |object| drop_finalizer(object, "foregroundDeletion"))
            .await;
    }
    Ok(())
}

/// Deletes what is inside; once nothing is left, changes the outer object.
async fn empty_then(
    api: &Api,
    key: &Key,
    uid: String,
    inside: Vec<(Key, String)>,
    finish: impl FnOnce(&mut serde_json::Value) + Send + 'static,
) -> ApiResult<()> {
    if inside.is_empty() {
        return change(api, key, uid, finish).await;
    }
    for (key, uid) in inside {
        delete(api, &key, uid).await?;
    }
    Ok(())
}

fn drop_finalizer(object: &mut serde_json::Value, name: &str) {
    if let Some(finalizers) = object["metadata"]["finalizers"].as_array_mut() {
        finalizers.retain(|f| f != name);
    }
}

fn read(api: &Api, key: &Key) -> ApiResult<Option<Object>> {
    api.store.get(key)?.map(|bytes| object(&bytes)).transpose()
}

async fn delete(api: &Api, key: &Key, uid: String) -> ApiResult<()> {
    write(api, key, uid, |txn, write, object| {
        if object["metadata"]["deletionTimestamp"].is_null() {
            write.delete(txn, object, &Propagation::Background)?;
        }
        Ok(())
    })
    .await
}

async fn change(
    api: &Api,
    key: &Key,
    uid: String,
    change: impl FnOnce(&mut serde_json::Value) + Send + 'static,
) -> ApiResult<()> {
    write(api, key, uid, |txn, write, object| {
        let mut new = object.clone();
        change(&mut new);
        write.update(txn, &object, new)?;
        Ok(())
    })
    .await
}

/// Writes to the object under `key`, if it is still the one that was seen.
async fn write(
    api: &Api,
    key: &Key,
    uid: String,
    act: impl FnOnce(&mut Txn<'_>, &Write<'_>, serde_json::Value) -> ApiResult<()> + Send + 'static,
) -> ApiResult<()> {
    let Some(resource) = api.stored_as(key.resource()) else { return Ok(()) };
    let (key, now) = (key.clone(), api.clock.now());
    api.store
        .write(move |txn| {
            let Some(object) = txn.get(&key)? else { return Ok(()) };
            if text(&object["metadata"]["uid"]) != uid {
                return Ok(());
            }
            let write = Write {
                resource: &resource,
                namespace: key.namespace(),
                now,
                subresource: None,
                manager: MANAGER,
                applied: false,
            };
            act(txn, &write, object)
        })
        .await
}
