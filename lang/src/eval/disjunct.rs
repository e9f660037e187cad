//! Disjunctions: decided last, by going through the vertex again once for each choice.
//!
//! The choices made so far are a list of numbers; the first disjunction that is met takes the first of them, and so on, in the order in which
//! they are met, which is always the same for the same choices. A branch that fails is cut off before the next disjunction is opened. Defaults follow the
//! specification's rules M, D and U ("Default values").

use super::arena::*;
use super::core::Evaluator;
use super::unify::{Choice, Undecided};
use crate::diag::Code;
use crate::pkg::Kind;
use crate::syntax::ast::Constraint;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// How a branch came out.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The disjunctions that are left to decide.
    pub(super) undecided: Vec<Undecided>,
    /// The choices.
    pub(super) choices: Vec<Choice>,
}

/// A vertex with the disjunctions met so far decided.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) v: VId,
    pub(super) decisions: Arc<[u32]>,
    /// The choices that lead to this value: more than one list where different choices came out the same.
    pub(super) histories: Vec<Vec<Choice>>,
    /// The disjunctions that are left to decide.
    pub(super) undecided: Vec<Undecided>,
}

/// Branches of one vertex that are open at the same time. Beyond it the value would take for ever.
const MAX_BRANCHES: usize = 1_000;

/// Different ways to one value are kept only as far as they may matter for defaults.
const MAX_HISTORIES: usize = 16;

impl Evaluator {
    /// Decides the disjunctions of `v`.
    pub(super) fn decide(&mut self, v: VId, undecided: Vec<Undecided>) {
        let mut failures = Vec::new();
        let mut leaves: Vec<Leaf> = Vec::new();
        let start = Leaf { v, decisions: Arc::from([]), histories: vec![Vec::new()], undecided };
        let mut open = vec![start];
        // One disjunction after the other, so that what comes out the same is followed only once.
        while !open.is_empty() && self.exhausted().is_none() {
            let mut next: Vec<Leaf> = Vec::new();
            for leaf in open {
                self.branch(v, &leaf, &mut next, &mut failures);
            }
            open = Vec::new();
            for leaf in next {
                let into = if leaf.undecided.is_empty() { &mut leaves } else { &mut open };
                self.merge(into, leaf);
                if into.len() > MAX_BRANCHES {
                    self.exhaust("the disjunctions of one value leave more than 1000 branches open");
                    break;
                }
            }
        }
        if let Some(e) = self.exhausted() {
            self.v_mut(v).err = Some(e);
            return;
        }
        if leaves.is_empty() {
            let e = self.all_failed(v, failures);
            // An error of the vertex itself says more than that every branch has it.
            self.v_mut(v).err = None;
            self.fail(v, e);
        }
        self.settle_branches(v, &leaves);
    }

    /// Gives a vertex the branches that are left.
    pub(super) fn settle_branches(&mut self, v: VId, leaves: &[Leaf]) {
        let branches: Vec<(VId, Mode)> = leaves.iter().map(|l| l.v).zip(modes(leaves)).collect();
        match branches.as_slice() {
            [] => {}
            [(only, _)] => {
                let only = *only;
                self.v_mut(v).forward = only;
                let err = self.v(only).err;
                self.v_mut(v).err = err;
            }
            _ => {
                let kind =
                    branches.iter().fold(Kind::BOTTOM, |k, (b, _)| k.or(self.v(self.settled(*b)).kind));
                let x = self.v_mut(v);
                x.err = None;
                x.kind = kind;
                self.ext(v).branches = branches.into();
            }
        }
    }

    /// Goes through the vertex once for each term of the first disjunction that `from` has not decided.
    fn branch(&mut self, v: VId, from: &Leaf, out: &mut Vec<Leaf>, failures: &mut Vec<ErrId>) {
        for i in 0..from.undecided.first().map_or(0, |u| u.terms) {
            if self.step().is_err() {
                return;
            }
            let decisions: Arc<[u32]> = from.decisions.iter().copied().chain([i]).collect();
            let (parent, label) = (self.v(v).parent, self.v(v).label);
            let b = self.vertex(parent, label);
            let conjuncts = self.conjuncts(v).to_vec();
            self.v_mut(b).stands_for = v;
            for c in conjuncts {
                self.push_conjunct(b, c);
            }
            let unchecked = self.ext_ref(v).is_some_and(|x| x.unchecked);
            let ext = self.ext(b);
            ext.decisions = Some(decisions.clone());
            ext.unchecked = unchecked;
            self.outcome = None;
            self.expand(b);
            let outcome = self.outcome.take();
            if let Some(e) = self.v(b).err.filter(|e| !self.is_incomplete(*e)) {
                failures.push(e);
                continue;
            }
            let Some(outcome) = outcome else { continue };
            // More conjuncts mend nothing, so a branch that fails now is followed no further.
            if let Some(e) = self.first_error(b) {
                failures.push(e);
                continue;
            }
            if outcome.undecided.is_empty()
                && let Some(e) = self.unfinished(b)
            {
                failures.push(e);
                continue;
            }
            let new = outcome.choices.get(from.decisions.len()..).unwrap_or_default();
            let histories = from.histories.iter().map(|h| h.iter().chain(new).copied().collect()).collect();
            out.push(Leaf { v: b, decisions, histories, undecided: outcome.undecided });
        }
    }

