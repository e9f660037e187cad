//! Label and field selectors: the text of a query, parsed, then asked of objects.
//! The grammar is that of the Kubernetes documentation on labels. Tests: at the end of this file.

use serde_json::Value;

use crate::{
    error::{ApiError, ApiResult},
    kinds::Resource,
};

/// What a list or watch asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

impl Selector {
    /// Parses both selectors of a request for `resource`.
    pub(crate) fn parse(resource: &Resource, labels: Option<&str>, fields: Option<&str>) -> ApiResult<Self> {
        let fields_text = fields.unwrap_or_default();
        let labels_text = labels.unwrap_or_default();
        let labels = parse_labels(labels_text)
            .map_err(|why| ApiError::bad_request(format!("unable to parse requirement: {why}")))?;
        let fields = parse_fields(fields_text).map_err(ApiError::bad_request)?;
        for (field, ..) in &fields {
            if !supported_field(resource, field) {
                let mut known = vec!["\"metadata.name\""];
                if resource.namespaced {
                    known.push("\"metadata.namespace\"");
                }
                return Err(ApiError::bad_request(format!(
                    "{field:?} is not a known field selector: only {}",
                    known.join(", ")
                )));
            }
        }
        Ok(Selector { labels, fields })
    }

    /// Whether everything is selected.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The one name a field selector asks for, if it does.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields.iter().find(|(field, equal, _)| field == "metadata.name" && *equal).map(|f| f.2.as_str())
    }

    /// Whether `object` is selected.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|r| r.matches(labels[&r.key].as_str()))
            && self
                .fields
                .iter()
                .all(|(field, equal, wanted)| (field_text(object, field) == *wanted) == *equal)
    }
}

