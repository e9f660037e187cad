//! `cargo xtask protobuf-schema`: makes the table of field numbers by which the embedded cluster reads objects that come
//! as protobuf (`cluster/schema/protobuf.json`), from the Go types of the Kubernetes modules that `tests/controlplane`
//! names (needs Go to find them). Only the numbers, names and flags are taken: what the fields are, the table of
//! `cargo xtask apply-schema` says. One type per line, sorted; `cluster/src/api/protobuf.rs` describes the form.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::{Result, root};

/// By type: its fields, each `NUMBER NAME`, `NUMBER NAME?` or `NUMBER =TYPE`.
type Table = BTreeMap<String, Vec<String>>;

/// Makes the table anew.
pub(crate) fn run() -> Result<()> {
    let known: Value =
        serde_json::from_slice(&std::fs::read(root().join("cluster/schema/apply-schema.json"))?)?;
    let known = known["types"].as_object().ok_or("apply-schema.json has no types")?;
    let mut packages: Vec<&str> = known.keys().filter_map(|name| Some(name.rsplit_once('.')?.0)).collect();
    packages.sort_unstable();
    packages.dedup();

    let (api, machinery) = (module("k8s.io/api")?, module("k8s.io/apimachinery")?);
    let mut table = Table::new();
    for package in packages {
        let path = package.replace('.', "/");
        for folder in [Path::new(&api).join(&path), Path::new(&machinery).join("pkg/apis").join(&path)] {
            if let Ok(text) = std::fs::read_to_string(folder.join("types.go")) {
                structs(package, &text, &mut table);
            }
        }
    }
    // What is embedded in a known type is needed too, though it has no name of its own outside Go.
    let embedded: Vec<String> =
        table.values().flatten().filter_map(|field| Some(field.split_once('=')?.1.to_owned())).collect();
    table.retain(|name, fields| !fields.is_empty() && (known.contains_key(name) || embedded.contains(name)));

    let mut out = "{\n".to_owned();
    for (index, (name, fields)) in table.iter().enumerate() {
        let comma = if index + 1 < table.len() { "," } else { "" };
        writeln!(out, "{}: {}{comma}", json!(name), json!(fields.join(", ")))?;
    }
    out.push_str("}\n");
    let target = root().join("cluster/schema/protobuf.json");
    std::fs::write(&target, out)?;
    println!("{}", target.display());
    Ok(())
}

/// The folder of a module of the control plane.
fn module(name: &str) -> Result<String> {
    let output = Command::new("go")
        .current_dir(root().join("tests/controlplane"))
        .env("GOTOOLCHAIN", "local")
        .args(["list", "-m", "-f", "{{.Dir}}", name])
        .output()?;
    let folder = String::from_utf8(output.stdout)?.trim().to_owned();
    if folder.is_empty() { Err(format!("{name}: not downloaded").into()) } else { Ok(folder) }
}

/// Reads the structs of one Go file whose fields have protobuf numbers.
fn structs(package: &str, text: &str, table: &mut Table) {
    let imports: BTreeMap<&str, String> = text.lines().filter_map(import).collect();
    let mut current: Option<(String, Vec<String>)> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("type ").and_then(|rest| rest.strip_suffix(" struct {")) {
            current = Some((format!("{package}.{name}"), Vec::new()));
        } else if line == "}" {
            table.extend(current.take());
        } else if let Some((_, fields)) = &mut current {
            fields.extend(field(package, &imports, line));
        }
    }
}

/// `alias "path"` as the alias and the package as the table names it.
fn import(line: &str) -> Option<(&str, String)> {
    let (alias, path) = line.trim().split_once('"')?;
    let path = path.strip_suffix('"')?;
    let short =
        path.strip_prefix("k8s.io/api/").or_else(|| path.strip_prefix("k8s.io/apimachinery/pkg/apis/"))?;
    let alias = alias.trim();
    Some((if alias.is_empty() { path.rsplit('/').next()? } else { alias }, short.replace('/', ".")))
}

fn field(package: &str, imports: &BTreeMap<&str, String>, line: &str) -> Option<String> {
    let (declared, tags) = line.trim().split_once('`')?;
    let tag = |name: &str| {
        let (_, rest) = tags.split_once(&format!("{name}:\""))?;
        rest.split_once('"').map(|(value, _)| value)
    };
    let number = tag("protobuf")?.split(',').nth(1)?;
    let (name, options) = tag("json")?.split_once(',').unwrap_or((tag("json")?, ""));
    let go_type = declared.split_whitespace().last()?;
    if name.is_empty() {
        let go_type = match go_type.split_once('.') {
            Some((alias, name)) => format!("{}.{name}", imports.get(alias)?),
            None => format!("{package}.{go_type}"),
        };
        return Some(format!("{number} ={go_type}"));
    }
    let optional = options.split(',').any(|option| option == "omitempty" || option == "omitzero");
    // Go writes what is no pointer even where it is empty; JSON does not.
    let mark = if optional && !go_type.starts_with('*') { "?" } else { "" };
    Some(format!("{number} {name}{mark}"))
}
