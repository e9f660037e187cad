//! Working on a vertex: each conjunct is added, tasks are tried until nothing moves, disjunctions are decided, and what is left is judged.

use super::arena::*;
use super::core::{Evaluator, Val};
use super::cycle::Recurs;
use super::expr::{Callee, Decl, E, Expr, Predeclared, Scalar, Struct, X};
use super::label::{Label, LabelType};
use super::order::{Hole, Order, Place};
use crate::diag::Code;
use crate::pkg::Kind;
use crate::source::Span;
use crate::syntax::ast::{Constraint, UnaryOp};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// What a vertex needs only while it is being worked on.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The next conjunct to add.
    next: usize,
    /// What could not be done yet.
    tasks: Vec<Task>,
    /// The choices that are made already, for a branch.
    decisions: Option<Arc<[u32]>>,
    /// What those choices were.
    pub(super) choices: Vec<Choice>,
    /// The conjuncts that are undecided disjunctions, as far as they were met.
    disjunctions: Vec<Conj>,
    /// The disjunctions that are not decided, in the order in which they were met.
    pub(super) undecided: Vec<Undecided>,
    /// A reference to something around the vertex, or one that was followed before.
    cyclic: Option<Span>,
    /// What else came round a cycle and is computed from others.
    carried: Option<Span>,
    /// Whether a struct or list is written here, though what it stands in came round a cycle: it may still end.
    shaped: bool,
    /// Whether another one did not.
    solid: bool,
    /// The structural cycle held by something that was referred to, which therefore added nothing.
    lost: Option<ErrId>,
    /// Whether anything was undone by being a reference to the vertex itself.
    itself: bool,
    /// The order of the fields.
    order: Order,
    /// What was referred to inside of the vertex itself.
    own: Vec<VId>,
    /// What was referred to already, and how: the same once more adds nothing.
    added: FxHashSet<Added>,
}

/// A reference whose conjuncts were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Added {
    target: VId,
    /// What it stands in, and whether it is embedded there.
    origin: (OriginId, bool),
    branch: u8,
    cyclic: bool,
    unchecked: bool,
    yielded: bool,
    definition: bool,
}

/// A choice made in a disjunction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// The disjunction (counted from 1) whose chosen term this one is part of; 0 for none.
    pub(super) parent: u32,
    /// Which disjunction it is: the same for the same place in the source.
    pub(super) site: usize,
    /// Whether any term of the disjunction is marked.
    pub(super) has_marks: bool,
    /// Whether the chosen one is.
    pub(super) marked: bool,
}

/// A disjunction that is not decided.
#[derive(Clone, Debug)]
pub(super) struct Undecided {
    /// How many terms it has.
    pub(super) terms: u32,
    /// Which disjunction it is.
    pub(super) site: usize,
    /// Where its names are looked up.
    pub(super) env: EnvId,
    /// The disjunction, counted from 1, of whose chosen term it is a part; 0 for none.
    pub(super) parent: u32,
    /// What its terms are part of.
    pub(super) origin: OriginId,
    /// Whether it came round a cycle.
    pub(super) cyclic: bool,
    /// The disjunction, where its terms are written in it.
    pub(super) written: Option<E>,
}

impl Undecided {
    /// The choice of a term, if the terms are written in the disjunction.
    pub(super) fn choice(&self, i: usize) -> Option<Choice> {
        let terms = self.terms_written()?;
        let marked = terms.get(i)?.1;
        let has_marks = terms.iter().any(|t| t.1);
        Some(Choice { parent: self.parent, site: self.site, has_marks, marked })
    }

    fn terms_written(&self) -> Option<&[(E, bool)]> {
        match &self.written.as_ref()?.kind {
            X::Or(terms) => Some(terms),
            _ => None,
        }
    }

    /// A term, if it is written in the disjunction.
    pub(super) fn term(&self, i: usize) -> Option<&E> {
        Some(&self.terms_written()?.get(i)?.0)
    }

    /// Whether none of its terms goes with another term, as far as that can be seen of scalars and types.
    pub(super) fn excludes(&self, term: &E) -> bool {
        self.terms_written().is_some_and(|terms| terms.iter().all(|t| super::terms::clash(&t.0, term)))
    }
}

