//! What a container shall be: the body of `POST /containers/create`.

use crate::json::Json;
use std::collections::BTreeMap;

/// The body of `POST /containers/create`. `None` stands for Go's nil slice, which is written as
/// `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateBody {
    /// The host name; empty: Docker takes the beginning of the id.
    pub hostname: String,
    /// Who the process runs as: `UID`, `UID:GID`, `NAME`.
    pub user: String,
    /// `PORT/PROTOCOL`; empty: not written at all.
    pub exposed_ports: Vec<String>,
    /// Whether the process gets a terminal.
    pub tty: bool,
    /// Whether its standard input is kept open.
    pub open_stdin: bool,
    /// Whether its standard input is closed when the first client goes.
    pub stdin_once: bool,
    /// `NAME=VALUE`.
    pub env: Option<Vec<String>>,
    /// The arguments; in place of the image's.
    pub cmd: Option<Vec<String>>,
    /// Whether Docker's own health check is switched off.
    pub no_healthcheck: bool,
    /// The image.
    pub image: String,
    /// The working directory.
    pub working_dir: String,
    /// The program, in place of the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// Everything that concerns the host.
    pub host_config: HostConfig,
}

/// The part of a container's configuration that concerns the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostConfig {
    /// `HOST:CONTAINER[:OPTIONS]`.
    pub binds: Option<Vec<String>>,
    /// Mounts in the newer form, which cri-dockerd uses.
    pub mounts: Vec<MountPoint>,
    /// `none`, `default`, `host`, `container:ID`; empty is `default`.
    pub network_mode: String,
    /// Ports of the container, and where on the host they are reached.
    pub port_bindings: Option<BTreeMap<String, Vec<PortBinding>>>,
    /// When Docker starts it again.
    pub restart_policy: &'static str,
    /// Capabilities to add.
    pub cap_add: Option<Vec<String>>,
    /// Capabilities to take away.
    pub cap_drop: Option<Vec<String>>,
    /// Additional groups.
    pub group_add: Option<Vec<String>>,
    /// `shareable`, `host`, `container:ID`; empty is private.
    pub ipc_mode: String,
    /// How early the kernel kills it when memory is short: -1000 (never) to 1000.
    pub oom_score_adj: i64,
    /// `host`, `container:ID`; empty is private.
    pub pid_mode: String,
    /// Whether it may do anything.
    pub privileged: bool,
    /// Whether its root file system cannot be written.
    pub readonly_rootfs: bool,
    /// Options for SELinux, AppArmor and seccomp.
    pub security_opt: Option<Vec<String>>,
    /// `host`; empty is private.
    pub uts_mode: &'static str,
    /// The size of `/dev/shm` in bytes.
    pub shm_size: i64,
    /// Kernel parameters; empty: not written at all.
    pub sysctls: BTreeMap<String, String>,
    /// The OCI runtime; empty: not written at all.
    pub runtime: String,
    /// The limits.
    pub resources: Resources,
    /// Paths that the container does not see.
    pub masked_paths: Option<Vec<String>>,
    /// Paths that the container cannot write.
    pub readonly_paths: Option<Vec<String>>,
    /// Which fields are written.
    pub api: ApiFields,
}

/// Which fields a request has, by the API version of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiFields {
    /// 1.41, as vendored by Kubernetes 1.22.
    #[default]
    V1_41,
    /// 1.44, as vendored by cri-dockerd.
    V1_44,
}

/// The limits of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// The weight against other containers; 1024 is one CPU's worth.
    pub cpu_shares: i64,
    /// Bytes of memory.
    pub memory: i64,
    /// The parent in the tree of control groups.
    pub cgroup_parent: String,
    /// Microseconds.
    pub cpu_period: i64,
    /// Microseconds of CPU time in each period.
    pub cpu_quota: i64,
    /// Which CPUs.
    pub cpuset_cpus: String,
    /// Which memory nodes.
    pub cpuset_mems: String,
    /// Devices of the host.
    pub devices: Option<Vec<Device>>,
    /// Bytes of memory and swap together.
    pub memory_swap: i64,
}

/// A device of the host in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Where it is on the host.
    pub path_on_host: String,
    /// Where the container finds it.
    pub path_in_container: String,
    /// `r`, `w`, `m`.
    pub permissions: String,
}

