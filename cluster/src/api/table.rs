//! Tables: what `kubectl get` shows. The columns of built-in kinds are rows of [`columns`]; custom kinds bring
//! `additionalPrinterColumns`. To show another column, add it to its kind's row.
//! Tests: at the end of this file and the API suite.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Query, verbs::partial};
use crate::kinds::Resource;

/// One column: its name, whether only `-o wide` shows it, and what stands in it.
struct Column {
    name: &'static str,
    wide: bool,
    cell: fn(&Value, Timestamp) -> Value,
}

const fn column(name: &'static str, cell: fn(&Value, Timestamp) -> Value) -> Column {
    Column { name, wide: false, cell }
}

const fn wide(name: &'static str, cell: fn(&Value, Timestamp) -> Value) -> Column {
    Column { name, wide: true, cell }
}

const NAME: Column = column("Name", |o, _| o["metadata"]["name"].clone());
const AGE: Column = column("Age", |o, now| age(&o["metadata"]["creationTimestamp"], now));
const CONTAINERS: Column = wide("Containers", |o, _| pods(o, "name"));
const IMAGES: Column = wide("Images", |o, _| pods(o, "image"));
const SELECTOR: Column = wide("Selector", |o, _| selector(&o["spec"]["selector"]));

/// The columns of a built-in kind.
#[rustfmt::skip]
fn columns(kind: &str) -> Vec<Column> {
    match kind {
        "ConfigMap" => vec![NAME, column("Data", |o, _| (entries(&o["data"]) + entries(&o["binaryData"])).into()), AGE],
        "Secret" => vec![
            NAME, column("Type", |o, _| o["type"].clone()), column("Data", |o, _| entries(&o["data"]).into()), AGE,
        ],
        "Namespace" => vec![NAME, column("Status", |o, _| o["status"]["phase"].clone()), AGE],
        "Deployment" => vec![
            NAME,
            column("Ready", |o, _| of(&o["status"]["readyReplicas"], &o["spec"]["replicas"])),
            column("Up-to-date", |o, _| number(&o["status"]["updatedReplicas"])),
            column("Available", |o, _| number(&o["status"]["availableReplicas"])),
            AGE, CONTAINERS, IMAGES, SELECTOR,
        ],
        "StatefulSet" => vec![
            NAME, column("Ready", |o, _| of(&o["status"]["readyReplicas"], &o["spec"]["replicas"])), AGE, CONTAINERS, IMAGES,
        ],
        "ReplicaSet" | "ReplicationController" => vec![
            NAME,
            column("Desired", |o, _| number(&o["spec"]["replicas"])),
            column("Current", |o, _| number(&o["status"]["replicas"])),
            column("Ready", |o, _| number(&o["status"]["readyReplicas"])),
            AGE, CONTAINERS, IMAGES, SELECTOR,
        ],
        "DaemonSet" => vec![
            NAME,
            column("Desired", |o, _| number(&o["status"]["desiredNumberScheduled"])),
            column("Current", |o, _| number(&o["status"]["currentNumberScheduled"])),
            column("Ready", |o, _| number(&o["status"]["numberReady"])),
            column("Up-to-date", |o, _| number(&o["status"]["updatedNumberScheduled"])),
            column("Available", |o, _| number(&o["status"]["numberAvailable"])),
            column("Node Selector", |o, _| labels(&o["spec"]["template"]["spec"]["nodeSelector"])),
            AGE, CONTAINERS, IMAGES, SELECTOR,
        ],
        "Job" => vec![
            NAME,
            column("Status", |o, _| job_status(o).into()),
            column("Completions", |o, _| of(&o["status"]["succeeded"], &o["spec"]["completions"])),
            column("Duration", job_duration),
            AGE, CONTAINERS, IMAGES, SELECTOR,
        ],
        "CronJob" => vec![
            NAME,
            column("Schedule", |o, _| o["spec"]["schedule"].clone()),
            column("Timezone", |o, _| or_none(&o["spec"]["timeZone"])),
            column("Suspend", |o, _| if o["spec"]["suspend"] == true { "True" } else { "False" }.into()),
            column("Active", |o, _| o["status"]["active"].as_array().map_or(0, Vec::len).into()),
            column("Last Schedule", |o, now| match &o["status"]["lastScheduleTime"] {
                Value::Null => "<none>".into(),
                time => age(time, now),
            }),
            AGE,
        ],
        "Pod" => vec![
            NAME,
            column("Ready", |o, _| pod_ready(o)),
            column("Status", |o, _| pod_status(o)),
            column("Restarts", |o, _| {
                let statuses = o["status"]["containerStatuses"].as_array();
                let count: i64 = statuses.into_iter().flatten().filter_map(|c| c["restartCount"].as_i64()).sum();
                count.to_string().into()
            }),
            AGE,
            wide("IP", |o, _| or_none(&o["status"]["podIP"])),
            wide("Node", |o, _| or_none(&o["spec"]["nodeName"])),
            wide("Nominated Node", |o, _| or_none(&o["status"]["nominatedNodeName"])),
            wide("Readiness Gates", |_, _| "<none>".into()),
        ],
        "Service" => vec![
            NAME,
            column("Type", |o, _| o["spec"]["type"].clone()),
            column("Cluster-IP", |o, _| or_none(&o["spec"]["clusterIP"])),
            column("External-IP", |o, _| external_address(o)),
            column("Port(s)", |o, _| ports(o)),
            AGE,
            wide("Selector", |o, _| labels(&o["spec"]["selector"])),
        ],
        "Ingress" => vec![
            NAME,
            column("Class", |o, _| or_none(&o["spec"]["ingressClassName"])),
            column("Hosts", |o, _| {
                let hosts = texts(&o["spec"]["rules"], "host");
                if hosts.is_empty() { "*".into() } else { hosts.join(",").into() }
            }),
            column("Address", |o, _| texts(&o["status"]["loadBalancer"]["ingress"], "ip").join(",").into()),
            column("Ports", |o, _| if o["spec"]["tls"].is_array() { "80, 443" } else { "80" }.into()),
            AGE,
        ],
        "PersistentVolumeClaim" => vec![
            NAME,
            column("Status", |o, _| o["status"]["phase"].clone()),
            column("Volume", |o, _| text(&o["spec"]["volumeName"])),
            column("Capacity", |o, _| text(&o["status"]["capacity"]["storage"])),
            column("Access Modes", |o, _| access_modes(&o["status"]["accessModes"])),
            column("StorageClass", |o, _| text(&o["spec"]["storageClassName"])),
            column("VolumeAttributesClass", |_, _| "<unset>".into()),
            AGE,
            wide("VolumeMode", |o, _| text(&o["spec"]["volumeMode"])),
        ],
        "HorizontalPodAutoscaler" => vec![
            NAME,
            column("Reference", |o, _| {
                let target = &o["spec"]["scaleTargetRef"];
                format!("{}/{}", show(&target["kind"]), show(&target["name"])).into()
            }),
            column("Targets", |_, _| "<unknown>".into()),
            column("MinPods", |o, _| number(&o["spec"]["minReplicas"]).to_string().into()),
            column("MaxPods", |o, _| number(&o["spec"]["maxReplicas"])),
            column("Replicas", |o, _| number(&o["status"]["currentReplicas"])),
            AGE,
        ],
        "ServiceAccount" => vec![NAME, column("Secrets", |o, _| o["secrets"].as_array().map_or(0, Vec::len).into()), AGE],
        "Event" => vec![
            column("Last Seen", |o, now| age([&o["lastTimestamp"], &o["eventTime"], &o["metadata"]["creationTimestamp"]]
                .into_iter().find(|t| t.is_string()).unwrap_or(&Value::Null), now)),
            column("Type", |o, _| o["type"].clone()),
            column("Reason", |o, _| o["reason"].clone()),
            column("Object", |o, _| {
                let about = &o["involvedObject"];
                format!("{}/{}", show(&about["kind"]).to_lowercase(), show(&about["name"])).into()
            }),
            column("Message", |o, _| o["message"].clone()),
            wide("Name", |o, _| o["metadata"]["name"].clone()),
        ],
        "PodDisruptionBudget" => vec![
            NAME,
            column("Min Available", |o, _| or(&o["spec"]["minAvailable"], "N/A")),
            column("Max Unavailable", |o, _| or(&o["spec"]["maxUnavailable"], "N/A")),
            column("Allowed Disruptions", |o, _| number(&o["status"]["disruptionsAllowed"])),
            AGE,
        ],
        "Lease" => vec![NAME, column("Holder", |o, _| text(&o["spec"]["holderIdentity"])), AGE],
        "RoleBinding" | "ClusterRoleBinding" => vec![
            NAME,
            column("Role", |o, _| format!("{}/{}", show(&o["roleRef"]["kind"]), show(&o["roleRef"]["name"])).into()),
            AGE,
        ],
        "Role" | "ClusterRole" | "CustomResourceDefinition" => vec![
            NAME, column("Created At", |o, _| o["metadata"]["creationTimestamp"].clone()),
        ],
        "StorageClass" => vec![
            NAME,
            column("Provisioner", |o, _| o["provisioner"].clone()),
            column("ReclaimPolicy", |o, _| o["reclaimPolicy"].clone()),
            column("VolumeBindingMode", |o, _| o["volumeBindingMode"].clone()),
            column("AllowVolumeExpansion", |o, _| (o["allowVolumeExpansion"] == true).into()),
            AGE,
        ],
        "NetworkPolicy" => vec![NAME, column("Pod-Selector", |o, _| selector(&o["spec"]["podSelector"])), AGE],
        "IngressClass" => vec![NAME, column("Controller", |o, _| o["spec"]["controller"].clone()), AGE],
        "PriorityClass" => vec![
            NAME,
            column("Value", |o, _| number(&o["value"])),
            column("Global-Default", |o, _| (o["globalDefault"] == true).into()),
            AGE,
        ],
        _ => vec![NAME, AGE],
    }
}

