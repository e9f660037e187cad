//! A workflow as it is written: steps, modes, inputs and outputs, read from a document with all faults at once.
//!
//! What may be changed: a new field of a step is one entry in [`Step`] and one line in `Reader::step`. Whether the steps fit
//! together (names, dependencies, cycles) is the business of `engine::check`. Tests at the end of the file.

use crate::document::kind_of;
use crate::problem::{Problem, nearest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// How many steps, sub-steps included, one workflow may have.
pub const MAX_STEPS: usize = 10_000;

/// In which order steps run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// One after the other, as written.
    StepByStep,
    /// As soon as what they depend on is done.
    #[serde(rename = "DAG")]
    Dag,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::StepByStep => "StepByStep",
            Mode::Dag => "DAG",
        })
    }
}

/// The modes of a workflow: of its steps, and of the sub-steps in its groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Modes {
    /// Of the steps; `StepByStep` unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Mode>,
    /// Of the sub-steps; `DAG` unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_steps: Option<Mode>,
}

impl Modes {
    /// The modes with the defaults filled in.
    pub fn or_defaults(self) -> Modes {
        Modes { steps: self.steps.or(Some(Mode::StepByStep)), sub_steps: self.sub_steps.or(Some(Mode::Dag)) }
    }
}

/// A workflow: `spec.workflow` of an Application, `spec.workflowSpec` of a WorkflowRun.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workflow {
    /// The name of a Workflow object to take the steps from, instead of `steps`.
    pub reference: Option<String>,
    /// The order of steps and sub-steps.
    pub mode: Modes,
    /// The steps.
    pub steps: Vec<Step>,
    /// Steps that run when all others are over, however they ended.
    pub finally: Vec<Step>,
}

/// How a step is tried again, where it says so itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// How often, after the first time.
    pub limit: Option<u32>,
    /// The longest pause after a failure.
    pub backoff: Option<Duration>,
    /// The longest pause of a step that waits, if nothing wakes it.
    pub wait_backoff: Option<Duration>,
}

/// A step, or a sub-step of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// The name, unique in the workflow. Made up (`step-0`, `step-0-1`) where none is written.
    pub name: String,
    /// The type: the name of a step definition, or `step-group`, or `suspend`.
    pub kind: String,
    /// What fills the definition's `parameter`.
    pub properties: Map<String, Value>,
    /// A name for people.
    pub alias: Option<String>,
    /// The condition: an expression, or `always`.
    pub condition: Option<String>,
    /// How long the step may take.
    pub timeout: Option<Duration>,
    /// Steps that must be done before.
    pub depends_on: Vec<String>,
    /// Values from earlier steps.
    pub inputs: Vec<Input>,
    /// Values for later steps.
    pub outputs: Vec<Output>,
    /// The order of the sub-steps of this group.
    pub mode: Option<Mode>,
    /// How it is tried again.
    pub retry: Retry,
    /// The steps of a group.
    pub sub_steps: Vec<Step>,
}

/// A value that a step takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The name of an output, perhaps with a path into it, or a path into `context`.
    pub from: String,
    /// Where in the properties it goes; without it the value is only there for `if`.
    pub parameter_key: Option<String>,
}

/// A value that a step gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The name under which later steps find it.
    pub name: String,
    /// An expression over the evaluated step.
    pub value_from: String,
}

