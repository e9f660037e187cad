//! Environments, revisions and the way back, and what the policies of an Application do to its objects: on a cluster where others write as well.

use std::path::Path;

use kube::Client;
use serde_json::{Value, json};

use super::Stage;
use super::example::{Stepwell, absent, get, same};
use crate::{Result, api_suite};

/// Where the Applications of these checks are.
const SPACE: &str = "e2e-rollout";
const ENVIRONMENTS: &str = "examples/environments/app.yaml";

/// What a check comes to.
type Outcome = std::result::Result<(), String>;

/// The program, the cluster behind it, and a folder for Applications.
struct Cluster<'a> {
    stepwell: Stepwell<'a>,
    client: Client,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

/// Runs it all against the server of `kubeconfig`.
pub(crate) fn run(stage: &mut Stage, program: &Path, kubeconfig: &Path) -> Result<()> {
    let runtime = api_suite::runtime()?;
    let client = runtime.block_on(api_suite::client(kubeconfig))?;
    let cluster =
        Cluster { stepwell: Stepwell { program, kubeconfig }, client, runtime, folder: tempfile::tempdir()? };
    cluster.send("POST", "/api/v1/namespaces", &json!({"metadata": {"name": SPACE}}))?;
    environments(stage, &cluster)?;
    revisions(stage, &cluster)?;
    collection(stage, &cluster)?;
    ownership(stage, &cluster)?;
    updates(stage, &cluster)
}

/// An Application of components, each a ConfigMap of the name that stands before the colon, with the text after it.
fn app(name: &str, maps: &[&str], rest: &str) -> String {
    let component = |map: &&str| {
        let (map, text) = map.split_once(':').unwrap_or((map, "x"));
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": map}, "data": {"text": text, "own": text}});
        json!({"name": map, "type": "k8s-objects", "properties": {"objects": [object]}})
    };
    let components: Value = maps.iter().map(component).collect();
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: {name}, namespace: {SPACE}, annotations: {{app.oam.dev/code-commit: commit-of-{name}}}}}\nspec:\n  components: {components}\n{rest}"
    )
}

/// A policy for an Application.
fn policy(kind: &str, properties: &str) -> String {
    format!("  policies: [{{name: p, type: {kind}, properties: {properties}}}]\n")
}

impl Cluster<'_> {
    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let request = http::Request::builder().method(method).uri(path);
        let request = match method {
            "PATCH" => request.header("content-type", "application/merge-patch+json"),
            _ => request.header("content-type", "application/json"),
        };
        Ok(self.runtime.block_on(self.client.request(request.body(body.to_string().into_bytes())?))?)
    }

    fn get(&self, path: &str) -> Result<Value> {
        self.runtime.block_on(get(&self.client, path))
    }

    fn map(&self, name: &str) -> Result<Value> {
        self.get(&format!("/api/v1/namespaces/{SPACE}/configmaps/{name}"))
    }

    fn text(&self, name: &str, want: &str) -> Outcome {
        let map = self.map(name).map_err(|error| error.to_string())?;
        same(&map["data"]["text"], json!(want))
    }

    fn gone(&self, name: &str) -> Outcome {
        absent(self.map(name))
    }

    /// Writes a text into a ConfigMap as somebody else does.
    fn by_others(&self, name: &str, text: &str) -> Result<Value> {
        let path = format!("/api/v1/namespaces/{SPACE}/configmaps/{name}");
        self.send("PATCH", &path, &json!({"data": {"text": text}}))
    }

    /// Runs an Application, which must succeed.
    fn good(&self, text: &str) -> Outcome {
        self.stepwell.prints(&["run".as_ref(), self.file(text)?.as_os_str()], &[": succeeded"])
    }

    /// Runs an Application, which must fail and say this.
    fn bad(&self, text: &str, why: &str) -> Outcome {
        self.stepwell.fails(&["run".as_ref(), self.file(text)?.as_os_str()], why)
    }

    fn file(&self, text: &str) -> std::result::Result<std::path::PathBuf, String> {
        let file = self.folder.path().join("app.yaml");
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        Ok(file)
    }

    fn prints(&self, args: &[&str], texts: &[&str]) -> Outcome {
        self.stepwell.prints(&[args, &["-n", SPACE]].concat(), texts)
    }
}

