//! One evaluation of a step: the definition with `parameter` and `context` filled in, its ops one after the other, its outputs.
//!
//! Ops are found in the order of declaration, in nested structs and lists too, and looked for again after each result, since a result can bring new
//! ones forth. Nothing here waits or touches the world; `step` does. Tests: `tests.rs`.

use crate::definitions::Compiled;
use crate::engine::Outcome;
use crate::model::run::Reason;
use crate::ops::{self, Form, Op};
use serde_json::{Map, Value as Json};
use std::collections::HashSet;
use stepwell_lang::data::Data;
use stepwell_lang::diag::{Code, Diagnostic};
use stepwell_lang::pkg::Kind;
use stepwell_lang::source::Source;
use stepwell_lang::{Failure, Instance, Path, Step, Value, Which};

/// How deep ops may be nested in a template, and how many there may be.
const DEEPEST: usize = 32;
const MOST: usize = 5_000;

/// An evaluation under way.
pub(super) struct Evaluation {
    instance: Instance,
    template: Path,
    done: HashSet<String>,
    names: Vec<String>,
}

/// An op to carry out.
#[derive(Clone)]
pub(super) struct Call {
    /// Its path in the template.
    pub(super) name: String,
    /// The op.
    pub(super) op: &'static dyn Op,
    /// How it is written.
    form: Form,
    path: Path,
    /// Its parameters.
    pub(super) params: Params,
}

/// The parameters of an op.
#[derive(Clone)]
pub(super) enum Params {
    /// As they are.
    Ready(Map<String, Json>),
    /// Something that they are made of is not there yet; what is, and what is missing.
    NotYet(Map<String, Json>, String),
}

fn failed(reason: Reason, message: String) -> Outcome {
    Outcome::Failed { reason, message, retry: false }
}

/// Whether a mistake means that something is not there yet, rather than that something is wrong.
fn open(code: Code) -> bool {
    matches!(code, Code::Incomplete | Code::Required | Code::Undefined | Code::Ambiguous | Code::Cycle)
}

/// The first mistake of a failure that stays one whatever is filled in, for a message.
fn mistake(failure: &Failure) -> Option<String> {
    failure.diagnostics.iter().find(|d| !open(d.code)).map(say)
}

/// A mistake in one line: where, what, and what was meant perhaps.
fn say(d: &Diagnostic) -> String {
    let path = d.path.strip_prefix("template.").unwrap_or(&d.path);
    if path.is_empty() { d.line() } else { format!("{path}: {}", d.line()) }
}

fn first(failure: &Failure) -> String {
    failure.diagnostics.first().map(say).unwrap_or_default()
}

/// Data for others: ops, and the outputs of steps.
fn passed_on(data: &Data) -> Result<Json, String> {
    match data.beyond_64_bits() {
        None => Ok(data.to_json_value()),
        Some(n) => {
            Err(format!("the integer {n} is beyond 64 bits, and would be rounded: pass it on as a string"))
        }
    }
}

fn join(path: &Path, step: &str) -> Path {
    let mut steps = path.0.clone();
    steps.push(if step.starts_with(['#', '_']) {
        Step::Special(step.into())
    } else {
        Step::Field(step.into())
    });
    Path(steps)
}

impl Evaluation {
    /// Fills parameters and context into a definition and checks both.
    pub(super) fn new(
        definition: &Compiled,
        parameter: &Map<String, Json>,
        context: &Map<String, Json>,
    ) -> Result<Evaluation, Outcome> {
        let instance = definition.program.instance();
        let fill = |path: &Path, data: &Map<String, Json>| {
            let data = Data::from_json_value(&Json::Object(data.clone()));
            instance.fill(path, &data).map_err(|e| failed(Reason::Rendering, first(&e)))
        };
        fill(&Path::from_iter(["context"]), context)?;
        fill(&definition.parameter, parameter)?;
        if let Some(value) = instance.root().lookup(&definition.parameter)
            && let Err(e) = value.validate(true)
        {
            return Err(failed(Reason::ProcessParameter, first(&e)));
        }
        let template = definition.template.clone();
        let evaluation = Evaluation { instance, template, done: HashSet::new(), names: Vec::new() };
        evaluation.check()?;
        Ok(evaluation)
    }

