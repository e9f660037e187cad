//! The loop around one run: events in, effects carried out, results back in.
//!
//! Everything that changes the run goes through this one loop, one after the other; attempts, watches and timers only send to it. Effects are carried out
//! after the state that asks for them is saved, never before.

use super::judge::Conditions;
use super::lease;
use super::record::{Record, RunRef, Saved};
use super::step::{self, Work};
use super::subject::{Subject, has_definition};
use super::{DriveError, Driver, Progress, Until, now, watch};
use crate::engine::{Effect, Event, Outcome, Refused, State, StepResult, Watched, apply, changes};
use crate::model::definition::Kind;
use crate::model::run::{Reason, RunPhase, RunStatus, StepStatus, Time};
use crate::ops::Cx;
use futures::TryStreamExt;
use kube::api::{Api, DynamicObject, WatchEvent, WatchParams};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::AbortHandle;

/// How often saving is tried while the cluster does not answer, and how often in a row others may come first.
const SAVE_TRIES: u32 = 12;

/// What is sent to the loop.
pub(super) enum Message {
    /// Something has happened.
    Event(Event),
    /// Somebody holding the run asks for something.
    Operation(Event, oneshot::Sender<Result<(), Refused>>),
    /// An attempt wants a result saved before it goes on.
    Record(Event, oneshot::Sender<()>),
    /// The record was written, with this version.
    Written(String),
    /// The record was deleted.
    Deleted,
}

struct Active {
    driver: Driver,
    subject: Subject,
    record: Record,
    state: State,
    judge: Conditions,
    messages: mpsc::Sender<Message>,
    progress: broadcast::Sender<Progress>,
    /// What has been told.
    shown: RunStatus,
    attempts: HashMap<String, (u32, AbortHandle)>,
    watches: HashMap<String, AbortHandle>,
    /// Versions of the record that this loop has written.
    own: HashSet<String>,
    timer: Option<Time>,
    finished: bool,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.attempts.values().for_each(|(_, task)| task.abort());
        self.watches.values().for_each(AbortHandle::abort);
    }
}

/// Drives a run from its record until it is over, or as far as is asked.
pub(super) async fn drive(
    driver: Driver,
    reference: RunRef,
    until: Until,
    sender: mpsc::Sender<Message>,
    mut messages: mpsc::Receiver<Message>,
    progress: broadcast::Sender<Progress>,
) -> Result<RunStatus, DriveError> {
    let (record, _) = Record::load(&driver.client, &driver.kinds, &reference).await?;
    let owner = record.owner();
    let about = serde_json::json!({
        "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid,
    });
    let held = lease::take(&driver.client, &reference, about, &owner.uid).await?;
    // Read again: whoever drove the run before may have written until the lease was free.
    let (record, state) = Record::load(&driver.client, &driver.kinds, &reference).await?;
    let object = serde_json::to_value(&record.object).unwrap_or_default();
    let (subject, first) = match Subject::read(&driver.library, &reference, object.clone()) {
        Ok(subject) => (subject.with_limits(driver.limits), Event::Start),
        Err(problems) => (Subject::nothing(&object), Event::Refuse { message: problems.to_string() }),
    };
    let mut active = Active {
        driver,
        subject,
        record,
        state,
        judge: Conditions::new(),
        messages: sender,
        progress,
        shown: RunStatus::default(),
        attempts: HashMap::new(),
        watches: HashMap::new(),
        own: HashSet::new(),
        timer: None,
        finished: false,
    };
    let own_watch = active.watch_record().await;
    let end = active.run(first, until, &mut messages).await;
    own_watch.abort();
    drop(active);
    held.release().await;
    end
}

