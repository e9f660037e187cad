//! Documents as Kubernetes' tools read them: YAML (many in one file) or JSON, each with a table from paths to places.
//!
//! The rules (`yes` and `n` are booleans, `0644` is octal, a date is text, the last of two equal keys wins) are those of the
//! language crate's reader; here paths become places. Tests at the end.

use crate::problem::{Problem, Problems};
use serde_json::Value;
use stepwell_lang::data::Data;
use stepwell_lang::encode::yaml::{self, Place, Rules};
use stepwell_lang::source::{FileId, Source, SourceMap, Span};
use stepwell_lang::{Path, Step};

const NO_FILE: FileId = FileId(u32::MAX);

/// A document: its data, and where each part of it stands.
#[derive(Clone, Debug)]
pub struct Document {
    /// The data.
    pub value: Value,
    /// The file that it was read from.
    pub sources: SourceMap,
    file: FileId,
    places: Place,
}

impl Document {
    /// Reads the documents of a file. Empty ones are left out.
    ///
    /// ```
    /// use stepwell_runtime::document::Document;
    /// let docs = Document::read_all("app.yaml", "kind: Application\n---\nspec: {count: 1}\n").unwrap();
    /// assert_eq!(docs[1].value["spec"]["count"], 1);
    /// let at = docs[1].span("spec.count").and_then(|s| docs[1].sources.position(s)).unwrap();
    /// assert_eq!((at.line, at.column), (3, 8));
    /// ```
    ///
    /// # Errors
    /// The place where the text stops being YAML, or breaks a bound.
    pub fn read_all(name: &str, text: &str) -> Result<Vec<Document>, Problems> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut sources = SourceMap::default();
        let file = sources.add(Source::new(name, text));
        match yaml::parse_documents(text, Rules::Documents) {
            Ok(docs) => {
                let docs = docs.into_iter().filter(|d| d.data != Data::Null);
                let document = |d: yaml::Document| Document {
                    value: d.data.to_json_value(),
                    sources: sources.clone(),
                    file,
                    places: d.positions,
                };
                Ok(docs.map(document).collect())
            }
            Err(e) => {
                let span = span_at(&sources, file, e.line, e.column);
                let mut problem = Problem::new("yaml", "", format!("this is not YAML: {}", e.message));
                if text.contains("{{") && text.contains("}}") {
                    problem = problem
                        .hint("if it is a template of a Helm chart: `helm template` makes YAML of the chart");
                }
                Err(Problems::one(sources, problem.at(span, "")))
            }
        }
    }

    /// The name of the file; empty if a program made the document.
    pub fn file(&self) -> &str {
        self.sources.get(self.file).map_or("", |source| &source.name)
    }

    /// A document that was made by a program: data without places.
    pub fn from_value(value: Value) -> Document {
        Document { value, sources: SourceMap::default(), file: NO_FILE, places: Place::default() }
    }

    /// The same with a lone `y` or `n` read as text and not as a boolean: what whoever writes a short name in a workflow means.
    #[must_use]
    pub fn with_letters(mut self) -> Document {
        let mut value = std::mem::take(&mut self.value);
        self.letters(&mut value, &self.places);
        self.value = value;
        self
    }

    fn letters(&self, value: &mut Value, place: &Place) {
        match value {
            Value::Object(m) => {
                let inner = m.iter_mut().filter_map(|(k, v)| Some((v, place.part(k)?)));
                inner.for_each(|(v, p)| self.letters(v, p));
                // A key that was such a letter has become the name of a boolean.
                let written = |k: &String| self.letter(place.part(k)?.key?);
                if m.keys().any(|k| matches!(k.as_str(), "true" | "false") && written(k).is_some()) {
                    let renamed = |(k, v): (String, Value)| (written(&k).unwrap_or(k), v);
                    *m = std::mem::take(m).into_iter().map(renamed).collect();
                }
            }
            Value::Array(items) => {
                let parts =
                    items.iter_mut().enumerate().filter_map(|(i, v)| Some((v, place.part(&i.to_string())?)));
                parts.for_each(|(v, p)| self.letters(v, p));
            }
            Value::Bool(_) => {
                if let Some(letter) = self.letter((place.line, place.column)) {
                    *value = Value::String(letter);
                }
            }
            _ => {}
        }
    }

    /// The lone letter at a line and column that is read as a boolean.
    fn letter(&self, (line, column): (u32, u32)) -> Option<String> {
        let span = span_at(&self.sources, self.file, line, column)?;
        let mut text = self.sources.get(self.file)?.text.get(span.start as usize..)?.chars();
        let letter = text.next().filter(|c| matches!(c, 'y' | 'Y' | 'n' | 'N'))?;
        text.next().is_none_or(|c| !c.is_alphanumeric() && c != '_').then(|| letter.to_string())
    }

    /// Where a path (`spec.components[0].name`) stands: the key of a field, the first character of an element, or of the nearest
    /// part around it that is there.
    pub fn span(&self, path: &str) -> Option<Span> {
        let mut place = &self.places;
        for step in Path::parse(path).unwrap_or_default().0 {
            let part = match &step {
                Step::Field(name) | Step::Special(name) => place.part(name),
                Step::Index(i) => place.part(&i.to_string()),
            };
            match part {
                Some(part) => place = part,
                None => break,
            }
        }
        let (line, column) = place.key.unwrap_or((place.line, place.column));
        span_at(&self.sources, self.file, line, column)
    }

    /// The word that was written for the boolean at exactly this path, if it is one that others than YAML 1.1 take for text: `y`, `no`, `on`.
    pub fn word_of_boolean(&self, path: &str) -> Option<String> {
        let (line, column) = self.value_place(path)?;
        let span = span_at(&self.sources, self.file, line, column)?;
        let text = self.sources.get(self.file)?.text.get(span.start as usize..)?;
        let word: String = text.chars().take_while(|c| c.is_alphanumeric()).take(4).collect();
        ["y", "yes", "n", "no", "on", "off"].contains(&word.to_ascii_lowercase().as_str()).then_some(word)
    }

    /// Where the value at exactly this path begins, by line and column.
    pub fn value_place(&self, path: &str) -> Option<(u32, u32)> {
        let mut place = &self.places;
        for step in Path::parse(path)?.0 {
            place = match &step {
                Step::Field(name) | Step::Special(name) => place.part(name)?,
                Step::Index(i) => place.part(&i.to_string())?,
            };
        }
        Some((place.line, place.column))
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

/// The empty range at a line and column (in characters).
fn span_at(sources: &SourceMap, file: FileId, line: u32, column: u32) -> Option<Span> {
    let text = &sources.get(file)?.text;
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1) as usize).map(str::len).sum();
    let rest = &text[before.min(text.len())..];
    let inside: usize = rest.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
    Some(Span::new(file, before + inside, before + inside))
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
                "[y, No, on, ~, 0644, 0o17, 0x1F, 0b101, 1_000, 80.0, 1e1, 1.5, 2024-01-01, '1', \"yes\", -0x10, 1.2.3, +5, 1-2]"
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
                "1.2.3",
                5,
                "1-2"
            ])
        );
        assert_eq!(read("n: 3\n4: a\n"), json!({"false": 3, "4": "a"}));
        assert_eq!(read("a: !!str 5\nb: |\n  x\n   y\n"), json!({"a": "5", "b": "x\n y\n"}));
    }

    #[test]
    fn lone_letters_can_be_text() {
        let doc =
            Document::read_all("t.yaml", "a: {from: n, b: no, n: 3}\nl: [y, yes, 'n']\n").unwrap().remove(0);
        assert_eq!(
            doc.with_letters().value,
            json!({"a": {"from": "n", "b": false, "n": 3}, "l": ["y", true, "n"]})
        );
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
        assert!(error(&text).contains("more than"), "{}", error(&text));
    }

    #[test]
    fn empty_files_hold_no_documents() {
        assert!(Document::read_all("t.yaml", "").unwrap().is_empty());
        assert!(Document::read_all("t.yaml", "# nothing\n---\n---\n").unwrap().is_empty());
    }
}
