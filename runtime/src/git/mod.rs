//! Git repositories: the newest state of a branch is fetched into a folder of its own, files are read from it, and a changed folder is committed and
//! pushed back (`push`).
//!
//! No `git` program and no configuration of the machine is used, except for `ssh` and for repositories in folders of this machine, which are
//! reached by the programs that Git itself uses. Only the newest commit is fetched. All of it blocks: ops call it from a thread that may. How much is
//! fetched and read, and how long it takes, is bounded. Tests: `tests/git.rs`.

mod push;

pub use push::{Author, Change, Pushed};

use crate::ops::support::objects::innermost;
use crate::problem::nearest;
use gix::bstr::ByteSlice;
use gix::credentials::{helper::Action, protocol::Outcome};
use gix::protocol::transport::client::blocking_io::http;
use gix::sec::identity::Account;
use gix::url::Scheme;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How many bytes a fetched repository may have on disk.
const LARGEST: u64 = 512 << 20;
/// How long one request over HTTP, and a whole fetch, may take.
const REQUEST: Duration = Duration::from_secs(60);
const FETCH: Duration = Duration::from_secs(300);
/// How many files are read of a folder, how large all of them may be, and how deep folders may be nested.
const FILES: usize = 2_000;
const BYTES: usize = 16 << 20;
const DEPTH: usize = 32;
/// How many branches are named where one is missing.
const SHOWN: usize = 12;
/// The key of a Secret with the certificates of an authority.
const AUTHORITY: &str = "ca.crt";

/// What went wrong with a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// The address cannot be used.
    #[error("{0}")]
    Address(String),
    /// Who asks is not let in.
    #[error("{0}")]
    Refused(String),
    /// There is no such branch, folder or file.
    #[error("{0}")]
    Missing(String),
    /// More than this program takes.
    #[error("{0}")]
    TooLarge(String),
    /// Somebody else has pushed in between.
    #[error("{0}")]
    Outrun(String),
    /// The repository does not answer, or not as it should.
    #[error("{0}")]
    Failed(String),
}

impl GitError {
    /// Whether it may go better another time.
    pub fn may_pass(&self) -> bool {
        matches!(self, GitError::Outrun(_) | GitError::Failed(_))
    }
}

/// A name and a password or token.
#[derive(Clone)]
pub struct Login {
    /// The name; with a token often `git` or anything else.
    pub username: String,
    /// The password or the token.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A repository and a branch of it.
#[derive(Clone, Debug, Default)]
pub struct Remote {
    /// Its address: `https://host/path`, `ssh://host/path`, `git@host:path`, `http://host/path`.
    pub url: String,
    /// The branch; that which the repository names where there is none.
    pub branch: Option<String>,
    /// Who asks.
    pub login: Option<Login>,
    /// An authority that vouches for the server besides those of the system: certificates in PEM.
    pub authority: Option<Vec<u8>>,
    /// Whether the address may also be a folder of this machine.
    pub local: bool,
}

impl Remote {
    /// The address, looked at: of a kind that is served, and without a password in it.
    fn address(&self) -> Result<gix::Url, GitError> {
        let wrong = |why: &str| GitError::Address(format!("`{}` {why}", self.shown()));
        let url = gix::url::parse(self.url.as_bytes().as_bstr())
            .map_err(|_| wrong("is no address of a Git repository"))?;
        if url.password().is_some() {
            return Err(wrong("has a password in it; give it by a Secret"));
        }
        match url.scheme {
            Scheme::Https | Scheme::Http | Scheme::Ssh => Ok(url),
            Scheme::File if self.local => Ok(url),
            Scheme::File => Err(wrong(
                "is a folder of the machine on which this runs, which only a local run may use; give an address with https or ssh",
            )),
            _ => Err(wrong("must begin with https://, http:// or ssh://")),
        }
    }