#[derive(Clone, Debug)]
struct Task {
    kind: TaskKind,
    err: Option<ErrId>,
    /// Where what it adds stands among the fields.
    place: Place,
    hole: Hole,
}

#[derive(Clone, Debug)]
enum TaskKind {
    Expr(Conj),
    /// A field with a computed label; `slot` is the number of its literal and of the declaration there.
    Dynamic {
        env: EnvId,
        key: E,
        decl: Arc<super::expr::FieldDecl>,
        ci: Ci,
        slot: (u32, u32),
    },
    Comprehension(Conj),
    List(Conj),
}

impl Work {
    /// Where a reference is written that makes a cycle of the vertex, unless something in it does not come round that cycle.
    fn is_cyclic(&self) -> Option<Span> {
        self.cyclic.or(self.carried.filter(|_| !self.shaped))
    }

    /// Leaves something for later.
    fn later(&mut self, kind: TaskKind, err: Option<ErrId>) {
        let hole = match kind {
            TaskKind::Expr(_) | TaskKind::Comprehension(_) => self.order.hole(),
            TaskKind::Dynamic { .. } | TaskKind::List(_) => 0,
        };
        self.tasks.push(Task { kind, err, place: self.order.place, hole });
    }
}

impl Task {
    fn is_cyclic(&self) -> bool {
        match &self.kind {
            TaskKind::Expr(c) | TaskKind::Comprehension(c) | TaskKind::List(c) => c.ci.cyclic,
            TaskKind::Dynamic { ci, .. } => ci.cyclic,
        }
    }
}

impl Evaluator {
    /// Works on `v`, the top of the stack.
    pub(super) fn unify(&mut self, v: VId) {
        let decisions = self.ext_ref(v).and_then(|x| x.decisions.clone());
        let branch = decisions.is_some();
        let mut w = Work { decisions, ..Work::default() };
        self.run(v, &mut w);
        let open = !w.undecided.is_empty();
        if !open {
            self.keep_order(v, std::mem::take(&mut w.order));
        }
        if open && !branch && !self.failed(v) && self.decide_plain(v, &w.disjunctions) {
            return;
        }
        if open {
            self.ext(v).awaits = w.undecided.iter().map(|u| u.origin).collect();
        }
        if branch {
            if !open {
                self.finish(v);
            }
            // After everything else: checks may decide disjunctions of their own.
            self.outcome = Some(super::disjunct::Outcome { undecided: w.undecided, choices: w.choices });
            return;
        }
        if open && !self.failed(v) {
            self.decide(v, w.undecided);
            return;
        }
        self.finish(v);
    }

    /// Whether the vertex has an error that nothing can mend.
    pub(super) fn failed(&self, v: VId) -> bool {
        self.v(v).err.is_some_and(|e| !self.is_incomplete(e))
    }

    fn run(&mut self, v: VId, w: &mut Work) {
        loop {
            while w.next < self.conjuncts(v).len() {
                let mut c = self.conjuncts(v)[w.next].clone();
                w.next += 1;
                if c.ci.constraint {
                    c.ci = self.way_of_pattern(v, c.ci);
                }
                w.shaped |= c.ci.cyclic && matches!(c.expr.kind, X::Struct(_) | X::List(_));
                let alone = self.conjuncts(v).len() == 1;
                w.order.conjunct(&c, alone);
                self.add(v, w, &c);
                if self.exhausted().is_some() {
                    break;
                }
            }
            if let Some(e) = self.exhausted() {
                self.v_mut(v).err = Some(e);
                return;
            }
            if self.look_again(v, w) {
                continue;
            }
            self.finish_list(v);
            if w.tasks.is_empty() || (self.failed(v) && w.is_cyclic().is_none()) {
                break;
            }
            if w.is_cyclic().is_some() && !w.solid && w.tasks.iter().all(Task::is_cyclic) {
                w.tasks.clear();
                break;
            }
            if self.run_tasks(v, w, false) {
                continue;
            }
            // What is missing may still come with the choices to be made.
            if !w.undecided.is_empty() {
                break;
            }
            // Nothing moved: what is missing from this vertex now stays missing, one task at a time.
            if !self.run_tasks(v, w, true) {
                break;
            }
        }
        for t in &w.tasks {
            if let Some(e) = t.err
                && !self.asks_itself(v, t)
            {
                self.fail(v, e);
            }
        }
        // Whether its parts go together is not asked of what has no end.
        if let Some(span) = w.is_cyclic()
            && !w.solid
        {
            let e = self.error(Code::StructuralCycle, span, "structural cycle");
            self.v_mut(v).err = Some(e);
        }
        if let Some(e) = w.lost
            && !(w.solid && self.v(v).is_struct)
        {
            self.fail(v, e);
        }
    }

