//! The form of the files in `cases/`.
//!
//! A file is a group of cases; a case is a row of steps that share a fresh namespace and variables.
//! In every string, `${ns}` is the case's namespace (unique to the run), and `${NAME}` what an
//! earlier step saved under NAME. Add a field here only when a case needs it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// One file: cases on one subject.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Group {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// What the cases of this file are about.
    pub about: String,
    /// The cases, in the order of the file. They do not depend on each other.
    pub cases: Vec<Case>,
}

/// One behaviour, shown by a row of requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// Unique among all cases; part of the namespace's name, so lower case with dashes.
    pub name: String,
    /// Where the name does not say enough.
    pub about: Option<String>,
    /// Paths to DELETE at the end, whatever happened. The namespace is deleted without being named.
    #[serde(default)]
    pub cleanup: Vec<String>,
    /// The requests.
    pub steps: Vec<Step>,
}

/// One request, or one watch with what happens while it is open.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// `METHOD PATH?QUERY`, or `WATCH PATH?QUERY`, which adds `watch=true` and reads events.
    pub send: String,
    /// What the request shows, where it does not say so itself.
    pub about: Option<String>,
    /// The `Accept` header; none by default.
    pub accept: Option<String>,
    /// The `Content-Type` header; `application/json` by default where there is a body. The short
    /// names `json-patch`, `merge-patch`, `strategic-merge-patch` and `apply-patch` stand for the
    /// four kinds of PATCH.
    pub content_type: Option<String>,
    /// The body: a string is sent as it stands, anything else as JSON.
    pub body: Option<Value>,
    /// Repeat the request until this holds.
    pub until: Option<Until>,
    /// For `WATCH`: end after so many events (also ends when the server closes it).
    pub events: Option<usize>,
    /// For `WATCH`: requests to send while it is open. Their answers are not compared.
    #[serde(default)]
    pub during: Vec<Step>,
    /// Compare only these parts of the body ([`crate::normalise::Pattern`]); all by default.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Leave these parts of the body out.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Variables for later steps, each from a place (JSON pointer) in the answer.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
}

/// What a repeated request waits for; all that is given must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Until {
    /// The HTTP status.
    pub status: Option<u16>,
    /// Values by place (JSON pointer) in the body; null also means absent.
    #[serde(default)]
    pub body: BTreeMap<String, Value>,
}

/// Reads all files of `dir/cases`, in the order of their names.
///
/// # Errors
/// Where a file cannot be read, is not of the form above, or two cases have one name.
pub fn load(dir: &Path) -> Result<Vec<Group>, Error> {
    let folder = dir.join("cases");
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(Error::file(&folder))? {
        let path = entry.map_err(Error::file(&folder))?.path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            paths.push(path);
        }
    }
    paths.sort();

    let mut seen = BTreeMap::new();
    let mut groups = Vec::new();
    for path in paths {
        let mut group: Group = read_yaml(&path)?;
        group.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for case in &group.cases {
            if let Some(other) = seen.insert(case.name.clone(), group.name.clone()) {
                let message = format!("the case `{}` is also in {other}.yaml", case.name);
                return Err(Error::Form { path, message });
            }
        }
        groups.push(group);
    }
    Ok(groups)
}

/// Reads one YAML file into `T`.
pub(crate) fn read_yaml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
    // `y` and `no` are words here, as in YAML 1.2.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| Error::Form { path: path.to_owned(), message: error.to_string() })
}
