//! The rules of the simulation, read from YAML (`rules/default.yaml` describes the form), and what they make of an object.
//! Pure functions. Tests: at the end of this file.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{clock::rfc3339, objects::text};

const HOLD: &str = "sim.stepwell.dev/hold";
const FAIL: &str = "sim.stepwell.dev/fail";
const READY_AFTER: &str = "sim.stepwell.dev/ready-after";

/// Rules by `group/Kind`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules(HashMap<String, Rule>);

/// How one kind comes along.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    after: String,
    #[serde(default)]
    only: Option<Only>,
    #[serde(default)]
    unless: Option<String>,
    #[serde(default)]
    instead: Option<Instead>,
    /// Whether objects of the kind are Jobs, whose pods come and end with them.
    #[serde(default)]
    pub(crate) pods: bool,
    #[serde(default)]
    started: Option<Value>,
    ready: Value,
    #[serde(default)]
    failed: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Only {
    pointer: String,
    is: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Instead {
    when: String,
    status: Value,
}

/// What is to become of an object.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// To be merged into the status now.
    pub(crate) now: Option<Value>,
    /// To be merged later.
    pub(crate) later: Option<(SignedDuration, Value)>,
}

impl Rules {
    /// Reads rules; an error names the kind.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let table: Map<String, Value> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let mut rules = HashMap::new();
        for (kind, value) in table {
            let rule: Rule = serde_json::from_value(value).map_err(|error| format!("{kind}: {error}"))?;
            if parse_delay(&rule.after).is_none() {
                return Err(format!("{kind}: after: {:?} is no duration (300ms, 5s, 1m)", rule.after));
            }
            rules.insert(kind, rule);
        }
        Ok(Rules(rules))
    }

    /// The rules that come with the cluster.
    pub(crate) fn builtin() -> Self {
        // Part of the program, and read by a test.
        Self::parse(include_str!("../../rules/default.yaml")).unwrap_or_default()
    }

    /// These rules with others put over them, kind by kind.
    pub(crate) fn with(mut self, other: Rules) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The rule of a stored kind, by its group and kind.
    pub(crate) fn of(&self, group: &str, kind: &str) -> Option<&Rule> {
        self.0.get(&format!("{group}/{kind}"))
    }
}

fn parse_delay(text: &str) -> Option<SignedDuration> {
    text.parse::<SignedDuration>().ok().filter(|delay| !delay.is_negative())
}

/// An annotation on the object or its pod template.
pub(super) fn annotation<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    [&object["metadata"], &object["spec"]["template"]["metadata"]]
        .into_iter()
        .find_map(|meta| meta["annotations"][name].as_str())
}

/// What decides how an object comes along: it is simulated again only when this changes.
pub(crate) fn fingerprint(object: &Value) -> u64 {
    let marks: Vec<Option<&str>> =
        [HOLD, FAIL, READY_AFTER].iter().map(|name| annotation(object, name)).collect();
    fnv(json!([object["metadata"]["uid"], object["spec"], marks]).to_string().as_bytes())
}

impl Rule {
    /// What this rule makes of an object now.
    pub(crate) fn plan(&self, object: &Value, now: Timestamp) -> Plan {
        let fill = |status: &Value| merged_conditions(object, &fill(status, object, now), now);
        let nothing = Plan { now: None, later: None };
        if !object["metadata"]["deletionTimestamp"].is_null()
            || self.only.as_ref().is_some_and(|only| object.pointer(&only.pointer) != Some(&only.is))
            || self.unless.as_ref().is_some_and(|at| object.pointer(at).is_some_and(|v| !v.is_null()))
        {
            return nothing;
        }
        if let Some(instead) = &self.instead
            && object.pointer(&instead.when) == Some(&Value::Bool(true))
        {
            return Plan { now: Some(fill(&instead.status)), later: None };
        }
        let held = annotation(object, HOLD).is_some_and(|hold| hold != "false");
        let after = annotation(object, READY_AFTER)
            .and_then(parse_delay)
            .or_else(|| parse_delay(&self.after))
            .unwrap_or(SignedDuration::ZERO);
        let end = match (annotation(object, FAIL), &self.failed) {
            (Some(_), Some(failed)) => Some(failed),
            (Some(_), None) => None,
            (None, _) => Some(&self.ready),
        };
        // The end is filled in when it comes: its times are of then.
        let later = end.filter(|_| !held).map(|status| (after, status.clone()));
        let now = self.started.as_ref().map(fill).filter(|_| !matches_status(object, later.as_ref()));
        Plan { now, later: later.filter(|later| !matches_status(object, Some(later))) }
    }

