//! Files, declarations, labels and comprehensions. Tests: `tests.rs` beside.

use super::*;

/// How deep a chain of labels goes: 1 for `a: 1`, 2 for `a: b: 1`, 0 for what is no field or ends in a struct of other than one field.
/// Lines are aligned with those of the same depth only.
fn depth(d: &Decl) -> usize {
    let mut n = 0;
    let mut d = d;
    while let DeclKind::Field(f) = &d.kind {
        match &f.value.kind {
            ExprKind::Struct(s) => match s.decls.as_slice() {
                [only] => d = only,
                _ => return n,
            },
            _ => return n + 1,
        }
        n += 1;
    }
    n
}

/// The inner declaration of `a: b: c`.
fn nested<'a, 't>(d: &'a Decl<'t>) -> Option<&'a Decl<'t>> {
    match &d.kind {
        DeclKind::Field(f) => match &f.value.kind {
            ExprKind::Struct(StructLit { decls, braces: false, .. }) if decls.len() == 1 => decls.first(),
            _ => None,
        },
        _ => None,
    }
}

fn innermost<'a, 't>(d: &'a Decl<'t>) -> &'a Decl<'t> {
    let mut d = d;
    while let Some(inner) = nested(d) {
        d = inner;
    }
    d
}

/// Whether a value, because it has brackets or several lines, is not aligned with its neighbours.
fn is_block(x: &Expr) -> bool {
    let mut x = x;
    loop {
        match &x.kind {
            ExprKind::Struct(_) | ExprKind::List(_) => return true,
            ExprKind::String(s) => return s.raw.contains('\n'),
            ExprKind::Unary { x: y, .. }
            | ExprKind::Paren(y)
            | ExprKind::Index { x: y, .. }
            | ExprKind::Selector { x: y, .. } => x = y,
            ExprKind::Binary { l, r, .. } => {
                if is_block(r) {
                    return true;
                }
                x = l;
            }
            ExprKind::Call { args, .. } => return args.iter().any(is_block),
            _ => return false,
        }
    }
}

/// Whether a declaration ends the columns before it: a struct in braces or a list.
fn breaks_columns(d: &Decl) -> bool {
    match &d.kind {
        DeclKind::Field(f) => match &f.value.kind {
            ExprKind::Struct(s) => {
                let short = !s.braces && s.decls.len() == 1 && f.value.comments.is_empty();
                !short || s.decls.iter().any(gets_braces)
            }
            ExprKind::List(_) => true,
            _ => false,
        },
        _ => false,
    }
}

/// Whether the name of a declaration is that of a definition.
fn is_definition(d: &Decl) -> bool {
    match &d.kind {
        DeclKind::Field(f) => match &f.label.kind {
            LabelKind::Ident(name) => name.starts_with('#') || name.starts_with("_#"),
            _ => false,
        },
        _ => false,
    }
}

fn has_line_comment(comments: &Comments) -> bool {
    comments.iter().any(|c| c.place == Place::Line)
}

/// The comments before a declaration, which a chain keeps at its end.
fn docs_of<'a, 't>(d: &'a Decl<'t>) -> &'a Comments<'t> {
    &innermost(d).comments
}

/// How a declaration with its comments follows what is before it.
pub(super) fn lead(d: &Decl) -> Space {
    docs_of(d).iter().find(|c| c.place == Place::Doc).map_or(d.space, |c| c.space)
}

/// Whether an inner declaration of a chain is put in braces, because an attribute behind it would seem to belong to the whole chain.
pub(super) fn gets_braces(d: &Decl) -> bool {
    matches!(&d.kind, DeclKind::Field(f) if !f.attributes.is_empty())
}

/// Whether a part of a chain is put in braces.
fn opens_braces(d: &Decl) -> bool {
    let mut d = d;
    while let (DeclKind::Field(f), Some(inner)) = (&d.kind, nested(d)) {
        if !f.value.comments.is_empty() || gets_braces(inner) {
            return true;
        }
        d = inner;
    }
    false
}

