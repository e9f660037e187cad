//! The inputs of the commands of the language: which packages and files, what is injected, and how data files are put together with
//! them. The flags are those of the `cue` command where it has the same thing.

use crate::disk::Disk;
use crate::error::Error;
use crate::inputs::{read, read_bytes, undecodable};
use clap::{ArgAction, Args};
use std::path::Path;
use stepwell_lang::data::Data;
use stepwell_lang::encode::cue;
use stepwell_lang::load::{FileType, Interpretation, Loader, Tags};
use stepwell_lang::source::{FileId, Source};
use stepwell_lang::syntax::{self, ast};
use stepwell_lang::{Instance, NoPackages, Path as ValuePath, Placed, Program, Step, Value};

/// What the commands of the language read.
#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// Files, folders, packages (`./dir:name`, `./...`, an import path), `-` for standard input
    ///
    /// Files are read by their extension (.cue, .json, .jsonl, .yaml, .toml, .txt), or as a word with a colon before them says: `json: FILE`.
    inputs: Vec<String>,
    /// Give a field with a `@tag` its value, or set a name for `@if`
    #[arg(short = 't', long = "inject", value_name = "KEY=VALUE")]
    inject: Vec<String>,
    /// Let tags with `var=` take what is known of the system: now, os, arch, cwd, username, hostname, rand
    #[arg(short = 'T', long)]
    inject_vars: bool,
    /// The package, where a folder has several
    #[arg(short, long, value_name = "NAME")]
    pub(crate) package: Option<String>,
    #[command(flatten)]
    placing: Placing,
    /// Unify the values of data files with each other; `--merge=false` keeps each apart
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    merge: bool,
}

/// Where the values of data files go.
#[derive(Debug, Args)]
pub(crate) struct Placing {
    /// Put data below this label: an expression evaluated in the data, or a label with its colon; several are nested
    #[arg(short = 'l', long = "path", value_name = "EXPR")]
    path: Vec<String>,
    /// Evaluate labels in a struct of data, filename, index and recordCount
    #[arg(long)]
    with_context: bool,
    /// Put the values of data files into a list
    #[arg(long)]
    pub(crate) list: bool,
}

/// One package, compiled.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) program: Program,
    /// The files of the package itself.
    pub(crate) sources: Vec<Source>,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The packages; one of no files where there are data files alone.
    pub(crate) units: Vec<Unit>,
    /// Whether there are files of the language.
    pub(crate) has_code: bool,
    /// The values of data files.
    pub(crate) data: Vec<Document>,
}

/// A value of a data file.
#[derive(Debug)]
pub(crate) struct Document {
    /// The file, with the number of the document where it has several.
    pub(crate) name: String,
    pub(crate) value: Placed,
    file: String,
    index: usize,
    count: usize,
}

impl Inputs {
    /// Whether documents of data files are put together.
    pub(crate) fn places(&self) -> bool {
        self.placing.places()
    }

    fn tags(&self, disk: &Disk) -> Tags {
        let mut tags = Tags::default();
        self.inject.iter().for_each(|t| tags.inject(t));
        if self.inject_vars {
            tags.variables(variables(disk));
        }
        tags
    }

    /// Reads everything.
    pub(crate) fn load(&self) -> Result<Loaded, Error> {
        let disk = Disk::new().map_err(|e| Error::file(Path::new("."), "read", &e))?;
        let mut packages = Vec::new();
        let mut code = Vec::new();
        let mut data = Vec::new();
        let mut schemas = Vec::new();
        let mut qualifier = (None, Interpretation::Data);
        for input in &self.inputs {
            if let Some(words) = input.strip_suffix(':') {
                qualifier = FileType::parse(words).map_err(refused)?;
                continue;
            }
            let path = Path::new(input);
            let form = qualifier.0.or_else(|| FileType::of_name(input));
            let named = input == "-" || path.is_file() || (form.is_some() && !path.is_dir());
            if !named {
                packages.push(input.clone());
                continue;
            }
            let form = match form {
                Some(form) => form,
                None if input == "-" => FileType::Cue,
                None => {
                    let error = Error::mistake("io", format!("{input} does not say of what type it is"));
                    return Err(error.hint("put the type before it, for example `json:`"));
                }
            };
            match (form, qualifier.1) {
                (FileType::Cue, Interpretation::Data) => code.push((disk.absolute(path), read(path)?)),
                (form, Interpretation::Data) => data.extend(documents(path, form)?),
                (form, as_schema) => schemas.push((path.to_owned(), form, as_schema)),
            }
        }
        let first = code.first().map(|(path, _)| path.clone()).filter(|p| !p.ends_with("/-"));
        let around = match (first, packages.first()) {
            (Some(path), _) => path.rsplit_once('/').map(|(folder, _)| folder.to_owned()),
            (None, Some(package)) if Path::new(package).is_dir() => Some(disk.absolute(Path::new(package))),
            _ => None,
        };
        // The module is that of the folder we are in, or else that of what is named.
        let mut loader = Loader::new(&disk, &disk.here(), self.tags(&disk))?;
        if let Some(folder) = around {
            loader = loader.or_module_of(&folder)?;
        }
        let mut instances = Vec::new();
        let asked = self.inputs.iter().any(|i| !i.ends_with(':'));
        if !packages.is_empty() || !asked {
            let packages: Vec<String> = packages.iter().map(|p| as_folder(p)).collect();
            instances = loader.instances(&packages, self.package.as_deref())?;
        }
        let has_code = !instances.is_empty() || !code.is_empty() || !schemas.is_empty();
        let mut sources = Vec::new();
        for (path, source) in code {
            let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
            loader.remember(&source.name, folder);
            sources.push(source);
        }
        for (path, form, as_schema) in &schemas {
            for document in documents(path, *form)? {
                sources.push(crate::commands::import::as_source(&document, *as_schema)?);
            }
        }
        let given = !sources.is_empty();
        if given {
            instances.push(loader.given(sources)?);
        } else if instances.is_empty() {
            // Data alone may be anything, not only a struct.
            instances.push(loader.given(vec![Source::new("", "_")])?);
        }
        let mut units = Vec::new();
        for instance in instances {
            let program = Program::compile(instance.sources.clone(), &loader)?;
            units.push(Unit { program, sources: instance.sources });
        }
        self.unused(&loader)?;
        Ok(Loaded { units, has_code, data })
    }

