//! The syntax tree: what was written, with spans, comments and the spacing that the formatter keeps.
//!
//! The tree borrows names and literals from the text it was parsed from, so that parsing copies none of it; what is decoded (a string with
//! escapes) is its own. Nodes are kept small, because they are moved while they are built: what is rare is boxed. The tree knows
//! nothing of scopes or values. The lexer, comma insertion, the grammar and the placing of comments are beside it.

use crate::source::{FileId, Span};
use std::borrow::Cow;
use std::ops::Deref;

/// White space before a node, as far as the formatter keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Nothing, or what the formatter chooses.
    #[default]
    None,
    /// A blank on the same line.
    Blank,
    /// The node starts a line.
    Newline,
    /// At least one empty line stands before the node.
    Section,
}

/// Where a comment group stands relative to its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the lines before the node: its documentation.
    Doc,
    /// After the node on the same line.
    Line,
    /// Inside the node, before its closing bracket or after its last part.
    Inner,
    /// On lines of its own after the node.
    After,
}

/// Consecutive `//` lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentGroup<'t> {
    /// Where it stands.
    pub place: Place,
    /// The lines as written, with `//`, without line ends.
    pub lines: Vec<(Span, &'t str)>,
    /// The spacing before the first line.
    pub space: Space,
}

/// The comments of a node; mostly none, so that they take one word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::box_collection, reason = "one word in each of many nodes that have no comments")]
pub struct Comments<'t>(Option<Box<Vec<CommentGroup<'t>>>>);

impl<'t> Comments<'t> {
    /// Adds a group behind the others.
    pub fn push(&mut self, group: CommentGroup<'t>) {
        self.0.get_or_insert_default().push(group);
    }

    /// Adds a group before the others.
    pub fn push_front(&mut self, group: CommentGroup<'t>) {
        self.0.get_or_insert_default().insert(0, group);
    }

    /// The first group, to be changed.
    pub fn first_mut(&mut self) -> Option<&mut CommentGroup<'t>> {
        self.0.as_mut()?.first_mut()
    }

    /// Takes the groups out.
    pub fn take(&mut self) -> Vec<CommentGroup<'t>> {
        self.0.take().map(|groups| *groups).unwrap_or_default()
    }
}

impl<'t> Deref for Comments<'t> {
    type Target = [CommentGroup<'t>];

    fn deref(&self) -> &[CommentGroup<'t>] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<'t> Extend<CommentGroup<'t>> for Comments<'t> {
    fn extend<I: IntoIterator<Item = CommentGroup<'t>>>(&mut self, groups: I) {
        groups.into_iter().for_each(|g| self.push(g));
    }
}

/// A file.
#[derive(Clone, Debug, Default)]
pub struct File<'t> {
    /// Which file of the source map this is.
    pub id: FileId,
    /// Attributes before the package clause.
    pub attributes: Vec<Attribute<'t>>,
    /// `package NAME`.
    pub package: Option<Package<'t>>,
    /// Import declarations, one per keyword.
    pub imports: Vec<ImportDecl<'t>>,
    /// Everything else, in order.
    pub decls: Vec<Decl<'t>>,
    /// Comments that belong to no declaration (a file of comments only, the end of the file).
    pub comments: Comments<'t>,
}

/// `package NAME`.
#[derive(Clone, Debug)]
pub struct Package<'t> {
    /// The name.
    pub name: Ident<'t>,
    /// The whole clause.
    pub span: Span,
    /// Its comments: the documentation of the package.
    pub comments: Comments<'t>,
    /// Spacing before it.
    pub space: Space,
}

/// `import "x"` or `import ( ... )`.
#[derive(Clone, Debug)]
pub struct ImportDecl<'t> {
    /// The imports.
    pub specs: Vec<ImportSpec<'t>>,
    /// Whether they stand in parentheses.
    pub parens: bool,
    /// The whole declaration.
    pub span: Span,
    /// Its comments.
    pub comments: Comments<'t>,
    /// Spacing before it.
    pub space: Space,
}

/// One import.
#[derive(Clone, Debug)]
pub struct ImportSpec<'t> {
    /// The local name, if one is written.
    pub name: Option<Ident<'t>>,
    /// The path.
    pub path: StrLit<'t>,
    /// The whole import.
    pub span: Span,
    /// Its comments.
    pub comments: Comments<'t>,
    /// Spacing before it.
    pub space: Space,
}

