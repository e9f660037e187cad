//! Choices in disjunctions: those that are made, those that are left, and what becomes of a disjunction that is met.

use super::Work;
use crate::eval::arena::*;
use crate::eval::core::Evaluator;
use crate::eval::expr::{E, X};
use std::sync::Arc;

/// A choice made in a disjunction.
#[derive(Clone, Copy, Debug)]
pub(in crate::eval) struct Choice {
    /// The disjunction (counted from 1) whose chosen term this one is part of; 0 for none.
    pub(in crate::eval) parent: u32,
    /// Which disjunction it is: the same for the same place in the source.
    pub(in crate::eval) site: usize,
    /// Whether any term of the disjunction is marked.
    pub(in crate::eval) has_marks: bool,
    /// Whether the chosen one is.
    pub(in crate::eval) marked: bool,
}

/// A disjunction that is not decided.
#[derive(Clone, Debug)]
pub(in crate::eval) struct Undecided {
    /// How many terms it has.
    pub(in crate::eval) terms: u32,
    /// Which disjunction it is.
    pub(in crate::eval) site: usize,
    /// Where its names are looked up.
    pub(in crate::eval) env: EnvId,
    /// The disjunction, counted from 1, of whose chosen term it is a part; 0 for none.
    pub(in crate::eval) parent: u32,
    /// What its terms are part of.
    pub(in crate::eval) origin: OriginId,
    /// Whether it came round a cycle.
    pub(in crate::eval) cyclic: bool,
    /// The disjunction, where its terms are written in it.
    pub(in crate::eval) written: Option<E>,
}

impl Undecided {
    /// The choice of a term, if the terms are written in the disjunction.
    pub(in crate::eval) fn choice(&self, i: usize) -> Option<Choice> {
        let terms = self.terms_written()?;
        let marked = terms.get(i)?.1;
        let has_marks = terms.iter().any(|t| t.1);
        Some(Choice { parent: self.parent, site: self.site, has_marks, marked })
    }

    fn terms_written(&self) -> Option<&[(E, bool)]> {
        match &self.written.as_ref()?.kind {
            X::Or(terms) => Some(terms),
            _ => None,
        }
    }

    /// A term, if it is written in the disjunction.
    pub(in crate::eval) fn term(&self, i: usize) -> Option<&E> {
        Some(&self.terms_written()?.get(i)?.0)
    }

    /// Whether none of its terms goes with another term, as far as that can be seen of scalars and types.
    pub(in crate::eval) fn excludes(&self, term: &E) -> bool {
        self.terms_written().is_some_and(|terms| terms.iter().all(|t| crate::eval::terms::clash(&t.0, term)))
    }
}

impl Evaluator {
    pub(super) fn add_or(&mut self, v: VId, w: &mut Work, c: &Conj, terms: &[(E, bool)]) {
        let n = w.choices.len();
        let made = w.decisions.as_ref().and_then(|d| d.get(n).copied());
        match made {
            Some(chosen) if w.undecided.is_empty() => {
                let Some((term, marked)) = terms.get(chosen as usize) else { return };
                let has_marks = terms.iter().any(|t| t.1);
                let site = Arc::as_ptr(&c.expr) as usize;
                w.choices.push(Choice { parent: u32::from(c.ci.branch), site, has_marks, marked: *marked });
                let ci = Ci { branch: (n + 1).min(u8::MAX as usize) as u8, ..c.ci };
                let place = w.order.place;
                w.order.place.chosen = true;
                self.add(v, w, &Conj { expr: term.clone(), ci, ..c.clone() });
                w.order.place = place;
            }
            _ => {
                w.disjunctions.push(c.clone());
                w.undecided.push(Undecided {
                    terms: terms.len() as u32,
                    site: Arc::as_ptr(&c.expr) as usize,
                    env: c.env,
                    parent: u32::from(c.ci.branch),
                    origin: c.ci.origin,
                    cyclic: c.ci.cyclic,
                    written: matches!(c.expr.kind, X::Or(_)).then(|| c.expr.clone()),
                });
            }
        }
    }
}
