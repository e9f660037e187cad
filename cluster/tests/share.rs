//! Several sessions on one directory. In one process they behave as in several: the lock is the open file's.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed")]

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, PostParams, WatchEvent, WatchParams};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use stepwell_cluster::{ClusterError, EmbeddedCluster, Options, Session};

async fn open(dir: &Path) -> Session {
    Session::open(dir, Options::default()).await.unwrap()
}

fn maps(session: &Session) -> Api<ConfigMap> {
    Api::namespaced(session.client(), "default")
}

fn map(name: &str) -> ConfigMap {
    ConfigMap { metadata: ObjectMeta { name: Some(name.into()), ..Default::default() }, ..Default::default() }
}

async fn create(session: &Session, name: &str) {
    maps(session).create(&PostParams::default(), &map(name)).await.unwrap();
}

#[tokio::test]
async fn a_second_session_sees_what_the_first_makes_and_the_other_way_round() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await;
    let second = open(dir.path()).await;
    assert!(first.holds().await && !second.holds().await);
    create(&first, "a").await;
    create(&second, "b").await;
    assert!(maps(&second).get_opt("a").await.unwrap().is_some());
    assert!(maps(&first).get_opt("b").await.unwrap().is_some());
    let mode = std::fs::metadata(dir.path().join("socket")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_watch_goes_through_the_socket() {
    use futures::StreamExt;
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await;
    let second = open(dir.path()).await;
    let mut events = maps(&second).watch(&WatchParams::default(), "0").await.unwrap().boxed();
    create(&first, "seen").await;
    loop {
        match events.next().await.unwrap().unwrap() {
            WatchEvent::Added(m) if m.metadata.name.as_deref() == Some("seen") => break,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_guest_takes_over_when_the_holder_ends() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await;
    let second = open(dir.path()).await;
    let third = open(dir.path()).await;
    create(&second, "before").await;
    first.close().await;
    create(&second, "after").await;
    assert!(maps(&third).get_opt("before").await.unwrap().is_some());
    assert!(maps(&third).get_opt("after").await.unwrap().is_some());
    assert!(second.holds().await != third.holds().await);
}

#[tokio::test]
async fn a_socket_that_a_crash_left_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap());
    let first = open(dir.path()).await;
    let second = open(dir.path()).await;
    create(&second, "a").await;
    assert!(first.holds().await);
}

#[tokio::test]
async fn a_directory_with_a_long_path_can_be_shared() {
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("a".repeat(150));
    let first = open(&long).await;
    let second = open(&long).await;
    create(&second, "a").await;
    assert!(first.holds().await && long.join("socket").exists());
}

#[tokio::test]
async fn a_holder_that_does_not_answer_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let silent = EmbeddedCluster::open(dir.path(), Options::default()).await.unwrap();
    let error = Session::open(dir.path(), Options::default()).await.err().unwrap();
    assert!(matches!(error, ClusterError::InUse(_)), "{error}");
    drop(silent);
}

#[tokio::test]
async fn a_closed_session_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let session = open(dir.path()).await;
    let api = maps(&session);
    session.close().await;
    assert!(api.get_opt("a").await.is_err());
    assert!(!dir.path().join("socket").exists());
    assert!(open(dir.path()).await.holds().await);
}
