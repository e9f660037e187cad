//! What can go wrong in a command, and the exit status that follows. Every library error has its conversion here, once, with the hint
//! that a user of the command line needs. How errors are shown is in `output.rs`.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use stepwell_cluster::ClusterError;
use stepwell_lang::Failure;
use stepwell_lang::diag::{Diagnostic, Label};
use stepwell_lang::source::{Source, SourceMap};
use stepwell_runtime::driver::DriveError;
use stepwell_runtime::problem::Problems;

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The input is wrong, or the outcome is not the wished one: exit status 1.
    Mistake,
    /// The command was called in a wrong way: exit status 2. The text is shown as it is, since clap has laid it out.
    Usage,
    /// Help or a version was asked for: standard output, exit status 0.
    Answer,
    /// Who read our output has gone: nothing to say, exit status 0.
    Gone,
}

/// Everything that a failed command has to say.
#[derive(Debug)]
pub(crate) struct Error {
    /// Who has to act.
    pub(crate) kind: Kind,
    /// Each mistake, in the order found.
    pub(crate) problems: Vec<Problem>,
}

/// One mistake.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problem {
    /// Its stable name.
    pub(crate) code: String,
    /// The path of the value concerned; empty where there is none.
    pub(crate) path: String,
    /// What is wrong, in one sentence.
    pub(crate) message: String,
    /// Where; the first place is the primary one.
    pub(crate) places: Vec<Place>,
    /// What to do.
    pub(crate) hint: Option<String>,
}

/// A place in a text.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The text and its name.
    pub(crate) source: Source,
    /// The bytes concerned.
    pub(crate) range: Range<usize>,
    /// What is there, in a few words; may be empty.
    pub(crate) message: String,
    /// The line, from 1.
    pub(crate) line: u32,
    /// The column in bytes, from 1.
    pub(crate) column: u32,
}

impl Error {
    /// One mistake without a place.
    pub(crate) fn mistake(code: &str, message: impl Into<String>) -> Error {
        Problem { code: code.into(), message: message.into(), ..Problem::default() }.into()
    }

    /// A wrong call of the command, in words of ours.
    pub(crate) fn usage(message: impl Into<String>) -> Error {
        let message = format!("error: {}\n\nFor more information, try 'stepwell help'.\n", message.into());
        let problem = Problem { code: "usage".into(), message, ..Problem::default() };
        Error { kind: Kind::Usage, problems: vec![problem] }
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(path: &Path, does: &str, e: &io::Error) -> Error {
        let name = path.display();
        let error = Error::mistake("io", format!("cannot {does} {name}: {}", plain(e)));
        match e.kind() {
            io::ErrorKind::NotFound => {
                error.hint("paths are relative to the folder that the command runs in")
            }
            _ => error,
        }
    }

    /// What a cluster says, in its own words: they name the object and the field.
    pub(crate) fn from_kube(e: &kube::Error) -> Error {
        match e {
            kube::Error::Api(status) => {
                let code = if status.reason.is_empty() { "api".into() } else { kebab(&status.reason) };
                Error::mistake(&code, status.message.clone())
            }
            e => Error::mistake("api", format!("the cluster could not be asked: {e}")),
        }
    }

    /// A failure of which everything has been said.
    pub(crate) fn silent() -> Error {
        Error { kind: Kind::Mistake, problems: Vec::new() }
    }

    /// Each mistake once, though several checks have found it.
    pub(crate) fn without_repeats(mut self) -> Error {
        let mut seen: Vec<(String, String)> = Vec::new();
        self.problems.retain(|p| {
            let key = (p.path.clone(), p.message.clone());
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
        self
    }

    /// Adds advice to the last problem, unless it has some.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Error {
        if let Some(last) = self.problems.last_mut() {
            last.hint.get_or_insert_with(|| hint.into());
        }
        self
    }

    /// The exit status.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.kind {
            Kind::Mistake => ExitCode::from(1),
            Kind::Usage => ExitCode::from(2),
            Kind::Answer | Kind::Gone => ExitCode::SUCCESS,
        }
    }
}

/// `NotFound` as `not-found`.
fn kebab(reason: &str) -> String {
    let mut out = String::new();
    for c in reason.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// An I/O error in words, without the number of the system's error.
pub(crate) fn plain(e: &io::Error) -> String {
    let text = e.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    let mut text = text[..end].to_owned();
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_lowercase();
    }
    text
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error { kind: Kind::Mistake, problems: vec![problem] }
    }
}

impl From<Vec<Problem>> for Error {
    fn from(problems: Vec<Problem>) -> Error {
        Error { kind: Kind::Mistake, problems }
    }
}

impl From<clap::Error> for Error {
    fn from(e: clap::Error) -> Error {
        let kind = if e.use_stderr() { Kind::Usage } else { Kind::Answer };
        let problem = Problem { code: "usage".into(), message: e.render().to_string(), ..Problem::default() };
        Error { kind, problems: vec![problem] }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let problem = |d: &Diagnostic| Problem::of(d, &failure.sources);
        failure.diagnostics.iter().map(problem).collect::<Vec<_>>().into()
    }
}

impl From<ClusterError> for Error {
    fn from(e: ClusterError) -> Error {
        let error = Error::mistake("state", e.to_string());
        match e {
            ClusterError::InUse(_) => error.hint(
                "another stepwell holds it and does not answer: end it, or choose another with --state DIR",
            ),
            ClusterError::Io { .. } => error.hint("choose a folder that you may write to with --state DIR"),
            ClusterError::Database { .. } => {
                error.hint("choose another folder with --state DIR, or remove this one to begin anew")
            }
            _ => error,
        }
    }
}

impl From<kube::Error> for Error {
    fn from(e: kube::Error) -> Error {
        Error::from_kube(&e)
    }
}

impl From<DriveError> for Error {
    fn from(e: DriveError) -> Error {
        let code = match &e {
            DriveError::NotFound(_) => "not-found",
            DriveError::Cluster(_) | DriveError::NoKind(_) => "cluster",
            DriveError::Refused(_) => "refused",
            DriveError::Record(_) => "record",
            DriveError::Busy(..) => "busy",
            DriveError::Operation(_) => "operation",
            DriveError::Problems(problems) => return Error::from((**problems).clone()),
        };
        let error = Error::mistake(code, e.to_string());
        match e {
            DriveError::NotFound(_) => error.hint("`stepwell workflow list -A` shows the runs there are"),
            _ => error,
        }
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Error {
        let problem = |p: &stepwell_runtime::problem::Problem| Problem {
            code: p.code.into(),
            path: p.path.clone(),
            message: p.message.clone(),
            places: p.labels.iter().filter_map(|l| Place::of(l, &problems.sources)).collect(),
            hint: p.hint.clone(),
        };
        problems.list.iter().map(problem).collect::<Vec<_>>().into()
    }
}

impl Place {
    fn of(label: &Label, sources: &SourceMap) -> Option<Place> {
        let at = sources.position(label.span)?;
        Some(Place {
            source: sources.get(label.span.file)?.clone(),
            range: label.span.start as usize..label.span.end as usize,
            message: label.message.clone(),
            line: at.line,
            column: at.column,
        })
    }
}

impl Problem {
    /// A diagnostic of the language.
    pub(crate) fn of(d: &Diagnostic, sources: &SourceMap) -> Problem {
        Problem {
            code: d.code.as_str().into(),
            path: d.path.clone(),
            message: d.message.clone(),
            places: d.labels.iter().filter_map(|l| Place::of(l, sources)).collect(),
            hint: d.hint.clone(),
        }
    }
}
