//! Kubernetes objects as a kubelet sees them, and the reading of manifests.
//!
//! * The types of core/v1 ([`Pod`], [`PodStatus`], [`Event`] and all below), under their upstream names.
//! * [`Quantity`]: amounts of resources.
//! * [`print`]: objects as JSON and YAML.

pub mod manifest;
pub mod print;
pub mod value;
pub mod yaml;

mod decode;
mod defaults;
mod json;
mod problem;
mod quantity;
mod schema;
mod simulated;
mod v1;
mod validation;

pub use defaults::set_defaults;
pub use json::{Json, Raw};
pub use problem::{FieldNote, Problem, Severity};
pub use quantity::{FORMAT_WRONG, Quantity};
pub use simulated::Unsimulated;
pub use v1::*;

#[cfg(test)]
mod tests {
    use super::*;

    /// Reading and printing are inverse, and empty fields are left out as `kubectl` does.
    #[test]
    fn a_pod_survives_json() {
        let text = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"},"name":"p"},"spec":{"containers":[{"image":"i","livenessProbe":{"httpGet":{"port":"web"},"periodSeconds":5},"name":"c","resources":{"limits":{"cpu":"500m","memory":"1Gi"}},"stdin":true}],"ephemeralContainers":[{"name":"d","resources":{},"targetContainerName":"c"}],"terminationGracePeriodSeconds":0},"status":{"containerStatuses":[{"image":"i","imageID":"","lastState":{},"name":"c","ready":false,"restartCount":0,"started":false,"state":{"waiting":{"reason":"ContainerCreating"}}}]}}"#;
        let pod: Pod = serde_json::from_str(text).expect("a valid pod");
        assert_eq!(serde_json::to_string(&pod).expect("a printable pod"), text);
        assert_eq!(format!("{pod:?}"), text);
        assert_eq!(pod, pod.clone());
        assert_eq!(summary(&pod.status), "no phase; c waiting (ContainerCreating)");
    }

    #[test]
    fn unknown_fields_are_refused() {
        let error = serde_json::from_str::<Pod>(r#"{"spec":{"containers":[{"nome":"x"}]}}"#)
            .expect_err("an unknown field");
        assert!(
            error
                .to_string()
                .starts_with("strict decoding error: unknown field \"spec.containers[0].nome\"")
        );
    }
}
