//! `encoding/json`.

use crate::data::Data;
use crate::encode::{DecodeError, json};
use crate::pkg::args::{Res, check_text, functions, list, lossy, text};
use crate::pkg::{CallError, Package};

fn invalid(error: DecodeError) -> CallError {
    CallError(format!("json: invalid JSON: {error}"))
}

fn marshal(data: &Data) -> Res {
    let out = json::compact(data);
    check_text(out.len())?;
    Ok(out.into())
}

fn escape_html(src: &str) -> String {
    let mut out = String::with_capacity(src.len());
    for c in src.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

fn indent(a: &[Data]) -> Res {
    let (src, prefix, step) = (lossy(a, 0)?, text(a, 1)?, text(a, 2)?);
    // A line for each part, none deeper than there are brackets open.
    let parts = src.bytes().filter(|b| matches!(b, b',' | b'[' | b'{' | b']' | b'}')).count();
    let depth = src.bytes().filter(|b| matches!(b, b'[' | b'{')).count().min(crate::encode::MAX_DEPTH);
    check_text(src.len() + parts.saturating_mul(prefix.len() + depth.saturating_mul(step.len())))?;
    json::indent_text(&src, prefix, step).map(Data::from).map_err(invalid)
}

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "encoding/json",
    functions: functions! {
        /// The JSON text without white space between its parts.
        Compact(src: TEXT) -> STRING = |a| json::compact_text(&lossy(a, 0)?).map(Data::from).map_err(invalid);
        /// The JSON text with `<`, `>`, `&` and the two line separators of Unicode written as escapes.
        HTMLEscape(src: TEXT) -> STRING = |a| Ok(escape_html(&lossy(a, 0)?).into());
        /// The JSON text with a line for each part: `prefix`, then `indent` for each level.
        Indent(src: TEXT, prefix: STRING, indent: STRING) -> STRING = indent;
        /// The value as JSON.
        Marshal(v: TOP) -> STRING = |a| marshal(a.first().unwrap_or(&Data::Null));
        /// The items of the list as JSON, each on a line.
        MarshalStream(v: LIST) -> STRING = |a| {
            let out: String = list(a, 0)?.iter().map(|d| json::compact(d) + "\n").collect();
            check_text(out.len())?;
            Ok(out.into())
        };
        /// The value of a JSON text.
        Unmarshal(b: TEXT) -> TOP = |a| json::parse(&lossy(a, 0)?).map_err(invalid);
        /// The values of a text of any number of JSON values.
        UnmarshalStream(data: TEXT) -> LIST = |a| json::parse_stream(&lossy(a, 0)?).map(Data::List).map_err(invalid);
        /// Whether the text is JSON.
        Valid(data: TEXT) -> BOOL = |a| Ok(json::is_valid(&lossy(a, 0)?).into());
        /// Whether the text is JSON whose value matches a schema.
        Validate(b: TEXT, v: TOP) -> BOOL;
    },
    constants: &[],
    source: "",
};

#[cfg(test)]
mod tests {
    use crate::pkg::args::check;

    #[test]
    fn functions() {
        check(
            "encoding/json",
            r#"
            Compact("{\"a\" : 1.50}") => "{\"a\":1.50}"
            Compact("{") => ! json: invalid JSON: 1:2: expected a key in quotes, found end of input
            HTMLEscape("{\"a\":\"<&>\u2028\"}") => "{\"a\":\"\\u003c\\u0026\\u003e\\u2028\"}"
            Indent("{\"a\":[],\"b\":[1]}", ">", "  ") => "{\n>  \"a\": [],\n>  \"b\": [\n>    1\n>  ]\n>}"
            Marshal({"a": "<&>", "n": 12345678901234567890123, "f": 1e3, "l": [null, true]}) => "{\"a\":\"<&>\",\"n\":12345678901234567890123,\"f\":1E+3,\"l\":[null,true]}"
            MarshalStream([{"a": 1}, 2]) => "{\"a\":1}\n2\n"
            Unmarshal("{\"a\": 1}") => {"a":1}
            Unmarshal("{\"a\": 1}{") => ! json: invalid JSON: 1:9: unexpected '{' after the value
            UnmarshalStream("1 2") => [1,2]
            UnmarshalStream("01-2\"a\"[3]-04") => [0,1,-2,"a",[3],0,4]
            UnmarshalStream("1a") => ! json: invalid JSON: 1:2: expected a value, found 'a'
            Unmarshal("01") => ! json: invalid JSON: 1:1: invalid number 01: illegal JSON number
            Unmarshal("1e+5") => 1E+5
            Unmarshal("\"\\ud83d\\ude00\"") => "😀"
            Unmarshal("\"\\ud800\"") => ! json: invalid JSON: 1:2: half of a surrogate pair in a string
            Valid("\"\\ud800\"") => true
            Indent(" 1 \n", ">", "  ") => "1 \n"
            UnmarshalStream("") => []
            Valid("{") => false
            Valid("1") => true
            "#,
        );
    }
}
