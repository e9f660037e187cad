//! `encoding/base64`: the standard alphabet with padding. The encoding is always given as `null`.

use crate::data::Data;
use crate::pkg::args::{bytes, functions, int, text};
use crate::pkg::{CallError, Package};
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

fn standard(a: &[Data]) -> Result<(), CallError> {
    match a.first() {
        Some(Data::Null) => Ok(()),
        other => {
            let shown = other.map(crate::encode::cue::expression).unwrap_or_default();
            let kind = other.map_or("", Data::type_name);
            Err(format!("base64: unsupported encoding: cannot use value {shown} (type {kind}) as null")
                .into())
        }
    }
}

fn decode(s: &str) -> Result<Vec<u8>, CallError> {
    let clean: String = s.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    ENGINE.decode(&clean).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => clean.len() / 4 * 4,
        };
        CallError(format!("illegal base64 data at input byte {at}"))
    })
}

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "encoding/base64",
    functions: functions! {
        /// The bytes that base64 text stands for; line ends are passed over.
        Decode(encoding: TOP, s: STRING) -> BYTES = |a| {
            standard(a)?;
            Ok(decode(text(a, 1)?)?.into())
        };
        /// The most bytes that x characters of base64 stand for.
        DecodedLen(encoding: TOP, x: INT) -> INT = |a| {
            standard(a)?;
            Ok((int(a, 1)? / 4).saturating_mul(3).into())
        };
        /// The bytes as base64.
        Encode(encoding: TOP, src: TEXT) -> STRING = |a| {
            standard(a)?;
            Ok(ENGINE.encode(bytes(a, 1)?).into())
        };
        /// How many characters of base64 n bytes take.
        EncodedLen(encoding: TOP, n: INT) -> INT = |a| {
            standard(a)?;
            Ok((int(a, 1)?.saturating_add(2) / 3).saturating_mul(4).into())
        };
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
            "encoding/base64",
            r#"
            Encode(null, "foo") => "Zm9v"
            Encode(null, "fo") => "Zm8="
            Encode(1, "fo") => ! base64: unsupported encoding: cannot use value 1 (type int) as null
            Decode(null, "Zm9v\n") => "Zm9v"
            Decode(null, "foo") => ! illegal base64 data at input byte 0
            Decode(null, "Zm9v!m9v") => ! illegal base64 data at input byte 4
            EncodedLen(null, 4) => 8
            DecodedLen(null, 8) => 6
            DecodedLen(null, 7) => 3
            "#,
        );
    }
}
