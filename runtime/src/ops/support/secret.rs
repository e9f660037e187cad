//! What is taken from Secrets: headers and certificates for ops, and what steps have put out that is kept as a reference.

use super::cx::Cx;
use super::objects::refused;
use crate::ops::OpError;
use crate::secret::{ExpressionAgain, Given, Key, Marked, Part, Recipe, StepAgain, put};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// A Secret with certificates: `ca.crt`, and where the other side asks who is calling `client.crt` and `client.key`.
#[derive(Deserialize)]
pub(crate) struct Tls {
    /// Its name.
    pub(crate) secret: String,
    /// Its namespace; empty for that of the run.
    #[serde(default)]
    pub(crate) namespace: String,
}

impl Tls {
    /// Says that a part of it cannot be used.
    pub(crate) fn wrong(&self, what: &str) -> OpError {
        OpError::permanent(format!("{what} in the Secret `{}` of `tls_config` cannot be used", self.secret))
    }
}

/// The data of a Secret; an empty namespace is that of the run. It is known to be secret from then on.
///
/// # Errors
/// A Secret that is not there (it may come); what the API says.
pub(crate) async fn files(
    cx: &Cx,
    name: &str,
    namespace: &str,
) -> Result<BTreeMap<String, Vec<u8>>, OpError> {
    let namespace = if namespace.is_empty() { cx.owner.namespace.as_str() } else { namespace };
    let api: Api<Secret> = Api::namespaced(cx.client.clone(), namespace);
    let found = match api.get_opt(name).await {
        Ok(Some(found)) => found,
        Ok(None) => return Err(OpError::transient(format!("there is no Secret `{name}` in `{namespace}`"))),
        Err(e) => return Err(refused(&format!("read Secret {namespace}/{name}"), e)),
    };
    let data: BTreeMap<String, Vec<u8>> =
        found.data.unwrap_or_default().into_iter().map(|(k, v)| (k, v.0)).collect();
    cx.with_known(|known| data.iter().for_each(|(key, bytes)| known.learn_key(namespace, name, key, bytes)));
    Ok(data)
}

/// Evaluates again. What steps and expressions are made of is given with its secrets.
pub(crate) trait Again: Send + Sync {
    /// What an expression over a step gives; or the value that an op of it kept.
    fn step<'a>(
        &'a self,
        cx: &'a Cx,
        again: &'a StepAgain,
        parameter: Map<String, Value>,
        given: HashMap<String, Value>,
    ) -> BoxFuture<'a, Result<Value, String>>;

    /// What an expression gives with these names.
    fn expression(&self, expression: &str, scope: &Map<String, Value>) -> Result<Value, String>;
}

/// How deep recipes may lie in each other.
const DEEPEST: usize = 32;

/// Makes values that are kept as references, as the Secrets are now. Each Secret is read once.
pub(crate) struct Maker<'c> {
    cx: &'c Cx,
    read: HashMap<(String, String), BTreeMap<String, Vec<u8>>>,
}

impl<'c> Maker<'c> {
    pub(crate) fn new(cx: &'c Cx) -> Maker<'c> {
        Maker { cx, read: HashMap::new() }
    }

    /// A value that a step has given, with its secrets.
    ///
    /// # Errors
    /// A Secret or a key of it that is not there (it may come); what the API says.
    pub(crate) async fn value(&mut self, given: &Given) -> Result<Value, OpError> {
        let value = self.fill(&given.marked, 0).await?;
        self.cx.with_known(|known| known.learn_marked(&value, &given.marked.marks));
        Ok(value)
    }

    fn fill<'a>(&'a mut self, marked: &'a Marked, depth: usize) -> BoxFuture<'a, Result<Value, OpError>> {
        Box::pin(async move {
            let mut value = marked.data.clone();
            for mark in &marked.marks {
                put(&mut value, &mark.at, self.make(&mark.recipe, depth).await?);
            }
            Ok(value)
        })
    }

    async fn make(&mut self, recipe: &Recipe, depth: usize) -> Result<Value, OpError> {
        if depth > DEEPEST {
            return Err(OpError::permanent("it is made of secrets in too many steps"));
        }
        let inside = |value: Value, at: &str| {
            let found = value.pointer(at).cloned();
            found
                .ok_or_else(|| OpError::transient(format!("what is made of secrets has nothing at {at} now")))
        };
        match recipe {
            Recipe::Key(key) => self.key(key).await,
            Recipe::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(t) => text += t,
                        Part::Secret(recipe) => match Box::pin(self.make(recipe, depth + 1)).await? {
                            Value::String(t) => text += &t,
                            other => text += &other.to_string(),
                        },
                    }
                }
                Ok(Value::String(text))
            }
            Recipe::Step(again) => {
                let parameter = match self.fill(&again.parameter, depth + 1).await? {
                    Value::Object(parameter) => parameter,
                    _ => Map::new(),
                };
                let mut given = HashMap::new();
                for (name, marked) in &again.given {
                    given.insert(name.clone(), self.fill(marked, depth + 1).await?);
                }
                let value = self.evaluator()?.step(self.cx, again, parameter, given).await;
                inside(value.map_err(OpError::permanent)?, &again.at)
            }
            Recipe::Expression(again) => {
                let ExpressionAgain { expression, scope, at } = &**again;
                let scope = match self.fill(scope, depth + 1).await? {
                    Value::Object(scope) => scope,
                    _ => Map::new(),
                };
                inside(self.evaluator()?.expression(expression, &scope).map_err(OpError::permanent)?, at)
            }
        }
    }

    fn evaluator(&self) -> Result<std::sync::Arc<dyn Again>, OpError> {
        self.cx.again.clone().ok_or_else(|| OpError::permanent("it cannot be evaluated again here"))
    }

    async fn key(&mut self, key: &Key) -> Result<Value, OpError> {
        let place = (key.namespace.clone(), key.secret.clone());
        if !self.read.contains_key(&place) {
            let data = files(self.cx, &key.secret, &key.namespace).await?;
            self.read.insert(place.clone(), data);
        }
        let bytes = self.read.get(&place).and_then(|data| data.get(&key.key));
        let missing = || OpError::transient(format!("the Secret {} has no key `{}`", key.words(), key.key));
        key.read(bytes.ok_or_else(missing)?).map_err(OpError::transient)
    }
}
