//! `stepwell workflow ...`: runs that were started, by the name of their Application.

pub(super) mod change;
mod debug;
mod generate;
mod graph;
mod list;
mod logs;
mod serve;
mod simulate;
mod status;

use crate::connect::{Connection, Target, block_on};
use crate::drive::{Drive, Options};
use crate::error::Error;
use crate::library::Definitions;
use crate::output::Output;
use clap::{Args, Subcommand, ValueEnum};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::driver::{DriveError, Driver, RunRef};

/// Runs: how they stand, and what to do with them
#[derive(Debug, Subcommand)]
pub(super) enum Workflow {
    /// End a run when what is under way has come to its end
    Cancel(change::Cancel),
    /// Show the values of a step as they are now
    Debug(debug::Arguments),
    /// Print the workflow of an Application that writes none, to be changed and kept
    Generate(generate::Arguments),
    /// Draw the steps of a run and what each waits for
    Graph(graph::Arguments),
    /// List the runs
    List(list::Arguments),
    /// Show what the steps of a run did: each op with its parameters and its result
    Logs(logs::Arguments),
    /// Run the workflow again, from its beginning or from a step
    Restart(change::Restart),
    /// Go on with a run that waits, or that was interrupted
    Resume(change::Resume),
    Rollback(change::Rollback),
    /// Carry out every run of the cluster, as long as this runs
    Serve(serve::Arguments),
    /// Carry a run out on a fresh cluster in memory, by a clock that jumps ahead
    Simulate(simulate::Arguments),
    /// Show how a run stands, step by step
    Status(status::Arguments),
    /// Start nothing more until the run is resumed
    Suspend(change::Suspend),
    /// End a run
    Terminate(change::Terminate),
}

pub(super) fn run(command: &Workflow, out: &Output) -> Result<(), Error> {
    match command {
        Workflow::Cancel(args) => change::cancel(args, out),
        Workflow::Debug(args) => debug::run(args, out),
        Workflow::Generate(args) => generate::run(args, out),
        Workflow::Graph(args) => graph::run(args, out),
        Workflow::List(args) => list::run(args, out),
        Workflow::Logs(args) => logs::run(args, out),
        Workflow::Restart(args) => change::restart(args, out),
        Workflow::Resume(args) => change::resume(args, out),
        Workflow::Rollback(args) => change::rollback(args, out),
        Workflow::Serve(args) => serve::run(args, out),
        Workflow::Simulate(args) => simulate::run(args, out),
        Workflow::Status(args) => status::run(args, out),
        Workflow::Suspend(args) => change::suspend(args, out),
        Workflow::Terminate(args) => change::terminate(args, out),
    }
}

/// Which run is meant.
#[derive(Debug, Args)]
pub(in crate::commands) struct Which {
    /// The name of the Application or WorkflowRun
    name: String,
    /// What the name is of, where there are both
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<Of>,
    #[command(flatten)]
    definitions: Definitions,
    #[command(flatten)]
    target: Target,
}

/// What a run belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// An Application
    Application,
    /// A WorkflowRun
    Run,
}

impl Which {
    /// The run of this name: that of a WorkflowRun where there is one and no Application.
    async fn reference(&self, connection: &Connection, library: &Library) -> Result<RunRef, Error> {
        let app = RunRef::application(&connection.namespace, &self.name);
        let run = RunRef::workflow_run(&connection.namespace, &self.name);
        match self.kind {
            Some(Of::Application) => return Ok(app),
            Some(Of::Run) => return Ok(run),
            None => {}
        }
        let driver = Driver::new(connection.client.clone(), library.clone());
        let there = |found: Result<_, DriveError>| {
            !matches!(found, Err(DriveError::NotFound(_) | DriveError::NoKind(_)))
        };
        match (there(driver.status(&app).await.map(drop)), there(driver.status(&run).await.map(drop))) {
            (false, true) => Ok(run),
            (true, true) => {
                let message = format!("there is an Application and a WorkflowRun named {}", self.name);
                Err(Error::mistake("ambiguous", message).hint("say which with --kind"))
            }
            _ => Ok(app),
        }
    }

    /// Looks at the run, or asks something of it for which it need not be driven here.
    pub(in crate::commands) fn look<T>(
        &self,
        work: impl AsyncFnOnce(&Drive) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with(&Options::default(), work)
    }

    /// Does something with the run, driving it in this way.
    pub(in crate::commands) fn with<T>(
        &self,
        options: &Options,
        work: impl AsyncFnOnce(&Drive) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let library = self.definitions.library()?;
        block_on(async {
            let connection: Connection = self.target.connect().await?;
            let done = async {
                let reference = self.reference(&connection, &library).await?;
                let drive = Drive::new(&connection, &self.target, library, reference, options)?;
                work(&drive).await
            };
            let done = done.await;
            connection.close().await;
            done
        })
    }
}
