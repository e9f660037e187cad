//! The walk: which steps may start, which have run out of time, and what all of them together make of the run.

use super::super::{Effect, StepBook};
use super::Machine;
use crate::model::run::{Reason, RunPhase, StepPhase, StepStatus, Time};
use crate::model::workflow::Mode;

/// What users read when a step has failed in all its attempts.
const TERMINATED_BY_FAILURES: &str =
    "The workflow terminates automatically because the failed times of steps have reached the limit";

impl Machine<'_> {
    pub(super) fn advance(&mut self) {
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
        if !self.state.book.steps.values().any(|b| b.deadline.is_some_and(|d| d <= self.now)) {
            return;
        }
        for n in 0..self.plan.nodes.len() {
            if self.notes(n).and_then(|b| b.deadline).is_none_or(|d| d > self.now) || self.done(n) {
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
            // Without notes it is in its first attempt.
            let Some(book) = self.notes(n) else { continue };
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
            if let Some(why) = plan.never(self.state, &missing.from) {
                return self.end(n, StepPhase::Failed, Some(Reason::Input), Some(why));
            }
            let message = format!("Pending on Input: {}", missing.from);
            return self.set(n, StepPhase::Pending, None, Some(message));
        }
        match node.step.condition.as_deref() {
            None | Some("always") => {}
            Some(condition) => match self.judge.holds(condition, &plan.scope(self.state, n, condition)) {
                Ok(true) => {}
                Ok(false) => return self.skip(n, String::new()),
                Err(why) => {
                    let why = self.state.secrets().hide(&why);
                    return self.skip(n, format!("pre check error: {why}"));
                }
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
        let failure = ORDER.iter().find(|r| reasons.contains(r)).or(reasons.first()).copied();
        let lost = self.give(n);
        match (failure, lost) {
            (Some(reason), _) => self.end(n, StepPhase::Failed, Some(reason), None),
            (None, Some(why)) => self.end(n, StepPhase::Failed, Some(Reason::Output), Some(why)),
            (None, None) => self.end(n, StepPhase::Succeeded, None, None),
        }
    }

    /// Puts out what a group gives: expressions over its steps, by the names that conditions have. The first that cannot be evaluated is told.
    fn give(&mut self, n: usize) -> Option<String> {
        let plan = self.plan;
        let mut wrong = None;
        for output in &plan.nodes[n].step.outputs {
            let value = |scope: &_| self.judge.value(&output.value_from, scope);
            let kept = match plan.group_output(self.state, n, &output.value_from, value) {
                Ok(given) => self.keep(&output.name, given),
                Err(why) => Err(format!("output `{}`: {why}", output.name)),
            };
            wrong = wrong.or(kept.err());
        }
        wrong
    }

    fn skip(&mut self, n: usize, message: String) {
        self.end(n, StepPhase::Skipped, Some(Reason::Skip), Some(message));
        let plan = self.plan;
        for &child in &plan.nodes[n].children {
            self.end(child, StepPhase::Skipped, Some(Reason::Skip), None);
        }
    }

    // ---- The sum

    pub(super) fn sum_up(&mut self) {
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
            self.touched.run = true;
        }
        if let Some(at) = self.next_time(&open) {
            self.effects.push(Effect::WakeAt(at));
        }
    }

    fn next_time(&self, open: &[usize]) -> Option<Time> {
        let held = self.state.book.held;
        let groups = (0..self.plan.nodes.len())
            .filter(|n| self.is_group(*n) && self.status(*n).is_some() && !self.done(*n));
        let deadlines = groups.filter_map(|n| self.notes(n)?.deadline);
        let steps = open.iter().filter_map(|n| Some((*n, self.notes(*n)?))).flat_map(|(n, book)| {
            let suspended = self.phase(n) == Some(StepPhase::Suspending);
            let next = book.next.filter(|_| !book.in_flight && !held && !suspended);
            let until = book.suspension.as_ref().and_then(|s| s.until).filter(|_| suspended && !held);
            [next, until, book.deadline]
        });
        deadlines.chain(steps.flatten()).min()
    }

    fn finish(&mut self) {
        let statuses: Vec<&StepStatus> = (0..self.plan.nodes.len()).filter_map(|n| self.status(n)).collect();
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
        self.touched.notes |= !self.state.book.steps.is_empty();
        self.state.book.steps.clear();
        self.touched.run = true;
        self.effects.push(Effect::Finished);
    }
}
