//! WorkflowRuns: the examples, runs simulated by a clock that jumps, what is refused before anything is done, and reading a run. What is saved of one is
//! in `saves.rs`.

use crate::sandbox::{Ended, Sandbox, check};
use serde_json::Value;
use std::path::PathBuf;

fn example(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name).join("run.yaml");
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

pub(crate) fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {}", ended.shown()))
}

/// The run in one line: its phase, and each step's phase and reason.
pub(crate) fn line(status: &Value) -> String {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let mut out = text(&status["status"]);
    for step in status["steps"].as_array().into_iter().flatten() {
        let subs = step["subSteps"].as_array().into_iter().flatten();
        for s in std::iter::once(step).chain(subs) {
            out += format!("; {} {} {}", text(&s["name"]), text(&s["phase"]), text(&s["reason"])).trim_end();
        }
    }
    out
}

/// Simulates a run, given as `spec`, with these definitions.
pub(crate) fn simulate(spec: &str, definitions: &str) -> Value {
    let sandbox = Sandbox::new();
    let run = format!(
        "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {{name: run}}\nspec:\n{spec}"
    );
    sandbox.file("dir/run.yaml", &run);
    if !definitions.is_empty() {
        sandbox.file("dir/def.yaml", definitions);
    }
    let ended = sandbox.run(&["workflow", "simulate", "dir", "-o", "json"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    json(&ended)
}

pub(crate) fn definition(name: &str, template: &str) -> String {
    let template = template.trim_matches('\n').replace('\n', "\n        ");
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: WorkflowStepDefinition\nmetadata: {{name: {name}}}\nspec:\n  schematic:\n    cue:\n      template: |\n        {template}\n---\n"
    )
}

#[test]
fn the_example_of_branches() {
    let sandbox = Sandbox::new();
    let text = std::fs::read_to_string(example("branches")).unwrap();
    for (answer, want) in [
        ("200 OK", "succeeded; fetch succeeded; publish succeeded; fall-back skipped Skip; report succeeded"),
        (
            "503 Service Unavailable",
            "succeeded; fetch succeeded; publish skipped Skip; fall-back succeeded; report succeeded",
        ),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        });
        sandbox.file("run.yaml", &text.replace("http://127.0.0.1:8080", &address));
        let ended = sandbox.run(&["run", "run.yaml", "-o", "json"]);
        assert_eq!(line(&json(&ended)), want, "{}", ended.shown());
        server.join().unwrap();
    }
}

#[test]
fn the_example_of_a_deadline() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&["run", &example("deadline"), "-o", "json"]);
    assert_eq!(
        line(&json(&ended)),
        "failed; approve failed Timeout; roll-out skipped Skip; give-up succeeded",
        "{}",
        ended.shown()
    );
    assert!(ended.stderr.contains("step approve (suspend) timed out"), "{}", ended.shown());
    let shown = sandbox.run(&["workflow", "status", "deadline"]);
    assert!(shown.stdout.contains("timed out after"), "{}", shown.shown());
    let ended = sandbox.run(&["run", &example("deadline"), "-o", "json", "--approve"]);
    assert_eq!(
        line(&json(&ended)),
        "succeeded; approve succeeded; roll-out succeeded; give-up skipped Skip",
        "{}",
        ended.shown()
    );
}

#[test]
fn the_example_of_a_group() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&["run", &example("group"), "-o", "json"]);
    let status = json(&ended);
    assert_eq!(status["status"], "succeeded", "{}", ended.shown());
    let images = json(&sandbox.run(&["get", "configmap", "images", "-o", "json"]));
    assert_eq!(images["data"]["web"], "registry.local/web:1.0");
    check!("workflow-graph", sandbox.run(&["workflow", "graph", "group"]));
    let svg = sandbox.run(&["workflow", "graph", "group", "-o", "svg"]).stdout;
    assert!(svg.starts_with("<svg ") && svg.contains(">smoke</text>") && svg.ends_with("</svg>\n"), "{svg}");
    let debug = sandbox.run(&["workflow", "debug", "group", "--step", "api"]).stdout;
    assert!(
        debug.contains("name: \"registry.local/api:1.0\"") && debug.contains("stepGroupName: \"build\""),
        "{debug}"
    );
    let logs = sandbox.run(&["workflow", "logs", "group", "--step", "smoke", "-o", "json"]);
    let logged: Value = serde_json::from_str(logs.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&logged["call"], &logged["params"]["value"]["data"]["api"]),
        (&"kube/apply".into(), &"registry.local/api:1.0".into())
    );
}

