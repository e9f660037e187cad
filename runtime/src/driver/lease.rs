//! One driver for each run: a Lease beside it says who, and runs out when nobody renews it.
//!
//! Two drivers of one run would lose nothing, since each sees the other's writes, but both would make attempts. A driver that was killed leaves its Lease
//! behind; one on the same machine sees that its process is gone and need not wait. Tests at the end, and in `tests.rs`.

use super::record::{RunRef, cluster};
use super::{DriveError, now};
use crate::model::run::Time;
use crate::ops::support::objects::FIELD_MANAGER;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;

/// How long a Lease holds without being renewed.
const LASTS: Duration = Duration::from_secs(15);
/// How often it is renewed.
const RENEWED: Duration = Duration::from_secs(5);

/// This process, as Leases name it: machine, process, and something that no other process has.
static IDENTITY: LazyLock<String> =
    LazyLock::new(|| format!("{}_{}_{:08x}", machine(), std::process::id(), rand::random::<u32>()));

/// The runs that are driven in this process, by uid.
static DRIVEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// What tells this machine since its start from all others.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot = boot.trim();
    if boot.is_empty() { "unknown".to_string() } else { boot.to_string() }
}

/// The right to drive a run; given back when it is dropped.
pub(super) struct Held {
    uid: String,
    renewal: AbortHandle,
    api: Api<Lease>,
    name: String,
    /// The version that this process has written last.
    version: Arc<Mutex<String>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewal.abort();
        DRIVEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.uid);
    }
}

/// A place in [`DRIVEN`] until the Lease is held.
struct Claim(Option<String>);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(uid) = &self.0 {
            DRIVEN.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        }
    }
}

/// Takes the right to drive a run.
pub(super) async fn take(
    client: &Client,
    reference: &RunRef,
    owner: Value,
    uid: &str,
) -> Result<Held, DriveError> {
    if !DRIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_string()) {
        return Err(DriveError::Busy(reference.clone(), "this process".into()));
    }
    let mut claim = Claim(Some(uid.to_string()));
    let api: Api<Lease> = Api::namespaced(client.clone(), &reference.namespace);
    let name = format!("{}-{}", reference.types().1.to_lowercase(), reference.name);
    let options = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    for round in 0..5 {
        // Most runs have no lease yet.
        let found = match round {
            0 => None,
            _ => api.get_opt(&name).await.map_err(|e| cluster(reference, "read the lease of", e))?,
        };
        let taken = match found {
            None => api.create(&options, &lease(&name, reference, &owner, None)?).await,
            Some(old) => {
                let spec = old.spec.clone().unwrap_or_default();
                let holder = spec.holder_identity.clone().unwrap_or_default();
                let renewed = spec.renew_time.as_ref().map_or(Time(0), |t| Time(t.0.as_millisecond()));
                let lasts = Duration::from_secs(
                    spec.lease_duration_seconds.unwrap_or(0).max(0).unsigned_abs().into(),
                );
                if renewed.plus(lasts) > now() && !ours(&holder) && !gone(&holder) {
                    return Err(DriveError::Busy(reference.clone(), holder));
                }
                api.replace(&name, &options, &lease(&name, reference, &owner, old.metadata.resource_version)?)
                    .await
            }
        };
        match taken {
            Ok(taken) => {
                claim.0 = None;
                let version = Arc::new(Mutex::new(taken.metadata.resource_version.unwrap_or_default()));
                let renewal = tokio::spawn(renew(api.clone(), name.clone(), version.clone())).abort_handle();
                return Ok(Held { uid: uid.to_string(), renewal, api, name, version });
            }
            Err(kube::Error::Api(s)) if s.code == 409 => {}
            Err(e) => return Err(cluster(reference, "take the lease of", e)),
        }
    }
    Err(DriveError::Busy(reference.clone(), "several others".into()))
}

impl Held {
    /// Gives the right back, so that nobody has to wait for the Lease to run out: a run that nobody drives has none.
    pub(super) async fn release(self) {
        self.renewal.abort();
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Of another version, it is somebody else's by now.
        let preconditions = Preconditions { resource_version: Some(version), uid: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        if let Err(e) = self.api.delete(&self.name, &params).await {
            tracing::debug!("lease {}: {e}", self.name);
        }
    }
}

async fn renew(api: Api<Lease>, name: String, version: Arc<Mutex<String>>) {
    loop {
        tokio::time::sleep(RENEWED).await;
        let Ok(mut lease) = api.get(&name).await else { continue };
        let Some(spec) = lease.spec.as_mut().filter(|s| s.holder_identity.as_deref().is_some_and(ours))
        else {
            return;
        };
        spec.renew_time = stamp();
        match api.replace(&name, &PostParams::default(), &lease).await {
            Ok(lease) => {
                let new = lease.metadata.resource_version.unwrap_or_default();
                *version.lock().unwrap_or_else(PoisonError::into_inner) = new;
            }
            Err(e) => tracing::debug!("lease {name}: {e}"),
        }
    }
}

fn stamp() -> Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime> {
    let at = jiff::Timestamp::from_millisecond(now().0).ok()?;
    Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(at))
}

fn lease(
    name: &str,
    reference: &RunRef,
    owner: &Value,
    version: Option<String>,
) -> Result<Lease, DriveError> {
    let mut metadata = json!({"name": name, "namespace": reference.namespace, "ownerReferences": [owner]});
    if let Some(version) = version {
        metadata["resourceVersion"] = json!(version);
    }
    let spec = json!({
        "holderIdentity": *IDENTITY, "leaseDurationSeconds": LASTS.as_secs(),
        "acquireTime": stamp(), "renewTime": stamp(),
    });
    serde_json::from_value(json!({"metadata": metadata, "spec": spec}))
        .map_err(|e| DriveError::Record(e.to_string()))
}

fn ours(holder: &str) -> bool {
    holder == *IDENTITY
}

/// Whether a holder is a process of this machine that is no more.
fn gone(holder: &str) -> bool {
    if holder.is_empty() {
        return true;
    }
    let Some((machine_and_process, _)) = holder.rsplit_once('_') else { return false };
    let Some((its_machine, process)) = machine_and_process.rsplit_once('_') else { return false };
    let here = machine();
    // In a container of its own, a process of the same machine cannot be seen: only where processes are listed can one be missed.
    its_machine == here
        && here != "unknown"
        && !std::path::Path::new("/proc").join(process).exists()
        && process.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_no_more_holds_nothing() {
        let here = machine();
        assert!(gone(""));
        assert!(!gone("somebody else"));
        assert!(!gone("other-machine_1_0000"));
        assert!(ours(&IDENTITY) && !gone(&IDENTITY));
        if here != "unknown" {
            assert!(gone(&format!("{here}_4294967295_0000")));
            assert!(!gone(&format!("{here}_{}_0000", std::process::id())));
        }
    }
}
