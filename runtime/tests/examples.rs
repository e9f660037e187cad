//! Every example in `examples/definitions/KIND/NAME.yaml`, carried out on an embedded cluster of its own; what it leaves there is compared with a snapshot.
//!
//! A new definition needs no Rust: an example, then `INSTA_UPDATE=always cargo test --test examples`. The cluster runs no containers, so the status of
//! workloads is simulated; controllers that are not part of Kubernetes (Terraform, Flux, ...) are played here as `controllers.yaml` says, a kubelet for pods that
//! are to end is too. Calls to `http://127.0.0.1:8080` reach a real server, which answers as Prometheus does where it is asked so; `file:///srv/config.git` is a
//! bare Git repository.
#![allow(clippy::unwrap_used, reason = "tests")]

use axum::extract::Request;
use futures::StreamExt;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::{Discovery, Scope, verbs};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Delivery, Driver, Until};
use stepwell_runtime::model::definition::Kind;

/// Examples that need a program of people's machines: `tests/program/charts.rs` runs them, where there is one.
const WITH_PROGRAMS: [&str; 2] = ["helm-template", "kustomize-patch"];

fn needs_a_program(path: &Path) -> bool {
    path.file_stem().and_then(|s| s.to_str()).is_some_and(|name| WITH_PROGRAMS.contains(&name))
}

const RULES: &str = include_str!("../../cluster/rules/default.yaml");
const CONTROLLERS: &str = include_str!("controllers.yaml");

