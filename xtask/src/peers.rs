//! Measuring whole processes, ours beside the reference implementation's.

use crate::Result;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4 as _;

/// What one process took.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    time: Duration,
    /// Bytes, at the most.
    memory: u64,
}

impl Taken {
    pub(crate) fn millis(self) -> f64 {
        self.time.as_secs_f64() * 1_000.0
    }

    pub(crate) fn megabytes(self) -> f64 {
        self.memory as f64 / 1e6
    }
}

/// The program `cue`, looked for on PATH and where Go installs programs.
pub(crate) fn reference() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let go = std::env::var_os("HOME").map(|home| Path::new(&home).join("go/bin"));
    std::env::split_paths(&paths).chain(go).map(|folder| folder.join("cue")).find(|program| program.is_file())
}

/// Says that there is no reference.
pub(crate) fn there_is_none() {
    println!("the reference is not here (go install cuelang.org/go/cmd/cue@v0.17.1): only our own figures");
}

/// The least time and memory that several runs of a command took, each for itself, and how the last one ended. What it prints goes to a file.
pub(crate) fn least(command: &mut Command, output: &Path, runs: usize) -> Result<(Taken, ExitStatus)> {
    let mut best: Option<(Taken, ExitStatus)> = None;
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        let child =
            command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(File::create(output)?).spawn()?;
        let used = child.wait4()?;
        let taken = Taken { time: start.elapsed(), memory: used.rusage.maxrss };
        best = Some(match best {
            Some((b, _)) => {
                let least = Taken { time: b.time.min(taken.time), memory: b.memory.min(taken.memory) };
                (least, used.status)
            }
            None => (taken, used.status),
        });
    }
    best.ok_or_else(|| "nothing was measured".into())
}
