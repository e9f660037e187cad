//! What the terms of disjunctions say: terms that are written alike say the same, wherever they are written, as long as no name in them means something else somewhere else.
//!
//! A disjunction that is written again and again has a number of terms to the power of how often it is written; by what its terms say it has few.

use super::arena::*;
use super::core::Evaluator;
use super::expr::{Decl, E, FieldDecl, X};
use super::operate::same_scalar;
use super::unify::Undecided;
use crate::pkg::Kind;
use crate::syntax::ast::UnaryOp;
use std::sync::Arc;

/// What the terms say that were met in the disjunctions of one vertex.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Terms that say different things, and where they stand: what they are part of, whether embedded, whether they came round a cycle.
    known: Vec<(E, (OriginId, bool, bool))>,
    /// Terms that together are no value, and why.
    pub(super) failed: Vec<(Vec<u32>, ErrId)>,
    /// Whether any work was spared by it.
    pub(super) spared: bool,
    /// Whether every term is gone through for itself.
    every_term: bool,
}

/// Beyond so many it is not worth looking for the same.
const MANY: usize = 64;

impl Said {
    /// One that spares nothing, for the sake of all that is to be told.
    pub(super) fn every_term() -> Said {
        Said { every_term: true, ..Said::default() }
    }

    /// The number of what term `i` of a disjunction says. `None` where it is not known.
    pub(super) fn number(&mut self, or: &Undecided, i: usize, ev: &Evaluator) -> Option<u32> {
        if self.every_term {
            return None;
        }
        let X::Or(terms) = &or.written.as_ref()?.kind else { return None };
        let term = &terms.get(i)?.0;
        let from = ev.origins.get(or.origin as usize)?;
        let origin = if from.embedded { from.parent } else { or.origin };
        let place = (origin, from.embedded, or.cyclic);
        if let Some(n) = self
            .known
            .iter()
            .position(|(t, p)| *p == place && (Arc::ptr_eq(t, term) || plainly_alike(t, term)))
        {
            return Some(n as u32);
        }
        if self.known.len() == MANY || !is_plain(term) {
            return None;
        }
        self.known.push((term.clone(), place));
        Some(self.known.len() as u32 - 1)
    }

    /// Why terms are no value together, if some of them are known to be none.
    pub(super) fn failure(&self, terms: &[u32]) -> Option<ErrId> {
        self.failed.iter().find(|(few, _)| few.iter().all(|t| terms.contains(t))).map(|f| f.1)
    }
}

impl Evaluator {
    /// Whether term `i` of a disjunction changes nothing about a struct: it is `{}`, or `_` where any field may be there anyway.
    pub(super) fn adds_nothing(&self, v: VId, or: &Undecided, i: usize) -> bool {
        let x = self.v(v);
        if !x.is_struct || x.kind != Kind::STRUCT || x.state != State::Done {
            return false;
        }
        let Some(X::Or(terms)) = or.written.as_ref().map(|e| &e.kind) else { return false };
        let ext = self.ext_ref(v);
        match terms.get(i).map(|t| &t.0.kind) {
            Some(X::Top) => ext.is_some_and(|x| x.open.iter().any(|o| self.within(or.origin, *o))),
            Some(X::Struct(s)) if s.decls.is_empty() && s.lets.is_empty() => {
                let closers = ext.map_or(&[][..], |x| &x.closers);
                closers.iter().all(|c| c.holds || !self.within(or.origin, c.origin))
            }
            _ => false,
        }
    }
}

/// Whether two expressions are written alike, without any name in them.
fn plainly_alike(a: &E, b: &E) -> bool {
    same_text(a, b, 0, &|_, _, _| false)
}

/// Whether an expression means the same everywhere, and has nothing left to decide in it.
fn is_plain(e: &E) -> bool {
    let field = |f: &FieldDecl| !f.label_alias && is_plain(&f.value);
    match &e.kind {
        X::Scalar(_) | X::Type { .. } | X::Top => true,
        X::Bound(op, x) => *op != UnaryOp::Equal && matches!(x.kind, X::Scalar(_)),
        X::And(terms) => terms.iter().all(is_plain),
        X::List(l) => l.elems.iter().chain(l.ellipsis.iter().flatten()).all(is_plain),
        X::Struct(s) => {
            let plain = |d: &Decl| match d {
                Decl::Field(f) => field(f),
                Decl::Pattern(p, f) => is_plain(p) && field(f),
                Decl::Ellipsis => true,
                Decl::Dynamic(..) | Decl::Embed(_) | Decl::Comprehension(_) => false,
            };
            s.lets.is_empty() && s.decls.iter().all(plain)
        }
        _ => false,
    }
}

