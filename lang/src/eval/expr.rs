//! The compiled form: expressions with interned labels and resolved references. Immutable and shared between evaluations.
//!
//! A name is resolved to the number of environments to go up and the label to look for there. An environment is made for each struct literal, `for`
//! and `let` clause, value alias and pattern alias; `compile` counts them and the evaluator makes them, in step.

use crate::data::Shared;
use crate::eval::label::Label;
use crate::number::Number;
use crate::pkg::{Function, Kind};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Constraint, UnaryOp};
use std::sync::Arc;
use thin_vec::ThinVec;

/// A shared expression.
pub type E = Arc<Expr>;

/// An expression and where it is written.
#[derive(Debug)]
pub struct Expr {
    /// What it is.
    pub kind: X,
    /// Where.
    pub span: Span,
}

impl Expr {
    /// A shared expression.
    pub fn new(kind: X, span: Span) -> E {
        Arc::new(Expr { kind, span })
    }
}

impl X {
    /// Whether it stands for another value, which is found by following it.
    pub fn is_reference(&self) -> bool {
        use X::{Dynamic, Field, Index, Let, Linked, Package, Select, This};
        matches!(
            self,
            Field { .. }
                | Let { .. }
                | This { .. }
                | Dynamic { .. }
                | Package(_)
                | Linked(_)
                | Select(..)
                | Index(..)
        )
    }

    /// Calls `f` with every expression that this one is made of.
    pub(crate) fn parts(&self, f: &mut dyn FnMut(&E)) {
        match self {
            X::Scalar(_)
            | X::Data(_)
            | X::Top
            | X::Bottom
            | X::Type { .. }
            | X::Field { .. }
            | X::Let { .. }
            | X::This { .. }
            | X::LabelOf { .. }
            | X::Package(_)
            | X::Missing(_)
            | X::Linked(_)
            | X::Function(_) => {}
            X::Dynamic { label: e, .. }
            | X::Alias(e)
            | X::Select(e, ..)
            | X::Unary(_, e)
            | X::Bound(_, e) => f(e),
            X::Index(a, b) | X::Binary(_, a, b) => [a, b].into_iter().for_each(f),
            X::Slice(e, low, high) => std::iter::once(e).chain(low).chain(high).for_each(f),
            X::Call(function, args) => std::iter::once(function).chain(args).for_each(f),
            X::And(terms) => terms.iter().for_each(f),
            X::Or(terms) => terms.iter().for_each(|(term, _)| f(term)),
            X::Interpolation { parts, .. } => {
                for part in parts {
                    if let Part::Expr(e) = part {
                        f(e);
                    }
                }
            }
            X::List(list) => list.elems.iter().chain(list.ellipsis.iter().flatten()).for_each(f),
            X::Struct(s) => {
                s.lets.iter().for_each(&mut *f);
                for decl in &s.decls {
                    match decl {
                        Decl::Field(field) => f(&field.value),
                        Decl::Dynamic(label, field) | Decl::Pattern(label, field) => {
                            f(label);
                            f(&field.value);
                        }
                        Decl::Embed(e) | Decl::Comprehension(e) => f(e),
                        Decl::Ellipsis => {}
                    }
                }
            }
            X::Comprehension(c) => {
                for clause in &c.clauses {
                    match clause {
                        Clause::For { source: e, .. } | Clause::If(e) | Clause::Let(_, e) => f(e),
                    }
                }
                std::iter::once(&c.value).chain(&c.otherwise).for_each(f);
            }
        }
    }
}

/// A concrete scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer or decimal.
    Number(Number),
    /// Text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
}

impl Scalar {
    /// Its kind: exactly one bit.
    pub fn kind(&self) -> Kind {
        match self {
            Scalar::Null => Kind::NULL,
            Scalar::Bool(_) => Kind::BOOL,
            Scalar::Number(n) if n.is_int() => Kind::INT,
            Scalar::Number(_) => Kind::FLOAT,
            Scalar::String(_) => Kind::STRING,
            Scalar::Bytes(_) => Kind::BYTES,
        }
    }
}

/// Why a name has no value, for the error where it is used.
#[derive(Debug)]
pub struct Missing {
    /// The name with its package, as it is written: `strings.ToUper`.
    pub written: String,
    /// What is wrong.
    pub message: String,
    /// The name that may be meant.
    pub hint: Option<String>,
    /// Where the name is written.
    pub span: Span,
}

