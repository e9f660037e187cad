//! Makes the nodes of the tree for the grammar, and reports what the grammar alone cannot refuse.
//!
//! Nothing here fails: what is wrong is reported and a node stands for it. Tests: with the parser.

use super::ast::*;
use super::lexer::Quote;
use super::literal::{self, Piece};
use super::token::{Tok, Token};
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// Makes nodes from the tokens of one text.
pub(crate) struct Builder<'t> {
    file: FileId,
    text: &'t str,
    /// What was wrong.
    pub(crate) errors: Vec<Diagnostic>,
    /// Uses of experiments: the name, the place and what it is.
    experiments: Vec<(&'static str, Span, &'static str)>,
}

impl<'t> Builder<'t> {
    pub(crate) fn new(file: FileId, text: &'t str) -> Builder<'t> {
        Builder { file, text, errors: Vec::new(), experiments: Vec::new() }
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>, hint: &str) {
        let d = Diagnostic::new(code, message).at(span, "");
        self.errors.push(if hint.is_empty() { d } else { d.hint(hint) });
    }

    pub(crate) fn span(&self, start: u32, end: u32) -> Span {
        Span { file: self.file, start, end }
    }

    pub(crate) fn token_span(&self, t: Token) -> Span {
        self.span(t.start, t.end)
    }

    fn slice(&self, start: u32, end: u32) -> &'t str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    pub(crate) fn text(&self, t: Token) -> &'t str {
        self.slice(t.start, t.end)
    }

    pub(crate) fn name(&self, t: Token) -> Ident<'t> {
        Ident { name: self.text(t), span: self.token_span(t) }
    }

    /// An expression that begins with a token.
    pub(crate) fn expr(&self, first: Token, kind: ExprKind<'t>, end: u32) -> Expr<'t> {
        let span = self.span(first.start, end);
        Expr { kind, span, comments: Comments::default(), space: first.space }
    }

    pub(crate) fn decl(&mut self, first: Token, kind: DeclKind<'t>, end: u32) -> Decl<'t> {
        if let DeclKind::Embed(x) = &kind
            && let ExprKind::Alias { name, value } = &x.kind
        {
            self.error(
                Code::Syntax,
                name.span.to(value.span),
                format!("an alias names a field: expected `{}=label: value`", name.name),
                &format!(
                    "a field is written `{0}: value`; `let {0} = value` gives a name to an expression",
                    name.name
                ),
            );
        }
        if let DeclKind::Ellipsis(Some(x)) = &kind {
            let hint = "write `[string]: TYPE` to give all other fields a type";
            self.error(Code::Syntax, x.span, "`...` takes no value in a struct", hint);
        }
        let span = self.span(first.start, end);
        Decl { kind, span, comments: Comments::default(), space: first.space }
    }

    // Top level

    pub(crate) fn new_file(&self) -> File<'t> {
        File { id: self.file, ..File::default() }
    }

    /// A package clause, `first` being its keyword.
    pub(crate) fn package(&mut self, file: &mut File<'t>, first: Token, name: Ident<'t>) {
        if name.name.contains('#') {
            let message = format!("`{}` cannot name a package: it is the name of a definition", name.name);
            self.error(Code::Syntax, name.span, message, "leave out the `#`");
        }
        let span = self.span(first.start, name.span.end);
        if file.package.is_some() {
            return self.error(Code::Syntax, span, "a file has one package clause", "remove this one");
        }
        if !file.imports.is_empty() || !file.decls.is_empty() {
            let message = "the package clause must stand before imports and fields";
            self.error(Code::Syntax, span, message, "move it to the top of the file");
        }
        file.package = Some(Package { name, span, comments: Comments::default(), space: first.space });
    }

    pub(crate) fn import(&mut self, file: &mut File<'t>, import: ImportDecl<'t>) {
        // Attributes between the package clause and an import are declarations of the file.
        if file.decls.iter().any(|d| !matches!(d.kind, DeclKind::Attribute(_) | DeclKind::Bad)) {
            let message = "imports must stand before the fields of the file";
            self.error(Code::Syntax, import.span, message, "move it to the top of the file");
        }
        file.imports.push(import);
    }

    pub(crate) fn import_spec(
        &mut self,
        first: Token,
        name: Option<Ident<'t>>,
        path: Token,
    ) -> ImportSpec<'t> {
        let span = self.span(first.start, path.end);
        let path = self.string(path);
        if let Some(n) = name.as_ref().filter(|n| n.name.contains('#')) {
            let message = format!("`{}` cannot name an import: it is the name of a definition", n.name);
            self.error(Code::Syntax, n.span, message, "leave out the `#`");
        }
        let text = path.text();
        if text.is_empty() {
            self.error(Code::Import, path.span, "the import path is empty", "");
        } else if let Some(c) = text.chars().find(|c| !allowed_in_import(*c)) {
            self.error(Code::Import, path.span, format!("an import path may not contain {c:?}"), "");
        }
        drop(text);
        ImportSpec { name, path, span, comments: Comments::default(), space: first.space }
    }