impl Active {
    async fn run(
        &mut self,
        first: Event,
        until: Until,
        messages: &mut mpsc::Receiver<Message>,
    ) -> Result<RunStatus, DriveError> {
        self.show();
        let _ = self.event(first).await?;
        while !self.finished {
            if until == Until::Suspended && self.only_a_person_helps() {
                break;
            }
            let message = tokio::select! {
                message = messages.recv() => message,
                () = sleep(self.timer) => Some(Message::Event(Event::Tick)),
            };
            match message {
                Some(Message::Event(event)) => {
                    let _ = self.event(event).await?;
                }
                Some(Message::Operation(event, reply)) => {
                    let answer = self.event(event).await?;
                    let _ = reply.send(answer);
                }
                Some(Message::Record(event, saved)) => {
                    let _ = self.event(event).await?;
                    let _ = saved.send(());
                }
                Some(Message::Written(version)) => self.written(&version).await?,
                Some(Message::Deleted) => return Err(DriveError::NotFound(self.record.reference.clone())),
                None => break,
            }
        }
        Ok(self.state.status.clone())
    }

    fn only_a_person_helps(&self) -> bool {
        let alone =
            self.state.book.steps.values().any(|b| b.suspension.as_ref().is_some_and(|s| s.until.is_some()));
        self.state.status.phase == RunPhase::Suspending && self.attempts.is_empty() && !alone
    }

    /// Applies an event, saves, carries the effects out.
    async fn event(&mut self, event: Event) -> Result<Result<(), Refused>, DriveError> {
        let over = match &event {
            Event::Done { step, attempt, .. } => Some((step.clone(), *attempt)),
            _ => None,
        };
        if let Some((step, attempt)) = over
            && self.attempts.get(&step).is_some_and(|(a, _)| *a == attempt)
        {
            self.attempts.remove(&step);
        }
        let mut effects = match apply(&self.subject.plan, &mut self.state, event, now(), &self.judge) {
            Ok(effects) => effects,
            Err(refused) => return Ok(Err(refused)),
        };
        if effects.first() == Some(&Effect::Save) {
            effects.extend(self.save().await?);
        }
        self.carry_out(effects);
        Ok(Ok(()))
    }

    /// Saves the state. If others have written in between, what they ask for is taken in, and more is to be done.
    async fn save(&mut self) -> Result<Vec<Effect>, DriveError> {
        let mut more = Vec::new();
        let mut tries = 0;
        loop {
            let end = match self.record.save(&mut self.state).await {
                Ok(Saved::Done) => {
                    self.own.insert(self.record.version());
                    self.show();
                    return Ok(more);
                }
                Ok(Saved::Crossed) => match self.take_in().await {
                    Ok(effects) => {
                        more.extend(effects);
                        None
                    }
                    Err(e) => Some(e),
                },
                Err(e) => Some(e),
            };
            tries += 1;
            match end {
                Some(DriveError::Cluster(why)) if tries < SAVE_TRIES => {
                    tracing::warn!(run = %self.record.reference, "{why}; trying again");
                    tokio::time::sleep(Duration::from_millis(100 << tries.min(6))).await;
                }
                None if tries < SAVE_TRIES => {}
                Some(e) => return Err(e),
                None => {
                    let what = format!("{} is written by others all the time", self.record.reference);
                    return Err(DriveError::Cluster(what));
                }
            }
        }
    }

    /// Reads the record again and applies what others have asked for by writing it.
    async fn take_in(&mut self) -> Result<Vec<Effect>, DriveError> {
        let ours = self.record.saved_status().clone();
        let theirs = self.record.reload().await?;
        let mut effects = Vec::new();
        for event in changes(&ours, &theirs) {
            match apply(&self.subject.plan, &mut self.state, event, now(), &self.judge) {
                Ok(more) => effects.extend(more),
                Err(refused) => tracing::debug!(run = %self.record.reference, "{refused}"),
            }
        }
        Ok(effects)
    }