    /// Whether a task asks `v` for a part of itself, by way of a value made on the way to it (`x: [x[0]][0]`): then it says nothing, as a reference to
    /// the vertex itself does.
    fn asks_itself(&mut self, v: VId, t: &Task) -> bool {
        let TaskKind::Expr(c) = &t.kind else { return false };
        let (X::Select(x, ..) | X::Index(x, _)) = &c.expr.kind else { return false };
        let me = self.v(v).stands_for;
        c.ci.made && c.ci.branch == 0 && self.resolve(c.env, x).is_ok_and(|of| self.v(of).stands_for == me)
    }

    /// Tries every task once; gives whether one was done. With `last`, fields that are missing from `v` are taken as missing, and the first
    /// task that is done ends the round.
    fn run_tasks(&mut self, v: VId, w: &mut Work, last: bool) -> bool {
        self.renew();
        let mut tasks = std::mem::take(&mut w.tasks);
        let mut moved = false;
        let computes = |ev: &Self, t: &Task| matches!(&t.kind, TaskKind::Expr(c) if ev.computes(&c.expr));
        let has_fields = self.v(v).is_struct;
        if has_fields {
            tasks.sort_by_key(|t| computes(self, t));
        }
        let mut tasks = tasks.into_iter();
        while let Some(mut t) = tasks.next() {
            if moved && has_fields && computes(self, &t) {
                w.tasks.push(t);
                w.tasks.extend(tasks);
                return true;
            }
            let settle = if last { std::mem::replace(&mut self.settle, v) } else { self.settle };
            let before = w.next;
            let suspended = w.order.begin(t.place);
            let result = self.run_task(v, w, &t.kind);
            w.order.end(suspended, t.hole, result.is_ok());
            if last {
                self.settle = settle;
            }
            match result {
                Ok(()) => moved = true,
                Err(e) if self.is_incomplete(e) => {
                    t.err = Some(e);
                    w.tasks.push(t);
                }
                Err(e) => {
                    self.fail(v, e);
                    moved = true;
                }
            }
            if (last && moved) || self.conjuncts(v).len() > before.max(w.next) {
                w.tasks.extend(tasks);
                return true;
            }
        }
        moved
    }

    fn run_task(&mut self, v: VId, w: &mut Work, t: &TaskKind) -> Result<(), ErrId> {
        self.way = match t {
            TaskKind::Expr(c) | TaskKind::Comprehension(c) | TaskKind::List(c) => c.ci,
            TaskKind::Dynamic { ci, .. } => *ci,
        };
        match t {
            TaskKind::Expr(c) => self.add_evaluated(v, w, c),
            TaskKind::Dynamic { env, key, decl, ci, slot } => {
                let label = self.label_value(*env, key)?;
                let Some(label) = label else { return Ok(()) };
                if label.is_regular()
                    && self.ext_ref(v).is_some_and(|x| x.counted)
                    && self.arc(v, label).is_none()
                {
                    let name = self.labels.selector(label);
                    let message =
                        format!("adding field {name} not allowed as field set was already referenced");
                    return Err(self.error(Code::Cycle, key.span, message)).inspect_err(|e| {
                        self.bottom_mut(*e).incomplete = false;
                    });
                }
                w.order.computed(*slot, label);
                let env = if decl.label_alias { self.env(*env, Scope::Label(label)) } else { *env };
                let c = Conj { env, expr: decl.value.clone(), ci: *ci, decl: Some(decl.clone()) };
                self.insert(v, label, decl.constraint, c);
                Ok(())
            }
            TaskKind::Comprehension(c) => {
                let yields = self.comprehension(c.env, &c.expr)?;
                for (env, expr) in yields {
                    let origin = self.origin(c.ci.origin, true);
                    let ci = Ci { origin, yielded: true, ..c.ci };
                    self.add(v, w, &Conj { env, expr, ci, decl: None });
                }
                Ok(())
            }
            TaskKind::List(c) => self.add_computed_list(v, w, c),
        }
    }

