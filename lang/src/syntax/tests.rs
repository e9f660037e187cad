//! What the parser accepts, what it refuses, and how it says so.

use super::ast::{self, DeclKind, ExprKind};
use super::{parse, parse_expr};
use crate::source::{FileId, Source, SourceMap};

/// The mistakes of a text, one a line.
fn mistakes(text: &str) -> String {
    let mut map = SourceMap::default();
    let file = map.add(Source::new("x.cue", text));
    let (_, errors) = parse(file, text);
    let line = |d: &crate::diag::Diagnostic| {
        let at = d
            .labels
            .first()
            .and_then(|l| map.position(l.span))
            .map_or("?".to_owned(), |p| format!("{}:{}", p.line, p.column));
        let hint = d.hint.as_ref().map_or(String::new(), |h| format!(" (hint: {h})"));
        format!("{at}: {}: {}{hint}\n", d.code.as_str(), d.message)
    };
    errors.iter().map(line).collect()
}

fn good(text: &str) -> ast::File<'_> {
    let (file, errors) = parse(FileId(0), text);
    assert!(errors.is_empty(), "{text:?}: {errors:#?}");
    file
}

#[test]
fn accepts_what_the_language_has() {
    for text in [
        "",
        "\n\n",
        "// only a comment",
        "a: 1",
        "a: 1\nb: 2\n",
        "a: 1, b: 2,\n",
        "a: b: c: 1 @x(y)",
        "package foo\n\nimport \"x\"\n\nimport (\n\ty \"z/w:v\"\n\t\"u\"\n)\n\na: x.b\n",
        "package foo, import \"x\", a: 1",
        "import (\"a\", \"b\")\nx: a",
        "@if(a && b)\n\npackage foo",
        "@extern(embed)\npackage foo\n@bar()\nimport \"x\"\na: x",
        "a?: b!: c: 1",
        "\"a\"?: 1",
        "\"\\(a)\"?: 1",
        "(a)?: 1",
        "[string]: 1",
        "[X=string]: X",
        "X=[string]: 1",
        "(X=a): 1",
        "X=(a): 1",
        "X=a: 1\nY=\"b\": X",
        "a: X={b: X.c}",
        "for: 1\nif: 2\nin: 3\nlet: 4\nnull: 5\ntrue: 6\na: for\nb: if\nc: in + let",
        "a: for\nb: if.x\nc: x.for.if.null",
        "if",
        "in\nfor\nlet",
        "a: 1\npackage: 2\nimport: 3\nb: import",
        "for x in y {a: x}",
        "for k, v in y if k != \"a\" let z = v {(k): z}",
        "for x in y\nif x > 1\nlet z = x\n{z}",
        "if a {b: 1}",
        "a: [for x in y if x > 1 {x}, 2, ...]",
        "a: [1\n2\n3]",
        "a: [...]",
        "a: [...int,]",
        "a: [1, ...int]",
        "a: {...}",
        "...",
        "let x = 1 + 2",
        "a: -1 + !b * +c",
        "a: *1 | >2 & <=3 | !=4 | =~\"x\" | !~\"y\" | ==5",
        "a: b.c.\"d e\"[1][\"x\"](2, 3,).f",
        "a: f(\n\t1,\n\t2,\n)",
        "a: f(\n1\n)",
        "a: b[1\n]",
        "a: \"x\\(y)z\\(f(\"\\(w)\"))\"",
        "a: \"\\(\n1\n)\"",
        "a: #\"x\\(y)\\#(z)\"#",
        "a: '\\xff\\000'",
        "a: \"\"\"\n\tx\n\t  y\\(z)\n\n\tw\n\t\"\"\"",
        "a: #\"\"\"\n\tx \\ \"\"\" y\n\t\"\"\"#",
        "a: '''\n  x\n  '''",
        "a: \"\"\"\r\n  x\r\n  \"\"\"\r\nb: 1\r\n",
        "a: _|_ | _",
        "_: 1",
        "#A: _#b: #: 1",
        "$a: _b: __c",
        "a\n: 1",
        "a: {\n} & {\n}",
        "{a: 1}",
        "[1, 2]",
        "\"x\"",
        "\u{feff}a: 1",
        "日本: \"語\"",
        "a: 1 @for(x, [y], {z: \"(\"})\n@w()",
        "a: func",
        "@experiment(try)\nif x {a: 1} else {b: 2}",
        "@experiment(try, explicitopen)\npackage p\na: x...",
        "a: b[1:2] + b[:2] + b[1:] + b[:]",
        "a\n: {b: 1\n, c: 2\n}\n, d: [1\n, 2]",
    ] {
        good(text);
    }
}

