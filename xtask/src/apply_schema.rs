//! `cargo xtask apply-schema DIR`: makes the table by which the embedded cluster knows the structure of built-in kinds
//! (`cluster/schema/apply-schema.json`) from the OpenAPI v3 documents of a real API server: one JSON file for each group
//! version under DIR, as `GET /openapi/v3/apis/apps/v1` returns it or as Kubernetes keeps them in
//! `api/openapi-spec/v3`. The output has one type per line, sorted, so that a new Kubernetes shows as a readable
//! difference. `cluster/src/schema/mod.rs` reads it and describes the form.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
};

use clap::Args;
use serde_json::{Map, Value, json};

use crate::Result;

/// Make the table of the structure of built-in kinds from OpenAPI v3 documents
#[derive(Debug, Args)]
pub(crate) struct ApplySchema {
    /// The folder of documents, one JSON file for each group version
    dir: PathBuf,
    /// Check that the table would not change, and write nothing
    #[arg(long)]
    check: bool,
}

impl ApplySchema {
    /// Checks that the table is what these documents give.
    pub(crate) fn check(dir: &std::path::Path) -> Self {
        Self { dir: dir.to_owned(), check: true }
    }

    pub(crate) fn run(&self) -> Result<()> {
        let mut schemas = BTreeMap::new();
        let mut version = String::new();
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.dir)?
            .map(|entry| entry.map(|e| e.path()))
            .collect::<std::io::Result<_>>()?;
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "json")) {
            let document: Value = serde_json::from_slice(&std::fs::read(file)?)?;
            for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
                schemas.insert(name.clone(), schema.clone());
            }
            if let Some(text) = document["info"]["version"].as_str() {
                version = text.to_owned();
            }
        }
        let text = table(&schemas, &version)?;
        let target = crate::root().join("cluster/schema/apply-schema.json");
        if self.check {
            if std::fs::read_to_string(&target)? == text {
                return Ok(());
            }
            return Err(format!("{} is out of date: run `cargo xtask apply-schema`", target.display()).into());
        }
        std::fs::write(&target, text)?;
        println!("{}", target.display());
        Ok(())
    }
}

fn table(schemas: &BTreeMap<String, Value>, version: &str) -> Result<String> {
    let mut kinds = BTreeMap::new();
    let mut todo = Vec::new();
    for (name, schema) in schemas {
        for gvk in schema["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let text = |field: &str| gvk[field].as_str().unwrap_or_default().to_owned();
            // Only stable versions of whole objects: lists and options have no ObjectMeta.
            let stable = !text("version").contains("alpha") && !text("version").contains("beta");
            let is_object = schema["properties"]["metadata"].to_string().contains("ObjectMeta");
            if stable && is_object {
                let key = format!("{}/{}/{}", text("group"), text("version"), text("kind"));
                kinds.insert(key, short(name));
                todo.push(name.clone());
            }
        }
    }
    let mut seen = BTreeSet::new();
    let mut types = BTreeMap::new();
    while let Some(name) = todo.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let schema =
            schemas.get(&name).ok_or_else(|| format!("the type {name} is used but not described"))?;
        types.insert(short(&name), node(schema, &mut todo));
    }
    let mut out = format!("{{\n\"kubernetes\": {},\n\"kinds\": {{\n", json!(version));
    lines(&mut out, &kinds.into_iter().map(|(k, v)| (k, json!(v))).collect())?;
    out.push_str("},\n\"types\": {\n");
    lines(&mut out, &types)?;
    out.push_str("}\n}\n");
    Ok(out)
}

fn lines(out: &mut String, entries: &BTreeMap<String, Value>) -> Result<()> {
    for (index, (key, value)) in entries.iter().enumerate() {
        let comma = if index + 1 < entries.len() { "," } else { "" };
        writeln!(out, "{}: {value}{comma}", json!(key))?;
    }
    Ok(())
}

/// `io.k8s.api.apps.v1.Deployment` as `apps.v1.Deployment`.
fn short(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    for prefix in [
        "io.k8s.api.",
        "io.k8s.apimachinery.pkg.apis.",
        "io.k8s.apimachinery.pkg.",
        "io.k8s.apiextensions-apiserver.pkg.apis.",
        "io.k8s.kube-aggregator.pkg.apis.",
    ] {
        if let Some(rest) = name.strip_prefix(prefix) {
            return rest.to_owned();
        }
    }
    name.to_owned()
}

/// One schema in the compact form; names of types met on the way go to `todo`.
fn node(schema: &Value, todo: &mut Vec<String>) -> Value {
    let mut node = shape(schema, todo);
    let mut extra = Map::new();
    if let Some(default) = schema.get("default") {
        extra.insert("default".into(), default.clone());
    }
    if schema["x-kubernetes-map-type"] == "atomic" {
        extra.insert("atomic".into(), true.into());
    }
    let strategy = schema["x-kubernetes-patch-strategy"].as_str().unwrap_or_default();
    if strategy.split(',').any(|s| s == "retainKeys") {
        extra.insert("retainKeys".into(), true.into());
    }
    if extra.is_empty() {
        return node;
    }
    if node.is_string() {
        node = json!({"type": node});
    }
    if let Some(fields) = node.as_object_mut() {
        fields.extend(extra);
    }
    node
}

fn shape(schema: &Value, todo: &mut Vec<String>) -> Value {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    if let Some(reference) = reference {
        let full = reference.rsplit('/').next().unwrap_or(reference);
        match short(full).as_str() {
            "api.resource.Quantity" => return json!("quantity"),
            "util.intstr.IntOrString" => return json!("int-or-string"),
            "meta.v1.Time" | "meta.v1.MicroTime" => return json!("time"),
            name => {
                todo.push(full.to_owned());
                return json!({"ref": name});
            }
        }
    }
    if let Some(properties) = schema["properties"].as_object() {
        let fields: BTreeMap<&String, Value> =
            properties.iter().map(|(name, schema)| (name, node(schema, todo))).collect();
        let mut shape = json!({"fields": fields});
        if let Some(required) = schema.get("required") {
            shape["required"] = required.clone();
        }
        return shape;
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("object"), _) => match schema.get("additionalProperties") {
            Some(values) if values.is_object() => json!({"map": node(values, todo)}),
            _ => json!("any"),
        },
        (Some("array"), _) => {
            // An item's own default says nothing: items are always there.
            let mut items = schema["items"].clone();
            if let Some(items) = items.as_object_mut() {
                items.remove("default");
            }
            let mut list = json!({"list": node(&items, todo)});
            let kind = schema["x-kubernetes-list-type"].as_str().unwrap_or("atomic");
            if kind != "atomic" {
                list["merge"] = kind.into();
            }
            if let Some(keys) = schema.get("x-kubernetes-list-map-keys") {
                list["keys"] = keys.clone();
            }
            let strategy = schema["x-kubernetes-patch-strategy"].as_str().unwrap_or_default();
            if strategy.split(',').any(|s| s == "merge") {
                list["patch"] = schema.get("x-kubernetes-patch-merge-key").cloned().unwrap_or(json!(""));
            }
            list
        }
        (Some("string"), Some("date-time")) => json!("time"),
        (Some("string"), Some("byte")) => json!("bytes"),
        (Some("integer"), Some("int64")) => json!("int64"),
        (Some("integer"), _) => json!("int32"),
        (Some(scalar @ ("string" | "boolean" | "number")), _) => json!(scalar),
        _ => json!("any"),
    }
}
