//! Ages and dates, each in the words of the tool that prints them.

use trace::Time;

/// `HumanDuration` of `k8s.io/apimachinery/pkg/util/duration/duration.go`.
pub(crate) fn age(seconds: u64) -> String {
    let two = |big: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit}{small}{small_unit}"),
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(hours / 24, "d", hours % 24, "h"),
        _ => format!("{}d", hours / 24),
    }
}

/// `HumanDuration` of `github.com/docker/go-units/duration.go`.
pub(crate) fn units(seconds: u64) -> String {
    match (seconds, seconds / 60, (seconds + 1800) / 3600) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, minutes @ 2..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, hours @ 2..48) => format!("{hours} hours"),
        (_, _, hours) => format!("{} days", hours / 24),
    }
}

/// A size in bytes with three digits, as `HumanSizeWithPrecision(size, 3)` of the same library.
pub(crate) fn size(bytes: u64) -> String {
    let (mut size, mut unit) = (bytes as f64, 0);
    let names = ["B", "kB", "MB", "GB", "TB"];
    while size >= 1000.0 && unit + 1 < names.len() {
        size /= 1000.0;
        unit += 1;
    }
    // Go's %.3g has no trailing zeros.
    let digits = if size >= 100.0 { 0 } else { usize::from(size < 10.0) + 1 };
    let text = format!("{size:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{}", names[unit])
}

/// The moment of a time of the Kubernetes API, such as `2026-01-01T00:00:05Z`.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Days from a date, with March as the first month.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Time::from_unix_nanos(seconds * 1_000_000_000))
}

/// A time of the Kubernetes API in RFC 1123 with a numeric zone, as `kubectl describe` prints it.
pub(crate) fn rfc1123(text: &str) -> String {
    let Some(time) = parse(text) else { return text.to_owned() };
    let days = time.unix_nanos() / 86_400_000_000_000;
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month: usize = text[5..7].parse().unwrap_or(1);
    let month = months[(month - 1) % 12];
    format!("{weekday}, {} {month} {} {} +0000", &text[8..10], &text[..4], &text[11..19])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_prints_them() {
        let ages = [0, 119, 120, 125, 599, 600, 10_800, 11_000, 100_000, 180_000];
        assert_eq!(
            ages.map(age),
            ["0s", "119s", "2m", "2m5s", "9m59s", "10m", "3h", "3h3m", "27h", "2d2h"]
        );
    }

    #[test]
    fn durations_read_as_docker_prints_them() {
        let words = [0, 1, 59, 60, 150, 3600, 7200];
        assert_eq!(
            words.map(units),
            [
                "Less than a second",
                "1 second",
                "59 seconds",
                "About a minute",
                "2 minutes",
                "About an hour",
                "2 hours"
            ]
        );
        assert_eq!(
            [999, 187_000_000, 1_230, 45_600_000].map(size),
            ["999B", "187MB", "1.23kB", "45.6MB"]
        );
    }

    #[test]
    fn dates_are_read_and_printed() {
        let at = Time::from_millis(3_723_000);
        assert_eq!(parse(&at.rfc3339()), Some(at));
        assert_eq!(rfc1123("2026-01-01T01:02:03Z"), "Thu, 01 Jan 2026 01:02:03 +0000");
        assert_eq!(rfc1123("2026-02-28T00:00:00Z"), "Sat, 28 Feb 2026 00:00:00 +0000");
    }
}
