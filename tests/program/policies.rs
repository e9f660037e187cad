//! The examples of policies that say what becomes of objects: each with what its policy changes, and what would be otherwise. The embedded cluster runs no
//! containers, so Deployments and Jobs are simulated.

use crate::garbage::patched_by_others;
use crate::sandbox::{Sandbox, eventually};
use crate::workflows::json;
use serde_json::Value;
use std::path::PathBuf;

fn example(policy: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/definitions/policy");
    std::fs::read_to_string(folder.join(format!("{policy}.yaml"))).unwrap()
}

/// The example with a part of it changed.
fn changed(policy: &str, from: &str, to: &str) -> String {
    let text = example(policy);
    assert!(text.contains(from), "{policy} does not contain {from}");
    text.replace(from, to)
}

/// The Application of the example, without what stands beside it.
fn alone(text: &str) -> &str {
    text.split("\n---\n").next().unwrap()
}

/// The Application of the example without its policies.
fn without_policies(policy: &str) -> String {
    let text = example(policy);
    let (before, _) = alone(&text).split_once("  policies:\n").unwrap();
    before.to_owned()
}

fn run(dir: &Sandbox, text: &str) {
    dir.file("app.yaml", text);
    let ended = dir.run(&["run", "app.yaml"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
}

fn object(dir: &Sandbox, kind: &str, name: &str) -> Option<Value> {
    let ended = dir.run(&["get", kind, name, "-o", "json"]);
    (ended.status == 0).then(|| json(&ended))
}

#[test]
fn garbage_collect_keeps_what_a_trait_exposed_until_the_application_goes() {
    let trait_ = "    traits: [{type: expose, properties: {port: [80]}}]\n";
    let db = "  - {name: db, type: worker, properties: {image: \"postgres:18\"}}\n";
    let dir = Sandbox::new();
    run(&dir, &example("garbage-collect"));
    run(&dir, &changed("garbage-collect", trait_, "").replace(db, ""));
    assert!(object(&dir, "service", "web").is_some() && object(&dir, "deployment", "db").is_none());
    assert_eq!(dir.run(&["delete", "shop"]).status, 0);
    assert!(object(&dir, "service", "web").is_none());
    // Without the policy it goes with the trait.
    let dir = Sandbox::new();
    let without = without_policies("garbage-collect");
    run(&dir, &without);
    run(&dir, &without.replace(trait_, ""));
    assert!(object(&dir, "service", "web").is_none());
}

#[test]
fn apply_once_leaves_the_replicas_that_others_have_set() {
    let seen = |dir: &Sandbox| {
        let web = object(dir, "deployment", "web").unwrap();
        let image = web["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
        (web["spec"]["replicas"].as_i64().unwrap(), image)
    };
    let scaled = "traits: [{type: scaler, properties: {replicas: 2}}]";
    let with_scaler =
        |text: &str| text.replace("image: \"nginx:1.29\"}}", &format!("image: \"nginx:1.29\"}}, {scaled}}}"));
    for (text, want) in [(example("apply-once"), 5), (without_policies("apply-once"), 2)] {
        let dir = Sandbox::new();
        run(&dir, &with_scaler(&text));
        patched_by_others(
            &dir,
            "apiVersion: apps/v1, kind: Deployment, metadata: {name: web}",
            "{spec: {replicas: 5}}",
        );
        assert_eq!(seen(&dir), (5, "nginx:1.29".to_owned()));
        // Everything else is applied.
        run(&dir, &with_scaler(&text).replace("nginx:1.29", "nginx:1.30"));
        assert_eq!(seen(&dir), (want, "nginx:1.30".to_owned()));
    }
}

#[test]
fn a_shared_resource_goes_with_the_last_application_that_has_it() {
    let dir = Sandbox::new();
    run(&dir, &example("shared-resource"));
    run(&dir, &changed("shared-resource", "metadata: {name: shop}", "metadata: {name: other}"));
    assert_eq!(dir.run(&["delete", "shop"]).status, 0);
    assert!(object(&dir, "namespace", "common").is_some());
    assert_eq!(dir.run(&["delete", "other"]).status, 0);
    eventually("it goes", || object(&dir, "namespace", "common").is_none().then_some(()));
    // Without the policy the second is refused.
    let dir = Sandbox::new();
    run(&dir, &without_policies("shared-resource"));
    dir.file("app.yaml", &without_policies("shared-resource").replace("name: shop", "name: other"));
    assert_eq!(dir.run(&["run", "app.yaml"]).status, 1);
}

#[test]
fn what_is_read_only_is_neither_changed_nor_deleted() {
    let dir = Sandbox::new();
    run(&dir, &example("read-only"));
    let theirs = object(&dir, "secret", "keys").unwrap();
    assert_eq!(theirs["metadata"]["labels"]["app.oam.dev/name"], Value::Null, "{theirs:#}");
    assert_eq!(dir.run(&["delete", "shop"]).status, 0);
    assert!(object(&dir, "secret", "keys").is_some() && object(&dir, "deployment", "web").is_none());
}

#[test]
fn what_is_taken_over_becomes_the_applications_own() {
    let dir = Sandbox::new();
    run(&dir, &example("take-over"));
    let web = object(&dir, "deployment", "web").unwrap();
    assert_eq!(web["metadata"]["labels"]["app.oam.dev/name"], "shop");
    assert_eq!(web["spec"]["template"]["spec"]["containers"][0]["image"], "nginx:1.29");
    assert_eq!(dir.run(&["delete", "shop"]).status, 0);
    assert!(object(&dir, "deployment", "web").is_none());
    // Without the policy it is refused.
    let dir = Sandbox::new();
    let text = example("take-over");
    let beside = text.split_once("\n---\n").unwrap().1;
    dir.file("app.yaml", &format!("{}\n---\n{beside}", without_policies("take-over")));
    let ended = dir.run(&["run", "app.yaml"]);
    assert!(ended.status == 1 && ended.stdout.contains("Deployment"), "{}", ended.shown());
}

#[test]
fn a_job_is_made_anew_where_a_field_changes_that_cannot_be_changed() {
    let dir = Sandbox::new();
    let uid = |dir: &Sandbox| object(dir, "job", "shop-tables").unwrap()["metadata"]["uid"].clone();
    run(&dir, &example("resource-update"));
    let first = uid(&dir);
    run(&dir, &example("resource-update"));
    assert_eq!(uid(&dir), first);
    run(&dir, &changed("resource-update", "migrate:1", "migrate:2"));
    assert_ne!(uid(&dir), first);
    // Without the policy it is refused.
    let dir = Sandbox::new();
    run(&dir, &without_policies("resource-update"));
    dir.file("app.yaml", &without_policies("resource-update").replace("migrate:1", "migrate:2"));
    let ended = dir.run(&["run", "app.yaml"]);
    assert!(ended.status == 1 && ended.stdout.contains("immutable"), "{}", ended.shown());
}

#[test]
fn a_replicated_component_is_there_once_for_each_key() {
    let dir = Sandbox::new();
    run(&dir, &example("replication"));
    for key in ["a", "b"] {
        let copy = object(&dir, "configmap", &format!("shelf-{key}")).unwrap();
        assert_eq!(copy["metadata"]["labels"]["app.oam.dev/replicaKey"], key);
        assert_eq!(copy["data"]["text"], "books");
    }
    assert!(object(&dir, "deployment", "web").is_some());
    // A key that is gone takes its copy along.
    run(&dir, &changed("replication", "keys: [a, b]", "keys: [b, c]"));
    assert!(object(&dir, "configmap", "shelf-a").is_none() && object(&dir, "configmap", "shelf-c").is_some());
    dir.file("app.yaml", &changed("replication", "selector: [shelf]", "selector: [self]"));
    let ended = dir.run(&["run", "app.yaml"]);
    assert!(
        ended.stdout.contains("no component is called `self` (did you mean `shelf`?)"),
        "{}",
        ended.shown()
    );
}

#[test]
fn health_is_what_the_components_say() {
    let services = |dir: &Sandbox| {
        let app = object(dir, "application", "shop").unwrap();
        let one = |s: &Value| (s["name"].as_str().unwrap().to_owned(), s["healthy"] == true);
        let mut all: Vec<_> = app["status"]["services"].as_array().into_iter().flatten().map(one).collect();
        all.sort();
        all
    };
    let dir = Sandbox::new();
    run(&dir, &example("health"));
    assert_eq!(services(&dir), [("db".to_owned(), true), ("web".to_owned(), true)]);
    let dir = Sandbox::new();
    let broken = changed(
        "health",
        "image: \"postgres:18\"}}",
        "image: \"postgres:18\"}, traits: [{type: annotations, properties: {sim.stepwell.dev/hold: \"true\"}}]}",
    );
    let steps = "  workflow: {steps: [{name: web, type: apply-component, properties: {component: web}}, {name: db, type: apply-component, properties: {component: db}, timeout: 1s}]}\n";
    dir.file("app.yaml", &(broken + steps));
    assert_eq!(dir.run(&["run", "app.yaml"]).status, 1);
    assert_eq!(services(&dir), [("db".to_owned(), false), ("web".to_owned(), true)]);
}
