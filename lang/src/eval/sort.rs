//! Sorting by a comparer, `{x: _, y: _, less: bool}`.
//!
//! In general each comparison is a value of its own: the comparer with two items for its `x` and `y`. A comparer that says no more than `x < y` or `x.some.field > y.some.field`, as
//! `list.Ascending` does, is read once instead, and so is the key of each item; then keys are compared.

use super::arena::*;
use super::core::{Evaluator, Res, Val};
use super::expr::{E, Expr, Scalar, X};
use super::label::Label;
use crate::diag::Code;
use crate::pkg::Kind;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Constraint};
use std::cmp::Ordering;

/// How many steps the making and forgetting of one comparison counts for, beside those in it.
const COMPARISON: u64 = 50;

/// What a sorted list holds for each item, in bytes.
const ITEM: u64 = 160;

/// A comparer that compares one key of each item.
struct ByKey {
    /// The fields that lead from an item to its key.
    path: Vec<Label>,
    /// What an item without a path may be.
    kind: Kind,
    /// Whether the greatest comes first.
    descending: bool,
}

impl Evaluator {
    /// Whether `a` comes before `b` by a comparer `{x: _, y: _, less: bool}`.
    fn less(&mut self, a: VId, b: VId, env: EnvId, comparer: &E) -> Res<bool> {
        self.mark_aside();
        let less = self.compared(a, b, env, comparer);
        if less.is_err() {
            self.keep_all();
        }
        self.unmark();
        less
    }

    fn compared(&mut self, a: VId, b: VId, env: EnvId, comparer: &E) -> Res<bool> {
        let shown = match self.less_of(a, b, env, comparer)? {
            Some(Val::Scalar(Scalar::Bool(b))) => return Ok(b),
            Some(other) => format!("{} and not a bool", self.show_val(&other)),
            None => "missing".to_owned(),
        };
        Err(self.error(Code::Call, comparer.span, format!("the comparer's less is {shown}")))
    }

    /// What a comparer says of `a` and `b`; nothing where it has no `less`.
    fn less_of(&mut self, a: VId, b: VId, env: EnvId, comparer: &E) -> Res<Option<Val>> {
        let (x, y, less) = (self.labels.regular("x"), self.labels.regular("y"), self.labels.regular("less"));
        let span = comparer.span;
        let mut pair = super::expr::Struct { is_struct: true, ..Default::default() };
        pair.decls.push(crate::compile::plain_field(x, Self::link(a, span)));
        pair.decls.push(crate::compile::plain_field(y, Self::link(b, span)));
        let v = self.local(env, comparer.clone());
        let expr = Expr::new(X::Struct(Box::new(pair)), span);
        self.push_conjunct(v, Conj { env: NONE, expr, ci: Ci::default(), decl: None });
        self.expand(v);
        if self.arc(v, less).is_none() {
            return Ok(None);
        }
        let result = self.lookup(v, less, span)?;
        self.concrete(result, &Self::link(result, span)).map(Some)
    }

    pub(super) fn sort(&mut self, le: EnvId, list: &E, ce: EnvId, comparer: &E, span: Span) -> Res<VId> {
        let items = self.list_elements(le, list)?;
        self.allocate(ITEM * items.len() as u64)?;
        let sorted = match self.keys(&items, ce, comparer)? {
            Some((keys, descending)) => in_order(items, keys, descending),
            None => self.merge_sort(items, ce, comparer)?,
        };
        let elems = sorted.into_iter().map(|v| Self::link(v, span)).collect();
        let expr = Expr::new(X::List(super::expr::List { elems, ellipsis: None }), span);
        Ok(self.local(NONE, expr))
    }

    /// A stable sort whose comparisons may fail.
    fn merge_sort(&mut self, mut items: Vec<VId>, env: EnvId, comparer: &E) -> Res<Vec<VId>> {
        if items.len() < 2 {
            return Ok(items);
        }
        let right = items.split_off(items.len() / 2);
        let left = self.merge_sort(items, env, comparer)?;
        let right = self.merge_sort(right, env, comparer)?;
        let mut out = Vec::with_capacity(left.len() + right.len());
        let (mut l, mut r) = (left.into_iter().peekable(), right.into_iter().peekable());
        while let (Some(a), Some(b)) = (l.peek().copied(), r.peek().copied()) {
            self.charge(COMPARISON)?;
            if self.less(b, a, env, comparer)? {
                out.extend(r.next());
            } else {
                out.extend(l.next());
            }
        }
        out.extend(l);
        out.extend(r);
        Ok(out)
    }

