//! Looking at a run from outside: its plan, the values of a step as they are now; and the way back to what went well before.

use super::active::step_work;
use super::evaluate::{Evaluation, Params};
use super::record::{self, Record, RunKind, RunRef};
use super::shadow::{Shadow, take_up};
use super::subject::{Delivery, Found, Subject};
use super::{DriveError, Driver};
use crate::document::Document;
use crate::engine::{Outcome, Plan, Refused, State};
use crate::model::run::RunStatus;
use crate::ops::support::objects::FIELD_MANAGER;
use crate::ops::{Answer, Cx};
use crate::problem::nearest;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Map, Value, json};
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

    /// Puts the object of a run back to the last content with which it succeeded and that is not the present one. A run of it then starts over.
    ///
    /// # Errors
    /// If there is no such content, and as [`Driver::status`].
    pub async fn rollback(&self, reference: &RunRef) -> Result<(), DriveError> {
        let (record, _) = Record::load(&self.client, &self.kinds, reference).await?;
        let present = record.object.data.get("spec").cloned().unwrap_or_default();
        let good = self.good(reference).await?;
        let Some(back) = good.into_iter().find(|spec| *spec != present) else {
            return Err(DriveError::Refused(format!(
                "there is nothing to roll {reference} back to: no other content of it has succeeded"
            )));
        };
        let api = self.objects(reference).await?;
        // As a whole: what the old content does not have is taken away.
        let mut object = record.object.clone();
        object.data["spec"] = back;
        let options =
            kube::api::PostParams { field_manager: Some(FIELD_MANAGER.into()), ..Default::default() };
        api.replace(&reference.name, &options, &object)
            .await
            .map_err(|e| record::cluster(reference, "roll back", e))?;
        Ok(())
    }

    fn good_map(&self, reference: &RunRef) -> (Api<ConfigMap>, String) {
        (
            Api::namespaced(self.client.clone(), &reference.namespace),
            format!("workflow-{}-succeeded", reference.name),
        )
    }

    /// The contents with which a run has succeeded, the latest first.
    async fn good(&self, reference: &RunRef) -> Result<Vec<Value>, DriveError> {
        let (api, name) = self.good_map(reference);
        let found =
            api.get_opt(&name).await.map_err(|e| record::cluster(reference, "read what succeeded of", e))?;
        let text = found.and_then(|c| c.data?.remove("specs")).unwrap_or_default();
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Keeps the content of an Application with which it has succeeded, and the one before.
    pub(super) async fn keep_good(&self, record: &Record) {
        let reference = &record.reference;
        if reference.kind != RunKind::Application {
            return;
        }
        let spec = record.object.data.get("spec").cloned().unwrap_or_default();
        let kept = async {
            let mut specs = self.good(reference).await?;
            if specs.first() == Some(&spec) {
                return Ok(());
            }
            specs.retain(|s| *s != spec);
            specs.insert(0, spec);
            specs.truncate(2);
            let (api, name) = self.good_map(reference);
            let map = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": reference.namespace, "ownerReferences": [record.owner_reference()]},
                "data": {"specs": Value::Array(specs).to_string()},
            });
            let params = PatchParams::apply(FIELD_MANAGER).force();
            let done = api.patch(&name, &params, &Patch::Apply(&map)).await;
            done.map(drop).map_err(|e| record::cluster(reference, "keep what succeeded of", e))
        };
        if let Err(e) = kept.await {
            tracing::warn!("{e}: it cannot be rolled back to");
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
