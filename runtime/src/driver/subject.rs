//! From an object of the cluster to what the engine walks: the plan of its workflow, checked, and the components that its steps may apply.

use super::record::{RunKind, RunRef};
use crate::definitions::Library;
use crate::document::Document;
use crate::engine::{self, Limits, Plan};
use crate::model::application::{Application, Component};
use crate::model::definition::Kind;
use crate::model::workflow::{GROUP, Input, Mode, Modes, Output, Step, Workflow};
use crate::ops::{Components, Rendered};
use crate::problem::{Problem, Problems};
use crate::render::{self, RenderOptions};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What is driven.
pub(super) struct Subject {
    pub(super) plan: Plan,
    pub(super) components: Option<Arc<dyn Components>>,
}

/// Checks the workflow of an Application before anything is done: that it can be read, that its step types exist, that it can come to an end. The places are those of
/// the Application's document.
///
/// # Errors
/// Everything that is wrong.
pub fn check(library: &Library, app: &Application) -> Result<(), Problems> {
    workflow(library, app).map(|_| ())
}

/// The workflow of an Application; one that has none applies its components, each in a step of its own.
fn workflow(library: &Library, app: &Application) -> Result<Workflow, Problems> {
    const PATH: &str = "spec.workflow";
    let written = app.workflow.as_ref().filter(|w| !w.is_null());
    let (found, faults) = match written {
        None => (generated(app), Vec::new()),
        Some(data) => Workflow::scan(data, PATH),
    };
    let found = match found.steps.is_empty() && found.reference.is_none() {
        true => Workflow { mode: found.mode, ..generated(app) },
        false => found,
    };
    checked(library, found, faults, PATH).map_err(|faults| {
        let mut problems = Problems::new(app.document.sources.clone());
        for p in faults {
            let span = app.document.span(&p.path);
            problems.push(p.at(span, ""));
        }
        problems
    })
}

/// Checks a workflow in which these faults were found already.
fn checked(
    library: &Library,
    workflow: Workflow,
    mut faults: Vec<Problem>,
    path: &str,
) -> Result<Workflow, Vec<Problem>> {
    if let Some(name) = &workflow.reference {
        let message = format!("the workflow `{name}` cannot be taken from the cluster");
        faults.push(Problem::new("unsupported", format!("{path}.ref"), message).hint("write its steps here"));
    }
    let kind = |name: &str| match library.get(Kind::WorkflowStep, name) {
        Some(_) => Ok(()),
        None => Err(library.unknown(Kind::WorkflowStep, name)),
    };
    if let Err(more) = engine::check(&workflow, path, &kind) {
        faults.extend(more);
    }
    if faults.is_empty() { Ok(workflow) } else { Err(faults) }
}

fn generated(app: &Application) -> Workflow {
    let step = |c: &Component| Step {
        name: c.name.clone(),
        kind: "apply-component".into(),
        properties: Map::from_iter([("component".to_string(), json!(c.name))]),
        depends_on: c.depends_on.clone(),
        inputs: c.inputs.iter().map(|i| Input { from: i.from.clone(), parameter_key: None }).collect(),
        outputs: c
            .outputs
            .iter()
            .map(|o| Output { name: o.name.clone(), value_from: o.value_from.clone() })
            .collect(),
        ..Step::default()
    };
    let mode = Modes { steps: Some(Mode::Dag), sub_steps: None };
    Workflow { reference: None, mode, steps: app.components.iter().map(step).collect() }
}

