//! Mistakes of the language told as mistakes of the user's document: which parameter, where it stands, what is allowed, the nearest name.
//!
//! What may be changed: wording, in one place for each kind of mistake. Tests in `tests/definitions.rs`.

use super::patch::Conflict;
use super::tree::is_open;
use crate::definitions::{ASKED, Compiled, Definition};
use crate::document::{Document, element, field};
use crate::problem::{Problem, Problems, nearest};
use serde_json::{Map, Value as Json, json};
use stepwell_lang::data::Data;
use stepwell_lang::diag::{Code, Diagnostic};
use stepwell_lang::{Failure, Instance, Path, Step, Value, Which};

/// What to do instead of looking at the status of what is being rendered.
const NO_STATUS: &str = "what is rendered is not on the cluster yet and has no status: `healthPolicy` and `customStatus` see it, and steps do";

/// Where a template is used: the definition, and the path of its properties in the Application.
pub(crate) struct Site<'a> {
    pub(crate) document: &'a Document,
    pub(crate) definition: &'a Definition,
    pub(crate) compiled: &'a Compiled,
    pub(crate) path: String,
}

/// What is wrong with properties, as far as can be told of them alone: paths begin at `properties`. What inputs give is at these paths, and not missing.
pub(crate) fn properties(
    definition: &Definition,
    compiled: &Compiled,
    properties: &Map<String, Json>,
    inputs: &[&str],
) -> Vec<Problem> {
    const AT: &str = "properties";
    let document = Document::from_value(json!({AT: properties}));
    let site = Site { document: &document, definition, compiled, path: AT.into() };
    let instance = compiled.program.instance();
    let given = Data::from_json_value(&document.value[AT]);
    if !compiled.has_parameter || instance.fill(&compiled.parameter, &given).is_err() {
        return Vec::new();
    }
    // Defaults look at the context; any will do.
    let context = json!({
        "name": "name", "namespace": "namespace", "appName": "name", "stepName": "step", "stepSessionID": "session",
    });
    let context = Data::from_json_value(&context);
    if instance.fill(&Path::from_iter(["context"]), &context).is_err() {
        return Vec::new();
    }
    // Where nothing is declared, nothing is missing.
    let comes = |path: &str| match path.strip_prefix("properties.") {
        Some(path) => inputs.iter().any(|input| path.starts_with(input) || input.starts_with(path)),
        None => true,
    };
    let problems = site.parameters(&instance, true).list.into_iter();
    let told = problems.filter(|p| p.code != "missing-parameter" || !comes(&p.path));
    // The places are of the definition, and those of the document are not known here.
    told.map(|p| Problem { labels: Vec::new(), ..p }).collect()
}

