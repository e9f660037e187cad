//! Watching objects: comes back when one of them has changed since it was read.
//!
//! A watch starts from the version that was read, so nothing that happens in between is lost; where that version is too old for the server, or
//! the connection breaks, that counts as a change: looking once too often is harmless.

use crate::engine::Watched;
use crate::ops::support::objects::Kinds;
use futures::{StreamExt, TryStreamExt, future, stream::FuturesUnordered};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, WatchEvent, WatchParams};
use std::time::Duration;

/// How many watches one step may hold; beyond that, waiting falls back on looking again.
const MOST: usize = 256;

/// Comes back when any of these has changed. Never, if there are none.
pub(super) async fn any_changed(client: &Client, kinds: &Kinds, watches: &[Watched]) {
    let mut all: FuturesUnordered<_> = watches.iter().take(MOST).map(|w| changed(client, kinds, w)).collect();
    if all.next().await.is_none() {
        future::pending::<()>().await;
    }
}

async fn changed(client: &Client, kinds: &Kinds, watched: &Watched) {
    let Ok((resource, namespaced)) = kinds.find(client, &watched.api_version, &watched.kind).await else {
        return future::pending().await;
    };
    let api: Api<DynamicObject> = match namespaced && !watched.namespace.is_empty() {
        true => Api::namespaced_with(client.clone(), &watched.namespace, &resource),
        false => Api::all_with(client.clone(), &resource),
    };
    let version = match watched.version.as_str() {
        "" => match absent(&api, watched).await {
            Some(version) => version,
            None => return,
        },
        version => version.to_string(),
    };
    next_change(&api, watched, version).await;
}

/// The version of a cluster in which the object is still not there; `None` if it is there by now.
async fn absent(api: &Api<DynamicObject>, watched: &Watched) -> Option<String> {
    let mut query = ListParams::default().labels(&watched.selector);
    if !watched.name.is_empty() {
        query = query.fields(&format!("metadata.name={}", watched.name));
    }
    loop {
        match api.list(&query).await {
            Ok(list) if list.items.is_empty() => {
                return Some(list.metadata.resource_version.unwrap_or_default());
            }
            Ok(_) => return None,
            Err(_) => tokio::time::sleep(Duration::from_secs(5)).await,
        }
    }
}

/// Comes back at the first event after a version.
async fn next_change(api: &Api<DynamicObject>, watched: &Watched, mut version: String) {
    let mut params = WatchParams::default().labels(&watched.selector);
    if !watched.name.is_empty() {
        params = params.fields(&format!("metadata.name={}", watched.name));
    }
    loop {
        let Ok(events) = api.watch(&params, &version).await else {
            // Not reachable: the fallback wakes the step if this lasts.
            tokio::time::sleep(Duration::from_secs(5)).await;
            continue;
        };
        let mut events = std::pin::pin!(events);
        loop {
            match events.try_next().await {
                Ok(Some(WatchEvent::Bookmark(b))) => version = b.metadata.resource_version,
                Ok(Some(_)) => return,
                // The server ends watches now and then; the next one goes on from where this one was.
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}
