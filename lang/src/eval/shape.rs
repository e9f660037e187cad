//! What a value admits, as schema languages see it: kinds, bounds, fields, choices, and which other values it refers to.
//!
//! Evaluation follows references and decides disjunctions; a schema wants both kept. So a vertex' conjuncts are taken apart here: references to
//! fields and definitions, disjunctions, and the rest, which is evaluated alone. The writers of schemas (`encode/openapi`,
//! `encode/jsonschema`) work on the result and know nothing of conjuncts.

use super::arena::*;
use super::core::{Evaluator, Res, Val};
use super::expr::{Callee, Decl, E, Expr, Predeclared, Scalar, Struct, X};
use super::label::Label;
use crate::data::Data;
use crate::pkg::Kind;
use crate::syntax::ast::{Constraint, UnaryOp};
use std::sync::Arc;

/// A value taken apart.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// The kinds it may have, everything counted.
    pub kind: Kind,
    /// Its documentation.
    pub docs: Vec<Arc<str>>,
    /// The fields and definitions that it is unified with, by vertex.
    pub refs: Vec<VId>,
    /// Whether there is anything beside the references.
    pub own: bool,
    /// The scalar that it is.
    pub value: Option<Data>,
    /// Bounds and patterns, the tightest of each.
    pub bounds: Vec<(UnaryOp, Data)>,
    /// Validators by package and name, with their arguments; without a package, predeclared ones.
    pub checks: Vec<Check>,
    /// Its fields, definitions and hidden fields among them.
    pub fields: Vec<(VId, Constraint)>,
    /// Its pattern constraints.
    pub patterns: Vec<(LabelSet, VId)>,
    /// Whether it is a struct that takes other fields than these.
    pub open: bool,
    /// Its elements, if it is a list.
    pub list: Option<Elements>,
    /// The disjunctions it is unified with: the terms of each, marked ones true.
    pub choices: Vec<Vec<(VId, bool)>>,
    /// What it is where nothing else is said.
    pub default: Option<Data>,
}

/// The labels that a pattern takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LabelSet {
    /// Every one.
    All,
    /// Those that match a regular expression.
    Match(String),
    /// Those that a value admits.
    Value(VId),
}

/// The elements of a list.
#[derive(Debug)]
pub(crate) struct Elements {
    /// The first ones.
    pub items: Vec<VId>,
    /// Whether there may be more, and of what kind.
    pub rest: Option<Option<VId>>,
}

/// A call that checks a value.
#[derive(Debug)]
pub(crate) struct Check {
    /// The import path; empty for what is predeclared.
    pub package: &'static str,
    /// The function.
    pub name: &'static str,
    /// Its arguments, as far as they are concrete.
    pub args: Vec<Data>,
    /// For `matchN`: the values in its list.
    pub values: Vec<VId>,
}

/// How many references in a row are followed where they name no field.
const MOST_FOLLOWED: u32 = 100;

/// The parts of a vertex while it is taken apart.
#[derive(Default)]
struct Parts {
    refs: Vec<VId>,
    choices: Vec<Vec<(EnvId, E, bool)>>,
    rest: Vec<Conj>,
    /// Whether the rest differs from what the vertex has itself.
    reduced: bool,
}

impl Evaluator {
    /// Takes a vertex apart. Fails where it is an error.
    pub(crate) fn shape(&mut self, v: VId) -> Res<Shape> {
        self.step()?;
        self.expand(v);
        let settled = self.settled(v);
        self.expand(settled);
        let mut parts = Parts::default();
        for c in self.conjuncts(v).to_vec() {
            self.part(v, c, &mut parts, 0)?;
        }
        // What a reference leads to is judged where that stands.
        let apart = parts.rest.is_empty() && parts.choices.is_empty();
        if let Some(e) =
            self.v(settled).err.or(self.v(v).denied).filter(|e| !apart && !self.is_incomplete(*e))
        {
            return Err(e);
        }
        let mut shape = Shape { kind: self.v(settled).kind, open: true, ..Shape::default() };
        let adjoining = self.decls(v);
        for line in adjoining.iter().flat_map(|d| d.docs()) {
            if !shape.docs.contains(line) {
                shape.docs.push(line.clone());
            }
        }
        if let Some(d) = self.default_branch(settled) {
            shape.default = self.data(d).ok();
        }
        for choice in &parts.choices {
            let mut terms = Vec::new();
            for (env, expr, marked) in choice {
                let term = self
                    .beside(v, vec![Conj { env: *env, expr: expr.clone(), ci: Ci::default(), decl: None }]);
                self.expand(term);
                let t = self.settled(term);
                // A branch that can never be is none.
                if !self.failed(t) {
                    terms.push((term, *marked));
                }
            }
            shape.choices.push(terms);
        }
        shape.refs = parts.refs;
        shape.own = !parts.rest.is_empty() || !shape.choices.is_empty();
        if parts.rest.is_empty() {
            return Ok(shape);
        }
        let base = match parts.reduced {
            true => self.beside(v, parts.rest),
            false => settled,
        };
        self.expand(base);
        self.read_base(base, &mut shape)?;
        Ok(shape)
    }

