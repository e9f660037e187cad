//! What can be known to be wrong with a workflow before it runs: names, dependencies, cycles, types, inputs, conditions. Everything is told at once.
//!
//! A new rule is one function called from [`check`]; messages are snapshots at the end of the file.

use super::data::{lookup, set_path};
use super::plan::giver;
use crate::model::workflow::{GROUP, Mode, Part, Step, Workflow, parse_path};
use crate::problem::{Problem, nearest};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};

/// Says whether there is a step type of a name, and if not, what the mistake is.
pub type Kinds<'k> = &'k dyn Fn(&str) -> Result<(), Problem>;

/// What an expression of a workflow is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// Whether a step runs.
    Condition,
    /// What a group gives.
    Value,
}

/// Says what is wrong with an expression, given the names of all steps and of the step's own inputs.
pub type Expression<'c> = &'c dyn Fn(&str, &[&str], &[&str], Is) -> Result<(), String>;

/// What the checks must know beyond the workflow itself.
pub struct Facts<'f> {
    /// The step types.
    pub kind: Kinds<'f>,
    /// Whether steps of a type may keep values for later steps beside their outputs.
    pub may_put_vars: &'f dyn Fn(&str) -> bool,
    /// What the run finds in `context`.
    pub context: &'f Map<String, Value>,
    /// Conditions, and what groups give.
    pub expression: Expression<'f>,
}

/// Checks that the steps of a workflow fit together. `path` is where the workflow stands in its document.
///
/// # Errors
/// Everything that is wrong, each with its path.
pub fn check(workflow: &Workflow, path: &str, facts: &Facts<'_>) -> Result<(), Vec<Problem>> {
    let mut all: Vec<Place<'_>> = Vec::new();
    let dot = if path.is_empty() { "" } else { "." };
    for (key, steps) in [("steps", &workflow.steps), ("finally", &workflow.finally)] {
        for (i, step) in steps.iter().enumerate() {
            let at = format!("{path}{dot}{key}[{i}]");
            let group = all.len();
            all.push(Place { step, path: at.clone(), parent: None, last: key == "finally" });
            for (j, sub) in step.sub_steps.iter().enumerate() {
                all.push(Place {
                    step: sub,
                    path: format!("{at}.subSteps[{j}]"),
                    parent: Some(group),
                    last: false,
                });
            }
        }
    }
    let mut faults = Vec::new();
    let by_name = names(&all, &mut faults);
    kinds(&all, facts.kind, &mut faults);
    let mut edges = dependencies(workflow, &all, &by_name, &mut faults);
    inputs(workflow, &all, facts, &mut edges, &mut faults);
    expressions(&all, facts.expression, &mut faults);
    cycles(&all, &edges, &mut faults);
    faults.sort_by_key(|(place, _)| *place);
    if faults.is_empty() { Ok(()) } else { Err(faults.into_iter().map(|(_, f)| f).collect()) }
}

/// How many steps of a cycle a message names.
const LONGEST_SHOWN: usize = 12;

struct Place<'w> {
    step: &'w Step,
    path: String,
    parent: Option<usize>,
    /// Whether it is one of `finally`.
    last: bool,
}

type Found = Vec<(usize, Problem)>;

fn names<'w>(all: &[Place<'w>], faults: &mut Found) -> HashMap<&'w str, usize> {
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for (i, p) in all.iter().enumerate() {
        let first = *by_name.entry(&p.step.name).or_insert(i);
        if first != i {
            let message =
                format!("there are two steps named `{}`: the other one is {}", p.step.name, all[first].path);
            faults.push((i, Problem::new("duplicate-name", format!("{}.name", p.path), message)));
        }
    }
    by_name
}

