//! The record of a run on the cluster: the status of its object, and the ConfigMap with outputs and the engine's notes.
//!
//! Both are written only when they have changed, each under the version that was read: whoever else writes is noticed. What must be saved is saved in one
//! write: outputs, notes and a journal of what the status does not say yet go into the ConfigMap; the status itself is published at times, since that takes
//! as long as it is long (`engine::Ledger`). Formats: `status.workflow` of an Application, `status` of a WorkflowRun.

use super::results::Results;
use super::{DriveError, told};
use crate::engine::{Book, Ledger, Plan, State, Stored, Touched};
use crate::model::run::{ContextBackend, RunPhase, RunStatus, StepStatus, Time};
use crate::ops::Owner;
use crate::ops::support::objects::{FIELD_MANAGER, Kinds, innermost};
use crate::resources::FINALIZER;
use crate::resources::crds::Crd;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// What a run belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunKind {
    /// An Application with a workflow.
    Application,
    /// A run of its own.
    WorkflowRun,
}

impl RunKind {
    /// What the cluster must serve for it.
    pub(super) fn crd(self) -> Crd {
        match self {
            RunKind::Application => Crd::Application,
            RunKind::WorkflowRun => Crd::WorkflowRun,
        }
    }
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
    /// The ConfigMap, if it is there.
    context: Option<ObjectMeta>,
    /// What lies in it of these.
    written: Written,
    results: Results,
    ledger: Ledger,
    /// How components of the Application were found to stand, by name.
    pub(super) services: Map<String, Value>,
    /// The revision that the Application is at, where this run has changed it.
    pub(super) latest_revision: Option<Value>,
    /// When the status may be published next, without taking more than a part of the time.
    due: Instant,
}

/// The texts of the notes and of the journal, as they were written last.
#[derive(Default)]
struct Written {
    book: Option<String>,
    journal: Option<String>,
}

/// How often the status is published at most, and what part of the time that may take.
const PUBLISHED: Duration = Duration::from_millis(25);
const PART: u32 = 10;

