//! Packages as programs use them: calls, validators, constants and definitions, through the evaluator.

use crate::api::{NoPackages, Program};
use crate::encode::json;
use crate::source::Source;

/// The value of `a` as JSON, or the first line of the error.
fn eval(imports: &[&str], expr: &str) -> String {
    let imports: String = imports.iter().map(|p| format!("import {p:?}\n")).collect();
    let text = format!("{imports}a: {expr}");
    let program = match Program::compile(vec![Source::new("t.cue", text)], &NoPackages) {
        Ok(p) => p,
        Err(e) => return format!("! {e}"),
    };
    match program.instance().root().data() {
        Ok(d) => d.get("a").map(json::compact).unwrap_or_default(),
        Err(e) => format!("! {}", e.to_string().lines().next().unwrap_or_default()),
    }
}

#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let Some((expr, want)) = line.split_once(" => ") else { panic!("{line}") };
        let used: Vec<&str> = super::packages()
            .iter()
            .map(|p| p.path)
            .filter(|p| expr.contains(&format!("{}.", p.rsplit('/').next().unwrap_or(p))))
            .collect();
        assert_eq!(eval(&used, expr), want, "{expr}");
    }
}

#[test]
fn calls() {
    check(
        r#"
        strings.ToUpper("a") + strings.Join(["b", "c"], "-") => "Ab-c"
        math.Floor(math.Pi) => 3
        len(list.Repeat([0], 1000000)) => 1000000
        path.Join(["a", "b"]) => "a/b"
        path.Join(["a", "b"], path.Windows) => "a\\b"
        path.Match("*.txt", "a.txt") => true
        uuid.SHA1(uuid.ns.DNS, "cuelang.org") => "052ef62d-7223-58b6-a551-c1deee46d401"
        json.Marshal({a: 1, b: *2 | int}) => "{\"a\":1,\"b\":2}"
        json.Unmarshal("{\"a\": 1}").a => 1
        list.Sort([3, 1, 2], list.Ascending) => [1,2,3]
        list.Sort(["b", "a"], list.Descending) => ["b","a"]
        list.Sort([{n: 2}, {n: 1}], {x: _, y: _, less: x.n < y.n}) => [{"n":1},{"n":2}]
        list.Sort([{n: a: 1, i: 0}, {n: a: 2, i: 1}, {n: a: 2, i: 2}], {x: _, y: _, less: x.n.a > y.n.a})[0].i => 1
        list.Sort([3, *1 | int, 2], list.Ascending) => [1,2,3]
        list.Sort([3, 1, 2], {x: >1, y: _, less: x < y}) => ! a.x: invalid value 1 (out of bound >1)
        list.Sort([1, "a"], list.Ascending) => ! a.less: invalid operands "a" and 1 to '<' (type string and int)
        list.Sort(['b', 'a'], {x: _, y: _, less: x < y}) => ["YQ==","Yg=="]
        list.IsSorted([2, 1], list.Descending) => true
        list.IsSorted([1, 2], list.Ascending) => true
        list.IsSorted([1, "a"], list.Ascending) => false
        list.IsSorted([2, 1], {}) => true
        list.IsSorted([2, 1], {x: _, y: _, less: 1}) => true
        list.IsSorted([1, 2], {x: _, y: _, less: x.a < y.a}) => false
        list.UniqueItems([{a: 1}, {a: 1}]) => false
        list.UniqueItems([{}, {}]) => false
        "#,
    );
}

#[test]
fn validators() {
    check(
        r#"
        strings.MinRunes(2) & "abc" => "abc"
        strings.MinRunes(2) & "a" => ! a: invalid value "a" (does not satisfy strings.MinRunes(2))
        "10.0.0.1" & net.IPv4 => "10.0.0.1"
        "1h" & time.Duration => "1h"
        list.UniqueItems() & [1, 2] => [1,2]
        list.MaxItems(2) & [1, 2] => [1,2]
        list.MatchN(2, int) & [1, 2, "x"] => [1,2,"x"]
        struct.MinFields(1) & {a: 1} => {"a":1}
        "{\"a\": 1}" & json.Validate({a: int}) => "{\"a\": 1}"
        yaml.Validate("a: 2\n---\na: 4", {a: <5}) => true
        yaml.Validate("", {a: 1}) => true
        yaml.Validate("", _) => true
        yaml.ValidatePartial("", int) => true
        "#,
    );
    assert!(eval(&["encoding/yaml"], r#"yaml.Validate("", int)"#).contains("incomplete value int"));
    assert!(
        eval(&["encoding/yaml"], r#"yaml.Validate("a: 2\n---\na: 4", {a: <3})"#)
            .starts_with("! a: error in call")
    );
}

/// Every function with parameters says what it does, and names are in order within each package.
#[test]
fn declarations() {
    for p in super::packages() {
        assert!(super::package(p.path).is_some(), "{}", p.path);
        for f in p.functions {
            assert!(f.doc.trim().ends_with('.'), "{}.{}: {:?}", p.path, f.name, f.doc);
            assert!(f.required() <= f.params.len() && !f.params.is_empty(), "{}.{}", p.path, f.name);
            // Those with a default come last.
            assert!(f.params[..f.required()].iter().all(|x| x.default.is_none()), "{}.{}", p.path, f.name);
        }
        let names: Vec<&str> = p.functions.iter().map(|f| f.name).collect();
        assert!(names.is_sorted(), "{}: {names:?}", p.path);
    }
}
