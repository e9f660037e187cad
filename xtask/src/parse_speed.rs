//! `cargo xtask bench --parse`: the speed of the parser beside that of the reference implementation's, on the same texts, in turns. Needs Go.

use crate::process::{command, release, run, there_is};
use crate::{Result, root};
use std::process::Command;

/// How long each program parses in one turn.
const SECONDS: &str = "1";
const TURNS: usize = 3;

pub(crate) fn compare() -> Result<()> {
    if !there_is("go", &["version"]) {
        return Err("`go` is needed: the reference implementation is a Go module".into());
    }
    let folder = root().join("target").join("bench");
    std::fs::create_dir_all(&folder)?;
    let ours = release("stepwell-parse")?;
    let theirs = folder.join("reference-parse");
    let build = ["build", "-o", theirs.to_str().ok_or("the path of the workspace is not UTF-8")?, "."];
    run(command("go", &build).current_dir(root().join("tests/peers/go")))?;
    println!("{:<16} {:>9} {:>12} {:>12} {:>7}", "parse", "bytes", "ours MB/s", "theirs MB/s", "ratio");
    for name in ["services.cue", "data.json"] {
        let file = folder.join(name);
        run(Command::new(&ours).arg("--input").arg(&file))?;
        let (mut best, mut reference) = (0f64, 0f64);
        for _ in 0..TURNS {
            best = best.max(speed(Command::new(&ours).arg(&file).arg(SECONDS))?);
            reference = reference.max(speed(Command::new(&theirs).arg(&file).arg(SECONDS))?);
        }
        let bytes = std::fs::metadata(&file)?.len();
        println!("{name:<16} {bytes:>9} {best:>12.1} {reference:>12.1} {:>7.1}", best / reference);
    }
    Ok(())
}

fn speed(command: &mut Command) -> Result<f64> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
