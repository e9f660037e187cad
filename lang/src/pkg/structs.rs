//! `struct`: validators of how many fields a struct has. They see unevaluated values, so the evaluator carries them out.

use super::Package;
use super::args::functions;

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "struct",
    functions: functions! {
        /// Whether the struct has at most `n` fields; only regular fields count.
        MaxFields(object: STRUCT, n: INT) -> BOOL;
        /// Whether the struct has at least `n` fields; only regular fields count.
        MinFields(object: STRUCT, n: INT) -> BOOL;
    },
    constants: &[],
    source: "",
};
