//! Jobs whose containers write something: lines are told as they come, and the result is passed on. The embedded cluster runs no containers, so pods and their
//! logs are simulated.

use crate::sandbox::{Sandbox, eventually};
use crate::workflows::json;
use std::fs::File;
use std::process::Stdio;

const RUN: &str = r#"apiVersion: core.oam.dev/v1alpha1
kind: WorkflowRun
metadata: {name: slow}
spec:
  workflowSpec:
    steps:
    - name: count
      type: run-job
      properties: {image: a, annotations: {sim.stepwell.dev/log: "copying\n{\"rows\": 12}\n", sim.stepwell.dev/ready-after: 10s}}
      outputs: [{name: rows, valueFrom: 'strconv.FormatInt(result.value.rows, 10)'}]
    - {name: say, type: print-message-in-status, inputs: [{from: rows, parameterKey: message}]}
"#;

#[test]
fn what_a_job_writes_is_told_as_it_comes_and_its_result_is_passed_on() {
    let dir = Sandbox::new();
    dir.file("run.yaml", RUN);
    let mut run =
        dir.command(&["run", "run.yaml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("it is there", || (dir.run(&["workflow", "status", "slow"]).status == 0).then_some(()));
    let told = dir.path().join("told");
    let mut follow = dir
        .command(&["workflow", "logs", "slow", "--follow"])
        .stdout(File::create(&told).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = || std::fs::read_to_string(&told).unwrap();
    eventually("its first line is told", || lines().contains("/job | copying\n").then_some(()));
    let status = json(&dir.run(&["workflow", "status", "slow", "-o", "json"]));
    assert_eq!(status["steps"][0]["phase"], "running", "it was told before the job had ended: {status:#}");
    assert!(run.wait().unwrap().success());
    // Who follows ends with the run, and has been told everything once.
    assert!(follow.wait().unwrap().success());
    assert_eq!(lines().matches("/job | copying\n").count(), 1, "{}", lines());
    assert!(lines().contains("say: msg builtin/message"), "{}", lines());
    let status = json(&dir.run(&["workflow", "status", "slow", "-o", "json"]));
    assert_eq!(status["steps"][1]["message"], "12", "{status:#}");
    // The pod is still there.
    let later = dir.run(&["workflow", "logs", "slow", "--step", "count", "-o", "json"]);
    assert!(later.stdout.contains(r#""line":"{\"rows\": 12}""#), "{}", later.shown());
}
