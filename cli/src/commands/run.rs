//! `stepwell run FILE`: delivers an Application, or carries out a WorkflowRun.

use crate::connect::{Target, block_on};
use crate::delivery::Bundle;
use crate::drive::{Drive, Options};
use crate::error::{Error, Problem};
use crate::inputs;
use crate::library::Definitions;
use crate::output::Output;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use stepwell_runtime::driver::{self, Delivery, Driver};
use stepwell_runtime::model::application::Application;
use stepwell_runtime::problem::Problems;
use stepwell_runtime::render::{self, RenderOptions};

/// Deliver an Application or carry out a WorkflowRun
///
/// The object is recorded in the cluster and its workflow carried out step by step. A run that was interrupted goes on from where it
/// stood. Step types, Workflows and other objects in the same file are applied before. Without a terminal, the command ends where the run
/// waits for somebody.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The Application or WorkflowRun (`-` for standard input)
    file: PathBuf,
    /// Record it, but do not start it before `workflow resume`
    #[arg(long)]
    pending: bool,
    /// The environment that it goes to: the Application is recorded in its namespace, and goes to its targets unless it has a workflow of its own
    #[arg(long, value_name = "NAME", conflicts_with = "namespace")]
    env: Option<String>,
    /// Take a parameter that a step type does not declare for a mistake
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    definitions: Definitions,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let mut bundle = Bundle::read(&[inputs::read(&args.file)?])?;
    let library = args.definitions.library()?;
    // What a template makes of it is checked when the template is at hand.
    let made_of_template = matches!(&bundle.delivery, Delivery::Application(app) if app.template.is_some());
    let mut ask_cluster = false;
    if let Delivery::Application(app) = &bundle.delivery
        && !made_of_template
    {
        let here = bundle.definitions(library.clone())?;
        match check(args, app, &here, bundle.beside.is_empty(), out) {
            // A type that is not here may be on the cluster.
            Err(e) if !args.target.is_new() && e.problems.iter().any(|p| p.code == "unknown-type") => {
                ask_cluster = true;
            }
            checked => checked?,
        }
    }
    block_on(async {
        let connection = args.target.connect().await?;
        if args.target.namespace.is_some() {
            bundle.delivery = within(bundle.delivery, &connection.namespace)?;
        }
        let done = async {
            let given = bundle.delivery.clone();
            let delivery = match &args.env {
                Some(env) => {
                    // The environment may be among what lies beside; the rest goes to its namespace.
                    bundle.apply_of_cluster(&connection).await?;
                    Driver::new(connection.client.clone(), library.clone()).bind(given, env).await?
                }
                None => {
                    let namespace = given.reference(&connection.namespace).namespace;
                    within(given, &namespace)?
                }
            };
            let reference = delivery.reference(&connection.namespace);
            let namespace = reference.namespace.clone();
            let mut drive = Drive::new(&connection, &args.target, library.clone(), reference, &args.options)?;
            if args.strict {
                drive.driver = drive.driver.strict();
            }
            if let Delivery::Application(app) = &delivery
                && ask_cluster
            {
                let there = drive.driver.definitions(app).await?;
                check(args, app, &bundle.definitions(there)?, false, out)?;
            }
            bundle.apply(&connection.client, &namespace).await?;
            let delivery = drive.driver.fill(delivery).await?;
            if let Delivery::Application(app) = &delivery
                && made_of_template
            {
                check(args, app, &drive.driver.definitions(app).await?, false, out)?;
            }
            let warnings = drive.driver.check(&delivery).await?;
            out.warnings(&warnings, &delivery.document().sources);
            if args.pending {
                drive.driver.submit_pending(&delivery).await?;
                return out.result(format!(
                    "{0}: pending; `stepwell workflow resume {0}` starts it\n",
                    drive.reference.name
                ));
            }
            drive.driver.submit(&delivery).await?;
            drive.go(&args.options, out).await
        };
        let done = done.await;
        connection.close().await;
        done
    })
}

/// All mistakes of an Application are told before anything is done.
fn check(
    args: &Arguments,
    app: &Application,
    library: &stepwell_runtime::definitions::Library,
    alone: bool,
    out: &Output,
) -> Result<(), Error> {
    if app.name.is_empty() {
        let problem = app.problem("required", "metadata.name", "an Application needs a name to be run");
        return Err(Problems::one(app.document.sources.clone(), problem).into());
    }
    let mut problems = Vec::new();
    // With step types beside it, or on a cluster that may have some, only the cluster can tell which there are.
    if alone && args.target.is_embedded() {
        let found = driver::check(library, app).err().map(Error::from);
        problems.extend(found.into_iter().flat_map(|e| e.problems).filter(|p| p.code != "unknown-type"));
    }
    let namespace = args.target.namespace.clone();
    let options = RenderOptions { namespace, without_references: true, ..RenderOptions::default() };
    match render::application(library, app, &options) {
        Ok(rendered) => out.warnings(&rendered.warnings, &app.document.sources),
        Err(e) => {
            let of_workflow = |p: &Problem| p.code == "unknown-type" && p.path.starts_with("spec.workflow");
            problems.extend(Error::from(e).problems.into_iter().filter(|p| alone || !of_workflow(p)));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::from(problems).without_repeats()) }
}

/// The same delivery in this namespace.
fn within(delivery: Delivery, namespace: &str) -> Result<Delivery, Error> {
    let mut document = delivery.document().clone();
    document.value["metadata"]["namespace"] = json!(namespace);
    if let Delivery::Application(app) = delivery {
        let document = Arc::new(document);
        return Ok(Delivery::Application(Box::new(Application {
            namespace: Some(namespace.to_owned()),
            document,
            ..*app
        })));
    }
    Delivery::read(&document)?.ok_or_else(|| Error::mistake("document", "there is nothing to run"))
}
