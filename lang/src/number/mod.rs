//! Numbers of any size: integers, and decimals as coefficient and exponent.
//!
//! Integers are exact. Results of operations on decimals have 34 digits, halves rounded up, as in the reference; so has
//! every quotient. Sizes and exponents are bounded ([`decimal::MAX_DIGITS`], [`decimal::MAX_EXPONENT`]), so no program
//! makes a number that fills the memory. Tests are in `tests.rs`.

pub mod decimal;
mod literal;
#[cfg(test)]
mod tests;

use decimal::{Decimal, MAX_DIGITS, digits};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An integer or a decimal. An integer is never a decimal and the other way round: `1` is an `int`, `1.0` a `float`.
///
/// Two numbers are equal if they are of the same kind and value (`1.0` and `1.00`, not `1` and `1.0`); values of both kinds are
/// compared with [`Number::cmp_value`]. The order is by value, an integer before the equal decimal.
#[derive(Clone)]
pub struct Number(Repr);

#[derive(Clone)]
enum Repr {
    Small(i64),
    /// Never within the range of `i64`.
    Big(Arc<BigInt>),
    Float(Arc<Decimal>),
}

/// Why a literal is no number, or an operation has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// A divisor of zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A result beyond the limits.
    #[error("exponent out of range")]
    ExponentOutOfRange,
    /// More digits than a number may have.
    #[error("number too large: more than {MAX_DIGITS} digits")]
    TooLarge,
    /// An operation on integers only.
    #[error("{0} is not an integer")]
    NotInteger(String),
    /// A digit that the form does not have, no digit at all, or a leading zero.
    #[error("illegal {0} number")]
    Illegal(&'static str),
    /// `_` elsewhere than between digits.
    #[error("illegal '_' in number")]
    Underscore,
    /// An exponent without digits.
    #[error("illegal exponent in number")]
    Exponent,
}

impl Number {
    /// Whether it is an integer: of the type `int`, not a decimal without fraction.
    pub fn is_int(&self) -> bool {
        !matches!(self.0, Repr::Float(_))
    }

