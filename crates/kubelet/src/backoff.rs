//! Exponential back-off by key.
//!
//! Upstream: `staging/src/k8s.io/client-go/util/flowcontrol/backoff.go`.

use std::collections::BTreeMap;
use std::time::Duration;
use trace::Time;

/// Waits that double from one failure to the next, each under its own key.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    entries: BTreeMap<u64, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    wait: Duration,
    last_update: Time,
}

impl Backoff {
    /// Waits from `first` up to `max`.
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, entries: BTreeMap::new() }
    }

    /// The present wait of a key; zero without an entry.
    #[must_use]
    pub fn get(&self, key: u64) -> Duration {
        self.entries.get(&key).map_or(Duration::ZERO, |entry| entry.wait)
    }

    /// Counts another failure: the wait begins, or doubles.
    pub fn next(&mut self, key: u64, event: Time, now: Time) {
        let wait = match self.entries.get(&key) {
            Some(entry) if !self.expired(event, entry) => (entry.wait * 2).min(self.max),
            _ => self.first.min(self.max),
        };
        self.entries.insert(key, Entry { wait, last_update: now });
    }

    /// Until when a wait lasts that began with an event, if it still does.
    #[must_use]
    pub fn until_since(&self, key: u64, event: Time, now: Time) -> Option<Time> {
        let entry = self.entries.get(&key)?;
        if self.expired(event, entry) {
            return None;
        }
        let end = event + entry.wait;
        (now < end).then_some(end)
    }

    /// Whether a wait that began with its last change still lasts.
    #[must_use]
    pub fn is_in_backoff_since_update(&self, key: u64, now: Time) -> bool {
        self.entries.get(&key).is_some_and(|entry| {
            !self.expired(now, entry) && now.since(entry.last_update) < entry.wait
        })
    }

    /// Forgets a key.
    pub fn forget(&mut self, key: u64) {
        self.entries.remove(&key);
    }

    fn expired(&self, event: Time, entry: &Entry) -> bool {
        event.since(entry.last_update) > self.max * 2
    }
}

/// The FNV-1a hash of some texts, for keys.
#[must_use]
pub fn key_of(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        // A byte that no text has keeps the parts apart.
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: u64 = 7;

    fn secs(secs: u64) -> Time {
        Time::from_millis(secs * 1000)
    }

    fn crash_loop() -> Backoff {
        Backoff::new(Duration::from_secs(10), Duration::from_secs(300))
    }

    #[test]
    fn the_first_restart_is_immediate_and_waits_double_up_to_the_cap() {
        let mut backoff = crash_loop();
        let mut now = secs(0);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let exit = now;
            if let Some(end) = backoff.until_since(KEY, exit, now) {
                assert!(backoff.until_since(KEY, exit, end).is_none());
                now = end;
            }
            waits.push(now.since(exit).as_secs());
            backoff.next(KEY, exit, now);
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn a_run_of_twice_the_cap_resets_it() {
        let mut backoff = crash_loop();
        backoff.next(KEY, secs(0), secs(0));
        backoff.next(KEY, secs(10), secs(10));
        assert_eq!(backoff.get(KEY), Duration::from_secs(20));
        assert!(backoff.until_since(KEY, secs(610), secs(611)).is_some());
        assert!(backoff.until_since(KEY, secs(611), secs(611)).is_none());
        backoff.next(KEY, secs(611), secs(611));
        assert_eq!(backoff.get(KEY), Duration::from_secs(10));
    }

    #[test]
    fn image_pulls_wait_from_their_last_failure() {
        let mut backoff = crash_loop();
        assert!(!backoff.is_in_backoff_since_update(KEY, secs(0)));
        backoff.next(KEY, secs(0), secs(0));
        assert!(backoff.is_in_backoff_since_update(KEY, secs(9)));
        assert!(!backoff.is_in_backoff_since_update(KEY, secs(10)));
        backoff.forget(KEY);
        assert_eq!(backoff.get(KEY), Duration::ZERO);
    }
}
