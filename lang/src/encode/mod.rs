//! Concrete data to and from the outside: JSON, YAML, TOML, literals of the language, and Rust types.
//!
//! Writers print what the reference prints; readers take hostile input: bounded depth, bounded expansion of aliases, an error
//! with its line and column, never a panic. Tests are beside each format.

pub mod cue;
mod definitions;
pub mod json;
pub mod jsonschema;
pub mod openapi;
pub mod protobuf;
pub mod schema;
pub mod toml;
mod typed;
mod value;
pub mod yaml;

pub use typed::TypeError;

/// How deep lists and structs may be nested in what is read.
pub const MAX_DEPTH: usize = 1000;

/// Why text could not be read, and where. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct DecodeError {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
    /// What is wrong, without the place.
    pub message: String,
}

/// The text of bytes; each byte that is not part of a character becomes U+FFFD, as the reference has it.
pub fn text_of(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out.into()
}

/// Line and column of a byte offset.
pub(crate) fn line_column(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (line as u32, before[start..].chars().count() as u32 + 1)
}
