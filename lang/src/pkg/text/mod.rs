//! `text/...`: templates and columns.

pub(super) mod tabwriter;
pub(super) mod template;
