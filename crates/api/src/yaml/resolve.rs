//! What a plain scalar means.
//!
//! Kubernetes reads YAML by the rules of version 1.1 as far as `go.yaml.in/yaml/v2` knows them: `yes`, `on`
//! and `y` are true, `010` is eight. Whoever writes `value: on` is told, by Kubernetes and here alike, that
//! a boolean is no string.
//!
//! Upstream: `resolve.go` of that package. Dates stay strings, as they do there on the way to JSON.

use super::Kind;

/// The meaning of an unquoted scalar without a tag.
pub(super) fn resolve_plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Kind::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Kind::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Kind::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Kind::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Kind::Str(text.to_owned());
    }
    let digits = if text.starts_with('.') { text.to_owned() } else { text.replace('_', "") };
    if let Some(value) = integer(&digits) {
        return value;
    }
    if is_float(&digits)
        && let Ok(value) = digits.parse()
    {
        return Kind::Float(value);
    }
    Kind::Str(text.to_owned())
}

/// Go's `strconv.ParseInt(text, 0, 64)`: the prefix tells the base, and a leading zero means octal.
fn integer(text: &str) -> Option<Kind> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, base) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&unsigned[2..], 16),
        [b'0', b'o' | b'O', ..] => (&unsigned[2..], 8),
        [b'0', b'b' | b'B', ..] => (&unsigned[2..], 2),
        [b'0', _, ..] => (&unsigned[1..], 8),
        _ => (unsigned, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, base).ok();
    let value = magnitude.map(|value| if text.starts_with('-') { -value } else { value });
    Some(match value.map(i64::try_from) {
        Some(Ok(value)) => Kind::Int(value),
        // More than 64 bits: no field of any API holds that, so that its size is all that matters.
        _ => Kind::Float(value.map_or(f64::INFINITY, |value| value as f64)),
    })
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (number, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(n, e)| (n, Some(e)));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let number_is_right = match number.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !number.is_empty() && digits(number),
    };
    number_is_right
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        })
}
