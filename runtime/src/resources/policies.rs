//! What an Application says of its objects: the policies `garbage-collect`, `apply-once`, `take-over`, `read-only`, `shared-resource`,
//! `resource-update`, checked against their definitions, which also give the defaults.
//!
//! What may be changed: a new policy is a field of [`Policies`] and a branch of [`Policies::read`]. Tests at the end.

use super::label;
use crate::definitions::Library;
use crate::document::{element, field};
use crate::model::application::{Application, Policy};
use crate::model::definition::Kind;
use crate::model::labels::{COMPONENT, RESOURCE_TYPE, TRAIT_TYPE, WORKLOAD_TYPE};
use crate::problem::{Problem, Problems, nearest};
use serde::Deserialize;
use serde_json::{Map, Value};
use stepwell_lang::Data;

/// The policies of an Application that are about its objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policies {
    /// When objects are deleted.
    pub garbage: Garbage,
    /// What is left to others once it is applied.
    pub once: Once,
    /// Objects that are taken over from others.
    pub take_over: Rules,
    /// Objects that are only read.
    pub read_only: Rules,
    /// Objects that several applications share.
    pub shared: Rules,
    /// How objects are written.
    pub update: Updates,
}

/// The policy `garbage-collect`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Garbage {
    /// How many revisions are kept beside the latest.
    pub application_revision_limit: Option<i64>,
    /// Objects are deleted with the Application and not before.
    pub keep_legacy_resource: bool,
    /// Objects are deleted although the run has failed.
    pub continue_on_failure: bool,
    /// `dependency`: what depends on others goes before them.
    pub order: Option<String>,
    /// For some of the objects.
    pub rules: Vec<GarbageRule>,
}

/// When some objects are deleted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct GarbageRule {
    selector: Selector,
    strategy: Strategy,
    propagation: Option<Propagation>,
}

/// When an object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Strategy {
    /// When a revision that does not have it has succeeded.
    #[default]
    #[serde(rename = "onAppUpdate")]
    OnAppUpdate,
    /// With the Application.
    #[serde(rename = "onAppDelete")]
    OnAppDelete,
    /// Never.
    #[serde(rename = "never")]
    Never,
}

/// What happens to what belongs to an object that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Propagation {
    /// It stays.
    Orphan,
    /// It goes too.
    Cascading,
}

/// The policy `apply-once`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Once {
    enable: bool,
    rules: Vec<OnceRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct OnceRule {
    selector: Option<Selector>,
    strategy: OnceStrategy,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct OnceStrategy {
    affect: String,
    path: Vec<String>,
}

/// How much of an object is left to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Left<'p> {
    /// Nothing.
    Nothing,
    /// All of it, as long as the revision is the same.
    Revision,
    /// All of it, once it is there.
    All,
    /// These fields.
    Fields(&'p [String]),
}

/// A policy that is a list of selectors.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Rules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Rule {
    selector: Selector,
}

/// The policy `resource-update`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Updates {
    rules: Vec<UpdateRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct UpdateRule {
    selector: Selector,
    strategy: Update,
}

/// How an object that is there is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Update {
    /// `patch`, or `replace`: as a whole, without what others have written.
    pub(crate) op: String,
    /// Fields whose change means that the object is deleted and made anew.
    pub(crate) recreate_fields: Vec<String>,
}

/// Which objects are meant: those that fit all the lists that are given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Selector {
    component_names: Vec<String>,
    component_types: Vec<String>,
    oam_types: Vec<String>,
    trait_types: Vec<String>,
    resource_types: Vec<String>,
    resource_names: Vec<String>,
}

impl Selector {
    /// Whether an object is meant. Without any list none is.
    fn fits(&self, object: &Value) -> bool {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let oam = match label(object, RESOURCE_TYPE) {
            "WORKLOAD" => ["WORKLOAD", "COMPONENT"],
            other => [other, other],
        };
        let facts: [(&[String], &[&str]); 6] = [
            (&self.component_names, &[label(object, COMPONENT)]),
            (&self.component_types, &[label(object, WORKLOAD_TYPE)]),
            (&self.oam_types, &oam),
            (&self.trait_types, &[label(object, TRAIT_TYPE)]),
            (&self.resource_types, &[text("/kind")]),
            (&self.resource_names, &[text("/metadata/name")]),
        ];
        let asked = facts.iter().filter(|(list, _)| !list.is_empty());
        let fits = |(list, is): &(&[String], &[&str])| {
            is.iter().any(|fact| !fact.is_empty() && list.iter().any(|l| l == fact))
        };
        let mut any = false;
        for fact in asked {
            any = true;
            if !fits(fact) {
                return false;
            }
        }
        any
    }
}

impl Rules {
    /// Whether the policy is about an object.
    pub(crate) fn fit(&self, object: &Value) -> bool {
        self.rules.iter().any(|r| r.selector.fits(object))
    }
}

