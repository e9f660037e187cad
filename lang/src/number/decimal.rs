//! A decimal: coefficient times a power of ten, with the arithmetic of the General Decimal Arithmetic model at 34 digits.
//!
//! Trailing zeros are kept (`1.10 * 2.0` is `2.200`), as users wrote them. Change nothing here without comparing with the
//! recorded results in `tests.rs`, where the laws are tested too.

use super::NumberError;
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};
use std::cmp::Ordering;

/// Digits of the result of an operation on decimals.
pub const PRECISION: u64 = 34;
/// The largest exponent, in scientific notation, that a result may have; its negative is the smallest.
pub const MAX_EXPONENT: i64 = 100_000;
/// The most decimal digits that a number may have.
pub const MAX_DIGITS: u64 = 100_000;

/// `coeff * 10^exp`.
#[derive(Clone, Debug)]
pub struct Decimal {
    pub(crate) coeff: BigInt,
    pub(crate) exp: i32,
}

/// 10^n.
pub(crate) fn pow10(n: u64) -> BigUint {
    match n {
        0..=19 => BigUint::from(10u64.pow(n as u32)),
        _ => BigUint::from(10u32).pow(n.min(u64::from(u32::MAX)) as u32),
    }
}

/// How many decimal digits a magnitude has; 1 for zero.
pub(crate) fn digits(n: &BigUint) -> u64 {
    if let Some(small) = n.to_u64() {
        return small.checked_ilog10().map_or(1, |d| u64::from(d) + 1);
    }
    // log10(2) from below: the estimate is exact or one too small.
    let floor = ((n.bits() - 1) as u128 * 30_102_999_566 / 100_000_000_000) as u64;
    if *n >= pow10(floor + 1) { floor + 2 } else { floor + 1 }
}

impl Decimal {
    /// A decimal of these parts, if it is within the limits.
    pub fn new(coeff: BigInt, exp: i64) -> Result<Decimal, NumberError> {
        let digits = digits(coeff.magnitude());
        if digits > MAX_DIGITS {
            return Err(NumberError::TooLarge);
        }
        let adjusted = exp + digits as i64 - 1;
        if adjusted.abs() > MAX_EXPONENT || exp.abs() > MAX_EXPONENT + MAX_DIGITS as i64 {
            return Err(NumberError::ExponentOutOfRange);
        }
        Ok(Decimal { coeff, exp: exp as i32 })
    }

    /// The coefficient of `coeff * 10^exp`.
    pub fn coefficient(&self) -> &BigInt {
        &self.coeff
    }

    /// The exponent of `coeff * 10^exp`.
    pub fn exponent(&self) -> i32 {
        self.exp
    }

    /// The exponent in scientific notation.
    pub(crate) fn adjusted(&self) -> i64 {
        i64::from(self.exp) + digits(self.coeff.magnitude()) as i64 - 1
    }

    /// Rounds to `precision` digits, half away from zero.
    pub(crate) fn rounded(coeff: BigInt, exp: i64, precision: u64) -> Result<Decimal, NumberError> {
        let n = digits(coeff.magnitude());
        if n <= precision {
            return Decimal::new(coeff, exp);
        }
        let drop = n - precision;
        let mut coeff = div_half_up(&coeff, &BigInt::from(pow10(drop)));
        let mut exp = exp + drop as i64;
        if digits(coeff.magnitude()) > precision {
            coeff /= 10;
            exp += 1;
        }
        Decimal::new(coeff, exp)
    }

    /// The coefficients of both at the smaller exponent, and that exponent. A term too small to be seen in the
    /// rounded result is replaced by one just as invisible, so that no exponent makes a huge number.
    fn aligned(&self, other: &Decimal) -> (BigInt, BigInt, i64) {
        let (a, b) = (self.shrunk_beside(other), other.shrunk_beside(self));
        let exp = a.1.min(b.1);
        (scale(a.0, a.1 - exp), scale(b.0, b.1 - exp), exp)
    }

    fn shrunk_beside(&self, other: &Decimal) -> (BigInt, i64) {
        let low = i64::from(other.exp).min(other.adjusted() - PRECISION as i64) - 3;
        if self.coeff.is_zero() {
            // Zero counts for its exponent only: beyond the precision it says nothing.
            return (BigInt::zero(), i64::from(self.exp).max(low));
        }
        if self.adjusted() >= low || other.coeff.is_zero() {
            return (self.coeff.clone(), i64::from(self.exp));
        }
        (self.coeff.signum(), low)
    }

    /// The sum, rounded to the precision.
    pub fn add(&self, other: &Decimal) -> Result<Decimal, NumberError> {
        let (a, b, exp) = self.aligned(other);
        Decimal::rounded(a + b, exp, PRECISION)
    }

    /// The difference, rounded to the precision.
    pub fn sub(&self, other: &Decimal) -> Result<Decimal, NumberError> {
        let (a, b, exp) = self.aligned(other);
        Decimal::rounded(a - b, exp, PRECISION)
    }

    /// The product, rounded to the precision.
    pub fn mul(&self, other: &Decimal) -> Result<Decimal, NumberError> {
        let exp = i64::from(self.exp) + i64::from(other.exp);
        Decimal::rounded(&self.coeff * &other.coeff, exp, PRECISION)
    }

