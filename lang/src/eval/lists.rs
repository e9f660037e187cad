//! Functions of lists that only move elements: they do so while the elements are not known yet.

use super::arena::*;
use super::builtin::PART;
use super::core::{Evaluator, Res, Val};
use super::expr::{E, Expr, List, Scalar, X};
use crate::diag::Code;
use crate::pkg::Kind;
use crate::source::Span;
use crate::syntax::ast::BinaryOp;

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
        self.allocate((moved.len() as u64).saturating_mul(PART)).ok()?;
        let elems = moved.into_iter().map(|v| Self::link(v, span)).collect();
        let list = Expr::new(X::List(List { elems, ellipsis: None }), span);
        Some(Val::Vertex(self.local(NONE, list)))
    }

    /// `a + b` and `n * a` of lists as they were up to version 0.10 of the language; `None` for other operands.
    pub(super) fn list_arithmetic(&mut self, op: BinaryOp, a: &Val, b: &Val, span: Span) -> Res<Option<VId>> {
        let mut items = |v: &Val| match v {
            Val::Vertex(v) => self.elements(*v),
            Val::Scalar(_) => None,
        };
        let times = |v: &Val| match v {
            Val::Scalar(Scalar::Number(n)) if n.is_int() => usize::try_from(n.to_i64()?).ok(),
            _ => None,
        };
        let found = match (op, items(a), items(b)) {
            (BinaryOp::Add, Some(a), Some(b)) => [a, b].concat(),
            (BinaryOp::Multiply, Some(items), None) | (BinaryOp::Multiply, None, Some(items)) => {
                match times(a).or_else(|| times(b)) {
                    Some(n) if n.saturating_mul(items.len()) <= MANY => items.repeat(n),
                    Some(n) => {
                        let message =
                            format!("a list of {} elements {n} times has more than {MANY}", items.len());
                        return Err(self.error(Code::Budget, span, message));
                    }
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        self.allocate((found.len() as u64).saturating_mul(PART))?;
        let elems = found.into_iter().map(|v| Self::link(v, span)).collect();
        let list = Expr::new(X::List(List { elems, ellipsis: None }), span);
        Ok(Some(self.local(NONE, list)))
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::{Packages, Program, Source};

    struct Old;

    impl Packages for Old {
        fn sources(&self, _: &str) -> Option<Vec<Source>> {
            None
        }

        fn list_arithmetic(&self) -> bool {
            true
        }
    }

    fn value(packages: &dyn Packages, text: &str) -> Result<String, String> {
        let source = Source::new("x.cue", format!("n: 3, l: [n, *4 | int], x: {text}"));
        let program = Program::compile(vec![source], packages).unwrap();
        let data = program.instance().root().get("x").unwrap().data();
        data.map(|d| d.to_json_value().to_string()).map_err(|f| f.diagnostics[0].message.clone())
    }

    #[test]
    fn lists_are_added_and_repeated_where_that_still_works() {
        assert_eq!(value(&Old, "[1, 2] + l").unwrap(), "[1,2,3,4]");
        assert_eq!(value(&Old, "l + []").unwrap(), "[3,4]");
        assert_eq!(value(&Old, "n * [\"a\"]").unwrap(), "[\"a\",\"a\",\"a\"]");
        assert_eq!(value(&Old, "l * 0").unwrap(), "[]");
        let superseded = |r: Result<String, String>| r.unwrap_err().contains("superseded by list.");
        assert!(superseded(value(&Old, "l + 1")) && superseded(value(&Old, "l * l")));
        assert!(superseded(value(&crate::NoPackages, "[1] + l")));
        assert!(value(&Old, "[0] * 1000000000000").unwrap_err().contains("has more than"));
    }
}
