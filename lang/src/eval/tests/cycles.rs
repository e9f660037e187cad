//! Cycles: which references are an error, which are not, and where the error is.

use super::{check, check_tree, json, tree};

#[test]
fn a_reference_to_something_around_it_has_no_end() {
    check_tree("a: b: a", "{a: {b: cycle}}");
    check_tree("a: [a]", "{a: cycle}");
    check_tree("a: [a | int]", "{a: [int]}");
    check_tree("#L: {head: 1, tail: #L}", "{#L: {head: 1, tail: cycle}}");
    // It has one where the reference is one of several ways.
    check_tree("#L: {v: int, t: null | #L}", "{#L: {v: int, t: null}}");
}

#[test]
fn a_cycle_is_told_once_for_each_value_that_holds_it() {
    let text = "#Tree: {left: #Tree}, t: #Tree";
    check(text, "#Tree.left: structural cycle\nt: structural cycle");
}

#[test]
fn references_are_the_same_only_where_they_are_written_in_the_same_place() {
    check_tree("T: {x: _, y: x}\nC: {x: T} & T", "{T: {x: _, y: _}, C: {x: {x: _, y: _}, y: {x: _, y: _}}}");
    // `fib` is reached by two ways, and each goes on.
    let fib = "r: {m: int, out: (f & {n: m}).out}
        f: {n: int, if n > 0 {out: (r & {m: n - 1}).out + (r & {m: n - 1}).out}, if n == 0 {out: 1}}
        x: (f & {n: 1}).out";
    check_tree(fib, "{r: {m: int, out: incomplete}, f: {n: int}, x: 2}");
}

#[test]
fn a_field_that_is_only_a_reference_stands_where_that_stands() {
    check_tree("A: {x: [string | A]}\nC: A", "{A: {x: [string]}, C: {x: [string]}}");
    check_tree(
        "x: a.b\na: b: c: {h: int, t: a.b}",
        "{x: {c: {h: int, t: cycle}}, a: {b: {c: {h: int, t: cycle}}}}",
    );
}

#[test]
fn structure_from_outside_starts_anew() {
    check_tree(
        "list: {head: int, tail: list | 1}\nmy: list\nmy: {head: 2, tail: head: 3}",
        "{list: {head: int, tail: 1}, my: {head: 2, tail: {head: 3, tail: (int|struct)}}}",
    );
    // What it holds itself does not count.
    check_tree("L: {t: L, t: {c: 1}}", "{L: {t: {t: cycle, c: 1}}}");
}

#[test]
fn patterns_add_structure_only_to_fields_that_are_there_for_another_reason() {
    check_tree(
        "#T: a: [string]: link: #T\nx: #T & {a: one: link: a: two: {}}",
        "{#T: {a: {}}, x: {a: {one: {link: {a: {two: {link: {a: {}}}}}}}}}",
    );
    check_tree("#T: a: [...{link: #T}]\nx: #T & {a: [{}]}", "{#T: {a: []}, x: {a: [{link: {a: []}}]}}");
    check_tree("y: [string]: b: y\nx: y\nx: c: b: d: {}", "{y: {}, x: {c: {b: {d: {b: {}}}}}}");
    // The field that the pattern takes comes from the pattern's own struct.
    check_tree("#T: {[string]: #T, b: {}}", "{#T: {b: {b: cycle}}}");
    check_tree("y: [string]: b: y\nx: y\nx: c: x", "{y: {}, x: {c: {b: {b: cycle}, c: cycle}}}");
}

#[test]
fn what_holds_a_cycle_has_no_value_for_others() {
    let text = "#T: {b: {}, c: #T}\na: #T & {d: 1}\ne: #T.b\nf: [for x in #T {x}]";
    check_tree(text, "{#T: {b: {}, c: cycle}, a: {d: 1}, e: cycle, f: cycle}");
}

#[test]
fn recursion_through_comprehensions_ends_where_they_say() {
    check_tree(
        "#C: {in: {...}, out: {for k, v in in {(k): (#C & {in: v}).out}}}\na: (#C & {in: a: b: c: {}}).out",
        "{#C: {in: {}, out: {}}, a: {a: {b: {c: {}}}}}",
    );
    // It must make structure each time: without, two rounds are the most.
    let counter = "f: {n: int, if n > 0 {out: 1 + (f & {\"n\": n - 1}).out}, if n == 0 {out: 0}}\na: (f & {n: 2}).out\nb: (f & {n: 3}).out";
    check_tree(counter, "{f: {n: int}, a: 2, b: cycle}");
}