/// Everything that is asked for: a query to Prometheus gives 1, anything else a short text.
async fn serve() -> String {
    let answer = async |request: Request| match request.uri().path() {
        "/api/v1/query" => {
            let result = json!([{"metric": {}, "value": [1.5, "1"]}]);
            json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string()
        }
        "/objects.yaml" => {
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fetched}\ndata: {a: b}\n".to_string()
        }
        _ => "{\"ok\": true}".to_string(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// An empty bare Git repository.
fn bare() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        std::fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    std::fs::write(dir.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
    std::fs::write(dir.path().join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        .unwrap();
    dir
}

fn resource(object: &Value) -> ApiResource {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let gvk = GroupVersionKind::gvk(group, version, text("kind"));
    match object.get("plural").and_then(Value::as_str) {
        Some(plural) => ApiResource::from_gvk_with_plural(&gvk, plural),
        None => ApiResource::from_gvk(&gvk),
    }
}

async fn apply(client: &Client, object: &Value) {
    let resource = resource(object);
    let kind = GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind);
    let discovered = kube::discovery::pinned_kind(client, &kind).await;
    let (resource, capabilities) = discovered.unwrap_or_else(|e| panic!("{}: {e}", object["kind"]));
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
        Scope::Cluster => Api::all_with(client.clone(), &resource),
    };
    let name = object["metadata"]["name"].as_str().unwrap();
    let params = PatchParams::apply("example").force();
    api.patch(name, &params, &Patch::Apply(object)).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    if object.get("status").is_some() {
        let status = json!({"status": object["status"]});
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    }
}

/// The kinds that these controllers bring.
async fn install(client: &Client, controllers: &[Value]) {
    for c in controllers.iter().filter(|c| c["installed"] != false) {
        let r = resource(c);
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.{}", r.plural, r.group)},
            "spec": {
                "group": r.group, "scope": "Namespaced",
                "names": {"kind": r.kind, "plural": r.plural, "singular": r.kind.to_lowercase()},
                "versions": [{
                    "name": r.version, "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                }],
            },
        });
        apply(client, &crd).await;
    }
}

fn filled(value: &Value, object: &DynamicObject) -> Value {
    let text = value.to_string();
    let text = text
        .replace("\"$replicas\"", &object.data.pointer("/spec/replicas").unwrap_or(&json!(1)).to_string())
        .replace("\"$generation\"", &object.metadata.generation.unwrap_or_default().to_string())
        .replace("$namespace", &object.namespace().unwrap_or_default())
        .replace("$name", &object.name_any());
    serde_json::from_str(&text).unwrap()
}

/// A controller: every object of its kind comes to the status that it says, and has what it makes made.
async fn control(client: Client, controller: Value) {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(&controller));
    loop {
        for object in api.list(&ListParams::default()).await.map(|l| l.items).unwrap_or_default() {
            let fits = |(pointer, wanted): (&String, &Value)| object.data.pointer(pointer) == Some(wanted);
            let status = filled(&controller["status"], &object);
            let now = object.data.get("status").cloned().unwrap_or_default();
            let mut merged = now.clone();
            json_patch(&mut merged, &status);
            if !controller["where"].as_object().into_iter().flatten().all(fits) || merged == now {
                continue;
            }
            for made in controller["makes"].as_array().into_iter().flatten() {
                apply(&client, &filled(made, &object)).await;
            }
            let own: Api<DynamicObject> = Api::namespaced_with(
                client.clone(),
                &object.namespace().unwrap_or_default(),
                &resource(&controller),
            );
            let patch = json!({"status": status});
            let _ =
                own.patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Merges one value into another, as JSON merge patches do.
fn json_patch(into: &mut Value, patch: &Value) {
    match (into.as_object_mut(), patch) {
        (Some(fields), Value::Object(patch)) => {
            for (key, value) in patch {
                json_patch(fields.entry(key).or_insert(Value::Null), value);
            }
        }
        _ => *into = patch.clone(),
    }
}

/// The names of all objects that somebody has made, kind by kind.
async fn objects(client: &Client) -> String {
    const UNSEEN: [&str; 10] = [
        "Namespace",
        "Event",
        "Lease",
        "CustomResourceDefinition",
        "Node",
        "APIService",
        "PriorityClass",
        "ControllerRevision",
        "ServiceCIDR",
        "IPAddress",
    ];
    let mut out = Vec::new();
    let discovery = Discovery::new(client.clone()).run_aggregated().await.unwrap();
    for (resource, capabilities) in discovery.groups().flat_map(|g| g.recommended_resources()) {
        // The record of a run is nothing that an example shows.
        let record = ["ApplicationRevision", "ResourceTracker"].contains(&resource.kind.as_str());
        if record || !capabilities.supports_operation(verbs::LIST) || UNSEEN.contains(&resource.kind.as_str())
        {
            continue;
        }
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        for object in
            api.list(&ListParams::default()).await.unwrap_or_else(|e| panic!("{}: {e}", resource.kind)).items
        {
            // Pods are named by chance after what has made them.
            let name = match object.owner_references().first() {
                Some(owner) if resource.kind == "Pod" => format!("{}-[pod]", owner.name),
                _ => object.name_any(),
            };
            let namespace = object.namespace().map(|n| format!("{n}/")).unwrap_or_default();
            // What comes with every cluster, and the record of the run.
            let own =
                object.labels().keys().chain(object.annotations().keys()).any(|k| k.contains("oam.dev/"));
            if own || resource.group.contains('.') && !resource.group.ends_with(".k8s.io") {
                out.push(format!("{} {namespace}{name}", resource.kind));
            }
        }
    }
    out.sort();
    out.join("\n")
}

/// Carries an example out and gives what came of it.
async fn run(path: &Path) -> String {
    // Jobs take their time, so that whoever plays the kubelet has made their pods before, also on a busy machine.
    let rules = RULES.replacen("batch/Job:\n  after: 300ms", "batch/Job:\n  after: 3s", 1);
    assert_ne!(rules, RULES);
    let options = Options { rules: Some(rules), ..Options::default() };
    let cluster = EmbeddedCluster::in_memory(options).await.unwrap();
    let client = cluster.client();
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("http://127.0.0.1:8080", &serve().await);
    let repository = bare();
    let text = text.replace("file:///srv/config.git", &format!("file://{}", repository.path().display()));
    let name = path.display().to_string();
    let controllers: Vec<Value> =
        Document::read_all("controllers", CONTROLLERS).unwrap().into_iter().map(|d| d.value).collect();
    let (mut delivery, mut beside) = (None, Vec::new());
    for document in Document::read_all(&name, &text).unwrap_or_else(|e| panic!("{e}")) {
        match Delivery::read(&document).unwrap_or_else(|e| panic!("{e}")) {
            Some(found) => delivery = Some(found),
            None => beside.push(document.value),
        }
    }
    // Only the controllers that the example speaks of: kinds cost time.
    let asked = |c: &&Value| {
        let group = c["apiVersion"].as_str().unwrap_or_default();
        text.contains(group)
            || c["for"].as_array().into_iter().flatten().any(|f| text.contains(f.as_str().unwrap()))
    };
    let controllers: Vec<Value> = controllers.iter().filter(asked).cloned().collect();
    install(&client, &controllers).await;
    for object in &beside {
        apply(&client, object).await;
    }
    let active = controllers.into_iter().filter(|c| !c["status"].is_null());
    let played: Vec<_> = active.map(|c| tokio::spawn(control(client.clone(), c))).collect();
    let driver = Driver::new(client.clone(), Library::builtin()).local();
    let reference = driver.submit(&delivery.unwrap_or_else(|| panic!("{name} holds nothing to run"))).await;
    let reference = reference.unwrap_or_else(|e| panic!("{name}: {e}"));
    let driving = driver.drive(reference.clone(), Until::Suspended).wait();
    let status = match tokio::time::timeout(Duration::from_secs(60), driving).await {
        Ok(end) => end.unwrap_or_else(|e| panic!("{name}: {e}")),
        Err(_) => panic!("{name} takes too long: {:#?}", driver.status(&reference).await),
    };
    let mut out = format!("{:?} {}\n", status.phase, status.message).replace(" \n", "\n");
    for step in status.all() {
        let _ = writeln!(out, "  {} ({}): {:?} {}", step.name, step.kind, step.phase, step.message);
    }
    played.iter().for_each(tokio::task::JoinHandle::abort);
    out += &objects(&client).await;
    // Identities are made by chance.
    for step in status.all().filter(|s| !s.id.is_empty()) {
        out = out.replace(&step.id, "[id]");
    }
    // A commit is named after its time.
    let commit = regex_automata::meta::Regex::new("[0-9a-f]{40}").unwrap();
    if let Some(found) = commit.find(&out) {
        out.replace_range(found.range(), "[commit]");
    }
    out.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

#[test]
fn every_example_comes_to_its_end() {
    // All at once: they mostly wait.
    let mut files = Vec::new();
    for kind in
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/definitions")).unwrap()
    {
        files.extend(
            std::fs::read_dir(kind.unwrap().path())
                .unwrap()
                .map(|f| f.unwrap().path().canonicalize().unwrap()),
        );
    }
    files.retain(|f| !needs_a_program(f));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let came: HashMap<PathBuf, String> = runtime.block_on(
        futures::stream::iter(files)
            .map(|file| async move {
                let task = tokio::spawn(async move { (run(&file).await, file) });
                task.await.map(|(came, file)| (file, came)).unwrap()
            })
            .buffer_unordered(12)
            .collect(),
    );
    insta::glob!("../../examples/definitions", "*/*.yaml", |path| {
        if needs_a_program(path) {
            return;
        }
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        insta::with_settings!({ snapshot_suffix => format!("{folder}_{name}"), omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("example", came[&path.canonicalize().unwrap()]);
        });
    });
}

#[test]
fn every_definition_has_an_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/definitions");
    for kind in Kind::ALL {
        for name in Library::builtin().names(kind) {
            let file = root.join(kind.folder()).join(format!("{name}.yaml"));
            let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert!(text.starts_with("# "), "{} does not say what it shows", file.display());
            assert!(text.contains(&format!("type: {name}")), "{} does not use `{name}`", file.display());
        }
    }
}