    /// Whether the value is zero.
    pub fn is_zero(&self) -> bool {
        self.sign() == 0
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i8 {
        let sign = |n: &BigInt| if n.is_zero() { 0 } else { if n.is_negative() { -1 } else { 1 } };
        match &self.0 {
            Repr::Small(n) => n.signum() as i8,
            Repr::Big(n) => sign(n),
            Repr::Float(d) => sign(&d.coeff),
        }
    }

    /// The value if it is an `int` that fits.
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small(n) => Some(*n),
            _ => None,
        }
    }

    /// The value as an integer: an `int`, or a decimal without fraction.
    pub fn to_bigint(&self) -> Option<BigInt> {
        match &self.0 {
            Repr::Small(n) => Some(BigInt::from(*n)),
            Repr::Big(n) => Some((**n).clone()),
            Repr::Float(d) => d.to_integer(),
        }
    }

    /// The nearest `f64`; infinite beyond its range.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Repr::Small(n) => *n as f64,
            Repr::Big(n) => n.to_f64().unwrap_or(f64::NAN),
            Repr::Float(d) => d.text('e').parse().unwrap_or(f64::NAN),
        }
    }

    /// The decimal with the fewest digits that reads back as this; nothing for infinity and no number.
    pub fn from_f64(f: f64) -> Option<Number> {
        if !f.is_finite() {
            return None;
        }
        let text = format!("{f:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let fraction = mantissa.split_once('.').map_or(0, |(_, f)| f.len() as i64);
        let coeff: BigInt = mantissa.replace('.', "").parse().ok()?;
        Some(Number::from(Decimal::new(coeff, exponent.parse::<i64>().ok()? - fraction).ok()?))
    }

    /// The value as a decimal, whatever its kind.
    pub fn to_decimal(&self) -> Decimal {
        match &self.0 {
            Repr::Small(n) => Decimal { coeff: BigInt::from(*n), exp: 0 },
            Repr::Big(n) => Decimal { coeff: (**n).clone(), exp: 0 },
            Repr::Float(d) => (**d).clone(),
        }
    }

    fn bounded(n: BigInt) -> Result<Number, NumberError> {
        // 3.32 bits to a digit: the count of digits is only needed near the limit.
        if n.bits() > MAX_DIGITS * 3 && digits(n.magnitude()) > MAX_DIGITS {
            return Err(NumberError::TooLarge);
        }
        Ok(Number::from(n))
    }

    fn binary(
        &self,
        other: &Number,
        small: fn(i64, i64) -> Option<i64>,
        big: fn(&BigInt, &BigInt) -> BigInt,
        float: fn(&Decimal, &Decimal) -> Result<Decimal, NumberError>,
    ) -> Result<Number, NumberError> {
        if let (Repr::Small(a), Repr::Small(b)) = (&self.0, &other.0)
            && let Some(n) = small(*a, *b)
        {
            return Ok(Number(Repr::Small(n)));
        }
        if self.is_int() && other.is_int() {
            return Number::bounded(big(&self.int_value()?, &other.int_value()?));
        }
        Ok(Number::from(float(&self.to_decimal(), &other.to_decimal())?))
    }

    /// The sum: an integer if both are, else a decimal.
    pub fn add(&self, other: &Number) -> Result<Number, NumberError> {
        self.binary(other, i64::checked_add, |a, b| a + b, Decimal::add)
    }

    /// The difference: an integer if both are, else a decimal.
    pub fn sub(&self, other: &Number) -> Result<Number, NumberError> {
        self.binary(other, i64::checked_sub, |a, b| a - b, Decimal::sub)
    }

    /// The product: an integer if both are, else a decimal.
    pub fn mul(&self, other: &Number) -> Result<Number, NumberError> {
        self.binary(other, i64::checked_mul, |a, b| a * b, Decimal::mul)
    }

    /// The quotient of `/`: always a decimal.
    pub fn quo(&self, other: &Number) -> Result<Number, NumberError> {
        Ok(Number::from(self.to_decimal().quo(&other.to_decimal())?))
    }

    /// With the other sign.
    pub fn neg(&self) -> Number {
        match &self.0 {
            Repr::Small(n) => n.checked_neg().map_or_else(|| Number::from(-BigInt::from(*n)), Number::from),
            Repr::Big(n) => Number::from(-&**n),
            Repr::Float(d) => Number::from(Decimal { coeff: -&d.coeff, exp: d.exp }),
        }
    }

    /// Without its sign.
    pub fn abs(&self) -> Number {
        if self.sign() < 0 { self.neg() } else { self.clone() }
    }

    fn int_value(&self) -> Result<BigInt, NumberError> {
        match &self.0 {
            Repr::Float(_) => Err(NumberError::NotInteger(self.to_string())),
            Repr::Small(n) => Ok(BigInt::from(*n)),
            Repr::Big(n) => Ok((**n).clone()),
        }
    }

    fn division(&self, other: &Number) -> Result<(BigInt, BigInt), NumberError> {
        if other.is_zero() && other.is_int() {
            return Err(NumberError::DivisionByZero);
        }
        Ok((self.int_value()?, other.int_value()?))
    }

    /// `div`: Euclidean division of integers, the remainder never negative.
    pub fn int_div(&self, other: &Number) -> Result<Number, NumberError> {
        let (a, b) = self.division(other)?;
        let (q, r) = a.div_rem(&b);
        if !r.is_negative() {
            return Ok(Number::from(q));
        }
        Ok(Number::from(if b.is_negative() { q + 1 } else { q - 1 }))
    }

    /// `mod`: the remainder of [`Number::int_div`], never negative.
    pub fn int_mod(&self, other: &Number) -> Result<Number, NumberError> {
        let (a, b) = self.division(other)?;
        let r = a % &b;
        Ok(Number::from(if r.is_negative() { r + b.abs() } else { r }))
    }

    /// `quo`: division of integers that cuts off towards zero.
    pub fn int_quo(&self, other: &Number) -> Result<Number, NumberError> {
        let (a, b) = self.division(other)?;
        Ok(Number::from(a / b))
    }

    /// `rem`: the remainder of [`Number::int_quo`], with the sign of the dividend.
    pub fn int_rem(&self, other: &Number) -> Result<Number, NumberError> {
        let (a, b) = self.division(other)?;
        Ok(Number::from(a % b))
    }

    /// Compares the values, exactly, whatever the kinds: `1` and `1.0` are equal here.
    pub fn cmp_value(&self, other: &Number) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Small(a), Repr::Small(b)) => a.cmp(b),
            (Repr::Big(a), Repr::Big(b)) => a.cmp(b),
            (Repr::Small(_), Repr::Big(b)) => {
                if b.is_negative() {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (Repr::Big(a), Repr::Small(_)) => {
                if a.is_negative() {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (Repr::Float(a), Repr::Float(b)) => a.cmp_value(b),
            _ => self.to_decimal().cmp_value(&other.to_decimal()),
        }
    }

    /// The text in JSON and in interpolations: as [`fmt::Display`], but with `E` and without a `.0` added (`100/10` is `10`).
    pub fn to_json(&self) -> String {
        match &self.0 {
            Repr::Float(d) => d.text('E'),
            _ => self.to_string(),
        }
    }
}

impl From<i64> for Number {
    fn from(n: i64) -> Number {
        Number(Repr::Small(n))
    }
}

impl From<u64> for Number {
    fn from(n: u64) -> Number {
        i64::try_from(n).map_or_else(|_| Number(Repr::Big(Arc::new(BigInt::from(n)))), Number::from)
    }
}

impl From<BigInt> for Number {
    fn from(n: BigInt) -> Number {
        match n.to_i64() {
            Some(small) => Number(Repr::Small(small)),
            None => Number(Repr::Big(Arc::new(n))),
        }
    }
}

impl From<Decimal> for Number {
    fn from(d: Decimal) -> Number {
        Number(Repr::Float(Arc::new(d)))
    }
}

impl fmt::Display for Number {
    /// The form of the language: `12`, `1.5`, `10.0`, `1e+100`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Small(n) => n.fmt(f),
            Repr::Big(n) => n.fmt(f),
            Repr::Float(d) => {
                let text = d.text('e');
                let bare = !text.contains(['.', 'e']);
                f.write_str(&text)?;
                if bare { f.write_str(".0") } else { Ok(()) }
            }
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.is_int() == other.is_int() && self.cmp_value(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        self.cmp_value(other).then_with(|| other.is_int().cmp(&self.is_int()))
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Repr::Small(n) => (0u8, n).hash(state),
            Repr::Big(n) => (1u8, &**n).hash(state),
            Repr::Float(d) => {
                let d = d.reduced();
                (2u8, d.coeff, d.exp).hash(state);
            }
        }
    }
}

impl From<i32> for Number {
    fn from(n: i32) -> Number {
        Number::from(i64::from(n))
    }
}
