//! The formatter, on small inputs and on the conformance vectors.

use super::super::parse;
use super::format;
use crate::source::FileId;

fn fmt(text: &str) -> String {
    let (file, errors) = parse(FileId(0), text);
    assert!(errors.is_empty(), "{text:?}: {errors:#?}");
    format(&file)
}

#[test]
fn simple() {
    assert_eq!(fmt("a:1\nbbb:  2 // x\nc: {d:1}\n"), "a:   1\nbbb: 2 // x\nc: {d: 1}\n");
}
