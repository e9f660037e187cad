//! An Application (`core.oam.dev/v1beta1`) as it is written: components with their traits, policies, the workflow.
//!
//! Read from a document with all mistakes at once; what is there but means nothing is a warning. What may be changed: a new field is one
//! entry in its type and one line in `Reader`. Whether types exist and parameters fit is the business of `render`. Tests at the end.

use crate::document::{Document, element, field, kind_of};
use crate::model::template::{Git, Place, TemplateRef};
use crate::problem::{Problem, Problems, nearest};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The API version of Applications.
pub const API_VERSION: &str = "core.oam.dev/v1beta1";
/// Their kind.
pub const KIND: &str = "Application";
/// What fields were called up to v1alpha2, and are called since.
const RENAMED: [(&str, &str); 1] = [("settings", "properties")];

/// An Application.
#[derive(Clone, Debug)]
pub struct Application {
    /// `metadata.name`; may be empty.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: Option<String>,
    /// `metadata.labels`, in order.
    pub labels: Map<String, Value>,
    /// `metadata.annotations`, in order.
    pub annotations: Map<String, Value>,
    /// The components, in order.
    pub components: Vec<Component>,
    /// The policies, in order.
    pub policies: Vec<Policy>,
    /// What the Application is made of, where it does not list that itself.
    pub template: Option<TemplateRef>,
    /// `spec.workflow` as it stands; `model::workflow` reads it.
    pub workflow: Option<Value>,
    /// Where all this was read from.
    pub document: Arc<Document>,
    /// What is there but means nothing, and the like.
    pub warnings: Vec<Problem>,
}

/// A component.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its name, unique in the Application.
    pub name: String,
    /// The name of its definition.
    pub kind: String,
    /// What fills the definition's `parameter`.
    pub properties: Option<Map<String, Value>>,
    /// The traits, in order.
    pub traits: Vec<Trait>,
    /// Components that must be healthy before.
    pub depends_on: Vec<String>,
    /// Values from other components.
    pub inputs: Vec<Input>,
    /// Values for other components.
    pub outputs: Vec<Output>,
    /// A revision made elsewhere.
    pub external_revision: Option<String>,
    /// The key of this replica, set where a component is replicated.
    pub replica_key: String,
    /// Where it stands: `spec.components[0]`.
    pub path: String,
}

impl Component {
    /// What tells it apart in a deployment: its name, and the key of the replica.
    pub fn id(&self) -> String {
        match self.replica_key.as_str() {
            "" => self.name.clone(),
            key => format!("{}/{key}", self.name),
        }
    }
}

/// A trait.
#[derive(Clone, Debug, PartialEq)]
pub struct Trait {
    /// The name of its definition.
    pub kind: String,
    /// What fills the definition's `parameter`.
    pub properties: Option<Map<String, Value>>,
    /// Where it stands: `spec.components[0].traits[0]`.
    pub path: String,
}

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name; may be empty.
    pub name: String,
    /// The name of its definition.
    pub kind: String,
    /// What fills the definition's `parameter`.
    pub properties: Option<Map<String, Value>>,
    /// Where it stands: `spec.policies[0]`.
    pub path: String,
}

/// A value that a component takes from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The name of an output.
    pub from: String,
    /// Where in the component it goes.
    pub parameter_key: String,
}

/// A value that a component gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The name under which others find it.
    pub name: String,
    /// An expression over the rendered component.
    pub value_from: String,
}

impl Application {
    /// Whether a document is an Application.
    pub fn is(document: &Document) -> bool {
        document.value.get("kind").and_then(Value::as_str) == Some(KIND)
            && document
                .value
                .get("apiVersion")
                .and_then(Value::as_str)
                .is_some_and(|v| v.starts_with("core.oam.dev/"))
    }

