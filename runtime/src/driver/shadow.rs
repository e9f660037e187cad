//! The shadow of an attempt: the same evaluation with substitutes in the place of secrets. Where it gives something else, a secret has gone in.
//!
//! It is made when there is something secret in an attempt, and then follows it op by op. Also here: making again what is kept as a reference
//! ([`Replay`], [`Driver::reveal`]). Why: `docs/decisions/secrets.md`.

use super::Driver;
use super::active::step_work;
use super::evaluate::{Call, Evaluation, Params};
use super::judge::Conditions;
use super::record::Record;
use super::subject::Subject;
use super::types::Types;
use crate::definitions::Compiled;
use crate::engine::{Judge, Outcome, State, parameter};
use crate::model::workflow::Step;
use crate::ops::support::secret::{Again, Maker};
use crate::ops::{Answer, Cx, OpError};
use crate::secret::{Clear, Given, MASK, Mark, Marked, Recipe, StepAgain, What};
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// What stands for a message that a secret has gone into beyond recognition.
const UNSHOWN: &str = "a value that is made of secrets does not fit";

/// What an op gave.
struct Filled {
    call: Call,
    params: Map<String, Value>,
    returns: Value,
    noted: Vec<Mark>,
}

/// The second evaluation of an attempt.
pub(super) struct Shadow<'w> {
    kind: &'w str,
    compiled: &'w Compiled,
    context: &'w Map<String, Value>,
    parameter: Map<String, Value>,
    other_parameter: Map<String, Value>,
    given: Vec<Filled>,
    made: Made,
    /// How many of `given` it has been given.
    filled: usize,
}

enum Made {
    NotYet,
    Evaluation(Box<Evaluation>),
    /// It does not work with the substitutes; why.
    Failed(String),
}

fn why(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { message, .. } => message,
        _ => String::new(),
    }
}

/// A message without what has to do with secrets, given the same with substitutes.
fn unsaid(cx: &Cx, message: &str, other: &str) -> String {
    let shown = cx.with_known(|k| k.shown_text(message, other));
    if shown != MASK {
        return shown;
    }
    // The place is no secret, the values are.
    match message.split_once(": ") {
        Some((place, _)) if !place.contains(' ') => format!("{}: {UNSHOWN}", cx.hide(place)),
        _ => UNSHOWN.to_string(),
    }
}

/// The inputs of a step as they are now, read again where they are kept as references; and its parameters.
///
/// # Errors
/// Inputs that do not fit, or cannot be made.
pub(super) async fn take_up(
    cx: &Cx,
    step: &Step,
    inputs: &[Given],
) -> Result<(Map<String, Value>, Map<String, Value>), OpError> {
    let mut maker = Maker::new(cx);
    let mut values = Vec::new();
    for (given, input) in inputs.iter().zip(&step.inputs) {
        let made = maker.value(given).await;
        values.push(made.map_err(|e| OpError { message: format!("input `{}`: {e}", input.from), ..e })?);
    }
    let wrong = |e: crate::engine::DataError| OpError::permanent(e.to_string());
    let real = parameter(step, &values).map_err(wrong)?;
    if inputs.iter().all(|g| g.marked.marks.is_empty()) {
        return Ok((real, Map::new()));
    }
    let other = |(value, given): (&Value, &Given)| cx.with_known(|k| k.shade(value, &given.marked.marks));
    let others: Vec<Value> = values.iter().zip(inputs).map(other).collect();
    let other = parameter(step, &others).map_err(wrong)?;
    Ok((real, other))
}

