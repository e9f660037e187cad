//! Objects on disk. One redb table holds every object as JSON under `resource/namespace/name` (so a list is a range and
//! comes out in the order of a real server), another the last resourceVersion handed out. Objects that are to be gone with the process
//! are in a map instead (`memory`).
//!
//! Writes are made one after the other, so a write sees what the ones before it did. On disk, one thread makes them: it takes
//! everything that waits into one redb transaction and commits once, so that many writers share one fsync, and none is answered
//! before it. In memory there is nothing to wait for, and each is made where it is asked for, which saves the way to the thread
//! and back. A write that refuses leaves nothing behind; a commit that fails refuses all writes in it.
//!
//! Recent changes are kept in memory for watches, bounded in number and size. A watch from before that (or from before
//! the last start) is told `410 Expired` and lists again, as with a real server. Tests: at the end of this file.

mod log;
mod memory;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    thread::JoinHandle,
};

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{ApiError, ApiResult};
use crate::seal::Seal;
use log::Log;
pub(crate) use log::{Change, Event};
use memory::Memory;

const OBJECTS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("objects");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const LAST: &str = "resourceVersion";

/// Where a fresh store starts to count: 0 means "any" to clients, and 1 is a version that they expect to be long past.
const FIRST: u64 = 100;
/// The largest object that is stored, as with etcd.
const OBJECT_LIMIT: usize = 1536 << 10;
/// Memory for database pages.
const PAGE_CACHE: usize = 32 << 20;
/// Writes that may wait, and how many share one commit.
const QUEUE: usize = 4096;
const BATCH: usize = 1024;

/// Where an object lies: `deployments.apps`, its namespace (empty for cluster scope) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    text: Arc<str>,
}

impl Key {
    pub(crate) fn new(resource: &str, namespace: &str, name: &str) -> Self {
        Key { text: format!("{resource}/{namespace}/{name}").into() }
    }

    /// The start that all keys of a resource (of one namespace) share.
    pub(crate) fn prefix(resource: &str, namespace: Option<&str>) -> String {
        match namespace {
            Some(namespace) => format!("{resource}/{namespace}/"),
            None => format!("{resource}/"),
        }
    }

