//! The definitions that a command works with: those built in, and those of `--defs`.

use crate::error::Error;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use stepwell_runtime::definitions::Library;
use stepwell_runtime::stdlib::Stdlib;

/// The argument that adds definitions.
#[derive(Debug, Args)]
pub(crate) struct Definitions {
    /// Definitions to add to those built in, or to put in their place
    #[arg(long, value_name = "DIR")]
    defs: Option<PathBuf>,
}

impl Definitions {
    /// The library.
    pub(crate) fn library(&self) -> Result<Library, Error> {
        let library = builtin();
        match &self.defs {
            Some(dir) => Ok(library.with_dir(dir)?),
            None => Ok(library),
        }
    }
}

/// The definitions built into the program, which may import its packages.
pub(crate) fn builtin() -> Library {
    Library::builtin_with(Arc::new(Stdlib))
}

/// A library without definitions, whose own may import the packages of the program.
pub(crate) fn empty() -> Library {
    Library::empty(Arc::new(Stdlib))
}
