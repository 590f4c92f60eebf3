//! What requests say, taken apart in the same way by every server.

use super::images::{Image, ImageStore};
use super::store::{Kept, Network, Sandbox, SandboxState, pod_label};
use crate::cni::CniRequest;
use crate::json::Json;
use crate::oci;
use cri::{
    ContainerConfig, ContainerResources, ContainerStatus, ContainerUser, DnsConfig, IdMapping,
    LinuxContainerResources, LinuxContainerSecurityContext, LinuxContainerUser,
    LinuxPodSandboxStatus, Mount, NamespaceMode, PodSandboxConfig, PodSandboxMetadata,
    PodSandboxStatus, Status, security_profile::ProfileType,
};
use node::{Bind, Credentials, IdMap, Node, SIGTERM, SyscallFilter, image};
use sim::{Ctx, Signal};
use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::rc::Rc;

/// A sandbox as a request asks for it, nothing of which exists yet. The path of its network
/// namespace is asked for unless it is on the host's network.
pub(crate) fn new_sandbox(
    ctx: &Ctx,
    id: &Rc<str>,
    unique: &Rc<str>,
    metadata: &PodSandboxMetadata,
    config: &PodSandboxConfig,
    handler: &str,
    netns: &dyn Fn() -> String,
) -> Sandbox {
    let options = namespace_options(config);
    let pod_name: Rc<str> = metadata.name.as_str().into();
    let pod_uid: Rc<str> = metadata.uid.as_str().into();
    let network = (options.network() != NamespaceMode::Node).then(|| {
        let path: Rc<str> = netns().into();
        let request = CniRequest {
            container_id: id.clone(),
            netns: path.clone(),
            args: vec![
                ("IgnoreUnknown", "1".into()),
                ("K8S_POD_NAMESPACE", metadata.namespace.as_str().into()),
                ("K8S_POD_NAME", pod_name.clone()),
                ("K8S_POD_INFRA_CONTAINER_ID", id.clone()),
                ("K8S_POD_UID", pod_uid.clone()),
            ],
            capabilities: capabilities(config),
        };
        Network {
            path,
            request: RefCell::new(Rc::new(request)),
            namespace: Cell::new(None),
            ip: RefCell::new("".into()),
            set_up: Cell::new(false),
        }
    });
    let created_at = ctx.now().unix_nanos();
    let status = PodSandboxStatus {
        metadata: Some(metadata.clone()),
        created_at,
        linux: Some(LinuxPodSandboxStatus {
            namespaces: Some(cri::Namespace {
                options: config
                    .linux
                    .as_ref()
                    .and_then(|linux| linux.security_context.as_ref())
                    .and_then(|context| context.namespace_options.clone()),
            }),
        }),
        labels: config.labels.clone(),
        annotations: config.annotations.clone(),
        runtime_handler: handler.to_owned(),
        ..PodSandboxStatus::default()
    };
    Sandbox {
        id: id.clone(),
        name: unique.clone(),
        pod_name,
        pod_uid,
        pod_label: pod_label(&config.labels).into(),
        attempt: metadata.attempt,
        kept: Kept::new(&status),
        host_ipc: options.ipc() == NamespaceMode::Node,
        created_at,
        state: Cell::new(SandboxState::Unknown),
        pid: Cell::new(0),
        network,
        containers: RefCell::default(),
        stopped: Signal::default(),
    }
}

/// The namespace options of a sandbox; where there are none, every mode is the default, `POD`.
pub(crate) fn namespace_options(config: &PodSandboxConfig) -> cri::NamespaceOption {
    let linux = config.linux.as_ref();
    let context = linux.and_then(|linux| linux.security_context.as_ref());
    context.and_then(|context| context.namespace_options.clone()).unwrap_or_default()
}

