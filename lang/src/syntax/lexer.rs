//! From text to raw tokens and comments.
//!
//! logos finds the tokens of ordinary text; the bodies of strings and attributes are scanned by hand, because their end depends on the
//! quotes, the number of `#` and open brackets. A stack of open strings brings the lexer back into a string after
//! the `)` of an interpolation. Commas are inserted later (`layout.rs`). Tests: below.

use super::ast::Space;
use super::token::{Tok, Token};
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};
use logos::Logos;

/// What the lexer found.
#[derive(Default)]
pub(crate) struct Lexed {
    /// Every token, in order.
    pub(crate) tokens: Vec<Token>,
    /// Every comment from `//` to before the line's end.
    pub(crate) comments: Vec<(u32, u32)>,
    /// What was wrong.
    pub(crate) errors: Vec<Diagnostic>,
}

/// Whether a text is one name, and nothing else.
pub(crate) fn is_name(text: &str) -> bool {
    let mut lexer = Raw::lexer(text);
    lexer.next() == Some(Ok(Raw::Ident)) && lexer.span() == (0..text.len())
}

#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(skip r"[ \t\r\n]+")]
enum Raw {
    #[regex(r"//[^\n]*", allow_greedy = true)]
    Comment,
    #[regex(r"(_?#)?[\p{L}_$][\p{L}\p{Nd}_$]*")]
    #[regex(r"_?#")]
    Ident,
    #[token("else")]
    #[token("false")]
    #[token("for")]
    #[token("if")]
    #[token("import")]
    #[token("in")]
    #[token("let")]
    #[token("null")]
    #[token("package")]
    #[token("true")]
    #[token("try")]
    Word,
    #[regex(r"0[xX][0-9a-zA-Z_]*")]
    #[regex(r"0[bo][0-9_]*")]
    #[regex(r"[0-9][0-9_]*(\.[0-9_]*)?([eE][+-]?[0-9_]*)?([KMGTP]i?)?")]
    #[regex(r"\.[0-9][0-9_]*([eE][+-]?[0-9_]*)?([KMGTP]i?)?")]
    Number,
    #[regex(r##"#*["']"##)]
    Quote,
    #[token("@")]
    At,
    #[token("_|_")]
    Bottom,
    #[token("{")]
    LBrace,
    #[token("}")]
    RBrace,
    #[token("[")]
    LBrack,
    #[token("]")]
    RBrack,
    #[token("(")]
    LParen,
    #[token(")")]
    RParen,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(".")]
    Dot,
    #[token("...")]
    Ellipsis,
    #[token("?")]
    Question,
    #[token("=")]
    Assign,
    #[token("!")]
    Not,
    #[token("|")]
    Or,
    #[token("&")]
    And,
    #[token("||")]
    LogicalOr,
    #[token("&&")]
    LogicalAnd,
    #[token("==")]
    Equal,
    #[token("!=")]
    NotEqual,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEqual,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEqual,
    #[token("=~")]
    Match,
    #[token("!~")]
    NotMatch,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
}

/// The quotes of a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    /// `"` or `'`.
    pub(crate) mark: u8,
    /// How many `#`.
    pub(crate) hashes: usize,
    /// Whether there are three marks.
    pub(crate) multiline: bool,
}

impl Quote {
    /// Reads the quotes at the start of a literal as written.
    pub(crate) fn of(raw: &str) -> Option<Quote> {
        let bytes = raw.as_bytes();
        let hashes = bytes.iter().take_while(|b| **b == b'#').count();
        let mark = *bytes.get(hashes)?;
        let triple = bytes.get(hashes + 1) == Some(&mark) && bytes.get(hashes + 2) == Some(&mark);
        let after = bytes.get(hashes + 3..).unwrap_or_default();
        let multiline = triple && (after.starts_with(b"\n") || after.starts_with(b"\r\n"));
        matches!(mark, b'"' | b'\'').then_some(Quote { mark, hashes, multiline })
    }

    /// The length of the opening and of the closing quotes with their `#`.
    pub(crate) fn len(self) -> usize {
        self.hashes + if self.multiline { 3 } else { 1 }
    }
}

/// A string that an interpolation has interrupted.
struct Open {
    quote: Quote,
    /// Parentheses opened inside the interpolation.
    parens: usize,
    /// Where the literal begins.
    start: usize,
}

/// How a piece of a string ended.
enum End {
    /// With the closing quotes; the offset after them.
    Closed(usize),
    /// With `\(`; the offset after it.
    Interpolation(usize),
    /// With the line or the file; the offset there.
    Unterminated(usize),
}

