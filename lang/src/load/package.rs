//! Arguments that name packages, and the files of a package in a folder.

use super::header::{condition, header};
use super::module::ImportPath;
use super::{Loader, MOST_FILES, failure, join, parent, resolve};
use crate::api::{Failure, Refusal};
use crate::source::Source;

/// The files of a package that an argument names.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The folder, as it is shown.
    pub folder: String,
    /// The name of the package; `None` for files that have none.
    pub package: Option<String>,
    /// Its files.
    pub sources: Vec<Source>,
}

/// Which package of a folder is wanted.
pub(super) enum Wanted {
    /// The only one.
    Only,
    /// The one with this name.
    Named(String),
}

/// What a folder has.
#[derive(Default)]
pub(super) struct Choice {
    /// The name of the package.
    pub(super) package: Option<String>,
    /// Its files, those of the folders above among them.
    pub(super) files: Vec<Source>,
    /// Why files were left out.
    pub(super) excluded: Vec<String>,
    /// Packages that were not meant.
    pub(super) other_packages: Vec<String>,
}

impl Loader<'_> {
    /// The packages that arguments name: `.`, `./dir`, `./...`, `./dir:name`, or an import path. Without any, that in the folder we are in;
    /// `package` is the name where a folder has several.
    pub fn instances(&self, arguments: &[String], package: Option<&str>) -> Result<Vec<Instance>, Failure> {
        let mut out = Vec::new();
        let here = [".".to_owned()];
        for argument in if arguments.is_empty() { &here } else { arguments } {
            self.instance(argument, package, &mut out).map_err(failure)?;
        }
        Ok(out)
    }

    fn instance(
        &self,
        argument: &str,
        package: Option<&str>,
        out: &mut Vec<Instance>,
    ) -> Result<(), Refusal> {
        let (path, name) = match argument.rsplit_once(':') {
            Some((path, name)) => (path, Some(name)),
            None => (argument, package),
        };
        if name.is_some_and(|n| n.is_empty() || n == "_") {
            return Err(Refusal::new(format!("{argument:?} names no package after its colon")));
        }
        let wanted = || name.map_or(Wanted::Only, |n| Wanted::Named(n.to_owned()));
        if let Some(start) = path.strip_suffix("...") {
            let start = if start.is_empty() { "." } else { start };
            let before = out.len();
            self.walk(&resolve(&self.here, start), name, out, 0)?;
            return match out.len() > before {
                true => Ok(()),
                false => Err(Refusal::new(format!("{argument:?} matches no package"))),
            };
        }
        let folder = resolve(&self.here, path);
        let relative = path.is_empty() || path.starts_with('.') || path.starts_with('/');
        let listed = self.files.list(&folder).map_err(Refusal::new)?;
        if !relative && listed.is_none() {
            return self.imported(argument, out);
        }
        let shown = self.shown_folder(&folder);
        let Some(choice) = self.choose(&folder, &wanted())? else {
            return Err(Refusal::new(format!("there is no folder {path:?}"))
                .hint("paths are relative to the folder that the command runs in"));
        };
        if choice.files.is_empty() {
            return Err(nothing(&shown, &choice, name));
        }
        out.push(Instance { folder: shown, package: choice.package, sources: choice.files });
        Ok(())
    }

    /// The package of an import path.
    fn imported(&self, argument: &str, out: &mut Vec<Instance>) -> Result<(), Refusal> {
        let first = argument.split(['/', ':']).next().unwrap_or("");
        let path = ImportPath::parse(argument)?;
        let found = match first.contains('.') {
            true => self.import(argument)?,
            false => None,
        };
        let Some(found) = found else {
            let refusal = Refusal::new(format!("there is no package and no file {argument:?}"));
            let known = self.importable();
            let near = crate::text::nearest(argument, known.iter().map(String::as_str)).map(str::to_owned);
            return Err(match near {
                Some(near) => refusal.hint(format!("did you mean {near:?}?")),
                None => refusal.hint("a folder is named by a path that begins with ./"),
            });
        };
        out.push(Instance {
            folder: argument.to_owned(),
            package: Some(path.package().to_owned()),
            sources: found.sources,
        });
        Ok(())
    }

    /// Every package below a folder.
    fn walk(
        &self,
        folder: &str,
        name: Option<&str>,
        out: &mut Vec<Instance>,
        depth: u32,
    ) -> Result<(), Refusal> {
        let Some(entries) = self.files.list(folder).map_err(Refusal::new)? else { return Ok(()) };
        let wanted = name.map_or(Wanted::Only, |n| Wanted::Named(n.to_owned()));
        if let Some(choice) = self.choose(folder, &wanted)?
            && !choice.files.is_empty()
        {
            out.push(Instance {
                folder: self.shown_folder(folder),
                package: choice.package,
                sources: choice.files,
            });
        }
        if out.len() > MOST_FILES || depth > 200 {
            return Err(Refusal::new(format!(
                "there are more than {MOST_FILES} packages, or folders deeper than 200"
            )));
        }
        for e in entries.iter().filter(|e| e.folder && !e.name.starts_with(['.', '_']) && e.name != "cue.mod")
        {
            let inner = join(folder, &e.name);
            // Another module is not part of this one.
            if self.files.list(&join(&inner, "cue.mod")).map_err(Refusal::new)?.is_none() {
                self.walk(&inner, name, out, depth + 1)?;
            }
        }
        Ok(())
    }

    fn shown_folder(&self, folder: &str) -> String {
        match self.files.shown(folder).as_str() {
            "" => ".".to_owned(),
            shown => shown.to_owned(),
        }
    }

    /// The files of a package in a folder, with those of the same package in the folders above it up to that of the module. `None` if there is
    /// no folder.
    pub(super) fn choose(&self, folder: &str, wanted: &Wanted) -> Result<Option<Choice>, Refusal> {
        let Some(mut choice) = self.files_in(folder, wanted)? else { return Ok(None) };
        let (Some(name), Some(module)) = (choice.package.clone(), &self.module) else {
            return Ok(Some(choice));
        };
        let inside =
            super::below(folder, &module.root).is_some_and(|p| p != "cue.mod" && !p.starts_with("cue.mod/"));
        if choice.files.is_empty() || !inside {
            return Ok(Some(choice));
        }
        let mut at = folder.to_owned();
        while at != module.root && at != "/" {
            at = parent(&at).to_owned();
            if let Some(above) = self.files_in(&at, &Wanted::Named(name.clone()))? {
                choice.files.extend(above.files);
            }
        }
        let key = |s: &Source| s.name.rsplit('/').next().unwrap_or(&s.name).to_owned();
        choice.files.sort_by_key(key);
        Ok(Some(choice))
    }

    fn files_in(&self, folder: &str, wanted: &Wanted) -> Result<Option<Choice>, Refusal> {
        let Some(entries) = self.files.list(folder).map_err(Refusal::new)? else { return Ok(None) };
        let mut found: Vec<(String, Source)> = Vec::new();
        let mut choice = Choice::default();
        let mut names: Vec<&str> = entries.iter().filter(|e| !e.folder).map(|e| e.name.as_str()).collect();
        names.sort_unstable();
        for name in names {
            if !name.ends_with(".cue") || name.starts_with(['.', '_']) {
                continue;
            }
            if found.len() > MOST_FILES {
                return Err(Refusal::new(format!(
                    "{} has more than {MOST_FILES} files",
                    self.shown_folder(folder)
                )));
            }
            let path = join(folder, name);
            let Some(source) = self.source(&path)? else { continue };
            if let Some(why) = self.excluded(&source)? {
                choice.excluded.push(format!("{name}: {why}"));
                continue;
            }
            match header(&source.text).package {
                Some(package) if package != "_" => found.push((package, source)),
                _ => choice.excluded.push(format!("{name}: it has no package clause")),
            }
        }
        let package = match wanted {
            Wanted::Named(name) => Some(name.clone()),
            Wanted::Only => {
                let first = found.first().map(|(p, s)| (p.clone(), s.name.clone()));
                if let Some((package, file)) = &first
                    && let Some((other, second)) = found.iter().find(|(p, _)| p != package)
                {
                    let message = format!(
                        "found packages {package:?} ({}) and {other:?} ({}) in {:?}",
                        base(file),
                        base(&second.name),
                        self.shown_folder(folder)
                    );
                    let shown = self.shown_folder(folder);
                    let shown = if shown == "." { shown } else { format!("./{shown}") };
                    return Err(
                        Refusal::new(message).hint(format!("choose one: {shown}:{package}, or -p {package}"))
                    );
                }
                first.map(|(package, _)| package)
            }
        };
        for (name, source) in found {
            match Some(&name) == package.as_ref() {
                true => choice.files.push(source),
                false => {
                    let file = base(&source.name);
                    choice.excluded.push(format!("{file}: its package is {name}"));
                    choice.other_packages.push(name);
                }
            }
        }
        choice.package = package;
        Ok(Some(choice))
    }

    /// Files given by their names: which of them count, and that they are of one package.
    pub fn given(&self, sources: Vec<Source>) -> Result<Instance, Failure> {
        self.given_files(sources).map_err(failure)
    }

    fn given_files(&self, sources: Vec<Source>) -> Result<Instance, Refusal> {
        let mut excluded = Vec::new();
        let mut out = Instance { folder: String::new(), package: None, sources: Vec::new() };
        let mut first = String::new();
        for source in sources {
            if let Some(why) = self.excluded(&source)? {
                excluded.push(format!("{}: {why}", base(&source.name)));
                continue;
            }
            if let Some(package) = header(&source.text).package.filter(|p| p != "_") {
                match &out.package {
                    Some(known) if *known != package => {
                        return Err(Refusal::new(format!(
                            "the files are of two packages, {known:?} ({first}) and {package:?} ({})",
                            source.name
                        )));
                    }
                    _ => {
                        first = source.name.clone();
                        out.package = Some(package);
                    }
                }
            }
            out.sources.push(source);
        }
        if out.sources.is_empty() && !excluded.is_empty() {
            return Err(Refusal::new(format!("every file is left out: {}", excluded.join("; "))));
        }
        Ok(out)
    }

    /// Why a file does not count, if it does not.
    fn excluded(&self, source: &Source) -> Result<Option<String>, Refusal> {
        let name = base(&source.name);
        for (suffix, why) in [("_tool.cue", "it is for tasks"), ("_test.cue", "it is for tests")] {
            if name.ends_with(suffix) {
                return Ok(Some(why.to_owned()));
            }
        }
        if !source.text.contains("@if") && !source.text.contains("@ignore") {
            return Ok(None);
        }
        let mut attributes = header(&source.text).attributes;
        attributes.retain(|(name, ..)| name == "ignore" || name == "if");
        let place = |at: usize| format!("{}:{}", source.name, source.text[..at].matches('\n').count() + 1);
        if attributes.iter().any(|(name, ..)| name == "ignore") {
            return Ok(Some("it says @ignore()".to_owned()));
        }
        if let Some((.., second)) = attributes.get(1) {
            return Err(Refusal::new(format!("{}: a file has one @if at most", place(second.start))));
        }
        if let Some((_, body, range)) = attributes.first() {
            let holds = condition(body, &|tag| self.tags.is_set(tag));
            if !holds.map_err(|e| Refusal::new(format!("{}: {e}", place(range.start))))? {
                return Ok(Some(format!("@if({}) does not hold", body.trim())));
            }
        }
        Ok(None)
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// That a folder has nothing to read, and why.
fn nothing(shown: &str, choice: &Choice, name: Option<&str>) -> Refusal {
    let place = if shown == "." { "this folder".to_owned() } else { shown.to_owned() };
    if choice.excluded.is_empty() {
        return Refusal::new(format!("there are no .cue files in {place}")).hint("name the files to read");
    }
    let what = name.map_or("a package".to_owned(), |n| format!("the package {n:?}"));
    let refusal =
        Refusal::new(format!("no file in {place} counts for {what}: {}", choice.excluded.join("; ")));
    let mut others = choice.other_packages.clone();
    others.sort();
    others.dedup();
    let near = name.and_then(|n| crate::text::nearest(n, others.iter().map(String::as_str)));
    match near {
        Some(near) => refusal.hint(format!("did you mean {near}?")),
        None if choice.excluded.iter().any(|e| e.ends_with("no package clause")) => {
            refusal.hint("name the files to read, or begin them with `package NAME`")
        }
        None => refusal,
    }
}