/// The kinds of expression.
#[derive(Debug)]
pub enum X {
    /// A literal.
    Scalar(Scalar),
    /// Data that was filled in, taken apart level by level.
    Data(Shared),
    /// `_`
    Top,
    /// `_|_`
    Bottom,
    /// A predeclared type.
    Type {
        /// The kinds it allows.
        kind: Kind,
        /// Smallest and greatest value, for the sized numbers.
        range: Option<(Number, Option<Number>)>,
    },
    /// `{...}`
    Struct(Box<Struct>),
    /// `[...]`
    List(List),
    /// A field of the struct `up` environments out.
    Field {
        /// How many environments to go up.
        up: u32,
        /// The field.
        label: Label,
    },
    /// A `let` of the struct `up` environments out.
    Let {
        /// How many environments to go up.
        up: u32,
        /// Which of its lets.
        index: u32,
    },
    /// The vertex of the environment `up` levels out: a value alias, or `X=(dynamic)` by its label.
    This {
        /// How many environments to go up.
        up: u32,
    },
    /// A field alias `X=(label)`: the field whose label is evaluated where it was declared.
    Dynamic {
        /// How many environments to go up.
        up: u32,
        /// The label.
        label: E,
    },
    /// The label that an alias of a pattern or dynamic label is bound to, `up` environments out.
    LabelOf {
        /// How many environments to go up.
        up: u32,
    },
    /// A name that a standard package does not have.
    Missing(Box<Missing>),
    /// The root of an imported package.
    Package(u32),
    /// A value that exists already in the instance (made while embedding).
    Linked(u32),
    /// A standard function or one of the predeclared ones, not yet called.
    Function(Callee),
    /// `X=value`: makes an environment whose vertex is the value.
    Alias(E),
    /// `x.label`
    Select(E, Label, Span),
    /// `x[i]`
    Index(E, E),
    /// `x[lo:hi]`
    Slice(E, Option<E>, Option<E>),
    /// `f(args)`
    Call(E, Vec<E>),
    /// `op x`, without bounds.
    Unary(UnaryOp, E),
    /// `op x` as a bound.
    Bound(UnaryOp, E),
    /// `l op r`, without `&` and `|`.
    Binary(BinaryOp, E, E),
    /// `a & b & c`
    And(Vec<E>),
    /// `a | *b | c`
    Or(Vec<(E, bool)>),
    /// `"a\(b)c"`
    Interpolation {
        /// Literals and expressions in turn.
        parts: Vec<Part>,
        /// Whether it makes bytes.
        bytes: bool,
    },
    /// A comprehension, in a struct or list.
    Comprehension(Comprehension),
}

/// What can be called.
#[derive(Clone, Copy)]
pub enum Callee {
    /// A function of a standard package, with the package's path.
    Package(&'static str, &'static Function),
    /// A predeclared function.
    Predeclared(Predeclared),
}

impl std::fmt::Debug for Callee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Callee::Package(path, function) => write!(f, "{path}.{}", function.name),
            Callee::Predeclared(p) => write!(f, "{p:?}"),
        }
    }
}

impl PartialEq for Callee {
    fn eq(&self, other: &Callee) -> bool {
        match (self, other) {
            (Callee::Package(p, f), Callee::Package(q, g)) => p == q && f.name == g.name,
            (Callee::Predeclared(p), Callee::Predeclared(q)) => p == q,
            _ => false,
        }
    }
}

/// The predeclared functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predeclared {
    /// `len`
    Len,
    /// `close`
    Close,
    /// `and`
    And,
    /// `or`
    Or,
    /// `div`
    Div,
    /// `mod`
    Mod,
    /// `quo`
    Quo,
    /// `rem`
    Rem,
    /// `error`
    Error,
    /// `matchN`
    MatchN,
    /// `matchIf`
    MatchIf,
}

impl Predeclared {
    /// The function of this name.
    pub fn find(name: &str) -> Option<Predeclared> {
        Some(match name {
            "len" => Predeclared::Len,
            "close" => Predeclared::Close,
            "and" => Predeclared::And,
            "or" => Predeclared::Or,
            "div" => Predeclared::Div,
            "mod" => Predeclared::Mod,
            "quo" => Predeclared::Quo,
            "rem" => Predeclared::Rem,
            "error" => Predeclared::Error,
            "matchN" => Predeclared::MatchN,
            "matchIf" => Predeclared::MatchIf,
            _ => return None,
        })
    }

