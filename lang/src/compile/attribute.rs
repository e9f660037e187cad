//! Attributes that bring values in from outside: `@tag` and `@embed`, as far as the compiler has to do with them.

use super::Compiler;
use crate::diag::{Code, Diagnostic};
use crate::eval::expr::{E, Expr, X};
use crate::packages::{Attribute, AttributePlace};
use crate::source::{Source, Span};
use crate::syntax::ast;

/// Where the compiler is, as far as attributes ask.
#[derive(Debug, Default)]
pub(super) struct Here {
    /// The file; `None` where there are no attributes to look at.
    source: Option<Source>,
    /// Whether it is a file of the program itself.
    main: bool,
    /// Whether it says `@extern(embed)`.
    external: bool,
    place: Option<AttributePlace>,
}

impl Compiler<'_> {
    /// Begins a file: looks at what its own attributes say.
    pub(super) fn file_attributes(&mut self, file: &ast::File<'_>, main: bool) {
        self.file = Here { source: self.sources.get(file.id).cloned(), main, external: false, place: None };
        for a in file.attributes.iter().filter(|a| a.name == "extern") {
            match a.body {
                "embed" if file.package.is_some() => self.file.external = true,
                "embed" => self.error(Code::Syntax, a.span, "@extern needs a package clause after it"),
                other => {
                    let message = format!("nothing can be brought in by @extern({other})");
                    let d = Diagnostic::new(Code::Syntax, message).at(a.span, "");
                    self.diagnostics.push(d.hint("there is @extern(embed)"));
                }
            }
        }
        for d in &file.decls {
            if let ast::DeclKind::Attribute(a) = &d.kind
                && a.name == "extern"
            {
                self.error(Code::Syntax, a.span, "@extern must stand before the package clause");
            }
        }
    }

    /// Goes into a part of the file where attributes may mean something else; gives what to leave it with. What is within a constraint, list or
    /// comprehension stays so.
    pub(super) fn enter(&mut self, place: AttributePlace) -> Option<AttributePlace> {
        let before = self.file.place;
        if matches!(before, None | Some(AttributePlace::Field)) {
            self.file.place = Some(place);
        }
        before
    }

    pub(super) fn leave(&mut self, before: Option<AttributePlace>) {
        self.file.place = before;
    }

    /// A field's value with what its attributes bring in.
    pub(super) fn with_attributes(&mut self, value: E, attributes: &[ast::Attribute<'_>]) -> E {
        let place = self.file.place.unwrap_or(AttributePlace::Field);
        let mut terms = Vec::new();
        for a in attributes {
            terms.extend(self.attribute(a.name, a.body, a.span, place));
        }
        if terms.is_empty() {
            return value;
        }
        let span = value.span;
        terms.insert(0, value);
        Expr::new(X::And(terms), span)
    }

    /// What an attribute brings in.
    pub(super) fn attribute(&mut self, name: &str, body: &str, span: Span, place: AttributePlace) -> Vec<E> {
        let Some(source) = self.file.source.clone() else { return Vec::new() };
        let attribute = Attribute {
            file: &source,
            name,
            body,
            place,
            main: self.file.main,
            external: self.file.external,
        };
        match self.packages.attribute(&attribute) {
            Ok(found) => {
                found.iter().map(|p| super::placed(p, &mut self.labels, &mut self.sources)).collect()
            }
            Err(refusal) => {
                let mut d = Diagnostic::new(Code::Import, refusal.message).at(span, "");
                d.hint = refusal.hint;
                self.diagnostics.push(d);
                Vec::new()
            }
        }
    }
}
