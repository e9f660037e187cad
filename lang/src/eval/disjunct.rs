//! Disjunctions: decided last, by going through the vertex again once for each choice.
//!
//! The choices made so far are a list of numbers; the first disjunction that is met takes the first of them, and so on, in the order in which
//! they are met, which is always the same for the same choices. A branch that fails is cut off before the next disjunction is opened. Terms that say the same
//! (`terms.rs`) are followed once: what fails with some of them fails with more, and one that a branch has already adds nothing. Defaults follow the
//! specification's rules M, D and U ("Default values").

use super::arena::*;
use super::core::Evaluator;
use super::expr::E;
use super::terms::Said;
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

/// The branches of one vertex while they are gone through.
#[derive(Debug)]
struct Round {
    v: VId,
    said: Said,
    /// Branches in which everything is decided.
    leaves: Vec<Leaf>,
    /// Branches in which as much is decided as in this round, and not everything.
    open: Vec<Leaf>,
    /// Why others are none.
    failures: Vec<Failure>,
}

/// A branch that is no value.
#[derive(Debug)]
struct Failure {
    why: ErrId,
    /// The term that was chosen last, if it is written in its disjunction.
    term: Option<E>,
}

/// How far below a vertex with something left to decide mistakes are looked for.
const NEAR: u32 = 2;

/// A vertex with the disjunctions met so far decided.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) v: VId,
    pub(super) decisions: Arc<[u32]>,
    /// The choices that lead to this value: more than one list where different choices came out the same.
    pub(super) histories: Vec<Vec<Choice>>,
    /// The disjunctions that are left to decide.
    pub(super) undecided: Vec<Undecided>,
    /// The chosen terms, as numbers of what they say, as far as that is known.
    pub(super) terms: Vec<u32>,
}

/// Branches of one vertex that are open at the same time. Beyond it the value would take for ever.
const MAX_BRANCHES: usize = 1_000;

/// Different ways to one value are kept only as far as they may matter for defaults.
const MAX_HISTORIES: usize = 16;

impl Evaluator {
    /// Decides the disjunctions of `v`.
    pub(super) fn decide(&mut self, v: VId, undecided: Vec<Undecided>) {
        let (parent, label) = (self.v(v).parent, self.v(v).label);
        let inside = parent != NONE && label != super::label::Label::NONE;
        if inside {
            let around = self.closers(parent);
            self.closers_around.push((parent, around.into()));
        }
        let mut round = self.leaves(v, undecided.clone(), Said::default());
        if round.leaves.is_empty() && round.said.spared && self.exhausted().is_none() {
            // Every term is to be told of.
            round = self.leaves(v, undecided.clone(), Said::every_term());
        }
        if inside {
            self.closers_around.pop();
        }
        if let Some(e) = self.exhausted() {
            self.v_mut(v).err = Some(e);
            return;
        }
        if round.leaves.is_empty() {
            let e = self.all_failed(v, possible(round.failures, &undecided));
            // An error of the vertex itself says more than that every branch has it.
            self.v_mut(v).err = None;
            self.fail(v, e);
        }
        self.settle_branches(v, &round.leaves);
    }

    /// Goes through the branches of `v`.
    fn leaves(&mut self, v: VId, undecided: Vec<Undecided>, said: Said) -> Round {
        let mut round = Round { v, said, leaves: Vec::new(), open: Vec::new(), failures: Vec::new() };
        let (histories, terms) = (vec![Vec::new()], Vec::new());
        let mut open = vec![Leaf { v, decisions: Arc::from([]), histories, undecided, terms }];
        // One disjunction after the other, so that what comes out the same is followed only once.
        while !open.is_empty() && self.exhausted().is_none() {
            for leaf in open {
                self.branch(&leaf, &mut round);
            }
            open = std::mem::take(&mut round.open);
        }
        round
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
    fn branch(&mut self, from: &Leaf, round: &mut Round) {
        let Some((first, rest)) = from.undecided.split_first() else { return };
        // The vertex with a term that adds nothing to `from`.
        let mut unchanged = None;
        for i in 0..first.terms {
            if self.step().is_err() {
                return;
            }
            let decisions: Arc<[u32]> = from.decisions.iter().copied().chain([i]).collect();
            let term = round.said.number(first, i as usize, self);
            let repeated = term.is_some_and(|t| from.terms.contains(&t));
            let terms: Vec<u32> = from.terms.iter().copied().chain(term.filter(|_| !repeated)).collect();
            // `from` is the whole vertex before the first choice.
            let idle =
                repeated || (!from.decisions.is_empty() && self.adds_nothing(from.v, first, i as usize));
            let same = if rest.is_empty() { unchanged } else { Some(from.v) };
            if let Some(v) = same.filter(|_| idle) {
                round.said.spared = true;
                let choice: Vec<Choice> = first.choice(i as usize).into_iter().collect();
                let histories = with_choices(from, &choice);
                self.add_leaf(round, Leaf { v, decisions, histories, undecided: rest.to_vec(), terms });
                continue;
            }
            if let Some(e) = term.and_then(|_| round.said.failure(&terms)) {
                round.said.spared = true;
                round.failures.push(Failure { why: e, term: first.term(i as usize).cloned() });
                continue;
            }
            match self.choose(round, from, &decisions, &terms) {
                Ok(v) if idle => unchanged = v,
                Ok(_) => {}
                Err(e) => {
                    // All choices must be known, and none made twice: what is chosen once more could be another term, which allows more.
                    if terms.len() == decisions.len() && !self.is_incomplete(e) {
                        round.said.failed.push((terms, e));
                    }
                    round.failures.push(Failure { why: e, term: first.term(i as usize).cloned() });
                }
            }
        }
    }

    /// Goes through the vertex with one more choice than `from`, and adds the branch to those that are left. An error says why it is no value.
    fn choose(
        &mut self,
        round: &mut Round,
        from: &Leaf,
        decisions: &Arc<[u32]>,
        terms: &[u32],
    ) -> Result<Option<VId>, ErrId> {
        let v = round.v;
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
            return Err(e);
        }
        let Some(outcome) = outcome else { return Ok(None) };
        let new = outcome.choices.get(from.decisions.len()..).unwrap_or_default();
        let mut leaf = Leaf {
            v: b,
            decisions: decisions.clone(),
            histories: with_choices(from, new),
            undecided: outcome.undecided,
            terms: terms.to_vec(),
        };
        let done = leaf.undecided.is_empty();
        // One that is made of the same as another has no mistakes of its own.
        let known = if done { &mut round.leaves } else { &mut round.open };
        match self.join(known, leaf, false) {
            None => return Ok(Some(b)),
            Some(alone) => leaf = alone,
        }
        // More conjuncts mend nothing, so a branch that fails now is followed no further. How far down is only looked at once it is decided.
        let failure = if done { self.first_error(b) } else { self.error_near(b, NEAR) };
        let failure = failure.or_else(|| if done { self.unfinished(b) } else { None });
        if let Some(e) = failure {
            return Err(e);
        }
        self.add_leaf(round, leaf);
        Ok(Some(b))
    }

