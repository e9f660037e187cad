//! `stepwell status NAME`: an Application as a whole: its run, its objects, their health.

use crate::connect::{Connection, Target, block_on};
use crate::drive::Drive;
use crate::error::Error;
use crate::kinds;
use crate::library::builtin;
use crate::output::{Output, printable};
use crate::progress::{run_word, step_text};
use clap::{Args, ValueEnum};
use futures::stream::{StreamExt, TryStreamExt};
use http::Request;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stepwell_lang::data::Data;
use stepwell_lang::encode::yaml;
use stepwell_runtime::driver::RunRef;
use stepwell_runtime::model::run::RunStatus;
use stepwell_runtime::ops::support::ready::{Readiness, judge};

/// Show an Application: its run, its objects and their health, as a tree
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The name of the Application
    name: String,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    #[command(flatten)]
    target: Target,
}

/// The forms of the status.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Form {
    /// A tree for people
    #[default]
    Tree,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// How many kinds are asked for at a time.
const AT_ONCE: usize = 8;

/// What belongs to an Application carries its name under this label.
const NAME_LABEL: &str = "app.oam.dev/name";
const COMPONENT_LABEL: &str = "app.oam.dev/component";

/// What is recorded of an Application is no part of it.
const RECORDS: [&str; 2] = ["ApplicationRevision", "ResourceTracker"];
const SEALED: &str = "stepwell.dev/sealed";

/// An object of the Application.
struct Found {
    kind: String,
    name: String,
    namespace: String,
    component: String,
    health: Readiness,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    block_on(async {
        let connection = args.target.connect().await?;
        let shown = show(args, &connection, out).await;
        connection.close().await;
        shown
    })
}

async fn show(args: &Arguments, connection: &Connection, out: &Output) -> Result<(), Error> {
    let reference = RunRef::application(&connection.namespace, &args.name);
    let drive = Drive::new(connection, &args.target, builtin(), reference, &Default::default())?;
    let status = drive.driver.status(&drive.reference).await?;
    let mut objects = objects(connection, &args.name).await?;
    objects.sort_by(|a, b| (&a.component, &a.kind, &a.name).cmp(&(&b.component, &b.kind, &b.name)));
    let text = match args.output {
        Form::Tree => tree(&args.name, &status, &objects),
        form => {
            let entry = |o: &Found| {
                let (health, message) = words(&o.health);
                json!({"kind": o.kind, "namespace": o.namespace, "name": o.name, "component": o.component,
                       "health": health, "message": message})
            };
            let whole = json!({
                "name": args.name, "namespace": connection.namespace,
                "workflow": serde_json::to_value(&status).unwrap_or_default(),
                "objects": objects.iter().map(entry).collect::<Vec<_>>(),
            });
            match form {
                Form::Yaml => yaml::write(&Data::from_json_value(&whole)),
                _ => format!("{whole:#}\n"),
            }
        }
    };
    out.result(text)
}

/// Every object that carries the Application's name, of whatever kind, in the namespaces that it may have made them in.
async fn objects(connection: &Connection, name: &str) -> Result<Vec<Found>, Error> {
    let known = kinds::all(&connection.client).await?;
    let selector = format!("{NAME_LABEL}={name}");
    let ask = |kind: &kinds::Kind| {
        let query: String = form_urlencoded::byte_serialize(selector.as_bytes()).collect();
        let uri = format!("{}?labelSelector={query}", kind.path(None));
        let name = kind.kind.clone();
        async move {
            let request = Request::get(uri).body(Vec::new());
            let request = request.map_err(|e| Error::mistake("api", e.to_string()))?;
            match connection.client.request::<Value>(request).await {
                Ok(list) => Ok((name, list)),
                // A kind that this user may not see, or that cannot be selected, has nothing to show.
                Err(kube::Error::Api(_)) => Ok((name, Value::Null)),
                Err(e) => Err(Error::from(e)),
            }
        }
    };
    let asked: Vec<_> = known.iter().map(ask).collect();
    let lists: Vec<(String, Value)> = futures::stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    let mut found = Vec::new();
    for (kind, list) in lists {
        for item in list["items"].as_array().into_iter().flatten() {
            let text =
                |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            if RECORDS.contains(&kind.as_str()) || text("/type") == SEALED {
                continue;
            }
            let mut typed = item.clone();
            typed["kind"] = json!(kind);
            found.push(Found {
                kind: kind.clone(),
                name: text("/metadata/name"),
                namespace: text("/metadata/namespace"),
                component: item["metadata"]["labels"][COMPONENT_LABEL]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                health: judge(&typed),
            });
        }
    }
    Ok(found)
}

fn words(health: &Readiness) -> (&'static str, &str) {
    match health {
        Readiness::Ready => ("ready", ""),
        Readiness::Waiting(why) => ("waiting", why),
        Readiness::Failed(why) => ("failed", why),
    }
}

/// A line of the tree with those below it.
struct Node {
    line: String,
    below: Vec<Node>,
}

fn tree(name: &str, status: &RunStatus, objects: &[Found]) -> String {
    let leaf = |line: String| Node { line, below: Vec::new() };
    let steps = status.steps.iter().map(|step| Node {
        line: format!("{} ({}): {}", step.name, step.kind, step_text(step)),
        below: step
            .sub_steps
            .iter()
            .map(|s| leaf(format!("{} ({}): {}", s.name, s.kind, step_text(s))))
            .collect(),
    });
    let mut parts = vec![Node { line: "workflow".into(), below: steps.collect() }];
    let mut by_component: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
    for object in objects {
        let (word, why) = words(&object.health);
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        let node = leaf(format!("{} {}: {word}{why}", object.kind, object.name));
        by_component.entry(&object.component).or_default().push(node);
    }
    let others = by_component.remove("");
    parts.extend(
        by_component.into_iter().map(|(name, below)| Node { line: format!("component {name}"), below }),
    );
    parts.extend(others.map(|below| Node { line: "other objects".into(), below }));
    let mut text = format!("{}: {}\n", printable(name), run_word(status.phase));
    draw(&parts, "", &mut text);
    text
}

fn draw(nodes: &[Node], indent: &str, text: &mut String) {
    for (i, node) in nodes.iter().enumerate() {
        let last = i + 1 == nodes.len();
        let (corner, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let line = printable(&node.line).replace('\n', " ");
        text.push_str(&format!("{indent}{corner}{line}\n"));
        draw(&node.below, &format!("{indent}{below}"), text);
    }
}
