//! Values that are known to be secret, with their substitutes and where they come from: finds them in data, hides them, marks what they have gone into.
//!
//! A value that an evaluation gives is compared with what the same evaluation gives with the substitutes (`shade`). What is the same has no secret in it. What is
//! different is, in this order, a secret as it is, a text with secrets in it, or something made of secrets beyond recognition, which only another
//! evaluation makes again ([`Untraced`]).

use super::{Form, Key, MASK, Mark, Marked, Part, Recipe, bytes_shaded, salt, shaded, step};
use crate::ops::support::mask::mask;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Shorter values would be found in everything.
const SHORTEST: usize = 4;
/// How many values are remembered, and how long the longest may be.
const MOST: usize = 1_000;
const LONGEST: usize = 64 << 10;
/// How many texts in the parameters of one op may be made of secrets beyond recognition.
const MOST_DERIVED: usize = 32;

/// Something is made of secrets in a way that only another evaluation can repeat.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Untraced;

/// The values, the longest texts first.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<Entry>);

struct Entry {
    real: Value,
    shade: Value,
    from: From,
}

/// Where a value comes from.
enum From {
    /// It is made again like this.
    Recipe(Recipe),
    /// Somebody has written it into a manifest: it is in the clear already.
    Written,
    /// It is made of secrets, nobody knows how.
    Unknown,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.recipe())
    }
}

impl Entry {
    fn text(&self) -> &str {
        self.real.as_str().unwrap_or_default()
    }

    fn recipe(&self) -> Option<&Recipe> {
        match &self.from {
            From::Recipe(recipe) => Some(recipe),
            From::Written | From::Unknown => None,
        }
    }
}

/// A text that is made of secrets beyond recognition.
pub(crate) struct Derived {
    /// Where it is: a JSON pointer.
    pub(crate) at: String,
    real: Value,
    shade: Value,
}

