//! Cycles: what a reference has to do with those that its conjunct came through.
//!
//! A reference to the vertex itself says nothing new. A reference to something around the vertex, or one that was followed before on the way here, is
//! cyclic: so is everything that it brings, and a vertex of which everything is cyclic is a structural cycle (specification, "Structural cycles").
//!
//! - Two references are the same if they are written in the same place, or if both are written inside of what they refer to.
//! - A field that is nothing but a reference, or several to the same, is the same as what it refers to. So what is around that is around the field as well.
//! - Where a struct is given from outside, a cyclic reference beside it starts anew (`#List & {tail: {}}`), and so does what a pattern
//!   adds to a field that is there for another reason. What was started anew does not do that for others, so this comes to an end.
//! - What is known to hold a structural cycle, because it was gone through, has no value: who refers to it has none from there.

use super::arena::*;
use super::core::Evaluator;
use super::expr::{E, X};
use super::label::Label;
use crate::diag::Code;
use crate::source::Span;

/// What a reference is, seen from the vertex that it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recurs {
    /// It leads somewhere new.
    No,
    /// It leads back to the vertex itself.
    Itself,
    /// Another reference to the same was followed before, or it is written inside of what it refers to.
    Other,
    /// It was followed before.
    Again,
    /// It leads to something around the vertex.
    Around,
}

/// References that are followed to see whether they all lead to the same.
const MAX_REFERENCES: u32 = 16;

/// Where a reference is written; nowhere for one that the evaluation made.
fn site(e: &E) -> Span {
    if matches!(e.kind, X::Linked(_)) { crate::compile::NOWHERE } else { e.span }
}

fn within(inner: Span, outer: Span) -> bool {
    inner.file == outer.file && outer.start <= inner.start && inner.end <= outer.end
}

impl Evaluator {
    /// What the reference `c`, which leads from `v` to `target`, is.
    pub(super) fn recurs(&self, v: VId, target: VId, c: &Conj) -> Recurs {
        let (me, it) = (self.v(v).stands_for, self.v(target).stands_for);
        if me == it {
            return Recurs::Itself;
        }
        let mut found = Recurs::No;
        // The vertex further up from which the conjunct came down.
        let mut from = NONE;
        let mut link = c.ci.chain;
        while link != 0 {
            let l = self.chains[link as usize];
            link = l.next;
            if l.target == it && l.at == me {
                return Recurs::Itself;
            }
            if l.forgotten {
                continue;
            }
            if l.at != me && from == NONE {
                from = l.at;
            }
            if l.at == from
                && (l.target == it || self.inside(l.target, it))
                && (l.shared || self.leads_only_to(l.at, l.target, &mut { MAX_REFERENCES }))
            {
                found = Recurs::Around;
            }
            if l.target == it && found != Recurs::Around {
                let same = self.same_site(l.site, site(&c.expr), target);
                found = if same || found == Recurs::Again { Recurs::Again } else { Recurs::Other };
            }
        }
        // A value made on the way may hold what contains it once: only going round again is a cycle.
        if self.around(me, it) {
            found = Recurs::Around;
        }
        if found == Recurs::No && self.written_inside(site(&c.expr), target) {
            found = Recurs::Other;
        }
        found
    }

    /// Whether a vertex is nothing but references that all lead to `target`, as in `T & T`; at most so many of them are followed.
    fn leads_only_to(&self, v: VId, target: VId, left: &mut u32) -> bool {
        let conjuncts = self.conjuncts(v);
        !conjuncts.is_empty() && conjuncts.iter().all(|c| self.refers_only_to(c.env, &c.expr, target, left))
    }

    fn refers_only_to(&self, env: EnvId, e: &E, target: VId, left: &mut u32) -> bool {
        match &e.kind {
            X::And(terms) => terms.iter().all(|t| self.refers_only_to(env, t, target, left)),
            X::Field { up, label } if *left > 0 => {
                *left -= 1;
                let Some(Scope::Vertex(scope)) = self.scope(env, *up) else { return false };
                self.arc(scope, *label).is_some_and(|a| {
                    let v = self.v(a.vertex).stands_for;
                    v == target || self.leads_only_to(v, target, left)
                })
            }
            _ => false,
        }
    }

    /// Whether two references to `target` are the same as far as cycles go.
    fn same_site(&self, a: Span, b: Span, target: VId) -> bool {
        let nowhere = crate::compile::NOWHERE;
        if a == b || a == nowhere || b == nowhere {
            return true;
        }
        self.written_inside(a, target) && self.written_inside(b, target)
    }

    fn written_inside(&self, site: Span, target: VId) -> bool {
        self.conjuncts(target).iter().any(|k| k.expr.span != site && within(site, k.expr.span))
    }

    /// Notes that a conjunct of `v` came through the reference `c` to `target`.
    pub(super) fn link_chain(&mut self, v: VId, target: VId, c: &Conj, next: ChainId) -> ChainId {
        let (at, target) = (self.v(v).stands_for, self.v(target).stands_for);
        let shared = match self.conjuncts(v) {
            [only] if std::sync::Arc::ptr_eq(&only.expr, &c.expr) => true,
            [_] => {
                let l = self.chains[c.ci.chain as usize];
                c.ci.chain != 0 && l.at == at && l.shared && self.v(l.target).conjuncts.len() == 1
            }
            _ => false,
        };
        self.push_chain(Chain { site: site(&c.expr), target, at, shared, forgotten: false, next })
    }

    /// Where the last reference is written that a conjunct came through.
    pub(super) fn came_by(&self, c: &Conj) -> Span {
        let mut link = c.ci.chain;
        while link != 0 && self.chains[link as usize].site == crate::compile::NOWHERE {
            link = self.chains[link as usize].next;
        }
        if link == 0 { c.expr.span } else { self.chains[link as usize].site }
    }

