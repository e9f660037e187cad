//! The evaluator's state: the arena, the stack of vertices being worked on, the budget, and what happens when something changes late.

use super::arena::*;
use super::expr::{E, Expr, Scalar, X};
use super::label::{Label, Labels};
use super::pool::{Pool, Run};
use crate::api::Budget;
use crate::compile::{Compiled, stack};
use crate::diag::Code;
use crate::pkg::Kind;
use crate::source::Span;
use rustc_hash::FxHashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An evaluation.
#[derive(Debug)]
pub(crate) struct Evaluator {
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) labels: Labels,
    pub(super) vs: Vec<Vertex>,
    pub(super) conjunct_pool: Pool<Conj>,
    pub(super) arc_pool: Pool<Arc_>,
    pub(super) exts: Vec<Ext>,
    /// Types that restrict vertices, where they are written, and the link to the one before.
    pub(super) types: Vec<(Kind, Span, u32)>,
    /// The scalars of vertices and where they are written.
    pub(super) scalars: Vec<(Scalar, Span)>,
    /// Readers of vertices: each with the link to the one before it.
    pub(super) readers: Vec<(VId, u32)>,
    pub(super) envs: Vec<Env>,
    pub(super) lets: FxHashMap<EnvId, Lets>,
    pub(super) origins: Vec<Origin>,
    pub(super) chains: Vec<Chain>,
    pub(super) errors: Vec<Bottom>,
    /// Fields that were looked for and are not there: the error and the value looked in, in the order of errors.
    pub(super) missed: Vec<(ErrId, VId)>,
    /// What could stand in place of a field that is not allowed: its name, and those that are.
    pub(super) allowed: FxHashMap<ErrId, (Arc<str>, Vec<Arc<str>>)>,
    roots: Vec<VId>,
    pub(super) frames: Vec<Frame>,
    /// Vertices that were computed from others still being worked on, in the order in which they were finished.
    pub(super) provisional: Vec<VId>,
    /// What may be forgotten once it is written.
    pub(super) forgetting: super::forget::Forgetting,
    /// Whether a value is told for the first time, so that a mistake makes everything be gone through again.
    pub(super) attempting: bool,
    /// While it is set, fields missing from this vertex count as missing for good although it is being worked on.
    pub(super) settle: VId,
    /// How the conjunct that is being added came to its vertex: values made on the way inherit it.
    pub(super) way: Ci,
    /// How the branch that was worked on last came out.
    pub(super) outcome: Option<super::disjunct::Outcome>,
    pub(super) budget: Budget,
    steps: u64,
    pub(super) memory: u64,
    /// What sinks hold beside it, and all of them but the innermost.
    pub(super) held: u64,
    pub(super) held_around: u64,
    /// Set once the budget is used up; everything ends with this error.
    exhausted: Option<ErrId>,
    /// Disjunctions of plain values that were decided where nothing else was said, by the address of the expression.
    pub(super) plain_choices: FxHashMap<usize, (E, VId)>,
    /// What closes the vertices around those whose disjunctions are being decided: it stays as it is meanwhile, and every branch asks for it.
    pub(super) closers_around: Vec<(VId, Arc<[Closer]>)>,
    /// Regular expressions compiled so far.
    pub(super) regexes: FxHashMap<Arc<str>, Arc<crate::pkg::regexp::Regex>>,
}

/// What the last evaluation of a program took: vertices, conjuncts, fields, rare parts. The next one starts with that room.
#[derive(Debug, Default)]
pub(crate) struct Room([AtomicUsize; 4]);

/// One that was large says little of the next.
const MAX_ROOM: usize = 1 << 12;

/// Room is not made for more fields than these.
const MAX_FIELDS: usize = 1 << 17;

impl Room {
    /// For the first evaluation of a program of so many fields. Room that is not used costs nothing, while a list that grows is copied, and leaves holes.
    pub(crate) fn for_fields(fields: usize) -> Room {
        let n = if fields * 4 > MAX_ROOM { fields.min(MAX_FIELDS) } else { 0 };
        Room([4 * n, 4 * n, 4 * n, n].map(AtomicUsize::new))
    }

    fn known(&self) -> [usize; 4] {
        self.0.each_ref().map(|n| n.load(Ordering::Relaxed))
    }

