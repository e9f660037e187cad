//! Runs of Applications on the embedded cluster: to where they wait, on from there by another process or after the end of this one, after a
//! crash, and what goes wrong in them.

use crate::sandbox::{Ended, Sandbox, check, eventually};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Stdio};

/// The example of the README.
fn example() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/first/app.yaml");
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

/// The result of a run as JSON, which must be alone on standard output.
fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {}", ended.shown()))
}

fn phases(status: &Value) -> Vec<String> {
    let steps = status["steps"].as_array().cloned().unwrap_or_default();
    steps
        .iter()
        .map(|s| format!("{} {}", s["name"].as_str().unwrap(), s["phase"].as_str().unwrap()))
        .collect()
}

const SUSPENDED: [&str; 2] = ["deploy succeeded", "look suspending"];
const DONE: [&str; 4] = ["deploy succeeded", "look succeeded", "note succeeded", "done succeeded"];

#[test]
fn a_run_waits_for_somebody_and_goes_on_after_the_program_has_ended() {
    let sandbox = Sandbox::new();
    check!("run-first", sandbox.run(&["run", &example()]));
    check!("run-first-status", sandbox.run(&["workflow", "status", "first"]));
    check!("run-first-resume", sandbox.run(&["workflow", "resume", "first"]));
    check!("run-first-list", sandbox.run(&["workflow", "list"]));
    check!("run-first-objects", sandbox.run(&["get", "all"]));
    check!("run-first-note", sandbox.run(&["get", "configmap", "first-delivery", "-o", "yaml"]));
    check!("run-first-tree", sandbox.run(&["status", "first"]));
    let status = json(&sandbox.run(&["status", "first", "-o", "json"]));
    assert!(
        status["objects"]
            .as_array()
            .unwrap()
            .iter()
            .any(|o| o["kind"] == "Deployment" && o["health"] == "ready")
    );
    check!("run-first-resume-again", sandbox.run(&["workflow", "resume", "first"]));
}

#[test]
fn approve_answers_at_once_and_json_is_one_document() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&["run", &example(), "--approve", "-o", "json"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    let status = json(&ended);
    assert_eq!(status["status"], "succeeded");
    assert_eq!(phases(&status), DONE);
    assert!(ended.stderr.contains("deploy: succeeded"), "{}", ended.stderr);
}

#[test]
fn json_at_a_suspension_says_suspending() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&["run", &example(), "-o", "json"]);
    let status = json(&ended);
    assert_eq!((ended.status, &status["status"]), (0, &Value::from("suspending")));
    assert_eq!(phases(&status), SUSPENDED);
    let ended = sandbox.run(&["workflow", "resume", "first", "-o", "json"]);
    assert_eq!(phases(&json(&ended)), DONE);
}

#[test]
fn a_run_that_is_over_runs_again() {
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        let ended = sandbox.run(&["run", &example(), "--approve", "-o", "json"]);
        assert_eq!(phases(&json(&ended)), DONE);
    }
    let ended = sandbox.run(&["workflow", "restart", "first", "--approve", "-o", "json"]);
    assert_eq!(phases(&json(&ended)), DONE);
}

#[test]
fn terminate_and_suspend_change_the_record() {
    let sandbox = Sandbox::new();
    sandbox.run(&["run", &example()]);
    check!("run-terminate", sandbox.run(&["workflow", "terminate", "first"]));
    check!("run-terminated-status", sandbox.run(&["workflow", "status", "first"]));
    check!("run-terminated-resume", sandbox.run(&["workflow", "resume", "first"]));
}

#[test]
fn runs_that_are_not_there() {
    let sandbox = Sandbox::new();
    check!("run-none-list", sandbox.run(&["workflow", "list"]));
    sandbox.run(&["run", &example()]);
    check!("run-none-resume", sandbox.run(&["workflow", "resume", "frist"]));
    check!("run-none-status", sandbox.run(&["status", "frist"]));
    check!("run-none-kind", sandbox.run(&["get", "deploys"]));
    check!("run-none-object", sandbox.run(&["get", "deploy", "wep"]));
    check!("run-none-step", sandbox.run(&["workflow", "resume", "first", "--step", "lok"]));
}

/// An Application whose workflow waits for a config map that nobody makes until the test does.
const WAITS: &str = "apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: waits}
spec:
  components: []
  workflow:
    steps:
      - {name: one, type: apply-object, properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: one}}}}
      - {name: nap, type: suspend, properties: {duration: 2s}}
      - {name: two, type: apply-object, properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: two}}}}
";

