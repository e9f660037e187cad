//! Every transition, by small workflows: events in, the steps' states out.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::{
    Effect, Event, Judge, Outcome, Plan, Refused, State, StepResult, Watched, changes, parameter,
};
use super::apply;
use crate::model::run::{Reason, RunPhase, StepPhase, Time};
use crate::model::workflow::Workflow;
use crate::secret::Given;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Conditions of the form `status.NAME.FACT`, `inputs.NAME`, `true`, `false`.
pub(crate) struct Paths;

impl Judge for Paths {
    fn holds(&self, expression: &str, scope: &Map<String, Value>) -> Result<bool, String> {
        let pointer = format!("/{}", expression.replace('.', "/"));
        match (expression, Value::Object(scope.clone()).pointer(&pointer)) {
            ("true", _) => Ok(true),
            ("false", _) => Ok(false),
            (_, Some(Value::Bool(b))) => Ok(*b),
            _ => Err(format!("undefined: {expression}")),
        }
    }

    fn value(&self, expression: &str, scope: &Map<String, Value>) -> Result<Value, String> {
        let pointer = format!("/{}", expression.replace('.', "/"));
        let found = Value::Object(scope.clone()).pointer(&pointer).cloned();
        found.ok_or_else(|| format!("undefined: {expression}"))
    }
}

pub(crate) fn result(outcome: Outcome) -> StepResult {
    StepResult { outcome, message: None, outputs: Vec::new() }
}

fn failed(retry: bool) -> StepResult {
    result(Outcome::Failed { reason: Reason::Execute, message: "no".into(), retry })
}

fn waiting() -> StepResult {
    let watches = vec![Watched { kind: "Deployment".into(), ..Watched::default() }];
    result(Outcome::Waiting { message: "not yet".into(), watches, within: None })
}

struct Run {
    plan: Plan,
    state: State,
    now: Time,
    effects: Vec<Effect>,
}

impl Run {
    fn new(doc: Value) -> Run {
        let plan = Plan::new(&Workflow::read(&doc, "w").unwrap(), "uid-1", Map::new());
        let mut run = Run { plan, state: State::default(), now: Time(1_000_000), effects: Vec::new() };
        run.event(Event::Start).unwrap();
        run
    }

    fn event(&mut self, event: Event) -> Result<(), Refused> {
        let before = self.state.clone();
        self.effects = apply(&self.plan, &mut self.state, event, self.now, &Paths)?;
        let mut followed = before.clone();
        let saves: Vec<_> = self.effects.iter().filter(|e| matches!(e, Effect::Save(_))).collect();
        if let Some(Effect::Save(touched)) = self.effects.first() {
            followed.follow(&self.state, touched);
        }
        assert_eq!(followed, self.state, "what has changed is touched: {:?}", self.effects);
        let saved = before != self.state;
        assert_eq!(
            saves.len(),
            usize::from(saved),
            "a save exactly when something changed: {:?}",
            self.effects
        );
        assert_eq!(matches!(self.effects.first(), Some(Effect::Save(_))), saved);
        Ok(())
    }

    fn id(&self, name: &str) -> String {
        self.state.status.step(name).unwrap().id.clone()
    }

    fn attempt(&self, name: &str) -> u32 {
        self.state.book.steps.get(&self.id(name)).map_or(1, |b| b.attempt)
    }

    fn done(&mut self, name: &str, result: StepResult) {
        let (step, attempt) = (self.id(name), self.attempt(name));
        self.event(Event::Done { step, attempt, result }).unwrap();
    }

    fn ok(&mut self, name: &str) {
        self.done(name, result(Outcome::Succeeded));
    }

    fn pass(&mut self, seconds: f64) {
        self.now = self.now.plus(Duration::from_secs_f64(seconds));
        self.event(Event::Tick).unwrap();
    }

    /// The steps that are to be executed now.
    fn starts(&self) -> Vec<String> {
        let name = |id: &str| self.state.status.all().find(|s| s.id == id).unwrap().name.clone();
        let executed = |e: &Effect| match e {
            Effect::Execute { step, attempt } => Some(format!("{}#{attempt}", name(step))),
            _ => None,
        };
        self.effects.iter().filter_map(executed).collect()
    }

    fn wakes_in(&self) -> Option<f64> {
        self.effects.iter().find_map(|e| match e {
            Effect::WakeAt(t) => Some(self.now.until(*t).as_secs_f64()),
            _ => None,
        })
    }

