//! What commands read: files, folders, standard input, and the packages of the module that files lie in.

use crate::error::{Error, Place, Problem};
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use stepwell_lang::data::Data;
use stepwell_lang::encode::{DecodeError, json, yaml};
use stepwell_lang::source::Source;
use stepwell_lang::{NoPackages, Packages, Program};

/// The largest file that is read.
const LARGEST: u64 = 256 << 20;

/// The most files that one package may have.
const MOST_FILES: usize = 10_000;

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Source, Error> {
    let (name, bytes) = match path.as_os_str() == "-" {
        true => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes);
            read.map_err(|e| Error::file(path, "read", &e))?;
            ("-".to_owned(), bytes)
        }
        false => {
            let mut bytes = Vec::new();
            let file = fs::File::open(path).map_err(|e| Error::file(path, "read", &e))?;
            file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| Error::file(path, "read", &e))?;
            (path.display().to_string(), bytes)
        }
    };
    if bytes.len() as u64 > LARGEST {
        return Err(Error::mistake("io", format!("{name} is larger than {} MB", LARGEST >> 20)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(e) => Err(not_text(name, e.utf8_error().valid_up_to(), e.as_bytes())),
    }
}

/// A file that is not UTF-8: shown up to where it stops to be.
fn not_text(name: String, valid: usize, bytes: &[u8]) -> Error {
    let text = String::from_utf8_lossy(&bytes[..valid]);
    let line = text.matches('\n').count() as u32 + 1;
    let column = (valid - text.rfind('\n').map_or(0, |i| i + 1)) as u32 + 1;
    let place = Place {
        source: Source::new(name.clone(), text),
        range: valid..valid,
        message: String::new(),
        line,
        column,
    };
    Problem {
        code: "syntax".into(),
        message: format!("{name} is not UTF-8 text"),
        places: vec![place],
        ..Problem::default()
    }
    .into()
}

/// The files that arguments name, with their paths: files as they are, folders for the `.cue` files in them, nothing for the folder we
/// are in.
pub(crate) fn sources(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Source)>, Error> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here } else { paths };
    let mut out = Vec::new();
    for path in paths {
        if !path.is_dir() {
            out.push((path.clone(), read(path)?));
            continue;
        }
        let files = folder(path)?;
        if files.is_empty() {
            let message = match path.as_os_str() == "." {
                true => "there are no .cue files in this folder".to_owned(),
                false => format!("there are no .cue files in {}", path.display()),
            };
            return Err(Error::mistake("io", message).hint("name the files to read"));
        }
        for file in files {
            let file = file.strip_prefix(".").unwrap_or(&file).to_owned();
            let source = read(&file)?;
            out.push((file, source));
        }
    }
    Ok(out)
}

/// The `.cue` files of a folder that make up its package, by name.
fn folder(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let cannot = |e: std::io::Error| Error::file(path, "read", &e);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".cue") && !name.starts_with(['_', '.']) && !file.is_dir() {
            files.push(file);
        }
        if files.len() > MOST_FILES {
            return Err(Error::mistake(
                "io",
                format!("{} has more than {MOST_FILES} .cue files", path.display()),
            ));
        }
    }
    files.sort();
    Ok(files)
}

/// The module that files lie in: the nearest folder above with a `cue.mod`.
#[derive(Debug)]
pub(crate) struct Module {
    root: PathBuf,
    /// The name that imports of the module's own packages begin with, without its version.
    name: Option<String>,
}

impl Module {
    /// The module around a file or folder, if there is one.
    pub(crate) fn around(path: &Path) -> Option<Module> {
        let start = std::path::absolute(path).ok()?;
        let root = start.ancestors().find(|d| d.join("cue.mod").is_dir())?.to_owned();
        let name = module_name(&root.join("cue.mod").join("module.cue"));
        Some(Module { root, name })
    }

    /// The folders that may hold a package, the first of them that does.
    fn folders(&self, import_path: &str) -> Vec<PathBuf> {
        let path = without_version(import_path);
        // An import path is somebody's text: it must not lead out of the module.
        if !Path::new(path).components().all(|c| matches!(c, Component::Normal(_))) {
            return Vec::new();
        }
        let own = self.name.as_deref().and_then(|name| match path.strip_prefix(name)? {
            "" => Some(self.root.clone()),
            rest => rest.strip_prefix('/').map(|rest| self.root.join(rest)),
        });
        match own {
            Some(own) => vec![own],
            None => {
                ["pkg", "gen", "usr"].iter().map(|d| self.root.join("cue.mod").join(d).join(path)).collect()
            }
        }
    }
}

/// A module path without `@v0` and the like.
fn without_version(path: &str) -> &str {
    path.split_once('@').map_or(path, |(p, _)| p)
}

