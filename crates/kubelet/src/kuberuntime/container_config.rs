//! What a container is made from: environment, mounts, security, log.
//!
//! Upstream: `pkg/kubelet/kuberuntime/kuberuntime_container.go` `generateContainerConfig`,
//! `pkg/kubelet/kubelet_pods.go` `GenerateRunContainerOptions`,
//! `pkg/kubelet/kuberuntime/security_context.go`.

use super::kuberuntime_sandbox::{hostname, namespace_options, se_linux};
use super::labels::{container_annotations, container_labels};
use super::resources::container_resources;
use crate::container::is_host_network_pod;
use crate::kubelet::Inner;
use crate::volumes::volume_path;
use crate::{Host, KubeletConfig};
use api::{Container, EnvVarSource, Pod};
use cri::{
    Capability, ContainerConfig, ContainerMetadata, ImageSpec, Int64Value, KeyValue,
    LinuxContainerConfig, LinuxContainerSecurityContext, Mount, MountPropagation, NamespaceMode,
    SecurityProfile, security_profile::ProfileType,
};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What only the moment of the start knows.
pub(crate) struct Start<'a> {
    pub(crate) restart_count: u32,
    pub(crate) image_ref: &'a str,
    pub(crate) image_user: ImageUser,
    pub(crate) pod_ips: &'a [Rc<str>],
    /// The container whose process namespace an ephemeral container joins.
    pub(crate) target_id: Option<&'a str>,
}

/// Whom the image runs as.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageUser {
    pub(crate) uid: Option<i64>,
    pub(crate) name: String,
}

impl Inner {
    /// The configuration of a container, or why there is none.
    pub(crate) fn generate_container_config(
        &self,
        pod: &Pod,
        container: &Container,
        start: &Start<'_>,
    ) -> Result<ContainerConfig, String> {
        let config = &*self.config;
        let features = self.features;
        let envs = environment(config, &*self.host, pod, container, start.pod_ips)?;
        verify_run_as_non_root(pod, container, &start.image_user)?;
        let lookup: BTreeMap<&str, &str> =
            envs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expanded = |texts: &[String]| texts.iter().map(|text| expand(text, &lookup)).collect();
        let image = if features.image_by_id { start.image_ref } else { &container.image };
        let user_specified_image =
            if features.user_specified_image { container.image.clone() } else { String::new() };
        Ok(ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: container.name.clone(),
                attempt: start.restart_count,
            }),
            image: Some(ImageSpec {
                image: image.to_owned(),
                user_specified_image,
                ..ImageSpec::default()
            }),
            command: expanded(&container.command),
            args: expanded(&container.args),
            working_dir: container.working_dir.clone(),
            mounts: self.mounts(pod, container)?,
            labels: container_labels(container, pod),
            annotations: container_annotations(container, pod, start.restart_count, features),
            log_path: format!("{}/{}.log", container.name, start.restart_count),
            stdin: container.stdin,
            stdin_once: container.stdin_once,
            tty: container.tty,
            linux: Some(LinuxContainerConfig {
                resources: Some(container_resources(config, pod, container)),
                security_context: Some(security_context(config, pod, container, start)),
            }),
            envs: envs
                .into_iter()
                .map(|(key, value)| KeyValue { key, value: value.into_bytes() })
                .collect(),
            ..ContainerConfig::default()
        })
    }

    fn mounts(&self, pod: &Pod, container: &Container) -> Result<Vec<Mount>, String> {
        let root = &self.config.root_directory;
        let uid = &pod.metadata.uid;
        let mut mounts = Vec::new();
        for (index, mount) in container.volume_mounts.iter().enumerate() {
            let volume = pod.spec.volumes.iter().find(|volume| volume.name == mount.name);
            let volume = volume.ok_or_else(|| {
                format!(
                    "cannot find volume {:?} to mount into container {:?}",
                    mount.name, container.name
                )
            })?;
            let sub_path =
                if mount.sub_path_expr.is_empty() { &mount.sub_path } else { &mount.sub_path_expr };
            let mut host_path = volume_path(&self.config, pod, volume);
            if !sub_path.is_empty() {
                host_path = format!(
                    "{root}/pods/{uid}/volume-subpaths/{}/{}/{index}",
                    volume.name, container.name
                );
            }
            let propagation = match mount.mount_propagation.as_deref() {
                Some("HostToContainer") => MountPropagation::PropagationHostToContainer,
                Some("Bidirectional") => MountPropagation::PropagationBidirectional,
                _ => MountPropagation::PropagationPrivate,
            };
            let image = volume.image.as_ref().map(|image| ImageSpec {
                image: image.reference.clone(),
                user_specified_image: image.reference.clone(),
                ..ImageSpec::default()
            });
            mounts.push(Mount {
                container_path: mount.mount_path.clone(),
                host_path: if image.is_some() { String::new() } else { host_path },
                readonly: mount.read_only || image.is_some(),
                propagation: propagation as i32,
                image,
                ..Mount::default()
            });
        }
        let plain = |host_path: String, container_path: &str| Mount {
            host_path,
            container_path: container_path.to_owned(),
            ..Mount::default()
        };
        if !container.volume_mounts.iter().any(|mount| mount.mount_path == "/etc/hosts") {
            mounts.push(plain(format!("{root}/pods/{uid}/etc-hosts"), "/etc/hosts"));
        }
        if !container.termination_message_path.is_empty() {
            let directory = format!("{root}/pods/{uid}/containers/{}", container.name);
            self.host.create_directory(&directory);
            let file = format!("{directory}/{}", self.sim.random_hex("termination-log", 8));
            self.host.write(&file, "");
            mounts.push(plain(file, &container.termination_message_path));
        }
        Ok(mounts)
    }
}

