//! The driver: carries the engine's effects out on a cluster and feeds the results back.
//!
//! One code path for every cluster: a [`kube::Client`]. A [`Driver`] is cheap to clone; [`Driver::drive`] takes a run up from its record, however it
//! was left. The operations (`resume`, `terminate`, ...) change the record of a run, or ask whoever drives it (`asked`). `active` is the
//! loop, `record` what is saved, `step`, `evaluate` and `shadow` one attempt, `types` the definitions, `rendering` the components as ops see them, `watch` what wakes a step, `told` what is told besides the
//! status, `fleet` all runs of a cluster, `look` the ways to look at one, `admission` what is
//! answered to a cluster that asks before it takes one. Tests: `tests.rs`.

mod active;
mod admission;
mod asked;
mod environments;
mod evaluate;
mod fleet;
mod judge;
mod lease;
mod look;
mod record;
mod rendering;
mod results;
mod rollout;
mod shadow;
mod step;
mod subject;
mod template;
#[cfg(test)]
mod tests;
mod told;
pub(crate) mod types;
mod watch;
mod written;

pub use record::{RunKind, RunRef};
pub use subject::{Delivery, check};
pub use written::Writes;

use crate::clock::{self, SharedClock};
use crate::definitions::Library;
use crate::document::Document;
use crate::engine::{Effect, Event, Limits, Refused, State, Touched, apply};
use crate::model::run::{RunPhase, RunStatus, StepStatus, Time};
use crate::ops::Owner;
use crate::ops::support::cx::http_client;
use crate::ops::support::objects::{FIELD_MANAGER, Kinds};
use crate::problem::{Problem, Problems};
use crate::resources::{FINALIZER, crds};
use judge::Conditions;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt};
use record::{PENDING, Record, Saved};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use subject::Found;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use types::{Known, Types};

/// How long an operation waits for whoever drives the run to do it.
const ANSWERED: Duration = Duration::from_secs(3);

/// Why a run cannot be driven or changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DriveError {
    /// There is no such run.
    #[error("there is no {0}")]
    NotFound(RunRef),
    /// The cluster does not know the kind.
    #[error("{0}")]
    NoKind(String),
    /// The cluster does not answer.
    #[error("{0}")]
    Cluster(String),
    /// The cluster says no.
    #[error("{0}")]
    Refused(String),
    /// The record is not as it was written.
    #[error("{0}")]
    Record(String),
    /// Somebody else drives the run.
    #[error("{0} is driven already, by {1}")]
    Busy(RunRef, String),
    /// The operation does not apply.
    #[error(transparent)]
    Operation(#[from] Refused),
    /// The document is wrong.
    #[error("{0}")]
    Problems(Box<Problems>),
}

impl From<Problems> for DriveError {
    fn from(problems: Problems) -> DriveError {
        DriveError::Problems(Box::new(problems))
    }
}

/// What happens to a run, as it happens. Only what is saved is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The run as a whole stands here now.
    Run {
        /// Its phase.
        phase: RunPhase,
        /// Whether something waits to be resumed.
        suspend: bool,
        /// What there is to say.
        message: String,
    },
    /// A step stands here now; its sub-steps are told one by one.
    Step {
        /// The group it is in.
        group: Option<String>,
        /// The step.
        step: StepStatus,
    },
}

/// How long to drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// Until the run is over.
    #[default]
    Finished,
    /// Until the run is over, or only a person can make it go on.
    Suspended,
}

/// An op that a step has carried out, with its secrets masked.
#[derive(Clone, Debug)]
pub struct Observed<'o> {
    /// Whose run it is.
    pub run: &'o Owner,
    /// The step.
    pub step: &'o str,
    /// The number of the attempt.
    pub attempt: u32,
    /// The path of the op in the step's definition.
    pub op: &'o str,
    /// The op: `kube/apply`.
    pub call: String,
    /// What it was given.
    pub params: Value,
    /// What it gave, or its error.
    pub returns: Result<Value, String>,
}

