//! `stepwell eval INPUT...`: the value of packages and files as it stands, concrete or not.

use super::export::evaluate;
use crate::error::{Error, Problem};
use crate::language::Inputs;
use crate::output::Output;
use crate::written::{Form, Layout, Written, simplified};
use clap::Args;
use std::path::PathBuf;
use stepwell_lang::Show;
use stepwell_lang::load::FileType;
use stepwell_lang::source::{FileId, SourceMap};
use stepwell_lang::syntax::{self, apart::apart, merge::merge};

/// Evaluate files of the language and print the result, concrete or not
///
/// `--out tree` prints every value with its kind, its default and its errors, as JSON; `--out package` the files of a package as one
/// file, not evaluated.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    written: Written,
    /// Evaluate this expression instead of the whole; may be given several times
    #[arg(short, long = "expression", value_name = "EXPR")]
    expressions: Vec<String>,
    /// Unify each value of the data files with this expression, for example a definition, and show it alone
    #[arg(short = 'd', long, value_name = "EXPR")]
    schema: Option<String>,
    /// Everything must be concrete
    #[arg(short, long)]
    concrete: bool,
    /// Show optional and hidden fields
    #[arg(short, long)]
    all: bool,
    /// Show optional fields
    #[arg(short = 'O', long)]
    show_optional: bool,
    /// Show hidden fields
    #[arg(short = 'H', long)]
    show_hidden: bool,
    /// Show attributes of fields
    #[arg(short = 'A', long)]
    show_attributes: bool,
    /// Show mistakes in their places instead of stopping at them
    #[arg(short, long)]
    ignore: bool,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let form = args.written.form(FileType::Cue)?;
    if form.0 == Form::Package {
        return package(args, form, out);
    }
    let show = Show {
        optional: args.all || args.show_optional,
        hidden: args.all || args.show_hidden,
        attributes: args.show_attributes,
        open_defaults: false,
    };
    let layout =
        Layout { open: Some(show), ignore: args.ignore, concrete: args.concrete, ..Layout::default() };
    let written = form.clone();
    let result = evaluate(&args.inputs, args.schema.as_deref(), &args.expressions, |values| {
        args.written.write(form, values, layout, out)
    });
    if result.is_err() && written.0 == Form::Tree {
        // A tree shows errors in their places: that of a program that cannot be loaded is its root.
        args.written.write_texts(written, &[b"{\n  \"error\": \"error\"\n}\n".to_vec()], out)?;
    }
    result
}

/// Each package as one file, if there is no mistake in it.
fn package(args: &Arguments, form: (Form, Option<PathBuf>), out: &Output) -> Result<(), Error> {
    if !args.expressions.is_empty() || args.schema.is_some() {
        return Err(Error::usage(
            "--out package is for whole packages: it cannot be combined with -e and -d",
        ));
    }
    let mut texts = Vec::new();
    for unit in args.inputs.load()?.units {
        if !args.ignore {
            unit.program.instance().root().validate(args.concrete)?;
        }
        let mut sources = SourceMap::default();
        let mut files = Vec::new();
        for source in &unit.sources {
            let id = sources.add(source.clone());
            let (_, mistakes) = syntax::parse(id, &source.text);
            if !mistakes.is_empty() {
                return Err(mistakes.iter().map(|d| Problem::of(d, &sources)).collect::<Vec<_>>().into());
            }
        }
        let renamed = apart(&unit.sources.iter().map(|s| &*s.text).collect::<Vec<_>>());
        files.extend(renamed.iter().map(|text| syntax::parse(FileId(0), text).0));
        let whole =
            merge(files).map_err(|e| Error::mistake("output", format!("the files cannot be one: {e}")))?;
        let text = syntax::fmt::format(&whole);
        texts.push(if args.written.simplify { simplified(text) } else { text }.into_bytes());
    }
    args.written.write_texts(form, &texts, out)
}
