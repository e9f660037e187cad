//! `stepwell workflow logs NAME`: every op that the steps of a run carried out.

use super::Which;
use crate::error::Error;
use crate::log;
use crate::output::{Output, printable};
use clap::{Args, ValueEnum};

/// Show what the steps of a run did: each op with its parameters and its result
///
/// The log lies in the state directory of the machine that drove the run. Passwords, tokens, the content of Secrets and the like are masked.
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Only this step
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
}

/// The forms of a log.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Form {
    /// Lines for people
    #[default]
    Text,
    /// One JSON document for each op
    Json,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        drive.driver.status(&drive.reference).await?;
        let path = drive.log();
        let lines = log::read(&path).map_err(|e| Error::file(&path, "read", &e))?;
        let wanted = lines.iter().filter(|l| args.step.as_ref().is_none_or(|s| *s == l.step));
        let mut text = String::new();
        for line in wanted {
            match args.output {
                Form::Json => text += &format!("{}\n", serde_json::to_string(line).unwrap_or_default()),
                Form::Text => {
                    let again = if line.attempt > 1 { format!(" (attempt {})", line.attempt) } else { String::new() };
                    let head = format!("{} {}{again}: {} {} {}", line.time, line.step, line.op, line.call, line.params);
                    let end = match (&line.returns, &line.error) {
                        (_, Some(error)) => format!("    failed: {error}"),
                        (Some(returns), None) => format!("    {returns}"),
                        (None, None) => String::new(),
                    };
                    text += &format!("{}\n{}\n", printable(&head), printable(&end));
                }
            }
        }
        if text.is_empty() {
            out.note("nothing is logged on this machine: no step has carried out an op, or another machine drove the run");
            return Ok(());
        }
        out.result(text)
    })
}
