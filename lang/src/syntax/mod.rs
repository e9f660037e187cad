//! From text to a syntax tree and back: lexer, grammar, tree and formatter.
//!
//! [`parse`] is the only way in, so that what stands behind it can be replaced. It always gives a tree, with
//! [`ast::DeclKind::Bad`] or [`ast::ExprKind::Bad`] where the text made no sense, and every mistake found.

pub mod apart;
pub mod ast;
mod build;
mod comments;
pub mod fmt;
mod grammar;
mod layout;
mod lexer;
mod literal;
pub mod merge;
mod mistake;
mod parser;
pub mod simplify;
mod token;

use crate::diag::Diagnostic;
use crate::source::FileId;
pub(crate) use lexer::is_name;

/// Parses a file.
pub fn parse(file: FileId, text: &str) -> (ast::File<'_>, Vec<Diagnostic>) {
    parser::file(file, text)
}

/// Parses one expression, as in `-e EXPR` or a step's `valueFrom`.
pub fn parse_expr(file: FileId, text: &str) -> (ast::Expr<'_>, Vec<Diagnostic>) {
    parser::expr(file, text)
}

#[cfg(test)]
mod generate;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod tests;
