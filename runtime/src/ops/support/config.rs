//! Configs: named settings that live in Secrets, with the labels and the key under which users' tools look for them.

use super::cx::Cx;
use super::objects::{self, Target, refused};
use crate::engine::Watched;
use crate::ops::OpError;
use crate::secret::{Form, Key, Mark, Recipe, step};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Map, Value, json};
use stepwell_lang::{Data, Path, Program, Source};

const CATALOG: &str = "config.oam.dev/catalog";
const TYPE: &str = "config.oam.dev/type";
const OURS: &str = "velacore-config";
/// The key of the Secret that holds the settings as they were given.
const PROPERTIES: &str = "input-properties";
/// Where templates are, unless their name says otherwise (`namespace/name`).
const TEMPLATES: &str = "vela-system";
/// How many configs one list may have.
const MOST: u32 = 1_000;

/// Which config is meant.
pub(crate) struct Name<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl Name<'_> {
    fn words(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    fn api(&self, cx: &Cx) -> Api<Secret> {
        Api::namespaced(cx.client.clone(), self.namespace)
    }

    fn watched(&self, version: Option<&str>) -> Watched {
        let target = Target {
            api_version: "v1".into(),
            kind: "Secret".into(),
            namespace: self.namespace.into(),
            name: self.name.into(),
        };
        target.watched(version)
    }
}

/// Writes a config, by its template where it has one.
///
/// # Errors
/// A template that is not there or that the settings do not fit; what the API says.
pub(crate) async fn create(
    cx: &Cx,
    at: &Name<'_>,
    template: &str,
    settings: &Map<String, Value>,
) -> Result<(), OpError> {
    let (mut secret, others) = match template {
        "" => (Map::new(), Vec::new()),
        template => from_template(cx, at, template, settings).await?,
    };
    let wrong = || OpError::permanent(format!("the template `{template}` gives no Secret as `output`"));
    secret.insert("apiVersion".into(), json!("v1"));
    secret.insert("kind".into(), json!("Secret"));
    let metadata = secret.entry("metadata").or_insert_with(|| json!({})).as_object_mut().ok_or_else(wrong)?;
    metadata.insert("name".into(), json!(at.name));
    metadata.insert("namespace".into(), json!(at.namespace));
    let labels = metadata.entry("labels").or_insert_with(|| json!({})).as_object_mut().ok_or_else(wrong)?;
    labels.insert(CATALOG.into(), json!(OURS));
    labels.insert(TYPE.into(), json!(template.rsplit('/').next().unwrap_or_default()));
    let data = secret.entry("data").or_insert_with(|| json!({})).as_object_mut().ok_or_else(wrong)?;
    data.insert(PROPERTIES.into(), json!(STANDARD.encode(Value::Object(settings.clone()).to_string())));
    objects::apply_to_stay(cx, secret).await?;
    for object in others {
        objects::apply_to_stay(cx, object).await?;
    }
    Ok(())
}

/// What a template makes of settings: the content of the Secret, and other objects.
async fn from_template(
    cx: &Cx,
    at: &Name<'_>,
    template: &str,
    settings: &Map<String, Value>,
) -> Result<(Map<String, Value>, Vec<Map<String, Value>>), OpError> {
    let (namespace, name) = template.split_once('/').unwrap_or((TEMPLATES, template));
    let api: Api<ConfigMap> = Api::namespaced(cx.client.clone(), namespace);
    let stored = format!("config-template-{name}");
    let found = match api.get(&stored).await {
        Ok(found) => found,
        Err(kube::Error::Api(s)) if s.code == 404 => {
            return Err(OpError::transient(format!(
                "there is no template `{name}`: no ConfigMap {namespace}/{stored}"
            )));
        }
        Err(e) => return Err(refused(&format!("read ConfigMap {namespace}/{stored}"), e)),
    };
    let missing = || OpError::permanent(format!("the ConfigMap {namespace}/{stored} has no `template`"));
    let text = found.data.and_then(|mut d| d.remove("template")).ok_or_else(missing)?;
    // What is told names places only: settings are mostly secret.
    let unfit = |e: stepwell_lang::Failure| {
        let places: Vec<String> =
            e.diagnostics.iter().map(|d| format!("`{}` ({})", d.path, d.code.as_str())).collect();
        OpError::permanent(format!("the config does not fit the template `{name}` at {}", places.join(", ")))
    };
    let sources =
        vec![Source::new(format!("{stored}.cue"), text), Source::new("context.cue", "context: _\n")];
    let program = Program::compile(sources, &crate::stdlib::Stdlib).map_err(unfit)?;
    let instance = program.instance();
    let fill =
        |path: &[&str], value: Value| instance.fill(&Path::from_iter(path), &Data::from_json_value(&value));
    fill(&["context"], json!({"name": at.name, "namespace": at.namespace})).map_err(unfit)?;
    fill(&["template", "parameter"], Value::Object(settings.clone())).map_err(unfit)?;
    let part = |part: &str| instance.root().get("template").and_then(|t| t.get(part));
    if let Some(parameter) = part("parameter") {
        parameter.validate(true).map_err(unfit)?;
    }
    let object = |v: Value| match v {
        Value::Object(fields) => Ok(fields),
        _ => Err(OpError::permanent(format!("the template `{name}` gives something that is no object"))),
    };
    let secret = match part("output") {
        Some(output) => object(output.data().map_err(unfit)?.to_json_value())?,
        None => Map::new(),
    };
    let others = match part("outputs") {
        Some(outputs) => object(outputs.data().map_err(unfit)?.to_json_value())?,
        None => Map::new(),
    };
    Ok((secret, others.into_iter().map(|(_, o)| object(o)).collect::<Result<_, _>>()?))
}

