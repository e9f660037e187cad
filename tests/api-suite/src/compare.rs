//! Holds a transcript against the recorded one and sorts the differences into known and new.
//!
//! `known-differences.yaml` is the list of what is allowed, each with its reason; an entry that no
//! longer differs is reported too, so that the list cannot grow stale.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::Error;
use crate::case::read_yaml;
use crate::normalise::Pattern;
use crate::record::{Answer, Transcript};

/// One place where two transcripts are not the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The case.
    pub case: String,
    /// The step, from 1.
    pub step: usize,
    /// The request of that step.
    pub request: String,
    /// The place in the answer: `status`, `type`, `warnings`, or `body` and below.
    pub path: Vec<String>,
    /// What was recorded; none where the place is absent.
    pub expected: Option<Value>,
    /// What was answered.
    pub actual: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| value.as_ref().map_or("absent".to_owned(), Value::to_string);
        writeln!(f, "{} step {} /{}", self.case, self.step, self.path.join("/"))?;
        writeln!(f, "    request  {}", self.request)?;
        writeln!(f, "    recorded {}", show(&self.expected))?;
        write!(f, "    answered {}", show(&self.actual))
    }
}

/// One allowed difference.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The case, or `*`.
    pub case: String,
    /// The step, from 1; any where it is not given.
    pub step: Option<usize>,
    /// The place and everything below it, such as `/body/metadata/managedFields`.
    pub path: String,
    /// Why this may differ.
    pub reason: String,
}

impl Known {
    /// Whether this entry allows `difference`.
    #[must_use]
    pub fn allows(&self, difference: &Difference) -> bool {
        (self.case == "*" || self.case == difference.case)
            && self.step.is_none_or(|step| step == difference.step)
            && Pattern::new(&self.path).covers(&difference.path)
    }
}

/// The allowed differences of `dir/known-differences.yaml`.
///
/// # Errors
/// Where the file cannot be read, or an entry has no reason.
pub fn known(dir: &Path) -> Result<Vec<Known>, Error> {
    let path = dir.join("known-differences.yaml");
    let list: Vec<Known> = read_yaml(&path)?;
    match list.iter().find(|entry| entry.reason.trim().is_empty()) {
        Some(entry) => {
            let message = format!("the entry for {} {} gives no reason", entry.case, entry.path);
            Err(Error::Form { path, message })
        }
        None => Ok(list),
    }
}

/// All differences between what was recorded and what was answered now.
#[must_use]
pub fn compare(expected: &Transcript, actual: &Transcript) -> Vec<Difference> {
    let mut found = Vec::new();
    for (case, answers) in actual {
        let recorded = expected.get(case).map_or(&[][..], Vec::as_slice);
        for step in 0..answers.len().max(recorded.len()) {
            compare_answers(case, step, recorded.get(step), answers.get(step), &mut found);
        }
    }
    found
}

fn compare_answers(
    case: &str,
    step: usize,
    expected: Option<&Answer>,
    actual: Option<&Answer>,
    found: &mut Vec<Difference>,
) {
    let part = |answer: Option<&Answer>, name: &str| {
        let answer = answer?;
        Some(match name {
            "status" => answer.status.into(),
            "type" => answer.content_type.clone().into(),
            "warnings" => answer.warnings.clone().into(),
            _ => answer.body.clone(),
        })
    };
    let request = actual.or(expected).map(|answer| answer.request.clone()).unwrap_or_default();
    for name in ["status", "type", "warnings", "body"] {
        let mut path = vec![name.to_owned()];
        let (expected, actual) = (part(expected, name), part(actual, name));
        walk(&mut path, expected.as_ref(), actual.as_ref(), &mut |path, expected, actual| {
            found.push(Difference {
                case: case.to_owned(),
                step: step + 1,
                request: request.clone(),
                path: path.to_vec(),
                expected: expected.cloned(),
                actual: actual.cloned(),
            });
        });
    }
}

type Found<'a> = dyn FnMut(&[String], Option<&Value>, Option<&Value>) + 'a;

fn walk(path: &mut Vec<String>, expected: Option<&Value>, actual: Option<&Value>, found: &mut Found<'_>) {
    match (expected, actual) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let added = right.keys().filter(|key| !left.contains_key(*key));
            for key in left.keys().chain(added) {
                path.push(key.clone());
                walk(path, left.get(key), right.get(key), found);
                path.pop();
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for at in 0..left.len().max(right.len()) {
                path.push(at.to_string());
                walk(path, left.get(at), right.get(at), found);
                path.pop();
            }
        }
        _ if expected == actual => {}
        _ => found(path, expected, actual),
    }
}

/// The differences of a run, sorted.
#[derive(Debug, Default)]
pub struct Report {
    /// Cases without a new difference.
    pub passed: Vec<String>,
    /// Cases with one.
    pub failed: Vec<String>,
    /// The new differences.
    pub new: Vec<Difference>,
    /// The allowed ones.
    pub allowed: Vec<Difference>,
    /// Entries of the list that allowed nothing.
    pub stale: Vec<Known>,
}

/// Sorts the differences of all `cases` by what `known` allows.
#[must_use]
pub fn sort(cases: &[String], differences: Vec<Difference>, known: &[Known]) -> Report {
    let (allowed, new): (Vec<_>, Vec<_>) =
        differences.into_iter().partition(|found| known.iter().any(|entry| entry.allows(found)));
    let (failed, passed): (Vec<_>, Vec<_>) =
        cases.iter().cloned().partition(|case| new.iter().any(|found| found.case == *case));
    let stale =
        known.iter().filter(|entry| !allowed.iter().any(|found| entry.allows(found))).cloned().collect();
    Report { passed, failed, new, allowed, stale }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn transcript(body: Value) -> Transcript {
        let answer = Answer {
            request: "GET /x".to_owned(),
            status: 200,
            content_type: "application/json".to_owned(),
            warnings: Vec::new(),
            body,
        };
        Transcript::from([("one".to_owned(), vec![answer])])
    }

    #[test]
    fn names_each_place_that_differs() {
        let real = transcript(json!({"a": 1, "b": [1, 2], "c": {"d": 1}}));
        let other = transcript(json!({"a": 1, "b": [1], "c": {"d": 2}, "e": null}));
        let places: Vec<_> = compare(&real, &other).iter().map(|found| found.path.join("/")).collect();
        assert_eq!(places, ["body/b/1", "body/c/d", "body/e"]);
        assert_eq!(compare(&real, &real), []);
    }

    #[test]
    fn a_missing_recording_is_a_difference() {
        assert!(!compare(&Transcript::new(), &transcript(json!({}))).is_empty());
    }

    #[test]
    fn known_differences_pass_and_stale_ones_show() {
        let found = compare(&transcript(json!({"a": {"b": 1}})), &transcript(json!({"a": {"b": 2}})));
        let entry = |path: &str| Known {
            case: "one".to_owned(),
            step: Some(1),
            path: path.to_owned(),
            reason: "why".to_owned(),
        };
        let report = sort(&["one".to_owned()], found, &[entry("/body/a"), entry("/body/z")]);
        assert_eq!((report.passed.len(), report.new.len(), report.allowed.len()), (1, 0, 1));
        assert_eq!(report.stale.len(), 1);
        assert_eq!(report.stale[0].path, "/body/z");
    }
}
