//! The commands on definitions and on Applications that touch no cluster.

use crate::sandbox::{Sandbox, check};
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
