//! Loading: which files make up a package, where imports are found, and what attributes of files and fields bring in from outside.
//!
//! Nothing here reads a file itself: whoever embeds the crate gives [`Files`], over a disk, an archive or a map in memory. Paths are
//! texts with slashes, the root of all files first. `header.rs` reads the beginnings of files, `module.rs` the file of a module and import
//! paths, `package.rs` the arguments that name packages, `tags.rs` and `embed.rs` the attributes.

mod embed;
mod filetype;
mod header;
mod module;
mod package;
mod tags;
#[cfg(test)]
mod tests;

pub use filetype::{FileType, Interpretation};
pub use module::Module;
pub use package::Instance;
pub use tags::Tags;

use crate::api::{Attribute, AttributePlace, Failure, Package, Packages, Placed, Refusal};
use crate::diag::{Code, Diagnostic};
use crate::source::{Source, SourceMap};
use rustc_hash::FxHashMap;
use std::sync::Mutex;

/// Where files come from. Paths are absolute and normal: `/a/b.cue`, without `.` and `..`.
pub trait Files {
    /// The bytes of a file; `None` if there is none. The error says why it cannot be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String>;

    /// What is in a folder, by name; `None` if there is none.
    fn list(&self, folder: &str) -> Result<Option<Vec<Entry>>, String>;

    /// The file that is meant where a path goes through links.
    fn real(&self, path: &str) -> String {
        path.to_owned()
    }

    /// The path as messages show it.
    fn shown(&self, path: &str) -> String {
        path.to_owned()
    }
}

/// A file or folder in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
}

/// The most files that one package may have, and the most folders that a `...` may stand for.
const MOST_FILES: usize = 10_000;

/// Finds packages and their files, and answers the compiler's questions about imports and attributes.
pub struct Loader<'f> {
    files: &'f dyn Files,
    /// The folder that relative arguments start from.
    here: String,
    module: Option<Module>,
    tags: Tags,
    /// The folder of each file that was read, by the name it is shown under.
    folders: Mutex<FxHashMap<String, String>>,
}

impl std::fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader")
            .field("here", &self.here)
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}

impl<'f> Loader<'f> {
    /// A loader for the module around a folder. Fails if the file of the module is wrong.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use stepwell_lang::Program;
    /// use stepwell_lang::load::{Loader, MemoryFiles, Tags};
    /// let files = MemoryFiles::from([
    ///     ("/cue.mod/module.cue", "module: \"ex.test/m\"\nlanguage: version: \"v0.17.0\"\n"),
    ///     ("/a.cue", "package a\nimport \"ex.test/m/b\"\nx: b.y\n"),
    ///     ("/b/b.cue", "package b\ny: 1\n"),
    /// ]);
    /// let loader = Loader::new(&files, "/", Tags::default()).unwrap();
    /// let instances = loader.instances(&[".".into()], None).unwrap();
    /// let program = Program::compile(instances[0].sources.clone(), &loader).unwrap();
    /// assert_eq!(program.instance().root().get("x").unwrap().as_int(), Some(1));
    /// ```
    pub fn new(files: &'f dyn Files, here: &str, tags: Tags) -> Result<Loader<'f>, Failure> {
        let module = Module::around(files, here)?;
        Ok(Loader { files, here: here.to_owned(), module, tags, folders: Mutex::default() })
    }

    /// The loader with the module around another folder, if it has none yet.
    pub fn or_module_of(mut self, folder: &str) -> Result<Loader<'f>, Failure> {
        if self.module.is_none() {
            self.module = Module::around(self.files, folder)?;
        }
        Ok(self)
    }

    /// The module, if there is one.
    pub fn module(&self) -> Option<&Module> {
        self.module.as_ref()
    }

