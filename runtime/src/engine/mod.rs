//! The workflow engine: a pure state machine. `(state, event, now) -> (state, effects)`: it has no clock, no client, no task.
//!
//! The driver executes the effects and feeds results back as events, so a run can be replayed from its record and every schedule,
//! crash and clock can be simulated. The order that makes a crash harmless: an attempt is recorded, then its effect is
//! executed, then its result is recorded ([`Effect::Save`] always comes first). `plan` holds the workflow in the form the engine walks,
//! `check` refuses those that cannot work, `machine` is the transitions, `data` what steps pass on, `ledger` what is saved and how, `simulation` (tests)
//! crashes it everywhere.

mod check;
mod data;
mod ledger;
mod machine;
mod plan;
#[cfg(test)]
mod simulation;

pub use check::{Expression, Facts, Is, Kinds, check};
pub use data::{DataError, parameter, set_path};
pub use ledger::{Journal, Ledger, Stored, Touched};
pub use machine::{apply, changes};
pub use plan::{Limits, Node, Plan};

use crate::model::run::{Reason, RunStatus, StepPhase, Time};
use crate::secret::{Clear, ExpressionAgain, Given, Known, Mark, Marked, Recipe};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// All there is to know about a run. What has changed of it is saved before anything is done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// What users read.
    pub status: RunStatus,
    /// What steps have put out, by name, without the secrets in it.
    pub vars: Map<String, Value>,
    /// Where secrets belong in what steps have put out, by name.
    pub marks: BTreeMap<String, Vec<Mark>>,
    /// What has secrets in it as it is, as far as it was looked up. Never saved.
    pub clear: BTreeMap<String, Clear>,
    /// The engine's own notes.
    pub book: Book,
}

impl State {
    /// What tells this run from the runs of the same object before it and after it; the same however often it is taken up.
    pub fn run_id(&self) -> String {
        let start = self.status.start_time.map_or(0, |t| t.0.div_euclid(1000));
        format!("{start}-{}", self.book.since)
    }

    /// Notes what an op that must not be repeated has given in an attempt that goes on, by its path; nothing of an attempt that is over. Nothing follows from it, so it is
    /// no event: it is not walked through the workflow. Tells what is to be saved.
    pub fn note(&mut self, step: &str, attempt: u32, op: String, returns: Marked) -> Touched {
        let notes = self.is_under_way(step, attempt);
        if notes {
            self.book.steps.entry(step.to_string()).or_default().journal.insert(op, returns);
        }
        Touched { notes, ..Touched::default() }
    }

    /// Whether an attempt of a step (by its id) is to be made, or under way.
    pub fn is_under_way(&self, step: &str, attempt: u32) -> bool {
        // Without notes it is the first attempt.
        let latest = self.book.steps.get(step).map_or((true, 1), |b| (b.in_flight, b.attempt));
        latest == (true, attempt)
            && !self.status.finished
            && self.status.all().any(|s| s.id == step && s.phase != StepPhase::Pending && !s.finished())
    }
}

/// What the engine must remember beyond the status: attempts, waits, deadlines. Small: finished steps have no entry, and neither has
/// a step in its first attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Book {
    /// How often the run was started over; it makes the ids of its steps new.
    #[serde(skip_serializing_if = "is_zero")]
    pub generation: u32,
    /// The generation in which the run began from its beginning: starting over from a step leaves it.
    #[serde(skip_serializing_if = "is_zero")]
    pub since: u32,
    /// The run was suspended as a whole: nothing new starts.
    #[serde(skip_serializing_if = "is_false")]
    pub held: bool,
    /// The run was told to end: only steps with a condition that holds still start.
    #[serde(skip_serializing_if = "is_false")]
    pub ending: bool,
    /// Requests that were carried out and may still be asked for, by their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<String>,
    /// What tells the `spec` that the run carries out from any other: a run whose `spec` has changed starts over.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub spec: String,
    /// By step id.
    #[serde(skip_serializing_if = "none_stored", serialize_with = "store")]
    pub steps: BTreeMap<String, StepBook>,
}

/// The notes that are stored: those that say no more than what ops have given come back with that, which is stored by itself.
fn stored(steps: &BTreeMap<String, StepBook>) -> impl Iterator<Item = (&String, &StepBook)> {
    steps.iter().filter(|(_, notes)| notes.journal.is_empty() || !notes.is_first_attempt())
}

fn none_stored(steps: &BTreeMap<String, StepBook>) -> bool {
    stored(steps).next().is_none()
}

fn store<S: Serializer>(steps: &BTreeMap<String, StepBook>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(stored(steps))
}

/// The engine's notes on a step that is not finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StepBook {
    /// The number of the latest attempt, from 1. A step that waits is evaluated again as a new attempt.
    pub attempt: u32,
    /// Whether that attempt has no result yet.
    pub in_flight: bool,
    /// How many attempts have failed.
    pub failures: u32,
    /// How many attempts have ended in waiting.
    pub waits: u32,
    /// When the next attempt is due, at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
    /// When the step's time is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// The suspension that the step is in, or that it has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Results of ops of this attempt that must not be carried out again, by their paths. Each is stored by itself, not with the notes.
    #[serde(skip_serializing)]
    pub journal: BTreeMap<String, Marked>,
    /// What the step waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub watches: Vec<Watched>,
}

impl Default for StepBook {
    fn default() -> StepBook {
        StepBook {
            attempt: 1,
            in_flight: true,
            failures: 0,
            waits: 0,
            next: None,
            deadline: None,
            suspension: None,
            journal: BTreeMap::new(),
            watches: Vec::new(),
        }
    }
}

