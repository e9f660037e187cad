//! One attempt of a step: the evaluation's ops are carried out until there is none left, or one says to stop.
//!
//! An op whose repetition would be felt is recorded before the next one begins, so a crash repeats at most the op that was under way. What others gave is
//! recorded while the attempt goes on, many in one write, and at the latest before something is touched. What leaves an attempt (outputs, messages, what an observer is told) has no secret in it: see `shadow`.

use super::evaluate::{Call, Evaluation, Params};
use super::shadow::{Shadow, take_up};
use super::{Observed, Observer};
use crate::definitions::{Definition, Library};
use crate::engine::{Outcome, StepResult};
use crate::model::run::Reason;
use crate::model::workflow::Step;
use crate::ops::support::secret::Maker;
use crate::ops::{Answer, Cx, OpError};
use crate::secret::{Given, MASK, Marked};
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::Instrument;

/// What an attempt wants recorded.
pub(super) enum Wanted {
    /// Everything, with what an op gave if there is something: it comes back when that is saved.
    Now(Option<(String, Marked)>),
    /// What an op gave, with the next write.
    Soon((String, Marked)),
}

/// Records; an error means that the attempt must not go on.
pub(super) type Recorder = Box<dyn Fn(Wanted) -> BoxFuture<'static, Result<(), ()>> + Send + Sync>;

/// Everything that an attempt needs.
pub(super) struct Work {
    pub(super) library: Library,
    pub(super) definition: Arc<Definition>,
    pub(super) step: Step,
    /// What the inputs of the step are.
    pub(super) inputs: Vec<Given>,
    pub(super) context: Map<String, Value>,
    /// What ops are given; `op`, `identity` and `resumed` are set for each.
    pub(super) cx: Cx,
    /// Results of this attempt from before a crash.
    pub(super) journal: BTreeMap<String, Marked>,
    /// What is left for more of them.
    pub(super) room: Taken,
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

/// Tells the observer of an op.
async fn observe(
    work: &Work,
    shadow: &mut Shadow<'_>,
    call: &Call,
    params: &Map<String, Value>,
    answer: &Result<Answer, OpError>,
) {
    let Some(observer) = &work.observer else { return };
    let mut told = answer.as_ref().map(Answer::told);
    let params = match work.cx.knows_nothing() {
        true => params.clone(),
        false => {
            let shown = shadow.shown(&work.cx, call, params).await;
            // What is made of the parameters alone is no less secret than they are.
            if let (Ok(Answer::Put { path, .. }), Some(value)) = (answer, shown.get("value")) {
                told = Ok(json!({"put": {path: value}}));
            } else if let (Ok(told), true) = (&mut told, call.op.local() && shown != *params) {
                *told = json!(MASK);
            }
            shown
        }
    };
    observer.op(&Observed {
        run: &work.cx.owner,
        step: &work.cx.step,
        attempt: work.attempt,
        op: &call.name,
        call: format!("{}/{}", call.op.provider(), call.op.name()),
        params: work.cx.mask(&Value::Object(params)),
        returns: told.map(|t| work.cx.mask(&given(&work.cx, &t))).map_err(|e| work.cx.hide(&e.message)),
    });
}

/// What an op gave, for people to read.
fn given(cx: &Cx, told: &Value) -> Value {
    let noted = cx.noted.lock().unwrap_or_else(PoisonError::into_inner);
    cx.with_known(|k| k.shown(told, Some(&k.shade(told, &noted))))
}

/// Makes an attempt. `None` if it could not be recorded and must be dropped.
#[tracing::instrument(name = "step", level = "debug", skip_all, fields(step = %work.cx.step, attempt = work.attempt))]
pub(super) async fn attempt(mut work: Work) -> Option<StepResult> {
    let definition = work.definition.clone();
    let compiled = match work.library.compiled(&definition) {
        Ok(compiled) => compiled,
        Err(problems) => return Some(end(failed(Reason::Rendering, problems.to_string()))),
    };
    let parameters = match take_up(&work.cx, &work.step, &work.inputs).await {
        Ok(parameters) => parameters,
        Err(OpError { message, retry }) => {
            let reason = if retry { Reason::Execute } else { Reason::Input };
            let message = work.cx.hide(&message);
            return Some(end(Outcome::Failed { reason, message, retry }));
        }
    };
    let evaluation = Evaluation::new(compiled, &parameters.0, &work.context);
    let (kind, context) = (work.step.kind.clone(), work.context.clone());
    let mut shadow = Shadow::new(&kind, compiled, &context, parameters);
    let mut evaluation = match evaluation {
        Ok(evaluation) => evaluation,
        Err(outcome) => return Some(end(explained(&work.cx, &mut shadow, outcome).await)),
    };
    let lost = lost(&work.journal);
    let mut said = None;
    let mut put = Vec::new();
    let outcome = match run(&mut work, &mut evaluation, &mut shadow, &lost, &mut said, &mut put).await {
        Ok(outcome) => shown(&work.cx, outcome),
        Err(Stop::Outcome(outcome)) => explained(&work.cx, &mut shadow, outcome).await,
        Err(Stop::Dropped) => return None,
    };
    let values = match is_over(&outcome) {
        true => work.step.outputs.iter().map(|o| evaluation.output(&o.value_from)).collect(),
        false => Vec::new(),
    };
    let outcome = without(lost, outputs(&work, values, &mut shadow, outcome, &mut put).await);
    Some(StepResult { outcome, message: said.map(|m| work.cx.hide(&m)), outputs: put })
}

/// The ops that were carried out before a crash, and gave more than there was room for.
fn lost(journal: &BTreeMap<String, Marked>) -> Vec<String> {
    journal.iter().filter(|(_, given)| given.data.is_null()).map(|(op, _)| op.clone()).collect()
}

/// An outcome that tells, where the step has failed, of ops whose results were lost.
fn without(lost: Vec<String>, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed { reason, message, retry } if !lost.is_empty() => {
            let ops = lost.join("`, `");
            let why = format!(
                "before the run was interrupted, `{ops}` gave more than could be kept; it is not carried out twice"
            );
            Outcome::Failed { reason, message: format!("{message} ({why})"), retry }
        }
        other => other,
    }
}

