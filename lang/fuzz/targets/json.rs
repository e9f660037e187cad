//! JSON that is read is written as JSON that reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::encode::json;

fuzz_target!(|text: &str| {
    let _ = json::parse_stream(text);
    let Ok(data) = json::parse(text) else { return };
    assert_eq!(json::parse(&json::compact(&data)).as_ref(), Ok(&data));
    assert_eq!(json::parse(&json::pretty(&data)).as_ref(), Ok(&data));
});
