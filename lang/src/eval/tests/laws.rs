//! Unification is commutative, associative and idempotent: on values made at random, the result is the same however they are put together.
//! `PROPTEST_CASES=20000` tries more of them.

use crate::api::{NoPackages, Program};
use crate::source::Source;
use proptest::prelude::*;
use serde_json::Value;

/// Definitions that the values refer to.
const PRELUDE: &str =
    "#A: {a: int, b?: string}\n#B: {a: >1, ...}\n#C: {[=~\"^[ab]$\"]: int | *2}\n_s: {b: \"x\", c: _}\n";

/// A value as source text.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "_", "null", "true", "bool", "0", "1", "2", "3", "1.5", "int", "number", ">=1", "<3", "!=2", "\"a\"",
        "\"ab\"", "string", "=~\"^a\"", "!=\"a\"", "'a'", "#A", "#B", "#C", "_s", "{}", "{...}", "[]",
        "[...]",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let label = prop::sample::select(vec!["a", "b", "c", "b?", "a!", "[=~\"^a\"]", "[string]"]);
        let fields = prop::collection::vec((label, inner.clone()), 1..4)
            .prop_map(|f| f.into_iter().map(|(l, v)| format!("{l}: {v}")).collect::<Vec<_>>().join(", "));
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            3 => fields.clone().prop_map(|f| format!("{{{f}}}")),
            1 => fields.clone().prop_map(|f| format!("{{{f}, ...}}")),
            1 => fields.prop_map(|f| format!("close({{{f}}})")),
            1 => prop::collection::vec(inner.clone(), 1..3).prop_map(|v| format!("[{}]", v.join(", "))),
            1 => inner.clone().prop_map(|v| format!("[...{v}]")),
            2 => pair.clone().prop_map(|(a, b)| format!("({a} | {b})")),
            1 => pair.clone().prop_map(|(a, b)| format!("(*{a} | {b})")),
            1 => pair.prop_map(|(a, b)| format!("({a} & {b})")),
            1 => inner.prop_map(|v| format!("{{{v}}}")),
        ]
    })
}

/// What a value comes out as: its tree, in which an error takes all that holds it, and the order of fields says nothing.
fn outcome(expr: &str) -> Value {
    let text = format!("{PRELUDE}x: {expr}\n");
    let program = Program::compile(vec![Source::new("t.cue", text)], &NoPackages).unwrap();
    let instance = program.instance();
    let x = instance.lookup("x").unwrap();
    settled(&serde_json::from_str(&x.tree()).unwrap())
}

fn settled(tree: &Value) -> Value {
    match tree {
        Value::Object(node) if node.contains_key("error") => "error".into(),
        Value::Object(node) => {
            let parts: std::collections::BTreeMap<&String, Value> =
                node.iter().map(|(k, v)| (k, settled(v))).collect();
            if parts.values().any(|v| v == "error") {
                return "error".into();
            }
            parts.into_iter().map(|(k, v)| (k.clone(), v)).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().map(settled).collect();
            if items.iter().any(|v| v == "error") { "error".into() } else { items.into() }
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), failure_persistence: None, ..Default::default() })]

    #[test]
    fn order_says_nothing(a in value(), b in value()) {
        prop_assert_eq!(outcome(&format!("{a} & {b}")), outcome(&format!("{b} & {a}")));
    }

    #[test]
    fn grouping_says_nothing(a in value(), b in value(), c in value()) {
        prop_assert_eq!(outcome(&format!("({a} & {b}) & {c}")), outcome(&format!("{a} & ({b} & {c})")));
    }

    #[test]
    fn twice_is_once(a in value()) {
        prop_assert_eq!(outcome(&format!("{a} & {a}")), outcome(&a));
    }
}
