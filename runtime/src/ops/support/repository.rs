//! How ops name a Git repository, and get in.

use super::cx::Cx;
use super::secret::files;
use crate::git::{GitError, Remote};
use crate::ops::OpError;
use serde::Deserialize;

/// The repository among the params of an op.
#[derive(Deserialize)]
pub(crate) struct Repository {
    pub(crate) url: String,
    pub(crate) branch: Option<String>,
    pub(crate) auth: Option<Auth>,
}

/// Where the way in lies.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Auth {
    pub(crate) secret_ref: SecretRef,
}

/// A Secret.
#[derive(Deserialize)]
pub(crate) struct SecretRef {
    name: String,
    #[serde(default)]
    namespace: String,
}

impl Repository {
    /// The repository, with what lets in read from its Secret.
    ///
    /// # Errors
    /// A Secret that is not there or has neither a token nor a name and a password.
    pub(crate) async fn remote(self, cx: &Cx) -> Result<Remote, OpError> {
        let branch = self.branch.filter(|b| !b.is_empty());
        let remote = Remote { url: self.url, branch, local: cx.local, ..Remote::default() };
        match self.auth.map(|auth| auth.secret_ref) {
            Some(secret) => {
                let data = files(cx, &secret.name, &secret.namespace).await?;
                remote.let_in_by(&secret.name, &data).map_err(|e| OpError::permanent(e.to_string()))
            }
            None => Ok(remote),
        }
    }
}

/// Does work on a repository where it keeps nobody waiting.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, OpError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|e| OpError { retry: e.may_pass(), message: e.to_string() }),
        Err(_) => Err(OpError::transient("reading the repository has ended before its time")),
    }
}
