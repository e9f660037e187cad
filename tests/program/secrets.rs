//! Secrets are nowhere to be found: a run that reads and uses one is searched whole, all that it printed, wrote and kept.

use crate::sandbox::{Ended, Sandbox};
use crate::workflows::{json, line};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The secret as it is written, and as it is in a Secret's data.
const FORMS: [&str; 2] = ["hidden-value-4711", "aGlkZGVuLXZhbHVlLTQ3MTE"];

/// Every file below a folder in which a form of the secret stands.
fn found(folder: &Path, forms: &[&str], into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            found(&path, forms, into);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            let hides = |form: &&str| bytes.windows(form.len()).any(|w| w == form.as_bytes());
            into.extend(forms.iter().filter(|f| hides(f)).map(|f| format!("{f} in {}", path.display())));
        }
    }
}

/// That no form of a secret is in what commands told, nor in any file of the state.
pub(crate) fn nowhere(dir: &Sandbox, forms: &[&str], told: &[Ended]) {
    for (i, ended) in told.iter().enumerate() {
        let text = format!("{}{}", ended.stdout, ended.stderr);
        let form = forms.iter().find(|f| text.contains(**f));
        assert!(form.is_none(), "output {i}: {form:?} in {text}");
    }
    let mut kept = Vec::new();
    found(&dir.path().join("state"), forms, &mut kept);
    assert_eq!(kept, [""; 0]);
}

#[test]
fn a_secret_is_nowhere_in_the_clear() {
    let dir = Sandbox::new();
    dir.file(
        "run.yaml",
        &format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: hook, namespace: default}}\n\
             stringData: {{url: 'http://u:{0}@127.0.0.1:1/{0}?token={0}', password: {0}}}\n---\n\
             apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {{name: shy, namespace: default}}\nspec:\n  workflowSpec:\n    steps:\n    \
             - {{name: look, type: read-object, properties: {{apiVersion: v1, kind: Secret, name: hook}}}}\n    \
             - {{name: call, type: webhook, timeout: 1s, properties: {{url: {{secretRef: {{name: hook, key: url}}}}, data: {{a: 1}}}}}}\n    \
             - name: mail\n      type: notification\n      if: always\n      timeout: 1s\n      properties:\n        email:\n          \
             from: {{address: a@example.com, password: {{secretRef: {{name: hook, key: password}}}}, host: 127.0.0.1, port: 1}}\n          \
             to: [b@example.com]\n          content: {{subject: s, body: b}}\n",
            FORMS[0]
        ),
    );
    let ran = dir.run(&["run", "run.yaml"]);
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    let mut told = vec![ran];
    for args in [
        &["workflow", "logs", "shy"][..],
        &["workflow", "status", "shy", "-o", "yaml"],
        &["workflow", "debug", "shy", "--step", "look"],
        &["workflow", "list"],
        &["get", "workflowrun", "shy", "-o", "json"],
        &["get", "configmaps", "-o", "yaml"],
        &["get", "events", "-o", "yaml"],
    ] {
        told.push(dir.run(args));
    }
    assert!(
        told[1..].iter().all(|t| t.status == 0),
        "{}",
        told.iter().map(|t| t.stderr.as_str()).collect::<String>()
    );
    // What the user wrote is the user's; everything else is the program's.
    nowhere(&dir, &FORMS, &told);
    // It was there to be read all along.
    let secret = dir.run(&["get", "secret", "hook", "-o", "yaml"]);
    assert!(secret.stdout.contains(FORMS[1]), "{}{}", secret.stdout, secret.stderr);
}

/// What the run of `passed.yaml` makes of a secret: it is there as it is, in base64, in capitals, in base64 of a text, in a hash; the settings of a config.
const MADE: [&str; 12] = [
    "hidden-value-4711",
    "aGlkZGVuLXZhbHVlLTQ3MTE",
    "HIDDEN-VALUE-4711",
    "OmhpZGRlbi12YWx1ZS00NzEx",
    "35ab5f688eacf29209a2ff68bbd8a55e18cd61dff956a13c8c70c1cc4d076859",
    "35AB5F688EACF29209A2FF68BBD8A55E18CD61DFF956A13C8C70C1CC4D076859",
    "hidden-value-0042",
    "aGlkZGVuLXZhbHVlLTAwND",
    "HIDDEN-VALUE-0042",
    "OmhpZGRlbi12YWx1ZS0wMDQy",
    "a19fcb0be6066530bc92611568cf752bcd5758ab32d56b8d353142ee7b0d7942",
    "A19FCB0BE6066530BC92611568CF752BCD5758AB32D56B8D353142EE7B0D7942",
];