    /// The label that an expression evaluates to. `None` where the field is to be left out.
    fn label_value(&mut self, env: EnvId, key: &E) -> Result<Option<Label>, ErrId> {
        match self.operand(env, key)? {
            Val::Scalar(Scalar::String(s)) => Ok(Some(self.labels.regular(&s))),
            Val::Scalar(s) => {
                let shown = super::print::scalar(&s);
                Err(self.error(
                    Code::Operand,
                    key.span,
                    format!("a field's name must be a string, not {shown}"),
                ))
            }
            Val::Vertex(_) => Err(self.error(Code::Operand, key.span, "a field's name must be a string")),
        }
    }

    /// Makes `e` the error of the vertex; a permanent one takes the place of an incomplete one.
    pub(super) fn fail(&mut self, v: VId, e: ErrId) {
        match self.v(v).err {
            Some(old) if old == e => {}
            Some(old) if !self.is_incomplete(old) || self.is_incomplete(e) => self.ext(v).errors.push(e),
            _ => self.v_mut(v).err = Some(e),
        }
    }

    fn add(&mut self, v: VId, w: &mut Work, c: &Conj) {
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
    fn computes(&self, e: &E) -> bool {
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

    fn note(&mut self, w: &mut Work, c: &Conj) {
        w.solid |= !c.ci.cyclic;
    }

    /// Adds an expression that must be evaluated first: a reference, a call, an operation.
    fn add_evaluated(&mut self, v: VId, w: &mut Work, c: &Conj) -> Result<(), ErrId> {
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

    // Scalars and kinds

    fn add_scalar(&mut self, v: VId, w: &mut Work, s: Scalar, c: &Conj) {
        self.note(w, c);
        let span = c.expr.span;
        if let Some((old, at)) = self.scalar_at(v) {
            if !super::operate::same_scalar(old, &s) {
                let (at, old, new) = (*at, old.clone(), s);
                let (a, b) = (super::print::scalar(&old), super::print::scalar(&new));
                let e = self.conflict((&a, at, old.kind()), (&b, span, new.kind()));
                self.fail(v, e);
            }
            return;
        }
        let kind = s.kind();
        let conflict = self.v(v).kind.and(kind).is_bottom();
        let shown = if conflict { super::print::scalar(&s) } else { String::new() };
        if conflict {
            self.restrict_shown(v, kind, span, || shown);
        } else {
            self.v_mut(v).kind = kind;
        }
        self.set_scalar(v, s, span);
    }

    fn restrict(&mut self, v: VId, kind: Kind, span: Span) {
        self.restrict_shown(v, kind, span, || super::print::kind(kind));
    }

    /// Restricts a vertex to the kind of a literal, which is shown where the two conflict.
    fn restrict_to(&mut self, v: VId, kind: Kind, c: &Conj) {
        let conflict = self.v(v).kind.and(kind).is_bottom();
        let shown =
            if conflict { super::print::brief(super::print::expr(self, &c.expr)) } else { String::new() };
        self.restrict_shown(v, kind, c.expr.span, || shown);
    }

    fn restrict_shown(&mut self, v: VId, kind: Kind, span: Span, shown: impl FnOnce() -> String) {
        let old = self.v(v).kind;
        let new = old.and(kind);
        if new.is_bottom() && !old.is_bottom() {
            let (other, other_span) = self.kind_source(v, kind);
            let (a, b) = (other, shown());
            let e = self.conflict((&a, other_span, old), (&b, span, kind));
            self.fail(v, e);
        }
        self.v_mut(v).kind = new;
        // Scalars know their place themselves, and most vertices are plain structs: only types are worth the space.
        if kind != Kind::STRUCT
            && kind != Kind::LIST
            && !(kind.0.is_power_of_two() && self.scalar_at(v).is_some())
        {
            self.note_type(v, kind, span);
        }
    }

    /// What restricted the vertex to kinds other than `kind`, and where.
    fn kind_source(&self, v: VId, kind: Kind) -> (String, Span) {
        if let Some((s, span)) = self.scalar_at(v) {
            return (super::print::scalar(s), *span);
        }
        let types = self.types_of(v);
        match types.iter().find(|(k, _)| k.and(kind).is_bottom()).or(types.first()) {
            Some((k, span)) => (super::print::kind(*k), *span),
            None => {
                let whole = |c: &&Conj| matches!(c.expr.kind, X::Struct(_) | X::List(_));
                let conjuncts = self.conjuncts(v);
                let first = conjuncts.iter().find(whole).or(conjuncts.first());
                let shown = match first.filter(whole) {
                    Some(c) => super::print::brief(super::print::expr(self, &c.expr)),
                    None => super::print::kind(self.v(v).kind),
                };
                (shown, first.map_or(crate::compile::NOWHERE, |c| c.expr.span))
            }
        }
    }

    // Structs

    fn add_struct(&mut self, v: VId, w: &mut Work, s: &Struct, c: &Conj) {
        if s.is_struct || s.decls.is_empty() {
            self.note(w, c);
            self.restrict_to(v, Kind::STRUCT, c);
        }
        self.v_mut(v).is_struct = true;
        let check =
            |d: &Decl| matches!(d, Decl::Embed(e) if !matches!(e.kind, X::Top | X::Or(_) | X::Struct(_)));
        if s.decls.is_empty() || !s.decls.iter().all(check) {
            self.hold(v, c.ci.origin);
        }
        let env = self.env(c.env, Scope::Vertex(v));
        if !s.lets.is_empty() {
            self.notes_lets(env);
            self.lets.insert(env, Lets { literal: c.expr.clone(), known: FxHashMap::default() });
        }
        // `{A}` is A.
        let alone = matches!(s.decls.as_slice(), [Decl::Embed(_)]);
        let origin = if s.embeds && !alone { self.origin(c.ci.origin, false) } else { c.ci.origin };
        let ci = Ci { origin, ..c.ci };
        let literal = w.order.literal(s, c);
        for (i, d) in s.decls.iter().enumerate() {
            w.order.declaration(&literal, i, s, c);
            match d {
                Decl::Field(f) => {
                    if !f.label.is_regular() {
                        self.note(w, c);
                    }
                    let child = Conj { env, expr: f.value.clone(), ci: inner(ci), decl: Some(f.clone()) };
                    self.insert(v, f.label, f.constraint, child);
                }
                Decl::Dynamic(key, f) => {
                    let slot = (literal.id, i as u32);
                    let kind =
                        TaskKind::Dynamic { env, key: key.clone(), decl: f.clone(), ci: inner(ci), slot };
                    w.later(kind, None);
                }
                Decl::Pattern(p, f) => self.add_pattern(v, env, p, f, inner(ci)),
                Decl::Embed(e) => {
                    let origin = if alone { origin } else { self.origin(origin, true) };
                    self.add(v, w, &Conj { env, expr: e.clone(), ci: Ci { origin, ..ci }, decl: None });
                }
                Decl::Comprehension(e) => {
                    w.later(TaskKind::Comprehension(Conj { env, expr: e.clone(), ci, decl: None }), None);
                }
                Decl::Ellipsis => push(&mut self.ext(v).open, origin),
            }
        }
        w.order.end_literal(&literal, s, c);
    }

    fn add_pattern(&mut self, v: VId, env: EnvId, p: &E, f: &Arc<super::expr::FieldDecl>, ci: Ci) {
        let matcher = match &p.kind {
            X::Top => Matcher::All,
            X::Type { kind, range: None } if kind.contains(Kind::STRING) => Matcher::All,
            _ => Matcher::Expr(p.clone()),
        };
        if let Matcher::Expr(x) = &matcher
            && !matches!(x.kind, X::Scalar(_))
        {
            let probe = self.local(env, x.clone());
            self.expand(probe);
            if let Some(e) = self.v(self.settled(probe)).err.filter(|e| !self.is_incomplete(*e)) {
                self.fail(v, e);
            }
        }
        let pattern = Pattern { matcher, env, decl: f.clone(), ci };
        for a in self.arcs(v).to_vec() {
            if self.matches(&pattern, a.label) {
                self.apply(&pattern, a.label, a.vertex);
            }
        }
        push(&mut self.ext(v).patterns, pattern);
    }

    /// Whether a pattern takes a label.
    pub(super) fn matches(&mut self, p: &Pattern, label: Label) -> bool {
        if !label.is_regular() {
            return false;
        }
        match &p.matcher {
            Matcher::All => true,
            Matcher::Expr(x) => {
                let name = self.labels.name(label);
                // A regular expression alone, which most patterns are, needs no value to be tried on.
                if let X::Bound(op @ (UnaryOp::Match | UnaryOp::NotMatch), bound) = &x.kind
                    && let X::Scalar(Scalar::String(text)) = &bound.kind
                {
                    let found = self.regex(text, bound.span).map(|r| r.is_match(name.as_bytes()));
                    return self.step().is_ok() && found.is_ok_and(|found| found == (*op == UnaryOp::Match));
                }
                let probe = self.local(p.env, x.clone());
                let expr = Expr::new(X::Scalar(Scalar::String(name)), x.span);
                let c = Conj { env: NONE, expr, ci: Ci::default(), decl: None };
                self.push_conjunct(probe, c);
                self.expand(probe);
                let settled = self.settled(probe);
                self.v(settled).err.is_none()
            }
        }
    }

    fn apply(&mut self, p: &Pattern, label: Label, child: VId) {
        let env = if p.decl.label_alias { self.env(p.env, Scope::Label(label)) } else { p.env };
        let c = Conj {
            env,
            expr: p.decl.value.clone(),
            ci: Ci { constraint: true, ..p.ci },
            decl: Some(p.decl.clone()),
        };
        self.add_conjunct(child, c);
    }

    /// Adds a conjunct to a field, making the field where it is new.
    pub(super) fn insert(&mut self, v: VId, label: Label, constraint: Constraint, c: Conj) {
        if let Some(i) = self.arc_index(v, label) {
            let arc = &mut self.arcs_mut(v)[i];
            arc.constraint = arc.constraint.min(constraint);
            let child = arc.vertex;
            self.add_conjunct(child, c);
            return;
        }
        let reused = self.reuse(v, label);
        let child = match reused {
            Some(child) => {
                self.clear_conjuncts(child);
                self.reset(child);
                child
            }
            None => self.vertex(v, label),
        };
        self.push_arc(v, Arc_ { label, vertex: child, constraint });
        self.add_conjunct(child, c);
        let patterns = self.ext_ref(v).map_or(Vec::new(), |x| x.patterns.to_vec());
        for p in &patterns {
            if self.matches(p, label) {
                self.apply(p, label, child);
            }
        }
    }

    // Lists

    fn add_list(&mut self, v: VId, c: &Conj, elems: Vec<(EnvId, E, bool)>, ellipsis: Option<&Option<E>>) {
        let n = elems.len();
        for (i, (env, expr, yielded)) in elems.into_iter().enumerate() {
            let ci = inner(c.ci);
            let ci = Ci { yielded: yielded || ci.yielded, ..ci };
            let child = Conj { env, expr, ci, decl: None };
            self.insert(v, Label::index(i), Constraint::Regular, child);
        }
        let list = self.ext(v).list.get_or_insert_default();
        list.span = c.expr.span;
        match ellipsis {
            None => {
                if let Some((m, at)) = list.exact.filter(|(m, _)| *m != n) {
                    let e =
                        self.error(Code::Conflict, at, format!("incompatible list lengths ({m} and {n})"));
                    self.bottom_mut(e).spans.push(c.expr.span);
                    self.fail(v, e);
                } else {
                    list.exact = Some((n, c.expr.span));
                }
            }
            Some(rest) => {
                list.min = list.min.max(n);
                let rest = Rest { from: n, expr: rest.clone(), env: c.env, ci: inner(c.ci), next: n };
                list.rest.push(rest);
            }
        }
    }

    fn add_computed_list(&mut self, v: VId, w: &mut Work, c: &Conj) -> Result<(), ErrId> {
        let _ = w;
        let X::List(l) = &c.expr.kind else { return Ok(()) };
        let mut elems = Vec::new();
        for e in &l.elems {
            match &e.kind {
                X::Comprehension(_) => {
                    elems.extend(self.comprehension(c.env, e)?.into_iter().map(|(env, x)| (env, x, true)));
                }
                _ => elems.push((c.env, e.clone(), false)),
            }
        }
        self.add_list(v, c, elems, l.ellipsis.as_ref());
        Ok(())
    }

    /// Gives the elements after an ellipsis their type, and checks lengths.
    fn finish_list(&mut self, v: VId) {
        let Some(mut list) = self.ext_ref(v).and_then(|x| x.list.clone()) else { return };
        let n = self.arcs(v).iter().filter(|a| a.label.kind() == LabelType::Index).count();
        if let Some((exact, at)) = list.exact
            && n > exact
        {
            let e = self.error(Code::Conflict, at, format!("incompatible list lengths ({exact} and {n})"));
            self.bottom_mut(e).spans.push(list.span);
            self.fail(v, e);
            return;
        }
        if let Some((exact, at)) = list.exact
            && list.min > exact
        {
            let min = list.min;
            let e = self.error(Code::Conflict, at, format!("incompatible list lengths ({exact} and {min})"));
            self.bottom_mut(e).spans.push(list.span);
            self.fail(v, e);
        }
        for rest in &mut list.rest {
            for i in rest.next.max(rest.from)..n {
                if let (Some(expr), Some(a)) = (&rest.expr, self.arc(v, Label::index(i))) {
                    let ci = Ci { constraint: true, ..rest.ci };
                    let c = Conj { env: rest.env, expr: expr.clone(), ci, decl: None };
                    self.add_conjunct(a.vertex, c);
                }
            }
            rest.next = rest.next.max(n);
        }
        self.ext(v).list = Some(list);
    }

    // References

    /// Adds what `target` is made of.
    fn add_vertex(&mut self, v: VId, w: &mut Work, target: VId, c: &Conj) -> Result<(), ErrId> {
        let recurs = self.recurs(v, target, c);
        if recurs == Recurs::Itself {
            w.itself = true;
            return Ok(());
        }
        if let Some(e) = self.holds_cycle(target) {
            if !matches!(c.expr.kind, X::Field { .. }) {
                return Err(e);
            }
            w.lost = Some(e);
            return Ok(());
        }
        let repeated = matches!(recurs, Recurs::Other | Recurs::Again);
        let mut ci = if repeated && (self.supported(v, target) || self.goes_down(v, target, c)) {
            self.renewed(v, target, c)
        } else {
            let cyclic = c.ci.cyclic || matches!(recurs, Recurs::Again | Recurs::Around);
            Ci { chain: self.link_chain(v, target, c, c.ci.chain), cyclic, ..c.ci }
        };
        match c.ci.cyclic && recurs == Recurs::No {
            true => w.carried = Some(c.expr.span),
            false if ci.cyclic => w.cyclic = Some(c.expr.span),
            false => {}
        }
        let definition = is_definition(&c.expr);
        let from = self.origins[c.ci.origin as usize];
        let origin = if from.embedded { (from.parent, true) } else { (c.ci.origin, false) };
        let Ci { branch, cyclic, unchecked, yielded, .. } = ci;
        if !w.added.insert(Added { target, origin, branch, cyclic, unchecked, yielded, definition }) {
            return Ok(());
        }
        if definition {
            ci.origin = self.origin(c.ci.origin, false);
            let closer = Closer { origin: ci.origin, recursive: true, holds: false, span: c.expr.span };
            push(&mut self.ext(v).closers, closer);
        }
        self.reads(target);
        let growing = self.growing(target);
        ci.unchecked |= self.ext_ref(target).is_some_and(|x| x.unchecked);
        let made_target = self.made_on_the_way(target);
        let n = self.conjuncts(target).len();
        let place = w.order.place;
        if !place.alone && ci.site == 0 {
            ci.site = super::order::site(c.expr.span);
        }
        let mut i = 0;
        // What is added here may add to the target itself. Alternatives that come so are left out: with each of them it would begin again.
        while let Some(t) = self.conjuncts(target).get(i).cloned() {
            i += 1;
            if i > n && matches!(t.expr.kind, X::Or(_)) {
                continue;
            }
            let mut ci = ci;
            if place.alone {
                ci.site = t.ci.site;
                w.order.conjunct(&t, n == 1);
            }
            if made_target {
                // What a value made on the way came through counts: otherwise it could be made again for ever.
                ci.cyclic |= t.ci.cyclic;
                ci.chain = self.link_chain(v, target, c, t.ci.chain);
                ci.made = true;
            }
            self.add(v, w, &Conj { env: t.env, expr: t.expr, ci, decl: t.decl });
        }
        w.order.place = place;
        if growing {
            self.pass_on(target, v, ci);
            if self.inside(target, v) {
                w.own.push(target);
            }
        }
        if n == 0 {
            // A vertex that an operation made and that has a value but no conjuncts.
            self.note(w, c);
        }
        Ok(())
    }

    /// Works again on what `v` refers to inside of itself, where that got more since: gives whether it passed on more to `v`.
    fn look_again(&mut self, v: VId, w: &Work) -> bool {
        for target in &w.own {
            let mut around = Vec::new();
            let mut at = self.v(*target).parent;
            while at != v && at != NONE {
                around.push(at);
                at = self.v(at).parent;
            }
            around.into_iter().rev().for_each(|a| self.expand(a));
        }
        w.next < self.conjuncts(v).len()
    }

    /// Whether a vertex is part of a value outside the tree.
    fn made_on_the_way(&self, v: VId) -> bool {
        let mut at = v;
        while at != NONE {
            let x = self.v(at);
            if x.label == Label::NONE {
                return x.parent != NONE;
            }
            at = x.parent;
        }
        false
    }

    /// Whether a vertex may still get conjuncts: it or something around it is being worked on.
    pub(super) fn growing(&self, v: VId) -> bool {
        let mut at = v;
        while at != NONE {
            if self.v(at).state == State::Processing {
                return true;
            }
            at = self.v(at).parent;
        }
        false
    }

    // Disjunctions

    fn add_or(&mut self, v: VId, w: &mut Work, c: &Conj, terms: &[(E, bool)]) {
        let n = w.choices.len();
        let made = w.decisions.as_ref().and_then(|d| d.get(n).copied());
        match made {
            Some(chosen) if w.undecided.is_empty() => {
                let Some((term, marked)) = terms.get(chosen as usize) else { return };
                let has_marks = terms.iter().any(|t| t.1);
                let site = Arc::as_ptr(&c.expr) as usize;
                w.choices.push(Choice { parent: u32::from(c.ci.branch), site, has_marks, marked: *marked });
                let ci = Ci { branch: (n + 1).min(u8::MAX as usize) as u8, ..c.ci };
                let place = w.order.place;
                w.order.place.chosen = true;
                self.add(v, w, &Conj { expr: term.clone(), ci, ..c.clone() });
                w.order.place = place;
            }
            _ => {
                w.disjunctions.push(c.clone());
                w.undecided.push(Undecided {
                    terms: terms.len() as u32,
                    site: Arc::as_ptr(&c.expr) as usize,
                    env: c.env,
                    parent: u32::from(c.ci.branch),
                    origin: c.ci.origin,
                    cyclic: c.ci.cyclic,
                    written: matches!(c.expr.kind, X::Or(_)).then(|| c.expr.clone()),
                });
            }
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

/// What a field's conjunct keeps of that of its struct: choices are those of one vertex.
fn inner(ci: Ci) -> Ci {
    Ci { branch: 0, unchecked: false, constraint: false, made: false, ..ci }
}

/// The bounds of a sized number.
pub(super) fn range_bounds(
    low: &crate::number::Number,
    high: Option<&crate::number::Number>,
    span: Span,
) -> impl Iterator<Item = Bound> {
    let bound = move |op, n: &crate::number::Number| Bound {
        op,
        value: BoundValue::Scalar(Scalar::Number(n.clone())),
        span,
    };
    let high = high.map(|h| bound(UnaryOp::LessEqual, h));
    std::iter::once(bound(UnaryOp::GreaterEqual, low)).chain(high)
}

/// Whether a reference goes through a definition, so that it closes what it refers to.
pub(super) fn is_definition(e: &E) -> bool {
    match &e.kind {
        X::Field { label, .. } => label.is_definition(),
        X::Select(x, label, _) => label.is_definition() || is_definition(x),
        X::Index(x, _) => is_definition(x),
        _ => false,
    }
}
