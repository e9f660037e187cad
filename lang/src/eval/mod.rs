//! The evaluator: vertices hold conjuncts and are evaluated on demand.
//!
//! How it works, and what must hold:
//! - Unification collects. A vertex is a list of conjuncts (expression and environment); working on it (`unify.rs`) adds each of them:
//!   struct literals make fields with conjuncts of their own, references add the conjuncts of what they refer to. Nothing is merged that was finished.
//! - What cannot be evaluated yet waits as a task of its vertex and is tried again until nothing moves. A result that was computed from a vertex still
//!   being worked on is provisional: it is thrown away when that vertex is done (`core.rs`).
//! - Disjunctions are decided last (`disjunct.rs`): for each choice the conjuncts are gone through again in a vertex of its own, with the choice made.
//! - Closedness goes by origin (`close.rs`): each conjunct knows which definition or embedding brought it in.
//! - The order of fields follows from the struct literals that make up a vertex (`order.rs`); it is found only when fields are shown.
//! - Errors are values in the arena. Incomplete ones may become values by filling.
//! - What is evaluated only to be written is forgotten when it is written (`forget.rs`), and what is large is evaluated and written
//!   in parts, by several threads (`parts.rs`).
//! - Everything counts against a budget.
//!
//! Tests of behaviour are in `tests.rs`; the recorded vectors are run by `lang/tests`.

pub mod expr;
pub mod label;

mod access;
mod alternatives;
pub(crate) mod arena;
mod builtin;
mod check;
mod close;
mod comprehend;
mod core;
mod cycle;
mod disjunct;
mod explain;
mod export;
mod finality;
mod forget;
mod lists;
mod operate;
mod order;
mod parts;
mod plain;
mod pool;
pub(crate) mod print;
mod relate;
mod resolve;
pub(crate) mod shape;
mod sort;
pub(crate) mod source;
mod terms;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod unify;
mod validate;

pub(crate) use self::core::{Evaluator, Room};
