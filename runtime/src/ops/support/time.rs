//! Moments and layouts, by the package `time` of the language: ops and templates read them alike.

use crate::ops::OpError;
use stepwell_lang::{Data, pkg};

const RFC3339: &str = "2006-01-02T15:04:05Z07:00";

/// The layout that is meant.
pub(crate) fn layout_or_default(layout: String) -> String {
    if layout.is_empty() { RFC3339.to_string() } else { layout }
}

/// Calls a function of the package `time`.
pub(crate) fn call(function: &str, args: &[Data]) -> Result<Data, OpError> {
    let package = pkg::package("time").ok_or_else(|| OpError::permanent("there is no package `time`"))?;
    package.call(function, args).map_err(|e| OpError::permanent(e.0))
}
