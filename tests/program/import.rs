//! `import`: data and schemas of other languages as files of the language, and what is written back.

use crate::sandbox::{Sandbox, check};

fn read(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path().join(name)).unwrap()
}

#[test]
fn data_becomes_files() {
    let sandbox = Sandbox::new();
    sandbox.file("foo.yaml", "kind: Service\nname: booster\nx-y: 1\n");
    assert_eq!(sandbox.run(&["import", "foo.yaml"]).shown(), "---- exit status 0");
    assert_eq!(read(&sandbox, "foo.cue"), "kind:  \"Service\"\nname:  \"booster\"\n\"x-y\": 1\n");
    check!("import-exists", sandbox.run(&["import", "foo.yaml"]));
    assert_eq!(
        sandbox.run(&["import", "foo.yaml", "-o", "foo.cue"]).shown(),
        sandbox.run(&["import", "foo.yaml"]).shown()
    );
    assert_eq!(sandbox.run(&["import", "-f", "-p", "foo", "-l", "top:", "foo.yaml"]).status, 0);
    assert!(read(&sandbox, "foo.cue").starts_with("package foo\n\ntop: {\n"));
    sandbox.file("m.yaml", "kind: Service\nname: a\n---\nkind: Deployment\nname: b\nn: [{x: 1}]\n");
    check!("import-several", sandbox.run(&["import", "m.yaml"]));
    check!(
        "import-path",
        sandbox.run(&["import", "-o", "-", "-l", "strings.ToLower(kind)", "-l", "name", "m.yaml"])
    );
    check!("import-list", sandbox.run(&["import", "-o", "-", "--list", "m.yaml"]));
    assert_eq!(sandbox.run(&["import", "--files", "m.yaml"]).status, 0);
    assert!(read(&sandbox, "m-1.cue").contains("Deployment"));
    sandbox.file("c.yaml", "# all\n\n# first\na: 1 # one\nb: # list\n  - x # no x\n  # then\n  - {y: 1}\nc: |\n  # text\n# end\n");
    check!("import-comments", sandbox.run(&["import", "-o", "-", "c.yaml"]));
    sandbox.file("deep/a.json", "{\"a\": 1}");
    check!("import-folder", sandbox.run(&["import", "--dry-run", "-n", "^a", "./..."]));
    sandbox
        .file("r.json", "{\"a\": {\"d\": \"{\\\"x\\\": 1}\", \"e\": \"b: 1\\nc: 2\\n\", \"f\": \"plain\"}}");
    check!("import-recursive", sandbox.run(&["import", "-R", "-o", "-", "r.json"]));
    check!("import-stdin", sandbox.run_with_input(&["import", "-o", "-", "toml", "-"], "[t]\na = 1\n"));
    check!("import-none", sandbox.run(&["import", "none.ini"]));
    check!("import-mode", sandbox.run(&["import", "jsonshema", "r.json"]));
}

#[test]
fn files_of_a_folder() {
    let sandbox = Sandbox::new();
    sandbox.file("a.conf", "x: {y: 1}\n");
    sandbox.file("b.yaml", "z: 1\n");
    sandbox.file("c.cue", "package p\n");
    // What is made of a folder is a part of its package.
    check!("import-ext", sandbox.run(&["import", "-o", "-", "-s", "yaml", "--ext", "conf", "."]));
    check!(
        "import-ext-binary",
        sandbox.run(&["import", "-o", "-", "binary", "--ext", ".conf", "-l", "raw:", "."])
    );
    check!("import-ext-type", sandbox.run(&["import", "--ext", "conf", "."]));
    check!("import-binary", sandbox.run(&["import", "binary", "."]));
    check!("import-clash", sandbox.run(&["import", "-p", "q", "."]));
    assert_eq!(sandbox.run(&["import", "."]).status, 0);
    assert_eq!(read(&sandbox, "b.cue"), "package p\n\nz: 1\n");
    assert_eq!(sandbox.run(&["export"]).stdout, "{\n    \"z\": 1\n}\n");
}

