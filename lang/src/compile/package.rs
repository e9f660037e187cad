//! Imports: standard packages, packages that the embedder provides, and names that go through them.

use super::Compiler;
use crate::diag::{Code, Diagnostic};
use crate::eval::expr::{Callee, Expr, Missing, X};
use crate::pkg;
use crate::source::{Source, Span};
use crate::syntax::ast;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The imports of one file by local name.
#[derive(Debug, Default)]
pub(super) struct FileImports {
    names: FxHashMap<Arc<str>, Import>,
    order: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Import {
    path: String,
    span: Span,
    used: bool,
    target: Target,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    /// A standard package; with the unit of what it defines in the language itself.
    Standard(&'static str, Option<u32>),
    Unit(u32),
    Failed,
}

/// The path without `:name`, and the local name that it gives.
fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once(':') {
        Some((location, name)) => (location, name),
        None => {
            let last = path.rsplit('/').next().unwrap_or(path);
            (path, last.split('@').next().unwrap_or(last))
        }
    }
}

impl Compiler<'_> {
    pub(super) fn file_imports(&mut self, file: &ast::File) -> FileImports {
        let mut out = FileImports::default();
        for spec in file.imports.iter().flat_map(|d| &d.specs) {
            let path = spec.path.text();
            let (location, default_name) = split(&path);
            let name: Arc<str> = match &spec.name {
                Some(n) => n.name.into(),
                None => default_name.into(),
            };
            let target = self.import(&path, location, spec.span);
            let import = Import { path: path.to_string(), span: spec.span, used: false, target };
            if out.names.insert(name.clone(), import).is_some() {
                self.error(Code::Import, spec.span, format!("{name} redeclared in this file"));
            }
            out.order.push(name);
        }
        out
    }

    fn import(&mut self, path: &str, location: &str, span: Span) -> Target {
        if let Some(package) = pkg::package(location) {
            let unit = (!package.source.is_empty()).then(|| {
                let source = Source::new(format!("{location}.cue"), package.source);
                self.import_unit(location, span, vec![source])
            });
            return match unit {
                Some(None) => Target::Failed,
                Some(unit) => Target::Standard(package.path, unit),
                None => Target::Standard(package.path, None),
            };
        }
        let found = self.packages.package(path);
        if let Ok(Some(found)) = found {
            return self.import_unit(&found.id, span, found.sources).map_or(Target::Failed, Target::Unit);
        }
        let mut d = Diagnostic::new(Code::Import, format!("package {path:?} not found")).at(span, "");
        if let Err(refusal) = found {
            d.message = refusal.message;
            d.hint = refusal.hint;
        } else {
            let own = self.packages.known();
            let known = pkg::packages().iter().map(|p| p.path).chain(own.iter().map(String::as_str));
            if let Some(near) = crate::text::nearest(location, known) {
                d = d.hint(format!("did you mean {near:?}?"));
            } else if location.split('/').next().is_some_and(|domain| domain.contains('.')) {
                d = d.hint("it is looked for in the module around, which cue.mod/module.cue names, and in its cue.mod/pkg, gen and usr");
            }
        }
        self.diagnostics.push(d);
        Target::Failed
    }

    fn import_unit(&mut self, location: &str, span: Span, sources: Vec<Source>) -> Option<u32> {
        if let Some(n) = self.unit_paths.iter().position(|p| p == location) {
            if self.units.get(n).is_some_and(Option::is_some) {
                return Some(n as u32);
            }
            self.import_cycle(n, span);
            return None;
        }
        Some(self.unit(location, span, sources))
    }

    /// A package imports, by way of others perhaps, itself: those on the way are still being compiled.
    fn import_cycle(&mut self, first: usize, span: Span) {
        let open = (first..self.units.len()).filter(|n| self.units[*n].is_none());
        let (mut names, mut spans) = (Vec::new(), Vec::new());
        for n in open {
            names.push(format!("{:?}", self.unit_paths[n]));
            if n > first {
                spans.push(self.unit_spans[n]);
            }
        }
        let message = match names.as_slice() {
            [only] => format!("import cycle: {only} imports itself"),
            names => format!("import cycle: {} imports {}", names.join(" imports "), names[0]),
        };
        let mut d = Diagnostic::new(Code::Import, message).at(span, "");
        for span in spans {
            d = d.at(span, "");
        }
        self.diagnostics.push(d);
    }

