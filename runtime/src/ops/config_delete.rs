//! `config/delete`: deletes a config.

use super::support::config::{self, Name};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct DeleteConfig;

#[derive(Deserialize)]
struct Params {
    name: String,
    namespace: String,
}

impl Op for DeleteConfig {
    fn provider(&self) -> &'static str {
        "config"
    }

    fn name(&self) -> &'static str {
        "delete"
    }

    fn older(&self) -> &'static str {
        "delete-config"
    }

    fn doc(&self) -> &'static str {
        "Deletes a config by its name. One that is not there is deleted already; a Secret that is no config is left alone."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let at = Name { namespace: &params.namespace, name: &params.name };
            config::delete(cx, &at).await?;
            Ok(Answer::Returns(Map::new()))
        })
    }
}
