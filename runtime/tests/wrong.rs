//! What users are told of wrong parameters, for every builtin definition: the place in their file, the path, the nearest name, before anything is done. The wording
//! is held by `mistakes.rs`; here it counts that no definition lets a mistake pass.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_runtime::definitions::{Definition, Library, Parameter};
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Delivery, DriveError, Driver};
use stepwell_runtime::model::application::Application;
use stepwell_runtime::model::definition::Kind;
use stepwell_runtime::problem::{Problem, Problems};
use stepwell_runtime::render::{self, RenderOptions};

/// A definition with its smallest input.
struct Case {
    kind: Kind,
    name: String,
    parameters: Vec<Parameter>,
    minimal: Value,
}

impl Case {
    fn of(library: &Library, d: &Definition) -> Case {
        let compiled = library.compiled(d).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/definitions").join(d.kind.folder());
        let text = std::fs::read_to_string(folder.join(&d.name).join("minimal.yaml")).unwrap();
        let minimal = Document::read_all("minimal", &text).unwrap().remove(0).value;
        let parameters = compiled.parameters(&compiled.program.instance());
        Case { kind: d.kind, name: d.name.clone(), parameters, minimal }
    }

    fn properties(&self) -> Map<String, Value> {
        self.minimal["properties"].as_object().cloned().unwrap_or_default()
    }

    /// Where the properties stand.
    fn path(&self) -> &'static str {
        match self.kind {
            Kind::Component => "spec.components[0].properties",
            Kind::Trait => "spec.components[0].traits[0].properties",
            Kind::Policy => "spec.policies[0].properties",
            _ => "spec.workflow.steps[0].properties",
        }
    }

    /// An Application that uses the definition with these properties, each on a line of its own.
    fn application(&self, properties: &Map<String, Value>) -> String {
        let lines: String =
            properties.iter().map(|(k, v)| format!("          {}: {v}\n", json!(k))).collect();
        let given = match lines.as_str() {
            "" => "        properties: {}\n".to_owned(),
            lines => format!("        properties:\n{lines}"),
        };
        let web = "  components:\n    - name: web\n      type: webservice\n      properties: {image: a}\n";
        let head = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop}\nspec:\n";
        let name = &self.name;
        head.to_owned()
            + &match self.kind {
                Kind::Component => format!("  components:\n    -   name: web\n        type: {name}\n{given}"),
                Kind::Trait => {
                    let base = json!({"type": "webservice", "properties": {"image": "a"}});
                    let on = self.minimal.get("component").unwrap_or(&base);
                    format!(
                        "  components:\n    - name: web\n      type: {}\n      properties: {}\n      traits:\n      - type: {name}\n{given}",
                        on["type"].as_str().unwrap(),
                        on["properties"]
                    )
                }
                Kind::Policy => {
                    format!("{web}  policies:\n    -   name: mine\n        type: {name}\n{given}")
                }
                _ => {
                    format!("{web}  workflow:\n    steps:\n    -   name: one\n        type: {name}\n{given}")
                }
            }
    }
}

/// What there is to say: each with its path, the line that is shown, and its words. Components and traits as they are rendered, steps and policies as they are checked
/// on a cluster before a run.
async fn told(driver: &Driver, text: &str) -> (bool, Vec<(String, usize, String)>) {
    let document = Document::read_all("app.yaml", text).unwrap_or_else(|e| panic!("{e}\n{text}")).remove(0);
    let all = |problems: &Problems| {
        let one = |p: &Problem| {
            let shown = problems.positions(p).first().map_or(0, |at| at.line as usize);
            (p.path.clone(), shown, format!("{} {}", p.message, p.hint.clone().unwrap_or_default()))
        };
        problems.list.iter().map(one).collect::<Vec<_>>()
    };
    let of_document = |list: Vec<Problem>| all(&Problems { list, sources: document.sources.clone() });
    let app = match Application::from_text("app.yaml", text) {
        Ok(app) => app,
        Err(problems) => return (false, all(&problems)),
    };
    let mut said = match render::application(&Library::builtin(), &app, &RenderOptions::default()) {
        Ok(rendered) => of_document(rendered.warnings),
        Err(problems) => return (false, all(&problems)),
    };
    let delivery = Delivery::read(&document).unwrap().unwrap();
    match driver.check(&delivery).await {
        Ok(warnings) => said.extend(of_document(warnings)),
        Err(DriveError::Problems(problems)) => return (false, all(&problems)),
        Err(other) => panic!("{other}\n{text}"),
    }
    (true, said)
}

/// The line of a parameter in the text.
fn line_of(text: &str, name: &str) -> usize {
    let at = text.lines().position(|l| l.starts_with(&format!("          {}: ", json!(name))));
    at.unwrap_or_else(|| panic!("{name} in {text}")) + 1
}

/// A value that a parameter of this kind cannot have.
fn wrong(kind: &str) -> Option<Value> {
    let can = |what: &str| kind == "_" || kind.contains(what);
    if !can("string") {
        return Some(json!("not-this"));
    }
    ["number", "float", "int"].iter().all(|what| !can(what)).then(|| json!(-1.5))
}

