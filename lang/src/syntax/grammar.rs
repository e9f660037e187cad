//! The grammar: from arranged tokens to the tree, by recursive descent.
//!
//! The tokens come from `layout.rs`: brackets are balanced, commas are in place, keywords are told from names, and nesting is bounded, so that
//! recursion here ends; where it is deep it goes on on a bigger stack. Whether an expression was a label is known once the `:` is
//! seen, because `a`, `[a]`, `(a)` and `"a"` may be either; plain labels are seen beforehand. Nodes are made in `build.rs`,
//! which reports what is in the grammar but not in the language. The first token that fits nowhere ends the parse; `parser.rs`
//! takes its declaration out and parses again.

use super::ast::*;
use super::build::Builder;
use super::mistake::Want;
use super::token::{Tok, Token};
use crate::source::{FileId, Span};

/// The parse ended at a token that fits nowhere: see [`Parser::mistake`].
pub(crate) struct Stopped;

type Parsed<T> = Result<T, Stopped>;

/// Reads the tokens of one text.
pub(crate) struct Parser<'t, 's> {
    tokens: &'s [Token],
    at: usize,
    /// Makes the nodes.
    pub(crate) b: Builder<'t>,
    /// Where the parse ended early, and what could have stood there.
    pub(crate) mistake: Option<(usize, Want)>,
    // Parts of sequences that are being read, the innermost last: each sequence is taken off as a whole, in one allocation of its size.
    decls: Vec<Decl<'t>>,
    exprs: Vec<Expr<'t>>,
    /// Operators that wait for their right side, with their left.
    waiting: Vec<(Expr<'t>, BinaryOp, Span)>,
}

/// Runs on a bigger stack where the present one is nearly used up.
fn stack<T>(f: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 << 10, 2 << 20, f)
}

impl<'t, 's> Parser<'t, 's> {
    pub(crate) fn new(file: FileId, text: &'t str, tokens: &'s [Token]) -> Parser<'t, 's> {
        Parser {
            tokens,
            at: 0,
            b: Builder::new(file, text),
            mistake: None,
            decls: Vec::new(),
            exprs: Vec::new(),
            waiting: Vec::new(),
        }
    }

    // Tokens

    fn ahead(&self, by: usize) -> Tok {
        self.tokens.get(self.at + by).map_or(Tok::End, |t| t.tok)
    }

    fn tok(&self) -> Tok {
        self.ahead(0)
    }

    fn peek(&self) -> Token {
        self.tokens.get(self.at).copied().unwrap_or(Token::END)
    }

    fn next(&mut self) -> Token {
        let t = self.peek();
        self.at += 1;
        t
    }

    /// Where the last token ended.
    fn end(&self) -> u32 {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(0, |t| t.end)
    }

    fn fail<T>(&mut self, want: Want) -> Parsed<T> {
        self.mistake = Some((self.at, want));
        Err(Stopped)
    }

    fn take(&mut self, tok: Tok, want: Want) -> Parsed<Token> {
        if self.tok() == tok { Ok(self.next()) } else { self.fail(want) }
    }

    fn skip(&mut self, tok: Tok) -> bool {
        let here = self.tok() == tok;
        self.at += usize::from(here);
        here
    }

