//! Operators on concrete values, interpolation and equality.

use super::arena::*;
use super::core::{Evaluator, Res, Val};
use super::expr::{E, Part, Scalar, X};
use super::label::LabelType;
use crate::diag::Code;
use crate::number::Number;
use crate::pkg::Kind;
use crate::syntax::ast::{BinaryOp, Constraint, UnaryOp};
use std::cmp::Ordering;
use std::sync::Arc;

/// Whether two scalars are the same value: of the same kind, numbers by value.
pub(super) fn same_scalar(a: &Scalar, b: &Scalar) -> bool {
    match (a, b) {
        (Scalar::Number(x), Scalar::Number(y)) => {
            x.is_int() == y.is_int() && x.cmp_value(y) == Ordering::Equal
        }
        _ => a == b,
    }
}

/// Whether two scalars are equal as `==` has it: integers and decimals compare by value.
pub(super) fn equal_scalar(a: &Scalar, b: &Scalar) -> bool {
    match (a, b) {
        (Scalar::Number(x), Scalar::Number(y)) => x.cmp_value(y) == Ordering::Equal,
        _ => a == b,
    }
}

/// The order of two scalars of one ordered type.
pub(super) fn order(a: &Scalar, b: &Scalar) -> Option<Ordering> {
    match (a, b) {
        (Scalar::Number(x), Scalar::Number(y)) => Some(x.cmp_value(y)),
        (Scalar::String(x), Scalar::String(y)) => Some(x.as_bytes().cmp(y.as_bytes())),
        (Scalar::Bytes(x), Scalar::Bytes(y)) => Some(x.cmp(y)),
        _ => None,
    }
}

impl Evaluator {
    pub(super) fn unary(&mut self, env: EnvId, e: &E, op: UnaryOp, x: &E) -> Res<Val> {
        let want = if op == UnaryOp::Not { Kind::BOOL } else { Kind::NUMBER };
        let value = self.operand_of_kind(env, x, want, |shown, kind| {
            format!("invalid operation {}{shown} ({} {kind})", op.as_str(), op.as_str())
        })?;
        match (op, &value) {
            (UnaryOp::Not, Val::Scalar(Scalar::Bool(b))) => Ok(Val::Scalar(Scalar::Bool(!b))),
            (UnaryOp::Minus, Val::Scalar(Scalar::Number(n))) => Ok(Val::Scalar(Scalar::Number(n.neg()))),
            (UnaryOp::Plus, Val::Scalar(Scalar::Number(_))) => Ok(value),
            _ => {
                let shown = self.show_val(&value);
                let kind = super::print::kind(self.val_kind(&value));
                let message = format!("invalid operation {}{shown} ({} {kind})", op.as_str(), op.as_str());
                Err(self.error(Code::Operand, e.span, message))
            }
        }
    }

    pub(super) fn val_kind(&self, v: &Val) -> Kind {
        match v {
            Val::Scalar(s) => s.kind(),
            Val::Vertex(v) => self.v(self.with_default(*v)).kind,
        }
    }

