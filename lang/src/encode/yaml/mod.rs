//! YAML: the reader (granit-parser gives the events; what a plain word means is decided in `resolve.rs`) and the writer.
//!
//! Tests are beside each part.

mod comments;
mod read;
mod resolve;
mod write;

pub use comments::Comments;
pub use read::{Document, Place, Rules, parse, parse_documents};
pub use write::{write, write_stream};

/// Why YAML could not be read, and where.
pub type YamlError = super::DecodeError;
