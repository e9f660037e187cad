//! Environments and targets: the workflow that is made of them, a run that is bound to one, and what is told where one is not there.

use crate::sandbox::{Sandbox, check};
use crate::workflows::{json, line};
use serde_json::Value;
use std::path::PathBuf;

fn example() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/environments/app.yaml");
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

/// The namespaces in which the web service is.
fn places(dir: &Sandbox) -> Vec<String> {
    let all = json(&dir.run(&["get", "deployments", "-A", "-o", "json"]));
    let named = |o: &Value| o["metadata"]["namespace"].as_str().unwrap().to_owned();
    all["items"].as_array().unwrap().iter().map(named).collect()
}

#[test]
fn the_example_of_environments() {
    let dir = Sandbox::new();
    let ended = dir.run(&["run", &example(), "--env", "dev", "-o", "json"]);
    assert_eq!(line(&json(&ended)), "succeeded; dev succeeded", "{}", ended.shown());
    assert_eq!(places(&dir), ["shop-dev"]);
    let ended = dir.run(&["run", &example(), "--env", "prod"]);
    assert!(
        ended.stderr.contains("`stepwell workflow resume shop -n shop-prod` goes on"),
        "{}",
        ended.shown()
    );
    assert_eq!(places(&dir), ["shop-dev"]);
    let ended = dir.run(&["workflow", "resume", "shop", "-n", "shop-prod", "-o", "json"]);
    let want = "succeeded; prod-approval succeeded; prod-east succeeded; prod-west succeeded";
    assert_eq!(line(&json(&ended)), want, "{}", ended.shown());
    assert_eq!(places(&dir), ["shop-dev", "shop-east", "shop-west"]);
    check!("env-list", dir.run(&["env", "list"]));
    check!("env-show", dir.run(&["env", "show", "prod"]));
    // Each environment counts its own revisions, and goes back and away on its own.
    let all = json(&dir.run(&["revision", "list", "shop", "-n", "shop-prod", "-o", "json"]));
    assert_eq!((all[0]["revision"].as_u64(), &all[0]["environment"]), (Some(1), &"prod".into()));
    check!("env-revisions", dir.run(&["revision", "list", "shop", "-n", "shop-prod"]));
    assert_eq!(dir.run(&["delete", "shop", "-n", "shop-prod"]).status, 0);
    assert_eq!(places(&dir), ["shop-dev"]);
}

#[test]
fn what_is_generated_can_be_kept_and_gives_the_same_run() {
    let dir = Sandbox::new();
    check!(
        "workflow-generate",
        dir.run(&["workflow", "generate", &example(), "--env", "dev", "--env", "prod"])
    );
    let kept = dir.run(&["workflow", "generate", &example(), "--env", "dev"]).stdout;
    let text = std::fs::read_to_string(example()).unwrap();
    let pasted: String = kept.lines().map(|l| format!("  {l}\n")).collect();
    dir.file("kept.yaml", &format!("{text}{pasted}"));
    let run = |file: &str| json(&dir.run(&["run", file, "--env", "dev", "-o", "json"]));
    let generated = run(&example());
    let first = json(&dir.run(&["revision", "show", "shop", "-n", "shop-dev", "-o", "json"]));
    let own = run("kept.yaml");
    assert_eq!(line(&generated), line(&own));
    let second = json(&dir.run(&["revision", "show", "shop", "-n", "shop-dev", "-o", "json"]));
    // It asks for the same, so it is the same revision.
    assert_eq!(
        (&first["name"], &first["hash"], &first["objects"]),
        (&second["name"], &second["hash"], &second["objects"])
    );
    let ended = dir.run(&["workflow", "generate", "kept.yaml"]);
    assert!(
        ended.status == 1 && ended.stderr.contains("shop has a workflow of its own"),
        "{}",
        ended.shown()
    );
}

