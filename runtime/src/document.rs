//! Documents as Kubernetes' tools read them: YAML (many in one file) or JSON, each with a table from paths to places.
//!
//! The rules are those of YAML 1.1 as these tools have them: `yes` and `n` are booleans, also as keys; `0644` is octal; a date is text; the last
//! of two equal keys wins. What may be changed: the rules of plain scalars, in `plain`. All input is bounded: nesting, aliases. Tests at the end.

use crate::problem::{Problem, Problems};
use granit_parser::{Event, Parser, ScalarStyle, ScanError};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;
use stepwell_lang::source::{FileId, Source, SourceMap, Span};
use stepwell_lang::{Path, Step};

/// How many values one file may hold, repeated ones counted.
const MAX_NODES: usize = 1_000_000;
/// How deep values may be nested.
const MAX_DEPTH: usize = 200;

/// A document: its data, and where each part of it stands.
#[derive(Clone, Debug)]
pub struct Document {
    /// The data.
    pub value: Value,
    /// The file that it was read from.
    pub sources: SourceMap,
    marks: Mark,
}

#[derive(Clone, Debug, Default)]
struct Mark {
    span: Span,
    kids: Kids,
}

#[derive(Clone, Debug, Default)]
enum Kids {
    #[default]
    None,
    Map(Vec<(String, Span, Mark)>),
    List(Vec<Mark>),
}

impl Document {
    /// Reads the documents of a file. Empty ones are left out.
    ///
    /// ```
    /// use stepwell_runtime::document::Document;
    /// let docs = Document::read_all("app.yaml", "kind: Application\n---\nspec: {n: 1}\n").unwrap();
    /// assert_eq!(docs[1].value["spec"]["n"], 1);
    /// let at = docs[1].span("spec.n").and_then(|s| docs[1].sources.position(s)).unwrap();
    /// assert_eq!((at.line, at.column), (3, 8));
    /// ```
    ///
    /// # Errors
    /// The place where the text stops being YAML, or breaks a bound.
    pub fn read_all(name: &str, text: &str) -> Result<Vec<Document>, Problems> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut sources = SourceMap::default();
        let file = sources.add(Source::new(name, text));
        let reader = Reader {
            parser: Parser::new_from_str(text),
            file,
            text,
            anchors: HashMap::new(),
            nodes: 0,
            peeked: None,
        };
        match reader.documents() {
            Ok(docs) => Ok(docs
                .into_iter()
                .map(|(value, marks)| Document { value, marks, sources: sources.clone() })
                .collect()),
            Err(problem) => Err(Problems::one(sources, *problem)),
        }
    }

    /// A document that was made by a program: data without places.
    pub fn from_value(value: Value) -> Document {
        let span = Span { file: FileId(u32::MAX), start: 0, end: 0 };
        Document { value, sources: SourceMap::default(), marks: Mark { span, kids: Kids::None } }
    }

    /// Where a path (`spec.components[0].name`) stands: the key of a field, the first character of an element, or of the nearest part around it that is there.
    pub fn span(&self, path: &str) -> Option<Span> {
        let mut at = self.marks.span;
        let mut mark = &self.marks;
        for step in Path::parse(path).unwrap_or_default().0 {
            let name = match step {
                Step::Field(name) | Step::Special(name) => name.to_string(),
                Step::Index(i) => i.to_string(),
            };
            match &mark.kids {
                Kids::Map(kids) => match kids.iter().rfind(|(k, ..)| *k == name) {
                    Some((_, key, kid)) => (at, mark) = (*key, kid),
                    None => break,
                },
                Kids::List(kids) => match name.parse().ok().and_then(|i: usize| kids.get(i)) {
                    Some(kid) => (at, mark) = (kid.span, kid),
                    None => break,
                },
                Kids::None => break,
            }
        }
        (at.file != FileId(u32::MAX)).then_some(at)
    }

    /// The first character of the value at exactly this path.
    pub fn value_span(&self, path: &str) -> Option<Span> {
        let mut mark = &self.marks;
        for step in Path::parse(path)?.0 {
            mark = match (&mark.kids, step) {
                (Kids::Map(kids), Step::Field(n) | Step::Special(n)) => {
                    &kids.iter().rfind(|(k, ..)| **k == *n)?.2
                }
                (Kids::List(kids), Step::Index(i)) => kids.get(i)?,
                _ => return None,
            };
        }
        (mark.span.file != FileId(u32::MAX)).then_some(mark.span)
    }

    /// A mistake at a path of this document.
    pub fn problem(
        &self,
        code: &'static str,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Problem {
        let problem = Problem::new(code, path, message);
        let span = self.span(&problem.path);
        problem.at(span, "")
    }
}

/// The path of a field: quoted where it holds what would end it.
pub fn field(path: &str, name: &str) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    match name.is_empty() || name.contains(['.', '[', ']', ' ', '/']) {
        true => format!("{path}{dot}\"{name}\""),
        false => format!("{path}{dot}{name}"),
    }
}

