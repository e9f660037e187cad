//! What the public interface asks of an evaluation: children, kinds, scalars, filling, and values as source text.

use super::arena::*;
use super::core::Evaluator;
use super::expr::{E, Expr, FieldDecl, Scalar, Struct, X};
use super::label::{Label, LabelType};
use crate::api::{Step, Which};
use crate::pkg::Kind;
use crate::syntax::ast::Constraint;
use std::sync::Arc;

/// The fields of a struct by name.
pub(crate) type Names = Vec<(Arc<str>, Label)>;

impl Evaluator {
    /// A value outside the tree, made of conjuncts.
    pub(crate) fn detached(&mut self, conjuncts: Vec<(EnvId, E)>) -> VId {
        let v = self.vertex(NONE, Label::NONE);
        for (env, expr) in conjuncts {
            self.push_conjunct(v, Conj { env, expr, ci: Ci::default(), decl: None });
        }
        v
    }

    /// The finished vertex that a value is read from, defaults taken.
    fn read(&mut self, v: VId) -> VId {
        self.expand(v);
        let t = self.with_default(v);
        self.expand(t);
        t
    }

    pub(crate) fn label(&self, v: VId) -> Label {
        self.v(v).label
    }

    pub(crate) fn child(&mut self, v: VId, step: &Step) -> Option<VId> {
        let t = self.read(v);
        let label = match step {
            Step::Index(i) => Label::index(*i),
            Step::Field(n) if self.v(t).kind == Kind::LIST => Label::index(n.parse().ok()?),
            Step::Field(n) => self.labels.find_regular(n)?,
            Step::Special(n) => {
                // A regular field may have such a name as well, if it was quoted.
                let special = self.labels.find_identifier(n, "").filter(|l| self.arc(t, *l).is_some());
                match special.or_else(|| self.qualified_hidden(t, n)) {
                    Some(l) => l,
                    None => self.labels.find_regular(n)?,
                }
            }
        };
        self.arc(t, label).filter(|a| a.constraint == Constraint::Regular).map(|a| a.vertex)
    }

    /// A hidden field of whatever package.
    fn qualified_hidden(&self, t: VId, name: &str) -> Option<Label> {
        self.arcs(t).iter().map(|a| a.label).find(|l| l.is_hidden() && &*self.labels.name(*l) == name)
    }

    pub(crate) fn fields(&mut self, v: VId, which: Which) -> Vec<(VId, Constraint)> {
        let t = self.read(v);
        self.deny_path(t);
        let wanted = |a: &&Arc_| {
            let kind = match a.label.kind() {
                LabelType::Regular => true,
                LabelType::Definition => which.definitions,
                LabelType::Hidden => which.hidden,
                LabelType::HiddenDefinition => which.hidden && which.definitions,
                LabelType::Index | LabelType::Local => false,
            };
            kind && (which.constraints || a.constraint == Constraint::Regular)
        };
        self.ordered(t).iter().filter(wanted).map(|a| (a.vertex, a.constraint)).collect()
    }

    /// Whether comprehensions alone, and nothing else, say that the vertex is there.
    pub(crate) fn is_yielded(&self, v: VId) -> bool {
        self.conjuncts(v).iter().all(|c| c.ci.yielded)
    }

    /// Marks the fields of a vertex that are not allowed.
    fn deny_path(&mut self, t: VId) {
        if self.v(t).state == State::Done {
            self.deny(t);
        }
    }

    pub(crate) fn elements(&mut self, v: VId) -> Option<Vec<VId>> {
        let t = self.read(v);
        if self.v(t).kind != Kind::LIST || self.failed(t) {
            return None;
        }
        let mut arcs: Vec<Arc_> = self.arcs(t).to_vec();
        arcs.sort_by_key(|a| a.label.as_index());
        Some(arcs.into_iter().map(|a| a.vertex).collect())
    }

    pub(crate) fn kind(&mut self, v: VId) -> Kind {
        self.expand(v);
        let t = self.settled(v);
        self.expand(t);
        if self.failed(t) || self.v(v).denied.is_some() { Kind::BOTTOM } else { self.v(t).kind }
    }

