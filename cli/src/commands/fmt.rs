//! `stepwell fmt [FILE...]`: files of the language in their one form.

use crate::error::{Error, Problem};
use crate::inputs;
use crate::output::Output;
use crate::written::replace_file;
use clap::Args;
use similar::TextDiff;
use std::path::PathBuf;
use stepwell_lang::source::{Source, SourceMap};
use stepwell_lang::syntax;

/// Format files of the language
///
/// Files are rewritten in place; `-` formats standard input to standard output. Folders stand for the .cue files in them, `./...` for
/// all below as well; without files, the current folder is taken. A file that does not parse is left as it is.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The files and folders (`-` for standard input)
    files: Vec<PathBuf>,
    /// Write nothing; name the files that are not formatted, and fail if there are any
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change, and fail if anything would
    #[arg(short, long)]
    diff: bool,
    /// Write less: `a: b: 1` for `a: {b: 1}`, and no quotes around labels that need none
    #[arg(short, long)]
    simplify: bool,
    /// Folders stand for all .cue files in them and below, also in other modules; cue.mod and what begins with `.` or `_` is left out
    // `--files` of the reference.
    #[arg(long = "files")]
    below: bool,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let mut problems = Vec::new();
    let mut unformatted = 0;
    for (path, source) in inputs::sources(&args.files, args.below)? {
        let formatted = match format(&source, args.simplify) {
            Ok(formatted) => formatted,
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        let stdin = path.as_os_str() == "-";
        if stdin && !args.check && !args.diff {
            out.result(formatted)?;
        } else if formatted != *source.text {
            unformatted += 1;
            if args.diff {
                out.result(difference(&source, &formatted))?;
            } else if args.check {
                out.result(format!("{}\n", source.name))?;
            } else {
                replace_file(&path, formatted.as_bytes())?;
            }
        }
    }
    if (args.check || args.diff) && unformatted > 0 {
        let files = if unformatted == 1 { "1 file is".into() } else { format!("{unformatted} files are") };
        let problem = Problem {
            code: "format".into(),
            message: format!("{files} not formatted"),
            hint: Some("`stepwell fmt` with the same files formats them".into()),
            ..Problem::default()
        };
        problems.push(problem);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

fn format(source: &Source, simplify: bool) -> Result<String, Vec<Problem>> {
    let mut sources = SourceMap::default();
    let id = sources.add(source.clone());
    let (mut file, diagnostics) = syntax::parse(id, &source.text);
    if simplify {
        syntax::simplify::simplify(&mut file);
    }
    match diagnostics.is_empty() {
        true => Ok(syntax::fmt::format(&file)),
        false => Err(diagnostics.iter().map(|d| Problem::of(d, &sources)).collect()),
    }
}

fn difference(source: &Source, formatted: &str) -> String {
    let diff = TextDiff::from_lines(&*source.text, formatted);
    let formatted_name = format!("{} (formatted)", source.name);
    diff.unified_diff().context_radius(3).header(&source.name, &formatted_name).to_string()
}
