//! The loop around one run: events in, effects carried out, results back in.
//!
//! Everything that changes the run goes through this one loop, one after the other; attempts, watches and timers only send to it. Effects are carried out
//! after the state that asks for them is saved, never before. `saving` is what the loop writes and reads, `attempts` what it has carried out.

mod attempts;
mod saving;

pub(super) use attempts::step_work;

use super::asked;
use super::judge::Conditions;
use super::lease;
use super::record::Record;
use super::step::Room;
use super::subject::{Delivery, Found, Subject, fingerprint};
use super::types::Types;
use super::{DriveError, Driver, Progress, RunRef, Until, told, watch};
use crate::clock::Hold;
use crate::document::Document;
use crate::engine::{Book, Effect, Event, Refused, State, Touched, apply};
use crate::model::definition::Kind;
use crate::model::run::{RunPhase, RunStatus, Time};
use crate::secret::Marked;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::AbortHandle;

/// How long what has changed may stay unsaved while steps are under way that touch nothing. It is saved at once when nothing is under way, and before
/// anything is touched.
const UNSAVED: Duration = Duration::from_millis(25);

/// How long attempts may take to end once they are told to, and what they have sent last to arrive.
const STOPPED: Duration = Duration::from_secs(5);
const ARRIVED: Duration = Duration::from_millis(100);

/// How often saving is tried while the cluster does not answer, and how often in a row others may come first.
const SAVE_TRIES: u32 = 12;

/// What is sent to the loop.
pub(super) enum Message {
    /// Something has happened.
    Event(Event),
    /// Somebody holding the run asks for something.
    Operation(Event, oneshot::Sender<Result<(), Refused>>),
    /// What an op of an attempt gave, by the op's path, if there is something. If the attempt wants everything saved before it goes on, the answer comes when that is
    /// done, and only if it is still to go on.
    Record { step: String, attempt: u32, given: Option<(String, Marked)>, saved: Option<oneshot::Sender<()>> },
    /// The step type that an attempt lacked has been looked for.
    Types { step: String, attempt: u32, found: Result<Types, String> },
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
    /// The room for what their ops give.
    room: Room,
    watches: HashMap<String, AbortHandle>,
    /// Versions of the record that this loop has written.
    own: HashSet<String>,
    timer: Option<Time>,
    /// Since when something is unsaved, and what.
    unsaved: Option<Instant>,
    touched: Touched,
    /// Whether all that comes with the end of the run is done.
    settled: bool,
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
async fn find(driver: &Driver, record: &Record, kept: &Types) -> Result<Found, DriveError> {
    let object = serde_json::to_value(&record.object).unwrap_or_default();
    match Delivery::read(&Document::from_value(object)) {
        Ok(Some(delivery)) => driver.subject(&record.reference, delivery, kept, driver.complete).await,
        Ok(None) => Err(DriveError::Record(format!("{} is no run", record.reference))),
        Err(problems) => Ok(Found::Wrong(problems)),
    }
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
    if record.is_deleted() {
        return gone(&driver, &record, state).await;
    }
    let settled = state.status.finished;
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
        room: Room::default(),
        watches: HashMap::new(),
        own: HashSet::new(),
        timer: None,
        unsaved: None,
        touched: Touched::default(),
        settled,
    };
    let own_watch = active.watch_record().await;
    let end = active.run(until, messages, hold).await;
    own_watch.abort();
    if !active.record.is_deleted() {
        return end;
    }
    active.stop().await;
    gone(&active.driver, &active.record, active.state.clone()).await
}

/// What is left to do for an object that is being deleted.
async fn gone(driver: &Driver, record: &Record, state: State) -> Result<RunStatus, DriveError> {
    if !record.is_held() {
        return Ok(state.status);
    }
    driver.clean_up(record).await?;
    Err(DriveError::NotFound(record.reference.clone()))
}

