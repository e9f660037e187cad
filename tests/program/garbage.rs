//! What an Application has applied and no longer has: collected as its policies say, with the Application at the latest, and never what is somebody else's; also
//! when the program is killed at any moment in between.

use crate::gate::{Pass, gate};
use crate::sandbox::{Ended, Sandbox, check, eventually};
use crate::workflows::json;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use stepwell_cluster::{EmbeddedCluster, Options};

/// An Application of components, each a ConfigMap of the name that stands before the colon, with the text after it.
fn app(name: &str, maps: &[&str], policies: &str) -> String {
    let component = |map: &&str| {
        let (map, text) = map.split_once(':').unwrap_or((map, "x"));
        format!(
            "  - {{name: {map}, type: k8s-objects, properties: {{objects: [{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {map}}}, data: {{text: '{text}', own: '{text}'}}}}]}}}}\n"
        )
    };
    let components: String = maps.iter().map(component).collect();
    let policies = if policies.is_empty() { String::new() } else { format!("  policies:\n  - {policies}\n") };
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: {name}}}\nspec:\n  components:\n{components}{policies}"
    )
}

fn run(dir: &Sandbox, text: &str) -> Ended {
    dir.file("app.yaml", text);
    dir.run(&["run", "app.yaml"])
}

fn good(dir: &Sandbox, text: &str) {
    let ended = run(dir, text);
    assert_eq!(ended.status, 0, "{}", ended.shown());
}

fn map(dir: &Sandbox, name: &str) -> Option<Value> {
    let ended = dir.run(&["get", "configmap", name, "-o", "json"]);
    (ended.status == 0).then(|| json(&ended))
}

/// The ConfigMaps that are an Application's, by name.
fn maps(dir: &Sandbox) -> Vec<String> {
    let all = json(&dir.run(&["get", "configmaps", "-o", "json"]));
    let named = |o: &Value| o["metadata"]["name"].as_str().unwrap().to_owned();
    let mut all: Vec<String> = all["items"].as_array().unwrap().iter().map(named).collect();
    all.retain(|n| !n.starts_with("workflow-"));
    all
}

