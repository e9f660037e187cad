//! A WorkflowRun (`core.oam.dev/v1alpha1`) and a Workflow as they are written.
//!
//! A run has its steps in `spec.workflowSpec`, or names a Workflow in `spec.workflowRef`. Whether the steps fit together is the business of
//! `engine::check`. Tests at the end.

use crate::document::Document;
use crate::model::workflow::{Modes, Workflow, scan_modes};
use crate::problem::{Problem, Problems, nearest};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The API version of runs and workflows.
pub const API_VERSION: &str = "core.oam.dev/v1alpha1";
/// The kind of runs.
pub const KIND: &str = "WorkflowRun";
/// The kind of workflows that runs refer to.
pub const WORKFLOW: &str = "Workflow";

/// A run as it is written.
#[derive(Clone, Debug)]
pub struct WorkflowRun {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: Option<String>,
    /// The steps, where they are written here.
    pub workflow: Option<Workflow>,
    /// The name of the Workflow to take them from.
    pub reference: Option<String>,
    /// The mode, which stands above that of the workflow.
    pub mode: Modes,
    /// What every step finds in `context`.
    pub context: Map<String, Value>,
    /// Where all this was read from.
    pub document: Arc<Document>,
}

/// Where the steps of a run stand.
pub const STEPS: &str = "spec.workflowSpec";

impl WorkflowRun {
    /// Whether a document is a run.
    pub fn is(document: &Document) -> bool {
        is(document, KIND)
    }

    /// Reads a run, as far as it can be read, with everything that is wrong in it.
    ///
    /// ```
    /// use stepwell_runtime::document::Document;
    /// use stepwell_runtime::model::workflow_run::WorkflowRun;
    /// let text = "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: r}\nspec: {mode: {steps: dag}}\n";
    /// let (run, faults) = WorkflowRun::scan(Document::read_all("r.yaml", text).unwrap().remove(0));
    /// assert_eq!(run.name, "r");
    /// assert_eq!(faults.len(), 2);
    /// ```
    pub fn scan(document: Document) -> (WorkflowRun, Vec<Problem>) {
        let document = Arc::new(document);
        let mut faults = Vec::new();
        let root = &document.value;
        let text = |pointer: &str| root.pointer(pointer).and_then(Value::as_str).map(str::to_string);
        let empty = Map::new();
        let spec = match root.get("spec") {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(spec)) => spec,
            Some(other) => {
                faults.push(wrong("spec", "an object", other));
                &empty
            }
        };
        const KEYS: [&str; 4] = ["mode", "context", "workflowSpec", "workflowRef"];
        for key in spec.keys().filter(|k| !KEYS.contains(&k.as_str())) {
            let fault = Problem::new(
                "unknown-field",
                format!("spec.{key}"),
                format!("there is no field `{key}` here"),
            );
            faults.push(match nearest(key, KEYS) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault.hint(format!("fields are `{}`", KEYS.join("`, `"))),
            });
        }
        let mode = match spec.get("mode") {
            None | Some(Value::Null) => Modes::default(),
            Some(v) => scan_modes(v, "spec.mode", &mut faults),
        };
        let context = match spec.get("context") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(m)) => m.clone(),
            Some(other) => {
                faults.push(wrong("spec.context", "an object", other));
                Map::new()
            }
        };
        let reference = match spec.get("workflowRef") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name.clone()).filter(|n| !n.is_empty()),
            Some(other) => {
                faults.push(wrong("spec.workflowRef", "the name of a Workflow", other));
                None
            }
        };
        let workflow = match spec.get("workflowSpec") {
            None | Some(Value::Null) => None,
            Some(data) => {
                let (workflow, more) = Workflow::scan(data, STEPS);
                faults.extend(more);
                Some(workflow)
            }
        };
        let message = match (&workflow, &reference) {
            (None, None) if !faults.iter().any(|f| f.path == "spec.workflowRef") => Some(
                "the run has no workflow: neither steps of its own nor the name of a Workflow in `spec.workflowRef`",
            ),
            (Some(_), Some(_)) => {
                Some("the run has steps of its own and the name of a Workflow too: one of them is too many")
            }
            _ => None,
        };
        faults.extend(message.map(|m| Problem::new("required", STEPS, m)));
        if text("/metadata/name").is_none_or(|n| n.is_empty()) {
            faults.push(Problem::new("required", "metadata.name", "a run needs a name"));
        }
        let run = WorkflowRun {
            name: text("/metadata/name").unwrap_or_default(),
            namespace: text("/metadata/namespace").filter(|n| !n.is_empty()),
            workflow,
            reference,
            mode,
            context,
            document: document.clone(),
        };
        (run, faults)
    }

    /// Faults with their places in this document.
    pub fn problems(&self, faults: Vec<Problem>) -> Problems {
        placed(&self.document, faults)
    }

    /// The workflow with the run's own mode over its own.
    pub fn with_mode(&self, workflow: Workflow) -> Workflow {
        let mode = Modes {
            steps: self.mode.steps.or(workflow.mode.steps),
            sub_steps: self.mode.sub_steps.or(workflow.mode.sub_steps),
        };
        Workflow { mode, ..workflow }
    }
}

