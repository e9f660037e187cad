//! The log of a run: one line of JSON for each op that was carried out, in the state directory of whoever drove it. Secrets are masked before they come here.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use stepwell_runtime::driver::{Observed, Observer};

/// How long a log may become before its beginning is put aside.
const LONGEST: u64 = 8 << 20;

/// A line of a log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When.
    pub(crate) time: String,
    /// The step.
    pub(crate) step: String,
    /// The number of the attempt.
    pub(crate) attempt: u32,
    /// The path of the op in the definition.
    pub(crate) op: String,
    /// The op: `kube/apply`.
    pub(crate) call: String,
    /// What it was given.
    pub(crate) params: Value,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) returns: Option<Value>,
    /// Its error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Writes the log of one run.
pub(crate) struct Log {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl Log {
    pub(crate) fn new(path: PathBuf) -> Log {
        Log { path, file: Mutex::new(None) }
    }

    fn write(&self, line: &Line) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if fs::metadata(&self.path).is_ok_and(|m| m.len() > LONGEST) {
            *file = None;
            fs::rename(&self.path, self.path.with_extension("old"))?;
        }
        let file = match &mut *file {
            Some(file) => file,
            none => {
                if let Some(dir) = self.path.parent() {
                    fs::create_dir_all(dir)?;
                }
                none.insert(File::options().create(true).append(true).open(&self.path)?)
            }
        };
        // In one piece, so that several processes do not write into each other's lines.
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        file.write_all(&text)
    }
}

impl Observer for Log {
    fn op(&self, o: &Observed<'_>) {
        let line = Line {
            time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            step: o.step.to_owned(),
            attempt: o.attempt,
            op: o.op.to_owned(),
            call: o.call.clone(),
            params: o.params.clone(),
            returns: o.returns.as_ref().ok().cloned(),
            error: o.returns.as_ref().err().cloned(),
        };
        if let Err(e) = self.write(&line) {
            tracing::debug!("the log {} cannot be written: {e}", self.path.display());
        }
    }
}

/// The lines of a log, the oldest first. A line that was cut off by a crash is left out.
pub(crate) fn read(path: &Path) -> std::io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for path in [path.with_extension("old"), path.to_owned()] {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        for line in BufReader::new(file).lines() {
            lines.extend(serde_json::from_str::<Line>(&line?).ok());
        }
    }
    Ok(lines)
}
