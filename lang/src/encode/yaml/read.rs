//! Reads YAML documents into data, with the place of every value.
//!
//! Built from parser events with a stack of its own, so depth costs no call stack. Aliases are copied; how much they may
//! make of a small text is bounded.

use super::{YamlError, resolve};
use crate::data::Data;
use crate::encode::MAX_DEPTH;
use base64::Engine as _;
use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, Tag};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::sync::Arc;

/// How many values aliases may add to a stream.
const MAX_EXPANDED: usize = 1_000_000;

/// How many lines of quoted text may stand no further to the right than what they belong to.
const MAX_UNINDENTED: usize = 64;

/// What plain words and repeated keys mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// As the language's `encoding/yaml` has it: `yes` is text, numbers are exact, a repeated key is an error.
    Language,
    /// As Kubernetes tools read documents: YAML 1.1 booleans (also as keys), numbers as doubles, the last of repeated keys wins.
    Documents,
}

/// A document: its value and where its parts stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The value.
    pub data: Data,
    /// The places of the value and everything in it.
    pub positions: Place,
}

/// Where a value stands; lines and columns count from 1. Parts that came through an alias have the places of the anchor.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// The line of the value.
    pub line: u32,
    /// The column of the value.
    pub column: u32,
    /// Line and column of the key, where there is one.
    pub key: Option<(u32, u32)>,
    pub(in crate::encode) parts: Vec<(Option<Arc<str>>, Place)>,
}

impl Place {
    /// The place of the part with this label, or with this index in a list.
    pub fn part(&self, step: &str) -> Option<&Place> {
        if self.parts.first().is_some_and(|(label, _)| label.is_none()) {
            return self.parts.get(step.parse::<usize>().ok()?).map(|(_, place)| place);
        }
        self.parts.iter().find(|(label, _)| label.as_deref() == Some(step)).map(|(_, place)| place)
    }

    /// The place of an element of a list.
    pub(crate) fn nth(&self, i: usize) -> Option<&Place> {
        self.parts.get(i).map(|(_, place)| place)
    }

    /// The place of a field, which is likely the part with this number.
    pub(crate) fn named(&self, i: usize, label: &str) -> Option<&Place> {
        match self.parts.get(i) {
            Some((Some(l), place)) if **l == *label => Some(place),
            _ => self.part(label),
        }
    }

    /// The place at the end of a path (`["spec", "containers", "0"]`).
    pub fn get(&self, path: &[&str]) -> Option<&Place> {
        path.iter().try_fold(self, |place, step| place.part(step))
    }

    /// The place of the deepest value on the path that is there, for what is missing.
    pub fn nearest(&self, path: &[&str]) -> &Place {
        let mut place = self;
        for step in path {
            match place.part(step) {
                Some(part) => place = part,
                None => break,
            }
        }
        place
    }
}

/// Reads a stream of one document; an empty stream is `null`.
pub fn parse(text: &str, rules: Rules) -> Result<Data, YamlError> {
    let mut documents = parse_documents(text, rules)?;
    if let Some(second) = documents.get(1) {
        let Place { line, column, .. } = second.positions;
        return Err(YamlError {
            line,
            column,
            message: "expected a single document, found another one".into(),
        });
    }
    Ok(documents.pop().map_or(Data::Null, |d| d.data))
}

/// Where a tab stands before what a stream begins with: only what has brackets could follow it.
fn tab(text: &str) -> Option<(u32, u32)> {
    let begins =
        |(_, line): &(usize, &str)| !line.trim_start().is_empty() && !line.trim_start().starts_with('#');
    let (n, line) = text.lines().enumerate().find(begins)?;
    let content = line.trim_start();
    let column = line[..line.len() - content.len()].find('\t')?;
    (!content.starts_with(['{', '['])).then_some((n as u32 + 1, column as u32 + 1))
}

