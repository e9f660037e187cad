//! `list`: functions on lists. Those that take comparers or schemas are carried out by the evaluator.

use super::args::{MAX_ITEMS, Res, check_items, functions, int, list, number, numbers, texts};
use super::math::decimal;
use super::strings::repeat_count;
use super::{CallError, Package};
use crate::data::Data;
use crate::number::{Number, NumberError};

fn fail(error: NumberError) -> CallError {
    CallError(error.to_string())
}

fn sum(items: &[&Number]) -> Result<Number, CallError> {
    items.iter().try_fold(Number::from(0), |sum, n| sum.add(n)).map_err(fail)
}

fn non_empty(items: Vec<&Number>) -> Result<Vec<&Number>, CallError> {
    if items.is_empty() { Err("empty list".into()) } else { Ok(items) }
}

/// Whether values are equal; fields of structs may stand in any order.
fn equal(a: &Data, b: &Data) -> bool {
    match (a, b) {
        (Data::List(a), Data::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Data::Struct(x), Data::Struct(_)) => {
            let Data::Struct(y) = b else { return false };
            x.len() == y.len() && x.iter().all(|(l, v)| b.get(l).is_some_and(|w| equal(v, w)))
        }
        _ => a == b,
    }
}

/// A key that is equal for equal values, to find repeated ones without comparing each with each.
fn key(data: &Data, out: &mut Vec<u8>) {
    use std::hash::{Hash, Hasher};
    match data {
        Data::Number(n) => {
            let mut hasher = rustc_hash::FxHasher::default();
            n.hash(&mut hasher);
            out.push(b'n');
            out.extend_from_slice(&hasher.finish().to_le_bytes());
        }
        Data::List(items) => {
            out.push(b'[');
            items.iter().for_each(|i| key(i, out));
            out.push(b']');
        }
        Data::Struct(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            out.push(b'{');
            for (label, value) in sorted {
                out.extend_from_slice(&(label.len() as u64).to_le_bytes());
                out.extend_from_slice(label.as_bytes());
                key(value, out);
            }
            out.push(b'}');
        }
        Data::String(s) => {
            out.push(b's');
            out.extend_from_slice(&(s.len() as u64).to_le_bytes());
            out.extend_from_slice(s.as_bytes());
        }
        Data::Bytes(b) => {
            out.push(b'b');
            out.extend_from_slice(&(b.len() as u64).to_le_bytes());
            out.extend_from_slice(b);
        }
        Data::Bool(b) => out.extend_from_slice(&[b'B', u8::from(*b)]),
        Data::Null => out.push(b'0'),
    }
}

/// Whether no two items are equal.
pub(crate) fn unique(items: &[Data]) -> Res {
    let mut seen: rustc_hash::FxHashMap<Vec<u8>, Vec<usize>> = rustc_hash::FxHashMap::default();
    for (i, item) in items.iter().enumerate() {
        let mut k = Vec::new();
        key(item, &mut k);
        let same = seen.entry(k).or_default();
        if same.iter().any(|&j| equal(&items[j], item)) {
            return Ok(false.into());
        }
        same.push(i);
    }
    Ok(true.into())
}

fn flatten(items: &[Data], depth: i64, out: &mut Vec<Data>) -> Result<(), CallError> {
    for item in items {
        match item {
            Data::List(inner) if depth != 0 => flatten(inner, depth - 1, out)?,
            other => out.push(other.clone()),
        }
        check_items(out.len())?;
    }
    Ok(())
}

fn range(start: &Number, limit: &Number, step: &Number) -> Res {
    let toward = step.sign();
    if toward == 0 {
        return Err("step must be non zero".into());
    }
    let before =
        |a: &Number, b: &Number| if toward > 0 { a.cmp_value(b).is_lt() } else { a.cmp_value(b).is_gt() };
    if before(limit, start) {
        return Err(match toward {
            1 => "end must be greater than start when step is positive".into(),
            _ => "end must be less than start when step is negative".into(),
        });
    }
    let mut items = Vec::new();
    let mut at = start.clone();
    while before(&at, limit) {
        if items.len() == MAX_ITEMS {
            return check_items(MAX_ITEMS + 1).map(|()| Data::Null);
        }
        items.push(decimal(at.clone()));
        at = at.add(step).map_err(fail)?;
    }
    Ok(items.into())
}

fn slice(items: &[Data], i: i64, j: i64) -> Res {
    if i < 0 {
        return Err("negative index".into());
    }
    if i > j {
        return Err(format!("invalid index: {i} > {j}").into());
    }
    match (usize::try_from(i), usize::try_from(j)) {
        (Ok(i), Ok(j)) if j <= items.len() => Ok(items[i..j].to_vec().into()),
        _ => Err("slice bounds out of range".into()),
    }
}

