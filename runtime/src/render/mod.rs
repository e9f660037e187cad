//! Rendering: an Application and a library of definitions to Kubernetes objects. A pure function of its input.
//!
//! [`application`] gives all objects in order, [`component`] one component with its traits, [`health`] what a definition says of live objects. One
//! file for each idea: `evaluate` fills templates, `patch` joins traits, `object` adds names and labels, `placement` chooses variants,
//! `explain` turns mistakes of the language into mistakes of the user's document. Tests in `tests/definitions.rs` and `tests/conformance.rs`.

mod context;
mod evaluate;
mod explain;
mod health;
mod object;
mod patch;
pub(crate) mod placement;
mod tree;

pub(crate) use explain::properties as wrong_properties;
pub use health::{Health, Live, health};
pub use object::AUXILIARY;

use crate::definitions::{Definition, Library};
use crate::model::application::{Application, Component, Policy};
use crate::model::definition::Kind;
use crate::model::workflow::{Step, Workflow};
use crate::problem::{Problem, Problems};
use context::Context;
use object::{Envelope, Role};
use serde_json::{Map, Value as Json, json};

/// A Kubernetes object.
pub type Object = Json;

/// The version of the cluster that objects are rendered for, as `context.clusterVersion` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    /// `v1.31.0`
    pub git_version: String,
    /// `1`
    pub major: String,
    /// `31`
    pub minor: i64,
    /// `linux/amd64`
    pub platform: String,
}

impl KubeVersion {
    /// Reads `1.31`, `v1.31` or `v1.31.4+k3s1`.
    ///
    /// ```
    /// use stepwell_runtime::render::KubeVersion;
    /// assert_eq!(KubeVersion::parse("v1.29.4+k3s1").map(|v| v.minor), Some(29));
    /// assert_eq!(KubeVersion::parse("latest"), None);
    /// ```
    pub fn parse(text: &str) -> Option<KubeVersion> {
        let version = text.strip_prefix('v').unwrap_or(text);
        let mut parts = version.splitn(3, '.');
        let major: u32 = parts.next()?.parse().ok()?;
        let minor = parts.next()?;
        let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
        let patch = parts.next().map_or(".0", |_| "");
        Some(KubeVersion {
            git_version: format!("v{version}{patch}"),
            major: major.to_string(),
            minor: minor[..digits].parse().ok()?,
            platform: "linux/amd64".to_string(),
        })
    }
}

impl Default for KubeVersion {
    /// A current version, for rendering without a cluster.
    fn default() -> KubeVersion {
        KubeVersion {
            git_version: "v1.31.0".to_string(),
            major: "1".to_string(),
            minor: 31,
            platform: "linux/amd64".to_string(),
        }
    }
}

/// What rendering needs besides Application and library. The default is a rendering without a cluster.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// Takes the place of `metadata.namespace`.
    pub namespace: Option<String>,
    /// The name of the Application's revision; empty where there is none yet.
    pub revision: String,
    /// Its number.
    pub revision_number: i64,
    /// The cluster that is rendered for.
    pub cluster: String,
    /// Its version.
    pub kube_version: KubeVersion,
    /// Whether components that only name objects of a cluster are left out: they can be rendered once these are looked up.
    pub without_references: bool,
}

/// A rendering.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// The objects, in order.
    pub objects: Vec<Object>,
    /// What the user should know, though it is no mistake.
    pub warnings: Vec<Problem>,
}

/// A rendered component.
#[derive(Clone, Debug)]
pub struct RenderedComponent {
    /// Its name.
    pub name: String,
    /// Its workload.
    pub workload: Object,
    /// What it and its traits render beside the workload, in order.
    pub outputs: Vec<RenderedOutput>,
    /// What the user should know, though it is no mistake.
    pub warnings: Vec<Problem>,
}

/// An object beside a workload.
#[derive(Clone, Debug)]
pub struct RenderedOutput {
    /// Its name in `outputs`.
    pub name: String,
    /// The type of the trait that renders it, or [`AUXILIARY`].
    pub of: String,
    /// The object.
    pub object: Object,
}

impl RenderedComponent {
    /// All objects of the component: the workload first.
    pub fn into_objects(self) -> Vec<Object> {
        std::iter::once(self.workload).chain(self.outputs.into_iter().map(|o| o.object)).collect()
    }
}

