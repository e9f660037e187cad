//! How often calls may be made: so many in a period, over all runs of this process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many calls one limit can count.
pub(crate) const MOST_CALLS: usize = 10_000;
/// How many limits are remembered.
const MOST_KEYS: usize = 1_000;

/// When calls were made or are going to be, for each thing that is limited.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<String, VecDeque<Instant>>>);

/// The calls of this process.
pub(crate) static RATES: std::sync::LazyLock<Rates> = std::sync::LazyLock::new(Rates::default);

impl Rates {
    /// Books a call of which there may be `limit` in any `period`, and gives the time to wait before it is made.
    ///
    /// # Errors
    /// The time to wait, where it is longer than `patience`: then nothing is booked.
    pub(crate) fn book(
        &self,
        key: &str,
        (limit, period): (usize, Duration),
        patience: Duration,
        now: Instant,
    ) -> Result<Duration, Duration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_KEYS && !all.contains_key(key) {
            all.retain(|_, calls| calls.back().is_some_and(|last| *last + period > now));
        }
        let calls = all.entry(key.to_string()).or_default();
        let limit = limit.clamp(1, MOST_CALLS);
        while calls.len() > limit || calls.front().is_some_and(|first| *first + period <= now) {
            calls.pop_front();
        }
        // A call is due one period after the one that stands `limit` places before it.
        let due = match calls.len().checked_sub(limit) {
            None => now,
            Some(before) => calls.get(before).map_or(now, |call| *call + period).max(now),
        };
        let wait = due.saturating_duration_since(now);
        if wait > patience {
            return Err(wait);
        }
        calls.push_back(due);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_calls_in_a_period() {
        let (rates, start) = (Rates::default(), Instant::now());
        let second = Duration::from_secs(1);
        let book =
            |key: &str, at: u64| rates.book(key, (2, second), second, start + Duration::from_millis(at));
        assert_eq!(book("a", 0), Ok(Duration::ZERO));
        assert_eq!(book("a", 400), Ok(Duration::ZERO));
        // The third has to wait for the first to be a second old, the fourth for the second.
        assert_eq!(book("a", 500), Ok(Duration::from_millis(500)));
        assert_eq!(book("a", 500), Ok(Duration::from_millis(900)));
        assert_eq!(book("a", 500), Err(Duration::from_millis(1500)));
        assert_eq!(book("b", 500), Ok(Duration::ZERO));
        assert_eq!(book("a", 5000), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let (rates, start) = (Rates::default(), Instant::now());
        for i in 0..2 * MOST_KEYS as u64 {
            let at = start + Duration::from_millis(10 * i);
            assert!(rates.book(&i.to_string(), (1, Duration::from_millis(5)), Duration::ZERO, at).is_ok());
        }
        assert!(rates.0.lock().is_ok_and(|all| all.len() <= MOST_KEYS + 1));
    }
}