/// Scans the body of a string from `at`, which is behind the opening quotes or behind the `)` of an interpolation.
fn scan_string(text: &[u8], mut at: usize, q: Quote) -> End {
    if q.hashes == 0 && !q.multiline {
        // The form that nearly every literal has: nothing but these bytes matters.
        let rest = text.get(at..).unwrap_or_default();
        let plain = rest.iter().position(|b| *b == q.mark || *b == b'\\' || *b == b'\n');
        at += plain.unwrap_or(rest.len());
    }
    let closes = |at: usize| {
        let marks = if q.multiline { 3 } else { 1 };
        // Three quotes within a line are text: only white space may stand before the closing ones.
        let before = text[..at].iter().rev().find(|b| !matches!(b, b' ' | b'\t' | b'\r'));
        if q.multiline && before != Some(&b'\n') {
            return false;
        }
        text.get(at..at + marks).is_some_and(|s| s.iter().all(|b| *b == q.mark))
            && text.get(at + marks..at + marks + q.hashes).is_some_and(|s| s.iter().all(|b| *b == b'#'))
    };
    while let Some(&b) = text.get(at) {
        if b == q.mark && closes(at) {
            return End::Closed(at + q.len());
        }
        if b == b'\\' && text.get(at + 1..at + 1 + q.hashes).is_some_and(|s| s.iter().all(|b| *b == b'#')) {
            match text.get(at + 1 + q.hashes) {
                Some(b'(') => return End::Interpolation(at + 2 + q.hashes),
                // Which escapes there are is for the decoder to say.
                Some(b'\n') if !q.multiline => return End::Unterminated(at),
                Some(_) => at += 2 + q.hashes,
                None => return End::Unterminated(text.len()),
            }
            continue;
        }
        if b == b'\n' && !q.multiline {
            return End::Unterminated(at);
        }
        at += 1;
    }
    End::Unterminated(text.len())
}

/// Breaks a text into tokens. Never fails: what is wrong is in `errors`, and the tokens go on after it.
pub(crate) fn lex(file: FileId, text: &str) -> Lexed {
    Lexer { file, text, out: Lexed::default(), strings: Vec::new(), space: Space::None }.run()
}

struct Lexer<'a> {
    file: FileId,
    text: &'a str,
    out: Lexed,
    strings: Vec<Open>,
    /// What stands before the token that is being read.
    space: Space,
}

/// How many mistakes are kept: a text with more is no text of the language.
const MAX_ERRORS: usize = 100;

/// White space as the formatter sees it.
fn space(white: &[u8]) -> Space {
    match white {
        [] => Space::None,
        [b' '] => Space::Blank,
        _ => match white.iter().filter(|b| **b == b'\n').count() {
            0 => Space::Blank,
            1 => Space::Newline,
            _ => Space::Section,
        },
    }
}

