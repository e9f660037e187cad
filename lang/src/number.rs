//! Numbers of any size: integers, and decimals as coefficient and exponent (34 digits for results of division and functions).

use num_bigint::BigInt;

/// An integer or a decimal. An integer is never a decimal and the other way round: `1` is an `int`, `1.0` a `float`.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(BigInt),
}

impl Number {
    /// Whether it is an integer.
    pub fn is_int(&self) -> bool {
        true
    }
}

impl From<i64> for Number {
    fn from(n: i64) -> Number {
        Number::Int(BigInt::from(n))
    }
}