    fn note(&self, taken: [usize; 4]) {
        for (known, taken) in self.0.iter().zip(taken) {
            known.store(taken.min(MAX_ROOM), Ordering::Relaxed);
        }
    }
}

impl Drop for Evaluator {
    fn drop(&mut self) {
        self.compiled.room.note([
            self.vs.len(),
            self.conjunct_pool.len(),
            self.arc_pool.len(),
            self.exts.len(),
        ]);
    }
}

/// A vertex being worked on.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) v: VId,
    /// The lowest place on the stack that the work looked at before it was done.
    low: u32,
    /// How many provisional vertices there were before.
    mark: usize,
}

/// From this number of fields on a vertex has an index of them.
const MANY_FIELDS: usize = 16;

/// What an expression gives: a scalar or a vertex.
#[derive(Clone, Debug)]
pub(crate) enum Val {
    /// A scalar.
    Scalar(Scalar),
    /// A vertex.
    Vertex(VId),
}

pub(crate) type Res<T> = Result<T, ErrId>;

impl Evaluator {
    pub(crate) fn new(compiled: Arc<Compiled>, labels: Labels, budget: Budget) -> Evaluator {
        let n = compiled.units.len();
        let root = Origin { parent: 0, depth: 0, embedded: false };
        let [vertices, conjuncts, arcs, exts] = compiled.room.known();
        Evaluator {
            compiled,
            labels,
            vs: Vec::with_capacity(vertices),
            conjunct_pool: Pool::with_capacity(conjuncts),
            arc_pool: Pool::with_capacity(arcs),
            exts: Vec::with_capacity(exts),
            types: Vec::new(),
            scalars: Vec::with_capacity(if vertices > MAX_ROOM { vertices / 2 } else { 0 }),
            readers: Vec::new(),
            envs: Vec::new(),
            lets: FxHashMap::default(),
            origins: vec![root],
            chains: vec![Chain {
                site: crate::compile::NOWHERE,
                target: NONE,
                at: NONE,
                shared: false,
                forgotten: true,
                next: 0,
            }],
            errors: Vec::new(),
            missed: Vec::new(),
            allowed: FxHashMap::default(),
            roots: vec![NONE; n],
            frames: Vec::new(),
            provisional: Vec::new(),
            forgetting: super::forget::Forgetting::default(),
            attempting: false,
            settle: NONE,
            way: Ci::default(),
            outcome: None,
            budget,
            steps: 0,
            memory: 0,
            held: 0,
            held_around: 0,
            exhausted: None,
            plain_choices: FxHashMap::default(),
            closers_around: Vec::new(),
            regexes: FxHashMap::default(),
        }
    }

    /// The root vertex of a unit; 0 is the program.
    pub(crate) fn root(&mut self, unit: u32) -> VId {
        let known = self.roots.get(unit as usize).copied().unwrap_or(NONE);
        if known != NONE {
            return known;
        }
        let Some(u) = self.compiled.units.get(unit as usize) else {
            return self.vertex(NONE, Label::NONE);
        };
        let expr = u.root.clone();
        self.keep_all();
        let v = self.vertex(NONE, Label::NONE);
        self.push_conjunct(v, Conj { env: NONE, expr, ci: Ci::default(), decl: None });
        self.roots[unit as usize] = v;
        v
    }

    pub(super) fn vertex(&mut self, parent: VId, label: Label) -> VId {
        let id = self.vs.len() as VId;
        let depth = if parent == NONE { 0 } else { self.v(parent).depth + 1 };
        // With the conjuncts it is sure to get.
        self.memory += size_of::<Vertex>() as u64;
        self.vs.push(Vertex {
            parent,
            label,
            depth,
            conjuncts: Run::default(),
            state: State::Unprocessed,
            stands_for: id,
            forward: NONE,
            arcs: Run::default(),
            kind: Kind::TOP,
            scalar: NONE,
            is_struct: false,
            err: None,
            denied: None,
            fate: Fate::Kept,
            frame: 0,
            provisional: false,
            ext: NONE,
            types: NONE,
            plain: Plain::Unknown,
            unclosed: false,
            readers: NONE,
        });
        id
    }

    /// A vertex outside the tree, made where the evaluation stands.
    pub(super) fn local(&mut self, env: EnvId, expr: E) -> VId {
        let parent = self.frames.last().map_or(NONE, |f| f.v);
        let v = self.vertex(parent, Label::NONE);
        let Ci { chain, cyclic, renewed, yielded, .. } = self.way;
        let ci = Ci { chain, cyclic, renewed, yielded, ..Ci::default() };
        self.push_conjunct(v, Conj { env, expr, ci, decl: None });
        v
    }

