//! `config/read`: reads a config.

use super::support::config::{self, Name};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct ReadConfig;

#[derive(Deserialize)]
struct Params {
    name: String,
    namespace: String,
}

impl Op for ReadConfig {
    fn provider(&self) -> &'static str {
        "config"
    }

    fn name(&self) -> &'static str {
        "read"
    }

    fn older(&self) -> &'static str {
        "read-config"
    }

    fn pure(&self) -> bool {
        true
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["config"]
    }

    fn doc(&self) -> &'static str {
        "Reads a config by its name and returns its settings as `config`. While there is none, the step is tried again."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let at = Name { namespace: &params.namespace, name: &params.name };
            Ok(Answer::one("config", config::settings(cx, &at).await?))
        })
    }
}