/// An outcome whose message holds nothing secret.
fn shown(cx: &Cx, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Waiting { message, watches, within } => {
            Outcome::Waiting { message: cx.hide(&message), watches, within }
        }
        Outcome::Failed { reason, message, retry } => {
            Outcome::Failed { reason, message: cx.hide(&message), retry }
        }
        other => other,
    }
}

/// The same of an evaluation that has failed: its message may hold what is made of secrets.
async fn explained(cx: &Cx, shadow: &mut Shadow<'_>, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed { reason, message, retry } => {
            Outcome::Failed { reason, message: shadow.explained(cx, &message).await, retry }
        }
        other => other,
    }
}

enum Stop {
    /// The evaluation has failed.
    Outcome(Outcome),
    Dropped,
}

impl From<Outcome> for Stop {
    fn from(outcome: Outcome) -> Stop {
        Stop::Outcome(outcome)
    }
}

/// Carries an op out, with what may be read of what it is given.
async fn carry_out(
    work: &mut Work,
    shadow: &mut Shadow<'_>,
    call: &Call,
    params: &Map<String, Value>,
) -> Result<Answer, OpError> {
    shadow.learn(&work.cx, call, params).await;
    let given = shadow.readable(&work.cx, call, params).await;
    work.cx.op = call.name.clone();
    work.cx.resumed = work.resumed.contains(&call.name);
    let base = work.cx.identity.clone();
    work.cx.identity = format!("{base}/{}", call.name);
    let span = tracing::debug_span!("op", op = %call.name, call = format!("{}/{}", call.op.provider(), call.op.name()));
    let answer = call.op.run(&work.cx, given).instrument(span).await;
    work.cx.identity = base;
    work.cx.with_known(|k| k.learn_fields(params));
    if let Ok(answer) = &answer {
        let noted = work.cx.noted.lock().unwrap_or_else(PoisonError::into_inner);
        work.cx.with_known(|k| match answer {
            // What is mostly given, without a copy.
            Answer::Returns(returns) if noted.is_empty() => k.learn_fields(returns),
            answer => {
                let told = answer.told();
                k.learn(&told);
                k.learn_marked(&told, &noted);
            }
        });
    }
    observe(work, shadow, call, params, &answer).await;
    answer
}