/// Whether `labels` (a string map) has all pairs of `selector` (`matchLabels`, or a plain map).
pub(crate) fn has_labels(labels: &Value, selector: &Value) -> bool {
    let Some(selector) = selector.as_object() else { return false };
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Whether `labels` fulfil a `LabelSelector` object.
pub(crate) fn matches_label_selector(labels: &Value, selector: &Value) -> bool {
    if let Some(pairs) = selector.get("matchLabels").filter(|v| !v.is_null())
        && !has_labels(labels, pairs)
    {
        return false;
    }
    selector["matchExpressions"].as_array().into_iter().flatten().all(|expression| {
        let key = expression["key"].as_str().unwrap_or_default();
        let values = || {
            expression["values"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let test = match expression["operator"].as_str() {
            Some("In") => Test::In(values()),
            Some("NotIn") => Test::NotIn(values()),
            Some("Exists") => Test::Exists,
            Some("DoesNotExist") => Test::Absent,
            _ => return false,
        };
        Requirement { key: key.to_owned(), test }.matches(labels[key].as_str())
    })
}

impl Requirement {
    fn matches(&self, label: Option<&str>) -> bool {
        let number = || label.and_then(|label| label.parse::<i64>().ok());
        match &self.test {
            Test::Exists => label.is_some(),
            Test::Absent => label.is_none(),
            Test::In(values) => label.is_some_and(|label| values.iter().any(|v| v == label)),
            Test::NotIn(values) => label.is_none_or(|label| values.iter().all(|v| v != label)),
            Test::Greater(bound) => number().is_some_and(|n| n > *bound),
            Test::Less(bound) => number().is_some_and(|n| n < *bound),
        }
    }
}

/// Splits at commas that stand outside parentheses.
fn split_outside(text: &str) -> Vec<&str> {
    let mut depth = 0usize;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, String> {
    if text.trim().is_empty() {
        return Ok(vec![]);
    }
    split_outside(text).into_iter().map(|part| parse_requirement(part.trim())).collect()
}

fn parse_requirement(part: &str) -> Result<Requirement, String> {
    let one = |key: &str, test: Test| {
        let key = key.trim();
        let qualified = crate::names::qualified_name(key);
        match qualified {
            Ok(()) => Ok(Requirement { key: key.to_owned(), test }),
            Err(why) => Err(format!("key: Invalid value: {key:?}: {why}")),
        }
    };
    if let Some(key) = part.strip_prefix('!')
        && !part.contains('=')
    {
        return one(key, Test::Absent);
    }
    if let Some(open) = part.find('(') {
        let list =
            part[open + 1..].strip_suffix(')').ok_or_else(|| format!("found {part:?}, expected: ')'"))?;
        let values = list.split(',').map(|v| v.trim().to_owned()).collect();
        let words: Vec<&str> = part[..open].split_whitespace().collect();
        return match words.as_slice() {
            [key, "in"] => one(key, Test::In(values)),
            [key, "notin"] => one(key, Test::NotIn(values)),
            _ => Err(format!("found {part:?}, expected: in, notin")),
        };
    }
    let value = |value: &str| {
        let value = value.trim();
        crate::names::label_value(value)
            .map_err(|why| format!("values[0]: Invalid value: {value:?}: {why}"))?;
        Ok::<_, String>(value.to_owned())
    };
    if let Some((key, v)) = part.split_once("!=") {
        return one(key, Test::NotIn(vec![value(v)?]));
    }
    if let Some((key, v)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return one(key, Test::In(vec![value(v)?]));
    }
    for (sign, greater) in [('>', true), ('<', false)] {
        if let Some((key, v)) = part.split_once(sign) {
            let bound = v.trim().parse().map_err(|_| {
                format!(
                    "values[0]: Invalid value: {v:?}: for 'Gt', 'Lt' operators, the value must be an integer"
                )
            })?;
            return one(key, if greater { Test::Greater(bound) } else { Test::Less(bound) });
        }
    }
    let words: Vec<&str> = part.split_whitespace().collect();
    if matches!(words.as_slice(), [_, "in" | "notin"]) {
        return Err("found '' expected: '('".to_owned());
    }
    if words.len() > 1 {
        return Err(format!("found {part:?}, expected: !, in, notin, =, ==, !=, gt, lt"));
    }
    one(part, Test::Exists)
}

fn parse_fields(text: &str) -> Result<Vec<(String, bool, String)>, String> {
    text.split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            let (field, equal, value) = if let Some((field, value)) = part.split_once("!=") {
                (field, false, value)
            } else if let Some((field, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (field, true, value)
            } else {
                return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
            };
            Ok((field.trim().to_owned(), equal, value.trim().to_owned()))
        })
        .collect()
}

fn supported_field(resource: &Resource, field: &str) -> bool {
    if field == "metadata.name" || (field == "metadata.namespace" && resource.namespaced) {
        return true;
    }
    if let Some(custom) = &resource.custom {
        return custom.selectable.iter().any(|path| path.trim_start_matches('.') == field);
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => {
            field.starts_with("spec.")
                && ["nodeName", "restartPolicy", "schedulerName", "serviceAccountName", "hostNetwork"]
                    .contains(&&field[5..])
                || ["status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName"]
                    .contains(&field)
        }
        ("", "Namespace") => field == "status.phase",
        ("", "Node") => field == "spec.unschedulable",
        ("", "Secret") => field == "type",
        ("", "Service") => ["spec.clusterIP", "spec.type"].contains(&field),
        ("" | "events.k8s.io", "Event") => {
            ["reason", "reportingComponent", "source", "type"].contains(&field)
                || field.starts_with("involvedObject.")
                || field.starts_with("regarding.")
        }
        ("", "ReplicationController") | ("apps", "ReplicaSet") => field == "status.replicas",
        ("batch", "Job") => field == "status.successful",
        _ => false,
    }
}

fn field_text(object: &Value, field: &str) -> String {
    let mut at = object;
    for part in field.split('.') {
        at = &at[part];
    }
    match (at, field) {
        (Value::String(text), _) => text.clone(),
        (Value::Null, "spec.hostNetwork" | "spec.unschedulable") => "false".into(),
        (Value::Null, "status.replicas" | "status.successful") => "0".into(),
        (Value::Null, _) => String::new(),
        (other, _) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selects(text: &str, labels: Value) -> bool {
        let selector = Selector { labels: parse_labels(text).unwrap(), fields: vec![] };
        selector.matches(&json!({"metadata": {"labels": labels}}))
    }

    #[test]
    fn label_selectors() {
        let web = || json!({"app": "web", "tier": "2"});
        for yes in [
            "",
            "app=web",
            "app == web",
            "app!=db",
            "app in (web, db)",
            "app notin (db)",
            "app",
            "!gone",
            "tier>1",
            "tier<3",
            "app=web,tier=2",
            "gone!=x",
            "gone notin (x)",
        ] {
            assert!(selects(yes, web()), "{yes}");
        }
        for no in [
            "app=db",
            "app!=web",
            "app in (db)",
            "app notin (web,db)",
            "gone",
            "!app",
            "tier>2",
            "app=web,tier=3",
        ] {
            assert!(!selects(no, web()), "{no}");
        }
        for wrong in ["app in web", "app in (web", "=x", "a b", "app=sp ace"] {
            assert!(parse_labels(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn field_selectors() {
        let fields = parse_fields("metadata.name=a,status.phase!=Failed").unwrap();
        let selector = Selector { labels: vec![], fields };
        assert_eq!(selector.name(), Some("a"));
        assert!(selector.matches(&json!({"metadata": {"name": "a"}})));
        assert!(!selector.matches(&json!({"metadata": {"name": "a"}, "status": {"phase": "Failed"}})));
        assert!(parse_fields("metadata.name").is_err());
    }
}