    /// A finished vertex that holds a scalar.
    pub(super) fn scalar_vertex(&mut self, s: Scalar, span: Span) -> VId {
        let kind = s.kind();
        let v = self.local(NONE, Expr::new(X::Scalar(s.clone()), span));
        self.set_scalar(v, s, span);
        let x = self.v_mut(v);
        x.kind = kind;
        x.state = State::Done;
        v
    }

    pub(super) fn env(&mut self, up: EnvId, scope: Scope) -> EnvId {
        self.memory += size_of::<Env>() as u64;
        self.envs.push(Env { up, scope });
        self.envs.len() as EnvId - 1
    }

    pub(super) fn origin(&mut self, parent: OriginId, embedded: bool) -> OriginId {
        let depth = self.origins[parent as usize].depth + 1;
        self.origins.push(Origin { parent, depth, embedded });
        self.origins.len() as OriginId - 1
    }

    pub(super) fn v(&self, v: VId) -> &Vertex {
        &self.vs[v as usize]
    }

    pub(super) fn v_mut(&mut self, v: VId) -> &mut Vertex {
        self.changes(v);
        &mut self.vs[v as usize]
    }

    /// What a vertex is made of.
    pub(super) fn conjuncts(&self, v: VId) -> &[Conj] {
        self.conjunct_pool.get(self.v(v).conjuncts)
    }

    /// Adds a conjunct to a vertex that nobody has worked on yet.
    pub(super) fn push_conjunct(&mut self, v: VId, c: Conj) {
        self.changes(v);
        let x = &mut self.vs[v as usize];
        self.memory += self.conjunct_pool.push(&mut x.conjuncts, c) as u64;
    }

    pub(super) fn clear_conjuncts(&mut self, v: VId) {
        self.changes(v);
        self.conjunct_pool.clear(&mut self.vs[v as usize].conjuncts);
    }

    /// The fields and elements of a vertex.
    pub(super) fn arcs(&self, v: VId) -> &[Arc_] {
        self.arc_pool.get(self.v(v).arcs)
    }

    pub(super) fn arcs_mut(&mut self, v: VId) -> &mut [Arc_] {
        self.changes(v);
        let run = self.v(v).arcs;
        self.arc_pool.get_mut(run)
    }

    /// The scalar of a vertex and where it is written.
    pub(super) fn scalar_at(&self, v: VId) -> Option<&(Scalar, Span)> {
        self.scalars.get(self.v(v).scalar as usize)
    }

    pub(super) fn set_scalar(&mut self, v: VId, s: Scalar, span: Span) {
        self.memory += size_of::<(Scalar, Span)>() as u64;
        self.scalars.push((s, span));
        self.v_mut(v).scalar = self.scalars.len() as u32 - 1;
    }

    pub(super) fn ext(&mut self, v: VId) -> &mut Ext {
        self.changes(v);
        let x = &mut self.vs[v as usize];
        if x.ext == NONE {
            self.memory += size_of::<Ext>() as u64;
            x.ext = self.exts.len() as u32;
            self.exts.push(Ext::default());
        }
        &mut self.exts[x.ext as usize]
    }

    pub(super) fn ext_ref(&self, v: VId) -> Option<&Ext> {
        self.exts.get(self.vs[v as usize].ext as usize)
    }

    /// The vertex that a field had before its struct was reset.
    pub(super) fn reuse(&mut self, v: VId, label: Label) -> Option<VId> {
        self.changes(v);
        let ext = self.vs[v as usize].ext as usize;
        self.exts.get_mut(ext)?.reuse.as_mut()?.remove(&label)
    }

    /// Notes where a type restricts a vertex.
    pub(super) fn note_type(&mut self, v: VId, kind: Kind, span: Span) {
        self.memory += size_of::<(Kind, Span, u32)>() as u64;
        self.types.push((kind, span, self.v(v).types));
        self.v_mut(v).types = self.types.len() as u32 - 1;
    }

    /// The types that restrict a vertex and where they are written, in order.
    pub(super) fn types_of(&self, v: VId) -> Vec<(Kind, Span)> {
        let mut out = Vec::new();
        let mut link = self.v(v).types;
        while let Some((kind, span, next)) = self.types.get(link as usize) {
            out.push((*kind, *span));
            link = *next;
        }
        out.reverse();
        out
    }