impl Workflow {
    /// All steps and sub-steps, each group before its own; those of `finally` last.
    pub fn all(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.finally).flat_map(|s| std::iter::once(s).chain(&s.sub_steps))
    }

    /// Reads a workflow from data. `path` is where the data stands in its document, for the paths of faults.
    ///
    /// ```
    /// use stepwell_runtime::model::workflow::Workflow;
    /// let data = serde_json::json!({"steps": [{"name": "a", "type": "suspend"}, {"name": "b"}]});
    /// let faults = Workflow::read(&data, "spec.workflow").unwrap_err();
    /// assert_eq!(faults[0].to_string(), "spec.workflow.steps[1].type: the step has no type");
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with the data, in order.
    pub fn read(data: &Value, path: &str) -> Result<Workflow, Vec<Problem>> {
        let (workflow, faults) = Workflow::scan(data, path);
        if faults.is_empty() { Ok(workflow) } else { Err(faults) }
    }

    /// Reads what can be read of a workflow, for those who look for further faults in it; as [`Workflow::read`] otherwise.
    pub fn scan(data: &Value, path: &str) -> (Workflow, Vec<Problem>) {
        let mut r = Reader { faults: Vec::new(), steps: 0 };
        let workflow = r.workflow(data, path);
        (workflow, r.faults)
    }
}

/// Reads the modes of a workflow from data that stands at `path`; what is wrong is added to the faults.
pub(super) fn scan_modes(data: &Value, path: &str, faults: &mut Vec<Problem>) -> Modes {
    let mut r = Reader { faults: Vec::new(), steps: 0 };
    let modes = r.modes(data, path);
    faults.append(&mut r.faults);
    modes
}

struct Reader {
    faults: Vec<Problem>,
    steps: usize,
}

impl Reader {
    fn wrong(&mut self, path: &str, want: &str, got: &Value) {
        self.faults.push(Problem::new("type", path, format!("this must be {want}, and is {}", kind_of(got))));
    }