/// Writes an object as somebody else does.
fn by_others(dir: &Sandbox, object: &str) {
    let run = "---\napiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {name: others}\nspec: {workflowSpec: {steps: [{name: a, type: print-message-in-status, properties: {message: m}}]}}\n";
    dir.file("others.yaml", &format!("{object}\n{run}"));
    let ended = dir.run(&["run", "others.yaml"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
}

#[test]
fn what_a_new_revision_lacks_is_deleted_when_it_has_succeeded() {
    let dir = Sandbox::new();
    good(&dir, &app("shop", &["a", "b", "c"], ""));
    // One that fails deletes nothing.
    let ended = run(&dir, &app("shop", &["a", "Not_A_Name"], ""));
    assert_eq!((ended.status, maps(&dir)), (1, vec!["a".into(), "b".into(), "c".into()]));
    good(&dir, &app("shop", &["a:2", "d"], ""));
    assert_eq!(maps(&dir), ["a", "d"]);
    check!("garbage-trackers", dir.run(&["get", "resourcetrackers"]));
}

#[test]
fn with_an_application_goes_all_that_it_has() {
    let dir = Sandbox::new();
    good(&dir, &app("shop", &["a", "b"], ""));
    good(&dir, &app("other", &["c"], ""));
    check!("delete", dir.run(&["delete", "shop"]));
    assert_eq!(maps(&dir), ["c"]);
    let trackers = dir.run(&["get", "resourcetrackers"]).stdout;
    assert!(!trackers.contains("shop") && trackers.contains("other"), "{trackers}");
    eventually("revisions go with it", || {
        let all = dir.run(&["get", "apprev"]).stdout;
        (!all.contains("shop-v1") && all.contains("other-v1")).then_some(())
    });
    check!("delete-none", dir.run(&["delete", "shop"]));
}

#[test]
fn policies_say_what_stays_and_for_how_long() {
    let dir = Sandbox::new();
    let rules = "{name: gc, type: garbage-collect, properties: {rules: [{selector: {componentNames: [a]}, strategy: onAppDelete}, {selector: {componentNames: [b]}, strategy: never}]}}";
    good(&dir, &app("shop", &["a", "b", "c"], rules));
    good(&dir, &app("shop", &["d"], rules));
    assert_eq!(maps(&dir), ["a", "b", "d"]);
    assert_eq!(dir.run(&["delete", "shop"]).status, 0);
    assert_eq!(maps(&dir), ["b"]);

    let dir = Sandbox::new();
    let legacy = "{name: gc, type: garbage-collect, properties: {keepLegacyResource: true}}";
    good(&dir, &app("shop", &["a", "b"], legacy));
    good(&dir, &app("shop", &["b"], legacy));
    assert_eq!(maps(&dir), ["a", "b"]);
    // Without the policy it is found and collected.
    good(&dir, &app("shop", &["b"], ""));
    assert_eq!(maps(&dir), ["b"]);

    let dir = Sandbox::new();
    good(&dir, &app("shop", &["a", "b"], ""));
    let failing = "{name: gc, type: garbage-collect, properties: {continueOnFailure: true}}";
    assert_eq!(run(&dir, &app("shop", &["b", "Not_A_Name"], failing)).status, 1);
    assert_eq!(maps(&dir), ["b"]);
    check!(
        "garbage-wrong",
        run(
            &dir,
            &app(
                "shop",
                &["b"],
                "{name: gc, type: garbage-collect, properties: {rules: [{selector: {}, strategy: onAppUpdat}]}}"
            )
        )
    );
    let selector = "{name: gc, type: garbage-collect, properties: {rules: [{selector: {componentName: [a]}, strategy: never}]}}";
    check!("garbage-wrong-selector", run(&dir, &app("shop", &["b"], selector)));
}

#[test]
fn what_is_somebody_elses_is_refused_unless_it_is_taken_over() {
    let dir = Sandbox::new();
    good(&dir, &app("other", &["a"], ""));
    check!("owned-by-another", run(&dir, &app("shop", &["a:mine"], "")));
    by_others(&dir, "{apiVersion: v1, kind: ConfigMap, metadata: {name: free}, data: {theirs: '1'}}");
    check!("owned-by-nobody", run(&dir, &app("shop", &["free:mine"], "")));
    assert_eq!(map(&dir, "free").unwrap()["data"]["theirs"], "1");
    let take =
        "{name: take, type: take-over, properties: {rules: [{selector: {resourceTypes: [ConfigMap]}}]}}";
    good(&dir, &app("shop", &["a:mine", "free:mine"], take));
    let taken = map(&dir, "a").unwrap();
    assert_eq!(
        (&taken["data"]["text"], &taken["metadata"]["labels"]["app.oam.dev/name"]),
        (&"mine".into(), &"shop".into())
    );
    // It is not the other's any more, whatever the other's record says.
    assert_eq!(dir.run(&["delete", "other"]).status, 0);
    assert_eq!(maps(&dir), ["a", "free"]);
}

#[test]
fn what_is_only_read_must_be_there_and_stays_as_it_is() {
    let dir = Sandbox::new();
    let read = "{name: r, type: read-only, properties: {rules: [{selector: {resourceNames: [theirs]}}]}}";
    let steps = "  workflow: {steps: [{name: theirs, type: apply-component, properties: {component: theirs}, timeout: 1s}]}\n";
    let ended = run(&dir, &(app("shop", &["theirs"], read) + steps));
    let why = "ConfigMap default/theirs is not there: the application only reads it";
    assert!(ended.status == 1 && ended.stdout.contains(why), "{}", ended.shown());
    by_others(&dir, "{apiVersion: v1, kind: ConfigMap, metadata: {name: theirs}, data: {text: as-it-was}}");
    good(&dir, &app("shop", &["theirs:mine"], read));
    assert_eq!(map(&dir, "theirs").unwrap()["data"]["text"], "as-it-was");
    good(&dir, &app("shop", &["b"], ""));
    assert!(map(&dir, "theirs").is_some());
}

#[test]
fn what_is_shared_goes_with_the_last_who_has_it() {
    let dir = Sandbox::new();
    let share =
        "{name: s, type: shared-resource, properties: {rules: [{selector: {resourceNames: [common]}}]}}";
    good(&dir, &app("one", &["common:first"], share));
    good(&dir, &app("two", &["common:second"], share));
    let common = map(&dir, "common").unwrap();
    assert_eq!(common["metadata"]["annotations"]["app.oam.dev/shared-by"], "default/one,default/two");
    // Whoever had it first writes it.
    assert_eq!(common["data"]["text"], "first");
    let refused = run(&dir, &app("three", &["common"], ""));
    assert!(refused.stderr.contains("belongs to the application `one`"), "{}", refused.shown());
    assert_eq!(dir.run(&["delete", "one"]).status, 0);
    let common = map(&dir, "common").unwrap();
    assert_eq!(common["metadata"]["annotations"]["app.oam.dev/shared-by"], "default/two");
    assert_eq!(common["metadata"]["labels"]["app.oam.dev/name"], "two");
    good(&dir, &app("two", &["common:second"], share));
    assert_eq!(map(&dir, "common").unwrap()["data"]["text"], "second");
    assert_eq!(dir.run(&["delete", "two"]).status, 0);
    assert!(map(&dir, "common").is_none());
}

/// Changes an object, given by its type, kind and name, as somebody else does.
pub(crate) fn patched_by_others(dir: &Sandbox, object: &str, patch: &str) {
    let step =
        format!("{{name: p, type: patch-by-others, properties: {{value: {{{object}}}, patch: {patch}}}}}");
    dir.file("others.yaml", &format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: WorkflowStepDefinition\nmetadata: {{name: patch-by-others}}\nspec:\n  schematic:\n    cue:\n      template: |\n        import \"vela/kube\"\n        p: kube.#Patch & {{$params: parameter}}\n        parameter: {{value: {{...}}, patch: {{...}}}}\n---\napiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {{name: others}}\nspec: {{workflowSpec: {{steps: [{step}]}}}}\n"
    ));
    let ended = dir.run(&["run", "others.yaml"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
}

#[test]
fn what_is_applied_once_is_left_to_others() {
    let dir = Sandbox::new();
    let text = |dir: &Sandbox| map(dir, "a").unwrap()["data"].clone();
    let once = "{name: o, type: apply-once, properties: {enable: true}}";
    good(&dir, &app("shop", &["a:1"], once));
    patched_by_others(&dir, "apiVersion: v1, kind: ConfigMap, metadata: {name: a}", "{data: {text: theirs}}");
    good(&dir, &app("shop", &["a:1"], once));
    assert_eq!(text(&dir), json!({"text": "theirs", "own": "1"}));
    // A new revision is applied.
    good(&dir, &app("shop", &["a:2"], once));
    assert_eq!(text(&dir), json!({"text": "2", "own": "2"}));
    let field =
        "{name: o, type: apply-once, properties: {enable: true, rules: [{strategy: {path: [data.text]}}]}}";
    patched_by_others(&dir, "apiVersion: v1, kind: ConfigMap, metadata: {name: a}", "{data: {text: again}}");
    good(&dir, &app("shop", &["a:3"], field));
    assert_eq!(text(&dir), json!({"text": "again", "own": "3"}));
    let all = "{name: o, type: apply-once, properties: {enable: true, rules: [{selector: {componentNames: [a]}, strategy: {path: ['*']}}]}}";
    good(&dir, &app("shop", &["a:4"], all));
    assert_eq!(text(&dir), json!({"text": "again", "own": "3"}));
}

#[test]
fn objects_are_replaced_or_made_anew_as_the_policy_says() {
    let dir = Sandbox::new();
    good(&dir, &app("shop", &["a:1"], ""));
    let before = map(&dir, "a").unwrap();
    let replace = "{name: u, type: resource-update, properties: {rules: [{selector: {resourceNames: [a]}, strategy: {op: replace}}]}}";
    good(&dir, &app("shop", &["a:2"], replace));
    let after = map(&dir, "a").unwrap();
    assert_eq!(
        (&after["metadata"]["uid"], &after["data"]["text"]),
        (&before["metadata"]["uid"], &"2".into())
    );
    let anew = "{name: u, type: resource-update, properties: {rules: [{selector: {resourceNames: [a]}, strategy: {recreateFields: [data.text]}}]}}";
    good(&dir, &app("shop", &["a:2"], anew));
    assert_eq!(map(&dir, "a").unwrap()["metadata"]["uid"], before["metadata"]["uid"]);
    good(&dir, &app("shop", &["a:3"], anew));
    let after = map(&dir, "a").unwrap();
    assert!(after["metadata"]["uid"] != before["metadata"]["uid"] && after["data"]["text"] == "3", "{after}");
}

#[test]
fn a_config_stays_when_the_application_goes() {
    let dir = Sandbox::new();
    let config = |step: &str| format!("{}  workflow: {{steps: [{step}]}}\n", app("shop", &["a"], ""));
    let write = "{name: c, type: create-config, properties: {name: settings, config: {a: 1}}}";
    good(&dir, &config(write));
    good(&dir, &config("{name: a, type: apply-component, properties: {component: a}}"));
    assert_eq!(dir.run(&["delete", "shop"]).status, 0);
    assert_eq!((dir.run(&["get", "secret", "settings"]).status, maps(&dir).len()), (0, 0));
}

#[test]
fn what_a_step_deletes_is_no_longer_part_of_the_application() {
    let dir = Sandbox::new();
    let steps = "  workflow: {steps: [{name: a, type: apply-component, properties: {component: a}}, {name: b, type: apply-component, properties: {component: b}}, {name: gone, type: delete-object, properties: {apiVersion: v1, kind: ConfigMap, name: b}}]}\n";
    good(&dir, &(app("shop", &["a", "b"], "") + steps));
    let shown = json(&dir.run(&["revision", "show", "shop", "-o", "json"]));
    let names: Vec<&Value> =
        shown["objects"].as_array().unwrap().iter().map(|o| &o["metadata"]["name"]).collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn an_application_that_is_under_way_is_deleted_with_what_it_has_made_so_far() {
    let dir = Sandbox::new();
    let steps = "  workflow: {steps: [{name: a, type: apply-component, properties: {component: a}}, {name: nap, type: suspend, properties: {duration: 10m}}]}\n";
    dir.file("app.yaml", &(app("shop", &["a"], "") + steps));
    let mut command = dir.command(&["run", "app.yaml", "--max-workflow-wait-backoff-time", "1s"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it waits", || {
        let ended = dir.run(&["workflow", "status", "shop", "-o", "json"]);
        ended.stdout.contains("suspending").then_some(())
    });
    let ended = dir.run(&["delete", "shop"]);
    assert_eq!(ended.status, 0, "{}", ended.shown());
    assert_eq!(maps(&dir), [""; 0]);
    let _ = child.kill();
    child.wait().unwrap();
    assert_eq!(dir.run(&["get", "application", "shop"]).status, 1);
}

#[test]
fn a_controller_cleans_up_after_what_is_deleted() {
    let dir = Sandbox::new();
    good(&dir, &app("shop", &["a", "b"], ""));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut serve =
        dir.command(&["workflow", "serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            let client = eventually("the cluster is there", || {
                let dir = dir.path().join("state");
                let session = tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current()
                        .block_on(stepwell_cluster::Session::open(&dir, Options::default()))
                });
                session.ok()
            });
            let path = "/apis/core.oam.dev/v1beta1/namespaces/default/applications/shop";
            let request = http::Request::delete(path).body(Vec::new()).unwrap();
            client.client().request::<Value>(request).await.unwrap();
            client.close().await;
        });
        eventually("everything goes", || {
            let gone = dir.run(&["get", "application", "shop"]).status == 1;
            (gone && maps(&dir).is_empty()).then_some(())
        });
    }));
    serve.kill().unwrap();
    serve.wait().unwrap();
    done.unwrap();
}

