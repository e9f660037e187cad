//! Definition files: in the language (a header field, `template`), or as the Kubernetes objects that hold a template as text.
//!
//! Both become a [`Definition`], compiled when it is first used. What may be changed: where a form keeps what, here and nowhere else. Tests at the end.

use crate::document::{Document, kind_of};
use crate::model::definition::{Header, Kind};
use crate::ops::{Vars, vars_of};
use crate::problem::{Problem, Problems, nearest};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use stepwell_lang::source::{Source, Span};
use stepwell_lang::syntax::ast::{DeclKind, Expr, ExprKind, LabelKind};
use stepwell_lang::{Instance, Packages, Path, Program, Step, Value, Which};

/// Where an object has its template.
const TEMPLATE: &str = "spec.schematic.cue.template";

/// The kind of component definitions before there were components.
const WORKLOAD: &str = "WorkloadDefinition";

/// What templates may name without declaring it.
const SURROUNDINGS: &str = "context:   _\nparameter: _\n";

/// What to do instead of a definition that fetches data while an Application is rendered.
const SOURCES: &str = "data is not fetched while an Application is rendered: give it as parameters, or read it in a step (`read-object`, `read-config`, `request`) and pass it on with `outputs` and `inputs`";

/// Marks a stored definition whose text is a whole file in the language, with its header.
const FORM: &str = "definition.stepwell.dev/form";

/// A definition: a name, a text, and what they compile to.
#[derive(Debug)]
pub struct Definition {
    /// What it defines.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// The header, where it does not stand in the source itself.
    header: Option<Header>,
    compiled: OnceLock<Result<Compiled, Problems>>,
}

/// A definition ready for use: immutable, instances are made of it.
#[derive(Debug)]
pub struct Compiled {
    /// The program.
    pub program: Program,
    /// What the definition says of itself.
    pub header: Header,
    /// Where the template stands in the program.
    pub template: Path,
    /// Where `parameter` is filled in.
    pub parameter: Path,
    /// Whether the template declares `parameter`.
    pub has_parameter: bool,
    /// How health and status are told.
    pub status: Policies,
    /// The fields of `context` that the template looks at; `None` for all.
    pub(crate) context: Option<BTreeSet<Arc<str>>>,
    names: Vec<Arc<str>>,
    /// What steps of this type may have to do with values that steps keep for each other: what ops the definition names. What it does not say in so many
    /// words cannot be known before a step runs.
    pub vars: Vars,
}

/// The programs of the `status` attribute, each compiled once.
#[derive(Debug, Default)]
pub struct Policies {
    /// `healthPolicy`: gives `isHealth`.
    pub health: Option<Program>,
    /// `customStatus`: gives `message`.
    pub message: Option<Program>,
    /// `statusDetails`: gives texts by name.
    pub details: Option<Program>,
}

impl Definition {
    /// A definition in the language.
    pub fn file(kind: Kind, name: impl Into<String>, source: Source) -> Definition {
        Definition { kind, name: name.into(), source, header: None, compiled: OnceLock::new() }
    }

    /// A definition as a Kubernetes object holds it; `file` is how messages call the object.
    ///
    /// # Errors
    /// What keeps it from being a definition.
    pub fn of_object(document: &Document, file: &str) -> Result<Definition, Problem> {
        read_object(document, file)
    }

    /// The definition as an object, to be kept: its text, and what it says of itself. [`Library::with_stored`](super::Library::with_stored) reads it again.
    pub fn to_object(&self) -> Json {
        let mut spec = Map::new();
        let mut metadata = Map::from_iter([("name".to_string(), Json::from(self.name.clone()))]);
        match &self.header {
            Some(header) => {
                spec.extend(header.attributes.clone());
                let annotations = header.annotations.clone();
                if !annotations.is_empty() {
                    metadata.insert("annotations".into(), annotations.into());
                }
            }
            None => drop(metadata.insert("annotations".into(), json!({FORM: "file"}))),
        }
        let text = self.source.text.trim_start_matches('\n');
        spec.insert("schematic".into(), json!({"cue": {"template": text}}));
        json!({"apiVersion": "core.oam.dev/v1beta1", "kind": self.kind.object_kind(), "metadata": metadata, "spec": spec})
    }

