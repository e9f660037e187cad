//! The loop around one run: events in, effects carried out, results back in.
//!
//! Everything that changes the run goes through this one loop, one after the other; attempts, watches and timers only send to it. Effects are carried out
//! after the state that asks for them is saved, never before.

use super::fleet::Wants;
use super::judge::Conditions;
use super::lease;
use super::record::{Record, RunRef, Saved};
use super::step::{self, Work};
use super::subject::{Delivery, Found, Subject, fingerprint};
use super::types::{self, StepTypes};
use super::{DriveError, Driver, Progress, Until, told, watch};
use crate::clock::Hold;
use crate::document::Document;
use crate::engine::{
    Book, Effect, Event, Outcome, Refused, State, StepBook, StepResult, Watched, apply, changes,
};
use crate::model::run::{Reason, RunPhase, RunStatus, StepPhase, StepStatus, Time};
use crate::ops::Cx;
use futures::TryStreamExt;
use kube::api::{Api, DynamicObject, WatchEvent, WatchParams};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::AbortHandle;

/// How long what has changed may stay unsaved while steps are under way that touch nothing. It is saved at once when nothing is under way, and before
/// anything is touched.
const UNSAVED: Duration = Duration::from_millis(25);

/// How often saving is tried while the cluster does not answer, and how often in a row others may come first.
const SAVE_TRIES: u32 = 12;

/// What is sent to the loop.
pub(super) enum Message {
    /// Something has happened.
    Event(Event),
    /// Somebody holding the run asks for something.
    Operation(Event, oneshot::Sender<Result<(), Refused>>),
    /// An attempt wants everything saved before it goes on; first what an op of it gave, by the op's path, if there is something. The answer comes only
    /// if it is still to go on.
    Record { step: String, attempt: u32, given: Option<(String, Value)>, saved: oneshot::Sender<()> },
    /// The step type that an attempt lacked has been looked for.
    Types { step: String, attempt: u32, found: Result<StepTypes, String> },
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
    attempts: HashMap<String, Attempt>,
    watches: HashMap<String, AbortHandle>,
    /// Versions of the record that this loop has written.
    own: HashSet<String>,
    timer: Option<Time>,
    /// Since when something is unsaved.
    unsaved: Option<std::time::Instant>,
    finished: bool,
}

/// An attempt that is under way.
struct Attempt {
    number: u32,
    task: AbortHandle,
    _hold: Hold,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.attempts.values().for_each(|a| a.task.abort());
        self.watches.values().for_each(AbortHandle::abort);
    }
}

/// What a run's object asks for, as it is now.
async fn find(driver: &Driver, record: &Record, kept: &StepTypes) -> Result<(Value, Found), DriveError> {
    let object = serde_json::to_value(&record.object).unwrap_or_default();
    let document = Document::from_value(object.clone());
    let found = match Delivery::read(&document) {
        Ok(Some(delivery)) => driver.subject(&record.reference, delivery, kept, driver.complete).await?,
        Ok(None) => return Err(DriveError::Record(format!("{} is no run", record.reference))),
        Err(problems) => Found::Wrong(problems),
    };
    Ok((object, found))
}

/// Drives a run from its record until it is over, or as far as is asked.
#[tracing::instrument(name = "run", skip_all, fields(run = %reference))]
pub(super) async fn drive(
    driver: Driver,
    reference: RunRef,
    until: Until,
    sender: mpsc::Sender<Message>,
    mut messages: mpsc::Receiver<Message>,
    progress: broadcast::Sender<Progress>,
) -> Result<RunStatus, DriveError> {
    let _hold = driver.clock.hold();
    let (record, _) = Record::load(&driver.client, &driver.kinds, &reference).await?;
    let held = lease::take(&driver.client, &reference, record.owner_reference(), &record.owner().uid).await?;
    let end = prepared(driver, reference, until, sender, &mut messages, progress, _hold).await;
    held.release().await;
    end
}

