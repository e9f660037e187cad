//! `math` and `math/bits`: functions on numbers.
//!
//! Functions on decimals have results of 34 digits; a result without fraction is an `int`. The others work on the machine's
//! doubles and give a `float`.

pub(super) mod bits;

use super::args::{Res, big, float, functions, int, number};
use super::{CallError, Constant, Package};
use crate::data::Data;
use crate::number::Number;
use crate::number::decimal::{Decimal, PRECISION};
use dashu_float::{Context, DBig, round::mode::HalfAway};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, Zero};

/// The result of a function on decimals: an integer where it is one.
pub(super) fn decimal(n: Number) -> Data {
    match n.to_bigint() {
        Some(i) => i.into(),
        None => n.into(),
    }
}

fn double(f: f64) -> Res {
    Number::from_f64(f).map(|n| Data::Number(n.to_decimal().into())).ok_or_else(|| {
        if f.is_nan() { "the result is not a number".into() } else { "the result is infinite".into() }
    })
}

/// Rounds to an integer; `up` decides from the sign, and the fraction compared with one half.
fn rounded(n: &Number, up: fn(negative: bool, half: std::cmp::Ordering, odd: bool) -> bool) -> Res {
    let d = n.to_decimal();
    if d.exponent() >= 0 {
        return d.to_integer().map(Data::from).ok_or_else(|| "exponent out of range".into());
    }
    // Beyond its digits there is nothing but zeros: the divisor need not be longer.
    let digits = crate::number::decimal::digits(d.coefficient().magnitude()) + 2;
    let divisor =
        BigInt::from(crate::number::decimal::pow10(u64::from(d.exponent().unsigned_abs()).min(digits)));
    let (q, r) = d.coefficient().div_rem(&divisor);
    let negative = d.coefficient().is_negative();
    let half = (r.abs() * 2u32).cmp(&divisor);
    if !r.is_zero() && up(negative, half, q.is_odd()) {
        return Ok(if negative { q - BigInt::one() } else { q + BigInt::one() }.into());
    }
    Ok(q.into())
}

fn to_dashu(n: &Number) -> Result<DBig, CallError> {
    let text = n.to_json();
    text.parse::<DBig>().map_err(|_| CallError(format!("cannot use {text}")))
}

fn from_dashu(n: &DBig) -> Result<Number, CallError> {
    let repr = n.repr();
    let coeff: BigInt =
        repr.significand().to_string().parse().map_err(|_| CallError("invalid operation".into()))?;
    filled(coeff, repr.exponent() as i64)
}

/// A result with zeros up to the precision: it need not be exact, and says to how many digits it is right.
fn filled(coeff: BigInt, exp: i64) -> Result<Number, CallError> {
    let missing = PRECISION.saturating_sub(crate::number::decimal::digits(coeff.magnitude()));
    let coeff = coeff * BigInt::from(crate::number::decimal::pow10(missing));
    Ok(Decimal::new(coeff, exp - missing as i64).map_err(|e| CallError(e.to_string()))?.into())
}

/// Digits used inside, more than those of the result.
const GUARD: usize = 20;

type DContext = Context<HalfAway>;

/// A function of decimals, worked out with guard digits and rounded.
fn exact(
    a: &[&Number],
    f: impl Fn(&DContext, &[DBig]) -> Result<DBig, dashu_float::FpError>,
) -> Result<Number, CallError> {
    let args = a.iter().map(|n| to_dashu(n)).collect::<Result<Vec<_>, _>>()?;
    let context = DContext::new(PRECISION as usize + GUARD);
    let result = f(&context, &args).map_err(|_| CallError("invalid operation".into()))?;
    from_dashu(&result.with_precision(PRECISION as usize).value())
}

fn positive(n: &Number) -> Result<(), CallError> {
    match n.sign() {
        1 => Ok(()),
        0 => Err("the result is infinite".into()),
        _ => Err("invalid operation".into()),
    }
}

