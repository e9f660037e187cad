//! What steps pass on: outputs kept by name, inputs put into parameters, the `context` of a step.
//!
//! Pure functions over a plan and a state; expressions are evaluated elsewhere. Tests at the end.

use super::{ExpressionAgain, Given, Known, Marked, Plan, Recipe, State};
use crate::model::application::sorted;
use crate::model::run::{Reason, StepPhase};
use crate::model::workflow::{Part, Step as WorkflowStep, parse_path};
use crate::problem::nearest;
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
    pub fn input(&self, state: &State, from: &str) -> Option<Given> {
        if let Some(found) = state.given(from) {
            return Some(found);
        }
        let parts = parse_path(from).ok()?;
        let Some((Part::Key(first), rest)) = parts.split_first() else { return None };
        match (first.as_str(), state.vars.contains_key(first)) {
            (_, true) => state.given(first)?.at(&pointer(rest)),
            ("context", false) => {
                let Some((Part::Key(name), rest)) = rest.split_first() else { return None };
                Some(lookup(self.context.get(name)?, rest)?.clone().into())
            }
            _ => None,
        }
    }

    /// Why an input that is not there never comes: who puts it out is done, and what was put out has no such place.
    pub(super) fn never(&self, state: &State, from: &str) -> Option<String> {
        let parts = parse_path(from).ok()?;
        let (Part::Key(first), rest) = parts.split_first()? else { return None };
        let mut at = state.vars.get(first)?;
        let puts = |step: &WorkflowStep| step.outputs.iter().any(|o| o.name == *first);
        let mut by = self.nodes.iter().map(|n| &n.step).filter(|step| puts(step)).peekable();
        by.peek()?;
        if !by.all(|step| state.status.step(&step.name).is_some_and(|s| s.finished())) {
            return None;
        }
        let mut path = first.clone();
        for part in rest {
            let (name, found) = match part {
                Part::Key(key) => (key.clone(), at.get(key)),
                Part::Index(i) => (i.to_string(), at.get(i)),
            };
            let Some(found) = found else {
                let names = at.as_object().into_iter().flat_map(|o| o.keys().map(String::as_str));
                let hint = nearest(&name, names).map(|near| format!("; did you mean `{near}`?"));
                return Some(format!("input `{from}`: `{path}` has no `{name}`{}", hint.unwrap_or_default()));
            };
            path += &format!(".{name}");
            at = found;
        }
        None
    }

    /// The inputs of a step, in their order.
    ///
    /// # Errors
    /// An input that is not there yet.
    pub fn inputs(&self, state: &State, node: usize) -> Result<Vec<Given>, DataError> {
        let inputs = self.nodes[node].step.inputs.iter();
        inputs.map(|i| self.input(state, &i.from).ok_or_else(|| DataError::Missing(i.from.clone()))).collect()
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
            let given = self.input(state, &input.from);
            inputs.insert(input.from.clone(), given.map_or(Value::Null, |g| g.value().clone()));
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
                .filter_map(|o| Some((o.name.clone(), state.known(&o.name)?.clone())));
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

/// The parameters of a step: its properties with the inputs put in. An input replaces what is at its place.
///
/// # Errors
/// An input that does not fit.
pub fn parameter<'v>(
    step: &WorkflowStep,
    inputs: impl IntoIterator<Item = &'v Value>,
) -> Result<Map<String, Value>, DataError> {
    let mut parameter = Value::Object(step.properties.clone());
    for (input, value) in step.inputs.iter().zip(inputs) {
        if let Some(key) = &input.parameter_key {
            let failed = |why| DataError::Path { from: input.from.clone(), key: key.clone(), why };
            set_path(&mut parameter, &parse_path(key).map_err(failed)?, value.clone()).map_err(failed)?;
        }
    }
    match parameter {
        Value::Object(m) => Ok(m),
        _ => Ok(Map::new()),
    }
}

