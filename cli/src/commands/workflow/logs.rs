//! `stepwell workflow logs NAME`: every op that the steps of a run carried out, and what their containers write.

use super::Which;
use crate::drive::Drive;
use crate::error::Error;
use crate::log::{self, Line};
use crate::output::{Output, printable};
use clap::{Args, ValueEnum};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::time::Duration;
use stepwell_runtime::driver::Writes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Show what the steps of a run did: each op with its parameters and its result, and what their containers write
///
/// The log lies in the state directory of the machine that drove the run; what containers write is read from the cluster, as long as their pods are there.
/// Passwords, tokens, the content of Secrets and the like are masked.
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Only this step
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// Go on with what comes, until the run has ended
    #[arg(short, long)]
    follow: bool,
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
    /// One JSON document for each op, and for each line of a container
    Json,
}

/// How often the log of the run is looked at where it is followed.
const EVERY: Duration = Duration::from_millis(300);

/// How many lines of containers may wait to be printed.
const WAITING: usize = 1_000;

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        drive.driver.status(&drive.reference).await?;
        let mut shown = Shown { args, out, lines: 0, seen: BTreeSet::new(), reading: JoinSet::new() };
        let (tell, mut told) = mpsc::channel(WAITING);
        loop {
            // Before the log is read: what is written after it belongs to the next round.
            let status = drive.driver.status(&drive.reference).await?;
            shown.ops(drive, &tell).await?;
            if !args.follow || status.finished {
                break;
            }
            let wait = tokio::time::sleep(EVERY);
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    () = &mut wait => break,
                    line = told.recv() => if let Some(line) = line { shown.container(&line)?; },
                }
            }
        }
        drop(tell);
        while let Some(line) = told.recv().await {
            shown.container(&line)?;
        }
        if shown.lines == 0 {
            out.note("nothing is logged on this machine: no step has carried out an op, or another machine drove the run");
        }
        Ok(())
    })
}

/// A line that a container has written.
struct Written {
    step: String,
    of: Writes,
    text: String,
}

/// How much of the log has been printed.
struct Shown<'a> {
    args: &'a Arguments,
    out: &'a Output,
    /// Lines of the log of ops.
    lines: usize,
    /// Containers.
    seen: BTreeSet<Writes>,
    reading: JoinSet<()>,
}

impl Shown<'_> {
    /// Prints the ops that are new, and begins to read the containers that are.
    async fn ops(&mut self, drive: &Drive, tell: &mpsc::Sender<Written>) -> Result<(), Error> {
        let path = drive.log();
        let lines = log::read(&path).map_err(|e| Error::file(&path, "read", &e))?;
        let wanted = |l: &&Line| self.args.step.as_ref().is_none_or(|s| *s == l.step);
        for line in lines.iter().skip(self.lines).filter(wanted) {
            self.out.result(match self.args.output {
                Form::Json => format!("{}\n", serde_json::to_string(line).unwrap_or_default()),
                Form::Text => text(line),
            })?;
        }
        for line in lines.iter().filter(wanted).filter(|l| l.call == "util/log") {
            for of in drive.driver.writers(&drive.reference, &line.params["source"]).await? {
                if self.seen.insert(of.clone()) {
                    self.read(drive, line.step.clone(), of, tell.clone());
                }
            }
        }
        self.lines = lines.len();
        Ok(())
    }

    fn read(&mut self, drive: &Drive, step: String, of: Writes, tell: mpsc::Sender<Written>) {
        let (driver, follow) = (drive.driver.clone(), self.args.follow);
        self.reading.spawn(async move {
            // A pod that has gone meanwhile has no log any more.
            let Ok(lines) = driver.written(&of, follow).await else { return };
            let mut lines = std::pin::pin!(lines);
            while let Some(Ok(text)) = lines.next().await {
                if tell.send(Written { step: step.clone(), of: of.clone(), text }).await.is_err() {
                    return;
                }
            }
        });
    }

    fn container(&self, line: &Written) -> Result<(), Error> {
        let Written { step, of, text } = line;
        self.out.result(match self.args.output {
            Form::Json => {
                let line =
                    serde_json::json!({"step": step, "pod": of.pod, "container": of.container, "line": text});
                format!("{line}\n")
            }
            Form::Text => {
                format!("{}\n", printable(&format!("{step}: {}/{} | {text}", of.pod, of.container)))
            }
        })
    }
}

/// A line for people.
fn text(line: &Line) -> String {
    let again = if line.attempt > 1 { format!(" (attempt {})", line.attempt) } else { String::new() };
    let head = format!("{} {}{again}: {} {} {}", line.time, line.step, line.op, line.call, line.params);
    let end = match (&line.returns, &line.error) {
        (_, Some(error)) => format!("    failed: {error}"),
        (Some(returns), None) => format!("    {returns}"),
        (None, None) => String::new(),
    };
    format!("{}\n{}\n", printable(&head), printable(&end))
}
