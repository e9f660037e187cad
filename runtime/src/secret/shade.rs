//! Other values in the place of secrets. A step that is evaluated once more with them shows what a secret has gone into: that is different then.
//!
//! A substitute has the form of what it stands for: letters stay letters, digits digits, texts and lists as long as they are, base64 stays base64 of text.
//! So the second evaluation takes the same way in all but what is asked of the secret itself. It also depends on where the value comes from (its `salt`), so that
//! of two secrets that happen to be the same it is seen which one has gone in. It is no cipher: a substitute is as secret as the value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What tells one origin from another: FNV-1a over its names.
pub(crate) fn salt(names: &[&str]) -> u64 {
    let bytes = names.iter().flat_map(|n| n.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Another value of the same form.
pub(crate) fn shaded(value: &Value, salt: u64) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(b) => Value::Bool(!b),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => json!(i.checked_add(i64::from(turn(salt, 0))).unwrap_or(0)),
            (None, Some(f)) => json!(f / 2.0 + f64::from(turn(salt, 0))),
            (None, None) => json!(0),
        },
        Value::String(s) => Value::String(text(s, salt)),
        Value::Array(items) => Value::Array(items.iter().map(|v| shaded(v, salt)).collect()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(k, v)| (k.clone(), shaded(v, salt))).collect())
        }
    }
}

/// How far the letter at a place is moved: 1 to 8.
fn turn(salt: u64, place: usize) -> u32 {
    1 + ((salt.rotate_right((place % 21) as u32 * 3) & 7) as u32)
}

fn text(s: &str, salt: u64) -> String {
    let moved = |c: char, first: char, count: u32, by: u32| {
        char::from_u32(u32::from(first) + (u32::from(c) - u32::from(first) + by) % count).unwrap_or(c)
    };
    let other = |(i, c): (usize, char)| match c {
        'a'..='z' => moved(c, 'a', 26, turn(salt, i)),
        'A'..='Z' => moved(c, 'A', 26, turn(salt, i)),
        '0'..='9' => moved(c, '0', 10, turn(salt, i)),
        other => other,
    };
    let other: String = s.chars().enumerate().map(other).collect();
    if other == s { format!("{s}x") } else { other }
}

/// Base64 of another text, or of other bytes; what is no base64 is text.
pub(crate) fn bytes_shaded(encoded: &str, salt: u64) -> String {
    let Ok(bytes) = STANDARD.decode(encoded) else { return text(encoded, salt) };
    match String::from_utf8(bytes) {
        Ok(plain) => STANDARD.encode(text(&plain, salt)),
        Err(e) => {
            let by = turn(salt, 0) as u8;
            STANDARD.encode(e.as_bytes().iter().map(|b| b ^ by).collect::<Vec<u8>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substitute_has_the_form_of_the_value() {
        let value = json!({"a": "zZ9-b", "n": [1, 2.5, true, null], "": "", "-": "--"});
        let other = json!({"a": "aA0-c", "n": [2, 2.25, false, null], "": "x", "-": "--x"});
        assert_eq!(shaded(&value, 0), other);
        assert_eq!(bytes_shaded(&STANDARD.encode("secret1"), 0), STANDARD.encode("tfdsfu2"));
        assert_eq!(bytes_shaded("/w==", 0), "/g==");
        assert_eq!(bytes_shaded("no base64!", 0), "op cbtf75!");
    }

    #[test]
    fn it_depends_on_the_origin() {
        let other = |names: &[&str]| shaded(&json!("same"), salt(names));
        assert_ne!(other(&["ns", "a"]), other(&["ns", "b"]));
        assert_eq!(other(&["ns", "a"]), other(&["ns", "a"]));
        assert_ne!(salt(&["a", "b"]), salt(&["ab", ""]));
    }
}
