//! JSON Schema (draft 2020-12) from values: what a value admits, with definitions that it refers to under `$defs`.
//!
//! Fields without a concrete value are required, as `!` ones are. Definitions are closed (`additionalProperties: false`) unless they say
//! `...`; what is unified with a reference is left open, since JSON Schema cannot close both together.

use super::definitions::{Definitions, Members, description, word};
use crate::api::{Failure, Value};
use crate::data::Data;
use crate::eval::Evaluator;
use crate::eval::arena::{ErrId, VId};
use crate::eval::shape::{Check, LabelSet, Shape};
use crate::pkg::Kind;
use crate::syntax::ast::{Constraint, UnaryOp};
use std::sync::Arc;

/// A value as a JSON Schema document.
///
/// ```
/// use stepwell_lang::{NoPackages, Program, Source, encode::{json, jsonschema}};
/// let program = Program::compile(vec![Source::new("a.cue", "#Port: int & >0")], &NoPackages).unwrap();
/// let instance = program.instance();
/// let schema = jsonschema::document(instance.root().get("#Port").unwrap()).unwrap();
/// let text = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"integer","exclusiveMinimum":0}"#;
/// assert_eq!(json::compact(&schema), text);
/// ```
pub fn document(value: Value<'_>) -> Result<Data, Failure> {
    value.with_evaluator(schema)
}

