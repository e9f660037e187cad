//! `cargo xtask bench`: the speed of the whole program, cold: from the start of the process to the end of its output. The speed of parts in
//! one process (templates already compiled) is measured by the criterion benches of the crates, which follow.

use crate::Result;
use crate::process::{command, release, run};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Measure speed
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// How often each command is run
    #[arg(long, default_value_t = 40)]
    runs: u32,
    /// Only the whole program, not the benches of the crates
    #[arg(long)]
    cold: bool,
    /// Only the parser, beside the reference implementation's (needs Go)
    #[arg(long)]
    parse: bool,
    /// Only a configuration of many services, beside the reference implementation
    #[arg(long)]
    services: bool,
    /// Only the archives that are made to be slow, beside the reference implementation
    #[arg(long)]
    archives: bool,
    /// Only one template evaluated very often in one process
    #[arg(long)]
    templates: bool,
    /// Count instructions instead of time, and fail where they have become more
    #[arg(long)]
    instructions: bool,
    /// Count instructions, and make what is reached the measure
    #[arg(long)]
    record: bool,
}

/// What is measured: its name, the arguments, and the aim in milliseconds.
const COMMANDS: &[(&str, &[&str], Option<f64>)] = &[
    ("version (the process alone)", &["version"], None),
    (
        "def render webservice",
        &["def", "render", "defs/component/webservice.cue", "--set", "image=nginx"],
        Some(15.0),
    ),
    ("def vet of the whole library", &["def", "vet", "defs"], Some(100.0)),
    ("dry-run webservice + 3 traits", &["dry-run", "-f", "xtask/bench/app.yaml"], Some(15.0)),
];

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        if self.services {
            return crate::services::compare();
        }
        if self.archives {
            return crate::archives::compare();
        }
        if self.templates {
            return crate::templates::measure();
        }
        if self.parse {
            return crate::parse_speed::compare();
        }
        if self.instructions || self.record {
            return crate::instructions::run(self.record);
        }
        let program = release("stepwell")?;
        println!("{:<32} {:>9} {:>9}  of the aim", "cold, from start to output", "least ms", "median ms");
        for (name, args, aim) in COMMANDS {
            let mut times = Vec::new();
            for _ in 0..self.runs.max(1) {
                times.push(once(&program, args)?);
            }
            times.sort();
            let millis = |t: Duration| t.as_secs_f64() * 1000.0;
            let median = millis(times[times.len() / 2]);
            let share =
                aim.map_or_else(String::new, |aim| format!("{:.0}% of {aim} ms", 100.0 * median / aim));
            println!("{name:<32} {:>9.2} {median:>9.2}  {share}", millis(times[0]));
        }
        if self.cold {
            return Ok(());
        }
        run(&mut command("cargo", &["bench", "--bench", "render"]))
    }
}

fn once(program: &Path, args: &[&str]) -> Result<Duration> {
    let mut command = Command::new(program);
    command.args(args).current_dir(crate::root()).stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output()?;
    let time = start.elapsed();
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("stepwell {} failed: {text}", args.join(" ")).into());
    }
    Ok(time)
}
