//! Filling in what was left out: first what the structure says (`default` in the table, or in a custom kind's schema),
//! then `schema/defaults.yaml`, then the few rules below that need more than one field.
//! To give a built-in kind another default, add it to the YAML. Tests: at the end of this file.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Map, Value, json};

use super::{Schema, Shape};
use crate::kinds::Resource;

struct Rule {
    /// The field and, unless any will do, the value it must have.
    when: Option<(String, Option<String>)>,
    values: Map<String, Value>,
}

/// Rules by type.
static RULES: LazyLock<HashMap<String, Vec<Rule>>> = LazyLock::new(|| {
    let text = include_str!("../../schema/defaults.yaml");
    // Part of the program, and read by a test: well-formed.
    let table: Map<String, Value> = serde_saphyr::from_str(text).unwrap_or_default();
    let mut rules: HashMap<String, Vec<Rule>> = HashMap::new();
    for (key, values) in table {
        let (name, when) = match key.split_once(" where ") {
            Some((name, condition)) => {
                let (field, value) = condition.split_once(" is ").unwrap_or((condition, "set"));
                (name.to_owned(), Some((field.to_owned(), (value != "set").then(|| value.to_owned()))))
            }
            None => (key, None),
        };
        let values = values.as_object().cloned().unwrap_or_default();
        rules.entry(name).or_default().push(Rule { when, values });
    }
    rules
});

/// Fills in the defaults of `object`.
pub(crate) fn fill(resource: &Resource, object: &mut Value) {
    if resource.custom.is_none() {
        special(resource, object);
    }
    walk(&resource.schema, object);
}

/// The object that a built-in kind has before anybody sets a field: only the structs that are always there.
pub(crate) fn hollow(schema: &Schema) -> Value {
    let mut out = Map::new();
    if let Shape::Struct(fields) = schema.shape() {
        for (name, field) in &fields.fields {
            let empty = field.default.as_ref().and_then(Value::as_object).is_some_and(Map::is_empty);
            if empty && matches!(field.shape(), Shape::Struct(_)) {
                out.insert(name.clone(), hollow(field));
            }
        }
        // The one list that is always there.
        if fields.name.ends_with("v1.PodSpec") {
            out.insert("containers".to_owned(), json!([]));
        }
    }
    Value::Object(out)
}

fn walk(schema: &Schema, value: &mut Value) {
    match (schema.shape(), value) {
        (Shape::List(list), Value::Array(items)) => items.iter_mut().for_each(|item| walk(&list.items, item)),
        (Shape::Map(values), Value::Object(entries)) => {
            entries.values_mut().for_each(|value| walk(values, value));
        }
        (Shape::Struct(fields), Value::Object(object)) => {
            let rules = RULES.get(&fields.name).map_or(&[][..], Vec::as_slice);
            for rule in rules {
                let applies =
                    rule.when.as_ref().is_none_or(|(field, wanted)| match (object.get(field), wanted) {
                        (Some(Value::String(have)), Some(wanted)) => have == wanted,
                        (Some(value), None) => !value.is_null(),
                        _ => false,
                    });
                if applies {
                    fill_from(object, &rule.values);
                }
            }
            for (name, field) in &fields.fields {
                if !object.contains_key(name)
                    && let Some(default) = &field.default
                {
                    let struct_like = matches!(field.shape(), Shape::Struct(_) | Shape::Any | Shape::Map(_));
                    if !default.is_object() || struct_like {
                        object.insert(name.clone(), default.clone());
                    }
                }
                if let Some(value) = object.get_mut(name) {
                    walk(field, value);
                }
            }
            if let Some(rest) = &fields.rest {
                for (name, value) in object.iter_mut() {
                    if !fields.fields.contains_key(name) {
                        walk(rest, value);
                    }
                }
            }
        }
        _ => {}
    }
}

fn fill_from(object: &mut Map<String, Value>, values: &Map<String, Value>) {
    for (name, value) in values {
        if object.get(name).is_some_and(|have| !have.is_null()) {
            continue;
        }
        // `=other` takes the value of another field.
        let value = match value.as_str().and_then(|text| text.strip_prefix('=')) {
            Some(other) => object.get(other).cloned().unwrap_or_default(),
            None => value.clone(),
        };
        object.insert(name.clone(), value);
    }
}

/// Rules over several fields.
fn special(resource: &Resource, object: &mut Value) {
    if let Some(pod) = pod_spec(&resource.kind, object) {
        for list in ["containers", "initContainers"] {
            for container in pod.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                container_defaults(container);
            }
        }
    }
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        if resource.kind == "Secret" {
            secret_strings(object);
        }
        return;
    };
    match resource.kind.as_str() {
        "Job" => {
            // Both absent: one pod, once.
            let absent = |field: &str| spec.get(field).is_none_or(Value::is_null);
            if absent("completions") && absent("parallelism") {
                spec.insert("completions".into(), 1.into());
            }
            if absent_in(spec, "parallelism") {
                spec.insert("parallelism".into(), 1.into());
            }
        }
        "Service" => {
            let session = spec.get("type").and_then(Value::as_str) == Some("ExternalName");
            if !session {
                for (field, value) in
                    [("ipFamilies", json!(["IPv4"])), ("ipFamilyPolicy", json!("SingleStack"))]
                {
                    if absent_in(spec, field) {
                        spec.insert(field.into(), value);
                    }
                }
            }
        }
        "ReplicationController" => {
            let labels = spec.get("template").and_then(|t| t.pointer("/metadata/labels")).cloned();
            if let (true, Some(labels)) = (absent_in(spec, "selector"), labels) {
                spec.insert("selector".into(), labels);
            }
        }
        "NetworkPolicy" if absent_in(spec, "policyTypes") => {
            let egress = spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
            let types = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            spec.insert("policyTypes".into(), types);
        }
        "HorizontalPodAutoscaler" if resource.version == "v2" && absent_in(spec, "metrics") => {
            let target = json!({"type": "Utilization", "averageUtilization": 80});
            spec.insert(
                "metrics".into(),
                json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]),
            );
        }
        "CustomResourceDefinition" => crd_names(spec),
        _ => {}
    }
}

