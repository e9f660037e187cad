//! Definitions from the trees of `.proto` files.

use super::read::{self, Enum, Field, Item, Message, Notes, Setting};
use super::{Enums, ProtoFile};
use crate::encode::schema::File;
use crate::encode::{DecodeError, cue};
use crate::source::FileId;
use crate::syntax;
use crate::syntax::ast::{Decl, DeclKind};
use std::collections::{BTreeMap, BTreeSet};

/// Types that need no definition.
const SCALARS: &[(&str, &str)] = &[
    ("double", "float64"),
    ("float", "float32"),
    ("int32", "int32"),
    ("int64", "int64"),
    ("uint32", "uint32"),
    ("uint64", "uint64"),
    ("sint32", "int32"),
    ("sint64", "int64"),
    ("fixed32", "uint32"),
    ("fixed64", "uint64"),
    ("sfixed32", "int32"),
    ("sfixed64", "int64"),
    ("bool", "bool"),
    ("string", "string"),
    ("bytes", "bytes"),
];

/// Messages of `google.protobuf` that JSON writes in a way of its own, as that says it; with the standard package that says it.
const WELL_KNOWN: &[(&str, &str, Option<&str>)] = &[
    ("Any", "{\n// A URL that says of which type the other fields are.\n\"@type\": string\n...\n}", None),
    ("BoolValue", "null | bool", None),
    ("BytesValue", "null | bytes", None),
    ("DoubleValue", "null | float", None),
    ("Duration", "time.Duration", Some("time")),
    ("Empty", "struct.MaxFields(0)", Some("struct")),
    ("FieldMask", "string", None),
    ("FloatValue", "null | float", None),
    ("Int32Value", "null | int32", None),
    ("Int64Value", "null | int64", None),
    ("ListValue", "[...]", None),
    ("NullValue", "null", None),
    ("StringValue", "null | string", None),
    ("Struct", "{\n...\n}", None),
    ("Timestamp", "time.Time", Some("time")),
    ("UInt32Value", "null | uint32", None),
    ("UInt64Value", "null | uint64", None),
    ("Value", "_", None),
];

/// Files whose messages are known.
const KNOWN_FILES: &[&str] =
    &["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers", "descriptor"];

pub(super) fn is_known(path: &str) -> bool {
    let name = path.strip_prefix("google/protobuf/").and_then(|p| p.strip_suffix(".proto"));
    name.is_some_and(|n| KNOWN_FILES.contains(&n))
}

/// A message or enum that some file declares.
struct Known {
    /// The package of the language that it is in, as it is imported, and its name.
    package: (String, String),
    /// The definitions on the way to it.
    path: Vec<String>,
}

struct Writer<'f> {
    file: &'f ProtoFile,
    enums: Enums,
    known: BTreeMap<String, Known>,
    own: (String, String),
    out: File,
    /// Names at the top for definitions that something nearer hides.
    roots: BTreeSet<String>,
    /// The names of packages that are imported, by what is imported.
    packages: BTreeMap<(String, String), String>,
    mistakes: Vec<DecodeError>,
    /// The package and the messages around what is written.
    scope: Vec<&'f str>,
    /// How many of these are the package.
    outside: usize,
}

fn place(file: &ProtoFile) -> (String, String) {
    (file.import_path(), file.package().unwrap_or_default())
}

pub(super) fn definitions(
    path: &str,
    files: &BTreeMap<String, ProtoFile>,
    enums: Enums,
) -> Result<File, Vec<DecodeError>> {
    let Some(file) = files.get(path) else { return Ok(File::default()) };
    let mut known = BTreeMap::new();
    for file in files.values() {
        let mut scope = file.tree.package.clone();
        let outside = scope.len();
        declare(&file.tree.items, &place(file), outside, &mut scope, &mut known);
    }
    let mut writer = Writer {
        file,
        enums,
        known,
        own: place(file),
        out: File { docs: file.tree.docs.clone(), ..File::default() },
        roots: BTreeSet::new(),
        packages: BTreeMap::new(),
        mistakes: Vec::new(),
        scope: file.tree.package.iter().map(String::as_str).collect(),
        outside: file.tree.package.len(),
    };
    let mut body = String::new();
    writer.items(&file.tree.items, &mut body);
    for root in &writer.roots {
        body.push_str(&format!("\nlet Root_{root} = #{root}\n"));
    }
    writer.out.body = body.trim_start_matches('\n').to_owned();
    if writer.mistakes.is_empty() { Ok(writer.out) } else { Err(writer.mistakes) }
}

