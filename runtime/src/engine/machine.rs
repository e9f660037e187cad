//! The transitions of a run: what each event changes, which steps may start then, and what the driver is to do.
//!
//! [`apply`] takes one event, then walks the workflow until nothing more can start, then sums the run up. Whatever changes goes through
//! [`Machine::set`] or [`Machine::note`], so that nothing is saved when nothing changed. Tests: `machine/tests.rs`, and the simulation.

use super::{
    Book, Effect, Event, Judge, Limits, Outcome, Plan, Refused, State, StepBook, StepResult, Suspension,
};
use crate::model::run::{Reason, RunPhase, RunStatus, StepPhase, StepStatus, Time};
use crate::model::workflow::{GROUP, Mode, Modes};
use crate::problem::nearest;
use serde_json::Value;
use std::collections::HashMap;

#[cfg(test)]
pub(super) mod tests;

/// What users read when a step has failed in all its attempts.
const TERMINATED_BY_FAILURES: &str =
    "The workflow terminates automatically because the failed times of steps have reached the limit";

/// What is told of a run that was cancelled; it also tells whoever drives the run.
const CANCELLED: &str = "The run was cancelled: what was under way comes to its end, and nothing more starts but what runs in any case";

/// The longest message of a step, and the most that outputs may have together, in bytes: what the record has room for.
const LONGEST_MESSAGE: usize = 16 << 10;
const MOST_OUTPUT: usize = 900 << 10;

fn clipped(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE).rev().find(|i| message.is_char_boundary(*i)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

/// Applies an event to the state of a run and tells what is to be done. Events that no longer mean anything (results of earlier
/// attempts, delivered twice or late) change nothing.
///
/// # Errors
/// An operation that does not apply; the state is as before.
pub fn apply(
    plan: &Plan,
    state: &mut State,
    event: Event,
    now: Time,
    judge: &dyn Judge,
) -> Result<Vec<Effect>, Refused> {
    let mut m = Machine::new(plan, state, now, judge);
    m.event(event)?;
    m.advance();
    m.sum_up();
    Ok(m.into_effects())
}

/// About how long a value is as text, without writing it.
fn size(v: &Value) -> usize {
    match v {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 12,
        Value::String(s) => s.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|v| size(v) + 1).sum::<usize>(),
        Value::Object(m) => 2 + m.iter().map(|(k, v)| k.len() + size(v) + 4).sum::<usize>(),
    }
}

/// The operations that somebody else has asked for by writing the status (as KubeVela's command line does): `ours` is what was
/// last saved, `theirs` what is there now.
pub fn changes(ours: &RunStatus, theirs: &RunStatus) -> Vec<Event> {
    if !ours.steps.is_empty() && theirs.steps.is_empty() && !theirs.finished {
        return vec![Event::Restart { from: None }];
    }
    if theirs.terminated && !ours.terminated {
        return vec![Event::Terminate];
    }
    if theirs.message == CANCELLED && ours.message != CANCELLED {
        return vec![Event::Cancel];
    }
    let suspending = |s: &StepStatus| s.phase == StepPhase::Suspending && s.kind != GROUP;
    let now: HashMap<&str, &StepStatus> = theirs.all().map(|s| (s.name.as_str(), s)).collect();
    let resumed: Vec<&str> = ours
        .all()
        .filter(|s| suspending(s) && now.get(s.name.as_str()).is_some_and(|t| t.phase == StepPhase::Running))
        .map(|s| s.name.as_str())
        .collect();
    if ours.suspend && !theirs.suspend {
        let all = ours.all().filter(|s| suspending(s)).count();
        if resumed.is_empty() || resumed.len() == all {
            return vec![Event::Resume { step: None }];
        }
    }
    if !ours.suspend && theirs.suspend {
        return vec![Event::Suspend];
    }
    resumed.into_iter().map(|name| Event::Resume { step: Some(name.to_string()) }).collect()
}

struct Machine<'a> {
    plan: &'a Plan,
    state: &'a mut State,
    now: Time,
    judge: &'a dyn Judge,
    effects: Vec<Effect>,
    changed: bool,
    /// Whether the walk has moved anything, so that it must be walked again.
    moved: bool,
    /// Where each node's status is.
    slots: Vec<Option<(usize, Option<usize>)>>,
}