    pub(super) fn binary(&mut self, env: EnvId, e: &E, op: BinaryOp, l: &E, r: &E) -> Res<Val> {
        use BinaryOp as B;
        let truth = |b| Ok(Val::Scalar(Scalar::Bool(b)));
        if matches!(op, B::Equal | B::NotEqual) {
            let against = match (&l.kind, &r.kind) {
                (_, X::Bottom) => Some(l),
                (X::Bottom, _) => Some(r),
                _ => None,
            };
            if let Some(x) = against {
                let bottom = self.is_bottom(env, x)?;
                return truth(bottom == (op == B::Equal));
            }
        }
        if matches!(op, B::LogicalAnd | B::LogicalOr) {
            let a = self.truth(env, e, op, l)?;
            // Both sides are evaluated, as the reference does: an error on the right counts whatever is on the left.
            let b = self.truth(env, e, op, r)?;
            return truth(if op == B::LogicalAnd { a && b } else { a || b });
        }
        let (a, b) = (self.operand_of(env, op, l), self.operand_of(env, op, r));
        let (a, b) = match (a, b) {
            // What is wrong for good says more than what is missing.
            (Err(a), Err(b)) if self.is_incomplete(a) && !self.is_incomplete(b) => return Err(b),
            (a, b) => (a?, b?),
        };
        match op {
            B::Equal | B::NotEqual => {
                self.comparable(&a, l, op)?;
                self.comparable(&b, r, op)?;
                let equal = match (&a, &b) {
                    (Val::Scalar(x), Val::Scalar(y)) => equal_scalar(x, y),
                    (a, b) => self.equal(a, b)?,
                };
                return truth(equal == (op == B::Equal));
            }
            B::Less | B::LessEqual | B::Greater | B::GreaterEqual => {
                if let (Val::Scalar(x), Val::Scalar(y)) = (&a, &b)
                    && let Some(order) = order(x, y)
                {
                    return truth(match op {
                        B::Less => order.is_lt(),
                        B::LessEqual => order.is_le(),
                        B::Greater => order.is_gt(),
                        _ => order.is_ge(),
                    });
                }
            }
            B::Match | B::NotMatch => {
                let pair = match (&a, &b) {
                    (Val::Scalar(x), Val::Scalar(Scalar::String(pattern))) => {
                        text(x).map(|t| (t, pattern.clone()))
                    }
                    _ => None,
                };
                if let Some((text, pattern)) = pair {
                    let found = self.regex(&pattern, e.span)?.is_match(&text);
                    return truth(found == (op == B::Match));
                }
            }
            _ => {
                if let (Val::Scalar(x), Val::Scalar(y)) = (&a, &b)
                    && let Some(result) = self.arithmetic(e, op, x, y)
                {
                    return result.map(Val::Scalar);
                }
                if matches!(op, B::Add | B::Multiply)
                    && [&a, &b].iter().any(|x| self.val_kind(x) == Kind::LIST)
                {
                    if self.compiled.list_arithmetic
                        && let Some(list) = self.list_arithmetic(op, &a, &b, e.span)?
                    {
                        return Ok(Val::Vertex(list));
                    }
                    let instead = if op == B::Add { "list.Concat" } else { "list.Repeat" };
                    let what = if op == B::Add { "Addition" } else { "Multiplication" };
                    let message = format!(
                        "{what} of lists is superseded by {instead}; see https://cuelang.org/e/v0.11-list-arithmetic"
                    );
                    return Err(self.error(Code::Operand, e.span, message));
                }
            }
        }
        let (x, y) = (self.show_val(&a), self.show_val(&b));
        let (j, k) = (super::print::kind(self.val_kind(&a)), super::print::kind(self.val_kind(&b)));
        let o = op.as_str();
        let message = format!("invalid operands {x} and {y} to '{o}' (type {j} and {k})");
        let err = self.error(Code::Operand, l.span, message);
        self.bottom_mut(err).spans.push(r.span);
        Err(err)
    }

    fn operand_of(&mut self, env: EnvId, op: BinaryOp, e: &E) -> Res<Val> {
        self.operand(env, e).inspect_err(|err| {
            let b = &mut self.bottom_mut(*err);
            if b.code == Code::Incomplete && b.message.starts_with("non-concrete value ") {
                b.message = format!("{} in operand to {}", b.message, op.as_str());
            }
        })
    }

    fn truth(&mut self, env: EnvId, e: &E, op: BinaryOp, x: &E) -> Res<bool> {
        match self.operand(env, x)? {
            Val::Scalar(Scalar::Bool(b)) => Ok(b),
            other => {
                let shown = self.show_val(&other);
                let message = format!("invalid operand {shown} to '{}': it is not a bool", op.as_str());
                Err(self.error(Code::Operand, e.span, message))
            }
        }
    }

    /// Whether an expression is bottom, as comparing with `_|_` asks: missing fields count, and so do scalars that are not concrete.
    fn is_bottom(&mut self, env: EnvId, x: &E) -> Res<bool> {
        let v = match self.eval(env, x) {
            Ok(Val::Scalar(_)) => return Ok(false),
            Ok(Val::Vertex(v)) => v,
            Err(err) if self.bottom(err).code == Code::Budget => return Err(err),
            Err(err) if self.bottom(err).pending => return Err(err),
            Err(_) => return Ok(true),
        };
        self.expand(v);
        let t = self.with_default(v);
        self.expand(t);
        if self.v(t).state == State::Processing {
            self.depend_on(t);
            return Ok(self.failed(t));
        }
        if let Some(err) = self.v(t).err {
            let b = self.bottom(err);
            return if b.code == Code::Budget || b.pending { Err(err) } else { Ok(true) };
        }
        if self.has_value(t) {
            return Ok(self.first_error(t).is_some());
        }
        // What is missing may still come as long as the struct around it is being worked on.
        let parent = self.v(v).parent;
        if parent != NONE && self.v(parent).state == State::Processing && self.settle != parent {
            self.depend_on(parent);
            let shown = self.show(t);
            let err = self.error(Code::Incomplete, x.span, format!("non-concrete value {shown}"));
            self.bottom_mut(err).pending = true;
            return Err(err);
        }
        Ok(true)
    }