/// The most of what the ops of the attempts under way in a run give that is recorded, in bytes. A record is one object of the cluster, which takes no more than
/// about a megabyte. After a crash an op that gave more is asked again, if all that it does is to ask. If it is felt, that it was carried out is recorded without
/// what it gave: it is not carried out again, and a step that needs what it gave fails.
const RECORDED: usize = 256 << 10;

/// The room that there is for records, in bytes; all attempts of a run share it.
#[derive(Clone)]
pub(super) struct Room(Arc<AtomicUsize>);

impl Default for Room {
    fn default() -> Room {
        Room(Arc::new(AtomicUsize::new(RECORDED)))
    }
}

/// What an attempt takes of it, until it is over.
pub(super) struct Taken {
    room: Room,
    taken: usize,
}

impl Room {
    /// The part of an attempt that has this much recorded already.
    pub(super) fn taken_by(&self, journal: &BTreeMap<String, Marked>) -> Taken {
        let mut part = Taken { room: self.clone(), taken: 0 };
        for given in journal.values() {
            part.take(weight(&given.data));
        }
        part
    }
}

impl Taken {
    /// Takes so many bytes, if they are there.
    fn take(&mut self, bytes: usize) -> bool {
        let left = |left: usize| left.checked_sub(bytes);
        let fits = self.room.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok();
        self.taken += if fits { bytes } else { 0 };
        fits
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.taken, Ordering::Relaxed);
    }
}

/// About how many bytes a value takes as text.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(weight).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        _ => 8,
    }
}

/// What an op gave, as it may be recorded.
fn recorded(cx: &Cx, returns: &Map<String, Value>) -> Marked {
    let returns = Value::Object(returns.clone());
    if cx.knows_nothing() {
        return returns.into();
    }
    let other = cx.with_known(|k| k.shade(&returns, &[]));
    match cx.marked(&returns, &other) {
        Ok(marked) => marked,
        // Nobody can make it again: after a crash it is not there.
        Err(_) => cx.with_known(|k| k.hidden(&returns)).into(),
    }
}

