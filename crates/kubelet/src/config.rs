//! How a kubelet is configured, and what its version makes it do.

use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

/// A Kubernetes version, as far as behaviour depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number, which is 1.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl Version {
    /// The seven-step reference, with dockershim inside the kubelet.
    pub const V1_22: Self = Self::minor(22);
    /// The last version before the relist on demand.
    pub const V1_32: Self = Self::minor(32);
    /// The default.
    pub const V1_36: Self = Self::minor(36);

    /// The version `1.<minor>`.
    #[must_use]
    pub const fn minor(minor: u16) -> Self {
        Self { major: 1, minor }
    }

    /// What this version does differently from others.
    #[must_use]
    pub const fn features(self) -> Features {
        let minor = self.minor;
        Features {
            sidecars: minor >= 28,
            sandbox_ready_callback: minor >= 33,
            ready_to_start_condition: minor >= 29,
            restart_rules: minor >= 35,
            restart_all_containers: minor >= 36,
            relist_on_demand: minor >= 36,
            backoff_expiry: minor >= 33,
            swallow_backoff_errors: minor < 32,
            nine_steps: minor >= 33,
            terminal_short_cut: minor >= 23,
            short_event_texts: minor >= 34,
            credential_check: minor >= 35,
            image_size_in_event: minor >= 32,
            hash_of_name_and_image: minor >= 31,
            status_by_ids: minor >= 26,
            missing_is_gone: minor >= 23,
            override_before_minimum: minor >= 27,
            sidecar_ordering: minor >= 29,
            user_namespaces: minor >= 25,
            image_by_id: minor >= 24,
            user_specified_image: minor >= 29,
            keep_probe_results: minor >= 35,
            pod_resources: minor >= 24,
            evented_pleg: minor >= 26,
        }
    }

    /// How the trace names upstream's source at this version: `kubernetes@v1.36.3`.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self.minor {
            ..=21 => "kubernetes@v1.5.0",
            22 => "kubernetes@v1.22.6",
            23 => "kubernetes@v1.23.15",
            24..=32 => "kubernetes@v1.32.10",
            _ => "kubernetes@v1.36.3",
        }
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::V1_36
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = String;

    /// Reads `1.22`, `v1.22` and `1.22.6`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut numbers = text.trim_start_matches('v').split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(1)), Some(Ok(minor))) => Ok(Self::minor(minor)),
            _ => Err(format!("{text:?} is not a Kubernetes version such as 1.36")),
        }
    }
}

/// What differs between versions, each named after what it switches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, as feature gates are"
)]
pub struct Features {
    /// Init containers with restartPolicy Always keep running (1.28).
    pub sidecars: bool,
    /// A new sandbox changes the pod's status before its containers start.
    pub sandbox_ready_callback: bool,
    /// The condition PodReadyToStartContainers (on since 1.29).
    pub ready_to_start_condition: bool,
    /// Restart policies and rules of single containers (on since 1.35).
    pub restart_rules: bool,
    /// The rule that restarts all containers (on since 1.36).
    pub restart_all_containers: bool,
    /// PLEG looks at a pod right after its sync (on since 1.36).
    pub relist_on_demand: bool,
    /// A sync that failed because of a crash-loop back-off is repeated when that ends.
    pub backoff_expiry: bool,
    /// A sync that failed because of a back-off counts as a success.
    pub swallow_backoff_errors: bool,
    /// SyncPod has nine numbered steps, not seven.
    pub nine_steps: bool,
    /// A pod that has finished is handed over to termination without another SyncPod.
    pub terminal_short_cut: bool,
    /// "Container created" where older versions say "Created container <name>".
    pub short_event_texts: bool,
    /// An image on the machine is used only by pods that may pull it.
    pub credential_check: bool,
    /// The event of a pull says how large the image is.
    pub image_size_in_event: bool,
    /// A container's hash is that of its name and image, not of its whole spec.
    pub hash_of_name_and_image: bool,
    /// A pod's status is asked by the ids that the relist has found.
    pub status_by_ids: bool,
    /// A container that the runtime does not know counts as stopped.
    pub missing_is_gone: bool,
    /// A grace period that was overridden is still raised to the minimum.
    pub override_before_minimum: bool,
    /// Sidecars are stopped after the containers that they serve.
    pub sidecar_ordering: bool,
    /// Requests carry options for user namespaces.
    pub user_namespaces: bool,
    /// A container is created from the image's id, with the name beside it.
    pub image_by_id: bool,
    /// The container's configuration carries the image's name as it was written.
    pub user_specified_image: bool,
    /// After a restart of the kubelet, old containers keep the state that probes gave them.
    pub keep_probe_results: bool,
    /// The sandbox's configuration carries the pod's overhead and resources.
    pub pod_resources: bool,
    /// PLEG can follow the runtime's events (a gate that is off by default).
    pub evented_pleg: bool,
}

