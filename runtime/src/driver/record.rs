//! The record of a run on the cluster: the status of its object, and the ConfigMap with outputs and the engine's notes.
//!
//! Both are written only when they have changed, the ConfigMap first, each under the version that was read: whoever else writes is noticed. The status is
//! what counts: notes that are ahead of it repeat at most the effect that was under way. Formats: `status.workflow` of an Application, `status` of a WorkflowRun.

use super::{DriveError, told};
use crate::engine::{Book, Plan, State};
use crate::model::run::{ContextBackend, RunPhase, RunStatus, StepStatus, Time};
use crate::ops::Owner;
use crate::ops::support::objects::{FIELD_MANAGER, Kinds, innermost};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DynamicObject, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// What a run belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunKind {
    /// An Application with a workflow.
    Application,
    /// A run of its own.
    WorkflowRun,
}

/// Which run is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunRef {
    /// What it belongs to.
    pub kind: RunKind,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl RunRef {
    /// The run of an Application.
    pub fn application(namespace: impl Into<String>, name: impl Into<String>) -> RunRef {
        RunRef { kind: RunKind::Application, namespace: namespace.into(), name: name.into() }
    }

    /// A run of its own.
    pub fn workflow_run(namespace: impl Into<String>, name: impl Into<String>) -> RunRef {
        RunRef { kind: RunKind::WorkflowRun, namespace: namespace.into(), name: name.into() }
    }

    /// The kind in small letters, for names of files and the like.
    pub fn kind_name(&self) -> String {
        self.types().1.to_lowercase()
    }

    pub(super) fn types(&self) -> (&'static str, &'static str) {
        match self.kind {
            RunKind::Application => ("core.oam.dev/v1beta1", "Application"),
            RunKind::WorkflowRun => ("core.oam.dev/v1alpha1", "WorkflowRun"),
        }
    }

    pub(super) fn context_name(&self) -> String {
        format!("workflow-{}-context", self.name)
    }
}

impl fmt::Display for RunRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.types().1, self.namespace, self.name)
    }
}

/// A record that is open for writing.
pub(super) struct Record {
    pub(super) reference: RunRef,
    pub(super) object: DynamicObject,
    api: Api<DynamicObject>,
    contexts: Api<ConfigMap>,
    context: Option<ConfigMap>,
    saved: State,
    /// Whether the ConfigMap has notes on steps that are over.
    left: bool,
}

/// How saving went.
pub(super) enum Saved {
    /// It is saved.
    Done,
    /// Somebody else has written in between: nothing of the status was saved.
    Crossed,
}

