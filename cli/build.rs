//! Links the program to a fixed place on Linux, as most programs for clusters are.
//!
//! A program that may lie anywhere has 59,000 addresses to adjust before it begins, in 250 pages: half of what a small evaluation takes
//! (docs/decisions/0003-memory.md). Its libraries, stack and heap still lie where nobody can guess.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