    /// The same, let in by a Secret: a `token`, or `username` and `password`; and `ca.crt`, an authority that vouches for the server.
    ///
    /// # Errors
    /// A Secret with none of these.
    pub fn let_in_by(mut self, secret: &str, data: &BTreeMap<String, Vec<u8>>) -> Result<Remote, GitError> {
        let text = |key: &str| {
            let text = std::str::from_utf8(data.get(key)?).ok()?;
            Some(text.trim_end_matches('\n').to_string())
        };
        self.authority = data.get(AUTHORITY).cloned();
        let (username, password) = match (text("token"), text("password"), text("username")) {
            (Some(token), _, username) => (username.unwrap_or_else(|| "git".to_string()), token),
            (None, Some(password), Some(username)) => (username, password),
            (None, Some(_), None) => {
                let why = format!("the Secret `{secret}` has a `password` and no `username`");
                return Err(GitError::Address(why));
            }
            (None, None, _) if self.authority.is_some() => return Ok(self),
            (None, None, _) => {
                let why = "it must have a `token`, or a `username` and a `password`";
                return Err(GitError::Address(format!("the Secret `{secret}` lets nobody in: {why}")));
            }
        };
        self.login = Some(Login { username, password });
        Ok(self)
    }

    /// The address for people: without what might be secret in it.
    pub fn shown(&self) -> String {
        match (self.url.find("://"), self.url.find('@')) {
            (Some(at), Some(end)) if at < end => format!("{}{}", &self.url[..at + 3], &self.url[end + 1..]),
            _ => self.url.clone(),
        }
    }

    fn answer(&self, action: Action) -> Option<Outcome> {
        match (action, &self.login) {
            (Action::Get(context), Some(login)) => Some(Outcome {
                identity: Account {
                    username: login.username.clone(),
                    password: login.password.clone(),
                    oauth_refresh_token: None,
                },
                next: context.into(),
            }),
            _ => None,
        }
    }

    /// Options of the transport over HTTP; the other transports take none of them.
    fn transport_options(&self) -> Result<http::Options, GitError> {
        let authorities = match &self.authority {
            Some(pem) => reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|_| GitError::Address("the authority is no certificate in PEM".into()))?,
            None => Vec::new(),
        };
        let client = http::reqwest::Options {
            configure_client: Some(Box::new(move |builder| {
                let builder = builder.timeout(REQUEST);
                Ok(authorities
                    .iter()
                    .cloned()
                    .fold(builder, |b, authority| b.add_root_certificate(authority)))
            })),
            configure_request: None,
        };
        Ok(http::Options { backend: Some(Arc::new(Mutex::new(client))), ..http::Options::default() })
    }

    /// The branches that there are.
    fn branches(&self, dir: &Path) -> Vec<String> {
        let list = || {
            let repo = gix::init_bare(dir.join("branches")).ok()?;
            let remote = repo.remote_at(self.address().ok()?).ok()?;
            let remote =
                remote.with_refspecs(["+refs/heads/*:refs/heads/*"], gix::remote::Direction::Fetch).ok()?;
            let mut connection = remote.connect(gix::remote::Direction::Fetch).ok()?;
            connection.set_credentials(|action| Ok(self.answer(action)));
            connection.set_transport_options(Box::new(self.transport_options().ok()?));
            let (map, _) = connection.ref_map(gix::progress::Discard, Default::default()).ok()?;
            let name = |r: &gix::protocol::handshake::Ref| r.unpack().0.to_string();
            Some(map.remote_refs.iter().map(name).collect::<Vec<_>>())
        };
        let all = list().unwrap_or_default();
        all.iter().filter_map(|n| n.strip_prefix("refs/heads/")).map(str::to_string).collect()
    }

