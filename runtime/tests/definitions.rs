//! Every builtin definition, rendered from the small inputs in `tests/definitions/KIND/NAME/*.yaml` and compared with snapshots.
//!
//! A new definition needs no Rust: a folder with `minimal.yaml` and `full.yaml` (`properties`, for a trait also the `component` it
//! is put on; of a policy the parameters are shown), then `INSTA_UPDATE=always cargo test -p stepwell-runtime --test definitions`.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use stepwell_runtime::definitions::{Library, Parameter, vet};
use stepwell_runtime::document::Document;
use stepwell_runtime::model::application::Application;
use stepwell_runtime::model::definition::Kind;
use stepwell_runtime::render::{self, Health, Live, RenderOptions};

fn render(component: Value) -> Result<String, String> {
    let app = json!({
        "apiVersion": "core.oam.dev/v1beta1",
        "kind": "Application",
        "metadata": {"name": "market"},
        "spec": {"components": [component]},
    });
    let app = Application::read(Document::from_value(app)).map_err(|e| e.to_string())?;
    let rendered = render::application(&Library::builtin(), &app, &RenderOptions::default())
        .map_err(|e| e.to_string())?;
    let data: Vec<_> = rendered.objects.iter().map(stepwell_lang::data::Data::from_json_value).collect();
    Ok(stepwell_lang::encode::yaml::write_stream(&data))
}

/// A policy that the runtime itself acts on renders nothing: what counts is what it reads of the properties, defaults taken.
fn policy(name: &str, properties: &Value) -> Result<String, String> {
    let library = Library::builtin();
    let definition = library.get(Kind::Policy, name).ok_or("there is no such policy")?;
    let compiled = library.compiled(definition).map_err(|e| e.to_string())?;
    let instance = compiled.program.instance();
    let data = stepwell_lang::Data::from_json_value(properties);
    instance.fill(&compiled.parameter, &data).map_err(|e| e.to_string())?;
    let parameter = instance.root().lookup(&compiled.parameter).ok_or("it has no parameter")?;
    Ok(stepwell_lang::encode::yaml::write(&parameter.data().map_err(|e| e.to_string())?))
}

#[test]
fn definitions_render() {
    insta::glob!("definitions", "*/*/*.yaml", |path| {
        let input =
            Document::read_all("input", &std::fs::read_to_string(path).unwrap()).unwrap().remove(0).value;
        let folder = path.parent().unwrap();
        let (name, kind) = (folder.file_name().unwrap(), folder.parent().unwrap().file_name().unwrap());
        let (name, kind) = (name.to_str().unwrap(), kind.to_str().unwrap());
        // What steps do is looked at where they are evaluated (`driver/evaluate.rs`), health below.
        if kind == "workflowstep" || path.file_stem().unwrap() == "health" {
            return;
        }
        let component = match kind {
            "component" => json!({"name": "shop", "type": name, "properties": input["properties"]}),
            "trait" => {
                let base = json!({"type": "webservice", "properties": {"image": "shop:1"}});
                let mut component = input.get("component").cloned().unwrap_or(base);
                component["name"] = json!("shop");
                component["traits"] = json!([{"type": name, "properties": input["properties"]}]);
                component
            }
            "policy" => json!({}),
            other => panic!("inputs of kind {other}"),
        };
        let text = match kind {
            "policy" => policy(name, &input["properties"]),
            _ => render(component),
        };
        let case = path.file_stem().unwrap().to_str().unwrap();
        insta::with_settings!({ snapshot_suffix => format!("{kind}_{name}_{case}"), omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("render", text.unwrap_or_else(|e| panic!("{}: {e}", path.display())));
        });
    });
}

fn folder(kind: Kind, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/definitions").join(kind.folder()).join(name)
}

#[test]
fn full_inputs_use_every_parameter() {
    let library = Library::builtin();
    let mut unused = Vec::new();
    for d in library.iter() {
        let mut used = BTreeSet::new();
        for file in std::fs::read_dir(folder(d.kind, &d.name)).unwrap().map(|f| f.unwrap().path()) {
            let text = std::fs::read_to_string(&file).unwrap();
            let input = Document::read_all("input", &text).unwrap().remove(0).value;
            used.extend(input["properties"].as_object().into_iter().flatten().map(|(k, _)| k.clone()));
        }
        let names = library.compiled(d).unwrap().parameter_names();
        unused.extend(
            names.iter().filter(|n| !used.contains(&***n)).map(|n| format!("{} {}: {n}", d.kind, d.name)),
        );
    }
    assert!(unused.is_empty(), "no input has:\n{}", unused.join("\n"));
}

#[test]
fn every_definition_has_its_inputs() {
    for kind in Kind::ALL {
        for name in Library::builtin().names(kind) {
            let folder = folder(kind, name);
            for case in ["minimal.yaml", "full.yaml"] {
                assert!(folder.join(case).is_file(), "{} has no {case}", folder.display());
            }
        }
    }
}

/// The parameters of a definition and all that is in them, by path.
fn every(parameters: &[Parameter], at: &str, found: &mut Vec<(String, String)>) {
    for p in parameters {
        let path = format!("{at}{}", p.name);
        every(&p.inside, &format!("{path}."), found);
        found.push((path, p.usage.clone()));
    }
}

