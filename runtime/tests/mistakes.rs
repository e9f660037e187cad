//! What users are told of their mistakes: the message, the path, the place, what is allowed, the nearest name; and all of them at once.
#![allow(clippy::unwrap_used, reason = "tests")]

use stepwell_runtime::definitions::{Library, vet};
use stepwell_runtime::model::application::Application;
use stepwell_runtime::problem::Problems;
use stepwell_runtime::render::{self, RenderOptions, Rendered};

fn with(library: &Library, spec: &str) -> Result<Rendered, Problems> {
    let text = format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: market}}\nspec:\n{spec}"
    );
    let app = Application::from_text("app.yaml", &text)?;
    render::application(library, &app, &RenderOptions::default())
}

fn mistakes(spec: &str) -> String {
    shown(&with(&Library::builtin(), spec).unwrap_err())
}

/// As the command line has it: code, message, hint, and every place.
fn shown(problems: &Problems) -> String {
    let line = |p: &stepwell_runtime::problem::Problem| {
        let places: Vec<String> =
            problems.positions(p).iter().map(|at| format!("{}:{}:{}", at.file, at.line, at.column)).collect();
        format!("[{}] {p}\n    {}", p.code, places.join(" "))
    };
    problems.list.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn text_that_is_not_yaml() {
    insta::assert_snapshot!(mistakes("  components: [{name: web, type: webservice\n  policies: []\n"));
}

#[test]
fn types_that_are_not_there() {
    insta::assert_snapshot!(mistakes(
        "  components:\n  - {name: web, type: webservise, traits: [{type: scalar}, {type: webservice}]}\n  policies: [{name: p, type: heath, properties: {}}]\n  workflow:\n    steps:\n    - {name: s, type: aply-component}\n"
    ));
}

#[test]
fn parameters_that_are_missing() {
    insta::assert_snapshot!(mistakes(
        "  components:\n  - name: web\n    type: webservice\n    properties:\n      env: [{value: x}]\n  - name: job\n    type: cron-task\n    properties: {image: x}\n  - name: side\n    type: worker\n    properties: {image: x}\n    traits: [{type: sidecar, properties: {name: proxy}}]\n"
    ));
}

#[test]
fn parameters_of_the_wrong_type() {
    insta::assert_snapshot!(mistakes(
        "  components:\n  - name: web\n    type: webservice\n    properties:\n      image: 5\n      ports:\n      - {port: \"80\", protocol: HTTP}\n      livenessProbe: {exec: {command: [x]}, periodSecond: 3}\n    traits:\n    - {type: scaler, properties: {replicas: many}}\n    - {type: hpa, properties: {cpu: {type: Percent}}}\n"
    ));
}

#[test]
fn a_parameter_that_is_probably_misspelt_is_a_warning() {
    let rendered = with(&Library::builtin(), "  components:\n  - name: web\n    type: webservice\n    properties: {image: x, exposetype: NodePort}\n").unwrap();
    let warnings: Vec<String> = rendered.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn a_name_that_yaml_reads_as_a_boolean_is_told() {
    let text = "shop: {type: \"component\"}\ntemplate: {\n\toutput: {kind: \"A\", spec: parameter}\n\tparameter: n: int\n}\n";
    let library = Library::builtin().with_text("shop.cue", text).unwrap();
    let problems =
        with(&library, "  components:\n  - {name: web, type: shop, properties: {n: 1}}\n").unwrap_err();
    insta::assert_snapshot!(shown(&problems));
}

#[test]
fn patches_that_do_not_fit() {
    insta::assert_snapshot!(mistakes(
        "  components:\n  - name: web\n    type: webservice\n    properties: {image: x}\n    traits:\n    - {type: sidecar, properties: {name: web, image: other}}\n    - {type: scaler, properties: {replicas: no}}\n  - name: other\n    type: worker\n    properties: {image: x}\n    traits: [{type: json-patch, properties: {operations: [{op: remove, path: /nothing}]}}]\n"
    ));
}

#[test]
fn what_a_definition_itself_refuses() {
    insta::assert_snapshot!(mistakes(
        "  components:\n  - name: web\n    type: webservice\n    properties: {image: x}\n    traits: [{type: env, properties: {containerName: nope, env: {A: b}}}]\n"
    ));
}

const BROKEN: [(&str, &str); 5] = [
    ("syntax.cue", "broken: {type: \"component\"}\ntemplate: {\n\toutput: {kind: \n\tparameter: {}\n}\n"),
    (
        "name.cue",
        "broken: {type: \"component\"}\ntemplate: {\n\toutput: {kind: parameter.kind, name: nobody}\n\tparameter: {}\n}\n",
    ),
    (
        "conflict.cue",
        "broken: {type: \"component\"}\ntemplate: {\n\toutput: {kind: \"A\"}\n\toutput: {kind: \"B\"}\n\tparameter: {}\n}\n",
    ),
    ("output.cue", "broken: {type: \"component\"}\ntemplate: {\n\toutputs: {}\n\tparameter: {}\n}\n"),
    (
        "status.cue",
        "broken: {type: \"component\", attributes: status: healthPolicy: \"isHealth: (\"}\ntemplate: {\n\toutput: {kind: \"A\"}\n}\n",
    ),
];

#[test]
fn definitions_that_are_wrong() {
    let mut all = Vec::new();
    for (name, text) in BROKEN {
        let problems = match Library::builtin().with_text(name, text) {
            Err(problems) => problems,
            Ok(library) => {
                let broken = library.iter().find(|d| d.name == "broken").unwrap();
                vet(&library, broken).unwrap_err()
            }
        };
        all.push(shown(&problems));
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_definition_that_does_not_evaluate_is_told_where_it_is_used() {
    let text = "shop: {type: \"component\"}\ntemplate: {\n\toutput: {apiVersion: \"v1\", kind: \"A\", n: parameter.size + 1}\n\tparameter: size: int\n\toutput: size: <10\n\toutput: size: parameter.size\n}\n";
    let library = Library::builtin().with_text("shop.cue", text).unwrap();
    let problems =
        with(&library, "  components:\n  - name: web\n    type: shop\n    properties: {size: 20}\n")
            .unwrap_err();
    insta::assert_snapshot!(shown(&problems));
}

#[test]
fn templates_in_kubernetes_objects_keep_their_lines() {
    let text = "kind: ComponentDefinition\nmetadata: {name: shop}\nspec:\n  schematic:\n    cue:\n      template: |\n        output: {apiVersion: \"v1\", kind: \"A\", spec: parameter}\n        parameter: {size: int}\n";
    let library = Library::builtin().with_text("shop.yaml", text).unwrap();
    let app = "  components:\n  - name: web\n    type: shop\n    properties: {size: 1}\n";
    assert_eq!(with(&library, app).unwrap().objects[0]["spec"]["size"], 1);
    insta::assert_snapshot!(shown(&with(&library, &app.replace("size: 1", "size: one")).unwrap_err()));
}
