//! What happens to a run by itself: its start, the ends of attempts, changes of what steps wait for.

use super::super::{Book, Effect, Event, Limits, Outcome, Refused, StepResult, Suspension, Touched};
use super::Machine;
use crate::model::run::{Reason, RunPhase, StepPhase};
use crate::model::workflow::Modes;
use crate::secret::{Given, Mark};
use serde_json::Value;

/// The most that outputs may have together, in bytes: what the record has room for.
const MOST_OUTPUT: usize = 900 << 10;

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

impl Machine<'_> {
    pub(super) fn event(&mut self, event: Event) -> Result<(), Refused> {
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

    pub(super) fn begin(&mut self) {
        let status = &mut self.state.status;
        status.mode = Modes { steps: self.plan.mode, sub_steps: self.plan.sub_mode };
        status.phase = RunPhase::Executing;
        status.start_time = Some(self.now);
        self.touched.run = true;
    }

    /// Forgets what the steps have left behind; they will have new ids.
    pub(super) fn anew(&mut self) {
        let generation = self.state.book.generation.saturating_add(1);
        let spec = std::mem::take(&mut self.state.book.spec);
        self.state.book = Book { generation, since: generation, spec, ..Book::default() };
        self.state.vars.clear();
        self.state.marks.clear();
        self.state.clear.clear();
        self.touched.add(Touched::all());
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
        self.touched.run = true;
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
        for (name, given) in result.outputs {
            if let Err(message) = self.keep(&name, given) {
                outcome = Outcome::Failed { reason: Reason::Output, message, retry: false };
                break;
            }
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
                self.touched.notes = true;
                self.end(n, StepPhase::Succeeded, Some(Reason::Terminate), Some(said.unwrap_or_default()));
            }
            Outcome::Waiting { message, watches, within } => {
                book.waits = book.waits.saturating_add(1);
                let longest = self.plan.limits_of(n).wait_backoff;
                let pause = Limits::pause(book.waits, longest);
                book.next = Some(self.now.plus(within.map_or(pause, |within| within.min(longest))));
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

    /// Keeps an output, if there is room for it.
    pub(super) fn keep(&mut self, name: &str, given: Given) -> Result<(), String> {
        if self.state.given(name).as_ref() == Some(&given) {
            return Ok(());
        }
        let others = self.state.vars.iter().filter(|(k, _)| *k != name);
        let written = |marks: &Vec<Mark>| serde_json::to_string(marks).map_or(0, |t| t.len());
        let marks = self.state.marks.iter().filter(|(k, _)| *k != name);
        let taken: usize = others.map(|(k, v)| k.len() + size(v)).sum::<usize>()
            + marks.map(|(k, m)| k.len() + written(m)).sum::<usize>();
        let room = MOST_OUTPUT.saturating_sub(taken);
        let marks = if given.marked.marks.is_empty() { 0 } else { written(&given.marked.marks) };
        if size(&given.marked.data) + marks > room {
            return Err(format!(
                "output `{name}` is too big: the outputs of a run have {} KiB together, and {} KiB are left",
                MOST_OUTPUT >> 10,
                room >> 10
            ));
        }
        self.touched.vars.insert(name.to_string());
        self.state.put(name, given);
        Ok(())
    }
}