/// Renders an Application: every variant that its policies and deploy steps ask for, one after the other.
///
/// ```
/// use stepwell_runtime::{definitions::Library, model::application::Application, render};
/// let text = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: app}\nspec:\n  components: [{name: web, type: webservise}]\n";
/// let app = Application::from_text("app.yaml", text).unwrap();
/// let problems = render::application(&Library::builtin(), &app, &Default::default()).unwrap_err();
/// assert_eq!(problems.to_string(), "app.yaml:5:28: spec.components[0].type: there is no component type `webservise` (did you mean `webservice`?)");
/// ```
///
/// # Errors
/// All mistakes: unknown types, parameters that do not fit, patches that conflict, what stays undecided.
pub fn application(
    library: &Library,
    app: &Application,
    options: &RenderOptions,
) -> Result<Rendered, Problems> {
    let mut problems = Problems::new(app.document.sources.clone());
    let mut warnings = app.warnings.clone();
    let workflow = match app.workflow.as_ref().map(|w| Workflow::read(w, "spec.workflow")) {
        None => None,
        Some(Ok(workflow)) => Some(workflow),
        Some(Err(faults)) => {
            // Rendering needs of a workflow only its steps' types and properties: what else is wrong there is told, and no more.
            let placed = faults.into_iter().map(|p| {
                let span = app.document.span(&p.path);
                p.at(span, "")
            });
            let (grave, light): (Vec<_>, Vec<_>) =
                placed.partition(|p| p.path.ends_with(".type") || p.code == "type");
            grave.into_iter().for_each(|p| problems.push(p));
            warnings.extend(light);
            app.workflow.as_ref().map(outline)
        }
    };
    check_types(library, app, workflow.as_ref(), &mut problems);
    let variants = match problems.is_empty() {
        true => placement::variants(app, workflow.as_ref()).unwrap_or_else(|faults| {
            faults.into_iter().for_each(|p| problems.push(p));
            Vec::new()
        }),
        false => Vec::new(),
    };
    let policies: Vec<_> = app.policies.iter().filter(|p| !is_internal(&p.kind)).collect();
    let mut rendered = Rendered { objects: Vec::new(), warnings };
    for variant in variants {
        let renderer = Renderer::new(library, app, &variant.components, options);
        let mut objects = Vec::new();
        let mut artifacts = Map::new();
        let refers = |c: &Component| {
            let definition = library.get(Kind::Component, &c.kind);
            let header = definition.and_then(|d| library.compiled(d).ok()).map(|compiled| &compiled.header);
            header.is_some_and(|h| h.references().is_some())
        };
        for c in variant.components.iter().filter(|c| !options.without_references || !refers(c)) {
            match renderer.component(c) {
                Ok(one) => {
                    if !policies.is_empty() {
                        note_artifacts(&mut artifacts, &one);
                    }
                    for w in &one.warnings {
                        if !rendered.warnings.contains(w) {
                            rendered.warnings.push(w.clone());
                        }
                    }
                    objects.extend(one.into_objects());
                }
                Err(p) => problems.absorb(p),
            }
        }
        if problems.is_empty() {
            for p in &policies {
                match renderer.policy(p, &artifacts) {
                    Ok(more) => objects.extend(more),
                    Err(p) => problems.absorb(p),
                }
            }
        }
        for _ in 1..variant.times {
            rendered.objects.extend(objects.clone());
        }
        rendered.objects.extend(objects);
    }
    problems.into_result(rendered)
}

/// Renders one component of an Application with its traits. It need not be one of `app.components`: a step may have changed it.
///
/// # Errors
/// All mistakes in it.
pub fn component(
    library: &Library,
    app: &Application,
    component: &Component,
    options: &RenderOptions,
) -> Result<RenderedComponent, Problems> {
    let mut problems = Problems::new(app.document.sources.clone());
    check_component(library, app, component, &mut problems);
    problems.into_result(())?;
    Renderer::new(library, app, &app.components, options).component(component)
}

