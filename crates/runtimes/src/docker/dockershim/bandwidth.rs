//! Bandwidth limits of pods, from annotations.
//!
//! Models: kubernetes@v1.22.6 `pkg/util/bandwidth/utils.go` `ExtractPodBandwidthResources`.

use crate::json::Json;
use std::collections::BTreeMap;

/// What a burst may be: no limit, in practice.
const BURST: i64 = i32::MAX as i64;

/// The value of CNI's capability `bandwidth`; none if no annotation asks for it.
///
/// # Errors
/// A quantity that is none, or out of 1k to 1P.
pub(super) fn capability(annotations: &BTreeMap<String, String>) -> Result<Option<String>, String> {
    let ingress = limit(annotations, "kubernetes.io/ingress-bandwidth")?;
    let egress = limit(annotations, "kubernetes.io/egress-bandwidth")?;
    if ingress.is_none() && egress.is_none() {
        return Ok(None);
    }
    let mut json = Json::object();
    if let Some(rate) = ingress {
        json = json.num("ingressRate", rate).num("ingressBurst", BURST);
    }
    if let Some(rate) = egress {
        json = json.num("egressRate", rate).num("egressBurst", BURST);
    }
    Ok(Some(json.text()))
}

fn limit(annotations: &BTreeMap<String, String>, key: &str) -> Result<Option<i64>, String> {
    let Some(text) = annotations.get(key) else { return Ok(None) };
    let failed = |why: &str| format!("failed to get pod bandwidth from annotations: {why}");
    let value = parse_quantity(text).ok_or_else(|| {
        failed(
            "quantities must match the regular expression \
             '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        )
    })?;
    match value {
        ..1_000 => Err(failed("resource is unreasonably small (< 1kbit)")),
        1_000_000_000_000_001.. => Err(failed("resource is unreasonably large (> 1Pbit)")),
        value => Ok(Some(value)),
    }
}

/// A quantity of Kubernetes, rounded up to a whole number.
fn parse_quantity(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c));
    let (number, suffix) = text.split_at(split.unwrap_or(text.len()));
    let number: f64 = number.parse().ok()?;
    let factor = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            10_f64.powi(digits.parse().ok()?)
        }
    };
    let value = (number * factor).ceil();
    value.is_finite().then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_quantities() {
        let both = BTreeMap::from([
            ("kubernetes.io/ingress-bandwidth".to_owned(), "1M".to_owned()),
            ("kubernetes.io/egress-bandwidth".to_owned(), "2e6".to_owned()),
        ]);
        assert_eq!(
            capability(&both),
            Ok(Some(
                r#"{"ingressRate":1000000,"ingressBurst":2147483647,"egressRate":2000000,"egressBurst":2147483647}"#
                    .to_owned()
            ))
        );
        for bad in ["1", "2P", "fast", ""] {
            let one =
                BTreeMap::from([("kubernetes.io/egress-bandwidth".to_owned(), bad.to_owned())]);
            assert!(capability(&one).is_err(), "{bad}");
        }
        assert_eq!(capability(&BTreeMap::new()), Ok(None));
    }
}