/// A number of items that may be beyond the list's end.
fn count(n: i64, items: &[Data]) -> Result<usize, CallError> {
    match usize::try_from(n) {
        Ok(n) => Ok(n.min(items.len())),
        Err(_) if n < 0 => Err("negative index".into()),
        Err(_) => Ok(items.len()),
    }
}

/// The comparers, in the language.
const SOURCE: &str = "
// Compares two values: less says whether x comes before y.
Comparer: {
	T:    _
	x:    T
	y:    T
	less: bool
}

// Sorts numbers and texts, the lowest first.
Ascending: {
	Comparer
	T:    number | string
	x:    T
	y:    T
	less: x < y
}

// Sorts numbers and texts, the highest first.
Descending: {
	Comparer
	T:    number | string
	x:    T
	y:    T
	less: x > y
}
";

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "list",
    functions: functions! {
        /// The mean of the numbers; an error for an empty list.
        Avg(xs: LIST) -> NUMBER = |a| {
            let xs = non_empty(numbers(a, 0)?)?;
            Ok(decimal(sum(&xs)?.quo(&Number::from(xs.len() as i64)).map_err(fail)?))
        };
        /// The items of all lists of a list, in order.
        Concat(a: LIST) -> LIST = |a| {
            let mut out = Vec::new();
            for item in list(a, 0)? {
                let Data::List(inner) = item else {
                    return Err(format!("cannot use value {} (type {}) as list", crate::encode::cue::expression(item), item.type_name()).into());
                };
                check_items(out.len() + inner.len())?;
                out.extend_from_slice(inner);
            }
            Ok(out.into())
        };
        /// Whether a value equal to `v` is in the list.
        Contains(a: LIST, v: TOP) -> BOOL = |a| {
            let v = a.get(1).ok_or("argument 2 is missing")?;
            Ok(list(a, 0)?.iter().any(|item| equal(item, v)).into())
        };
        /// The list without its first `n` items.
        Drop(x: LIST, n: INT) -> LIST = |a| {
            let x = list(a, 0)?;
            Ok(x[count(int(a, 1)?, x)?..].to_vec().into())
        };
        /// The list with lists in it replaced by their items, `depth` levels deep; all levels with -1.
        FlattenN(xs: TOP, depth: INT) -> LIST = |a| {
            let Some(Data::List(items)) = a.first() else {
                let shown = a.first().map(crate::encode::cue::expression).unwrap_or_default();
                return Err(format!("cannot use value {shown} as list").into());
            };
            let mut out = Vec::new();
            flatten(items, int(a, 1)?, &mut out)?;
            Ok(out.into())
        };
        /// Whether the list is in the order of a comparer (`list.Ascending`).
        IsSorted(list: LIST, cmp: TOP) -> BOOL;
        /// Whether the texts are in order.
        IsSortedStrings(a: LIST) -> BOOL = |a| Ok(texts(a, 0)?.is_sorted().into());
        /// A validator: whether as many items as `n` says match `matchValue`.
        MatchN(list: LIST, n: NUMBER, matchValue: TOP) -> BOOL;
        /// The greatest number; an error for an empty list.
        Max(xs: LIST) -> NUMBER = |a| {
            let xs = non_empty(numbers(a, 0)?)?;
            let max = xs.into_iter().reduce(|m, n| if n.cmp_value(m).is_gt() { n } else { m });
            max.map(|n| decimal(n.clone())).ok_or_else(|| "empty list".into())
        };
        /// Whether the list has at most `n` items.
        MaxItems(list: LIST, n: INT) -> BOOL = |a| Ok((list(a, 0)?.len() as i64 <= int(a, 1)?).into());
        /// The least number; an error for an empty list.
        Min(xs: LIST) -> NUMBER = |a| {
            let xs = non_empty(numbers(a, 0)?)?;
            let min = xs.into_iter().reduce(|m, n| if n.cmp_value(m).is_lt() { n } else { m });
            min.map(|n| decimal(n.clone())).ok_or_else(|| "empty list".into())
        };
        /// Whether the list has at least `n` items.
        MinItems(list: LIST, n: INT) -> BOOL = |a| Ok((list(a, 0)?.len() as i64 >= int(a, 1)?).into());
        /// The product of the numbers; 1 for an empty list.
        Product(xs: LIST) -> NUMBER = |a| {
            let product = numbers(a, 0)?.into_iter().try_fold(Number::from(1), |p, n| p.mul(n)).map_err(fail)?;
            Ok(decimal(product))
        };
        /// The numbers from `start` up to but not including `limit`, `step` apart.
        Range(start: NUMBER, limit: NUMBER, step: NUMBER) -> LIST = |a| range(number(a, 0)?, number(a, 1)?, number(a, 2)?);
        /// The items of the list, `count` times over.
        Repeat(x: LIST, count: INT) -> LIST = |a| {
            let (x, n) = (list(a, 0)?, repeat_count(int(a, 1)?)?);
            check_items(x.len().saturating_mul(n))?;
            Ok(std::iter::repeat_n(x, n).flatten().cloned().collect::<Vec<_>>().into())
        };
        /// The items from last to first.
        Reverse(x: LIST) -> LIST = |a| Ok(list(a, 0)?.iter().rev().cloned().collect::<Vec<_>>().into());
        /// The items from index `i` up to but not including `j`.
        Slice(x: LIST, i: INT, j: INT) -> LIST = |a| slice(list(a, 0)?, int(a, 1)?, int(a, 2)?);
        /// The list in the order of a comparer: a struct in which `less` says whether `x` comes before `y` (`list.Ascending`).
        Sort(list: LIST, cmp: TOP) -> LIST;
        /// As `Sort`, and items that are equal to the comparer keep their order.
        SortStable(list: LIST, cmp: TOP) -> LIST;
        /// The texts in order.
        SortStrings(a: LIST) -> LIST = |a| {
            let mut sorted = texts(a, 0)?;
            sorted.sort_unstable();
            Ok(sorted.into_iter().map(Data::from).collect::<Vec<_>>().into())
        };
        /// The sum of the numbers; 0 for an empty list.
        Sum(xs: LIST) -> NUMBER = |a| Ok(decimal(sum(&numbers(a, 0)?)?));
        /// The first `n` items.
        Take(x: LIST, n: INT) -> LIST = |a| {
            let x = list(a, 0)?;
            Ok(x[..count(int(a, 1)?, x)?].to_vec().into())
        };
        /// Whether no two items are equal.
        UniqueItems(a: LIST) -> BOOL;
    },
    constants: &[],
    source: SOURCE,
};

