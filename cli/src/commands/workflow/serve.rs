//! `stepwell workflow serve`: carries out every run of a cluster, as a controller does.

use crate::admission;
use crate::connect::{Target, block_on};
use crate::drive::{Interrupt, LimitOptions};
use crate::error::Error;
use crate::library::Definitions;
use crate::output::Output;
use clap::Args;
use stepwell_runtime::driver::Driver;

/// Carry out every run of the cluster, as long as this runs
///
/// Applications and WorkflowRuns that anybody writes to the cluster are carried out: with `stepwell run`, kubectl or another tool. A run that waits for a
/// person takes no room until it is resumed.
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// All namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    admission: admission::Options,
    #[command(flatten)]
    definitions: Definitions,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let library = args.definitions.library()?;
    block_on(async {
        let connection = args.target.connect().await?;
        let mut interrupt = Interrupt::new()?;
        let driver = Driver::new(connection.client.clone(), library).with_limits(args.limits.limits());
        let namespace = (!args.all_namespaces).then_some(connection.namespace.as_str());
        let place = namespace.map_or("all namespaces".to_owned(), |n| format!("namespace {n}"));
        let done = async {
            let asked = admission::serve(&args.admission, driver.clone(), &connection.client).await?;
            out.note(&format!("carrying out the runs in {place} of {}; Ctrl-C ends it", connection.name));
            if let Some(asked) = &asked {
                out.note(&format!("what is written to the cluster is checked at {}", asked.url));
            }
            let done = tokio::select! {
                end = driver.serve(namespace) => end.map_err(Error::from),
                () = interrupt.happens() => Ok(()),
            };
            if let Some(asked) = asked {
                asked.end().await;
            }
            done
        };
        let done = done.await;
        connection.close().await;
        done
    })
}
