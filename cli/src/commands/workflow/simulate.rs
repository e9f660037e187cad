//! `stepwell workflow simulate DIR`: a run from its beginning to where nothing happens any more, on a cluster of its own and by a clock that jumps.

use crate::STACK;
use crate::delivery::Bundle;
use crate::error::Error;
use crate::inputs;
use crate::library::Definitions;
use crate::output::Output;
use clap::{Args, ValueEnum};
use futures::future::BoxFuture;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_lang::source::Source;
use stepwell_runtime::clock::{Clock, Simulated};
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Driver, Until};
use stepwell_runtime::model::run::{RunStatus, Time};
use stepwell_runtime::model::workflow::parse_duration;

/// Carry a run out on a fresh cluster in memory, by a clock that jumps ahead
///
/// Whenever nothing is under way the clock jumps to the next moment that anything waits for, so hours pass in an instant. Calls over HTTP are
/// real. The simulation ends when the run is over, when only a person could make it go on, or when its time is up.
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// A folder with `run.yaml` (the run, and objects that are there before it) and perhaps `def.yaml` (step types)
    dir: PathBuf,
    /// How much time may pass in the simulation
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    time: Duration,
    /// The namespace of what does not say its own [default: the only one that the files name, or `default`]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// The form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    #[command(flatten)]
    definitions: Definitions,
}

/// The forms of the final status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table for people
    #[default]
    Table,
    /// JSON
    Json,
}

/// The files of a simulation.
const RUN: &str = "run.yaml";
const DEFINITIONS: &str = "def.yaml";

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let mut sources: Vec<Source> = vec![inputs::read(&args.dir.join(RUN))?];
    if args.dir.join(DEFINITIONS).exists() {
        sources.push(inputs::read(&args.dir.join(DEFINITIONS))?);
    }
    let bundle = Bundle::read(&sources)?;
    let library = args.definitions.library()?;
    let named = namespaces(&bundle)?;
    let namespace = match (&args.namespace, named.len()) {
        (Some(namespace), _) => namespace.clone(),
        (None, 1) => named.first().cloned().unwrap_or_default(),
        (None, _) => "default".to_owned(),
    };
    // One thread: what is ready is done before time jumps.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().thread_stack_size(STACK).build();
    let runtime = runtime.map_err(|e| Error::mistake("io", format!("cannot start: {e}")))?;
    let status = runtime.block_on(async {
        let now = jiff::Timestamp::now();
        let clock = Arc::new(Simulated::new(Time(now.as_millisecond())));
        let options = Options { clock: Arc::new(OfCluster(clock.clone())), ..Options::default() };
        let cluster = EmbeddedCluster::in_memory(options).await?;
        let all = named.iter().chain([&namespace]).filter(|n| *n != "default");
        for name in all.collect::<BTreeSet<_>>() {
            let text = format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n",
                Value::from(name.as_str())
            );
            let beside = Document::read_all("namespace", &text)?;
            Bundle { delivery: bundle.delivery.clone(), beside }.apply(&cluster.client(), &namespace).await?;
        }
        bundle.apply(&cluster.client(), &namespace).await?;
        let driver =
            Driver::new(cluster.client(), library).with_clock(clock.clone()).on_complete_cluster().local();
        let reference = driver.record(&bundle.delivery, &namespace).await?;
        let run = driver.drive(reference.clone(), Until::Suspended);
        let limit = clock.now().plus(args.time);
        let status = tokio::select! {
            end = run.wait() => end?,
            _ = clock.pass(limit) => driver.status(&reference).await?,
        };
        cluster.close().await;
        Ok::<RunStatus, Error>(status)
    })?;
    match args.output {
        Form::Json => out.result(format!("{:#}\n", serde_json::to_value(&status).unwrap_or_default())),
        Form::Table => out.result(super::status::steps(&bundle.delivery.reference(&namespace).name, &status)),
    }
}

/// The namespaces that the files name, wherever they do.
fn namespaces(bundle: &Bundle) -> Result<BTreeSet<String>, Error> {
    fn look(v: &Value, found: &mut BTreeSet<String>) {
        match v {
            Value::Object(m) => {
                for (key, v) in m {
                    match v {
                        Value::String(name) if key == "namespace" && is_name(name) => {
                            found.insert(name.clone());
                        }
                        other => look(other, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|v| look(v, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    let documents = bundle.beside.iter().chain([bundle.delivery.document()]);
    for document in documents {
        let mut value = document.value.clone();
        // What the run is told about itself is no place of an object.
        if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("context");
        }
        look(&value, &mut found);
    }
    Ok(found)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The clock of the simulation as the cluster takes it.
struct OfCluster(Arc<Simulated>);

impl stepwell_cluster::Clock for OfCluster {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0.now().0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    fn sleep_until(&self, deadline: jiff::Timestamp) -> BoxFuture<'static, ()> {
        self.0.sleep_until(Time(deadline.as_millisecond()))
    }
}