fn pointer(path: &[Part]) -> String {
    let mut at = String::new();
    for part in path {
        match part {
            Part::Key(key) => crate::secret::step(&mut at, key),
            Part::Index(i) => crate::secret::step(&mut at, &i.to_string()),
        }
    }
    at
}

impl State {
    /// What steps have put out under this name.
    pub(crate) fn given(&self, name: &str) -> Option<Given> {
        let marked = Marked {
            data: self.vars.get(name)?.clone(),
            marks: self.marks.get(name).cloned().unwrap_or_default(),
        };
        Some(Given { marked, clear: self.clear.get(name).cloned() })
    }

    /// The same as it is; nothing where a secret in it was not looked up.
    fn known(&self, name: &str) -> Option<&Value> {
        match (self.clear.get(name), self.marks.contains_key(name)) {
            (Some(clear), _) => Some(&clear.0),
            (None, true) => None,
            (None, false) => self.vars.get(name),
        }
    }

    /// Takes up what a step gives under a name.
    pub(super) fn put(&mut self, name: &str, given: Given) {
        let name = name.to_string();
        match given.marked.marks.is_empty() {
            true => drop((self.marks.remove(&name), self.clear.remove(&name))),
            false => {
                self.marks.insert(name.clone(), given.marked.marks);
                match given.clear {
                    Some(clear) => self.clear.insert(name.clone(), clear),
                    None => self.clear.remove(&name),
                };
            }
        }
        self.vars.insert(name, given.marked.data);
    }

    /// Takes away what a step has given under a name.
    pub(super) fn take_away(&mut self, name: &str) {
        self.vars.remove(name);
        self.marks.remove(name);
        self.clear.remove(name);
    }

    /// What is secret in what steps have put out.
    pub(super) fn secrets(&self) -> Known {
        let mut known = Known::default();
        for (name, marks) in &self.marks {
            if let Some(clear) = self.clear.get(name) {
                known.learn_marked(&clear.0, marks);
            }
        }
        known
    }

    /// The same state with substitutes in the place of secrets.
    fn shaded(&self, known: &Known) -> State {
        let mut other = self.clone();
        for (name, marks) in &self.marks {
            if let Some(clear) = other.clear.get_mut(name) {
                clear.0 = known.shade(&clear.0, marks);
            }
        }
        other
    }
}

impl Plan {
    /// What an output of a group gives, given what is made of names by `value`.
    pub(super) fn group_output(
        &self,
        state: &State,
        node: usize,
        expression: &str,
        value: impl Fn(&Map<String, Value>) -> Result<Value, String>,
    ) -> Result<Given, String> {
        let scope = self.scope(state, node, expression);
        let known = state.secrets();
        let real = value(&scope).map_err(|why| known.hide(&why))?;
        if known.is_empty() {
            return Ok(real.into());
        }
        let shade = self.scope(&state.shaded(&known), node, expression);
        let marked = match value(&shade).map(|other| known.marked(&real, &other)) {
            Ok(Ok(marked)) => marked,
            // Beyond recognition: it is evaluated again when it is needed.
            _ => {
                let scope = known
                    .marked(&Value::Object(scope), &Value::Object(shade))
                    .map_err(|_| "it cannot be told which secrets are in it".to_string())?;
                let again = ExpressionAgain { expression: expression.into(), scope, at: String::new() };
                Marked::whole(Recipe::Expression(Box::new(again)))
            }
        };
        Ok(Given::new(marked, real))
    }
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
        assert_eq!(plan.inputs(&state, 0).unwrap_err().to_string(), "Pending on Input: o.x");
        state.vars.insert("o".into(), json!({"x": [1]}));
        let inputs = plan.inputs(&state, 0).unwrap();
        let parameter = parameter(&plan.nodes[0].step, inputs.iter().map(Given::value)).unwrap();
        assert_eq!(Value::Object(parameter), json!({"a": [1], "env": "prod"}));
    }
}
