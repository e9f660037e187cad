//! The example run with the real program: to the step that waits for somebody, on from there, to success; what is then
//! in the cluster, and how the program shows it; and a run that is killed under way and goes on.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kube::Client;
use serde_json::{Value, json};

use super::{Stage, interrupted};
use crate::{Result, api_suite, root};

/// How long one command may take; the real one needs moments.
const PATIENCE: Duration = Duration::from_secs(60);
/// The namespace of the runs that are not in `default`.
const OTHER: &str = "e2e-run";

/// Builds the program as the tests do, and gives its path.
pub(crate) fn build() -> Result<PathBuf> {
    // With the features of the whole workspace, so that what `cargo test` built is used again.
    let status =
        crate::process::command("cargo", &["build", "--quiet", "--locked", "--bin", "stepwell"]).status()?;
    if !status.success() {
        return Err("stepwell does not build".into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join("debug/stepwell"))
}

/// Runs it all against the server of `kubeconfig`.
pub(crate) fn run(stage: &mut Stage, program: &Path, kubeconfig: &Path) -> Result<()> {
    let stepwell = Stepwell { program, kubeconfig };
    let runtime = api_suite::runtime()?;
    let client = runtime.block_on(api_suite::client(kubeconfig))?;
    let get = |path: &str| runtime.block_on(get(&client, path));

    stage.check(
        "run stops at the step that waits",
        stepwell
            .prints(&["run", FILE], &["deploy: succeeded", "suspending: Have a look", "first: suspending"]),
    );
    let deployment = get("/apis/apps/v1/namespaces/default/deployments/web")?;
    stage.check("the scaler is in the Deployment", same(&deployment["spec"]["replicas"], json!(2)));
    stage.check("the Deployment is ready", same(&deployment["status"]["readyReplicas"], json!(2)));
    stage.check(
        "the Service is there",
        same(&get("/api/v1/namespaces/default/services/web")?["spec"]["ports"][0]["port"], json!(80)),
    );
    stage.check("nothing of the later steps is there", absent(get(DELIVERY)));
    let run = get("/apis/core.oam.dev/v1beta1/namespaces/default/applications/first")?;
    stage.check("the record says so", same(&run["status"]["workflow"]["suspend"], json!(true)));

    stage.check(
        "resume goes on from there",
        stepwell.prints(&["workflow", "resume", "first"], &["note: succeeded", "first: succeeded"]),
    );
    let delivery = get(DELIVERY)?;
    stage.check("the step got its input", same(&delivery["data"]["replicas"], json!("2 of 2 ready")));
    let run = get("/apis/core.oam.dev/v1beta1/namespaces/default/applications/first")?;
    stage.check("the record is complete", same(&run["status"]["workflow"]["status"], json!("succeeded")));
    stage.check(
        "workflow status",
        stepwell.prints(&["workflow", "status", "first"], &["first: succeeded", "print-message-in-status"]),
    );
    stage.check(
        "status",
        stepwell.prints(
            &["status", "first"],
            &["first: succeeded", "Deployment web: ready", "ConfigMap first-delivery"],
        ),
    );
    stage.check(
        "get all",
        stepwell.prints(&["get", "all"], &["deployments/web", "services/web", "applications/first"]),
    );

    stage.check(
        "an Application made of a template of the cluster",
        stepwell.prints(&["run", "examples/template/on-cluster.yaml"], &["hello: succeeded"]),
    );
    let greeting = get("/api/v1/namespaces/default/configmaps/hello-greeting")?;
    stage.check("what the template gives is there", same(&greeting["data"]["text"], json!("hello you")));
    stage.check("a success is a revision", stepwell.prints(&["revision", "list", "first"], &["first-v1"]));

    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OTHER}});
    let request = http::Request::post("/api/v1/namespaces").body(namespace.to_string().into_bytes())?;
    runtime.block_on(client.request::<Value>(request))?;
    stage.check("a killed run goes on", stepwell.killed_and_on());
    stage.check("--approve answers at once, -o json prints the status", stepwell.approved());
    Ok(())
}