    fn name(&mut self) -> Parsed<Ident<'t>> {
        let t = self.take(Tok::Ident, Want::Name)?;
        Ok(self.b.name(t))
    }

    /// Steps over what separates the parts of a sequence. `false` at its end.
    fn separator(&mut self, close: Tok) -> Parsed<bool> {
        match self.tok() {
            Tok::Comma => {
                self.at += 1;
                Ok(self.tok() != close)
            }
            t if t == close => Ok(false),
            _ => self.fail(Want::Separator(close)),
        }
    }

    // Top level

    /// A whole file.
    pub(crate) fn file(&mut self) -> Parsed<File<'t>> {
        let mut file = self.b.new_file();
        let mut more = self.tok() != Tok::End;
        while more {
            match self.tok() {
                Tok::Package => {
                    let l = self.next();
                    let name = self.name()?;
                    self.b.package(&mut file, l, name);
                }
                Tok::Import => {
                    let import = self.import()?;
                    self.b.import(&mut file, import);
                }
                _ => {
                    self.decl()?;
                    if let Some(decl) = self.decls.pop() {
                        self.b.top(&mut file, decl);
                    }
                }
            }
            more = self.separator(Tok::End)?;
        }
        self.b.finish(&mut file);
        Ok(file)
    }

    fn import(&mut self) -> Parsed<ImportDecl<'t>> {
        let l = self.next();
        let mut specs = Vec::new();
        let parens = self.skip(Tok::LParen);
        if parens {
            let mut more = self.tok() != Tok::RParen;
            while more {
                specs.push(self.import_spec()?);
                more = self.separator(Tok::RParen)?;
            }
            self.at += 1;
        } else {
            specs.push(self.import_spec()?);
        }
        let span = self.b.span(l.start, self.end());
        Ok(ImportDecl { specs, parens, span, comments: Comments::default(), space: l.space })
    }

    fn import_spec(&mut self) -> Parsed<ImportSpec<'t>> {
        let first = self.peek();
        let name = if first.tok == Tok::Ident { Some(self.name()?) } else { None };
        let path = self.take(Tok::String, Want::Import)?;
        Ok(self.b.import_spec(first, name, path))
    }

    /// One expression and nothing else.
    pub(crate) fn whole_expr(&mut self) -> Parsed<Expr<'t>> {
        let x = self.expr()?;
        self.skip(Tok::Comma);
        if self.tok() == Tok::End { Ok(x) } else { self.fail(Want::End) }
    }

    // Declarations

    /// A declaration, put on [`Parser::decls`].
    fn decl(&mut self) -> Parsed<()> {
        if let Some(head) = self.plain_head() {
            return self.field(head);
        }
        let l = self.peek();
        let kind = match l.tok {
            Tok::For | Tok::If | Tok::Try => DeclKind::Embed(Box::new(self.comprehension()?)),
            Tok::Let => {
                self.at += 1;
                let name = self.name()?;
                self.take(Tok::Assign, Want::Assign)?;
                DeclKind::Let { name, value: Box::new(self.expr()?) }
            }
            Tok::Ellipsis => {
                self.at += 1;
                DeclKind::Ellipsis(self.ellipsis_value()?)
            }
            Tok::Attribute => {
                self.at += 1;
                DeclKind::Attribute(Box::new(self.b.attribute(l)))
            }
            Tok::BadDecl => {
                self.at += 1;
                DeclKind::Bad
            }
            _ => {
                let begin = self.at;
                let x = match self.alias_expr() {
                    Ok(x) => x,
                    Err(Stopped) => {
                        // At the first token a field would have been right, too.
                        if let Some((at, want @ Want::Value)) = &mut self.mistake
                            && *at == begin
                        {
                            *want = Want::Declaration;
                        }
                        return Err(Stopped);
                    }
                };
                match self.constraint()? {
                    Some(constraint) => {
                        let head = self.head(x, constraint);
                        return self.field(head);
                    }
                    None => DeclKind::Embed(Box::new(x)),
                }
            }
        };
        let decl = self.b.decl(l, kind, self.end());
        self.decls.push(decl);
        Ok(())
    }

    /// What may stand behind `...`.
    fn ellipsis_value(&mut self) -> Parsed<Option<Box<Expr<'t>>>> {
        match self.tok() {
            Tok::Comma | Tok::RBrace | Tok::RBrack | Tok::End => Ok(None),
            _ => Ok(Some(Box::new(self.expr()?))),
        }
    }

    /// Reads a name or string as far as before the colon, if it is a label.
    fn plain_head(&mut self) -> Option<Head<'t>> {
        if !matches!(self.tok(), Tok::Ident | Tok::String | Tok::Null | Tok::True | Tok::False) {
            return None;
        }
        let (constraint, tokens) = match self.ahead(1) {
            Tok::Colon => (Constraint::Regular, 1),
            Tok::Question if self.ahead(2) == Tok::Colon => (Constraint::Optional, 2),
            Tok::Not if self.ahead(2) == Tok::Colon => (Constraint::Required, 2),
            _ => return None,
        };
        let t = self.peek();
        self.at += tokens;
        let label = Some(self.b.plain_label(t));
        Some(Head { start: t.start, space: t.space, alias: None, label, constraint })
    }

    /// Whether what was read is a label: what stands between it and the colon.
    fn constraint(&mut self) -> Parsed<Option<Constraint>> {
        let constraint = match self.tok() {
            Tok::Colon => return Ok(Some(Constraint::Regular)),
            Tok::Question => Constraint::Optional,
            Tok::Not => Constraint::Required,
            _ => return Ok(None),
        };
        self.at += 1;
        if self.tok() == Tok::Colon { Ok(Some(constraint)) } else { self.fail(Want::Colon) }
    }

    /// A label that has been read as an expression.
    fn head(&mut self, x: Expr<'t>, constraint: Constraint) -> Head<'t> {
        let colon = self.peek().start;
        let (start, space) = (x.span.start, x.space);
        let (alias, x) = match x.kind {
            ExprKind::Alias { name, value } => (Some(name), *value),
            _ => (None, x),
        };
        Head { start, space, alias, label: self.b.label(x, colon), constraint }
    }

    /// A field from its colon on, put on [`Parser::decls`].
    fn field(&mut self, head: Head<'t>) -> Parsed<()> {
        self.at += 1;
        let value = self.field_value()?;
        let mut attributes = Vec::new();
        while self.tok() == Tok::Attribute {
            let t = self.next();
            attributes.push(self.b.attribute(t));
        }
        let span = self.b.span(head.start, self.end());
        let kind = match head.label {
            Some(label) => DeclKind::Field(Field {
                alias: head.alias.map(Box::new),
                label,
                constraint: head.constraint,
                value,
                attributes,
            }),
            None => DeclKind::Bad,
        };
        self.decls.push(Decl { kind, span, comments: Comments::default(), space: head.space });
        Ok(())
    }

    /// The value of a field, or the field that is its value: `a: b: c`.
    fn field_value(&mut self) -> Parsed<Expr<'t>> {
        if let Some(head) = self.plain_head() {
            return self.nested(head);
        }
        let x = self.alias_expr()?;
        match self.constraint()? {
            Some(constraint) => {
                let head = self.head(x, constraint);
                self.nested(head)
            }
            None => Ok(x),
        }
    }

    /// The struct that a field behind a label is: `b: c` in `a: b: c`.
    fn nested(&mut self, head: Head<'t>) -> Parsed<Expr<'t>> {
        let (start, space) = (head.start, head.space);
        let base = self.decls.len();
        stack(|| self.field(head))?;
        let decls = self.decls.split_off(base);
        let kind = ExprKind::Struct(StructLit { decls, braces: false, close: Space::None });
        Ok(Expr { kind, span: self.b.span(start, self.end()), comments: Comments::default(), space })
    }

    // Comprehensions

    fn comprehension(&mut self) -> Parsed<Expr<'t>> {
        let l = self.peek();
        let mut clauses = Vec::new();
        loop {
            let t = self.peek();
            let kind = match t.tok {
                Tok::For => {
                    self.at += 1;
                    let mut value = self.name()?;
                    let mut key = None;
                    if self.skip(Tok::Comma) {
                        key = Some(std::mem::replace(&mut value, self.name()?));
                    }
                    self.take(Tok::In, if key.is_some() { Want::In } else { Want::CommaOrIn })?;
                    ClauseKind::For { key, value, source: self.expr()? }
                }
                Tok::If => {
                    self.at += 1;
                    ClauseKind::If(self.expr()?)
                }
                Tok::Let if !clauses.is_empty() => {
                    self.at += 1;
                    let name = self.name()?;
                    self.take(Tok::Assign, Want::Assign)?;
                    ClauseKind::Let { name, value: self.expr()? }
                }
                Tok::Try => {
                    self.at += 1;
                    let binding = match self.tok() {
                        Tok::Ident => {
                            let name = self.name()?;
                            self.take(Tok::Assign, Want::Assign)?;
                            Some((name, self.expr()?))
                        }
                        _ => None,
                    };
                    ClauseKind::Try(binding)
                }
                Tok::LBrace => break,
                _ => return self.fail(Want::Clause),
            };
            let span = self.b.span(t.start, self.end());
            clauses.push(Clause { kind, span, comments: Comments::default(), space: t.space });
            self.skip(Tok::Comma);
        }
        let value = self.structure()?;
        let mut otherwise = None;
        if self.skip(Tok::Else) {
            if self.tok() != Tok::LBrace {
                return self.fail(Want::Brace);
            }
            let x = self.structure()?;
            self.b.experiment("try", x.span, "`else`");
            otherwise = Some(x);
        }
        let kind = ExprKind::Comprehension(Box::new(Comprehension { clauses, value, otherwise }));
        Ok(self.b.expr(l, kind, self.end()))
    }

    // Expressions

    /// `X=expr`, or an expression without.
    #[inline]
    fn alias_expr(&mut self) -> Parsed<Expr<'t>> {
        if self.tok() != Tok::Ident || self.ahead(1) != Tok::Assign {
            return self.expr();
        }
        let l = self.peek();
        let name = self.name()?;
        self.at += 1;
        let value = Box::new(self.expr()?);
        Ok(self.b.expr(l, ExprKind::Alias { name, value }, self.end()))
    }

    /// Operands and operators: the stronger bind first, equals from the left.
    fn expr(&mut self) -> Parsed<Expr<'t>> {
        if let Tok::Comma | Tok::RBrace | Tok::RBrack | Tok::RParen = self.ahead(1)
            && let Some(x) = self.atom()
        {
            // What most expressions are: one token.
            return Ok(x);
        }
        let mut left = self.unary()?;
        let base = self.waiting.len();
        while let Some(op) = binary_op(self.tok()) {
            let t = self.next();
            left = self.bind(left, base, op.precedence());
            self.waiting.push((left, op, self.b.token_span(t)));
            left = self.unary()?;
        }
        Ok(self.bind(left, base, 0))
    }

    /// Gives the right side to the waiting operators that bind at least as strongly as what follows.
    fn bind(&mut self, mut right: Expr<'t>, base: usize, precedence: u8) -> Expr<'t> {
        while self.waiting.len() > base
            && let Some((l, op, op_span)) = self.waiting.pop_if(|w| w.1.precedence() >= precedence)
        {
            let (span, space) = (l.span.to(right.span), l.space);
            let kind = ExprKind::Binary { op, op_span, l: Box::new(l), r: Box::new(right) };
            right = Expr { kind, span, comments: Comments::default(), space };
        }
        right
    }

    #[inline]
    fn unary(&mut self) -> Parsed<Expr<'t>> {
        let Some(op) = unary_op(self.tok()) else { return self.primary() };
        let t = self.next();
        let x = if unary_op(self.tok()).is_some() { stack(|| self.unary())? } else { self.primary()? };
        let end = x.span.end;
        Ok(self.b.expr(t, ExprKind::Unary { op, op_span: self.b.token_span(t), x: Box::new(x) }, end))
    }

    /// An operand and what is done with it from behind.
    fn primary(&mut self) -> Parsed<Expr<'t>> {
        let mut x = self.operand()?;
        let (start, space) = (x.span.start, x.space);
        loop {
            let kind = match self.tok() {
                Tok::Dot => {
                    self.at += 1;
                    let sel = Box::new(self.selector()?);
                    ExprKind::Selector { x: Box::new(x), sel }
                }
                Tok::LBrack => stack(|| self.index(x))?,
                Tok::LParen => {
                    self.at += 1;
                    let args = stack(|| self.args())?;
                    let close = self.next();
                    ExprKind::Call { fun: Box::new(x), args, close: close.space }
                }
                Tok::Ellipsis => {
                    self.at += 1;
                    let span = self.b.span(x.span.start, self.end());
                    self.b.experiment("explicitopen", span, "`...` behind a value");
                    ExprKind::Open(Box::new(x))
                }
                _ => return Ok(x),
            };
            x = Expr { span: self.b.span(start, self.end()), kind, comments: Comments::default(), space };
        }
    }

    fn selector(&mut self) -> Parsed<Label<'t>> {
        let t = self.peek();
        match t.tok {
            Tok::Ident | Tok::Null | Tok::True | Tok::False => {
                self.at += 1;
                Ok(self.b.name_selector(t))
            }
            Tok::String => {
                self.at += 1;
                Ok(self.b.string_selector(t))
            }
            _ => self.fail(Want::Selector),
        }
    }

    /// `[i]` or `[lo:hi]`.
    fn index(&mut self, x: Expr<'t>) -> Parsed<ExprKind<'t>> {
        self.at += 1;
        let x = Box::new(x);
        let mut lo = None;
        if self.tok() != Tok::Colon {
            let index = Box::new(self.expr()?);
            if self.tok() != Tok::Colon {
                self.skip(Tok::Comma);
                self.take(Tok::RBrack, Want::Close(Tok::RBrack))?;
                return Ok(ExprKind::Index { x, index });
            }
            lo = Some(index);
        }
        self.at += 1;
        let hi = if self.tok() == Tok::RBrack { None } else { Some(Box::new(self.expr()?)) };
        self.take(Tok::RBrack, Want::Close(Tok::RBrack))?;
        Ok(ExprKind::Slice { x, lo, hi })
    }

    /// Arguments, up to before the parenthesis.
    fn args(&mut self) -> Parsed<Vec<Expr<'t>>> {
        let base = self.exprs.len();
        let mut more = self.tok() != Tok::RParen;
        while more {
            let x = self.expr()?;
            self.exprs.push(x);
            more = self.separator(Tok::RParen)?;
        }
        Ok(self.exprs.split_off(base))
    }

    /// An operand of one token.
    #[inline]
    fn atom(&mut self) -> Option<Expr<'t>> {
        let t = self.peek();
        let kind = match t.tok {
            Tok::Ident => ExprKind::Ident(self.b.text(t)),
            Tok::Number => ExprKind::Number(self.b.text(t)),
            Tok::String => ExprKind::String(self.b.string(t)),
            Tok::Bottom => ExprKind::Bottom,
            Tok::Null => ExprKind::Null,
            Tok::True => ExprKind::Bool(true),
            Tok::False => ExprKind::Bool(false),
            Tok::Bad => ExprKind::Bad,
            _ => return None,
        };
        self.at += 1;
        Some(self.b.expr(t, kind, t.end))
    }

    #[inline]
    fn operand(&mut self) -> Parsed<Expr<'t>> {
        if let Some(x) = self.atom() {
            return Ok(x);
        }
        match self.tok() {
            Tok::LBrace => self.structure(),
            Tok::LBrack => stack(|| self.list()),
            Tok::LParen => {
                let l = self.next();
                let x = Box::new(stack(|| self.alias_expr())?);
                self.take(Tok::RParen, Want::Close(Tok::RParen))?;
                Ok(self.b.expr(l, ExprKind::Paren(x), self.end()))
            }
            Tok::InterpStart => stack(|| self.interpolation()),
            _ => self.fail(Want::Value),
        }
    }

    fn interpolation(&mut self) -> Parsed<Expr<'t>> {
        let first = self.next();
        let mut pieces = vec![first];
        let base = self.exprs.len();
        loop {
            let x = self.expr()?;
            self.exprs.push(x);
            self.skip(Tok::Comma);
            let t = self.peek();
            match t.tok {
                Tok::InterpMid | Tok::InterpEnd => pieces.push(t),
                _ => return self.fail(Want::Close(Tok::RParen)),
            }
            self.at += 1;
            if t.tok == Tok::InterpEnd {
                break;
            }
        }
        let exprs = self.exprs.split_off(base);
        Ok(self.b.interpolation(&pieces, exprs))
    }

    /// A struct in braces.
    fn structure(&mut self) -> Parsed<Expr<'t>> {
        let l = self.next();
        let decls = stack(|| self.declarations())?;
        let close = self.next().space;
        Ok(self.b.expr(l, ExprKind::Struct(StructLit { decls, braces: true, close }), self.end()))
    }

    fn declarations(&mut self) -> Parsed<Vec<Decl<'t>>> {
        let base = self.decls.len();
        let mut more = self.tok() != Tok::RBrace;
        while more {
            self.decl()?;
            more = self.separator(Tok::RBrace)?;
        }
        Ok(self.decls.split_off(base))
    }

    fn list(&mut self) -> Parsed<Expr<'t>> {
        let l = self.next();
        let base = self.exprs.len();
        let mut ellipsis: Option<Box<Ellipsis<'t>>> = None;
        let (mut elements, mut between, mut behind) = (0usize, true, false);
        let mut more = self.tok() != Tok::RBrack;
        while more {
            if let Some(open) = &ellipsis {
                self.b.ellipsis_before_others(open.span);
            }
            between &= elements == 0 || behind;
            elements += 1;
            let t = self.peek();
            match t.tok {
                Tok::Ellipsis => {
                    self.at += 1;
                    let value = self.ellipsis_value()?;
                    let span = self.b.span(t.start, self.end());
                    let comments = Comments::default();
                    ellipsis = Some(Box::new(Ellipsis { value, span, comments, space: t.space }));
                }
                Tok::For | Tok::If | Tok::Try => {
                    let x = self.comprehension()?;
                    self.exprs.push(x);
                }
                _ => {
                    let x = self.alias_expr()?;
                    self.exprs.push(x);
                }
            }
            behind = self.tok() == Tok::Comma && !self.peek().is_inserted_comma();
            more = self.separator(Tok::RBrack)?;
        }
        let close = self.next().space;
        // Commas at line ends are written between all of the elements, or behind a single one.
        let commas = if elements == 1 { behind } else { between };
        let elems = self.exprs.split_off(base);
        Ok(self.b.expr(l, ExprKind::List(ListLit { elems, ellipsis, commas, close }), self.end()))
    }
}

