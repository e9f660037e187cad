//! Literals of the language: strings, bytes, labels and whole values as `export --out cue` prints them.

use crate::data::Data;

/// A value as text of the language, the fields of a struct at the top without braces; ends with a newline.
pub fn write(data: &Data) -> String {
    let mut out = String::new();
    match data {
        Data::Struct(fields) if !fields.is_empty() => write_fields(&mut out, fields, 0),
        other => {
            write_value(&mut out, other, 0);
            out.push('\n');
        }
    }
    out
}

/// One value as an expression; a struct has its braces.
pub fn expression(data: &Data) -> String {
    let mut out = String::new();
    write_value(&mut out, data, 0);
    out
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n('\t', depth));
}

fn write_fields(out: &mut String, fields: &[(std::sync::Arc<str>, Data)], depth: usize) {
    // Values on one line stand in one column with those of their neighbours.
    let aligned = |data: &Data| match data {
        Data::Struct(_) => false,
        Data::String(s) => !s.contains('\n'),
        Data::Bytes(b) => !b.contains(&b'\n'),
        Data::List(items) => items.iter().all(|i| !matches!(i, Data::Struct(_) | Data::List(_))),
        _ => true,
    };
    let mut start = 0;
    while start < fields.len() {
        let run = fields[start..].iter().take_while(|(_, v)| aligned(v)).count().max(1);
        let labels: Vec<String> = fields[start..start + run].iter().map(|(l, _)| label(l)).collect();
        let width = labels.iter().map(|l| l.chars().count()).max().unwrap_or(0);
        for (text, (_, value)) in labels.iter().zip(&fields[start..start + run]) {
            indent(out, depth);
            out.push_str(text);
            out.push(':');
            out.extend(std::iter::repeat_n(' ', width - text.chars().count() + 1));
            write_field_value(out, value, depth);
            out.push('\n');
        }
        start += run;
    }
}

fn write_field_value(out: &mut String, value: &Data, depth: usize) {
    match value {
        Data::Struct(fields) if fields.len() == 1 => {
            out.push_str(&label(&fields[0].0));
            out.push_str(": ");
            write_field_value(out, &fields[0].1, depth);
        }
        other => write_value(out, other, depth),
    }
}

fn write_value(out: &mut String, data: &Data, depth: usize) {
    match data {
        Data::Null => out.push_str("null"),
        Data::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Data::Number(n) => out.push_str(&n.to_string()),
        Data::String(s) => write_text(out, s, depth),
        Data::Bytes(b) => out.push_str(&quote_bytes(b)),
        Data::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_value(out, item, depth);
            }
            out.push(']');
        }
        Data::Struct(fields) if fields.is_empty() => out.push_str("{}"),
        Data::Struct(fields) => {
            out.push_str("{\n");
            write_fields(out, fields, depth + 1);
            indent(out, depth);
            out.push('}');
        }
    }
}

fn write_text(out: &mut String, text: &str, depth: usize) {
    if !text.contains('\n') || text.contains('\r') {
        out.push_str(&quote(text));
        return;
    }
    out.push_str("\"\"\"\n");
    for line in text.split('\n') {
        if !line.is_empty() {
            indent(out, depth + 1);
            let quoted = quote(line);
            // Single quotes need no escape where three of them would end the text; a run of three does.
            out.push_str(&quoted[1..quoted.len() - 1].replace("\\\"", "\"").replace("\"\"\"", "\\\"\"\""));
        }
        out.push('\n');
    }
    indent(out, depth + 1);
    out.push_str("\"\"\"");
}

/// A string literal on one line.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    text.chars().for_each(|c| escape(&mut out, c, '"'));
    out.push('"');
    out
}

/// A bytes literal on one line.
pub fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("'");
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| escape(&mut out, c, '\''));
        for b in chunk.invalid() {
            out.push_str(&format!("\\x{b:02x}"));
        }
    }
    out.push('\'');
    out
}

fn escape(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{b}' => out.push_str("\\v"),
        '\u{c}' => out.push_str("\\f"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
            out.push_str(&format!("\\u{:04x}", c as u32));
        }
        c => out.push(c),
    }
}

/// A label for a regular field: bare where an identifier means the same, else quoted.
pub fn label(name: &str) -> String {
    if crate::eval::label::is_identifier(name) { name.to_owned() } else { quote(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::json;

    #[test]
    fn values() {
        let data = json::parse(
            r#"{"s":"a\nb \"\"\" \\","l":[1,{"a":1}],"m":{},"a-b":1,"_x":1e100,"for":null,"a b":{"c":{"d":true}},"z":{"p":1,"long":"x"}}"#,
        )
        .unwrap();
        insta::assert_snapshot!(write(&data), @r#"
        s: """
        	a
        	b \""" \\
        	"""
        l: [1, {
        	a: 1
        }]
        m: {}
        "a-b": 1
        "_x":  1e+100
        for:   null
        "a b": c: d: true
        z: {
        	p:    1
        	long: "x"
        }
        "#);
        assert_eq!(expression(&json::parse("{}").unwrap()), "{}");
        assert_eq!(quote_bytes(b"ab\xff\"'\n"), r#"'ab\xff"\'\n'"#);
        assert_eq!(quote("\u{1}é😀\u{2028}"), r#""\u0001é😀\u2028""#);
        for (name, shown) in [
            ("a", "a"),
            ("$a", "$a"),
            ("_a", "\"_a\""),
            ("#a", "\"#a\""),
            ("", "\"\""),
            ("1a", "\"1a\""),
            ("é", "é"),
        ] {
            assert_eq!(label(name), shown);
        }
    }
}
