//! `stepwell env list|show`: the environments that Applications can be delivered to.

use crate::connect::{Target, block_on};
use crate::error::Error;
use crate::library::builtin;
use crate::output::{Output, table};
use clap::{Args, Subcommand};
use stepwell_runtime::driver::Driver;

/// Environments: where Applications can be delivered to
#[derive(Debug, Subcommand)]
pub(super) enum Env {
    /// List the environments
    List(List),
    /// Show an environment and its targets
    Show(Show),
}

/// List the environments
///
/// An environment is an object of kind Environment (`stepwell.dev/v1alpha1`), a target one of kind Target. Both may stand in the file that is run.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
}

/// Show an environment and its targets
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its name
    name: String,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(command: &Env, out: &Output) -> Result<(), Error> {
    match command {
        Env::List(args) => with(&args.target, async |driver| list(&driver, out).await),
        Env::Show(args) => with(&args.target, async |driver| show(&driver, &args.name, out).await),
    }
}

fn with(target: &Target, work: impl AsyncFnOnce(Driver) -> Result<(), Error>) -> Result<(), Error> {
    block_on(async {
        let connection = target.connect().await?;
        let done = work(Driver::new(connection.client.clone(), builtin())).await;
        connection.close().await;
        done
    })
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| if c.is_empty() { "-".to_owned() } else { (*c).to_owned() }).collect()
}

async fn list(driver: &Driver, out: &Output) -> Result<(), Error> {
    let all = driver.environments().await?;
    if all.is_empty() {
        out.note("there are no environments: an object of kind Environment makes one");
        return Ok(());
    }
    let mut rows = vec![row(&["NAME", "NAMESPACE", "TARGETS", "APPROVE", "DESCRIPTION"])];
    rows.extend(all.iter().map(|e| {
        let approve = if e.approve { "yes" } else { "no" };
        row(&[&e.name, &e.namespace, &e.targets.join(","), approve, &e.description])
    }));
    out.result(table(&rows))
}

async fn show(driver: &Driver, name: &str, out: &Output) -> Result<(), Error> {
    let bound = driver.environment(name).await?;
    let e = &bound.environment;
    let approve = if e.approve { "yes" } else { "no" };
    let head = [
        row(&["name", &e.name]),
        row(&["namespace", &e.namespace]),
        row(&["approve", approve]),
        row(&["description", &e.description]),
    ];
    let mut rows = vec![row(&["TARGET", "CLUSTER", "NAMESPACE", "DESCRIPTION"])];
    rows.extend(bound.targets.iter().map(|t| row(&[&t.name, &t.cluster, &t.namespace, &t.description])));
    out.result(format!("{}\n{}", table(&head), table(&rows)))
}
