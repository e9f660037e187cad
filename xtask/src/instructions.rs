//! `cargo xtask bench --instructions`: how many instructions fixed work takes, counted by callgrind, against what it took before
//! (`tests/instructions/ceilings.toml`). Unlike times, these figures are the same on a busy machine, so that a small loss shows.

use crate::process::{release, there_is};
use crate::{Result, root};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The kinds of work that `tests/instructions` knows.
const WORK: [&str; 4] = ["parse", "format", "evaluate", "render"];

/// How much more than before is a regression.
const TOLERANCE: f64 = 0.05;

/// Whether instructions can be counted here; else why not.
pub(crate) fn possible() -> std::result::Result<(), &'static str> {
    match there_is("valgrind", &["--version"]) {
        _ if !cfg!(target_arch = "x86_64") => Err("the figures are those of x86_64"),
        true => Ok(()),
        false => Err("valgrind is not installed"),
    }
}

/// Counts, prints and judges; with `record`, what is reached becomes the measure.
pub(crate) fn run(record: bool) -> Result<()> {
    possible()?;
    let program = release("stepwell-instructions")?;
    let file = root().join("tests/instructions/ceilings.toml");
    let before = read(&fs::read_to_string(&file)?)?;
    let mut now = BTreeMap::new();
    let mut faults = Vec::new();
    println!("{:<10} {:>14} {:>14}  change", "work", "instructions", "before");
    for work in WORK {
        // What is done once, at the start, falls out of the difference.
        let (few, many) = (count(&program, work, 1)?, count(&program, work, 4)?);
        let each = many.saturating_sub(few) / 3;
        now.insert(work.to_owned(), each);
        match before.get(work) {
            Some(ceiling) => {
                let change = each as f64 / *ceiling as f64 - 1.0;
                println!("{work:<10} {each:>14} {ceiling:>14}  {:+.1}%", 100.0 * change);
                if change > TOLERANCE {
                    faults.push(format!("{work} takes {:.1}% more instructions than before", 100.0 * change));
                }
            }
            None => {
                println!("{work:<10} {each:>14} {:>14}", "-");
                faults.push(format!("{work} has no line in ceilings.toml"));
            }
        }
    }
    if record {
        fs::write(&file, write(&now))?;
        println!("written to {}", file.display());
        return Ok(());
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!("{}; `--record` after saying why in the commit", faults.join("; ")).into()),
    }
}

/// The instructions of one process.
fn count(program: &Path, work: &str, times: u32) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    let output = command.args([work, &times.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let found = collected(&text).filter(|_| output.status.success());
    found.ok_or_else(|| format!("{work} could not be counted: {text}").into())
}

/// The figure in the report of callgrind: `==1== Collected : 123`.
fn collected(report: &str) -> Option<u64> {
    report.lines().find_map(|l| l.split("Collected :").nth(1)?.trim().parse().ok())
}

fn read(text: &str) -> Result<BTreeMap<String, u64>> {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let one = |line: &str| {
        let (name, count) =
            line.split_once('=').ok_or_else(|| format!("ceilings.toml: no '=' in {line:?}"))?;
        let count = count.trim().parse().map_err(|e| format!("ceilings.toml: {line:?}: {e}"))?;
        Ok((name.trim().to_owned(), count))
    };
    lines.map(one).collect()
}

fn write(figures: &BTreeMap<String, u64>) -> String {
    let mut text = String::from(
        "# The instructions that each kind of work takes; 5% more fails `cargo xtask bench --instructions`, whose `--record` writes\n\
         # what was reached. Record a gain at once, and a loss only with its reason in the commit.\n",
    );
    for (name, count) in figures {
        text.push_str(&format!("{name} = {count}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_read() {
        let report = "==7== Events    : Ir\n==7== Collected : 4711\n==7==\n==7== I   refs:      4,711\n";
        assert_eq!(collected(report), Some(4711));
        assert_eq!(collected("==7== no figures\n"), None);
    }

    #[test]
    fn figures_survive_a_round() {
        let figures = BTreeMap::from([("parse".to_owned(), 12), ("render".to_owned(), 7)]);
        assert_eq!(read(&write(&figures)).unwrap(), figures);
        assert!(read("parse 12").is_err());
    }

    #[test]
    fn all_work_has_its_ceiling() {
        let figures =
            read(&fs::read_to_string(root().join("tests/instructions/ceilings.toml")).unwrap()).unwrap();
        assert_eq!(figures.keys().map(String::as_str).collect::<Vec<_>>(), {
            let mut all = WORK.to_vec();
            all.sort_unstable();
            all
        });
    }
}
