//! Programs that ops run: found on PATH, in an empty environment and a folder of their own, for a time and with an output that are bounded.

use crate::ops::OpError;
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a program may run.
const TIME: Duration = Duration::from_secs(120);
/// How much it may print.
const OUTPUT: u64 = 16 << 20;
/// How much of what it says in case of a failure is told.
const TOLD: usize = 2_000;

/// What a program is run with.
pub(crate) struct Program<'a> {
    /// Its name; looked for on PATH.
    pub(crate) name: &'static str,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// The folder that it runs in, which is its home too.
    pub(crate) dir: &'a Path,
    /// What it reads on its standard input; nothing secret stands among the arguments, where every process of the machine could read it.
    pub(crate) input: Option<String>,
}

impl Program<'_> {
    /// Runs it to its end and gives what it has printed; it blocks.
    ///
    /// # Errors
    /// A program that is not there, does not end in time, prints too much, or fails, with what it says.
    pub(crate) fn run(self) -> Result<String, OpError> {
        let name = self.name;
        let mut command = Command::new(name);
        command.args(&self.args).current_dir(self.dir).env_clear().env("HOME", self.dir);
        // Proxies and authorities are the machine's business.
        for passed in ["PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            if let Some(value) = std::env::var_os(passed) {
                command.env(passed, value);
            }
        }
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                OpError::permanent(format!("there is no program `{name}` on the PATH of this machine"))
            }
            _ => OpError::transient(format!("cannot run `{name}`: {e}")),
        })?;
        if let (Some(text), Some(mut stdin)) = (self.input, child.stdin.take()) {
            // A program that does not read it says why itself.
            let _ = std::io::Write::write_all(&mut stdin, text.as_bytes());
        }
        let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
        let end = Instant::now() + TIME;
        let mut text = String::new();
        let ended = received(&out, end).and_then(|printed| {
            text = printed;
            received(&err, end)
        });
        let said = match ended {
            Some(said) => said,
            None => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(OpError::transient(format!(
                    "`{name}` has not ended within {} s",
                    TIME.as_secs()
                )));
            }
        };
        if text.len() as u64 > OUTPUT {
            let _ = child.kill();
            let _ = child.wait();
            return Err(OpError::permanent(format!("`{name}` prints more than {} MB", OUTPUT >> 20)));
        }
        let status =
            child.wait().map_err(|e| OpError::transient(format!("cannot wait for `{name}`: {e}")))?;
        judged(name, status, text, &said)
    }
}

fn judged(name: &str, status: ExitStatus, text: String, said: &str) -> Result<String, OpError> {
    if status.success() {
        return Ok(text);
    }
    let said = said.trim();
    let start = said.char_indices().rev().nth(TOLD).map_or(0, |(at, _)| at);
    Err(OpError::permanent(format!("`{name}` has failed: {}", &said[start..])))
}

/// Reads an output to its end in a thread of its own.
fn collect(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(from) = from {
            let _ = from.take(OUTPUT + 1).read_to_end(&mut bytes);
        }
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn received(from: &Receiver<String>, end: Instant) -> Option<String> {
    match from.recv_timeout(end.saturating_duration_since(Instant::now())) {
        Ok(text) => Some(text),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(String::new()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn sh(script: &str, input: Option<&str>) -> Result<String, OpError> {
        let dir = tempfile::tempdir().unwrap();
        let args = vec!["-c".to_string(), script.to_string()];
        Program { name: "sh", args, dir: dir.path(), input: input.map(str::to_string) }.run()
    }

    #[test]
    fn what_a_program_prints_is_given_and_what_it_complains_of_told() {
        assert_eq!(sh("cat; echo $HOME | grep -c tmp", Some("in ")).unwrap(), "in 1\n");
        assert_eq!(sh("echo out; echo why >&2; exit 3", None).unwrap_err().message, "`sh` has failed: why");
        assert_eq!(sh("echo ${CARGO_MANIFEST_DIR:-nothing}", None).unwrap(), "nothing\n");
        let dir = tempfile::tempdir().unwrap();
        let none = Program { name: "no-such-program", args: Vec::new(), dir: dir.path(), input: None };
        assert_eq!(
            none.run().unwrap_err().message,
            "there is no program `no-such-program` on the PATH of this machine"
        );
    }

    #[test]
    fn output_without_end_is_cut_off() {
        assert_eq!(sh("yes", None).unwrap_err().message, "`sh` prints more than 16 MB");
    }
}