    pub(super) fn arc(&self, v: VId, label: Label) -> Option<Arc_> {
        self.arc_index(v, label).map(|i| self.arcs(v)[i])
    }

    /// Where a field is among those of its vertex.
    pub(super) fn arc_index(&self, v: VId, label: Label) -> Option<usize> {
        let arcs = self.arcs(v);
        // Elements mostly stand where their index says.
        if let Some(i) = label.as_index()
            && arcs.get(i).is_some_and(|a| a.label == label)
        {
            return Some(i);
        }
        if arcs.len() <= MANY_FIELDS {
            return arcs.iter().position(|a| a.label == label);
        }
        let index = self.ext_ref(v).and_then(|x| x.index.as_deref());
        index.and_then(|index| index.get(&label)).map(|i| *i as usize)
    }

    /// Adds a field that is not there yet.
    pub(super) fn push_arc(&mut self, v: VId, a: Arc_) {
        let n = self.arcs(v).len();
        self.changes(v);
        let x = &mut self.vs[v as usize];
        self.memory += self.arc_pool.push(&mut x.arcs, a) as u64;
        if n == MANY_FIELDS {
            let index = self.arcs(v).iter().enumerate().map(|(i, a)| (a.label, i as u32)).collect();
            self.ext(v).index = Some(Box::new(index));
        } else if n > MANY_FIELDS {
            self.ext(v).index.get_or_insert_default().insert(a.label, n as u32);
        }
    }

    /// The vertex being worked on.
    pub(super) fn current(&self) -> VId {
        self.frames.last().map_or(NONE, |f| f.v)
    }

    // Errors

    /// The error of a name that a package does not have: incomplete, as that of a field that is not there, though it never comes.
    pub(super) fn missing(&mut self, m: &super::expr::Missing) -> ErrId {
        let e = self.error(Code::Reference, m.span, m.message.clone());
        self.bottom_mut(e).incomplete = true;
        self.bottom_mut(e).hint.clone_from(&m.hint);
        e
    }

    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> ErrId {
        let incomplete = matches!(code, Code::Incomplete | Code::Undefined | Code::Ambiguous | Code::Cycle);
        let at = self.current();
        self.push_error(Bottom {
            code,
            incomplete,
            pending: false,
            message: message.into(),
            spans: vec![span],
            at,
            causes: Vec::new(),
            hint: None,
            sides: None,
        })
    }

    pub(super) fn push_error(&mut self, b: Bottom) -> ErrId {
        self.memory += 64 + b.message.len() as u64 + 16 * b.spans.len() as u64;
        self.errors.push(b);
        NonZeroU32::new(self.errors.len() as u32).unwrap_or(NonZeroU32::MIN)
    }

    pub(crate) fn bottom(&self, e: ErrId) -> &Bottom {
        &self.errors[e.get() as usize - 1]
    }

    pub(super) fn bottom_mut(&mut self, e: ErrId) -> &mut Bottom {
        &mut self.errors[e.get() as usize - 1]
    }

    pub(super) fn is_incomplete(&self, e: ErrId) -> bool {
        self.bottom(e).incomplete
    }

    // Budget

    /// Counts a step. Gives the error that ends everything, once there is one.
    pub(super) fn step(&mut self) -> Res<()> {
        if let Some(e) = self.exhausted {
            return Err(e);
        }
        self.steps += 1;
        if self.steps & 0xff == 0 { self.within_budget() } else { Ok(()) }
    }

    /// Counts work that takes as long as so many steps.
    pub(super) fn charge(&mut self, steps: u64) -> Res<()> {
        self.steps = self.steps.saturating_add(steps);
        self.within_budget()
    }

    fn within_budget(&mut self) -> Res<()> {
        if let Some(e) = self.exhausted {
            return Err(e);
        }
        let cancelled = self.budget.cancel.as_ref().is_some_and(|c| c.load(Ordering::Relaxed));
        let why = if cancelled {
            "the evaluation was cancelled"
        } else if self.steps > self.budget.steps {
            "the evaluation needs more steps than its budget allows"
        } else if self.memory.saturating_add(self.held) > self.budget.memory {
            "the evaluation needs more memory than its budget allows"
        } else {
            return Ok(());
        };
        Err(self.exhaust(why))
    }