impl Policies {
    /// Reads the policies of an Application.
    ///
    /// # Errors
    /// Everything that does not fit their definitions, with its path in the Application.
    pub fn read(library: &Library, app: &Application) -> Result<Policies, Vec<Problem>> {
        let mut all = Policies::default();
        let mut faults = Vec::new();
        for p in &app.policies {
            match p.kind.as_str() {
                "garbage-collect" => put(&mut all.garbage, library, p, &mut faults),
                "apply-once" => put(&mut all.once, library, p, &mut faults),
                "take-over" => put(&mut all.take_over, library, p, &mut faults),
                "read-only" => put(&mut all.read_only, library, p, &mut faults),
                "shared-resource" => put(&mut all.shared, library, p, &mut faults),
                "resource-update" => put(&mut all.update, library, p, &mut faults),
                _ => {}
            }
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    fn garbage_rule(&self, object: &Value) -> Option<&GarbageRule> {
        self.garbage.rules.iter().find(|r| r.selector.fits(object))
    }

    /// When an object is deleted.
    pub(crate) fn strategy(&self, object: &Value) -> Strategy {
        self.garbage_rule(object).map(|r| r.strategy).unwrap_or_default()
    }

    /// What happens to what belongs to it then.
    pub(crate) fn propagation(&self, object: &Value) -> Option<Propagation> {
        self.garbage_rule(object).and_then(|r| r.propagation)
    }

    /// How much of an object is left to others when it is applied again.
    pub(crate) fn left(&self, object: &Value) -> Left<'_> {
        if !self.once.enable {
            return Left::Nothing;
        }
        if self.once.rules.is_empty() {
            return Left::Revision;
        }
        let meant = |r: &&OnceRule| r.selector.as_ref().is_none_or(|s| s.fits(object));
        match self.once.rules.iter().find(meant).map(|r| &r.strategy) {
            // What is put back between updates is nobody's business here: objects are written by runs alone.
            Some(s) if s.affect == "onStateKeep" => Left::Nothing,
            Some(s) if s.path.iter().any(|p| p == "*") => Left::All,
            Some(s) => Left::Fields(&s.path),
            None => Left::Nothing,
        }
    }

    /// How an object is written where it is there.
    pub(crate) fn update(&self, object: &Value) -> Option<&Update> {
        self.update.rules.iter().find(|r| r.selector.fits(object)).map(|r| &r.strategy)
    }
}

fn put<T: for<'de> Deserialize<'de>>(
    into: &mut T,
    library: &Library,
    policy: &Policy,
    faults: &mut Vec<Problem>,
) {
    match completed(library, policy).and_then(|v| {
        serde_json::from_value(v)
            .map_err(|e| Problem::new("policy", field(&policy.path, "properties"), e.to_string()))
    }) {
        Ok(read) => *into = read,
        Err(fault) => faults.push(fault),
    }
}

/// Words of which only some are meant, by the field in which they stand.
const WORDS: [(&str, &[&str]); 5] = [
    ("strategy", &["onAppUpdate", "onAppDelete", "never"]),
    ("propagation", &["orphan", "cascading"]),
    ("op", &["patch", "replace"]),
    ("affect", &["onUpdate", "onStateKeep", "always"]),
    ("order", &["dependency"]),
];

/// Finds a word that is none of those that are meant, with a better message than the language has for it.
fn check_words(value: &Value, path: &str) -> Result<(), Problem> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            let at = field(path, key);
            let words = WORDS.iter().find(|(name, _)| name == key).map(|(_, words)| *words);
            match (words, value.as_str()) {
                (Some(words), Some(word)) if !words.contains(&word) => {
                    let problem = Problem::new("policy", at, format!("`{key}` cannot be `{word}`"));
                    Err(match nearest(word, words.iter().copied()) {
                        Some(near) => problem.hint(format!("did you mean `{near}`?")),
                        None => problem.hint(format!("it is `{}`", words.join("` or `"))),
                    })
                }
                _ => check_words(value, &at),
            }
        }),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(i, value)| check_words(value, &element(path, i)))
        }
        _ => Ok(()),
    }
}

