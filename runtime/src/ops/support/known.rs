//! Values that are known to be secret, because they were read from a Secret: wherever one of them comes up again in what a step tells, it is masked, whatever
//! expression brought it there. What has been changed beyond recognition (a hash, another encoding) is not found.

use super::mask::{MASK, mask};
use base64::Engine;
use serde_json::Value;

/// Shorter values would be found in everything.
const SHORTEST: usize = 4;
/// How many values are remembered, and how long the longest may be.
const MOST: usize = 1_000;
const LONGEST: usize = 64 << 10;

/// The values, the longest first.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<String>);

impl Known {
    /// Takes up what the Secrets in this data hold.
    pub(crate) fn learn(&mut self, data: &Value) {
        match data {
            Value::Object(fields) => {
                if fields.get("kind").and_then(Value::as_str) == Some("Secret") {
                    let values = |field: &str| {
                        fields.get(field).and_then(Value::as_object).into_iter().flat_map(|m| m.values())
                    };
                    for text in values("stringData").filter_map(Value::as_str) {
                        self.add(text);
                    }
                    for text in values("data").filter_map(Value::as_str) {
                        self.add(text);
                        if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(text)
                            && let Ok(plain) = String::from_utf8(bytes)
                        {
                            self.add(&plain);
                        }
                    }
                }
                fields.values().for_each(|v| self.learn(v));
            }
            Value::Array(items) => items.iter().for_each(|v| self.learn(v)),
            _ => {}
        }
    }

    fn add(&mut self, text: &str) {
        for text in [text, text.trim()] {
            if (SHORTEST..=LONGEST).contains(&text.len())
                && self.0.len() < MOST
                && !self.0.iter().any(|k| k == text)
            {
                let at = self.0.partition_point(|k| k.len() >= text.len());
                self.0.insert(at, text.to_string());
            }
        }
    }

    /// A text without them.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_string(), |text, known| match text.contains(known.as_str()) {
            true => text.replace(known.as_str(), MASK),
            false => text,
        })
    }

    /// Data for people to read, without them and without what else is secret by its name.
    pub(crate) fn mask(&self, data: &Value) -> Value {
        mask(&self.hidden(data))
    }

    fn hidden(&self, data: &Value) -> Value {
        match data {
            Value::String(s) => Value::String(self.hide(s)),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.hidden(v)).collect()),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(k, v)| (self.hide(k), self.hidden(v))).collect())
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_secrets_are_hidden_wherever_they_come_up() {
        let mut known = Known::default();
        known.learn(&json!({"value": {"kind": "Secret", "data": {"token": "aGlkZGVu", "n": "MQ=="}, "stringData": {"pin": "hidden-too\n"}}}));
        known.learn(&json!({"kind": "ConfigMap", "data": {"open": "seen by all"}}));
        assert_eq!(known.hide("Bearer hidden, hidden-too, aGlkZGVu, 1"), "Bearer ***, ***, ***, 1");
        let shown =
            known.mask(&json!({"url": "http://host/hidden", "note": ["seen by all"], "password": "other"}));
        assert_eq!(shown, json!({"url": "http://host/***", "note": ["seen by all"], "password": "***"}));
    }
}
