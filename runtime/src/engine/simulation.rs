//! A seeded simulation: random workflows on a world that crashes at every point between two records and between the two writes of one, saves late (but
//! before anything is touched), publishes the status now and then, delivers events twice and lets time pass at random. What must hold is compared with a model that knows nothing of attempts, waits or crashes.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::machine::tests::Paths;
use super::{Effect, Event, Ledger, Outcome, Plan, State, StepResult, Stored, Touched, Watched, apply};
use crate::model::run::{ContextBackend, Reason, RunPhase, RunStatus, StepPhase, Time};
use crate::model::workflow::{GROUP, Mode, Workflow};
use crate::secret::{Given, Mark, Marked, Part, Recipe};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// How a simulated step behaves, whatever happens around it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Script {
    Succeeds,
    FailsForGood,
    /// Fails so many times first.
    Stumbles(u32),
    /// Waits so many times first.
    Waits(u32),
    Suspends,
}

/// What a step gives: its name, which half of the steps say to be secret.
fn given(name: &str) -> Given {
    let recipe = Recipe::Text(vec![Part::Text(name.into())]);
    let secret = name.ends_with(['0', '2', '4', '6', '8']);
    let marks = secret.then_some(Mark { at: String::new(), recipe }).into_iter().collect();
    Given { marked: Marked { data: json!(name), marks }, clear: None }
}

const CONDITIONS: [&str; 4] = ["always", "true", "false", "status.s0.failed"];

fn workflow(rng: &mut StdRng) -> (Workflow, HashMap<String, Script>) {
    let mut scripts = HashMap::new();
    let mut count = 0;
    let mut step = |rng: &mut StdRng, siblings: &[String]| {
        let name = format!("s{count}");
        count += 1;
        let script = match rng.random_range(0..10) {
            0..=3 => Script::Succeeds,
            4 => Script::FailsForGood,
            5 => Script::Stumbles(rng.random_range(1..14)),
            6..=7 => Script::Waits(rng.random_range(1..4)),
            _ => Script::Suspends,
        };
        scripts.insert(name.clone(), script);
        let mut doc = json!({"name": name, "type": "x", "dependsOn": []});
        if !siblings.is_empty() && rng.random_bool(0.4) {
            doc["dependsOn"] = json!([siblings[rng.random_range(0..siblings.len())]]);
        }
        if rng.random_bool(0.2) {
            doc["if"] = json!(CONDITIONS[rng.random_range(0..CONDITIONS.len())]);
        }
        if rng.random_bool(0.3) {
            doc["outputs"] = json!([{"name": format!("o-{name}"), "valueFrom": "v"}]);
        }
        (name, doc)
    };
    let mode = |rng: &mut StdRng| if rng.random_bool(0.5) { "DAG" } else { "StepByStep" };
    let (mut steps, mut names) = (Vec::new(), Vec::new());
    for _ in 0..rng.random_range(1..6) {
        let (name, mut doc) = step(rng, &names);
        if rng.random_bool(0.25) {
            doc["type"] = json!(GROUP);
            doc["mode"] = json!(mode(rng));
            doc.as_object_mut().unwrap().remove("outputs");
            let (mut subs, mut siblings) = (Vec::new(), Vec::new());
            for _ in 0..rng.random_range(0..4) {
                let (name, doc) = step(rng, &siblings);
                siblings.push(name);
                subs.push(doc);
            }
            doc["subSteps"] = json!(subs);
        }
        names.push(name);
        steps.push(doc);
    }
    let doc = json!({"mode": {"steps": mode(rng)}, "steps": steps});
    (Workflow::read(&doc, "w").unwrap(), scripts)
}