impl Record {
    /// Reads a record.
    pub(super) async fn load(
        client: &Client,
        kinds: &Kinds,
        reference: &RunRef,
    ) -> Result<(Record, State), DriveError> {
        let (api_version, kind) = reference.types();
        let found = kinds.find(client, api_version, kind).await;
        let (resource, _) = found.map_err(|e| match e.retry {
            true => DriveError::Cluster(e.message),
            false => DriveError::NoKind(e.message),
        })?;
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &reference.namespace, &resource);
        let object = match api.get(&reference.name).await {
            Ok(object) => object,
            Err(kube::Error::Api(s)) if s.code == 404 => return Err(DriveError::NotFound(reference.clone())),
            Err(e) => return Err(cluster(reference, "read", e)),
        };
        let contexts: Api<ConfigMap> = Api::namespaced(client.clone(), &reference.namespace);
        let mut record = Record {
            reference: reference.clone(),
            object,
            api,
            contexts,
            context: None,
            saved: State::default(),
            left: false,
        };
        record.load_context().await?;
        record.read()?;
        let state = record.saved.clone();
        Ok((record, state))
    }

    async fn load_context(&mut self) -> Result<(), DriveError> {
        let name = self.reference.context_name();
        let found = self.contexts.get_opt(&name).await;
        self.context = found.map_err(|e| cluster(&self.reference, "read the context of", e))?;
        Ok(())
    }

    /// Whose workflow this is.
    pub(super) fn owner(&self) -> Owner {
        let (api_version, kind) = self.reference.types();
        Owner {
            kind: kind.to_string(),
            api_version: api_version.to_string(),
            name: self.reference.name.clone(),
            namespace: self.reference.namespace.clone(),
            uid: self.object.uid().unwrap_or_default(),
        }
    }

    /// The same as a reference from what belongs to it.
    pub(super) fn owner_reference(&self) -> Value {
        let o = self.owner();
        json!({"apiVersion": o.api_version, "kind": o.kind, "name": o.name, "uid": o.uid})
    }

    /// The name of the ConfigMap with outputs and notes.
    pub(super) fn context_name(&self) -> String {
        self.reference.context_name()
    }

    /// Whether the object says that the run is not to start yet.
    pub(super) fn is_pending(&self) -> bool {
        self.object.annotations().get(PENDING).is_some_and(|v| v == "true")
    }

    /// Whether outputs that steps have given are gone, because somebody has deleted the ConfigMap.
    pub(super) fn context_is_lost(&self, state: &State, plan: &Plan) -> bool {
        let gave = |s: &StepStatus| {
            let outputs = plan.find(&s.name).map_or(0, |n| plan.nodes[n].step.outputs.len());
            s.finished() && outputs > 0
        };
        self.context.is_none() && state.status.context_backend.is_some() && state.status.all().any(gave)
    }

    /// The version of the object that was read or written last.
    pub(super) fn version(&self) -> String {
        self.object.resource_version().unwrap_or_default()
    }

    /// The status that was saved last.
    pub(super) fn saved_status(&self) -> &RunStatus {
        &self.saved.status
    }

    fn damaged(&self, part: &str, why: impl fmt::Display) -> DriveError {
        DriveError::Record(format!("the {part} of {} cannot be read: {why}", self.reference))
    }

    /// The status as it is on the cluster.
    pub(super) fn status(&self) -> Result<RunStatus, DriveError> {
        let status = self.object.data.get("status").cloned().unwrap_or(Value::Null);
        let mut workflow = match self.reference.kind {
            RunKind::Application => status.get("workflow").cloned().unwrap_or(Value::Null),
            RunKind::WorkflowRun => status,
        };
        if workflow.is_null() {
            return Ok(RunStatus::default());
        }
        if let Some(Value::String(mode)) = workflow.get("mode").cloned() {
            let (steps, subs) = mode.split_once('-').unwrap_or((&mode, ""));
            let known = |m: &str| if matches!(m, "DAG" | "StepByStep") { json!(m) } else { Value::Null };
            workflow["mode"] = json!({"steps": known(steps), "subSteps": known(subs)});
        }
        if workflow.get("status").and_then(Value::as_str) == Some("") {
            workflow["status"] = json!("initializing");
        }
        serde_json::from_value(workflow).map_err(|e| self.damaged("status", e))
    }

    /// What the ConfigMap holds.
    fn stored(&self) -> Result<State, DriveError> {
        let mut state = State::default();
        let Some(data) = self.context.as_ref().and_then(|c| c.data.as_ref()) else { return Ok(state) };
        if let Some(text) = data.get(VARS).filter(|t| !t.trim().is_empty()) {
            state.vars = serde_json::from_str(text).map_err(|e| self.damaged("context", e))?;
        }
        if let Some(text) = data.get(BOOK) {
            state.book = serde_json::from_str(text).map_err(|e| self.damaged("context", e))?;
        }
        Ok(state)
    }

    /// Takes in what the object and the ConfigMap hold.
    fn read(&mut self) -> Result<(), DriveError> {
        let stored = self.stored()?;
        let notes = stored.book.clone();
        self.saved = State { status: self.status()?, ..stored }.tidy();
        self.left = self.saved.book != notes;
        Ok(())
    }

    /// Saves a state: what has changed of it.
    pub(super) async fn save(&mut self, state: &mut State, now: Time) -> Result<Saved, DriveError> {
        let context_changed =
            self.saved.vars != state.vars || self.saved.book != state.book || self.context.is_none();
        if context_changed {
            match self.save_context(state).await {
                Ok(()) => {}
                Err(kube::Error::Api(s)) if matches!(s.code, 404 | 409) => return Ok(Saved::Crossed),
                Err(e) => return Err(cluster(&self.reference, "save the context of", e)),
            }
            self.saved.vars = state.vars.clone();
            self.saved.book = state.book.clone();
        }
        state.status.context_backend = self.context.as_ref().map(|c| ContextBackend {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            name: c.name_any(),
            namespace: c.namespace().unwrap_or_default(),
            uid: c.uid().unwrap_or_default(),
        });
        if self.saved.status != state.status {
            let mut saved = self.save_status(&state.status, now).await;
            if matches!(&saved, Err(e) if too_big(e)) {
                clip(&mut state.status);
                saved = self.save_status(&state.status, now).await;
            }
            match saved {
                Ok(object) => self.object = object,
                Err(kube::Error::Api(s)) if s.code == 409 => return Ok(Saved::Crossed),
                Err(kube::Error::Api(s)) if s.code == 404 => {
                    return Err(DriveError::NotFound(self.reference.clone()));
                }
                Err(e) => return Err(cluster(&self.reference, "save the status of", e)),
            }
            self.saved.status = state.status.clone();
        }
        // Only tidiness: whoever reads them drops them.
        if self.left
            && state.status.finished
            && let Err(e) = self.save_context(state).await
        {
            tracing::debug!("{}: {e}", self.reference);
        }
        Ok(Saved::Done)
    }

    async fn save_context(&mut self, state: &State) -> Result<(), kube::Error> {
        let options = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let notes = state.notes(&self.saved);
        let data = context_data(&state.vars, &notes);
        let saved = match self.context.take() {
            Some(mut context) => {
                context.data = Some(data);
                let saved = self.contexts.replace(&context.name_any(), &options, &context).await;
                // Keep what was there: if this failed for a while only, the next save tries again.
                self.context = Some(context);
                saved?
            }
            None => {
                let (api_version, kind) = self.reference.types();
                let context = json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {
                        "name": self.reference.context_name(), "namespace": self.reference.namespace,
                        "ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": self.reference.name,
                            "uid": self.object.uid().unwrap_or_default(), "controller": true}],
                    },
                    "data": data,
                });
                let context = serde_json::from_value(context).map_err(kube::Error::SerdeError)?;
                self.contexts.create(&options, &context).await?
            }
        };
        self.context = Some(saved);
        self.left = notes != state.book;
        Ok(())
    }

    async fn save_status(&self, status: &RunStatus, now: Time) -> Result<DynamicObject, kube::Error> {
        let options = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let mut object = self.object.clone();
        let mut new = serde_json::to_value(status).map_err(kube::Error::SerdeError)?;
        let old = object.data.get("status").cloned().unwrap_or_else(|| json!({}));
        object.data["status"] = match self.reference.kind {
            RunKind::Application => {
                let modes = status.mode.or_defaults();
                if let (Some(steps), Some(subs)) = (modes.steps, modes.sub_steps) {
                    new["mode"] = json!(format!("{steps}-{subs}"));
                }
                let mut whole = old;
                match told::conditions(whole.get("conditions"), "Workflow", status, now) {
                    Some(conditions) => whole["conditions"] = conditions,
                    None => drop(whole.as_object_mut().and_then(|w| w.remove("conditions"))),
                }
                whole["workflow"] = new;
                whole["status"] = json!(application_phase(status.phase));
                whole
            }
            RunKind::WorkflowRun => {
                if let Some(conditions) = told::conditions(old.get("conditions"), "WorkflowRun", status, now)
                {
                    new["conditions"] = conditions;
                }
                new
            }
        };
        self.api.replace_status(&self.reference.name, &options, &object).await
    }

    /// Reads the record again after somebody else has written, and gives the status that is there now.
    pub(super) async fn reload(&mut self) -> Result<RunStatus, DriveError> {
        self.object = match self.api.get(&self.reference.name).await {
            Ok(object) => object,
            Err(kube::Error::Api(s)) if s.code == 404 => {
                return Err(DriveError::NotFound(self.reference.clone()));
            }
            Err(e) => return Err(cluster(&self.reference, "read", e)),
        };
        self.load_context().await?;
        self.read()?;
        Ok(self.saved.status.clone())
    }
}

