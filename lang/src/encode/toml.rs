//! TOML: the writer in the reference's form (keys sorted, tables after values), and a reader over the `toml` crate.

use super::yaml::{Document, Place};
use super::{DecodeError, line_column};
use crate::data::Data;
use crate::number::Number;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads a document. Dates and times become texts.
pub fn parse(text: &str) -> Result<Data, DecodeError> {
    parse_document(text).map(|d| d.data)
}

/// Reads a document with the places of its values.
pub fn parse_document(text: &str) -> Result<Document, DecodeError> {
    let table = DeTable::parse(text).map_err(|error| {
        let (line, column) = line_column(text, error.span().map_or(0, |s| s.start));
        DecodeError { line, column, message: error.message().to_owned() }
    })?;
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
    let (data, positions) = Reader { text, starts }.table(table.get_ref(), 0)?;
    Ok(Document { data, positions })
}

struct Reader<'t> {
    text: &'t str,
    /// Where lines start.
    starts: Vec<usize>,
}

impl Reader<'_> {
    fn place(&self, at: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let before = self.text.get(self.starts[line - 1]..at).unwrap_or("");
        (line as u32, before.chars().count() as u32 + 1)
    }

    fn table(&self, table: &DeTable<'_>, at: usize) -> Result<(Data, Place), DecodeError> {
        let (line, column) = self.place(at);
        let mut place = Place { line, column, ..Place::default() };
        let mut fields = Vec::with_capacity(table.len());
        for (key, value) in table {
            let label: Arc<str> = Arc::from(key.get_ref().as_ref());
            let (data, part) = self.value(value)?;
            let key = Some(self.place(key.span().start));
            place.parts.push((Some(label.clone()), Place { key, ..part }));
            fields.push((label, data));
        }
        Ok((Data::Struct(fields), place))
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Result<(Data, Place), DecodeError> {
        let at = value.span().start;
        let (line, column) = self.place(at);
        let mut place = Place { line, column, ..Place::default() };
        let wrong = |what: &str| DecodeError {
            line,
            column,
            message: format!("{what} is not a number of the language"),
        };
        let data = match value.get_ref() {
            DeValue::String(s) => s.as_ref().into(),
            DeValue::Integer(n) => {
                i64::from_str_radix(n.as_str(), n.radix()).map_err(|_| wrong(n.as_str()))?.into()
            }
            // The digits are kept as they are written: `1.50`.
            DeValue::Float(f) => {
                let digits = f.as_str().trim_start_matches('+');
                Number::parse_json(digits).map_err(|_| wrong(f.as_str()))?.into()
            }
            DeValue::Boolean(b) => (*b).into(),
            DeValue::Datetime(d) => d.to_string().into(),
            DeValue::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    let (data, part) = self.value(item)?;
                    place.parts.push((None, part));
                    list.push(data);
                }
                Data::List(list)
            }
            DeValue::Table(table) => return self.table(table, at),
        };
        Ok((data, place))
    }
}

/// Writes a document: a struct as tables, anything else as the bare value. TOML has no null: such fields are left out.
pub fn write(data: &Data) -> Result<String, String> {
    let mut out = String::new();
    if has_null(data) {
        return Err("toml: cannot encode null".into());
    }
    match data {
        Data::Struct(fields) => tables(&mut out, fields, ""),
        // TOML has no name for these; the reference writes them so.
        Data::List(_) if is_tables(data) => list_of_tables(&mut out, data, ""),
        Data::Number(n) if n.is_int() && n.to_i64().is_none() => {
            return Err(format!("toml: the integer {n} does not fit"));
        }
        other => value(&mut out, other),
    }
    Ok(out)
}

/// Whether there is a null that is not the value of a field.
fn has_null(data: &Data) -> bool {
    match data {
        Data::Null => true,
        Data::List(items) => items.iter().any(has_null),
        Data::Struct(fields) => fields.iter().any(|(_, v)| *v != Data::Null && has_null(v)),
        _ => false,
    }
}

