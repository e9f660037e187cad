//! Names that go through imports, and packages that are definitions alone.

use super::{check, json};

#[test]
fn what_a_package_does_not_have_is_an_error_where_it_is_used() {
    let strings = |text: &str| format!("import \"strings\"\n{text}");
    check(&strings("a: strings.Foo(\"x\")\nb: 1"), "a: package \"strings\" has no Foo");
    check(&strings("a: *strings.Foo(\"x\") | 3"), r#"{"a":3}"#);
    check(&strings("a: [if strings.Foo != _|_ {1}, 2][0]"), r#"{"a":2}"#);
    check(&strings("if false {a: strings.Foo(\"x\")}\nb: 1"), r#"{"b":1}"#);
    check("import \"list\"\na: list.Summ([1])", "a: package \"list\" has no Summ");
    check("import \"list\"\na: [2, 1] & list.Foo", "a: package \"list\" has no Foo");
}

#[test]
fn tasks_are_values() {
    check(
        "import \"tool/exec\"\na: exec.Run & {cmd: [\"ls\", \"-l\"], env: A: \"b\", success: true}",
        r#"{"a":{"$id":"tool/exec.Run","cmd":["ls","-l"],"env":{"A":"b"},"stdout":null,"stderr":null,"stdin":null,"success":true,"mustSucceed":true}}"#,
    );
    check(
        "import \"tool/cli\"\na: cli.Print & {text: 3}",
        "a.text: conflicting values string and 3 (mismatched types string and int)",
    );
    check("import \"tool/file\"\na: (file.MkdirAll & {path: \"x\"}).createParents", r#"{"a":true}"#);
    check("import \"tool/http\"\na: http.Get.method", r#"{"a":"GET"}"#);
    check(
        "import \"tool/os\"\na: os.Getenv & {A: 1, B: null}",
        r#"{"a":{"$id":"tool/os.Getenv","A":1,"B":null}}"#,
    );
    check(
        "import \"tool/cli\"\na: cli\nb: a.Print.$id",
        "a.Print.text: incomplete value string\na.Ask.prompt: incomplete value string\na.Ask.response: incomplete value string | bool",
    );
    assert!(json("import \"tool\"\na: tool").contains("\"tool\" not found"));
}