/// Reads all documents of a stream.
pub fn parse_documents(text: &str, rules: Rules) -> Result<Vec<Document>, YamlError> {
    let mut text = Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text));
    if let Some((line, column)) = tab(&text) {
        let message = "a tab cannot stand before a value: use blanks".into();
        return Err(YamlError { line, column, message });
    }
    let mut left = MAX_UNINDENTED;
    let mut last = 0;
    loop {
        match read_stream(&text, rules) {
            Err((error, Some(line))) => match indented(&text, line).filter(|_| left > 0 && line > last) {
                Some(further) => (text, last) = (Cow::Owned(further), line),
                None => return Err(error),
            },
            done => return done.map_err(|(error, _)| error),
        }
        left -= 1;
    }
}

/// Text with a line of a quoted scalar further to the right than all that it may belong to. The reference reads such lines wherever they stand, and leaves the
/// space before them out, so nothing but columns in that line changes. `None` if there is no such line.
fn indented(text: &str, line: usize) -> Option<String> {
    // As the parser counts lines: each of `\n`, `\r\n` and `\r` ends one.
    let ends = |(at, c): (usize, char)| match c {
        '\n' => Some(at + 1),
        '\r' if !text[at + 1..].starts_with('\n') => Some(at + 1),
        _ => None,
    };
    let start = text.char_indices().filter_map(ends).nth(line.checked_sub(2)?)?;
    let (before, after) = text.split_at(start);
    // Blocks begin behind blanks and the signs of lists and keys.
    let begins = |line: &str| line.chars().take_while(|c| " -?:".contains(*c)).count();
    let width = before.split(['\n', '\r']).map(begins).max().unwrap_or(0) + 1;
    Some([before, &" ".repeat(width), after].concat())
}

/// Reads all documents of a stream. The error has the line, if all that is wrong is where a line of quoted text begins.
fn read_stream(text: &str, rules: Rules) -> Result<Vec<Document>, (YamlError, Option<usize>)> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder =
        Builder { rules, stack: Vec::new(), anchors: FxHashMap::default(), expanded: 0, done: None };
    let mut documents = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            let (line, column) = place_of(error.marker());
            let unindented = matches!(error.kind(), ErrorKind::InvalidQuotedScalarIndent);
            let at = unindented.then(|| error.marker().line());
            (YamlError { line, column, message: error.info() }, at)
        })?;
        if matches!(event, Event::DocumentEnd) {
            if let Some(node) = builder.done.take() {
                documents.push(Document { data: node.data, positions: node.place });
            }
            builder.anchors.clear();
        } else {
            let (line, column) = place_of(&span.start);
            builder
                .event(event, line, column)
                .map_err(|message| (YamlError { line, column, message }, None))?;
        }
    }
    Ok(documents)
}

fn place_of(mark: &Marker) -> (u32, u32) {
    (mark.line() as u32, mark.col() as u32 + 1)
}

/// A value that is complete.
#[derive(Clone)]
struct Node {
    data: Data,
    place: Place,
    /// How many values it holds, itself included, and how deep it is.
    size: usize,
    depth: usize,
}

struct Builder {
    rules: Rules,
    stack: Vec<Frame>,
    anchors: FxHashMap<usize, Node>,
    expanded: usize,
    done: Option<Node>,
}

/// A list or mapping that is still open.
struct Frame {
    anchor: usize,
    place: Place,
    size: usize,
    depth: usize,
    kind: FrameKind,
}

enum FrameKind {
    List(Vec<Data>),
    Map {
        entries: Vec<(Key, Data, Place)>,
        index: FxHashMap<Arc<str>, usize>,
        key: Option<(Key, (u32, u32))>,
    },
}

