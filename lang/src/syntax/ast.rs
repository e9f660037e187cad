//! The syntax tree: what was written, with spans, comments and the spacing that the formatter keeps.
//!
//! The tree holds literals both as written (for `fmt`) and decoded (for the compiler). It knows nothing of scopes or values. The
//! grammar is in `grammar.lalrpop`; the lexer, comma insertion and the placing of comments are beside it.

use crate::source::{FileId, Span};
use std::sync::Arc;

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
pub struct CommentGroup {
    /// Where it stands.
    pub place: Place,
    /// The lines as written, with `//`, without line ends.
    pub lines: Vec<(Span, Arc<str>)>,
    /// The spacing before the first line.
    pub space: Space,
}

/// The comments of a node; mostly none.
pub type Comments = Vec<CommentGroup>;

/// A file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Which file of the source map this is.
    pub id: FileId,
    /// Attributes before the package clause.
    pub attributes: Vec<Attribute>,
    /// `package NAME`.
    pub package: Option<Package>,
    /// Import declarations, one per keyword.
    pub imports: Vec<ImportDecl>,
    /// Everything else, in order.
    pub decls: Vec<Decl>,
    /// Comments that belong to no declaration (a file of comments only, the end of the file).
    pub comments: Comments,
}

/// `package NAME`.
#[derive(Clone, Debug)]
pub struct Package {
    /// The name.
    pub name: Ident,
    /// The whole clause.
    pub span: Span,
    /// Its comments: the documentation of the package.
    pub comments: Comments,
    /// Spacing before it.
    pub space: Space,
}

/// `import "x"` or `import ( ... )`.
#[derive(Clone, Debug)]
pub struct ImportDecl {
    /// The imports.
    pub specs: Vec<ImportSpec>,
    /// Whether they stand in parentheses.
    pub parens: bool,
    /// The whole declaration.
    pub span: Span,
    /// Its comments.
    pub comments: Comments,
    /// Spacing before it.
    pub space: Space,
}

/// One import.
#[derive(Clone, Debug)]
pub struct ImportSpec {
    /// The local name, if one is written.
    pub name: Option<Ident>,
    /// The path.
    pub path: StrLit,
    /// The whole import.
    pub span: Span,
    /// Its comments.
    pub comments: Comments,
    /// Spacing before it.
    pub space: Space,
}

/// An identifier as written, also with `#` or `_` in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name.
    pub name: Arc<str>,
    /// Where.
    pub span: Span,
}

/// A string or bytes literal without interpolation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrLit {
    /// As written, with quotes.
    pub raw: Arc<str>,
    /// Decoded. Bytes literals hold any bytes; strings hold UTF-8.
    pub value: Arc<[u8]>,
    /// Whether it is a bytes literal (single quotes).
    pub bytes: bool,
    /// Where.
    pub span: Span,
}

impl StrLit {
    /// The decoded text; replaced where bytes are not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.value).into_owned()
    }
}

/// `@name(body)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// As written, from `@` to `)`.
    pub text: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// What is between the parentheses.
    pub body: Arc<str>,
    /// Where.
    pub span: Span,
    /// Its comments.
    pub comments: Comments,
    /// Spacing before it.
    pub space: Space,
}

/// A declaration in a struct or file.
///
/// A comment on the lines before a chain `a: b: c: 1` is kept at the innermost declaration, `c: 1`: as in the reference, it
/// documents the field that the chain is about. A comment behind a chain is kept at the outermost.
#[derive(Clone, Debug)]
pub struct Decl {
    /// What is declared.
    pub kind: DeclKind,
    /// The whole declaration.
    pub span: Span,
    /// Its comments.
    pub comments: Comments,
    /// Spacing before it.
    pub space: Space,
}

