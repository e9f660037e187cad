//! All runs of a cluster: whoever writes an Application or a WorkflowRun to it has it carried out.
//!
//! A run that is under way has a task of its own. One that only a person can help has none: what is left of it here is its name, and the time when it
//! goes on by itself if there is one. Every change of its object is looked at again. Nothing is kept that is not on the cluster, so a fleet that is
//! started anew goes on where the last one was.

use super::asked;
use super::record::{Record, RunRef, cluster};
use super::rollout::refused;
use super::subject::fingerprint;
use super::{DriveError, Driver, Until};
use crate::engine::State;
use crate::model::definition::Kind;
use crate::model::run::{RunPhase, StepPhase, Time};
use crate::ops::builtin_restart::RESTART;
use crate::resources::crds::{self, Crd};
use futures::TryStreamExt;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::json;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;
use tokio::sync::mpsc;

/// How many objects are listed at once.
const PAGE: u32 = 100;
/// After which time a run is looked at again that could not be looked at; the same for one that somebody else drives, but sooner at first.
const LATER: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_millis(20);

/// What the loop is told.
enum Told {
    /// An object has appeared or changed.
    Seen(RunRef),
    /// It is gone.
    Gone(RunRef),
    /// A run is no longer driven.
    Ended(RunRef, Result<(), DriveError>),
}

/// What is to be done about a run.
enum Wants {
    /// Nothing until it changes.
    Nothing,
    /// Nothing before this time.
    At(Time),
    /// It is over, and starts over at this time.
    Restart(Time),
    /// It wants to be driven.
    Driving,
}

impl Driver {
    /// Carries out every run of the cluster, or of one namespace, until this is dropped.
    ///
    /// # Errors
    /// A cluster that cannot be asked in the beginning. Later on it is asked again and again.
    pub async fn serve(&self, namespace: Option<&str>) -> Result<(), DriveError> {
        let (told, mut messages) = mpsc::channel(1024);
        let mut watchers = tokio::task::JoinSet::new();
        for reference in [RunRef::application("", ""), RunRef::workflow_run("", "")] {
            crds::ensure(&self.client, &self.kinds, reference.kind.crd()).await.map_err(refused)?;
            let (api_version, kind) = reference.types();
            let find = self.kinds.find(&self.client, api_version, kind).await;
            let (resource, _) = find.map_err(|e| DriveError::Cluster(e.message))?;
            let api: Api<DynamicObject> = match namespace {
                Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
                None => Api::all_with(self.client.clone(), &resource),
            };
            watchers.spawn(follow(api, reference, told.clone()));
        }
        for kind in Kind::ALL {
            // What runs name and may come later must be of a kind that can be watched.
            if let Err(e) = crds::ensure(&self.client, &self.kinds, Crd::Definition(kind)).await {
                tracing::warn!("{e}");
            }
        }
        let mut fleet = Fleet {
            driver: self.clone(),
            told,
            driven: HashMap::new(),
            timers: BTreeSet::new(),
            due: HashMap::new(),
            restarts: HashSet::new(),
            busy: HashMap::new(),
        };
        loop {
            let next = fleet.timers.first().map(|(at, _)| *at);
            let clock = self.clock.clone();
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => fleet.message(message).await,
                    None => return Ok(()),
                },
                () = async { match next {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                } } => fleet.ring().await,
            }
        }
    }
}

struct Fleet {
    driver: Driver,
    told: mpsc::Sender<Told>,
    /// The runs that are driven, and whether their object has changed since.
    driven: HashMap<RunRef, bool>,
    timers: BTreeSet<(Time, RunRef)>,
    due: HashMap<RunRef, Time>,
    /// Those that start over when their time comes.
    restarts: HashSet<RunRef>,
    /// How long to leave a run alone that somebody else drives.
    busy: HashMap<RunRef, Duration>,
}

