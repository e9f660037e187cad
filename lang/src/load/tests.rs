//! Modules in memory: which files count, and what is said where something is not found.

use super::*;
use crate::api::Program;

const MODULE: (&str, &str) =
    ("/cue.mod/module.cue", "module: \"ex.test/m@v0\"\nlanguage: version: \"v0.17.0\"\n");

fn given(tags: &[&str]) -> Tags {
    let mut out = Tags::default();
    tags.iter().for_each(|t| out.inject(t));
    out
}

/// What an argument comes to: JSON, or the messages with their places and advice.
fn load_with(files: &[(&str, &str)], here: &str, argument: &str, tags: &[&str]) -> String {
    let mut memory = MemoryFiles::default();
    for (path, text) in files {
        memory.files.insert((*path).to_owned(), text.as_bytes().to_vec());
    }
    let run = || {
        let loader = Loader::new(&memory, here, given(tags))?;
        let mut out = String::new();
        for instance in loader.instances(&[argument.to_owned()], None)? {
            let program = Program::compile(instance.sources, &loader)?;
            out.push_str(&crate::encode::json::compact(&program.instance().root().data()?));
        }
        Ok(out)
    };
    run().unwrap_or_else(|failure: Failure| {
        let mut out = String::new();
        for d in &failure.diagnostics {
            let places: Vec<_> = d
                .positions(&failure.sources)
                .iter()
                .map(|p| format!("{}:{}:{}", p.file, p.line, p.column))
                .collect();
            let hint = d.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
            let path = if d.path.is_empty() { String::new() } else { format!("{}: ", d.path) };
            out.push_str(&format!("{path}{} [{}]{hint}\n", d.message, places.join(" ")));
        }
        out.trim_end().to_owned()
    })
}

fn load(files: &[(&str, &str)], argument: &str) -> String {
    load_with(&[&[MODULE], files].concat(), "/", argument, &[])
}