    /// Reads the one Application of a file.
    ///
    /// ```
    /// use stepwell_runtime::model::application::Application;
    /// let text = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nspec:\n  components: [{name: web, type: webservice}]\n";
    /// assert_eq!(Application::from_text("app.yaml", text).unwrap().components[0].kind, "webservice");
    /// let wrong = text.replace("[{", "{a: {").replace("}]", "}}");
    /// let problems = Application::from_text("app.yaml", &wrong).unwrap_err();
    /// assert_eq!(problems.to_string(), "app.yaml:4:3: spec.components: this must be a list, and is an object");
    /// ```
    ///
    /// # Errors
    /// Text that is not YAML, no Application or more than one, and everything that is wrong in it.
    pub fn from_text(name: &str, text: &str) -> Result<Application, Problems> {
        let documents = Document::read_all(name, text)?;
        let mut found = documents.iter().filter(|d| Application::is(d));
        match (found.next(), found.next()) {
            (Some(one), None) => Application::read(one.clone()),
            (Some(_), Some(other)) => {
                let problem = other.problem("document", "kind", "the file holds more than one Application");
                Err(Problems::one(other.sources.clone(), problem))
            }
            (None, _) => Err(match documents.first() {
                None => Problems {
                    list: vec![Problem::new("document", "", format!("{name} holds no document"))],
                    ..Problems::default()
                },
                Some(d) => Problems::one(d.sources.clone(), not_an_application(d)),
            }),
        }
    }

    /// Reads an Application from a document.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn read(document: Document) -> Result<Application, Problems> {
        if !Application::is(&document) {
            let problem = not_an_application(&document);
            return Err(Problems::one(document.sources, problem));
        }
        let document = Arc::new(document);
        let mut r = Reader { document: document.clone(), problems: Vec::new(), warnings: Vec::new() };
        let root = document.value.as_object().cloned().unwrap_or_default();
        r.known(&root, "", &["apiVersion", "kind", "metadata", "spec", "status"]);
        let metadata = r.object(&root, "metadata", "").unwrap_or_default();
        let spec = r.object(&root, "spec", "").unwrap_or_default();
        r.known(&spec, "spec", &["components", "policies", "workflow", "template"]);
        let name = r.text(&metadata, "name", "metadata").unwrap_or_default();
        if name.is_empty() {
            r.warn("required", "metadata.name", "the Application has no name");
        }
        let template = r.template(&spec);
        if template.is_none() && spec.get("components").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            r.warn("required", "spec.components", "the Application has no components");
        }
        let app = Application {
            namespace: r.text(&metadata, "namespace", "metadata"),
            labels: r.texts(&metadata, "labels", "metadata"),
            annotations: r.texts(&metadata, "annotations", "metadata"),
            components: r.list(&spec, "components", "spec", Reader::component),
            policies: r.list(&spec, "policies", "spec", Reader::policy),
            workflow: r.object(&spec, "workflow", "spec").map(Value::Object),
            template,
            warnings: Vec::new(),
            name,
            document: document.clone(),
        };
        Problems { list: r.problems, sources: document.sources.clone() }
            .into_result(Application { warnings: r.warnings, ..app })
    }

    /// The namespace, `default` where none is written.
    pub fn namespace_or_default(&self) -> &str {
        self.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or("default")
    }

    /// A mistake at a path of the Application's document.
    pub fn problem(
        &self,
        code: &'static str,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Problem {
        self.document.problem(code, path, message)
    }
}

