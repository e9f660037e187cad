//! `stepwell import [MODE] INPUT...`: data and schemas of other languages as files of the language.

mod proto;

use crate::error::{Error, Place, Problem};
use crate::inputs::{place_in, read};
use crate::language::{Document, Placing, documents, refused};
use crate::output::Output;
use crate::written::{simplified, write_file};
use clap::{Args, ValueEnum};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use stepwell_lang::data::Data;
use stepwell_lang::encode::protobuf::Enums;
use stepwell_lang::encode::schema::{self, File, Mistake};
use stepwell_lang::encode::{cue, json, yaml};
use stepwell_lang::load::{FileType, Interpretation};
use stepwell_lang::pkg::regexp;
use stepwell_lang::source::{FileId, Source};
use stepwell_lang::syntax;

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
    /// Of folders, take the files with this extension, whatever it says of them; the word in front tells what they are
    #[arg(long = "ext", value_name = "EXT")]
    extensions: Vec<String>,
    /// Write less: `a: b: 1` for `a: {b: 1}`, and no quotes around labels that need none
    #[arg(short, long)]
    simplify: bool,
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

impl Arguments {
    /// Whether a file is left as it is, because it exists; that is told.
    fn leaves(&self, path: &Path, out: &Output) -> bool {
        let leaves = path.exists() && !self.force;
        if leaves {
            let shown = path.display();
            out.note(&format!("{shown} exists already and is left as it is; --force writes over it"));
        }
        leaves
    }

    fn laid_out(&self, text: String) -> String {
        if self.simplify { simplified(text) } else { text }
    }

    /// What a file in a folder is, if it is one of those that are taken.
    fn type_of(&self, file: &Path, name: &str, wanted: Option<FileType>) -> Result<Option<FileType>, Error> {
        let of_name = FileType::of_name(name);
        if self.extensions.is_empty() {
            return Ok(of_name.filter(|form| match wanted {
                Some(wanted) => *form == wanted,
                None => matches!(form, FileType::Json | FileType::Yaml | FileType::JsonLines),
            }));
        }
        let has = |e: &String| {
            let e = e.trim_start_matches('.');
            name.strip_suffix(e).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
        };
        match self.extensions.iter().any(has) {
            true => wanted.or(of_name).map(Some).ok_or_else(|| untyped(&name_here(file))),
            false => Ok(None),
        }
    }
}

/// A file to be converted.
struct Input {
    path: PathBuf,
    form: FileType,
    mode: Interpretation,
    /// The package of what it becomes.
    package: Option<String>,
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
    for input in expand(args, inputs, mode)? {
        if input.form == FileType::Proto {
            protos.push(input.path);
            continue;
        }
        match documents(&input.path, input.form).and_then(|d| convert(args, &input, &d)) {
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
        let text = args.laid_out(joined(args, targets));
        return match outfile == "-" {
            true => out.result(text),
            false if args.leaves(Path::new(outfile), out) => Ok(()),
            false => write_file(Path::new(outfile), text.as_bytes(), args.force),
        };
    }
    for target in targets {
        if args.dry_run {
            out.result(format!("{}\n", target.path.display()))?;
            continue;
        }
        if args.leaves(&target.path, out) {
            continue;
        }
        if let Some(folder) = target.path.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|e| Error::file(folder, "make", &e))?;
        }
        let text = args.laid_out(target.file.text(target.package.as_deref()));
        write_file(&target.path, text.as_bytes(), args.force)?;
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
) -> Result<Vec<Input>, Error> {
    let pattern = match &args.name {
        Some(text) => Some(regexp::compile(text).map_err(|e| Error::usage(format!("--name: {e}")))?),
        None => None,
    };
    let here = [".".to_owned()];
    let mut qualifier = mode;
    let mut packages = BTreeMap::new();
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
            let form = form.ok_or_else(|| untyped(input))?;
            let (path, package) = (PathBuf::from(input), args.package.clone());
            out.push(Input { path, form, mode: qualifier.1, package });
            continue;
        }
        let mut found = Vec::new();
        folder(path, below.is_some(), 0, &mut found)?;
        for file in found {
            let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if pattern.as_ref().is_some_and(|p| !p.is_match(name.as_bytes())) {
                continue;
            }
            let form = args.type_of(&file, &name, qualifier.0)?.filter(|f| *f != FileType::Cue);
            if let Some(form) = form {
                let folder = file.parent().unwrap_or(Path::new("."));
                let package = packages.entry(folder.to_owned()).or_insert_with(|| package_of(folder)).clone();
                let package = agreed(args.package.as_ref(), package, folder)?;
                let path = file.strip_prefix(".").unwrap_or(&file).to_owned();
                out.push(Input { path, form, mode: qualifier.1, package });
            }
        }
    }
    if out.is_empty() {
        let hint = match (qualifier.0, args.extensions.is_empty()) {
            (Some(FileType::Binary), true) => "name them, or say which files of a folder they are: --ext EXT",
            _ => "name them, or their folder",
        };
        return Err(Error::mistake("io", "there are no files to import").hint(hint));
    }
    Ok(out)
}

/// The package of the files of a folder, if they are of one.
fn package_of(folder: &Path) -> Option<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).ok()?.flatten().map(|e| e.path()) {
        let name = entry.file_name()?.to_string_lossy().into_owned();
        if name.ends_with(".cue")
            && !name.starts_with(['.', '_'])
            && let Ok(source) = read(&entry)
            && let Some(package) = syntax::parse(FileId(0), &source.text).0.package
        {
            found.insert(package.name.name.to_owned());
        }
    }
    found.pop_first().filter(|_| found.is_empty())
}

/// The package of what is made of files in a folder: that of the folder, so that what was imported is a part of it.
fn agreed(asked: Option<&String>, there: Option<String>, folder: &Path) -> Result<Option<String>, Error> {
    match (asked, there) {
        (Some(asked), Some(there)) if *asked != there => {
            let message = format!("the files in {} are of package {there}, not {asked}", folder.display());
            Err(Error::mistake("usage", message).hint("leave out --package, or name the files to import"))
        }
        (asked, there) => Ok(asked.cloned().or(there)),
    }
}

/// The path of a file as it is shown from here.
fn name_here(file: &Path) -> String {
    file.strip_prefix(".").unwrap_or(file).display().to_string()
}

fn untyped(file: &str) -> Error {
    let error = Error::mistake("usage", format!("{file} does not say of what type it is"));
    error.hint("put the type before it, for example `stepwell import yaml FILE`")
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
    Input { path, form, mode, package }: &Input,
    found: &[Document],
) -> Result<Vec<Target>, Error> {
    let mode = *mode;
    let beside = match path.as_os_str() == "-" {
        true => PathBuf::from("stdin.cue"),
        false => path.with_extension("cue"),
    };
    let target = |file| Target { path: beside.clone(), package: package.clone(), file };
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
    let source = found.first().and_then(|d| d.value.source.as_ref()).filter(|_| *form == FileType::Yaml);
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
        Target { path: path.with_file_name(name), package: package.clone(), file }
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
