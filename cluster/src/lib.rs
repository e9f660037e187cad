//! A Kubernetes API in one process: a tower service behind [`kube::Client`], on an embedded database.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use stepwell_cluster::{EmbeddedCluster, Options};
//!
//! let cluster = EmbeddedCluster::open("state".as_ref(), Options::default()).await?;
//! let configs: kube::Api<ConfigMap> = kube::Api::namespaced(cluster.client(), "default");
//! configs.create(&Default::default(), &ConfigMap {
//!     metadata: kube::core::ObjectMeta { name: Some("settings".into()), ..Default::default() },
//!     ..Default::default()
//! }).await?;
//! # Ok(()) }
//! ```
//!
//! **What it is.** The kinds in the table of `kinds.rs`, custom kinds as soon as they are defined, and those of
//! core.oam.dev from the start; create, get, list, replace, all four patches, delete, delete of collections and watch;
//! `status` and `scale`; discovery, tables and OpenAPI as kubectl asks for them. One suite of requests
//! (`tests/api-suite`) is answered by this server as by a real one, but for the differences listed there.
//!
//! **What it is not.** It runs no containers: the status of workloads follows rules (`rules/default.yaml`), which
//! [`Options::rules`] and annotations on objects can change. Deployments and the like make neither replica sets nor pods, CronJobs start
//! no jobs, Services send nothing anywhere. There are no nodes, no users and permissions (RBAC objects are only
//! stored), no admission but validating webhooks with a URL, no CEL rules, no quotas. Old versions of objects are not kept: a list that is read in
//! pages shows the present state on each.
//!
//! **Durability.** A write is on disk before it is answered. Writers that wait at the same time share one commit, so one
//! writer is as fast as the disk syncs, and many together are much faster.
//!
//! Map of the crate: `api/` speaks the protocol; `objects.rs` is what happens to an object on its way to `store.rs`, with
//! `strategy.rs` (what the server fills in), `schema/` (structure and defaults), `validate.rs` (rules) and `patch/`; `crd/` makes
//! kinds from definitions; `gc.rs` and `sim/` are the controllers; `serve.rs` and `share.rs` let others in.

mod admission;
mod api;
mod clock;
mod convert;
mod crd;
mod error;
mod gc;
mod kinds;
mod names;
mod objects;
mod patch;
mod schema;
mod seal;
mod selector;
mod serve;
mod share;
mod sim;
mod store;
mod strategy;
mod validate;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

pub use clock::{Clock, SharedClock, SystemClock};
pub use serve::{Served, serve};
pub use share::Session;

use api::Api;
use objects::Write;
use store::{OpenError, Store};

/// The file inside the state directory that holds the objects.
const FILE: &str = "cluster.redb";

/// How a cluster behaves.
#[derive(Clone)]
pub struct Options {
    /// The time that timestamps and the simulation go by.
    pub clock: SharedClock,
    /// Whether the status of workloads is simulated.
    pub simulate: bool,
    /// Rules of the simulation put over those that come with the cluster, kind by kind: YAML in the form of
    /// `rules/default.yaml`.
    pub rules: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options { clock: Arc::new(SystemClock), simulate: true, rules: None }
    }
}

/// Why a cluster could not be opened or served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Another process (or another cluster of this one) holds the directory.
    #[error("the state directory {} is held by another process", .0.display())]
    InUse(PathBuf),
    /// The directory or file cannot be made or read.
    #[error("the state directory {}: {source}", .path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no database of ours, or damaged.
    #[error("the database in {}: {message}", .path.display())]
    Database {
        /// The directory.
        path: PathBuf,
        /// What the database says.
        message: String,
    },
    /// The cluster cannot be served there.
    #[error("the cluster cannot be served at {address}: {message}")]
    Serve {
        /// Where it was to be served.
        address: std::net::SocketAddr,
        /// Why not.
        message: String,
    },
    /// The rules of the simulation cannot be read.
    #[error("the rules of the simulation: {0}")]
    Rules(String),
    /// The cluster itself refused what it needs to start.
    #[error("the embedded cluster cannot start: {0}")]
    Start(String),
}