    /// The quotient, rounded to the precision, without trailing zeros but with a digit after the point where there is room for it.
    pub fn quo(&self, other: &Decimal) -> Result<Decimal, NumberError> {
        if other.coeff.is_zero() {
            return Err(NumberError::DivisionByZero);
        }
        let ideal = i64::from(self.exp) - i64::from(other.exp);
        if self.coeff.is_zero() {
            return Decimal::new(BigInt::zero(), if ideal < 0 { -1 } else { 0 });
        }
        // Enough digits for the precision and a guard; what is left over only decides the rounding.
        let have = digits(self.coeff.magnitude()) as i64 - digits(other.coeff.magnitude()) as i64;
        let shift = (PRECISION as i64 + 3 - have).max(0);
        let (mut q, r) = scale(self.coeff.clone(), shift).div_rem(&other.coeff);
        let mut exp = ideal - shift;
        if !r.is_zero() {
            // A sticky digit: never a tie that is none.
            let sign = if (self.coeff.sign() == Sign::Minus) == (other.coeff.sign() == Sign::Minus) {
                1
            } else {
                -1
            };
            q = q * 10 + sign;
            exp -= 1;
        }
        Decimal::rounded(q, exp, PRECISION)?.reduced_keeping_point()
    }

    /// Without trailing zeros.
    pub(crate) fn reduced(&self) -> Decimal {
        if self.coeff.is_zero() {
            return Decimal { coeff: BigInt::zero(), exp: 0 };
        }
        let (mut coeff, mut exp) = (self.coeff.clone(), self.exp);
        // Large steps first, so that a long run of zeros is not divided away one by one.
        let room = digits(coeff.magnitude());
        for step in [1024u32, 128, 16, 1] {
            if u64::from(step) >= room {
                continue;
            }
            let divisor = BigInt::from(pow10(u64::from(step)));
            while coeff.magnitude() >= divisor.magnitude() {
                let (q, r) = coeff.div_rem(&divisor);
                if !r.is_zero() {
                    break;
                }
                coeff = q;
                exp += step as i32;
            }
        }
        Decimal { coeff, exp }
    }

    /// Without trailing zeros, except one that shows that it is no integer.
    pub(crate) fn reduced_keeping_point(&self) -> Result<Decimal, NumberError> {
        let d = self.reduced();
        if d.exp >= 0 && d.adjusted() < PRECISION as i64 - 1 {
            return Decimal::new(d.coeff * 10, i64::from(d.exp) - 1);
        }
        Ok(d)
    }

    /// Compares the values, exactly.
    pub fn cmp_value(&self, other: &Decimal) -> Ordering {
        let sign = |d: &Decimal| match d.coeff.sign() {
            Sign::Minus => -1,
            Sign::NoSign => 0,
            Sign::Plus => 1,
        };
        let (a, b) = (sign(self), sign(other));
        if a != b || a == 0 {
            return a.cmp(&b);
        }
        let magnitude = self.adjusted().cmp(&other.adjusted()).then_with(|| {
            let exp = i64::from(self.exp.min(other.exp));
            let a = self.coeff.magnitude() * pow10((i64::from(self.exp) - exp) as u64);
            let b = other.coeff.magnitude() * pow10((i64::from(other.exp) - exp) as u64);
            a.cmp(&b)
        });
        if a < 0 { magnitude.reverse() } else { magnitude }
    }

    /// The integer, if it is one and not beyond the limit of digits.
    pub fn to_integer(&self) -> Option<BigInt> {
        if self.exp >= 0 {
            return (self.adjusted() < MAX_DIGITS as i64)
                .then(|| scale(self.coeff.clone(), i64::from(self.exp)));
        }
        let d = self.reduced();
        (d.exp >= 0).then(|| scale(d.coeff, i64::from(d.exp)))
    }

    /// The text: plain digits where they are few, else scientific notation with `e` for the exponent.
    pub(crate) fn text(&self, e: char) -> String {
        let digits = self.coeff.magnitude().to_string();
        let mut out = String::with_capacity(digits.len() + 8);
        if self.coeff.is_negative() {
            out.push('-');
        }
        let adjusted = i64::from(self.exp) + digits.len() as i64 - 1;
        let small_zero = self.coeff.is_zero() && (-2000..0).contains(&self.exp);
        if self.exp <= 0 && (adjusted >= -6 || small_zero) {
            let point = digits.len() as i64 + i64::from(self.exp);
            if self.exp == 0 {
                out.push_str(&digits);
            } else if point > 0 {
                out.push_str(&digits[..point as usize]);
                out.push('.');
                out.push_str(&digits[point as usize..]);
            } else {
                out.push_str("0.");
                out.extend(std::iter::repeat_n('0', (-point) as usize));
                out.push_str(&digits);
            }
            return out;
        }
        out.push_str(&digits[..1]);
        if digits.len() > 1 {
            out.push('.');
            out.push_str(&digits[1..]);
        }
        out.push(e);
        out.push_str(&format!("{adjusted:+}"));
        out
    }
}

fn scale(n: BigInt, by: i64) -> BigInt {
    if by <= 0 || n.is_zero() { n } else { n * BigInt::from(pow10(by as u64)) }
}

/// Division by a positive number, halves away from zero.
pub(crate) fn div_half_up(n: &BigInt, by: &BigInt) -> BigInt {
    let (q, r) = n.div_rem(by);
    if r.magnitude() * 2u32 >= *by.magnitude() {
        if n.is_negative() { q - BigInt::one() } else { q + BigInt::one() }
    } else {
        q
    }
}
