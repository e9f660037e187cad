//! From the text of a literal to a number: the forms of the language and of JSON.
//!
//! Tests are in `tests.rs`.

use super::decimal::{Decimal, MAX_DIGITS};
use super::{Number, NumberError};
use num_bigint::{BigInt, BigUint};

impl Number {
    /// Reads a literal of the language, without sign: `1_000`, `0x1F`, `0o17`, `0b101`, `1.5`, `.5`, `1e3`, `1.5K`, `2Gi`.
    ///
    /// A literal with a multiplier is an integer; a part that is left after the point is cut off (`1.3Ki` is `1331`).
    pub fn parse_literal(text: &str) -> Result<Number, NumberError> {
        let bytes = text.as_bytes();
        if text.len() as u64 > 2 * MAX_DIGITS {
            return Err(NumberError::TooLarge);
        }
        if let [b'0', kind @ (b'x' | b'X' | b'o' | b'b'), rest @ ..] = bytes {
            let (radix, name) = match kind {
                b'o' => (8, "octal"),
                b'b' => (2, "binary"),
                _ => (16, "hexadecimal"),
            };
            let digits = without_underscores(rest, true)?;
            if digits.is_empty() {
                return Err(NumberError::Illegal(name));
            }
            return BigInt::parse_bytes(&digits, radix).map(Number::from).ok_or(NumberError::Illegal(name));
        }
        let (mantissa, multiplier) = split_multiplier(text)?;
        let (mantissa, exponent) = match mantissa.find(['e', 'E']) {
            Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
            None => (mantissa, None),
        };
        if exponent.is_some() && multiplier.is_some() {
            return Err(NumberError::Illegal("floating-point"));
        }
        let (whole, fraction) = match mantissa.find('.') {
            Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
            None => (mantissa, None),
        };
        let integer = fraction.is_none() && exponent.is_none();
        let kind = if integer { "integer" } else { "floating-point" };
        let mut digits = without_underscores(whole.as_bytes(), false)?;
        if integer && digits.len() > 1 && digits[0] == b'0' {
            return Err(NumberError::Illegal("integer"));
        }
        let fraction = without_underscores(fraction.unwrap_or("").as_bytes(), true)?;
        digits.extend_from_slice(&fraction);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(NumberError::Illegal(kind));
        }
        if integer && multiplier.is_none() {
            return integer_of(&digits).ok_or(NumberError::Illegal(kind));
        }
        let coeff = BigInt::parse_bytes(&digits, 10).ok_or(NumberError::Illegal(kind))?;
        if let Some(multiplier) = multiplier {
            let product = coeff * BigInt::from(multiplier);
            return Ok(Number::from(product / BigInt::from(super::decimal::pow10(fraction.len() as u64))));
        }
        let exponent = match exponent {
            Some(text) => exponent_of(text)?,
            None => 0,
        };
        Ok(Number::from(Decimal::new(coeff, exponent - fraction.len() as i64)?))
    }

    /// Reads a JSON number, with its sign: an integer where it has neither a point nor an exponent.
    pub fn parse_json(text: &str) -> Result<Number, NumberError> {
        let bad = NumberError::Illegal("JSON");
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let after_whole = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (whole, mut rest) = digits.split_at(after_whole);
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(bad);
        }
        if let Some(fraction) = rest.strip_prefix('.') {
            let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
            if end == 0 {
                return Err(bad);
            }
            rest = &fraction[end..];
        }
        if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if exponent.is_empty() || !exponent.bytes().all(|b| b.is_ascii_digit()) {
                return Err(bad);
            }
        } else if !rest.is_empty() {
            return Err(bad);
        }
        let n = Number::parse_literal(digits)?;
        Ok(if negative { n.neg() } else { n })
    }
}

fn integer_of(digits: &[u8]) -> Option<Number> {
    if digits.len() <= 18 {
        return Some(Number::from(digits.iter().fold(0i64, |n, d| n * 10 + i64::from(d - b'0'))));
    }
    BigInt::parse_bytes(digits, 10).map(Number::from)
}

/// Digits without the underscores, each of which must stand between two of them (or after a prefix).
fn without_underscores(text: &[u8], leading: bool) -> Result<Vec<u8>, NumberError> {
    let mut out = Vec::with_capacity(text.len());
    for (i, &b) in text.iter().enumerate() {
        if b != b'_' {
            out.push(b);
        } else if (i == 0 && !leading) || matches!(text.get(i + 1), None | Some(b'_')) {
            return Err(NumberError::Underscore);
        }
    }
    Ok(out)
}

fn exponent_of(text: &str) -> Result<i64, NumberError> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    let digits = without_underscores(digits, true)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::Exponent);
    }
    let n = digits.iter().fold(0i64, |n, d| n.saturating_mul(10).saturating_add(i64::from(d - b'0')));
    // Far beyond any limit, but safe to add to.
    Ok(sign * n.min(1 << 40))
}

/// Splits `1.5Ki` into `1.5` and 1024.
fn split_multiplier(text: &str) -> Result<(&str, Option<BigUint>), NumberError> {
    let (rest, base) = match text.strip_suffix('i') {
        Some(rest) => (rest, 1024u32),
        None => (text, 1000),
    };
    let power = match rest.as_bytes().last() {
        Some(b'K') => 1,
        Some(b'M') => 2,
        Some(b'G') => 3,
        Some(b'T') => 4,
        Some(b'P') => 5,
        _ if base == 1000 => return Ok((text, None)),
        _ => return Err(NumberError::Illegal("integer")),
    };
    Ok((&rest[..rest.len() - 1], Some(BigUint::from(base).pow(power))))
}