/// Renders an application template with these parameters: what it gives as `output`, and what the user should know.
///
/// # Errors
/// Parameters that do not fit, and what stays undecided.
pub fn template(
    library: &Library,
    app: &Application,
    definition: &Definition,
    properties: &Map<String, Json>,
) -> Result<(Json, Vec<Problem>), Problems> {
    let options = RenderOptions::default();
    let context = Context::new(app, &app.components, namespace(app, &options), &options);
    evaluate::template(library, app, &context, definition, properties)
}

/// The steps of a workflow that has mistakes: types, properties, sub-steps.
fn outline(workflow: &Json) -> Workflow {
    fn steps(list: Option<&Json>, depth: usize) -> Vec<Step> {
        let items = list.and_then(Json::as_array).into_iter().flatten();
        let step = |s: &Json| Step {
            kind: s.get("type").and_then(Json::as_str).unwrap_or_default().to_string(),
            properties: s.get("properties").and_then(Json::as_object).cloned().unwrap_or_default(),
            sub_steps: if depth == 0 { steps(s.get("subSteps"), 1) } else { Vec::new() },
            ..Step::default()
        };
        items.map(step).collect()
    }
    let reference = workflow.get("ref").and_then(Json::as_str).map(str::to_string);
    Workflow { reference, steps: steps(workflow.get("steps"), 0), ..Workflow::default() }
}

/// The namespace that objects without one of their own go to.
pub fn namespace<'a>(app: &'a Application, options: &'a RenderOptions) -> &'a str {
    options.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or(app.namespace_or_default())
}

/// Policies that the runtime itself acts on: they render nothing.
fn is_internal(kind: &str) -> bool {
    const INTERNAL: [&str; 11] = [
        "topology",
        "override",
        "replication",
        "garbage-collect",
        "apply-once",
        "shared-resource",
        "read-only",
        "take-over",
        "resource-update",
        "env-binding",
        "debug",
    ];
    INTERNAL.contains(&kind)
}

/// Step types that the engine itself carries out.
const BUILTIN_STEPS: [&str; 2] = ["step-group", "suspend"];

fn check_types(library: &Library, app: &Application, workflow: Option<&Workflow>, problems: &mut Problems) {
    for c in &app.components {
        check_component(library, app, c, problems);
    }
    for p in &app.policies {
        if !is_internal(&p.kind) && library.get(Kind::Policy, &p.kind).is_none() {
            unknown(library, app, Kind::Policy, &p.kind, &p.path, problems);
        } else if p.properties.is_none() && p.kind != "debug" {
            let problem = app.problem(
                "required",
                crate::document::field(&p.path, "properties"),
                "the policy has no `properties`",
            );
            problems.push(problem.hint("`properties: {}` is a policy without any"));
        }
        // Types in an override are checked here too, whether or not a step uses it.
        let components =
            p.properties.as_ref().filter(|_| p.kind == "override").and_then(|p| p.get("components"));
        for (i, c) in components.and_then(Json::as_array).into_iter().flatten().enumerate() {
            let path = format!("{}.properties.components[{i}]", p.path);
            for (j, t) in c.get("traits").and_then(Json::as_array).into_iter().flatten().enumerate() {
                match t.get("type").and_then(Json::as_str) {
                    Some(kind) if library.get(Kind::Trait, kind).is_none() => {
                        unknown(library, app, Kind::Trait, kind, &format!("{path}.traits[{j}]"), problems);
                    }
                    _ => {}
                }
            }
            match c.get("type").and_then(Json::as_str).filter(|k| !k.is_empty()) {
                Some(kind) if library.get(Kind::Component, kind).is_none() => {
                    unknown(library, app, Kind::Component, kind, &path, problems);
                }
                _ => {}
            }
        }
    }
    let Some(workflow) = workflow else { return };
    if let Some(reference) = workflow.reference.as_ref().filter(|r| !r.is_empty()) {
        let problem = app.problem(
            "workflow",
            "spec.workflow.ref",
            format!("the Workflow `{reference}` is not at hand"),
        );
        problems.push(problem.hint("write its steps into `spec.workflow.steps`"));
    }
    for (i, step) in workflow.steps.iter().enumerate() {
        let path = format!("spec.workflow.steps[{i}]");
        let subs = step.sub_steps.iter().enumerate().map(|(j, s)| (format!("{path}.subSteps[{j}]"), s));
        for (path, s) in std::iter::once((path.clone(), step)).chain(subs) {
            if !s.kind.is_empty()
                && !BUILTIN_STEPS.contains(&s.kind.as_str())
                && library.get(Kind::WorkflowStep, &s.kind).is_none()
            {
                unknown(library, app, Kind::WorkflowStep, &s.kind, &path, problems);
            }
        }
    }
}

