//! `config/create`: writes a config.

use super::support::config::{self, Name};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct CreateConfig;

#[derive(Deserialize)]
struct Params {
    name: String,
    namespace: String,
    #[serde(default)]
    template: String,
    config: Map<String, Value>,
}

impl Op for CreateConfig {
    fn provider(&self) -> &'static str {
        "config"
    }

    fn name(&self) -> &'static str {
        "create"
    }

    fn older(&self) -> &'static str {
        "create-config"
    }

    fn doc(&self) -> &'static str {
        "Writes a config: a Secret with the settings `config`, found again by its name. With `template`, the template (the ConfigMap `config-template-NAME` in \
         `vela-system`, or in the namespace before a slash) checks the settings and says what else is in the Secret."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let at = Name { namespace: &params.namespace, name: &params.name };
            config::create(cx, &at, &params.template, &params.config).await?;
            Ok(Answer::Returns(Map::new()))
        })
    }
}
