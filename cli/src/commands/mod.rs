//! The commands, one file each. To add one: a file with its arguments and its `run`, a line in [`Language`] or [`Delivery`], a line in
//! [`evaluate`] or [`deliver`], and a line in [`GROUPS`], which orders the help page.

mod cluster;
mod completions;
mod def;
mod delete;
mod dry_run;
mod elsewhere;
mod env;
mod eval;
mod export;
mod fmt;
mod get;
mod help;
pub(crate) mod import;
mod revision;
mod run;
mod status;
mod vet;
mod workflow;

use crate::error::Error;
use crate::output::{ErrorFormat, Output};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::PathBuf;

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(name = "stepwell", version, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Global {
    /// How errors are written to standard error
    // Read again, early, by `Output::new`; declared here so that clap knows and checks it.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Global options"
    )]
    error_format: ErrorFormat,
    /// Do everything as if started in this folder
    #[arg(short = 'C', long, global = true, value_name = "DIR", help_heading = "Global options")]
    chdir: Option<PathBuf>,
    // As `cue` has it; here every error is told anyway.
    #[arg(short = 'E', long, global = true, hide = true)]
    all_errors: bool,
}

/// All commands.
#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Language(Language),
    #[command(flatten)]
    Delivery(Delivery),
}

/// The commands that only read and evaluate.
#[derive(Debug, Subcommand)]
enum Language {
    Eval(eval::Arguments),
    Export(export::Arguments),
    Fmt(fmt::Arguments),
    Import(import::Arguments),
    /// Print the version
    Version,
    Vet(vet::Arguments),
}

/// The commands for definitions, Applications and runs.
#[derive(Debug, Subcommand)]
enum Delivery {
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    #[command(alias = "completion")]
    Completions(completions::Arguments),
    #[command(subcommand)]
    Def(def::Def),
    Delete(delete::Arguments),
    DryRun(dry_run::Arguments),
    #[command(subcommand)]
    Env(env::Env),
    Get(get::Arguments),
    Help(help::Arguments),
    #[command(subcommand)]
    Revision(revision::Revision),
    Rollback(workflow::change::Rollback),
    Run(run::Arguments),
    Status(status::Arguments),
    #[command(subcommand)]
    Workflow(workflow::Workflow),
}

/// The commands as the help page groups them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Applications", &["run", "status", "get", "delete", "dry-run"]),
    ("Environments", &["env list", "env show", "workflow generate"]),
    ("Revisions", &["revision list", "revision show", "revision diff", "rollback"]),
    (
        "Runs",
        &[
            "workflow list",
            "workflow status",
            "workflow resume",
            "workflow suspend",
            "workflow terminate",
            "workflow cancel",
            "workflow restart",
            "workflow rollback",
            "workflow logs",
            "workflow debug",
            "workflow graph",
            "workflow simulate",
            "workflow serve",
        ],
    ),
    ("Definitions", &["def list", "def show", "def render", "def vet"]),
    ("The language", &["export", "eval", "vet", "fmt", "import"]),
    ("Other", &["cluster serve", "completions", "help", "version"]),
];

/// Calls the command.
pub(crate) fn dispatch(cli: Cli, out: &Output) -> Result<(), Error> {
    if let Some(folder) = &cli.global.chdir {
        std::env::set_current_dir(folder).map_err(|e| Error::file(folder, "go to", &e))?;
    }
    match cli.command {
        Command::Language(command) => evaluate(command, out),
        Command::Delivery(command) => deliver(command, out),
    }
}

fn evaluate(command: Language, out: &Output) -> Result<(), Error> {
    match command {
        Language::Eval(args) => eval::run(&args, out),
        Language::Export(args) => export::run(&args, out),
        Language::Fmt(args) => fmt::run(&args, out),
        Language::Import(args) => import::run(&args, out),
        Language::Version => out.result(format!("stepwell {}\n", env!("CARGO_PKG_VERSION"))),
        Language::Vet(args) => vet::run(&args, out),
    }
}

// Its frame is a dozen pages, which an evaluation need not touch.
#[inline(never)]
fn deliver(command: Delivery, out: &Output) -> Result<(), Error> {
    let _tracing = crate::trace::begin();
    match command {
        Delivery::Cluster(command) => cluster::run(&command, out),
        Delivery::Completions(args) => completions::run(&args, out),
        Delivery::Def(command) => def::run(&command, out),
        Delivery::Delete(args) => delete::run(&args, out),
        Delivery::DryRun(args) => dry_run::run(&args, out),
        Delivery::Env(command) => env::run(&command, out),
        Delivery::Get(args) => get::run(&args, out),
        Delivery::Help(args) => help::run(&args, out),
        Delivery::Revision(command) => revision::run(&command, out),
        Delivery::Rollback(args) => workflow::change::rollback(&args, out),
        Delivery::Run(args) => run::run(&args, out),
        Delivery::Status(args) => status::run(&args, out),
        Delivery::Workflow(command) => workflow::run(&command, out),
    }
}

impl Cli {
    /// Reads the arguments; the first is the name of the program.
    pub(crate) fn from_args(args: Vec<OsString>) -> Result<Cli, Error> {
        if let Some(cli) = Cli::of_language(&args) {
            return Ok(cli);
        }
        let matches = command().try_get_matches_from(&args);
        let matches = matches.map_err(|e| elsewhere::advice(&args, &e).unwrap_or_else(|| e.into()))?;
        Ok(Cli::from_arg_matches(&matches)?)
    }

    /// Whether this is the name of a command, or of the noun before one.
    fn has_command(name: &str) -> bool {
        Cli::command().find_subcommand(name).is_some()
    }

    /// A command of the language, read without describing all the others, which takes longer than most evaluations. `None` for other commands, and where
    /// there is a mistake or a question for help, which all commands take part in.
    fn of_language(args: &[OsString]) -> Option<Cli> {
        let name = args.get(1)?.to_str()?;
        let (name, describe) = LANGUAGE.iter().find(|(known, _)| *known == name)?;
        let program = Global::augment_args(clap::Command::new("stepwell")).subcommand_required(true);
        let program = program.subcommand(describe(clap::Command::new(*name)));
        // Taking the description apart would take as long as reading it.
        let matches = ManuallyDrop::new(program).try_get_matches_from_mut(args).ok()?;
        Cli::from_arg_matches(&matches).ok()
    }
}

/// Describes the arguments of a command.
type Describe = fn(clap::Command) -> clap::Command;

/// The commands of the language, and their arguments.
const LANGUAGE: &[(&str, Describe)] = &[
    ("eval", eval::Arguments::augment_args),
    ("export", export::Arguments::augment_args),
    ("fmt", fmt::Arguments::augment_args),
    ("import", import::Arguments::augment_args),
    ("version", |command| command),
    ("vet", vet::Arguments::augment_args),
];

/// The description of the command line, with the help page in its place.
fn command() -> clap::Command {
    let command = Cli::command();
    let page = help::page(&command);
    command.override_help(page)
}
