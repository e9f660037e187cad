//! Closedness by origin.
//!
//! Each conjunct has an origin, a node of a tree. Referring to a definition, or calling `close`, makes a node and closes the vertex for it; a struct literal that embeds
//! something makes a node for itself and one for each embedding. A field is allowed by what closes a struct if one of the field's conjuncts comes from
//! inside of it, or if, where the paths of both origins part, the closed one goes into something embedded: then the field is declared by what embeds it, directly or not, and
//! embedding leaves the rest of its struct alone (specification, "Embedding").

use super::arena::*;
use super::core::Evaluator;
use super::label::Label;
use crate::diag::Code;
use crate::syntax::ast::Constraint;

impl Evaluator {
    /// Whether something of origin `by` is part of what `closer` closes, or exempt from it.
    fn admits(&self, closer: OriginId, by: OriginId) -> bool {
        let (mut a, mut b) = (closer, by);
        // The child of the common ancestor on the side of the closer.
        let mut child = None;
        while a != b {
            let (x, y) = (&self.origins[a as usize], &self.origins[b as usize]);
            if x.depth >= y.depth {
                child = Some(a);
                a = x.parent;
            } else {
                b = y.parent;
            }
        }
        child.is_none_or(|c| self.origins[c as usize].embedded)
    }

    /// What closes a vertex: its own definitions and those around it.
    pub(super) fn closers(&mut self, v: VId) -> Vec<Closer> {
        if self.v(v).unclosed {
            return Vec::new();
        }
        let mut out = self.ext_ref(v).map_or(Vec::new(), |x| x.closers.to_vec());
        let parent = self.v(v).parent;
        let root = parent == NONE || self.v(v).label == Label::NONE;
        if root {
            self.note_unclosed(v, out.is_empty());
            return out;
        }
        for c in crate::compile::stack(|| self.closers(parent)) {
            if c.recursive && self.conjuncts(v).iter().any(|k| self.admits(c.origin, k.ci.origin)) {
                out.push(c);
            }
        }
        self.note_unclosed(v, out.is_empty() && self.v(parent).unclosed);
        out
    }

    /// Remembers of a finished vertex that nothing closes it, so that the vertices around it need not be gone through for each one in it.
    fn note_unclosed(&mut self, v: VId, unclosed: bool) {
        if unclosed && self.v(v).state == State::Done {
            self.v_mut(v).unclosed = true;
        }
    }

    /// The first of `closers` that does not allow a field of `v` with these conjuncts.
    pub(super) fn denied_by(&self, v: VId, closers: &[Closer], conjuncts: &[Conj]) -> Option<Closer> {
        let open = self.ext_ref(v).map_or(&[][..], |x| &x.open);
        closers.iter().copied().find(|c| {
            !open.iter().any(|o| self.admits(c.origin, *o))
                && !conjuncts.iter().any(|k| self.admits(c.origin, k.ci.origin))
        })
    }

    /// Whether a field that is not there could never be.
    pub(super) fn refuses(&mut self, v: VId, label: Label) -> bool {
        if !label.is_regular() {
            return false;
        }
        let closers = self.closers(v);
        if closers.is_empty() {
            return false;
        }
        let patterns = self.ext_ref(v).map_or(Vec::new(), |x| x.patterns.to_vec());
        let mut conjuncts = Vec::new();
        for p in &patterns {
            if self.matches(p, label) {
                conjuncts.push(Conj { env: p.env, expr: p.decl.value.clone(), ci: p.ci, decl: None });
            }
        }
        if let Some(a) = self.arc(v, label) {
            conjuncts.extend(self.conjuncts(a.vertex).iter().cloned());
        }
        // What refuses a field does so for whoever would add it, so what embeds it does not count.
        let open = self.ext_ref(v).map_or(&[][..], |x| &x.open);
        closers.iter().any(|c| {
            !open.iter().any(|o| self.admits(c.origin, *o))
                && !conjuncts.iter().any(|k| self.admits(c.origin, k.ci.origin))
        })
    }

    /// Marks the fields of `v` that are not allowed. The vertex and those around it must be done.
    pub(super) fn deny(&mut self, v: VId) {
        let closers = self.closers(v);
        if closers.is_empty() {
            return;
        }
        for a in self.arcs(v).to_vec() {
            let checked = a.label.is_regular();
            if !checked || a.constraint != Constraint::Regular || self.v(a.vertex).denied.is_some() {
                continue;
            }
            let Some(c) = self.denied_by(v, &closers, self.conjuncts(a.vertex)) else { continue };
            let name = self.labels.name(a.label);
            let mut spans: Vec<_> = self
                .conjuncts(a.vertex)
                .iter()
                .map(|k| k.decl.as_ref().map_or(k.expr.span, |d| d.label_span))
                .collect();
            spans.push(c.span);
            let allowed: Vec<_> = self
                .arcs(v)
                .iter()
                .filter(|b| b.label != a.label && b.label.is_regular())
                .filter(|b| self.denied_by(v, &[c], self.conjuncts(b.vertex)).is_none())
                .map(|b| self.labels.name(b.label))
                .collect();
            let near = crate::text::nearest(&name, allowed.iter().map(|n| &**n));
            let hint = near.map(|n| format!("did you mean {n}?"));
            let e = self.push_error(Bottom {
                code: Code::NotAllowed,
                incomplete: false,
                pending: false,
                message: "field not allowed".to_owned(),
                spans,
                at: a.vertex,
                causes: Vec::new(),
                hint,
            });
            self.v_mut(a.vertex).denied = Some(e);
        }
    }
}
