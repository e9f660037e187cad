//! From an object of the cluster to what the engine walks: the plan of its workflow, checked, and the components that its steps may apply.
//!
//! A workflow that the object only names is read from the cluster; where it is not there yet, the run waits for it. So does a step whose
//! type is not there yet. Everything else that is wrong is told at once, before anything is done.

use super::environments::bound_to;
use super::judge::Checker;
use super::record::{RunKind, RunRef};
use super::rendering::Rendering;
use super::rollout::{self, Rollout};
use super::types::{Types, has_definition, named};
use super::{DriveError, Driver};
use crate::definitions::{Compiled, Library};
use crate::document::Document;
use crate::engine::{self, Limits, Plan, Watched};
use crate::environments::{generate, writes_steps};
use crate::model::application::Application;
use crate::model::definition::Kind;
use crate::model::workflow::{Modes, Step, Workflow};
use crate::model::workflow_run::{self, WorkflowRun, placed, read_workflow};
use crate::ops::support::objects::{innermost, plain};
use crate::ops::{Components, Vars};
use crate::problem::{Problem, Problems, nearest};
use crate::render::{self, RenderOptions};
use crate::resources::{Policies, hash};
use crate::revisions::PUBLISH_VERSION;
use kube::api::{Api, DynamicObject};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is driven.
pub(super) struct Subject {
    pub(super) plan: Plan,
    pub(super) components: Option<Arc<dyn Components>>,
    pub(super) types: Types,
    /// What an Application rolls out.
    pub(super) rollout: Option<Rollout>,
    /// What tells one content of the object's `spec` from another.
    pub(super) spec: String,
    /// What is there but means nothing.
    pub(super) warnings: Vec<Problem>,
}

/// What an object asks for.
pub(super) enum Found {
    /// Here it is.
    Subject(Box<Subject>),
    /// It refers to a Workflow that is not there yet.
    NotYet { message: String, watches: Vec<Watched> },
    /// It cannot run.
    Wrong(Problems),
}

/// A document that asks for a run.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// An Application; its workflow is the run.
    Application(Box<Application>),
    /// A run of its own.
    Run(Box<WorkflowRun>, Vec<Problem>),
}

impl Delivery {
    /// The run of a document; `None` if it asks for none.
    ///
    /// # Errors
    /// What is wrong in an Application. What is wrong in a WorkflowRun is told by [`Driver::submit`], together with everything else.
    pub fn read(document: &Document) -> Result<Option<Delivery>, Problems> {
        if WorkflowRun::is(document) {
            let (run, faults) = WorkflowRun::scan(document.clone().with_letters());
            return Ok(Some(Delivery::Run(Box::new(run), faults)));
        }
        match Application::is(document) {
            true => Ok(Some(Delivery::Application(Box::new(Application::read(document.clone())?)))),
            false => Ok(None),
        }
    }

    /// The document.
    pub fn document(&self) -> &Document {
        match self {
            Delivery::Application(app) => &app.document,
            Delivery::Run(run, _) => &run.document,
        }
    }

    /// Which run it is, with this namespace where none is written.
    pub fn reference(&self, namespace: &str) -> RunRef {
        let or = |written: &Option<String>| {
            written.clone().filter(|n| !n.is_empty()).unwrap_or_else(|| namespace.to_string())
        };
        match self {
            Delivery::Application(app) => RunRef::application(or(&app.namespace), &app.name),
            Delivery::Run(run, _) => RunRef::workflow_run(or(&run.namespace), &run.name),
        }
    }
}

/// Checks the workflow of an Application before anything is done: that it can be read, that its step types exist, that it can come to an end. The places are those of
/// the Application's document.
///
/// # Errors
/// Everything that is wrong.
pub fn check(library: &Library, app: &Application) -> Result<(), Problems> {
    let (workflow, faults) = written(library, app);
    if workflow.reference.is_some() {
        return Problems { list: faults, ..Problems::default() }.into_result(());
    }
    let types = Types::of_library(library.clone());
    let faults = checked(&workflow, faults, WORKFLOW, &Map::new(), &types, &[]);
    placed(&app.document, faults).into_result(())
}

const WORKFLOW: &str = "spec.workflow";

/// The workflow that an Application writes; one that has none has the one that is generated for it.
fn written(library: &Library, app: &Application) -> (Workflow, Vec<Problem>) {
    let own = app.workflow.as_ref().filter(|w| !w.is_null());
    match writes_steps(app) {
        true => Workflow::scan(own.unwrap_or(&Value::Null), WORKFLOW),
        false => Workflow::scan(&generate(library, app, &[]).workflow(own), WORKFLOW),
    }
}

