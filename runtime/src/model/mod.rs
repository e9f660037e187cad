//! The documents that users write and read: their types, read from data with every fault named. No I/O here, nothing of the language.

pub mod application;
pub mod definition;
pub mod labels;
pub mod run;
pub mod template;
pub mod workflow;
pub mod workflow_run;