    fn unused(&self, loader: &Loader<'_>) -> Result<(), Error> {
        let known = loader.tags().known();
        let mut error = Error::silent();
        for name in loader.tags().unused() {
            let found = Error::mistake("usage", format!("nothing takes the tag {name:?}"));
            let near = stepwell_lang::text::nearest(&name, known.iter().map(String::as_str));
            let found = match near {
                Some(near) => found.hint(format!("did you mean {near}?")),
                None if known.is_empty() => {
                    found.hint("fields take tags with `@tag(NAME)`, files with `@if(NAME)`")
                }
                None => found.hint(format!("there are: {}", known.join(", "))),
            };
            error.problems.extend(found.problems);
        }
        if error.problems.is_empty() { Ok(()) } else { Err(error) }
    }

    /// The evaluations of what was read, with the data files in them where these are not kept apart.
    pub(crate) fn instances(&self, loaded: &Loaded, apart: bool) -> Result<Vec<Instance>, Error> {
        let mut out = Vec::new();
        for unit in &loaded.units {
            let instance = unit.program.instance();
            if !apart {
                self.merge(&instance, &loaded.data)?;
            }
            out.push(instance);
        }
        Ok(out)
    }

    /// Whether each value of a data file is looked at alone.
    pub(crate) fn apart(&self, schema: bool) -> Result<bool, Error> {
        if schema && self.places() {
            return Err(Error::usage(
                "-d looks at each value alone: it cannot be combined with --path and --list",
            ));
        }
        Ok(schema || (!self.merge && !self.places()))
    }

    /// Unifies the data into an evaluation, each value at its place.
    fn merge(&self, instance: &Instance, data: &[Document]) -> Result<(), Error> {
        let mut lists: Vec<(ValuePath, Vec<Data>)> = Vec::new();
        for document in data {
            let path = self.placing.place(document)?;
            if !self.placing.list {
                instance.fill_placed(&path, &document.value)?;
                continue;
            }
            match lists.iter_mut().find(|(p, _)| *p == path) {
                Some((_, items)) => items.push(document.value.data.clone()),
                None => lists.push((path, vec![document.value.data.clone()])),
            }
        }
        for (path, items) in lists {
            instance.fill(&path, &Data::List(items))?;
        }
        Ok(())
    }
}

impl Placing {
    /// Whether documents of data files are put together.
    pub(crate) fn places(&self) -> bool {
        self.list || !self.path.is_empty()
    }

    /// Where the value of a document goes.
    pub(crate) fn place(&self, document: &Document) -> Result<ValuePath, Error> {
        let mut steps = Vec::new();
        if self.path.is_empty() {
            return Ok(ValuePath(steps));
        }
        let program = Program::compile(Vec::new(), &NoPackages)?;
        let instance = program.instance();
        let scope = match self.with_context {
            false => instance.placed(&document.value),
            true => instance.data(&Data::Struct(vec![
                ("data".into(), document.value.data.clone()),
                ("filename".into(), document.file.as_str().into()),
                ("index".into(), Data::int(document.index as i64)),
                ("recordCount".into(), Data::int(document.count as i64)),
            ])),
        };
        for text in &self.path {
            if let Some(labels) = fixed_labels(text) {
                steps.extend(labels);
                continue;
            }
            let value = instance.eval(&Source::new("--path", text.as_str()), scope, true)?;
            let label = match (value.as_str(), value.as_int()) {
                (Some(label), _) => label,
                (None, Some(n)) => n.to_string().into(),
                (None, None) => {
                    let why = value.validate(true).err().map(|f| format!(": {f}")).unwrap_or_default();
                    let message = format!("{}: --path {text} gives no label{why}", document.name);
                    return Err(Error::mistake("usage", message)
                        .hint("a label is a text, or a name with a colon: `-l name:`"));
                }
            };
            steps.push(Step::Field(label));
        }
        Ok(ValuePath(steps))
    }

