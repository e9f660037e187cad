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
use error::Error;
use output::Output;
use std::process::ExitCode;

/// Evaluation recurses as deep as its budget allows; the stack is only reserved, not used, until then.
const STACK: usize = 256 << 20;

fn main() -> ExitCode {
    let run = || {
        let args: Vec<_> = std::env::args_os().collect();
        let out = Output::new(&args);
        let _tracing = trace::begin();
        let done = Cli::from_args(args).and_then(|cli| commands::dispatch(cli, &out));
        out.exit(done)
    };
    match std::thread::Builder::new().name("stepwell".into()).stack_size(STACK).spawn(run) {
        Ok(thread) => thread.join().unwrap_or(ExitCode::from(101)),
        Err(e) => Output::new(&[]).exit(Err(Error::mistake("io", format!("cannot start a thread: {e}")))),
    }
}