/// What the network plugins may want to know besides names (`cniNamespaceOpts`).
pub(crate) fn capabilities(config: &PodSandboxConfig) -> Vec<(&'static str, Rc<str>)> {
    let mut capabilities = Vec::new();
    let ports: Vec<_> = config.port_mappings.iter().filter(|port| port.host_port > 0).collect();
    if !ports.is_empty() {
        let list = Json::object().objects(
            "",
            ports.iter().map(|port| {
                let protocol = match port.protocol() {
                    cri::Protocol::Tcp => "tcp",
                    cri::Protocol::Udp => "udp",
                    cri::Protocol::Sctp => "sctp",
                };
                Json::object()
                    .num("hostPort", port.host_port)
                    .num("containerPort", port.container_port)
                    .str("protocol", protocol)
                    .str("hostIP", &port.host_ip)
            }),
        );
        // The array alone: what stands between `{"":` and `}`.
        let text = list.text();
        capabilities.push(("portMappings", text[4..text.len() - 1].into()));
    }
    capabilities
}

/// Models: `podsandbox/sandbox_run_linux.go` `parseDNSOptions`.
pub(crate) fn resolv_conf_text(dns: &DnsConfig) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    if !dns.searches.is_empty() {
        let _ = writeln!(text, "search {}", dns.searches.join(" "));
    }
    for server in &dns.servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !dns.options.is_empty() {
        let _ = writeln!(text, "options {}", dns.options.join(" "));
    }
    text
}

/// How a container is to be confined, where the request says so.
pub(crate) fn security_context(config: &ContainerConfig) -> Option<&LinuxContainerSecurityContext> {
    config.linux.as_ref()?.security_context.as_ref()
}

/// Paths of a request.
pub(crate) fn paths(given: Option<&Vec<String>>) -> Vec<Rc<str>> {
    given.into_iter().flatten().map(|path| path.as_str().into()).collect()
}

/// Who a container runs as and what it may do.
///
/// Models: `internal/cri/server/container_create.go` `buildLinuxSpec`,
/// `internal/cri/opts/spec_linux_opts.go`.
pub(crate) fn credentials(
    context: Option<&LinuxContainerSecurityContext>,
    image: &Image,
    node: &Node,
) -> Result<Credentials, Status> {
    let context = context.cloned().unwrap_or_default();
    let number = |value: &cri::Int64Value| u32::try_from(value.value).unwrap_or_default();
    let name = match context.run_as_username.as_str() {
        "" => &*image.spec.user,
        name => name,
    };
    let reference = image.references.borrow().first().cloned().unwrap_or_default();
    let (uid, gid) = match &context.run_as_user {
        Some(user) => (number(user), None),
        None => {
            let (uid, gid) = image::user_and_group(name);
            (uid, Some(gid).filter(|_| name.contains(':') || name.parse::<u32>().is_err()))
        }
    };
    let of_user = node.userland().and_then(|userland| image::account(&*userland, &reference, uid));
    let gid = gid.or(of_user.as_ref().map(|account| account.gid)).unwrap_or_default();
    let gid = context.run_as_group.as_ref().map_or(gid, number);
    let mut groups = vec![gid];
    if context.supplemental_groups_policy() == cri::SupplementalGroupsPolicy::Merge {
        groups.extend(of_user.into_iter().flat_map(|account| account.groups));
    }
    groups.extend(context.supplemental_groups.iter().filter_map(|&id| u32::try_from(id).ok()));
    let given = context.capabilities.clone().unwrap_or_default();
    let (add, drop) = (&given.add_capabilities, &given.drop_capabilities);
    let bounding = oci::capabilities(add, drop, context.privileged);
    let profile = context.seccomp.as_ref().filter(|_| !context.privileged);
    let kind = profile.map(cri::SecurityProfile::profile_type);
    let syscalls = match profile.filter(|_| kind == Some(ProfileType::Localhost)) {
        Some(profile) => Some(Rc::new(local_profile(&profile.localhost_ref, node)?)),
        None => None,
    };
    Ok(Credentials {
        uid,
        gid,
        groups,
        bounding,
        // `execve` by somebody other than root leaves none in effect.
        effective: if uid == 0 { bounding } else { 0 },
        no_new_privs: context.no_new_privs,
        seccomp: kind.is_some_and(|kind| kind != ProfileType::Unconfined),
        syscalls,
        apparmor: "".into(),
    })
}

