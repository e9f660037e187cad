//! What the writers of schemas share (JSON Schema, OpenAPI): definitions that refer to each other, each written once, to a bounded depth.

use crate::data::Data;
use crate::eval::Evaluator;
use crate::eval::arena::{ErrId, VId};
use crate::eval::shape::{Check, Shape};
use crate::syntax::ast::Constraint;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The members of a schema while they are collected.
pub(super) type Members = Vec<(Arc<str>, Data)>;

/// How deep schemas may be nested.
const MAX_DEPTH: u32 = 200;

/// The definitions that are written, and those still to be.
pub(super) struct Definitions<'e> {
    pub(super) ev: &'e mut Evaluator,
    open: Vec<(String, VId)>,
    done: BTreeMap<String, Data>,
    errors: Vec<ErrId>,
    depth: u32,
}

impl<'e> Definitions<'e> {
    /// Those of a value, in which nothing must be wrong.
    pub(super) fn of(ev: &'e mut Evaluator, v: VId) -> Result<Definitions<'e>, Vec<ErrId>> {
        let errors = ev.all_errors(v, false);
        match errors.is_empty() {
            true => Ok(Definitions { ev, open: Vec::new(), done: BTreeMap::new(), errors, depth: 0 }),
            false => Err(errors),
        }
    }

    /// What a vertex says; what is wrong with it is kept for the end.
    pub(super) fn shape(&mut self, v: VId) -> Option<Shape> {
        let found = self.ev.shape(v);
        if let Err(e) = found
            && !self.errors.contains(&e)
        {
            self.errors.push(e);
        }
        found.ok()
    }

    /// A definition that is to be written, under this name.
    pub(super) fn add(&mut self, name: String, v: VId) {
        self.open.push((name, v));
    }

    /// The fields that are properties, by name. A definition among the others is to be written.
    pub(super) fn properties(&mut self, shape: &Shape) -> Vec<(Arc<str>, VId, Constraint)> {
        let mut out = Vec::new();
        for (v, constraint) in &shape.fields {
            if let Some(name) = self.ev.field_name(*v) {
                out.push((name, *v, *constraint));
            } else if self.ev.is_definition(*v) {
                let name = self.ev.schema_name(*v);
                self.add(name, *v);
            }
        }
        out
    }

    /// The reference to a definition below `path`, which is to be written.
    pub(super) fn reference(&mut self, path: &str, v: VId) -> (Arc<str>, Data) {
        let name = self.ev.schema_name(v);
        self.add(name.clone(), v);
        ("$ref".into(), format!("{path}{}", name.replace('~', "~0").replace('/', "~1")).into())
    }

    /// The next definition that is not written yet. Its schema goes to [`Definitions::write`].
    pub(super) fn next(&mut self) -> Option<(String, VId)> {
        loop {
            let (name, v) = self.open.pop()?;
            if !self.done.contains_key(&name) {
                self.done.insert(name.clone(), Data::Null);
                return Some((name, v));
            }
        }
    }

    pub(super) fn write(&mut self, name: String, schema: Data) {
        self.done.insert(name, schema);
    }

    /// One level further in; whether that is not too deep. Each call is ended by [`Definitions::leave`].
    pub(super) fn enter(&mut self) -> bool {
        self.depth += 1;
        self.depth <= MAX_DEPTH
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// All schemas by name, or what is wrong.
    pub(super) fn finish(self) -> Result<Members, Vec<ErrId>> {
        match self.errors.is_empty() {
            true => Ok(self.done.into_iter().map(|(name, schema)| (Arc::from(name), schema)).collect()),
            false => Err(self.errors),
        }
    }
}

/// The documentation of a value, where there is any.
pub(super) fn description(shape: &Shape) -> Option<(Arc<str>, Data)> {
    let docs = shape.docs.iter().map(|d| &**d).collect::<Vec<_>>().join("\n");
    let docs = docs.trim();
    (!docs.is_empty()).then(|| ("description".into(), docs.into()))
}

/// What schemas call a validator, where they have a word for it.
pub(super) fn word(check: &Check) -> Option<(Arc<str>, Data)> {
    let argument = || check.args.first().cloned();
    let (word, value) = match (check.package, check.name) {
        ("strings", "MinRunes") => ("minLength", argument()?),
        ("strings", "MaxRunes") => ("maxLength", argument()?),
        ("list", "MinItems") => ("minItems", argument()?),
        ("list", "MaxItems") => ("maxItems", argument()?),
        ("list", "UniqueItems") => ("uniqueItems", true.into()),
        ("struct", "MinFields") => ("minProperties", argument()?),
        ("struct", "MaxFields") => ("maxProperties", argument()?),
        ("math", "MultipleOf") => ("multipleOf", argument()?),
        ("time", "Time") => ("format", "date-time".into()),
        ("net", "IPv4") => ("format", "ipv4".into()),
        ("net", "IPv6") => ("format", "ipv6".into()),
        _ => return None,
    };
    Some((word.into(), value))
}