fn ln(n: &Number) -> Result<Number, CallError> {
    positive(n)?;
    exact(&[n], |c, a| Ok(c.ln(a[0].repr(), None)?.value()))
}

/// The logarithm to base 10, exact for its powers.
fn log10(n: &Number) -> Result<Number, CallError> {
    positive(n)?;
    exact(&[n, &Number::from(10)], |c, a| {
        let (x, b) = (c.ln(a[0].repr(), None)?.value(), c.ln(a[1].repr(), None)?.value());
        Ok(c.div(x.repr(), b.repr())?.value())
    })
}

/// The logarithm to base 2: the quotient of two rounded logarithms, as the reference has it.
fn log2(n: &Number) -> Result<Number, CallError> {
    ln(n)?.quo(&ln(&Number::from(2))?).map_err(|e| CallError(e.to_string()))
}

fn exp(n: &Number) -> Result<Number, CallError> {
    let size = n.to_f64();
    if size.abs() > 230_000.0 {
        return Err(if size > 0.0 { "overflow" } else { "underflow, subnormal" }.into());
    }
    exact(&[n], |c, a| Ok(c.exp(a[0].repr(), None)?.value()))
}

fn pow(x: &Number, y: &Number) -> Result<Number, CallError> {
    if x.is_zero() {
        return match y.sign() {
            0 => Err("invalid operation".into()),
            1 => Ok(0.into()),
            _ => Err("the result is infinite".into()),
        };
    }
    let whole = y.to_bigint();
    // The size of the result, before any work is done for it.
    let size = x.abs().to_decimal();
    let log10 = size.exponent() as f64
        + (size
            .coefficient()
            .to_string()
            .trim_start_matches('-')
            .get(..15.min(size.coefficient().to_string().len())))
        .and_then(|t| t.parse::<f64>().ok())
        .map_or(0.0, |f| f.log10());
    if !(log10 * y.to_f64()).is_finite() || (log10 * y.to_f64()).abs() > 110_000.0 {
        return Err("exponent out of range".into());
    }
    if let Some(n) = whole {
        return whole_power(x, &n);
    }
    if x.sign() < 0 {
        return Err("invalid operation".into());
    }
    exact(&[x, y], |c, a| {
        let log = c.ln(a[0].repr(), None)?.value();
        let product = c.mul(a[1].repr(), log.repr())?.value();
        Ok(c.exp(product.repr(), None)?.value())
    })
}

/// By squaring, with guard digits; the result of a negative power is filled to the precision, as the reference does.
fn whole_power(x: &Number, n: &BigInt) -> Result<Number, CallError> {
    let fail = |e: crate::number::NumberError| CallError(e.to_string());
    let digits = PRECISION + GUARD as u64;
    let mul = |a: &Decimal, b: &Decimal| {
        let exp = i64::from(a.exponent()) + i64::from(b.exponent());
        Decimal::rounded(a.coefficient() * b.coefficient(), exp, digits)
    };
    let mut result = Number::from(1).to_decimal();
    let mut base = x.to_decimal();
    let power = n.magnitude();
    for bit in 0..power.bits() {
        if power.bit(bit) {
            result = mul(&result, &base).map_err(fail)?;
        }
        if bit + 1 < power.bits() {
            base = mul(&base, &base).map_err(fail)?;
        }
    }
    if n.is_negative() {
        let quotient = Number::from(1).quo(&Number::from(result)).map_err(fail)?.to_decimal();
        return filled(quotient.coefficient().clone(), i64::from(quotient.exponent()));
    }
    let rounded = Decimal::rounded(result.coefficient().clone(), i64::from(result.exponent()), PRECISION)
        .map_err(fail)?;
    Ok(rounded.into())
}

