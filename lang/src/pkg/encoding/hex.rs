//! `encoding/hex`.

use crate::pkg::args::{Res, bytes, check_text, functions, int, text};
use crate::pkg::{CallError, Package};

/// Two hexadecimal digits for each byte.
pub(in crate::pkg) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn decode(s: &str) -> Result<Vec<u8>, CallError> {
    if let Some(c) = s.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("encoding/hex: invalid byte: U+{:04X} '{c}'", c as u32).into());
    }
    if s.len() % 2 == 1 {
        return Err("encoding/hex: odd length hex string".into());
    }
    let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    Ok(s.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect())
}

fn dump(data: &[u8]) -> Res {
    check_text(data.len().saturating_mul(5))?;
    let mut out = String::new();
    for (i, line) in data.chunks(16).enumerate() {
        out.push_str(&format!("{:08x} ", i * 16));
        for at in 0..16 {
            out.push_str(if at % 8 == 0 { " " } else { "" });
            out.push_str(&line.get(at).map_or_else(|| "   ".to_owned(), |b| format!("{b:02x} ")));
        }
        let shown = line.iter().map(|b| if (32..127).contains(b) { *b as char } else { '.' });
        out.push_str(&format!(" |{}|\n", shown.collect::<String>()));
    }
    Ok(out.into())
}

/// The package.
pub(in crate::pkg) static PACKAGE: Package = Package {
    path: "encoding/hex",
    functions: functions! {
        /// The bytes that hexadecimal digits stand for.
        Decode(s: STRING) -> BYTES = |a| Ok(decode(text(a, 0)?)?.into());
        /// How many bytes x hexadecimal digits stand for.
        DecodedLen(x: INT) -> INT = |a| Ok((int(a, 0)? / 2).into());
        /// The bytes in the form of `hexdump -C`.
        Dump(data: TEXT) -> STRING = |a| dump(bytes(a, 0)?);
        /// The bytes as hexadecimal digits.
        Encode(src: TEXT) -> STRING = |a| Ok(encode(bytes(a, 0)?).into());
        /// How many hexadecimal digits n bytes take.
        EncodedLen(n: INT) -> INT = |a| Ok(int(a, 0)?.saturating_mul(2).into());
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
            "encoding/hex",
            r#"
            Encode("foo") => "666f6f"
            Decode("666F6f") => "Zm9v"
            Decode("foo") => ! encoding/hex: invalid byte: U+006F 'o'
            Decode("abc") => ! encoding/hex: odd length hex string
            DecodedLen(6) => 3
            EncodedLen(6) => 12
            Dump("foo") => "00000000  66 6f 6f                                          |foo|\n"
            Dump("0123456789abcdef\u0001") => "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n00000010  01                                                |.|\n"
            Dump("") => ""
            "#,
        );
    }
}
