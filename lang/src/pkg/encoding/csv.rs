//! `encoding/csv`: comma-separated values of RFC 4180, as Go's reader and writer have them.

use crate::data::Data;
use crate::pkg::args::{MAX_ITEMS, Res, check_items, check_text, functions, list, lossy};
use crate::pkg::{CallError, Package};

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    /// Where the line begins.
    start: usize,
}

impl Reader<'_> {
    fn error(&self, at: usize, what: &str) -> CallError {
        CallError(format!("parse error on line {}, column {}: {what}", self.line, at - self.start + 1))
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn newline(&mut self) -> bool {
        let n = if self.rest().starts_with("\r\n") { 2 } else { usize::from(self.rest().starts_with('\n')) };
        self.at += n;
        if n > 0 {
            self.line += 1;
            self.start = self.at;
        }
        n > 0
    }

    fn record(&mut self) -> Result<Vec<Data>, CallError> {
        let mut fields = Vec::new();
        loop {
            let field = if self.rest().starts_with('"') { self.quoted()? } else { self.bare()? };
            fields.push(Data::from(field));
            check_items(fields.len())?;
            if !self.rest().starts_with(',') {
                if !self.newline() && !self.rest().is_empty() {
                    return Err(self.error(self.at, "extraneous or missing \" in quoted-field"));
                }
                return Ok(fields);
            }
            self.at += 1;
        }
    }

    fn bare(&mut self) -> Result<String, CallError> {
        let rest = self.rest();
        let end = rest.find([',', '\n']).unwrap_or(rest.len());
        let field = &rest[..end];
        let field =
            if rest[end..].starts_with('\n') { field.strip_suffix('\r').unwrap_or(field) } else { field };
        if let Some(i) = field.find('"') {
            return Err(self.error(self.at + i, "bare \" in non-quoted-field"));
        }
        let field = field.to_owned();
        self.at += field.len();
        Ok(field)
    }

    fn quoted(&mut self) -> Result<String, CallError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(['"', '\n']) else {
                return Err(self.error(self.text.len(), "extraneous or missing \" in quoted-field"));
            };
            if rest[end..].starts_with('\n') {
                let line = &rest[..end];
                out.push_str(line.strip_suffix('\r').unwrap_or(line));
                out.push('\n');
                self.at += end + 1;
                if self.at == self.text.len() {
                    return Err(self.error(self.at, "extraneous or missing \" in quoted-field"));
                }
                self.line += 1;
                self.start = self.at;
                continue;
            }
            out.push_str(&rest[..end]);
            let doubled = rest[end + 1..].starts_with('"');
            self.at += end + 1;
            if !doubled {
                let at = self.at - 1;
                if !self.rest().is_empty() && !self.rest().starts_with([',', '\n', '\r']) {
                    return Err(self.error(at, "extraneous or missing \" in quoted-field"));
                }
                return Ok(out);
            }
            out.push('"');
            self.at += 1;
        }
    }
}

fn decode(text: &str) -> Res {
    let mut reader = Reader { text, at: 0, line: 1, start: 0 };
    let mut records = Vec::new();
    let mut width = None;
    let mut total = 0;
    while reader.at < text.len() {
        // Empty lines say nothing.
        if reader.newline() {
            continue;
        }
        let line = reader.line;
        let record = reader.record()?;
        if *width.get_or_insert(record.len()) != record.len() {
            return Err(format!("record on line {line}: wrong number of fields").into());
        }
        total += record.len();
        check_items(total.min(MAX_ITEMS + 1))?;
        records.push(Data::List(record));
    }
    Ok(records.into())
}

fn field(data: &Data) -> String {
    match data {
        Data::String(s) => s.to_string(),
        other => crate::encode::json::compact(other),
    }
}

fn encode(records: &[Data]) -> Res {
    let mut out = String::new();
    for record in records {
        let Data::List(fields) = record else {
            let shown = crate::encode::cue::expression(record);
            return Err(format!("cannot use value {shown} (type {}) as list", record.type_name()).into());
        };
        for (i, data) in fields.iter().enumerate() {
            out.push_str(if i > 0 { "," } else { "" });
            let text = field(data);
            let quote = text == "\\."
                || text.contains([',', '"', '\r', '\n'])
                || text.starts_with(char::is_whitespace);
            if quote {
                out.push('"');
                out.push_str(&text.replace('"', "\"\""));
                out.push('"');
            } else {
                out.push_str(&text);
            }
        }
        out.push('\n');
        check_text(out.len())?;
    }
    Ok(out.into())
}

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "encoding/csv",
    functions: functions! {
        /// The records of comma-separated values, each a list of texts; all must have the same number.
        Decode(r: TEXT) -> LIST = |a| decode(&lossy(a, 0)?);
        /// A list of lists as comma-separated values.
        Encode(x: LIST) -> STRING = |a| encode(list(a, 0)?);
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
            "encoding/csv",
            r#"
            Decode("a,b\nc,\"d,\ne\"\n") => [["a","b"],["c","d,\ne"]]
            Decode("a,b\r\n\r\n\"c\"\"\",\r\n") => [["a","b"],["c\"",""]]
            Decode("") => []
            Decode("a,b\nc\n") => ! record on line 2: wrong number of fields
            Decode("a,\"b\n") => ! parse error on line 1, column 6: extraneous or missing " in quoted-field
            Decode("a,b\"c\n") => ! parse error on line 1, column 4: bare " in non-quoted-field
            Encode([["a","b,c"],["d\"e"," f"],["g\nh",""]]) => "a,\"b,c\"\n\"d\"\"e\",\" f\"\n\"g\nh\",\n"
            Encode([[1,2.0],[true,null]]) => "1,2.0\ntrue,null\n"
            Encode([[{"a":"<","b":[1]},[2]]]) => "\"{\"\"a\"\":\"\"<\"\",\"\"b\"\":[1]}\",[2]\n"
            Encode([["a"],"b"]) => ! cannot use value "b" (type string) as list
            "#,
        );
    }
}