/// The model: walks the workflow once, in an order in which dependencies come first, and says how each step must end.
fn expected(plan: &Plan, scripts: &HashMap<String, Script>) -> BTreeMap<String, StepPhase> {
    fn level(
        plan: &Plan,
        scripts: &HashMap<String, Script>,
        nodes: &[usize],
        mode: Mode,
        ends: &mut BTreeMap<String, StepPhase>,
    ) {
        let mut failed_before = false;
        for &n in nodes {
            let step = &plan.nodes[n].step;
            let end_of = |d: usize, ends: &BTreeMap<String, StepPhase>| ends[&plan.nodes[d].step.name];
            let lost = plan.nodes[n].depends_on.iter().any(|d| match end_of(*d, ends) {
                StepPhase::Failed => true,
                StepPhase::Skipped => plan.nodes[*d].step.condition.is_none(),
                _ => false,
            });
            let runs = match step.condition.as_deref() {
                None if mode == Mode::StepByStep => !lost && !failed_before,
                None => !lost,
                Some("always" | "true") => true,
                Some("false") => false,
                // The only other condition asks for the first step; a step that does not depend on it may come before its end, so
                // the workflows made here are given to the model only where that cannot be.
                Some(_) => ends.get("s0") == Some(&StepPhase::Failed),
            };
            let end = if !runs {
                for &c in &plan.nodes[n].children {
                    ends.insert(plan.nodes[c].step.name.clone(), StepPhase::Skipped);
                }
                StepPhase::Skipped
            } else if step.kind == GROUP {
                level(plan, scripts, &plan.nodes[n].children, plan.mode_in(n), ends);
                let failed = plan.nodes[n].children.iter().any(|c| end_of(*c, ends) == StepPhase::Failed);
                if failed { StepPhase::Failed } else { StepPhase::Succeeded }
            } else {
                match scripts[&step.name] {
                    Script::FailsForGood => StepPhase::Failed,
                    Script::Stumbles(n) if n > 10 => StepPhase::Failed,
                    _ => StepPhase::Succeeded,
                }
            };
            failed_before |= end == StepPhase::Failed;
            ends.insert(step.name.clone(), end);
        }
    }
    let mut ends = BTreeMap::new();
    level(plan, scripts, &plan.top, plan.mode.unwrap(), &mut ends);
    ends
}

/// Whether a condition on another step's state is only asked when that step is over.
fn decidable(plan: &Plan) -> bool {
    plan.nodes.iter().all(|n| match n.step.condition.as_deref() {
        Some(c) if c.starts_with("status") => {
            plan.mode == Some(Mode::StepByStep) && n.parent.is_none() && n.step.name != "s0"
        }
        _ => true,
    })
}

/// The world: what is on disk, what steps have done, and what is on its way to the engine.
struct World {
    plan: Plan,
    scripts: HashMap<String, Script>,
    /// What is on disk: the published status, and what lies beside it.
    published: RunStatus,
    stored: Stored,
    ledger: Ledger,
    /// What of the memory is not saved.
    unsaved: Touched,
    memory: State,
    now: Time,
    in_flight: BTreeMap<String, u32>,
    /// For each attempt (step id, number) how often it has touched the world.
    touched: BTreeMap<(String, u32), u32>,
    crashes: u32,
    timer: Option<Time>,
    finished: bool,
}

fn stored<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_value(serde_json::to_value(value).unwrap()).unwrap()
}

impl World {
    /// Delivers an event and carries its effects out, crashing between any two of them.
    fn deliver(&mut self, event: Event, rng: &mut StdRng) {
        // As the driver does: an attempt whose result is in is no longer under way, whoever brought the result.
        if let Event::Done { step, attempt, .. } = &event
            && self.in_flight.get(step) == Some(attempt)
        {
            self.in_flight.remove(step);
        }
        let effects = match apply(&self.plan, &mut self.memory, event, self.now, &Paths) {
            Ok(effects) => effects,
            Err(_) => return,
        };
        self.timer = None;
        for effect in effects {
            if self.crashes > 0 && rng.random_bool(0.1) {
                return self.crash(rng);
            }
            match effect {
                // Saving may wait until something is to be touched.
                Effect::Save(touched) => {
                    self.unsaved.add(touched);
                    if rng.random_bool(0.5) {
                        self.save(rng);
                    }
                }
                Effect::Execute { step, attempt } => {
                    self.in_flight.insert(step, attempt);
                }
                Effect::Cancel { step } => {
                    self.in_flight.remove(&step);
                }
                Effect::Watch { .. } => {}
                Effect::WakeAt(t) => self.timer = Some(t),
                Effect::Finished => {
                    // Outputs that only the journal has are written out before.
                    while !self.unsaved.is_none() || self.ledger.vars_are_behind(&self.unsaved) {
                        self.save(rng);
                    }
                    self.publish();
                    self.finished = true;
                }
            }
        }
    }

