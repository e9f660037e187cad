//! Values that come from Secrets: how they are marked, told apart from others, stored without themselves, and made again.
//!
//! What a step puts out is kept as [`Marked`] data: `***` in every place that a secret has gone into, and beside it a [`Recipe`] that says how that
//! place is made again. `known` finds out which places these are. Pure: reading Secrets and evaluating again is the driver's.
//! Why it is done in this way: `docs/decisions/secrets.md`.

mod known;
mod shade;

pub(crate) use known::{Known, Untraced};
use shade::{bytes_shaded, salt, shaded};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

pub use crate::ops::support::mask::MASK;

/// How a value that comes from Secrets is made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Recipe {
    /// Read it.
    Key(Key),
    /// Put a text together.
    Text(Vec<Part>),
    /// Evaluate a step again, and read an expression over it.
    Step(Box<StepAgain>),
    /// Evaluate an expression again: an output of a group.
    Expression(Box<ExpressionAgain>),
}

/// A value in a Secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// The namespace of the Secret.
    pub namespace: String,
    /// Its name.
    pub secret: String,
    /// The key in its data.
    pub key: String,
    /// In which form.
    #[serde(default, skip_serializing_if = "Form::is_plain")]
    pub form: Form,
    /// Where in the JSON that it is (a JSON pointer); none for all of it as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// The form in which a value of a Secret is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// As text.
    #[default]
    Plain,
    /// As text, without space around it.
    Trimmed,
    /// In base64, as it stands in `data`.
    Encoded,
}

impl Form {
    fn is_plain(&self) -> bool {
        *self == Form::Plain
    }
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// As it stands.
    Text(String),
    /// What this gives.
    Secret(Recipe),
}

/// A step to be evaluated again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepAgain {
    /// Its type.
    pub kind: String,
    /// Its parameters.
    pub parameter: Marked,
    /// Its context.
    pub context: Map<String, Value>,
    /// What its ops gave, by their paths, in their order.
    pub given: Vec<(String, Marked)>,
    /// What of it is wanted.
    pub what: What,
    /// Where in that (a JSON pointer).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
}

/// What is wanted of a step that is evaluated again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// What an expression over it gives.
    Output(String),
    /// The parameters of the op at this path.
    Parameters(String),
}

/// An expression to be evaluated again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpressionAgain {
    /// The expression.
    pub expression: String,
    /// The names that it knows.
    pub scope: Marked,
    /// Where in its value (a JSON pointer).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
}

/// A place in data that a secret has gone into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The place: a JSON pointer, empty for the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// How what belongs there is made.
    pub recipe: Recipe,
}

/// Data without the secrets in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Marked {
    /// The data, with `***` where a secret belongs.
    pub data: Value,
    /// Where secrets belong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

impl Marked {
    /// What is secret as a whole.
    pub(crate) fn whole(recipe: Recipe) -> Marked {
        Marked { data: Value::String(MASK.into()), marks: vec![Mark { at: String::new(), recipe }] }
    }
}

impl From<Value> for Marked {
    fn from(data: Value) -> Marked {
        Marked { data, marks: Vec::new() }
    }
}

/// A value with its secrets. It is in memory alone: it cannot be written, and does not show itself.
#[derive(Clone, PartialEq)]
pub struct Clear(pub(crate) Value);

impl fmt::Debug for Clear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// A value that a step gives, as it is kept and as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// As it is kept.
    pub marked: Marked,
    /// As it is; none where there is nothing secret in it, or where that has not been looked up.
    pub clear: Option<Clear>,
}

impl From<Value> for Given {
    fn from(data: Value) -> Given {
        Given { marked: data.into(), clear: None }
    }
}

impl Given {
    /// What is kept of a value.
    pub(crate) fn new(marked: Marked, value: Value) -> Given {
        let clear = (!marked.marks.is_empty()).then_some(Clear(value));
        Given { marked, clear }
    }

    /// The value as it is.
    pub(crate) fn value(&self) -> &Value {
        self.clear.as_ref().map_or(&self.marked.data, |c| &c.0)
    }

    /// What is at a place in it; a place inside of something that has not been looked up is there.
    pub(crate) fn at(&self, pointer: &str) -> Option<Given> {
        let mut marks = Vec::new();
        for mark in &self.marked.marks {
            if let Some(rest) = below(&mark.at, pointer) {
                marks.push(Mark { at: rest.to_string(), recipe: mark.recipe.clone() });
            } else if let Some(rest) = below(pointer, &mark.at)
                && let Some(recipe) = mark.recipe.at(rest)
            {
                marks.push(Mark { at: String::new(), recipe });
            }
        }
        let clear = self.clear.as_ref().map(|c| c.0.pointer(pointer).cloned());
        let data = match (&clear, self.marked.data.pointer(pointer)) {
            (Some(None), _) => return None,
            (_, Some(data)) => data.clone(),
            (_, None) if marks.is_empty() => return None,
            (_, None) => Value::String(MASK.into()),
        };
        let clear = clear.flatten().filter(|_| !marks.is_empty()).map(Clear);
        Some(Given { marked: Marked { data, marks }, clear })
    }
}

/// What of a place lies below another one: `/a/b` below `/a` is `/b`.
fn below<'p>(place: &'p str, other: &str) -> Option<&'p str> {
    place.strip_prefix(other).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A step of a JSON pointer.
