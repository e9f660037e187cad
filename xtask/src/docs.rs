//! `cargo xtask docs`: writes the pages that are made from the program (`docs/cli.md`) and from declarations (`docs/packages.md`, `docs/ops.md`), or checks
//! that they are up to date.

use crate::process::command;
use crate::{Result, root};
use std::fs;

/// Write the generated documentation
#[derive(Debug, clap::Args)]
pub(crate) struct Docs {
    /// Fail where a page is not up to date, and write nothing
    #[arg(long)]
    check: bool,
}

impl Docs {
    pub(crate) fn run(&self) -> Result<()> {
        let mut cargo =
            command("cargo", &["run", "--quiet", "--bin", "stepwell", "--", "help", "--markdown"]);
        let output = cargo.stderr(std::process::Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err("stepwell help --markdown failed".into());
        }
        let pages = [
            ("docs/cli.md", output.stdout),
            ("docs/packages.md", stepwell_lang::pkg::page().into_bytes()),
            ("docs/ops.md", stepwell_runtime::ops::page().into_bytes()),
        ];
        for (name, text) in pages {
            let page = root().join(name);
            if !self.check {
                fs::write(&page, &text)?;
                println!("wrote {}", page.display());
            } else if !fs::read(&page).is_ok_and(|have| have == text) {
                return Err(format!("{name} is not up to date: run `cargo xtask docs`").into());
            }
        }
        Ok(())
    }
}
