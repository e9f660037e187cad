//! The few built-in kinds that are served in two forms and stored in one: autoscaling/v1 (stored as v2) and
//! events.k8s.io (stored as core events). Custom kinds need nothing here: their versions differ in name only.
//! Tests: at the end of this file.

use serde_json::{Map, Value, json};

use crate::kinds::Resource;

/// Fields of an `events.k8s.io` event and of the core one.
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

const TARGET: &str = "targetCPUUtilizationPercentage";
const CURRENT: &str = "currentCPUUtilizationPercentage";

/// Whether objects are stored in another form than this one.
pub(crate) fn converts(resource: &Resource) -> bool {
    resource.custom.is_none()
        && (&resource.group, &resource.version) != (&resource.storage.0, &resource.storage.1)
}

/// From the form of `resource` to the stored one; `old` is what is stored now.
pub(crate) fn to_storage(resource: &Resource, mut object: Value, old: Option<&Value>) -> Value {
    if !converts(resource) {
        return object;
    }
    if resource.kind == "Event" {
        return renamed(object, |(served, stored)| (served, stored));
    }
    let target = take(&mut object, "spec", TARGET);
    let old_metrics = old.and_then(|old| old["spec"]["metrics"].as_array()).cloned().unwrap_or_default();
    let mut metrics: Vec<Value> =
        old_metrics.into_iter().filter(|metric| utilization(metric).is_none()).collect();
    if let Some(percent) = target {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        metrics.push(json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
    }
    if !metrics.is_empty() {
        object["spec"]["metrics"] = metrics.into();
    }
    take(&mut object, "status", CURRENT);
    if let Some(old) = old {
        for field in ["conditions", "currentMetrics"] {
            if let (Some(status), Some(value)) = (object["status"].as_object_mut(), old["status"].get(field))
            {
                status.insert(field.into(), value.clone());
            }
        }
    }
    object
}

/// From the stored form to that of `resource`.
pub(crate) fn from_storage(resource: &Resource, mut object: Value) -> Value {
    if !converts(resource) {
        return object;
    }
    if resource.kind == "Event" {
        return renamed(object, |(served, stored)| (stored, served));
    }
    let metrics = take(&mut object, "spec", "metrics").unwrap_or_default();
    let percent = metrics.as_array().into_iter().flatten().find_map(utilization).cloned();
    if let (Some(percent), Some(spec)) = (percent, object["spec"].as_object_mut()) {
        spec.insert(TARGET.into(), percent);
    }
    take(&mut object, "spec", "behavior");
    take(&mut object, "status", "conditions");
    take(&mut object, "status", "currentMetrics");
    object
}

fn take(object: &mut Value, part: &str, field: &str) -> Option<Value> {
    object.get_mut(part)?.as_object_mut()?.shift_remove(field)
}

/// The CPU utilisation that a metric aims at.
fn utilization(metric: &Value) -> Option<&Value> {
    (metric["resource"]["name"] == "cpu")
        .then(|| metric["resource"]["target"].get("averageUtilization"))
        .flatten()
}

fn renamed(
    object: Value,
    direction: fn((&'static str, &'static str)) -> (&'static str, &'static str),
) -> Value {
    let Value::Object(fields) = object else { return object };
    let fields: Map<String, Value> = fields
        .into_iter()
        .map(|(name, value)| {
            let pair = EVENT_FIELDS.iter().copied().map(direction).find(|(from, _)| *from == name);
            (pair.map_or(name, |(_, to)| to.to_owned()), value)
        })
        .collect();
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, version: &str, kind: &str) -> std::sync::Arc<Resource> {
        let is = |r: &std::sync::Arc<Resource>| r.group == group && r.version == version && r.kind == kind;
        crate::kinds::builtin().into_iter().find(is).unwrap()
    }

    #[test]
    fn an_autoscaler_keeps_its_other_metrics() {
        let v1 = resource("autoscaling", "v1", "HorizontalPodAutoscaler");
        let memory =
            json!({"type": "Resource", "resource": {"name": "memory", "target": {"averageUtilization": 50}}});
        let stored =
            to_storage(&v1, json!({"spec": {TARGET: 80}}), Some(&json!({"spec": {"metrics": [memory]}})));
        assert_eq!(stored["spec"]["metrics"].as_array().unwrap().len(), 2);
        assert_eq!(from_storage(&v1, stored)["spec"], json!({TARGET: 80}));
        assert!(!converts(&resource("autoscaling", "v2", "HorizontalPodAutoscaler")));
    }

    #[test]
    fn events_come_back_as_they_went() {
        let event =
            json!({"note": "text", "regarding": {"kind": "Pod"}, "reason": "x", "deprecatedCount": 2});
        let kind = resource("events.k8s.io", "v1", "Event");
        let stored = to_storage(&kind, event.clone(), None);
        assert_eq!(stored["message"], "text");
        assert_eq!(from_storage(&kind, stored), event);
    }
}