impl Subject {
    /// What an object of the cluster asks for.
    pub(super) fn read(library: &Library, reference: &RunRef, object: Value) -> Result<Subject, Problems> {
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_string();
        let annotation = |name: &str| {
            object.get("metadata").and_then(|m| m.get("annotations")?.get(name)).cloned().unwrap_or(json!(""))
        };
        let mut context = Map::new();
        context.insert("name".into(), json!(reference.name));
        context.insert("namespace".into(), json!(reference.namespace));
        context.insert("workflowName".into(), json!(""));
        let published = match reference.kind {
            RunKind::Application => "app.oam.dev/publishVersion",
            RunKind::WorkflowRun => "workflowrun.oam.dev/publishVersion",
        };
        context.insert("publishVersion".into(), annotation(published));
        match reference.kind {
            RunKind::Application => {
                let app = Application::read(Document::from_value(object))?;
                let workflow = workflow(library, &app)?;
                context.insert("appName".into(), json!(reference.name));
                let components = Arc::new(Rendering { library: library.clone(), app });
                Ok(Subject { plan: Plan::new(&workflow, uid, context), components: Some(components) })
            }
            RunKind::WorkflowRun => {
                let failed = |faults: Vec<Problem>| Problems { list: faults, ..Problems::default() };
                let spec = object.get("spec").cloned().unwrap_or(Value::Null);
                if spec.get("workflowRef").and_then(Value::as_str).is_some_and(|r| !r.is_empty()) {
                    let problem = Problem::new(
                        "unsupported",
                        "spec.workflowRef",
                        "a workflow cannot be taken from the cluster",
                    );
                    return Err(failed(vec![problem.hint("write its steps in spec.workflowSpec")]));
                }
                let mut steps = match spec.get("workflowSpec") {
                    Some(w) => w.clone(),
                    None => {
                        return Err(failed(vec![Problem::new(
                            "required",
                            "spec.workflowSpec",
                            "the run has no workflow",
                        )]));
                    }
                };
                if let (Some(mode), Value::Object(m)) = (spec.get("mode"), &mut steps) {
                    m.entry("mode").or_insert_with(|| mode.clone());
                }
                const PATH: &str = "spec.workflowSpec";
                let (workflow, faults) = Workflow::scan(&steps, PATH);
                let workflow = checked(library, workflow, faults, PATH).map_err(failed)?;
                // What the user gives stands above what the run knows of itself.
                if let Some(Value::Object(own)) = spec.get("context") {
                    context.extend(own.clone());
                }
                Ok(Subject { plan: Plan::new(&workflow, uid, context), components: None })
            }
        }
    }

    /// The same, tried again as often and as fast as these say.
    pub(super) fn with_limits(mut self, limits: Limits) -> Subject {
        self.plan.limits = limits;
        self
    }

    /// A workflow without steps, for a run that is refused.
    pub(super) fn nothing(object: &Value) -> Subject {
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        Subject { plan: Plan::new(&Workflow::default(), uid, Map::new()), components: None }
    }
}

/// Whether a step is carried out by a definition.
pub(super) fn has_definition(kind: &str) -> bool {
    kind != GROUP
}

struct Rendering {
    library: Library,
    app: Application,
}

impl Rendering {
    fn find(&self, name: &str) -> Result<&Component, String> {
        self.app
            .components
            .iter()
            .find(|c| c.name == name)
            .ok_or_else(|| format!("there is no component `{name}`"))
    }
}

impl Components for Rendering {
    fn render(&self, name: &str) -> Result<Rendered, String> {
        let component = self.find(name)?;
        let rendered = render::component(&self.library, &self.app, component, &RenderOptions::default());
        let rendered = rendered.map_err(|problems| problems.to_string())?;
        let mut outputs = Map::new();
        for (i, output) in rendered.outputs.into_iter().enumerate() {
            // Traits may give objects of the same name, or of none.
            let free = !output.name.is_empty() && !outputs.contains_key(&output.name);
            let name = if free { output.name } else { format!("{}-{i}", output.of) };
            outputs.insert(name, output.object);
        }
        Ok(Rendered { output: rendered.workload, outputs })
    }

    fn healthy(&self, name: &str, live: &Rendered) -> Result<Option<(bool, String)>, String> {
        let component = self.find(name)?;
        let options = RenderOptions::default();
        let mut judged = false;
        let types = component.traits.iter().map(|t| (Kind::Trait, t.kind.as_str()));
        for (kind, name) in std::iter::once((Kind::Component, component.kind.as_str())).chain(types) {
            let Some(definition) = self.library.get(kind, name) else { continue };
            let compiled = self.library.compiled(definition).map_err(|p| p.to_string())?;
            if compiled.status.health.is_none() || kind == Kind::Trait {
                continue;
            }
            judged = true;
            let objects = (&live.output, &live.outputs);
            let health = render::health(&self.library, definition, &self.app, component, &options, objects);
            let health = health.map_err(|p| p.to_string())?;
            if !health.healthy {
                return Ok(Some((false, health.message)));
            }
        }
        Ok(judged.then(|| (true, String::new())))
    }

    fn names(&self) -> Vec<String> {
        self.app.components.iter().map(|c| c.name.clone()).collect()
    }
}
