//! Workloads come along by the rules of the simulation, and users can hold them back, delay and fail them.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed")]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{api, cluster, create, deployment, wait_for};
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use stepwell_cluster::{Clock, EmbeddedCluster, Options};

const KIND: &str = "apps/v1/Deployment";

fn condition<'v>(object: &'v Value, kind: &str) -> &'v Value {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|c| c["type"] == kind).unwrap()
}

fn available(object: Option<&Value>) -> bool {
    object.is_some_and(|o| o["status"]["availableReplicas"] == 2)
}

#[tokio::test]
async fn a_deployment_becomes_available_and_follows_its_spec() {
    let (_cluster, client) = cluster().await;
    create(&client, KIND, deployment("web", json!({}))).await.unwrap();
    let api = api(&client, KIND);
    let ready = wait_for(&api, "web", available).await.unwrap();
    assert_eq!(ready["status"]["observedGeneration"], 1);
    assert_eq!(condition(&ready, "Available")["status"], "True");
    assert_eq!(condition(&ready, "Progressing")["reason"], "NewReplicaSetAvailable");

    let patch = Patch::Merge(json!({"spec": {"replicas": 3}}));
    let scaled = api.patch("web", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(scaled.metadata.generation, Some(2));
    let ready =
        wait_for(&api, "web", |o| o.is_some_and(|o| o["status"]["availableReplicas"] == 3)).await.unwrap();
    assert_eq!(ready["status"]["observedGeneration"], 2);
}

#[tokio::test]
async fn annotations_hold_and_fail() {
    let (_cluster, client) = cluster().await;
    let api = api(&client, KIND);
    create(&client, KIND, deployment("held", json!({"sim.stepwell.dev/hold": "true"}))).await.unwrap();
    create(&client, KIND, deployment("bad", json!({"sim.stepwell.dev/fail": "no such image"})))
        .await
        .unwrap();
    let failed = wait_for(&api, "bad", |o| {
        o.is_some_and(|o| {
            let conditions = o["status"]["conditions"].as_array();
            conditions.is_some_and(|c| c.iter().any(|c| c["reason"] == "ProgressDeadlineExceeded"))
        })
    })
    .await
    .unwrap();
    assert_eq!(condition(&failed, "Progressing")["message"], "no such image");
    let held =
        wait_for(&api, "held", |o| o.is_some_and(|o| o["status"]["observedGeneration"] == 1)).await.unwrap();
    assert_eq!(condition(&held, "Available")["status"], "False");
    let release = Patch::Merge(json!({"metadata": {"annotations": {"sim.stepwell.dev/hold": null}}}));
    api.patch("held", &PatchParams::default(), &release).await.unwrap();
    wait_for(&api, "held", available).await;
}

#[tokio::test]
async fn other_kinds_come_along_too() {
    let (_cluster, client) = cluster().await;
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "i"}]}});
    create(&client, "batch/v1/Job", json!({"metadata": {"name": "once"}, "spec": {"template": template}}))
        .await
        .unwrap();
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "i"}]}});
    create(&client, "v1/Pod", pod).await.unwrap();
    let claim = json!({"metadata": {"name": "c"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
    }});
    create(&client, "v1/PersistentVolumeClaim", claim).await.unwrap();
    let service =
        json!({"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    create(&client, "v1/Service", service).await.unwrap();

    let job =
        wait_for(&api(&client, "batch/v1/Job"), "once", |o| o.is_some_and(|o| o["status"]["succeeded"] == 1))
            .await;
    assert_eq!(condition(&job.unwrap(), "Complete")["status"], "True");
    let pod =
        wait_for(&api(&client, "v1/Pod"), "p", |o| o.is_some_and(|o| o["status"]["phase"] == "Running"))
            .await;
    assert_eq!(pod.unwrap()["status"]["containerStatuses"][0]["ready"], true);
    let claim = wait_for(&api(&client, "v1/PersistentVolumeClaim"), "c", |o| {
        o.is_some_and(|o| o["status"]["phase"] == "Bound")
    })
    .await;
    assert_eq!(claim.unwrap()["status"]["capacity"]["storage"], "1Gi");
    let balanced =
        |o: Option<&Value>| o.is_some_and(|o| o["status"]["loadBalancer"]["ingress"][0]["ip"].is_string());
    wait_for(&api(&client, "v1/Service"), "s", balanced).await;
}

/// A clock that stands still until it is told to move.
#[derive(Clone)]
struct Manual(Arc<Mutex<Timestamp>>, Arc<tokio::sync::Notify>);

impl Clock for Manual {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(async move {
            loop {
                let moved = clock.1.notified();
                if clock.now() >= deadline {
                    return;
                }
                moved.await;
            }
        })
    }
}

