//! What has been saved of a run, in two places: the status as it was published last, and beside it outputs, notes, and what the status does not say yet.
//!
//! Publishing takes as long as the status is long, so it cannot follow each step. What has changed since is kept in a [`Journal`], which is short; it is
//! written together with the notes, in one write, so a crash finds both or neither. The published status carries a mark that counts up, and a journal
//! says which mark it goes on from: one that is older than the status means nothing. Pure: the driver's `record` does the writing. Tests: here, and
//! the simulation, which crashes between any two writes.

use super::{Book, State};
use crate::model::run::{RunStatus, StepStatus};
use crate::secret::{Given, Mark, Marked};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Which parts of a state are other than they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// The whole: steps were taken out, or the run started over.
    pub all: bool,
    /// What the status says of the run besides its steps.
    pub run: bool,
    /// Steps and sub-steps, by where they stand in the status.
    pub steps: BTreeSet<(usize, Option<usize>)>,
    /// Outputs, by name.
    pub vars: BTreeSet<String>,
    /// The notes.
    pub notes: bool,
}

impl Touched {
    /// Every part.
    pub fn all() -> Touched {
        Touched { all: true, notes: true, ..Touched::default() }
    }

    /// Whether nothing is.
    pub fn is_none(&self) -> bool {
        *self == Touched::default()
    }

    /// Whether the status is other than it was.
    pub fn status(&self) -> bool {
        self.all || self.run || !self.steps.is_empty()
    }

    /// Takes in what has changed since.
    pub fn add(&mut self, later: Touched) {
        if later.all && !self.all {
            // Places of before mean nothing any more.
            self.steps.clear();
        }
        self.all |= later.all;
        self.run |= later.run;
        self.notes |= later.notes;
        self.steps.extend(later.steps);
        self.vars.extend(later.vars);
    }
}

impl RunStatus {
    /// The step or sub-step at a place.
    pub fn at(&self, (step, sub): (usize, Option<usize>)) -> Option<&StepStatus> {
        let step = self.steps.get(step)?;
        match sub {
            None => Some(step),
            Some(sub) => step.sub_steps.get(sub),
        }
    }

    /// Puts a step at a place, or after the others; sub-steps stay.
    fn put(&mut self, (step, sub): (usize, Option<usize>), status: StepStatus) {
        let steps = match sub {
            None => Some(&mut self.steps),
            Some(_) => self.steps.get_mut(step).map(|s| &mut s.sub_steps),
        };
        let Some(steps) = steps else { return };
        match steps.get_mut(sub.unwrap_or(step)) {
            Some(old) => *old = StepStatus { sub_steps: std::mem::take(&mut old.sub_steps), ..status },
            None => steps.push(status),
        }
    }

    /// What it says besides the steps.
    fn head(&self) -> RunStatus {
        RunStatus {
            mode: self.mode,
            phase: self.phase,
            message: self.message.clone(),
            suspend: self.suspend,
            suspend_state: self.suspend_state.clone(),
            terminated: self.terminated,
            finished: self.finished,
            context_backend: self.context_backend.clone(),
            steps: Vec::new(),
            start_time: self.start_time,
            end_time: self.end_time,
        }
    }

    /// Makes it as another one is, given which parts of that were touched.
    pub fn follow(&mut self, other: &RunStatus, touched: &Touched) {
        if touched.all {
            *self = other.clone();
            return;
        }
        if touched.run {
            *self = RunStatus { steps: std::mem::take(&mut self.steps), ..other.head() };
        }
        for place in &touched.steps {
            if let Some(step) = other.at(*place) {
                self.put(*place, step.alone());
            }
        }
    }

    /// The mark that it was published with.
    fn mark(&self) -> u64 {
        self.context_backend.as_ref().and_then(|c| c.resource_version.parse().ok()).unwrap_or(0)
    }
}

/// What has been saved that the published status does not say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Journal {
    /// The mark of the status that this goes on from.
    after: u64,
    /// Whether it stands for the whole status, instead of going on from one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    whole: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Entry>,
    /// Outputs that the file of outputs does not have yet.
    #[serde(skip_serializing_if = "Map::is_empty")]
    vars: Map<String, Value>,
    /// Where secrets belong in these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    marks: BTreeMap<String, Vec<Mark>>,
}

/// A step in a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    at: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<usize>,
    #[serde(flatten)]
    step: StepStatus,
}

