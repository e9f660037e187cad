//! A file of protocol buffers becomes definitions that parse, or is refused with its mistakes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_lang::encode::protobuf::{Enums, ProtoFile, definitions};
use stepwell_lang::source::FileId;
use stepwell_lang::syntax;

fuzz_target!(|text: &str| {
    let Ok(file) = ProtoFile::read(text) else { return };
    let _ = (file.package(), file.import_path(), file.imports().count());
    let files = [("x.proto".to_owned(), file)].into();
    for enums in [Enums::Numbers, Enums::Names] {
        if let Ok(made) = definitions("x.proto", &files, enums) {
            let made = made.text(Some("p"));
            let (_, mistakes) = syntax::parse(FileId(0), &made);
            assert!(mistakes.is_empty(), "{:?} in:\n{made}", mistakes[0].message);
        }
    }
});