async fn driver() -> (EmbeddedCluster, Driver) {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let driver = Driver::new(cluster.client(), Library::builtin()).local();
    (cluster, driver)
}

fn cases() -> Vec<Case> {
    let library = Library::builtin();
    library.iter().map(|d| Case::of(&library, d)).filter(|c| c.kind != Kind::Application).collect()
}

#[tokio::test]
async fn smallest_inputs_are_right() {
    let (_cluster, driver) = driver().await;
    for case in cases() {
        let text = case.application(&case.properties());
        let (right, told) = told(&driver, &text).await;
        assert!(right, "{} {}: {told:#?}\n{text}", case.kind, case.name);
    }
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let changed = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A word without its last letter, if it then is nearer to itself than to all others.
fn slip<'a>(word: &str, others: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let (cut, _) = word.char_indices().last().filter(|(cut, _)| *cut >= 2)?;
    let slip = &word[..cut];
    let nearer = others.into_iter().any(|other| other != word && distance(slip, other) <= 1);
    (!nearer).then(|| slip.to_owned())
}

#[tokio::test]
async fn every_misspelt_parameter_is_told_with_the_nearest_name() {
    let (_cluster, driver) = driver().await;
    let (mut seen, mut definitions) = (0, 0);
    for case in cases() {
        let given = case.properties();
        let before = seen;
        for parameter in case.parameters.iter().filter(|p| !given.contains_key(&p.name)) {
            let names = case.parameters.iter().map(|p| p.name.as_str());
            let Some(slip) = slip(&parameter.name, names) else { continue };
            let mut properties = given.clone();
            properties.insert(slip.clone(), json!("x"));
            let text = case.application(&properties);
            let (_, told) = told(&driver, &text).await;
            let path = format!("{}.{slip}", case.path());
            let near = format!("did you mean `{}`?", parameter.name);
            let found = told.iter().any(|(at, line, says)| {
                *at == path && *line == line_of(&text, &slip) && says.ends_with(&near)
            });
            assert!(found, "{} {}: {slip}: {told:#?}\n{text}", case.kind, case.name);
            seen += 1;
        }
        definitions += usize::from(seen > before);
    }
    assert!(definitions > 80 && seen > 300, "{definitions}, {seen}");
}

#[tokio::test]
async fn a_parameter_of_the_wrong_type_is_told_where_it_stands() {
    let (_cluster, driver) = driver().await;
    let mut seen = 0;
    for case in cases() {
        for parameter in &case.parameters {
            let Some(value) = wrong(&parameter.kind) else { continue };
            let mut properties = case.properties();
            properties.insert(parameter.name.clone(), value);
            let text = case.application(&properties);
            let (right, told) = told(&driver, &text).await;
            let path = format!("{}.{}", case.path(), parameter.name);
            let line = line_of(&text, &parameter.name);
            let found = told.iter().any(|(at, on, _)| at.starts_with(&path) && *on == line);
            assert!(!right && found, "{} {}: {}: {told:#?}\n{text}", case.kind, case.name, parameter.name);
            seen += 1;
        }
    }
    assert!(seen > 300, "{seen}");
}