/// The fields in the order in which they are written.
fn sorted(fields: &[(Arc<str>, Data)]) -> Vec<&(Arc<str>, Data)> {
    let mut fields: Vec<_> = fields.iter().filter(|(_, v)| *v != Data::Null).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

/// A list of nothing but structs is written as `[[tables]]`.
fn is_tables(data: &Data) -> bool {
    matches!(data, Data::List(items) if !items.is_empty() && items.iter().all(|i| matches!(i, Data::Struct(_))))
}

fn tables(out: &mut String, fields: &[(Arc<str>, Data)], path: &str) {
    let fields = sorted(fields);
    let (below, values): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|(_, v)| matches!(v, Data::Struct(_)) || is_tables(v));
    for (label, v) in values {
        key(out, label);
        out.push_str(" = ");
        value(out, v);
        out.push('\n');
    }
    for (label, v) in below {
        let mut path = if path.is_empty() { String::new() } else { format!("{path}.") };
        key(&mut path, label);
        match v {
            Data::Struct(fields) => table(out, fields, &path, "[", "]"),
            list => list_of_tables(out, list, &path),
        }
    }
}

fn list_of_tables(out: &mut String, list: &Data, path: &str) {
    let Data::List(items) = list else { return };
    for item in items {
        if let Data::Struct(fields) = item {
            table(out, fields, path, "[[", "]]");
        }
    }
}

fn table(out: &mut String, fields: &[(Arc<str>, Data)], path: &str, open: &str, close: &str) {
    // A header stands right under that of the table it is in, else after an empty line.
    let under_header = out.trim_end().rsplit('\n').next().is_some_and(|l| {
        let above = l.trim_matches(['[', ']']);
        l.starts_with('[') && path.len() > above.len() && path.starts_with(above)
    });
    if !out.is_empty() && !under_header {
        out.push('\n');
    }
    out.push_str(&format!("{open}{path}{close}\n"));
    tables(out, fields, path);
}

fn key(out: &mut String, label: &str) {
    let bare =
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare {
        out.push_str(label);
    } else {
        string(out, label);
    }
}

fn value(out: &mut String, data: &Data) {
    match data {
        Data::Null => out.push_str("''"),
        Data::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Data::Number(n) if n.is_int() && n.to_i64().is_some() => out.push_str(&n.to_string()),
        Data::Number(n) if n.is_int() => string(out, &n.to_string()),
        Data::Number(n) => {
            let f = n.to_f64();
            out.push_str(&if f.fract() == 0.0 { format!("{f:.1}") } else { f.to_string() });
        }
        Data::String(s) => string(out, s),
        Data::Bytes(b) => {
            let items = b.iter().map(u8::to_string).collect::<Vec<_>>();
            out.push_str(&format!("[{}]", items.join(", ")));
        }
        Data::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                value(out, item);
            }
            out.push(']');
        }
        Data::Struct(fields) => {
            out.push('{');
            for (i, (label, v)) in sorted(fields).into_iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                key(out, label);
                out.push_str(" = ");
                value(out, v);
            }
            out.push('}');
        }
    }
}

