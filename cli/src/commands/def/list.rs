//! `stepwell def list`.

use crate::error::Error;
use crate::library::Definitions;
use crate::output::{Output, table};
use clap::Args;
use stepwell_runtime::model::definition::Kind;

/// List the components, traits, policies and workflow steps you can use
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// Only this kind: component, trait, policy or workflow-step, application
    #[arg(value_parser = |text: &str| Kind::parse(text).ok_or("there are: component, trait, policy, workflow-step"))]
    kind: Option<Kind>,
    #[command(flatten)]
    definitions: Definitions,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let library = args.definitions.library()?;
    let mut rows = vec![vec!["KIND".to_owned(), "NAME".to_owned(), "DESCRIPTION".to_owned()]];
    for definition in library.iter().filter(|d| args.kind.is_none_or(|k| d.kind == k)) {
        let description = match library.compiled(definition) {
            Ok(compiled) => compiled.header.description.clone(),
            Err(problems) => format!("(has mistakes: {})", problems.list.len()),
        };
        rows.push(vec![definition.kind.as_str().into(), definition.name.clone(), description]);
    }
    out.result(table(&rows))
}