/// What stands in the row of an object.
type Cells = Box<dyn Fn(&Value) -> Vec<Value>>;

/// The table of some objects. `meta` is the list's own metadata; without `definitions`, only the rows (a watch sends the
/// columns once).
pub(super) fn table(
    resource: &Resource,
    query: &Query,
    objects: Vec<Value>,
    meta: Value,
    now: Timestamp,
    definitions: bool,
) -> Value {
    let include = query.get("includeObject").unwrap_or("Metadata");
    let mut shown_columns = Vec::new();
    let cells: Cells = match &resource.custom {
        None => {
            let columns = columns(&resource.kind);
            for column in &columns {
                let format = if column.name == "Name" && !column.wide { "name" } else { "" };
                let kind = if column.name == "Created At" { "date" } else { "string" };
                shown_columns.push(definition(column.name, kind, format, i64::from(column.wide)));
            }
            Box::new(move |object| columns.iter().map(|column| (column.cell)(object, now)).collect())
        }
        Some(custom) => {
            shown_columns.push(definition("Name", "string", "name", 0));
            let age_column =
                json!([{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]);
            let columns = if custom.columns.is_empty() {
                age_column.as_array().cloned().unwrap_or_default()
            } else {
                custom.columns.clone()
            };
            for column in &columns {
                let text = |field: &str| column[field].as_str().unwrap_or_default();
                let priority = column["priority"].as_i64().unwrap_or(0);
                shown_columns.push(definition(text("name"), text("type"), text("format"), priority));
            }
            Box::new(move |object| {
                let mut cells = vec![object["metadata"]["name"].clone()];
                cells.extend(columns.iter().map(|column| custom_cell(column, object, now)));
                cells
            })
        }
    };
    let rows: Vec<Value> = objects
        .into_iter()
        .map(|object| {
            let mut row = json!({"cells": cells(&object)});
            match include {
                "None" => row["object"] = Value::Null,
                "Object" => row["object"] = super::present(resource, object),
                _ => row["object"] = partial(object),
            }
            row
        })
        .collect();
    let mut out = json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta});
    out["columnDefinitions"] = if definitions { shown_columns.into() } else { Value::Null };
    out["rows"] = rows.into();
    out
}

