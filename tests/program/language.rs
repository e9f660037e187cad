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