/// Whether a comment in front stands directly behind what is before it, but apart from the declaration.
fn floats_behind(d: &Decl) -> bool {
    let mut docs = docs_of(d).iter().filter(|c| c.place == Place::Doc);
    let adjoins = docs.next().is_some_and(|c| c.space == Space::Newline);
    adjoins && docs.next().map_or(d.space, |c| c.space) == Space::Section
}

impl Printer {
    pub(super) fn file(&mut self, f: &File) {
        for a in &f.attributes {
            self.docs(&a.comments, a.space, Behind::Node);
            self.gap(line_gap(a.space).max(Gap::Line));
            self.token(a.text);
            self.line_comments(&a.comments);
            self.gap(Gap::Line);
        }
        if let Some(p) = &f.package {
            self.docs(&p.comments, p.space, Behind::Node);
            self.gap(line_gap(p.space));
            self.token("package ");
            self.token(p.name.name);
            self.line_comments(&p.comments);
            self.gap(Gap::Section);
        }
        for i in &f.imports {
            self.gap(Gap::Section);
            self.import(i);
        }
        if !f.imports.is_empty() && !f.decls.first().is_some_and(floats_behind) {
            self.gap(Gap::Section);
        }
        if let Some(first) = f.decls.first()
            && !self.begun
            && first.space >= Space::Newline
            && first.span.start > 0
            && !docs_of(first).iter().any(|c| c.place == Place::Doc)
            && !matches!(first.kind, DeclKind::Field(_) | DeclKind::Attribute(_))
        {
            // The reference keeps an empty line before an expression that begins a file.
            self.lines.newline();
        }
        self.decls(&f.decls, Behind::Node, !f.comments.is_empty());
        self.inner(&f.comments, Behind::Node);
        self.gap = Gap::None;
    }

    fn import(&mut self, i: &ImportDecl) {
        self.docs(&i.comments, i.space, Behind::Node);
        self.token("import ");
        if i.parens {
            self.token("(");
            self.open();
        }
        let mut broken = false;
        for (n, s) in i.specs.iter().enumerate() {
            let first = s.comments.iter().find(|c| c.place == Place::Doc).map_or(s.space, |c| c.space);
            let gap = line_gap(first);
            broken |= gap >= Gap::Line;
            if n > 0 && gap == Gap::None {
                // Imports stand on lines of their own, because commas are not written between them.
                self.gap(Gap::Line);
                broken = true;
            }
            if n == 0 && first == Space::Blank && i.parens {
                self.gap(Gap::Blank);
            }
            self.gap(gap);
            self.docs(&s.comments, s.space, Behind::Token);
            if let Some(name) = &s.name {
                self.token(name.name);
                self.gap(Gap::Blank);
            }
            self.token(s.path.raw);
            self.line_comments(&s.comments);
        }
        if i.parens {
            if self.inner(&i.comments, Behind::Token) || broken {
                self.gap(Gap::Line);
            } else if i.specs.last().is_some_and(|s| s.span.end + 1 < i.span.end) {
                self.gap(Gap::Blank);
            }
            self.close();
            self.closing(")");
        }
        self.line_comments(&i.comments);
    }

