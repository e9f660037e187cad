//! TOML that is read can be written, and reads the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::encode::toml;

fuzz_target!(|text: &str| {
    let Ok(data) = toml::parse(text) else { return };
    if let Ok(written) = toml::write(&data) {
        assert_eq!(toml::parse(&written).as_ref(), Ok(&data), "{written:?}");
    }
});
