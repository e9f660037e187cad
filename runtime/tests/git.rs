//! Reading from and pushing to real Git repositories: in folders, and over HTTP through Git's own server program. Where there is no `git` on this machine, the
//! tests say so and pass.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use stepwell_runtime::git::{Author, Change, Checkout, GitError, Login, Remote};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Runs git in a folder and gives what it prints; `None` where there is no git.
fn git(dir: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.current_dir(dir).args(args);
    for (name, value) in [("NAME", "Ann"), ("EMAIL", "ann@example.com")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().ok()?;
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_string())
}

/// A bare repository `config.git` with a first commit on `main`, and the folder that it is in; `None` where there is no git.
fn repository() -> Option<(tempfile::TempDir, PathBuf)> {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    std::fs::create_dir(&work).unwrap();
    if git(&work, &["init", "-q", "-b", "main"]).is_none() {
        eprintln!("skipped: there is no git");
        return None;
    }
    std::fs::create_dir_all(work.join("apps/web")).unwrap();
    std::fs::write(work.join("README"), "read me\n").unwrap();
    std::fs::write(work.join("apps/web/old.yaml"), "old: 1\n").unwrap();
    std::fs::write(work.join("apps/web/same.yaml"), "same: 1\n").unwrap();
    git(&work, &["add", "."]);
    git(&work, &["commit", "-q", "-m", "first"]);
    let bare = dir.path().join("config.git");
    git(dir.path(), &["clone", "-q", "--bare", "work", "config.git"]);
    git(&bare, &["config", "http.receivepack", "true"]);
    Some((dir, bare))
}

fn remote(bare: &Path) -> Remote {
    Remote { url: format!("file://{}", bare.display()), local: true, ..Remote::default() }
}

fn change(files: &[(&str, &str)]) -> Change {
    Change {
        folder: "apps/web".into(),
        files: files.iter().map(|(n, t)| ((*n).to_string(), (*t).to_string())).collect::<BTreeMap<_, _>>(),
        prune: true,
        message: "web: new\n\nmore words\n".into(),
        author: Author { name: "Deliverer".into(), email: "d@example.com".into() },
        time: 1_700_000_000,
    }
}

#[test]
fn a_changed_folder_is_committed_and_pushed_once() {
    let Some((_dir, bare)) = repository() else { return };
    let wanted = change(&[("same.yaml", "same: 1\n"), ("deep/new.yaml", "new: 1\n")]);
    let pushed = remote(&bare).put(&wanted).unwrap();
    assert_eq!(pushed.branch, "main");
    assert_eq!(pushed.changed, ["apps/web/deep/new.yaml", "apps/web/old.yaml"]);
    assert_eq!(git(&bare, &["rev-parse", "main"]).unwrap(), pushed.commit);
    assert_eq!(
        git(&bare, &["log", "-1", "--format=%an <%ae> %at %s"]).unwrap(),
        "Deliverer <d@example.com> 1700000000 web: new"
    );
    assert_eq!(
        git(&bare, &["ls-tree", "-r", "--name-only", "main"]).unwrap(),
        "README\napps/web/deep/new.yaml\napps/web/same.yaml"
    );
    git(&bare, &["fsck", "--strict"]);
    // It is so already.
    let again = remote(&bare).put(&wanted).unwrap();
    assert_eq!((again.commit, again.changed), (pushed.commit.clone(), vec![]));
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]).unwrap(), "2");
    // What else is in the folder may stay.
    let more = Change { prune: false, ..change(&[("third.yaml", "3\n")]) };
    assert_eq!(remote(&bare).put(&more).unwrap().changed, ["apps/web/third.yaml"]);
    assert_eq!(git(&bare, &["show", "main:apps/web/deep/new.yaml"]).unwrap(), "new: 1");
    // An emptied folder is gone.
    let gone = remote(&bare).put(&change(&[])).unwrap();
    assert_eq!(gone.changed.len(), 3);
    assert_eq!(git(&bare, &["ls-tree", "-r", "--name-only", "main"]).unwrap(), "README");
}