impl StepBook {
    /// Whether all there is to say is that the first attempt is under way.
    fn is_first_attempt(&self) -> bool {
        let StepBook { attempt, in_flight, failures, waits, next, deadline, suspension, journal: _, watches } =
            self;
        (*attempt, *in_flight, *failures, *waits) == (1, true, 0, 0)
            && (next.is_none() && deadline.is_none())
            && (suspension.is_none() && watches.is_empty())
    }
}

/// A suspension of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Suspension {
    /// The path of the op that suspended, so that a template may have several.
    pub op: String,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// The ops that have been resumed: they pass when they are evaluated again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn is_false(b: &bool) -> bool {
    !*b
}

/// Something that an evaluation read, listed or applied: its change wakes the step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Watched {
    /// The API version.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The namespace; empty for objects that have none, or for all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The name; empty for all that the selector fits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// A label selector.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub selector: String,
    /// The version that was read: what happened after it counts. Empty if nothing was there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A driver takes the run up: for the first time, or from its record.
    Start,
    /// An attempt has ended.
    Done {
        /// The step's id.
        step: String,
        /// The attempt's number; results of other attempts are ignored.
        attempt: u32,
        /// How it ended.
        result: StepResult,
    },
    /// Something that the step watches has changed.
    Changed {
        /// The step's id.
        step: String,
    },
    /// Time has passed.
    Tick,
    /// The workflow cannot run: end before anything is done.
    Refuse {
        /// Every fault.
        message: String,
    },
    /// Go on: everything that is suspended, or the step of this name.
    Resume {
        /// The step's name.
        step: Option<String>,
    },
    /// Start nothing more until resumed.
    Suspend,
    /// End the run.
    Terminate,
    /// End the run once what is under way has come to its end.
    Cancel,
    /// Start over: from the beginning, or from the step of this name.
    Restart {
        /// The step's name.
        from: Option<String>,
    },
}

/// How an attempt of a step ended.
#[derive(Clone, Debug, PartialEq)]
pub struct StepResult {
    /// The end itself.
    pub outcome: Outcome,
    /// What the step says of itself (the `message` op).
    pub message: Option<String>,
    /// The values of its outputs.
    pub outputs: Vec<(String, Given)>,
}

/// The ends that an attempt can have.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done.
    Succeeded,
    /// Done, and the workflow with it.
    Break,
    /// Not yet: try again when one of these changes.
    Waiting {
        /// What for, for people.
        message: String,
        /// What to watch.
        watches: Vec<Watched>,
        /// When to look again in any case, where the step can say it.
        within: Option<Duration>,
    },
    /// Wait for a person, or for time to pass.
    Suspended {
        /// The path of the op.
        op: String,
        /// After which time to go on alone.
        duration: Option<Duration>,
    },
    /// It did not work.
    Failed {
        /// Why; [`Reason::Execute`] where another attempt may help.
        reason: Reason,
        /// The error.
        message: String,
        /// Whether another attempt may help.
        retry: bool,
    },
}

/// What the driver is to do, in this order. If an effect fails to be saved, those after it are not carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Save what has changed of the state. Everything else in the list waits for it.
    Save(Touched),
    /// Carry out an attempt of a step, unless it is already under way.
    Execute {
        /// The step's id.
        step: String,
        /// The attempt's number.
        attempt: u32,
    },
    /// Drop the attempt that is under way, and what the step watches.
    Cancel {
        /// The step's id.
        step: String,
    },
    /// Watch these, and nothing else, for the step.
    Watch {
        /// The step's id.
        step: String,
        /// What to watch.
        watches: Vec<Watched>,
    },
    /// Send [`Event::Tick`] at this time; it replaces an earlier wish.
    WakeAt(Time),
    /// The run is over.
    Finished,
}

/// Why an operation does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The run is over.
    #[error("the run is over: it has {0}; `restart` runs it again")]
    Finished(String),
    /// Nothing waits to be resumed.
    #[error("nothing is suspended")]
    NotSuspended,
    /// The step is not one that waits to be resumed.
    #[error("step `{step}` is not suspended: it is {phase}")]
    StepNotSuspended {
        /// The step.
        step: String,
        /// Its phase.
        phase: String,
    },
    /// There is no such step.
    #[error("the workflow has no step `{step}`{}", hint.as_ref().map(|h| format!("; did you mean `{h}`?")).unwrap_or_default())]
    NoStep {
        /// The name given.
        step: String,
        /// The nearest name there is.
        hint: Option<String>,
    },
    /// The run is suspended already.
    #[error("the run is suspended already")]
    Suspended,
    /// The run is ending already.
    #[error("the run is ending already")]
    Ending,
    /// The run has begun.
    #[error("the run has started already: it cannot be made to wait for its start")]
    Started,
    /// The step cannot be restarted from.
    #[error("the run has not come to step `{0}` yet")]
    NotReached(String),
}

/// Evaluates conditions; the engine itself knows nothing of the language. The answer must depend on the arguments alone.
pub trait Judge {
    /// Whether the expression holds, with the fields of `scope` (`status`, `context`, `inputs`) as its names.
    ///
    /// # Errors
    /// What is wrong with the expression.
    fn holds(&self, expression: &str, scope: &Map<String, Value>) -> Result<bool, String>;

    /// What the expression gives, with the same names: an output of a group.
    ///
    /// # Errors
    /// What is wrong with the expression, or that its value is not all there.
    fn value(&self, expression: &str, scope: &Map<String, Value>) -> Result<Value, String>;
}
