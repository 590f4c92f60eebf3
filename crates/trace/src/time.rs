//! Virtual time.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A moment of virtual time: nanoseconds since the simulation began.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub u64);

/// The date that every simulation begins at, in seconds since 1970: 2026-01-01T00:00:00Z.
const EPOCH_UNIX_SECS: u64 = 1_767_225_600;

impl Time {
    /// The beginning.
    pub const ZERO: Self = Self(0);

    /// The moment `millis` milliseconds after the beginning.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// Whole milliseconds since the beginning.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Seconds since the beginning.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Nanoseconds since 1970, as CRI timestamps count them.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        (EPOCH_UNIX_SECS * 1_000_000_000 + self.0) as i64
    }

    /// The moment that a CRI timestamp names.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self((nanos as u64).saturating_sub(EPOCH_UNIX_SECS * 1_000_000_000))
    }

    /// RFC 3339 with whole seconds, as the Kubernetes API writes times.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let (date, secs) = self.civil();
        format!("{date}T{:02}:{:02}:{:02}Z", secs / 3600, secs / 60 % 60, secs % 60)
    }

    /// RFC 3339 with nanoseconds, as Docker and the CRI log format write times.
    #[must_use]
    pub fn rfc3339_nanos(self) -> String {
        let text = self.rfc3339();
        format!("{}.{:09}Z", &text[..text.len() - 1], self.0 % 1_000_000_000)
    }

    /// The date as `YYYY-MM-DD` and the second of that day.
    fn civil(self) -> (String, u64) {
        let secs = EPOCH_UNIX_SECS + self.0 / 1_000_000_000;
        // Days to a date in the proleptic Gregorian calendar, with March as the first month, so
        // that the leap day is the last of its year.
        let days = secs / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        (format!("{year:04}-{month:02}-{day:02}"), secs % 86_400)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Time {
    /// Seconds with milliseconds: `12.345`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_millis();
        write!(f, "{}.{:03}", millis / 1000, millis % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        let day = |n: u64| Time(n * 86_400 * 1_000_000_000).rfc3339();
        assert_eq!(Time::ZERO.rfc3339(), "2026-01-01T00:00:00Z");
        assert_eq!(day(31), "2026-02-01T00:00:00Z");
        assert_eq!(day(364), "2026-12-31T00:00:00Z");
        assert_eq!(day(365 + 365 + 31 + 28), "2028-02-29T00:00:00Z");
        assert_eq!(Time::from_millis(3_723_004).rfc3339_nanos(), "2026-01-01T01:02:03.004000000Z");
    }

    #[test]
    fn cri_timestamps_round_trip() {
        let at = Time::from_millis(12_345);
        assert_eq!(Time::from_unix_nanos(at.unix_nanos()), at);
    }
}
