//! Tokens: what the lexer gives and the grammar reads.
//!
//! A token is a kind, the white space before it and a range; its text is cut from the source when a node is built. A kind added here
//! needs its name in [`Tok::describe`]. Tests: with the lexer.

use super::ast::Space;

/// The kinds of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tok {
    Ident,
    /// A name that is a keyword in some places: for `layout.rs` to decide.
    Word,
    Number,
    /// A whole string or bytes literal without interpolation.
    String,
    /// From the opening quote to `\(`.
    InterpStart,
    /// From `)` to the next `\(`.
    InterpMid,
    /// From `)` to the closing quote.
    InterpEnd,
    Attribute,
    Bottom,
    Null,
    True,
    False,
    Package,
    Import,
    For,
    In,
    If,
    Let,
    Else,
    Try,
    LBrace,
    RBrace,
    LBrack,
    RBrack,
    LParen,
    RParen,
    Comma,
    Colon,
    Dot,
    Ellipsis,
    Question,
    Assign,
    Not,
    Or,
    And,
    LogicalOr,
    LogicalAnd,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Match,
    NotMatch,
    Plus,
    Minus,
    Star,
    Slash,
    /// Text that is no token; already reported.
    Bad,
    /// Stands for a declaration that could not be parsed and has been reported.
    BadDecl,
    /// What the parser sees behind the last token.
    End,
}

/// A token with its range in bytes. An inserted comma is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) tok: Tok,
    /// What stands between it and the token or comment before it.
    pub(crate) space: Space,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Token {
    /// What the parser sees behind the last token. It has no place of its own.
    pub(crate) const END: Token = Token { tok: Tok::End, space: Space::None, start: 0, end: 0 };

    /// Whether this is a comma that nobody wrote.
    pub(crate) fn is_inserted_comma(self) -> bool {
        self.tok == Tok::Comma && self.start == self.end
    }
}

impl Tok {
    /// Whether a newline after this token ends a declaration or element (the specification's rule), which is also whether an
    /// operand ends here.
    pub(crate) fn ends_operand(self) -> bool {
        matches!(
            self,
            Tok::Ident
                | Tok::Number
                | Tok::String
                | Tok::InterpEnd
                | Tok::Attribute
                | Tok::Bottom
                | Tok::Null
                | Tok::True
                | Tok::False
                | Tok::RBrace
                | Tok::RBrack
                | Tok::RParen
                | Tok::Ellipsis
                | Tok::Question
                | Tok::Bad
        )
    }

    /// Whether this token opens a bracket that [`Tok::closes`] ends.
    pub(crate) fn opens(self) -> bool {
        matches!(self, Tok::LBrace | Tok::LBrack | Tok::LParen | Tok::InterpStart | Tok::InterpMid)
    }

    /// Whether this token ends a bracket.
    pub(crate) fn closes(self) -> bool {
        matches!(self, Tok::RBrace | Tok::RBrack | Tok::RParen | Tok::InterpEnd | Tok::InterpMid)
    }

    /// As messages name it.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Tok::Ident | Tok::Word => "a name",
            Tok::Number => "a number",
            Tok::String => "a string",
            Tok::InterpStart => "a string with `\\(...)`",
            Tok::InterpMid | Tok::InterpEnd => "the `)` of an interpolation",
            Tok::Attribute => "an attribute",
            Tok::Bottom => "`_|_`",
            Tok::Null => "`null`",
            Tok::True => "`true`",
            Tok::False => "`false`",
            Tok::Package => "`package`",
            Tok::Import => "`import`",
            Tok::For => "`for`",
            Tok::In => "`in`",
            Tok::If => "`if`",
            Tok::Let => "`let`",
            Tok::Else => "`else`",
            Tok::Try => "`try`",
            Tok::LBrace => "`{`",
            Tok::RBrace => "`}`",
            Tok::LBrack => "`[`",
            Tok::RBrack => "`]`",
            Tok::LParen => "`(`",
            Tok::RParen => "`)`",
            Tok::Comma => "`,`",
            Tok::Colon => "`:`",
            Tok::Dot => "`.`",
            Tok::Ellipsis => "`...`",
            Tok::Question => "`?`",
            Tok::Assign => "`=`",
            Tok::Not => "`!`",
            Tok::Or => "`|`",
            Tok::And => "`&`",
            Tok::LogicalOr => "`||`",
            Tok::LogicalAnd => "`&&`",
            Tok::Equal => "`==`",
            Tok::NotEqual => "`!=`",
            Tok::Less => "`<`",
            Tok::LessEqual => "`<=`",
            Tok::Greater => "`>`",
            Tok::GreaterEqual => "`>=`",
            Tok::Match => "`=~`",
            Tok::NotMatch => "`!~`",
            Tok::Plus => "`+`",
            Tok::Minus => "`-`",
            Tok::Star => "`*`",
            Tok::Slash => "`/`",
            Tok::End => "the end of the file",
            Tok::Bad | Tok::BadDecl => "text that is not understood",
        }
    }
}
