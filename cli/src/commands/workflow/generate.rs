//! `stepwell workflow generate FILE`: the workflow that an Application has which writes none.

use crate::connect::{Target, block_on};
use crate::delivery::Bundle;
use crate::error::Error;
use crate::inputs;
use crate::library::Definitions;
use crate::output::Output;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use stepwell_runtime::driver::{Delivery, Driver};
use stepwell_runtime::environments;
use stepwell_runtime::model::application::Application;

/// Print the workflow of an Application that writes none, to be changed and kept
///
/// It goes to the environments that are named, one after the other, or to those that the Application is bound to. In `spec` of the Application it gives the same
/// run.
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// The Application (`-` for standard input)
    file: PathBuf,
    /// An environment to go to; several in their order
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    #[command(flatten)]
    definitions: Definitions,
    #[command(flatten)]
    target: Target,
}

/// The forms of a workflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// YAML, with a word on each part
    #[default]
    Yaml,
    /// JSON
    Json,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let library = args.definitions.library()?;
    let bundle = Bundle::read(&[inputs::read(&args.file)?])?;
    let Delivery::Application(app) = &bundle.delivery else {
        return Err(Error::mistake("document", "a WorkflowRun has the workflow that it writes")
            .hint("`workflow generate` takes an Application"));
    };
    let own = |app: &Application| match environments::writes_steps(app) {
        true => Err(Error::mistake("workflow", format!("{} has a workflow of its own", app.name))
            .hint("without `spec.workflow.steps` it has the one that is generated")),
        false => Ok(()),
    };
    own(app)?;
    block_on(async {
        let connection = args.target.connect().await?;
        let done = async {
            bundle.apply_of_cluster(&connection).await?;
            let driver = Driver::new(connection.client.clone(), bundle.definitions(library)?).local();
            // A template may give components, and a workflow too.
            let filled = driver.fill(bundle.delivery.clone()).await?;
            let Delivery::Application(app) = &filled else { return Ok(()) };
            out.warnings(&app.warnings, &app.document.sources);
            own(app)?;
            let generated = driver.generate(app, &args.env).await?;
            match args.output {
                Form::Yaml => out.result(generated.to_yaml(&app.name)),
                Form::Json => {
                    let policies: Value = generated.policies.iter().map(|(_, p)| p.clone()).collect();
                    let whole =
                        json!({"policies": policies, "workflow": generated.workflow(app.workflow.as_ref())});
                    out.result(format!("{whole:#}\n"))
                }
            }
        };
        let done = done.await;
        connection.close().await;
        done
    })
}
