//! What steps pass on: typed, by expression, from inside of groups to the outside and in, through a suspension and another process; what does not fit; and
//! secrets through every kind of expression.

use crate::sandbox::{Ended, Sandbox};
use crate::secrets::nowhere;
use crate::workflows::{definition, json, line, messages};
use serde_json::Value;

/// A step type that says what it was given, if it is of these types.
const TYPED: &str = r#"
import ("vela/builtin", "encoding/json")
say: builtin.#Message & {$params: message: json.Marshal(parameter)}
out: {n: 3, half: 0.5, sure: true, nothing: null, list: [1, "two", [3]], deep: {a: {}, b: []}, bytes: 'ab'}
parameter: {
  n?: int, half?: float, sure?: bool, nothing?: null, list?: [int, string, [...int]], deep?: {a: {...}, b: [...]}
  bytes?: string, sum?: int, name?: string, all?: [...string]
}
"#;

const RUN: &str = r#"
apiVersion: core.oam.dev/v1alpha1
kind: WorkflowRun
metadata: {name: typed}
spec:
  workflowSpec:
    steps:
    - name: first
      type: typed
      outputs: [{name: start, valueFrom: out.n}]
    - name: group
      type: step-group
      inputs: [{from: start}]
      outputs:
      - {name: sum, valueFrom: 'make.output.number + first.output.start + inputs.start'}
      - {name: all, valueFrom: '[for n, s in status if s.succeeded {n}]'}
      subSteps:
      - name: make
        type: typed
        inputs: [{from: start, parameterKey: n}]
        outputs: [{name: whole, valueFrom: out}, {name: number, valueFrom: 'out.n + parameter.n'}, {name: text, valueFrom: '"<\(out.n)>"'}]
      - name: beside
        type: typed
        inputs: [{from: whole.list, parameterKey: list}, {from: 'whole.list[1]', parameterKey: name}]
    - {name: look, type: suspend}
    - name: after
      type: typed
      inputs:
      - {from: whole.n, parameterKey: n}
      - {from: whole.half, parameterKey: half}
      - {from: whole.sure, parameterKey: sure}
      - {from: whole.nothing, parameterKey: nothing}
      - {from: whole.list, parameterKey: list}
      - {from: whole.deep, parameterKey: deep}
      - {from: whole.bytes, parameterKey: bytes}
      - {from: sum, parameterKey: sum}
      - {from: text, parameterKey: name}
      - {from: all, parameterKey: all}
    - {name: unfit, type: typed, if: always, inputs: [{from: text, parameterKey: n}]}
    - {name: missing, type: typed, if: always, inputs: [{from: whole.lst, parameterKey: list}]}
"#;