    /// The tags, to see what was used.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Reads a file of the language and remembers where it lies.
    fn source(&self, path: &str) -> Result<Option<Source>, Refusal> {
        let Some(bytes) = self.files.read(path).map_err(Refusal::new)? else { return Ok(None) };
        let shown = self.files.shown(path);
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(Refusal::new(format!("{shown} is not UTF-8 text")));
        };
        self.remember(&shown, parent(path));
        Ok(Some(Source::new(shown, text)))
    }

    /// Tells where a file lies that was read elsewhere, so that attributes in it find what they name.
    pub fn remember(&self, shown: &str, folder: &str) {
        if let Ok(mut folders) = self.folders.lock() {
            folders.insert(shown.to_owned(), folder.to_owned());
        }
    }

    fn folder_of(&self, source: &Source) -> Option<String> {
        self.folders.lock().ok()?.get(&source.name).cloned()
    }
}

impl Packages for Loader<'_> {
    fn sources(&self, import_path: &str) -> Option<Vec<Source>> {
        self.package(import_path).ok().flatten().map(|p| p.sources)
    }

    fn package(&self, import_path: &str) -> Result<Option<Package>, Refusal> {
        self.import(import_path)
    }

    fn known(&self) -> Vec<String> {
        self.importable()
    }

    fn language(&self, import_path: &str) -> Option<(u64, u64)> {
        self.module.as_ref()?.language_of(import_path)
    }

    fn attribute(&self, attribute: &Attribute<'_>) -> Result<Vec<Placed>, Refusal> {
        match attribute.name {
            "tag" if attribute.main => {
                let refuse = |place| Err(Refusal::new(format!("@tag is not allowed within {place}")));
                match attribute.place {
                    AttributePlace::Field => {}
                    AttributePlace::Comprehension => return refuse("a comprehension"),
                    AttributePlace::Constraint => return refuse("an optional field or a pattern"),
                    AttributePlace::List => return refuse("a list"),
                    AttributePlace::Struct => return Ok(Vec::new()),
                }
                Ok(self.tags.values(attribute.body)?.into_iter().map(Placed::from).collect())
            }
            "embed" if attribute.external => self.embed(attribute),
            _ => Ok(Vec::new()),
        }
    }
}

/// Files in memory, for tests and for programs that carry their packages with them.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: std::collections::BTreeMap<String, Vec<u8>>,
}

impl<P: Into<String>, T: Into<String>, const N: usize> From<[(P, T); N]> for MemoryFiles {
    fn from(files: [(P, T); N]) -> MemoryFiles {
        MemoryFiles { files: files.into_iter().map(|(p, t)| (p.into(), t.into().into_bytes())).collect() }
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.files.get(path).cloned())
    }

    fn list(&self, folder: &str) -> Result<Option<Vec<Entry>>, String> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let mut out: Vec<Entry> = Vec::new();
        for rest in self.files.keys().filter_map(|p| p.strip_prefix(&prefix)) {
            let entry = match rest.split_once('/') {
                Some((name, _)) => Entry { name: name.to_owned(), folder: true },
                None => Entry { name: rest.to_owned(), folder: false },
            };
            if out.last() != Some(&entry) {
                out.push(entry);
            }
        }
        Ok((!out.is_empty()).then_some(out))
    }

    fn shown(&self, path: &str) -> String {
        path.trim_start_matches('/').to_owned()
    }
}

/// A failure of one sentence that stands in no file.
fn failure(refusal: Refusal) -> Failure {
    let mut d = Diagnostic::new(Code::Import, refusal.message);
    d.hint = refusal.hint;
    Failure { diagnostics: vec![d], sources: SourceMap::default() }
}

/// A path below a folder.
fn join(folder: &str, name: &str) -> String {
    match folder.ends_with('/') {
        true => format!("{folder}{name}"),
        false => format!("{folder}/{name}"),
    }
}

/// The folder that a path lies in.
fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

/// A path that starts at `folder`, with `.` and `..` worked in.
fn resolve(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = match path.starts_with('/') {
        true => Vec::new(),
        false => folder.split('/').filter(|p| !p.is_empty()).collect(),
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The part of a path below a folder; empty for the folder itself.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let folder = folder.trim_end_matches('/');
    let rest = path.strip_prefix(folder)?;
    match rest {
        "" => Some(""),
        rest => rest.strip_prefix('/'),
    }
}
