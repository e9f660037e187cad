//! What a real server refuses of built-in kinds although the types are right: required fields, ranges, names, choices and what must
//! not change. One small function per kind or part; a new rule goes into the function of its kind.
//! Tests: at the end of this file.

use serde_json::Value;

use crate::{error::FieldError, kinds::Resource, names, selector::matches_label_selector};

type Errors = Vec<FieldError>;

/// Faults of `object`, and where `old` is given, of the change to it.
pub(crate) fn validate(resource: &Resource, object: &Value, old: Option<&Value>) -> Errors {
    let mut errors = Vec::new();
    if let Some(custom) = &resource.custom {
        crate::crd::check::check(&custom.open_api, object, "", &mut errors);
        return errors;
    }
    let spec = &object["spec"];
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "ConfigMap") => config_map(object, old, &mut errors),
        ("", "Secret") => secret(object, old, &mut errors),
        ("", "Service") => service(object, &mut errors),
        ("", "Pod") => pod_spec(spec, "spec", &mut errors),
        ("", "PodTemplate") => template(&object["template"], "template", &mut errors),
        ("", "PersistentVolumeClaim") => claim(spec, "spec", &mut errors),
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => {
            workload(resource, object, old, &mut errors);
        }
        ("", "ReplicationController") => {
            not_negative(spec, "spec", &["replicas", "minReadySeconds"], &mut errors);
            template(&spec["template"], "spec.template", &mut errors);
        }
        ("batch", "Job") => job(spec, "spec", old.map(|old| &old["spec"]), &mut errors),
        ("batch", "CronJob") => cron_job(spec, &mut errors),
        ("networking.k8s.io", "Ingress") => ingress(spec, &mut errors),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler(spec, &mut errors),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            if let Some(old) = old
                && old["roleRef"] != object["roleRef"]
            {
                errors.push(FieldError::invalid(
                    "roleRef",
                    object["roleRef"].clone(),
                    "cannot change roleRef",
                ));
            }
        }
        ("policy", "PodDisruptionBudget") => {
            pod_disruption_budget(spec, &mut errors);
        }
        ("storage.k8s.io", "StorageClass") => {
            required_text(object, "provisioner", &mut errors);
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            errors.extend(crate::crd::validate(object, old))
        }
        _ => {}
    }
    errors
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn not_negative(spec: &Value, path: &str, fields: &[&str], errors: &mut Errors) {
    for field in fields {
        if spec[*field].as_i64().is_some_and(|n| n < 0) {
            let why = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(format!("{path}.{field}"), spec[*field].clone(), why));
        }
    }
}

fn one_of(value: &Value, path: String, allowed: &[&str], errors: &mut Errors) {
    if let Some(have) = value.as_str()
        && !allowed.contains(&have)
    {
        errors.push(FieldError::not_supported(path, have, allowed));
    }
}

fn required_text(object: &Value, field: &str, errors: &mut Errors) {
    if text(&object[field]).is_empty() {
        errors.push(FieldError::required(field, ""));
    }
}

fn pod_disruption_budget(spec: &Value, errors: &mut Errors) {
    if spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some() {
        let why = "minAvailable and maxUnavailable cannot be both set";
        errors.push(FieldError::invalid("spec", spec.clone(), why));
    }
}

fn immutable(path: &str, old: &Value, new: &Value, errors: &mut Errors) {
    if old != new {
        errors.push(FieldError::invalid(path, new.clone(), "field is immutable"));
    }
}

fn config_map(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let mut size = 0;
    for part in ["data", "binaryData"] {
        for (key, value) in object[part].as_object().into_iter().flatten() {
            if let Err(why) = names::config_key(key) {
                errors.push(FieldError::invalid(format!("{part}[{key}]"), key.as_str(), why));
            }
            size += value.as_str().map_or(0, str::len);
        }
    }
    for key in object["binaryData"].as_object().into_iter().flatten().map(|(key, _)| key) {
        if object["data"].get(key).is_some() {
            let why = "duplicate of key present in binaryData";
            errors.push(FieldError::invalid(format!("data[{key}]"), key.as_str(), why));
        }
    }
    too_big(size, errors);
    sealed(object, old, &["data", "binaryData"], errors);
}