    /// What an error of the library means, without anything secret.
    fn failed(&self, doing: &str, error: &(dyn std::error::Error + 'static)) -> GitError {
        let chain = std::iter::successors(Some(error), |e| e.source());
        let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let shown = self.shown();
        if text.contains("in clear text") {
            let why = "a password is sent over https or ssh only";
            return GitError::Address(format!("cannot {doing} {shown}: {why}"));
        }
        if text.contains("status 401") || text.contains("status 403") || text.contains("redentials") {
            let who = match &self.login {
                Some(login) => format!("`{}` is not let in, or the password is wrong", login.username),
                None => "it wants a name and a password".to_string(),
            };
            return GitError::Refused(format!("cannot {doing} {shown}: {who}"));
        }
        if text.contains("have any ref that matched") {
            let branch = self.branch.as_deref().unwrap_or("HEAD");
            return GitError::Missing(format!("there is no branch `{branch}` in {shown}"));
        }
        if text.contains("status 404") {
            return GitError::Missing(format!("cannot {doing} {shown}: there is no such repository"));
        }
        GitError::Failed(format!("cannot {doing} {shown}: {}", self.hidden(&innermost(error))))
    }

    fn hidden(&self, text: &str) -> String {
        match &self.login {
            Some(login) if !login.password.is_empty() => text.replace(&login.password, "***"),
            _ => text.to_string(),
        }
    }
}

/// The newest state of a branch, in a folder that goes when this does.
pub struct Checkout {
    remote: Remote,
    repo: gix::Repository,
    /// Nothing where the repository is empty.
    tip: Option<gix::ObjectId>,
    /// The full name of the branch: `refs/heads/main`.
    branch: String,
    _dir: tempfile::TempDir,
}

impl Checkout {
    /// Fetches a branch.
    ///
    /// # Errors
    /// An address that cannot be used, a repository that is not there or does not let in, a branch that it does not have (with those that it has).
    pub fn fetch(remote: &Remote) -> Result<Checkout, GitError> {
        let url = remote.address()?;
        // An error means that a provider is set already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::Builder::new().prefix("stepwell-git-").tempdir();
        let dir = dir.map_err(|e| GitError::Failed(format!("cannot make a folder to fetch into: {e}")))?;
        let doing = |e: gix::Error| remote.failed("fetch", &e);
        let stop = Stop::watch(dir.path());
        let mut fetch = gix::clone::PrepareFetch::new(
            url,
            dir.path(),
            gix::create::Kind::Bare,
            gix::create::Options::default(),
            gix::open::Options::isolated(),
        )
        .map_err(doing)?
        .with_shallow(gix::remote::fetch::Shallow::DepthAtRemote(NonZeroU32::MIN));
        if let Some(branch) = &remote.branch {
            fetch = fetch
                .with_ref_name(Some(branch.as_str()))
                .map_err(|_| GitError::Missing(format!("`{branch}` is no name of a branch")))?;
        }
        let asked = remote.clone();
        let options = remote.transport_options()?;
        let mut fetch = fetch.configure_connection(move |connection| {
            let asked = asked.clone();
            connection.set_credentials(move |action| Ok(asked.answer(action)));
            connection.set_transport_options(Box::new(options.clone()));
            Ok(())
        });
        let fetched = fetch.fetch_only(gix::progress::Discard, &stop.flag);
        let (repo, _) = match fetched {
            Ok(fetched) => fetched,
            Err(e) => {
                let why = stop.why(remote).unwrap_or_else(|| doing(e));
                return Err(match (why, &remote.branch) {
                    (GitError::Missing(why), Some(branch)) if why.starts_with("there is no branch") => {
                        let all = remote.branches(dir.path());
                        let hint = match nearest(branch, all.iter().map(String::as_str)) {
                            Some(near) => format!("; did you mean `{near}`?"),
                            None if all.is_empty() => String::new(),
                            None => format!("; it has {}", all[..all.len().min(SHOWN)].join(", ")),
                        };
                        GitError::Missing(why + &hint)
                    }
                    (why, _) => why,
                });
            }
        };
        let branch = match &remote.branch {
            Some(branch) => format!("refs/heads/{}", branch.trim_start_matches("refs/heads/")),
            None => repo
                .head_name()
                .ok()
                .flatten()
                .map(|n| n.as_bstr().to_string())
                .unwrap_or_else(|| "refs/heads/main".into()),
        };
        let tip = repo.head_id().ok().map(gix::Id::detach);
        Ok(Checkout { remote: remote.clone(), repo, tip, branch, _dir: dir })
    }

    /// The commit; empty where the repository is.
    pub fn commit(&self) -> String {
        self.tip.map(|id| id.to_string()).unwrap_or_default()
    }

    /// The text files at a path (a file, or a folder with those below it), with their paths from there on, in order. What is no text is left out.
    ///
    /// # Errors
    /// A path that is not there, too many files or too much in them.
    pub fn files(&self, path: &str) -> Result<Vec<(String, String)>, GitError> {
        let path = clean(path)?;
        let failed = |e: gix::Error| self.remote.failed("read", &e);
        let missing = || GitError::Missing(format!("there is no `{path}` in {}", self.remote.shown()));
        let tip = self.tip.ok_or_else(missing)?;
        let tree = self.repo.find_commit(tip).and_then(|c| c.tree()).map_err(failed)?;
        let mut found = Vec::new();
        let mut left = BYTES;
        if path.is_empty() {
            self.collect(&tree, &mut found, &mut left)?;
            return Ok(found);
        }
        let entry = tree.lookup_entry_by_path(Path::new(&path)).map_err(failed)?.ok_or_else(missing)?;
        let object = entry.object().map_err(failed)?;
        match object.kind {
            gix::object::Kind::Tree => self.collect(&object.into_tree(), &mut found, &mut left)?,
            _ => {
                let name = path.rsplit('/').next().unwrap_or_default();
                self.take(name.to_string(), &object.data, &mut found, &mut left)?;
            }
        }
        Ok(found)
    }