impl Component {
    /// The component as it stands in `context.components`: what is empty is left out.
    pub fn to_value(&self) -> Value {
        let mut m = Map::new();
        m.insert("name".into(), self.name.clone().into());
        m.insert("type".into(), self.kind.clone().into());
        if let Some(r) = &self.external_revision {
            m.insert("externalRevision".into(), r.clone().into());
        }
        if let Some(p) = &self.properties {
            m.insert("properties".into(), sorted_fields(p));
        }
        if !self.depends_on.is_empty() {
            m.insert("dependsOn".into(), self.depends_on.clone().into());
        }
        let pair = |a: &str, x: &str, b: &str, y: &str| {
            let fields = [(a, x), (b, y)].into_iter().filter(|(_, v)| !v.is_empty());
            Value::Object(fields.map(|(k, v)| (k.to_string(), v.into())).collect())
        };
        if !self.inputs.is_empty() {
            let all =
                self.inputs.iter().map(|i| pair("parameterKey", &i.parameter_key, "from", &i.from)).collect();
            m.insert("inputs".into(), Value::Array(all));
        }
        if !self.outputs.is_empty() {
            let all =
                self.outputs.iter().map(|o| pair("valueFrom", &o.value_from, "name", &o.name)).collect();
            m.insert("outputs".into(), Value::Array(all));
        }
        if !self.traits.is_empty() {
            let all = self.traits.iter().map(|t| {
                let mut m = Map::new();
                m.insert("type".into(), t.kind.clone().into());
                if let Some(p) = &t.properties {
                    m.insert("properties".into(), sorted_fields(p));
                }
                Value::Object(m)
            });
            m.insert("traits".into(), Value::Array(all.collect()));
        }
        Value::Object(m)
    }
}

/// The same data with the fields of every object in the order of their names.
pub fn sorted(v: &Value) -> Value {
    match v {
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Object(fields) => sorted_fields(fields),
        other => other.clone(),
    }
}

