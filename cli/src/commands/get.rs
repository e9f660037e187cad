//! `stepwell get all|KIND [NAME]`: what is in the cluster.

use crate::connect::{Connection, Target, block_on};
use crate::error::Error;
use crate::kinds::{self, Kind};
use crate::objects::in_usual_order;
use crate::output::{Output, table};
use clap::{Args, ValueEnum};
use futures::stream::{StreamExt, TryStreamExt};
use http::Request;
use serde_json::{Value, json};
use stepwell_lang::data::Data;
use stepwell_lang::encode::yaml;

/// Show what is in the cluster
///
/// `stepwell get all` shows everything in the namespace; `stepwell get deploy`, `stepwell get deploy web` one kind or object.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// `all`, or a kind by any of its names
    kind: String,
    /// One object of the kind
    name: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "name")]
    all_namespaces: bool,
    /// Only objects with these labels: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "name")]
    selector: Option<String>,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    #[command(flatten)]
    target: Target,
}

/// The forms of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table for people
    #[default]
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// Kinds that `all` leaves out: they come and go by the thousand and say nothing of what was delivered.
const NOISE: &[&str] = &["events", "leases", "endpointslices", "endpoints", "controllerrevisions"];

/// How many kinds are asked for at a time.
const AT_ONCE: usize = 8;

/// The form that servers make tables in.
const AS_TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    if args.kind == "all" && args.name.is_some() {
        return Err(Error::usage("`get all` takes no name; for one object name its kind: `get deploy web`"));
    }
    block_on(async {
        let connection = args.target.connect().await?;
        let shown = show(args, &connection, out).await;
        connection.close().await;
        shown
    })
}

async fn show(args: &Arguments, connection: &Connection, out: &Output) -> Result<(), Error> {
    let known = kinds::all(&connection.client).await?;
    let wanted: Vec<&Kind> = match args.kind.as_str() {
        "all" => known.iter().filter(|k| k.namespaced && !NOISE.contains(&k.plural.as_str())).collect(),
        word => vec![kinds::find(&known, word)?],
    };
    let accept = if args.output == Form::Table { AS_TABLE } else { "application/json" };
    let ask = |kind: &'_ Kind| {
        let uri = address(kind, args, connection);
        let kind = kind.clone();
        async move {
            let request = Request::get(uri).header("accept", accept).body(Vec::new());
            let request = request.map_err(|e| Error::mistake("usage", format!("{e}")))?;
            let answer: Value = connection.client.request(request).await?;
            Ok::<_, Error>((kind, answer))
        }
    };
    let answers = futures::stream::iter(wanted.iter().map(|k| ask(k)).collect::<Vec<_>>()).buffered(AT_ONCE);
    let answers: Vec<(Kind, Value)> = match args.kind.as_str() {
        // Some kinds may be forbidden to this user; what can be seen is shown.
        "all" => answers.filter_map(|a| async { a.ok() }).collect().await,
        _ => answers.try_collect().await?,
    };
    match args.output {
        Form::Table => show_tables(args, &answers, connection, out),
        form => {
            let whole = match (args.name.is_some(), answers.as_slice()) {
                (true, [(_, object)]) => object.clone(),
                _ => {
                    let items: Vec<Value> =
                        answers.iter().flat_map(|(kind, list)| items(kind, list)).collect();
                    json!({"apiVersion": "v1", "kind": "List", "items": items})
                }
            };
            let whole = without_bookkeeping(&in_usual_order(&whole));
            match form {
                Form::Yaml => out.result(yaml::write(&Data::from_json_value(&whole))),
                _ => out.result(format!("{whole:#}\n")),
            }
        }
    }
}

/// Objects without `managedFields`, which are for servers, and hide the rest from people.
fn without_bookkeeping(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    if let Some(items) = object.get_mut("items").and_then(Value::as_array_mut) {
        for item in items {
            *item = in_usual_order(&without_bookkeeping(item));
        }
    }
    object
}

