//! What KubeVela's controller (v0.7.2) was seen to do on a real cluster, and the test of ours that states the right outcome. Where it does well, the recorded
//! runs are replayed (`tests/conformance`); these are its faults, and what could not be replayed.
//!
//! | What it does | Test |
//! |---|---|
//! | a rollout that is not ready counts as an error, and fails after 11 tries | `a_slow_rollout_is_waited_for` |
//! | `kube.#List` panics | `objects_are_listed` |
//! | a definition that did not evaluate succeeds at the next try | `what_cannot_work_fails_at_once`, `an_answer_that_is_no_json_fails_the_step_and_is_asked_for_once` |
//! | permanent errors (422, 400, no such kind, wrong or missing parameters) are tried 11 times | `what_is_refused_fails_the_step_at_once` |
//! | an address's token, headers and the body stand in the message | `secrets_are_in_no_message_and_no_log` |
//! | the message of a suspension is never shown | `ends_breaks_and_durations` |
//! | a resume before its duration is over is undone | `resume_suspend_cancel_and_finally` |
//! | a timeout or condition that cannot be read skips the step, and the run succeeds | `a_run_is_refused_with_all_faults_before_anything_is_done` |
//! | cycles, unknown steps and inputs, duplicate names wait for ever or are lost | `a_run_is_refused_with_all_faults_before_anything_is_done` |
//! | a step that depends on a later one waits for ever, in groups too | `order_matters_step_by_step`, `inputs_and_conditions_are_looked_at_before` |
//! | two outputs of one name panic | `outputs_are_handled_however_they_come` |
//! | an output that is not there is null, and the step succeeds | `outputs_are_handled_however_they_come` |
//! | outputs of a group see only its context | `a_group_gives_what_its_steps_gave`, `groups_and_their_steps_give_outputs` |
//! | imports are unknown in `valueFrom` | `inputs_go_where_their_paths_lead` |
//! | paths of `parameterKey` are lost or made literal | `inputs_go_where_their_paths_lead` |
//! | a missing step type stops all steps, and is seen after up to 16 minutes | `a_step_type_that_comes_late_is_waited_for_and_blocks_nothing_else` |
//! | a missing Workflow is looked for seldom | `a_workflow_that_comes_late_is_waited_for` |
//! | definitions are read again at each reconcile, so edits count in mid-run | `a_run_keeps_the_step_types_that_it_began_with` |
//! | an edited run goes on with the new steps | `a_changed_spec_starts_over` |
//! | a deleted context ends in an error for ever | `a_deleted_context_is_written_again_or_told` |
//! | conditions that hold are noticed at the next poll | `a_wait_is_woken_by_the_event` |
//! | every poll writes the status | `nothing_is_written_when_nothing_changed` |
//! | a message that changes resets the backoff | `a_changing_message_does_not_reset_the_pauses` |
//! | times are cut to seconds, so waits end early | `durations_are_exact_and_tries_are_counted_over_restarts` |
//! | retry counts are lost with the process | `durations_are_exact_and_tries_are_counted_over_restarts` |
//! | the status is written once per pass, and finished requests are sent again after a kill | `a_process_killed_at_each_save_point_loses_nothing`, `random_workflows_end_as_the_model_says` |
//! | outputs and suspensions survive a kill | `a_run_is_taken_up_from_its_record`, `a_killed_run_goes_on_from_where_it_stood` |
//! | a DAG runs one step at a time; slow calls hold all runs up | `parallel_steps_hold_nobody_up` |
//! | a call without an answer is made again and again without a pause | `a_call_without_an_answer_is_told`, `failures_are_tried_again_ten_times` |
//! | a webhook that answers 500 is a success | `a_refused_notification_fails_the_step` |
//! | a restart from a step races with the controller; outputs are null after it | `restart_as_a_whole_and_from_a_step`, `a_restart_is_asked_for_once`, `a_restart_that_is_killed_is_carried_out` |
//! | `#Break` ends as failed, and later steps run | `ends_breaks_and_durations` |
//! | a definition named `suspend` on the cluster is passed over | `ends_breaks_and_durations` |
//! | a status that is too big is never written | `messages_and_waits_and_sizes`, `what_the_record_has_no_room_for` |
//! | failed, terminated and suspended runs have no condition and no Event | `resume_suspend_cancel_and_finally`, `a_failed_run_has_a_condition_and_an_event` |
//! | parameters that are not declared are accepted | `an_undeclared_parameter_is_told` |
//! | `workflowRef` and `workflow.ref` | `definitions_and_workflows_beside_the_run`, `an_application_names_a_workflow` |
//! | a step without a name; a definition in the run's namespace goes before | `definitions_and_workflows_beside_the_run` |
//! | objects without a namespace go to `default`, not to that of the run | `objects_go_to_the_namespace_of_the_run` |
//! | a run without a workflow is retried for ever | `a_run_without_a_workflow` |
//!
//! Not ours: `EnableSuspendOnFailure` is a feature gate of that controller (`sof-*`), and `controller-version-require` names its versions; Stepwell has neither.