impl Active {
    async fn run(
        &mut self,
        until: Until,
        messages: &mut mpsc::Receiver<Message>,
        hold: Hold,
    ) -> Result<RunStatus, DriveError> {
        self.show(&Touched::all());
        let mut hold = Some(hold);
        if !self.begin(until, messages, &mut hold).await? {
            return Ok(self.state.status.clone());
        }
        let clock = self.driver.clock.clone();
        while !self.state.status.finished {
            let due = self.record.due();
            let save =
                self.unsaved.is_some_and(|since| self.attempts.is_empty() || since.elapsed() >= UNSAVED);
            if save || due.is_some_and(|at| at <= Instant::now()) {
                self.flush(false).await?;
                continue;
            }
            if until == Until::Suspended && self.only_a_person_helps() {
                break;
            }
            hold = None;
            let save = self.unsaved.map(|since| since + UNSAVED).into_iter().chain(due).min();
            let message = tokio::select! {
                biased;
                message = messages.recv() => message,
                () = moment(save) => continue,
                () = sleep(&clock, self.timer) => Some(Message::Event(Event::Tick)),
            };
            hold = Some(clock.hold());
            match message {
                Some(message) => self.message(message).await?,
                None => break,
            }
        }
        self.flush(true).await?;
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
                self.flush(true).await?;
                let _ = reply.send(answer);
            }
            Message::Record { step, attempt, given, saved } => {
                if let Some((op, returns)) = given {
                    let touched = self.state.note(&step, attempt, op, returns);
                    if !touched.is_none() {
                        self.touch(touched);
                    }
                }
                let Some(saved) = saved else { return Ok(()) };
                self.flush(false).await?;
                // The run may have ended the attempt meanwhile, or others may while it was saved; that its task is aborted too may come too late.
                if self.state.is_under_way(&step, attempt) {
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
            if self.record.is_deleted() {
                return Ok(false);
            }
            if self.state.status.finished && !self.respecified() && asked::of(&self.record.object).is_empty()
            {
                // Its end may be saved and not published.
                self.flush(true).await?;
                return Ok(false);
            }
            if self.state.status.terminated && self.state.status.start_time.is_none() {
                let _ = self.event(Event::Terminate);
                self.flush(true).await?;
                return Ok(false);
            }
            let started = self.state.status.start_time.is_some() && !self.respecified();
            let kept = match started {
                true => self.driver.kept_types(&self.record.reference).await?,
                false => Types::of_library(self.driver.library.clone()),
            };
            let held = if started { None } else { self.make_of_template().await? };
            let found = match held {
                Some(held) => held,
                None => find(&self.driver, &self.record, &kept).await?,
            };
            let pending = !started && self.record.is_pending();
            let (message, watches) = match found {
                Found::Wrong(problems) => {
                    self.clear();
                    let _ = self.event(Event::Refuse { message: problems.to_string() });
                    self.flush(true).await?;
                    return Ok(true);
                }
                Found::Subject(subject) if !pending => {
                    self.start(*subject, started).await?;
                    self.answer().await?;
                    return Ok(true);
                }
                Found::Subject(_) => {
                    ("The run is pending: it starts when it is resumed".to_string(), Vec::new())
                }
                Found::NotYet { message, watches } => (message, watches),
            };
            if self.state.status.message != message {
                self.state.status.message = message;
                self.touch(Touched { run: true, ..Touched::default() });
            }
            self.flush(true).await?;
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
            self.state = self.record.reload().await?;
            self.touched = Touched::default();
        }
    }

    /// Makes the object of its template before a run begins; gives what keeps the run from beginning.
    async fn make_of_template(&mut self) -> Result<Option<Found>, DriveError> {
        let object = serde_json::to_value(&self.record.object).unwrap_or_default();
        let (held, written) = self.driver.make_of_template(&self.record.reference, &object).await?;
        if written {
            self.record.look().await?;
            self.own.insert(self.record.version());
        }
        Ok(held)
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
            self.state = State {
                status,
                book: Book { generation, since: generation, ..Book::default() },
                ..State::default()
            };
            self.touch(Touched::all());
        }
    }

    async fn start(&mut self, subject: Subject, taken_up: bool) -> Result<(), DriveError> {
        self.clear();
        self.subject = subject;
        if !taken_up && !self.state.status.message.is_empty() {
            self.state.status.message.clear();
            self.touch(Touched { run: true, ..Touched::default() });
        }
        if taken_up && self.record.context_is_lost(&self.state, &self.subject.plan) {
            let name = self.record.context_name();
            let message =
                format!("the ConfigMap {name} with the outputs of the run is gone: `restart` runs it again");
            let _ = self.event(Event::Refuse { message });
            return self.flush(true).await;
        }
        for (kind, name) in self.subject.types.changed.clone() {
            let what = if kind == Kind::WorkflowStep { "step".to_string() } else { kind.to_string() };
            let note = format!(
                "the {what} type `{name}` has changed since the run began; the run keeps the version it started with"
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
        self.driver.reveal(&self.record, &self.subject, &mut self.state).await;
        let _ = self.event(Event::Start);
        if self.state.book.spec != self.subject.spec {
            self.state.book.spec = self.subject.spec.clone();
            self.touch(Touched { notes: true, ..Touched::default() });
        }
        Ok(())
    }

    async fn keep_types(&self) -> Result<(), DriveError> {
        let owner = self.record.owner_reference();
        self.driver.keep_types(&self.record.reference, &owner, &self.subject.types).await
    }

    /// Ends the attempts that are under way, and waits until they have ended.
    async fn stop(&mut self) {
        let attempts: Vec<Attempt> = self.attempts.drain().map(|(_, a)| a).collect();
        attempts.iter().for_each(|a| a.task.abort());
        let begun = Instant::now();
        while begun.elapsed() < STOPPED && !attempts.iter().all(|a| a.task.is_finished()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // A request that was under way may still arrive.
        if !attempts.is_empty() {
            tokio::time::sleep(ARRIVED).await;
        }
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
        self.carry_out(effects);
        Ok(())
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        self.timer = None;
        for effect in effects {
            match effect {
                Effect::Save(touched) => self.touch(touched),
                Effect::Execute { step, attempt } => self.execute(&step, attempt),
                Effect::Cancel { step } => {
                    if let Some(attempt) = self.attempts.remove(&step) {
                        attempt.task.abort();
                    }
                    self.unwatch(&step);
                }
                Effect::Watch { step, watches } => self.watch(step, watches),
                Effect::WakeAt(at) => self.timer = Some(at),
                Effect::Finished => {}
            }
        }
    }
}

async fn sleep(clock: &crate::clock::SharedClock, until: Option<Time>) {
    match until {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn moment(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