/// Runs a file on a cluster behind a gate that is closed at a write; the first is 1, and with 0 there is none. Leases and events do not count. True if the program
/// came to its end, and false if it was killed.
async fn killed(
    edition: &str,
    at: usize,
    carried_out: bool,
    cluster: &EmbeddedCluster,
    dir: &Sandbox,
) -> bool {
    let mut count = 0;
    let pass = move |method: &http::Method, path: &str| {
        let counts = method != http::Method::GET && !path.contains("/leases") && !path.contains("/events");
        count += usize::from(counts);
        match at > 0 && count >= at {
            false => Pass::Through,
            true if counts && count == at && carried_out => Pass::Unanswered,
            // What comes after the last write finds the program dead already.
            true => Pass::Lost,
        }
    };
    let mut gate = gate(cluster.client(), dir, pass).await;
    let mut command = dir.command(&["run", edition, "--kubeconfig", "kubeconfig"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ended = gate.ended(&mut child).await;
    assert!(ended != Some(false), "write {at}");
    let _ = child.kill();
    child.wait().unwrap();
    ended.is_some()
}

/// The ConfigMaps that a run has made.
async fn left(cluster: &EmbeddedCluster, path: &str) -> Vec<String> {
    let list: Value =
        cluster.client().request(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
    let named = |o: &Value| o["metadata"]["name"].as_str().unwrap().to_owned();
    let mut all: Vec<String> = list["items"].as_array().unwrap().iter().map(named).collect();
    all.retain(|n| !n.starts_with("workflow-"));
    all
}

/// A process that rolls a second revision out is killed at each of its writes, carried out and not; the next one brings it to the end. Nothing is left over, and
/// nothing that is wanted is gone.
#[test]
fn a_kill_at_any_write_leaves_nothing_over_and_deletes_nothing_wrong() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut writes = 0;
        'kills: for at in 1..200 {
            for carried_out in [true, false] {
                let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
                let dir = Sandbox::new();
                dir.file("1.yaml", &app("shop", &["a:1", "b:1", "c:1"], ""));
                dir.file("2.yaml", &app("shop", &["a:2", "d:2"], ""));
                assert!(killed("1.yaml", 0, false, &cluster, &dir).await);
                if killed("2.yaml", at, carried_out, &cluster, &dir).await {
                    break 'kills;
                }
                writes = at;
                assert!(killed("2.yaml", 0, false, &cluster, &dir).await);
                let maps = left(&cluster, "/api/v1/namespaces/default/configmaps").await;
                assert_eq!(maps, ["a", "d"], "killed at write {at}, carried out: {carried_out}");
                let trackers = left(&cluster, "/apis/core.oam.dev/v1beta1/resourcetrackers").await;
                assert_eq!(trackers, ["shop-v2-default"], "killed at write {at}, carried out: {carried_out}");
                let path = "/apis/core.oam.dev/v1beta1/namespaces/default/applicationrevisions";
                let revisions = left(&cluster, path).await;
                assert_eq!(
                    revisions,
                    ["shop-v1", "shop-v2"],
                    "killed at write {at}, carried out: {carried_out}"
                );
            }
        }
        assert!(writes > 8, "{writes} writes");
    });
}