    /// Saves what has changed, in one write; sometimes it is the status that is written, sometimes both.
    fn save(&mut self, rng: &mut StdRng) {
        let publish = rng.random_bool(0.3);
        let whole = publish && self.ledger.vars_are_behind(&self.unsaved);
        let beside = self.unsaved.notes || !self.unsaved.vars.is_empty() || whole;
        if beside || !publish {
            let whole = whole || rng.random_bool(0.2);
            let journal = self.ledger.journal(&self.memory, &self.unsaved, !whole);
            if whole {
                self.stored.vars = self.memory.vars.clone();
                self.stored.marks = self.memory.marks.clone();
            }
            // What is saved is what comes back: through the form in which it is stored.
            self.stored.journal = stored(&journal);
            self.stored.book = stored(&self.memory.book);
            self.ledger.saved(&self.unsaved, whole);
            self.unsaved = Touched::default();
            // Here it may crash as well: what was to be published is told by the journal.
        }
        if publish {
            self.publish();
        }
    }

    fn publish(&mut self) {
        let mark = self.ledger.next_mark().to_string();
        let backend = ContextBackend { resource_version: mark, ..ContextBackend::default() };
        self.memory.status.context_backend = Some(backend);
        self.published = stored(&self.memory.status);
        self.ledger.was_published(&self.memory.status, &self.unsaved);
        self.unsaved = Touched::default();
        assert_eq!(self.ledger.published(), &self.memory.status);
    }

    fn read(&self) -> (Ledger, State) {
        Ledger::open(self.published.clone(), self.stored.clone())
    }

    /// An attempt touches the world: after everything that led to it is saved.
    fn touch(&mut self, step: &str, attempt: u32, rng: &mut StdRng) {
        self.save(rng);
        let saved = self.read().1;
        let book = saved.book.steps.get(step).cloned().unwrap_or_default();
        let known = saved.status.all().any(|s| s.id == step && !s.finished());
        assert!(
            known && book.in_flight && book.attempt == attempt,
            "an attempt is recorded before it touches anything: {step} {attempt}: {book:?}, {:?}",
            saved.status
        );
        *self.touched.entry((step.to_string(), attempt)).or_default() += 1;
    }

    fn crash(&mut self, rng: &mut StdRng) {
        self.crashes -= 1;
        (self.ledger, self.memory) = self.read();
        self.unsaved = Touched::default();
        self.in_flight.clear();
        self.timer = None;
        self.finished = false;
        self.deliver(Event::Start, rng);
    }

    fn outcome(&self, id: &str) -> StepResult {
        let status = self.memory.status.all().find(|s| s.id == id).unwrap();
        let book = self.memory.book.steps.get(id).cloned().unwrap_or_default();
        let failed = |retry| Outcome::Failed { reason: Reason::Execute, message: "no".into(), retry };
        let outcome = match self.scripts[&status.name] {
            Script::Succeeds => Outcome::Succeeded,
            Script::FailsForGood => failed(false),
            Script::Stumbles(n) if book.failures < n => failed(true),
            Script::Waits(n) if book.waits < n => {
                Outcome::Waiting { message: "wait".into(), watches: vec![Watched::default()], within: None }
            }
            Script::Suspends if book.suspension.as_ref().is_none_or(|s| s.resumed.is_empty()) => {
                Outcome::Suspended { op: "s".into(), duration: None }
            }
            _ => Outcome::Succeeded,
        };
        let node = self.plan.find(&status.name).unwrap();
        let outputs = self.plan.nodes[node]
            .step
            .outputs
            .iter()
            .map(|o| (o.name.clone(), given(&status.name)))
            .collect();
        StepResult { outcome, message: None, outputs }
    }

    fn turn(&mut self, rng: &mut StdRng) {
        let flying: Vec<(String, u32)> = self.in_flight.iter().map(|(s, a)| (s.clone(), *a)).collect();
        match rng.random_range(0..10) {
            0..=5 if !flying.is_empty() => {
                let (step, attempt) = flying[rng.random_range(0..flying.len())].clone();
                self.touch(&step, attempt, rng);
                if self.crashes > 0 && rng.random_bool(0.1) {
                    return self.crash(rng);
                }
                let event = Event::Done { step: step.clone(), attempt, result: self.outcome(&step) };
                self.deliver(event.clone(), rng);
                if rng.random_bool(0.2) {
                    self.deliver(event, rng);
                }
            }
            6 => {
                let ids: Vec<String> = self.memory.status.all().map(|s| s.id.clone()).collect();
                if !ids.is_empty() {
                    let step = ids[rng.random_range(0..ids.len())].clone();
                    self.deliver(Event::Changed { step }, rng);
                }
            }
            7 if self.crashes > 0 => self.crash(rng),
            8 => self.deliver(Event::Resume { step: None }, rng),
            _ => {
                let to = self.timer.unwrap_or(self.now).max(self.now);
                self.now =
                    if rng.random_bool(0.5) { to } else { Time(self.now.0 + rng.random_range(0..1500)) };
                self.deliver(Event::Tick, rng);
            }
        }
    }
}