/// A piece of a text: itself, or a known value.
enum Piece<'k> {
    Text(&'k str),
    Known(&'k Entry),
}

impl Known {
    /// Whether nothing secret is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes up what the Secrets in this data hold.
    pub(crate) fn learn(&mut self, data: &Value) {
        match data {
            Value::Object(fields) => self.learn_fields(fields),
            Value::Array(items) => items.iter().for_each(|v| self.learn(v)),
            _ => {}
        }
    }

    /// The same of the fields of an object.
    pub(crate) fn learn_fields(&mut self, fields: &Map<String, Value>) {
        if is_secret(fields) {
            self.learn_secret(fields);
        }
        fields.values().for_each(|v| self.learn(v));
    }

    fn learn_secret(&mut self, secret: &Map<String, Value>) {
        let values = |field: &str| secret.get(field).and_then(Value::as_object).into_iter().flatten();
        for (key, value) in values("stringData") {
            self.add(value.clone(), shaded(value, origin(secret, key)), From::Written);
        }
        // Only what the cluster has given can be read there again.
        let stored = secret.get("metadata").is_some_and(|m| m.get("resourceVersion").is_some());
        for (key, value) in values("data") {
            let Some(encoded) = value.as_str() else { continue };
            match STANDARD.decode(encoded) {
                Ok(bytes) => {
                    let (namespace, name) = place(secret);
                    self.learn_bytes(namespace, name, key, &bytes, stored);
                }
                Err(_) => self.add(value.clone(), shaded(value, origin(secret, key)), From::Written),
            }
        }
    }

    /// Takes up what a key of a Secret holds, in all its forms.
    pub(crate) fn learn_key(&mut self, namespace: &str, secret: &str, key: &str, bytes: &[u8]) {
        self.learn_bytes(namespace, secret, key, bytes, true);
    }

    fn learn_bytes(&mut self, namespace: &str, secret: &str, key: &str, bytes: &[u8], stored: bool) {
        let from = |form| {
            let (namespace, secret, key) = (namespace.to_string(), secret.to_string(), key.to_string());
            match stored {
                true => From::Recipe(Recipe::Key(Key { namespace, secret, key, form, pointer: None })),
                false => From::Written,
            }
        };
        let salt = salt(&[namespace, secret, key, ""]);
        let encoded = STANDARD.encode(bytes);
        let other = bytes_shaded(&encoded, salt);
        self.add(json!(encoded), json!(other), from(Form::Encoded));
        let Ok(plain) = std::str::from_utf8(bytes) else { return };
        let shade = shaded(&json!(plain), salt);
        if plain.trim() != plain
            && let Some(shade) = shade.as_str()
        {
            self.add(json!(plain.trim()), json!(shade.trim()), from(Form::Trimmed));
        }
        self.add(json!(plain), shade, from(Form::Plain));
    }

    /// Takes up what the marks of a value say of it.
    pub(crate) fn learn_marked(&mut self, value: &Value, marks: &[Mark]) {
        for mark in marks {
            if let Some(real) = value.pointer(&mark.at) {
                self.add(real.clone(), shade_of(&mark.recipe, real), From::Recipe(mark.recipe.clone()));
            }
        }
    }

    fn add(&mut self, real: Value, shade: Value, from: From) {
        let length = real.as_str().map_or(0, str::len);
        if real == shade || length > LONGEST || real == json!("") || real == json!("***") {
            return;
        }
        // The same value from another origin is another one.
        if let Some(known) = self.0.iter_mut().find(|k| k.real == real && k.shade == shade) {
            if known.recipe().is_none() {
                known.from = from;
            }
            return;
        }
        if self.0.len() < MOST {
            let last = matches!(from, From::Written | From::Unknown);
            let before = |k: &Entry| k.text().len() > length || (k.text().len() == length && last);
            let at = self.0.partition_point(before);
            self.0.insert(at, Entry { real, shade, from });
        }
    }

    /// The texts in parameters that are made of secrets beyond recognition, where `other` are the parameters with the substitutes.
    pub(crate) fn derived(&self, real: &Value, other: &Value) -> Vec<Derived> {
        let mut found = Vec::new();
        self.untraced(real, other, &mut String::new(), &mut found);
        found.truncate(MOST_DERIVED);
        found
    }

    /// Takes these up, each with the way in which it is made again, if there is one.
    pub(crate) fn learn_derived(&mut self, derived: Vec<(Option<Recipe>, Derived)>) {
        for (recipe, Derived { real, shade, .. }) in derived {
            self.add(real, shade, recipe.map_or(From::Unknown, From::Recipe));
        }
    }

    fn untraced(&self, real: &Value, other: &Value, at: &mut String, found: &mut Vec<Derived>) {
        let length = at.len();
        let mut inside = |key: &str, value: &Value, other: Option<&Value>| {
            step(at, key);
            self.untraced(value, other.unwrap_or(&Value::Null), at, found);
            at.truncate(length);
        };
        match (real, other) {
            (Value::Object(fields), other) => fields.iter().for_each(|(k, v)| inside(k, v, other.get(k))),
            (Value::Array(items), other) => {
                items.iter().enumerate().for_each(|(i, v)| inside(&i.to_string(), v, other.get(i)));
            }
            (Value::String(text), other) if real != other && text.len() >= SHORTEST => {
                let shade = other.as_str().unwrap_or_default();
                if !self.0.iter().any(|e| e.real == *real) && self.parts(text, shade, SHORTEST).is_none() {
                    let shade = if other.is_string() { other.clone() } else { shaded(real, 0) };
                    found.push(Derived { at: at.clone(), real: real.clone(), shade });
                }
            }
            _ => {}
        }
    }

    /// Whether a text has something in it of which nobody knows how it is made.
    fn has_unknown(&self, text: &str) -> bool {
        let unknown = |p: &Piece<'_>| matches!(p, Piece::Known(Entry { from: From::Unknown, .. }));
        self.pieces(text, SHORTEST).is_some_and(|pieces| pieces.iter().any(unknown))
    }

    /// A text cut at known values of at least this length; none if there are none in it.
    fn pieces<'k>(&'k self, text: &'k str, shortest: usize) -> Option<Vec<Piece<'k>>> {
        let found: Vec<&Entry> = self
            .0
            .iter()
            .take_while(|e| !e.text().is_empty())
            .filter(|e| e.text().len() >= shortest && text.contains(e.text()))
            .collect();
        if found.is_empty() {
            return None;
        }
        let mut pieces = Vec::new();
        let (mut from, mut at) = (0, 0);
        while at < text.len() {
            match found.iter().find(|e| text[at..].starts_with(e.text())) {
                Some(entry) => {
                    if from < at {
                        pieces.push(Piece::Text(&text[from..at]));
                    }
                    pieces.push(Piece::Known(entry));
                    at += entry.text().len();
                    from = at;
                }
                None => at += text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        if from < text.len() {
            pieces.push(Piece::Text(&text[from..]));
        }
        Some(pieces)
    }

    /// The same, with those of several values that are the same that make `shade` of the text; none if it cannot be made so.
    fn matching<'k>(&'k self, text: &'k str, shade: &str, shortest: usize) -> Option<Vec<Piece<'k>>> {
        let mut rest = shade;
        let mut pieces = self.pieces(text, shortest)?;
        for piece in &mut pieces {
            rest = match piece {
                Piece::Text(t) => rest.strip_prefix(*t)?,
                Piece::Known(known) => {
                    let same = self.0.iter().filter(|e| e.real == known.real);
                    let found = same
                        .filter_map(|e| Some((e, rest.strip_prefix(e.shade.as_str()?)?)))
                        .max_by_key(|(_, left)| std::cmp::Reverse(left.len()));
                    match found {
                        Some((entry, left)) => {
                            *piece = Piece::Known(entry);
                            left
                        }
                        // The same text, but not for the secret's sake.
                        None => {
                            let text = known.text();
                            *piece = Piece::Text(text);
                            rest.strip_prefix(text)?
                        }
                    }
                }
            };
        }
        rest.is_empty().then_some(pieces)
    }

    /// A text without them.
    pub(crate) fn hide(&self, text: &str) -> String {
        let Some(pieces) = self.pieces(text, SHORTEST) else { return text.to_string() };
        pieces.iter().map(|p| if let Piece::Text(t) = p { t } else { MASK }).collect()
    }

    /// Data for people to read, without them and without what else is secret by its name.
    pub(crate) fn mask(&self, data: &Value) -> Value {
        mask(&self.hidden(data))
    }

    /// Whether one of them stands somewhere in some data.
    pub(crate) fn is_in(&self, data: &Value) -> bool {
        !self.is_empty() && self.hidden(data) != *data
    }

    /// Data without them.
    pub(crate) fn hidden(&self, data: &Value) -> Value {
        match data {
            Value::String(s) => Value::String(self.hide(s)),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.hidden(v)).collect()),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(k, v)| (self.hide(k), self.hidden(v))).collect())
            }
            other => other.clone(),
        }
    }

    /// The same for what an evaluation has given, where this is what it gives with the substitutes: without anything that a secret has gone into.
    pub(crate) fn shown(&self, real: &Value, shade: Option<&Value>) -> Value {
        let Some(shade) = shade else { return json!(MASK) };
        match (real, shade) {
            (Value::Object(fields), Value::Object(others)) => {
                let part = |(k, v): (&String, &Value)| (self.hide(k), self.shown(v, others.get(k)));
                Value::Object(fields.iter().map(part).collect())
            }
            (Value::Array(items), Value::Array(others)) => {
                Value::Array(items.iter().enumerate().map(|(i, v)| self.shown(v, others.get(i))).collect())
            }
            (Value::String(text), Value::String(other)) => json!(self.shown_text(text, other)),
            (real, shade) if real == shade => real.clone(),
            _ => json!(MASK),
        }
    }

    /// The same of a text.
    pub(crate) fn shown_text(&self, text: &str, shade: &str) -> String {
        if text == shade || self.matching(text, shade, SHORTEST).is_some() {
            return self.hide(text);
        }
        MASK.to_string()
    }

    /// A text with the substitutes in the place of known values.
    fn swapped(&self, text: &str) -> String {
        let Some(pieces) = self.pieces(text, SHORTEST) else { return text.to_string() };
        let part = |p: &Piece<'_>| match p {
            Piece::Text(t) => (*t).to_string(),
            Piece::Known(e) => e.shade.as_str().unwrap_or_default().to_string(),
        };
        pieces.iter().map(part).collect()
    }

    /// What an op gave, with substitutes: in Secrets, at these marks, and wherever a known text comes up.
    pub(crate) fn shade(&self, given: &Value, marks: &[Mark]) -> Value {
        let mut other = self.shade_in(given);
        for mark in marks {
            if let Some(real) = given.pointer(&mark.at) {
                super::put(&mut other, &mark.at, shade_of(&mark.recipe, real));
            }
        }
        other
    }

    fn shade_in(&self, given: &Value) -> Value {
        match given {
            Value::String(s) => Value::String(self.swapped(s)),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.shade_in(v)).collect()),
            Value::Object(fields) => {
                let secret = is_secret(fields);
                let part = |(k, v): (&String, &Value)| {
                    let other = match (k.as_str(), v) {
                        ("data", Value::Object(data)) if secret => {
                            let other = |(k, v): (&String, &Value)| {
                                let other = v.as_str().map(|s| bytes_shaded(s, origin(fields, k)));
                                (k.clone(), json!(other))
                            };
                            Value::Object(data.iter().map(other).collect())
                        }
                        ("stringData", Value::Object(data)) if secret => {
                            let other = |(k, v): (&String, &Value)| (k.clone(), shaded(v, origin(fields, k)));
                            Value::Object(data.iter().map(other).collect())
                        }
                        (_, v) => self.shade_in(v),
                    };
                    (k.clone(), other)
                };
                Value::Object(fields.iter().map(part).collect())
            }
            other => other.clone(),
        }
    }

    /// Data with its secrets marked, where this is what the same evaluation gives with the substitutes.
    ///
    /// # Errors
    /// If there is something in it that is made of secrets beyond recognition.
    pub(crate) fn marked(&self, real: &Value, shade: &Value) -> Result<Marked, Untraced> {
        let mut marks = Vec::new();
        let data = self.walk(real, shade, &mut String::new(), &mut marks)?;
        Ok(Marked { data, marks })
    }

    fn walk(
        &self,
        real: &Value,
        shade: &Value,
        at: &mut String,
        marks: &mut Vec<Mark>,
    ) -> Result<Value, Untraced> {
        let mut mark = |recipe: Recipe| {
            marks.push(Mark { at: at.clone(), recipe });
            Ok(json!(MASK))
        };
        let whole = self.0.iter().find(|e| e.real == *real && e.shade == *shade);
        if let Some(recipe) = whole.and_then(|e| e.recipe().cloned()) {
            return mark(recipe);
        }
        let length = at.len();
        match (real, shade) {
            (Value::Object(fields), Value::Object(others)) => {
                if fields.len() != others.len() {
                    return Err(Untraced);
                }
                let mut data = Map::new();
                for (key, value) in fields {
                    step(at, key);
                    let other = others.get(key).ok_or(Untraced)?;
                    data.insert(key.clone(), self.walk(value, other, at, marks)?);
                    at.truncate(length);
                }
                Ok(Value::Object(data))
            }
            (Value::Array(items), Value::Array(others)) => {
                if items.len() != others.len() {
                    return Err(Untraced);
                }
                let mut data = Vec::new();
                for (i, (value, other)) in items.iter().zip(others).enumerate() {
                    step(at, &i.to_string());
                    data.push(self.walk(value, other, at, marks)?);
                    at.truncate(length);
                }
                Ok(Value::Array(data))
            }
            (Value::String(text), Value::String(other)) => {
                let traced = [SHORTEST, 1].into_iter().find_map(|s| self.parts(text, other, s));
                match traced {
                    Some(parts) => mark(Recipe::Text(parts)),
                    None if text == other && !self.has_unknown(text) => Ok(real.clone()),
                    None => Err(Untraced),
                }
            }
            (real, shade) if real == shade => Ok(real.clone()),
            _ => Err(Untraced),
        }
    }

    /// The parts of a text that is made of known texts and gives `shade` with their substitutes, or nothing else than it.
    fn parts(&self, text: &str, shade: &str, shortest: usize) -> Option<Vec<Part>> {
        // What is the same with other secrets has none in it, however short they are: only longer ones are no chance.
        let same = text == shade;
        if same && shortest < SHORTEST {
            return None;
        }
        let pieces = match same {
            true => self.pieces(text, shortest)?,
            false => self.matching(text, shade, shortest)?,
        };
        let mut parts: Vec<Part> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(t) => parts.push(Part::Text(t.to_string())),
                Piece::Known(e) => match &e.from {
                    From::Recipe(Recipe::Text(inner)) => parts.extend(inner.iter().cloned()),
                    From::Recipe(recipe) => parts.push(Part::Secret(recipe.clone())),
                    From::Written if same => parts.push(Part::Text(e.text().to_string())),
                    From::Written | From::Unknown => return None,
                },
            }
        }
        parts.iter().any(|p| matches!(p, Part::Secret(_))).then_some(parts)
    }
}

