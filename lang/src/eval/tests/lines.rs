//! Long lines of references.

use super::check;
use crate::api::{Budget, NoPackages, Program};
use crate::source::Source;

#[test]
fn a_long_line_of_references_is_gone_through_once() {
    for n in [300, 3_000] {
        let mut text: String = (0..n).map(|i| format!("f{i}: f{}\n", i + 1)).collect();
        text += &format!("f{n}: {{a: [1]}}\n");
        let program = Program::compile(vec![Source::new("t.cue", text)], &NoPackages).unwrap();
        let instance = program.instance_with(Budget { steps: 20 * n, ..Budget::default() });
        let data = instance.root().data().unwrap();
        assert_eq!(data.get("f0"), data.get(&format!("f{n}")));
    }
    check("a: b, b: c, c: {d: 1}", r#"{"a":{"d":1},"b":{"d":1},"c":{"d":1}}"#);
    let open = ["a", "b", "c", "d"].map(|name| format!("{name}: incomplete value _")).join("\n");
    check("a: b, b: c, c: a, d: a", &open);
}