/// Whether the cluster has no room for an object of this size.
fn too_big(e: &kube::Error) -> bool {
    matches!(e, kube::Error::Api(s) if s.code == 413 || s.message.contains("too large"))
}

/// How much is left of a message where the whole status is too big.
const CLIPPED: usize = 100;

fn clip(status: &mut RunStatus) {
    for step in &mut status.steps {
        for s in std::iter::once(&mut step.message).chain(step.sub_steps.iter_mut().map(|s| &mut s.message)) {
            if let Some((end, _)) = s.char_indices().nth(CLIPPED) {
                s.truncate(end);
                s.push('…');
            }
        }
    }
}

/// The annotation of a run that is not to start yet.
pub(super) const PENDING: &str = "workflowrun.oam.dev/pending";

const VARS: &str = "vars";
const BOOK: &str = "stepwell";

/// Outputs as text of the language (JSON is), and the notes.
fn context_data(vars: &Map<String, Value>, book: &Book) -> BTreeMap<String, String> {
    let text = |v: Value| format!("{v:#}");
    let mut data = BTreeMap::from([(VARS.to_string(), text(Value::Object(vars.clone())))]);
    if *book != Book::default()
        && let Ok(book) = serde_json::to_string(book)
    {
        data.insert(BOOK.to_string(), book);
    }
    data
}

/// The phase of an Application whose workflow is in this phase.
fn application_phase(phase: RunPhase) -> &'static str {
    match phase {
        RunPhase::Initializing => "starting",
        RunPhase::Executing => "runningWorkflow",
        RunPhase::Suspending => "workflowSuspending",
        RunPhase::Succeeded | RunPhase::Skipped => "running",
        RunPhase::Failed => "workflowFailed",
        RunPhase::Terminated => "workflowTerminated",
    }
}

pub(super) fn cluster(reference: &RunRef, what: &str, e: kube::Error) -> DriveError {
    match e {
        kube::Error::Api(s) => DriveError::Refused(format!("cannot {what} {reference}: {}", s.message)),
        other => DriveError::Cluster(format!(
            "cannot {what} {reference}: the cluster does not answer: {}",
            innermost(&other)
        )),
    }
}
