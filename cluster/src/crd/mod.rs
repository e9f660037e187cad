//! Custom kinds: from a CustomResourceDefinition to what is served. A definition is served in the same moment in which it
//! is acknowledged: the store calls [`Api::commit_hook`](crate::api::Api) before it answers. `check.rs` is the validation of custom objects by
//! their `openAPIV3Schema`; this file reads definitions and turns that schema into the structure that pruning,
//! defaults and apply go by. Tests: at the end of this file and `tests/custom.rs`.

pub(crate) mod check;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    clock::rfc3339,
    error::FieldError,
    kinds::{Custom, Resource, Scale},
    names,
    objects::text,
    schema::{List, Merge, Scalar, Schema, Shape, Struct, object_meta},
};

/// The resource under which definitions are stored.
pub(crate) const STORED_AS: &str = "customresourcedefinitions.apiextensions.k8s.io";
/// Holds a definition until its objects are gone.
pub(crate) const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn strings(value: &Value) -> Vec<String> {
    items(value).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The served kinds of a definition.
pub(crate) fn resources(definition: &Value) -> Vec<Arc<Resource>> {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let group = text(&spec["group"]);
    let mut versions: Vec<&Value> = items(&spec["versions"]).iter().filter(|v| v["served"] == true).collect();
    // The preferred version: the most stable, then the newest.
    versions.sort_by_key(|v| std::cmp::Reverse(version_rank(v["name"].as_str().unwrap_or_default())));
    let storage = items(&spec["versions"])
        .iter()
        .find(|v| v["storage"] == true)
        .map_or_else(String::new, |v| text(&v["name"]));
    versions
        .into_iter()
        .map(|version| {
            let sub = &version["subresources"];
            let open_api = version["schema"]["openAPIV3Schema"].clone();
            let scale = sub["scale"].is_object().then(|| Scale {
                spec: text(&sub["scale"]["specReplicasPath"]),
                status: text(&sub["scale"]["statusReplicasPath"]),
                selector: sub["scale"]["labelSelectorPath"].as_str().map(str::to_owned),
            });
            Arc::new(Resource {
                group: group.clone(),
                version: text(&version["name"]),
                kind: text(&names["kind"]),
                plural: text(&names["plural"]),
                singular: text(&names["singular"]),
                list_kind: text(&names["listKind"]),
                namespaced: spec["scope"] == "Namespaced",
                short_names: strings(&names["shortNames"]),
                categories: strings(&names["categories"]),
                status: sub["status"].is_object(),
                scale,
                generation: true,
                storage: (group.clone(), storage.clone()),
                stored_as: format!("{}.{group}", text(&names["plural"])),
                schema: Arc::new(root(&open_api)),
                custom: Some(Arc::new(Custom {
                    definition: text(&definition["metadata"]["name"]),
                    columns: items(&version["additionalPrinterColumns"]).to_vec(),
                    selectable: items(&version["selectableFields"])
                        .iter()
                        .map(|f| text(&f["jsonPath"]))
                        .collect(),
                    open_api,
                })),
            })
        })
        .collect()
}

/// `v2` before `v1`, those before `v2beta1`, that before `v1alpha3`, and anything else last.
fn version_rank(name: &str) -> (u8, u64, u64) {
    let Some(rest) = name.strip_prefix('v') else { return (0, 0, 0) };
    for (word, rank) in [("beta", 2), ("alpha", 1)] {
        if let Some((major, minor)) = rest.split_once(word) {
            return match (major.parse(), minor.parse()) {
                (Ok(major), Ok(minor)) => (rank, major, minor),
                _ => (0, 0, 0),
            };
        }
    }
    rest.parse().map_or((0, 0, 0), |major| (3, major, 0))
}

/// What the server says of a definition: its names are accepted and it is served.
pub(crate) fn establish(definition: &mut Value, now: Timestamp) {
    let spec = definition["spec"].clone();
    let stored: Vec<Value> =
        items(&spec["versions"]).iter().filter(|v| v["storage"] == true).map(|v| v["name"].clone()).collect();
    let status = &mut definition["status"];
    let since = |kind: &str, status: &Value| {
        let known = items(&status["conditions"]).iter().find(|c| c["type"] == kind);
        known.map_or_else(|| rfc3339(now).into(), |c| c["lastTransitionTime"].clone())
    };
    let conditions = json!([
        {"type": "NamesAccepted", "status": "True", "lastTransitionTime": since("NamesAccepted", status),
         "reason": "NoConflicts", "message": "no conflicts found"},
        {"type": "Established", "status": "True", "lastTransitionTime": since("Established", status),
         "reason": "InitialNamesAccepted", "message": "the initial names have been accepted"},
    ]);
    let mut versions = items(&status["storedVersions"]).to_vec();
    versions.extend(stored.into_iter().filter(|v| !items(&status["storedVersions"]).contains(v)));
    *status = json!({"conditions": conditions, "acceptedNames": spec["names"], "storedVersions": versions});
}

/// Faults of a definition.
pub(crate) fn validate(definition: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = &definition["spec"];
    let name = text(&definition["metadata"]["name"]);
    let (plural, group) = (text(&spec["names"]["plural"]), text(&spec["group"]));
    if name != format!("{plural}.{group}") {
        let why = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", name, why));
    }
    if group.is_empty() {
        errors.push(FieldError::required("spec.group", ""));
    } else if let Err(why) = names::dns_subdomain(&group) {
        errors.push(FieldError::invalid("spec.group", group.as_str(), why));
    } else if !group.contains('.') {
        errors.push(FieldError::invalid(
            "spec.group",
            group.as_str(),
            "should be a domain with at least one dot",
        ));
    }
    match spec["scope"].as_str() {
        Some("Cluster" | "Namespaced") => {}
        None => errors.push(FieldError::required("spec.scope", "")),
        Some(other) => {
            errors.push(FieldError::not_supported("spec.scope", other, &["Cluster", "Namespaced"]))
        }
    }
    for field in ["plural", "kind"] {
        if text(&spec["names"][field]).is_empty() {
            errors.push(FieldError::required(format!("spec.names.{field}"), ""));
        }
    }
    let versions = items(&spec["versions"]);
    if versions.iter().filter(|v| v["storage"] == true).count() != 1 {
        let why = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", spec["versions"].clone(), why));
    }
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        if let Err(why) = names::dns1035_label(&text(&version["name"])) {
            errors.push(FieldError::invalid(format!("{path}.name"), version["name"].clone(), why));
        }
        let schema = &version["schema"]["openAPIV3Schema"];
        let path = format!("{path}.schema.openAPIV3Schema");
        if !schema.is_object() {
            errors.push(FieldError::required(path, ""));
            continue;
        }
        if schema["type"] != "object" {
            let why = "must be object at the root";
            errors.push(FieldError::invalid(format!("{path}.type"), schema["type"].clone(), why));
        }
        structural(schema, &path, &mut errors);
    }
    if let Some(old) = old {
        for field in ["group", "scope"] {
            if old["spec"][field] != spec[field] {
                let why = "field is immutable";
                errors.push(FieldError::invalid(format!("spec.{field}"), spec[field].clone(), why));
            }
        }
    }
    errors
}

