//! Scalars and types: what they leave of the kinds that a vertex may be, and what is told where nothing is left.

use super::Work;
use crate::eval::arena::*;
use crate::eval::core::Evaluator;
use crate::eval::expr::{Scalar, X};
use crate::pkg::Kind;
use crate::source::Span;
use crate::syntax::ast::UnaryOp;

impl Evaluator {
    pub(super) fn add_scalar(&mut self, v: VId, w: &mut Work, s: Scalar, c: &Conj) {
        self.note(w, c);
        let span = c.expr.span;
        if let Some((old, at)) = self.scalar_at(v) {
            if !crate::eval::operate::same_scalar(old, &s) {
                let (at, old, new) = (*at, old.clone(), s);
                let (a, b) = (crate::eval::print::scalar(&old), crate::eval::print::scalar(&new));
                let e = self.conflict((&a, at, old.kind()), (&b, span, new.kind()));
                self.fail(v, e);
            }
            return;
        }
        let kind = s.kind();
        let conflict = self.v(v).kind.and(kind).is_bottom();
        let shown = if conflict { crate::eval::print::scalar(&s) } else { String::new() };
        if conflict {
            self.restrict_shown(v, kind, span, || shown);
        } else {
            self.v_mut(v).kind = kind;
        }
        self.set_scalar(v, s, span);
    }

    pub(super) fn restrict(&mut self, v: VId, kind: Kind, span: Span) {
        self.restrict_shown(v, kind, span, || crate::eval::print::kind(kind));
    }

    /// Restricts a vertex to the kind of a literal, which is shown where the two conflict.
    pub(super) fn restrict_to(&mut self, v: VId, kind: Kind, c: &Conj) {
        let conflict = self.v(v).kind.and(kind).is_bottom();
        let shown = if conflict {
            crate::eval::print::brief(crate::eval::print::expr(self, &c.expr))
        } else {
            String::new()
        };
        self.restrict_shown(v, kind, c.expr.span, || shown);
    }

    fn restrict_shown(&mut self, v: VId, kind: Kind, span: Span, shown: impl FnOnce() -> String) {
        let old = self.v(v).kind;
        let new = old.and(kind);
        if new.is_bottom() && !old.is_bottom() {
            let (other, other_span) = self.kind_source(v, kind);
            let (a, b) = (other, shown());
            let e = self.conflict((&a, other_span, old), (&b, span, kind));
            self.fail(v, e);
        }
        self.v_mut(v).kind = new;
        // Scalars know their place themselves, and most vertices are plain structs: only types are worth the space.
        if kind != Kind::STRUCT
            && kind != Kind::LIST
            && !(kind.0.is_power_of_two() && self.scalar_at(v).is_some())
        {
            self.note_type(v, kind, span);
        }
    }

    /// What restricted the vertex to kinds other than `kind`, and where.
    fn kind_source(&self, v: VId, kind: Kind) -> (String, Span) {
        if let Some((s, span)) = self.scalar_at(v) {
            return (crate::eval::print::scalar(s), *span);
        }
        let types = self.types_of(v);
        match types.iter().find(|(k, _)| k.and(kind).is_bottom()).or(types.first()) {
            Some((k, span)) => (crate::eval::print::kind(*k), *span),
            None => {
                let whole = |c: &&Conj| matches!(c.expr.kind, X::Struct(_) | X::List(_));
                let conjuncts = self.conjuncts(v);
                let first = conjuncts.iter().find(whole).or(conjuncts.first());
                let shown = match first.filter(whole) {
                    Some(c) => crate::eval::print::brief(crate::eval::print::expr(self, &c.expr)),
                    None => crate::eval::print::kind(self.v(v).kind),
                };
                (shown, first.map_or(crate::compile::NOWHERE, |c| c.expr.span))
            }
        }
    }
}

/// The bounds of a sized number.
pub(in crate::eval) fn range_bounds(
    low: &crate::number::Number,
    high: Option<&crate::number::Number>,
    span: Span,
) -> impl Iterator<Item = Bound> {
    let bound = move |op, n: &crate::number::Number| Bound {
        op,
        value: BoundValue::Scalar(Scalar::Number(n.clone())),
        span,
    };
    let high = high.map(|h| bound(UnaryOp::LessEqual, h));
    std::iter::once(bound(UnaryOp::GreaterEqual, low)).chain(high)
}
