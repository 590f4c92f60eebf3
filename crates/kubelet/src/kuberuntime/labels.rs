//! The labels and annotations by which a kubelet knows its pods and containers again.
//!
//! Upstream: `pkg/kubelet/kuberuntime/labels.go`, `pkg/kubelet/types/labels.go`.

use crate::Features;
use crate::container::hash_container;
use api::{Container, Pod};
use std::collections::BTreeMap;

/// The pod's name.
pub const POD_NAME: &str = "io.kubernetes.pod.name";
/// The pod's namespace.
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// The pod's UID.
pub const POD_UID: &str = "io.kubernetes.pod.uid";
/// The container's name.
pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";
/// The hash of the container's definition.
pub const HASH: &str = "io.kubernetes.container.hash";
/// How many of its name there were before.
pub const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
/// Where the container leaves its last words.
pub const TERMINATION_MESSAGE_PATH: &str = "io.kubernetes.container.terminationMessagePath";
/// Whether its log may stand in for them.
pub const TERMINATION_MESSAGE_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";
/// The grace period of a deletion that had begun.
pub const DELETION_GRACE_PERIOD: &str = "io.kubernetes.pod.deletionGracePeriod";
/// The grace period of the spec.
pub const TERMINATION_GRACE_PERIOD: &str = "io.kubernetes.pod.terminationGracePeriod";
const PRE_STOP_HANDLER: &str = "io.kubernetes.container.preStopHandler";
const PORTS: &str = "io.kubernetes.container.ports";

type Strings = BTreeMap<String, String>;

fn identity(pod: &Pod) -> Strings {
    Strings::from([
        (POD_NAME.to_owned(), pod.metadata.name.clone()),
        (POD_NAMESPACE.to_owned(), pod.metadata.namespace.clone()),
        (POD_UID.to_owned(), pod.metadata.uid.clone()),
    ])
}

/// The labels of a sandbox: the pod's own, and who it is.
#[must_use]
pub fn pod_labels(pod: &Pod) -> Strings {
    let mut labels = pod.metadata.labels.clone();
    labels.append(&mut identity(pod));
    labels
}

/// The labels of a container: who it is.
#[must_use]
pub fn container_labels(container: &Container, pod: &Pod) -> Strings {
    let mut labels = identity(pod);
    labels.insert(CONTAINER_NAME.to_owned(), container.name.clone());
    labels
}

/// The annotations of a container: what a restarted kubelet has to know of it.
#[must_use]
pub fn container_annotations(
    container: &Container,
    pod: &Pod,
    restart_count: u32,
    features: Features,
) -> Strings {
    let mut annotations = Strings::from([
        (HASH.to_owned(), format!("{:x}", hash_container(container, features))),
        (RESTART_COUNT.to_owned(), restart_count.to_string()),
        (TERMINATION_MESSAGE_PATH.to_owned(), container.termination_message_path.clone()),
        (TERMINATION_MESSAGE_POLICY.to_owned(), container.termination_message_policy.clone()),
    ]);
    let mut insert = |name: &str, text: String| annotations.insert(name.to_owned(), text);
    if let Some(grace) = pod.metadata.deletion_grace_period_seconds {
        insert(DELETION_GRACE_PERIOD, grace.to_string());
    }
    if let Some(grace) = pod.spec.termination_grace_period_seconds {
        insert(TERMINATION_GRACE_PERIOD, grace.to_string());
    }
    let pre_stop = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
    if let Some(Ok(text)) = pre_stop.map(serde_json::to_string) {
        insert(PRE_STOP_HANDLER, text);
    }
    if !container.ports.is_empty() {
        insert(PORTS, ports_json(&container.ports));
    }
    annotations
}

/// The ports as Go prints them: in the order of the fields.
fn ports_json(ports: &[api::ContainerPort]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let one = |port: &api::ContainerPort| {
        let mut fields = Vec::new();
        if !port.name.is_empty() {
            fields.push(format!("\"name\":{}", quoted(&port.name)));
        }
        if port.host_port != 0 {
            fields.push(format!("\"hostPort\":{}", port.host_port));
        }
        fields.push(format!("\"containerPort\":{}", port.container_port));
        if !port.protocol.is_empty() {
            fields.push(format!("\"protocol\":{}", quoted(&port.protocol)));
        }
        if !port.host_ip.is_empty() {
            fields.push(format!("\"hostIP\":{}", quoted(&port.host_ip)));
        }
        format!("{{{}}}", fields.join(","))
    };
    format!("[{}]", ports.iter().map(one).collect::<Vec<_>>().join(","))
}
