//! `strings`: functions on text.

use super::Package;
use super::args::{MAX_ITEMS, Res, bytes, check_items, check_text, functions, int, text, text_list, texts};
use crate::data::Data;

/// How often `strings.Repeat` and `list.Repeat` repeat at most.
pub(super) const MAX_REPEAT: i64 = 1_000_000;

/// The count of a repetition, if it is within the limit.
pub(super) fn repeat_count(n: i64) -> Result<usize, super::CallError> {
    match usize::try_from(n) {
        Err(_) => Err("negative count".into()),
        Ok(_) if n > MAX_REPEAT => Err(format!("count {n} exceeds limit of {MAX_REPEAT}").into()),
        Ok(n) => Ok(n),
    }
}

fn index(found: Option<usize>) -> Res {
    Ok(found.map_or(-1, |i| i as i64).into())
}

fn any_of(set: &str) -> impl Fn(char) -> bool + Copy {
    move |c| set.contains(c)
}

/// The pieces between separators, at most `n` of them if `n` is not negative; with `after`, each keeps its separator.
fn split(s: &str, sep: &str, n: i64, after: bool) -> Res {
    let limit = usize::try_from(n).unwrap_or(usize::MAX);
    if limit == 0 {
        return text_list([]);
    }
    let mut pieces = Vec::new();
    let mut rest = s;
    while pieces.len() + 1 < limit {
        check_items(pieces.len())?;
        let found = if sep.is_empty() {
            // Between characters, but not at the ends.
            rest.chars().next().map(char::len_utf8).filter(|&i| i < rest.len())
        } else {
            rest.find(sep)
        };
        let Some(at) = found else { break };
        pieces.push(&rest[..at + if after { sep.len() } else { 0 }]);
        rest = &rest[at + sep.len()..];
    }
    if !(sep.is_empty() && s.is_empty()) {
        pieces.push(rest);
    }
    text_list(pieces)
}

fn replace(s: &str, old: &str, new: &str, n: i64) -> Res {
    let limit = usize::try_from(n).unwrap_or(usize::MAX);
    let count = if old.is_empty() { s.chars().count() + 1 } else { s.matches(old).count() }.min(limit);
    check_text(s.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(s.replacen(old, new, limit).into())
}

/// Applies a change to the first letter of each word; words are set apart by white space.
fn map_words(s: &str, change: fn(char) -> char) -> Res {
    let mut previous = ' ';
    let mapped: String = s
        .chars()
        .map(|c| {
            let first = previous.is_whitespace();
            previous = c;
            if first { change(c) } else { c }
        })
        .collect();
    Ok(mapped.into())
}

/// One character for one: mappings to several (`ß`) are not made.
fn simple(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn upper(c: char) -> char {
    simple(c, c.to_uppercase())
}

fn lower(c: char) -> char {
    // The one letter whose lower case is written with two, of which Go takes the first.
    if c == '\u{130}' { 'i' } else { simple(c, c.to_lowercase()) }
}

fn title(c: char) -> char {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        c => upper(c),
    }
}

fn slice_range(start: i64, end: i64, len: usize) -> Result<std::ops::Range<usize>, super::CallError> {
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end && end <= len => Ok(start..end),
        _ => Err("index out of range".into()),
    }
}

