//! Struct literals: fields, patterns and what is embedded.

use super::{TaskKind, Work};
use crate::eval::arena::*;
use crate::eval::core::Evaluator;
use crate::eval::expr::{Decl, E, Expr, FieldDecl, Scalar, Struct, X};
use crate::eval::label::Label;
use crate::pkg::Kind;
use crate::syntax::ast::{Constraint, UnaryOp};
use rustc_hash::FxHashMap;
use std::sync::Arc;

impl Evaluator {
    pub(super) fn add_struct(&mut self, v: VId, w: &mut Work, s: &Struct, c: &Conj) {
        if s.is_struct || s.decls.is_empty() {
            self.note(w, c);
            self.restrict_to(v, Kind::STRUCT, c);
        }
        self.v_mut(v).is_struct = true;
        let check =
            |d: &Decl| matches!(d, Decl::Embed(e) if !matches!(e.kind, X::Top | X::Or(_) | X::Struct(_)));
        if s.decls.is_empty() || !s.decls.iter().all(check) {
            self.hold(v, c.ci.origin);
        }
        let env = self.env(c.env, Scope::Vertex(v));
        if !s.lets.is_empty() {
            self.notes_lets(env);
            self.lets.insert(env, Lets { literal: c.expr.clone(), known: FxHashMap::default() });
        }
        // `{A}` is A.
        let alone = matches!(s.decls.as_slice(), [Decl::Embed(_)]);
        let origin = if s.embeds && !alone { self.origin(c.ci.origin, false) } else { c.ci.origin };
        let ci = Ci { origin, ..c.ci };
        let literal = w.order.literal(s, c);
        for (i, d) in s.decls.iter().enumerate() {
            w.order.declaration(&literal, i, s, c);
            match d {
                Decl::Field(f) => {
                    if !f.label.is_regular() {
                        self.note(w, c);
                    }
                    let child = Conj { env, expr: f.value.clone(), ci: inner(ci), decl: Some(f.clone()) };
                    self.insert(v, f.label, f.constraint, child);
                }
                Decl::Dynamic(key, f) => {
                    let slot = (literal.id, i as u32);
                    let kind =
                        TaskKind::Dynamic { env, key: key.clone(), decl: f.clone(), ci: inner(ci), slot };
                    w.later(kind, None);
                }
                Decl::Pattern(p, f) => self.add_pattern(v, env, p, f, inner(ci)),
                Decl::Embed(e) => {
                    let origin = if alone { origin } else { self.origin(origin, true) };
                    self.add(v, w, &Conj { env, expr: e.clone(), ci: Ci { origin, ..ci }, decl: None });
                }
                Decl::Comprehension(e) => {
                    w.later(TaskKind::Comprehension(Conj { env, expr: e.clone(), ci, decl: None }), None);
                }
                Decl::Ellipsis => push(&mut self.ext(v).open, origin),
            }
        }
        w.order.end_literal(&literal, s, c);
    }

    fn add_pattern(&mut self, v: VId, env: EnvId, p: &E, f: &Arc<FieldDecl>, ci: Ci) {
        let matcher = match &p.kind {
            X::Top => Matcher::All,
            X::Type { kind, range: None } if kind.contains(Kind::STRING) => Matcher::All,
            _ => Matcher::Expr(p.clone()),
        };
        if let Matcher::Expr(x) = &matcher
            && !matches!(x.kind, X::Scalar(_))
        {
            let probe = self.local(env, x.clone());
            self.expand(probe);
            if let Some(e) = self.v(self.settled(probe)).err.filter(|e| !self.is_incomplete(*e)) {
                self.fail(v, e);
            }
        }
        let pattern = Pattern { matcher, env, decl: f.clone(), ci };
        for a in self.arcs(v).to_vec() {
            if self.matches(&pattern, a.label) {
                self.apply(&pattern, a.label, a.vertex);
            }
        }
        push(&mut self.ext(v).patterns, pattern);
    }

    /// Whether a pattern takes a label.
    pub(in crate::eval) fn matches(&mut self, p: &Pattern, label: Label) -> bool {
        if !label.is_regular() {
            return false;
        }
        match &p.matcher {
            Matcher::All => true,
            Matcher::Expr(x) => {
                let name = self.labels.name(label);
                // A regular expression alone, which most patterns are, needs no value to be tried on.
                if let X::Bound(op @ (UnaryOp::Match | UnaryOp::NotMatch), bound) = &x.kind
                    && let X::Scalar(Scalar::String(text)) = &bound.kind
                {
                    let found = self.regex(text, bound.span).map(|r| r.is_match(name.as_bytes()));
                    return self.step().is_ok() && found.is_ok_and(|found| found == (*op == UnaryOp::Match));
                }
                let probe = self.local(p.env, x.clone());
                let expr = Expr::new(X::Scalar(Scalar::String(name)), x.span);
                let c = Conj { env: NONE, expr, ci: Ci::default(), decl: None };
                self.push_conjunct(probe, c);
                self.expand(probe);
                let settled = self.settled(probe);
                self.v(settled).err.is_none()
            }
        }
    }

    fn apply(&mut self, p: &Pattern, label: Label, child: VId) {
        let env = if p.decl.label_alias { self.env(p.env, Scope::Label(label)) } else { p.env };
        let c = Conj {
            env,
            expr: p.decl.value.clone(),
            ci: Ci { constraint: true, ..p.ci },
            decl: Some(p.decl.clone()),
        };
        self.add_conjunct(child, c);
    }

    /// Adds a conjunct to a field, making the field where it is new.
    pub(in crate::eval) fn insert(&mut self, v: VId, label: Label, constraint: Constraint, c: Conj) {
        if let Some(i) = self.arc_index(v, label) {
            let arc = &mut self.arcs_mut(v)[i];
            arc.constraint = arc.constraint.min(constraint);
            let child = arc.vertex;
            self.add_conjunct(child, c);
            return;
        }
        let reused = self.reuse(v, label);
        let child = match reused {
            Some(child) => {
                self.clear_conjuncts(child);
                self.reset(child);
                child
            }
            None => self.vertex(v, label),
        };
        self.push_arc(v, Arc_ { label, vertex: child, constraint });
        self.add_conjunct(child, c);
        let patterns = self.ext_ref(v).map_or(Vec::new(), |x| x.patterns.to_vec());
        for p in &patterns {
            if self.matches(p, label) {
                self.apply(p, label, child);
            }
        }
    }
}

/// What a field's conjunct keeps of that of its struct: choices are those of one vertex.
pub(super) fn inner(ci: Ci) -> Ci {
    Ci { branch: 0, unchecked: false, constraint: false, made: false, ..ci }
}
