//! How ops name a Git repository, and get in.

use super::cx::Cx;
use super::secret::files;
use crate::git::{GitError, Login, Remote};
use crate::ops::OpError;
use serde::Deserialize;
use serde_json::{Value, json};

/// The key of a Secret with the certificates of an authority.
const AUTHORITY: &str = "ca.crt";

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
        let (login, authority) = match &self.auth {
            Some(auth) => login(cx, &auth.secret_ref).await?,
            None => (None, None),
        };
        let branch = self.branch.filter(|b| !b.is_empty());
        Ok(Remote { url: self.url, branch, login, authority, local: cx.local })
    }
}

/// Who asks, and the authority that vouches for the server.
async fn login(cx: &Cx, secret: &SecretRef) -> Result<(Option<Login>, Option<Vec<u8>>), OpError> {
    let data = files(cx, &secret.name, &secret.namespace).await?;
    let text = |key: &str| {
        data.get(key).and_then(|v| std::str::from_utf8(v).ok()).map(|t| t.trim_end_matches('\n').to_string())
    };
    let login = match (text("token"), text("password")) {
        (Some(token), _) => {
            Login { username: text("username").unwrap_or_else(|| "git".to_string()), password: token }
        }
        (None, Some(password)) => Login {
            username: text("username").ok_or_else(|| {
                OpError::permanent(format!("the Secret `{}` has a `password` and no `username`", secret.name))
            })?,
            password,
        },
        (None, None) if data.contains_key(AUTHORITY) => return Ok((None, data.get(AUTHORITY).cloned())),
        (None, None) => {
            return Err(OpError::permanent(format!(
                "the Secret `{}` lets nobody in: it must have a `token`, or a `username` and a `password`",
                secret.name
            )));
        }
    };
    cx.learn(
        &json!({"kind": "Secret", "stringData": Value::from_iter([("password", login.password.clone())])}),
    );
    Ok((Some(login), data.get(AUTHORITY).cloned()))
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
