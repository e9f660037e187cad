//! The module around a folder: `cue.mod/module.cue`, and the folders that import paths lead to.

use super::package::{Choice, Wanted};
use super::{Files, Loader, below, failure, join, parent};
use crate::api::{Failure, NoPackages, Package, Program, Refusal, Value};
use crate::diag::{Code, Diagnostic};
use crate::source::Source;

/// A module: the nearest folder above with a `cue.mod`.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// The folder.
    pub root: String,
    /// The path that imports of its packages begin with, without its version. Empty if it has none.
    pub path: String,
    /// The major version, as in `@v0`.
    pub version: Option<String>,
    /// The version of the language that it is written in, major and minor.
    pub language: Option<(u64, u64)>,
    /// The modules that it says to depend on, with their versions.
    pub dependencies: Vec<String>,
}

/// What a module's file may hold.
const FIELDS: &[&str] = &["module", "language", "source", "description", "deps", "custom"];

/// The newest version of the language that there is here.
const NEWEST: (u64, u64) = (0, 17);

impl Module {
    /// The module around a folder, if there is one.
    pub(super) fn around(files: &dyn Files, folder: &str) -> Result<Option<Module>, Failure> {
        let mut at = folder;
        loop {
            let inside = join(at, "cue.mod");
            let found = files.list(&inside).map_err(|e| failure(Refusal::new(e)))?;
            if found.is_some() {
                return Module::read(files, at).map(Some);
            }
            if at == "/" {
                return Ok(None);
            }
            at = parent(at);
        }
    }

    fn read(files: &dyn Files, root: &str) -> Result<Module, Failure> {
        let mut module = Module {
            root: root.to_owned(),
            path: String::new(),
            version: None,
            language: None,
            dependencies: Vec::new(),
        };
        let file = join(root, "cue.mod/module.cue");
        let Some(bytes) = files.read(&file).map_err(|e| failure(Refusal::new(e)))? else { return Ok(module) };
        let shown = files.shown(&file);
        let text = String::from_utf8(bytes)
            .map_err(|_| failure(Refusal::new(format!("{shown} is not UTF-8 text"))))?;
        let program = Program::compile(vec![Source::new(shown, text)], &NoPackages)?;
        let instance = program.instance();
        let whole = instance.root();
        whole.validate(true)?;
        let wrong = |at: Value<'_>, message: String, hint: Option<String>| {
            let mut d = Diagnostic::new(Code::Import, format!("bad module file: {message}")).path(at.path());
            for span in at.spans() {
                d = d.at(span, "");
            }
            d.hint = hint;
            Failure { diagnostics: vec![d], sources: program.sources().clone() }
        };
        for field in whole.fields(Default::default()) {
            let name = field.value.label();
            if !FIELDS.contains(&&*name) {
                let near = crate::text::nearest(&name, FIELDS.iter().copied());
                let hint = near.map(|n| format!("did you mean {n}?"));
                return Err(wrong(field.value, format!("it cannot have a field {name:?}"), hint));
            }
        }
        if let Some(value) = whole.get("module") {
            let Some(text) = value.as_str() else {
                return Err(wrong(
                    value,
                    "module must be a text such as \"example.com/name@v0\"".into(),
                    None,
                ));
            };
            let (path, version) = match text.split_once('@') {
                Some((path, version)) => (path, Some(version)),
                None => (&*text, None),
            };
            if let Some(odd) =
                path.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "-._~/".contains(*c)))
            {
                let hint = "a module's path is of lower-case letters, digits, and - . _ ~ between slashes"
                    .to_owned();
                return Err(wrong(value, format!("module path {path:?} is not valid: {odd:?}"), Some(hint)));
            }
            if version.is_some_and(|v| v.strip_prefix('v').is_none_or(|n| n.parse::<u32>().is_err())) {
                return Err(wrong(
                    value,
                    format!("the version in {text:?} must be a major version such as @v0"),
                    None,
                ));
            }
            module.path = path.to_owned();
            module.version = version.map(str::to_owned);
        }
        if let Some(value) = whole.get("language").and_then(|l| l.get("version")) {
            let text = value.as_str().unwrap_or_default();
            let numbers: Option<Vec<u64>> = text
                .strip_prefix('v')
                .and_then(|v| v.split(['.', '-']).take(3).map(|n| n.parse().ok()).collect());
            match numbers.as_deref() {
                Some([major, minor, _]) if (*major, *minor) <= NEWEST => {
                    module.language = Some((*major, *minor));
                }
                Some([_, _, _]) => {
                    let message =
                        format!("language version {text:?} is newer than v{}.{}", NEWEST.0, NEWEST.1);
                    return Err(wrong(value, message, Some("a newer program may read this module".into())));
                }
                _ => {
                    let message = format!("language version {text:?} is not a version such as \"v0.17.0\"");
                    return Err(wrong(value, message, None));
                }
            }
        }
        if let Some(deps) = whole.get("deps") {
            module.dependencies =
                deps.fields(Default::default()).iter().map(|d| d.value.label().to_string()).collect();
        }
        Ok(module)
    }

    /// The version of the language of the program and of the module's own packages.
    pub(super) fn language_of(&self, import_path: &str) -> Option<(u64, u64)> {
        let location = import_path.rsplit_once(':').map_or(import_path, |(location, _)| location);
        let own = location.is_empty() || self.own(location, None).is_some();
        self.language.filter(|_| own)
    }

    /// The folder of one of its own packages.
    fn own(&self, location: &str, version: Option<&str>) -> Option<String> {
        if self.path.is_empty() || version.is_some() && version != self.version.as_deref() {
            return None;
        }
        match location.strip_prefix(&self.path)? {
            "" => Some(self.root.clone()),
            rest => rest.strip_prefix('/').map(|rest| join(&self.root, rest)),
        }
    }

    /// The folders that make up a package together.
    fn folders(&self, location: &str, version: Option<&str>) -> Vec<String> {
        match self.own(location, version) {
            Some(own) => vec![own],
            None => ["pkg", "gen", "usr"]
                .iter()
                .map(|d| format!("{}/cue.mod/{d}/{location}", self.root.trim_end_matches('/')))
                .collect(),
        }
    }
}

