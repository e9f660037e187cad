//! `stepwell import [MODE] INPUT...`: data and schemas of other languages as files of the language.

mod proto;

use crate::error::{Error, Place, Problem};
use crate::inputs::place_in;
use crate::language::{Document, Placing, documents, refused};
use crate::output::Output;
use crate::written::write_file;
use clap::{Args, ValueEnum};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use stepwell_lang::data::Data;
use stepwell_lang::encode::protobuf::Enums;
use stepwell_lang::encode::schema::{self, File, Mistake};
use stepwell_lang::encode::{cue, json, yaml};
use stepwell_lang::load::{FileType, Interpretation};
use stepwell_lang::pkg::regexp;
use stepwell_lang::source::Source;

/// Convert data and schemas to files of the language
///
/// `stepwell import foo.yaml` writes foo.cue beside it. JSON Schema and OpenAPI are recognised by what the files say, or named by a word in front:
/// `stepwell import jsonschema FILE`. `crd` makes a package of each version of a custom resource definition of Kubernetes. The words are: auto,
/// data, json, yaml, toml, text, jsonschema, openapi, crd, proto. `stepwell import proto FILE` makes definitions of protocol buffers, also of the files
/// that it imports. A folder stands for the data files in it, `./...` for all below as well.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What the files are, and the files and folders (`-` for standard input)
    inputs: Vec<String>,
    #[command(flatten)]
    placing: Placing,
    /// The package of the new files
    #[arg(short, long, value_name = "NAME")]
    package: Option<String>,
    /// Write everything to this file; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    outfile: Option<String>,
    /// Write over files that exist
    #[arg(short, long)]
    force: bool,
    /// Write each value of a file to a file of its own
    #[arg(long)]
    files: bool,
    /// Write nothing; name the files that would be written
    #[arg(long)]
    dry_run: bool,
    /// Take apart texts that are JSON or YAML themselves
    #[arg(short = 'R', long)]
    recursive: bool,
    /// A folder in which the imports of .proto files are looked for, beside that of the module
    #[arg(short = 'I', long, value_name = "DIR", alias = "proto_path")]
    proto_path: Vec<PathBuf>,
    /// How the values of enums of .proto files are written
    #[arg(long, value_name = "MODE", alias = "proto_enum", value_enum, default_value_t)]
    proto_enum: ProtoEnum,
    /// Of folders, take the files whose names match this regular expression
    #[arg(short, long, value_name = "REGEXP")]
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ProtoEnum {
    /// As numbers, each a definition
    #[default]
    Int,
    /// As names, as JSON has them
    Json,
}

impl From<ProtoEnum> for Enums {
    fn from(mode: ProtoEnum) -> Enums {
        match mode {
            ProtoEnum::Int => Enums::Numbers,
            ProtoEnum::Json => Enums::Names,
        }
    }
}

/// A file to be written.
struct Target {
    path: PathBuf,
    package: Option<String>,
    file: File,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let mut inputs = args.inputs.as_slice();
    let mut mode = (None, Interpretation::Auto);
    if let Some((first, rest)) = inputs.split_first()
        && !first.contains(['.', '/', ':'])
        && first != "-"
        && !Path::new(first).exists()
    {
        mode = FileType::parse(first).map_err(refused)?;
        inputs = rest;
    }
    let mut targets = Vec::new();
    let mut problems = Vec::new();
    let mut protos = Vec::new();
    for (path, form, interpretation) in expand(args, inputs, mode)? {
        if form == FileType::Proto {
            protos.push(path);
            continue;
        }
        let converted = documents(&path, form).and_then(|d| convert(args, &path, &d, form, interpretation));
        match converted {
            Ok(found) => targets.extend(found),
            Err(error) => problems.extend(error.problems),
        }
    }
    if !protos.is_empty() {
        match proto::targets(args, &protos) {
            Ok(found) => targets.extend(found),
            Err(error) => problems.extend(error.problems),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    if let Some(outfile) = &args.outfile {
        let text = joined(args, targets);
        return match outfile == "-" {
            true => out.result(text),
            false => write_file(Path::new(outfile), text.as_bytes(), args.force),
        };
    }
    for target in targets {
        if args.dry_run {
            out.result(format!("{}\n", target.path.display()))?;
            continue;
        }
        if target.path.exists() && !args.force {
            out.note(&format!(
                "{} exists already and is left as it is; --force writes over it",
                target.path.display()
            ));
            continue;
        }
        if let Some(folder) = target.path.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|e| Error::file(folder, "make", &e))?;
        }
        write_file(&target.path, target.file.text(target.package.as_deref()).as_bytes(), args.force)?;
    }
    Ok(())
}