use crate::sandbox::{Sandbox, check};
use crate::workflows::{definition, json, line, messages, simulate};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Every test that the table names is there.
#[test]
fn the_table_names_tests_that_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = [
        "tests/program",
        "runtime/tests",
        "runtime/src/engine",
        "runtime/src/driver",
        "runtime/src/engine/machine",
    ];
    let texts: String = files
        .iter()
        .flat_map(|dir| std::fs::read_dir(root.join(dir)).unwrap())
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    let rows =
        include_str!("facts.rs").lines().filter(|l| l.starts_with("//! | ") && !l.contains("| Test |"));
    let mut count = 0;
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for test in tests.split(", ").map(|t| t.trim_matches('`')) {
            assert!(texts.contains(&format!("fn {test}(")), "{test} is not there");
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

/// A server that gives every request this answer, or none, and counts them.
fn server(answer: Option<&'static str>) -> (String, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            counted.fetch_add(1, Ordering::SeqCst);
            match answer {
                Some(answer) => {
                    let _ = stream.read(&mut [0; 4096]);
                    let _ = stream.write_all(answer.as_bytes());
                }
                None => open.push(stream),
            }
        }
    });
    (address, count)
}

#[test]
fn a_slow_rollout_is_waited_for() {
    let slow = definition(
        "slow",
        r#"
import ("vela/kube", "vela/builtin")
output: kube.#Apply & {$params: value: {
  apiVersion: "apps/v1", kind: "Deployment"
  metadata: {name: context.stepName, annotations: "sim.stepwell.dev/ready-after": "20m"}
  spec: {selector: matchLabels: app: "a", template: {metadata: labels: app: "a", spec: containers: [{name: "c", image: "nginx"}]}}
}}
wait: builtin.#ConditionalWait & {$params: continue: output.$returns.value.status.readyReplicas == 1}
parameter: {}
"#,
    );
    let status = simulate("  workflowSpec:\n    steps:\n    - {name: m, type: slow}\n", &slow);
    assert_eq!(line(&status), "succeeded; m succeeded", "{status:#}");
}

#[test]
fn objects_are_listed() {
    let list = definition(
        "list",
        r#"
import ("vela/kube", "vela/builtin")
one: kube.#Apply & {$params: value: {apiVersion: "v1", kind: "ConfigMap", metadata: {name: "one", labels: a: "b"}}}
list: kube.#List & {$params: {resource: {apiVersion: "v1", kind: "ConfigMap"}, filter: matchingLabels: a: "b"}}
msg: builtin.#Message & {$params: message: "\(len(list.$returns.values.items))"}
parameter: {}
"#,
    );
    let status = simulate("  workflowSpec:\n    steps:\n    - {name: m, type: list}\n", &list);
    assert_eq!(messages(&status), ["m: 1"], "{status:#}");
}

