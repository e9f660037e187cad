//! Packages, modules and data files: `export`, `eval` and `vet` beyond a single file.

use crate::sandbox::{Sandbox, check};

/// A module with packages and data.
fn module() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("cue.mod/module.cue", "module: \"ex.test/m@v0\"\nlanguage: version: \"v0.17.0\"\n");
    sandbox.file("top.cue", "package m\n\nteam: \"core\"\n");
    sandbox.file(
        "app/app.cue",
        "package m\n\nimport \"ex.test/m/base\"\n\napp: base.#App & {name: *\"web\" | string @tag(name)}\n",
    );
    sandbox.file("base/base.cue", "package base\n\n#App: {\n\tname!: string\n\tport:  *80 | int & >0\n}\n");
    sandbox.file("base/linux.cue", "@if(linux)\n\npackage base\n\n#App: os: \"linux\"\n");
    sandbox
}

#[test]
fn packages_and_tags() {
    let sandbox = module();
    check!("package-export", sandbox.run(&["export", "./app"]));
    check!("package-tags", sandbox.run(&["export", "app", "-t", "name=api", "-t", "linux", "--out", "yaml"]));
    check!("package-tag-unknown", sandbox.run(&["export", "./app", "-t", "nam=api"]));
    check!("package-import-path", sandbox.run(&["eval", "ex.test/m/base"]));
    check!("package-all", sandbox.run(&["export", "./...:m", "--out", "cue"]));
    check!("package-none", sandbox.run(&["export", "./bsae"]));
    sandbox.file("app/bad.cue", "package m\n\nimport \"ex.test/m/bsae\"\n\nx: bsae.#App\n");
    check!("package-import-unknown", sandbox.run(&["export", "./app"]));
    sandbox.file("cue.mod/module.cue", "modul: \"ex.test/m@v0\"\n");
    check!("module-bad", sandbox.run(&["export", "./app"]));
}

#[test]
fn import_cycle() {
    let sandbox = module();
    sandbox.file("a/a.cue", "package a\n\nimport \"ex.test/m/b\"\n\nx: b.x\n");
    sandbox.file("b/b.cue", "package b\n\nimport \"ex.test/m/a\"\n\nx: a.x\n");
    check!("import-cycle", sandbox.run(&["export", "./a"]));
}

#[test]
fn embedding() {
    let sandbox = module();
    sandbox.file("data/a.json", "{\"a\": 1}");
    sandbox.file("data/e.cue", "@extern(embed)\n\npackage e\n\nx: {a: string} @embed(file=a.json)\n");
    check!("embed-conflict", sandbox.run(&["export", "./data"]));
    sandbox.file("data/e.cue", "@extern(embed)\n\npackage e\n\nx: _ @embed(file=../../secret.json)\n");
    check!("embed-outside", sandbox.run(&["export", "./data"]));
    #[cfg(unix)]
    {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret.json"), "{\"secret\": 1}").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.json"), sandbox.path().join("data/link.json"))
            .unwrap();
        sandbox.file("data/e.cue", "@extern(embed)\n\npackage e\n\nx: _ @embed(file=link.json)\n");
        check!("embed-link", sandbox.run(&["export", "./data"]));
    }
}

/// A schema and data files.
fn data() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("s.cue", "#D: {x: int, k?: string}\ny: *3 | int\n");
    sandbox.file("a.yaml", "x: 1\nk: \"Aa\"\n");
    sandbox.file("m.yaml", "x: 1\nk: aa\n---\nx: two\nk: bb\n");
    sandbox.file("b.json", "{\n  \"x\": \"s\"\n}\n");
    sandbox.file("t.toml", "x = 5\n");
    sandbox.file("t.txt", "plain\n");
    sandbox
}

#[test]
fn data_checked_against_a_schema() {
    let sandbox = data();
    assert_eq!(sandbox.run(&["vet", "s.cue", "a.yaml", "-d", "#D"]).shown(), "---- exit status 0");
    assert_eq!(sandbox.run(&["vet", "s.cue", "t.toml", "-d", "#D"]).shown(), "---- exit status 0");
    check!("vet-documents", sandbox.run(&["vet", "s.cue", "m.yaml", "b.json", "-d", "#D"]));
    check!("vet-schema-unknown", sandbox.run(&["vet", "s.cue", "a.yaml", "-d", "#E"]));
    check!("vet-no-schema", sandbox.run(&["vet", "a.yaml"]));
    sandbox.file("open.cue", "a: int\nb: 1\n");
    let open = sandbox.run(&["vet", "open.cue"]);
    assert!(
        open.status == 1 && open.stderr.contains("-c shows them, -c=false allows them"),
        "{}",
        open.shown()
    );
    let shown = sandbox.run(&["vet", "-c", "open.cue"]);
    assert!(shown.status == 1 && shown.stderr.contains("incomplete value int"), "{}", shown.shown());
    assert_eq!(sandbox.run(&["vet", "-c=false", "open.cue"]).shown(), "---- exit status 0");
    check!("export-schema", sandbox.run(&["export", "s.cue", "a.yaml", "t.toml", "-d", "#D"]));
    check!("export-schema-list", sandbox.run(&["export", "s.cue", "a.yaml", "-d", "#D", "--list"]));
}