/// Steps that take a secret apart and put it together, over groups and kept values, with a suspension in the middle and a failing step at the end.
const PASSED: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: default}
stringData: {user: app, password: PASSWORD, port: "5432"}
---
apiVersion: core.oam.dev/v1beta1
kind: WorkflowStepDefinition
metadata: {name: connect, namespace: default}
spec:
  schematic:
    cue:
      template: |
        import ("vela/kube", "vela/op", "vela/util", "encoding/base64", "encoding/hex", "crypto/sha256", "strings", "strconv")
        read: kube.#Read & {$params: value: {apiVersion: "v1", kind: "Secret", metadata: name: parameter.secret}}
        data: read.$returns.value.data
        plain: {for k, v in data {(k): "\(base64.Decode(null, v))"}}
        url: "db://\(plain.user):\(plain.password)@db:\(plain.port)/app"
        auth: base64.Encode(null, plain.user + ":" + plain.password)
        hash: hex.Encode(sha256.Sum256(url))
        all: {"url": url, "auth": auth, "hash": hash, upper: strings.ToUpper(plain.password), number: strconv.Atoi(plain.port), open: "seen by all", raw: data.password}
        say: util.#Log & {$params: data: "the hash is \(hash), the url \(url), the auth \(auth)"}
        tell: op.#Message & {message: "connected as \(auth) with \(url)"}
        keep: op.#DoVar & {method: "Put", path: "kept", value: {"auth": auth, "password": plain.password}}
        parameter: secret: string
---
apiVersion: core.oam.dev/v1beta1
kind: WorkflowStepDefinition
metadata: {name: use, namespace: default}
spec:
  schematic:
    cue:
      template: |
        import ("vela/kube", "vela/op", "strings")
        var: op.#DoVar & {method: "Get", path: "kept"}
        apply: kube.#Apply & {$params: value: {apiVersion: "v1", kind: "Secret", metadata: name: parameter.name, stringData: {
            url: parameter.all.url, auth: parameter.all.auth, hash: parameter.all.hash, upper: parameter.all.upper, port: "\(parameter.all.number)"
            group: parameter.group, kept: "\(var.value.auth) \(var.value.password)"
        }}}
        fail: op.#Fail & {message: "used \(parameter.all.auth) \(strings.ToUpper(parameter.all.url)) \(parameter.all.url)"}
        parameter: {name: string, all: {...}, group: string}
---
apiVersion: core.oam.dev/v1alpha1
kind: WorkflowRun
metadata: {name: passed, namespace: default}
spec:
  workflowSpec:
    steps:
    - name: connect
      type: connect
      properties: {secret: db}
      outputs: [{name: all, valueFrom: all}, {name: hash, valueFrom: hash}, {name: open, valueFrom: all.open}]
    - name: config
      type: create-config
      properties: {name: settings, config: {mode: prod}}
      inputs: [{from: hash, parameterKey: config.token}]
    - name: group
      type: step-group
      outputs:
      - {name: joined, valueFrom: '"\(status.connect.output.all.url) \(status.read.output.settings.token)"'}
      - {name: wrapped, valueFrom: 'strings.ToUpper(status.read.output.settings.token)'}
      subSteps:
      - {name: read, type: read-config, properties: {name: settings}, outputs: [{name: settings, valueFrom: read.config}]}
      - {name: prod, type: print-message-in-status, if: read.output.settings.mode == "prod", properties: {message: "in production"}, dependsOn: [read]}
    - {name: approve, type: suspend}
    - name: use
      type: use
      properties: {name: result}
      inputs: [{from: all, parameterKey: all}, {from: joined, parameterKey: group}]
    - name: clash
      type: print-message-in-status
      if: always
      inputs: [{from: all, parameterKey: message}]
    - name: late
      type: print-message-in-status
      if: always
      inputs: [{from: all.auth, parameterKey: message}]
"#;