    pub(crate) fn is_concrete(&mut self, v: VId) -> bool {
        let t = self.read(v);
        let x = self.v(t);
        if x.err.is_some() || self.ext_ref(t).is_some_and(|e| !e.branches.is_empty()) {
            return x.is_struct && !self.failed(t);
        }
        self.scalar_at(t).is_some()
            || (x.kind == Kind::LIST && self.ext_ref(t).is_some_and(|e| e.list.is_some()))
            || (x.is_struct && x.kind.contains(Kind::STRUCT))
    }

    pub(crate) fn has_default(&mut self, v: VId) -> bool {
        self.expand(v);
        let t = self.settled(v);
        let open = |e: &Ext| e.list.as_ref().is_some_and(|l| l.exact.is_none());
        self.default_branch(t).is_some() || self.ext_ref(t).is_some_and(open)
    }

    /// The branch that is the default of an undecided value.
    pub(crate) fn default_of(&mut self, v: VId) -> Option<VId> {
        self.expand(v);
        let t = self.settled(v);
        self.default_branch(t)
    }

    pub(crate) fn scalar(&mut self, v: VId) -> Option<Scalar> {
        let t = self.read(v);
        if self.failed(t) {
            return None;
        }
        self.scalar_at(t).map(|s| s.0.clone())
    }

    pub(crate) fn own_error(&mut self, v: VId) -> Option<ErrId> {
        let t = self.read(v);
        self.v(v).denied.or(self.v(t).err).or(self.v(v).err)
    }

    /// The declarations of the fields that make up a vertex.
    pub(crate) fn decls(&self, v: VId) -> Vec<Arc<FieldDecl>> {
        self.conjuncts(v).iter().filter_map(|c| c.decl.clone()).collect()
    }

    /// The environment in which the fields of `v` and of the structs around it are names; with those names, the outermost first.
    pub(crate) fn scope_of(&mut self, v: VId) -> (EnvId, Vec<Names>) {
        let mut line = Vec::new();
        let mut at = v;
        while at != NONE {
            line.push(at);
            at = self.v(at).parent;
        }
        let mut env = NONE;
        let mut names = Vec::new();
        for v in line.into_iter().rev() {
            let t = self.read(v);
            env = self.env(env, Scope::Vertex(t));
            let own = self.arcs(t).iter().filter(|a| a.label.as_index().is_none());
            names.push(own.map(|a| (self.labels.name(a.label), a.label)).collect());
        }
        (env, names)
    }

    /// Adds an expression at a path below `root`. The error tells at which step it cannot be and why.
    pub(crate) fn fill(
        &mut self,
        root: VId,
        path: &[Step],
        expr: E,
        env: Option<EnvId>,
    ) -> Result<(), (usize, &'static str)> {
        let env = env.unwrap_or(NONE);
        // The conjunct of each vertex on the way: a struct of the rest of the path.
        let mut labels = Vec::new();
        let mut v = Some(root);
        for (i, step) in path.iter().enumerate() {
            let t = v.map(|v| self.read(v));
            let is_list = t.is_some_and(|t| self.v(t).kind == Kind::LIST);
            let label = match step {
                Step::Index(i) => Label::index(*i),
                Step::Field(n) if is_list && n.parse::<usize>().is_ok() => {
                    Label::index(n.parse().unwrap_or(0))
                }
                Step::Field(n) => self.labels.regular(n),
                Step::Special(n) => match t.and_then(|t| self.qualified_hidden(t, n)) {
                    Some(l) => l,
                    None => self.labels.identifier(n, ""),
                },
            };
            if label.as_index().is_some() && t.is_none_or(|t| self.arc(t, label).is_none()) {
                return Err((i, "there is no such element"));
            }
            labels.push(label);
            v = t.and_then(|t| self.arc(t, label)).map(|a| a.vertex);
        }
        let mut rest = expr;
        let mut conjuncts = vec![rest.clone()];
        for label in labels.iter().rev() {
            // An element cannot be told by a struct: what is above it is reached through it alone.
            rest = match label.as_index() {
                Some(_) => Expr::new(X::Top, crate::compile::NOWHERE),
                None => {
                    let mut s = Struct { is_struct: true, ..Struct::default() };
                    s.decls.push(crate::compile::plain_field(*label, rest));
                    Expr::new(X::Struct(Box::new(s)), crate::compile::NOWHERE)
                }
            };
            conjuncts.push(rest.clone());
        }
        conjuncts.reverse();
        let mut v = root;
        for (i, label) in labels.iter().enumerate() {
            let t = self.settled(v);
            let known = self.arc(t, *label);
            let direct = known.filter(|_| t == v && self.v(v).state == State::Done);
            let Some(a) = direct else {
                // From here on the whole conjunct is new to the vertex.
                self.append(v, env, conjuncts[i].clone(), label.as_index().is_some());
                if label.as_index().is_some()
                    && let Some(a) = known
                {
                    v = a.vertex;
                    continue;
                }
                return Ok(());
            };
            // The field is there: the vertex keeps what it has, and those that used its conjuncts are told.
            if label.as_index().is_none() {
                let c = Conj { env, expr: conjuncts[i].clone(), ci: Ci::default(), decl: None };
                self.push_conjunct(v, c);
            }
            if let Some(i) = self.arc_index(t, *label) {
                self.arcs_mut(t)[i].constraint = Constraint::Regular;
            }
            let x = self.v_mut(t);
            x.plain = Plain::Unknown;
            self.invalidate(v);
            v = a.vertex;
        }
        self.append(v, env, conjuncts[labels.len()].clone(), false);
        Ok(())
    }