#[test]
fn branches_are_chosen_and_an_empty_repository_gets_its_first_commit() {
    let Some((dir, bare)) = repository() else { return };
    git(&bare, &["branch", "live"]);
    let live = Remote { branch: Some("live".into()), ..remote(&bare) };
    let pushed = live.put(&change(&[("a.yaml", "a: 1\n")])).unwrap();
    assert_eq!(git(&bare, &["rev-parse", "live"]).unwrap(), pushed.commit);
    assert_ne!(git(&bare, &["rev-parse", "main"]).unwrap(), pushed.commit);
    let missing = |branch: &str| {
        let remote = Remote { branch: Some(branch.into()), ..remote(&bare) };
        remote.put(&change(&[])).unwrap_err().to_string()
    };
    let at = format!("file://{}", bare.display());
    assert_eq!(missing("liv"), format!("there is no branch `liv` in {at}; did you mean `live`?"));
    assert_eq!(missing("other"), format!("there is no branch `other` in {at}; it has live, main"));
    git(dir.path(), &["init", "-q", "--bare", "-b", "trunk", "empty.git"]);
    let empty = dir.path().join("empty.git");
    let first = remote(&empty).put(&change(&[("a.yaml", "a: 1\n")])).unwrap();
    assert_eq!(first.branch, "trunk");
    assert_eq!(git(&empty, &["rev-parse", "trunk"]).unwrap(), first.commit);
    git(&empty, &["fsck", "--strict"]);
}

#[test]
fn files_and_folders_are_read() {
    let Some((_dir, bare)) = repository() else { return };
    let checkout = Checkout::fetch(&remote(&bare)).unwrap();
    assert_eq!(checkout.commit(), git(&bare, &["rev-parse", "main"]).unwrap());
    let names = |path: &str| checkout.files(path).unwrap().into_iter().map(|(n, _)| n).collect::<Vec<_>>();
    assert_eq!(names(""), ["README", "apps/web/old.yaml", "apps/web/same.yaml"]);
    assert_eq!(names("/apps/./web/"), ["old.yaml", "same.yaml"]);
    assert_eq!(checkout.files("README").unwrap(), [("README".to_string(), "read me\n".to_string())]);
    let missing = checkout.files("apps/wbe").unwrap_err().to_string();
    assert_eq!(missing, format!("there is no `apps/wbe` in file://{}", bare.display()));
    assert_eq!(checkout.files("../x").unwrap_err().to_string(), "`../x` leads out of the repository");
}

