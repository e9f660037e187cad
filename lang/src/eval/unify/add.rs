//! Adding one conjunct to a vertex: what to do is told by the kind of its expression.

use super::{TaskKind, Work, range_bounds};
use crate::diag::Code;
use crate::eval::arena::*;
use crate::eval::core::{Evaluator, Val};
use crate::eval::expr::{Callee, E, Expr, Predeclared, X};
use crate::pkg::Kind;

impl Evaluator {
    pub(super) fn add(&mut self, v: VId, w: &mut Work, c: &Conj) {
        if let Err(e) = self.step() {
            self.v_mut(v).err = Some(e);
            return;
        }
        self.way = c.ci;
        match &c.expr.kind {
            X::Scalar(s) => self.add_scalar(v, w, s.clone(), c),
            X::Data(data) => {
                let expr = crate::compile::level(data, &mut self.labels);
                self.add(v, w, &Conj { expr, ..c.clone() });
            }
            X::Top => {
                // Beside other alternatives `_` stands for any value, also a struct with other fields.
                if c.ci.branch != 0 {
                    push(&mut self.ext(v).open, c.ci.origin);
                }
                self.ext(v).top = true;
            }
            X::Bottom => {
                let e = self.error(Code::User, c.expr.span, "explicit error (_|_ literal) in source");
                self.fail(v, e);
            }
            X::Type { kind, range } => {
                self.note(w, c);
                self.restrict(v, *kind, c.expr.span);
                if let Some((low, high)) = range {
                    self.ext(v).bounds.extend(range_bounds(low, high.as_ref(), c.expr.span));
                }
            }
            X::Struct(s) => self.add_struct(v, w, s, c),
            X::List(l) => {
                self.note(w, c);
                self.restrict_to(v, Kind::LIST, c);
                self.hold(v, c.ci.origin);
                if l.elems.iter().any(|e| matches!(e.kind, X::Comprehension(_))) {
                    w.later(TaskKind::List(c.clone()), None);
                } else {
                    let elems = l.elems.iter().map(|e| (c.env, e.clone(), false)).collect();
                    self.add_list(v, c, elems, l.ellipsis.as_ref());
                }
            }
            X::And(terms) => {
                let place = w.order.place;
                if terms.len() > 1 {
                    w.order.operands();
                }
                for t in terms {
                    self.add(v, w, &Conj { expr: t.clone(), ..c.clone() });
                }
                w.order.place = place;
            }
            X::Or(terms) => self.add_or(v, w, c, terms),
            X::Alias(inner) => {
                let env = self.env(c.env, Scope::Vertex(v));
                self.add(v, w, &Conj { env, expr: inner.clone(), ..c.clone() });
            }
            X::Comprehension(_) => w.later(TaskKind::Comprehension(c.clone()), None),
            // What came round a cycle is evaluated only if something else gives it an end.
            _ if c.ci.cyclic => {
                w.carried = Some(self.came_by(c));
                w.later(TaskKind::Expr(c.clone()), None);
            }
            // What is computed from fields of the vertex itself is, once all that makes them is added.
            _ if self.v(v).is_struct && self.computes(&c.expr) => w.later(TaskKind::Expr(c.clone()), None),
            _ => match self.add_evaluated(v, w, c) {
                Ok(()) => {}
                Err(e) if self.is_incomplete(e) => {
                    w.later(TaskKind::Expr(c.clone()), Some(e));
                }
                Err(e) => self.fail(v, e),
            },
        }
    }

    /// Whether an expression is computed from the values of others, and not made of what they are made of.
    pub(super) fn computes(&self, e: &E) -> bool {
        match &e.kind {
            X::Unary(..) | X::Binary(..) | X::Interpolation { .. } | X::Slice(..) => true,
            X::Call(f, args) => match &f.kind {
                X::Function(Callee::Predeclared(Predeclared::Close | Predeclared::And | Predeclared::Or)) => {
                    false
                }
                X::Function(callee) => !self.validates(*callee, args.len()),
                _ => false,
            },
            _ => false,
        }
    }

    pub(super) fn note(&mut self, w: &mut Work, c: &Conj) {
        w.solid |= !c.ci.cyclic;
    }