    /// The run in one line.
    fn line(&self) -> String {
        let step = |s: &crate::model::run::StepStatus| {
            let reason = s.reason.map(|r| format!("/{r:?}")).unwrap_or_default();
            let message = if s.message.is_empty() { String::new() } else { format!(" '{}'", s.message) };
            format!("{} {:?}{reason}{message}", s.name, s.phase)
        };
        let s = &self.state.status;
        let steps: Vec<String> = s.all().map(step).collect();
        format!("{:?}{}: {}", s.phase, if s.finished { "!" } else { "" }, steps.join(", "))
    }
}

fn steps(steps: Value) -> Value {
    json!({"steps": steps})
}

#[test]
fn one_after_the_other() {
    let mut r = Run::new(steps(json!([{"name": "a", "type": "x"}, {"name": "b", "type": "x"}])));
    assert_eq!(r.starts(), ["a#1"]);
    r.ok("a");
    assert_eq!(r.starts(), ["b#1"]);
    assert_eq!(r.line(), "Executing: a Succeeded, b Running");
    r.ok("b");
    assert_eq!(r.line(), "Succeeded!: a Succeeded, b Succeeded");
    assert!(matches!(&r.effects[..], [Effect::Save(_), Effect::Finished]));
    assert!(!r.state.status.terminated && r.state.status.end_time.is_some() && r.state.book.steps.is_empty());
}

#[test]
fn no_steps_is_success() {
    assert_eq!(Run::new(steps(json!([]))).line(), "Succeeded!: ");
}

#[test]
fn a_plain_step_leaves_no_notes() {
    let r = Run::new(steps(json!([{"name": "a", "type": "x"}])));
    assert!(r.state.book.steps.is_empty());
}

#[test]
fn a_dag_starts_what_it_can() {
    let mut r = Run::new(json!({"mode": {"steps": "DAG"}, "steps": [
        {"name": "c", "type": "x", "dependsOn": ["a", "b"]}, {"name": "a", "type": "x"}, {"name": "b", "type": "x"}]}));
    assert_eq!(r.starts(), ["a#1", "b#1"]);
    r.ok("b");
    assert!(r.starts().is_empty());
    r.ok("a");
    assert_eq!(r.starts(), ["c#1"]);
}

#[test]
fn a_failure_skips_what_has_no_condition() {
    let mut r = Run::new(steps(json!([
        {"name": "a", "type": "x"}, {"name": "b", "type": "x"}, {"name": "c", "type": "x", "if": "always"},
        {"name": "d", "type": "x", "if": "status.a.succeeded"}, {"name": "e", "type": "x", "if": "status.a.failed"},
        {"name": "f", "type": "x", "if": "nonsense"}])));
    r.done("a", failed(false));
    r.ok("c");
    r.ok("e");
    assert_eq!(
        r.line(),
        "Failed!: a Failed/Action 'no', b Skipped/Skip, c Succeeded, d Skipped/Skip, e Succeeded, \
         f Skipped/Skip 'pre check error: undefined: nonsense'"
    );
    assert!(r.state.status.terminated);
}

#[test]
fn a_dag_passes_failures_on_but_not_skips() {
    let mut r = Run::new(json!({"mode": {"steps": "DAG"}, "steps": [
        {"name": "b2", "type": "x", "dependsOn": ["b"]}, {"name": "b", "type": "x", "dependsOn": ["a"]}, {"name": "a", "type": "x"},
        {"name": "s", "type": "x", "if": "false"}, {"name": "t", "type": "x", "dependsOn": ["s"]}]}));
    assert_eq!(r.starts(), ["a#1", "t#1"]);
    r.done("a", failed(false));
    r.ok("t");
    assert_eq!(
        r.line(),
        "Failed!: a Failed/Action 'no', s Skipped/Skip, t Succeeded, b Skipped/Skip, b2 Skipped/Skip"
    );
}

