//! Checking finished values: errors anywhere below a vertex, and whether two values are the same.

use super::arena::*;
use super::core::Evaluator;
use super::label::LabelType;
use crate::diag::Code;
use crate::pkg::Kind;
use crate::syntax::ast::Constraint;

impl Evaluator {
    /// The first error in a vertex or below that nothing can mend.
    pub(super) fn first_error(&mut self, v: VId) -> Option<ErrId> {
        let mut out = Vec::new();
        self.collect(v, false, true, &mut out);
        out.into_iter().next()
    }

    /// Every error in a vertex and below. With `concrete`, values that are not concrete are errors too, in what is output: regular fields.
    pub(crate) fn all_errors(&mut self, v: VId, concrete: bool) -> Vec<ErrId> {
        let mut out = Vec::new();
        self.collect(v, concrete, false, &mut out);
        out
    }

    fn collect(&mut self, v: VId, concrete: bool, first: bool, out: &mut Vec<ErrId>) {
        if let Err(e) = self.step() {
            if !out.contains(&e) {
                out.push(e);
            }
            return;
        }
        let before = out.len();
        crate::compile::stack(|| self.collect_here(v, concrete, first, out));
        self.note_cycle(v, &out[before.min(out.len())..]);
    }

    /// The first error in a vertex or in what is at most so many levels below it that nothing can mend.
    pub(super) fn error_near(&mut self, v: VId, levels: u32) -> Option<ErrId> {
        if let Err(e) = self.step() {
            return Some(e);
        }
        let mut out = Vec::new();
        let t = self.judged(v, false, &mut out);
        if !out.is_empty() || levels == 0 {
            return out.first().copied();
        }
        let t = t?;
        let mut i = 0;
        while let Some(a) = self.arcs(t).get(i).copied() {
            i += 1;
            let e = match a.constraint {
                Constraint::Regular => self.error_near(a.vertex, levels - 1),
                Constraint::Required => self.impossible(a.vertex),
                Constraint::Optional => None,
            };
            if e.is_some() {
                return e;
            }
        }
        None
    }

    fn collect_here(&mut self, v: VId, concrete: bool, first: bool, out: &mut Vec<ErrId>) {
        let Some(t) = self.judged(v, concrete, out) else { return };
        let mut i = 0;
        while let Some(a) = self.arcs(t).get(i).copied() {
            i += 1;
            if first && !out.is_empty() {
                return;
            }
            self.collect_field(a, concrete, first, out);
        }
    }

    /// Judges a vertex but not what is in it. Gives the vertex whose fields are to be gone through, if any are.
    pub(super) fn judged(&mut self, v: VId, concrete: bool, out: &mut Vec<ErrId>) -> Option<VId> {
        if let Some(e) = self.v(v).denied {
            out.push(e);
            return None;
        }
        self.expand(v);
        let mut t = self.settled(v);
        if concrete {
            t = self.with_default(v);
        }
        self.expand(t);
        // Plain data was found to be without errors, and may be shared by very many.
        if self.v(t).state == State::Processing || self.v(t).plain == Plain::Yes {
            return None;
        }
        let before = out.len();
        let more = self.ext_ref(t).map_or(0, |x| x.errors.len());
        for i in 0..2 + more {
            let e = match i {
                0 => self.v(t).err,
                1 => self.v(v).err,
                i => self.ext_ref(t).map(|x| x.errors[i - 2]),
            };
            out.extend(e.filter(|e| (concrete || !self.is_incomplete(*e)) && !out.contains(e)));
        }
        let told = out.len() > before;
        if concrete
            && !told
            && let Some(e) = self.not_concrete(t)
        {
            out.push(e);
            return None;
        }
        if self.failed(t) {
            return None;
        }
        self.deny(t);
        Some(t)
    }

    /// Every error in a field and below; with `first`, only the first one.
    pub(super) fn collect_field(&mut self, a: Arc_, concrete: bool, first: bool, out: &mut Vec<ErrId>) {
        match a.constraint {
            Constraint::Regular => {
                let output = matches!(a.label.kind(), LabelType::Regular | LabelType::Index);
                self.collect(a.vertex, concrete && output, first, out);
            }
            // A definition or hidden field of what is output as well: whoever asks for it computes with it.
            Constraint::Required if concrete => {
                let name = self.labels.selector(a.label);
                let spans: Vec<_> = self
                    .conjuncts(a.vertex)
                    .iter()
                    .map(|c| c.decl.as_ref().map_or(c.expr.span, |d| d.label_span))
                    .collect();
                let e = self.push_error(Bottom {
                    code: Code::Required,
                    incomplete: true,
                    pending: false,
                    message: "field is required but not present".to_owned(),
                    spans,
                    at: a.vertex,
                    causes: Vec::new(),
                    hint: Some(format!("give {name} a value")),
                    sides: None,
                });
                out.push(e);
            }
            Constraint::Required => out.extend(self.impossible(a.vertex).filter(|e| !out.contains(e))),
            Constraint::Optional => {}
        }
    }

