//! One attempt of a step: the evaluation's ops are carried out until there is none left, or one says to stop.
//!
//! An op whose repetition would be felt is recorded before the next one begins, so a crash repeats at most the op that was under way.

use super::evaluate::{Call, Evaluation, Params};
use super::{Observed, Observer};
use crate::definitions::{Definition, Library};
use crate::engine::{Outcome, StepResult};
use crate::model::run::Reason;
use crate::model::workflow::Output;
use crate::ops::{Answer, Cx, OpError};
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::Instrument;

/// Saves everything, with what an op gave if there is something, and comes back when that is done; an error means that the attempt must not go on.
pub(super) type Recorder =
    Box<dyn Fn(Option<(String, Value)>) -> BoxFuture<'static, Result<(), ()>> + Send + Sync>;

/// Everything that an attempt needs.
pub(super) struct Work {
    pub(super) library: Library,
    pub(super) definition: Arc<Definition>,
    pub(super) parameter: Map<String, Value>,
    pub(super) context: Map<String, Value>,
    pub(super) outputs: Vec<Output>,
    /// What ops are given; `op`, `identity` and `resumed` are set for each.
    pub(super) cx: Cx,
    /// Results of this attempt from before a crash.
    pub(super) journal: BTreeMap<String, Value>,
    /// Ops that suspended the step and were resumed.
    pub(super) resumed: Vec<String>,
    pub(super) record: Recorder,
    /// Who is told of each op.
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) attempt: u32,
}

fn end(outcome: Outcome) -> StepResult {
    StepResult { outcome, message: None, outputs: Vec::new() }
}

fn failed(reason: Reason, message: String) -> Outcome {
    Outcome::Failed { reason, message, retry: false }
}

fn observe(work: &Work, call: &Call, params: &Map<String, Value>, answer: &Result<Answer, OpError>) {
    let told = answer.as_ref().map(Answer::told);
    for data in [Ok(&Value::Object(params.clone())), told.as_ref()].into_iter().flatten() {
        work.cx.learn(data);
    }
    let Some(observer) = &work.observer else { return };
    let returns = told.map(|t| work.cx.mask(&t)).map_err(|e| work.cx.hide(&e.message));
    observer.op(&Observed {
        run: &work.cx.owner,
        step: &work.cx.step,
        attempt: work.attempt,
        op: &call.name,
        call: format!("{}/{}", call.op.provider(), call.op.name()),
        params: work.cx.mask(&Value::Object(params.clone())),
        returns,
    });
}

/// Makes an attempt. `None` if it could not be recorded and must be dropped.
#[tracing::instrument(name = "step", level = "debug", skip_all, fields(step = %work.cx.step, attempt = work.attempt))]
pub(super) async fn attempt(mut work: Work) -> Option<StepResult> {
    let definition = work.definition.clone();
    let compiled = match work.library.compiled(&definition) {
        Ok(compiled) => compiled,
        Err(problems) => return Some(end(failed(Reason::Rendering, problems.to_string()))),
    };
    let mut evaluation = match Evaluation::new(compiled, &work.parameter, &work.context) {
        Ok(evaluation) => evaluation,
        Err(outcome) => return Some(end(outcome)),
    };
    let mut said = None;
    let mut put = Vec::new();
    let outcome = match run(&mut work, &mut evaluation, &mut said, &mut put).await {
        Ok(outcome) => outcome,
        Err(Stop::Outcome(outcome)) => outcome,
        Err(Stop::Dropped) => return None,
    };
    let (outcome, mut outputs) = outputs(&work, &evaluation, outcome);
    put.append(&mut outputs);
    let outcome = shown(&work.cx, outcome);
    Some(StepResult { outcome, message: said.map(|m| work.cx.hide(&m)), outputs: put })
}

/// An outcome whose message holds nothing secret.
fn shown(cx: &Cx, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Waiting { message, watches } => Outcome::Waiting { message: cx.hide(&message), watches },
        Outcome::Failed { reason, message, retry } => {
            Outcome::Failed { reason, message: cx.hide(&message), retry }
        }
        other => other,
    }
}

enum Stop {
    Outcome(Outcome),
    Dropped,
}

impl From<Outcome> for Stop {
    fn from(outcome: Outcome) -> Stop {
        Stop::Outcome(outcome)
    }
}

