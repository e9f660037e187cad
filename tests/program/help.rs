//! Help, completions, and wrong calls.

use crate::sandbox::{Sandbox, check};

#[test]
fn help_is_a_page_to_act_on() {
    check!("help", Sandbox::new().run(&["help"]));
}

#[test]
fn help_in_its_three_forms_is_the_same() {
    let sandbox = Sandbox::new();
    let page = sandbox.run(&["help"]).stdout;
    assert_eq!(sandbox.run(&["--help"]).stdout, page);
    assert_eq!(sandbox.run(&["-h"]).stdout, page);
    let bare = sandbox.run::<&str>(&[]);
    assert_eq!((bare.stderr, bare.status), (page, 2));
}

#[test]
fn help_of_a_command() {
    check!("help-export", Sandbox::new().run(&["help", "export"]));
    check!("help-unknown", Sandbox::new().run(&["help", "exprot"]));
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let have = std::fs::read_to_string(path).unwrap();
    let page = Sandbox::new().run(&["help", "--markdown"]).stdout;
    assert!(have == page, "docs/cli.md is not up to date: run `cargo xtask docs`");
}

#[test]
fn completions_for_every_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = sandbox.run(&["completions", shell]);
        assert_eq!(ended.status, 0, "{shell}: {}", ended.stderr);
        assert!(ended.stdout.contains("stepwell") && ended.stdout.contains("export"), "{shell}");
    }
}

#[test]
fn version() {
    check!("version", Sandbox::new().run(&["version"]));
}

#[test]
fn wrong_calls_are_exit_status_2() {
    let sandbox = Sandbox::new();
    check!("usage-command", sandbox.run(&["exprot"]));
    check!("usage-option", sandbox.run(&["export", "--out", "xml"]));
    check!("usage-json", sandbox.run(&["export", "--out", "xml", "--error-format", "json"]));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
