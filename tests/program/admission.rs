//! `workflow serve --admission`: the cluster asks before it takes an object, over HTTP and TLS; and the webhook by itself, as any API server calls it.

use crate::sandbox::Sandbox;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use stepwell_cluster::{Options, Session};

/// `workflow serve` with these arguments, and the address at which it is asked.
fn serve(sandbox: &Sandbox, args: &[&str]) -> (Child, String) {
    let mut command = sandbox.command(&[&["workflow", "serve"], args].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let told = lines.by_ref().map_while(Result::ok).find(|l| l.contains("is checked at "));
    let url = told.unwrap().rsplit(' ').next().unwrap().to_owned();
    // Whatever else it says is read, so that it is never held up.
    std::thread::spawn(move || lines.for_each(drop));
    (child, url)
}

fn run(name: &str, step: Value) -> Value {
    json!({"apiVersion": "core.oam.dev/v1alpha1", "kind": "WorkflowRun", "metadata": {"name": name},
        "spec": {"workflowSpec": {"steps": [step, {"name": "b", "type": "print-mesage-in-status", "dependsOn": ["nobody"]}]}}})
}

fn sound(name: &str) -> Value {
    json!({"apiVersion": "core.oam.dev/v1alpha1", "kind": "WorkflowRun", "metadata": {"name": name},
        "spec": {"workflowSpec": {"steps": [{"name": "a", "type": "print-message-in-status", "properties": {"message": "hi"}}]}}})
}

/// Writes runs and an Application to the cluster of this folder, as any program may.
async fn write(sandbox: &Sandbox) {
    let session = Session::open(&sandbox.path().join("state"), Options::default()).await.unwrap();
    let api = |version: &str, kind: &str| -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("core.oam.dev", version, kind));
        Api::namespaced_with(session.client(), "default", &resource)
    };
    let runs = api("v1alpha1", "WorkflowRun");
    let object = |value: Value| serde_json::from_value::<DynamicObject>(value).unwrap();
    let faulty = run("faulty", json!({"name": "a", "type": "suspend", "timeout": "soon"}));
    let refused = runs.create(&PostParams::default(), &object(faulty)).await.unwrap_err().to_string();
    for part in [
        "admission webhook \"runs.stepwell.dev\" denied the request",
        "spec.workflowSpec.steps[0].timeout: `soon` is no duration",
        "print-message-in-status",
        "the workflow has no step `nobody`",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert!(runs.get_opt("faulty").await.unwrap().is_none());
    let app = json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "app"},
        "spec": {"components": [{"name": "web", "type": "webservice", "properties": {"image": 3}}]}});
    let refused = api("v1beta1", "Application")
        .create(&PostParams::default(), &object(app))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("image"), "{refused}");
    // A sound one is taken, and carried out; so is one whose step type may still come.
    runs.create(&PostParams::default(), &object(sound("sound"))).await.unwrap();
    let mut later = sound("later");
    later["spec"]["workflowSpec"]["steps"][0]["type"] = json!("comes-later");
    runs.create(&PostParams::default(), &object(later)).await.unwrap();
    let done = async {
        while runs.get("sound").await.unwrap().data["status"]["finished"] != true {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), done).await.unwrap();
    session.close().await;
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn faulty_objects_are_refused_where_admission_is_on() {
    let sandbox = Sandbox::new();
    let (mut child, url) = serve(&sandbox, &["--admission", "127.0.0.1:0"]);
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/validate"), "{url}");
    block_on(write(&sandbox));
    // By itself, as any API server asks.
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "operation": "CREATE", "namespace": "default", "object": run("x", json!({"name": "a", "type": "suspend"}))}});
    let answer = block_on(ask(&url, &review));
    assert_eq!((&answer["response"]["uid"], &answer["response"]["allowed"]), (&json!("u-1"), &json!(false)));
    assert_eq!(answer["response"]["status"]["code"], 422);
    let mut typo = sound("x");
    typo["spec"]["workflowSpec"]["steps"][0] =
        json!({"name": "a", "type": "read-object", "properties": {"name": "b", "clustr": "c"}});
    let review =
        json!({"request": {"uid": "u-2", "operation": "CREATE", "namespace": "default", "object": typo}});
    let answer = block_on(ask(&url, &review));
    assert_eq!(answer["response"]["allowed"], true);
    assert!(
        answer["response"]["warnings"][0].as_str().unwrap().contains("did you mean `cluster`?"),
        "{answer}"
    );
    let mut missing = sound("x");
    missing["spec"]["workflowSpec"]["steps"][0]["properties"] = json!({});
    let review =
        json!({"request": {"uid": "u-4", "operation": "CREATE", "namespace": "default", "object": missing}});
    let answer = block_on(ask(&url, &review));
    let says = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(says.contains("needs the parameter `message`"), "{answer}");
    // What is already there may be labelled, whatever it asks for.
    let old = run("x", json!({"name": "a", "type": "suspend"}));
    let review = json!({"request": {"uid": "u-3", "operation": "UPDATE", "namespace": "default", "object": old, "oldObject": old}});
    assert_eq!(block_on(ask(&url, &review))["response"]["allowed"], true);
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn ask(url: &str, review: &Value) -> Value {
    let (address, path) = url.split_at(url.rfind('/').unwrap());
    let client = kube::Client::try_from(kube::Config::new(address.parse().unwrap())).unwrap();
    let request = http::Request::post(path).header("content-type", "application/json");
    client.request(request.body(review.to_string().into_bytes()).unwrap()).await.unwrap()
}

#[test]
fn a_cluster_asks_over_tls() {
    let sandbox = Sandbox::new();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    sandbox.file("cert.pem", &made.cert.pem());
    sandbox.file("key.pem", &made.signing_key.serialize_pem());
    let args = ["--admission", "127.0.0.1:0", "--admission-cert", "cert.pem", "--admission-key", "key.pem"];
    let (mut child, url) = serve(&sandbox, &args);
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    block_on(write(&sandbox));
    child.kill().unwrap();
    child.wait().unwrap();
    let ended = sandbox.run(&[
        "workflow",
        "serve",
        "--admission",
        "127.0.0.1:0",
        "--admission-cert",
        "key.pem",
        "--admission-key",
        "cert.pem",
    ]);
    assert!(ended.status == 1 && ended.stderr.contains("cannot be used"), "{}", ended.shown());
}