/// A journal that is longer than this is not written: the status is published instead.
const LONGEST_JOURNAL: usize = 256 << 10;

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
            written: Written::default(),
            results: Results::default(),
            ledger: Ledger::default(),
            services: Map::new(),
            latest_revision: None,
            due: Instant::now(),
        };
        let state = record.read().await?;
        Ok((record, state))
    }

    /// Takes in what the ConfigMap holds, beside the object that was read.
    async fn read(&mut self) -> Result<State, DriveError> {
        let name = self.reference.context_name();
        let found = self.contexts.get_opt(&name).await;
        let mut found = found.map_err(|e| cluster(&self.reference, "read the context of", e))?;
        let stored = self.stored(found.as_mut().and_then(|c| c.data.take()).unwrap_or_default())?;
        self.context = found.map(|c| c.metadata);
        self.written = Written::default();
        let (ledger, state) = Ledger::open(self.status()?, stored);
        self.ledger = ledger;
        Ok(state)
    }

    pub(super) fn api(&self) -> &Api<DynamicObject> {
        &self.api
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

    /// Whether the object is being deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }

    /// Whether the object stays until what it has applied is deleted.
    pub(super) fn is_held(&self) -> bool {
        self.object.finalizers().iter().any(|f| f == FINALIZER)
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

    /// The status that was published last.
    pub(super) fn published(&self) -> &RunStatus {
        self.ledger.published()
    }

    /// When the status is to be published, if it does not say all that is saved.
    pub(super) fn due(&self) -> Option<Instant> {
        self.ledger.is_behind().then_some(self.due)
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
    fn stored(&mut self, data: BTreeMap<String, String>) -> Result<Stored, DriveError> {
        let mut stored = Stored::default();
        let damaged = |e| self.damaged("context", e);
        if let Some(text) = data.get(VARS).filter(|t| !t.trim().is_empty()) {
            stored.vars = serde_json::from_str(text).map_err(damaged)?;
        }
        if let Some(text) = data.get(MARKS) {
            stored.marks = serde_json::from_str(text).map_err(damaged)?;
        }
        if let Some(text) = data.get(BOOK) {
            stored.book = serde_json::from_str(text).map_err(damaged)?;
        }
        if let Some(text) = data.get(JOURNAL) {
            stored.journal = serde_json::from_str(text).map_err(damaged)?;
        }
        self.results = Results::read(&data, &mut stored.book).map_err(damaged)?;
        Ok(stored)
    }

    /// Saves what has been touched of a state, in one write, and publishes the status if asked, or if it is time.
    pub(super) async fn save(
        &mut self,
        state: &mut State,
        touched: &Touched,
        publish: bool,
        now: Time,
    ) -> Result<Saved, DriveError> {
        let mut publish = publish || state.status.finished || Instant::now() >= self.due;
        let mut open = touched.clone();
        let beside = touched.notes || !touched.vars.is_empty() || self.context.is_none();
        // What the journal says is of the past when the status is published, so its outputs are written out before.
        if beside || !publish || self.ledger.vars_are_behind(touched) {
            let mut journal = self.ledger.journal(state, touched, !publish);
            let mut text = serde_json::to_string(&journal).unwrap_or_default();
            if !publish && text.len() > LONGEST_JOURNAL {
                publish = true;
                journal = self.ledger.journal(state, touched, false);
                text = serde_json::to_string(&journal).unwrap_or_default();
            }
            let is_new = self.context.is_none();
            let mut vars = (publish && self.ledger.vars_are_behind(touched)) || is_new;
            let mut saved = self.save_context(state, &text, vars).await;
            if matches!(&saved, Err(e) if too_big(e)) && !text.is_empty() {
                // The status has room of its own.
                publish = true;
                vars = self.ledger.vars_are_behind(touched) || is_new;
                saved = self.save_context(state, "", vars).await;
            }
            match saved {
                Ok(()) => {}
                Err(kube::Error::Api(s)) if matches!(s.code, 404 | 409) => return Ok(Saved::Crossed),
                Err(e) => return Err(cluster(&self.reference, "save the context of", e)),
            }
            self.ledger.saved(touched, vars);
            open = Touched::default();
        }
        if publish && (self.ledger.is_behind() || open.status()) {
            return self.publish(state, &open, now).await;
        }
        Ok(Saved::Done)
    }

    /// Writes the status as a whole.
    async fn publish(
        &mut self,
        state: &mut State,
        touched: &Touched,
        now: Time,
    ) -> Result<Saved, DriveError> {
        let begun = Instant::now();
        let context = self.context.clone().unwrap_or_default();
        state.status.context_backend = Some(ContextBackend {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            name: context.name.unwrap_or_default(),
            namespace: context.namespace.unwrap_or_default(),
            uid: context.uid.unwrap_or_default(),
            resource_version: self.ledger.next_mark().to_string(),
        });
        let mut touched = touched.clone();
        let mut saved = self.save_status(&state.status, now).await;
        if matches!(&saved, Err(e) if too_big(e)) {
            clip(&mut state.status);
            touched.add(Touched::all());
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
        self.ledger.was_published(&state.status, &touched);
        self.due = Instant::now() + PUBLISHED.max(begun.elapsed() * PART);
        Ok(Saved::Done)
    }

    async fn save_context(&mut self, state: &State, journal: &str, vars: bool) -> Result<(), kube::Error> {
        let mut data = Map::new();
        if vars {
            // Text of the language (JSON is).
            data.insert(VARS.into(), json!(format!("{:#}", Value::Object(state.vars.clone()))));
            let marks = (!state.marks.is_empty()).then(|| serde_json::to_string(&state.marks).ok());
            data.insert(MARKS.into(), json!(marks.flatten()));
        }
        let book = (state.book != Book::default()).then(|| serde_json::to_string(&state.book).ok()).flatten();
        let journal = (!journal.is_empty()).then(|| journal.to_string());
        if self.context.is_none() {
            (self.written, self.results) = Default::default();
        }
        for (key, new, old) in [(BOOK, &book, &self.written.book), (JOURNAL, &journal, &self.written.journal)]
        {
            // What lay there before this driver took the run up is not known.
            if new.is_none() || new != old {
                data.insert(key.into(), json!(new));
            }
        }
        data.extend(self.results.changes(&state.book).clone());
        let name = self.reference.context_name();
        let written = match &self.context {
            Some(context) => {
                let patch = json!({"metadata": {"resourceVersion": context.resource_version}, "data": data});
                let params =
                    PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
                self.contexts.patch_metadata(&name, &params, &Patch::Merge(&patch)).await?.metadata
            }
            None => {
                let (api_version, kind) = self.reference.types();
                data.retain(|_, v| !v.is_null());
                let context = json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {
                        "name": name, "namespace": self.reference.namespace,
                        "ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": self.reference.name,
                            "uid": self.object.uid().unwrap_or_default(), "controller": true}],
                    },
                    "data": data,
                });
                let context = serde_json::from_value(context).map_err(kube::Error::SerdeError)?;
                let options =
                    PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
                self.contexts.create(&options, &context).await?.metadata
            }
        };
        self.context = Some(written);
        self.written = Written { book, journal };
        self.results.written();
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
                if let Some(services) = services(&whole["services"], &self.services) {
                    whole["services"] = services;
                }
                if let Some(latest) = &self.latest_revision {
                    whole["latestRevision"] = latest.clone();
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

    async fn read_object(&mut self) -> Result<(), DriveError> {
        self.object = match self.api.get(&self.reference.name).await {
            Ok(object) => object,
            Err(kube::Error::Api(s)) if s.code == 404 => {
                return Err(DriveError::NotFound(self.reference.clone()));
            }
            Err(e) => return Err(cluster(&self.reference, "read", e)),
        };
        Ok(())
    }

    /// Reads the record again, and gives the state that it holds now.
    pub(super) async fn reload(&mut self) -> Result<State, DriveError> {
        self.read_object().await?;
        self.read().await
    }

    /// Looks at the record again after somebody else has written it, and gives the status that is published now. What is saved beside it is this
    /// driver's alone: only its version is taken in.
    pub(super) async fn look(&mut self) -> Result<RunStatus, DriveError> {
        self.read_object().await?;
        let found = self.contexts.get_opt(&self.reference.context_name()).await;
        let found = found.map_err(|e| cluster(&self.reference, "read the context of", e))?;
        self.context = found.map(|c| c.metadata);
        self.written = Written::default();
        self.results.forget();
        let status = self.status()?;
        // Times are published in whole seconds.
        let text = |status: &RunStatus| serde_json::to_string(status).unwrap_or_default();
        if text(&status) != text(self.ledger.published()) {
            self.ledger.republished(status.clone());
        }
        Ok(status)
    }
}

/// Whether the cluster has no room for an object of this size.
fn too_big(e: &kube::Error) -> bool {
    // In the words of the API server, of etcd, and of the check of a ConfigMap.
    matches!(e, kube::Error::Api(s) if s.code == 413 || ["too large", "Too long"].iter().any(|w| s.message.contains(w)))
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
/// Where secrets belong in the outputs, and how they are made.
const MARKS: &str = "stepwell-secrets";
const BOOK: &str = "stepwell";
const JOURNAL: &str = "stepwell-journal";

/// The services that a status names, with what was found of them since.
fn services(old: &Value, found: &Map<String, Value>) -> Option<Value> {
    let mut all = old.as_array().cloned().unwrap_or_default();
    for (name, service) in found {
        match all.iter_mut().find(|s| s["name"] == name.as_str()) {
            Some(known) => *known = service.clone(),
            None => all.push(service.clone()),
        }
    }
    (!all.is_empty()).then_some(Value::Array(all))
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