/// Does something with the cluster of a sandbox, as somebody else does.
fn on_cluster(dir: &Sandbox, method: &str, path: &str, body: &Value) -> Value {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let session =
            stepwell_cluster::Session::open(&dir.path().join("state"), Options::default()).await.unwrap();
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = http::Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.body(body.to_string().into_bytes()).unwrap();
        let answer = session.client().request(request).await.unwrap();
        session.close().await;
        answer
    })
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[test]
fn in_order_what_others_depend_on_goes_after_them() {
    let dir = Sandbox::new();
    let order = "{name: gc, type: garbage-collect, properties: {order: dependency}}";
    let text = app("shop", &["base", "upper"], order)
        .replace("{name: upper, type", "{name: upper, dependsOn: [base], type");
    good(&dir, &text);
    // It goes only when somebody else lets it.
    let held = |by: Value| json!({"metadata": {"finalizers": by}});
    on_cluster(&dir, "PATCH", &format!("{MAPS}/upper"), &held(json!(["example.com/hold"])));
    let mut delete =
        dir.command(&["delete", "shop"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the upper one begins to go", || {
        (!map(&dir, "upper")?["metadata"]["deletionTimestamp"].is_null()).then_some(())
    });
    std::thread::sleep(Duration::from_millis(300));
    let base = map(&dir, "base").expect("the base is there as long as something depends on it");
    assert!(base["metadata"]["deletionTimestamp"].is_null(), "{base}");
    on_cluster(&dir, "PATCH", &format!("{MAPS}/upper"), &held(Value::Null));
    assert!(delete.wait().unwrap().success());
    assert_eq!(maps(&dir), [""; 0]);
}