fn start(sandbox: &Sandbox, args: &[&str]) -> Child {
    sandbox.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a step stands in a phase, asking as another process.
fn until_step(sandbox: &Sandbox, run: &str, step: &str, phase: &str) {
    eventually(&format!("{step} {phase}"), || {
        let ended = sandbox.run(&["workflow", "status", run, "-o", "json"]);
        let status: Value = serde_json::from_str(&ended.stdout).ok()?;
        phases(&status).contains(&format!("{step} {phase}")).then_some(())
    });
}

#[test]
fn another_process_sees_and_resumes_a_run_that_is_being_driven() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("waits.yaml", WAITS);
    let text = WAITS.replace("duration: 2s", "duration: 10m");
    std::fs::write(&file, text).unwrap();
    let run = start(&sandbox, &["run", "waits.yaml"]);
    until_step(&sandbox, "waits", "nap", "suspending");
    let resumed = sandbox.run(&["workflow", "resume", "waits"]);
    assert_eq!(
        (resumed.status, resumed.stdout.as_str()),
        (0, "waits: resumed; the process that drives it goes on\n"),
        "{}",
        resumed.shown()
    );
    let ended = Ended::of(run.wait_with_output().unwrap());
    assert_eq!(ended.status, 0, "{}", ended.shown());
    assert!(ended.stdout.contains("waits: succeeded"), "{}", ended.shown());
}

#[test]
fn a_killed_run_goes_on_from_where_it_stood() {
    let sandbox = Sandbox::new();
    sandbox.file("waits.yaml", WAITS);
    let mut run = start(&sandbox, &["run", "waits.yaml"]);
    until_step(&sandbox, "waits", "nap", "suspending");
    // As `kill -9`: no destructor, no last word.
    run.kill().unwrap();
    run.wait().unwrap();
    let status = sandbox.run(&["workflow", "status", "waits", "-o", "json"]);
    assert_eq!(phases(&json(&status)), ["one succeeded", "nap suspending"]);
    let ended = sandbox.run(&["run", "waits.yaml", "-o", "json"]);
    assert_eq!(
        phases(&json(&ended)),
        ["one succeeded", "nap succeeded", "two succeeded"],
        "{}",
        ended.shown()
    );
    assert!(!ended.stderr.contains("one (apply-object): running"), "done twice: {}", ended.stderr);
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let sandbox = Sandbox::new();
    sandbox.file("waits.yaml", WAITS);
    let run = start(&sandbox, &["run", "waits.yaml"]);
    until_step(&sandbox, "waits", "nap", "suspending");
    let kill = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let ended = Ended::of(run.wait_with_output().unwrap());
    assert!(ended.stderr.contains("`stepwell workflow resume waits` goes on"), "{}", ended.shown());
    let ended = sandbox.run(&["workflow", "resume", "waits", "-o", "json"]);
    assert_eq!(
        phases(&json(&ended)),
        ["one succeeded", "nap succeeded", "two succeeded"],
        "{}",
        ended.shown()
    );
}

#[test]
fn what_the_api_refuses_fails_the_step_with_its_words() {
    let sandbox = Sandbox::new();
    let app = WAITS.replace("metadata: {name: one}", "metadata: {name: Not_A_Name}");
    sandbox.file("refused.yaml", &app);
    check!("run-refused", sandbox.run(&["run", "refused.yaml"]));
    check!("run-refused-status", sandbox.run(&["workflow", "status", "waits"]));
}

#[test]
fn the_cluster_can_be_served_while_others_use_it() {
    use std::io::{BufRead, BufReader, Read};
    let sandbox = Sandbox::new();
    let mut serve = start(&sandbox, &["cluster", "serve"]);
    let mut line = String::new();
    BufReader::new(serve.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let kubeconfig = line.trim().to_owned();
    // The same run, through the address and through the socket: one cluster.
    let ended = sandbox.run(&["run", &example(), "--approve", "--kubeconfig", &kubeconfig, "-o", "json"]);
    assert_eq!(phases(&json(&ended)), DONE, "{}", ended.shown());
    let here = sandbox.run(&["get", "deploy", "web", "-o", "json"]);
    assert_eq!(here.status, 0, "{}", here.shown());
    let there = sandbox.run(&["get", "deploy", "web", "-o", "json", "--kubeconfig", &kubeconfig]);
    assert_eq!(json(&here)["metadata"]["uid"], json(&there)["metadata"]["uid"]);
    let stop = std::process::Command::new("kill").arg(serve.id().to_string()).status().unwrap();
    assert!(stop.success() && serve.wait().unwrap().success());
    let mut rest = String::new();
    serve.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("serving "), "{rest}");
    assert!(!std::path::Path::new(&kubeconfig).exists());
}