#[test]
fn the_example_of_compensation() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&["run", &example("compensation"), "-o", "json"]);
    let status = json(&ended);
    let want = "failed; lock succeeded; migrate failed FailedAfterRetries; deploy skipped Skip; unlock succeeded; tell succeeded";
    assert_eq!(line(&status), want, "{}", ended.shown());
    assert!(
        status["message"].as_str().unwrap().starts_with("The workflow terminates automatically"),
        "{status}"
    );
    assert_eq!(sandbox.run(&["get", "configmap", "migration-lock"]).status, 1);
}

#[test]
fn a_run_is_refused_with_all_faults_before_anything_is_done() {
    let status = simulate(
        r#"
  workflowSpec:
    steps:
    - {name: made, type: apply-object, properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: made}}}}
    - {name: a, type: print-message-in-status, timeout: 3bananas, dependsOn: [b]}
    - {name: b, type: print-mesage-in-status, dependsOn: [a, nobody]}
    - {name: a, type: suspend, if: status.nope.failed}
    - {name: c, type: print-message-in-status, inputs: [{from: never-produced, parameterKey: message}]}
    - {name: d, type: no-such-type, if: '"yes"'}
"#,
        "",
    );
    assert_eq!(
        (status["status"].as_str(), status["finished"].as_bool(), &status["steps"]),
        (Some("failed"), Some(true), &Value::Null)
    );
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("workflow-refused", status["message"].as_str().unwrap());
    });
}

#[test]
fn what_cannot_work_fails_at_once() {
    let cases = [
        (
            "conflict",
            "import \"vela/builtin\"\nmsg: builtin.#Message & {$params: message: \"hi\"}\nx: 1\nx: 2\nparameter: {}",
            "Rendering",
        ),
        (
            "reference",
            "import \"vela/builtin\"\nmsg: builtin.#Message & {$params: message: nowhere.x}\nparameter: {}",
            "Rendering",
        ),
        ("syntax", "msg: {{{ \nparameter: {}", "Rendering"),
        ("import", "import \"vela/nothing\"\nmsg: nothing.#Message\nparameter: {}", "Rendering"),
        // What was read before may change, and does not bring a function that there is none of.
        (
            "function",
            "import (\"vela/kube\", \"strings\")\nr: kube.#Read & {$params: value: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: name: \"c\"}}\na: kube.#Apply & {$params: value: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: name: strings.ToUppr(\"a\")}}\nparameter: {}",
            "Rendering",
        ),
        ("op", "x: {#do: \"aply\", #provider: \"kube\"}\nparameter: {}", "Rendering"),
        (
            "params",
            "import \"vela/builtin\"\nw: builtin.#ConditionalWait & {$params: continue: \"soon\"}\nparameter: {}",
            "Rendering",
        ),
    ];
    let mut told = String::new();
    for (name, template, reason) in cases {
        let spec = format!(
            "  workflowSpec:\n    steps:\n    - {{name: m, type: {name}}}\n    - {{name: after, type: print-message-in-status, properties: {{message: a}}}}\n"
        );
        let status = simulate(&spec, &definition(name, template));
        let got = line(&status);
        assert_eq!(got, format!("failed; m failed {reason}; after skipped Skip"), "{name}: {status:#}");
        told += &format!("{name}: {}\n", status["steps"][0]["message"].as_str().unwrap());
    }
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("workflow-fails-at-once", told);
    });
}

const ECHO: &str = "import \"vela/builtin\"\nimport \"encoding/json\"\nmsg: builtin.#Message & {$params: message: json.Marshal(parameter)}\nout: {num: 3, str: \"s\"}\nparameter: {...}";

