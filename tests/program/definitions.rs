//! The commands on definitions and on Applications that touch no cluster, and definitions that come from one.

use crate::sandbox::{Sandbox, check};
use crate::workflows::json;
use std::path::PathBuf;

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn render_a_component() {
    let sandbox = Sandbox::new();
    let webservice = file("defs/component/webservice.cue");
    check!("render-webservice", sandbox.run(&["def", "render", &webservice, "--set", "image=nginx"]));
    let by_name = sandbox.run(&["def", "render", "webservice", "--set", "image=nginx"]);
    assert_eq!(by_name.stdout, sandbox.run(&["def", "render", &webservice, "--set", "image=nginx"]).stdout);
}

#[test]
fn render_a_trait() {
    check!("render-scaler", Sandbox::new().run(&["def", "render", "scaler", "--set", "replicas=3"]));
}

#[test]
fn parameters_by_their_other_names() {
    let sandbox = Sandbox::new();
    let by = |set: &[&str]| {
        let set = set.iter().flat_map(|s| ["--set", s]);
        let args: Vec<&str> = ["def", "render", "webservice"].into_iter().chain(set).collect();
        sandbox.run(&args)
    };
    let (short, long) = (by(&["i=nginx", "command[0]=run"]), by(&["image=nginx", "cmd[0]=run"]));
    assert_eq!((short.status, &short.stdout), (0, &long.stdout), "{}", short.shown());
    assert!(long.stdout.contains("- run"), "{}", long.shown());
}

#[test]
fn render_with_mistakes() {
    let sandbox = Sandbox::new();
    check!("render-missing", sandbox.run(&["def", "render", "webservice"]));
    check!("render-unknown", sandbox.run(&["def", "render", "webservise"]));
    check!("render-set", sandbox.run(&["def", "render", "webservice", "--set", "image"]));
    check!("render-step", sandbox.run(&["def", "render", "suspend"]));
}

#[test]
fn show_and_list() {
    let sandbox = Sandbox::new();
    check!("def-show", sandbox.run(&["def", "show", "scaler"]));
    check!("def-show-nested", sandbox.run(&["def", "show", "env"]));
    check!("def-show-unknown", sandbox.run(&["def", "show", "scalar"]));
    let list = sandbox.run(&["def", "list"]);
    assert!(!list.stdout.contains("has mistakes"), "{}", list.stdout);
    assert!(list.stdout.contains("webservice") && list.stdout.contains("apply-component"), "{}", list.stdout);
    let source = sandbox.run(&["def", "show", "scaler", "--source"]).stdout;
    assert_eq!(source, std::fs::read_to_string(file("defs/trait/scaler.cue")).unwrap());
}

#[test]
fn every_builtin_definition_is_right() {
    let ended = Sandbox::new().run(&["def", "vet", &file("defs")]);
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{}", ended.shown());
}

#[test]
fn a_users_definition_takes_the_place_of_a_builtin() {
    let sandbox = Sandbox::new();
    let mine = "webservice: {\n\ttype:        \"component\"\n\tdescription: \"Mine\"\n}\ntemplate: {\n\toutput: {\n\t\tapiVersion: \"v1\"\n\t\tkind:       \"ConfigMap\"\n\t\tdata: image: parameter.image\n\t}\n\tparameter: image: string\n}\n";
    sandbox.file("defs/mine.cue", mine);
    let args = ["def", "render", "webservice", "--set", "image=nginx", "--defs", "defs", "-o", "json"];
    check!("render-own", sandbox.run(&args));
}

#[test]
fn dry_run_of_the_example() {
    check!("dry-run", Sandbox::new().run(&["dry-run", "-f", &file("examples/first/app.yaml")]));
}

/// A component type, and a trait type for it.
const LAMP: &str = r#"
apiVersion: core.oam.dev/v1beta1
kind: ComponentDefinition
metadata: {name: lamp}
spec:
  workload: {definition: {apiVersion: v1, kind: ConfigMap}}
  schematic:
    cue:
      template: |
        output: {apiVersion: "v1", kind: "ConfigMap", metadata: name: context.name, data: {color: parameter.color, version: "1"}}
        parameter: color: string
