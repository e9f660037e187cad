//! Which cluster a command works on: the one of a kubeconfig, or the embedded one of a state directory. Both are a `kube::Client`, and no
//! command knows which it has got.

use crate::STACK;
use crate::error::{Error, Problem};
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stepwell_cluster::{Options, Session};
use stepwell_runtime::ops::support::objects::innermost;

/// How long a cluster may take to answer the first time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs asynchronous work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build();
    let runtime = runtime.map_err(|e| Error::mistake("io", format!("cannot start threads: {e}")))?;
    let done = runtime.block_on(work);
    // What is left over must not keep the program from ending.
    runtime.shutdown_timeout(Duration::from_millis(100));
    done
}

/// The arguments that choose a cluster.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Work on the cluster of this kubeconfig instead of the embedded one
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    kubeconfig: Option<PathBuf>,
    /// Where the embedded cluster keeps its objects [default: stepwell in the user's data directory]
    #[arg(
        long,
        value_name = "DIR",
        env = "STEPWELL_STATE",
        hide_env_values = true,
        help_heading = "Cluster"
    )]
    state: Option<PathBuf>,
    /// The namespace, where the objects themselves do not say [default: that of the kubeconfig, or `default`]
    #[arg(short, long, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) namespace: Option<String>,
}

/// A cluster to work on.
pub(crate) struct Connection {
    /// The way to it.
    pub(crate) client: Client,
    /// The namespace to work in.
    pub(crate) namespace: String,
    /// How people know it: an address or a folder.
    pub(crate) name: String,
    session: Option<Session>,
}

impl Connection {
    /// Whether this is the embedded cluster.
    pub(crate) fn is_embedded(&self) -> bool {
        self.session.is_some()
    }

    /// Ends the connection; the embedded cluster is put to rest.
    pub(crate) async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}

impl Target {
    /// Whether the cluster is the embedded one.
    pub(crate) fn is_embedded(&self) -> bool {
        self.kubeconfig.is_none()
    }

    /// Whether the cluster is one that nobody has worked on yet.
    pub(crate) fn is_new(&self) -> bool {
        self.is_embedded() && self.state_dir().is_ok_and(|dir| !dir.exists())
    }

    /// Connects, and makes sure that somebody answers.
    pub(crate) async fn connect(&self) -> Result<Connection, Error> {
        match &self.kubeconfig {
            Some(file) => self.real(file.clone()).await,
            None => self.embedded().await,
        }
    }

    /// The folder of the embedded cluster.
    pub(crate) fn state_dir(&self) -> Result<PathBuf, Error> {
        let given = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        self.state
            .clone()
            .filter(|dir| !dir.as_os_str().is_empty())
            .or_else(|| Some(given("XDG_DATA_HOME").filter(|d| d.is_absolute())?.join("stepwell")))
            .or_else(|| Some(given("HOME")?.join(".local/share/stepwell")))
            .ok_or_else(|| {
                Error::mistake("io", "there is no folder for the embedded cluster")
                    .hint("choose one with --state DIR")
            })
    }

    async fn embedded(&self) -> Result<Connection, Error> {
        let dir = self.state_dir()?;
        let options = Options { rules: rules(&dir)?, ..Options::default() };
        let session = Session::open(&dir, options).await?;
        Ok(Connection {
            client: session.client(),
            namespace: self.namespace.clone().unwrap_or_else(|| "default".into()),
            name: dir.display().to_string(),
            session: Some(session),
        })
    }

    async fn real(&self, file: PathBuf) -> Result<Connection, Error> {
        let wrong = |e: &dyn std::fmt::Display| {
            let message = format!("the kubeconfig {} cannot be used: {e}", file.display());
            Error::mistake("kubeconfig", message)
        };
        if let Err(e) = std::fs::metadata(&file) {
            return Err(Error::file(&file, "read", &e));
        }
        let kubeconfig = Kubeconfig::read_from(&file).map_err(|e| wrong(&e))?;
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| wrong(&e))?;
        config.connect_timeout = Some(PATIENCE / 2);
        let address = config.cluster_url.to_string();
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|e| wrong(&e))?;
        match tokio::time::timeout(PATIENCE, client.apiserver_version()).await {
            Ok(Ok(_)) => Ok(Connection { client, namespace, name: address, session: None }),
            Ok(Err(e)) => Err(unreachable(&address, &e)),
            Err(_) => Err(silent(&address, &format!("no answer in {} s", PATIENCE.as_secs()))),
        }
    }
}

/// The user's own rules for the status of simulated workloads: `rules.yaml` in the state directory.
fn rules(dir: &Path) -> Result<Option<String>, Error> {
    let file = dir.join("rules.yaml");
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text)),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(e) => Err(Error::file(&file, "read", &e)),
    }
}

/// A cluster that could not be asked.
fn unreachable(address: &str, e: &kube::Error) -> Error {
    match e {
        kube::Error::Api(_) => Error::from_kube(e),
        _ => silent(address, &innermost(e).to_lowercase()),
    }
}

fn silent(address: &str, why: &str) -> Error {
    Problem {
        code: "unreachable".into(),
        message: format!("the cluster at {address} cannot be reached: {why}"),
        hint: Some(
            "check the server's address in the kubeconfig, that it runs, and that your network leads to it"
                .into(),
        ),
        ..Problem::default()
    }
    .into()
}
