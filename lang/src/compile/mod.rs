//! From syntax trees to the compiled form: names are resolved, labels interned, packages brought in.
//!
//! `scope.rs` keeps the blocks that names are looked up in; this file walks expressions, `structs.rs` what struct literals declare; `package.rs` finds imports. What is wrong with names and
//! literals is collected here, all of it, before anything is evaluated.

mod attribute;
mod package;
mod placed;
mod predeclared;
mod scope;
mod selected;
mod structs;

pub(crate) use placed::placed;
pub(crate) use selected::{mentioned, missing, selected};

use crate::data::{Kept, Shared};
use crate::diag::{Code, Diagnostic};
use crate::eval::Room;
use crate::eval::expr::{
    Callee, Clause, Comprehension, Decl, E, Expr, FieldDecl, List, Part, Scalar, Struct, X,
};
use crate::eval::label::{Label, Labels};
use crate::number::Number;
use crate::packages::{AttributePlace, Packages};
use crate::source::{FileId, Source, SourceMap, Span};
use crate::syntax::ast;
use package::FileImports;
use rustc_hash::FxHashSet;
use scope::{Binding, Found, Scopes};
use std::sync::Arc;

/// The compiled form of one package.
#[derive(Debug)]
pub(crate) struct Unit {
    /// Its root: a struct literal of all its files.
    pub(crate) root: E,
}

/// What a compilation gives: units (the program first), labels and files.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// The program and the packages it imports.
    pub(crate) units: Vec<Unit>,
    /// All labels.
    pub(crate) labels: Arc<Labels>,
    /// The labels that an expression somewhere names: what has none of them is read by nobody.
    pub(crate) named: FxHashSet<Label>,
    /// All files.
    pub(crate) sources: SourceMap,
    /// Whether `+` and `*` work on lists.
    pub(crate) list_arithmetic: bool,
    /// What evaluations of it take.
    pub(crate) room: Room,
}

/// Compiles the files of one package and everything they import.
pub(crate) fn program(
    files: Vec<Source>,
    packages: &dyn Packages,
) -> Result<Compiled, (Vec<Diagnostic>, SourceMap)> {
    let mut c = Compiler::new(Labels::default(), SourceMap::default(), packages);
    c.unit("", Span::default(), files);
    if c.diagnostics.is_empty() {
        let units = c.units.into_iter().flatten().collect();
        let (labels, named) = (Arc::new(c.labels), c.named);
        let list_arithmetic = packages.list_arithmetic();
        let room = Room::for_fields(c.fields);
        return Ok(Compiled { units, labels, named, sources: c.sources, list_arithmetic, room });
    }
    Err((c.diagnostics, c.sources))
}

/// An expression compiled for an existing struct: the names of its fields and of the structs around it are in scope.
pub(crate) struct Detached {
    /// The expression.
    pub(crate) expr: E,
    /// What is wrong with it.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Compiles one expression. `scopes` are the names of the structs around it, the outermost first. With `imports` it may use standard packages by their short names,
/// and begin with imports of its own.
pub(crate) fn expression(
    source: Source,
    scopes: Vec<Vec<(Arc<str>, Label)>>,
    imports: bool,
    labels: &mut Labels,
    sources: &mut SourceMap,
) -> Detached {
    let file = sources.add(source.clone());
    let importing = if imports { importing(file, &source.text) } else { None };
    let (mut expr, mut diagnostics, imported) = match importing {
        Some((expr, imported)) => (expr, Vec::new(), imported),
        None => {
            let (expr, diagnostics) = crate::syntax::parse_expr(file, &source.text);
            (expr, diagnostics, ast::File::default())
        }
    };
    let taken = std::mem::take(labels);
    let mut c = Compiler::new(taken, std::mem::take(sources), &crate::api::NoPackages);
    for names in scopes {
        c.scopes.push_struct();
        for (name, label) in names {
            c.scopes.declare(&name, Binding::Field(label));
        }
    }
    c.short_imports = imports;
    c.imports = c.file_imports(&imported);
    let expr = if diagnostics.is_empty() { c.expr(&mut expr) } else { Expr::new(X::Bottom, expr.span) };
    diagnostics.append(&mut c.diagnostics);
    *labels = c.labels;
    *sources = c.sources;
    Detached { expr, diagnostics }
}

/// An expression that begins with imports of its own, as outputs of steps may: the expression, and the file without it.
fn importing(file: FileId, text: &str) -> Option<(ast::Expr<'_>, ast::File<'_>)> {
    let (mut tree, diagnostics) = crate::syntax::parse(file, text);
    if !diagnostics.is_empty() || tree.imports.is_empty() || tree.decls.len() > 1 {
        return None;
    }
    match tree.decls.pop()?.kind {
        ast::DeclKind::Embed(expr) => Some((*expr, tree)),
        _ => None,
    }
}

struct Compiler<'p> {
    labels: Labels,
    named: FxHashSet<Label>,
    /// How many fields there were up to now.
    fields: usize,
    sources: SourceMap,
    packages: &'p dyn Packages,
    /// `None` while a package is being compiled: an import of it then is a cycle.
    units: Vec<Option<Unit>>,
    unit_paths: Vec<String>,
    /// Where each unit was imported first.
    unit_spans: Vec<Span>,
    /// The file being compiled: whether it takes values from outside, and where in it the compiler is.
    file: attribute::Here,
    diagnostics: Vec<Diagnostic>,
    scopes: Scopes,
    imports: FileImports,
    package: String,
    short_imports: bool,
    /// How often a comprehension's clauses bound a name, to give each its label.
    depth: u32,
}

