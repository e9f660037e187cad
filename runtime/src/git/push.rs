//! A folder of a repository is made to hold certain files, and that is committed and pushed.
//!
//! The library can fetch and can write packs, but not push. That part is written here, on its transports: the protocol that `git-receive-pack`
//! speaks (gitprotocol-pack, "Pushing Data To a Server"), for one branch and without deltas.

use super::{Checkout, GitError, Remote, clean};
use gix::bstr::BString;
use gix::odb::pack::data::{self, output};
use gix::protocol::transport::client::blocking_io::connect::connect;
use gix::protocol::transport::client::{MessageKind, WriteMode};
use gix::protocol::transport::{Protocol, Service};
use std::collections::BTreeMap;
use std::io::Write;

/// How long the answer of the other side may be.
const ANSWER: u64 = 1 << 20;
/// How often a push is tried again that somebody else has outrun.
const TRIES: u32 = 4;

/// Who a commit is by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
}

/// What a folder of a repository shall hold.
#[derive(Clone, Debug)]
pub struct Change {
    /// The folder; empty for the whole repository.
    pub folder: String,
    /// The files in it, by their paths from there on.
    pub files: BTreeMap<String, String>,
    /// Whether what else is in the folder goes.
    pub prune: bool,
    /// What the commit says.
    pub message: String,
    /// Who it is by.
    pub author: Author,
    /// When, in seconds since 1970.
    pub time: i64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The commit that the branch is at now.
    pub commit: String,
    /// The branch.
    pub branch: String,
    /// The files that were written or removed; none where everything was so already, and nothing was pushed.
    pub changed: Vec<String>,
}

impl Remote {
    /// Makes a folder of the branch hold certain files; does nothing where it does. A push that somebody else has outrun is made anew, on what they
    /// have pushed.
    ///
    /// # Errors
    /// As [`Checkout::fetch`]; a path that leads out of the folder; a repository that does not take the push, with what it says.
    pub fn put(&self, change: &Change) -> Result<Pushed, GitError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match Checkout::fetch(self)?.put(change) {
                Err(GitError::Outrun(_)) if tries < TRIES => {}
                other => return other,
            }
        }
    }
}

impl Checkout {
    fn put(self, change: &Change) -> Result<Pushed, GitError> {
        let failed = |e: gix::Error| self.remote.failed("change", &e);
        let folder = clean(&change.folder)?;
        // What is written stays in memory, and is just what has to be sent.
        let mut repo = self.repo.clone().with_object_memory();
        let old = match self.tip {
            Some(tip) => repo.find_commit(tip).and_then(|c| c.tree()).map_err(failed)?.id,
            None => gix::ObjectId::empty_tree(repo.object_hash()),
        };
        let mut changed = Vec::new();
        let tree = {
            let mut editor = match self.tip {
                Some(_) => repo.edit_tree(old).map_err(failed)?,
                None => gix::object::tree::Editor::new(&repo.empty_tree()).map_err(failed)?,
            };
            let under = |name: &str| match folder.is_empty() {
                true => name.to_string(),
                false => format!("{folder}/{name}"),
            };
            let here = self.blobs(&folder)?;
            for (name, text) in &change.files {
                let name = clean(name)?;
                let id = repo.write_blob(text).map_err(failed)?.detach();
                if here.get(&name) != Some(&id) {
                    changed.push(under(&name));
                    let kind = gix::object::tree::EntryKind::Blob;
                    editor.upsert(under(&name).as_str(), kind, id).map_err(failed)?;
                }
            }
            for name in here.keys().filter(|n| change.prune && !change.files.contains_key(*n)) {
                changed.push(under(name));
                editor.remove(under(name).as_str()).map_err(failed)?;
            }
            editor.write().map_err(failed)?.detach()
        };
        let branch = self.branch.trim_start_matches("refs/heads/").to_string();
        if changed.is_empty() || tree == old {
            return Ok(Pushed { commit: self.commit(), branch, changed: Vec::new() });
        }
        changed.sort();
        let actor = gix::actor::Signature {
            name: change.author.name.as_str().into(),
            email: change.author.email.as_str().into(),
            time: gix::date::Time { seconds: change.time, offset: 0 },
        };
        let commit = gix::objs::Commit {
            tree,
            parents: self.tip.into_iter().collect(),
            author: actor.clone(),
            committer: actor,
            encoding: None,
            message: change.message.as_str().into(),
            extra_headers: Vec::new(),
        };
        let new = repo.write_object(&commit).map_err(failed)?.detach();
        let objects = repo.objects.take_object_memory().unwrap_or_default();
        let pack =
            pack(objects.iter().map(|(id, (kind, data))| (*id, *kind, data.as_slice())), repo.object_hash())
                .map_err(failed)?;
        self.send(new, &pack)?;
        Ok(Pushed { commit: new.to_string(), branch, changed })
    }

