//! What an op is given besides its parameters: the cluster, whose step it is, and what the step has read so far.

use super::objects::{Kinds, innermost};
use super::secret::Again;
use crate::engine::Watched;
use crate::model::definition::Kind;
use crate::model::run::Time;
use crate::ops::OpError;
pub use crate::render::placement::Place;
use crate::resources::Tracking;
use crate::revisions::Revision;
use crate::secret::{Given, Known, Mark, Marked, Untraced};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The object whose workflow is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// `Application` or `WorkflowRun`.
    pub kind: String,
    /// Its API version.
    pub api_version: String,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
}

/// A component as it was rendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The main object.
    pub output: Value,
    /// The others, by name.
    pub outputs: Map<String, Value>,
}

/// An application as a deploy step puts it somewhere.
pub struct Deployment {
    /// Its components, with the override policies laid over them, and once for each key of a replication.
    pub components: Arc<dyn Components>,
    /// Where it is put.
    pub places: Vec<Place>,
    /// The components that each component depends on, in the order of the application.
    pub order: Vec<(String, Vec<String>)>,
}

/// The properties of a component, some of which only name objects.
pub struct References {
    /// The properties.
    pub properties: Map<String, Value>,
    /// The property with a list of what names objects in the cluster.
    pub objects: String,
    /// The property with a list of addresses.
    pub urls: String,
}

/// The components of a revision.
pub struct OfRevision {
    /// The components, by the definitions that the revision was made with.
    pub components: Arc<dyn Components>,
    /// Those of the definitions that there are none of today.
    pub gone: Vec<(Kind, String)>,
}

/// Renders components of the application and judges their health: what ops need of the render half of this crate.
pub trait Components: Send + Sync {
    /// Renders the component of this name, with what `patch` says laid over it.
    ///
    /// # Errors
    /// What is wrong with it, all at once.
    fn render(&self, name: &str) -> Result<Rendered, String>;

    /// What of a component only names objects, which are to be looked up before it is rendered; `None` if it names none.
    fn references(&self, name: &str) -> Option<References>;

    /// As [`Components::render`], with other properties.
    ///
    /// # Errors
    /// As [`Components::render`].
    fn render_with(&self, name: &str, properties: Map<String, Value>) -> Result<Rendered, String>;

    /// Whether the component is healthy with these objects of the cluster, as its definitions judge it; `None` where they do not.
    ///
    /// # Errors
    /// What is wrong with the definition.
    fn healthy(&self, name: &str, live: &Rendered) -> Result<Option<(bool, String)>, String>;

    /// The components as they are written, by name, in the order of the application.
    fn components(&self) -> Vec<(String, Value)>;

    /// The same with this component as it is written here, in the place of the one of its name or beside the others.
    ///
    /// # Errors
    /// What is wrong with it, all at once.
    fn with(&self, component: &Value) -> Result<Arc<dyn Components>, String>;

    /// The names of the components whose workload is a Configuration of the Terraform controller.
    fn terraform(&self) -> Vec<String>;

    /// The policies as they are written, by name.
    fn policies(&self) -> Vec<(String, Value)>;

    /// The application as these policies (by name, and as they are written) say.
    ///
    /// # Errors
    /// What is wrong with them, all at once.
    fn deployment(&self, policies: &[String], inline: &[Value]) -> Result<Deployment, String>;

    /// The components as a revision of the application has them, by the definitions that it was made with; and what of these there is none of today.
    ///
    /// # Errors
    /// A revision that cannot be read.
    fn of_revision(&self, revision: &Revision) -> Result<OfRevision, OpError>;

    /// Notes how a component was found to stand: healthy or not, and what there is to say of it.
    fn found(&self, name: &str, live: &Rendered, healthy: bool, message: &str);

    /// How the components were found to stand, by name, in the form of `status.services`.
    fn services(&self) -> Map<String, Value>;
}

/// What an op is given.
pub struct Cx {
    /// The cluster.
    pub client: kube::Client,
    /// The kinds that the cluster serves, as far as they have been asked for.
    pub kinds: Arc<Kinds>,
    /// The client for calls over HTTP.
    pub http: Result<reqwest::Client, String>,
    /// Whether this is done for the person at this machine, who may have its files read and its programs run.
    pub local: bool,
    /// Whose workflow this is.
    pub owner: Owner,
    /// The components, where the owner has any.
    pub components: Option<Arc<dyn Components>>,
    /// The record of what the owner applies, where it is an Application.
    pub tracking: Option<Arc<Tracking>>,
    /// Which run this is, as that record tells runs apart.
    pub run: String,
    /// What the step finds in `context`, and what steps have put out so far: given to steps that can look at them.
    pub context: Map<String, Value>,
    /// What steps have put out so far.
    pub vars: BTreeMap<String, Given>,
    /// The name of the step.
    pub step: String,
    /// The id of the step in this run.
    pub session: String,
    /// The path of the op in the step.
    pub op: String,
    /// The same for the same op in the same attempt, even if a crash repeats it; different for any other.
    pub identity: String,
    /// What the Secrets hold that this attempt has read.
    pub(crate) secrets: Mutex<Known>,
    /// Where secrets are in what the op is about to give, beside the content of Secrets.
    pub(crate) noted: Mutex<Vec<Mark>>,
    /// Evaluates again what steps have made of secrets, where there is such.
    pub(crate) again: Option<Arc<dyn Again>>,
    /// When the attempt began, by the clock of the run.
    pub now: Time,
    /// Whether this op has suspended the step before and the step was resumed.
    pub resumed: bool,
    /// What the step has read, listed or applied in this attempt.
    pub watches: Arc<Mutex<Vec<Watched>>>,
    /// When the step is to look again if it has to wait, where an op can say it: what it asks cannot be watched, or time alone decides.
    pub within: Mutex<Option<Duration>>,
}

