//! Programs of declarations that are written down here, with values by chance in them: forms that the grammar makes seldom or never. Each theme has names
//! that its declarations share, so that they meet.

use super::grammar::Chance;
use super::program::{Part, Sort};

/// A declaration: text around and between the values in it, and how many there are.
type Form = (&'static str, &'static str, &'static str, usize);

const VALUES: &[&str] = &[
    "1",
    "2",
    "int",
    "string",
    "\"a\"",
    "\"ab\"",
    "_",
    "{}",
    "{a: 1}",
    "{a: int, ...}",
    "null",
    ">=1",
    "<=2",
    "[1]",
    "[...]",
    "(*1 | int)",
    "(*\"a\" | string)",
    "(1 | 2)",
    "x",
    "y",
    "x.a",
    "#A",
    "close({a: int})",
];

/// Patterns and hidden fields.
const PATTERNS: &[Form] = &[
    ("x: {_h: ", ", [string]: ", "}", 2),
    ("x: {[=~\"^a\"]: ", ", a: ", "}", 2),
    ("#A: {[=~\"^a\"]: ", ", _h: ", ", #d: 1}", 2),
    ("y: x & {a: ", ", _h: ", "}", 2),
    ("y: #A & {ab: ", ", b: ", "}", 2),
    ("y: {#A, _h: ", ", b: ", "}", 2),
    ("z: {h: x._h, v: ", "", "}", 1),
    ("#A: {[!=\"b\"]: [string]: ", "", "}", 1),
    ("x: [>\"a\" & <\"c\"]: ", "", "", 1),
];

/// `let`, comprehensions, computed labels and interpolation.
const COMPUTED: &[Form] = &[
    ("x: {a: ", ", b: ", "}", 2),
    ("#A: {for k, v in x let l = v {\"\\(k)k\": l, a: ", "", "}}", 1),
    ("y: {for k, v in x let l = [v, ", "", "] if len(l) > 1 {(k): l[0]}}", 1),
    ("z: [for k, v in x let l = k + \"x\" {l}, ", "", ", ...int]", 1),
    ("y: \"\\(s)-\\(x.a)\", s: (*\"a\" | ", "", ")", 1),
    ("\"\\(t)k\": ", ", t: (*\"a\" | string) & ", "", 2),
    ("x: {let l = ", ", a: l, b: {let l = ", ", c: l}}", 2),
    ("x: (\"a\"): ", "", "", 1),
    ("#A: {n: *\"a\" | string, (n): ", "", "}", 1),
    ("y: #A & {n: ", "", "}", 1),
    ("z: {if x.a != _|_ {a: ", "}, if x.a == _|_ {b: ", "}}", 2),
];

/// Optional and required fields, and cycles through them.
const OPTIONAL: &[Form] = &[
    ("#A: {a?: ", ", b!: ", "}", 2),
    ("#A: {v?: ", ", next?: #A, a: ", "}", 2),
    ("x: {a!: ", ", b?: ", "}", 2),
    ("x: {a?: ", "} & {a?: ", "}", 2),
    ("y: x & {a: ", "", "}", 1),
    ("y: #A & {next: v: ", ", b: ", "}", 2),
    ("y: {#A, a?: ", "", "}", 1),
    ("z: {if x.a != _|_ {c: ", "", "}, d?: z, e?: {z}}", 1),
    ("z: {a?: x, b: a?.b, c: ", "", "}", 1),
    ("z: {for k, v in {a?: 1, b!: 2, c: ", "", "} {\"\\(k)\": v}}", 1),
];

/// Names for fields, labels and values.
const ALIASES: &[Form] = &[
    ("X=\"x-y\": ", ", x: X & ", "", 2),
    ("x: Y={a: ", "", ", b: Y.a}", 1),
    ("y: x & {a: ", "", "}", 1),
    ("x: [K=string]: {name: K, v: ", "", "}", 1),
    ("x: {k: v: ", "", ", l: {}}", 1),
    ("F=[=~\"^f\"]: {v: ", "", ", w: F.v}", 1),
    ("f1: v: ", "", "", 1),
    ("y: {D=(\"k\"): ", "", ", e: D}", 1),
    ("#A: X={a?: ", "", ", b: {c: X.a}}", 1),
    ("z: #A & {a: ", "", "}", 1),
];

/// Numbers, text and bytes.
const LITERALS: &[Form] = &[
    ("x: {a: div(-7, 2), b: mod(-7, 2), c: quo(-7, 2), d: rem(7, -2), e: ", "", "}", 1),
    ("x: {a: 0x1F + 1_000, b: 1Ki, c: 1.5M, d: 0b11, e: 0o17, f: ", "", "}", 1),
    ("y: {a: 7 / 2, b: 1e3, c: 1.0 * 2, d: 3 - 0.5, e: ", "", "}", 1),
    ("y: {a: \"\\u0041\\t\\\"\", b: 'a\\x42\\103', c: #\"a\\nb\\#n\"#, d: ", "", "}", 1),
    ("z: {a: \"\"\"\n\ta\n\t  b\n\tc\n\t\"\"\", b: ", "", "}", 1),
    ("z: {a: '\\(x.a)', b: \"\\(x)\", c: ", "", "}", 1),
    ("#A: {a: (>=1 & <=3 & ", "", "), b: (int & >0 & <2), c: (>1.5 & <2.5 & int)}", 1),
    ("#A: {a: (>\"a\" & <=\"b\") & ", ", b: !=1 & !=2 & ", "}", 2),
    ("a: {b: \"a\" < \"b\", c: 'a' < 'b', d: 1 < 1.5, e: 1 == 1.0, f: [1] == [1.0], g: ", "", "}", 1),
    ("x: {a: 3 * \"ab\", b: \"a\" + \"b\", c: 'a' + 'b', d: ", "", "}", 1),
    ("y: {a: ", "", " @go(A) @x(b,c=\"d\")\n@y()}", 1),
];

/// Structs closed by what they embed, and alternatives of them.
const EMBEDDED: &[Form] = &[
    ("#A: {a: ", "", "}", 1),
    ("#A: {{a: ", "} | {b: ", "}, c?: int}", 2),
    ("#B: {#A, d: ", "", "}", 1),
    ("#B: (#A & {a: ", "}) | close({e: ", "})", 2),
    ("x: {#B, a: ", "", "}", 1),
    ("x: #B & {d: ", ", a: ", "}", 2),
    ("y: {x, f: ", "", "}", 1),
    ("y: (x | {g: ", "}) & {a: ", "}", 2),
    ("y: ({#A, h: ", "", "} | *#B)", 1),
    ("z: y & {a: ", "", "}", 1),
];

const NAMES: &[&str] = &["x", "y", "#A"];

/// A program of one of the themes.
pub(super) fn forms(c: &mut Chance) -> Part {
    let themes = [PATTERNS, COMPUTED, OPTIONAL, ALIASES, LITERALS, EMBEDDED];
    let theme = themes[c.below(themes.len())];
    let n = 2 + c.below(3);
    let mut decls = Vec::new();
    for _ in 0..n {
        let (open, between, close, values) = theme[c.below(theme.len())];
        let parts = (0..values).map(|_| Part::word(c.pick(VALUES))).collect();
        decls.push(Part::new(Sort::Other, open, between, close, parts, values));
    }
    for name in NAMES {
        let declared = |d: &Part| d.open.split_once(':').is_some_and(|(n, _)| n == *name);
        if !decls.iter().any(declared) {
            decls.push(Part::new(Sort::Other, format!("{name}: "), "", "", vec![Part::word("_")], 1));
        }
    }
    Part::new(Sort::Other, "", "\n", "\n", decls, 1)
}