#[test]
fn every_parameter_says_what_it_is_for() {
    let library = Library::builtin();
    let (mut unsaid, mut seen) = (Vec::new(), BTreeSet::new());
    for d in library.iter() {
        let compiled = library.compiled(d).unwrap();
        let mut all = Vec::new();
        every(&compiled.parameters(&compiled.program.instance()), "", &mut all);
        for (path, usage) in all {
            let named = format!("{} {}: {path}", d.kind, d.name);
            if usage.chars().count() < 3 {
                unsaid.push(named.clone());
            }
            seen.insert(named);
        }
    }
    assert!(unsaid.is_empty(), "{} parameters without `// +usage=`:\n{}", unsaid.len(), unsaid.join("\n"));
    // In elements of lists, in structs in them, in fields by pattern, and in branches that are not the default.
    for named in [
        "component webservice: ports.nodePort",
        "component webservice: env.valueFrom.secretKeyRef.key",
        "trait service-binding: envMappings.secret",
        "trait env: containers.env",
        "workflow step notification: slack.url.secretRef.key",
    ] {
        assert!(seen.contains(named), "{named} is not looked at");
    }
}

/// What has no parameters, or takes any.
const NO_NAMES: [&str; 7] = [
    "annotations",
    "apply-application",
    "apply-application-in-parallel",
    "json-merge-patch",
    "labels",
    "raw",
    "step-group",
];

#[test]
fn parameters_that_are_set_most_have_a_short_name_and_long_ones_another() {
    let library = Library::builtin();
    for d in library.iter() {
        let compiled = library.compiled(d).unwrap();
        let parameters = compiled.parameters(&compiled.program.instance());
        let mut called: BTreeSet<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
        let mut shorts = 0;
        for p in &parameters {
            for also in p.short.iter().chain(&p.alias) {
                assert!(called.insert(also), "{} {}: two are called {also}", d.kind, d.name);
            }
            if let Some(short) = &p.short {
                assert!(short.len() == 1, "{} {}: {short} is not short", d.kind, d.name);
                shorts += 1;
            }
            let long = p.name.len() > 22;
            assert!(!long || p.alias.is_some(), "{} {}: {} is long", d.kind, d.name, p.name);
        }
        assert_eq!(shorts > 0, !NO_NAMES.contains(&d.name.as_str()), "{} {}", d.kind, d.name);
    }
}

#[test]
fn every_definition_vets() {
    let library = Library::builtin();
    for d in library.iter() {
        if let Err(e) = vet(&library, d) {
            panic!("{} {}: {e}", d.kind, d.name);
        }
        assert!(
            !library.compiled(d).unwrap().header.description.is_empty(),
            "{} {} has no description",
            d.kind,
            d.name
        );
    }
}

fn health(kind: Kind, name: &str, case: &Value) -> Health {
    let text = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: market}\nspec: {components: [{name: shop, type: raw}]}\n";
    let app = Application::from_text("app.yaml", text).unwrap();
    let library = Library::builtin();
    let nothing = json!({});
    let object = |field: &str| case.get(field).unwrap_or(&nothing).clone();
    let (output, outputs) = (object("output"), object("outputs"));
    let live = Live {
        component: &app.components[0],
        properties: case["properties"].as_object(),
        output: &output,
        outputs: outputs.as_object().unwrap(),
    };
    render::health(&library, library.get(kind, name).unwrap(), &app, &RenderOptions::default(), live).unwrap()
}

/// `health.yaml` is a list of live objects, each with what the definition must say of it.
#[test]
fn health_is_judged_as_the_definitions_say() {
    let library = Library::builtin();
    for d in library.iter().filter(|d| matches!(d.kind, Kind::Component | Kind::Trait)) {
        let status = &library.compiled(d).unwrap().status;
        let file = folder(d.kind, &d.name).join("health.yaml");
        if status.health.is_none() && status.message.is_none() {
            assert!(!file.exists(), "{} {} judges no health", d.kind, d.name);
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let cases = Document::read_all("health", &text).unwrap().remove(0).value;
        let cases = cases.as_array().unwrap();
        let told = |healthy: bool| cases.iter().any(|c| c["healthy"] == healthy);
        assert!(told(true) && (told(false) || status.health.is_none()), "{}: only one end", file.display());
        // What nobody has looked at yet has no status.
        let objects = |c: &Value| {
            let outputs = c["outputs"].as_object().into_iter().flatten().map(|(_, o)| o.clone());
            outputs.chain([c["output"].clone()]).collect::<Vec<_>>()
        };
        let fresh = |c: &&Value| objects(c).iter().all(|o| o["status"].is_null());
        assert!(cases.iter().any(|c| fresh(&c)), "{}: nothing without a status", file.display());
        for (i, case) in cases.iter().enumerate() {
            let found = health(d.kind, &d.name, case);
            let want = (case["healthy"].as_bool().unwrap(), case["message"].as_str().unwrap());
            assert_eq!((found.healthy, found.message.as_str()), want, "{} {i}", file.display());
        }
    }
}
