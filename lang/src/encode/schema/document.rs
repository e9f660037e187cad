//! Whole documents: a JSON Schema, the schemas of an OpenAPI document, the custom resource definitions of Kubernetes.

use super::Mistake;
use super::convert::{Converter, Dialect, Types, find};
use super::object::field;
use crate::data::Data;
use crate::encode::cue;
use crate::eval::label::is_identifier;
use crate::load::Interpretation;
use crate::source::FileId;
use std::collections::{BTreeMap, BTreeSet};

/// A file of the language in the making.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// The comment at its beginning, line by line.
    pub docs: Vec<String>,
    /// The standard packages that it imports.
    pub imports: BTreeSet<&'static str>,
    /// Other packages that it imports, by the name that they have in it.
    pub others: BTreeMap<String, String>,
    /// Its declarations.
    pub body: String,
}

impl File {
    /// A file that holds data.
    pub fn of_data(data: &Data) -> File {
        File { body: cue::write(data), ..File::default() }
    }

    /// The same with everything below labels; the first is the outermost.
    pub fn below(mut self, labels: &[String]) -> File {
        for label in labels.iter().rev() {
            self.body = format!("{label}: {{\n{}}}\n", self.body);
        }
        self
    }

    /// Its text in the one form of the formatter.
    pub fn text(&self, package: Option<&str>) -> String {
        let mut out = String::new();
        for line in &self.docs {
            out.push_str("//");
            out.push_str(if line.is_empty() { "" } else { " " });
            out.push_str(line);
            out.push('\n');
        }
        if let Some(package) = package {
            out.push_str(&format!("package {package}\n\n"));
        } else if !self.docs.is_empty() {
            out.push('\n');
        }
        let mut imports: Vec<String> = self.imports.iter().map(|p| format!("{p:?}")).collect();
        imports.extend(self.others.iter().map(|(name, path)| {
            let own = path.rsplit(['/', ':']).next() == Some(name);
            if own { format!("{path:?}") } else { format!("{name} {path:?}") }
        }));
        match imports.as_slice() {
            [] => {}
            [one] => out.push_str(&format!("import {one}\n\n")),
            several => out.push_str(&format!("import (\n{}\n)\n\n", several.join("\n"))),
        }
        out.push_str(&self.body);
        let (file, mistakes) = crate::syntax::parse(FileId(0), &out);
        match mistakes.is_empty() {
            true => crate::syntax::fmt::format(&file),
            false => out,
        }
    }
}

/// What a document says it is.
pub fn interpret(data: &Data) -> Interpretation {
    let text = |name: &str| match data.get(name) {
        Some(Data::String(text)) => Some(text.to_string()),
        _ => None,
    };
    if text("$schema").is_some_and(|s| s.contains("://json-schema.org/")) {
        return Interpretation::JsonSchema;
    }
    if text("openapi").is_some_and(|v| v.starts_with('3')) && data.get("info").is_some() {
        return Interpretation::OpenApi;
    }
    match text("kind").as_deref() {
        Some("CustomResourceDefinition") => Interpretation::Crd,
        _ => Interpretation::Data,
    }
}

/// A JSON Schema as a file: its value at the top, its `$defs` as definitions.
///
/// ```
/// use stepwell_lang::encode::{json, schema};
/// let data = json::parse(r#"{"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}"#).unwrap();
/// assert_eq!(schema::json_schema(&data).unwrap().text(None), "a!: string\n...\n");
/// ```
pub fn json_schema(data: &Data) -> Result<File, Vec<Mistake>> {
    let mut c = Converter::new(data, Dialect::JsonSchema);
    if let Some(schema) = data.get("$schema") {
        let known = matches!(schema, Data::String(s) if s.contains("json-schema.org/"));
        if !known {
            c.at("$schema", |c| c.mistake("this kind of schema is not known: it must be of json-schema.org"));
        }
    }
    let whole = c.schema(data, Types::ALL);
    let mut definitions = String::new();
    let mut unnamed = String::new();
    for key in ["$defs", "definitions"] {
        let Some(Data::Struct(found)) = data.get(key) else { continue };
        for (name, schema) in found {
            let value = c.at(key, |c| c.at(&**name, |c| c.schema(schema, Types::ALL)));
            match is_identifier(name) {
                true => definitions.push_str(&format!("\n{}", field(&format!("#{name}"), &value))),
                false => unnamed.push_str(&field(&cue::label(name), &value)),
            }
        }
    }
    if !unnamed.is_empty() {
        definitions.push_str(&format!("\n#: {{\n{unnamed}}}\n"));
    }
    definitions.push_str(&others(&mut c));
    let mut body = match &whole.fields {
        Some(fields) => fields.clone(),
        None => format!("{}\n", whole.text),
    };
    body.push_str(&definitions);
    if c.refers_to_root {
        body = format!("_schema\n_schema: {{\n{body}}}\n");
    }
    done(c, File { docs: whole.docs, body, ..File::default() })
}

