//! What several ops share: what an op is given, how objects are reached, and when they are ready.

pub(crate) mod application;
pub(crate) mod body;
pub(crate) mod config;
pub mod cx;
pub(crate) mod endpoints;
pub(crate) mod inventory;
pub mod mask;
pub mod objects;
pub mod page;
pub(crate) mod program;
pub(crate) mod rate;
pub mod ready;
pub(crate) mod references;
pub(crate) mod repository;
pub(crate) mod secret;
pub(crate) mod time;
pub(crate) mod trust;
