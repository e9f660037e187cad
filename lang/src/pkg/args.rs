//! What functions share: taking arguments out of [`Data`], giving results, and the bounds of what they may make.

use super::{CallError, Function};
use crate::data::Data;
use crate::number::Number;
use num_bigint::BigInt;
use std::sync::Arc;

/// The most bytes that a function may put into one text.
pub(crate) const MAX_TEXT: usize = 100_000_000;
/// The most items that a function may put into one list.
pub(crate) const MAX_ITEMS: usize = 1_000_000;

/// What a function gives.
pub(crate) type Res = Result<Data, CallError>;

/// Declares functions: documentation, name, parameters and result as the language's types, and how it is carried out;
/// without `=`, it is carried out by the evaluator.
macro_rules! functions {
    ($( $(#[doc = $doc:literal])+ $name:ident ( $($p:ident : $kind:ident $(= $default:literal)?),* ) -> $result:ident $(= $run:expr)?; )*) => {
        &[$(
            $crate::pkg::Function {
                name: stringify!($name),
                params: &[$($crate::pkg::Param {
                    name: $crate::pkg::args::bare(stringify!($p)),
                    kind: $crate::pkg::Kind::$kind,
                    default: $crate::pkg::args::functions!(@default $($default)?),
                }),*],
                result: $crate::pkg::Kind::$result,
                doc: concat!($($doc, "\n"),+),
                run: $crate::pkg::args::functions!(@run $($run)?),
            }
        ),*]
    };
    (@run) => { $crate::pkg::Run::Eval };
    (@run $run:expr) => { $crate::pkg::Run::Data($run) };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}
pub(crate) use functions;

/// A name without the `r#` that Rust's keywords need.
pub(crate) const fn bare(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

fn wrong(a: &[Data], i: usize, want: &str) -> CallError {
    match a.get(i) {
        Some(d) => {
            CallError(format!("cannot use a value of type {} as {want} in argument {}", d.type_name(), i + 1))
        }
        None => CallError(format!("argument {} is missing", i + 1)),
    }
}

/// A string.
pub(crate) fn text(a: &[Data], i: usize) -> Result<&str, CallError> {
    match a.get(i) {
        Some(Data::String(s)) => Ok(s),
        _ => Err(wrong(a, i, "string")),
    }
}

/// Bytes, or the bytes of a string.
pub(crate) fn bytes(a: &[Data], i: usize) -> Result<&[u8], CallError> {
    match a.get(i) {
        Some(Data::String(s)) => Ok(s.as_bytes()),
        Some(Data::Bytes(b)) => Ok(b),
        _ => Err(wrong(a, i, "bytes")),
    }
}

/// The text of bytes or a string, invalid bytes replaced.
pub(crate) fn lossy(a: &[Data], i: usize) -> Result<std::borrow::Cow<'_, str>, CallError> {
    Ok(crate::encode::text_of(bytes(a, i)?))
}

/// The text of a string, or of bytes that are one.
pub(crate) fn utf8(a: &[Data], i: usize) -> Result<&str, CallError> {
    std::str::from_utf8(bytes(a, i)?).map_err(|e| {
        CallError(format!("byte {} of argument {} is not UTF-8 text", e.valid_up_to() + 1, i + 1))
    })
}

/// A number.
pub(crate) fn number(a: &[Data], i: usize) -> Result<&Number, CallError> {
    match a.get(i) {
        Some(Data::Number(n)) => Ok(n),
        _ => Err(wrong(a, i, "number")),
    }
}

/// A number as the machine has it.
pub(crate) fn float(a: &[Data], i: usize) -> Result<f64, CallError> {
    let n = number(a, i)?;
    let f = n.to_f64();
    match f.is_finite() {
        true => Ok(f),
        false => Err(CallError(format!("the number {n} in argument {} is too large for a float", i + 1))),
    }
}

/// An integer of any size.
pub(crate) fn big(a: &[Data], i: usize) -> Result<BigInt, CallError> {
    match a.get(i) {
        Some(Data::Number(n)) if n.is_int() => n.to_bigint().ok_or_else(|| wrong(a, i, "int")),
        _ => Err(wrong(a, i, "int")),
    }
}

/// An integer of 64 bits.
pub(crate) fn int(a: &[Data], i: usize) -> Result<i64, CallError> {
    match a.get(i) {
        Some(Data::Number(n)) if n.is_int() => {
            n.to_i64().ok_or_else(|| CallError(format!("int {n} overflows int64 in argument {}", i + 1)))
        }
        _ => Err(wrong(a, i, "int")),
    }
}

/// A list.
pub(crate) fn list(a: &[Data], i: usize) -> Result<&[Data], CallError> {
    match a.get(i) {
        Some(Data::List(items)) => Ok(items),
        _ => Err(wrong(a, i, "list")),
    }
}

fn items<'a, T>(
    a: &'a [Data],
    i: usize,
    kind: &str,
    of: impl Fn(&'a Data) -> Option<T>,
) -> Result<Vec<T>, CallError> {
    let item = |(n, d): (usize, &'a Data)| {
        of(d).ok_or_else(|| {
            let shown = crate::encode::cue::expression(d);
            let shown: String = shown.chars().take(60).collect();
            CallError(format!(
                "invalid list element {n} in argument {}: cannot use value {shown} ({}) as {kind}",
                i + 1,
                d.type_name()
            ))
        })
    };
    list(a, i)?.iter().enumerate().map(item).collect()
}

/// A list of strings.
pub(crate) fn texts(a: &[Data], i: usize) -> Result<Vec<&str>, CallError> {
    items(a, i, "string", |d| if let Data::String(s) = d { Some(&**s) } else { None })
}

/// A list of numbers.
pub(crate) fn numbers(a: &[Data], i: usize) -> Result<Vec<&Number>, CallError> {
    items(a, i, "number", |d| if let Data::Number(n) = d { Some(n) } else { None })
}

/// Refuses a text longer than a function may make.
pub(crate) fn check_text(bytes: usize) -> Result<(), CallError> {
    if bytes > MAX_TEXT {
        return Err(CallError(format!("the result is longer than the limit of {MAX_TEXT} bytes")));
    }
    Ok(())
}

/// Refuses a list longer than a function may make.
pub(crate) fn check_items(count: usize) -> Result<(), CallError> {
    if count > MAX_ITEMS {
        return Err(CallError(format!("the result is longer than the limit of {MAX_ITEMS} items")));
    }
    Ok(())
}

/// A list of texts.
pub(crate) fn text_list<'a>(items: impl IntoIterator<Item = &'a str>) -> Res {
    let items: Vec<Data> = items.into_iter().take(MAX_ITEMS + 1).map(Data::from).collect();
    check_items(items.len())?;
    Ok(Data::List(items))
}

/// A struct.
pub(crate) fn fields<const N: usize>(fields: [(&str, Data); N]) -> Data {
    Data::Struct(fields.into_iter().map(|(l, v)| (Arc::from(l), v)).collect())
}

impl Function {
    /// How many arguments it needs; the rest have defaults.
    pub fn required(&self) -> usize {
        self.params.iter().filter(|p| p.default.is_none()).count()
    }
}

/// For tests: the result of a call as compact JSON, or the message after `!`.
#[cfg(test)]
pub(crate) fn call(package: &str, name: &str, args: &str) -> String {
    use super::Run;
    let Some(p) = super::package(package) else { return format!("no package {package}") };
    let Some(f) = p.functions.iter().find(|f| f.name == name) else { return format!("no function {name}") };
    let Ok(Data::List(mut args)) = crate::encode::json::parse(&format!("[{args}]")) else {
        return format!("bad arguments {args}");
    };
    if args.len() < f.required() || args.len() > f.params.len() {
        return format!("{} arguments", args.len());
    }
    args.extend(f.params[args.len()..].iter().filter_map(|p| p.default).map(Data::from));
    let Run::Data(run) = f.run else { return "by the evaluator".into() };
    for (p, a) in f.params.iter().zip(&args) {
        if !p.kind.contains(a.kind()) {
            return format!("{} is no {:?}", a.type_name(), p.name);
        }
    }
    match run(&args) {
        Ok(data) => {
            if !f.result.contains(data.kind()) {
                return format!("result of another kind: {}", data.type_name());
            }
            crate::encode::json::compact(&data)
        }
        Err(error) => format!("! {}", error.0),
    }
}

/// For tests: a table of `NAME(ARGS) => RESULT`, arguments and result as JSON.
#[cfg(test)]
pub(crate) fn check(package: &str, table: &str) {
    for line in table.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let Some((left, want)) = line.split_once(" => ") else { panic!("{line}") };
        let Some((name, args)) = left.split_once('(') else { panic!("{line}") };
        let Some(args) = args.strip_suffix(')') else { panic!("{line}") };
        assert_eq!(call(package, name, args), want, "{line}");
    }
}