#[test]
fn what_is_made_of_a_secret_is_kept_as_a_reference() {
    let dir = Sandbox::new();
    dir.file("passed.yaml", &PASSED.replace("PASSWORD", FORMS[0]));
    // It stops at the suspension: what comes after is done by another process, from the record alone.
    let first = dir.run(&["run", "passed.yaml"]);
    let mut told = vec![first];
    let look = |told: &mut Vec<Ended>| {
        for args in [
            &["workflow", "logs", "passed"][..],
            &["workflow", "status", "passed", "-o", "yaml"],
            &["workflow", "debug", "passed", "--step", "connect"],
            &["workflow", "debug", "passed", "--step", "use"],
            &["workflow", "debug", "passed", "--step", "late"],
            &["get", "workflowrun", "passed", "-o", "json"],
            &["get", "configmaps", "-o", "yaml"],
            &["get", "events", "-o", "yaml"],
        ] {
            let ended = dir.run(args);
            assert_eq!(ended.status, 0, "{args:?}: {}{}", ended.stdout, ended.stderr);
            told.push(ended);
        }
    };
    look(&mut told);
    let status: serde_json::Value = serde_json::from_str(&told[6].stdout).unwrap();
    assert_eq!(status["status"]["status"], "suspending", "{}", told[0].shown());
    nowhere(&dir, &MADE, &told);
    // The secret changes while nobody drives the run: who takes it up gets the new one, and what is made of it.
    dir.file(
        "changed.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: default}\nstringData: {user: app, password: hidden-value-0042, port: '5432'}\n---\n\
         apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: other}\nspec: {workflowSpec: {steps: [{name: a, type: print-message-in-status, properties: {message: m}}]}}\n",
    );
    let changed = dir.run(&["run", "changed.yaml"]);
    assert_eq!(changed.status, 0, "{}", changed.shown());
    let ended = dir.run(&["workflow", "resume", "passed", "-o", "json"]);
    let want = "failed; connect succeeded; config succeeded; group succeeded; read succeeded; prod succeeded; approve succeeded; use failed Action; clash failed ProcessParameter; late succeeded";
    assert_eq!(line(&json(&ended)), want, "{}", ended.shown());
    let status = json(&ended);
    let messages: Vec<&str> =
        status["steps"].as_array().unwrap().iter().filter_map(|s| s["message"].as_str()).collect();
    let unfit = "parameter.message: a value that is made of secrets does not fit";
    assert_eq!(messages, ["***", "***", unfit, "***"], "{}", ended.shown());
    told.push(ended);
    look(&mut told);
    nowhere(&dir, &MADE, &told);
    let result = json(&dir.run(&["get", "secret", "result", "-o", "json"]));
    // In base64, as a Secret has it: all of it made of the new password, but for the hash in the config, which was written before.
    for (key, text, encoded) in [
        (
            "url",
            "db://app:hidden-value-0042@db:5432/app",
            "ZGI6Ly9hcHA6aGlkZGVuLXZhbHVlLTAwNDJAZGI6NTQzMi9hcHA=",
        ),
        ("auth", "YXBwOmhpZGRlbi12YWx1ZS0wMDQy", "WVhCd09taHBaR1JsYmkxMllXeDFaUzB3TURReQ=="),
        (
            "hash",
            "a19fcb0be6066530bc92611568cf752bcd5758ab32d56b8d353142ee7b0d7942",
            "YTE5ZmNiMGJlNjA2NjUzMGJjOTI2MTE1NjhjZjc1MmJjZDU3NThhYjMyZDU2YjhkMzUzMTQyZWU3YjBkNzk0Mg==",
        ),
        ("upper", "HIDDEN-VALUE-0042", "SElEREVOLVZBTFVFLTAwNDI="),
        ("port", "5432", "NTQzMg=="),
        (
            "group",
            "db://app:hidden-value-0042@db:5432/app 35ab5f688eacf29209a2ff68bbd8a55e18cd61dff956a13c8c70c1cc4d076859",
            "ZGI6Ly9hcHA6aGlkZGVuLXZhbHVlLTAwNDJAZGI6NTQzMi9hcHAgMzVhYjVmNjg4ZWFjZjI5MjA5YTJmZjY4YmJkOGE1NWUxOGNkNjFkZmY5NTZhMTNjOGM3MGMxY2M0ZDA3Njg1OQ==",
        ),
        (
            "kept",
            "YXBwOmhpZGRlbi12YWx1ZS0wMDQy hidden-value-0042",
            "WVhCd09taHBaR1JsYmkxMllXeDFaUzB3TURReSBoaWRkZW4tdmFsdWUtMDA0Mg==",
        ),
    ] {
        assert_eq!(result["data"][key], encoded, "{key} is to be {text}");
    }
}

/// Programs that complain with all that they were given: their arguments, what they read, and the files that they were pointed to.
const TALKATIVE: &str = "#!/bin/sh\necho \"cannot: $@\" >&2\nfor a in \"$@\"; do [ -f \"$a\" ] && cat \"$a\" >&2; [ -d \"$a\" ] && cat \"$a\"/* >&2; done\n[ -t 0 ] || head -c 4000 >&2\nexit 1\n";

