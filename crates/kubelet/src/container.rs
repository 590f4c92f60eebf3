//! What the kubelet knows of a pod from the runtime alone.
//!
//! Upstream: `pkg/kubelet/container/runtime.go` and `helpers.go`.

use crate::Features;
use api::{Container, Pod, PodSpec};
use std::rc::Rc;
use trace::Time;

/// The states of a container, as the kubelet counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Made, not started.
    Created,
    /// Running.
    Running,
    /// Ended.
    Exited,
    /// The runtime has lost track of it.
    Unknown,
}

impl State {
    /// The name in the kubelet's messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Unknown => "unknown",
        }
    }
}

impl From<cri::ContainerState> for State {
    fn from(state: cri::ContainerState) -> Self {
        match state {
            cri::ContainerState::ContainerCreated => Self::Created,
            cri::ContainerState::ContainerRunning => Self::Running,
            cri::ContainerState::ContainerExited => Self::Exited,
            cri::ContainerState::ContainerUnknown => Self::Unknown,
        }
    }
}

/// One container of a pod, as the runtime reports it.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its id, without the runtime's name.
    pub id: Rc<str>,
    /// Its name in the pod.
    pub name: Rc<str>,
    /// Where it stands.
    pub state: State,
    /// When it was made.
    pub created_at: Time,
    /// When it was started; zero if it was not.
    pub started_at: Time,
    /// When it ended; zero if it has not.
    pub finished_at: Time,
    /// Its exit code, if it has ended.
    pub exit_code: i32,
    /// Its image, as the pod names it.
    pub image: Rc<str>,
    /// The image's id.
    pub image_id: Rc<str>,
    /// The hash of the spec that it was made from.
    pub hash: u64,
    /// How many of its name there were before.
    pub restart_count: u32,
    /// Why it ended: `Completed`, `Error`, `OOMKilled`.
    pub reason: Rc<str>,
    /// Its last words.
    pub message: Rc<str>,
}

/// One sandbox of a pod, as the runtime reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Its id.
    pub id: Rc<str>,
    /// How many the pod had before.
    pub attempt: u32,
    /// Whether it is ready.
    pub ready: bool,
    /// When it was made.
    pub created_at: Time,
    /// Whether it uses the node's network.
    pub host_network: bool,
    /// Its addresses.
    pub ips: Vec<Rc<str>>,
}

/// A pod, as the runtime reports it.
#[derive(Clone, Debug, Default)]
pub struct PodStatus {
    /// Its sandboxes, newest first.
    pub sandboxes: Vec<Sandbox>,
    /// Its containers, newest first.
    pub containers: Vec<Rc<Status>>,
    /// Its addresses.
    pub ips: Vec<Rc<str>>,
}

impl PodStatus {
    /// The newest container of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Rc<Status>> {
        self.containers.iter().find(|status| *status.name == *name)
    }

    /// Whether any container runs.
    #[must_use]
    pub fn any_running(&self) -> bool {
        self.containers.iter().any(|status| status.state == State::Running)
    }
}

/// Whether an init container keeps running beside the pod's containers.
#[must_use]
pub fn is_restartable_init_container(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// Whether a pod uses the node's network.
#[must_use]
pub const fn is_host_network_pod(pod: &Pod) -> bool {
    pod.spec.host_network
}

/// All containers of a pod that have a name of their own: init, regular, ephemeral.
pub fn all_containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    let ephemeral = spec.ephemeral_containers.iter().map(|ephemeral| &ephemeral.container);
    spec.init_containers.iter().chain(&spec.containers).chain(ephemeral)
}

/// A container of a pod by its name.
#[must_use]
pub fn container_spec<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    all_containers(&pod.spec).find(|container| container.name == name)
}

/// Whether a container that ended with an exit code is to be started again: by its own rules, by
/// its own policy, by the pod's policy, in this order.
///
/// Upstream: `pkg/api/v1/pod/util.go` `ContainerShouldRestart`.
#[must_use]
pub fn container_should_restart(
    container: &Container,
    spec: &PodSpec,
    exit_code: i32,
    features: Features,
) -> bool {
    // A sidecar of the versions without rules has its policy from being a sidecar.
    let policy = match container.restart_policy.as_deref() {
        Some(policy) if features.restart_rules || (features.sidecars && policy == "Always") => {
            if features.restart_rules
                && let Some(action) = matching_rule(container, exit_code)
            {
                // The other action starts all containers, this one with them.
                return action == "Restart" || action == "RestartAllContainers";
            }
            policy
        }
        _ => spec.restart_policy.as_str(),
    };
    match policy {
        "Never" => false,
        "OnFailure" => exit_code != 0,
        _ => true,
    }
}

/// The action of the first rule that is about an exit code.
#[must_use]
pub fn matching_rule(container: &Container, exit_code: i32) -> Option<&str> {
    let matches = |rule: &&api::ContainerRestartRule| {
        rule.exit_codes.as_ref().is_some_and(|codes| {
            let listed = codes.values.contains(&exit_code);
            match codes.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                _ => false,
            }
        })
    };
    container.restart_policy_rules.iter().find(matches).map(|rule| rule.action.as_str())
}

/// Whether a container is to be started, by what the runtime says of it.
///
/// Upstream: `pkg/kubelet/container/helpers.go` `ShouldContainerBeRestarted`.
#[must_use]
pub fn should_container_be_restarted(
    container: &Container,
    pod: &Pod,
    status: &PodStatus,
    features: Features,
) -> bool {
    if pod.metadata.deletion_timestamp.is_some() {
        return false;
    }
    let Some(status) = status.find(&container.name) else { return true };
    match status.state {
        State::Running => false,
        State::Unknown | State::Created => true,
        State::Exited => container_should_restart(container, &pod.spec, status.exit_code, features),
    }
}

