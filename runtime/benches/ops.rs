//! What ops cost: beside the call itself, what it takes to evaluate, carry out, fill in and record one; and how fast many objects are applied and read back.
//!
//! `cargo bench --bench ops` prints a line for each, with its promise; `-- --check` fails where one is not kept. Names of measurements after `--` choose
//! among them: `op`, `recorded`, `objects`.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Delivery, Driver, Until};
use stepwell_runtime::model::run::RunPhase;

/// Steps of so many ops each: some that change nothing, some that ask a server and are recorded on the way, and some that send to it, each recorded before the next.
const DEFINITIONS: &str = r#"
kind: WorkflowStepDefinition
metadata: {name: dates}
spec:
  schematic:
    cue:
      template: |
        import "vela/time"
        ops: [for i in parameter.of {time.#TimestampToDate & {$params: timestamp: i}}]
        parameter: of: [...int]
---
kind: WorkflowStepDefinition
metadata: {name: calls}
spec:
  schematic:
    cue:
      template: |
        import "vela/http"
        ops: [for i in parameter.of {http.#HTTPGet & {$params: url: parameter.server}}]
        parameter: {server: string, of: [...int]}
---
kind: WorkflowStepDefinition
metadata: {name: sends}
spec:
  schematic:
    cue:
      template: |
        import "vela/http"
        ops: [for i in parameter.of {http.#HTTPPost & {$params: {url: parameter.server, request: body: "\(i)"}}}]
        parameter: {server: string, of: [...int]}
---
kind: WorkflowStepDefinition
metadata: {name: objects}
spec:
  schematic:
    cue:
      template: |
        import "vela/kube"
        apply: kube.#ApplyInParallel & {$params: value: [for i in parameter.of {
          apiVersion: "v1", kind: "ConfigMap", metadata: {name: "c\(i)", labels: bench: "yes"}, data: n: "\(i)"
        }]}
        read: kube.#List & {$params: {resource: {apiVersion: "v1", kind: "ConfigMap"}, filter: {namespace: "default", matchingLabels: bench: "yes"}}}
        found: len(read.$returns.values.items)
        parameter: of: [...int]
"#;

/// How many steps are measured, and how many ops more each has than the one of comparison.
const STEPS: usize = 100;
const MORE: usize = 10;

/// How long a run takes.
async fn run(driver: &Driver, name: &str, steps: &[Value]) -> Duration {
    let document = json!({"apiVersion": "core.oam.dev/v1alpha1", "kind": "WorkflowRun", "metadata": {"name": name},
        "spec": {"workflowSpec": {"steps": steps}}});
    let delivery = Delivery::read(&Document::from_value(document)).unwrap().unwrap();
    let run = driver.submit(&delivery).await.unwrap();
    let begun = Instant::now();
    let status = driver.drive(run, Until::Finished).wait().await.unwrap();
    assert_eq!(status.phase, RunPhase::Succeeded, "{status:?}");
    begun.elapsed()
}

/// What one op more takes, in microseconds: the best of some, since other programs have the processor too.
async fn one_more(driver: &Driver, kind: &str, server: &str) -> f64 {
    let steps = |n: usize| -> Vec<Value> {
        let of: Vec<usize> = (0..n).collect();
        let step = |i: usize| json!({"name": format!("s{i}"), "type": kind, "properties": {"server": server, "of": of}});
        (0..STEPS).map(step).collect()
    };
    let mut best = [f64::MAX; 2];
    for round in 0..5 {
        for (best, n) in best.iter_mut().zip([1, 1 + MORE]) {
            let took = run(driver, &format!("{kind}-{round}-{n}"), &steps(n)).await;
            *best = best.min(took.as_secs_f64());
        }
    }
    (best[1] - best[0]) * 1e6 / (STEPS * MORE) as f64
}

/// What the call itself takes: the same request by the same client library.
async fn call_alone(server: &str, sends: bool) -> f64 {
    let (client, server) = (reqwest::Client::new(), server.to_string());
    // As steps are: by a task, not by the thread that waits for all of them.
    let calls = async move {
        let mut best = f64::MAX;
        for _ in 0..5 {
            let begun = Instant::now();
            for i in 0..STEPS {
                let request = match sends {
                    true => client.post(&server).body(i.to_string()),
                    false => client.get(&server),
                };
                request.send().await.unwrap().text().await.unwrap();
            }
            best = best.min(begun.elapsed().as_secs_f64() * 1e6 / STEPS as f64);
        }
        best
    };
    tokio::spawn(calls).await.unwrap()
}

async fn answer() -> &'static str {
    "ok"
}

async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/", get(answer).post(answer))).await },
    );
    address
}

async fn driver() -> (EmbeddedCluster, Driver) {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let library = Library::builtin().with_text("defs.yaml", DEFINITIONS).unwrap();
    let driver = Driver::new(cluster.client(), library);
    (cluster, driver)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let check = args.iter().any(|a| a == "--check");
    let wanted: Vec<&String> = args.iter().filter(|a| !a.starts_with("--")).collect();
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|w| *w == name);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(64 << 20).build().unwrap();
    let mut broken = 0;
    let mut tell = |name: &str, value: f64, unit: &str, promise: f64, more: &str| {
        let kept = value <= promise;
        broken += u32::from(!kept);
        let end = if kept { "" } else { "  NOT KEPT" };
        println!("{name:<32} {value:>9.3} {unit:<3} promised {promise} {unit}{end}{more}");
    };
    runtime.block_on(async {
        let (cluster, driver) = driver().await;
        let server = serve().await;
        if asked("op") {
            let took = one_more(&driver, "dates", &server).await;
            tell("an op that changes nothing", took, "µs", 100.0, ", of 11 in a step: evaluated, carried out, filled in");
        }
        if asked("recorded") {
            for (kind, name) in [("calls", "an op that asks"), ("sends", "an op that sends")] {
                let (took, alone) = (one_more(&driver, kind, &server).await, call_alone(&server, kind == "sends").await);
                let more = format!(", beside the call itself ({alone:.0} µs): evaluated, carried out, filled in, recorded on the cluster");
                tell(name, took - alone, "µs", 100.0, &more);
            }
        }
        if asked("objects") {
            let mut best = f64::MAX;
            for round in 0..3 {
                let of: Vec<usize> = (round * 1_000..(round + 1) * 1_000).collect();
                let step = json!({"name": "objects", "type": "objects", "properties": {"of": of}});
                best = best.min(run(&driver, &format!("objects-{round}"), &[step]).await.as_secs_f64());
            }
            tell("1,000 objects applied and read", best, "s", 1.0, ", on the embedded cluster");
        }
        cluster.close().await;
    });
    std::process::exit(i32::from(check && broken > 0));
}
