//! Steps of type `deploy`: an application put where policies say, changed as they say.

use crate::sandbox::{Ended, Sandbox};

fn app(policies: &str, step: &str) -> String {
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n  components:\n  \
         - {{name: web, type: webservice, dependsOn: [db], properties: {{image: 'web:1'}}, traits: [{{type: scaler, properties: {{replicas: 1}}}}]}}\n  \
         - {{name: db, type: webservice, properties: {{image: 'db:1'}}}}\n  policies:\n{policies}  workflow:\n    steps:\n    \
         - {{name: out, type: deploy, properties: {step}}}\n"
    )
}

const POLICIES: &str = "  - {name: here, type: topology, properties: {clusters: [local], namespace: default}}\n  \
     - {name: big, type: override, properties: {components: [{name: web, traits: [{type: scaler, properties: {replicas: 3}}]}]}}\n";

fn run(dir: &Sandbox, text: &str, args: &[&str]) -> Ended {
    dir.file("app.yaml", text);
    dir.run(&[&["run", "app.yaml"], args].concat())
}

#[test]
fn an_application_is_deployed_as_its_policies_say() {
    let dir = Sandbox::new();
    let ran = run(&dir, &app(POLICIES, "{policies: [here, big]}"), &[]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    // What depends on something waits for it, whatever the order in the file is.
    assert!(
        ran.stdout.contains("waiting: db: ") && ran.stdout.contains("web: waits for db"),
        "{}",
        ran.stdout
    );
    let deployments = dir.run(&["get", "deployments"]).stdout;
    assert!(deployments.contains("db    1/1") && deployments.contains("web   3/3"), "{deployments}");
    let applications = dir.run(&["get", "applications"]).stdout;
    assert!(applications.contains("Ready:1/1") && applications.contains("Ready:3/3"), "{applications}");
}

#[test]
fn a_deployment_can_wait_for_approval() {
    let dir = Sandbox::new();
    let text = app(POLICIES, "{auto: false, policies: [here]}");
    let ran = run(&dir, &text, &[]);
    assert!(
        ran.stdout.contains("Waiting approval to the deploy step \"out\""),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(!dir.run(&["get", "deployments"]).stdout.contains("web"));
    let ran = dir.run(&["run", "app.yaml", "--approve"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(dir.run(&["get", "deployments"]).stdout.contains("web   1/1"));
}

#[test]
fn what_cannot_be_deployed_is_told() {
    for (policies, step, told) in [
        (POLICIES, "{policies: [here, bg]}", "did you mean `big`?"),
        (
            "  - {name: there, type: topology, properties: {clusters: [prod]}}\n",
            "{policies: [there]}",
            "there is no cluster `prod`",
        ),
        (
            "  - {name: some, type: topology, properties: {clusterLabelSelector: {a: b}}}\n",
            "{policies: [some]}",
            "clusters cannot be chosen by their labels",
        ),
    ] {
        let dir = Sandbox::new();
        let ran = run(&dir, &app(policies, step), &[]);
        assert!(ran.status == 1 && ran.stderr.contains(told), "{}{}", ran.stdout, ran.stderr);
        assert!(!dir.run(&["get", "deployments"]).stdout.contains("db"), "nothing is applied");
    }
}
