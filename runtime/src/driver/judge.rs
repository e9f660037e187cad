//! Conditions of steps, evaluated as expressions of the language. Pure: the engine asks, the answer depends on the question alone.

use crate::engine::Judge;
use serde_json::{Map, Value};
use stepwell_lang::data::Data;
use stepwell_lang::source::Source;
use stepwell_lang::{NoPackages, Path, Program};

/// What a condition can name.
const NAMES: &str = "status:    _\ncontext:   _\ninputs:    _\nparameter: _\n";

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

impl Judge for Conditions {
    fn holds(&self, expression: &str, scope: &Map<String, Value>) -> Result<bool, String> {
        let program = self.program.as_ref().ok_or("conditions cannot be evaluated")?;
        let instance = program.instance();
        for (name, value) in scope {
            instance
                .fill(&Path::from_iter([name]), &Data::from_json_value(value))
                .map_err(|e| e.to_string())?;
        }
        let wrong = |why: String| format!("invalid if value: {why}");
        let source = Source::new("if", expression);
        let value = instance.eval(&source, instance.root(), true).map_err(|e| wrong(e.to_string()))?;
        match value.as_bool() {
            Some(b) => Ok(b),
            None => Err(wrong(match value.error() {
                Some(d) => d.message,
                None => "it is neither true nor false".to_string(),
            })),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_are_expressions() {
        let scope = json!({
            "status": {"a": {"failed": true, "phase": "failed"}, "b-c": {"succeeded": false}},
            "context": {"env": "prod"}, "inputs": {"resp.method": "GET"}, "parameter": {"n": 3}});
        let ask = |e: &str| Conditions::new().holds(e, scope.as_object().unwrap());
        assert_eq!(ask("status.a.failed"), Ok(true));
        assert_eq!(ask("status[\"b-c\"].succeeded || context.env == \"prod\""), Ok(true));
        assert_eq!(ask("inputs[\"resp.method\"] == \"POST\""), Ok(false));
        assert_eq!(ask("parameter.n > 2 && !status.a.failed"), Ok(false));
        for bad in ["status.nope.failed", "\"yes\"", "1 +", "", "nope", "} }"] {
            assert!(ask(bad).unwrap_err().starts_with("invalid if value: "), "{bad}");
        }
    }
}