#[test]
fn schemas_become_definitions() {
    let sandbox = Sandbox::new();
    let schema = "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"type\": \"object\",\n  \"required\": [\"name\"],\n  \"properties\": {\n    \"name\": {\"type\": \"string\", \"minLength\": 1},\n    \"port\": {\"$ref\": \"#/$defs/port\"}\n  },\n  \"$defs\": {\"port\": {\"type\": \"integer\", \"minimum\": 1}}\n}\n";
    sandbox.file("s.json", schema);
    check!("import-jsonschema", sandbox.run(&["import", "-o", "-", "-p", "s", "-l", "#Config:", "s.json"]));
    sandbox.file("good.yaml", "name: a\nport: 1\n");
    sandbox.file("bad.yaml", "name: a\nport: 0\n");
    assert_eq!(sandbox.run(&["import", "s.json"]).status, 0);
    assert_eq!(sandbox.run(&["vet", "s.cue", "good.yaml"]).shown(), "---- exit status 0");
    assert_eq!(sandbox.run(&["vet", "s.cue", "bad.yaml"]).status, 1);
    assert_eq!(
        sandbox.run(&["vet", "jsonschema:", "s.json", "data:", "good.yaml"]).shown(),
        "---- exit status 0"
    );
    assert_eq!(sandbox.run(&["vet", "jsonschema:", "s.json", "data:", "bad.yaml"]).status, 1);
    sandbox.file("wrong.json", &schema.replace("#/$defs/port", "#/$defs/prt").replace("integer", "intger"));
    check!("import-jsonschema-wrong", sandbox.run(&["import", "wrong.json"]));
    sandbox.file("o.yaml", "openapi: 3.0.0\ninfo: {title: API, version: v1}\ncomponents:\n  schemas:\n    Port: {type: integer, minimum: 1}\n");
    check!("import-openapi", sandbox.run(&["import", "-o", "-", "o.yaml"]));
    assert_eq!(sandbox.run(&["import", "o.yaml"]).status, 0);
    check!("import-openapi-back", sandbox.run(&["export", "o.cue", "--out", "openapi+yaml"]));
    check!("export-jsonschema", sandbox.run(&["export", "o.cue", "-e", "#Port", "--out", "jsonschema"]));
}

#[test]
fn custom_resources_become_packages() {
    let sandbox = Sandbox::new();
    let crd = "kind: CustomResourceDefinition\nspec:\n  group: ex.test\n  names: {kind: Tab, singular: tab}\n  versions:\n    - name: v1\n      schema:\n        openAPIV3Schema:\n          type: object\n          properties:\n            spec: {type: object, required: [n], properties: {n: {type: integer}}}\n";
    sandbox.file("crds/crd.yaml", crd);
    assert_eq!(sandbox.run(&["import", "crd", "crds/crd.yaml"]).shown(), "---- exit status 0");
    check!("import-crd", sandbox.run(&["eval", "-a", "crds/v1/tab.cue"]));
    sandbox.file(
        "good.yaml",
        "apiVersion: ex.test/v1\nkind: Tab\nmetadata: {name: a, namespace: b}\nspec: {n: 1}\n",
    );
    sandbox.file(
        "bad.yaml",
        "apiVersion: ex.test/v1\nkind: Tab\nmetadata: {name: a, namespace: b}\nspec: {n: 1, m: 2}\n",
    );
    assert_eq!(
        sandbox.run(&["vet", "crds/v1/tab.cue", "good.yaml", "-d", "#Tab"]).shown(),
        "---- exit status 0"
    );
    check!("import-crd-vet", sandbox.run(&["vet", "crds/v1/tab.cue", "bad.yaml", "-d", "#Tab"]));
}