    fn object<'v>(&mut self, v: &'v Value, path: &str) -> Option<&'v Map<String, Value>> {
        if !v.is_object() {
            self.wrong(path, "an object", v);
        }
        v.as_object()
    }

    fn list<'v>(&mut self, from: &'v Map<String, Value>, key: &str, path: &str) -> &'v [Value] {
        match from.get(key) {
            None | Some(Value::Null) => &[],
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong(&format!("{path}.{key}"), "a list", other);
                &[]
            }
        }
    }

    fn text(&mut self, from: &Map<String, Value>, key: &str, path: &str) -> Option<String> {
        match from.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(s)) if s.is_empty() => None,
            Some(Value::String(s)) => Some(s.clone()),
            Some(other) => {
                self.wrong(&format!("{path}.{key}"), "a text", other);
                None
            }
        }
    }

    fn known(&mut self, from: &Map<String, Value>, path: &str, keys: &[&str]) {
        for key in from.keys().filter(|k| !keys.contains(&k.as_str())) {
            let mut fault = Problem::new(
                "unknown-field",
                format!("{path}.{key}"),
                format!("there is no field `{key}` here"),
            );
            fault = fault.hint(match nearest(key, keys.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("fields are `{}`", keys.join("`, `")),
            });
            self.faults.push(fault);
        }
    }

    fn mode(&mut self, v: Option<&Value>, path: &str) -> Option<Mode> {
        match v? {
            Value::Null => None,
            Value::String(s) if s == "StepByStep" => Some(Mode::StepByStep),
            Value::String(s) if s == "DAG" => Some(Mode::Dag),
            Value::String(s) if s.is_empty() => None,
            other => {
                self.faults.push(Problem::new(
                    "mode",
                    path,
                    format!("{other} is no mode: `StepByStep` or `DAG`"),
                ));
                None
            }
        }
    }

    fn workflow(&mut self, data: &Value, path: &str) -> Workflow {
        let Some(m) = self.object(data, path) else { return Workflow::default() };
        self.known(m, path, &["ref", "mode", "steps", "finally"]);
        let mode = match m.get("mode") {
            None | Some(Value::Null) => Modes::default(),
            Some(v) => self.modes(v, &format!("{path}.mode")),
        };
        let mut steps = |key: &str, name: &str| -> Vec<Step> {
            let all = self.list(m, key, path).iter().enumerate();
            all.map(|(i, s)| self.step(s, &format!("{path}.{key}[{i}]"), &format!("{name}-{i}"), true))
                .collect()
        };
        let (steps, finally) = (steps("steps", "step"), steps("finally", "finally"));
        Workflow { mode, steps, finally, reference: self.text(m, "ref", path) }
    }

    fn retry(&mut self, m: &Map<String, Value>, path: &str) -> Retry {
        let at = format!("{path}.retry");
        let Some(v) = m.get("retry").filter(|v| !v.is_null()) else { return Retry::default() };
        let Some(m) = self.object(v, &at) else { return Retry::default() };
        self.known(m, &at, &["limit", "backoff", "waitBackoff"]);
        let limit = m.get("limit").filter(|v| !v.is_null()).and_then(|v| {
            let limit = v.as_u64().and_then(|n| u32::try_from(n).ok());
            if limit.is_none() {
                self.wrong(&format!("{at}.limit"), "a number of times", v);
            }
            limit
        });
        Retry {
            limit,
            backoff: self.duration(m, "backoff", &at),
            wait_backoff: self.duration(m, "waitBackoff", &at),
        }
    }

    fn duration(&mut self, m: &Map<String, Value>, key: &str, path: &str) -> Option<Duration> {
        let text = self.text(m, key, path)?;
        parse_duration(&text)
            .map_err(|why| self.faults.push(Problem::new("duration", format!("{path}.{key}"), why)))
            .ok()
    }

    fn modes(&mut self, v: &Value, path: &str) -> Modes {
        let Some(m) = self.object(v, path) else { return Modes::default() };
        self.known(m, path, &["steps", "subSteps"]);
        Modes {
            steps: self.mode(m.get("steps"), &format!("{path}.steps")),
            sub_steps: self.mode(m.get("subSteps"), &format!("{path}.subSteps")),
        }
    }

    fn step(&mut self, v: &Value, path: &str, default_name: &str, top: bool) -> Step {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            if self.steps == MAX_STEPS + 1 {
                self.faults.push(Problem::new(
                    "too-many-steps",
                    path,
                    format!("a workflow has at most {MAX_STEPS} steps"),
                ));
            }
            return Step::default();
        }
        let Some(m) = self.object(v, path) else { return Step::default() };
        const KEYS: [&str; 12] = [
            "name",
            "type",
            "properties",
            "meta",
            "if",
            "timeout",
            "dependsOn",
            "inputs",
            "outputs",
            "mode",
            "retry",
            "subSteps",
        ];
        self.known(m, path, &KEYS);
        let kind = self.text(m, "type", path).unwrap_or_default();
        if kind.is_empty() {
            self.faults.push(Problem::new("required", format!("{path}.type"), "the step has no type"));
        }
        let name = self.text(m, "name", path).unwrap_or_else(|| default_name.to_string());
        let properties = match m.get("properties") {
            None | Some(Value::Null) => Map::new(),
            Some(v) => self.object(v, &format!("{path}.properties")).cloned().unwrap_or_default(),
        };
        let alias = match m.get("meta") {
            None | Some(Value::Null) => None,
            Some(v) => {
                let at = format!("{path}.meta");
                self.object(v, &at).and_then(|m| self.text(m, "alias", &at))
            }
        };
        let condition = match m.get("if") {
            // YAML reads a bare `true` or `false` as a boolean.
            Some(Value::Bool(b)) => Some(b.to_string()),
            _ => self.text(m, "if", path),
        };
        let timeout = self.duration(m, "timeout", path);
        let retry = self.retry(m, path);
        let mut depends_on = Vec::new();
        for (i, d) in self.list(m, "dependsOn", path).iter().enumerate() {
            match d {
                Value::String(s) => depends_on.push(s.clone()),
                other => self.wrong(&format!("{path}.dependsOn[{i}]"), "the name of a step", other),
            }
        }
        let inputs = self.list(m, "inputs", path);
        let inputs =
            inputs.iter().enumerate().map(|(i, v)| self.input(v, &format!("{path}.inputs[{i}]"))).collect();
        let outputs = self.list(m, "outputs", path);
        let outputs = outputs
            .iter()
            .enumerate()
            .map(|(i, v)| self.output(v, &format!("{path}.outputs[{i}]")))
            .collect();
        let subs = self.list(m, "subSteps", path);
        let holds = top && kind == GROUP;
        if !holds && !subs.is_empty() {
            let why = if top {
                "only a step of type `step-group` has sub-steps"
            } else {
                "sub-steps have no sub-steps of their own"
            };
            self.faults.push(Problem::new("sub-steps", format!("{path}.subSteps"), why));
        }
        let sub_steps = match top {
            false => Vec::new(),
            true => subs
                .iter()
                .enumerate()
                .map(|(i, s)| {
                    self.step(s, &format!("{path}.subSteps[{i}]"), &format!("{default_name}-{i}"), false)
                })
                .collect(),
        };
        let mode = self.mode(m.get("mode"), &format!("{path}.mode"));
        Step {
            name,
            kind,
            properties,
            alias,
            condition,
            timeout,
            depends_on,
            inputs,
            outputs,
            mode,
            retry,
            sub_steps,
        }
    }

    fn input(&mut self, v: &Value, path: &str) -> Input {
        let Some(m) = self.object(v, path) else { return Input::default() };
        self.known(m, path, &["from", "parameterKey"]);
        let from = self.text(m, "from", path).unwrap_or_default();
        if from.is_empty() {
            self.faults.push(Problem::new(
                "required",
                format!("{path}.from"),
                "the input does not say where it comes from",
            ));
        }
        let parameter_key = self.text(m, "parameterKey", path);
        if let Some(Err(why)) = parameter_key.as_deref().map(parse_path) {
            self.faults.push(Problem::new("path", format!("{path}.parameterKey"), why));
        }
        Input { from, parameter_key }
    }

    fn output(&mut self, v: &Value, path: &str) -> Output {
        let Some(m) = self.object(v, path) else { return Output::default() };
        self.known(m, path, &["name", "valueFrom", "exportKey"]);
        let name = self.text(m, "name", path).unwrap_or_default();
        if name.is_empty() {
            self.faults.push(Problem::new("required", format!("{path}.name"), "the output has no name"));
        }
        let value_from =
            self.text(m, "valueFrom", path).or_else(|| self.text(m, "exportKey", path)).unwrap_or_default();
        if value_from.is_empty() {
            self.faults.push(Problem::new(
                "required",
                format!("{path}.valueFrom"),
                "the output does not say what its value is",
            ));
        }
        Output { name, value_from }
    }
}