    /// Goes through what is below a folder and is no folder, in order, with paths from there on. Names that are no text are left out.
    fn walk(
        &self,
        tree: &gix::Tree<'_>,
        prefix: &str,
        depth: usize,
        visit: &mut dyn FnMut(String, &gix::object::tree::EntryRef<'_, '_>) -> Result<(), GitError>,
    ) -> Result<(), GitError> {
        if depth > DEPTH {
            return Err(GitError::TooLarge(format!("folders are nested more than {DEPTH} deep")));
        }
        for entry in tree.iter() {
            let entry = entry.map_err(|e| self.remote.failed("read", &e))?;
            let Ok(name) = entry.filename().to_str() else { continue };
            let name = format!("{prefix}{name}");
            if entry.mode().is_tree() {
                let object = entry.object().map_err(|e| self.remote.failed("read", &e))?;
                self.walk(&object.into_tree(), &format!("{name}/"), depth + 1, visit)?;
            } else {
                visit(name, &entry)?;
            }
        }
        Ok(())
    }

    /// Takes up the files below a folder.
    fn collect(
        &self,
        tree: &gix::Tree<'_>,
        found: &mut Vec<(String, String)>,
        left: &mut usize,
    ) -> Result<(), GitError> {
        self.walk(tree, "", 0, &mut |name, entry| {
            // Links, and other repositories, have no text.
            if !entry.mode().is_blob() {
                return Ok(());
            }
            let object = entry.object().map_err(|e| self.remote.failed("read", &e))?;
            self.take(name, &object.data, found, left)
        })
    }

    fn take(
        &self,
        name: String,
        data: &[u8],
        found: &mut Vec<(String, String)>,
        left: &mut usize,
    ) -> Result<(), GitError> {
        let Ok(text) = std::str::from_utf8(data) else { return Ok(()) };
        let too_large = || {
            GitError::TooLarge(format!(
                "the files in {} are more than {FILES}, or more than {} MB: name a folder with fewer",
                self.remote.shown(),
                BYTES >> 20
            ))
        };
        *left = left.checked_sub(text.len()).ok_or_else(too_large)?;
        if found.len() == FILES {
            return Err(too_large());
        }
        found.push((name, text.to_string()));
        Ok(())
    }
}

/// A path in a repository without needless parts.
fn clean(path: &str) -> Result<String, GitError> {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    match parts.iter().any(|p| *p == ".." || p.eq_ignore_ascii_case(".git")) {
        true => Err(GitError::Missing(format!("`{path}` leads out of the repository"))),
        false => Ok(parts.join("/")),
    }
}

/// Ends a fetch that takes too much or too long.
struct Stop {
    flag: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
    large: Arc<AtomicBool>,
}

impl Stop {
    fn watch(dir: &Path) -> Stop {
        let stop = Stop { flag: Arc::default(), done: Arc::default(), large: Arc::default() };
        let (flag, done, large) = (stop.flag.clone(), stop.done.clone(), stop.large.clone());
        let (dir, end) = (dir.to_path_buf(), Instant::now() + FETCH);
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(100));
                if size(&dir, 0) > LARGEST {
                    large.store(true, Ordering::Relaxed);
                }
                if large.load(Ordering::Relaxed) || Instant::now() > end {
                    flag.store(true, Ordering::Relaxed);
                    return;
                }
            }
        });
        stop
    }

    /// Why it was ended, if it was.
    fn why(&self, remote: &Remote) -> Option<GitError> {
        let shown = remote.shown();
        if self.large.load(Ordering::Relaxed) {
            return Some(GitError::TooLarge(format!("{shown} is larger than {} MB", LARGEST >> 20)));
        }
        let late = self.flag.load(Ordering::Relaxed);
        late.then(|| GitError::Failed(format!("{shown} was not fetched within {} s", FETCH.as_secs())))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

fn size(dir: &Path, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() && depth < 8 => size(&entry.path(), depth + 1),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