fn secret(object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        if let Err(why) = names::config_key(key) {
            errors.push(FieldError::invalid(format!("data[{key}]"), key.as_str(), why));
        }
        size += value.as_str().map_or(0, str::len) * 3 / 4;
    }
    too_big(size, errors);
    let required: &[&str] = match text(&object["type"]) {
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        _ => &[],
    };
    for key in required {
        if object["data"].get(key).is_none() {
            errors.push(FieldError::required(format!("data[{key}]"), ""));
        }
    }
    sealed(object, old, &["data"], errors);
    if let Some(old) = old {
        immutable("type", &old["type"], &object["type"], errors);
    }
}

fn too_big(size: usize, errors: &mut Errors) {
    if size > 1 << 20 {
        errors.push(FieldError { field: "data".into(), fault: crate::error::Fault::TooLong(1 << 20) });
    }
}

/// `immutable: true` on ConfigMaps and Secrets.
fn sealed(object: &Value, old: Option<&Value>, parts: &[&str], errors: &mut Errors) {
    let Some(old) = old.filter(|old| old["immutable"] == true) else { return };
    let why = "field is immutable when `immutable` is set";
    if object["immutable"] != true {
        errors.push(FieldError::forbidden("immutable", why));
    }
    for part in parts {
        if old[*part] != object[*part] {
            errors.push(FieldError::forbidden(*part, why));
        }
    }
}

fn service(object: &Value, errors: &mut Errors) {
    let spec = &object["spec"];
    let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    one_of(&spec["type"], "spec.type".into(), &types, errors);
    let headless = spec["clusterIP"] == "None";
    let external = spec["type"] == "ExternalName";
    if items(&spec["ports"]).is_empty() && !headless && !external {
        errors.push(FieldError::required("spec.ports", ""));
    }
    if external && text(&spec["externalName"]).is_empty() {
        errors.push(FieldError::invalid(
            "spec.externalName",
            "",
            names::dns_subdomain("").err().unwrap_or_default(),
        ));
    }
    let ports = items(&spec["ports"]);
    let mut seen: Vec<(&Value, &Value)> = Vec::new();
    let mut port_names: Vec<&str> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        let name = text(&port["name"]);
        if name.is_empty() && ports.len() > 1 {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else if !name.is_empty() {
            if let Err(why) = names::dns_label(name) {
                errors.push(FieldError::invalid(format!("{path}.name"), name, why));
            }
            if port_names.contains(&name) {
                errors.push(FieldError::duplicate(format!("{path}.name"), name));
            }
            port_names.push(name);
        }
        port_number(&port["port"], format!("{path}.port"), errors);
        one_of(&port["protocol"], format!("{path}.protocol"), &["SCTP", "TCP", "UDP"], errors);
        if port["targetPort"].is_number() {
            port_number(&port["targetPort"], format!("{path}.targetPort"), errors);
        }
        if seen.contains(&(&port["port"], &port["protocol"])) {
            let value = serde_json::json!({"protocol": port["protocol"], "port": port["port"]});
            errors.push(FieldError::duplicate(path, value));
        }
        seen.push((&port["port"], &port["protocol"]));
    }
    names::check_labels(&spec["selector"], "spec.selector", errors);
    one_of(&spec["sessionAffinity"], "spec.sessionAffinity".into(), &["ClientIP", "None"], errors);
}

fn port_number(value: &Value, path: String, errors: &mut Errors) {
    if !value.as_i64().is_some_and(|n| (1..=65535).contains(&n)) {
        let shown = if value.is_null() { 0.into() } else { value.clone() };
        errors.push(FieldError::invalid(path, shown, "must be between 1 and 65535, inclusive"));
    }
}

