//! The transitions of a run: what each event changes, which steps may start then, and what the driver is to do.
//!
//! [`apply`] takes one event (`events`; what people ask for in `operations`), then walks the workflow until nothing more can start, then sums the run up
//! (`walk`). Whatever changes is noted as touched, so that only that is saved, and nothing when nothing changed. Tests: `machine/tests.rs`, and the
//! simulation.

mod events;
mod operations;
mod walk;

pub use operations::changes;

use super::{Effect, Event, Judge, Plan, Refused, State, StepBook, Touched};
use crate::model::run::{Reason, StepPhase, StepStatus, Time};
use crate::model::workflow::GROUP;
use serde_json::Value;

#[cfg(test)]
pub(super) mod tests;

/// The longest message of a step, in bytes: what the record has room for.
const LONGEST_MESSAGE: usize = 16 << 10;

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

struct Machine<'a> {
    plan: &'a Plan,
    state: &'a mut State,
    now: Time,
    judge: &'a dyn Judge,
    effects: Vec<Effect>,
    touched: Touched,
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
            touched: Touched::default(),
            moved: false,
            slots: Vec::new(),
        };
        m.index();
        m
    }

    fn index(&mut self) {
        let plan = self.plan;
        // Steps mostly stand in the order of the workflow, so the next one is found without a search.
        let mut next = 0;
        let mut find = |name: &str| {
            let found = match plan.nodes.get(next) {
                Some(node) if node.step.name == name => Some(next),
                _ => plan.find(name),
            };
            next = found.map_or(next, |n| n + 1);
            found
        };
        let mut slots = vec![None; plan.nodes.len()];
        for (i, s) in self.state.status.steps.iter().enumerate() {
            if let Some(n) = find(&s.name) {
                slots[n] = Some((i, None));
            }
            for (j, sub) in s.sub_steps.iter().enumerate() {
                if let Some(n) = find(&sub.name) {
                    slots[n] = Some((i, Some(j)));
                }
            }
        }
        self.slots = slots;
    }

    // ---- Reading

    fn status(&self, n: usize) -> Option<&StepStatus> {
        self.state.status.at(self.slots[n]?)
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

    fn notes(&self, n: usize) -> Option<&StepBook> {
        self.status(n).and_then(|s| self.state.book.steps.get(&s.id))
    }

    /// The notes on a step that is open: an entry, or what having none means.
    fn book(&self, n: usize) -> StepBook {
        self.notes(n).cloned().unwrap_or_default()
    }

    fn in_flight(&self, n: usize) -> bool {
        self.notes(n).is_none_or(|b| b.in_flight)
    }

    // ---- Writing

    fn note(&mut self, n: usize, book: StepBook) {
        let id = self.id(n);
        let plain =
            book == StepBook::default() && self.phase(n) == Some(StepPhase::Running) && !self.is_group(n);
        if plain {
            self.touched.notes |= self.state.book.steps.remove(&id).is_some();
        } else if self.state.book.steps.get(&id) != Some(&book) {
            self.state.book.steps.insert(id, book);
            self.touched.notes = true;
        }
    }

    fn forget(&mut self, n: usize) {
        let id = self.id(n);
        self.touched.notes |= self.state.book.steps.remove(&id).is_some();
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
            self.touched.steps.insert((i, sub));
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
        self.touched.steps.extend(self.slots[n]);
        self.moved = true;
    }

    /// Ends a step: its notes go, and outputs that it did not give are null, so that nobody waits for them.
    fn end(&mut self, n: usize, phase: StepPhase, reason: Option<Reason>, message: Option<String>) {
        self.set(n, phase, reason, message);
        self.forget(n);
        for output in &self.plan.nodes[n].step.outputs {
            if !self.state.vars.contains_key(&output.name) {
                self.state.vars.insert(output.name.clone(), Value::Null);
                self.touched.vars.insert(output.name.clone());
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

    fn into_effects(mut self) -> Vec<Effect> {
        if !self.touched.is_none() {
            self.effects.insert(0, Effect::Save(self.touched));
        }
        self.effects
    }
}
