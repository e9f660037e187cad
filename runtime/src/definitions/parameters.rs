//! What a definition says of its parameters, for people: types, defaults, and the comments `// +usage=`, `// +short=` and `// +alias=`.
//!
//! A new kind of comment is a field of [`Parameter`] and a line in `of_field`. Tests in `tests/definitions.rs`.

use super::Compiled;
use stepwell_lang::syntax::ast::Constraint;
use stepwell_lang::{Data, Field, Instance, Value, Which};

/// How deep parameters inside of parameters are followed.
const DEEPEST: usize = 12;

/// How many parameters are told of one definition: a definition may contain itself.
const MOST: usize = 2_000;

/// A parameter of a definition.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether it may be left out and has no default.
    pub optional: bool,
    /// What it may be.
    pub kind: String,
    /// What it is where nothing is given, if that is a scalar.
    pub default: Option<Data>,
    /// What it is for.
    pub usage: String,
    /// Its name in one letter.
    pub short: Option<String>,
    /// What it is called too.
    pub alias: Option<String>,
    /// The parameters in it, in the elements of a list and in the branches of a choice.
    pub inside: Vec<Parameter>,
}

impl Compiled {
    /// The parameters that the template declares, with all that is in them.
    pub fn parameters(&self, instance: &Instance) -> Vec<Parameter> {
        let mut left = MOST;
        let parameter = self.template(instance).get("parameter");
        parameter.map(|p| below(p, 0, &mut left)).unwrap_or_default()
    }
}

/// The parameters below a value; of several branches each name once.
fn below(value: Value<'_>, depth: usize, left: &mut usize) -> Vec<Parameter> {
    let mut found: Vec<Parameter> = Vec::new();
    if depth > DEEPEST {
        return found;
    }
    for field in value.fields(Which { constraints: true, ..Which::default() }) {
        if *left == 0 {
            return found;
        }
        *left -= 1;
        found.push(of_field(&field, depth, left));
    }
    for part in value.inside() {
        for more in below(part, depth + 1, left) {
            match found.iter_mut().find(|f| f.name == more.name) {
                // A default says what something is, and what it is for stands elsewhere.
                Some(known) if known.usage.is_empty() => *known = more,
                Some(_) => {}
                None => found.push(more),
            }
        }
    }
    found
}

fn of_field(field: &Field<'_>, depth: usize, left: &mut usize) -> Parameter {
    let value = field.value;
    let docs = value.docs();
    let said = |mark: &str| docs.iter().find_map(|line| line.strip_prefix(mark)).map(|s| s.trim().to_owned());
    let default = value.default_value().or(Some(value).filter(|v| v.is_concrete()));
    Parameter {
        name: value.label().to_string(),
        optional: field.constraint == Constraint::Optional,
        kind: value.kind().to_string(),
        default: default
            .and_then(|d| d.data().ok())
            .filter(|d| !matches!(d, Data::List(_) | Data::Struct(_))),
        usage: said("+usage=").unwrap_or_default(),
        short: said("+short="),
        alias: said("+alias="),
        inside: below(value, depth + 1, left),
    }
}