/// The workflow of a Workflow object: `mode` and `steps` stand at the top, beside `metadata`.
pub fn read_workflow(object: &Value) -> (Workflow, Vec<Problem>) {
    let pick = |key: &str| object.get(key).cloned().unwrap_or(Value::Null);
    let data = json!({"mode": pick("mode"), "steps": pick("steps"), "finally": pick("finally")});
    let (workflow, faults) = Workflow::scan(&data, "");
    let strip = |f: Problem| Problem { path: f.path.trim_start_matches('.').to_string(), ..f };
    (workflow, faults.into_iter().map(strip).collect())
}

/// Faults with their places in a document.
pub fn placed(document: &Document, faults: Vec<Problem>) -> Problems {
    let mut problems = Problems::new(document.sources.clone());
    for fault in faults {
        let span = document.span(&fault.path);
        problems.push(fault.at(span, ""));
    }
    problems
}

fn wrong(path: &str, want: &str, got: &Value) -> Problem {
    Problem::new("type", path, format!("this must be {want}, and is {}", crate::document::kind_of(got)))
}

fn is(document: &Document, kind: &str) -> bool {
    let text = |key| document.value.get(key).and_then(Value::as_str).unwrap_or_default();
    text("kind") == kind && text("apiVersion").starts_with("core.oam.dev/")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::workflow::Mode;

    fn scan(spec: &str) -> (WorkflowRun, Vec<String>) {
        let text = format!(
            "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {{name: r}}\nspec: {spec}\n"
        );
        let (run, faults) = WorkflowRun::scan(Document::read_all("r.yaml", &text).unwrap().remove(0));
        (run, faults.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn steps_are_written_or_referred_to() {
        let (run, faults) = scan(
            "{mode: {steps: DAG}, context: {env: prod}, workflowSpec: {mode: {steps: StepByStep, subSteps: StepByStep}, steps: [{type: suspend}]}}",
        );
        assert!(faults.is_empty(), "{faults:?}");
        let workflow = run.with_mode(run.workflow.clone().unwrap());
        assert_eq!(workflow.mode, Modes { steps: Some(Mode::Dag), sub_steps: Some(Mode::StepByStep) });
        assert_eq!((workflow.steps[0].name.as_str(), &run.context["env"]), ("step-0", &json!("prod")));
        let (run, faults) = scan("{workflowRef: wf}");
        assert_eq!((run.reference.as_deref(), faults.len()), (Some("wf"), 0));
        let (found, faults) =
            read_workflow(&json!({"mode": {"steps": "DAG"}, "steps": [{"name": "a", "type": "x"}]}));
        assert_eq!((found.steps.len(), found.mode.steps, faults.len()), (1, Some(Mode::Dag), 0));
    }

    #[test]
    fn all_faults_at_once() {
        let all = [
            "{}",
            "{workflowRef: 3, contxt: {}}",
            "{workflowRef: a, workflowSpec: {steps: []}, context: [], mode: {steps: dag}}",
        ];
        insta::assert_snapshot!(all.map(|s| scan(s).1.join("\n")).join("\n\n"));
    }
}