/// An identifier as written, also with `#` or `_` in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident<'t> {
    /// The name.
    pub name: &'t str,
    /// Where.
    pub span: Span,
}

/// A string or bytes literal without interpolation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrLit<'t> {
    /// As written, with quotes.
    pub raw: &'t str,
    /// Decoded, where that is not just what stands between single delimiters. See [`StrLit::value`].
    pub decoded: Option<Box<[u8]>>,
    /// Whether it is a bytes literal (single quotes).
    pub bytes: bool,
    /// Where.
    pub span: Span,
}

impl StrLit<'_> {
    /// What is denoted. Bytes literals hold any bytes; strings hold UTF-8.
    pub fn value(&self) -> &[u8] {
        if let Some(decoded) = &self.decoded {
            return decoded;
        }
        let behind = if self.raw.ends_with("\\(") { 2 } else { 1 };
        self.raw.as_bytes().get(1..self.raw.len().saturating_sub(behind)).unwrap_or_default()
    }

    /// The decoded text; replaced where bytes are not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.value())
    }
}

/// `@name(body)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'t> {
    /// As written, from `@` to `)`.
    pub text: &'t str,
    /// The name.
    pub name: &'t str,
    /// What is between the parentheses.
    pub body: &'t str,
    /// Where.
    pub span: Span,
    /// Its comments.
    pub comments: Comments<'t>,
    /// Spacing before it.
    pub space: Space,
}

/// A declaration in a struct or file.
///
/// A comment on the lines before a chain `a: b: c: 1` is kept at the innermost declaration, `c: 1`: as in the reference, it
/// documents the field that the chain is about. A comment behind a chain is kept at the outermost.
#[derive(Clone, Debug)]
pub struct Decl<'t> {
    /// What is declared.
    pub kind: DeclKind<'t>,
    /// The whole declaration.
    pub span: Span,
    /// Its comments.
    pub comments: Comments<'t>,
    /// Spacing before it.
    pub space: Space,
}

impl Decl<'_> {
    /// The lines of the documentation, without `//` and one blank behind it: those of the comment that ends on the line before the
    /// declaration. `// +patchKey=name` gives `+patchKey=name`.
    ///
    /// ```
    /// use stepwell_lang::{source::FileId, syntax::{self, ast::DeclKind}};
    /// let (file, _) = syntax::parse(FileId(0), "// +usage=How many\nreplicas: 1\n");
    /// assert_eq!(file.decls[0].docs().collect::<Vec<_>>(), ["+usage=How many"]);
    /// ```
    pub fn docs(&self) -> impl Iterator<Item = &str> {
        let adjoining = !matches!(self.space, Space::Section);
        let group = self.comments.iter().rfind(|c| c.place == Place::Doc).filter(|_| adjoining);
        group.into_iter().flat_map(|g| &g.lines).map(|(_, line)| {
            let text = line.strip_prefix("//").unwrap_or(line);
            text.strip_prefix(' ').unwrap_or(text).trim_end()
        })
    }
}

/// The kinds of declaration.
#[derive(Clone, Debug)]
pub enum DeclKind<'t> {
    /// `label: value`.
    Field(Field<'t>),
    /// An embedded expression; comprehensions too ([`ExprKind::Comprehension`]).
    Embed(Box<Expr<'t>>),
    /// `let NAME = expr`.
    Let {
        /// The name.
        name: Ident<'t>,
        /// The value.
        value: Box<Expr<'t>>,
    },
    /// `...` or `...expr`.
    Ellipsis(Option<Box<Expr<'t>>>),
    /// `@attr(...)`.
    Attribute(Box<Attribute<'t>>),
    /// What could not be parsed; a diagnostic tells why.
    Bad,
}

/// `label: value @attr(...)`.
#[derive(Clone, Debug)]
pub struct Field<'t> {
    /// The alias in front of the label, `X=label: value`.
    pub alias: Option<Box<Ident<'t>>>,
    /// The label.
    pub label: Label<'t>,
    /// `?`, `!` or neither.
    pub constraint: Constraint,
    /// The value. For `a: b: c` it is a struct without braces.
    pub value: Expr<'t>,
    /// Attributes after the value.
    pub attributes: Vec<Attribute<'t>>,
}

/// Whether a field is regular, optional or required.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constraint {
    /// `a:`.
    #[default]
    Regular,
    /// `a!:`.
    Required,
    /// `a?:`.
    Optional,
}

/// A label.
#[derive(Clone, Debug)]
pub struct Label<'t> {
    /// What is written.
    pub kind: LabelKind<'t>,
    /// Where, with brackets and quotes, without alias and `?`.
    pub span: Span,
}

