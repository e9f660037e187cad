//! What steps pass on: outputs kept by name, inputs put into parameters, the `context` of a step.
//!
//! Pure functions over a plan and a state; expressions are evaluated elsewhere. Tests at the end.

use super::{Plan, State};
use crate::model::application::sorted;
use crate::model::run::{Reason, StepPhase};
use crate::model::workflow::{Part, parse_path};
use serde_json::{Map, Value, json};

/// The longest list that an input may make by its index.
const MAX_INDEX: usize = 10_000;

/// Why parameters cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// An input that no step has given yet.
    #[error("Pending on Input: {0}")]
    Missing(String),
    /// An input that does not fit where it is to go.
    #[error("input `{from}` cannot be set at `{key}`: {why}")]
    Path {
        /// The input.
        from: String,
        /// Where it was to go.
        key: String,
        /// What is in the way.
        why: String,
    },
}

impl Plan {
    /// What an input's `from` denotes: a path into the run's context, an output, or a path into an output.
    pub fn input(&self, state: &State, from: &str) -> Option<Value> {
        if let Some(found) = state.vars.get(from) {
            return Some(found.clone());
        }
        let parts = parse_path(from).ok()?;
        let Some((Part::Key(first), rest)) = parts.split_first() else { return None };
        let mut value = match (first.as_str(), state.vars.get(first)) {
            (_, Some(found)) => found,
            ("context", None) => {
                let Some((Part::Key(name), rest)) = rest.split_first() else { return None };
                return lookup(self.context.get(name)?, rest).cloned();
            }
            _ => return None,
        };
        value = lookup(value, rest)?;
        Some(value.clone())
    }

    /// The parameters of a step: its properties with the inputs put in. An input replaces what is at its place.
    ///
    /// # Errors
    /// An input that is not there yet, or does not fit.
    pub fn parameter(&self, state: &State, node: usize) -> Result<Map<String, Value>, DataError> {
        let step = &self.nodes[node].step;
        let mut parameter = Value::Object(step.properties.clone());
        for input in &step.inputs {
            let value =
                self.input(state, &input.from).ok_or_else(|| DataError::Missing(input.from.clone()))?;
            if let Some(key) = &input.parameter_key {
                let failed = |why| DataError::Path { from: input.from.clone(), key: key.clone(), why };
                set_path(&mut parameter, &parse_path(key).map_err(failed)?, value).map_err(failed)?;
            }
        }
        match parameter {
            Value::Object(m) => Ok(m),
            _ => Ok(Map::new()),
        }
    }

    /// The id of a step: the one it has in the record, else the one it will get.
    pub fn id_in(&self, state: &State, node: usize) -> String {
        match state.status.step(&self.nodes[node].step.name) {
            Some(s) => s.id.clone(),
            None => self.id(node, state.book.generation),
        }
    }

    /// What a step finds in `context`: what the run was given, and who and where the step is.
    pub fn context_of(&self, state: &State, node: usize) -> Map<String, Value> {
        let mut context = Map::new();
        let id = self.id_in(state, node);
        context.insert("stepName".into(), json!(self.nodes[node].step.name));
        context.insert("stepSessionID".into(), json!(id));
        context.insert("spanID".into(), json!(format!("i-{}.{id}", self.uid.get(..8).unwrap_or(&self.uid))));
        if let Some(group) = self.nodes[node].parent {
            context.insert("stepGroupName".into(), json!(self.nodes[group].step.name));
        }
        context.extend(self.context.clone());
        match sorted(&Value::Object(context)) {
            Value::Object(context) => context,
            _ => Map::new(),
        }
    }

    /// The names that conditions know: `status` by step, `context`, and the step's own `inputs` by their `from`. Of steps, those that this expression can
    /// ask for.
    pub(super) fn scope(&self, state: &State, node: usize, expression: &str) -> Map<String, Value> {
        let mut inputs = Map::new();
        for input in &self.nodes[node].step.inputs {
            inputs.insert(input.from.clone(), self.input(state, &input.from).unwrap_or(Value::Null));
        }
        let every = asks_for_any(expression);
        let steps = self.conditions(state, |name| every || expression.contains(name));
        // By their names too, where these stand for nothing else: `fetch.output.code`.
        let mut scope = steps.clone();
        scope.insert("status".into(), Value::Object(steps));
        scope.insert("context".into(), Value::Object(self.context_of(state, node)));
        scope.insert("inputs".into(), Value::Object(inputs));
        scope.insert("parameter".into(), Value::Object(self.nodes[node].step.properties.clone()));
        scope
    }
}

impl Plan {
    /// What conditions can ask of each step.
    fn conditions(&self, state: &State, wanted: impl Fn(&str) -> bool) -> Map<String, Value> {
        let mut out = Map::new();
        for s in state.status.all().filter(|s| wanted(&s.name)) {
            let reason = |r| s.reason == Some(r);
            let mut facts = json!({
                "id": s.id,
                "name": s.name,
                "type": s.kind,
                "phase": s.phase,
                "reason": s.reason.map(|r| json!(r)).unwrap_or(json!("")),
                "message": s.message,
                "succeeded": s.phase == StepPhase::Succeeded,
                "failed": s.phase == StepPhase::Failed,
                "skipped": s.phase == StepPhase::Skipped,
                "timeout": reason(Reason::Timeout),
                "failedAfterRetries": reason(Reason::FailedAfterRetries),
                "terminate": reason(Reason::Terminate),
            });
            let outputs = self.find(&s.name).map(|n| &self.nodes[n].step.outputs);
            let values = outputs
                .into_iter()
                .flatten()
                .filter_map(|o| Some((o.name.clone(), state.vars.get(&o.name)?.clone())));
            facts["output"] = Value::Object(values.collect());
            out.insert(s.name.clone(), facts);
        }
        out
    }
}

