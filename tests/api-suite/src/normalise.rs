//! Masks what differs from run to run (uids, times, resource versions, addresses, generated names),
//! so that two answers can be compared as they stand, and picks the parts to compare.
//!
//! A mask keeps the fact that something is there: an absent `uid` still shows. Tests at the end.

use serde_json::{Map, Value};

/// Names that a run made up, each with the text to show in its place.
pub type Names = Vec<(String, String)>;

/// Masks everything in `value` that is not the same in every run.
pub fn mask(value: &mut Value, names: &Names) {
    match value {
        Value::String(text) => *text = mask_text(text, names),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, names)),
        Value::Object(fields) => mask_fields(fields, names),
        _ => {}
    }
}

fn mask_fields(fields: &mut Map<String, Value>, names: &Names) {
    if let Some(start) = fields.get("generateName").and_then(Value::as_str).map(str::to_owned)
        && let Some(Value::String(name)) = fields.get_mut("name")
        && name.len() > start.len()
        && name.starts_with(&start)
    {
        *name = format!("{start}<random>");
    }
    if let Some(Value::Array(entries)) = fields.get_mut("managedFields") {
        // The server orders them by time, which the mask hides.
        entries.sort_by_key(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
            (text("operation"), text("manager"), text("subresource"))
        });
    }
    if let Some(Value::Array(causes)) = fields.get_mut("causes") {
        // The server gathers them from maps: their order differs from time to time.
        causes.sort_by_key(|cause| {
            let text = |key: &str| cause[key].as_str().unwrap_or_default().to_owned();
            (text("field"), text("message"))
        });
    }
    let is_table = fields.get("kind").is_some_and(|kind| kind == "Table");
    let old = std::mem::take(fields);
    for (key, mut value) in old {
        match (key.as_str(), &value) {
            ("resourceVersion" | "continue", Value::String(text)) if !text.is_empty() => {
                value = Value::String(format!("<{key}>"));
            }
            ("clusterIP", Value::String(text)) if is_address(text) => value = "<address>".into(),
            ("clusterIPs", Value::Array(list)) => {
                let masked = list.iter().map(|item| match item.as_str() {
                    Some(text) if is_address(text) => "<address>".into(),
                    _ => item.clone(),
                });
                value = masked.collect();
            }
            ("nodePort", Value::Number(_)) => value = "<port>".into(),
            ("rows", Value::Array(rows)) if is_table => {
                let mut rows = rows.clone();
                for cell in rows.iter_mut().filter_map(|row| row["cells"].as_array_mut()).flatten() {
                    if cell.as_str().is_some_and(is_age) {
                        *cell = "<age>".into();
                    }
                }
                value = Value::Array(rows);
                mask(&mut value, names);
            }
            _ => mask(&mut value, names),
        }
        fields.insert(mask_text(&key, names), value);
    }
}

fn mask_text(text: &str, names: &Names) -> String {
    let mut text = text.to_owned();
    for (name, shown) in names {
        if text.contains(name.as_str()) {
            text = text.replace(name.as_str(), shown);
        }
    }
    if is_time(&text) {
        return "<time>".to_owned();
    }
    let text = mask_uuids(&text);
    match text.split_once("too old resource version: ") {
        Some((start, _)) => format!("{start}too old resource version: <n> (<n>)"),
        None => text,
    }
}

/// `2006-01-02T15:04:05`, with or without a fraction, and `Z`.
fn is_time(text: &str) -> bool {
    let shape = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, want)| match want {
                b'0' => byte.is_ascii_digit(),
                _ => byte == want,
            })
    };
    let Some(rest) = text.strip_suffix('Z') else { return false };
    let (seconds, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    shape(seconds, "0000-00-00T00:00:00") && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// How kubectl shows an age: `5s`, `2m3s`, `<unknown>` is not one.
fn is_age(text: &str) -> bool {
    let mut digits = 0;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b's' | b'm' | b'h' | b'd' | b'y' if digits > 0 => digits = 0,
            _ => return false,
        }
    }
    !text.is_empty() && digits == 0
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

