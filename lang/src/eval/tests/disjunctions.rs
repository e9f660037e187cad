//! Disjunctions: which branches are left, what is the default, and what names mean inside of a branch.

use super::{check, check_tree, json};

#[test]
fn a_branch_without_a_value_does_not_count_beside_one_that_has_one() {
    check_tree("x: {}, a: *x.n | 1, b: x.n | {k: 2}", "{x: {}, a: 1, b: {k: 2}}");
    check_tree("s: string, a: s + \"x\" | 3, b: (\"\\(s)\" | string) & \"y\"", "{s: string, a: 3, b: \"y\"}");
    check_tree("s: string, a: {k: s + \"x\"} | {j: 2}", "{s: string, a: {j: 2}}");
    check_tree("x: bool, a: {if x {k: 1}} | {j: 2}", "{x: bool, a: {j: 2}}");
    // What is further down may be completed, and what is optional need not be there.
    check_tree("s: string, a: {k: l: s + \"x\"} | {j: 2}", "{s: string, a: struct}");
    check_tree("s: string, a: {k?: s + \"x\"} | {j: 2}", "{s: string, a: struct}");
}

#[test]
fn no_branch_with_a_value_is_incomplete_while_one_may_get_one() {
    check_tree("x: {}, a: x.n | x.m, b: *a | 5", "{x: {}, a: incomplete, b: 5}");
    check_tree("x: {}, a: (x.n | 3) & 4", "{x: {}, a: incomplete}");
    check_tree("a: (2 | 3) & 4", "{a: error}");
}

#[test]
fn defaults_below_an_unmarked_term_of_a_marked_disjunction_are_lost() {
    check_tree("a: (*3 | (*1 | 2)) & (1 | 2)", "{a: int}");
    check_tree("a: (3 | (*1 | 2)) & (1 | 2)", "{a: int *1}");
    check_tree("a: *(1 & 2) | (*\"x\" | string)", "{a: string}");
    check_tree("a: *1 | *(*2 | 3), b: a & 3", "{a: int, b: 3}");
}

