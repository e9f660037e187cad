//! Closedness: what a definition allows, how far embedding lifts it, and what is closed for good.

use super::{check, check_tree, json};

#[test]
fn what_embeds_something_closed_may_add_to_it() {
    check("#A: {a: 1}, x: {#A, b: 1}, y: x & {b: 1}", r#"{"x":{"a":1,"b":1},"y":{"a":1,"b":1}}"#);
    check("#A: {a: 1}, x: {#A, b: 1}, y: x & {c: 1}", "y.c: field not allowed");
    check("#A: {a: 1}, x: {#A, b: {}}, y: x & {b: c: 1}", "y.b.c: field not allowed");
}

#[test]
fn a_struct_embedded_twice_is_embedded_once() {
    let text = "#x: {a: int} | *{b: 2}, k: foo: a: 1, k: foo: #x";
    check(
        &format!("{text}, out: {{for v in [k] {{v}}, for v in [k] {{v}}}}"),
        r#"{"k":{"foo":{"a":1}},"out":{"foo":{"a":1}}}"#,
    );
}

#[test]
fn definitions_without_a_struct_close_nothing() {
    check("#F: matchN(1, [{f: int}]), x: #F & {f: 1}", r#"{"x":{"f":1}}"#);
    check("#F: matchN(1, [{f: int}]), #H: f: #F, x: #H & {f: f: 1}", r#"{"x":{"f":{"f":1}}}"#);
    check("#L: [{a: int}], x: #L & [{a: 1, b: 2}]", "x.0.b: field not allowed");
}

#[test]
fn definitions_and_hidden_fields_may_be_added() {
    check_tree("#A: {a: int}, x: #A & {#b: 1, _c: 2}", "{#A: {a: int}, x: {#b: 1, _c: 2, a: int}}");
}

#[test]
fn a_field_that_what_is_closed_lacks_is_missing_for_good() {
    check_tree("#D: {a: {b: 1}, c: a.x}", "{#D: {a: {b: 1}, c: error}}");
    check_tree("#D: {a: {b: 1, ...}, c: a.x}", "{#D: {a: {b: 1}, c: incomplete}}");
    check_tree("#D: {a: {[=~\"^x\"]: int}, c: a.x, d: a.y}", "{#D: {a: {}, c: incomplete, d: error}}");
    check_tree("#D: [{b: 1}], x: #D[0].c", "{#D: [{b: 1}], x: error}");
    check_tree("d: {a: b: 1, c: a.x}", "{d: {a: {b: 1}, c: incomplete}}");
}

#[test]
fn all_of_a_field_that_is_not_allowed_is_an_error() {
    check_tree(
        "#A: {a: int}, x: #A & {b: c: {d: 1, e: {}}}",
        "{#A: {a: int}, x: {a: int, b: {c: {d: error, e: error}}}}",
    );
    check_tree("#A: {a: int}, x: #A & {b?: int}", "{#A: {a: int}, x: {a: int, b?: _|_}}");
}

#[test]
fn a_required_field_that_cannot_be_given_is_an_error() {
    check(
        "#A: {b!: int, b!: string}, x: 1",
        "#A.b: conflicting values int and string (mismatched types int and string)",
    );
    check("#A: {b!: 1}, #A: #B, #B: c: 1, x: 1", "#A.b: field not allowed");
    check("#A: {b!: #A}, x: 1", "#A.b: structural cycle");
    check("#A: {a: 1}, x: #A & (_ | {b!: 1})", r#"{"x":{"a":1}}"#);
}

#[test]
fn what_may_be_anything_opens_nothing() {
    let said = "z.x.b: field not allowed";
    check("#A: {x: close({a: int}), x: _}, z: #A & {x: {a: 1, b: 2}}", said);
    check("#A: {if true {x: close({a: int})}, x: _}, z: #A & {x: {a: 1, b: 2}}", said);
    check("#A: x: {a: int}, #B: x: _, z: #A & #B & {x: {a: 1, b: 2}}", said);
    check("#A: x: {_}, z: #A & {x: b: 1}", said);
    check("#A: x: _, z: #A & {x: b: 1}", r#"{"z":{"x":{"b":1}}}"#);
    check("#A: x: {a: int} | _, z: #A & {x: b: 1}", r#"{"z":{"x":{"b":1}}}"#);
    check("#A: x: null | _, z: #A & {x: b: 1}", r#"{"z":{"x":{"b":1}}}"#);
}

#[test]
fn what_reads_a_field_that_is_not_allowed_has_its_error() {
    check_tree("#A: {a: int}, x: #A & {b: 1}, y: x.b", "{#A: {a: int}, x: {a: int, b: error}, y: error}");
    check_tree(
        "#A: {a: int}, x: #A & {b: 1}, y: x.b != _|_",
        "{#A: {a: int}, x: {a: int, b: error}, y: false}",
    );
}

#[test]
fn a_struct_that_is_wrong_itself_is_not_judged_by_what_it_closes() {
    check_tree(
        "#L: [], x: {#L, a: 1}\n#E: {}, y: null | {n: 1}, y: #E & {n: 1}",
        "{#L: [], x: error {a: 1}, #E: {}, y: error {n: 1}}",
    );
}

#[test]
fn a_value_made_on_the_way_in_a_definition_is_not_closed_by_it() {
    check_tree("#A: {a: {b: 1}, d: (a & {}).c}", "{#A: {a: {b: 1}, d: incomplete}}");
    check_tree("#A: {let x = {a: 1}, b: x.c}", "{#A: {b: error}}");
    // What nothing is known of is not closed either.
    check_tree("#A: {b: b.c}, #B: _, c: #B.d", "{#A: {b: incomplete}, #B: _, c: incomplete}");
}

#[test]
fn only_structs_are_closed() {
    for x in ["1", "string", "[1]", "null", "{1, #d: 2}", "s"] {
        let text = json(&format!("a: close({x})\ns: \"x\""));
        assert!(text.contains("as struct in argument 1 to close"), "{x}: {text}");
    }
    check("a: close(x)\nx: {b: 1}", r#"{"a":{"b":1},"x":{"b":1}}"#);
    check("a: {b: close(a.c), c: d: 1}", r#"{"a":{"b":{"d":1},"c":{"d":1}}}"#);
    check("a: close({x})\nx: {b: 1}", r#"{"a":{"b":1},"x":{"b":1}}"#);
}