async fn run(
    work: &mut Work,
    evaluation: &mut Evaluation,
    shadow: &mut Shadow<'_>,
    lost: &[String],
    said: &mut Option<String>,
    put: &mut Vec<(String, Given)>,
) -> Result<Outcome, Stop> {
    let mut unrecorded: Option<(String, Marked)> = None;
    while let Some(call) = evaluation.next()? {
        let params = match &call.params {
            Params::Ready(params) => params.clone(),
            Params::NotYet(params, missing) => return Ok(not_yet(work, &call, params, missing, lost)),
        };
        let answer = match work.journal.remove(&call.name) {
            Some(before) => again(&work.cx, before).await,
            None => {
                // Nothing is touched before all that led to it is saved, and nothing is begun before what was touched is saved.
                let touches = call.op.touches(&params);
                if touches || unrecorded.is_some() {
                    let wanted = Wanted::Now(unrecorded.take());
                    (work.record)(wanted).await.map_err(|()| Stop::Dropped)?;
                }
                let answer = carry_out(work, shadow, &call, &params).await;
                if let (Ok(Answer::Returns(returns)), false) = (&answer, call.op.repeatable()) {
                    let fits = work.room.take(returns.values().map(weight).sum());
                    let given = || (call.name.clone(), recorded(&work.cx, returns));
                    match (touches, fits) {
                        (true, true) => unrecorded = Some(given()),
                        (true, false) => unrecorded = Some((call.name.clone(), Value::Null.into())),
                        (false, true) => {
                            (work.record)(Wanted::Soon(given())).await.map_err(|()| Stop::Dropped)?;
                        }
                        (false, false) => {}
                    }
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
                let other = match work.cx.knows_nothing() {
                    true => None,
                    false => shadow.params(&work.cx, &call).await,
                };
                let kept = match shadow.kept(&work.cx, &call, &params, other, value) {
                    Ok(kept) => kept,
                    Err(why) => return Ok(failed(Reason::Output, format!("{}: {why}", call.name))),
                };
                work.cx.vars.insert(path.clone(), kept.clone());
                put.push((path, kept));
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
        let returns = Value::Object(returns);
        let filled = evaluation.fill(&call, &params, &returns);
        let noted = std::mem::take(&mut *work.cx.noted.lock().unwrap_or_else(PoisonError::into_inner));
        shadow.gave(call, params, returns, noted);
        filled?;
    }
    Ok(Outcome::Succeeded)
}

/// What an op has given in this attempt before a crash.
async fn again(cx: &Cx, before: Marked) -> Result<Answer, OpError> {
    let given = Given { marked: before, clear: None };
    let returns = Maker::new(cx).value(&given).await?;
    cx.learn(&returns);
    Ok(Answer::Returns(returns.as_object().cloned().unwrap_or_default()))
}

/// What the step has read: its change wakes it.
fn waiting(work: &Work, message: String) -> Outcome {
    let watches = std::mem::take(&mut *work.cx.watches.lock().unwrap_or_else(PoisonError::into_inner));
    let within = *work.cx.within.lock().unwrap_or_else(PoisonError::into_inner);
    Outcome::Waiting { message, watches, within }
}

/// Parameters that are not all there: what was read from the cluster may bring them, so the step waits; if nothing was read, nothing will, and what was lost
/// does not come back.
fn not_yet(work: &Work, call: &Call, params: &Map<String, Value>, missing: &str, lost: &[String]) -> Outcome {
    let waits = (call.op.provider(), call.op.name()) == ("builtin", "wait");
    let read = !work.cx.watches.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
    let message = params.get("message").and_then(Value::as_str).filter(|_| waits);
    let of_op = missing.contains("$returns") || lost.iter().any(|op| missing.contains(op.as_str()));
    let comes = lost.is_empty() || !of_op;
    match (comes && (waits || read), message) {
        (true, Some(message)) => waiting(work, message.to_string()),
        (true, None) => waiting(work, format!("{}: {missing}", call.name)),
        (false, _) => failed(Reason::ProcessParameter, format!("{}: {missing}", call.name)),
    }
}

/// Whether an attempt with this outcome is the last of its step.
fn is_over(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Succeeded | Outcome::Break => true,
        Outcome::Failed { retry, .. } => !retry,
        _ => false,
    }
}

/// The outputs of a step that is over. One that cannot be evaluated fails a step that went well.
async fn outputs(
    work: &Work,
    values: Vec<Result<Value, String>>,
    shadow: &mut Shadow<'_>,
    outcome: Outcome,
    put: &mut Vec<(String, Given)>,
) -> Outcome {
    for (output, value) in work.step.outputs.iter().zip(values) {
        let kept = match value {
            Ok(value) => shadow.output(&work.cx, &output.value_from, value).await,
            Err(why) => Err(shadow.explained_output(&work.cx, &output.value_from, &why).await),
        };
        match kept {
            Ok(kept) => put.push((output.name.clone(), kept)),
            Err(why) if outcome == Outcome::Succeeded => {
                return failed(Reason::Output, format!("output `{}`: {why}", output.name));
            }
            Err(_) => {}
        }
    }
    outcome
}

/// A place for what attempts read.
pub(super) fn watches() -> Arc<Mutex<Vec<crate::engine::Watched>>> {
    Arc::default()
}
