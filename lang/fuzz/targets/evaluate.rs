//! Any program ends within its budget, as values or as errors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::source::Source;
use stepwell_lang::{Budget, NoPackages, Program};

fuzz_target!(|text: &str| {
    let Ok(program) = Program::compile(vec![Source::new("x.cue", text)], &NoPackages) else { return };
    let instance =
        program.instance_with(Budget { steps: 100_000, depth: 200, memory: 64 << 20, cancel: None });
    let root = instance.root();
    let _ = root.validate(false);
    let _ = root.data();
    let _ = (root.tree(), root.to_source());
});