/// Replaces every UUID in `text`.
fn mask_uuids(text: &str) -> String {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    const LENGTH: usize = 36;
    let is_uuid = |bytes: &[u8]| {
        let mut groups = bytes.split(|byte| *byte == b'-');
        GROUPS.iter().all(|length| {
            groups
                .next()
                .is_some_and(|group| group.len() == *length && group.iter().all(u8::is_ascii_hexdigit))
        }) && groups.next().is_none()
    };
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.as_bytes().get(..LENGTH).is_some_and(is_uuid) {
            masked.push_str("<uid>");
            rest = &rest[LENGTH..];
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    masked
}

/// A place in a value: a JSON pointer in which a segment `*` stands for every key or index.
#[derive(Debug, Clone)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// Reads `/items/*/metadata/name`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
    }

    /// Whether `path` is this place or lies below it.
    #[must_use]
    pub fn covers(&self, path: &[String]) -> bool {
        path.len() >= self.0.len() && self.0.iter().zip(path).all(|(want, have)| want == "*" || want == have)
    }

    /// Whether something that this pattern covers can lie below `path`.
    fn leads_from(&self, path: &[String]) -> bool {
        self.0.iter().zip(path).all(|(want, have)| want == "*" || want == have)
    }
}

/// `value` without what `ignore` covers, and only what `keep` covers (all, where it is empty).
#[must_use]
pub fn select(value: Value, keep: &[String], ignore: &[String]) -> Value {
    let keep: Vec<Pattern> = keep.iter().map(|text| Pattern::new(text)).collect();
    let ignore: Vec<Pattern> = ignore.iter().map(|text| Pattern::new(text)).collect();
    pick(value, &mut Vec::new(), &keep, &ignore).unwrap_or(Value::Null)
}

fn pick(value: Value, path: &mut Vec<String>, keep: &[Pattern], ignore: &[Pattern]) -> Option<Value> {
    if ignore.iter().any(|pattern| pattern.covers(path)) {
        return None;
    }
    let kept = keep.is_empty() || keep.iter().any(|pattern| pattern.covers(path));
    if !kept && !keep.iter().any(|pattern| pattern.leads_from(path)) {
        return None;
    }
    let mut below = |key: String, value: Value| {
        path.push(key);
        let picked = pick(value, path, keep, ignore);
        path.pop();
        picked
    };
    match value {
        Value::Object(fields) => Some(Value::Object(
            fields.into_iter().filter_map(|(key, value)| Some((key.clone(), below(key, value)?))).collect(),
        )),
        Value::Array(items) => Some(Value::Array(
            items.into_iter().enumerate().filter_map(|(at, item)| below(at.to_string(), item)).collect(),
        )),
        scalar => kept.then_some(scalar),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn masks_what_changes_and_nothing_else() {
        let mut value = json!({
            "metadata": {
                "name": "app-x7k2p", "generateName": "app-", "namespace": "suite-a-1f",
                "uid": "0b7d3a52-1111-4222-8333-abcdefabcdef", "resourceVersion": "42",
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "managedFields": [
                    {"manager": "b", "operation": "Update"}, {"manager": "c", "operation": "Apply"},
                ],
            },
            "spec": {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"], "externalName": "10.0.0.1"},
            "message": "uid 0b7d3a52-1111-4222-8333-abcdefabcdef in suite-a-1f",
            "headless": {"clusterIP": "None"},
        });
        mask(&mut value, &vec![("suite-a-1f".to_owned(), "<ns>".to_owned())]);
        assert_eq!(
            value,
            json!({
                "metadata": {
                    "name": "app-<random>", "generateName": "app-", "namespace": "<ns>",
                    "uid": "<uid>", "resourceVersion": "<resourceVersion>",
                    "creationTimestamp": "<time>",
                    "managedFields": [
                        {"manager": "c", "operation": "Apply"}, {"manager": "b", "operation": "Update"},
                    ],
                },
                "spec": {"clusterIP": "<address>", "clusterIPs": ["<address>"], "externalName": "10.0.0.1"},
                "message": "uid <uid> in <ns>",
                "headless": {"clusterIP": "None"},
            })
        );
    }

    #[test]
    fn ages_and_times_have_their_shape() {
        assert!(is_age("5s") && is_age("2m3s") && !is_age("5") && !is_age("<none>") && !is_age(""));
        assert!(is_time("2026-01-02T03:04:05Z") && is_time("2026-01-02T03:04:05.123456Z"));
        assert!(!is_time("2026-01-02") && !is_time("Z"));
    }

    #[test]
    fn select_keeps_and_ignores() {
        let value = json!({"items": [{"a": 1, "b": 2}, {"a": 3}], "c": 4});
        let strings = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            select(value.clone(), &strings(&["/items/*/a"]), &[]),
            json!({"items": [{"a": 1}, {"a": 3}]})
        );
        assert_eq!(select(value, &[], &strings(&["/items/0", "/c"])), json!({"items": [{"a": 3}]}));
    }
}
