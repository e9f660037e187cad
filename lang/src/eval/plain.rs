//! Values without references, which are most of what a configuration holds: they can be worked out with less.
//!
//! - A scalar, with types that it has, is itself.
//! - A disjunction whose terms are scalars, types and bounds (`*80 | int & >0`) is decided by comparing values, without going through the vertex again for each choice. It comes out as
//!   `disjunct.rs` would have it, which also takes over where nothing is left, for it can tell why.
//! - A vertex that is nothing but a reference to plain data (`labels: service.labels`) shares that data instead of making it again. Data is plain if it is concrete, has no
//!   error and no reference in it: so sharing it can close no circle, and whoever asks for a path in it finds nothing to complain about.

use super::arena::*;
use super::core::Evaluator;
use super::disjunct::Leaf;
use super::expr::{Decl, E, Scalar, X};
use super::operate::same_scalar;
use super::unify::Choice;
use crate::pkg::Kind;
use crate::source::Span;
use crate::syntax::ast::{Constraint, UnaryOp};
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// What a vertex may still be.
#[derive(Clone)]
struct Candidate {
    kind: Kind,
    scalar: Option<(Scalar, Span)>,
    bounds: Vec<Bound>,
    /// The choices that lead there in the disjunction that is being decided.
    choices: Vec<Choice>,
    /// Those in the disjunctions before it: more than one list where different choices came out the same.
    histories: Vec<Vec<Choice>>,
}

impl Candidate {
    /// Puts the choices of a disjunction that is decided behind those before it.
    fn settle(&mut self) {
        let choices = std::mem::take(&mut self.choices);
        for h in &mut self.histories {
            let before = h.len() as u32;
            h.extend(
                choices
                    .iter()
                    .map(|c| Choice { parent: if c.parent == 0 { 0 } else { c.parent + before }, ..*c }),
            );
        }
    }

    fn says_the_same(&self, other: &Candidate) -> bool {
        let all_in = |x: &[Bound], y: &[Bound]| x.iter().all(|p| y.iter().any(|q| same_bound(p, q)));
        let scalars = match (&self.scalar, &other.scalar) {
            (None, None) => true,
            (Some((a, _)), Some((b, _))) => same_scalar(a, b),
            _ => false,
        };
        self.kind == other.kind
            && scalars
            && all_in(&self.bounds, &other.bounds)
            && all_in(&other.bounds, &self.bounds)
    }
}

fn same_bound(a: &Bound, b: &Bound) -> bool {
    match (&a.value, &b.value) {
        (BoundValue::Scalar(x), BoundValue::Scalar(y)) => a.op == b.op && same_scalar(x, y),
        _ => false,
    }
}

/// Beyond these many candidates it is worth following only those that differ, as `disjunct.rs` does.
const MAX_CANDIDATES: usize = 64;

impl Evaluator {
    /// Works on a vertex that is made of one scalar and at most types that it has, or of a disjunction that was decided before. Gives whether it was one: then
    /// it is done.
    pub(super) fn is_simple(&mut self, v: VId) -> bool {
        if self.v(v).ext != NONE || self.too_deep(v) {
            return false;
        }
        if let [only] = self.conjuncts(v)
            && matches!(only.expr.kind, X::Or(_))
        {
            let known = self.plain_choices.get(&(Arc::as_ptr(&only.expr) as usize)).map(|(_, known)| *known);
            let Some(known) = known.filter(|known| self.v(*known).plain == Plain::Yes) else { return false };
            if self.step().is_err() {
                return false;
            }
            self.is_asked_for(v);
            let x = self.v_mut(v);
            x.forward = known;
            x.state = State::Done;
            return true;
        }
        let (mut kind, mut scalar) = (Kind::TOP, None);
        for c in self.conjuncts(v) {
            match &c.expr.kind {
                X::Scalar(s) if scalar.is_none() => {
                    kind = kind.and(s.kind());
                    scalar = Some((s, c.expr.span));
                }
                X::Type { kind: only, range: None } => kind = kind.and(*only),
                _ => return false,
            }
        }
        let Some((s, span)) = scalar.filter(|_| !kind.is_bottom()) else { return false };
        let s = s.clone();
        if self.step().is_err() {
            return false;
        }
        self.is_asked_for(v);
        self.set_scalar(v, s, span);
        let x = self.v_mut(v);
        x.kind = kind;
        x.state = State::Done;
        true
    }

