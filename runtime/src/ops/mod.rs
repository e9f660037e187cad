//! Ops: the calls that a definition can make on the world. One file per op, listed once in [`all`].
//!
//! To add one: a file named after its provider and name (`kube_apply.rs`), an entry in [`all`], its schema in `/stdlib/vela/PROVIDER`. The
//! schema states parameters and defaults, so an op finds its parameters complete; it gives returns, or says that the step waits, suspends or
//! fails. `support` has what several ops share. Nothing secret may get into a message: an op's errors name places, never values.

mod builtin_break;
mod builtin_fail;
mod builtin_message;
pub(crate) mod builtin_restart;
mod builtin_suspend;
mod builtin_var;
mod builtin_wait;
mod config_create;
mod config_delete;
mod config_list;
mod config_read;
mod email_send;
mod git_push;
mod git_read;
mod helm_render;
mod http_do;
mod kube_apply;
mod kube_apply_in_parallel;
mod kube_delegate;
mod kube_delete;
mod kube_list;
mod kube_patch;
mod kube_read;
mod kube_ready;
mod kustomize_build;
mod metrics_promcheck;
mod multicluster_deploy;
mod multicluster_get_placements_from_tmulticlusterology_policies;
mod multicluster_list_clusters;
mod multicluster_make_placement_decisions;
mod multicluster_patch_application;
mod oam_component_apply;
mod oam_component_render;
pub(crate) mod oam_component_write;
mod oam_load;
mod oam_load_comps_in_order;
mod oam_load_policies;
mod query_collectlogsinpod;
mod query_collectresources;
mod query_collectserviceendpoints;
mod query_listappliedresources;
mod query_listresourcesinapp;
mod query_searchevents;
mod revision_restore;
pub mod support;
mod terraform_get_connection_status;
mod terraform_load_terraform_components;
mod time_date;
mod time_timestamp;
mod util_log;
mod util_patch_k8s_object;
mod util_string;

pub use support::cx::{Components, Cx, Deployment, OfRevision, Owner, References, Rendered};
pub use support::page::page;

use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// An op.
pub trait Op: Send + Sync {
    /// The `#provider` that definitions name.
    fn provider(&self) -> &'static str;

    /// The `#do` that definitions name.
    fn name(&self) -> &'static str;

    /// The `#do` of the older form, whose params and returns are plain fields; empty if there is no such form.
    fn older(&self) -> &'static str {
        ""
    }

    /// The `#provider` of the older form.
    fn older_provider(&self) -> &'static str {
        "op"
    }

    /// What it does, for its page of documentation.
    fn doc(&self) -> &'static str;

    /// Whether carrying it out again with the same parameters changes nothing. The result of one that is not is recorded before the
    /// attempt goes on, so that a crash repeats at most the op that was under way.
    fn repeatable(&self) -> bool {
        true
    }

    /// Whether carrying it out leaves the world as it is: then nothing need be saved before it.
    fn pure(&self) -> bool {
        false
    }

    /// Whether carrying it out with these parameters may change the world. If not, nothing need be saved before it, and what it gave is
    /// recorded while the attempt goes on, together with what others gave.
    fn touches(&self, params: &Map<String, Value>) -> bool {
        let _ = params;
        !self.pure()
    }

    /// Whether what it gives depends on nothing but its parameters.
    fn local(&self) -> bool {
        false
    }

    /// Its parameters that are for people to read: it is given them with secrets masked.
    fn tells(&self) -> &'static [&'static str] {
        &[]
    }

    /// What it has to do with the values that steps keep for each other.
    fn vars(&self) -> Vars {
        Vars::None
    }

    /// The older form's fields that are returns and not params.
    fn older_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// The older form's fields for the returns.
    fn older_returns(&self, params: &Map<String, Value>, returns: Map<String, Value>) -> Map<String, Value> {
        let _ = params;
        returns
    }

    /// Carries the op out.
    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>>;
}

/// What an op has to do with the values that steps keep for each other, beside their outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vars {
    /// Nothing.
    None,
    /// It looks at them, or keeps one for its own step.
    Reads,
    /// It keeps them for other steps.
    Keeps,
}

/// What packages compose of ops that look at such values, by name: whoever mentions it has to do with what its ops have to do with.
const COMPOSED: [(&str, Vars); 1] = [("#Rollout", Vars::Reads)];

