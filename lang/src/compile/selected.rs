//! What a program can see of a field that is filled in, so that nobody need fill in what it never looks at; and what it names at all.
//!
//! Names are compared, not what they are resolved to: a field of the same name elsewhere makes the answer larger, never too small. Tests are
//! with `Program::selected`.

use super::{Compiled, stack};
use crate::diag::{Code, Diagnostic};
use crate::eval::expr::{Decl, E, Scalar, X};
use crate::eval::label::Labels;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the first unit selects of the fields named `field`; `None` if one is used as a whole or has a value.
pub(crate) fn selected(compiled: &Compiled, field: &str) -> Option<BTreeSet<Arc<str>>> {
    struct Found<'c> {
        labels: &'c Labels,
        field: &'c str,
        names: BTreeSet<Arc<str>>,
        whole: bool,
    }
    impl Found<'_> {
        fn is_field(&self, e: &E) -> bool {
            matches!(&e.kind, X::Field { label, .. } if *self.labels.name(*label) == *self.field)
        }

        fn look(&mut self, e: &E) {
            match &e.kind {
                X::Select(x, label, _) if self.is_field(x) => {
                    self.names.insert(self.labels.name(*label));
                }
                X::Field { .. } => self.whole |= self.is_field(e),
                X::Struct(s) => {
                    let declared = |d: &Decl| match d {
                        Decl::Field(f) => {
                            *self.labels.name(f.label) == *self.field && !matches!(f.value.kind, X::Top)
                        }
                        _ => false,
                    };
                    self.whole |= s.decls.iter().any(declared);
                }
                _ => {}
            }
            if !matches!(&e.kind, X::Select(x, ..) if self.is_field(x)) {
                e.kind.parts(&mut |part| stack(|| self.look(part)));
            }
        }
    }
    let mut found = Found { labels: &compiled.labels, field, names: BTreeSet::new(), whole: false };
    found.look(&compiled.units.first()?.root);
    (!found.whole).then_some(found.names)
}

/// The fields that the first unit selects of anything, packages too, and the texts that stand in it.
pub(crate) fn mentioned(compiled: &Compiled) -> BTreeSet<Arc<str>> {
    fn look(e: &E, labels: &Labels, names: &mut BTreeSet<Arc<str>>) {
        match &e.kind {
            X::Select(_, label, _) => drop(names.insert(labels.name(*label))),
            X::Scalar(Scalar::String(text)) => drop(names.insert(text.clone())),
            _ => {}
        }
        e.kind.parts(&mut |part| stack(|| look(part, labels, names)));
    }
    let mut names = BTreeSet::new();
    if let Some(unit) = compiled.units.first() {
        look(&unit.root, &compiled.labels, &mut names);
    }
    names
}

/// The names that the first unit asks packages for and that they do not have. Evaluation tells of them where a value needs one, as of a field that is not there
/// yet; but no package gets more fields.
pub(crate) fn missing(compiled: &Compiled) -> Vec<Diagnostic> {
    fn names(compiled: &Compiled, unit: u32) -> Option<Vec<Arc<str>>> {
        let X::Struct(s) = &compiled.units.get(unit as usize)?.root.kind else { return None };
        let name = |d: &Decl| match d {
            Decl::Field(f) => Some(compiled.labels.name(f.label)),
            // What is made up or embedded may have any name.
            _ => None,
        };
        s.decls.iter().map(name).collect()
    }
    fn look(e: &E, compiled: &Compiled, found: &mut Vec<Diagnostic>) {
        match &e.kind {
            X::Missing(m) => {
                let told = Diagnostic::new(Code::Undefined, m.message.clone()).at(m.span, "");
                found.push(match &m.hint {
                    Some(hint) => told.hint(hint.clone()),
                    None => told,
                });
            }
            X::Select(package, label, span) => {
                if let X::Package(unit) = &package.kind
                    && let Some(names) = names(compiled, *unit)
                    && let name = compiled.labels.name(*label)
                    && !names.contains(&name)
                {
                    let told = Diagnostic::new(Code::Undefined, format!("the package has no {name}"));
                    let told = told.at(*span, "");
                    found.push(match crate::text::nearest(&name, names.iter().map(|n| &**n)) {
                        Some(near) => told.hint(format!("did you mean `{near}`?")),
                        None => told,
                    });
                }
            }
            _ => {}
        }
        e.kind.parts(&mut |part| stack(|| look(part, compiled, found)));
    }
    let mut found = Vec::new();
    if let Some(unit) = compiled.units.first() {
        look(&unit.root, compiled, &mut found);
    }
    found
}
