//! `stepwell workflow resume|suspend|terminate|restart NAME`: operations on a run. They change its record; if no process drives the run, this
//! one does.

use super::Which;
use crate::drive::{Drive, Options};
use crate::error::Error;
use crate::output::Output;
use clap::Args;
use stepwell_runtime::driver::DriveError;
use stepwell_runtime::engine::Refused;

/// Go on with a run that waits, or that was interrupted
#[derive(Debug, Args)]
pub(in crate::commands) struct Resume {
    /// Only this step of those that wait
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    options: Options,
}

/// Start nothing more until the run is resumed
#[derive(Debug, Args)]
pub(in crate::commands) struct Suspend {
    #[command(flatten)]
    which: Which,
}

/// End a run
#[derive(Debug, Args)]
pub(in crate::commands) struct Terminate {
    #[command(flatten)]
    which: Which,
}

/// End a run when what is under way has come to its end
///
/// Nothing more starts but what runs in any case: the steps of `finally`, and those with `if: always`.
#[derive(Debug, Args)]
pub(in crate::commands) struct Cancel {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    options: Options,
}

/// Put an Application back to an earlier revision
///
/// Its document becomes that of the revision, and a run puts the objects of the revision back exactly as they were applied, waits until they are healthy, and
/// deletes what the revision does not have. When that has succeeded, it is the newest revision.
#[derive(Debug, Args)]
pub(in crate::commands) struct Rollback {
    /// The number of the revision [default: the last that succeeded before what is delivered now]
    #[arg(long, value_name = "NUMBER", value_parser = crate::commands::revision::number)]
    to: Option<u64>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    options: Options,
}

/// Run the workflow again, from its beginning or from a step
#[derive(Debug, Args)]
pub(in crate::commands) struct Restart {
    /// From this step on; those before it keep their results
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    options: Options,
}

pub(super) fn resume(args: &Resume, out: &Output) -> Result<(), Error> {
    args.which.with(&args.options, async |drive| {
        let driven = drive.is_driven()?;
        match drive.driver.resume(&drive.reference, args.step.as_deref()).await {
            Ok(_) => {}
            // It was interrupted on its way: nothing waits, but nobody drives it either.
            Err(DriveError::Operation(Refused::NotSuspended)) if !driven && args.step.is_none() => {}
            Err(e) => return Err(e.into()),
        }
        go_on("resumed", driven, drive, &args.options, out).await
    })
}

pub(super) fn restart(args: &Restart, out: &Output) -> Result<(), Error> {
    args.which.with(&args.options, async |drive| {
        let driven = drive.is_driven()?;
        drive.driver.restart(&drive.reference, args.step.as_deref()).await?;
        go_on("restarted", driven, drive, &args.options, out).await
    })
}

pub(in crate::commands) fn rollback(args: &Rollback, out: &Output) -> Result<(), Error> {
    args.which.with(&args.options, async |drive| {
        let driven = drive.is_driven()?;
        let target = drive.driver.rollback(&drive.reference, args.to).await?;
        out.note(&format!("{} goes back to {}", drive.reference.name, target.summary.name));
        go_on("rolled back", driven, drive, &args.options, out).await
    })
}

pub(super) fn cancel(args: &Cancel, out: &Output) -> Result<(), Error> {
    args.which.with(&args.options, async |drive| {
        let driven = drive.is_driven()?;
        drive.driver.cancel(&drive.reference).await?;
        go_on("cancelled", driven, drive, &args.options, out).await
    })
}

pub(super) fn suspend(args: &Suspend, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        drive.driver.suspend(&drive.reference).await?;
        out.result(format!("{}: suspended\n", drive.reference.name))
    })
}

pub(super) fn terminate(args: &Terminate, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        drive.driver.terminate(&drive.reference).await?;
        out.result(format!("{}: terminated\n", drive.reference.name))
    })
}

/// Leaves the rest to the process that drives the run, or drives it here.
async fn go_on(
    done: &str,
    driven: bool,
    drive: &Drive,
    options: &Options,
    out: &Output,
) -> Result<(), Error> {
    if driven {
        return out.result(format!("{}: {done}; the process that drives it goes on\n", drive.reference.name));
    }
    drive.go(options, out).await
}