/// Whether an exit of any container starts all of them again.
///
/// Upstream: `pkg/api/v1/pod/util.go` `AllContainersCouldRestart`.
#[must_use]
pub fn all_containers_could_restart(spec: &PodSpec) -> bool {
    let restarts_all = |container: &Container| {
        container.restart_policy_rules.iter().any(|rule| rule.action == "RestartAllContainers")
    };
    spec.init_containers.iter().chain(&spec.containers).any(restarts_all)
}

/// Whether the runtime has, or had, any regular container of the pod.
///
/// Upstream: `kuberuntime_container.go` `HasAnyRegularContainerCreated`.
#[must_use]
pub fn has_any_regular_container_created(pod: &Pod, status: &PodStatus) -> bool {
    pod.spec.containers.iter().any(|container| {
        status.find(&container.name).is_some_and(|status| {
            matches!(status.state, State::Created | State::Running | State::Exited)
        })
    })
}

/// Whether any regular container has been started in the present sandbox.
///
/// Upstream: `pkg/kubelet/container/helpers.go` `HasAnyActiveRegularContainerStarted`.
#[must_use]
pub fn has_any_active_regular_container_started(spec: &PodSpec, status: &PodStatus) -> bool {
    spec.containers.iter().any(|container| {
        status
            .find(&container.name)
            .is_some_and(|status| matches!(status.state, State::Running | State::Exited))
    })
}

/// The hash by which a container's definition is known to have changed.
///
/// Upstream: `pkg/kubelet/container/helpers.go` `HashContainer`: FNV-32a over the printed bytes
/// of the container as JSON; of its name and image only since 1.31.
#[must_use]
pub fn hash_container(container: &Container, features: Features) -> u64 {
    let json = if features.hash_of_name_and_image {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        format!("{{\"image\":{},\"name\":{}}}", quoted(&container.image), quoted(&container.name))
    } else {
        serde_json::to_string(container).unwrap_or_default()
    };
    let mut hash = 0x811c_9dc5_u32;
    let mut feed = |text: &[u8]| {
        for byte in text {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    };
    feed(b"([]uint8)[");
    let mut digits = [0; 3];
    for (index, &byte) in json.as_bytes().iter().enumerate() {
        if index > 0 {
            feed(b" ");
        }
        // Go prints the bytes as decimal numbers.
        digits = [b'0' + byte / 100, b'0' + byte / 10 % 10, b'0' + byte % 10];
        let leading = if byte >= 100 {
            0
        } else if byte >= 10 {
            1
        } else {
            2
        };
        feed(&digits[leading..]);
    }
    let _ = digits;
    feed(b"]");
    u64::from(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    fn container(name: &str) -> Container {
        Container { name: name.into(), image: "example.com/app:1".into(), ..Container::default() }
    }

    #[test]
    fn hashes_are_those_of_the_real_kubelet() {
        let features = Version::V1_36.features();
        let expected = [("c1", 0xb180_c1ed), ("side", 0x978c_1dde), ("main", 0x8850_c28e)];
        for (name, hash) in expected {
            assert_eq!(hash_container(&container(name), features), hash, "{name}");
        }
    }

    #[test]
    fn an_old_kubelet_hashes_the_whole_container() {
        let features = Version::V1_22.features();
        let plain = container("c1");
        let other = Container { tty: true, ..plain.clone() };
        assert_ne!(hash_container(&plain, features), hash_container(&other, features));
        let features = Version::V1_36.features();
        assert_eq!(hash_container(&plain, features), hash_container(&other, features));
    }

    #[test]
    fn rules_win_over_the_containers_policy_and_that_over_the_pods() {
        let features = Version::V1_36.features();
        let codes = |operator: &str| api::ContainerRestartRuleOnExitCodes {
            operator: operator.into(),
            values: vec![42],
        };
        let rule = |operator: &str| api::ContainerRestartRule {
            action: "Restart".into(),
            exit_codes: Some(codes(operator)),
        };
        // Pod's policy, container's policy, operator of the rule, exit code, restarted?
        let table = [
            ("Always", None, None, 0, true),
            ("OnFailure", None, None, 0, false),
            ("OnFailure", None, None, 1, true),
            ("Never", None, None, 1, false),
            ("Never", Some("Always"), None, 0, true),
            ("Never", Some("OnFailure"), None, 0, false),
            ("Never", Some("OnFailure"), None, 1, true),
            ("Always", Some("Never"), None, 1, false),
            ("Never", Some("Never"), Some("In"), 42, true),
            ("Never", Some("Never"), Some("In"), 41, false),
            ("Never", Some("Never"), Some("NotIn"), 41, true),
            ("Never", Some("Never"), Some("NotIn"), 42, false),
        ];
        for (pod, own, operator, code, expected) in table {
            let spec = PodSpec { restart_policy: pod.into(), ..PodSpec::default() };
            let container = Container {
                restart_policy: own.map(str::to_owned),
                restart_policy_rules: operator.map(rule).into_iter().collect(),
                ..Container::default()
            };
            let got = container_should_restart(&container, &spec, code, features);
            assert_eq!(got, expected, "{pod} {own:?} {operator:?} {code}");
        }
    }
}
