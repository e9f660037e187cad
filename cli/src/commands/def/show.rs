//! `stepwell def show NAME`: what a definition is for, and its parameters.

use crate::error::Error;
use crate::library::Definitions;
use crate::output::{Output, printable, table};
use clap::Args;
use stepwell_lang::data::Data;
use stepwell_lang::encode::{cue, json};
use stepwell_lang::syntax::ast::Constraint;
use stepwell_lang::{Value, Which};
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
        let instance = compiled.program.instance();
        let mut rows = vec![["PARAMETER", "TYPE", "DEFAULT", "MEANING"].map(str::to_owned).to_vec()];
        if let Some(parameter) = compiled.template(&instance).get("parameter") {
            parameters(parameter, 0, &mut rows);
        }
        match rows.len() {
            1 => text.push_str("\nIt has no parameters.\n"),
            _ => text.push_str(&format!("\n{}", table(&rows))),
        }
    }
    out.result(text)
}

/// One row for each field, those of a struct or of a list's elements below it.
fn parameters(of: Value<'_>, depth: usize, rows: &mut Vec<Vec<String>>) {
    let which = Which { constraints: true, ..Which::default() };
    for field in of.fields(which) {
        let value = field.value;
        let label = cue::label(&value.label());
        let mark = match field.constraint {
            Constraint::Optional => "?",
            _ => "",
        };
        let default = value.default_value().or(Some(value).filter(|v| v.is_concrete()));
        let default = match default.and_then(|d| d.data().ok()) {
            Some(Data::List(_) | Data::Struct(_)) | None => String::new(),
            Some(scalar) => json::compact(&scalar),
        };
        let docs = value.docs();
        let usage = docs.iter().find_map(|line| line.strip_prefix("+usage=")).unwrap_or_default();
        let name = format!("{}{label}{mark}", "  ".repeat(depth));
        rows.push(vec![name, value.kind().to_string(), default, usage.to_owned()]);
        if depth < DEPTH {
            parameters(value, depth + 1, rows);
        }
    }
}