/// The kinds of label.
#[derive(Clone, Debug)]
pub enum LabelKind<'t> {
    /// `a`, `#A`, `_a`: declares the identifier.
    Ident(&'t str),
    /// `"a"`: does not.
    String(StrLit<'t>),
    /// `"\(x)"`: dynamic ([`ExprKind::Interpolation`]).
    Interpolation(Box<Expr<'t>>),
    /// `(expr)`: dynamic; the alias of `(X=expr)` is kept as [`ExprKind::Alias`].
    Dynamic(Box<Expr<'t>>),
    /// `[expr]`: a pattern; the alias of `[X=expr]` is kept as [`ExprKind::Alias`].
    Pattern(Box<Expr<'t>>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr<'t> {
    /// What it is.
    pub kind: ExprKind<'t>,
    /// Where.
    pub span: Span,
    /// Its comments.
    pub comments: Comments<'t>,
    /// Spacing before it.
    pub space: Space,
}

impl<'t> Expr<'t> {
    /// An expression without comments.
    pub fn new(kind: ExprKind<'t>, span: Span) -> Expr<'t> {
        Expr { kind, span, comments: Comments::default(), space: Space::None }
    }
}

/// The kinds of expression.
#[derive(Clone, Debug)]
pub enum ExprKind<'t> {
    /// What could not be parsed.
    Bad,
    /// A name; `_` is the identifier `_` (top).
    Ident(&'t str),
    /// `_|_`.
    Bottom,
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number as written (`1_000`, `1.5Gi`, `0xff`, `1e3`), checked by the parser.
    Number(&'t str),
    /// A string or bytes literal.
    String(StrLit<'t>),
    /// A literal with interpolations.
    Interpolation(Box<Interpolation<'t>>),
    /// `{...}`.
    Struct(StructLit<'t>),
    /// `[...]`.
    List(ListLit<'t>),
    /// Clauses and a struct; in structs and lists only.
    Comprehension(Box<Comprehension<'t>>),
    /// `op x`. `*x` marks a default within a disjunction.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Where it stands.
        op_span: Span,
        /// The operand.
        x: Box<Expr<'t>>,
    },
    /// `l op r`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where it stands.
        op_span: Span,
        /// Left.
        l: Box<Expr<'t>>,
        /// Right.
        r: Box<Expr<'t>>,
    },
    /// `x.name` or `x."name"`.
    Selector {
        /// The operand.
        x: Box<Expr<'t>>,
        /// The name: [`LabelKind::Ident`] or [`LabelKind::String`].
        sel: Box<Label<'t>>,
    },
    /// `x[i]`.
    Index {
        /// The operand.
        x: Box<Expr<'t>>,
        /// The index.
        index: Box<Expr<'t>>,
    },
    /// `x[lo:hi]`: not in the specification, but the reference implementation has it still.
    Slice {
        /// The operand.
        x: Box<Expr<'t>>,
        /// From here; the beginning where it is left out.
        lo: Option<Box<Expr<'t>>>,
        /// To before here; the end where it is left out.
        hi: Option<Box<Expr<'t>>>,
    },
    /// `f(args)`.
    Call {
        /// The function.
        fun: Box<Expr<'t>>,
        /// The arguments.
        args: Vec<Expr<'t>>,
        /// Spacing before the `)`.
        close: Space,
    },
    /// `(x)`.
    Paren(Box<Expr<'t>>),
    /// `X=expr` before a value, or in a label.
    Alias {
        /// The name.
        name: Ident<'t>,
        /// The value.
        value: Box<Expr<'t>>,
    },
    /// `expr...`: opens what is closed (an experiment of the reference, parsed so that it can be reported or formatted).
    Open(Box<Expr<'t>>),
}

/// A literal with interpolations. `parts[0] exprs[0] parts[1] ... parts[n]`.
#[derive(Clone, Debug)]
pub struct Interpolation<'t> {
    /// The literal pieces: as written (the first with the opening quote, up to and with `\(`; the next from `)`) and decoded.
    pub parts: Vec<StrLit<'t>>,
    /// The expressions between them.
    pub exprs: Vec<Expr<'t>>,
    /// Whether it is a bytes literal.
    pub bytes: bool,
}

/// `{ decls }`, or the one field of `a: b: c`.
#[derive(Clone, Debug)]
pub struct StructLit<'t> {
    /// The declarations.
    pub decls: Vec<Decl<'t>>,
    /// Whether it has braces: they are the first and the last byte of the expression. The short form of nested fields has none.
    pub braces: bool,
    /// Spacing before the closing brace.
    pub close: Space,
}

/// `[ elems, ...type ]`.
#[derive(Clone, Debug)]
pub struct ListLit<'t> {
    /// The elements; comprehensions among them.
    pub elems: Vec<Expr<'t>>,
    /// `...` or `...type`.
    pub ellipsis: Option<Box<Ellipsis<'t>>>,
    /// Whether commas are written at line ends; they may be left out since v0.17.
    pub commas: bool,
    /// Spacing before the closing bracket.
    pub close: Space,
}

/// The `...` of a list.
#[derive(Clone, Debug)]
pub struct Ellipsis<'t> {
    /// The type of the elements that may follow.
    pub value: Option<Box<Expr<'t>>>,
    /// The whole of it.
    pub span: Span,
    /// Its comments.
    pub comments: Comments<'t>,
    /// Spacing before it.
    pub space: Space,
}

/// `for x in y if z let a = b { ... }`, with `else { ... }` where the language has it.
#[derive(Clone, Debug)]
pub struct Comprehension<'t> {
    /// The clauses.
    pub clauses: Vec<Clause<'t>>,
    /// The value: an expression of kind struct.
    pub value: Expr<'t>,
    /// `else { ... }`.
    pub otherwise: Option<Expr<'t>>,
}

/// A clause of a comprehension.
#[derive(Clone, Debug)]
pub struct Clause<'t> {
    /// What it is.
    pub kind: ClauseKind<'t>,
    /// Where.
    pub span: Span,
    /// Its comments.
    pub comments: Comments<'t>,
    /// Spacing before it.
    pub space: Space,
}

/// The kinds of clause.
#[derive(Clone, Debug)]
pub enum ClauseKind<'t> {
    /// `for key, value in source`.
    For {
        /// The first name where two are given.
        key: Option<Ident<'t>>,
        /// The only name, or the second.
        value: Ident<'t>,
        /// What is gone through.
        source: Expr<'t>,
    },
    /// `if condition`.
    If(Expr<'t>),
    /// `let name = value`.
    Let {
        /// The name.
        name: Ident<'t>,
        /// The value.
        value: Expr<'t>,
    },
    /// `try` (an experiment of the reference): with a name and value, or alone.
    Try(Option<(Ident<'t>, Expr<'t>)>),
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `!`
    Not,
    /// `*`: the default mark.
    Default,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `!=`
    NotEqual,
    /// `==`
    Equal,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
}

impl UnaryOp {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            UnaryOp::Plus => "+",
            UnaryOp::Minus => "-",
            UnaryOp::Not => "!",
            UnaryOp::Default => "*",
            UnaryOp::Less => "<",
            UnaryOp::LessEqual => "<=",
            UnaryOp::Greater => ">",
            UnaryOp::GreaterEqual => ">=",
            UnaryOp::NotEqual => "!=",
            UnaryOp::Equal => "==",
            UnaryOp::Match => "=~",
            UnaryOp::NotMatch => "!~",
        }
    }
}

/// Binary operators. `div`, `mod`, `quo` and `rem` are the older infix forms of the builtins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `|`
    Or,
    /// `&`
    And,
    /// `||`
    LogicalOr,
    /// `&&`
    LogicalAnd,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `div`
    Div,
    /// `mod`
    Mod,
    /// `quo`
    Quo,
    /// `rem`
    Rem,
}

impl BinaryOp {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Or => "|",
            BinaryOp::And => "&",
            BinaryOp::LogicalOr => "||",
            BinaryOp::LogicalAnd => "&&",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::Match => "=~",
            BinaryOp::NotMatch => "!~",
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Div => "div",
            BinaryOp::Mod => "mod",
            BinaryOp::Quo => "quo",
            BinaryOp::Rem => "rem",
        }
    }

    /// Strength of binding, 1 (`|`) to 7 (`*`); the specification's table of operators.
    pub fn precedence(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And => 2,
            BinaryOp::LogicalOr => 3,
            BinaryOp::LogicalAnd => 4,
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterEqual
            | BinaryOp::Match
            | BinaryOp::NotMatch => 5,
            BinaryOp::Add | BinaryOp::Subtract => 6,
            BinaryOp::Multiply
            | BinaryOp::Divide
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::Quo
            | BinaryOp::Rem => 7,
        }
    }
}
