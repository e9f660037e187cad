//! `stepwell def vet FILE...`.

use crate::error::Error;
use crate::output::Output;
use crate::{inputs, library};
use clap::Args;
use std::path::{Path, PathBuf};
use stepwell_runtime::definitions::{self, Library};

/// Check definitions: their text, their parts, their names
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// The files and folders
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let mut problems = Vec::new();
    let mut done = String::new();
    for path in &args.files {
        let found = match path.is_dir() {
            true => library::empty().with_dir(path).map_err(Error::from),
            false => read(path),
        };
        let own = match found {
            Ok(own) => own,
            Err(e) => {
                problems.extend(e.problems);
                continue;
            }
        };
        for definition in own.iter() {
            match definitions::vet(&own, definition) {
                Ok(()) => done.push_str(&format!("{} {}: no mistakes\n", definition.kind, definition.name)),
                Err(found) => problems.extend(Error::from(found).problems),
            }
        }
    }
    out.result(done)?;
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

/// The definitions of one file.
pub(super) fn read(path: &Path) -> Result<Library, Error> {
    let source = inputs::read(path)?;
    Ok(library::empty().with_text(&source.name, &source.text)?)
}
