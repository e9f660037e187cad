//! Writes the lists of files that are built into the program: the definitions in `defs/` and the packages in `stdlib/`.
//!
//! A new file in either folder needs nothing else. The lists are sorted, so builds are reproducible.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for folder in ["defs", "stdlib"] {
        let mut files = Vec::new();
        collect(&root.join(folder), folder, &mut files)?;
        files.sort();
        let mut text = String::from("&[\n");
        for (name, path) in files {
            let _ = writeln!(text, "    ({name:?}, include_str!({path:?})),");
        }
        text.push_str("]\n");
        fs::write(out.join(format!("{folder}.rs")), text)?;
    }
    Ok(())
}

/// All `.cue` files below a folder, as (name from the root of the repository, path). A folder that is not there is empty.
fn collect(dir: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", dir.display());
    if !dir.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(file) = path.file_name().and_then(|f| f.to_str()) else { continue };
        let name = format!("{name}/{file}");
        if path.is_dir() {
            collect(&path, &name, files)?;
        } else if file.ends_with(".cue") {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push((name, path.canonicalize()?));
        }
    }
    Ok(())
}
