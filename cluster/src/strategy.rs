//! What the server itself puts into some kinds when they are made or changed: cluster addresses, the labels of a Job,
//! the first phase of a Pod. One function per kind; tests: `tests/kinds.rs`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    crd,
    error::{ApiError, ApiResult},
    kinds::Resource,
    objects::text,
    store::{Key, Txn},
};

/// Addresses that Services get: 10.96.0.0/16, as kubeadm gives them.
const SERVICE_NET: [u8; 2] = [10, 96];
const NODE_PORTS: std::ops::Range<u16> = 30000..32768;

/// Completes a new object.
pub(crate) fn on_create(
    txn: &Txn<'_>,
    resource: &Resource,
    object: &mut Value,
    now: Timestamp,
) -> ApiResult<()> {
    if resource.custom.is_some() {
        return Ok(());
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Namespace") => {
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            object["spec"]["finalizers"] = json!(["kubernetes"]);
            object["status"] = json!({"phase": "Active"});
        }
        ("", "Service") => service(txn, object)?,
        ("", "Pod") => object["status"] = json!({"phase": "Pending", "qosClass": qos(&object["spec"])}),
        ("", "PersistentVolumeClaim" | "PersistentVolume") => object["status"] = json!({"phase": "Pending"}),
        ("batch", "Job") => job(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            object["metadata"]["finalizers"] = json!([crd::FINALIZER]);
            crd::establish(object, now);
        }
        _ => {}
    }
    Ok(())
}

/// Takes out of a new object what the server allocated because the client (who sent `given`) left it open.
pub(crate) fn take_out_allocated(resource: &Resource, given: &Value, object: &mut Value) {
    if resource.custom.is_some() || !resource.group.is_empty() || resource.kind != "Service" {
        return;
    }
    let given = &given["spec"];
    let Some(spec) = object["spec"].as_object_mut() else { return };
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if given[field].is_null() {
            spec.shift_remove(field);
        }
    }
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
    for (at, port) in ports.enumerate() {
        if let (true, Some(port)) = (given["ports"][at]["nodePort"].is_null(), port.as_object_mut()) {
            port.shift_remove("nodePort");
        }
    }
}

/// Carries over what the server set before.
pub(crate) fn on_update(resource: &Resource, old: &Value, new: &mut Value, now: Timestamp) {
    if resource.custom.is_some() {
        return;
    }
    let keep = |new: &mut Value, path: &[&str]| {
        let before = path.iter().fold(old, |at, part| &at[*part]);
        // What was not there is not looked for: indexing a missing field to write makes it null.
        if before.is_null() {
            return;
        }
        let to = path.iter().fold(new, |at, part| &mut at[*part]);
        if to.is_null() {
            *to = before.clone();
        }
    };
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Service") if new["spec"]["type"] != "ExternalName" => {
            keep(new, &["spec", "clusterIP"]);
            keep(new, &["spec", "clusterIPs"]);
            if new["spec"]["type"] != "ClusterIP" {
                let ports = old["spec"]["ports"].as_array().cloned().unwrap_or_default();
                for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
                    let before =
                        ports.iter().find(|p| p["port"] == port["port"] && p["protocol"] == port["protocol"]);
                    if let (true, Some(before)) =
                        (port["nodePort"].is_null(), before.and_then(|p| p.get("nodePort")))
                    {
                        port["nodePort"] = before.clone();
                    }
                }
            }
            drop_nulls(new);
        }
        ("", "Namespace") => keep(new, &["spec", "finalizers"]),
        ("apiextensions.k8s.io", "CustomResourceDefinition") if old["spec"] != new["spec"] => {
            crd::establish(new, now)
        }
        ("batch", "Job") => {
            keep(new, &["spec", "selector"]);
            for label in JOB_LABELS {
                keep(new, &["spec", "template", "metadata", "labels", label]);
                keep(new, &["metadata", "labels", label]);
            }
        }
        _ => {}
    }
}

/// Indexing a missing field to write makes it null.
fn drop_nulls(object: &mut Value) {
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.retain(|_, value| !value.is_null());
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(port) = port.as_object_mut() {
                port.retain(|_, value| !value.is_null());
            }
        }
    }
}

const JOB_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];

