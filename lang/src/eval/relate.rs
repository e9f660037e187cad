//! How values that are there already relate: their unification, and whether one is an instance of the other.
//!
//! A value is an instance of a more general one if unifying the two changes nothing in it (specification, "Values"). So subsumption is decided by
//! comparing the unification with the more specific of the two, part by part. What is only constrained is compared by its kinds and bounds; where that would
//! take more reasoning (several bounds that together imply another) the answer is no.

use super::arena::*;
use super::core::Evaluator;
use super::expr::{Expr, X};
use super::label::LabelType;
use super::operate::{equal_scalar, order};
use crate::compile::{NOWHERE, stack};
use crate::pkg::Kind;
use crate::syntax::ast::{Constraint, UnaryOp};
use std::cmp::Ordering;

impl Evaluator {
    /// The unification of values, as a value outside the tree. What a definition closes stays closed, as if it were referred to.
    pub(crate) fn unified(&mut self, values: &[VId]) -> VId {
        let v = self.detached(Vec::new());
        for &value in values {
            let mut ci = Ci::default();
            if self.path(value).into_iter().any(|l| l.is_definition()) {
                ci.origin = self.origin(0, false);
                let span = self.conjuncts(value).first().map_or(NOWHERE, |c| c.expr.span);
                self.ext(v).closers.push(Closer { origin: ci.origin, recursive: true, holds: false, span });
            }
            let expr = Expr::new(X::Linked(value), NOWHERE);
            self.push_conjunct(v, Conj { env: NONE, expr, ci, decl: None });
        }
        v
    }

    /// Whether every value that `specific` may be is one that `general` may be.
    pub(crate) fn subsumes(&mut self, general: VId, specific: VId) -> bool {
        if self.first_error(specific).is_some() {
            return true;
        }
        // On its own first, so that both sides are closed alike.
        let alone = self.unified(&[specific]);
        let both = self.unified(&[specific, general]);
        self.first_error(both).is_none() && self.same(both, alone)
    }

    /// Whether `both`, which is `specific` and something more, says no more than it.
    fn same(&mut self, both: VId, specific: VId) -> bool {
        stack(|| self.same_here(both, specific))
    }

    fn same_here(&mut self, both: VId, specific: VId) -> bool {
        if self.step().is_err() {
            return false;
        }
        self.expand(both);
        self.expand(specific);
        let (b, s) = (self.settled(both), self.settled(specific));
        self.expand(b);
        self.expand(s);
        if self.v(b).err.is_some() || self.v(s).err.is_some() {
            // Not decided yet: the same only if it is written alike.
            return self.source(b) == self.source(s);
        }
        let branches = |ev: &Evaluator, v| match ev.ext_ref(v) {
            Some(x) if !x.branches.is_empty() => x.branches.iter().map(|b| b.0).collect(),
            _ => vec![v],
        };
        let (of_both, of_specific) = (branches(self, b), branches(self, s));
        if of_both.len() > 1 || of_specific.len() > 1 {
            return of_specific.into_iter().all(|s| of_both.iter().any(|b| self.same(*b, s)));
        }
        if self.v(b).kind != self.v(s).kind {
            return false;
        }
        match (self.scalar_at(b), self.scalar_at(s)) {
            (Some((x, _)), Some((y, _))) => return equal_scalar(x, y),
            (Some(_), None) => return false,
            _ => {}
        }
        match self.v(s).kind {
            Kind::LIST if self.ext_ref(b).is_some_and(|x| x.list.is_some()) => self.same_list(b, s),
            Kind::STRUCT if self.v(b).is_struct || self.v(s).is_struct => self.same_struct(b, s),
            _ => self.no_more_constraints(b, s),
        }
    }