impl Site<'_> {
    fn what(&self) -> String {
        format!("{} `{}`", self.definition.kind, self.definition.name)
    }

    /// What is wrong with the parameters. With `missing`, what is required and not there is wrong too.
    pub(crate) fn parameters(&self, instance: &Instance, missing: bool) -> Problems {
        let mut problems = Problems::new(self.document.sources.clone());
        let Some(parameter) = instance.root().lookup(&self.compiled.parameter) else { return problems };
        let Err(failure) = parameter.validate(missing) else { return problems };
        let Failure { mut diagnostics, sources } = failure;
        let whole = |d: &Diagnostic| self.below_parameter(&d.path).is_empty();
        if diagnostics.iter().any(whole)
            && let Some(of_branch) = self.nearest_branch(missing)
        {
            diagnostics = of_branch;
        }
        for d in diagnostics.into_iter().filter(|d| missing || !is_open(d.code)) {
            let d = d.unfolded();
            let problem = self.parameter(instance, &d);
            let at = self.document.span(&problem.path);
            let mut of_definition = Problems { list: vec![problem], sources: sources.clone() };
            // The place in the user's document comes first; then those in the definition.
            if let Some(p) = of_definition.list.first_mut() {
                p.labels.clone_from(&d.labels);
            }
            let before = problems.list.len();
            problems.absorb(of_definition);
            if let (Some(p), Some(span)) = (problems.list.get_mut(before), at) {
                p.labels.insert(0, stepwell_lang::diag::Label { span, message: String::new() });
            }
        }
        problems
    }

    /// What is wrong in the eyes of the branch that what was given comes nearest to, where all parameters together are a choice.
    fn nearest_branch(&self, missing: bool) -> Option<Vec<Diagnostic>> {
        let fresh = self.compiled.program.instance();
        let nothing = Json::Object(Map::new());
        let given = fresh.data(&Data::from_json_value(self.properties().unwrap_or(&nothing)));
        let names: Vec<_> = given.fields(Which::default()).iter().map(|f| f.value.label()).collect();
        let mut nearest: Option<((usize, usize), Vec<Diagnostic>)> = None;
        for branch in fresh.root().lookup(&self.compiled.parameter)?.inside() {
            let declared = branch.fields(Which { constraints: true, ..Which::default() });
            let strange = names.iter().filter(|n| declared.iter().all(|f| f.value.label() != **n)).count();
            let Err(failure) = fresh.unify(branch, given).validate(missing) else { continue };
            let told: Vec<_> =
                failure.diagnostics.into_iter().filter(|d| missing || !is_open(d.code)).collect();
            let far = (strange, told.len());
            if !told.is_empty() && nearest.as_ref().is_none_or(|(least, _)| far < *least) {
                nearest = Some((far, told));
            }
        }
        nearest.map(|(_, told)| told)
    }

    /// One mistake in a parameter, in the words of the document.
    fn parameter(&self, instance: &Instance, d: &Diagnostic) -> Problem {
        let steps = self.below_parameter(&d.path);
        let path = self.document_path(&steps);
        let name = steps.last().map(String::as_str).unwrap_or("parameter");
        let problem = match d.code {
            Code::NotAllowed => {
                let problem = Problem::new(
                    "unknown-parameter",
                    &path,
                    format!("the {} has no parameter `{name}` here", self.what()),
                );
                let parent = &steps[..steps.len().saturating_sub(1)];
                let others = |names: Vec<String>| names.into_iter().filter(|n| n != name).collect::<Vec<_>>();
                let (names, of_branches) =
                    (others(self.names(instance, parent)), others(self.names_of_branches(parent)));
                let near =
                    |names: &[String]| nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
                match near(&names).or_else(|| near(&of_branches)) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None if names.is_empty() => problem,
                    None => problem.hint(format!("parameters are `{}`", names.join("`, `"))),
                }
            }
            code if is_open(code) => {
                let problem = Problem::new(
                    "missing-parameter",
                    &path,
                    format!("the {} needs the parameter `{name}`", self.what()),
                );
                match self.allowed(&steps) {
                    _ if self.was_read_as_a_boolean(name) => {
                        problem.hint(format!("YAML reads a bare `{name}` as a boolean: write it in quotes"))
                    }
                    Some(allowed) => problem.hint(format!("it is {allowed}")),
                    None => problem,
                }
            }
            code => {
                let allowed = self.allowed(&steps);
                let message = match self.given(&path) {
                    _ if code == Code::EmptyDisjunction => format!("the parameter `{name}`: {}", d.message),
                    Some(given) => format!("the parameter `{name}` cannot be {given}: {}", d.message),
                    None => format!("the parameter `{name}` is not what it must be: {}", d.message),
                };
                let of_user = matches!(code, Code::Conflict | Code::EmptyDisjunction);
                let problem = Problem::new(if of_user { "parameter" } else { code.as_str() }, &path, message);
                // Only where a text may stand do quotes help.
                let text = allowed.as_ref().is_some_and(|a| a.contains("string") || a.contains('"'));
                let meant = text && self.at(&path).is_some_and(Json::is_boolean);
                let word = if meant { self.document.word_of_boolean(&path) } else { None };
                match allowed {
                    _ if let Some(word) = word => {
                        problem.hint(format!("YAML reads a bare `{word}` as a boolean: write it in quotes"))
                    }
                    // What is allowed is told already.
                    Some(_) if code == Code::EmptyDisjunction && d.hint.is_some() => problem,
                    Some(allowed) => problem.hint(format!("it is {allowed}")),
                    None => problem,
                }
            }
        };
        match &d.hint {
            Some(hint) if problem.hint.is_none() => problem.hint(hint.clone()),
            _ => problem,
        }
    }

    /// The parts of a path below `parameter`.
    fn below_parameter(&self, path: &str) -> Vec<String> {
        let steps = Path::parse(path).unwrap_or_default().0;
        let names: Vec<String> = steps
            .into_iter()
            .map(|s| match s {
                Step::Field(n) | Step::Special(n) => n.to_string(),
                Step::Index(i) => i.to_string(),
            })
            .collect();
        match names.iter().position(|n| n == "parameter") {
            Some(i) if i < self.compiled.parameter.0.len() => names[i + 1..].to_vec(),
            _ => names,
        }
    }

    /// The path in the Application of a part of the parameters.
    fn document_path(&self, steps: &[String]) -> String {
        let mut path = self.path.clone();
        let mut at = self.properties();
        for s in steps {
            let index = s.parse::<usize>().ok().filter(|_| at.is_none_or(Json::is_array));
            (path, at) = match index {
                Some(i) => (element(&path, i), at.and_then(|v| v.get(i))),
                None => (field(&path, s), at.and_then(|v| v.get(s.as_str()))),
            };
        }
        path
    }

    /// The properties as they were written, if they stand in the document.
    fn properties(&self) -> Option<&Json> {
        self.at(&self.path)
    }

    fn at(&self, path: &str) -> Option<&Json> {
        Path::parse(path)?.0.iter().try_fold(&self.document.value, |v, step| match step {
            Step::Field(n) | Step::Special(n) => v.get(&**n),
            Step::Index(i) => v.get(*i),
        })
    }

    /// What was given, in short.
    fn given(&self, path: &str) -> Option<String> {
        let value = self.at(path)?;
        let text = value.to_string();
        match value {
            Json::Array(_) => Some("a list".to_string()),
            Json::Object(_) => Some("an object".to_string()),
            _ if text.len() > 60 => None,
            _ => Some(text),
        }
    }

    /// Whether a parameter is missing because its name is a boolean in YAML.
    fn was_read_as_a_boolean(&self, name: &str) -> bool {
        let read = match name.to_ascii_lowercase().as_str() {
            "y" | "yes" | "on" => "true",
            "n" | "no" | "off" => "false",
            _ => return false,
        };
        self.properties().is_some_and(|p| p.get(read).is_some())
    }

    /// The declaration of a parameter: an instance with just enough filled in for it to be there, and its path.
    fn declared(&self, steps: &[String]) -> Option<(Instance, Path)> {
        let fresh = self.compiled.program.instance();
        let mut path = self.compiled.parameter.clone();
        let mut skeleton = None;
        for (i, s) in steps.iter().enumerate() {
            let index = s.parse::<usize>().is_ok();
            path.0.push(if index { Step::Index(0) } else { Step::Field(s.as_str().into()) });
            if index {
                skeleton = Some(i);
            }
        }
        if let Some(last) = skeleton {
            let mut data = Data::Struct(Vec::new());
            for s in steps[..=last].iter().rev() {
                data = match s.parse::<usize>() {
                    Ok(_) => Data::List(vec![data]),
                    Err(_) => Data::Struct(vec![(s.as_str().into(), data)]),
                };
            }
            fresh.fill(&self.compiled.parameter, &data).ok()?;
        }
        Some((fresh, path))
    }

    /// The value at a path: a field that is only constrained counts.
    fn at_declaration<'i>(fresh: &'i Instance, path: &Path) -> Option<Value<'i>> {
        path.0.iter().try_fold(fresh.root(), |v, step| match step {
            Step::Index(i) => v.elements()?.get(*i).copied(),
            Step::Field(name) | Step::Special(name) => {
                let fields = v.fields(Which { constraints: true, ..Which::default() });
                fields.into_iter().map(|f| f.value).find(|f| f.label() == *name)
            }
        })
    }

    /// What a parameter may be, if that is short.
    fn allowed(&self, steps: &[String]) -> Option<String> {
        let (fresh, path) = self.declared(steps)?;
        let text = Self::at_declaration(&fresh, &path)?.to_source();
        (text.len() <= 80 && !text.contains('\n') && text != "_").then(|| format!("`{text}`"))
    }

    /// The names of parameters at a place.
    fn names(&self, instance: &Instance, steps: &[String]) -> Vec<String> {
        let of = |v: Option<Value<'_>>| -> Vec<String> {
            let fields =
                v.map(|v| v.fields(Which { constraints: true, ..Which::default() })).unwrap_or_default();
            fields
                .into_iter()
                .filter(|f| f.value.error().is_none_or(|d| d.code != Code::NotAllowed))
                .map(|f| f.value.label().to_string())
                .collect()
        };
        let fresh = self.declared(steps);
        let declared = of(fresh.as_ref().and_then(|(fresh, path)| Self::at_declaration(fresh, path)));
        if !declared.is_empty() {
            return declared;
        }
        let path = Path::from_iter(steps);
        of(instance.root().lookup(&self.compiled.parameter).and_then(|p| p.lookup(&path)))
    }

    /// The names of parameters at a place that is a choice, in every branch of it.
    fn names_of_branches(&self, steps: &[String]) -> Vec<String> {
        let Some((fresh, path)) = self.declared(steps) else { return Vec::new() };
        let branches = Self::at_declaration(&fresh, &path).map(Value::inside).unwrap_or_default();
        let fields =
            branches.into_iter().flat_map(|b| b.fields(Which { constraints: true, ..Which::default() }));
        fields.map(|f| f.value.label().to_string()).collect()
    }

    /// Parameters that are probably misspelt: the template does not declare them, but a name very near.
    pub(crate) fn warnings(&self, parameter: Option<&Map<String, Json>>) -> Vec<Problem> {
        let Some(given) = parameter.filter(|p| !p.is_empty()) else { return Vec::new() };
        let declared = self.compiled.parameter_names();
        let unknown = given.keys().filter(|k| !declared.iter().any(|d| **d == ***k));
        unknown
            .filter_map(|k| {
                let near = nearest(k, declared.iter().map(|d| &**d).filter(|d| !given.contains_key(*d)))?;
                let message = format!("the {} has no parameter `{k}`; it is ignored", self.what());
                Some(
                    self.document
                        .problem("unknown-parameter", field(&self.path, k), message)
                        .hint(format!("did you mean `{near}`?")),
                )
            })
            .collect()
    }

    /// Mistakes in the template, with the place where it is used first.
    pub(crate) fn template(&self, instance: &Instance, diagnostics: Vec<Diagnostic>) -> Problems {
        let mut problems = Problems::new(self.document.sources.clone());
        let use_path = self.path.trim_end_matches(".properties").to_string();
        let at = self.document.span(&use_path);
        for d in diagnostics {
            let path = d.path.strip_prefix("template.").unwrap_or(&d.path).to_string();
            let message = match d.path.is_empty() {
                true => format!("the {} does not evaluate here: {}", self.what(), d.message),
                false => format!("the {} does not evaluate here: {path}: {}", self.what(), d.message),
            };
            let instead = match d.message.rsplit(": ").next() {
                Some("$returns") => Some(ASKED),
                Some("status") if d.code == Code::Undefined || is_open(d.code) => Some(NO_STATUS),
                _ => None,
            };
            let problem = Problem {
                code: d.code.as_str(),
                path: use_path.clone(),
                message,
                labels: d.labels,
                hint: instead.map(str::to_owned).or(d.hint),
            };
            let before = problems.list.len();
            problems.absorb(Problems { list: vec![problem], sources: instance.sources() });
            if let (Some(p), Some(span)) = (problems.list.get_mut(before), at) {
                p.labels.insert(0, stepwell_lang::diag::Label { span, message: String::new() });
            }
        }
        problems
    }

    /// A patch that does not fit.
    pub(crate) fn conflicts(&self, onto: &str, conflicts: Vec<Conflict>) -> Problems {
        let path = self.path.trim_end_matches(".properties");
        let mut problems = Problems::new(self.document.sources.clone());
        for c in conflicts {
            let place = if c.path.is_empty() { String::new() } else { format!(" at {}", c.path) };
            let message =
                format!("the trait `{}` does not fit {onto}{place}: {}", self.definition.name, c.message);
            problems.push(self.document.problem("patch", path, message));
        }
        problems
    }
}
