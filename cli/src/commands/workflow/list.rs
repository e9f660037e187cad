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
        let path = match args.all_namespaces {
            true => "/apis/core.oam.dev/v1beta1/applications".to_owned(),
            false => format!("/apis/core.oam.dev/v1beta1/namespaces/{}/applications", connection.namespace),
        };
        let request = Request::get(path).body(Vec::new());
        let request = request.map_err(|e| Error::mistake("api", e.to_string()))?;
        let found: Result<Value, kube::Error> = connection.client.request(request).await;
        connection.close().await;
        let list = match found {
            Ok(list) => list,
            // A cluster that does not know the kind has no runs.
            Err(kube::Error::Api(status)) if status.code == 404 => Value::Null,
            Err(e) => return Err(e.into()),
        };
        let text =
            |v: &Value, pointer: &str| v.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        let mut rows = vec![["NAMESPACE", "NAME", "STATE", "STEPS", "STARTED"].map(str::to_owned).to_vec()];
        for app in list["items"].as_array().into_iter().flatten() {
            let steps =
                app.pointer("/status/workflow/steps").and_then(Value::as_array).cloned().unwrap_or_default();
            let done = steps.iter().filter(|s| s["phase"] == "succeeded").count();
            rows.push(vec![
                text(app, "/metadata/namespace"),
                text(app, "/metadata/name"),
                text(app, "/status/workflow/status"),
                format!("{done} of {} done", steps.len()),
                text(app, "/status/workflow/startTime"),
            ]);
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