/// Nesting of expressions beyond which a program is refused. The parser has a limit of its own, below this one.
const MAX_DEPTH: u32 = 3_000;

impl<'p> Compiler<'p> {
    fn new(labels: Labels, sources: SourceMap, packages: &'p dyn Packages) -> Compiler<'p> {
        Compiler {
            labels,
            named: FxHashSet::default(),
            fields: 0,
            sources,
            packages,
            units: Vec::new(),
            unit_paths: Vec::new(),
            unit_spans: Vec::new(),
            file: attribute::Here::default(),
            diagnostics: Vec::new(),
            scopes: Scopes::default(),
            imports: FileImports::default(),
            package: String::new(),
            short_imports: false,
            depth: 0,
        }
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(code, message).at(span, ""));
    }

    /// The mistakes found since there were so many are in the part of a value that `step` names.
    fn below(&mut self, found: usize, step: &str) {
        for d in self.diagnostics.iter_mut().skip(found) {
            let dot = if d.path.is_empty() { "" } else { "." };
            d.path = format!("{step}{dot}{}", d.path);
        }
    }

    /// What is written at a place.
    fn text(&self, span: Span) -> String {
        let text =
            self.sources.get(span.file).and_then(|s| s.text.get(span.start as usize..span.end as usize));
        text.unwrap_or("_").to_owned()
    }

    /// Compiles a package; gives its number.
    fn unit(&mut self, path: &str, span: Span, files: Vec<Source>) -> u32 {
        let number = self.units.len() as u32;
        self.units.push(None);
        self.unit_paths.push(path.to_owned());
        self.unit_spans.push(span);
        let saved = (
            std::mem::take(&mut self.scopes),
            std::mem::take(&mut self.imports),
            std::mem::replace(&mut self.package, path.to_owned()),
            std::mem::take(&mut self.file),
        );
        let texts: Vec<Arc<str>> = files.iter().map(|f| f.text.clone()).collect();
        let mut trees = Vec::new();
        let before = self.diagnostics.len();
        for (source, text) in files.into_iter().zip(&texts) {
            let id = self.sources.add(source);
            let (tree, mut found) = crate::syntax::parse(id, text);
            self.diagnostics.append(&mut found);
            trees.push(tree);
        }
        if self.diagnostics.len() > before {
            // Names are not looked for in a text that is not understood in full: what declares or uses them may be the mistake.
            trees.clear();
        }
        self.scopes.push_struct();
        for tree in &trees {
            self.declare_fields(&tree.decls);
        }
        let mut out = Struct::default();
        for tree in &mut trees {
            self.imports = self.file_imports(tree);
            self.file_attributes(tree, number == 0);
            self.declare_locals(&tree.decls, &mut out);
            self.decls(std::mem::take(&mut tree.decls), &mut out);
            self.scopes.close_file(&mut self.diagnostics);
            self.unused_imports();
        }
        out.is_struct = structs::shape(&out);
        out.several_files = trees.len() > 1;
        self.scopes.pop(&mut self.diagnostics);
        let span = trees.first().map(|t| Span::new(t.id, 0, 0)).unwrap_or_default();
        let root = Expr::new(X::Struct(Box::new(out)), span);
        self.units[number as usize] = Some(Unit { root });
        (self.scopes, self.imports, self.package, self.file) = saved;
        number
    }

