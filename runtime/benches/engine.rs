//! How fast and how large the engine is, whole, on the embedded cluster in memory: a run of 1,000 trivial steps, 100 runs of 3 apply steps at once, and
//! 10,000 suspended runs held by one process.
//!
//! `cargo bench -p stepwell-runtime --bench engine` prints a line for each, with its promise; `-- --check` fails where one is not kept. Names of
//! measurements after `--` choose among them.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Delivery, Driver, RunRef, Until};
use stepwell_runtime::model::run::{RunPhase, RunStatus};

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

/// CPU time of this process so far.
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

async fn suspended(n: usize) -> f64 {
    let (cluster, driver) = driver().await;
    let serving = tokio::spawn({
        let driver = driver.clone();
        async move { driver.serve(None).await }
    });
    let mut last = Vec::new();
    for run in 0..n {
        let steps = [json!({"name": "stop", "type": "suspend"})];
        last.push(driver.record(&delivery(&format!("run-{run}"), &steps), "default").await.unwrap());
        if last.len() == 200 {
            for run in last.drain(..) {
                until(&driver, &run, |s| s.phase == RunPhase::Suspending).await;
            }
        }
    }
    for run in last {
        until(&driver, &run, |s| s.phase == RunPhase::Suspending).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let held = memory();
    serving.abort();
    cluster.close().await;
    held
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let check = args.iter().any(|a| a == "--check");
    let wanted: Vec<&String> = args.iter().filter(|a| !a.starts_with("--")).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(64 << 20).build().unwrap();
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
    if asked("trivial") {
        let (took, cpu) = runtime.block_on(steps("trivial", 1000));
        tell("1,000 trivial steps", took, "s", 1.0, format!(", {:.3} ms of CPU a step", cpu));
    }
    if asked("apply") {
        let mut last = 0.0;
        for n in [10, 100, 400] {
            let (took, cpu) = runtime.block_on(steps("apply", n));
            last = took;
            println!(
                "{n} apply steps: {took:.3} s, {:.3} ms a step, {:.3} ms of CPU a step",
                took * 1e3 / n as f64,
                cpu * 1e3 / n as f64
            );
        }
        tell("400 apply steps", last, "s", 2.0, String::new());
    }
    if asked("once") {
        tell("100 runs of 3 apply steps", runtime.block_on(at_once(100)), "s", 2.0, String::new());
    }
    if asked("suspended") {
        tell("10,000 suspended runs", runtime.block_on(suspended(10_000)), "MB", 200.0, String::new());
    }
    if check && broken > 0 {
        std::process::exit(1);
    }
}
