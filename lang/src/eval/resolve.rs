//! References: from an expression to the vertex it names, and fields by label.

use super::arena::*;
use super::core::{Evaluator, Res, Val};
use super::expr::{E, Expr, Scalar, X};
use super::label::Label;
use crate::diag::Code;
use crate::pkg::Kind;
use crate::source::Span;
use crate::syntax::ast::Constraint;

impl Evaluator {
    pub(super) fn env_up(&self, env: EnvId, up: u32) -> EnvId {
        let mut e = env;
        for _ in 0..up {
            e = self.envs.get(e as usize).map_or(NONE, |x| x.up);
        }
        e
    }

    pub(super) fn scope(&self, env: EnvId, up: u32) -> Option<Scope> {
        self.envs.get(self.env_up(env, up) as usize).map(|e| e.scope)
    }

    /// The vertex that a reference names. The vertex' fields need not be known yet.
    pub(super) fn resolve(&mut self, env: EnvId, e: &E) -> Res<VId> {
        let v = self.resolve_name(env, e)?;
        Ok(self.seen_from_within(v))
    }

    /// What a vertex is for the one being worked on: within a branch, the vertex that it is a branch of is that branch.
    fn seen_from_within(&self, v: VId) -> VId {
        if self.ext_ref(v).is_none_or(|x| x.awaits.is_empty()) {
            return v;
        }
        let mut at = self.current();
        while at != NONE && at != v {
            let x = self.v(at);
            if x.stands_for == v {
                return at;
            }
            at = x.parent;
        }
        v
    }

    fn resolve_name(&mut self, env: EnvId, e: &E) -> Res<VId> {
        self.step()?;
        match &e.kind {
            X::Field { up, label } => match self.scope(env, *up) {
                Some(Scope::Vertex(v)) => self.lookup(v, *label, e.span),
                _ => Err(self.error(Code::Reference, e.span, "the name has no value here")),
            },
            X::This { up } => match self.scope(env, *up) {
                Some(Scope::Vertex(v)) => Ok(v),
                _ => Err(self.error(Code::Reference, e.span, "the name has no value here")),
            },
            X::Let { up, index } => {
                let at = self.env_up(env, *up);
                self.let_vertex(at, *index, e)
            }
            X::Dynamic { up, label } => {
                let at = self.env_up(env, *up);
                let name = match self.operand(at, label)? {
                    Val::Scalar(Scalar::String(s)) => s,
                    _ => {
                        return Err(self.error(Code::Operand, label.span, "a field's name must be a string"));
                    }
                };
                let label = self.labels.regular(&name);
                match self.scope(at, 0) {
                    Some(Scope::Vertex(v)) => self.lookup(v, label, e.span),
                    _ => Err(self.error(Code::Reference, e.span, "the name has no value here")),
                }
            }
            X::Package(unit) => Ok(self.root(*unit)),
            X::Linked(v) => Ok(*v),
            X::Select(x, label, span) => {
                let base = self.base(env, x)?;
                self.lookup_in(base, *label, *span, e)
            }
            X::Index(x, index) => self.index(env, e, x, index),
            _ => {
                let v = match self.eval(env, e)? {
                    Val::Vertex(v) => v,
                    Val::Scalar(s) => self.scalar_vertex(s, e.span),
                };
                Ok(v)
            }
        }
    }

    fn let_vertex(&mut self, env: EnvId, index: u32, e: &E) -> Res<VId> {
        let lets = self.lets.get(&env);
        if let Some(v) = lets.and_then(|l| l.known.get(&index)) {
            return Ok(*v);
        }
        // The environment was made for a struct literal, which has the expression.
        let value = lets.and_then(|l| match &l.literal.kind {
            X::Struct(s) => s.lets.get(index as usize).cloned(),
            _ => None,
        });
        let (Some(Scope::Vertex(owner)), Some(value)) = (self.scope(env, 0), value) else {
            return Err(self.error(Code::Reference, e.span, "the name has no value here"));
        };
        let v = self.vertex(owner, Label::NONE);
        self.push_conjunct(v, Conj { env, expr: value, ci: Ci::default(), decl: None });
        self.keep_before(env);
        if let Some(lets) = self.lets.get_mut(&env) {
            lets.known.insert(index, v);
        }
        Ok(v)
    }