/// The substitute for what a recipe makes.
fn shade_of(recipe: &Recipe, real: &Value) -> Value {
    match (recipe, real) {
        (Recipe::Key(Key { form: Form::Encoded, .. }), Value::String(s)) => {
            json!(bytes_shaded(s, recipe.salt()))
        }
        (_, real) => shaded(real, recipe.salt()),
    }
}

/// Namespace and name of an object.
fn place(object: &Map<String, Value>) -> (&str, &str) {
    let text = |field: &str| object.get("metadata").and_then(|m| m.get(field)?.as_str()).unwrap_or_default();
    (text("namespace"), text("name"))
}

/// The salt of a key of a Secret.
fn origin(secret: &Map<String, Value>, key: &str) -> u64 {
    let (namespace, name) = place(secret);
    salt(&[namespace, name, key, ""])
}

fn is_secret(fields: &Map<String, Value>) -> bool {
    fields.get("kind").and_then(Value::as_str) == Some("Secret")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn secret() -> Value {
        json!({"kind": "Secret", "metadata": {"name": "db", "namespace": "ns", "resourceVersion": "1"},
            "data": {"token": "aGlkZGVu", "n": "MQ==", "pin": "cGluMTIzCg=="}})
    }

    fn known() -> Known {
        let mut known = Known::default();
        known.learn(&json!({"value": secret()}));
        known
    }

    fn key(key: &str, form: Form) -> Recipe {
        let (namespace, secret) = ("ns".to_string(), "db".to_string());
        Recipe::Key(Key { namespace, secret, key: key.into(), form, pointer: None })
    }

    #[test]
    fn values_of_secrets_are_hidden_wherever_they_come_up() {
        let mut known = Known::default();
        known.learn(&json!({"value": {"kind": "Secret", "data": {"token": "aGlkZGVu", "n": "MQ=="}, "stringData": {"pin": "hidden-too"}}}));
        known.learn(&json!({"kind": "ConfigMap", "data": {"open": "seen by all"}}));
        assert_eq!(known.hide("Bearer hidden, hidden-too, aGlkZGVu, 1"), "Bearer ***, ***, ***, 1");
        let shown =
            known.mask(&json!({"url": "http://host/hidden", "note": ["seen by all"], "password": "other"}));
        assert_eq!(shown, json!({"url": "http://host/***", "note": ["seen by all"], "password": "***"}));
    }

    #[test]
    fn what_a_secret_has_gone_into_is_marked() {
        let known = known();
        // An evaluation, with the values and with their substitutes.
        let evaluate = |secret: &Value| {
            let plain = |key: &str| {
                String::from_utf8(STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap()).unwrap()
            };
            json!({
                "raw": secret["data"]["token"], "same": plain("token"), "short": plain("n"), "pin": plain("pin").trim(),
                "url": format!("http://u:{}@host/{}", plain("token"), plain("pin")), "list": ["a", plain("token")],
                "version": secret["metadata"]["resourceVersion"], "number": 1,
            })
        };
        let other = known.shade(&secret(), &[]);
        assert_eq!(other["metadata"], secret()["metadata"]);
        let marked = known.marked(&evaluate(&secret()), &evaluate(&other)).unwrap();
        assert_eq!(
            marked.data,
            json!({"raw": "***", "same": "***", "short": "***", "pin": "***", "url": "***", "list": ["a", "***"],
                "version": "1", "number": 1})
        );
        let of = |at: &str| marked.marks.iter().find(|m| m.at == at).unwrap().recipe.clone();
        assert_eq!(of("/raw"), key("token", Form::Encoded));
        assert_eq!(of("/same"), key("token", Form::Plain));
        assert_eq!(of("/short"), key("n", Form::Plain));
        assert_eq!(of("/pin"), key("pin", Form::Trimmed));
        let text = |t: &str| Part::Text(t.into());
        let secret = |k: &str| Part::Secret(key(k, Form::Plain));
        let parts = vec![text("http://u:"), secret("token"), text("@host/"), secret("pin")];
        assert_eq!(of("/url"), Recipe::Text(parts));
    }

    #[test]
    fn what_is_beyond_recognition_is_told() {
        let known = known();
        let hash = |s: &str| json!({"hash": s.len(), "sum": s.bytes().map(u64::from).sum::<u64>()});
        let other = known.shade(&json!("hidden"), &[]);
        let other = other.as_str().unwrap().to_string();
        assert_eq!(known.marked(&hash("hidden"), &hash(&other)), Err(Untraced));
        assert_eq!(known.marked(&json!({"hidden": 1}), &json!({other.as_str(): 1})), Err(Untraced));
        assert_eq!(known.marked(&json!([1]), &json!([1, 2])), Err(Untraced));
        // It is not shown either.
        let shown = known.shown(
            &json!({"a": "x-hidden", "b": "ab12", "c": 1}),
            Some(&json!({"a": format!("x-{other}"), "b": "cd34", "c": 1})),
        );
        assert_eq!(shown, json!({"a": "x-***", "b": "***", "c": 1}));
        // What an op was given is known from then on, and marked where it comes back.
        let mut known = known;
        let (given, other) = (json!({"a": "hidden", "b": ["ab12cd"]}), json!({"a": other, "b": ["cd34ef"]}));
        let derived = known.derived(&given, &other);
        assert_eq!(derived.iter().map(|d| d.at.as_str()).collect::<Vec<_>>(), ["/b/0"]);
        let recipe = key("made", Form::Plain);
        known.learn_derived(derived.into_iter().map(|d| (Some(recipe.clone()), d)).collect());
        let echo = json!("so: ab12cd");
        let parts = vec![Part::Text("so: ".into()), Part::Secret(recipe)];
        assert_eq!(known.marked(&echo, &echo).unwrap().marks[0].recipe, Recipe::Text(parts));
        let derived = known.derived(&json!("zz99yy"), &json!("aa00zz"));
        known.learn_derived(derived.into_iter().map(|d| (None, d)).collect());
        assert_eq!(known.marked(&json!("zz99yy"), &json!("zz99yy")), Err(Untraced));
        assert_eq!(known.hide("is zz99yy"), "is ***");
        // A secret in what does not depend on it is still one: a server may send it back.
        let echo = json!({"body": "got hidden"});
        let marked = known.marked(&echo, &echo).unwrap();
        assert_eq!(marked.data, json!({"body": "***"}));
    }

    #[test]
    fn of_two_secrets_that_are_the_same_the_right_one_is_found() {
        let named = |name: &str| {
            let mut secret = secret();
            secret["metadata"]["name"] = json!(name);
            secret
        };
        let mut known = Known::default();
        let both = json!([named("one"), named("two")]);
        known.learn(&both);
        let shade = known.shade(&both, &[]);
        let text =
            |all: &Value| json!(format!("{} and {}", all[1]["data"]["token"], all[0]["data"]["token"]));
        let marked = known.marked(&text(&both), &text(&shade)).unwrap();
        let Recipe::Text(parts) = &marked.marks[0].recipe else { panic!("{marked:?}") };
        let names: Vec<&str> = parts
            .iter()
            .filter_map(|p| match p {
                Part::Secret(Recipe::Key(key)) => Some(key.secret.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(names, ["two", "one"]);
    }
}
