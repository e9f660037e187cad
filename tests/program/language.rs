//! The commands of the language on files: `fmt`, `export`, `eval`, `vet`.

use crate::sandbox::{Sandbox, check};

#[test]
fn files_that_cannot_be_read() {
    let sandbox = Sandbox::new();
    check!("no-such-file", sandbox.run(&["export", "none.cue"]));
    check!("no-such-file-json", sandbox.run(&["export", "none.cue", "--error-format", "json"]));
    check!("no-files", sandbox.run(&["export"]));
    std::fs::write(sandbox.path().join("bytes.cue"), b"a: 1\nb: \"\xff\"\n").unwrap();
    check!("not-text", sandbox.run(&["export", "bytes.cue"]));
}

#[test]
fn data_that_does_not_parse() {
    let sandbox = Sandbox::new();
    sandbox.file("bad.yaml", "a: 1\nb: [1, }\n");
    check!("bad-yaml", sandbox.run(&["export", "bad.yaml"]));
    sandbox.file("bad.json", "{\"a\": 1,\n \"b\": tru}\n");
    check!("bad-json", sandbox.run(&["vet", "bad.json"]));
}

#[test]
fn fmt_formats_standard_input() {
    let sandbox = Sandbox::new();
    check!("fmt-stdin", sandbox.run_with_input(&["fmt", "-"], "a:1\nlonger:   {b : [1,2]}\n"));
}

#[test]
fn fmt_rewrites_files_and_says_what_it_would() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("a.cue", "a:1\n");
    sandbox.file("b.cue", "b: 1\n");
    check!("fmt-check", sandbox.run(&["fmt", "--check"]));
    check!("fmt-diff", sandbox.run(&["fmt", "-d", "a.cue", "b.cue"]));
    let both = sandbox.run(&["fmt", "-d", "--check", "a.cue", "b.cue"]);
    assert_eq!(both.shown(), sandbox.run(&["fmt", "-d", "a.cue", "b.cue"]).shown());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a:1\n");
    assert_eq!(sandbox.run(&["fmt"]).shown(), "---- exit status 0");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a: 1\n");
    assert_eq!(sandbox.run(&["fmt", "--check"]).shown(), "---- exit status 0");
    let left: Vec<_> = std::fs::read_dir(sandbox.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn fmt_shows_every_mistake_and_touches_nothing() {
    let sandbox = Sandbox::new();
    let text = "a: {\nb: ]\nc: 1\n";
    let file = sandbox.file("bad.cue", text);
    check!("fmt-syntax", sandbox.run(&["fmt", "bad.cue"]));
    check!("fmt-syntax-json", sandbox.run(&["fmt", "bad.cue", "--error-format", "json"]));
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
}

/// The options of the reference that belong to every command.
#[test]
fn another_folder_to_work_in() {
    let sandbox = Sandbox::new();
    sandbox.file("in/x.cue", "a: 1\n");
    for args in [["-C", "in", "export", "x.cue", "-E"], ["export", "x.cue", "--chdir", "in", "--all-errors"]]
    {
        let ended = sandbox.run(&args);
        assert_eq!((ended.status, ended.stdout.as_str()), (0, "{\n    \"a\": 1\n}\n"), "{}", ended.stderr);
    }
    check!("chdir-none", sandbox.run(&["export", "-C", "nowhere", "x.cue"]));
}

#[test]
fn less_is_written_where_asked() {
    let sandbox = Sandbox::new();
    sandbox.file("s.cue", "\"a\": {b: {\"c\": 1}}\n#d: {x: int}\n");
    check!("simplify-fmt", sandbox.run_with_input(&["fmt", "-s", "-"], "\"a\": {b: {\"c\": 1}}\n"));
    check!("simplify-eval", sandbox.run(&["eval", "-s", "s.cue"]));
    assert_eq!(sandbox.run(&["export", "--simplify", "--out", "cue", "s.cue"]).stdout, "a: b: c: 1\n");
    assert_eq!(sandbox.run(&["eval", "--out", "package", "-s", "s.cue"]).stdout, "a: b: c: 1\n#d: x: int\n");
    check!("simplify-json", sandbox.run(&["export", "-s", "s.cue"]));
}

#[test]
fn fmt_takes_folders_whole() {
    let sandbox = Sandbox::new();
    for file in ["a.cue", "in/b.cue", "in/cue.mod/c.cue", "_in/d.cue"] {
        sandbox.file(file, "a:1\n");
    }
    sandbox.file("in/cue.mod/module.cue", "module: \"ex.test/m\"\n");
    // Another module is left out, unless folders are taken as they are.
    assert_eq!(sandbox.run(&["fmt", "--check", "./..."]).stdout, "a.cue\n");
    assert_eq!(sandbox.run(&["fmt", "--check", "--files", "."]).stdout, "a.cue\nin/b.cue\n");
    assert_eq!(
        sandbox.run(&["fmt", "--check", "--files", "_in", "in/cue.mod"]).stdout,
        "_in/d.cue\nin/cue.mod/c.cue\n"
    );
}

/// What `cue` has and we have not is told, with what to use instead.
#[test]
fn calls_that_are_for_another_program() {
    let sandbox = Sandbox::new();
    sandbox.file("a.cue", "a: 1\n");
    let calls: &[&[&str]] = &[
        &["def", "a.cue"],
        &["def", "-e", "a", "a.cue"],
        &["trim", "a.cue"],
        &["fix"],
        &["cmd", "deploy"],
        &["mod", "init"],
        &["login"],
        &["refactor", "imports", "a", "b"],
        &["lsp"],
        &["exp", "gengotypes"],
        &["-C", ".", "fix"],
        &["export", "-n", "a", "."],
        &["eval", "-I", "in", "a.cue"],
        &["vet", "--proto_enum=json", "a.cue"],
        &["export", "-i", "a.cue"],
        &["vet", "-s", "a.cue"],
        &["import", "-d", "#A", "a.yaml"],
        &["import", "--merge=false", "a.yaml"],
        &["help", "filetypes"],
    ];
    let mut told = String::new();
    for call in calls {
        let ended = sandbox.run(call);
        assert_eq!(ended.status, 2, "{call:?}: {}", ended.stderr);
        told.push_str(&format!(
            "$ stepwell {}\n{}\n",
            call.join(" "),
            ended.stderr.lines().next().unwrap_or("")
        ));
    }
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("calls-of-another-program", told);
    });
    // What is no call of that program either is told as ever.
    assert!(sandbox.run(&["def", "lst"]).stderr.contains("a similar subcommand exists: 'list'"));
    assert_eq!(sandbox.run(&["completion", "bash"]).status, 0);
}
