//! Custom kinds: served as soon as they are defined, validated, defaulted and pruned by their schema.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed")]

mod common;

use common::{cluster, create, status, wait_for};
use kube::{
    Api, Client,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
        PostParams,
    },
};
use serde_json::{Value, json};

fn definition() -> Value {
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "required": ["size"], "properties": {
                    "size": {"type": "string", "enum": ["small", "big"]},
                    "replicas": {"type": "integer", "minimum": 0, "default": 1},
                    "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }},
                "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
            }}},
        })
    };
    json!({
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [version("v1", true), version("v1beta1", false)],
        },
    })
}

fn definitions(client: &Client) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &common::resource("apiextensions.k8s.io/v1/CustomResourceDefinition"))
}

async fn define(client: &Client) {
    let mut whole = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"});
    whole.as_object_mut().unwrap().extend(definition().as_object().unwrap().clone());
    definitions(client)
        .create(&PostParams::default(), &serde_json::from_value(whole).unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_custom_kind_is_served_checked_and_pruned() {
    let (_cluster, client) = cluster().await;
    define(&client).await;
    let kind = "example.com/v1/Thing";
    let refused = status(
        create(&client, kind, json!({"metadata": {"name": "a"}, "spec": {"size": "middle"}}))
            .await
            .unwrap_err(),
    );
    assert_eq!(
        refused.message,
        "Thing.example.com \"a\" is invalid: spec.size: Unsupported value: \"middle\": supported values: \"small\", \"big\""
    );
    let object = json!({"metadata": {"name": "a"}, "spec": {"size": "big", "x": 1, "any": {"y": 1}}, "status": {"phase": "x"}});
    let made = create(&client, kind, object).await.unwrap();
    assert_eq!(made.data, json!({"spec": {"size": "big", "any": {"y": 1}, "replicas": 1}}));

    // The other version shows the same object; status is a subresource and does not move the generation.
    let older = common::api(&client, "example.com/v1beta1/Thing");
    assert_eq!(older.get("a").await.unwrap().types.unwrap().api_version, "example.com/v1beta1");
    let patch = Patch::Merge(json!({"status": {"phase": "Ready"}, "spec": {"size": "small"}}));
    let patched = older.patch_status("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(
        (&patched.data["status"]["phase"], &patched.data["spec"]["size"]),
        (&json!("Ready"), &json!("big"))
    );
    assert_eq!(patched.metadata.generation, Some(1));
}

#[tokio::test]
async fn a_definition_that_goes_takes_its_objects_along() {
    let (_cluster, client) = cluster().await;
    define(&client).await;
    create(&client, "example.com/v1/Thing", json!({"metadata": {"name": "a"}, "spec": {"size": "big"}}))
        .await
        .unwrap();
    definitions(&client).delete("things.example.com", &DeleteParams::default()).await.unwrap();
    wait_for(&definitions(&client), "things.example.com", |o| o.is_none()).await;
    let things = common::api(&client, "example.com/v1/Thing");
    assert_eq!(status(things.list(&ListParams::default()).await.unwrap_err()).code, 404);
}

#[tokio::test]
async fn the_kinds_of_core_oam_dev_are_there() {
    let (_cluster, client) = cluster().await;
    let application =
        json!({"metadata": {"name": "first"}, "spec": {"components": [{"name": "a", "type": "webservice"}]}});
    create(&client, "core.oam.dev/v1beta1/Application", application).await.unwrap();
    let run = json!({"metadata": {"name": "run"}, "spec": {"workflowSpec": {"steps": []}}});
    create(&client, "core.oam.dev/v1alpha1/WorkflowRun", run).await.unwrap();
    let gvk = GroupVersionKind::gvk("core.oam.dev", "v1beta1", "ResourceTracker");
    let trackers: Api<DynamicObject> = Api::all_with(client, &ApiResource::from_gvk(&gvk));
    assert!(trackers.list(&ListParams::default()).await.unwrap().items.is_empty());
}
