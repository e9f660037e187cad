//! Ops as steps meet them: every op carried out by a step of a run against a real server (the embedded cluster, servers over HTTP and SMTP on loopback), in
//! both forms, and what users are told of what is wrong.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{any, get};
use common::{carry_out, cluster, definition, delivery, driver, kind, outputs, run_of, secret};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stepwell_runtime::definitions::Library;
use stepwell_runtime::driver::{Driver, Observed, Observer, Until};
use stepwell_runtime::engine::Limits;
use stepwell_runtime::model::run::{StepPhase, StepStatus};

/// What a server was asked: method and path of each request; `/slow` answers only once it is let, `/big` gives more than is recorded.
async fn noting() -> (String, Arc<Mutex<Vec<String>>>, Arc<tokio::sync::Semaphore>) {
    let (seen, gate) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(tokio::sync::Semaphore::new(0)));
    let (noted, opened) = (seen.clone(), gate.clone());
    let answer = move |request: axum::extract::Request| {
        let (noted, opened) = (noted.clone(), opened.clone());
        async move {
            let path = request.uri().path().to_string();
            noted.lock().unwrap().push(format!("{} {path}", request.method()));
            if path == "/slow" {
                let _ = opened.acquire().await;
            }
            if path == "/big" { "x".repeat(300 << 10) } else { path }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (address, seen, gate)
}

/// Carries out a step of these ops, which ask for `/slow`, by a process that is lost meanwhile and another after it. Gives the step, and what the server was asked by
/// each of the two.
async fn interrupted(template: &str, properties: Value) -> (StepStatus, Vec<String>, Vec<String>) {
    let cluster = cluster().await;
    let (server, seen, gate) = noting().await;
    let definitions = definition("calls", template);
    let mut properties = properties;
    properties["server"] = json!(server);
    let run = run_of("crashed", json!([{"name": "s", "type": "calls", "properties": properties}]));
    let reference = driver(&cluster, &definitions).submit(&run).await.unwrap();
    let driving = driver(&cluster, &definitions).drive(reference.clone(), Until::Finished);
    for _ in 0..1_000 {
        if seen.lock().unwrap().iter().any(|s| s == "GET /slow") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = std::mem::take(&mut *seen.lock().unwrap());
    driving.abandon();
    gate.add_permits(10);
    let status = tokio::time::timeout(
        Duration::from_secs(60),
        driver(&cluster, &definitions).drive(reference, Until::Finished).wait(),
    );
    let status = status.await.expect("it takes too long").unwrap();
    let after = seen.lock().unwrap().clone();
    (status.steps[0].clone(), before, after)
}

/// A process that is lost while a request is under way: what was sent is not sent again, and what was asked and has been saved is not asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_repeats_no_op_that_sends() {
    let template = r##"
import "vela/http"
ask: http.#HTTPGet & {$params: url: "\(parameter.server)/ask"}
send: http.#HTTPPost & {$params: {url: "\(parameter.server)/send", request: body: ask.$returns.body}}
wait: http.#HTTPGet & {$params: {url: "\(parameter.server)/slow?\(send.$returns.statusCode)", request: timeout: "60s"}}
last: http.#HTTPPut & {$params: {url: "\(parameter.server)/last", request: body: wait.$returns.body}}
parameter: server: string
"##;
    let (step, before, after) = interrupted(template, json!({})).await;
    assert_eq!(step.phase, StepPhase::Succeeded, "{step:?}");
    assert_eq!(before, ["GET /ask", "POST /send", "GET /slow"]);
    assert_eq!(after, ["GET /slow", "PUT /last"]);
}

/// What is too long to be recorded is asked again, and not sent again; a step that needs what it was answered fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_repeats_no_op_that_sends_whatever_it_gave() {
    let template = r##"
import "vela/http"
send: http.#HTTPPost & {$params: url: "\(parameter.server)/big"}
ask: http.#HTTPGet & {$params: url: "\(parameter.server)/big"}
wait: http.#HTTPGet & {$params: {url: "\(parameter.server)/slow", request: timeout: "60s"}}
last: http.#HTTPPut & {$params: {url: "\(parameter.server)/last", request: body: [if parameter.needs {send.$returns.body}, "none"][0]}}
parameter: {server: string, needs: bool}
"##;
    let (step, before, after) = interrupted(template, json!({"needs": false})).await;
    assert_eq!(step.phase, StepPhase::Succeeded, "{step:?}");
    assert_eq!(before, ["POST /big", "GET /big", "GET /slow"]);
    assert_eq!(after, ["GET /big", "GET /slow", "PUT /last"]);
    let (step, before, after) = interrupted(template, json!({"needs": true})).await;
    assert_eq!(before, ["POST /big", "GET /big", "GET /slow"]);
    assert_eq!(after, ["GET /big", "GET /slow"]);
    assert_eq!(step.phase, StepPhase::Failed, "{step:?}");
    insta::assert_snapshot!(step.message, @"last: last.$params.request.body: cannot reference optional field: $returns (before the run was interrupted, `send` gave more than could be kept; it is not carried out twice)");
}

