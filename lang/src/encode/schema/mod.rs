//! Schemas of other languages as definitions: JSON Schema, OpenAPI 3, and the custom resource definitions of Kubernetes.
//!
//! A schema becomes text of the language, laid out by the formatter. Objects stay open, as JSON Schema has it, unless
//! `additionalProperties` says otherwise; those of Kubernetes are closed unless they keep unknown fields. `oneOf` and its like become
//! `matchN`, references stay references. `convert.rs` turns one schema into an expression, `object.rs` that of objects and lists,
//! `document.rs` whole documents.

mod convert;
mod document;
mod object;
#[cfg(test)]
mod tests;

pub use document::{CustomResource, File, custom_resources, interpret, json_schema, open_api};

/// Something in a schema that has no meaning, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", path.join("."))]
pub struct Mistake {
    /// The path in the document.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}
