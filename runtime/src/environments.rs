//! Environments and targets, and the workflow that an Application without one of its own has from them.
//!
//! A target is a cluster and a namespace; an environment is a namespace for Applications, and the targets that they are put to. Both are objects of the cluster
//! (`stepwell.dev/v1alpha1`). What is generated is plain data with a word on each part, so that it can be kept in the Application and changed: it then
//! gives the same run. Nothing here touches a cluster; `driver/environments.rs` does. Tests at the end and in `tests/program/environments.rs`.

use crate::definitions::Library;
use crate::model::application::{Application, Component, Policy};
use crate::model::definition::Kind;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use stepwell_lang::data::Data;
use stepwell_lang::encode::yaml;

/// The API version of environments and targets.
pub const API_VERSION: &str = "stepwell.dev/v1alpha1";
/// The policy that is made of the targets of environments.
const POLICY: &str = "environments";
const ENVBINDING: &str = "envbinding";

/// An environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where its Applications are recorded.
    pub namespace: String,
    /// The names of its targets, in the order in which they are served.
    pub targets: Vec<String>,
    /// Whether nothing is put there before somebody says so.
    pub approve: bool,
}

/// A target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The cluster; `local` is that of the run.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string()
}

impl Environment {
    /// Reads an environment; its schema has been checked by the cluster.
    pub fn read(object: &Value) -> Environment {
        let name = text(object, "/metadata/name");
        let targets = object.pointer("/spec/targets").and_then(Value::as_array);
        Environment {
            description: text(object, "/spec/description"),
            namespace: Some(text(object, "/spec/namespace"))
                .filter(|n| !n.is_empty())
                .unwrap_or(name.clone()),
            targets: targets.into_iter().flatten().filter_map(Value::as_str).map(str::to_string).collect(),
            approve: object.pointer("/spec/approve").and_then(Value::as_bool).unwrap_or(false),
            name,
        }
    }
}

impl Target {
    /// Reads a target; its schema has been checked by the cluster.
    pub fn read(object: &Value) -> Target {
        let name = text(object, "/metadata/name");
        Target {
            description: text(object, "/spec/description"),
            cluster: Some(text(object, "/spec/cluster")).filter(|c| !c.is_empty()).unwrap_or("local".into()),
            namespace: Some(text(object, "/spec/namespace"))
                .filter(|n| !n.is_empty())
                .unwrap_or(name.clone()),
            name,
        }
    }
}

/// An environment with its targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// The environment.
    pub environment: Environment,
    /// Its targets, in order.
    pub targets: Vec<Target>,
}

/// A workflow that was made for an Application, with what it needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// The policies of the Application and those that were made, each with what there is to say of it.
    pub policies: Vec<(String, Value)>,
    /// The steps, each with what there is to say of it.
    pub steps: Vec<(String, Value)>,
    /// Whether the steps run as what they depend on allows, and not one after the other.
    pub graph: bool,
}

/// A place that the Application is put to.
struct Stage {
    /// The environment.
    of: String,
    /// The name in the policy.
    env: String,
    policy: String,
    /// Whether somebody is asked before.
    approve: bool,
    /// Where it is, for people.
    place: String,
    /// Where else what the first of an environment provides is to be used; nothing for all but the first.
    share: Option<Vec<Value>>,
}

/// The workflow of an Application that writes none: to the environments that it is bound to, in order; to those of its policy `envbinding`; or where it is,
/// each component in a step of its own.
pub fn generate(library: &Library, app: &Application, bound: &[Bound]) -> Generated {
    let own = app.policies.iter().find(|p| p.kind == ENVBINDING);
    let mut generated = Generated::default();
    let written = |p: &Policy| {
        let mut v = json!({"name": p.name, "type": p.kind});
        if let Some(properties) = &p.properties {
            v["properties"] = json!(properties);
        }
        (String::new(), v)
    };
    generated.policies.extend(app.policies.iter().map(written));
    let stages = match own {
        Some(policy) => of_policy(policy, bound),
        None if bound.is_empty() => {
            generated.graph = true;
            generated.steps.extend(app.components.iter().map(component));
            return generated;
        }
        None => {
            generated.policies.push(policy(bound));
            of_targets(bound)
        }
    };
    let of_terraform = |c: &Component| {
        let kind = c.kind.split('@').next().unwrap_or_default();
        let definition = library.get(Kind::Component, kind);
        definition.and_then(|d| library.compiled(d).ok()).is_some_and(|d| d.header.is_terraform())
    };
    let cloud = app.components.iter().any(of_terraform);
    for stage in &stages {
        let properties = json!({"policy": stage.policy, "env": stage.env});
        let mut step = |about: String, name: String, kind: &str, properties: Value| {
            generated.steps.push((about, json!({"name": name, "type": kind, "properties": properties})));
        };
        if stage.approve {
            let message = format!("Put it to {}?", stage.of);
            let about =
                format!("Waits until somebody lets it go on to {}: `stepwell workflow resume`.", stage.of);
            step(about, format!("{}-approval", stage.of), "suspend", json!({"message": message}));
        }
        if cloud && let Some(others) = &stage.share {
            let about = format!("Has Terraform provide what {} asks for.", stage.env);
            step(about, format!("{}-cloud", stage.env), "deploy-cloud-resource", properties.clone());
            if !others.is_empty() {
                let mut shared = properties.clone();
                shared["placements"] = json!(others);
                let about = format!("Hands the connection secrets of {} to the other targets.", stage.env);
                step(about, format!("{}-share", stage.env), "share-cloud-resource", shared);
            }
        }
        step(format!("{}: {}.", stage.env, stage.place), stage.env.clone(), "deploy2env", properties);
    }
    generated
}