#[test]
fn what_a_comprehension_goes_through_gets_no_computed_fields_from_it() {
    check_tree("A: {a: 1, for k, _ in A {(k): 1}}", "{A: {a: 1}}");
    check_tree("A: {a: 1, for k, _ in A {\"\\(k)b\": 1}}", "{A: error {a: 1}}");
    check_tree("A: {a: 1, for k, _ in A {(k): 1}, if true {(\"b\"): 1}}", "{A: {a: 1, b: 1}}");
}

#[test]
fn a_value_made_on_the_way_may_hold_what_contains_it() {
    check_tree(
        "#t: {i: {...}, o: i.a}\nx: X={r: (#t & {i: X}).o, a: 1}",
        "{#t: {i: {}, o: incomplete}, x: {r: 1, a: 1}}",
    );
    check_tree("a: {b: ({c: a}).c.b}", "{a: {b: cycle}}");
}

#[test]
fn what_is_embedded_from_inside_is_embedded_with_what_it_gets_so() {
    check("t: {c, c: c: g: 1}", r#"{"t":{"c":{"g":1,"c":{"g":1}},"g":1}}"#);
    check(
        "t: {e: {}, c: d: e: f: 1, c.d, c: d: c: d: e: g: 1}",
        r#"{"t":{"e":{"f":1,"g":1},"c":{"d":{"e":{"f":1,"g":1},"c":{"d":{"e":{"g":1}}}}}}}"#,
    );
    // Alternatives that come so are not, as that would not end.
    let said = json("r: L=L.a, d: a: a: a: {b: 4} | d, out: r & d");
    assert!(said.contains("incomplete value") && !said.contains("budget"), "{said}");
}

#[test]
fn a_cycle_is_told_where_it_is_and_where_it_is_referred_to() {
    let told = "t.left: structural cycle\n#Tree.left: structural cycle";
    check("t: #Tree\n#Tree: {left: #Tree}", told);
    check(
        "t: a: #Tree\n#Tree: {left: a: #Tree}",
        &told.replace("left", "left.a").replace("t.left", "t.a.left"),
    );
    check("#Tree: {left: #Tree}\nt: #Tree", "#Tree.left: structural cycle\nt: structural cycle");
}

#[test]
fn several_references_to_one_value_are_that_value() {
    let list = "#T: [\"a\", #T] | [\"d\", ...#T]\n";
    for x in ["x: #T & #T", "x: #T\nx: #T", "y: #T\nx: y & #T", "y: #T\nz: y\nx: y & z"] {
        let found = tree(&format!("{list}{x}"));
        assert!(found.contains("#T: [\"d\"]") && found.contains("x: [\"d\"]"), "{x}: {found}");
    }
    check_tree("T: {x: \"a\", t: T} | {x: \"d\"}\nX: T & T", "{T: {x: \"d\"}, X: {x: \"d\"}}");
    // What is given beside it may end it.
    check_tree(&format!("{list}x: #T & [\"a\", _]"), "{#T: [\"d\"], x: [\"a\", [\"d\"]]}");
}

#[test]
fn a_part_of_the_value_itself_says_nothing() {
    check_tree("x: [x[0]][0]", "{x: _}");
    check_tree("x: {b: x.c}.b\nx: d: 5", "{x: {d: 5}}");
    check("x: {b: x.c}.b\nx: d: 5", r#"{"x":{"d":5}}"#);
    check_tree("let X = x.c\nx: X", "{x: _}");
    // It is no value that is chosen.
    check_tree("x: [*x[0] | 0][0]", "{x: 0}");
    check_tree("x: x.c", "{x: incomplete}");
}

#[test]
fn a_cycle_counts_more_than_a_conflict_beside_it() {
    check_tree("a: {c: a} & 4", "{a: {c: cycle}}");
    check_tree("a: [a]\na: c: a", "{a: {c: cycle}}");
    check_tree("a: b: c: a\na: b: c: 4", "{a: {b: {c: {b: {c: cycle}}}}}");
    // What is computed beside a struct that is written ends where that does.
    check_tree("X: [string]: string\na: [string]: X\na: b: c: a", "{X: {}, a: {b: {c: {b: {c: cycle}}}}}");
}

#[test]
fn what_is_no_struct_is_nothing_beside_a_cycle() {
    check_tree("z: {a: z}\nD: z\nD: 3", "{z: {a: cycle}, D: cycle}");
    check_tree("z: {a: z}\nD: bool | z\nD: 3", "{z: {a: cycle}, D: error}");
}
