//! Rendered parts between the language and JSON: trees whose leaves may still be open, with the patch markers of their fields.
//!
//! A template may leave a default that a later patch decides (`*3 | int`), so a part stays a [`Node`] until all patches are in.
//! What is open is kept as text of the language and unified by it; everything else is plain data. Tests at the end.

use serde_json::{Map, Value as Json};
use std::sync::Arc;
use stepwell_lang::data::Data;
use stepwell_lang::diag::{Code, Diagnostic};
use stepwell_lang::encode::cue;
use stepwell_lang::source::Source;
use stepwell_lang::syntax::ast::Constraint;
use stepwell_lang::{NoPackages, Program, Shared, Value, Which};

/// How deep a rendered object may be nested.
const MAX_DEPTH: usize = 200;

/// A part of a rendered object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A scalar.
    Leaf(Data),
    /// What is not decided yet.
    Open(Arc<Open>),
    /// An object: fields in order, with their markers.
    Struct(Vec<Field>),
    /// A list; an open one may be met by a longer one.
    List(Vec<Node>, bool),
}

/// A value that is not decided.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Open {
    /// It as text of the language.
    pub(crate) source: String,
    /// What it is unless something else is said.
    pub(crate) default: Option<Data>,
    /// Why it is open.
    pub(crate) why: Option<Diagnostic>,
}

/// A field of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) node: Node,
    pub(crate) markers: Markers,
}

/// The patch markers in the comments of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Markers {
    /// `+patchKey=a,b`: the fields that tell elements of a list apart.
    pub(crate) key: Vec<Arc<str>>,
    /// `+patchStrategy=...`.
    pub(crate) strategy: Option<Strategy>,
}

/// How a patch meets what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// The field takes the place of the one that is there.
    RetainKeys,
    /// The list takes the place of the one that is there.
    Replace,
    /// The patch is a list of JSON patch operations.
    JsonPatch,
    /// The patch is merged as JSON merge patch says: null removes.
    JsonMergePatch,
}

impl Markers {
    /// The markers among the comments of a value.
    pub(crate) fn of(value: Value<'_>) -> Markers {
        let mut markers = Markers::default();
        for line in value.docs() {
            let line = line.trim();
            if let Some(key) = line.strip_prefix("+patchKey=") {
                markers.key = key
                    .split(',')
                    .map(|k| Arc::from(k.trim()))
                    .filter(|k: &Arc<str>| !k.is_empty())
                    .collect();
            } else if let Some(strategy) = line.strip_prefix("+patchStrategy=") {
                markers.strategy = match strategy.trim() {
                    "retainKeys" => Some(Strategy::RetainKeys),
                    "replace" => Some(Strategy::Replace),
                    "jsonPatch" => Some(Strategy::JsonPatch),
                    "jsonMergePatch" => Some(Strategy::JsonMergePatch),
                    // `open` asks for what is the rule here anyway.
                    _ => None,
                };
            }
        }
        markers
    }
}

/// Whether a mistake may go away when more is known.
pub(crate) fn is_open(code: Code) -> bool {
    matches!(code, Code::Incomplete | Code::Required | Code::Ambiguous | Code::Undefined | Code::Reference)
}

impl Node {
    /// The tree of a value. With `markers`, comments are read, which patches need.
    pub(crate) fn of(value: Value<'_>, markers: bool) -> Result<Node, Vec<Diagnostic>> {
        let mut errors = Vec::new();
        let node = build(value, markers, 0, &mut errors);
        if errors.is_empty() { Ok(node) } else { Err(errors) }
    }

    /// The tree of data.
    pub(crate) fn of_json(value: &Json) -> Node {
        match value {
            Json::Array(items) => Node::List(items.iter().map(Node::of_json).collect(), false),
            Json::Object(fields) => Node::Struct(
                fields
                    .iter()
                    .map(|(k, v)| Field {
                        name: Arc::from(k.as_str()),
                        node: Node::of_json(v),
                        markers: Markers::default(),
                    })
                    .collect(),
            ),
            scalar => Node::Leaf(Data::from_json_value(scalar)),
        }
    }

    /// The tree as JSON, defaults taken. What is still open is told with its path.
    pub(crate) fn to_json(&self) -> Result<Json, Vec<(String, Option<Diagnostic>)>> {
        let open = self.undecided();
        if open.is_empty() { Ok(self.json()) } else { Err(open) }
    }

    /// Every part that is open and has no default: its path, and why.
    pub(crate) fn undecided(&self) -> Vec<(String, Option<Diagnostic>)> {
        let mut open = Vec::new();
        // Paths are written only where something is told of them.
        if !self.is_decided() {
            self.tell_undecided("", &mut open);
        }
        open
    }

    /// Whether nothing is open without a default.
    pub(crate) fn is_decided(&self) -> bool {
        match self {
            Node::Leaf(_) => true,
            Node::Open(o) => o.default.is_some(),
            Node::Struct(fields) => fields.iter().all(|f| f.node.is_decided()),
            Node::List(items, _) => items.iter().all(Node::is_decided),
        }
    }

    fn tell_undecided(&self, path: &str, open: &mut Vec<(String, Option<Diagnostic>)>) {
        match self {
            Node::Open(o) if o.default.is_none() => open.push((path.to_string(), o.why.clone())),
            Node::Leaf(_) | Node::Open(_) => {}
            Node::Struct(fields) => {
                for f in fields {
                    f.node.tell_undecided(&crate::document::field(path, &f.name), open);
                }
            }
            Node::List(items, _) => {
                for (i, n) in items.iter().enumerate() {
                    n.tell_undecided(&crate::document::element(path, i), open);
                }
            }
        }
    }

