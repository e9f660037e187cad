//! What names, labels and annotations may look like: the rules of the Kubernetes API conventions, with their wording.
//! Tests: at the end of this file.

use serde_json::Value;

use crate::error::FieldError;

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    matches!(bytes.first(), Some(b) if inner(*b))
        && matches!(bytes.last(), Some(b) if inner(*b))
        && bytes.iter().all(|b| inner(*b) || *b == b'-')
}

fn too_long(limit: usize) -> String {
    format!("must be no more than {limit} characters")
}

/// RFC 1123 label, as namespaces have.
pub(crate) fn dns_label(text: &str) -> Result<(), String> {
    if text.len() > 63 {
        return Err(too_long(63));
    }
    is_label(text).then_some(()).ok_or_else(|| LABEL.into())
}

/// RFC 1035 label, as services have.
pub(crate) fn dns1035_label(text: &str) -> Result<(), String> {
    if text.len() > 63 {
        return Err(too_long(63));
    }
    let starts = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    (starts && is_label(text)).then_some(()).ok_or_else(|| DNS1035.into())
}

/// RFC 1123 subdomain, as most objects have.
pub(crate) fn dns_subdomain(text: &str) -> Result<(), String> {
    if text.len() > 253 {
        return Err(too_long(253));
    }
    text.split('.').all(is_label).then_some(()).ok_or_else(|| SUBDOMAIN.into())
}

/// A single path segment, as RBAC objects have.
pub(crate) fn path_segment(text: &str) -> Result<(), String> {
    if text == "." || text == ".." {
        return Err(format!("may not be '{text}'"));
    }
    match text.chars().find(|c| matches!(c, '/' | '%')) {
        Some(c) => Err(format!("may not contain '{c}'")),
        None => Ok(()),
    }
}

fn name_part(text: &str) -> bool {
    let edge = |b: u8| b.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    matches!(bytes.first(), Some(b) if edge(*b))
        && matches!(bytes.last(), Some(b) if edge(*b))
        && bytes.iter().all(|b| edge(*b) || matches!(b, b'-' | b'_' | b'.'))
}

/// `[prefix/]name`: the key of a label or annotation.
pub(crate) fn qualified_name(text: &str) -> Result<(), String> {
    let name = match text.split_once('/') {
        Some((prefix, name)) => {
            if prefix.is_empty() {
                return Err("prefix part must be non-empty".into());
            }
            dns_subdomain(prefix).map_err(|why| format!("prefix part {why}"))?;
            name
        }
        None => text,
    };
    if name.is_empty() {
        return Err(format!("name part must be non-empty; {QUALIFIED}"));
    }
    if name.len() > 63 {
        return Err(format!("name part {}", too_long(63)));
    }
    name_part(name).then_some(()).ok_or_else(|| QUALIFIED.into())
}

/// The value of a label.
pub(crate) fn label_value(text: &str) -> Result<(), String> {
    if text.len() > 63 {
        return Err(too_long(63));
    }
    (text.is_empty() || name_part(text)).then_some(()).ok_or_else(|| VALUE.into())
}

/// A key of a ConfigMap or Secret.
pub(crate) fn config_key(text: &str) -> Result<(), String> {
    if text.len() > 253 {
        return Err(too_long(253));
    }
    if text == "." || text == ".." {
        return Err(format!("must not be '{text}'"));
    }
    let ok = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    ok.then_some(()).ok_or_else(|| CONFIG_KEY.into())
}

/// Checks a map of labels that stands at `path`.
pub(crate) fn check_labels(labels: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Err(why) = qualified_name(key) {
            errors.push(FieldError::invalid(path, key.as_str(), why));
        }
        if let Some(Err(why)) = value.as_str().map(label_value) {
            errors.push(FieldError::invalid(path, value.clone(), why));
        }
    }
}

/// Checks annotations: their keys, and that all together stay under 256 KiB.
pub(crate) fn check_annotations(annotations: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut size = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        if let Err(why) = qualified_name(&key.to_lowercase()) {
            errors.push(FieldError::invalid(path, key.as_str(), why));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > 256 << 10 {
        let fault = crate::error::Fault::TooLong(256 << 10);
        errors.push(FieldError { field: path.into(), fault });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "web-1", "a.b.c", "1"] {
            assert!(dns_subdomain(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a..b", "a_b", &"a".repeat(254)] {
            assert!(dns_subdomain(bad).is_err(), "{bad}");
        }
        assert!(dns_label("a.b").is_err());
        assert!(dns1035_label("1a").is_err());
        for good in ["app", "app.kubernetes.io/name", "A_b.c"] {
            assert!(qualified_name(good).is_ok(), "{good}");
        }
        for bad in ["", "/x", "a/", "a b", "x/y/z"] {
            assert!(qualified_name(bad).is_err(), "{bad}");
        }
        assert!(label_value("").is_ok() && label_value("a b").is_err());
    }
}
