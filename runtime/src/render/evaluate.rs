//! Templates evaluated: `parameter` and `context` filled, `output`, `outputs`, `patch`, `patchOutputs` and `errs` read.
//!
//! Traits are carried out in their order, each seeing what those before made. What may be changed: what a template may say beside its objects is
//! read in `Filled`. Tests in `tests/definitions.rs` and `tests/conformance.rs`.

use super::context::{Context, ordered_fields};
use super::explain::Site;
use super::object::AUXILIARY;
use super::patch;
use super::tree::{Markers, Node, is_open};
use crate::definitions::{Compiled, Definition, Library};
use crate::document::field;
use crate::model::application::{Application, Component, Policy};
use crate::model::definition::Kind;
use crate::problem::{Problem, Problems};
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use stepwell_lang::{Data, Instance, Path, Shared, Value, Which};

/// A component, evaluated and patched.
pub(crate) struct Parts {
    pub(crate) workload: Json,
    pub(crate) outputs: Vec<Output>,
    pub(crate) warnings: Vec<Problem>,
}

/// An object beside a workload.
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) of: String,
    pub(crate) workload_ref: Option<String>,
    pub(crate) object: Json,
}

/// An object beside a workload while traits may still change it.
struct Pending {
    name: Arc<str>,
    of: String,
    workload_ref: Option<String>,
    node: Node,
}

/// A template with its holes filled.
struct Filled<'a> {
    compiled: &'a Compiled,
    instance: Instance,
    site: Site<'a>,
}

impl<'a> Filled<'a> {
    fn new(
        library: &'a Library,
        app: &'a Application,
        definition: &'a Definition,
        site_path: &str,
        parameter: Option<&Shared>,
        (context, own): (&Context, Vec<(&'static str, Shared)>),
    ) -> Result<Filled<'a>, Problems> {
        let compiled = library.compiled(definition)?;
        let instance = compiled.program.instance();
        let site =
            Site { document: &app.document, definition, compiled, path: field(site_path, "properties") };
        if let Some(p) = parameter {
            instance.fill_shared(&compiled.parameter, p)?;
        }
        let context = context.with_selected(&compiled.context, own);
        instance.fill_shared(&Path::from_iter(["context"]), &context)?;
        Ok(Filled { compiled, instance, site })
    }

    fn template(&self) -> Value<'_> {
        self.compiled.template(&self.instance)
    }

    /// The mistakes in what the user gave: parameters that conflict, and what the template itself refuses.
    fn check(&self) -> Result<(), Problems> {
        let mut problems = self.site.parameters(&self.instance, false);
        if let Some(errs) = self.template().get("errs").and_then(Value::elements) {
            let texts: Vec<Arc<str>> = errs.into_iter().filter_map(Value::as_str).collect();
            for text in texts {
                problems.push(self.site.document.problem("refused", &self.site.path, text.to_string()));
            }
        }
        problems.into_result(())
    }

    /// The tree of a value of the template.
    fn node(&self, value: Value<'_>, markers: bool) -> Result<Node, Problems> {
        Node::of(value, markers).map_err(|diagnostics| self.site.template(&self.instance, diagnostics))
    }

    /// The objects of `outputs`: those under a condition first.
    fn outputs(&self) -> Result<Vec<(Arc<str>, Node)>, Problems> {
        let Some(outputs) = self.template().get("outputs") else { return Ok(Vec::new()) };
        if let Some(d) = outputs.error() {
            match is_open(d.code) {
                true => return Err(self.missing(vec![d])),
                false => return Err(self.site.template(&self.instance, vec![d])),
            }
        }
        let (first, rest): (Vec<_>, Vec<_>) =
            outputs.fields(Which::default()).into_iter().partition(|f| f.value.is_yielded());
        let fields = first.into_iter().chain(rest);
        let mut out = Vec::with_capacity(fields.size_hint().0);
        for f in fields {
            out.push((f.value.label(), self.node(f.value, false)?));
        }
        Ok(out)
    }

    /// Why a patch does not fit: parameters that are missing, or else the conflicts.
    fn unfit(&self, onto: &str, conflicts: Vec<patch::Conflict>) -> Problems {
        let missing = self.site.parameters(&self.instance, true);
        match missing.is_empty() {
            true => self.site.conflicts(onto, conflicts),
            false => missing,
        }
    }