fn cbrt(n: &Number) -> Result<Number, CallError> {
    if n.is_zero() {
        return Ok(0.into());
    }
    let third = |c: &DContext, a: &[DBig]| {
        let log = c.ln(a[0].repr(), None)?.value();
        let part = c.div(log.repr(), DBig::from(3u8).repr())?.value();
        Ok(c.exp(part.repr(), None)?.value())
    };
    let root = exact(&[&n.abs()], third)?;
    Ok(if n.sign() < 0 { root.neg() } else { root })
}

fn multiple_of(x: &Number, y: &Number) -> Res {
    if y.is_zero() {
        return Err("division by zero".into());
    }
    let q = x.quo(y).map_err(|e| CallError(e.to_string()))?;
    Ok(q.to_bigint().is_some().into())
}

fn dim(x: &Number, y: &Number) -> Res {
    let d = x.sub(y).map_err(|e| CallError(e.to_string()))?;
    Ok(if d.sign() < 0 { 0i64.into() } else { decimal(d) })
}

fn jacobi(x: &BigInt, y: &BigInt) -> Res {
    if y.is_even() {
        return Err(format!("need an odd second argument, not {y}").into());
    }
    let (mut a, mut b, mut sign) = (x.clone(), y.clone(), 1i64);
    if b.is_negative() {
        if a.is_negative() {
            sign = -1;
        }
        b = -b;
    }
    a = a.mod_floor(&b);
    while !a.is_zero() {
        while a.is_even() {
            a >>= 1;
            let r = (&b % 8u32).to_string();
            if r == "3" || r == "5" {
                sign = -sign;
            }
        }
        std::mem::swap(&mut a, &mut b);
        if (&a % 4u32).to_string() == "3" && (&b % 4u32).to_string() == "3" {
            sign = -sign;
        }
        a = a.mod_floor(&b);
    }
    Ok(if b.is_one() { sign } else { 0 }.into())
}

/// The length of the hypotenuse, rounded where the reference rounds.
fn hypot(p: f64, q: f64) -> f64 {
    let (p, q) = (p.abs(), q.abs());
    let (long, short) = if p < q { (q, p) } else { (p, q) };
    if long == 0.0 {
        return 0.0;
    }
    let ratio = short / long;
    long * (1.0 + ratio * ratio).sqrt()
}

fn remainder(x: f64, y: f64) -> f64 {
    libm::remainder(x, y)
}

/// The inverse of the error function: an estimate made exact by Newton's steps.
fn erf_inv(x: f64) -> f64 {
    if !(-1.0..=1.0).contains(&x) {
        return f64::NAN;
    }
    if x.abs() == 1.0 {
        return f64::INFINITY.copysign(x);
    }
    let l = libm::log1p(-x * x);
    let b = 2.0 / (std::f64::consts::PI * 0.147) + l / 2.0;
    let mut y = ((b * b - l / 0.147).sqrt() - b).sqrt().copysign(x);
    for _ in 0..6 {
        let error = if x.abs() < 0.9 {
            libm::erf(y) - x
        } else {
            x.signum() * ((1.0 - x.abs()) - libm::erfc(y.abs()))
        };
        let slope = 2.0 / std::f64::consts::PI.sqrt() * (-y * y).exp();
        if slope == 0.0 {
            break;
        }
        y -= error / (slope - y * error);
    }
    y
}

fn order(n: i64) -> i32 {
    n.clamp(-100_000, 100_000) as i32
}

fn exponent_of(x: f64) -> Result<i32, CallError> {
    if x == 0.0 { Err("the result is infinite".into()) } else { Ok(libm::ilogb(x)) }
}

macro_rules! digits {
    ($($name:literal: $text:literal),* $(,)?) => {
        &[$(($name, || Number::parse_literal($text).map_or(Data::Null, Data::Number))),*]
    };
}

