//! `cargo xtask docs`: writes the pages that are made from the program (`docs/cli.md`), or checks that they are up to date.

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
        let page = root().join("docs/cli.md");
        if self.check {
            return match fs::read(&page).is_ok_and(|have| have == output.stdout) {
                true => Ok(()),
                false => Err("docs/cli.md is not up to date: run `cargo xtask docs`".into()),
            };
        }
        fs::write(&page, &output.stdout)?;
        println!("wrote {}", page.display());
        Ok(())
    }
}