    fn json(&self) -> Json {
        match self {
            Node::Leaf(d) => d.to_json_value(),
            Node::Open(o) => o.default.as_ref().map_or(Json::Null, Data::to_json_value),
            Node::Struct(fields) => {
                let mut out = Map::with_capacity(fields.len());
                for f in fields {
                    out.insert(String::from(&*f.name), f.node.json());
                }
                Json::Object(out)
            }
            Node::List(items, _) => Json::Array(items.iter().map(Node::json).collect()),
        }
    }

    /// The tree as data for a context: fields in the order of their names, as users' tools see them. `None` where something is open.
    pub(crate) fn to_shared(&self) -> Option<Shared> {
        Some(match self {
            Node::Leaf(d) => d.into(),
            Node::Open(o) => o.default.as_ref()?.into(),
            Node::Struct(fields) => {
                let mut out = fields
                    .iter()
                    .map(|f| Some((f.name.clone(), f.node.to_shared()?)))
                    .collect::<Option<Vec<_>>>()?;
                out.sort_by(|a, b| a.0.cmp(&b.0));
                Shared::structure(out)
            }
            Node::List(items, _) => {
                Shared::list(items.iter().map(Node::to_shared).collect::<Option<Vec<_>>>()?)
            }
        })
    }

    /// The field of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Struct(fields) => fields.iter().find(|f| *f.name == *name).map(|f| &f.node),
            _ => None,
        }
    }

    /// The data of a scalar, its default taken.
    pub(crate) fn scalar(&self) -> Option<&Data> {
        match self {
            Node::Leaf(d) => Some(d),
            Node::Open(o) => o.default.as_ref(),
            _ => None,
        }
    }

    /// The tree as text of the language.
    pub(crate) fn to_source(&self) -> String {
        match self {
            Node::Leaf(d) => cue::expression(d),
            Node::Open(o) => format!("({})", o.source),
            Node::Struct(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|f| format!("{}: {}", cue::label(&f.name), f.node.to_source()))
                    .collect();
                format!("{{{}}}", fields.join(", "))
            }
            Node::List(items, open) => {
                let mut items: Vec<String> = items.iter().map(Node::to_source).collect();
                items.extend(open.then(|| "...".to_string()));
                format!("[{}]", items.join(", "))
            }
        }
    }

    /// The unification of two trees of which one is open, by the language itself.
    pub(crate) fn unify(a: &Node, b: &Node) -> Result<Node, String> {
        let source = Source::new("patch.cue", format!("x: {} & {}\n", a.to_source(), b.to_source()));
        let program = Program::compile(vec![source], &NoPackages).map_err(|e| e.to_string())?;
        let instance = program.instance();
        let Some(value) = instance.root().get("x") else { return Err("conflicting values".into()) };
        Node::of(value, false).map_err(|e| e.first().map_or_else(String::new, |d| d.message.clone()))
    }
}

fn required(value: Value<'_>) -> Diagnostic {
    Diagnostic::new(Code::Required, "the field is required and not there").path(value.path())
}

fn build(value: Value<'_>, markers: bool, depth: usize, errors: &mut Vec<Diagnostic>) -> Node {
    if depth > MAX_DEPTH {
        let message = format!("an object is nested at most {MAX_DEPTH} deep");
        errors.push(Diagnostic::new(Code::Budget, message).path(value.path()));
        return Node::Leaf(Data::Null);
    }
    if let Some(d) = value.error() {
        if is_open(d.code) {
            return Node::Open(Arc::new(Open { source: value.to_source(), default: None, why: Some(d) }));
        }
        errors.push(d);
        return Node::Leaf(Data::Null);
    }
    if let Some(items) = value.elements() {
        let open = value.has_default();
        return Node::List(items.into_iter().map(|v| build(v, markers, depth + 1, errors)).collect(), open);
    }
    if value.is_concrete() && value.kind() == stepwell_lang::pkg::Kind::STRUCT {
        let fields = value.fields(Which { constraints: true, ..Which::default() });
        let fields = fields.into_iter().filter(|f| f.constraint != Constraint::Optional).map(|f| Field {
            name: f.value.label(),
            markers: if markers { Markers::of(f.value) } else { Markers::default() },
            node: match f.constraint {
                Constraint::Required => Node::Open(Arc::new(Open {
                    source: f.value.to_source(),
                    default: None,
                    why: Some(required(f.value)),
                })),
                _ => build(f.value, markers, depth + 1, errors),
            },
        });
        return Node::Struct(fields.collect());
    }
    let data = value.data();
    match (data, value.has_default(), value.is_concrete()) {
        (Ok(data), false, true) => Node::Leaf(data),
        (Ok(data), ..) => {
            let open = Open { source: value.to_source(), default: Some(data), why: None };
            Node::Open(Arc::new(open))
        }
        (Err(failure), ..) => {
            let why = failure.diagnostics.into_iter().next();
            match why {
                Some(d) if !is_open(d.code) => {
                    errors.push(d);
                    Node::Leaf(Data::Null)
                }
                why => Node::Open(Arc::new(Open { source: value.to_source(), default: None, why })),
            }
        }
    }
}