    /// What elements, fields by pattern and branches of a vertex may be, also of those that it refers to. Nothing where it is an error.
    pub(crate) fn inner(&mut self, v: VId) -> Vec<VId> {
        let (mut at, mut seen, mut found) = (vec![v], Vec::new(), Vec::new());
        while let Some(next) = at.pop() {
            let Ok(shape) = self.shape(next) else { continue };
            seen.push(next);
            at.extend(shape.refs.iter().filter(|r| !seen.contains(r)));
            found.extend(shape.choices.iter().flatten().map(|(term, _)| *term));
            found.extend(shape.patterns.iter().map(|(_, value)| *value));
            if let Some(list) = shape.list {
                found.extend(list.items);
                found.extend(list.rest.flatten());
            }
        }
        found
    }

    /// A vertex at the place of `v` that is made of other conjuncts.
    fn beside(&mut self, v: VId, conjuncts: Vec<Conj>) -> VId {
        let (parent, label) = (self.v(v).parent, self.v(v).label);
        let b = self.vertex(parent, label);
        for c in conjuncts {
            self.push_conjunct(b, c);
        }
        b
    }

    /// Sorts a conjunct of `v` into parts.
    fn part(&mut self, v: VId, c: Conj, out: &mut Parts, followed: u32) -> Res<()> {
        self.step()?;
        match &c.expr.kind {
            X::And(terms) => {
                for t in terms {
                    self.part(v, Conj { expr: t.clone(), ..c.clone() }, out, followed)?;
                }
                return Ok(());
            }
            X::Alias(inner) => {
                let env = self.env(c.env, Scope::Vertex(v));
                return self.part(v, Conj { env, expr: inner.clone(), ..c.clone() }, out, followed);
            }
            X::Or(terms) => {
                let mut flat = Vec::new();
                flatten(c.env, terms, false, &mut flat);
                out.choices.push(flat);
                out.reduced = true;
                return Ok(());
            }
            X::Call(f, args) => {
                if let (X::Function(Callee::Predeclared(p)), [only]) = (&f.kind, args.as_slice()) {
                    match p {
                        Predeclared::Or => {
                            let span = c.expr.span;
                            let elements = self.list_elements(c.env, only)?;
                            let link = |e| (NONE, Expr::new(X::Linked(e), span), false);
                            out.choices.push(elements.into_iter().map(link).collect());
                            out.reduced = true;
                            return Ok(());
                        }
                        Predeclared::And => {
                            for e in self.list_elements(c.env, only)? {
                                let expr = Expr::new(X::Linked(e), c.expr.span);
                                self.part(v, Conj { env: NONE, expr, ..c.clone() }, out, followed)?;
                            }
                            return Ok(());
                        }
                        _ => {}
                    }
                }
            }
            x if x.is_reference() => return self.reference(v, &c, out, followed, false),
            X::Struct(s) if s.embeds => return self.embedding(v, s, &c, out, followed),
            _ => {}
        }
        out.rest.push(c);
        Ok(())
    }

    /// A reference: to something that has a place of its own, or to be followed. `within` tells that nothing but the reference is embedded.
    fn reference(&mut self, v: VId, c: &Conj, out: &mut Parts, followed: u32, within: bool) -> Res<()> {
        let target = self.resolve(c.env, &c.expr)?;
        out.reduced = true;
        let named = !within && !matches!(c.expr.kind, X::Let { .. } | X::Linked(_)) && self.is_placed(target);
        if named && target != v {
            if !out.refs.contains(&target) {
                out.refs.push(target);
            }
            return Ok(());
        }
        if followed > MOST_FOLLOWED {
            out.rest.push(c.clone());
            return Ok(());
        }
        for t in self.conjuncts(target).to_vec() {
            self.part(v, Conj { ci: c.ci, ..t }, out, followed + 1)?;
        }
        Ok(())
    }

