//! `git/read`: reads files of a Git repository.

use super::support::repository::{Repository, blocking};
use super::{Answer, Cx, Op, OpError, read};
use crate::git::Checkout;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct Read;

#[derive(Deserialize)]
struct Params {
    #[serde(flatten)]
    repository: Repository,
    #[serde(default)]
    path: String,
}

impl Op for Read {
    fn provider(&self) -> &'static str {
        "git"
    }

    fn name(&self) -> &'static str {
        "read"
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Reads the text files at `path`, a file or a folder with those below it, from the newest commit of a branch, and returns them by their paths as \
         `files`, with the `commit`. The Secret of `auth` has `username` and `password`, or a `token`, and may have the `ca.crt` of the server's authority. Only `stepwell run` takes a folder of this machine \
         as an address."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let remote = params.repository.remote(cx).await?;
            let (commit, files) = blocking(move || {
                let checkout = Checkout::fetch(&remote)?;
                Ok((checkout.commit(), checkout.files(&params.path)?))
            })
            .await?;
            let files: Map<String, Value> =
                files.into_iter().map(|(name, text)| (name, text.into())).collect();
            Ok(Answer::Returns(Map::from_iter([
                ("commit".to_string(), commit.into()),
                ("files".to_string(), files.into()),
            ])))
        })
    }
}