fn schema(ev: &mut Evaluator, v: VId) -> Result<Data, Vec<ErrId>> {
    let mut w = Writer { all: Definitions::of(ev, v)? };
    let mut at = v;
    // A whole that is nothing but a reference is what it refers to.
    for _ in 0..100 {
        match w.all.shape(at) {
            Some(shape) if !shape.own && shape.refs.len() == 1 => at = shape.refs[0],
            _ => break,
        }
    }
    let mut members = w.members(at);
    while let Some((name, v)) = w.all.next() {
        let schema = w.schema(v);
        w.all.write(name, schema);
    }
    members.push(("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into()));
    let definitions = w.all.finish()?;
    if !definitions.is_empty() {
        members.push(("$defs".into(), Data::Struct(definitions)));
    }
    Ok(Data::Struct(sorted(members)))
}

struct Writer<'e> {
    all: Definitions<'e>,
}

impl Writer<'_> {
    fn schema(&mut self, v: VId) -> Data {
        let members = match self.all.enter() {
            true => crate::compile::stack(|| self.members(v)),
            false => Vec::new(),
        };
        self.all.leave();
        match members.is_empty() {
            true => true.into(),
            false => Data::Struct(sorted(members)),
        }
    }

    fn reference(&mut self, v: VId) -> (Arc<str>, Data) {
        self.all.reference("#/$defs/", v)
    }

    fn members(&mut self, v: VId) -> Members {
        let Some(shape) = self.all.shape(v) else { return Vec::new() };
        let mut out = Members::new();
        out.extend(description(&shape));
        let mut all: Vec<Data> = Vec::new();
        match shape.refs.as_slice() {
            [only] => out.push(self.reference(*only)),
            several => {
                for r in several {
                    let reference = self.reference(*r);
                    all.push(Data::Struct(vec![reference]));
                }
            }
        }
        if let Some(value) = &shape.value {
            match value {
                Data::Null => out.push(("type".into(), "null".into())),
                value => out.push(("const".into(), value.clone())),
            }
        } else if shape.own {
            self.own(&shape, &mut out, &mut all);
        }
        if let [only] = shape.choices.as_slice() {
            out.extend(self.choice(only));
        } else {
            for choice in &shape.choices {
                let members = self.choice(choice);
                all.push(Data::Struct(members));
            }
        }
        if let Some(default) = shape.default {
            out.push(("default".into(), default));
        }
        if !all.is_empty() {
            out.push(("allOf".into(), Data::List(all)));
        }
        out
    }

    /// What is neither reference nor disjunction.
    fn own(&mut self, shape: &Shape, out: &mut Members, all: &mut Vec<Data>) {
        // Terms of a disjunction say their types themselves.
        if shape.choices.is_empty() && shape.refs.is_empty() {
            match type_name(shape.kind) {
                Some(name) => out.push(("type".into(), name.into())),
                None => out.extend(several_types(shape.kind)),
            }
        }
        let matches = shape.bounds.iter().filter(|(op, _)| *op == UnaryOp::Match).count();
        for (op, limit) in &shape.bounds {
            let number = matches!(limit, Data::Number(_));
            let not = |key: &str| Data::Struct(vec![(key.into(), limit.clone())]);
            match op {
                UnaryOp::Greater if number => out.push(("exclusiveMinimum".into(), limit.clone())),
                UnaryOp::GreaterEqual if number => out.push(("minimum".into(), limit.clone())),
                UnaryOp::Less if number => out.push(("exclusiveMaximum".into(), limit.clone())),
                UnaryOp::LessEqual if number => out.push(("maximum".into(), limit.clone())),
                UnaryOp::Equal => out.push(("const".into(), limit.clone())),
                UnaryOp::Match if matches == 1 => out.push(("pattern".into(), limit.clone())),
                UnaryOp::Match => all.push(not("pattern")),
                UnaryOp::NotEqual => put_not(out, all, not("const")),
                UnaryOp::NotMatch => put_not(out, all, not("pattern")),
                _ => {}
            }
        }
        for check in &shape.checks {
            self.check(check, out, all);
        }
        if let Some(list) = &shape.list {
            if !list.items.is_empty() {
                let items: Vec<Data> = list.items.iter().map(|v| self.schema(*v)).collect();
                out.push(("minItems".into(), Data::int(items.len() as i64)));
                out.push(("prefixItems".into(), Data::List(items)));
            }
            match &list.rest {
                None => out.push(("maxItems".into(), Data::int(list.items.len() as i64))),
                Some(Some(v)) => {
                    let items = self.schema(*v);
                    out.push(("items".into(), items));
                }
                Some(None) => {}
            }
        }
        if shape.kind == Kind::STRUCT {
            self.fields(shape, out);
        }
    }

    fn fields(&mut self, shape: &Shape, out: &mut Members) {
        let mut required = Vec::new();
        let mut properties: Members = Vec::new();
        for (name, f, constraint) in self.all.properties(shape) {
            let schema = self.schema(f);
            // A field that is there with its value need not be given.
            let given = schema.get("const").is_some() && constraint == Constraint::Regular;
            if constraint != Constraint::Optional && !given {
                required.push(name.clone());
            }
            properties.push((name, schema));
        }
        properties.sort_by(|a, b| a.0.cmp(&b.0));
        required.sort();
        if !properties.is_empty() {
            out.push(("properties".into(), Data::Struct(properties)));
        }
        if !required.is_empty() {
            out.push(("required".into(), Data::List(required.into_iter().map(Data::String).collect())));
        }
        let mut patterns = Members::new();
        let mut rest = None;
        for (labels, v) in &shape.patterns {
            let schema = self.schema(*v);
            match labels {
                LabelSet::All => rest = Some(schema),
                LabelSet::Match(pattern) => patterns.push((pattern.as_str().into(), schema)),
                LabelSet::Value(_) => rest = rest.or(Some(true.into())),
            }
        }
        if !patterns.is_empty() {
            out.push(("patternProperties".into(), Data::Struct(patterns)));
        }
        match rest {
            Some(schema) => out.push(("additionalProperties".into(), schema)),
            None if !shape.open && shape.refs.is_empty() => {
                out.push(("additionalProperties".into(), false.into()))
            }
            None => {}
        }
    }

    /// A disjunction: an `enum` of scalars, or `anyOf`.
    fn choice(&mut self, terms: &[(VId, bool)]) -> Members {
        let mut values = Vec::new();
        let mut others = Vec::new();
        let mut marked = Vec::new();
        for (v, mark) in terms {
            match self.all.shape(*v) {
                Some(Shape { value: Some(value), .. }) if !*mark => values.push(value),
                Some(Shape { value: Some(value), .. }) => marked.push((*v, value)),
                Some(_) => others.push(*v),
                None => {}
            }
        }
        for (v, value) in marked.into_iter().rev() {
            // A default that another term admits as well is told by `default`.
            if !others.iter().any(|o| self.all.ev.is_instance(v, *o)) {
                values.insert(0, value);
            }
        }
        if others.is_empty() {
            return match values.as_slice() {
                [] => Members::new(),
                [Data::Null] => vec![("type".into(), "null".into())],
                _ => vec![("enum".into(), Data::List(values))],
            };
        }
        let mut list: Vec<Data> = Vec::new();
        match values.as_slice() {
            [] => {}
            [Data::Null] => list.push(Data::Struct(vec![("type".into(), "null".into())])),
            _ => list.push(Data::Struct(vec![("enum".into(), Data::List(values))])),
        }
        if let ([only], true) = (others.as_slice(), list.is_empty()) {
            return self.members(*only);
        }
        list.extend(others.iter().map(|v| self.schema(*v)));
        vec![("anyOf".into(), Data::List(list))]
    }

    /// Validators that JSON Schema has a word for.
    fn check(&mut self, check: &Check, out: &mut Members, all: &mut Vec<Data>) {
        let mut format = |name: &str| out.push(("format".into(), name.into()));
        match (check.package, check.name) {
            ("net", "AbsURL") => format("uri"),
            ("net", "URL") => format("uri-reference"),
            ("regexp", "Valid") => format("regex"),
            ("", "matchN") => {
                let schemas: Vec<Data> = check.values.iter().map(|v| self.schema(*v)).collect();
                let n = schemas.len() as i64;
                match check.args.first().cloned() {
                    Some(Data::String(s)) if &*s == ">=1" => out.push(("anyOf".into(), Data::List(schemas))),
                    Some(count) if count == Data::int(n) && n > 1 => all.extend(schemas),
                    Some(count) if count == Data::int(1) => out.push(("oneOf".into(), Data::List(schemas))),
                    Some(count) if count == Data::int(0) => {
                        let not = match schemas.len() {
                            1 => schemas.into_iter().next().unwrap_or(Data::Null),
                            _ => Data::Struct(vec![("anyOf".into(), Data::List(schemas))]),
                        };
                        put_not(out, all, not);
                    }
                    _ => {}
                }
            }
            _ => out.extend(word(check)),
        }
    }
}

