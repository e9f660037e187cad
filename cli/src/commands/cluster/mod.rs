//! `stepwell cluster ...`: the embedded cluster itself.

mod serve;

use crate::error::Error;
use crate::output::Output;
use clap::Subcommand;

/// The embedded cluster
#[derive(Debug, Subcommand)]
pub(super) enum Cluster {
    Serve(serve::Arguments),
}

pub(super) fn run(command: &Cluster, out: &Output) -> Result<(), Error> {
    match command {
        Cluster::Serve(args) => serve::run(args, out),
    }
}