#[test]
fn several_defaults_of_structs_are_a_default() {
    check_tree("a: *{x: 1} | *{x: 2} | {x: 3}", "{a: struct *struct}");
    check_tree("a: *1 | *2 | 3", "{a: int}");
    check("a: (*{x: 1} | *{x: 2} | {x: 3}) & {x: 2}", r#"{"a":{"x":2}}"#);
}

#[test]
fn what_is_left_to_decide_tells_branches_apart() {
    // After the first choice in `a` and the last in `b` the value is `string` both times, with different choices to come.
    let text = "v: 0 | 1 | 2, a: v | string, b: *(2 | 3) | (0 | 1 | 4) | string, c: *(0 | 3 | 4) | string";
    check_tree(
        &format!("{text}, p: (a & b) & c"),
        "{v: int, a: (int|string), b: (int|string), c: (int|string), p: (int|string) *0}",
    );
    // Equal values that are closed differently: only one of them allows `a`.
    check(
        "#d: {*{} | {a: string} | {b: string}, *{} | {c: string}}, x: #d & {a: \"p\"}",
        r#"{"x":{"a":"p"}}"#,
    );
}

#[test]
fn terms_that_are_written_again_and_again_are_followed_once() {
    let lines = |term: &str| format!("a: {term}\n").repeat(30);
    check_tree(&lines("{[string]: 1} | {a: 2}"), "{a: struct}");
    check(&format!("{}a: [3]", lines("[1] | [2] | [3] | [4]")), r#"{"a":[3]}"#);
    check(&format!("{}a: \"b\"", lines("<\"a\" | >\"b\" | *string")), r#"{"a":"b"}"#);
    check(&format!("{}a: x: 1", lines("*{x: 1} | {x: 2} | {x: 3}")), r#"{"a":{"x":1}}"#);
    check(&lines("*{x: 1} | {x: 2} | {x: 3}"), r#"{"a":{"x":1}}"#);
    check(&lines("_ | {}"), "a: incomplete value _ | {}");
    let failed = json(&format!("{}a: x: 4", lines("{x: 1} | {x: 2} | {x: 3}")));
    assert_eq!(failed, "a: x: 4 is not allowed here; allowed are 1, 2, 3");
    // What closes a struct may be told by a term that is still to be chosen.
    let text = "#d: {*{} | {a: string} | {b: string}, *{} | {c: string}, *{} | {d: string} | {e: string}}";
    check(&format!("{text}, x: #d & {{a: \"p\", e: \"q\"}}"), r#"{"x":{"a":"p","e":"q"}}"#);
    check(&format!("{text}, x: #d & {{c: \"p\"}}"), r#"{"x":{"c":"p"}}"#);
    check(
        "#A: {x: 1} | {y: 2}, #B: {#A, #A, _ | {}, _ | {}, z: 3, ...}, b: #B & {y: 2, w: 1}",
        "b: incomplete value {x:1,z:3,y:2,w:1} | {y:2,z:3,w:1}",
    );
}

#[test]
fn branches_that_say_the_same_more_than_once_are_one() {
    check("#A: {c?: string}, x: #A & (#A | {})", r#"{"x":{}}"#);
    check("#A: _ | {}, x: {#A, a: 1, ...}", r#"{"x":{"a":1}}"#);
}

#[test]
fn a_name_for_the_value_means_the_branch_inside_of_it() {
    check("a: {x: 1} | {x: 2}, a: y: a.x", "a: incomplete value {x:1,y:1} | {x:2,y:2}");
    check_tree(
        "a: {k: \"p\"} | {k: \"q\"}, m: q: n: 1, a: *m[a.k] | _, b: a.n",
        "{a: struct *{k: \"q\", n: 1}, m: {q: {n: 1}}, b: 1}",
    );
}

#[test]
fn a_failed_disjunction_keeps_what_is_said_beside_it() {
    check_tree("#S: string | {}, a: {n: true} & #S", "{#S: (string|struct), a: error {n: true}}");
}

#[test]
fn a_failed_disjunction_tells_why_each_branch_fell() {
    use crate::api::{NoPackages, Program};
    use crate::source::Source;
    let text = "#A: {f: null | #B}, #B: {g: null | int}, a: #A & {f: g: \"x\"}";
    let program = Program::compile(vec![Source::new("t.cue", text)], &NoPackages).unwrap();
    let failure = program.instance().root().data().unwrap_err();
    let [only] = failure.diagnostics.as_slice() else { panic!("{failure}") };
    let at = |word: &str| {
        let places = only.labels.iter().filter(|l| text[l.span.start as usize..].starts_with(word));
        places.map(|l| l.message.as_str()).collect::<Vec<_>>()
    };
    let (outer, inner) = (at("null | #B"), at("null | int"));
    assert_eq!(only.message, "g: \"x\" is not allowed here; allowed are null, int");
    assert_eq!(only.clone().unfolded().path, "a.f.g");
    assert_eq!((outer, inner), (vec!["another alternative"], vec![""]));
    assert_eq!((at("int}"), at("\"x\"")), (vec![""], vec!["not one of them"]));
}

#[test]
fn a_default_within_a_term_makes_the_others_none() {
    check_tree("a: ((*1 | 2) | 3) & (1 | *3)", "{a: int}");
    check_tree("a: ((*1 | 2) | (3 | 4)) & (*3 | 1)", "{a: int}");
    check_tree("a: ((*1 | 2) | 3) & (1 | 3)", "{a: int *1}");
    check_tree("a: ((*1 | 2) | 3) & (2 | *3)", "{a: int *3}");
    check_tree("a: ((*_ | _) | null) & ((*_ | _) | null)", "{a: _ *_}");
    check_tree("a: ({b: 1} | (*{b: 2} | {b: 3})) & {b: *1 | int}", "{a: struct *{b: 2}}");
}

#[test]
fn alternatives_that_are_written_alike_are_one() {
    check("a: {x?: int} | {x?: int}", r#"{"a":{}}"#);
    check("a: {x?: {y: int}, z: 1} | {z: 1, x?: {y: int}}", r#"{"a":{"z":1}}"#);
    check("a: {[string]: int} | {[string]: int}", r#"{"a":{}}"#);
    check("a: [...{x: int}] | [...{x: int}]", r#"{"a":[]}"#);
    check("a: {x?: #T} | {x?: #T}\n#T: l?: #T", r#"{"a":{}}"#);
    check("#A: {x?: int}\n#B: {x?: int}\na: #A | #B", r#"{"a":{}}"#);
    check("y: int\na: {x?: y} | {x?: y}", "a: y: incomplete value int".trim_start_matches("a: "));
    // The same name stands for something else.
    check_tree("a: {x?: y, y: int} | {x?: y, y: string}", "{a: struct}");
    check_tree("a: {x?: int} | {x?: string}", "{a: struct}");
    check_tree("a: {x?: 1} | {x!: 1}", "{a: struct}");
}

#[test]
fn a_scalar_that_a_bound_will_refuse_is_another_branch() {
    // Both branches are 0 after the first choice; only one of them is held to a bound.
    check("x: (>=1 | _) & 0 & (0 | _)", r#"{"x":0}"#);
    check("x: ((0 & >=1) | _) & (0 & (0 | _))", r#"{"x":0}"#);
    let check_of_a_text = "import \"strings\"\nx: (strings.MinRunes(3) | _) & \"a\" & (\"a\" | _)";
    check(check_of_a_text, r#"{"x":"a"}"#);
}