    /// Whether a finished vertex is more than a type of scalars: a scalar, a struct or list, anything at all, or an undecided disjunction.
    fn has_value(&self, t: VId) -> bool {
        let x = self.v(t);
        let ext = self.ext_ref(t);
        let free = x.kind == Kind::TOP && ext.is_none_or(|e| e.bounds.is_empty() && e.validators.is_empty());
        let branches = ext.is_some_and(|e| !e.branches.is_empty());
        self.scalar_at(t).is_some() || x.is_struct || x.kind == Kind::LIST || free || branches
    }

    fn arithmetic(&mut self, e: &E, op: BinaryOp, a: &Scalar, b: &Scalar) -> Option<Res<Scalar>> {
        use BinaryOp as B;
        let result = match (a, b) {
            (Scalar::Number(x), Scalar::Number(y)) => {
                let n = match op {
                    B::Add => x.add(y),
                    B::Subtract => x.sub(y),
                    B::Multiply => x.mul(y),
                    B::Divide => x.quo(y),
                    B::Div => x.int_div(y),
                    B::Mod => x.int_mod(y),
                    B::Quo => x.int_quo(y),
                    B::Rem => x.int_rem(y),
                    _ => return None,
                };
                match n {
                    Ok(n) => Ok(Scalar::Number(n)),
                    Err(why) => Err(self.error(Code::Operand, e.span, why.to_string())),
                }
            }
            (Scalar::String(x), Scalar::String(y)) if op == B::Add => {
                self.allocate((x.len() + y.len()) as u64).map(|()| {
                    let mut s = String::with_capacity(x.len() + y.len());
                    s.push_str(x);
                    s.push_str(y);
                    Scalar::String(s.into())
                })
            }
            (Scalar::Bytes(x), Scalar::Bytes(y)) if op == B::Add => self
                .allocate((x.len() + y.len()) as u64)
                .map(|()| Scalar::Bytes([&x[..], &y[..]].concat().into())),
            (Scalar::String(s), Scalar::Number(n)) | (Scalar::Number(n), Scalar::String(s))
                if op == B::Multiply =>
            {
                self.repeat(e, s.as_bytes(), n).map(|b| Scalar::String(String::from_utf8_lossy(&b).into()))
            }
            (Scalar::Bytes(s), Scalar::Number(n)) | (Scalar::Number(n), Scalar::Bytes(s))
                if op == B::Multiply =>
            {
                self.repeat(e, s, n).map(|b| Scalar::Bytes(b.into()))
            }
            _ => return None,
        };
        Some(result)
    }

    fn repeat(&mut self, e: &E, s: &[u8], n: &Number) -> Res<Vec<u8>> {
        let times = n.to_i64().filter(|_| n.is_int()).and_then(|n| usize::try_from(n).ok());
        let Some(times) = times else {
            let message = format!("cannot repeat {n} times: the number must be an integer and not negative");
            return Err(self.error(Code::Operand, e.span, message));
        };
        self.allocate((s.len() as u64).saturating_mul(times as u64))?;
        Ok(s.repeat(times))
    }

    /// A compiled regular expression.
    pub(super) fn regex(
        &mut self,
        pattern: &str,
        span: crate::source::Span,
    ) -> Res<Arc<crate::pkg::regexp::Regex>> {
        if let Some(r) = self.regexes.get(pattern) {
            return Ok(r.clone());
        }
        match crate::pkg::regexp::compile(pattern) {
            Ok(r) => {
                let r = Arc::new(r);
                self.allocate(r.size() as u64)?;
                self.regexes.insert(pattern.into(), r.clone());
                Ok(r)
            }
            Err(why) => {
                let message = format!("invalid regexp {}: {why}", crate::encode::cue::quote(pattern));
                Err(self.error(Code::Operand, span, message))
            }
        }
    }

