//! Bounds and validators, and the judgement on a vertex when all its conjuncts are in.

use super::arena::*;
use super::core::{Evaluator, Res};
use super::expr::Scalar;
use super::operate::{equal_scalar, order};
use crate::diag::Code;
use crate::number::Number;
use crate::pkg::Kind;
use crate::syntax::ast::{Constraint, UnaryOp};
use num_bigint::BigInt;
use num_integer::Integer;
use std::cmp::Ordering;

impl Evaluator {
    pub(super) fn add_bound(&mut self, v: VId, b: Bound) -> Result<(), ErrId> {
        let Some(kind) = self.bound_kind(&b)? else {
            let (shown, op) = (self.bound_value(&b.value), b.op);
            let message = format!("cannot use {shown} for bound {}", op.as_str());
            return Err(self.error(Code::Operand, b.span, message));
        };
        if self.v(v).kind.and(kind).is_bottom() {
            let shown = self.show_bound(&b);
            let (have, old) = (self.show(v), self.v(v).kind);
            let at = self.scalar_at(v).map_or(crate::compile::NOWHERE, |s| s.1);
            let e = self.conflict((&have, at, old), (&shown, b.span, kind));
            self.bottom_mut(e).spans.reverse();
            self.v_mut(v).kind = Kind::BOTTOM;
            return Err(e);
        }
        let narrowed = self.v(v).kind.and(kind);
        self.v_mut(v).kind = narrowed;
        let known = self.ext(v).bounds.iter().any(|o| match (&o.value, &b.value) {
            (BoundValue::Scalar(x), BoundValue::Scalar(y)) => {
                o.op == b.op && super::operate::same_scalar(x, y)
            }
            _ => false,
        });
        if !known {
            push(&mut self.ext(v).bounds, b);
        }
        Ok(())
    }

    /// The kinds of the values that a bound is for; `None` if there is no such bound.
    pub(super) fn bound_kind(&mut self, b: &Bound) -> Res<Option<Kind>> {
        Ok(Some(match (&b.op, &b.value) {
            (UnaryOp::NotEqual, BoundValue::Scalar(Scalar::Null)) => Kind(Kind::TOP.0 & !Kind::NULL.0),
            (UnaryOp::Equal | UnaryOp::NotEqual, BoundValue::Scalar(Scalar::Number(_))) => Kind::NUMBER,
            (UnaryOp::Equal | UnaryOp::NotEqual, BoundValue::Scalar(s)) => s.kind(),
            (UnaryOp::Equal | UnaryOp::NotEqual, BoundValue::Vertex(t)) => {
                self.v(*t).kind.and(Kind::STRUCT.or(Kind::LIST))
            }
            (UnaryOp::Match | UnaryOp::NotMatch, BoundValue::Scalar(Scalar::String(p))) => {
                self.regex(&p.clone(), b.span)?;
                Kind::STRING
            }
            (_, BoundValue::Scalar(Scalar::Number(_))) => Kind::NUMBER,
            (_, BoundValue::Scalar(s @ (Scalar::String(_) | Scalar::Bytes(_)))) => s.kind(),
            _ => return Ok(None),
        }))
    }

    fn bound_value(&self, b: &BoundValue) -> String {
        match b {
            BoundValue::Scalar(s) => super::print::scalar(s),
            BoundValue::Vertex(v) => self.show(*v),
        }
    }

    pub(super) fn show_bound(&self, b: &Bound) -> String {
        format!("{}{}", b.op.as_str(), self.bound_value(&b.value))
    }

    /// Judges a vertex whose conjuncts are all in.
    pub(super) fn finish(&mut self, v: VId) {
        if self.failed(v) {
            return;
        }
        let x = self.v(v);
        if x.is_struct && x.scalar == NONE && x.kind.contains(Kind::STRUCT) && x.kind != Kind::STRUCT {
            // Struct literals that only embed or declare hidden fields are structs unless something in them is not.
            let bounds = self.ext_ref(v).is_some_and(|x| !x.bounds.is_empty());
            let top = self.ext_ref(v).is_some_and(|x| x.top);
            let declares = |a: &Arc_| a.label.is_regular() && a.constraint == Constraint::Regular;
            if (top || bounds) && !self.arcs(v).iter().any(declares) {
                self.v_mut(v).is_struct = !self.v(v).arcs.is_empty();
            } else if x.kind == Kind::TOP && !bounds {
                self.v_mut(v).kind = Kind::STRUCT;
            }
        }
        let has_bounds = self.ext_ref(v).is_some_and(|x| !x.bounds.is_empty());
        if has_bounds {
            match self.scalar_at(v).cloned() {
                Some((s, _)) => self.check_bounds(v, &s),
                None if self.v(v).kind == Kind::LIST || self.v(v).is_struct => self.check_vertex_bounds(v),
                None => self.simplify_bounds(v),
            }
        }
        let validators = self.ext_ref(v).map_or(Vec::new(), |x| x.validators.to_vec());
        for f in &validators {
            if let Err(e) = self.validator(v, f) {
                self.fail(v, e);
            }
        }
    }

    fn check_bounds(&mut self, v: VId, s: &Scalar) {
        for b in self.ext(v).bounds.clone() {
            match self.satisfies(s, &b) {
                Ok(true) => {}
                Ok(false) => {
                    let (shown, bound) = (super::print::scalar(s), self.show_bound(&b));
                    let at = self.scalar_at(v).map_or(crate::compile::NOWHERE, |s| s.1);
                    let e = self.refused((&shown, at), ("out of bound", &bound, b.span));
                    self.fail(v, e);
                }
                Err(e) => self.fail(v, e),
            }
        }
    }

