//! A workflow in the form that the engine walks: steps and sub-steps in one list, names and dependencies resolved.
//!
//! A plan never changes while a run lasts. Made from a [`Workflow`] that `check` has found sound; what is not is left out here, never a panic.

use crate::model::workflow::{Mode, Step, Workflow};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::time::Duration;

/// How often and how fast things are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How often a failed step is tried again.
    pub retries: u32,
    /// The longest pause after a failure; the first is one second, then it doubles.
    pub failed_backoff: Duration,
    /// The longest pause of a step that waits, if nothing wakes it.
    pub wait_backoff: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { retries: 10, failed_backoff: Duration::from_secs(60), wait_backoff: Duration::from_secs(60) }
    }
}

impl Limits {
    /// The pause after the `n`th time, counted from 1: one second, doubling, to `longest`.
    pub fn pause(n: u32, longest: Duration) -> Duration {
        Duration::from_secs(1u64 << n.saturating_sub(1).min(20)).min(longest)
    }
}

/// A step or sub-step with its place in the workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What is written.
    pub step: Step,
    /// The group that it is in.
    pub parent: Option<usize>,
    /// The sub-steps, as indices.
    pub children: Vec<usize>,
    /// What must be done before, as indices: `dependsOn`, and in a DAG also the steps that give its inputs.
    pub depends_on: Vec<usize>,
    /// Whether it runs when all others are over.
    pub last: bool,
}

/// A workflow and what its run is told about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps and sub-steps, each group before its own.
    pub nodes: Vec<Node>,
    /// The indices of the steps.
    pub top: Vec<usize>,
    /// The mode of the steps.
    pub mode: Option<Mode>,
    /// The mode of sub-steps where the group does not say.
    pub sub_mode: Option<Mode>,
    /// Something that no other run has: the ids of steps are made from it.
    pub uid: String,
    /// What every step finds in `context`.
    pub context: Map<String, Value>,
    /// How often and how fast.
    pub limits: Limits,
    by_name: HashMap<String, usize>,
}

impl Plan {
    /// A plan of a workflow. `uid` is that of the run's object, `context` what every step finds under that name.
    pub fn new(workflow: &Workflow, uid: impl Into<String>, context: Map<String, Value>) -> Plan {
        let modes = workflow.mode.or_defaults();
        let mut plan = Plan {
            mode: modes.steps,
            sub_mode: modes.sub_steps,
            uid: uid.into(),
            context,
            ..Plan::default()
        };
        let steps = workflow.steps.iter().map(|s| (s, false));
        for (step, last) in steps.chain(workflow.finally.iter().map(|s| (s, true))) {
            let at = plan.push(step, None);
            plan.top.push(at);
            if last {
                let node = &mut plan.nodes[at];
                node.last = true;
                node.step.condition.get_or_insert_with(|| "always".into());
            }
            for sub in &step.sub_steps {
                let child = plan.push(sub, Some(at));
                plan.nodes[at].children.push(child);
            }
        }
        plan.resolve();
        plan
    }

    fn push(&mut self, step: &Step, parent: Option<usize>) -> usize {
        let at = self.nodes.len();
        self.by_name.entry(step.name.clone()).or_insert(at);
        let step = Step { sub_steps: Vec::new(), ..step.clone() };
        self.nodes.push(Node { step, parent, children: Vec::new(), depends_on: Vec::new(), last: false });
        at
    }

