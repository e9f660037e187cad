//! Applications that name a template in the place of components: rendered, written back, and left alone when they are so already.

use crate::sandbox::Sandbox;
use std::process::Command;

const TEMPLATE: &str = include_str!("../../examples/template/templates/web-shop.cue");

fn app(template: &str) -> String {
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n  template: {template}\n"
    )
}

fn object(text: &str) -> String {
    let body: String = text
        .lines()
        .skip_while(|l| !l.starts_with("template: {"))
        .skip(1)
        .map(|l| format!("        {}\n", l.replacen('\t', "  ", 9)))
        .collect();
    let body = body.trim_end().trim_end_matches('}').trim_end().to_owned();
    format!(
        "---\napiVersion: core.oam.dev/v1beta1\nkind: ApplicationTemplate\nmetadata: {{name: web-shop}}\nspec:\n  schematic:\n    cue:\n      template: |\n{body}\n"
    )
}

#[test]
fn a_template_on_the_cluster_makes_an_application_and_is_written_back_once() {
    let dir = Sandbox::new();
    let text = app("{name: web-shop, properties: {image: 'web:1', database: true}}");
    dir.file("app.yaml", &(text.clone() + &object(TEMPLATE)));
    let ran = dir.run(&["run", "app.yaml"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let deployments = || dir.run(&["get", "deployments"]).stdout;
    assert!(
        deployments().contains("web      1/1") && deployments().contains("shop-db  1/1"),
        "{}",
        deployments()
    );
    let written = || dir.run(&["get", "application", "shop", "-o", "yaml"]).stdout;
    let first = written();
    assert!(
        first.contains("app.oam.dev/template: default/web-shop") && first.contains("image: web:1"),
        "{first}"
    );
    // Once more, and by whoever has nothing but the object.
    dir.file("again.yaml", &text);
    let again = dir.run(&["run", "again.yaml"]);
    assert_eq!(again.status, 0, "{}{}", again.stdout, again.stderr);
    let generation = |text: &str| text.lines().find(|l| l.contains("generation:")).map(str::to_owned);
    assert_eq!(generation(&written()), generation(&first));
    // What the template gives changes with its parameters.
    dir.file("more.yaml", &app("{name: web-shop, properties: {image: 'web:2', replicas: 2}}"));
    let more = dir.run(&["run", "more.yaml"]);
    assert_eq!(more.status, 0, "{}{}", more.stdout, more.stderr);
    assert!(deployments().contains("web   2/2") && !deployments().contains("shop-db"), "{}", deployments());
    let json = dir.run(&["get", "application", "shop", "-o", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names: Vec<_> = json["spec"]["components"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["web"]);
    // What was delivered comes back as it was, whatever the template gives today.
    let changed = TEMPLATE.replace("replicas: parameter.replicas", "replicas: 5");
    let other = text.replace("name: shop", "name: other").replace(", database: true", "");
    dir.file("later.yaml", &(other + &object(&changed)));
    let later = dir.run(&["run", "later.yaml", "--namespace", "default"]);
    assert!(later.status == 1 && later.stderr.contains("belongs to"), "{}{}", later.stdout, later.stderr);
    let back = dir.run(&["rollback", "shop", "--to", "1"]);
    assert_eq!(back.status, 0, "{}{}", back.stdout, back.stderr);
    assert!(
        deployments().contains("web      1/1") && deployments().contains("shop-db  1/1"),
        "{}",
        deployments()
    );
}

#[test]
fn a_template_lies_beside_the_application_and_a_patch_over_what_it_gives() {
    let dir = Sandbox::new();
    dir.file("here/templates/shop.cue", TEMPLATE);
    dir.file("here/templates/README.md", "not a template\n");
    let patch = "{components: [{name: web, properties: {cpu: '1'}, traits: [{type: labels, properties: {team: a}}]}, {name: cache, type: worker, properties: {image: 'c:1'}}]}";
    dir.file(
        "here/app.yaml",
        &app(&format!("{{path: templates, properties: {{image: 'web:1'}}, patch: {patch}}}")),
    );
    let shown = dir.run(&["dry-run", "-f", "here/app.yaml"]);
    assert_eq!(shown.status, 0, "{}", shown.stderr);
    insta::assert_snapshot!(shown.stdout);
    let ran = dir.run(&["run", "here/app.yaml"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    // Whoever takes it up elsewhere finds it made.
    let again = dir.run(&["workflow", "restart", "shop"]);
    assert_eq!(again.status, 0, "{}{}", again.stdout, again.stderr);
}

#[test]
fn a_template_lies_in_a_repository() {
    let dir = Sandbox::new();
    dir.file("work/templates/shop.cue", TEMPLATE);
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .args(["-c", "user.name=a", "-c", "user.email=a@b", "-C"])
            .arg(dir.path().join("work"))
            .args(args);
        command.output().is_ok_and(|o| o.status.success())
    };
    if !git(&["init", "-q", "-b", "main"]) {
        eprintln!("skipped: there is no git");
        return;
    }
    assert!(git(&["add", "."]) && git(&["commit", "-q", "-m", "first"]));
    let url = format!("file://{}", dir.path().join("work").display());
    dir.file(
        "app.yaml",
        &app(&format!("{{git: {{url: '{url}', path: templates}}, properties: {{image: 'web:1'}}}}")),
    );
    let ran = dir.run(&["run", "app.yaml"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(dir.run(&["get", "deployments"]).stdout.contains("web   1/1"));
    let written = dir.run(&["get", "application", "shop", "-o", "yaml"]).stdout;
    assert!(written.contains(&format!("app.oam.dev/template: web-shop ({url}@")), "{written}");
}

#[test]
fn definitions_of_templates_are_vetted_listed_and_rendered() {
    let dir = Sandbox::new();
    dir.file("shop.cue", TEMPLATE);
    let vetted = dir.run(&["def", "vet", "shop.cue"]);
    assert_eq!(vetted.stdout, "application template web-shop: no mistakes\n", "{}", vetted.stderr);
    let rendered = dir.run(&["def", "render", "shop.cue", "--set", "image=web:1"]);
    insta::assert_snapshot!(rendered.stdout + &rendered.stderr);
    let wrong = dir.run(&["def", "render", "shop.cue", "--set", "image=1"]);
    assert!(wrong.status == 1 && wrong.stderr.contains("parameter.image"), "{}", wrong.stderr);
}

#[test]
fn what_is_wrong_with_a_template_is_told_before_anything_is_done() {
    let dir = Sandbox::new();
    dir.file("t/shop.cue", TEMPLATE);
    dir.file("two/a.cue", TEMPLATE);
    dir.file("two/b.cue", &TEMPLATE.replace("\"web-shop\"", "\"web-store\""));
    dir.file("other/a.cue", &TEMPLATE.replace("components: [", "things: [1]\n\t\tcomponents: ["));
    dir.file("none/a.cue", "\"a\": {type: \"trait\", attributes: {}}\ntemplate: patch: {}\n");
    let mut told = String::new();
    for template in [
        "{}",
        "{name: web-shop, path: t, git: {url: x}}",
        "{path: t, properties: {image: 1, replicas: many}}",
        "{path: t}",
        "{path: nowhere}",
        "{path: two}",
        "{path: two, name: web-shp}",
        "{path: other, properties: {image: 'web:1'}}",
        "{path: none}",
        "{path: t, propertys: {image: 'web:1'}}",
        "{git: {path: x}}",
        "{path: t, properties: {image: 'web:1'}, patch: {components: [{name: web, type: webservise}]}}",
        "{path: t, properties: {image: 'web:1'}, patch: {componnts: []}}",
        "{path: t, properties: {image: 'web:1'}, patch: {components: [{name: wbe, properties: {image: 'web:2'}}]}}",
        "{path: t, properties: {image: y}}",
        "{name: web-shp}",
    ] {
        dir.file("app.yaml", &app(template));
        let ran = dir.run(&["run", "app.yaml"]);
        assert_eq!(ran.status, 1, "{template}: {}{}", ran.stdout, ran.stderr);
        told += &format!("== {template}\n{}\n", ran.stderr);
    }
    insta::assert_snapshot!(told);
    // What is probably misspelt is no mistake.
    dir.file("app.yaml", &app("{path: t, properties: {image: 'web:1', replcas: 2}}"));
    let ran = dir.run(&["workflow", "generate", "app.yaml"]);
    assert!(ran.status == 0 && ran.stderr.contains("did you mean `replicas`?"), "{}", ran.shown());
    assert!(ran.stdout.contains("component: web"), "{}", ran.shown());
    assert!(!dir.run(&["get", "applications"]).stdout.contains("shop"));
}

#[test]
fn the_example_runs() {
    let dir = Sandbox::new();
    let app = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/template/app.yaml");
    let ran = dir.run(&["run", app]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let deployments = dir.run(&["get", "deployments"]).stdout;
    assert!(deployments.contains("shop-db") && deployments.contains("web"), "{deployments}");
    let ran = dir.run(&["run", concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/template/on-cluster.yaml")]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let greeting = dir.run(&["get", "configmap", "hello-greeting", "-o", "yaml"]).stdout;
    assert!(greeting.contains("text: hello you"), "{greeting}");
}

#[test]
fn a_repository_that_does_not_answer_is_told_and_nothing_is_done() {
    let dir = Sandbox::new();
    dir.file("app.yaml", &app("{git: {url: 'http://127.0.0.1:1/x.git', path: t}}"));
    let ran = dir.run(&["run", "app.yaml"]);
    let told = "cannot fetch http://127.0.0.1:1/x.git: ";
    assert!(ran.status == 1 && ran.stderr.contains(told), "{}{}", ran.stdout, ran.stderr);
    assert!(!dir.run(&["get", "applications"]).stdout.contains("shop"));
}