/// The path of an element.
pub fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// What a value is, for messages.
pub fn kind_of(v: &Value) -> &'static str {
    match v {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

type Node = (Value, Mark);
type Result1<T> = Result<T, Box<Problem>>;

struct Reader<'t> {
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    file: FileId,
    text: &'t str,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    peeked: Option<(Event<'t>, Span)>,
}

impl<'t> Reader<'t> {
    fn scan_error(&self, e: &ScanError) -> Box<Problem> {
        let at = e.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let problem = Problem::new("yaml", "", format!("this is not YAML: {}", e.info()));
        Box::new(problem.at(Some(Span::new(self.file, at, at)), ""))
    }

    fn refuse(&self, span: Span, message: impl Into<String>) -> Box<Problem> {
        Box::new(Problem::new("yaml", "", message).at(Some(span), ""))
    }

    fn next(&mut self) -> Result1<Option<(Event<'t>, Span)>> {
        if let Some(e) = self.peeked.take() {
            return Ok(Some(e));
        }
        loop {
            match self.parser.next() {
                None => return Ok(None),
                Some(Err(e)) => return Err(self.scan_error(&e)),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => {
                    let start = span.start.byte_offset().unwrap_or(0);
                    let end = span.end.byte_offset().unwrap_or(start).max(start);
                    return Ok(Some((event, Span::new(self.file, start, end))));
                }
            }
        }
    }

    fn documents(mut self) -> Result1<Vec<Node>> {
        let mut docs = Vec::new();
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::StreamEnd => {}
                Event::DocumentEnd => self.anchors.clear(),
                event => {
                    let node = self.node(event, span, 0)?;
                    if !node.0.is_null() {
                        docs.push(node);
                    }
                }
            }
        }
        Ok(docs)
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result1<Node> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(
                self.refuse(span, format!("a file holds at most {MAX_NODES} values, repeated ones counted"))
            );
        }
        if depth > MAX_DEPTH {
            return Err(self.refuse(span, format!("values are nested at most {MAX_DEPTH} deep")));
        }
        let before = self.nodes;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_ref().and_then(|t| t.core_suffix()).unwrap_or("");
                let value = match (style, tag) {
                    (_, "str" | "binary") => Value::String(text.into_owned()),
                    (ScalarStyle::Plain, _) | (_, "int" | "float" | "bool" | "null") => match plain(&text) {
                        Some(value) => value,
                        None => return Err(self.refuse(span, format!("{text} is no number that JSON has"))),
                    },
                    _ => Value::String(text.into_owned()),
                };
                ((value, Mark { span, kids: Kids::None }), anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(span, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(span, depth)?, anchor),
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id) else {
                    return Err(self.refuse(span, "an alias inside of what it names"));
                };
                self.nodes += size;
                return Ok(node.clone());
            }
            other => return Err(self.refuse(span, format!("this is not YAML: unexpected {other:?}"))),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn list(&mut self, span: Span, depth: usize) -> Result1<Node> {
        let (mut items, mut marks) = (Vec::new(), Vec::new());
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            let (value, mark) = self.node(event, at, depth + 1)?;
            items.push(value);
            marks.push(mark);
        }
        Ok((Value::Array(items), Mark { span, kids: Kids::List(marks) }))
    }

    fn map(&mut self, span: Span, depth: usize) -> Result1<Node> {
        let mut fields = Map::new();
        let mut marks: Vec<(String, Span, Mark)> = Vec::new();
        let mut merged: Vec<Node> = Vec::new();
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(t, ScalarStyle::Plain, ..) if t == "<<");
            let (key, _) = self.node(event, at, depth + 1)?;
            let Some((event, value_at)) = self.next()? else { break };
            let node = self.node(event, value_at, depth + 1)?;
            if is_merge {
                merged.push(node);
                continue;
            }
            let key = match key {
                Value::String(s) => s,
                Value::Bool(b) => b.to_string(),
                Value::Number(n) => n.to_string(),
                other => {
                    return Err(self.refuse(at, format!("a key is a text, and this is {}", kind_of(&other))));
                }
            };
            marks.retain(|(k, ..)| *k != key);
            marks.push((key.clone(), at, node.1));
            fields.insert(key, node.0);
        }
        for node in merged {
            self.merge(span, node, &mut fields, &mut marks)?;
        }
        Ok((Value::Object(fields), Mark { span, kids: Kids::Map(marks) }))
    }

    /// `<<: *x`: fields that are not there yet are taken from `x`, or from each of a list.
    fn merge(
        &self,
        span: Span,
        node: Node,
        into: &mut Map<String, Value>,
        marks: &mut Vec<(String, Span, Mark)>,
    ) -> Result1<()> {
        match node {
            (Value::Object(fields), Mark { kids: Kids::Map(kids), .. }) => {
                for (key, value) in fields {
                    if !into.contains_key(&key) {
                        marks.extend(kids.iter().find(|(k, ..)| *k == key).cloned());
                        into.insert(key, value);
                    }
                }
                Ok(())
            }
            (Value::Array(items), Mark { kids: Kids::List(kids), .. }) => {
                for node in items.into_iter().zip(kids) {
                    if !node.0.is_object() {
                        return Err(self.refuse(span, "`<<` takes objects"));
                    }
                    self.merge(span, node, into, marks)?;
                }
                Ok(())
            }
            _ => Err(self.refuse(span, "`<<` takes an object, or a list of objects")),
        }
    }
}