fn component(c: &Component) -> (String, Value) {
    let mut step = json!({"name": c.name, "type": "apply-component", "properties": {"component": c.name}});
    if !c.depends_on.is_empty() {
        step["dependsOn"] = json!(c.depends_on);
    }
    if !c.inputs.is_empty() {
        step["inputs"] = c.inputs.iter().map(|i| json!({"from": i.from})).collect();
    }
    if !c.outputs.is_empty() {
        step["outputs"] =
            c.outputs.iter().map(|o| json!({"name": o.name, "valueFrom": o.value_from})).collect();
    }
    (format!("The component {} with its traits, until it is healthy.", c.name), step)
}

/// The name in the policy of a target of an environment.
fn name(bound: &Bound, target: &Target) -> String {
    match bound.targets.len() {
        1 => bound.environment.name.clone(),
        _ => format!("{}-{}", bound.environment.name, target.name),
    }
}

fn policy(bound: &[Bound]) -> (String, Value) {
    let env = |b: &Bound, t: &Target| {
        json!({"name": name(b, t), "placement": {
            "clusterSelector": {"name": t.cluster}, "namespaceSelector": {"name": t.namespace}}})
    };
    let envs: Vec<Value> = bound.iter().flat_map(|b| b.targets.iter().map(move |t| env(b, t))).collect();
    let about = "The targets of the environments; `patch` and `selector` beside a placement change what is put there.";
    (about.into(), json!({"name": POLICY, "type": ENVBINDING, "properties": {"envs": envs}}))
}

fn of_targets(bound: &[Bound]) -> Vec<Stage> {
    let mut stages = Vec::new();
    for b in bound {
        for (i, t) in b.targets.iter().enumerate() {
            let others = b.targets[1..].iter();
            let others = others.map(|t| json!({"cluster": t.cluster, "namespace": t.namespace})).collect();
            stages.push(Stage {
                of: b.environment.name.clone(),
                env: name(b, t),
                policy: POLICY.into(),
                approve: b.environment.approve && i == 0,
                place: format!("target {}, cluster {}, namespace {}", t.name, t.cluster, t.namespace),
                share: (i == 0).then_some(others),
            });
        }
    }
    stages
}

/// The environments of a policy; whether somebody is asked before is said by the environment of this name, where there is one.
fn of_policy(policy: &Policy, bound: &[Bound]) -> Vec<Stage> {
    let envs = policy.properties.as_ref().and_then(|p| p.get("envs")).and_then(Value::as_array);
    let stage = |env: &Value| {
        let name = text(env, "/name");
        let or = |pointer: &str, other: &str| {
            Some(text(env, pointer)).filter(|t| !t.is_empty()).unwrap_or_else(|| other.to_string())
        };
        let place = format!(
            "cluster {}, namespace {}",
            or("/placement/clusterSelector/name", "local"),
            or("/placement/namespaceSelector/name", "of the application")
        );
        Stage {
            approve: bound.iter().any(|b| b.environment.name == name && b.environment.approve),
            of: name.clone(),
            env: name,
            policy: policy.name.clone(),
            place,
            share: Some(Vec::new()),
        }
    };
    envs.into_iter().flatten().map(stage).collect()
}

/// The environments that an Application names in its policy `envbinding`.
pub fn named(app: &Application) -> BTreeSet<String> {
    let policies = app.policies.iter().filter(|p| p.kind == ENVBINDING);
    let envs = policies.filter_map(|p| p.properties.as_ref()?.get("envs")?.as_array());
    envs.flatten().map(|e| text(e, "/name")).filter(|n| !n.is_empty()).collect()
}

/// Whether an Application writes steps, or where to find them.
pub fn writes_steps(app: &Application) -> bool {
    let Some(workflow) = &app.workflow else { return false };
    let steps = workflow.get("steps").and_then(Value::as_array).is_some_and(|s| !s.is_empty());
    steps || workflow.get("ref").and_then(Value::as_str).is_some_and(|r| !r.is_empty())
}