/// Says that settings which the op is about to give are secret, each by itself.
fn note(cx: &Cx, at: &Name<'_>, place: &str, settings: &Value) {
    fn leaves(value: &Value, at: &mut String, found: &mut Vec<String>) {
        let length = at.len();
        let inner: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), v)).collect(),
            Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
            _ => return found.push(at.clone()),
        };
        for (key, value) in inner {
            step(at, &key);
            leaves(value, at, found);
            at.truncate(length);
        }
    }
    let mut found = Vec::new();
    leaves(settings, &mut String::new(), &mut found);
    for pointer in found {
        let (namespace, secret) = (at.namespace.to_string(), at.name.to_string());
        let at = format!("{place}{pointer}");
        let key =
            Key { namespace, secret, key: PROPERTIES.into(), form: Form::Plain, pointer: Some(pointer) };
        cx.note(Mark { at, recipe: Recipe::Key(key) });
    }
}

/// The settings of a config. They are noted as what the op gives as `config`.
///
/// # Errors
/// One that is not there (it may come), a Secret that is no config; what the API says.
pub(crate) async fn settings(cx: &Cx, at: &Name<'_>) -> Result<Value, OpError> {
    match at.api(cx).get_opt(at.name).await {
        Ok(Some(secret)) => {
            cx.saw(at.watched(secret.metadata.resource_version.as_deref()));
            let settings = read(&secret).ok_or_else(|| no_config(at))?;
            note(cx, at, "/config", &settings);
            Ok(settings)
        }
        Ok(None) => {
            cx.saw(at.watched(None));
            Err(OpError::transient(format!("there is no config `{}`", at.words())))
        }
        Err(e) => Err(refused(&format!("read the config {}", at.words()), e)),
    }
}

fn no_config(at: &Name<'_>) -> OpError {
    OpError::permanent(format!("the Secret {} is no config", at.words()))
}

fn read(secret: &Secret) -> Option<Value> {
    if secret.metadata.labels.as_ref()?.get(CATALOG)? != OURS {
        return None;
    }
    serde_json::from_slice(&secret.data.as_ref()?.get(PROPERTIES)?.0).ok()
}

/// The configs made by a template in a namespace, by name. They are noted as what the op gives as `configs`.
///
/// # Errors
/// What the API says.
pub(crate) async fn list(cx: &Cx, namespace: &str, template: &str) -> Result<Vec<Value>, OpError> {
    let selector = format!("{CATALOG}={OURS},{TYPE}={}", template.rsplit('/').next().unwrap_or_default());
    let api: Api<Secret> = Api::namespaced(cx.client.clone(), namespace);
    let query = ListParams::default().labels(&selector).limit(MOST);
    let found = api.list(&query).await.map_err(|e| refused("list configs", e))?;
    if found.metadata.continue_.is_some_and(|c| !c.is_empty()) {
        return Err(OpError::permanent(format!(
            "there are more than {MOST} configs of the template `{template}`"
        )));
    }
    let of = Name { namespace, name: "" };
    cx.saw(Watched { selector, ..of.watched(found.metadata.resource_version.as_deref()) });
    let mut configs = Vec::new();
    for secret in &found.items {
        let Some(settings) = read(secret) else { continue };
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        note(cx, &Name { namespace, name }, &format!("/configs/{}/config", configs.len()), &settings);
        configs.push(json!({"name": name, "config": settings}));
    }
    Ok(configs)
}

