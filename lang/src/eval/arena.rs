//! What an evaluation is made of: vertices, environments, origins, chains of references and errors, each in an array of its own.
//!
//! Everything refers to everything else by number, so that the arena is dropped whole and nothing is counted or freed in between.

use crate::diag::Code;
use crate::eval::expr::{E, FieldDecl, Scalar};
use crate::eval::label::Label;
use crate::eval::pool::Run;
use crate::pkg::Kind;
use crate::source::Span;
use crate::syntax::ast::{Constraint, UnaryOp};
use rustc_hash::FxHashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use thin_vec::ThinVec;

/// The number of a vertex.
pub(crate) type VId = u32;
/// The number of an environment.
pub(crate) type EnvId = u32;
/// The number of an origin; 0 is where everything comes from that no definition or embedding brought in.
pub(crate) type OriginId = u32;
/// The number of a link in a chain of references; 0 is the empty chain.
pub(crate) type ChainId = u32;
/// The number of an error.
pub(crate) type ErrId = NonZeroU32;

/// No vertex, no environment.
pub(crate) const NONE: u32 = u32::MAX;

/// An environment: what a reference with `up == 0` looks in.
#[derive(Clone, Debug)]
pub(crate) struct Env {
    /// The environment around it.
    pub up: EnvId,
    /// What names are found in.
    pub scope: Scope,
}

/// What an environment has for a struct literal with `let`s.
#[derive(Clone, Debug)]
pub(crate) struct Lets {
    /// The struct literal.
    pub literal: E,
    /// Vertices of those evaluated so far, by index.
    pub known: FxHashMap<u32, VId>,
}

/// What an environment stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope {
    /// The fields of a vertex.
    Vertex(VId),
    /// The label that an alias is bound to.
    Label(Label),
}

/// Where a conjunct comes from, as far as closedness asks: a tree whose root is 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// What it is part of.
    pub parent: OriginId,
    /// Its distance from the root.
    pub depth: u32,
    /// Whether it is something embedded in its parent: then what closes it leaves the rest of the parent alone.
    pub embedded: bool,
}

/// One reference that a conjunct came through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    /// Where the reference is written; nowhere for one that the evaluation made.
    pub site: Span,
    /// What was referred to.
    pub target: VId,
    /// Where the reference stood.
    pub at: VId,
    /// Whether nothing but the reference stood there.
    pub shared: bool,
    /// Whether it was started anew there: it counts at that vertex, and no longer further down.
    pub forgotten: bool,
    /// The references before it.
    pub next: ChainId,
}

/// What is known about how a conjunct came to its vertex.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ci {
    /// Its origin.
    pub origin: OriginId,
    /// The references it came through.
    pub chain: ChainId,
    /// Whether it came through a reference to what contains it.
    pub cyclic: bool,
    /// Whether the references it came through were forgotten at some point, because something else gave the vertex structure.
    pub renewed: bool,
    /// Whether it is the value of a pattern.
    pub constraint: bool,
    /// The disjunction, counted from 1, of whose chosen term it is a part at its vertex; 0 for none. From 255 on they count as one.
    pub branch: u8,
    /// Whether validators are left out: it is part of the value that one of them checks.
    pub unchecked: bool,
    /// Whether a comprehension yielded it, or something around it.
    pub yielded: bool,
    /// Whether it is what a value made on the way is, that its vertex refers to.
    pub made: bool,
    /// The outermost reference that brought it in, for the order of fields; 0 where none did.
    pub site: super::order::Site,
}

/// A part of a vertex' definition: an expression and where its names are looked up.
#[derive(Clone, Debug)]
pub(crate) struct Conj {
    /// Where names are looked up.
    pub env: EnvId,
    /// The expression.
    pub expr: E,
    /// How it came here.
    pub ci: Ci,
    /// The declaration it is the value of, for comments and attributes.
    pub decl: Option<Arc<FieldDecl>>,
}