    /// Why something stayed undecided: parameters that are missing, or else the template itself.
    fn missing(&self, why: Vec<stepwell_lang::diag::Diagnostic>) -> Problems {
        let missing = self.site.parameters(&self.instance, true);
        match missing.is_empty() {
            true => self.site.template(&self.instance, why),
            false => missing,
        }
    }
}

/// Evaluates an application template.
pub(crate) fn template(
    library: &Library,
    app: &Application,
    context: &Context,
    definition: &Definition,
    properties: &Map<String, Json>,
) -> Result<(Json, Vec<Problem>), Problems> {
    const AT: &str = "spec.template";
    let given = ordered_fields(properties);
    let own = vec![("name", Shared::string(app.name.as_str()))];
    let filled = Filled::new(library, app, definition, AT, Some(&given), (context, own))?;
    filled.check()?;
    let Some(output) = filled.template().get("output") else {
        let message = format!("the template `{}` has no `output`", definition.name);
        return Err(Problems::one(app.document.sources.clone(), app.problem("definition", AT, message)));
    };
    let node = filled.node(output, false)?;
    let mut open = Problems::new(app.document.sources.clone());
    undecided(&filled, &[&node], &mut open);
    open.into_result(())?;
    let warnings = filled.site.warnings(Some(properties));
    node.to_json().map(|json| (json, warnings)).map_err(|open| {
        let paths: Vec<&str> = open.iter().map(|(path, _)| path.as_str()).collect();
        let message = format!("the template `{}` leaves open: {}", definition.name, paths.join(", "));
        Problems::one(app.document.sources.clone(), app.problem("incomplete", AT, message))
    })
}

/// What is missing, if something in the tree is undecided. Kept until the end: a later trait may decide it.
fn undecided(filled: &Filled<'_>, nodes: &[&Node], into: &mut Problems) {
    let why: Vec<_> = nodes.iter().flat_map(|n| n.undecided()).filter_map(|(_, why)| why).collect();
    if !why.is_empty() {
        into.absorb(filled.missing(why));
    }
}