#[test]
fn an_answer_that_is_no_json_fails_the_step_and_is_asked_for_once() {
    let (url, count) = server(Some("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"));
    let spec = format!(
        "  workflowSpec:\n    steps:\n    - {{name: m, type: request, properties: {{url: \"{url}/\"}}}}\n"
    );
    let status = simulate(&spec, "");
    assert_eq!(line(&status), "failed; m failed Rendering", "{status:#}");
    let message = status["steps"][0]["message"].as_str().unwrap();
    assert!(message.contains("response") && message.contains("JSON"), "{message}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn a_call_without_an_answer_is_told() {
    let (url, count) = server(None);
    let quick = definition(
        "quick",
        "import \"vela/http\"\nreq: http.#HTTPDo & {$params: {method: \"GET\", url: parameter.url, request: timeout: \"200ms\"}}\nparameter: url: string",
    );
    let spec = format!(
        "  workflowSpec:\n    steps:\n    - {{name: m, type: quick, retry: {{limit: 2}}, properties: {{url: \"{url}/\"}}}}\n"
    );
    let status = simulate(&spec, &quick);
    assert_eq!(line(&status), "failed; m failed FailedAfterRetries", "{status:#}");
    let message = status["steps"][0]["message"].as_str().unwrap();
    assert!(message.contains("no answer within 200ms"), "{message}");
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn a_refused_notification_fails_the_step() {
    let (url, count) =
        server(Some("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    for (kind, properties) in [
        (
            "notification",
            format!("{{slack: {{url: {{value: \"{url}/T0/SECRET\"}}, message: {{text: hi}}}}}}"),
        ),
        ("webhook", format!("{{url: {{value: \"{url}/T0/SECRET\"}}, data: {{a: 1}}}}")),
    ] {
        count.store(0, Ordering::SeqCst);
        let spec = format!(
            "  workflowSpec:\n    steps:\n    - {{name: m, type: {kind}, properties: {properties}}}\n"
        );
        let status = simulate(&spec, "");
        assert_eq!(line(&status), "failed; m failed Action", "{status:#}");
        let message = status["steps"][0]["message"].as_str().unwrap();
        assert!(message.contains("500") && !message.contains("SECRET"), "{message}");
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn groups_and_their_steps_give_outputs() {
    let spec = r#"
  workflowSpec:
    steps:
    - name: build
      type: step-group
      outputs:
      - {name: tag, valueFrom: 'api.output.version + "-" + context.name'}
      - {name: all, valueFrom: '[for n, s in status if s.succeeded && n != "build" {n}]'}
      subSteps:
      - {name: api, type: print-message-in-status, properties: {message: a}, outputs: [{name: version, valueFrom: '"1.2"'}]}
      - {name: web, type: print-message-in-status, properties: {message: b}}
    - {name: show, type: print-message-in-status, inputs: [{from: tag, parameterKey: message}]}
    - {name: sub, type: print-message-in-status, inputs: [{from: version, parameterKey: message}]}
    - {name: first, type: print-message-in-status, inputs: [{from: 'all[0]', parameterKey: message}]}
"#;
    let status = simulate(spec, "");
    let said: Vec<String> = messages(&status).split_off(1);
    assert_eq!(said, ["show: 1.2-run", "sub: 1.2", "first: api"], "{status:#}");
    let wrong = spec.replace("api.output.version +", "apy.output.version +");
    let message = simulate(&wrong, "")["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("spec.workflowSpec.steps[0].outputs[0].valueFrom: ") && message.contains("apy"),
        "{message}"
    );
}

#[test]
fn objects_go_to_the_namespace_of_the_run() {
    let sandbox = Sandbox::new();
    sandbox.file("run.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n---\napiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: run, namespace: other}\nspec: {workflowSpec: {steps: [{name: m, type: apply-object, properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: made}}}}]}}\n");
    let ended = sandbox.run(&["run", "run.yaml"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    assert_eq!(sandbox.run(&["get", "configmap", "made", "-n", "other"]).status, 0);
}

#[test]
fn a_run_without_a_workflow() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "run.yaml",
        "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: run}\nspec: {}\n",
    );
    check!("workflow-without-steps", sandbox.run(&["run", "run.yaml"]));
}

/// What a user is told of each mistake that the workflow documents allow.
#[test]
fn mistakes_in_a_workflow() {
    let step = |text: &str| {
        format!("    - {{name: a, type: print-message-in-status, properties: {{message: hi}}, {text}}}\n")
    };
    let cases = [
        ("an input that no step gives", step("inputs: [{from: nothing, parameterKey: message}]")),
        ("a path that does not fit", step("inputs: [{from: context.name, parameterKey: 'message.deep'}]")),
        ("a path that is none", step("inputs: [{from: context.name, parameterKey: 'a['}]")),
        ("a cycle", step("dependsOn: [b]") + "    - {name: b, type: suspend, dependsOn: [a]}\n"),
        ("two of one name", step("") + &step("")),
        ("a condition that does not evaluate", step("if: 'status.a.'")),
        ("a timeout that is none", step("timeout: soon")),
    ];
    let mut told = String::new();
    for (name, steps) in cases {
        // In this mode nothing but the mistake is in the way.
        let status = simulate(&format!("  mode: {{steps: DAG}}\n  workflowSpec:\n    steps:\n{steps}"), "");
        assert_eq!(
            (&status["status"], &status["steps"]),
            (&"failed".into(), &serde_json::Value::Null),
            "{name}"
        );
        told += &format!("== {name}\n{}\n", status["message"].as_str().unwrap());
    }
    for (name, template) in [
        ("an unknown op", "x: {#do: \"aply\", #provider: \"kube\"}\nparameter: {}"),
        (
            "parameters that do not fit",
            "import \"vela/kube\"\nx: kube.#Read & {$params: value: 3}\nparameter: {}",
        ),
    ] {
        let status = simulate(
            "  workflowSpec:\n    steps:\n    - {name: a, type: own}\n",
            &definition("own", template),
        );
        told += &format!("== {name}\n{}\n", status["steps"][0]["message"].as_str().unwrap());
    }
    let sandbox = Sandbox::new();
    sandbox.file("run.yaml", "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: over}\nspec: {workflowSpec: {steps: [{name: m, type: print-message-in-status, properties: {message: hi}}]}}\n");
    sandbox.run(&["run", "run.yaml"]);
    told += &format!(
        "== resume of a run that is over\n{}\n",
        sandbox.run(&["workflow", "resume", "over"]).stderr
    );
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("workflow-mistakes", told);
    });
}

#[test]
fn applications_are_listed_with_their_health() {
    let sandbox = Sandbox::new();
    sandbox.file("app.yaml", "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop}\nspec:\n  components:\n  - {name: web, type: webservice, properties: {image: nginx}}\n");
    let ended = sandbox.run(&["run", "app.yaml", "-o", "json"]);
    assert_eq!(json(&ended)["status"], "succeeded", "{}", ended.shown());
    check!("get-applications", sandbox.run(&["get", "applications"]));
}
