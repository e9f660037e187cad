//! Which variants of an Application are rendered: policies of type override and topology, and the deploy steps that name them.
//!
//! Each variant is a list of components; each topology shows it once more. What may be changed: how override meets components, in
//! `override_with`. Tests at the end and in `tests/conformance.rs`.

use crate::document::{element, field, kind_of};
use crate::model::application::{Application, Component, Policy, Trait};
use crate::model::workflow::Workflow;
use crate::problem::{Problem, nearest};
use regex_automata::meta::Regex;
use serde_json::{Map, Value as Json};
use std::borrow::Cow;

/// The type of steps that deploy variants.
const DEPLOY: &str = "deploy";

/// A variant: its components, and how many topologies show it.
#[derive(Clone, Debug)]
pub(crate) struct Variant<'a> {
    pub(crate) components: Cow<'a, [Component]>,
    pub(crate) times: usize,
}

/// The variants of an Application, in order.
pub(crate) fn variants<'a>(
    app: &'a Application,
    workflow: Option<&Workflow>,
) -> Result<Vec<Variant<'a>>, Vec<Problem>> {
    let mut problems = Vec::new();
    let steps = workflow.map(|w| w.steps.as_slice()).unwrap_or_default();
    let written = steps.iter().any(|s| s.kind != "suspend");
    let mut out = Vec::new();
    if !written {
        // Without steps that do something, the policies themselves say what is deployed.
        let all: Vec<&Policy> = app.policies.iter().collect();
        out.extend(variant(app, &all, &mut problems));
    }
    let mut deploys = 0;
    for (i, step) in steps.iter().enumerate().filter(|(_, s)| s.kind == DEPLOY) {
        deploys += 1;
        let path = format!("spec.workflow.steps[{i}].properties");
        const KEYS: [&str; 4] = ["auto", "policies", "parallelism", "ignoreTerraformComponent"];
        if app
            .workflow
            .as_ref()
            .and_then(|w| w.pointer(&format!("/steps/{i}/properties")))
            .is_none_or(Json::is_null)
        {
            problems.push(
                app.problem("required", &path, "a deploy step needs `properties`")
                    .hint("`properties: {policies: []}` deploys as it stands"),
            );
            continue;
        }
        unknown(app, &step.properties, &path, &KEYS, &mut problems);
        let mut policies = Vec::new();
        let names =
            step.properties.get("policies").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        for (j, name) in names.iter().enumerate() {
            let at = element(&field(&path, "policies"), j);
            let Some(name) = name.as_str() else {
                problems.push(app.problem(
                    "type",
                    at,
                    format!("this must be the name of a policy, and is {}", kind_of(name)),
                ));
                continue;
            };
            match app.policies.iter().find(|p| p.name == name) {
                Some(p) => policies.push(p),
                None => {
                    let problem =
                        app.problem("unknown-policy", at, format!("the Application has no policy `{name}`"));
                    problems.push(match nearest(name, app.policies.iter().map(|p| p.name.as_str())) {
                        Some(near) => problem.hint(format!("did you mean `{near}`?")),
                        None => problem,
                    });
                }
            }
        }
        out.extend(variant(app, &policies, &mut problems));
    }
    if written && deploys == 0 {
        out.push(Variant { components: Cow::Borrowed(&app.components), times: 1 });
    }
    if problems.is_empty() { Ok(out) } else { Err(problems) }
}

/// Where a topology puts components; what is empty is the run's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The cluster.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
}

/// The components of an Application, and where they are put.
pub(crate) type Placed<'a> = (Cow<'a, [Component]>, Vec<Place>);

/// The components of an Application with these override policies laid over them, and the places where its topologies among them put
/// them.
///
/// # Errors
/// All that is wrong in the policies.
pub(crate) fn deployment<'a>(app: &'a Application, policies: &[&Policy]) -> Result<Placed<'a>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut variant = variant(app, policies, &mut problems);
    if let Some(variant) = &mut variant {
        for p in policies.iter().filter(|p| p.kind == "replication") {
            replicate(app, p, variant.components.to_mut(), &mut problems);
        }
    }
    let mut places = Vec::new();
    for p in policies.iter().filter(|p| p.kind == "topology") {
        let text = |name: &str| {
            p.properties
                .as_ref()
                .and_then(|m| m.get(name))
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_string()
        };
        for selector in ["clusterLabelSelector", "clusterSelector"] {
            if p.properties.as_ref().is_some_and(|m| m.get(selector).is_some_and(|v| !v.is_null())) {
                let path = field(&field(&p.path, "properties"), selector);
                let message =
                    "clusters cannot be chosen by their labels: a run works on its own cluster (`local`)";
                problems.push(app.problem("cluster", path, message));
            }
        }
        let clusters = p.properties.as_ref().and_then(|m| m.get("clusters")).and_then(Json::as_array);
        let place = |cluster: &str| Place { cluster: cluster.to_string(), namespace: text("namespace") };
        match clusters {
            Some(names) => places.extend(names.iter().map(|n| place(n.as_str().unwrap_or_default()))),
            None => places.push(place("")),
        }
    }
    if places.is_empty() {
        places.push(Place::default());
    }
    match variant {
        Some(variant) if problems.is_empty() => Ok((variant.components, places)),
        _ => Err(problems),
    }
}