/// Evaluates a component and carries out its traits.
pub(crate) fn component(
    library: &Library,
    app: &Application,
    context: &Context,
    c: &Component,
) -> Result<Parts, Problems> {
    let Some(definition) = library.get(Kind::Component, &c.kind) else {
        return Err(Problems::one(app.document.sources.clone(), library.unknown(Kind::Component, &c.kind)));
    };
    let mut fields = vec![
        ("name", Shared::string(c.name.as_str())),
        ("replicaKey", Shared::string(c.replica_key.as_str())),
        ("revision", Shared::string(c.external_revision.as_deref().unwrap_or_default())),
    ];
    let given = c.properties.as_ref().map(ordered_fields);
    fields.extend(given.iter().map(|p| ("parameter", p.clone())));
    let parameter = given.unwrap_or_else(|| Shared::structure([]));
    let filled = Filled::new(library, app, definition, &c.path, Some(&parameter), (context, fields.clone()))?;
    if let Err(mut problems) = filled.check() {
        check_rest(library, app, context, &c.traits, &fields, &mut problems);
        return Err(problems);
    }
    let mut warnings = filled.site.warnings(c.properties.as_ref());
    let Some(output) = filled.template().get("output") else {
        let problem = app.problem(
            "definition",
            field(&c.path, "type"),
            format!("the definition `{}` has no `output`", c.kind),
        );
        return Err(Problems::one(app.document.sources.clone(), problem));
    };
    let mut workload = filled.node(output, false)?;
    let mut outputs: Vec<Pending> = filled
        .outputs()?
        .into_iter()
        .map(|(name, node)| Pending { name, of: AUXILIARY.to_string(), workload_ref: None, node })
        .collect();
    let mut open = Problems::new(app.document.sources.clone());
    undecided(
        &filled,
        &std::iter::once(&workload).chain(outputs.iter().map(|o| &o.node)).collect::<Vec<_>>(),
        &mut open,
    );
    drop(filled);
    let mut problems = Problems::new(app.document.sources.clone());
    for (i, t) in c.traits.iter().enumerate() {
        let Some(definition) = library.get(Kind::Trait, &t.kind) else {
            problems.push(library.unknown(Kind::Trait, &t.kind));
            continue;
        };
        // A trait must see the workload: what is undecided before it stays so.
        if !workload.is_decided() || !outputs.iter().all(|o| o.node.is_decided()) {
            return Err(finish(open, problems));
        }
        let compiled = library.compiled(definition)?;
        let mut seen = fields.clone();
        seen.push(("componentType", Shared::string(c.kind.as_str())));
        if compiled.looks_at("output") {
            seen.extend(workload.to_shared().map(|data| ("output", data)));
        }
        if !outputs.is_empty() && compiled.looks_at("outputs") {
            seen.extend(outputs_shared(&outputs).map(|data| ("outputs", data)));
        }
        let given = t.properties.as_ref().map(ordered_fields);
        let filled = Filled::new(library, app, definition, &t.path, given.as_ref(), (context, seen))?;
        if let Err(p) = filled.check() {
            problems.absorb(p);
            continue;
        }
        warnings.extend(filled.site.warnings(t.properties.as_ref()));
        match apply(&filled, t.kind.as_str(), &mut workload, &mut outputs, &mut open) {
            Ok(()) => {}
            Err(p) => {
                problems.absorb(p);
                // What comes after would only tell of the same again.
                let rest = c.traits.get(i + 1..).unwrap_or_default();
                check_rest(library, app, context, rest, &fields, &mut problems);
                break;
            }
        }
    }
    problems.into_result(())?;
    let mut undone = Vec::new();
    let json = |node: &Node, undone: &mut Vec<(String, Option<stepwell_lang::diag::Diagnostic>)>| match node
        .to_json()
    {
        Ok(json) => json,
        Err(open) => {
            undone.extend(open);
            Json::Null
        }
    };
    let object = json(&workload, &mut undone);
    let outputs: Vec<Output> = outputs
        .into_iter()
        .map(|o| Output {
            name: o.name.to_string(),
            of: o.of,
            workload_ref: o.workload_ref,
            object: json(&o.node, &mut undone),
        })
        .collect();
    let mut problems = Problems::new(app.document.sources.clone());
    if !undone.is_empty() {
        for (path, _) in &undone {
            if open.is_empty() {
                let problem = app.problem(
                    "incomplete",
                    &c.path,
                    format!("`{path}` of the rendered object is not decided"),
                );
                problems.push(problem);
            }
        }
        return Err(finish(open, problems));
    }
    let own = std::iter::once(("output", AUXILIARY, &object));
    for (what, of, object) in own.chain(outputs.iter().map(|o| (o.name.as_str(), o.of.as_str(), &o.object))) {
        if object.get("kind").and_then(Json::as_str).is_none_or(str::is_empty) {
            let (path, by) = match c.traits.iter().find(|t| t.kind == of) {
                Some(t) => (&t.path, format!("trait `{}`", t.kind)),
                None => (&c.path, format!("component `{}`", c.kind)),
            };
            let message = format!("`{what}` of the {by} renders an object without a `kind`");
            problems.push(app.problem("definition", path, message));
        }
    }
    let text = |name: &str| object.get(name).and_then(Json::as_str).unwrap_or_default();
    for t in &c.traits {
        let definition = library.get(Kind::Trait, &t.kind).and_then(|d| library.compiled(d).ok());
        let not_for = definition.and_then(|d| d.header.is_not_for(&c.kind, text("apiVersion"), text("kind")));
        if let Some(workloads) = not_for {
            let message = format!(
                "the trait `{}` is not made for a {}, the workload of `{}`",
                t.kind,
                text("kind"),
                c.name
            );
            let problem = app.problem("applies-to", field(&t.path, "type"), message);
            warnings.push(problem.hint(format!("it is made for `{}`", workloads.join("`, `"))));
        }
    }
    problems.into_result(Parts { workload: object, outputs, warnings })
}

fn finish(open: Problems, mut problems: Problems) -> Problems {
    problems.absorb(open);
    problems
}

