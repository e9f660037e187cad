//! `cargo xtask e2e`: the real thing. Builds and starts the control plane of `tests/controlplane`,
//! and shows on it and on the embedded cluster that Stepwell does what it says: one stage each, with
//! its time, and a line of totals at the end. A new stage is one function and a line in [`run`].

mod embedded;
mod example;
mod kubectl;
mod rollout;
mod schema;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use stepwell_api_suite::compare::{self, Known};
use stepwell_api_suite::data_dir;

use self::embedded::Embedded;
use crate::plane::{self, Plane};
use crate::{Result, api_suite};

/// Set by Ctrl-C: what is under way ends, and everything is put away.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether it is time to stop.
fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// What one stage has shown.
#[derive(Debug, Default)]
struct Stage {
    passed: usize,
    failed: usize,
}

impl Stage {
    /// Counts one check, and shows why it failed.
    fn check(&mut self, name: &str, outcome: std::result::Result<(), String>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(why) => {
                self.failed += 1;
                println!("FAILED {name}\n    {}", why.trim_end().replace('\n', "\n    "));
            }
        }
    }
}

/// The run: its stages so far.
#[derive(Debug, Default)]
struct Run {
    passed: usize,
    failed: usize,
}

impl Run {
    /// Carries out one stage; an error is one failure of it, and the next stage still runs.
    fn stage<T>(&mut self, name: &str, body: impl FnOnce(&mut Stage) -> Result<T>) -> Option<T> {
        if interrupted() {
            return None;
        }
        println!("== {name}");
        let start = Instant::now();
        let mut stage = Stage::default();
        let outcome = match body(&mut stage) {
            Ok(value) => Some(value),
            Err(error) => {
                stage.check(name, Err(error.to_string()));
                None
            }
        };
        println!(
            "   {} passed, {} failed, {:.1} s",
            stage.passed,
            stage.failed,
            start.elapsed().as_secs_f32()
        );
        self.passed += stage.passed;
        self.failed += stage.failed;
        outcome
    }
}

/// Runs all stages.
pub(crate) fn run() -> Result<()> {
    stop_on_interrupt()?;
    let mut run = Run::default();

    let stepwell = run.stage("build stepwell", |_| example::build());
    on_embedded(&mut run, stepwell.as_deref());
    let binary = run.stage("build the control plane", |_| plane::build());
    match binary {
        Some(None) => println!("   Go is not installed: nothing is shown on a real control plane"),
        Some(Some(binary)) => {
            if let Some(plane) = run.stage("start it", |_| Plane::start(&binary)) {
                on_real(&mut run, &plane, stepwell.as_deref());
                run.stage("stop it", |_| {
                    drop(plane);
                    Ok(())
                });
            }
        }
        None => {}
    }

    println!("{} passed, {} failed", run.passed, run.failed);
    match (interrupted(), run.failed) {
        (true, _) => Err("interrupted".into()),
        (false, 0) => Ok(()),
        (false, failed) => Err(format!("{failed} failed").into()),
    }
}

/// The stages on the embedded cluster, which need no Go. The API suite goes over the loopback address
/// here; `cargo test` runs it inside one process.
fn on_embedded(run: &mut Run, stepwell: Option<&Path>) {
    let Some(embedded) = run.stage("start the embedded cluster", |_| Embedded::start()) else { return };
    if let Some(stepwell) = stepwell {
        run.stage("the example run on the embedded cluster, served", |stage| {
            example::run(stage, stepwell, embedded.kubeconfig())
        });
        run.stage("environments, revisions and policies on the embedded cluster, served", |stage| {
            rollout::run(stage, stepwell, embedded.kubeconfig())
        });
    }
    run.stage("API suite: the embedded cluster answers as the real server did", |stage| {
        suite(stage, embedded.kubeconfig(), &compare::known(&data_dir())?)
    });
    if kubectl::is_installed() {
        run.stage("kubectl: the checks hold on the embedded cluster", |stage| {
            kubectl::run(stage, embedded.kubeconfig())
        });
    } else {
        println!("== kubectl is not installed: its checks are left out");
    }
}

/// The stages that need the real control plane.
fn on_real(run: &mut Run, plane: &Plane, stepwell: Option<&Path>) {
    run.stage("the table of built-in kinds is that of the real server", |stage| {
        schema::run(plane.kubeconfig())?;
        stage.check("apply-schema.json", Ok(()));
        Ok(())
    });
    if let Some(stepwell) = stepwell {
        run.stage("the example run on the real cluster", |stage| {
            example::run(stage, stepwell, plane.kubeconfig())
        });
        run.stage("environments, revisions and policies on the real cluster", |stage| {
            rollout::run(stage, stepwell, plane.kubeconfig())
        });
    }
    run.stage("API suite: the recorded answers are those of the real server", |stage| {
        // What the embedded cluster may do differently, the real server may not.
        suite(stage, plane.kubeconfig(), &[])
    });
    if kubectl::is_installed() {
        run.stage("kubectl: the checks hold on the real server", |stage| {
            kubectl::run(stage, plane.kubeconfig())
        });
    }
}

/// The suite against a server; a case is one check.
fn suite(stage: &mut Stage, kubeconfig: &Path, known: &[Known]) -> Result<()> {
    let report = api_suite::run_against(kubeconfig, &[], known)?;
    stage.passed += report.passed.len();
    for case in &report.failed {
        let found: Vec<_> =
            report.new.iter().filter(|found| found.case == *case).map(ToString::to_string).collect();
        stage.check(case, Err(found.join("\n")));
    }
    for entry in &report.stale {
        stage.check(
            &format!("known difference of {} at {}", entry.case, entry.path),
            Err("it no longer differs: remove it from known-differences.yaml".to_owned()),
        );
    }
    if !report.allowed.is_empty() {
        println!("   {} known differences", report.allowed.len());
    }
    Ok(())
}

/// From now on Ctrl-C and SIGTERM ask for an orderly end.
fn stop_on_interrupt() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
        eprintln!("stopping");
    });
    Ok(())
}
