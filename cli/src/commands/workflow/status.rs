//! `stepwell workflow status NAME`.

use super::Which;
use crate::error::Error;
use crate::output::{Output, table};
use crate::progress::{run_word, step_text};
use clap::{Args, ValueEnum};
use std::time::Duration;
use stepwell_lang::data::Data;
use stepwell_lang::encode::yaml;
use stepwell_runtime::model::run::{RunStatus, StepStatus};

/// Show how a run stands, step by step
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    /// Show it again whenever it changes, until the run is over
    #[arg(short, long)]
    watch: bool,
}

/// How often the run is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// The forms of a status.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Form {
    /// A table for people
    #[default]
    Table,
    /// JSON, as it is recorded
    Json,
    /// YAML, as it is recorded
    Yaml,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        let mut shown = String::new();
        loop {
            let status = drive.driver.status(&drive.reference).await?;
            let json = serde_json::to_value(&status).unwrap_or_default();
            let text = match args.output {
                Form::Table => steps(&drive.reference.name, &status),
                Form::Json => format!("{json:#}\n"),
                Form::Yaml => yaml::write(&Data::from_json_value(&json)),
            };
            if text != shown {
                let gap = if shown.is_empty() { "" } else { "\n" };
                out.result(format!("{gap}{text}"))?;
                shown = text;
            }
            if !args.watch || status.finished {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    })
}

/// The run and its steps, sub-steps below their group.
pub(in crate::commands) fn steps(name: &str, status: &RunStatus) -> String {
    let row =
        |indent: &str, s: &StepStatus| vec![format!("{indent}{}", s.name), s.kind.clone(), step_text(s)];
    let mut rows = vec![["STEP", "TYPE", "STATE"].map(str::to_owned).to_vec()];
    for step in &status.steps {
        rows.push(row("", step));
        rows.extend(step.sub_steps.iter().map(|s| row("  ", s)));
    }
    let message = if status.message.is_empty() { String::new() } else { format!(": {}", status.message) };
    let head = format!("{}: {}{message}\n", name, run_word(status.phase));
    if rows.len() == 1 { head } else { head + "\n" + &table(&rows) }
}
