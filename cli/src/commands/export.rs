//! `stepwell export FILE...`: the value of files as data.

use super::eval::expressions;
use crate::error::Error;
use crate::inputs;
use crate::output::Output;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use stepwell_lang::data::Data;
use stepwell_lang::encode::{cue, json, yaml};
use stepwell_lang::{Path, Value};

/// Evaluate files of the language and print the result as data
///
/// Everything must be concrete: what is not is an error. JSON and YAML files among the arguments are unified with the rest. Without
/// files, the package in the current folder is read.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The files and folders (`-` for standard input)
    files: Vec<PathBuf>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t)]
    out: Form,
    /// Export this expression instead of the whole; may be given several times
    #[arg(short, long = "expression", value_name = "EXPR")]
    expressions: Vec<String>,
}

/// The forms of data.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Form {
    /// JSON
    #[default]
    Json,
    /// YAML
    Yaml,
    /// The language itself
    Cue,
    /// The text of a string or bytes, as it is
    Text,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let loaded = inputs::load(&args.files)?;
    let instance = loaded.program.instance();
    for document in &loaded.data {
        instance.fill(&Path::default(), &document.data)?;
    }
    let mut values = Vec::new();
    let mut problems = Vec::new();
    for value in expressions(&instance, &args.expressions)? {
        match value.data() {
            Ok(data) => values.push((value, data)),
            Err(failure) => problems.extend(Error::from(failure).problems),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let documents: Vec<Data> = values.iter().map(|(_, data)| data.clone()).collect();
    let text = match args.out {
        Form::Json => documents.iter().map(|d| json::pretty(d) + "\n").collect::<String>().into_bytes(),
        Form::Yaml => yaml::write_stream(&documents).into_bytes(),
        Form::Cue => documents.iter().map(cue::write).collect::<String>().into_bytes(),
        Form::Text => {
            let mut text = Vec::new();
            for (value, data) in &values {
                text.extend(plain(*value, data)?);
            }
            text
        }
    };
    out.result(text)
}

fn plain(value: Value<'_>, data: &Data) -> Result<Vec<u8>, Error> {
    match data {
        Data::String(text) => Ok(format!("{text}\n").into_bytes()),
        Data::Bytes(bytes) => Ok(bytes.to_vec()),
        other => {
            let mut error = Error::mistake(
                "output",
                format!("--out text is for strings and bytes, not for a {}", other.type_name()),
            );
            error.problems[0].path = value.path();
            Err(error.hint("choose a string in it with -e"))
        }
    }
}
