//! Behaviour of the evaluator in small programs: source text, and what it comes out as.

mod closedness;
mod cycles;
mod disjunctions;
mod incomplete;
mod laws;
mod lines;
mod packages;
mod validators;

use crate::api::{NoPackages, Program};
use crate::source::Source;

fn json(text: &str) -> String {
    let program = match Program::compile(vec![Source::new("t.cue", text)], &NoPackages) {
        Ok(p) => p,
        Err(e) => return format!("compile: {e}"),
    };
    let instance = program.instance();
    match instance.root().data() {
        Ok(d) => serde_json::to_string(&to_json(&d)).unwrap(),
        Err(e) => format!("{e}"),
    }
}

fn to_json(d: &crate::data::Data) -> serde_json::Value {
    use crate::data::Data;
    match d {
        Data::Null => serde_json::Value::Null,
        Data::Bool(b) => (*b).into(),
        Data::Number(n) => serde_json::from_str(&n.to_json()).unwrap(),
        Data::String(s) => (&**s).into(),
        Data::Bytes(b) => String::from_utf8_lossy(b).into_owned().into(),
        Data::List(l) => l.iter().map(to_json).collect(),
        Data::Struct(f) => f.iter().map(|(k, v)| (k.to_string(), to_json(v))).collect(),
    }
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(json(text), want, "\n{text}");
}

/// The tree of a program in short: fields without quotes, types and errors as words.
fn tree(text: &str) -> String {
    let program = match Program::compile(vec![Source::new("t.cue", text)], &NoPackages) {
        Ok(p) => p,
        Err(e) => return format!("compile: {e}"),
    };
    brief(&serde_json::from_str(&program.instance().root().tree()).unwrap())
}

fn brief(tree: &serde_json::Value) -> String {
    let text = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let Some(node) = tree.as_object() else { return tree.to_string() };
    let error = node.get("error").map(|e| if e == "structural-cycle" { "cycle" } else { "error" });
    if let Some(fields) = node.get("struct").and_then(|s| s.as_object()) {
        let fields: Vec<String> = fields.iter().map(|(k, v)| format!("{k}: {}", brief(v))).collect();
        return format!("{}{{{}}}", error.map_or(String::new(), |e| format!("{e} ")), fields.join(", "));
    }
    if let Some(items) = node.get("list").and_then(|l| l.as_array()) {
        return format!("[{}]", items.iter().map(brief).collect::<Vec<_>>().join(", "));
    }
    if let Some(e) = error {
        return e.to_owned();
    }
    match (node.get("kind"), node.get("default")) {
        (Some(k), Some(d)) => format!("{} *{}", text(k), brief(d)),
        (Some(k), None) => text(k),
        _ => node.iter().map(|(k, v)| if k == "incomplete" { k.clone() } else { text(v) }).collect(),
    }
}

#[track_caller]
fn check_tree(text: &str, want: &str) {
    assert_eq!(tree(text), want, "\n{text}");
}

