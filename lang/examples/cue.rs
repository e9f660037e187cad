//! The language as a small program: `export FILE...` prints JSON, `eval --out tree FILE...` the whole value,
//! `openapi FILE...` its definitions. It shows how the library is
//! embedded, and serves to run vectors without building the rest of the project.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program that prints")]

use std::io::Write;
use std::process::ExitCode;
use stepwell_lang::{Failure, NoPackages, Program, Source};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let files: Vec<&String> = args.iter().filter(|a| a.ends_with(".cue")).collect();
    let json = args.iter().any(|a| a == "json");
    let mut sources = Vec::new();
    for f in files {
        match std::fs::read_to_string(f) {
            Ok(text) => sources.push(Source::new(f.as_str(), text)),
            Err(e) => {
                eprintln!("{f}: {e}");
                return ExitCode::from(1);
            }
        }
    }
    match run(args.first().map(String::as_str), sources) {
        Ok(text) => {
            let mut out = std::io::stdout().lock();
            let written = text(&mut out).and_then(|()| out.write_all(b"\n"));
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(failure) => {
            report(&failure, json);
            ExitCode::from(1)
        }
    }
}

/// What writes the result.
type Text = Box<dyn FnOnce(&mut dyn Write) -> std::io::Result<()>>;

fn run(command: Option<&str>, sources: Vec<Source>) -> Result<Text, Failure> {
    let program = Program::compile(sources, &NoPackages)?;
    // The process ends with it: nothing is gained by freeing it piece by piece.
    let instance = std::mem::ManuallyDrop::new(program.instance());
    let text = match command {
        Some("eval") => instance.root().tree(),
        Some("openapi") => {
            stepwell_lang::encode::json::pretty(&stepwell_lang::encode::openapi::document(instance.root())?)
        }
        _ => {
            let text = instance.root().json_text()?;
            return Ok(Box::new(move |out| text.write(out)));
        }
    };
    Ok(Box::new(move |out| out.write_all(text.as_bytes())))
}

fn report(failure: &Failure, json: bool) {
    if !json {
        eprintln!("{failure}");
        return;
    }
    let one = |d: &stepwell_lang::diag::Diagnostic| {
        let positions: Vec<_> = d
            .positions(&failure.sources)
            .into_iter()
            .map(|p| serde_json::json!({"file": p.file, "line": p.line, "column": p.column}))
            .collect();
        serde_json::json!({"code": d.code.as_str(), "path": d.path, "message": d.message, "positions": positions})
    };
    let all: Vec<_> = failure.diagnostics.iter().map(one).collect();
    eprintln!("{}", serde_json::Value::Array(all));
}
