//! Pod sandboxes: one container each, that only sleeps.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/docker_sandbox.go`, `helpers.go`.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::client::DockerError;
use super::glue::{at, glue, step};
use super::naming::{
    CONTAINER_NAME_LABEL, ParsedName, SANDBOX_CONTAINER, SANDBOX_ID_LABEL, TYPE_LABEL,
    TYPE_SANDBOX, extract_labels, make_labels, make_name, parse_name,
};
use super::network::{NetworkPluginKind, Pod};
use super::resolv::rewrite_resolv_file;
use super::{Dockershim, Flavor, aggregate, failed, security};
use crate::docker::engine::config::SHM_SIZE_DEFAULT;
use crate::docker::engine::{
    AuthConfig, ContainerJson, ContainerSummary, CreateBody, Filters, HostConfig, PortBinding,
    Resources,
};
use cri::{NamespaceMode, PodSandboxState, Status};
use sim::Ctx;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How many seconds a sandbox's container gets to stop.
const GRACE_PERIOD: i64 = 10;
/// Sandboxes are among the last that the kernel kills when memory is short.
const OOM_SCORE_ADJ: i64 = -998;
/// They hardly need the CPU.
const CPU_SHARES: i64 = 2;
/// What the default runtime handler is called besides nothing.
pub(super) const RUNTIME_NAME: &str = "docker";

/// Whether a sandbox shall use the host's network.
pub(super) fn is_host_network(config: &cri::PodSandboxConfig) -> bool {
    let options = config
        .linux
        .as_ref()
        .and_then(|linux| linux.security_context.as_ref())
        .and_then(|context| context.namespace_options.as_ref());
    options.is_some_and(|options| options.network() == NamespaceMode::Node)
}

impl Dockershim {
    /// `RunPodSandbox`, step by step as upstream numbers them.
    pub(super) async fn run_sandbox(
        &self,
        ctx: &Ctx,
        request: cri::RunPodSandboxRequest,
    ) -> Result<String, Status> {
        // Upstream would crash without them.
        let config = request.config.ok_or_else(|| failed("sandbox config is nil"))?;
        let metadata = config.metadata.as_ref();
        let pod_name = metadata.ok_or_else(|| failed("sandbox metadata is nil"))?.name.clone();

        // 1: the image.
        let image = self.sandbox_image();
        self.ensure_sandbox_image_exists(ctx, &image).await?;

        // 2: the container.
        let runtime = self.runtime_of_handler(&request.runtime_handler)?;
        let (name, body) =
            self.make_sandbox_docker_config(&config, &image, runtime).map_err(|error| {
                failed(format!(
                    "failed to make sandbox docker config for pod {pod_name:?}: {error}"
                ))
            })?;
        let create = glue("infra-container", at!("docker_sandbox.go RunPodSandbox"));
        let created = self.create_or_recover(ctx, create, &name, &Rc::new(body)).await;
        let id = created.map_err(|error| {
            failed(format!("failed to create a sandbox for pod {pod_name:?}: {error}"))
        })?;
        self.set_network_ready(&id, Some(false));
        let (ready, result) = self.set_up_sandbox(ctx, &id, &config, &pod_name).await;
        if ready {
            self.set_network_ready(&id, Some(true));
        }
        result.map(|()| (*id).to_owned())
    }

