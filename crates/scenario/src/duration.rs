//! Durations as scenarios write them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration written as in Go: `1.5s`, `200ms`, `2m30s`, `1h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScenarioDuration(pub Duration);

/// The longest that a scenario may name: a week.
const MAX: Duration = Duration::from_secs(7 * 24 * 3600);

impl FromStr for ScenarioDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a duration such as \"30s\", \"1.5s\" or \"2m30s\"");
        let mut total = Duration::ZERO;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let (number, tail) = rest.split_at(digits);
            let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let seconds = match unit {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return Err(wrong()),
            };
            let number: f64 = number.parse().map_err(|_| wrong())?;
            let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
            total = total.checked_add(part).filter(|total| *total <= MAX).ok_or_else(|| {
                format!("{text:?} is longer than a scenario may last, which is a week")
            })?;
            rest = tail;
        }
        Ok(Self(total))
    }
}

/// In seconds, with as many digits as it takes.
impl fmt::Display for ScenarioDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:09}", self.0.subsec_nanos());
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{}s", self.0.as_secs()),
            digits => write!(f, "{}.{digits}s", self.0.as_secs()),
        }
    }
}

impl Serialize for ScenarioDuration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScenarioDuration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::ScenarioDuration;

    #[test]
    fn durations_are_read_as_in_go() {
        let millis = |text: &str| text.parse::<ScenarioDuration>().map(|d| d.0.as_millis());
        assert_eq!(millis("30s"), Ok(30_000));
        assert_eq!(millis("1.5s"), Ok(1_500));
        assert_eq!(millis("2m30s"), Ok(150_000));
        assert_eq!(millis("200ms"), Ok(200));
        let again = |text: &str| text.parse().map(|d: ScenarioDuration| d.to_string());
        assert_eq!(again("2m30s").as_deref(), Ok("150s"));
        assert_eq!(again("3011.25ms").as_deref(), Ok("3.01125s"));
        for wrong in ["", "30", "s", "-1s", "1y", "1..2s", "9999h", "1e9s"] {
            assert!(millis(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
