//! `stepwell delete NAME`: an Application goes, with all that it has applied.

use super::workflow::Which;
use crate::error::Error;
use crate::output::Output;
use clap::Args;

/// Delete an Application with all that it has applied, or a run
///
/// Objects that its policies keep stay, and those that other Applications share. A run that is under way ends.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        drive.driver.delete(&drive.reference).await?;
        out.result(format!("{}: deleted\n", drive.reference.name))
    })
}