fn sorted_fields(fields: &Map<String, Value>) -> Value {
    let mut all: Vec<_> = fields.iter().collect();
    all.sort_unstable_by_key(|(name, _)| *name);
    Value::Object(all.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
}

fn not_an_application(d: &Document) -> Problem {
    let Some(root) = d.value.as_object() else {
        return d.problem(
            "document",
            "",
            format!("an Application is an object, and this is {}", kind_of(&d.value)),
        );
    };
    let said = |key| root.get(key).and_then(Value::as_str).unwrap_or("nothing").to_string();
    let path = if root.get("kind").and_then(Value::as_str) == Some(KIND) { "apiVersion" } else { "kind" };
    let problem = d.problem("document", path, format!("this is no Application: `{path}` is {}", said(path)));
    problem.hint(format!("an Application says `apiVersion: {API_VERSION}` and `kind: {KIND}`"))
}

struct Reader {
    document: Arc<Document>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reader {
    fn wrong(&mut self, path: &str, want: &str, got: &Value) {
        let message = format!("this must be {want}, and is {}", kind_of(got));
        self.problems.push(self.document.problem("type", path, message));
    }

    fn warn(&mut self, code: &'static str, path: &str, message: &str) {
        self.warnings.push(self.document.problem(code, path, message));
    }

    fn known(&mut self, from: &Map<String, Value>, path: &str, keys: &[&str]) {
        for key in from.keys().filter(|k| !keys.contains(&k.as_str())) {
            let problem = self.document.problem(
                "unknown-field",
                field(path, key),
                format!("the field `{key}` means nothing here"),
            );
            let renamed = RENAMED.iter().find(|(old, new)| old == key && keys.contains(new));
            self.warnings.push(match renamed.map(|(_, new)| *new).or(nearest(key, keys.iter().copied())) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("fields are `{}`", keys.join("`, `"))),
            });
        }
    }

    fn object(&mut self, from: &Map<String, Value>, key: &str, path: &str) -> Option<Map<String, Value>> {
        match from.get(key)? {
            Value::Null => None,
            Value::Object(m) => Some(m.clone()),
            other => {
                self.wrong(&field(path, key), "an object", other);
                None
            }
        }
    }

    fn text(&mut self, from: &Map<String, Value>, key: &str, path: &str) -> Option<String> {
        match from.get(key)? {
            Value::Null => None,
            Value::String(s) => Some(s.clone()),
            other => {
                self.wrong(&field(path, key), "a text", other);
                None
            }
        }
    }

    fn required(&mut self, from: &Map<String, Value>, key: &str, path: &str, what: &str) -> String {
        if from.get(key).is_none_or(Value::is_null) {
            self.problems.push(self.document.problem(
                "required",
                field(path, key),
                format!("{what} has no `{key}`"),
            ));
        }
        self.text(from, key, path).unwrap_or_default()
    }

    fn texts(&mut self, from: &Map<String, Value>, key: &str, path: &str) -> Map<String, Value> {
        let all = self.object(from, key, path).unwrap_or_default();
        let path = field(path, key);
        for (k, v) in all.iter().filter(|(_, v)| !v.is_string()) {
            self.wrong(&field(&path, k), "a text", v);
        }
        all
    }

    fn list<T>(
        &mut self,
        from: &Map<String, Value>,
        key: &str,
        path: &str,
        mut read: impl FnMut(&mut Reader, &Map<String, Value>, String) -> T,
    ) -> Vec<T> {
        let path = field(path, key);
        let items = match from.get(key) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items.clone(),
            Some(other) => {
                self.wrong(&path, "a list", other);
                return Vec::new();
            }
        };
        let mut out = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let at = element(&path, i);
            match item.as_object() {
                Some(m) => out.push(read(self, m, at)),
                None => self.wrong(&at, "an object", item),
            }
        }
        out
    }

    fn component(&mut self, m: &Map<String, Value>, path: String) -> Component {
        const KEYS: [&str; 10] = [
            "name",
            "type",
            "properties",
            "traits",
            "dependsOn",
            "inputs",
            "outputs",
            "externalRevision",
            "scopes",
            "replicaKey",
        ];
        self.known(m, &path, &KEYS);
        let mut depends_on = Vec::new();
        match m.get("dependsOn") {
            None | Some(Value::Null) => {}
            Some(Value::Array(names)) => {
                for (i, n) in names.iter().enumerate() {
                    match n.as_str() {
                        Some(n) => depends_on.push(n.to_string()),
                        None => {
                            self.wrong(&element(&field(&path, "dependsOn"), i), "the name of a component", n)
                        }
                    }
                }
            }
            Some(other) => self.wrong(&field(&path, "dependsOn"), "a list", other),
        }
        Component {
            name: self.required(m, "name", &path, "the component"),
            kind: self.required(m, "type", &path, "the component"),
            properties: self.object(m, "properties", &path),
            traits: self.list(m, "traits", &path, Reader::of_trait),
            depends_on,
            inputs: self.list(m, "inputs", &path, |r, m, path| Input {
                from: r.required(m, "from", &path, "the input"),
                parameter_key: r.text(m, "parameterKey", &path).unwrap_or_default(),
            }),
            outputs: self.list(m, "outputs", &path, |r, m, path| Output {
                name: r.required(m, "name", &path, "the output"),
                value_from: r.required(m, "valueFrom", &path, "the output"),
            }),
            external_revision: self.text(m, "externalRevision", &path),
            replica_key: String::new(),
            path,
        }
    }

    fn of_trait(&mut self, m: &Map<String, Value>, path: String) -> Trait {
        self.known(m, &path, &["type", "properties"]);
        if let (None, Some(Value::String(name))) = (m.get("type"), m.get("name")) {
            let problem = self.document.problem("required", field(&path, "type"), "the trait has no `type`");
            self.problems
                .push(problem.hint(format!("write `type: {name}`: `name` was its name up to v1alpha2")));
            return Trait { kind: name.clone(), properties: self.object(m, "properties", &path), path };
        }
        Trait {
            kind: self.required(m, "type", &path, "the trait"),
            properties: self.object(m, "properties", &path),
            path,
        }
    }

    fn template(&mut self, spec: &Map<String, Value>) -> Option<TemplateRef> {
        const AT: &str = "spec.template";
        let m = self.object(spec, "template", "spec")?;
        self.known(&m, AT, &["name", "path", "git", "properties", "patch"]);
        let name = self.text(&m, "name", AT).unwrap_or_default();
        let place = match (self.text(&m, "path", AT), self.object(&m, "git", AT)) {
            (Some(_), Some(_)) => {
                let message = "a template is in one place: `path` or `git`";
                self.problems.push(self.document.problem("template", AT, message));
                Place::Cluster
            }
            (Some(path), None) => Place::Path(path),
            (None, Some(git)) => {
                let at = field(AT, "git");
                self.known(&git, &at, &["url", "branch", "path", "secretRef"]);
                let secret = self.object(&git, "secretRef", &at);
                Place::Git(Git {
                    url: self.required(&git, "url", &at, "the repository"),
                    branch: self.text(&git, "branch", &at).filter(|b| !b.is_empty()),
                    path: self.text(&git, "path", &at).unwrap_or_default(),
                    secret: secret
                        .map(|s| self.required(&s, "name", &field(&at, "secretRef"), "the reference")),
                })
            }
            (None, None) => {
                if name.is_empty() {
                    let message =
                        "the template has no `name`, no `path` and no `git`: one must say where it is";
                    self.problems.push(self.document.problem("required", AT, message));
                }
                Place::Cluster
            }
        };
        Some(TemplateRef {
            name,
            place,
            properties: self.object(&m, "properties", AT).unwrap_or_default(),
            patch: self.object(&m, "patch", AT).unwrap_or_default(),
        })
    }

    fn policy(&mut self, m: &Map<String, Value>, path: String) -> Policy {
        self.known(m, &path, &["name", "type", "properties"]);
        Policy {
            name: self.text(m, "name", &path).unwrap_or_default(),
            kind: self.required(m, "type", &path, "the policy"),
            properties: self.object(m, "properties", &path),
            path,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: app}\n";

    fn read(spec: &str) -> Result<Application, Problems> {
        Application::from_text("app.yaml", &format!("{HEAD}{spec}"))
    }

    #[test]
    fn everything_is_read() {
        let app = read(
            "spec:\n  components:\n  - name: a\n    type: webservice\n    properties: {image: x, a: 1}\n    dependsOn: [b]\n    inputs: [{from: o, parameterKey: k}]\n    traits: [{type: scaler, properties: {replicas: 2}}, {type: expose}]\n  policies: [{name: p, type: topology, properties: {}}]\n  workflow: {steps: []}\n",
        )
        .unwrap();
        assert!(app.warnings.is_empty());
        assert_eq!(app.components[0].traits[1].path, "spec.components[0].traits[1]");
        assert_eq!(app.policies[0].name, "p");
        assert_eq!(
            app.components[0].to_value().to_string(),
            r#"{"name":"a","type":"webservice","properties":{"a":1,"image":"x"},"dependsOn":["b"],"inputs":[{"parameterKey":"k","from":"o"}],"traits":[{"type":"scaler","properties":{"replicas":2}},{"type":"expose"}]}"#
        );
    }

    #[test]
    fn all_mistakes_are_told_with_their_places() {
        let problems = read(
            "spec:\n  components:\n  - {name: a}\n  - {type: worker, name: b, properties: [1], traits: {type: x}}\n  - nonsense\n  policies: [{name: p}]\n  workflow: 3\n",
        )
        .unwrap_err();
        insta::assert_snapshot!(problems);
    }

    #[test]
    fn what_means_nothing_is_a_warning() {
        let app =
            read("spec:\n  component: []\n  components: [{name: a, type: t, trait: [], propertys: {}}]\n")
                .unwrap();
        let all = Problems { list: app.warnings, sources: app.document.sources.clone() };
        insta::assert_snapshot!(all);
    }

    #[test]
    fn files_without_an_application_say_so() {
        let of = |text: &str| Application::from_text("app.yaml", text).unwrap_err().to_string();
        let all = [
            of(""),
            of("- 1"),
            of("apiVersion: v1\nkind: Pod"),
            of("kind: Application\nspec: {}"),
            of(&format!("{HEAD}---\n{HEAD}")),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }
}