    /// What stands before a `.` or `[`: evaluated far enough to have fields, defaults taken.
    fn base(&mut self, env: EnvId, x: &E) -> Res<VId> {
        let v = self.resolve(env, x)?;
        self.reads(v);
        self.readable(v, x.span)
    }

    /// Expands a vertex for reading its fields and gives the one that holds them.
    fn readable(&mut self, v: VId, span: Span) -> Res<VId> {
        if let Some(e) = self.holds_cycle(v) {
            return Err(e);
        }
        self.expand(v);
        let v = self.with_default(v);
        self.expand(v);
        if let Some(e) = self.v(v).err {
            return Err(if self.is_incomplete(e) { self.blocked(e) } else { e });
        }
        if self.ext_ref(v).is_some_and(|x| !x.branches.is_empty()) {
            let shown = self.show(v);
            return Err(self.error(Code::Ambiguous, span, format!("unresolved disjunction {shown}")));
        }
        Ok(v)
    }

    /// The incomplete error of another vertex as one of the current vertex, which waits for it.
    fn blocked(&mut self, e: ErrId) -> ErrId {
        let b = self.bottom(e).clone();
        self.push_error(Bottom { at: self.current(), ..b })
    }

    fn lookup_in(&mut self, base: VId, label: Label, span: Span, e: &E) -> Res<VId> {
        let kind = self.v(base).kind;
        if !label.is_definition() && !label.is_hidden() && kind.and(Kind::STRUCT).is_bottom() {
            let shown = self.show(base);
            let what = super::print::kind(kind);
            let message = format!("invalid operand {shown} (found {what}, want list or struct)");
            return Err(self.error(Code::Operand, e.span, message));
        }
        self.lookup(base, label, span)
    }

    /// The field of a vertex.
    pub(super) fn lookup(&mut self, v: VId, label: Label, span: Span) -> Res<VId> {
        self.expand(v);
        let mut from = v;
        let mut found = self.arc(v, label);
        if found.is_none_or(|a| a.constraint != Constraint::Regular) && self.v(v).state == State::Done {
            let settled = self.with_default(v);
            if settled != v {
                self.expand(settled);
                from = settled;
                found = self.arc(settled, label);
            }
        }
        match found {
            Some(a) if a.constraint == Constraint::Regular => {
                return self.denied_at(from, a).map_or(Ok(a.vertex), Err);
            }
            _ => {}
        }
        self.reads(from);
        let name = self.labels.selector(label);
        let working = self.v(from).state == State::Processing || self.is_partial(from);
        if !working && let Some(e) = self.v(from).err {
            if !self.is_incomplete(e) {
                return Err(e);
            }
            return Err(self.blocked(e));
        }
        let message = match found {
            Some(a) if a.constraint == Constraint::Required => format!("required field missing: {name}"),
            Some(_) => format!("cannot reference optional field: {name}"),
            None => format!("undefined field: {name}"),
        };
        let e = self.error(Code::Undefined, span, message);
        if found.is_none() && !working {
            self.missed.push((e, from));
        }
        if working && self.settle != from {
            self.depend_on(from);
            self.bottom_mut(e).pending = true;
        } else if found.is_none() && !working && self.refuses(from, label) {
            self.bottom_mut(e).incomplete = false;
        }
        Err(e)
    }

    /// Whether a vertex is a branch with disjunctions left to decide: fields may still come.
    fn is_partial(&self, v: VId) -> bool {
        self.v(v).stands_for != v && self.ext_ref(v).is_some_and(|x| !x.awaits.is_empty())
    }

