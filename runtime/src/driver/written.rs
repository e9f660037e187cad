//! What the containers of a step write, read from the cluster as they write it: where they are, the op `util/log` says (`source`).

use super::{DriveError, Driver, RunRef};
use crate::ops::support::objects::refused;
use futures::{AsyncBufReadExt, Stream};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams, LogParams};
use serde_json::Value;

/// How many bytes of one container are read.
const MOST: i64 = 1 << 20;

/// How many pods of one source are read.
const MOST_PODS: u32 = 100;

/// A container that writes a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Writes {
    /// The namespace of its pod.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Its name.
    pub container: String,
}

impl Driver {
    /// The containers that a `source` of `util/log` names, as far as they are there now and have started.
    ///
    /// # Errors
    /// A cluster that does not answer or says no.
    pub async fn writers(&self, run: &RunRef, source: &Value) -> Result<Vec<Writes>, DriveError> {
        let mut found = Vec::new();
        for resource in source["resources"].as_array().into_iter().flatten() {
            let text = |field: &str| resource[field].as_str().filter(|t| !t.is_empty());
            let labels = resource["labelSelector"].as_object().into_iter().flatten();
            let labels: Vec<String> = labels
                .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
                .collect();
            let namespace = text("namespace").unwrap_or(&run.namespace);
            let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
            let mut params = ListParams::default().labels(&labels.join(",")).limit(MOST_PODS);
            if let Some(name) = text("name") {
                params = params.fields(&format!("metadata.name={name}"));
            }
            let list = pods.list(&params).await;
            let list = list.map_err(|e| {
                DriveError::Cluster(refused(&format!("list the Pods of {namespace}"), e).message)
            })?;
            for pod in list.items {
                let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or("Pending");
                let containers = pod.spec.iter().flat_map(|s| &s.containers).filter(|_| phase != "Pending");
                found.extend(containers.map(|container| Writes {
                    namespace: namespace.to_owned(),
                    pod: pod.name_any(),
                    container: container.name.clone(),
                }));
            }
        }
        Ok(found)
    }

    /// The lines of a container, at most 1 MiB of them: those there are, or also those to come, until it has ended.
    ///
    /// # Errors
    /// A cluster that does not answer or says no.
    pub async fn written(
        &self,
        of: &Writes,
        follow: bool,
    ) -> Result<impl Stream<Item = std::io::Result<String>> + Send + use<>, DriveError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &of.namespace);
        let container = Some(of.container.clone());
        let params = LogParams { container, follow, limit_bytes: Some(MOST), ..LogParams::default() };
        let log = pods.log_stream(&of.pod, &params).await;
        let what = format!("read the log of Pod {}/{}", of.namespace, of.pod);
        Ok(log.map_err(|e| DriveError::Cluster(refused(&what, e).message))?.lines())
    }
}