/// The hosts file that the kubelet writes for a pod.
pub(crate) fn hosts_file(pod: &Pod, pod_ips: &[Rc<str>]) -> String {
    let mut text = String::from(
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost \
         ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\n\
         fe00::2\tip6-allrouters\n",
    );
    if is_host_network_pod(pod) {
        return text;
    }
    for ip in pod_ips {
        text.push_str(&format!("{ip}\t{}\n", hostname(pod)));
    }
    if !pod.spec.host_aliases.is_empty() {
        text.push_str("\n# Entries added by HostAliases.\n");
        for alias in &pod.spec.host_aliases {
            text.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.join("\t")));
        }
    }
    text
}

type Env = Vec<(String, String)>;

/// The environment of a container.
///
/// Upstream: `pkg/kubelet/kubelet_pods.go` `makeEnvironmentVariables`.
fn environment(
    config: &KubeletConfig,
    host: &dyn Host,
    pod: &Pod,
    container: &Container,
    pod_ips: &[Rc<str>],
) -> Result<Env, String> {
    let namespace = &pod.metadata.namespace;
    let mut env = Env::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut set = |env: &mut Env, name: &str, value: String| {
        if let Some(&index) = known.get(name) {
            env[index].1 = value;
        } else {
            known.insert(name.to_owned(), env.len());
            env.push((name.to_owned(), value));
        }
    };
    for from in &container.env_from {
        let (data, kind, name, optional) = match (&from.config_map_ref, &from.secret_ref) {
            (Some(map), _) => {
                (host.config_map(namespace, &map.name), "configmap", &map.name, map.optional)
            }
            (None, Some(secret)) => {
                (host.secret(namespace, &secret.name), "secret", &secret.name, secret.optional)
            }
            (None, None) => continue,
        };
        match data {
            Some(data) => {
                for (key, value) in data {
                    set(&mut env, &format!("{}{key}", from.prefix), value);
                }
            }
            None if optional == Some(true) => {}
            None => return Err(format!("{kind} {name:?} not found")),
        }
    }
    let services = host.service_environment(namespace);
    for variable in &container.env {
        let value = match &variable.value_from {
            Some(source) if variable.value.is_empty() => {
                match value_from(config, host, pod, container, source, pod_ips)? {
                    Some(value) => value,
                    None => continue,
                }
            }
            _ => {
                let known = services.iter().chain(&env);
                let lookup: BTreeMap<&str, &str> =
                    known.map(|(name, value)| (name.as_str(), value.as_str())).collect();
                expand(&variable.value, &lookup)
            }
        };
        set(&mut env, &variable.name, value);
    }
    let own = env.len();
    for (name, value) in services {
        if !env[..own].iter().any(|(known, _)| *known == name) {
            env.push((name, value));
        }
    }
    Ok(env)
}

