//! `uuid`: universally unique identifiers of RFC 4122.

use super::args::{big, bytes, functions, text};
use super::{CallError, Package};
use crate::data::Data;
use md5::Digest;
use num_bigint::{BigInt, BigUint, Sign};

/// Reads the forms `xxxxxxxx-xxxx-...`, with `urn:uuid:` before it or braces around it, and 32 digits without hyphens.
fn parse(s: &str) -> Result<[u8; 16], CallError> {
    let format = || CallError("invalid UUID format".into());
    let hyphened = match s.len() {
        36 => s,
        45 => {
            s.get(..9).filter(|p| p.eq_ignore_ascii_case("urn:uuid:")).and_then(|_| s.get(9..)).ok_or_else(
                || CallError(format!("invalid urn prefix: {:?}", s.chars().take(9).collect::<String>())),
            )?
        }
        38 => s.strip_prefix('{').and_then(|s| s.strip_suffix('}')).ok_or_else(format)?,
        32 => {
            return u128::from_str_radix(s, 16)
                .ok()
                .filter(|_| s.bytes().all(|b| b.is_ascii_hexdigit()))
                .map(u128::to_be_bytes)
                .ok_or_else(format);
        }
        n => return Err(format!("invalid UUID length: {n}").into()),
    };
    let ok = hyphened.bytes().enumerate().all(|(i, b)| match i {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    });
    let digits = hyphened.replace('-', "");
    u128::from_str_radix(&digits, 16).ok().filter(|_| ok).map(u128::to_be_bytes).ok_or_else(format)
}

