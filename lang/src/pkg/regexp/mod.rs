//! `regexp`: regular expressions in the syntax of RE2, matched in time linear to the text.
//!
//! [`compile`] also serves the operators `=~` and `!~`. The engine is regex-automata; the dialect is parsed in `syntax.rs`.

mod syntax;

use super::args::{Res, check_items, check_text, functions, int, text};
use super::{CallError, Package};
use crate::data::Data;
use regex_automata::meta;
use std::sync::Arc;

/// The most memory that a compiled expression may take.
const MAX_COMPILED: usize = 10 << 20;

/// The most memory that one expression takes for what it learns while it matches, a direction.
const MAX_LEARNT: usize = 128 << 10;

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub struct Regex {
    engine: meta::Regex,
    names: Arc<[Option<String>]>,
}

/// Compiles an expression in Go's syntax. The error is the message as Go has it.
///
/// ```
/// let re = stepwell_lang::pkg::regexp::compile("^a+$")?;
/// assert!(re.is_match(b"aaa"));
/// # Ok::<(), String>(())
/// ```
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let parsed = syntax::parse(pattern).map_err(|error| format!("error parsing regexp: {error}"))?;
    let config = meta::Config::new()
        .nfa_size_limit(Some(MAX_COMPILED))
        .onepass_size_limit(Some(64 << 10))
        .hybrid_cache_capacity(MAX_LEARNT);
    let engine = meta::Builder::new().configure(config).build_from_hir(&parsed.hir).map_err(|_| {
        let shown: String = pattern.chars().take(60).collect();
        format!("error parsing regexp: expression too large: `{shown}`")
    })?;
    Ok(Regex { engine, names: parsed.names.into() })
}

impl Regex {
    /// How many bytes it takes, or may come to take.
    pub(crate) fn size(&self) -> usize {
        self.engine.memory_usage() + 2 * MAX_LEARNT
    }

    /// Whether it matches anywhere.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.engine.is_match(text)
    }
}

fn no_match() -> CallError {
    "no match".into()
}

/// The first `n` matches (all if negative) with their groups; an error if there are none.
fn captures<'t>(re: &Regex, text: &'t str, n: i64) -> Result<Vec<Vec<&'t str>>, CallError> {
    let limit = usize::try_from(n).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let mut total = 0;
    for found in re.engine.captures_iter(text).take(limit) {
        total += re.names.len();
        check_items(total)?;
        out.push((0..re.names.len()).map(|i| found.get_group(i).map_or("", |s| &text[s.range()])).collect());
    }
    if out.is_empty() { Err(no_match()) } else { Ok(out) }
}

fn texts(groups: &[&str]) -> Data {
    Data::List(groups.iter().map(|s| Data::from(*s)).collect())
}

fn named(re: &Regex, groups: &[&str]) -> Data {
    let mut fields: Vec<(Arc<str>, Data)> = Vec::new();
    for (name, group) in re.names.iter().zip(groups) {
        let Some(name) = name else { continue };
        match fields.iter_mut().find(|(l, _)| **l == **name) {
            Some((_, value)) => *value = Data::from(*group),
            None => fields.push((name.as_str().into(), Data::from(*group))),
        }
    }
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    Data::Struct(fields)
}

fn first(a: &[Data], of: fn(&Regex, &[&str]) -> Data) -> Res {
    let re = compile(text(a, 0)?)?;
    Ok(of(&re, &captures(&re, text(a, 1)?, 1)?[0]))
}

fn all(a: &[Data], of: fn(&Regex, &[&str]) -> Data) -> Res {
    let re = compile(text(a, 0)?)?;
    let found = captures(&re, text(a, 1)?, int(a, 2)?)?;
    Ok(Data::List(found.iter().map(|groups| of(&re, groups)).collect()))
}

/// Replaces every match by what `with` adds for its groups.
fn replace(re: &Regex, src: &str, with: impl Fn(&mut String, &[&str])) -> Res {
    let mut out = String::new();
    let mut last = 0;
    for found in re.engine.captures_iter(src) {
        let Some(whole) = found.get_match() else { continue };
        let groups: Vec<&str> =
            (0..re.names.len()).map(|i| found.get_group(i).map_or("", |s| &src[s.range()])).collect();
        out.push_str(&src[last..whole.start()]);
        with(&mut out, &groups);
        check_text(out.len())?;
        last = whole.end();
    }
    out.push_str(&src[last..]);
    Ok(out.into())
}

