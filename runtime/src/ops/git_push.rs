//! `git/push`: makes a folder of a Git repository hold certain files.

use super::support::repository::{Repository, blocking};
use super::{Answer, Cx, Op, OpError, read};
use crate::git::{Author, Change};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How many files one commit may write, and how large all of them may be.
const FILES: usize = 2_000;
const BYTES: usize = 16 << 20;

pub(super) struct Push;

#[derive(Deserialize)]
struct Params {
    #[serde(flatten)]
    repository: Repository,
    #[serde(default)]
    path: String,
    files: BTreeMap<String, String>,
    prune: bool,
    message: String,
    author: By,
}

#[derive(Deserialize)]
struct By {
    name: String,
    email: String,
}

impl Op for Push {
    fn provider(&self) -> &'static str {
        "git"
    }

    fn name(&self) -> &'static str {
        "push"
    }

    fn doc(&self) -> &'static str {
        "Makes the folder `path` of a branch hold `files`, and unless `prune` is false nothing else: what differs is committed and pushed, and where nothing \
         does, nothing is. A push that somebody else has outrun is made anew on what they have pushed. The Secret of `auth` has `username` and `password`, \
         or a `token`, and may have the `ca.crt` of the server's authority. Only `stepwell run` takes a folder of this machine as an address."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let size: usize = params.files.values().map(String::len).sum();
            if params.files.len() > FILES || size > BYTES {
                return Err(OpError::permanent(format!(
                    "`files` has {} files with {size} bytes, and may have {FILES} with {} MB",
                    params.files.len(),
                    BYTES >> 20
                )));
            }
            let remote = params.repository.remote(cx).await?;
            let change = Change {
                folder: params.path,
                files: params.files,
                prune: params.prune,
                message: params.message,
                author: Author { name: params.author.name, email: params.author.email },
                time: cx.now.0.div_euclid(1_000),
            };
            let pushed = blocking(move || remote.put(&change)).await?;
            let returns = json!({
                "commit": pushed.commit, "branch": pushed.branch,
                "pushed": !pushed.changed.is_empty(), "changed": pushed.changed,
            });
            Ok(Answer::Returns(returns.as_object().cloned().unwrap_or_default()))
        })
    }
}