#[test]
fn refuses_what_the_language_has_not() {
    let mut out = String::new();
    for text in [
        "a: 01",
        "a: 1__0",
        "a: 0x",
        "a: 1e",
        "a: 1K2",
        "a: 5 div 2",
        "a: b c",
        "a 1",
        "{a b}",
        "X = 3",
        "a: 1; b: 2",
        "a:",
        "a: }",
        "{a: 1",
        "a: [1, 2\nb: 3",
        "a: (1\n)",
        "a: [..., 1]",
        "{,}",
        "1: 2",
        "a.b: 1",
        "[a, b]: 1",
        "__a: 1",
        "a: \"x",
        "a: \"x\ny\"",
        "a: \"\"\"x\"\"\"",
        "a: \"\"\"\n  x\n y\n  \"\"\"",
        "a: \"\\q\"",
        "a: \"\\x41\"",
        "a: '\\400'",
        "a: \"\\u12\"",
        "a: \"\\ud800\"",
        "a: \"\\U00110000\"",
        "a: \"\\(1\"",
        "a: \"\\(1}\"",
        "a: x.\"\"\"\n  y\n  \"\"\"",
        "a: f(,)",
        "a: 1\nimport \"x\"",
        "import \"x\"\npackage foo",
        "package: 1",
        "import \"a b\"",
        "import \"\"",
        "package #foo",
        "a: @x()",
        "a: 1 @x",
        "@x({[(]})",
        "@x(a",
        "a: if x {1}",
        "a: (if x {1})",
        "let x: 1",
        "for in in y {}",
        "for x y {}",
        "if x [1]",
        "if x\nb: 1",
        "a: ;",
        "a: 1 2\nb: 3 4\nc: {d: 5 6}\ne: 7",
        "a: “x”",
        "a: b &",
        "a: *",
        "...int",
        "a: x...",
        "if x {a: 1} else {b: 2}",
        "a: 1 @x(01)",
        "a: 1 @x(\"\\q\", ^)",
        "a: 1 @x(\"\\(b)\")",
    ] {
        let found = mistakes(text);
        out.push_str(&format!("{text:?}\n{found}\n"));
    }
    insta::assert_snapshot!(out);
}

fn value(text: &str) -> ExprKind<'_> {
    let (x, errors) = parse_expr(FileId(0), text);
    assert!(errors.is_empty(), "{text:?}: {errors:#?}");
    x.kind
}

fn string(text: &str) -> String {
    match value(text) {
        ExprKind::String(s) => s.text().into_owned(),
        other => panic!("{text:?} is no string: {other:?}"),
    }
}