    pub(super) fn unused_imports(&mut self) {
        let imports = std::mem::take(&mut self.imports);
        if self.packages.unused_imports() {
            return;
        }
        for name in &imports.order {
            if let Some(import) = imports.names.get(name)
                && !import.used
                && !matches!(import.target, Target::Failed)
            {
                let message = format!("imported and not used: {:?}", import.path);
                let d = Diagnostic::new(Code::Import, message).at(import.span, "");
                self.diagnostics.push(d.hint("remove the import"));
            }
        }
    }

    /// `package.name`, if the first part is an import and no field or alias hides it.
    pub(super) fn qualified(&mut self, package: &str, sel: &ast::Label, span: Span) -> Option<X> {
        if self.scopes.find(package, span).is_some() {
            return None;
        }
        let (path, target) = match self.imports.names.get_mut(package) {
            Some(import) => {
                import.used = true;
                (import.path.clone(), import.target)
            }
            None if self.short_imports => {
                let found = pkg::packages().iter().find(|p| p.path.rsplit('/').next() == Some(package))?;
                let target = self.import(found.path, found.path, span);
                (found.path.to_owned(), target)
            }
            None => return None,
        };
        let name: Arc<str> = match &sel.kind {
            ast::LabelKind::Ident(n) => (*n).into(),
            ast::LabelKind::String(s) => s.text().into(),
            _ => return None,
        };
        let unit = match target {
            Target::Failed => return Some(X::Bottom),
            Target::Unit(unit) => unit,
            Target::Standard(standard, unit) => {
                let p = pkg::package(standard)?;
                if let Some(f) = p.functions.iter().find(|f| f.name == &*name) {
                    return Some(X::Function(Callee::Package(p.path, f)));
                }
                if let Some((_, value)) = p.constants.iter().find(|(n, _)| *n == &*name) {
                    let e = super::data(&value(), &mut self.labels);
                    return Some(X::And(vec![e]));
                }
                match unit {
                    Some(unit) if p.names().any(|n| n == &*name) => unit,
                    // An error where it is used, and no other one: what does not use it has its value.
                    _ => {
                        let near = crate::text::nearest(&name, p.names());
                        let message = format!("package {path:?} has no {name}");
                        let hint = near.map(|near| format!("did you mean {package}.{near}?"));
                        let written = format!("{}.{name}", p.path.rsplit('/').next().unwrap_or(p.path));
                        let span = sel.span;
                        return Some(X::Missing(Box::new(Missing { written, message, hint, span })));
                    }
                }
            }
        };
        if name.starts_with('_') {
            self.error(Code::Reference, sel.span, format!("{name} is hidden in package {path:?}"));
            return Some(X::Bottom);
        }
        let label = match &sel.kind {
            ast::LabelKind::Ident(n) => self.labels.identifier(n, ""),
            _ => self.labels.regular(&name),
        };
        Some(X::Select(Expr::new(X::Package(unit), span), label, sel.span))
    }

    /// An import's name alone, which is no value.
    pub(super) fn import_reference(&mut self, name: &str, span: Span) -> Option<X> {
        let import = self.imports.names.get_mut(name)?;
        import.used = true;
        let target = import.target;
        match target {
            Target::Unit(unit) => Some(X::Package(unit)),
            // A standard package of definitions alone is a struct like others.
            Target::Standard(path, Some(unit))
                if pkg::package(path).is_some_and(|p| p.functions.is_empty()) =>
            {
                Some(X::Package(unit))
            }
            _ => {
                let d = Diagnostic::new(Code::Reference, format!("the package {name} is not a value"));
                let hint = format!("name something in it: `{name}.NAME`");
                self.diagnostics.push(d.at(span, "").hint(hint));
                Some(X::Bottom)
            }
        }
    }
}