    fn check_vertex_bounds(&mut self, v: VId) {
        for b in self.ext(v).bounds.clone() {
            let BoundValue::Vertex(t) = b.value else { continue };
            let (x, y) = (super::core::Val::Vertex(v), super::core::Val::Vertex(t));
            let equal = match self.equal(&x, &y) {
                Ok(equal) => equal,
                Err(e) => {
                    self.fail(v, e);
                    continue;
                }
            };
            if equal == (b.op == UnaryOp::NotEqual) {
                let (shown, bound) = (self.show(v), self.show_bound(&b));
                let e = self.refused((&shown, crate::compile::NOWHERE), ("out of bound", &bound, b.span));
                self.fail(v, e);
            }
        }
    }

    /// Whether a scalar lies within a bound.
    pub(super) fn satisfies(&mut self, s: &Scalar, b: &Bound) -> Res<bool> {
        let BoundValue::Scalar(limit) = &b.value else { return Ok(b.op == UnaryOp::NotEqual) };
        let order = order(s, limit);
        Ok(match b.op {
            UnaryOp::NotEqual => !equal_scalar(s, limit),
            UnaryOp::Equal => equal_scalar(s, limit),
            UnaryOp::Less => order.is_some_and(Ordering::is_lt),
            UnaryOp::LessEqual => order.is_some_and(Ordering::is_le),
            UnaryOp::Greater => order.is_some_and(Ordering::is_gt),
            UnaryOp::GreaterEqual => order.is_some_and(Ordering::is_ge),
            UnaryOp::Match | UnaryOp::NotMatch => {
                let Scalar::String(pattern) = limit else { return Ok(false) };
                let regex = self.regex(&pattern.clone(), b.span)?;
                let found = match s {
                    Scalar::String(t) => regex.is_match(t.as_bytes()),
                    Scalar::Bytes(t) => regex.is_match(t),
                    _ => return Ok(false),
                };
                found == (b.op == UnaryOp::Match)
            }
            _ => true,
        })
    }

    /// Keeps the tightest bounds; bounds that leave one value are that value, and those that leave none are a mistake.
    fn simplify_bounds(&mut self, v: VId) {
        let bounds = self.ext(v).bounds.clone();
        let mut low: Option<(usize, Scalar, bool)> = None;
        let mut high: Option<(usize, Scalar, bool)> = None;
        for (i, b) in bounds.iter().enumerate() {
            let BoundValue::Scalar(s) = &b.value else { continue };
            let strict = matches!(b.op, UnaryOp::Less | UnaryOp::Greater);
            match b.op {
                UnaryOp::Greater | UnaryOp::GreaterEqual => {
                    let tighter = low.as_ref().is_none_or(|(_, o, os)| match order(s, o) {
                        Some(Ordering::Greater) => true,
                        Some(Ordering::Equal) => strict && !os,
                        _ => false,
                    });
                    if tighter {
                        low = Some((i, s.clone(), strict));
                    }
                }
                UnaryOp::Less | UnaryOp::LessEqual => {
                    let tighter = high.as_ref().is_none_or(|(_, o, os)| match order(s, o) {
                        Some(Ordering::Less) => true,
                        Some(Ordering::Equal) => strict && !os,
                        _ => false,
                    });
                    if tighter {
                        high = Some((i, s.clone(), strict));
                    }
                }
                _ => {}
            }
        }
        if let (Some((i, l, ls)), Some((j, h, hs))) = (&low, &high)
            && !self.any_between(v, l, *ls, h, *hs)
        {
            let (a, b) = (self.show_bound(&bounds[*i]), self.show_bound(&bounds[*j]));
            let what = if self.v(v).kind == Kind::INT { "integer bounds" } else { "bounds" };
            let message = format!("incompatible {what} {a} and {b}");
            let e = self.error(Code::Conflict, bounds[*i].span, message);
            self.bottom_mut(e).spans.push(bounds[*j].span);
            self.fail(v, e);
            return;
        }
        let (l, h) = (low.map(|x| x.0), high.map(|x| x.0));
        let mut i = 0;
        self.ext(v).bounds.retain(|b| {
            let keep = match b.op {
                UnaryOp::Greater | UnaryOp::GreaterEqual => l.is_none_or(|l| l == i),
                UnaryOp::Less | UnaryOp::LessEqual => h.is_none_or(|h| h == i),
                _ => true,
            };
            i += 1;
            keep
        });
    }

    /// Whether any value lies between two bounds, each of which may be strict.
    fn any_between(&self, v: VId, low: &Scalar, low_strict: bool, high: &Scalar, high_strict: bool) -> bool {
        let Some(order) = order(low, high) else { return false };
        if order.is_gt() || (order.is_eq() && (low_strict || high_strict)) {
            return false;
        }
        let (Scalar::Number(a), Scalar::Number(b)) = (low, high) else { return true };
        if self.v(v).kind != Kind::INT {
            return true;
        }
        // The least and the greatest integer that are left.
        let (Some((least, exact)), Some((greatest, same))) = (floor(a), floor(b)) else { return true };
        let least = if exact && !low_strict { least } else { least + 1 };
        let greatest = if same && high_strict { greatest - 1 } else { greatest };
        least <= greatest
    }
}

/// The greatest integer that is not above a number, and whether it is the number; none where it has too many digits.
fn floor(n: &Number) -> Option<(BigInt, bool)> {
    /// More decimals than any bound is written with.
    const MAX_DECIMALS: u32 = 1_000;
    if let Some(n) = n.to_bigint() {
        return Some((n, true));
    }
    let d = n.to_decimal();
    let decimals = d.exponent().checked_neg().and_then(|n| u32::try_from(n).ok())?;
    let unit = (decimals <= MAX_DECIMALS).then(|| BigInt::from(10).pow(decimals))?;
    Some((d.coefficient().div_floor(&unit), false))
}
