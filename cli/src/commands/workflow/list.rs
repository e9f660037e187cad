//! `stepwell workflow list`.

use crate::connect::{Target, block_on};
use crate::error::Error;
use crate::output::{Output, table};
use clap::Args;
use http::Request;
use serde_json::Value;

/// List the runs
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// All namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    block_on(async {
        let connection = args.target.connect().await?;
        let mut rows = vec![["NAMESPACE", "NAME", "STATE", "STEPS", "STARTED"].map(str::to_owned).to_vec()];
        let mut failed = None;
        // Where a run's status lies: beneath that of an Application, or alone.
        for (kind, below) in [("v1beta1/{}applications", "/workflow"), ("v1alpha1/{}workflowruns", "")] {
            let inside = match args.all_namespaces {
                true => String::new(),
                false => format!("namespaces/{}/", connection.namespace),
            };
            let path = format!("/apis/core.oam.dev/{}", kind.replace("{}", &inside));
            match objects(&connection.client, path).await {
                Ok(list) => {
                    rows.extend(list["items"].as_array().into_iter().flatten().map(|o| row(o, below)))
                }
                Err(e) => failed = Some(e),
            }
        }
        connection.close().await;
        if let Some(e) = failed {
            return Err(e);
        }
        match rows.len() {
            1 => {
                out.note("there are no runs; `stepwell run FILE` starts one");
                Ok(())
            }
            _ => out.result(table(&rows)),
        }
    })
}

/// The objects at a path; a cluster that does not know the kind has none.
async fn objects(client: &kube::Client, path: String) -> Result<Value, Error> {
    let request = Request::get(path).body(Vec::new()).map_err(|e| Error::mistake("api", e.to_string()))?;
    match client.request(request).await {
        Ok(list) => Ok(list),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Value::Null),
        Err(e) => Err(e.into()),
    }
}

fn row(object: &Value, below: &str) -> Vec<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let steps = object
        .pointer(&format!("/status{below}/steps"))
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let done = steps.iter().filter(|s| s["phase"] == "succeeded").count();
    vec![
        text("/metadata/namespace"),
        text("/metadata/name"),
        text(&format!("/status{below}/status")),
        format!("{done} of {} done", steps.len()),
        text(&format!("/status{below}/startTime")),
    ]
}
