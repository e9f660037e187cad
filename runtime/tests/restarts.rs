//! Workflows that start over by themselves, on an embedded cluster with a controller.
#![allow(clippy::unwrap_used, reason = "tests")]

use kube::Api;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use std::time::Duration;
use stepwell_cluster::{EmbeddedCluster, Options};
use stepwell_runtime::definitions::Library;
use stepwell_runtime::document::Document;
use stepwell_runtime::driver::{Delivery, Driver, RunRef};

const RESTART: &str = "app.oam.dev/restart-workflow";

fn app(properties: &str) -> Delivery {
    let text = format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n  components: []\n  workflow:\n    steps:\n    \
         - {{name: again, type: restart-workflow, properties: {properties}}}\n"
    );
    Delivery::read(&Document::read_all("app.yaml", &text).unwrap()[0]).unwrap().unwrap()
}

struct Cluster {
    _cluster: EmbeddedCluster,
    driver: Driver,
    run: RunRef,
    apps: Api<DynamicObject>,
}

/// Hands the application in on a cluster that carries out what is written to it.
async fn handed_in(properties: &str) -> Cluster {
    let cluster = EmbeddedCluster::in_memory(Options::default()).await.unwrap();
    let driver = Driver::new(cluster.client(), Library::builtin());
    let run = driver.submit(&app(properties)).await.unwrap();
    let serving = driver.clone();
    tokio::spawn(async move { serving.serve(None).await });
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("core.oam.dev", "v1beta1", "Application"));
    let apps = Api::namespaced_with(cluster.client(), "default", &kind);
    Cluster { _cluster: cluster, driver, run, apps }
}

impl Cluster {
    async fn annotation(&self) -> Option<String> {
        self.apps.get("shop").await.unwrap().metadata.annotations?.get(RESTART).cloned()
    }

    /// The identities of the first steps of so many executions of the workflow, as they follow each other.
    async fn executions(&self, count: usize) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        for _ in 0..600 {
            let status = self.driver.status(&self.run).await.unwrap();
            if let (true, Some(step)) = (status.finished, status.all().next()) {
                assert_eq!(format!("{:?}", step.phase), "Succeeded", "{}", step.message);
                if seen.last() != Some(&step.id) {
                    seen.push(step.id.clone());
                }
            }
            if seen.len() == count {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("only {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_while_is_once() {
    let cluster = handed_in("{after: 1s}").await;
    cluster.executions(2).await;
    // The run that was started so does not ask for another.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(cluster.annotation().await, None);
    cluster.executions(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_so_often_is_again_and_again() {
    let cluster = handed_in("{every: 1s}").await;
    cluster.executions(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_has_passed_is_nothing_to_wait_for() {
    let cluster = handed_in("{at: '2001-01-01T00:00:00Z'}").await;
    cluster.executions(1).await;
    assert_eq!(cluster.annotation().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_to_come_stands_at_the_object() {
    let cluster = handed_in("{at: '2101-01-01T01:00:00+01:00'}").await;
    cluster.executions(1).await;
    assert_eq!(cluster.annotation().await.as_deref(), Some("2101-01-01T00:00:00Z"));
}
