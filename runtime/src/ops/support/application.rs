//! What the ops of `oam` share: the components of the application, rendered and patched.

use super::cx::{Components, Cx, Rendered};
use super::references;
use crate::ops::OpError;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The component that an op is about.
#[derive(Deserialize)]
pub(crate) struct Named {
    /// Its name in the application.
    pub(crate) name: String,
    /// What is said of it besides.
    #[serde(flatten)]
    said: Map<String, Value>,
}

impl Named {
    /// The components of the application, with this one as it is written here: as an environment changes it, or as a step makes it.
    ///
    /// # Errors
    /// A component that the application does not have and that is of no type, and what is wrong with it.
    pub(crate) fn of(&self, components: &Arc<dyn Components>) -> Result<Arc<dyn Components>, OpError> {
        let all = components.components();
        let own = all.iter().find(|(name, _)| *name == self.name).map(|(_, component)| component);
        let mut whole = own.and_then(Value::as_object).cloned().unwrap_or_default();
        whole.insert("name".into(), self.name.clone().into());
        whole.extend(self.said.clone());
        if own.is_none() && !whole.contains_key("type") {
            let names = all.iter().map(|(name, _)| name.as_str());
            let near = crate::problem::nearest(&self.name, names.clone());
            let hint = match near {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; it has `{}`", names.collect::<Vec<_>>().join("`, `")),
            };
            return Err(OpError::permanent(format!(
                "the application has no component `{}`{hint}",
                self.name
            )));
        }
        let whole = Value::Object(whole);
        match own == Some(&whole) {
            true => Ok(components.clone()),
            false => components.with(&whole).map_err(OpError::permanent),
        }
    }
}

/// What to lay over a rendered component.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Patch {
    /// Over the main object.
    workload: Option<Value>,
    /// Over the other objects, by name.
    traits: Map<String, Value>,
}

/// The components of the application.
///
/// # Errors
/// Where the run is not that of an application, or of another than `app` names.
pub(crate) fn components<'a>(cx: &'a Cx, app: Option<&str>) -> Result<&'a Arc<dyn Components>, OpError> {
    let Some(components) = &cx.components else {
        return Err(OpError::permanent("only the workflow of an Application has components"));
    };
    match app.filter(|a| !a.is_empty() && *a != cx.owner.name) {
        Some(other) => Err(OpError::permanent(format!(
            "`app` is `{other}`: a workflow has the components of its own application (`{}`)",
            cx.owner.name
        ))),
        None => Ok(components),
    }
}

/// Renders a component, with the objects in it that it only names.
///
/// # Errors
/// What is wrong with it, and objects that are not there.
pub(crate) async fn render(cx: &Cx, components: &dyn Components, name: &str) -> Result<Rendered, OpError> {
    match references::resolved(cx, components, name).await? {
        Some(properties) => components.render_with(name, properties),
        None => components.render(name),
    }
    .map_err(OpError::permanent)
}

/// Renders a component, with a patch laid over it.
///
/// # Errors
/// What is wrong with the component, and a patch for an object that it does not render.
pub(crate) async fn rendered(
    cx: &Cx,
    components: &Arc<dyn Components>,
    component: &Named,
    patch: &Patch,
) -> Result<Rendered, OpError> {
    let name = &component.name;
    let mut rendered = render(cx, components.as_ref(), name).await?;
    if let Some(patch) = &patch.workload {
        json_patch::merge(&mut rendered.output, patch);
    }
    for (output, patch) in &patch.traits {
        let Some(object) = rendered.outputs.get_mut(output) else {
            let there: Vec<String> = rendered.outputs.keys().map(|name| format!("`{name}`")).collect();
            let there = if there.is_empty() { "only its workload".to_owned() } else { there.join(", ") };
            let message =
                format!("the component `{name}` renders no `{output}` to patch; it renders {there}");
            return Err(OpError::permanent(message));
        };
        json_patch::merge(object, patch);
    }
    Ok(rendered)
}
