//! Working on a vertex: each conjunct is added, tasks are tried until nothing moves, disjunctions are decided, and what is left is judged.
//!
//! This file has the round of work and what it keeps. How one conjunct is added is in the files below: `add.rs` tells the kinds of expressions apart,
//! `kinds.rs` has scalars and types, `structs.rs` and `elements.rs` literals, `references.rs` references, and `choices.rs` disjunctions.

mod add;
mod choices;
mod elements;
mod kinds;
mod references;
mod structs;

pub(super) use self::choices::{Choice, Undecided};
pub(super) use self::kinds::range_bounds;
pub(super) use self::references::is_definition;

use super::arena::*;
use super::core::{Evaluator, Val};
use super::expr::{E, Scalar, X};
use super::label::Label;
use super::order::{Hole, Order, Place};
use crate::diag::Code;
use crate::source::Span;
use rustc_hash::FxHashSet;
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
}
