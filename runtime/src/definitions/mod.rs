//! The library of definitions: those built into the program, and those that a user adds or puts in their place.
//!
//! A definition is read when it is looked up first and compiled once; a [`Library`] is shared between threads. Adding a builtin definition is
//! one file in `defs/`. Files are read in `read`, checked in `vet`. Tests here and in `tests/definitions.rs`.

mod parameters;
mod read;
mod terraform;
mod vet;

pub use parameters::Parameter;
pub use read::{Compiled, Definition, Policies};
pub(crate) use vet::ASKED;
pub use vet::vet;

use crate::document::Document;
use crate::model::definition::Kind;
use crate::problem::{Problem, Problems, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use stepwell_lang::Packages;
use stepwell_lang::source::Source;

/// The files in `defs/`: name and text.
const BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/defs.rs"));

/// Packages that may be shared between threads.
pub type SharedPackages = Arc<dyn Packages + Send + Sync>;

/// Definitions by kind and name. Cheap to clone.
#[derive(Clone)]
pub struct Library {
    entries: Arc<BTreeMap<(Kind, String), Arc<Definition>>>,
    /// Those that were added to the ones built in.
    own: Arc<BTreeSet<(Kind, String)>>,
    packages: SharedPackages,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.keys()).finish()
    }
}

impl Library {
    /// A library without definitions.
    pub fn empty(packages: SharedPackages) -> Library {
        Library { entries: Arc::default(), own: Arc::default(), packages }
    }

    /// The definitions built into the program, compiled at most once in this process.
    ///
    /// ```
    /// use stepwell_runtime::definitions::Library;
    /// use stepwell_runtime::model::definition::Kind;
    /// assert!(Library::builtin().get(Kind::Component, "webservice").is_some());
    /// ```
    pub fn builtin() -> Library {
        static BUILTIN_LIBRARY: OnceLock<Library> = OnceLock::new();
        BUILTIN_LIBRARY.get_or_init(|| Library::builtin_with(Arc::new(crate::stdlib::Stdlib))).clone()
    }

    /// The definitions built into the program, which import these packages.
    pub fn builtin_with(packages: SharedPackages) -> Library {
        let mut entries = BTreeMap::new();
        for (path, text) in BUILTIN {
            let Some((kind, name)) = kind_and_name(path) else { continue };
            let definition = Definition::file(kind, name, Source::new(*path, *text));
            entries.insert((kind, name.to_string()), Arc::new(definition));
        }
        Library { entries: Arc::new(entries), own: Arc::default(), packages }
    }

    /// The same library with the definitions of a folder (`.cue`, `.yaml`, `.yml`, `.json`, also in folders below) added or put in the place of those
    /// of the same name.
    ///
    /// # Errors
    /// Files that cannot be read, or are no definitions; all of them.
    pub fn with_dir(self, dir: &Path) -> Result<Library, Problems> {
        let mut files = Vec::new();
        let mut problems = Problems::default();
        if let Err(e) = collect(dir, &mut files, 0) {
            problems.push(Problem::new("file", "", format!("cannot read {}: {e}", dir.display())));
        }
        files.sort();
        let mut library = self;
        for file in files {
            match std::fs::read_to_string(&file) {
                Ok(text) => match library.clone().with_text(&file.to_string_lossy(), &text) {
                    Ok(l) => library = l,
                    Err(p) => problems.absorb(p),
                },
                Err(e) => {
                    problems.push(Problem::new("file", "", format!("cannot read {}: {e}", file.display())))
                }
            }
        }
        problems.into_result(library)
    }

    /// The same library with the definitions of one file added or put in the place of those of the same name. The form follows the file's ending.
    ///
    /// # Errors
    /// What keeps the text from being definitions.
    pub fn with_text(mut self, name: &str, text: &str) -> Result<Library, Problems> {
        let definitions = read::read(name, text, &*self.packages)?;
        let entries = Arc::make_mut(&mut self.entries);
        let own = Arc::make_mut(&mut self.own);
        for d in definitions {
            own.insert((d.kind, d.name.clone()));
            entries.insert((d.kind, d.name.clone()), Arc::new(d));
        }
        Ok(self)
    }

    /// The same library with the definitions among these documents added or put in the place of those of the same name.
    ///
    /// # Errors
    /// Definitions that cannot be read.
    pub fn with_documents(mut self, documents: &[Document]) -> Result<Library, Problems> {
        let mut problems = Problems::default();
        for document in documents.iter().filter(|d| read::is_definition(d)) {
            match Definition::of_object(document, document.file()) {
                Ok(d) => self.put(Arc::new(d)),
                Err(p) => problems.absorb(Problems::one(document.sources.clone(), p)),
            }
        }
        problems.into_result(self)
    }