---
apiVersion: core.oam.dev/v1beta1
kind: TraitDefinition
metadata: {name: shade}
spec:
  schematic:
    cue:
      template: |
        patch: data: shade: parameter.of
        parameter: of: string
---
"#;

fn lamp(name: &str, kind: &str, workflow: &str) -> String {
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: {name}}}\nspec:\n  components: [{{name: {name}, type: {kind}, properties: {{color: red}}, traits: [{{type: shade, properties: {{of: paper}}}}]}}]\n{workflow}"
    )
}

#[test]
fn definitions_beside_an_application_and_on_the_cluster_are_in_force() {
    let sandbox = Sandbox::new();
    sandbox.file("alone.yaml", &lamp("alone", "lamp", ""));
    check!("types-nowhere", sandbox.run(&["run", "alone.yaml"]));
    let all = LAMP.to_owned() + &lamp("light", "lamp", "");
    let dry = sandbox.run_with_input(&["dry-run", "-f", "-"], &all);
    assert!(dry.status == 0 && dry.stdout.contains("shade: paper"), "{}", dry.shown());
    let ended = sandbox.run_with_input(&["run", "-"], &all);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    // From now on they are the cluster's.
    let ended = sandbox.run(&["run", "alone.yaml"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    let data = |name: &str| json(&sandbox.run(&["get", "configmap", name, "-o", "json"]))["data"].clone();
    let want = serde_json::json!({"color": "red", "shade": "paper", "version": "1"});
    assert_eq!((data("light"), data("alone")), (want.clone(), want));
    let shown = json(&sandbox.run(&["revision", "show", "alone", "-o", "json"]));
    assert!(shown["definitions"].to_string().contains("lamp"), "{shown:#}");
    sandbox.file("wrong.yaml", &lamp("wrong", "lampe", ""));
    check!("types-nearly", sandbox.run(&["run", "wrong.yaml"]));
    // The way back to a revision that used them says nothing of them, though what is delivered now does not name them.
    let other = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: alone}\nspec: {components: [{name: web, type: worker, properties: {image: 'w:1'}}]}\n";
    sandbox.file("other.yaml", other);
    assert_eq!(sandbox.run(&["run", "other.yaml"]).status, 0);
    let back = sandbox.run(&["rollback", "alone", "--to", "1"]);
    let said = "alone-v1 is restored: 1 object applied, 1 object deleted (Deployment default/web)\n";
    assert!(back.status == 0 && back.stdout.contains(said), "{}", back.shown());
    // What is wrong with what the cluster has is told where it stands there.
    sandbox.file("wrong.yaml", &lamp("wrong", "lamp", "").replace("color: red", "colour: red"));
    check!("types-parameter", sandbox.run(&["run", "wrong.yaml"]));
}

#[test]
fn a_run_keeps_the_types_of_components_that_it_began_with() {
    let sandbox = Sandbox::new();
    let steps = "  workflow: {steps: [{name: wait, type: suspend}, {name: light, type: apply-component, properties: {component: light}}]}\n";
    let all = LAMP.to_owned() + &lamp("light", "lamp", steps);
    let ended = sandbox.run_with_input(&["run", "-"], &all);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    let changed = LAMP.replace("version: \"1\"", "version: \"2\"") + &lamp("other", "lamp", "");
    let ended = sandbox.run_with_input(&["run", "-"], &changed);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    let ended = sandbox.run(&["workflow", "resume", "light"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    let version =
        |name: &str| json(&sandbox.run(&["get", "configmap", name, "-o", "json"]))["data"]["version"].clone();
    assert_eq!((version("light"), version("other")), ("1".into(), "2".into()));
    let events = sandbox.run(&["get", "events", "-o", "yaml"]).stdout;
    assert!(events.contains("the component type `lamp` has changed since the run began"), "{events}");
    // A run that begins anew takes what there is now.
    assert_eq!(sandbox.run_with_input(&["run", "-", "--approve"], &lamp("light", "lamp", steps)).status, 0);
    assert_eq!(version("light"), "2");
}