/// The schemas of an OpenAPI document as definitions.
pub fn open_api(data: &Data) -> Result<File, Vec<Mistake>> {
    let mut c = Converter::new(data, Dialect::OpenApi);
    let mut docs = Vec::new();
    let mut body = String::new();
    if let Some(info @ Data::Struct(fields)) = data.get("info") {
        for name in ["title", "description"] {
            if let Some(Data::String(text)) = info.get(name) {
                if !docs.is_empty() {
                    docs.push(String::new());
                }
                docs.extend(text.trim().lines().map(|l| l.trim_end().to_owned()));
            }
        }
        let field = |(name, value): &(std::sync::Arc<str>, Data)| {
            let text = cue::expression(value);
            match matches!(&**name, "title" | "version") {
                true => format!("{}: *{text} | string\n", cue::label(name)),
                false => format!("{}: {text}\n", cue::label(name)),
            }
        };
        body.push_str(&format!("info: {{\n{}}}\n", fields.iter().map(field).collect::<String>()));
    }
    let place = ["components".to_owned(), "schemas".to_owned()];
    match find(data, &place) {
        Some(Data::Struct(schemas)) => {
            for (name, schema) in schemas {
                let value = c.at("components", |c| {
                    c.at("schemas", |c| c.at(&**name, |c| c.schema(schema, Types::ALL)))
                });
                let label = match is_identifier(name) {
                    true => format!("#{name}"),
                    false => format!("#SchemaMap: {}", cue::label(name)),
                };
                body.push_str(&format!("\n{}", field(&label, &value)));
            }
        }
        Some(_) => c.mistake("components.schemas must be a struct"),
        None => {}
    }
    body.push_str(&others(&mut c));
    done(c, File { docs, body, ..File::default() })
}

/// A version of a custom resource as a file of a package.
#[derive(Clone, Debug)]
pub struct CustomResource {
    /// The version, which is the name of the package.
    pub version: String,
    /// The group.
    pub group: String,
    /// The kind, which is the name of the definition.
    pub kind: String,
    /// The singular name, for files.
    pub singular: String,
    /// The file.
    pub file: File,
}