/// How far a vertex has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Only its conjuncts are known.
    Unprocessed,
    /// Being worked on: it is on the stack.
    Processing,
    /// Its own value and its fields are known; each field is worked on when it is asked for.
    Done,
}

/// A field or element of a vertex.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arc_ {
    /// Its label.
    pub label: Label,
    /// Its vertex.
    pub vertex: VId,
    /// Whether it is there, or only constrained.
    pub constraint: Constraint,
}

/// A bound such as `>=1`.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// The operator.
    pub op: UnaryOp,
    /// What is compared with.
    pub value: BoundValue,
    /// Where it is written.
    pub span: Span,
}

/// What a bound compares with.
#[derive(Clone, Debug)]
pub(crate) enum BoundValue {
    /// A scalar.
    Scalar(Scalar),
    /// A list or struct, for `!=` and `==`.
    Vertex(VId),
}

/// A function that checks the finished value.
#[derive(Clone, Debug)]
pub(crate) struct Validator {
    /// The call or function, as an expression.
    pub expr: E,
    /// Its environment.
    pub env: EnvId,
}

/// `[pattern]: value`.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// Which labels it takes.
    pub matcher: Matcher,
    /// The environment of both.
    pub env: EnvId,
    /// The value.
    pub decl: Arc<FieldDecl>,
    /// Where it came from.
    pub ci: Ci,
}

/// A pattern made ready.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    /// Every regular label.
    All,
    /// Labels that unify with an expression in the pattern's environment.
    Expr(E),
}

/// What closes a vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closer {
    /// Only what has this origin (or embeds it) may be there.
    pub origin: OriginId,
    /// Whether fields below are closed as well: definitions do that, `close` does not.
    pub recursive: bool,
    /// Whether a struct or list came from inside: a definition that is a type or a check alone closes nothing.
    pub holds: bool,
    /// Where it is written.
    pub span: Span,
}

/// A list's length and the types of what may follow.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListState {
    /// The exact length, where one is written.
    pub exact: Option<(usize, Span)>,
    /// At least this long.
    pub min: usize,
    /// `...type` from an index on.
    pub rest: Vec<Rest>,
    /// Where lists are written.
    pub span: Span,
}

/// `...` or `...type` of a list.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    /// The first index it is for.
    pub from: usize,
    /// The type, if one is written.
    pub expr: Option<E>,
    /// The environment.
    pub env: EnvId,
    /// Where it came from.
    pub ci: Ci,
    /// The first index that has not got it yet.
    pub next: usize,
}

/// How a branch of a disjunction stands to the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// No marks.
    Maybe,
    /// It is the default, or one of them.
    Default,
    /// Another one is marked.
    NotDefault,
}

/// What becomes of a vertex that is written (`forget.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays.
    Kept,
    /// It is forgotten together with others, and nobody has worked on it yet.
    Fleeting,
    /// It is forgotten together with others, and what it was before is noted.
    Noted,
    /// It was forgotten.
    Forgotten,
}

/// What is known about a vertex being plain data: scalars, or structs and lists of them, written without any reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// Nobody asked yet.
    Unknown,
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// Adds to a list that seldom has more than one item, and takes no more room than it needs.
pub(crate) fn push<T>(list: &mut ThinVec<T>, item: T) {
    if list.len() == list.capacity() && list.len() < 4 {
        list.reserve_exact(1);
    }
    list.push(item);
}

