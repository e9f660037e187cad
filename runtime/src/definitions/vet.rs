//! What can be told of a definition before anybody uses it.
//!
//! A new check is one `if` here and one line in the test at the end.

use super::{Definition, Library};
use crate::model::definition::Kind;
use crate::problem::{Problem, Problems};
use stepwell_lang::diag::Code;
use stepwell_lang::pkg::Kind as ValueKind;
use stepwell_lang::{Path, Value, Which};

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
        // What waits for parameters is no mistake of the definition.
        let open = [Code::Incomplete, Code::Required, Code::Ambiguous, Code::Undefined];
        problems.absorb(stepwell_lang::Failure {
            diagnostics: failure.diagnostics.into_iter().filter(|d| !open.contains(&d.code)).collect(),
            sources: failure.sources,
        });
    }
    for told in compiled.program.missing() {
        problems.push(told.into());
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