#[test]
fn data_keeps_its_types_through_groups_and_processes() {
    let sandbox = Sandbox::new();
    sandbox.file("run.yaml", &(definition("typed", TYPED) + RUN));
    let ended = sandbox.run(&["run", "run.yaml", "-o", "json"]);
    let status = json(&ended);
    assert_eq!(status["status"], "suspending", "{}", ended.shown());
    let beside = &status["steps"][1]["subSteps"][1];
    assert_eq!(beside["message"], r#"{"list":[1,"two",[3]],"name":"two"}"#, "{}", ended.shown());
    let told = |ended: &Ended| -> Vec<Value> {
        let of = |m: &String| m.strip_prefix("after: ").map(|text| serde_json::from_str(text).unwrap());
        messages(&json(ended)).iter().filter_map(of).collect()
    };
    // Another process has no more than the record.
    let ended = sandbox.run(&["workflow", "resume", "typed", "-o", "json"]);
    let mut after = told(&ended).remove(0);
    let all = after["all"].take();
    let want = serde_json::json!({"n": 3, "half": 0.5, "sure": true, "nothing": null, "list": [1, "two", [3]], "deep": {"a": {}, "b": []},
        "bytes": "YWI=", "sum": 12, "name": "<3>", "all": null});
    assert_eq!(after, want, "{}", ended.shown());
    assert_eq!(all, serde_json::json!(["first", "make", "beside"]), "{}", ended.shown());
    let unfit = messages(&json(&ended)).split_off(4);
    assert_eq!(
        unfit,
        [
            "unfit: parameter.n: conflicting values int and \"<3>\" (mismatched types int and string)",
            "missing: input `whole.lst`: `whole` has no `lst`; did you mean `list`?"
        ]
    );
    // From a step in the middle, what was put out before it is there still.
    let again = sandbox.run(&["workflow", "restart", "typed", "--step", "after", "-o", "json"]);
    assert_eq!(told(&again).remove(0)["sum"], 12, "{}", again.shown());
}

/// Ways in which a value can be made of others. `plain` is what a Secret holds, `items` a list of it.
const FORMS: [(&str, &str); 18] = [
    ("interpolated", r#""<\(plain.password)>""#),
    ("index", "items[1]"),
    ("fallback", r#"*plain.password | "none""#),
    ("chosen", r#"[if plain.user == "app" {plain.password}, "other"][0]"#),
    ("comprehension", "[for k, v in plain {name: k, value: v}]"),
    ("let", "{for k in [\"password\"] let v = plain[k] {(k): v}}"),
    ("added", r#"plain.user + ":" + plain.password"#),
    ("joined", r#"strings.Join(items, "-")"#),
    ("split", r#"strings.Split("a:\(plain.password):b", ":")"#),
    ("upper", "strings.ToUpper(plain.password)"),
    ("repeated", "strings.Repeat(plain.password, 2)"),
    ("marshalled", "json.Marshal({p: plain.password})"),
    ("unmarshalled", "json.Unmarshal(json.Marshal({p: plain.password})).p"),
    ("encoded", "base64.Encode(null, plain.password)"),
    ("sorted", "list.Sort(items, list.Descending)"),
    ("nested", "{a: b: [{c: plain.password}]}"),
    ("keyed", "{(plain.password): true}"),
    ("bytes", r#"'\(plain.password)'"#),
];

/// The secret as it is, in base64, in capitals, and in base64 as it stands in the middle of other texts.
const HIDDEN: [&str; 4] =
    ["hidden-value-4711", "aGlkZGVuLXZhbHVlLTQ3MTE", "HIDDEN-VALUE-4711", "OmhpZGRlbi12YWx1ZS00NzEx"];

#[test]
fn secrets_stay_marked_through_every_kind_of_expression() {
    let sandbox = Sandbox::new();
    let all: String = FORMS.iter().map(|(name, form)| format!("  \"{name}\": {form}\n")).collect();
    let make = definition(
        "make",
        &format!(
            r#"
import ("vela/kube", "encoding/base64", "encoding/json", "strings", "list")
read: kube.#Read & {{$params: value: {{apiVersion: "v1", kind: "Secret", metadata: name: "db"}}}}
plain: {{for k, v in read.$returns.value.data {{(k): "\(base64.Decode(null, v))"}}}}
items: [for k in ["user", "password"] {{plain[k]}}]
all: {{
{all}  open: "seen by all"
}}
parameter: {{}}"#
        ),
    );
    let keep = definition(
        "keep",
        r#"
import ("vela/kube", "encoding/json")
apply: kube.#Apply & {$params: value: {apiVersion: "v1", kind: "Secret", metadata: name: "result", stringData: {all: json.Marshal(parameter.all), group: json.Marshal(parameter.group)}}}
parameter: {all: {...}, group: {...}}"#,
    );
    let named = |from: &str| -> String {
        let one = |(name, _): &(&str, &str)| format!("{{name: {name}, valueFrom: '{from}[\"{name}\"]'}}, ");
        FORMS.iter().map(one).collect()
    };
    let of_group: String =
        FORMS.iter().map(|(name, _)| format!("\"{name}\": make.output[\"{name}\"], ")).collect();
    let told: String = FORMS
        .iter()
        .map(|(name, _)| {
            format!("    - {{name: tell-{name}, type: print-message-in-status, if: always, inputs: [{{from: '{name}', parameterKey: message}}]}}\n")
        })
        .collect();
    let steps = format!(
        "    - name: group\n      type: step-group\n      outputs: [{{name: grouped, valueFrom: '{{{of_group}}}'}}]\n      subSteps:\n      \
         - {{name: make, type: make, outputs: [{}{{name: all, valueFrom: all}}]}}\n    \
         - {{name: look, type: suspend}}\n    \
         - {{name: keep, type: keep, inputs: [{{from: all, parameterKey: all}}, {{from: grouped, parameterKey: group}}]}}\n{told}",
        named("all")
    );
    sandbox.file(
        "run.yaml",
        &format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\nstringData: {{user: app, password: {}}}\n---\n{make}{keep}apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {{name: forms}}\nspec:\n  workflowSpec:\n    steps:\n{steps}",
            HIDDEN[0]
        ),
    );
    let mut told = vec![sandbox.run(&["run", "run.yaml"])];
    let ended = sandbox.run(&["workflow", "resume", "forms", "-o", "json"]);
    let status = json(&ended);
    assert!(
        line(&status).contains("group succeeded; make succeeded; look succeeded; keep succeeded"),
        "{}",
        ended.shown()
    );
    told.push(ended);
    for args in [
        &["workflow", "logs", "forms"][..],
        &["workflow", "debug", "forms", "--step", "make"],
        &["workflow", "debug", "forms", "--step", "keep"],
        &["workflow", "debug", "forms", "--step", "tell-added"],
        &["get", "configmaps", "-o", "yaml"],
        &["get", "workflowrun", "forms", "-o", "yaml"],
        &["get", "events", "-o", "yaml"],
    ] {
        let ended = sandbox.run(args);
        assert_eq!(ended.status, 0, "{args:?}: {}", ended.shown());
        told.push(ended);
    }
    nowhere(&sandbox, &HIDDEN, &told);
    // What was made of it is there where it was put, in every form, whichever way it went.
    let result = json(&sandbox.run(&["get", "secret", "result", "-o", "json"]));
    let decoded = |key: &str| -> Value {
        let text = format!(
            "import \"encoding/base64\"\ntext: \"\\(base64.Decode(null, {}))\"\n",
            result["data"][key]
        );
        sandbox.file("decode.cue", &text);
        let text = json(&sandbox.run(&["export", "decode.cue"]))["text"].as_str().unwrap().to_owned();
        serde_json::from_str(&text).unwrap()
    };
    let (all, group) = (decoded("all"), decoded("group"));
    for (name, _) in FORMS {
        assert_eq!(all[name], group[name], "{name}");
        let text = all[name].to_string();
        assert!(HIDDEN.iter().any(|h| text.contains(h)), "{name}: {text}");
    }
}
