//! The embedded cluster as its users meet it: everything through `kube::Client`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed")]

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent, WatchParams},
};
use serde_json::{Value, json};
use stepwell_cluster::{EmbeddedCluster, Options};

async fn cluster() -> (EmbeddedCluster, Client) {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let client = cluster.client();
    (cluster, client)
}

fn config(name: &str, data: Value) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "labels": {"app": "a"}}, "data": data})).unwrap()
}

fn status(error: kube::Error) -> kube::core::Status {
    match error {
        kube::Error::Api(status) => *status,
        other => panic!("no API error: {other}"),
    }
}

#[tokio::test]
async fn an_object_lives_and_dies() {
    let (_cluster, client) = cluster().await;
    let api: Api<ConfigMap> = Api::namespaced(client, "default");
    let made = api.create(&PostParams::default(), &config("a", json!({"k": "1"}))).await.unwrap();
    assert!(made.metadata.uid.is_some() && made.metadata.creation_timestamp.is_some());

    let twice = status(api.create(&PostParams::default(), &config("a", json!({}))).await.unwrap_err());
    assert_eq!((twice.code, twice.reason.as_str()), (409, "AlreadyExists"));
    assert_eq!(twice.message, "configmaps \"a\" already exists");

    let patch = Patch::Merge(json!({"data": {"k": "2", "l": "3"}}));
    let patched = api.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(patched.data.as_ref().unwrap()["k"], "2");
    assert_ne!(patched.metadata.resource_version, made.metadata.resource_version);

    // A stale version is refused; the present one, and none at all, are not.
    let stale = status(api.replace("a", &PostParams::default(), &made).await.unwrap_err());
    assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"));
    api.replace("a", &PostParams::default(), &patched).await.unwrap();
    api.replace("a", &PostParams::default(), &config("a", json!({"z": "1"}))).await.unwrap();

    let remove: json_patch::Patch = serde_json::from_value(
        json!([{"op": "remove", "path": "/data/z"}, {"op": "add", "path": "/data/y", "value": "1"}]),
    )
    .unwrap();
    let patched = api.patch("a", &PatchParams::default(), &Patch::Json::<()>(remove)).await.unwrap();
    assert_eq!(patched.data.unwrap().into_keys().collect::<Vec<_>>(), ["y"]);

    api.delete("a", &DeleteParams::default()).await.unwrap();
    let gone = status(api.get("a").await.unwrap_err());
    assert_eq!((gone.code, gone.message.as_str()), (404, "configmaps \"a\" not found"));
}

#[tokio::test]
async fn writes_that_change_nothing_keep_the_version() {
    let (_cluster, client) = cluster().await;
    let api: Api<ConfigMap> = Api::namespaced(client, "default");
    let made = api.create(&PostParams::default(), &config("a", json!({"k": "1"}))).await.unwrap();
    let patch = Patch::Merge(json!({"data": {"k": "1"}}));
    let same = api.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(same.metadata.resource_version, made.metadata.resource_version);
}

#[tokio::test]
async fn a_dry_run_checks_and_keeps_nothing() {
    let (_cluster, client) = cluster().await;
    let api: Api<ConfigMap> = Api::namespaced(client, "default");
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    api.create(&dry, &config("a", json!({}))).await.unwrap();
    assert_eq!(status(api.get("a").await.unwrap_err()).code, 404);
    let bad = status(api.create(&dry, &config("A_", json!({}))).await.unwrap_err());
    assert_eq!((bad.code, bad.reason.as_str()), (422, "Invalid"));
}

#[tokio::test]
async fn lists_select_and_page() {
    let (_cluster, client) = cluster().await;
    let api: Api<ConfigMap> = Api::namespaced(client, "default");
    for name in ["a", "b", "c", "d", "e"] {
        api.create(&PostParams::default(), &config(name, json!({}))).await.unwrap();
    }
    let patch = Patch::Merge(json!({"metadata": {"labels": {"app": "b"}}}));
    api.patch("b", &PatchParams::default(), &patch).await.unwrap();
    let names = |list: kube::core::ObjectList<ConfigMap>| -> Vec<String> {
        list.items.into_iter().filter_map(|c| c.metadata.name).collect()
    };
    assert_eq!(names(api.list(&ListParams::default().labels("app in (b,x)")).await.unwrap()), ["b"]);
    assert_eq!(
        names(api.list(&ListParams::default().labels("app!=b").fields("metadata.name=c")).await.unwrap()),
        ["c"]
    );
    let wrong = status(api.list(&ListParams::default().fields("data.k=c")).await.unwrap_err());
    assert!(
        wrong.code == 400 && wrong.message.contains("\"data.k\" is not a known field selector"),
        "{wrong:?}"
    );

    let first = api.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    let token = first.metadata.continue_.clone().unwrap();
    assert_eq!(names(first), ["a", "b"]);
    let rest = api.list(&ListParams::default().continue_token(&token)).await.unwrap();
    assert_eq!(rest.metadata.continue_, None);
    assert_eq!(names(rest), ["c", "d", "e"]);

    api.delete_collection(&DeleteParams::default(), &ListParams::default().labels("app=a")).await.unwrap();
    assert_eq!(names(api.list(&ListParams::default()).await.unwrap()), ["b"]);
}