pub(crate) fn step(at: &mut String, key: &str) {
    at.push('/');
    at.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

impl Recipe {
    /// What tells where a value comes from, whatever its form is.
    fn salt(&self) -> u64 {
        match self {
            Recipe::Key(key) => key.salt(),
            Recipe::Text(parts) => parts.iter().fold(1, |salt, part| match part {
                Part::Text(_) => salt.rotate_left(1),
                Part::Secret(recipe) => salt.rotate_left(7) ^ recipe.salt(),
            }),
            Recipe::Step(again) => match &again.what {
                What::Output(text) | What::Parameters(text) => salt(&[&again.kind, text, &again.at]),
            },
            Recipe::Expression(again) => salt(&[&again.expression, &again.at]),
        }
    }

    /// How what lies at a place of the value is made; none where there can be nothing.
    fn at(&self, pointer: &str) -> Option<Recipe> {
        let mut recipe = self.clone();
        match &mut recipe {
            _ if pointer.is_empty() => {}
            Recipe::Key(Key { pointer: Some(at), .. }) => at.push_str(pointer),
            Recipe::Key(_) | Recipe::Text(_) => return None,
            Recipe::Step(again) => again.at.push_str(pointer),
            Recipe::Expression(again) => again.at.push_str(pointer),
        }
        Some(recipe)
    }
}

impl Key {
    /// What it gives where this is what the Secret holds.
    ///
    /// # Errors
    /// What is wrong with it, without its value.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Value, String> {
        if self.form == Form::Encoded {
            return Ok(Value::String(STANDARD.encode(bytes)));
        }
        let wrong = |what: &str| format!("the key `{}` of the Secret {} {what}", self.key, self.words());
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("is no text"))?;
        let text = if self.form == Form::Trimmed { text.trim() } else { text };
        let Some(pointer) = &self.pointer else { return Ok(Value::String(text.into())) };
        let json: Value = serde_json::from_str(text).map_err(|_| wrong("is no JSON"))?;
        json.pointer(pointer).cloned().ok_or_else(|| wrong(&format!("has nothing at {pointer}")))
    }

    fn salt(&self) -> u64 {
        let pointer = self.pointer.as_deref().unwrap_or_default();
        salt(&[&self.namespace, &self.secret, &self.key, pointer])
    }

    /// The Secret in a few words.
    pub(crate) fn words(&self) -> String {
        format!("{}/{}", self.namespace, self.secret)
    }
}

/// The data with what belongs at its marks put in.
pub(crate) fn put(data: &mut Value, at: &str, value: Value) {
    if let Some(place) = data.pointer_mut(at) {
        *place = value;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(pointer: Option<&str>) -> Key {
        Key {
            namespace: "ns".into(),
            secret: "s".into(),
            key: "k".into(),
            form: Form::Plain,
            pointer: pointer.map(str::to_string),
        }
    }

    #[test]
    fn a_part_of_what_is_kept_keeps_its_marks() {
        let marks = vec![
            Mark { at: "/a/x".into(), recipe: Recipe::Key(key(None)) },
            Mark { at: "/ab".into(), recipe: Recipe::Key(key(Some("/c"))) },
        ];
        let data = json!({"a": {"x": MASK, "y": 1}, "ab": MASK});
        let mut given = Given { marked: Marked { data, marks }, clear: None };
        let a = given.at("/a").unwrap();
        assert_eq!(a.marked.data, json!({"x": MASK, "y": 1}));
        assert_eq!(a.marked.marks, [Mark { at: "/x".into(), recipe: Recipe::Key(key(None)) }]);
        assert_eq!(given.at("/a/y").unwrap(), json!(1).into());
        // What has not been looked up may have anything in it, a text has nothing in it.
        let inside = given.at("/ab/d").unwrap();
        assert_eq!(inside.marked.marks[0].recipe, Recipe::Key(key(Some("/c/d"))));
        assert_eq!(given.at("/a/x/y"), None);
        assert_eq!(given.at("/b"), None);
        given.clear = Some(Clear(json!({"a": {"x": "HIDDEN", "y": 1}, "ab": {"d": 2}})));
        assert_eq!(given.at("/ab/d").unwrap().value(), &json!(2));
        assert_eq!(given.at("/ab/e"), None);
        assert!(!format!("{given:?}").contains("HIDDEN"));
    }

    #[test]
    fn a_key_is_read_in_its_form() {
        let read = |form, pointer: Option<&str>, bytes: &[u8]| Key { form, ..key(pointer) }.read(bytes);
        assert_eq!(read(Form::Plain, None, b"a\n").unwrap(), json!("a\n"));
        assert_eq!(read(Form::Trimmed, None, b"a\n").unwrap(), json!("a"));
        assert_eq!(read(Form::Encoded, None, b"\xff").unwrap(), json!("/w=="));
        assert_eq!(read(Form::Plain, Some("/p"), b"{\"p\": 7}").unwrap(), json!(7));
        assert_eq!(
            read(Form::Plain, None, b"\xff").unwrap_err(),
            "the key `k` of the Secret ns/s is no text"
        );
        let wrong = read(Form::Plain, Some("/q"), b"{\"p\": \"HIDDEN\"}").unwrap_err();
        assert_eq!(wrong, "the key `k` of the Secret ns/s has nothing at /q");
    }

    #[test]
    fn recipes_are_read_as_they_were_written() {
        let text = Recipe::Text(vec![Part::Text("x-".into()), Part::Secret(Recipe::Key(key(None)))]);
        let again = Recipe::Expression(Box::new(ExpressionAgain {
            expression: "a".into(),
            scope: Marked { data: json!({"a": MASK}), marks: vec![Mark { at: "/a".into(), recipe: text }] },
            at: "/b".into(),
        }));
        let written = serde_json::to_string(&again).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&written).unwrap(), again);
    }
}
