//! The forms in which rendered objects are printed.

use crate::error::Error;
use crate::output::Output;
use clap::ValueEnum;
use serde_json::Value;
use stepwell_lang::data::Data;
use stepwell_lang::encode::yaml;

/// The forms of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// YAML, one document for each object
    #[default]
    Yaml,
    /// One JSON list
    Json,
}

/// Prints objects.
pub(crate) fn print(objects: &[Value], form: Form, out: &Output) -> Result<(), Error> {
    let objects: Vec<Value> = objects.iter().map(in_usual_order).collect();
    match form {
        Form::Yaml => {
            let documents: Vec<Data> = objects.iter().map(Data::from_json_value).collect();
            out.result(yaml::write_stream(&documents))
        }
        Form::Json => out.result(format!("{:#}\n", Value::from(objects))),
    }
}

/// What an object is stands first, as people write it.
pub(crate) fn in_usual_order(object: &Value) -> Value {
    let Some(fields) = object.as_object() else { return object.clone() };
    let first = ["apiVersion", "kind", "metadata"];
    let head = first.iter().filter_map(|name| fields.get_key_value(*name));
    let rest = fields.iter().filter(|(name, _)| !first.contains(&name.as_str()));
    Value::Object(head.chain(rest).map(|(name, value)| (name.clone(), value.clone())).collect())
}