#[test]
fn failures_are_tried_again_ten_times() {
    let mut r = Run::new(steps(json!([{"name": "a", "type": "x"}, {"name": "b", "type": "x"}])));
    let mut pauses = Vec::new();
    for n in 1..=10 {
        r.done("a", failed(true));
        assert_eq!(r.line(), "Executing: a Failed/Execute 'no'");
        let pause = r.wakes_in().unwrap();
        pauses.push(pause as u64);
        r.pass(pause - 0.001);
        assert!(r.starts().is_empty());
        r.pass(0.001);
        assert_eq!(r.starts(), [format!("a#{}", n + 1)]);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    r.done("a", failed(true));
    assert_eq!(r.line(), "Failed!: a Failed/FailedAfterRetries 'no', b Skipped/Skip");
    assert!(r.state.status.message.starts_with("The workflow terminates automatically"));
}

#[test]
fn a_wait_is_woken_by_a_change_or_by_time() {
    let mut r = Run::new(steps(json!([{"name": "a", "type": "x"}])));
    r.done("a", waiting());
    assert_eq!(r.line(), "Executing: a Running/Wait 'not yet'");
    assert!(matches!(&r.effects[1], Effect::Watch { watches, .. } if watches[0].kind == "Deployment"));
    assert_eq!(r.wakes_in(), Some(1.0));
    let step = r.id("a");
    r.event(Event::Changed { step: step.clone() }).unwrap();
    assert_eq!(r.starts(), ["a#2"]);
    r.event(Event::Changed { step }).unwrap();
    assert!(r.starts().is_empty(), "an attempt is under way already");
    r.done("a", waiting());
    assert_eq!(r.wakes_in(), Some(2.0));
    r.pass(2.0);
    assert_eq!(r.starts(), ["a#3"]);
    r.ok("a");
    assert_eq!(r.line(), "Succeeded!: a Succeeded");
}

#[test]
fn a_changing_message_does_not_reset_the_pauses() {
    let mut r = Run::new(steps(json!([{"name": "a", "type": "x"}])));
    let mut pauses = Vec::new();
    for n in 0..8 {
        r.done(
            "a",
            result(Outcome::Waiting { message: format!("{n} of 9"), watches: Vec::new(), within: None }),
        );
        let pause = r.wakes_in().unwrap();
        pauses.push(pause);
        r.pass(pause);
    }
    assert_eq!(pauses, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
}

#[test]
fn a_step_that_knows_when_to_look_again_says_so() {
    let mut r = Run::new(steps(json!([{"name": "a", "type": "x"}])));
    for (within, wakes) in [(Some(5), 5.0), (Some(3), 3.0), (None, 4.0), (Some(100), 60.0)] {
        let within = within.map(Duration::from_secs);
        r.done("a", result(Outcome::Waiting { message: String::new(), watches: Vec::new(), within }));
        assert_eq!(r.wakes_in(), Some(wakes));
        r.pass(wakes);
    }
}

#[test]
fn results_of_other_attempts_are_ignored() {
    let mut r = Run::new(steps(json!([{"name": "a", "type": "x"}])));
    r.done("a", waiting());
    let step = r.id("a");
    for attempt in [0, 1, 2] {
        let done = Event::Done { step: step.clone(), attempt, result: result(Outcome::Succeeded) };
        r.event(done).unwrap();
        assert_eq!(r.line(), "Executing: a Running/Wait 'not yet'");
    }
}

#[test]
fn suspend_and_resume() {
    let suspend = |op: &str| result(Outcome::Suspended { op: op.into(), duration: None });
    let mut r = Run::new(steps(json!([{"name": "a", "type": "suspend"}, {"name": "b", "type": "x"}])));
    assert_eq!(r.event(Event::Resume { step: None }), Err(Refused::NotSuspended));
    r.done("a", suspend("s"));
    assert_eq!(r.line(), "Suspending: a Suspending/Suspend 'Suspended by field s'");
    assert!(r.state.status.suspend && r.wakes_in().is_none());
    assert!(matches!(
        r.event(Event::Resume { step: Some("b".into()) }),
        Err(Refused::StepNotSuspended { .. })
    ));
    let unknown = r.event(Event::Resume { step: Some("aa".into()) }).unwrap_err();
    assert_eq!(unknown.to_string(), "the workflow has no step `aa`");
    r.event(Event::Resume { step: None }).unwrap();
    assert_eq!(r.starts(), ["a#2"]);
    assert!(!r.state.status.suspend);
    assert_eq!(r.state.book.steps[&r.id("a")].suspension.as_ref().unwrap().resumed, ["s"]);
    r.ok("a");
    assert_eq!(r.line(), "Executing: a Succeeded, b Running");
}

#[test]
fn a_suspension_ends_after_its_duration_or_before() {
    let doc = || steps(json!([{"name": "a", "type": "suspend"}]));
    let suspend = || result(Outcome::Suspended { op: "s".into(), duration: Some(Duration::from_secs(3)) });
    let mut r = Run::new(doc());
    r.done("a", suspend());
    assert_eq!(r.wakes_in(), Some(3.0));
    r.pass(2.999);
    assert!(r.starts().is_empty());
    r.pass(0.001);
    assert_eq!(r.starts(), ["a#2"]);
    let mut r = Run::new(doc());
    r.done("a", suspend());
    r.event(Event::Resume { step: None }).unwrap();
    r.ok("a");
    assert_eq!(r.line(), "Succeeded!: a Succeeded");
}

#[test]
fn one_of_two_suspended_steps_is_resumed() {
    let mut r = Run::new(json!({"mode": {"steps": "DAG"}, "steps": [
        {"name": "a", "type": "suspend"}, {"name": "b", "type": "suspend"}, {"name": "c", "type": "x", "dependsOn": ["a"]}]}));
    for s in ["a", "b"] {
        r.done(s, result(Outcome::Suspended { op: "s".into(), duration: None }));
    }
    assert_eq!(r.state.status.phase, RunPhase::Suspending);
    r.event(Event::Resume { step: Some("a".into()) }).unwrap();
    assert_eq!(r.state.status.phase, RunPhase::Executing);
    r.ok("a");
    assert_eq!(r.starts(), ["c#1"]);
    r.ok("c");
    assert_eq!(r.state.status.phase, RunPhase::Suspending);
    r.event(Event::Resume { step: Some("b".into()) }).unwrap();
    r.ok("b");
    assert_eq!(r.state.status.phase, RunPhase::Succeeded);
}

#[test]
fn a_run_is_held_as_a_whole() {
    let mut r = Run::new(json!({"mode": {"steps": "DAG"}, "steps": [
        {"name": "a", "type": "x"}, {"name": "w", "type": "x"}, {"name": "b", "type": "x", "dependsOn": ["a"]}]}));
    r.done("w", waiting());
    r.event(Event::Suspend).unwrap();
    assert_eq!(r.line(), "Suspending: a Running, w Suspending/Wait 'not yet'");
    assert_eq!(r.event(Event::Suspend), Err(Refused::Suspended));
    r.ok("a");
    r.pass(100.0);
    assert!(r.starts().is_empty() && r.wakes_in().is_none());
    r.event(Event::Resume { step: None }).unwrap();
    assert_eq!(r.starts(), ["w#2", "b#1"]);
    assert_eq!(r.line(), "Executing: a Succeeded, w Running/Wait 'not yet', b Running");
}

#[test]
fn terminate_ends_what_runs_and_skips_the_rest() {
    let mut r = Run::new(steps(json!([
        {"name": "a", "type": "x"}, {"name": "b", "type": "x"}, {"name": "c", "type": "x", "if": "always"}])));
    r.done("a", waiting());
    r.event(Event::Terminate).unwrap();
    assert!(r.effects.contains(&Effect::Cancel { step: r.id("a") }));
    assert_eq!(r.starts(), ["c#1"]);
    r.ok("c");
    assert_eq!(r.line(), "Terminated!: a Failed/Terminate 'not yet', b Skipped/Skip, c Succeeded");
    assert_eq!(
        r.event(Event::Resume { step: None }).unwrap_err().to_string(),
        "the run is over: it has terminated; `restart` runs it again"
    );
}

#[test]
fn timeouts_end_steps_and_groups() {
    let mut r = Run::new(steps(json!([
        {"name": "a", "type": "x", "timeout": "3s"}, {"name": "b", "type": "x"}, {"name": "c", "type": "x", "if": "status.a.timeout"}])));
    assert_eq!(r.wakes_in(), Some(3.0));
    r.done("a", waiting());
    r.pass(1.0);
    r.pass(1.999);
    assert_eq!(r.line(), "Executing: a Running/Wait 'not yet'");
    r.pass(0.001);
    assert_eq!(r.line(), "Executing: a Failed/Timeout 'not yet', b Skipped/Skip, c Running");
    let mut r = Run::new(steps(json!([{"name": "g", "type": "step-group", "timeout": "3s", "subSteps": [
        {"name": "w", "type": "x"}, {"name": "m", "type": "x"}, {"name": "n", "type": "x", "dependsOn": ["w"]}]}])));
    r.ok("m");
    r.pass(3.0);
    assert_eq!(r.line(), "Failed!: g Failed/Timeout, w Failed/Timeout, m Succeeded, n Skipped/Skip");
}

#[test]
fn groups() {
    let mut r = Run::new(steps(json!([
        {"name": "g", "type": "step-group", "subSteps": [{"name": "p", "type": "x"}, {"name": "q", "type": "x"}]},
        {"name": "s", "type": "step-group", "mode": "StepByStep", "subSteps": [{"name": "u", "type": "x"}, {"name": "v", "type": "x"}]},
        {"name": "empty", "type": "step-group"},
        {"name": "no", "type": "step-group", "if": "false", "subSteps": [{"name": "z", "type": "x", "if": "always"}]}])));
    assert_eq!(r.starts(), ["p#1", "q#1"]);
    r.done("q", result(Outcome::Suspended { op: "s".into(), duration: None }));
    assert_eq!(
        r.line(),
        "Executing: g Suspending/Suspend, p Running, q Suspending/Suspend 'Suspended by field s'"
    );
    r.ok("p");
    r.event(Event::Resume { step: Some("g".into()) }).unwrap();
    r.ok("q");
    assert_eq!(r.starts(), ["u#1"]);
    r.done("u", failed(false));
    assert_eq!(
        r.line(),
        "Failed!: g Succeeded, p Succeeded, q Succeeded, s Failed/Action, u Failed/Action 'no', v Skipped/Skip, \
         empty Skipped/Skip, no Skipped/Skip, z Skipped/Skip"
    );
}

#[test]
fn outputs_reach_later_steps() {
    let mut r = Run::new(steps(json!([
        {"name": "a", "type": "x", "outputs": [{"name": "o", "valueFrom": "v"}, {"name": "lost", "valueFrom": "w"}]},
        {"name": "b", "type": "x", "inputs": [{"from": "o.k", "parameterKey": "p"}, {"from": "lost", "parameterKey": "l"}]},
        {"name": "c", "type": "x", "inputs": [{"from": "never", "parameterKey": "p"}]}])));
    let outputs = vec![("o".to_string(), json!({"k": 7}).into())];
    r.done("a", StepResult { outcome: Outcome::Succeeded, message: Some("said".into()), outputs });
    assert_eq!(r.line(), "Executing: a Succeeded 'said', b Running");
    let b = r.plan.find("b").unwrap();
    let inputs = r.plan.inputs(&r.state, b).unwrap();
    let parameter = parameter(&r.plan.nodes[b].step, inputs.iter().map(Given::value)).unwrap();
    assert_eq!(Value::Object(parameter), json!({"p": 7, "l": null}));
    r.ok("b");
    assert_eq!(r.line(), "Executing: a Succeeded 'said', b Succeeded, c Pending 'Pending on Input: never'");
}

#[test]
fn a_group_gives_what_its_steps_gave() {
    let doc = |from: &str| {
        steps(json!([
            {"name": "g", "type": "step-group", "outputs": [{"name": "go", "valueFrom": from}], "subSteps": [
                {"name": "a", "type": "x", "outputs": [{"name": "ao", "valueFrom": "v"}]}, {"name": "b", "type": "x"}]},
            {"name": "c", "type": "x", "inputs": [{"from": "go", "parameterKey": "p"}]}]))
    };
    let outputs = vec![("ao".to_string(), json!(7).into())];
    let mut r = Run::new(doc("a.output.ao"));
    r.done("a", StepResult { outputs: outputs.clone(), ..result(Outcome::Succeeded) });
    assert!(!r.state.vars.contains_key("go"));
    r.ok("b");
    assert_eq!(r.state.vars["go"], json!(7));
    assert_eq!(r.line(), "Executing: g Succeeded, a Succeeded, b Succeeded, c Running");
    let mut r = Run::new(doc("a.output.nothing"));
    r.done("a", StepResult { outputs, ..result(Outcome::Succeeded) });
    r.ok("b");
    assert_eq!(
        r.line(),
        "Failed!: g Failed/Output 'output `go`: undefined: a.output.nothing', a Succeeded, b Succeeded, c Skipped/Skip"
    );
    assert_eq!(r.state.vars["go"], Value::Null);
}

#[test]
fn break_ends_the_run() {
    let mut r = Run::new(steps(json!([{"name": "a", "type": "x"}, {"name": "b", "type": "x"}])));
    r.done("a", StepResult { message: Some("enough".into()), ..result(Outcome::Break) });
    assert_eq!(r.line(), "Terminated!: a Succeeded/Terminate 'enough', b Skipped/Skip");
}

#[test]
fn a_run_is_taken_up_from_its_record() {
    let mut r = Run::new(json!({"mode": {"steps": "DAG"}, "steps": [
        {"name": "a", "type": "x"}, {"name": "w", "type": "x"}, {"name": "f", "type": "x"}, {"name": "s", "type": "suspend"}]}));
    r.done("w", waiting());
    r.done("f", failed(true));
    r.done("s", result(Outcome::Suspended { op: "s".into(), duration: None }));
    let step = r.id("a");
    let sent = || json!({"sent": true}).into();
    assert!(r.state.note(&step, 1, "mail".into(), sent()).notes);
    // Of another attempt, or of one that is over, there is nothing to note.
    assert!(r.state.note(&step, 2, "late".into(), sent()).is_none());
    let over = r.id("w");
    assert!(r.state.note(&over, 1, "late".into(), sent()).is_none());
    r.event(Event::Start).unwrap();
    assert_eq!(r.starts(), ["a#1", "w#2"]);
    let journal = &r.state.book.steps[&r.id("a")].journal;
    assert_eq!(journal.len(), 1);
    assert_eq!(journal["mail"].data, json!({"sent": true}));
    r.pass(1.0);
    assert_eq!(r.starts(), ["f#2"]);
}

#[test]
fn what_others_wrote_while_nobody_drove_is_done() {
    let suspended = || {
        let mut r = Run::new(steps(json!([{"name": "a", "type": "suspend"}, {"name": "b", "type": "x"}])));
        r.done("a", result(Outcome::Suspended { op: "s".into(), duration: None }));
        r
    };
    let mut r = suspended();
    r.state.status.suspend = false;
    r.state.status.steps[0].phase = StepPhase::Running;
    r.event(Event::Start).unwrap();
    assert_eq!(r.starts(), ["a#2"]);
    let mut r = suspended();
    r.state.status.terminated = true;
    r.event(Event::Start).unwrap();
    assert_eq!(r.line(), "Terminated!: a Failed/Terminate 'Suspended by field s', b Skipped/Skip");
    let mut r = suspended();
    let old = r.id("a");
    r.state.status = Default::default();
    r.event(Event::Start).unwrap();
    assert_eq!(r.line(), "Executing: a Running");
    assert!(r.id("a") != old && r.state.book.steps.is_empty());
}

#[test]
fn restart_as_a_whole_and_from_a_step() {
    let doc = || {
        steps(json!([
            {"name": "a", "type": "x", "outputs": [{"name": "oa", "valueFrom": "1"}]},
            {"name": "g", "type": "step-group", "mode": "StepByStep", "subSteps": [{"name": "b", "type": "x"}, {"name": "c", "type": "x"}]},
            {"name": "d", "type": "x", "outputs": [{"name": "od", "valueFrom": "1"}]}]))
    };
    let finished = || {
        let mut r = Run::new(doc());
        r.ok("a");
        r.ok("b");
        r.done("c", failed(false));
        assert_eq!(r.state.status.phase, RunPhase::Failed);
        r
    };
    let mut r = finished();
    let old = r.id("a");
    r.event(Event::Restart { from: None }).unwrap();
    assert_eq!(r.line(), "Executing: a Running");
    assert!(r.state.vars.is_empty() && r.id("a") != old);

    let mut r = finished();
    let (a, c) = (r.id("a"), r.id("c"));
    r.event(Event::Restart { from: Some("c".into()) }).unwrap();
    assert_eq!(r.line(), "Executing: a Succeeded, g Running, b Succeeded, c Running");
    assert!(r.id("a") == a && r.id("c") != c);
    assert!(r.state.vars.contains_key("oa") && !r.state.vars.contains_key("od"));
    r.ok("c");
    r.ok("d");
    assert_eq!(r.state.status.phase, RunPhase::Succeeded);
    assert!(!r.state.status.terminated);

    let mut r = Run::new(doc());
    assert_eq!(r.event(Event::Restart { from: Some("d".into()) }), Err(Refused::NotReached("d".into())));
}

#[test]
fn a_refused_run_ends_before_anything_is_done() {
    let plan = Plan::new(&Workflow::default(), "u", Map::new());
    let mut state = State::default();
    let effects =
        apply(&plan, &mut state, Event::Refuse { message: "all wrong".into() }, Time(5), &Paths).unwrap();
    assert!(matches!(&effects[..], [Effect::Save(_), Effect::Finished]));
    let s = &state.status;
    assert_eq!((s.phase, s.finished, s.message.as_str()), (RunPhase::Failed, true, "all wrong"));
}

#[test]
fn what_others_write_is_understood() {
    let mut r = Run::new(
        json!({"mode": {"steps": "DAG"}, "steps": [{"name": "a", "type": "suspend"}, {"name": "b", "type": "suspend"}]}),
    );
    for s in ["a", "b"] {
        r.done(s, result(Outcome::Suspended { op: "s".into(), duration: None }));
    }
    let ours = r.state.status.clone();
    assert!(changes(&ours, &ours).is_empty());
    let mut all = ours.clone();
    all.suspend = false;
    assert_eq!(changes(&ours, &all), [Event::Resume { step: None }]);
    all.steps.iter_mut().for_each(|s| s.phase = StepPhase::Running);
    assert_eq!(changes(&ours, &all), [Event::Resume { step: None }]);
    let mut one = ours.clone();
    one.suspend = false;
    one.steps[1].phase = StepPhase::Running;
    assert_eq!(changes(&ours, &one), [Event::Resume { step: Some("b".into()) }]);
    let mut ended = ours.clone();
    (ended.terminated, ended.suspend) = (true, false);
    assert_eq!(changes(&ours, &ended), [Event::Terminate]);
    let mut empty = ours.clone();
    empty.steps.clear();
    assert_eq!(changes(&ours, &empty), [Event::Restart { from: None }]);
    assert_eq!(changes(&all, &ours), [Event::Suspend]);
}

#[test]
fn a_cancelled_run_ends_what_is_under_way_and_runs_its_finally_steps() {
    let doc = json!({"mode": {"steps": "DAG"}, "steps": [{"name": "a", "type": "x"}, {"name": "w", "type": "x"}, {"name": "b", "type": "x", "dependsOn": ["a"]}],
        "finally": [{"name": "f", "type": "x"}]});
    let mut r = Run::new(doc);
    assert_eq!(r.starts(), ["a#1", "w#1"]);
    r.done("w", waiting());
    r.event(Event::Cancel).unwrap();
    assert_eq!(r.line(), "Executing: a Running, w Failed/Terminate 'not yet'");
    r.ok("a");
    assert_eq!(r.starts(), ["f#1"]);
    r.ok("f");
    assert_eq!(
        r.line(),
        "Terminated!: a Succeeded, w Failed/Terminate 'not yet', b Skipped/Skip, f Succeeded"
    );
    assert!(r.state.status.message.starts_with("The run was cancelled"));
    assert!(matches!(r.event(Event::Cancel), Err(Refused::Finished(_))));
    let theirs =
        crate::model::run::RunStatus { message: r.state.status.message.clone(), ..Default::default() };
    assert_eq!(changes(&Default::default(), &theirs), [Event::Cancel]);
}

#[test]
fn a_step_says_how_it_is_tried_again() {
    let mut r =
        Run::new(steps(json!([{"name": "a", "type": "x", "retry": {"limit": 2, "backoff": "1500ms"}}])));
    r.done("a", failed(true));
    assert_eq!(r.wakes_in(), Some(1.0));
    r.pass(1.0);
    r.done("a", failed(true));
    assert_eq!(r.wakes_in(), Some(1.5));
    r.pass(1.5);
    r.done("a", failed(true));
    assert!(r.line().contains("a Failed/FailedAfterRetries"), "{}", r.line());
}

#[test]
fn what_the_record_has_no_room_for() {
    let doc = steps(json!([{"name": "a", "type": "x", "outputs": [{"name": "o", "valueFrom": "1"}]}]));
    let mut r = Run::new(doc);
    let outputs = vec![("o".to_string(), json!("x".repeat(1 << 20)).into())];
    let message = Some("m".repeat(100_000));
    r.done("a", StepResult { outcome: Outcome::Succeeded, message, outputs });
    assert!(r.line().starts_with("Failed!: a Failed/Output 'output `o` is too big"), "{}", r.line());
    let mut r = Run::new(steps(json!([{"name": "a", "type": "x"}])));
    r.done(
        "a",
        StepResult { outcome: Outcome::Succeeded, message: Some("m".repeat(100_000)), outputs: Vec::new() },
    );
    assert!(r.state.status.steps[0].message.len() < 17 << 10);
}
