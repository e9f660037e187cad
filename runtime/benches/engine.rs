//! How fast and how large the engine is, whole, on the embedded cluster: a run of 1,000 trivial steps, what a step costs in short and long runs, 100 runs of
//! 3 apply steps at once, how soon a change wakes a step that waits for it, and 10,000 suspended runs held by one process.
//!
//! `cargo bench --bench engine` prints a line for each, with its promise; `-- --check` fails where one is not kept. Names of measurements after `--`
//! choose among them: `trivial`, `apply`, `once`, `wake`, `suspended`.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stepwell_cluster::{EmbeddedCluster, Options, Session};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Delivery, Driver, Observed, Observer, RunRef, Until};
use stepwell_runtime::model::run::{Reason, RunPhase, RunStatus};

fn delivery(name: &str, steps: &[Value]) -> Delivery {
    let document = json!({"apiVersion": "core.oam.dev/v1alpha1", "kind": "WorkflowRun", "metadata": {"name": name},
        "spec": {"workflowSpec": {"steps": steps}}});
    Delivery::read(&Document::from_value(document)).unwrap().unwrap()
}

async fn driver() -> (EmbeddedCluster, Driver) {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let driver = Driver::new(cluster.client(), Library::builtin());
    (cluster, driver)
}

async fn until(driver: &Driver, run: &RunRef, holds: impl Fn(&RunStatus) -> bool) {
    while !driver.status(run).await.is_ok_and(|s| holds(&s)) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// CPU time of this process so far, in seconds: of the engine and of the cluster.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Memory of this process, in MB.
fn memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

async fn steps(kind: &str, n: usize) -> (f64, f64) {
    let (_cluster, driver) = driver().await;
    let step = |i: usize| match kind {
        "trivial" => {
            json!({"name": format!("s{i}"), "type": "print-message-in-status", "properties": {"message": "hi"}})
        }
        _ => json!({"name": format!("s{i}"), "type": "apply-object", "properties": {"value": {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{i}")}, "data": {"n": i.to_string()}}}}),
    };
    // Once before, so that definitions are compiled.
    let warm = driver.submit(&delivery("warm", &[step(0)])).await.unwrap();
    driver.drive(warm, Until::Finished).wait().await.unwrap();
    let all: Vec<Value> = (0..n).map(step).collect();
    let run = driver.submit(&delivery("run", &all)).await.unwrap();
    let (begun, before) = (Instant::now(), cpu());
    let status = driver.drive(run, Until::Finished).wait().await.unwrap();
    assert_eq!(status.phase, RunPhase::Succeeded);
    (begun.elapsed().as_secs_f64(), cpu() - before)
}

async fn at_once(n: usize) -> f64 {
    let (_cluster, driver) = driver().await;
    let serving = tokio::spawn({
        let driver = driver.clone();
        async move { driver.serve(None).await }
    });
    let step = |run: usize, i: usize| {
        json!({"name": format!("s{i}"), "type": "apply-object", "properties": {"value": {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{run}-{i}")}, "data": {"n": "1"}}}})
    };
    let warm = driver.record(&delivery("warm", &[step(n, 0)]), "default").await.unwrap();
    until(&driver, &warm, |s| s.finished).await;
    let begun = Instant::now();
    let mut runs = Vec::new();
    for run in 0..n {
        let steps: Vec<Value> = (0..3).map(|i| step(run, i)).collect();
        runs.push(driver.record(&delivery(&format!("run-{run}"), &steps), "default").await.unwrap());
    }
    for run in &runs {
        until(&driver, run, |s| s.finished).await;
    }
    let took = begun.elapsed().as_secs_f64();
    serving.abort();
    took
}

/// Notes when ops were carried out.
#[derive(Default)]
struct Moments(Mutex<Vec<Instant>>);

impl Observer for Moments {
    fn op(&self, _: &Observed<'_>) {
        self.0.lock().unwrap().push(Instant::now());
    }
}

const WAIT: &str = r#"
kind: WorkflowStepDefinition
metadata: {name: wait}
spec:
  schematic:
    cue:
      template: |
        import ("vela/kube", "vela/builtin")
        read: kube.#Read & {$params: value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: parameter.name}}
        wait: builtin.#ConditionalWait & {$params: continue: read.$returns.value.data.ready == "yes"}
        parameter: name: string
"#;

/// How long it takes from the answer to a write until the steps that it wakes have read it: in the middle, and at worst, in ms.
async fn wake(n: usize) -> (f64, f64) {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let moments = Arc::new(Moments::default());
    let library = Library::builtin().with_text("wait.yaml", WAIT).unwrap();
    let driver = Driver::new(cluster.client(), library).with_observer(moments.clone());
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let mut all = Vec::new();
    for i in 0..n {
        let name = format!("flag-{i}");
        let step = json!({"name": "w", "type": "wait", "properties": {"name": name}});
        let run = driver.submit(&delivery(&format!("run-{i}"), &[step])).await.unwrap();
        let driven = driver.drive(run.clone(), Until::Finished);
        until(&driver, &run, |s| s.step("w").is_some_and(|w| w.reason == Some(Reason::Wait))).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let flag = json!({"metadata": {"name": name}, "data": {"ready": "yes"}});
        maps.create(&Default::default(), &serde_json::from_value(flag).unwrap()).await.unwrap();
        let written = Instant::now();
        driven.wait().await.unwrap();
        let read = *moments.0.lock().unwrap().iter().rev().nth(1).unwrap();
        all.push(read.saturating_duration_since(written).as_secs_f64() * 1e3);
    }
    all.sort_by(f64::total_cmp);
    (all[n / 2], all[n - 1])
}

async fn served(dir: &Path) -> (EmbeddedCluster, Driver, tokio::task::JoinHandle<()>) {
    let cluster = EmbeddedCluster::open(dir, Options::default()).await.unwrap();
    let driver = Driver::new(cluster.client(), Library::builtin());
    let serving = tokio::spawn({
        let driver = driver.clone();
        async move { driver.serve(None).await.unwrap() }
    });
    (cluster, driver, serving)
}

/// Memory of a process that has seen this many runs begin and suspend, in MB; the cluster is on disk.
async fn suspended(dir: &Path, n: usize) -> f64 {
    let (cluster, driver, serving) = served(dir).await;
    let steps = [json!({"name": "stop", "type": "suspend"})];
    let all: Vec<usize> = (0..n).collect();
    for some in all.chunks(200) {
        let record = |run: &usize| {
            let (driver, delivery) = (driver.clone(), delivery(&format!("run-{run}"), &steps));
            async move { driver.record(&delivery, "default").await.unwrap() }
        };
        for run in futures::future::join_all(some.iter().map(record)).await {
            until(&driver, &run, |s| s.phase == RunPhase::Suspending).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(2000)).await;
    let held = memory();
    serving.abort();
    cluster.close().await;
    held
}

/// Memory of a process that has found them there, with and without the engine, and whether the cluster is another process's; and they can be resumed.
async fn found(dir: &Path, n: usize) {
    let session = Session::open(dir, Options::default()).await.unwrap();
    let before = memory();
    let driver = Driver::new(session.client(), Library::builtin());
    let _serving = tokio::spawn({
        let driver = driver.clone();
        async move { driver.serve(None).await.unwrap() }
    });
    let mut worked = cpu();
    loop {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let now = cpu();
        if now - worked < 0.02 {
            break;
        }
        worked = now;
    }
    let held = memory();
    for from in [0, n / 2, n - 3] {
        let mut run = RunRef::workflow_run("default", format!("run-{from}"));
        for next in from + 1.. {
            // Others were resumed by the process before.
            if driver.status(&run).await.unwrap().phase == RunPhase::Suspending {
                break;
            }
            run.name = format!("run-{next}");
        }
        driver.resume(&run, None).await.unwrap();
        until(&driver, &run, |s| s.phase == RunPhase::Succeeded).await;
    }
    println!("{held} {before}");
}

/// What such a process prints: its memory with the runs, and before it looked at them.
fn find(dir: &Path, n: usize) -> (f64, f64) {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.arg(FOUND).arg(dir).arg(n.to_string()).stderr(std::process::Stdio::inherit());
    let again = again.output().unwrap();
    assert!(again.status.success(), "the new process: {}", again.status);
    let told = String::from_utf8(again.stdout).unwrap();
    let mut told = told.split_whitespace().map(|n| n.parse::<f64>().unwrap());
    (told.next().unwrap(), told.next().unwrap())
}

/// The argument of the process that finds the runs.
const FOUND: &str = "--found";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let check = args.iter().any(|a| a == "--check");
    let wanted: Vec<&String> = args.iter().filter(|a| !a.starts_with("--")).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(64 << 20).build().unwrap();
    if let [what, dir, n] = &args[..]
        && what == FOUND
    {
        return runtime.block_on(found(Path::new(dir), n.parse().unwrap()));
    }
    let mut broken = 0;
    let mut tell = |name: &str, value: f64, unit: &str, promise: f64, more: String| {
        let kept = value <= promise;
        broken += u32::from(!kept);
        println!(
            "{name:<32} {value:>9.3} {unit:<3} promised {promise} {unit}{}{more}",
            if kept { "" } else { "  NOT KEPT" }
        );
    };
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    for kind in ["trivial", "apply"].into_iter().filter(|k| asked(k)) {
        let mut costs = Vec::new();
        for n in [10, 100, 1000] {
            let (took, cpu) = runtime.block_on(steps(kind, n));
            costs.push(cpu * 1e3 / n as f64);
            println!("{n:>6} {kind} steps: {took:.3} s, {:.3} ms of CPU a step", cpu * 1e3 / n as f64);
            match (kind, n) {
                ("trivial", 1000) => {
                    tell("1,000 trivial steps", took, "s", 1.0, String::new());
                    tell("CPU of a trivial step", cpu, "ms", 0.25, ", engine and cluster".into());
                }
                ("apply", 1000) => {
                    let more = format!(", engine and cluster; {:.2} ms in a run of 100", costs[1]);
                    tell("CPU of an apply step", cpu, "ms", 2.5, more);
                }
                _ => {}
            }
        }
    }
    if asked("once") {
        tell("100 runs of 3 apply steps", runtime.block_on(at_once(100)), "s", 2.0, String::new());
    }
    if asked("wake") {
        let (middle, worst) = runtime.block_on(wake(50));
        tell("a change wakes its step", middle, "ms", 50.0, format!(", {worst:.1} ms at worst of 50"));
    }
    if asked("suspended") {
        let dir = tempfile::tempdir().unwrap();
        let held = runtime.block_on(suspended(dir.path(), 10_000));
        tell("10,000 suspended runs", held, "MB", 200.0, String::new());
        let (found, cluster) = find(dir.path(), 10_000);
        let more = format!(", {cluster:.0} MB before they are looked at");
        tell("found by a new process", found, "MB", 200.0, more);
        // The cluster is in this process now, so that the other one holds nothing but the engine.
        let few = tempfile::tempdir().unwrap();
        runtime.block_on(suspended(few.path(), 1_000));
        let beside = |dir: &Path, n| {
            let session = runtime.block_on(Session::open(dir, Options::default())).unwrap();
            let (held, _) = find(dir, n);
            runtime.block_on(session.close());
            held
        };
        let (with_few, with_all) = (beside(few.path(), 1_000), beside(dir.path(), 10_000));
        let more = format!(", {with_all:.1} MB with 10,000 and {with_few:.1} MB with 1,000");
        tell("memory of a suspended run", (with_all - with_few) * 1024.0 / 9_000.0, "KB", 1.0, more);
    }
    if check && broken > 0 {
        std::process::exit(1);
    }
}
