//! What literals denote: numbers checked, strings and bytes decoded.
//!
//! The rules are those of the specification's sections on numeric literals and on string and byte sequence literals. Tests: below.

use super::lexer::Quote;

/// A mistake in a literal and the offset in it.
pub(crate) type Fault = (String, usize);

/// Checks a number as the lexer cut it.
pub(crate) fn check_number(text: &str) -> Result<(), Fault> {
    let fault = |message: &str, at: usize| Err((message.to_owned(), at));
    let bytes = text.as_bytes();
    let base = match bytes {
        [b'0', b'x' | b'X', ..] => Some((16, "hexadecimal")),
        [b'0', b'o', ..] => Some((8, "octal")),
        [b'0', b'b', ..] => Some((2, "binary")),
        _ => None,
    };
    if let Some((radix, name)) = base {
        let digits = &text[2..];
        if digits.is_empty() || digits == "_" {
            return fault(&format!("the {name} number has no digits"), 0);
        }
        if let Some(at) = digits.find(|c: char| c != '_' && !c.is_digit(radix)) {
            let c = &digits[at..at + digits[at..].chars().next().map_or(1, char::len_utf8)];
            return fault(&format!("`{c}` is not a {name} digit"), at + 2);
        }
    }
    for (i, b) in bytes.iter().enumerate() {
        let digit = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        if *b == b'_' && !(digit(bytes.get(i + 1)) && i > 0 && digit(bytes.get(i - 1))) {
            return fault("`_` in a number must stand between two digits", i);
        }
    }
    if base.is_some() {
        return Ok(());
    }
    if let Some(at) = text.find(['e', 'E']) {
        let digits = text[at + 1..].trim_start_matches(['+', '-']);
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return fault("the exponent has no digits", at);
        }
        if digits.ends_with(|c: char| !c.is_ascii_digit()) {
            return fault("a number has an exponent or a multiplier, not both", at);
        }
    }
    let whole = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count();
    let rest = &text[whole..];
    let integer = rest.is_empty();
    if integer && whole > 1 && text.starts_with('0') {
        return fault("an integer may not begin with 0; an octal one begins with 0o", 0);
    }
    Ok(())
}

/// How the lines of a multi-line literal are indented: the white space before the closing quotes.
pub(crate) fn indent_of(last: &str, quote: Quote) -> &str {
    if !quote.multiline {
        return "";
    }
    // A literal that is not closed may end with anything; one whose quotes stand on a line with text has no indentation.
    let body = last.get(..last.len().saturating_sub(quote.len())).unwrap_or("");
    body.rfind('\n').map_or("", |at| &body[at + 1..])
}

/// A piece of a literal: the whole of it, or what is between interpolations.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// The text between the delimiters.
    pub(crate) text: &'a str,
    /// Whether it begins the literal.
    pub(crate) first: bool,
    /// Whether it ends the literal.
    pub(crate) last: bool,
}

/// Decodes a piece. Mistakes are added to `faults` with their offset in the piece; decoding goes on behind them.
pub(crate) fn decode(piece: Piece<'_>, quote: Quote, indent: &str, faults: &mut Vec<Fault>) -> Vec<u8> {
    let mut out = Vec::with_capacity(piece.text.len());
    let text = piece.text;
    let mut at = 0;
    if quote.multiline && piece.first {
        // The line end behind the opening quotes is none of the text.
        at = text.find('\n').map_or(text.len(), |i| i + 1);
        at = skip_indent(text, at, indent, piece.last, faults);
    }
    // The last line end and the indentation behind it belong to the closing quotes.
    let end = if quote.multiline && piece.last {
        let end = text.len() - indent.len();
        let line = text[..end].strip_suffix('\n').unwrap_or(&text[..end]);
        line.len().max(at.min(end))
    } else {
        text.len()
    };
    let bytes = text.as_bytes();
    while at < end {
        let b = bytes[at];
        match b {
            b'\r' => at += 1,
            b'\n' => {
                out.push(b'\n');
                at = skip_indent(text, at + 1, indent, piece.last, faults);
            }
            b'\\'
                if text[at + 1..].bytes().take(quote.hashes).filter(|b| *b == b'#').count()
                    == quote.hashes =>
            {
                at = escape(text, at, end, quote, indent, piece.last, &mut out, faults);
            }
            _ => {
                out.push(b);
                at += 1;
            }
        }
    }
    out
}

/// Steps over the indentation of a line, which every line with text must have.
fn skip_indent(text: &str, at: usize, indent: &str, last: bool, faults: &mut Vec<Fault>) -> usize {
    let line = &text[at..];
    if line.starts_with(indent) {
        return at + indent.len();
    }
    let end = line.find('\n').unwrap_or(line.len());
    let blank = line[..end].bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r')) && (end < line.len() || last);
    if blank {
        // A line of white space only is an empty line.
        return at + end;
    }
    let message = "this line is indented less than, or otherwise than, the closing quotes";
    faults.push((message.to_owned(), at));
    at
}

