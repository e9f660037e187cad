//! The recorded vectors, for tests: archives in the folder that `CONFORMANCE_DIR` names (default `../shared/conformance` beside the workspace). Where it
//! is absent the tests that want them pass and say so.

#[path = "../../tests/conformance/archive.rs"]
mod archive;

pub(crate) use archive::sections;
use std::path::{Path, PathBuf};

/// Where the vectors are, if they are there.
fn folder() -> Option<PathBuf> {
    let dir = std::env::var_os("CONFORMANCE_DIR")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"));
    let dir = dir.join("cue");
    dir.is_dir().then_some(dir)
}

/// The folder and the archives in it, if they are there.
pub(crate) fn archives() -> Option<(PathBuf, Vec<PathBuf>)> {
    let Some(dir) = folder() else {
        eprintln!("skipped: no conformance vectors; set CONFORMANCE_DIR");
        return None;
    };
    let mut paths = Vec::new();
    collect(&dir, &mut paths);
    paths.sort();
    Some((dir, paths))
}

fn collect(dir: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|e| e.path()) {
        if path.is_dir() {
            collect(&path, out);
        } else if path.extension().is_some_and(|e| e == "txtar") {
            out.push(path);
        }
    }
}
