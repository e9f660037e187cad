//! `stepwell def render FILE --set k=v`: what a definition makes of parameters, without an Application.

use super::vet;
use crate::error::Error;
use crate::inputs::undecodable;
use crate::library::Definitions;
use crate::objects::{self, Form};
use crate::output::Output;
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use stepwell_lang::encode::yaml;
use stepwell_lang::source::Source;
use stepwell_runtime::definitions::{Library, Parameter};
use stepwell_runtime::document::Document;
use stepwell_runtime::model::application::Application;
use stepwell_runtime::model::definition::Kind;
use stepwell_runtime::problem::nearest;
use stepwell_runtime::render::{self, RenderOptions};
use stepwell_runtime::template;

/// Print what a definition makes of parameters
///
/// A component is rendered as the only one of an Application, a trait on a component (--on), a policy in an Application without any.
#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// The file of the definition, or the name of one that is known
    file: PathBuf,
    /// A parameter, by its name or another that `def show` tells: `image=nginx`, `ports[0].port=80`; the value is YAML
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// The name of the component
    #[arg(long, default_value = "example")]
    name: String,
    /// The component that a trait is rendered on
    #[arg(long, value_name = "TYPE", default_value = "webservice")]
    on: String,
    /// A parameter of the component that a trait is rendered on
    #[arg(long = "on-set", value_name = "PATH=VALUE", default_value = "image=nginx")]
    on_set: Vec<String>,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
    #[command(flatten)]
    definitions: Definitions,
}

pub(super) fn run(args: &Arguments, out: &Output) -> Result<(), Error> {
    let mut library = args.definitions.library()?;
    let name = args.file.to_string_lossy().into_owned();
    let known = library.iter().find(|d| d.name == name).map(|d| (d.kind, d.name.clone()));
    let (kind, definition) = match known.filter(|_| !args.file.exists()) {
        Some(known) => known,
        None if args.file.extension().is_none() && !args.file.exists() => {
            let names = library.iter().map(|d| d.name.as_str());
            let error =
                Error::mistake("unknown-type", format!("there is no file and no definition `{name}`"));
            return Err(match nearest(&name, names) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint("`stepwell def list` shows those there are"),
            });
        }
        None => {
            let own = vet::read(&args.file)?;
            let found = own.iter().next().map(|d| (d.kind, d.name.clone()));
            let source = crate::inputs::read(&args.file)?;
            library = library.with_text(&source.name, &source.text)?;
            found.ok_or_else(|| Error::mistake("definition", format!("{name} holds no definition")))?
        }
    };
    let properties = parameters(&by_name(&library, kind, &definition, &args.set)?)?;
    let spec = match kind {
        Kind::Component => {
            json!({"components": [{"name": args.name, "type": definition, "properties": properties}]})
        }
        Kind::Trait => json!({"components": [{
            "name": args.name, "type": args.on, "properties": parameters(&args.on_set)?,
            "traits": [{"type": definition, "properties": properties}],
        }]}),
        Kind::Policy => {
            json!({"components": [], "policies": [{"name": args.name, "type": definition, "properties": properties}]})
        }
        Kind::Application => {
            json!({"template": {"name": definition, "properties": properties}})
        }
        Kind::WorkflowStep => {
            let error = Error::mistake(
                "definition",
                format!("`{definition}` is a workflow step: it does something, and renders nothing"),
            );
            return Err(error.hint("`stepwell run` carries out a workflow with such a step; `stepwell def show` tells its parameters"));
        }
    };
    let app = json!({
        "apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": args.name}, "spec": spec,
    });
    let app = Application::read(Document::from_value(app))?;
    let app =
        match template::fill(&library, &app).map_err(|problems| in_terms_of_parameters(problems.into()))? {
            // A template makes an Application.
            Some(filled) => {
                return objects::print(
                    std::slice::from_ref(&filled.application.document.value),
                    args.output,
                    out,
                );
            }
            None => app,
        };
    let rendered = render::application(&library, &app, &RenderOptions::default());
    let rendered = rendered.map_err(|problems| in_terms_of_parameters(problems.into()))?;
    objects::print(&rendered.objects, args.output, out)
}