    /// Whether a list is in the order of a comparer. As in the reference, what cannot be compared is not in order, and a comparer that says nothing
    /// keeps any order.
    pub(super) fn is_sorted(&mut self, le: EnvId, list: &E, ce: EnvId, comparer: &E) -> Res<bool> {
        let items = self.list_elements(le, list)?;
        if let Some((keys, descending)) = self.keys(&items, ce, comparer)? {
            return Ok(keys.is_sorted_by(|a, b| compare(a, b, descending) != Ordering::Greater));
        }
        for pair in items.windows(2) {
            match self.less_of(pair[1], pair[0], ce, comparer) {
                Ok(Some(Val::Scalar(Scalar::Bool(true)))) => return Ok(false),
                Err(e) if self.is_incomplete(e) && self.bottom(e).pending => return Err(e),
                Err(_) => return Ok(false),
                Ok(_) => {}
            }
        }
        Ok(true)
    }

    /// The keys by which a comparer orders items, and whether the greatest comes first. `None` if it is to be asked of each pair.
    fn keys(&mut self, items: &[VId], env: EnvId, comparer: &E) -> Res<Option<(Vec<Scalar>, bool)>> {
        if items.len() < 2 {
            return Ok(None);
        }
        let Some(by) = self.by_key(env, comparer) else { return Ok(None) };
        let mut keys: Vec<Scalar> = Vec::with_capacity(items.len());
        for item in items {
            self.step()?;
            let Some(key) = self.key(*item, &by) else { return Ok(None) };
            if keys.first().is_some_and(|first| super::operate::order(first, &key).is_none()) {
                return Ok(None);
            }
            keys.push(key);
        }
        Ok(Some((keys, by.descending)))
    }

    /// Reads a comparer once.
    fn by_key(&mut self, env: EnvId, comparer: &E) -> Option<ByKey> {
        let label = |name: &str| self.labels.find_regular(name);
        let (x, y, less) = (label("x")?, label("y")?, label("less")?);
        let v = self.local(env, comparer.clone());
        self.expand(v);
        let t = self.settled(v);
        if self.v(t).err.is_some() || !self.v(t).is_struct {
            return None;
        }
        let (mut of_x, mut of_y) = (None, None);
        for (side, kind) in [(x, &mut of_x), (y, &mut of_y)] {
            let field = self.arc(t, side)?.vertex;
            self.expand(field);
            *kind = self.only_kind(field);
        }
        let (of_x, of_y) = (of_x?, of_y?);
        let mut compared = None;
        for c in self.conjuncts(self.arc(t, less)?.vertex) {
            match &c.expr.kind {
                X::Type { kind: Kind::BOOL, range: None } => {}
                X::Binary(op @ (BinaryOp::Less | BinaryOp::Greater), l, r) if compared.is_none() => {
                    let (a, b) = (self.path_from(t, x, c.env, l)?, self.path_from(t, y, c.env, r)?);
                    compared = (a == b).then_some((a, *op == BinaryOp::Greater));
                }
                _ => return None,
            }
        }
        let (path, descending) = compared?;
        let plain = of_x == of_y && (path.is_empty() || of_x == Kind::TOP);
        plain.then_some(ByKey { path, kind: of_x, descending })
    }

    /// What a vertex says, if that is only of what kind its value is.
    fn only_kind(&self, v: VId) -> Option<Kind> {
        let t = self.settled(v);
        let x = self.v(t);
        if x.err.is_some() || x.scalar != NONE || x.is_struct || x.denied.is_some() {
            return None;
        }
        if let Some(e) = self.ext_ref(t) {
            if !e.bounds.is_empty() || !e.validators.is_empty() || e.list.is_some() || !e.patterns.is_empty()
            {
                return None;
            }
            if !e.branches.iter().all(|(b, _)| self.only_kind(*b).is_some()) {
                return None;
            }
        }
        Some(x.kind)
    }