/// Who divides control groups: the runtime by itself, or through systemd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CgroupDriver {
    /// `kubepods/burstable/pod<uid>`.
    #[default]
    Cgroupfs,
    /// `kubepods-burstable-pod<uid>.slice`.
    Systemd,
}

/// What stands in a kubelet's configuration file and flags.
#[derive(Clone, Debug)]
pub struct KubeletConfig {
    /// Which kubelet it is.
    pub version: Version,
    /// The node's name.
    pub node_name: Rc<str>,
    /// The node's address.
    pub node_ip: Rc<str>,
    /// The cluster's DNS servers.
    pub cluster_dns: Vec<String>,
    /// The cluster's DNS domain.
    pub cluster_domain: String,
    /// The DNS servers in the node's own resolv.conf.
    pub node_dns: Vec<String>,
    /// Whether pods get a control group each, below one for each quality of service.
    pub cgroups_per_qos: bool,
    /// Who divides control groups.
    pub cgroup_driver: CgroupDriver,
    /// Whether image pulls wait for each other.
    pub serialize_image_pulls: bool,
    /// How many images may be pulled at a time where pulls do not wait; 0 for no limit.
    pub max_parallel_image_pulls: usize,
    /// How many pulls a second are allowed on average; 0 for no limit.
    pub registry_pull_qps: u32,
    /// How many pulls are allowed at once.
    pub registry_burst: u32,
    /// How often a pod is looked at although nothing happened.
    pub sync_frequency: Duration,
    /// The longest wait between two starts of a crashing container.
    pub max_container_restart_period: Duration,
    /// How often PLEG looks at the runtime.
    pub relist_period: Duration,
    /// The gate `EventedPLEG`: PLEG follows the runtime's events.
    pub evented_pleg: bool,
    /// Where containers' logs are.
    pub pod_logs_directory: Rc<str>,
    /// Where the kubelet keeps its files.
    pub root_directory: Rc<str>,
    /// The node's processors, in thousandths.
    pub cpu_millis: u64,
    /// The node's memory, in bytes.
    pub memory_bytes: u64,
    /// The size of the disk for images, in bytes; none if it never gets full.
    pub image_fs_bytes: Option<u64>,
    /// How many pods the node takes.
    pub max_pods: usize,
    /// The sizes of huge pages that the kernel knows: `2MB`.
    pub hugepage_sizes: Vec<String>,
    /// Whether memory limits also limit swap.
    pub swap_controller: bool,
    /// Whether there is no API server: pods come from files alone.
    pub standalone: bool,
}

impl Default for KubeletConfig {
    fn default() -> Self {
        Self {
            version: Version::default(),
            node_name: "node-1".into(),
            node_ip: "192.0.2.10".into(),
            cluster_dns: vec!["10.96.0.10".into()],
            cluster_domain: "cluster.local".into(),
            node_dns: vec!["192.0.2.53".into()],
            cgroups_per_qos: true,
            cgroup_driver: CgroupDriver::Cgroupfs,
            serialize_image_pulls: true,
            max_parallel_image_pulls: 0,
            registry_pull_qps: 5,
            registry_burst: 10,
            sync_frequency: Duration::from_secs(60),
            max_container_restart_period: Duration::from_secs(300),
            relist_period: Duration::from_secs(1),
            evented_pleg: false,
            pod_logs_directory: "/var/log/pods".into(),
            root_directory: "/var/lib/kubelet".into(),
            cpu_millis: 4000,
            memory_bytes: 8 << 30,
            image_fs_bytes: None,
            max_pods: usize::MAX,
            hugepage_sizes: vec!["2MB".into(), "1GB".into()],
            swap_controller: true,
            standalone: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_and_printed() {
        assert_eq!("1.22".parse(), Ok(Version::V1_22));
        assert_eq!("v1.36.3".parse(), Ok(Version::V1_36));
        assert_eq!(Version::V1_32.to_string(), "1.32");
        for bad in ["", "2.0", "1", "1.x", "latest"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