fn definition(name: &str, kind: &str, format: &str, priority: i64) -> Value {
    json!({"name": name, "type": kind, "format": format, "description": "", "priority": priority})
}

fn custom_cell(column: &Value, object: &Value, now: Timestamp) -> Value {
    let found = json_path(object, column["jsonPath"].as_str().unwrap_or_default());
    match (column["type"].as_str(), found.as_slice()) {
        (_, []) => Value::Null,
        (Some("date"), [time, ..]) => age(time, now),
        (Some("integer" | "number" | "boolean"), [value]) if !value.is_object() && !value.is_array() => {
            (*value).clone()
        }
        (_, values) => values.iter().map(|value| show(value)).collect::<Vec<_>>().join(",").into(),
    }
}

/// The JSON paths that printer columns have: fields, escaped dots, indices, `[*]`, and a comparison `[?(@.a=="b")]`.
fn json_path<'v>(object: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut at = vec![object];
    let mut rest = path;
    while !rest.is_empty() && !at.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some(end) = inner.find(']') else { return vec![] };
            let index = inner[..end].trim_matches(['\'', '"']);
            at = at.into_iter().flat_map(|value| select(value, index)).collect();
            rest = &inner[end + 1..];
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let mut name = String::new();
            let mut chars = rest.char_indices();
            let mut end = rest.len();
            while let Some((position, c)) = chars.next() {
                match c {
                    '\\' => name.extend(chars.next().map(|(_, c)| c)),
                    '.' | '[' => {
                        end = position;
                        break;
                    }
                    c => name.push(c),
                }
            }
            if !name.is_empty() {
                at = at.into_iter().filter_map(|value| value.get(&name)).collect();
            }
            rest = &rest[end..];
        }
    }
    at.into_iter().filter(|value| !value.is_null()).collect()
}

