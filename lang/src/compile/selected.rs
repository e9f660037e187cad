//! What a program can see of a field that is filled in, so that nobody need fill in what it never looks at; and what it names at all.
//!
//! Names are compared, not what they are resolved to: a field of the same name elsewhere makes the answer larger, never too small. Tests are
//! with `Program::selected`.

use super::{Compiled, stack};
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
