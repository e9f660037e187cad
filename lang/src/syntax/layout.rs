//! From raw tokens to what the grammar reads: commas at line ends, words that are keywords only in some places, and brackets that match.
//!
//! The grammar may rely on it that brackets are balanced and that nesting is bounded: so parsing, and everything that walks the tree by
//! recursion, ends. Tests: with the parser.

use super::ast::Space;
use super::lexer::Lexed;
use super::token::{Tok, Token};
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// How deep brackets may nest.
pub(crate) const MAX_BRACKETS: usize = 500;
/// How deep a tree may become through operators, selectors, calls and nested labels, brackets included.
pub(crate) const MAX_CHAIN: u32 = 2_000;

/// One open bracket.
struct Open {
    token: Token,
    /// What [`Arranger::chain`] and [`Arranger::outside`] were where it was opened.
    chain: u32,
    outside: u32,
}

/// Prepares tokens for the grammar.
pub(crate) fn arrange(file: FileId, text: &str, lexed: Lexed) -> (Vec<Token>, Vec<Diagnostic>) {
    let Lexed { tokens, errors, .. } = lexed;
    let mut a = Arranger {
        file,
        text,
        out: Vec::with_capacity(tokens.len() + tokens.len() / 4),
        errors,
        open: Vec::new(),
        chain: 0,
        outside: 0,
        decls: false,
        given_up: false,
    };
    for (i, &token) in tokens.iter().enumerate() {
        if token.space >= Space::Newline
            && let Some(&last) = a.out.last()
            && last.tok.ends_operand()
            && !matches!(token.tok, Tok::Colon | Tok::Comma | Tok::InterpMid | Tok::InterpEnd)
        {
            a.separate(Token { tok: Tok::Comma, space: Space::None, start: last.end, end: last.end });
        }
        let tok = if token.tok == Tok::Word { a.classify(token, &tokens[i + 1..]) } else { token.tok };
        if !a.push(Token { tok, ..token }) {
            break;
        }
    }
    a.finish(text.len() as u32)
}

struct Arranger<'a> {
    file: FileId,
    text: &'a str,
    out: Vec<Token>,
    errors: Vec<Diagnostic>,
    open: Vec<Open>,
    /// Links of chains since the last separator on this level: an upper bound of the depth they add.
    chain: u32,
    /// The links of all levels outside.
    outside: u32,
    /// Whether a declaration has been seen on the top level, after which `package` and `import` are ordinary names.
    decls: bool,
    /// Whether the rest was given up, so that what is still open needs no report of its own.
    given_up: bool,
}

