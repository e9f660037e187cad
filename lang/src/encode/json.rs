//! JSON: the writer in the reference's form (keys in order, numbers exact, bytes as base64) and a reader with positions.

use super::{DecodeError, MAX_DEPTH, line_column};
use crate::data::{Data, Sink};
use crate::number::Number;
use base64::Engine as _;
use rustc_hash::FxHashMap;
use std::fmt;
use std::io;
use std::sync::Arc;

/// With four spaces for each level, as `export` prints it; without a newline at the end.
pub fn pretty(data: &Data) -> String {
    indented(data, "", INDENT)
}

/// Without any white space.
pub fn compact(data: &Data) -> String {
    let mut writer = Writer::new(Layout::OneLine, String::new());
    data.tell(&mut writer);
    writer.out
}

/// With `indent` for each level, and `prefix` at the start of every line but the first.
pub fn indented(data: &Data, prefix: &str, indent: &str) -> String {
    let mut writer = Writer::new(Layout::Indented(indent), format!("\n{prefix}"));
    data.tell(&mut writer);
    writer.out
}

const INDENT: &str = "    ";

/// Writes what it is told.
pub(crate) struct Writer<'a> {
    pub(crate) out: String,
    layout: Layout<'a>,
    /// What stands between the last line and the next value: the line break, and what the next line begins with.
    line: String,
    /// Whether nothing stands in the innermost list or struct yet.
    first: bool,
    /// Whether a label was written whose value is next.
    labelled: bool,
    /// For each list or struct around: whether it is a list.
    lists: Vec<bool>,
}

#[derive(Clone, Copy)]
enum Layout<'a> {
    OneLine,
    /// So much for each level.
    Indented(&'a str),
    /// Each line begins with the [`mark`] of its level.
    Marked,
}

/// A level as one character, which is never a line break.
fn mark(level: usize) -> char {
    char::from_u32(FIRST_MARK + level as u32).unwrap_or(char::MAX)
}

const FIRST_MARK: u32 = 0x20;

impl<'a> Writer<'a> {
    /// For a [`Text`].
    pub(crate) fn marked() -> Self {
        Writer::new(Layout::Marked, format!("\n{}", mark(0)))
    }

    /// For a part of a [`Text`]: so many lists and structs further in, and whether nothing stands in the innermost one yet.
    pub(crate) fn inside(level: usize, first: bool) -> Self {
        let mut writer = Writer::new(Layout::Marked, format!("\n{}", mark(level)));
        writer.lists = vec![false; level];
        writer.first = first;
        writer
    }

    /// How many lists and structs are open.
    pub(crate) fn depth(&self) -> usize {
        self.lists.len()
    }

    /// What was written up to here. What stands in the innermost list or struct is written by others; then it goes on here.
    pub(crate) fn leave(&mut self) -> String {
        self.first = false;
        std::mem::take(&mut self.out)
    }

    fn new(layout: Layout<'a>, line: String) -> Self {
        Writer { out: String::new(), layout, line, first: true, labelled: false, lists: Vec::new() }
    }

    /// Follows the level that was changed by opening or closing a list or struct.
    fn level(&mut self, opened: bool) {
        match self.layout {
            Layout::OneLine => {}
            Layout::Indented(indent) if opened => self.line.push_str(indent),
            Layout::Indented(indent) => self.line.truncate(self.line.len() - indent.len()),
            Layout::Marked => {
                self.line.truncate(1);
                self.line.push(mark(self.lists.len()));
            }
        }
    }

    /// What stands between a value and what was before it.
    fn place(&mut self) {
        if std::mem::take(&mut self.labelled) || self.lists.is_empty() {
            return;
        }
        if !self.first {
            self.out.push(',');
        }
        self.out.push_str(&self.line);
    }
}

