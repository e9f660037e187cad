//! Revisions: what a success keeps, how it is shown, and the way back, also where the definitions of then are gone.

use crate::sandbox::{Sandbox, check, eventually};
use crate::workflows::json;
use serde_json::Value;
use std::process::Stdio;

/// An Application with a service, a ConfigMap of this name and a Secret with this value.
fn app(image: &str, config: &str, secret: &str) -> String {
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: shop\n  annotations: {{app.oam.dev/code-commit: commit-of-{image}}}\nspec:\n  components:\n  \
         - {{name: web, type: webservice, properties: {{image: '{image}'}}}}\n  \
         - name: conf\n    type: k8s-objects\n    properties:\n      objects:\n      \
         - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: {config}}}, data: {{a: '1'}}}}\n      \
         - {{apiVersion: v1, kind: Secret, metadata: {{name: key}}, stringData: {{p: {secret}}}}}\n"
    )
}

fn run(dir: &Sandbox, text: &str, args: &[&str]) {
    dir.file("app.yaml", text);
    let ended = dir.run(&[&["run", "app.yaml"], args].concat());
    assert_eq!(ended.status, 0, "{}", ended.shown());
}

fn get(dir: &Sandbox, kind: &str, name: &str) -> Option<Value> {
    let ended = dir.run(&["get", kind, name, "-o", "json"]);
    (ended.status == 0).then(|| json(&ended))
}

fn numbers(dir: &Sandbox) -> Vec<u64> {
    let all = json(&dir.run(&["revision", "list", "shop", "-o", "json"]));
    all.as_array().unwrap().iter().map(|r| r["revision"].as_u64().unwrap()).collect()
}

#[test]
fn each_success_is_a_revision_and_shown() {
    let dir = Sandbox::new();
    run(&dir, &app("web:1", "old", "hidden-one"), &[]);
    run(&dir, &app("web:2", "new", "hidden-two"), &[]);
    check!("revision-list", dir.run(&["revision", "list", "shop"]));
    check!("revision-show", dir.run(&["revision", "show", "shop", "1"]));
    check!("revision-diff", dir.run(&["revision", "diff", "shop"]));
    let diff = json(&dir.run(&["revision", "diff", "shop", "2", "1", "-o", "json"]));
    let told: Vec<String> = diff["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{} {}", c["change"].as_str().unwrap(), c["object"].as_str().unwrap()))
        .collect();
    let want = [
        "removed ConfigMap default/new",
        "added ConfigMap default/old",
        "changed Secret default/key",
        "changed Deployment default/web",
    ];
    assert_eq!(told, want);
    // What is rolled out says which revision it is.
    let web = get(&dir, "deploy", "web").unwrap();
    assert_eq!(web["metadata"]["labels"]["app.oam.dev/appRevision"], "shop-v2");
    let shop = get(&dir, "application", "shop").unwrap();
    assert_eq!(
        (&shop["status"]["latestRevision"]["name"], &shop["status"]["latestRevision"]["revision"]),
        (&"shop-v2".into(), &2.into())
    );
    let stored = get(&dir, "apprev", "shop-v1").unwrap();
    assert_eq!(stored["metadata"]["annotations"]["app.oam.dev/code-commit"], "commit-of-web:1");
    assert_eq!(
        (&stored["status"]["succeeded"], &stored["spec"]["application"]["metadata"]["name"]),
        (&true.into(), &"shop".into())
    );
    assert!(
        stored["spec"]["componentDefinitions"]["webservice"]["spec"]["schematic"]["cue"]["template"]
            .as_str()
            .unwrap()
            .contains("parameter")
    );
    // The secret is in Secrets, and nowhere else.
    for kind in ["apprev", "resourcetrackers", "configmaps", "events"] {
        let mut all = json(&dir.run(&["get", kind, "-A", "-o", "json"]));
        // What the user wrote is the user's.
        for revision in all["items"].as_array_mut().unwrap() {
            revision["spec"].as_object_mut().map(|s| s.remove("application"));
        }
        let all = all.to_string();
        assert!(!all.contains("hidden-") && !all.contains("aGlkZGVu"), "{kind}: {all}");
    }
}

