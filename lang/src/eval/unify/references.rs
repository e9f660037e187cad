//! References: a vertex gets what the vertex that is referred to is made of.

use super::{Added, Work};
use crate::eval::arena::*;
use crate::eval::core::Evaluator;
use crate::eval::cycle::Recurs;
use crate::eval::expr::{E, X};
use crate::eval::label::Label;

impl Evaluator {
    /// Adds what `target` is made of.
    pub(super) fn add_vertex(&mut self, v: VId, w: &mut Work, target: VId, c: &Conj) -> Result<(), ErrId> {
        let recurs = self.recurs(v, target, c);
        if recurs == Recurs::Itself {
            w.itself = true;
            return Ok(());
        }
        if let Some(e) = self.holds_cycle(target) {
            if !matches!(c.expr.kind, X::Field { .. }) {
                return Err(e);
            }
            w.lost = Some(e);
            return Ok(());
        }
        let repeated = matches!(recurs, Recurs::Other | Recurs::Again);
        let mut ci = if repeated && (self.supported(v, target) || self.goes_down(v, target, c)) {
            self.renewed(v, target, c)
        } else {
            let cyclic = c.ci.cyclic || matches!(recurs, Recurs::Again | Recurs::Around);
            Ci { chain: self.link_chain(v, target, c, c.ci.chain), cyclic, ..c.ci }
        };
        match c.ci.cyclic && recurs == Recurs::No {
            true => w.carried = Some(c.expr.span),
            false if ci.cyclic => w.cyclic = Some(c.expr.span),
            false => {}
        }
        let definition = is_definition(&c.expr);
        let from = self.origins[c.ci.origin as usize];
        let origin = if from.embedded { (from.parent, true) } else { (c.ci.origin, false) };
        let Ci { branch, cyclic, unchecked, yielded, .. } = ci;
        if !w.added.insert(Added { target, origin, branch, cyclic, unchecked, yielded, definition }) {
            return Ok(());
        }
        if definition {
            ci.origin = self.origin(c.ci.origin, false);
            let closer = Closer { origin: ci.origin, recursive: true, holds: false, span: c.expr.span };
            push(&mut self.ext(v).closers, closer);
        }
        self.reads(target);
        let growing = self.growing(target);
        ci.unchecked |= self.ext_ref(target).is_some_and(|x| x.unchecked);
        let made_target = self.made_on_the_way(target);
        let n = self.conjuncts(target).len();
        let place = w.order.place;
        if !place.alone && ci.site == 0 {
            ci.site = crate::eval::order::site(c.expr.span);
        }
        let mut i = 0;
        // What is added here may add to the target itself. Alternatives that come so are left out: with each of them it would begin again.
        while let Some(t) = self.conjuncts(target).get(i).cloned() {
            i += 1;
            if i > n && matches!(t.expr.kind, X::Or(_)) {
                continue;
            }
            let mut ci = ci;
            if place.alone {
                ci.site = t.ci.site;
                w.order.conjunct(&t, n == 1);
            }
            if made_target {
                // What a value made on the way came through counts: otherwise it could be made again for ever.
                ci.cyclic |= t.ci.cyclic;
                ci.chain = self.link_chain(v, target, c, t.ci.chain);
                ci.made = true;
            }
            self.add(v, w, &Conj { env: t.env, expr: t.expr, ci, decl: t.decl });
        }
        w.order.place = place;
        if growing {
            self.pass_on(target, v, ci);
            if self.inside(target, v) {
                w.own.push(target);
            }
        }
        if n == 0 {
            // A vertex that an operation made and that has a value but no conjuncts.
            self.note(w, c);
        }
        Ok(())
    }

    /// Works again on what `v` refers to inside of itself, where that got more since: gives whether it passed on more to `v`.
    pub(super) fn look_again(&mut self, v: VId, w: &Work) -> bool {
        for target in &w.own {
            let mut around = Vec::new();
            let mut at = self.v(*target).parent;
            while at != v && at != NONE {
                around.push(at);
                at = self.v(at).parent;
            }
            around.into_iter().rev().for_each(|a| self.expand(a));
        }
        w.next < self.conjuncts(v).len()
    }

    /// Whether a vertex is part of a value outside the tree.
    fn made_on_the_way(&self, v: VId) -> bool {
        let mut at = v;
        while at != NONE {
            let x = self.v(at);
            if x.label == Label::NONE {
                return x.parent != NONE;
            }
            at = x.parent;
        }
        false
    }

    /// Whether a vertex may still get conjuncts: it or something around it is being worked on.
    pub(in crate::eval) fn growing(&self, v: VId) -> bool {
        let mut at = v;
        while at != NONE {
            if self.v(at).state == State::Processing {
                return true;
            }
            at = self.v(at).parent;
        }
        false
    }
}

/// Whether a reference goes through a definition, so that it closes what it refers to.
pub(in crate::eval) fn is_definition(e: &E) -> bool {
    match &e.kind {
        X::Field { label, .. } => label.is_definition(),
        X::Select(x, label, _) => label.is_definition() || is_definition(x),
        X::Index(x, _) => is_definition(x),
        _ => false,
    }
}
