//! What parses is formatted to text that parses, formats to itself, and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::source::{FileId, Source};
use stepwell_lang::{Budget, Data, NoPackages, Program, syntax};

fn format(text: &str) -> Option<String> {
    let (file, mistakes) = syntax::parse(FileId(0), text);
    mistakes.is_empty().then(|| syntax::fmt::format(&file))
}

fn value(text: &str) -> Option<Data> {
    let program = Program::compile(vec![Source::new("x.cue", text)], &NoPackages).ok()?;
    let budget = Budget { steps: 20_000, depth: 100, memory: 16 << 20, cancel: None };
    program.instance_with(budget).root().data().ok()
}

fuzz_target!(|text: &str| {
    let Some(once) = format(text) else { return };
    let twice = format(&once);
    assert_eq!(twice.as_deref(), Some(once.as_str()), "from {text:?}");
    if let Some(v) = value(text) {
        assert_eq!(value(&once), Some(v), "from {text:?} to {once:?}");
    }
});
