//! YAML that is read is written as YAML that reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::encode::yaml;

fuzz_target!(|text: &str| {
    let _ = yaml::parse_documents(text, yaml::Rules::Language);
    let Ok(data) = yaml::parse(text, yaml::Rules::Language) else { return };
    let written = yaml::write(&data);
    assert_eq!(yaml::parse(&written, yaml::Rules::Language).as_ref(), Ok(&data), "{written:?}");
});
