//! Application templates: a definition whose `output` is what an Application lists otherwise (components, policies, workflow). It is rendered with the
//! parameters that the Application gives, its patch is laid over that, and the result is written into the Application.
//!
//! What the template gives takes the place of what the Application lists, part by part; a part that it does not give stays. Where templates lie is found
//! here for files and repositories, and in `driver/template.rs` for the cluster. Tests: `tests/program/templates.rs`.

use crate::definitions::{Definition, Library};
use crate::git::{Checkout, Remote};
use crate::model::application::Application;
use crate::model::definition::Kind;
use crate::model::template::{Git, Place, TemplateRef, overlay};
use crate::problem::{Problems, nearest};
use crate::render;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The parts of an Application that a template may give.
const PARTS: [&str; 3] = ["components", "policies", "workflow"];
/// Where the Application says what it was made of.
pub const ANNOTATION: &str = "app.oam.dev/template";
/// The code of a mistake that may be none: the repository did not answer.
pub(crate) const UNREACHABLE: &str = "unreachable";
/// Where the reference stands.
const AT: &str = "spec.template";

/// An Application as its template makes it.
#[derive(Clone, Debug)]
pub struct Filled {
    /// The Application.
    pub application: Application,
    /// What the template has given: parts of `spec`.
    pub parts: Map<String, Value>,
    /// Which template it was, for people.
    pub of: String,
    /// Whether the Application was so already.
    pub same: bool,
}

/// A template that was found, and how people call it.
pub(crate) struct Found {
    pub(crate) definition: Arc<Definition>,
    pub(crate) library: Library,
    pub(crate) of: String,
}

/// Makes an Application of its template, without a cluster: templates are looked for in files, repositories, and among the definitions of the library.
/// `None` where it names none.
///
/// # Errors
/// A template that is not there or is none, parameters that do not fit, everything that is wrong in the result.
pub fn fill(library: &Library, app: &Application) -> Result<Option<Filled>, Problems> {
    let Some(reference) = &app.template else { return Ok(None) };
    let found = match &reference.place {
        Place::Cluster => of_library(library, app, reference)?,
        Place::Path(path) => of_path(library, app, path)?,
        Place::Git(Git { secret: Some(_), .. }) => {
            let what = "a Secret lets into the repository, which only a cluster has";
            return Err(wrong(app, "template", "git.secretRef", what));
        }
        Place::Git(git) => of_git(library, app, git, None, true)?,
    };
    made(app, &found).map(Some)
}

fn wrong(app: &Application, code: &'static str, at: &str, message: impl Into<String>) -> Problems {
    let path = if at.is_empty() { AT.to_string() } else { format!("{AT}.{at}") };
    Problems::one(app.document.sources.clone(), app.problem(code, path, message))
}

pub(crate) fn of_library(
    library: &Library,
    app: &Application,
    reference: &TemplateRef,
) -> Result<Found, Problems> {
    match library.get(Kind::Application, &reference.name) {
        Some(definition) => {
            Ok(Found { definition: definition.clone(), library: library.clone(), of: reference.name.clone() })
        }
        None => {
            let name = &reference.name;
            let message = format!("there is no application template `{name}`");
            let problem = app.problem("unknown-type", format!("{AT}.name"), message);
            let near = nearest(name, library.names(Kind::Application));
            Err(Problems::one(app.document.sources.clone(), match near {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint("a template is an ApplicationTemplate on the cluster, or in a place that `path` or `git` tells"),
            }))
        }
    }
}

/// A template in a file or folder beside the file of the Application.
pub(crate) fn of_path(library: &Library, app: &Application, path: &str) -> Result<Found, Problems> {
    let beside = app
        .document
        .span("")
        .and_then(|span| app.document.sources.get(span.file))
        .map(|s| s.name.to_string());
    let Some(file) = beside else {
        let message = format!(
            "`{path}` is a place beside the file of the Application: only `stepwell run FILE` can look there"
        );
        return Err(wrong(app, "template", "path", message));
    };
    let place = Path::new(&file).parent().unwrap_or(Path::new("")).join(path);
    if !place.exists() {
        return Err(wrong(app, "template", "path", format!("there is no {}", place.display())));
    }
    let own = Library::empty(library.packages().clone()).with_dir(&place)?;
    choose(app, own, "path", &place.display().to_string(), path.to_string())
}