    /// The fields that lead from the field `from` of `scope` to what `e` names: none if it is that field.
    fn path_from(&self, scope: VId, from: Label, env: EnvId, e: &E) -> Option<Vec<Label>> {
        match &e.kind {
            X::Field { up, label } if *label == from => match self.scope(env, *up) {
                Some(Scope::Vertex(v)) if v == scope => Some(Vec::new()),
                _ => None,
            },
            X::Select(base, label, _) => {
                let mut path = self.path_from(scope, from, env, base)?;
                path.push(*label);
                Some(path)
            }
            _ => None,
        }
    }

    /// The scalar by which an item is compared.
    fn key(&mut self, item: VId, by: &ByKey) -> Option<Scalar> {
        let mut at = item;
        for label in &by.path {
            let t = self.finished(at)?;
            at = self.arc(t, *label).filter(|a| a.constraint == Constraint::Regular)?.vertex;
        }
        let t = self.finished(at)?;
        if !by.path.is_empty() || by.kind.contains(self.v(t).kind) {
            return self.scalar_at(t).map(|s| s.0.clone());
        }
        None
    }

    /// The vertex that a value without alternatives or mistakes is read from.
    fn finished(&mut self, v: VId) -> Option<VId> {
        self.reads(v);
        self.expand(v);
        let t = self.settled(v);
        self.expand(t);
        let x = self.v(t);
        let undecided = self.ext_ref(t).is_some_and(|e| !e.branches.is_empty());
        let around = x.parent == NONE || self.v(x.parent).state == State::Done;
        let sound = around && x.state == State::Done && !x.provisional && x.err.is_none();
        let allowed = x.denied.is_none() && self.v(v).denied.is_none();
        (sound && allowed && !undecided).then_some(t)
    }
}

fn compare(a: &Scalar, b: &Scalar, descending: bool) -> Ordering {
    let order = super::operate::order(a, b).unwrap_or(Ordering::Equal);
    if descending { order.reverse() } else { order }
}

/// Items in the order of their keys; those with equal keys as they were.
fn in_order(items: Vec<VId>, keys: Vec<Scalar>, descending: bool) -> Vec<VId> {
    let mut sorted: Vec<(Scalar, VId)> = keys.into_iter().zip(items).collect();
    sorted.sort_by(|a, b| compare(&a.0, &b.0, descending));
    sorted.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use crate::api::{Budget, NoPackages, Program};
    use crate::source::Source;

    /// How an export ends that may take so many steps.
    fn export(text: &str, steps: u64) -> String {
        let text = format!("import \"list\"\n{text}");
        let program = Program::compile(vec![Source::new("t.cue", text)], &NoPackages).unwrap();
        let instance = program.instance_with(Budget { steps, ..Budget::default() });
        instance.root().json().unwrap_or_else(|e| e.to_string())
    }

    #[test]
    fn a_key_is_read_once() {
        let numbers: Vec<String> = (0..2000).map(|i| (i * 7919 % 2000).to_string()).collect();
        let items: Vec<String> = numbers.iter().map(|n| format!("{{k: v: {n}}}")).collect();
        let (numbers, items) = (numbers.join(", "), items.join(", "));
        for text in [
            format!("a: list.Sort([{numbers}], list.Ascending)[7]"),
            format!("a: list.Sort([{numbers}], list.Descending)[1992]"),
            format!("a: list.Sort([{items}], {{x: _, y: _, less: x.k.v < y.k.v}})[7].k.v"),
            "a: 7, b: list.IsSorted(list.Range(0, 2000, 1), list.Ascending), b: true".to_owned(),
        ] {
            let told = export(&text, 60_000);
            assert!(told.contains("\"a\": 7"), "{told}\n{}", &text[..40]);
        }
        // One that computes is asked of each pair.
        assert!(
            export(&format!("a: list.Sort([{numbers}], {{x: _, y: _, less: x+0 < y+0}})[7]"), 60_000)
                .contains("budget")
        );
    }
}
