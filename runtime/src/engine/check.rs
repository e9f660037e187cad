//! What can be known to be wrong with a workflow before it runs: names, dependencies, cycles, types. Everything is told at once.
//!
//! A new rule is one function called from [`check`]; messages are snapshots at the end of the file.

use crate::model::workflow::{GROUP, Mode, Step, Workflow};
use crate::problem::{Problem, nearest};
use std::collections::{BTreeSet, HashMap};

/// Says whether there is a step type of a name, and if not, what the mistake is.
pub type Kinds<'k> = &'k dyn Fn(&str) -> Result<(), Problem>;

/// Checks that the steps of a workflow fit together. `path` is where the workflow stands in its document; `kind` knows the step types.
///
/// # Errors
/// Everything that is wrong, each with its path.
pub fn check(workflow: &Workflow, path: &str, kind: Kinds<'_>) -> Result<(), Vec<Problem>> {
    let mut all: Vec<Place<'_>> = Vec::new();
    for (i, step) in workflow.steps.iter().enumerate() {
        let at = format!("{path}.steps[{i}]");
        let group = all.len();
        all.push(Place { step, path: at.clone(), parent: None });
        for (j, sub) in step.sub_steps.iter().enumerate() {
            all.push(Place { step: sub, path: format!("{at}.subSteps[{j}]"), parent: Some(group) });
        }
    }
    let mut faults = Vec::new();
    let by_name = names(&all, &mut faults);
    kinds(&all, kind, &mut faults);
    let edges = dependencies(workflow, &all, &by_name, &mut faults);
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
    let modes = workflow.mode.or_defaults();
    let mut edges = vec![Vec::new(); all.len()];
    for (i, p) in all.iter().enumerate() {
        let mode = match p.parent {
            None => modes.steps,
            Some(group) => all[group].step.mode.or(modes.sub_steps),
        };
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
            } else if mode == Some(Mode::StepByStep) && on > i && all[on].parent == p.parent {
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
    let k = all[first].step.depends_on.iter().position(|d| *d == all[next].step.name);
    let at = match k {
        Some(k) => format!("{}.dependsOn[{k}]", all[first].path),
        None => format!("{}.dependsOn", all[first].path),
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
        match check(&w, "spec.workflow", &kind) {
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
