//! Checks: functions used as validators, bounds, and when a check fails for good.

use super::{check, check_tree};

#[test]
fn a_check_waits_for_something_to_check() {
    check_tree("a: matchN(1, [>10]), b: a & int, c: a & 11", "{a: _, b: int, c: 11}");
    check_tree("a: matchN(1, [{b!: int}]), c: a & {}", "{a: _, c: incomplete}");
}

#[test]
fn too_few_fields_are_wrong_for_good_only_where_none_can_be_added() {
    let fields = |s: &str| format!("import \"struct\"\na: struct.MinFields(2) & {s}");
    check_tree(&fields("{x: 1}"), "{a: {x: 1}}");
    check_tree(&fields("close({x?: 1})"), "{a: error}");
    check_tree(&fields("close({x?: 1, y?: 1})"), "{a: incomplete}");
    check_tree(&fields("close({x?: 1, [=~\"^y\"]: 1})"), "{a: incomplete}");
}

#[test]
fn equal_items_may_still_differ_as_long_as_they_are_open() {
    let list = |s: &str| format!("import \"list\"\na: list.UniqueItems() & {s}");
    check_tree(&list("[int, string, 1]"), "{a: [int, string, 1]}");
    check_tree(&list("[int, int]"), "{a: incomplete}");
    check_tree(&list("[{x: 1}, {x: 1}]"), "{a: incomplete}");
    check_tree(&list("[close({x: 1}), close({x: 1})]"), "{a: error}");
    check_tree(&list("[close({x: 1}), close({x: 1, y?: 2})]"), "{a: incomplete}");
    check_tree(
        "import \"list\"\na: list.MinItems(1) & [...], b: list.MinItems(1) & []",
        "{a: incomplete, b: error}",
    );
}

#[test]
fn a_check_of_a_branch_sees_the_branch() {
    check("import \"list\"\na: [1, 2] | [1], a: list.MinItems(2)", r#"{"a":[1,2]}"#);
    check("import \"list\"\na: [\"x\", 1, 2] | [1], a: list.MatchN(>=2, 1 | *2)", r#"{"a":["x",1,2]}"#);
}

#[test]
fn a_field_that_is_a_function_can_be_called() {
    check_tree(
        "import \"encoding/json\"\na: json.Valid, b: a(\"3\"), c: a(), d: c(), e: 1, f: e()",
        "{a: (string|bytes), b: true, c: (string|bytes), d: error, e: 1, f: error}",
    );
}

#[test]
fn bounds_have_the_type_of_their_limit() {
    check_tree(
        "a: !=\"x\" & <5, b: !=2 & \"x\", c: !=null & 5, d: !=[1] & [2]",
        "{a: error, b: error, c: 5, d: [2]}",
    );
    check_tree(
        "a: int & >=1.1 & <=1.9, b: int & >1 & <2, c: int & >=1.1 & <=2, d: >=1.1 & <=1.9",
        "{a: error, b: error, c: int, d: number}",
    );
    check_tree(
        "a: int & >-0.5 & <=0, b: int & >-2 & <-1, c: {!=null}",
        "{a: int, b: error, c: (bool|string|bytes|func|list|struct|number)}",
    );
}

#[test]
fn the_default_of_an_argument_is_closed() {
    check_tree("a: close(*{x: 1} | 0), b: a & {y: 1}", "{a: {x: 1}, b: {x: 1, y: error}}");
    check_tree("a: close({x: 1} | {y: 1}), b: (a & {x: 1}).x", "{a: incomplete, b: incomplete}");
}

#[test]
fn what_is_wrong_for_good_comes_before_what_is_missing() {
    check_tree("#T: {x: string, a: \"\\(x) \\(b.y)\", b: {}}", "{#T: {x: string, a: error, b: {}}}");
}

#[test]
fn operands_that_are_types_are_refused() {
    check("a: string == 1", "compile: a: invalid operand string ('==' requires concrete value)");
}

#[test]
fn a_function_may_be_a_value() {
    check(
        "import \"strings\"\n#up: strings.ToUpper, _l: {n: len}, x: #up(\"a\"), y: _l.n([1, 2]), z: [strings.ToLower][0](\"B\")",
        r#"{"x":"A","y":2,"z":"b"}"#,
    );
    check("import \"strings\"\nup: strings.ToUpper", "up: the function strings.ToUpper is not called");
    check("#f: len, x: #f & 1", "x: conflicting values func and 1 (mismatched types func and int)");
}