fn select<'v>(value: &'v Value, index: &str) -> Vec<&'v Value> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    if index == "*" {
        return items.iter().collect();
    }
    if let Ok(number) = index.parse::<i64>() {
        let number = if number < 0 { number + i64::try_from(items.len()).unwrap_or(0) } else { number };
        return usize::try_from(number).ok().and_then(|number| items.get(number)).into_iter().collect();
    }
    if let Some(condition) = index.strip_prefix("?(").and_then(|c| c.strip_suffix(')')) {
        let Some((path, wanted)) = condition.split_once("==") else { return vec![] };
        let path = path.trim().trim_start_matches('@');
        let wanted = wanted.trim().trim_matches(['\'', '"']);
        return items
            .iter()
            .filter(|item| json_path(item, path).first().is_some_and(|value| show(value) == wanted))
            .collect();
    }
    value.get(index).into_iter().collect()
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn text(value: &Value) -> Value {
    show(value).into()
}

fn or(value: &Value, otherwise: &str) -> Value {
    let text = show(value);
    if text.is_empty() { otherwise.into() } else { text.into() }
}

fn or_none(value: &Value) -> Value {
    or(value, "<none>")
}

fn number(value: &Value) -> Value {
    value.as_i64().unwrap_or(0).into()
}

fn of(have: &Value, want: &Value) -> Value {
    format!("{}/{}", number(have), number(want)).into()
}

fn entries(value: &Value) -> usize {
    value.as_object().map_or(0, serde_json::Map::len)
}

fn texts(list: &Value, field: &str) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|item| show(&item[field]))
        .filter(|text| !text.is_empty())
        .collect()
}

fn pods(object: &Value, field: &str) -> Value {
    texts(&object["spec"]["template"]["spec"]["containers"], field).join(",").into()
}

fn labels(value: &Value) -> Value {
    let pairs: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", show(value)))
        .collect();
    if pairs.is_empty() { "<none>".into() } else { pairs.join(",").into() }
}

fn selector(value: &Value) -> Value {
    if value.get("matchLabels").is_some() { labels(&value["matchLabels"]) } else { labels(value) }
}

fn access_modes(value: &Value) -> Value {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO",
        Some("ReadOnlyMany") => "ROX",
        Some("ReadWriteMany") => "RWX",
        Some("ReadWriteOncePod") => "RWOP",
        _ => "",
    };
    value.as_array().into_iter().flatten().map(short).collect::<Vec<_>>().join(",").into()
}

