//! Laws of arithmetic, forms of literals, and results recorded from the reference implementation (`recorded.txt`).

use super::*;
use num_bigint::BigInt;
use proptest::prelude::*;

fn n(text: &str) -> Number {
    match text.strip_prefix('-') {
        Some(rest) => Number::parse_literal(rest).unwrap().neg(),
        None => Number::parse_literal(text).unwrap(),
    }
}

#[test]
fn literals() {
    for (text, shown) in [
        ("0", "0"),
        ("1_000_000", "1000000"),
        ("0x1F", "31"),
        ("0X1f", "31"),
        ("0o17", "15"),
        ("0b101", "5"),
        ("0x_ff_ff", "65535"),
        ("1.5K", "1500"),
        ("1.3Ki", "1331"),
        (".5Ki", "512"),
        ("2Gi", "2147483648"),
        ("1P", "1000000000000000"),
        ("1.", "1.0"),
        (".5", "0.5"),
        ("1.e3", "1e+3"),
        ("1e3", "1e+3"),
        ("5E+3", "5e+3"),
        ("1.50e+05", "1.50e+5"),
        ("0.000", "0.000"),
        ("0e10", "0e+10"),
        ("0.0e-10", "0.00000000000"),
        ("1e-6", "0.000001"),
        ("1e-7", "1e-7"),
        ("100e-2", "1.00"),
        ("01.5", "1.5"),
        ("1_0.5_0e1_0", "1.050e+11"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("9223372036854775808", "9223372036854775808"),
    ] {
        assert_eq!(n(text).to_string(), shown, "{text}");
    }
    for (text, error) in [
        ("01", "illegal integer number"),
        ("00", "illegal integer number"),
        ("1__0", "illegal '_' in number"),
        ("1_", "illegal '_' in number"),
        ("1_.5", "illegal '_' in number"),
        ("0x1_", "illegal '_' in number"),
        ("0b", "illegal binary number"),
        ("0b12", "illegal binary number"),
        ("0o8", "illegal octal number"),
        ("1e", "illegal exponent in number"),
        ("1e+", "illegal exponent in number"),
        ("1e3K", "illegal floating-point number"),
        ("", "illegal integer number"),
        (".", "illegal floating-point number"),
        ("1i", "illegal integer number"),
        ("1e1000000000", "exponent out of range"),
        ("1e99999999999999999999999", "exponent out of range"),
        ("1e-100001", "exponent out of range"),
    ] {
        assert_eq!(Number::parse_literal(text).unwrap_err().to_string(), error, "{text}");
    }
}

#[test]
fn json_numbers() {
    for (text, shown) in
        [("0", "0"), ("-0", "0"), ("-12", "-12"), ("1.50", "1.50"), ("1e3", "1E+3"), ("-1E-2", "-0.01")]
    {
        assert_eq!(Number::parse_json(text).unwrap().to_json(), shown, "{text}");
    }
    for text in ["", "-", "+1", "01", "1.", ".5", "1e", "0x1", "1_0", "1K", "1e+", "--1", "1 "] {
        assert!(Number::parse_json(text).is_err(), "{text}");
    }
}

#[test]
fn recorded_results() {
    let text = include_str!("recorded.txt");
    assert!(text.lines().count() > 300);
    for line in text.lines() {
        let [a, op, b, _, result] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (a, b) = (n(a), n(b));
        let got = match op {
            "+" => a.add(&b),
            "-" => a.sub(&b),
            "*" => a.mul(&b),
            _ => a.quo(&b),
        };
        assert_eq!(got.unwrap().to_json(), result, "{line}");
    }
}

#[test]
fn quotients() {
    for (a, b, json, shown) in [
        ("4", "2", "2.0", "2.0"),
        ("100", "10", "10", "10.0"),
        ("1000", "1", "1.0E+3", "1.0e+3"),
        ("1e32", "1", "1.0E+32", "1.0e+32"),
        ("1e33", "1", "1E+33", "1e+33"),
        ("1.5e32", "1", "1.50E+32", "1.50e+32"),
        ("1", "3", "0.3333333333333333333333333333333333", "0.3333333333333333333333333333333333"),
        ("2", "3", "0.6666666666666666666666666666666667", "0.6666666666666666666666666666666667"),
        ("-7", "2", "-3.5", "-3.5"),
        ("0", "5", "0", "0.0"),
        ("0.00", "5", "0.0", "0.0"),
        ("2.50", "1", "2.5", "2.5"),
    ] {
        let q = n(a).quo(&n(b)).unwrap();
        assert_eq!((q.to_json().as_str(), q.to_string().as_str()), (json, shown), "{a}/{b}");
    }
    assert_eq!(n("1").quo(&n("0")), Err(NumberError::DivisionByZero));
    assert_eq!(n("1.0").quo(&n("0.0")), Err(NumberError::DivisionByZero));
}

#[test]
fn integer_division() {
    for (a, b, div, modulo, quo, rem) in [
        ("7", "2", 3, 1, 3, 1),
        ("-7", "2", -4, 1, -3, -1),
        ("7", "-2", -3, 1, -3, 1),
        ("-7", "-2", 4, 1, 3, -1),
    ] {
        let (a, b) = (n(a), n(b));
        assert_eq!(a.int_div(&b), Ok(Number::from(div)), "{a} div {b}");
        assert_eq!(a.int_mod(&b), Ok(Number::from(modulo)), "{a} mod {b}");
        assert_eq!(a.int_quo(&b), Ok(Number::from(quo)), "{a} quo {b}");
        assert_eq!(a.int_rem(&b), Ok(Number::from(rem)), "{a} rem {b}");
    }
    assert_eq!(n("1").int_div(&n("0")), Err(NumberError::DivisionByZero));
    assert_eq!(n("1").int_mod(&n("1.5")), Err(NumberError::NotInteger("1.5".into())));
}

#[test]
fn sizes_are_bounded() {
    let big = n("1e99999");
    assert_eq!(big.mul(&big), Err(NumberError::ExponentOutOfRange));
    assert_eq!(n("1e-99999").mul(&n("1e-2")), Err(NumberError::ExponentOutOfRange));
    assert_eq!(n("1e99999").mul(&n("10")).unwrap().to_json(), "1.0E+100000");
    let mut square = n("12345678901234567890");
    let stopped = (0..40).find_map(|_| match square.mul(&square) {
        Ok(n) => {
            square = n;
            None
        }
        Err(error) => Some(error),
    });
    assert_eq!(stopped, Some(NumberError::TooLarge));
    // Far apart, but the sum needs only what is seen of it.
    assert_eq!(n("1e100000").add(&n("1e-100000")).unwrap().to_json().len(), "1.E+100000".len() + 33);
    assert_eq!(n("1e100").sub(&n("1e-100")).unwrap().to_json(), "1.000000000000000000000000000000000E+100");
    assert!(Number::parse_literal(&"9".repeat(300_000)).is_err());
    assert_eq!(n("1e100000").to_bigint(), None);
}

#[test]
fn zeros_count_for_their_digits() {
    assert_eq!(n("1e5").add(&n("0.0")).unwrap().to_string(), "100000.0");
    assert_eq!(n("1.0").sub(&n("1")).unwrap().to_string(), "0.0");
    assert_eq!(n("1e3").sub(&n("1e3")).unwrap().to_string(), "0e+3");
    assert_eq!(n("1e3").add(&n("1")).unwrap().to_json(), "1001");
}

#[test]
fn order_and_equality() {
    use std::cmp::Ordering::*;
    for (a, b, order) in [
        ("1", "1.0", Equal),
        ("1", "1.5", Less),
        ("-1", "-1.5", Greater),
        ("1e100", "99999999999999999999", Greater),
        ("0", "0e50", Equal),
        ("9223372036854775807", "9223372036854775808", Less),
        ("-9223372036854775809", "0", Less),
        ("9007199254740993", "9007199254740993.000000000000000000000001", Less),
        (
            "1.2345678901234567890123456789012345678901234567",
            "1.2345678901234567890123456789012345678901234568",
            Less,
        ),
        ("1e99999", "1e-99999", Greater),
    ] {
        assert_eq!(n(a).cmp_value(&n(b)), order, "{a} {b}");
        assert_eq!(n(b).cmp_value(&n(a)), order.reverse(), "{b} {a}");
    }
    assert_ne!(n("1"), n("1.0"));
    assert_eq!(n("1.0"), n("1.00"));
    assert!(n("1") < n("1.0"));
}

#[test]
fn floats_of_the_machine() {
    for (f, text) in
        [(0.1, "0.1"), (1.0, "1"), (1e100, "1E+100"), (-2.5e-9, "-2.5E-9"), (123456.75, "123456.75")]
    {
        assert_eq!(Number::from_f64(f).unwrap().to_json(), text);
        assert_eq!(Number::from_f64(f).unwrap().to_f64(), f);
    }
    assert_eq!(Number::from_f64(f64::NAN), None);
    assert_eq!(Number::from_f64(f64::INFINITY), None);
    assert_eq!(n("1e400").to_f64(), f64::INFINITY);
    assert_eq!(n("1e10").to_bigint(), Some(BigInt::from(10_000_000_000u64)));
    assert_eq!(n("1.50").to_bigint(), None);
    assert_eq!(n("2.00").to_bigint(), Some(BigInt::from(2)));
}

fn hash(n: &Number) -> u64 {
    use std::hash::BuildHasher;
    rustc_hash::FxBuildHasher.hash_one(n)
}

proptest! {
    #[test]
    fn integers_are_exact(a in any::<i128>(), b in any::<i128>()) {
        let (x, y) = (Number::from(BigInt::from(a)), Number::from(BigInt::from(b)));
        let (a, b) = (BigInt::from(a), BigInt::from(b));
        prop_assert_eq!(x.add(&y).unwrap(), Number::from(&a + &b));
        prop_assert_eq!(x.sub(&y).unwrap(), Number::from(&a - &b));
        prop_assert_eq!(x.mul(&y).unwrap(), Number::from(&a * &b));
        prop_assert_eq!(x.cmp_value(&y), a.cmp(&b));
        prop_assert_eq!(x.to_string(), a.to_string());
        prop_assert_eq!(x.neg().neg(), x.clone());
        if b != BigInt::from(0) {
            let (q, r) = (x.int_div(&y).unwrap(), x.int_mod(&y).unwrap());
            prop_assert!(r.sign() >= 0 && r.cmp_value(&y.abs()).is_lt());
            prop_assert_eq!(q.mul(&y).unwrap().add(&r).unwrap(), x.clone());
            let (q, r) = (x.int_quo(&y).unwrap(), x.int_rem(&y).unwrap());
            prop_assert_eq!(q.mul(&y).unwrap().add(&r).unwrap(), x.clone());
        }
    }

    #[test]
    fn small_and_big_integers_agree(a in any::<i64>(), b in any::<i64>()) {
        let (x, y) = (Number::from(a), Number::from(b));
        prop_assert_eq!(x.add(&y).unwrap(), Number::from(BigInt::from(a) + b));
        prop_assert_eq!(x.sub(&y).unwrap(), Number::from(BigInt::from(a) - b));
        prop_assert_eq!(x.mul(&y).unwrap(), Number::from(BigInt::from(a) * b));
    }

    #[test]
    fn decimals_read_back(coeff in any::<i128>(), exp in -300i64..300) {
        let d = Number::from(Decimal::new(BigInt::from(coeff), exp).unwrap());
        let text = d.abs().to_string();
        prop_assert_eq!(Number::parse_literal(&text).unwrap(), d.abs());
        prop_assert_eq!(Number::parse_json(&d.to_json()).unwrap().cmp_value(&d), Ordering::Equal);
    }

    #[test]
    fn equal_values_hash_equally(coeff in any::<i32>(), exp in -20i64..20, zeros in 0u32..20) {
        let a = Number::from(Decimal::new(BigInt::from(coeff), exp).unwrap());
        let more = BigInt::from(coeff) * BigInt::from(10).pow(zeros);
        let b = Number::from(Decimal::new(more, exp - i64::from(zeros)).unwrap());
        prop_assert_eq!(&a, &b);
        prop_assert_eq!(hash(&a), hash(&b));
    }

    #[test]
    fn sums_with_few_digits_are_exact(a in any::<i32>(), b in any::<i32>(), x in 0i64..8, y in 0i64..8) {
        let d = |c: i32, e: i64| Number::from(Decimal::new(BigInt::from(c), -e).unwrap());
        let (p, q) = (d(a, x), d(b, y));
        let sum = p.add(&q).unwrap();
        prop_assert_eq!(sum.sub(&q).unwrap().cmp_value(&p), Ordering::Equal);
        prop_assert_eq!(sum, q.add(&p).unwrap());
        prop_assert_eq!(p.mul(&q).unwrap(), q.mul(&p).unwrap());
    }

    #[test]
    fn order_is_that_of_the_machine(a in any::<f64>(), b in any::<f64>()) {
        if let (Some(x), Some(y)) = (Number::from_f64(a), Number::from_f64(b)) {
            prop_assert_eq!(Some(x.cmp_value(&y)), a.partial_cmp(&b));
            prop_assert_eq!(x.to_f64(), a);
        }
    }

    #[test]
    fn no_text_panics(text in "[0-9_.eExXobKMi+-]{0,12}") {
        let _ = Number::parse_literal(&text);
        let _ = Number::parse_json(&text);
    }
}