#[test]
fn what_belongs_to_a_deleted_object_goes_with_it_or_stays_as_the_policy_says() {
    let dir = Sandbox::new();
    let rules = "{name: gc, type: garbage-collect, properties: {rules: [{selector: {resourceNames: [keeps]}, strategy: onAppUpdate, propagation: orphan}, {selector: {resourceNames: [takes]}, strategy: onAppUpdate, propagation: cascading}]}}";
    good(&dir, &app("shop", &["keeps", "takes"], rules));
    for owner in ["keeps", "takes"] {
        let uid = map(&dir, owner).unwrap()["metadata"]["uid"].clone();
        let owner_reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid});
        let child =
            json!({"metadata": {"name": format!("of-{owner}"), "ownerReferences": [owner_reference]}});
        on_cluster(&dir, "POST", MAPS, &child);
    }
    good(&dir, &app("shop", &["other"], rules));
    eventually("what belongs to the one goes", || map(&dir, "of-takes").is_none().then_some(()));
    eventually("what belongs to the other is nobody's", || {
        map(&dir, "of-keeps")?["metadata"]["ownerReferences"]
            .as_array()
            .is_none_or(Vec::is_empty)
            .then_some(())
    });
    assert_eq!(maps(&dir), ["of-keeps", "other"]);
}