/// Everything that is wrong with a workflow in which these faults were found already. Step types in `late` may still come.
fn checked(
    workflow: &Workflow,
    mut faults: Vec<Problem>,
    path: &str,
    context: &Map<String, Value>,
    types: &Types,
    late: &[String],
) -> Vec<Problem> {
    let kind = |name: &str| match !has_definition(name)
        || types.get(name).is_some()
        || late.iter().any(|l| l == name)
    {
        true => Ok(()),
        false => Err(types.unknown(name)),
    };
    let puts = |name: &str| match types.get(name) {
        Some(definition) => types.library().compiled(definition).is_ok_and(|c| c.vars == Vars::Keeps),
        None => late.iter().any(|l| l == name),
    };
    let checker = Checker::default();
    let expression =
        |text: &str, steps: &[&str], inputs: &[&str], is: engine::Is| checker.check(text, steps, inputs, is);
    let facts = engine::Facts { kind: &kind, may_put_vars: &puts, context, expression: &expression };
    if let Err(more) = engine::check(workflow, path, &facts) {
        faults.extend(more);
    }
    // A step with a condition may never be carried out, and then nothing of it is wrong.
    each_step(workflow, path, |step, at| {
        let definition = types.get(&step.kind).filter(|_| step.condition.is_none());
        let Some((definition, Ok(compiled))) = definition.map(|d| (d, types.library().compiled(d))) else {
            return;
        };
        let inputs: Vec<&str> = step.inputs.iter().filter_map(|i| i.parameter_key.as_deref()).collect();
        for problem in render::wrong_properties(definition, compiled, &step.properties, &inputs) {
            faults.push(Problem { path: format!("{at}.{}", problem.path), ..problem });
        }
    });
    faults
}

/// Looks at each step and sub-step, with its path.
fn each_step(workflow: &Workflow, path: &str, mut look: impl FnMut(&Step, &str)) {
    let dot = if path.is_empty() { "" } else { "." };
    for (key, steps) in [("steps", &workflow.steps), ("finally", &workflow.finally)] {
        for (i, step) in steps.iter().enumerate() {
            let at = format!("{path}{dot}{key}[{i}]");
            look(step, &at);
            step.sub_steps.iter().enumerate().for_each(|(j, sub)| look(sub, &format!("{at}.subSteps[{j}]")));
        }
    }
}

/// Parameters that a step type does not declare but nearly does: it would ignore them.
fn undeclared(workflow: &Workflow, path: &str, types: &Types) -> Vec<Problem> {
    let mut found = Vec::new();
    each_step(workflow, path, |step: &Step, at: &str| {
        if let Some(Ok(compiled)) = types.get(&step.kind).map(|d| types.library().compiled(d)) {
            let what = format!("step type `{}`", step.kind);
            found.extend(strange(&what, compiled, &step.properties, at));
        }
    });
    found
}

/// Properties that are not declared, but nearly.
fn strange(what: &str, compiled: &Compiled, given: &Map<String, Value>, at: &str) -> Vec<Problem> {
    let declared = compiled.parameter_names();
    let mut found = Vec::new();
    for key in given.keys().filter(|k| !declared.iter().any(|d| **d == ***k)) {
        if let Some(near) = nearest(key, declared.iter().map(|d| &**d).filter(|d| !given.contains_key(*d))) {
            let message = format!("the {what} has no parameter `{key}`; it is ignored");
            let problem = Problem::new("unknown-parameter", format!("{at}.properties.{key}"), message);
            found.push(problem.hint(format!("did you mean `{near}`?")));
        }
    }
    found
}

/// What is wrong in policies that say where and as what components are put, and what means nothing there. Those that say what becomes of objects are read
/// with the tracker's (`resources/policies.rs`).
fn placing(app: &Application, library: &Library) -> (Vec<Problem>, Vec<Problem>) {
    const KINDS: [&str; 5] = ["topology", "override", "replication", "envbinding", "health"];
    let (mut wrong, mut warnings) = (Vec::new(), Vec::new());
    for policy in app.policies.iter().filter(|p| KINDS.contains(&p.kind.as_str())) {
        let definition = library.get(Kind::Policy, &policy.kind);
        let Some((definition, Ok(compiled))) = definition.map(|d| (d, library.compiled(d))) else { continue };
        let nothing = Map::new();
        let given = policy.properties.as_ref().unwrap_or(&nothing);
        for problem in render::wrong_properties(definition, compiled, given, &[]) {
            wrong.push(Problem { path: format!("{}.{}", policy.path, problem.path), ..problem });
        }
        warnings.extend(strange(&format!("policy type `{}`", policy.kind), compiled, given, &policy.path));
    }
    (wrong, warnings)
}

