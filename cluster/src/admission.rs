//! Validating admission webhooks: what a `ValidatingWebhookConfiguration` asks is asked before an object is made or changed.
//!
//! Of the kinds of webhooks that a real server calls, those that are named by a URL (`clientConfig.url`, over HTTPS, or HTTP to this machine): services lead nowhere
//! here. Rules are matched by group, version, resource and operation; webhooks with selectors, match conditions or for DELETE are not called.
//! Tests: `tests/admission.rs`.

use std::sync::Arc;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::api::{Call, present};
use crate::error::{ApiError, ApiResult};
use crate::objects::text;

/// Where configurations are stored.
pub(crate) const STORED_AS: &str = "validatingwebhookconfigurations.admissionregistration.k8s.io";

/// How long a webhook may take at most.
const LONGEST: u64 = 30;

/// A webhook that is called.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    /// The configuration it is of.
    pub(crate) configuration: String,
    name: String,
    rules: Vec<Value>,
    client: Value,
    /// Whether a webhook that cannot be asked refuses.
    strict: bool,
    timeout: Duration,
}

/// The webhooks of a configuration.
pub(crate) fn webhooks(configuration: &Value) -> Vec<Arc<Webhook>> {
    let empty =
        |v: &Value| v.as_object().is_none_or(|m| m.is_empty()) && v.as_array().is_none_or(|l| l.is_empty());
    let called = |w: &&Value| {
        ["namespaceSelector", "objectSelector", "matchConditions"].iter().all(|field| empty(&w[*field]))
    };
    let webhook = |w: &Value| {
        Arc::new(Webhook {
            configuration: text(&configuration["metadata"]["name"]),
            name: text(&w["name"]),
            rules: w["rules"].as_array().cloned().unwrap_or_default(),
            client: w["clientConfig"].clone(),
            strict: w["failurePolicy"] != "Ignore",
            timeout: Duration::from_secs(w["timeoutSeconds"].as_u64().unwrap_or(10).clamp(1, LONGEST)),
        })
    };
    configuration["webhooks"].as_array().into_iter().flatten().filter(called).map(webhook).collect()
}

/// Asks the webhooks about a change, one after the other.
pub(crate) async fn admit(
    webhooks: &[Arc<Webhook>],
    call: &Call,
    operation: &str,
    object: Value,
    old: Option<Value>,
) -> ApiResult<()> {
    let asked: Vec<&Arc<Webhook>> = webhooks.iter().filter(|w| w.concerns(call, operation)).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let resource = &call.resource;
    let name = match call.path.name.as_deref() {
        Some(name) => name.to_owned(),
        None => text(&object["metadata"]["name"]),
    };
    let uid = uuid::Uuid::new_v4().to_string();
    let kind = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
    let plural = json!({"group": resource.group, "version": resource.version, "resource": resource.plural});
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": uid, "kind": kind, "resource": plural, "requestKind": kind, "requestResource": plural,
            "name": name, "namespace": call.namespace(), "operation": operation,
            "userInfo": {"username": "admin", "groups": ["system:masters"]},
            "object": present(resource, object), "oldObject": old.map(|old| present(resource, old)),
            "dryRun": call.query.get("dryRun").is_some(),
        },
    });
    for webhook in asked {
        match tokio::time::timeout(webhook.timeout, webhook.ask(&review)).await {
            Ok(Ok(answer)) if answer["response"]["uid"] != uid.as_str() => {
                webhook.unasked("its answer is to another question")?;
            }
            Ok(Ok(answer)) => webhook.judge(&answer["response"])?,
            Ok(Err(why)) => webhook.unasked(&why)?,
            Err(_) => webhook.unasked(&format!("no answer in {} s", webhook.timeout.as_secs()))?,
        }
    }
    Ok(())
}

impl Webhook {
    fn concerns(&self, call: &Call, operation: &str) -> bool {
        let has = |list: &Value, wanted: &str| {
            list.as_array().into_iter().flatten().any(|v| v == wanted || v == "*" || v == "*/*")
        };
        let resource = &call.resource;
        let plural = match call.path.subresource.as_deref() {
            Some(subresource) => format!("{}/{subresource}", resource.plural),
            None => resource.plural.clone(),
        };
        self.rules.iter().any(|rule| {
            has(&rule["operations"], operation)
                && has(&rule["apiGroups"], &resource.group)
                && has(&rule["apiVersions"], &resource.version)
                && has(&rule["resources"], &plural)
        })
    }

    async fn ask(&self, review: &Value) -> Result<Value, String> {
        let Some(url) = self.client["url"].as_str() else {
            return Err("only webhooks with a `url` can be reached here".into());
        };
        let uri: http::Uri = url.parse().map_err(|e| format!("{url}: {e}"))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("{url} is no address of a webhook"));
        };
        let address = format!("{scheme}://{authority}");
        let client = client(&address, self.client["caBundle"].as_str()).await.map_err(|e| innermost(&e))?;
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        let request = http::Request::post(path).header("content-type", "application/json");
        let request = request.body(review.to_string().into_bytes()).map_err(|e| e.to_string())?;
        client.request(request).await.map_err(|e| innermost(&e))
    }

    fn judge(&self, response: &Value) -> ApiResult<()> {
        if response["allowed"] == true {
            return Ok(());
        }
        let status = &response["status"];
        let why = match status["message"].as_str().filter(|m| !m.is_empty()) {
            Some(message) => format!(": {message}"),
            None => " without explanation".into(),
        };
        let code =
            status["code"].as_u64().and_then(|c| u16::try_from(c).ok()).filter(|c| (400..600).contains(c));
        let message = format!("admission webhook \"{}\" denied the request{why}", self.name);
        Err(match code {
            Some(422) => ApiError::new(422, "Invalid", message),
            Some(code) if code != 403 => ApiError::new(code, "", message),
            _ => ApiError::new(403, "Forbidden", message),
        })
    }

    /// A webhook that could not be asked.
    fn unasked(&self, why: &str) -> ApiResult<()> {
        let message = format!("failed calling webhook \"{}\": failed to call webhook: {why}", self.name);
        if self.strict {
            return Err(ApiError::internal(message));
        }
        tracing::warn!("{message}");
        Ok(())
    }
}

/// A client for the server at an address, which has this certificate or one that it has signed.
async fn client(address: &str, authority: Option<&str>) -> Result<kube::Client, kube::Error> {
    let named = |name: &str, value: Value| json!([{"name": "webhook", name: value}]);
    let kubeconfig = json!({
        "clusters": named("cluster", json!({
            "server": address, "certificate-authority-data": authority.filter(|a| !a.is_empty()),
        })),
        "users": named("user", json!({})),
        "contexts": named("context", json!({"cluster": "webhook", "user": "webhook"})),
        "current-context": "webhook",
    });
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).map_err(kube::Error::SerdeError)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    kube::Client::try_from(config.map_err(|e| kube::Error::Service(Box::new(e)))?)
}

fn innermost(e: &dyn std::error::Error) -> String {
    let mut at = e;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}