    /// Somebody has written the record; if it was not this loop, what they ask for is done.
    async fn written(&mut self, version: &str) -> Result<(), DriveError> {
        if self.own.remove(version) || self.record.version() == version {
            return Ok(());
        }
        let mut effects = self.take_in().await?;
        effects.extend(self.save().await?);
        self.carry_out(effects);
        Ok(())
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        self.timer = None;
        for effect in effects {
            match effect {
                Effect::Save => {}
                Effect::Execute { step, attempt } => self.execute(&step, attempt),
                Effect::Cancel { step } => {
                    if let Some((_, task)) = self.attempts.remove(&step) {
                        task.abort();
                    }
                    self.unwatch(&step);
                }
                Effect::Watch { step, watches } => self.watch(step, watches),
                Effect::WakeAt(at) => self.timer = Some(at),
                Effect::Finished => self.finished = true,
            }
        }
    }

    fn unwatch(&mut self, step: &str) {
        if let Some(task) = self.watches.remove(step) {
            task.abort();
        }
    }

    fn watch(&mut self, step: String, watches: Vec<Watched>) {
        self.unwatch(&step);
        if watches.is_empty() {
            return;
        }
        let (client, kinds, messages) =
            (self.driver.client.clone(), self.driver.kinds.clone(), self.messages.clone());
        let id = step.clone();
        let task = tokio::spawn(async move {
            watch::any_changed(&client, &kinds, &watches).await;
            let _ = messages.send(Message::Event(Event::Changed { step: id })).await;
        });
        self.watches.insert(step, task.abort_handle());
    }

    /// Begins an attempt, unless it is under way, or what was taken in since has made it pointless.
    fn execute(&mut self, id: &str, attempt: u32) {
        let Some(status) = self.state.status.all().find(|s| s.id == id && !s.finished()) else { return };
        let book = self.state.book.steps.get(id).cloned().unwrap_or_default();
        let current = book.in_flight && book.attempt == attempt;
        if !current || self.attempts.get(id).is_some_and(|(a, _)| *a == attempt) {
            return;
        }
        let name = status.name.clone();
        self.unwatch(id);
        let attempted = match self.work(&name, id, attempt, book) {
            Ok(work) => tokio::spawn(step::attempt(work)),
            Err(outcome) => {
                tokio::spawn(async move { Some(StepResult { outcome, message: None, outputs: Vec::new() }) })
            }
        };
        self.attempts.insert(id.to_string(), (attempt, attempted.abort_handle()));
        let (messages, step) = (self.messages.clone(), id.to_string());
        tokio::spawn(async move {
            let result = match attempted.await {
                Ok(Some(result)) => result,
                Err(e) if e.is_panic() => {
                    let message = "the evaluation of the step broke down".to_string();
                    let outcome = Outcome::Failed { reason: Reason::Rendering, message, retry: false };
                    StepResult { outcome, message: None, outputs: Vec::new() }
                }
                _ => return,
            };
            let _ = messages.send(Message::Event(Event::Done { step, attempt, result })).await;
        });
    }

    fn work(
        &self,
        name: &str,
        id: &str,
        attempt: u32,
        book: crate::engine::StepBook,
    ) -> Result<Work, Outcome> {
        let failed = |reason, message| Outcome::Failed { reason, message, retry: false };
        let plan = &self.subject.plan;
        let missing = || failed(Reason::Rendering, format!("the workflow has no step `{name}` any more"));
        let node = plan.find(name).ok_or_else(missing)?;
        let step = &plan.nodes[node].step;
        let library = self.driver.library.clone();
        let definition =
            library.get(Kind::WorkflowStep, &step.kind).filter(|_| has_definition(&step.kind)).cloned();
        let unknown =
            || failed(Reason::Rendering, library.unknown(Kind::WorkflowStep, &step.kind).to_string());
        let definition = definition.ok_or_else(unknown)?;
        let parameter =
            plan.parameter(&self.state, node).map_err(|e| failed(Reason::Input, e.to_string()))?;
        let owner = self.record.owner();
        let cx = Cx {
            client: self.driver.client.clone(),
            kinds: self.driver.kinds.clone(),
            http: self.driver.http.clone(),
            components: self.subject.components.clone(),
            vars: self.state.vars.clone(),
            step: name.to_string(),
            op: String::new(),
            identity: format!("{}/{id}/{attempt}", owner.uid),
            resumed: false,
            watches: step::watches(),
            owner,
        };
        let (messages, step_id) = (self.messages.clone(), id.to_string());
        let record = Box::new(move |op: String, returns: Value| {
            let (messages, step) = (messages.clone(), step_id.clone());
            let future = async move {
                let (saved, done) = oneshot::channel();
                let event = Event::Recorded { step, attempt, op, returns };
                messages.send(Message::Record(event, saved)).await.map_err(|_| ())?;
                done.await.map_err(|_| ())
            };
            Box::pin(future) as futures::future::BoxFuture<'static, Result<(), ()>>
        });
        Ok(Work {
            definition,
            parameter,
            context: plan.context_of(&self.state, node),
            outputs: step.outputs.clone(),
            cx,
            journal: book.journal,
            resumed: book.suspension.map(|s| s.resumed).unwrap_or_default(),
            record,
            library,
        })
    }

