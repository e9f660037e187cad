//! `cargo xtask api-suite`: the suite of API requests (`tests/api-suite`) against a server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use stepwell_api_suite::case::{self, Group};
use stepwell_api_suite::compare::{self, Known, Report};
use stepwell_api_suite::{data_dir, record, run};

use crate::Result;
use crate::plane::{self, Plane};

/// How long a change may take to show on a server that also has other things to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// What to do with the suite.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiSuite {
    /// Record what a real API server answers (needs Go) as what is expected.
    Record {
        /// Only these groups (the names of the files in `cases/`); all by default.
        groups: Vec<String>,
        /// Ask this server instead of one started for the purpose.
        #[arg(long)]
        kubeconfig: Option<PathBuf>,
    },
    /// Run against a server and show where it differs from what was recorded.
    Run {
        /// Only these groups; all by default.
        groups: Vec<String>,
        /// The server.
        #[arg(long)]
        kubeconfig: PathBuf,
    },
}

impl ApiSuite {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Record { groups, kubeconfig: Some(kubeconfig) } => record_from(&kubeconfig, &groups),
            Self::Record { groups, kubeconfig: None } => {
                let binary = plane::build()?.ok_or("recording needs Go, which is not installed")?;
                let plane = Plane::start(&binary)?;
                record_from(plane.kubeconfig(), &groups)
            }
            Self::Run { groups, kubeconfig } => {
                let report = run_against(&kubeconfig, &groups, &compare::known(&data_dir())?)?;
                show(&report);
                let outcome = format!("{} passed, {} failed", report.passed.len(), report.failed.len());
                println!("{outcome}");
                if report.failed.is_empty() { Ok(()) } else { Err(outcome.into()) }
            }
        }
    }
}

fn record_from(kubeconfig: &Path, names: &[String]) -> Result<()> {
    let dir = data_dir();
    runtime()?.block_on(async {
        let client = client(kubeconfig).await?;
        for group in chosen(names)? {
            record::save(&dir, &group, &run::run(&client, &group, PATIENCE).await?)?;
            println!("recorded {} ({} cases)", group.name, group.cases.len());
        }
        Ok(())
    })
}

/// Runs the suite against the server of `kubeconfig` and holds it against what was recorded.
pub(crate) fn run_against(kubeconfig: &Path, names: &[String], known: &[Known]) -> Result<Report> {
    let dir = data_dir();
    runtime()?.block_on(async {
        let client = client(kubeconfig).await?;
        let (mut cases, mut differences) = (Vec::new(), Vec::new());
        for group in chosen(names)? {
            let actual = run::run(&client, &group, PATIENCE).await?;
            differences.extend(compare::compare(&record::load(&dir, &group)?, &actual));
            cases.extend(actual.into_keys());
        }
        Ok(compare::sort(&cases, differences, known))
    })
}

/// Prints the new differences and the entries of the list that are no longer needed.
pub(crate) fn show(report: &Report) {
    for difference in &report.new {
        println!("{difference}\n");
    }
    for entry in &report.stale {
        println!("no longer differs, remove it from known-differences.yaml: {} {}", entry.case, entry.path);
    }
}

/// The groups of these names, which must exist; all, where none is named.
fn chosen(names: &[String]) -> Result<Vec<Group>> {
    let mut groups = case::load(&data_dir())?;
    for name in names {
        if !groups.iter().any(|group| group.name == *name) {
            let known: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
            return Err(format!("no group `{name}`; there are {}", known.join(", ")).into());
        }
    }
    groups.retain(|group| names.is_empty() || names.contains(&group.name));
    Ok(groups)
}

/// A client for the current context of a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    let config = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
