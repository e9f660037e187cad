//! `stepwell cluster serve`: the embedded cluster for kubectl.

use crate::connect::{Target, block_on};
use crate::drive::Interrupt;
use crate::error::Error;
use crate::output::Output;
use clap::Args;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Serve the embedded cluster to kubectl, on this machine only
///
/// Prints the path of a kubeconfig and serves until it is interrupted: `kubectl --kubeconfig PATH get all`.
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    block_on(async {
        let connection = args.target.connect().await?;
        let file = args.target.state_dir()?.join("kubeconfig");
        let mut interrupt = Interrupt::new()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
        let mut served = stepwell_cluster::serve(connection.client.clone(), address).await?;
        write(&file, &served.kubeconfig)?;
        out.result(format!("{}\n", file.display()))?;
        out.note(&format!("serving {} at {}; Ctrl-C ends it", connection.name, served.address));
        tokio::select! {
            () = served.ended() => {}
            () = interrupt.happens() => {}
        }
        // The address is in it, and leads nowhere from now on.
        let _ = fs::remove_file(&file);
        served.stop().await;
        connection.close().await;
        Ok(())
    })
}

/// Writes the kubeconfig for this user alone: whoever has it may do everything.
fn write(file: &Path, text: &str) -> Result<(), Error> {
    let cannot = |e: std::io::Error| Error::file(file, "write", &e);
    let new = file.with_extension(std::process::id().to_string());
    let mut target =
        fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(cannot)?;
    target.write_all(text.as_bytes()).map_err(cannot)?;
    fs::rename(&new, file).map_err(cannot)
}
