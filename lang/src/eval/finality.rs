//! Checks that may come out otherwise when a value gets more: they fail for good only where nothing can be added any more.

use super::arena::*;
use super::core::{Evaluator, Res};
use super::label::LabelType;
use crate::diag::Code;
use crate::pkg::Kind;
use crate::source::Span;
use crate::syntax::ast::Constraint;

impl Evaluator {
    /// Whether no two elements of a list are the same: an error that is incomplete as long as what is the same may still differ.
    pub(super) fn unique_items(&mut self, list: VId, span: Span) -> Res<()> {
        let items = self.elements(list).unwrap_or_default();
        let mut incomplete = None;
        for (i, a) in items.iter().enumerate() {
            for (j, b) in items.iter().enumerate().skip(i + 1) {
                self.step()?;
                match self.same_data(*a, *b)? {
                    Some(true) => return Err(self.not_unique(list, span, i, j)),
                    Some(false) => incomplete = incomplete.or(Some((i, j))),
                    None => {}
                }
            }
        }
        let Some((i, j)) = incomplete else { return Ok(()) };
        let e = self.not_unique(list, span, i, j);
        self.bottom_mut(e).incomplete = true;
        Err(e)
    }

    fn not_unique(&mut self, list: VId, span: Span, i: usize, j: usize) -> ErrId {
        let shown = self.show(list);
        let message = format!(
            "invalid value {shown} (does not satisfy list.UniqueItems()): equal values at positions {i} and {j}"
        );
        self.error(Code::Conflict, span, message)
    }

    /// Whether two values are the same as far as their regular fields tell; `Some(true)` if they will stay so.
    pub(super) fn same_data(&mut self, a: VId, b: VId) -> Res<Option<bool>> {
        self.step()?;
        self.expand(a);
        self.expand(b);
        let (a, b) = (self.with_default(a), self.with_default(b));
        self.expand(a);
        self.expand(b);
        match (self.scalar_at(a), self.scalar_at(b)) {
            (Some((x, _)), Some((y, _))) => return Ok(super::operate::same_scalar(x, y).then_some(true)),
            (None, None) => {}
            _ => return Ok(None),
        }
        let kind = self.v(a).kind;
        if kind != self.v(b).kind {
            return Ok(None);
        }
        let field = |a: &&Arc_| {
            a.constraint == Constraint::Regular
                && matches!(a.label.kind(), LabelType::Regular | LabelType::Index)
        };
        let fields: Vec<Arc_> = self.arcs(a).iter().filter(field).copied().collect();
        if fields.len() != self.arcs(b).iter().filter(field).count() {
            return Ok(None);
        }
        let mut last = self.is_last(a) && self.is_last(b);
        for f in fields {
            let Some(g) = self.arc(b, f.label).filter(|g| g.constraint == Constraint::Regular) else {
                return Ok(None);
            };
            match crate::compile::stack(|| self.same_data(f.vertex, g.vertex))? {
                Some(stays) => last &= stays,
                None => return Ok(None),
            }
        }
        if !matches!(kind, Kind::STRUCT | Kind::LIST) {
            return Ok(self.equivalent(a, b).then_some(false));
        }
        Ok(Some(last))
    }

    /// Whether a list or struct can get no more elements or fields.
    fn is_last(&mut self, v: VId) -> bool {
        match self.v(v).kind {
            Kind::LIST => self.ext_ref(v).and_then(|x| x.list.as_ref()).is_some_and(|l| l.exact.is_some()),
            Kind::STRUCT => self.room(v) == Some(0),
            _ => false,
        }
    }

    /// How many regular fields a struct may get beside those that it has; `None` where any number.
    pub(super) fn room(&mut self, v: VId) -> Option<usize> {
        if !self.is_closed(v) || self.ext_ref(v).is_some_and(|x| !x.patterns.is_empty()) {
            return None;
        }
        let optional = |a: &&Arc_| a.constraint != Constraint::Regular && a.label.is_regular();
        let optional: Vec<VId> = self.arcs(v).iter().filter(optional).map(|a| a.vertex).collect();
        // A field that would be an error cannot be given.
        Some(optional.into_iter().filter(|o| self.first_error(*o).is_none()).count())
    }
}
