//! Steps that render charts and kustomizations with the real `helm` and `kustomize`: those that `cargo xtask tools` has built, or those on PATH. Where there
//! are none, the tests say so and pass.

use crate::sandbox::{Ended, Sandbox};
use std::process::{Command, Stdio};

/// PATH with the programs of `cargo xtask tools` before all others; `None` where this one is nowhere.
#[allow(clippy::print_stderr, reason = "what is skipped is told")]
fn path_with(program: &str) -> Option<String> {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools");
    let path = format!("{tools}:{}", std::env::var("PATH").unwrap_or_default());
    let there = path.split(':').any(|dir| std::path::Path::new(dir).join(program).is_file());
    if !there {
        eprintln!("skipped: there is no {program}; `cargo xtask tools` builds it");
    }
    there.then_some(path)
}

fn run(dir: &Sandbox, path: &str, args: &[&str]) -> Ended {
    let mut command: Command = dir.command(args);
    let child = command.env("PATH", path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Ended::of(child.wait_with_output().unwrap())
}

fn chart(dir: &Sandbox) {
    dir.file("chart/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 1.2.3\n");
    dir.file("chart/values.yaml", "image: redis:7\nreplicas: 1\n");
    dir.file(
        "chart/templates/deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}-cache}\nspec:\n  replicas: {{ .Values.replicas }}\n  \
         selector: {matchLabels: {app: cache}}\n  template:\n    metadata: {labels: {app: cache}}\n    spec: {containers: [{name: c, image: {{ .Values.image }}}]}\n",
    );
    dir.file(
        "chart/templates/service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: {{ .Release.Name }}-cache}\nspec: {selector: {app: cache}, ports: [{port: 6379}]}\n",
    );
}

fn app(steps: &str) -> String {
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n  components:\n  \
         - {{name: web, type: webservice, properties: {{image: 'web:1'}}}}\n  workflow:\n    steps:\n{steps}"
    )
}

#[test]
fn a_chart_is_rendered_written_back_and_delivered_once() {
    let Some(path) = path_with("helm") else { return };
    let dir = Sandbox::new();
    chart(&dir);
    let steps = "    - {name: render, type: helm-template, properties: {chart: {source: ./chart}, values: {replicas: 2}, component: cache}}\n    \
         - {name: cache, type: apply-component, properties: {component: cache}}\n";
    dir.file("app.yaml", &app(steps));
    let ran = run(&dir, &path, &["run", "app.yaml"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("render: succeeded") && ran.stdout.contains(": 2 objects"), "{}", ran.stdout);
    let deployments = dir.run(&["get", "deployments"]).stdout;
    assert!(deployments.contains("shop-cache  2/2"), "{deployments}");
    let spec = || {
        let json = dir.run(&["get", "application", "shop", "-o", "json"]).stdout;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        (json["spec"].clone(), json["metadata"]["generation"].clone())
    };
    let (first, generation) = spec();
    assert_eq!(first["components"][1]["name"], "cache");
    let kinds: Vec<_> = first["components"][1]["properties"]["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["Service", "Deployment"]);
    // The second pass finds no difference and writes nothing.
    let again = run(&dir, &path, &["workflow", "restart", "shop"]);
    assert_eq!(again.status, 0, "{}{}", again.stdout, again.stderr);
    assert_eq!(spec(), (first, generation));
}

#[test]
fn a_chart_that_differs_each_time_does_not_run_for_ever() {
    let Some(path) = path_with("helm") else { return };
    let dir = Sandbox::new();
    chart(&dir);
    dir.file(
        "chart/templates/random.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: r}\ndata: {r: {{ randAlphaNum 8 }}}\n",
    );
    dir.file("app.yaml", &app("    - {name: render, type: helm-template, properties: {chart: {source: ./chart}, component: cache}}\n"));
    let ran = run(&dir, &path, &["run", "app.yaml"]);
    let told = "the component `cache` comes out different each time";
    assert!(ran.status == 1 && ran.stderr.contains(told), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn what_helm_complains_of_is_told() {
    let Some(path) = path_with("helm") else { return };
    let dir = Sandbox::new();
    chart(&dir);
    dir.file("chart/templates/wrong.yaml", "a: {{ .Values.nothing.more }}\n");
    dir.file(
        "app.yaml",
        &app("    - {name: render, type: helm-template, properties: {chart: {source: ./chart}}}\n"),
    );
    let ran = run(&dir, &path, &["run", "app.yaml"]);
    let told = "`helm` has failed: Error: ";
    assert!(
        ran.status == 1 && ran.stderr.contains(told) && ran.stderr.contains("wrong.yaml:1"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let none = run(&dir, "/nowhere", &["run", "app.yaml"]);
    let told = "there is no program `helm` on the PATH of this machine";
    assert!(none.status == 1 && none.stderr.contains(told), "{}{}", none.stdout, none.stderr);
}

#[test]
fn a_kustomization_changes_what_is_rendered_and_hands_it_on() {
    let Some(path) = path_with("kustomize") else { return };
    let dir = Sandbox::new();
    let kustomization = "{namePrefix: eu-, images: [{name: web, newTag: '2'}], labels: [{pairs: {region: eu}}], \
         patches: [{target: {kind: Deployment}, patch: '[{\"op\": \"add\", \"path\": \"/spec/replicas\", \"value\": 3}]'}]}";
    let steps = format!(
        "    - {{name: patch, type: kustomize-patch, properties: {{from: web, kustomization: {kustomization}}}, outputs: [{{name: all, valueFrom: output.objects}}]}}\n    \
         - {{name: put, type: apply-object, inputs: [{{from: all, parameterKey: objects}}], properties: {{value: {{apiVersion: v1, kind: ConfigMap, metadata: {{name: done}}}}}}}}\n"
    );
    dir.file("app.yaml", &app(&steps));
    let ran = run(&dir, &path, &["run", "app.yaml"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let log = dir.run(&["workflow", "logs", "shop", "--step", "patch"]);
    let log = log.stdout + &log.stderr;
    assert!(log.contains("eu-web") && log.contains("web:2"), "{log}");
    let refused = steps.replace("{namePrefix: eu-,", "{resources: ['https://example.com/x'],");
    dir.file("bad.yaml", &app(&refused));
    let ran = run(&dir, &path, &["run", "bad.yaml"]);
    let told = "the kustomization has `resources`, which names files or places elsewhere";
    assert!(ran.status == 1 && ran.stderr.contains(told), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn the_examples_come_to_their_end() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    for (program, example, wanted) in
        [("helm", "helm-template", "shop-cache  2/2"), ("kustomize", "kustomize-patch", "eu-web  2/2")]
    {
        let Some(path) = path_with(program) else { continue };
        let dir = Sandbox::new();
        let file = format!("examples/definitions/workflowstep/{example}.yaml");
        let mut command: Command = dir.command(&["run", &file]);
        let command =
            command.current_dir(root).env("PATH", path).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ran = Ended::of(command.spawn().unwrap().wait_with_output().unwrap());
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let deployments = dir.run(&["get", "deployments"]).stdout;
        assert!(deployments.contains(wanted), "{deployments}");
    }
}