    fn root(&self) -> Value<'_> {
        self.instance.root().lookup(&self.template).unwrap_or(self.instance.root())
    }

    /// Whether the template as it is now holds a mistake.
    fn check(&self) -> Result<(), Outcome> {
        match self.root().validate(false) {
            Err(e) => match mistake(&e) {
                Some(message) => Err(failed(Reason::Rendering, message)),
                None => Ok(()),
            },
            Ok(()) => Ok(()),
        }
    }

    /// The next op in order, if there is one left.
    pub(super) fn next(&mut self) -> Result<Option<Call>, Outcome> {
        let mut walk = Walk { evaluation: self, count: 0 };
        let found = walk.value(self.root(), &self.template.clone(), String::new(), 0)?;
        match found {
            Some(call) => Ok(Some(call)),
            None => {
                self.check()?;
                // Fields that cannot be told yet may hold ops: a step that leaves them out has not done what it says.
                match self.root().error() {
                    Some(d) => Err(failed(Reason::Rendering, say(&d))),
                    None => Ok(None),
                }
            }
        }
    }

    /// Fills an op's returns in and marks it as done.
    pub(super) fn fill(
        &mut self,
        call: &Call,
        params: &Map<String, Json>,
        returns: &Json,
    ) -> Result<(), Outcome> {
        self.done.insert(call.name.clone());
        self.names.push(call.name.clone());
        let Some(fields) = returns.as_object().filter(|f| !f.is_empty()) else { return Ok(()) };
        let wrong = |e: Failure| failed(Reason::Rendering, first(&e));
        match call.form {
            Form::Prefixed => {
                let data = Data::from_json_value(returns);
                self.instance.fill(&join(&call.path, "$returns"), &data).map_err(wrong)?;
            }
            Form::Plain => {
                for (field, value) in call.op.older_returns(params, fields.clone()) {
                    self.instance
                        .fill(&join(&call.path, &field), &Data::from_json_value(&value))
                        .map_err(wrong)?;
                }
            }
        }
        self.check()
    }

    /// The parameters of an op that another evaluation of the same definition has found, as they are in this one.
    pub(super) fn params(&self, call: &Call) -> Option<Map<String, Json>> {
        let value = self.instance.root().lookup(&call.path)?;
        let params = match call.form {
            Form::Prefixed => match value.get("$params") {
                None => return Some(Map::new()),
                Some(params) => read(&call.name, params, &[]),
            },
            Form::Plain => read(&call.name, value, call.op.older_fields()),
        };
        match params {
            Ok(Params::Ready(params) | Params::NotYet(params, _)) => Some(params),
            Err(_) => None,
        }
    }

    /// The template as it is now, as text of the language.
    pub(super) fn to_source(&self) -> String {
        self.root().to_source()
    }

    /// The value of an output's expression.
    pub(super) fn output(&self, expression: &str) -> Result<Json, String> {
        let evaluate = |text: &str| -> Result<Data, Failure> {
            let value = self.instance.eval(&Source::new("valueFrom", text), self.root(), true)?;
            value.data()
        };
        let error = match evaluate(expression) {
            Ok(value) => return passed_on(&value),
            Err(e) => e,
        };
        // Expressions of the older form look for what an op gives in the op itself.
        let longest = self
            .names
            .iter()
            .filter(|n| expression.strip_prefix(n.as_str()).is_some_and(|r| r.starts_with('.')));
        if let Some(name) = longest.max_by_key(|n| n.len()) {
            let (_, rest) = expression.split_at(name.len());
            if let Ok(value) = evaluate(&format!("{name}.$returns{rest}")) {
                return passed_on(&value);
            }
        }
        Err(first(&error))
    }
}

struct Walk<'e> {
    evaluation: &'e Evaluation,
    count: usize,
}