#[test]
fn a_step_knows_its_environment() {
    let dir = Sandbox::new();
    dir.file(
        "defs/where.cue",
        "import \"vela/builtin\"\n\"where\": {type: \"workflow-step\", attributes: {}}\ntemplate: {\n\tm: builtin.#Message & {$params: message: \"\\(context.env) \\(context.namespace) \\(context.appRevision)\"}\n\tparameter: {}\n}\n",
    );
    dir.file(
        "app.yaml",
        "apiVersion: stepwell.dev/v1alpha1\nkind: Environment\nmetadata: {name: test}\nspec: {}\n---\n\
         apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop}\nspec: {components: [], workflow: {steps: [{name: where, type: where}]}}\n",
    );
    let ended = dir.run(&["run", "app.yaml", "--env", "test", "--defs", "defs", "-o", "json"]);
    let status = json(&ended);
    assert_eq!(status["steps"][0]["message"], "test test shop-v1", "{}", ended.shown());
}

#[test]
fn what_is_not_there_is_told() {
    let dir = Sandbox::new();
    let app = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop}\nspec: {components: []}\n";
    dir.file("app.yaml", app);
    check!("env-none", dir.run(&["run", "app.yaml", "--env", "prod"]));
    let env = |name: &str, targets: &str| {
        format!(
            "apiVersion: stepwell.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec: {{targets: [{targets}]}}\n---\n"
        )
    };
    let target =
        "apiVersion: stepwell.dev/v1alpha1\nkind: Target\nmetadata: {name: eu}\nspec: {cluster: eu-1}\n---\n";
    dir.file("app.yaml", &(env("prod", "us") + &env("far", "eu") + target + app));
    check!("env-unknown", dir.run(&["run", "app.yaml", "--env", "prd"]));
    check!("env-no-target", dir.run(&["run", "app.yaml", "--env", "prod"]));
    check!("env-far", dir.run(&["run", "app.yaml", "--env", "far"]));
    dir.file("app.yaml", &(env("here", "") + &app.replace("name: shop", "name: shop, namespace: other")));
    check!("env-namespace", dir.run(&["run", "app.yaml", "--env", "here"]));
    dir.file("app.yaml", &(env("here", "1") + app));
    check!("env-wrong", dir.run(&["run", "app.yaml", "--env", "here"]));
    // Somebody else binds it, to what is not there: the run says so.
    dir.file("app.yaml", &app.replace("name: shop", "name: shop, labels: {envbinding.oam.dev/env: prd}"));
    check!("env-label", dir.run(&["run", "app.yaml"]));
}

