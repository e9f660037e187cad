//! Struct literals: what they declare, and their fields.

use super::Compiler;
use super::scope::Binding;
use crate::diag::{Code, Diagnostic};
use crate::eval::expr::{Decl, Expr, FieldDecl, Notes, Struct, X};
use crate::eval::label::Label;
use crate::packages::AttributePlace;
use crate::syntax::ast;
use std::sync::Arc;
use thin_vec::ThinVec;

impl Compiler<'_> {
    /// Declares the fields of a block whose labels are identifiers.
    pub(super) fn declare_fields(&mut self, decls: &[ast::Decl]) {
        for d in decls {
            if let ast::DeclKind::Field(f) = &d.kind
                && let ast::LabelKind::Ident(name) = &f.label.kind
            {
                let label = self.labels.identifier(name, &self.package);
                self.scopes.declare(name, Binding::Field(label));
            }
        }
    }

    /// Declares the lets and aliases of a block.
    pub(super) fn declare_locals(&mut self, decls: &[ast::Decl], out: &mut Struct) {
        let mut dynamic = Vec::new();
        for d in decls {
            match &d.kind {
                ast::DeclKind::Let { name, .. } => {
                    let index = out.lets.len() as u32;
                    out.lets.push(Expr::new(X::Bottom, name.span));
                    self.declare_local(name, Binding::Let(index));
                }
                ast::DeclKind::Field(f) => {
                    let Some(alias) = &f.alias else { continue };
                    match &f.label.kind {
                        ast::LabelKind::Ident(n) => {
                            let label = self.labels.identifier(n, &self.package);
                            self.declare_local(alias, Binding::Field(label));
                        }
                        ast::LabelKind::String(s) => {
                            let label = self.labels.regular(&s.text());
                            self.declare_local(alias, Binding::Field(label));
                        }
                        ast::LabelKind::Dynamic(x) => dynamic.push((alias, &**x)),
                        ast::LabelKind::Interpolation(x) => dynamic.push((alias, &**x)),
                        ast::LabelKind::Pattern(_) => {
                            if let Err(message) = self.scopes.declare_pattern(alias) {
                                self.error(Code::Reference, alias.span, message);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        for (alias, label) in dynamic {
            // The field has use for it as well.
            let label = match &label.kind {
                ast::ExprKind::Alias { value, .. } => self.expr(&mut value.clone()),
                _ => self.expr(&mut label.clone()),
            };
            self.declare_local(alias, Binding::Dynamic(label));
        }
    }

    pub(super) fn declare_local(&mut self, name: &ast::Ident, binding: Binding) {
        if name.name == "_" {
            self.error(Code::Reference, name.span, "_ cannot be the name of an alias or let clause");
            return;
        }
        if let Err(message) = self.scopes.declare_local(name, binding) {
            self.error(Code::Reference, name.span, message);
        }
    }

    pub(super) fn struct_lit(&mut self, s: &mut ast::StructLit) -> Struct {
        let mut out = Struct::default();
        self.scopes.push_struct();
        self.declare_fields(&s.decls);
        self.declare_locals(&s.decls, &mut out);
        self.decls(std::mem::take(&mut s.decls), &mut out);
        self.scopes.pop(&mut self.diagnostics);
        out.is_struct = shape(&out);
        out.decls.shrink_to_fit();
        out
    }

    /// Compiles declarations. Trees are large, so that each part is dropped as soon as it is compiled.
    pub(super) fn decls(&mut self, decls: Vec<ast::Decl>, out: &mut Struct) {
        for mut d in decls {
            match &mut d.kind {
                ast::DeclKind::Field(f) => {
                    let decl = self.field(&d.comments, f);
                    self.fields += 1;
                    out.decls.push(decl);
                    out.own_end = out.decls.len() as u32;
                }
                ast::DeclKind::Embed(e) => {
                    let x = self.expr(e);
                    out.embeds = true;
                    out.decls.push(match x.kind {
                        X::Comprehension(_) => Decl::Comprehension(x),
                        _ => Decl::Embed(x),
                    });
                }
                ast::DeclKind::Let { name, value } => {
                    let index = self.scopes.define(name.name);
                    let value = self.expr(value);
                    self.scopes.defined();
                    out.own_end = out.decls.len() as u32;
                    if let Some(index) = index
                        && let Some(slot) = out.lets.get_mut(index as usize)
                    {
                        *slot = value;
                    }
                }
                ast::DeclKind::Ellipsis(value) => {
                    if let Some(value) = value
                        && !matches!(&value.kind, ast::ExprKind::Ident(n) if *n == "_")
                    {
                        self.error(Code::Syntax, value.span, "a value after ... is not supported in structs");
                    }
                    out.decls.push(Decl::Ellipsis);
                }
                ast::DeclKind::Attribute(a) => {
                    for x in self.attribute(a.name, a.body, a.span, AttributePlace::Struct) {
                        out.embeds = true;
                        out.decls.push(Decl::Embed(x));
                    }
                }
                ast::DeclKind::Bad => {}
            }
        }
    }

    fn field(&mut self, comments: &ast::Comments, f: &mut ast::Field) -> Decl {
        // The parser has given the comment before a chain `a: b: c` to its innermost field, which is what patch markers rely on.
        let docs = docs(comments);
        let label_span = f.label.span;
        let attributes: ThinVec<_> = f.attributes.iter().map(|a| (a.name.into(), a.body.into())).collect();
        let noted = !docs.is_empty() || !attributes.is_empty();
        let notes = noted.then(|| Box::new(Notes { docs, attributes }));
        let mut label = Label::NONE;
        let is_pattern = matches!(f.label.kind, ast::LabelKind::Pattern(_));
        let key = match &mut f.label.kind {
            ast::LabelKind::Ident(name) => {
                if *name == "_" {
                    self.diagnostics.push(
                        Diagnostic::new(Code::Reference, "_ cannot be a label")
                            .at(label_span, "")
                            .hint("a field of this name is written \"_\""),
                    );
                }
                label = self.labels.identifier(name, &self.package);
                None
            }
            ast::LabelKind::String(s) => {
                label = self.labels.regular(&s.text());
                None
            }
            ast::LabelKind::Interpolation(x) => Some((self.expr(x), None, false)),
            ast::LabelKind::Dynamic(x) => Some(match &mut x.kind {
                ast::ExprKind::Alias { name, value } => (self.expr(value), Some(&*name), false),
                _ => (self.expr(x), None, false),
            }),
            ast::LabelKind::Pattern(x) => Some(match &mut x.kind {
                ast::ExprKind::Alias { name, value } => (self.expr(value), Some(&*name), true),
                ast::ExprKind::Comprehension(_) => {
                    self.error(Code::Syntax, x.span, "comprehension values are not allowed as a pattern");
                    (Expr::new(X::Bottom, x.span), None, true)
                }
                _ => (self.expr(x), None, true),
            }),
        };
        let alias = key.as_ref().and_then(|k| k.1);
        if let Some(alias) = alias {
            self.scopes.push_label_alias(alias);
        }
        let value_alias = f.alias.as_ref().filter(|_| is_pattern);
        let constrains = f.constraint == ast::Constraint::Optional || is_pattern;
        let place = self.enter(if constrains { AttributePlace::Constraint } else { AttributePlace::Field });
        let found = self.diagnostics.len();
        let value = match value_alias {
            Some(name) => {
                self.scopes.push_value_alias(name);
                let value = self.expr(&mut f.value);
                self.scopes.pop(&mut self.diagnostics);
                let span = value.span;
                Expr::new(X::Alias(value), span)
            }
            None => self.expr(&mut f.value),
        };
        let value = self.with_attributes(value, &f.attributes);
        if self.diagnostics.len() > found {
            let step = match &key {
                None => self.labels.selector(label),
                Some(_) => self.text(label_span),
            };
            self.below(found, &step);
        }
        self.leave(place);
        if alias.is_some() {
            self.scopes.pop(&mut self.diagnostics);
        }
        let (constraint, label_alias) = (f.constraint, alias.is_some());
        let decl = Arc::new(FieldDecl { label, constraint, value, label_alias, notes, label_span });
        match key {
            None => Decl::Field(decl),
            Some((x, _, true)) => Decl::Pattern(x, decl),
            Some((x, _, false)) => Decl::Dynamic(x, decl),
        }
    }
}

/// The documentation lines of a declaration.
fn docs(comments: &ast::Comments) -> ThinVec<Arc<str>> {
    let line = |t: &str| {
        let t = t.strip_prefix("//").unwrap_or(t);
        Arc::from(t.strip_prefix(' ').unwrap_or(t).trim_end())
    };
    comments
        .iter()
        .filter(|c| c.place == ast::Place::Doc)
        .flat_map(|c| c.lines.iter().map(|(_, t)| line(t)))
        .collect()
}

/// Whether a struct literal can be nothing but a struct: it declares a regular field or `...` or a pattern, or it is empty.
pub(super) fn shape(s: &Struct) -> bool {
    let declares = s.decls.iter().any(|d| match d {
        Decl::Field(f) => f.label.is_regular() && f.constraint != ast::Constraint::Optional,
        Decl::Dynamic(..) => true,
        _ => false,
    });
    declares || !s.embeds
}
