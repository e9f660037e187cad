//! kubectl against a served cluster. Tests that need kubectl say so and do nothing where it is not on PATH.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed")]

mod common;

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use common::cluster;
use stepwell_cluster::{EmbeddedCluster, Served};

struct Kubectl {
    _cluster: EmbeddedCluster,
    _served: Served,
    dir: tempfile::TempDir,
}

async fn kubectl() -> Option<Kubectl> {
    let there = Command::new("kubectl")
        .args(["version", "--client"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !there.is_ok_and(|status| status.success()) {
        println!("skipped: kubectl is not on PATH");
        return None;
    }
    let (cluster, client) = cluster().await;
    let served = stepwell_cluster::serve(client, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("kubeconfig"), &served.kubeconfig).unwrap();
    Some(Kubectl { _cluster: cluster, _served: served, dir })
}

impl Kubectl {
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn output(&self, args: &[&str]) -> Output {
        let mut command = Command::new("kubectl");
        command
            .env("HOME", self.dir.path())
            .env_remove("KUBECONFIG")
            .arg("--kubeconfig")
            .arg(self.dir.path().join("kubeconfig"))
            .args(args);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Runs kubectl, which must succeed, and gives what it prints.
    async fn run(&self, args: &[&str]) -> String {
        let output = self.output(args).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "kubectl {args:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    async fn refused(&self, args: &[&str]) -> String {
        let output = self.output(args).await;
        assert!(!output.status.success(), "kubectl {args:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: 'nginx:1.27'}]
";

#[tokio::test(flavor = "multi_thread")]
async fn apply_get_scale_wait_delete() {
    let Some(kubectl) = kubectl().await else { return };
    let file = kubectl.file("web.yaml", WEB);
    let file = file.to_str().unwrap();
    assert_eq!(kubectl.run(&["apply", "-f", file]).await, "deployment.apps/web created\n");
    assert_eq!(kubectl.run(&["apply", "-f", file]).await, "deployment.apps/web unchanged\n");
    kubectl.run(&["rollout", "status", "deploy/web", "--timeout=10s"]).await;
    let table = kubectl.run(&["get", "deploy"]).await;
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
    assert_eq!(words[1][..4], ["web", "1/1", "1", "1"]);

    kubectl.run(&["scale", "deploy/web", "--replicas=3"]).await;
    kubectl
        .run(&["wait", "deploy/web", "--for=jsonpath={.status.availableReplicas}=3", "--timeout=10s"])
        .await;
    kubectl.run(&["set", "image", "deploy/web", "main=nginx:1.28"]).await;
    kubectl.run(&["label", "deploy/web", "tier=front"]).await;
    assert!(
        kubectl
            .run(&["get", "deploy", "-l", "tier=front", "-o", "name"])
            .await
            .contains("deployment.apps/web")
    );
    assert!(kubectl.run(&["describe", "deploy/web"]).await.contains("nginx:1.28"));
    let applied = kubectl.run(&["apply", "--server-side", "--force-conflicts", "-f", file]).await;
    assert_eq!(applied, "deployment.apps/web serverside-applied\n");
    assert!(kubectl.run(&["get", "deploy/web", "-o", "yaml"]).await.contains("nginx:1.27"));
    kubectl.run(&["delete", "deploy/web", "--timeout=10s"]).await;
    assert!(kubectl.refused(&["get", "deploy/web"]).await.contains("deployments.apps \"web\" not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_explain_and_refusals() {
    let Some(kubectl) = kubectl().await else { return };
    let resources = kubectl.run(&["api-resources"]).await;
    for wanted in ["configmaps", "deployments", "applications", "workflowruns", "customresourcedefinitions"] {
        assert!(resources.contains(wanted), "{wanted}: {resources}");
    }
    assert!(kubectl.run(&["version"]).await.contains("Server Version: v1.35"));
    assert!(kubectl.run(&["explain", "deploy.spec.strategy"]).await.contains("rollingUpdate"));
    let objects = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {k: v}\n---\n\
                   apiVersion: v1\nkind: Namespace\nmetadata: {name: prod}\n";
    let file = kubectl.file("objects.yaml", objects);
    kubectl.run(&["create", "-f", file.to_str().unwrap()]).await;
    assert!(kubectl.run(&["get", "cm", "-A"]).await.contains("settings"));
    assert!(kubectl.run(&["get", "all", "-n", "prod"]).await.is_empty());
    kubectl.run(&["delete", "namespace", "prod", "--timeout=10s"]).await;

    // These send protobuf.
    kubectl.run(&["create", "configmap", "literal", "--from-literal=k=v"]).await;
    assert_eq!(kubectl.run(&["get", "cm/literal", "-o", "jsonpath={.data.k}"]).await, "v");
    kubectl.run(&["create", "secret", "generic", "key", "--from-literal=k=v"]).await;
    assert_eq!(kubectl.run(&["get", "secret/key", "-o", "jsonpath={.data.k}"]).await, "dg==");
    kubectl.run(&["create", "deployment", "made", "--image=nginx:1.27", "--replicas=2", "--port=80"]).await;
    kubectl.run(&["rollout", "status", "deploy/made", "--timeout=10s"]).await;
    assert_eq!(kubectl.run(&["get", "deploy/made", "-o", "jsonpath={.spec.replicas}"]).await, "2");
    kubectl.run(&["expose", "deploy/made", "--target-port=8080"]).await;
    assert_eq!(kubectl.run(&["get", "svc/made", "-o", "jsonpath={.spec.ports[0].targetPort}"]).await, "8080");
    kubectl.run(&["create", "namespace", "more"]).await;

    let wrong = WEB.replace("app: web}}\n  template", "app: other}}\n  template");
    let file = kubectl.file("wrong.yaml", &wrong);
    let message = kubectl.refused(&["apply", "-f", file.to_str().unwrap()]).await;
    assert!(message.contains("`selector` does not match template `labels`"), "{message}");
    let file = kubectl.file("typo.yaml", &WEB.replace("selector:", "replica: 3\n  selector:"));
    let message = kubectl.refused(&["apply", "-f", file.to_str().unwrap()]).await;
    assert!(message.contains("unknown field \"spec.replica\""), "{message}");
}

#[tokio::test]
async fn only_those_who_know_the_address_are_answered() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (_cluster, client) = cluster().await;
    let refused = stepwell_cluster::serve(client.clone(), "0.0.0.0:0".parse().unwrap()).await.err().unwrap();
    assert!(refused.to_string().contains("only loopback"), "{refused}");
    let served = stepwell_cluster::serve(client, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"GET /api/v1/secrets HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    served.stop().await;
}