#[cfg(test)]
mod tests {
    use super::super::args::check;

    #[test]
    fn functions() {
        check(
            "list",
            r#"
            Avg([1, 2, 3, 4]) => 2.5
            Avg([4, 8, 12]) => 8
            Avg([]) => ! empty list
            Concat([[1], [], [2, 3]]) => [1,2,3]
            Concat([1]) => ! cannot use value 1 (type int) as list
            Contains([1, {"a": 1, "b": 2}], {"b": 2, "a": 1}) => true
            Contains([1, 2], 1.0) => false
            Drop([1, 2, 3, 4], 2) => [3,4]
            Drop([1, 2, 3, 4], 10) => []
            Drop([1, 2, 3, 4], -1) => ! negative index
            Take([1, 2, 3, 4], 2) => [1,2]
            Take([1, 2, 3, 4], 10) => [1,2,3,4]
            FlattenN([1, [[2, 3], []], [4]], -1) => [1,2,3,4]
            FlattenN([1, [[2, 3], []], [4]], 0) => [1,[[2,3],[]],[4]]
            FlattenN([1, [[2, 3], []], [4]], 1) => [1,[2,3],[],4]
            FlattenN("foo", 1) => ! cannot use value "foo" as list
            Max([1, 4, 2.0]) => 4
            Max([]) => ! empty list
            Min([3, 2.0]) => 2
            Product([1, 2, 3, 4]) => 24
            Product([]) => 1
            Sum([1.5, 1.5]) => 3
            Sum([1, "a"]) => ! invalid list element 1 in argument 1: cannot use value "a" (string) as number
            Range(0, 5, 0) => ! step must be non zero
            Range(5, 0, 1) => ! end must be greater than start when step is positive
            Range(0, 5, -1) => ! end must be less than start when step is negative
            Range(0, 0, 1) => []
            Range(0, 5, 2) => [0,2,4]
            Range(5, 0, -1) => [5,4,3,2,1]
            Range(0, 1.5, 0.25) => [0,0.25,0.50,0.75,1,1.25]
            Range(0, 1000000000000, 1) => ! the result is longer than the limit of 1000000 items
            Range(0, 1, 1e-99999) => ! the result is longer than the limit of 1000000 items
            Repeat([1, 2], 2) => [1,2,1,2]
            Repeat([1], -1) => ! negative count
            Repeat([0], 200000000) => ! count 200000000 exceeds limit of 1000000
            Repeat([0, 1], 1000000) => ! the result is longer than the limit of 1000000 items
            Reverse([1, 2]) => [2,1]
            Slice([1, 2, 3, 4], 1, 3) => [2,3]
            Slice([1, 2, 3, 4], -1, 3) => ! negative index
            Slice([1, 2, 3, 4], 3, 1) => ! invalid index: 3 > 1
            Slice([1, 2, 3, 4], 1, 5) => ! slice bounds out of range
            SortStrings(["b", "a"]) => ["a","b"]
            IsSortedStrings(["b", "a"]) => false
            MinItems([1, 2], 2) => true
            MaxItems([1, 2], 1) => false
            "#,
        );
    }
}
