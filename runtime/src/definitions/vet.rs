//! What can be told of a definition before anybody uses it.
//!
//! A new check is one `if` here and one line in the test at the end.

use super::{Compiled, Definition, Library};
use crate::model::definition::Kind;
use crate::problem::{Problem, Problems};
use stepwell_lang::diag::{Code, Diagnostic};
use stepwell_lang::pkg::Kind as ValueKind;
use stepwell_lang::{Instance, Path, Step, Value, Which};

/// Everything that is wrong in a definition: what does not compile, what conflicts, what is missing.
///
/// # Errors
/// The mistakes, with their places.
pub fn vet(library: &Library, definition: &Definition) -> Result<(), Problems> {
    let compiled = library.compiled(definition)?;
    let instance = compiled.program.instance();
    let template = compiled.template(&instance);
    let mut problems = Problems::new(instance.sources());
    if let Err(failure) = template.validate(false) {
        // What waits for parameters is no mistake of the definition, nor is what refuses them when they are not as a condition wants them.
        let open = [Code::Incomplete, Code::Required, Code::Ambiguous, Code::Undefined];
        let told = |d: &Diagnostic| !open.contains(&d.code) && !refuses(compiled, &instance, &d.path);
        problems.absorb(stepwell_lang::Failure {
            diagnostics: failure.diagnostics.into_iter().filter(told).collect(),
            sources: failure.sources,
        });
    }
    for told in compiled.program.missing() {
        problems.push(told.into());
    }
    if definition.kind != Kind::WorkflowStep {
        problems.list.extend(asked(definition.kind, template));
    }
    let struct_or_nothing = |v: Option<Value<'_>>, path: &str| match v {
        Some(v) if v.error().is_none() && v.kind().and(ValueKind::STRUCT).is_bottom() => Some(
            Problem::new("definition", path, format!("`{path}` must be an object"))
                .at(v.spans().first().copied(), ""),
        ),
        _ => None,
    };
    let fields = template.fields(Which::default());
    let own: Vec<_> =
        fields.iter().filter(|f| !["context", "parameter"].contains(&&*f.value.label())).collect();
    // Where the template is the whole text, its own place is the beginning of the file.
    let first = own.first().filter(|_| compiled.template.0.is_empty()).map(|f| f.value);
    let at = first.unwrap_or(template).spans().first().copied();
    match definition.kind {
        Kind::Component if template.get("output").is_none() => {
            let problem =
                Problem::new("definition", "output", "a component needs `output`, its workload").at(at, "");
            problems.push(problem);
        }
        Kind::Application if template.get("output").is_none() => {
            let problem = Problem::new(
                "definition",
                "output",
                "a template needs `output`: components, policies, workflow",
            )
            .at(at, "");
            problems.push(problem);
        }
        Kind::Component | Kind::Application => {}
        Kind::Trait => {
            let parts = ["patch", "patchOutputs", "outputs", "errs"];
            if parts.iter().all(|p| template.get(p).is_none()) && !own.is_empty() {
                let problem = Problem::new("definition", "", "the trait changes nothing").at(at, "");
                problems.push(problem.hint(match template.get("output") {
                    Some(_) => "`output` is the workload of a component: objects of a trait stand in `outputs: NAME: {...}`",
                    None => "a trait has `patch`, `patchOutputs` or `outputs`",
                }));
            }
        }
        Kind::Policy | Kind::WorkflowStep => {}
    }
    for part in ["parameter", "output", "outputs", "patchOutputs"] {
        if let Some(problem) = struct_or_nothing(template.lookup(&Path::from_iter([part])), part) {
            problems.push(problem);
        }
    }
    problems.into_result(())
}

/// What to do instead of asking the world while something is rendered.
pub(crate) const ASKED: &str = "what is rendered is made of parameters and the context alone; a workflow step asks, and passes on what it finds with `outputs` and `inputs`";

/// The fields of a template by which it wants to ask the world: ops, and the older `processing`.
fn asked(kind: Kind, template: Value<'_>) -> Vec<Problem> {
    let fields = template.fields(Which { hidden: true, ..Which::default() });
    let tell = |f: Value<'_>| {
        let text = |name: &str| f.get(name).and_then(Value::as_str);
        let what = match (text("#provider"), text("#do")) {
            (provider, Some(op)) if &*op != "steps" => match provider {
                Some(provider) => format!("the op {provider}/{op}"),
                None => format!("the op {op}"),
            },
            _ if &*f.label() == "processing" && f.get("http").is_some() => "`http` of `processing`".into(),
            _ => return None,
        };
        let message = format!("a {kind} cannot carry out {what}: only workflow steps can");
        let problem = Problem::new("definition", f.label().to_string(), message);
        Some(problem.at(f.spans().first().copied(), "").hint(ASKED))
    };
    fields.into_iter().filter_map(|f| tell(f.value)).collect()
}

/// What a template renders; the rest of it only computes, or refuses.
const RENDERED: [&str; 5] = ["output", "outputs", "patch", "patchOutputs", "parameter"];

/// Whether a conflict at this path is there only under a condition, in a field that renders nothing: `if parameter.a == _|_ {_needed: 0 & "give a"}`.
fn refuses(compiled: &Compiled, instance: &Instance, path: &str) -> bool {
    let Some(path) = Path::parse(path) else { return false };
    let own = path.0.get(compiled.template.0.len());
    let renders = match own {
        Some(Step::Field(name) | Step::Special(name)) => RENDERED.contains(&&**name),
        _ => true,
    };
    let part = |n: usize| instance.root().lookup(&Path(path.0.iter().take(n).cloned().collect()));
    !renders && (1..=path.0.len()).any(|n| part(n).is_some_and(Value::is_yielded))
}
