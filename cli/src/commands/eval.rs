//! `stepwell eval FILE...`: the value of files as it stands, concrete or not.

use crate::error::Error;
use crate::inputs;
use crate::output::Output;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use stepwell_lang::encode::{json, yaml};
use stepwell_lang::source::Source;
use stepwell_lang::{Instance, Path, Value};

/// Evaluate files of the language and print the result, concrete or not
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The files and folders (`-` for standard input)
    files: Vec<PathBuf>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t)]
    out: Form,
    /// Evaluate this expression instead of the whole; may be given several times
    #[arg(short, long = "expression", value_name = "EXPR")]
    expressions: Vec<String>,
    /// Everything must be concrete
    #[arg(short, long)]
    concrete: bool,
}

/// The forms of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The language itself
    #[default]
    Cue,
    /// JSON (everything must be concrete)
    Json,
    /// YAML (everything must be concrete)
    Yaml,
    /// Every value with its kind, its default and its errors, as JSON
    Tree,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let loaded = inputs::load(&args.files)?;
    let instance = loaded.program.instance();
    for document in &loaded.data {
        instance.fill(&Path::default(), &document.data)?;
    }
    let mut text = String::new();
    let mut problems = Vec::new();
    for value in expressions(&instance, &args.expressions)? {
        let shown = match args.out {
            // A tree shows errors in their places.
            Form::Tree => Ok(value.tree() + "\n"),
            Form::Cue => value.validate(args.concrete).map(|()| {
                let source = value.to_source();
                if source.ends_with('\n') { source } else { source + "\n" }
            }),
            Form::Json => value.data().map(|d| json::pretty(&d) + "\n"),
            Form::Yaml => value.data().map(|d| yaml::write(&d)),
        };
        match shown {
            Ok(shown) => text.push_str(&shown),
            Err(failure) => problems.extend(Error::from(failure).problems),
        }
    }
    match problems.is_empty() {
        true => out.result(text),
        false => Err(problems.into()),
    }
}

/// The values of expressions in the scope of the whole, or the whole where there are none.
pub(super) fn expressions<'i>(instance: &'i Instance, texts: &[String]) -> Result<Vec<Value<'i>>, Error> {
    if texts.is_empty() {
        return Ok(vec![instance.root()]);
    }
    let value = |text: &String| instance.eval(&Source::new("-e", text.as_str()), instance.root(), true);
    Ok(texts.iter().map(value).collect::<Result<_, _>>()?)
}
