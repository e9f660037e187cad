//! The driver: carries the engine's effects out on a cluster and feeds the results back.
//!
//! One code path for every cluster: a [`kube::Client`]. A [`Driver`] is cheap to clone; [`Driver::drive`] takes a run up from its record, however it
//! was left. The operations (`resume`, `terminate`, ...) change the record alone, and whoever drives the run notices. `active` is the
//! loop, `record` what is saved, `step` and `evaluate` one attempt, `watch` what wakes it. Tests: `tests.rs`.

mod active;
mod crds;
mod evaluate;
mod judge;
mod lease;
mod record;
mod step;
mod subject;
#[cfg(test)]
mod tests;
mod watch;

pub use record::{RunKind, RunRef};
pub use subject::check;

use crate::definitions::Library;
use crate::engine::{Event, Limits, Refused, apply};
use crate::model::application::Application;
use crate::model::run::{RunPhase, RunStatus, StepStatus, Time};
use crate::ops::support::cx::http_client;
use crate::ops::support::objects::{FIELD_MANAGER, Kinds};
use crate::problem::Problems;
use judge::Conditions;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use record::{Record, Saved};
use serde_json::json;
use std::sync::Arc;
use subject::Subject;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Why a run cannot be driven or changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DriveError {
    /// There is no such run.
    #[error("there is no {0}")]
    NotFound(RunRef),
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

/// Drives runs on a cluster.
#[derive(Clone)]
pub struct Driver {
    client: Client,
    library: Library,
    kinds: Arc<Kinds>,
    http: Result<reqwest::Client, String>,
    limits: Limits,
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
        Driver { client, library, kinds: Arc::default(), http: http_client(), limits: Limits::default() }
    }

    /// The same, with other limits for trying again.
    pub fn with_limits(mut self, limits: Limits) -> Driver {
        self.limits = limits;
        self
    }

    /// Hands an Application in: checks its workflow, installs the kind where the cluster does not know it, applies the Application. A run of it that
    /// is over, or whose Application has changed, starts anew; one that is under way goes on. Nothing is driven yet.
    ///
    /// # Errors
    /// Everything that is wrong with the workflow; a cluster that refuses or does not answer. Nothing is recorded then.
    pub async fn submit(&self, app: &Application) -> Result<RunRef, DriveError> {
        check(&self.library, app)?;
        let reference =
            RunRef::application(app.namespace.clone().unwrap_or("default".into()), app.name.clone());
        crds::ensure(&self.client, &self.kinds, reference.kind).await?;
        let (api_version, kind) = reference.types();
        let find = self.kinds.find(&self.client, api_version, kind).await;
        let (resource, _) = find.map_err(|e| DriveError::Cluster(e.message))?;
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &reference.namespace, &resource);
        let before =
            api.get_opt(&reference.name).await.map_err(|e| record::cluster(&reference, "read", e))?;
        let mut manifest = app.document.value.clone();
        if let Some(object) = manifest.as_object_mut() {
            object.remove("status");
            object.insert("apiVersion".into(), json!(api_version));
        }
        manifest["metadata"]["namespace"] = json!(reference.namespace);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let applied = api.patch(&reference.name, &params, &Patch::Apply(&manifest)).await;
        let applied = applied.map_err(|e| record::cluster(&reference, "apply", e))?;
        let changed = before.is_some_and(|b| b.data.get("spec") != applied.data.get("spec"));
        let (_, state) = Record::load(&self.client, &self.kinds, &reference).await?;
        if state.status.finished || (changed && state.status.start_time.is_some()) {
            self.operate(&reference, Event::Restart { from: None }).await?;
        }
        Ok(reference)
    }

    /// Takes a run up from its record and drives it. A run has one driver at a time: where there is one, waiting for this one gives [`DriveError::Busy`].
    pub fn drive(&self, reference: RunRef, until: Until) -> Run {
        let (commands, messages) = mpsc::channel(256);
        let (progress, receiver) = broadcast::channel(4096);
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

    /// Changes the record as the engine says; the effects are left to whoever drives the run.
    async fn operate(&self, reference: &RunRef, event: Event) -> Result<RunStatus, DriveError> {
        for _ in 0..20 {
            let (mut record, mut state) = Record::load(&self.client, &self.kinds, reference).await?;
            let object = serde_json::to_value(&record.object).unwrap_or_default();
            let subject = Subject::read(&self.library, reference, object)?.with_limits(self.limits);
            apply(&subject.plan, &mut state, event.clone(), now(), &Conditions::new())?;
            if let Saved::Done = record.save(&mut state).await? {
                return Ok(state.status);
            }
        }
        Err(DriveError::Cluster(format!("{reference} is written by others all the time: try again")))
    }
}