#[test]
fn the_example_of_the_way_back() {
    let dir = Sandbox::new();
    let file = |name: &str| {
        let path =
            std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/rollback").join(name);
        path.canonicalize().unwrap().to_str().unwrap().to_owned()
    };
    let ok = |args: &[&str]| {
        let ended = dir.run(args);
        assert_eq!(ended.status, 0, "{}", ended.shown());
        ended
    };
    ok(&["run", &file("app.yaml")]);
    ok(&["run", &file("next.yaml")]);
    assert!(get(&dir, "configmap", "site-settings").is_none());
    let diff = ok(&["revision", "diff", "site"]).stdout;
    assert!(diff.contains("-          image: site:1.0\n+          image: site:2.0\n"), "{diff}");
    ok(&["rollback", "site"]);
    assert_eq!(get(&dir, "configmap", "site-settings").unwrap()["data"]["colour"], "green");
    assert!(get(&dir, "configmap", "site-settings-2").is_none());
    ok(&["rollback", "site", "--to", "2"]);
    assert_eq!(get(&dir, "configmap", "site-settings-2").unwrap()["data"]["colour"], "blue");
    ok(&["delete", "site"]);
    assert!(get(&dir, "configmap", "site-settings-2").is_none() && get(&dir, "deploy", "web").is_none());
}

#[test]
fn nothing_new_is_no_new_revision_and_a_failure_is_none() {
    let dir = Sandbox::new();
    run(&dir, &app("web:1", "old", "s1"), &[]);
    run(&dir, &app("web:1", "old", "s1"), &[]);
    assert_eq!(numbers(&dir), [1]);
    let published = app("web:1", "old", "s1")
        .replace("annotations: {", "annotations: {app.oam.dev/publishVersion: beta, ");
    run(&dir, &published, &[]);
    let all = json(&dir.run(&["revision", "list", "shop", "-o", "json"]));
    assert_eq!((all[1]["revision"].as_u64(), &all[1]["publishVersion"]), (Some(2), &"beta".into()));
    dir.file("app.yaml", &app("web:9", "Not_A_Name", "s1"));
    assert_eq!(dir.run(&["run", "app.yaml"]).status, 1);
    assert_eq!(numbers(&dir), [1, 2]);
    // What has failed is called what it would have become, and the last that succeeded is what the way back leads to.
    let ended = dir.run(&["rollback", "shop"]);
    assert!(ended.status == 0 && ended.stderr.contains("shop goes back to shop-v2"), "{}", ended.shown());
    assert_eq!(numbers(&dir), [1, 2]);
    assert_eq!(
        get(&dir, "deploy", "web").unwrap()["spec"]["template"]["spec"]["containers"][0]["image"],
        "web:1"
    );
}

#[test]
fn as_many_are_kept_as_the_policy_says() {
    let dir = Sandbox::new();
    let limit =
        "  policies: [{name: gc, type: garbage-collect, properties: {applicationRevisionLimit: 2}}]\n";
    for i in 1..=5 {
        run(&dir, &(app(&format!("web:{i}"), "old", "s1") + limit), &[]);
    }
    assert_eq!(numbers(&dir), [3, 4, 5]);
    let secrets = dir.run(&["get", "secrets"]).stdout;
    assert!(secrets.contains("shop-v3-sealed") && !secrets.contains("shop-v2-sealed"), "{secrets}");
}