    pub(super) fn exhaust(&mut self, why: &str) -> ErrId {
        let span = self.current_span();
        let e = self.error(Code::Budget, span, why);
        *self.exhausted.get_or_insert(e)
    }

    pub(super) fn exhausted(&self) -> Option<ErrId> {
        self.exhausted
    }

    /// Counts memory that is about to be used by a text or list.
    pub(super) fn allocate(&mut self, bytes: u64) -> Res<()> {
        self.memory = self.memory.saturating_add(bytes);
        self.affords(0)
    }

    /// Ends the evaluation if so many bytes more, for a while, would be more than its budget allows.
    pub(super) fn affords(&mut self, bytes: u64) -> Res<()> {
        match self.memory.saturating_add(self.held).saturating_add(bytes) > self.budget.memory {
            true => Err(self.exhaust("the evaluation needs more memory than its budget allows")),
            false => Ok(()),
        }
    }

    /// Says how much what is being told to a sink takes outside of the evaluation, beside what sinks around it hold.
    pub(super) fn holds(&mut self, bytes: u64) -> Res<()> {
        self.held = self.held_around.saturating_add(bytes);
        self.affords(0)
    }

    fn current_span(&self) -> Span {
        let c = self.current();
        if c == NONE {
            return crate::compile::NOWHERE;
        }
        self.conjuncts(c).first().map_or(crate::compile::NOWHERE, |c| c.expr.span)
    }

    /// The more generous of the depths that a budget allows is that of nesting; the Rust stack grows as needed.
    pub(super) fn too_deep(&self, v: VId) -> bool {
        self.frames.len() > self.budget.depth as usize || self.v(v).depth > self.budget.depth
    }

    // Working on vertices

    /// Brings a vertex so far that its own value and its fields are known. Does nothing for one that is being worked on.
    pub(crate) fn expand(&mut self, v: VId) {
        let state = self.v(v).state;
        match state {
            State::Done => {
                if self.v(v).provisional {
                    self.depend(self.v(v).frame);
                }
            }
            State::Processing => {}
            State::Unprocessed if self.is_simple(v) => {}
            State::Unprocessed => stack(|| self.work_on(v)),
        }
    }

    fn work_on(&mut self, v: VId) {
        if self.too_deep(v) {
            let span = self.conjuncts(v).first().map_or(crate::compile::NOWHERE, |c| c.expr.span);
            let mut e =
                self.error(Code::StructuralCycle, span, "structural cycle: the value is nested too deeply");
            self.bottom_mut(e).at = v;
            if self.step().is_err() {
                e = self.exhausted.unwrap_or(e);
            }
            let x = self.v_mut(v);
            x.err = Some(e);
            x.state = State::Done;
            return;
        }
        self.is_asked_for(v);
        let place = self.frames.len() as u32;
        self.frames.push(Frame { v, low: u32::MAX, mark: self.provisional.len() });
        let x = self.v_mut(v);
        x.state = State::Processing;
        x.frame = place;
        let way = std::mem::take(&mut self.way);
        self.unify(v);
        self.way = way;
        self.v_mut(v).state = State::Done;
        let Some(frame) = self.frames.pop() else { return };
        if frame.low < place {
            self.depend(frame.low);
            let x = self.v_mut(v);
            x.provisional = true;
            x.frame = frame.low;
            self.provisional.push(v);
        } else {
            let stale = self.provisional.split_off(frame.mark);
            for s in stale {
                if s != v {
                    self.reset(s);
                }
            }
        }
    }

    /// Throws away what was computed on behalf of the current vertex before it had what it has now.
    pub(super) fn renew(&mut self) {
        let Some(mark) = self.frames.last().map(|f| f.mark) else { return };
        for s in self.provisional.split_off(mark) {
            self.reset(s);
        }
    }

    /// The work of the current vertex used something that the vertex at `place` on the stack has not finished.
    pub(super) fn depend(&mut self, place: u32) {
        if let Some(f) = self.frames.last_mut() {
            f.low = f.low.min(place);
        }
    }

    /// Notes that the current vertex looked at one that is being worked on.
    pub(super) fn depend_on(&mut self, v: VId) {
        if self.v(v).state == State::Processing {
            self.depend(self.v(v).frame);
        }
    }