const FILE: &str = "examples/first/app.yaml";
const DELIVERY: &str = "/api/v1/namespaces/default/configmaps/first-delivery";

pub(super) async fn get(client: &Client, path: &str) -> Result<Value> {
    Ok(client.request(http::Request::get(path).body(Vec::new())?).await?)
}

pub(super) fn same(have: &Value, want: Value) -> std::result::Result<(), String> {
    if *have == want { Ok(()) } else { Err(format!("wanted {want}, there is {have}")) }
}

pub(super) fn absent(answer: Result<Value>) -> std::result::Result<(), String> {
    match answer {
        Ok(object) => Err(format!("there is {object}")),
        Err(error) if error.to_string().contains("not found") => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// The program, on a cluster.
pub(super) struct Stepwell<'a> {
    pub(super) program: &'a Path,
    pub(super) kubeconfig: &'a Path,
}

impl Stepwell<'_> {
    fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(self.program);
        command
            .current_dir(root())
            .args(args)
            .arg("--kubeconfig")
            .arg(self.kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command that must succeed and print these texts.
    pub(super) fn prints<A: AsRef<OsStr>>(
        &self,
        args: &[A],
        texts: &[&str],
    ) -> std::result::Result<(), String> {
        let output = self.output(args)?;
        let printed = String::from_utf8_lossy(&output.stdout);
        match texts.iter().find(|text| !printed.contains(**text)) {
            None if output.status.success() => Ok(()),
            missing => Err(format!("wanted success and {missing:?}\n{}", shown(&output))),
        }
    }

    /// Runs a command that must fail and say this.
    pub(super) fn fails<A: AsRef<OsStr>>(&self, args: &[A], why: &str) -> std::result::Result<(), String> {
        let output = self.output(args)?;
        let said = shown(&output);
        match !output.status.success() && said.contains(why) {
            true => Ok(()),
            false => Err(format!("wanted a failure and {why:?}\n{said}")),
        }
    }

    fn output<A: AsRef<OsStr>>(&self, args: &[A]) -> std::result::Result<Output, String> {
        let problem = |error: std::io::Error| error.to_string();
        let mut child = self.command(args).spawn().map_err(problem)?;
        let start = Instant::now();
        // What it prints fits into a pipe, so that it need not be read before the end.
        while child.try_wait().map_err(problem)?.is_none() {
            if start.elapsed() > PATIENCE || interrupted() {
                child.kill().map_err(problem)?;
                let output = child.wait_with_output().map_err(problem)?;
                let args: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy()).collect();
                return Err(format!("`{}` did not end\n{}", args.join(" "), shown(&output)));
            }
            thread::sleep(Duration::from_millis(20));
        }
        child.wait_with_output().map_err(problem)
    }

    /// Kills a run while its first step is under way, then starts it again.
    fn killed_and_on(&self) -> std::result::Result<(), String> {
        let args = ["run", FILE, "--namespace", OTHER];
        let mut child = self.command(&args).spawn().map_err(|error| error.to_string())?;
        let output = child.stdout.take().ok_or("no output")?;
        let under_way = BufReader::new(output)
            .lines()
            .map_while(std::result::Result::ok)
            .any(|line| line.contains("deploy (apply-component): running"));
        child.kill().map_err(|error| error.to_string())?;
        child.wait().map_err(|error| error.to_string())?;
        if !under_way {
            return Err("the first step did not begin".to_owned());
        }
        self.prints(&args, &["deploy: succeeded", "first: suspending"])
    }

    fn approved(&self) -> std::result::Result<(), String> {
        let output = self.output(&["run", FILE, "--namespace", OTHER, "--approve", "-o", "json"])?;
        let status: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("not one JSON document: {error}\n{}", shown(&output)))?;
        same(&status["status"], json!("succeeded"))
    }
}

fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    format!("{}\nstdout: {}\nstderr: {}", output.status, text(&output.stdout), text(&output.stderr))
}