    /// Whether a vertex is a field of a field ... of a root.
    fn is_placed(&self, v: VId) -> bool {
        let mut at = v;
        while self.v(at).parent != NONE {
            if self.v(at).label == Label::NONE {
                return false;
            }
            at = self.v(at).parent;
        }
        at != v
    }

    /// A struct literal that embeds: references and disjunctions in it are parts of `v`, the rest stays a struct.
    fn embedding(&mut self, v: VId, s: &Struct, c: &Conj, out: &mut Parts, followed: u32) -> Res<()> {
        let env = self.env(c.env, Scope::Vertex(v));
        if !s.lets.is_empty() {
            self.notes_lets(env);
            self.lets.insert(env, Lets { literal: c.expr.clone(), known: Default::default() });
        }
        let taken = |e: &E| {
            matches!(
                e.kind,
                X::Field { .. }
                    | X::Let { .. }
                    | X::Dynamic { .. }
                    | X::Select(..)
                    | X::Index(..)
                    | X::Or(_)
                    | X::And(_)
            ) || matches!(&e.kind, X::Struct(_))
        };
        let mut kept = Struct { is_struct: s.is_struct, lets: s.lets.clone(), ..Struct::default() };
        for d in &s.decls {
            match d {
                Decl::Embed(e) if taken(e) => {
                    let embedded = Conj { env, expr: e.clone(), ci: c.ci, decl: None };
                    let alone = s.decls.len() == 1;
                    match &e.kind {
                        X::Or(_) | X::And(_) | X::Struct(_) => self.part(v, embedded, out, followed)?,
                        _ => self.reference(v, &embedded, out, followed, alone)?,
                    }
                }
                Decl::Embed(e) => {
                    kept.embeds = true;
                    kept.decls.push(Decl::Embed(e.clone()));
                }
                Decl::Comprehension(e) => {
                    kept.embeds = true;
                    kept.decls.push(Decl::Comprehension(e.clone()));
                }
                Decl::Field(f) => kept.decls.push(Decl::Field(f.clone())),
                Decl::Dynamic(k, f) => kept.decls.push(Decl::Dynamic(k.clone(), f.clone())),
                Decl::Pattern(p, f) => kept.decls.push(Decl::Pattern(p.clone(), f.clone())),
                Decl::Ellipsis => kept.decls.push(Decl::Ellipsis),
            }
        }
        if kept.decls.len() == s.decls.len() {
            out.rest.push(c.clone());
        } else {
            out.reduced = true;
            if !kept.decls.is_empty() {
                let expr = Expr::new(X::Struct(Box::new(kept)), c.expr.span);
                out.rest.push(Conj { expr, ..c.clone() });
            }
        }
        Ok(())
    }

    /// Reads what a vertex without references and disjunctions admits.
    fn read_base(&mut self, base: VId, shape: &mut Shape) -> Res<()> {
        let base = self.settled(base);
        self.expand(base);
        if let Some(e) = self.v(base).err {
            let checked = self.ext_ref(base).is_some_and(|x| !x.validators.is_empty());
            if !self.is_incomplete(e) || !(self.v(base).is_struct || checked) {
                return Err(e);
            }
        }
        if shape.refs.is_empty() && shape.choices.is_empty() {
            shape.kind = self.v(base).kind;
        }
        if let Some((s, _)) = self.scalar_at(base) {
            shape.value = Some(super::export::scalar_data(s));
            return Ok(());
        }
        let ext = self.ext_ref(base).cloned().unwrap_or_default();
        for b in &ext.bounds {
            if let BoundValue::Scalar(s) = &b.value {
                shape.bounds.push((b.op, super::export::scalar_data(s)));
            }
        }
        for f in &ext.validators {
            if let Some(check) = self.check(f)? {
                shape.checks.push(check);
            }
        }
        if let Some(list) = ext.list {
            let items = self.elements(base).unwrap_or_default();
            let rest = list.exact.is_none().then(|| {
                let rest = list.rest.iter().find_map(|r| Some((r.env, r.expr.clone()?)));
                rest.map(|(env, e)| self.detached(vec![(env, e)]))
            });
            if rest.is_some() && !items.is_empty() && shape.default.is_none() {
                shape.default = self.data(base).ok();
            }
            shape.list = Some(Elements { items, rest });
            return Ok(());
        }
        let arcs = self.arcs(base).to_vec();
        shape.fields =
            arcs.iter().filter(|a| a.label != Label::NONE).map(|a| (a.vertex, a.constraint)).collect();
        for p in &ext.patterns {
            let labels = match &p.matcher {
                Matcher::All => LabelSet::All,
                Matcher::Expr(x) => match &x.kind {
                    X::Bound(UnaryOp::Match, r) => match self.operand(p.env, r)? {
                        Val::Scalar(Scalar::String(s)) => LabelSet::Match(s.to_string()),
                        _ => LabelSet::Value(self.detached(vec![(p.env, x.clone())])),
                    },
                    _ => LabelSet::Value(self.detached(vec![(p.env, x.clone())])),
                },
            };
            let env = match p.decl.label_alias {
                true => self.env(p.env, Scope::Label(Label::NONE)),
                false => p.env,
            };
            shape.patterns.push((labels, self.detached(vec![(env, p.decl.value.clone())])));
        }
        let is_open = !ext.open.is_empty();
        shape.open = is_open || (self.closers(base).is_empty() && !self.in_definition(base));
        Ok(())
    }