fn absent_in(spec: &Map<String, Value>, field: &str) -> bool {
    spec.get(field).is_none_or(Value::is_null)
}

fn crd_names(spec: &mut Map<String, Value>) {
    let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) else { return };
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind.is_empty() {
        return;
    }
    if absent_in(names, "singular") {
        names.insert("singular".into(), kind.to_lowercase().into());
    }
    if absent_in(names, "listKind") {
        names.insert("listKind".into(), format!("{kind}List").into());
    }
}

/// `stringData` is written in the clear and read as `data`.
fn secret_strings(object: &mut Value) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let Some(secret) = object.as_object_mut() else { return };
    let Some(Value::Object(clear)) = secret.shift_remove("stringData") else { return };
    let data = secret.entry("data").or_insert_with(|| json!({}));
    if data.is_null() {
        *data = json!({});
    }
    for (key, value) in clear {
        if let (Some(data), Some(text)) = (data.as_object_mut(), value.as_str()) {
            data.insert(key, STANDARD.encode(text).into());
        }
    }
}

fn container_defaults(container: &mut Value) {
    let Some(container) = container.as_object_mut() else { return };
    if absent_in(container, "imagePullPolicy") {
        let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
        let name = image.rsplit('/').next().unwrap_or_default();
        // No tag means `latest`, and what may move is always pulled.
        let moves = !image.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
        container.insert("imagePullPolicy".into(), if moves { "Always" } else { "IfNotPresent" }.into());
    }
    // A limit without a request is the request too.
    if let Some(resources) = container.get_mut("resources").and_then(Value::as_object_mut)
        && let Some(Value::Object(limits)) = resources.get("limits").cloned()
    {
        let requests = resources.entry("requests").or_insert_with(|| json!({}));
        if let Some(requests) = requests.as_object_mut() {
            for (name, value) in limits {
                requests.entry(name).or_insert(value);
            }
        }
    }
}

/// Where a kind keeps its pods' spec.
pub(crate) fn pod_spec<'v>(kind: &str, object: &'v mut Value) -> Option<&'v mut Value> {
    object.pointer_mut(pod_spec_path(kind)?)
}

/// The path of it.
pub(crate) fn pod_spec_path(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Pod" => "/spec",
        "PodTemplate" => "/template/spec",
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicationController" => {
            "/spec/template/spec"
        }
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(kind: &str, mut object: Value) -> Value {
        let resource = crate::kinds::builtin().into_iter().find(|r| r.kind == kind).unwrap();
        fill(&resource, &mut object);
        object
    }

    #[test]
    fn every_rule_is_about_a_known_type_and_field() {
        assert!(RULES.len() > 30);
        for (name, rules) in RULES.iter() {
            let schema = Schema::new(Shape::Ref(name.as_str().into()));
            let Shape::Struct(fields) = schema.shape() else { panic!("{name} is no type of the table") };
            for rule in rules {
                for field in rule.values.keys().chain(rule.when.iter().map(|(field, _)| field)) {
                    assert!(fields.fields.contains_key(field), "{name} has no field {field}");
                }
            }
        }
    }

    #[test]
    fn a_deployment_reads_back_as_from_a_real_server() {
        let container = json!({"name": "web", "image": "nginx", "ports": [{"containerPort": 80}]});
        let object = filled(
            "Deployment",
            json!({
                "metadata": {"name": "web"},
                "spec": {"template": {"spec": {"containers": [container]}}},
            }),
        );
        let spec = &object["spec"];
        assert_eq!(spec["replicas"], 1);
        assert_eq!(spec["strategy"]["rollingUpdate"], json!({"maxUnavailable": "25%", "maxSurge": "25%"}));
        let pod = &spec["template"]["spec"];
        assert_eq!(pod["containers"][0]["imagePullPolicy"], "Always");
        assert_eq!(pod["containers"][0]["ports"][0]["protocol"], "TCP");
        assert_eq!(pod["containers"][0]["resources"], json!({}));
        assert_eq!(object["status"], json!({}));
        let recreate = filled("Deployment", json!({"spec": {"strategy": {"type": "Recreate"}}}));
        assert_eq!(recreate["spec"]["strategy"], json!({"type": "Recreate"}));
    }

    #[test]
    fn services_and_secrets() {
        let service = filled("Service", json!({"spec": {"ports": [{"port": 80}]}}));
        assert_eq!(service["spec"]["ports"][0], json!({"port": 80, "protocol": "TCP", "targetPort": 80}));
        assert_eq!(service["status"], json!({"loadBalancer": {}}));
        let secret = filled("Secret", json!({"stringData": {"a": "me"}, "data": {"b": "eA=="}}));
        assert_eq!(secret, json!({"data": {"b": "eA==", "a": "bWU="}, "type": "Opaque", "metadata": {}}));
    }

    #[test]
    fn the_hollow_object_has_only_structs() {
        let schema = crate::schema::builtin_kind("apps", "v1", "Deployment");
        let hollow = hollow(&schema);
        assert_eq!(hollow["spec"]["strategy"], json!({}));
        assert_eq!(hollow["spec"].get("replicas"), None);
    }
}