    fn index(&mut self, env: EnvId, e: &E, x: &E, index: &E) -> Res<VId> {
        let base = self.base(env, x)?;
        let key = self.operand(env, index).or_else(|err| self.index_key(env, index, err))?;
        let kind = self.v(base).kind;
        match key {
            Val::Scalar(Scalar::String(s)) => {
                if kind.and(Kind::STRUCT).is_bottom() {
                    let what = super::print::kind(kind);
                    let message = format!("invalid index {:?}: the value is a {what}", &*s);
                    return Err(self.error(Code::Operand, index.span, message));
                }
                let label = self.labels.regular(&s);
                self.lookup(base, label, index.span)
            }
            Val::Scalar(Scalar::Number(n)) if n.is_int() => {
                if kind.and(Kind::LIST).is_bottom() {
                    let what = super::print::kind(kind);
                    let message = format!("invalid index {n}: the value is a {what}");
                    return Err(self.error(Code::Operand, index.span, message));
                }
                let Some(i) = n.to_i64().and_then(|i| usize::try_from(i).ok()) else {
                    let message = format!("invalid index {n}: it must not be negative");
                    return Err(self.error(Code::Operand, index.span, message));
                };
                if let Some(a) = self.arc(base, Label::index(i & 0x1fff_ffff)) {
                    return Ok(a.vertex);
                }
                let message = format!("index out of range [{i}] with length {}", self.arcs(base).len());
                let err = self.error(Code::Undefined, index.span, message);
                if self.v(base).state == State::Processing {
                    self.depend_on(base);
                    self.bottom_mut(err).pending = true;
                } else if self.ext_ref(base).and_then(|x| x.list.as_ref()).is_some_and(|l| l.exact.is_some())
                {
                    self.bottom_mut(err).incomplete = false;
                }
                Err(err)
            }
            other => {
                let shown = self.show_val(&other);
                let message = format!("invalid index {shown}: an index is a string or an integer");
                let _ = e;
                Err(self.error(Code::Operand, index.span, message))
            }
        }
    }

    /// An index that may be anything is no index, other than a string or integer that is not known yet.
    fn index_key(&mut self, env: EnvId, index: &E, err: ErrId) -> Res<Val> {
        if self.is_incomplete(err)
            && !self.bottom(err).pending
            && let Ok(Val::Vertex(v)) = self.eval(env, index)
            && self.v(v).state == State::Done
            && self.v(v).err.is_none()
            && self.v(self.with_default(v)).kind == Kind::TOP
        {
            let shown = super::print::expr(self, index);
            return Err(self.error(
                Code::Operand,
                index.span,
                format!("invalid index {shown} (invalid type _)"),
            ));
        }
        Err(err)
    }

    /// Evaluates an expression to a scalar or vertex, without taking defaults.
    pub(super) fn eval(&mut self, env: EnvId, e: &E) -> Res<Val> {
        self.step()?;
        match &e.kind {
            X::Scalar(s) => Ok(Val::Scalar(s.clone())),
            X::LabelOf { up } => match self.scope(env, *up) {
                Some(Scope::Label(l)) => Ok(Val::Scalar(Scalar::String(self.labels.name(l)))),
                _ => Err(self.error(Code::Reference, e.span, "the name has no value here")),
            },
            x if x.is_reference() => {
                let v = self.resolve(env, e)?;
                self.reads(v);
                Ok(Val::Vertex(v))
            }
            X::Unary(op, x) => self.unary(env, e, *op, x),
            X::Binary(op, l, r) => self.binary(env, e, *op, l, r),
            X::Interpolation { parts, bytes } => self.interpolate(env, parts, *bytes),
            X::Call(f, args) => self.call(env, e, f, args),
            X::Slice(x, lo, hi) => self.slice(env, e, x, lo.as_ref(), hi.as_ref()),
            X::Missing(m) => Err(self.missing(m)),
            X::Bottom => Err(self.error(Code::User, e.span, "explicit error (_|_ literal) in source")),
            X::Function(f) => {
                let message = format!("the function {} is not called", super::print::callee(*f));
                Err(self.error(Code::Call, e.span, message))
            }
            _ => {
                let v = self.local(env, e.clone());
                Ok(Val::Vertex(v))
            }
        }
    }

    fn slice(&mut self, env: EnvId, e: &E, x: &E, lo: Option<&E>, hi: Option<&E>) -> Res<Val> {
        let items = self.list_elements(env, x)?;
        let end = |ev: &mut Evaluator, at: Option<&E>, default: usize| -> Res<usize> {
            let Some(at) = at else { return Ok(default) };
            match ev.operand(env, at)? {
                Val::Scalar(Scalar::Number(n)) if n.is_int() && n.sign() >= 0 => {
                    Ok(n.to_i64().map_or(usize::MAX, |n| n as usize))
                }
                other => {
                    let shown = ev.show_val(&other);
                    Err(ev.error(Code::Operand, at.span, format!("invalid slice index {shown}")))
                }
            }
        };
        let (from, to) = (end(self, lo, 0)?, end(self, hi, items.len())?);
        if from > to || to > items.len() {
            let n = items.len();
            let message = format!("slice bounds out of range [{from}:{to}] with length {n}");
            return Err(self.error(Code::Operand, e.span, message));
        }
        let elems = items[from..to].iter().map(|v| Self::link(*v, e.span)).collect();
        let list = Expr::new(X::List(super::expr::List { elems, ellipsis: None }), e.span);
        Ok(Val::Vertex(self.local(NONE, list)))
    }

