//! A folder to run the program in, with a state directory of its own, and the form in which runs are compared.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder that is gone after the test.
pub(crate) struct Sandbox {
    dir: TempDir,
}

/// The end of a command.
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Sandbox {
        Sandbox { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, with the folders on the way.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The program with arguments, in this folder, not yet started. Nothing of the user's environment that it reads is passed on.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepwell"));
        command
            .args(args)
            .current_dir(self.path())
            .env("STEPWELL_STATE", self.path().join("state"))
            .env_remove("KUBECONFIG")
            .env_remove("NO_COLOR")
            .env("HOME", self.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ended {
        let child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Ended::of(child.wait_with_output().unwrap())
    }

    /// Runs the program to its end with text on its standard input.
    pub(crate) fn run_with_input<S: AsRef<OsStr>>(&self, args: &[S], input: &str) -> Ended {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The program may end without reading all of it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ended::of(child.wait_with_output().unwrap())
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Ended {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            status: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The form of snapshots.
    pub(crate) fn shown(&self) -> String {
        let part = |name: &str, text: &str| match text.is_empty() {
            true => String::new(),
            false => format!("---- {name}\n{}\n", settled(text).trim_end()),
        };
        format!(
            "{}{}---- exit status {}",
            part("stdout", &self.stdout),
            part("stderr", &self.stderr),
            self.status
        )
    }
}

/// The lines of a run without those that say that a step is running: one that is over at once is never seen so.
fn settled(text: &str) -> String {
    let line = |line: &str| {
        let (step, rest) = line.split_once(": ")?;
        let (name, kind) = step.split_once(" (")?;
        let told = kind.ends_with(')') && !name.contains(' ') && !kind.contains(' ');
        told.then(|| if rest == "running" { String::new() } else { format!("{name}: {rest}\n") })
    };
    text.lines().map(|l| line(l).unwrap_or_else(|| format!("{l}\n"))).collect()
}

/// Waits until something holds, for at most half a minute.
pub(crate) fn eventually<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = holds() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Compares the end of a command with its snapshot.
macro_rules! check {
    ($name:literal, $ended:expr) => {
        insta::with_settings!({
            omit_expression => true,
            prepend_module_to_snapshot => false,
            // What differs from run to run: times, identities, folders.
            filters => vec![
                (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
                (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uid]"),
                (r"after \d+ s\b", "after [n] s"),
                (r#"resourceVersion: "?\d+"?"#, "resourceVersion: [n]"),
                (r"10\.\d+\.\d+\.\d+ +", "[ip]  "),
                (r"CLUSTER-IP +", "CLUSTER-IP  "),
                (r"\b\d+s\b", "[age]"),
                (r"\b[0-9a-f]{16}\b", "[hash]"),
                (r"/tmp/\.tmp\w+", "[dir]"),
            ],
        }, {
            insta::assert_snapshot!($name, $ended.shown());
        })
    };
}
pub(crate) use check;
