//! The embedded cluster on a loopback address, as `stepwell cluster serve` puts it there: empty, in
//! memory, gone when dropped.

use std::path::Path;

use stepwell_cluster::{EmbeddedCluster, Options, Served, serve};

use crate::{Result, api_suite};

/// A served cluster.
pub(crate) struct Embedded {
    kubeconfig: tempfile::NamedTempFile,
    // In the order in which they end: first nobody can ask any more, then the cluster goes, then what ran it.
    _served: Served,
    _cluster: EmbeddedCluster,
    _runtime: tokio::runtime::Runtime,
}

impl Embedded {
    /// Starts one.
    pub(crate) fn start() -> Result<Self> {
        let runtime = api_suite::runtime()?;
        let (cluster, served) = runtime.block_on(async {
            let cluster = EmbeddedCluster::in_memory(Options::default()).await?;
            let served = serve(cluster.client(), ([127, 0, 0, 1], 0).into()).await?;
            Ok::<_, crate::Error>((cluster, served))
        })?;
        let kubeconfig = tempfile::NamedTempFile::new()?;
        std::fs::write(kubeconfig.path(), &served.kubeconfig)?;
        Ok(Self { kubeconfig, _served: served, _cluster: cluster, _runtime: runtime })
    }

    /// The file that reaches it.
    pub(crate) fn kubeconfig(&self) -> &Path {
        self.kubeconfig.path()
    }
}
