//! The OCI runtime specification of a container, as far as it decides anything here.

use crate::json::Json;
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

/// A file or directory of the host inside a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Where the container sees it.
    pub destination: Rc<str>,
    /// What it is on the host.
    pub source: Rc<str>,
    /// Whether the container cannot write to it.
    pub readonly: bool,
}

impl Spec {
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
