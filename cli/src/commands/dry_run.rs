//! `stepwell dry-run -f app.yaml`: the objects of an Application, with nothing done to any cluster.

use crate::error::Error;
use crate::inputs;
use crate::library::Definitions;
use crate::objects::{self, Form};
use crate::output::Output;
use clap::Args;
use std::path::PathBuf;
use stepwell_runtime::document::Document;
use stepwell_runtime::model::application::Application;
use stepwell_runtime::render::{self, KubeVersion, RenderOptions};
use stepwell_runtime::template;

/// Print the objects of an Application, and do nothing to any cluster
///
/// Definitions in the same file are in force; other objects that lie beside the Application are left out.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The Application (`-` for standard input)
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    /// The namespace to render for, in place of the Application's own
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// The version of Kubernetes to render for
    #[arg(long, value_name = "VERSION", value_parser = kube_version)]
    kube_version: Option<KubeVersion>,
    #[command(flatten)]
    definitions: Definitions,
}

fn kube_version(text: &str) -> Result<KubeVersion, String> {
    KubeVersion::parse(text).ok_or_else(|| "this is no version such as v1.31 or 1.31.4".to_owned())
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let source = inputs::read(&args.file)?;
    let beside = Document::read_all(&source.name, &source.text)?;
    let library = args.definitions.library()?.with_documents(&beside)?;
    let app = Application::from_text(&source.name, &source.text)?;
    let app = match template::fill(&library, &app)? {
        Some(filled) => filled.application,
        None => app,
    };
    let options = RenderOptions {
        namespace: args.namespace.clone(),
        kube_version: args.kube_version.clone().unwrap_or_default(),
        ..RenderOptions::default()
    };
    let rendered = render::application(&library, &app, &options)?;
    out.warnings(&rendered.warnings, &app.document.sources);
    objects::print(&rendered.objects, args.output, out)
}