    /// A definition that [`Definition::to_object`] has given.
    pub(super) fn of_stored(object: &Json) -> Result<Definition, Problems> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
        let name = text("/metadata/name");
        let form = object.get("metadata").and_then(|m| m.get("annotations")?.get(FORM));
        if form.is_none() {
            let document = Document::from_value(object.clone());
            return read_object(&document, name).map_err(|p| Problems::one(document.sources, p));
        }
        read_file(&format!("{name}.cue"), text("/spec/schematic/cue/template"))
    }

    /// The definition, compiled once.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn compiled(&self, packages: &dyn Packages) -> Result<&Compiled, Problems> {
        self.compiled.get_or_init(|| self.compile(packages)).as_ref().map_err(Clone::clone)
    }

    fn compile(&self, packages: &dyn Packages) -> Result<Compiled, Problems> {
        let surroundings = Source::new("context.cue", SURROUNDINGS);
        let program = Program::compile(vec![self.source.clone(), surroundings], packages)?;
        let instance = program.instance();
        let (header, template) = match &self.header {
            Some(header) => (header.clone(), Path::default()),
            None => (self.read_header(&instance)?, Path::from_iter(["template"])),
        };
        let declared = match &self.header {
            // In the other form `parameter` stands beside the surroundings' own.
            Some(_) => true,
            None => instance.root().get("template").and_then(|t| t.get("parameter")).is_some(),
        };
        let parameter = match declared {
            true => join(&template, "parameter"),
            false => Path::from_iter(["parameter"]),
        };
        let status = self.policies(&header, packages)?;
        let fields = instance
            .root()
            .lookup(&parameter)
            .map(|p| p.fields(Which { constraints: true, ..Which::default() }));
        let names = fields.unwrap_or_default().iter().map(|f| f.value.label()).collect();
        let context = program.selected("context");
        let vars = vars_of(&program.mentioned());
        Ok(Compiled {
            vars,
            program,
            header,
            template,
            parameter,
            has_parameter: declared,
            status,
            context,
            names,
        })
    }

    fn read_header(&self, instance: &Instance) -> Result<Header, Problems> {
        let Some(header) = instance.root().get(&self.name) else { return Ok(Header::default()) };
        let data = |name: &str| -> Result<Json, Problems> {
            match header.get(name) {
                Some(v) => Ok(v.data()?.to_json_value()),
                None => Ok(Json::Null),
            }
        };
        let object = |v: Json| match v {
            Json::Object(m) => m,
            _ => Map::new(),
        };
        Ok(Header {
            description: data("description")?.as_str().unwrap_or_default().to_string(),
            labels: object(data("labels")?),
            annotations: object(data("annotations")?),
            attributes: object(data("attributes")?),
        })
    }

    fn policies(&self, header: &Header, packages: &dyn Packages) -> Result<Policies, Problems> {
        let mut problems = Problems::default();
        let mut compile = |name: &str| {
            let text = header.status(name)?;
            let source = Source::new(format!("{} ({name})", self.source.name), text);
            let surroundings = Source::new("context.cue", SURROUNDINGS);
            match Program::compile(vec![source, surroundings], packages) {
                Ok(program) => Some(program),
                Err(e) => {
                    problems.absorb(e);
                    None
                }
            }
        };
        let policies = Policies {
            health: compile("healthPolicy"),
            message: compile("customStatus"),
            details: compile("statusDetails").or_else(|| compile("details")),
        };
        problems.into_result(policies)
    }
}

impl Compiled {
    /// Whether the template looks at this field of `context`, as far as can be told without evaluating it.
    pub(crate) fn looks_at(&self, field: &str) -> bool {
        self.context.as_ref().is_none_or(|names| names.contains(field))
    }