fn check_component(library: &Library, app: &Application, c: &Component, problems: &mut Problems) {
    if library.get(Kind::Component, &c.kind).is_none() {
        unknown(library, app, Kind::Component, &c.kind, &c.path, problems);
    }
    for t in &c.traits {
        if library.get(Kind::Trait, &t.kind).is_none() {
            unknown(library, app, Kind::Trait, &t.kind, &t.path, problems);
        }
    }
}

fn unknown(
    library: &Library,
    app: &Application,
    kind: Kind,
    name: &str,
    path: &str,
    problems: &mut Problems,
) {
    let path = crate::document::field(path, "type");
    let span = app.document.span(&path);
    problems.push(Problem { path, ..library.unknown(kind, name) }.at(span, ""));
}

/// What policies see of a rendered component.
fn note_artifacts(artifacts: &mut Map<String, Json>, one: &RenderedComponent) {
    let mut entry = Map::new();
    let mut traits: Map<String, Json> = Map::new();
    for o in &one.outputs {
        if let Some(m) = traits.entry(o.of.clone()).or_insert_with(|| json!({})).as_object_mut() {
            m.insert(o.name.clone(), o.object.clone());
        }
    }
    if !traits.is_empty() {
        entry.insert("traits".into(), traits.into());
    }
    entry.insert("workload".into(), one.workload.clone());
    artifacts.insert(one.name.clone(), entry.into());
}

/// What renders the components of one variant.
struct Renderer<'a> {
    library: &'a Library,
    app: &'a Application,
    context: Context,
    envelope: Envelope,
}

impl<'a> Renderer<'a> {
    fn new(
        library: &'a Library,
        app: &'a Application,
        components: &[Component],
        options: &RenderOptions,
    ) -> Renderer<'a> {
        let namespace = namespace(app, options);
        Renderer {
            library,
            app,
            context: Context::new(app, components, namespace, options),
            envelope: Envelope::new(app, namespace, &options.revision),
        }
    }

    fn component(&self, c: &Component) -> Result<RenderedComponent, Problems> {
        let parts = evaluate::component(self.library, self.app, &self.context, c)?;
        let mut workload = parts.workload;
        let kind = c.kind.split('@').next().unwrap_or_default();
        let reference = json!({
            "apiVersion": workload.get("apiVersion").cloned().unwrap_or(Json::Null),
            "kind": workload.get("kind").cloned().unwrap_or(Json::Null),
        });
        self.envelope.dress(&mut workload, &c.name, &c.replica_key, Role::Workload(kind));
        let mut outputs = Vec::with_capacity(parts.outputs.len());
        for mut o in parts.outputs {
            self.envelope.dress(
                &mut o.object,
                &c.name,
                &c.replica_key,
                Role::Output { of: &o.of, name: &o.name },
            );
            if let Some(path) = &o.workload_ref {
                let mut reference = reference.clone();
                reference["name"] = workload.pointer("/metadata/name").cloned().unwrap_or(Json::Null);
                set(&mut o.object, path, reference);
            }
            outputs.push(RenderedOutput { name: o.name, of: o.of, object: o.object });
        }
        Ok(RenderedComponent { name: c.name.clone(), workload, outputs, warnings: parts.warnings })
    }

    fn policy(&self, p: &Policy, artifacts: &Map<String, Json>) -> Result<Vec<Object>, Problems> {
        let mut objects = evaluate::policy(self.library, self.app, &self.context, p, artifacts)?;
        for o in &mut objects {
            self.envelope.dress_policy(o, &p.name);
        }
        Ok(objects)
    }
}

/// Puts a value at a path such as `spec.workloadRef`, making objects on the way.
fn set(object: &mut Json, path: &str, value: Json) {
    let mut at = object;
    for part in path.split('.') {
        if !at.is_object() {
            return;
        }
        at = &mut at[part];
        if at.is_null() {
            *at = json!({});
        }
    }
    *at = value;
}