/// The versions of a custom resource definition (`apiextensions.k8s.io/v1`).
pub fn custom_resources(data: &Data) -> Result<Vec<CustomResource>, Vec<Mistake>> {
    let wrong = |path: &[&str], message: &str| {
        let path = path.iter().map(|p| (*p).to_owned()).collect();
        Err(vec![Mistake { path, message: message.to_owned(), hint: None }])
    };
    let text = |path: &[&str]| match path.iter().try_fold(data, |at, part| at.get(part)) {
        Some(Data::String(text)) => Some(text.to_string()),
        _ => None,
    };
    if text(&["kind"]).as_deref() != Some("CustomResourceDefinition") {
        return wrong(&["kind"], "this is no CustomResourceDefinition");
    }
    let Some(kind) = text(&["spec", "names", "kind"]) else {
        return wrong(&["spec", "names", "kind"], "the kind must be given");
    };
    if !is_identifier(&kind) {
        return wrong(
            &["spec", "names", "kind"],
            "the kind must be a name, as it is the name of the definition",
        );
    }
    let Some(group) = text(&["spec", "group"]) else {
        return wrong(&["spec", "group"], "the group must be given");
    };
    let Some(Data::List(versions)) = data.get("spec").and_then(|s| s.get("versions")) else {
        return wrong(&["spec", "versions"], "the versions must be given, as in apiextensions.k8s.io/v1");
    };
    let singular = text(&["spec", "names", "singular"]).unwrap_or_else(|| kind.to_lowercase());
    // It becomes the name of a file.
    let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if singular.is_empty() || !singular.chars().all(plain) {
        return wrong(&["spec", "names", "singular"], "the singular must be of letters, digits and -");
    }
    let namespaced = text(&["spec", "scope"]).as_deref() != Some("Cluster");
    let mut out = Vec::new();
    let mut mistakes = Vec::new();
    for (i, version) in versions.iter().enumerate() {
        let name = match version.get("name") {
            Some(Data::String(name)) if is_identifier(name) => Some(name),
            _ => None,
        };
        let Some(name) = name else {
            mistakes.push(Mistake {
                path: vec!["spec".into(), "versions".into(), i.to_string()],
                message: "a version must have a name of letters and digits, as v1: it is that of a package"
                    .into(),
                hint: None,
            });
            continue;
        };
        let empty = Data::Struct(Vec::new());
        let schema = version.get("schema").and_then(|s| s.get("openAPIV3Schema")).unwrap_or(&empty);
        // What every object has is said below, better.
        let own = without_common(schema);
        let mut c = Converter::new(schema, Dialect::Structural);
        c.path =
            ["spec", "versions", &i.to_string(), "schema", "openAPIV3Schema"].map(str::to_owned).to_vec();
        let value = c.schema(&own, Types::ALL);
        let mut body = value.fields.clone().unwrap_or_else(|| match value.text.as_str() {
            "{}" | "_" => String::new(),
            text => format!("{text}\n"),
        });
        let api_version = cue::quote(&format!("{group}/{name}"));
        body.push_str(&format!("apiVersion: {api_version}\nkind: {}\n", cue::quote(&kind)));
        let namespace = if namespaced { "namespace!: string\n" } else { "" };
        body.push_str(&format!(
            "metadata!: {{\nname!: string\n{namespace}labels?: [string]: string\nannotations?: [string]: string\n...\n}}\n"
        ));
        if c.embedded_resource {
            body.push_str(
                "\n_embeddedResource: {\napiVersion!: string\nkind!: string\nmetadata?: {\n...\n}\n}\n",
            );
        }
        let text = super::convert::documented(&value, &format!("#{kind}: {{\n{body}}}\n"));
        match done(c, File { body: text, ..File::default() }) {
            Ok(file) => out.push(CustomResource {
                version: name.to_string(),
                group: group.clone(),
                kind: kind.clone(),
                singular: singular.clone(),
                file,
            }),
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() { Ok(out) } else { Err(mistakes) }
}

fn without_common(schema: &Data) -> Data {
    let common = |name: &str| matches!(name, "apiVersion" | "kind" | "metadata");
    let Data::Struct(fields) = schema else { return schema.clone() };
    let field = |(name, value): &(std::sync::Arc<str>, Data)| match (&**name, value) {
        ("properties", Data::Struct(properties)) => {
            let kept = properties.iter().filter(|(n, _)| !common(n)).cloned().collect();
            (name.clone(), Data::Struct(kept))
        }
        ("required", Data::List(names)) => {
            let kept = names.iter().filter(|n| !matches!(n, Data::String(n) if common(n))).cloned().collect();
            (name.clone(), Data::List(kept))
        }
        _ => (name.clone(), value.clone()),
    };
    Data::Struct(fields.iter().map(field).collect())
}

/// The schemas that are referred to though they are no definitions, with those that they refer to.
fn others(c: &mut Converter<'_>) -> String {
    let root = c.root;
    while let Some(pointer) = c.others.iter().find(|(_, text)| text.is_none()).map(|(p, _)| p.clone()) {
        let parts: Vec<String> = pointer.split('/').skip(1).map(super::convert::unescaped).collect();
        let before = std::mem::replace(&mut c.path, parts.clone());
        let text = match find(root, &parts) {
            Some(schema) => {
                let value = c.schema(schema, Types::ALL);
                field(&cue::quote(&pointer), &value)
            }
            None => String::new(),
        };
        c.path = before;
        c.others.insert(pointer, Some(text));
    }
    match c.others.is_empty() {
        true => String::new(),
        false => format!("\n_#defs: {{\n{}}}\n", c.others.values().flatten().cloned().collect::<String>()),
    }
}

fn done(c: Converter<'_>, mut file: File) -> Result<File, Vec<Mistake>> {
    file.imports = c.imports;
    if c.mistakes.is_empty() { Ok(file) } else { Err(c.mistakes) }
}