impl Sink for Writer<'_> {
    fn scalar(&mut self, value: &Data) {
        self.place();
        self.first = false;
        match value {
            Data::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Data::Number(n) => self.out.push_str(&n.to_json()),
            Data::String(s) => write_string(&mut self.out, s),
            Data::Bytes(b) => {
                self.out.push('"');
                base64::engine::general_purpose::STANDARD.encode_string(b, &mut self.out);
                self.out.push('"');
            }
            Data::Null | Data::List(_) | Data::Struct(_) => self.out.push_str("null"),
        }
    }

    fn open(&mut self, list: bool, _len: usize) {
        self.place();
        self.out.push(if list { '[' } else { '{' });
        self.lists.push(list);
        self.level(true);
        self.first = true;
    }

    fn label(&mut self, label: &Arc<str>) {
        self.place();
        self.first = false;
        write_string(&mut self.out, label);
        self.out.push_str(if matches!(self.layout, Layout::OneLine) { ":" } else { ": " });
        self.labelled = true;
    }

    fn held(&self) -> usize {
        self.out.len()
    }

    fn close(&mut self) {
        let list = self.lists.pop().unwrap_or_default();
        self.level(false);
        if !self.first {
            self.out.push_str(&self.line);
        }
        self.first = false;
        self.out.push(if list { ']' } else { '}' });
    }
}

/// JSON that is held without most of its white space, and laid out as [`pretty`] does while it is written.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// One after the other. Each line begins with its [`mark`].
    parts: Vec<String>,
}

/// How much is laid out before it is written.
const CHUNK: usize = 32 << 10;

impl From<Writer<'_>> for Text {
    fn from(writer: Writer<'_>) -> Text {
        Text { parts: vec![writer.out] }
    }
}

impl Text {
    /// Of texts that were written apart ([`Writer::inside`]), in order.
    pub(crate) fn joined(parts: Vec<String>) -> Text {
        Text { parts }
    }

    /// Writes it with line breaks, without one at the end.
    pub fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        const BLANKS: [u8; 64] = [b' '; 64];
        let mut laid = Vec::with_capacity(2 * CHUNK);
        for part in &self.parts {
            let mut rest = part.as_str();
            // A part does not begin with a new line.
            let mut new = false;
            loop {
                if new {
                    let level = rest.chars().next().map_or(0, |c| u32::from(c) - FIRST_MARK) as usize;
                    rest = &rest[mark(level).len_utf8()..];
                    laid.push(b'\n');
                    let mut blanks = level * INDENT.len();
                    while blanks > 0 {
                        let some = blanks.min(BLANKS.len());
                        laid.extend_from_slice(&BLANKS[..some]);
                        blanks -= some;
                    }
                }
                // Lines are short: nothing is gained by looking at several bytes at once.
                let end = rest.bytes().position(|b| b == b'\n');
                laid.extend_from_slice(&rest.as_bytes()[..end.unwrap_or(rest.len())]);
                let Some(end) = end else { break };
                rest = &rest[end + 1..];
                new = true;
                if laid.len() >= CHUNK {
                    out.write_all(&laid)?;
                    laid.clear();
                }
            }
        }
        out.write_all(&laid)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out).map_err(|_| fmt::Error)?;
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// Writes a JSON string with its quotes.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    // Most texts have nothing in them that could need an escape.
    let special = |b: u8| (b < 0x20) | (b == b'"') | (b == b'\\') | (b == 0xe2);
    if !text.bytes().fold(false, |found, b| found | special(b)) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut plain = 0;
    for (i, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => "",
            _ => continue,
        };
        out.push_str(&text[plain..i]);
        plain = i + c.len_utf8();
        if escape.is_empty() {
            out.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// Reads one JSON value and nothing after it. A key may stand twice only with equal values.
pub fn parse(text: &str) -> Result<Data, DecodeError> {
    let mut reader = Reader { text, at: 0, pairs: true, stream: false };
    let data = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error(format!("unexpected {} after the value", reader.here())));
    }
    Ok(data)
}

/// Reads any number of JSON values, one after the other.
pub fn parse_stream(text: &str) -> Result<Vec<Data>, DecodeError> {
    let mut reader = Reader { text, at: 0, pairs: true, stream: true };
    let mut out = Vec::new();
    loop {
        reader.space();
        if reader.at == text.len() {
            return Ok(out);
        }
        out.push(reader.value(0)?);
    }
}

/// The text without white space between its parts; what it says is not changed (`1.50` stays).
pub fn compact_text(text: &str) -> Result<String, DecodeError> {
    reformat(text, None)
}