/// What a definition that mentions these names can have to do with the values that steps keep for each other.
pub(crate) fn vars_of(mentioned: &BTreeSet<Arc<str>>) -> Vars {
    let named = |op: &&&dyn Op| {
        let schema = support::page::name(**op);
        [op.name(), op.older(), &schema].iter().any(|n| !n.is_empty() && mentioned.contains(*n))
    };
    let relevant = all().iter().filter(|op| op.vars() > Vars::None);
    let composed = COMPOSED.iter().filter(|(name, _)| mentioned.contains(*name)).map(|(_, vars)| *vars);
    relevant.filter(named).map(|op| op.vars()).chain(composed).max().unwrap_or(Vars::None)
}

/// What an op says when it could be carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Go on, with these returns.
    Returns(Map<String, Value>),
    /// Not yet. Everything that the step has read so far is watched.
    Wait(String),
    /// Wait for a person, or for the time to pass.
    Suspend {
        /// The time.
        duration: Option<Duration>,
        /// What to tell.
        message: Option<String>,
    },
    /// The step is done, and the workflow with it.
    Break(Option<String>),
    /// The step has failed.
    Fail(Option<String>),
    /// Tell this in the status, and go on.
    Message(String),
    /// Keep this for later attempts and steps, and go on.
    Put {
        /// The name.
        path: String,
        /// The value.
        value: Value,
        /// What the op itself gives.
        returns: Map<String, Value>,
    },
}

impl Answer {
    /// The answer as data, for a log.
    pub fn told(&self) -> Value {
        match self {
            Answer::Returns(returns) => Value::Object(returns.clone()),
            Answer::Wait(message) => json!({"wait": message}),
            Answer::Suspend { duration, message } => {
                json!({"suspend": message, "duration": duration.map(|d| d.as_secs_f64())})
            }
            Answer::Break(message) => json!({"break": message}),
            Answer::Fail(message) => json!({"fail": message}),
            Answer::Message(message) => json!({"message": message}),
            Answer::Put { path, value, .. } => json!({"put": {path: value}}),
        }
    }

    /// Returns with one field.
    pub fn one(name: &str, value: Value) -> Answer {
        Answer::Returns(Map::from_iter([(name.to_string(), value)]))
    }
}

/// Why an op could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OpError {
    /// What went wrong, with nothing secret in it.
    pub message: String,
    /// Whether trying again may help.
    pub retry: bool,
}

impl OpError {
    /// An error that stays.
    pub fn permanent(message: impl Into<String>) -> OpError {
        OpError { message: message.into(), retry: false }
    }

    /// An error that may pass.
    pub fn transient(message: impl Into<String>) -> OpError {
        OpError { message: message.into(), retry: true }
    }
}

/// All ops.
pub fn all() -> &'static [&'static dyn Op] {
    &[
        &builtin_break::Break,
        &builtin_fail::Fail,
        &builtin_message::Message,
        &builtin_restart::Restart,
        &builtin_suspend::Suspend,
        &builtin_var::Var,
        &builtin_wait::Wait,
        &config_create::CreateConfig,
        &config_delete::DeleteConfig,
        &config_list::ListConfig,
        &config_read::ReadConfig,
        &email_send::Send,
        &git_push::Push,
        &git_read::Read,
        &helm_render::Render,
        &http_do::Do,
        &kube_apply::Apply,
        &kube_apply_in_parallel::ApplyInParallel,
        &kube_delegate::Delegate,
        &kube_delete::Delete,
        &kube_list::List,
        &kube_patch::Patch,
        &kube_read::Read,
        &kube_ready::Ready,
        &kustomize_build::Build,
        &metrics_promcheck::PromCheck,
        &multicluster_deploy::Deploy,
        &multicluster_get_placements_from_tmulticlusterology_policies::GetPlacements,
        &multicluster_list_clusters::ListClusters,
        &multicluster_make_placement_decisions::MakePlacementDecisions,
        &multicluster_patch_application::PatchApplication,
        &oam_component_apply::ComponentApply,
        &oam_component_render::ComponentRender,
        &oam_component_write::ComponentWrite,
        &oam_load::LoadComponents,
        &oam_load_comps_in_order::LoadInOrder,
        &oam_load_policies::LoadPolicies,
        &query_collectlogsinpod::CollectLogs,
        &query_collectresources::CollectResources,
        &query_collectserviceendpoints::CollectServiceEndpoints,
        &query_listappliedresources::ListAppliedResources,
        &query_listresourcesinapp::ListResourcesInApp,
        &query_searchevents::SearchEvents,
        &terraform_get_connection_status::GetConnectionStatus,
        &terraform_load_terraform_components::LoadTerraformComponents,
        &revision_restore::Restore,
        &time_date::TimestampToDate,
        &time_timestamp::DateToTimestamp,
        &util_log::Log,
        &util_patch_k8s_object::PatchObject,
        &util_string::ConvertString,
    ]
}