    /// Why a branch is no value yet: it cannot be evaluated, or a field of it cannot. Beside a branch that is a value it does not count, so
    /// `*x.status.n | 0` is 0 while there is no status.
    fn unfinished(&mut self, b: VId) -> Option<ErrId> {
        let own = |ev: &Evaluator, v: VId| ev.v(ev.settled(v)).err.or(ev.v(v).err);
        own(self, b).or_else(|| {
            let fields = self.arcs(b).iter().filter(|a| a.constraint != Constraint::Optional);
            fields.map(|a| a.vertex).find_map(|f| own(self, f))
        })
    }

    /// Adds a leaf, or its histories to those of a leaf with the same value.
    pub(super) fn merge(&mut self, leaves: &mut Vec<Leaf>, leaf: Leaf) {
        for l in leaves.iter_mut() {
            // What is undecided may bring what only one of them allows.
            let same = |ev: &mut Evaluator| leaf.undecided.is_empty() || ev.closed_alike(l.v, leaf.v);
            if self.same_left(l, &leaf) && self.equivalent(l.v, leaf.v) && same(self) {
                for h in leaf.histories {
                    let known = l.histories.iter().any(|k| same_history(k, &h));
                    if !known && l.histories.len() < MAX_HISTORIES {
                        l.histories.push(h);
                    }
                }
                return;
            }
        }
        leaves.push(leaf);
    }

    /// Whether the same is left to decide in two branches.
    fn same_left(&self, a: &Leaf, b: &Leaf) -> bool {
        // The numbers of the disjunctions around what is left must mean the same.
        let nested = a.undecided.iter().any(|u| u.parent != 0);
        a.undecided.len() == b.undecided.len()
            && (!nested || a.decisions.len() == b.decisions.len())
            && a.undecided
                .iter()
                .zip(&b.undecided)
                .all(|(x, y)| x.site == y.site && x.parent == y.parent && self.same_scope(x.env, y.env))
    }

    /// Whether names are found in the same places, branches of one vertex being the same.
    pub(super) fn same_scope(&self, a: EnvId, b: EnvId) -> bool {
        let (mut a, mut b) = (a, b);
        while a != b {
            let (Some(x), Some(y)) = (self.envs.get(a as usize), self.envs.get(b as usize)) else {
                return false;
            };
            let same = match (x.scope, y.scope) {
                (Scope::Vertex(v), Scope::Vertex(w)) => self.v(v).stands_for == self.v(w).stands_for,
                (Scope::Label(l), Scope::Label(m)) => l == m,
                _ => false,
            };
            if !same {
                return false;
            }
            (a, b) = (x.up, y.up);
        }
        true
    }

    fn all_failed(&mut self, v: VId, failures: Vec<ErrId>) -> ErrId {
        let mut causes: Vec<ErrId> = Vec::new();
        for e in failures {
            let (new, at) = (self.bottom(e).message.clone(), self.bottom(e).spans.clone());
            if !causes.iter().any(|c| self.bottom(*c).message == new && self.bottom(*c).spans == at) {
                causes.push(e);
            }
        }
        if let [only] = causes.as_slice() {
            return *only;
        }
        // What the program says itself comes before what was found out.
        let users: Vec<ErrId> = causes
            .iter()
            .copied()
            .filter(|e| {
                self.bottom(*e).code == Code::User && !self.bottom(*e).message.starts_with("explicit")
            })
            .collect();
        let incomplete = causes.iter().any(|e| self.is_incomplete(*e));
        if let [only] = users.as_slice()
            && !incomplete
        {
            return *only;
        }
        let n = causes.len();
        let mut spans = Vec::new();
        for c in &causes {
            for s in &self.bottom(*c).spans {
                if !spans.contains(s) {
                    spans.push(*s);
                }
            }
        }
        let span = spans.first().copied().unwrap_or(crate::compile::NOWHERE);
        // As long as a branch may still become a value, so may the disjunction.
        let code = if incomplete { Code::Incomplete } else { Code::EmptyDisjunction };
        let pending = causes.iter().any(|e| self.bottom(*e).pending);
        let e = self.error(code, span, format!("{n} errors in empty disjunction"));
        let b = &mut self.bottom_mut(e);
        b.spans = spans;
        b.causes = causes;
        b.pending = pending && incomplete;
        b.at = v;
        e
    }