#[tokio::test]
async fn a_watch_sees_changes_and_selector_transitions() {
    let (_cluster, client) = cluster().await;
    let api: Api<ConfigMap> = Api::namespaced(client, "default");
    let from = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut watch = api.watch(&WatchParams::default().labels("app=a"), &from).await.unwrap().boxed();
    api.create(&PostParams::default(), &config("a", json!({}))).await.unwrap();
    let label = |value| Patch::Merge(json!({"metadata": {"labels": {"app": value}}}));
    api.patch("a", &PatchParams::default(), &Patch::Merge(json!({"data": {"k": "1"}}))).await.unwrap();
    api.patch("a", &PatchParams::default(), &label("b")).await.unwrap();
    api.patch("a", &PatchParams::default(), &label("a")).await.unwrap();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(match watch.try_next().await.unwrap().unwrap() {
            WatchEvent::Added(_) => "added",
            WatchEvent::Modified(_) => "modified",
            WatchEvent::Deleted(_) => "deleted",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, ["added", "modified", "deleted", "added", "deleted"]);
}

#[tokio::test]
async fn finalizers_hold_an_object_and_preconditions_guard_it() {
    let (_cluster, client) = cluster().await;
    let api: Api<ConfigMap> = Api::namespaced(client, "default");
    let mut held = config("a", json!({}));
    held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    api.create(&PostParams::default(), &held).await.unwrap();
    let preconditions = Preconditions { uid: Some("other".into()), resource_version: None };
    let wrong = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    assert_eq!(status(api.delete("a", &wrong).await.unwrap_err()).code, 409);

    api.delete("a", &DeleteParams::default()).await.unwrap();
    let marked = api.get("a").await.unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    let more = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}));
    assert_eq!(status(api.patch("a", &PatchParams::default(), &more).await.unwrap_err()).code, 422);
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("a", &PatchParams::default(), &none).await.unwrap();
    assert_eq!(status(api.get("a").await.unwrap_err()).code, 404);
}

#[tokio::test]
async fn a_namespace_must_exist() {
    let (_cluster, client) = cluster().await;
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "nowhere");
    let missing = status(api.create(&PostParams::default(), &config("a", json!({}))).await.unwrap_err());
    assert_eq!((missing.code, missing.message.as_str()), (404, "namespaces \"nowhere\" not found"));
    let all: Api<Namespace> = Api::all(client);
    assert!(all.get("vela-system").await.is_ok());
}

#[tokio::test]
async fn objects_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = EmbeddedCluster::open(dir.path(), Options::default()).await.unwrap();
    let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let made = api.create(&PostParams::default(), &config("a", json!({}))).await.unwrap();
    cluster.close().await;
    assert!(api.get("a").await.is_err());
    let cluster = EmbeddedCluster::open(dir.path(), Options::default()).await.unwrap();
    let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    assert_eq!(api.get("a").await.unwrap(), made);
}

#[tokio::test]
async fn hostile_bodies_are_refused() {
    let (_cluster, client) = cluster().await;
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let big = "x".repeat(4 << 20);
    let refused =
        status(api.create(&PostParams::default(), &config("a", json!({"k": big}))).await.unwrap_err());
    assert_eq!(refused.code, 413, "{refused:?}");

    // A patch that copies an object into itself doubles it with every operation.
    api.create(&PostParams::default(), &config("a", json!({"k": "v".repeat(1000)}))).await.unwrap();
    let copies: Vec<Value> =
        (0..40).map(|i| json!({"op": "copy", "from": "/data", "path": format!("/data/{i}")})).collect();
    let patch: json_patch::Patch = serde_json::from_value(copies.into()).unwrap();
    let refused = api.patch("a", &PatchParams::default(), &Patch::Json::<()>(patch)).await.unwrap_err();
    assert_eq!(status(refused).code, 413);

    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let request = http::Request::post("/api/v1/namespaces/default/configmaps")
        .header("content-type", "application/json")
        .body(deep.into_bytes())
        .unwrap();
    let refused = client.request_text(request).await.unwrap_err();
    assert_eq!(status(refused).code, 400);
}

#[tokio::test]
async fn a_kind_with_two_forms_is_one() {
    let (_cluster, client) = cluster().await;
    let old: Api<k8s_openapi::api::autoscaling::v1::HorizontalPodAutoscaler> =
        Api::default_namespaced(client.clone());
    let new: Api<k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler> =
        Api::default_namespaced(client);
    let object = json!({"metadata": {"name": "a"}, "spec": {
        "maxReplicas": 3, "targetCPUUtilizationPercentage": 70,
        "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
    }});
    old.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    let metrics = new.get("a").await.unwrap().spec.unwrap().metrics.unwrap();
    assert_eq!(metrics[0].resource.as_ref().unwrap().target.average_utilization, Some(70));
    let listed = old.list(&ListParams::default()).await.unwrap();
    assert_eq!(listed.items[0].spec.as_ref().unwrap().target_cpu_utilization_percentage, Some(70));
}