/// Rules of structural schemas: types are given, list keys are there, patterns are read.
fn structural(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
    let int_or_string = schema["x-kubernetes-int-or-string"] == true;
    if schema["type"].is_null() && !open && !int_or_string {
        errors.push(FieldError::required(
            format!("{path}.type"),
            "must not be empty for specified object fields",
        ));
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && check::pattern(pattern).is_none()
    {
        let why = "must be a valid regular expression";
        errors.push(FieldError::invalid(format!("{path}.pattern"), pattern, why));
    }
    if schema["x-kubernetes-list-type"] == "map" {
        if items(&schema["x-kubernetes-list-map-keys"]).is_empty() {
            let why = "must not be empty if x-kubernetes-list-type is map";
            errors.push(FieldError::required(format!("{path}.x-kubernetes-list-map-keys"), why));
        }
        for key in strings(&schema["x-kubernetes-list-map-keys"]) {
            if schema["items"]["properties"].get(&key).is_none() {
                let why = "entries must all be names of item properties";
                errors.push(FieldError::invalid(format!("{path}.x-kubernetes-list-map-keys"), key, why));
            }
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        structural(property, &format!("{path}.properties[{name}]"), errors);
    }
    if schema["items"].is_object() {
        structural(&schema["items"], &format!("{path}.items"), errors);
    } else if schema["type"] == "array" {
        errors.push(FieldError::required(format!("{path}.items"), "must be specified"));
    }
    if schema["additionalProperties"].is_object() {
        structural(&schema["additionalProperties"], &format!("{path}.additionalProperties"), errors);
    }
}

/// The structure of whole objects: the user's schema with what every object has.
fn root(open_api: &Value) -> Schema {
    let mut schema = structure(open_api);
    let (mut fields, required, rest) = match &schema.shape {
        Shape::Struct(known) => (known.fields.clone(), known.required.clone(), known.rest.clone()),
        _ => (BTreeMap::new(), vec![], Some(Box::new(Schema::any()))),
    };
    for name in ["apiVersion", "kind"] {
        fields.insert(name.into(), Schema::new(Shape::Scalar(Scalar::String)));
    }
    fields.insert("metadata".into(), object_meta());
    schema.shape = Shape::Struct(Arc::new(Struct { name: String::new(), fields, required, rest }));
    schema
}

/// One node of a user's schema.
fn structure(schema: &Value) -> Schema {
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
    let shape = if schema["x-kubernetes-int-or-string"] == true {
        Shape::Scalar(Scalar::IntOrString)
    } else {
        match schema["type"].as_str() {
            Some("string") => Shape::Scalar(Scalar::String),
            Some("boolean") => Shape::Scalar(Scalar::Boolean),
            Some("integer") => Shape::Scalar(Scalar::Int64),
            Some("number") => Shape::Scalar(Scalar::Number),
            Some("array") => {
                let merge = match schema["x-kubernetes-list-type"].as_str() {
                    Some("set") => Merge::Set,
                    Some("map") => Merge::Map(strings(&schema["x-kubernetes-list-map-keys"])),
                    _ => Merge::Atomic,
                };
                Shape::List(Box::new(List { items: structure(&schema["items"]), merge, patch: None }))
            }
            Some("object") => object(schema, open),
            _ => Shape::Any,
        }
    };
    Schema {
        shape,
        default: schema.get("default").cloned(),
        atomic: schema["x-kubernetes-map-type"] == "atomic",
        nullable: schema["nullable"] == true,
    }
}

fn object(schema: &Value, open: bool) -> Shape {
    let mut fields: BTreeMap<String, Schema> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| (name.clone(), structure(property)))
        .collect();
    if schema["x-kubernetes-embedded-resource"] == true {
        for name in ["apiVersion", "kind"] {
            fields.insert(name.into(), Schema::new(Shape::Scalar(Scalar::String)));
        }
        fields.insert("metadata".into(), object_meta());
    }
    let rest = match &schema["additionalProperties"] {
        Value::Object(values) if fields.is_empty() => {
            return Shape::Map(Box::new(structure(&Value::Object(values.clone()))));
        }
        values @ Value::Object(_) => Some(structure(values)),
        Value::Bool(true) => Some(Schema::any()),
        _ if open => Some(Schema::any()),
        _ => None,
    };
    if fields.is_empty() && rest.is_some() {
        return Shape::Any;
    }
    Shape::Struct(Arc::new(Struct {
        name: String::new(),
        fields,
        required: strings(&schema["required"]),
        rest: rest.map(Box::new),
    }))
}

/// The definitions that every cluster has, by the names of their files.
pub(crate) fn preinstalled() -> Vec<Value> {
    include_str!("../../crds/core.oam.dev.yaml")
        .split("\n---\n")
        .filter_map(|text| {
            // Part of the program, and read by a test.
            let row: Map<String, Value> = serde_saphyr::from_str(text).ok()?;
            let row = Value::Object(row);
            let plural = text_of(&row, "plural");
            let kind = text_of(&row, "kind");
            let mut columns = items(&row["columns"]).to_vec();
            columns.push(json!({"name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp"}));
            let open = || json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
            let mut properties = json!({"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}});
            for field in items(&row["fields"]).iter().filter_map(Value::as_str) {
                match (field.strip_suffix("[]"), field.strip_suffix('$')) {
                    (Some(list), _) => properties[list] = json!({"type": "array", "items": open()}),
                    (_, Some(text)) => properties[text] = json!({"type": "string"}),
                    _ => properties[field] = open(),
                }
            }
            let names = json!({
                "plural": plural, "kind": kind, "listKind": format!("{kind}List"), "singular": kind.to_lowercase(),
                "shortNames": row["shortNames"], "categories": ["oam"],
            });
            Some(json!({
                "metadata": {"name": format!("{plural}.core.oam.dev")},
                "spec": {
                    "group": "core.oam.dev", "scope": row["scope"], "names": names,
                    "versions": [{
                        "name": row["version"], "served": true, "storage": true, "subresources": {"status": {}},
                        "additionalPrinterColumns": columns,
                        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
                    }],
                },
            }))
        })
        .collect()
}

fn text_of(row: &Value, field: &str) -> String {
    text(&row[field])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preinstalled_definitions_are_valid() {
        let all = preinstalled();
        let names: Vec<String> = all.iter().map(|d| text(&d["metadata"]["name"])).collect();
        assert_eq!(all.len(), 12, "{names:?}");
        for definition in &all {
            assert_eq!(validate(definition, None), vec![], "{}", definition["metadata"]["name"]);
            assert_eq!(resources(definition).len(), 1);
        }
    }

    #[test]
    fn versions_are_ranked_by_stability_then_age() {
        let mut names = ["v1alpha1", "v2", "foo", "v1beta2", "v1", "v1beta10"];
        names.sort_by_key(|name| std::cmp::Reverse(version_rank(name)));
        assert_eq!(names, ["v2", "v1", "v1beta10", "v1beta2", "v1alpha1", "foo"]);
    }

    #[test]
    fn faults_of_a_definition_are_named() {
        let definition = json!({"metadata": {"name": "wrong"}, "spec": {
            "group": "example.com", "scope": "Nowhere", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"a": {}, "b": {"type": "array"}, "c": {"type": "string", "pattern": "("}},
            }}}],
        }});
        let faults: Vec<String> = validate(&definition, None).into_iter().map(|error| error.field).collect();
        let schema = "spec.versions[0].schema.openAPIV3Schema.properties";
        assert_eq!(
            faults,
            [
                "metadata.name".to_owned(),
                "spec.scope".into(),
                format!("{schema}[a].type"),
                format!("{schema}[b].items"),
                format!("{schema}[c].pattern"),
            ]
        );
    }
}