impl Walk<'_> {
    /// The first op in a value that has not been carried out.
    fn value(
        &mut self,
        value: Value<'_>,
        path: &Path,
        name: String,
        depth: usize,
    ) -> Result<Option<Call>, Outcome> {
        self.count += 1;
        if depth > DEEPEST || self.count > MOST {
            return Ok(None);
        }
        if let Some(elements) = value.elements() {
            for (i, element) in elements.into_iter().enumerate() {
                let mut at = path.0.clone();
                at.push(Step::Index(i));
                if let Some(call) = self.value(element, &Path(at), format!("{name}[{i}]"), depth + 1)? {
                    return Ok(Some(call));
                }
            }
            return Ok(None);
        }
        if let Some(outcome) = missing(value, &name) {
            return Err(outcome);
        }
        if value.kind() != Kind::STRUCT {
            return Ok(None);
        }
        if let Some(what) = value.get("#do").and_then(Value::as_str)
            && &*what != "steps"
        {
            if self.evaluation.done.contains(&name) {
                return Ok(None);
            }
            return self.call(value, path, name, &what).map(Some);
        }
        for field in value.fields(Which { hidden: true, ..Which::default() }) {
            let label = field.value.label();
            if depth == 0 && matches!(&*label, "parameter" | "context") {
                continue;
            }
            let inner = if name.is_empty() { label.to_string() } else { format!("{name}.{label}") };
            if let Some(call) = self.value(field.value, &join(path, &label), inner, depth + 1)? {
                return Ok(Some(call));
            }
        }
        Ok(None)
    }

    fn call(&mut self, value: Value<'_>, path: &Path, name: String, what: &str) -> Result<Call, Outcome> {
        let provider = value.get("#provider").and_then(Value::as_str);
        let provider = provider.as_deref().unwrap_or("op");
        let (op, form) =
            ops::find(provider, what).map_err(|why| failed(Reason::Rendering, format!("{name}: {why}")))?;
        let params = match form {
            Form::Prefixed => match value.get("$params") {
                None => Params::Ready(Map::new()),
                Some(params) => read(&name, params, &[])?,
            },
            Form::Plain => read(&name, value, op.older_fields())?,
        };
        Ok(Call { name, op, form, path: path.clone(), params })
    }
}

