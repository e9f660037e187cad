//! `stepwell vet FILE...`: whether files are right.

use crate::error::Error;
use crate::inputs;
use crate::output::Output;
use clap::Args;
use std::path::PathBuf;
use stepwell_lang::source::Source;

/// Check files of the language, and data against them
///
/// `stepwell vet schema.cue data.yaml -d '#Config'` checks every document of the data files against a definition; without -d, against
/// the whole. Data must come out concrete; files of the language alone need not (unless -c).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The files and folders (`-` for standard input)
    files: Vec<PathBuf>,
    /// Check data against this expression, for example a definition
    #[arg(short = 'd', long, value_name = "EXPR")]
    schema: Option<String>,
    /// Everything must be concrete
    #[arg(short, long)]
    concrete: bool,
}

pub(super) fn run(args: &Arguments, _out: &Output) -> Result<(), Error> {
    let loaded = inputs::load(&args.files)?;
    let mut problems = Vec::new();
    let instance = loaded.program.instance();
    let schema = match &args.schema {
        Some(text) => instance.eval(&Source::new("-d", text.as_str()), instance.root(), true)?,
        None => instance.root(),
    };
    let concrete = args.concrete && loaded.data.is_empty();
    problems.extend(schema.validate(concrete).err().map(Error::from).into_iter().flat_map(|e| e.problems));
    for document in &loaded.data {
        let whole = instance.unify(schema, instance.data(&document.data));
        let Err(failure) = whole.validate(true) else { continue };
        for mut problem in Error::from(failure).problems {
            problem.message = format!("{}: {}", document.name, problem.message);
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}
