//! The program `stepwell`: reads its arguments, calls the libraries, shows what they give. No logic of the language or of workflows
//! belongs here. Whole-program tests are in `tests/program/`.

mod admission;
mod commands;
mod connect;
mod delivery;
mod disk;
mod drive;
mod error;
mod inputs;
mod kinds;
mod language;
mod library;
mod log;
mod objects;
mod output;
mod progress;
mod trace;
mod written;

use commands::Cli;
use output::Output;
use std::process::ExitCode;

/// Evaluation recurses as deep as its budget allows; the stack is only reserved, not used, until then.
const STACK: usize = 256 << 20;

fn main() -> ExitCode {
    // Not on a thread of its own: that would have a heap of its own too, and touch a quarter more pages before it does anything.
    stacker::grow(STACK, || {
        let args: Vec<_> = std::env::args_os().collect();
        let out = Output::new(&args);
        let done = Cli::from_args(args).and_then(|cli| commands::dispatch(cli, &out));
        out.exit(done)
    })
}