#[derive(Clone)]
enum Key {
    Label(Arc<str>),
    /// `<<`
    Merge,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, line: u32, column: u32) -> Result<(), String> {
        let place = Place { line, column, ..Place::default() };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if self.expects_key() {
                    let key = self.key(&text, style, tag.as_deref())?;
                    if anchor != 0 {
                        let data = Data::string(&*text);
                        self.anchors.insert(anchor, Node { data, place, size: 1, depth: 0 });
                    }
                    return self.set_key(key, line, column);
                }
                let data = self.scalar(&text, style, tag)?;
                self.complete(anchor, Node { data, place, size: 1, depth: 0 })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(anchor, tag, place, FrameKind::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                let kind = FrameKind::Map { entries: Vec::new(), index: FxHashMap::default(), key: None };
                self.open(anchor, tag, place, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => {
                let mut node = match self.anchors.get(&id) {
                    Some(node) => node.clone(),
                    None => return Err("an anchor's value contains itself".into()),
                };
                self.expanded += node.size;
                if self.expanded > MAX_EXPANDED {
                    return Err(format!("aliases add more than {MAX_EXPANDED} values"));
                }
                if self.stack.len() + node.depth > MAX_DEPTH {
                    return Err(format!("nested deeper than {MAX_DEPTH}"));
                }
                if self.expects_key() {
                    let label = match &node.data {
                        Data::String(s) => s.clone(),
                        Data::List(_) | Data::Struct(_) => return Err(bad_key(node.data.type_name())),
                        scalar => crate::encode::json::compact(scalar).into(),
                    };
                    return self.set_key(Key::Label(label), line, column);
                }
                (node.place.line, node.place.column) = (line, column);
                self.complete(0, node)
            }
            _ => Ok(()),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { kind: FrameKind::Map { key: None, .. }, .. }))
    }

    fn key(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Key, String> {
        if style != ScalarStyle::Plain || tag.is_some() {
            return Ok(Key::Label(text.into()));
        }
        if text == "<<" {
            return Ok(Key::Merge);
        }
        if self.rules == Rules::Language {
            return Ok(Key::Label(text.into()));
        }
        Ok(Key::Label(match resolve::plain_document(text)? {
            Data::String(s) => s,
            Data::Null => return Err(bad_key("null")),
            other => crate::encode::json::compact(&other).into(),
        }))
    }

    fn set_key(&mut self, new: Key, line: u32, column: u32) -> Result<(), String> {
        if let Some(Frame { kind: FrameKind::Map { key, .. }, .. }) = self.stack.last_mut() {
            *key = Some((new, (line, column)));
        }
        Ok(())
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<Cow<'_, Tag>>) -> Result<Data, String> {
        let resolved = |text: &str| match self.rules {
            Rules::Language => resolve::plain(text),
            Rules::Documents => resolve::plain_document(text),
        };
        let Some(tag) = tag else {
            return if style == ScalarStyle::Plain { resolved(text) } else { Ok(Data::string(text)) };
        };
        let wrong = |kind: &str| format!("cannot read {text:?} as {kind}");
        match core(&tag).as_deref() {
            Some("str" | "timestamp") => Ok(Data::string(text)),
            Some("null") => Ok(Data::Null),
            Some("bool") => resolve::old_bool(text).map(Data::Bool).ok_or_else(|| wrong("a boolean")),
            Some("int") => match resolved(text)? {
                Data::Number(n) if n.is_int() => Ok(Data::Number(n)),
                _ => Err(wrong("an integer")),
            },
            Some("float") => match resolved(text)? {
                Data::Number(n) if n.is_int() => Ok(Data::Number(n.to_decimal().into())),
                Data::Number(n) => Ok(Data::Number(n)),
                _ => Err(wrong("a float")),
            },
            Some("binary") => {
                let compact: String = text.split_whitespace().collect();
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(compact)
                    .map_err(|_| "!!binary value contains invalid base64 data".to_owned())?;
                Ok(match self.rules {
                    Rules::Language => Data::Bytes(bytes.into()),
                    Rules::Documents => Data::string(String::from_utf8_lossy(&bytes).as_ref()),
                })
            }
            // The tag `!` alone says: no guessing.
            None if tag.handle().is_empty() && tag.suffix() == "!" => Ok(Data::string(text)),
            _ if self.rules == Rules::Documents && style == ScalarStyle::Plain => resolved(text),
            _ if self.rules == Rules::Documents => Ok(Data::string(text)),
            _ => Err(format!("unknown tag {tag}")),
        }
    }

    fn open(
        &mut self,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        place: Place,
        kind: FrameKind,
    ) -> Result<(), String> {
        if self.expects_key() {
            return Err(bad_key(match kind {
                FrameKind::List(_) => "list",
                FrameKind::Map { .. } => "struct",
            }));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        if let Some(tag) = tag
            && self.rules == Rules::Language
            && !matches!(core(&tag).as_deref(), Some("map" | "seq" | "set" | "omap"))
        {
            return Err(format!("unknown tag {tag}"));
        }
        self.stack.push(Frame { anchor, place, size: 1, depth: 0, kind });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(mut frame) = self.stack.pop() else { return Ok(()) };
        let data = match frame.kind {
            FrameKind::List(items) => Data::List(items),
            FrameKind::Map { entries, index, .. } => {
                let mut fields = Vec::with_capacity(entries.len());
                let mut merged: FxHashMap<Arc<str>, ()> = FxHashMap::default();
                for (key, data, place) in entries {
                    match key {
                        Key::Label(label) => {
                            frame.place.parts.push((Some(label.clone()), place));
                            fields.push((label, data));
                        }
                        Key::Merge => {
                            for (label, value) in merge_fields(data) {
                                if !index.contains_key(&label) && merged.insert(label.clone(), ()).is_none() {
                                    frame
                                        .place
                                        .parts
                                        .push((Some(label.clone()), place.nearest(&[&label]).clone()));
                                    fields.push((label, value));
                                }
                            }
                        }
                    }
                }
                Data::Struct(fields)
            }
        };
        let node = Node { data, place: frame.place, size: frame.size, depth: frame.depth };
        self.complete(frame.anchor, node)
    }

    /// Puts a complete value where it belongs.
    fn complete(&mut self, anchor: usize, mut node: Node) -> Result<(), String> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            self.done = Some(node);
            return Ok(());
        };
        frame.size += node.size;
        frame.depth = frame.depth.max(node.depth + 1);
        match &mut frame.kind {
            FrameKind::List(items) => {
                items.push(node.data);
                frame.place.parts.push((None, node.place));
            }
            FrameKind::Map { entries, index, key } => {
                let Some((key, key_place)) = key.take() else { return Err(bad_key(node.data.type_name())) };
                node.place.key = Some(key_place);
                if let Key::Label(label) = &key {
                    if let Some(&i) = index.get(label) {
                        if self.rules == Rules::Language && entries[i].1 != node.data {
                            let (line, _) = entries[i].2.key.unwrap_or_default();
                            return Err(format!(
                                "key {label:?} stands twice with different values, first in line {line}"
                            ));
                        }
                        (entries[i].1, entries[i].2) = (node.data, node.place);
                        return Ok(());
                    }
                    index.insert(label.clone(), entries.len());
                } else {
                    check_merge(&node.data)?;
                }
                entries.push((key, node.data, node.place));
            }
        }
        Ok(())
    }
}