    fn add_leaf(&mut self, round: &mut Round, leaf: Leaf) {
        let into = if leaf.undecided.is_empty() { &mut round.leaves } else { &mut round.open };
        self.merge(into, leaf);
        if into.len() > MAX_BRANCHES {
            self.exhaust("the disjunctions of one value leave more than 1000 branches open");
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
        if let Some(leaf) = self.join(leaves, leaf, true) {
            leaves.push(leaf);
        }
    }

    /// Adds the histories of a leaf to those of a leaf with the same value; gives the leaf back where there is none. Without `work` only
    /// what is known already is compared.
    fn join(&mut self, leaves: &mut [Leaf], leaf: Leaf, work: bool) -> Option<Leaf> {
        for l in leaves.iter_mut() {
            let equal = |ev: &mut Self| {
                let equal = if work { ev.equivalent(l.v, leaf.v) } else { ev.made_equal(l.v, leaf.v) };
                // What is undecided may bring what only one of them allows, and a scalar is held to its bounds once all is decided.
                let alike = |ev: &mut Self| ev.same_constraints(l.v, leaf.v) && ev.closed_alike(l.v, leaf.v);
                equal && (leaf.undecided.is_empty() || alike(ev))
            };
            if self.same_left(l, &leaf) && (l.v == leaf.v || equal(self)) {
                add_histories(&mut l.histories, leaf.histories);
                return None;
            }
        }
        Some(leaf)
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
            match causes.iter().find(|c| self.bottom(**c).message == new && self.bottom(**c).spans == at) {
                Some(same) => self.allow_also(*same, e),
                None => causes.push(e),
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
        let hint = self.misspelt(&causes);
        let e = self.error(code, span, format!("{n} errors in empty disjunction"));
        let b = &mut self.bottom_mut(e);
        b.hint = hint;
        b.spans = spans;
        b.causes = causes;
        b.pending = pending && incomplete;
        b.at = v;
        e
    }

    /// The field that may be meant by one that a branch does not allow, where all that is said of that field is that.
    fn misspelt(&self, causes: &[ErrId]) -> Option<String> {
        let hints =
            causes.iter().filter_map(|c| Some((self.allowed.get(c)?, self.bottom(*c).hint.as_ref()?)));
        let near = hints.filter(|(_, hint)| hint.starts_with("did you mean"));
        near.map(|((name, _), hint)| format!("{}, in place of {name}?", hint.trim_end_matches('?'))).next()
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

/// Why branches failed, without those whose term no other disjunction would have left: `"a"` in `("a" | "b") & ("b" | "c")`.
fn possible(failures: Vec<Failure>, undecided: &[Undecided]) -> Vec<ErrId> {
    let ruled_out = |f: &Failure| {
        f.term.as_ref().is_some_and(|term| undecided.iter().any(|u| u.parent == 0 && u.excludes(term)))
    };
    let left: Vec<ErrId> = failures.iter().filter(|f| !ruled_out(f)).map(|f| f.why).collect();
    match left.is_empty() {
        true => failures.into_iter().map(|f| f.why).collect(),
        false => left,
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

/// The histories of a leaf, each with more choices.
fn with_choices(from: &Leaf, new: &[Choice]) -> Vec<Vec<Choice>> {
    from.histories.iter().map(|h| h.iter().chain(new).copied().collect()).collect()
}

/// Adds ways to a value to those known.
pub(super) fn add_histories(known: &mut Vec<Vec<Choice>>, more: Vec<Vec<Choice>>) {
    for h in more {
        if known.len() < MAX_HISTORIES && !known.iter().any(|k| same_history(k, &h)) {
            known.push(h);
        }
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
