//! Any text is parsed to a tree and mistakes whose places lie in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::source::FileId;
use stepwell_lang::syntax::{self, ast::DeclKind};

fuzz_target!(|text: &str| {
    let (file, mistakes) = syntax::parse(FileId(0), text);
    for label in mistakes.iter().flat_map(|d| &d.labels) {
        assert!(label.span.start <= label.span.end && label.span.end as usize <= text.len());
    }
    let given_up = file.decls.iter().any(|d| matches!(d.kind, DeclKind::Bad));
    assert!(!given_up || !mistakes.is_empty(), "a declaration was given up without a message");
    syntax::parse_expr(FileId(0), text);
});