    fn expr(&mut self, e: &mut ast::Expr) -> E {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.depth -= 1;
            self.error(Code::Budget, e.span, "the expression is nested too deeply");
            return Expr::new(X::Bottom, e.span);
        }
        let kind = stack(|| self.kind(e));
        self.depth -= 1;
        match kind {
            Ok(kind) => Expr::new(kind, e.span),
            Err(shared) => shared,
        }
    }

    fn kind(&mut self, e: &mut ast::Expr) -> Result<X, E> {
        use ast::ExprKind as K;
        let span = e.span;
        Ok(match &mut e.kind {
            K::Bad => X::Bottom,
            K::Bottom => X::Bottom,
            K::Null => X::Scalar(Scalar::Null),
            K::Bool(b) => X::Scalar(Scalar::Bool(*b)),
            K::Number(text) => match Number::parse_literal(text) {
                Ok(n) => X::Scalar(Scalar::Number(n)),
                Err(why) => {
                    self.error(Code::Literal, span, format!("invalid number {text}: {why}"));
                    X::Bottom
                }
            },
            K::String(s) if s.bytes => X::Scalar(Scalar::Bytes(s.value().into())),
            K::String(s) => X::Scalar(Scalar::String(s.text().into())),
            K::Interpolation(i) => {
                let mut parts = Vec::new();
                for (n, part) in i.parts.iter().enumerate() {
                    if !part.value().is_empty() {
                        parts.push(Part::Text(part.value().into()));
                    }
                    if let Some(x) = i.exprs.get_mut(n) {
                        parts.push(Part::Expr(self.expr(x)));
                    }
                }
                X::Interpolation { parts, bytes: i.bytes }
            }
            K::Struct(s) => X::Struct(Box::new(self.struct_lit(s))),
            K::List(l) => {
                let place = self.enter(AttributePlace::List);
                let mut element = |(i, x): (usize, &mut ast::Expr)| {
                    let found = self.diagnostics.len();
                    let x = self.expr(x);
                    self.below(found, &i.to_string());
                    x
                };
                let elems = l.elems.iter_mut().enumerate().map(&mut element).collect();
                let ellipsis = l.ellipsis.as_mut().map(|x| x.value.as_mut().map(|v| self.expr(v)));
                self.leave(place);
                X::List(List { elems, ellipsis })
            }
            K::Comprehension(c) => self.comprehension(c),
            K::Unary { op, x, .. } => match op {
                ast::UnaryOp::Default => {
                    self.error(Code::Syntax, span, "a default mark is only allowed in a disjunction");
                    X::Bottom
                }
                ast::UnaryOp::Plus | ast::UnaryOp::Minus | ast::UnaryOp::Not => {
                    let value = self.expr(x);
                    self.needs_value(op.as_str(), x, &value);
                    X::Unary(*op, value)
                }
                _ => X::Bound(*op, self.expr(x)),
            },
            K::Binary { op: ast::BinaryOp::And, .. } => {
                let mut terms = Vec::new();
                self.conjuncts(e, &mut terms);
                X::And(terms)
            }
            K::Binary { op: ast::BinaryOp::Or, .. } => {
                let mut terms = Vec::new();
                self.disjuncts(e, &mut terms);
                X::Or(terms)
            }
            K::Binary { op, l, r, .. } => {
                let (left, right) = (self.expr(l), self.expr(r));
                self.needs_value(op.as_str(), l, &left);
                self.needs_value(op.as_str(), r, &right);
                X::Binary(*op, left, right)
            }
            K::Paren(x) => return Err(self.expr(x)),
            K::Alias { name, value } => {
                self.scopes.push_value_alias(name);
                let value = self.expr(value);
                self.scopes.pop(&mut self.diagnostics);
                X::Alias(value)
            }
            K::Open(x) => {
                self.error(Code::Syntax, span, "postfix ... is not supported");
                return Err(self.expr(x));
            }
            K::Ident(name) => self.identifier(name, span),
            K::Selector { x, sel } => {
                if let ast::ExprKind::Ident(package) = &x.kind
                    && let Some(found) = self.qualified(package, sel, span)
                {
                    return Ok(found);
                }
                let label = match &sel.kind {
                    ast::LabelKind::Ident(n) => self.labels.identifier(n, &self.package),
                    ast::LabelKind::String(s) => self.labels.regular(&s.text()),
                    _ => {
                        self.error(Code::Syntax, sel.span, "a selector must be a name or a string");
                        return Ok(X::Bottom);
                    }
                };
                self.named.insert(label);
                X::Select(self.expr(x), label, sel.span)
            }
            K::Slice { x, lo, hi } => {
                let x = self.expr(x);
                let mut end = |e: &mut Option<Box<ast::Expr>>| e.as_mut().map(|e| self.expr(e));
                let (lo, hi) = (end(lo), end(hi));
                X::Slice(x, lo, hi)
            }
            K::Index { x, index } => {
                let (x, index) = (self.expr(x), self.expr(index));
                if let X::Scalar(Scalar::String(name)) = &index.kind {
                    let label = self.labels.regular(name);
                    self.named.insert(label);
                }
                X::Index(x, index)
            }
            K::Call { fun, args, .. } => {
                let fun = self.expr(fun);
                X::Call(fun, args.iter_mut().map(|a| self.expr(a)).collect())
            }
        })
    }

    /// Refuses a function that the version of the language that the module asks for does not have yet.
    fn since(&mut self, x: &X, name: &str, span: Span) {
        let X::Function(Callee::Predeclared(f)) = x else { return };
        let (major, minor) = f.since();
        if let Some(version) = self.packages.language(&self.package).filter(|v| *v < (major, minor)) {
            let message =
                format!("the function {name} is not there before language version v{major}.{minor}");
            let hint = format!(
                "cue.mod/module.cue asks for v{}.{}: raise its language.version to v{major}.{minor}.0",
                version.0, version.1
            );
            self.diagnostics.push(Diagnostic::new(Code::Reference, message).at(span, "").hint(hint));
        }
    }

    fn conjuncts(&mut self, e: &mut ast::Expr, out: &mut Vec<E>) {
        let mut rest = e;
        let mut right = Vec::new();
        while matches!(rest.kind, ast::ExprKind::Binary { op: ast::BinaryOp::And, .. }) {
            let ast::ExprKind::Binary { l, r, .. } = &mut rest.kind else { return };
            right.push(&mut **r);
            rest = l;
        }
        out.push(self.expr(rest));
        for r in right.into_iter().rev() {
            out.push(self.expr(r));
        }
    }

    /// An operand that is a type can never become a value.
    fn needs_value(&mut self, op: &str, x: &ast::Expr, e: &E) {
        if matches!(e.kind, X::Type { .. } | X::Bound(..) | X::Top) {
            let text = crate::syntax::fmt::format_expr(x);
            self.error(
                Code::Operand,
                x.span,
                format!("invalid operand {text} ('{op}' requires concrete value)"),
            );
        }
    }

    fn disjuncts(&mut self, e: &mut ast::Expr, out: &mut Vec<(E, bool)>) {
        let mut rest = e;
        let mut right = Vec::new();
        while matches!(rest.kind, ast::ExprKind::Binary { op: ast::BinaryOp::Or, .. }) {
            let ast::ExprKind::Binary { l, r, .. } = &mut rest.kind else { return };
            right.push(&mut **r);
            rest = l;
        }
        right.push(rest);
        for r in right.into_iter().rev() {
            match &mut r.kind {
                ast::ExprKind::Unary { op: ast::UnaryOp::Default, x, .. } => out.push((self.expr(x), true)),
                _ => out.push((self.expr(r), false)),
            }
        }
    }

    fn comprehension(&mut self, c: &mut ast::Comprehension) -> X {
        let mut clauses = Vec::new();
        let mut pushed = 0;
        for clause in &mut c.clauses {
            clauses.push(match &mut clause.kind {
                ast::ClauseKind::For { key, value, source } => {
                    let source = self.expr(source);
                    let names: Vec<&ast::Ident> = key.iter().chain([&*value]).collect();
                    let labels: Vec<_> =
                        names.iter().map(|n| self.labels.identifier(n.name, &self.package)).collect();
                    self.scopes.push_struct();
                    for (n, l) in names.iter().zip(&labels) {
                        self.scopes.declare(n.name, Binding::Field(*l));
                    }
                    pushed += 1;
                    let key = key.is_some().then(|| labels[0]);
                    Clause::For { key, value: labels[labels.len() - 1], source }
                }
                ast::ClauseKind::If(x) => Clause::If(self.expr(x)),
                ast::ClauseKind::Let { name, value } => {
                    let value = self.expr(value);
                    let label = self.labels.identifier(name.name, &self.package);
                    self.scopes.push_struct();
                    self.scopes.declare(name.name, Binding::Field(label));
                    pushed += 1;
                    Clause::Let(label, value)
                }
                ast::ClauseKind::Try(_) => {
                    self.error(Code::Syntax, clause.span, "try clauses are not supported");
                    Clause::If(Expr::new(X::Bottom, clause.span))
                }
            });
        }
        let place = self.enter(AttributePlace::Comprehension);
        let value = self.expr(&mut c.value);
        self.leave(place);
        for _ in 0..pushed {
            self.scopes.pop(&mut self.diagnostics);
        }
        let otherwise = c.otherwise.as_mut().map(|x| self.expr(x));
        X::Comprehension(Comprehension { clauses, value, otherwise })
    }

    fn identifier(&mut self, name: &str, span: Span) -> X {
        if name == "_" {
            return X::Top;
        }
        if let Some((up, found)) = self.scopes.find(name, span) {
            return match found {
                Found::Field(label) => {
                    self.named.insert(label);
                    X::Field { up, label }
                }
                Found::Let(index) => X::Let { up, index },
                Found::This => X::This { up },
                Found::Label => X::LabelOf { up },
                Found::Dynamic(label) => X::Dynamic { up, label },
            };
        }
        if let Some(x) = self.import_reference(name, span) {
            return x;
        }
        if let Some(x) = predeclared::predeclared(name.strip_prefix("__").unwrap_or(name)) {
            self.since(&x, name, span);
            return x;
        }
        let mut d = Diagnostic::new(Code::Reference, format!("reference {name:?} not found")).at(span, "");
        if let Some(near) = crate::text::nearest(name, self.scopes.names()) {
            d = d.hint(format!("did you mean {near}?"));
        }
        if let Some(p) = crate::pkg::packages().iter().find(|p| p.path.rsplit('/').next() == Some(name)) {
            d = d.hint(format!("the package is used after `import {:?}`", p.path));
        }
        if d.hint.is_none() {
            d = d.hint(match name.to_ascii_lowercase().as_str() {
                value @ ("true" | "false" | "null") => format!("did you mean {value}?"),
                "none" | "nil" | "undefined" => "did you mean null?".to_owned(),
                _ => format!("no field, `let` or import has this name; a text stands in quotes: \"{name}\""),
            });
        }
        self.diagnostics.push(d);
        X::Bottom
    }
}

