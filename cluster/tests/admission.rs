//! Validating webhooks: asked before objects are made and changed, heard, and when they cannot be asked.

#![allow(clippy::unwrap_used, reason = "tests")]

use axum::{Json, Router, routing::post};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use stepwell_cluster::{EmbeddedCluster, Options};

/// A webhook that refuses objects whose data says so, and keeps what it was asked.
async fn webhook() -> (String, Arc<Mutex<Vec<Value>>>) {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = asked.clone();
    let judge = move |Json(review): Json<Value>| {
        let request = review["request"].clone();
        kept.lock().unwrap().push(request.clone());
        let allowed = request["object"]["data"]["refuse"].is_null();
        let response = json!({"uid": request["uid"], "allowed": allowed, "status": {"code": 422, "message": "not this one"}});
        async move {
            Json(
                json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}),
            )
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/validate", listener.local_addr().unwrap());
    let router = Router::new().route("/validate", post(judge));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

async fn configure(client: &kube::Client, url: &str, policy: &str) {
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "test"},
        "webhooks": [{
            "name": "maps.test", "clientConfig": {"url": url}, "failurePolicy": policy, "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}],
        }],
    });
    let api: Api<k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration> =
        Api::all(client.clone());
    api.patch("test", &PatchParams::apply("test").force(), &Patch::Apply(&configuration)).await.unwrap();
}

fn map(name: &str, data: Value) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": data})).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_asked_before_objects_are_made_and_changed() {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let (url, asked) = webhook().await;
    configure(&cluster.client(), &url, "Fail").await;

    maps.create(&PostParams::default(), &map("good", json!({"a": "b"}))).await.unwrap();
    let refused =
        maps.create(&PostParams::default(), &map("bad", json!({"refuse": "yes"}))).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused}") };
    let message = "admission webhook \"maps.test\" denied the request: not this one";
    assert_eq!((status.code, status.message.as_str()), (422, message));
    assert!(maps.get_opt("bad").await.unwrap().is_none());
    let merge = Patch::Merge(json!({"data": {"refuse": "yes"}}));
    assert!(maps.patch("good", &PatchParams::default(), &merge).await.is_err());
    let apply = |name: &str| {
        Patch::Apply(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"refuse": "yes"}}),
        )
    };
    for name in ["good", "new"] {
        assert!(maps.patch(name, &PatchParams::apply("test").force(), &apply(name)).await.is_err(), "{name}");
    }
    let mut changed = maps.get("good").await.unwrap();
    changed.data = map("good", json!({"refuse": "yes"})).data;
    assert!(maps.replace("good", &PostParams::default(), &changed).await.is_err());
    assert_eq!(maps.get("good").await.unwrap().data, map("good", json!({"a": "b"})).data);

    let asked = asked.lock().unwrap().clone();
    let seen: Vec<_> =
        asked.iter().map(|r| (r["operation"].as_str().unwrap(), r["name"].as_str().unwrap())).collect();
    let want = [
        ("CREATE", "good"),
        ("CREATE", "bad"),
        ("UPDATE", "good"),
        ("UPDATE", "good"),
        ("CREATE", "new"),
        ("UPDATE", "good"),
    ];
    assert_eq!(seen, want);
    assert_eq!(asked[2]["oldObject"]["data"], json!({"a": "b"}));
    assert_eq!(asked[2]["object"]["kind"], "ConfigMap");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_cannot_be_asked_refuses_or_is_passed_over() {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    configure(&cluster.client(), "http://127.0.0.1:1/validate", "Fail").await;
    let refused = maps.create(&PostParams::default(), &map("a", json!({}))).await.unwrap_err().to_string();
    assert!(refused.contains("failed calling webhook \"maps.test\""), "{refused}");
    configure(&cluster.client(), "http://127.0.0.1:1/validate", "Ignore").await;
    maps.create(&PostParams::default(), &map("a", json!({}))).await.unwrap();
    // It is no longer asked when its configuration is gone.
    configure(&cluster.client(), "http://127.0.0.1:1/validate", "Fail").await;
    let api: Api<k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration> =
        Api::all(cluster.client());
    api.delete("test", &Default::default()).await.unwrap();
    maps.create(&PostParams::default(), &map("b", json!({}))).await.unwrap();
}
