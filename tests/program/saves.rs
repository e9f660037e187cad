//! Nothing is lost: a process that is killed at each save point, a store that cannot grow, and one that is damaged.

use crate::gate::{Gate, Pass, gate};
use crate::sandbox::{Ended, Sandbox, eventually};
use crate::workflows::{json, line};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use stepwell_cluster::{EmbeddedCluster, Options};

/// A run of steps, each of which makes an object with this much in it.
fn steps(name: &str, count: usize, size: usize) -> String {
    let text = "x".repeat(size);
    let step = |i: usize| {
        format!(
            "    - {{name: s{i:02}, type: apply-object, properties: {{value: {{apiVersion: v1, kind: ConfigMap, metadata: {{name: c{i:02}}}, data: {{n: \"{i}\", text: \"{text}\"}}}}}}}}\n"
        )
    };
    let steps: String = (0..count).map(step).collect();
    format!(
        "apiVersion: core.oam.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {{name: {name}}}\nspec:\n  workflowSpec:\n    steps:\n{steps}"
    )
}

/// The objects that the steps make, of a list of ConfigMaps.
fn made(list: &Value) -> Vec<Value> {
    let items = list["items"].as_array().unwrap().iter();
    let ours = items.filter(|o| o["metadata"]["name"].as_str().unwrap().starts_with('c'));
    let part = |o: &Value| serde_json::json!([o["metadata"]["name"], o["metadata"]["labels"], o["data"]]);
    let mut all: Vec<Value> = ours.map(part).collect();
    all.sort_by_key(ToString::to_string);
    all
}

/// Which saves of the run pass; the one after them is carried out and never answered.
#[derive(Default)]
struct Saves {
    /// How many saves to let pass; `None` lets all pass.
    left: Option<usize>,
    /// How often each object of a step was applied.
    effects: BTreeMap<String, usize>,
}