fn kinds(all: &[Place<'_>], kind: Kinds<'_>, faults: &mut Found) {
    for (i, p) in all.iter().enumerate() {
        if p.step.kind == GROUP || p.step.kind.is_empty() {
            continue;
        }
        if let Err(problem) = kind(&p.step.kind) {
            faults.push((i, Problem { path: format!("{}.type", p.path), ..problem }));
        }
    }
}

/// The edges of `dependsOn`: for each step, what it waits for.
fn dependencies(
    workflow: &Workflow,
    all: &[Place<'_>],
    by_name: &HashMap<&str, usize>,
    faults: &mut Found,
) -> Vec<Vec<usize>> {
    let mut edges = vec![Vec::new(); all.len()];
    for (i, p) in all.iter().enumerate() {
        for (k, name) in p.step.depends_on.iter().enumerate() {
            let at = format!("{}.dependsOn[{k}]", p.path);
            let Some(&on) = by_name.get(name.as_str()) else {
                let mut fault =
                    Problem::new("unknown-step", at, format!("the workflow has no step `{name}`"));
                if let Some(near) = nearest(name, by_name.keys().copied()) {
                    fault = fault.hint(format!("did you mean `{near}`?"));
                }
                faults.push((i, fault));
                continue;
            };
            if p.parent == Some(on) {
                faults.push((
                    i,
                    Problem::new(
                        "cycle",
                        at,
                        format!("`{}` is part of `{name}` and cannot wait for it", p.step.name),
                    ),
                ));
            } else if all[top(all, on)].last && !all[top(all, i)].last {
                let message = format!(
                    "`{}` cannot wait for `{name}`, which runs when all others are over",
                    p.step.name
                );
                faults.push((i, Problem::new("order", at, message)));
            } else if comes_first(workflow, all, i, on) {
                let message = format!(
                    "`{}` would wait for ever: in mode StepByStep `{name}` starts only after it",
                    p.step.name
                );
                faults.push((
                    i,
                    Problem::new("order", at, message).hint(format!("put `{name}` first, or use mode DAG")),
                ));
            } else {
                edges[i].push(on);
            }
        }
    }
    edges
}

/// The step that a step is in, or itself.
fn top(all: &[Place<'_>], i: usize) -> usize {
    all[i].parent.unwrap_or(i)
}

/// Whether the order of steps makes `i` come before `j`.
fn comes_first(workflow: &Workflow, all: &[Place<'_>], i: usize, j: usize) -> bool {
    let modes = workflow.mode.or_defaults();
    let (a, b) = (top(all, i), top(all, j));
    if a != b {
        return modes.steps == Some(Mode::StepByStep) && a < b;
    }
    all[a].step.mode.or(modes.sub_steps) == Some(Mode::StepByStep) && i < j
}

/// Whether `i` only starts when `j` is over because it takes what `j` gives.
fn waits_for_inputs(workflow: &Workflow, all: &[Place<'_>], i: usize) -> bool {
    let modes = workflow.mode.or_defaults();
    let mode = match all[i].parent {
        None => modes.steps,
        Some(group) => all[group].step.mode.or(modes.sub_steps),
    };
    mode == Some(Mode::Dag)
}

/// Names in `context` that every step finds there, whatever the run was given.
const IN_CONTEXT: [&str; 4] = ["stepName", "stepSessionID", "spanID", "stepGroupName"];

/// Inputs that no step gives, that come too late, or that do not fit where they are to go.
fn inputs(
    workflow: &Workflow,
    all: &[Place<'_>],
    facts: &Facts<'_>,
    edges: &mut [Vec<usize>],
    faults: &mut Found,
) {
    let mut givers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, p) in all.iter().enumerate() {
        for o in &p.step.outputs {
            givers.entry(&o.name).or_default().push(i);
        }
    }
    let mut may_be_put: Option<bool> = None;
    for (i, p) in all.iter().enumerate() {
        let mut parameter = Value::Object(p.step.properties.clone());
        for (k, input) in p.step.inputs.iter().enumerate() {
            let at = format!("{}.inputs[{k}]", p.path);
            if let Some(Ok(path)) = input.parameter_key.as_deref().map(parse_path)
                && let Err(why) = set_path(&mut parameter, &path, Value::Null)
            {
                let key = input.parameter_key.as_deref().unwrap_or_default();
                let message = format!("input `{}` cannot be set at `{key}`: {why}", input.from);
                faults.push((i, Problem::new("path", format!("{at}.parameterKey"), message)));
            }
            let at = format!("{at}.from");
            let Ok(path) = parse_path(&input.from) else {
                if !givers.contains_key(input.from.as_str()) && !input.from.is_empty() {
                    let message =
                        format!("`{}` is neither the name of an output nor a path into one", input.from);
                    faults.push((i, Problem::new("path", at, message)));
                }
                continue;
            };
            if let Some(found) = giver(&givers, &input.from) {
                let others: Vec<usize> =
                    found.iter().copied().filter(|j| *j != i && p.parent != Some(*j)).collect();
                let late = others.iter().all(|j| comes_first(workflow, all, i, *j));
                if others.is_empty() {
                    let message = format!("`{}` would wait for what it gives itself", p.step.name);
                    faults.push((i, Problem::new("cycle", at, message)));
                } else if late {
                    let name = &all[others[0]].step.name;
                    let message = format!(
                        "`{}` would wait for ever: in mode StepByStep `{name}`, which gives `{}`, starts only after it",
                        p.step.name, input.from
                    );
                    faults.push((
                        i,
                        Problem::new("order", at, message)
                            .hint(format!("put `{name}` first, or use mode DAG")),
                    ));
                } else if waits_for_inputs(workflow, all, i) {
                    edges[i].extend(others);
                }
                continue;
            }
            if let [Part::Key(context), Part::Key(name), rest @ ..] = path.as_slice()
                && context == "context"
            {
                let there = facts.context.get(name).is_some_and(|v| lookup(v, rest).is_some());
                if !there && !IN_CONTEXT.contains(&name.as_str()) {
                    let near = nearest(name, facts.context.keys().map(String::as_str));
                    let fault = Problem::new("unknown-input", at, format!("the run has no `{}`", input.from));
                    faults.push((i, hinted(fault, near)));
                }
                continue;
            }
            let put =
                *may_be_put.get_or_insert_with(|| all.iter().any(|p| (facts.may_put_vars)(&p.step.kind)));
            if !put {
                let near = nearest(&input.from, givers.keys().copied());
                let fault = Problem::new("unknown-input", at, format!("no step gives `{}`", input.from));
                faults.push((i, hinted(fault, near)));
            }
        }
    }
}

fn hinted(fault: Problem, near: Option<&str>) -> Problem {
    match near {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}

/// Conditions, and outputs of groups, that cannot be evaluated, whatever happens.
fn expressions(all: &[Place<'_>], expression: Expression<'_>, faults: &mut Found) {
    let mut names: Option<Vec<&str>> = None;
    for (i, p) in all.iter().enumerate() {
        let condition = p.step.condition.as_deref().filter(|c| *c != "always");
        let outputs = p.step.outputs.iter().enumerate().filter(|_| p.step.kind == GROUP);
        let condition = condition.map(|text| (text, format!("{}.if", p.path), Is::Condition));
        let outputs =
            outputs.map(|(k, o)| (&*o.value_from, format!("{}.outputs[{k}].valueFrom", p.path), Is::Value));
        for (text, at, is) in condition.into_iter().chain(outputs) {
            let names = names.get_or_insert_with(|| all.iter().map(|p| p.step.name.as_str()).collect());
            let inputs: Vec<&str> = p.step.inputs.iter().map(|i| i.from.as_str()).collect();
            let Err(why) = expression(text, names, &inputs, is) else { continue };
            let (code, what) = match is {
                Is::Condition => ("condition", "be a condition"),
                Is::Value => ("output", "give an output"),
            };
            faults.push((i, Problem::new(code, at, format!("`{text}` cannot {what}: {why}"))));
        }
    }
}

/// Finds each cycle once. A group waits for its sub-steps and a sub-step for what its group waits for, so those count as edges.
fn cycles(all: &[Place<'_>], edges: &[Vec<usize>], faults: &mut Found) {
    let mut graph: Vec<Vec<usize>> = edges.to_vec();
    for (i, p) in all.iter().enumerate() {
        if let Some(group) = p.parent {
            graph[group].push(i);
            graph[i].extend(edges[group].iter().copied());
        }
    }
    let mut done = vec![false; all.len()];
    let mut told: BTreeSet<Vec<usize>> = BTreeSet::new();
    for start in 0..all.len() {
        if done[start] {
            continue;
        }
        // Depth first with an own stack: workflows may be long.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        let mut on_path = vec![false; all.len()];
        on_path[start] = true;
        while let Some((at, next)) = path.pop() {
            let Some(&to) = graph[at].get(next) else {
                done[at] = true;
                on_path[at] = false;
                continue;
            };
            path.push((at, next + 1));
            if on_path[to] {
                let from = path.iter().position(|(n, _)| *n == to).unwrap_or(0);
                let cycle: Vec<usize> = path[from..].iter().map(|(n, _)| *n).collect();
                let mut members = cycle.clone();
                members.sort_unstable();
                if told.insert(members) {
                    faults.push(cycle_fault(all, &cycle));
                }
            } else if !done[to] {
                on_path[to] = true;
                path.push((to, 0));
            }
        }
    }
}

fn cycle_fault(all: &[Place<'_>], cycle: &[usize]) -> (usize, Problem) {
    // Start at the step that comes first in the document and says what it depends on.
    let says = |i: &usize| (all[*i].step.depends_on.is_empty(), *i);
    let turn = cycle.iter().enumerate().min_by_key(|(_, i)| says(i)).map_or(0, |(at, _)| at);
    let turned: Vec<usize> = cycle[turn..].iter().chain(&cycle[..turn]).copied().collect();
    let first = turned.first().copied().unwrap_or(0);
    let mut names: Vec<String> = turned.iter().map(|i| format!("`{}`", all[*i].step.name)).collect();
    if names.len() > LONGEST_SHOWN {
        names.truncate(LONGEST_SHOWN);
        names.push(format!("({} more)", turned.len() - LONGEST_SHOWN));
    }
    names.push(format!("`{}`", all[first].step.name));
    let next = turned.get(1).copied().unwrap_or(first);
    let step = all[first].step;
    let named = step.depends_on.iter().position(|d| *d == all[next].step.name);
    let gives = |from: &str| all[next].step.outputs.iter().any(|o| from.starts_with(&o.name));
    let at = match (named, step.inputs.iter().position(|i| gives(&i.from))) {
        (Some(k), _) => format!("{}.dependsOn[{k}]", all[first].path),
        (None, Some(k)) => format!("{}.inputs[{k}].from", all[first].path),
        (None, None) => format!("{}.dependsOn", all[first].path),
    };
    (
        first,
        Problem::new("cycle", at, format!("steps wait for each other in a circle: {}", names.join(" -> "))),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(doc: serde_json::Value) -> String {
        let w = Workflow::read(&doc, "spec.workflow").unwrap();
        let kind = |k: &str| match k {
            "x" | "suspend" => Ok(()),
            other => Err(Problem::new("unknown-type", "", format!("there is no step type `{other}`"))
                .hint("did you mean `suspend`?")),
        };
        let context = json!({"env": {"region": "eu"}});
        let facts = Facts {
            kind: &kind,
            may_put_vars: &|_| false,
            context: context.as_object().unwrap(),
            expression: &|text, names, _, _| match names.iter().any(|n| text == format!("status.{n}.failed"))
            {
                true => Ok(()),
                false => Err("no step is named so".into()),
            },
        };
        match check(&w, "spec.workflow", &facts) {
            Ok(()) => String::new(),
            Err(all) => all.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    #[test]
    fn a_sound_workflow_has_no_faults() {
        let doc = json!({"steps": [
            {"name": "a", "type": "x"},
            {"name": "g", "type": "step-group", "dependsOn": ["a"], "subSteps": [
                {"name": "g1", "type": "x", "dependsOn": ["g2"]}, {"name": "g2", "type": "x", "dependsOn": ["a"]}]},
            {"name": "b", "type": "suspend", "dependsOn": ["a", "g"]},
        ]});
        assert_eq!(faults(doc), "");
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let doc = json!({"mode": {"steps": "DAG"}, "steps": [
            {"name": "a", "type": "x", "dependsOn": ["c"]},
            {"name": "b", "type": "x", "dependsOn": ["a", "aa"]},
            {"name": "c", "type": "supend", "dependsOn": ["b"]},
            {"name": "a", "type": "x"},
            {"name": "self", "type": "x", "dependsOn": ["self"]},
            {"name": "g", "type": "step-group", "dependsOn": ["later"], "subSteps": [{"name": "g1", "type": "x", "dependsOn": ["g"]}]},
            {"name": "later", "type": "x", "dependsOn": ["g1"]},
        ]});
        insta::assert_snapshot!(faults(doc));
    }

    #[test]
    fn order_matters_step_by_step() {
        let doc = json!({"steps": [{"name": "first", "type": "x", "dependsOn": ["second"]}, {"name": "second", "type": "x"}]});
        insta::assert_snapshot!(faults(doc));
    }

    #[test]
    fn inputs_and_conditions_are_looked_at_before() {
        let output = json!([{"name": "out", "valueFrom": "1"}]);
        let doc = json!({"mode": {"subSteps": "StepByStep"}, "finally": [{"name": "last", "type": "x", "dependsOn": ["a"]}], "steps": [
            {"name": "a", "type": "x", "outputs": output, "inputs": [{"from": "out"}], "dependsOn": ["last"]},
            {"name": "b", "type": "x", "properties": {"list": "text"}, "if": "status.a.failed", "inputs": [
                {"from": "out.deep[0]", "parameterKey": "list[0]"}, {"from": "uot"}, {"from": "late.x"}, {"from": "context.env.region"},
                {"from": "context.enw"}, {"from": "context.stepName"}]},
            {"name": "c", "type": "x", "if": "status.nobody.failed", "outputs": [{"name": "late", "valueFrom": "1"}]},
            {"name": "g", "type": "step-group", "subSteps": [
                {"name": "g1", "type": "x", "inputs": [{"from": "g2"}]}, {"name": "g2", "type": "x", "outputs": [{"name": "g2", "valueFrom": "1"}]}]},
        ]});
        insta::assert_snapshot!(faults(doc));
        let doc = json!({"mode": {"steps": "DAG"}, "steps": [
            {"name": "a", "type": "x", "inputs": [{"from": "b.x"}], "outputs": [{"name": "a", "valueFrom": "1"}]},
            {"name": "b", "type": "x", "inputs": [{"from": "a"}], "outputs": [{"name": "b", "valueFrom": "1"}]},
        ]});
        insta::assert_snapshot!(faults(doc), @"spec.workflow.steps[0].inputs[0].from: steps wait for each other in a circle: `a` -> `b` -> `a`");
    }

    #[test]
    fn a_long_chain_is_walked_without_recursion() {
        let steps: Vec<_> = (0..9000)
            .map(|i| json!({"name": format!("s{i}"), "type": "x", "dependsOn": [format!("s{}", (i + 1) % 9000)]}))
            .collect();
        let found = faults(json!({"mode": {"steps": "DAG"}, "steps": steps}));
        assert!(found.starts_with(
            "spec.workflow.steps[0].dependsOn[0]: steps wait for each other in a circle: `s0` -> `s1`"
        ));
    }
}