/// Everything in one text: one file, or several with a line between them where they are of different packages.
fn joined(args: &Arguments, targets: Vec<Target>) -> String {
    let several: BTreeSet<Option<String>> = targets.iter().map(|t| t.package.clone()).collect();
    if several.len() > 1 {
        let texts: Vec<String> = targets.iter().map(|t| t.file.text(t.package.as_deref())).collect();
        return texts.join("// ---\n");
    }
    let package = several.into_iter().next().flatten().or_else(|| args.package.clone());
    let mut whole = File::default();
    for target in targets {
        if whole.docs.is_empty() {
            whole.docs = target.file.docs;
        }
        whole.imports.extend(target.file.imports);
        whole.others.extend(target.file.others);
        whole.body.push_str(&target.file.body);
    }
    whole.text(package.as_deref())
}

/// The files that inputs stand for.
fn expand(
    args: &Arguments,
    inputs: &[String],
    mode: (Option<FileType>, Interpretation),
) -> Result<Vec<(PathBuf, FileType, Interpretation)>, Error> {
    let pattern = match &args.name {
        Some(text) => Some(regexp::compile(text).map_err(|e| Error::usage(format!("--name: {e}")))?),
        None => None,
    };
    let here = [".".to_owned()];
    let mut qualifier = mode;
    let mut out = Vec::new();
    for input in if inputs.is_empty() { &here } else { inputs } {
        if let Some(words) = input.strip_suffix(':') {
            qualifier = FileType::parse(words).map_err(refused)?;
            continue;
        }
        let below = input.strip_suffix("...").map(|i| if i.is_empty() { "." } else { i });
        let path = Path::new(below.unwrap_or(input));
        if !path.is_dir() {
            let form = qualifier.0.or_else(|| FileType::of_name(input)).filter(|f| *f != FileType::Cue);
            let form = form.ok_or_else(|| {
                let error = Error::mistake("usage", format!("{input} does not say of what type it is"));
                error.hint("put the type before it, for example `stepwell import yaml FILE`")
            })?;
            out.push((PathBuf::from(input), form, qualifier.1));
            continue;
        }
        let mut found = Vec::new();
        folder(path, below.is_some(), 0, &mut found)?;
        for file in found {
            let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let form = FileType::of_name(&name).filter(|f| match qualifier.0 {
                Some(wanted) => *f == wanted,
                None => matches!(f, FileType::Json | FileType::Yaml | FileType::JsonLines),
            });
            if let Some(form) = form
                && pattern.as_ref().is_none_or(|p| p.is_match(name.as_bytes()))
            {
                out.push((file.strip_prefix(".").unwrap_or(&file).to_owned(), form, qualifier.1));
            }
        }
    }
    if out.is_empty() {
        return Err(Error::mistake("io", "there are no files to import").hint("name them, or their folder"));
    }
    Ok(out)
}

fn folder(path: &Path, below: bool, depth: u32, out: &mut Vec<PathBuf>) -> Result<(), Error> {
    let cannot = |e: std::io::Error| Error::file(path, "read", &e);
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(cannot)? {
        entries.push(entry.map_err(cannot)?.path());
    }
    entries.sort();
    for entry in entries {
        let name = entry.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let hidden = name.starts_with(['.', '_']) || name == "cue.mod";
        if entry.is_file() && !hidden {
            out.push(entry);
        } else if below && !hidden && !entry.is_symlink() && entry.is_dir() && depth < 100 {
            folder(&entry, below, depth + 1, out)?;
        }
    }
    Ok(())
}

