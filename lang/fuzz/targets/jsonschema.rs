//! A JSON Schema becomes definitions that parse and compile, or is refused with its mistakes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::encode::{json, schema};
use stepwell_lang::source::FileId;
use stepwell_lang::syntax;

fuzz_target!(|text: &str| {
    let Ok(data) = json::parse(text) else { return };
    let Ok(file) = schema::json_schema(&data) else { return };
    let text = file.text(Some("p"));
    let (_, mistakes) = syntax::parse(FileId(0), &text);
    assert!(mistakes.is_empty(), "{:?} in:\n{text}", mistakes[0].message);
});
