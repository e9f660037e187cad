//! `.proto` files as files of the language, with all files that they import.

use super::{Arguments, Target};
use crate::disk::Disk;
use crate::error::Error;
use crate::inputs::{read_bytes, undecodable};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use stepwell_lang::encode::DecodeError;
use stepwell_lang::encode::protobuf::{ProtoFile, definitions};
use stepwell_lang::load::{Loader, Module, Tags};
use stepwell_lang::source::Source;

/// How many files one import may reach.
const MANY: usize = 10_000;

/// What the files become. Each is written beside itself; one that is imported and lies outside of the module, to where packages of others are found.
pub(super) fn targets(args: &Arguments, inputs: &[PathBuf]) -> Result<Vec<Target>, Error> {
    let disk = Disk::new().map_err(|e| Error::file(Path::new("."), "read", &e))?;
    let loader = Loader::new(&disk, &disk.here(), Tags::default())?;
    let module = loader.module();
    let root = module.map(|m| PathBuf::from(&m.root));
    let roots: Vec<PathBuf> = args.proto_path.iter().cloned().chain(root.clone()).collect();
    let mut found = Found { module, files: BTreeMap::new(), places: BTreeMap::new(), problems: Vec::new() };
    let mut wanted: Vec<(String, PathBuf)> = Vec::new();
    for input in inputs {
        let name = roots.iter().find_map(|root| relative(root, input));
        wanted.push((name.unwrap_or_else(|| input.display().to_string()), input.clone()));
    }
    let given: Vec<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
    while let Some((name, path)) = wanted.pop() {
        if found.files.contains_key(&name) {
            continue;
        }
        if found.files.len() == MANY {
            return Err(Error::mistake("proto", format!("more than {MANY} files are imported")));
        }
        let Some(file) = found.read(&name, &path)? else { continue };
        for import in file.imports() {
            let inside = Path::new(import).components().all(|c| matches!(c, Component::Normal(_)));
            let paths = || roots.iter().map(|root| root.join(import));
            match paths().find(|p| inside && p.is_file()) {
                Some(path) => {
                    // As it is shown from here.
                    let near =
                        path.strip_prefix(disk.here()).map_or_else(|_| path.clone(), Path::to_path_buf);
                    wanted.push((import.to_owned(), near));
                }
                None => {
                    let why = format!("cannot find {import:?}: it is looked for in {}", shown(&roots));
                    found.mistaken(&name, &[file.missing(import, &why)]);
                }
            }
        }
        found.files.insert(name, file);
    }
    if found.problems.is_empty() { found.written(args, &given) } else { Err(found.problems.into()) }
}

/// What was read so far.
struct Found<'m> {
    module: Option<&'m Module>,
    files: BTreeMap<String, ProtoFile>,
    /// Where each lies, and its text.
    places: BTreeMap<String, (PathBuf, Source)>,
    problems: Vec<crate::error::Problem>,
}

impl Found<'_> {
    fn mistaken(&mut self, name: &str, mistakes: &[DecodeError]) {
        if let Some((_, source)) = self.places.get(name) {
            self.problems.extend(mistakes.iter().flat_map(|e| undecodable(source, e).problems));
        }
    }

    fn read(&mut self, name: &str, path: &Path) -> Result<Option<ProtoFile>, Error> {
        let (shown, bytes) = read_bytes(path)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let file = ProtoFile::read(&text);
        self.places.insert(name.to_owned(), (path.to_owned(), Source::new(shown, text)));
        Ok(match file {
            // Packages of the module are imported by its path.
            Ok(file) => Some(match self.in_module(path) {
                Some(import_path) => file.at(import_path),
                None => file,
            }),
            Err(e) => {
                self.mistaken(name, &[e]);
                None
            }
        })
    }

    /// The import path of the folder that a file of the module lies in.
    fn in_module(&self, path: &Path) -> Option<String> {
        let module = self.module.filter(|m| !m.path.is_empty())?;
        let folder = relative(Path::new(&module.root), path.parent()?)?;
        let slash = if folder.is_empty() { "" } else { "/" };
        Some(format!("{}{slash}{folder}", module.path))
    }

    fn written(mut self, args: &Arguments, given: &[String]) -> Result<Vec<Target>, Error> {
        let mut out = Vec::new();
        let names: Vec<String> = self.files.keys().cloned().collect();
        for name in names {
            let file = match definitions(&name, &self.files, args.proto_enum.into()) {
                Ok(file) => file,
                Err(mistakes) => {
                    self.mistaken(&name, &mistakes);
                    continue;
                }
            };
            let (Some(proto), Some((path, _))) = (self.files.get(&name), self.places.get(&name)) else {
                continue;
            };
            let package = args.package.clone().filter(|_| given.contains(&name)).or_else(|| proto.package());
            let Some(package) = package else {
                let message = format!("{} does not say of what package it is", path.display());
                return Err(Error::mistake("proto", message).hint("give its package: --package NAME"));
            };
            let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            let own = format!("{stem}_proto_gen.cue");
            let outside = self.module.filter(|_| !given.contains(&name) && self.in_module(path).is_none());
            let path = match outside {
                Some(module) => {
                    Path::new(&module.root).join("cue.mod/gen").join(proto.import_path()).join(own)
                }
                None => path.with_file_name(own),
            };
            out.push(Target { path, package: Some(package), file });
        }
        if self.problems.is_empty() { Ok(out) } else { Err(self.problems.into()) }
    }
}

/// The path of a file below a folder, with slashes.
fn relative(folder: &Path, file: &Path) -> Option<String> {
    let (folder, file) = (std::path::absolute(folder).ok()?, std::path::absolute(file).ok()?);
    let below = file.strip_prefix(folder).ok()?;
    Some(below.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
}

fn shown(roots: &[PathBuf]) -> String {
    match roots {
        [] => "no folder; -I names one, and the folder of a module is one".to_owned(),
        roots => roots.iter().map(|r| r.display().to_string()).collect::<Vec<_>>().join(", "),
    }
}