impl Fleet {
    async fn message(&mut self, message: Told) {
        match message {
            Told::Seen(reference) => match self.driven.get_mut(&reference) {
                Some(again) => *again = true,
                None => self.look(reference).await,
            },
            Told::Gone(reference) => {
                self.busy.remove(&reference);
                self.quiet(&reference);
            }
            Told::Ended(reference, end) => {
                let again = self.driven.remove(&reference).unwrap_or(false);
                if !matches!(end, Err(DriveError::Busy(..))) {
                    self.busy.remove(&reference);
                }
                match end {
                    Ok(()) | Err(DriveError::NotFound(_)) if !again => {}
                    Ok(()) => self.look(reference).await,
                    Err(DriveError::NotFound(_)) => self.quiet(&reference),
                    // Mostly somebody who only changes its record, and is done at once.
                    Err(DriveError::Busy(..)) => {
                        let pause = self.busy.entry(reference.clone()).or_insert(SOON);
                        let at = self.driver.clock.now().plus(*pause);
                        *pause = (*pause * 2).min(LATER);
                        self.ring_at(at, reference);
                    }
                    Err(e) => {
                        tracing::warn!(run = %reference, "{e}");
                        self.ring_at(self.driver.clock.now().plus(LATER), reference);
                    }
                }
            }
        }
    }

    async fn look(&mut self, reference: RunRef) {
        self.quiet(&reference);
        let looked = Record::load(&self.driver.client, &self.driver.kinds, &reference).await;
        match looked.map(|(record, state)| now_or_parked(&record, &state)) {
            Ok(Wants::Nothing) | Err(DriveError::NotFound(_)) => {}
            Ok(Wants::At(at)) => self.ring_at(at, reference),
            Ok(Wants::Restart(at)) => {
                self.restarts.insert(reference.clone());
                self.ring_at(at, reference);
            }
            Ok(Wants::Driving) => self.drive(reference),
            Err(e) => {
                tracing::warn!(run = %reference, "{e}");
                self.ring_at(self.driver.clock.now().plus(LATER), reference);
            }
        }
    }

    fn drive(&mut self, reference: RunRef) {
        self.driven.insert(reference.clone(), false);
        let run = self.driver.drive_telling(reference.clone(), Until::Suspended, 1);
        let told = self.told.clone();
        tokio::spawn(async move {
            let end = run.wait().await.map(drop);
            let _ = told.send(Told::Ended(reference, end)).await;
        });
    }

    fn ring_at(&mut self, at: Time, reference: RunRef) {
        self.timers.insert((at, reference.clone()));
        self.due.insert(reference, at);
    }

    fn quiet(&mut self, reference: &RunRef) {
        self.restarts.remove(reference);
        if let Some(at) = self.due.remove(reference) {
            self.timers.remove(&(at, reference.clone()));
        }
    }

    /// Drives the runs whose time has come.
    async fn ring(&mut self) {
        let now = self.driver.clock.now();
        while let Some((at, reference)) = self.timers.first().cloned() {
            if at > now {
                return;
            }
            let restart = self.restarts.contains(&reference);
            self.quiet(&reference);
            if self.driven.contains_key(&reference) {
                continue;
            }
            if restart && let Err(e) = self.driver.start_over(&reference).await {
                tracing::warn!(run = %reference, "it cannot start over: {e}");
                self.restarts.insert(reference.clone());
                self.ring_at(self.driver.clock.now().plus(LATER), reference);
                continue;
            }
            self.drive(reference);
        }
    }
}

fn named(kind: &RunRef, object: &impl ResourceExt) -> RunRef {
    RunRef { namespace: object.namespace().unwrap_or_default(), name: object.name_any(), ..kind.clone() }
}

