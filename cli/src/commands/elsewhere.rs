//! What `cue` has and this program does in another way, or not at all: a call that takes it for `cue` is told what to use instead.

use crate::error::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// Commands, and what there is in their place.
const COMMANDS: &[(&str, &str)] = &[
    ("cmd", "files named _tool.cue are not carried out; `stepwell run FILE` carries out workflows"),
    (
        "exp",
        "`stepwell export` writes values, `stepwell eval --out jsonschema` definitions that other languages read",
    ),
    (
        "fix",
        "files are not rewritten for newer versions of the language; `stepwell vet` tells what is wrong in them, `stepwell fmt` lays them out",
    ),
    ("login", MODULES),
    ("lsp", "`stepwell vet --error-format json` tells editors what is wrong, with places"),
    ("mod", MODULES),
    ("refactor", "imports are not rewritten; `stepwell vet ./...` tells of those that are not found"),
    (
        "trim",
        "fields that are implied are not taken away; `stepwell fmt -s` writes files with less around them",
    ),
];

const DEF: &str = "`stepwell eval --out package` prints the files of a package as one file";

const MODULES: &str = "nothing is fetched: cue.mod/module.cue says `module: \"example.com/name\"` and `language: version: \"v0.17.0\"`, and packages \
                       of others lie in cue.mod/pkg, gen and usr";

/// Flags of commands, and what to use in their place.
const FLAGS: &[(&[&str], &[&str], &str)] = &[
    (
        &["eval", "export", "vet"],
        &["-n", "--name"],
        "folders stand for packages here; name the data files themselves: `stepwell export . data/*.yaml`",
    ),
    (
        &["eval", "export", "vet"],
        &["-I", "--proto_path", "--proto-path", "--proto_enum", "--proto-enum"],
        "protocol buffers are converted first: `stepwell import proto -I DIR FILE` writes a file of definitions to name here",
    ),
    (
        &["export", "fmt", "import", "vet"],
        &["-i", "--ignore"],
        "every mistake is told, and none is passed over; `stepwell eval -i` shows values with the mistakes in their places",
    ),
    (&["vet"], &["-s", "--simplify"], "vet prints no values; eval, export, fmt and import have -s"),
    (
        &["import"],
        &["-d", "--schema"],
        "import converts, and checks nothing; `stepwell vet SCHEMA FILE -d EXPR` checks data",
    ),
    (
        &["import"],
        &["--merge"],
        "each file becomes a file of its own; -o FILE puts all into one, --list, --path and --files say what becomes of several values in a file",
    ),
    (&["def"], &["-e", "--expression", "--inline-imports", "--out", "-A", "--show-attributes"], DEF),
];

/// Topics of `cue help`.
pub(super) const TOPICS: &[&str] = &[
    "commands",
    "embed",
    "environment",
    "experiments",
    "filetypes",
    "flags",
    "injection",
    "inputs",
    "modules",
    "registryconfig",
];

/// What is told of a call that would be right for `cue`; `None` where it would not.
pub(super) fn advice(args: &[OsString], e: &clap::Error) -> Option<Error> {
    let said = |kind| match e.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let spoken = args.iter().skip(1).filter_map(|a| a.to_str());
    let command = spoken.clone().find(|a| super::Cli::has_command(a));
    match e.kind() {
        ErrorKind::InvalidSubcommand => {
            let name = said(ContextKind::InvalidSubcommand)?;
            match command {
                Some("def") if name.contains(['.', '/', ':']) => {
                    Some(Error::usage(format!("`stepwell def` is about definitions; {DEF}")))
                }
                Some(_) => None,
                None => {
                    let (_, instead) = COMMANDS.iter().find(|(known, _)| *known == name)?;
                    Some(Error::usage(format!("there is no `stepwell {name}`: {instead}")))
                }
            }
        }
        ErrorKind::UnknownArgument => {
            let flag = said(ContextKind::InvalidArg)?;
            let flag = flag.split('=').next().unwrap_or(flag);
            let command = command?;
            let here = |(commands, flags, _): &&(&[&str], &[&str], &str)| {
                commands.contains(&command) && flags.contains(&flag)
            };
            let (_, _, instead) = FLAGS.iter().find(here)?;
            Some(Error::usage(format!("`stepwell {command}` has no {flag}: {instead}")))
        }
        _ => None,
    }
}