    /// Why an object is to fail, if it is.
    pub(crate) fn failure<'v>(&self, object: &'v Value) -> Option<&'v str> {
        annotation(object, FAIL).filter(|_| self.failed.is_some())
    }

    /// The end of a plan, as it is to be merged now.
    pub(crate) fn finish(&self, status: &Value, object: &Value, now: Timestamp) -> Value {
        merged_conditions(object, &fill(status, object, now), now)
    }
}

/// Whether an object has come to its end already (times do not count).
fn matches_status(object: &Value, end: Option<&(SignedDuration, Value)>) -> bool {
    let Some((_, end)) = end else { return false };
    let epoch = Timestamp::UNIX_EPOCH;
    let times = [rfc3339(epoch)];
    includes(&object["status"], &fill(end, object, epoch), &times)
}

/// Whether `have` has everything of `want`; the given times match any.
fn includes(have: &Value, want: &Value, times: &[String]) -> bool {
    match (have, want) {
        (have, Value::Null) => have.is_null(),
        (Value::Object(have), Value::Object(want)) => {
            want.iter().all(|(name, value)| includes(have.get(name).unwrap_or(&Value::Null), value, times))
        }
        (Value::Array(have), Value::Array(want)) => want
            .iter()
            .all(|want| have.iter().any(|have| have["type"] == want["type"] && includes(have, want, times))),
        (Value::String(_), Value::String(want)) if times.contains(want) => true,
        _ => have == want,
    }
}

/// Puts the conditions of `status` among those of the object: by type, with times.
fn merged_conditions(object: &Value, status: &Value, now: Timestamp) -> Value {
    let mut status = status.clone();
    let Some(new) = status["conditions"].as_array().cloned() else { return status };
    let mut all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let updates = object["spec"].get("strategy").is_some();
    for mut condition in new {
        let at = all.iter().position(|old| old["type"] == condition["type"]);
        let before = at.map(|at| &all[at]);
        let same = before.is_some_and(|before| before["status"] == condition["status"]);
        let since = before.filter(|_| same).map(|b| b["lastTransitionTime"].clone());
        condition["lastTransitionTime"] = since.unwrap_or_else(|| rfc3339(now).into());
        if updates {
            // Deployments also say when a condition was last written.
            condition["lastUpdateTime"] = rfc3339(now).into();
        }
        match at {
            Some(at) => all[at] = condition,
            None => all.push(condition),
        }
    }
    status["conditions"] = all.into();
    status
}

/// Fills in the words with `$`.
fn fill(value: &Value, object: &Value, now: Timestamp) -> Value {
    match value {
        Value::String(text) if text.starts_with('$') && text[1..].chars().all(char::is_alphanumeric) => {
            word(&text[1..], object, now)
        }
        Value::String(text) => {
            let mut out = text.clone();
            for name in ["name", "revision", "message"] {
                let mark = format!("${name}");
                if out.contains(&mark) {
                    out = out.replace(&mark, word(name, object, now).as_str().unwrap_or_default());
                }
            }
            out.into()
        }
        Value::Array(items) => items.iter().map(|item| fill(item, object, now)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), fill(value, object, now))).collect()
        }
        other => other.clone(),
    }
}

fn word(name: &str, object: &Value, now: Timestamp) -> Value {
    let (meta, spec) = (&object["metadata"], &object["spec"]);
    let number = |value: &Value| json!(value.as_i64().unwrap_or(1));
    match name {
        "generation" => meta["generation"].clone(),
        "replicas" => number(&spec["replicas"]),
        "minReplicas" => number(&spec["minReplicas"]),
        "completions" => number(&spec["completions"]),
        "parallelism" => number(&spec["parallelism"]),
        "name" => meta["name"].clone(),
        "message" => annotation(object, FAIL).unwrap_or_default().into(),
        "now" => rfc3339(now).into(),
        "revision" => revision(&spec["template"]).into(),
        "address" => address(&text(&meta["uid"])).into(),
        "claimModes" => spec["accessModes"].clone(),
        "claimRequests" => spec["resources"]["requests"].clone(),
        "containers" => containers(
            spec,
            |image| json!({"ready": true, "started": true, "state": {"running": {"startedAt": rfc3339(now)}}, "image": image}),
        ),
        "failingContainers" => containers(spec, |image| {
            let message = annotation(object, FAIL).unwrap_or_default();
            let waiting = json!({"reason": "ImagePullBackOff", "message": message});
            json!({"ready": false, "started": false, "state": {"waiting": waiting}, "image": image})
        }),
        _ => Value::Null,
    }
}