/// The type of steps that hold sub-steps.
pub const GROUP: &str = "step-group";

/// A duration as workflows write it: `90s`, `1h30m`, `1.5h`, `250ms`.
///
/// # Errors
/// What is wrong with the text, as a sentence.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "`{text}` is no duration: numbers with the units h, m, s, ms, us, ns, such as `1h30m` or `90s`"
        )
    };
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() || text.len() > 64 {
        return Err(wrong());
    }
    let mut seconds = 0f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..end].parse().map_err(|_| wrong())?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return Err(wrong()),
        };
        rest = &rest[end..];
        seconds += number * unit;
    }
    // A hundred years: more is a slip, and arithmetic on times must not overflow.
    if !(0.0..=3.2e9).contains(&seconds) {
        return Err(format!("`{text}` is longer than a hundred years"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A part of a path into data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A field.
    Key(String),
    /// An element of a list.
    Index(usize),
}

/// A path into data as `inputs` write it: `a.b`, `list[0].v`, `"x-y".z`, `a["k.l/m"]`.
///
/// # Errors
/// What is wrong with the text, as a sentence.
pub fn parse_path(text: &str) -> Result<Vec<Part>, String> {
    let wrong = || {
        format!(
            "`{text}` is no path: names with dots and indices, such as `a.b`, `list[0].c` or `a[\"x.y\"]`"
        )
    };
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(r) = rest.strip_prefix('[') {
            if let Some(quoted) = r.strip_prefix('"') {
                let end = quoted.find("\"]").ok_or_else(wrong)?;
                parts.push(Part::Key(quoted[..end].to_string()));
                rest = &quoted[end + 2..];
            } else {
                let end = r.find(']').ok_or_else(wrong)?;
                parts.push(Part::Index(r[..end].trim().parse().map_err(|_| wrong())?));
                rest = &r[end + 1..];
            }
        } else if let Some(r) = rest.strip_prefix('"') {
            let end = r.find('"').ok_or_else(wrong)?;
            parts.push(Part::Key(r[..end].to_string()));
            rest = &r[end + 1..];
        } else {
            let end = rest.find(['.', '[', ']', '"']).unwrap_or(rest.len());
            if end == 0 {
                return Err(wrong());
            }
            parts.push(Part::Key(rest[..end].to_string()));
            rest = &rest[end..];
        }
        match rest.strip_prefix('.') {
            Some("") => return Err(wrong()),
            Some(r) if !r.starts_with('[') => rest = r,
            None if rest.is_empty() || rest.starts_with('[') => {}
            _ => return Err(wrong()),
        }
    }
    if parts.is_empty() { Err(wrong()) } else { Ok(parts) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(v: Value) -> Vec<String> {
        Workflow::read(&v, "w").unwrap_err().iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_step_with_everything() {
        let w = Workflow::read(
            &json!({"mode": {"steps": "DAG"}, "steps": [
                {"name": "g", "type": "step-group", "mode": "StepByStep", "timeout": "1m30s", "subSteps": [{"type": "suspend"}]},
                {"name": "s", "type": "x", "if": true, "dependsOn": ["g"], "properties": {"a": 1}, "meta": {"alias": "S"},
                 "inputs": [{"from": "o", "parameterKey": "a.b[0]"}], "outputs": [{"name": "p", "valueFrom": "1+1"}]},
            ]}),
            "w",
        )
        .unwrap();
        assert_eq!(w.mode.or_defaults(), Modes { steps: Some(Mode::Dag), sub_steps: Some(Mode::Dag) });
        assert_eq!(w.steps[0].sub_steps[0].name, "step-0-0");
        assert_eq!(w.steps[0].timeout, Some(Duration::from_secs(90)));
        assert_eq!(w.steps[0].mode, Some(Mode::StepByStep));
        assert_eq!(w.steps[1].condition.as_deref(), Some("true"));
        assert_eq!(w.steps[1].alias.as_deref(), Some("S"));
        assert_eq!(w.steps[1].outputs[0].value_from, "1+1");
    }

    #[test]
    fn all_faults_at_once() {
        let found = faults(json!({"mode": {"steps": "dag"}, "steps": [
            {"nme": "a", "type": "x", "timeout": "3 apples", "dependsOn": "b"},
            {"name": 7, "properties": [], "inputs": [{"parameterKey": "a..b"}], "outputs": [{"name": "o"}]},
            {"type": "x", "subSteps": [{"type": "y"}]},
            "no step",
        ]}));
        insta::assert_snapshot!(found.join("\n"));
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        for bad in ["", "s", "1", "1d", "-1s", "1s ", "9999999999h", "1.2.3s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths() {
        let key = |s: &str| Part::Key(s.to_string());
        assert_eq!(parse_path("a.b[1].c").unwrap(), [key("a"), key("b"), Part::Index(1), key("c")]);
        assert_eq!(parse_path("\"x-y\".z").unwrap(), [key("x-y"), key("z")]);
        assert_eq!(parse_path("a[\"k.l/m\"]").unwrap(), [key("a"), key("k.l/m")]);
        for bad in ["", ".", "a.", "a..b", "a[", "a[x]", "a]b", "a.[0]"] {
            assert!(parse_path(bad).is_err(), "{bad}");
        }
    }
}
