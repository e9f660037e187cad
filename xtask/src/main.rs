//! The daily commands of the project, `cargo xtask COMMAND`: one module per command, and here only
//! the choice between them. A new command is one module and one variant.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers that talks to the terminal"
)]

mod api_suite;
mod apply_schema;
#[path = "../../tests/conformance/archive.rs"]
mod archive;
mod archives;
mod bench;
mod ci;
mod conformance;
mod differ;
mod docs;
mod e2e;
mod fuzz;
mod instructions;
mod languages;
mod parse_speed;
mod peers;
mod plane;
mod process;
mod protobuf_schema;
mod services;
mod templates;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, Parser)]
#[command(name = "xtask", about = "The daily commands of the project")]
enum Command {
    /// The suite of API requests
    #[command(subcommand)]
    ApiSuite(api_suite::ApiSuite),
    /// Everything that is shown on a real control plane (built with Go) and with kubectl
    E2e,
    /// Make the table of protobuf field numbers of built-in kinds (needs Go)
    ProtobufSchema,
    /// A real control plane (built with Go) to try things on, until Ctrl-C
    Plane,
    /// Build the programs that tests of some step types need (with Go): helm, kustomize
    Tools,
    Bench(bench::Bench),
    Ci(ci::Ci),
    Conformance(conformance::Conformance),
    Differ(differ::Differ),
    Docs(docs::Docs),
    Fuzz(fuzz::Fuzz),
    /// The structure of built-in kinds, for the embedded cluster
    ApplySchema(apply_schema::ApplySchema),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::ApiSuite(command) => command.run(),
        Command::E2e => e2e::run(),
        Command::Plane => plane::hold(),
        Command::Tools => tools::run(),
        Command::ProtobufSchema => protobuf_schema::run(),
        Command::Bench(command) => command.run(),
        Command::Ci(command) => command.run(),
        Command::Conformance(command) => command.run(),
        Command::Differ(command) => command.run(),
        Command::Docs(command) => command.run(),
        Command::Fuzz(command) => command.run(),
        Command::ApplySchema(command) => command.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}