/// The properties of a policy with the defaults of its definition.
fn completed(library: &Library, policy: &Policy) -> Result<Value, Problem> {
    let written = policy.properties.clone().unwrap_or_default();
    let Some(definition) = library.get(Kind::Policy, &policy.kind) else {
        return Ok(Value::Object(written));
    };
    let path = field(&policy.path, "properties");
    let wrong = |e: &Problems| {
        let (at, why) = e.list.first().map_or(("", ""), |p| (p.path.as_str(), p.message.as_str()));
        let at = at.strip_prefix("template.parameter.").unwrap_or_default();
        let at = at.split('.').filter(|p| !p.is_empty()).fold(path.clone(), |path, part| {
            match part.parse::<usize>() {
                Ok(i) => element(&path, i),
                Err(_) => field(&path, part),
            }
        });
        let message = format!("the policy `{}` does not fit its type `{}`: {why}", policy.name, policy.kind);
        let problem = Problem::new("policy", at, message);
        Problem { hint: e.list.first().and_then(|p| p.hint.clone()), ..problem }
    };
    let compiled = library.compiled(definition).map_err(|e| wrong(&e))?;
    let known = compiled.parameter_names();
    if let Some(stranger) = written.keys().find(|k| !known.iter().any(|n| **n == ***k)) {
        let names: Vec<&str> = known.iter().map(|n| &**n).collect();
        let problem = Problem::new(
            "unknown-field",
            field(&path, stranger),
            format!("the policy type `{}` has no `{stranger}`", policy.kind),
        );
        return Err(match nearest(stranger, names.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("it has `{}`", names.join("`, `"))),
        });
    }
    check_words(&Value::Object(written.clone()), &path)?;
    let instance = compiled.program.instance();
    let data = Data::from_json_value(&Value::Object(written));
    instance.fill(&compiled.parameter, &data).map_err(|e| wrong(&e.into()))?;
    let read = instance.root().lookup(&compiled.parameter).map(|p| p.data());
    match read {
        Some(Ok(data)) => Ok(data.to_json_value()),
        Some(Err(e)) => Err(wrong(&e.into())),
        None => Ok(Value::Object(Map::new())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(policies: &str) -> Result<Policies, String> {
        let text = format!(
            "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: a}}\nspec: {{components: [], policies: [{policies}]}}\n"
        );
        let app = Application::from_text("a.yaml", &text).unwrap();
        let faults = |f: Vec<Problem>| f.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        Policies::read(&Library::builtin(), &app).map_err(faults)
    }

    fn object(kind: &str, name: &str, labels: Value) -> Value {
        json!({"kind": kind, "metadata": {"name": name, "labels": labels}})
    }

    #[test]
    fn an_object_fits_where_all_lists_that_are_given_do() {
        let p = read("{name: t, type: take-over, properties: {rules: [{selector: {componentNames: [web, api], resourceTypes: [Deployment]}}, {selector: {}}]}}").unwrap();
        let web = json!({"app.oam.dev/component": "web"});
        assert!(p.take_over.fit(&object("Deployment", "x", web.clone())));
        assert!(!p.take_over.fit(&object("Service", "x", web)));
        assert!(!p.take_over.fit(&object("Deployment", "x", json!({}))));
        assert!(!p.read_only.fit(&object("Deployment", "x", json!({}))));
    }

    #[test]
    fn rules_of_garbage_have_defaults() {
        let p = read("{name: g, type: garbage-collect, properties: {rules: [{selector: {oamTypes: [TRAIT]}, strategy: never, propagation: orphan}, {selector: {resourceNames: [one]}}]}}").unwrap();
        let service = object("Service", "s", json!({"app.oam.dev/resourceType": "TRAIT"}));
        assert_eq!(
            (p.strategy(&service), p.propagation(&service)),
            (Strategy::Never, Some(Propagation::Orphan))
        );
        assert_eq!(p.strategy(&object("Pod", "one", json!({}))), Strategy::OnAppUpdate);
    }

    #[test]
    fn apply_once_leaves_fields_or_all() {
        let deployment = object("Deployment", "web", json!({}));
        let left = |text: &str| format!("{:?}", read(text).unwrap().left(&deployment));
        assert_eq!(left("{name: o, type: apply-once, properties: {enable: false}}"), "Nothing");
        assert_eq!(left("{name: o, type: apply-once, properties: {enable: true}}"), "Revision");
        let rule = |rule: &str| {
            format!("{{name: o, type: apply-once, properties: {{enable: true, rules: [{rule}]}}}}")
        };
        assert_eq!(left(&rule("{strategy: {path: ['*']}}")), "All");
        assert_eq!(
            left(&rule("{strategy: {path: [spec.replicas], affect: onUpdate}}")),
            "Fields([\"spec.replicas\"])"
        );
        assert_eq!(left(&rule("{strategy: {path: [spec.replicas], affect: onStateKeep}}")), "Nothing");
        assert_eq!(left(&rule("{selector: {resourceTypes: [Pod]}, strategy: {path: ['*']}}")), "Nothing");
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let all = [
            read("{name: g, type: garbage-collect, properties: {keepLegacyResources: true}}"),
            read(
                "{name: g, type: garbage-collect, properties: {rules: [{selector: {}, strategy: onAppUpdat}]}}",
            ),
            read(
                "{name: u, type: resource-update, properties: {rules: [{selector: {}, strategy: {op: merge}}]}}",
            ),
            read("{name: t, type: take-over, properties: {rules: [{selector: {resourceNames: one}}]}}"),
        ];
        insta::assert_snapshot!(all.map(Result::unwrap_err).join("\n"));
    }
}