/// The step types that a workflow names.
fn kinds(workflow: &Workflow) -> Vec<String> {
    let all = workflow.all().map(|s| s.kind.clone()).filter(|k| !k.is_empty() && has_definition(k));
    let mut all: Vec<String> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What a run asks for, before its parts are looked for.
struct Wish {
    document: Arc<Document>,
    workflow: Option<Workflow>,
    reference: Option<String>,
    faults: Vec<Problem>,
    path: &'static str,
    context: Map<String, Value>,
    app: Option<Application>,
    mode: Modes,
}

impl Wish {
    fn of(library: &Library, delivery: Delivery) -> Wish {
        match delivery {
            Delivery::Application(mut app) => {
                let (workflow, faults) = match rollout::going_back(&app.document.value) {
                    Some(number) => (rollout::back(number), Vec::new()),
                    None => written(library, &app),
                };
                rollout::without_ours(&mut app);
                Wish {
                    document: app.document.clone(),
                    reference: workflow.reference.clone(),
                    mode: workflow.mode,
                    workflow: Some(workflow).filter(|w| w.reference.is_none()),
                    faults,
                    path: WORKFLOW,
                    context: Map::from_iter([("appName".to_string(), json!(app.name))]),
                    app: Some(*app),
                }
            }
            Delivery::Run(run, faults) => Wish {
                document: run.document.clone(),
                workflow: run.workflow.clone().map(|w| run.with_mode(w)),
                reference: run.reference.clone().filter(|_| run.workflow.is_none()),
                faults,
                path: workflow_run::STEPS,
                context: run.context.clone(),
                app: None,
                mode: run.mode,
            },
        }
    }
}

impl Driver {
    /// What a delivery asks for on this cluster. `kept` are the step types that the run has used so far; with `strict`, a step type that is not there is a
    /// fault, and is waited for otherwise.
    pub(super) async fn subject(
        &self,
        reference: &RunRef,
        delivery: Delivery,
        kept: &Types,
        strict: bool,
    ) -> Result<Found, DriveError> {
        let (object, places) = (delivery.document().value.clone(), delivery.document().clone());
        let delivery = match self.with_workflow(delivery).await? {
            Ok(delivery) => delivery,
            Err(faults) => return Ok(Found::Wrong(placed(&places, faults))),
        };
        let named = match &delivery {
            Delivery::Application(app) => named(app),
            Delivery::Run(..) => BTreeSet::new(),
        };
        let mut types = match self.types(&reference.namespace, &named, kept).await {
            Err(DriveError::Record(why)) => {
                return Ok(Found::Wrong(placed(&places, vec![Problem::new("definition", "", why)])));
            }
            other => other?,
        };
        let wish = Wish::of(types.library(), delivery);
        let document = wish.document.clone();
        let (mut faults, mut path) = (wish.faults, wish.path);
        let workflow = match (wish.workflow, &wish.reference) {
            (Some(workflow), _) => workflow,
            (None, Some(name)) => match self.workflow(&reference.namespace, name).await? {
                Some((workflow, more)) => {
                    // Faults of another document have no place in this one.
                    let (of, name) = (workflow_run::WORKFLOW, name.clone());
                    faults.extend(
                        more.into_iter().map(|f| Problem { path: format!("{of} {name}: {}", f.path), ..f }),
                    );
                    path = "";
                    let mode = Modes {
                        steps: wish.mode.steps.or(workflow.mode.steps),
                        sub_steps: wish.mode.sub_steps.or(workflow.mode.sub_steps),
                    };
                    Workflow { mode, ..workflow }
                }
                None => {
                    let at = if wish.app.is_some() { "spec.workflow.ref" } else { "spec.workflowRef" };
                    let message =
                        format!("there is no Workflow `{name}` in namespace `{}`", reference.namespace);
                    if strict || !faults.is_empty() {
                        faults.push(Problem::new("unknown-workflow", at, message));
                        return Ok(Found::Wrong(placed(&document, faults)));
                    }
                    let watches = vec![Watched {
                        api_version: workflow_run::API_VERSION.into(),
                        kind: workflow_run::WORKFLOW.into(),
                        namespace: reference.namespace.clone(),
                        name: name.clone(),
                        ..Watched::default()
                    }];
                    return Ok(Found::NotYet { message: format!("waits: {message}"), watches });
                }
            },
            (None, None) => Workflow::default(),
        };
        let mut context = context(reference, &object, wish.reference.as_deref(), &wish.context);
        let steps = kinds(&workflow).into_iter().map(|kind| (Kind::WorkflowStep, kind)).collect();
        match self.types(&reference.namespace, &steps, kept).await {
            Err(DriveError::Record(why)) => faults.push(Problem::new("definition", "", why)),
            other => types.absorb(other?),
        }
        let library = types.library().clone();
        let (mut rollout, mut warnings) = (None, Vec::new());
        if let Some(app) = &wish.app {
            let (wrong, strange) = placing(app, &library);
            faults.extend(wrong);
            warnings = strange;
            let policies = Policies::read(&library, app).unwrap_or_else(|more| {
                faults.extend(more);
                Policies::default()
            });
            let made = self.rollout(reference, &object, app, &workflow, (&types, policies)).await?;
            let (name, number) = made.name();
            if !bound_to(app).is_empty() {
                context.insert("env".into(), json!(bound_to(app)));
            }
            context.insert("appRevision".into(), json!(name));
            context.insert("appRevisionNum".into(), json!(number));
            rollout = Some(made);
        }
        // A name that is nearly that of another type is a slip; any other may be that of a type to come.
        let slip = |k: &String| {
            types.get(k).is_none()
                && !strict
                && types.unknown(k).hint.is_none_or(|h| !h.starts_with("did you mean"))
        };
        let late: Vec<String> = kinds(&workflow).into_iter().filter(slip).collect();
        let mut faults = checked(&workflow, faults, path, &context, &types, &late);
        warnings.extend(undeclared(&workflow, path, &types));
        if self.strict {
            faults.extend(warnings.iter().cloned());
        }
        if !faults.is_empty() {
            return Ok(Found::Wrong(placed(&document, faults)));
        }
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let mut plan = Plan::new(&workflow, uid, context);
        plan.limits = self.limits;
        let components = wish.app.map(|app| {
            let (revision, number) =
                rollout.as_ref().map(Rollout::name).map_or((String::new(), 0), |(r, n)| (r.to_string(), n));
            let options = RenderOptions {
                revision,
                revision_number: i64::try_from(number).unwrap_or_default(),
                ..RenderOptions::default()
            };
            let services = Arc::default();
            let rendering = Rendering { library, app, options, services };
            Arc::new(rendering) as Arc<dyn Components>
        });
        Ok(Found::Subject(Box::new(Subject {
            plan,
            components,
            types,
            rollout,
            spec: fingerprint(&object),
            warnings: placed(&document, warnings).list,
        })))
    }

    /// A Workflow object of the cluster.
    async fn workflow(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<(Workflow, Vec<Problem>)>, DriveError> {
        let kind = self.kinds.find(&self.client, workflow_run::API_VERSION, workflow_run::WORKFLOW).await;
        let resource = match kind {
            Ok((resource, _)) => resource,
            Err(e) if e.retry => return Err(DriveError::Cluster(e.message)),
            Err(_) => return Ok(None),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        let found = api.get_opt(name).await;
        let found = found.map_err(|e| {
            DriveError::Cluster(format!("cannot read Workflow {namespace}/{name}: {}", innermost(&e)))
        })?;
        Ok(found.map(|object| read_workflow(&plain(&object))))
    }
}

/// What every step finds in `context`. What the user gives stands above what the run knows of itself.
fn context(
    reference: &RunRef,
    object: &Value,
    workflow: Option<&str>,
    own: &Map<String, Value>,
) -> Map<String, Value> {
    let published = match reference.kind {
        RunKind::Application => "app.oam.dev/publishVersion",
        RunKind::WorkflowRun => "workflowrun.oam.dev/publishVersion",
    };
    let published = object.get("metadata").and_then(|m| m.get("annotations")?.get(published)).cloned();
    let mut context = Map::new();
    context.insert("name".into(), json!(reference.name));
    context.insert("namespace".into(), json!(reference.namespace));
    context.insert("workflowName".into(), json!(workflow.unwrap_or_default()));
    context.insert("publishVersion".into(), published.unwrap_or(json!("")));
    context.extend(own.clone());
    context
}

/// What tells one `spec` from another, whatever the order of its fields.
pub(super) fn spec_print(object: &Value) -> String {
    hash(&crate::model::application::sorted(object.get("spec").unwrap_or(&Value::Null)).to_string())
}

/// What tells what an object asks for from what it asked for before: its `spec`, the version that it is published as, and whether it goes back to a revision.
pub(super) fn fingerprint(object: &Value) -> String {
    let mut print = spec_print(object);
    let version = object.get("metadata").and_then(|m| m.get("annotations")?.get(PUBLISH_VERSION)?.as_str());
    if let Some(version) = version.filter(|v| !v.is_empty()) {
        print += &format!("+{}", hash(version));
    }
    if let Some(number) = rollout::going_back(object) {
        print += &format!("<{number}");
    }
    print
}

impl Subject {
    /// A workflow without steps, for a run that is refused.
    pub(super) fn nothing(library: &Library, object: &Value, limits: Limits) -> Subject {
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let mut plan = Plan::new(&Workflow::default(), uid, Map::new());
        plan.limits = limits;
        let types = Types::of_library(library.clone());
        let spec = fingerprint(object);
        Subject { plan, components: None, types, rollout: None, spec, warnings: Vec::new() }
    }
}