#[tokio::test]
async fn a_parameter_that_is_missing_is_told() {
    let (_cluster, driver) = driver().await;
    let mut seen = 0;
    for case in cases() {
        for parameter in case.parameters.iter().filter(|p| !p.optional && p.default.is_none()) {
            let mut properties = case.properties();
            // What may be an empty list or object is not missing.
            let scalar = ["string", "int", "bool", "number"].contains(&parameter.kind.as_str());
            if !scalar || properties.remove(&parameter.name).is_none() {
                continue;
            }
            let text = case.application(&properties);
            let (right, told) = told(&driver, &text).await;
            let path = format!("{}.{}", case.path(), parameter.name);
            let found = told.iter().any(|(at, _, says)| *at == path && says.contains(&parameter.name));
            assert!(!right && found, "{} {}: {}: {told:#?}\n{text}", case.kind, case.name, parameter.name);
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

#[tokio::test]
async fn a_word_that_a_parameter_does_not_allow_is_told_where_it_stands() {
    let (_cluster, driver) = driver().await;
    let mut refused = Vec::new();
    for case in cases() {
        for parameter in case.parameters.iter().filter(|p| p.kind == "string") {
            let mut properties = case.properties();
            properties.insert(parameter.name.clone(), json!("no-such-word"));
            let text = case.application(&properties);
            let (right, told) = told(&driver, &text).await;
            if right {
                continue;
            }
            // A definition that refuses by itself (`errs`) refuses all it was given, and of several forms another parameter may say which is meant.
            let path = format!("{}.{}", case.path(), parameter.name);
            let line = line_of(&text, &parameter.name);
            let found = told.iter().any(|(at, on, _)| {
                (*at == path && *on == line) || path.starts_with(at.as_str()) || at.starts_with(case.path())
            });
            assert!(found, "{} {}: {}: {told:#?}\n{text}", case.kind, case.name, parameter.name);
            refused.push(format!("{} {}", case.name, parameter.name));
        }
    }
    for known in [
        "webservice imagePullPolicy",
        "expose type",
        "request method",
        "read-object",
        "run-job imagePullPolicy",
    ] {
        let there = refused.iter().any(|r| r.starts_with(known));
        assert!(there || known == "read-object", "{known}: {refused:?}");
    }
}

/// The words that a parameter may be, as a message tells them.
fn allowed(says: &str) -> Vec<String> {
    let (_, list) = says.split_once("allowed are ").unwrap_or_default();
    let end = list.find(" did you mean").or(list.find(" it is ")).unwrap_or(list.len());
    let word = |w: &str| Some(w.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    list[..end].split(", ").filter_map(word).collect()
}

/// What a parameter is given so that the part of it of this name is this word.
type Make = fn(&str, &str) -> Value;

#[tokio::test]
async fn every_misspelt_word_is_told_with_the_nearest_one() {
    let (_cluster, driver) = driver().await;
    let mut seen = BTreeSet::new();
    for case in cases() {
        let said = |told: Vec<(String, usize, String)>, name: &str| {
            let ending = format!(".{name}");
            told.into_iter().find(|(at, _, says)| at.ends_with(&ending) && says.contains("allowed are"))
        };
        // Each parameter, and those in it: of an object, or of the elements of a list.
        let mut places: Vec<(&Parameter, &Parameter, Make)> = Vec::new();
        for outer in &case.parameters {
            places.push((outer, outer, |_, word| json!(word)));
            for inner in &outer.inside {
                places.push((outer, inner, |name, word| json!({name: word})));
                places.push((outer, inner, |name, word| json!([{name: word}])));
            }
        }
        for (outer, inner, make) in places.into_iter().filter(|(_, inner, _)| inner.kind == "string") {
            let with = |word: &str| {
                let mut properties = case.properties();
                properties.insert(outer.name.clone(), make(&inner.name, word));
                case.application(&properties)
            };
            let (_, told_of_none) = told(&driver, &with("no-such-word")).await;
            let Some((path, _, says)) = said(told_of_none, &inner.name) else { continue };
            let words = allowed(&says);
            assert!(!words.is_empty(), "{} {path}: {says}", case.name);
            for word in &words {
                let Some(slip) = slip(word, words.iter().map(String::as_str)) else { continue };
                let (right, told) = told(&driver, &with(&slip)).await;
                // Beside words there may be a form that it has.
                if right {
                    continue;
                }
                let near = format!("did you mean \"{word}\"?");
                let found =
                    told.iter().any(|(at, line, says)| *at == path && *line > 0 && says.contains(&near));
                assert!(found, "{} {}: {path}: {slip}: {told:#?}", case.kind, case.name);
                seen.insert(format!("{} {path}", case.name));
            }
        }
    }
    assert!(seen.len() > 40, "{}: {seen:#?}", seen.len());
}

#[tokio::test]
async fn a_type_that_is_not_there_is_told_with_the_nearest_name() {
    let (_cluster, driver) = driver().await;
    for mut case in cases() {
        let right = case.name.clone();
        // Not the name of any other.
        case.name = format!("{right}x");
        let text = case.application(&case.properties());
        let (ok, told) = told(&driver, &text).await;
        let path = case.path().replace(".properties", ".type");
        let line =
            text.lines().position(|l| l.trim_start_matches([' ', '-']) == format!("type: {right}x")).unwrap();
        let found = told.iter().any(|(at, on, says)| {
            *at == path && *on == line + 1 && says.contains(&format!("did you mean `{right}`?"))
        });
        assert!(!ok && found, "{} {right}: {told:#?}\n{text}", case.kind);
    }
}

#[tokio::test]
async fn a_trait_on_a_workload_that_it_is_not_made_for_is_told() {
    let (_cluster, driver) = driver().await;
    let map = json!({"objects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}]});
    let mut seen = 0;
    for mut case in cases().into_iter().filter(|c| c.kind == Kind::Trait) {
        let library = Library::builtin();
        let header = &library.compiled(library.get(Kind::Trait, &case.name).unwrap()).unwrap().header;
        let said = header.attributes.get("appliesToWorkloads").and_then(Value::as_array);
        let for_all = said.is_none_or(|said| said.is_empty() || said.contains(&json!("*")));
        case.minimal["component"] = json!({"type": "k8s-objects", "properties": map});
        let text = case.application(&case.properties());
        let (right, told) = told(&driver, &text).await;
        let at = "spec.components[0].traits[0].type";
        let warned = told.iter().any(|(path, line, says)| {
            path == at
                && *line > 0
                && says.contains("is not made for a ConfigMap")
                && says.contains("it is made for `")
        });
        // A patch that a ConfigMap cannot take is told as that.
        assert!(warned != for_all || !right, "{}: {told:#?}", case.name);
        seen += usize::from(warned);
    }
    assert!(seen > 15, "{seen}");
}