fn slice_runes(s: &str, start: i64, end: i64) -> Res {
    let range = slice_range(start, end, s.chars().count())?;
    let mut ends = s.char_indices().map(|(i, _)| i).chain([s.len()]);
    let first = ends.clone().nth(range.start).unwrap_or(s.len());
    let last = ends.nth(range.end).unwrap_or(s.len());
    Ok(s[first..last].into())
}

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "strings",
    functions: functions! {
        /// The byte at index `i`.
        ByteAt(b: TEXT, i: INT) -> INT = |a| {
            let at = usize::try_from(int(a, 1)?).ok();
            let byte = at.and_then(|i| bytes(a, 0).ok()?.get(i).copied());
            byte.map(|b| i64::from(b).into()).ok_or_else(|| "index out of range".into())
        };
        /// The bytes from `start` up to but not including `end`.
        ByteSlice(b: TEXT, start: INT, end: INT) -> BYTES = |a| {
            let b = bytes(a, 0)?;
            Ok(b[slice_range(int(a, 1)?, int(a, 2)?, b.len())?].to_vec().into())
        };
        /// -1, 0 or 1: how `a` compares with `b`, byte by byte.
        Compare(a: STRING, b: STRING) -> INT = |a| Ok((text(a, 0)?.cmp(text(a, 1)?) as i64).into());
        /// Whether `substr` is in `s`.
        Contains(s: STRING, substr: STRING) -> BOOL = |a| Ok(text(a, 0)?.contains(text(a, 1)?).into());
        /// Whether any character of `chars` is in `s`.
        ContainsAny(s: STRING, chars: STRING) -> BOOL = |a| Ok(text(a, 0)?.contains(any_of(text(a, 1)?)).into());
        /// How often `substr` is in `s` without overlaps; for an empty one, the number of characters and one more.
        Count(s: STRING, substr: STRING) -> INT = |a| {
            let (s, sub) = (text(a, 0)?, text(a, 1)?);
            let n = if sub.is_empty() { s.chars().count() + 1 } else { s.matches(sub).count() };
            Ok((n as i64).into())
        };
        /// The words of `s`, set apart by white space.
        Fields(s: STRING) -> LIST = |a| text_list(text(a, 0)?.split_whitespace());
        /// Whether `s` begins with `prefix`.
        HasPrefix(s: STRING, prefix: STRING) -> BOOL = |a| Ok(text(a, 0)?.starts_with(text(a, 1)?).into());
        /// Whether `s` ends with `suffix`.
        HasSuffix(s: STRING, suffix: STRING) -> BOOL = |a| Ok(text(a, 0)?.ends_with(text(a, 1)?).into());
        /// The byte index of the first `substr` in `s`, or -1.
        Index(s: STRING, substr: STRING) -> INT = |a| index(text(a, 0)?.find(text(a, 1)?));
        /// The byte index of the first character of `s` that is in `chars`, or -1.
        IndexAny(s: STRING, chars: STRING) -> INT = |a| index(text(a, 0)?.find(any_of(text(a, 1)?)));
        /// The strings one after the other, `sep` between them.
        Join(elems: LIST, sep: STRING) -> STRING = |a| {
            let (elems, sep) = (texts(a, 0)?, text(a, 1)?);
            let total = elems.iter().map(|e| e.len()).sum::<usize>();
            check_text(total.saturating_add(sep.len().saturating_mul(elems.len())))?;
            Ok(elems.join(sep).into())
        };
        /// The byte index of the last `substr` in `s`, or -1.
        LastIndex(s: STRING, substr: STRING) -> INT = |a| index(text(a, 0)?.rfind(text(a, 1)?));
        /// The byte index of the last character of `s` that is in `chars`, or -1.
        LastIndexAny(s: STRING, chars: STRING) -> INT = |a| index(text(a, 0)?.rfind(any_of(text(a, 1)?)));
        /// Whether `s` has at most `max` characters.
        MaxRunes(s: STRING, max: INT) -> BOOL = |a| Ok((text(a, 0)?.chars().count() as i64 <= int(a, 1)?).into());
        /// Whether `s` has at least `min` characters.
        MinRunes(s: STRING, min: INT) -> BOOL = |a| Ok((text(a, 0)?.chars().count() as i64 >= int(a, 1)?).into());
        /// `s` written `count` times.
        Repeat(s: STRING, count: INT) -> STRING = |a| {
            let (s, n) = (text(a, 0)?, repeat_count(int(a, 1)?)?);
            check_text(s.len().saturating_mul(n))?;
            Ok(s.repeat(n).into())
        };
        /// `s` with the first `n` (all with a negative number) of `old` replaced by `new`; an empty `old` is found before every
        /// character and at the end.
        Replace(s: STRING, old: STRING, new: STRING, n: INT) -> STRING = |a| replace(text(a, 0)?, text(a, 1)?, text(a, 2)?, int(a, 3)?);
        /// The code points of `s`.
        Runes(s: STRING) -> LIST = |a| {
            let runes: Vec<Data> = text(a, 0)?.chars().take(MAX_ITEMS + 1).map(|c| i64::from(u32::from(c)).into()).collect();
            check_items(runes.len())?;
            Ok(runes.into())
        };
        /// The characters from index `start` up to but not including `end`.
        SliceRunes(s: STRING, start: INT, end: INT) -> STRING = |a| slice_runes(text(a, 0)?, int(a, 1)?, int(a, 2)?);
        /// The pieces of `s` between separators; with an empty one, its characters.
        Split(s: STRING, sep: STRING) -> LIST = |a| split(text(a, 0)?, text(a, 1)?, -1, false);
        /// The pieces of `s`, each with the separator after it.
        SplitAfter(s: STRING, sep: STRING) -> LIST = |a| split(text(a, 0)?, text(a, 1)?, -1, true);
        /// As `SplitAfter`, at most `n` pieces, the last one with all the rest; all of them if `n` is negative.
        SplitAfterN(s: STRING, sep: STRING, n: INT) -> LIST = |a| split(text(a, 0)?, text(a, 1)?, int(a, 2)?, true);
        /// As `Split`, at most `n` pieces, the last one with all the rest; all of them if `n` is negative.
        SplitN(s: STRING, sep: STRING, n: INT) -> LIST = |a| split(text(a, 0)?, text(a, 1)?, int(a, 2)?, false);
        /// `s` with the first letter of each word in lower case.
        ToCamel(s: STRING) -> STRING = |a| map_words(text(a, 0)?, lower);
        /// `s` in lower case.
        ToLower(s: STRING) -> STRING = |a| Ok(text(a, 0)?.chars().map(lower).collect::<String>().into());
        /// `s` with the first letter of each word in title case.
        ToTitle(s: STRING) -> STRING = |a| map_words(text(a, 0)?, title);
        /// `s` in upper case.
        ToUpper(s: STRING) -> STRING = |a| Ok(text(a, 0)?.chars().map(upper).collect::<String>().into());
        /// `s` without the characters of `cutset` at both ends.
        Trim(s: STRING, cutset: STRING) -> STRING = |a| Ok(text(a, 0)?.trim_matches(any_of(text(a, 1)?)).into());
        /// `s` without the characters of `cutset` at its start.
        TrimLeft(s: STRING, cutset: STRING) -> STRING = |a| Ok(text(a, 0)?.trim_start_matches(any_of(text(a, 1)?)).into());
        /// `s` without `prefix` at its start.
        TrimPrefix(s: STRING, prefix: STRING) -> STRING = |a| {
            let s = text(a, 0)?;
            Ok(s.strip_prefix(text(a, 1)?).unwrap_or(s).into())
        };
        /// `s` without the characters of `cutset` at its end.
        TrimRight(s: STRING, cutset: STRING) -> STRING = |a| Ok(text(a, 0)?.trim_end_matches(any_of(text(a, 1)?)).into());
        /// `s` without white space at both ends.
        TrimSpace(s: STRING) -> STRING = |a| Ok(text(a, 0)?.trim().into());
        /// `s` without `suffix` at its end.
        TrimSuffix(s: STRING, suffix: STRING) -> STRING = |a| {
            let s = text(a, 0)?;
            Ok(s.strip_suffix(text(a, 1)?).unwrap_or(s).into())
        };
    },
    constants: &[],
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::args::{call, check};

    #[test]
    fn functions() {
        check(
            "strings",
            r#"
            ByteAt("abc", 1) => 98
            ByteAt("abc", 5) => ! index out of range
            ByteAt("abc", -1) => ! index out of range
            ByteAt("abc", 99999999999999999999999) => ! int 99999999999999999999999 overflows int64 in argument 2
            ByteSlice("abc", 1, 2) => "Yg=="
            ByteSlice("abc", 2, 1) => ! index out of range
            Compare("a", "b") => -1
            Compare("b", "b") => 0
            Contains("abc", "bc") => true
            ContainsAny("abc", "xyzc") => true
            Count("cheese", "e") => 3
            Count("five", "") => 5
            Fields("  a  b\tc\u00a0d ") => ["a","b","c","d"]
            HasPrefix("abc", "ab") => true
            HasSuffix("abc", "ab") => false
            Index("chicken", "ken") => 4
            Index("chicken", "x") => -1
            IndexAny("é golang", "g") => 3
            Join(["a", "b"], "-") => "a-b"
            Join([], "-") => ""
            Join(["a", 1], "-") => ! invalid list element 1 in argument 1: cannot use value 1 (int) as string
            LastIndex("go gopher", "go") => 3
            LastIndex("abc", "") => 3
            LastIndexAny("golang", "go") => 5
            MaxRunes("é", 1) => true
            MinRunes("é", 2) => false
            Repeat("ab", 3) => "ababab"
            Repeat("ab", -1) => ! negative count
            Repeat("ab", 10000000000) => ! count 10000000000 exceeds limit of 1000000
            Replace("oink oink oink", "k", "ky", 2) => "oinky oinky oink"
            Replace("oink", "", "-", 2) => "-o-ink"
            Replace("abc", "", "-", -1) => "-a-b-c-"
            Runes("aé") => [97,233]
            SliceRunes("aébc", 1, 3) => "éb"
            SliceRunes("abc", 3, 3) => ""
            SliceRunes("abc", 2, 1) => ! index out of range
            SliceRunes("abc", 0, 4) => ! index out of range
            Split("", "") => []
            Split("", ",") => [""]
            Split("abé", "") => ["a","b","é"]
            SplitN("abc", "", 2) => ["a","bc"]
            SplitN("a,b,c", ",", 0) => []
            SplitN("a,b,c", ",", 2) => ["a","b,c"]
            SplitAfter("a,b,c", ",") => ["a,","b,","c"]
            SplitAfterN("a,b,c", ",", 2) => ["a,","b,c"]
            ToCamel("Hello World-Foo bar_Baz éA 1Ab (Ab)") => "hello world-Foo bar_Baz éA 1Ab (Ab)"
            ToTitle("hello world-foo bar_baz éa 1ab (ab) ǆx") => "Hello World-foo Bar_baz Éa 1ab (ab) ǅx"
            ToUpper("straße ǆ") => "STRAßE Ǆ"
            ToLower("ÀİΣ") => "àiσ"
            Trim("xxaxx", "x") => "a"
            TrimLeft("xyaxy", "xy") => "axy"
            TrimRight("xyaxy", "xy") => "xya"
            TrimPrefix("abab", "ab") => "ab"
            TrimSuffix("abab", "ab") => "ab"
            TrimSpace("\u00a0 a\n") => "a"
            "#,
        );
        let long = "a".repeat(200_000);
        assert!(
            call("strings", "Replace", &format!("{long:?}, \"a\", {long:?}, -1")).starts_with("! the result")
        );
        assert!(call("strings", "Repeat", &format!("{long:?}, 1000")).starts_with("! the result"));
    }
}