    fn part(&self, index: usize) -> &str {
        self.text.splitn(3, '/').nth(index).unwrap_or_default()
    }
    pub(crate) fn resource(&self) -> &str {
        self.part(0)
    }
    pub(crate) fn namespace(&self) -> &str {
        self.part(1)
    }
    pub(crate) fn name(&self) -> &str {
        self.part(2)
    }
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

type Done = Box<dyn FnOnce(Result<(), &ApiError>) + Send>;

/// What the writer is told.
enum Job {
    /// To change something.
    Write(Writing),
    /// To end.
    Stop,
}

/// A change: what it answers when all is on disk, or was not even begun.
type Writing = Box<dyn FnOnce(Result<&mut Txn<'_>, &ApiError>) -> Done + Send>;

/// The store. Clones share it.
#[derive(Clone)]
pub(crate) struct Store {
    shared: Arc<Shared>,
    writer: Writer,
}

/// Who makes the writes.
#[derive(Clone)]
enum Writer {
    /// A thread.
    Thread(mpsc::Sender<Job>),
    /// Whoever asks, when it is his turn.
    Turns(Arc<Mutex<()>>),
}

/// Where objects lie.
enum Place {
    /// With what seals Secrets on their way there.
    Disk(Database, Box<Seal>),
    Memory(Memory),
}

struct Shared {
    place: RwLock<Option<Arc<Place>>>,
    log: Mutex<Log>,
    /// The version of the last commit; every change moves it.
    version: watch::Sender<u64>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Called with the events of a commit before anyone is told of it.
    hook: RwLock<Option<Hook>>,
}

type Hook = Box<dyn Fn(&[Arc<Event>]) + Send + Sync>;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("held by another process")]
    InUse,
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Database(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for Box<OpenError> {
    fn from(error: E) -> Self {
        Box::new(match error.into() {
            redb::Error::DatabaseAlreadyOpen => OpenError::InUse,
            redb::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                OpenError::Database(Box::new(redb::Error::Corrupted("its file is cut off".into())))
            }
            redb::Error::Io(error) => OpenError::Io(error),
            error => OpenError::Database(Box::new(error)),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens the database file, or a store in memory.
    pub(crate) fn open(path: Option<&Path>) -> Result<Store, Box<OpenError>> {
        let Some(path) = path else {
            let shared = Shared::new(Place::Memory(Memory::new()), FIRST);
            return Ok(Store { shared, writer: Writer::Turns(Arc::default()) });
        };
        let mut builder = Database::builder();
        builder.set_cache_size(PAGE_CACHE);
        let open = || -> Result<_, Box<OpenError>> {
            let database = builder.create(path)?;
            let txn = database.begin_write()?;
            txn.open_table(OBJECTS)?;
            let last = txn.open_table(META)?.get(LAST)?.map_or(FIRST, |v| v.value());
            txn.commit()?;
            Ok((database, last))
        };
        let damaged = |_| {
            Err(Box::new(OpenError::Database(Box::new(redb::Error::Corrupted(
                "its pages do not fit together".into(),
            )))))
        };
        let (database, last) = catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(damaged)?;

        let seal =
            Seal::open(Some(&path.with_extension("key"))).map_err(|error| Box::new(OpenError::Io(error)))?;
        let shared = Shared::new(Place::Disk(database, Box::new(seal)), last);
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new()
                .name("stepwell-store".into())
                .spawn(move || write_loop(&shared, queue))
                .map_err(|error| Box::new(OpenError::Io(error)))?
        };
        *lock(&shared.thread) = Some(thread);
        Ok(Store { shared, writer: Writer::Thread(jobs) })
    }

    /// Sets what is called with the events of each commit before it is acknowledged.
    pub(crate) fn on_commit(&self, hook: impl Fn(&[Arc<Event>]) + Send + Sync + 'static) {
        *self.shared.hook.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
    }

    /// Ends the writer and lets go of the file, whoever still holds a clone. Blocks for the last commit.
    pub(crate) fn close(&self) {
        let thread = lock(&self.shared.thread).take();
        if let (Some(thread), Writer::Thread(jobs)) = (thread, &self.writer) {
            let mut stop = Job::Stop;
            // The queue is bounded, and this may run on an async thread, so neither blocking nor awaiting will do.
            while let Err(mpsc::error::TrySendError::Full(back)) = jobs.try_send(stop) {
                stop = back;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            let _ = thread.join();
        }
        let place = self.shared.place.write().unwrap_or_else(PoisonError::into_inner).take();
        // Reads that are under way hold the file a moment longer; who opens it next must not find it held.
        let held = |place: &Arc<Place>| Arc::strong_count(place) > 1;
        for _ in 0..5_000 {
            match &place {
                Some(place) if held(place) => std::thread::sleep(std::time::Duration::from_millis(1)),
                _ => break,
            }
        }
    }

    /// Makes the write that `change` is; returns when what it did is durable. With an error nothing it did is kept.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Txn<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let (answer, answered) = oneshot::channel();
        let writing: Writing = Box::new(move |txn| {
            let txn = match txn {
                Ok(txn) => txn,
                Err(error) => {
                    let _ = answer.send(Err(error.clone()));
                    return Box::new(|_| ());
                }
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| change(txn)))
                .unwrap_or_else(|_| Err(ApiError::internal("a write failed unexpectedly")));
            let outcome = match outcome {
                Ok(value) => txn.accept().map(|()| value),
                Err(error) => {
                    txn.discard();
                    Err(error)
                }
            };
            Box::new(move |commit| {
                let _ = answer.send(commit.map_err(Clone::clone).and(outcome));
            })
        });
        match &self.writer {
            Writer::Thread(jobs) => jobs.send(Job::Write(writing)).await.map_err(|_| closed())?,
            Writer::Turns(turn) => {
                let place = self.shared.place()?;
                let _turn = lock(turn);
                write(&place, &self.shared, writing, || None);
            }
        }
        answered.await.map_err(|_| closed())?
    }

    /// One object's JSON.
    pub(crate) fn get(&self, key: &Key) -> ApiResult<Option<Bytes>> {
        match &*self.shared.place()? {
            Place::Memory(memory) => Ok(memory.get(key.as_str())),
            Place::Disk(database, seal) => guarded(|| {
                let table = database.begin_read().map_err(broken)?.open_table(OBJECTS).map_err(broken)?;
                let stored = table.get(key.as_str()).map_err(broken)?;
                stored.map(|v| seal.bytes(key.as_str(), v.value()).map_err(ApiError::internal)).transpose()
            }),
        }
    }

    /// The objects whose keys start with `prefix`, after `after`, at most `limit` as far as `keep` wants them, and the
    /// version of the snapshot they were read from.
    pub(crate) fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        mut keep: impl FnMut(Key, &[u8]) -> ApiResult<bool>,
    ) -> ApiResult<u64> {
        let start = after.unwrap_or(prefix);
        let place = self.shared.place()?;
        let (database, seal) = match &*place {
            Place::Disk(database, seal) => (database, seal),
            Place::Memory(memory) => {
                let (found, version) = memory.list(start, prefix);
                for (key, bytes) in found {
                    if after != Some(key.as_str()) && !keep(key, &bytes)? {
                        break;
                    }
                }
                return Ok(version);
            }
        };
        guarded(|| {
            let txn = database.begin_read().map_err(broken)?;
            let table = txn.open_table(OBJECTS).map_err(broken)?;
            let meta = txn.open_table(META).map_err(broken)?;
            let version = meta.get(LAST).map_err(broken)?.map_or(FIRST, |v| v.value());
            for entry in table.range(start..).map_err(broken)? {
                let (key, value) = entry.map_err(broken)?;
                let key = key.value();
                if !key.starts_with(prefix) {
                    break;
                }
                if after == Some(key) {
                    continue;
                }
                let value = seal.open_object(key, value.value()).map_err(ApiError::internal)?;
                if !keep(Key { text: key.into() }, &value)? {
                    break;
                }
            }
            Ok(version)
        })
    }

    /// The version of the last commit, and the signal that it moved.
    pub(crate) fn version(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// Changes after `since` (at most `limit`), or an error when some of them are forgotten.
    pub(crate) fn changes(&self, since: u64, limit: usize) -> ApiResult<Vec<Arc<Event>>> {
        let log = lock(&self.shared.log);
        if since < log.forgotten {
            return Err(ApiError::expired(format!("too old resource version: {since} ({})", log.forgotten)));
        }
        let start = log.events.partition_point(|event| event.version <= since);
        Ok(log.events.range(start..).take(limit).cloned().collect())
    }
}

fn closed() -> ApiError {
    ApiError::new(503, "ServiceUnavailable", "the cluster is shutting down")
}

thread_local! {
    /// What the disk said first; after that the database only says that there was something.
    static FIRST_FAILURE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What is wrong with the store, in words for who has to act.
fn broken(error: impl Into<redb::Error>) -> ApiError {
    use std::io::ErrorKind;
    let why = match error.into() {
        redb::Error::Io(error) => {
            let why = match error.kind() {
                ErrorKind::StorageFull => "the disk is full".to_owned(),
                ErrorKind::QuotaExceeded => "the quota of disk space is used up".to_owned(),
                ErrorKind::FileTooLarge => "its file may not become any larger on this system".to_owned(),
                _ => error.to_string(),
            };
            FIRST_FAILURE.with_borrow_mut(|first| first.get_or_insert(why).clone())
        }
        redb::Error::PreviousIo => FIRST_FAILURE
            .with_borrow(|first| first.clone())
            .unwrap_or_else(|| "the disk has refused a write before".to_owned()),
        redb::Error::Corrupted(what) => format!("it is damaged ({what})"),
        error => error.to_string(),
    };
    ApiError::internal(format_args!("the store cannot be read or written: {why}"))
}

/// Does something with the database that goes wrong, at worst by panicking, where the file is damaged.
fn guarded<T>(work: impl FnOnce() -> ApiResult<T>) -> ApiResult<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(ApiError::internal("the store cannot be read or written: it is damaged")))
}

impl Shared {
    fn new(place: Place, last: u64) -> Arc<Shared> {
        Arc::new(Shared {
            place: RwLock::new(Some(Arc::new(place))),
            log: Mutex::new(Log::after(last)),
            version: watch::Sender::new(last),
            thread: Mutex::new(None),
            hook: RwLock::new(None),
        })
    }

