//! A CUE implementation: source text to tokens, a syntax tree, a compiled form, values, and JSON, YAML or CUE again.
//!
//! The crate knows nothing of Kubernetes, of workflows or of I/O.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod api;
mod compile;
pub mod data;
pub mod diag;
pub mod encode;
pub mod eval;
pub mod load;
pub mod number;
mod packages;
pub mod pkg;
pub mod source;
pub mod syntax;
pub mod text;
#[cfg(test)]
mod vectors;

pub use data::{Data, Shared};
pub use encode::TypeError;
pub use source::Source;

pub use api::{Budget, Failure, Field, Instance, Path, Program, Show, Step, Value, Which};
pub use packages::{Attribute, AttributePlace, NoPackages, Package, Packages, Placed, Refusal};