    /// The declarations of a struct or file. `followed` tells of comments behind the last.
    pub(super) fn decls(&mut self, decls: &[Decl], behind: Behind, followed: bool) {
        for (i, d) in decls.iter().enumerate() {
            let before = i.checked_sub(1).and_then(|i| decls.get(i));
            let space = lead(d);
            let mut gap = line_gap(space);
            let mut own_line = gap >= Gap::Line;
            if let Some(before) = before {
                if own_line {
                    let nd = depth(before);
                    let block = opens_braces(before)
                        || matches!(&innermost(before).kind, DeclKind::Field(f) if is_block(&f.value));
                    let block = block && !has_line_comment(&before.comments);
                    let change = breaks_columns(d) || block || nd == 0 || nd != depth(d);
                    if change && gap == Gap::Line {
                        gap = Gap::Flush;
                    }
                    let commented = !docs_of(d).is_empty()
                        || !d.comments.is_empty()
                        || (followed && i + 1 == decls.len());
                    let plain = matches!(before.kind, DeclKind::Field(_)) && !is_definition(before);
                    if commented && !plain && !floats_behind(d) {
                        gap = Gap::Section;
                    }
                } else if has_line_comment(&before.comments) {
                    own_line = true;
                    gap = Gap::Line;
                } else {
                    self.token(",");
                    gap = Gap::Blank;
                }
            } else if behind == Behind::Node {
                own_line = true;
            } else if space == Space::Blank
                && behind == Behind::Brace
                && matches!(d.kind, DeclKind::Let { .. })
            {
                gap = Gap::Blank;
            } else if own_line && gap == Gap::Line {
                gap = Gap::Flush;
            }
            let docs = docs_of(d);
            if docs.iter().any(|c| c.place == Place::Doc) {
                if space >= Space::Newline && !(self.line_comment && gap < Gap::Section) {
                    self.gap(gap);
                }
                self.docs(docs, d.space.max(Space::Newline), if i == 0 { behind } else { Behind::Node });
                own_line = true;
                if gap == Gap::Flush {
                    self.gap(Gap::Flush);
                }
            } else {
                self.gap(gap);
            }
            self.decl(d, own_line);
        }
    }

    fn decl(&mut self, d: &Decl, own_line: bool) {
        match &d.kind {
            DeclKind::Field(_) => self.field(d, own_line),
            DeclKind::Embed(x) => self.expr(x, 1),
            DeclKind::Let { name, value } => {
                self.token("let ");
                self.token(name.name);
                self.token(" =");
                self.gap(line_gap(value.space).max(Gap::Blank));
                self.docs(&value.comments, value.space, Behind::Token);
                self.expr(value, 1);
            }
            DeclKind::Ellipsis(x) => {
                self.token("...");
                if let Some(x) = x {
                    self.expr(x, 1);
                }
            }
            DeclKind::Attribute(a) => self.token(a.text),
            DeclKind::Bad => {}
        }
        for c in d.comments.iter().filter(|c| c.place == Place::After) {
            self.gap(if c.space < Space::Newline { Gap::Blank } else { Gap::Line });
            self.comment(c);
        }
        self.line_comments(&d.comments);
    }

    fn field(&mut self, d: &Decl, own_line: bool) {
        let mut d = d;
        let mut opened = 0;
        while let DeclKind::Field(f) = &d.kind {
            if let Some(alias) = &f.alias {
                self.token(alias.name);
                self.token(if f.label.span.start > alias.span.end + 2 { " = " } else { "=" });
            }
            self.label(&f.label);
            self.token(match f.constraint {
                Constraint::Regular => ":",
                Constraint::Required => "!:",
                Constraint::Optional => "?:",
            });
            if !matches!(&f.value.kind, ExprKind::Struct(StructLit { braces: true, .. }) | ExprKind::List(_))
            {
                self.open();
                opened += 1;
            }
            let Some(inner) = nested(d) else {
                self.value(f, own_line);
                break;
            };
            let notes = &f.value.comments;
            if gets_braces(inner) || !notes.is_empty() {
                // Comments need lines of their own.
                self.gap(Gap::Blank);
                self.token("{");
                self.open();
                self.gap(Gap::Flush);
                for c in notes.iter() {
                    self.comment(c);
                    self.gap(Gap::Flush);
                }
                self.field(inner, true);
                self.gap(Gap::Line);
                self.close();
                self.closing("}");
                break;
            }
            self.gap(line_gap(inner.space).max(Gap::Blank));
            d = inner;
        }
        (0..opened).for_each(|_| self.close());
    }