/// The text with `indent` for each level and `prefix` at the start of every line but the first; what it says is not changed.
pub fn indent_text(text: &str, prefix: &str, indent: &str) -> Result<String, DecodeError> {
    reformat(text, Some((prefix, indent)))
}

fn reformat(text: &str, layout: Option<(&str, &str)>) -> Result<String, DecodeError> {
    parse_lenient(text)?;
    let mut out = String::with_capacity(text.len());
    let mut depth = 0usize;
    let mut fresh = false;
    let mut in_string = false;
    let mut escaped = false;
    let newline = |out: &mut String, depth: usize| {
        if let Some((prefix, indent)) = layout {
            out.push('\n');
            out.push_str(prefix);
            for _ in 0..depth {
                out.push_str(indent);
            }
        }
    };
    for c in text.chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            continue;
        }
        if fresh && !matches!(c, ']' | '}') {
            depth += 1;
            newline(&mut out, depth);
        }
        match c {
            ',' => {
                out.push(c);
                newline(&mut out, depth);
            }
            ':' => out.push_str(if layout.is_some() { ": " } else { ":" }),
            '}' | ']' => {
                if !fresh {
                    depth = depth.saturating_sub(1);
                    newline(&mut out, depth);
                }
                out.push(c);
            }
            _ => {
                in_string = c == '"';
                out.push(c);
            }
        }
        fresh = matches!(c, '{' | '[');
    }
    // As Go has it, white space after the value stays where the text is laid out.
    if layout.is_some() {
        out.push_str(&text[text.trim_end_matches([' ', '\t', '\r', '\n']).len()..]);
    }
    Ok(out)
}

/// Whether the text is one JSON value; keys may stand twice.
pub fn is_valid(text: &str) -> bool {
    parse_lenient(text).is_ok()
}

fn parse_lenient(text: &str) -> Result<(), DecodeError> {
    let mut reader = Reader { text, at: 0, pairs: false, stream: false };
    reader.skip_value()?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error(format!("unexpected {} after the value", reader.here())));
    }
    Ok(())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Whether half of a surrogate pair is a mistake: it stands for no character.
    pairs: bool,
    /// Whether another value may follow a number at once, as in `01`.
    stream: bool,
}