#[test]
fn the_way_back_restores_objects_and_document() {
    let dir = Sandbox::new();
    run(&dir, &app("web:1", "old", "hidden-one"), &[]);
    let before = get(&dir, "deploy", "web").unwrap()["spec"].clone();
    run(&dir, &app("web:2", "new", "hidden-two"), &[]);
    let ended = dir.run(&["rollback", "shop"]);
    let said =
        "shop-v1 is restored: 3 objects applied, 1 object deleted (ConfigMap default/new)\nshop: succeeded\n";
    assert!(ended.status == 0 && ended.stdout.ends_with(said), "{}", ended.shown());
    assert_eq!(ended.stderr, "shop goes back to shop-v1\n");
    assert_eq!(get(&dir, "deploy", "web").unwrap()["spec"], before);
    assert!(get(&dir, "configmap", "old").is_some() && get(&dir, "configmap", "new").is_none());
    assert_eq!(get(&dir, "secret", "key").unwrap()["data"]["p"], "aGlkZGVuLW9uZQ==");
    let shop = get(&dir, "application", "shop").unwrap();
    assert_eq!(shop["spec"]["components"][0]["properties"]["image"], "web:1");
    assert_eq!(shop["metadata"]["annotations"]["app.oam.dev/code-commit"], "commit-of-web:1");
    let all = json(&dir.run(&["revision", "list", "shop", "-o", "json"]));
    assert_eq!(
        (all[2]["revision"].as_u64(), &all[2]["rolledBackTo"], &all[2]["hash"]),
        (Some(3), &"shop-v1".into(), &all[0]["hash"])
    );
    // Handing the same document in again runs its workflow, and finds nothing new.
    run(&dir, &app("web:1", "old", "hidden-one"), &[]);
    let shop = get(&dir, "application", "shop").unwrap();
    assert_eq!(shop["status"]["workflow"]["steps"][0]["type"], "apply-component");
    assert_eq!(numbers(&dir), [1, 2, 3]);
    assert_eq!(dir.run(&["rollback", "shop", "--to", "2"]).status, 0);
    assert!(get(&dir, "configmap", "new").is_some() && get(&dir, "configmap", "old").is_none());
    assert_eq!(numbers(&dir), [1, 2, 3, 4]);
}