/// What each step does with a secret, and fails.
const FAILING: &str = r#"
- {name: slack, type: notification, properties: {slack: {url: {secretRef: {name: hook, key: url}}, message: {text: none}}}, inputs: [{from: password, parameterKey: slack.message.text}]}
- {name: ding, type: notification, properties: {dingding: {url: {secretRef: {name: hook, key: url}}, message: {msgtype: text, text: {content: none}}}}, inputs: [{from: password, parameterKey: dingding.message.text.content}]}
- {name: mail, type: notification, properties: {email: {from: {address: a@example.com, password: {secretRef: {name: hook, key: password}}, host: 127.0.0.1, port: 1}, to: [b@example.com], content: {subject: s, body: none}}}, inputs: [{from: password, parameterKey: email.content.body}]}
- {name: address, type: notification, properties: {email: {from: {address: a@example.com, password: {secretRef: {name: hook, key: password}}, host: 127.0.0.1, port: 1}, to: [none], content: {subject: s, body: b}}}, inputs: [{from: password, parameterKey: 'email.to[0]'}]}
- {name: hook, type: webhook, properties: {url: {secretRef: {name: hook, key: url}}, data: {a: none}}, inputs: [{from: password, parameterKey: data.a}]}
- {name: request, type: request, properties: {url: none, header: {a: none}}, inputs: [{from: url, parameterKey: url}, {from: password, parameterKey: header.a}]}
- {name: scheme, type: request, properties: {url: none}, inputs: [{from: password, parameterKey: url}]}
- {name: header, type: request, properties: {url: 'http://127.0.0.1:1', header: {a: none}}, inputs: [{from: lines, parameterKey: header.a}]}
- {name: git, type: git-push, properties: {url: 'http://127.0.0.1:1/x.git', secretRef: {name: hook}, path: a}}
- {name: clone, type: git-push, properties: {url: none, path: a}, inputs: [{from: url, parameterKey: url}]}
- {name: chart, type: helm-template, properties: {chart: {source: web, repoURL: 'http://127.0.0.1:1', secretRef: {name: hook}}, valuesFrom: [{kind: Secret, name: hook}], values: {a: none}}, inputs: [{from: password, parameterKey: values.a}]}
- {name: custom, type: kustomize-patch, properties: {from: conf, kustomization: {commonAnnotations: {a: none}}}, inputs: [{from: password, parameterKey: kustomization.commonAnnotations.a}]}
- {name: metric, type: check-metrics, properties: {query: up, condition: '> 1', metricEndpoint: none}, inputs: [{from: url, parameterKey: metricEndpoint}]}
- {name: config, type: create-config, properties: {name: settings, template: none, config: {a: none}}, inputs: [{from: password, parameterKey: template}]}
- {name: object, type: apply-object, properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: none}}}, inputs: [{from: password, parameterKey: value.kind}]}
- {name: other, type: apply-component, properties: {component: none}, inputs: [{from: password, parameterKey: component}]}
- {name: date, type: dated, properties: {date: none}, inputs: [{from: password, parameterKey: date}]}
- {name: number, type: dated, properties: {date: "x", seconds: 1}, inputs: [{from: password, parameterKey: seconds}]}
"#;

/// A collector of spans that takes everything, and what it was sent.
fn collector() -> (String, std::sync::Arc<std::sync::Mutex<String>>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let sent = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let into = sent.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut text, mut buffer) = (stream.unwrap(), String::new(), [0; 8192]);
            while !text.ends_with("}]}]}]}") {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => text += &String::from_utf8_lossy(&buffer[..n]),
                    _ => break,
                }
            }
            into.lock().unwrap().push_str(&text);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (endpoint, sent)
}