    /// Throws away what was computed for a vertex; its conjuncts stay.
    pub(super) fn reset(&mut self, v: VId) {
        let x = self.v_mut(v);
        x.unclosed = false;
        if x.state != State::Done {
            return;
        }
        x.state = State::Unprocessed;
        x.provisional = false;
        x.kind = Kind::TOP;
        x.scalar = NONE;
        x.is_struct = false;
        x.err = None;
        x.denied = None;
        x.forward = NONE;
        x.types = NONE;
        x.plain = Plain::Unknown;
        let ext = x.ext as usize;
        let mut run = std::mem::take(&mut x.arcs);
        let arcs = self.arc_pool.get(run).to_vec();
        self.arc_pool.clear(&mut run);
        if let Some(ext) = self.exts.get_mut(ext) {
            let keep = Ext {
                notify: std::mem::take(&mut ext.notify),
                reuse: std::mem::take(&mut ext.reuse),
                decisions: ext.decisions.take(),
                unchecked: ext.unchecked,
                ..Ext::default()
            };
            *ext = keep;
        }
        if arcs.is_empty() {
            return;
        }
        let ext = self.ext(v);
        for a in arcs {
            ext.reuse.get_or_insert_default().insert(a.label, a.vertex);
        }
    }

    /// Something about a finished vertex changed: what was computed from it is computed again when it is asked for.
    pub(super) fn invalidate(&mut self, v: VId) {
        let mut todo = vec![v];
        while let Some(v) = todo.pop() {
            let mut link = std::mem::replace(&mut self.v_mut(v).readers, NONE);
            while link != NONE {
                let (r, next) = self.readers[link as usize];
                link = next;
                if self.v(r).state == State::Done {
                    self.reset(r);
                    todo.push(r);
                    // A branch that changes may change the choice.
                    let mut up = r;
                    while up != NONE {
                        let s = self.v(up).stands_for;
                        if s != up && self.v(s).state == State::Done {
                            self.reset(s);
                            todo.push(s);
                        }
                        up = self.v(up).parent;
                    }
                }
            }
        }
    }

    /// Notes that the value of the current vertex is computed from `target`.
    pub(super) fn reads(&mut self, target: VId) {
        let reader = self.current();
        if reader != NONE && reader != target {
            let last = self.v(target).readers;
            if last == NONE || self.readers[last as usize].0 != reader {
                self.memory += size_of::<(VId, u32)>() as u64;
                self.readers.push((reader, last));
                self.notes_reader(target, last);
                self.vs[target as usize].readers = self.readers.len() as u32 - 1;
            }
        }
    }

    /// Adds a conjunct to a vertex, whatever its state.
    pub(super) fn add_conjunct(&mut self, v: VId, c: Conj) {
        let notify = match self.ext_ref(v) {
            Some(x) if !x.notify.is_empty() => x.notify.to_vec(),
            _ => Vec::new(),
        };
        for (n, ci) in notify {
            // A struct that is gone through again makes what was passed on before.
            let known = |k: &Conj| Arc::ptr_eq(&k.expr, &c.expr) && self.same_scope(k.env, c.env);
            if !self.conjuncts(n).iter().any(known) {
                let c = Conj { ci, decl: None, ..c.clone() };
                self.push_conjunct(n, c);
                self.touch(n);
            }
        }
        self.push_conjunct(v, c);
        self.touch(v);
    }

    /// A vertex got a conjunct after it was finished.
    fn touch(&mut self, v: VId) {
        if self.v(v).state == State::Done {
            self.reset(v);
            self.invalidate(v);
        }
    }

    /// The vertex that a decided vertex stands for now.
    pub(crate) fn settled(&self, v: VId) -> VId {
        let mut v = v;
        while self.v(v).forward != NONE {
            v = self.v(v).forward;
        }
        v
    }

    /// The path of a vertex from its root, as labels.
    pub(crate) fn path(&self, v: VId) -> Vec<Label> {
        let mut out = Vec::new();
        let mut at = v;
        while at != NONE {
            let x = self.v(at);
            if x.label != Label::NONE {
                out.push(x.label);
            }
            at = x.parent;
        }
        out.reverse();
        out
    }

    /// The path as messages show it.
    pub(crate) fn path_text(&self, v: VId) -> String {
        let parts: Vec<String> = self.path(v).into_iter().map(|l| self.labels.selector(l)).collect();
        parts.join(".")
    }
}
