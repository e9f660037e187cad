//! Writes data as block YAML: two spaces for each level, lists set in, long texts as literal blocks, quotes only where a
//! reader of any age of YAML would take a plain word for something else.

use super::resolve;
use crate::data::Data;
use base64::Engine as _;

/// Keys longer than this are written with `? `.
const MAX_SIMPLE_KEY: usize = 128;

/// One document, ending with a newline.
pub fn write(data: &Data) -> String {
    let mut out = String::new();
    node(&mut out, data, 0, Position::Root);
    out
}

/// Documents one after the other, `---` between them.
pub fn write_stream(documents: &[Data]) -> String {
    documents.iter().map(write).collect::<Vec<_>>().join("---\n")
}

/// What stands before a value on its line.
#[derive(Clone, Copy, PartialEq)]
enum Position {
    Root,
    /// `- ` or `? `: a collection begins on this line.
    Item,
    /// `key:`: a collection begins on the next line.
    Field,
}

/// Writes a value and the newline after it. `indent` is the column of a collection's entries.
fn node(out: &mut String, data: &Data, indent: usize, position: Position) {
    let space = |out: &mut String| {
        if position == Position::Field {
            out.push(' ');
        }
    };
    match data {
        Data::List(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                begin(out, indent, i, position);
                out.push_str("- ");
                node(out, item, indent + 2, Position::Item);
            }
        }
        Data::Struct(fields) if !fields.is_empty() => {
            for (i, (label, value)) in fields.iter().enumerate() {
                begin(out, indent, i, position);
                if label.len() > MAX_SIMPLE_KEY || label.contains('\n') {
                    out.push_str("? ");
                    text(out, label, indent + 2);
                    pad(out, indent);
                } else {
                    inline(out, label);
                }
                out.push(':');
                node(out, value, indent + 2, Position::Field);
            }
        }
        Data::String(s) => {
            space(out);
            // A block's lines are set in from the parent, which at the root is at -2.
            text(out, s, if position == Position::Root { 2 } else { indent });
        }
        scalar => {
            space(out);
            match scalar {
                Data::Null => out.push_str("null"),
                Data::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
                Data::Number(n) => {
                    let digits = n.to_json();
                    let bare = !n.is_int() && !digits.contains(['.', 'E']);
                    out.push_str(&digits);
                    out.push_str(if bare { ".0" } else { "" });
                }
                Data::Bytes(b) => {
                    out.push_str(if b.is_empty() { "!!binary" } else { "!!binary " });
                    base64::engine::general_purpose::STANDARD.encode_string(b, out);
                }
                Data::List(_) => out.push_str("[]"),
                _ => out.push_str("{}"),
            }
            out.push('\n');
        }
    }
}

