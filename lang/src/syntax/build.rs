//! Makes the nodes of the tree for the grammar, and reports what the grammar alone cannot refuse.
//!
//! Each production of `grammar.lalrpop` calls one method here. Nothing here fails: what is wrong is reported and a node stands for it.
//! Tests: with the parser.

use super::ast::*;
use super::lexer::Quote;
use super::literal::{self, Piece};
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};
use std::cell::RefCell;
use std::sync::Arc;

/// What stands on the top level of a file.
pub(crate) enum Item {
    Package(Package),
    Import(ImportDecl),
    Decl(Decl),
}

/// An element of a list as the grammar reads it.
pub(crate) enum Element {
    Expr(Expr),
    Ellipsis(Ellipsis),
}

/// An operator and what stands behind it.
pub(crate) struct Link {
    pub(crate) op: BinaryOp,
    pub(crate) span: Span,
    pub(crate) x: Expr,
}

/// What follows the colon of a field.
pub(crate) struct Rest {
    pub(crate) value: Expr,
    pub(crate) attributes: Vec<Attribute>,
}

/// Makes nodes from offsets into one text.
pub(crate) struct Builder<'a> {
    file: FileId,
    text: &'a str,
    errors: RefCell<Vec<Diagnostic>>,
    /// Uses of experiments: the name, the place and what it is.
    experiments: RefCell<Vec<(&'static str, Span, &'static str)>>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(file: FileId, text: &'a str) -> Builder<'a> {
        Builder { file, text, errors: RefCell::default(), experiments: RefCell::default() }
    }

    pub(crate) fn into_errors(self) -> Vec<Diagnostic> {
        self.errors.into_inner()
    }

    fn error(&self, code: Code, span: Span, message: impl Into<String>, hint: &str) {
        let d = Diagnostic::new(code, message).at(span, "");
        self.errors.borrow_mut().push(if hint.is_empty() { d } else { d.hint(hint) });
    }

    pub(crate) fn span(&self, l: u32, r: u32) -> Span {
        // An empty production ends before it begins.
        Span { file: self.file, start: l, end: r.max(l) }
    }

    fn slice_of(&self, l: u32, r: u32) -> &'a str {
        self.text.get(l as usize..r as usize).unwrap_or("")
    }

    pub(crate) fn text(&self, l: u32, r: u32) -> Arc<str> {
        self.slice_of(l, r).into()
    }

    /// The white space that stands before an offset.
    pub(crate) fn space(&self, at: u32) -> Space {
        let before = self.text.as_bytes().get(..at as usize).unwrap_or_default();
        let mut lines = 0;
        let mut blank = false;
        for b in before.iter().rev() {
            match b {
                b'\n' => lines += 1,
                b' ' | b'\t' | b'\r' => blank = true,
                _ => break,
            }
        }
        match lines {
            0 if blank => Space::Blank,
            0 => Space::None,
            1 => Space::Newline,
            _ => Space::Section,
        }
    }

    pub(crate) fn name(&self, l: u32, r: u32) -> Ident {
        Ident { name: self.text(l, r), span: self.span(l, r) }
    }

    pub(crate) fn expr(&self, l: u32, kind: ExprKind, r: u32) -> Expr {
        Expr { kind, span: self.span(l, r), comments: Vec::new(), space: self.space(l) }
    }

    pub(crate) fn decl(&self, l: u32, kind: DeclKind, r: u32) -> Decl {
        if let DeclKind::Embed(Expr { kind: ExprKind::Alias { name, value }, .. }) = &kind {
            self.error(
                Code::Syntax,
                name.span.to(value.span),
                format!("an alias names a field: expected `{}=label: value`", name.name),
                "to give a name to an expression, write `let NAME = expression`",
            );
        }
        if let DeclKind::Ellipsis(Some(x)) = &kind {
            let hint = "write `[string]: TYPE` to give all other fields a type";
            self.error(Code::Syntax, x.span, "`...` takes no value in a struct", hint);
        }
        Decl { kind, span: self.span(l, r), comments: Vec::new(), space: self.space(l) }
    }

    pub(crate) fn clause(&self, l: u32, kind: ClauseKind, r: u32) -> Clause {
        Clause { kind, span: self.span(l, r), comments: Vec::new(), space: self.space(l) }
    }

    // Top level

    pub(crate) fn package(&self, l: u32, name: Ident, r: u32) -> Item {
        if name.name.contains('#') {
            let message = format!("`{}` cannot name a package: it is the name of a definition", name.name);
            self.error(Code::Syntax, name.span, message, "leave out the `#`");
        }
        Item::Package(Package { name, span: self.span(l, r), comments: Vec::new(), space: self.space(l) })
    }

    pub(crate) fn import(&self, l: u32, specs: Vec<ImportSpec>, parens: bool, r: u32) -> Item {
        let span = self.span(l, r);
        Item::Import(ImportDecl { specs, parens, span, comments: Vec::new(), space: self.space(l) })
    }

    pub(crate) fn import_spec(&self, l: u32, name: Option<Ident>, path: StrLit, r: u32) -> ImportSpec {
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
        ImportSpec { name, path, span: self.span(l, r), comments: Vec::new(), space: self.space(l) }
    }

    /// Sorts the items of a file and refuses a package clause or imports in wrong places.
    pub(crate) fn file(&self, items: Vec<Item>) -> File {
        let mut file = File { id: self.file, ..File::default() };
        for item in items {
            match item {
                Item::Package(p) if file.package.is_some() => {
                    self.error(Code::Syntax, p.span, "a file has one package clause", "remove this one");
                }
                Item::Package(p) if !file.imports.is_empty() || !file.decls.is_empty() => {
                    let message = "the package clause must stand before imports and fields";
                    self.error(Code::Syntax, p.span, message, "move it to the top of the file");
                    file.package = Some(p);
                }
                Item::Package(p) => file.package = Some(p),
                Item::Import(i) => {
                    // Attributes between the package clause and an import are declarations of the file.
                    if file.decls.iter().any(|d| !matches!(d.kind, DeclKind::Attribute(_) | DeclKind::Bad)) {
                        let message = "imports must stand before the fields of the file";
                        self.error(Code::Syntax, i.span, message, "move it to the top of the file");
                    }
                    file.imports.push(i);
                }
                Item::Decl(Decl { kind: DeclKind::Attribute(a), .. })
                    if file.package.is_none() && file.imports.is_empty() && file.decls.is_empty() =>
                {
                    file.attributes.push(a);
                }
                Item::Decl(d) => file.decls.push(d),
            }
        }
        self.check_experiments(&file);
        if file.package.is_none() && file.imports.is_empty() && !file.attributes.is_empty() {
            // Without a clause to stand before they are declarations like others.
            let attributes = std::mem::take(&mut file.attributes);
            file.decls.splice(0..0, attributes.into_iter().map(|a| self.attribute_decl(a)));
        }
        file
    }

    // Declarations

    pub(crate) fn attribute(&self, l: u32, r: u32) -> Attribute {
        let text = self.slice_of(l, r);
        let open = text.find('(').unwrap_or(text.len());
        let name = text.get(1..open).unwrap_or("");
        let body = text.get(open + 1..text.len().saturating_sub(1)).unwrap_or("");
        self.check_attribute(body, l + open as u32 + 1);
        Attribute {
            text: text.into(),
            name: name.into(),
            body: body.into(),
            span: self.span(l, r),
            comments: Vec::new(),
            space: self.space(l),
        }
    }

    /// The body of an attribute is made of tokens of the language, with `;` and `~` besides, so its literals must be right.
    fn check_attribute(&self, body: &str, at: u32) {
        if !body.contains(['"', '\'', '\\', '`', '^', '%'])
            && !body.contains(|c: char| c.is_ascii_digit() || !c.is_ascii())
        {
            return;
        }
        let lexed = super::lexer::lex(self.file, body);
        for t in lexed.tokens.iter().filter(|t| t.tok == super::token::Tok::String) {
            self.string(at + t.start, at + t.end);
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
            self.errors.borrow_mut().push(d);
        }
    }

    /// Notes the use of something that the file must have asked for.
    fn experiment(&self, name: &'static str, span: Span, what: &'static str) {
        self.experiments.borrow_mut().push((name, span, what));
    }

    /// Refuses experiments that no `@experiment(...)` of the file names.
    fn check_experiments(&self, file: &File) {
        let decls = file.decls.iter().filter_map(|d| match &d.kind {
            DeclKind::Attribute(a) => Some(a),
            _ => None,
        });
        let named: Vec<&str> = file
            .attributes
            .iter()
            .chain(decls)
            .filter(|a| &*a.name == "experiment")
            .flat_map(|a| a.body.split(',').map(str::trim))
            .collect();
        for (name, span, what) in self.experiments.take() {
            if !named.contains(&name) {
                let hint = format!("write `@experiment({name})` at the top of the file to use it");
                self.error(Code::Syntax, span, format!("{what} is an experiment of the language"), &hint);
            }
        }
    }

    pub(crate) fn attribute_decl(&self, a: Attribute) -> Decl {
        let (span, space) = (a.span, a.space);
        Decl { kind: DeclKind::Attribute(a), span, comments: Vec::new(), space }
    }

    pub(crate) fn field(
        &self,
        l: u32,
        label: Expr,
        constraint: Constraint,
        colon: u32,
        rest: Rest,
        r: u32,
    ) -> Decl {
        let (alias, label) = match label {
            Expr { kind: ExprKind::Alias { name, value }, .. } => (Some(name), self.label(*value, colon)),
            label => (None, self.label(label, colon)),
        };
        let Some(label) = label else { return self.decl(l, DeclKind::Bad, r) };
        let Rest { value, attributes } = rest;
        let colon = self.span(colon, colon + 1);
        let field = Field { alias, label, constraint, colon, value, attributes };
        self.decl(l, DeclKind::Field(Box::new(field)), r)
    }

    /// The value of a field that is another field: `a: b: c`.
    pub(crate) fn nested(&self, inner: Decl) -> Rest {
        let span = inner.span;
        let kind = ExprKind::Struct(StructLit { decls: vec![inner], braces: None, close: Space::None });
        Rest { value: self.expr(span.start, kind, span.end), attributes: Vec::new() }
    }

    /// What stands before a colon, read as an expression.
    fn label(&self, e: Expr, colon: u32) -> Option<Label> {
        let span = e.span;
        let kind = match e.kind {
            ExprKind::Ident(name) => {
                if name.starts_with("__") {
                    let message =
                        format!("`{name}` cannot be declared: names that begin with `__` are reserved");
                    self.error(Code::Syntax, span, message, "put it in quotes, or give it another name");
                }
                LabelKind::Ident(name)
            }
            ExprKind::Null | ExprKind::Bool(_) => LabelKind::Ident(self.text(span.start, span.end)),
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
                let hint = "a label is a name, a string, `(expression)` or `[pattern]`; fields of fields are written `a: b: value`";
                let d = Diagnostic::new(Code::Syntax, "this cannot be a label").at(span, "");
                let d = d.at(self.span(colon, colon + 1), "this `:` makes a label of what stands before it");
                self.errors.borrow_mut().push(d.hint(hint));
                return None;
            }
        };
        Some(Label { kind, span })
    }

    // Comprehensions

    pub(crate) fn comprehension(
        &self,
        l: u32,
        clauses: Vec<Clause>,
        value: Expr,
        otherwise: Option<Expr>,
        r: u32,
    ) -> Expr {
        if let Some(o) = &otherwise {
            self.experiment("try", o.span, "`else`");
        }
        self.expr(l, ExprKind::Comprehension(Box::new(Comprehension { clauses, value, otherwise })), r)
    }

    pub(crate) fn try_clause(&self, l: u32, binding: Option<(Ident, Expr)>, r: u32) -> Clause {
        self.clause(l, ClauseKind::Try(binding), r)
    }

    // Expressions

    /// Binds a chain of operators: the stronger first, equals from the left.
    pub(crate) fn chain(&self, first: Expr, rest: Vec<Link>) -> Expr {
        let mut left = first;
        let mut waiting: Vec<(Expr, BinaryOp, Span)> = Vec::new();
        for Link { op, span, x } in rest {
            while let Some((l, o, s)) = waiting.pop_if(|(_, o, _)| o.precedence() >= op.precedence()) {
                left = binary(l, o, s, left);
            }
            waiting.push((left, op, span));
            left = x;
        }
        while let Some((l, o, s)) = waiting.pop() {
            left = binary(l, o, s, left);
        }
        left
    }

    pub(crate) fn unary(&self, l: u32, op: UnaryOp, r: u32, x: Expr) -> Expr {
        let end = x.span.end;
        self.expr(l, ExprKind::Unary { op, op_span: self.span(l, r), x: Box::new(x) }, end)
    }

    /// An expression that begins with another.
    fn postfix(&self, start: Span, space: Space, kind: ExprKind, end: u32) -> Expr {
        Expr { kind, span: self.span(start.start, end), comments: Vec::new(), space }
    }

    pub(crate) fn name_label(&self, n: Ident) -> Label {
        Label { kind: LabelKind::Ident(n.name), span: n.span }
    }

    pub(crate) fn string_selector(&self, s: StrLit) -> Label {
        if !s.raw.starts_with('"') || s.raw.starts_with("\"\"\"") {
            let hint = "write x.\"name\", or x[...] for a computed name";
            self.error(Code::Syntax, s.span, "a selector in quotes must be a simple string", hint);
        }
        let span = s.span;
        Label { kind: LabelKind::String(s), span }
    }

    pub(crate) fn selector(&self, x: Expr, sel: Label) -> Expr {
        let (span, space, end) = (x.span, x.space, sel.span.end);
        self.postfix(span, space, ExprKind::Selector { x: Box::new(x), sel }, end)
    }

    pub(crate) fn index(&self, x: Expr, index: Expr, r: u32) -> Expr {
        let (span, space) = (x.span, x.space);
        self.postfix(span, space, ExprKind::Index { x: Box::new(x), index: Box::new(index) }, r)
    }

    pub(crate) fn slice(&self, x: Expr, lo: Option<Expr>, hi: Option<Expr>, r: u32) -> Expr {
        let (span, space) = (x.span, x.space);
        let kind = ExprKind::Slice { x: Box::new(x), lo: lo.map(Box::new), hi: hi.map(Box::new) };
        self.postfix(span, space, kind, r)
    }

    pub(crate) fn call(&self, fun: Expr, args: Vec<Expr>, p: u32, r: u32) -> Expr {
        let (span, space) = (fun.span, fun.space);
        self.postfix(
            span,
            space,
            ExprKind::Call { fun: Box::new(fun), args, parens: self.span(p, r), close: self.space(r - 1) },
            r,
        )
    }

    pub(crate) fn open(&self, x: Expr, r: u32) -> Expr {
        self.experiment("explicitopen", self.span(x.span.start, r), "`...` behind a value");
        let (span, space) = (x.span, x.space);
        self.postfix(span, space, ExprKind::Open(Box::new(x)), r)
    }

    pub(crate) fn structure(&self, l: u32, m: u32, decls: Vec<Decl>, n: u32, r: u32) -> Expr {
        let braces = Some((self.span(l, m), self.span(n, r)));
        self.expr(l, ExprKind::Struct(StructLit { decls, braces, close: self.space(n) }), r)
    }

    pub(crate) fn ellipsis(&self, l: u32, value: Option<Expr>, r: u32) -> Element {
        let value = value.map(Box::new);
        Element::Ellipsis(Ellipsis {
            value,
            span: self.span(l, r),
            comments: Vec::new(),
            space: self.space(l),
        })
    }

    pub(crate) fn list(&self, l: u32, m: u32, elements: Vec<Element>, n: u32, r: u32) -> Expr {
        let mut elems = Vec::with_capacity(elements.len());
        let mut ellipsis: Option<Ellipsis> = None;
        for e in elements {
            if let Some(open) = &ellipsis {
                self.error(
                    Code::Syntax,
                    open.span,
                    "`...` must be the last element of a list",
                    "move it to the end",
                );
            }
            match e {
                Element::Expr(e) => elems.push(e),
                Element::Ellipsis(e) => ellipsis = Some(e),
            }
        }
        let brackets = (self.span(l, m), self.span(n, r));
        let commas = self.has_commas(&elems, ellipsis.as_ref(), n);
        self.expr(l, ExprKind::List(ListLit { elems, ellipsis, brackets, commas, close: self.space(n) }), r)
    }

    /// Whether a list writes commas at line ends: between all of its elements, or behind a single one.
    fn has_commas(&self, elems: &[Expr], ellipsis: Option<&Ellipsis>, close: u32) -> bool {
        let ends = elems.iter().map(|e| e.span.end);
        let starts = elems.iter().map(|e| e.span.start).chain(ellipsis.map(|e| e.span.start)).skip(1);
        let mut between = ends.zip(starts).peekable();
        match (between.peek(), elems.first()) {
            (Some(_), _) => between.all(|(l, r)| self.has_comma(l, r)),
            (None, Some(only)) => self.has_comma(only.span.end, close),
            (None, None) => ellipsis.is_none_or(|e| self.has_comma(e.span.end, close)),
        }
    }

    /// Whether a comma stands between two nodes, outside of comments.
    fn has_comma(&self, l: u32, r: u32) -> bool {
        self.slice_of(l, r).lines().any(|line| line.split("//").next().is_some_and(|code| code.contains(',')))
    }

    // Literals

    pub(crate) fn string(&self, l: u32, r: u32) -> StrLit {
        let raw = self.slice_of(l, r);
        let Some(quote) = Quote::of(raw) else {
            return StrLit { raw: raw.into(), value: Arc::from([]), bytes: false, span: self.span(l, r) };
        };
        let indent = literal::indent_of(raw, quote);
        let (from, to) = (quote.len(), raw.len().saturating_sub(quote.len()));
        self.piece(l, raw, (from, to), quote, indent, (true, true))
    }

    /// A piece of a literal as written, of which `body` is between the delimiters.
    fn piece(
        &self,
        l: u32,
        raw: &str,
        body: (usize, usize),
        quote: Quote,
        indent: &str,
        (first, last): (bool, bool),
    ) -> StrLit {
        let text = raw.get(body.0..body.1).unwrap_or("");
        let mut faults = Vec::new();
        let value = literal::decode(Piece { text, first, last }, quote, indent, &mut faults);
        for (message, at) in faults {
            let at = l + (body.0 + at) as u32;
            self.error(Code::Literal, self.span(at, (at + 1).min(l + raw.len() as u32)), message, "");
        }
        let span = self.span(l, l + raw.len() as u32);
        StrLit { raw: raw.into(), value: value.into(), bytes: quote.mark == b'\'', span }
    }

    pub(crate) fn interpolation(
        &self,
        l: u32,
        m: u32,
        x: Expr,
        rest: Vec<(u32, u32, Expr)>,
        e: u32,
        r: u32,
    ) -> Expr {
        let first = self.slice_of(l, m);
        let last = self.slice_of(e, r);
        let Some(quote) = Quote::of(first) else { return self.expr(l, ExprKind::Bad, r) };
        let indent = literal::indent_of(last, quote);
        let opening = 2 + quote.hashes;
        let mut parts = Vec::with_capacity(rest.len() + 2);
        let mut exprs = vec![x];
        parts.push(self.piece(l, first, (quote.len(), first.len() - opening), quote, indent, (true, false)));
        for (l, m, x) in rest {
            let raw = self.slice_of(l, m);
            parts.push(self.piece(l, raw, (1, raw.len() - opening), quote, indent, (false, false)));
            exprs.push(x);
        }
        let closing = last.len().saturating_sub(quote.len()).max(1);
        parts.push(self.piece(e, last, (1, closing), quote, indent, (false, true)));
        let bytes = quote.mark == b'\'';
        self.expr(l, ExprKind::Interpolation(Box::new(Interpolation { parts, exprs, bytes })), r)
    }
}

fn binary(l: Expr, op: BinaryOp, op_span: Span, r: Expr) -> Expr {
    let span = l.span.to(r.span);
    let space = l.space;
    Expr {
        kind: ExprKind::Binary { op, op_span, l: Box::new(l), r: Box::new(r) },
        span,
        comments: Vec::new(),
        space,
    }
}

/// The characters of an import path, by the specification: graphic ones without spaces and without a few with other meanings. The
/// colon stands before the package name.
fn allowed_in_import(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"!\"#$%&'()*,;<=>?[\\]^`{|}\u{fffd}".contains(c)
}
