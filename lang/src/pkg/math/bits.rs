//! `math/bits`: operations on the bits of integers of any size, negative ones in two's complement.

use crate::data::Data;
use crate::pkg::args::{Res, big, functions, int, number};
use crate::pkg::{CallError, Package};
use num_bigint::{BigInt, Sign};

/// The highest bit that may be set.
const MAX_BITS: i64 = 300_000;

fn index(a: &[Data], i: usize) -> Result<u64, CallError> {
    u64::try_from(big(a, i)?).map_err(|_| {
        let shown = number(a, i).map(ToString::to_string).unwrap_or_default();
        CallError(format!("cannot use {shown} (type int) as uint64 in argument {}", i + 1))
    })
}

fn at(a: &[Data]) -> Res {
    let i = index(a, 1)?;
    if i > u64::from(u32::MAX) {
        return Err(format!("bit index {i} is beyond the limit of {}", u32::MAX).into());
    }
    Ok(i64::from(big(a, 0)?.bit(i)).into())
}

fn shift_left(x: BigInt, n: u64) -> Res {
    if x.sign() != Sign::NoSign && n > MAX_BITS as u64 {
        return Err(format!("cannot shift by {n}: the limit is {MAX_BITS} bits").into());
    }
    Ok((x << n).into())
}

fn set(x: BigInt, i: i64, bit: i64) -> Res {
    if i < 0 {
        return Err("negative bit index".into());
    }
    if !(0..=1).contains(&bit) {
        return Err("set bit is not 0 or 1".into());
    }
    if i > MAX_BITS {
        return Err(format!("bit index {i} is beyond the limit of {MAX_BITS}").into());
    }
    let mut x = x;
    x.set_bit(i as u64, bit == 1);
    Ok(x.into())
}

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "math/bits",
    functions: functions! {
        /// The bits that are set in both.
        And(a: INT, b: INT) -> INT = |a| Ok((big(a, 0)? & big(a, 1)?).into());
        /// The bit with index i, from the lowest on.
        At(x: INT, i: INT) -> INT = at;
        /// The bits of a that are not set in b.
        Clear(a: INT, b: INT) -> INT = |a| Ok((big(a, 0)? & !big(a, 1)?).into());
        /// The number of bits of the absolute value.
        Len(x: INT) -> INT = |a| Ok((big(a, 0)?.bits() as i64).into());
        /// x shifted left by n bits.
        Lsh(x: INT, n: INT) -> INT = |a| shift_left(big(a, 0)?, index(a, 1)?);
        /// How many bits of the absolute value are set.
        OnesCount(x: INT) -> INT = |a| Ok((big(a, 0)?.magnitude().count_ones() as i64).into());
        /// The bits that are set in either.
        Or(a: INT, b: INT) -> INT = |a| Ok((big(a, 0)? | big(a, 1)?).into());
        /// x shifted right by n bits.
        Rsh(x: INT, n: INT) -> INT = |a| Ok((big(a, 0)? >> index(a, 1)?).into());
        /// x with the bit with index i set to 0 or 1.
        Set(x: INT, i: INT, bit: INT) -> INT = |a| set(big(a, 0)?, int(a, 1)?, int(a, 2)?);
        /// The bits that are set in one of them only.
        Xor(a: INT, b: INT) -> INT = |a| Ok((big(a, 0)? ^ big(a, 1)?).into());
    },
    constants: &[],
    source: "",
};

#[cfg(test)]
mod tests {
    use crate::pkg::args::check;

    #[test]
    fn functions() {
        check(
            "math/bits",
            "
            And(-1, 255) => 255
            And(18446744073709555470, 61687) => 6
            At(256, 8) => 1
            At(256, 9) => 0
            At(-1, 3) => 1
            At(256, -1) => ! cannot use -1 (type int) as uint64 in argument 2
            Clear(-1, 3) => -4
            Clear(15, 18446744073709551624) => 7
            Len(-5) => 3
            Len(0) => 0
            Lsh(8, 4) => 128
            Lsh(1, 1000000000) => ! cannot shift by 1000000000: the limit is 300000 bits
            OnesCount(-3) => 2
            OnesCount(7) => 3
            Or(8, 1) => 9
            Rsh(256, 4) => 16
            Rsh(-5, 1) => -3
            Rsh(5, 18446744073709551615) => 0
            Set(256, 7, 1) => 384
            Set(256, 8, 0) => 0
            Set(0, 3, 2) => ! set bit is not 0 or 1
            Set(0, -3, 1) => ! negative bit index
            Xor(-1, 5) => -6
            ",
        );
    }
}