    /// Decides the disjunctions `ors` of `v`, whose other conjuncts are all in, if everything is plain. Gives whether it did.
    pub(super) fn decide_plain(&mut self, v: VId, ors: &[Conj]) -> bool {
        match (self.conjuncts(v), ors) {
            ([only], [or]) if Arc::ptr_eq(&only.expr, &or.expr) => {
                let expr = only.expr.clone();
                self.decide_alone(v, expr, ors)
            }
            _ => self.decide_among(v, ors),
        }
    }

    /// Decides the disjunction that is all that `v` is made of: once for all places where it stands so. They share the outcome, where that has a
    /// default: otherwise each place is to be told of by its own path.
    fn decide_alone(&mut self, v: VId, expr: E, ors: &[Conj]) -> bool {
        let key = Arc::as_ptr(&expr) as usize;
        let known = match self.plain_choices.get(&key) {
            Some((_, known)) => *known,
            None => {
                let known = self.vertex(NONE, super::label::Label::NONE);
                if !self.decide_among(known, ors) {
                    return false;
                }
                let c = Conj { env: NONE, expr: expr.clone(), ci: Ci::default(), decl: None };
                self.push_conjunct(known, c);
                self.v_mut(known).state = State::Done;
                let default = self.with_default(known);
                let decided = !self.failed(known) && self.v(default).scalar != NONE;
                self.v_mut(known).plain = if decided { Plain::Yes } else { Plain::No };
                self.keep_all();
                self.plain_choices.insert(key, (expr, known));
                known
            }
        };
        if self.v(known).plain != Plain::Yes {
            return self.decide_among(v, ors);
        }
        self.v_mut(v).forward = known;
        true
    }

    fn decide_among(&mut self, v: VId, ors: &[Conj]) -> bool {
        let x = self.v(v);
        if x.is_struct || !x.arcs.is_empty() || x.err.is_some() {
            return false;
        }
        let bounds = match self.ext_ref(v) {
            Some(e)
                if !e.validators.is_empty() || e.list.is_some() || !e.patterns.is_empty() || e.unchecked =>
            {
                return false;
            }
            Some(e) => e.bounds.to_vec(),
            None => Vec::new(),
        };
        if bounds.iter().any(|b| matches!(b.value, BoundValue::Vertex(_))) {
            return false;
        }
        let (scalar, choices, histories) = (self.scalar_at(v).cloned(), Vec::new(), vec![Vec::new()]);
        let start = Candidate { kind: x.kind, scalar, bounds, choices, histories };
        let mut candidates = vec![start];
        for or in ors {
            let mut next: Vec<Candidate> = Vec::new();
            for c in candidates {
                let mut narrowed = Vec::new();
                if self.narrow(c, &or.expr, 0, &mut narrowed).is_none() {
                    return false;
                }
                for mut c in narrowed {
                    c.settle();
                    match next.iter_mut().find(|n| n.says_the_same(&c)) {
                        Some(n) => super::disjunct::add_histories(&mut n.histories, c.histories),
                        None => next.push(c),
                    }
                }
                if next.len() > MAX_CANDIDATES {
                    return false;
                }
            }
            candidates = next;
        }
        self.settle_plain(v, candidates)
    }

    /// Gives `v` what is left of it.
    fn settle_plain(&mut self, v: VId, mut candidates: Vec<Candidate>) -> bool {
        if candidates.len() == 1 {
            let Some(only) = candidates.pop() else { return false };
            self.take(v, only);
            self.finish(v);
            return true;
        }
        let mut leaves: Vec<Leaf> = Vec::new();
        for mut c in candidates {
            let histories = std::mem::take(&mut c.histories);
            let (parent, label) = (self.v(v).parent, self.v(v).label);
            let b = self.vertex(parent, label);
            self.take(b, c);
            let x = self.v_mut(b);
            x.stands_for = v;
            x.state = State::Done;
            self.finish(b);
            if !self.failed(b) {
                let (decisions, undecided, terms) = (Arc::from([]), Vec::new(), Vec::new());
                self.merge(&mut leaves, Leaf { v: b, decisions, histories, undecided, terms });
            }
        }
        if leaves.is_empty() {
            return false;
        }
        self.settle_branches(v, &leaves);
        true
    }

    fn take(&mut self, v: VId, c: Candidate) {
        self.v_mut(v).kind = c.kind;
        if let Some((s, span)) = c.scalar {
            self.set_scalar(v, s, span);
        }
        if !c.bounds.is_empty() || self.ext_ref(v).is_some_and(|x| !x.bounds.is_empty()) {
            self.ext(v).bounds = c.bounds.into();
        }
    }