    /// The files in a folder, by path; none where there is no such folder.
    fn blobs(&self, folder: &str) -> Result<BTreeMap<String, gix::ObjectId>, GitError> {
        let failed = |e: gix::Error| self.remote.failed("read", &e);
        let mut found = BTreeMap::new();
        let Some(tip) = self.tip else { return Ok(found) };
        let mut tree = self.repo.find_commit(tip).and_then(|c| c.tree()).map_err(failed)?;
        if !folder.is_empty() {
            let Some(entry) = tree.lookup_entry_by_path(folder).map_err(failed)? else { return Ok(found) };
            if !entry.mode().is_tree() {
                return Err(GitError::Missing(format!("`{folder}` is a file in {}", self.remote.shown())));
            }
            tree = entry.object().map_err(failed)?.into_tree();
        }
        self.walk(&tree, "", 0, &mut |name, entry| {
            found.insert(name, entry.object_id());
            Ok(())
        })?;
        Ok(found)
    }

    /// Sends a pack, and asks that the branch be moved to a commit in it.
    fn send(&self, new: gix::ObjectId, pack: &[u8]) -> Result<(), GitError> {
        let failed = |e: &(dyn std::error::Error + 'static)| self.remote.failed("push to", e);
        let options = gix::protocol::transport::client::blocking_io::connect::Options {
            version: Protocol::V1,
            ..Default::default()
        };
        let mut transport = connect(self.remote.address()?, options).map_err(|e| failed(&e))?;
        // Only the transport over HTTP takes them.
        let _ = transport.configure(&self.remote.transport_options()?);
        let remote = self.remote.clone();
        let handshake = gix::protocol::handshake(
            &mut transport,
            Service::ReceivePack,
            move |action| Ok(remote.answer(action)),
            Vec::new(),
            &mut gix::progress::Discard,
        );
        let handshake = handshake.map_err(|e| failed(&e))?;
        let capabilities = handshake.capabilities;
        // Where the branch stands there now, and whether that is where this began.
        let there = handshake.refs.iter().flatten().find_map(|r| {
            let (name, id, _) = r.unpack();
            (name == self.branch.as_str()).then(|| id.map(ToOwned::to_owned)).flatten()
        });
        if there != self.tip {
            return Err(self.outrun());
        }
        let zero = gix::ObjectId::null(new.kind());
        let mut line = BString::from(format!("{} {new} {}\0", self.tip.unwrap_or(zero), self.branch));
        for (name, wanted) in [("report-status", "report-status"), ("agent", "agent=stepwell")] {
            if capabilities.contains(name) {
                line.extend_from_slice(b" ");
                line.extend_from_slice(wanted.as_bytes());
            }
        }
        let request = transport.request(WriteMode::Binary, MessageKind::Flush, false);
        let mut request = request.map_err(|e| failed(&e))?;
        let io = |e: std::io::Error| failed(&e);
        request.write_all(&line).map_err(io)?;
        request.write_message(MessageKind::Flush).map_err(io)?;
        let (mut write, mut read) = request.into_parts();
        write.write_all(pack).map_err(io)?;
        write.flush().map_err(io)?;
        // The other side begins to answer when nothing more comes.
        drop(write);
        let mut answer = String::new();
        let mut lines = 0u64;
        let mut text = String::new();
        while lines < ANSWER {
            text.clear();
            match read.read_line(&mut text) {
                Ok(0) => break,
                Ok(n) => lines += n as u64,
                Err(e) if answer.is_empty() => return Err(io(e)),
                Err(_) => break,
            }
            answer.push_str(&text);
        }
        self.judge(&answer)
    }

    /// What the other side says of the push: `unpack ok`, then `ok REF` or `ng REF WHY`.
    fn judge(&self, answer: &str) -> Result<(), GitError> {
        let mut ok = false;
        for line in answer.lines() {
            if let Some(why) = line.strip_prefix("unpack ").filter(|w| *w != "ok") {
                return Err(GitError::Failed(format!("{} cannot take the push: {why}", self.remote.shown())));
            }
            if let Some(why) = line.strip_prefix("ng ") {
                let why = why.split_once(' ').map_or(why, |(_, why)| why);
                if ["non-fast-forward", "fetch first", "failed to update ref", "incorrect old value"]
                    .iter()
                    .any(|w| why.contains(w))
                {
                    return Err(self.outrun());
                }
                return Err(GitError::Refused(format!("{} refuses the push: {why}", self.remote.shown())));
            }
            ok |= line.starts_with("ok ");
        }
        match ok {
            true => Ok(()),
            false => Err(GitError::Failed(format!(
                "{} does not say whether it took the push",
                self.remote.shown()
            ))),
        }
    }

    fn outrun(&self) -> GitError {
        let branch = self.branch.trim_start_matches("refs/heads/");
        GitError::Outrun(format!(
            "somebody else has pushed to `{branch}` of {} meanwhile",
            self.remote.shown()
        ))
    }
}

/// A pack of these objects.
fn pack<'a>(
    objects: impl ExactSizeIterator<Item = (gix::ObjectId, gix::object::Kind, &'a [u8])>,
    hash: gix::hash::Kind,
) -> Result<Vec<u8>, gix::Error> {
    let count = objects.len() as u32;
    let entries = objects.map(|(id, kind, data)| {
        let count = output::Count::from_data(id, None);
        let object = gix::objs::Data::new(data, kind, hash);
        output::Entry::from_data(&count, &object, gix::zlib::Compression::DEFAULT).map(|e| vec![e])
    });
    let mut bytes = output::bytes::FromEntriesIter::new(entries, Vec::new(), count, data::Version::V2, hash);
    for written in bytes.by_ref() {
        written?;
    }
    Ok(bytes.into_write())
}