#[tokio::test]
async fn the_simulation_goes_by_the_clock_it_is_given_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let start: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    let clock = Manual(Arc::new(Mutex::new(start)), Arc::default());
    let options = Options { clock: Arc::new(clock.clone()), ..Options::default() };
    let cluster = EmbeddedCluster::open(dir.path(), options.clone()).await.unwrap();
    let made = create(&cluster.client(), KIND, deployment("web", json!({}))).await.unwrap();
    assert_eq!(made.metadata.creation_timestamp.unwrap().0, start);
    let api_before = api(&cluster.client(), KIND);
    wait_for(&api_before, "web", |o| o.is_some_and(|o| o["status"]["observedGeneration"] == 1)).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(!available(wait_for(&api_before, "web", |_| true).await.as_ref()), "time stands still");
    cluster.close().await;

    let cluster = EmbeddedCluster::open(dir.path(), options).await.unwrap();
    let api = api(&cluster.client(), KIND);
    tokio::time::sleep(Duration::from_millis(100)).await;
    *clock.0.lock().unwrap() += SignedDuration::from_secs(1);
    clock.1.notify_waiters();
    wait_for(&api, "web", available).await;
}

#[tokio::test]
async fn rules_can_be_replaced() {
    let rules =
        "apps/Deployment: {after: 0ms, ready: {observedGeneration: $generation, note: $name}}".to_owned();
    let cluster =
        EmbeddedCluster::in_memory(Options { rules: Some(rules), ..Options::default() }).await.unwrap();
    create(&cluster.client(), KIND, deployment("web", json!({}))).await.unwrap();
    let api = api(&cluster.client(), KIND);
    wait_for(&api, "web", |o| o.is_some_and(|o| o["status"]["observedGeneration"] == 1)).await;
    let wrong = Options { rules: Some("apps/Deployment: {after: x}".into()), ..Options::default() };
    let error = EmbeddedCluster::in_memory(wrong).await.err().unwrap();
    assert!(error.to_string().starts_with("the rules of the simulation: apps/Deployment"), "{error}");
}

#[tokio::test]
async fn a_job_with_labels_of_its_own_can_be_read_once_it_has_changed() {
    let (_cluster, client) = cluster().await;
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}});
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "own", "labels": {"app": "a"}}, "spec": {"template": template},
    });
    create(&client, "batch/v1/Job", job).await.unwrap();
    // A status is written, and nothing that was not there is null after it.
    let jobs = api(&client, "batch/v1/Job");
    let done = wait_for(&jobs, "own", |o| o.is_some_and(|o| o["status"]["succeeded"] == 1)).await.unwrap();
    assert_eq!(done["metadata"]["labels"], json!({"app": "a"}));
    assert_eq!(done["spec"]["template"]["metadata"]["labels"]["job-name"], "own");
}

#[tokio::test]
async fn the_log_of_a_pod_is_what_an_annotation_says() {
    let (_cluster, client) = cluster().await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": {"sim.stepwell.dev/log": "one\ntwo\nthree\n"}},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    });
    create(&client, "v1/Pod", pod).await.unwrap();
    let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(client.clone());
    let tail = |lines: i64, container: &str| kube::api::LogParams {
        tail_lines: Some(lines),
        container: Some(container.into()),
        ..Default::default()
    };
    let early = pods.logs("p", &tail(2, "a")).await;
    assert!(early.is_err_and(|e| e.to_string().contains("is waiting to start: ContainerCreating")));
    wait_for(&api(&client, "v1/Pod"), "p", |o| o.is_some_and(|o| o["status"]["phase"] == "Running"))
        .await
        .unwrap();
    assert_eq!(pods.logs("p", &tail(2, "a")).await.unwrap(), "two\nthree\n");
    assert!(
        pods.logs("p", &tail(2, "b"))
            .await
            .is_err_and(|e| e.to_string().contains("container b is not valid for pod p"))
    );
    assert!(pods.logs("q", &tail(2, "a")).await.is_err_and(|e| e.to_string().contains("not found")));
}