fn module_name(file: &Path) -> Option<String> {
    let source = read(file).ok()?;
    let program = Program::compile(vec![source], &NoPackages).ok()?;
    let instance = program.instance();
    let name = instance.root().get("module")?.as_str()?;
    Some(without_version(&name).to_owned())
}

impl Packages for Module {
    fn sources(&self, import_path: &str) -> Option<Vec<Source>> {
        let mut out = Vec::new();
        for dir in self.folders(import_path) {
            for file in folder(&dir).unwrap_or_default() {
                let shown = file.strip_prefix(&self.root).unwrap_or(&file);
                let mut source = read(&file).ok()?;
                source.name = shown.display().to_string();
                out.push(source);
            }
        }
        (!out.is_empty()).then_some(out)
    }
}

/// What files of the language and of data say together.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The files of the language.
    pub(crate) program: Program,
    /// The documents of the data files, in order.
    pub(crate) data: Vec<Document>,
}

/// A document of a data file.
#[derive(Debug)]
pub(crate) struct Document {
    /// The file, with the number of the document where it has several.
    pub(crate) name: String,
    /// What it says.
    pub(crate) data: Data,
}

/// Reads files: `.json`, `.yaml` and `.yml` as data, all others as the language, with the packages of the module around the first.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Loaded, Error> {
    let is_data = |p: &PathBuf| p.extension().is_some_and(|e| e == "json" || e == "yaml" || e == "yml");
    let (data, code): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(is_data);
    let sources = if code.is_empty() && !data.is_empty() { Vec::new() } else { sources(&code)? };
    let sources = sources.into_iter().map(|(_, source)| source).collect();
    let first = code.first().map_or(Path::new("."), PathBuf::as_path);
    let program = match Module::around(first) {
        Some(module) => Program::compile(sources, &module)?,
        None => Program::compile(sources, &NoPackages)?,
    };
    let mut documents = Vec::new();
    for path in &data {
        documents.extend(decode(&read(path)?)?);
    }
    Ok(Loaded { program, data: documents })
}

/// The documents of a data file.
fn decode(source: &Source) -> Result<Vec<Document>, Error> {
    let parsed = match source.name.ends_with(".json") {
        true => json::parse_stream(&source.text),
        false => yaml::parse_documents(&source.text, yaml::Rules::Language)
            .map(|documents| documents.into_iter().map(|d| d.data).collect()),
    };
    let values = parsed.map_err(|e| undecodable(source, &e))?;
    let several = values.len() > 1;
    let named = |(i, data)| match several {
        true => Document { name: format!("{} (document {})", source.name, i + 1), data },
        false => Document { name: source.name.clone(), data },
    };
    Ok(values.into_iter().enumerate().map(named).collect())
}

/// Data that cannot be read, shown where it stops to make sense.
pub(crate) fn undecodable(source: &Source, e: &DecodeError) -> Error {
    let line_start = match e.line {
        0 | 1 => 0,
        n => source.text.match_indices('\n').nth(n as usize - 2).map_or(source.text.len(), |(i, _)| i + 1),
    };
    // The decoder counts characters, messages count bytes.
    let line = source.text[line_start..].lines().next().unwrap_or("");
    let column = line.char_indices().nth(e.column.saturating_sub(1) as usize).map_or(line.len(), |(i, _)| i);
    let start = line_start + column;
    let place = Place {
        source: source.clone(),
        range: start..start,
        message: String::new(),
        line: e.line,
        column: column as u32 + 1,
    };
    Problem { code: "syntax".into(), message: e.message.clone(), places: vec![place], ..Problem::default() }
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_stay_inside_the_module() {
        let module = Module { root: "/m".into(), name: Some("a.test".into()) };
        assert_eq!(module.folders("a.test/x/y@v0"), [PathBuf::from("/m/x/y")]);
        assert_eq!(module.folders("a.test"), [PathBuf::from("/m")]);
        assert_eq!(module.folders("a.testx/y")[0], PathBuf::from("/m/cue.mod/pkg/a.testx/y"));
        assert!(module.folders("a.test/../../etc").is_empty());
        assert!(module.folders("/etc").is_empty());
    }

    #[test]
    fn data_that_does_not_parse_is_shown_at_its_place() {
        let error = decode(&Source::new("a.yaml", "a: é\né:  [é, }\n")).unwrap_err();
        let place = &error.problems[0].places[0];
        assert_eq!((place.line, place.column), (2, 6), "{error:?}");
        assert_eq!(&place.source.text[place.range.start..], "[é, }\n");
    }

    #[test]
    fn a_file_that_is_not_text_is_refused_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.cue");
        fs::write(&file, b"a: 1\nb: \"\xff\"\n").unwrap();
        let error = read(&file).unwrap_err();
        assert_eq!((error.problems[0].places[0].line, error.problems[0].places[0].column), (2, 5));
    }
}
