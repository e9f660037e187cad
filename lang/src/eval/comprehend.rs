//! Comprehensions: clauses are gone through, each completed iteration yields the struct in an environment of its own.

use super::arena::*;
use super::core::{Evaluator, Res, Val};
use super::expr::{Clause, Comprehension, E, Scalar, X};
use super::label::Label;
use crate::diag::Code;
use crate::pkg::Kind;
use crate::source::Span;
use crate::syntax::ast::Constraint;

impl Evaluator {
    /// What a comprehension yields.
    pub(super) fn comprehension(&mut self, env: EnvId, e: &E) -> Res<Vec<(EnvId, E)>> {
        let X::Comprehension(c) = &e.kind else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        self.clauses(env, c, 0, &mut out)?;
        if let (true, Some(otherwise)) = (out.is_empty(), &c.otherwise) {
            out.push((env, otherwise.clone()));
        }
        Ok(out)
    }

    fn clauses(&mut self, env: EnvId, c: &Comprehension, n: usize, out: &mut Vec<(EnvId, E)>) -> Res<()> {
        self.step()?;
        let Some(clause) = c.clauses.get(n) else {
            out.push((env, c.value.clone()));
            return Ok(());
        };
        match clause {
            Clause::If(x) => match self.operand_of_kind(env, x, Kind::BOOL, |shown, kind| {
                format!("cannot use {shown} (type {kind}) as type bool")
            })? {
                Val::Scalar(Scalar::Bool(true)) => self.clauses(env, c, n + 1, out),
                Val::Scalar(Scalar::Bool(false)) => Ok(()),
                other => {
                    let shown = self.show_val(&other);
                    let message = format!("cannot use {shown} as a condition: it is not a bool");
                    Err(self.error(Code::Operand, x.span, message))
                }
            },
            Clause::Let(label, x) => {
                let v = self.local(env, x.clone());
                let env = self.bind(env, &[(*label, v)]);
                self.clauses(env, c, n + 1, out)
            }
            Clause::For { key, value, source } => {
                let items = Kind::LIST.or(Kind::STRUCT);
                let value_of = self.operand_of_kind(env, source, items, |shown, kind| {
                    format!("cannot range over {shown} (found {kind}, want list or struct)")
                })?;
                let v = match value_of {
                    Val::Vertex(v) => v,
                    Val::Scalar(s) => {
                        let shown = super::print::scalar(&s);
                        let kind = super::print::kind(s.kind());
                        let message =
                            format!("cannot range over {shown} (found {kind}, want list or struct)");
                        return Err(self.error(Code::Operand, source.span, message));
                    }
                };
                if self.v(v).state == State::Processing && v == self.current() {
                    // Whatever else adds fields goes first.
                    if self.settle != v {
                        self.depend_on(v);
                        let err = self.error(Code::Cycle, source.span, "the fields are not known yet");
                        self.bottom_mut(err).pending = true;
                        return Err(err);
                    }
                    self.ext(v).counted = true;
                }
                let list = self.v(v).kind == Kind::LIST;
                let mut items = self.iterated(v);
                // A field that must be there and is not yet would be left out.
                let required = |a: &&Arc_| a.label.is_regular() && a.constraint == Constraint::Required;
                if let Some(missing) = items.iter().find(required).copied() {
                    return Err(self.missing_required(v, missing, source.span));
                }
                items.retain(|a| {
                    let wanted = if list { a.label.as_index().is_some() } else { a.label.is_regular() };
                    wanted && a.constraint == Constraint::Regular
                });
                for a in items {
                    let mut names = vec![(*value, a.vertex)];
                    if let Some(key) = key {
                        let k = match a.label.as_index() {
                            Some(i) => Scalar::Number(crate::number::Number::from(i as i64)),
                            None => Scalar::String(self.labels.name(a.label)),
                        };
                        names.push((*key, self.scalar_vertex(k, source.span)));
                    }
                    let env = self.bind(env, &names);
                    self.clauses(env, c, n + 1, out)?;
                }
                Ok(())
            }
        }
    }

    /// The error of going through a struct in which a field is missing that must be there.
    fn missing_required(&mut self, v: VId, a: Arc_, at: Span) -> ErrId {
        self.reads(v);
        let name = self.labels.selector(a.label);
        let declared =
            self.conjuncts(a.vertex).first().map(|c| c.decl.as_ref().map_or(c.expr.span, |d| d.label_span));
        let message = format!("cannot go through the fields: {name} is required but not present");
        let e = self.error(Code::Incomplete, at, message);
        self.bottom_mut(e).spans.extend(declared);
        self.bottom_mut(e).hint = Some(format!("give {name} a value"));
        e
    }

    /// An environment in which some names stand for vertices that exist already.
    pub(super) fn bind(&mut self, up: EnvId, names: &[(Label, VId)]) -> EnvId {
        let parent = self.current();
        let holder = self.vertex(parent, Label::NONE);
        let x = self.v_mut(holder);
        x.state = State::Done;
        x.is_struct = true;
        x.kind = Kind::STRUCT;
        for (label, v) in names {
            self.push_arc(holder, Arc_ { label: *label, vertex: *v, constraint: Constraint::Regular });
        }
        self.env(up, Scope::Vertex(holder))
    }
}
