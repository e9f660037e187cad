//! `helm/render`: the objects of a Helm chart, rendered by `helm` itself.

use super::support::program::Program;
use super::support::secret::files;
use super::{Answer, Cx, Op, OpError, read};
use crate::document::Document;
use crate::model::template::overlay;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::Path;

/// How many objects a chart may have.
const MOST: usize = 2_000;

pub(super) struct Render;

#[derive(Deserialize)]
struct Params {
    chart: Chart,
    release: Release,
    #[serde(default)]
    values: Map<String, Value>,
    #[serde(default, rename = "valuesFrom")]
    values_from: Vec<From>,
    options: Options,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chart {
    source: String,
    #[serde(rename = "repoURL")]
    repo_url: Option<String>,
    version: Option<String>,
    auth: Option<Auth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    secret_ref: SecretRef,
}

#[derive(Deserialize)]
struct SecretRef {
    name: String,
    #[serde(default)]
    namespace: String,
}

#[derive(Deserialize)]
struct Release {
    name: String,
    namespace: String,
}

#[derive(Deserialize)]
struct From {
    kind: String,
    name: String,
    #[serde(default)]
    namespace: String,
    key: String,
    optional: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    #[serde(rename = "includeCRDs")]
    include_crds: bool,
    skip_tests: bool,
    skip_hooks: bool,
}

impl Op for Render {
    fn provider(&self) -> &'static str {
        "helm"
    }

    fn name(&self) -> &'static str {
        "render"
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Renders a chart with `helm template`, which must be on the PATH of the machine, and returns its objects as `resources`. `chart.source` is a name in the \
         repository `repoURL`, or an address `oci://...` or `https://....tgz`; with `stepwell run` also a folder. `values` are laid over those of \
         `valuesFrom`, which are laid over each other in order. The Secret of `chart.auth` has `username` and `password`."
    }

    fn run<'a>(&'a self, cx: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            let chart = source(&params.chart, cx.local)?;
            let login = match &params.chart.auth {
                Some(auth) => Some(login(cx, &auth.secret_ref).await?),
                None => None,
            };
            let mut values = Value::Object(Map::new());
            for from in &params.values_from {
                if let Some(more) = given(cx, from).await? {
                    overlay(&mut values, &more);
                }
            }
            overlay(&mut values, &Value::Object(params.values.clone()));
            let done = tokio::task::spawn_blocking(move || helm(&params, chart, login, &values)).await;
            let text = done.map_err(|_| OpError::transient("`helm` has ended before its time"))??;
            Ok(Answer::one("resources", objects("the chart", &text)?))
        })
    }
}

/// Where the chart comes from, as `helm` takes it.
fn source(chart: &Chart, local: bool) -> Result<String, OpError> {
    let source = chart.source.as_str();
    let wrong = |why: &str| Err(OpError::permanent(format!("`chart.source` is `{source}`, {why}")));
    for (what, text) in [
        ("source", Some(source)),
        ("repoURL", chart.repo_url.as_deref()),
        ("version", chart.version.as_deref()),
    ] {
        if text.is_some_and(|t| t.starts_with('-')) {
            return Err(OpError::permanent(format!("`chart.{what}` must not begin with `-`")));
        }
    }
    let remote =
        source.starts_with("oci://") || source.starts_with("https://") || source.starts_with("http://");
    match (remote, &chart.repo_url) {
        (true, None) => Ok(source.to_string()),
        (true, Some(_)) => wrong("an address: there is no `repoURL` then"),
        (false, Some(url)) if !url.starts_with("https://") && !url.starts_with("http://") => {
            Err(OpError::permanent(format!(
                "`chart.repoURL` is `{url}`, and must begin with https:// or http://"
            )))
        }
        (false, Some(_)) if source.contains('/') => wrong("which is no name of a chart in a repository"),
        (false, Some(_)) => Ok(source.to_string()),
        (false, None) if local => {
            let path =
                std::path::absolute(source).map_err(|e| OpError::permanent(format!("{source}: {e}")))?;
            Ok(path.display().to_string())
        }
        (false, None) => wrong(
            "a folder, which only a local run may use: give `repoURL`, or an address with oci:// or https://",
        ),
    }
}

async fn login(cx: &Cx, secret: &SecretRef) -> Result<(String, String), OpError> {
    let data = files(cx, &secret.name, &secret.namespace).await?;
    let text = |key: &str| match data.get(key).and_then(|v| std::str::from_utf8(v).ok()) {
        Some(text) => Ok(text.trim_end_matches('\n').to_string()),
        None => Err(OpError::permanent(format!("the Secret `{}` has no `{key}`", secret.name))),
    };
    Ok((text("username")?, text("password")?))
}