/// Notes which ops were carried out: their paths, and what they are.
#[derive(Default)]
struct Calls(Mutex<Vec<(String, String)>>);

impl Observer for Calls {
    fn op(&self, o: &Observed<'_>) {
        self.0.lock().unwrap().push((o.op.to_string(), o.call.clone()));
    }
}

/// A server over HTTP; `/moved` leads to `/end`, `/away` to another host.
async fn serve() -> String {
    let metrics =
        json!({"status": "success", "data": {"resultType": "vector", "result": [{"value": [0, "3"]}]}});
    let app = Router::new()
        .route("/json", get(|| async { axum::Json(json!({"version": "1.4"})) }))
        .route("/text", any(|| async { "no JSON here" }))
        .route("/moved", get(|| async { Redirect::temporary("/end") }))
        .route(
            "/end",
            get(|headers: axum::http::HeaderMap| async move { format!("key={:?}", headers.get("x-key")) }),
        )
        .route("/api/v1/query", get(move || async move { axum::Json(metrics) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // By another name it is another host.
    let other = address.replace("127.0.0.1", "localhost");
    let app = app.route("/away", get(move || async move { Redirect::temporary(&format!("{other}/end")) }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

const NEW: &str = r#"
import ("vela/kube", "vela/config", "vela/util", "vela/time", "vela/builtin", "vela/http", "vela/metrics")
map: {apiVersion: "v1", kind: "ConfigMap", metadata: name: "new"}
apply: kube.#Apply & {$params: {value: map & {data: a: "1"}, patch: data: b: "2"}}
parallel: kube.#ApplyInParallel & {$params: value: [for n in ["n-one", "n-two"] {apiVersion: "v1", kind: "ConfigMap", metadata: {name: n, labels: set: "new"}}]}
patch: kube.#Patch & {$params: {value: map, patch: data: a: "3"}}
read: kube.#Read & {$params: value: map}
none: kube.#Read & {$params: value: map & {metadata: namespace: "nowhere"}}
list: kube.#List & {$params: {resource: {apiVersion: "v1", kind: "ConfigMap"}, filter: {namespace: "default", matchingLabels: set: "new"}}}
unknown: kube.#List & {$params: resource: {apiVersion: "v1", kind: "Nothing"}}
ready: kube.#Ready & {$params: value: map}
delete: kube.#Delete & {$params: {value: {apiVersion: "v1", kind: "ConfigMap"}, filter: {namespace: "default", matchingLabels: set: "new"}}}
undeletable: kube.#Delete & {$params: value: {apiVersion: "v1", kind: "Nothing", metadata: name: "x"}}
left: kube.#List & {$params: {resource: {apiVersion: "v1", kind: "ConfigMap"}, filter: {namespace: "default", matchingLabels: set: "new"}}}
create: config.#CreateConfig & {$params: {name: "conf", namespace: context.namespace, config: {host: "h", port: 25}}}
settings: config.#ReadConfig & {$params: {name: "conf", namespace: context.namespace}}
configs: config.#ListConfig & {$params: {template: "", namespace: context.namespace}}
remove: config.#DeleteConfig & {$params: {name: "conf", namespace: context.namespace}}
merged: util.#PatchK8sObject & {$params: {value: map, patch: metadata: labels: a: "b"}}
text: util.#ConvertString & {$params: bt: 'bytes'}
log: util.#Log & {$params: data: {a: 1}}
stamp: time.#DateToTimestamp & {$params: date: "2021-11-09T10:00:00Z"}
date: time.#TimestampToDate & {$params: timestamp: stamp.$returns.timestamp}
put: builtin.#DoVar & {$params: {method: "Put", path: "kept", value: {n: [1, 2]}}}
get: builtin.#DoVar & {$params: path: "kept.n[1]"}
wait: builtin.#ConditionalWait & {$params: continue: get.$returns.value == 2}
call: http.#HTTPGet & {$params: url: "\(parameter.server)/json"}
moved: http.#HTTPDo & {$params: url: "\(parameter.server)/moved"}
away: http.#HTTPDo & {$params: {url: "\(parameter.server)/away", request: headersFromSecret: [{header: "X-Key", secret: "key", key: "k"}]}}
check: metrics.#PromCheck & {$params: {query: "up", metricEndpoint: parameter.server, condition: ">= 2", duration: "1ms", failDuration: "1h"}}
said: builtin.#Message & {$params: message: "all done"}
all: {
  "applied": apply.$returns.value.data, "parallel": len(parallel.$returns.value), "patched": patch.$returns.result.data, "read": read.$returns.value.data
  "none": none.$returns.err, "listed": [for i in list.$returns.values.items {i.metadata.name}], "unknown": unknown.$returns.err, "ready": ready.$returns.value.metadata.name
  "undeletable": undeletable.$returns.err, "left": len(left.$returns.values.items), "configs": len(configs.$returns.configs)
  "merged": merged.$returns.result.metadata.labels, "text": text.$returns.str, "stamp": stamp.$returns.timestamp, "date": date.$returns.date
  "version": call.$returns.body, "moved": moved.$returns.body, "away": away.$returns.statusCode, "enough": check.$returns.failed
}
parameter: server: string
"#;

const OLD: &str = r#"
import "vela/op"
map: {apiVersion: "v1", kind: "ConfigMap", metadata: name: "old"}
apply: op.#Apply & {value: map & {data: a: "1"}, patch: data: b: "2"}
parallel: op.#ApplyInParallel & {value: [for n in ["o-one", "o-two"] {apiVersion: "v1", kind: "ConfigMap", metadata: {name: n, labels: set: "old"}}]}
patch: op.#Patch & {value: map, patch: data: a: "3"}
read: op.#Read & {value: map}
none: op.#Read & {value: map & {metadata: namespace: "nowhere"}}
list: op.#List & {resource: {apiVersion: "v1", kind: "ConfigMap"}, filter: {namespace: "default", matchingLabels: set: "old"}}
delete: op.#Delete & {value: {apiVersion: "v1", kind: "ConfigMap"}, filter: {namespace: "default", matchingLabels: set: "old"}}
undeletable: op.#Delete & {value: {apiVersion: "v1", kind: "Nothing", metadata: name: "x"}}
create: op.#CreateConfig & {name: "older", namespace: context.namespace, config: {host: "h"}}
settings: op.#ReadConfig & {name: "older", namespace: context.namespace}
configs: op.#ListConfig & {template: "", namespace: context.namespace}
remove: op.#DeleteConfig & {name: "older", namespace: context.namespace}
merged: op.#PatchK8sObject & {value: map, patch: metadata: labels: a: "b"}
text: op.#ConvertString & {bt: 'bytes'}
log: op.#Log & {data: "hi"}
stamp: op.#DateToTimestamp & {date: "2021-11-09T10:00:00Z"}
date: op.#TimestampToDate & {timestamp: stamp.timestamp}
put: op.#DoVar & {method: "Put", path: "older", value: 7}
get: op.#DoVar & {method: "Get", path: "older"}
wait: op.#ConditionalWait & {continue: get.value == 7}
call: op.#HTTPGet & {url: "\(parameter.server)/json"}
check: op.#PromCheck & {query: "up", metricEndpoint: parameter.server, condition: ">= 2", duration: "1ms", failDuration: "1h"}
said: op.#Message & {message: "all done"}
all: {
  "applied": apply.value.data, "parallel": len(parallel.value), "patched": patch.result.data, "read": read.value.data, "none": none.err
  "listed": [for i in list.list.items {i.metadata.name}], "undeletable": undeletable.err, "configs": len(configs.configs)
  "merged": merged.result.metadata.labels, "text": text.str, "stamp": stamp.timestamp, "date": date.date, "version": call.response.body, "enough": check.failed
}
parameter: server: string
"#;

const ASKS: &str = r#"
import ("vela/query", "vela/multicluster", "vela/terraform")
of: {name: context.name, namespace: context.namespace}
objects: query.#ListResourcesInApp & {$params: app: of}
applied: query.#ListAppliedResources & {$params: app: of}
none: query.#ListAppliedResources & {$params: app: of & {filter: kind: "Deployment"}}
services: query.#CollectServices & {$params: app: of & {filter: {}}}
events: query.#SearchEvents & {$params: {value: {apiVersion: "v1", kind: "ConfigMap", metadata: {name: "conf", namespace: context.namespace}}, cluster: ""}}
ends: query.#CollectServiceEndpoints & {$params: app: of}
clusters: multicluster.#ListClusters
places: multicluster.#GetPlacementsFromTmulticlusterologyPolicies & {$params: policies: ["here"]}
connection: terraform.#GetConnectionStatus & {$params: inputs: componentName: "conf"}
components: terraform.#LoadTerraformComponents
all: {
  "objects": [for o in objects.$returns.list {o.object.metadata.name}], "applied": [for o in applied.$returns.list {"\(o.kind) \(o.name)"}], "none": len(none.$returns.list)
  "services": len(services.$returns.list), "events": len(events.$returns.list), "ends": len(ends.$returns.list), "clusters": clusters.$returns.outputs.clusters
  "places": places.$returns.placements, "connection": connection.$returns.outputs.healthy, "components": len(components.$returns.outputs.components)
}
parameter: {}
"#;

/// Ops that meet what they need (a server, a program, a controller, a run that ends) in other tests, and where.
const ELSEWHERE: [(&str, &str); 9] = [
    ("builtin/restart", "restarts.rs"),
    ("git/push", "git.rs"),
    ("git/read", "git.rs"),
    ("kustomize/build", "../../tests/program/charts.rs"),
    ("multicluster/make-placement-decisions", "examples.rs"),
    ("multicluster/patch-application", "examples.rs"),
    ("oam/component-write", "../../tests/program/charts.rs"),
    ("query/collectLogsInPod", "examples.rs"),
    ("revision/restore", "../../tests/program/revisions.rs"),
];

const OF_APPLICATION: &str = r#"
import ("vela/oam", "vela/op", "vela/multicluster")
load: oam.#LoadComponets & {$params: {}}
order: oam.#LoadComponetsInOrder & {$params: {}}
policies: oam.#LoadPolicies & {$params: {}}
render: oam.#RenderComponent & {$params: value: name: "conf"}
apply: oam.#ApplyComponent & {$params: {value: name: "conf", patch: workload: data: patched: "yes"}}
older: op.#RenderComponent & {value: load.$returns.value.conf}
deploy: multicluster.#Deploy & {$params: {policies: [], parallelism: 2, ignoreTerraformComponent: true}}
all: {
  "names": [for n, c in load.$returns.value {n}], "order": [for c in order.$returns.value {c.name}], "policies": [for n, p in policies.$returns.value {n}]
  "rendered": render.$returns.output.data, "applied": apply.$returns.output.data, "older": older.output.data
}
parameter: {}
"#;

/// The ops of the older form that are composed of others.
const COMPOSED: &str = r#"
import "vela/op"
all: op.#ApplyApplication
parallel: op.#ApplyApplicationInParallel
remaining: op.#ApplyRemaining & {exceptions: ["conf"]}
rest: op.#ApplyComponentRemaining & {component: "web", exceptions: ["objects-1"]}
env: op.#ApplyComponentsToEnv & {inputs: {decisions: [{cluster: "local"}], components: [{name: "conf", type: "k8s-objects"}]}}
parameter: {}
"#;

/// The ops that were carried out.
fn called(calls: &Calls) -> BTreeSet<String> {
    calls.0.lock().unwrap().iter().map(|(_, call)| call.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_op_is_carried_out_by_a_step_in_both_forms() {
    let (cluster, server, calls) = (cluster().await, serve().await, Arc::new(Calls::default()));
    secret(&cluster, "key", json!({"k": "HIDDEN"})).await;
    let definitions = definition("new", NEW)
        + &definition("old", OLD)
        + &definition("of-application", OF_APPLICATION)
        + &definition("asks", ASKS);
    let driver = driver(&cluster, &definitions).with_observer(calls.clone());
    let step = |kind: &str| json!({"name": kind, "type": kind, "properties": {"server": server}, "outputs": [{"name": kind, "valueFrom": "all"}]});
    let status = carry_out(&driver, &run_of("ops", json!([step("new"), step("old")]))).await;
    for name in ["new", "old"] {
        let step = status.step(name).unwrap();
        assert_eq!((step.phase, step.message.as_str()), (StepPhase::Succeeded, "all done"), "{step:?}");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&outputs(&cluster, "ops").await).unwrap());
    kind(&cluster, ("terraform.core.oam.dev", "v1beta2"), "Configuration").await;
    let app = json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "app"}, "spec": {
        "components": [{"name": "conf", "type": "k8s-objects", "properties": {"objects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"a": "1"}}]}}],
        "policies": [{"name": "here", "type": "topology", "properties": {"clusters": ["local"]}}],
        "workflow": {"steps": [{"name": "s", "type": "of-application", "outputs": [{"name": "all", "valueFrom": "all"}]},
            {"name": "asks", "type": "asks", "outputs": [{"name": "asked", "valueFrom": "all"}]}]}}});
    let app = delivery(app);
    let status = carry_out(&driver, &app).await;
    for name in ["s", "asks"] {
        assert_eq!(status.step(name).unwrap().phase, StepPhase::Succeeded, "{status:?}");
    }
    insta::assert_snapshot!(
        "of_application",
        serde_json::to_string_pretty(&outputs(&cluster, "app").await).unwrap()
    );
    let driver = Driver::new(
        cluster.client(),
        Library::builtin().with_text("composed.yaml", &definition("composed", COMPOSED)).unwrap(),
    );
    let mapped = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    let composed = Arc::new(Calls::default());
    let app = json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "composed"}, "spec": {
        "components": [
            {"name": "conf", "type": "k8s-objects", "properties": {"objects": [mapped("c-1")]}},
            {"name": "web", "type": "k8s-objects", "properties": {"objects": [mapped("w-1"), mapped("w-2"), mapped("w-3")]}}],
        "workflow": {"steps": [{"name": "s", "type": "composed"}]}}});
    let app = delivery(app);
    let status = carry_out(&driver.with_observer(composed.clone()), &app).await;
    assert_eq!(status.step("s").unwrap().phase, StepPhase::Succeeded, "{status:?}");
    let done: Vec<String> =
        composed.0.lock().unwrap().iter().map(|(op, call)| format!("{op} {call}")).collect();
    insta::assert_snapshot!("composed", done.join("\n"));
    let rest = json!([
        {"name": "suspended", "type": "suspend", "properties": {"duration": "1ms"}},
        {"name": "delegated", "type": "delegated"},
        {"name": "broken", "type": "broken", "if": "always"}, {"name": "failed", "type": "failed", "if": "always"}]);
    let rest_types = definition(
        "broken",
        "import \"vela/builtin\"\nend: builtin.#Break & {$params: message: \"enough\"}\nparameter: {}",
    ) + &definition(
        "failed",
        "import \"vela/builtin\"\nend: builtin.#Fail & {$params: message: \"it had to\"}\nparameter: {}",
    ) + &definition(
        "delegated",
        "import \"vela/kube\"\ndo: kube.#Delegate & {$params: value: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: name: \"d\"}}\nparameter: {}",
    );
    let driver =
        Driver::new(cluster.client(), Library::builtin().with_text("rest.yaml", &rest_types).unwrap())
            .with_observer(calls.clone());
    let status = carry_out(&driver, &run_of("rest", rest)).await;
    let message = |name: &str| status.step(name).unwrap().message.clone();
    assert_eq!((message("broken"), message("failed")), ("enough".into(), "it had to".into()));
    let no_generation = "do: ConfigMap d has no generation: nobody can say which content of it is done";
    assert_eq!(message("delegated"), no_generation);
    // Those that need a server or a program of their own meet it beside their code.
    let own = |provider: &str, name: &str| {
        let file = format!("src/ops/{provider}_{name}.rs").replace('-', "_").to_lowercase();
        let text =
            std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        text.contains("#[tokio::test")
    };
    let called = called(&calls);
    let left = stepwell_runtime::ops::all().iter().filter(|o| !own(o.provider(), o.name()));
    let left = left.map(|o| format!("{}/{}", o.provider(), o.name()));
    let left = left.filter(|name| !called.contains(name) && !ELSEWHERE.iter().any(|(op, _)| op == name));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
    for (op, file) in ELSEWHERE {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
        assert!(file.is_file(), "{op}: there is no {}", file.display());
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told() {
    let (cluster, server) = (cluster().await, serve().await);
    let tls = tls_server().await;
    let mail = mail_server("535 not you\r\n").await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    secret(&cluster, "some", json!({"token": "HIDDEN"})).await;
    secret(&cluster, "no-certificate", json!({"ca.crt": "HIDDEN"})).await;
    let cases = [
        (
            "a-parameter-of-the-wrong-type",
            "import \"vela/builtin\"\nx: builtin.#Message & {$params: message: 5}",
        ),
        ("a-parameter-that-is-missing", "import \"vela/http\"\nx: http.#HTTPDo & {$params: method: \"GET\"}"),
        ("a-parameter-of-the-wrong-type-older", "import \"vela/op\"\nx: op.#HTTPDo & {url: 5}"),
        (
            "a-method-that-is-none",
            "import \"vela/http\"\nx: http.#HTTPDo & {$params: {url: parameter.server, method: \"FETCH\"}}",
        ),
        (
            "a-method-that-is-nearly-one",
            "import \"vela/http\"\nx: http.#HTTPDo & {$params: {url: parameter.server, method: \"put\"}}",
        ),
        (
            "an-integer-beyond-64-bits",
            "import \"vela/kube\"\nx: kube.#Apply & {$params: value: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: name: \"a\", data: n: 18446744073709551616}}",
        ),
        (
            "an-integer-beyond-64-bits-older",
            "import \"vela/op\"\nx: op.#Apply & {value: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: name: \"a\", data: n: -9223372036854775809}}",
        ),
        (
            "a-timeout-that-is-none",
            "import \"vela/http\"\nx: http.#HTTPDo & {$params: {url: parameter.server, request: timeout: \"soon\"}}",
        ),
        ("an-op-that-does-not-exist", "x: {#do: \"aply\", #provider: \"kube\"}"),
        (
            "an-op-of-a-package-that-does-not-exist",
            "import \"vela/kube\"\nx: kube.#Aply & {$params: value: {}}",
        ),
        (
            "an-object-without-a-name",
            "import \"vela/kube\"\nx: kube.#Apply & {$params: value: {apiVersion: \"v1\", kind: \"ConfigMap\"}}",
        ),
        (
            "a-kind-that-does-not-exist",
            "import \"vela/kube\"\nx: kube.#Apply & {$params: value: {apiVersion: \"v1\", kind: \"Nothing\", metadata: name: \"a\"}}",
        ),
        (
            "another-cluster",
            "import \"vela/kube\"\nx: kube.#Apply & {$params: {cluster: \"mars\", value: {apiVersion: \"v1\", kind: \"ConfigMap\", metadata: name: \"a\"}}}",
        ),
        (
            "a-secret-that-does-not-exist",
            "import \"vela/http\"\nx: http.#HTTPDo & {$params: {url: parameter.server, request: headersFromSecret: [{header: \"A\", secret: \"none\", key: \"k\"}]}}",
        ),
        (
            "a-secret-without-the-key",
            "import \"vela/http\"\nx: http.#HTTPDo & {$params: {url: parameter.server, request: headersFromSecret: [{header: \"A\", secret: \"some\", key: \"k\"}]}}",
        ),
        (
            "certificates-that-do-not-exist",
            "import \"vela/http\"\nx: http.#HTTPDo & {$params: {url: parameter.server, tls_config: secret: \"none\"}}",
        ),
        (
            "certificates-that-are-none",
            "import \"vela/http\"\nx: http.#HTTPDo & {$params: {url: parameter.server, tls_config: secret: \"no-certificate\"}}",
        ),
        ("tls-that-does-not-verify", "import \"vela/http\"\nx: http.#HTTPDo & {$params: url: parameter.tls}"),
        (
            "a-server-that-is-not-there",
            "import \"vela/http\"\nx: http.#HTTPDo & {$params: url: \"http://127.0.0.1:\\(parameter.closed)\"}",
        ),
        (
            "a-body-that-is-not-json",
            "import (\"vela/http\", \"encoding/json\")\nx: http.#HTTPDo & {$params: url: \"\\(parameter.server)/text\"}\ny: json.Unmarshal(x.$returns.body)",
        ),
        (
            "an-smtp-server-that-refuses",
            "import \"vela/email\"\nx: email.#SendEmail & {$params: {from: {address: \"a@example.com\", password: \"HIDDEN\", host: \"127.0.0.1\", port: parameter.mail}, to: [\"b@example.com\"], content: {subject: \"s\", body: \"b\"}}}",
        ),
        (
            "an-smtp-server-that-is-not-there",
            "import \"vela/email\"\nx: email.#SendEmail & {$params: {from: {address: \"a@example.com\", password: \"HIDDEN\", host: \"127.0.0.1\", port: parameter.closed}, to: [\"b@example.com\"], content: {subject: \"s\", body: \"b\"}}}",
        ),
        (
            "an-address-that-is-none",
            "import \"vela/email\"\nx: email.#SendEmail & {$params: {from: {address: \"a\", password: \"HIDDEN\", host: \"127.0.0.1\", port: 25}, to: [\"b@example.com\"], content: {subject: \"s\", body: \"b\"}}}",
        ),
        (
            "a-config-that-does-not-exist",
            "import \"vela/config\"\nx: config.#ReadConfig & {$params: {name: \"none\", namespace: \"default\"}}",
        ),
        ("a-value-that-nobody-put-out", "import \"vela/op\"\nx: op.#DoVar & {path: \"none.a\"}"),
        (
            "a-condition-of-metrics-that-is-none",
            "import \"vela/metrics\"\nx: metrics.#PromCheck & {$params: {query: \"up\", metricEndpoint: parameter.server, condition: \"many\"}}",
        ),
        (
            "a-date-that-is-none",
            "import \"vela/time\"\nx: time.#DateToTimestamp & {$params: date: \"yesterday\"}",
        ),
    ];
    let types: String = cases
        .iter()
        .map(|(name, template)| {
            definition(
                name,
                &format!("{template}\nparameter: {{server: string, tls: string, closed: int, mail: int}}"),
            )
        })
        .collect();
    let limits = Limits { retries: 0, ..Limits::default() };
    let driver = driver(&cluster, &types).with_limits(limits);
    let properties = json!({"server": server, "tls": tls, "closed": closed, "mail": mail});
    let steps =
        cases.map(|(name, _)| json!({"name": name, "type": name, "if": "always", "properties": properties}));
    let status = carry_out(&driver, &run_of("wrong", json!(steps))).await;
    let mut told = String::new();
    for step in &status.steps {
        assert_eq!(step.phase, StepPhase::Failed, "{step:?}");
        let message = step
            .message
            .replace(&closed.to_string(), "[closed]")
            .replace(&mail.to_string(), "[mail]")
            .replace(tls.trim_start_matches("https://"), "[tls]");
        assert!(!message.contains("HIDDEN"), "{message}");
        told += &format!(
            "{} ({:?})\n    {}\n",
            step.name,
            step.reason.unwrap(),
            message.replace(server.trim_start_matches("http://"), "[server]")
        );
    }
    insta::assert_snapshot!(told);
    cluster.close().await;
}

/// A server over TLS whose certificate nobody vouches for.
async fn tls_server() -> String {
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_string()]).unwrap();
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
    let config = tokio_rustls::rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { drop(acceptor.accept(stream).await) });
        }
    });
    format!("https://localhost:{port}")
}

