//! `strconv`: between numbers, booleans and text, in Go's forms.

use super::args::{Res, big, check_text, float, functions, int, text};
use super::{CallError, Package};
use crate::data::Data;
use crate::number::Number;
use crate::source::FileId;
use crate::syntax;
use num_bigint::{BigInt, BigUint};
use num_traits::ToPrimitive;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

fn failed(function: &str, s: &str, why: &str) -> CallError {
    let shown: String = s.chars().take(60).collect();
    CallError(format!("strconv.{function}: parsing {}: {why}", quote(&shown, false, false)))
}

const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// The longest text that is read as a number.
const MAX_INPUT: usize = 100_000;

/// The integer in a text with a sign, in a base; base 0 says it by prefixes and allows underscores.
fn parse_int(s: &str, base: u32) -> Option<BigInt> {
    let (negative, digits) = match s.as_bytes() {
        [b'-', ..] => (true, &s[1..]),
        [b'+', ..] => (false, &s[1..]),
        _ => (false, s),
    };
    if digits.len() > MAX_INPUT {
        return None;
    }
    // Underscores stand between digits; the prefix of a base counts as one.
    if digits.starts_with('_') {
        return None;
    }
    let (base, digits) = match (base, digits.as_bytes()) {
        (0, [b'0', b'x' | b'X', ..]) => (16, clean(&digits[2..])?),
        (0, [b'0', b'o' | b'O', ..]) => (8, clean(&digits[2..])?),
        (0, [b'0', b'b' | b'B', ..]) => (2, clean(&digits[2..])?),
        (0, [b'0', _, ..]) => (8, clean(&digits[1..])?),
        (0, _) => (10, clean(digits)?),
        (base, _) => (base, digits.to_owned()),
    };
    if digits.is_empty() {
        return None;
    }
    let value = |b: u8| {
        let b = if base <= 36 { b.to_ascii_lowercase() } else { b };
        DIGITS.iter().position(|d| *d == b).filter(|&d| d < base as usize)
    };
    let digits = digits.bytes().map(|b| value(b).map(|d| d as u8)).collect::<Option<Vec<u8>>>()?;
    let n = BigInt::from(BigUint::from_radix_be(&digits, base)?);
    Some(if negative { -n } else { n })
}

/// Without underscores, each of which must stand before a digit.
fn clean(s: &str) -> Option<String> {
    (!s.contains("__") && !s.ends_with('_')).then(|| s.replace('_', ""))
}

fn parse_sized(function: &str, s: &str, base: i64, bits: i64, signed: bool) -> Res {
    if base == 1 || !(0..=62).contains(&base) {
        return Err(format!("invalid number base {base}").into());
    }
    let n = parse_int(s, base as u32).ok_or_else(|| failed(function, s, "invalid syntax"))?;
    let out_of_range = || failed(function, s, "value out of range");
    let negative = n.sign() == num_bigint::Sign::Minus;
    if bits < 0 || (!signed && negative) {
        return Err(out_of_range());
    }
    if bits > 0 {
        let magnitude_bits = if signed {
            // -2^(bits-1) still fits.
            if negative { (n.magnitude() - 1u32).bits() + 1 } else { n.bits() + 1 }
        } else {
            n.bits()
        };
        if magnitude_bits > bits as u64 {
            return Err(out_of_range());
        }
    }
    Ok(n.into())
}

fn format_int(n: &BigInt, base: i64) -> Res {
    if !(2..=62).contains(&base) {
        return Err("invalid base".into());
    }
    let mut out: String = if n.sign() == num_bigint::Sign::Minus { "-".into() } else { String::new() };
    out.extend(n.magnitude().to_radix_be(base as u32).iter().map(|d| DIGITS[usize::from(*d)] as char));
    Ok(out.into())
}

fn parse_bool(s: &str) -> Res {
    match s {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true.into()),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false.into()),
        _ => Err(failed("ParseBool", s, "invalid syntax")),
    }
}

