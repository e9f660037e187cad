//! What an Application no longer has is deleted: objects of earlier rollouts when a new one has succeeded, all of them with the Application.
//!
//! An object is deleted only while it still says that it belongs to the Application, and the record of it goes after it: whoever is killed in between finds it
//! in the record, and looks again. One that cannot be deleted stops no other. Tests: `tests/program/garbage.rs`.

use super::dispatch::labelled;
use super::policies::Propagation;
use super::tracker::{Entry, Key, Tracker};
use super::tracking::{Keep, Tracking};
use super::{App, SHARED_BY, owner_of, sharers};
use crate::ops::OpError;
use crate::ops::support::objects::{plain, refused};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How many objects are deleted at the same time.
const AT_ONCE: usize = 16;
/// How long a component may take to go before those that it depends on.
const GOES: Duration = Duration::from_secs(60);

/// What was collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// The objects that were deleted: `Deployment default/web`.
    pub deleted: Vec<String>,
    /// Why others were not.
    pub failed: Vec<String>,
}

/// An object being deleted.
type Deleting<'a> = BoxFuture<'a, Result<End, OpError>>;

/// What became of an object.
enum End {
    Deleted,
    /// It was not there, is not the Application's any more, or others still share it.
    LetGo,
}

impl Tracking {
    /// Deletes what the trackers have and is not to be kept.
    ///
    /// # Errors
    /// A record that cannot be read or written. What cannot be deleted is told in the result, and stays recorded.
    pub async fn collect(&self, keep: &Keep) -> Result<Collected, OpError> {
        let mut trackers = self.all().await?;
        let is_kept = |e: &Entry| match keep {
            Keep::Run(run) => e.run == *run,
            Keep::These(keys) => keys.contains(&e.key),
            Keep::Nothing => false,
        };
        let whole = matches!(keep, Keep::Nothing);
        // An object that is recorded twice is there once.
        let kept: BTreeSet<Key> = trackers
            .iter()
            .flat_map(|t| t.entries.values().filter(|e| is_kept(e) || (!whole && t.root)))
            .map(|e| e.key.clone())
            .collect();
        let stays = |t: &Tracker, e: &Entry| match whole {
            true => e.keep,
            false => t.root || e.keep || is_kept(e) || self.policies.garbage.keep_legacy_resource,
        };
        let mut doomed: Vec<Entry> = Vec::new();
        for tracker in &trackers {
            let these = tracker.entries.values().filter(|e| !stays(tracker, e) && !kept.contains(&e.key));
            for e in these {
                doomed.retain(|d| d.key != e.key);
                doomed.push(e.clone());
            }
        }
        // The last that was applied goes first.
        doomed.reverse();
        let (gone, collected) = self.delete_all(doomed).await;
        let mut left = BTreeSet::new();
        for tracker in &mut trackers {
            let before = tracker.entries.len();
            let root = tracker.root;
            tracker.entries.retain(|key, e| {
                let superseded = !whole && !root && kept.contains(key) && !is_kept(e);
                !gone.contains(key) && !superseded
            });
            // With the Application goes what records that something stays.
            if tracker.entries.is_empty() || (whole && collected.failed.is_empty()) {
                self.drop_tracker(tracker).await?;
            } else {
                left.extend(tracker.entries.keys().cloned());
                if tracker.entries.len() != before && !self.save(tracker).await? {
                    return Err(OpError::transient("the record of what was applied is written by others"));
                }
            }
        }
        self.unseal(&left).await?;
        self.reread().await;
        Ok(collected)
    }

    /// Deletes objects, in the order of their components where that is wanted. Gives those that need no record any more.
    async fn delete_all(&self, doomed: Vec<Entry>) -> (BTreeSet<Key>, Collected) {
        let mut collected = Collected::default();
        let mut gone = BTreeSet::new();
        let mut stages: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
        let ordered = self.policies.garbage.order.as_deref() == Some("dependency");
        for e in doomed {
            let place = self.order.iter().position(|c| *c == e.component).filter(|_| ordered);
            // What depends on others comes after them in the order, and goes before them.
            stages.entry(place.map_or(0, |p| self.order.len() - p)).or_default().push(e);
        }
        for (_, stage) in stages {
            let work: Vec<Deleting<'_>> = stage.iter().map(|e| self.delete(e).boxed()).collect();
            let ends: Vec<_> = futures::stream::iter(work).buffered(AT_ONCE).collect().await;
            for (e, end) in stage.iter().zip(ends) {
                match end {
                    Ok(End::Deleted) => {
                        collected.deleted.push(e.key.words());
                        gone.insert(e.key.clone());
                    }
                    Ok(End::LetGo) => drop(gone.insert(e.key.clone())),
                    Err(why) => collected.failed.push(why.message),
                }
            }
            if ordered {
                self.wait_gone(&stage).await;
            }
        }
        (gone, collected)
    }

