//! Conditions of steps, evaluated as expressions of the language. Pure: the engine asks, the answer depends on the question alone.

use crate::engine::{Is, Judge};
use crate::problem::nearest;
use serde_json::{Map, Value};
use std::cell::OnceCell;
use stepwell_lang::data::Data;
use stepwell_lang::diag::{Code, Diagnostic};
use stepwell_lang::pkg::Kind;
use stepwell_lang::source::Source;
use stepwell_lang::{Failure, NoPackages, Path, Program, Value as LangValue};

/// What a condition can name, beside the steps themselves.
const NAMES: &str = "status:    _\ncontext:   _\ninputs:    _\nparameter: _\n";
/// Names of steps that stand for something else there.
const RESERVED: [&str; 4] = ["status", "context", "inputs", "parameter"];

/// Evaluates conditions.
#[derive(Debug)]
pub(super) struct Conditions {
    program: Option<Program>,
}

impl Conditions {
    pub(super) fn new() -> Conditions {
        Conditions { program: Program::compile(vec![Source::new("if", NAMES)], &NoPackages).ok() }
    }
}

impl Conditions {
    /// Does something with what an expression gives, with the fields of `scope` as its names.
    fn evaluate<T>(
        &self,
        expression: &str,
        scope: &Map<String, Value>,
        read: impl FnOnce(LangValue<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let program = self.program.as_ref().ok_or("expressions cannot be evaluated")?;
        let instance = program.instance();
        for (name, value) in scope {
            instance
                .fill(&Path::from_iter([name]), &Data::from_json_value(value))
                .map_err(|e| e.to_string())?;
        }
        let source = Source::new("expression", expression);
        let value = instance.eval(&source, instance.root(), true).map_err(|e| e.to_string())?;
        read(value)
    }
}

impl Judge for Conditions {
    fn holds(&self, expression: &str, scope: &Map<String, Value>) -> Result<bool, String> {
        let holds = |value: LangValue<'_>| match (value.as_bool(), value.error()) {
            (Some(b), _) => Ok(b),
            (None, Some(d)) => Err(d.line()),
            (None, None) => Err("it is neither true nor false".to_string()),
        };
        self.evaluate(expression, scope, holds).map_err(|why| format!("invalid if value: {why}"))
    }

    fn value(&self, expression: &str, scope: &Map<String, Value>) -> Result<Value, String> {
        let first = |e: Failure| e.diagnostics.first().map_or_else(|| e.to_string(), Diagnostic::line);
        self.evaluate(expression, scope, |value| Ok(value.data().map_err(first)?.to_json_value()))
    }
}

/// Looks at conditions, and at what groups give, before a run begins: at what is wrong with them whatever happens. Remembers the names of the steps.
#[derive(Debug, Default)]
pub(super) struct Checker {
    plain: OnceCell<Option<Program>>,
}

/// What conditions can ask of a step, beside its `output`.
const FACTS: [(&str, &str); 12] = [
    ("id", "string"),
    ("name", "string"),
    ("type", "string"),
    ("phase", "string"),
    ("reason", "string"),
    ("message", "string"),
    ("succeeded", "bool"),
    ("failed", "bool"),
    ("skipped", "bool"),
    ("timeout", "bool"),
    ("failedAfterRetries", "bool"),
    ("terminate", "bool"),
];

impl Checker {
    /// Looks at one expression, given the names of all steps and of the step's inputs.
    ///
    /// # Errors
    /// Why the expression can never be a condition, or give a value.
    pub(super) fn check(
        &self,
        expression: &str,
        steps: &[&str],
        inputs: &[&str],
        is: Is,
    ) -> Result<(), String> {
        let own;
        let program = match inputs.is_empty() {
            true => self.plain.get_or_init(|| surroundings(steps, &[], &[])),
            false => {
                own = surroundings(steps, inputs, &[]);
                &own
            }
        };
        let Some(program) = program else { return Ok(()) };
        match evaluate(program, expression, is) {
            Ok(()) => Ok(()),
            Err(d) if d.code == Code::Undefined => undefined(expression, &d.message, steps, inputs),
            Err(d) => Err(d.line()),
        }
    }
}

/// Evaluates an expression on what is known before; what is not known yet may be known then.
fn evaluate(program: &Program, expression: &str, is: Is) -> Result<(), Diagnostic> {
    let instance = program.instance();
    let value = match instance.eval(&Source::new("if", expression), instance.root(), true) {
        Ok(value) => value,
        Err(e) => return e.diagnostics.into_iter().next().map_or(Ok(()), Err),
    };
    match value.error() {
        Some(d) if matches!(d.code, Code::Incomplete | Code::Ambiguous | Code::Required) => Ok(()),
        Some(d) => Err(d),
        None if is == Is::Condition && value.kind().and(Kind::BOOL) == Kind::BOTTOM => {
            Err(Diagnostic::new(Code::Operand, "it is neither true nor false"))
        }
        None => Ok(()),
    }
}

