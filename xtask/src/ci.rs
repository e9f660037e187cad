//! `cargo xtask ci`: everything that must hold before a change is taken, in one run, with the time of each stage. A stage that fails does
//! not hide those after it.

use crate::Result;
use crate::process::{command, run, there_is};
use std::time::{Duration, Instant};

/// Run all checks
#[derive(Debug, clap::Args)]
pub(crate) struct Ci {
    /// Leave out what needs Go: the real control plane
    #[arg(long)]
    no_e2e: bool,
}

enum Outcome {
    Passed,
    Skipped(&'static str),
    Failed(String),
}

impl Ci {
    pub(crate) fn run(&self) -> Result<()> {
        let mut stages: Vec<(&str, Outcome, Duration)> = Vec::new();
        let mut stage = |name: &'static str, work: &dyn Fn() -> Result<Outcome>| {
            println!("==> {name}");
            let start = Instant::now();
            let outcome = work().unwrap_or_else(|e| Outcome::Failed(e.to_string()));
            stages.push((name, outcome, start.elapsed()));
        };
        let cargo = |args: &[&str]| run(&mut command("cargo", args)).map(|()| Outcome::Passed);
        stage("formatting", &|| cargo(&["fmt", "--all", "--check"]));
        stage("clippy", &|| {
            cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
        });
        stage("tools for tests", &|| match crate::tools::build()? {
            Some(_) => Ok(Outcome::Passed),
            None => Ok(Outcome::Skipped("Go is not installed")),
        });
        stage("tests", &|| cargo(&["test", "--locked"]));
        stage("generated pages", &|| cargo(&["xtask", "docs", "--check"]));
        stage("dependencies", &|| match there_is("cargo", &["deny", "--version"]) {
            true => cargo(&["deny", "check", "licenses", "bans", "sources"]),
            false => Ok(Outcome::Skipped("cargo-deny is not installed")),
        });
        stage("release build", &|| cargo(&["build", "--release", "--locked", "--bin", "stepwell"]));
        stage("conformance", &|| cargo(&["xtask", "conformance"]));
        stage("instructions", &|| match crate::instructions::possible() {
            Ok(()) => crate::instructions::run(false).map(|()| Outcome::Passed),
            Err(why) => Ok(Outcome::Skipped(why)),
        });
        stage("real control plane", &|| {
            if self.no_e2e {
                return Ok(Outcome::Skipped("left out by --no-e2e"));
            }
            match there_is("go", &["version"]) {
                true => cargo(&["xtask", "e2e"]),
                false => Ok(Outcome::Skipped("Go is not installed")),
            }
        });

        println!("\nstage                 seconds  outcome");
        let mut failed = 0;
        for (name, outcome, time) in &stages {
            let outcome = match outcome {
                Outcome::Passed => "passed".to_owned(),
                Outcome::Skipped(why) => format!("skipped: {why}"),
                Outcome::Failed(why) => {
                    failed += 1;
                    format!("FAILED: {why}")
                }
            };
            println!("{name:<20} {:>8.1}  {outcome}", time.as_secs_f64());
        }
        let whole: Duration = stages.iter().map(|(_, _, t)| *t).sum();
        println!("stages: {} in all, {failed} failed, in {:.0} s", stages.len(), whole.as_secs_f64());
        if failed == 0 { Ok(()) } else { Err(format!("{failed} stages failed").into()) }
    }
}
