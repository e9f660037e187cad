//! What ops take from Secrets: headers, certificates.

use super::cx::Cx;
use super::objects::refused;
use crate::ops::OpError;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A Secret with certificates: `ca.crt`, and where the other side asks who is calling `client.crt` and `client.key`.
#[derive(Deserialize)]
pub(crate) struct Tls {
    /// Its name.
    pub(crate) secret: String,
    /// Its namespace; empty for that of the run.
    #[serde(default)]
    pub(crate) namespace: String,
}

impl Tls {
    /// Says that a part of it cannot be used.
    pub(crate) fn wrong(&self, what: &str) -> OpError {
        OpError::permanent(format!("{what} in the Secret `{}` of `tls_config` cannot be used", self.secret))
    }
}

/// The data of a Secret; an empty namespace is that of the run.
///
/// # Errors
/// What the API says.
pub(crate) async fn files(
    cx: &Cx,
    name: &str,
    namespace: &str,
) -> Result<BTreeMap<String, Vec<u8>>, OpError> {
    let namespace = if namespace.is_empty() { cx.owner.namespace.as_str() } else { namespace };
    let api: Api<Secret> = Api::namespaced(cx.client.clone(), namespace);
    let found = api.get(name).await.map_err(|e| refused(&format!("read Secret {namespace}/{name}"), e))?;
    Ok(found.data.unwrap_or_default().into_iter().map(|(k, v)| (k, v.0)).collect())
}
