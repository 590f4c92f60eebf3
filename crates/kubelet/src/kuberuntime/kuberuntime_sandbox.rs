//! Making a pod's sandbox.
//!
//! Upstream: `pkg/kubelet/kuberuntime/kuberuntime_sandbox.go`,
//! `pkg/kubelet/network/dns/dns.go`, `pkg/kubelet/kuberuntime/util/util.go`.

use super::labels::pod_labels;
use super::resources::{pod_cgroup_parent, sandbox_resources};
use crate::KubeletConfig;
use crate::container::is_host_network_pod;
use crate::kubelet::Inner;
use api::Pod;
use cri::{
    DnsConfig, Int64Value, LinuxPodSandboxConfig, LinuxSandboxSecurityContext, NamespaceMode,
    NamespaceOption, PodSandboxConfig, PodSandboxMetadata, PortMapping, Protocol,
    RunPodSandboxRequest, SeLinuxOption, SecurityProfile, UserNamespace, security_profile,
};
use sim::{Ctx, Hop};
use std::rc::Rc;
use trace::{Component, Level};

impl Inner {
    /// Asks the runtime for a sandbox. Gives its id.
    ///
    /// # Errors
    /// The runtime's.
    pub(crate) async fn create_pod_sandbox(
        &self,
        ctx: &Ctx,
        config: PodSandboxConfig,
        pod: &Pod,
    ) -> Result<Rc<str>, cri::Status> {
        let hop = Hop::new(
            Component::RuntimeManager,
            Component::CriClient,
            trace::Protocol::Function,
            "createPodSandbox",
        )
        .level(Level::Hops)
        .source(self.source("pkg/kubelet/kuberuntime/kuberuntime_sandbox.go createPodSandbox"));
        ctx.call_answering(
            hop,
            |_| trace::Payload::None,
            async |ctx| {
                self.host.create_directory(&config.log_directory);
                let runtime_handler = pod.spec.runtime_class_name.clone().unwrap_or_default();
                let request = RunPodSandboxRequest { config: Some(config), runtime_handler };
                let response = self.cri.call(&ctx, request).await?;
                Ok(response.pod_sandbox_id.into())
            },
        )
        .await
    }
}

/// The directory of a pod's logs.
#[must_use]
pub(crate) fn pod_logs_directory(config: &KubeletConfig, pod: &Pod) -> String {
    let metadata = &pod.metadata;
    let directory = &config.pod_logs_directory;
    format!("{directory}/{}_{}_{}", metadata.namespace, metadata.name, metadata.uid)
}

/// What the runtime is asked to make.
#[must_use]
pub(crate) fn generate_pod_sandbox_config(
    config: &KubeletConfig,
    pod: &Pod,
    attempt: u32,
) -> PodSandboxConfig {
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let port_mappings = ports.map(|port| PortMapping {
        protocol: match port.protocol.as_str() {
            "UDP" => Protocol::Udp,
            "SCTP" => Protocol::Sctp,
            _ => Protocol::Tcp,
        } as i32,
        container_port: port.container_port,
        host_port: port.host_port,
        host_ip: port.host_ip.clone(),
    });
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            namespace: pod.metadata.namespace.clone(),
            attempt,
        }),
        hostname: if is_host_network_pod(pod) { String::new() } else { hostname(pod) },
        log_directory: pod_logs_directory(config, pod),
        dns_config: Some(dns_config(config, pod)),
        port_mappings: port_mappings.collect(),
        labels: pod_labels(pod),
        annotations: pod.metadata.annotations.clone(),
        linux: Some(linux_config(config, pod)),
        windows: None,
    }
}

/// A pod's hostname: its own, or its name, as far as the kernel takes it.
#[must_use]
pub(crate) fn hostname(pod: &Pod) -> String {
    let wanted = match (&pod.spec.hostname_override, pod.spec.hostname.as_str()) {
        (Some(own), _) => own,
        (None, "") => pod.metadata.name.as_str(),
        (None, own) => own,
    };
    let mut end = wanted.len().min(63);
    while !wanted.is_char_boundary(end) {
        end -= 1;
    }
    wanted[..end].trim_end_matches(['-', '.']).to_owned()
}