fn workload(resource: &Resource, object: &Value, old: Option<&Value>, errors: &mut Errors) {
    let spec = &object["spec"];
    let kind = resource.kind.as_str();
    if let Some(old) = old {
        if kind == "StatefulSet" {
            stateful_set_update(&old["spec"], spec, errors);
        } else {
            immutable("spec.selector", &old["spec"]["selector"], &spec["selector"], errors);
        }
    }
    not_negative(
        spec,
        "spec",
        &["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"],
        errors,
    );
    let selector = &spec["selector"];
    let labels = &spec["template"]["metadata"]["labels"];
    let empty = selector["matchLabels"].as_object().is_none_or(serde_json::Map::is_empty)
        && items(&selector["matchExpressions"]).is_empty();
    if selector.is_null() {
        errors.push(FieldError::required("spec.selector", ""));
    } else {
        if empty {
            let why = format!("empty selector is invalid for {}", resource.kind.to_lowercase());
            errors.push(FieldError::invalid("spec.selector", selector.clone(), why));
        }
        names::check_labels(&selector["matchLabels"], "spec.selector.matchLabels", errors);
    }
    if selector.is_null() || (!empty && !matches_label_selector(labels, selector)) {
        let why = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid("spec.template.metadata.labels", labels.clone(), why));
    }
    match kind {
        "Deployment" => {
            one_of(
                &spec["strategy"]["type"],
                "spec.strategy.type".into(),
                &["Recreate", "RollingUpdate"],
                errors,
            );
            if spec["strategy"]["type"] == "Recreate" && !spec["strategy"]["rollingUpdate"].is_null() {
                let why = "may not be specified when strategy `type` is 'Recreate'";
                errors.push(FieldError::forbidden("spec.strategy.rollingUpdate", why));
            }
        }
        "StatefulSet" => {
            for (index, claim_template) in items(&spec["volumeClaimTemplates"]).iter().enumerate() {
                claim(&claim_template["spec"], &format!("spec.volumeClaimTemplates[{index}].spec"), errors);
            }
            one_of(
                &spec["podManagementPolicy"],
                "spec.podManagementPolicy".into(),
                &["OrderedReady", "Parallel"],
                errors,
            );
        }
        _ => {}
    }
    template(&spec["template"], "spec.template", errors);
    let policy = &spec["template"]["spec"]["restartPolicy"];
    if policy.as_str().is_some_and(|policy| policy != "Always") {
        errors.push(FieldError::not_supported(
            "spec.template.spec.restartPolicy",
            policy.clone(),
            &["Always"],
        ));
    }
}

fn stateful_set_update(old: &Value, new: &Value, errors: &mut Errors) {
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        if let Some(spec) = spec.as_object_mut() {
            for field in [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ] {
                spec.remove(field);
            }
        }
        spec
    };
    if fixed(old) != fixed(new) {
        errors.push(FieldError::forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
             'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ));
    }
}

fn template(template: &Value, path: &str, errors: &mut Errors) {
    names::check_labels(&template["metadata"]["labels"], &format!("{path}.metadata.labels"), errors);
    names::check_annotations(
        &template["metadata"]["annotations"],
        &format!("{path}.metadata.annotations"),
        errors,
    );
    pod_spec(&template["spec"], &format!("{path}.spec"), errors);
}

