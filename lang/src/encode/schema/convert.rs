//! One schema as an expression.

use super::Mistake;
use crate::data::Data;
use crate::encode::cue;
use crate::eval::label::is_identifier;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    JsonSchema,
    OpenApi,
    /// The structural schemas of Kubernetes.
    Structural,
}

/// A set of JSON's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(pub(super) u8);

impl Types {
    pub(super) const ALL: Types = Types(63);
    pub(super) const NULL: u8 = 1;
    const BOOL: u8 = 2;
    const NUMBER: u8 = 4;
    const STRING: u8 = 8;
    const ARRAY: u8 = 16;
    const OBJECT: u8 = 32;

    fn of(data: &Data) -> u8 {
        match data {
            Data::Null => Types::NULL,
            Data::Bool(_) => Types::BOOL,
            Data::Number(_) => Types::NUMBER,
            Data::String(_) | Data::Bytes(_) => Types::STRING,
            Data::List(_) => Types::ARRAY,
            Data::Struct(_) => Types::OBJECT,
        }
    }
}

/// A schema as an expression.
#[derive(Clone, Debug)]
pub(super) struct Converted {
    /// The expression.
    pub(super) text: String,
    /// Whether it must be bracketed before something is put beside it.
    pub(super) loose: bool,
    /// The declarations, if it is nothing but a struct.
    pub(super) fields: Option<String>,
    /// Comment lines.
    pub(super) docs: Vec<String>,
    /// Attributes.
    pub(super) attributes: String,
    /// The types that are left.
    types: Types,
    /// Whether it says nothing but which types there may be.
    bare: bool,
}

impl Converted {
    /// The expression as an operand.
    pub(super) fn operand(&self) -> String {
        if self.loose { format!("({})", self.text) } else { self.text.clone() }
    }
}

/// How deep schemas may be nested.
const MAX_DEPTH: usize = 500;

/// Converts the schemas of one document.
pub(super) struct Converter<'d> {
    pub(super) root: &'d Data,
    pub(super) dialect: Dialect,
    /// Standard packages that the text needs.
    pub(super) imports: BTreeSet<&'static str>,
    pub(super) mistakes: Vec<Mistake>,
    /// Where the converter is.
    pub(super) path: Vec<String>,
    /// Schemas that are referred to without being definitions, by pointer: what they become, once that is known.
    pub(super) others: BTreeMap<String, Option<String>>,
    /// Whether the whole refers to itself.
    pub(super) refers_to_root: bool,
    pub(super) embedded_resource: bool,
}

impl<'d> Converter<'d> {
    pub(super) fn new(root: &'d Data, dialect: Dialect) -> Converter<'d> {
        Converter {
            root,
            dialect,
            imports: BTreeSet::new(),
            mistakes: Vec::new(),
            path: Vec::new(),
            others: BTreeMap::new(),
            refers_to_root: false,
            embedded_resource: false,
        }
    }

    pub(super) fn mistake(&mut self, message: impl Into<String>) {
        self.mistakes.push(Mistake { path: self.path.clone(), message: message.into(), hint: None });
    }

    /// Does something one step further down.
    pub(super) fn at<T>(&mut self, step: impl Into<String>, f: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.into());
        let out = f(self);
        self.path.pop();
        out
    }

    pub(super) fn call(&mut self, package: &'static str, call: String) -> String {
        self.imports.insert(package);
        format!("{}.{call}", package.rsplit('/').next().unwrap_or(package))
    }

    /// The member of a schema, if it is of a kind; a mistake otherwise.
    pub(super) fn number(&mut self, s: &Data, name: &str) -> Option<String> {
        match s.get(name)? {
            Data::Number(n) => Some(n.to_string()),
            _ => {
                self.at(name, |c| c.mistake(format!("{name} must be a number")));
                None
            }
        }
    }

    pub(super) fn count(&mut self, s: &Data, name: &str) -> Option<usize> {
        let value = s.get(name)?;
        match value {
            Data::Number(n) if n.is_int() && n.to_i64().is_some_and(|n| n >= 0) => {
                n.to_i64().map(|n| n as usize)
            }
            _ => {
                self.at(name, |c| c.mistake(format!("{name} must be an integer that is not negative")));
                None
            }
        }
    }

