//! `cargo xtask conformance`: holds the release build against vectors recorded from the reference programs, and against what it
//! reached before (`tests/conformance/floors.toml`).
//!
//! The vectors lie outside the repository: in `CONFORMANCE_DIR`, else in `../shared/conformance` beside the workspace. Where they are
//! absent the command says so and passes.

use crate::process::release;
use crate::{Result, root};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Check the language, rendering and workflows against recorded vectors
#[derive(Debug, clap::Args)]
pub(crate) struct Conformance {
    /// Lift the floors to what was reached
    #[arg(long)]
    raise: bool,
    /// Show each failure
    #[arg(short, long)]
    verbose: bool,
    /// Only archives whose path has this text; floors are not looked at
    #[arg(long)]
    only: Option<String>,
}

/// A suite: the program that checks it, the folder with its vectors, and what its line of figures calls them.
struct Suite {
    check: &'static str,
    folder: &'static str,
    /// The words in the line of figures, and their names among the floors.
    figures: &'static [(&'static str, &'static str)],
}

const SUITES: &[Suite] = &[
    Suite {
        check: "check",
        folder: "cue",
        figures: &[
            ("archives", "archives"),
            ("leaves", "leaves"),
            ("export", "export"),
            ("field order", "field-order"),
            ("fmt", "fmt"),
            ("errors located", "errors-located"),
        ],
    },
    Suite { check: "check-render", folder: "kubevela", figures: &[("renderings", "render")] },
    Suite { check: "check-workflow", folder: "workflow", figures: &[("workflow runs agree", "workflow")] },
];

/// Floors and figures by name.
type Figures = BTreeMap<String, u64>;

impl Conformance {
    pub(crate) fn run(&self) -> Result<()> {
        let Some(dir) = vectors() else {
            println!("conformance: skipped, there are no vectors (set CONFORMANCE_DIR to their folder)");
            return Ok(());
        };
        let program = release("stepwell")?;
        let floors_file = root().join("tests/conformance/floors.toml");
        let floors = read_floors(&fs::read_to_string(&floors_file)?)?;
        let mut reached = Figures::new();
        let mut faults = Vec::new();
        for suite in SUITES {
            let line = self.check(suite, &dir, &program)?;
            println!("{}: {line}", suite.folder);
            let found = figures(&line, suite);
            if found.len() != suite.figures.len() {
                faults.push(format!("the line of {} does not have all figures", suite.check));
            }
            // A run that crashes or hangs does not agree; its suite does not count them apart.
            if suite.folder != "workflow" && !line.contains("crashes or hangs 0") {
                faults.push(format!("the program crashed or hung in {}", suite.folder));
            }
            reached.extend(found);
        }
        if self.only.is_some() {
            return Ok(());
        }
        for (name, have) in &reached {
            match floors.get(name) {
                Some(floor) if have < floor => faults.push(format!("{name} fell from {floor} to {have}")),
                Some(floor) if have > floor => println!("{name}: {have}, above its floor of {floor}"),
                Some(_) => {}
                None => println!("{name}: {have}, without a floor"),
            }
        }
        if self.raise {
            let lifted = lift(&floors, &reached);
            fs::write(&floors_file, write_floors(&lifted))?;
            println!("floors written to {}", floors_file.display());
        }
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
    }

    /// Runs a suite and gives its line of figures.
    fn check(&self, suite: &Suite, dir: &Path, program: &Path) -> Result<String> {
        let mut command = Command::new(dir.join(suite.check));
        command.arg("--bin").arg(program);
        if self.verbose {
            command.arg("-v");
        }
        if let Some(only) = &self.only {
            command.args(["--only", only]);
        }
        let output = command.arg(dir.join(suite.folder)).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.trim_end().lines().last().unwrap_or("").to_owned();
        if self.verbose {
            print!("{text}");
        }
        // 1 means that not everything passes, which is for the floors to judge.
        match output.status.code() {
            Some(0 | 1) if !last.is_empty() => Ok(last),
            _ => {
                Err(format!("{} could not run: {}", suite.check, String::from_utf8_lossy(&output.stderr))
                    .into())
            }
        }
    }
}

/// The folder of the vectors.
pub(crate) fn vectors() -> Option<PathBuf> {
    let dir = match std::env::var_os("CONFORMANCE_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => root().join("../shared/conformance"),
    };
    dir.join("check").is_file().then_some(dir)
}

/// Picks the figures (`NAME 12/34`) out of a line.
fn figures(line: &str, suite: &Suite) -> Figures {
    let find = |(words, name): &(&str, &str)| {
        let rest = line.split(words).nth(1)?.trim_start();
        let count = rest.split('/').next()?.parse().ok()?;
        Some(((*name).to_owned(), count))
    };
    suite.figures.iter().filter_map(find).collect()
}

/// Floors only go up.
fn lift(floors: &Figures, reached: &Figures) -> Figures {
    let mut lifted = floors.clone();
    for (name, have) in reached {
        let floor = lifted.entry(name.clone()).or_default();
        *floor = (*floor).max(*have);
    }
    lifted
}

fn read_floors(text: &str) -> Result<Figures> {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let floor = |line: &str| {
        let (name, count) = line.split_once('=').ok_or_else(|| format!("floors.toml: no '=' in {line:?}"))?;
        let count = count.trim().parse().map_err(|e| format!("floors.toml: {line:?}: {e}"))?;
        Ok((name.trim().to_owned(), count))
    };
    lines.map(floor).collect()
}

fn write_floors(floors: &Figures) -> String {
    let mut text = String::from(
        "# How many of the recorded vectors come out right, at least. A fall fails `cargo xtask conformance`;\n\
         # `cargo xtask conformance --raise` lifts these to what was reached. Never lower one without saying why here.\n",
    );
    for (name, count) in floors {
        text.push_str(&format!("{name} = {count}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "archives 3/316 (0.9%)  leaves 120/14000 (0.9%)  export 100/316  field order 2/3  fmt 7/300  \
                        errors located 9/88  crashes or hangs 0  in 3 s";

    #[test]
    fn a_line_of_figures_is_read() {
        let found = figures(LINE, &SUITES[0]);
        assert_eq!(found.len(), 6);
        assert_eq!((found["archives"], found["field-order"], found["errors-located"]), (3, 2, 9));
        assert!(figures("no figures here", &SUITES[0]).is_empty());
    }

    #[test]
    fn floors_go_up_and_survive_a_round() {
        let floors = read_floors("# words\nleaves = 100\nfmt = 9\n").unwrap();
        let lifted = lift(&floors, &figures(LINE, &SUITES[0]));
        assert_eq!((lifted["leaves"], lifted["fmt"]), (120, 9));
        assert_eq!(read_floors(&write_floors(&lifted)).unwrap(), lifted);
        assert!(read_floors("leaves").is_err());
    }
}