    /// The same as the labels of fields.
    pub(crate) fn labels(&self, document: &Document) -> Result<Vec<String>, Error> {
        let label = |step: &Step| match step {
            Step::Field(name) => cue::label(name),
            other => other.to_string(),
        };
        Ok(self.place(document)?.0.iter().map(label).collect())
    }
}

/// The labels of `a:` or `a: "b":`, if the text is of this form.
fn fixed_labels(text: &str) -> Option<Vec<Step>> {
    let text = text.trim();
    if !text.ends_with(':') {
        return None;
    }
    let whole = format!("{text} _");
    let (file, mistakes) = syntax::parse(FileId(0), &whole);
    if !mistakes.is_empty() {
        return None;
    }
    let mut steps = Vec::new();
    let mut decls = &file.decls;
    loop {
        let [ast::Decl { kind: ast::DeclKind::Field(field), .. }] = decls.as_slice() else { return None };
        steps.push(match &field.label.kind {
            ast::LabelKind::Ident(name) if name.starts_with(['#', '_']) => Step::Special((*name).into()),
            ast::LabelKind::Ident(name) => Step::Field((*name).into()),
            ast::LabelKind::String(s) => Step::Field(s.text().into_owned().into()),
            _ => return None,
        });
        match &field.value.kind {
            ast::ExprKind::Struct(s) if !s.braces => decls = &s.decls,
            _ => return Some(steps),
        }
    }
}

/// The documents of a data file.
pub(crate) fn documents(path: &Path, form: FileType) -> Result<Vec<Document>, Error> {
    let (name, bytes) = read_bytes(path)?;
    let values = form.decode(&name, &bytes).map_err(|e| {
        let text = String::from_utf8_lossy(&bytes);
        undecodable(&Source::new(name.as_str(), &*text), &e)
    })?;
    let count = values.len();
    let file = match path.as_os_str() == "-" {
        true => name.clone(),
        false => std::path::absolute(path).map_or(name.clone(), |p| p.display().to_string()),
    };
    let document = |(index, value)| Document {
        name: if count > 1 { format!("{name} (document {})", index + 1) } else { name.clone() },
        value,
        file: file.clone(),
        index,
        count,
    };
    Ok(values.into_iter().enumerate().map(document).collect())
}

/// The values of expressions in the scope of a value, or the value itself where there are none.
pub(crate) fn expressions<'i>(
    instance: &'i Instance,
    scope: Value<'i>,
    texts: &[String],
) -> Result<Vec<Value<'i>>, Error> {
    if texts.is_empty() {
        return Ok(vec![scope]);
    }
    let value = |text: &String| instance.eval(&Source::new("-e", text.as_str()), scope, true);
    Ok(texts.iter().map(value).collect::<Result<_, _>>()?)
}

/// The value of a schema's expression; the root where there is none.
pub(crate) fn schema<'i>(instance: &'i Instance, text: Option<&str>) -> Result<Value<'i>, Error> {
    Ok(match text {
        Some(text) => instance.eval(&Source::new("-d", text), instance.root(), true)?,
        None => instance.root(),
    })
}

/// A folder's name is a path, with or without `./` before it.
fn as_folder(argument: &str) -> String {
    let (path, rest) = match argument.split_once(':') {
        Some((path, _)) => (path, &argument[path.len()..]),
        None => (argument, ""),
    };
    let plain = !path.starts_with(['.', '/']);
    match plain && Path::new(path.trim_end_matches("...")).is_dir() {
        true => format!("./{path}{rest}"),
        false => argument.to_owned(),
    }
}

pub(crate) fn refused(refusal: stepwell_lang::Refusal) -> Error {
    let error = Error::mistake("usage", refusal.message);
    match refusal.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What `-T` makes known.
fn variables(disk: &Disk) -> Vec<(String, String)> {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        other => other,
    };
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let named = |v| std::env::var(v).ok().filter(|name| !name.is_empty());
    let user = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(named).or_else(owner);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let now = jiff::Timestamp::now();
    let variables = [
        ("now", now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("os", os.to_owned()),
        ("arch", arch.to_owned()),
        ("cwd", disk.here()),
        ("username", user.unwrap_or_default()),
        ("hostname", host.map(|h| h.trim().to_owned()).unwrap_or_default()),
        ("rand", random().to_string()),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The name of the user that this process runs for, as the system has it.
fn owner() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let id = status.lines().find_map(|l| l.strip_prefix("Uid:"))?.split_whitespace().next()?.to_owned();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut users = users.lines().map(|l| l.split(':').collect::<Vec<_>>());
    users.find(|l| l.get(2) == Some(&id.as_str())).map(|l| l[0].to_owned())
}

/// A number that is hard to guess: each hasher of the standard library starts from random keys.
fn random() -> u128 {
    use std::hash::{BuildHasher, Hasher};
    let half = || u128::from(std::collections::hash_map::RandomState::new().build_hasher().finish());
    half() << 64 | half()
}
