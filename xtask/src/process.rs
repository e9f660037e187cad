//! Running other programs, for all commands.

use crate::{Result, root};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A command in the folder of the workspace. What cargo says of this program itself is not passed on: build scripts that look at it (that of
/// `ring`) would build all that depends on them again, each time a command of a shell and one of ours take turns.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end, its output shown as it comes; fails where it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    let status = command.status().map_err(|e| format!("cannot start {shown}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}").into()) }
}

/// `go build` in a folder of the repository, with these flags for the linker; the file or folder to write and the packages follow. The installed toolchain
/// builds: nothing else is fetched than the modules of go.sum.
pub(crate) fn go_build(folder: &str, flags: &str) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(crate::root().join(folder))
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=readonly")
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o"]);
    command
}

/// Whether a program can be started.
pub(crate) fn there_is(program: &str, args: &[&str]) -> bool {
    let quiet = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|s| s.success())
}

/// Builds the release of a program of the workspace, and says where it is. All are built with the features that the whole workspace selects
/// (`--bin`, not `--package`), so that what they have in common is built once.
pub(crate) fn release(name: &str) -> Result<PathBuf> {
    run(&mut command("cargo", &["build", "--release", "--locked", "--quiet", "--bin", name]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(root().join(target).join("release").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The README begins with `cargo run --release -- run ...`: cargo must know which of the programs is meant.
    #[test]
    fn cargo_run_is_the_program() {
        let output = command(env!("CARGO"), &["metadata", "--no-deps", "--offline", "--format-version=1"])
            .output()
            .unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap();
        let default: Vec<_> = packages.iter().filter_map(|p| p["default_run"].as_str()).collect();
        assert_eq!(default, ["stepwell"]);
    }
}