/// Notes every message and enum by its full name.
fn declare(
    items: &[Item],
    package: &(String, String),
    outside: usize,
    scope: &mut Vec<String>,
    known: &mut BTreeMap<String, Known>,
) {
    for item in items {
        let name = match item {
            Item::Message(m) => &m.name,
            Item::Enum(e) => &e.name,
            Item::Field(_) | Item::OneOf(..) => continue,
        };
        scope.push(name.clone());
        let path = scope[outside..].to_vec();
        known.insert(scope.join("."), Known { package: package.clone(), path });
        if let Item::Message(m) = item {
            declare(&m.items, package, outside, scope, known);
        }
        scope.pop();
    }
}

fn comments(lines: &[String], out: &mut String) {
    for line in lines {
        match line.as_str() {
            read::APART => out.push('\n'),
            "" => out.push_str("//\n"),
            line => out.push_str(&format!("// {line}\n")),
        }
    }
}

fn behind(notes: &Notes) -> String {
    notes.behind.as_ref().map_or(String::new(), |text| format!(" // {text}"))
}

/// The name that a field has in JSON.
fn json_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

/// A name as a label. One that is quoted hides nothing: not the types, nor the packages that are imported.
fn label(name: &str) -> String {
    let types = SCALARS.iter().map(|s| s.1).chain(["float", "time", "struct"]);
    if types.into_iter().any(|t| t == name) { format!("\"{name}\"") } else { cue::label(name) }
}

/// A part of an attribute, quoted where it must be.
fn part(text: &str) -> String {
    // Attributes are made of tokens: after a dot, `4e` would be a number that ends too early.
    let name = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if text.split(['.', '-']).all(name) {
        return text.to_owned();
    }
    if !text.contains(['"', '\\', '\n']) {
        return format!("\"{text}\"");
    }
    let mut hashes = String::from("#");
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("{hashes}\"{text}\"{hashes}")
}

impl<'f> Writer<'f> {
    fn items(&mut self, items: &'f [Item], out: &mut String) {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let mut labels: BTreeMap<String, &str> = BTreeMap::new();
        for item in items {
            match item {
                Item::Field(f) => {
                    self.field(f, "?", &mut labels, out);
                }
                Item::OneOf(notes, fields) if !fields.is_empty() => {
                    comments(&notes.before, out);
                    out.push_str("{}");
                    for f in fields {
                        out.push_str(" | {\n");
                        self.field(f, "", &mut labels, out);
                        out.push('}');
                    }
                    out.push('\n');
                }
                Item::OneOf(..) => {}
                Item::Message(m) => {
                    self.unique(&mut names, &m.name, m.at);
                    self.message(m, out);
                }
                Item::Enum(e) => {
                    self.unique(&mut names, &e.name, e.at);
                    enumeration(e, self.enums, out);
                }
            }
        }
    }

    fn mistake(&mut self, at: usize, message: String) {
        self.mistakes.push(read::error(&self.file.text, at, message));
    }

    fn unique(&mut self, names: &mut BTreeSet<&'f str>, name: &'f str, at: usize) {
        if !names.insert(name) {
            self.mistake(at, format!("{name} is declared twice"));
        }
    }

    fn message(&mut self, m: &'f Message, out: &mut String) {
        out.push('\n');
        comments(&m.notes.before, out);
        out.push_str(&format!("#{}: {{\n", m.name));
        if let Some(text) = &m.notes.behind {
            out.push_str(&format!("// {text}\n\n"));
        }
        self.scope.push(&m.name);
        self.items(&m.items, out);
        self.scope.pop();
        out.push_str("}\n\n");
    }

