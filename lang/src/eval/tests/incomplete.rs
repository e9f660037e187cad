//! What is not known yet, as opposed to what is wrong, and how `_|_` is compared with.

use super::{check, check_tree, json};

#[test]
fn scalars_that_are_not_concrete_are_bottom_in_comparisons() {
    check_tree("n: string\na: n == _|_\nb: n != _|_", "{n: string, a: true, b: false}");
    check_tree("s: {x: >1}\na: s.x == _|_", "{s: {x: number}, a: true}");
    check_tree(
        "s: {x: int}, l: [int], t: _, d: 1 | 2\na: [s == _|_, l == _|_, t == _|_, d == _|_]",
        "{s: {x: int}, l: [int], t: _, d: int, a: [false, false, false, false]}",
    );
    // What the struct itself still adds is waited for.
    check_tree("a: {n: string, if n != _|_ {x: 1}, if true {n: \"v\"}}", "{a: {n: \"v\", x: 1}}");
}

#[test]
fn fields_of_a_struct_that_is_not_finished_are_not_known() {
    check_tree(
        "o: {y: 1, b: bool, if b {z: 1}}\nr: o.y\nl: len(o)\nk: [for k, _ in o {k}]",
        "{o: {y: 1, b: bool}, r: incomplete, l: incomplete, k: incomplete}",
    );
}

#[test]
fn what_can_never_fit_is_wrong_before_it_is_concrete() {
    check_tree(
        "s: string\na: [if s {1}]\nb: !s\nc: [for x in s {x}]\nd: -s",
        "{s: string, a: error, b: error, c: error, d: error}",
    );
    check_tree("s: string | bool\na: [if s {1}]", "{s: (bool|string), a: incomplete}");
    check_tree("t: _\na: [1][t]\nb: t[1]", "{t: _, a: error, b: incomplete}");
    check_tree(
        "#d: {a: 1}\nb: #d.b\n#e: {a: 1, ...}\nc: #e.b",
        "{#d: {a: 1}, b: error, #e: {a: 1}, c: incomplete}",
    );
}

#[test]
fn an_empty_or_may_still_get_terms() {
    check_tree("l: [...int]\na: or(l)", "{l: [], a: incomplete}");
}

#[test]
fn patterns_that_are_wrong_are_an_error_of_their_struct() {
    check_tree("a: {[=~\"x)\" & =~\"y\"]: int, b: 1}", "{a: error {b: 1}}");
}

#[test]
fn elements_move_before_they_are_known() {
    check_tree(
        "import \"list\"\nx: int\na: list.Concat([[x, 1], [x]])\nb: list.Repeat([int], 2) & [1, ...]\nc: list.FlattenN([[x], x], 1)",
        "{x: int, a: [int, 1, int], b: [1, int], c: [int, int]}",
    );
}

#[test]
fn interpolation_writes_numbers_and_bytes_as_the_reference_does() {
    check_tree("a: \"\\(1e2) \\(1.0)\"\nb: \"\\('a\\xe2\\x95b')\"", "{a: \"1E+2 1.0\", b: \"a\u{fffd}b\"}");
}

#[test]
fn an_index_that_is_not_known_yet_may_be_by_default() {
    check_tree(
        "n: string, v: a: 1, i: string | *\"\\(n)\", x: v[i]",
        "{n: string, v: {a: 1}, i: string, x: incomplete}",
    );
}

#[test]
fn what_is_computed_from_fields_beside_it_waits_for_all_of_them() {
    check(
        "import \"list\"\na: {_, _c: x: 100}\na: {list.Sum([for _, v in _c {v}]), _c: {y: 1, z: 10}}",
        r#"{"a":111}"#,
    );
    check(
        "import \"list\"\n#D: {#in: [...number], number & list.Sum(#in)}\nx: #D & {_, #in: [1, 2]}",
        r#"{"x":3}"#,
    );
    check("a: {len(_c), _c: x: 1}, a: {_, _c: y: 1}", r#"{"a":2}"#);
}

#[test]
fn elements_keep_their_defaults_where_they_move() {
    check(
        "import \"list\"\na: list.Concat([[*1 | int], [2]]) & [3, int]\nb: list.Reverse([*1 | 2, 3])",
        r#"{"a":[3,2],"b":[3,1]}"#,
    );
    check(
        "import \"list\"\na: list.Slice([1, 2], 1, 3)",
        "a: error in call to list.Slice: slice bounds out of range",
    );
}

#[test]
fn a_yaml_text_without_a_document_may_be_anything() {
    check(
        "import \"encoding/yaml\"\na: yaml.Unmarshal(\"# nothing\") & {x: 1}\nb: yaml.Unmarshal(\"\")\nc: yaml.UnmarshalStream(\"\") & [2]",
        r#"{"a":{"x":1},"b":null,"c":[2]}"#,
    );
    check(
        "import \"encoding/yaml\"\na: yaml.Unmarshal(\"null\") & {x: 1}",
        "a: conflicting values null and {x:1} (mismatched types null and struct)",
    );
}

#[test]
fn lists_and_structs_are_compared_once_they_are_concrete() {
    check("a: [1] == [1], b: {x: 1} != {x: 2}, c: [1] == 1", r#"{"a":true,"b":true,"c":false}"#);
    check_tree("a: [int] == [], b: {x: int} == 1", "{a: incomplete, b: incomplete}");
    check("a: {x: 1 & 2} == 1", "a: cannot compare this struct with '==': conflicting values 1 and 2");
    // Numbers are the same whatever they are written as, but values that hold them are not.
    check("a: 1 == 1.0, b: [1] == [1.0]", r#"{"a":true,"b":false}"#);
}

#[test]
fn a_required_field_must_be_there_whatever_its_name() {
    let said = "field is required but not present";
    check("x: {_h!: 1}", &format!("x._h: {said}"));
    check("#F: {#in!: int, out: 1}, x: #F", &format!("x.#in: {said}"));
    check("#F: {#in!: int, out: #in}, x: #F & {#in: 2}, _y: {h!: 1}", r#"{"x":{"out":2}}"#);
}

#[test]
fn what_declares_no_field_beside_any_value_is_any_value() {
    for x in ["{_, b?: 1}", "{_, #a: 1}", "{z, _a: 1}"] {
        let told = json(&format!("#z: _, z: 1, x: {}", x.replace("z", "#z")));
        assert!(told.starts_with("x: incomplete value "), "{x}: {told}");
        check(&format!("z: 1, #z: _, y: {} & 1", x.replace("z", "#z")), r#"{"z":1,"y":1}"#);
    }
    check("x: {_, b: 1}", r#"{"x":{"b":1}}"#);
}

#[test]
fn a_field_that_is_required_and_missing_is_not_left_out_of_a_comprehension() {
    let text = "#x: {n!: int, c: 1}, a: [for v in #x {v}], b: #x & {n: 2}, c: [for v in b {v}], d: *a | 5";
    check_tree(text, "{#x: {n!: int, c: 1}, a: incomplete, b: {n: 2, c: 1}, c: [2, 1], d: 5}");
    check_tree(
        "#s: {in: {n!: int}, out: [for v in in {v}]}, x: (#s & {in: n: 3}).out",
        "{#s: {in: {n!: int}, out: incomplete}, x: [3]}",
    );
    check_tree("x: {#d!: 1, c: 2}, y: [for v in x {v}]", "{x: {#d!: int, c: 2}, y: [2]}");
}
