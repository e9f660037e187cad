//! What the writers of schemas share (JSON Schema, OpenAPI): definitions that refer to each other, each written once, to a bounded depth.

use crate::data::Data;
use crate::eval::Evaluator;
use crate::eval::arena::{ErrId, VId};
use crate::eval::shape::Shape;
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
    pub(super) fn new(ev: &'e mut Evaluator) -> Definitions<'e> {
        Definitions { ev, open: Vec::new(), done: BTreeMap::new(), errors: Vec::new(), depth: 0 }
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

    /// A field that is no property; a definition among such is to be written.
    pub(super) fn add_field(&mut self, v: VId) {
        if self.ev.is_definition(v) {
            let name = self.ev.schema_name(v);
            self.add(name, v);
        }
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