#[test]
fn a_package_has_the_files_of_the_folders_above() {
    let mut said = Vec::new();
    let files = [
        ("/r.cue", "package m\nroot: 1\n"),
        ("/other.cue", "package other\nno: 1\n"),
        ("/none.cue", "no: 1\n"),
        ("/anonymous.cue", "package _\nno: 1\n"),
        ("/x_tool.cue", "package m\nno: 1\n"),
        ("/x_test.cue", "package m\nno: 1\n"),
        ("/_x.cue", "package m\nno: 1\n"),
        ("/a/s.cue", "package m\nsub: 1\n"),
        ("/a/b/d.cue", "package m\ndeep: 1\n"),
        ("/_hidden/h.cue", "package m\nhidden: 1\n"),
        ("/other/cue.mod/module.cue", "module: \"other.test\"\n"),
        ("/other/o.cue", "package m\nother: 1\n"),
    ];
    assert_eq!(load(&files, "./a/b"), r#"{"deep":1,"root":1,"sub":1}"#);
    assert_eq!(load(&files, "./a"), r#"{"root":1,"sub":1}"#);
    assert_eq!(load(&files, ".:m"), r#"{"root":1}"#);
    assert_eq!(load(&files, "./_hidden"), r#"{"hidden":1,"root":1}"#);
    assert_eq!(load(&files, "./...:m"), r#"{"root":1}{"root":1,"sub":1}{"deep":1,"root":1,"sub":1}"#);
    assert_eq!(load(&files, "ex.test/m/a@v0:m"), r#"{"root":1,"sub":1}"#);
    said.push(load(&files, "."));
    said.push(load(&files, "./a:n"));
    said.push(load(&files, "./none"));
    said.push(load(&files, "./x/..."));
    said.push(load(&files, "ex.test/m/c"));
    said.push(load(&files, "b"));
    said.push(load(&[("/a.cue", "a: 1\n")], "."));
    said.push(load(&[], "."));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn imports() {
    let mut said = Vec::new();
    let import = |import: &str, value: &str| {
        let text = format!("package s\nimport {import}\nx: {value}\n");
        let files = [
            ("/s.cue", text.as_str()),
            ("/r.cue", "package m\nroot: 1\n"),
            ("/sub/s.cue", "package m\nsub: 2\n_h: 1\n"),
            ("/two/a.cue", "package a\na: 1\n"),
            ("/two/b.cue", "package two\nb: 1\n"),
            ("/cue.mod/pkg/ext.test/p/a.cue", "package p\na: 1\n"),
            ("/cue.mod/gen/ext.test/p/a.cue", "package p\nb: 2\n"),
            ("/cue.mod/usr/ext.test/p/a.cue", "package p\nc: 3\n"),
        ];
        load(&files, ".:s")
    };
    assert_eq!(import("\"ex.test/m/two\"", "two.b"), r#"{"x":1}"#);
    assert_eq!(import("\"ex.test/m/two:a\"", "a.a"), r#"{"x":1}"#);
    assert_eq!(import("y \"ex.test/m/sub@v0:m\"", "[y.root, y.sub]"), r#"{"x":[1,2]}"#);
    assert_eq!(import("\"ex.test/m:m\"", "m"), r#"{"x":{"root":1}}"#);
    assert_eq!(import("\"ext.test/p\"", "p"), r#"{"x":{"a":1,"b":2,"c":3}}"#);
    said.push(import("\"ex.test/m/sub\"", "sub.a"));
    said.push(import("\"ex.test/m/subb:m\"", "m.a"));
    said.push(import("\"ext.test/q\"", "q.a"));
    said.push(import("\"sttrings\"", "sttrings.a"));
    said.push(import("\"./sub\"", "sub.a"));
    said.push(import("\"ex.test/m/../../etc\"", "etc.a"));
    said.push(import("\"ex.test/m/sub:m@v0\"", "m.a"));
    said.push(import("\"ex.test/m/sub@v1:m\"", "m.a"));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn import_cycles() {
    let mut said = Vec::new();
    let files = [
        ("/a/a.cue", "package a\nimport \"ex.test/m/b\"\nx: b.x\n"),
        ("/b/b.cue", "package b\nimport \"ex.test/m/c\"\nx: c.x\n"),
        ("/c/c.cue", "package c\nimport \"ex.test/m/b\"\nx: b.x\n"),
        ("/d/d.cue", "package d\nimport \"ex.test/m/d\"\nx: d.x\n"),
    ];
    said.push(load(&files, "./a"));
    said.push(load(&files, "./d"));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn bad_module_files() {
    let mut said = Vec::new();
    let module = |text: &str| {
        load_with(&[("/cue.mod/module.cue", text), ("/a.cue", "package a\na: 1\n")], "/", ".", &[])
    };
    assert_eq!(
        module("module: \"ex.test/m@v0\"\nlanguage: version: \"v0.9.0\"\nsource: kind: \"self\"\n"),
        r#"{"a":1}"#
    );
    assert_eq!(module("module: \"\"\n"), r#"{"a":1}"#);
    said.push(module("module: 1\n"));
    said.push(module("modul: \"a.test\"\n"));
    said.push(module("module: \"Ex Test\"\n"));
    said.push(module("module: \"ex.test@1\"\n"));
    said.push(module("language: version: \"v0.99.0\"\n"));
    said.push(module("language: version: \"0.17\"\n"));
    said.push(module("language: {\n"));
    said.push(module("module: string\n"));
    let needs = [
        ("/cue.mod/module.cue", "module: \"ex.test/m@v0\"\ndeps: \"far.test/x@v0\": v: \"v0.1.0\"\n"),
        ("/a.cue", "package a\nimport \"far.test/x/y\"\na: y.a\n"),
    ];
    said.push(load_with(&needs, "/", ".", &[]));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn conditions_and_tags() {
    let mut said = Vec::new();
    let files = [
        MODULE,
        ("/a.cue", "// doc\n@if(prod && !(test || dev))\npackage a\nprod: true\n"),
        (
            "/b.cue",
            "package a\nenv: *\"none\" | string @tag(env,short=prod|dev)\nn: *0 | int @tag(n,type=int)\n",
        ),
        ("/c.cue", "@ignore()\npackage c\nno: 1\n"),
    ];
    assert_eq!(load_with(&files, "/", ".", &[]), r#"{"env":"none","n":0}"#);
    assert_eq!(load_with(&files, "/", ".", &["prod", "n=-3"]), r#"{"env":"prod","n":-3,"prod":true}"#);
    assert_eq!(load_with(&files, "/", ".", &["dev"]), r#"{"env":"dev","n":0}"#);
    said.push(load_with(&files, "/", ".", &["n=x"]));
    let one = |text: &str| load_with(&[("/a.cue", text)], "/", ".", &["x=1"]);
    said.push(one("package a\nx?: string @tag(x)\n"));
    said.push(one("package a\nif true {x: string @tag(x)}\n"));
    said.push(one("package a\nx: [{y: string @tag(x)}]\n"));
    said.push(one("package a\nx: string @tag()\n"));
    said.push(one("package a\nx: string @tag(x,type=text)\n"));
    said.push(one("@if(a +b)\npackage a\n"));
    said.push(one("@if(a)\n@if(b)\npackage a\n"));
    said.push(one("@if(a)\npackage a\n"));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn embedded_files() {
    let mut said = Vec::new();
    let embed = |decl: &str| {
        let text = format!("@extern(embed)\npackage a\n{decl}\n");
        let files = [
            ("/s/a.cue", text.as_str()),
            ("/s/d/x.json", "{\"x\": 1}"),
            ("/s/d/y.yaml", "y: 2\n"),
            ("/s/d/z.yaml", "y: 2\n---\ny: 3\n"),
            ("/s/d/t.txt", "hello\n"),
            ("/s/d/bad.json", "{\"x\": }"),
            ("/s/d/none", "{}"),
            ("/outside.json", "{}"),
            ("/s/other/cue.mod/module.cue", ""),
            ("/s/other/o.json", "{}"),
        ];
        load(&files, "./s")
    };
    assert_eq!(embed("a: {x: int} @embed(file=d/x.json)"), r#"{"a":{"x":1}}"#);
    assert_eq!(embed("a: _ @embed(file=\"d/t.txt\")"), r#"{"a":"hello\n"}"#);
    assert_eq!(embed("a: _ @embed(file=d/none,type=json)"), r#"{"a":{}}"#);
    assert_eq!(embed("a: _ @embed(glob=d/?.json)"), r#"{"a":{"d/x.json":{"x":1}}}"#);
    assert_eq!(embed("a: _ @embed(glob=d/q*.json,allowEmptyGlob)"), r#"{"a":{}}"#);
    assert_eq!(embed("@embed(file=d/y.yaml)\na: {@embed(file=d/x.json)}"), r#"{"y":2,"a":{"x":1}}"#);
    said.push(embed("a: {x: string} @embed(file=d/x.json)"));
    said.push(embed("a: _ @embed(file=../outside.json)"));
    said.push(embed("a: _ @embed(file=/outside.json)"));
    said.push(embed("a: _ @embed(file=other/o.json)"));
    said.push(embed("a: _ @embed(file=d/z.yaml)"));
    said.push(embed("a: _ @embed(file=d/bad.json)"));
    said.push(embed("a: _ @embed(file=d/xx.json)"));
    said.push(embed("a: _ @embed(file=d/none)"));
    said.push(embed("a: _ @embed(file=a.cue)"));
    said.push(embed("a: _ @embed(glob=d/*)"));
    said.push(embed("a: _ @embed(glob=**/*.json)"));
    said.push(embed("a: _ @embed()"));
    said.push(load(&[("/a.cue", "@extern(foo)\npackage a\na: 1\n")], "."));
    said.push(load(&[("/a.cue", "package a\n@extern(embed)\na: 1\n")], "."));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn functions_come_with_a_version_of_the_language() {
    let said = |version: &str, text: &str| {
        let module = format!("module: \"ex.test/m@v0\"\nlanguage: version: \"{version}\"\n");
        let files = [
            ("/cue.mod/module.cue", module.as_str()),
            ("/a.cue", text),
            ("/b/b.cue", "package b\nx: *error(\"no\") | 1\n"),
            ("/cue.mod/pkg/ex.other/c/c.cue", "package c\nx: *error(\"no\") | 1\n"),
        ];
        load(&files, ".")
    };
    let own = "package a\nx: *error(\"no\") | 1\n";
    assert_eq!(said("v0.14.0", own), r#"{"x":1}"#);
    let old = "the function error is not there before language version v0.14";
    assert!(said("v0.13.2", own).starts_with(&format!("x: {old} [a.cue:2:5]")), "{}", said("v0.13.2", own));
    let imported = "package a\nimport \"ex.test/m/b\"\nx: b.x\n";
    assert!(
        said("v0.8.0", imported).starts_with(&format!("x: {old} [b/b.cue:2:5]")),
        "{}",
        said("v0.8.0", imported)
    );
    assert_eq!(said("v0.8.0", "package a\nimport \"ex.other/c\"\nx: c.x\n"), r#"{"x":1}"#);
}