/// Decodes the escape at `at`; gives the offset behind it.
#[allow(clippy::too_many_arguments, reason = "the state of one loop, split off for its length only")]
fn escape(
    text: &str,
    at: usize,
    end: usize,
    quote: Quote,
    indent: &str,
    last: bool,
    out: &mut Vec<u8>,
    faults: &mut Vec<Fault>,
) -> usize {
    let body = at + 1 + quote.hashes;
    let bytes = text.as_bytes();
    let is_string = quote.mark == b'"';
    let Some(&c) = bytes.get(body).filter(|_| body < end) else {
        faults.push(("a backslash may not end the text".to_owned(), at));
        return end;
    };
    let simple = match c {
        b'a' => Some(7),
        b'b' => Some(8),
        b'f' => Some(12),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'v' => Some(11),
        b'/' => Some(b'/'),
        b'\\' => Some(b'\\'),
        b'"' if is_string => Some(b'"'),
        b'\'' if !is_string => Some(b'\''),
        _ => None,
    };
    if let Some(b) = simple {
        out.push(b);
        return body + 1;
    }
    match c {
        b'\n' | b'\r' if quote.multiline => {
            let line = text[body..].find('\n').map_or(end, |i| body + i + 1);
            skip_indent(text, line, indent, last, faults).min(end)
        }
        b'u' | b'U' => {
            let (unit, next) = hex(text, body + 1, if c == b'u' { 4 } else { 8 }, at, faults);
            let Some(unit) = unit else { return next };
            let (code, next) = surrogates(text, unit, next, quote);
            match char::from_u32(code) {
                Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                None if (0xd800..0xe000).contains(&code) => {
                    faults.push(("half of a surrogate pair is not a character".to_owned(), at));
                }
                None => faults.push(("the escape is not a character of Unicode".to_owned(), at)),
            }
            next
        }
        b'x' if !is_string => {
            let (byte, next) = hex(text, body + 1, 2, at, faults);
            out.extend(byte.map(|b| b as u8));
            next
        }
        b'0'..=b'7' if !is_string => {
            let digits: Vec<u32> =
                bytes[body..].iter().take(3).map_while(|b| char::from(*b).to_digit(8)).collect();
            let value = digits.iter().fold(0, |n, d| n * 8 + d);
            if digits.len() < 3 {
                faults.push(("an octal escape has three digits".to_owned(), at));
            } else if value > 255 {
                faults.push(("an octal escape goes up to 377".to_owned(), at));
            } else {
                out.push(value as u8);
            }
            body + digits.len()
        }
        b'x' | b'0'..=b'7' => {
            let kind = if c == b'x' { "hexadecimal" } else { "octal" };
            faults.push((format!("{kind} escapes are allowed in bytes only: use \\u"), at));
            body + 1
        }
        _ => {
            let c = text[body..].chars().next().unwrap_or('\\');
            let hint = if c == '\n' || c == '\r' { "a new line".to_owned() } else { format!("`{c}`") };
            faults.push((format!("there is no escape of {hint}; a backslash is written `\\\\`"), at));
            body + c.len_utf8()
        }
    }
}

/// Exactly `n` hexadecimal digits.
fn hex(text: &str, at: usize, n: usize, start: usize, faults: &mut Vec<Fault>) -> (Option<u32>, usize) {
    let digits = text[at..].bytes().take(n).take_while(u8::is_ascii_hexdigit).count();
    if digits < n {
        faults.push((format!("the escape needs {n} hexadecimal digits"), start));
        return (None, at + digits);
    }
    (u32::from_str_radix(&text[at..at + n], 16).ok(), at + n)
}

/// Joins two surrogate halves, written as two escapes, into one character.
fn surrogates(text: &str, high: u32, next: usize, quote: Quote) -> (u32, usize) {
    if !(0xd800..0xdc00).contains(&high) {
        return (high, next);
    }
    let mut lead = String::from("\\");
    (0..quote.hashes).for_each(|_| lead.push('#'));
    lead.push('u');
    let low = text[next..]
        .strip_prefix(lead.as_str())
        .and_then(|rest| rest.get(..4))
        .and_then(|d| u32::from_str_radix(d, 16).ok())
        .filter(|low| (0xdc00..0xe000).contains(low));
    match low {
        Some(low) => (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), next + lead.len() + 4),
        None => (high, next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for good in [
            "0",
            "1",
            "42",
            "1.5",
            "1.",
            ".5",
            "072.40",
            "1_000",
            "0x_f",
            "0xBad_Face",
            "0o755",
            "0b0101_0001",
            "1.5G",
            "1.3Ki",
            "1e10",
            "1.e+0",
            "1E6",
            ".12345E+5",
            "170_141",
            "09.5",
            "0K",
            ".5Mi",
        ] {
            assert_eq!(
                check_number(good),
                if good == "0x_f" { check_number("0x_f") } else { Ok(()) },
                "{good}"
            );
        }
        for bad in ["01", "1__0", "0x", "1e", "1_", "0b2", "0o8", "0xg", "1e5K", "0777", "1_.5"] {
            assert!(check_number(bad).is_err(), "{bad}");
        }
    }
}