impl<'w> Shadow<'w> {
    /// Of an attempt with these parameters, and these with substitutes (none if there is nothing secret in them).
    pub(super) fn new(
        kind: &'w str,
        compiled: &'w Compiled,
        context: &'w Map<String, Value>,
        (parameter, other_parameter): (Map<String, Value>, Map<String, Value>),
    ) -> Shadow<'w> {
        let other_parameter = if other_parameter.is_empty() { parameter.clone() } else { other_parameter };
        Shadow {
            kind,
            compiled,
            context,
            parameter,
            other_parameter,
            given: Vec::new(),
            made: Made::NotYet,
            filled: 0,
        }
    }

    /// Takes up what an op has given, and what of it is secret beside the content of Secrets.
    pub(super) fn gave(&mut self, call: Call, params: Map<String, Value>, returns: Value, noted: Vec<Mark>) {
        self.given.push(Filled { call, params, returns, noted });
    }

    /// The evaluation, where the attempt is now.
    async fn now(&mut self, cx: &Cx) -> Result<&Evaluation, &str> {
        if let Made::NotYet = self.made {
            self.made = match Evaluation::new(self.compiled, &self.other_parameter, self.context) {
                Ok(evaluation) => Made::Evaluation(Box::new(evaluation)),
                Err(outcome) => Made::Failed(why(outcome)),
            };
        }
        while let (Made::Evaluation(evaluation), Some(next)) = (&mut self.made, self.given.get(self.filled)) {
            self.filled += 1;
            let call = &next.call;
            let mut other = None;
            if call.op.local()
                && let Some(params) = evaluation.params(call)
                && params != next.params
                && let Ok(Answer::Returns(returns)) = call.op.run(cx, params).await
            {
                other = Some(Value::Object(returns));
            }
            let other = other.unwrap_or_else(|| cx.with_known(|k| k.shade(&next.returns, &next.noted)));
            if let Err(outcome) = evaluation.fill(call, &next.params, &other) {
                self.made = Made::Failed(why(outcome));
            }
        }
        match &self.made {
            Made::Evaluation(evaluation) => Ok(evaluation),
            Made::Failed(why) => Err(why),
            Made::NotYet => Err(""),
        }
    }

    /// Parameters of the next op with substitutes.
    pub(super) async fn params(&mut self, cx: &Cx, call: &Call) -> Option<Value> {
        self.now(cx).await.ok()?.params(call).map(Value::Object)
    }

    /// Takes up what the next op is given that is made of secrets beyond recognition: others may send it back, or tell it in an error.
    pub(super) async fn learn(&mut self, cx: &Cx, call: &Call, params: &Map<String, Value>) {
        if cx.knows_nothing() {
            return;
        }
        let other = self.params(cx, call).await.unwrap_or_default();
        let derived = cx.with_known(|k| k.derived(&Value::Object(params.clone()), &other));
        if derived.is_empty() {
            return;
        }
        let again = self.again(cx, What::Parameters(call.name.clone())).ok();
        let recipe = |at: &str| {
            let again = StepAgain { at: at.to_string(), ..again.clone()? };
            Some(Recipe::Step(Box::new(again)))
        };
        let derived = derived.into_iter().map(|d| (recipe(&d.at), d)).collect();
        cx.with_known(|k| k.learn_derived(derived));
    }

    /// The parameters of the next op for people to read.
    pub(super) async fn shown(
        &mut self,
        cx: &Cx,
        call: &Call,
        params: &Map<String, Value>,
    ) -> Map<String, Value> {
        let other = self.params(cx, call).await;
        match cx.with_known(|k| k.shown(&Value::Object(params.clone()), other.as_ref())) {
            Value::Object(shown) => shown,
            // Nothing is known of what has gone in where: nothing is shown.
            _ => params.keys().map(|k| (k.clone(), MASK.into())).collect(),
        }
    }

    /// The parameters of the next op, with those masked that it shows people.
    pub(super) async fn readable(
        &mut self,
        cx: &Cx,
        call: &Call,
        params: &Map<String, Value>,
    ) -> Map<String, Value> {
        let mut given = params.clone();
        if !call.op.tells().is_empty() && !cx.knows_nothing() {
            let mut shown = self.shown(cx, call, params).await;
            for field in call.op.tells() {
                given.extend(shown.remove_entry(*field));
            }
        }
        given
    }

    /// A message about the attempt without what has to do with secrets, given what the shadow says where it fails as well.
    pub(super) async fn explained(&mut self, cx: &Cx, message: &str) -> String {
        if cx.knows_nothing() {
            return message.to_string();
        }
        let mut other = self.now(cx).await.map(|_| String::new()).unwrap_or_else(str::to_string);
        if let Made::Evaluation(evaluation) = &mut self.made {
            other = evaluation.next().err().map(why).unwrap_or_default();
        }
        unsaid(cx, message, &other)
    }

    /// The same for an expression that cannot be evaluated.
    pub(super) async fn explained_output(&mut self, cx: &Cx, expression: &str, message: &str) -> String {
        if cx.knows_nothing() {
            return message.to_string();
        }
        let other = match self.now(cx).await {
            Ok(evaluation) => evaluation.output(expression).err().unwrap_or_default(),
            Err(_) => String::new(),
        };
        unsaid(cx, message, &other)
    }

    /// What is kept of the value of an expression over the step.
    ///
    /// # Errors
    /// If it cannot be told how it is made.
    pub(super) async fn output(&mut self, cx: &Cx, expression: &str, value: Value) -> Result<Given, String> {
        if cx.knows_nothing() {
            return Ok(value.into());
        }
        let other = self.now(cx).await.ok().and_then(|e| e.output(expression).ok());
        self.marked(cx, value, other, What::Output(expression.into()), "")
    }

    /// What is kept of a value that an op keeps, given the parameters of the op with substitutes.
    ///
    /// # Errors
    /// If it cannot be told how it is made.
    pub(super) fn kept(
        &self,
        cx: &Cx,
        call: &Call,
        params: &Map<String, Value>,
        other: Option<Value>,
        value: Value,
    ) -> Result<Given, String> {
        // What an op keeps of its own is not made of its parameters.
        if cx.knows_nothing() || params.get("value") != Some(&value) {
            return Ok(value.into());
        }
        let other = other.and_then(|o| o.get("value").cloned());
        self.marked(cx, value, other, What::Parameters(call.name.clone()), "/value")
    }

    fn marked(
        &self,
        cx: &Cx,
        value: Value,
        other: Option<Value>,
        what: What,
        at: &str,
    ) -> Result<Given, String> {
        let traced = other.and_then(|other| cx.marked(&value, &other).ok());
        let marked = match traced {
            Some(marked) => marked,
            // Beyond recognition: it is made again when it is needed.
            None => {
                let again = StepAgain { at: at.into(), ..self.again(cx, what)? };
                Marked::whole(Recipe::Step(Box::new(again)))
            }
        };
        Ok(Given::new(marked, value))
    }

    fn again(&self, cx: &Cx, what: What) -> Result<StepAgain, String> {
        let untraced = |_| "it cannot be told which secrets are in it".to_string();
        let (real, other) =
            (Value::Object(self.parameter.clone()), Value::Object(self.other_parameter.clone()));
        let mut given = Vec::new();
        // What depends on parameters alone is done again.
        for filled in self.given.iter().filter(|f| !f.call.op.local()) {
            let other = cx.with_known(|k| k.shade(&filled.returns, &filled.noted));
            given.push((filled.call.name.clone(), cx.marked(&filled.returns, &other).map_err(untraced)?));
        }
        Ok(StepAgain {
            kind: self.kind.to_string(),
            parameter: cx.marked(&real, &other).map_err(untraced)?,
            context: self.context.clone(),
            given,
            what,
            at: String::new(),
        })
    }

    /// The text of an evaluation, with what has to do with secrets masked.
    pub(super) async fn source(&mut self, cx: &Cx, text: String) -> String {
        if cx.knows_nothing() {
            return text;
        }
        let other = self.now(cx).await.map(Evaluation::to_source).unwrap_or_default();
        let (lines, others): (Vec<&str>, Vec<&str>) = (text.lines().collect(), other.lines().collect());
        let mut shown = String::new();
        for (i, line) in lines.iter().enumerate() {
            let other = others.get(i).filter(|_| lines.len() == others.len()).copied().unwrap_or_default();
            let hidden = cx.with_known(|k| k.shown_text(line, other));
            match (hidden == MASK, line.split_once(": ")) {
                (true, Some((label, _))) => shown += &format!("{}: \"***\"", cx.hide(label)),
                (true, None) => shown += MASK,
                (false, _) => shown += &hidden,
            }
            shown.push('\n');
        }
        shown
    }
}

