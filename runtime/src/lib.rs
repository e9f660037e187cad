//! Definitions rendered to objects, and workflows carried out on a cluster.
//!
//! The crate never looks at source text of the language; what it needs of a definition it asks of values.

pub mod clock;
pub mod definitions;
pub mod document;
pub mod driver;
pub mod engine;
pub mod environments;
pub mod git;
pub mod model;
pub mod ops;
pub mod problem;
pub mod render;
pub mod resources;
pub mod revisions;
pub mod secret;
pub mod stdlib;
pub mod template;
