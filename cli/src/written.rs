//! The forms in which values are written, and the files they are written to.

use crate::error::Error;
use crate::output::Output;
use clap::Args;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use stepwell_lang::data::Data;
use stepwell_lang::encode::{cue, json, jsonschema, openapi, toml, yaml};
use stepwell_lang::load::{FileType, Interpretation};
use stepwell_lang::source::FileId;
use stepwell_lang::syntax;
use stepwell_lang::{Show, Value};

/// Where and how a command writes.
#[derive(Debug, Args)]
pub(crate) struct Written {
    /// The form of the output: json, yaml, toml, cue, text, binary, jsonl, openapi and jsonschema (also
    /// as openapi+yaml)
    #[arg(long, value_name = "TYPE")]
    out: Option<String>,
    /// Write to this file, in the form that its name tells; `yaml:FILE` gives another form, `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    outfile: Option<String>,
    /// Write over a file that exists
    #[arg(short, long)]
    force: bool,
    /// Write less of the language: `a: b: 1` for `a: {b: 1}`, and no quotes around labels that need none
    #[arg(short, long)]
    pub(crate) simplify: bool,
}

/// A form of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A value, as data or as it stands.
    Value(FileType),
    /// The definitions of a package as OpenAPI, written as data.
    OpenApi(FileType),
    /// A value as JSON Schema, written as data.
    JsonSchema(FileType),
    /// Every value with its kind, default and errors.
    Tree,
    /// The files of a package as one file, not evaluated.
    Package,
}

/// How values that need not be concrete are shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// Whether the language may show what is not concrete, and which fields; data must be concrete.
    pub(crate) open: Option<Show>,
    /// Whether mistakes are shown in their places and stop nothing.
    pub(crate) ignore: bool,
    /// Whether everything must be concrete.
    pub(crate) concrete: bool,
    /// Whether `<`, `>` and `&` are escaped in JSON.
    pub(crate) escape: bool,
    /// Whether files of the language are simplified.
    pub(crate) simplify: bool,
}

impl Written {
    /// The form, and the file if there is one.
    pub(crate) fn form(&self, default: FileType) -> Result<(Form, Option<PathBuf>), Error> {
        let mut form = None;
        let mut file = None;
        if let Some(outfile) = self.outfile.as_deref().filter(|f| *f != "-") {
            let (words, path) = match outfile.split_once(':') {
                Some((words, path)) => (Some(words), path),
                None => (None, outfile),
            };
            file = Some(PathBuf::from(path)).filter(|_| path != "-");
            form = match words {
                Some(words) => Some(parse(words)?),
                None if self.out.is_some() => None,
                None => Some(Form::Value(FileType::of_name(path).ok_or_else(|| {
                    let error = Error::mistake("usage", format!("the name {path} does not tell a type"));
                    error.hint(format!("write `-o json:{path}`"))
                })?)),
            };
        }
        if let Some(words) = &self.out {
            form = Some(parse(words)?);
        }
        let form = form.unwrap_or(Form::Value(default));
        if self.simplify && !matches!(form, Form::Value(FileType::Cue) | Form::Package) {
            return Err(Error::usage("--simplify is for files of the language: give --out cue as well"));
        }
        Ok((form, file))
    }