impl Saves {
    /// Whether this request is to be the last.
    fn closes(&mut self, method: &http::Method, path: &str) -> bool {
        if *method == http::Method::GET {
            return false;
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        if path.contains("/configmaps/c") && !path.contains("context") {
            *self.effects.entry(name.to_owned()).or_default() += 1;
        }
        let saves = path.ends_with("/workflowruns/twenty/status")
            || path.ends_with("/configmaps/workflow-twenty-context")
            || (*method == http::Method::POST && path.ends_with("/configmaps"));
        match &mut self.left {
            Some(0) if saves => true,
            Some(left) if saves => {
                *left -= 1;
                false
            }
            _ => false,
        }
    }
}

struct Watched {
    _cluster: EmbeddedCluster,
    client: kube::Client,
    saves: Arc<Mutex<Saves>>,
    gate: Gate,
}

/// A cluster behind a gate, for the program in this folder.
async fn cluster(sandbox: &Sandbox) -> Watched {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let saves = Arc::new(Mutex::new(Saves::default()));
    let seen = saves.clone();
    let pass = move |method: &http::Method, path: &str| match seen.lock().unwrap().closes(method, path) {
        true => Pass::Unanswered,
        false => Pass::Through,
    };
    let gate = gate(cluster.client(), sandbox, pass).await;
    Watched { client: cluster.client(), _cluster: cluster, saves, gate }
}

async fn configmaps(client: &kube::Client) -> Value {
    let request = http::Request::get("/api/v1/namespaces/default/configmaps").body(Vec::new()).unwrap();
    client.request(request).await.unwrap()
}

async fn run(client: &kube::Client) -> Value {
    let path = "/apis/core.oam.dev/v1alpha1/namespaces/default/workflowruns/twenty";
    client.request(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap()
}

/// Runs the twenty steps as [`killed`] does. Gives the number of kills, the end, the objects, and how often each was applied.
async fn killed_applying(nth: usize) -> (usize, String, Vec<Value>, BTreeMap<String, usize>) {
    let sandbox = Sandbox::new();
    let (kills, end, watched) = killed(&sandbox, &steps("twenty", 20, 1), nth).await;
    let effects = std::mem::take(&mut watched.saves.lock().unwrap().effects);
    (kills, end, made(&configmaps(&watched.client).await), effects)
}

/// Carries out a run named `twenty`; each process is killed with its `nth` save done and not yet answered, and the next one takes over. Gives the number of
/// kills, and the end.
async fn killed(sandbox: &Sandbox, run_of: &str, nth: usize) -> (usize, String, Watched) {
    sandbox.file("run.yaml", run_of);
    let mut watched = cluster(sandbox).await;
    let mut kills = 0;
    loop {
        watched.saves.lock().unwrap().left = nth.checked_sub(1);
        let args: &[&str] = if kills == 0 { &["run", "run.yaml"] } else { &["workflow", "resume", "twenty"] };
        let mut command = sandbox.command(&[args, &["--kubeconfig", "kubeconfig"]].concat());
        let told = std::fs::File::create(sandbox.path().join("stderr")).unwrap();
        let mut child = command.stdout(Stdio::null()).stderr(told).spawn().unwrap();
        match watched.gate.ended(&mut child).await {
            Some(well) => {
                let told = std::fs::read_to_string(sandbox.path().join("stderr")).unwrap();
                // The save before may have been that of the end, which nobody sees in the status yet.
                assert!(well || told.contains("the run is over: it has succeeded"), "{told}");
                break;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                // Its last save may have been that of the end.
                if run(&watched.client).await["status"]["finished"] == true {
                    break;
                }
            }
        }
        assert!(kills < 200, "a run that is killed at each save must come to its end");
    }
    watched.saves.lock().unwrap().left = None;
    let status = sandbox.run(&["workflow", "status", "twenty", "--kubeconfig", "kubeconfig", "-o", "json"]);
    (kills, line(&json(&status)), watched)
}

#[test]
fn a_process_killed_at_each_save_point_loses_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (none, want, objects, effects) = runtime.block_on(killed_applying(0));
    assert_eq!((none, objects.len()), (0, 20));
    assert!(want.starts_with("succeeded; s00 succeeded"), "{want}");
    assert!(effects.len() == 20 && effects.values().all(|n| *n == 1), "{effects:?}");
    // At each save there is, and then at those that a process only comes to when it has saved before.
    for (nth, at_least) in [(1, 20), (3, 7)] {
        let (kills, line, got, effects) = runtime.block_on(killed_applying(nth));
        assert_eq!((&line, &got), (&want, &objects), "killed at save {nth}");
        assert!(kills >= at_least, "{kills} kills");
        assert_eq!(effects.len(), 20, "every effect at least once");
        // What a kill can repeat is the one effect that was under way.
        let repeats: usize = effects.values().map(|n| n - 1).sum();
        assert!(repeats <= kills, "{repeats} repeats for {kills} kills");
    }
}

/// A server that notes the path of each request.
async fn noting() -> (String, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let noted = seen.clone();
    let answer = move |request: axum::extract::Request| {
        noted.lock().unwrap().push(request.uri().path().to_owned());
        async { "done" }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    (address, seen)
}

/// Ops that send within one step, each recorded before the next.
#[test]
fn a_process_killed_between_ops_that_send_repeats_the_one_under_way() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (server, seen) = runtime.block_on(noting());
    let text = format!(
        r#"
apiVersion: core.oam.dev/v1beta1
kind: WorkflowStepDefinition
metadata: {{name: sends}}
spec:
  schematic:
    cue:
      template: |
        import "vela/http"
        ops: [for i in parameter.of {{http.#HTTPPost & {{$params: {{url: "{server}/\(i)", request: body: "\(i)"}}}}}}]
        codes: [for op in ops {{op.$returns.statusCode}}]
        parameter: of: [...string]
---
apiVersion: core.oam.dev/v1alpha1
kind: WorkflowRun
metadata: {{name: twenty}}
spec:
  workflowSpec:
    steps:
    - {{name: first, type: sends, properties: {{of: [a1, a2, a3, a4, a5, a6]}}, outputs: [{{name: codes, valueFrom: codes}}]}}
    - {{name: then, type: sends, properties: {{of: [b1, b2, b3]}}}}
"#
    );
    let order = ["/a1", "/a2", "/a3", "/a4", "/a5", "/a6", "/b1", "/b2", "/b3"];
    for (nth, at_least) in [(1, 9), (2, 4), (3, 2)] {
        let sandbox = Sandbox::new();
        let (kills, end, watched) = runtime.block_on(killed(&sandbox, &text, nth));
        assert_eq!(end, "succeeded; first succeeded; then succeeded", "killed at save {nth}");
        assert!(kills >= at_least, "{kills} kills at save {nth}");
        let mut sent = std::mem::take(&mut *seen.lock().unwrap());
        assert!(sent.len() - order.len() <= kills, "{sent:?} for {kills} kills");
        sent.dedup();
        assert_eq!(sent, order, "killed at save {nth}: nothing is sent again but what was under way");
        // What ops have given is kept as long as their attempt goes on.
        let all = runtime.block_on(configmaps(&watched.client));
        let mut maps = all["items"].as_array().unwrap().iter();
        let context = maps.find(|m| m["metadata"]["name"] == "workflow-twenty-context").unwrap();
        let left = context["data"].as_object().unwrap().keys().filter(|k| k.starts_with("stepwell-op-"));
        assert_eq!(left.count(), 0, "{context:#}");
    }
}

/// Starting over is one write: once it is made, whoever comes next starts over.
#[test]
fn a_restart_that_is_killed_is_carried_out() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (step, next) in [(None, "resume"), (Some("s01"), "resume"), (None, "serve"), (Some("s01"), "serve")] {
        let sandbox = Sandbox::new();
        sandbox.file("run.yaml", &steps("twenty", 3, 1));
        let mut watched = runtime.block_on(cluster(&sandbox));
        let at = ["--kubeconfig", "kubeconfig"];
        assert_eq!(sandbox.run(&[&["run", "run.yaml"][..], &at].concat()).status, 0);
        let ids = |run: &Value| -> Vec<Value> {
            run["status"]["steps"].as_array().unwrap().iter().map(|s| s["id"].clone()).collect()
        };
        let before = ids(&runtime.block_on(run(&watched.client)));
        watched.saves.lock().unwrap().left = Some(0);
        let mut args = vec!["workflow", "restart", "twenty"];
        args.extend(step.iter().flat_map(|s| ["--step", s]));
        args.extend(at);
        let mut child = sandbox.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert_eq!(runtime.block_on(watched.gate.ended(&mut child)), None);
        child.kill().unwrap();
        child.wait().unwrap();
        // Nobody can see it in the status yet.
        assert_eq!(ids(&runtime.block_on(run(&watched.client))), before);
        watched.saves.lock().unwrap().left = None;
        match next {
            "resume" => {
                let ended = sandbox.run(&[&["workflow", "resume", "twenty"][..], &at].concat());
                assert_eq!(ended.status, 0, "{}", ended.shown());
            }
            // A controller that begins to look finds the run over, and that it is to start over.
            _ => {
                let mut command = sandbox.command(&[&["workflow", "serve"][..], &at].concat());
                let mut serve = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    eventually("the run starts over and ends", || {
                        let run = runtime.block_on(run(&watched.client));
                        let new = ids(&run).last() != before.last();
                        (new && run["status"]["finished"] == true).then_some(())
                    });
                }));
                serve.kill().unwrap();
                serve.wait().unwrap();
                done.unwrap();
            }
        }
        let after = ids(&runtime.block_on(run(&watched.client)));
        let kept = usize::from(step.is_some());
        assert_eq!(after[..kept], before[..kept]);
        assert!(after.len() == 3 && (kept..3).all(|i| after[i] != before[i]), "{before:?} {after:?}");
        let effects = watched.saves.lock().unwrap().effects.clone();
        assert_eq!((effects["c00"], effects["c01"], effects["c02"]), (2 - kept, 2, 2));
    }
}