/// A definition that is not there, such as an op by a wrong name: unlike a field, it does not come.
fn missing(value: Value<'_>, name: &str) -> Option<Outcome> {
    let diagnostic = value.error().filter(|d| d.code == Code::Undefined)?;
    let asked = diagnostic.message.rsplit(": ").next().filter(|n| n.starts_with('#'))?;
    let names: Vec<String> = ops::all().iter().map(|op| ops::support::page::name(*op)).collect();
    let hint = match crate::problem::nearest(asked, names.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    Some(failed(Reason::Rendering, format!("{name}: there is no `{asked}`{hint}")))
}

/// Reads the parameters of the op of this name; the fields in `except` are returns.
fn read(op: &str, value: Value<'_>, except: &[&str]) -> Result<Params, Outcome> {
    let given =
        |data: &Data| passed_on(data).map_err(|why| failed(Reason::ProcessParameter, format!("{op}: {why}")));
    if except.is_empty()
        && let Ok(data) = value.data()
    {
        return Ok(Params::Ready(match given(&data)? {
            Json::Object(params) => params,
            _ => Map::new(),
        }));
    }
    if let Err(e) = value.validate(false)
        && let Some(message) = mistake(&e)
    {
        return Err(failed(Reason::ProcessParameter, message));
    }
    let (mut found, mut missing) = (Map::new(), None);
    for field in value.fields(Which::default()) {
        let label = field.value.label();
        if except.contains(&&*label) {
            continue;
        }
        match field.value.data() {
            Ok(data) => {
                found.insert(label.to_string(), given(&data)?);
            }
            Err(e) => match mistake(&e) {
                Some(message) => return Err(failed(Reason::ProcessParameter, message)),
                None => missing = missing.or(Some(first(&e))),
            },
        }
    }
    if missing.is_none()
        && let Some(d) = value.error()
    {
        missing = Some(say(&d));
    }
    Ok(match missing {
        None => Params::Ready(found),
        Some(missing) => Params::NotYet(found, missing),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::definitions::Library;
    use crate::document::Document;
    use crate::model::definition::Kind as DefinitionKind;
    use serde_json::json;
    use stepwell_lang::encode::yaml;

    /// All ops of a step, as they are called.
    fn calls(name: &str, parameter: &Json, returns: &Json) -> String {
        let library = Library::builtin();
        let definition = library.get(DefinitionKind::WorkflowStep, name).unwrap();
        let compiled = library.compiled(definition).unwrap_or_else(|p| panic!("{p}"));
        let context = json!({
            "name": "app", "namespace": "ns", "appName": "app", "workflowName": "", "publishVersion": "",
            "stepName": "step", "stepSessionID": "s-1", "spanID": "i-1.s-1",
        });
        let (parameter, context) = (parameter.as_object().unwrap(), context.as_object().unwrap());
        let fails = |outcome: Outcome| match outcome {
            Outcome::Failed { message, .. } => format!("fails: {message}\n"),
            other => format!("{other:?}\n"),
        };
        let mut evaluation = match Evaluation::new(compiled, parameter, context) {
            Ok(evaluation) => evaluation,
            Err(outcome) => return fails(outcome),
        };
        let mut out = String::new();
        loop {
            let call = match evaluation.next() {
                Ok(Some(call)) => call,
                Ok(None) => return out,
                Err(outcome) => return out + &fails(outcome),
            };
            let title = format!("{}: {}/{}\n", call.name, call.op.provider(), call.op.name());
            let params = match &call.params {
                Params::Ready(params) => params,
                Params::NotYet(_, missing) => return format!("{out}{title}  not yet: {missing}\n"),
            };
            let shown = yaml::write(&Data::from_json_value(&Json::Object(params.clone())));
            out += &title;
            shown.lines().for_each(|line| out += &format!("  {line}\n"));
            if (call.op.provider(), call.op.name()) == ("builtin", "fail") {
                return out;
            }
            let returns = returns.get(&call.name).and_then(Json::as_object).cloned().unwrap_or_default();
            if let Err(outcome) = evaluation.fill(&call, params, &Json::Object(returns)) {
                return out + &fails(outcome);
            }
        }
    }

    #[test]
    fn an_output_is_passed_on_as_it_is_or_not_at_all() {
        let library = Library::builtin();
        let definition = library.get(DefinitionKind::WorkflowStep, "suspend").unwrap();
        let compiled = library.compiled(definition).unwrap_or_else(|p| panic!("{p}"));
        let Ok(evaluation) = Evaluation::new(compiled, &Map::new(), &Map::new()) else {
            panic!("it is none")
        };
        assert_eq!(evaluation.output("18446744073709551615"), Ok(json!(18446744073709551615_u64)));
        let told = "the integer 18446744073709551616 is beyond 64 bits, and would be rounded: pass it on as a string";
        assert_eq!(evaluation.output("[{n: 18446744073709551616}]"), Err(told.to_string()));
        assert_eq!(evaluation.output(r#""\(18446744073709551616)""#), Ok(json!("18446744073709551616")));
    }

    /// Each file in `tests/definitions/workflowstep/NAME` has the `properties` of a step and what its ops give (`returns`, by their paths); what
    /// the ops are called with is compared with a snapshot.
    #[test]
    fn every_step_type_calls_what_it_should() {
        insta::glob!("../../tests/definitions/workflowstep", "*/*.yaml", |path| {
            let text = std::fs::read_to_string(path).unwrap();
            let input = Document::read_all("input", &text).unwrap_or_else(|e| panic!("{e}")).remove(0).value;
            let name = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
            let case = path.file_stem().unwrap().to_str().unwrap();
            insta::with_settings!({
                snapshot_path => "../../tests/snapshots",
                snapshot_suffix => format!("workflowstep_{name}_{case}"),
                omit_expression => true,
                prepend_module_to_snapshot => false,
            }, {
                insta::assert_snapshot!("render", calls(name, &input["properties"], &input["returns"]));
            });
        });
    }
}