    /// Writes values; mistakes in any of them stop all.
    pub(crate) fn write(
        &self,
        (form, file): (Form, Option<PathBuf>),
        values: &[Value<'_>],
        layout: Layout,
        out: &Output,
    ) -> Result<(), Error> {
        if let (Form::Value(FileType::Json), None, [only], false) = (form, &file, values, layout.escape) {
            let text = only.json_text()?;
            return out.write(|to| text.write(to).and_then(|()| to.write_all(b"\n")));
        }
        let layout = Layout { simplify: self.simplify, ..layout };
        let mut texts = Vec::new();
        let mut problems = Vec::new();
        for value in values {
            match render(form, *value, layout) {
                Ok(text) => texts.push(text),
                Err(error) => problems.extend(error.problems),
            }
        }
        if !problems.is_empty() {
            return Err(problems.into());
        }
        self.write_texts((form, file), &texts, out)
    }

    /// Writes what has been laid out already.
    pub(crate) fn write_texts(
        &self,
        (form, file): (Form, Option<PathBuf>),
        texts: &[Vec<u8>],
        out: &Output,
    ) -> Result<(), Error> {
        let between: &[u8] = match form {
            Form::Value(FileType::Yaml) => b"---\n",
            Form::Value(FileType::Cue) | Form::Package => b"// ---\n",
            _ => b"",
        };
        let joined;
        let bytes = match texts {
            [only] => only,
            texts => {
                joined = texts.join(between);
                &joined
            }
        };
        match file {
            None => out.result(bytes),
            Some(file) => write_file(&file, bytes, self.force),
        }
    }
}

/// A type that was asked for in the call and does not exist.
fn wrong(refusal: &stepwell_lang::Refusal) -> Error {
    let hint = refusal.hint.as_ref().map_or_else(String::new, |hint| format!("\n\n  {hint}"));
    Error::usage(format!("{}{hint}", refusal.message))
}

fn parse(words: &str) -> Result<Form, Error> {
    match words {
        "tree" => return Ok(Form::Tree),
        "package" => return Ok(Form::Package),
        _ => {}
    }
    Ok(match FileType::parse(words).map_err(|refusal| wrong(&refusal))? {
        (form, Interpretation::OpenApi) => Form::OpenApi(form.unwrap_or(FileType::Json)),
        (form, Interpretation::JsonSchema) => Form::JsonSchema(form.unwrap_or(FileType::Json)),
        (Some(form), Interpretation::Data) if form != FileType::Proto => Form::Value(form),
        _ => return Err(Error::usage(format!("nothing can be written as {words:?}"))),
    })
}

/// One value in a form.
fn render(form: Form, value: Value<'_>, layout: Layout) -> Result<Vec<u8>, Error> {
    match form {
        // A tree shows errors in their places.
        Form::Tree => Ok((value.tree() + "\n").into_bytes()),
        Form::Package => Err(at(value, "only a whole package can be written with --out package".into())),
        Form::JsonSchema(form) => as_data(form, value, &jsonschema::document(value)?, layout),
        Form::OpenApi(form) => as_data(form, value, &openapi::document(value)?, layout),
        Form::Value(FileType::Cue) if layout.open.is_some() => {
            if !layout.ignore {
                value.validate(layout.concrete)?;
            }
            let text = value.to_file(layout.open.unwrap_or_default());
            Ok(spaces(&less(text, layout)).into_bytes())
        }
        Form::Value(FileType::Json) if !layout.escape => Ok((value.json()? + "\n").into_bytes()),
        Form::Value(form) => as_data(form, value, &value.data()?, layout),
    }
}

/// A text of the language, simplified where that is wished; one that shows mistakes in their places may not be read again, and stays as it is.
pub(crate) fn simplified(text: String) -> String {
    let (mut file, mistakes) = syntax::parse(FileId(0), &text);
    if !mistakes.is_empty() {
        return text;
    }
    syntax::simplify::simplify(&mut file);
    syntax::fmt::format(&file)
}

fn less(text: String, layout: Layout) -> String {
    if layout.simplify { simplified(text) } else { text }
}

/// Indents by blanks, as values are shown; files have tabs.
fn spaces(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start_matches('\t');
        out.push_str(&"    ".repeat(line.len() - rest.len()));
        out.push_str(rest);
    }
    out
}

fn as_data(form: FileType, value: Value<'_>, data: &Data, layout: Layout) -> Result<Vec<u8>, Error> {
    Ok(match form {
        FileType::Json => {
            let text = json::pretty(data) + "\n";
            match layout.escape {
                // Outside of texts JSON has none of these.
                true => {
                    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").into_bytes()
                }
                false => text.into_bytes(),
            }
        }
        FileType::JsonLines => (json::compact(data) + "\n").into_bytes(),
        FileType::Yaml => yaml::write(data).into_bytes(),
        FileType::Cue => less(cue::write(data), layout).into_bytes(),
        FileType::Toml => toml::write(data).map_err(|e| at(value, format!("as TOML: {e}")))?.into_bytes(),
        FileType::Text | FileType::Binary | FileType::Proto => match data {
            Data::String(text) if form == FileType::Text => format!("{text}\n").into_bytes(),
            Data::String(text) => text.as_bytes().to_vec(),
            Data::Bytes(bytes) => bytes.to_vec(),
            other => {
                let message = format!("--out text is for strings and bytes, not for a {}", other.type_name());
                return Err(at(value, message).hint("choose a string in it with -e"));
            }
        },
    })
}

fn at(value: Value<'_>, message: String) -> Error {
    let mut error = Error::mistake("output", message);
    error.problems[0].path = value.path();
    error
}

/// Writes a file; one that exists only if that is wished.
pub(crate) fn write_file(path: &Path, bytes: &[u8], force: bool) -> Result<(), Error> {
    if force && path.exists() {
        return replace_file(path, bytes);
    }
    let written =
        fs::File::options().write(true).create_new(true).open(path).and_then(|mut f| f.write_all(bytes));
    written.map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::mistake("io", format!("{} exists already", path.display())).hint("--force writes over it")
        }
        _ => Error::file(path, "write", &e),
    })
}

/// Replaces a file as a whole: whoever reads it sees the old text or the new one, and a full disk loses neither.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let cannot = |e: io::Error| Error::file(path, "write", &e);
    let target = fs::canonicalize(path).map_err(cannot)?;
    let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let new = target.with_file_name(format!(".{name}.{}", std::process::id()));
    let permissions = fs::metadata(&target).map_err(cannot)?.permissions();
    let written = fs::write(&new, bytes)
        .and_then(|()| fs::set_permissions(&new, permissions))
        .and_then(|()| fs::rename(&new, &target));
    written.map_err(|e| {
        let _ = fs::remove_file(&new);
        cannot(e)
    })
}