    fn place(&self) -> ApiResult<Arc<Place>> {
        self.place.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)
    }
}

fn write_loop(shared: &Shared, mut queue: mpsc::Receiver<Job>) {
    // It is taken away only when this has ended.
    let Ok(place) = shared.place() else { return };
    let mut stop = false;
    while !stop {
        let Some(Job::Write(first)) = queue.blocking_recv() else { return };
        write(&place, shared, first, || match queue.try_recv() {
            Ok(Job::Write(next)) => Some(next),
            Ok(Job::Stop) => {
                stop = true;
                None
            }
            Err(_) => None,
        });
    }
}

/// Makes this write and those that `more` gives in one commit, tells who follows the changes, and answers them.
fn write(place: &Place, shared: &Shared, first: Writing, more: impl FnMut() -> Option<Writing>) {
    let mut waiting = Some(first);
    let mut done: Vec<Done> = Vec::new();
    let last = *shared.version.borrow();
    let outcome = guarded(|| write_batch(place, last, &mut waiting, more, &mut done));
    match &outcome {
        Ok(events) => publish(shared, events),
        Err(error) => tracing::error!(%error, "a commit failed; nothing of it is kept"),
    }
    if let (Some(write), Err(error)) = (waiting, &outcome) {
        done.push(write(Err(error)));
    }
    for done in done {
        done(outcome.as_ref().map(|_| ()));
    }
}