/// A literal string where it can be one, else a basic one with escapes.
fn string(out: &mut String, s: &str) {
    if !s.chars().any(|c| c == '\'' || (c.is_control() && c != '\t')) {
        out.push('\'');
        out.push_str(s);
        out.push('\'');
        return;
    }
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::json;
    use proptest::prelude::*;

    #[test]
    fn as_the_reference_writes() {
        for (value, text) in [
            (
                r#"{"a1":"foo","b1":{"b2":"bar"},"c1":{"c2":{"c3":"baz"}}}"#,
                "a1 = 'foo'\n\n[b1]\nb2 = 'bar'\n\n[c1]\n[c1.c2]\nc3 = 'baz'\n",
            ),
            (
                r#"{"tables":[{"table1":"foo"},{"table2":"bar"},{"subtable":{"sub1":"baz"}}]}"#,
                "[[tables]]\ntable1 = 'foo'\n\n[[tables]]\ntable2 = 'bar'\n\n[[tables]]\n[tables.subtable]\nsub1 = 'baz'\n",
            ),
            (r#"{"123-456":{" foo bar ":"value"}}"#, "[123-456]\n' foo bar ' = 'value'\n"),
            (
                r#"{"z":5,"l":[1,"a",[2]],"mixed":[1,{"a":2}],"el":[],"n":null}"#,
                "el = []\nl = [1, 'a', [2]]\nmixed = [1, {a = 2}]\nz = 5\n",
            ),
            (
                r#"{"q":"it's","nl":"a'b\nc","tab":"a\tb","bs":"a\\b","ctl":"\u0001"}"#,
                "bs = 'a\\b'\nctl = \"\\u0001\"\nnl = \"a'b\\nc\"\nq = \"it's\"\ntab = 'a\tb'\n",
            ),
            (
                r#"{"f":2.0,"g":1.5,"big":123456789012345678901234567890,"":3,"é":2}"#,
                "'' = 3\nbig = '123456789012345678901234567890'\nf = 2.0\ng = 1.5\n'é' = 2\n",
            ),
            (r#"{"em":{}}"#, "[em]\n"),
            (r#"{"a":[{},{"b":1}]}"#, "[[a]]\n\n[[a]]\nb = 1\n"),
            (r#"{"a":{"b":{}},"ab":{}}"#, "[a]\n[a.b]\n\n[ab]\n"),
            (r#"[{"a":{"b":1}},{"c":[]}]"#, "[[]]\n[a]\nb = 1\n\n[[]]\nc = []\n"),
            ("[1,{}]", "[1, {}]"),
            ("1", "1"),
        ] {
            assert_eq!(write(&json::parse(value).unwrap()).unwrap(), text, "{value}");
        }
        for value in ["null", r#"{"a":[null]}"#, "100000000000000000000"] {
            assert!(write(&json::parse(value).unwrap()).is_err(), "{value}");
        }
    }

    #[test]
    fn what_is_read() {
        let text = "a.b = 1\na.c = 2\n[[x]]\ny = 1\n[[x]]\n[x.z]\nw=1.5\nu=0x1F\nd = 1979-05-27\n";
        let shown = json::compact(&parse(text).unwrap());
        assert_eq!(shown, r#"{"a":{"b":1,"c":2},"x":[{"y":1},{"z":{"w":1.5,"u":31,"d":"1979-05-27"}}]}"#);
        let shown = json::compact(&parse("a = 1.50\nb = +1_0.0\nc = 1e06").unwrap());
        assert_eq!(shown, r#"{"a":1.50,"b":10.0,"c":1E+6}"#);
        let place = parse_document("a = 1\n['é'.b]\n'c d' = [\n  1,\n  2]\n[[x]]\ny = 1").unwrap().positions;
        let at = |path: &[&str]| place.get(path).map(|p| (p.line, p.column, p.key));
        assert_eq!(at(&["a"]), Some((1, 5, Some((1, 1)))));
        assert_eq!(at(&["é", "b", "c d", "1"]), Some((5, 3, None)));
        assert_eq!(at(&["é", "b", "c d"]), Some((3, 9, Some((3, 1)))));
        assert_eq!(at(&["x", "0", "y"]), Some((7, 5, Some((7, 1)))));
        let error = parse("a = 1\nb = inf").unwrap_err();
        assert_eq!((error.line, error.column), (2, 5));
        let error = parse("a = 1\nb = \n").unwrap_err();
        assert_eq!(error.line, 2, "{error}");
        assert_eq!(parse("foo = 1\nfoo = 2\n").unwrap_err().line, 2);
        assert!(parse("a = inf").is_err());
        assert!(parse(&format!("a = {}", "[".repeat(100_000))).is_err());
    }

    proptest! {
        #[test]
        fn texts_read_back(text in any::<String>(), key in any::<String>()) {
            let inner = Data::Struct(vec![(key.as_str().into(), Data::string(text.as_str()))]);
            let data = Data::Struct(vec![("t".into(), inner.clone()), ("u".into(), Data::List(vec![inner]))]);
            let written = write(&data).unwrap();
            prop_assert_eq!(parse(&written), Ok(data), "{}", written);
        }
    }
}
