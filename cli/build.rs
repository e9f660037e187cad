//! Links the program to a fixed place on Linux, as most programs for clusters are, with what unwinds the stack in it.
//!
//! A program that may lie anywhere has 59,000 addresses to adjust before it begins, in 250 pages: half of what a small evaluation takes
//! (docs/decisions/0003-memory.md). Its libraries, stack and heap still lie where nobody can guess.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
        unwinder();
    }
}

/// Takes what unwinds the stack into the program, where the compiler has it as an archive: a library less to find, map and bind at each start.
fn unwinder() {
    const ARCHIVE: &str = "libgcc_eh.a";
    // The compiler that is asked is the one of this machine.
    if std::env::var("HOST") != std::env::var("TARGET") {
        return;
    }
    let Ok(found) = Command::new("cc").arg(format!("-print-file-name={ARCHIVE}")).output() else { return };
    let found = String::from_utf8_lossy(&found.stdout);
    // The name comes back as it is where there is no such file.
    if let Some(folder) = Path::new(found.trim()).parent().filter(|f| f.is_absolute()) {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
