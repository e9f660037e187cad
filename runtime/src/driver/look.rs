//! Looking at a run from outside: its plan, and the values of a step as they are now.

use super::active::step_work;
use super::evaluate::{Evaluation, Params};
use super::record::{Record, RunRef};
use super::shadow::{Shadow, take_up};
use super::subject::{Delivery, Found, Subject};
use super::{DriveError, Driver};
use crate::document::Document;
use crate::engine::{Outcome, Plan, Refused, State};
use crate::model::run::RunStatus;
use crate::ops::{Answer, Cx};
use crate::problem::nearest;
use serde_json::{Map, Value};
use std::sync::PoisonError;

impl Driver {
    async fn found(&self, reference: &RunRef) -> Result<(Record, State, Subject), DriveError> {
        let (record, state) = Record::load(&self.client, &self.kinds, reference).await?;
        let object = serde_json::to_value(&record.object).unwrap_or_default();
        let Some(delivery) = Delivery::read(&Document::from_value(object))? else {
            return Err(DriveError::Record(format!("{reference} is no run")));
        };
        let kept = self.kept_types(reference).await?;
        match self.subject(reference, delivery, &kept, false).await? {
            Found::Subject(subject) => Ok((record, state, *subject)),
            Found::Wrong(problems) => Err(problems.into()),
            Found::NotYet { message, .. } => Err(DriveError::Refused(message)),
        }
    }

    /// The plan of a run, and how it stands.
    ///
    /// # Errors
    /// A run that is not there, cannot be read, or whose workflow is wrong.
    pub async fn plan(&self, reference: &RunRef) -> Result<(Plan, RunStatus), DriveError> {
        let (_, state, subject) = self.found(reference).await?;
        Ok((subject.plan, state.status))
    }

    /// The values of a step as they are now, as text of the language: its definition with parameters and context filled in, and what the ops give
    /// that only read. Nothing is changed on the cluster, and what other ops would give is left open.
    ///
    /// # Errors
    /// A step that is not there or whose inputs are not there yet, a definition that does not evaluate, and as [`Driver::plan`].
    pub async fn values(&self, reference: &RunRef, step: &str) -> Result<String, DriveError> {
        let (record, state, subject) = self.found(reference).await?;
        let plan = &subject.plan;
        let node = plan.find(step).ok_or_else(|| Refused::NoStep {
            step: step.to_string(),
            hint: nearest(step, plan.names()).map(str::to_string),
        })?;
        let refused = |why: String| DriveError::Refused(format!("step `{step}`: {why}"));
        let kind = &plan.nodes[node].step.kind;
        let definition =
            subject.types.get(kind).ok_or_else(|| refused(subject.types.unknown(kind).to_string()))?;
        let compiled = subject.types.library().compiled(definition)?;
        let inputs = plan.inputs(&state, node).map_err(|e| refused(e.to_string()))?;
        let context = plan.context_of(&state, node);
        let cx = step_work(self, &subject, &record, &state, step, "debug", 0);
        let parameters = take_up(&cx, &plan.nodes[node].step, &inputs).await;
        let parameters = parameters.map_err(|e| refused(cx.hide(&e.message)))?;
        let evaluation = Evaluation::new(compiled, &parameters.0, &context);
        let mut shadow = Shadow::new(kind, compiled, &context, parameters);
        let looked = match evaluation {
            Ok(evaluation) => look(&cx, evaluation, &mut shadow).await,
            Err(outcome) => Err(outcome),
        };
        match looked {
            Ok(evaluation) => {
                let text = evaluation.to_source();
                drop(evaluation);
                Ok(shadow.source(&cx, text).await)
            }
            Err(Outcome::Failed { message, .. }) => Err(refused(shadow.explained(&cx, &message).await)),
            Err(_) => Err(refused("it cannot be evaluated".into())),
        }
    }
}

/// Carries out the ops of a step that only read, up to the first that does more.
async fn look(cx: &Cx, mut evaluation: Evaluation, shadow: &mut Shadow<'_>) -> Result<Evaluation, Outcome> {
    while let Some(call) = evaluation.next()? {
        let Params::Ready(params) = &call.params else { break };
        let params = params.clone();
        let answer = match call.op.pure() {
            true => {
                let given = shadow.readable(cx, &call, &params).await;
                call.op.run(cx, given).await.unwrap_or(Answer::Returns(Map::new()))
            }
            false => break,
        };
        let noted = std::mem::take(&mut *cx.noted.lock().unwrap_or_else(PoisonError::into_inner));
        let told = answer.told();
        cx.learn(&told);
        cx.with_known(|k| k.learn_marked(&told, &noted));
        let returns = match answer {
            Answer::Returns(returns) | Answer::Put { returns, .. } => Value::Object(returns),
            Answer::Message(_) => Value::Object(Map::new()),
            _ => break,
        };
        let filled = evaluation.fill(&call, &params, &returns);
        shadow.gave(call, params, returns, noted);
        filled?;
    }
    Ok(evaluation)
}