/// Parameters of the traits after one that failed, so that all mistakes of the user are told at once.
fn check_rest(
    library: &Library,
    app: &Application,
    context: &Context,
    rest: &[crate::model::application::Trait],
    fields: &[(&'static str, Shared)],
    problems: &mut Problems,
) {
    for t in rest {
        let Some(definition) = library.get(Kind::Trait, &t.kind) else { continue };
        let given = t.properties.as_ref().map(ordered_fields);
        let seen = (context, fields.to_vec());
        match Filled::new(library, app, definition, &t.path, given.as_ref(), seen) {
            Ok(filled) => problems.absorb(filled.site.parameters(&filled.instance, false)),
            Err(p) => problems.absorb(p),
        }
    }
}

fn outputs_shared(outputs: &[Pending]) -> Option<Shared> {
    let mut fields: Vec<(Arc<str>, Shared)> = Vec::with_capacity(outputs.len());
    for o in outputs {
        let data = o.node.to_shared()?;
        match fields.iter_mut().find(|(n, _)| *n == o.name) {
            Some((_, there)) => *there = data,
            None => fields.push((o.name.clone(), data)),
        }
    }
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    Some(Shared::structure(fields))
}

/// Carries out one trait.
fn apply(
    filled: &Filled<'_>,
    kind: &str,
    workload: &mut Node,
    outputs: &mut Vec<Pending>,
    open: &mut Problems,
) -> Result<(), Problems> {
    let template = filled.template();
    let before = open.list.len();
    if let Some(value) = template.get("patch") {
        let node = filled.node(value, true)?;
        undecided(filled, &[&node], open);
        let base = std::mem::replace(workload, Node::Leaf(Data::Null));
        *workload = match node {
            // Nothing can be said of the workload while the whole patch is undecided.
            Node::Open(_) if open.list.len() > before => return Err(std::mem::take(open)),
            patch => {
                patch::apply(base, patch, &Markers::of(value)).map_err(|c| filled.unfit("the workload", c))?
            }
        };
    }
    if let Some(value) = template.get("patchOutputs") {
        for f in value.fields(Which::default()) {
            let name = f.value.label();
            let node = filled.node(f.value, true)?;
            undecided(filled, &[&node], open);
            for o in outputs.iter_mut().filter(|o| o.name == name) {
                let base = std::mem::replace(&mut o.node, Node::Leaf(Data::Null));
                let of = format!("the output `{name}`");
                o.node = patch::apply(base, node.clone(), &Markers::of(f.value))
                    .map_err(|c| filled.unfit(&of, c))?;
            }
        }
    }
    let workload_ref = filled.compiled.header.workload_ref_path().map(str::to_string);
    let new = filled.outputs()?;
    undecided(filled, &new.iter().map(|(_, n)| n).collect::<Vec<_>>(), open);
    outputs.extend(new.into_iter().map(|(name, node)| Pending {
        name,
        of: kind.to_string(),
        workload_ref: workload_ref.clone(),
        node,
    }));
    Ok(())
}

/// Evaluates a policy that renders objects.
pub(crate) fn policy(
    library: &Library,
    app: &Application,
    context: &Context,
    p: &Policy,
    artifacts: &Map<String, Json>,
) -> Result<Vec<Json>, Problems> {
    let Some(definition) = library.get(Kind::Policy, &p.kind) else {
        return Err(Problems::one(app.document.sources.clone(), library.unknown(Kind::Policy, &p.kind)));
    };
    let fields = vec![
        ("artifacts", ordered_fields(artifacts)),
        ("name", Shared::string(p.name.as_str())),
        ("replicaKey", Shared::string("")),
        ("revision", Shared::string("")),
    ];
    let given = p.properties.as_ref().map(ordered_fields);
    let filled = Filled::new(library, app, definition, &p.path, given.as_ref(), (context, fields))?;
    filled.check()?;
    let mut nodes: Vec<Node> = Vec::new();
    if let Some(output) = filled.template().get("output") {
        nodes.push(filled.node(output, false)?);
    }
    nodes.extend(filled.outputs()?.into_iter().map(|(_, node)| node));
    let mut open = Problems::new(app.document.sources.clone());
    undecided(&filled, &nodes.iter().collect::<Vec<_>>(), &mut open);
    let objects: Vec<Json> = nodes.iter().filter_map(|n| n.to_json().ok()).collect();
    open.into_result(objects)
}
