//! What the tests share: a cluster, a client, objects of any kind, and waiting.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses some of it")]

use std::time::Duration;

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, PostParams},
};
use serde_json::{Value, json};
use stepwell_cluster::{EmbeddedCluster, Options};

pub async fn cluster() -> (EmbeddedCluster, Client) {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let client = cluster.client();
    (cluster, client)
}

/// The message of a refusal.
pub fn status(error: kube::Error) -> kube::core::Status {
    match error {
        kube::Error::Api(status) => *status,
        other => panic!("no API error: {other}"),
    }
}

/// `apps/v1/Deployment` in `default`, by `apiVersion/Kind`.
pub fn api(client: &Client, kind: &str) -> Api<DynamicObject> {
    Api::default_namespaced_with(client.clone(), &resource(kind))
}

pub fn resource(kind: &str) -> ApiResource {
    let parts: Vec<&str> = kind.split('/').collect();
    let gvk = match parts.as_slice() {
        [version, kind] => GroupVersionKind::gvk("", version, kind),
        [group, version, kind] => GroupVersionKind::gvk(group, version, kind),
        _ => panic!("{kind}"),
    };
    ApiResource::from_gvk(&gvk)
}

pub async fn create(client: &Client, kind: &str, object: Value) -> Result<DynamicObject, kube::Error> {
    let resource = resource(kind);
    let mut whole = json!({"apiVersion": resource.api_version, "kind": resource.kind});
    whole.as_object_mut().unwrap().extend(object.as_object().unwrap().clone());
    api(client, kind).create(&PostParams::default(), &serde_json::from_value(whole).unwrap()).await
}

/// Reads an object until `done` says so; at most 5 s.
pub async fn wait_for(
    api: &Api<DynamicObject>,
    name: &str,
    done: impl Fn(Option<&Value>) -> bool,
) -> Option<Value> {
    for _ in 0..500 {
        let found = api.get_opt(name).await.unwrap().map(|object| serde_json::to_value(object).unwrap());
        if done(found.as_ref()) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{name}: waited 5 s in vain");
}

pub fn deployment(name: &str, annotations: Value) -> Value {
    json!({
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "nginx:1.27"}]},
            },
        },
    })
}
