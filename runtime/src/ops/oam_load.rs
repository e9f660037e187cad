//! `oam/load`: the components of the application.

use super::support::application::components;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) struct LoadComponents;

#[derive(Deserialize)]
struct Params {
    app: Option<String>,
}

impl Op for LoadComponents {
    fn provider(&self) -> &'static str {
        "oam"
    }

    fn name(&self) -> &'static str {
        "load"
    }

    fn older(&self) -> &'static str {
        "load"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["value"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Returns the components of the application as they are written, by name, as `value`. `app` may name the application itself and no other."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let all = components(cx, params.app.as_deref())?.components();
            Ok(Answer::one("value", Value::Object(all.into_iter().collect())))
        })
    }
}