fn job(object: &mut Value) {
    if object["spec"]["manualSelector"] == true {
        return;
    }
    let uid = object["metadata"]["uid"].clone();
    let name = object["metadata"]["name"].clone();
    object["spec"]["selector"] = json!({"matchLabels": {(JOB_LABELS[0]): uid}});
    for path in ["/spec/template/metadata", "/metadata"] {
        let Some(meta) = object.pointer_mut(path).and_then(Value::as_object_mut) else { continue };
        let labels = meta.entry("labels").or_insert_with(|| Value::Object(Map::new()));
        if labels.is_null() {
            *labels = json!({});
        }
        // The labels of the Job itself are those of its pods, as a real server has it, unless the user gave some.
        let own = path == "/metadata" && labels.as_object().is_some_and(|labels| !labels.is_empty());
        if own {
            continue;
        }
        for (label, value) in JOB_LABELS.into_iter().zip([&uid, &name, &uid, &name]) {
            labels[label] = value.clone();
        }
    }
}

fn service(txn: &Txn<'_>, object: &mut Value) -> ApiResult<()> {
    let kind = text(&object["spec"]["type"]);
    if kind == "ExternalName" {
        return Ok(());
    }
    let wanted = text(&object["spec"]["clusterIP"]);
    if wanted.is_empty() || kind != "ClusterIP" {
        let ports = kind == "NodePort"
            || kind == "LoadBalancer" && object["spec"]["allocateLoadBalancerNodePorts"] != false;
        let taken = txn.list(&Key::prefix("services", None))?;
        if wanted.is_empty() {
            let used = |ip: &str| taken.iter().any(|(_, service)| service["spec"]["clusterIP"] == ip);
            object["spec"]["clusterIP"] = free(
                |seed| {
                    let [high, low] = seed.to_be_bytes();
                    format!("{}.{}.{high}.{}", SERVICE_NET[0], SERVICE_NET[1], low.clamp(2, 254))
                },
                used,
            )?
            .into();
        }
        if ports {
            let mut used: Vec<u64> = taken
                .iter()
                .flat_map(|(_, service)| service["spec"]["ports"].as_array().into_iter().flatten())
                .filter_map(|port| port["nodePort"].as_u64())
                .collect();
            let width = NODE_PORTS.end - NODE_PORTS.start;
            for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
                if port["nodePort"].as_u64().unwrap_or(0) == 0 {
                    let text = free(
                        |seed| (NODE_PORTS.start + seed % width).to_string(),
                        |port| used.iter().any(|used| used.to_string() == port),
                    )?;
                    let number: u64 = text.parse().map_err(ApiError::internal)?;
                    used.push(number);
                    port["nodePort"] = number.into();
                }
            }
        }
    }
    let address = object["spec"]["clusterIP"].clone();
    object["spec"]["clusterIPs"] = json!([address]);
    Ok(())
}

/// A candidate that is not taken; the search is bounded.
fn free(candidate: impl Fn(u16) -> String, taken: impl Fn(&str) -> bool) -> ApiResult<String> {
    let start = u16::from_be_bytes([uuid::Uuid::new_v4().as_bytes()[0], uuid::Uuid::new_v4().as_bytes()[1]]);
    (0..=u16::MAX)
        .map(|offset| candidate(start.wrapping_add(offset)))
        .find(|text| !taken(text))
        .ok_or_else(|| ApiError::internal("no address or port is left for Services"))
}

/// The quality of service that a pod's resources give it.
fn qos(spec: &Value) -> &'static str {
    let containers: Vec<&Value> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| spec[*list].as_array().into_iter().flatten())
        .collect();
    let resources = |c: &Value, what: &str, name: &str| c["resources"][what].get(name).cloned();
    let any = containers.iter().any(|c| {
        ["limits", "requests"]
            .iter()
            .any(|what| ["cpu", "memory"].iter().any(|name| resources(c, what, name).is_some()))
    });
    let all = containers.iter().all(|c| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = resources(c, "limits", name);
            limit.is_some() && limit == resources(c, "requests", name)
        })
    });
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_update_carries_over_what_was_there_and_nothing_else() {
        let resource = crate::kinds::builtin().into_iter().find(|r| r.kind == "Job").unwrap();
        let old =
            json!({"metadata": {"labels": {"app": "a"}}, "spec": {"selector": {"matchLabels": {"x": "y"}}}});
        let mut new = json!({"metadata": {"labels": {"app": "b"}}, "spec": {}});
        on_update(&resource, &old, &mut new, Timestamp::UNIX_EPOCH);
        assert_eq!(
            new,
            json!({"metadata": {"labels": {"app": "b"}}, "spec": {"selector": {"matchLabels": {"x": "y"}}}})
        );
    }
}
