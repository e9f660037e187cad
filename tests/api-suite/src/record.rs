//! Transcripts on disk: `expected/GROUP.yaml`, made by `cargo xtask api-suite record` from a real
//! kube-apiserver. Nobody edits them; a case whose recording is missing fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::case::{Group, read_yaml};

/// The answers of a group: by case, in the order of its steps.
pub type Transcript = BTreeMap<String, Vec<Answer>>;

/// One answer, normalised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The request, for the reader.
    pub request: String,
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` header.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// The texts of the `Warning` headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The body: JSON where it is, else a string; for a watch the list of its events.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

impl Answer {
    /// In place of an answer: why there is none. Its status is 0, which no server gives.
    pub(crate) fn none(request: &str, why: String) -> Self {
        Self {
            request: request.to_owned(),
            status: 0,
            content_type: String::new(),
            warnings: Vec::new(),
            body: Value::String(why),
        }
    }
}

fn file(dir: &Path, group: &str) -> PathBuf {
    dir.join("expected").join(format!("{group}.yaml"))
}

/// What was recorded for `group`; empty where nothing was.
///
/// # Errors
/// Where the file is there and cannot be read.
pub fn load(dir: &Path, group: &Group) -> Result<Transcript, Error> {
    let path = file(dir, &group.name);
    if path.exists() { read_yaml(&path) } else { Ok(Transcript::new()) }
}

/// Writes what a real server answered.
///
/// # Errors
/// Where a step was not answered, or the file cannot be written.
pub fn save(dir: &Path, group: &Group, transcript: &Transcript) -> Result<(), Error> {
    if let Some(answer) = transcript.values().flatten().find(|answer| answer.status == 0) {
        return Err(Error::Incomplete(format!("{}: {}", answer.request, answer.body)));
    }
    let path = file(dir, &group.name);
    let body = serde_saphyr::to_string(transcript)
        .map_err(|error| Error::Form { path: path.clone(), message: error.to_string() })?;
    let text = format!(
        "# Recorded from a real kube-apiserver by `cargo xtask api-suite record`. Do not edit.\n{body}"
    );
    std::fs::write(&path, text).map_err(Error::file(&path))
}
