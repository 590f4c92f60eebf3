//! Amounts of CPU, memory and other resources, with Kubernetes' suffixes.
//!
//! Upstream: `staging/src/k8s.io/apimachinery/pkg/api/resource/{quantity,suffix}.go`.

use std::fmt::Write;

/// An amount as Kubernetes writes it: `500m`, `1Gi`, `2`, `1e3`.
///
/// It holds the text in canonical form, the one that the API server answers with: `0.5` becomes `500m` and
/// `1024Mi` becomes `1Gi`. Two quantities are equal when their texts are; compare amounts with
/// [`Quantity::nanos`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quantity(String);

/// What the API server says of text that is no quantity.
pub const FORMAT_WRONG: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX_WRONG: &str = "unable to parse quantity's suffix";
const NUMBER_WRONG: &str = "unable to parse numeric part of quantity";

/// The upper end of the range, as upstream: what fits into an `int64`.
const MAX_NANOS: i128 = i64::MAX as i128 * NANO;
const NANO: i128 = 1_000_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Binary,
    Decimal,
    Exponent,
}

impl Default for Quantity {
    fn default() -> Quantity {
        Quantity("0".to_owned())
    }
}

impl Quantity {
    /// Reads `text` and puts it into canonical form.
    ///
    /// # Errors
    /// The sentence that the API server would say.
    pub fn parse(text: &str) -> Result<Quantity, &'static str> {
        parse(text).map(|(nanos, format, as_is)| {
            Quantity(if as_is { text.to_owned() } else { canonical(nanos, format) })
        })
    }

    /// An amount of bytes, written with a binary suffix where it divides evenly.
    pub fn from_bytes(bytes: i64) -> Quantity {
        Quantity(canonical(i128::from(bytes) * NANO, Format::Binary))
    }

    /// An amount in thousandths, as CPU is counted.
    pub fn from_milli(milli: i64) -> Quantity {
        Quantity(canonical(i128::from(milli) * (NANO / 1000), Format::Decimal))
    }

    /// The text in canonical form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The amount in billionths, which is as fine as Kubernetes counts.
    pub fn nanos(&self) -> i128 {
        parse(&self.0).map_or(0, |(nanos, _, _)| nanos)
    }

    /// The amount in thousandths, rounded away from zero: `MilliValue()` upstream.
    pub fn milli_value(&self) -> i64 {
        round_up(self.nanos(), NANO / 1000)
    }

    /// The amount in whole units (bytes for memory), rounded away from zero: `Value()` upstream.
    pub fn value(&self) -> i64 {
        round_up(self.nanos(), NANO)
    }

    /// This amount and another together, in this one's style.
    #[must_use]
    pub fn plus(&self, other: &Quantity) -> Quantity {
        let (mine, format, _) = parse(&self.0).unwrap_or((0, Format::Decimal, false));
        let (theirs, other_format, _) = parse(&other.0).unwrap_or((0, Format::Decimal, false));
        let sum = (mine + theirs).clamp(-MAX_NANOS, MAX_NANOS);
        Quantity(canonical(sum, if mine == 0 { other_format } else { format }))
    }
}

fn round_up(nanos: i128, unit: i128) -> i64 {
    let whole = nanos / unit + (nanos % unit).signum();
    i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX })
}