/// What lies beside the status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// The outputs, without those that the journal has.
    pub vars: Map<String, Value>,
    /// Where secrets belong in these.
    pub marks: BTreeMap<String, Vec<Mark>>,
    /// The notes.
    pub book: Book,
    /// The journal.
    pub journal: Journal,
}

/// What was published of a run, and what was saved since.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    published: RunStatus,
    /// The newest mark that was ever seen.
    newest: u64,
    /// What is saved and not published.
    behind: Touched,
}

impl Ledger {
    /// The ledger and the state of a run whose status and what lies beside it are these.
    pub fn open(published: RunStatus, stored: Stored) -> (Ledger, State) {
        let Stored { vars, marks, book, journal } = stored;
        let mark = published.mark();
        let mut ledger = Ledger {
            newest: mark.max(journal.after),
            published: published.clone(),
            behind: Touched::default(),
        };
        let mut state = State { status: published, vars, marks, book, ..State::default() };
        if journal.after == mark {
            ledger.behind = journal.apply(&mut state);
        }
        (ledger, state)
    }

    /// The status as it was published last.
    pub fn published(&self) -> &RunStatus {
        &self.published
    }

    /// The status was found to be another one: somebody else has written it.
    pub fn republished(&mut self, status: RunStatus) {
        self.newest = self.newest.max(status.mark());
        // The next journal goes on from this one, so it must say everything that this one may not.
        self.behind.all = true;
        self.published = status;
    }

    /// Whether something is saved that the published status does not say.
    pub fn is_behind(&self) -> bool {
        self.behind.status()
    }

    /// Whether the outputs of the journal, or these changes, are not yet among the others.
    pub fn vars_are_behind(&self, touched: &Touched) -> bool {
        self.behind.all || touched.all || !self.behind.vars.is_empty() || !touched.vars.is_empty()
    }

    /// The journal to write, given what has been touched since the last one; without outputs if these are written out beside it.
    pub fn journal(&self, state: &State, touched: &Touched, with_vars: bool) -> Journal {
        let mut behind = self.behind.clone();
        behind.add(touched.clone());
        let after = self.published.mark();
        let names = || behind.vars.iter().filter(|_| with_vars);
        let vars = names().filter_map(|n| Some((n.clone(), state.vars.get(n)?.clone()))).collect();
        let marks = names().filter_map(|n| Some((n.clone(), state.marks.get(n)?.clone()))).collect();
        if behind.all {
            let run = Some(state.status.clone());
            return Journal { after, whole: true, run, steps: Vec::new(), vars, marks };
        }
        let entry = |place: &(usize, Option<usize>)| {
            Some(Entry { at: place.0, sub: place.1, step: state.status.at(*place)?.alone() })
        };
        let steps = behind.steps.iter().filter_map(entry).collect();
        Journal { after, whole: false, run: behind.run.then(|| state.status.head()), steps, vars, marks }
    }

    /// A journal with these changes was written; `vars` if the outputs were written out with it.
    pub fn saved(&mut self, touched: &Touched, vars: bool) {
        self.behind.add(touched.clone());
        if vars {
            self.behind.vars.clear();
        }
        self.behind.notes = false;
    }

    /// The mark to publish with: one that no journal goes on from.
    pub fn next_mark(&self) -> u64 {
        self.newest.saturating_add(1)
    }

    /// The status was published, with these changes and all before them.
    pub fn was_published(&mut self, status: &RunStatus, touched: &Touched) {
        let mut parts = std::mem::take(&mut self.behind);
        parts.add(touched.clone());
        // What is only among the journal's outputs stays to be written out.
        self.behind.vars = std::mem::take(&mut parts.vars);
        parts.run = true;
        self.published.follow(status, &parts);
        self.newest = self.newest.max(status.mark());
    }
}

impl Journal {
    /// Brings a state up to date, and tells which parts of it the published status does not say.
    fn apply(mut self, state: &mut State) -> Touched {
        let mut touched = Touched { vars: self.vars.keys().cloned().collect(), ..Touched::default() };
        for (name, data) in self.vars {
            let marks = self.marks.remove(&name).unwrap_or_default();
            state.put(&name, Given { marked: Marked { data, marks }, clear: None });
        }
        // Whoever ends a run by writing its status may have met an old one.
        let ended = state.status.terminated;
        if let Some(run) = self.run {
            touched.run = true;
            touched.all = self.whole;
            let steps = if self.whole { run.steps.clone() } else { std::mem::take(&mut state.status.steps) };
            state.status = RunStatus { steps, ..run };
            state.status.terminated |= ended && !self.whole;
        }
        for Entry { at, sub, step } in self.steps {
            state.status.put((at, sub), step);
            touched.steps.insert((at, sub));
        }
        touched
    }
}

