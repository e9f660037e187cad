//! Closedness by origin.
//!
//! Each conjunct has an origin, a node of a tree. Referring to a definition, or calling `close`, makes a node and closes the vertex for it; a struct literal that embeds
//! something makes a node for itself and one for each embedding. A field is allowed by what closes a struct if one of the field's conjuncts comes from
//! inside of it, or if, where the paths of both origins part, the closed one goes into something embedded: then the field is declared by what embeds it, directly or not, and
//! embedding leaves the rest of its struct alone (specification, "Embedding").

use super::arena::*;
use super::core::Evaluator;
use super::expr::{Callee, Predeclared, X};
use super::label::Label;
use crate::diag::Code;
use crate::pkg::Kind;
use crate::syntax::ast::Constraint;
use std::sync::Arc;

/// How many of the vertices whose disjunctions are being decided are looked at for what is around them.
const MANY_AROUND: usize = 4;

/// How many names a hint lists.
const MANY_NAMES: usize = 6;

/// How many names of several branches are looked at.
const MANY_ALLOWED: usize = 256;

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
        let mut out = self.all_closers(v);
        self.wait_for_disjunctions(v, &mut out);
        out
    }

    /// What closes a field, given what closes the vertex that it is in.
    pub(super) fn closers_within(&self, v: VId, above: &[Closer]) -> Vec<Closer> {
        let own = self.ext_ref(v).map_or(&[][..], |x| &x.closers);
        let mut out: Vec<Closer> = own.iter().copied().filter(|c| c.holds).collect();
        out.extend(above.iter().copied().filter(|c| self.closes_below(c, v)));
        self.wait_for_disjunctions(v, &mut out);
        out
    }

    /// What a disjunction that is part of the closed value may bring is not known before it is decided.
    fn wait_for_disjunctions(&self, v: VId, closers: &mut Vec<Closer>) {
        if let Some(x) = self.ext_ref(v)
            && !x.awaits.is_empty()
        {
            closers.retain(|c| !x.awaits.iter().any(|o| self.admits(c.origin, *o)));
        }
    }

    fn all_closers(&mut self, v: VId) -> Vec<Closer> {
        if self.v(v).unclosed {
            return Vec::new();
        }
        let own = self.ext_ref(v).map_or(&[][..], |x| &x.closers);
        let mut out: Vec<Closer> = own.iter().copied().filter(|c| c.holds).collect();
        let parent = self.v(v).parent;
        let root = parent == NONE || self.v(v).label == Label::NONE;
        if root || (out.is_empty() && self.v(parent).unclosed) {
            self.note_unclosed(v, out.is_empty());
            return out;
        }
        let around: Arc<[Closer]> =
            match self.closers_around.iter().rev().take(MANY_AROUND).find(|k| k.0 == parent) {
                Some((_, known)) => known.clone(),
                None => crate::compile::stack(|| self.closers(parent)).into(),
            };
        out.extend(around.iter().copied().filter(|c| self.closes_below(c, v)));
        self.note_unclosed(v, out.is_empty() && self.v(parent).unclosed);
        out
    }

    /// Remembers of a finished vertex that nothing closes it, so that the vertices around it need not be gone through for each one in it.
    fn note_unclosed(&mut self, v: VId, unclosed: bool) {
        if unclosed && self.v(v).state == State::Done {
            // Known for good, so that nothing changes by it.
            self.vs[v as usize].unclosed = true;
        }
    }

    /// Whether what closes the struct around `v` closes `v` too: what does so at every depth, if it says of `v` that it is a struct.
    pub(super) fn closes_below(&self, c: &Closer, v: VId) -> bool {
        c.recursive
            && self.conjuncts(v).iter().any(|k| {
                let check = match &k.expr.kind {
                    X::Call(f, _) => !matches!(
                        f.kind,
                        X::Function(Callee::Predeclared(
                            Predeclared::Close | Predeclared::And | Predeclared::Or
                        ))
                    ),
                    X::Function(_) | X::Bound(..) | X::Type { .. } | X::Scalar(_) | X::Top => true,
                    X::Field { .. } | X::Select(..) if super::unify::is_definition(&k.expr) => {
                        let own = self.ext_ref(v).map_or(&[][..], |x| &x.closers);
                        !own.iter().any(|c| c.holds && c.span == k.expr.span)
                    }
                    _ => false,
                };
                !check && self.admits(c.origin, k.ci.origin)
            })
    }

    /// Notes with what closes `v` that a struct or list of origin `origin` came from inside of it.
    pub(super) fn hold(&mut self, v: VId, origin: OriginId) {
        let n = self.ext_ref(v).map_or(0, |x| x.closers.len());
        for i in 0..n {
            let c = self.ext(v).closers[i];
            if !c.holds && self.within(origin, c.origin) {
                self.ext(v).closers[i].holds = true;
            }
        }
    }

    /// Whether `origin` is `outer` or part of it.
    pub(super) fn within(&self, origin: OriginId, outer: OriginId) -> bool {
        let depth = self.origins[outer as usize].depth;
        let mut at = origin;
        while self.origins[at as usize].depth > depth {
            at = self.origins[at as usize].parent;
        }
        at == outer
    }

    /// Whether anything of what closes a vertex is not opened again by something in it.
    pub(super) fn closes(&self, v: VId, closers: &[Closer]) -> bool {
        let open = self.ext_ref(v).map_or(&[][..], |x| &x.open);
        closers.iter().any(|c| !open.iter().any(|o| self.admits(c.origin, *o)))
    }

    /// Whether what closes two branches of one vertex allows the same of the fields that they have.
    pub(super) fn closed_alike(&mut self, a: VId, b: VId) -> bool {
        let (p, q) = (self.all_closers(a), self.all_closers(b));
        self.closed_alike_by(&p, &q, a, b)
    }

    fn closed_alike_by(&self, p: &[Closer], q: &[Closer], a: VId, b: VId) -> bool {
        if p.is_empty() && q.is_empty() {
            return true;
        }
        let open = |c: &Closer, v: VId| {
            self.ext_ref(v).is_some_and(|x| x.open.iter().any(|o| self.admits(c.origin, *o)))
        };
        let allows =
            |c: &Closer, v: VId| self.conjuncts(v).iter().any(|k| self.admits(c.origin, k.ci.origin));
        if p.len() != q.len() || !p.iter().zip(q).all(|(c, d)| open(c, a) == open(d, b)) {
            return false;
        }
        self.arcs(a).iter().all(|x| {
            let Some(y) = self.arc(b, x.label) else { return false };
            let (x, y) = (x.vertex, y.vertex);
            let known = p.iter().zip(q).all(|(c, d)| allows(c, x) == allows(d, y));
            let below = |all: &[Closer], v: VId| {
                let mut all: Vec<Closer> =
                    all.iter().copied().filter(|c| c.recursive && allows(c, v)).collect();
                all.extend(self.ext_ref(v).map_or(&[][..], |x| &x.closers));
                all
            };
            let (x, y) = (self.settled(x), self.settled(y));
            known && crate::compile::stack(|| self.closed_alike_by(&below(p, x), &below(q, y), x, y))
        })
    }

    /// The first of `closers` that does not allow a field of `v` with these conjuncts.
    pub(super) fn denied_by(&self, v: VId, closers: &[Closer], conjuncts: &[Conj]) -> Option<Closer> {
        let open = self.ext_ref(v).map_or(&[][..], |x| &x.open);
        closers.iter().copied().find(|c| {
            !open.iter().any(|o| self.admits(c.origin, *o))
                && !conjuncts.iter().any(|k| self.admits(c.origin, k.ci.origin))
        })
    }

    /// Whether a field that is not there could never be: the vertex is closed, or will be wherever it is referred to, and nothing in it speaks of
    /// the label.
    pub(super) fn refuses(&mut self, v: VId, label: Label) -> bool {
        if !label.is_regular() || !self.is_closed(v) || self.arc(v, label).is_some() {
            return false;
        }
        let patterns = self.ext_ref(v).map_or(Vec::new(), |x| x.patterns.to_vec());
        !patterns.iter().any(|p| self.matches(p, label))
    }

    /// Whether a vertex is closed, or inside of a definition, without being opened by `...` or `_`.
    pub(super) fn is_closed(&mut self, v: VId) -> bool {
        let x = self.v(v);
        let known = x.is_struct || x.kind == Kind::LIST;
        if !known || self.ext_ref(v).is_some_and(|x| !x.open.is_empty() || !x.awaits.is_empty()) {
            return false;
        }
        let mut at = v;
        while at != NONE && !self.is_computed(at) {
            if self.v(at).label.is_definition() {
                return true;
            }
            at = self.v(at).parent;
        }
        !self.closers(v).is_empty()
    }

    /// Whether a vertex is a value that was made on the way, and not that of a `let`.
    fn is_computed(&self, v: VId) -> bool {
        let x = self.v(v);
        let scope = self.conjuncts(v).first().and_then(|c| self.envs.get(c.env as usize)).map(|e| e.scope);
        let owned = matches!(scope, Some(Scope::Vertex(owner)) if owner == x.parent);
        x.label == Label::NONE && x.parent != NONE && !owned
    }

    /// Why a field of `v` that is read is not allowed, as far as it is known while the vertices around it may still get more.
    pub(super) fn denied_at(&mut self, v: VId, a: Arc_) -> Option<ErrId> {
        if self.v(v).unclosed || !a.label.is_regular() || self.growing(v) {
            return None;
        }
        let closers = self.closers(v);
        self.deny_arc(v, a, &closers);
        self.v(a.vertex).denied
    }

    /// Marks the fields of `v` that are not allowed. The vertex and those around it must be done.
    pub(super) fn deny(&mut self, v: VId) {
        // What fails itself is not judged by what else is wrong with it.
        if self.v(v).unclosed || self.v(v).arcs.is_empty() || self.failed(v) {
            return;
        }
        let closers = self.closers(v);
        if closers.is_empty() {
            return;
        }
        for a in self.arcs(v).to_vec() {
            self.deny_arc(v, a, &closers);
        }
    }

    fn deny_arc(&mut self, v: VId, a: Arc_, closers: &[Closer]) {
        // Definitions and hidden fields may be added to whatever is closed.
        if !a.label.is_regular() || a.constraint == Constraint::Optional || self.v(a.vertex).denied.is_some()
        {
            return;
        }
        let Some(c) = self.denied_by(v, closers, self.conjuncts(a.vertex)) else { return };
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
        let hint = allowed_hint(&name, &allowed);
        let e = self.push_error(Bottom {
            code: Code::NotAllowed,
            incomplete: false,
            pending: false,
            message: "field not allowed".to_owned(),
            spans,
            at: a.vertex,
            causes: Vec::new(),
            hint,
            sides: None,
        });
        self.allowed.insert(e, (name, allowed));
        self.v_mut(a.vertex).denied = Some(e);
    }

    /// Adds to what a field that is not allowed could be what another branch allows in its place.
    pub(super) fn allow_also(&mut self, e: ErrId, other: ErrId) {
        let Some((_, more)) = self.allowed.get(&other).cloned() else { return };
        let Some((name, allowed)) = self.allowed.get_mut(&e) else { return };
        for label in more {
            if allowed.len() < MANY_ALLOWED && !allowed.contains(&label) {
                allowed.push(label);
            }
        }
        let hint = allowed_hint(name, allowed);
        self.bottom_mut(e).hint = hint;
    }
}

/// What a field that is not allowed could be.
fn allowed_hint(name: &str, allowed: &[Arc<str>]) -> Option<String> {
    let near = crate::text::nearest(name, allowed.iter().map(|n| &**n));
    near.map(|n| format!("did you mean {n}?")).or_else(|| match allowed {
        [] => None,
        names if names.len() <= MANY_NAMES => Some(format!("allowed are: {}", names.join(", "))),
        names => Some(format!("allowed are: {}, ...", names[..MANY_NAMES].join(", "))),
    })
}