fn put_not(out: &mut Members, all: &mut Vec<Data>, schema: Data) {
    let member: (Arc<str>, Data) = ("not".into(), schema);
    match out.iter().any(|(k, _)| &**k == "not") {
        true => all.push(Data::Struct(vec![member])),
        false => out.push(member),
    }
}

fn type_name(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::NULL => "null",
        Kind::BOOL => "boolean",
        Kind::INT => "integer",
        Kind::FLOAT | Kind::NUMBER => "number",
        Kind::STRING => "string",
        Kind::LIST => "array",
        Kind::STRUCT => "object",
        _ => return None,
    })
}

/// A list of types; nothing where there is no restriction, or one that JSON has no word for.
fn several_types(kind: Kind) -> Option<(Arc<str>, Data)> {
    if kind == Kind::TOP || kind.contains(Kind::BYTES) {
        return None;
    }
    let kinds = [Kind::NULL, Kind::BOOL, Kind::NUMBER, Kind::INT, Kind::STRING, Kind::LIST, Kind::STRUCT];
    let mut names: Vec<Data> = Vec::new();
    for k in kinds {
        let part_of_number = k == Kind::INT && kind.contains(Kind::NUMBER);
        if kind.contains(k) && !part_of_number {
            names.extend(type_name(k).map(Data::from));
        }
    }
    (!names.is_empty()).then(|| ("type".into(), Data::List(names)))
}