    pub(super) fn interpolate(&mut self, env: EnvId, parts: &[Part], bytes: bool) -> Res<Val> {
        let mut out: Vec<u8> = Vec::new();
        let mut missing = None;
        for p in parts {
            match p {
                Part::Text(t) => {
                    self.affords(2 * (out.len() + t.len()) as u64)?;
                    out.extend_from_slice(t);
                }
                Part::Expr(x) => {
                    let value = self.operand(env, x).inspect_err(|err| {
                        let b = &mut self.bottom_mut(*err);
                        if b.code == Code::Incomplete && b.message.starts_with("non-concrete value ") {
                            b.message = format!("invalid interpolation: {}", b.message);
                        }
                    });
                    let value = match value {
                        Ok(value) => value,
                        Err(e) if self.is_incomplete(e) => {
                            missing = missing.or(Some(e));
                            continue;
                        }
                        Err(e) => return Err(e),
                    };
                    match value {
                        Val::Scalar(Scalar::String(s)) => {
                            self.affords(2 * (out.len() + s.len()) as u64)?;
                            out.extend_from_slice(s.as_bytes());
                        }
                        Val::Scalar(Scalar::Bytes(b)) if bytes => {
                            self.affords(2 * (out.len() + b.len()) as u64)?;
                            out.extend_from_slice(&b);
                        }
                        Val::Scalar(Scalar::Bytes(b)) => {
                            self.affords(2 * (out.len() + b.len()) as u64)?;
                            out.extend_from_slice(valid_text(&b).as_bytes());
                        }
                        Val::Scalar(Scalar::Bool(b)) => {
                            out.extend_from_slice(if b { b"true" } else { b"false" })
                        }
                        Val::Scalar(Scalar::Number(n)) => {
                            out.extend_from_slice(n.to_string().replace('e', "E").as_bytes());
                        }
                        other => {
                            let shown = self.show_val(&other);
                            let kind = super::print::kind(self.val_kind(&other));
                            let message = format!(
                                "invalid interpolation: cannot use {shown} (type {kind}) as type (bool|string|bytes|number)"
                            );
                            return Err(self.error(Code::Operand, x.span, message));
                        }
                    }
                }
            }
        }
        if let Some(e) = missing {
            return Err(e);
        }
        self.allocate(out.len() as u64)?;
        if bytes {
            return Ok(Val::Scalar(Scalar::Bytes(out.into())));
        }
        Ok(Val::Scalar(Scalar::String(String::from_utf8_lossy(&out).into())))
    }

    /// Only what is concrete throughout can be compared.
    fn comparable(&mut self, v: &Val, x: &E, op: BinaryOp) -> Res<()> {
        let Val::Vertex(v) = v else { return Ok(()) };
        let Some(e) = self.all_errors(*v, true).first().copied() else { return Ok(()) };
        let b = self.bottom(e).clone();
        let kind = super::print::kind(self.v(*v).kind);
        let message = format!("cannot compare this {kind} with '{}': {}", op.as_str(), b.message);
        let spans = std::iter::once(x.span).chain(b.spans).collect();
        Err(self.push_error(Bottom { at: self.current(), message, spans, sides: None, ..b }))
    }

    /// Equality of concrete values within lists and structs, where an integer is no decimal.
    pub(super) fn equal(&mut self, a: &Val, b: &Val) -> Res<bool> {
        match (a, b) {
            (Val::Scalar(x), Val::Scalar(y)) => Ok(same_scalar(x, y)),
            (Val::Vertex(x), Val::Vertex(y)) => self.equal_vertices(*x, *y),
            _ => Ok(false),
        }
    }

    fn equal_vertices(&mut self, x: VId, y: VId) -> Res<bool> {
        self.step()?;
        let here = crate::compile::NOWHERE;
        let (lx, ly) = (self.v(x).kind == Kind::LIST, self.v(y).kind == Kind::LIST);
        if lx != ly {
            return Ok(false);
        }
        let fields = |ev: &Evaluator, v: VId| -> Vec<Arc_> {
            let kind = if lx { LabelType::Index } else { LabelType::Regular };
            let regular = |a: &&Arc_| a.constraint == Constraint::Regular && a.label.kind() == kind;
            ev.arcs(v).iter().filter(regular).copied().collect()
        };
        let (fx, fy) = (fields(self, x), fields(self, y));
        if fx.len() != fy.len() {
            return Ok(false);
        }
        for a in fx {
            let Some(b) = fy.iter().find(|b| b.label == a.label) else { return Ok(false) };
            let p = self.concrete(a.vertex, &Self::link(a.vertex, here))?;
            let q = self.concrete(b.vertex, &Self::link(b.vertex, here))?;
            if !self.equal(&p, &q)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Bytes as text, with one replacement character for each run of bytes that are none.
fn valid_text(b: &[u8]) -> String {
    let mut out = String::with_capacity(b.len());
    let mut bad = false;
    for chunk in b.utf8_chunks() {
        bad &= chunk.valid().is_empty();
        out.push_str(chunk.valid());
        if !bad && !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
            bad = true;
        }
    }
    out
}

/// The bytes of a text.
fn text(s: &Scalar) -> Option<Vec<u8>> {
    match s {
        Scalar::String(s) => Some(s.as_bytes().to_vec()),
        Scalar::Bytes(b) => Some(b.to_vec()),
        _ => None,
    }
}