/// What goes into the pod's resolv.conf.
fn dns_config(config: &KubeletConfig, pod: &Pod) -> DnsConfig {
    let mut dns = match pod.spec.dns_policy.as_str() {
        "None" => DnsConfig::default(),
        "ClusterFirstWithHostNet" => cluster_dns(config, pod),
        "Default" => node_dns(config),
        _ if is_host_network_pod(pod) || config.cluster_dns.is_empty() => node_dns(config),
        _ => cluster_dns(config, pod),
    };
    if let Some(own) = &pod.spec.dns_config {
        let add = |to: &mut Vec<String>, from: &[String]| {
            for text in from {
                if !to.contains(text) {
                    to.push(text.clone());
                }
            }
        };
        add(&mut dns.servers, &own.nameservers);
        add(&mut dns.searches, &own.searches);
        for option in &own.options {
            dns.options.retain(|text| text.split(':').next() != Some(option.name.as_str()));
            dns.options.push(match &option.value {
                Some(value) if !value.is_empty() => format!("{}:{value}", option.name),
                _ => option.name.clone(),
            });
        }
    }
    dns
}

fn node_dns(config: &KubeletConfig) -> DnsConfig {
    DnsConfig { servers: config.node_dns.clone(), ..DnsConfig::default() }
}

fn cluster_dns(config: &KubeletConfig, pod: &Pod) -> DnsConfig {
    let domain = &config.cluster_domain;
    DnsConfig {
        servers: config.cluster_dns.clone(),
        searches: vec![
            format!("{}.svc.{domain}", pod.metadata.namespace),
            format!("svc.{domain}"),
            domain.clone(),
        ],
        options: vec!["ndots:5".into()],
    }
}

/// Which namespaces of the node, the pod or the container its containers live in.
pub(crate) fn namespace_options(config: &KubeletConfig, pod: &Pod) -> NamespaceOption {
    let spec = &pod.spec;
    let node_or_pod = |host| if host { NamespaceMode::Node } else { NamespaceMode::Pod };
    let pid = match (spec.host_pid, spec.share_process_namespace) {
        (true, _) => NamespaceMode::Node,
        (false, Some(true)) => NamespaceMode::Pod,
        (false, _) => NamespaceMode::Container,
    };
    let own_users = spec.host_users == Some(false);
    let users = UserNamespace {
        mode: if own_users { NamespaceMode::Pod } else { NamespaceMode::Node } as i32,
        ..UserNamespace::default()
    };
    NamespaceOption {
        network: node_or_pod(spec.host_network) as i32,
        pid: pid as i32,
        ipc: node_or_pod(spec.host_ipc) as i32,
        target_id: String::new(),
        userns_options: config.version.features().user_namespaces.then_some(users),
    }
}

fn linux_config(config: &KubeletConfig, pod: &Pod) -> LinuxPodSandboxConfig {
    let privileged = crate::container::all_containers(&pod.spec).any(|container| {
        container.security_context.as_ref().is_some_and(|context| context.privileged == Some(true))
    });
    let mut context = LinuxSandboxSecurityContext {
        privileged,
        seccomp: Some(SecurityProfile {
            profile_type: security_profile::ProfileType::RuntimeDefault as i32,
            localhost_ref: String::new(),
        }),
        ..LinuxSandboxSecurityContext::default()
    };
    // The API server gives every pod a security context, so upstream always comes here.
    context.namespace_options = Some(namespace_options(config, pod));
    let mut sysctls = std::collections::BTreeMap::new();
    if let Some(own) = pod.spec.security_context.as_deref() {
        for sysctl in &own.sysctls {
            let name = sysctl.name.replace('/', ".");
            sysctls.insert(name, sysctl.value.clone());
        }
        context.run_as_user = own.run_as_user.map(|value| Int64Value { value });
        context.run_as_group = own.run_as_group.map(|value| Int64Value { value });
        context.supplemental_groups.extend(own.fs_group);
        context.supplemental_groups.extend(&own.supplemental_groups);
        context.selinux_options = own.se_linux_options.as_deref().map(se_linux);
    }
    let mut linux = LinuxPodSandboxConfig {
        cgroup_parent: pod_cgroup_parent(config, pod),
        security_context: Some(context),
        sysctls,
        ..LinuxPodSandboxConfig::default()
    };
    if config.version.features().pod_resources {
        let (overhead, resources) = sandbox_resources(pod);
        linux.overhead = Some(overhead);
        linux.resources = Some(resources);
    }
    linux
}

pub(crate) fn se_linux(options: &api::SeLinuxOptions) -> SeLinuxOption {
    SeLinuxOption {
        user: options.user.clone(),
        role: options.role.clone(),
        r#type: options.type_.clone(),
        level: options.level.clone(),
    }
}