    fn field(&mut self, f: &'f Field, mark: &str, labels: &mut BTreeMap<String, &'f str>, out: &mut String) {
        let own = f.settings.iter().find(|s| s.name == "json_name");
        let name = match own {
            Some(s) => s.value.trim_matches(['"', '\'']).to_owned(),
            None => json_name(&f.name),
        };
        if let Some(other) = labels.insert(name.clone(), &f.name) {
            let message = format!("{} is called {name} in JSON, as {other} is", f.name);
            self.mistake(f.at, message);
        }
        let kind = self.kind(f);
        let value = match (&f.key, f.repeated) {
            (Some(_), _) => format!("{{\n[string]: {kind}\n}}"),
            (None, true) => format!("[...{kind}]"),
            (None, false) => kind,
        };
        let required = f.settings.iter().any(|s| s.name == REQUIRED && s.value == "true");
        let mark = if required { "" } else { mark };
        let mut parts = vec![f.number.clone()];
        match &f.key {
            Some(key) => parts.push(format!("map[{key}]{}", f.kind)),
            None => parts.push(f.kind.clone()),
        }
        if name != f.name {
            parts.push(if f.key.is_some() { f.name.clone() } else { format!("name={}", f.name) });
        }
        parts.extend(
            f.settings
                .iter()
                .filter(|s| !matches!(s.name.as_str(), "json_name" | REQUIRED | VALUE))
                .map(setting),
        );
        comments(&f.notes.before, out);
        let attribute = parts.join(",");
        out.push_str(&format!(
            "{}{mark}: {value} @protobuf({attribute}){}\n",
            label(&name),
            behind(&f.notes)
        ));
        for s in f.settings.iter().filter(|s| s.name == VALUE) {
            match expression(&unquoted(&s.value)) {
                Ok(value) => out.push_str(&format!("{}?: {value}\n", label(&name))),
                Err(why) => self.mistake(f.at, format!("{VALUE} of {} is no expression: {why}", f.name)),
            }
        }
    }

    /// The type of a field as an expression.
    fn kind(&mut self, f: &Field) -> String {
        if let Some((_, own)) = SCALARS.iter().find(|(name, _)| *name == f.kind) {
            return (*own).to_owned();
        }
        let full = f.kind.strip_prefix('.');
        let candidates = match full {
            Some(full) => vec![full.to_owned()],
            None => (0..=self.scope.len())
                .rev()
                .map(|n| {
                    self.scope[..n].iter().chain([&f.kind.as_str()]).copied().collect::<Vec<_>>().join(".")
                })
                .collect(),
        };
        for name in &candidates {
            if let Some(known) = self.known.get(name) {
                let (package, path) = (known.package.clone(), known.path.clone());
                return self.reference(&package, &path, f, name);
            }
            let well_known = name.strip_prefix("google.protobuf.");
            if let Some((_, text, package)) = WELL_KNOWN.iter().find(|w| Some(w.0) == well_known) {
                self.out.imports.extend(package);
                return (*text).to_owned();
            }
        }
        let names = self.known.keys().map(|n| n.rsplit('.').next().unwrap_or(n));
        let near = crate::text::nearest(&f.kind, names.chain(SCALARS.iter().map(|s| s.0)));
        let hint = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
        self.mistake(f.at, format!("the type {} is not declared{hint}", f.kind));
        "_".to_owned()
    }

    fn reference(&mut self, package: &(String, String), path: &[String], f: &Field, full: &str) -> String {
        let labels = |path: &[String]| path.iter().map(|p| format!("#{p}")).collect::<Vec<_>>().join(".");
        if *package != self.own {
            return format!("{}.{}", self.import(package), labels(path));
        }
        let written = f.kind.trim_start_matches('.').split('.').count();
        let from = path.len() - written.min(path.len());
        // The innermost declaration of the first name is the one that is meant.
        let first = &path[from];
        let met = (0..=self.scope.len())
            .rev()
            .map(|n| self.scope[..n].iter().copied().chain([first.as_str()]).collect::<Vec<_>>().join("."));
        let nearest = met.take(self.scope.len() + 1 - self.outside).find(|n| self.known.contains_key(n));
        let behind = path[from + 1..].iter().fold(String::new(), |out, p| format!("{out}.{p}"));
        if nearest.is_none_or(|n| format!("{n}{behind}") == full) {
            return labels(&path[from..]);
        }
        self.roots.insert(path[0].clone());
        let inner: String = path[1..].iter().map(|p| format!(".#{p}")).collect();
        format!("Root_{}{inner}", path[0])
    }