/// Whether a field that is not there can come: what `context` and outputs hold may, steps, facts and inputs may not. A name is one of those
/// if it is found when it is added to them.
fn undefined(expression: &str, message: &str, steps: &[&str], inputs: &[&str]) -> Result<(), String> {
    let Some(name) = message.rsplit(": ").next().filter(|n| message.ends_with(n) && !n.contains(' ')) else {
        return Ok(());
    };
    let name = name.trim_matches('"');
    let (all_steps, all_inputs) = ([steps, &[name]].concat(), [inputs, &[name]].concat());
    let found = |program: Option<Program>| {
        program
            .is_some_and(|p| evaluate(&p, expression, Is::Value).err().is_none_or(|d| d.message != message))
    };
    let hint = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<&str> = names.collect();
        nearest(name, names).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
    };
    if found(surroundings(&all_steps, inputs, &[])) {
        return Err(format!("the workflow has no step `{name}`{}", hint(&mut steps.iter().copied())));
    }
    if found(surroundings(steps, &all_inputs, &[])) {
        return Err(format!("the step has no input from `{name}`{}", hint(&mut inputs.iter().copied())));
    }
    if found(surroundings(steps, inputs, &[name])) {
        let facts = FACTS.iter().map(|f| f.0);
        return Err(format!("there is no `{name}` to ask of a step{}", hint(&mut facts.chain(["output"]))));
    }
    Ok(())
}

/// What conditions can name, with everything closed that is known before.
fn surroundings(steps: &[&str], inputs: &[&str], more: &[&str]) -> Option<Program> {
    let quoted = |s: &&str| serde_json::to_string(s).unwrap_or_default();
    let fields = |names: &[&str], value: &str| {
        names.iter().map(|n| format!("{}: {value}\n", quoted(n))).collect::<String>()
    };
    let own: Vec<&str> = steps.iter().copied().filter(|s| !RESERVED.contains(s)).collect();
    let facts: String = FACTS.iter().map(|(name, kind)| format!("{name}: {kind}\n")).collect();
    let text = format!(
        "#facts: {{\n{facts}{}output: {{...}}\n}}\ncontext: _\nparameter: _\n{}#status: {{\n{}}}\nstatus: #status\n#inputs: {{\n{}}}\ninputs: #inputs\n",
        fields(more, "_"),
        fields(&own, "#facts"),
        fields(steps, "#facts"),
        fields(inputs, "_"),
    );
    Program::compile(vec![Source::new("if", text)], &NoPackages).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_that_can_never_hold_are_known_before() {
        let check =
            |e: &str| Checker::default().check(e, &["a", "b-c", "status"], &["resp", "x.y"], Is::Condition);
        for good in [
            "status.a.failed",
            "status[\"b-c\"].succeeded || context.env == \"prod\"",
            "a.output.code == 200",
            "true",
            "inputs.resp.list[0] == \"a\"",
            "inputs[\"x.y\"] == 3",
            "parameter.n > 2",
            "status.status.failed",
            "len([for s in [status.a, status[\"b-c\"]] if s.failed {s}]) > 0",
            "!status.a.failed && context.name != \"x\"",
            "status.a.message =~ \"^x\"",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let bad = [
            "status.nope.failed",
            "status.a.faild",
            "\"yes\"",
            "1 +",
            "",
            "nope",
            "inputs.other == 1",
            "status.a.message",
            "status.a.failed == 3 +",
        ];
        insta::assert_snapshot!(bad.map(|b| format!("{b}  ->  {}", check(b).unwrap_err())).join("\n"));
    }

    #[test]
    fn conditions_are_expressions() {
        let scope = json!({
            "fetch": {"output": {"code": 200}},
            "status": {"a": {"failed": true, "phase": "failed"}, "b-c": {"succeeded": false}},
            "context": {"env": "prod"}, "inputs": {"resp.method": "GET"}, "parameter": {"n": 3}});
        let ask = |e: &str| Conditions::new().holds(e, scope.as_object().unwrap());
        assert_eq!(ask("status.a.failed"), Ok(true));
        assert_eq!(ask("status[\"b-c\"].succeeded || context.env == \"prod\""), Ok(true));
        assert_eq!(ask("inputs[\"resp.method\"] == \"POST\""), Ok(false));
        assert_eq!(ask("fetch.output.code == 200"), Ok(true));
        assert_eq!(ask("parameter.n > 2 && !status.a.failed"), Ok(false));
        for bad in ["status.nope.failed", "\"yes\"", "1 +", "", "nope", "} }"] {
            assert!(ask(bad).unwrap_err().starts_with("invalid if value: "), "{bad}");
        }
    }
}