/// The seccomp profile in a file of the node.
///
/// Models: `internal/cri/server/container_create.go` `generateSeccompSpecOpts`.
fn local_profile(reference: &str, node: &Node) -> Result<SyscallFilter, Status> {
    let path = reference.strip_prefix("localhost/").unwrap_or(reference);
    let text = node.read_file(path).ok_or_else(|| {
        Status::unknown(format!(
            "cannot load seccomp profile {path:?}: open {path}: no such file or directory"
        ))
    })?;
    oci::seccomp::filter(&text).map_err(|error| {
        Status::unknown(format!("failed to decode seccomp profile {path:?}: {error}"))
    })
}

/// What the request wants mounted.
pub(crate) fn binds(mounts: &[Mount], images: &ImageStore) -> Vec<Bind> {
    let bind = |mount: &Mount| Bind {
        destination: mount.container_path.as_str().into(),
        source: mount.host_path.as_str().into(),
        readonly: mount.readonly,
        recursive: mount.recursive_read_only,
        image: mount.image.as_ref().map(|image| {
            let found = images.resolve(&image.image);
            let name = found.and_then(|image| image.references.borrow().first().cloned());
            let path = format!("/{}", mount.image_sub_path.trim_start_matches('/'));
            (name.unwrap_or_default(), path.into())
        }),
    };
    mounts.iter().map(bind).collect()
}

/// How the users or groups of a user namespace are mapped.
pub(crate) fn id_map(ids: &[IdMapping]) -> Vec<IdMap> {
    let line = |ids: &IdMapping| IdMap {
        inside: ids.container_id,
        outside: ids.host_id,
        length: ids.length,
    };
    ids.iter().map(line).collect()
}

/// Says in a status by which image each mounted image was found.
pub(crate) fn name_mounted_images(status: &mut ContainerStatus, images: &ImageStore) {
    for image in status.mounts.iter_mut().filter_map(|mount| mount.image.as_mut()) {
        if let Some(found) = images.resolve(&image.image) {
            image.image_ref = found.id.to_string();
        }
    }
}

/// The container whose PID namespace an ephemeral container asks for.
pub(crate) fn target(config: &ContainerConfig) -> Option<Rc<str>> {
    let options = security_context(config)?.namespace_options.as_ref()?;
    (options.pid() == NamespaceMode::Target).then(|| options.target_id.as_str().into())
}

/// What runs: the request's command and arguments, or else what the image says.
pub(crate) fn process_args(config: &ContainerConfig, image: &Image) -> Vec<Rc<str>> {
    let words =
        |given: &[String]| given.iter().map(|word| word.as_str().into()).collect::<Vec<_>>();
    let name = image.references.borrow().first().cloned().unwrap_or_default();
    image.spec.process_args(&name, &words(&config.command), &words(&config.args))
}

/// The environment of a container's processes.
///
/// Models: `internal/cri/server/container_create.go` `buildLinuxSpec`.
pub(crate) fn process_env(config: &ContainerConfig, image: &Image, hostname: &str) -> Vec<Rc<str>> {
    let given = config.envs.iter();
    let given =
        given.map(|env| format!("{}={}", env.key, String::from_utf8_lossy(&env.value)).into());
    image.spec.environment(hostname, given.collect())
}

/// How much memory a container may use, in bytes; 0 for any.
pub(crate) fn memory_limit(config: &ContainerConfig) -> u64 {
    let resources = config.linux.as_ref().and_then(|linux| linux.resources.as_ref());
    let limit = resources.map_or(0, |resources| resources.memory_limit_in_bytes);
    u64::try_from(limit).unwrap_or_default()
}

/// Where a container's processes begin.
pub(crate) fn process_cwd(config: &ContainerConfig, image: &Image) -> Rc<str> {
    match config.working_dir.as_str() {
        "" => image.spec.working_dir.clone(),
        directory => directory.into(),
    }
}