fn write_batch(
    place: &Place,
    last: u64,
    next: &mut Option<Writing>,
    mut more: impl FnMut() -> Option<Writing>,
    done: &mut Vec<Done>,
) -> ApiResult<Vec<Arc<Event>>> {
    let mut all = |table| {
        let mut txn = Txn::new(table, last);
        while let Some(write) = next.take() {
            done.push(write(Ok(&mut txn)));
            if done.len() < BATCH {
                *next = more();
            }
        }
        txn.events
    };
    let (database, seal) = match place {
        Place::Memory(memory) => return Ok(all(Objects::Memory(memory))),
        Place::Disk(database, seal) => (database, seal),
    };
    let redb_txn = database.begin_write().map_err(broken)?;
    let events = all(Objects::Disk(redb_txn.open_table(OBJECTS).map_err(broken)?, seal));
    match events.last() {
        None => redb_txn.abort().map_err(broken)?,
        Some(event) => {
            redb_txn.open_table(META).map_err(broken)?.insert(LAST, event.version).map_err(broken)?;
            redb_txn.commit().map_err(broken)?;
        }
    }
    Ok(events)
}

fn publish(shared: &Shared, events: &[Arc<Event>]) {
    let Some(last) = events.last() else { return };
    if let Some(hook) = &*shared.hook.read().unwrap_or_else(PoisonError::into_inner) {
        hook(events);
    }
    let mut log = lock(&shared.log);
    for event in events {
        log.push(event.clone());
    }
    drop(log);
    shared.version.send_replace(last.version);
}

/// Where a write finds objects, and leaves them.
enum Objects<'t> {
    Disk(Table<'t, &'static str, &'static [u8]>, &'t Seal),
    Memory(&'t Memory),
}

/// A write in progress: sees all earlier writes and its own.
pub(crate) struct Txn<'t> {
    objects: Objects<'t>,
    version: u64,
    /// Events of accepted writes of this batch.
    events: Vec<Arc<Event>>,
    /// What the present write did: objects by key, `None` for removed.
    staged: BTreeMap<Key, Option<Bytes>>,
    staged_events: Vec<Arc<Event>>,
}

