//! `config/list`: lists configs.

use super::support::config::{self};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct ListConfig;

#[derive(Deserialize)]
struct Params {
    template: String,
    namespace: String,
}

impl Op for ListConfig {
    fn provider(&self) -> &'static str {
        "config"
    }

    fn name(&self) -> &'static str {
        "list"
    }

    fn older(&self) -> &'static str {
        "list-config"
    }

    fn pure(&self) -> bool {
        true
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["configs"]
    }

    fn doc(&self) -> &'static str {
        "Lists the configs of a template in a namespace: `configs` has the `name` and the settings (`config`) of each."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let configs = config::list(cx, &params.namespace, &params.template).await?;
            Ok(Answer::one("configs", json!(configs)))
        })
    }
}
