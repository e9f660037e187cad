//! Canary and blue-green from end to end on an embedded cluster: which version has how many replicas and how much of the traffic at each point. The cluster
//! runs no containers, so Deployments become ready by its simulation, CloneSets by a controller played here; Prometheus is a real HTTP server whose value the test sets.
#![allow(clippy::unwrap_used, reason = "tests")]

use axum::routing::get;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Delivery, Driver, RunRef, Until};
use stepwell_runtime::model::run::RunStatus;

struct Stage {
    _cluster: EmbeddedCluster,
    client: Client,
    driver: Driver,
    prometheus: String,
    errors: Arc<AtomicI64>,
    kind: &'static str,
}

fn kind(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

async fn apply(client: &Client, resource: &ApiResource, object: Value) {
    let api: Api<DynamicObject> = match resource.kind.as_str() {
        "CustomResourceDefinition" => Api::all_with(client.clone(), resource),
        _ => Api::namespaced_with(client.clone(), "default", resource),
    };
    let name = object["metadata"]["name"].as_str().unwrap().to_string();
    api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await.unwrap();
}

/// A cluster with a route that leads to the Service of the shop.
async fn stage(kind_: &'static str) -> Stage {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let client = cluster.client();
    for (group, version, name, plural) in [
        ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
        ("apps.kruise.io", "v1alpha1", "CloneSet", "clonesets"),
    ] {
        let schema =
            json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced", "names": {"kind": name, "plural": plural, "singular": name.to_lowercase()},
                "versions": [{"name": version, "served": true, "storage": true, "subresources": {"status": {}}, "schema": schema}],
            },
        });
        apply(&client, &kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), crd).await;
    }
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "shop"},
        "spec": {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
    });
    apply(&client, &kind("gateway.networking.k8s.io", "v1", "HTTPRoute"), route).await;
    let errors = Arc::new(AtomicI64::new(0));
    let value = errors.clone();
    let answer = async move || {
        let value = value.load(Ordering::SeqCst).to_string();
        axum::Json(
            json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1.5, value]}]}}),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let prometheus = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/api/v1/query", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    if kind_ == "CloneSet" {
        tokio::spawn(clone_sets(client.clone()));
    }
    let driver = Driver::new(client.clone(), Library::builtin());
    Stage { _cluster: cluster, client, driver, prometheus, errors, kind: kind_ }
}