    fn same_list(&mut self, b: VId, s: VId) -> bool {
        let lists =
            (self.ext_ref(b).and_then(|x| x.list.clone()), self.ext_ref(s).and_then(|x| x.list.clone()));
        let (Some(of_both), Some(of_specific)) = lists else { return false };
        let length = |l: &ListState| l.exact.map(|e| e.0);
        if length(&of_both) != length(&of_specific) || self.arcs(b).len() != self.arcs(s).len() {
            return false;
        }
        let (xs, ys) = (self.elements(b).unwrap_or_default(), self.elements(s).unwrap_or_default());
        if !xs.into_iter().zip(ys).all(|(x, y)| self.same(x, y)) {
            return false;
        }
        // What may follow.
        let mut rest = |l: &ListState| {
            let typed = l.rest.iter().filter_map(|r| Some((r.env, r.expr.clone()?))).collect();
            self.detached(typed)
        };
        let (x, y) = (rest(&of_both), rest(&of_specific));
        length(&of_both).is_some() || self.same(x, y)
    }

    fn same_struct(&mut self, b: VId, s: VId) -> bool {
        if self.v(b).is_struct != self.v(s).is_struct {
            return false;
        }
        for a in self.arcs(b).to_vec() {
            if matches!(a.label.kind(), LabelType::Local | LabelType::Index) {
                continue;
            }
            let same = match self.arc(s, a.label) {
                Some(there) => there.constraint == a.constraint && self.same(a.vertex, there.vertex),
                // What may not be there at all meets every condition.
                None => a.constraint == Constraint::Optional && self.refuses(s, a.label),
            };
            if !same {
                return false;
            }
        }
        // A label that nothing else has stands for all others.
        let other = self.labels.regular("\u{0}");
        if self.refuses(s, other) {
            return true;
        }
        let patterns = |ev: &Evaluator, v| -> Vec<String> {
            let all = ev.ext_ref(v).map_or(&[][..], |x| &x.patterns);
            let show = |p: &Pattern| {
                let matcher = match &p.matcher {
                    Matcher::All => "string".to_owned(),
                    Matcher::Expr(e) => super::print::expr(ev, e),
                };
                format!("[{matcher}]: {}", super::print::expr(ev, &p.decl.value))
            };
            all.iter().map(show).collect()
        };
        let known = patterns(self, s);
        !self.refuses(b, other) && patterns(self, b).iter().all(|p| known.contains(p))
    }

    fn no_more_constraints(&mut self, b: VId, s: VId) -> bool {
        let ext = |ev: &Evaluator, v| {
            ev.ext_ref(v).map_or((Vec::new(), Vec::new()), |x| (x.bounds.to_vec(), x.validators.to_vec()))
        };
        let ((bounds, validators), (known, checks)) = (ext(self, b), ext(self, s));
        let show = |ev: &Evaluator, f: &Validator| super::print::expr(ev, &f.expr);
        let checks: Vec<String> = checks.iter().map(|f| show(self, f)).collect();
        bounds.iter().all(|b| known.iter().any(|k| implies(self, k, b)))
            && validators.iter().all(|f| checks.contains(&show(self, f)))
    }
}

/// Whether what is within one bound is within another.
fn implies(ev: &Evaluator, known: &Bound, bound: &Bound) -> bool {
    use UnaryOp::{Greater, GreaterEqual, Less, LessEqual, NotEqual};
    let (BoundValue::Scalar(x), BoundValue::Scalar(y)) = (&known.value, &bound.value) else {
        return ev.show_bound(known) == ev.show_bound(bound);
    };
    let at = order(x, y);
    match (known.op, bound.op) {
        (Greater, Greater | GreaterEqual) | (GreaterEqual, GreaterEqual) => at.is_some_and(Ordering::is_ge),
        (GreaterEqual, Greater | NotEqual) => at.is_some_and(Ordering::is_gt),
        (Greater, NotEqual) => at.is_some_and(Ordering::is_ge),
        (Less, Less | LessEqual) | (LessEqual, LessEqual) => at.is_some_and(Ordering::is_le),
        (LessEqual, Less | NotEqual) => at.is_some_and(Ordering::is_lt),
        (Less, NotEqual) => at.is_some_and(Ordering::is_le),
        _ => known.op == bound.op && equal_scalar(x, y),
    }
}