#[test]
fn a_push_that_is_refused_says_why() {
    let Some((_dir, bare)) = repository() else { return };
    let hook = bare.join("hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let refused = remote(&bare).put(&change(&[])).unwrap_err();
    let shown = format!("file://{} refuses the push: pre-receive hook declined", bare.display());
    assert_eq!(refused, GitError::Refused(shown));
    assert!(!refused.may_pass());
}

#[test]
fn pushes_at_the_same_time_all_arrive() {
    let Some((_dir, bare)) = repository() else { return };
    let threads: Vec<_> = (0..3)
        .map(|i| {
            let remote = remote(&bare);
            std::thread::spawn(move || {
                let folder = format!("apps/{i}");
                let change = Change { folder, ..change(&[("a.yaml", "a: 1\n")]) };
                // What may pass, such as an answer that another push cuts short, is tried again, as a step does.
                while let Err(e) = remote.put(&change) {
                    assert!(e.may_pass(), "{e}");
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]).unwrap(), "4");
    for i in 0..3 {
        assert_eq!(git(&bare, &["show", &format!("main:apps/{i}/a.yaml")]).unwrap(), "a: 1");
    }
}

#[test]
fn addresses_that_cannot_be_used_are_told_without_their_secrets() {
    let told = |url: &str, local| {
        Checkout::fetch(&Remote { url: url.into(), local, ..Remote::default() }).err().unwrap().to_string()
    };
    assert_eq!(
        told("/etc/repo.git", false),
        "`/etc/repo.git` is a folder of the machine on which this runs, which only a local run may use; give an address with https or ssh"
    );
    assert_eq!(
        told("https://ann:HIDDEN@example.com/x", false),
        "`https://example.com/x` has a password in it; give it by a Secret"
    );
    assert_eq!(told("ext::sh -c id", true), "`ext::sh -c id` must begin with https://, http:// or ssh://");
    assert_eq!(
        told("git://example.com/x", true),
        "`git://example.com/x` must begin with https://, http:// or ssh://"
    );
    let gone = told("http://127.0.0.1:1/x.git", false);
    assert!(
        gone.starts_with("cannot fetch http://127.0.0.1:1/x.git: ") && gone.contains("refused"),
        "{gone}"
    );
    assert!(told("/nowhere/x.git", true).contains("/nowhere/x.git"));
}

/// Git's own server program behind HTTP; who asks must be `ann` with the password `right`.
async fn backend(
    State(root): State<Arc<PathBuf>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text =
        |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("").to_string();
    let wanted = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("ann:right"));
    if text(header::AUTHORIZATION) != wanted {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")])
            .into_response();
    }
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root.as_path())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "ann")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or(""))
        .env("CONTENT_TYPE", text(header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", text(header::CONTENT_ENCODING))
        .env("GIT_PROTOCOL", headers.get("git-protocol").and_then(|v| v.to_str().ok()).unwrap_or(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    writer.join().unwrap();
    let end = output.stdout.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&output.stdout[..end]).into_owned();
    let mut response = Response::builder();
    for (name, value) in head.lines().filter_map(|l| l.split_once(": ")) {
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            _ => response.header(name, value),
        };
    }
    response.body(axum::body::Body::from(output.stdout[end + 4..].to_vec())).unwrap()
}

/// Connections over TLS.
struct Tls(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, from)) = self.0.accept().await else { continue };
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_who_is_there_is_answered() {
    let Some((dir, bare)) = repository() else { return };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_string()]).unwrap();
    let (authority, private) = (key.cert.pem(), key.signing_key.serialize_pem());
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(
        vec![CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()],
        PrivateKeyDer::from_pem_slice(private.as_bytes()).unwrap(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let listener = Tls(listener, TlsAcceptor::from(Arc::new(config.unwrap())));
    let app = axum::Router::new().fallback(backend).with_state(Arc::new(dir.path().to_path_buf()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let at = format!("https://localhost:{port}");
    let ask = |login: Option<(&str, &str)>, path: &str, trusted: bool| {
        let login = login.map(|(u, p)| Login { username: u.into(), password: p.into() });
        let authority = trusted.then(|| authority.clone().into_bytes());
        let remote = Remote { url: format!("{at}/{path}"), login, authority, ..Remote::default() };
        tokio::task::spawn_blocking(move || remote.put(&change(&[("a.yaml", "a: 1\n")])))
    };
    let pushed = ask(Some(("ann", "right")), "config.git", true).await.unwrap().unwrap();
    assert_eq!(git(&bare, &["rev-parse", "main"]).unwrap(), pushed.commit);
    git(&bare, &["fsck", "--strict"]);
    let wrong = ask(Some(("ann", "HIDDEN")), "config.git", true).await.unwrap().unwrap_err();
    let said = format!("cannot fetch {at}/config.git: `ann` is not let in, or the password is wrong");
    assert_eq!(wrong, GitError::Refused(said));
    let nobody = ask(None, "config.git", true).await.unwrap().unwrap_err();
    let said = format!("cannot fetch {at}/config.git: it wants a name and a password");
    assert_eq!(nobody, GitError::Refused(said));
    let missing = ask(Some(("ann", "right")), "other.git", true).await.unwrap().unwrap_err();
    let said = format!("cannot fetch {at}/other.git: there is no such repository");
    assert_eq!(missing, GitError::Missing(said));
    let unknown = ask(Some(("ann", "right")), "config.git", false).await.unwrap().unwrap_err();
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_sent_in_the_clear() {
    let Some((dir, _)) = repository() else { return };
    let app = axum::Router::new().fallback(backend).with_state(Arc::new(dir.path().to_path_buf()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/config.git", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let login = Some(Login { username: "ann".into(), password: "right".into() });
    let remote = Remote { url: url.clone(), login, ..Remote::default() };
    let refused = tokio::task::spawn_blocking(move || Checkout::fetch(&remote).err().unwrap()).await.unwrap();
    assert_eq!(refused.to_string(), format!("cannot fetch {url}: a password is sent over https or ssh only"));
}
