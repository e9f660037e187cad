//! From text to a syntax tree and back: lexer, grammar, tree and formatter.
//!
//! [`parse`] is the only way in, so that what stands behind it can be replaced. It always gives a tree, with
//! [`ast::DeclKind::Bad`] or [`ast::ExprKind::Bad`] where the text made no sense, and every mistake found.

pub mod ast;
mod build;
mod comments;
pub mod fmt;
mod layout;
mod lexer;
mod literal;
mod parser;
mod token;

#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    unused,
    reason = "generated"
)]
mod grammar {
    include!(concat!(env!("OUT_DIR"), "/grammar.rs"));
}

use crate::diag::Diagnostic;
use crate::source::FileId;

/// Parses a file.
pub fn parse(file: FileId, text: &str) -> (ast::File, Vec<Diagnostic>) {
    parser::file(file, text)
}

/// Parses one expression, as in `-e EXPR` or a step's `valueFrom`.
pub fn parse_expr(file: FileId, text: &str) -> (ast::Expr, Vec<Diagnostic>) {
    parser::expr(file, text)
}

#[cfg(test)]
mod generate;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod tests;
