//! What schemas say of objects and lists.

use super::convert::{Converter, Dialect, Types};
use crate::data::Data;
use crate::encode::cue;

/// What is said of objects.
pub(super) struct Object {
    pub(super) text: String,
    /// The declarations, if it is nothing but a struct that is not closed by `close`.
    pub(super) fields: Option<String>,
}

/// A field with its comments.
pub(super) fn field(label: &str, value: &super::convert::Converted) -> String {
    super::convert::documented(value, &format!("{label}: {}{}\n", value.text, value.attributes))
}

impl Converter<'_> {
    /// `None` where nothing is said of objects.
    pub(super) fn objects(&mut self, s: &Data) -> Option<Object> {
        let structural = self.dialect == Dialect::Structural;
        let mut body = String::new();
        let mut known: Vec<String> = Vec::new();
        let mut patterns: Vec<String> = Vec::new();
        let required = self.names(s, "required");
        let mut declared: Vec<&str> = Vec::new();
        if let Some(Data::Struct(properties)) = s.get("properties") {
            for (name, schema) in properties {
                let value = self.at("properties", |c| c.at(&**name, |c| c.schema(schema, Types::ALL)));
                let mark = if required.iter().any(|r| **r == **name) { "!" } else { "?" };
                body.push_str(&field(&format!("{}{mark}", cue::label(name)), &value));
                declared.push(name);
                known.push(literal_pattern(name));
            }
        } else if s.get("properties").is_some() {
            self.at("properties", |c| c.mistake("properties must be a struct"));
        }
        for name in required.iter().filter(|r| !declared.contains(&r.as_str())) {
            body.push_str(&format!("{}!: _\n", cue::label(name)));
            known.push(literal_pattern(name));
        }
        for key in ["dependentRequired", "dependencies"] {
            let Some(Data::Struct(dependencies)) = s.get(key) else { continue };
            for (name, needs) in dependencies {
                let Data::List(needs) = needs else { continue };
                let label = cue::label(name);
                if !body.contains(&format!("{label}?: ")) {
                    body.push_str(&format!("{label}?: _\n"));
                }
                let needed: String = needs
                    .iter()
                    .filter_map(|n| {
                        if let Data::String(n) = n { Some(format!("{}!: _\n", cue::label(n))) } else { None }
                    })
                    .collect();
                // A name that is no identifier cannot be referred to.
                if label == **name {
                    body.push_str(&format!("if {label} != _|_ {{\n{needed}}}\n"));
                }
            }
        }
        if let Some(Data::Struct(found)) = s.get("patternProperties") {
            for (pattern, schema) in found {
                let value = self.at("patternProperties", |c| {
                    c.at(&**pattern, |c| {
                        if let Err(why) = crate::pkg::regexp::compile(pattern) {
                            c.mistake(format!("the pattern cannot be used: {why}"));
                        }
                        c.schema(schema, Types::ALL)
                    })
                });
                body.push_str(&format!("{{[=~{}]: {}}}\n", cue::quote(pattern), value.text));
                patterns.push(pattern.to_string());
            }
        }
        if let Some(names) = s.get("propertyNames") {
            let value = self.at("propertyNames", |c| c.schema(names, Types(8)));
            body.push_str(&format!("[{}]: _\n", value.text));
        }
        if s.get("x-kubernetes-embedded-resource") == Some(&Data::Bool(true)) {
            self.embedded_resource = true;
            body.push_str("_embeddedResource\n");
        }
        let keeps = s.get("x-kubernetes-preserve-unknown-fields") == Some(&Data::Bool(true));
        let mut closed = false;
        match s.get("additionalProperties") {
            Some(Data::Bool(false)) => closed = true,
            Some(Data::Bool(true)) => body.push_str("...\n"),
            None if structural && !keeps => {}
            None if body.is_empty() && !keeps => {}
            None if s.get("propertyNames").is_some() && declared.is_empty() => {}
            None => body.push_str("...\n"),
            Some(schema) => {
                let value = self.at("additionalProperties", |c| c.schema(schema, Types::ALL));
                let mut matchers: Vec<String> =
                    patterns.iter().map(|p| format!("!~{}", cue::quote(p))).collect();
                if !known.is_empty() {
                    matchers.push(format!("!~{}", cue::quote(&format!("^({})$", known.join("|")))));
                }
                match matchers.is_empty() {
                    true => body.push_str(&format!("[string]: {}\n", value.text)),
                    false => body.push_str(&format!("{{[{}]: {}}}\n", matchers.join(" & "), value.text)),
                }
            }
        }
        let mut parts = Vec::new();
        for (name, function) in [("minProperties", "MinFields"), ("maxProperties", "MaxFields")] {
            if let Some(n) = self.count(s, name) {
                let call = self.call("struct", format!("{function}({n})"));
                parts.push(call);
            }
        }
        if body.is_empty() && parts.is_empty() && !closed {
            return None;
        }
        if closed && !structural {
            parts.push(if body.is_empty() { "close({})".to_owned() } else { format!("close({{\n{body}}})") });
            return Some(Object { text: parts.join(" & "), fields: None });
        }
        if !body.is_empty() {
            parts.push(format!("{{\n{body}}}"));
        }
        let fields = (parts.len() == 1 && !body.is_empty()).then_some(body);
        Some(Object { text: parts.join(" & "), fields })
    }

    fn names(&mut self, s: &Data, key: &str) -> Vec<String> {
        match s.get(key) {
            // In the third draft, it was a mark of the property itself.
            None | Some(Data::Bool(_)) => Vec::new(),
            Some(Data::List(items)) => items
                .iter()
                .filter_map(|i| if let Data::String(s) = i { Some(s.to_string()) } else { None })
                .collect(),
            Some(_) => {
                self.at(key, |c| c.mistake(format!("{key} must be a list of names")));
                Vec::new()
            }
        }
    }

    /// `None` where nothing is said of lists.
    pub(super) fn lists(&mut self, s: &Data) -> Option<String> {
        let mut parts = Vec::new();
        if let Some(n) = self.count(s, "maxItems") {
            let call = self.call("list", format!("MaxItems({n})"));
            parts.push(call);
        }
        if s.get("uniqueItems") == Some(&Data::Bool(true)) {
            let call = self.call("list", "UniqueItems()".to_owned());
            parts.push(call);
        }
        let (first, rest) = match (s.get("prefixItems"), s.get("items")) {
            (Some(Data::List(first)), rest) => (Some(("prefixItems", first)), rest.map(|r| ("items", r))),
            (_, Some(Data::List(first))) => {
                (Some(("items", first)), s.get("additionalItems").map(|r| ("additionalItems", r)))
            }
            (_, rest) => (None, rest.map(|r| ("items", r))),
        };
        if first.is_some() || rest.is_some() {
            let mut items: Vec<String> = Vec::new();
            if let Some((key, first)) = first {
                for (i, schema) in first.iter().enumerate() {
                    items.push(self.at(key, |c| c.at(i.to_string(), |c| c.schema(schema, Types::ALL))).text);
                }
            }
            match rest {
                Some((_, Data::Bool(false))) => {}
                Some((_, Data::Bool(true))) | None => items.push("...".to_owned()),
                Some((key, schema)) => {
                    let value = self.at(key, |c| c.schema(schema, Types::ALL));
                    items.push(format!("...{}", value.operand()));
                }
            }
            parts.push(format!("[{}]", items.join(", ")));
        }
        match self.count(s, "minItems") {
            None | Some(0) => {}
            Some(n @ 1..=20) => parts.push(format!("[{}...]", "_, ".repeat(n))),
            Some(n) => {
                let call = self.call("list", format!("MinItems({n})"));
                parts.push(call);
            }
        }
        if let Some(schema) = s.get("contains") {
            let value = self.at("contains", |c| c.schema(schema, Types::ALL)).text;
            let low = self.count(s, "minContains").unwrap_or(1);
            let bounds = match self.count(s, "maxContains") {
                Some(high) => format!(">={low} & <={high}"),
                None => format!(">={low}"),
            };
            let call = self.call("list", format!("MatchN({bounds}, {value})"));
            parts.push(call);
        }
        (!parts.is_empty()).then(|| parts.join(" & "))
    }
}

/// A name as a regular expression for itself.
fn literal_pattern(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