/// Where a kind's objects, or the one that is named, are asked for.
fn address(kind: &Kind, args: &Arguments, connection: &Connection) -> String {
    let namespace = (!args.all_namespaces).then_some(connection.namespace.as_str());
    let mut path = kind.path(namespace);
    if let Some(name) = &args.name {
        path.push('/');
        path.extend(form_urlencoded::byte_serialize(name.as_bytes()));
    }
    if let Some(selector) = &args.selector {
        path.push_str("?labelSelector=");
        path.extend(form_urlencoded::byte_serialize(selector.as_bytes()));
    }
    path
}

/// The objects of a list, each with the type that lists leave out.
fn items(kind: &Kind, list: &Value) -> Vec<Value> {
    let version = match kind.group.is_empty() {
        true => kind.version.clone(),
        false => format!("{}/{}", kind.group, kind.version),
    };
    let typed = |item: &Value| {
        let mut object = json!({"apiVersion": version, "kind": kind.kind});
        if let (Some(object), Some(item)) = (object.as_object_mut(), item.as_object()) {
            object.extend(item.clone());
        }
        object
    };
    list["items"].as_array().into_iter().flatten().map(typed).collect()
}

fn show_tables(
    args: &Arguments,
    answers: &[(Kind, Value)],
    at: &Connection,
    out: &Output,
) -> Result<(), Error> {
    let mut blocks = Vec::new();
    for (kind, answer) in answers {
        let prefix = if args.kind == "all" { format!("{}/", kind.plural) } else { String::new() };
        let rows = rows(answer, &prefix, args.all_namespaces && kind.namespaced);
        if rows.len() > 1 {
            blocks.push(table(&rows));
        }
    }
    if blocks.is_empty() {
        let place = match args.all_namespaces {
            true => "the cluster".to_owned(),
            false => format!("namespace {}", at.namespace),
        };
        out.note(&format!("nothing found in {place} ({})", at.name));
    }
    out.result(blocks.join("\n"))
}

/// A server's table as rows, the first of them the heading; a plain list, from a server that makes no tables, with names alone.
fn rows(answer: &Value, prefix: &str, with_namespace: bool) -> Vec<Vec<String>> {
    let text = |v: &Value| match v {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let list = |v: &Value, at: &str| v[at].as_array().cloned().unwrap_or_default();
    let is_table = answer["kind"] == "Table";
    let columns = list(answer, "columnDefinitions");
    // Columns of a priority above 0 are for those who ask for more.
    let shown = |i: usize| columns.get(i).is_none_or(|c| c["priority"].as_i64().unwrap_or(0) == 0);
    let mut head: Vec<String> = match is_table {
        true => (0..columns.len())
            .filter(|i| shown(*i))
            .map(|i| text(&columns[i]["name"]).to_uppercase())
            .collect(),
        false => vec!["NAME".into()],
    };
    if with_namespace {
        head.insert(0, "NAMESPACE".into());
    }
    let mut out = vec![head];
    for row in list(answer, if is_table { "rows" } else { "items" }) {
        let metadata = if is_table { &row["object"]["metadata"] } else { &row["metadata"] };
        let mut cells: Vec<String> = match is_table {
            true => {
                let cells = list(&row, "cells");
                cells.iter().enumerate().filter(|(i, _)| shown(*i)).map(|(_, c)| text(c)).collect()
            }
            false => vec![text(&metadata["name"])],
        };
        if let Some(name) = cells.first_mut() {
            name.insert_str(0, prefix);
        }
        if with_namespace {
            cells.insert(0, text(&metadata["namespace"]));
        }
        out.push(cells);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_servers_are_read() {
        let answer = json!({
            "kind": "Table",
            "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}, {"name": "Images", "priority": 1}, {"name": "Age"}],
            "rows": [{"cells": ["web", "1/1", "nginx", "5s"], "object": {"metadata": {"namespace": "shop"}}}],
        });
        assert_eq!(
            table(&rows(&answer, "deployments/", true)),
            "NAMESPACE  NAME             READY  AGE\nshop       deployments/web  1/1    5s\n"
        );
        let plain = json!({"kind": "List", "items": [{"metadata": {"name": "a"}}]});
        assert_eq!(table(&rows(&plain, "", false)), "NAME\na\n");
    }
}