#[test]
fn a_secret_is_in_nothing_that_a_delivery_keeps_tells_or_complains_of() {
    let dir = Sandbox::new();
    for program in ["helm", "kustomize"] {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.file(&format!("bin/{program}"), TALKATIVE);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (endpoint, spans) = collector();
    let path = format!("{}:{}", dir.path().join("bin").display(), std::env::var("PATH").unwrap());
    let run = |args: &[&str]| {
        let mut command = dir.command(args);
        command.env("PATH", &path).env("STEPWELL_LOG", "debug").env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
        Ended::of(command.output().unwrap())
    };
    let beside = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: hook}}\nstringData: {{username: u, password: {0}, url: 'http://u:{0}@127.0.0.1:1/{0}?token={0}', values.yaml: 'db: {{password: {0}}}', lines: \"{0}\\n{0}\"}}\n---\n",
        FORMS[0]
    ) + &crate::workflows::definition(
        "read",
        "import (\"vela/kube\", \"encoding/base64\")\nread: kube.#Read & {$params: value: {apiVersion: \"v1\", kind: \"Secret\", metadata: name: \"hook\"}}\nplain: {for k, v in read.$returns.value.data {(k): \"\\(base64.Decode(null, v))\"}}\nparameter: {}",
    ) + &crate::workflows::definition(
        "dated",
        "import \"vela/time\"\nd: time.#DateToTimestamp & {$params: date: parameter.date}\nparameter: {date: string, seconds?: int}",
    );
    let outputs: String =
        ["password", "url", "lines"].map(|n| format!("{{name: {n}, valueFrom: plain.{n}}}, ")).concat();
    let app = |number: usize, rest: &str| {
        format!(
            "{beside}apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: shy}}\nspec:\n  components: [{{name: conf, type: k8s-objects, properties: {{objects: [{{apiVersion: v1, kind: ConfigMap, metadata: {{name: conf}}, data: {{number: '{number}'}}}}]}}}}]\n  workflow:\n    steps:\n    - {{name: read, type: read, outputs: [{outputs}]}}\n    - {{name: conf, type: apply-component, properties: {{component: conf}}}}\n{rest}"
        )
    };
    let kept = "    - {name: keep, type: apply-object, properties: {value: {apiVersion: v1, kind: Secret, metadata: {name: kept}, stringData: {p: none}}}, inputs: [{from: password, parameterKey: value.stringData.p}]}\n";
    let mut told = Vec::new();
    for number in [1, 2] {
        dir.file("app.yaml", &app(number, kept));
        let ended = run(&["run", "app.yaml"]);
        assert_eq!(ended.status, 0, "{}", ended.shown());
        told.push(ended);
    }
    let back = run(&["rollback", "shy"]);
    assert_eq!(back.status, 0, "{}", back.shown());
    told.push(back);
    let secret = json(&dir.run(&["get", "secret", "kept", "-o", "json"]));
    assert!(secret["data"]["p"].as_str().unwrap().starts_with(FORMS[1]), "{secret}");
    let failing: String = FAILING
        .trim()
        .lines()
        .map(|s| {
            format!(
                "    {}\n",
                s.replacen(", type:", ", if: always, retry: {limit: 0}, timeout: 20s, type:", 1)
            )
        })
        .collect();
    dir.file("app.yaml", &app(3, &failing));
    let ended = run(&["run", "app.yaml"]);
    assert_eq!(ended.status, 1, "{}", ended.shown());
    told.push(ended);
    let status = run(&["workflow", "status", "shy", "-o", "json"]);
    let messages = crate::workflows::messages(&json(&status));
    let status_now: Value = json(&status);
    let good: Vec<&Value> =
        status_now["steps"].as_array().unwrap().iter().skip(2).filter(|s| s["phase"] != "failed").collect();
    assert!(good.is_empty(), "{good:?}");
    told.push(status);
    for args in [
        &["workflow", "logs", "shy"][..],
        &["workflow", "debug", "shy", "--step", "slack"],
        &["workflow", "debug", "shy", "--step", "chart"],
        &["revision", "list", "shy"],
        &["revision", "show", "shy", "1", "-o", "yaml"],
        &["revision", "diff", "shy", "1", "2"],
        &["status", "shy"],
        &["get", "application", "shy", "-o", "yaml"],
        &["get", "apprev", "-o", "yaml"],
        &["get", "resourcetrackers", "-o", "yaml"],
        &["get", "configmaps", "-o", "yaml"],
        &["get", "events", "-o", "yaml"],
    ] {
        let ended = run(args);
        assert_eq!(ended.status, 0, "{args:?}: {}", ended.shown());
        told.push(ended);
    }
    let sent = spans.lock().unwrap().clone();
    assert!(sent.contains("\"name\":\"op\""), "{sent}");
    told.push(Ended { status: 0, stdout: sent, stderr: String::new() });
    nowhere(&dir, &FORMS, &told);
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true, filters => vec![(r"/tmp/[-.\w]+", "[dir]"), (r"127\.0\.0\.1:\d+", "[server]")]}, {
        insta::assert_snapshot!("secrets-failing", messages[2..].join("\n"));
    });
}