/// Whether two expressions are scalars or types that are not the same value.
pub(super) fn clash(a: &E, b: &E) -> bool {
    let kind = |e: &E| match &e.kind {
        X::Scalar(s) => Some(s.kind()),
        X::Type { kind, .. } => Some(*kind),
        _ => None,
    };
    match (&a.kind, &b.kind) {
        (X::Scalar(x), X::Scalar(y)) => !same_scalar(x, y),
        _ => kind(a).zip(kind(b)).is_some_and(|(x, y)| x.and(y).is_bottom()),
    }
}

/// Whether two expressions are written alike, and the names in them stand for the same: `names` tells that of two names that are in so many
/// environments of the expressions' own.
fn same_text(a: &E, b: &E, within: u32, names: &dyn Fn(&E, &E, u32) -> bool) -> bool {
    let same = |a: &E, b: &E| same_text(a, b, within, names);
    let all = |a: &[E], b: &[E]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
    match (&a.kind, &b.kind) {
        (X::Scalar(a), X::Scalar(b)) => a.kind() == b.kind() && same_scalar(a, b),
        (X::Top, X::Top) => true,
        (X::Type { kind, range }, X::Type { kind: k, range: r }) => kind == k && range == r,
        (X::Bound(p, a), X::Bound(q, b)) => p == q && same(a, b),
        (X::Unary(p, a), X::Unary(q, b)) => p == q && same(a, b),
        (X::Binary(p, a, b), X::Binary(q, c, d)) => p == q && same(a, c) && same(b, d),
        (X::And(a), X::And(b)) => all(a, b),
        (X::Or(a), X::Or(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.1 == b.1 && same(&a.0, &b.0))
        }
        (X::Select(a, l, _), X::Select(b, m, _)) => l == m && same(a, b),
        (X::Index(a, i), X::Index(b, j)) => same(a, b) && same(i, j),
        (X::Function(f), X::Function(g)) => f == g,
        (X::Call(f, a), X::Call(g, b)) => same(f, g) && all(a, b),
        (X::List(a), X::List(b)) => {
            let rest = match (&a.ellipsis, &b.ellipsis) {
                (None, None) | (Some(None), Some(None)) => true,
                (Some(Some(a)), Some(Some(b))) => same(a, b),
                _ => false,
            };
            rest && all(&a.elems, &b.elems)
        }
        (X::Struct(a), X::Struct(b)) => {
            let same = |a: &E, b: &E| same_text(a, b, within + 1, names);
            let field = |f: &FieldDecl, g: &FieldDecl| {
                f.label == g.label
                    && f.constraint == g.constraint
                    && !f.label_alias
                    && !g.label_alias
                    && same(&f.value, &g.value)
            };
            let decl = |(a, b): (&Decl, &Decl)| match (a, b) {
                (Decl::Field(f), Decl::Field(g)) => field(f, g),
                (Decl::Pattern(p, f), Decl::Pattern(q, g)) => same(p, q) && field(f, g),
                (Decl::Embed(a), Decl::Embed(b)) => same(a, b),
                (Decl::Ellipsis, Decl::Ellipsis) => true,
                _ => false,
            };
            a.lets.is_empty()
                && b.lets.is_empty()
                && a.decls.len() == b.decls.len()
                && a.decls.iter().zip(&b.decls).all(decl)
        }
        (X::Field { .. } | X::Package(_) | X::Linked(_), _) => names(a, b, within),
        _ => false,
    }
}

impl Evaluator {
    /// Whether two expressions say the same where they stand: they are one, or are written alike.
    pub(super) fn say_the_same(&self, a: (EnvId, &E), b: (EnvId, &E)) -> bool {
        Arc::ptr_eq(a.1, b.1)
            || same_text(a.1, b.1, 0, &|x, y, within| match (&x.kind, &y.kind) {
                (X::Field { up, label }, X::Field { up: v, label: m }) => {
                    // A name in the expression itself stands for what is the same.
                    let scope = |env, up: u32| self.env_up(env, up - within);
                    up == v
                        && label == m
                        && (*up < within || self.same_scope(scope(a.0, *up), scope(b.0, *v)))
                }
                (X::Package(u), X::Package(v)) | (X::Linked(u), X::Linked(v)) => u == v,
                _ => false,
            })
    }
}