#[cfg(test)]
mod tests {
    use crate::api::{NoPackages, Program};
    use crate::source::Source;

    /// Whether `a` subsumes `b`, both expressions; `#D` and `#O` are definitions, closed and open.
    fn subsumes(a: &str, b: &str) -> bool {
        let text = format!("#D: {{n: int, o?: string}}\n#O: {{n: int, ...}}\na: {a}\nb: {b}\n");
        let program = Program::compile(vec![Source::new("t.cue", text)], &NoPackages).unwrap();
        let instance = program.instance();
        let root = instance.root();
        root.get("a").unwrap().subsumes(root.get("b").unwrap())
    }

    #[test]
    fn the_general_subsumes_the_specific() {
        for (general, specific) in [
            ("_", "{x: [1]}"),
            ("int", "3"),
            ("number", "int"),
            ("int", "int & >3"),
            (">=1", ">1 & int"),
            ("int & >=1 & <=10", "int & >=2 & <5"),
            ("!=0", ">0"),
            ("string", "=~\"a\""),
            ("=~\"a\"", "=~\"a\" & !=\"b\""),
            ("1 | 2 | 3", "1 | 3"),
            ("int | string", "*1 | string"),
            ("int", "uint8"),
            ("[...int]", "[1, 2]"),
            ("[...number]", "[1, ...int]"),
            ("[int, ...]", "[1, \"a\"]"),
            ("[_, _]", "[1, 2]"),
            ("{}", "{x: 1}"),
            ("{x: int}", "{x: 1, y: 2}"),
            ("{x?: int}", "{x: 1}"),
            ("{x!: int}", "{x: 1}"),
            ("{x?: int}", "close({y: 1})"),
            ("{[string]: int}", "close({y: 1})"),
            ("#D", "#D & {n: 1}"),
            ("#D", "close({n: 1})"),
            ("#O", "{n: 1, m: 2}"),
            ("{n: int, ...}", "#D"),
            ("null | {a: b: int}", "{a: b: 2}"),
        ] {
            assert!(subsumes(general, specific), "{general} does not subsume {specific}");
            assert!(!subsumes(specific, general), "{specific} subsumes {general}");
        }
    }

    #[test]
    fn every_value_subsumes_itself_and_nothing_else_of_its_rank() {
        let all = [
            "1",
            "int",
            ">1",
            "\"a\"",
            "[1]",
            "[...string]",
            "{a: 1}",
            "{a?: 1}",
            "#D",
            "#O",
            "1 | \"b\"",
            "{[string]: int}",
        ];
        for a in all {
            assert!(subsumes(a, a), "{a} does not subsume itself");
        }
        for (a, b) in [
            ("1", "2"),
            ("int", "string"),
            (">1", "<1"),
            ("[1]", "[1, 2]"),
            ("#D", "{n: 1, x: 2}"),
            ("{a: 1}", "{b: 1}"),
        ] {
            assert!(!subsumes(a, b) && !subsumes(b, a), "{a} and {b}");
        }
    }

    #[test]
    fn a_definition_that_was_looked_up_stays_closed() {
        let text = "#D: {n: int}\nok: {n: 1}\nbad: {n: 1, m: 2}";
        let program = Program::compile(vec![Source::new("t.cue", text)], &NoPackages).unwrap();
        let instance = program.instance();
        let at = |name| instance.root().get(name).unwrap();
        assert!(instance.unify(at("#D"), at("ok")).validate(true).is_ok());
        let failure = instance.unify(at("#D"), at("bad")).validate(true).unwrap_err();
        assert_eq!(failure.diagnostics[0].code.as_str(), "not-allowed");
    }
}