    pub(super) fn text<'s>(&mut self, s: &'s Data, name: &str) -> Option<&'s Arc<str>> {
        match s.get(name)? {
            Data::String(text) => Some(text),
            _ => {
                self.at(name, |c| c.mistake(format!("{name} must be a text")));
                None
            }
        }
    }

    /// A schema, as far as it can be one of `types`.
    pub(super) fn schema(&mut self, s: &Data, types: Types) -> Converted {
        if self.path.len() > MAX_DEPTH {
            self.mistake("the schema is nested too deeply");
            return simple("_", types);
        }
        crate::compile::stack(|| match s {
            Data::Bool(true) => simple("_", types),
            Data::Bool(false) => simple("error(\"disallowed\")", types),
            Data::Struct(_) => self.members(s, types),
            _ => {
                self.mistake("a schema is a struct, true or false");
                simple("_", types)
            }
        })
    }

    fn members(&mut self, s: &Data, inherited: Types) -> Converted {
        let mut types = inherited;
        let (declared, integer) = self.types(s);
        if let Some(declared) = declared {
            types.0 &= declared.0;
        }
        let nullable = self.dialect != Dialect::JsonSchema && s.get("nullable") == Some(&Data::Bool(true));
        let mut all: Vec<(String, bool)> = Vec::new();
        if s.get("x-kubernetes-int-or-string") == Some(&Data::Bool(true)) {
            let pattern = self.pattern(s);
            let text = pattern.map_or("string".to_owned(), |p| p);
            all.push((format!("int | {text}"), true));
            return self.finished(s, all, None, nullable, types);
        }
        if let Some(reference) = s.get("$ref").or(s.get("$dynamicRef")) {
            match reference {
                Data::String(target) => {
                    let target = target.clone();
                    let text = self.at("$ref", |c| c.reference(&target));
                    all.push((text, false));
                }
                _ => self.at("$ref", |c| c.mistake("$ref must be a text")),
            }
        }
        let mut values: Vec<&Data> = Vec::new();
        if let Some(value) = s.get("const") {
            values.push(value);
        }
        match s.get("enum") {
            Some(Data::List(items)) => values.extend(items),
            Some(_) => self.at("enum", |c| c.mistake("enum must be a list")),
            None => {}
        }
        if s.get("const").is_some() || s.get("enum").is_some() {
            let fits = |d: &Data| {
                types.0 & Types::of(d) != 0 && (!integer || !matches!(d, Data::Number(n) if !n.is_int()))
            };
            let mut texts: Vec<String> = values.iter().filter(|d| fits(d)).map(|d| literal(d)).collect();
            texts.dedup();
            if texts.is_empty() {
                self.mistake("no value can be of this type and one of the values as well");
            }
            types.0 &= values.iter().fold(0, |t, d| t | Types::of(d));
            all.push((texts.join(" | "), texts.len() > 1));
            if nullable && !values.contains(&&Data::Null) {
                let last = all.len() - 1;
                all[last] = (format!("null | {}", all[last].0), true);
            }
        }
        self.combinations(s, &mut types, &mut all);
        let typed = self.typed(s, types, integer, declared.is_some(), !all.is_empty());
        self.finished(s, all, typed, nullable, types)
    }

    /// Puts the parts of a schema together.
    fn finished(
        &mut self,
        s: &Data,
        all: Vec<(String, bool)>,
        typed: Option<Typed>,
        nullable: bool,
        types: Types,
    ) -> Converted {
        let mut parts = all;
        let mut fields = None;
        let bare = parts.is_empty() && typed.as_ref().is_none_or(|t| t.bare);
        if let Some(typed) = typed {
            if parts.is_empty() && !nullable {
                fields = typed.fields;
            }
            if parts.is_empty() || !typed.bare {
                parts.push((typed.text, typed.loose));
            }
        }
        let several = parts.len() > 1;
        let bracketed = |(text, loose): &(String, bool)| {
            if *loose && several { format!("({text})") } else { text.clone() }
        };
        let mut text = parts.iter().map(bracketed).collect::<Vec<_>>().join(" & ");
        let mut loose = !several && parts.first().is_some_and(|p| p.1);
        if parts.is_empty() {
            text = "_".to_owned();
        }
        let has_values = s.get("enum").is_some() || s.get("const").is_some();
        if nullable && !has_values && text != "_" {
            text = format!("null | {text}");
            loose = true;
        }
        let mut docs = Vec::new();
        for name in ["title", "description"] {
            if let Some(text) = self.text(s, name).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()) {
                if !docs.is_empty() {
                    docs.push(String::new());
                }
                docs.extend(text.lines().map(|l| l.trim_end().to_owned()));
            }
        }
        let deprecated = s.get("deprecated") == Some(&Data::Bool(true));
        let attributes = if deprecated { " @deprecated()".to_owned() } else { String::new() };
        Converted { text, loose, fields, docs, attributes, types, bare }
    }

    /// The types that `type` allows; whether numbers must be integers.
    fn types(&mut self, s: &Data) -> (Option<Types>, bool) {
        let Some(value) = s.get("type") else { return (None, false) };
        let names: Vec<&Data> = match value {
            Data::List(items) => items.iter().collect(),
            one => vec![one],
        };
        let (mut types, mut integer, mut number) = (Types(0), false, false);
        for name in names {
            let Data::String(name) = name else {
                self.at("type", |c| c.mistake("type must be a text or a list of texts"));
                continue;
            };
            types.0 |= match &**name {
                "null" => Types::NULL,
                "boolean" => Types::BOOL,
                "integer" => {
                    integer = true;
                    Types::NUMBER
                }
                "number" => {
                    number = true;
                    Types::NUMBER
                }
                "string" => Types::STRING,
                "array" => Types::ARRAY,
                "object" => Types::OBJECT,
                other => {
                    const NAMES: [&str; 7] =
                        ["null", "boolean", "integer", "number", "string", "array", "object"];
                    let hint = crate::text::nearest(other, NAMES).map(|n| format!("did you mean {n}?"));
                    let message = format!("there is no type {other:?}");
                    self.at("type", |c| c.mistakes.push(Mistake { path: c.path.clone(), message, hint }));
                    63
                }
            };
        }
        (Some(types), integer && !number)
    }

    /// `allOf`, `anyOf`, `oneOf`, `not`, `if`.
    fn combinations(&mut self, s: &Data, types: &mut Types, all: &mut Vec<(String, bool)>) {
        if let Some(parts) = self.schemas(s, "allOf") {
            let mut kept = Vec::new();
            for (i, part) in parts.iter().enumerate() {
                let part = self.at("allOf", |c| c.at(i.to_string(), |c| c.schema(part, *types)));
                types.0 &= part.types.0;
                if !part.bare {
                    kept.push(part);
                }
            }
            match kept.as_slice() {
                [] => {}
                [only] => all.push((only.text.clone(), only.loose)),
                several => all.push((match_n(&several.len().to_string(), several), false)),
            }
        }
        for (name, count) in [("anyOf", ">=1"), ("oneOf", "1")] {
            if let Some(parts) = self.schemas(s, name) {
                let mut found = Vec::new();
                let mut left = 0;
                for (i, part) in parts.iter().enumerate() {
                    let part = self.at(name, |c| c.at(i.to_string(), |c| c.schema(part, *types)));
                    left |= part.types.0;
                    found.push(part);
                }
                types.0 &= left;
                match found.as_slice() {
                    [] => {}
                    [only] => all.push((only.text.clone(), only.loose)),
                    several => all.push((match_n(count, several), false)),
                }
            }
        }
        if let Some(part) = s.get("not") {
            let part = self.at("not", |c| c.schema(part, Types::ALL));
            all.push((match_n("0", &[part]), false));
        }
        if let Some(condition) = s.get("if") {
            let condition = self.at("if", |c| c.schema(condition, *types)).text;
            let mut branch = |name: &str| match s.get(name) {
                Some(part) => self.at(name, |c| c.schema(part, *types)).text,
                None => "_".to_owned(),
            };
            let (then, otherwise) = (branch("then"), branch("else"));
            all.push((format!("matchIf({condition}, {then}, {otherwise})"), false));
        }
    }

    fn schemas<'s>(&mut self, s: &'s Data, name: &str) -> Option<&'s [Data]> {
        match s.get(name)? {
            Data::List(items) => Some(items),
            _ => {
                self.at(name, |c| c.mistake(format!("{name} must be a list of schemas")));
                None
            }
        }
    }

    /// What is said of values by their type.
    fn typed(
        &mut self,
        s: &Data,
        types: Types,
        integer: bool,
        declared: bool,
        beside: bool,
    ) -> Option<Typed> {
        let number = self.numbers(s, integer);
        let string = self.strings(s);
        let array = self.lists(s);
        let object = self.objects(s);
        let constrained = [
            (Types::NUMBER, number.is_some() && !(integer && number.as_deref() == Some("int"))),
            (Types::STRING, string.is_some()),
            (Types::ARRAY, array.is_some()),
            (Types::OBJECT, object.is_some()),
        ];
        let any = constrained.iter().any(|(t, c)| *c && types.0 & t != 0);
        if !declared && !any {
            return None;
        }
        if beside && !any && types.0.count_ones() > 1 {
            return None;
        }
        if types.0 == 0 {
            self.mistake("no value can satisfy all of this");
            return None;
        }
        let structural = self.dialect == Dialect::Structural;
        let open = if structural { "{}" } else { "{\n...\n}" };
        let mut terms: Vec<(String, Option<String>)> = Vec::new();
        for bit in [Types::NULL, Types::BOOL, Types::NUMBER, Types::STRING, Types::ARRAY, Types::OBJECT] {
            if types.0 & bit == 0 {
                continue;
            }
            terms.push(match bit {
                Types::NULL => ("null".into(), None),
                Types::BOOL => ("bool".into(), None),
                Types::NUMBER => (number.clone().unwrap_or_else(|| "number".into()), None),
                Types::STRING => (string.clone().unwrap_or_else(|| "string".into()), None),
                Types::ARRAY => (array.clone().unwrap_or_else(|| "[...]".into()), None),
                _ => match &object {
                    Some(o) => (o.text.clone(), o.fields.clone()),
                    None if structural => ("{}".into(), None),
                    None => (open.into(), Some("...\n".into())),
                },
            });
        }
        let single = terms.len() == 1;
        let fields = if single { terms[0].1.clone() } else { None };
        let bracketed =
            |(t, _): &(String, Option<String>)| match !single && t.contains(" & ") && !t.starts_with('{') {
                true => format!("({t})"),
                false => t.clone(),
            };
        let text = terms.iter().map(bracketed).collect::<Vec<_>>().join(" | ");
        Some(Typed { text, loose: !single, fields, bare: !any })
    }

    fn numbers(&mut self, s: &Data, integer: bool) -> Option<String> {
        let mut out = Vec::new();
        let format = s.get("format");
        if integer {
            out.push(match format {
                Some(Data::String(f)) if matches!(&**f, "int32" | "int64" | "uint32" | "uint64") => {
                    f.to_string()
                }
                _ => "int".to_owned(),
            });
        }
        let exclusive = |name| s.get(name) == Some(&Data::Bool(true));
        for (name, plain, strict, exclusive_name) in
            [("minimum", ">=", ">", "exclusiveMinimum"), ("maximum", "<=", "<", "exclusiveMaximum")]
        {
            if let Some(n) = self.number(s, name) {
                out.push(format!("{}{n}", if exclusive(exclusive_name) { strict } else { plain }));
            }
            if !matches!(s.get(exclusive_name), None | Some(Data::Bool(_)))
                && let Some(n) = self.number(s, exclusive_name)
            {
                out.push(format!("{strict}{n}"));
            }
        }
        if let Some(n) = self.number(s, "multipleOf") {
            let call = self.call("math", format!("MultipleOf({n})"));
            out.push(call);
        }
        (!out.is_empty()).then(|| out.join(" & "))
    }

    fn pattern(&mut self, s: &Data) -> Option<String> {
        let pattern = self.text(s, "pattern")?.clone();
        if let Err(why) = crate::pkg::regexp::compile(&pattern) {
            self.at("pattern", |c| c.mistake(format!("the pattern cannot be used: {why}")));
            return None;
        }
        Some(format!("=~{}", cue::quote(&pattern)))
    }

    fn strings(&mut self, s: &Data) -> Option<String> {
        let mut out = Vec::new();
        for (name, function) in [("minLength", "MinRunes"), ("maxLength", "MaxRunes")] {
            if let Some(n) = self.count(s, name) {
                let call = self.call("strings", format!("{function}({n})"));
                out.push(call);
            }
        }
        out.extend(self.pattern(s));
        let known = match self.text(s, "format").map(|f| f.to_string()).as_deref() {
            Some("date-time") => Some(("time", "Time")),
            Some("date") => Some(("time", "Format(\"2006-01-02\")")),
            Some("uri" | "iri") => Some(("net", "AbsURL")),
            Some("uri-reference" | "iri-reference") => Some(("net", "URL")),
            Some("regex") => Some(("regexp", "Valid")),
            _ => None,
        };
        if let Some((package, name)) = known {
            let call = self.call(package, name.to_owned());
            out.push(call);
        }
        (!out.is_empty()).then(|| out.join(" & "))
    }

    /// A reference as an expression.
    fn reference(&mut self, target: &str) -> String {
        let Some(pointer) = target.strip_prefix('#') else {
            self.mistakes.push(Mistake {
                path: self.path.clone(),
                message: format!("the reference {target:?} leads out of the document"),
                hint: Some("put what it refers to under $defs".into()),
            });
            return "_".into();
        };
        let parts: Vec<String> = pointer.split('/').skip(1).map(unescaped).collect();
        if pointer.is_empty() || pointer == "/" {
            self.refers_to_root = true;
            return "_schema".into();
        }
        if find(self.root, &parts).is_none() || !pointer.starts_with('/') {
            let hint = near(self.root, &parts).map(|n| format!("did you mean {n:?}?"));
            let message = format!("there is nothing at {target:?}");
            self.mistakes.push(Mistake { path: self.path.clone(), message, hint });
            return "_".into();
        }
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["$defs" | "definitions", name] | ["components", "schemas", name] => self.definition(name),
            _ => {
                self.others.entry(pointer.to_owned()).or_insert(None);
                format!("_#defs.{}", cue::quote(pointer))
            }
        }
    }

    /// A definition as it is referred to.
    pub(super) fn definition(&self, name: &str) -> String {
        match (is_identifier(name), self.dialect) {
            (true, _) => format!("#{name}"),
            (false, Dialect::OpenApi) => format!("#SchemaMap.{}", cue::quote(name)),
            (false, _) => format!("#.{}", cue::quote(name)),
        }
    }
}