/// A Job whose containers write this.
fn job(name: &str, annotations: serde_json::Value) -> serde_json::Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": {
            "metadata": {"labels": {"app": "a"}, "annotations": annotations},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]},
        }},
    })
}

#[tokio::test]
async fn a_job_has_a_pod_that_ends_with_it() {
    let (_cluster, client) = cluster().await;
    let annotations = json!({"sim.stepwell.dev/log": "one\ntwo\n", "sim.stepwell.dev/message": "12"});
    create(&client, "batch/v1/Job", job("good", annotations)).await.unwrap();
    create(&client, "batch/v1/Job", job("bad", json!({"sim.stepwell.dev/fail": "no rows"}))).await.unwrap();
    let jobs = api(&client, "batch/v1/Job");
    let good = wait_for(&jobs, "good", |o| o.is_some_and(|o| o["status"]["succeeded"] == 1)).await.unwrap();
    wait_for(&jobs, "bad", |o| o.is_some_and(|o| o["status"]["failed"] == 1)).await.unwrap();
    let of = async |name: &str| {
        let selected = kube::api::ListParams::default().labels(&format!("job-name={name}"));
        let found = api(&client, "v1/Pod").list(&selected).await.unwrap();
        assert_eq!(found.items.len(), 1);
        serde_json::to_value(&found.items[0]).unwrap()
    };
    let pod = of("good").await;
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], good["metadata"]["uid"]);
    assert_eq!(pod["metadata"]["labels"]["app"], "a");
    assert_eq!(pod["status"]["phase"], "Succeeded");
    let end = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&end["exitCode"], &end["message"]), (&json!(0), &json!("12")));
    let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(client.clone());
    let name = pod["metadata"]["name"].as_str().unwrap();
    assert_eq!(pods.logs(name, &Default::default()).await.unwrap(), "one\ntwo\n");
    let pod = of("bad").await;
    let end = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (&pod["status"]["phase"], &end["exitCode"], &end["message"]),
        (&json!("Failed"), &json!(1), &json!("no rows"))
    );
    // Pods go with their Job.
    jobs.delete("good", &kube::api::DeleteParams::background()).await.unwrap();
    wait_for(&api(&client, "v1/Pod"), name, |o| o.is_none()).await;
}

#[tokio::test]
async fn a_log_is_followed_until_the_pod_has_ended() {
    use futures::AsyncBufReadExt;
    let (_cluster, client) = cluster().await;
    let annotations = json!({"sim.stepwell.dev/log": "one\n", "sim.stepwell.dev/ready-after": "1s"});
    create(&client, "batch/v1/Job", job("slow", annotations)).await.unwrap();
    let pods = api(&client, "v1/Pod");
    let all = kube::api::ListParams::default();
    let name = loop {
        if let Some(pod) = pods.list(&all).await.unwrap().items.first() {
            break pod.metadata.name.clone().unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    wait_for(&pods, &name, |o| o.is_some_and(|o| o["status"]["phase"] == "Running")).await;
    let typed: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(client.clone());
    let follow = kube::api::LogParams { follow: true, ..Default::default() };
    let mut lines = typed.log_stream(&name, &follow).await.unwrap();
    let mut line = String::new();
    lines.read_line(&mut line).await.unwrap();
    assert_eq!(line, "one\n");
    let more = json!({"metadata": {"annotations": {"sim.stepwell.dev/log": "one\ntwo\n"}}});
    pods.patch(&name, &Default::default(), &Patch::Merge(&more)).await.unwrap();
    line.clear();
    lines.read_line(&mut line).await.unwrap();
    assert_eq!(line, "two\n");
    let running = pods.get(&name).await.unwrap();
    assert_eq!(running.data["status"]["phase"], "Running");
    // It ends with the pod.
    line.clear();
    assert_eq!(lines.read_line(&mut line).await.unwrap(), 0);
}