impl<'t> Txn<'t> {
    fn new(objects: Objects<'t>, version: u64) -> Txn<'t> {
        Txn { objects, version, events: Vec::new(), staged: BTreeMap::new(), staged_events: Vec::new() }
    }

    fn bytes(&self, key: &Key) -> ApiResult<Option<Bytes>> {
        if let Some(staged) = self.staged.get(key) {
            return Ok(staged.clone());
        }
        match &self.objects {
            Objects::Memory(memory) => Ok(memory.get(key.as_str())),
            Objects::Disk(table, seal) => {
                let stored = table.get(key.as_str()).map_err(broken)?;
                stored.map(|v| seal.bytes(key.as_str(), v.value()).map_err(ApiError::internal)).transpose()
            }
        }
    }

    /// The object under `key`.
    pub(crate) fn get(&self, key: &Key) -> ApiResult<Option<Value>> {
        self.bytes(key)?.map(|bytes| parse(&bytes)).transpose()
    }

    /// Whether there is an object under `key`.
    pub(crate) fn has(&self, key: &Key) -> ApiResult<bool> {
        Ok(self.bytes(key)?.is_some())
    }

    /// The objects whose keys start with `prefix`, in order.
    pub(crate) fn list(&self, prefix: &str) -> ApiResult<Vec<(Key, Value)>> {
        let mut found = BTreeMap::new();
        match &self.objects {
            Objects::Memory(memory) => {
                found
                    .extend(memory.list(prefix, prefix).0.into_iter().map(|(key, bytes)| (key, Some(bytes))));
            }
            Objects::Disk(table, seal) => {
                for entry in table.range(prefix..).map_err(broken)? {
                    let (key, value) = entry.map_err(broken)?;
                    if !key.value().starts_with(prefix) {
                        break;
                    }
                    let bytes = seal.bytes(key.value(), value.value()).map_err(ApiError::internal)?;
                    found.insert(Key { text: key.value().into() }, Some(bytes));
                }
            }
        }
        for (key, staged) in &self.staged {
            if key.as_str().starts_with(prefix) {
                found.insert(key.clone(), staged.clone());
            }
        }
        found.into_iter().filter_map(|(key, bytes)| bytes.map(|bytes| Ok((key, parse(&bytes)?)))).collect()
    }

    fn next_version(&self) -> u64 {
        self.version + self.staged_events.len() as u64 + 1
    }

    /// Stores `object` under `key`, with its new `metadata.resourceVersion` set in it.
    pub(crate) fn put(&mut self, key: &Key, object: &mut Value) -> ApiResult<()> {
        let version = self.next_version();
        let bytes = stamp(object, version)?;
        let change = match self.bytes(key)? {
            Some(old) => Change::Modified(old),
            None => Change::Added,
        };
        let event = Event { version, key: key.clone(), object: bytes.clone(), change };
        self.staged_events.push(Arc::new(event));
        self.staged.insert(key.clone(), Some(bytes));
        Ok(())
    }

    /// Removes what is under `key`; `object` is its last state, and gets the version of the removal.
    pub(crate) fn remove(&mut self, key: &Key, object: &mut Value) -> ApiResult<()> {
        let version = self.next_version();
        let object = stamp(object, version)?;
        let event = Event { version, key: key.clone(), object, change: Change::Deleted };
        self.staged_events.push(Arc::new(event));
        self.staged.insert(key.clone(), None);
        Ok(())
    }

    /// Forgets what the present write did, as for a dry run.
    pub(crate) fn discard(&mut self) {
        self.staged.clear();
        self.staged_events.clear();
    }

    fn accept(&mut self) -> ApiResult<()> {
        let staged = std::mem::take(&mut self.staged);
        let last = self.version + self.staged_events.len() as u64;
        match &mut self.objects {
            Objects::Memory(memory) if !staged.is_empty() => memory.change(staged, last),
            Objects::Memory(_) => {}
            Objects::Disk(table, seal) => {
                for (key, staged) in staged {
                    match staged {
                        Some(bytes) => {
                            let stored = seal.seal(&key, &bytes).map_err(ApiError::internal)?;
                            table.insert(key.as_str(), &*stored).map_err(broken)?
                        }
                        None => table.remove(key.as_str()).map_err(broken)?,
                    };
                }
            }
        }
        self.version = last;
        self.events.append(&mut self.staged_events);
        Ok(())
    }
}

fn stamp(object: &mut Value, version: u64) -> ApiResult<Bytes> {
    object["metadata"]["resourceVersion"] = version.to_string().into();
    let bytes = serde_json::to_vec(object).map(Bytes::from).map_err(ApiError::internal)?;
    if bytes.len() > OBJECT_LIMIT {
        // The words that users of a real cluster get from its store.
        return Err(ApiError::new(500, "", "etcdserver: request is too large"));
    }
    Ok(bytes)
}

/// A stored object.
pub(crate) fn parse(bytes: &[u8]) -> ApiResult<Value> {
    serde_json::from_slice(bytes).map_err(|error| ApiError::internal(format_args!("stored object: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str) -> Value {
        json!({"metadata": {"name": name}})
    }

    /// A store in memory, and one on disk.
    fn both() -> (tempfile::TempDir, [Store; 2]) {
        let dir = tempfile::tempdir().unwrap();
        let disk = Store::open(Some(&dir.path().join("db"))).unwrap();
        (dir, [Store::open(None).unwrap(), disk])
    }

    #[tokio::test]
    async fn a_refused_write_leaves_nothing() {
        let (_dir, both) = both();
        for store in both {
            let key = Key::new("pods", "default", "a");
            let inner = key.clone();
            let refused = store
                .write(move |txn| {
                    txn.put(&inner, &mut object("a"))?;
                    assert!(txn.has(&inner)?);
                    Err::<(), _>(ApiError::bad_request("no"))
                })
                .await;
            assert_eq!(refused.unwrap_err().message, "no");
            assert_eq!(store.get(&key).unwrap(), None);
            assert!(store.changes(FIRST, 10).unwrap().is_empty());
        }
    }

    #[tokio::test]
    async fn a_panicking_write_is_refused_and_the_next_one_works() {
        let (_dir, both) = both();
        for store in both {
            let refused = store.write(|_| -> ApiResult<()> { panic!("for the test") }).await;
            assert_eq!(refused.unwrap_err().code, 500);
            store.write(|txn| txn.put(&Key::new("pods", "default", "a"), &mut object("a"))).await.unwrap();
        }
    }

    #[tokio::test]
    async fn writes_at_once_are_made_one_after_the_other_and_listed_in_order() {
        let (_dir, both) = both();
        for store in both {
            let all = (0..200).map(|n| {
                let store = store.clone();
                tokio::spawn(async move {
                    let key = Key::new("pods", "default", &format!("p{:03}", (n * 7) % 200));
                    store.write(move |txn| txn.put(&key, &mut object(key.name()))).await.unwrap();
                })
            });
            futures::future::join_all(all).await;
            let other = Key::new("pods", "other", "x");
            store.write(move |txn| txn.put(&other, &mut object("x"))).await.unwrap();
            let changes = store.changes(FIRST, 300).unwrap();
            assert!(changes.iter().zip(FIRST + 1..).all(|(e, version)| e.version == version));
            let listed = |after: Option<&str>| {
                let mut names = Vec::new();
                let keep = |key: Key, _: &[u8]| {
                    names.push(key.name().to_owned());
                    Ok(true)
                };
                let version = store.list("pods/default/", after, keep).unwrap();
                (names, version)
            };
            let names: Vec<String> = (0..200).map(|n| format!("p{n:03}")).collect();
            assert_eq!(listed(None), (names.clone(), FIRST + 201));
            assert_eq!(listed(Some("pods/default/p099")).0, names[100..]);
            let gone = Key::new("pods", "default", "p000");
            store.write(move |txn| txn.remove(&gone, &mut object("p000"))).await.unwrap();
            assert_eq!(listed(None), (names[1..].to_vec(), FIRST + 202));
            store.close();
            assert_eq!(store.get(&Key::new("pods", "default", "p001")).unwrap_err().code, 503);
        }
    }

    #[tokio::test]
    async fn versions_and_objects_survive_a_restart_and_old_watches_expire() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let key = Key::new("pods", "default", "a");
        let store = Store::open(Some(&path)).unwrap();
        for _ in 0..3 {
            let key = key.clone();
            store.write(move |txn| txn.put(&key, &mut object("a"))).await.unwrap();
        }
        assert_eq!(store.changes(FIRST, 10).unwrap().len(), 3);
        assert!(matches!(*Store::open(Some(&path)).err().unwrap(), OpenError::InUse));
        store.close();
        assert_eq!(store.get(&key).unwrap_err().code, 503);

        let store = Store::open(Some(&path)).unwrap();
        assert_eq!(*store.version().borrow(), FIRST + 3);
        assert_eq!(parse(&store.get(&key).unwrap().unwrap()).unwrap()["metadata"]["resourceVersion"], "103");
        assert_eq!(store.changes(FIRST, 10).unwrap_err().code, 410);
        assert!(store.changes(FIRST + 3, 10).unwrap().is_empty());
    }
}