impl Lexer<'_> {
    fn push(&mut self, tok: Tok, start: usize, end: usize) {
        self.out.tokens.push(Token { tok, space: self.space, start: start as u32, end: end as u32 });
    }

    fn error(&mut self, code: Code, start: usize, end: usize, message: impl Into<String>) -> &mut Diagnostic {
        let d = Diagnostic::new(code, message).at(Span::new(self.file, start, end), "");
        if self.out.errors.len() >= MAX_ERRORS {
            self.out.errors.pop();
        }
        self.out.errors.push(d);
        let last = self.out.errors.len() - 1;
        &mut self.out.errors[last]
    }

    fn run(mut self) -> Lexed {
        let text = self.text;
        // A byte order mark is allowed at the very start only.
        let skip = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        self.out.tokens.reserve(text.len() / 6);
        let mut lex = Raw::lexer(text);
        lex.bump(skip);
        let mut before = skip;
        while let Some(raw) = lex.next() {
            let span = lex.span();
            let (start, end) = (span.start, span.end);
            self.space = space(&text.as_bytes()[before..start]);
            before = end;
            let tok = match raw {
                Ok(Raw::Comment) => {
                    let end = if text[start..end].ends_with('\r') { end - 1 } else { end };
                    self.out.comments.push((start as u32, end as u32));
                    continue;
                }
                Ok(Raw::Quote) => {
                    let Some(quote) = Quote::of(&text[start..]) else { continue };
                    if !quote.multiline && quote.hashes == 0 && is_triple(&text[start..]) {
                        let stop = self.one_line_triple(start);
                        before = advance(&mut lex, stop);
                        continue;
                    }
                    let open = Open { quote, parens: 0, start };
                    let stop = self.string(open, start, start + quote.len(), Tok::String, Tok::InterpStart);
                    before = advance(&mut lex, stop);
                    continue;
                }
                Ok(Raw::RParen) if self.strings.last().is_some_and(|s| s.parens == 0) => {
                    let Some(open) = self.strings.pop() else { continue };
                    let stop = self.string(open, start, end, Tok::InterpEnd, Tok::InterpMid);
                    before = advance(&mut lex, stop);
                    continue;
                }
                Ok(Raw::At) => {
                    let stop = self.attribute(start);
                    before = advance(&mut lex, stop);
                    continue;
                }
                Ok(raw) => self.simple(raw, &text[start..end], start),
                Err(()) => {
                    self.bad(start, end);
                    Tok::Bad
                }
            };
            self.push(tok, start, end);
        }
        self.space = Space::None;
        let end = self.text.len();
        if let Some(open) = self.strings.last().map(|open| open.start) {
            // Those around it are open because this one is.
            self.error(Code::Syntax, open, end, "an interpolation is not closed: `)` is missing").hint =
                Some("write `\\(value)` with a closing parenthesis before the end of the string".into());
        }
        for _ in 0..self.strings.len() {
            self.push(Tok::InterpEnd, end, end);
        }
        self.out
    }

    fn simple(&mut self, raw: Raw, text: &str, start: usize) -> Tok {
        match raw {
            Raw::LParen => {
                if let Some(s) = self.strings.last_mut() {
                    s.parens += 1;
                }
                Tok::LParen
            }
            Raw::RParen => {
                if let Some(s) = self.strings.last_mut() {
                    s.parens -= 1;
                }
                Tok::RParen
            }
            Raw::Number => {
                if let Err((message, at)) = super::literal::check_number(text) {
                    let at = start + at.min(text.len().saturating_sub(1));
                    self.error(Code::Literal, at, start + text.len(), message);
                }
                Tok::Number
            }
            Raw::Ident => Tok::Ident,
            Raw::Word => Tok::Word,
            Raw::Bottom => Tok::Bottom,
            Raw::LBrace => Tok::LBrace,
            Raw::RBrace => Tok::RBrace,
            Raw::LBrack => Tok::LBrack,
            Raw::RBrack => Tok::RBrack,
            Raw::Comma => Tok::Comma,
            Raw::Colon => Tok::Colon,
            Raw::Dot => Tok::Dot,
            Raw::Ellipsis => Tok::Ellipsis,
            Raw::Question => Tok::Question,
            Raw::Assign => Tok::Assign,
            Raw::Not => Tok::Not,
            Raw::Or => Tok::Or,
            Raw::And => Tok::And,
            Raw::LogicalOr => Tok::LogicalOr,
            Raw::LogicalAnd => Tok::LogicalAnd,
            Raw::Equal => Tok::Equal,
            Raw::NotEqual => Tok::NotEqual,
            Raw::Less => Tok::Less,
            Raw::LessEqual => Tok::LessEqual,
            Raw::Greater => Tok::Greater,
            Raw::GreaterEqual => Tok::GreaterEqual,
            Raw::Match => Tok::Match,
            Raw::NotMatch => Tok::NotMatch,
            Raw::Plus => Tok::Plus,
            Raw::Minus => Tok::Minus,
            Raw::Star => Tok::Star,
            Raw::Slash => Tok::Slash,
            Raw::Comment | Raw::Quote | Raw::At => Tok::Bad,
        }
    }

    fn bad(&mut self, start: usize, end: usize) {
        let Some(c) = self.text[start..end].chars().next() else { return };
        let hint = match c {
            ';' => Some("declarations are separated by a new line or `,`"),
            '`' => Some("strings are written \"like this\" or \"\"\" over several lines"),
            '\u{201c}' | '\u{201d}' => Some("write a plain quotation mark: \""),
            _ => None,
        };
        self.error(Code::Syntax, start, end, format!("the character {c:?} has no meaning here")).hint =
            hint.map(String::from);
    }

    /// `"""` with text behind it on the same line. Gives where it stops.
    fn one_line_triple(&mut self, start: usize) -> usize {
        let marks = &self.text[start..start + 3];
        let line = self.text[start..].lines().next().map_or(0, str::len);
        let rest = &self.text[start + 3..start + line.max(3)];
        let end = rest.find(marks).map_or(start + line, |at| start + 3 + at + 3);
        self.error(Code::Literal, start, start + 3, format!("a new line must follow {marks}")).hint =
            Some(format!("begin the text on the next line, or use a single {}", &marks[..1]));
        self.push(Tok::Bad, start, end);
        end
    }

    /// A piece of a literal: from `start`, its body from `body`. Gives where it stops.
    fn string(&mut self, open: Open, start: usize, body: usize, whole: Tok, part: Tok) -> usize {
        match scan_string(self.text.as_bytes(), body, open.quote) {
            End::Closed(end) => {
                self.push(whole, start, end);
                end
            }
            End::Interpolation(end) => {
                self.push(part, start, end);
                self.strings.push(Open { parens: 0, ..open });
                end
            }
            End::Unterminated(end) => {
                let marks = if open.quote.multiline { 3 } else { 1 };
                let mut close = String::new();
                (0..marks).for_each(|_| close.push(char::from(open.quote.mark)));
                (0..open.quote.hashes).for_each(|_| close.push('#'));
                let what = if open.quote.mark == b'"' { "string" } else { "bytes literal" };
                let last = self.text[open.start..end].lines().next().map_or(end, |l| open.start + l.len());
                self.error(
                    Code::Literal,
                    open.start,
                    last,
                    format!("the {what} is not closed: {close} is missing"),
                )
                .hint = match (open.quote.multiline, end < self.text.len()) {
                    (true, _) => Some(format!("{close} closes the {what} only on a line of its own")),
                    (false, true) => {
                        Some("text over several lines goes between \"\"\" and \"\"\"".to_owned())
                    }
                    (false, false) => None,
                };
                self.push(if whole == Tok::String { Tok::Bad } else { whole }, start, end);
                end
            }
        }
    }

    /// `@name(body)`. Gives where it stops.
    fn attribute(&mut self, start: usize) -> usize {
        let text = self.text;
        let name: usize = text[start + 1..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
            .map(char::len_utf8)
            .sum();
        let mut at = start + 1 + name;
        let bytes = text.as_bytes();
        // The reference allows an empty name.
        if bytes.get(at) != Some(&b'(') {
            self.error(Code::Syntax, start, at, "an attribute is written `@name(...)`");
            self.push(Tok::Bad, start, at);
            return at;
        }
        let mut open = vec![b')'];
        at += 1;
        while let Some(&b) = bytes.get(at) {
            match b {
                b'(' => open.push(b')'),
                b'[' => open.push(b']'),
                b'{' => open.push(b'}'),
                b')' | b']' | b'}' => {
                    if open.last() != Some(&b) {
                        let c = char::from(b);
                        self.error(
                            Code::Syntax,
                            at,
                            at + 1,
                            format!("`{c}` closes nothing in this attribute"),
                        );
                        self.push(Tok::Bad, start, at + 1);
                        return at + 1;
                    }
                    open.pop();
                    if open.is_empty() {
                        self.push(Tok::Attribute, start, at + 1);
                        return at + 1;
                    }
                }
                b'/' if bytes.get(at + 1) == Some(&b'/') => {
                    at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at);
                    continue;
                }
                b'"' | b'\'' | b'#' => {
                    let hashes = bytes[at..].iter().take_while(|b| **b == b'#').count();
                    if !matches!(bytes.get(at + hashes), Some(b'"' | b'\'')) {
                        at += hashes.max(1);
                        continue;
                    }
                    let Some(quote) = Quote::of(&text[at..]) else { break };
                    match scan_string(bytes, at + quote.len(), quote) {
                        End::Closed(end) => at = end,
                        End::Interpolation(end) => {
                            self.error(Code::Syntax, at, end, "an attribute may not hold an interpolation");
                            at = end;
                            open.push(b')');
                        }
                        End::Unterminated(end) => {
                            self.error(Code::Literal, at, end, "a string in this attribute is not closed");
                            at = end;
                        }
                    }
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        let line = text[start..].lines().next().map_or(text.len(), |l| start + l.len());
        self.error(Code::Syntax, start, line, "the attribute is not closed: `)` is missing");
        self.push(Tok::Bad, start, text.len());
        text.len()
    }
}

fn is_triple(text: &str) -> bool {
    text.starts_with("\"\"\"") || text.starts_with("'''")
}

/// Moves the lexer to an offset that lies at or behind its place. Gives where it is then.
fn advance(lex: &mut logos::Lexer<'_, Raw>, to: usize) -> usize {
    let by = to.saturating_sub(lex.span().end);
    lex.bump(by);
    lex.span().end
}