impl Reader<'_> {
    fn error(&self, message: impl Into<String>) -> DecodeError {
        self.error_at(self.at, message)
    }

    fn error_at(&self, at: usize, message: impl Into<String>) -> DecodeError {
        let (line, column) = line_column(self.text, at);
        DecodeError { line, column, message: message.into() }
    }

    /// What stands here, in words.
    fn here(&self) -> String {
        match self.text[self.at..].chars().next() {
            Some(c) => format!("{c:?}"),
            None => "end of input".to_owned(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Data, DecodeError> {
        self.space();
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH}")));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Data::string(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Data, DecodeError> {
        for (word, data) in [("null", Data::Null), ("true", Data::Bool(true)), ("false", Data::Bool(false))] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(data);
            }
        }
        Err(self.error(format!("expected a value, found {}", self.here())))
    }

    fn number(&mut self) -> Result<Data, DecodeError> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        // In a stream, a number ends after a 0 that it begins with, and at a sign that follows no exponent.
        let zero = self.stream && self.peek() == Some(b'0');
        self.at += usize::from(zero);
        let mut before = 0;
        while let Some(b) = self.peek() {
            let more = match b {
                b'0'..=b'9' => !zero || before != 0,
                b'-' | b'+' => !self.stream || matches!(before, b'e' | b'E'),
                _ => matches!(b, b'.' | b'e' | b'E'),
            };
            if !more {
                break;
            }
            before = b;
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        let shown: String = text.chars().take(40).collect();
        Number::parse_json(text)
            .map(Data::Number)
            .map_err(|error| self.error_at(start, format!("invalid number {shown}: {error}")))
    }

    /// After an item: whether another one follows. The closing bracket is consumed.
    fn more(&mut self, close: u8) -> Result<bool, DecodeError> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(b) if b == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.error(format!("expected ',' or '{}', found {}", close as char, self.here()))),
        }
    }

    /// After an opening bracket: whether it is closed at once.
    fn closed(&mut self, close: u8) -> bool {
        self.at += 1;
        self.space();
        let closed = self.peek() == Some(close);
        self.at += usize::from(closed);
        closed
    }

    fn array(&mut self, depth: usize) -> Result<Data, DecodeError> {
        let mut items = Vec::new();
        if self.closed(b']') {
            return Ok(Data::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if !self.more(b']')? {
                return Ok(Data::List(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Data, DecodeError> {
        let mut fields: Vec<(Arc<str>, Data)> = Vec::new();
        let mut index: FxHashMap<Arc<str>, usize> = FxHashMap::default();
        if self.closed(b'}') {
            return Ok(Data::Struct(fields));
        }
        loop {
            let start = self.key_start()?;
            let label: Arc<str> = self.string()?.into();
            self.colon()?;
            let value = self.value(depth + 1)?;
            match index.get(&label) {
                Some(&i) if fields[i].1 == value => {}
                Some(_) => {
                    return Err(
                        self.error_at(start, format!("key {label:?} stands twice with different values"))
                    );
                }
                None => {
                    index.insert(label.clone(), fields.len());
                    fields.push((label, value));
                }
            }
            if !self.more(b'}')? {
                return Ok(Data::Struct(fields));
            }
        }
    }

    fn key_start(&mut self) -> Result<usize, DecodeError> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(self.error(format!("expected a key in quotes, found {}", self.here())));
        }
        Ok(self.at)
    }

    fn colon(&mut self) -> Result<(), DecodeError> {
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.error(format!("expected ':' after the key, found {}", self.here())));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(i) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') else {
                return Err(self.error_at(start, "string without an end"));
            };
            out.push_str(&rest[..i]);
            self.at += i;
            match rest.as_bytes()[i] {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => out.push(self.escape()?),
                _ => return Err(self.error(format!("control character {} in a string", self.here()))),
            }
        }
    }

    fn escape(&mut self) -> Result<char, DecodeError> {
        let start = self.at;
        let c = self.text.as_bytes().get(self.at + 1).copied();
        self.at += 2;
        Ok(match c {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex4(start)?;
                if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
                    let rewind = self.at;
                    self.at += 2;
                    let second = self.hex4(start)?;
                    if (0xdc00..0xe000).contains(&second) {
                        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    self.at = rewind;
                }
                match char::from_u32(first) {
                    None if self.pairs => {
                        return Err(self.error_at(start, "half of a surrogate pair in a string"));
                    }
                    c => c.unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            _ => return Err(self.error_at(start, "invalid escape in a string")),
        })
    }

    fn hex4(&mut self, start: usize) -> Result<u32, DecodeError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        self.at += 4;
        digits
            .and_then(|d| u32::from_str_radix(d, 16).ok())
            .ok_or_else(|| self.error_at(start, "invalid escape in a string"))
    }

    /// Checks one value without building it, in constant stack.
    fn skip_value(&mut self) -> Result<(), DecodeError> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.space();
            if open.len() > MAX_DEPTH {
                return Err(self.error(format!("nested deeper than {MAX_DEPTH}")));
            }
            match self.peek() {
                Some(b'{') if !self.closed(b'}') => {
                    open.push(b'}');
                    self.skip_key()?;
                    continue;
                }
                Some(b'[') if !self.closed(b']') => {
                    open.push(b']');
                    continue;
                }
                // An empty one, just consumed.
                Some(b'{' | b'[') => {}
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'-' | b'0'..=b'9') => {
                    self.number()?;
                }
                _ => {
                    self.word()?;
                }
            }
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                if self.more(close)? {
                    if close == b'}' {
                        self.skip_key()?;
                    }
                    break;
                }
                open.pop();
            }
        }
    }

    fn skip_key(&mut self) -> Result<(), DecodeError> {
        self.key_start()?;
        self.string()?;
        self.colon()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_export_prints() {
        let data =
            parse(r#"{"s":"a<b>&\u2028\u0001\t\b\f😀","l":[1,2.0,[],[[]],{},{"a":{}}],"k<":null,"n":1e100}"#)
                .unwrap();
        insta::assert_snapshot!(pretty(&data), @r#"
        {
            "s": "a<b>&\u2028\u0001\t\b\f😀",
            "l": [
                1,
                2.0,
                [],
                [
                    []
                ],
                {},
                {
                    "a": {}
                }
            ],
            "k<": null,
            "n": 1E+100
        }
        "#);
        assert_eq!(compact(&Data::Bytes((*b"ab\xff").into())), r#""YWL/""#);
        assert_eq!(indented(&parse("[1]").unwrap(), ">", "-"), "[\n>-1\n>]");
    }

    #[test]
    fn mistakes_are_placed() {
        for (text, message) in [
            ("", "1:1: expected a value, found end of input"),
            ("{\"a\": 1,\n \"b\": }", "2:7: expected a value, found '}'"),
            ("[1 2]", "1:4: expected ',' or ']', found '2'"),
            ("[1,]", "1:4: expected a value, found ']'"),
            ("{a: 1}", "1:2: expected a key in quotes, found 'a'"),
            ("{\"a\" 1}", "1:6: expected ':' after the key, found '1'"),
            ("{\"a\":1,\"a\":2}", "1:8: key \"a\" stands twice with different values"),
            ("\"abc", "1:1: string without an end"),
            ("\"é\\x\"", "1:3: invalid escape in a string"),
            ("\"\\u12\"", "1:2: invalid escape in a string"),
            ("\"a\nb\"", "1:3: control character '\\n' in a string"),
            ("01", "1:1: invalid number 01: illegal JSON number"),
            ("1 2", "1:3: unexpected '2' after the value"),
            ("1e999999999", "1:1: invalid number 1e999999999: exponent out of range"),
            ("nul", "1:1: expected a value, found 'n'"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message, "{text}");
            assert!(text.contains("\"a\":1,\"a\"") || !is_valid(text), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse(&deep).unwrap_err().message.contains("nested deeper than"));
        assert!(!is_valid(&deep));
    }

    #[test]
    fn what_is_read() {
        assert_eq!(parse(r#"{"a":1,"a":1}"#).unwrap(), parse(r#"{"a":1}"#).unwrap());
        assert_eq!(parse(r#""\ud834\udd1e \/""#).unwrap(), Data::string("𝄞 /"));
        assert!(parse(r#""\ud834 ""#).is_err() && is_valid(r#""\ud834 ""#));
        assert_eq!(parse_stream("{\"a\":1}\n 2 \"x\"").unwrap().len(), 3);
        assert!(parse_stream("").unwrap().is_empty());
        assert!(is_valid(r#"{"a":1,"a":2}"#));
    }

    #[test]
    fn text_is_only_spaced_anew() {
        let text = r#" {"a":[1.50, 2, {} ],"b":{ }, "c": "x , \" y\\" , "d": [ ] } "#;
        assert_eq!(compact_text(text).unwrap(), r#"{"a":[1.50,2,{}],"b":{},"c":"x , \" y\\","d":[]}"#);
        assert_eq!(
            indent_text(text, "", "  ").unwrap(),
            "{\n  \"a\": [\n    1.50,\n    2,\n    {}\n  ],\n  \"b\": {},\n  \"c\": \"x , \\\" y\\\\\",\n  \"d\": []\n} "
        );
        assert!(compact_text("[1").is_err());
    }

    proptest! {
        #[test]
        fn strings_read_back(text in any::<String>()) {
            let data = Data::string(text);
            prop_assert_eq!(parse(&compact(&data)).unwrap(), data.clone());
            let read: String = serde_json::from_str(&compact(&data)).unwrap();
            prop_assert_eq!(Data::string(read), data);
        }

        #[test]
        fn judged_as_by_serde(text in "[\\[\\]{}\",:0-9a-e.\\\\ tru+-]{0,16}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            // Numbers beyond f64 are an error there only.
            if theirs {
                prop_assert!(is_valid(&text), "{}", text);
            } else if is_valid(&text) {
                prop_assert!(text.contains(['e', 'E']) || text.contains("\\"), "{}", text);
            }
        }
    }
}