/// Whether an expression can ask for steps that its text does not name: it has `status` as a whole, or makes names up.
fn asks_for_any(expression: &str) -> bool {
    let named = |rest: &str| rest.starts_with('.') || rest.starts_with("[\"");
    let whole = |(at, word): (usize, &str)| !named(expression[at + word.len()..].trim_start());
    expression.contains('\\') || expression.match_indices("status").any(whole)
}

pub(super) fn lookup<'v>(value: &'v Value, path: &[Part]) -> Option<&'v Value> {
    path.iter().try_fold(value, |v, part| match part {
        Part::Key(k) => v.get(k),
        Part::Index(i) => v.get(i),
    })
}

/// Sets the value at a path, making objects and lists on the way; what is there is replaced. A list that is too short is filled up with
/// empty objects.
///
/// # Errors
/// What is in the way.
pub fn set_path(at: &mut Value, path: &[Part], value: Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        *at = value;
        return Ok(());
    };
    let inner = match first {
        Part::Key(key) => {
            if at.is_null() {
                *at = Value::Object(Map::new());
            }
            match at {
                Value::Object(m) => m.entry(key.clone()).or_insert(Value::Null),
                _ => return Err(format!("there is no object in which `{key}` could be")),
            }
        }
        Part::Index(i) => {
            if at.is_null() {
                *at = Value::Array(Vec::new());
            }
            let Value::Array(list) = at else {
                return Err(format!("there is no list in which [{i}] could be"));
            };
            if *i >= MAX_INDEX {
                return Err(format!("[{i}] is beyond the longest list ({MAX_INDEX})"));
            }
            while list.len() <= *i {
                list.push(Value::Object(Map::new()));
            }
            &mut list[*i]
        }
    };
    set_path(inner, rest, value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::workflow::Workflow;

    fn set(mut at: Value, path: &str, value: Value) -> Result<Value, String> {
        set_path(&mut at, &parse_path(path).unwrap(), value)?;
        Ok(at)
    }

    #[test]
    fn values_are_set_at_paths() {
        assert_eq!(
            set(json!({"a": {"b": 1}}), "a.c.d", json!(2)).unwrap(),
            json!({"a": {"b": 1, "c": {"d": 2}}})
        );
        assert_eq!(set(json!({"l": ["a", "b"]}), "l[1]", json!("s")).unwrap(), json!({"l": ["a", "s"]}));
        assert_eq!(set(json!({}), "l[1].v", json!("s")).unwrap(), json!({"l": [{}, {"v": "s"}]}));
        assert_eq!(set(json!({}), "x-y.z", json!(1)).unwrap(), json!({"x-y": {"z": 1}}));
        assert_eq!(
            set(json!({"a": 1}), "a.b", json!(1)).unwrap_err(),
            "there is no object in which `b` could be"
        );
        assert!(set(json!({}), "l[99999999]", json!(1)).is_err());
    }

    #[test]
    fn conditions_find_the_steps_that_they_can_ask_for() {
        let step = |n: &str| json!({"id": n, "name": n, "type": "x", "phase": "succeeded"});
        let status = json!({"status": "executing", "steps": [step("one"), step("b-c"), step("zz")]});
        let state = State { status: serde_json::from_value(status).unwrap(), ..State::default() };
        let doc = json!({"steps": [{"name": "one", "type": "x"}, {"name": "b-c", "type": "x"}, {"name": "zz", "type": "x"}]});
        let plan = Plan::new(&Workflow::read(&doc, "w").unwrap(), "u", Map::new());
        let found = |e: &str| -> Vec<String> {
            plan.scope(&state, 2, e)["status"].as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(found("status.one.failed"), ["one"]);
        assert_eq!(found("status[\"b-c\"].failed || one.output.x == 1"), ["one", "b-c"]);
        for any in [
            "len([for s in status if s.failed {s}]) > 0",
            "status[inputs.x].failed",
            r#"status["\(x)"].failed"#,
        ] {
            assert_eq!(found(any), ["one", "b-c", "zz"], "{any}");
        }
    }

    #[test]
    fn inputs_replace_properties() {
        let doc = json!({"steps": [{"name": "s", "type": "x", "properties": {"a": {"n": 1}}, "inputs": [
            {"from": "o.x", "parameterKey": "a"}, {"from": "context.env", "parameterKey": "env"}]}]});
        let context = json!({"env": "prod"}).as_object().unwrap().clone();
        let plan = Plan::new(&Workflow::read(&doc, "w").unwrap(), "u", context);
        let mut state = State::default();
        assert_eq!(plan.parameter(&state, 0).unwrap_err().to_string(), "Pending on Input: o.x");
        state.vars.insert("o".into(), json!({"x": [1]}));
        assert_eq!(Value::Object(plan.parameter(&state, 0).unwrap()), json!({"a": [1], "env": "prod"}));
    }
}