#[test]
fn decodes_strings() {
    assert_eq!(string(r#""a\n\t\"\\\/""#), "a\n\t\"\\/");
    assert_eq!(string(r#""\u00e9\U0001F604\ud83d\ude00""#), "é😄😀");
    assert_eq!(string(r##"#"a\n\#n"b"#"##), "a\\n\n\"b");
    assert_eq!(string(r##"#"""#"##), "\"");
    assert_eq!(string("\"\"\"\n\t\ta\n\t\t  b\n\n\t\tc\n\t\t\"\"\""), "a\n  b\n\nc");
    assert_eq!(string("\"\"\"\r\n  a\r\n  b\r\n  \"\"\""), "a\nb");
    assert_eq!(string("\"\"\"\n  a \\\n  b\n  \"\"\""), "a b");
    assert_eq!(string("\"\"\"\n  \"\"\""), "");
    assert_eq!(string("\"\"\"\n\n  \"\"\""), "");
    assert_eq!(string("\"\"\"\n  a \"\"\" b\n  \"\"\""), "a \"\"\" b");
    let ExprKind::String(s) = value(r"'\xff\101\u00e9'") else { panic!() };
    assert_eq!(s.value(), b"\xffA\xc3\xa9");
    let ExprKind::Interpolation(i) = value("\"\"\"\n  a\\(1)b\n  \\(2)\n  c\n  \"\"\"") else { panic!() };
    let parts: Vec<_> = i.parts.iter().map(ast::StrLit::text).collect();
    assert_eq!(parts, ["a", "b\n", "\nc"]);
}

#[test]
fn binds_operators_by_strength() {
    let ExprKind::Binary { op, r, .. } = value("a | b & c + d * e == f") else { panic!() };
    assert_eq!(op.as_str(), "|");
    assert!(matches!(&r.kind, ExprKind::Binary { op, .. } if op.as_str() == "&"));
}

#[test]
fn goes_on_after_mistakes() {
    let (file, errors) = parse(FileId(0), "a: 1\nb: 2 3\nc: 4\nd: {e: 5 6, f: 7}\n");
    assert_eq!(errors.len(), 2);
    assert_eq!(file.decls.len(), 4);
    assert!(matches!(file.decls[1].kind, DeclKind::Bad));
}

#[test]
fn survives_literals_that_are_cut_off() {
    for text in [
        "a: \"\"\"\n  \\(b)\n  ",
        "a: \"\"\"\n  \\(b)\"\"\"",
        "a: \"\"\"\n  \\(b)é",
        "a: \"\"\"\n  é",
        "a: '''\n\\(b)\n\té",
    ] {
        assert!(!mistakes(text).is_empty(), "{text:?}");
        survive(text);
    }
}

#[test]
fn bounds_depth() {
    for (open, close) in [("{", "}"), ("[", "]"), ("(", ")"), ("{a: ", "}"), ("\"\\(", ")\"")] {
        for n in [1_000, 100_000] {
            let text = format!("{}1{}", open.repeat(n), close.repeat(n));
            let (_, errors) = parse(FileId(0), &text);
            assert!(!errors.is_empty() && errors.len() < 10, "{open}: {}", errors.len());
        }
    }
    for chain in ["a: ", "-", "a+", "a.", "a|", "a &", "X="] {
        let text = format!("{}1", chain.repeat(100_000));
        let (_, errors) = parse(FileId(0), &text);
        assert!(!errors.is_empty(), "{chain}");
    }
    // What is just allowed can be formatted and dropped, too.
    for (open, close) in [("{a: ", "}"), ("[", "]"), ("(", ")"), ("a: ", ""), ("b | ", ""), ("-", "")] {
        let n = if open == "b | " || open == "-" { 1_900 } else { 390 };
        let text = format!("x: {}1{}", open.repeat(n), close.repeat(n));
        super::fmt::format(&good(&text));
    }
}

/// Pieces of the language, for texts that are almost programs.
const PIECES: [&str; 62] = [
    "a", "b", "#D", "_", "_|_", "1", "01", "1.5Ki", ".5", "0x", "\"", "\"\"\"", "'", "'''", "#\"", "\"#",
    "\\(", ")", "(", "{", "}", "[", "]", ",", ":", "?", "!", "=", "==", "=~", "|", "&", "||", "&&", "+", "-",
    "*", "/", "<", ">=", "...", ".", "@a(", "@", "for ", "in ", "if ", "let ", "else ", "try ", "package ",
    "import ", "null", "true", "\n", " ", "\t", "// c\n", "\r\n", "\\", "é", "\u{feff}",
];

/// Parses and formats, as the programs do with whatever they are given.
fn survive(text: &str) {
    let (file, errors) = parse(FileId(0), text);
    let formatted = super::fmt::format(&file);
    let bad = file.decls.iter().any(|d| matches!(d.kind, DeclKind::Bad));
    assert!(!bad || !errors.is_empty(), "a declaration was given up without a message: {text:?}");
    let len = text.len() as u32;
    for l in errors.iter().flat_map(|d| &d.labels) {
        assert!(l.span.start <= l.span.end && l.span.end <= len, "{:?} is not in {text:?}", l.span);
    }
    let _ = (formatted, parse_expr(FileId(0), text));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 1_000, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn any_text_is_survived(text in ".{0,200}") {
        survive(&text);
    }

    #[test]
    fn any_pieces_are_survived(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.into_iter().map(|i| PIECES[i]).collect();
        survive(&text);
    }
}
