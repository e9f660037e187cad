//! `terraform/get-connection-status`: whether what Terraform provides is there.

use super::support::inventory::text;
use super::support::objects::{self, Target};
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct GetConnectionStatus;

#[derive(Deserialize)]
struct Params {
    inputs: Inputs,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inputs {
    component_name: String,
}

impl Op for GetConnectionStatus {
    fn provider(&self) -> &'static str {
        "terraform"
    }

    fn name(&self) -> &'static str {
        "get-connection-status"
    }

    fn older(&self) -> &'static str {
        "get-connection-status"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["outputs"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Returns as `outputs.healthy` whether the Terraform controller says that what the component `inputs.componentName` asks for is there: the state of its Configuration is `Available`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let Inputs { component_name } = read::<Params>(params)?.inputs;
            let target = Target {
                api_version: "terraform.core.oam.dev/v1beta2".into(),
                kind: "Configuration".into(),
                namespace: cx.owner.namespace.clone(),
                name: component_name,
            };
            let outputs = match objects::read(cx, target).await? {
                Ok(object) => json!({"healthy": text(&object, "/status/apply/state") == "Available"}),
                Err(_) => json!({"healthy": false}),
            };
            Ok(Answer::one("outputs", outputs))
        })
    }
}