    /// Tells what has changed since it was told last.
    fn show(&mut self) {
        let status = &self.state.status;
        let told = &self.shown;
        if (status.phase, status.suspend, &status.message) != (told.phase, told.suspend, &told.message) {
            let message = status.message.clone();
            let _ =
                self.progress.send(Progress::Run { phase: status.phase, suspend: status.suspend, message });
        }
        let before: HashMap<&str, &StepStatus> = told.all().map(|s| (s.id.as_str(), s)).collect();
        for step in &status.steps {
            let all = std::iter::once((None, step))
                .chain(step.sub_steps.iter().map(|s| (Some(step.name.clone()), s)));
            for (group, s) in all {
                let same = before
                    .get(s.id.as_str())
                    .is_some_and(|b| (b.phase, b.reason, &b.message) == (s.phase, s.reason, &s.message));
                if !same {
                    let step = StepStatus { sub_steps: Vec::new(), ..s.clone() };
                    let _ = self.progress.send(Progress::Step { group, step });
                }
            }
        }
        self.shown = self.state.status.clone();
    }

    /// Watches the record itself: others may resume, suspend or end the run by writing it.
    async fn watch_record(&self) -> AbortHandle {
        let (api_version, kind) = self.record.reference.types();
        let found = self.driver.kinds.find(&self.driver.client, api_version, kind).await;
        let (client, reference) = (self.driver.client.clone(), self.record.reference.clone());
        let (messages, mut version) = (self.messages.clone(), self.record.version());
        let task = tokio::spawn(async move {
            let Ok((resource, _)) = found else { return };
            let api: Api<DynamicObject> = Api::namespaced_with(client, &reference.namespace, &resource);
            let params = WatchParams::default().fields(&format!("metadata.name={}", reference.name));
            loop {
                if let Ok(events) = api.watch(&params, &version).await {
                    let mut events = std::pin::pin!(events);
                    while let Ok(Some(event)) = events.try_next().await {
                        let message = match event {
                            WatchEvent::Added(o) | WatchEvent::Modified(o) => {
                                version = o.metadata.resource_version.unwrap_or_default();
                                Message::Written(version.clone())
                            }
                            WatchEvent::Bookmark(b) => {
                                version = b.metadata.resource_version;
                                continue;
                            }
                            WatchEvent::Deleted(_) => Message::Deleted,
                            WatchEvent::Error(_) => break,
                        };
                        if messages.send(message).await.is_err() {
                            return;
                        }
                    }
                }
                // The watch has ended or its start is too old: look at what is there, and watch on from it.
                tokio::time::sleep(Duration::from_millis(200)).await;
                if let Ok(object) = api.get(&reference.name).await {
                    version = object.metadata.resource_version.unwrap_or_default();
                    if messages.send(Message::Written(version.clone())).await.is_err() {
                        return;
                    }
                }
            }
        });
        task.abort_handle()
    }
}

async fn sleep(until: Option<Time>) {
    match until {
        Some(at) => tokio::time::sleep(now().until(at)).await,
        None => std::future::pending().await,
    }
}
