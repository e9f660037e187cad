//! What goes with a deleted object: dependents by owner references, the contents of a namespace, the objects of a custom kind.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed")]

mod common;

use common::{api, cluster, create, status, wait_for};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

const CONFIG: &str = "v1/ConfigMap";

async fn owner(client: &Client, name: &str) -> DynamicObject {
    create(client, CONFIG, json!({"metadata": {"name": name}})).await.unwrap()
}

async fn dependent(client: &Client, name: &str, owners: &[&DynamicObject], finalizers: Value) {
    let references: Vec<Value> = owners
        .iter()
        .map(|o| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": o.name_any(), "uid": o.uid(), "blockOwnerDeletion": true}))
        .collect();
    let metadata = json!({"name": name, "ownerReferences": references, "finalizers": finalizers});
    create(client, CONFIG, json!({"metadata": metadata})).await.unwrap();
}

fn gone(object: Option<&Value>) -> bool {
    object.is_none()
}

#[tokio::test]
async fn dependents_go_with_the_last_of_their_owners() {
    let (_cluster, client) = cluster().await;
    let api = api(&client, CONFIG);
    let (a, b) = (owner(&client, "a").await, owner(&client, "b").await);
    dependent(&client, "of-a", &[&a], json!([])).await;
    dependent(&client, "of-both", &[&a, &b], json!([])).await;
    api.delete("a", &DeleteParams::default()).await.unwrap();
    wait_for(&api, "of-a", gone).await;
    let left = wait_for(&api, "of-both", |o| {
        o.is_some_and(|o| o["metadata"]["ownerReferences"].as_array().is_some_and(|o| o.len() == 1))
    });
    assert_eq!(left.await.unwrap()["metadata"]["ownerReferences"][0]["name"], "b");
    api.delete("b", &DeleteParams::default()).await.unwrap();
    wait_for(&api, "of-both", gone).await;
}

#[tokio::test]
async fn orphans_stay_and_foreground_waits() {
    let (_cluster, client) = cluster().await;
    let api = api(&client, CONFIG);
    let a = owner(&client, "a").await;
    dependent(&client, "of-a", &[&a], json!([])).await;
    api.delete("a", &DeleteParams::orphan()).await.unwrap();
    wait_for(&api, "a", gone).await;
    let kept = wait_for(&api, "of-a", |o| o.is_some()).await.unwrap();
    assert!(kept["metadata"]["ownerReferences"].as_array().is_none_or(Vec::is_empty));

    let b = owner(&client, "b").await;
    dependent(&client, "of-b", &[&b], json!(["example.com/hold"])).await;
    api.delete("b", &DeleteParams::foreground()).await.unwrap();
    wait_for(&api, "of-b", |o| o.is_some_and(|o| o["metadata"]["deletionTimestamp"].is_string())).await;
    let waiting = wait_for(&api, "b", |o| o.is_some()).await.unwrap();
    assert_eq!(waiting["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("of-b", &PatchParams::default(), &release).await.unwrap();
    wait_for(&api, "b", gone).await;
}

#[tokio::test]
async fn a_namespace_takes_its_objects_along() {
    let (_cluster, client) = cluster().await;
    let namespaces: Api<DynamicObject> = Api::all_with(client.clone(), &common::resource("v1/Namespace"));
    let object = |text: Value| serde_json::from_value::<DynamicObject>(text).unwrap();
    let made = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod"}});
    namespaces.create(&PostParams::default(), &object(made)).await.unwrap();
    let inside: Api<DynamicObject> = Api::namespaced_with(client.clone(), "prod", &common::resource(CONFIG));
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": ["example.com/hold"]}});
    inside.create(&PostParams::default(), &object(held)).await.unwrap();
    namespaces.delete("prod", &DeleteParams::default()).await.unwrap();
    wait_for(&inside, "a", |o| o.is_some_and(|o| o["metadata"]["deletionTimestamp"].is_string())).await;
    let late = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}});
    let refused = status(inside.create(&PostParams::default(), &object(late)).await.unwrap_err());
    assert_eq!(refused.code, 403, "{refused:?}");
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    inside.patch("a", &PatchParams::default(), &release).await.unwrap();
    wait_for(&namespaces, "prod", gone).await;
}
