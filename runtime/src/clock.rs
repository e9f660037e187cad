//! Time as the driver sees it: the machine's own, or one that jumps ahead when nothing is under way.
//!
//! Whoever works takes a [`Hold`]; while there is one, a [`Simulated`] clock stands still. Calls over HTTP are work like any other, so they take
//! real time and no simulated time. Leases and connections go by the machine's clock: they are not part of a run. Tests at the end.

use crate::model::run::Time;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Time;
    /// Resolves at this moment or after it; at once if it is past.
    fn sleep_until(&self, at: Time) -> BoxFuture<'static, ()>;
    /// Says that something is under way, until it is dropped.
    fn hold(&self) -> Hold;
}

/// A clock that can be handed around.
pub type SharedClock = Arc<dyn Clock>;

/// Something is under way.
#[derive(Debug, Default)]
pub struct Hold(Option<Arc<Work>>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(work) = &self.0 {
            work.moved.fetch_add(1, Ordering::SeqCst);
            work.held.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[derive(Debug, Default)]
struct Work {
    held: AtomicUsize,
    /// Counts everything that shows that somebody is at work.
    moved: AtomicU64,
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Time {
        Time(jiff::Timestamp::now().as_millisecond())
    }

    fn sleep_until(&self, at: Time) -> BoxFuture<'static, ()> {
        let wait = self.now().until(at);
        Box::pin(tokio::time::sleep(wait))
    }

    fn hold(&self) -> Hold {
        Hold::default()
    }
}

/// How long everybody must have been quiet before time jumps.
const QUIET: Duration = Duration::from_millis(3);
const LOOKS: u32 = 4;
/// How long, if nobody sleeps, until it is believed that nothing will happen any more.
const STILL: Duration = Duration::from_millis(250);

/// A clock that jumps to the next moment somebody sleeps for, as soon as nothing is under way.
#[derive(Debug)]
pub struct Simulated {
    work: Arc<Work>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Time,
    order: u64,
    sleepers: BTreeMap<(Time, u64), oneshot::Sender<()>>,
}

/// Why a simulated clock has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Its time is over.
    Limit,
    /// Nobody sleeps and nothing is under way: nothing will happen any more.
    Still,
}

impl Simulated {
    /// A clock that stands at this moment.
    pub fn new(now: Time) -> Simulated {
        let state = State { now, order: 0, sleepers: BTreeMap::new() };
        Simulated { work: Arc::default(), state: Mutex::new(state) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass, until `limit` at most. Nothing moves while this is not polled.
    pub async fn pass(&self, limit: Time) -> Stopped {
        let mut quiet = 0;
        let mut seen = self.work.moved.load(Ordering::SeqCst);
        let mut still_since = std::time::Instant::now();
        loop {
            tokio::time::sleep(QUIET).await;
            let moved = self.work.moved.load(Ordering::SeqCst);
            if moved != seen || self.work.held.load(Ordering::SeqCst) > 0 {
                (seen, quiet) = (moved, 0);
                still_since = std::time::Instant::now();
                continue;
            }
            quiet += 1;
            if quiet < LOOKS {
                continue;
            }
            quiet = 0;
            match self.jump(limit) {
                Some(true) => still_since = std::time::Instant::now(),
                Some(false) => return Stopped::Limit,
                None if still_since.elapsed() > STILL => return Stopped::Still,
                None => {}
            }
        }
    }

    /// Wakes who sleeps the shortest; `None` if nobody sleeps, false if that is beyond the limit.
    fn jump(&self, limit: Time) -> Option<bool> {
        let mut state = self.state();
        state.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        let (at, _) = *state.sleepers.first_key_value()?.0;
        if at > limit {
            return Some(false);
        }
        state.now = state.now.max(at);
        let later = state.sleepers.split_off(&(Time(at.0.saturating_add(1)), 0));
        for sleeper in std::mem::replace(&mut state.sleepers, later).into_values() {
            // Who has stopped sleeping need not be woken.
            let _ = sleeper.send(());
        }
        self.work.moved.fetch_add(1, Ordering::SeqCst);
        Some(true)
    }
}

impl Clock for Simulated {
    fn now(&self) -> Time {
        self.work.moved.fetch_add(1, Ordering::SeqCst);
        self.state().now
    }

    fn sleep_until(&self, at: Time) -> BoxFuture<'static, ()> {
        self.work.moved.fetch_add(1, Ordering::SeqCst);
        let mut state = self.state();
        if at <= state.now {
            return Box::pin(std::future::ready(()));
        }
        let (sender, woken) = oneshot::channel();
        state.order += 1;
        let order = state.order;
        state.sleepers.insert((at, order), sender);
        Box::pin(async move {
            if woken.await.is_err() {
                // The clock is gone: so is time.
                std::future::pending::<()>().await;
            }
        })
    }

    fn hold(&self) -> Hold {
        self.work.moved.fetch_add(1, Ordering::SeqCst);
        self.work.held.fetch_add(1, Ordering::SeqCst);
        Hold(Some(self.work.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_jumps_when_nothing_is_under_way() {
        let clock = Arc::new(Simulated::new(Time(0)));
        let begun = std::time::Instant::now();
        let sleeper = {
            let clock = clock.clone();
            tokio::spawn(async move {
                clock.sleep_until(Time(3_600_000)).await;
                let held = clock.hold();
                // While somebody works, the next hour does not come.
                let next = clock.sleep_until(Time(7_200_000));
                tokio::time::sleep(Duration::from_millis(60)).await;
                let before = clock.now();
                drop(held);
                next.await;
                (before, clock.now())
            })
        };
        let stopped = clock.pass(Time(86_400_000)).await;
        assert_eq!(stopped, Stopped::Still);
        assert_eq!(sleeper.await.ok(), Some((Time(3_600_000), Time(7_200_000))));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn time_stops_at_its_limit_and_forgets_who_has_gone() {
        let clock = Simulated::new(Time(0));
        drop(clock.sleep_until(Time(1000)));
        let later = clock.sleep_until(Time(5000));
        assert_eq!(clock.pass(Time(2000)).await, Stopped::Limit);
        assert_eq!(clock.now(), Time(0));
        drop(later);
    }
}