impl Decl {
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
pub enum DeclKind {
    /// `label: value`.
    Field(Box<Field>),
    /// An embedded expression; comprehensions too ([`ExprKind::Comprehension`]).
    Embed(Expr),
    /// `let NAME = expr`.
    Let {
        /// The name.
        name: Ident,
        /// The value.
        value: Expr,
    },
    /// `...` or `...expr`.
    Ellipsis(Option<Expr>),
    /// `@attr(...)`.
    Attribute(Attribute),
    /// What could not be parsed; a diagnostic tells why.
    Bad,
}

/// `label: value @attr(...)`.
#[derive(Clone, Debug)]
pub struct Field {
    /// The alias in front of the label, `X=label: value`.
    pub alias: Option<Ident>,
    /// The label.
    pub label: Label,
    /// `?`, `!` or neither.
    pub constraint: Constraint,
    /// Where the colon stands.
    pub colon: Span,
    /// The value. For `a: b: c` it is a struct without braces.
    pub value: Expr,
    /// Attributes after the value.
    pub attributes: Vec<Attribute>,
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
pub struct Label {
    /// What is written.
    pub kind: LabelKind,
    /// Where, with brackets and quotes, without alias and `?`.
    pub span: Span,
}

/// The kinds of label.
#[derive(Clone, Debug)]
pub enum LabelKind {
    /// `a`, `#A`, `_a`: declares the identifier.
    Ident(Arc<str>),
    /// `"a"`: does not.
    String(StrLit),
    /// `"\(x)"`: dynamic ([`ExprKind::Interpolation`]).
    Interpolation(Box<Expr>),
    /// `(expr)`: dynamic; the alias of `(X=expr)` is kept as [`ExprKind::Alias`].
    Dynamic(Box<Expr>),
    /// `[expr]`: a pattern; the alias of `[X=expr]` is kept as [`ExprKind::Alias`].
    Pattern(Box<Expr>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
    /// Its comments.
    pub comments: Comments,
    /// Spacing before it.
    pub space: Space,
}

impl Expr {
    /// An expression without comments.
    pub fn new(kind: ExprKind, span: Span) -> Expr {
        Expr { kind, span, comments: Vec::new(), space: Space::None }
    }
}

/// The kinds of expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// What could not be parsed.
    Bad,
    /// A name; `_` is the identifier `_` (top).
    Ident(Arc<str>),
    /// `_|_`.
    Bottom,
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number as written (`1_000`, `1.5Gi`, `0xff`, `1e3`), checked by the parser.
    Number(Arc<str>),
    /// A string or bytes literal.
    String(StrLit),
    /// A literal with interpolations.
    Interpolation(Box<Interpolation>),
    /// `{...}`.
    Struct(StructLit),
    /// `[...]`.
    List(ListLit),
    /// Clauses and a struct; in structs and lists only.
    Comprehension(Box<Comprehension>),
    /// `op x`. `*x` marks a default within a disjunction.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Where it stands.
        op_span: Span,
        /// The operand.
        x: Box<Expr>,
    },
    /// `l op r`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where it stands.
        op_span: Span,
        /// Left.
        l: Box<Expr>,
        /// Right.
        r: Box<Expr>,
    },
    /// `x.name` or `x."name"`.
    Selector {
        /// The operand.
        x: Box<Expr>,
        /// The name: [`LabelKind::Ident`] or [`LabelKind::String`].
        sel: Label,
    },
    /// `x[i]`.
    Index {
        /// The operand.
        x: Box<Expr>,
        /// The index.
        index: Box<Expr>,
    },
    /// `x[lo:hi]`: not in the specification, but the reference implementation has it still.
    Slice {
        /// The operand.
        x: Box<Expr>,
        /// From here; the beginning where it is left out.
        lo: Option<Box<Expr>>,
        /// To before here; the end where it is left out.
        hi: Option<Box<Expr>>,
    },
    /// `f(args)`.
    Call {
        /// The function.
        fun: Box<Expr>,
        /// The arguments.
        args: Vec<Expr>,
        /// From `(` to `)`.
        parens: Span,
        /// Spacing before the `)`.
        close: Space,
    },
    /// `(x)`.
    Paren(Box<Expr>),
    /// `X=expr` before a value, or in a label.
    Alias {
        /// The name.
        name: Ident,
        /// The value.
        value: Box<Expr>,
    },
    /// `expr...`: opens what is closed (an experiment of the reference, parsed so that it can be reported or formatted).
    Open(Box<Expr>),
}

/// A literal with interpolations. `parts[0] exprs[0] parts[1] ... parts[n]`.
#[derive(Clone, Debug)]
pub struct Interpolation {
    /// The literal pieces: as written (the first with the opening quote, up to and with `\(`; the next from `)`) and decoded.
    pub parts: Vec<StrLit>,
    /// The expressions between them.
    pub exprs: Vec<Expr>,
    /// Whether it is a bytes literal.
    pub bytes: bool,
}

/// `{ decls }`, or the one field of `a: b: c`.
#[derive(Clone, Debug)]
pub struct StructLit {
    /// The declarations.
    pub decls: Vec<Decl>,
    /// Where the braces stand; `None` for the short form of nested fields.
    pub braces: Option<(Span, Span)>,
    /// Spacing before the closing brace.
    pub close: Space,
}

/// `[ elems, ...type ]`.
#[derive(Clone, Debug)]
pub struct ListLit {
    /// The elements; comprehensions among them.
    pub elems: Vec<Expr>,
    /// `...` or `...type`.
    pub ellipsis: Option<Ellipsis>,
    /// Where the brackets stand.
    pub brackets: (Span, Span),
    /// Whether commas are written at line ends; they may be left out since v0.17.
    pub commas: bool,
    /// Spacing before the closing bracket.
    pub close: Space,
}

/// The `...` of a list.
#[derive(Clone, Debug)]
pub struct Ellipsis {
    /// The type of the elements that may follow.
    pub value: Option<Box<Expr>>,
    /// The whole of it.
    pub span: Span,
    /// Its comments.
    pub comments: Comments,
    /// Spacing before it.
    pub space: Space,
}

/// `for x in y if z let a = b { ... }`, with `else { ... }` where the language has it.
#[derive(Clone, Debug)]
pub struct Comprehension {
    /// The clauses.
    pub clauses: Vec<Clause>,
    /// The value: an expression of kind struct.
    pub value: Expr,
    /// `else { ... }`.
    pub otherwise: Option<Expr>,
}

/// A clause of a comprehension.
#[derive(Clone, Debug)]
pub struct Clause {
    /// What it is.
    pub kind: ClauseKind,
    /// Where.
    pub span: Span,
    /// Its comments.
    pub comments: Comments,
    /// Spacing before it.
    pub space: Space,
}

/// The kinds of clause.
#[derive(Clone, Debug)]
pub enum ClauseKind {
    /// `for key, value in source`.
    For {
        /// The first name where two are given.
        key: Option<Ident>,
        /// The only name, or the second.
        value: Ident,
        /// What is gone through.
        source: Expr,
    },
    /// `if condition`.
    If(Expr),
    /// `let name = value`.
    Let {
        /// The name.
        name: Ident,
        /// The value.
        value: Expr,
    },
    /// `try` (an experiment of the reference): with a name and value, or alone.
    Try(Option<(Ident, Expr)>),
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
