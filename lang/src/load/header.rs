//! What stands before everything else in a file: attributes and the package clause; and what attributes say.
//!
//! Choosing the files of a package needs no more than that, so a file that is left out is not parsed.

use std::ops::Range;

/// The beginning of a file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Header {
    /// The attributes before the package clause: name, body and place.
    pub(super) attributes: Vec<(String, String, Range<usize>)>,
    /// The name in the package clause.
    pub(super) package: Option<String>,
}

/// Reads the beginning of a file as far as it makes sense.
pub(super) fn header(text: &str) -> Header {
    let mut out = Header::default();
    let mut at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
        at += rest.len() - trimmed.len();
        if trimmed.starts_with("//") {
            at += trimmed.find('\n').unwrap_or(trimmed.len());
        } else if let Some(after) = trimmed.strip_prefix('@') {
            let name: String =
                after.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.')).collect();
            let Some(body) = after[name.len()..].strip_prefix('(').and_then(closed) else { return out };
            let end = at + 1 + name.len() + 1 + body.len() + 1;
            out.attributes.push((name, body.to_owned(), at..end));
            at = end;
        } else {
            let clause = trimmed.strip_prefix("package").filter(|r| r.starts_with([' ', '\t', '\n', '\r']));
            let name: String = clause
                .unwrap_or("")
                .trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '#'))
                .collect();
            out.package = Some(name).filter(|n| !n.is_empty());
            return out;
        }
    }
}

/// The text up to the bracket that closes one opened before it.
fn closed(text: &str) -> Option<&str> {
    let mut depth = 0u32;
    let mut quote = None;
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None => match c {
                '"' | '\'' => quote = Some(c),
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' if depth > 0 => depth -= 1,
                ')' => return Some(&text[..i]),
                _ => {}
            },
        }
    }
    None
}

/// The arguments of an attribute: `key=value` or `value`, at commas; values without their quotes.
pub(super) fn arguments(body: &str) -> Vec<(Option<String>, String)> {
    let mut out = Vec::new();
    let mut rest = body.trim();
    while !rest.is_empty() {
        let end = comma(rest);
        let part = rest[..end].trim();
        let key = part.split_once('=').filter(|(k, _)| !k.contains(['"', '\'', '(']));
        out.push(match key {
            Some((key, value)) => (Some(key.trim().to_owned()), unquoted(value.trim())),
            None => (None, unquoted(part)),
        });
        rest = rest.get(end + 1..).unwrap_or("").trim_start();
    }
    out
}

/// Where the first comma outside of brackets and quotes is.
fn comma(text: &str) -> usize {
    let mut depth = 0i32;
    let mut quote = None;
    for (i, c) in text.char_indices() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None => match c {
                '"' | '\'' => quote = Some(c),
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth <= 0 => return i,
                _ => {}
            },
        }
    }
    text.len()
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    match inner {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => text.to_owned(),
    }
}

/// Evaluates the condition of `@if(...)`: names, `!`, `&&`, `||` and brackets.
pub(super) fn condition(text: &str, set: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let mut at = Condition { rest: text.trim(), set, depth: 0 };
    let value = at.or()?;
    match at.rest.is_empty() {
        true => Ok(value),
        false => Err(at.odd()),
    }
}

struct Condition<'t> {
    rest: &'t str,
    set: &'t dyn Fn(&str) -> bool,
    depth: u32,
}

/// How deep brackets in a condition may be nested.
const MAX_DEPTH: u32 = 100;

impl Condition<'_> {
    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn odd(&self) -> String {
        let shown: String = self.rest.chars().take(10).collect();
        match shown.is_empty() {
            true => "the condition of @if ends too early".to_owned(),
            false => format!("a condition of @if holds names, !, &&, || and brackets, not {shown:?}"),
        }
    }

    fn or(&mut self) -> Result<bool, String> {
        let mut value = self.and()?;
        while self.take("||") {
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut value = self.not()?;
        while self.take("&&") {
            value &= self.not()?;
        }
        Ok(value)
    }

    fn not(&mut self) -> Result<bool, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the condition of @if is nested too deeply".to_owned());
        }
        let value = if self.take("!") {
            !self.not()?
        } else if self.take("(") {
            let value = self.or()?;
            if !self.take(")") {
                return Err(self.odd());
            }
            value
        } else {
            let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            if end == 0 {
                return Err(self.odd());
            }
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest.trim_start();
            (self.set)(name)
        };
        self.depth -= 1;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let text = "// a\n\n@if(a && (b)) @tag(x, y=\")\")\n// c\npackage p\n@if(x)\n";
        let found = header(text);
        assert_eq!(found.package.as_deref(), Some("p"));
        let attributes: Vec<_> =
            found.attributes.iter().map(|(n, b, r)| (n.as_str(), b.as_str(), &text[r.clone()])).collect();
        assert_eq!(attributes[0], ("if", "a && (b)", "@if(a && (b))"));
        assert_eq!(attributes[1].1, "x, y=\")\"");
        assert_eq!(header("packaged: 1"), Header::default());
        assert_eq!(header("@if(").package, None);
        assert_eq!(header("package _").package.as_deref(), Some("_"));
        assert_eq!(header(""), Header::default());
    }

    #[test]
    fn attribute_arguments() {
        let arg = |k: Option<&str>, v: &str| (k.map(str::to_owned), v.to_owned());
        assert_eq!(
            arguments("env, short=a|b,type=int, file=\"x, y\""),
            [
                arg(None, "env"),
                arg(Some("short"), "a|b"),
                arg(Some("type"), "int"),
                arg(Some("file"), "x, y")
            ]
        );
        assert!(arguments("").is_empty());
    }

    #[test]
    fn conditions() {
        let set = |name: &str| name == "a" || name == "b";
        for (text, value) in
            [("a", true), ("!a", false), ("a && c || b", true), ("!(a && b)", false), ("c||(a&&!c)", true)]
        {
            assert_eq!(condition(text, &set), Ok(value), "{text}");
        }
        for text in ["", "a +b", "a == b", "(a", "a b", "&& a"] {
            assert!(condition(text, &set).is_err(), "{text}");
        }
        assert!(condition(&"!".repeat(100_000), &set).is_err());
    }
}