async fn prepared(
    driver: Driver,
    reference: RunRef,
    until: Until,
    sender: mpsc::Sender<Message>,
    messages: &mut mpsc::Receiver<Message>,
    progress: broadcast::Sender<Progress>,
    hold: Hold,
) -> Result<RunStatus, DriveError> {
    // Read again: whoever drove the run before may have written until the lease was free.
    let (record, state) = Record::load(&driver.client, &driver.kinds, &reference).await?;
    let object = serde_json::to_value(&record.object).unwrap_or_default();
    let subject = Subject::nothing(&driver.library, &object, driver.limits);
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
        unsaved: None,
        finished: false,
    };
    let own_watch = active.watch_record().await;
    let end = active.run(until, messages, hold).await;
    own_watch.abort();
    end
}

impl Active {
    async fn run(
        &mut self,
        until: Until,
        messages: &mut mpsc::Receiver<Message>,
        hold: Hold,
    ) -> Result<RunStatus, DriveError> {
        self.show();
        let mut hold = Some(hold);
        if !self.begin(until, messages, &mut hold).await? {
            return Ok(self.state.status.clone());
        }
        let clock = self.driver.clock.clone();
        while !self.finished {
            if self.unsaved.is_some_and(|since| self.attempts.is_empty() || since.elapsed() >= UNSAVED) {
                self.flush().await?;
                continue;
            }
            if until == Until::Suspended && self.only_a_person_helps() {
                break;
            }
            hold = None;
            let unsaved = self.unsaved;
            let message = tokio::select! {
                biased;
                message = messages.recv() => message,
                () = saving(unsaved) => continue,
                () = sleep(&clock, self.timer) => Some(Message::Event(Event::Tick)),
            };
            hold = Some(clock.hold());
            match message {
                Some(message) => self.message(message).await?,
                None => break,
            }
        }
        if self.finished && self.state.status.phase == RunPhase::Succeeded {
            self.driver.keep_good(&self.record).await;
        }
        self.flush().await?;
        drop(hold);
        Ok(self.state.status.clone())
    }

    async fn message(&mut self, message: Message) -> Result<(), DriveError> {
        match message {
            Message::Event(event) => {
                let _ = self.event(event);
            }
            Message::Operation(event, reply) => {
                let answer = self.event(event);
                self.flush().await?;
                let _ = reply.send(answer);
            }
            Message::Record { step, attempt, given, saved } => {
                if let Some((op, returns)) = given {
                    let _ = self.event(Event::Recorded { step: step.clone(), attempt, op, returns });
                }
                self.flush().await?;
                // The run may have ended the attempt meanwhile, or others may while it was saved; that its task is aborted too may come too late.
                if self.wanted(&step, attempt).is_some() {
                    let _ = saved.send(());
                }
            }
            Message::Types { step, attempt, found } => self.types(&step, attempt, found).await?,
            Message::Written(version) => self.written(&version).await?,
            Message::Deleted => return Err(DriveError::NotFound(self.record.reference.clone())),
        }
        Ok(())
    }

    /// Finds out what is to be done, waiting for what it refers to, and starts it. False if there is nothing to drive for now.
    async fn begin(
        &mut self,
        until: Until,
        messages: &mut mpsc::Receiver<Message>,
        hold: &mut Option<Hold>,
    ) -> Result<bool, DriveError> {
        loop {
            if self.state.status.finished && !self.respecified() {
                return Ok(false);
            }
            if self.state.status.terminated && self.state.status.start_time.is_none() {
                let _ = self.event(Event::Terminate);
                self.flush().await?;
                return Ok(false);
            }
            let started = self.state.status.start_time.is_some() && !self.respecified();
            let kept = match started {
                true => self.driver.kept_types(&self.record.reference).await?,
                false => StepTypes::of_library(self.driver.library.clone()),
            };
            let (_, found) = find(&self.driver, &self.record, &kept).await?;
            let pending = !started && self.record.is_pending();
            let (message, watches) = match found {
                Found::Wrong(problems) => {
                    self.clear();
                    let _ = self.event(Event::Refuse { message: problems.to_string() });
                    self.flush().await?;
                    return Ok(true);
                }
                Found::Subject(subject) if !pending => {
                    self.start(*subject, started).await?;
                    return Ok(true);
                }
                Found::Subject(_) => {
                    ("The run is pending: it starts when it is resumed".to_string(), Vec::new())
                }
                Found::NotYet { message, watches } => (message, watches),
            };
            self.state.status.message = message;
            self.unsaved.get_or_insert_with(std::time::Instant::now);
            self.flush().await?;
            if pending && until == Until::Suspended {
                return Ok(false);
            }
            *hold = None;
            let (client, kinds) = (self.driver.client.clone(), self.driver.kinds.clone());
            let fallback = self.driver.clock.now().plus(self.driver.limits.wait_backoff);
            let clock = self.driver.clock.clone();
            tokio::select! {
                () = watch::any_changed(&client, &kinds, &watches) => {}
                () = clock.sleep_until(fallback) => {}
                message = messages.recv() => {
                    *hold = Some(clock.hold());
                    match message {
                        Some(Message::Deleted) => return Err(DriveError::NotFound(self.record.reference.clone())),
                        Some(Message::Operation(_, reply)) => { let _ = reply.send(Err(Refused::NotSuspended)); }
                        Some(_) => {}
                        None => return Ok(false),
                    }
                }
            }
            hold.get_or_insert_with(|| clock.hold());
            self.state.status = self.record.reload().await?;
        }
    }