impl Generated {
    /// The workflow as an Application writes it; what its own says beside the steps stays.
    pub fn workflow(&self, own: Option<&Value>) -> Value {
        let mut workflow = own.and_then(Value::as_object).cloned().unwrap_or_default();
        if self.graph && !workflow.contains_key("mode") {
            workflow.insert("mode".into(), json!({"steps": "DAG"}));
        }
        workflow.insert("steps".into(), self.steps.iter().map(|(_, s)| s.clone()).collect());
        Value::Object(workflow)
    }

    /// A `spec` with the policies and the workflow in it.
    pub fn complete(&self, spec: &mut Map<String, Value>) {
        let workflow = self.workflow(spec.get("workflow"));
        if !self.policies.is_empty() {
            spec.insert("policies".into(), self.policies.iter().map(|(_, p)| p.clone()).collect());
        }
        spec.insert("workflow".into(), workflow);
    }

    /// The policies and the workflow as text to be put into the `spec` of an Application, with a word on each part.
    pub fn to_yaml(&self, app: &str) -> String {
        let mut out = format!(
            "# What a run of {app} does, which writes no workflow of its own. In `spec` of the Application it gives the same run, and can be changed.\n"
        );
        let list = |items: &[(String, Value)], indent: &str, out: &mut String| {
            for (about, item) in items {
                if !about.is_empty() {
                    *out += &format!("{indent}# {about}\n");
                }
                let text = yaml::write(&Data::from_json_value(&json!([item])));
                text.lines().for_each(|line| *out += &format!("{indent}{line}\n"));
            }
        };
        if !self.policies.is_empty() {
            out += "policies:\n";
            list(&self.policies, "  ", &mut out);
        }
        out += "workflow:\n";
        if self.graph {
            out += "  # Each step as soon as those that it depends on are done.\n  mode:\n    steps: DAG\n";
        }
        out += "  steps:\n";
        list(&self.steps, "    ", &mut out);
        out
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::document::Document;

    const CLOUD: &str = "apiVersion: core.oam.dev/v1beta1\nkind: ComponentDefinition\nmetadata: {name: rds}\nspec:\n  workload: {type: configurations.terraform.core.oam.dev}\n  schematic: {cue: {template: 'output: {}'}}\n";

    fn app(spec: &str) -> Application {
        let head = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop}\nspec:\n";
        Application::from_text("app.yaml", &format!("{head}{spec}")).unwrap()
    }

    fn bound(name: &str, targets: &[&str], approve: bool) -> Bound {
        let target = |n: &&str| Target {
            name: n.to_string(),
            cluster: "local".into(),
            namespace: format!("{n}-ns"),
            ..Target::default()
        };
        let environment = Environment {
            name: name.into(),
            namespace: name.into(),
            targets: targets.iter().map(ToString::to_string).collect(),
            approve,
            ..Environment::default()
        };
        Bound { environment, targets: targets.iter().map(target).collect() }
    }

    fn steps(generated: &Generated) -> String {
        let of = |(_, s): &(String, Value)| format!("{} {}", text(s, "/type"), s["properties"]);
        generated.steps.iter().map(of).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn environments_are_served_in_order_and_asked_for_where_they_want_it() {
        let library = Library::builtin();
        let app = app("  components: [{name: web, type: webservice, properties: {image: x}}]\n");
        let generated =
            generate(&library, &app, &[bound("dev", &["a"], false), bound("prod", &["b", "c"], true)]);
        insta::assert_snapshot!(generated.to_yaml("shop"));
        // It reads as what it is.
        let read = Document::read_all("spec.yaml", &generated.to_yaml("shop")).unwrap();
        assert_eq!(read[0].value["workflow"], generated.workflow(None));
    }

    #[test]
    fn what_terraform_provides_comes_before_and_is_shared() {
        let library = Library::builtin().with_text("rds.yaml", CLOUD).unwrap();
        let app = app("  components: [{name: db, type: rds}]\n");
        insta::assert_snapshot!(steps(&generate(&library, &app, &[bound("prod", &["b", "c"], false)])), @r#"
        deploy-cloud-resource {"policy":"environments","env":"prod-b"}
        share-cloud-resource {"policy":"environments","env":"prod-b","placements":[{"cluster":"local","namespace":"c-ns"}]}
        deploy2env {"policy":"environments","env":"prod-b"}
        deploy2env {"policy":"environments","env":"prod-c"}
        "#);
    }

    #[test]
    fn a_policy_of_its_own_says_where() {
        let library = Library::builtin();
        let app = app(
            "  components: []\n  policies: [{name: where, type: envbinding, properties: {envs: [{name: test, placement: {namespaceSelector: {name: t}}}, {name: prod}]}}]\n",
        );
        assert_eq!(named(&app).into_iter().collect::<Vec<_>>(), ["prod", "test"]);
        insta::assert_snapshot!(steps(&generate(&library, &app, &[bound("prod", &["b"], true)])), @r#"
        deploy2env {"policy":"where","env":"test"}
        suspend {"message":"Put it to prod?"}
        deploy2env {"policy":"where","env":"prod"}
        "#);
        assert_eq!(generate(&library, &app, &[]).policies.len(), 1);
    }
}