/// What a file becomes.
fn convert(
    args: &Arguments,
    path: &Path,
    found: &[Document],
    form: FileType,
    mode: Interpretation,
) -> Result<Vec<Target>, Error> {
    let beside = match path.as_os_str() == "-" {
        true => PathBuf::from("stdin.cue"),
        false => path.with_extension("cue"),
    };
    let target = |file| Target { path: beside.clone(), package: args.package.clone(), file };
    if mode == Interpretation::Crd {
        let mut out = Vec::new();
        for document in found.iter().filter(|d| d.value.data != Data::Null) {
            let resources =
                schema::custom_resources(&document.value.data).map_err(|m| mistaken(document, &m))?;
            for r in resources {
                let file = path.with_file_name(&r.version).join(format!("{}.cue", r.singular));
                out.push(Target {
                    path: file,
                    package: Some(args.package.clone().unwrap_or(r.version)),
                    file: r.file,
                });
            }
        }
        return Ok(out);
    }
    let several = found.len() > 1;
    if several && !args.placing.places() && !args.files {
        let error = Error::mistake("usage", format!("{} holds several values", path.display()));
        return Err(error.hint(
            "--list makes a list of them, --path puts each below a label, --files writes a file for each",
        ));
    }
    let source = found.first().and_then(|d| d.value.source.as_ref()).filter(|_| form == FileType::Yaml);
    let mut comments = source.map(|s| yaml::Comments::of(&s.text)).filter(|_| !args.recursive);
    let mut whole = File::default();
    let mut apart = Vec::new();
    let mut lists: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for document in found {
        let labels = args.placing.labels(document)?;
        let mode = match mode {
            Interpretation::Auto => schema::interpret(&document.value.data),
            other => other,
        };
        let data = &document.value.data;
        let file = match mode {
            Interpretation::JsonSchema => {
                schema::json_schema(data).map_err(|m| mistaken(document, &m))?.below(&labels)
            }
            Interpretation::OpenApi => {
                schema::open_api(data).map_err(|m| mistaken(document, &m))?.below(&labels)
            }
            _ => {
                let mut file = File::default();
                let text = match (&mut comments, &document.value.places) {
                    (Some(comments), Some(places)) if comments.any() => comments.expression(data, places),
                    _ if args.recursive => recursive(data, &mut file.imports),
                    _ => cue::expression(data),
                };
                if args.placing.list {
                    whole.imports.extend(file.imports);
                    match lists.iter_mut().find(|(l, _)| *l == labels) {
                        Some((_, items)) => items.push(text),
                        None => lists.push((labels, vec![text])),
                    }
                    continue;
                }
                file.body = at_labels(&labels, &text);
                file
            }
        };
        if args.files && several {
            apart.push(file);
            continue;
        }
        if whole.docs.is_empty() {
            whole.docs = file.docs;
        }
        whole.imports.extend(file.imports);
        whole.body.push_str(&file.body);
    }
    for (labels, items) in lists {
        whole.body.push_str(&at_labels(&labels, &format!("[{}]", items.join(", "))));
    }
    if let (Some(comments), true) = (&mut comments, apart.is_empty()) {
        whole.body.push_str(&comments.rest());
    }
    if apart.is_empty() {
        return Ok(vec![target(whole)]);
    }
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let numbered = |(i, file)| {
        let name = if i == 0 { format!("{stem}.cue") } else { format!("{stem}-{i}.cue") };
        Target { path: path.with_file_name(name), package: args.package.clone(), file }
    };
    Ok(apart.into_iter().enumerate().map(numbered).collect())
}

