//! The real control plane of `tests/controlplane`: building it with Go, starting it, stopping it.
//!
//! Used by `e2e`, `api-suite record` and everything else that needs a real API server.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{go_build, there_is};
use crate::{Result, root};

/// The Kubernetes that `tests/controlplane/go.mod` names. The server says so at `/version`.
const VERSION: (u32, u32, u32) = (1, 35, 4);
/// How long the start may take; on an idle machine it is about three seconds.
const START: Duration = Duration::from_secs(150);
/// How long the end may take before it is forced.
const STOP: Duration = Duration::from_secs(20);

/// Builds the control plane and gives the path of the binary; none where Go is not installed.
pub(crate) fn build() -> Result<Option<PathBuf>> {
    if !there_is("go", &["version"]) {
        return Ok(None);
    }
    let binary = root().join("target/controlplane/controlplane");
    let (major, minor, patch) = VERSION;
    let package = "k8s.io/component-base/version";
    let flags = format!(
        "-s -w -X {package}.gitVersion=v{major}.{minor}.{patch} -X {package}.gitMajor={major} \
         -X {package}.gitMinor={minor}"
    );
    let status = go_build("tests/controlplane", &flags).arg(&binary).arg(".").status()?;
    if status.success() { Ok(Some(binary)) } else { Err("the control plane does not build".into()) }
}

/// `cargo xtask plane`: one to try things on, until Ctrl-C.
pub(crate) fn hold() -> Result<()> {
    let binary = build()?.ok_or("the control plane needs Go, which is not installed")?;
    let mut plane = Plane::start(&binary)?;
    println!("export KUBECONFIG={}", plane.kubeconfig().display());
    // Ctrl-C reaches it too, because it is of our process group; then it is gone in a moment, and we with it.
    // Waiting would close its standard input, which ends it.
    let lifeline = plane.child.stdin.take();
    let status = plane.child.wait()?;
    drop(lifeline);
    if status.success() { Ok(()) } else { Err(format!("the control plane ended: {status}").into()) }
}

/// A running control plane; it ends when this is dropped.
pub(crate) struct Plane {
    child: Child,
    kubeconfig: PathBuf,
    // Removed after the processes that write to it have ended.
    _dir: tempfile::TempDir,
}

impl Plane {
    /// Starts one with an empty etcd and waits until it serves.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("stepwell-plane-").tempdir()?;
        let mut child = Command::new(binary)
            .arg("up")
            .arg("--dir")
            .arg(dir.path())
            // Our end of this pipe is the lifeline: when we are gone, however, it ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("the control plane has no output")?;
        let mut plane = Self { child, kubeconfig: PathBuf::new(), _dir: dir };
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let line = lines.recv_timeout(START).map_err(|_| "the control plane did not start")?;
        let kubeconfig = line.strip_prefix("ready ").ok_or_else(|| format!("unexpected: {line}"))?;
        plane.kubeconfig = kubeconfig.into();
        Ok(plane)
    }

    /// The file that reaches it.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let start = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if start.elapsed() > STOP {
                // Its parts end by themselves, because their lifelines end with it.
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
