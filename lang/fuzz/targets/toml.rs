//! TOML that is read can be written, and what is written reads as what is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::encode::toml;

fuzz_target!(|text: &str| {
    let Ok(data) = toml::parse(text) else { return };
    if let Ok(written) = toml::write(&data) {
        // The writer puts the fields in order, so it is the texts that are compared.
        let again = toml::parse(&written).map(|d| toml::write(&d));
        assert_eq!(again.as_ref(), Ok(&Ok(written.clone())), "{text:?}");
    }
});
