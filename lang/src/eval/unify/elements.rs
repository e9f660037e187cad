//! List literals: elements, lengths, and what may follow.

use super::Work;
use super::structs::inner;
use crate::diag::Code;
use crate::eval::arena::*;
use crate::eval::core::Evaluator;
use crate::eval::expr::{E, X};
use crate::eval::label::{Label, LabelType};
use crate::syntax::ast::Constraint;

impl Evaluator {
    pub(super) fn add_list(
        &mut self,
        v: VId,
        c: &Conj,
        elems: Vec<(EnvId, E, bool)>,
        ellipsis: Option<&Option<E>>,
    ) {
        let n = elems.len();
        for (i, (env, expr, yielded)) in elems.into_iter().enumerate() {
            let ci = inner(c.ci);
            let ci = Ci { yielded: yielded || ci.yielded, ..ci };
            let child = Conj { env, expr, ci, decl: None };
            self.insert(v, Label::index(i), Constraint::Regular, child);
        }
        let list = self.ext(v).list.get_or_insert_default();
        list.span = c.expr.span;
        match ellipsis {
            None => {
                if let Some((m, at)) = list.exact.filter(|(m, _)| *m != n) {
                    let e =
                        self.error(Code::Conflict, at, format!("incompatible list lengths ({m} and {n})"));
                    self.bottom_mut(e).spans.push(c.expr.span);
                    self.fail(v, e);
                } else {
                    list.exact = Some((n, c.expr.span));
                }
            }
            Some(rest) => {
                list.min = list.min.max(n);
                let rest = Rest { from: n, expr: rest.clone(), env: c.env, ci: inner(c.ci), next: n };
                list.rest.push(rest);
            }
        }
    }

    pub(super) fn add_computed_list(&mut self, v: VId, w: &mut Work, c: &Conj) -> Result<(), ErrId> {
        let _ = w;
        let X::List(l) = &c.expr.kind else { return Ok(()) };
        let mut elems = Vec::new();
        for e in &l.elems {
            match &e.kind {
                X::Comprehension(_) => {
                    elems.extend(self.comprehension(c.env, e)?.into_iter().map(|(env, x)| (env, x, true)));
                }
                _ => elems.push((c.env, e.clone(), false)),
            }
        }
        self.add_list(v, c, elems, l.ellipsis.as_ref());
        Ok(())
    }

    /// Gives the elements after an ellipsis their type, and checks lengths.
    pub(super) fn finish_list(&mut self, v: VId) {
        let Some(mut list) = self.ext_ref(v).and_then(|x| x.list.clone()) else { return };
        let n = self.arcs(v).iter().filter(|a| a.label.kind() == LabelType::Index).count();
        if let Some((exact, at)) = list.exact
            && n > exact
        {
            let e = self.error(Code::Conflict, at, format!("incompatible list lengths ({exact} and {n})"));
            self.bottom_mut(e).spans.push(list.span);
            self.fail(v, e);
            return;
        }
        if let Some((exact, at)) = list.exact
            && list.min > exact
        {
            let min = list.min;
            let e = self.error(Code::Conflict, at, format!("incompatible list lengths ({exact} and {min})"));
            self.bottom_mut(e).spans.push(list.span);
            self.fail(v, e);
        }
        for rest in &mut list.rest {
            for i in rest.next.max(rest.from)..n {
                if let (Some(expr), Some(a)) = (&rest.expr, self.arc(v, Label::index(i))) {
                    let ci = Ci { constraint: true, ..rest.ci };
                    let c = Conj { env: rest.env, expr: expr.clone(), ci, decl: None };
                    self.add_conjunct(a.vertex, c);
                }
            }
            rest.next = rest.next.max(n);
        }
        self.ext(v).list = Some(list);
    }
}