impl<'a> Machine<'a> {
    fn new(plan: &'a Plan, state: &'a mut State, now: Time, judge: &'a dyn Judge) -> Machine<'a> {
        let mut m = Machine {
            plan,
            state,
            now,
            judge,
            effects: Vec::new(),
            changed: false,
            moved: false,
            slots: Vec::new(),
        };
        m.index();
        m
    }

    fn index(&mut self) {
        self.slots = vec![None; self.plan.nodes.len()];
        for (i, s) in self.state.status.steps.iter().enumerate() {
            if let Some(n) = self.plan.find(&s.name) {
                self.slots[n] = Some((i, None));
            }
            for (j, sub) in s.sub_steps.iter().enumerate() {
                if let Some(n) = self.plan.find(&sub.name) {
                    self.slots[n] = Some((i, Some(j)));
                }
            }
        }
    }

    // ---- Reading

    fn status(&self, n: usize) -> Option<&StepStatus> {
        let (i, sub) = self.slots[n]?;
        let step = self.state.status.steps.get(i)?;
        match sub {
            None => Some(step),
            Some(j) => step.sub_steps.get(j),
        }
    }

    fn phase(&self, n: usize) -> Option<StepPhase> {
        self.status(n).map(|s| s.phase)
    }

    fn done(&self, n: usize) -> bool {
        self.status(n).is_some_and(StepStatus::finished)
    }

    fn failed(&self, n: usize) -> bool {
        self.phase(n) == Some(StepPhase::Failed) && self.done(n)
    }

    fn is_group(&self, n: usize) -> bool {
        self.plan.nodes[n].step.kind == GROUP
    }

    /// Whether an attempt was made or is under way, and the step is not finished. Never a group.
    fn open(&self, n: usize) -> bool {
        !self.is_group(n) && self.phase(n).is_some_and(|p| p != StepPhase::Pending) && !self.done(n)
    }

    fn id(&self, n: usize) -> String {
        match self.status(n) {
            Some(s) => s.id.clone(),
            None => self.plan.id(n, self.state.book.generation),
        }
    }

    fn node_of(&self, id: &str) -> Option<usize> {
        (0..self.plan.nodes.len()).find(|n| self.status(*n).is_some_and(|s| s.id == id))
    }

    /// The notes on a step that is open: an entry, or what having none means.
    fn book(&self, n: usize) -> StepBook {
        self.status(n).and_then(|s| self.state.book.steps.get(&s.id)).cloned().unwrap_or_default()
    }

    // ---- Writing

    fn note(&mut self, n: usize, book: StepBook) {
        let id = self.id(n);
        let plain =
            book == StepBook::default() && self.phase(n) == Some(StepPhase::Running) && !self.is_group(n);
        if plain {
            self.changed |= self.state.book.steps.remove(&id).is_some();
        } else if self.state.book.steps.get(&id) != Some(&book) {
            self.state.book.steps.insert(id, book);
            self.changed = true;
        }
    }

    fn forget(&mut self, n: usize) {
        let id = self.id(n);
        self.changed |= self.state.book.steps.remove(&id).is_some();
    }

    /// Sets where a step stands; `None` for the message keeps the one that is there.
    fn set(&mut self, n: usize, phase: StepPhase, reason: Option<Reason>, message: Option<String>) {
        let now = self.now;
        if self.slots[n].is_none() {
            self.add(n, phase);
        }
        let Some((i, sub)) = self.slots[n] else { return };
        let Some(step) = self.state.status.steps.get_mut(i) else { return };
        let step = match sub {
            None => step,
            Some(j) => match step.sub_steps.get_mut(j) {
                Some(s) => s,
                None => return,
            },
        };
        let message = message.map_or_else(|| step.message.clone(), clipped);
        if step.phase != phase || step.reason != reason || step.message != message {
            (step.phase, step.reason, step.message) = (phase, reason, message);
            step.last_execute_time = Some(now);
            self.changed = true;
            self.moved = true;
        }
    }

    fn add(&mut self, n: usize, phase: StepPhase) {
        let step = &self.plan.nodes[n].step;
        let status = StepStatus {
            id: self.plan.id(n, self.state.book.generation),
            name: step.name.clone(),
            kind: step.kind.clone(),
            phase,
            message: String::new(),
            reason: None,
            first_execute_time: Some(self.now),
            last_execute_time: Some(self.now),
            sub_steps: Vec::new(),
        };
        match self.plan.nodes[n].parent.map(|group| self.slots[group]) {
            None => {
                self.slots[n] = Some((self.state.status.steps.len(), None));
                self.state.status.steps.push(status);
            }
            Some(Some((i, _))) => {
                let subs = &mut self.state.status.steps[i].sub_steps;
                self.slots[n] = Some((i, Some(subs.len())));
                subs.push(status);
            }
            // A sub-step is only reached through its group, which has a status by then.
            Some(None) => return,
        }
        self.changed = true;
        self.moved = true;
    }

    /// Ends a step: its notes go, and outputs that it did not give are null, so that nobody waits for them.
    fn end(&mut self, n: usize, phase: StepPhase, reason: Option<Reason>, message: Option<String>) {
        self.set(n, phase, reason, message);
        self.forget(n);
        for output in &self.plan.nodes[n].step.outputs {
            if !self.state.vars.contains_key(&output.name) {
                self.state.vars.insert(output.name.clone(), Value::Null);
                self.changed = true;
            }
        }
    }

    fn execute(&mut self, n: usize, attempt: u32) {
        let step = self.id(n);
        self.effects.push(Effect::Execute { step, attempt });
        self.moved = true;
    }

    fn cancel(&mut self, n: usize) {
        let step = self.id(n);
        self.effects.push(Effect::Cancel { step });
    }

    fn start(&mut self, n: usize) {
        self.set(n, StepPhase::Running, None, Some(String::new()));
        let deadline = self.plan.nodes[n].step.timeout.map(|t| self.now.plus(t));
        self.note(n, StepBook { deadline, ..StepBook::default() });
        self.execute(n, 1);
    }

    fn again(&mut self, n: usize) {
        let mut book = self.book(n);
        book.attempt = book.attempt.saturating_add(1);
        book.in_flight = true;
        book.next = None;
        book.journal.clear();
        let attempt = book.attempt;
        self.note(n, book);
        self.execute(n, attempt);
    }

    // ---- Events

    fn event(&mut self, event: Event) -> Result<(), Refused> {
        if self.state.status.finished && !matches!(event, Event::Restart { .. }) {
            return match event {
                Event::Resume { .. } | Event::Suspend | Event::Terminate | Event::Cancel => {
                    let phase = format!("{:?}", self.state.status.phase).to_lowercase();
                    Err(Refused::Finished(phase))
                }
                _ => Ok(()),
            };
        }
        match event {
            Event::Start if self.state.status.start_time.is_none() => {
                // Notes of a run before this one, whose status somebody has emptied to start it over.
                if self.state.book != Book::default() || !self.state.vars.is_empty() {
                    self.anew();
                }
                self.begin();
            }
            Event::Start => self.take_up(),
            Event::Done { step, attempt, result } => self.result(&step, attempt, result),
            Event::Recorded { step, attempt, op, returns } => {
                if let Some(n) = self.node_of(&step).filter(|n| self.open(*n)) {
                    let mut book = self.book(n);
                    if book.in_flight && book.attempt == attempt {
                        book.journal.insert(op, returns);
                        self.note(n, book);
                    }
                }
            }
            Event::Changed { step } => {
                if let Some(n) = self.node_of(&step).filter(|n| self.open(*n)) {
                    let mut book = self.book(n);
                    if !book.in_flight && book.waits > 0 && self.phase(n) == Some(StepPhase::Running) {
                        book.next = Some(self.now);
                        self.note(n, book);
                    }
                }
            }
            Event::Tick => {}
            Event::Refuse { message } => self.refuse(message),
            Event::Resume { step } => self.resume(step)?,
            Event::Suspend => self.suspend()?,
            Event::Terminate => self.terminate(),
            Event::Cancel => self.cancel_run()?,
            Event::Restart { from } => self.restart(from)?,
        }
        Ok(())
    }

    fn begin(&mut self) {
        let status = &mut self.state.status;
        status.mode = Modes { steps: self.plan.mode, sub_steps: self.plan.sub_mode };
        status.phase = RunPhase::Executing;
        status.start_time = Some(self.now);
        self.changed = true;
    }

    /// Forgets what the steps have left behind; they will have new ids.
    fn anew(&mut self) {
        let generation = self.state.book.generation.saturating_add(1);
        let spec = std::mem::take(&mut self.state.book.spec);
        self.state.book = Book { generation, spec, ..Book::default() };
        self.state.vars.clear();
        self.changed = true;
    }

    /// Takes a run up from its record. What was under way is carried out again, as the same attempt; what waited looks again,
    /// because a change may have been missed. Notes may be ahead of the status: they are written first.
    fn take_up(&mut self) {
        // Others may have written the status meanwhile: what they ask for is done now.
        if self.state.status.terminated && !self.state.book.ending {
            return self.terminate();
        }
        for n in 0..self.plan.nodes.len() {
            if !self.open(n) {
                continue;
            }
            let mut book = self.book(n);
            if book.in_flight {
                if self.suspended(n) {
                    self.set(n, StepPhase::Running, None, Some(String::new()));
                }
                self.execute(n, book.attempt);
            } else if self.phase(n) != Some(StepPhase::Suspending) {
                match book.suspension.as_ref().filter(|s| !s.resumed.contains(&s.op)) {
                    // Whoever resumes a step by writing the status leaves the reason.
                    Some(_) if self.status(n).is_some_and(|s| s.reason == Some(Reason::Suspend)) => {
                        self.go_on(n)
                    }
                    Some(s) => {
                        let message = format!("Suspended by field {}", s.op);
                        self.set(n, StepPhase::Suspending, Some(Reason::Suspend), Some(message));
                    }
                    None if self.phase(n) == Some(StepPhase::Running) => {
                        book.next = Some(self.now);
                        self.note(n, book);
                    }
                    None => {}
                }
            }
        }
    }

    fn refuse(&mut self, message: String) {
        let status = &mut self.state.status;
        status.mode = Modes { steps: self.plan.mode, sub_steps: self.plan.sub_mode };
        status.start_time.get_or_insert(self.now);
        status.end_time = Some(self.now);
        (status.phase, status.message) = (RunPhase::Failed, message);
        (status.finished, status.terminated, status.suspend) = (true, true, false);
        self.changed = true;
    }

    fn result(&mut self, step: &str, attempt: u32, result: StepResult) {
        let Some(n) = self.node_of(step).filter(|n| self.open(*n)) else { return };
        let mut book = self.book(n);
        if !book.in_flight || book.attempt != attempt {
            return;
        }
        book.in_flight = false;
        book.journal.clear();
        book.watches.clear();
        let (said, mut outcome) = (result.message, result.outcome);
        for (name, value) in result.outputs {
            if self.state.vars.get(&name) == Some(&value) {
                continue;
            }
            let room =
                MOST_OUTPUT.saturating_sub(self.state.vars.iter().map(|(k, v)| k.len() + size(v)).sum());
            if size(&value) > room {
                let message = format!(
                    "output `{name}` is too big: the outputs of a run have {} KiB together, and {} KiB are left",
                    MOST_OUTPUT >> 10,
                    room >> 10
                );
                outcome = Outcome::Failed { reason: Reason::Output, message, retry: false };
                break;
            }
            self.state.vars.insert(name, value);
            self.changed = true;
        }
        // A run that was cancelled lets an attempt come to its end, and makes no other.
        let goes_on = matches!(
            outcome,
            Outcome::Waiting { .. } | Outcome::Suspended { .. } | Outcome::Failed { retry: true, .. }
        );
        if self.state.book.ending && goes_on && self.plan.nodes[n].step.condition.is_none() {
            return self.end(n, StepPhase::Failed, Some(Reason::Terminate), said);
        }
        match outcome {
            Outcome::Succeeded => self.end(n, StepPhase::Succeeded, None, Some(said.unwrap_or_default())),
            Outcome::Break => {
                self.state.book.ending = true;
                self.end(n, StepPhase::Succeeded, Some(Reason::Terminate), Some(said.unwrap_or_default()));
            }
            Outcome::Waiting { message, watches } => {
                book.waits = book.waits.saturating_add(1);
                let longest = self.plan.limits_of(n).wait_backoff;
                book.next = Some(self.now.plus(Limits::pause(book.waits, longest)));
                book.watches = watches.clone();
                let message = if message.is_empty() { said.unwrap_or_default() } else { message };
                self.set(n, StepPhase::Running, Some(Reason::Wait), Some(message));
                self.note(n, book);
                self.effects.push(Effect::Watch { step: step.to_string(), watches });
            }
            Outcome::Suspended { op, duration } => {
                let before = book.suspension.take().unwrap_or_default();
                let until = match (before.op == op, before.until) {
                    (true, Some(until)) => Some(until),
                    _ => duration.map(|d| self.now.plus(d)),
                };
                let message = said.unwrap_or_else(|| format!("Suspended by field {op}"));
                book.suspension = Some(Suspension { op, until, resumed: before.resumed });
                book.next = None;
                self.set(n, StepPhase::Suspending, Some(Reason::Suspend), Some(message));
                self.note(n, book);
            }
            Outcome::Failed { reason, message, retry } => {
                book.failures = book.failures.saturating_add(1);
                if !retry {
                    let reason = if reason == Reason::Execute { Reason::Action } else { reason };
                    self.end(n, StepPhase::Failed, Some(reason), Some(message));
                } else if book.failures > self.plan.limits_of(n).retries {
                    self.end(n, StepPhase::Failed, Some(Reason::FailedAfterRetries), Some(message));
                } else {
                    let longest = self.plan.limits_of(n).failed_backoff;
                    book.next = Some(self.now.plus(Limits::pause(book.failures, longest)));
                    self.set(n, StepPhase::Failed, Some(Reason::Execute), Some(message));
                    self.note(n, book);
                }
            }
        }
        self.moved = true;
    }

    // ---- Operations

    fn find(&self, name: &str) -> Result<usize, Refused> {
        self.plan.find(name).ok_or_else(|| Refused::NoStep {
            step: name.to_string(),
            hint: nearest(name, self.plan.names()).map(str::to_string),
        })
    }

    fn suspended(&self, n: usize) -> bool {
        !self.is_group(n) && self.phase(n) == Some(StepPhase::Suspending)
    }

    fn resume(&mut self, step: Option<String>) -> Result<(), Refused> {
        let which: Vec<usize> = match &step {
            None => (0..self.plan.nodes.len()).collect(),
            Some(name) => {
                let n = self.find(name)?;
                std::iter::once(n).chain(self.plan.nodes[n].children.iter().copied()).collect()
            }
        };
        let which: Vec<usize> = which.into_iter().filter(|n| self.suspended(*n)).collect();
        match step {
            None if which.is_empty() && !self.state.book.held => return Err(Refused::NotSuspended),
            Some(step) if which.is_empty() => {
                let phase = self
                    .state
                    .status
                    .step(&step)
                    .map_or("not started".to_string(), |s| format!("{:?}", s.phase));
                return Err(Refused::StepNotSuspended { step, phase: phase.to_lowercase() });
            }
            None => {
                self.changed |= self.state.book.held;
                self.state.book.held = false;
            }
            Some(_) => {}
        }
        for n in which {
            self.go_on(n);
        }
        Ok(())
    }

    /// Takes a step out of its suspension: it is evaluated again, and the op that suspended it passes.
    fn go_on(&mut self, n: usize) {
        let mut book = self.book(n);
        if let Some(s) = &mut book.suspension {
            s.until = None;
            if !s.resumed.contains(&s.op) {
                s.resumed.push(s.op.clone());
            }
        }
        let reason = self.status(n).and_then(|s| s.reason).filter(|r| *r != Reason::Suspend);
        // What the suspension said no longer holds; what a step that was held waits for does.
        let message = if reason.is_none() { Some(String::new()) } else { None };
        self.set(n, StepPhase::Running, reason, message);
        self.note(n, book);
        self.again(n);
    }

    fn suspend(&mut self) -> Result<(), Refused> {
        if self.state.book.held {
            return Err(Refused::Suspended);
        }
        self.state.book.held = true;
        self.changed = true;
        for n in 0..self.plan.nodes.len() {
            if self.open(n) && self.phase(n) == Some(StepPhase::Running) && !self.book(n).in_flight {
                let reason = self.status(n).and_then(|s| s.reason);
                self.set(n, StepPhase::Suspending, reason, None);
            }
        }
        Ok(())
    }

    fn terminate(&mut self) {
        (self.state.book.held, self.state.book.ending) = (false, true);
        self.state.status.terminated = true;
        self.changed = true;
        for n in 0..self.plan.nodes.len() {
            if !self.is_group(n) && self.phase(n).is_some() && !self.done(n) {
                self.cancel(n);
                self.end(n, StepPhase::Failed, Some(Reason::Terminate), None);
            }
        }
    }

    /// Ends what only waits; what is under way comes to its end.
    fn cancel_run(&mut self) -> Result<(), Refused> {
        if self.state.book.ending {
            return Err(Refused::Ending);
        }
        (self.state.book.held, self.state.book.ending) = (false, true);
        self.state.status.message = CANCELLED.to_string();
        self.changed = true;
        for n in 0..self.plan.nodes.len() {
            let under_way = self.open(n) && self.book(n).in_flight;
            if !self.is_group(n) && self.phase(n).is_some() && !self.done(n) && !under_way {
                self.cancel(n);
                self.end(n, StepPhase::Failed, Some(Reason::Terminate), None);
            }
        }
        Ok(())
    }

    fn restart(&mut self, from: Option<String>) -> Result<(), Refused> {
        let Some(name) = from else {
            for n in (0..self.plan.nodes.len()).filter(|n| self.open(*n)).collect::<Vec<_>>() {
                self.cancel(n);
            }
            let status = &mut self.state.status;
            *status = RunStatus { context_backend: status.context_backend.take(), ..RunStatus::default() };
            self.anew();
            self.begin();
            self.index();
            return Ok(());
        };
        let n = self.find(&name)?;
        if self.status(n).is_none() {
            return Err(Refused::NotReached(name));
        }
        let again = self.after(n);
        for n in (0..self.plan.nodes.len()).filter(|n| again[*n]) {
            if self.open(n) {
                self.cancel(n);
            }
            self.forget(n);
            for output in &self.plan.nodes[n].step.outputs {
                self.state.vars.remove(&output.name);
            }
        }
        let plan = self.plan;
        let stays = |s: &StepStatus| plan.find(&s.name).is_none_or(|n| !again[n]);
        let status = &mut self.state.status;
        status.steps.retain(stays);
        for group in &mut status.steps {
            let before = group.sub_steps.len();
            group.sub_steps.retain(stays);
            if group.sub_steps.len() != before {
                (group.phase, group.reason, group.message) = (StepPhase::Running, None, String::new());
            }
        }
        (status.finished, status.terminated, status.end_time) = (false, false, None);
        (status.phase, status.message) = (RunPhase::Executing, String::new());
        self.renew();
        Ok(())
    }

    /// A new generation: steps that start from now on have new ids.
    fn renew(&mut self) {
        let book = &mut self.state.book;
        book.generation = book.generation.saturating_add(1);
        (book.held, book.ending) = (false, false);
        let known: Vec<String> = self.state.status.all().map(|s| s.id.clone()).collect();
        self.state.book.steps.retain(|id, _| known.contains(id));
        self.changed = true;
        self.index();
    }

    /// The steps to run again when `from` is: itself, what is in it, what comes after it or depends on it.
    fn after(&self, from: usize) -> Vec<bool> {
        let nodes = &self.plan.nodes;
        let mut again = vec![false; nodes.len()];
        again[from] = true;
        loop {
            let before = again.iter().filter(|a| **a).count();
            for n in 0..nodes.len() {
                // A group is run again if it comes after, but stays open if only some of its own steps are.
                let touched = |d: usize| again[d] || nodes[d].children.iter().any(|c| again[*c]);
                let in_order = self.plan.mode_around(n) == Mode::StepByStep;
                let siblings = match nodes[n].parent {
                    Some(group) => &nodes[group].children,
                    None => &self.plan.top,
                };
                again[n] = again[n]
                    || nodes[n].parent.is_some_and(|p| again[p])
                    || nodes[n].depends_on.iter().any(|d| touched(*d))
                    || (in_order && siblings.iter().take_while(|s| **s < n).any(|s| touched(*s)));
            }
            if again.iter().filter(|a| **a).count() == before {
                return again;
            }
        }
    }

    // ---- The walk

    fn advance(&mut self) {
        if self.state.status.finished || self.state.status.start_time.is_none() {
            return;
        }
        let plan = self.plan;
        loop {
            self.moved = false;
            self.time_out();
            self.fall_due();
            self.level(&plan.top, plan.mode.unwrap_or(Mode::StepByStep));
            if !self.moved {
                return;
            }
        }
    }

    fn time_out(&mut self) {
        for n in 0..self.plan.nodes.len() {
            if self.done(n) || self.book(n).deadline.is_none_or(|d| d > self.now) {
                continue;
            }
            let plan = self.plan;
            for &child in &plan.nodes[n].children {
                match self.phase(child) {
                    Some(_) if self.done(child) => {}
                    Some(StepPhase::Pending) | None => {
                        self.end(child, StepPhase::Skipped, Some(Reason::Skip), None)
                    }
                    Some(_) => {
                        self.cancel(child);
                        self.end(child, StepPhase::Failed, Some(Reason::Timeout), None);
                    }
                }
            }
            if !self.is_group(n) {
                self.cancel(n);
            }
            self.end(n, StepPhase::Failed, Some(Reason::Timeout), None);
        }
    }

    fn fall_due(&mut self) {
        for n in 0..self.plan.nodes.len() {
            if !self.open(n) {
                continue;
            }
            let book = self.book(n);
            if self.phase(n) == Some(StepPhase::Suspending) {
                let over = book.suspension.as_ref().and_then(|s| s.until).is_some_and(|t| t <= self.now);
                if over && !self.state.book.held {
                    self.go_on(n);
                }
            } else if !book.in_flight && !self.state.book.held && book.next.is_none_or(|t| t <= self.now) {
                self.again(n);
            }
        }
    }

    fn level(&mut self, nodes: &[usize], mode: Mode) {
        let mut failed = false;
        for &n in nodes {
            if !self.done(n) {
                self.visit(n, mode, failed);
            }
            if mode == Mode::StepByStep && !self.done(n) {
                return;
            }
            failed |= mode == Mode::StepByStep && self.failed(n);
        }
    }

    fn visit(&mut self, n: usize, mode: Mode, failed_before: bool) {
        let plan = self.plan;
        if self.phase(n).is_some_and(|p| p != StepPhase::Pending) {
            if self.is_group(n) {
                self.visit_group(n);
            }
            return;
        }
        if self.state.book.held {
            return;
        }
        let node = &plan.nodes[n];
        if let Some(&wait) = node.depends_on.iter().find(|d| !self.done(**d)) {
            // In a DAG a step that waits for others is not mentioned until its turn comes.
            if mode == Mode::StepByStep {
                let message = format!("Pending on DependsOn: {}", plan.nodes[wait].step.name);
                self.set(n, StepPhase::Pending, None, Some(message));
            }
            return;
        }
        // A step that was skipped because of a failure passes the failure on; one whose own condition did not hold does not.
        let lost = |d: &usize| {
            let skipped =
                self.phase(*d) == Some(StepPhase::Skipped) && plan.nodes[*d].step.condition.is_none();
            self.failed(*d) || skipped
        };
        let blocked = self.state.book.ending || failed_before || node.depends_on.iter().any(lost);
        if blocked && node.step.condition.is_none() {
            return self.skip(n, String::new());
        }
        if let Some(missing) = node.step.inputs.iter().find(|i| plan.input(self.state, &i.from).is_none()) {
            if self.state.book.ending {
                return self.skip(n, String::new());
            }
            let message = format!("Pending on Input: {}", missing.from);
            return self.set(n, StepPhase::Pending, None, Some(message));
        }
        match node.step.condition.as_deref() {
            None | Some("always") => {}
            Some(condition) => match self.judge.holds(condition, &plan.scope(self.state, n)) {
                Ok(true) => {}
                Ok(false) => return self.skip(n, String::new()),
                Err(why) => return self.skip(n, format!("pre check error: {why}")),
            },
        }
        if self.is_group(n) {
            self.set(n, StepPhase::Running, None, Some(String::new()));
            if let Some(timeout) = node.step.timeout {
                let deadline = Some(self.now.plus(timeout));
                self.note(n, StepBook { attempt: 0, in_flight: false, deadline, ..StepBook::default() });
            }
            self.visit_group(n);
        } else {
            self.start(n);
        }
    }

    fn visit_group(&mut self, n: usize) {
        let plan = self.plan;
        let children = &plan.nodes[n].children;
        self.level(children, plan.mode_in(n));
        if !children.iter().all(|c| self.done(*c)) {
            let waits = children.iter().any(|c| self.suspended(*c));
            let (phase, reason) = if waits {
                (StepPhase::Suspending, Some(Reason::Suspend))
            } else {
                (StepPhase::Running, None)
            };
            return self.set(n, phase, reason, None);
        }
        const ORDER: [Reason; 4] =
            [Reason::FailedAfterRetries, Reason::Timeout, Reason::Action, Reason::Terminate];
        let reasons: Vec<Reason> =
            children.iter().filter(|c| self.failed(**c)).filter_map(|c| self.status(*c)?.reason).collect();
        match ORDER.iter().find(|r| reasons.contains(r)).or(reasons.first()) {
            Some(reason) => self.end(n, StepPhase::Failed, Some(*reason), None),
            None => self.end(n, StepPhase::Succeeded, None, None),
        }
    }

    fn skip(&mut self, n: usize, message: String) {
        self.end(n, StepPhase::Skipped, Some(Reason::Skip), Some(message));
        let plan = self.plan;
        for &child in &plan.nodes[n].children {
            self.end(child, StepPhase::Skipped, Some(Reason::Skip), None);
        }
    }

    // ---- The sum

    fn sum_up(&mut self) {
        if self.state.status.finished {
            self.effects.push(Effect::Finished);
            return;
        }
        if self.state.status.start_time.is_none() {
            return;
        }
        if self.plan.top.iter().all(|n| self.done(*n)) {
            return self.finish();
        }
        let open: Vec<usize> = (0..self.plan.nodes.len()).filter(|n| self.open(*n)).collect();
        let suspended = open.iter().filter(|n| self.suspended(**n)).count();
        let suspend = self.state.book.held || suspended > 0;
        let still = self.state.book.held || (suspended > 0 && suspended == open.len());
        let phase = if still { RunPhase::Suspending } else { RunPhase::Executing };
        let status = &mut self.state.status;
        if status.suspend != suspend || status.phase != phase {
            (status.suspend, status.phase) = (suspend, phase);
            self.changed = true;
        }
        if let Some(at) = self.next_time(&open) {
            self.effects.push(Effect::WakeAt(at));
        }
    }

    fn next_time(&self, open: &[usize]) -> Option<Time> {
        let held = self.state.book.held;
        let groups = (0..self.plan.nodes.len())
            .filter(|n| self.is_group(*n) && self.status(*n).is_some() && !self.done(*n));
        let deadlines = groups.filter_map(|n| self.book(n).deadline);
        let steps = open.iter().flat_map(|n| {
            let book = self.book(*n);
            let suspended = self.phase(*n) == Some(StepPhase::Suspending);
            let next = book.next.filter(|_| !book.in_flight && !held && !suspended);
            let until = book.suspension.and_then(|s| s.until).filter(|_| suspended && !held);
            [next, until, book.deadline]
        });
        deadlines.chain(steps.flatten()).min()
    }

    fn finish(&mut self) {
        let leaves = (0..self.plan.nodes.len()).filter(|n| !self.is_group(*n));
        let statuses: Vec<&StepStatus> = leaves.filter_map(|n| self.status(n)).collect();
        let failed: Vec<Option<Reason>> =
            statuses.iter().filter(|s| s.phase == StepPhase::Failed).map(|s| s.reason).collect();
        let phase = if !failed.is_empty() && failed.iter().any(|r| *r != Some(Reason::Terminate)) {
            RunPhase::Failed
        } else if !failed.is_empty() || self.state.book.ending {
            RunPhase::Terminated
        } else {
            RunPhase::Succeeded
        };
        let status = &mut self.state.status;
        if failed.contains(&Some(Reason::FailedAfterRetries)) {
            status.message = TERMINATED_BY_FAILURES.to_string();
        }
        status.phase = phase;
        status.terminated = phase != RunPhase::Succeeded;
        (status.finished, status.suspend, status.end_time) = (true, false, Some(self.now));
        self.state.book.steps.clear();
        self.changed = true;
        self.effects.push(Effect::Finished);
    }

    fn into_effects(mut self) -> Vec<Effect> {
        if self.changed {
            self.effects.insert(0, Effect::Save);
        }
        self.effects
    }
}
