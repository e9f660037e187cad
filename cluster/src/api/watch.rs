//! Watches: a cursor into the store's log of changes, read in batches and written as JSON lines. A watch holds no
//! buffer of its own; one that falls behind the log is told `410 Expired`. Objects that come to match a selector appear
//! as ADDED, those that no longer do as DELETED. Tests: `tests/requests.rs`.

use std::{collections::VecDeque, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::{sync::watch::Receiver, time::Instant};

use super::{Api, Call, head, json_answer, present, request::Format, splice, table::table, verbs::partial};
use crate::{
    convert,
    error::{ApiError, ApiResult, FieldError},
    selector::Selector,
    store::{Change, Event, parse},
};

const BATCH: usize = 256;
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
const DEFAULT_TIMEOUT: u64 = 1800;
/// How long a watch waits for the version that it is to start from.
const TOLD: Duration = Duration::from_secs(1);

struct Stream {
    api: Api,
    call: Call,
    prefix: String,
    selector: Selector,
    /// The last version looked at.
    cursor: u64,
    moved: Receiver<u64>,
    /// Lines that are ready to go out.
    ready: VecDeque<Bytes>,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    over: bool,
    /// Columns of a table are told once.
    columns_sent: bool,
}

impl Api {
    pub(super) async fn watch(&self, call: Call) -> ApiResult<Response<Body>> {
        let selector = call.selector()?;
        let since = call.query.resource_version()?;
        let send_initial = call.query.flag("sendInitialEvents");
        if send_initial && call.query.get("resourceVersionMatch") != Some("NotOlderThan") {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            let error = FieldError::forbidden("resourceVersionMatch", why);
            return Err(ApiError::invalid_options("ListOptions", &error));
        }
        let timeout = call.query.number("timeoutSeconds")?.filter(|s| *s > 0).unwrap_or(DEFAULT_TIMEOUT);
        let now = Instant::now();
        let mut moved = self.store.version();
        if let Some(since) = since {
            // A list may have read what is committed and not yet told.
            let _ = tokio::time::timeout(TOLD, moved.wait_for(|latest| *latest >= since)).await;
        }
        let latest = *moved.borrow();
        let mut stream = Stream {
            prefix: call.prefix_of(&selector),
            selector,
            cursor: since.unwrap_or(latest),
            moved,
            ready: VecDeque::new(),
            bookmarks: call.query.flag("allowWatchBookmarks"),
            next_bookmark: now + BOOKMARK_EVERY,
            deadline: now + Duration::from_secs(timeout.min(24 * 3600)),
            over: false,
            columns_sent: false,
            api: self.clone(),
            call,
        };
        if since.is_some_and(|since| since > latest) {
            return Err(ApiError::new(
                504,
                "Timeout",
                format!("Too large resource version: {}, current: {latest}", stream.cursor),
            ));
        }
        // Without a version, or with 0, a watch begins with what is there.
        if since.is_none() || send_initial {
            stream.initial(send_initial)?;
        }
        let lines = futures::stream::unfold(stream, |mut stream| async move {
            stream.next().await.map(|line| (Ok::<_, std::convert::Infallible>(line), stream))
        });
        Ok(json_answer(StatusCode::OK, Body::from_stream(lines)))
    }
}

impl Stream {
    fn initial(&mut self, announce_end: bool) -> ApiResult<()> {
        let mut items = Vec::new();
        self.cursor = self.api.store.list(&self.prefix, None, |_, bytes| {
            items.push(Bytes::copy_from_slice(bytes));
            Ok(true)
        })?;
        for bytes in items {
            let object = parse(&bytes)?;
            if self.selector.matches(&object) {
                self.line("ADDED", &bytes)?;
            }
        }
        if announce_end {
            self.bookmark(true);
        }
        Ok(())
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            if self.over {
                return None;
            }
            if let Err(error) = self.read() {
                self.over = true;
                if error.code == 503 {
                    return None;
                }
                let mut line = json!({"type": "ERROR", "object": error.status()}).to_string();
                line.push('\n');
                return Some(line.into());
            }
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                moved = self.moved.changed() => if moved.is_err() { return None },
                () = tokio::time::sleep_until(self.deadline) => {
                    // The last word tells how far the next watch need not go back.
                    self.over = true;
                    if self.bookmarks {
                        self.bookmark(false);
                    }
                }
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                    self.bookmark(false);
                }
            }
        }
    }

    /// Takes up changes after the cursor.
    fn read(&mut self) -> ApiResult<()> {
        self.moved.borrow_and_update();
        loop {
            let events = self.api.store.changes(self.cursor, BATCH)?;
            let Some(last) = events.last() else { return Ok(()) };
            self.cursor = last.version;
            for event in &events {
                if event.key.as_str().starts_with(&self.prefix) {
                    self.event(event)?;
                }
            }
            if !self.ready.is_empty() {
                return Ok(());
            }
        }
    }

    fn event(&mut self, event: &Event) -> ApiResult<()> {
        let matches = |bytes: &Bytes| -> ApiResult<bool> {
            Ok(self.selector.is_empty() || self.selector.matches(&parse(bytes)?))
        };
        let kind = match &event.change {
            Change::Added if matches(&event.object)? => "ADDED",
            Change::Deleted if matches(&event.object)? => "DELETED",
            Change::Modified(old) => match (matches(old)?, matches(&event.object)?) {
                (true, true) => "MODIFIED",
                (false, true) => "ADDED",
                // What is deleted from the watch is the last state that belonged to it.
                (true, false) => {
                    let mut last = parse(old)?;
                    last["metadata"]["resourceVersion"] = event.version.to_string().into();
                    return self.line("DELETED", &last.to_string().into());
                }
                (false, false) => return Ok(()),
            },
            _ => return Ok(()),
        };
        self.line(kind, &event.object)
    }

    fn line(&mut self, kind: &str, object: &Bytes) -> ApiResult<()> {
        let mut line = format!("{{\"type\":\"{kind}\",\"object\":").into_bytes();
        match self.call.format {
            Format::Object if convert::converts(&self.call.resource) => {
                let shown = present(&self.call.resource, parse(object)?);
                line.extend_from_slice(shown.to_string().as_bytes());
            }
            Format::Object => splice(&mut line, &head(&self.call.resource), object),
            Format::Metadata => line.extend_from_slice(partial(parse(object)?).to_string().as_bytes()),
            Format::Table => {
                let object = parse(object)?;
                let meta = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                let now = self.api.clock.now();
                let first = !std::mem::replace(&mut self.columns_sent, true);
                let table = table(&self.call.resource, &self.call.query, vec![object], meta, now, first);
                line.extend_from_slice(table.to_string().as_bytes());
            }
        }
        line.extend_from_slice(b"}\n");
        self.ready.push_back(line.into());
        Ok(())
    }

    /// Tells how far the watch has come.
    fn bookmark(&mut self, end_of_initial: bool) {
        let mut meta = json!({"resourceVersion": self.cursor.to_string()});
        if end_of_initial {
            meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object: Value = present(&self.call.resource, json!({"metadata": meta}));
        let mut line = json!({"type": "BOOKMARK", "object": object}).to_string();
        line.push('\n');
        self.ready.push_back(line.into());
    }
}