/// An expression below labels; the fields of a struct at the top stand without braces.
fn at_labels(labels: &[String], text: &str) -> String {
    let inner = text.strip_prefix("{\n").and_then(|t| t.strip_suffix('}'));
    match (labels, inner) {
        ([], Some(fields)) => fields.to_owned(),
        _ => format!("{}{text}\n", labels.iter().map(|l| format!("{l}: ")).collect::<String>()),
    }
}

/// Data as an expression in which texts that are JSON or YAML are made from what they hold.
fn recursive(data: &Data, imports: &mut BTreeSet<&'static str>) -> String {
    match data {
        Data::List(items) => {
            let items: Vec<String> = items.iter().map(|i| recursive(i, imports)).collect();
            format!("[{}]", items.join(", "))
        }
        Data::Struct(fields) if !fields.is_empty() => {
            let mut out = String::from("{\n");
            let mut names: BTreeSet<String> = BTreeSet::new();
            for (label, value) in fields {
                let Some((package, held)) = held(value) else {
                    out.push_str(&format!("{}: {}\n", cue::label(label), recursive(value, imports)));
                    continue;
                };
                imports.insert(package);
                let plain: String =
                    label.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
                let mut name = format!("_cue_{plain}");
                while !names.insert(name.clone()) {
                    name.push('_');
                }
                let short = package.rsplit('/').next().unwrap_or(package);
                out.push_str(&format!("{}: {short}.Marshal({name})\n", cue::label(label)));
                out.push_str(&format!("let {name} = {}\n", recursive(&held, imports)));
            }
            out.push('}');
            out
        }
        other => cue::expression(other),
    }
}

/// What a text holds, if it is JSON or YAML of a struct or list.
fn held(data: &Data) -> Option<(&'static str, Data)> {
    let Data::String(text) = data else { return None };
    let structured = |d: &Data| matches!(d, Data::Struct(_) | Data::List(_));
    let trimmed = text.trim_start();
    if trimmed.starts_with(['{', '[']) {
        return json::parse(text).ok().filter(structured).map(|d| ("encoding/json", d));
    }
    let lines = text.contains('\n');
    yaml::parse(text, yaml::Rules::Language)
        .ok()
        .filter(|d| lines && structured(d))
        .map(|d| ("encoding/yaml", d))
}

/// A schema among the inputs of another command, as a file of the language.
pub(crate) fn as_source(document: &Document, mode: Interpretation) -> Result<Source, Error> {
    let data = &document.value.data;
    let mode = if mode == Interpretation::Auto { schema::interpret(data) } else { mode };
    let file = match mode {
        Interpretation::JsonSchema => schema::json_schema(data).map_err(|m| mistaken(document, &m))?,
        Interpretation::OpenApi => schema::open_api(data).map_err(|m| mistaken(document, &m))?,
        Interpretation::Crd => {
            let mut whole = File::default();
            for r in schema::custom_resources(data).map_err(|m| mistaken(document, &m))? {
                whole.imports.extend(r.file.imports);
                whole.body.push_str(&r.file.body);
            }
            whole
        }
        Interpretation::Data | Interpretation::Auto => File::of_data(data),
    };
    Ok(Source::new(document.name.clone(), file.text(None)))
}

/// What is wrong with a schema, each shown where it stands.
fn mistaken(document: &Document, mistakes: &[Mistake]) -> Error {
    let problem = |m: &Mistake| {
        let path: Vec<&str> = m.path.iter().map(String::as_str).collect();
        let at = document.value.places.as_ref().map(|p| p.nearest(&path));
        let places: Vec<Place> = match (&document.value.source, at) {
            (Some(source), Some(at)) => vec![place_in(source, at.line, at.column)],
            _ => Vec::new(),
        };
        Problem {
            code: "schema".into(),
            path: m.path.join("."),
            message: format!("{}: {}", document.name, m.message),
            places,
            hint: m.hint.clone(),
        }
    };
    mistakes.iter().map(problem).collect::<Vec<_>>().into()
}