/// Runs on a bigger stack where the present one is nearly used up.
pub(crate) fn stack<T>(f: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 << 10, 4 << 20, f)
}

/// Data as an expression, to be filled in.
pub(crate) fn data(d: &crate::data::Data, labels: &mut Labels) -> E {
    placed::expr(d, None, labels)
}

/// Shared data as an expression: of what is in it, only the first level.
pub(crate) fn level(d: &Shared, labels: &mut Labels) -> E {
    let part = |d: &Shared| match &d.0 {
        Kept::Scalar(s) => Expr::new(X::Scalar(s.clone()), NOWHERE),
        _ => Expr::new(X::Data(d.clone()), NOWHERE),
    };
    let kind = match &d.0 {
        Kept::Scalar(s) => X::Scalar(s.clone()),
        Kept::List(items) => X::List(List { elems: items.iter().map(part).collect(), ellipsis: None }),
        Kept::Struct(fields) => {
            let decls = fields.iter().map(|(name, value)| plain_field(labels.regular(name), part(value)));
            X::Struct(Box::new(Struct { decls: decls.collect(), is_struct: true, ..Struct::default() }))
        }
    };
    Expr::new(kind, NOWHERE)
}

/// The span of what is written nowhere: of no file.
pub(crate) const NOWHERE: Span = Span { file: crate::source::FileId(u32::MAX), start: 0, end: 0 };

/// A field without comments.
pub(crate) fn plain_field(label: Label, value: E) -> Decl {
    field_at(label, value, NOWHERE)
}

/// A field without comments whose label is written at a place.
fn field_at(label: Label, value: E, label_span: Span) -> Decl {
    Decl::Field(Arc::new(FieldDecl {
        label,
        constraint: ast::Constraint::Regular,
        value,
        label_alias: false,
        notes: None,
        label_span,
    }))
}