fn variant<'a>(
    app: &'a Application,
    policies: &[&Policy],
    problems: &mut Vec<Problem>,
) -> Option<Variant<'a>> {
    let before = problems.len();
    let mut components = Cow::Borrowed(app.components.as_slice());
    for p in policies.iter().filter(|p| p.kind == "override") {
        override_with(app, p, components.to_mut(), problems);
    }
    let topologies = policies.iter().filter(|p| p.kind == "topology").count();
    (problems.len() == before).then_some(Variant { components, times: topologies.max(1) })
}

/// The names in a list of a policy.
fn names<'p>(
    app: &Application,
    policy: &'p Policy,
    key: &str,
    problems: &mut Vec<Problem>,
) -> Vec<(&'p str, String)> {
    let path = field(&field(&policy.path, "properties"), key);
    let list = match policy.properties.as_ref().and_then(|p| p.get(key)) {
        None | Some(Json::Null) => return Vec::new(),
        Some(Json::Array(items)) => items.as_slice(),
        Some(other) => {
            problems.push(app.problem(
                "type",
                path,
                format!("this must be a list, and is {}", kind_of(other)),
            ));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let at = element(&path, i);
        match item.as_str() {
            Some(name) => found.push((name, at)),
            None => problems.push(app.problem(
                "type",
                at,
                format!("this must be a text, and is {}", kind_of(item)),
            )),
        }
    }
    found
}

/// Puts copies of components into their place, one for each key of a replication policy. What their objects are called, a definition says with
/// `context.replicaKey`.
fn replicate(
    app: &Application,
    policy: &Policy,
    components: &mut Vec<Component>,
    problems: &mut Vec<Problem>,
) {
    let keys = names(app, policy, "keys", problems);
    if keys.is_empty() {
        let path = field(&field(&policy.path, "properties"), "keys");
        problems.push(app.problem("required", path, "a replication needs `keys`, one for each copy"));
    }
    let selector = names(app, policy, "selector", problems);
    for (name, path) in selector.iter().filter(|(name, _)| components.iter().all(|c| c.name != *name)) {
        let problem =
            app.problem("unknown-component", path.clone(), format!("no component is called `{name}`"));
        problems.push(match nearest(name, components.iter().map(|c| c.name.as_str())) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem,
        });
    }
    let copied = |c: &Component| selector.is_empty() || selector.iter().any(|(name, _)| c.name == *name);
    for c in components.iter().filter(|c| copied(c) && !c.replica_key.is_empty()) {
        let message = format!("the component `{}` is replicated already, by another policy", c.name);
        problems.push(app.problem("replication", &policy.path, message));
    }
    let all = std::mem::take(components);
    for component in all {
        match copied(&component) {
            true => components.extend(
                keys.iter().map(|(key, _)| Component { replica_key: (*key).to_owned(), ..component.clone() }),
            ),
            false => components.push(component),
        }
    }
}

fn unknown(
    app: &Application,
    from: &Map<String, Json>,
    path: &str,
    keys: &[&str],
    problems: &mut Vec<Problem>,
) {
    for key in from.keys().filter(|k| !keys.contains(&k.as_str())) {
        let problem =
            app.problem("unknown-field", field(path, key), format!("there is no field `{key}` here"));
        problems.push(match nearest(key, keys.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("fields are `{}`", keys.join("`, `"))),
        });
    }
}

/// A pattern of component names: `*` stands for anything, and it may match in the middle of a name.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(&text.replace('*', ".*")).ok()
}