#[test]
fn packages_as_one_file() {
    let sandbox = Sandbox::new();
    sandbox.file("a.cue", "// About p\npackage p\n\nimport \"list\"\n\n// a\na: list.Max(b)\n");
    sandbox.file("b.cue", "package p\n\nimport (\n\t\"list\"\n\t\"strings\"\n)\n\n// b\nb: [1, c]\nc: list.Min([2])\nd: strings.ToUpper(\"x\")\n");
    check!("eval-package", sandbox.run(&["eval", "--out", "package"]));
    sandbox.file("c.cue", "package p\n\nimport list \"strings\"\n\ne: list.ToUpper(\"x\")\n");
    check!("eval-package-clash", sandbox.run(&["eval", "--out", "package"]));
}

#[test]
fn protocol_buffers_become_definitions() {
    let sandbox = Sandbox::new();
    sandbox.file("cue.mod/module.cue", "module: \"ex.test/m\"\nlanguage: version: \"v0.17.0\"\n");
    let order = "syntax = \"proto3\";\npackage shop.v1;\nimport \"shop/item.proto\";\nimport \"far/money.proto\";\n\n// An order.\nmessage Order {\n  repeated shop.item.Item items = 1;\n  far.money.Money total = 2;\n  oneof by {\n    string card = 3;\n    bool cash = 4;\n  }\n}\n";
    sandbox.file("shop/order.proto", order);
    sandbox.file(
        "shop/item.proto",
        "syntax = \"proto3\";\npackage shop.item;\nmessage Item {\n  string item_name = 1;\n}\n",
    );
    sandbox.file("include/far/money.proto", "syntax = \"proto3\";\npackage far.money;\nmessage Money {\n  int64 cents = 1;\n  enum Unit { EUR = 0; USD = 1; }\n  Unit unit = 2;\n}\n");
    check!("import-proto-none", sandbox.run(&["import", "proto", "shop/order.proto"]));
    check!(
        "import-proto-files",
        sandbox.run(&["import", "proto", "-I", "include", "--dry-run", "shop/order.proto"])
    );
    check!("import-proto", sandbox.run(&["import", "proto", "-I", "include", "-o", "-", "shop/order.proto"]));
    let names = [
        "import",
        "proto",
        "--proto_path",
        "include",
        "--proto_enum",
        "json",
        "include/far/money.proto",
        "-o",
        "-",
    ];
    check!("import-proto-names", sandbox.run(&names));
    assert_eq!(sandbox.run(&["import", "proto", "-I", "include", "shop/order.proto"]).status, 0);
    // What was written can be imported, and says what data must be.
    sandbox.file("main.cue", "package main\nimport \"ex.test/m/shop:v1\"\no: v1.#Order & {items: [{itemName: \"a\"}], total: {cents: 5, unit: 1}, cash: true}\n");
    check!("import-proto-used", sandbox.run(&["export", "main.cue", "-e", "o"]));
    sandbox.file("wrong.cue", "package main\nimport \"ex.test/m/shop:v1\"\no: v1.#Order & {cash: true, card: \"x\", total: unit: 2}\n");
    assert_eq!(sandbox.run(&["vet", "wrong.cue"]).status, 1);
    sandbox.file("bad.proto", "syntax = \"proto3\";\npackage bad;\nmessage M {\n  Mesage m = 1;\n  strng s = 2;\n}\nmessage Message {}\n");
    check!("import-proto-wrong", sandbox.run(&["import", "proto", "bad.proto"]));
    sandbox.file("open.proto", "message M {\n  string s = 1\n}\n");
    check!("import-proto-syntax", sandbox.run(&["import", "proto", "open.proto"]));
    sandbox.file("lone.proto", "syntax = \"proto3\";\nmessage M {}\n");
    check!("import-proto-package", sandbox.run(&["import", "proto", "lone.proto"]));
    check!("import-proto-other", sandbox.run(&["export", "lone.proto"]));
}