    fn value(&mut self, f: &Field, own_line: bool) {
        // What is behind the braces of a pattern is not aligned, as in the reference.
        let braces = matches!(&f.label.kind, LabelKind::Pattern(x) if matches!(x.kind, ExprKind::Struct(_)));
        let gap = if own_line && !is_block(&f.value) && !braces { Gap::Cell } else { Gap::Blank };
        let docs = f.value.comments.iter().any(|c| c.place == Place::Doc);
        if docs {
            self.docs(&f.value.comments, f.value.space, Behind::Token);
        } else {
            let line = line_gap(f.value.space);
            self.gap(if line >= Gap::Line { line } else { gap });
        }
        self.expr(&f.value, 1);
        for (i, a) in f.attributes.iter().enumerate() {
            self.gap(if i == 0 { gap } else { Gap::Blank });
            self.docs(&a.comments, Space::Newline, Behind::Token);
            self.token(a.text);
        }
    }

    fn label(&mut self, l: &Label) {
        match &l.kind {
            LabelKind::Ident(name) => self.token(name),
            LabelKind::String(s) => self.label_string(s),
            LabelKind::Interpolation(x) => self.expr(x, 2),
            LabelKind::Dynamic(x) => {
                self.token("(");
                self.inside(x, l.span, 1);
                self.token(")");
            }
            LabelKind::Pattern(x) => {
                self.token("[");
                self.expr(x, 1);
                self.token("]");
            }
        }
    }

    /// A label in quotes; forms other than the simple one are rewritten.
    fn label_string(&mut self, s: &StrLit) {
        if s.bytes || (s.raw.starts_with('"') && !s.raw.contains('\n')) {
            return self.token(s.raw);
        }
        self.token(&quote(&s.text()));
    }

    pub(super) fn comprehension(&mut self, c: &Comprehension) {
        for (i, clause) in c.clauses.iter().enumerate() {
            let docs = clause.comments.iter().any(|c| c.place == Place::Doc);
            if docs && i > 0 {
                self.docs(&clause.comments, clause.space, Behind::Token);
            } else if i > 0 {
                self.gap(line_gap(clause.space).max(Gap::Blank));
            }
            self.clause(clause);
            self.line_comments(&clause.comments);
        }
        if c.value.comments.iter().any(|c| c.place == Place::Doc) {
            self.docs(&c.value.comments, c.value.space, Behind::Token);
        }
        self.gap(Gap::Blank);
        self.expr(&c.value, 1);
        if let Some(o) = &c.otherwise {
            self.gap(Gap::Blank);
            self.token("else ");
            self.expr(o, 1);
        }
    }

    fn clause(&mut self, c: &Clause) {
        self.token(match &c.kind {
            ClauseKind::For { .. } => "for",
            ClauseKind::If(_) => "if",
            ClauseKind::Let { .. } => "let",
            ClauseKind::Try(_) => "try",
        });
        self.open();
        match &c.kind {
            ClauseKind::For { key, value, source } => {
                self.gap(Gap::Blank);
                if let Some(key) = key {
                    self.token(key.name);
                    self.token(", ");
                }
                self.token(value.name);
                self.token(" in");
                self.part(source);
            }
            ClauseKind::If(x) => self.part(x),
            ClauseKind::Let { name, value: x } | ClauseKind::Try(Some((name, x))) => {
                self.gap(Gap::Blank);
                self.token(name.name);
                self.token(" =");
                self.part(x);
            }
            ClauseKind::Try(None) => {}
        }
        self.close();
    }

    /// An expression after a word.
    fn part(&mut self, x: &Expr) {
        self.docs(&x.comments, x.space, Behind::Token);
        self.gap(line_gap(x.space).max(Gap::Blank));
        self.expr(x, 1);
    }
}

/// Text as a simple string literal.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
