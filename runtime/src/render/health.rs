//! What a definition says of live objects: `isHealth`, the message, the details of its `status` attribute.
//!
//! A definition without a health policy is healthy as soon as its objects are there. What may be changed: which texts of `status` are read. Tests at the end.

use super::context::{Context, ordered, ordered_fields};
use super::{RenderOptions, namespace};
use crate::definitions::{Definition, Library};
use crate::model::application::{Application, Component};
use crate::problem::Problems;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use stepwell_lang::{Data, Path, Program, Shared, Which};

/// The health of a component or trait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether it is as it should be.
    pub healthy: bool,
    /// What its definition says about it.
    pub message: String,
    /// Texts by name.
    pub details: BTreeMap<String, String>,
}

/// What is judged: live objects, and what they were rendered from.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The component.
    pub component: &'a Component,
    /// The properties of the component itself, or of the trait that is judged.
    pub properties: Option<&'a Map<String, Json>>,
    /// The main object.
    pub output: &'a Json,
    /// The others, by name.
    pub outputs: &'a Map<String, Json>,
}

/// Judges a component or trait by its definition. What cannot be evaluated yet (a status that is not written) is not healthy, and no mistake.
///
/// # Errors
/// Mistakes in the definition.
pub fn health(
    library: &Library,
    definition: &Definition,
    app: &Application,
    options: &RenderOptions,
    live: Live<'_>,
) -> Result<Health, Problems> {
    let status = &library.compiled(definition)?.status;
    let component = live.component;
    let context = Context::new(app, &app.components, namespace(app, options), options);
    let context = context.with([
        ("name", Shared::string(component.name.as_str())),
        ("output", ordered(live.output)),
        ("outputs", ordered_fields(live.outputs)),
        ("replicaKey", Shared::string(component.replica_key.as_str())),
        ("revision", Shared::string(component.external_revision.as_deref().unwrap_or_default())),
    ]);
    let parameter = live.properties.map(ordered_fields).unwrap_or_else(|| Shared::structure([]));
    let filled = |program: &Program| -> Result<stepwell_lang::Instance, Problems> {
        let instance = program.instance();
        instance.fill_shared(&Path::from_iter(["parameter"]), &parameter)?;
        instance.fill_shared(&Path::from_iter(["context"]), &context)?;
        Ok(instance)
    };
    let mut health = Health { healthy: true, ..Health::default() };
    if let Some(program) = &status.health {
        let instance = filled(program)?;
        health.healthy = instance.root().get("isHealth").and_then(|v| v.as_bool()).unwrap_or(false);
    }
    if let Some(program) = &status.message {
        let instance = filled(program)?;
        health.message =
            instance.root().get("message").and_then(|v| v.as_str()).unwrap_or_default().to_string();
    }
    if let Some(program) = &status.details {
        let instance = filled(program)?;
        let root = instance.root();
        let own = ["context", "parameter"];
        for f in root.fields(Which::default()).into_iter().filter(|f| !own.contains(&&*f.value.label())) {
            if let Ok(data) = f.value.data() {
                let text = match data {
                    Data::String(s) => s.to_string(),
                    other => other.to_json_value().to_string(),
                };
                health.details.insert(f.value.label().to_string(), text);
            }
        }
    }
    Ok(health)
}