    /// Steps 3 to 5, and whether the network counts as ready afterwards. Upstream decides that by
    /// the value of a variable that an inner one hides in step 4, and that the cleaning up of
    /// step 5 overwrites: a sandbox whose set-up failed can count as ready.
    async fn set_up_sandbox(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        config: &cri::PodSandboxConfig,
        pod_name: &str,
    ) -> (bool, Result<(), Status>) {
        // 3: the checkpoint.
        if let Err(error) = self.checkpoints.create(ctx, id, &Checkpoint::of(config)) {
            return (false, Err(failed(error.to_string())));
        }

        // 4: the process.
        let start = glue("infra-container", at!("docker_sandbox.go RunPodSandbox"));
        if let Err(error) = self.docker.start_container(ctx, start, id).await {
            let text = format!("failed to start sandbox container for pod {pod_name:?}: {error}");
            return (false, Err(failed(text)));
        }
        if let Some(dns) = &config.dns_config
            && let Err(error) = self.rewrite_resolv_conf(ctx, id, dns, pod_name).await
        {
            // The error is a variable of its own: the outer one still says that all is well.
            return (true, Err(error));
        }

        // 5: the network.
        if is_host_network(config) {
            return (true, Ok(()));
        }
        let metadata = config.metadata.clone().unwrap_or_default();
        let pod = Pod { namespace: &metadata.namespace, name: &metadata.name, sandbox: id };
        let set_up = self.network.set_up_pod(ctx, &self.host(), pod, &config.annotations).await;
        let error = match set_up {
            Ok(ip) => {
                if let Some(ip) = ip {
                    self.views.set_ip(ctx, id, &ip);
                }
                return (true, Ok(()));
            }
            Err(error) => error,
        };
        let mut errors = vec![format!(
            "failed to set up sandbox container {:?} network for pod {pod_name:?}: {error}",
            &**id
        )];
        if let Err(error) = self.network.tear_down_pod(ctx, &self.host(), pod).await {
            errors.push(format!(
                "failed to clean up sandbox container {:?} network for pod {pod_name:?}: {error}",
                &**id
            ));
        }
        let stop = step(at!("docker_sandbox.go RunPodSandbox"));
        let stopped = self.docker.stop_container(ctx, stop, id, GRACE_PERIOD).await;
        // Only the last result decides whether the network counts as ready.
        let ready = stopped.is_ok();
        if let Err(error) = stopped {
            errors.push(format!(
                "failed to stop sandbox container {:?} for pod {pod_name:?}: {error}",
                &**id
            ));
        }
        (ready, Err(failed(aggregate(errors))))
    }

    async fn rewrite_resolv_conf(
        &self,
        ctx: &Ctx,
        id: &str,
        dns: &cri::DnsConfig,
        pod_name: &str,
    ) -> Result<(), Status> {
        let inspect = glue("resolv-conf-rewrite", at!("docker_sandbox.go rewriteResolvFile"));
        let container = self.docker.inspect_container(ctx, inspect, id).await.map_err(|error| {
            failed(format!("failed to inspect sandbox container for pod {pod_name:?}: {error}"))
        })?;
        rewrite_resolv_file(ctx, &self.node, &container.resolv_conf_path, dns).map_err(|error| {
            failed(format!("rewrite resolv.conf failed for pod {pod_name:?}: {error}"))
        })
    }

    /// The image whose container holds a pod's namespaces.
    pub(super) fn sandbox_image(&self) -> String {
        if self.options.pause_image.is_empty() {
            self.options.flavor.default_pause_image().to_owned()
        } else {
            self.options.pause_image.clone()
        }
    }