/// The program with files that may not become larger than this.
fn with_limit(sandbox: &Sandbox, args: &[&str], kib: usize) -> Ended {
    let program = sandbox.command(args);
    let mut command = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
    command.args(["-c", &script, "--"]).arg(program.get_program()).args(program.get_args());
    command.current_dir(sandbox.path()).stdin(Stdio::null());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Ended::of(command.output().unwrap())
}

/// A step type that makes an object of 60 KB, and the beginning of a run of such steps.
const LARGE: &str = r#"
apiVersion: core.oam.dev/v1beta1
kind: WorkflowStepDefinition
metadata: {name: large}
spec:
  schematic:
    cue:
      template: |
        import ("vela/kube", "strings")
        apply: kube.#Apply & {$params: value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: context.stepName, data: text: strings.Repeat("x", 60000)}}
        parameter: {}
---
apiVersion: core.oam.dev/v1alpha1
kind: WorkflowRun
metadata: {name: big}
spec:
  workflowSpec:
    steps:
"#;

#[test]
fn a_store_that_cannot_grow_is_told_and_nothing_is_claimed() {
    let sandbox = Sandbox::new();
    // What they make alone is more than the file may hold.
    let steps: String = (0..64).map(|i| format!("    - {{name: c{i:02}, type: large}}\n")).collect();
    sandbox.file("run.yaml", &format!("{LARGE}{steps}"));
    let mut most = 0;
    for _ in 0..2 {
        let ended = with_limit(&sandbox, &["run", "run.yaml"], 3_500);
        assert_eq!(ended.status, 1, "{}", ended.shown());
        let why = "the store cannot be read or written: its file may not become any larger on this system";
        assert!(ended.stderr.contains(why), "{}", ended.shown());
        // What was told to have succeeded has.
        let told =
            ended.stdout.lines().filter(|l| l.contains("): succeeded")).filter_map(|l| l.split(' ').next());
        let told: Vec<&str> = told.collect();
        most = most.max(told.len());
        let status = json(&sandbox.run(&["workflow", "status", "big", "-o", "json"]));
        for name in &told {
            let mut steps = status["steps"].as_array().into_iter().flatten();
            let step = steps.find(|s| s["name"] == **name);
            assert_eq!(step.map(|s| &s["phase"]), Some(&"succeeded".into()), "{name}: {status:#}");
        }
    }
    assert!(most > 0, "no step came to its end before the store was full");
    // With room again, the run goes on to its end.
    let ended = sandbox.run(&["run", "run.yaml", "-o", "json"]);
    assert_eq!(json(&ended)["status"], "succeeded", "{}", ended.shown());
    assert_eq!(made(&json(&sandbox.run(&["get", "configmaps", "-o", "json"]))).len(), 64);
}