    fn push_chain(&mut self, link: Chain) -> ChainId {
        self.chains.push(link);
        self.chains.len() as ChainId - 1
    }

    /// The way of what `c` brings where it starts anew: only references made at `v` itself are kept, so that they are not followed twice.
    pub(super) fn renewed(&mut self, v: VId, target: VId, c: &Conj) -> Ci {
        let chain = self.link_chain(v, target, c, c.ci.chain);
        Ci { chain: self.forget(v, chain), cyclic: false, renewed: true, ..c.ci }
    }

    fn forget(&mut self, v: VId, chain: ChainId) -> ChainId {
        let me = self.v(v).stands_for;
        let mut here = Vec::new();
        let mut link = chain;
        while link != 0 {
            let l = self.chains[link as usize];
            if l.at == me {
                here.push(l);
            }
            link = l.next;
        }
        here.into_iter().rev().fold(0, |next, l| self.push_chain(Chain { forgotten: true, next, ..l }))
    }

    /// What becomes of the way of a conjunct that a pattern added to `v`: it depends on why the field is there.
    pub(super) fn way_of_pattern(&self, v: VId, ci: Ci) -> Ci {
        let mut others = self.conjuncts(v).iter().filter(|k| !k.ci.constraint).peekable();
        if others.peek().is_none() || ci.chain == 0 {
            return ci;
        }
        let last = self.chains[ci.chain as usize];
        let mut all_cyclic = true;
        for k in others {
            if !k.ci.cyclic {
                all_cyclic = false;
                if !k.ci.renewed && !self.came_through(k.ci.chain, last.target, Some(last.site)) {
                    return Ci { chain: 0, cyclic: false, renewed: true, ..ci };
                }
            }
        }
        Ci { cyclic: ci.cyclic || all_cyclic, ..ci }
    }

    /// Whether a value made on the way, yielded by a comprehension, stands further down than where the same reference stood in such a value
    /// before: then structure was made in between, and the comprehension says when it ends.
    pub(super) fn goes_down(&self, v: VId, target: VId, c: &Conj) -> bool {
        let (me, it) = (self.v(v).stands_for, self.v(target).stands_for);
        if !c.ci.yielded || !self.made(me) {
            return false;
        }
        let mut link = c.ci.chain;
        while link != 0 {
            let l = self.chains[link as usize];
            if l.target == it && !l.forgotten && l.at != me {
                return self.made(l.at) && self.below(self.v(me).parent, self.v(l.at).parent);
            }
            link = l.next;
        }
        false
    }

    fn made(&self, v: VId) -> bool {
        self.v(v).label == Label::NONE && self.v(v).parent != NONE
    }

    /// Whether `v` is inside of `outer`, and of each value made in between further inside than its fields.
    fn below(&self, v: VId, outer: VId) -> bool {
        let outer = self.v(outer).stands_for;
        let mut at = self.v(v).stands_for;
        let mut fields = 0;
        while self.v(at).parent != NONE {
            if self.v(at).label != Label::NONE {
                fields += 1;
            } else if fields > 1 {
                fields = 0;
            } else {
                return false;
            }
            at = self.v(self.v(at).parent).stands_for;
            if at == outer {
                return true;
            }
        }
        false
    }

    /// Whether something beside a reference to `target` gives `v` structure of its own.
    pub(super) fn supported(&self, v: VId, target: VId) -> bool {
        let it = self.v(target).stands_for;
        self.conjuncts(v).iter().any(|k| {
            matches!(k.expr.kind, X::Struct(_) | X::List(_))
                && !k.ci.constraint
                && !k.ci.cyclic
                && !k.ci.renewed
                && !self.came_through(k.ci.chain, it, None)
        })
    }

    fn came_through(&self, chain: ChainId, target: VId, site: Option<Span>) -> bool {
        let mut link = chain;
        while link != 0 {
            let l = self.chains[link as usize];
            let same = || site.is_none_or(|s| self.same_site(l.site, s, target));
            if l.target == target && !l.forgotten && same() {
                return true;
            }
            link = l.next;
        }
        false
    }

    /// Whether `outer` contains `v`, with no value made on the way in between.
    fn around(&self, v: VId, outer: VId) -> bool {
        let mut at = v;
        while self.v(at).label != Label::NONE && self.v(at).parent != NONE {
            at = self.v(self.v(at).parent).stands_for;
            if at == outer {
                return true;
            }
        }
        false
    }

    /// Whether `outer` contains `v`.
    pub(super) fn inside(&self, v: VId, outer: VId) -> bool {
        let mut at = self.v(v).parent;
        while at != NONE {
            let s = self.v(at).stands_for;
            if s == outer {
                return true;
            }
            at = self.v(s).parent;
        }
        false
    }

    /// The structural cycle that `target` is known to hold, for a reference from outside of it.
    pub(super) fn holds_cycle(&self, target: VId) -> Option<ErrId> {
        let e = self.ext_ref(target)?.cycle?;
        let current = self.current();
        if current == target || (current != NONE && self.inside(current, target)) {
            return None;
        }
        Some(e)
    }

    /// Notes what going through `v` found, if a structural cycle is among it. What a first attempt to tell a value goes through is gone through again, in
    /// another order, and does not count.
    pub(super) fn note_cycle(&mut self, v: VId, found: &[ErrId]) {
        if self.attempting && self.frames.is_empty() {
            return;
        }
        let cycle = found.iter().copied().find(|e| self.bottom(*e).code == Code::StructuralCycle);
        if cycle.is_some() {
            self.ext(v).cycle = cycle;
        }
    }
}
