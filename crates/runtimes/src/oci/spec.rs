//! The OCI runtime specification of a container, as far as it decides anything here.

use crate::json::Json;
use node::{Bind, Command, Credentials, IdMap, Stdio, Surroundings};
use std::rc::Rc;
use trace::NamespaceKind;

/// What `config.json` in a bundle says.
///
/// Models: opencontainers/runtime-spec `specs-go/config.go` `Spec`.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// `process.args`.
    pub args: Vec<Rc<str>>,
    /// `process.cwd`; empty for `/`.
    pub cwd: Rc<str>,
    /// `process.env`, as `NAME=value`.
    pub env: Vec<Rc<str>>,
    /// `hostname`; empty where the UTS namespace is another's.
    pub hostname: Rc<str>,
    /// `linux.namespaces`; a kind that is not listed is the host's.
    pub namespaces: Vec<(NamespaceKind, NamespaceRequest)>,
    /// `linux.cgroupsPath`: a path below the root, or `SLICE:PREFIX:NAME` for systemd.
    pub cgroups_path: Rc<str>,
    /// `mounts`, without those that every container has (`/proc`, `/dev`, `/sys` …).
    pub mounts: Vec<Bind>,
    /// `root.readonly`.
    pub readonly_rootfs: bool,
    /// `process.user`, `process.capabilities` and what else says what the process may do.
    pub credentials: Rc<Credentials>,
    /// `process.terminal`.
    pub terminal: bool,
    /// `linux.sysctl`.
    pub sysctls: Vec<(Rc<str>, Rc<str>)>,
    /// `linux.resources.memory.limit` in bytes; 0 for none.
    pub memory_limit: u64,
    /// `linux.maskedPaths`.
    pub masked_paths: Vec<Rc<str>>,
    /// `linux.readonlyPaths`.
    pub readonly_paths: Vec<Rc<str>>,
    /// `linux.uidMappings`.
    pub uid_map: Vec<IdMap>,
    /// `linux.gidMappings`.
    pub gid_map: Vec<IdMap>,
    /// The image whose files are in the root file system. Not part of the specification: a bundle
    /// has the files themselves.
    pub image: Rc<str>,
    /// `annotations`.
    pub annotations: Vec<(&'static str, Rc<str>)>,
}

/// Where one of a container's namespaces comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceRequest {
    /// A new one.
    New,
    /// The one that a path leads to: `/var/run/netns/…`, `/proc/PID/ns/KIND`.
    Path(Rc<str>),
}

impl NamespaceRequest {
    /// The namespace that a process is in.
    #[must_use]
    pub fn of_process(pid: u32, kind: NamespaceKind) -> Self {
        Self::Path(format!("/proc/{pid}/ns/{}", kind.as_str()).into())
    }
}

impl Spec {
    /// Whether it has a PID namespace of its own, with which its processes end.
    pub(crate) fn has_own_pids(&self) -> bool {
        self.namespaces.contains(&(NamespaceKind::Pid, NamespaceRequest::New))
    }

    /// The command of the container's first process, with a root file system that is mounted
    /// somewhere.
    pub(crate) fn command(&self, rootfs: &Rc<str>, stdio: Stdio) -> Command {
        Command {
            argv: self.args.clone(),
            env: self.env.clone(),
            cwd: self.cwd.clone(),
            credentials: self.credentials.clone(),
            surroundings: Rc::new(Surroundings {
                image: self.image.clone(),
                rootfs: rootfs.clone(),
                readonly_rootfs: self.readonly_rootfs,
                mounts: self.mounts.clone(),
                memory_limit: self.memory_limit,
                masked_paths: self.masked_paths.clone(),
                readonly_paths: self.readonly_paths.clone(),
                uid_map: self.uid_map.clone(),
                gid_map: self.gid_map.clone(),
            }),
            stdio,
        }
    }

    /// The specification as JSON text.
    #[must_use]
    pub fn json(&self) -> String {
        self.object().text()
    }