fn value_from(
    config: &KubeletConfig,
    host: &dyn Host,
    pod: &Pod,
    container: &Container,
    source: &EnvVarSource,
    pod_ips: &[Rc<str>],
) -> Result<Option<String>, String> {
    let namespace = &pod.metadata.namespace;
    let keyed =
        |data: Option<crate::Data>, kind: &str, of: &str, name: &str, key: &str, optional| {
            match data {
                None if optional => Ok(None),
                None => Err(format!("{kind} {name:?} not found")),
                Some(mut data) => match data.remove(key) {
                    Some(value) => Ok(Some(value)),
                    None if optional => Ok(None),
                    None => Err(format!("couldn't find key {key} in {of} {namespace}/{name}")),
                },
            }
        };
    if let Some(field) = &source.field_ref {
        return field_value(config, pod, &field.field_path, pod_ips).map(Some);
    }
    if let Some(resource) = &source.resource_field_ref {
        return Ok(Some(resource_value(config, pod, container, resource)));
    }
    if let Some(map) = &source.config_map_key_ref {
        let data = host.config_map(namespace, &map.name);
        let optional = map.optional == Some(true);
        return keyed(data, "configmap", "ConfigMap", &map.name, &map.key, optional);
    }
    if let Some(secret) = &source.secret_key_ref {
        let data = host.secret(namespace, &secret.name);
        let optional = secret.optional == Some(true);
        return keyed(data, "secret", "Secret", &secret.name, &secret.key, optional);
    }
    Ok(Some(String::new()))
}

/// A field of the pod, as the downward API gives it.
pub(crate) fn field_value(
    config: &KubeletConfig,
    pod: &Pod,
    path: &str,
    pod_ips: &[Rc<str>],
) -> Result<String, String> {
    let metadata = &pod.metadata;
    let host_network = is_host_network_pod(pod);
    let subscript = |prefix: &str| {
        path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']").map(str::to_owned)
    };
    if let Some(key) = subscript("metadata.labels") {
        return Ok(metadata.labels.get(&key).cloned().unwrap_or_default());
    }
    if let Some(key) = subscript("metadata.annotations") {
        return Ok(metadata.annotations.get(&key).cloned().unwrap_or_default());
    }
    let join = || match pod_ips {
        [] if host_network => config.node_ip.to_string(),
        ips => ips.iter().map(|ip| &**ip).collect::<Vec<_>>().join(","),
    };
    Ok(match path {
        "metadata.name" => metadata.name.clone(),
        "metadata.namespace" => metadata.namespace.clone(),
        "metadata.uid" => metadata.uid.clone(),
        "spec.nodeName" => pod.spec.node_name.clone(),
        "spec.serviceAccountName" => pod.spec.service_account_name.clone(),
        "status.hostIP" | "status.hostIPs" => config.node_ip.to_string(),
        "status.podIP" => join().split(',').next().unwrap_or_default().to_owned(),
        "status.podIPs" => join(),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    })
}

fn resource_value(
    config: &KubeletConfig,
    pod: &Pod,
    own: &Container,
    field: &api::ResourceFieldSelector,
) -> String {
    let container = if field.container_name.is_empty() {
        own
    } else {
        crate::container::container_spec(pod, &field.container_name).unwrap_or(own)
    };
    let (list, name) = match field.resource.split_once('.') {
        Some(("limits", name)) => (&container.resources.limits, name),
        Some((_, name)) => (&container.resources.requests, name),
        None => return String::new(),
    };
    let is_limit = field.resource.starts_with("limits");
    let nanos = match list.get(name) {
        Some(quantity) => quantity.nanos(),
        // Without a limit a container may use what the node has.
        None if is_limit && name == "cpu" => i128::from(config.cpu_millis) * 1_000_000,
        None if is_limit && name == "memory" => i128::from(config.memory_bytes) * 1_000_000_000,
        None => 0,
    };
    let divisor = field.divisor.as_ref().map_or(0, api::Quantity::nanos);
    let divisor = if divisor > 0 { divisor } else { 1_000_000_000 };
    // Rounded up, as upstream does.
    ((nanos + divisor - 1) / divisor).to_string()
}

/// Replaces `$(NAME)`; `$$` stands for one `$`; what is not known stays.
///
/// Upstream: `third_party/forked/golang/expansion/expand.go`.
pub(crate) fn expand(text: &str, known: &BTreeMap<&str, &str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('(')
            && let Some(end) = after.find(')')
        {
            match known.get(&after[..end]) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(&after[..=end]);
                }
            }
            rest = &after[end + 1..];
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

fn verify_run_as_non_root(
    pod: &Pod,
    container: &Container,
    user: &ImageUser,
) -> Result<(), String> {
    let pod_context = pod.spec.security_context.as_deref();
    let own = container.security_context.as_deref();
    let non_root = own
        .and_then(|own| own.run_as_non_root)
        .or(pod_context.and_then(|context| context.run_as_non_root));
    if non_root != Some(true) {
        return Ok(());
    }
    let who = format!("(pod: {:?}, container: {})", crate::format_pod(pod), container.name);
    let run_as =
        own.and_then(|own| own.run_as_user).or(pod_context.and_then(|context| context.run_as_user));
    match (run_as, user.uid) {
        (Some(0), _) => Err(format!("container's runAsUser breaks non-root policy {who}")),
        (Some(_), _) => Ok(()),
        (None, Some(0)) => {
            Err(format!("container has runAsNonRoot and image will run as root {who}"))
        }
        (None, None) if !user.name.is_empty() => Err(format!(
            "container has runAsNonRoot and image has non-numeric user ({}), cannot verify user is \
             non-root {who}",
            user.name
        )),
        _ => Ok(()),
    }
}