/// The user gave parameters, not an Application: paths begin at `parameter`.
fn in_terms_of_parameters(mut error: Error) -> Error {
    let places = [
        "spec.components[0].traits[0].properties",
        "spec.components[0].properties",
        "spec.policies[0].properties",
        "spec.template.properties",
    ];
    for problem in &mut error.problems {
        if let Some(rest) = places.iter().find_map(|p| problem.path.strip_prefix(p)) {
            problem.path = format!("parameter{rest}");
        }
    }
    error
}

/// The same assignments, with the names of parameters where they have been given by others.
fn by_name(library: &Library, kind: Kind, definition: &str, set: &[String]) -> Result<Vec<String>, Error> {
    let Some(definition) = library.get(kind, definition) else { return Ok(set.to_vec()) };
    let compiled = library.compiled(definition)?;
    let parameters = compiled.parameters(&compiled.program.instance());
    let named = |assignment: &String| {
        let end = assignment.find(['=', '.', '[']).unwrap_or(assignment.len());
        let (name, rest) = assignment.split_at(end);
        let called = |p: &&Parameter| p.short.as_deref() == Some(name) || p.alias.as_deref() == Some(name);
        match parameters.iter().find(called).filter(|_| parameters.iter().all(|p| p.name != name)) {
            Some(parameter) => format!("{}{rest}", parameter.name),
            None => assignment.clone(),
        }
    };
    Ok(set.iter().map(named).collect())
}

/// The parameters that `--set` gives, one after the other.
fn parameters(set: &[String]) -> Result<Value, Error> {
    let mut all = Value::Object(Map::new());
    for assignment in set {
        let Some((path, text)) = assignment.split_once('=') else {
            return Err(Error::usage(format!(
                "--set {assignment}: a parameter is given as PATH=VALUE, for example --set image=nginx"
            )));
        };
        let source = Source::new(format!("--set {path}"), text);
        let value = yaml::parse(text, yaml::Rules::Documents).map_err(|e| undecodable(&source, &e))?;
        let place = place(&mut all, path)
            .ok_or_else(|| Error::usage(format!("--set {assignment}: the path `{path}` makes no sense")))?;
        *place = value.to_json_value();
    }
    Ok(all)
}

/// The most elements that a path may ask for in a list.
const MOST_ELEMENTS: usize = 1_000;

/// The place at a path (`a.b[0]."c.d"`), made on the way.
fn place<'v>(root: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    let mut at = root;
    for step in stepwell_lang::Path::parse(path).filter(|p| !p.0.is_empty())?.0 {
        at = match step {
            stepwell_lang::Step::Field(name) | stepwell_lang::Step::Special(name) => {
                if at.is_null() {
                    *at = Value::Object(Map::new());
                }
                at.as_object_mut()?.entry(&*name).or_insert(Value::Null)
            }
            stepwell_lang::Step::Index(index) if index < MOST_ELEMENTS => {
                if at.is_null() {
                    *at = Value::Array(Vec::new());
                }
                let list = at.as_array_mut()?;
                if list.len() <= index {
                    list.resize(index + 1, Value::Null);
                }
                list.get_mut(index)?
            }
            stepwell_lang::Step::Index(_) => return None,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_set_by_path() {
        let set =
            ["image=nginx", "ports[1].port=80", "env.\"a.b\"=yes", "cpu='0.5'", "list=[1, a]", "image=redis"];
        let all = parameters(&set.map(str::to_owned)).unwrap();
        let want = json!({
            "image": "redis", "ports": [null, {"port": 80}], "env": {"a.b": true}, "cpu": "0.5", "list": [1, "a"],
        });
        assert_eq!(all, want);
    }

    #[test]
    fn paths_that_make_no_sense_are_wrong_calls() {
        for set in ["image", "=1", "a..b=1", "a[99999999999]=1", "a[1000]=1"] {
            assert!(parameters(&[set.to_owned()]).is_err(), "{set}");
        }
        assert!(parameters(&["a=1".to_owned(), "a.b=1".to_owned()]).is_err());
        assert!(parameters(&["a=[".to_owned()]).is_err());
    }
}