/// A mail server that takes everything, but perhaps no password. Gives its port.
async fn mail_server(login: &'static str) -> u16 {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufStream::new(stream);
            let (mut line, mut answer, mut body) = (String::new(), "220 here\r\n", false);
            loop {
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                line.clear();
                if stream.read_line(&mut line).await.unwrap() == 0 {
                    break;
                }
                answer = match line.split_whitespace().next() {
                    Some(".") if body => {
                        body = false;
                        "250 taken\r\n"
                    }
                    _ if body => "",
                    Some("EHLO") => "250-here\r\n250 AUTH PLAIN\r\n",
                    Some("AUTH") => login,
                    Some("DATA") => {
                        body = true;
                        "354 go on\r\n"
                    }
                    _ => "250 yes\r\n",
                };
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_the_older_form_names_the_step_that_has_sent_it() {
    let (cluster, port) = (cluster().await, mail_server("235 come in\r\n").await);
    let template = "import \"vela/op\"\nmail: op.#SendEmail & {from: {address: \"a@example.com\", password: \"p\", host: \"127.0.0.1\", port: parameter.port}, to: [\"b@example.com\"], content: {subject: \"s\", body: \"b\"}}\nparameter: port: int";
    let driver = driver(&cluster, &definition("mail", template));
    let step = json!({"name": "mail", "type": "mail", "properties": {"port": port}, "outputs": [{"name": "by", "valueFrom": "mail.stepID"}]});
    let status = carry_out(&driver, &run_of("run", json!([step]))).await;
    let step = status.step("mail").unwrap();
    assert_eq!(step.phase, StepPhase::Succeeded, "{step:?}");
    assert_eq!(outputs(&cluster, "run").await, json!({"by": step.id}));
    cluster.close().await;
}
