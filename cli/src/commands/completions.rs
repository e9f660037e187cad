//! `stepwell completions SHELL`.

use crate::error::Error;
use crate::output::Output;
use clap::Args;
use clap_complete::Shell;

/// Print the completions of a shell
///
/// For bash: `source <(stepwell completions bash)` in ~/.bashrc. For zsh: `stepwell completions zsh > "${fpath[1]}/_stepwell"`.
/// For fish: `stepwell completions fish > ~/.config/fish/completions/stepwell.fish`.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "stepwell", &mut text);
    out.result(text)
}