    /// The template of an instance.
    pub fn template<'i>(&self, instance: &'i Instance) -> Value<'i> {
        match self.template.0.is_empty() {
            true => instance.root(),
            false => instance.root().lookup(&self.template).unwrap_or(instance.root()),
        }
    }

    /// The names of the parameters that the template declares.
    pub fn parameter_names(&self) -> &[Arc<str>] {
        &self.names
    }
}

/// A path with one more field.
pub(crate) fn join(path: &Path, name: &str) -> Path {
    let mut steps = path.0.clone();
    steps.push(Step::Field(name.into()));
    Path(steps)
}

/// Reads the definitions of a file. The form follows the ending of the name.
pub(super) fn read(name: &str, text: &str, packages: &dyn Packages) -> Result<Vec<Definition>, Problems> {
    let _ = packages;
    match name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json") {
        true => read_objects(name, text),
        false => read_file(name, text).map(|d| vec![d]),
    }
}

/// Finds out kind and name of a file in the language. It is compiled later.
fn read_file(name: &str, text: &str) -> Result<Definition, Problems> {
    let source = Source::new(name, text);
    let mut problems = Problems::default();
    let id = problems.sources.add(source.clone());
    let (file, diagnostics) = stepwell_lang::syntax::parse(id, text);
    if !diagnostics.is_empty() {
        diagnostics.into_iter().for_each(|d| problems.push(d.into()));
        return Err(problems);
    }
    let mut headers = Vec::new();
    let mut template = false;
    for decl in &file.decls {
        let DeclKind::Field(f) = &decl.kind else { continue };
        let label = match &f.label.kind {
            LabelKind::Ident(n) => n.to_string(),
            LabelKind::String(s) => s.text().into_owned(),
            _ => continue,
        };
        match label.as_str() {
            "template" => template = true,
            _ if label.starts_with(['#', '_']) => {}
            _ => headers.push((label, f.label.span, &f.value)),
        }
    }
    let start = Some(Span::new(id, 0, 0));
    // Other top-level fields may be helpers: the header is the one with a `type`.
    let typed: Vec<_> =
        headers.iter().filter_map(|(n, s, v)| Some((n, *s, string_field(v, "type")?))).collect();
    match typed[..] {
        [] => {
            let problem = match headers.first() {
                Some((n, span, _)) => {
                    Problem::new("definition", n.clone(), "the header has no `type`").at(Some(*span), "")
                }
                None => Problem::new("definition", "", "the file has no header").at(start, ""),
            };
            problems
                .push(problem.hint(r#"a definition begins `"name": {type: "component", attributes: {}}`"#));
        }
        [(name, span, (ref kind, at))] => {
            if !template {
                let problem = Problem::new("definition", "template", "the definition has no `template`")
                    .at(Some(span), "");
                problems.push(
                    problem.hint("what is rendered stands in a field `template: {...}` beside the header"),
                );
            }
            match Kind::parse(kind) {
                Some(kind) if template => return Ok(Definition::file(kind, name.clone(), source)),
                Some(_) => {}
                None => {
                    let kinds = Kind::ALL.map(Kind::as_str);
                    let problem = Problem::new(
                        "definition",
                        format!("{name}.type"),
                        format!("there is no kind of definition `{kind}`"),
                    );
                    let problem = problem.at(Some(at), "");
                    problems.push(match (nearest(kind, kinds), kind.as_str()) {
                        (Some(near), _) => problem.hint(format!("did you mean `{near}`?")),
                        (None, "source") => problem.hint(SOURCES),
                        (None, _) => problem.hint(format!("kinds are `{}`", kinds.join("`, `"))),
                    });
                }
            }
        }
        [_, (name, span, _), ..] => {
            problems.push(
                Problem::new("definition", name.clone(), "a file holds one definition").at(Some(span), ""),
            );
        }
    }
    Err(problems)
}

/// The text of a field of a struct literal, if it is a literal.
fn string_field(value: &Expr, name: &str) -> Option<(String, Span)> {
    let ExprKind::Struct(s) = &value.kind else { return None };
    s.decls.iter().find_map(|d| match &d.kind {
        DeclKind::Field(f) => {
            let is = match &f.label.kind {
                LabelKind::Ident(n) => *n == name,
                LabelKind::String(s) => s.text() == name,
                _ => false,
            };
            match &f.value.kind {
                ExprKind::String(text) if is => Some((text.text().into_owned(), f.value.span)),
                _ => None,
            }
        }
        _ => None,
    })
}

/// Reads the Kubernetes objects of a file that are definitions.
fn read_objects(name: &str, text: &str) -> Result<Vec<Definition>, Problems> {
    let mut out = Vec::new();
    let mut problems = Problems::default();
    for document in Document::read_all(name, text)? {
        match read_object(&document, name) {
            Ok(d) => out.push(d),
            Err(p) => problems.absorb(Problems::one(document.sources.clone(), p)),
        }
    }
    problems.into_result(out)
}

/// What an object defines, if it is a definition.
fn defines(d: &Document) -> Option<Kind> {
    let said = d.value.get("kind").and_then(Json::as_str)?;
    let known = Kind::ALL.into_iter().find(|k| k.object_kind() == said);
    known.or((said == WORKLOAD).then_some(Kind::Component))
}

/// Whether an object is a definition.
pub(super) fn is_definition(d: &Document) -> bool {
    defines(d).is_some()
}

fn read_object(d: &Document, file: &str) -> Result<Definition, Problem> {
    let Some(kind) = defines(d) else {
        let said = d.value.get("kind").and_then(Json::as_str).unwrap_or_default();
        let kinds = Kind::ALL.map(Kind::object_kind);
        let problem = d.problem("definition", "kind", format!("`{said}` is no kind of definition"));
        return Err(match said {
            "SourceDefinition" => problem.hint(SOURCES),
            _ => problem.hint(format!("kinds are `{}`", kinds.join("`, `"))),
        });
    };
    let text = |path: &str| match d.value.pointer(&format!("/{}", path.replace('.', "/"))) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(s)) => Ok(Some(s.clone())),
        Some(other) => {
            Err(d.problem("type", path, format!("this must be a text, and is {}", kind_of(other))))
        }
    };
    let missing = |path: &str| d.problem("required", path, format!("the definition has no `{path}`"));
    let name = text("metadata.name")?.ok_or_else(|| missing("metadata.name"))?;
    // Where the template is: since 1.0, and before.
    let mut found = None;
    for path in [TEMPLATE, "spec.extension.template", "spec.template"] {
        if let Some(template) = text(path)? {
            found = Some((path, template));
            break;
        }
    }
    let terraform = d.value.pointer("/spec/schematic/terraform").filter(|_| kind == Kind::Component);
    let (at, template) = match (found, terraform) {
        (Some(found), _) => found,
        (None, Some(terraform)) => ("spec.schematic.terraform", super::terraform::template(terraform)),
        (None, None) => {
            let other =
                d.value.pointer("/spec/schematic").and_then(Json::as_object).and_then(|s| s.keys().next());
            let problem = missing(TEMPLATE);
            let named = d.value.pointer("/spec/definitionRef").is_some();
            return Err(match other.filter(|o| *o != "cue") {
                Some(other) => problem
                    .hint(format!("a schematic of `{other}` cannot be rendered; `cue` and `terraform` can")),
                None if named => {
                    problem.hint("`definitionRef` only names a kind: a template says what is rendered")
                }
                None => problem,
            });
        }
    };
    let object = |v: Option<&Json>| v.and_then(Json::as_object).cloned().unwrap_or_default();
    let metadata = d.value.get("metadata");
    let annotations = object(metadata.and_then(|m| m.get("annotations")));
    let mut attributes = object(d.value.get("spec"));
    attributes.remove("schematic");
    attributes.remove("extension");
    if terraform.is_some() {
        attributes.entry("workload").or_insert_with(|| {
            serde_json::json!({"definition": {"apiVersion": "terraform.core.oam.dev/v1beta2", "kind": "Configuration"}})
        });
    }
    let description =
        annotations.get("definition.oam.dev/description").and_then(Json::as_str).unwrap_or_default();
    let header = Header {
        description: description.to_string(),
        labels: object(metadata.and_then(|m| m.get("labels"))),
        annotations,
        attributes,
    };
    // Empty lines in front, so that lines of the template are lines of the file.
    let line = d.value_place(at).map_or(0, |(line, _)| line.saturating_sub(1) as usize);
    let source = Source::new(file, format!("{}{template}", "\n".repeat(line)));
    Ok(Definition { kind, name, source, header: Some(header), compiled: OnceLock::new() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use stepwell_lang::NoPackages;

    fn of(name: &str, text: &str) -> Result<Vec<(Kind, String)>, String> {
        match read(name, text, &NoPackages) {
            Ok(all) => Ok(all.into_iter().map(|d| (d.kind, d.name)).collect()),
            Err(e) => Err(e.to_string()),
        }
    }

    #[test]
    fn both_forms_are_read() {
        let file = "import \"strings\"\n\"my-web\": {type: \"component\", attributes: {}}\ntemplate: {output: {}, parameter: {}}\n";
        assert_eq!(of("a.cue", file).unwrap(), [(Kind::Component, "my-web".to_string())]);
        let objects = "kind: TraitDefinition\nmetadata: {name: a}\nspec: {schematic: {cue: {template: 'patch: {}'}}}\n---\nkind: WorkflowStepDefinition\nmetadata: {name: b}\nspec:\n  schematic:\n    cue:\n      template: |\n        x: 1\n";
        assert_eq!(
            of("a.yaml", objects).unwrap(),
            [(Kind::Trait, "a".to_string()), (Kind::WorkflowStep, "b".to_string())]
        );
    }

    #[test]
    fn older_objects_are_read() {
        let workload = "kind: WorkloadDefinition\nmetadata: {name: w}\nspec:\n  definitionRef: {name: deployments.apps}\n  extension:\n    template: |\n      output: {}\n";
        assert_eq!(of("a.yaml", workload).unwrap(), [(Kind::Component, "w".to_string())]);
        let older = "kind: TraitDefinition\nmetadata: {name: t}\nspec: {template: 'patch: {}'}\n";
        assert_eq!(of("a.yaml", older).unwrap(), [(Kind::Trait, "t".to_string())]);
        let chart =
            "kind: ComponentDefinition\nmetadata: {name: c}\nspec: {schematic: {helm: {release: {}}}}\n";
        let told = of("a.yaml", chart).unwrap_err();
        assert!(
            told.contains("a schematic of `helm` cannot be rendered; `cue` and `terraform` can"),
            "{told}"
        );
    }

    #[test]
    fn lines_of_a_template_are_lines_of_its_file() {
        let text = "kind: TraitDefinition\nmetadata: {name: a}\nspec:\n  schematic:\n    cue:\n      template: |\n        patch: {}\n";
        let found = read("a.yaml", text, &NoPackages).unwrap();
        let line = found[0].source.text.lines().position(|l| l == "patch: {}");
        assert_eq!(line, Some(6));
    }

    #[test]
    fn what_is_no_definition_says_why() {
        let all = [
            of("a.cue", "x: {"),
            of("b.cue", "template: {}"),
            of("c.cue", "a: {}\ntemplate: {}"),
            of("d.cue", "a: {type: \"componant\"}\ntemplate: {}"),
            of("e.cue", "a: {type: \"trait\"}"),
            of("f.cue", "a: {type: \"trait\"}\nb: {type: \"trait\"}\ntemplate: {}"),
            of("g.yaml", "kind: Pod"),
            of("h.yaml", "kind: PolicyDefinition\nmetadata: {name: x}\nspec: {}"),
        ];
        insta::assert_snapshot!(all.map(Result::unwrap_err).join("\n"));
    }
}