    /// Whether the object asks for something else than what the record is about.
    fn respecified(&self) -> bool {
        let spec = &self.state.book.spec;
        !spec.is_empty()
            && *spec != fingerprint(&serde_json::to_value(&self.record.object).unwrap_or_default())
    }

    /// Forgets what a run before this one has left behind.
    fn clear(&mut self) {
        if self.respecified() {
            self.attempts.drain().for_each(|(_, a)| a.task.abort());
            self.watches.drain().for_each(|(_, w)| w.abort());
            let generation = self.state.book.generation.saturating_add(1);
            let status = RunStatus {
                context_backend: self.state.status.context_backend.take(),
                ..RunStatus::default()
            };
            self.state = State { status, book: Book { generation, ..Book::default() }, ..State::default() };
            self.finished = false;
        }
    }

    async fn start(&mut self, subject: Subject, taken_up: bool) -> Result<(), DriveError> {
        self.clear();
        self.subject = subject;
        self.state.status.message.clear();
        if taken_up && self.record.context_is_lost(&self.state, &self.subject.plan) {
            let name = self.record.context_name();
            let message =
                format!("the ConfigMap {name} with the outputs of the run is gone: `restart` runs it again");
            let _ = self.event(Event::Refuse { message });
            return self.flush().await;
        }
        for kind in self.subject.types.changed.clone() {
            let note = format!(
                "the step type `{kind}` has changed since the run began; the run keeps the version it started with"
            );
            tracing::warn!("{note}");
            told::event(&self.driver.client, &self.record.owner(), "Normal", "DefinitionChanged", &note);
        }
        if !taken_up {
            for warning in &self.subject.warnings {
                told::event(
                    &self.driver.client,
                    &self.record.owner(),
                    "Warning",
                    "UnknownParameter",
                    &warning.to_string(),
                );
            }
        }
        if !taken_up && self.subject.types.any_of_cluster() {
            self.keep_types().await?;
        }
        let _ = self.event(Event::Start);
        if self.state.book.spec != self.subject.spec {
            self.state.book.spec = self.subject.spec.clone();
            self.unsaved.get_or_insert_with(std::time::Instant::now);
        }
        Ok(())
    }

    async fn keep_types(&self) -> Result<(), DriveError> {
        let owner = self.record.owner_reference();
        self.driver.keep_types(&self.record.reference, &owner, &self.subject.types).await
    }

    fn only_a_person_helps(&self) -> bool {
        let alone = self
            .state
            .book
            .steps
            .values()
            .any(|b| b.suspension.as_ref().is_some_and(|s| s.until.is_some()) || b.deadline.is_some());
        self.state.status.phase == RunPhase::Suspending && self.attempts.is_empty() && !alone
    }