    pub(crate) fn object(&self) -> Json {
        let process = Json::object()
            .strs("args", &self.args)
            .strs("env", &self.env)
            .str("cwd", if self.cwd.is_empty() { "/" } else { &self.cwd });
        let namespaces = self.namespaces.iter().map(|(kind, request)| {
            let object = Json::object().str("type", oci_name(*kind));
            match request {
                NamespaceRequest::New => object,
                NamespaceRequest::Path(path) => object.str("path", path),
            }
        });
        let mounts = self.mounts.iter().map(|bind| {
            Json::object()
                .str("destination", &bind.destination)
                .str("type", "bind")
                .str("source", &bind.source)
                .strs("options", ["rbind", "rprivate", if bind.readonly { "ro" } else { "rw" }])
        });
        let annotations = self
            .annotations
            .iter()
            .fold(Json::object(), |object, (name, value)| object.str(name, value));
        Json::object()
            .str("ociVersion", "1.2.1")
            .object_in("process", process)
            .object_in(
                "root",
                Json::object().str("path", "rootfs").bool("readonly", self.readonly_rootfs),
            )
            .str_if("hostname", &self.hostname)
            .objects("mounts", mounts)
            .object_in("annotations", annotations)
            .object_in(
                "linux",
                Json::object()
                    .str("cgroupsPath", &self.cgroups_path)
                    .objects("namespaces", namespaces),
            )
    }
}

/// Capabilities by number.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Those that a container gets unless somebody says otherwise: AUDIT_WRITE, CHOWN, DAC_OVERRIDE,
/// FOWNER, FSETID, KILL, MKNOD, NET_BIND_SERVICE, NET_RAW, SETFCAP, SETGID, SETPCAP, SETUID,
/// SYS_CHROOT.
///
/// Models: containerd `pkg/oci/spec.go` `defaultUnixCaps`; moby `oci/caps/defaults.go`.
const CAPABILITIES_DEFAULT: u64 = 0xa804_25fb;

/// The bits of the capabilities that a container gets, with names with or without `CAP_` in front,
/// and `ALL`.
#[must_use]
pub fn capabilities(add: &[String], drop: &[String], privileged: bool) -> u64 {
    const ALL: u64 = (1 << CAPABILITIES.len()) - 1;
    if privileged {
        return ALL;
    }
    let bits = |names: &[String]| {
        names.iter().fold(0, |bits, name| {
            let name = name.to_ascii_uppercase();
            let name = name.strip_prefix("CAP_").unwrap_or(&name);
            match CAPABILITIES.iter().position(|known| *known == name) {
                Some(number) => bits | 1 << number,
                None if name == "ALL" => ALL,
                None => bits,
            }
        })
    };
    let all = |names: &[String]| bits(names) == ALL;
    match (all(add), all(drop)) {
        (true, _) => ALL & !bits(drop),
        (false, true) => bits(add),
        (false, false) => (CAPABILITIES_DEFAULT | bits(add)) & !bits(drop),
    }
}

/// The kind's name in the OCI specification, which differs from that below `/proc`.
const fn oci_name(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Net => "network",
        NamespaceKind::Mnt => "mount",
        other => other.as_str(),
    }
}

/// The directory below `/sys/fs/cgroup` that a `cgroupsPath` stands for.
///
/// Models: runc `libcontainer/cgroups/systemd` `ExpandSlice`, `getUnitName`.
#[must_use]
pub fn cgroup_directory(cgroups_path: &str) -> String {
    let mut parts = cgroups_path.splitn(3, ':');
    let (Some(slice), Some(prefix), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return cgroups_path.to_owned();
    };
    let mut directory = String::new();
    let stem = slice.strip_suffix(".slice").unwrap_or(slice);
    // `a-b.slice` lies in `a.slice`.
    for (at, _) in stem.match_indices('-').chain([(stem.len(), "")]) {
        directory.push('/');
        directory.push_str(&stem[..at]);
        directory.push_str(".slice");
    }
    format!("{directory}/{prefix}-{name}.scope")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_systemd_path_becomes_nested_slices() {
        assert_eq!(
            cgroup_directory("kubepods-burstable-pod1.slice:cri-containerd:abc"),
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/\
             cri-containerd-abc.scope"
        );
        assert_eq!(cgroup_directory("/kubepods/pod1/abc"), "/kubepods/pod1/abc");
    }
}