fn show(id: [u8; 16]) -> String {
    let hex = super::encoding::hex::encode(&id);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn hashed(hash: &[u8], version: u8) -> Data {
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id[6] = id[6] & 0x0f | version << 4;
    id[8] = id[8] & 0x3f | 0x80;
    show(id).into()
}

fn from_int(n: &BigInt) -> Result<String, CallError> {
    let bytes = n.magnitude().to_bytes_be();
    if bytes.len() > 16 {
        return Err(format!("invalid UUID (got {} bytes)", bytes.len()).into());
    }
    let mut id = [0; 16];
    id[16 - bytes.len()..].copy_from_slice(&bytes);
    Ok(show(id))
}

fn variant(id: [u8; 16]) -> i64 {
    match id[8] >> 5 {
        0..=3 => 2,
        4 | 5 => 1,
        6 => 3,
        _ => 4,
    }
}

fn name_spaces() -> Data {
    super::args::fields([
        ("DNS", "6ba7b810-9dad-11d1-80b4-00c04fd430c8".into()),
        ("URL", "6ba7b811-9dad-11d1-80b4-00c04fd430c8".into()),
        ("OID", "6ba7b812-9dad-11d1-80b4-00c04fd430c8".into()),
        ("X500", "6ba7b814-9dad-11d1-80b4-00c04fd430c8".into()),
        ("Nil", "00000000-0000-0000-0000-000000000000".into()),
    ])
}

fn variants() -> Data {
    super::args::fields([
        ("Invalid", 0.into()),
        ("RFC4122", 1.into()),
        ("Reserved", 2.into()),
        ("Microsoft", 3.into()),
        ("Future", 4.into()),
    ])
}

/// The package.
pub(super) static PACKAGE: Package = Package {
    path: "uuid",
    functions: functions! {
        /// The identifier whose 16 bytes are the integer's.
        FromInt(i: INT) -> STRING = |a| Ok(from_int(&big(a, 0)?)?.into());
        /// The identifier (version 3) of a name in a name space (`uuid.ns.DNS`).
        MD5(space: STRING, data: TEXT) -> STRING = |a| {
            let space = parse(text(a, 0)?)?;
            let hash = md5::Md5::new().chain_update(space).chain_update(bytes(a, 1)?).finalize();
            Ok(hashed(&hash, 3))
        };
        /// The identifier in the usual form.
        Parse(s: STRING) -> STRING = |a| Ok(show(parse(text(a, 0)?)?).into());
        /// The identifier (version 5) of a name in a name space (`uuid.ns.DNS`).
        SHA1(space: STRING, data: TEXT) -> STRING = |a| {
            let space = parse(text(a, 0)?)?;
            let hash = sha1::Sha1::new().chain_update(space).chain_update(bytes(a, 1)?).finalize();
            Ok(hashed(&hash, 5))
        };
        /// The characters of the identifier as one large integer; not the inverse of `FromInt`: the reference takes the text, not the
        /// 16 bytes, and its results are what users have.
        ToInt(x: STRING) -> INT = |a| Ok(BigInt::from_biguint(Sign::Plus, BigUint::from_bytes_be(text(a, 0)?.as_bytes())).into());
        /// The identifier as a URN.
        URN(x: STRING) -> STRING = |a| Ok(format!("urn:uuid:{}", show(parse(text(a, 0)?)?)).into());
        /// Whether the text is an identifier.
        Valid(s: STRING) -> BOOL = |a| parse(text(a, 0)?).map(|_| true.into());
        /// The variant, one of `uuid.variants`: 1 of RFC 4122, 2 reserved, 3 Microsoft's, 4 future.
        Variant(x: STRING) -> INT = |a| Ok(variant(parse(text(a, 0)?)?).into());
        /// The version.
        Version(x: STRING) -> INT = |a| Ok(i64::from(parse(text(a, 0)?)?[6] >> 4).into());
    },
    constants: &[("ns", name_spaces), ("variants", variants)],
    source: "",
};

#[cfg(test)]
mod tests {
    use super::super::args::check;

    #[test]
    fn functions() {
        check(
            "uuid",
            r#"
            MD5("6ba7b811-9dad-11d1-80b4-00c04fd430c8", "https://cuelang.org") => "d891d69e-ae5c-39e0-9ead-164abd207f1f"
            SHA1("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "cuelang.org") => "052ef62d-7223-58b6-a551-c1deee46d401"
            MD5("x", "y") => ! invalid UUID length: 1
            Valid("052EF62D-7223-58B6-A551-C1DEEE46D401") => true
            Valid("052ef62d_7223_58b6_a551_c1deee46d401") => ! invalid UUID format
            Valid("{123e4567-e89b-12d3-a456-426655440000") => ! invalid UUID length: 37
            Parse("{123E4567-e89b-12d3-a456-426655440000}") => "123e4567-e89b-12d3-a456-426655440000"
            Parse("urn:uuid:123e4567-e89b-12d3-a456-426655440000") => "123e4567-e89b-12d3-a456-426655440000"
            Parse("123e4567e89b12d3a456426655440000") => "123e4567-e89b-12d3-a456-426655440000"
            Parse("+23e4567e89b12d3a456426655440000") => ! invalid UUID format
            FromInt(5) => "00000000-0000-0000-0000-000000000005"
            FromInt(999999999999999999999999999999999999999999999999) => ! invalid UUID (got 20 bytes)
            ToInt("052ef62d-7223-58b6-a551-c1deee46d401") => 93651793875903522077150095950593860979557386807737776869062002310283964632724204171313
            URN("123e4567-e89b-12d3-a456-426655440000") => "urn:uuid:123e4567-e89b-12d3-a456-426655440000"
            Variant("123e4567-e89b-12d3-a456-426655440000") => 1
            Version("123e4567-e89b-12d3-a456-426655440000") => 1
            "#,
        );
    }

    #[test]
    fn constants() {
        let shown = |(name, value): &crate::pkg::Constant| {
            format!("{name} {}", crate::encode::json::compact(&value()))
        };
        let shown: Vec<String> = super::PACKAGE.constants.iter().map(shown).collect();
        assert!(shown[0].starts_with(r#"ns {"DNS":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","#), "{shown:?}");
        assert_eq!(shown[1], r#"variants {"Invalid":0,"RFC4122":1,"Reserved":2,"Microsoft":3,"Future":4}"#);
    }
}