/// The values of a ConfigMap or Secret.
async fn given(cx: &Cx, from: &From) -> Result<Option<Value>, OpError> {
    let namespace = if from.namespace.is_empty() { cx.owner.namespace.as_str() } else { &from.namespace };
    let what = format!("{} {namespace}/{}", from.kind, from.name);
    let text = match from.kind.as_str() {
        "Secret" => match files(cx, &from.name, namespace).await {
            Ok(data) => data.get(&from.key).map(|v| String::from_utf8_lossy(v).into_owned()),
            Err(_) if from.optional => None,
            Err(e) => return Err(e),
        },
        _ => {
            let api: kube::Api<k8s_openapi::api::core::v1::ConfigMap> =
                kube::Api::namespaced(cx.client.clone(), namespace);
            let found = api.get_opt(&from.name).await;
            let found = found.map_err(|e| super::support::objects::refused(&format!("read {what}"), e))?;
            found.and_then(|c| c.data?.remove(&from.key))
        }
    };
    match text {
        None if from.optional => Ok(None),
        None => Err(OpError::transient(format!("there is no `{}` in {what}", from.key))),
        Some(text) => {
            let documents = Document::read_all("values", &text)
                .map_err(|_| OpError::permanent(format!("`{}` of {what} is not YAML", from.key)))?;
            Ok(documents.into_iter().next().map(|d| d.value))
        }
    }
}

fn helm(
    params: &Params,
    chart: String,
    login: Option<(String, String)>,
    values: &Value,
) -> Result<String, OpError> {
    let dir = tempfile::Builder::new().prefix("stepwell-helm-").tempdir();
    let dir = dir.map_err(|e| OpError::transient(format!("cannot make a folder: {e}")))?;
    let run = |args: Vec<String>, input: Option<String>| {
        Program { name: "helm", args, dir: dir.path(), input }.run()
    };
    let text = |words: &[&str]| words.iter().map(|w| (*w).to_string()).collect::<Vec<_>>();
    let mut chart = chart;
    let mut repository = params.chart.repo_url.clone();
    if let Some((username, password)) = login {
        match (&repository, chart.strip_prefix("oci://")) {
            (Some(url), _) => {
                run(
                    text(&["repo", "add", "given", url, "--username", &username, "--password-stdin"]),
                    Some(password),
                )?;
                chart = format!("given/{chart}");
                repository = None;
            }
            (None, Some(rest)) => {
                let host = rest.split('/').next().unwrap_or_default();
                run(
                    text(&["registry", "login", host, "--username", &username, "--password-stdin"]),
                    Some(password),
                )?;
            }
            (None, None) => {
                return Err(OpError::permanent(
                    "`chart.auth` lets into a repository: give `repoURL`, or an address with oci://",
                ));
            }
        }
    }
    write(dir.path(), "values.json", &values.to_string())?;
    let mut args = text(&[
        "template",
        &params.release.name,
        &chart,
        "--namespace",
        &params.release.namespace,
        "--values",
        "values.json",
    ]);
    if let Some(url) = repository {
        args.extend(text(&["--repo", &url]));
    }
    if let Some(version) = &params.chart.version {
        args.extend(text(&["--version", version]));
    }
    for (flag, set) in [
        ("--include-crds", params.options.include_crds),
        ("--skip-tests", params.options.skip_tests),
        ("--no-hooks", params.options.skip_hooks),
    ] {
        args.extend(set.then(|| flag.to_string()));
    }
    run(args, None)
}

/// Writes a file for a program.
pub(super) fn write(dir: &Path, name: &str, text: &str) -> Result<(), OpError> {
    std::fs::write(dir.join(name), text).map_err(|e| OpError::transient(format!("cannot write {name}: {e}")))
}

/// The objects that a program has printed.
pub(super) fn objects(what: &str, text: &str) -> Result<Value, OpError> {
    let documents = Document::read_all(what, text)
        .map_err(|e| OpError::permanent(format!("{what} gives something that is not YAML: {e}")))?;
    if documents.len() > MOST {
        return Err(OpError::permanent(format!("{what} gives more than {MOST} objects")));
    }
    for document in &documents {
        if !document.value.get("kind").is_some_and(Value::is_string) {
            return Err(OpError::permanent(format!(
                "{what} gives something that is no object: it has no `kind`"
            )));
        }
    }
    Ok(json!(documents.into_iter().map(|d| d.value).collect::<Vec<_>>()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ops::support::cx::tests::nowhere;

    async fn told(chart: Value, local: bool) -> String {
        let mut cx = nowhere();
        cx.local = local;
        let params = json!({"chart": chart, "release": {"name": "r", "namespace": "n"}, "options": {"includeCRDs": true, "skipTests": true, "skipHooks": false}});
        Render.run(&cx, params.as_object().unwrap().clone()).await.unwrap_err().message
    }

    #[tokio::test]
    async fn a_chart_that_cannot_be_meant_is_refused() {
        let all = [
            told(json!({"source": "./chart"}), false).await,
            told(json!({"source": "--post-renderer=sh", "repoURL": "https://host"}), true).await,
            told(json!({"source": "web", "repoURL": "file:///etc"}), true).await,
            told(json!({"source": "a/b", "repoURL": "https://host"}), true).await,
            told(json!({"source": "oci://host/a", "repoURL": "https://host"}), true).await,
        ];
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn what_is_printed_must_be_objects() {
        assert_eq!(objects("it", "# none\n").unwrap(), json!([]));
        assert_eq!(
            objects("it", "---\nkind: A\n---\n---\nkind: B\n").unwrap(),
            json!([{"kind": "A"}, {"kind": "B"}])
        );
        assert_eq!(
            objects("it", "a: 1").unwrap_err().message,
            "it gives something that is no object: it has no `kind`"
        );
        assert!(
            objects("it", "a: {").unwrap_err().message.starts_with("it gives something that is not YAML: ")
        );
    }
}
