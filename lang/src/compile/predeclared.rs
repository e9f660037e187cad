//! The names that are there without any import: types, numbers in ranges, functions.

use crate::eval::expr::{Callee, Predeclared, X};
use crate::number::Number;
use crate::pkg::Kind;

fn int(n: i64) -> Number {
    Number::from(n)
}

/// What a name stands for.
pub(super) fn predeclared(name: &str) -> Option<X> {
    let power = |bits: u32, minus: bool| {
        let mut n = num_bigint::BigInt::from(1) << bits;
        if minus {
            n -= 1;
        }
        n
    };
    let unsigned = |bits| (Kind::INT, Some((int(0), Some(Number::from(power(bits, true))))));
    let signed = |bits: u32| {
        (Kind::INT, Some((Number::from(-power(bits - 1, false)), Some(Number::from(power(bits - 1, true))))))
    };
    let float = |text: &str| {
        let low = Number::parse_literal(text).map(|n| n.neg()).unwrap_or_else(|_| int(0));
        let high = Number::parse_literal(text).unwrap_or_else(|_| int(0));
        (Kind::NUMBER, Some((low, Some(high))))
    };
    let (kind, range) = match name {
        "bool" => (Kind::BOOL, None),
        "int" => (Kind::INT, None),
        "float" => (Kind::FLOAT, None),
        "string" => (Kind::STRING, None),
        "bytes" => (Kind::BYTES, None),
        "number" => (Kind::NUMBER, None),
        "uint" => (Kind::INT, Some((int(0), None))),
        "uint8" => unsigned(8),
        "uint16" => unsigned(16),
        "uint32" => unsigned(32),
        "uint64" => unsigned(64),
        "uint128" => unsigned(128),
        "int8" => signed(8),
        "int16" => signed(16),
        "int32" => signed(32),
        "int64" => signed(64),
        "int128" => signed(128),
        "rune" => (Kind::INT, Some((int(0), Some(int(0x10FFFF))))),
        "float32" => float("3.40282346638528859811704183484516925440e+38"),
        "float64" => float("1.797693134862315708145274237317043567981e+308"),
        _ => return Predeclared::find(name).map(|p| X::Function(Callee::Predeclared(p))),
    };
    Some(X::Type { kind, range })
}
