//! `stepwell run FILE`: delivers an Application.

use crate::connect::{Target, block_on};
use crate::drive::{Drive, Options};
use crate::error::Error;
use crate::inputs;
use crate::library::Definitions;
use crate::output::Output;
use clap::Args;
use std::path::PathBuf;
use stepwell_runtime::driver::{self, RunRef};
use stepwell_runtime::model::application::Application;
use stepwell_runtime::render::{self, RenderOptions};

/// Deliver an Application: render it and carry out its workflow
///
/// The Application is recorded in the cluster and its workflow carried out step by step. A run that was interrupted goes on from where it
/// stood. Without a terminal, the command ends where the run waits for somebody.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The Application (`-` for standard input)
    file: PathBuf,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    definitions: Definitions,
    #[command(flatten)]
    target: Target,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let library = args.definitions.library()?;
    let source = inputs::read(&args.file)?;
    let mut app = Application::from_text(&source.name, &source.text)?;
    if app.name.is_empty() {
        let problem = app.problem("required", "metadata.name", "an Application needs a name to be run");
        return Err(stepwell_runtime::problem::Problems::one(app.document.sources.clone(), problem).into());
    }
    // All mistakes are told before anything is done.
    let mut problems = Vec::new();
    problems
        .extend(driver::check(&library, &app).err().map(Error::from).into_iter().flat_map(|e| e.problems));
    let options = RenderOptions { namespace: args.target.namespace.clone(), ..RenderOptions::default() };
    match render::application(&library, &app, &options) {
        Ok(rendered) => out.warnings(&rendered.warnings, &app.document.sources),
        Err(e) => problems.extend(Error::from(e).problems),
    }
    if !problems.is_empty() {
        return Err(Error::from(problems).without_repeats());
    }
    block_on(async {
        let connection = args.target.connect().await?;
        if app.namespace.as_deref().is_none_or(str::is_empty) || args.target.namespace.is_some() {
            app.namespace = Some(connection.namespace.clone());
        }
        let done = async {
            let reference = RunRef::application(app.namespace_or_default(), &app.name);
            let drive = Drive::new(&connection, &args.target, library, reference)?;
            drive.driver.submit(&app).await?;
            drive.go(&args.options, out).await
        };
        let done = done.await;
        connection.close().await;
        done
    })
}
