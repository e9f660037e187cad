//! What a mistake in a file of the language looks like in a terminal: one small program for each kind, with everything that is said about it.
//! The wording is held by snapshots in `snapshots/diagnostics/`, so that a change of it is seen and read.

use crate::sandbox::Sandbox;

/// Programs with a mistake, by the name of their snapshot.
const MISTAKES: &[(&str, &str)] = &[
    // Text
    ("syntax-no-value", "x: {\n\ta:\n}\n"),
    ("syntax-two-values", "replicas: 3 4\n"),
    ("syntax-two-mistakes", "a: 1 2\nb: 3\nc: [1, 2\nd: 4\n"),
    ("syntax-brace-missing", "a: {\n\tb: 1\n\nc: 2\n"),
    ("syntax-brace-too-many", "a: 1\n}\nb: 2\n"),
    ("syntax-string-open", "a: \"text\nb: 1\n"),
    ("syntax-semicolon", "a: 1; b: 2\n"),
    ("syntax-assign", "a = 1\n"),
    ("syntax-label", "a.b: 1\n"),
    ("syntax-escape", "a: \"C:\\qux\"\n"),
    ("syntax-indent", "a: \"\"\"\n\t\ttext\n\tless\n\t\t\"\"\"\n"),
    ("syntax-number", "mode: 0755\n"),
    ("syntax-for", "a: [for x of [1] {x}]\n"),
    ("syntax-paren-line", "a: (1 +\n\t2\n)\n"),
    ("syntax-ellipsis", "a: [..., 1]\n"),
    ("syntax-else-if", "if true {a: 1} else if false {a: 2}\n"),
    ("syntax-and", "a: true and false\n"),
    ("syntax-not", "a: not true\n"),
    ("syntax-ternary", "a: true ? 1 : 2\n"),
    ("syntax-hash", "# comment\na: 1\n"),
    ("syntax-comment", "/* comment */\na: 1\n"),
    ("syntax-unit", "a: 10Mb\n"),
    ("syntax-hyphen", "my-name: 1\n"),
    ("syntax-package-late", "a: 1\npackage p\n"),
    // Names and imports
    ("reference-unknown", "replicas: 3\nout: replica + 1\n"),
    ("reference-far", "out: nothing.at.all\n"),
    ("reference-text", "a: web\n"),
    ("reference-value", "a: True\n"),
    ("reference-unused-let", "let x = 1\na: 2\n"),
    ("import-unknown", "import \"string\"\n\na: string.ToUpper(\"a\")\n"),
    ("import-of-no-module", "import \"ex.test/m/foo\"\n"),
    ("import-unused", "import \"strings\"\n\na: 1\n"),
    ("import-missing", "a: strings.ToUpper(\"a\")\n"),
    ("import-member", "import \"strings\"\n\na: strings.ToUper(\"a\")\n"),
    ("import-value", "import \"strings\"\n\na: strings\n"),
    // Conflicts
    ("conflict-values", "replicas: 3\n\nreplicas: 4\n"),
    ("conflict-types", "port: int\nport: \"80\"\n"),
    ("conflict-list", "import \"list\"\n\na: list.MaxItems(2)\na: [1, 2, 3]\n"),
    ("conflict-bound", "port: >1024 & <65536\nport: 80\n"),
    ("conflict-bounds", "a: >5 & <3\n"),
    ("conflict-pattern", "name: =~\"^[a-z]+$\"\nname: \"Web\"\n"),
    ("conflict-struct", "a: {b: 1}\na: 3\n"),
    ("conflict-list-length", "a: [1, 2, 3]\na: [1, 2]\n"),
    ("conflict-element", "a: [int, string]\na: [1, 2]\n"),
    ("conflict-deep", "spec: template: spec: replicas: 1\nspec: template: spec: replicas: 2\n"),
    ("conflict-reference", "defaults: {port: 80}\nserver: defaults & {port: 8080}\n"),
    (
        "conflict-references",
        "#Base: {port: 80}\nother: {port: 90}\nnear: other\nserver: #Base & near\nsame: {a: 1} & {a: 2}\nuse: same\n",
    ),
    ("conflict-several", "a: 1\na: 2\nb: \"x\"\nb: \"y\"\nc: int\nc: true\n"),
    ("conflict-definition", "#Port: int & >0\np: #Port & -1\n"),
    ("conflict-range", "a: uint8 & 300\n"),
    ("conflict-validator", "import \"strings\"\n\nname: strings.MaxRunes(3)\nname: \"abcd\"\n"),
    // Closed structs
    (
        "closed-field",
        "#Server: {\n\thost: string\n\tport: int\n}\nweb: #Server & {\n\thost: \"a\"\n\tprot: 80\n}\n",
    ),
    ("closed-far", "#Server: host: string\nweb: #Server & {host: \"a\", banana: 1}\n"),
    ("closed-deep", "#App: spec: {image: string, env: [string]: string}\na: #App & {spec: {imgae: \"x\"}}\n"),
    (
        "closed-branches",
        "#T: {kind: \"a\", name: string} | {kind: \"b\", size: int}\nt: #T & {sze: 3}\nu: #T & {kind: \"b\", sise: 3}\n",
    ),
    ("closed-function", "a: close({x: 1})\na: y: 2\n"),
    ("closed-two", "#A: {a: int}\nx: #A & {b: 1, c: 2}\n"),
    ("closed-list", "#L: {items: [...{name: string}]}\nx: #L & {items: [{name: \"a\"}, {nmae: \"b\"}]}\n"),
    ("required-field", "#A: {name!: string, size!: int}\nx: #A & {size: 1}\n"),
    // Disjunctions
    ("disjunction-values", "kind: \"a\" | \"b\" | \"c\"\nkind: \"d\"\n"),
    (
        "disjunction-structs",
        "x: {type: \"tcp\", port: int} | {type: \"unix\", path: string}\nx: {type: \"unix\", path: 3}\n",
    ),
    ("disjunction-closed", "#A: {a: int} | {b: int}\nx: #A & {c: 1}\n"),
    ("disjunction-open", "x: {a: 1} | {b: 2}\n"),
    ("disjunction-defaults", "x: (*1 | 2) & (1 | *2)\n"),
    ("alternatives-strings", "type: \"ClusterIP\" | \"NodePort\" | \"LoadBalancer\"\ntype: \"NodPort\"\n"),
    ("alternatives-default", "#S: type: *\"ClusterIP\" | \"NodePort\"\ns: #S & {type: \"nodeport\"}\n"),
    ("alternatives-numbers", "port: 80 | 443 | *8080\nport: 8081\n"),
    ("alternatives-quotes", "port: 80 | 443\nport: \"80\"\nname: \"1\" | \"2\"\nname: 2\n"),
    ("alternatives-mixed", "x: \"auto\" | int | null | {size: int}\nx: true\n"),
    ("alternatives-bound", "import \"strings\"\n\nx: strings.MaxRunes(2) | =~\"^a\" | 10\nx: \"long\"\n"),
    ("alternatives-twice", "x: (\"a\" | \"b\") & (\"b\" | \"c\")\nx: \"d\"\n"),
    ("alternatives-apart", "x: (\"a\" | \"b\") & (\"c\" | \"d\")\n"),
    (
        "alternatives-told-apart",
        "#P: {type: \"tcp\", port: int} | {type: \"unix\", path: string, mode?: int} | {type: \"none\"}\n\
         x: #P & {type: \"unix\", path: 3, mod: 4}\ny: #P & {type: \"udp\"}\n",
    ),
    (
        "alternatives-order",
        "#P: {port: int, type: \"tcp\"} | {path: string, type: \"unix\"}\nx: #P & {path: 3, type: \"unix\"}\n",
    ),
    (
        "alternatives-within",
        "#P: {type: \"a\", mode: \"ro\" | \"rw\"} | {type: \"b\", n: int}\nl: [...#P]\nl: [{type: \"a\", mode: \"wr\"}]\n",
    ),
    ("alternatives-kinds", "x: \"a\" | \"b\" | {c: int}\nx: {c: \"s\"}\n"),
    (
        "alternatives-fewest",
        "#T: {kind: \"a\", name: string} | {kind: \"b\", size: int}\nt: #T & {name: \"x\", sise: 3}\n",
    ),
    ("alternatives-unlike", "x: {a: int} | {b: int}\nx: {a: \"s\", b: \"t\"}\n"),
    ("alternatives-bottom", "x: \"a\" | \"c\" | _|_\nx: \"b\"\n"),
    // What is not said yet
    ("incomplete-type", "name: string\n"),
    ("incomplete-operand", "n: int\nm: n + 1\n"),
    ("incomplete-interpolation", "name: string\ngreeting: \"hello \\(name)\"\n"),
    ("incomplete-condition", "on: bool\nif on {a: 1}\n"),
    ("incomplete-for", "items: [...string] | {...}\nl: [for i in items {i}]\n"),
    ("incomplete-field", "a: b: 1\nc: a.d\n"),
    ("incomplete-optional", "a: {b?: int}\nc: a.b\n"),
    ("incomplete-bound", "n: >3\n"),
    // Use
    ("operand-types", "a: 1 + \"x\"\n"),
    ("operand-bool", "a: !3\n"),
    ("operand-index", "l: [1, 2]\na: l[2]\n"),
    ("operand-select", "n: 3\na: n.b\n"),
    ("operand-zero", "a: 1 / 0\n"),
    ("call-arity", "import \"strings\"\n\na: strings.Replace(\"a\", \"b\")\n"),
    ("call-type", "import \"strings\"\n\na: strings.ToUpper(3)\n"),
    ("call-fails", "import \"strconv\"\n\na: strconv.Atoi(\"x1\")\n"),
    ("call-no-function", "f: 3\na: f(1)\n"),
    ("call-regexp", "a: =~\"a(b\"\na: \"ab\"\n"),
    ("user-error", "n: 3\nif n > 2 {\n\tx: error(\"n must be at most 2\")\n}\n"),
    ("user-bottom", "a: _|_\n"),
    ("cycle-reference", "a: b + 1\nb: a + 1\n"),
    ("cycle-structure", "#Tree: {left: #Tree}\nt: #Tree\n"),
    ("default-alone", "a: *1\n"),
    ("budget-memory", "a: \"x\" * 10000000000\n"),
];