pub(super) fn containers(spec: &Value, state: impl Fn(&Value) -> Value) -> Value {
    spec["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|container| {
            let mut status = state(&container["image"]);
            status["name"] = container["name"].clone();
            status["imageID"] = "".into();
            status["restartCount"] = 0.into();
            status["lastState"] = json!({});
            status
        })
        .collect()
}

/// Ten letters that follow from a pod template, in the manner of pod-template-hash.
fn revision(template: &Value) -> String {
    letters(template, 10)
}

/// Letters that follow from a value, as Kubernetes puts them into names.
pub(super) fn letters(of: &Value, count: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash = fnv(of.to_string().as_bytes());
    (0..count)
        .map(|_| {
            let letter = LETTERS[usize::try_from(hash % 27).unwrap_or_default()];
            hash = fnv(&hash.to_be_bytes());
            char::from(letter)
        })
        .collect()
}

/// An address of 10.244.0.0/16 that follows from a uid.
fn address(uid: &str) -> String {
    let bytes = fnv(uid.as_bytes()).to_be_bytes();
    format!("10.244.{}.{}", bytes[6], bytes[7].clamp(2, 254))
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(annotations: Value) -> Value {
        json!({
            "metadata": {"name": "web", "uid": "u", "generation": 3, "annotations": annotations},
            "spec": {"replicas": 2, "strategy": {}, "template": {"spec": {"containers": []}}},
            "status": {},
        })
    }

    fn plan(object: &Value) -> Plan {
        Rules::builtin().of("apps", "Deployment").unwrap().plan(object, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_rules_that_come_with_the_cluster_are_read() {
        let rules = Rules::parse(include_str!("../../rules/default.yaml")).unwrap();
        assert!(rules.0.len() >= 10);
        assert!(Rules::parse("x/Y: {after: soon, ready: {}}").unwrap_err().contains("x/Y: after"));
        assert!(Rules::parse("x/Y: {after: 1s, redy: {}}").unwrap_err().contains("redy"));
    }

    #[test]
    fn a_deployment_starts_and_becomes_ready() {
        let mut object = deployment(json!({}));
        let Plan { now: Some(started), later: Some((after, end)) } = plan(&object) else { panic!() };
        assert_eq!(started["observedGeneration"], 3);
        assert_eq!(started["conditions"][0]["status"], "False");
        assert_eq!(after, SignedDuration::from_millis(300));
        let rules = Rules::builtin();
        let rule = rules.of("apps", "Deployment").unwrap();
        let ready = rule.finish(&end, &object, Timestamp::UNIX_EPOCH);
        assert_eq!((&ready["readyReplicas"], &ready["availableReplicas"]), (&json!(2), &json!(2)));
        object["status"] = ready;
        assert_eq!(plan(&object), Plan { now: None, later: None });
    }

    #[test]
    fn annotations_hold_delay_and_fail() {
        assert_eq!(plan(&deployment(json!({HOLD: "true"}))).later, None);
        let later = plan(&deployment(json!({READY_AFTER: "5s"}))).later.unwrap();
        assert_eq!(later.0, SignedDuration::from_secs(5));
        let (_, end) = plan(&deployment(json!({FAIL: "no image"}))).later.unwrap();
        let failed = fill(&end, &deployment(json!({FAIL: "no image"})), Timestamp::UNIX_EPOCH);
        assert_eq!(failed["conditions"][1]["message"], "no image");
        let mut template = deployment(json!({}));
        template["spec"]["template"]["metadata"] = json!({"annotations": {HOLD: "true"}});
        assert_eq!(plan(&template).later, None);
    }
}