#[test]
fn the_way_back_is_found_among_the_commands_of_workflows_too() {
    let dir = Sandbox::new();
    run(&dir, &app("web:1", "old", "hidden-one"), &[]);
    run(&dir, &app("web:2", "new", "hidden-two"), &[]);
    let ended = dir.run(&["workflow", "rollback", "shop"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    let web = get(&dir, "deploy", "web").unwrap();
    assert_eq!(web["spec"]["template"]["spec"]["containers"][0]["image"], "web:1");
    assert_eq!(numbers(&dir), [1, 2, 3]);
    // A run that is no Application's has no revisions.
    dir.file("run.yaml", "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: say}\nspec: {workflowSpec: {steps: [{name: a, type: print-message-in-status, properties: {message: hi}}]}}\n");
    assert_eq!(dir.run(&["run", "run.yaml"]).status, 0);
    let ended = dir.run(&["workflow", "rollback", "say"]);
    let told = "has no revisions: only Applications have";
    assert!(ended.status == 1 && ended.stderr.contains(told), "{}", ended.shown());
}

#[test]
fn what_cannot_be_gone_back_to_is_told() {
    let dir = Sandbox::new();
    dir.file("app.yaml", &app("web:1", "Not_A_Name", "s1"));
    assert_eq!(dir.run(&["run", "app.yaml"]).status, 1);
    check!("rollback-none", dir.run(&["rollback", "shop"]));
    check!("rollback-none-at-all", dir.run(&["rollback", "shop", "--to", "1"]));
    run(&dir, &app("web:1", "old", "s1"), &[]);
    check!("rollback-only", dir.run(&["rollback", "shop"]));
    check!("rollback-not-there", dir.run(&["rollback", "shop", "--to", "7"]));
    run(&dir, &app("web:2", "old", "s1"), &[]);
    check!("revision-not-there", dir.run(&["revision", "diff", "shop", "1", "5"]));
    check!("revision-no-number", dir.run(&["rollback", "shop", "--to", "first"]));
    let shown = |number: &str| dir.run(&["revision", "show", "shop", number]).stdout;
    assert!(shown("shop-v1").contains("shop-v1") && shown("shop-v1") == shown("1"));
    check!("revision-of-nothing", dir.run(&["revision", "list", "shopp"]));
}

const LAMP: &str = r#"
"lamp": {type: "component", attributes: status: healthPolicy: "isHealth: context.output.data.color == parameter.color"}
template: {
	output: {apiVersion: "v1", kind: "ConfigMap", metadata: name: context.name, data: color: parameter.color}
	parameter: color: string
}
"#;

#[test]
fn a_definition_that_is_gone_is_taken_from_the_revision() {
    let dir = Sandbox::new();
    dir.file("defs/lamp.cue", LAMP);
    let lamp = |color: &str| {
        format!(
            "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: shop}}\nspec: {{components: [{{name: light, type: lamp, properties: {{color: {color}}}}}]}}\n"
        )
    };
    run(&dir, &lamp("red"), &["--defs", "defs"]);
    run(&dir, &lamp("blue"), &["--defs", "defs"]);
    // Without the folder there is no such type.
    let ended = dir.run(&["rollback", "shop", "--to", "1"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    check!("rollback-definition-gone", ended);
    assert_eq!(get(&dir, "configmap", "light").unwrap()["data"]["color"], "red");
}

#[test]
fn a_step_goes_back_when_another_fails() {
    let dir = Sandbox::new();
    let steps = "  workflow:\n    steps:\n    - {name: conf, type: apply-component, properties: {component: conf}}\n    - {name: web, type: apply-component, properties: {component: web}}\n    finally:\n    - {name: back, type: rollback, if: status.web.failed}\n";
    run(&dir, &(app("web:1", "old", "s1") + steps), &[]);
    let bad = app("web:2", "new", "s2") + &steps.replace("component: web}", "component: wep}");
    dir.file("app.yaml", &bad);
    let ended = dir.run(&["run", "app.yaml", "-o", "json"]);
    assert_eq!(ended.status, 1, "{}", ended.shown());
    let status = json(&ended);
    let back = status["steps"].as_array().unwrap().iter().find(|s| s["name"] == "back").unwrap();
    assert_eq!((&back["phase"], &status["status"]), (&"succeeded".into(), &"failed".into()), "{status:#}");
    assert!(back["message"].as_str().unwrap().contains("1 object deleted (ConfigMap default/new)"), "{back}");
    assert!(get(&dir, "configmap", "old").is_some() && get(&dir, "configmap", "new").is_none());
    assert_eq!(get(&dir, "secret", "key").unwrap()["data"]["p"], "czE=");
    // What was asked for stays written, and no success is counted.
    assert_eq!(
        get(&dir, "application", "shop").unwrap()["spec"]["components"][0]["properties"]["image"],
        "web:2"
    );
    assert_eq!(numbers(&dir), [1]);
}

/// A controller delivers what is published anew, and only that.
#[test]
fn a_version_that_is_published_is_delivered_by_a_controller() {
    let dir = Sandbox::new();
    run(
        &dir,
        &app("web:1", "old", "s1")
            .replace("annotations: {", "annotations: {app.oam.dev/publishVersion: alpha, "),
        &[],
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut serve =
        dir.command(&["workflow", "serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let publish = |version: &str| {
            let body =
                serde_json::json!({"metadata": {"annotations": {"app.oam.dev/publishVersion": version}}});
            runtime.block_on(async {
                let session = stepwell_cluster::Session::open(&dir.path().join("state"), Default::default())
                    .await
                    .unwrap();
                let request =
                    http::Request::patch("/apis/core.oam.dev/v1beta1/namespaces/default/applications/shop")
                        .header("content-type", "application/merge-patch+json")
                        .body(body.to_string().into_bytes());
                session.client().request::<Value>(request.unwrap()).await.unwrap();
                session.close().await;
            });
        };
        let versions = || -> Vec<String> {
            let all = json(&dir.run(&["revision", "list", "shop", "-o", "json"]));
            all.as_array().unwrap().iter().map(|r| r["publishVersion"].as_str().unwrap().to_owned()).collect()
        };
        publish("beta");
        eventually("it is delivered", || (versions() == ["alpha", "beta"]).then_some(()));
        // The same version once more is nothing new.
        publish("beta");
        publish("gamma");
        eventually("the next is delivered", || (versions() == ["alpha", "beta", "gamma"]).then_some(()));
    }));
    serve.kill().unwrap();
    serve.wait().unwrap();
    done.unwrap();
}
