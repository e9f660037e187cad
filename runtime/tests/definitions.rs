//! Every builtin definition, rendered from the small inputs in `tests/definitions/KIND/NAME/*.yaml` and compared with snapshots.
//!
//! A new definition needs no Rust: a folder with `minimal.yaml` and `full.yaml` (`properties`, for a trait also the `component` it
//! is put on; of a policy the parameters are shown), then `INSTA_UPDATE=always cargo test -p stepwell-runtime --test definitions`.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::path::Path;
use stepwell_runtime::definitions::{Library, vet};
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

#[test]
fn every_definition_has_its_inputs() {
    for kind in Kind::ALL {
        for name in Library::builtin().names(kind) {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/definitions")
                .join(kind.folder())
                .join(name);
            for case in ["minimal.yaml", "full.yaml"] {
                assert!(folder.join(case).is_file(), "{} has no {case}", folder.display());
            }
        }
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

fn health(kind: &str, output: Value, outputs: Value) -> Health {
    let text = format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: market}}\nspec: {{components: [{{name: shop, type: {kind}}}]}}\n"
    );
    let app = Application::from_text("app.yaml", &text).unwrap();
    let library = Library::builtin();
    let of = [Kind::Component, Kind::Trait].into_iter().find_map(|k| library.get(k, kind)).unwrap();
    let live = Live {
        component: &app.components[0],
        properties: None,
        output: &output,
        outputs: outputs.as_object().unwrap(),
    };
    render::health(&library, of, &app, &RenderOptions::default(), live).unwrap()
}

#[test]
fn health_follows_the_status_of_the_current_generation() {
    let deployment = |generation: i64, status: Value| json!({"metadata": {"generation": generation}, "spec": {"replicas": 2}, "status": status});
    let ready = json!({"observedGeneration": 1, "updatedReplicas": 2, "readyReplicas": 2, "replicas": 2});
    let none = json!({});
    assert!(health("webservice", deployment(1, ready.clone()), none.clone()).healthy);
    // A status that an older generation left does not count.
    assert!(!health("webservice", deployment(2, ready), none.clone()).healthy);
    let starting = health(
        "webservice",
        deployment(1, json!({"observedGeneration": 1, "readyReplicas": 1})),
        none.clone(),
    );
    assert_eq!((starting.healthy, starting.message.as_str()), (false, "Ready:1/2"));
    let fresh = health("webservice", json!({"metadata": {"generation": 1}, "spec": {}}), none.clone());
    assert_eq!((fresh.healthy, fresh.message.as_str()), (false, "Ready:0/1"));
    let daemon = json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 3}});
    assert!(health("daemon", daemon, none.clone()).healthy);
    let job = |succeeded: i64| json!({"spec": {"parallelism": 2}, "status": {"succeeded": succeeded}});
    assert!(!health("task", job(1), none.clone()).healthy);
    assert!(health("task", job(2), none).healthy);
    let balanced = |ingress: Value| json!({"service": {"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, "status": {"loadBalancer": {"ingress": ingress}}}});
    assert_eq!(
        health("expose", json!({}), balanced(json!([{"ip": "1.2.3.4"}]))).message,
        "ExternalIP: 1.2.3.4"
    );
    assert!(!health("expose", json!({}), balanced(json!([]))).healthy);
}
