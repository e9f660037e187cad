//! What a plain scalar means: null, a boolean, a number, or just text.
//!
//! Two sets of rules: those of the language (YAML 1.2 with the older number forms, words like `yes` are text), and those of
//! documents for Kubernetes (YAML 1.1, numbers as the machine's doubles).

use crate::data::Data;
use crate::number::{Number, NumberError};

/// The value of a plain scalar by the language's rules. An error for infinities and no-numbers, which the language lacks.
pub(super) fn plain(text: &str) -> Result<Data, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Data::Null),
        "true" | "True" | "TRUE" => return Ok(Data::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Data::Bool(false)),
        _ => {}
    }
    if is_special_float(text) {
        return Err(format!("{text} is not a number of the language"));
    }
    match number(text) {
        Some(Ok(n)) => Ok(Data::Number(n)),
        Some(Err(error)) => Err(format!("invalid number {text}: {error}")),
        None => Ok(Data::string(text)),
    }
}

/// The value of a plain scalar in a document for Kubernetes.
pub(super) fn plain_document(text: &str) -> Result<Data, String> {
    if let Some(b) = old_bool(text) {
        return Ok(Data::Bool(b));
    }
    match plain(text)? {
        Data::Number(n) => document_number(&n).map(Data::Number),
        other => Ok(other),
    }
}

/// A number after its way through a double: whole ones below 1e21 are integers, as encoders of Go print them.
pub(super) fn document_number(n: &Number) -> Result<Number, String> {
    let f = n.to_f64();
    let number = Number::from_f64(f).ok_or_else(|| format!("number {} is out of range", n.to_json()))?;
    if f.abs() < 1e21
        && let Some(i) = number.to_bigint()
    {
        return Ok(Number::from(i));
    }
    Ok(number)
}

/// The booleans that only YAML 1.1 has, and those that both have.
pub(super) fn old_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// `.inf`, `-.Inf`, `.NaN` and the like.
pub(super) fn is_special_float(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(rest, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// A number, if the text has the form of one.
pub(super) fn number(text: &str) -> Option<Result<Number, NumberError>> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        b'0'..=b'9' | b'.' => (false, text),
        _ => return None,
    };
    let n = unsigned(digits)?;
    Some(n.map(|n| if negative { n.neg() } else { n }))
}

fn unsigned(text: &str) -> Option<Result<Number, NumberError>> {
    let digits_of = |rest: &str, ok: fn(&u8) -> bool| {
        rest.bytes().any(|b| ok(&b)) && rest.bytes().all(|b| b == b'_' || ok(&b))
    };
    let octal = |b: &u8| (b'0'..=b'7').contains(b);
    let in_radix =
        |rest: &str, prefix: &str| Number::parse_literal(&format!("{prefix}{}", rest.replace('_', "")));
    match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => {
            return digits_of(&text[2..], u8::is_ascii_hexdigit).then(|| in_radix(&text[2..], "0x"));
        }
        [b'0', b'o' | b'O', ..] => return digits_of(&text[2..], octal).then(|| in_radix(&text[2..], "0o")),
        [b'0', b'b' | b'B', ..] => {
            return digits_of(&text[2..], |b| matches!(b, b'0' | b'1')).then(|| in_radix(&text[2..], "0b"));
        }
        [b'0', _, ..] if text.bytes().all(|b| b.is_ascii_digit() || b == b'_') => {
            return digits_of(&text[1..], octal).then(|| in_radix(&text[1..], "0o"));
        }
        _ => {}
    }
    // [0-9][0-9_]*(\.[0-9_]*)?([eE][+-]?[0-9]+)?  or  \.[0-9]...
    let mantissa_end = text.find(['e', 'E']).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(mantissa_end);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let good = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let first = if whole.is_empty() { fraction } else { whole };
    if !first.starts_with(|c: char| c.is_ascii_digit()) || !good(whole) || !good(fraction) {
        return None;
    }
    if let Some(exponent) = exponent.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if !exponent.starts_with(|c: char| c.is_ascii_digit()) || !good(exponent) {
            return None;
        }
    }
    Some(Number::parse_literal(&text.replace('_', "")))
}