    /// The candidates that `c` leaves if it is also `e`, part of the term chosen in the choice `parent`. `None` if `e` is not plain.
    fn narrow(&mut self, c: Candidate, e: &E, parent: u32, out: &mut Vec<Candidate>) -> Option<()> {
        match &e.kind {
            X::Or(terms) => {
                let has_marks = terms.iter().any(|t| t.1);
                for (term, marked) in terms {
                    self.step().ok()?;
                    let mut c = c.clone();
                    let site = Arc::as_ptr(e) as usize;
                    c.choices.push(Choice { parent, site, has_marks, marked: *marked });
                    let own = c.choices.len() as u32;
                    self.narrow(c, term, own, out)?;
                    if out.len() > MAX_CANDIDATES {
                        return None;
                    }
                }
            }
            X::And(terms) => {
                let mut candidates = vec![c];
                for t in terms {
                    let mut next = Vec::new();
                    for c in candidates {
                        self.narrow(c, t, parent, &mut next)?;
                    }
                    candidates = next;
                }
                out.extend(candidates);
            }
            X::Scalar(s) => out.extend(self.with_scalar(c, s, e.span)?),
            X::Type { kind, range } => {
                let Some(mut c) = self.with_kind(c, *kind)? else { return Some(()) };
                if let Some((low, high)) = range {
                    for b in super::unify::range_bounds(low, high.as_ref(), e.span) {
                        match self.with_bound(c, b)? {
                            Some(narrowed) => c = narrowed,
                            None => return Some(()),
                        }
                    }
                }
                out.push(c);
            }
            X::Bound(op, x) => {
                let X::Scalar(s) = &x.kind else { return None };
                let b = Bound { op: *op, value: BoundValue::Scalar(s.clone()), span: e.span };
                let kind = self.bound_kind(&b).ok()??;
                if let Some(c) = self.with_kind(c, kind)? {
                    out.extend(self.with_bound(c, b)?);
                }
            }
            X::Bottom => {}
            _ => return None,
        }
        Some(())
    }

    /// The outer `None` is for what is left to `disjunct.rs`, the inner one for no candidate.
    fn with_kind(&mut self, mut c: Candidate, kind: Kind) -> Option<Option<Candidate>> {
        c.kind = c.kind.and(kind);
        Some((!c.kind.is_bottom()).then_some(c))
    }

    fn with_scalar(&mut self, c: Candidate, s: &Scalar, span: Span) -> Option<Option<Candidate>> {
        let Some(mut c) = self.with_kind(c, s.kind())? else { return Some(None) };
        match &c.scalar {
            Some((old, _)) => return Some(same_scalar(old, s).then_some(c)),
            None => c.scalar = Some((s.clone(), span)),
        }
        for b in &c.bounds {
            if !self.satisfies(s, b).ok()? {
                return Some(None);
            }
        }
        Some(Some(c))
    }

    fn with_bound(&mut self, mut c: Candidate, b: Bound) -> Option<Option<Candidate>> {
        if let Some((s, _)) = &c.scalar
            && !self.satisfies(s, &b).ok()?
        {
            return Some(None);
        }
        if !c.bounds.iter().any(|known| same_bound(known, &b)) {
            c.bounds.push(b);
        }
        Some(Some(c))
    }

    /// Lets `v`, whose conjunct is `c` and refers to `target`, share what is there. Gives whether it does.
    pub(super) fn share(&mut self, v: VId, target: VId, c: &Conj) -> bool {
        let sole = match self.conjuncts(v) {
            [only] => Arc::ptr_eq(&only.expr, &c.expr) && only.env == c.env,
            _ => false,
        };
        if !sole || c.ci.cyclic || c.ci.unchecked || self.v(v).label == super::label::Label::NONE {
            return false;
        }
        if self.v(v).stands_for != v || self.v(target).stands_for == v {
            return false;
        }
        self.settle_line(target);
        if self.growing(target) || !self.is_plain(target) {
            return false;
        }
        self.reads(target);
        let t = self.settled(target);
        let (kind, scalar) = (self.v(t).kind, self.v(t).scalar);
        if scalar == NONE {
            self.v_mut(v).forward = t;
        } else {
            let x = self.v_mut(v);
            x.kind = kind;
            x.scalar = scalar;
        }
        true
    }

    /// Works on fields that are nothing but a reference to the next one, up to plain data: the last one first, so that each shares what it
    /// refers to, and a long line is gone through once.
    fn settle_line(&mut self, v: VId) {
        let mut line = Vec::new();
        let mut met = FxHashSet::default();
        let mut at = v;
        while let Some(next) = self.next_in_line(at).filter(|_| met.insert(at)) {
            line.push(at);
            at = next;
        }
        if !line.is_empty() && self.next_in_line(at).is_none() && self.is_plain(at) {
            line.into_iter().rev().for_each(|v| self.expand(v));
        }
    }

