//! Programs that steps of some types run and that tests need: `helm` and `kustomize`, built with Go from the modules that `tests/tools/go.mod` names.

use crate::process::{go_build, there_is};
use crate::{Result, root};
use std::path::PathBuf;

const PACKAGES: [&str; 2] = ["helm.sh/helm/v3/cmd/helm", "sigs.k8s.io/kustomize/kustomize/v5"];

/// Builds them and gives the folder that they are in, for PATH; none where Go is not installed.
pub(crate) fn build() -> Result<Option<PathBuf>> {
    if !there_is("go", &["version"]) {
        return Ok(None);
    }
    let dir = root().join("target/tools");
    std::fs::create_dir_all(&dir)?;
    let mut target = dir.clone().into_os_string();
    target.push("/");
    let status = go_build("tests/tools", "-s -w").arg(target).args(PACKAGES).status()?;
    if status.success() { Ok(Some(dir)) } else { Err("the tools do not build".into()) }
}

/// `cargo xtask tools`: builds them, and says where they are.
pub(crate) fn run() -> Result<()> {
    let dir = build()?.ok_or("the tools need Go, which is not installed")?;
    println!("export PATH={}:$PATH", dir.display());
    Ok(())
}