/// The client that calls over HTTP share, with its connections.
///
/// # Errors
/// Why there can be none, such as a system without certificates; only the ops that call over HTTP fail then.
pub fn http_client() -> Result<reqwest::Client, String> {
    client_builder().build().map_err(|e| innermost(&e))
}

/// A client to be made, with the provider of cryptography that the Kubernetes client uses too.
pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    // An error means that a provider is set already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

impl Cx {
    /// Notes that if the step has to wait, it is to look again after this time.
    pub fn look_again(&self, after: Duration) {
        let mut within = self.within.lock().unwrap_or_else(PoisonError::into_inner);
        *within = Some(within.map_or(after, |w| w.min(after)));
    }

    /// Notes that something was read: if the step has to wait, its change will wake it.
    pub fn saw(&self, watched: Watched) {
        let mut all = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|w| {
            (&w.api_version, &w.kind, &w.namespace, &w.name)
                != (&watched.api_version, &watched.kind, &watched.namespace, &watched.name)
                || w.selector != watched.selector
        });
        all.push(watched);
    }

    /// Takes up what is secret in what an op was given or gives.
    pub(crate) fn learn(&self, data: &Value) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).learn(data);
    }

    /// A text for people to read, without what is known to be secret.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).hide(text)
    }

    /// Data for people to read, without what is secret.
    pub(crate) fn mask(&self, data: &Value) -> Value {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).mask(data)
    }

    /// Does something with what is known to be secret.
    pub(crate) fn with_known<T>(&self, what: impl FnOnce(&mut Known) -> T) -> T {
        what(&mut self.secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether nothing secret has come up yet.
    pub(crate) fn knows_nothing(&self) -> bool {
        self.with_known(|known| known.is_empty())
    }

    /// Data with its secrets marked, where `shade` is the same with their substitutes.
    pub(crate) fn marked(&self, real: &Value, shade: &Value) -> Result<Marked, Untraced> {
        self.with_known(|known| known.marked(real, shade))
    }

    /// Says that there is something secret at a place of what the op is about to give.
    pub(crate) fn note(&self, mark: Mark) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push(mark);
    }

    /// Whether an object holds something secret: it is a Secret, or a value of one that was read is in it.
    pub(crate) fn holds_secret(&self, manifest: &Value) -> bool {
        manifest.get("kind").and_then(Value::as_str) == Some("Secret")
            || self.with_known(|known| known.is_in(manifest))
    }

    /// An op that names another cluster than the one the run is on is refused.
    ///
    /// # Errors
    /// For every name but the empty one and `local`.
    pub fn only_here(&self, cluster: &str) -> Result<(), OpError> {
        match cluster {
            "" | "local" => Ok(()),
            other => Err(OpError::permanent(format!(
                "there is no cluster `{other}`: a run works on its own cluster (`local`)"
            ))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use super::*;

    /// What an op is given on a cluster that nobody can reach.
    pub(crate) fn nowhere() -> Cx {
        let _ = http_client();
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        with(kube::Client::try_from(config).unwrap())
    }

    /// What an op is given on this cluster.
    pub(crate) fn with(client: kube::Client) -> Cx {
        let owner = Owner {
            kind: "WorkflowRun".into(),
            api_version: "core.oam.dev/v1alpha1".into(),
            name: "run".into(),
            namespace: "default".into(),
            uid: "u-1".into(),
        };
        Cx {
            client,
            kinds: Arc::default(),
            http: http_client(),
            local: true,
            owner,
            components: None,
            tracking: None,
            run: String::new(),
            context: Map::new(),
            vars: BTreeMap::new(),
            step: "s".into(),
            session: "s-1".into(),
            op: "op".into(),
            identity: String::new(),
            secrets: Mutex::default(),
            noted: Mutex::default(),
            again: None,
            now: Time(0),
            resumed: false,
            watches: Arc::default(),
            within: Mutex::default(),
        }
    }
}
