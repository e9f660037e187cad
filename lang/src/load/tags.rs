//! What is injected from outside: `@tag` attributes and the conditions of `@if`.

use super::header::arguments;
use crate::api::Refusal;
use crate::data::Data;
use crate::number::Number;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// Values for tags, as `-t key=value`, `-t name` and the variables that `-T` switches on give them.
#[derive(Debug, Default)]
pub struct Tags {
    values: Vec<(String, String)>,
    /// Names without a value: conditions of `@if`, or one of the short forms of a tag.
    names: Vec<String>,
    /// Variables that tags with `var=` take; `None` where they are switched off.
    variables: Option<Vec<(String, String)>>,
    used: Mutex<BTreeSet<String>>,
}

impl Tags {
    /// Reads `key=value` or `name`.
    pub fn inject(&mut self, text: &str) {
        match text.split_once('=') {
            Some((key, value)) => self.values.push((key.to_owned(), value.to_owned())),
            None => self.names.push(text.to_owned()),
        }
    }

    /// Switches variables on: tags with `var=NAME` take them.
    pub fn variables(&mut self, variables: Vec<(String, String)>) {
        self.variables = Some(variables);
    }

    fn mark(&self, name: &str) {
        if let Ok(mut used) = self.used.lock() {
            used.insert(name.to_owned());
        }
    }

    /// Whether a condition's name is set.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.mark(name);
        self.names.iter().any(|n| n == name)
    }

    /// What was given and nothing asked for: every one is a mistake of whoever gave it.
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.lock().map(|u| u.clone()).unwrap_or_default();
        let values = self.values.iter().map(|(key, _)| key);
        let mut out: Vec<String> =
            values.chain(&self.names).filter(|n| !used.contains(*n)).cloned().collect();
        out.dedup();
        out
    }

    /// The names that tags and conditions of the files have.
    pub fn known(&self) -> Vec<String> {
        self.used.lock().map(|u| u.iter().cloned().collect()).unwrap_or_default()
    }

    /// The values for `@tag(body)`.
    pub(super) fn values(&self, body: &str) -> Result<Vec<Data>, Refusal> {
        let arguments = arguments(body);
        let key = match arguments.first() {
            Some((None, key)) if is_name(key) => key.clone(),
            _ => return Err(Refusal::new(format!("@tag({body}) must begin with the name of the tag"))),
        };
        let (mut kind, mut short, mut variable) = ("string", None, None);
        for (name, value) in &arguments[1..] {
            match name.as_deref() {
                Some("type") if matches!(value.as_str(), "int" | "number" | "bool" | "string") => {
                    kind = value
                }
                Some("type") => {
                    let message = format!("a tag cannot have the type {value:?}");
                    return Err(Refusal::new(message).hint("types of tags are: string, int, number, bool"));
                }
                Some("short") => short = Some(value.as_str()),
                Some("var") => variable = Some(value.as_str()),
                _ => {}
            }
        }
        self.mark(&key);
        let mut texts: Vec<&str> =
            self.values.iter().filter(|(k, _)| *k == key).map(|(_, v)| v.as_str()).collect();
        for name in short.iter().flat_map(|s| s.split('|')) {
            if self.names.iter().any(|n| n == name) {
                self.mark(name);
                texts.push(name);
            }
        }
        if texts.is_empty()
            && let (Some(name), Some(variables)) = (variable, &self.variables)
        {
            match variables.iter().find(|(n, _)| n == name) {
                Some((_, value)) => texts.push(value),
                None => {
                    let names: Vec<&str> = variables.iter().map(|(n, _)| n.as_str()).collect();
                    let refusal = Refusal::new(format!("there is no tag variable {name:?}"));
                    return Err(refusal.hint(format!("there are: {}", names.join(", "))));
                }
            }
        }
        texts.into_iter().map(|text| typed(&key, kind, text)).collect()
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.'))
}

fn typed(key: &str, kind: &str, text: &str) -> Result<Data, Refusal> {
    let refuse = |want: &str| Err(Refusal::new(format!("the tag {key:?} takes {want}, not {text:?}")));
    match kind {
        "bool" => match text {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => refuse("true or false"),
        },
        "int" | "number" => {
            let (minus, digits) = match text.strip_prefix('-') {
                Some(digits) => (true, digits),
                None => (false, text),
            };
            match Number::parse_literal(digits) {
                Ok(n) if kind == "number" || n.is_int() => Ok(Data::Number(if minus { n.neg() } else { n })),
                _ => refuse(if kind == "int" { "an integer" } else { "a number" }),
            }
        }
        _ => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(given: &[&str]) -> Tags {
        let mut tags = Tags::default();
        given.iter().for_each(|t| tags.inject(t));
        tags
    }

    #[test]
    fn values_short_forms_and_types() {
        let t = tags(&["x=12", "prod"]);
        assert_eq!(t.values("x"), Ok(vec!["12".into()]));
        assert_eq!(t.values("x,type=int"), Ok(vec![Data::int(12)]));
        assert_eq!(t.values("env,short=prod|staging"), Ok(vec!["prod".into()]));
        assert_eq!(t.values("none"), Ok(vec![]));
        assert!(t.unused().is_empty());
        assert_eq!(
            t.values("x,type=bool").unwrap_err().message,
            "the tag \"x\" takes true or false, not \"12\""
        );
        assert!(t.values("").is_err() && t.values("x,type=foo").is_err());
        assert_eq!(
            tags(&["x=-1.5"]).values("x,type=number"),
            Ok(vec![Data::Number(Number::parse_literal("1.5").unwrap().neg())])
        );
    }

    #[test]
    fn variables_stand_back_behind_what_was_given() {
        let mut t = tags(&["y=1"]);
        assert_eq!(t.values("x,var=os"), Ok(vec![]));
        t.variables(vec![("os".into(), "linux".into())]);
        assert_eq!(t.values("x,var=os"), Ok(vec!["linux".into()]));
        assert_eq!(t.values("y,var=os"), Ok(vec!["1".into()]));
        assert_eq!(t.values("z,var=none").unwrap_err().message, "there is no tag variable \"none\"");
    }

    #[test]
    fn what_nothing_asked_for() {
        let t = tags(&["x=1", "y", "z"]);
        assert!(t.is_set("y"));
        assert_eq!(t.unused(), ["x", "z"]);
    }
}
