//! The whole program, as a user meets it: each test runs the built binary in a folder of its own and compares what it prints, and its exit
//! status, with a snapshot. One module per topic; a new one is listed here. `INSTA_UPDATE=always cargo test -p stepwell --test program`
//! writes the snapshots anew: read the difference before committing it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod admission;
mod charts;
mod data;
mod definitions;
mod deploys;
mod diagnostics;
mod environments;
mod examples;
mod facts;
mod found;
mod garbage;
mod gate;
mod git;
mod help;
mod hostile;
mod import;
mod jobs;
mod language;
mod mistakes;
mod modules;
mod policies;
mod revisions;
mod runs;
mod sandbox;
mod saves;
mod secrets;
mod templates;
mod terminal;
mod workflows;

/// Every file of this folder is a module above: a forgotten one would never run.
#[test]
fn no_file_is_forgotten() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/program");
    let listed = include_str!("main.rs");
    for entry in std::fs::read_dir(dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(module) = name.strip_suffix(".rs").filter(|m| *m != "main") {
            assert!(listed.contains(&format!("mod {module};")), "{name} is not listed in main.rs");
        }
    }
}