/// Is told of everything that steps do.
pub trait Observer: Send + Sync {
    /// An op was carried out.
    fn op(&self, observed: &Observed<'_>);
}

/// Drives runs on a cluster.
#[derive(Clone)]
pub struct Driver {
    client: Client,
    library: Library,
    kinds: Arc<Kinds>,
    known: Arc<Known>,
    http: Result<reqwest::Client, String>,
    /// Whether ops may use files and programs of this machine.
    local: bool,
    limits: Limits,
    clock: SharedClock,
    observer: Option<Arc<dyn Observer>>,
    complete: bool,
    strict: bool,
}

/// A run that is being driven.
pub struct Run {
    /// What happens to it. Whoever is too slow misses some; [`Run::wait`] gives the end in any case.
    pub progress: broadcast::Receiver<Progress>,
    commands: mpsc::Sender<active::Message>,
    task: JoinHandle<Result<RunStatus, DriveError>>,
}

impl Run {
    /// Waits until the run is over, or as far as was asked for.
    ///
    /// # Errors
    /// What keeps it from being driven on. The run itself is as it was saved last.
    pub async fn wait(self) -> Result<RunStatus, DriveError> {
        match self.task.await {
            Ok(end) => end,
            Err(e) => Err(DriveError::Record(format!("the driver broke down: {e}"))),
        }
    }

    /// Goes on after a suspension, at once: of all steps, or of one.
    ///
    /// # Errors
    /// If nothing is suspended.
    pub async fn resume(&self, step: Option<String>) -> Result<(), DriveError> {
        let (reply, answer) = oneshot::channel();
        let message = active::Message::Operation(Event::Resume { step }, reply);
        let over = || DriveError::Operation(Refused::Finished("ended".into()));
        self.commands.send(message).await.map_err(|_| over())?;
        Ok(answer.await.map_err(|_| over())??)
    }

    /// Stops driving, without a word to the run: what is saved is what stays. (A program that ends does the same.)
    pub fn abandon(self) {
        self.task.abort();
    }
}

fn now() -> Time {
    Time(jiff::Timestamp::now().as_millisecond())
}

impl Driver {
    /// A driver on a cluster, with these definitions.
    pub fn new(client: Client, library: Library) -> Driver {
        Driver {
            client,
            library,
            kinds: Arc::default(),
            known: Arc::default(),
            http: http_client(),
            local: false,
            limits: Limits::default(),
            clock: Arc::new(clock::System),
            observer: None,
            complete: false,
            strict: false,
        }
    }

    /// The same, with other limits for trying again.
    pub fn with_limits(mut self, limits: Limits) -> Driver {
        self.limits = limits;
        self
    }

    /// The same, by another clock.
    pub fn with_clock(mut self, clock: SharedClock) -> Driver {
        self.clock = clock;
        self
    }

    /// The same, with somebody who is told of every op.
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Driver {
        self.observer = Some(observer);
        self
    }

    /// The same, for the person at this machine: ops may read its folders and run its programs. Who carries out the runs of others does not allow that.
    #[must_use]
    pub fn local(mut self) -> Driver {
        self.local = true;
        self
    }

    /// The same, with a parameter that a step type does not declare as a mistake and not only a warning.
    #[must_use]
    pub fn strict(mut self) -> Driver {
        self.strict = true;
        self
    }

    /// The same on a cluster to which nobody will add anything: a step type or Workflow that is not there is a mistake, not something to wait for.
    pub fn on_complete_cluster(mut self) -> Driver {
        self.complete = true;
        self
    }

    /// Hands an Application or a run in: checks its workflow, installs the kind where the cluster does not know it, applies the object. A run that
    /// is over, or whose object has changed, starts anew; one that is under way goes on. Nothing is driven yet.
    ///
    /// # Errors
    /// Everything that is wrong with the workflow; a cluster that refuses or does not answer. Nothing is recorded then.
    pub async fn submit(&self, delivery: &Delivery) -> Result<RunRef, DriveError> {
        let reference = delivery.reference("default");
        self.check(delivery).await?;
        let before = self.apply(&reference, delivery.document()).await?;
        let (_, state) = Record::load(&self.client, &self.kinds, &reference).await?;
        // A changed spec starts over by itself.
        if before.is_some() && state.status.finished {
            self.operate(&reference, Event::Restart { from: None }).await?;
        }
        Ok(reference)
    }