/// Whether a reader of any age of YAML may take the plain text for something else than text.
pub(super) fn is_ambiguous(text: &str) -> bool {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL" | "t" | "T" | "f" | "F") || old_bool(text).is_some()
    {
        return true;
    }
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest.len() == 4 && [".inf", ".nan"].iter().any(|w| rest.eq_ignore_ascii_case(w)) {
        return true;
    }
    if number(text).is_some() {
        return true;
    }
    let bytes = rest.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    // Old integers (`089`), numbers to the base 60 (`1:30`), dates.
    bytes.iter().all(|b| b.is_ascii_digit() || *b == b'_')
        || (bytes.contains(&b':')
            && rest.split(':').all(|p| p.bytes().all(|b| b.is_ascii_digit()) && !p.is_empty()))
        || is_date(rest)
}

fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let day = rest.bytes().take_while(u8::is_ascii_digit).count();
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    year.len() == 4
        && digits(year)
        && (1..=2).contains(&month.len())
        && digits(month)
        && (1..=2).contains(&day)
        && matches!(rest.as_bytes().get(day), None | Some(b'T' | b't' | b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(data: Result<Data, String>) -> String {
        data.map_or_else(|e| format!("error: {e}"), |d| crate::encode::json::compact(&d))
    }

    #[test]
    fn in_the_language() {
        for (text, value) in [
            ("yes", "\"yes\""),
            ("n", "\"n\""),
            ("True", "true"),
            ("~", "null"),
            ("0x1F", "31"),
            ("-0x1F", "-31"),
            ("0o17", "15"),
            ("017", "15"),
            ("0644", "420"),
            ("08", "\"08\""),
            ("00", "0"),
            ("0b101", "5"),
            ("0b12", "\"0b12\""),
            ("0x", "\"0x\""),
            ("1_000", "1000"),
            ("1_0.5", "10.5"),
            ("1e3", "1E+3"),
            ("1E+3", "1E+3"),
            ("1e", "\"1e\""),
            (".e3", "\".e3\""),
            (".5", "0.5"),
            ("+.5", "0.5"),
            ("1.", "1"),
            ("+1", "1"),
            ("-0", "0"),
            ("0.10", "0.10"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("2001-01-01", "\"2001-01-01\""),
            ("12:30:45", "\"12:30:45\""),
            ("1.2.3", "\"1.2.3\""),
            (".", "\".\""),
            ("-", "\"-\""),
            (".inf", "error: .inf is not a number of the language"),
            ("1e999999999", "error: invalid number 1e999999999: exponent out of range"),
        ] {
            assert_eq!(shown(plain(text)), value, "{text}");
        }
    }

    #[test]
    fn in_documents() {
        for (text, value) in [
            ("yes", "true"),
            ("n", "false"),
            ("Off", "false"),
            ("0644", "420"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("80.0", "80"),
            ("1e1", "10"),
            ("1.5", "1.5"),
            ("9007199254740993", "9007199254740992"),
            ("9223372036854775807", "9223372036854775807".replace("5807", "6000").as_str()),
            ("123456789012345678901234567890", "1.2345678901234568E+29"),
            ("2001-01-01", "\"2001-01-01\""),
            ("1e400", "error: number 1E+400 is out of range"),
        ] {
            assert_eq!(shown(plain_document(text)), value, "{text}");
        }
    }

    #[test]
    fn ambiguous_words() {
        for text in [
            "yes",
            "",
            "~",
            "1",
            "0x1",
            "017",
            "089",
            "1_",
            "1__0",
            "-1",
            ".5",
            "1:30",
            "1:60",
            "190:20:30",
            "2001-1-1",
            "2001-01-01 00:00",
            "-.INF",
            ".Nan",
            "0B1",
            "1.",
        ] {
            assert!(is_ambiguous(text), "{text}");
        }
        for text in [
            "0x", "1e", "0b12", "e1", "1,000", "1.2.3", "1:", "a:1", "nULL", "_1", "12-34-56", "1:2x",
            "Infinity", "=", "<<",
        ] {
            assert!(!is_ambiguous(text), "{text}");
        }
    }
}