fn parse_float(s: &str, bits: i64) -> Res {
    let unsigned = s.strip_prefix(['-', '+']).unwrap_or(s);
    let wrong = || failed("ParseFloat", s, "invalid syntax");
    if unsigned.len() > MAX_INPUT {
        return Err(wrong());
    }
    let f = if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let f = hex_float(hex).ok_or_else(wrong)?;
        if s.starts_with('-') { -f } else { f }
    } else {
        if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Err(wrong());
        }
        clean(s).and_then(|s| s.parse::<f64>().ok()).ok_or_else(wrong)?
    };
    let f = if bits == 32 { f64::from(f as f32) } else { f };
    Number::from_f64(f).map(Data::from).ok_or_else(|| failed("ParseFloat", s, "value out of range"))
}

/// `1.8p3`: digits of base 16, and an exponent of 2.
fn hex_float(s: &str) -> Option<f64> {
    let (mantissa, exponent) = s.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = clean(&format!("{whole}{fraction}"))?;
    if digits.is_empty() || digits.len() > 200 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let n = BigUint::parse_bytes(digits.as_bytes(), 16)?.to_f64()?;
    let exponent: i32 = exponent.parse().ok().filter(|e: &i32| e.abs() < 10_000)?;
    Some(libm::ldexp(n, exponent - 4 * fraction.len() as i32))
}

fn parse_number(s: &str) -> Res {
    let fail = |why: String| failed("ParseNumber", s, &why);
    let (negative, digits) = match s.as_bytes() {
        [] => return Err(fail("invalid number \"\"".into())),
        [b'-', ..] => (true, &s[1..]),
        [b'+', ..] => (false, &s[1..]),
        _ => (false, s),
    };
    // The reference passes over an underscore before the digits of a decimal number, and over zeros behind it.
    let plain = match digits.as_bytes() {
        [b'_', b'0'..=b'9', ..] if !digits.contains(['x', 'X', 'b', 'o']) => {
            let rest = digits[1..].trim_start_matches('0');
            let zero = if rest.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
            Some(format!("{zero}{rest}"))
        }
        _ => None,
    };
    let digits = plain.as_deref().unwrap_or(digits);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(fail(format!("illegal number start {}", quote(digits, false, false))));
    }
    let n = Number::parse_literal(digits).map_err(|e| fail(e.to_string()))?;
    // A whole number is an integer, however it is written.
    let n = n.to_bigint().map_or(n, Number::from);
    Ok(if negative { n.neg() } else { n }.into())
}

/// Splits `1.5e3` as Rust prints it into the mantissa and an exponent with Go's sign and two digits.
fn with_go_exponent(text: &str, e: char) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{e}{sign}{:02}", exponent.abs())
}

fn format_float(f: f64, verb: char, precision: i64, bits: i64) -> Res {
    if !matches!(bits, 32 | 64) {
        return Err(format!("invalid bit size {bits}").into());
    }
    if precision > 10_000 {
        return Err(format!("precision {precision} is beyond the limit of 10000").into());
    }
    let digits = usize::try_from(precision).ok();
    let single = f as f32;
    let f = if bits == 32 { f64::from(single) } else { f };
    if f.is_infinite() {
        return Ok(if f > 0.0 { "+Inf" } else { "-Inf" }.into());
    }
    // The shortest form depends on the size of the number.
    let shortest = || if bits == 32 { format!("{single:e}") } else { format!("{f:e}") };
    let out = match verb {
        'e' | 'E' => with_go_exponent(&digits.map_or_else(shortest, |p| format!("{f:.p$e}")), verb),
        'f' => match digits {
            Some(p) => format!("{f:.p$}"),
            None if bits == 32 => format!("{single}"),
            None => format!("{f}"),
        },
        'g' | 'G' => {
            let text = match digits {
                None => shortest(),
                Some(p) => format!("{f:.*e}", p.max(1) - 1),
            };
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i64 = exponent.parse().unwrap_or(0);
            let mantissa = if mantissa.contains('.') {
                mantissa.trim_end_matches('0').trim_end_matches('.')
            } else {
                mantissa
            };
            let count = mantissa.bytes().filter(u8::is_ascii_digit).count() as i64;
            let limit = match digits {
                // Go decides for the shortest form as if it had six digits.
                None => 6,
                Some(p) => {
                    let p = p.max(1) as i64;
                    if p > count && count > exponent { count } else { p }
                }
            };
            if exponent < -4 || exponent >= limit {
                with_go_exponent(&format!("{mantissa}e{exponent}"), if verb == 'g' { 'e' } else { 'E' })
            } else {
                let places = (count - 1 - exponent).max(0) as usize;
                match digits {
                    None => format!("{f:.places$}"),
                    Some(_) => format!("{:.places$}", text.parse::<f64>().unwrap_or(f)),
                }
            }
        }
        'b' => {
            let (mantissa_bits, bias) = if bits == 32 { (23, 150) } else { (52, 1075) };
            let raw = if bits == 32 { u64::from(single.to_bits()) } else { f.to_bits() };
            let exponent_bits = if bits == 32 { 0xff } else { 0x7ff };
            let exponent = (raw >> mantissa_bits & exponent_bits) as i64;
            let fraction = raw & ((1 << mantissa_bits) - 1);
            let mantissa = if exponent == 0 { fraction } else { fraction | 1 << mantissa_bits };
            let sign = if f.is_sign_negative() { "-" } else { "" };
            format!("{sign}{mantissa}p{:+}", exponent.max(1) - bias)
        }
        'x' | 'X' => hexadecimal(f, digits, verb),
        other => format!("%{other}"),
    };
    check_text(out.len())?;
    Ok(out.into())
}