/// What a plain scalar is; `None` for numbers that JSON does not have.
fn plain(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            Value::Bool(false)
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan"
        | ".NaN" | ".NAN" => {
            return None;
        }
        _ if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            match integer(text).or_else(|| float(text)) {
                Some(n) => Value::Number(n),
                None => Value::String(text.to_string()),
            }
        }
        _ => Value::String(text.to_string()),
    })
}

fn integer(text: &str) -> Option<Number> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let (negative, rest) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, &digits[..]),
    };
    let lower = rest.to_ascii_lowercase();
    let (radix, number) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some(p) if p.starts_with('0') => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if !number.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let n = u64::from_str_radix(number, radix).ok()?;
    match negative {
        false => Some(n.into()),
        true => i64::try_from(-i128::from(n)).ok().map(Number::from),
    }
}

fn float(text: &str) -> Option<Number> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let unsigned = digits.trim_start_matches(['-', '+']);
    let shape = unsigned.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c))
        && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit());
    let f: f64 = if shape { digits.parse().ok()? } else { return None };
    // `80.0` and `1e1` are integers to every reader of these files.
    if f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0 {
        return Some((f as i64).into());
    }
    Number::from_f64(f)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Value {
        Document::read_all("t.yaml", text).unwrap().remove(0).value
    }

    fn error(text: &str) -> String {
        Document::read_all("t.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn scalars_are_read_as_yaml_1_1() {
        assert_eq!(
            read(
                "[y, No, on, ~, 0644, 0o17, 0x1F, 0b101, 1_000, 80.0, 1e1, 1.5, 2024-01-01, '1', \"yes\", -0x10, 08, 1.2.3, +5, 1-2]"
            ),
            json!([
                true,
                false,
                true,
                null,
                420,
                15,
                31,
                5,
                1000,
                80,
                10,
                1.5,
                "2024-01-01",
                "1",
                "yes",
                -16,
                8,
                "1.2.3",
                5,
                "1-2"
            ])
        );
        assert_eq!(read("n: 3\n4: a\n"), json!({"false": 3, "4": "a"}));
        assert_eq!(
            read("a: 18446744073709551615\nb: -9223372036854775808"),
            json!({"a": 18446744073709551615u64, "b": i64::MIN})
        );
        assert_eq!(read("a: !!str 5\nb: |\n  x\n   y\n"), json!({"a": "5", "b": "x\n y\n"}));
    }

    #[test]
    fn anchors_merges_and_repeated_keys() {
        assert_eq!(
            read("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\ne: *x"),
            json!({"a": {"b": 1, "c": 2}, "d": {"c": 3, "b": 1}, "e": {"b": 1, "c": 2}})
        );
        assert_eq!(read("a: 1\na: 2"), json!({"a": 2}));
    }

    #[test]
    fn places_are_those_of_keys_and_elements() {
        let doc =
            Document::read_all("t.yaml", "a:\n  - {b: 1}\n  - c: \"x\"\n    d.e: 2\n").unwrap().remove(0);
        let at =
            |p: &str| doc.span(p).and_then(|s| doc.sources.position(s)).map(|p| (p.line, p.column)).unwrap();
        assert_eq!(at("a"), (1, 1));
        assert_eq!(at("a[0].b"), (2, 6));
        assert_eq!(at("a[1].c"), (3, 5));
        assert_eq!(at("a[1].\"d.e\""), (4, 5));
        assert_eq!(at("a[1].missing.deeper"), (3, 5));
    }

    #[test]
    fn faults_have_a_place() {
        let deep = format!("{}1", "[".repeat(300));
        let all = ["a: [1, 2\nb: 3\n", "a: 1\n b: 2\n", "{null: 1}", "a: .nan", "a: *b", "a: \"x", &deep];
        insta::assert_snapshot!(all.map(error).join("\n"));
    }

    #[test]
    fn aliases_cannot_grow_without_bound() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 10].join(",");
            text += &format!("a{i}: &a{i} [{refs}]\n");
        }
        assert!(error(&text).contains("at most"), "{}", error(&text));
    }

    #[test]
    fn empty_files_hold_no_documents() {
        assert!(Document::read_all("t.yaml", "").unwrap().is_empty());
        assert!(Document::read_all("t.yaml", "# nothing\n---\n---\n").unwrap().is_empty());
    }
}