    /// Evaluates an expression to something concrete: a scalar, or a vertex that is a list or struct. Defaults are taken.
    pub(super) fn operand(&mut self, env: EnvId, e: &E) -> Res<Val> {
        let v = match self.eval(env, e)? {
            Val::Scalar(s) => return Ok(Val::Scalar(s)),
            Val::Vertex(v) => v,
        };
        self.concrete(v, e)
    }

    /// An operand of one of the kinds `want`. One that is not concrete, but can be of none of them, is a mistake already now.
    pub(super) fn operand_of_kind(
        &mut self,
        env: EnvId,
        e: &E,
        want: Kind,
        message: impl FnOnce(&str, &str) -> String,
    ) -> Res<Val> {
        let v = match self.eval(env, e)? {
            Val::Scalar(s) => return Ok(Val::Scalar(s)),
            Val::Vertex(v) => v,
        };
        self.concrete(v, e).map_err(|err| {
            let t = self.with_default(v);
            let kind = self.v(t).kind;
            let open = self.is_incomplete(err) && !self.bottom(err).pending && self.v(t).err.is_none();
            if !open || self.v(t).state != State::Done || !kind.and(want).is_bottom() {
                return err;
            }
            let message = message(&self.show(t), &super::print::kind(kind));
            self.error(Code::Operand, e.span, message)
        })
    }

    /// The concrete value of a vertex.
    pub(super) fn concrete(&mut self, v: VId, e: &E) -> Res<Val> {
        if let Some(e) = self.holds_cycle(v) {
            return Err(e);
        }
        self.reads(v);
        self.expand(v);
        let t = self.with_default(v);
        self.expand(t);
        let working = self.v(t).state == State::Processing;
        if let Some((s, _)) = self.scalar_at(t) {
            let s = s.clone();
            if !self.failed(t) {
                if working {
                    self.depend_on(t);
                }
                return Ok(Val::Scalar(s));
            }
        }
        if let Some(err) = self.v(t).err {
            if !self.is_incomplete(err) {
                return Err(err);
            }
            let blocked = self.blocked(err);
            if self.bottom(err).code == Code::Cycle {
                self.bottom_mut(blocked).spans.push(e.span);
            }
            return Err(blocked);
        }
        if self.ext_ref(t).is_some_and(|x| !x.branches.is_empty()) {
            let shown = self.show(t);
            return Err(self.error(Code::Ambiguous, e.span, format!("unresolved disjunction {shown}")));
        }
        let x = self.v(t);
        if x.is_struct && x.kind.contains(Kind::STRUCT) || x.kind == Kind::LIST {
            if working {
                self.depend_on(t);
            }
            if x_is_value(self, t) {
                return Ok(Val::Vertex(t));
            }
        }
        if working {
            self.depend_on(t);
            let err = self.error(Code::Cycle, e.span, "cycle error");
            self.bottom_mut(err).pending = true;
            return Err(err);
        }
        let shown = self.show(t);
        let err = self.error(Code::Incomplete, e.span, format!("non-concrete value {shown}"));
        if let Some(c) = self.conjuncts(t).first() {
            let span = c.expr.span;
            self.bottom_mut(err).spans.push(span);
        }
        Err(err)
    }

    /// The vertices of the elements of a list expression.
    pub(super) fn list_elements(&mut self, env: EnvId, e: &E) -> Res<Vec<VId>> {
        match self.operand(env, e)? {
            Val::Vertex(v) if self.v(v).kind == Kind::LIST => {
                Ok(self.arcs(v).iter().filter(|a| a.label.as_index().is_some()).map(|a| a.vertex).collect())
            }
            other => {
                let shown = self.show_val(&other);
                Err(self.error(Code::Operand, e.span, format!("{shown} is not a list")))
            }
        }
    }

    /// An expression that stands for a vertex.
    pub(super) fn link(v: VId, span: Span) -> E {
        Expr::new(X::Linked(v), span)
    }
}

/// Whether a vertex is a struct or list, and not a type that could be one.
fn x_is_value(ev: &Evaluator, v: VId) -> bool {
    let x = ev.v(v);
    match x.kind {
        Kind::LIST => ev.ext_ref(v).is_some_and(|e| e.list.is_some()),
        _ => x.is_struct,
    }
}