    /// Why a field that is required can never be given.
    fn impossible(&mut self, v: VId) -> Option<ErrId> {
        if let Some(e) = self.v(v).denied {
            return Some(e);
        }
        self.expand(v);
        let e = self.v(self.settled(v)).err.or(self.v(v).err)?;
        (!self.is_incomplete(e)).then_some(e)
    }

    /// Why a vertex without an error of its own is no concrete value.
    fn not_concrete(&mut self, t: VId) -> Option<ErrId> {
        let x = self.v(t);
        if x.scalar != NONE {
            return None;
        }
        let value = match x.kind {
            Kind::LIST => self.ext_ref(t).is_some_and(|e| e.list.is_some()),
            k => x.is_struct && k == Kind::STRUCT,
        };
        let branches = self.ext_ref(t).is_some_and(|e| !e.branches.is_empty());
        if let Some(e) = self.v(t).err.filter(|_| self.failed(t)) {
            // An error of another value, told there already: it is one of this value too.
            let b = self.bottom(e).clone();
            let here = self.spans(t).into_iter().filter(|s| !b.spans.contains(s));
            let spans = b.spans.iter().copied().chain(here).collect();
            return Some(self.push_error(Bottom { at: t, spans, ..b }));
        }
        if value && !branches {
            return None;
        }
        let spans: Vec<_> = self.spans(t);
        let shown = self.show(t);
        if self.v(t).kind == Kind::FUNCTION {
            let span = spans.first().copied().unwrap_or(crate::compile::NOWHERE);
            let e = self.error(Code::Call, span, format!("the function {shown} is not called"));
            self.bottom_mut(e).at = t;
            return Some(e);
        }
        Some(self.push_error(Bottom {
            code: if branches { Code::Ambiguous } else { Code::Incomplete },
            incomplete: true,
            pending: false,
            message: format!("incomplete value {shown}"),
            spans,
            at: t,
            causes: Vec::new(),
            hint: None,
            sides: None,
        }))
    }

    /// Where the conjuncts of a vertex are written.
    pub(crate) fn spans(&self, v: VId) -> Vec<crate::source::Span> {
        let mut out = Vec::new();
        // A branch of plain values has none of its own.
        let v = if self.conjuncts(v).is_empty() { self.v(v).stands_for } else { v };
        for c in self.conjuncts(v) {
            if !out.contains(&c.expr.span) {
                out.push(c.expr.span);
            }
        }
        out
    }

    /// Whether two finished values are the same, so that a disjunction needs only one of them.
    pub(super) fn equivalent(&mut self, a: VId, b: VId) -> bool {
        self.same_value(a, b, None, true)
    }

    /// Whether two values are the same as far as that can be told without working on anything in them.
    pub(super) fn made_equal(&mut self, a: VId, b: VId) -> bool {
        self.same_value(a, b, None, false)
    }