fn pod_spec(spec: &Value, path: &str, errors: &mut Errors) {
    let mut volumes: Vec<&str> = Vec::new();
    for (index, volume) in items(&spec["volumes"]).iter().enumerate() {
        let name = text(&volume["name"]);
        let path = format!("{path}.volumes[{index}].name");
        if name.is_empty() {
            errors.push(FieldError::required(path, ""));
        } else if let Err(why) = names::dns_label(name) {
            errors.push(FieldError::invalid(path, name, why));
        } else if volumes.contains(&name) {
            errors.push(FieldError::duplicate(path, name));
        }
        volumes.push(name);
    }
    if items(&spec["containers"]).is_empty() {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    let mut seen: Vec<&str> = Vec::new();
    for list in ["containers", "initContainers"] {
        for (index, item) in items(&spec[list]).iter().enumerate() {
            container(item, &format!("{path}.{list}[{index}]"), &volumes, &mut seen, errors);
        }
    }
    one_of(
        &spec["restartPolicy"],
        format!("{path}.restartPolicy"),
        &["Always", "OnFailure", "Never"],
        errors,
    );
    one_of(
        &spec["dnsPolicy"],
        format!("{path}.dnsPolicy"),
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
        errors,
    );
    let account = text(&spec["serviceAccountName"]);
    if !account.is_empty()
        && let Err(why) = names::dns_subdomain(account)
    {
        errors.push(FieldError::invalid(format!("{path}.serviceAccountName"), account, why));
    }
    names::check_labels(&spec["nodeSelector"], &format!("{path}.nodeSelector"), errors);
}

fn container<'v>(
    item: &'v Value,
    path: &str,
    volumes: &[&str],
    seen: &mut Vec<&'v str>,
    errors: &mut Errors,
) {
    let name = text(&item["name"]);
    if name.is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    } else if let Err(why) = names::dns_label(name) {
        errors.push(FieldError::invalid(format!("{path}.name"), name, why));
    } else if seen.contains(&name) {
        errors.push(FieldError::duplicate(format!("{path}.name"), name));
    }
    seen.push(name);
    let image = text(&item["image"]);
    if image.is_empty() {
        errors.push(FieldError::required(format!("{path}.image"), ""));
    } else if image != image.trim() {
        let why = "must not have leading or trailing whitespace";
        errors.push(FieldError::invalid(format!("{path}.image"), image, why));
    }
    one_of(
        &item["imagePullPolicy"],
        format!("{path}.imagePullPolicy"),
        &["Always", "IfNotPresent", "Never"],
        errors,
    );
    for (index, port) in items(&item["ports"]).iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        if port["containerPort"].as_i64().unwrap_or(0) == 0 {
            errors.push(FieldError::required(format!("{path}.containerPort"), ""));
        } else {
            port_number(&port["containerPort"], format!("{path}.containerPort"), errors);
        }
        one_of(&port["protocol"], format!("{path}.protocol"), &["SCTP", "TCP", "UDP"], errors);
    }
    for (index, variable) in items(&item["env"]).iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        if text(&variable["name"]).is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        }
        if !text(&variable["value"]).is_empty() && variable["valueFrom"].is_object() {
            let why = "may not be specified when `value` is not empty";
            errors.push(FieldError::invalid(format!("{path}.valueFrom"), "", why));
        }
    }
    for (index, mount) in items(&item["volumeMounts"]).iter().enumerate() {
        let name = text(&mount["name"]);
        let path = format!("{path}.volumeMounts[{index}]");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else if !volumes.contains(&name) {
            let fault = crate::error::Fault::NotFound(name.into());
            errors.push(FieldError { field: format!("{path}.name"), fault });
        }
        if text(&mount["mountPath"]).is_empty() {
            errors.push(FieldError::required(format!("{path}.mountPath"), ""));
        }
    }
    for (what, limit) in item["resources"]["limits"].as_object().into_iter().flatten() {
        let request = &item["resources"]["requests"][what];
        if let (Some(limit_value), Some(request_value)) = (quantity(limit), quantity(request))
            && request_value > limit_value
        {
            errors.push(FieldError::invalid(
                format!("{path}.resources.requests"),
                text_of(request),
                format!("must be less than or equal to {what} limit of {}", text_of(limit)),
            ));
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A quantity as a number, for comparisons.
fn quantity(value: &Value) -> Option<f64> {
    if let Some(number) = value.as_f64() {
        return Some(number);
    }
    let text = value.as_str()?;
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-')).unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let factor = match &text[end..] {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        exponent => 10f64.powi(exponent.get(1..)?.parse().ok()?),
    };
    Some(number * factor)
}

fn claim(spec: &Value, path: &str, errors: &mut Errors) {
    if items(&spec["accessModes"]).is_empty() {
        errors
            .push(FieldError::required(format!("{path}.accessModes"), "at least 1 access mode is required"));
    }
    let modes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    for mode in items(&spec["accessModes"]) {
        one_of(mode, format!("{path}.accessModes"), &modes, errors);
    }
    if spec["resources"]["requests"].get("storage").is_none() {
        errors.push(FieldError::required(format!("{path}.resources[storage]"), ""));
    }
}

fn job(spec: &Value, path: &str, old: Option<&Value>, errors: &mut Errors) {
    not_negative(
        spec,
        path,
        &["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"],
        errors,
    );
    template(&spec["template"], &format!("{path}.template"), errors);
    if let Some(policy) = spec.pointer("/template/spec/restartPolicy").and_then(Value::as_str)
        && !["OnFailure", "Never"].contains(&policy)
    {
        let at = format!("{path}.template.spec.restartPolicy");
        errors.push(if policy == "Always" {
            FieldError::required(at, "valid values: \"OnFailure\", \"Never\"")
        } else {
            FieldError::not_supported(at, policy, &["OnFailure", "Never"])
        });
    }
    if let Some(old) = old {
        for field in ["completions", "selector", "template", "completionMode"] {
            immutable(&format!("{path}.{field}"), &old[field], &spec[field], errors);
        }
    }
}

fn cron_job(spec: &Value, errors: &mut Errors) {
    let schedule = text(&spec["schedule"]);
    if schedule.is_empty() {
        errors.push(FieldError::required("spec.schedule", ""));
    } else if !schedule.starts_with('@') && schedule.split_whitespace().count() != 5 {
        let found = schedule.split_whitespace().count();
        let why = format!("expected exactly 5 fields, found {found}: [{schedule}]");
        errors.push(FieldError::invalid("spec.schedule", schedule, why));
    }
    one_of(
        &spec["concurrencyPolicy"],
        "spec.concurrencyPolicy".into(),
        &["Allow", "Forbid", "Replace"],
        errors,
    );
    not_negative(
        spec,
        "spec",
        &["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"],
        errors,
    );
    job(&spec["jobTemplate"]["spec"], "spec.jobTemplate.spec", None, errors);
}

fn ingress(spec: &Value, errors: &mut Errors) {
    if items(&spec["rules"]).is_empty() && spec["defaultBackend"].is_null() {
        let why = "either `defaultBackend` or `rules` must be specified";
        errors.push(FieldError::invalid("spec", spec.clone(), why));
    }
    for (r, rule) in items(&spec["rules"]).iter().enumerate() {
        let host = text(&rule["host"]);
        if !host.is_empty()
            && let Err(why) = names::dns_subdomain(host.strip_prefix("*.").unwrap_or(host))
        {
            errors.push(FieldError::invalid(format!("spec.rules[{r}].host"), host, why));
        }
        for (p, path) in items(&rule["http"]["paths"]).iter().enumerate() {
            let at = format!("spec.rules[{r}].http.paths[{p}]");
            if path["pathType"].is_null() {
                errors.push(FieldError::required(format!("{at}.pathType"), "pathType must be specified"));
            } else {
                let types = ["Exact", "ImplementationSpecific", "Prefix"];
                one_of(&path["pathType"], format!("{at}.pathType"), &types, errors);
            }
            let service = &path["backend"]["service"];
            if service.is_object() && text(&service["name"]).is_empty() {
                errors.push(FieldError::required(format!("{at}.backend.service.name"), ""));
            }
            if service.is_object() && service["port"].as_object().is_none_or(serde_json::Map::is_empty) {
                let why = "port name or number is required";
                errors.push(FieldError::required(format!("{at}.backend.service.port"), why));
            }
        }
    }
}

fn autoscaler(spec: &Value, errors: &mut Errors) {
    for field in ["kind", "name"] {
        if text(&spec["scaleTargetRef"][field]).is_empty() {
            errors.push(FieldError::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
    let least = spec["minReplicas"].as_i64().unwrap_or(1);
    if least < 1 {
        let why = "must be greater than or equal to 1";
        errors.push(FieldError::invalid("spec.minReplicas", least, why));
    }
    let most = spec["maxReplicas"].as_i64().unwrap_or(0);
    if most < 1 {
        errors.push(FieldError::invalid("spec.maxReplicas", most, "must be greater than 0"));
    }
    if most < least {
        let why = "must be greater than or equal to `minReplicas`";
        errors.push(FieldError::invalid("spec.maxReplicas", most, why));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(kind: &str, object: Value, old: Option<Value>) -> Vec<String> {
        let resource = crate::kinds::builtin().into_iter().find(|r| r.kind == kind).unwrap();
        validate(&resource, &object, old.as_ref()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_deployment_needs_what_a_real_server_asks_for() {
        assert_eq!(
            faults("Deployment", json!({"spec": {"template": {"spec": {}}}}), None),
            [
                "spec.selector: Required value",
                "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
                "spec.template.spec.containers: Required value",
            ]
        );
        let spec = |selector: &str, replicas: i64| {
            json!({"spec": {
                "replicas": replicas, "selector": {"matchLabels": {"app": selector}},
                "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}},
            }})
        };
        assert!(faults("Deployment", spec("a", 1), None).is_empty());
        assert_eq!(
            faults("Deployment", spec("a", -1), None),
            ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]
        );
        assert_eq!(
            faults("Deployment", spec("b", 1), Some(spec("a", 1))),
            [
                "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable",
                "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`",
            ]
        );
    }

    #[test]
    fn requests_above_limits_are_refused() {
        let container = json!({"name": "a", "image": "i", "resources": {"limits": {"cpu": "500m"}, "requests": {"cpu": "1"}}});
        assert_eq!(
            faults("Pod", json!({"spec": {"containers": [container]}}), None),
            [
                "spec.containers[0].resources.requests: Invalid value: \"1\": must be less than or equal to cpu limit of 500m"
            ]
        );
    }
}
