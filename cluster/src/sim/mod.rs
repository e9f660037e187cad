//! The simulation: no containers run here, so the status of workloads follows rules (`rules.rs`, `rules/default.yaml`). One
//! task follows the store's changes and keeps the transitions to come in memory; after a restart it works them out anew
//! from what is stored. A status is written as a controller writes it, through the status subresource, and once an object has
//! come to its end it is left alone until its spec or its annotations change.
//! Jobs make pods (`pods.rs`), Deployments and the like make none and no replica sets. Tests: `tests/simulation.rs`.

mod pods;
pub(crate) mod rules;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    api::Api,
    error::ApiResult,
    objects::{Write, text},
    store::{Change, Key, parse},
};
use rules::{Rules, fingerprint};

const MANAGER: &str = "stepwell-simulator";
const BATCH: usize = 512;

/// A transition to come.
struct Pending {
    fingerprint: u64,
    status: Value,
}

struct Simulation {
    api: Api,
    rules: Rules,
    /// What was last planned for an object.
    planned: HashMap<Key, u64>,
    pending: BTreeMap<(Timestamp, Key), Pending>,
}

/// Runs until the store closes.
pub(crate) async fn run(api: Api, rules: Rules) {
    let mut moved = api.store.version();
    let mut simulation = Simulation { api, rules, planned: HashMap::new(), pending: BTreeMap::new() };
    loop {
        match simulation.follow(&mut moved).await {
            Ok(()) => return,
            Err(error) if error.code == 410 => {}
            Err(error) if error.code == 503 => return,
            Err(error) => {
                tracing::warn!(%error, "simulating workloads");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
}

impl Simulation {
    async fn follow(&mut self, moved: &mut tokio::sync::watch::Receiver<u64>) -> ApiResult<()> {
        let mut found = Vec::new();
        let mut cursor = self.api.store.list("", None, |key, bytes| {
            if self.simulates(&key) {
                found.push((key, parse(bytes)?));
            }
            Ok(true)
        })?;
        for (key, object) in found {
            self.look_at(&key, &object).await?;
        }
        loop {
            moved.borrow_and_update();
            loop {
                let events = self.api.store.changes(cursor, BATCH)?;
                let Some(last) = events.last() else { break };
                cursor = last.version;
                for event in events {
                    if !self.simulates(&event.key) {
                        continue;
                    }
                    if matches!(event.change, Change::Deleted) {
                        self.planned.remove(&event.key);
                    } else {
                        self.look_at(&event.key, &parse(&event.object)?).await?;
                    }
                }
            }
            self.due().await?;
            let next = self.pending.keys().next().map(|(at, _)| *at);
            let clock = self.api.clock.clone();
            tokio::select! {
                moved = moved.changed() => if moved.is_err() { return Ok(()) },
                () = async { match next {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                } } => {}
            }
        }
    }

    fn simulates(&self, key: &Key) -> bool {
        self.api
            .stored_as(key.resource())
            .is_some_and(|r| r.custom.is_none() && self.rules.of(&r.group, &r.kind).is_some())
    }

    /// Plans what is to become of an object, unless that was done already.
    async fn look_at(&mut self, key: &Key, object: &Value) -> ApiResult<()> {
        let mark = fingerprint(object);
        if self.planned.get(key) == Some(&mark) {
            return Ok(());
        }
        let Some(resource) = self.api.stored_as(key.resource()) else { return Ok(()) };
        let Some(rule) = self.rules.of(&resource.group, &resource.kind) else { return Ok(()) };
        let now = self.api.clock.now();
        let plan = rule.plan(object, now);
        self.planned.insert(key.clone(), mark);
        self.pending.retain(|(_, pending), _| pending != key);
        if let Some((after, status)) = plan.later {
            let at = now.saturating_add(after).unwrap_or(now);
            self.pending.insert((at, key.clone()), Pending { fingerprint: mark, status });
        }
        if let Some(status) = plan.now {
            let makes_pods = rule.pods && object["spec"]["suspend"] != true;
            self.write(key, mark, move |_, _| status).await?;
            if makes_pods {
                self.pods(key, object, None).await?;
            }
        }
        Ok(())
    }

    /// Makes the pods of a Job, or brings those to their end that run: failed, if there is a reason.
    async fn pods(&self, key: &Key, job: &Value, end: Option<Option<&str>>) -> ApiResult<()> {
        let Some(resource) = self.api.find("", "v1", "pods") else { return Ok(()) };
        let (now, namespace, pods) = (self.api.clock.now(), key.namespace().to_owned(), pods::of_job(job));
        let end = end.map(|failed| failed.map(str::to_owned));
        let outcome = self
            .api
            .store
            .write(move |txn| {
                for pod in pods {
                    let write = |subresource| Write {
                        resource: &resource,
                        namespace: &namespace,
                        now,
                        subresource,
                        manager: MANAGER,
                        applied: false,
                    };
                    let key = write(None).key(&text(&pod["metadata"]["name"]));
                    let there = match (txn.get(&key)?, &end) {
                        (Some(there), Some(_)) if there["status"]["phase"] == "Running" => there,
                        (None, None) => write(None).create(txn, pod)?,
                        _ => continue,
                    };
                    let mut new = there.clone();
                    let status = match &end {
                        Some(failed) => pods::ended(&there, failed.as_deref(), now),
                        None => pods::running(&there, now),
                    };
                    json_patch::merge(&mut new["status"], &status);
                    write(Some("status")).update(txn, &there, new)?;
                }
                Ok(())
            })
            .await;
        match outcome {
            // A namespace that is on its way out takes no pods, and what a Job asks for may be no pod.
            Err(error) if (400..500).contains(&error.code) => {
                tracing::warn!(%error, "simulated pods were refused");
                Ok(())
            }
            other => other,
        }
    }

    /// Makes the transitions whose time has come.
    async fn due(&mut self) -> ApiResult<()> {
        let now = self.api.clock.now();
        while let Some(entry) = self.pending.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let ((_, key), pending) = entry.remove_entry();
            let Some(resource) = self.api.stored_as(key.resource()) else { continue };
            let Some(rule) = self.rules.of(&resource.group, &resource.kind).cloned() else { continue };
            if rule.pods
                && let Some(job) = self.api.store.get(&key)?
            {
                let job = parse(&job)?;
                self.pods(&key, &job, Some(rule.failure(&job))).await?;
            }
            self.write(&key, pending.fingerprint, move |object, now| {
                rule.finish(&pending.status, object, now)
            })
            .await?;
        }
        Ok(())
    }

    /// Merges a status into an object, if it is still the one that was planned for.
    async fn write(
        &self,
        key: &Key,
        mark: u64,
        status: impl FnOnce(&Value, Timestamp) -> Value + Send + 'static,
    ) -> ApiResult<()> {
        let Some(resource) = self.api.stored_as(key.resource()) else { return Ok(()) };
        let (key, now) = (key.clone(), self.api.clock.now());
        let outcome = self
            .api
            .store
            .write(move |txn| {
                let Some(old) = txn.get(&key)? else { return Ok(()) };
                if fingerprint(&old) != mark {
                    return Ok(());
                }
                let mut new = old.clone();
                let status = status(&old, now);
                json_patch::merge(&mut new["status"], &status);
                let write = Write {
                    resource: &resource,
                    namespace: key.namespace(),
                    now,
                    subresource: Some("status"),
                    manager: MANAGER,
                    applied: false,
                };
                write.update(txn, &old, new)?;
                Ok(())
            })
            .await;
        match outcome {
            // An object that the rules of its kind refuse is not worth ending the simulation for.
            Err(error) if error.code == 422 => {
                tracing::warn!(%error, "a simulated status was refused");
                Ok(())
            }
            other => other,
        }
    }
}