    /// What a field refers to that is nothing but a reference and that nobody has worked on.
    fn next_in_line(&self, v: VId) -> Option<VId> {
        let [only] = self.conjuncts(v) else { return None };
        let X::Field { up, label } = only.expr.kind else { return None };
        if self.v(v).state != State::Unprocessed || self.v(v).ext != NONE {
            return None;
        }
        let Some(Scope::Vertex(scope)) = self.scope(only.env, up) else { return None };
        let found = self.arc(scope, label).filter(|a| a.constraint == Constraint::Regular)?;
        (self.v(scope).state == State::Done && !self.v(scope).provisional).then_some(found.vertex)
    }

    /// Whether a vertex is finished plain data.
    fn is_plain(&mut self, v: VId) -> bool {
        match self.v(v).plain {
            Plain::Yes => return true,
            Plain::No => return false,
            Plain::Unknown => {}
        }
        match self.v(v).state {
            State::Processing => return false,
            State::Done => {}
            // What holds no reference can be finished now without meeting what is being worked on.
            State::Unprocessed => {
                if !self.conjuncts(v).iter().all(|c| is_data(&c.expr)) {
                    return false;
                }
                self.expand(v);
            }
        }
        let plain = crate::compile::stack(|| self.finished_plain(v));
        match plain {
            // What is known of a finished value does not change it.
            Some(true) => self.vs[v as usize].plain = Plain::Yes,
            Some(false) => self.vs[v as usize].plain = Plain::No,
            None => {}
        }
        plain == Some(true)
    }

    /// `None` where it may be plain once it is finished.
    fn finished_plain(&mut self, v: VId) -> Option<bool> {
        if self.v(v).provisional {
            return None;
        }
        let t = self.settled(v);
        let (x, y) = (self.v(v), self.v(t));
        if x.err.is_some() || y.err.is_some() || x.denied.is_some() || y.provisional {
            return Some(false);
        }
        // A disjunction that is decided for all places where it stands.
        if t != v && y.plain == Plain::Yes {
            return Some(true);
        }
        if let Some(e) = self.ext_ref(t)
            && (!e.branches.is_empty() || !e.validators.is_empty() || e.unchecked)
        {
            return Some(false);
        }
        if y.scalar != NONE {
            return Some(true);
        }
        let value = match y.kind {
            Kind::STRUCT => y.is_struct,
            Kind::LIST => {
                let list = self.ext_ref(t).and_then(|e| e.list.as_ref());
                list.is_some_and(|l| l.exact.is_some())
            }
            _ => false,
        };
        if !value || y.state != State::Done || !self.conjuncts(t).iter().all(|c| is_data(&c.expr)) {
            return Some(false);
        }
        self.deny(t);
        for a in self.arcs(t).to_vec() {
            if a.constraint != Constraint::Regular || !(a.label.is_regular() || a.label.as_index().is_some())
            {
                return Some(false);
            }
            if self.v(a.vertex).denied.is_some() {
                return Some(false);
            }
            if !self.is_plain(a.vertex) {
                // Being asked again for what is not worked on yet could take very long where much is shared.
                let x = self.v(a.vertex);
                return (x.state != State::Processing && !x.provisional).then_some(false);
            }
        }
        Some(true)
    }
}

/// Whether an expression holds no reference, as far as its vertex is concerned: fields and elements are vertices of their own.
fn is_data(e: &E) -> bool {
    match &e.kind {
        X::Scalar(_) | X::Data(_) | X::Type { .. } => true,
        X::Bound(op, x) => *op != UnaryOp::Equal && matches!(x.kind, X::Scalar(_)),
        X::And(terms) => terms.iter().all(is_data),
        X::Struct(s) => s.lets.is_empty() && s.decls.iter().all(is_data_decl),
        X::List(l) => l.ellipsis.is_none() && !l.elems.iter().any(|e| matches!(e.kind, X::Comprehension(_))),
        _ => false,
    }
}

fn is_data_decl(d: &Decl) -> bool {
    match d {
        Decl::Field(f) => !f.label_alias,
        Decl::Pattern(p, f) => is_data(p) && is_data(&f.value) && !f.label_alias,
        Decl::Ellipsis => true,
        Decl::Dynamic(..) | Decl::Embed(_) | Decl::Comprehension(_) => false,
    }
}