/// Where a port of a container is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortBinding {
    /// The host's address; empty for all.
    pub host_ip: String,
    /// The host's port.
    pub host_port: String,
}

/// A directory or file of the host in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountPoint {
    /// Where it is on the host.
    pub source: String,
    /// Where the container finds it.
    pub target: String,
    /// Whether the container cannot write it.
    pub readonly: bool,
    /// `rslave`, `rshared`; empty is private.
    pub propagation: &'static str,
}

/// What Docker gives `/dev/shm` if nobody says otherwise; its client writes it into the request.
pub(crate) const SHM_SIZE_DEFAULT: i64 = 64 * 1024 * 1024;

/// A JSON array of strings, or null.
fn strings(json: Json, name: &str, values: Option<&Vec<String>>) -> Json {
    match values {
        Some(values) => json.strs(name, values),
        None => json.raw(name, "null"),
    }
}

/// A JSON object of strings.
pub(super) fn string_map(map: &BTreeMap<String, String>) -> Json {
    map.iter().fold(Json::object(), |object, (key, value)| object.str(key, value))
}

impl CreateBody {
    /// As JSON text.
    #[must_use]
    pub fn json(&self) -> String {
        let json = self
            .config()
            .object_in("HostConfig", self.host_config.object())
            .raw("NetworkingConfig", "null");
        match self.host_config.api {
            ApiFields::V1_41 => json.raw("Platform", "null").text(),
            ApiFields::V1_44 => json.text(),
        }
    }

    /// The part that does not concern the host.
    pub(super) fn config(&self) -> Json {
        let mut json = Json::object()
            .str("Hostname", &self.hostname)
            .str("Domainname", "")
            .str("User", &self.user)
            .bool("AttachStdin", false)
            .bool("AttachStdout", false)
            .bool("AttachStderr", false);
        if !self.exposed_ports.is_empty() {
            let ports = self.exposed_ports.iter();
            let ports = ports.fold(Json::object(), |set, port| set.raw(port, "{}"));
            json = json.object_in("ExposedPorts", ports);
        }
        json = json
            .bool("Tty", self.tty)
            .bool("OpenStdin", self.open_stdin)
            .bool("StdinOnce", self.stdin_once);
        json = strings(json, "Env", self.env.as_ref());
        json = strings(json, "Cmd", self.cmd.as_ref());
        if self.no_healthcheck {
            json = json.object_in("Healthcheck", Json::object().strs("Test", ["NONE"]));
        }
        json = json
            .str("Image", &self.image)
            .raw("Volumes", "null")
            .str("WorkingDir", &self.working_dir);
        strings(json, "Entrypoint", self.entrypoint.as_ref())
            .raw("OnBuild", "null")
            .object_in("Labels", string_map(&self.labels))
    }
}

impl HostConfig {
    /// As a JSON object.
    pub(super) fn object(&self) -> Json {
        let nothing = |json: Json, name: &str| json.raw(name, "null");
        let log_config = nothing(Json::object().str("Type", ""), "Config");
        let mut json = strings(Json::object(), "Binds", self.binds.as_ref())
            .str("ContainerIDFile", "")
            .object_in("LogConfig", log_config)
            .str("NetworkMode", &self.network_mode);
        json = match &self.port_bindings {
            Some(bindings) => json.object_in("PortBindings", port_bindings(bindings)),
            None => nothing(json, "PortBindings"),
        };
        json = json
            .object_in("RestartPolicy", restart_policy(self.restart_policy))
            .bool("AutoRemove", false)
            .str("VolumeDriver", "")
            .raw("VolumesFrom", "null");
        let newer = self.api == ApiFields::V1_44;
        if newer {
            json = json.raw("ConsoleSize", "[0,0]");
        }
        json = strings(json, "CapAdd", self.cap_add.as_ref());
        json = strings(json, "CapDrop", self.cap_drop.as_ref()).str("CgroupnsMode", "");
        json = ["Dns", "DnsOptions", "DnsSearch", "ExtraHosts"].into_iter().fold(json, nothing);
        json = strings(json, "GroupAdd", self.group_add.as_ref())
            .str("IpcMode", &self.ipc_mode)
            .str("Cgroup", "")
            .raw("Links", "null")
            .num("OomScoreAdj", self.oom_score_adj)
            .str("PidMode", &self.pid_mode)
            .bool("Privileged", self.privileged)
            .bool("PublishAllPorts", false)
            .bool("ReadonlyRootfs", self.readonly_rootfs);
        json = strings(json, "SecurityOpt", self.security_opt.as_ref())
            .str("UTSMode", self.uts_mode)
            .str("UsernsMode", "")
            .num("ShmSize", self.shm_size);
        if !self.sysctls.is_empty() {
            json = json.object_in("Sysctls", string_map(&self.sysctls));
        }
        json = json.str_if("Runtime", &self.runtime);
        if !newer {
            json = json.raw("ConsoleSize", "[0,0]");
        }
        json = json.str("Isolation", "");
        json = self.resources.write(json, self.api);
        if !self.mounts.is_empty() {
            json = json.objects("Mounts", self.mounts.iter().map(MountPoint::object));
        }
        json = strings(json, "MaskedPaths", self.masked_paths.as_ref());
        strings(json, "ReadonlyPaths", self.readonly_paths.as_ref())
    }
}