impl Arranger<'_> {
    fn span(&self, t: Token) -> Span {
        Span::new(self.file, t.start as usize, t.end as usize)
    }

    fn word(&self, t: Token) -> &str {
        self.text.get(t.start as usize..t.end as usize).unwrap_or("")
    }

    /// A comma: chains end here.
    fn separate(&mut self, t: Token) {
        self.chain = 0;
        self.out.push(t);
    }

    /// Whether a declaration, element or clause may begin at the next token.
    fn at_start(&self) -> bool {
        match self.out.last() {
            None => true,
            Some(t) if t.tok == Tok::LBrack => {
                // After an operand it is an index.
                let before = self.out.len().checked_sub(2).and_then(|i| self.out.get(i));
                !before.is_some_and(|t| t.tok.ends_operand() && t.tok != Tok::Ellipsis)
            }
            Some(t) => matches!(t.tok, Tok::Comma | Tok::LBrace),
        }
    }

    /// Tells keywords from names. Every keyword may be a label, and most may be names where no clause can begin.
    fn classify(&mut self, token: Token, rest: &[Token]) -> Tok {
        let last = self.out.last().copied();
        if last.is_some_and(|t| t.tok == Tok::Dot) {
            return Tok::Ident;
        }
        let word = self.word(token);
        match word {
            "null" => return Tok::Null,
            "true" => return Tok::True,
            "false" => return Tok::False,
            "package" | "import" => {
                let at_top = self.open.is_empty() && !self.decls && self.at_start();
                return match (at_top, word) {
                    (false, _) => Tok::Ident,
                    (true, "package") => Tok::Package,
                    _ => Tok::Import,
                };
            }
            "for" | "if" | "let" | "try" | "in" | "else" => {}
            _ => return Tok::Ident,
        }
        if last.is_some_and(|t| t.tok == Tok::For) {
            return Tok::In;
        }
        let next = rest.first().copied();
        let newline_next = next.is_none_or(|n| n.space >= Space::Newline);
        let label = match next.map(|n| n.tok) {
            Some(Tok::Colon) => true,
            Some(Tok::Question | Tok::Not) => rest.get(1).is_some_and(|n| n.tok == Tok::Colon),
            _ => false,
        };
        let alone = newline_next
            || next.is_some_and(|n| matches!(n.tok, Tok::Comma | Tok::RBrace | Tok::RBrack | Tok::RParen));
        // Behind a finished operand no name can stand, so it is a keyword.
        let behind = last.is_some_and(|t| t.tok.ends_operand());
        match word {
            "in" if behind => Tok::In,
            "else" if last.is_some_and(|t| t.tok == Tok::RBrace) => Tok::Else,
            "in" | "else" => Tok::Ident,
            _ if label => Tok::Ident,
            "try"
                if (self.at_start() || behind)
                    && next.is_some_and(|n| !matches!(n.tok, Tok::LBrace | Tok::Ident | Tok::Word)) =>
            {
                Tok::Ident
            }
            _ if behind || (self.at_start() && !alone) => match word {
                "for" => Tok::For,
                "if" => Tok::If,
                "let" => Tok::Let,
                _ => Tok::Try,
            },
            _ => Tok::Ident,
        }
    }

    /// Adds a token, keeping brackets balanced. `false` where the nesting is too deep to go on.
    fn push(&mut self, token: Token) -> bool {
        let tok = token.tok;
        if self.open.is_empty() && !self.decls && self.at_start() {
            let preamble = matches!(tok, Tok::Package | Tok::Import | Tok::Attribute | Tok::Comma);
            self.decls = !preamble;
        }
        if tok.closes() && !self.close(token) {
            return true;
        }
        match tok {
            Tok::Comma => {
                self.separate(token);
                return true;
            }
            Tok::Ident | Tok::Number | Tok::String => {}
            // A nested label adds a declaration, a field, a struct and an expression.
            Tok::Colon => self.chain += 4,
            _ => self.chain += 1,
        }
        let deep = self.outside + self.chain > MAX_CHAIN;
        if tok.opens() {
            self.open.push(Open { token, chain: self.chain, outside: self.outside });
            if deep || self.open.len() > MAX_BRACKETS {
                return self.too_deep(token);
            }
            self.outside += self.chain;
            self.chain = 0;
        } else if deep {
            return self.too_deep(token);
        }
        self.out.push(token);
        true
    }

    fn too_deep(&mut self, token: Token) -> bool {
        let d = if self.open.len() > MAX_BRACKETS {
            Diagnostic::new(Code::Syntax, format!("brackets are nested more than {MAX_BRACKETS} deep"))
        } else {
            Diagnostic::new(
                Code::Syntax,
                format!("an expression has more than {MAX_CHAIN} parts in one chain"),
            )
            .hint("name a part of it with `let`, or write it as a list")
        };
        let d = d.at(self.span(token), "");
        self.errors.push(d);
        self.given_up = true;
        false
    }

    /// Ends the bracket that a closing token belongs to. `false` where it belongs to none.
    fn close(&mut self, token: Token) -> bool {
        let fits = |open: Tok| match token.tok {
            Tok::RBrace => open == Tok::LBrace,
            Tok::RBrack => open == Tok::LBrack,
            Tok::RParen => open == Tok::LParen,
            _ => matches!(open, Tok::InterpStart | Tok::InterpMid),
        };
        let Some(depth) = self.open.iter().rposition(|o| fits(o.token.tok)) else {
            let d = Diagnostic::new(Code::Syntax, format!("{} closes nothing", token.tok.describe()))
                .at(self.span(token), "")
                .hint("remove it, or open it before");
            self.errors.push(d);
            return false;
        };
        while self.open.len() > depth + 1 {
            self.report_open(token.start, Some(token));
        }
        if let Some(open) = self.open.pop() {
            (self.chain, self.outside) = (open.chain, open.outside);
        }
        true
    }

    /// Reports the innermost bracket as not closed and closes it at an offset.
    fn report_open(&mut self, at: u32, found: Option<Token>) {
        let Some(open) = self.open.pop() else { return };
        let close = match open.token.tok {
            Tok::LBrace => Tok::RBrace,
            Tok::LBrack => Tok::RBrack,
            Tok::LParen => Tok::RParen,
            _ => Tok::InterpEnd,
        };
        // The lexer has already told of an interpolation without an end.
        if close != Tok::InterpEnd && !self.given_up {
            // At the end of the file the place to look at is the last thing written.
            let last = self.out.last().map_or(at, |t| t.end);
            let here = if found.is_some() { at } else { last };
            let found = found.map_or("the end of the file", |t| t.tok.describe());
            let d = Diagnostic::new(Code::Syntax, format!("{} expected, found {found}", close.describe()))
                .at(
                    Span::new(self.file, here as usize, here as usize),
                    format!("{} is missing here", close.describe()),
                )
                .at(self.span(open.token), "opened here");
            self.errors.push(d);
        }
        self.out.push(Token { tok: close, space: Space::None, start: at, end: at });
        (self.chain, self.outside) = (open.chain, open.outside);
    }

    fn finish(mut self, end: u32) -> (Vec<Token>, Vec<Diagnostic>) {
        while !self.open.is_empty() {
            self.report_open(end, None);
        }
        (self.out, self.errors)
    }
}