#[test]
fn data_put_together() {
    let sandbox = data();
    check!("data-conflict", sandbox.run(&["export", "a.yaml", "t.toml"]));
    check!("data-path", sandbox.run(&["export", "m.yaml", "-l", "top:", "-l", "strings.ToUpper(k)"]));
    let context = [
        "export",
        "m.yaml",
        "--with-context",
        "-l",
        "path.Base(filename)",
        "-l",
        "index",
        "-e",
        "\"m.yaml\".\"1\"",
    ];
    check!(
        "data-context",
        sandbox.run(&["export", "m.yaml", "--with-context", "-l", "path.Base(filename)", "-l", "index"])
    );
    assert_eq!(sandbox.run(&context).status, 1, "a quoted text is no reference");
    let list = sandbox.run(&["export", "--list", "m.yaml", "--out", "yaml"]);
    assert_eq!(list.stdout, "- x: 1\n  k: aa\n- x: two\n  k: bb\n", "{}", list.shown());
    let text = sandbox.run(&["export", "t.txt"]);
    assert_eq!(text.stdout, "\"plain\\n\"\n", "{}", text.shown());
    check!("data-no-label", sandbox.run(&["export", "m.yaml", "-l", "kk"]));
    check!("data-stdin", sandbox.run_with_input(&["export", "yaml:", "-", "-e", "a.b"], "a: {b: [1]}\n"));
    check!("data-qualifier", sandbox.run(&["export", "jsno:", "a.yaml"]));
    check!("data-unknown", sandbox.run(&["export", "none.ini"]));
    check!("data-apart", sandbox.run(&["export", "--merge=false", "a.yaml", "t.toml", "--out", "jsonl"]));
}

#[test]
fn outputs() {
    let sandbox = data();
    for (name, form) in [("yaml", "a.yaml"), ("toml", "a.yaml"), ("cue", "a.yaml")] {
        assert_eq!(sandbox.run(&["export", form, "--out", name]).status, 0, "{name}");
    }
    check!("export-text", sandbox.run(&["export", "a.yaml", "-e", "k", "--out", "text"]));
    check!("export-text-number", sandbox.run(&["export", "a.yaml", "-e", "x", "--out", "text"]));
    check!("export-unknown-form", sandbox.run(&["export", "a.yaml", "--out", "yml"]));
    assert_eq!(sandbox.run(&["export", "a.yaml", "-o", "out.toml"]).shown(), "---- exit status 0");
    assert_eq!(std::fs::read_to_string(sandbox.path().join("out.toml")).unwrap(), "k = 'Aa'\nx = 1\n");
    check!("export-file-exists", sandbox.run(&["export", "a.yaml", "-o", "out.toml"]));
    assert_eq!(sandbox.run(&["export", "t.toml", "-f", "-o", "json:out.toml"]).status, 0);
    assert_eq!(std::fs::read_to_string(sandbox.path().join("out.toml")).unwrap(), "{\n    \"x\": 5\n}\n");
    sandbox.file("d.cue", "package d\n\ninfo: {title: \"T\", version: \"v1\"}\n// A port\n#Port: int & >0\n");
    check!("export-openapi", sandbox.run(&["export", "d.cue", "--out", "openapi+yaml"]));
}

#[test]
fn evaluated_values() {
    let sandbox = Sandbox::new();
    let text = "import \"strings\"\n#D: {a: int, b?: string, _h: 1}\nx: #D & {a: 5}\ny: *1 | int @foo(bar)\nreq!: string\nz: strings.MinRunes(3)\nm: \"a\\nb\"\nc: int | string\n";
    sandbox.file("e.cue", text);
    check!("eval", sandbox.run(&["eval", "e.cue"]));
    check!("eval-all", sandbox.run(&["eval", "-a", "-A", "e.cue"]));
    check!("eval-expression", sandbox.run(&["eval", "e.cue", "-e", "x", "-e", "y + 1"]));
    // Shown as it is written, as other values are that are not known yet.
    sandbox.file("m.cue", "import \"uuid\"\na: uuid.variantz\n");
    check!("eval-missing", sandbox.run(&["eval", "m.cue"]));
    check!("eval-concrete", sandbox.run(&["eval", "-c", "e.cue", "-e", "c"]));
    sandbox.file("bad.cue", "a: 1 & 2\nb: 3\n");
    check!("eval-ignore", sandbox.run(&["eval", "-i", "bad.cue"]));
}
