//! `encoding/...`: the packages that read and write formats. The formats themselves are in [`crate::encode`].

pub(super) mod base64;
pub(super) mod csv;
pub(super) mod hex;
pub(super) mod json;
pub(super) mod openapi;
pub(super) mod toml;
pub(super) mod yaml;
