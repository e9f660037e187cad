//! Driving a run to where it ends or waits, shown as it goes: what `run`, `workflow resume` and `workflow restart` have in common.
//!
//! One process drives a run at a time: a locked file in the state directory says that somebody does. Who finds it locked follows the run, and
//! takes over when the other one is gone.

use crate::connect::{Connection, Target};
use crate::error::{Error, Problem};
use crate::log::Log;
use crate::output::Output;
use crate::progress::{Show, To, run_word};
use clap::{Args, ValueEnum};
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use stepwell_runtime::definitions::Library;
use stepwell_runtime::driver::{DriveError, Driver, Progress, RunRef, Until};
use stepwell_runtime::engine::Limits;
use stepwell_runtime::model::run::{Reason, RunPhase, RunStatus, StepPhase};
use stepwell_runtime::model::workflow::parse_duration;
use tokio::sync::broadcast::error::RecvError;

/// How a run is driven and shown.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Answer every step that waits for somebody at once
    #[arg(long)]
    approve: bool,
    /// The form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    #[command(flatten)]
    limits: LimitOptions,
}

/// How often and how fast steps are tried again, where they do not say so themselves.
#[derive(Debug, Default, Args)]
pub(crate) struct LimitOptions {
    /// The longest pause of a step that waits, if nothing wakes it [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Trying again")]
    max_workflow_wait_backoff_time: Option<Duration>,
    /// The longest pause after a failure [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Trying again")]
    max_workflow_failed_backoff_time: Option<Duration>,
    /// How often a failed step is tried again [default: 10]
    #[arg(long, value_name = "TIMES", help_heading = "Trying again")]
    max_workflow_step_error_retry_times: Option<u32>,
}

/// A duration with a unit, or a number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds) => parse_duration(&format!("{seconds}s")),
        Err(_) => parse_duration(text),
    }
}

impl LimitOptions {
    pub(crate) fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            retries: self.max_workflow_step_error_retry_times.unwrap_or(default.retries),
            failed_backoff: self.max_workflow_failed_backoff_time.unwrap_or(default.failed_backoff),
            wait_backoff: self.max_workflow_wait_backoff_time.unwrap_or(default.wait_backoff),
        }
    }
}

/// The forms of the result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The run as it goes, for people
    #[default]
    Text,
    /// One JSON document at the end, the status; the run as it goes is on standard error
    Json,
}

/// How often a run that another process drives is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// A run, and all that is needed to drive it.
pub(crate) struct Drive {
    pub(crate) driver: Driver,
    pub(crate) reference: RunRef,
    lock: PathBuf,
    log: PathBuf,
    /// What to add to a command about the run: its namespace, where that is another than commands take.
    at: String,
}

/// Why driving came to an end.
enum End {
    /// The run is over, or waits for somebody.
    There(RunStatus),
    /// The user has had enough.
    Interrupted(Option<RunStatus>),
}

impl Drive {
    pub(crate) fn new(
        connection: &Connection,
        target: &Target,
        library: Library,
        reference: RunRef,
        options: &Options,
    ) -> Result<Drive, Error> {
        let state = target.state_dir()?;
        let dir = state.join("runs");
        fs::create_dir_all(&dir).map_err(|e| Error::file(&dir, "make", &e))?;
        // The name of a cluster may be an address: its letters and digits do.
        let safe = |text: &str| {
            text.chars().filter(|c| c.is_alphanumeric() || "-.".contains(*c)).collect::<String>()
        };
        let cluster = if connection.is_embedded() { "embedded".to_owned() } else { safe(&connection.name) };
        let name = format!("{cluster}.{}.{}", safe(&reference.namespace), safe(&reference.name));
        let log = state.join("logs").join(format!("{}.{name}.jsonl", reference.kind_name()));
        let driver = Driver::new(connection.client.clone(), library)
            .with_limits(options.limits.limits())
            .with_observer(Arc::new(Log::new(log.clone())))
            .local();
        let at = match reference.namespace == connection.namespace {
            true => String::new(),
            false => format!(" -n {}", reference.namespace),
        };
        Ok(Drive { driver, reference, lock: dir.join(name), log, at })
    }

    /// Where the log of the run lies.
    pub(crate) fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// The right to drive, until the file is closed; `None` while another process has it.
    fn claim(&self) -> Result<Option<File>, Error> {
        let file = File::options().create(true).truncate(false).write(true).open(&self.lock);
        let file = file.map_err(|e| Error::file(&self.lock, "open", &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(e)) => Err(Error::file(&self.lock, "lock", &e)),
        }
    }

    /// Whether another process drives the run at the moment.
    pub(crate) fn is_driven(&self) -> Result<bool, Error> {
        Ok(self.claim()?.is_none())
    }