fn hexadecimal(f: f64, digits: Option<usize>, verb: char) -> String {
    let (mut mantissa, mut exponent) = (0u128, 0i32);
    if f != 0.0 {
        let (fraction, e) = libm::frexp(f.abs());
        // 53 bits, the first of them 1, then room for rounding.
        mantissa = libm::ldexp(fraction, 53) as u128;
        exponent = e - 1;
    }
    let mut places = 13;
    if let Some(p) = digits.filter(|p| *p < 13) {
        let drop = (13 - p) * 4;
        let (half, rest) = (1u128 << (drop - 1), mantissa & ((1 << drop) - 1));
        mantissa >>= drop;
        if rest > half || (rest == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        places = p;
        if mantissa >> (4 * places) > 1 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let whole = mantissa >> (4 * places);
    let mut fraction = format!("{:0places$x}", mantissa & ((1 << (4 * places)) - 1));
    match digits {
        None => fraction.truncate(fraction.trim_end_matches('0').len()),
        Some(0) => fraction.clear(),
        Some(p) => fraction.extend(std::iter::repeat_n('0', p.saturating_sub(places))),
    }
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if f.is_sign_negative() { "-" } else { "" };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    let out = format!("{sign}0x{whole}{point}{fraction}p{exponent_sign}{:02}", exponent.abs());
    if verb == 'X' { out.to_ascii_uppercase() } else { out }
}

fn verb(a: &[Data]) -> Result<char, CallError> {
    match a.get(1) {
        Some(Data::String(s)) => {
            let mut chars = s.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(c),
                _ => Err("expected single character string".into()),
            }
        }
        _ => {
            let n = int(a, 1)?;
            u8::try_from(n)
                .map(char::from)
                .map_err(|_| CallError(format!("format value {n} out of range [0, 255]")))
        }
    }
}

fn is_print(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Mark, Number, Punctuation, Symbol};
    c == ' ' || matches!(c.general_category_group(), Letter | Mark | Number | Punctuation | Symbol)
}

fn is_graphic(c: char) -> bool {
    is_print(c) || c.general_category() == unicode_properties::GeneralCategory::SpaceSeparator
}

/// A number that may stand for a code point: one of 32 bits, with a sign or without.
fn code_point(a: &[Data]) -> Result<i64, CallError> {
    let n = int(a, 0)?;
    match i32::try_from(n).is_ok() || u32::try_from(n).is_ok() {
        true => Ok(n),
        false => Err(format!("int {n} overflows rune in argument 1").into()),
    }
}

fn rune(n: i64) -> Option<char> {
    u32::try_from(n).ok().and_then(char::from_u32)
}

fn quote_char(out: &mut String, c: char, quote: char, ascii: bool, graphic: bool) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        c if c.is_ascii() && is_print(c) => out.push(c),
        c if !ascii && !c.is_ascii() && if graphic { is_graphic(c) } else { is_print(c) } => out.push(c),
        c => {
            let code = c as u32;
            out.push_str(&match code {
                0..=0x7f => format!("\\x{code:02x}"),
                0x80..=0xffff => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            });
        }
    }
}

