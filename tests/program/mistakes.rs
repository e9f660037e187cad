//! Wrong input: every message, with its exit status. Nothing of it reaches a cluster.

use crate::sandbox::{Sandbox, check};

/// An Application with these lines as its spec.
fn app(spec: &str) -> String {
    format!("apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: bad\nspec:\n{spec}")
}

const WEB: &str = "  components:
    - name: web
      type: webservice
      properties:
        image: nginx
";

/// Runs `run` on a file and looks that nothing is left behind.
fn run(text: &str) -> crate::sandbox::Ended {
    let sandbox = Sandbox::new();
    sandbox.file("app.yaml", text);
    let ended = sandbox.run(&["run", "app.yaml"]);
    assert_eq!(ended.status, 1, "{}", ended.shown());
    assert!(!sandbox.path().join("state").exists(), "a cluster was made for a mistake");
    ended
}

#[test]
fn yaml_that_does_not_parse() {
    check!("mistake-yaml", run(&app("  components: [\n    - name: web\n")));
    check!("mistake-empty", run(""));
    check!("mistake-kind", run("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"));
}

#[test]
fn an_unknown_component_type() {
    check!("mistake-component", run(&app(&WEB.replace("webservice", "webservise"))));
}

#[test]
fn an_unknown_trait_type() {
    check!("mistake-trait", run(&app(&format!("{WEB}      traits:\n        - type: scalar\n"))));
}

#[test]
fn a_missing_required_parameter() {
    check!("mistake-missing", run(&app(&WEB.replace("image: nginx", "cpu: \"1\""))));
}

#[test]
fn a_parameter_of_the_wrong_type() {
    check!("mistake-type", run(&app(&WEB.replace("image: nginx", "image: 7"))));
}

#[test]
fn an_unknown_step_type() {
    let workflow =
        "  workflow:\n    steps:\n      - {name: one, type: aply-component, properties: {component: web}}\n";
    check!("mistake-step", run(&app(&format!("{WEB}{workflow}"))));
}

#[test]
fn a_cycle_in_depends_on() {
    let workflow = "  workflow:
    mode: {steps: DAG}
    steps:
      - {name: one, type: suspend, dependsOn: [two]}
      - {name: two, type: suspend, dependsOn: [one]}
";
    check!("mistake-cycle", run(&app(&format!("{WEB}{workflow}"))));
}

#[test]
fn a_definition_with_a_syntax_error() {
    let sandbox = Sandbox::new();
    let text =
        "\"mine\": {\n\ttype: \"component\"\n}\ntemplate: {\n\toutput: {\n\tparameter: image: string\n}\n";
    sandbox.file("defs/mine.cue", text);
    sandbox.file("app.yaml", &app(&WEB.replace("webservice", "mine")));
    check!("mistake-definition", sandbox.run(&["def", "vet", "defs/mine.cue"]));
    check!(
        "mistake-definition-json",
        sandbox.run(&["def", "vet", "defs/mine.cue", "--error-format", "json"])
    );
    check!("mistake-definition-run", sandbox.run(&["run", "app.yaml", "--defs", "defs"]));
}

#[test]
fn a_cluster_that_cannot_be_reached() {
    let sandbox = Sandbox::new();
    sandbox.file("app.yaml", &app(WEB));
    // Port 1 of this machine: nobody listens there.
    let kubeconfig = "apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: \"http://127.0.0.1:1\"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
";
    sandbox.file("kubeconfig", kubeconfig);
    let start = std::time::Instant::now();
    check!("mistake-unreachable", sandbox.run(&["run", "app.yaml", "--kubeconfig", "kubeconfig"]));
    assert!(start.elapsed().as_secs() < 15);
    check!("mistake-kubeconfig", sandbox.run(&["get", "all", "--kubeconfig", "none"]));
    sandbox.file("damaged", "clusters: [");
    assert_eq!(sandbox.run(&["get", "all", "--kubeconfig", "damaged"]).status, 1);
}

#[test]
fn a_state_directory_that_cannot_be_used() {
    let sandbox = Sandbox::new();
    sandbox.file("taken", "a file");
    check!("mistake-state", sandbox.run(&["get", "all", "--state", "taken/below"]));
}
