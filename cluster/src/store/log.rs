//! What watches read: the recent changes. Tests: at the end of this file.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use super::Key;

/// Its bounds.
const LOG_EVENTS: usize = 20_000;
const LOG_BYTES: usize = 32 << 20;

/// One change, as watches see it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) version: u64,
    pub(crate) key: Key,
    /// The object after the change; of a removal, its last state under the removal's version.
    pub(crate) object: Bytes,
    pub(crate) change: Change,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Added,
    /// With the object as it was before.
    Modified(Bytes),
    Deleted,
}

/// The changes of late, bounded in number and size.
#[derive(Default)]
pub(super) struct Log {
    pub(super) events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// Changes up to and including this version are no longer in `events`.
    pub(super) forgotten: u64,
}

impl Log {
    /// Of changes after this version.
    pub(super) fn after(version: u64) -> Log {
        Log { forgotten: version, ..Log::default() }
    }

    pub(super) fn push(&mut self, event: Arc<Event>) {
        self.bytes += event_size(&event);
        self.events.push_back(event);
        while self.events.len() > LOG_EVENTS || self.bytes > LOG_BYTES {
            let Some(old) = self.events.pop_front() else { break };
            self.bytes -= event_size(&old);
            self.forgotten = old.version;
        }
    }
}

fn event_size(event: &Event) -> usize {
    event.object.len() + if let Change::Modified(old) = &event.change { old.len() } else { 0 } + 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded() {
        let mut log = Log::default();
        for version in 1..=(LOG_EVENTS as u64 + 5) {
            let key = Key::new("pods", "default", "a");
            log.push(Arc::new(Event { version, key, object: Bytes::new(), change: Change::Added }));
        }
        assert_eq!((log.events.len(), log.forgotten), (LOG_EVENTS, 5));
    }
}