/// Begins an entry: on the line of what stands before the first, if it may, else on its own.
fn begin(out: &mut String, indent: usize, i: usize, position: Position) {
    if i == 0 && position == Position::Field {
        out.push('\n');
    }
    if i > 0 || position != Position::Item {
        pad(out, indent);
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A text and the newline after it: a literal block where it has several lines.
fn text(out: &mut String, s: &str, indent: usize) {
    let block = s.contains('\n')
        && !s.contains(" \n")
        && !s.ends_with(' ')
        && s.chars().all(|c| c == '\n' || c == '\t' || printable(c));
    if !block {
        inline(out, s);
        out.push('\n');
        return;
    }
    out.push('|');
    if s.starts_with([' ', '\n']) {
        out.push('2');
    }
    let body = s.strip_suffix('\n');
    match body {
        None => out.push('-'),
        Some(body) if body.is_empty() || body.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    out.push('\n');
    for line in body.unwrap_or(s).split('\n') {
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// A text on one line, quoted where it must be.
fn inline(out: &mut String, s: &str) {
    if s.chars().any(|c| c == '\n' || !printable(c))
        || resolve::is_ambiguous(s)
        || s.starts_with("---") && s.len() == 3
    {
        double_quoted(out, s);
    } else if is_plain(s) {
        out.push_str(s);
    } else {
        out.push('\'');
        out.push_str(&s.replace('\'', "''"));
        out.push('\'');
    }
}

/// Whether the text may stand without quotes in a block.
fn is_plain(s: &str) -> bool {
    let mut chars = s.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return false };
    let alone = second.is_none_or(|c| c == ' ');
    let bad_first = matches!(
        first,
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' | ' '
    ) || (matches!(first, '-' | '?' | ':') && alone)
        || s.starts_with("---")
        || s.starts_with("...");
    !(bad_first || s.ends_with(' ') || s.ends_with(':') || s.contains(": ") || s.contains(" #"))
}

/// Whether a character may stand as it is, in the basic plane as older readers want it.
fn printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{fffd}') && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn double_quoted(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        let short = match c {
            '"' => '"',
            '\\' => '\\',
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            c if printable(c) => {
                out.push(c);
                continue;
            }
            c => {
                let code = c as u32;
                out.push_str(&match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                });
                continue;
            }
        };
        out.push('\\');
        out.push(short);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::json;

    #[test]
    fn structures() {
        let data = json::parse(
            r#"{"s":"x","n":1e100,"l":[1,2.0,[],[[]],{},{"a":{}},[[1,2],[3]],[{"a":1,"b":2}],"x\ny",{"a":"x\ny"},{"a":[1]},null,true],
                "m":"line1\n  line2\n","e":{},"a b":1,"":2,"1":3,"true":4,"- x":5,"a\nb":6}"#,
        )
        .unwrap();
        insta::assert_snapshot!(write(&data));
        assert_eq!(write(&Data::string("a\nb")), "|-\n  a\n  b\n");
        assert_eq!(write(&Data::Bytes((*b"abc").into())), "!!binary YWJj\n");
        assert_eq!(write(&Data::Bytes((*b"").into())), "!!binary\n");
        assert_eq!(write(&json::parse("[1,\"\\n\",{\"a\":1}]").unwrap()), "- 1\n- |2+\n\n- a: 1\n");
        assert_eq!(write_stream(&[Data::int(1), Data::string("x")]), "1\n---\nx\n");
        let key = "k".repeat(130);
        assert_eq!(
            write(&Data::Struct(vec![(key.as_str().into(), Data::int(1))])),
            format!("? {key}\n: 1\n")
        );
    }

    #[test]
    fn texts() {
        for (s, shown) in [
            ("yes", "\"yes\""),
            ("", "\"\""),
            ("017", "\"017\""),
            ("2001-01-01", "\"2001-01-01\""),
            ("---", "\"---\""),
            ("...", "'...'"),
            ("--- a", "'--- a'"),
            ("-", "'-'"),
            ("- a", "'- a'"),
            ("-a", "-a"),
            ("--", "--"),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("a:", "'a:'"),
            ("a #b", "'a #b'"),
            ("a#b", "a#b"),
            ("'a", "'''a'"),
            ("a'b", "a'b"),
            ("a]", "a]"),
            (",a", "',a'"),
            ("?a", "?a"),
            ("? a", "'? a'"),
            (":", "':'"),
            ("  lead", "'  lead'"),
            ("trail ", "'trail '"),
            ("a\tb", "\"a\\tb\""),
            ("é", "é"),
            ("é\u{2028}", "\"é\\L\""),
            ("😀", "\"\\U0001F600\""),
            ("\u{1}\u{85}\u{feff}", "\"\\x01\\N\\uFEFF\""),
            ("a\nb", "|-\n  a\n  b"),
            ("a\nb\n", "|\n  a\n  b"),
            ("a\n\nb\n\n", "|+\n  a\n\n  b\n"),
            ("\na", "|2-\n\n  a"),
            ("  lead\nb", "|2-\n    lead\n  b"),
            ("a\tb\nc", "|-\n  a\tb\n  c"),
            (" \na", "\" \\na\""),
            ("a \nb", "\"a \\nb\""),
            ("a\nb ", "\"a\\nb \""),
            ("a\r\nb", "\"a\\r\\nb\""),
            ("<<", "<<"),
            ("1e", "1e"),
        ] {
            assert_eq!(write(&Data::string(s)), format!("{shown}\n"), "{s:?}");
        }
    }
}
