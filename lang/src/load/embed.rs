//! `@embed(file=...)` and `@embed(glob=...)`: files of the module as values. Never a file outside of it.

use super::header::arguments;
use super::{FileType, Interpretation, Loader, below, join, parent};
use crate::api::{Attribute, Placed, Refusal};
use crate::data::Data;

/// The most files that a pattern may stand for.
const MOST_MATCHES: usize = 10_000;

impl Loader<'_> {
    pub(super) fn embed(&self, attribute: &Attribute<'_>) -> Result<Vec<Placed>, Refusal> {
        self.embedded(attribute).map_err(|mut r| {
            r.message = format!("@embed: {}", r.message);
            r
        })
    }

    fn embedded(&self, attribute: &Attribute<'_>) -> Result<Vec<Placed>, Refusal> {
        let arguments = arguments(attribute.body);
        let named =
            |name: &str| arguments.iter().find(|(k, _)| k.as_deref() == Some(name)).map(|(_, v)| v.as_str());
        let kind = named("type");
        let empty = arguments.iter().any(|(k, v)| k.is_none() && v == "allowEmptyGlob");
        let Some(folder) = self.folder_of(attribute.file).filter(|_| self.module.is_some()) else {
            let refusal = Refusal::new("files can be embedded within a module only");
            return Err(refusal.hint("a module has a file cue.mod/module.cue"));
        };
        match (named("file"), named("glob")) {
            (Some(_), Some(_)) => Err(Refusal::new("only one of file and glob can be given")),
            (None, None) => Err(Refusal::new("file or glob must be given")),
            (Some(file), None) => Ok(vec![self.embed_file(&folder, file, kind)?]),
            (None, Some(pattern)) => self.embed_glob(&folder, pattern, kind, empty).map(|p| vec![p]),
        }
    }

    fn embed_file(&self, folder: &str, file: &str, kind: Option<&str>) -> Result<Placed, Refusal> {
        inside(file)?;
        let path = join(folder, file);
        let form = form(file, kind)?;
        self.guard(&path, file)?;
        let Some(bytes) = self.files.read(&path).map_err(Refusal::new)? else {
            let refusal = Refusal::new(format!("there is no file {file:?}"));
            let siblings = self.files.list(parent(&path)).ok().flatten().unwrap_or_default();
            let name = path.rsplit('/').next().unwrap_or("");
            let near = crate::text::nearest(name, siblings.iter().map(|e| e.name.as_str()));
            return Err(match near {
                Some(near) => refusal.hint(format!("did you mean {near:?}?")),
                None => refusal.hint("the path is relative to the folder of the file that embeds"),
            });
        };
        let shown = self.files.shown(&path);
        let mut values = form.decode(&shown, &bytes).map_err(|e| Refusal::new(format!("{shown}:{e}")))?;
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok(value),
            (None, _) => Err(Refusal::new(format!("{file:?} holds no value"))),
            (Some(_), false) => Err(Refusal::new(format!("{file:?} holds more than one value"))),
        }
    }

    /// Every file that a pattern matches, by its path.
    fn embed_glob(
        &self,
        folder: &str,
        pattern: &str,
        kind: Option<&str>,
        empty: bool,
    ) -> Result<Placed, Refusal> {
        inside(pattern)?;
        if pattern.contains("**") {
            return Err(Refusal::new(format!("{pattern:?} holds **, which is not supported")));
        }
        let extension = pattern.rsplit('/').next().and_then(|n| n.rsplit_once('.')).map(|(_, e)| e);
        if kind.is_none() && extension.is_none_or(|e| e.contains(['*', '?', '['])) {
            let refusal = Refusal::new(format!("{pattern:?} does not say of what type the files are"));
            return Err(refusal.hint("add type=json, or end the pattern with .json"));
        }
        let mut found = vec![String::new()];
        let mut parts = pattern.split('/').peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let mut next = Vec::new();
            for start in found {
                let at = if start.is_empty() { folder.to_owned() } else { join(folder, &start) };
                let mut entries = self.files.list(&at).map_err(Refusal::new)?.unwrap_or_default();
                entries.sort();
                for e in entries.iter().filter(|e| e.folder != last) {
                    let hidden = e.name.starts_with('.') && !part.starts_with('.');
                    let matched = crate::pkg::glob_matches(part, &e.name).map_err(|why| {
                        Refusal::new(format!("the pattern {pattern:?} is malformed: {why}"))
                    })?;
                    if matched && !hidden {
                        next.push(if start.is_empty() { e.name.clone() } else { join(&start, &e.name) });
                    }
                }
                if next.len() > MOST_MATCHES {
                    return Err(Refusal::new(format!("{pattern:?} matches more than {MOST_MATCHES} files")));
                }
            }
            found = next;
        }
        if found.is_empty() && !empty {
            return Err(Refusal::new(format!("no file matches {pattern:?}")));
        }
        found.sort();
        let mut fields = Vec::new();
        for file in found {
            let value = self.embed_file(folder, &file, kind)?;
            fields.push((file.into(), value.data));
        }
        Ok(Data::Struct(fields).into())
    }

    /// Refuses files of other modules, and those that links lead to outside of the module.
    fn guard(&self, path: &str, file: &str) -> Result<(), Refusal> {
        let Some(module) = &self.module else { return Ok(()) };
        let real = self.files.real(path);
        if below(&real, &self.files.real(&module.root)).is_none() {
            return Err(Refusal::new(format!("{file:?} lies outside of the module")));
        }
        let mut at = parent(path).to_owned();
        while at != module.root && at != "/" {
            if self.files.list(&join(&at, "cue.mod")).map_err(Refusal::new)?.is_some() {
                return Err(Refusal::new(format!("{file:?} lies in another module")));
            }
            at = parent(&at).to_owned();
        }
        Ok(())
    }
}

/// Refuses paths that lead upwards or start at the root.
fn inside(path: &str) -> Result<(), Refusal> {
    if path.starts_with('/') || path.contains('\\') {
        return Err(Refusal::new(format!("{path:?} must be a relative path with slashes")));
    }
    if path.split('/').any(|p| p == "..") {
        let refusal =
            Refusal::new(format!("{path:?} may not lead upwards: it could lie outside of the module"));
        return Err(refusal.hint("embed from a file in that folder"));
    }
    match path.split('/').any(|p| p.is_empty() || p == ".") {
        true => Err(Refusal::new(format!("the path {path:?} is malformed"))),
        false => Ok(()),
    }
}

fn form(file: &str, kind: Option<&str>) -> Result<FileType, Refusal> {
    let form = match kind {
        Some(kind) => match FileType::parse(kind)? {
            (form, Interpretation::Data) => form,
            _ => return Err(Refusal::new(format!("files of type {kind:?} cannot be embedded"))),
        },
        None => FileType::of_name(file),
    };
    match form {
        Some(FileType::Cue) => {
            Err(Refusal::new("files of the language cannot be embedded").hint("import their package"))
        }
        Some(form) => Ok(form),
        None => Err(Refusal::new(format!("{file:?} does not say of what type it is"))
            .hint("add type=json, yaml, toml, text or binary")),
    }
}