impl State {
    /// Makes it as another one is, given which parts of that were touched.
    pub fn follow(&mut self, other: &State, touched: &Touched) {
        self.status.follow(&other.status, touched);
        if touched.notes || touched.all {
            self.book = other.book.clone();
        }
        if touched.all {
            (self.vars, self.marks) = (other.vars.clone(), other.marks.clone());
        }
        for name in &touched.vars {
            match other.given(name) {
                Some(given) => self.put(name, given),
                None => self.take_away(name),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::run::{ContextBackend, RunPhase, StepPhase};
    use serde_json::json;

    fn step(name: &str, phase: StepPhase) -> StepStatus {
        let text = json!({"id": name, "name": name, "type": "x", "phase": phase});
        serde_json::from_value(text).unwrap()
    }

    fn marked(mark: u64) -> Option<ContextBackend> {
        Some(ContextBackend { resource_version: mark.to_string(), ..ContextBackend::default() })
    }

    fn begun() -> State {
        let steps = vec![step("a", StepPhase::Succeeded), step("g", StepPhase::Running)];
        let status = RunStatus {
            phase: RunPhase::Executing,
            steps,
            context_backend: marked(1),
            ..RunStatus::default()
        };
        State { status, ..State::default() }
    }

    /// What comes back of what was written.
    fn reread(published: &RunStatus, vars: &Map<String, Value>, journal: &Journal) -> State {
        let journal = serde_json::from_str(&serde_json::to_string(journal).unwrap()).unwrap();
        Ledger::open(published.clone(), Stored { vars: vars.clone(), journal, ..Stored::default() }).1
    }

    #[test]
    fn a_journal_goes_on_from_the_published_status() {
        let before = begun();
        let (mut ledger, mut state) = Ledger::open(before.status.clone(), Stored::default());
        assert_eq!(state, before);
        state.status.steps[1].sub_steps.push(step("s", StepPhase::Running));
        let one = Touched { steps: [(1, Some(0))].into(), ..Touched::default() };
        let journal = ledger.journal(&state, &one, true);
        ledger.saved(&one, false);
        assert_eq!(reread(&before.status, &Map::new(), &journal), state);
        // The next one has all since then.
        state.status.steps[1].phase = StepPhase::Failed;
        state.status.phase = RunPhase::Failed;
        state.vars.insert("o".into(), json!(1));
        let two =
            Touched { run: true, steps: [(1, None)].into(), vars: ["o".into()].into(), ..Touched::default() };
        let journal = ledger.journal(&state, &two, true);
        ledger.saved(&two, false);
        assert_eq!(reread(&before.status, &Map::new(), &journal), state);
        assert!(ledger.is_behind() && ledger.vars_are_behind(&Touched::default()));
        // Once it is published, the journal is of the past.
        state.status.context_backend = marked(ledger.next_mark());
        ledger.was_published(&state.status, &Touched::default());
        assert!(!ledger.is_behind());
        assert_eq!(ledger.published(), &state.status);
        assert_eq!(reread(&state.status, &state.vars, &journal), state);
        state.status.steps[0].message = "later".into();
        let published = ledger.published().clone();
        assert_eq!(reread(&published, &state.vars, &journal).status.steps[0].message, "");
    }

    #[test]
    fn a_run_that_starts_over_is_saved_whole() {
        let before = begun();
        let (ledger, mut state) = Ledger::open(before.status.clone(), Stored::default());
        state.status.steps.truncate(1);
        let journal = ledger.journal(&state, &Touched::all(), true);
        assert_eq!(reread(&before.status, &Map::new(), &journal), state);
    }

    #[test]
    fn an_emptied_status_is_not_filled_again() {
        let before = begun();
        let (ledger, state) = Ledger::open(before.status, Stored::default());
        let journal = ledger.journal(&state, &Touched { run: true, ..Touched::default() }, true);
        assert_eq!(reread(&RunStatus::default(), &Map::new(), &journal), State::default());
        let (ledger, _) = Ledger::open(RunStatus::default(), Stored { journal, ..Stored::default() });
        assert_eq!(ledger.next_mark(), 2, "the old journal must not mean anything again");
    }
}