fn restart_policy(name: &str) -> Json {
    Json::object().str("Name", name).num("MaximumRetryCount", 0)
}

fn port_bindings(bindings: &BTreeMap<String, Vec<PortBinding>>) -> Json {
    bindings.iter().fold(Json::object(), |object, (port, bindings)| {
        let bindings = bindings.iter().map(|binding| {
            Json::object().str("HostIp", &binding.host_ip).str("HostPort", &binding.host_port)
        });
        object.objects(port, bindings)
    })
}

impl MountPoint {
    fn object(&self) -> Json {
        let mut json = Json::object()
            .str("Type", "bind")
            .str("Source", &self.source)
            .str("Target", &self.target);
        if self.readonly {
            json = json.bool("ReadOnly", true);
        }
        let mut options = Json::object().str_if("Propagation", self.propagation);
        options = options.bool("CreateMountpoint", true);
        if self.readonly {
            options = options.bool("ReadOnlyNonRecursive", true);
        }
        json.object_in("BindOptions", options)
    }
}

impl Resources {
    /// The body of `POST /containers/{id}/update`.
    #[must_use]
    pub fn update_json(&self, api: ApiFields) -> String {
        self.write(Json::object(), api).object_in("RestartPolicy", restart_policy("")).text()
    }

    fn write(&self, json: Json, api: ApiFields) -> Json {
        let nothing = |json: Json, name: &str| json.raw(name, "null");
        let mut json = json
            .num("CpuShares", self.cpu_shares)
            .num("Memory", self.memory)
            .num("NanoCpus", 0)
            .str("CgroupParent", &self.cgroup_parent)
            .num("BlkioWeight", 0);
        json = [
            "BlkioWeightDevice",
            "BlkioDeviceReadBps",
            "BlkioDeviceWriteBps",
            "BlkioDeviceReadIOps",
            "BlkioDeviceWriteIOps",
        ]
        .into_iter()
        .fold(json, nothing);
        json = json
            .num("CpuPeriod", self.cpu_period)
            .num("CpuQuota", self.cpu_quota)
            .num("CpuRealtimePeriod", 0)
            .num("CpuRealtimeRuntime", 0)
            .str("CpusetCpus", &self.cpuset_cpus)
            .str("CpusetMems", &self.cpuset_mems);
        json = match &self.devices {
            Some(devices) => json.objects("Devices", devices.iter().map(Device::object)),
            None => nothing(json, "Devices"),
        };
        json = ["DeviceCgroupRules", "DeviceRequests"].into_iter().fold(json, nothing);
        if api == ApiFields::V1_41 {
            json = json.num("KernelMemory", 0).num("KernelMemoryTCP", 0);
        }
        json = json.num("MemoryReservation", 0).num("MemorySwap", self.memory_swap);
        json = ["MemorySwappiness", "OomKillDisable", "PidsLimit", "Ulimits"]
            .into_iter()
            .fold(json, nothing);
        json.num("CpuCount", 0)
            .num("CpuPercent", 0)
            .num("IOMaximumIOps", 0)
            .num("IOMaximumBandwidth", 0)
    }
}

impl Device {
    fn object(&self) -> Json {
        Json::object()
            .str("PathOnHost", &self.path_on_host)
            .str("PathInContainer", &self.path_in_container)
            .str("CgroupPermissions", &self.permissions)
    }
}
