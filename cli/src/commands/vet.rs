//! `stepwell vet INPUT...`: whether packages and files are right.

use crate::error::Error;
use crate::language::{Inputs, schema};
use crate::output::Output;
use clap::Args;

/// Check files of the language, and data against them
///
/// `stepwell vet schema.cue data.yaml -d '#Config'` checks every document of the data files against a definition; without -d, against
/// the whole. Everything must be concrete: -c shows what is not, `-c=false` allows it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    inputs: Inputs,
    /// Check data against this expression, for example a definition; against each, if it is given several times
    #[arg(short = 'd', long, value_name = "EXPR")]
    schema: Vec<String>,
    /// Everything must be concrete
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    concrete: Option<bool>,
}

pub(super) fn run(args: &Arguments, _out: &Output) -> Result<(), Error> {
    let loaded = args.inputs.load()?;
    if !loaded.data.is_empty() && !loaded.has_code && args.schema.is_empty() {
        let error = Error::mistake("usage", "there is nothing to check the data against");
        return Err(error.hint("name a file of the language too: `stepwell vet schema.cue data.yaml`"));
    }
    // Values are checked one by one, unless they are put together into lists or under labels.
    let apart = args.inputs.apart(!args.schema.is_empty())? || !args.inputs.places();
    let apart = apart && !loaded.data.is_empty();
    let mut problems = Vec::new();
    for instance in args.inputs.instances(&loaded, apart)? {
        let mut schemas = Vec::new();
        for text in &args.schema {
            schemas.push(schema(&instance, Some(text))?);
        }
        if schemas.is_empty() {
            schemas.push(instance.root());
        }
        let root = instance.root();
        // Beside data that is looked at alone, the rest is a schema and need not be concrete.
        let shows = !apart && args.concrete.unwrap_or(!loaded.data.is_empty());
        match root.validate(shows) {
            Err(failure) => problems.extend(Error::from(failure).problems),
            Ok(()) if !apart && args.concrete.is_none() && root.validate(true).is_err() => {
                let error = Error::mistake("incomplete", "some values are not concrete");
                problems.extend(error.hint("-c shows them, -c=false allows them").problems);
            }
            Ok(()) => {}
        }
        if !apart {
            continue;
        }
        for document in &loaded.data {
            for schema in &schemas {
                let whole = instance.unify(*schema, instance.placed(&document.value));
                let Err(failure) = whole.validate(args.concrete.unwrap_or(true)) else { continue };
                for mut problem in Error::from(failure).problems {
                    problem.message = format!("{}: {}", document.name, problem.message);
                    problems.push(problem);
                }
            }
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Error::from(problems).without_repeats()),
    }
}