    /// Adds an expression that must be evaluated first: a reference, a call, an operation.
    pub(super) fn add_evaluated(&mut self, v: VId, w: &mut Work, c: &Conj) -> Result<(), ErrId> {
        match &c.expr.kind {
            x if x.is_reference() => {
                let target = self.resolve(c.env, &c.expr)?;
                if self.share(v, target, c) {
                    self.note(w, c);
                    return Ok(());
                }
                self.add_vertex(v, w, target, c)
            }
            X::Bound(op, x) => {
                let value = match self.operand(c.env, x)? {
                    Val::Scalar(s) => BoundValue::Scalar(s),
                    Val::Vertex(t) => BoundValue::Vertex(t),
                };
                self.note(w, c);
                self.add_bound(v, Bound { op: *op, value, span: c.expr.span })
            }
            X::Function(f) => {
                self.note(w, c);
                if !self.validates(*f, 0) {
                    self.restrict(v, Kind::FUNCTION, c.expr.span);
                }
                self.add_validator(v, c);
                Ok(())
            }
            X::Call(f, args) => self.add_call(v, w, c, f, args),
            _ => {
                let value = self.eval(c.env, &c.expr)?;
                self.add_value(v, w, c, value)
            }
        }
    }

    fn add_call(&mut self, v: VId, w: &mut Work, c: &Conj, f: &E, args: &[E]) -> Result<(), ErrId> {
        let X::Function(callee) = &f.kind else {
            let callee = self.function(c.env, f)?;
            let call = Expr::new(X::Call(callee, args.to_vec()), c.expr.span);
            self.add(v, w, &Conj { expr: call, ..c.clone() });
            return Ok(());
        };
        match callee {
            Callee::Predeclared(Predeclared::Close) if args.len() == 1 => {
                self.can_be_closed(c.env, &args[0])?;
                let origin = self.origin(c.ci.origin, false);
                let span = c.expr.span;
                push(&mut self.ext(v).closers, Closer { origin, recursive: false, holds: false, span });
                let ci = Ci { origin, ..c.ci };
                self.add(v, w, &Conj { expr: default_term(&args[0]), ci, ..c.clone() });
                Ok(())
            }
            Callee::Predeclared(Predeclared::And) if args.len() == 1 => {
                let elements = self.list_elements(c.env, &args[0])?;
                let place = w.order.place;
                for e in elements {
                    let expr = Expr::new(X::Linked(e), c.expr.span);
                    w.order.separate();
                    self.add(v, w, &Conj { env: NONE, expr, ..c.clone() });
                }
                w.order.place = place;
                Ok(())
            }
            Callee::Predeclared(Predeclared::Or) if args.len() == 1 => {
                let elements = self.list_elements(c.env, &args[0])?;
                if elements.is_empty() {
                    // A list that is made of the fields of something may still grow where it is referred to.
                    return Err(self.error(Code::Incomplete, c.expr.span, "empty list in call to or"));
                }
                let span = c.expr.span;
                let terms: Vec<(E, bool)> =
                    elements.into_iter().map(|e| (Expr::new(X::Linked(e), span), false)).collect();
                self.add_or(v, w, &Conj { env: NONE, ..c.clone() }, &terms);
                Ok(())
            }
            _ if self.validates(*callee, args.len()) => {
                self.note(w, c);
                self.add_validator(v, c);
                Ok(())
            }
            _ => {
                let value = self.eval(c.env, &c.expr)?;
                self.add_value(v, w, c, value)
            }
        }
    }

    fn add_value(&mut self, v: VId, w: &mut Work, c: &Conj, value: Val) -> Result<(), ErrId> {
        match value {
            Val::Scalar(s) => {
                self.add_scalar(v, w, s, c);
                Ok(())
            }
            Val::Vertex(t) => self.add_vertex(v, w, t, c),
        }
    }
}

/// What an argument written as a disjunction is by default.
fn default_term(e: &E) -> E {
    let X::Or(terms) = &e.kind else { return e.clone() };
    let mut marked = terms.iter().filter(|t| t.1);
    match (marked.next(), marked.next()) {
        (Some((only, _)), None) => only.clone(),
        _ => e.clone(),
    }
}