/// The messages of the steps, by name.
pub(crate) fn messages(status: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    status["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| format!("{}: {}", text(&s["name"]), text(&s["message"])))
        .collect()
}

#[test]
fn inputs_go_where_their_paths_lead() {
    let spec = r#"
  workflowSpec:
    steps:
    - {name: src, type: echo, outputs: [{name: s, valueFrom: out.str}, {name: o, valueFrom: '{n: 1}'}, {name: up, valueFrom: 'strings.ToUpper(out.str)'}]}
    - {name: idx, type: echo, properties: {list: [a, b, c]}, inputs: [{from: s, parameterKey: 'list[1]'}]}
    - {name: idx2, type: echo, properties: {list: [{v: a}, {v: b}]}, inputs: [{from: s, parameterKey: 'list[0].v'}]}
    - {name: idxend, type: echo, properties: {list: [a]}, inputs: [{from: s, parameterKey: 'list[3]'}]}
    - {name: absent, type: echo, inputs: [{from: s, parameterKey: 'list[0]'}]}
    - {name: dash, type: echo, inputs: [{from: s, parameterKey: x-y.z}]}
    - {name: br, type: echo, inputs: [{from: s, parameterKey: 'a["k.l/m"].z'}]}
    - {name: objmerge, type: echo, properties: {a: {x: 1}}, inputs: [{from: o, parameterKey: a}]}
    - {name: two, type: echo, inputs: [{from: s, parameterKey: a.b}, {from: o, parameterKey: a.c}]}
    - {name: imported, type: echo, inputs: [{from: up, parameterKey: up}]}
    - {name: clash, type: print-message-in-status, inputs: [{from: o, parameterKey: message}]}
"#;
    let status = simulate(spec, &definition("echo", ECHO));
    let want = [
        "src: {}",
        r#"idx: {"list":["a","s","c"]}"#,
        r#"idx2: {"list":[{"v":"s"},{"v":"b"}]}"#,
        r#"idxend: {"list":["a",{},{},"s"]}"#,
        r#"absent: {"list":["s"]}"#,
        r#"dash: {"x-y":{"z":"s"}}"#,
        r#"br: {"a":{"k.l/m":{"z":"s"}}}"#,
        r#"objmerge: {"a":{"n":1}}"#,
        r#"two: {"a":{"b":"s","c":{"n":1}}}"#,
        r#"imported: {"up":"S"}"#,
    ];
    assert_eq!(messages(&status)[..10], want, "{status:#}");
    assert_eq!(status["steps"][10]["reason"], "ProcessParameter");
}

#[test]
fn outputs_are_handled_however_they_come() {
    // Twice under one name: the later one counts. One that cannot be evaluated fails its step.
    let spec = r#"
  workflowSpec:
    steps:
    - {name: a, type: echo, outputs: [{name: x, valueFrom: '"one"'}]}
    - {name: b, type: echo, outputs: [{name: x, valueFrom: '"two"'}]}
    - {name: c, type: echo, if: "false", outputs: [{name: x, valueFrom: '"three"'}]}
    - {name: show, type: echo, if: always, inputs: [{from: x, parameterKey: x}]}
    - {name: missing, type: echo, outputs: [{name: nope, valueFrom: out.doesNotExist}]}
    - {name: after, type: echo, if: always, inputs: [{from: nope, parameterKey: m}]}
"#;
    let status = simulate(spec, &definition("echo", ECHO));
    assert_eq!(status["steps"][3]["message"], r#"{"x":"two"}"#, "{status:#}");
    assert_eq!(
        (status["steps"][4]["phase"].as_str(), status["steps"][4]["reason"].as_str()),
        (Some("failed"), Some("Output"))
    );
    assert_eq!(status["steps"][5]["message"], r#"{"m":null}"#);
    assert_eq!(status["status"], "failed");
}

#[test]
fn messages_and_waits_and_sizes() {
    let waits = definition(
        "mw",
        "import \"vela/builtin\"\nm1: builtin.#Message & {$params: message: \"first\"}\nm2: builtin.#Message & {$params: message: \"second\"}\nw: builtin.#ConditionalWait & {$params: continue: false}\nm3: builtin.#Message & {$params: message: \"after the wait\"}\nparameter: {}",
    );
    let status = simulate("  workflowSpec:\n    steps:\n    - {name: m, type: mw}\n", &waits);
    assert_eq!(
        (line(&status).as_str(), &status["steps"][0]["message"]),
        ("executing; m running Wait", &"second".into())
    );
    let big = definition(
        "big",
        "import \"vela/builtin\"\nimport \"strings\"\nm: builtin.#Message & {$params: message: strings.Repeat(\"x\", 900000)}\nparameter: {}",
    );
    let status = simulate("  workflowSpec:\n    steps:\n    - {name: m, type: big}\n", &big);
    assert_eq!(line(&status), "succeeded; m succeeded");
    assert!(status["steps"][0]["message"].as_str().unwrap().len() < 20_000);
}

/// More than the status, or the outputs, have room for beside each other.
#[test]
fn a_record_that_becomes_too_big_is_cut_and_saved() {
    let long = definition(
        "long",
        "import \"vela/builtin\"\nimport \"strings\"\nm: builtin.#Message & {$params: message: context.stepName + strings.Repeat(\"x\", 15000)}\nout: strings.Repeat(\"y\", parameter.size)\nparameter: size: *1 | int",
    );
    let steps: String = (0..120).map(|i| format!("    - {{name: s{i:03}, type: long}}\n")).collect();
    let status = simulate(&format!("  workflowSpec:\n    steps:\n{steps}"), &long);
    assert_eq!(status["status"], "succeeded", "{}", status["message"]);
    let said: Vec<&str> =
        status["steps"].as_array().unwrap().iter().map(|s| s["message"].as_str().unwrap()).collect();
    assert!(said.len() == 120 && said[0].starts_with("s000xxx") && said[0].len() < 200, "{}", said[0].len());
    // The outputs of a run have 900 KiB together: three fit, the fourth is told.
    let step = |i: usize| {
        format!(
            "    - {{name: o{i}, type: long, properties: {{size: 280000}}, outputs: [{{name: o{i}, valueFrom: out}}]}}\n"
        )
    };
    let steps: String = (0..4).map(step).collect();
    let read = "    - {name: read, type: print-message-in-status, if: always, inputs: [{from: o2, parameterKey: message}]}\n";
    let status = simulate(&format!("  workflowSpec:\n    steps:\n{steps}{read}"), &long);
    assert_eq!(
        line(&status),
        "failed; o0 succeeded; o1 succeeded; o2 succeeded; o3 failed Output; read succeeded"
    );
    assert!(status["steps"][4]["message"].as_str().unwrap().starts_with("yyyy"));
    // Outputs that leave the journal no room beside them.
    let output =
        "    - {name: o, type: long, properties: {size: 890000}, outputs: [{name: o, valueFrom: out}]}\n";
    let steps: String = (0..60).map(|i| format!("    - {{name: s{i:03}, type: long}}\n")).collect();
    let status = simulate(&format!("  workflowSpec:\n    steps:\n{output}{steps}"), &long);
    assert_eq!(status["status"], "succeeded", "{}", status["message"]);
}

#[test]
fn ends_breaks_and_durations() {
    let breaks = definition(
        "brk",
        "import \"vela/builtin\"\nb: builtin.#Break & {$params: message: \"stop here\"}\nparameter: {}",
    );
    let steps = "    - {name: b, type: brk}\n    - {name: after, type: print-message-in-status, properties: {message: a}}\n";
    let status = simulate(&format!("  workflowSpec:\n    steps:\n{steps}"), &breaks);
    // A break ends the workflow: what comes after it does not run.
    assert_eq!(line(&status), "terminated; b succeeded Terminate; after skipped Skip");
    let status = simulate(
        "  workflowSpec:\n    steps:\n    - {name: w, type: suspend, properties: {duration: 3 apples}}\n",
        "",
    );
    assert_eq!(line(&status), "failed; w failed Action");
    assert!(
        status["steps"][0]["message"].as_str().unwrap().contains("`3 apples` is no duration"),
        "{status}"
    );
    // A definition of the name of what is built in does not take its place.
    let other = definition(
        "suspend",
        "import \"vela/builtin\"\nmsg: builtin.#Message & {$params: message: \"other\"}\nparameter: {}",
    );
    let status = simulate(
        "  workflowSpec:\n    steps:\n    - {name: w, type: suspend, properties: {message: \"look\"}}\n",
        &other,
    );
    assert_eq!(
        (line(&status).as_str(), &status["steps"][0]["message"]),
        ("suspending; w suspending Suspend", &"look".into())
    );
}

#[test]
fn definitions_and_workflows_beside_the_run() {
    let local = definition(
        "print-message-in-status",
        "import \"vela/builtin\"\nparameter: message: string\nmsg: builtin.#Message & {$params: message: \"LOCAL: \\(parameter.message)\"}",
    );
    let status = simulate(
        "  workflowSpec:\n    steps:\n    - {type: print-message-in-status, properties: {message: hi}}\n",
        &local,
    );
    assert_eq!(messages(&status), ["step-0: LOCAL: hi"]);
    let sandbox = Sandbox::new();
    let wf = "apiVersion: core.oam.dev/v1alpha1\nkind: Workflow\nmetadata: {name: wf}\nmode: {steps: DAG}\nsteps:\n- {name: a, type: print-message-in-status, dependsOn: [b], inputs: [{from: context.env, parameterKey: message}]}\n- {name: b, type: print-message-in-status, properties: {message: b}}\n---\n";
    let run = "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: run}\nspec: {workflowRef: wf, context: {env: t}}\n";
    sandbox.file("run.yaml", &format!("{wf}{run}"));
    let ended = sandbox.run(&["run", "run.yaml", "-o", "json"]);
    let status = json(&ended);
    assert_eq!(
        (line(&status).as_str(), &status["mode"]["steps"]),
        ("succeeded; b succeeded; a succeeded", &"DAG".into()),
        "{}",
        ended.shown()
    );
    sandbox.file("missing.yaml", &run.replace("wf,", "other,"));
    check!("workflow-ref-missing", sandbox.run(&["run", "missing.yaml"]));
}

#[test]
fn a_pending_run_starts_when_told() {
    let sandbox = Sandbox::new();
    sandbox.file("run.yaml", "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: later}\nspec: {workflowSpec: {steps: [{name: m, type: print-message-in-status, properties: {message: hi}}]}}\n");
    check!("workflow-pending", sandbox.run(&["run", "run.yaml", "--pending"]));
    let ended = sandbox.run(&["workflow", "resume", "later", "-o", "json"]);
    assert_eq!(line(&json(&ended)), "succeeded; m succeeded", "{}", ended.shown());
    check!("workflow-pending-refused", sandbox.run(&["run", "run.yaml", "--pending"]));
    check!("workflow-list", sandbox.run(&["workflow", "list"]));
}

#[test]
fn secrets_are_in_no_message_and_no_log() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "run.yaml",
        "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: leak}\nspec: {workflowSpec: {steps: [{name: req, type: request, retry: {limit: 0}, properties: {url: \"http://127.0.0.1:9/none?token=QUERYSECRET\", header: {Authorization: \"Bearer HEADERSECRET\"}, method: POST, body: {password: BODYSECRET}}}]}}\n",
    );
    let run = sandbox.run(&["run", "run.yaml"]);
    let status = sandbox.run(&["workflow", "status", "leak", "-o", "json"]);
    let logs = sandbox.run(&["workflow", "logs", "leak"]);
    assert!(
        logs.stdout.contains("http/do") && status.stdout.contains("127.0.0.1:9"),
        "{}{}",
        logs.shown(),
        status.shown()
    );
    for shown in [run.shown(), status.shown(), logs.shown()] {
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}

#[test]
fn limits_can_be_set_and_a_typo_is_told() {
    let sandbox = Sandbox::new();
    let run = "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: limits}\nspec: {workflowSpec: {steps: [{name: req, type: request, properties: {url: \"http://127.0.0.1:9/\", hedaer: {a: b}}}]}}\n";
    sandbox.file("run.yaml", run);
    let ended = sandbox.run(&[
        "run",
        "run.yaml",
        "--max-workflow-step-error-retry-times",
        "1",
        "--max-workflow-failed-backoff-time",
        "1",
        "-o",
        "json",
    ]);
    assert_eq!(line(&json(&ended)), "failed; req failed FailedAfterRetries", "{}", ended.shown());
    assert!(ended.stderr.contains("has no parameter `hedaer`"), "{}", ended.shown());
    let ended = sandbox.run(&["run", "run.yaml", "--strict"]);
    assert!(
        ended.status == 1
            && ended.stderr.contains("error: the step type `request` has no parameter `hedaer`"),
        "{}",
        ended.shown()
    );
}

#[test]
fn spans_are_sent_to_a_collector() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = String::new();
        let mut buffer = [0; 8192];
        loop {
            let n = stream.read(&mut buffer).unwrap();
            text += &String::from_utf8_lossy(&buffer[..n]);
            if n == 0 || text.ends_with("}]}]}]}") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                return text;
            }
        }
    });
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["run", &example("group")]);
    let ended = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).output().unwrap();
    assert!(ended.status.success());
    let text = collector.join().unwrap();
    for part in [
        "POST /v1/traces",
        "\"name\":\"run\"",
        "\"name\":\"step\"",
        "\"name\":\"op\"",
        "parentSpanId",
        "kube/apply",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