/// A Kubernetes API in this process. Ends when dropped; [`close`](Self::close) ends it with certainty.
pub struct EmbeddedCluster {
    api: Api,
    tasks: Vec<tokio::task::AbortHandle>,
}

impl EmbeddedCluster {
    /// Opens the cluster whose objects lie in `dir`, making it when it is not there.
    ///
    /// # Errors
    /// [`ClusterError::InUse`] when another process holds it; otherwise what keeps the file from being read.
    pub async fn open(dir: &Path, options: Options) -> Result<Self, ClusterError> {
        std::fs::create_dir_all(dir).map_err(|source| ClusterError::Io { path: dir.into(), source })?;
        let store = Store::open(Some(&dir.join(FILE))).map_err(|error| match *error {
            OpenError::InUse => ClusterError::InUse(dir.into()),
            OpenError::Io(source) => ClusterError::Io { path: dir.into(), source },
            OpenError::Database(error) => {
                ClusterError::Database { path: dir.into(), message: error.to_string() }
            }
        })?;
        Self::start(store, options).await
    }

    /// A cluster that is gone with the process.
    ///
    /// # Errors
    /// [`ClusterError::Start`] when the memory for it cannot be had.
    pub async fn in_memory(options: Options) -> Result<Self, ClusterError> {
        let store = Store::open(None).map_err(|error| ClusterError::Start(error.to_string()))?;
        Self::start(store, options).await
    }

    async fn start(store: Store, options: Options) -> Result<Self, ClusterError> {
        let own = match &options.rules {
            Some(text) => sim::rules::Rules::parse(text).map_err(ClusterError::Rules)?,
            None => sim::rules::Rules::default(),
        };
        let rules = sim::rules::Rules::builtin().with(own);
        let api = Api::new(store, options.clock).map_err(|error| ClusterError::Start(error.to_string()))?;
        let mut cluster = EmbeddedCluster { api, tasks: Vec::new() };
        cluster.furnish().await.map_err(|error| ClusterError::Start(error.to_string()))?;
        cluster.tasks.push(tokio::spawn(gc::run(cluster.api.clone())).abort_handle());
        if options.simulate {
            cluster.tasks.push(tokio::spawn(sim::run(cluster.api.clone(), rules)).abort_handle());
        }
        Ok(cluster)
    }

    /// What every cluster has from the start.
    async fn furnish(&self) -> Result<(), error::ApiError> {
        let resource = |group, plural| {
            self.api
                .find(group, "v1", plural)
                .ok_or_else(|| error::ApiError::internal(format!("no {plural}")))
        };
        let namespaces = resource("", "namespaces")?;
        let definitions = resource("apiextensions.k8s.io", "customresourcedefinitions")?;
        let now = self.api.clock.now();
        self.api
            .store
            .write(move |txn| {
                let write = Write {
                    resource: &namespaces,
                    namespace: "",
                    now,
                    subresource: None,
                    manager: "stepwell",
                    applied: false,
                };
                for name in ["default", "kube-system", "kube-public", "kube-node-lease", "vela-system"] {
                    if !txn.has(&write.key(name))? {
                        write.create(txn, json!({"metadata": {"name": name}}))?;
                    }
                }
                let write = Write { resource: &definitions, ..write };
                for definition in crd::preinstalled() {
                    if !txn.has(&write.key(&objects::text(&definition["metadata"]["name"])))? {
                        write.create(txn, definition)?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// A client that talks to this cluster. Its default namespace is `default`.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.api.clone(), "default")
    }

    /// Ends the cluster: waits for the last write, ends watches, lets go of the file. Clients still held get errors.
    pub async fn close(self) {
        self.stop_tasks();
        let store = self.api.store.clone();
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}

impl EmbeddedCluster {
    fn stop_tasks(&self) {
        self.tasks.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

impl Drop for EmbeddedCluster {
    fn drop(&mut self) {
        self.stop_tasks();
        self.api.store.close();
    }
}
