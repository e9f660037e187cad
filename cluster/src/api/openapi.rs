//! `/openapi/v3`: the structure of kinds in the form that `kubectl apply` and `kubectl explain` read. Built-in kinds come
//! from the table, without descriptions; custom ones as their users wrote them.
//! Tests: at the end of this file and `tests/kubectl.rs`.

use std::{collections::BTreeMap, sync::Arc};

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{nothing_here, value_answer};
use crate::{
    kinds::Resource,
    schema::{Merge, Scalar, Schema, Shape, Struct},
};

/// Answers what stands behind `/openapi/v3/`.
pub(super) fn answer(kinds: &[Arc<Resource>], path: &str) -> Response<Body> {
    if path.is_empty() {
        let mut paths = Map::new();
        for resource in kinds {
            let path = version_path(resource);
            let url = format!("/openapi/v3/{path}");
            paths.insert(path, json!({"serverRelativeURL": url}));
        }
        let mut response = value_answer(StatusCode::OK, &json!({"paths": paths}));
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        return response;
    }
    let of_version: Vec<&Resource> = kinds.iter().map(|r| &**r).filter(|r| version_path(r) == path).collect();
    if of_version.is_empty() { nothing_here() } else { value_answer(StatusCode::OK, &document(&of_version)) }
}

fn version_path(resource: &Resource) -> String {
    let root = if resource.group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", resource.api_version())
}

fn document(resources: &[&Resource]) -> Value {
    let mut schemas = BTreeMap::new();
    let mut paths = Map::new();
    for resource in resources {
        let gvk = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
        let (name, mut schema) = match &resource.custom {
            Some(custom) => {
                let mut reversed: Vec<&str> = resource.group.split('.').collect();
                reversed.reverse();
                (
                    format!("{}.{}.{}", reversed.join("."), resource.version, resource.kind),
                    custom.open_api.clone(),
                )
            }
            None => match &resource.schema.shape {
                Shape::Ref(name) => (full_name(name), of_type(name, &mut schemas)),
                _ => continue,
            },
        };
        schema["x-kubernetes-group-version-kind"] = json!([gvk]);
        schemas.insert(name.clone(), schema);
        let place = if resource.namespaced { "namespaces/{namespace}/" } else { "" };
        let path = format!("/{}/{place}{}/{{name}}", version_path(resource), resource.plural);
        let query = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
        let parameters = ["dryRun", "fieldManager", "fieldValidation", "force"].map(query);
        let content =
            json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}});
        let operation = |action: &str| {
            json!({
                "parameters": parameters, "x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk,
                "responses": {"200": {"description": "OK", "content": content}},
            })
        };
        paths.insert(
            path,
            json!({"get": operation("get"), "put": operation("put"), "patch": operation("patch")}),
        );
    }
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.35.4"},
        "paths": paths, "components": {"schemas": schemas},
    })
}

/// `apps.v1.Deployment` as a real server calls it.
fn full_name(name: &str) -> String {
    let prefix = match name.split('.').next() {
        Some("meta") => "io.k8s.apimachinery.pkg.apis.",
        Some("apiextensions") => "io.k8s.apiextensions-apiserver.pkg.apis.",
        _ => "io.k8s.api.",
    };
    format!("{prefix}{name}")
}

/// A type of the table; those it uses are added to `schemas`.
fn of_type(name: &str, schemas: &mut BTreeMap<String, Value>) -> Value {
    let schema = Schema::new(Shape::Ref(name.into()));
    match schema.shape() {
        Shape::Struct(fields) => of_struct(fields, schemas),
        _ => json!({"type": "object"}),
    }
}

fn of_struct(fields: &Struct, schemas: &mut BTreeMap<String, Value>) -> Value {
    let properties: Map<String, Value> =
        fields.fields.iter().map(|(name, field)| (name.clone(), of_schema(field, schemas))).collect();
    let mut out = json!({"type": "object", "properties": properties});
    if !fields.required.is_empty() {
        out["required"] = fields.required.clone().into();
    }
    out
}

fn of_schema(schema: &Schema, schemas: &mut BTreeMap<String, Value>) -> Value {
    let mut out = match &schema.shape {
        Shape::Any => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        Shape::Scalar(scalar) => match scalar {
            Scalar::String => json!({"type": "string"}),
            Scalar::Bytes => json!({"type": "string", "format": "byte"}),
            Scalar::Time => json!({"type": "string", "format": "date-time"}),
            Scalar::Int32 => json!({"type": "integer", "format": "int32"}),
            Scalar::Int64 => json!({"type": "integer", "format": "int64"}),
            Scalar::Number => json!({"type": "number", "format": "double"}),
            Scalar::Boolean => json!({"type": "boolean"}),
            Scalar::IntOrString => {
                json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
            }
            Scalar::Quantity => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        },
        Shape::List(list) => {
            let mut out = json!({"type": "array", "items": of_schema(&list.items, schemas)});
            match &list.merge {
                Merge::Atomic => out["x-kubernetes-list-type"] = "atomic".into(),
                Merge::Set => out["x-kubernetes-list-type"] = "set".into(),
                Merge::Map(keys) => {
                    out["x-kubernetes-list-type"] = "map".into();
                    out["x-kubernetes-list-map-keys"] = keys.clone().into();
                }
            }
            if let Some(key) = &list.patch {
                out["x-kubernetes-patch-strategy"] = "merge".into();
                if !key.is_empty() {
                    out["x-kubernetes-patch-merge-key"] = key.clone().into();
                }
            }
            out
        }
        Shape::Map(values) => json!({"type": "object", "additionalProperties": of_schema(values, schemas)}),
        Shape::Struct(fields) => of_struct(fields, schemas),
        Shape::Ref(name) => {
            let full = full_name(name);
            if !schemas.contains_key(&full) {
                // In place before its own fields are walked: types refer to themselves.
                schemas.insert(full.clone(), Value::Null);
                let schema = of_type(name, schemas);
                schemas.insert(full.clone(), schema);
            }
            json!({"allOf": [{"$ref": format!("#/components/schemas/{full}")}]})
        }
    };
    if schema.atomic {
        out["x-kubernetes-map-type"] = "atomic".into();
    }
    if let Some(default) = &schema.default {
        out["default"] = default.clone();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_a_document_leads_somewhere() {
        let kinds = crate::kinds::builtin();
        let apps: Vec<&Resource> = kinds.iter().map(|r| &**r).filter(|r| r.group == "apps").collect();
        let document = document(&apps);
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        let deployment = &document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"];
        assert_eq!(deployment["x-kubernetes-group-version-kind"][0]["kind"], "Deployment");
    }
}