    /// The same library with a definition that was kept as an object ([`Definition::to_object`]) in the place of that of its name.
    ///
    /// # Errors
    /// What keeps it from being a definition.
    pub fn with_stored(mut self, object: &serde_json::Value) -> Result<Library, Problems> {
        let d = Definition::of_stored(object)?;
        let key = (d.kind, d.name.clone());
        // One that is built in and has not changed is compiled already.
        if self.entries.get(&key).is_none_or(|known| known.source.text != d.source.text) {
            Arc::make_mut(&mut self.own).insert(key.clone());
            Arc::make_mut(&mut self.entries).insert(key, Arc::new(d));
        }
        Ok(self)
    }

    /// Puts a definition that was found elsewhere in the place of that of its name. It does not count as one that was added.
    pub(crate) fn put(&mut self, definition: Arc<Definition>) {
        Arc::make_mut(&mut self.entries).insert((definition.kind, definition.name.clone()), definition);
    }

    /// Whether the definition was added to those built in.
    pub fn is_own(&self, kind: Kind, name: &str) -> bool {
        self.own.contains(&(kind, name.to_string()))
    }

    /// The definition of this kind and name.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Arc<Definition>> {
        // BTreeMap needs an owned key; names are short.
        self.entries.get(&(kind, name.to_string()))
    }

    /// All definitions, by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.entries.values()
    }

    /// The names of a kind.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.entries.keys().filter(move |(k, _)| *k == kind).map(|(_, n)| n.as_str())
    }

    /// What definitions import.
    pub fn packages(&self) -> &SharedPackages {
        &self.packages
    }

    /// A definition, compiled.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn compiled<'d>(&self, definition: &'d Definition) -> Result<&'d Compiled, Problems> {
        definition.compiled(&*self.packages)
    }

    /// The mistake of asking for a definition that is not there, with the nearest name.
    pub fn unknown(&self, kind: Kind, name: &str) -> Problem {
        let problem = Problem::new("unknown-type", "", format!("there is no {kind} type `{name}`"));
        if let Some(near) = nearest(name, self.names(kind)) {
            return problem.hint(format!("did you mean `{near}`?"));
        }
        match Kind::ALL.into_iter().find(|k| *k != kind && self.get(*k, name).is_some()) {
            Some(other) => problem.hint(format!("`{name}` is a {other} type")),
            None => problem.hint(format!("{kind} types are {}", list(self.names(kind)))),
        }
    }
}

/// Names for a sentence, the first few of many.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<String> = names.map(|n| format!("`{n}`")).collect();
    match all.len() {
        0 => "none".to_string(),
        n if n > 12 => format!("{} and {} more", all[..10].join(", "), n - 10),
        _ => all.join(", "),
    }
}

/// `defs/component/webservice.cue` is the component `webservice`.
fn kind_and_name(path: &str) -> Option<(Kind, &str)> {
    let (folder, file) = path.rsplit_once('/')?;
    let folder = folder.rsplit('/').next()?;
    let kind = Kind::ALL.into_iter().find(|k| k.folder() == folder)?;
    Some((kind, file.strip_suffix(".cue")?))
}

fn collect(dir: &Path, files: &mut Vec<std::path::PathBuf>, depth: usize) -> std::io::Result<()> {
    if dir.is_file() {
        files.push(dir.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth < 8 {
                collect(&path, files, depth + 1)?;
            }
        } else if path
            .extension()
            .and_then(|e| e.to_str())
            .is_some_and(|e| ["cue", "yaml", "yml", "json"].contains(&e))
        {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use stepwell_lang::NoPackages;

    #[test]
    fn a_library_can_be_shared() {
        fn shared<T: Send + Sync>() {}
        shared::<Library>();
    }

    #[test]
    fn files_are_named_after_what_they_define() {
        for (path, text) in BUILTIN {
            let (kind, name) =
                kind_and_name(path).unwrap_or_else(|| panic!("{path} is in no folder of definitions"));
            let found = read::read(path, text, &NoPackages).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!((found.len(), found[0].kind, found[0].name.as_str()), (1, kind, name), "{path}");
        }
    }

    #[test]
    fn unknown_names_get_a_hint() {
        let library = Library::builtin();
        insta::assert_snapshot!(library.unknown(Kind::Component, "webservise"), @"there is no component type `webservise` (did you mean `webservice`?)");
        insta::assert_snapshot!(library.unknown(Kind::Component, "scaler"), @"there is no component type `scaler` (`scaler` is a trait type)");
    }
}
