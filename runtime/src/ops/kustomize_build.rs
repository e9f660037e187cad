//! `kustomize/build`: objects changed as a kustomization says, by `kustomize` itself.

use super::helm_render::{objects, write};
use super::support::program::Program;
use super::{Answer, Cx, Op, OpError, read};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) struct Build;

#[derive(Deserialize)]
struct Params {
    resources: Vec<Value>,
    kustomization: Map<String, Value>,
}

/// What would have files read, or fetched from elsewhere: objects come by `resources` alone, and patches stand in the kustomization itself.
const REFUSED: [&str; 10] = [
    "resources",
    "bases",
    "components",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "helmCharts",
    "helmGlobals",
];

impl Op for Build {
    fn provider(&self) -> &'static str {
        "kustomize"
    }

    fn name(&self) -> &'static str {
        "build"
    }

    fn pure(&self) -> bool {
        true
    }

    fn doc(&self) -> &'static str {
        "Changes the objects `resources` as `kustomization` says (the fields of a kustomization.yaml: patches, images, replicas, labels, namePrefix, namespace \
         and so on), by `kustomize build`, which must be on the PATH of the machine, and returns them as `resources`. Files and other bases cannot be named \
         in it."
    }

    fn run<'a>(&'a self, _: &'a Cx, params: Map<String, Value>) -> BoxFuture<'a, Result<Answer, OpError>> {
        Box::pin(async move {
            let params: Params = read(params)?;
            if let Some(other) = params.kustomization.keys().find(|k| REFUSED.contains(&k.as_str())) {
                let message = format!(
                    "the kustomization has `{other}`, which names files or places elsewhere: the objects are `resources`"
                );
                return Err(OpError::permanent(message));
            }
            let done = tokio::task::spawn_blocking(move || kustomize(params)).await;
            let text = done.map_err(|_| OpError::transient("`kustomize` has ended before its time"))??;
            Ok(Answer::one("resources", objects("the kustomization", &text)?))
        })
    }
}

fn kustomize(params: Params) -> Result<String, OpError> {
    let dir = tempfile::Builder::new().prefix("stepwell-kustomize-").tempdir();
    let dir = dir.map_err(|e| OpError::transient(format!("cannot make a folder: {e}")))?;
    let mut kustomization = params.kustomization;
    let mut names = Vec::new();
    for (i, object) in params.resources.iter().enumerate() {
        let name = format!("object-{i}.json");
        write(dir.path(), &name, &object.to_string())?;
        names.push(name);
    }
    kustomization.insert("resources".to_string(), json!(names));
    write(dir.path(), "kustomization.yaml", &Value::Object(kustomization).to_string())?;
    Program {
        name: "kustomize",
        args: vec!["build".to_string(), ".".to_string()],
        dir: dir.path(),
        input: None,
    }
    .run()
}