    /// Drives the run to its end, or to where it waits for somebody and nobody watches.
    pub(crate) async fn go(&self, options: &Options, out: &Output) -> Result<(), Error> {
        let to = if options.output == Form::Json { To::Stderr } else { To::Stdout };
        let watched = match to {
            To::Stdout => out.terminal,
            To::Stderr => out.error_terminal,
        };
        // Only who sees that something waits can be waited for.
        let until = if options.approve || watched { Until::Finished } else { Until::Suspended };
        let mut show = Show::new(&self.reference.name, to, watched);
        let end = self.until_end(options, until, &mut show).await;
        match &end {
            Ok(End::Interrupted(_)) => show.leave(),
            _ => show.end(),
        }
        let status = match end? {
            End::There(status) => status,
            End::Interrupted(status) => {
                let waits = status.as_ref().is_some_and(|s| s.phase == RunPhase::Suspending);
                out.note(&format!(
                    "interrupted; the run is saved as it stands: `{}` goes on",
                    self.resume_command()
                ));
                if options.output == Form::Json
                    && let Some(status) = &status
                {
                    out.result(as_json(status))?;
                }
                return if waits { Ok(()) } else { Err(Error::silent()) };
            }
        };
        if options.output == Form::Json {
            out.result(as_json(&status))?;
        }
        self.judge(&status, out)
    }

    async fn until_end(&self, options: &Options, until: Until, show: &mut Show) -> Result<End, Error> {
        let mut interrupt = Interrupt::new()?;
        loop {
            if let Some(claim) = self.claim()? {
                let end = self.drive(options, until, show, &mut interrupt).await;
                drop(claim);
                match end {
                    // Somebody on another machine does.
                    Err(DriveError::Busy(..)) => {}
                    end => return Ok(end?),
                }
            }
            let status = self.driver.status(&self.reference).await?;
            show.status(&status);
            if status.finished || (until == Until::Suspended && status.phase == RunPhase::Suspending) {
                return Ok(End::There(status));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = interrupt.happens() => return Ok(End::Interrupted(Some(status))),
            }
        }
    }

    async fn drive(
        &self,
        options: &Options,
        until: Until,
        show: &mut Show,
        interrupt: &mut Interrupt,
    ) -> Result<End, DriveError> {
        let mut run = self.driver.drive(self.reference.clone(), until);
        loop {
            let progress = tokio::select! {
                progress = run.progress.recv() => progress,
                () = interrupt.happens() => {
                    run.abandon();
                    return Ok(End::Interrupted(self.driver.status(&self.reference).await.ok()));
                }
            };
            match progress {
                Ok(first) => {
                    let mut batch = vec![first];
                    while let Ok(more) = run.progress.try_recv() {
                        batch.push(more);
                    }
                    let live = show.is_live();
                    let told = batch.iter().filter(|p| live || !ends_the_telling(p));
                    told.for_each(|p| show.progress(p));
                    if options.approve && batch.iter().any(waits) {
                        match run.resume(None).await {
                            // It may have been answered already.
                            Ok(()) | Err(DriveError::Operation(_)) => {}
                            Err(e) => return Err(e),
                        }
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
        let status = run.wait().await?;
        show.status(&status);
        Ok(End::There(status))
    }

    /// What a user types to go on with the run.
    fn resume_command(&self) -> String {
        format!("stepwell workflow resume {}{}", self.reference.name, self.at)
    }

    /// Tells how to go on, or what went wrong.
    fn judge(&self, status: &RunStatus, out: &Output) -> Result<(), Error> {
        match status.phase {
            RunPhase::Suspending => {
                out.note(&format!("waits for you: `{}` goes on", self.resume_command()));
                Ok(())
            }
            RunPhase::Failed | RunPhase::Terminated => Err(self.failure(status)),
            _ => Ok(()),
        }
    }

    fn failure(&self, status: &RunStatus) -> Error {
        let failed = status.all().filter(|s| s.phase == StepPhase::Failed && s.sub_steps.is_empty());
        let mut problems: Vec<Problem> = failed
            .map(|step| Problem {
                code: "step".into(),
                message: match (step.reason == Some(Reason::Timeout), step.message.as_str()) {
                    (true, "") => format!("step {} ({}) timed out", step.name, step.kind),
                    (true, message) => format!("step {} ({}) timed out: {message}", step.name, step.kind),
                    (false, message) => format!("step {} ({}) failed: {message}", step.name, step.kind),
                },
                ..Problem::default()
            })
            .collect();
        let again = format!("`stepwell workflow restart {}{}` runs it again", self.reference.name, self.at);
        problems.push(Problem {
            code: "run".into(),
            message: format!("the workflow of {} has {}", self.reference.name, run_word(status.phase)),
            hint: Some(again),
            ..Problem::default()
        });
        problems.into()
    }
}

fn waits(progress: &Progress) -> bool {
    match progress {
        Progress::Run { suspend, .. } => *suspend,
        Progress::Step { step, .. } => step.phase == StepPhase::Suspending,
    }
}

/// That a run waits or ends is told, where lines are told one after the other, after the step that makes it so: with the final status.
fn ends_the_telling(progress: &Progress) -> bool {
    matches!(progress, Progress::Run { phase, .. } if !matches!(phase, RunPhase::Initializing | RunPhase::Executing))
}

fn as_json(status: &RunStatus) -> String {
    format!("{:#}\n", serde_json::to_value(status).unwrap_or_default())
}

/// The wish of a user, or of the system, that the program ends.
pub(crate) struct Interrupt {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Interrupt {
    /// Begins to listen: from now on, interrupting the program does not end it at once.
    pub(crate) fn new() -> Result<Interrupt, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen =
            |kind| signal(kind).map_err(|e| Error::mistake("io", format!("cannot listen to signals: {e}")));
        Ok(Interrupt {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits until the program shall end.
    pub(crate) async fn happens(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