impl World {
    fn run_to_the_end(&mut self, seed: u64, rng: &mut StdRng) {
        let mut turns = 0;
        while !self.finished {
            self.turn(rng);
            turns += 1;
            assert!(turns < 20_000, "seed {seed}: no end: {:?}", self.memory.status);
        }
    }

    /// Whether the run has ended as it must, and all is published.
    fn check(&self, seed: u64, want: &BTreeMap<String, StepPhase>) {
        let saved = self.read().1;
        assert_eq!(
            saved.status.steps.len(),
            self.published.steps.len(),
            "seed {seed}: at the end all is published"
        );
        let got: BTreeMap<String, StepPhase> =
            self.published.all().map(|s| (s.name.clone(), s.phase)).collect();
        assert_eq!(got, *want, "seed {seed}");
        let failed = want.values().any(|p| *p == StepPhase::Failed);
        assert_eq!(self.published.phase == RunPhase::Failed, failed, "seed {seed}");
        assert!(self.published.finished && saved.book.steps.is_empty(), "seed {seed}");
        for node in &self.plan.nodes {
            for o in &node.step.outputs {
                let value = match got[&node.step.name] {
                    StepPhase::Skipped => Value::Null,
                    _ => json!(node.step.name),
                };
                let marks = match value.is_null() {
                    true => None,
                    false => Some(given(&node.step.name).marked.marks).filter(|m| !m.is_empty()),
                };
                assert_eq!(saved.vars[&o.name], value, "seed {seed}");
                assert_eq!(saved.marks.get(&o.name).cloned(), marks, "seed {seed}");
            }
        }
    }
}

fn simulate(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let (workflow, scripts) = workflow(&mut rng);
    let plan = Plan::new(&workflow, format!("uid-{seed}"), Map::new());
    if !decidable(&plan) {
        return;
    }
    let want = expected(&plan, &scripts);
    let mut w = World {
        plan,
        scripts,
        published: RunStatus::default(),
        stored: Stored::default(),
        ledger: Ledger::default(),
        unsaved: Touched::default(),
        memory: State::default(),
        now: Time(1_000_000),
        in_flight: BTreeMap::new(),
        touched: BTreeMap::new(),
        crashes: rng.random_range(0..8),
        timer: None,
        finished: false,
    };
    let allowed = w.crashes;
    w.deliver(Event::Start, &mut rng);
    w.run_to_the_end(seed, &mut rng);
    w.check(seed, &want);
    // Started over: asked for in one write, after which the process may be gone.
    if rng.random_bool(0.3) {
        let before: Vec<String> = w.published.all().map(|s| s.id.clone()).collect();
        w.finished = false;
        let effects = apply(&w.plan, &mut w.memory, Event::Restart { from: None }, w.now, &Paths).unwrap();
        let Some(Effect::Save(touched)) = effects.first() else { panic!("seed {seed}: nothing to save") };
        w.unsaved.add(touched.clone());
        w.save(&mut rng);
        w.crashes += 1;
        w.crash(&mut rng);
        w.run_to_the_end(seed, &mut rng);
        w.check(seed, &want);
        assert!(w.published.all().all(|s| !before.contains(&s.id)), "seed {seed}: it did not start over");
        w.crashes = w.crashes.min(allowed);
    }
    let repeats: u32 = w.touched.values().map(|n| n - 1).sum();
    // Each touch saves the results before it, so a crash can lose only the result of the latest.
    let crashes = allowed - w.crashes;
    assert!(repeats <= crashes, "seed {seed}: {repeats} repeats for {crashes} crashes");
}

#[test]
fn random_workflows_end_as_the_model_says() {
    for seed in 0..3000 {
        simulate(seed);
    }
}
