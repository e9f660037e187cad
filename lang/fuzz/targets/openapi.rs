//! An OpenAPI document or a custom resource definition becomes definitions that parse, or is refused with its mistakes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::encode::{schema, yaml};
use stepwell_lang::source::FileId;
use stepwell_lang::syntax;

fn check(text: &str) {
    let (_, mistakes) = syntax::parse(FileId(0), text);
    assert!(mistakes.is_empty(), "{:?} in:\n{text}", mistakes[0].message);
}

fuzz_target!(|text: &str| {
    let Ok(data) = yaml::parse(text, yaml::Rules::Language) else { return };
    if let Ok(file) = schema::open_api(&data) {
        check(&file.text(Some("p")));
    }
    for resource in schema::custom_resources(&data).unwrap_or_default() {
        check(&resource.file.text(Some("p")));
    }
});