fn job_status(object: &Value) -> &'static str {
    let is = |kind: &str| {
        let conditions = object["status"]["conditions"].as_array();
        conditions.into_iter().flatten().any(|c| c["type"] == kind && c["status"] == "True")
    };
    if is("Complete") {
        "Complete"
    } else if is("Failed") {
        "Failed"
    } else if !object["metadata"]["deletionTimestamp"].is_null() {
        "Terminating"
    } else if is("Suspended") {
        "Suspended"
    } else {
        "Running"
    }
}

fn job_duration(object: &Value, now: Timestamp) -> Value {
    let time = |field: &str| object["status"][field].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    match (time("startTime"), time("completionTime")) {
        (None, _) => "".into(),
        (Some(start), end) => human(end.unwrap_or(now).duration_since(start)).into(),
    }
}

fn pod_ready(object: &Value) -> Value {
    let statuses = object["status"]["containerStatuses"].as_array();
    let ready = statuses.into_iter().flatten().filter(|c| c["ready"] == true).count();
    let all = object["spec"]["containers"].as_array().map_or(0, Vec::len);
    format!("{ready}/{all}").into()
}

fn pod_status(object: &Value) -> Value {
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return "Terminating".into();
    }
    let statuses = object["status"]["containerStatuses"].as_array();
    let waiting = statuses.into_iter().flatten().find_map(|c| c["state"]["waiting"]["reason"].as_str());
    waiting.map_or_else(|| text(&object["status"]["phase"]), Into::into)
}

fn external_address(object: &Value) -> Value {
    let spec = &object["spec"];
    let balancer = &object["status"]["loadBalancer"]["ingress"];
    match spec["type"].as_str() {
        Some("LoadBalancer") => {
            let mut found = texts(balancer, "ip");
            found.extend(texts(balancer, "hostname"));
            if found.is_empty() { "<pending>".into() } else { found.join(",").into() }
        }
        Some("ExternalName") => text(&spec["externalName"]),
        _ => {
            let ips: Vec<String> = spec["externalIPs"].as_array().into_iter().flatten().map(show).collect();
            if ips.is_empty() { "<none>".into() } else { ips.join(",").into() }
        }
    }
}

fn ports(object: &Value) -> Value {
    let shown: Vec<String> = object["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| match port["nodePort"].as_i64() {
            Some(node) => format!("{}:{node}/{}", port["port"], show(&port["protocol"])),
            None => format!("{}/{}", port["port"], show(&port["protocol"])),
        })
        .collect();
    if shown.is_empty() { "<none>".into() } else { shown.join(",").into() }
}

fn age(time: &Value, now: Timestamp) -> Value {
    match time.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(time) => human(now.duration_since(time)).into(),
        None => "<unknown>".into(),
    }
}

/// A duration in two units at most, as kubectl shows it.
fn human(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let with = |big: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
    };
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        with(minutes, "m", seconds % 60, "s")
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        with(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if hours < 192 {
        with(days, "d", hours % 24, "h")
    } else if days < 730 {
        format!("{days}d")
    } else if days < 8 * 365 {
        with(days / 365, "y", days % 365, "d")
    } else {
        format!("{}y", days / 365)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = |seconds| human(SignedDuration::from_secs(seconds));
        for (seconds, wanted) in [
            (5, "5s"),
            (119, "119s"),
            (125, "2m5s"),
            (600, "10m"),
            (3 * 3600 + 60, "3h1m"),
            (3 * 86400, "3d"),
            (10 * 86400, "10d"),
        ] {
            assert_eq!(shown(seconds), wanted);
        }
    }

    #[test]
    fn paths_of_printer_columns() {
        let object = json!({
            "spec": {"components": [{"name": "a"}, {"name": "b"}]},
            "metadata": {"annotations": {"x.dev/y": "z"}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        let found = |path: &str| json_path(&object, path).into_iter().map(show).collect::<Vec<_>>();
        assert_eq!(found(".spec.components[*].name"), ["a", "b"]);
        assert_eq!(found(".spec.components[-1].name"), ["b"]);
        assert_eq!(found(".metadata.annotations.x\\.dev/y"), ["z"]);
        assert_eq!(found(".metadata.annotations['x.dev/y']"), ["z"]);
        assert_eq!(found(".status.conditions[?(@.type==\"Ready\")].status"), ["True"]);
        assert!(found(".spec.nothing.here").is_empty() && found(".spec[").is_empty());
    }
}