/// What is said of values by their type, as an expression.
struct Typed {
    text: String,
    loose: bool,
    fields: Option<String>,
    bare: bool,
}

/// Declarations with the comments of a schema before them.
pub(super) fn documented(value: &Converted, text: &str) -> String {
    let comment = |line: &String| if line.is_empty() { "//\n".to_owned() } else { format!("// {line}\n") };
    value.docs.iter().map(comment).collect::<String>() + text
}

fn simple(text: &str, types: Types) -> Converted {
    Converted {
        text: text.to_owned(),
        loose: false,
        fields: None,
        docs: Vec::new(),
        attributes: String::new(),
        types,
        bare: text == "_",
    }
}

fn match_n(count: &str, parts: &[Converted]) -> String {
    let parts: Vec<&str> = parts.iter().map(|p| p.text.as_str()).collect();
    format!("matchN({count}, [{}])", parts.join(", "))
}

/// A value that must be exactly so.
fn literal(data: &Data) -> String {
    match data {
        Data::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(l, v)| format!("{}!: {}", cue::label(l), literal(v))).collect();
            format!("close({{\n{}\n}})", fields.join("\n"))
        }
        Data::List(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        scalar => cue::expression(scalar),
    }
}

/// A part of a JSON pointer in a reference, with its escapes undone.
pub(super) fn unescaped(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).replace("~1", "/").replace("~0", "~")
}

/// The part of a document that a pointer leads to.
pub(super) fn find<'d>(root: &'d Data, parts: &[String]) -> Option<&'d Data> {
    parts.iter().try_fold(root, |at, part| match at {
        Data::List(items) => items.get(part.parse::<usize>().ok()?),
        at => at.get(part),
    })
}

/// The pointer most like one that leads nowhere.
fn near(root: &Data, parts: &[String]) -> Option<String> {
    let (last, before) = parts.split_last()?;
    let Data::Struct(fields) = find(root, before)? else { return None };
    let found = crate::text::nearest(last, fields.iter().map(|(l, _)| &**l))?;
    Some(format!("#/{}/{found}", before.join("/")))
}