fn environments(stage: &mut Stage, cluster: &Cluster<'_>) -> Result<()> {
    let stepwell = &cluster.stepwell;
    let there = |namespace: &str| -> Outcome {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
        let all = cluster.get(&path).map_err(|error| error.to_string())?;
        same(&all["items"][0]["metadata"]["labels"]["app.oam.dev/appRevision"], json!("shop-v1"))
    };
    stage.check(
        "an Application goes to an environment",
        stepwell.prints(&["run", ENVIRONMENTS, "--env", "dev"], &["shop: succeeded"]),
    );
    stage.check("it is in its namespace", there("shop-dev"));
    stage.check(
        "another environment asks first",
        stepwell.prints(&["run", ENVIRONMENTS, "--env", "prod"], &["shop: suspending"]),
    );
    stage.check(
        "and then goes on",
        stepwell.prints(&["workflow", "resume", "shop", "-n", "shop-prod"], &["shop: succeeded"]),
    );
    for namespace in ["shop-east", "shop-west"] {
        stage.check(&format!("it is in {namespace}"), there(namespace));
    }
    for (namespace, environment) in [("shop-dev", "dev"), ("shop-prod", "prod")] {
        stage.check(
            &format!("{environment} counts its own revisions"),
            stepwell.prints(
                &["revision", "list", "shop", "-n", namespace, "-o", "json"],
                &["shop-v1", &format!("\"environment\": \"{environment}\"")],
            ),
        );
    }
    stage.check("one goes", stepwell.prints(&["delete", "shop", "-n", "shop-prod"], &["deleted"]));
    stage.check("the other stays", there("shop-dev"));
    Ok(())
}

fn revisions(stage: &mut Stage, cluster: &Cluster<'_>) -> Result<()> {
    stage.check("the first revision", cluster.good(&app("turns", &["t-one:1", "t-two:1"], "")));
    stage.check("the second", cluster.good(&app("turns", &["t-one:2", "t-three:2"], "")));
    stage.check("what it lacks is deleted", cluster.gone("t-two"));
    stage.check(
        "revision list",
        cluster.prints(&["revision", "list", "turns"], &["turns-v1", "turns-v2", "commit-of-turns"]),
    );
    stage.check(
        "revision show",
        cluster.prints(&["revision", "show", "turns", "1"], &["ComponentDefinition k8s-objects", "t-two"]),
    );
    stage.check(
        "revision diff",
        cluster.prints(
            &["revision", "diff", "turns"],
            &["t-two", "t-three", "-  text: \"1\"", "+  text: \"2\""],
        ),
    );
    stage.check(
        "rollback --to",
        cluster.prints(&["rollback", "turns", "--to", "1"], &["turns-v1 is restored"]),
    );
    stage.check("what was there is there", cluster.text("t-two", "1").and(cluster.text("t-one", "1")));
    stage.check("what came later is gone", cluster.gone("t-three"));
    stage.check(
        "going back is a revision",
        cluster.prints(&["revision", "list", "turns"], &["turns-v3", "turns-v1"]),
    );
    let steps = "  workflow:\n    steps: [{name: apply, type: apply-component, properties: {component: t-one}}, {name: next, type: apply-component, properties: {component: NEXT}}]\n    finally: [{name: back, type: rollback, if: status.next.failed}]\n";
    stage.check(
        "another",
        cluster.good(&app("turns", &["t-one:3", "t-four:3"], &steps.replace("NEXT", "t-four"))),
    );
    stage.check(
        "one that fails goes back by itself",
        cluster
            .bad(&app("turns", &["t-one:4", "t-four:4"], &steps.replace("NEXT", "nothing")), "no component"),
    );
    stage.check("what had succeeded is there", cluster.text("t-one", "3").and(cluster.text("t-four", "3")));
    stage.check(
        "an Application goes with all that it has",
        cluster.prints(&["delete", "turns"], &["deleted"]),
    );
    stage.check("nothing is left", cluster.gone("t-one").and(cluster.gone("t-four")));
    Ok(())
}