/// A template in a repository; it blocks.
pub(crate) fn of_git(
    library: &Library,
    app: &Application,
    git: &Git,
    secret: Option<(String, BTreeMap<String, Vec<u8>>)>,
    local: bool,
) -> Result<Found, Problems> {
    let mut remote = Remote { url: git.url.clone(), branch: git.branch.clone(), local, ..Remote::default() };
    let failed = |e: crate::git::GitError| {
        wrong(app, if e.may_pass() { UNREACHABLE } else { "template" }, "git", e.to_string())
    };
    if let Some((name, data)) = secret {
        remote = remote.let_in_by(&name, &data).map_err(failed)?;
    }
    let checkout = Checkout::fetch(&remote).map_err(failed)?;
    let commit = checkout.commit();
    let mut own = Library::empty(library.packages().clone());
    for (name, text) in checkout.files(&git.path).map_err(failed)? {
        if [".cue", ".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) {
            own = own.with_text(&name, &text)?;
        }
    }
    let place = format!("{} of {}", git.path, remote.shown());
    choose(app, own, "git", &place, format!("{}@{commit}", remote.shown()))
}

/// The one template of a place, or the one that is named.
fn choose(app: &Application, library: Library, at: &str, place: &str, of: String) -> Result<Found, Problems> {
    let name = app.template.as_ref().map_or("", |t| t.name.as_str());
    let all: Vec<&Arc<Definition>> = library.iter().filter(|d| d.kind == Kind::Application).collect();
    let names = || all.iter().map(|d| d.name.as_str());
    let definition = match (name, &all[..]) {
        ("", []) => {
            let message =
                format!("there is no template in {place}: a definition with `type: \"application\"`");
            return Err(wrong(app, "template", at, message));
        }
        ("", [one]) => one,
        ("", _) => {
            let names = names().collect::<Vec<_>>().join(", ");
            let message = format!("there are several templates in {place}: say by `name` which, of {names}");
            return Err(wrong(app, "template", at, message));
        }
        (name, all) => all.iter().find(|d| d.name == name).ok_or_else(|| {
            let hint = nearest(name, names()).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            let message = format!("there is no template `{name}` in {place}{hint}");
            wrong(app, "template", "name", message)
        })?,
    };
    let (definition, of) = (Arc::clone(definition), format!("{} ({of})", definition.name));
    Ok(Found { definition, library, of })
}

/// The Application as a template makes it.
pub(crate) fn made(app: &Application, found: &Found) -> Result<Filled, Problems> {
    let Some(reference) = &app.template else {
        return Err(wrong(app, "template", "", "the Application names no template"));
    };
    let (mut output, warnings) =
        render::template(&found.library, app, &found.definition, &reference.properties)?;
    fits(app, &found.definition.name, &output, &reference.patch)?;
    overlay(&mut output, &Value::Object(reference.patch.clone()));
    let parts = match output {
        Value::Object(parts) => parts,
        _ => Map::new(),
    };
    if let Some(other) = parts.keys().find(|k| !PARTS.contains(&k.as_str())) {
        let message = format!(
            "the template `{}` gives `{other}`, and may give {}",
            found.definition.name,
            PARTS.join(", ")
        );
        return Err(wrong(app, "template", "", message));
    }
    let spec = app.document.value.get("spec");
    let same = parts.iter().all(|(part, value)| spec.and_then(|s| s.get(part)) == Some(value));
    let mut document = (*app.document).clone();
    if let Some(Value::Object(spec)) = document.value.get_mut("spec") {
        spec.extend(parts.clone());
    }
    if !same {
        document.value["metadata"]["annotations"][ANNOTATION] = found.of.clone().into();
    }
    let mut application = Application::read(document)?;
    application.warnings.extend(warnings);
    Ok(Filled { application, parts, of: found.of.clone(), same })
}

/// Whether a patch is of what a template may give, and only adds what it says all of.
fn fits(
    app: &Application,
    template: &str,
    output: &Value,
    patch: &Map<String, Value>,
) -> Result<(), Problems> {
    let refused = |at: String, message: String, near: Option<&str>, known: &[&str]| {
        let problem = app.problem("template", at, message);
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are `{}`", known.join("`, `")),
        };
        Err(Problems::one(app.document.sources.clone(), problem.hint(hint)))
    };
    if let Some(other) = patch.keys().find(|k| !PARTS.contains(&k.as_str())) {
        let message = format!("a template gives no `{other}` that could be patched");
        return refused(format!("{AT}.patch.{other}"), message, nearest(other, PARTS), &PARTS);
    }
    let list = |of: Option<&Value>| of.and_then(Value::as_array).cloned().unwrap_or_default();
    let given = list(output.get("components"));
    let names: Vec<&str> = given.iter().filter_map(|c| c.get("name")?.as_str()).collect();
    for (i, component) in list(patch.get("components")).iter().enumerate() {
        let Some(name) = component.get("name").and_then(Value::as_str) else { continue };
        if !names.contains(&name) && component.get("type").is_none() {
            let message = format!(
                "the template `{template}` gives no component `{name}` to patch, and to add one its `type` is missing"
            );
            let at = format!("{AT}.patch.components[{i}].name");
            return refused(at, message, nearest(name, names.iter().copied()), &names);
        }
    }
    Ok(())
}