/// Deletes a config; one that is gone already is deleted.
///
/// # Errors
/// A Secret that is no config; what the API says.
pub(crate) async fn delete(cx: &Cx, at: &Name<'_>) -> Result<(), OpError> {
    let api = at.api(cx);
    let told = |e| refused(&format!("delete the config {}", at.words()), e);
    match api.get_opt(at.name).await.map_err(told)? {
        None => return Ok(()),
        Some(secret) if read(&secret).is_none() => return Err(no_config(at)),
        Some(_) => {}
    }
    match api.delete(at.name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(s)) if s.code == 404 => Ok(()),
        Err(e) => Err(told(e)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ops::support::cx::tests::with;
    use kube::api::PostParams;
    use stepwell_cluster::{EmbeddedCluster, Options};

    fn settings_of(v: Value) -> Map<String, Value> {
        v.as_object().unwrap().clone()
    }

    #[tokio::test]
    async fn configs_are_written_read_listed_and_deleted() {
        let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
        let cx = with(cluster.client());
        let at = Name { namespace: "default", name: "mail" };
        let missing = settings(&cx, &at).await.unwrap_err();
        assert_eq!(missing, OpError::transient("there is no config `default/mail`".to_string()));
        create(&cx, &at, "", &settings_of(json!({"host": "m", "port": 25}))).await.unwrap();
        assert_eq!(settings(&cx, &at).await.unwrap(), json!({"host": "m", "port": 25}));
        let all = list(&cx, "default", "").await.unwrap();
        assert_eq!(all, [json!({"name": "mail", "config": {"host": "m", "port": 25}})]);
        assert!(list(&cx, "default", "other").await.unwrap().is_empty());
        delete(&cx, &at).await.unwrap();
        // Once more changes nothing, as after a crash.
        delete(&cx, &at).await.unwrap();
        assert!(settings(&cx, &at).await.is_err());
        cluster.close().await;
    }

    #[tokio::test]
    async fn other_secrets_are_left_alone() {
        let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
        let cx = with(cluster.client());
        let at = Name { namespace: "default", name: "own" };
        let mut own = Secret::default();
        own.metadata.name = Some("own".into());
        at.api(&cx).create(&PostParams::default(), &own).await.unwrap();
        let refused = OpError::permanent("the Secret default/own is no config");
        assert_eq!(settings(&cx, &at).await.unwrap_err(), refused);
        assert_eq!(delete(&cx, &at).await.unwrap_err(), refused);
        cluster.close().await;
    }

    #[tokio::test]
    async fn a_template_makes_the_secret() {
        let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
        let cx = with(cluster.client());
        let template = r#"
            metadata: {name: "registry", sensitive: true}
            template: {
                parameter: {user: string, password: string, port: *443 | int}
                output: {
                    apiVersion: "v1"
                    kind:       "Secret"
                    type:       "Opaque"
                    stringData: {url: "\(context.name):\(parameter.port)", user: parameter.user}
                }
                outputs: note: {apiVersion: "v1", kind: "ConfigMap", metadata: {name: context.name, namespace: context.namespace}, data: user: parameter.user}
            }
        "#;
        let mut stored = ConfigMap::default();
        stored.metadata.name = Some("config-template-registry".into());
        stored.data = Some([("template".to_string(), template.to_string())].into());
        let templates: Api<ConfigMap> = Api::namespaced(cx.client.clone(), "default");
        templates.create(&PostParams::default(), &stored).await.unwrap();
        let at = Name { namespace: "default", name: "hub" };
        let given = settings_of(json!({"user": "u", "password": "HIDDEN"}));
        create(&cx, &at, "default/registry", &given).await.unwrap();
        let secret = at.api(&cx).get("hub").await.unwrap();
        assert_eq!(secret.data.as_ref().unwrap()["url"].0, b"hub:443");
        assert_eq!(settings(&cx, &at).await.unwrap()["password"], "HIDDEN");
        assert_eq!(list(&cx, "default", "default/registry").await.unwrap().len(), 1);
        assert_eq!(templates.get("hub").await.unwrap().data.unwrap()["user"], "u");
        // What does not fit is told by its place, not by its value.
        let wrong = settings_of(json!({"user": "u", "password": 7, "port": "HIDDEN"}));
        let wrong = create(&cx, &at, "default/registry", &wrong).await.unwrap_err();
        assert!(wrong.message.starts_with("the config does not fit the template `registry` at "), "{wrong}");
        assert!(
            wrong.message.contains("template.parameter.password") && !wrong.message.contains("HIDDEN"),
            "{wrong}"
        );
        let none = create(&cx, &at, "nothing", &given).await.unwrap_err();
        assert_eq!(
            none.message,
            "there is no template `nothing`: no ConfigMap vela-system/config-template-nothing"
        );
        cluster.close().await;
    }
}