    /// A declaration on the top level. Attributes that begin a file belong to the file.
    pub(crate) fn top(&mut self, file: &mut File<'t>, decl: Decl<'t>) {
        let begins = file.package.is_none() && file.imports.is_empty() && file.decls.is_empty();
        match decl.kind {
            DeclKind::Attribute(a) if begins => file.attributes.push(*a),
            _ => file.decls.push(decl),
        }
    }

    /// Looks at a file as a whole.
    pub(crate) fn finish(&mut self, file: &mut File<'t>) {
        self.check_experiments(file);
        if file.package.is_none() && file.imports.is_empty() && !file.attributes.is_empty() {
            // Without a clause to stand before they are declarations like others.
            let attributes = std::mem::take(&mut file.attributes);
            file.decls.splice(0..0, attributes.into_iter().map(attribute_decl));
        }
    }

    // Declarations

    pub(crate) fn attribute(&mut self, t: Token) -> Attribute<'t> {
        let text = self.text(t);
        let open = text.find('(').unwrap_or(text.len());
        let name = text.get(1..open).unwrap_or("");
        let body = text.get(open + 1..text.len().saturating_sub(1)).unwrap_or("");
        self.check_attribute(body, t.start + open as u32 + 1);
        let span = self.token_span(t);
        Attribute { text, name, body, span, comments: Comments::default(), space: t.space }
    }

    /// The body of an attribute is made of tokens of the language, with `;` and `~` besides, so its literals must be right.
    fn check_attribute(&mut self, body: &str, at: u32) {
        if !body.contains(['"', '\'', '\\', '`', '^', '%'])
            && !body.contains(|c: char| c.is_ascii_digit() || !c.is_ascii())
        {
            return;
        }
        let lexed = super::lexer::lex(self.file, body);
        for t in lexed.tokens.iter().filter(|t| t.tok == Tok::String) {
            self.string(Token { start: at + t.start, end: at + t.end, ..*t });
        }
        for mut d in lexed.errors {
            let bad = |l: &crate::diag::Label| body.get(l.span.start as usize..l.span.end as usize);
            if d.labels.first().and_then(bad).is_some_and(|t| matches!(t, ";" | "~")) {
                continue;
            }
            for label in &mut d.labels {
                label.span.start += at;
                label.span.end += at;
            }
            self.errors.push(d);
        }
    }

    /// Notes the use of something that the file must have asked for.
    pub(crate) fn experiment(&mut self, name: &'static str, span: Span, what: &'static str) {
        self.experiments.push((name, span, what));
    }

    /// Refuses experiments that no `@experiment(...)` of the file names.
    fn check_experiments(&mut self, file: &File<'_>) {
        if self.experiments.is_empty() {
            return;
        }
        let decls = file.decls.iter().filter_map(|d| match &d.kind {
            DeclKind::Attribute(a) => Some(&**a),
            _ => None,
        });
        let named: Vec<&str> = file
            .attributes
            .iter()
            .chain(decls)
            .filter(|a| a.name == "experiment")
            .flat_map(|a| a.body.split(',').map(str::trim))
            .collect();
        for (name, span, what) in std::mem::take(&mut self.experiments) {
            if !named.contains(&name) {
                let hint = format!("write `@experiment({name})` at the top of the file to use it");
                self.error(Code::Syntax, span, format!("{what} is an experiment of the language"), &hint);
            }
        }
    }

    /// A label that is a name or a string.
    pub(crate) fn plain_label(&mut self, t: Token) -> Label<'t> {
        let span = self.token_span(t);
        let kind = match t.tok {
            Tok::String => LabelKind::String(self.string(t)),
            _ => self.ident_label(self.text(t), span),
        };
        Label { kind, span }
    }

    fn ident_label(&mut self, name: &'t str, span: Span) -> LabelKind<'t> {
        if name.starts_with("__") {
            let message = format!("`{name}` cannot be declared: names that begin with `__` are reserved");
            self.error(Code::Syntax, span, message, "put it in quotes, or give it another name");
        }
        LabelKind::Ident(name)
    }

    /// A label that has been read as an expression. `None` where it can be none.
    pub(crate) fn label(&mut self, e: Expr<'t>, colon: u32) -> Option<Label<'t>> {
        let span = e.span;
        let kind = match e.kind {
            ExprKind::Ident(name) => self.ident_label(name, span),
            ExprKind::Null | ExprKind::Bool(_) => LabelKind::Ident(self.slice(span.start, span.end)),
            ExprKind::String(s) => LabelKind::String(s),
            ExprKind::Interpolation(_) => LabelKind::Interpolation(Box::new(e)),
            ExprKind::Paren(x) => LabelKind::Dynamic(x),
            ExprKind::List(ListLit { mut elems, ellipsis: None, .. }) if elems.len() == 1 => {
                let x = elems.pop()?;
                LabelKind::Pattern(Box::new(x))
            }
            ExprKind::List(_) => {
                self.error(Code::Syntax, span, "a pattern `[...]:` holds exactly one expression", "");
                return None;
            }
            ExprKind::Bad => return None,
            ExprKind::Number(n) => {
                self.error(
                    Code::Syntax,
                    span,
                    format!("`{n}` cannot be a label"),
                    &format!("put it in quotes: \"{n}\""),
                );
                return None;
            }
            _ => {
                let text = self.slice(span.start, span.end);
                let hyphened =
                    text.contains('-') && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
                let hint = match hyphened {
                    true => format!("put it in quotes: \"{text}\""),
                    false => "a label is a name, a string, `(expression)` or `[pattern]`; fields of fields are written `a: b: value`".to_owned(),
                };
                let d = Diagnostic::new(Code::Syntax, "this cannot be a label").at(span, "");
                let d = d.at(self.span(colon, colon + 1), "this `:` makes a label of what stands before it");
                self.errors.push(d.hint(hint));
                return None;
            }
        };
        Some(Label { kind, span })
    }

    // Expressions

    pub(crate) fn name_selector(&self, t: Token) -> Label<'t> {
        Label { kind: LabelKind::Ident(self.text(t)), span: self.token_span(t) }
    }

    pub(crate) fn string_selector(&mut self, t: Token) -> Label<'t> {
        let s = self.string(t);
        let span = s.span;
        if !s.raw.starts_with('"') || s.raw.starts_with("\"\"\"") {
            let hint = "write x.\"name\", or x[...] for a computed name";
            self.error(Code::Syntax, span, "a selector in quotes must be a simple string", hint);
        }
        Label { kind: LabelKind::String(s), span }
    }

    pub(crate) fn ellipsis_before_others(&mut self, span: Span) {
        let message = "`...` must be the last element of a list";
        self.error(Code::Syntax, span, message, "move it to the end");
    }

    // Literals

    pub(crate) fn string(&mut self, t: Token) -> StrLit<'t> {
        let (raw, span) = (self.text(t), self.token_span(t));
        if let [mark @ (b'"' | b'\''), body @ .., _] = raw.as_bytes()
            && !body.iter().any(|b| matches!(b, b'\\' | b'\n' | b'\r'))
        {
            // The form that nearly every literal has.
            return StrLit { raw, decoded: None, bytes: *mark == b'\'', span };
        }
        let Some(quote) = Quote::of(raw) else {
            return StrLit { raw, decoded: Some(Box::default()), bytes: false, span };
        };
        let indent = literal::indent_of(raw, quote);
        let (from, to) = (quote.len(), raw.len().saturating_sub(quote.len()));
        self.piece(t, (from, to), quote, indent, (true, true))
    }

    /// A piece of a literal as written, of which `body` is between the delimiters.
    fn piece(
        &mut self,
        t: Token,
        body: (usize, usize),
        quote: Quote,
        indent: &str,
        (first, last): (bool, bool),
    ) -> StrLit<'t> {
        let (raw, span) = (self.text(t), self.token_span(t));
        let text = raw.get(body.0..body.1).unwrap_or("");
        let mut faults = Vec::new();
        let value = literal::decode(Piece { text, first, last }, quote, indent, &mut faults);
        for (message, at) in faults {
            let at = t.start + (body.0 + at) as u32;
            self.error(Code::Literal, self.span(at, (at + 1).min(t.end)), message, "");
        }
        let mut piece = StrLit { raw, decoded: None, bytes: quote.mark == b'\'', span };
        if piece.value() != value {
            piece.decoded = Some(value.into());
        }
        piece
    }

    /// A literal from its pieces and the expressions between them.
    pub(crate) fn interpolation(&mut self, pieces: &[Token], exprs: Vec<Expr<'t>>) -> Expr<'t> {
        let [first, between @ .., last] = pieces else { return self.expr(Token::END, ExprKind::Bad, 0) };
        let (raw, end) = (self.text(*first), self.text(*last));
        let Some(quote) = Quote::of(raw) else { return self.expr(*first, ExprKind::Bad, last.end) };
        let indent = literal::indent_of(end, quote);
        let opening = 2 + quote.hashes;
        let mut parts = Vec::with_capacity(pieces.len());
        parts.push(self.piece(*first, (quote.len(), raw.len() - opening), quote, indent, (true, false)));
        for t in between {
            let len = self.text(*t).len();
            parts.push(self.piece(*t, (1, len - opening), quote, indent, (false, false)));
        }
        let closing = end.len().saturating_sub(quote.len()).max(1);
        parts.push(self.piece(*last, (1, closing), quote, indent, (false, true)));
        let bytes = quote.mark == b'\'';
        let kind = ExprKind::Interpolation(Box::new(Interpolation { parts, exprs, bytes }));
        self.expr(*first, kind, last.end)
    }
}

/// An attribute as a declaration of its own.
fn attribute_decl(a: Attribute<'_>) -> Decl<'_> {
    let (span, space) = (a.span, a.space);
    Decl { kind: DeclKind::Attribute(Box::new(a)), span, comments: Comments::default(), space }
}

/// The characters of an import path, by the specification: graphic ones without spaces and without a few with other meanings. The
/// colon stands before the package name.
fn allowed_in_import(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"!\"#$%&'()*,;<=>?[\\]^`{|}\u{fffd}".contains(c)
}