    /// Applies an event and carries the effects out. What has changed is saved before anything that follows from it touches the world.
    fn event(&mut self, event: Event) -> Result<(), Refused> {
        if let Event::Done { step, attempt, .. } = &event
            && self.attempts.get(step).is_some_and(|a| a.number == *attempt)
        {
            self.attempts.remove(step);
        }
        let now = self.driver.clock.now();
        let effects = apply(&self.subject.plan, &mut self.state, event, now, &self.judge)?;
        if effects.first() == Some(&Effect::Save) {
            self.unsaved.get_or_insert_with(std::time::Instant::now);
        }
        self.carry_out(effects);
        Ok(())
    }

    /// Saves what is unsaved. If others have written in between, what they ask for is taken in.
    async fn flush(&mut self) -> Result<(), DriveError> {
        let mut tries = 0;
        while self.unsaved.is_some() {
            let end = match self.record.save(&mut self.state, self.driver.clock.now()).await {
                Ok(Saved::Done) => {
                    self.own.insert(self.record.version());
                    self.unsaved = None;
                    self.show();
                    return Ok(());
                }
                Ok(Saved::Crossed) => self.take_in().await.err(),
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
        Ok(())
    }

    /// Reads the record again and applies what others have asked for by writing it.
    async fn take_in(&mut self) -> Result<(), DriveError> {
        let ours = self.record.saved_status().clone();
        let theirs = self.record.reload().await?;
        for event in changes(&ours, &theirs) {
            if let Err(refused) = self.event(event) {
                tracing::debug!(run = %self.record.reference, "{refused}");
            }
        }
        Ok(())
    }

    /// Somebody has written the record; if it was not this loop, what they ask for is done.
    async fn written(&mut self, version: &str) -> Result<(), DriveError> {
        if self.own.remove(version) || self.record.version() == version {
            return Ok(());
        }
        self.take_in().await?;
        if !self.respecified() {
            return self.flush().await;
        }
        let fresh = StepTypes::of_library(self.driver.library.clone());
        match find(&self.driver, &self.record, &fresh).await?.1 {
            Found::Subject(subject) => self.start(*subject, false).await,
            Found::Wrong(problems) => {
                self.clear();
                let _ = self.event(Event::Refuse { message: problems.to_string() });
                self.flush().await
            }
            Found::NotYet { message, .. } => Err(DriveError::Refused(message)),
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        self.timer = None;
        for effect in effects {
            match effect {
                Effect::Save => {}
                Effect::Execute { step, attempt } => self.execute(&step, attempt),
                Effect::Cancel { step } => {
                    if let Some(attempt) = self.attempts.remove(&step) {
                        attempt.task.abort();
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
        let Some((name, kind, book)) = self.wanted(id, attempt) else { return };
        if self.attempts.get(id).is_some_and(|a| a.number == attempt) {
            return;
        }
        self.unwatch(id);
        let hold = self.driver.clock.hold();
        let task = match self.subject.types.get(&kind).is_some() {
            true => self.spawn(&name, id, attempt, book),
            false => self.look_for(kind, id, attempt),
        };
        self.attempts.insert(id.to_string(), Attempt { number: attempt, task, _hold: hold });
    }

    /// Name, type and notes of the step whose attempt this is, if it is still to be made.
    fn wanted(&self, id: &str, attempt: u32) -> Option<(String, String, StepBook)> {
        let status = self.state.status.all().find(|s| s.id == id && !s.finished())?;
        let book = self.state.book.steps.get(id).cloned().unwrap_or_default();
        (book.in_flight && book.attempt == attempt).then(|| (status.name.clone(), status.kind.clone(), book))
    }

    fn spawn(&self, name: &str, id: &str, attempt: u32, book: StepBook) -> AbortHandle {
        let attempted = match self.work(name, id, attempt, book) {
            Ok(work) => tokio::spawn(step::attempt(work)),
            Err(outcome) => {
                tokio::spawn(async move { Some(StepResult { outcome, message: None, outputs: Vec::new() }) })
            }
        };
        let task = attempted.abort_handle();
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
        task
    }

    /// Looks for a step type that was not there.
    fn look_for(&self, kind: String, id: &str, attempt: u32) -> AbortHandle {
        let (driver, messages, step) = (self.driver.clone(), self.messages.clone(), id.to_string());
        let namespace = self.record.reference.namespace.clone();
        let look = tokio::spawn(async move {
            let none = StepTypes::of_library(driver.library.clone());
            let found = driver.step_types(&namespace, &[kind], &none).await.map_err(|e| e.to_string());
            let _ = messages.send(Message::Types { step, attempt, found }).await;
        });
        look.abort_handle()
    }

    /// Makes the attempt whose step type was looked for, or waits for the type.
    async fn types(
        &mut self,
        id: &str,
        attempt: u32,
        found: Result<StepTypes, String>,
    ) -> Result<(), DriveError> {
        let Some((name, kind, book)) = self.wanted(id, attempt) else { return Ok(()) };
        let outcome = match found {
            Ok(types) if types.get(&kind).is_some() => {
                self.subject.types.absorb(types);
                self.keep_types().await?;
                let task = self.spawn(&name, id, attempt, book);
                if let Some(known) = self.attempts.get_mut(id) {
                    known.task = task;
                }
                return Ok(());
            }
            Ok(_) => Outcome::Waiting {
                message: format!("waits for the step type `{kind}`, which is not there yet"),
                watches: types::watches(&self.record.reference.namespace, &kind),
            },
            Err(message) => Outcome::Failed { reason: Reason::Execute, message, retry: true },
        };
        let result = StepResult { outcome, message: None, outputs: Vec::new() };
        let _ = self.event(Event::Done { step: id.to_string(), attempt, result });
        Ok(())
    }

    fn work(&self, name: &str, id: &str, attempt: u32, book: StepBook) -> Result<Work, Outcome> {
        let failed = |reason, message| Outcome::Failed { reason, message, retry: false };
        let plan = &self.subject.plan;
        let missing = || failed(Reason::Rendering, format!("the workflow has no step `{name}` any more"));
        let node = plan.find(name).ok_or_else(missing)?;
        let step = &plan.nodes[node].step;
        let unknown = || failed(Reason::Rendering, self.subject.types.unknown(&step.kind).to_string());
        let definition = self.subject.types.get(&step.kind).cloned().ok_or_else(unknown)?;
        let parameter =
            plan.parameter(&self.state, node).map_err(|e| failed(Reason::Input, e.to_string()))?;
        let cx = step_work(&self.driver, &self.subject, &self.record, &self.state, name, id, attempt);
        let (messages, step_id) = (self.messages.clone(), id.to_string());
        let record = Box::new(move |given: Option<(String, Value)>| {
            let (messages, step) = (messages.clone(), step_id.clone());
            let future = async move {
                let (saved, done) = oneshot::channel();
                messages.send(Message::Record { step, attempt, given, saved }).await.map_err(|_| ())?;
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
            library: self.subject.types.library().clone(),
            observer: self.driver.observer.clone(),
            attempt,
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
            if status.phase != told.phase && (told.start_time.is_some() || status.finished) {
                told::phase(&self.driver.client, &self.record.owner(), status);
            }
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

/// What the ops of a step are given.
pub(super) fn step_work(
    driver: &Driver,
    subject: &Subject,
    record: &Record,
    state: &State,
    name: &str,
    id: &str,
    attempt: u32,
) -> Cx {
    let owner = record.owner();
    Cx {
        client: driver.client.clone(),
        kinds: driver.kinds.clone(),
        http: driver.http.clone(),
        components: subject.components.clone(),
        vars: state.vars.clone(),
        step: name.to_string(),
        op: String::new(),
        identity: format!("{}/{id}/{attempt}", owner.uid),
        resumed: false,
        watches: step::watches(),
        owner,
    }
}

/// What is to be done about a run that nobody drives.
pub(super) fn now_or_parked(record: &Record, state: &State) -> Wants {
    let status = &state.status;
    let object = serde_json::to_value(&record.object).unwrap_or_default();
    let respecified = !state.book.spec.is_empty() && state.book.spec != fingerprint(&object);
    if respecified {
        return Wants::Driving;
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

async fn sleep(clock: &crate::clock::SharedClock, until: Option<Time>) {
    match until {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn saving(unsaved: Option<std::time::Instant>) {
    match unsaved {
        Some(since) => tokio::time::sleep(UNSAVED.saturating_sub(since.elapsed())).await,
        None => std::future::pending().await,
    }
}