/// Tells of every object of a kind, now and whenever it changes.
async fn follow(api: Api<DynamicObject>, kind: RunRef, told: mpsc::Sender<Told>) {
    let mut known: HashSet<RunRef> = HashSet::new();
    loop {
        let Ok(mut version) = list(&api, &kind, &told, &mut known).await else {
            tokio::time::sleep(LATER).await;
            continue;
        };
        while let Ok(events) = api.watch_metadata(&WatchParams::default(), &version).await {
            let mut events = std::pin::pin!(events);
            let mut broken = false;
            loop {
                let message = match events.try_next().await {
                    Ok(Some(WatchEvent::Added(o) | WatchEvent::Modified(o))) => {
                        version = o.resource_version().unwrap_or_default();
                        Told::Seen(named(&kind, &o))
                    }
                    Ok(Some(WatchEvent::Deleted(o))) => {
                        version = o.resource_version().unwrap_or_default();
                        Told::Gone(named(&kind, &o))
                    }
                    Ok(Some(WatchEvent::Bookmark(b))) => {
                        version = b.metadata.resource_version;
                        continue;
                    }
                    Ok(None) => break,
                    Ok(Some(WatchEvent::Error(_))) | Err(_) => {
                        broken = true;
                        break;
                    }
                };
                if told.send(message).await.is_err() {
                    return;
                }
            }
            if broken {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Tells of what is there, and gives the version of the list.
async fn list(
    api: &Api<DynamicObject>,
    kind: &RunRef,
    told: &mpsc::Sender<Told>,
    known: &mut HashSet<RunRef>,
) -> Result<String, kube::Error> {
    let mut query = ListParams::default().limit(PAGE);
    let mut now = HashSet::new();
    let mut version = None;
    loop {
        let page = api.list(&query).await?;
        // What changes while the pages are read is told by the watch.
        version = version.or(page.metadata.resource_version);
        for object in &page.items {
            let reference = named(kind, object);
            now.insert(reference.clone());
            let over = object.data.pointer("/status/finished").and_then(serde_json::Value::as_bool)
                == Some(true)
                && object.metadata.deletion_timestamp.is_none();
            let told_of = || restart(object).is_some() || !asked::of(object).is_empty();
            if !over || known.contains(&reference) || told_of() {
                let _ = told.send(Told::Seen(reference)).await;
            }
        }
        match page.metadata.continue_.filter(|c| !c.is_empty()) {
            Some(more) => query = query.continue_token(&more),
            None => break,
        }
    }
    for gone in known.difference(&now) {
        let _ = told.send(Told::Gone(gone.clone())).await;
    }
    // Only what may be gone at the next list need be known, and that is asked for seldom: names of runs that are over are not kept.
    known.clear();
    Ok(version.unwrap_or_default())
}

/// When the run starts over, where a step has asked for it. A time that cannot be read is none.
fn restart(object: &DynamicObject) -> Option<Time> {
    let at = object.annotations().get(RESTART)?.parse::<jiff::Timestamp>().ok()?;
    Some(Time(at.as_millisecond()))
}

impl Driver {
    /// Starts a run over whose time has come, and takes the mark off. A crash in between starts it over once more.
    async fn start_over(&self, reference: &RunRef) -> Result<(), DriveError> {
        self.restart(reference, None).await?;
        let patch = json!({"metadata": {"annotations": {RESTART: null}}});
        let api = self.objects(reference).await?;
        let patched = api.patch(&reference.name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        patched.map(drop).map_err(|e| cluster(reference, "start over", e))
    }
}

/// What is to be done about a run that nobody drives.
fn now_or_parked(record: &Record, state: &State) -> Wants {
    if record.is_deleted() {
        return if record.is_held() { Wants::Driving } else { Wants::Nothing };
    }
    let status = &state.status;
    let object = serde_json::to_value(&record.object).unwrap_or_default();
    let respecified = !state.book.spec.is_empty() && state.book.spec != fingerprint(&object);
    if respecified || !asked::of(&record.object).is_empty() {
        return Wants::Driving;
    }
    if status.finished
        && let Some(at) = restart(&record.object)
    {
        return Wants::Restart(at);
    }
    if status.finished || (record.is_pending() && status.start_time.is_none()) {
        return Wants::Nothing;
    }
    let suspended = status.phase == RunPhase::Suspending && status.suspend;
    let asked = status.terminated && !state.book.ending;
    let open =
        status.all().any(|s| s.sub_steps.is_empty() && s.phase == StepPhase::Running && !state.book.held);
    if !suspended || asked || open {
        return Wants::Driving;
    }
    let times = state.book.steps.values().flat_map(|b| {
        let until = b.suspension.as_ref().and_then(|s| s.until).filter(|_| !state.book.held);
        [until, b.deadline]
    });
    times.flatten().min().map_or(Wants::Nothing, Wants::At)
}