    /// As [`Driver::submit`], but not to be started before it is resumed.
    ///
    /// # Errors
    /// As [`Driver::submit`]; a run that has started already.
    pub async fn submit_pending(&self, delivery: &Delivery) -> Result<RunRef, DriveError> {
        let reference = delivery.reference("default");
        match self.status(&reference).await {
            Ok(status) if status.start_time.is_some() => return Err(Refused::Started.into()),
            Ok(_) | Err(_) => {}
        }
        self.check(delivery).await?;
        let mut document = delivery.document().clone();
        document.value["metadata"]["annotations"][PENDING] = json!("true");
        self.apply(&reference, &document).await?;
        Ok(reference)
    }

    /// Records an Application or a run without a look at what it asks for, as somebody does who writes it to the cluster: what is wrong is told by its status.
    ///
    /// # Errors
    /// A cluster that refuses or does not answer.
    pub async fn record(&self, delivery: &Delivery, namespace: &str) -> Result<RunRef, DriveError> {
        let reference = delivery.reference(namespace);
        self.apply(&reference, delivery.document()).await?;
        Ok(reference)
    }

    /// Checks what an Application or a run asks for on this cluster, and gives what is there but means nothing.
    ///
    /// # Errors
    /// Everything that is wrong with it; a cluster that cannot be asked.
    pub async fn check(&self, delivery: &Delivery) -> Result<Vec<Problem>, DriveError> {
        let none = Types::of_library(self.library.clone());
        match self.subject(&delivery.reference("default"), delivery.clone(), &none, true).await? {
            Found::Wrong(problems) => Err(problems.into()),
            Found::Subject(subject) => Ok(subject.warnings),
            Found::NotYet { .. } => Ok(Vec::new()),
        }
    }