    /// `above` is what closes the vertices around the two, where that is known.
    fn same_value(&mut self, a: VId, b: VId, above: Option<(&[Closer], &[Closer])>, work: bool) -> bool {
        if work {
            self.expand(a);
            self.expand(b);
        }
        let (from_a, from_b) = (a, b);
        let (a, b) = (self.settled(a), self.settled(b));
        if a == b {
            return true;
        }
        let (x, y) = (self.v(a), self.v(b));
        if x.kind != y.kind || x.is_struct != y.is_struct || x.arcs.len() != y.arcs.len() {
            return false;
        }
        if x.err.is_some() || y.err.is_some() || x.state != State::Done || y.state != State::Done {
            return false;
        }
        match (self.scalar_at(a), self.scalar_at(b)) {
            (None, None) => {}
            (Some((s, _)), Some((t, _))) if super::operate::same_scalar(s, t) => return true,
            _ => return false,
        }
        if !self.same_constraints(a, b) {
            return false;
        }
        let arcs = self.arcs(a).to_vec();
        let mut pairs = Vec::with_capacity(arcs.len());
        for p in arcs {
            match self.arc(b, p.label) {
                Some(q) if q.constraint == p.constraint => pairs.push((p, q)),
                _ => return false,
            }
        }
        // What is above is known of branches as of what they are branches of.
        let closers = match above.filter(|_| from_a == a && from_b == b) {
            Some((p, q)) => (self.closers_within(a, p), self.closers_within(b, q)),
            None => (self.closers(a), self.closers(b)),
        };
        if self.closes(a, &closers.0) != self.closes(b, &closers.1) {
            return false;
        }
        let branches = |v| self.ext_ref(v).map_or(Vec::new(), |x| x.branches.to_vec());
        let (p, q) = (branches(a), branches(b));
        let same = |ev: &mut Self, p: VId, q: VId| crate::compile::stack(|| ev.same_value(p, q, None, work));
        if p.len() != q.len() || !p.iter().zip(&q).all(|(p, q)| p.1 == q.1 && same(self, p.0, q.0)) {
            return false;
        }
        pairs.into_iter().all(|(p, q)| {
            let (v, w) = (p.vertex, q.vertex);
            if p.constraint != Constraint::Regular {
                return self.same_conjuncts(v, w);
            }
            let below = |ev: &Self, all: &[Closer], v: VId| all.iter().any(|c| ev.closes_below(c, v));
            if self.made_of_the_same(v, w) && below(self, &closers.0, v) == below(self, &closers.1, w) {
                return true;
            }
            crate::compile::stack(|| self.same_value(v, w, Some((&closers.0, &closers.1)), work))
        })
    }

    /// Whether two fields of branches of one vertex have the same conjuncts. What these refer to in the branches is compared with the other fields.
    fn made_of_the_same(&self, a: VId, b: VId) -> bool {
        let (x, y) = (self.conjuncts(a), self.conjuncts(b));
        x.len() == y.len()
            && self.v(a).denied.is_none()
            && self.v(b).denied.is_none()
            && x.iter().zip(y).all(|(c, d)| {
                std::sync::Arc::ptr_eq(&c.expr, &d.expr)
                    && c.ci.unchecked == d.ci.unchecked
                    && self.same_scope(c.env, d.env)
            })
    }

    /// Whether two fields are declared by expressions that say the same, however often.
    fn same_conjuncts(&self, a: VId, b: VId) -> bool {
        let (x, y) = (self.conjuncts(a), self.conjuncts(b));
        let all_in = |x: &[Conj], y: &[Conj]| {
            x.iter().all(|c| y.iter().any(|d| self.say_the_same((c.env, &c.expr), (d.env, &d.expr))))
        };
        all_in(x, y) && all_in(y, x)
    }

    /// Whether two values are held to the same bounds, patterns, checks and lengths.
    pub(super) fn same_constraints(&self, a: VId, b: VId) -> bool {
        let empty = Ext::default();
        let (x, y) = (self.ext_ref(a).unwrap_or(&empty), self.ext_ref(b).unwrap_or(&empty));
        let bounds = x.bounds.len() == y.bounds.len()
            && x.bounds.iter().all(|p| y.bounds.iter().any(|q| self.show_bound(p) == self.show_bound(q)));
        let same_pattern = |p: &Pattern, q: &Pattern| {
            let matchers = match (&p.matcher, &q.matcher) {
                (Matcher::All, Matcher::All) => true,
                (Matcher::Expr(x), Matcher::Expr(y)) => self.say_the_same((p.env, x), (q.env, y)),
                _ => false,
            };
            let alias = p.decl.label_alias || q.decl.label_alias;
            std::sync::Arc::ptr_eq(&p.decl, &q.decl)
                || (matchers && !alias && self.say_the_same((p.env, &p.decl.value), (q.env, &q.decl.value)))
        };
        let all_in = |x: &[Pattern], y: &[Pattern]| x.iter().all(|p| y.iter().any(|q| same_pattern(p, q)));
        let patterns = all_in(&x.patterns, &y.patterns) && all_in(&y.patterns, &x.patterns);
        let validators = x.validators.len() == y.validators.len()
            && x.validators
                .iter()
                .zip(&y.validators)
                .all(|(p, q)| self.say_the_same((p.env, &p.expr), (q.env, &q.expr)));
        let lists = match (&x.list, &y.list) {
            (None, None) => true,
            (Some(p), Some(q)) => {
                p.exact.map(|e| e.0) == q.exact.map(|e| e.0)
                    && p.rest.len() == q.rest.len()
                    && p.rest.iter().zip(&q.rest).all(|(r, s)| match (&r.expr, &s.expr) {
                        (None, None) => true,
                        (Some(a), Some(b)) => self.say_the_same((r.env, a), (s.env, b)),
                        _ => false,
                    })
            }
            _ => false,
        };
        bounds && patterns && validators && lists
    }
}