async fn run(
    work: &mut Work,
    evaluation: &mut Evaluation,
    said: &mut Option<String>,
    put: &mut Vec<(String, Value)>,
) -> Result<Outcome, Stop> {
    let mut unrecorded: Option<(String, Value)> = None;
    while let Some(call) = evaluation.next()? {
        let params = match &call.params {
            Params::Ready(params) => params.clone(),
            Params::NotYet(params, missing) => return Ok(not_yet(work, &call, params, missing)),
        };
        let recorded = work.journal.remove(&call.name);
        let answer = match recorded {
            Some(Value::Object(returns)) => Ok(Answer::Returns(returns)),
            _ => {
                // Nothing is touched before all that led to it is saved.
                if !call.op.pure() {
                    (work.record)(unrecorded.take()).await.map_err(|()| Stop::Dropped)?;
                }
                work.cx.op = call.name.clone();
                work.cx.resumed = work.resumed.contains(&call.name);
                let base = work.cx.identity.clone();
                work.cx.identity = format!("{base}/{}", call.name);
                let span = tracing::debug_span!("op", op = %call.name, call = format!("{}/{}", call.op.provider(), call.op.name()));
                let answer = call.op.run(&work.cx, params.clone()).instrument(span).await;
                observe(work, &call, &params, &answer);
                work.cx.identity = base;
                if let (Ok(Answer::Returns(returns)), false) = (&answer, call.op.repeatable()) {
                    unrecorded = Some((call.name.clone(), Value::Object(returns.clone())));
                }
                answer
            }
        };
        let returns = match answer {
            Ok(Answer::Returns(returns)) => returns,
            Ok(Answer::Message(message)) => {
                *said = Some(message);
                Map::new()
            }
            Ok(Answer::Put { path, value, returns }) => {
                work.cx.vars.insert(path.clone(), value.clone());
                put.push((path, value));
                returns
            }
            Ok(Answer::Wait(message)) => return Ok(waiting(work, message)),
            Ok(Answer::Suspend { duration, message }) => {
                if let Some(message) = message.filter(|m| !m.is_empty()) {
                    *said = Some(message);
                }
                return Ok(Outcome::Suspended { op: call.name, duration });
            }
            Ok(Answer::Break(message)) => {
                *said = message.or(said.take());
                return Ok(Outcome::Break);
            }
            Ok(Answer::Fail(message)) => {
                return Ok(failed(Reason::Action, message.or(said.take()).unwrap_or_default()));
            }
            Err(OpError { message, retry }) => {
                let message = format!("{}: {message}", call.name);
                let reason = if retry { Reason::Execute } else { Reason::Action };
                return Ok(Outcome::Failed { reason, message, retry });
            }
        };
        evaluation.fill(&call, &params, returns)?;
    }
    Ok(Outcome::Succeeded)
}

/// What the step has read: its change wakes it.
fn waiting(work: &Work, message: String) -> Outcome {
    let watches = std::mem::take(&mut *work.cx.watches.lock().unwrap_or_else(PoisonError::into_inner));
    Outcome::Waiting { message, watches }
}

/// Parameters that are not all there: what was read from the cluster may bring them, so the step waits; if nothing was read, nothing will.
fn not_yet(work: &Work, call: &Call, params: &Map<String, Value>, missing: &str) -> Outcome {
    let waits = (call.op.provider(), call.op.name()) == ("builtin", "wait");
    let read = !work.cx.watches.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
    let message = params.get("message").and_then(Value::as_str).filter(|_| waits);
    match (waits || read, message) {
        (true, Some(message)) => waiting(work, message.to_string()),
        (true, None) => waiting(work, format!("{}: {missing}", call.name)),
        (false, _) => failed(Reason::ProcessParameter, format!("{}: {missing}", call.name)),
    }
}

/// The outputs of a step that is over. One that cannot be evaluated fails a step that went well.
fn outputs(work: &Work, evaluation: &Evaluation, outcome: Outcome) -> (Outcome, Vec<(String, Value)>) {
    let over = match &outcome {
        Outcome::Succeeded | Outcome::Break => true,
        Outcome::Failed { retry, .. } => !retry,
        _ => false,
    };
    let mut values = Vec::new();
    if !over {
        return (outcome, values);
    }
    for output in &work.outputs {
        match evaluation.output(&output.value_from) {
            Ok(value) => values.push((output.name.clone(), value)),
            Err(why) if outcome == Outcome::Succeeded => {
                return (failed(Reason::Output, format!("output `{}`: {why}", output.name)), values);
            }
            Err(_) => {}
        }
    }
    (outcome, values)
}

/// A place for what attempts read.
pub(super) fn watches() -> Arc<Mutex<Vec<crate::engine::Watched>>> {
    Arc::default()
}