/// A label with what belongs to it, before the colon.
struct Head<'t> {
    start: u32,
    space: Space,
    alias: Option<Ident<'t>>,
    /// `None` where it was refused.
    label: Option<Label<'t>>,
    constraint: Constraint,
}

fn binary_op(tok: Tok) -> Option<BinaryOp> {
    Some(match tok {
        Tok::Or => BinaryOp::Or,
        Tok::And => BinaryOp::And,
        Tok::LogicalOr => BinaryOp::LogicalOr,
        Tok::LogicalAnd => BinaryOp::LogicalAnd,
        Tok::Equal => BinaryOp::Equal,
        Tok::NotEqual => BinaryOp::NotEqual,
        Tok::Less => BinaryOp::Less,
        Tok::LessEqual => BinaryOp::LessEqual,
        Tok::Greater => BinaryOp::Greater,
        Tok::GreaterEqual => BinaryOp::GreaterEqual,
        Tok::Match => BinaryOp::Match,
        Tok::NotMatch => BinaryOp::NotMatch,
        Tok::Plus => BinaryOp::Add,
        Tok::Minus => BinaryOp::Subtract,
        Tok::Star => BinaryOp::Multiply,
        Tok::Slash => BinaryOp::Divide,
        _ => return None,
    })
}

fn unary_op(tok: Tok) -> Option<UnaryOp> {
    Some(match tok {
        Tok::Plus => UnaryOp::Plus,
        Tok::Minus => UnaryOp::Minus,
        Tok::Not => UnaryOp::Not,
        Tok::Star => UnaryOp::Default,
        Tok::Less => UnaryOp::Less,
        Tok::LessEqual => UnaryOp::LessEqual,
        Tok::Greater => UnaryOp::Greater,
        Tok::GreaterEqual => UnaryOp::GreaterEqual,
        Tok::NotEqual => UnaryOp::NotEqual,
        Tok::Equal => UnaryOp::Equal,
        Tok::Match => UnaryOp::Match,
        Tok::NotMatch => UnaryOp::NotMatch,
        _ => return None,
    })
}