/// What the status of the container will repeat from the request.
pub(crate) fn kept_status(
    config: &ContainerConfig,
    credentials: &Credentials,
    created_at: i64,
) -> ContainerStatus {
    let linux = config.linux.as_ref();
    let (uid, gid) = (i64::from(credentials.uid), i64::from(credentials.gid));
    let groups = credentials.groups.iter().copied().map(i64::from).collect();
    let stop_signal = match config.stop_signal() {
        cri::Signal::RuntimeDefault => cri::Signal::Sigterm,
        signal => signal,
    };
    ContainerStatus {
        metadata: config.metadata.clone(),
        created_at,
        image: config.image.clone(),
        labels: config.labels.clone(),
        annotations: config.annotations.clone(),
        mounts: config.mounts.clone(),
        resources: linux
            .and_then(|linux| linux.resources.clone())
            .map(|resources| ContainerResources { linux: Some(resources), windows: None }),
        user: Some(ContainerUser {
            linux: Some(LinuxContainerUser { uid, gid, supplemental_groups: groups }),
        }),
        stop_signal: stop_signal.into(),
        ..ContainerStatus::default()
    }
}

/// The number on Linux of a signal as CRI numbers it, which is by name; `SIGTERM` if none is asked
/// for.
pub(crate) fn signal_number(signal: i32) -> i32 {
    // From SIGABRT, which is 1, to SIGXFSZ, which is 34.
    const BY_NAME: [i32; 34] = [
        6, 14, 7, 17, 17, 18, 8, 1, 4, 2, 29, 6, 9, 13, 29, 27, 30, 3, 11, 16, 19, 31, 15, 5, 20,
        21, 22, 23, 10, 12, 26, 28, 24, 25,
    ];
    match signal {
        1..=34 => BY_NAME[signal as usize - 1],
        // SIGRTMIN is 35 here and 34 there; the others follow in the same order.
        35..=65 => signal - 1,
        _ => SIGTERM,
    }
}

/// Takes over what is asked for; 0 and the empty text ask for nothing.
pub(crate) fn merge(resources: &mut LinuxContainerResources, asked: LinuxContainerResources) {
    fn number(old: &mut i64, new: i64) {
        if new != 0 {
            *old = new;
        }
    }
    number(&mut resources.cpu_period, asked.cpu_period);
    number(&mut resources.cpu_quota, asked.cpu_quota);
    number(&mut resources.cpu_shares, asked.cpu_shares);
    number(&mut resources.memory_limit_in_bytes, asked.memory_limit_in_bytes);
    number(&mut resources.memory_swap_limit_in_bytes, asked.memory_swap_limit_in_bytes);
    number(&mut resources.oom_score_adj, asked.oom_score_adj);
    if !asked.cpuset_cpus.is_empty() {
        resources.cpuset_cpus = asked.cpuset_cpus;
    }
    if !asked.cpuset_mems.is_empty() {
        resources.cpuset_mems = asked.cpuset_mems;
    }
    if !asked.hugepage_limits.is_empty() {
        resources.hugepage_limits = asked.hugepage_limits;
    }
    resources.unified.extend(asked.unified);
}

#[cfg(test)]
mod tests {
    use super::signal_number;
    use cri::Signal;

    #[test]
    fn signals_have_the_numbers_of_linux() {
        for (signal, number) in [
            (Signal::RuntimeDefault, 15),
            (Signal::Sigabrt, 6),
            (Signal::Sighup, 1),
            (Signal::Sigkill, 9),
            (Signal::Sigterm, 15),
            (Signal::Sigquit, 3),
            (Signal::Sigusr1, 10),
            (Signal::Sigwinch, 28),
            (Signal::Sigxcpu, 24),
            (Signal::Sigxfsz, 25),
            (Signal::Sigrtmin, 34),
            (Signal::Sigrtminplus15, 49),
            (Signal::Sigrtmaxminus14, 50),
            (Signal::Sigrtmaxminus1, 63),
            (Signal::Sigrtmax, 64),
        ] {
            assert_eq!(signal_number(signal.into()), number, "{signal:?}");
        }
        assert_eq!(signal_number(-1), 15);
    }
}