    /// Pulls the image if Docker does not have it: with the node's credentials for it one after
    /// the other, or without any.
    ///
    /// Models: kubernetes@v1.22.6 `docker_sandbox.go`/`helpers.go` `ensureSandboxImageExists`.
    async fn ensure_sandbox_image_exists(&self, ctx: &Ctx, image: &str) -> Result<(), Status> {
        let look = glue("image-check", at!("helpers.go ensureSandboxImageExists"));
        match self.docker.inspect_image_by_ref(ctx, look, image).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_image_not_found() => {}
            Err(error) => {
                return Err(failed(format!("failed to inspect sandbox image {image:?}: {error}")));
            }
        }
        let credentials = self.options.credentials_for(image);
        if credentials.is_empty() {
            let pulled = self.docker.pull_image(ctx, look, image, AuthConfig::default()).await;
            return pulled
                .map_err(|error| failed(format!("failed pulling image {image:?}: {error}")));
        }
        let mut errors = Vec::new();
        for auth in credentials {
            match self.docker.pull_image(ctx, look, image, auth).await {
                Ok(()) => return Ok(()),
                Err(error) => errors.push(error.to_string()),
            }
        }
        Err(failed(aggregate(errors)))
    }

    /// What dockerd's runtime for a handler is called; empty for its default.
    fn runtime_of_handler(&self, handler: &str) -> Result<String, Status> {
        if handler.is_empty() || handler == RUNTIME_NAME {
            return Ok(String::new());
        }
        match self.options.flavor {
            Flavor::Dockershim => Err(failed(format!("RuntimeHandler {handler:?} not supported"))),
            Flavor::CriDockerd => {
                let known = self.engine.borrow().1.iter().any(|runtime| runtime == handler);
                if known {
                    Ok(handler.to_owned())
                } else {
                    Err(failed(format!(
                        "failed to get sandbox runtime: no runtime for {handler:?} is configured"
                    )))
                }
            }
        }
    }

    /// A sandbox in Docker's words.
    ///
    /// Models: kubernetes@v1.22.6 `docker_sandbox.go` `makeSandboxDockerConfig`.
    fn make_sandbox_docker_config(
        &self,
        config: &cri::PodSandboxConfig,
        image: &str,
        runtime: String,
    ) -> Result<(String, CreateBody), String> {
        let metadata = config.metadata.clone().unwrap_or_default();
        let mut labels = make_labels(&config.labels, &config.annotations);
        labels.insert(TYPE_LABEL.to_owned(), TYPE_SANDBOX.to_owned());
        labels.insert(CONTAINER_NAME_LABEL.to_owned(), SANDBOX_CONTAINER.to_owned());
        let mut body = CreateBody {
            hostname: config.hostname.clone(),
            image: image.to_owned(),
            labels,
            host_config: HostConfig {
                ipc_mode: "shareable".to_owned(),
                shm_size: SHM_SIZE_DEFAULT,
                runtime,
                api: self.options.flavor.api(),
                ..HostConfig::default()
            },
            ..CreateBody::default()
        };
        if let Some(linux) = &config.linux {
            let plugin = self.network.kind();
            security::apply_sandbox(&mut body, linux.security_context.as_ref(), plugin)?;
            body.host_config.sysctls.clone_from(&linux.sysctls);
        }
        let (exposed_ports, bindings) = make_ports_and_bindings(&config.port_mappings);
        body.exposed_ports = exposed_ports.into_iter().collect();
        let host = &mut body.host_config;
        host.port_bindings = Some(bindings);
        host.oom_score_adj = OOM_SCORE_ADJ;
        let parent = config.linux.as_ref().map_or("", |linux| &linux.cgroup_parent);
        host.resources = Resources {
            cpu_shares: CPU_SHARES,
            cgroup_parent: self.expected_cgroup_parent(parent),
            ..Resources::default()
        };
        let options = host.security_opt.get_or_insert_default();
        options.push("no-new-privileges".to_owned());
        Ok((make_name(SANDBOX_CONTAINER, &metadata, metadata.attempt), body))
    }

    /// `StopPodSandbox`.
    pub(super) async fn stop_sandbox(&self, ctx: &Ctx, id: &str) -> Result<(), Status> {
        let (mut namespace, mut name, mut host_network) = Default::default();
        match self.sandbox_details(ctx, id).await {
            Ok((container, parsed)) => {
                (namespace, name) = (parsed.namespace, parsed.pod);
                host_network = network_mode(&container) == NamespaceMode::Node;
            }
            Err(status_error) => match self.checkpoints.get(id) {
                Ok(checkpoint) => {
                    host_network = checkpoint.host_network();
                    (namespace, name) = (checkpoint.namespace, checkpoint.name);
                }
                Err(error) => {
                    if error != CheckpointError::NotFound {
                        // What cannot be read is of no use to anybody.
                        let _ = self.checkpoints.remove(ctx, id);
                    }
                    if !super::client::text_says_container_not_found(&status_error) {
                        return Err(failed(aggregate(vec![
                            format!("failed to get checkpoint for sandbox {id:?}: {error}"),
                            format!("failed to get sandbox status: {status_error}"),
                        ])));
                    }
                }
            },
        }

        let mut errors = Vec::new();
        // Whether the network is there is not known after a restart.
        if !host_network && self.network_ready(id).unwrap_or(true) {
            let pod = Pod { namespace: &namespace, name: &name, sandbox: id };
            match self.network.tear_down_pod(ctx, &self.host(), pod).await {
                Ok(()) => self.set_network_ready(id, Some(false)),
                Err(error) => errors.push(error),
            }
        }
        let stop = glue("infra-container", at!("docker_sandbox.go StopPodSandbox"));
        if let Err(error) = self.docker.stop_container(ctx, stop, id, GRACE_PERIOD).await {
            if error.is_container_not_found() {
                // Nobody will ask for it again.
                let _ = self.checkpoints.remove(ctx, id);
            } else {
                errors.push(error.to_string());
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(failed(aggregate(errors))) }
    }

    /// `RemovePodSandbox`.
    pub(super) async fn remove_sandbox(&self, ctx: &Ctx, id: &str) -> Result<(), Status> {
        let mut errors = Vec::new();
        let list = glue("remove-children", at!("docker_sandbox.go RemovePodSandbox"));
        let mut filters = Filters::default();
        filters.add_label(SANDBOX_ID_LABEL, id);
        match self.docker.list_containers(ctx, list, true, filters).await {
            Ok(containers) => {
                for container in containers {
                    if let Err(error) = self.remove(ctx, &container.id).await
                        && !super::client::text_says_container_not_found(&error.message)
                    {
                        errors.push(error.message);
                    }
                }
            }
            Err(error) => errors.push(error.to_string()),
        }
        let remove = glue("infra-container", at!("docker_sandbox.go RemovePodSandbox"));
        match self.docker.remove_container(ctx, remove, id, true).await {
            Err(error) if !error.is_container_not_found() => errors.push(error.to_string()),
            _ => self.set_network_ready(id, None),
        }
        if let Err(error) = self.checkpoints.remove(ctx, id) {
            errors.push(error.to_string());
        }
        if errors.is_empty() { Ok(()) } else { Err(failed(aggregate(errors))) }
    }

    /// What Docker and the container's name say of a sandbox; the error as text.
    async fn sandbox_details(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<(Box<ContainerJson>, ParsedName), String> {
        let inspect = glue("name-parsing", at!("docker_sandbox.go getPodSandboxDetails"));
        let container = self
            .docker
            .inspect_container(ctx, inspect, id)
            .await
            .map_err(|error| error.to_string())?;
        let parsed = parse_name(&container.name, "sandbox")?;
        Ok((container, parsed))
    }

    /// `PodSandboxStatus`.
    pub(super) async fn sandbox_status(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<cri::PodSandboxStatus, Status> {
        let (container, parsed) = self.sandbox_details(ctx, id).await.map_err(failed)?;
        let mut ips = self.sandbox_ips(ctx, id, &container, &parsed).await.into_iter();
        let network = cri::PodSandboxNetworkStatus {
            ip: ips.next().unwrap_or_default(),
            additional_ips: ips.map(|ip| cri::PodIp { ip }).collect(),
        };
        let state = sandbox_state(container.state.running);
        let host = &container.config.host_config;
        let options = cri::NamespaceOption {
            network: network_mode(&container).into(),
            pid: if host.pid_mode == "host" {
                NamespaceMode::Node
            } else {
                NamespaceMode::Container
            }
            .into(),
            ipc: if host.ipc_mode == "host" { NamespaceMode::Node } else { NamespaceMode::Pod }
                .into(),
            ..cri::NamespaceOption::default()
        };
        let (labels, annotations) = extract_labels(&container.config.labels);
        Ok(cri::PodSandboxStatus {
            id: (*container.id).to_owned(),
            metadata: Some(metadata(parsed)),
            state: state.into(),
            created_at: container.created.unix_nanos(),
            network: Some(network),
            linux: Some(cri::LinuxPodSandboxStatus {
                namespaces: Some(cri::Namespace { options: Some(options) }),
            }),
            labels,
            annotations,
            runtime_handler: String::new(),
        })
    }

    /// Models: kubernetes@v1.22.6 `docker_sandbox.go` `getIPs`.
    async fn sandbox_ips(
        &self,
        ctx: &Ctx,
        id: &str,
        container: &ContainerJson,
        parsed: &ParsedName,
    ) -> Vec<String> {
        if network_mode(container) == NamespaceMode::Node || self.network_ready(id) == Some(false) {
            return Vec::new();
        }
        let pod = Pod { namespace: &parsed.namespace, name: &parsed.pod, sandbox: &container.id };
        let ips = self.network.pod_ips(ctx, &self.host(), pod).await;
        if ips.is_empty() && !container.ip_address.is_empty() {
            return vec![container.ip_address.clone()];
        }
        ips
    }

    /// `ListPodSandbox`.
    pub(super) async fn list_sandboxes(
        &self,
        ctx: &Ctx,
        filter: Option<cri::PodSandboxFilter>,
    ) -> Result<Vec<cri::PodSandbox>, Status> {
        let mut all = true;
        let mut without_ready = false;
        let mut filters = Filters::default();
        filters.add_label(TYPE_LABEL, TYPE_SANDBOX);
        if let Some(filter) = &filter {
            if !filter.id.is_empty() {
                filters.add("id", &*filter.id);
            }
            match filter.state.as_ref().map(cri::PodSandboxStateValue::state) {
                Some(PodSandboxState::SandboxReady) => all = false,
                // Docker cannot leave out what runs.
                Some(PodSandboxState::SandboxNotready) => without_ready = true,
                None => {}
            }
            for (key, value) in &filter.label_selector {
                filters.add_label(key, value);
            }
        }
        // Taken first, so that a sandbox that is being made does not count as lost.
        let checkpoints = if filter.is_none() { self.checkpoints.list() } else { Vec::new() };
        let list = glue("labels-for-annotations", at!("docker_sandbox.go ListPodSandbox"));
        let containers = self.docker.list_containers(ctx, list, all, filters).await;
        let containers = containers.map_err(|error| failed(error.to_string()))?;
        let known: Vec<cri::PodSandbox> = containers
            .iter()
            .filter_map(|container| sandbox_of_summary(container).ok())
            .filter(|item| !(without_ready && item.state() == PodSandboxState::SandboxReady))
            .collect();
        let ids: BTreeSet<&str> = known.iter().map(|item| item.id.as_str()).collect();
        let lost: Vec<cri::PodSandbox> = checkpoints
            .into_iter()
            .filter(|id| !ids.contains(&**id))
            .filter_map(|id| self.sandbox_of_checkpoint(ctx, &id))
            .collect();
        Ok(known.into_iter().chain(lost).collect())
    }

    /// A sandbox that only its checkpoint still knows, so that the kubelet can clean up.
    fn sandbox_of_checkpoint(&self, ctx: &Ctx, id: &str) -> Option<cri::PodSandbox> {
        match self.checkpoints.get(id) {
            Ok(checkpoint) => Some(cri::PodSandbox {
                id: id.to_owned(),
                metadata: Some(cri::PodSandboxMetadata {
                    name: checkpoint.name,
                    namespace: checkpoint.namespace,
                    ..cri::PodSandboxMetadata::default()
                }),
                state: PodSandboxState::SandboxNotready.into(),
                ..cri::PodSandbox::default()
            }),
            Err(error) => {
                let corrupt = error == CheckpointError::Corrupt;
                if corrupt && self.options.flavor == Flavor::Dockershim {
                    let _ = self.checkpoints.remove(ctx, id);
                }
                None
            }
        }
    }

    /// Creates a container. If its name is taken, the text of the error says by which: that one is
    /// removed, unless it runs, and the kubelet's next try succeeds. If it does not exist although
    /// Docker remembers its name, another name is tried.
    ///
    /// Models: kubernetes@v1.22.6 `helpers.go` `recoverFromCreationConflictIfNeeded`.
    pub(super) async fn create_or_recover(
        &self,
        ctx: &Ctx,
        create: super::glue::Step,
        name: &str,
        body: &Rc<CreateBody>,
    ) -> Result<Rc<str>, DockerError> {
        let error = match self.docker.create_container(ctx, create, name, body).await {
            Ok(id) => return Ok(id),
            Err(error) => error,
        };
        let Some(other) = conflicting_container(&error.to_string()) else { return Err(error) };
        let recover =
            glue("conflict-recovery", at!("helpers.go recoverFromCreationConflictIfNeeded"));
        match self.docker.remove_container(ctx, recover, &other, false).await {
            Err(removal) if removal.is_container_not_found() => {
                let suffix = ctx.sim().random_hex("dockershim/name-suffix", 8);
                let name = format!("{name}_{suffix}");
                self.docker.create_container(ctx, recover, &name, body).await
            }
            _ => Err(error),
        }
    }
}

/// The container that has the name, if an error says so:
/// `Conflict. … is already in use by container "<id>"`.
fn conflicting_container(error: &str) -> Option<String> {
    const SAYS: &str = " is already in use by container ";
    let conflict = error.find("Conflict. ")?;
    let at = error[conflict..].rfind(SAYS)? + conflict + SAYS.len();
    let rest = &error[at..];
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    let end = rest.find(|c: char| !c.is_ascii_digit() && !c.is_ascii_lowercase());
    let id = &rest[..end.unwrap_or(rest.len())];
    (!id.is_empty()).then(|| id.to_owned())
}

/// The ports of a pod that the host shall pass on.
///
/// Models: kubernetes@v1.22.6 `helpers.go` `makePortsAndBindings`.
fn make_ports_and_bindings(
    mappings: &[cri::PortMapping],
) -> (BTreeSet<String>, BTreeMap<String, Vec<PortBinding>>) {
    let (mut exposed, mut bindings) = (BTreeSet::new(), BTreeMap::<_, Vec<_>>::new());
    for mapping in mappings.iter().filter(|mapping| mapping.host_port != 0) {
        let protocol = match cri::Protocol::try_from(mapping.protocol) {
            Ok(cri::Protocol::Udp) => "udp",
            Ok(cri::Protocol::Sctp) => "sctp",
            _ => "tcp",
        };
        let port = format!("{}/{protocol}", mapping.container_port);
        exposed.insert(port.clone());
        bindings.entry(port).or_default().push(PortBinding {
            host_ip: mapping.host_ip.clone(),
            host_port: mapping.host_port.to_string(),
        });
    }
    (exposed, bindings)
}

fn network_mode(container: &ContainerJson) -> NamespaceMode {
    match container.config.host_config.network_mode.as_str() {
        "host" => NamespaceMode::Node,
        _ => NamespaceMode::Pod,
    }
}

const fn sandbox_state(running: bool) -> PodSandboxState {
    if running { PodSandboxState::SandboxReady } else { PodSandboxState::SandboxNotready }
}

fn metadata(parsed: ParsedName) -> cri::PodSandboxMetadata {
    cri::PodSandboxMetadata {
        name: parsed.pod,
        uid: parsed.uid,
        namespace: parsed.namespace,
        attempt: parsed.attempt,
    }
}

/// Models: kubernetes@v1.22.6 `convert.go` `containerToRuntimeAPISandbox`.
fn sandbox_of_summary(container: &ContainerSummary) -> Result<cri::PodSandbox, String> {
    let parsed = parse_name(&container.name, "sandbox")?;
    let (labels, annotations) = extract_labels(container.labels());
    Ok(cri::PodSandbox {
        id: (*container.id).to_owned(),
        metadata: Some(metadata(parsed)),
        state: sandbox_state(container.status.starts_with("Up")).into(),
        created_at: container.created.unix_nanos() / 1_000_000_000 * 1_000_000_000,
        labels,
        annotations,
        runtime_handler: String::new(),
    })
}

impl Dockershim {
    /// Models: kubernetes@v1.22.6 `docker_service.go` `GenerateExpectedCgroupParent`.
    pub(super) fn expected_cgroup_parent(&self, parent: &str) -> String {
        if self.systemd_cgroups.get() {
            // systemd wants the name of the slice only.
            parent.trim_end_matches('/').rsplit('/').next().unwrap_or(parent).to_owned()
        } else {
            parent.to_owned()
        }
    }
}

/// How the plugin decides what network Docker makes.
pub(super) const fn docker_network(plugin: NetworkPluginKind) -> &'static str {
    match plugin {
        NetworkPluginKind::Cni => "none",
        NetworkPluginKind::Noop => "default",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_the_other_container() {
        let docker = "Error response from daemon: Conflict. The container name \"/k8s_a\" is \
                      already in use by container \"0fa1\". You have to remove (or rename) that \
                      container to be able to reuse that name.";
        assert_eq!(conflicting_container(docker).as_deref(), Some("0fa1"));
        let old = "Conflict. The name \"a\" is already in use by container 0fa1.";
        assert_eq!(conflicting_container(old).as_deref(), Some("0fa1"));
        assert_eq!(conflicting_container("devmapper: Thin Pool has no free space"), None);
    }

    #[test]
    fn ports_without_a_host_port_are_left_out() {
        let mapping = |protocol: cri::Protocol, container_port, host_port| cri::PortMapping {
            protocol: protocol.into(),
            container_port,
            host_port,
            host_ip: String::new(),
        };
        let (exposed, bindings) = make_ports_and_bindings(&[
            mapping(cri::Protocol::Tcp, 80, 8080),
            mapping(cri::Protocol::Udp, 53, 0),
            mapping(cri::Protocol::Tcp, 80, 8081),
        ]);
        assert_eq!(exposed.into_iter().collect::<Vec<_>>(), ["80/tcp"]);
        assert_eq!(bindings["80/tcp"].len(), 2);
    }
}