/// Changes components as an override policy says.
fn override_with(
    app: &Application,
    policy: &Policy,
    components: &mut Vec<Component>,
    problems: &mut Vec<Problem>,
) {
    let Some(properties) = &policy.properties else { return };
    let path = field(&policy.path, "properties");
    unknown(app, properties, &path, &["components", "selector"], problems);
    let list = |key: &str, problems: &mut Vec<Problem>| match properties.get(key) {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(items)) => items.clone(),
        Some(other) => {
            problems.push(app.problem(
                "type",
                field(&path, key),
                format!("this must be a list, and is {}", kind_of(other)),
            ));
            Vec::new()
        }
    };
    for (i, item) in list("components", problems).iter().enumerate() {
        let at = element(&field(&path, "components"), i);
        let Some(item) = item.as_object() else {
            problems.push(app.problem(
                "type",
                at,
                format!("this must be an object, and is {}", kind_of(item)),
            ));
            continue;
        };
        if let Some(change) = Change::read(app, item, &at, problems) {
            change.apply(app, components, problems);
        }
    }
    let selector = list("selector", problems);
    if !selector.is_empty() {
        let patterns: Vec<String> = selector
            .iter()
            .filter_map(|s| s.as_str())
            .map(|s| format!("^(?:{})$", s.replace('*', ".*")))
            .collect();
        let patterns: Vec<Regex> = patterns.iter().filter_map(|p| Regex::new(p).ok()).collect();
        components.retain(|c| patterns.iter().any(|p| p.is_match(c.name.as_str())));
    }
}

/// What an override policy says of components.
struct Change {
    name: String,
    kind: String,
    properties: Option<Map<String, Json>>,
    traits: Vec<(Trait, bool)>,
    external_revision: Option<String>,
    path: String,
}

impl Change {
    fn read(
        app: &Application,
        m: &Map<String, Json>,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Change> {
        let before = problems.len();
        const KEYS: [&str; 7] =
            ["name", "type", "properties", "traits", "externalRevision", "inputs", "outputs"];
        unknown(app, m, path, &KEYS, problems);
        let text =
            |m: &Map<String, Json>, key: &str, path: &str, problems: &mut Vec<Problem>| match m.get(key) {
                None | Some(Json::Null) => String::new(),
                Some(Json::String(s)) => s.clone(),
                Some(other) => {
                    problems.push(app.problem(
                        "type",
                        field(path, key),
                        format!("this must be a text, and is {}", kind_of(other)),
                    ));
                    String::new()
                }
            };
        let object =
            |m: &Map<String, Json>, path: &str, problems: &mut Vec<Problem>| match m.get("properties") {
                None | Some(Json::Null) => None,
                Some(Json::Object(m)) => Some(m.clone()),
                Some(other) => {
                    let message = format!("this must be an object, and is {}", kind_of(other));
                    problems.push(app.problem("type", field(path, "properties"), message));
                    None
                }
            };
        let mut traits = Vec::new();
        for (i, t) in m.get("traits").and_then(Json::as_array).into_iter().flatten().enumerate() {
            let at = element(&field(path, "traits"), i);
            let Some(t) = t.as_object() else {
                problems.push(app.problem(
                    "type",
                    at,
                    format!("this must be an object, and is {}", kind_of(t)),
                ));
                continue;
            };
            unknown(app, t, &at, &["type", "properties", "disable"], problems);
            let disabled = t.get("disable").and_then(Json::as_bool).unwrap_or(false);
            let kind = text(t, "type", &at, problems);
            let properties = object(t, &at, problems);
            traits.push((Trait { kind, properties, path: at }, disabled));
        }
        let external = text(m, "externalRevision", path, problems);
        let change = Change {
            name: text(m, "name", path, problems),
            kind: text(m, "type", path, problems),
            properties: object(m, path, problems),
            traits,
            external_revision: (!external.is_empty()).then_some(external),
            path: path.to_string(),
        };
        (problems.len() == before).then_some(change)
    }

    fn apply(&self, app: &Application, components: &mut Vec<Component>, problems: &mut Vec<Problem>) {
        if self.name.is_empty() {
            for c in components.iter_mut().filter(|c| self.kind.is_empty() || self.kind == c.kind) {
                self.merge(c);
            }
            return;
        }
        let Some(regex) = pattern(&self.name) else {
            let problem = app.problem(
                "pattern",
                field(&self.path, "name"),
                format!("`{}` is no pattern of component names", self.name),
            );
            problems.push(problem.hint("`*` stands for anything"));
            return;
        };
        let mut found = false;
        for c in components.iter_mut().filter(|c| regex.is_match(c.name.as_str())) {
            found = true;
            match self.kind.is_empty() || self.kind == c.kind {
                true => self.merge(c),
                false => *c = Component { name: c.name.clone(), ..self.component() },
            }
        }
        if !found {
            if self.kind.is_empty() {
                let problem = app.problem(
                    "unknown-component",
                    field(&self.path, "name"),
                    format!("no component is called `{}`", self.name),
                );
                problems.push(match nearest(&self.name, components.iter().map(|c| c.name.as_str())) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint("with a `type` it would be a new component"),
                });
                return;
            }
            components.push(self.component());
        }
    }