#[test]
fn mistakes_are_told_with_places() {
    let sandbox = Sandbox::new();
    insta::with_settings!({
        omit_expression => true,
        prepend_module_to_snapshot => false,
        snapshot_path => "snapshots/diagnostics",
    }, {
        for (name, text) in MISTAKES {
            sandbox.file("x.cue", text);
            let ended = sandbox.run(&["export", "x.cue"]);
            assert_eq!(ended.status, 1, "{name}: {}", ended.shown());
            assert!(ended.stdout.is_empty(), "{name}: {}", ended.shown());
            insta::assert_snapshot!(*name, ended.stderr);
        }
    });
}

/// A definition in a file of a package, and what is wrong in another one.
#[test]
fn a_value_that_no_alternative_allows_is_told_over_files_and_for_editors() {
    let sandbox = Sandbox::new();
    sandbox.file("service.cue", "package p\n\n#Service: type: *\"ClusterIP\" | \"NodePort\"\n");
    sandbox.file("web.cue", "package p\n\nweb: #Service & {type: \"NodPort\"}\n");
    let text = sandbox.run(&["export", "service.cue", "web.cue"]);
    let json = sandbox.run(&["export", "--error-format", "json", "service.cue", "web.cue"]);
    sandbox.file("web.yaml", "type: NodPort\n");
    let vet = sandbox.run(&["vet", "service.cue", "web.yaml", "-d", "#Service"]);
    insta::with_settings!({
        omit_expression => true,
        prepend_module_to_snapshot => false,
        snapshot_path => "snapshots/diagnostics",
    }, {
        let told = [text, json, vet].map(|e| format!("{}[exit {}]\n", e.stderr, e.status));
        insta::assert_snapshot!("alternatives-files", told.join("\n"));
    });
}