    fn append(&mut self, v: VId, env: EnvId, expr: E, skip: bool) {
        if !skip {
            self.add_conjunct(v, Conj { env, expr, ci: Ci::default(), decl: None });
        }
        self.invalidate(v);
    }

    /// A value as source text, with line breaks.
    pub(crate) fn source(&mut self, v: VId) -> String {
        let mut out = String::new();
        self.write_source(v, 0, &mut out);
        out
    }

    fn write_source(&mut self, v: VId, indent: usize, out: &mut String) {
        crate::compile::stack(|| self.write_source_here(v, indent, out));
    }

    fn write_source_here(&mut self, v: VId, indent: usize, out: &mut String) {
        self.expand(v);
        let t = self.settled(v);
        self.expand(t);
        if let Some(e) = self.v(v).denied.or(self.v(t).err).filter(|e| !self.is_incomplete(*e)) {
            out.push_str("_|_ // ");
            out.push_str(&self.bottom(e).message.replace('\n', " "));
            return;
        }
        let branches = self.ext_ref(t).map_or(Vec::new(), |x| x.branches.to_vec());
        if !branches.is_empty() {
            for (i, (b, mode)) in branches.into_iter().enumerate() {
                out.push_str(if i > 0 { " | " } else { "" });
                out.push_str(if mode == Mode::Default { "*" } else { "" });
                self.write_source(b, indent, out);
            }
            return;
        }
        let x = self.v(t);
        if self.scalar_at(t).is_some() {
            let text = self.show(t);
            out.push_str(&text);
            return;
        }
        let list = self.ext_ref(t).and_then(|x| x.list.clone()).filter(|_| x.kind == Kind::LIST);
        if let Some(list) = list {
            out.push('[');
            for (i, e) in self.elements(t).unwrap_or_default().into_iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                self.write_source(e, indent + 1, out);
            }
            if list.exact.is_none() {
                out.push_str(if self.arcs(t).is_empty() { "..." } else { ", ..." });
                if let Some(e) = list.rest.first().and_then(|r| r.expr.clone()) {
                    out.push_str(&super::print::expr(self, &e));
                }
            }
            out.push(']');
            return;
        }
        if x.is_struct && x.kind.contains(Kind::STRUCT) {
            let arcs = self.ordered(t);
            if arcs.is_empty() {
                out.push_str("{}");
                return;
            }
            self.deny_path(t);
            out.push_str("{\n");
            self.write_fields(&arcs, indent + 1, out);
            out.push_str(&"\t".repeat(indent));
            out.push('}');
            return;
        }
        let text = self.show(t);
        out.push_str(&text);
    }

    fn write_fields(&mut self, arcs: &[Arc_], indent: usize, out: &mut String) {
        for a in arcs {
            if a.label.kind() == LabelType::Local {
                continue;
            }
            out.push_str(&"\t".repeat(indent));
            out.push_str(&self.labels.selector(a.label));
            out.push_str(match a.constraint {
                Constraint::Regular => ": ",
                Constraint::Optional => "?: ",
                Constraint::Required => "!: ",
            });
            self.write_source(a.vertex, indent, out);
            out.push('\n');
        }
    }
}