    fn component(&self) -> Component {
        Component {
            name: self.name.clone(),
            kind: self.kind.clone(),
            properties: self.properties.clone(),
            traits: self.traits.iter().filter(|(_, off)| !off).map(|(t, _)| t.clone()).collect(),
            depends_on: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            external_revision: self.external_revision.clone(),
            replica_key: String::new(),
            path: self.path.clone(),
        }
    }

    fn merge(&self, c: &mut Component) {
        merge_properties(&mut c.properties, &self.properties);
        if self.external_revision.is_some() {
            c.external_revision.clone_from(&self.external_revision);
        }
        for (t, disabled) in &self.traits {
            if *disabled {
                c.traits.retain(|there| there.kind != t.kind);
            } else if c.traits.iter().any(|there| there.kind == t.kind) {
                for there in c.traits.iter_mut().filter(|there| there.kind == t.kind) {
                    merge_properties(&mut there.properties, &t.properties);
                }
            } else {
                c.traits.push(t.clone());
            }
        }
    }
}

fn merge_properties(into: &mut Option<Map<String, Json>>, from: &Option<Map<String, Json>>) {
    if let Some(from) = from {
        merge_maps(into.get_or_insert_with(Map::new), from, 0);
    }
}

/// Objects are merged field by field, everything else takes the place of what was there.
fn merge_maps(into: &mut Map<String, Json>, from: &Map<String, Json>, depth: usize) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Json::Object(a)), Json::Object(b)) if depth < 100 => merge_maps(a, b, depth + 1),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn of(spec: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
        let text = format!(
            "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: a}}\nspec:\n{spec}"
        );
        let app = Application::from_text("app.yaml", &text).unwrap();
        let workflow = app.workflow.as_ref().map(|w| Workflow::read(w, "spec.workflow").unwrap());
        match variants(&app, workflow.as_ref()) {
            Ok(all) => Ok(all
                .into_iter()
                .map(|v| (v.times, v.components.iter().map(|c| c.to_value().to_string()).collect()))
                .collect()),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    const BASE: &str = "  components:\n  - {name: web, type: webservice, properties: {image: x, l: [1, 2], m: {a: 1}}, traits: [{type: scaler, properties: {replicas: 2}}]}\n";

    #[test]
    fn without_steps_all_policies_count() {
        let out = of(&format!(
            "{BASE}  policies:\n  - {{name: t1, type: topology, properties: {{}}}}\n  - {{name: t2, type: topology, properties: {{}}}}\n  - {{name: o, type: override, properties: {{components: [{{name: w*, properties: {{l: [3], m: {{b: 2}}}}, traits: [{{type: scaler, disable: true}}, {{type: hpa}}]}}]}}}}\n"
        ));
        let web = r#"{"name":"web","type":"webservice","properties":{"image":"x","l":[3],"m":{"a":1,"b":2}},"traits":[{"type":"hpa"}]}"#;
        assert_eq!(out, Ok(vec![(2, vec![web.to_string()])]));
    }

    #[test]
    fn deploy_steps_choose_their_policies() {
        let out = of(
            "  components: [{name: a, type: t}]\n  policies: [{name: o, type: override, properties: {components: [{type: t, properties: {x: 1}}, {name: b, type: u}]}}]\n  workflow: {steps: [{name: s1, type: deploy, properties: {}}, {name: s2, type: deploy, properties: {policies: [o]}}]}\n",
        )
        .unwrap();
        assert_eq!(out[0], (1, vec![r#"{"name":"a","type":"t"}"#.to_string()]));
        assert_eq!(out[1].1.len(), 2);
    }

    #[test]
    fn mistakes_are_told() {
        let out = of(&format!(
            "{BASE}  policies:\n  - {{name: o, type: override, properties: {{components: [{{name: 'web['}}, {{nam: x}}, {{name: wep}}]}}}}\n  workflow: {{steps: [{{name: s, type: deploy, properties: {{policies: [p], autp: true}}}}, {{name: t, type: deploy, properties: {{policies: [o]}}}}, {{name: u, type: deploy}}]}}\n"
        ));
        insta::assert_snapshot!(out.unwrap_err());
    }
}