const CONSTANTS: &[Constant] = digits! {
    "E": "2.71828182845904523536028747135266249775724709369995957496696763",
    "Pi": "3.14159265358979323846264338327950288419716939937510582097494459",
    "Phi": "1.61803398874989484820458683436563811772030917980576286213544861",
    "Sqrt2": "1.41421356237309504880168872420969807856967187537694807317667974",
    "SqrtE": "1.64872127070012814684865078781416357165377610071014801157507931",
    "SqrtPi": "1.77245385090551602729816748334114518279754945612238712821380779",
    "SqrtPhi": "1.27201964951406896425242246173749149171560804184009624861664038",
    "Ln2": "0.693147180559945309417232121458176568075500134360255254120680009",
    "Log2E": "1.442695040888963407359924681001892137426645954152985934135449408",
    "Ln10": "2.3025850929940456840179914546843642076011014886287729760333278",
    "Log10E": "0.43429448190325182765112891891660508229439700580366656611445378",
    "MaxExp": "2147483647",
    "MaxPrec": "4294967295",
    "ToNearestEven": "0",
    "ToNearestAway": "1",
    "ToZero": "2",
    "AwayFromZero": "3",
    "ToNegativeInf": "4",
    "ToPositiveInf": "5",
    "Exact": "0",
    "Above": "1",
    "MaxBase": "62",
};

/// The negative ones beside the literals.
static ALL_CONSTANTS: &[Constant] = &concat_constants();