    async fn object(&self, e: &Entry) -> Result<Option<(Api<DynamicObject>, DynamicObject)>, OpError> {
        let (resource, namespaced) = match self.kinds.find(&self.client, &e.api_version, &e.key.kind).await {
            Ok(found) => found,
            Err(error) if error.retry => return Err(error),
            // With its kind the object is gone.
            Err(_) => return Ok(None),
        };
        let api: Api<DynamicObject> = match namespaced {
            true => Api::namespaced_with(self.client.clone(), &e.key.namespace, &resource),
            false => Api::all_with(self.client.clone(), &resource),
        };
        let found = api.get_opt(&e.key.name).await;
        let found = found.map_err(|error| refused(&format!("read {}", e.key.words()), error))?;
        Ok(found.map(|object| (api, object)))
    }

    async fn delete(&self, e: &Entry) -> Result<End, OpError> {
        let what = format!("delete {}", e.key.words());
        for _ in 0..5 {
            let Some((api, live)) = self.object(e).await? else { return Ok(End::LetGo) };
            let there = plain(&live);
            let mut all = sharers(&there);
            let shares = all.contains(&self.app.key());
            all.retain(|s| *s != self.app.key());
            if shares && !all.is_empty() {
                let patch = self.let_go(&there, &all, live.metadata.resource_version.as_deref());
                match api.patch(&e.key.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
                    Ok(_) => return Ok(End::LetGo),
                    Err(kube::Error::Api(s)) if s.code == 404 => return Ok(End::LetGo),
                    Err(kube::Error::Api(s)) if s.code == 409 => continue,
                    Err(error) => return Err(refused(&format!("let go of {}", e.key.words()), error)),
                }
            }
            if owner_of(&there).as_ref() != Some(&self.app) || live.metadata.deletion_timestamp.is_some() {
                return Ok(End::LetGo);
            }
            let propagation_policy = match self.policies.propagation(&there) {
                Some(Propagation::Orphan) => PropagationPolicy::Orphan,
                Some(Propagation::Cascading) | None => PropagationPolicy::Background,
            };
            // The object that was looked at, as it was looked at.
            let only = Preconditions {
                uid: live.metadata.uid.clone(),
                resource_version: live.metadata.resource_version.clone(),
            };
            let params = DeleteParams {
                propagation_policy: Some(propagation_policy),
                preconditions: Some(only),
                ..DeleteParams::default()
            };
            match api.delete(&e.key.name, &params).await {
                Ok(_) => return Ok(End::Deleted),
                Err(kube::Error::Api(s)) if s.code == 404 => return Ok(End::LetGo),
                // It has changed meanwhile, as a workload does all the time: look again.
                Err(kube::Error::Api(s)) if s.code == 409 => {}
                Err(error) => return Err(refused(&what, error)),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(OpError::transient(format!("cannot {what}: it is written by others all the time")))
    }

    /// What makes an object that others share theirs.
    fn let_go(&self, there: &Value, others: &[String], version: Option<&str>) -> Value {
        let mut labels = Map::new();
        if owner_of(there).as_ref() == Some(&self.app)
            && let Some((namespace, name)) = others.first().and_then(|o| o.split_once('/'))
        {
            labelled(&mut labels, &App { name: name.into(), namespace: namespace.into() });
        }
        json!({"metadata": {"resourceVersion": version, "labels": labels, "annotations": {SHARED_BY: others.join(",")}}})
    }

    /// Waits until the objects of a component are gone, within bounds.
    async fn wait_gone(&self, stage: &[Entry]) {
        let begun = Instant::now();
        for e in stage {
            while begun.elapsed() < GOES {
                match self.object(e).await {
                    Ok(Some((_, live))) if live.metadata.deletion_timestamp.is_some() => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    _ => break,
                }
            }
        }
    }
}
