//! `stepwell def show NAME`: what a definition is for, and its parameters.

use crate::error::Error;
use crate::library::Definitions;
use crate::output::{Output, printable, table};
use clap::Args;
use stepwell_lang::encode::{cue, json};
use stepwell_runtime::definitions::Parameter;
use stepwell_runtime::problem::nearest;

/// Show what a definition is for, and its parameters
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// The name, as `stepwell def list` shows it
    name: String,
    /// Print the text of the definition instead
    #[arg(long)]
    source: bool,
    #[command(flatten)]
    definitions: Definitions,
}

/// Parameters inside of parameters are shown to this depth.
const DEPTH: usize = 5;

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let library = args.definitions.library()?;
    let found: Vec<_> = library.iter().filter(|d| d.name == args.name).collect();
    if found.is_empty() {
        let error = Error::mistake("unknown-type", format!("there is no definition `{}`", args.name));
        return Err(match nearest(&args.name, library.iter().map(|d| d.name.as_str())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`stepwell def list` shows those there are"),
        });
    }
    let mut text = String::new();
    for definition in found {
        if args.source {
            text.push_str(&definition.source.text);
            continue;
        }
        let compiled = library.compiled(definition)?;
        text.push_str(&format!("{} ({})\n", definition.name, definition.kind));
        if !compiled.header.description.is_empty() {
            text.push_str(&format!("{}\n", printable(&compiled.header.description)));
        }
        let parameters = compiled.parameters(&compiled.program.instance());
        let mut rows = Vec::new();
        rows_of(&parameters, 0, &mut rows);
        // The column is there where somebody has something in it.
        let called = rows.iter().any(|row| !row[ALSO].is_empty());
        rows.insert(0, ["PARAMETER", "ALSO", "TYPE", "DEFAULT", "MEANING"].map(str::to_owned).to_vec());
        if !called {
            rows.iter_mut().for_each(|row| drop(row.remove(ALSO)));
        }
        match rows.len() {
            1 => text.push_str("\nIt has no parameters.\n"),
            _ => text.push_str(&format!("\n{}", table(&rows))),
        }
    }
    out.result(text)
}

/// Where a row has the other names of a parameter.
const ALSO: usize = 1;

/// One row for each parameter, those inside of it below it.
fn rows_of(parameters: &[Parameter], depth: usize, rows: &mut Vec<Vec<String>>) {
    for p in parameters {
        let name =
            format!("{}{}{}", "  ".repeat(depth), cue::label(&p.name), if p.optional { "?" } else { "" });
        let also: Vec<&str> = p.short.iter().chain(&p.alias).map(String::as_str).collect();
        let default = p.default.as_ref().map(json::compact).unwrap_or_default();
        rows.push(vec![name, printable(&also.join(", ")), p.kind.clone(), default, printable(&p.usage)]);
        if depth < DEPTH {
            rows_of(&p.inside, depth + 1, rows);
        }
    }
}