/// What only some vertices have. The parts are small while they are empty, which most of them are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ext {
    /// Pattern constraints.
    pub patterns: ThinVec<Pattern>,
    /// Origins that allow any field.
    pub open: ThinVec<OriginId>,
    /// Whether `_` is among the conjuncts.
    pub top: bool,
    /// Whether a comprehension of its own went through its fields: from then on no field with a computed name may come.
    pub counted: bool,
    /// What closes the struct.
    pub closers: ThinVec<Closer>,
    /// Its list.
    pub list: Option<Box<ListState>>,
    /// Bounds.
    pub bounds: ThinVec<Bound>,
    /// Validators.
    pub validators: ThinVec<Validator>,
    /// The branches that are left, where it is more than one.
    pub branches: ThinVec<(VId, Mode)>,
    /// Vertices that the conjuncts of this one were passed on to while it could still get more.
    pub notify: ThinVec<(VId, Ci)>,
    /// Vertices of fields before the vertex was reset, to be used again.
    pub reuse: Option<Box<FxHashMap<Label, VId>>>,
    /// The choices that a branch stands for.
    pub decisions: Option<Arc<[u32]>>,
    /// Origins of disjunctions that are not decided: whatever they admit may still come.
    pub awaits: ThinVec<OriginId>,
    /// Whether validators are left out: the vertex stands for the value that one of them checks.
    pub unchecked: bool,
    /// Where fields are, once there are many.
    pub index: Option<Box<FxHashMap<Label, u32>>>,
    /// The structural cycle that was found in the vertex or below.
    pub cycle: Option<ErrId>,
    /// More errors of the vertex.
    pub errors: ThinVec<ErrId>,
    /// What the order of its fields follows from, where that is more than one struct literal.
    pub order: ThinVec<super::order::Sequence>,
}

/// A node of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Vertex {
    /// What it is a field of; [`NONE`] for roots. For values outside the tree: where they were made.
    pub parent: VId,
    /// Its label there.
    pub label: Label,
    /// How many vertices are around it.
    pub depth: u32,
    /// What it is made of, in the order in which it came.
    pub conjuncts: Run,
    /// How far it has come.
    pub state: State,
    /// The vertex of which this one is a branch; itself otherwise.
    pub stands_for: VId,
    /// The branch that the vertex was decided to be.
    pub forward: VId,
    /// Fields and elements.
    pub arcs: Run,
    /// The kinds it may have.
    pub kind: Kind,
    /// The number of its scalar; [`NONE`] for none.
    pub scalar: u32,
    /// Whether a conjunct is a struct.
    pub is_struct: bool,
    /// Its own error, also where it is incomplete.
    pub err: Option<ErrId>,
    /// The error of being a field that is not allowed.
    pub denied: Option<ErrId>,
    /// Whether it is forgotten once it is written.
    pub fate: Fate,
    /// While it is being worked on: its place on the stack. While it is provisional: the place of what it waits for.
    pub frame: u32,
    /// Whether what it was computed from was still being worked on.
    pub provisional: bool,
    /// The number of its rare parts; [`NONE`] for none.
    pub ext: u32,
    /// The last of the places where a type restricts its kind, as a link; [`NONE`] for none.
    pub types: u32,
    /// Whether it is known that nothing in it or around it closes it.
    pub unclosed: bool,
    /// Whether it is known to be plain data that others may share.
    pub plain: Plain,
    /// The last of the vertices whose value was computed from this one, as a link; [`NONE`] for none.
    pub readers: u32,
}

/// A mistake, or the reason why there is no value yet.
#[derive(Clone, Debug)]
pub(crate) struct Bottom {
    /// The kind of mistake.
    pub code: Code,
    /// Whether more information may still make it a value.
    pub incomplete: bool,
    /// Whether it may go away as soon as what is being worked on is done.
    pub pending: bool,
    /// The headline.
    pub message: String,
    /// Every place that takes part.
    pub spans: Vec<Span>,
    /// The vertex it belongs to.
    pub at: VId,
    /// What led to it (branches of a disjunction that failed).
    pub causes: Vec<ErrId>,
    /// Advice.
    pub hint: Option<String>,
    /// The two values that do not go together, where that is the mistake.
    pub sides: Option<[Side; 2]>,
}

/// One of two values that do not go together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// Where the message shows it.
    pub shown: (u32, u32),
    /// Where it is written.
    pub span: Span,
    /// What kinds of values it stands for.
    pub kind: Kind,
}