/// An import path in its parts: `location@version:name`.
pub(super) struct ImportPath<'p> {
    pub(super) location: &'p str,
    pub(super) version: Option<&'p str>,
    pub(super) name: Option<&'p str>,
}

impl<'p> ImportPath<'p> {
    pub(super) fn parse(text: &'p str) -> Result<ImportPath<'p>, Refusal> {
        let malformed = |why: &str| Refusal::new(format!("malformed import path {text:?}: {why}"));
        let (path, name) = match text.split_once(':') {
            Some((_, name)) if name.contains('@') => {
                let refusal = malformed("the version stands before the name of the package");
                return Err(refusal.hint("write PATH@VERSION:NAME"));
            }
            Some((path, name)) => (path, Some(name)),
            None => (text, None),
        };
        let (location, version) = match path.split_once('@') {
            Some((location, version)) => (location, Some(version)),
            None => (path, None),
        };
        if location.starts_with("./") || location.starts_with("../") || location == "." || location == ".." {
            let refusal = Refusal::new(format!("relative import paths are not allowed ({text:?})"));
            return Err(refusal.hint("begin with the path of the module in cue.mod/module.cue"));
        }
        let odd = location.split('/').find(|part| matches!(*part, "" | "." | ".."));
        if let Some(odd) = odd {
            return Err(malformed(&format!("it cannot have a part {odd:?}")));
        }
        if name.is_some_and(|n| n.is_empty() || n == "_") {
            return Err(malformed("a name of a package must follow the colon"));
        }
        Ok(ImportPath { location, version, name })
    }

    /// The name of the package that is meant.
    pub(super) fn package(&self) -> &'p str {
        self.name.unwrap_or_else(|| self.location.rsplit('/').next().unwrap_or(self.location))
    }
}

impl Loader<'_> {
    /// The package that an import path leads to.
    pub(super) fn import(&self, import_path: &str) -> Result<Option<Package>, Refusal> {
        let path = ImportPath::parse(import_path)?;
        let Some(module) = &self.module else { return Ok(None) };
        let name = path.package();
        let mut sources = Vec::new();
        let mut others: Vec<String> = Vec::new();
        let mut there = false;
        for folder in module.folders(path.location, path.version) {
            let Some(choice) = self.choose(&folder, &Wanted::Named(name.to_owned()))? else { continue };
            let Choice { files, other_packages, .. } = choice;
            there |= !files.is_empty() || !other_packages.is_empty();
            others.extend(other_packages);
            sources.extend(files);
        }
        if sources.is_empty() && there {
            let refusal =
                Refusal::new(format!("the folder of {import_path:?} has no file of a package {name:?}"));
            others.sort();
            others.dedup();
            return Err(match others.first() {
                Some(other) => refusal.hint(format!("import \"{}:{other}\"", path.location)),
                None => refusal,
            });
        }
        if sources.is_empty() {
            let required = module.dependencies.iter().find(|d| {
                let dependency = d.split('@').next().unwrap_or(d);
                below(path.location, dependency).is_some()
            });
            return match required {
                Some(d) => {
                    let message = format!("package {import_path:?} not found: it is of the module {d}");
                    Err(Refusal::new(message)
                        .hint("modules are not fetched: put its packages into cue.mod/pkg"))
                }
                None => Ok(None),
            };
        }
        Ok(Some(Package { id: format!("{}:{name}", path.location), sources }))
    }

    /// The import paths of the module's packages, for suggestions.
    pub(super) fn importable(&self) -> Vec<String> {
        let Some(module) = &self.module else { return Vec::new() };
        let mut out = Vec::new();
        let mut open: Vec<(String, String)> = ["pkg", "gen", "usr"]
            .iter()
            .map(|d| (format!("{}/cue.mod/{d}", module.root.trim_end_matches('/')), String::new()))
            .collect();
        if !module.path.is_empty() {
            open.push((module.root.clone(), module.path.clone()));
        }
        while let Some((folder, path)) = open.pop() {
            let entries = self.files.list(&folder).ok().flatten().unwrap_or_default();
            if entries.iter().any(|e| !e.folder && e.name.ends_with(".cue")) && !path.is_empty() {
                out.push(path.clone());
            }
            for e in
                entries.iter().filter(|e| e.folder && !e.name.starts_with(['.', '_']) && e.name != "cue.mod")
            {
                let path = if path.is_empty() { e.name.clone() } else { format!("{path}/{}", e.name) };
                open.push((join(&folder, &e.name), path));
            }
            if out.len() + open.len() > super::MOST_FILES {
                break;
            }
        }
        out
    }
}