/// The members in the order in which documents have them; each once.
fn sorted(mut members: Members) -> Members {
    const FIRST: &[&str] = &["$schema", "$defs", "type", "description"];
    let key = |(k, _): &(Arc<str>, Data)| {
        let first = FIRST.iter().position(|f| **f == **k).unwrap_or(FIRST.len());
        (first, k.trim_start_matches('$').to_owned())
    };
    members.sort_by_key(key);
    members.dedup_by(|a, b| a.0 == b.0);
    members
}

#[cfg(test)]
mod tests {
    use super::document;
    use crate::encode::{json, schema};
    use crate::{NoPackages, Program, Source};

    /// The schema of `#T`.
    fn written(text: &str) -> String {
        let mut whole = String::new();
        for p in ["strings", "list", "struct", "time", "math", "net"] {
            if text.contains(&format!("{p}.")) {
                whole.push_str(&format!("import {p:?}\n"));
            }
        }
        whole.push_str(&format!("#B: {{x: int, y?: string}}\n#C: {{z: int}}\n#T: {text}\n"));
        let program = Program::compile(vec![Source::new("a.cue", whole)], &NoPackages).unwrap();
        let instance = program.instance();
        let schema = document(instance.root().get("#T").unwrap()).unwrap();
        json::compact(&schema).replacen(r#""$schema":"https://json-schema.org/draft/2020-12/schema","#, "", 1)
    }

    #[test]
    fn values() {
        for line in r##"
            string => {"type":"string"}
            int & >0 & <=10 => {"type":"integer","exclusiveMinimum":0,"maximum":10}
            {a!: int, b?: string, c: bool} => {"type":"object","additionalProperties":false,"properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{"type":"boolean"}},"required":["a","c"]}
            {a: int, ...} => {"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}
            {[string]: int} => {"type":"object","additionalProperties":{"type":"integer"}}
            {[=~"^x"]: int} => {"type":"object","additionalProperties":false,"patternProperties":{"^x":{"type":"integer"}}}
            [...string] => {"type":"array","items":{"type":"string"}}
            [int, ...string] => {"type":"array","items":{"type":"string"},"minItems":1,"prefixItems":[{"type":"integer"}]}
            *"a" | "b" => {"default":"a","enum":["a","b"]}
            *1 | int => {"type":"integer","default":1}
            null | string => {"anyOf":[{"type":"null"},{"type":"string"}]}
            {a: #B} => {"$defs":{"B":{"type":"object","additionalProperties":false,"properties":{"x":{"type":"integer"},"y":{"type":"string"}},"required":["x"]}},"type":"object","additionalProperties":false,"properties":{"a":{"$ref":"#/$defs/B"}},"required":["a"]}
            {rec?: #T} => {"$defs":{"T":{"type":"object","additionalProperties":false,"properties":{"rec":{"$ref":"#/$defs/T"}}}},"type":"object","additionalProperties":false,"properties":{"rec":{"$ref":"#/$defs/T"}}}
            !="x" => {"type":"string","not":{"const":"x"}}
            =~"^a" & !~"b" => {"type":"string","not":{"pattern":"b"},"pattern":"^a"}
            strings.MinRunes(3) => {"type":"string","minLength":3}
            {a: 1, b: string} => {"type":"object","additionalProperties":false,"properties":{"a":{"const":1},"b":{"type":"string"}},"required":["b"]}
            int | string => {"anyOf":[{"type":"integer"},{"type":"string"}]}
        "##
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        {
            let (value, schema) = line.split_once(" => ").unwrap();
            assert_eq!(written(value), schema, "{value}");
        }
    }

    /// A schema that was read and written again says the same.
    #[test]
    fn there_and_back() {
        let text = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,"properties":{"a":{"type":"string","minLength":1},"b":{"type":"array","items":{"type":"integer","minimum":0}}},"required":["a"]}"#;
        let file = schema::json_schema(&json::parse(text).unwrap()).unwrap().below(&["x".into()]);
        let program = Program::compile(vec![Source::new("a.cue", file.text(None))], &NoPackages).unwrap();
        let instance = program.instance();
        let again = document(instance.root().get("x").unwrap()).unwrap();
        assert_eq!(json::compact(&again), text);
    }
}
