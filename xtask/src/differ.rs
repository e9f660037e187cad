//! `cargo xtask differ`: small programs by chance, exported by the reference program and by this one. What does not come out the same is made as small as
//! it still differs, and shown. Needs the reference program, `cue`.
//!
//! `grammar.rs`, `themes.rs` and `forms.rs` make the programs, `program.rs` takes parts away from them. Both sides only have to agree on values and on what is refused, not on the
//! words of a refusal. Where a whole program is refused, each of its fields is asked for. Some of what is found are faults of the reference
//! (`tests/conformance/left.md` names those that are known), so this is to read and not a check that must pass.

mod forms;
mod grammar;
mod program;
mod themes;

use crate::process::{release, there_is};
use crate::{Result, root};
use grammar::Grammar;
use program::Part;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Compare this program with the reference on small programs made by chance
#[derive(Debug, clap::Args)]
pub(crate) struct Differ {
    /// Where the programs begin: the same seed makes the same programs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many programs
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// The reference program
    #[arg(long, default_value = "cue")]
    cue: PathBuf,
    /// This program; the release build without it
    #[arg(long)]
    bin: Option<PathBuf>,
    /// Show one program without comparing it
    #[arg(long)]
    show: bool,
}

/// Neither side takes longer for a small program, unless it hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// How many smaller programs are tried for one that differs.
const TRIES: usize = 1500;

/// What one side says to a program.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Value(serde_json::Value),
    Refused,
    /// It crashed or took too long.
    Broke,
}

/// How two answers differ, the reference's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    Broke,
    OtherValue,
    RefusedHere,
    RefusedThere,
}

impl Differ {
    pub(crate) fn run(&self) -> Result<()> {
        if self.show {
            println!("{}", source(&Grammar::program(self.seed)));
            return Ok(());
        }
        let cue = self.cue.to_string_lossy();
        if !there_is(&cue, &["version"]) {
            println!("differ: skipped, the reference program {cue:?} cannot be started (--cue)");
            return Ok(());
        }
        let bin = match &self.bin {
            Some(bin) => root().join(bin),
            None => release("stepwell")?,
        };
        let dir = tempfile::tempdir()?;
        let pair = Pair { cue: &self.cue, bin: &bin, dir: dir.path() };
        let mut counts: BTreeMap<Difference, u32> = BTreeMap::new();
        for seed in self.seed..self.seed.saturating_add(self.count) {
            let whole = Grammar::program(seed);
            let Some(how) = pair.difference(&whole)? else { continue };
            *counts.entry(how).or_default() += 1;
            let least = pair.shrink(whole, how)?;
            println!("--- seed {seed}: {}\n{}", how.told(), source(&least));
        }
        let found: u32 = counts.values().sum();
        println!("{} programs, {found} differ", self.count);
        for (how, n) in counts {
            println!("  {n} {}", how.told());
        }
        Ok(())
    }
}

impl Difference {
    fn told(self) -> &'static str {
        match self {
            Difference::Broke => "this program crashes or hangs",
            Difference::OtherValue => "the values differ",
            Difference::RefusedHere => "the reference has a value, this program refuses",
            Difference::RefusedThere => "this program has a value, the reference refuses",
        }
    }
}

/// Both programs and where they work.
struct Pair<'a> {
    cue: &'a Path,
    bin: &'a Path,
    dir: &'a Path,
}

impl Pair<'_> {
    /// How the two differ on a program, if they do.
    fn difference(&self, program: &Part) -> Result<Option<Difference>> {
        fs::write(self.dir.join("t.cue"), source(program))?;
        let whole = self.compare(&["export", "t.cue"])?;
        if whole.is_some() {
            return Ok(whole);
        }
        for name in program.names() {
            if let found @ Some(_) = self.compare(&["export", "-e", name, "t.cue"])? {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn compare(&self, args: &[&str]) -> Result<Option<Difference>> {
        let there = self.ask(self.cue, args)?;
        if there == Answer::Broke {
            return Ok(None);
        }
        let here = self.ask(self.bin, args)?;
        Ok(match (there, here) {
            (a, b) if a == b => None,
            (_, Answer::Broke) => Some(Difference::Broke),
            (Answer::Value(_), Answer::Value(_)) => Some(Difference::OtherValue),
            (Answer::Value(_), _) => Some(Difference::RefusedHere),
            _ => Some(Difference::RefusedThere),
        })
    }

    fn ask(&self, program: &Path, args: &[&str]) -> Result<Answer> {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("cannot start {}: {e}", program.display()))?;
        let out = child.stdout.take();
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            out.map(|mut out| out.read_to_end(&mut text));
            text
        });
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if start.elapsed() > LIMIT {
                child.kill()?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_micros(300));
        };
        let text = reader.join().unwrap_or_default();
        Ok(match status.and_then(|s| s.code()) {
            Some(0) => serde_json::from_slice(&text).map_or(Answer::Broke, Answer::Value),
            Some(1) => Answer::Refused,
            _ => Answer::Broke,
        })
    }

    /// The smallest program found that differs in the same way.
    fn shrink(&self, program: Part, how: Difference) -> Result<Part> {
        let mut least = program;
        let mut tries = 0;
        'smaller: loop {
            for other in least.simpler() {
                tries += 1;
                if tries > TRIES {
                    return Ok(least);
                }
                if source(&other).len() < source(&least).len() && self.difference(&other)? == Some(how) {
                    least = other;
                    continue 'smaller;
                }
            }
            return Ok(least);
        }
    }
}

/// The text of a file, with the imports that it needs.
fn source(program: &Part) -> String {
    let text = program.text();
    let used = ["list", "strings"].into_iter().filter(|p| text.contains(&format!("{p}.")));
    used.map(|p| format!("import \"{p}\"\n")).chain([text.clone()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_its_program_and_every_smaller_one_is_other() {
        for seed in 1..50 {
            let program = Grammar::program(seed);
            assert_eq!(program.text(), Grammar::program(seed).text());
            assert!(program.simpler().iter().all(|p| p.text() != program.text()), "{}", program.text());
        }
        assert_ne!(Grammar::program(1).text(), Grammar::program(2).text());
    }

    #[test]
    fn programs_can_be_read() {
        let bad = (1..300).filter(|seed| {
            let file = stepwell_lang::Source::new("t.cue", source(&Grammar::program(*seed)));
            let read = stepwell_lang::Program::compile(vec![file], &stepwell_lang::NoPackages);
            read.is_err_and(|e| e.diagnostics.iter().any(|d| d.code.as_str() == "syntax"))
        });
        let bad: Vec<String> = bad.map(|seed| source(&Grammar::program(seed))).collect();
        assert!(bad.is_empty(), "{}", bad.join("\n"));
    }
}