    /// The one default of an undecided vertex.
    pub(super) fn default_branch(&self, v: VId) -> Option<VId> {
        let mut defaults = self.defaults(v);
        defaults.next().filter(|_| defaults.next().is_none())
    }

    /// The branches of an undecided vertex that are its default.
    pub(super) fn default_branches(&self, v: VId) -> Vec<VId> {
        self.defaults(v).collect()
    }

    fn defaults(&self, v: VId) -> impl Iterator<Item = VId> {
        let branches = self.ext_ref(v).map_or(&[][..], |x| &x.branches);
        branches.iter().filter(|b| b.1 == Mode::Default).map(|b| b.0)
    }

    /// The vertex that a value is read from: decided branches are followed, defaults are taken.
    pub(crate) fn with_default(&self, v: VId) -> VId {
        let mut v = self.settled(v);
        while let Some(b) = self.default_branch(v) {
            v = self.settled(b);
        }
        v
    }
}

fn stronger(a: Mode, b: Mode) -> Mode {
    match (a, b) {
        (Mode::Default, _) | (_, Mode::Default) => Mode::Default,
        (Mode::Maybe, _) | (_, Mode::Maybe) => Mode::Maybe,
        _ => Mode::NotDefault,
    }
}

/// How two parts of one value stand together (rules U0 to U2).
fn together(a: Mode, b: Mode) -> Mode {
    match (a, b) {
        (Mode::Maybe, m) | (m, Mode::Maybe) => m,
        (Mode::Default, Mode::Default) => Mode::Default,
        _ => Mode::NotDefault,
    }
}

fn same_history(a: &[Choice], b: &[Choice]) -> bool {
    let same = |(x, y): (&Choice, &Choice)| {
        x.site == y.site && x.parent == y.parent && (!x.has_marks || x.marked == y.marked)
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// What is still there in any branch, by the place of a disjunction.
#[derive(Clone, Copy, Debug, Default)]
struct Alive {
    /// A marked term.
    marked: bool,
    /// A term without a mark that has a default of its own.
    nested: bool,
}

fn modes(leaves: &[Leaf]) -> Vec<Mode> {
    let mut alive: FxHashMap<usize, Alive> = FxHashMap::default();
    let histories = || leaves.iter().flat_map(|l| &l.histories);
    for c in histories().flatten() {
        alive.entry(c.site).or_default().marked |= c.marked;
    }
    for h in histories() {
        for (i, c) in h.iter().enumerate() {
            let nested = !c.has_marks && under(h, i as u32 + 1, &alive) == Mode::Default;
            alive.entry(c.site).or_default().nested |= nested;
        }
    }
    let mode =
        |l: &Leaf| l.histories.iter().map(|h| under(h, 0, &alive)).reduce(stronger).unwrap_or(Mode::Maybe);
    leaves.iter().map(mode).collect()
}

/// The mode of all choices that are part of the term chosen in disjunction `parent`.
fn under(history: &[Choice], parent: u32, alive: &FxHashMap<usize, Alive>) -> Mode {
    let mut mode = Mode::Maybe;
    for (i, c) in history.iter().enumerate() {
        if c.parent != parent {
            continue;
        }
        let nested = under(history, i as u32 + 1, alive);
        let alive = alive.get(&c.site).copied().unwrap_or_default();
        let own = match (c.has_marks, c.marked) {
            (true, true) if nested == Mode::Maybe => Mode::Default,
            // An unmarked term beside a marked one has no default of its own, even where no marked one is left.
            (true, false) if alive.marked => Mode::NotDefault,
            (true, false) => Mode::Maybe,
            // A term beside one that has a default.
            (false, _) if nested == Mode::Maybe && alive.nested => Mode::NotDefault,
            _ => nested,
        };
        mode = together(mode, own);
    }
    mode
}