fn collection(stage: &mut Stage, cluster: &Cluster<'_>) -> Result<()> {
    let rules = policy(
        "garbage-collect",
        "{rules: [{selector: {componentNames: [g-one]}, strategy: onAppDelete}, {selector: {componentNames: [g-two]}, strategy: never}]}",
    );
    stage.check(
        "garbage-collect: it is applied",
        cluster.good(&app("gc", &["g-one", "g-two", "g-three"], &rules)),
    );
    stage.check("garbage-collect: the next", cluster.good(&app("gc", &["g-four"], &rules)));
    stage.check("garbage-collect: rules keep", cluster.text("g-one", "x").and(cluster.text("g-two", "x")));
    stage.check("garbage-collect: the rest goes", cluster.gone("g-three"));
    stage.check("garbage-collect: it is deleted", cluster.prints(&["delete", "gc"], &["deleted"]));
    stage.check("garbage-collect: onAppDelete", cluster.gone("g-one"));
    stage.check("garbage-collect: never", cluster.text("g-two", "x"));
    Ok(())
}

fn ownership(stage: &mut Stage, cluster: &Cluster<'_>) -> Result<()> {
    let share = policy("shared-resource", "{rules: [{selector: {resourceNames: [common]}}]}");
    stage.check("shared-resource: one", cluster.good(&app("one", &["common:first"], &share)));
    stage.check("shared-resource: two", cluster.good(&app("two", &["common:second"], &share)));
    stage.check("shared-resource: the first writes", cluster.text("common", "first"));
    stage.check(
        "another's object is refused",
        cluster.bad(&app("three", &["common:third"], ""), "belongs to the application `one`"),
    );
    stage.check("shared-resource: one goes", cluster.prints(&["delete", "one"], &["deleted"]));
    stage.check("shared-resource: it stays", cluster.text("common", "first"));
    let take = policy("take-over", "{rules: [{selector: {resourceTypes: [ConfigMap]}}]}");
    stage.check("take-over", cluster.good(&app("three", &["common:third"], &take)));
    stage.check("take-over: it is written", cluster.text("common", "third"));
    stage.check("take-over: it is no more the other's", cluster.prints(&["delete", "two"], &["deleted"]));
    stage.check("take-over: it stays", cluster.text("common", "third"));
    let path = format!("/api/v1/namespaces/{SPACE}/configmaps");
    cluster.send("POST", &path, &json!({"metadata": {"name": "theirs"}, "data": {"text": "as-it-was"}}))?;
    let read = policy("read-only", "{rules: [{selector: {resourceNames: [theirs]}}]}");
    stage.check("read-only", cluster.good(&app("reader", &["theirs:mine"], &read)));
    stage.check("read-only: nothing is written", cluster.text("theirs", "as-it-was"));
    stage.check("read-only: it is deleted", cluster.prints(&["delete", "reader"], &["deleted"]));
    stage.check("read-only: nothing is deleted", cluster.text("theirs", "as-it-was"));
    Ok(())
}

fn updates(stage: &mut Stage, cluster: &Cluster<'_>) -> Result<()> {
    let once = policy("apply-once", "{enable: true}");
    stage.check("apply-once: the first", cluster.good(&app("once", &["o-one:1"], &once)));
    cluster.by_others("o-one", "theirs")?;
    stage.check("apply-once: the same again", cluster.good(&app("once", &["o-one:1"], &once)));
    stage.check("apply-once: what others wrote stays", cluster.text("o-one", "theirs"));
    stage.check("apply-once: a new revision", cluster.good(&app("once", &["o-one:2"], &once)));
    stage.check("apply-once: it is applied", cluster.text("o-one", "2"));
    let anew = policy(
        "resource-update",
        "{rules: [{selector: {resourceNames: [u-one]}, strategy: {recreateFields: [data.text]}}]}",
    );
    stage.check("resource-update: the first", cluster.good(&app("update", &["u-one:1"], &anew)));
    let before = cluster.map("u-one")?["metadata"]["uid"].clone();
    stage.check("resource-update: another", cluster.good(&app("update", &["u-one:2"], &anew)));
    let after = cluster.map("u-one")?;
    let made_anew = match after["metadata"]["uid"] == before {
        true => Err("it was changed in its place".to_owned()),
        false => same(&after["data"]["text"], json!("2")),
    };
    stage.check("resource-update: it is made anew", made_anew);
    Ok(())
}