/// Adds a template in which `$1`, `$name` and `${name}` stand for groups and `$$` for a dollar.
fn expand(out: &mut String, re: &Regex, template: &str, groups: &[&str]) {
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (braced, inner) = match rest.strip_prefix('{') {
            Some(inner) => (true, inner),
            None => (false, rest),
        };
        let end = inner.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(inner.len());
        let name = &inner[..end];
        if name.is_empty() || (braced && !inner[end..].starts_with('}')) {
            out.push('$');
            continue;
        }
        rest = &inner[end + usize::from(braced)..];
        match name.parse::<usize>() {
            Ok(i) => out.push_str(groups.get(i).copied().unwrap_or("")),
            Err(_) => {
                let index = re.names.iter().position(|n| n.as_deref() == Some(name));
                out.push_str(index.and_then(|i| groups.get(i)).copied().unwrap_or(""));
            }
        }
    }
    out.push_str(rest);
}

fn quote_meta(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "regexp",
    functions: functions! {
        /// The leftmost match; an error if there is none.
        Find(pattern: STRING, s: STRING) -> STRING = |a| first(a, |_, groups| groups[0].into());
        /// The first `n` matches, all of them with `-1`; an error if there is none.
        FindAll(pattern: STRING, s: STRING, n: INT) -> LIST = |a| all(a, |_, groups| groups[0].into());
        /// The first `n` matches, all of them with `-1`, each as a struct of its named groups; an error if there is none.
        FindAllNamedSubmatch(pattern: STRING, s: STRING, n: INT) -> LIST = |a| all(a, named);
        /// The first `n` matches, all of them with `-1`, each as a list: the match, then its groups; an error if there is none.
        FindAllSubmatch(pattern: STRING, s: STRING, n: INT) -> LIST = |a| all(a, |_, groups| texts(groups));
        /// The named groups of the leftmost match; an error if there is none.
        FindNamedSubmatch(pattern: STRING, s: STRING) -> STRUCT = |a| first(a, named);
        /// The leftmost match and its groups; an error if there is none.
        FindSubmatch(pattern: STRING, s: STRING) -> LIST = |a| first(a, |_, groups| texts(groups));
        /// Whether the expression matches anywhere in `s`.
        Match(pattern: STRING, s: STRING) -> BOOL = |a| Ok(compile(text(a, 0)?)?.is_match(text(a, 1)?.as_bytes()).into());
        /// An expression that matches `s` literally.
        QuoteMeta(s: STRING) -> STRING = |a| Ok(quote_meta(text(a, 0)?).into());
        /// `src` with every match replaced by `repl`, in which `$1`, `$name` and `${name}` stand for groups.
        ReplaceAll(pattern: STRING, src: STRING, repl: STRING) -> STRING = |a| {
            let (re, template) = (compile(text(a, 0)?)?, text(a, 2)?);
            replace(&re, text(a, 1)?, |out, groups| expand(out, &re, template, groups))
        };
        /// `src` with every match replaced by `repl` as it is.
        ReplaceAllLiteral(pattern: STRING, src: STRING, repl: STRING) -> STRING = |a| {
            let with = text(a, 2)?;
            replace(&compile(text(a, 0)?)?, text(a, 1)?, |out, _| out.push_str(with))
        };
        /// Whether the text is a regular expression.
        Valid(pattern: STRING) -> BOOL = |a| Ok(compile(text(a, 0)?).map(|_| true)?.into());
    },
    constants: &[],
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::args::check;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn functions() {
        check(
            "regexp",
            r#"
            Find("f\\w\\w", "afoot") => "foo"
            Find("f\\w\\w", "bar") => ! no match
            FindAll("f\\w\\w", "afoot afloat from", 2) => ["foo","flo"]
            FindAll("a*", "baac", -1) => ["","aa",""]
            FindAll("a", "aaa", 0) => ! no match
            FindSubmatch("(a)|(b)", "b") => ["b","","b"]
            FindAllSubmatch("f(\\w)(\\w)", "afloat afoot", -1) => [["flo","l","o"],["foo","o","o"]]
            FindNamedSubmatch("f(?P<B>\\w)(?P<A>\\w)(x)", "aflox") => {"A":"o","B":"l"}
            FindNamedSubmatch("(a)(?P<x>b)?", "a") => {"x":""}
            FindAllNamedSubmatch("f(?P<A>optional)?", "fbla", -1) => [{"A":""}]
            Match("^b", "a\nb") => false
            Match("(?m)^b", "a\nb") => true
            ReplaceAll("f(?P<A>\\w)(?P<B>\\w)", "afloat", "-${A}-$2-$A") => "a-l-o-lat"
            ReplaceAll("a(x*)b", "-ab-axxb-", "${1}W $1W $0 $$ $ ${x} ${1") => "-W  ab $ $  ${1-xxW  axxb $ $  ${1-"
            ReplaceAll("a*", "baac", "-") => "-b-c-"
            ReplaceAllLiteral("b", "abc", "$0") => "a$0c"
            QuoteMeta("a.b*c[]{}()\\^$|?+-") => "a\\.b\\*c\\[\\]\\{\\}\\(\\)\\\\\\^\\$\\|\\?\\+-"
            Valid("a(b") => ! error parsing regexp: missing closing ): `a(b`
            Valid("a+") => true
            "#,
        );
        let long = "a".repeat(20_000);
        let out = Data::from("b".repeat(20_000));
        let a = [Data::from("a"), Data::from(long.as_str()), out];
        assert!(replace(&compile("a").unwrap(), &long, |o, _| o.push_str(text(&a, 2).unwrap())).is_err());
    }

    #[test]
    fn the_dialect() {
        for (pattern, yes, no) in [
            (r"^\d+$", "12", "٣"),
            (r"^\w$", "a", "é"),
            (r"^\s$", " ", "\u{a0}"),
            (r"\bx\b", "éx", "ax"),
            (r"^\Qa.b\E+$", "a.bb", "axb"),
            (r"^\123$", "S", "1"),
            (r"^[[a]$", "[", "b"),
            (r"^a{,2}$", "a{,2}", "aa"),
            (r"^{$", "{", ""),
            (r"^[a&&b]$", "&", "c"),
            (r"^[[:alpha:]_]$", "_", "1"),
            (r"^[[:^alpha:]]$", "1", "a"),
            (r"^[]a]$", "]", "b"),
            (r"^[a-]$", "-", "b"),
            (r"^[^a]$", "\n", "a"),
            (r"^.$", "é", "\n"),
            (r"(?s)^.$", "\n", "ab"),
            (r"^\x41\x{1F600}$", "A😀", "A"),
            (r"^(?i)straSSe$", "STRASSE", "straße"),
            (r"(?i)^k$", "\u{212a}", "l"),
            (r"^(?i:a)b$", "Ab", "AB"),
            (r"^(?P<n>a)(?<m>b)$", "ab", "a"),
            (r"^\pN\p{^Greek}\PL\p{Lu}$", "1a1A", "1α1A"),
            (r"^a$", "a", "a\n"),
            (r"^(|a)*$", "aa", "b"),
            (r"^x{2,3}$", "xxx", "xxxx"),
            (r"^a|b$", "ax", "cx"),
            ("", "x", "\u{0}never"),
        ] {
            let re = compile(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
            assert!(re.is_match(yes.as_bytes()), "{pattern} {yes:?}");
            assert!(pattern.is_empty() || !re.is_match(no.as_bytes()), "{pattern} {no:?}");
        }
        for (pattern, shown) in [("(?U)a+", "a"), ("(?U)a+?", "aaa"), ("a+?", "a"), ("a|aa", "a")] {
            assert_eq!(captures(&compile(pattern).unwrap(), "aaa", 1).unwrap()[0][0], shown, "{pattern}");
        }
    }

    #[test]
    fn mistakes() {
        for (pattern, message) in [
            ("a)", "unexpected ): `a)`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("x{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a|*", "missing argument to repetition operator: `*`"),
            ("[a", "missing closing ]: `[a`"),
            ("[b-a]", "invalid character class range: `b-a`"),
            ("[a-\\d]", "invalid escape sequence: `\\d`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{2,1}", "invalid repeat count: `{2,1}`"),
            ("((a{100}){100}){100}", "invalid repeat count: `{100}`"),
            ("(?z)a", "invalid or unsupported Perl syntax: `(?z`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?P<n", "invalid named capture: `(?P<n`"),
            ("\\8", "invalid escape sequence: `\\8`"),
            ("\\", "trailing backslash at end of expression: ``"),
            ("\\pX", "invalid character class range: `\\pX`"),
            ("\\p{Foo}", "invalid character class range: `\\p{Foo}`"),
            ("\\xg", "invalid escape sequence: `\\xg`"),
            ("\\Z", "invalid escape sequence: `\\Z`"),
            ("\\C", "invalid escape sequence: `\\C`"),
        ] {
            assert_eq!(
                compile(pattern).unwrap_err(),
                format!("error parsing regexp: {message}"),
                "{pattern}"
            );
        }
        assert!(compile(&"(".repeat(100_000)).unwrap_err().contains("nests too deeply"));
        assert!(compile(&"\\pL{1000}".repeat(3)).unwrap_err().contains("too large"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_pattern_panics(pattern in "[a-c\\\\\\[\\](){}*+?|^$.,0-9:<>PpQEiUmsxzdwLé-]{0,14}", text in "[a-c0-9é]{0,8}") {
            if let Ok(re) = compile(&pattern) {
                let _ = captures(&re, &text, -1);
            }
        }
    }
}