    /// Whether a vertex is a definition or inside of one.
    pub(super) fn in_definition(&self, v: VId) -> bool {
        let mut at = v;
        while at != NONE {
            if self.v(at).label.is_definition() {
                return true;
            }
            at = self.v(at).parent;
        }
        false
    }

    fn check(&mut self, f: &Validator) -> Res<Option<Check>> {
        let (callee, args): (E, &[E]) = match &f.expr.kind {
            X::Call(fun, args) => (fun.clone(), args),
            _ => (f.expr.clone(), &[]),
        };
        let X::Function(callee) = &callee.kind else { return Ok(None) };
        let (package, name) = match callee {
            Callee::Package(path, function) => (*path, function.name),
            Callee::Predeclared(p) => ("", p.name()),
        };
        let mut check = Check { package, name, args: Vec::new(), values: Vec::new() };
        for a in args {
            // A bound such as `>=1` is no value: it is told as it is written.
            let Ok(value) = self.operand(f.env, a) else {
                check.args.push(super::print::expr(self, a).into());
                continue;
            };
            match value {
                Val::Scalar(s) => check.args.push(super::export::scalar_data(&s)),
                Val::Vertex(t) if self.v(t).kind == Kind::LIST => {
                    check.values = self.elements(t).unwrap_or_default();
                }
                Val::Vertex(t) => check.args.extend(self.data(t).ok()),
            }
        }
        Ok(Some(check))
    }

    /// The place of a vertex below its root: names, definitions without their `#`.
    pub(crate) fn schema_name(&self, v: VId) -> String {
        let label = |l: Label| self.labels.name(l).trim_start_matches(['_', '#']).to_owned();
        self.path(v).into_iter().map(label).collect::<Vec<_>>().join(".")
    }

    /// Whether one value is an instance of another, as far as unifying them tells.
    pub(crate) fn is_instance(&mut self, v: VId, of: VId) -> bool {
        let link = |v| Expr::new(X::Linked(v), crate::compile::NOWHERE);
        let both = self.detached(vec![(NONE, link(v)), (NONE, link(of))]);
        self.all_errors(both, false).is_empty()
    }

    /// The label of a vertex, if it is one of a regular field; whether it is a definition otherwise.
    pub(crate) fn field_name(&self, v: VId) -> Option<Arc<str>> {
        let label = self.v(v).label;
        label.is_regular().then(|| self.labels.name(label))
    }

    /// Whether a vertex is a definition, not a hidden one.
    pub(crate) fn is_definition(&self, v: VId) -> bool {
        self.v(v).label.is_definition() && !self.v(v).label.is_hidden()
    }
}

/// The terms of a disjunction and of disjunctions that are its terms.
fn flatten(env: EnvId, terms: &[(E, bool)], marked: bool, out: &mut Vec<(EnvId, E, bool)>) {
    for (t, m) in terms {
        match &t.kind {
            X::Or(inner) => flatten(env, inner, marked || *m, out),
            _ => out.push((env, t.clone(), marked || *m)),
        }
    }
}
