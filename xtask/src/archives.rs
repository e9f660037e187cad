//! `cargo xtask bench --archives`: the archives that are made to be slow, beside the reference implementation, as whole processes in one run.
//!
//! They lie in `CONFORMANCE_DIR/cue/lang/benchmarks`; where they are absent the command says so and passes. Both programs must end alike.

use crate::archive;
use crate::conformance::vectors;
use crate::peers::{least, reference, there_is_none};
use crate::process::release;
use crate::{Result, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How often each archive is measured.
const RUNS: usize = 10;

/// How many times as fast we want to be, in the geometric mean.
const AIM: f64 = 5.0;

pub(crate) fn compare() -> Result<()> {
    let Some(folder) = vectors().map(|dir| dir.join("cue/lang/benchmarks")).filter(|dir| dir.is_dir()) else {
        println!("skipped, there are no archives (set CONFORMANCE_DIR to the folder of the vectors)");
        return Ok(());
    };
    let ours = release("stepwell")?;
    let Some(reference) = reference() else {
        there_is_none();
        return Ok(());
    };
    let mut archives: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<std::io::Result<_>>()?;
    archives.retain(|path| path.extension().is_some_and(|e| e == "txtar"));
    archives.sort();
    println!(
        "{:<20} {:>8} {:>7}  {:>8} {:>7}  {:>6} {:>6}",
        "archive", "ms", "MB", "cue ms", "MB", "time", "memory"
    );
    let mut ratios = Vec::new();
    for archive in archives {
        let name = archive.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = root().join("target/bench-archives").join(&name);
        let files = unpack(&fs::read_to_string(&archive)?, &folder)?;
        let export = |program: &Path| {
            let mut command = Command::new(program);
            command.arg("export").args(&files).current_dir(&folder);
            least(&mut command, &folder.join("output"), RUNS)
        };
        let ((mine, my_end), (theirs, end)) = (export(&ours)?, export(&reference)?);
        if my_end.success() != end.success() {
            return Err(format!("{name}: the reference ends with {end}, we with {my_end}").into());
        }
        let ratio = theirs.millis() / mine.millis();
        ratios.push(ratio);
        println!(
            "{name:<20} {:>8.1} {:>7.1}  {:>8.1} {:>7.1}  {ratio:>5.1}x {:>5.1}x",
            mine.millis(),
            mine.megabytes(),
            theirs.millis(),
            theirs.megabytes(),
            theirs.megabytes() / mine.megabytes()
        );
    }
    let mean = (ratios.iter().map(|r| r.ln()).sum::<f64>() / ratios.len().max(1) as f64).exp();
    let slower = ratios.iter().filter(|r| **r < 1.0).count();
    println!(
        "geometric mean {mean:.1}x (aim: {AIM}x), slower than the reference: {slower} of {} (aim: none)",
        ratios.len()
    );
    Ok(())
}

/// Writes the files of an archive that are not in a folder; gives the names of those of the language.
fn unpack(text: &str, folder: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let (_, mut files) = archive::sections(text);
    files.retain(|(name, _)| name.ends_with(".cue") && !name.contains('/'));
    for (name, body) in &files {
        fs::write(folder.join(name), body)?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_files_of_the_language_are_unpacked() {
        let folder = root().join("target/bench-archives/test");
        let text = "status: ok\n-- a.cue --\na: 1\n-- expect/fmt/a.cue --\na: 2\n-- b.json --\n{}\n";
        assert_eq!(unpack(text, &folder).unwrap(), ["a.cue"]);
        assert_eq!(fs::read_to_string(folder.join("a.cue")).unwrap(), "a: 1\n");
    }
}