#[test]
fn a_damaged_store_is_told() {
    let whole = Sandbox::new();
    whole.file("run.yaml", &steps("run", 5, 20_000));
    assert_eq!(whole.run(&["run", "run.yaml"]).status, 0);
    let good = std::fs::read(whole.path().join("state/cluster.redb")).unwrap();
    let other = b"this is no database ".repeat(1000);
    let mut garbled = good.clone();
    let (from, to) = (8192, good.len());
    garbled[from..to].iter_mut().for_each(|b| *b ^= 0x5a);
    let cases: [(&str, &[u8]); 4] = [
        ("no database", &other),
        ("cut off", &good[..good.len() / 2]),
        ("cut off in its head", &good[..100]),
        ("garbled", &garbled),
    ];
    for (name, bytes) in cases {
        let sandbox = Sandbox::new();
        std::fs::create_dir_all(sandbox.path().join("state")).unwrap();
        std::fs::write(sandbox.path().join("state/cluster.redb"), bytes).unwrap();
        sandbox.file("run.yaml", &steps("run", 1, 1));
        for args in [&["workflow", "list"][..], &["run", "run.yaml"], &["workflow", "status", "run"]] {
            let ended = sandbox.run(args);
            assert!(ended.status == 1 && ended.stdout.is_empty(), "{name}: {}", ended.shown());
            assert!(
                ended.stderr.contains("database")
                    || ended.stderr.contains("the store cannot be read or written"),
                "{name}: {}",
                ended.shown()
            );
        }
    }
}