#[test]
fn scalars_unify() {
    check("a: 1, b: int & 2, c: >=1 & 3, d: \"x\" & string", r#"{"a":1,"b":2,"c":3,"d":"x"}"#);
    check("a: 1, a: 2", "a: conflicting values 1 and 2");
    check("a: int & \"x\"", "a: conflicting values int and \"x\" (mismatched types int and string)");
    check("a: >5 & 3", "a: invalid value 3 (out of bound >5)");
}

#[test]
fn references_see_later_fields() {
    check(
        "a: {x: int, y: x + 1}, b: a & {x: 2}",
        "a.x: incomplete value int\na.y: non-concrete value int in operand to +",
    );
    check("#a: {x: int, y: x + 1}, b: #a & {x: 2}", r#"{"b":{"x":2,"y":3}}"#);
    check("b: a, a: c, c: 3", r#"{"b":3,"a":3,"c":3}"#);
    check("a: b, b: a, a: 4", r#"{"a":4,"b":4}"#);
}

#[test]
fn disjunctions_have_defaults() {
    check("a: *1 | int, b: *1 | int, b: 2", r#"{"a":1,"b":2}"#);
    check("a: {k: \"x\", v: 1} | {k: \"y\", v: 2}, a: k: \"y\"", r#"{"a":{"k":"y","v":2}}"#);
    check("a: (*1|2|3) & (1|*2|3)", "a: incomplete value 1 | 2 | 3");
    check("a: (*\"tcp\"|\"udp\") & (\"udp\"|*\"tcp\")", r#"{"a":"tcp"}"#);
    check("a: (*1|2) + (2|*3)", r#"{"a":4}"#);
    check("a: (int|*1) & string", "a: string is not allowed here; allowed is int");
}

#[test]
fn definitions_close() {
    check("#A: {a: int}, x: #A & {a: 1}", r#"{"x":{"a":1}}"#);
    check("#A: {a: int}, x: #A & {a: 1, b: 2}", "x.b: field not allowed");
    check("#A: {b: c: int}, x: {#A, b: {c: 1, d: 2}, e: 3}", r#"{"x":{"b":{"c":1,"d":2},"e":3}}"#);
    check(
        "#A: {b: c: int}, B: {#A, f: 1}, x: {B, b: c: 1, g: 1}, y: x & {h: 1}",
        "y.h: field not allowed\nB.b.c: incomplete value int",
    );
    check("#A: {a: int, ...}, x: #A & {a: 1, b: 2}", r#"{"x":{"a":1,"b":2}}"#);
}

#[test]
fn comprehensions_yield() {
    check("x: [1,2,3], y: [for v in x if v > 1 {v * 2}]", r#"{"x":[1,2,3],"y":[4,6]}"#);
    check(
        "x: {a: 1, b: 2}, y: {for k, v in x {\"\\(k)x\": v}}",
        r#"{"x":{"a":1,"b":2},"y":{"ax":1,"bx":2}}"#,
    );
    check("a: {n: 3, if n > 2 {big: true}}", r#"{"a":{"n":3,"big":true}}"#);
    check("a: {if b != _|_ {c: 1}, b?: int}", r#"{"a":{}}"#);
}

#[test]
fn patterns_apply() {
    check("m: [string]: int, m: a: 1", r#"{"m":{"a":1}}"#);
    check("m: [N=string]: {name: N}, m: a: {}", r#"{"m":{"a":{"name":"a"}}}"#);
    check("m: [=~\"^x\"]: >3, m: {xa: 5, b: 1}", r#"{"m":{"xa":5,"b":1}}"#);
}

#[test]
fn closed_structs_take_definitions_and_hidden_fields() {
    check_tree("#A: x: string\na: #A & {#y: 1, _z: 2}", "{#A: {x: string}, a: {#y: 1, _z: 2, x: string}}");
    check_tree("#A: x: string\na: #A & {y: 1}", "{#A: {x: string}, a: {x: string, y: error}}");
}

#[test]
fn cycles_end() {
    check("#L: {h: int, t: *null | #L}, x: #L & {h: 1, t: {h: 2}}", r#"{"x":{"h":1,"t":{"h":2,"t":null}}}"#);
    check("a: b: a", "a.b: structural cycle");
}

#[test]
fn lets_and_aliases() {
    check("let x = 2, a: x + 1, b: {let y = a, c: y}", r#"{"a":3,"b":{"c":3}}"#);
    check("foo: X, X=\"not an identifier\": 4", r#"{"foo":4,"not an identifier":4}"#);
    check("foo: X={x: X.a, a: 1}", r#"{"foo":{"x":1,"a":1}}"#);
    check(
        "F=[=~\"^f\"]: {v: 1, w: F.v}, x: {F=[string]: {w: F.v, v: 2}, k: {}}",
        r#"{"x":{"k":{"w":2,"v":2}}}"#,
    );
    for other in ["F=[=~\"^g\"]: {w: F}", "F=b: 1, c: F", "let F = 1, c: F"] {
        for text in [format!("F=[=~\"^f\"]: {{w: F}}, {other}"), format!("{other}, F=[=~\"^f\"]: {{w: F}}")] {
            assert!(json(&text).contains("redeclared in same scope"), "{text}: {}", json(&text));
        }
    }
    assert!(json("F: 1, F=[=~\"^f\"]: {w: F}").contains("cannot have both alias and field"));
}

#[test]
fn a_let_is_not_in_scope_in_its_own_value() {
    check("let L = 1\na: {let L = L, x: L}", r#"{"a":{"x":1}}"#);
    check("let L = 1\na: {let L = {y: L}, x: L}", r#"{"a":{"x":{"y":1}}}"#);
    check("a: {let L = {L: 1, y: L}, x: L}", r#"{"a":{"x":{"L":1,"y":1}}}"#);
    assert!(json("a: {let L = {c: L.d}, x: L}").contains("reference \"L\" not found"));
}

#[test]
fn lets_do_not_need_each_other_in_a_circle() {
    let circle = "cyclic references in let clause or alias";
    for text in [
        "let A = B\nlet B = C\nlet C = A\nx: 1",
        "let A = {x: B}\nlet B = A.x\na: A",
        "x: {let A = {let B = C, b: B}, let C = A, d: C}",
    ] {
        assert_eq!(json(text).matches(circle).count(), 1, "{text}: {}", json(text));
    }
    check("let A = 1\nlet B = A + A\nlet C = A + B\nx: C + B", r#"{"x":5}"#);
    assert_eq!(json("let A = {x: B}\nlet B = {y: c}\nc: A"), "c.x.y: structural cycle");
    // A long line of them is looked at once.
    let line: String = (1..5000).map(|i| format!("let L{i} = L{} + L{}\n", i - 1, i / 2)).collect();
    assert!(!json(&format!("let L0 = 0\n{line}x: L3")).contains(circle));
}

#[test]
fn any_value_has_no_name() {
    check("_: 1", "compile: _ cannot be a label");
    check("\"_\": 1", r#"{"_":1}"#);
    check("let _ = 1", "compile: _ cannot be the name of an alias or let clause");
    check("_=b: 1", "compile: _ cannot be the name of an alias or let clause");
    check("a: [for _, v in [1] {v}]", r#"{"a":[1]}"#);
}

#[test]
fn an_ellipsis_may_be_repeated_and_be_of_lists() {
    check("#A: {a: 1, ..., ...}, x: #A & {b: 2}", r#"{"x":{"a":1,"b":2}}"#);
    check("a: [...[if true {1}]] & [_]", r#"{"a":[[1]]}"#);
}

#[test]
fn lists_unify() {
    check("a: [int, ...string] & [1, \"x\"]", r#"{"a":[1,"x"]}"#);
    check("a: [1, 2] & [1]", "a: incompatible list lengths (2 and 1)");
    check("a: [...{x: *1 | int}], a: [{}, {x: 2}]", r#"{"a":[{"x":1},{"x":2}]}"#);
}

#[test]
fn filling_changes_what_depends_on_it() {
    use crate::api::Path;
    use crate::data::Data;
    let source = "in: {n?: int}\nout: {if in.n != _|_ {v: in.n}, if in.n == _|_ {v: 0}}\ncopy: in & {m: 1}";
    let program = Program::compile(vec![Source::new("t.cue", source)], &NoPackages).unwrap();
    let i = program.instance();
    let at = |p: &str| i.root().lookup(&Path::parse(p).unwrap()).and_then(|v| v.as_int());
    assert_eq!(at("out.v"), Some(0));
    assert_eq!(at("copy.n"), None);
    i.fill(&Path::parse("in.n").unwrap(), &Data::int(5)).unwrap();
    assert_eq!(at("out.v"), Some(5));
    assert_eq!(at("copy.n"), Some(5));
}

#[test]
fn what_would_take_for_ever_ends_in_an_error() {
    let branches: Vec<String> =
        (0..40).map(|i| format!("a: {{x{i}: 1}} | {{y{i}: 2}} | {{z{i}: 3}}")).collect();
    check(&branches.join("\n"), "a: the disjunctions of one value leave more than 1000 branches open");
    check("a: \"x\" * 10000000000", "a: the evaluation needs more memory than its budget allows");
    check("a: {b: {c: a}}", "a.b.c: structural cycle");
}

#[test]
fn what_there_is_many_of_is_small() {
    use super::arena::{Arc_, Conj, Env, Vertex};
    let sizes = [size_of::<Vertex>(), size_of::<Conj>(), size_of::<Arc_>(), size_of::<Env>()];
    assert_eq!(sizes, [72, 40, 12, 12], "vertex, conjunct, field, environment");
}

/// The names of the fields of `r` in their order.
#[track_caller]
fn ordered(text: &str, want: &str) {
    let found = json(text);
    let value: serde_json::Value = serde_json::from_str(&found).unwrap_or_else(|_| panic!("{found}\n{text}"));
    let names: Vec<&str> = value["r"].as_object().into_iter().flatten().map(|f| f.0.as_str()).collect();
    assert_eq!(names.join(" "), want, "\n{text}");
}

#[test]
fn what_is_unified_has_no_order_of_its_own() {
    ordered("r: {z: 1, m: 1} & {y: 1, a: 1}", "y a z m");
    ordered("r: {z: 1, m: 1, a: 1} & {y: 1, m: 1, b: 1}", "y z m a b");
    ordered("r: {d: 1, c: 1, b: 1, a: 1} & {a: 1, d: 1}", "a b c d");
    ordered("#D: {z: 1, y: 1}, r: {c: 1, #D, a: 1}", "c a z y");
    ordered("_d: {z: 1, {e: 1}, y: 1}, r: _d & {f: 1}", "e f z y");
}

#[test]
fn what_is_written_later_comes_later() {
    ordered("r: {c: 1, d: 1}, r: {b: 1, a: 1}", "c d b a");
    ordered("r: {c: 1, d: 1}, r: {d: 1, c: 1, a: 1}", "c d a");
    ordered("_d: {z: 1, y: 1}, r: _d, r: {b: 1}", "z y b");
    ordered("r: {z: 1, {c: 1}, a: 1}", "c z a");
    ordered("r: {z: 1, a: 1, if true {c: 1}}", "z a c");
    ordered("r: {z: 1, for k in [\"f\", \"e\"] {(k): 1}, a: 1}", "f e z a");
    ordered("r: {z: 1, \"\\(\"b\")\": 1, a: 1}", "z b a");
    ordered("_d: {z: 1}, _e: {y: 1}, r: {d: 1, _d, _e, a: 1}", "z d a y");
    ordered("_d: {z: 1, if true {c: 1}, y: 1}, r: _d", "c z y");
    ordered("r: {[string]: {y: 1, x: 1}, f: {x: 1, z: 1}}.f", "y x z");
}

#[test]
fn comprehensions_go_through_what_is_written_first() {
    check("_d: {z: 1}, _r: {c: 1, _d, a: 1}, l: [for k, _ in _r {k}]", r#"{"l":["c","a","z"]}"#);
    check("_r: {if c > 0 {p: 1}, c: 1}, l: [for k, _ in _r {k}]", r#"{"l":["p","c"]}"#);
    check("_r: {*{p: 1} | {p: 2}, c: 1}, l: [for k, _ in _r {k}]", r#"{"l":["c","p"]}"#);
}

#[test]
fn what_can_be_no_operand_is_refused_when_it_is_compiled() {
    for (text, message) in [
        ("a: string + 1", "invalid operand string ('+' requires concrete value)"),
        ("a: -(int)", "invalid operand (int) ('-' requires concrete value)"),
        ("a: 2 * (>1)", "invalid operand (>1) ('*' requires concrete value)"),
        ("a: [for x in [1] {x}], [for x in a {x}]: 1", "comprehension values are not allowed as a pattern"),
    ] {
        let found = json(text);
        assert!(found.starts_with("compile: ") && found.contains(message), "{text}: {found}");
    }
    check("a: b + 1, b: int, b: 2", r#"{"a":3,"b":2}"#);
}

#[test]
fn validators_wait_for_what_may_still_come() {
    let lists = "import \"list\"\n#a: {a: 1}\n";
    check(&format!("{lists}x: list.UniqueItems([1, \"1\", [1], {{a: 1}}])"), r#"{"x":true}"#);
    check(&format!("{lists}x: list.UniqueItems([1, 2, 1])"), r#"{"x":false}"#);
    check(&format!("{lists}x: list.UniqueItems([#a, #a])"), r#"{"x":false}"#);
    check(&format!("{lists}x: list.UniqueItems([{{a: 1}}, {{a: 1}}])"), r#"{"x":false}"#);
    let few = json("import \"list\"\nx: [...] & list.MinItems(1)");
    assert!(few.contains("may still get as many items"), "{few}");
    let closed = json("import \"struct\"\nx: close({a?: 1}) & struct.MinFields(2)");
    assert!(closed.contains("does not satisfy"), "{closed}");
}

#[test]
fn definitions_become_schemas_in_the_language() {
    let text = "import \"encoding/openapi\"\n_c: openapi.#Config & {version: \"3.0.0\", info: {title: \"t\", version: \"1\"}}\n\
                _s: #P: {n: int}\nx: openapi.MarshalSchema(_c, _s)";
    let found = json(text);
    assert!(found.contains(r#"\"P\":{\"type\":\"object\",\"required\":[\"n\"]"#), "{found}");
}
