//! What people ask of a run: to go on, to wait, to end, to start over.

use super::super::{Event, Refused, Touched};
use super::Machine;
use crate::model::run::{Reason, RunPhase, RunStatus, StepPhase, StepStatus};
use crate::model::workflow::{GROUP, Mode};
use crate::problem::nearest;
use std::collections::HashMap;

/// What is told of a run that was cancelled; it also tells whoever drives the run.
const CANCELLED: &str = "The run was cancelled: what was under way comes to its end, and nothing more starts but what runs in any case";

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

impl Machine<'_> {
    fn find(&self, name: &str) -> Result<usize, Refused> {
        self.plan.find(name).ok_or_else(|| Refused::NoStep {
            step: name.to_string(),
            hint: nearest(name, self.plan.names()).map(str::to_string),
        })
    }

    pub(super) fn suspended(&self, n: usize) -> bool {
        !self.is_group(n) && self.phase(n) == Some(StepPhase::Suspending)
    }

    pub(super) fn resume(&mut self, step: Option<String>) -> Result<(), Refused> {
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
                self.touched.notes |= self.state.book.held;
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
    pub(super) fn go_on(&mut self, n: usize) {
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

    pub(super) fn suspend(&mut self) -> Result<(), Refused> {
        if self.state.book.held {
            return Err(Refused::Suspended);
        }
        self.state.book.held = true;
        self.touched.notes = true;
        for n in 0..self.plan.nodes.len() {
            if self.open(n) && self.phase(n) == Some(StepPhase::Running) && !self.in_flight(n) {
                let reason = self.status(n).and_then(|s| s.reason);
                self.set(n, StepPhase::Suspending, reason, None);
            }
        }
        Ok(())
    }

    pub(super) fn terminate(&mut self) {
        (self.state.book.held, self.state.book.ending) = (false, true);
        self.state.status.terminated = true;
        (self.touched.notes, self.touched.run) = (true, true);
        for n in 0..self.plan.nodes.len() {
            if !self.is_group(n) && self.phase(n).is_some() && !self.done(n) {
                self.cancel(n);
                self.end(n, StepPhase::Failed, Some(Reason::Terminate), None);
            }
        }
    }

    /// Ends what only waits; what is under way comes to its end.
    pub(super) fn cancel_run(&mut self) -> Result<(), Refused> {
        if self.state.book.ending {
            return Err(Refused::Ending);
        }
        (self.state.book.held, self.state.book.ending) = (false, true);
        self.state.status.message = CANCELLED.to_string();
        (self.touched.notes, self.touched.run) = (true, true);
        for n in 0..self.plan.nodes.len() {
            let under_way = self.open(n) && self.in_flight(n);
            if !self.is_group(n) && self.phase(n).is_some() && !self.done(n) && !under_way {
                self.cancel(n);
                self.end(n, StepPhase::Failed, Some(Reason::Terminate), None);
            }
        }
        Ok(())
    }

    pub(super) fn restart(&mut self, from: Option<String>) -> Result<(), Refused> {
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
                self.state.take_away(&output.name);
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
        self.touched.add(Touched::all());
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
}
