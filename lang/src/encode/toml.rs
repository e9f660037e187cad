//! TOML: the writer in the reference's form (keys sorted, tables after values), and a reader over the `toml` crate.

use super::{DecodeError, line_column};
use crate::data::Data;
use crate::number::Number;
use std::sync::Arc;

/// Reads a document. Dates and times become texts.
pub fn parse(text: &str) -> Result<Data, DecodeError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let (line, column) = line_column(text, error.span().map_or(0, |s| s.start));
        DecodeError { line, column, message: error.message().to_owned() }
    })?;
    table_data(table).map_err(|message| DecodeError { line: 1, column: 1, message })
}

fn table_data(table: toml::Table) -> Result<Data, String> {
    let fields = table.into_iter().map(|(label, v)| Ok((Arc::from(label.as_str()), value_data(v)?)));
    Ok(Data::Struct(fields.collect::<Result<_, String>>()?))
}

fn value_data(value: toml::Value) -> Result<Data, String> {
    use toml::Value;
    Ok(match value {
        Value::String(s) => s.into(),
        Value::Integer(n) => n.into(),
        Value::Float(f) => {
            Number::from_f64(f).ok_or_else(|| format!("{f} is not a number of the language"))?.into()
        }
        Value::Boolean(b) => b.into(),
        Value::Datetime(d) => d.to_string().into(),
        Value::Array(items) => Data::List(items.into_iter().map(value_data).collect::<Result<_, _>>()?),
        Value::Table(table) => table_data(table)?,
    })
}

/// Writes a document: a struct as tables, anything else as the bare value. TOML has no null: such fields are left out.
pub fn write(data: &Data) -> Result<String, String> {
    let mut out = String::new();
    match data {
        Data::Struct(fields) => tables(&mut out, fields, ""),
        Data::Null => return Err("toml: cannot encode null".into()),
        other => value(&mut out, other),
    }
    Ok(out)
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
            Data::List(items) => {
                for item in items {
                    if let Data::Struct(fields) = item {
                        table(out, fields, &path, "[[", "]]");
                    }
                }
            }
            _ => {}
        }
    }
}

fn table(out: &mut String, fields: &[(Arc<str>, Data)], path: &str, open: &str, close: &str) {
    // A header stands right under another one, else after an empty line.
    let under_header =
        out.ends_with("]\n") && out.trim_end().rsplit('\n').next().is_some_and(|l| l.starts_with('['));
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
            ("1", "1"),
        ] {
            assert_eq!(write(&json::parse(value).unwrap()).unwrap(), text, "{value}");
        }
        assert!(write(&Data::Null).is_err());
    }

    #[test]
    fn what_is_read() {
        let text = "a.b = 1\na.c = 2\n[[x]]\ny = 1\n[[x]]\n[x.z]\nw=1.5\nu=0x1F\nd = 1979-05-27\n";
        let shown = json::compact(&parse(text).unwrap());
        assert_eq!(shown, r#"{"a":{"b":1,"c":2},"x":[{"y":1},{"z":{"w":1.5,"u":31,"d":"1979-05-27"}}]}"#);
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
