//! Time as the cluster sees it: every timestamp written to an object and every delay of the simulation goes
//! through a [`Clock`], so that a test or a simulation can bring its own. Connection housekeeping (watch
//! timeouts, bookmarks) deliberately uses real time: a virtual clock must not jump ahead to the end of a watch.

use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::Timestamp;

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// Resolves at (or after) `deadline`; at once when it is past.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()>;
}

/// A clock that can be handed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()> {
        let wait = deadline.duration_since(Timestamp::now());
        Box::pin(async move {
            if let Ok(wait) = std::time::Duration::try_from(wait) {
                tokio::time::sleep(wait).await;
            }
        })
    }
}

/// A moment as Kubernetes writes it in `metadata`: RFC 3339, whole seconds, UTC.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
