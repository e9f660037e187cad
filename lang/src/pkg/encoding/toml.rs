//! `encoding/toml`.

use crate::data::Data;
use crate::encode::toml;
use crate::pkg::args::{check_text, functions, utf8};
use crate::pkg::{CallError, Package};

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "encoding/toml",
    functions: functions! {
        /// The value as TOML.
        Marshal(v: TOP) -> STRING = |a| {
            let out = toml::write(a.first().unwrap_or(&Data::Null))?;
            check_text(out.len())?;
            Ok(out.into())
        };
        /// The value of a TOML document.
        Unmarshal(data: TEXT) -> TOP = |a| toml::parse(utf8(a, 0)?).map_err(|e| CallError(e.to_string()));
    },
    constants: &[],
    source: "",
};

#[cfg(test)]
mod tests {
    use crate::pkg::args::check;

    #[test]
    fn functions() {
        check(
            "encoding/toml",
            r#"
            Marshal({"a": 1, "b": {"c": "x"}}) => "a = 1\n\n[b]\nc = 'x'\n"
            Unmarshal("a = 1\n[b]\nc = 1.5\n") => {"a":1,"b":{"c":1.5}}
            Unmarshal("") => {}
            "#,
        );
    }
}
