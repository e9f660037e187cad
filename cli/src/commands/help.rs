//! `stepwell help [COMMAND...]` and the page that a newcomer sees first.

use super::{GROUPS, elsewhere};
use crate::error::Error;
use crate::output::Output;
use clap::Args;
use std::fmt::Write;

/// Show how to use the program or a command
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The command, with its noun: `help workflow resume`
    command: Vec<String>,
    /// Print the reference of all commands, as `docs/cli.md` has it
    #[arg(long, hide = true, conflicts_with = "command")]
    markdown: bool,
}

const FIRST_STEPS: &str = "\
First steps:
  stepwell run examples/first/app.yaml   deliver an application on an embedded cluster: nothing to install
  stepwell status first                  what it made, and whether it is healthy
  stepwell workflow resume first         go on after the step that waits for you
  stepwell def list                      the components, traits, policies and steps you can use
";

const LAST: &str = "\
The embedded cluster keeps its objects in a folder ($STEPWELL_STATE, or --state DIR). It runs no containers:
the status of workloads is simulated. With --kubeconfig FILE the same commands work on a real cluster.

Exit status: 0 done (or waiting for you), 1 a mistake in what you gave or a failed run, 2 a wrong call.
'stepwell help COMMAND' tells all about a command.
";

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    // The reference must not depend on the width of somebody's terminal.
    let mut command = super::command();
    if args.markdown {
        command = command.term_width(100);
    }
    command.build();
    if args.markdown {
        return out.result(reference(&mut command));
    }
    let mut at = &mut command;
    for name in &args.command {
        let mut known: Vec<String> = at.get_subcommands().map(|c| c.get_name().to_owned()).collect();
        known.sort();
        let spoken = args.command.join(" ");
        let topic = elsewhere::TOPICS.contains(&name.as_str());
        at = at.find_subcommand_mut(name).ok_or_else(|| match topic {
            true => Error::usage(format!(
                "there is no topic '{spoken}'; `stepwell help export` tells of inputs, types of files and flags"
            )),
            false => Error::usage(format!("there is no command '{spoken}'; there are: {}", known.join(", "))),
        })?;
    }
    out.result(at.render_long_help().to_string())
}

/// The help of the whole program: what it is, what to do first, and the commands by group, each with the first line of its own help.
pub(super) fn page(command: &clap::Command) -> String {
    let mut page = String::from("Delivery workflows written in CUE, carried out on Kubernetes.\n\n");
    page.push_str("Usage: stepwell COMMAND [ARGUMENTS]\n\n");
    page.push_str(FIRST_STEPS);
    for (title, names) in GROUPS {
        let _ = write!(page, "\n{title}:\n");
        for name in *names {
            let about = name
                .split(' ')
                .try_fold(command, |at, part| at.find_subcommand(part))
                .and_then(|c| c.get_about())
                .map(|a| a.to_string())
                .unwrap_or_default();
            let _ = writeln!(page, "  {name:<22} {about}");
        }
    }
    page.push('\n');
    page.push_str(LAST);
    page
}

/// All commands with all their arguments, as a page.
fn reference(command: &mut clap::Command) -> String {
    let mut page = String::from(
        "# The command line\n\n\
         Made by `cargo xtask docs` from what `stepwell help` says; edit it there.\n\n```text\n",
    );
    let _ = writeln!(page, "{}```", command.render_long_help());
    let mut commands: Vec<_> = command.get_subcommands_mut().collect();
    commands.sort_by(|a, b| a.get_name().cmp(b.get_name()));
    commands.into_iter().for_each(|command| section(command, &mut page));
    page
}

fn section(command: &mut clap::Command, page: &mut String) {
    if command.has_subcommands() {
        return command
            .get_subcommands_mut()
            .filter(|c| c.get_name() != "help")
            .for_each(|c| section(c, page));
    }
    let help = command.render_long_help().to_string();
    let name = command.get_bin_name().unwrap_or_default().to_owned();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, GROUPS};
    use clap::CommandFactory;

    /// The names of the commands below, with their nouns.
    fn leaves(command: &clap::Command, at: &str, out: &mut Vec<String>) {
        for c in command.get_subcommands() {
            let name = format!("{at}{}", c.get_name());
            match c.has_subcommands() {
                true => leaves(c, &format!("{name} "), out),
                false => out.push(name),
            }
        }
    }

    #[test]
    fn every_command_is_on_the_page_once_and_described() {
        let command = Cli::command();
        command.clone().debug_assert();
        let mut have = Vec::new();
        leaves(&command, "", &mut have);
        let mut shown: Vec<String> =
            GROUPS.iter().flat_map(|(_, n)| n.iter().map(|n| (*n).to_owned())).collect();
        have.sort();
        shown.sort();
        assert_eq!(have, shown);
        let page = super::page(&command);
        assert!(!page.lines().any(|l| l.starts_with("  ") && l.trim_end().len() < 25), "{page}");
    }
}
