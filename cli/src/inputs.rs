//! What commands read: files, folders, standard input. Which files make up a package, and what data files are unified with, is in
//! `language.rs`.

use crate::disk::LARGEST;
use crate::error::{Error, Place, Problem};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use stepwell_lang::encode::DecodeError;
use stepwell_lang::source::Source;

/// The most files that one package may have.
const MOST_FILES: usize = 10_000;

/// Reads a text file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Source, Error> {
    let (name, bytes) = read_bytes(path)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(e) => Err(not_text(name, e.utf8_error().valid_up_to(), e.as_bytes())),
    }
}

/// Reads a file, or standard input for `-`; gives the name that messages have for it.
pub(crate) fn read_bytes(path: &Path) -> Result<(String, Vec<u8>), Error> {
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
    Ok((name, bytes))
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
/// are in. With `below`, folders stand for all below them too.
pub(crate) fn sources(paths: &[PathBuf], below: bool) -> Result<Vec<(PathBuf, Source)>, Error> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here } else { paths };
    let mut out = Vec::new();
    for path in paths {
        let dots = path.file_name().is_some_and(|n| n == "...");
        if !dots && !path.is_dir() {
            out.push((path.clone(), read(path)?));
            continue;
        }
        let files = match path.parent().filter(|p| !p.as_os_str().is_empty()) {
            _ if below && !dots => everything_below(path, true, 0)?,
            parent if dots => everything_below(parent.unwrap_or(Path::new(".")), below, 0)?,
            _ => folder(path)?,
        };
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

/// The `.cue` files of a folder and of all below it, hidden ones and perhaps other modules aside.
fn everything_below(path: &Path, other_modules: bool, depth: u32) -> Result<Vec<PathBuf>, Error> {
    let cannot = |e: std::io::Error| Error::file(path, "read", &e);
    let mut out = folder(path)?;
    let mut folders = Vec::new();
    for entry in fs::read_dir(path).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let plain = !name.starts_with(['.', '_']) && name != "cue.mod";
        let other = entry.path().join("cue.mod").is_dir();
        if plain && entry.file_type().is_ok_and(|t| t.is_dir()) && (other_modules || !other) {
            folders.push(entry.path());
        }
    }
    folders.sort();
    for folder in folders {
        if depth > 100 || out.len() > MOST_FILES {
            return Err(Error::mistake("io", format!("there is too much below {}", path.display())));
        }
        out.extend(everything_below(&folder, other_modules, depth + 1)?);
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

/// Data that cannot be read, shown where it stops to make sense.
pub(crate) fn undecodable(source: &Source, e: &DecodeError) -> Error {
    let places = vec![place_in(source, e.line, e.column)];
    Problem { code: "syntax".into(), message: e.message.clone(), places, ..Problem::default() }.into()
}

/// A place by its line and column as readers of data count: in characters; messages count bytes.
pub(crate) fn place_in(source: &Source, line: u32, column: u32) -> Place {
    let line_start = match line {
        0 | 1 => 0,
        n => source.text.match_indices('\n').nth(n as usize - 2).map_or(source.text.len(), |(i, _)| i + 1),
    };
    let text = source.text[line_start..].lines().next().unwrap_or("");
    let bytes = text.char_indices().nth(column.saturating_sub(1) as usize).map_or(text.len(), |(i, _)| i);
    let start = line_start + bytes;
    Place {
        source: source.clone(),
        range: start..start,
        message: String::new(),
        line,
        column: bytes as u32 + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepwell_lang::load::FileType;

    #[test]
    fn data_that_does_not_parse_is_shown_at_its_place() {
        let text = "a: é\né:  [é, }\n";
        let e = FileType::Yaml.decode("a.yaml", text.as_bytes()).unwrap_err();
        let error = undecodable(&Source::new("a.yaml", text), &e);
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
