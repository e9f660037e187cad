//! What a client asks first: versions, groups, resources (one by one and aggregated), health. Answered from the table of
//! served kinds. Tests: the API suite (`discovery.yaml`) and `tests/kubectl.rs`.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use serde_json::{Value, json};

use super::{Api, nothing_here, openapi, text_answer, value_answer};
use crate::{
    error::{ApiError, ApiResult},
    kinds::{Resource, api_version},
};

/// The Kubernetes whose behaviour is followed.
const MAJOR: &str = "1";
const MINOR: &str = "35";
const GIT_VERSION: &str = "v1.35.4+stepwell";

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const CUSTOM_VERBS: [&str; 8] =
    ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const SUB_VERBS: [&str; 3] = ["get", "patch", "update"];

/// The groups that are served, in order, each with its versions, the preferred one first.
fn groups(kinds: &[std::sync::Arc<Resource>]) -> Vec<(String, Vec<String>)> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for resource in kinds {
        let at = out.iter().position(|(group, _)| *group == resource.group).unwrap_or_else(|| {
            out.push((resource.group.clone(), Vec::new()));
            out.len() - 1
        });
        if !out[at].1.contains(&resource.version) {
            out[at].1.push(resource.version.clone());
        }
    }
    out
}

impl Api {
    /// Answers everything that is not a resource.
    pub(super) fn fixed(&self, path: &str, parts: &Parts) -> Response<Body> {
        let accept =
            parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let aggregated = accept.split(',').next().is_some_and(|first| {
            first.contains("as=APIGroupDiscoveryList")
                && first.contains("v=v2")
                && !first.contains("v=v2beta1")
        });
        match path {
            "/healthz" | "/readyz" | "/livez" => text_answer(StatusCode::OK, "ok"),
            "/version" => value_answer(
                StatusCode::OK,
                &json!({
                    "major": MAJOR, "minor": MINOR, "gitVersion": GIT_VERSION, "gitCommit": "", "gitTreeState": "clean",
                    "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "",
                    "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
                }),
            ),
            "/api" | "/apis" if aggregated => {
                let mut response = value_answer(StatusCode::OK, &self.aggregated(path == "/api"));
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(AGGREGATED));
                response
            }
            "/api" => value_answer(StatusCode::OK, &json!({"kind": "APIVersions", "versions": ["v1"]})),
            "/apis" => {
                let groups: Vec<Value> = groups(&self.kinds())
                    .iter()
                    .filter(|(group, _)| !group.is_empty())
                    .map(|(group, versions)| group_object(group, versions))
                    .collect();
                value_answer(
                    StatusCode::OK,
                    &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
                )
            }
            "/" => value_answer(StatusCode::OK, &json!({"paths": ["/api", "/apis", "/healthz", "/version"]})),
            _ => match path.strip_prefix("/openapi/v3") {
                Some(rest) => openapi::answer(&self.kinds(), rest.trim_start_matches('/')),
                None => nothing_here(),
            },
        }
    }

    /// `/apis/GROUP`.
    pub(super) fn group(&self, group: &str) -> Response<Body> {
        let groups = groups(&self.kinds());
        let Some((_, versions)) = groups.iter().find(|(name, _)| name == group) else {
            return nothing_here();
        };
        let mut object = json!({"kind": "APIGroup", "apiVersion": "v1"});
        if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), group_object(group, versions))
        {
            object.extend(fields);
        }
        value_answer(StatusCode::OK, &object)
    }

    /// The resources of a group version.
    pub(super) fn group_version(&self, group: &str, version: &str) -> ApiResult<Response<Body>> {
        let kinds = self.kinds();
        let of_group: Vec<&Resource> = kinds.iter().map(|r| &**r).filter(|r| r.group == group).collect();
        let of_version: Vec<&Resource> = of_group.iter().copied().filter(|r| r.version == version).collect();
        if of_version.is_empty() {
            let custom = of_group.iter().all(|r| r.custom.is_some());
            return if of_group.is_empty() || custom {
                Ok(nothing_here())
            } else {
                Err(ApiError::no_such_resource())
            };
        }
        let mut resources: Vec<Value> = of_version.iter().flat_map(|r| listed(r)).collect();
        if of_version.iter().all(|r| r.custom.is_none()) {
            resources.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
        }
        let mut object = json!({"kind": "APIResourceList"});
        if !group.is_empty() {
            object["apiVersion"] = "v1".into();
        }
        object["groupVersion"] = api_version(group, version).into();
        object["resources"] = resources.into();
        Ok(value_answer(StatusCode::OK, &object))
    }

    fn aggregated(&self, core: bool) -> Value {
        let kinds = self.kinds();
        let items: Vec<Value> = groups(&kinds)
            .iter()
            .filter(|(group, _)| group.is_empty() == core)
            .map(|(group, versions)| {
                let versions: Vec<Value> = versions
                    .iter()
                    .map(|version| {
                        let resources: Vec<Value> = kinds
                            .iter()
                            .filter(|r| r.group == *group && r.version == *version)
                            .map(|r| aggregated_resource(r))
                            .collect();
                        json!({"version": version, "freshness": "Current", "resources": resources})
                    })
                    .collect();
                let mut meta = json!({"creationTimestamp": null});
                if !group.is_empty() {
                    meta["name"] = group.as_str().into();
                }
                json!({"metadata": meta, "versions": versions})
            })
            .collect();
        json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
        })
    }
}

fn group_object(group: &str, versions: &[String]) -> Value {
    let version = |version: &String| json!({"groupVersion": api_version(group, version), "version": version});
    let all: Vec<Value> = versions.iter().map(version).collect();
    json!({"name": group, "versions": all, "preferredVersion": all.first()})
}

fn verbs(resource: &Resource) -> &'static [&'static str] {
    if resource.custom.is_some() { &CUSTOM_VERBS } else { &VERBS }
}

/// A resource and its subresources in the plain form.
fn listed(resource: &Resource) -> Vec<Value> {
    let mut main = json!({
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": verbs(resource),
    });
    for (field, values) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !values.is_empty() {
            main[field] = values.clone().into();
        }
    }
    let mut out = vec![main];
    if resource.status {
        out.push(json!({
            "name": format!("{}/status", resource.plural), "singularName": "", "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": SUB_VERBS,
        }));
    }
    if resource.scale.is_some() {
        out.push(json!({
            "name": format!("{}/scale", resource.plural), "singularName": "", "namespaced": resource.namespaced,
            "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": SUB_VERBS,
        }));
    }
    out
}

fn aggregated_resource(resource: &Resource) -> Value {
    let kind = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
    let mut out = json!({
        "resource": resource.plural, "responseKind": kind,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular, "verbs": verbs(resource),
    });
    for (field, values) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !values.is_empty() {
            out[field] = values.clone().into();
        }
    }
    let mut subresources = Vec::new();
    if resource.scale.is_some() {
        let kind = json!({"group": "autoscaling", "version": "v1", "kind": "Scale"});
        subresources.push(json!({"subresource": "scale", "responseKind": kind, "verbs": SUB_VERBS}));
    }
    if resource.status {
        subresources
            .push(json!({"subresource": "status", "responseKind": out["responseKind"], "verbs": SUB_VERBS}));
    }
    if !subresources.is_empty() {
        out["subresources"] = subresources.into();
    }
    out
}