    /// The version of the language, major and minor, that brought it.
    pub fn since(self) -> (u64, u64) {
        match self {
            Predeclared::Error => (0, 14),
            _ => (0, 0),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Predeclared::Len => "len",
            Predeclared::Close => "close",
            Predeclared::And => "and",
            Predeclared::Or => "or",
            Predeclared::Div => "div",
            Predeclared::Mod => "mod",
            Predeclared::Quo => "quo",
            Predeclared::Rem => "rem",
            Predeclared::Error => "error",
            Predeclared::MatchN => "matchN",
            Predeclared::MatchIf => "matchIf",
        }
    }
}

/// A piece of an interpolation.
#[derive(Debug)]
pub enum Part {
    /// Literal bytes.
    Text(Arc<[u8]>),
    /// An expression to be put in.
    Expr(E),
}

/// A struct literal.
#[derive(Debug, Default)]
pub struct Struct {
    /// The declarations in order.
    pub decls: Vec<Decl>,
    /// The values of its `let`s.
    pub lets: ThinVec<E>,
    /// Whether it declares regular fields (optional ones alone do not count), or embeds nothing: then its value is a struct and nothing else.
    pub is_struct: bool,
    /// Whether anything is embedded.
    pub embeds: bool,
    /// How many declarations there are up to the last one that is not embedded, for the order of its fields.
    pub own_end: u32,
    /// Whether it is a package of several files.
    pub several_files: bool,
}

/// A declaration.
#[derive(Debug)]
pub enum Decl {
    /// `label: value`
    Field(Arc<FieldDecl>),
    /// `(label): value` or `"\(x)": value`
    Dynamic(E, Arc<FieldDecl>),
    /// `[pattern]: value`
    Pattern(E, Arc<FieldDecl>),
    /// An embedded value.
    Embed(E),
    /// A comprehension.
    Comprehension(E),
    /// `...`
    Ellipsis,
}

/// A field as declared.
#[derive(Debug)]
pub struct FieldDecl {
    /// The label; none for dynamic fields and patterns.
    pub label: Label,
    /// `?`, `!` or neither.
    pub constraint: Constraint,
    /// The value.
    pub value: E,
    /// Whether the label is bound to an alias in an environment of its own around the value: `[X=string]`, `(X=expr)`.
    pub label_alias: bool,
    /// What is said about the field, which most do not have.
    pub notes: Option<Box<Notes>>,
    /// Where the label stands.
    pub label_span: Span,
}

/// Comments and attributes of a field.
#[derive(Debug)]
pub struct Notes {
    /// Comment lines before the field, without slashes.
    pub docs: ThinVec<Arc<str>>,
    /// Attributes, name and body.
    pub attributes: ThinVec<(Arc<str>, Arc<str>)>,
}

impl FieldDecl {
    /// The comment lines before the field, without slashes.
    pub fn docs(&self) -> &[Arc<str>] {
        self.notes.as_ref().map_or(&[], |n| &n.docs)
    }

    /// The attributes, name and body.
    pub fn attributes(&self) -> &[(Arc<str>, Arc<str>)] {
        self.notes.as_ref().map_or(&[], |n| &n.attributes)
    }
}

/// A list literal.
#[derive(Debug)]
pub struct List {
    /// The elements, comprehensions among them.
    pub elems: Vec<E>,
    /// `...` or `...type`.
    pub ellipsis: Option<Option<E>>,
}

/// A comprehension.
#[derive(Debug)]
pub struct Comprehension {
    /// The clauses.
    pub clauses: Vec<Clause>,
    /// The struct that is yielded.
    pub value: E,
    /// What is yielded where nothing else is.
    pub otherwise: Option<E>,
}

/// A clause.
#[derive(Debug)]
pub enum Clause {
    /// `for key, value in source`
    For {
        /// Label of the key.
        key: Option<Label>,
        /// Label of the value.
        value: Label,
        /// What is gone through.
        source: E,
    },
    /// `if condition`
    If(E),
    /// `let name = value`
    Let(Label, E),
}