/// How a definition wrote an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Params and returns in `$params` and `$returns`.
    Prefixed,
    /// Params and returns are plain fields.
    Plain,
}

/// The op that `#provider` and `#do` name, and the form that this is.
///
/// # Errors
/// What there is instead, for a message.
pub fn find(provider: &str, name: &str) -> Result<(&'static dyn Op, Form), String> {
    let plain = |o: &&&dyn Op| provider == o.older_provider() && !o.older().is_empty() && o.older() == name;
    if let Some(op) = all().iter().find(|o| o.provider() == provider && o.name() == name) {
        return Ok((*op, Form::Prefixed));
    }
    if let Some(op) = all().iter().find(plain) {
        return Ok((*op, Form::Plain));
    }
    let names: Vec<String> = all().iter().map(|o| format!("{}/{}", o.provider(), o.name())).collect();
    let asked = format!("{provider}/{name}");
    match crate::problem::nearest(&asked, names.iter().map(String::as_str)) {
        Some(near) => Err(format!("there is no op `{asked}`; did you mean `{near}`?")),
        None => Err(format!("there is no op `{asked}`")),
    }
}

/// An op's parameters as a type of its own.
fn read<T: DeserializeOwned>(params: Map<String, Value>) -> Result<T, OpError> {
    serde_json::from_value(Value::Object(params))
        .map_err(|e| OpError::permanent(format!("its parameters do not fit: {e}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_is_an_op_in_the_list() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = BTreeSet::new();
        for entry in std::fs::read_dir(root.join("src/ops")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(name) = name.strip_suffix(".rs").filter(|n| *n != "mod") {
                files.insert(name.to_string());
            }
        }
        let file = |o: &&dyn Op| format!("{}_{}", o.provider(), o.name()).replace('-', "_").to_lowercase();
        assert_eq!(all().iter().map(file).collect::<BTreeSet<_>>(), files);
    }

    #[test]
    fn every_op_has_a_description_and_a_schema() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stdlib/vela");
        for op in all() {
            assert!(op.doc().len() > 20, "{}", op.name());
            let file = root.join(op.provider()).join(format!("{}.cue", op.provider()));
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(
                text.contains(&format!("#do:       \"{}\"", op.name())),
                "{} in {}",
                op.name(),
                file.display()
            );
            if !op.older().is_empty() {
                let text = std::fs::read_to_string(root.join("op/op.cue")).unwrap();
                assert!(text.contains(&format!("#do:       \"{}\"", op.older())), "{}", op.older());
            }
        }
    }

    #[test]
    fn what_a_definition_names_says_whether_it_keeps_values() {
        let vars = |names: &[&str]| vars_of(&names.iter().map(|n| Arc::from(*n)).collect());
        assert_eq!(vars(&["#Apply", "apply", "kube"]), Vars::None);
        assert_eq!(vars(&["#PromCheck"]), Vars::Reads);
        assert_eq!(vars(&["promCheck", "#DoVar"]), Vars::Keeps);
        assert_eq!(vars(&["var"]), Vars::Keeps);
    }

    #[test]
    fn what_packages_make_of_ops_that_read_values_is_known() {
        use crate::stdlib::Stdlib;
        use stepwell_lang::{Packages, Program};
        for path in Stdlib::paths() {
            let program = Program::compile(Stdlib.sources(path).unwrap(), &Stdlib).unwrap();
            // Packages declare ops; one that selects them of another package composes something.
            if vars_of(&program.mentioned().into_iter().filter(|n| n.starts_with('#')).collect()) > Vars::None
            {
                let known = COMPOSED.iter().any(|(name, _)| program.instance().root().get(name).is_some());
                assert!(known, "{path} composes ops that read values: name what it composes in COMPOSED");
            }
        }
    }

    #[test]
    fn ops_are_found_in_both_forms() {
        assert!(matches!(find("kube", "apply"), Ok((o, Form::Prefixed)) if o.name() == "apply"));
        assert!(matches!(find("op", "wait"), Ok((o, Form::Plain)) if o.name() == "wait"));
        assert_eq!(
            find("kube", "aply").err().unwrap(),
            "there is no op `kube/aply`; did you mean `kube/apply`?"
        );
        assert_eq!(find("x", "").err().unwrap(), "there is no op `x/`");
    }
}