    /// The name by which an imported package is known in the file.
    fn import(&mut self, package: &(String, String)) -> String {
        if let Some(name) = self.packages.get(package) {
            return name.clone();
        }
        let (path, name) = package;
        let mut own = name.clone();
        let mut n = 1;
        // Standard packages that may be imported have their names.
        while self.packages.values().any(|p| *p == own) || matches!(own.as_str(), "time" | "struct") {
            own = format!("{name}_{n}");
            n += 1;
        }
        let last = path.rsplit('/').next().unwrap_or(path);
        let path = if last == name { path.clone() } else { format!("{path}:{name}") };
        self.out.others.insert(own.clone(), path);
        self.packages.insert(package.clone(), own.clone());
        own
    }
}

/// The option that makes a field required, and the one that says in the language what its value must be.
const REQUIRED: &str = "(cue.opt).required";
const VALUE: &str = "(cue.val)";

/// A text in the language as one expression, or what is wrong with it.
fn expression(text: &str) -> Result<String, String> {
    let whole = format!("x: {text}\n");
    let (file, mistakes) = syntax::parse(FileId(0), &whole);
    match (mistakes.first(), file.decls.as_slice()) {
        (Some(mistake), _) => Err(mistake.message.clone()),
        (None, [Decl { kind: DeclKind::Field(field), .. }]) if field.attributes.is_empty() => {
            Ok(syntax::fmt::format_expr(&field.value))
        }
        _ => Err("there is more than one field in it".to_owned()),
    }
}

/// What texts in quotes, one after the other, stand for.
fn unquoted(written: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (None, _) => {}
            (Some(q), c) if c == q => quote = None,
            (Some(_), '\\') => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(c) => out.push(c),
                None => {}
            },
            (Some(_), c) => out.push(c),
        }
    }
    out
}

fn setting(s: &Setting) -> String {
    match s.value.as_str() {
        "true" => part(&s.name),
        // What is in braces may be on several lines, which a part of an attribute must not be.
        value if value.starts_with('{') => {
            part(&format!("{}={}", s.name, value.split_whitespace().collect::<Vec<_>>().join(" ")))
        }
        value => part(&format!("{}={value}", s.name)),
    }
}

fn enumeration(e: &Enum, enums: Enums, out: &mut String) {
    out.push('\n');
    comments(&e.notes.before, out);
    match enums {
        Enums::Numbers => numbers(e, out),
        Enums::Names => names(e, out),
    }
    out.push_str(&format!("\n#{}_value: {{\n", e.name));
    for (_, name, number) in &e.values {
        out.push_str(&format!("{}: {number}\n", label(name)));
    }
    out.push_str("}\n\n");
}

/// Each value as a definition of its number.
fn numbers(e: &Enum, out: &mut String) {
    if let Some(text) = &e.notes.behind {
        out.push_str(&format!("// {text}\n"));
    }
    let names: Vec<String> = e.values.iter().map(|(_, name, _)| format!("#{name}")).collect();
    let any = if names.is_empty() { "int".to_owned() } else { names.join(" |\n") };
    out.push_str(&format!("#{}:\n{any}\n\n", e.name));
    for (notes, name, number) in &e.values {
        comments(&notes.before, out);
        out.push_str(&format!("#{name}: {number}{}\n", behind(notes)));
    }
}

/// Each value as its name, with its number beside it.
fn names(e: &Enum, out: &mut String) {
    out.push_str(&format!("#{}: ", e.name));
    if e.values.is_empty() {
        out.push_str("string");
    }
    // With comments a value takes several lines, and what follows its brace stays there.
    let mut line = false;
    for (i, (notes, name, number)) in e.values.iter().enumerate() {
        // What is said behind the brace of the enum is said of its first value.
        let said = e.notes.behind.as_ref().filter(|_| i == 0);
        let short = notes.before.is_empty() && notes.behind.is_none() && said.is_none();
        out.push_str(match (i, line && short) {
            (0, _) => "",
            (_, true) => " |\n",
            (_, false) => " | ",
        });
        if short {
            out.push_str(&format!("{{\"{name}\", #enumValue: {number}}}"));
        } else {
            out.push_str("{\n");
            out.push_str(&said.map_or(String::new(), |text| format!("// {text}\n")));
            comments(&notes.before, out);
            out.push_str(&format!("\"{name}\"{}\n#enumValue: {number}\n}}", behind(notes)));
        }
        line = short;
    }
    out.push_str("\n\n");
}