/// The amount, its style, and whether upstream keeps the text as it stands.
fn parse(text: &str) -> Result<(i128, Format, bool), &'static str> {
    if text.is_empty() {
        return Err(FORMAT_WRONG);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let split = |text: &str, more: fn(char) -> bool| {
        let end = text.find(|c| !more(c)).unwrap_or(text.len());
        (text[..end].to_owned(), text[end..].to_owned())
    };
    let (whole, rest) = split(unsigned, |c| c.is_ascii_digit());
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => split(rest, |c| c.is_ascii_digit()),
        None => (String::new(), rest),
    };
    let (letters, exponent) = split(&suffix, |c| "eEinumkKMGTP".contains(c));
    let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(&exponent);
    if !exponent_digits.chars().all(|c| c.is_ascii_digit()) {
        return Err(FORMAT_WRONG);
    }
    let (base, power, format): (i128, i32, Format) = match suffix.as_str() {
        "n" => (10, -9, Format::Decimal),
        "u" => (10, -6, Format::Decimal),
        "m" => (10, -3, Format::Decimal),
        "" => (10, 0, Format::Decimal),
        "k" => (10, 3, Format::Decimal),
        "M" => (10, 6, Format::Decimal),
        "G" => (10, 9, Format::Decimal),
        "T" => (10, 12, Format::Decimal),
        "P" => (10, 15, Format::Decimal),
        "E" => (10, 18, Format::Decimal),
        "Ki" => (1024, 1, Format::Binary),
        "Mi" => (1024, 2, Format::Binary),
        "Gi" => (1024, 3, Format::Binary),
        "Ti" => (1024, 4, Format::Binary),
        "Pi" => (1024, 5, Format::Binary),
        "Ei" => (1024, 6, Format::Binary),
        _ if (letters == "e" || letters == "E") && !exponent_digits.is_empty() => {
            (10, exponent.parse().map_err(|_| SUFFIX_WRONG)?, Format::Exponent)
        }
        _ => return Err(SUFFIX_WRONG),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(NUMBER_WRONG);
    }

    // Long numbers saturate: nothing that a manifest can mean is lost by that.
    let digits: String = format!("{whole}{fraction}").trim_start_matches('0').to_owned();
    let places = fraction.len() as i32;
    let decimal_power = if base == 10 { power } else { 0 };
    let shift = decimal_power.saturating_sub(places).saturating_add(9);
    let kept = digits.len().min(30);
    let dropped = (digits.len() - kept) as i32;
    let mut amount: i128 = digits[..kept].parse().unwrap_or(0);
    let mut inexact = digits[kept..].contains(|c| c != '0');
    if base == 1024 {
        amount = amount.saturating_mul(1024_i128.saturating_pow(power as u32));
    }
    let shift = shift.saturating_add(dropped);
    if amount == 0 {
        return Ok((0, format, false));
    }
    if shift >= 0 {
        amount = amount.saturating_mul(10_i128.saturating_pow(shift.min(40) as u32));
    } else {
        let divisor = 10_i128.saturating_pow(shift.saturating_neg().min(38) as u32);
        inexact |= amount % divisor != 0;
        amount /= divisor;
    }
    // Too small an amount is rounded up to the least one.
    amount = amount.saturating_add(i128::from(inexact)).min(MAX_NANOS);
    let as_is = match format {
        Format::Binary => fraction.is_empty() && !digits.is_empty() && odd_eighth(&digits),
        _ => {
            let shifted = format!("{whole}{fraction}");
            power.saturating_sub(places) % 3 == 0
                && !shifted.ends_with("000")
                && !shifted.starts_with('0')
        }
    } && amount < MAX_NANOS
        && !text.starts_with('+');
    Ok((if negative { -amount } else { amount }, format, as_is))
}

/// Upstream keeps a binary amount's text when the number is no multiple of 8 (and so of 1024).
fn odd_eighth(digits: &str) -> bool {
    let tail = &digits[digits.len().saturating_sub(3)..];
    tail.parse::<u32>().is_ok_and(|tail| tail % 8 != 0)
}