const fn concat_constants() -> [Constant; CONSTANTS.len() + 2] {
    let mut all = [CONSTANTS[0]; CONSTANTS.len() + 2];
    let mut i = 0;
    while i < CONSTANTS.len() {
        all[i] = CONSTANTS[i];
        i += 1;
    }
    all[i] = ("MinExp", || Data::int(-2_147_483_648i64));
    all[i + 1] = ("Below", || Data::int(-1i64));
    all
}

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "math",
    functions: functions! {
        /// The absolute value.
        Abs(x: NUMBER) -> NUMBER = |a| Ok(decimal(number(a, 0)?.abs()));
        /// The arc cosine, in radians.
        Acos(x: NUMBER) -> NUMBER = |a| double(libm::acos(float(a, 0)?));
        /// The inverse hyperbolic cosine.
        Acosh(x: NUMBER) -> NUMBER = |a| double(libm::acosh(float(a, 0)?));
        /// The arc sine, in radians.
        Asin(x: NUMBER) -> NUMBER = |a| double(libm::asin(float(a, 0)?));
        /// The inverse hyperbolic sine.
        Asinh(x: NUMBER) -> NUMBER = |a| double(libm::asinh(float(a, 0)?));
        /// The arc tangent, in radians.
        Atan(x: NUMBER) -> NUMBER = |a| double(libm::atan(float(a, 0)?));
        /// The angle of the point (x, y), in radians.
        Atan2(y: NUMBER, x: NUMBER) -> NUMBER = |a| double(libm::atan2(float(a, 0)?, float(a, 1)?));
        /// The inverse hyperbolic tangent.
        Atanh(x: NUMBER) -> NUMBER = |a| double(libm::atanh(float(a, 0)?));
        /// The cube root, with 34 digits.
        Cbrt(x: NUMBER) -> NUMBER = |a| Ok(decimal(cbrt(number(a, 0)?)?));
        /// The least integer not below x.
        Ceil(x: NUMBER) -> INT = |a| rounded(number(a, 0)?, |negative, _, _| !negative);
        /// The magnitude of x with the sign of y.
        Copysign(x: NUMBER, y: NUMBER) -> NUMBER = |a| {
            let magnitude = number(a, 0)?.abs();
            Ok(decimal(if number(a, 1)?.sign() < 0 { magnitude.neg() } else { magnitude }))
        };
        /// The cosine of an angle in radians.
        Cos(x: NUMBER) -> NUMBER = |a| double(libm::cos(float(a, 0)?));
        /// The hyperbolic cosine.
        Cosh(x: NUMBER) -> NUMBER = |a| double(libm::cosh(float(a, 0)?));
        /// The greater of x-y and 0.
        Dim(x: NUMBER, y: NUMBER) -> NUMBER = |a| dim(number(a, 0)?, number(a, 1)?);
        /// The error function.
        Erf(x: NUMBER) -> NUMBER = |a| double(libm::erf(float(a, 0)?));
        /// The complementary error function.
        Erfc(x: NUMBER) -> NUMBER = |a| double(libm::erfc(float(a, 0)?));
        /// The inverse of `Erfc`.
        Erfcinv(x: NUMBER) -> NUMBER = |a| double(erf_inv(1.0 - float(a, 0)?));
        /// The inverse of `Erf`.
        Erfinv(x: NUMBER) -> NUMBER = |a| double(erf_inv(float(a, 0)?));
        /// e to the power of x, with 34 digits.
        Exp(x: NUMBER) -> NUMBER = |a| Ok(decimal(exp(number(a, 0)?)?));
        /// 2 to the power of x, with 34 digits.
        Exp2(x: NUMBER) -> NUMBER = |a| Ok(decimal(pow(&Number::from(2), number(a, 0)?)?));
        /// e to the power of x less 1, exact for small x.
        Expm1(x: NUMBER) -> NUMBER = |a| double(libm::expm1(float(a, 0)?));
        /// The greatest integer not above x.
        Floor(x: NUMBER) -> INT = |a| rounded(number(a, 0)?, |negative, _, _| negative);
        /// The gamma function.
        Gamma(x: NUMBER) -> NUMBER = |a| double(libm::tgamma(float(a, 0)?));
        /// The length of the hypotenuse.
        Hypot(p: NUMBER, q: NUMBER) -> NUMBER = |a| double(hypot(float(a, 0)?, float(a, 1)?));
        /// The binary exponent of x as an integer; the least one of 32 bits for 0.
        Ilogb(x: NUMBER) -> INT = |a| {
            let x = float(a, 0)?;
            Ok(i64::from(if x == 0.0 { i32::MIN } else { libm::ilogb(x) }).into())
        };
        /// The Bessel function of the first kind, order 0.
        J0(x: NUMBER) -> NUMBER = |a| double(libm::j0(float(a, 0)?));
        /// The Bessel function of the first kind, order 1.
        J1(x: NUMBER) -> NUMBER = |a| double(libm::j1(float(a, 0)?));
        /// The Jacobi symbol of x and y; y must be odd.
        Jacobi(x: INT, y: INT) -> INT = |a| jacobi(&big(a, 0)?, &big(a, 1)?);
        /// The Bessel function of the first kind, order n.
        Jn(n: INT, x: NUMBER) -> NUMBER = |a| double(libm::jn(order(int(a, 0)?), float(a, 1)?));
        /// `frac` times 2 to the power of `exp`.
        Ldexp(frac: NUMBER, exp: INT) -> NUMBER = |a| double(libm::ldexp(float(a, 0)?, order(int(a, 1)?)));
        /// The natural logarithm, with 34 digits.
        Log(x: NUMBER) -> NUMBER = |a| Ok(decimal(ln(number(a, 0)?)?));
        /// The decimal logarithm, with 34 digits.
        Log10(x: NUMBER) -> NUMBER = |a| Ok(decimal(log10(number(a, 0)?)?));
        /// The natural logarithm of 1 and x, exact for small x.
        Log1p(x: NUMBER) -> NUMBER = |a| double(libm::log1p(float(a, 0)?));
        /// The binary logarithm, with 34 digits.
        Log2(x: NUMBER) -> NUMBER = |a| Ok(decimal(log2(number(a, 0)?)?));
        /// The binary exponent of x.
        Logb(x: NUMBER) -> NUMBER = |a| double(f64::from(exponent_of(float(a, 0)?)?));
        /// The remainder of x/y, with the sign of x.
        Mod(x: NUMBER, y: NUMBER) -> NUMBER = |a| double(libm::fmod(float(a, 0)?, float(a, 1)?));
        /// Whether x is a multiple of y.
        MultipleOf(x: NUMBER, y: NUMBER) -> BOOL = |a| multiple_of(number(a, 0)?, number(a, 1)?);
        /// x to the power of y, with 34 digits.
        Pow(x: NUMBER, y: NUMBER) -> NUMBER = |a| Ok(decimal(pow(number(a, 0)?, number(a, 1)?)?));
        /// 10 to the power of n.
        Pow10(n: INT) -> NUMBER = |a| {
            let d = Decimal::new(BigInt::one(), int(a, 0)?.clamp(-(1 << 40), 1 << 40));
            Ok(decimal(d.map_err(|e| CallError(e.to_string()))?.into()))
        };
        /// The remainder of x/y as IEEE 754 has it.
        Remainder(x: NUMBER, y: NUMBER) -> NUMBER = |a| double(remainder(float(a, 0)?, float(a, 1)?));
        /// The nearest integer, halves away from zero.
        Round(x: NUMBER) -> INT = |a| rounded(number(a, 0)?, |_, half, _| half.is_ge());
        /// The nearest integer, halves to the even one.
        RoundToEven(x: NUMBER) -> INT = |a| rounded(number(a, 0)?, |_, half, odd| half.is_gt() || (half.is_eq() && odd));
        /// Whether x is negative.
        Signbit(x: NUMBER) -> BOOL = |a| Ok((number(a, 0)?.sign() < 0).into());
        /// The sine of an angle in radians.
        Sin(x: NUMBER) -> NUMBER = |a| double(libm::sin(float(a, 0)?));
        /// The hyperbolic sine.
        Sinh(x: NUMBER) -> NUMBER = |a| double(libm::sinh(float(a, 0)?));
        /// The square root.
        Sqrt(x: NUMBER) -> NUMBER = |a| double(libm::sqrt(float(a, 0)?));
        /// The tangent of an angle in radians.
        Tan(x: NUMBER) -> NUMBER = |a| double(libm::tan(float(a, 0)?));
        /// The hyperbolic tangent.
        Tanh(x: NUMBER) -> NUMBER = |a| double(libm::tanh(float(a, 0)?));
        /// The integer without the fraction of x.
        Trunc(x: NUMBER) -> INT = |a| rounded(number(a, 0)?, |_, _, _| false);
        /// The Bessel function of the second kind, order 0.
        Y0(x: NUMBER) -> NUMBER = |a| double(libm::y0(float(a, 0)?));
        /// The Bessel function of the second kind, order 1.
        Y1(x: NUMBER) -> NUMBER = |a| double(libm::y1(float(a, 0)?));
        /// The Bessel function of the second kind, order n.
        Yn(n: INT, x: NUMBER) -> NUMBER = |a| double(libm::yn(order(int(a, 0)?), float(a, 1)?));
    },
    constants: ALL_CONSTANTS,
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::args::check;

    #[test]
    fn decimals() {
        check(
            "math",
            "
            Abs(-1.5) => 1.5
            Abs(-3.0) => 3
            Cbrt(2) => 1.259921049894873164767210607278228
            Cbrt(27) => 3
            Cbrt(-8) => -2
            Ceil(2.5) => 3
            Ceil(-2.2) => -2
            Floor(-2.2) => -3
            Floor(1e30) => 1000000000000000000000000000000
            Floor(1e-50000) => 0
            Ceil(1e-50000) => 1
            Round(2.5) => 3
            Round(-2.5) => -3
            Round(0.4999) => 0
            RoundToEven(2.5) => 2
            RoundToEven(3.5) => 4
            RoundToEven(-2.5) => -2
            Trunc(-2.9) => -2
            Copysign(3.2, -1) => -3.2
            Dim(3, 5) => 0
            Dim(5.5, 3) => 2.5
            Exp(0) => 1
            Exp(1) => 2.718281828459045235360287471352662
            Exp(3) => 20.08553692318766774092852965458172
            Exp(1000000) => ! overflow
            Exp2(0.5) => 1.414213562373095048801688724209698
            Exp2(3) => 8
            Exp2(-1.5) => 0.3535533905932737622004221810524245
            Log(1) => 0
            Log(3) => 1.098612288668109691395245236922526
            Log(32.45) => 3.479700443150099001242770375542286
            Log(2.718281828459045) => 0.9999999999999999134157889710887612
            Log(0) => ! the result is infinite
            Log(-1) => ! invalid operation
            Log10(1000) => 3
            Log2(8) => 3
            Log2(10) => 3.32192809488736234787031942948939
            Log2(3.7) => 1.887525270741587433987484748123785
            Pow(2, 10) => 1024
            Pow(2, 0.5) => 1.414213562373095048801688724209698
            Pow(2, -1) => 0.5000000000000000000000000000000000
            Pow(1.1, -3) => 0.7513148009015777610818933132982720
            Pow(1.10, 2) => 1.2100
            Pow(4, 0.5) => 2
            Exp(0.01) => 1.010050167084168057542165456902860
            Log10(0.5453770038258688) => -0.2633031783160677156807213553883140
            Log10(0.01) => -2
            Cbrt(0.001) => 0.1000000000000000000000000000000000
            Log2(0.5) => -1
            Log2(9.35e-12) => -36.63817077364807385786072352582588
            Log2(0.6904475919385) => -0.5343961832568689958518868711989608
            Pow(-2, 3) => -8
            Pow(-2, 0.5) => ! invalid operation
            Pow(0, 0) => ! invalid operation
            Pow(0, -1) => ! the result is infinite
            Pow(2, 1000000000) => ! exponent out of range
            Pow(1.0000001, 100000000000000000000) => ! exponent out of range
            Pow10(3) => 1000
            Pow10(-3) => 0.001
            Pow10(100000000) => ! exponent out of range
            MultipleOf(5, 2.5) => true
            MultipleOf(5, 2) => false
            MultipleOf(100, 1.00001) => false
            MultipleOf(100e100, 10) => true
            MultipleOf(5, 0) => ! division by zero
            Signbit(-1) => true
            Jacobi(2, 3) => -1
            Jacobi(1001, 9907) => -1
            Jacobi(2, 4) => ! need an odd second argument, not 4
            ",
        );
    }

    #[test]
    fn doubles() {
        check(
            "math",
            "
            Acos(1) => 0
            Sin(1) => 0.8414709848078965
            Sqrt(2) => 1.4142135623730951
            Sqrt(-1) => ! the result is not a number
            Expm1(1) => 1.718281828459045
            Gamma(0.5) => 1.7724538509055159
            Erf(0.5) => 0.5204998778130465
            Erfc(0.5) => 0.4795001221869535
            Erfinv(0.5) => 0.4769362762044699
            Erfinv(2) => ! the result is not a number
            Hypot(3, 4) => 5
            Hypot(2, -3) => 3.6055512754639896
            Hypot(0, 0) => 0
            Ilogb(10) => 3
            Ilogb(0) => -2147483648
            Logb(0) => ! the result is infinite
            J0(1) => 0.7651976865579666
            Jn(2, 1) => 0.11490348493190049
            Y0(1) => 0.08825696421567697
            Ldexp(0.5, 3) => 4
            Log1p(1) => 0.6931471805599453
            Mod(-7.5, 3) => -1.5
            Mod(7, 0) => ! the result is not a number
            Remainder(8, 3) => -1
            Tanh(1) => 0.7615941559557649
            Atan2(1, 2) => 0.4636476090008061
            Acosh(2) => 1.3169578969248166
            ",
        );
    }

    #[test]
    fn constants() {
        use crate::data::Data;
        for (name, value) in super::PACKAGE.constants {
            assert!(matches!(value(), Data::Number(_)), "{name}");
        }
        assert_eq!(super::PACKAGE.constants.len(), 24);
    }
}
