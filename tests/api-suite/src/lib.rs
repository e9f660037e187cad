//! One suite of Kubernetes API requests that runs against any server, so that the embedded cluster
//! can be held against a real API server.
//!
//! - `cases/*.yaml` are the requests, written by hand ([`case`]).
//! - `expected/*.yaml` is what a real kube-apiserver answered, recorded by `cargo xtask api-suite
//!   record` and never edited ([`record`]).
//! - `known-differences.yaml` lists where the embedded cluster is allowed to differ, each with its
//!   reason ([`compare`]).
//!
//! [`run::run`] sends the requests and gives a transcript, with everything that changes from run to
//! run masked ([`normalise`]); [`compare::compare`] holds a transcript against the recorded one.
//! `tests/embedded.rs` does that for the embedded cluster in `cargo test`, and `cargo xtask e2e` for
//! both servers. To cover one more behaviour, add a case and record.

pub mod case;
pub mod compare;
pub mod normalise;
pub mod record;
pub mod run;

use std::path::{Path, PathBuf};

/// What can go wrong outside the servers under test.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A data file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A data file does not have the form that this crate reads.
    #[error("{}: {message}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line where it is known.
        message: String,
    },
    /// A case cannot begin.
    #[error("case {case}: {message}")]
    Case {
        /// The case.
        case: String,
        /// What went wrong.
        message: String,
    },
    /// A case was not carried out to its end, so that there is nothing to record.
    #[error("nothing recorded, because a step could not be carried out: {0}")]
    Incomplete(String),
}

impl Error {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::File { path: path.to_owned(), source }
    }
}

/// The folder of the suite's data files: this crate's own.
#[must_use]
pub fn data_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
