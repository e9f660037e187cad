//! Functions of lists that only move elements: they do so while the elements are not known yet.

use super::arena::*;
use super::core::{Evaluator, Res, Val};
use super::expr::{E, Expr, List, Scalar, X};
use crate::pkg::Kind;
use crate::source::Span;

/// Whether a function of package `list` only moves elements.
pub(super) fn moves(name: &str) -> bool {
    matches!(name, "Concat" | "FlattenN" | "Repeat" | "Reverse" | "Slice" | "Take" | "Drop")
}

/// More elements than this are not worth moving one by one.
const MANY: usize = 10_000;

impl Evaluator {
    /// The result of a function that moves elements, as references to them. `None` if the arguments do not allow it.
    pub(super) fn moved(&mut self, name: &str, env: EnvId, args: &[E], span: Span) -> Option<Val> {
        let items = self.list_elements(env, args.first()?).ok()?;
        let numbers: Vec<i64> = args[1..].iter().map(|a| self.count(env, a)).collect::<Option<_>>()?;
        let n = items.len();
        let at = |i: i64| usize::try_from(i).ok().map(|i| i.min(n));
        let moved: Vec<VId> = match (name, numbers.as_slice()) {
            ("Concat", []) => {
                let mut out = Vec::new();
                for v in items {
                    out.extend(self.items(v, span).ok()??);
                }
                out
            }
            ("FlattenN", [depth]) => {
                let mut out = Vec::new();
                self.flatten(items, *depth, span, &mut out).ok()?;
                out
            }
            ("Repeat", [times]) => items.repeat(usize::try_from(*times).ok().filter(|t| t * n <= MANY)?),
            ("Reverse", []) => items.into_iter().rev().collect(),
            ("Slice", [from, to]) => {
                items.get(usize::try_from(*from).ok()?..usize::try_from(*to).ok()?)?.to_vec()
            }
            ("Take", [count]) => items[..at(*count)?].to_vec(),
            ("Drop", [count]) => items[at(*count)?..].to_vec(),
            _ => return None,
        };
        let elems = moved.into_iter().map(|v| Self::link(v, span)).collect();
        let list = Expr::new(X::List(List { elems, ellipsis: None }), span);
        Some(Val::Vertex(self.local(NONE, list)))
    }

    fn count(&mut self, env: EnvId, e: &E) -> Option<i64> {
        match self.operand(env, e).ok()? {
            Val::Scalar(Scalar::Number(n)) if n.is_int() => n.to_i64(),
            _ => None,
        }
    }

    /// The elements of a vertex that is a list; none for other values and for what is not known yet.
    fn items(&mut self, v: VId, span: Span) -> Res<Option<Vec<VId>>> {
        match self.concrete(v, &Self::link(v, span)) {
            Ok(Val::Vertex(t)) if self.v(t).kind == Kind::LIST => {
                let elements = self.arcs(t).iter().filter(|a| a.label.as_index().is_some());
                Ok(Some(elements.map(|a| a.vertex).collect()))
            }
            Ok(_) => Ok(None),
            Err(e) if self.is_incomplete(e) && !self.bottom(e).pending => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn flatten(&mut self, items: Vec<VId>, depth: i64, span: Span, out: &mut Vec<VId>) -> Res<()> {
        self.step()?;
        for v in items {
            let inner = if depth == 0 { None } else { self.items(v, span)? };
            match inner {
                Some(inner) => crate::compile::stack(|| self.flatten(inner, depth - 1, span, out))?,
                None => out.push(v),
            }
        }
        Ok(())
    }
}