fn quote(s: &str, ascii: bool, graphic: bool) -> String {
    let mut out = String::from('"');
    s.chars().for_each(|c| quote_char(&mut out, c, '"', ascii, graphic));
    out.push('"');
    out
}

fn quote_rune(n: i64, ascii: bool, graphic: bool) -> Res {
    let mut out = String::from('\'');
    quote_char(&mut out, rune(n).unwrap_or(char::REPLACEMENT_CHARACTER), '\'', ascii, graphic);
    out.push('\'');
    Ok(out.into())
}

/// The text that a literal of the language denotes.
fn unquote(s: &str) -> Res {
    let (expr, mistakes) = syntax::parse_expr(FileId(0), s);
    match expr.kind {
        syntax::ast::ExprKind::String(literal) if mistakes.is_empty() && literal.raw == s => {
            Ok(literal.text().into_owned().into())
        }
        _ => Err("invalid syntax".into()),
    }
}

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "strconv",
    functions: functions! {
        /// The integer in a text, in decimal.
        Atoi(s: STRING) -> INT = |a| {
            let s = text(a, 0)?;
            parse_int(s, 10).map(Data::from).ok_or_else(|| failed("Atoi", s, "invalid syntax"))
        };
        /// `true` or `false`.
        FormatBool(b: BOOL) -> STRING = |a| Ok(if matches!(a.first(), Some(Data::Bool(true))) { "true" } else { "false" }.into());
        /// A float as text: `fmtVal` is one of `e`, `E`, `f`, `g`, `G`, `b`, `x`, `X` or its code, `prec` the number of digits (-1 for as
        /// few as are needed), `bitSize` 32 or 64.
        FormatFloat(f: NUMBER, fmtVal: TOP, prec: INT, bitSize: INT) -> STRING = |a| format_float(float(a, 0)?, verb(a)?, int(a, 2)?, int(a, 3)?);
        /// An integer as text in a base from 2 to 62.
        FormatInt(i: INT, base: INT) -> STRING = |a| format_int(&big(a, 0)?, int(a, 1)?);
        /// An integer as text in a base from 2 to 62.
        FormatUint(i: INT, base: INT) -> STRING = |a| format_int(&big(a, 0)?, int(a, 1)?);
        /// Whether the code point has a form to be seen, or is a space.
        IsGraphic(r: INT) -> BOOL = |a| Ok(rune(code_point(a)?).is_some_and(is_graphic).into());
        /// Whether the code point can be printed; of spaces only that of ASCII.
        IsPrint(r: INT) -> BOOL = |a| Ok(rune(code_point(a)?).is_some_and(is_print).into());
        /// The boolean in a text: `1`, `t`, `T`, `true`, `TRUE`, `True` or their opposites.
        ParseBool(str: STRING) -> BOOL = |a| parse_bool(text(a, 0)?);
        /// The float in a text, rounded to 32 or 64 bits.
        ParseFloat(s: STRING, bitSize: INT) -> NUMBER = |a| parse_float(text(a, 0)?, int(a, 1)?);
        /// The integer in a text, in a base from 2 to 62 (0: as its prefix says), if it fits into `bitSize` bits (0: any size).
        ParseInt(s: STRING, base: INT, bitSize: INT) -> INT = |a| parse_sized("ParseInt", text(a, 0)?, int(a, 1)?, int(a, 2)?, true);
        /// The number that a literal of the language in a text denotes.
        ParseNumber(s: STRING) -> NUMBER = |a| parse_number(text(a, 0)?);
        /// As `ParseInt`, without negative numbers.
        ParseUint(s: STRING, base: INT, bitSize: INT) -> INT = |a| parse_sized("ParseUint", text(a, 0)?, int(a, 1)?, int(a, 2)?, false);
        /// The text in double quotes, with escapes for what cannot be printed.
        Quote(s: STRING) -> STRING = |a| Ok(quote(text(a, 0)?, false, false).into());
        /// The code point as a character in single quotes.
        QuoteRune(r: INT) -> STRING = |a| quote_rune(code_point(a)?, false, false);
        /// As `QuoteRune`, all but ASCII escaped.
        QuoteRuneToASCII(r: INT) -> STRING = |a| quote_rune(code_point(a)?, true, false);
        /// As `QuoteRune`, all that is graphic left as it is.
        QuoteRuneToGraphic(r: INT) -> STRING = |a| quote_rune(code_point(a)?, false, true);
        /// As `Quote`, all but ASCII escaped.
        QuoteToASCII(s: STRING) -> STRING = |a| Ok(quote(text(a, 0)?, true, false).into());
        /// As `Quote`, all that is graphic left as it is.
        QuoteToGraphic(s: STRING) -> STRING = |a| Ok(quote(text(a, 0)?, false, true).into());
        /// The text that a literal of the language denotes.
        Unquote(s: STRING) -> STRING = |a| unquote(text(a, 0)?);
    },
    constants: &[("IntSize", || Data::int(64))],
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::args::check;

    #[test]
    fn integers() {
        check(
            "strconv",
            r#"
            Atoi("-170141183460469231731687303715884105728") => -170141183460469231731687303715884105728
            Atoi("+5") => 5
            Atoi("1_000") => ! strconv.Atoi: parsing "1_000": invalid syntax
            Atoi("0x5") => ! strconv.Atoi: parsing "0x5": invalid syntax
            ParseInt("127", 10, 8) => 127
            ParseInt("128", 10, 8) => ! strconv.ParseInt: parsing "128": value out of range
            ParseInt("-128", 10, 8) => -128
            ParseInt("-129", 10, 8) => ! strconv.ParseInt: parsing "-129": value out of range
            ParseInt("255", 10, 9) => 255
            ParseInt("256", 10, 9) => ! strconv.ParseInt: parsing "256": value out of range
            ParseInt("999999999999999999999999999999", 10, 0) => 999999999999999999999999999999
            ParseInt("7", 10, 3) => ! strconv.ParseInt: parsing "7": value out of range
            ParseInt("-4", 10, 3) => -4
            ParseInt("0x1F", 0, 64) => 31
            ParseInt("1_000", 0, 64) => 1000
            ParseInt("017", 0, 64) => 15
            ParseInt("zz", 36, 0) => 1295
            ParseInt("1", 1, 64) => ! invalid number base 1
            ParseInt("", 10, 64) => ! strconv.ParseInt: parsing "": invalid syntax
            ParseInt("123", 10, -1) => ! strconv.ParseInt: parsing "123": value out of range
            ParseUint("255", 10, 8) => 255
            ParseUint("256", 10, 8) => ! strconv.ParseUint: parsing "256": value out of range
            ParseUint("-1", 10, 8) => ! strconv.ParseUint: parsing "-1": value out of range
            FormatInt(-255, 2) => "-11111111"
            FormatInt(61, 62) => "Z"
            FormatInt(0, 10) => "0"
            FormatInt(255, 1) => ! invalid base
            FormatUint(64, 16) => "40"
            "#,
        );
    }

    #[test]
    fn floats() {
        check(
            "strconv",
            r#"
            ParseFloat("1.5e3", 64) => 1.5E+3
            ParseFloat("0.1", 32) => 0.10000000149011612
            ParseFloat("0x1p-2", 64) => 0.25
            ParseFloat("-0x1.8p3", 64) => -12
            ParseFloat("x", 64) => ! strconv.ParseFloat: parsing "x": invalid syntax
            ParseFloat("1e400", 64) => ! strconv.ParseFloat: parsing "1e400": value out of range
            ParseNumber("1e3") => 1000
            ParseNumber("-2.0") => -2
            ParseNumber("1.50") => 1.50
            FormatFloat(3.4e39, "f", 2, 32) => "+Inf"
            FormatFloat(1e400, "f", 2, 64) => ! the number 1e+400 in argument 1 is too large for a float
            IsPrint(2147483648) => false
            IsPrint(4294967393) => ! int 4294967393 overflows rune in argument 1
            ParseNumber("123.456") => 123.456
            ParseNumber("0xFF") => 255
            ParseNumber("1Ki") => 1024
            ParseNumber("-.5") => -0.5
            ParseInt("0x_1f", 0, 64) => 31
            ParseInt("_1", 0, 64) => ! strconv.ParseInt: parsing "_1": invalid syntax
            ParseNumber("_1_0") => 10
            ParseNumber("-_01.5") => -1.5
            ParseNumber("_00") => 0
            ParseNumber("_0x1") => ! strconv.ParseNumber: parsing "_0x1": illegal number start "_0x1"
            ParseNumber("_.5") => ! strconv.ParseNumber: parsing "_.5": illegal number start "_.5"
            ParseNumber("1_") => ! strconv.ParseNumber: parsing "1_": illegal '_' in number
            ParseNumber("x") => ! strconv.ParseNumber: parsing "x": illegal number start "x"
            FormatFloat(3.14159, "g", -1, 64) => "3.14159"
            FormatFloat(3.14159, "f", 2, 64) => "3.14"
            FormatFloat(3.14159, "e", 4, 64) => "3.1416e+00"
            FormatFloat(3.14159, "E", 4, 64) => "3.1416E+00"
            FormatFloat(3.14159, 103, -1, 64) => "3.14159"
            FormatFloat(0.0, 102, -1, 64) => "0"
            FormatFloat(3.02, 300, 4, 64) => ! format value 300 out of range [0, 255]
            FormatFloat(3.02, "ab", 4, 64) => ! expected single character string
            FormatFloat(3.02, "q", 4, 64) => "%q"
            FormatFloat(3.02, "x", 4, 64) => "0x1.828fp+01"
            FormatFloat(1.5, "x", -1, 64) => "0x1.8p+00"
            FormatFloat(1.5, "X", 3, 64) => "0X1.800P+00"
            FormatFloat(1e21, "g", -1, 64) => "1e+21"
            FormatFloat(1e20, "g", -1, 64) => "1e+20"
            FormatFloat(100000, "g", -1, 64) => "100000"
            FormatFloat(1000000, "g", -1, 64) => "1e+06"
            FormatFloat(123456789.0, "g", -1, 64) => "1.23456789e+08"
            FormatFloat(123456789.0, "g", 3, 64) => "1.23e+08"
            FormatFloat(0.00001234, "g", -1, 64) => "1.234e-05"
            FormatFloat(0.1, "g", -1, 32) => "0.1"
            FormatFloat(0.1, "f", 20, 32) => "0.10000000149011611938"
            FormatFloat(100, "G", 2, 64) => "1E+02"
            FormatFloat(100, "g", 5, 64) => "100"
            FormatFloat(0.5, "b", -1, 64) => "4503599627370496p-53"
            FormatFloat(2.5, "f", 0, 64) => "2"
            FormatFloat(1.5, "f", 10000000000, 64) => ! precision 10000000000 is beyond the limit of 10000
            "#,
        );
    }

    #[test]
    fn texts() {
        check(
            "strconv",
            r#"
            ParseBool("T") => true
            ParseBool("yes") => ! strconv.ParseBool: parsing "yes": invalid syntax
            FormatBool(true) => "true"
            Quote("a\"\n\u0001é😀\u007f\u2028\ufeff") => "\"a\\\"\\n\\x01é😀\\x7f\\u2028\\ufeff\""
            Quote("\u00a0\u3000") => "\"\\u00a0\\u3000\""
            QuoteToASCII("é😀\u0001") => "\"\\u00e9\\U0001f600\\x01\""
            QuoteToGraphic("é\u3000\t") => "\"é　\\t\""
            QuoteRune(97) => "'a'"
            QuoteRune(39) => "'\\''"
            QuoteRune(1114111) => "'\\U0010ffff'"
            QuoteRune(-1) => "'�'"
            QuoteRuneToASCII(233) => "'\\u00e9'"
            Unquote("\"a\\n\"") => "a\n"
            Unquote("'ab'") => "ab"
            Unquote("`a`") => ! invalid syntax
            Unquote("a") => ! invalid syntax
            Unquote("\"\\(1)\"") => ! invalid syntax
            IsPrint(160) => false
            IsGraphic(160) => true
            IsPrint(888) => false
            "#,
        );
    }
}