/// The controller of CloneSets: all replicas are there at once.
async fn clone_sets(client: Client) {
    let api: Api<DynamicObject> =
        Api::namespaced_with(client, "default", &kind("apps.kruise.io", "v1alpha1", "CloneSet"));
    loop {
        for set in api.list(&Default::default()).await.map(|l| l.items).unwrap_or_default() {
            let replicas = set.data["spec"]["replicas"].clone();
            let status = json!({
                "observedGeneration": set.metadata.generation, "replicas": replicas, "updatedReplicas": replicas, "updatedReadyReplicas": replicas,
            });
            if set.data.get("status") != Some(&status) {
                let _ = api
                    .patch_status(
                        &set.name_any(),
                        &PatchParams::default(),
                        &Patch::Merge(&json!({"status": status})),
                    )
                    .await;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Stage {
    /// Hands in the shop with this image, brought out by a step of this type.
    async fn deliver(&self, image: &str, step: &str, properties: &str) -> RunRef {
        self.deliver_to(image, step, "{name: shop}", properties).await
    }

    async fn deliver_to(&self, image: &str, step: &str, route: &str, properties: &str) -> RunRef {
        let properties = properties.replace("PROMETHEUS", &self.prometheus);
        let route = if route.is_empty() { String::new() } else { format!("route: {route}, ") };
        let labels = "{app.oam.dev/component: web}";
        let component = match self.kind {
            "CloneSet" => format!(
                "{{name: web, type: k8s-objects, properties: {{objects: [{{apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, metadata: {{name: web}}, spec: {{replicas: 4, \
                 selector: {{matchLabels: {labels}}}, template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: web, image: '{image}'}}]}}}}}}}}, \
                 {{apiVersion: v1, kind: Service, metadata: {{name: web}}, spec: {{selector: {labels}, ports: [{{port: 80}}]}}}}]}}}}"
            ),
            _ => format!(
                "{{name: web, type: webservice, properties: {{image: '{image}', ports: [{{port: 80, expose: true}}]}}, traits: [{{type: scaler, properties: {{replicas: 4}}}}]}}"
            ),
        };
        let text = format!(
            "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n  components:\n  - {component}\n  workflow:\n    steps:\n    \
             - {{name: out, type: {step}, properties: {{component: web, {route}{properties}}}}}\n"
        );
        let document =
            Document::read_all("app.yaml", &text).unwrap_or_else(|e| panic!("{e}\n{text}")).remove(0);
        let delivery = Delivery::read(&document).unwrap_or_else(|e| panic!("{e}")).unwrap();
        self.driver.submit(&delivery).await.unwrap_or_else(|e| panic!("{e}"))
    }

    async fn drive(&self, run: &RunRef) -> RunStatus {
        let driving = self.driver.drive(run.clone(), Until::Suspended).wait();
        match tokio::time::timeout(Duration::from_secs(60), driving).await {
            Ok(status) => status.unwrap_or_else(|e| panic!("{e}")),
            Err(_) => panic!("it takes too long: {:#?}", self.driver.status(run).await),
        }
    }

    /// The workloads with image and replicas, and where the route leads.
    async fn seen(&self) -> String {
        let workloads = match self.kind {
            "CloneSet" => kind("apps.kruise.io", "v1alpha1", "CloneSet"),
            _ => kind("apps", "v1", "Deployment"),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), "default", &workloads);
        let mut out = Vec::new();
        for o in api.list(&Default::default()).await.unwrap().items {
            let spec = &o.data["spec"];
            let image = spec["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
            out.push(format!("{} {image} x{}", o.name_any(), spec["replicas"]));
        }
        let routes: Api<DynamicObject> = Api::namespaced_with(
            self.client.clone(),
            "default",
            &kind("gateway.networking.k8s.io", "v1", "HTTPRoute"),
        );
        let route = routes.get("shop").await.unwrap();
        for b in route.data["spec"]["rules"][0]["backendRefs"].as_array().unwrap() {
            out.push(format!("{}={}", b["name"].as_str().unwrap(), b.get("weight").unwrap_or(&json!("all"))));
        }
        out.join(", ")
    }

    async fn services(&self) -> Vec<String> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), "default", &kind("", "v1", "Service"));
        api.list(&Default::default())
            .await
            .unwrap()
            .items
            .iter()
            .map(ResourceExt::name_any)
            .filter(|n| n != "kubernetes")
            .collect()
    }
}

fn told(status: &RunStatus) -> String {
    let step = status.all().next().unwrap();
    format!("{:?}: {}", step.phase, step.message)
}

const METRICS: &str = "metrics: [{query: errors, metricEndpoint: 'PROMETHEUS', condition: '< 5', duration: 300ms, failDuration: 300ms}]";

async fn a_canary_takes_over_in_stages(kind: &'static str) {
    let stage = stage(kind).await;
    let properties =
        format!("stages: [{{weight: 25, approve: true}}, {{weight: 75, approve: true}}], {METRICS}");
    // The first version has nothing to take over from.
    let run = stage.deliver("web:1", "canary", &properties).await;
    assert_eq!(told(&stage.drive(&run).await), "Succeeded: ");
    assert_eq!(stage.seen().await, "web web:1 x4, web=100");

    let run = stage.deliver("web:2", "canary", &properties).await;
    assert_eq!(told(&stage.drive(&run).await), "Suspending: 25% is the new version: may it go on?");
    assert_eq!(stage.seen().await, "web web:1 x3, web-canary web:2 x1, web=75, web-canary=25");
    assert_eq!(stage.services().await, ["web", "web-canary"]);
    stage.driver.resume(&run, None).await.unwrap();
    assert_eq!(told(&stage.drive(&run).await), "Suspending: 75% is the new version: may it go on?");
    assert_eq!(stage.seen().await, "web web:1 x1, web-canary web:2 x3, web=25, web-canary=75");
    stage.driver.resume(&run, None).await.unwrap();
    assert_eq!(told(&stage.drive(&run).await), "Succeeded: ");
    assert_eq!(stage.seen().await, "web web:2 x4, web=100");
    assert_eq!(stage.services().await, ["web"]);

    // The same version again is nothing to bring out.
    let run = stage.deliver("web:2", "canary", &format!("rollBack: false, {properties}")).await;
    assert_eq!(told(&stage.drive(&run).await), "Succeeded: ");
    assert_eq!(stage.seen().await, "web web:2 x4, web=100");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_of_a_deployment() {
    a_canary_takes_over_in_stages("Deployment").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_of_a_clone_set() {
    a_canary_takes_over_in_stages("CloneSet").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_is_not_well_is_rolled_back() {
    let stage = stage("Deployment").await;
    let properties = format!("stages: [{{weight: 25}}, {{weight: 50, approve: true}}], {METRICS}");
    let run = stage.deliver("web:1", "canary", &properties).await;
    stage.drive(&run).await;
    stage.errors.store(9, Ordering::SeqCst);
    let run = stage.deliver("web:2", "canary", &properties).await;
    let end = told(&stage.drive(&run).await);
    assert!(end.starts_with("Failed: rolled back: errors: 9 has not been < 5 for 300ms"), "{end}");
    assert_eq!(stage.seen().await, "web web:1 x4, web=100");
    assert_eq!(stage.services().await, ["web"]);

    // Another attempt, once it is well, begins at the beginning; where nobody wants it rolled back, both stay.
    stage.errors.store(0, Ordering::SeqCst);
    let run = stage.deliver("web:3", "canary", &format!("rollBack: false, {properties}")).await;
    assert_eq!(told(&stage.drive(&run).await), "Suspending: 50% is the new version: may it go on?");
    stage.driver.terminate(&run).await.unwrap();
    assert_eq!(stage.seen().await, "web web:1 x2, web-canary web:3 x2, web=50, web-canary=50");
    // Bringing the version that ran out again takes everything back.
    let run = stage.deliver("web:1", "canary", &properties).await;
    assert_eq!(told(&stage.drive(&run).await), "Succeeded: ");
    assert_eq!(stage.seen().await, "web web:1 x4, web=100");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_route_the_replicas_alone_share_the_traffic() {
    let stage = stage("Deployment").await;
    let properties =
        format!("stages: [{{weight: 25, approve: true}}, {{weight: 75, approve: true}}], {METRICS}");
    let run = stage.deliver_to("web:1", "canary", "", &properties).await;
    assert_eq!(told(&stage.drive(&run).await), "Succeeded: ");
    let run = stage.deliver_to("web:2", "canary", "", &properties).await;
    assert_eq!(told(&stage.drive(&run).await), "Suspending: 25% is the new version: may it go on?");
    assert_eq!(stage.seen().await, "web web:1 x3, web-canary web:2 x1, web=\"all\"");
    // The one Service leads to the pods of both.
    assert_eq!(stage.services().await, ["web"]);
    let services: Api<DynamicObject> =
        Api::namespaced_with(stage.client.clone(), "default", &kind("", "v1", "Service"));
    let selector = services.get("web").await.unwrap().data["spec"]["selector"].clone();
    let workloads: Api<DynamicObject> =
        Api::namespaced_with(stage.client.clone(), "default", &kind("apps", "v1", "Deployment"));
    for name in ["web", "web-canary"] {
        let labels =
            workloads.get(name).await.unwrap().data["spec"]["template"]["metadata"]["labels"].clone();
        for (label, value) in selector.as_object().unwrap() {
            assert_eq!(&labels[label], value, "{name}");
        }
    }
    stage.driver.resume(&run, None).await.unwrap();
    assert_eq!(told(&stage.drive(&run).await), "Suspending: 75% is the new version: may it go on?");
    assert_eq!(stage.seen().await, "web web:1 x1, web-canary web:2 x3, web=\"all\"");
    stage.driver.resume(&run, None).await.unwrap();
    assert_eq!(told(&stage.drive(&run).await), "Succeeded: ");
    assert_eq!(stage.seen().await, "web web:2 x4, web=\"all\"");

    stage.errors.store(9, Ordering::SeqCst);
    let run = stage.deliver_to("web:3", "canary", "", &properties.replace(", approve: true", "")).await;
    let end = told(&stage.drive(&run).await);
    assert!(end.starts_with("Failed: rolled back: errors: 9 has not been < 5 for 300ms"), "{end}");
    assert_eq!(stage.seen().await, "web web:2 x4, web=\"all\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn blue_gives_way_to_green() {
    let stage = stage("Deployment").await;
    let run = stage.deliver("web:1", "blue-green", METRICS).await;
    stage.drive(&run).await;
    let run = stage.deliver("web:2", "blue-green", METRICS).await;
    // Green is ready, and nobody is led there but by its own Service.
    assert_eq!(told(&stage.drive(&run).await), "Suspending: web-green is ready: may traffic go there?");
    assert_eq!(stage.seen().await, "web web:1 x4, web-green web:2 x4, web=100");
    assert_eq!(stage.services().await, ["web", "web-green"]);
    stage.driver.resume(&run, None).await.unwrap();
    assert_eq!(told(&stage.drive(&run).await), "Succeeded: ");
    assert_eq!(stage.seen().await, "web web:2 x4, web=100");

    stage.errors.store(9, Ordering::SeqCst);
    let run = stage.deliver("web:3", "blue-green", &format!("approve: false, {METRICS}")).await;
    let end = told(&stage.drive(&run).await);
    assert!(end.starts_with("Failed: rolled back: errors: 9"), "{end}");
    assert_eq!(stage.seen().await, "web web:2 x4, web=100");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_not_there_is_told() {
    let stage = stage("Deployment").await;
    let run = stage.deliver("web:1", "canary", "stages: [{weight: 10}]").await;
    stage.drive(&run).await;
    for (image, route, end) in [
        ("web:2", "{name: shopp}", "Failed: there is no HTTPRoute shopp in namespace default"),
        (
            "web:3",
            "{name: shop, service: other}",
            "Failed: there is no Service other for the HTTPRoute shop to lead to",
        ),
    ] {
        let run = stage.deliver_to(image, "canary", route, "stages: [{weight: 10}]").await;
        assert_eq!(told(&stage.drive(&run).await), end);
    }
}
