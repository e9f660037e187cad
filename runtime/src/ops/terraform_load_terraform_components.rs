//! `terraform/load-terraform-components`: the components that Terraform provides.

use super::support::application::components;
use super::{Answer, Cx, Op, OpError};
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

pub(super) struct LoadTerraformComponents;

impl Op for LoadTerraformComponents {
    fn provider(&self) -> &'static str {
        "terraform"
    }

    fn name(&self) -> &'static str {
        "load-terraform-components"
    }

    fn older(&self) -> &'static str {
        "load-terraform-components"
    }

    fn older_fields(&self) -> &'static [&'static str] {
        &["outputs"]
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Returns the components of the application whose workload is a Configuration of the Terraform controller, as they are written, as `outputs.components`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let _ = params;
            let own = components(cx, None)?;
            let terraform = own.terraform();
            let all = own.components().into_iter().filter(|(name, _)| terraform.contains(name));
            let all: Vec<Value> = all.map(|(_, component)| component).collect();
            Ok(Answer::one("outputs", json!({"components": all})))
        })
    }
}
