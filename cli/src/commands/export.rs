//! `stepwell export INPUT...`: the value of packages and files as data.

use crate::error::Error;
use crate::language::{Inputs, expressions};
use crate::output::Output;
use crate::written::{Layout, Written};
use clap::Args;
use std::mem::ManuallyDrop;
use stepwell_lang::load::FileType;

/// Evaluate files of the language and print the result as data
///
/// Everything must be concrete: what is not is an error. Data files among the arguments are unified with the rest. Without
/// arguments, the package in the current folder is read.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    written: Written,
    /// Export this expression instead of the whole; may be given several times
    #[arg(short, long = "expression", value_name = "EXPR")]
    expressions: Vec<String>,
    /// Unify each value of the data files with this expression, for example a definition, and export it alone
    #[arg(short = 'd', long, value_name = "EXPR")]
    schema: Option<String>,
    /// Escape `<`, `>` and `&` in JSON
    #[arg(long)]
    escape: bool,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let form = args.written.form(FileType::Json)?;
    let layout = Layout { escape: args.escape, ..Layout::default() };
    evaluate(&args.inputs, args.schema.as_deref(), &args.expressions, |values| {
        args.written.write(form, values, layout, out)
    })
}

/// Calls `then` with every value that is asked for.
pub(super) fn evaluate(
    inputs: &Inputs,
    schema: Option<&str>,
    wanted: &[String],
    then: impl FnOnce(&[stepwell_lang::Value<'_>]) -> Result<(), Error>,
) -> Result<(), Error> {
    let apart = inputs.apart(schema.is_some())?;
    // The program ends after this: the system takes the memory back faster than it could be freed piece by piece.
    let loaded = ManuallyDrop::new(inputs.load()?);
    let apart = apart && !loaded.data.is_empty();
    let instances = ManuallyDrop::new(inputs.instances(&loaded, apart)?);
    let mut values = Vec::new();
    let mut problems = Vec::new();
    for instance in instances.iter() {
        let mut wholes = vec![instance.root()];
        if apart {
            let schema = crate::language::schema(instance, schema)?;
            wholes = loaded.data.iter().map(|d| instance.unify(schema, instance.placed(&d.value))).collect();
        }
        for whole in wholes {
            match expressions(instance, whole, wanted) {
                Ok(found) => values.extend(found),
                Err(error) => problems.extend(error.problems),
            }
        }
    }
    match problems.is_empty() {
        true => then(&values),
        false => Err(problems.into()),
    }
}
