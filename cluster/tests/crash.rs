//! A process that holds a cluster is killed in the middle of its writes: everything that was answered is there afterwards.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed")]

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use stepwell_cluster::{EmbeddedCluster, Options};

/// Set in the process that is to be killed.
const DIR: &str = "STEPWELL_TEST_CRASH_DIR";
const ANSWERED: &str = "answered ";
/// Writers at a time, so that several writes share a commit.
const WRITERS: usize = 4;

async fn maps(dir: &Path) -> (EmbeddedCluster, Api<ConfigMap>) {
    let cluster = EmbeddedCluster::open(dir, Options::default()).await.unwrap();
    let api = Api::default_namespaced(cluster.client());
    (cluster, api)
}

/// Not a test by itself: what the killed process does.
#[tokio::test(flavor = "multi_thread")]
async fn write_for_ever() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let (_cluster, api) = maps(Path::new(&dir)).await;
    let writers = (0..WRITERS).map(|writer| {
        let api = api.clone();
        async move {
            for number in 0.. {
                let mut map = ConfigMap::default();
                map.metadata.name = Some(format!("w{writer}-{number}"));
                api.create(&PostParams::default(), &map).await.unwrap();
                println!("{ANSWERED}w{writer}-{number}");
            }
        }
    });
    futures::future::join_all(writers).await;
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut answered = HashSet::new();
    for round in 1..=2 {
        let place = dir.path().join(round.to_string());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "write_for_ever", "--nocapture"])
            .env(DIR, &place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        answered.clear();
        while answered.len() < 20 * round {
            let line = lines.next().unwrap().unwrap();
            answered.extend(line.split_once(ANSWERED).map(|(_, name)| name.to_owned()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What was said before the end counts too.
        answered
            .extend(lines.map_while(Result::ok).filter_map(|l| Some(l.split_once(ANSWERED)?.1.to_owned())));

        let (cluster, api) = maps(&place).await;
        let list = api.list(&ListParams::default()).await.unwrap();
        let version: u64 = list.metadata.resource_version.unwrap().parse().unwrap();
        let mut there = HashSet::new();
        for map in list.items {
            assert!(map.metadata.resource_version.unwrap().parse::<u64>().unwrap() <= version);
            there.insert(map.metadata.name.unwrap());
        }
        let lost: Vec<&String> = answered.difference(&there).collect();
        assert!(lost.is_empty(), "answered but lost: {lost:?}");
        // At most one write of each writer was under way.
        assert!(
            there.len() <= answered.len() + WRITERS,
            "{} there, {} answered",
            there.len(),
            answered.len()
        );
        cluster.close().await;
    }
}
