//! kubectl against a server: the checks of `tests/kubectl/checks.yaml`, and one of `get --watch`.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{Stage, interrupted};
use crate::{Result, root};

/// How long one kubectl may take.
const PATIENCE: &str = "--request-timeout=60s";

/// One check; the file says what the fields mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    name: String,
    run: String,
    stdin: Option<String>,
    prints: Vec<String>,
    #[serde(default)]
    fails: bool,
    #[serde(default)]
    within: u64,
}

/// Whether kubectl is installed.
pub(crate) fn is_installed() -> bool {
    Command::new("kubectl").args(["version", "--client"]).output().is_ok()
}

/// Runs all checks against the server of `kubeconfig`, in a namespace of their own.
pub(crate) fn run(stage: &mut Stage, kubeconfig: &Path) -> Result<()> {
    let folder = root().join("tests/kubectl");
    let text = std::fs::read_to_string(folder.join("checks.yaml"))?;
    let checks: Vec<Check> = serde_saphyr::from_str(&text)?;
    // kubectl keeps what it learnt about a server by its address; a new server may have an old one's.
    let cache = tempfile::tempdir()?;
    let kubectl = Kubectl { kubeconfig: kubeconfig.to_owned(), cache: cache.path().to_owned() };

    let made = kubectl.make("Namespace", NAMESPACE)?;
    stage.check("create a namespace", if made.status.success() { Ok(()) } else { Err(shown(&made)) });
    for check in &checks {
        if interrupted() {
            return Err("interrupted".into());
        }
        let input = match &check.stdin {
            Some(name) => Some(std::fs::read(folder.join(name))?),
            None => None,
        };
        let outcome = kubectl.check(check, input.as_deref())?;
        stage.check(&check.name, outcome);
    }
    stage.check("get --watch shows what changes", kubectl.watch()?);
    let gone = kubectl.output(&["delete", "namespace", NAMESPACE, "--timeout=60s"], None)?;
    stage.check("delete the namespace", if gone.status.success() { Ok(()) } else { Err(shown(&gone)) });
    Ok(())
}

const NAMESPACE: &str = "e2e";

struct Kubectl {
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Kubectl {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command
            .env_remove("KUBECONFIG")
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(&self.cache)
            .args(["--namespace", NAMESPACE])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn output(&self, args: &[&str], input: Option<&[u8]>) -> Result<Output> {
        let mut command = self.command(args);
        command.arg(PATIENCE);
        let Some(input) = input else { return Ok(command.output()?) };
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without reading everything; its status tells.
            let _ = stdin.write_all(input);
        }
        Ok(child.wait_with_output()?)
    }

    fn make(&self, kind: &str, name: &str) -> Result<Output> {
        let object = serde_json::json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        self.output(&["apply", "-f", "-"], Some(object.to_string().as_bytes()))
    }

    fn check(&self, check: &Check, input: Option<&[u8]>) -> Result<std::result::Result<(), String>> {
        let args: Vec<&str> = check.run.split(' ').collect();
        let until = Instant::now() + Duration::from_secs(check.within);
        loop {
            let output = self.output(&args, input)?;
            let mut stream = String::from_utf8_lossy(&output.stdout).into_owned();
            if check.fails {
                stream.push_str(&String::from_utf8_lossy(&output.stderr));
            }
            let holds = output.status.success() != check.fails
                && check.prints.iter().all(|text| stream.contains(text.as_str()));
            if holds {
                return Ok(Ok(()));
            }
            if Instant::now() >= until || interrupted() {
                let wanted = if check.fails { "a failure that prints" } else { "success that prints" };
                return Ok(Err(format!("wanted {wanted} {:?}\n{}", check.prints, shown(&output))));
            }
            thread::sleep(Duration::from_millis(250));
        }
    }

    /// Watches the config maps, makes one, and waits for its line.
    fn watch(&self) -> Result<std::result::Result<(), String>> {
        let mut child = self.command(&["get", "configmaps", "--watch-only", "-o", "name"]).spawn()?;
        let output = child.stdout.take().ok_or("kubectl has no output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let until = Instant::now() + Duration::from_secs(20);
        let mut made = 0;
        let seen = loop {
            // It does not say when it has begun to watch: one new object after the other, until one shows.
            made += 1;
            let output = self.make("ConfigMap", &format!("seen-{made}"))?;
            if !output.status.success() {
                break Err(shown(&output));
            }
            match lines.recv_timeout(Duration::from_secs(1)) {
                Ok(line) if line.starts_with("configmap/seen-") => break Ok(()),
                Ok(line) => break Err(format!("unexpected line: {line}")),
                Err(_) if Instant::now() > until || interrupted() => {
                    break Err("no line came".to_owned());
                }
                Err(_) => {}
            }
        };
        let _ = child.kill();
        let mut errors = String::new();
        if let Some(mut stream) = child.stderr.take() {
            let _ = stream.read_to_string(&mut errors);
        }
        child.wait()?;
        Ok(seen.map_err(|problem| format!("{problem}\n{errors}")))
    }
}

fn shown(output: &Output) -> String {
    format!(
        "{}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout).trim(),
        String::from_utf8_lossy(&output.stderr).trim()
    )
}
