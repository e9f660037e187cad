//! `stepwell workflow debug NAME --step STEP`: the values of a step as they are now.

use super::Which;
use crate::error::Error;
use crate::output::Output;
use clap::Args;

/// Show the values of a step as they are now
///
/// The step's definition is evaluated with its parameters and context, and with what the cluster says now to the ops that only read. Nothing is changed.
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// The step
    #[arg(long, value_name = "NAME")]
    step: String,
    #[command(flatten)]
    which: Which,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    args.which.look(async |drive| {
        let text = drive.driver.values(&drive.reference, &args.step).await?;
        out.result(format!("{}\n", text.trim_end()))
    })
}