    async fn apply(
        &self,
        reference: &RunRef,
        document: &Document,
    ) -> Result<Option<DynamicObject>, DriveError> {
        crds::ensure(&self.client, &self.kinds, reference.kind.crd()).await.map_err(rollout::refused)?;
        let (api_version, _) = reference.types();
        let api = self.objects(reference).await?;
        let before = api.get_opt(&reference.name).await.map_err(|e| record::cluster(reference, "read", e))?;
        let mut manifest = document.value.clone();
        if let Some(object) = manifest.as_object_mut() {
            object.remove("status");
            object.insert("apiVersion".into(), json!(api_version));
        }
        manifest["metadata"]["namespace"] = json!(reference.namespace);
        if reference.kind == RunKind::Application {
            // It stays until what it applies is deleted.
            let finalizers = &mut manifest["metadata"]["finalizers"];
            let mut all = finalizers.as_array().cloned().unwrap_or_default();
            if !all.iter().any(|f| f == FINALIZER) {
                all.push(json!(FINALIZER));
            }
            *finalizers = Value::Array(all);
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let applied = api.patch(&reference.name, &params, &Patch::Apply(&manifest)).await;
        let applied = applied.map_err(|e| record::cluster(reference, "apply", e))?;
        // Whoever hands it in asks for its own workflow, and not for the way back that was gone before.
        if applied.annotations().contains_key(rollout::ROLLBACK) {
            let patch = json!({"metadata": {"annotations": {rollout::ROLLBACK: Value::Null}}});
            let patched = api.patch(&reference.name, &PatchParams::default(), &Patch::Merge(&patch)).await;
            patched.map_err(|e| record::cluster(reference, "apply", e))?;
        }
        Ok(before)
    }

    /// Takes a run up from its record and drives it. A run has one driver at a time: where there is one, waiting for this one gives [`DriveError::Busy`].
    pub fn drive(&self, reference: RunRef, until: Until) -> Run {
        self.drive_telling(reference, until, 512)
    }

    /// The same, with room for so much that is told and not yet heard. It is taken at once, and there may be thousands of runs.
    fn drive_telling(&self, reference: RunRef, until: Until, room: usize) -> Run {
        let (commands, messages) = mpsc::channel(256);
        let (progress, receiver) = broadcast::channel(room);
        let task =
            tokio::spawn(active::drive(self.clone(), reference, until, commands.clone(), messages, progress));
        Run { progress: receiver, commands, task }
    }

    /// The status of a run.
    ///
    /// # Errors
    /// A run that is not there or cannot be read.
    pub async fn status(&self, reference: &RunRef) -> Result<RunStatus, DriveError> {
        Ok(Record::load(&self.client, &self.kinds, reference).await?.1.status)
    }

    /// Goes on after a suspension: of all steps, or of the one named.
    ///
    /// # Errors
    /// If nothing is suspended, and as [`Driver::status`].
    pub async fn resume(&self, reference: &RunRef, step: Option<&str>) -> Result<RunStatus, DriveError> {
        self.operate(reference, Event::Resume { step: step.map(str::to_string) }).await
    }

    /// Suspends a run: nothing more starts until it is resumed.
    ///
    /// # Errors
    /// If it is over or suspended already, and as [`Driver::status`].
    pub async fn suspend(&self, reference: &RunRef) -> Result<RunStatus, DriveError> {
        self.operate(reference, Event::Suspend).await
    }

    /// Ends a run. Steps whose condition holds then (`always`) still run, if it is driven.
    ///
    /// # Errors
    /// If it is over, and as [`Driver::status`].
    pub async fn terminate(&self, reference: &RunRef) -> Result<RunStatus, DriveError> {
        self.operate(reference, Event::Terminate).await
    }

    /// Starts a run over, as a whole or from a step.
    ///
    /// # Errors
    /// A step that is not there or was not reached, and as [`Driver::status`].
    pub async fn restart(&self, reference: &RunRef, from: Option<&str>) -> Result<RunStatus, DriveError> {
        self.operate(reference, Event::Restart { from: from.map(str::to_string) }).await
    }

    /// Ends a run once what is under way has come to its end: nothing more starts but what runs in any case (`finally`, `always`).
    ///
    /// # Errors
    /// If it is over or ending already, and as [`Driver::status`].
    pub async fn cancel(&self, reference: &RunRef) -> Result<RunStatus, DriveError> {
        self.operate(reference, Event::Cancel).await
    }

    /// Changes the record as the engine says; the effects are left to whoever drives the run next. Of a run that is driven, it is asked.
    async fn operate(&self, reference: &RunRef, event: Event) -> Result<RunStatus, DriveError> {
        let mut asked: Option<String> = None;
        let since = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            let (mut record, mut state) = Record::load(&self.client, &self.kinds, reference).await?;
            if let Some(id) = &asked
                && !asked::of(&record.object).iter().any(|a| a.id == *id)
            {
                return Ok(state.status);
            }
            if record.is_pending() && matches!(event, Event::Resume { .. }) {
                return self.let_start(reference, state.status).await;
            }
            let (uid, owner) = (record.owner().uid, record.owner_reference());
            // What does not apply is refused before anything is asked.
            if asked.is_none() {
                self.change(&record, &mut state, event.clone()).await?;
            }
            let busy = match lease::take(&self.client, reference, owner, &uid).await {
                Ok(held) => {
                    // Saved and not yet published, a restart shows only beside the object; the request stands at it until it does.
                    if asked.is_none() && matches!(event, Event::Restart { .. }) {
                        asked = Some(self.ask(reference, &event).await?);
                    }
                    let end = self.change_alone(&mut record, event.clone(), asked.as_deref()).await;
                    held.release().await;
                    return end;
                }
                Err(e @ DriveError::Busy(..)) => e,
                Err(e) => return Err(e),
            };
            match &asked {
                None => asked = Some(self.ask(reference, &event).await?),
                // It is recorded: whoever holds the run does it, or whoever comes after.
                Some(_) if since.elapsed() > ANSWERED => {
                    tracing::debug!("{busy}; it was asked to");
                    return Ok(state.status);
                }
                Some(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// Applies an operation to the state of a run.
    async fn change(&self, record: &Record, state: &mut State, event: Event) -> Result<Touched, DriveError> {
        let reference = &record.reference;
        let object = serde_json::to_value(&record.object).unwrap_or_default();
        let Some(delivery) = Delivery::read(&Document::from_value(object))? else {
            return Err(DriveError::Record(format!("{reference} is no run")));
        };
        let kept = self.kept_types(reference).await?;
        let plan = match self.subject(reference, delivery, &kept, false).await? {
            Found::Subject(subject) => {
                self.reveal(record, &subject, state).await;
                subject.plan
            }
            Found::Wrong(problems) => return Err(problems.into()),
            Found::NotYet { message, .. } => return Err(DriveError::Refused(message)),
        };
        let effects = apply(&plan, state, event, self.clock.now(), &Conditions::new())?;
        Ok(match effects.into_iter().next() {
            Some(Effect::Save(touched)) => touched,
            _ => Touched::default(),
        })
    }

    /// Changes the record of a run that nobody else drives meanwhile.
    async fn change_alone(
        &self,
        record: &mut Record,
        event: Event,
        asked: Option<&str>,
    ) -> Result<RunStatus, DriveError> {
        for _ in 0..20 {
            let mut state = record.reload().await?;
            if matches!(event, Event::Restart { from: None }) {
                let object = serde_json::to_value(&record.object).unwrap_or_default();
                match self.make_of_template(&record.reference, &object).await? {
                    (Some(Found::Wrong(problems)), _) => return Err(problems.into()),
                    (Some(Found::NotYet { message, .. }), _) => return Err(DriveError::Refused(message)),
                    (_, true) => state = record.reload().await?,
                    _ => {}
                }
            }
            let mut request = asked::of(&record.object);
            request.retain(|a| Some(a.id.as_str()) == asked);
            // Whoever was asked may have done it, and gone before the request was taken away.
            let done = request.iter().any(|a| state.book.answered.contains(&a.id));
            let changed = match done {
                true => Ok(Touched::default()),
                false => self.change(record, &mut state, event.clone()).await,
            };
            let mut touched = match changed {
                Ok(touched) => touched,
                Err(e) => {
                    record.forget_asked(&request).await?;
                    return Err(e);
                }
            };
            if matches!(event, Event::Restart { from: None }) && !done {
                self.forget_types(&record.reference).await?;
            }
            for a in request.iter().filter(|_| !done) {
                state.book.answered.push(a.id.clone());
                touched.notes = true;
            }
            if let Saved::Done = record.save(&mut state, &touched, true, self.clock.now()).await? {
                record.forget_asked(&request).await?;
                return Ok(state.status);
            }
        }
        Err(DriveError::Cluster(format!("{} is written by others all the time: try again", record.reference)))
    }

    /// The objects of the kind of a run.
    async fn objects(&self, reference: &RunRef) -> Result<Api<DynamicObject>, DriveError> {
        let (api_version, kind) = reference.types();
        let find = self.kinds.find(&self.client, api_version, kind).await;
        let (resource, _) = find.map_err(|e| DriveError::Cluster(e.message))?;
        Ok(Api::namespaced_with(self.client.clone(), &reference.namespace, &resource))
    }

    /// Takes the mark off that keeps a run from starting.
    async fn let_start(&self, reference: &RunRef, status: RunStatus) -> Result<RunStatus, DriveError> {
        let api = self.objects(reference).await?;
        let patch = json!({"metadata": {"annotations": {PENDING: Value::Null}}});
        let patched = api.patch(&reference.name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        patched.map_err(|e| record::cluster(reference, "start", e))?;
        Ok(status)
    }
}
