//! `stepwell workflow ...`: runs that were started, by the name of their Application.

mod change;
mod list;
mod status;

use crate::connect::{Connection, Target, block_on};
use crate::drive::Drive;
use crate::error::Error;
use crate::library::Definitions;
use crate::output::Output;
use clap::{Args, Subcommand};
use stepwell_runtime::driver::RunRef;

/// Runs: how they stand, and what to do with them
#[derive(Debug, Subcommand)]
pub(super) enum Workflow {
    /// List the runs
    List(list::Arguments),
    /// Run the workflow again, from its beginning or from a step
    Restart(change::Restart),
    /// Go on with a run that waits, or that was interrupted
    Resume(change::Resume),
    /// Show how a run stands, step by step
    Status(status::Arguments),
    /// Start nothing more until the run is resumed
    Suspend(change::Suspend),
    /// End a run
    Terminate(change::Terminate),
}

pub(super) fn run(command: &Workflow, out: &Output) -> Result<(), Error> {
    match command {
        Workflow::List(args) => list::run(args, out),
        Workflow::Restart(args) => change::restart(args, out),
        Workflow::Resume(args) => change::resume(args, out),
        Workflow::Status(args) => status::run(args, out),
        Workflow::Suspend(args) => change::suspend(args, out),
        Workflow::Terminate(args) => change::terminate(args, out),
    }
}

/// Which run is meant.
#[derive(Debug, Args)]
pub(in crate::commands) struct Which {
    /// The name of the Application
    name: String,
    #[command(flatten)]
    definitions: Definitions,
    #[command(flatten)]
    target: Target,
}

impl Which {
    /// Does something with the run.
    fn with<T>(&self, work: impl AsyncFnOnce(&Drive) -> Result<T, Error>) -> Result<T, Error> {
        let library = self.definitions.library()?;
        block_on(async {
            let connection: Connection = self.target.connect().await?;
            let reference = RunRef::application(&connection.namespace, &self.name);
            let done = match Drive::new(&connection, &self.target, library, reference) {
                Ok(drive) => work(&drive).await,
                Err(e) => Err(e),
            };
            connection.close().await;
            done
        })
    }
}