#[test]
fn a_policy_of_environments_has_a_workflow_too() {
    let dir = Sandbox::new();
    dir.file(
        "app.yaml",
        "apiVersion: stepwell.dev/v1alpha1\nkind: Environment\nmetadata: {name: prod}\nspec: {approve: true}\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata: {name: test}\n---\n\
         apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop}\nspec:\n  components: [{name: web, type: webservice, properties: {image: 'web:1'}}]\n  \
         policies:\n  - name: where\n    type: envbinding\n    properties:\n      envs:\n      - {name: test, placement: {namespaceSelector: {name: test}}, patch: {components: [{name: web, type: webservice, properties: {image: 'web:test'}}]}}\n      - {name: prod}\n",
    );
    let ended = dir.run(&["run", "app.yaml", "-o", "json"]);
    assert_eq!(
        line(&json(&ended)),
        "suspending; test succeeded; prod-approval suspending Suspend",
        "{}",
        ended.shown()
    );
    let ended = dir.run(&["workflow", "resume", "shop", "-o", "json"]);
    assert_eq!(
        line(&json(&ended)),
        "succeeded; test succeeded; prod-approval succeeded; prod succeeded",
        "{}",
        ended.shown()
    );
    let image = |namespace: &str| {
        let web = json(&dir.run(&["get", "deploy", "web", "-n", namespace, "-o", "json"]));
        web["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    };
    assert_eq!((image("test"), image("default")), ("web:test".into(), "web:1".into()));
}

/// A component type that Terraform provides, in the environment's own namespace, and what there is of Terraform in this cluster.
const CLOUD: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: configurations.terraform.core.oam.dev}
spec:
  group: terraform.core.oam.dev
  scope: Namespaced
  names: {kind: Configuration, plural: configurations, singular: configuration}
  versions: [{name: v1beta2, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop-prod}}
---
{apiVersion: v1, kind: Secret, metadata: {name: bucket-connection}, stringData: {url: "https://bucket.example.org"}}
---
{apiVersion: stepwell.dev/v1alpha1, kind: Target, metadata: {name: east}, spec: {namespace: shop-east}}
---
{apiVersion: stepwell.dev/v1alpha1, kind: Target, metadata: {name: west}, spec: {namespace: shop-west}}
---
{apiVersion: stepwell.dev/v1alpha1, kind: Environment, metadata: {name: prod}, spec: {namespace: shop-prod, targets: [east, west]}}
---
apiVersion: core.oam.dev/v1beta1
kind: ComponentDefinition
metadata: {name: bucket}
spec:
  workload: {type: configurations.terraform.core.oam.dev}
  schematic:
    cue:
      template: |
        output: {apiVersion: "terraform.core.oam.dev/v1beta2", kind: "Configuration", metadata: name: context.name, spec: {variable: acl: parameter.acl, writeConnectionSecretToRef: parameter.writeConnectionSecretToRef}}
        parameter: {acl: string, writeConnectionSecretToRef: {name: string, namespace: string}}
---
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop}
spec:
  components:
  - {name: bucket, type: bucket, properties: {acl: private, writeConnectionSecretToRef: {name: bucket-connection, namespace: shop-prod}}}
  - {name: web, type: webservice, properties: {image: "shop:1"}}
"#;

/// How the Terraform controller is played.
const TERRAFORM: &str = "
terraform.core.oam.dev/Configuration:
  after: 20ms
  started: {apply: {state: ProvisioningAndChecking, message: It begins}}
  ready: {observedGeneration: $generation, apply: {state: Available, message: Cloud resources are deployed}}
";

#[test]
fn what_terraform_provides_is_there_before_the_rest_and_in_every_target() {
    let dir = Sandbox::new();
    let rules = std::fs::read_to_string(
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../cluster/rules/default.yaml"),
    );
    dir.file("state/rules.yaml", &(rules.unwrap() + TERRAFORM));
    dir.file("app.yaml", CLOUD);
    let generated = json(&dir.run(&["workflow", "generate", "app.yaml", "--env", "prod", "-o", "json"]));
    let types: Vec<&str> = generated["workflow"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["deploy-cloud-resource", "share-cloud-resource", "deploy2env", "deploy2env"]);
    let ended = dir.run(&["run", "app.yaml", "--env", "prod", "-o", "json"]);
    let want = "succeeded; prod-east-cloud succeeded; prod-east-share succeeded; prod-east succeeded; prod-west succeeded";
    assert_eq!(line(&json(&ended)), want, "{}", ended.shown());
    assert_eq!(places(&dir), ["shop-east", "shop-west"]);
    for namespace in ["shop-east", "shop-west"] {
        let secret = json(&dir.run(&["get", "secret", "bucket-connection", "-n", namespace, "-o", "json"]));
        assert_eq!(secret["data"]["url"], "aHR0cHM6Ly9idWNrZXQuZXhhbXBsZS5vcmc=", "{namespace}");
    }
    // Terraform is asked once, where the Application is.
    let all = json(&dir.run(&["get", "configurations", "-A", "-o", "json"]));
    let found: Vec<&Value> =
        all["items"].as_array().unwrap().iter().map(|o| &o["metadata"]["namespace"]).collect();
    assert_eq!(found, ["shop-prod"]);
}
