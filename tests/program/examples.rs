//! The examples that pass data on: what their pages say of them holds.

use crate::sandbox::Sandbox;
use crate::workflows::{json, line};
use serde_json::Value;
use std::path::PathBuf;

fn text(example: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example).join("app.yaml");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_example_of_data_passing() {
    let sandbox = Sandbox::new();
    sandbox.file("app.yaml", &text("data-passing"));
    let ended = sandbox.run(&["run", "app.yaml", "-o", "json"]);
    assert_eq!(
        line(&json(&ended)),
        "succeeded; database succeeded; connect succeeded; hand-over succeeded; service succeeded",
        "{}",
        ended.shown()
    );
    // `postgres://shop:correct-horse-battery@shop-postgres:5432/shop`
    let encoded = "cG9zdGdyZXM6Ly9zaG9wOmNvcnJlY3QtaG9yc2UtYmF0dGVyeUBzaG9wLXBvc3RncmVzOjU0MzIvc2hvcA==";
    let secret = json(&sandbox.run(&["get", "secret", "shop-connection", "-o", "json"]));
    assert_eq!(secret["data"]["url"], encoded);
    let service = json(&sandbox.run(&["get", "deployment", "shop-api", "-o", "json"]));
    let reads = service.pointer("/spec/template/spec/containers/0/env/0/valueFrom/secretKeyRef").unwrap();
    assert_eq!(reads, &serde_json::json!({"name": "shop-connection", "key": "url"}));
    // The service came after the database was ready.
    let database = json(&sandbox.run(&["get", "statefulset", "shop-postgres", "-o", "json"]));
    assert_eq!(database["status"]["readyReplicas"], 1);
    let logs = sandbox.run(&["workflow", "logs", "shop"]);
    let at = |what: &str| logs.stdout.find(what).unwrap_or_else(|| panic!("{what} in {}", logs.stdout));
    assert!(at("database (attempt 2)") < at("connect: read"), "{}", logs.stdout);
    // What is kept: values that are no secret as they are, in their types, the other as a reference.
    let context = json(&sandbox.run(&["get", "configmap", "workflow-shop-context", "-o", "json"]));
    let data = |key: &str| -> Value { serde_json::from_str(context["data"][key].as_str().unwrap()).unwrap() };
    assert_eq!(data("vars"), serde_json::json!({"host": "shop-postgres", "port": 5432, "url": "***"}));
    let parts = &data("stepwell-secrets")["url"][0]["recipe"]["text"];
    let password = serde_json::json!({"namespace": "default", "secret": "shop-db", "key": "password"});
    assert_eq!(parts[3]["secret"]["key"], password, "{parts}");
    let debug = sandbox.run(&["workflow", "debug", "shop", "--step", "hand-over"]);
    assert!(debug.stdout.contains("url: \"***\""), "{}", debug.shown());
    for told in [&ended, &logs, &debug] {
        assert!(!format!("{}{}", told.stdout, told.stderr).contains("battery"), "{}", told.shown());
    }
}

#[test]
fn the_example_of_data_init() {
    let sandbox = Sandbox::new();
    sandbox.file("app.yaml", &text("data-init"));
    let ended = sandbox.run(&["run", "app.yaml", "-o", "json"]);
    assert_eq!(
        line(&json(&ended)),
        "succeeded; database succeeded; initialise succeeded; service succeeded; note succeeded",
        "{}",
        ended.shown()
    );
    let get = |kind: &str, name: &str| json(&sandbox.run(&["get", kind, name, "-o", "json"]));
    let note = get("configmap", "orders-delivery");
    let done = get("job", "orders-orders-schema")["status"]["completionTime"].clone();
    assert_eq!(note["data"]["initialised"], done);
    // Times in whole seconds, in a form that sorts.
    let service = get("deployment", "orders-api")["metadata"]["creationTimestamp"].clone();
    assert!(done.as_str().unwrap() <= service.as_str().unwrap(), "{done} {service}");
}

#[test]
fn without_its_tables_the_service_of_data_init_is_not_started() {
    let sandbox = Sandbox::new();
    let broken = text("data-init").replace(
        "        image: mysql:8.4\n        restart: OnFailure\n",
        "        image: mysql:8.4\n        annotations: {sim.stepwell.dev/fail: no such host}\n        restart: OnFailure\n",
    );
    sandbox.file("app.yaml", &broken);
    let ended = sandbox.run(&["run", "app.yaml", "-o", "json"]);
    let status = json(&ended);
    let want =
        "failed; database succeeded; initialise failed Action; service skipped Skip; note skipped Skip";
    assert_eq!(line(&status), want, "{}", ended.shown());
    assert!(status["steps"][1]["message"].as_str().unwrap().contains("no such host"), "{status:#}");
    assert_eq!(sandbox.run(&["get", "deployment", "orders-api"]).status, 1);
}
