//! `spec.template` of an Application: where its components come from when it does not list them itself.

use serde_json::{Map, Value};

/// Which template an Application is made of, and with what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateRef {
    /// Its name; empty where the place has one only.
    pub name: String,
    /// Where it lies.
    pub place: Place,
    /// What fills the template's `parameter`.
    pub properties: Map<String, Value>,
    /// What is laid over what the template gives.
    pub patch: Map<String, Value>,
}

/// Where a template lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// On the cluster (in the namespace of the Application, then in `vela-system`), or among the definitions that the program knows.
    #[default]
    Cluster,
    /// In a file or folder beside the Application.
    Path(String),
    /// In a Git repository.
    Git(Git),
}

/// A place in a Git repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Git {
    /// The address of the repository.
    pub url: String,
    /// The branch, where it is not the repository's own.
    pub branch: Option<String>,
    /// The file or folder in it.
    pub path: String,
    /// The Secret that lets in, in the namespace of the Application.
    pub secret: Option<String>,
}

/// Lays `patch` over `base`: objects field by field, where null removes a field; lists of named things by their names (`name`, or `type` where there are no
/// names), where what is not there yet comes to the end; anything else is replaced.
///
/// ```
/// use serde_json::json;
/// use stepwell_runtime::model::template::overlay;
/// let mut base = json!({"components": [{"name": "web", "type": "webservice", "properties": {"image": "a", "cpu": "1"}}]});
/// overlay(&mut base, &json!({"components": [{"name": "web", "properties": {"image": "b", "cpu": null}}, {"name": "db"}]}));
/// assert_eq!(base, json!({"components": [{"name": "web", "type": "webservice", "properties": {"image": "b"}}, {"name": "db"}]}));
/// ```
pub fn overlay(base: &mut Value, patch: &Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (name, value) in patch {
                match (base.get_mut(name), value) {
                    (_, Value::Null) => drop(base.remove(name)),
                    (Some(there), value) => overlay(there, value),
                    (None, value) => drop(base.insert(name.clone(), value.clone())),
                }
            }
        }
        (Value::Array(base), Value::Array(patch)) if let Some(key) = key_of(base, patch) => {
            for item in patch {
                match base.iter_mut().find(|b| b.get(key) == item.get(key)) {
                    Some(there) => overlay(there, item),
                    None => base.push(item.clone()),
                }
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

/// The field that all elements of two lists are known by.
fn key_of(base: &[Value], patch: &[Value]) -> Option<&'static str> {
    let all = || base.iter().chain(patch);
    ["name", "type"].into_iter().find(|key| all().all(|v| v.get(key).is_some_and(Value::is_string)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_laid_over_each_other_by_what_their_elements_are_known_by() {
        let mut base = json!({"traits": [{"type": "scaler", "properties": {"replicas": 1}}], "args": ["a"], "list": [{"name": "a"}, 1]});
        let patch = json!({"traits": [{"type": "labels"}, {"type": "scaler", "properties": {"replicas": 2}}], "args": ["b"], "list": [{"name": "b"}]});
        overlay(&mut base, &patch);
        let wanted = json!({"traits": [{"type": "scaler", "properties": {"replicas": 2}}, {"type": "labels"}], "args": ["b"], "list": [{"name": "b"}]});
        assert_eq!(base, wanted);
    }
}