/// Upstream: `CanonicalizeBytes`.
fn canonical(nanos: i128, mut format: Format) -> String {
    if nanos == 0 {
        return "0".to_owned();
    }
    let mut text = String::new();
    if format == Format::Binary && (nanos.abs() < 1024 * NANO || nanos % NANO != 0) {
        format = Format::Decimal;
    }
    if format == Format::Binary {
        let mut amount = nanos / NANO;
        let mut power = 0;
        while amount % 1024 == 0 && power < 6 {
            amount /= 1024;
            power += 1;
        }
        let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power];
        let _ = write!(text, "{amount}{suffix}");
        return text;
    }
    let mut amount = nanos;
    let mut power = 0;
    while amount % 1000 == 0 && power < 9 {
        amount /= 1000;
        power += 1;
    }
    let _ = write!(text, "{amount}");
    if format == Format::Decimal {
        text.push_str(["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][power]);
    } else if power != 3 {
        let _ = write!(text, "e{}", power as i32 * 3 - 9);
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Text, canonical form, thousandths and whole units; or the error.
    fn check(texts: &str, expected: Expect) {
        let rows: Vec<String> = texts
            .split(' ')
            .map(|text| match Quantity::parse(text) {
                Ok(quantity) => {
                    format!(
                        "{text}: {} {} {}",
                        quantity.as_str(),
                        quantity.milli_value(),
                        quantity.value()
                    )
                }
                Err(message) => format!("{text}: {message}"),
            })
            .collect();
        expected.assert_eq(&rows.join("\n"));
    }

    #[test]
    fn canonical_forms() {
        check(
            "0 1 0.5 .5 100m 1000m 1500m 1000 1500 1000000 2k 3M",
            expect![[r#"
            0: 0 0 0
            1: 1 1000 1
            0.5: 500m 500 1
            .5: 500m 500 1
            100m: 100m 100 1
            1000m: 1 1000 1
            1500m: 1500m 1500 2
            1000: 1k 1000000 1000
            1500: 1500 1500000 1500
            1000000: 1M 1000000000 1000000
            2k: 2k 2000000 2000
            3M: 3M 3000000000 3000000"#]],
        );
        check(
            "1Ki 1024Mi 1536Mi 1.5Gi 100Mi 0.5Mi 0.1Ki 512 1Ei 9999999999Gi",
            expect![[r#"
            1Ki: 1Ki 1024000 1024
            1024Mi: 1Gi 1073741824000 1073741824
            1536Mi: 1536Mi 1610612736000 1610612736
            1.5Gi: 1536Mi 1610612736000 1610612736
            100Mi: 100Mi 104857600000 104857600
            0.5Mi: 512Ki 524288000 524288
            0.1Ki: 102400m 102400 103
            512: 512 512000 512
            1Ei: 1Ei 9223372036854775807 1152921504606846976
            9999999999Gi: 9223372036854775807 9223372036854775807 9223372036854775807"#]],
        );
        check(
            "1e3 1E3 1.5e3 12e6 1e-3 5e0",
            expect![[r#"
            1e3: 1e3 1000000 1000
            1E3: 1E3 1000000 1000
            1.5e3: 1500 1500000 1500
            12e6: 12e6 12000000000 12000000
            1e-3: 1e-3 1 1
            5e0: 5e0 5000 5"#]],
        );
        check(
            "-1 +1 -0.5 1n 0.1n 1u 0.0000000001 00 007",
            expect![[r#"
            -1: -1 -1000 -1
            +1: 1 1000 1
            -0.5: -500m -500 -1
            1n: 1n 1 1
            0.1n: 1n 1 1
            1u: 1u 1 1
            0.0000000001: 1n 1 1
            00: 0 0 0
            007: 7 7000 7"#]],
        );
        check(
            "1e2147483647 1e-2147483648 123456789012345678901234567890123456789012345 0.000000000000000000000000000000000000000001",
            expect![[r#"
                1e2147483647: 9223372036854775807 9223372036854775807 9223372036854775807
                1e-2147483648: 1e-9 1 1
                123456789012345678901234567890123456789012345: 9223372036854775807 9223372036854775807 9223372036854775807
                0.000000000000000000000000000000000000000001: 1n 1 1"#]],
        );
    }

    #[test]
    fn what_is_no_quantity() {
        check(
            "lots 1Xi 1i 1.1.1 1e 1e+ 1e99999999999 1Gib . - m",
            expect![[r#"
            lots: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'
            1Xi: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'
            1i: unable to parse quantity's suffix
            1.1.1: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'
            1e: unable to parse quantity's suffix
            1e+: unable to parse quantity's suffix
            1e99999999999: unable to parse quantity's suffix
            1Gib: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'
            .: unable to parse numeric part of quantity
            -: unable to parse numeric part of quantity
            m: unable to parse numeric part of quantity"#]],
        );
        assert_eq!(Quantity::parse(""), Err(FORMAT_WRONG));
        assert_eq!(Quantity::parse("1 Gi"), Err(FORMAT_WRONG));
    }

    #[test]
    fn sums_keep_their_style() {
        let sum = |a: &str, b: &str| {
            let parse = |text| Quantity::parse(text).expect("a quantity");
            parse(a).plus(&parse(b)).as_str().to_owned()
        };
        assert_eq!(sum("500m", "1"), "1500m");
        assert_eq!(sum("512Mi", "512Mi"), "1Gi");
        assert_eq!(sum("0", "1Gi"), "1Gi");
        assert_eq!(Quantity::from_bytes(3 << 20).as_str(), "3Mi");
        assert_eq!(Quantity::from_milli(2500).as_str(), "2500m");
    }
}