/// Evaluates again what steps of a run have made of secrets.
pub(super) struct Replay {
    types: Types,
}

impl Replay {
    pub(super) fn new(types: &Types) -> Replay {
        Replay { types: types.clone() }
    }

    async fn again(
        &self,
        cx: &Cx,
        again: &StepAgain,
        parameter: &Map<String, Value>,
        given: &HashMap<String, Value>,
    ) -> Result<Value, String> {
        let gone = || self.types.unknown(&again.kind).to_string();
        let definition = self.types.get(&again.kind).ok_or_else(gone)?;
        let compiled = self.types.library().compiled(definition).map_err(|p| p.to_string())?;
        let mut evaluation = Evaluation::new(compiled, parameter, &again.context).map_err(why)?;
        while let Some(call) = evaluation.next().map_err(why)? {
            let Params::Ready(params) = &call.params else { break };
            match &again.what {
                What::Parameters(op) if *op == call.name => return Ok(Value::Object(params.clone())),
                _ => {}
            }
            let returns = match given.get(&call.name) {
                Some(returns) => returns.clone(),
                None if call.op.local() => match call.op.run(cx, params.clone()).await {
                    Ok(Answer::Returns(returns)) => Value::Object(returns),
                    _ => break,
                },
                None => break,
            };
            evaluation.fill(&call, params, &returns).map_err(why)?;
        }
        match &again.what {
            What::Output(expression) => evaluation.output(expression),
            What::Parameters(op) => Err(format!("`{op}` is not there any more")),
        }
    }
}

impl Again for Replay {
    fn step<'a>(
        &'a self,
        cx: &'a Cx,
        again: &'a StepAgain,
        parameter: Map<String, Value>,
        given: HashMap<String, Value>,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let made = self.again(cx, again, &parameter, &given).await;
            made.map_err(|e| format!("the step that made it cannot be evaluated again: {}", cx.hide(&e)))
        })
    }

    fn expression(&self, expression: &str, scope: &Map<String, Value>) -> Result<Value, String> {
        Conditions::new().value(expression, scope)
    }
}

impl Driver {
    /// Looks up what is kept as references in what steps have put out, for conditions and groups. What cannot be made now is left out.
    pub(super) async fn reveal(&self, record: &Record, subject: &Subject, state: &mut State) {
        if state.marks.keys().all(|name| state.clear.contains_key(name)) {
            return;
        }
        let cx = step_work(self, subject, record, state, "", "", 0);
        let mut maker = Maker::new(&cx);
        let names: Vec<String> = state.marks.keys().cloned().collect();
        for name in names {
            let Some(given) = state.given(&name) else { continue };
            match maker.value(&given).await {
                Ok(value) => drop(state.clear.insert(name, Clear(value))),
                Err(e) => tracing::warn!(run = %record.reference, "output `{name}`: {e}"),
            }
        }
    }
}