/// The name of one of YAML's own tags.
fn core<'a>(tag: &'a Tag) -> Option<Cow<'a, str>> {
    tag.suffix_in_namespace("tag:yaml.org,2002:")
}

fn bad_key(kind: &str) -> String {
    format!("a {kind} cannot be a key")
}

/// Whether `<<` may merge this: a mapping or a list of them.
fn check_merge(data: &Data) -> Result<(), String> {
    let items = if let Data::List(items) = data { &items[..] } else { std::slice::from_ref(data) };
    match items.iter().find(|item| !matches!(item, Data::Struct(_))) {
        Some(other) => Err(format!("'<<' takes mappings, not {}", other.type_name())),
        None => Ok(()),
    }
}

fn merge_fields(data: Data) -> Vec<(Arc<str>, Data)> {
    match data {
        Data::Struct(fields) => fields,
        Data::List(items) => items.into_iter().flat_map(merge_fields).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::json;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        parse(text, Rules::Language).map_or_else(|e| e.to_string(), |d| json::compact(&d))
    }

    fn read_document(text: &str) -> String {
        parse(text, Rules::Documents).map_or_else(|e| e.to_string(), |d| json::compact(&d))
    }

    #[test]
    fn by_the_rules_of_the_language() {
        for (text, value) in [
            ("", "null"),
            ("# c", "null"),
            ("---\n", "null"),
            ("a: 1\nb: [yes, 'no', \"1\", 0x1F, ~]", r#"{"a":1,"b":["yes","no","1",31,null]}"#),
            ("{1: a, true: b, null: c, yes: d, a}", r#"{"1":"a","true":"b","null":"c","yes":"d","a":null}"#),
            (
                "s: |\n  abc\n   def\nf: >\n  abc\n  def\n\n  ghi\ne:",
                r#"{"s":"abc\n def\n","f":"abc def\nghi\n","e":null}"#,
            ),
            ("a:\n  b: \"one\n  two\n\n three\" # c\n  d: 1", r#"{"a":{"b":"one two\nthree","d":1}}"#),
            ("a:\n- b: 'one\ntwo'\n- c", r#"{"a":[{"b":"one two"},"c"]}"#),
            ("a:\r- - b: 'one\rtwo\r\nthree'\r  - c", r#"{"a":[[{"b":"one two three"},"c"]]}"#),
            ("a: &x {k: 1}\nb: *x\nc: {<<: *x, z: 2}", r#"{"a":{"k":1},"b":{"k":1},"c":{"k":1,"z":2}}"#),
            ("{<<: [{p: 1}, {p: 2, q: 3}], q: 1}", r#"{"p":1,"q":1}"#),
            ("'<<': 1", r#"{"<<":1}"#),
            (
                "[!!str 1, !!int \"3\", !!float 1, !!bool \"true\", !!null \"\", ! 5]",
                r#"["1",3,1,true,null,"5"]"#,
            ),
            ("!!set {x, y}", r#"{"x":null,"y":null}"#),
            ("a: 1\na: 1", r#"{"a":1}"#),
            ("%YAML 1.2\n---\na: 1", r#"{"a":1}"#),
            ("\u{feff}a: 1\r\nb: 2\r\n", r#"{"a":1,"b":2}"#),
        ] {
            assert_eq!(read(text), value, "{text}");
        }
        assert_eq!(parse("!!binary YWJj", Rules::Language), Ok(Data::Bytes((*b"abc").into())));
    }

    #[test]
    fn mistakes_are_placed() {
        for (text, message) in [
            ("a: 1\nb: 2\na: 2", "3:4: key \"a\" stands twice with different values, first in line 1"),
            ("a: .inf", "1:4: .inf is not a number of the language"),
            ("a: !foo bar", "1:9: unknown tag !foo"),
            ("x:\n  - [a]: b", "2:5: a list cannot be a key"),
            ("&a [*a]", "1:5: an anchor's value contains itself"),
            ("a: !!int x", "1:10: cannot read \"x\" as an integer"),
            ("a: 1\n---\nb: 2", "3:1: expected a single document, found another one"),
            ("<<: 1", "1:5: '<<' takes mappings, not int"),
        ] {
            assert_eq!(read(text), message, "{text}");
        }
        for (text, at) in [
            ("a: [1", "1:"),
            ("a: 1\nb: c: d", "2:"),
            ("*x", "1:1"),
            ("a:\n\tb: 1", "2:"),
            ("\"a", "1:"),
            ("# c\n \ta: 1", "2:2"),
        ] {
            let error = read(text);
            assert!(error.starts_with(at), "{text}: {error}");
        }
    }

    #[test]
    fn by_the_rules_of_documents() {
        for (text, value) in [
            ("n: 3\ny: [yes, off, \"no\"]", r#"{"false":3,"true":[true,false,"no"]}"#),
            ("a: 1\na: 2", r#"{"a":2}"#),
            ("[0644, 80.0, 9007199254740993, 1_000]", "[420,80,9007199254740992,1000]"),
            ("{1: a, 1.5: b}", r#"{"1":"a","1.5":"b"}"#),
            ("{~: c}", "1:2: a null cannot be a key"),
            ("a: !foo bar", r#"{"a":"bar"}"#),
            ("d: 2001-01-01", r#"{"d":"2001-01-01"}"#),
        ] {
            assert_eq!(read_document(text), value, "{text}");
        }
    }

    #[test]
    fn places() {
        let text = "kind: A\nspec:\n  list:\n  - name: x\n    m: 1\n  - &b {q: 2}\n---\nsecond: *b\n";
        let error = parse_documents(text, Rules::Documents).unwrap_err();
        assert_eq!((error.line, error.column), (8, 9), "{error}");
        let documents = parse_documents(&text.replace("*b", "1"), Rules::Documents).unwrap();
        let [first, second] = &documents[..] else { panic!() };
        let at = |path: &[&str]| first.positions.get(path).map(|p| (p.line, p.column, p.key));
        assert_eq!(at(&[]), Some((1, 1, None)));
        assert_eq!(at(&["kind"]), Some((1, 7, Some((1, 1)))));
        assert_eq!(at(&["spec", "list", "0", "m"]), Some((5, 8, Some((5, 5)))));
        assert_eq!(at(&["spec", "list", "1", "q"]), Some((6, 12, Some((6, 9)))));
        assert_eq!(at(&["spec", "list", "2"]), None);
        assert_eq!(first.positions.nearest(&["spec", "missing", "x"]).line, 3);
        assert_eq!(second.positions.get(&["second"]).unwrap().line, 8);
    }

    #[test]
    fn hostile_input_ends() {
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..30 {
            laughs.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", ")));
        }
        assert!(read(&laughs).contains("aliases add more than"), "{}", read(&laughs));
        let mut deep = String::from("a0: &a0 []\n");
        for i in 1..3000 {
            deep.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
        }
        let error = read(&deep);
        assert!(error.contains("nested deeper") || error.contains("aliases add"), "{error}");
        assert!(parse(&"[".repeat(100_000), Rules::Language).is_err());
        assert!(parse(&"- ".repeat(100_000), Rules::Language).is_err());
        // Lines of quoted text to the left, one of them behind an end of a line that is not the usual one.
        assert!(parse("a:\n- b: 'c\n\n    d\re f\ng", Rules::Language).is_err());
        assert!(parse(&format!("a:\n- b: 'c{}'\n", "\nd".repeat(10_000)), Rules::Language).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in any::<String>(), key in any::<String>()) {
            let data = Data::Struct(vec![
                (key.as_str().into(), Data::string(text.as_str())),
                (format!("{key}l").into(), Data::List(vec![Data::string(text.as_str()), Data::List(vec![])])),
            ]);
            let written = super::super::write(&data);
            prop_assert_eq!(parse(&written, Rules::Language), Ok(data.clone()), "{}", written);
            prop_assert_eq!(parse(&written, Rules::Documents), Ok(data), "{}", written);
        }

        #[test]
        fn scalars_read_back(text in "[-+.:#?,\\[\\]{}&*!|>'\"%@`~ 0-9a-eynoxsNYul\n\t_<=]{0,8}") {
            let data = Data::List(vec![Data::string(text.as_str())]);
            let written = super::super::write(&data);
            prop_assert_eq!(parse(&written, Rules::Language), Ok(data.clone()), "{}", written);
            prop_assert_eq!(parse(&written, Rules::Documents), Ok(data), "{}", written);
        }
    }
}
