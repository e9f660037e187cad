//! Data for people to read, with what is secret taken out: values under names that speak of secrets, the content of Secrets, credentials and
//! queries of addresses, headers that carry credentials. Texts that hold JSON are masked inside.

use serde_json::{Map, Value, json};

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// The longest text that is shown whole.
const LONGEST: usize = 2_000;

const SECRET_WORDS: [&str; 9] = [
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "cookie",
    "credential",
    "apikey",
    "privatekey",
];

fn names_a_secret(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    SECRET_WORDS.iter().any(|w| plain.contains(w))
}

/// The data with its secrets masked and its long texts cut.
pub fn mask(v: &Value) -> Value {
    match v {
        Value::Object(m) => {
            let secret = m.get("kind").and_then(Value::as_str) == Some("Secret");
            let part = |(k, v): (&String, &Value)| {
                let hidden = names_a_secret(k) && (v.is_string() || v.is_number() || v.is_array());
                let inside = secret && matches!(k.as_str(), "data" | "stringData");
                let v = match () {
                    () if hidden => json!(MASK),
                    () if inside => keys_alone(v),
                    () => mask(v),
                };
                (k.clone(), v)
            };
            Value::Object(m.iter().map(part).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(mask).collect()),
        Value::String(s) => Value::String(text(s)),
        other => other.clone(),
    }
}

fn keys_alone(v: &Value) -> Value {
    match v {
        Value::Object(m) => Value::Object(m.keys().map(|k| (k.clone(), json!(MASK))).collect::<Map<_, _>>()),
        _ => json!(MASK),
    }
}

fn text(s: &str) -> String {
    if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(s) {
        return cut(&mask(&inner).to_string());
    }
    match s.parse::<reqwest::Url>() {
        Ok(mut url) if s.contains("://") => {
            if !url.username().is_empty() || url.password().is_some() {
                let _ = url.set_username(MASK);
                let _ = url.set_password(None);
            }
            if url.query().is_some() {
                url.set_query(Some(MASK));
            }
            cut(url.as_str())
        }
        _ => cut(s),
    }
}

fn cut(s: &str) -> String {
    match s.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} more bytes)", &s[..end], s.len() - end),
        None => s.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let data = json!({
            "url": "https://user:SECRET@host/path?token=SECRET",
            "request": {"header": {"Authorization": "SECRET", "X-Api-Key": "SECRET", "Accept": "text/plain"}, "body": "{\"password\":\"SECRET\",\"a\":1}"},
            "value": {"kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "SECRET"}},
            "list": [{"accessToken": "SECRET", "n": 3}],
        });
        let shown = mask(&data).to_string();
        assert!(!shown.contains("SECRET"), "{shown}");
        for kept in [
            "https://***@host/path?***",
            "text/plain",
            "\"n\":3",
            "{\\\"password\\\":\\\"***\\\",\\\"a\\\":1}",
            "\"k\":\"***\"",
        ] {
            assert!(shown.contains(kept), "{kept} in {shown}");
        }
        assert!(mask(&json!("x".repeat(5000))).as_str().is_some_and(|s| s.len() < 2100));
    }
}