const MASKED_PATHS_OLD: [&str; 9] = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];

const MASKED_PATHS: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

const READONLY_PATHS: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

fn security_context(
    config: &KubeletConfig,
    pod: &Pod,
    container: &Container,
    start: &Start<'_>,
) -> LinuxContainerSecurityContext {
    let pod_context = pod.spec.security_context.as_deref();
    let own = container.security_context.as_deref();
    let run_as_user =
        own.and_then(|own| own.run_as_user).or(pod_context.and_then(|context| context.run_as_user));
    let run_as_group = own
        .and_then(|own| own.run_as_group)
        .or(pod_context.and_then(|context| context.run_as_group));
    let user = &start.image_user;
    let from_image = run_as_user.is_none();
    let mut groups = Vec::new();
    if let Some(context) = pod_context {
        groups.extend(context.fs_group);
        groups.extend(&context.supplemental_groups);
    }
    let mut namespaces = namespace_options(config, pod);
    if let Some(target) = start.target_id
        && namespaces.pid == NamespaceMode::Container as i32
    {
        namespaces.pid = NamespaceMode::Target as i32;
        namespaces.target_id = target.to_owned();
    }
    let unmasked = own.and_then(|own| own.proc_mount.as_deref()) == Some("Unmasked");
    let owned = |paths: &[&str]| -> Vec<String> {
        if unmasked { Vec::new() } else { paths.iter().map(|&path| path.to_owned()).collect() }
    };
    let masked: &[&str] =
        if config.version.minor >= 33 { &MASKED_PATHS } else { &MASKED_PATHS_OLD };
    let capabilities = own.and_then(|own| own.capabilities.as_deref()).map(|own| Capability {
        add_capabilities: own.add.clone(),
        drop_capabilities: own.drop.clone(),
        ..Capability::default()
    });
    let se_linux_options = own
        .and_then(|own| own.se_linux_options.as_deref())
        .or(pod_context.and_then(|context| context.se_linux_options.as_deref()));
    LinuxContainerSecurityContext {
        capabilities,
        privileged: own.is_some_and(|own| own.privileged == Some(true)),
        namespace_options: Some(namespaces),
        selinux_options: se_linux_options.map(se_linux),
        run_as_user: run_as_user
            .or(user.uid.filter(|_| from_image))
            .map(|value| Int64Value { value }),
        run_as_group: run_as_group.map(|value| Int64Value { value }),
        run_as_username: if from_image { user.name.clone() } else { String::new() },
        readonly_rootfs: own.is_some_and(|own| own.read_only_root_filesystem == Some(true)),
        supplemental_groups: groups,
        no_new_privs: own.is_some_and(|own| own.allow_privilege_escalation == Some(false)),
        masked_paths: owned(masked),
        readonly_paths: owned(&READONLY_PATHS),
        seccomp: Some(seccomp(pod, container)),
        ..LinuxContainerSecurityContext::default()
    }
}

fn seccomp(pod: &Pod, container: &Container) -> SecurityProfile {
    let own = container.security_context.as_deref().and_then(|own| own.seccomp_profile.as_ref());
    let pods = || pod.spec.security_context.as_deref()?.seccomp_profile.as_ref();
    let (kind, localhost_ref) = match own.or_else(pods) {
        Some(profile) if profile.type_ == "RuntimeDefault" => {
            (ProfileType::RuntimeDefault, String::new())
        }
        Some(profile) if profile.type_ == "Localhost" => {
            let file = profile.localhost_profile.as_deref().unwrap_or_default();
            (ProfileType::Localhost, format!("/var/lib/kubelet/seccomp/{file}"))
        }
        _ => (ProfileType::Unconfined, String::new()),
    };
    SecurityProfile { profile_type: kind as i32, localhost_ref }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_unknown_ones_stay() {
        let known = BTreeMap::from([("A", "1"), ("B", "two")]);
        let table = [
            ("$(A)-x", "1-x"),
            ("$(A)$(B)", "1two"),
            ("$(C)", "$(C)"),
            ("$$(A)", "$(A)"),
            ("$A $", "$A $"),
            ("$(A", "$(A"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(expand(text, &known), expected, "{text}");
        }
    }
}