    fn resolve(&mut self) {
        let mut givers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, n) in self.nodes.iter().enumerate() {
            for o in &n.step.outputs {
                givers.entry(&o.name).or_default().push(i);
            }
        }
        let others: Vec<usize> = self.top.iter().copied().filter(|n| !self.nodes[*n].last).collect();
        let mut all = Vec::with_capacity(self.nodes.len());
        for (i, n) in self.nodes.iter().enumerate() {
            let mut deps: Vec<usize> =
                n.step.depends_on.iter().filter_map(|d| self.by_name.get(d).copied()).collect();
            if self.mode_around(i) == Mode::Dag {
                let found = n.step.inputs.iter().filter_map(|input| giver(&givers, &input.from));
                deps.extend(found.flatten());
                if n.last {
                    deps.extend(&others);
                }
            }
            deps.retain(|d| *d != i && n.parent != Some(*d));
            deps.sort_unstable();
            deps.dedup();
            all.push(deps);
        }
        for (n, deps) in self.nodes.iter_mut().zip(all) {
            n.depends_on = deps;
        }
    }

    /// The index of the step or sub-step of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|n| n.step.name.as_str())
    }

    /// How often and how fast a step is tried again.
    pub fn limits_of(&self, node: usize) -> Limits {
        let own = self.nodes[node].step.retry;
        Limits {
            retries: own.limit.unwrap_or(self.limits.retries),
            failed_backoff: own.backoff.unwrap_or(self.limits.failed_backoff),
            wait_backoff: own.wait_backoff.unwrap_or(self.limits.wait_backoff),
        }
    }

    /// The mode of the level that a step is on.
    pub fn mode_around(&self, node: usize) -> Mode {
        match self.nodes[node].parent {
            None => self.mode.unwrap_or(Mode::StepByStep),
            Some(group) => self.mode_in(group),
        }
    }

    /// The mode of the sub-steps of a group.
    pub fn mode_in(&self, group: usize) -> Mode {
        self.nodes[group].step.mode.or(self.sub_mode).unwrap_or(Mode::Dag)
    }

    /// The id of a step: ten letters and digits, the same whenever it is asked for, others in another run or generation.
    pub fn id(&self, node: usize, generation: u32) -> String {
        // FNV-1a, 64 bits: ids tell steps of one run apart, nothing hangs on their being hard to guess.
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let index = (node as u64).to_le_bytes();
        let parts: [&[u8]; 4] =
            [self.uid.as_bytes(), &generation.to_le_bytes(), &index, self.nodes[node].step.name.as_bytes()];
        for byte in parts.concat() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut id = String::with_capacity(10);
        for _ in 0..10 {
            let digit = (hash % 36) as u32;
            id.push(char::from_digit(digit, 36).unwrap_or('0'));
            hash = (hash / 36) ^ hash.rotate_left(23);
        }
        id
    }
}

/// The steps that give what an input takes: those with the longest output name that the input begins with.
pub(super) fn giver<'g>(givers: &'g HashMap<&str, Vec<usize>>, from: &str) -> Option<&'g Vec<usize>> {
    let mut end = from.len();
    loop {
        if let Some(found) = givers.get(&from[..end]) {
            return Some(found);
        }
        end = from[..end].rfind(['.', '['])?;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inputs_are_dependencies_in_a_dag_only() {
        let doc = |mode| {
            json!({"mode": {"steps": mode}, "steps": [
                {"name": "b", "type": "x", "inputs": [{"from": "o.deep", "parameterKey": "k"}]},
                {"name": "a", "type": "x", "outputs": [{"name": "o", "valueFrom": "1"}]},
            ]})
        };
        let plan = |mode| Plan::new(&Workflow::read(&doc(mode), "w").unwrap(), "u", Map::new());
        assert_eq!(plan("DAG").nodes[0].depends_on, [1]);
        assert_eq!(plan("StepByStep").nodes[0].depends_on, [0usize; 0]);
    }

    #[test]
    fn ids_are_stable_and_distinct() {
        let steps: Vec<_> = (0..1000).map(|i| json!({"name": format!("s{i}"), "type": "x"})).collect();
        let plan = Plan::new(&Workflow::read(&json!({"steps": steps}), "w").unwrap(), "u", Map::new());
        let ids: std::collections::BTreeSet<_> =
            (0..1000).flat_map(|i| [plan.id(i, 0), plan.id(i, 1)]).collect();
        assert_eq!(ids.len(), 2000);
        assert!(ids.iter().all(|id| id.len() == 10));
        assert_eq!(plan.id(3, 0), plan.id(3, 0));
    }

    #[test]
    fn pauses_double_to_the_limit() {
        let pauses: Vec<u64> = (1..9).map(|n| Limits::pause(n, Duration::from_secs(60)).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(Limits::pause(u32::MAX, Duration::from_secs(60)).as_secs(), 60);
    }
}
