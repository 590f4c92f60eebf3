//! Containers in sandboxes.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/docker_container.go`, `convert.go`,
//! `docker_stats.go`.

use super::glue::{at, glue, step};
use super::naming::{
    LOG_PATH_LABEL, SANDBOX_ID_LABEL, TYPE_CONTAINER, TYPE_LABEL, extract_labels, make_labels,
    make_name, parse_name,
};
use super::{Dockershim, Flavor, failed, security};
use crate::docker::engine::config::SHM_SIZE_DEFAULT;
use crate::docker::engine::{
    ContainerJson, ContainerSummary, CreateBody, Device, Filters, HostConfig, ImageInspect,
    MountPoint, Resources,
};
use cri::{ContainerState, MountPropagation, Status};
use sim::Ctx;
use std::rc::Rc;
use trace::Time;

/// Go's zero time in nanoseconds since 1970, which is too long ago for 64 bits.
const GO_ZERO_TIME: i64 = -6_795_364_578_871_345_152;

impl Dockershim {
    /// `CreateContainer`.
    pub(super) async fn create(
        &self,
        ctx: &Ctx,
        request: cri::CreateContainerRequest,
    ) -> Result<String, Status> {
        let config = request.config.ok_or_else(|| failed("container config is nil"))?;
        let metadata = config.metadata.clone().unwrap_or_default();
        let sandbox_config = request.sandbox_config.ok_or_else(|| {
            failed(format!("sandbox config is nil for container {:?}", metadata.name))
        })?;
        let sandbox = &request.pod_sandbox_id;
        if self.options.flavor == Flavor::CriDockerd {
            // The successor asks for the sandbox's runtime first.
            let look = step("cri-dockerd@v0.4.3 core/container_create.go CreateContainer");
            let inspected = self.docker.inspect_container(ctx, look, sandbox).await;
            inspected.map_err(|error| failed(error.to_string()))?;
        } else {
            self.api_version(ctx).await?;
        }

        let mut labels = make_labels(&config.labels, &config.annotations);
        labels.insert(TYPE_LABEL.to_owned(), TYPE_CONTAINER.to_owned());
        let log_path = join(&sandbox_config.log_directory, &config.log_path);
        labels.insert(LOG_PATH_LABEL.to_owned(), log_path);
        labels.insert(SANDBOX_ID_LABEL.to_owned(), sandbox.clone());

        let nil = |values: &[String]| (!values.is_empty()).then(|| values.to_vec());
        let envs = config
            .envs
            .iter()
            .map(|env| format!("{}={}", env.key, String::from_utf8_lossy(&env.value)));
        let envs: Vec<String> = envs.collect();
        let mut body = CreateBody {
            entrypoint: nil(&config.command),
            cmd: nil(&config.args),
            env: nil(&envs),
            image: config.image.as_ref().map_or_else(String::new, |image| image.image.clone()),
            working_dir: config.working_dir.clone(),
            labels,
            open_stdin: config.stdin,
            stdin_once: config.stdin_once,
            tty: config.tty,
            no_healthcheck: true,
            host_config: HostConfig {
                restart_policy: "no",
                shm_size: SHM_SIZE_DEFAULT,
                api: self.options.flavor.api(),
                ..HostConfig::default()
            },
            ..CreateBody::default()
        };
        match self.options.flavor {
            Flavor::Dockershim => {
                let binds = config.mounts.iter().map(mount_binding);
                body.host_config.binds = Some(binds.collect());
            }
            Flavor::CriDockerd => {
                body.host_config.mounts = config.mounts.iter().map(mount_point).collect();
            }
        }
        self.update_create_config(&mut body, &config, &sandbox_config, sandbox).map_err(
            |error| failed(format!("failed to update container create config: {error}")),
        )?;
        let devices = config.devices.iter().map(|device| Device {
            path_on_host: device.host_path.clone(),
            path_in_container: device.container_path.clone(),
            permissions: device.permissions.clone(),
        });
        body.host_config.resources.devices = Some(devices.collect());
        let profile = self.seccomp_profile(&config);
        let read = |path: &str| self.node.read_file(path).map(|text| (*text).to_owned());
        let seccomp = security::seccomp(&profile, read).map_err(|error| {
            failed(format!(
                "failed to generate security options for container {:?}: {error}",
                metadata.name
            ))
        })?;
        if let Some(option) = seccomp {
            body.host_config.security_opt.get_or_insert_default().push(option);
        }

        let sandbox_metadata = sandbox_config.metadata.unwrap_or_default();
        let name = make_name(&metadata.name, &sandbox_metadata, metadata.attempt);
        let create = step(at!("docker_container.go CreateContainer"));
        let created = self.create_or_recover(ctx, create, &name, &Rc::new(body)).await;
        created.map(|id| (*id).to_owned()).map_err(|error| failed(error.to_string()))
    }

    /// dockershim reads the older field, its successor the newer.
    fn seccomp_profile(&self, config: &cri::ContainerConfig) -> String {
        let context = config.linux.as_ref().and_then(|linux| linux.security_context.as_ref());
        let Some(context) = context else { return String::new() };
        match (self.options.flavor, &context.seccomp) {
            (Flavor::Dockershim, _) => context.seccomp_profile_path.clone(),
            (Flavor::CriDockerd, None) => String::new(),
            (Flavor::CriDockerd, Some(profile)) => {
                use cri::security_profile::ProfileType;
                match profile.profile_type() {
                    ProfileType::RuntimeDefault => "runtime/default".to_owned(),
                    ProfileType::Unconfined => "unconfined".to_owned(),
                    ProfileType::Localhost => format!("localhost/{}", profile.localhost_ref),
                }
            }
        }
    }

    /// What only Linux has.
    ///
    /// Models: kubernetes@v1.22.6 `helpers_linux.go` `updateCreateConfig`.
    fn update_create_config(
        &self,
        body: &mut CreateBody,
        config: &cri::ContainerConfig,
        sandbox_config: &cri::PodSandboxConfig,
        sandbox: &str,
    ) -> Result<(), String> {
        if let Some(linux) = &config.linux {
            if let Some(wanted) = &linux.resources {
                body.host_config.resources = Resources {
                    memory: wanted.memory_limit_in_bytes,
                    // As much again for memory and swap together: no swap.
                    memory_swap: wanted.memory_limit_in_bytes,
                    ..resources(wanted)
                };
                body.host_config.oom_score_adj = wanted.oom_score_adj;
            }
            let context = linux.security_context.as_ref();
            security::apply_container(body, context, sandbox).map_err(|error| {
                let name = config.metadata.as_ref().map_or("", |metadata| &metadata.name);
                format!(
                    "failed to apply container security context for container {name:?}: {error}"
                )
            })?;
        }
        if let Some(linux) = &sandbox_config.linux {
            body.host_config.resources.cgroup_parent =
                self.expected_cgroup_parent(&linux.cgroup_parent);
        }
        Ok(())
    }

    /// `StartContainer`. The log's link is made whether or not the start worked.
    pub(super) async fn start(&self, ctx: &Ctx, id: &str) -> Result<(), Status> {
        let start = step(at!("docker_container.go StartContainer"));
        let started = self.docker.start_container(ctx, start, id).await;
        self.create_log_symlink(ctx, id).await.map_err(failed)?;
        started.map_err(|error| {
            let text = transform_start_error(error.to_string());
            failed(format!("failed to start container {id:?}: {text}"))
        })
    }

    /// Where the kubelet looks for the log, and where Docker writes it.
    async fn log_paths(
        &self,
        ctx: &Ctx,
        id: &str,
        at: &'static str,
    ) -> Result<[String; 2], String> {
        let inspect = glue("log-symlink", at);
        let container = self.docker.inspect_container(ctx, inspect, id).await.map_err(|error| {
            format!("failed to get container {id:?} log path: failed to inspect container {id:?}: {error}")
        })?;
        let label = container.config.labels.get(LOG_PATH_LABEL).cloned().unwrap_or_default();
        Ok([label, container.log_path])
    }

    async fn create_log_symlink(&self, ctx: &Ctx, id: &str) -> Result<(), String> {
        let source = at!("docker_container.go createContainerLogSymlink");
        let [path, real] = self.log_paths(ctx, id, source).await?;
        if path.is_empty() {
            return Ok(());
        }
        if real.is_empty() {
            if self.options.flavor == Flavor::Dockershim {
                // Only worth a line in the log: the driver is asked for to word it.
                let _ = self.docker.info(ctx, glue("log-symlink", source)).await;
            }
            return Ok(());
        }
        if !self.node.has_entries(&path) {
            self.node.remove_file(ctx, &path);
            self.node.symlink(ctx, &real, &path);
            return Ok(());
        }
        Err(format!(
            "failed to create symbolic link {path:?} to the container log file {real:?} for \
             container {id:?}: symlink {real} {path}: file exists"
        ))
    }

    /// `StopContainer`.
    pub(super) async fn stop(&self, ctx: &Ctx, id: &str, timeout: i64) -> Result<(), Status> {
        let stop = step(at!("docker_container.go StopContainer"));
        self.docker.stop_container(ctx, stop, id, timeout).await.map_err(|error| {
            match self.options.flavor {
                Flavor::CriDockerd if error.is_container_not_found() => {
                    Status::not_found(error.to_string())
                }
                _ => failed(error.to_string()),
            }
        })
    }

    /// `RemoveContainer`.
    pub(super) async fn remove(&self, ctx: &Ctx, id: &str) -> Result<(), Status> {
        let source = at!("docker_container.go removeContainerLogSymlink");
        let [path, _] = self.log_paths(ctx, id, source).await.map_err(failed)?;
        if !path.is_empty() {
            if self.node.has_entries(&path) {
                return Err(failed(format!(
                    "failed to remove container {id:?} log symlink {path:?}: remove {path}: \
                     directory not empty"
                )));
            }
            self.node.remove_file(ctx, &path);
        }
        let remove = step(at!("docker_container.go RemoveContainer"));
        let removed = self.docker.remove_container(ctx, remove, id, true).await;
        removed.map_err(|error| failed(format!("failed to remove container {id:?}: {error}")))
    }

    /// `ListContainers`.
    pub(super) async fn list(
        &self,
        ctx: &Ctx,
        filter: Option<cri::ContainerFilter>,
    ) -> Result<Vec<cri::Container>, Status> {
        let mut filters = Filters::default();
        filters.add_label(TYPE_LABEL, TYPE_CONTAINER);
        if let Some(filter) = &filter {
            if !filter.id.is_empty() {
                filters.add("id", &*filter.id);
            }
            if let Some(state) = &filter.state {
                filters.add("status", docker_status(state.state()));
            }
            if !filter.pod_sandbox_id.is_empty() {
                filters.add_label(SANDBOX_ID_LABEL, &filter.pod_sandbox_id);
            }
            for (key, value) in &filter.label_selector {
                filters.add_label(key, value);
            }
        }
        let list = glue("labels-for-annotations", at!("docker_container.go ListContainers"));
        let containers = self.docker.list_containers(ctx, list, true, filters).await;
        let containers = containers.map_err(|error| failed(error.to_string()))?;
        Ok(containers.iter().filter_map(|summary| container_of_summary(summary).ok()).collect())
    }

    /// `ContainerStatus`.
    pub(super) async fn container_status(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<cri::ContainerStatus, Status> {
        let inspect = step(at!("docker_container.go ContainerStatus"));
        let container = self.docker.inspect_container(ctx, inspect, id).await;
        let container = container.map_err(|error| failed(error.to_string()))?;
        let look = glue("image-id", at!("docker_container.go ContainerStatus"));
        let image = match self.docker.inspect_image_by_id(ctx, look, &container.image_id).await {
            Ok(image) => Some(image),
            Err(error) if error.is_image_not_found() => None,
            Err(error) => {
                return Err(failed(format!(
                    "unable to inspect docker image {:?} while inspecting docker container {id:?}: \
                     {error}",
                    &*container.image_id
                )));
            }
        };
        status_of(&container, image.as_deref(), self.options.flavor)
    }

    /// `UpdateContainerResources`.
    pub(super) async fn update(
        &self,
        ctx: &Ctx,
        request: cri::UpdateContainerResourcesRequest,
    ) -> Result<(), Status> {
        let id = &request.container_id;
        let wanted = request.linux.unwrap_or_default();
        let mut limits = Resources { memory: wanted.memory_limit_in_bytes, ..resources(&wanted) };
        if self.options.flavor == Flavor::CriDockerd {
            limits.memory_swap = limits.memory;
        }
        let update = step(at!("docker_container.go UpdateContainerResources"));
        let updated = self.docker.update_container(ctx, update, id, limits).await;
        updated.map_err(|error| failed(format!("failed to update container {id:?}: {error}")))
    }

    /// `ContainerStats`.
    pub(super) async fn stats(&self, ctx: &Ctx, id: &str) -> Result<cri::ContainerStats, Status> {
        let filter = cri::ContainerFilter { id: id.to_owned(), ..cri::ContainerFilter::default() };
        let mut containers = self.list(ctx, Some(filter)).await?;
        match (containers.pop(), containers.is_empty()) {
            (Some(container), true) => self.stats_of(ctx, container).await,
            _ => Err(failed(format!("container with id {id} not found"))),
        }
    }

    /// `ListContainerStats`.
    pub(super) async fn list_stats(
        &self,
        ctx: &Ctx,
        filter: Option<cri::ContainerStatsFilter>,
    ) -> Result<Vec<cri::ContainerStats>, Status> {
        let filter = filter.unwrap_or_default();
        let filter = cri::ContainerFilter {
            id: filter.id,
            pod_sandbox_id: filter.pod_sandbox_id,
            label_selector: filter.label_selector,
            state: None,
        };
        let mut stats = Vec::new();
        for container in self.list(ctx, Some(filter)).await? {
            stats.push(self.stats_of(ctx, container).await?);
        }
        Ok(stats)
    }

    async fn stats_of(
        &self,
        ctx: &Ctx,
        container: cri::Container,
    ) -> Result<cri::ContainerStats, Status> {
        let look = step(at!("docker_stats_linux.go getContainerStats"));
        let docker = |error: super::client::DockerError| failed(error.to_string());
        let stats = self.docker.container_stats(ctx, look, &container.id).await.map_err(docker)?;
        let successor = self.options.flavor == Flavor::CriDockerd;
        let written = if successor {
            None
        } else {
            let look = self.docker.inspect_container_and(ctx, look, &container.id, true);
            Some(look.await.map_err(docker)?.size_rw.unwrap_or_default())
        };
        // dockershim passes on a figure that Docker has on Windows only.
        let working_set = if successor { stats.memory } else { stats.private_working_set };
        let timestamp = ctx.now().unix_nanos();
        let value = |value| Some(cri::UInt64Value { value });
        Ok(cri::ContainerStats {
            attributes: Some(cri::ContainerAttributes {
                id: container.id,
                metadata: container.metadata,
                labels: container.labels,
                annotations: container.annotations,
            }),
            cpu: Some(cri::CpuUsage {
                timestamp,
                usage_core_nano_seconds: value(stats.cpu_nanos),
                ..cri::CpuUsage::default()
            }),
            memory: Some(cri::MemoryUsage {
                timestamp,
                working_set_bytes: value(working_set),
                ..cri::MemoryUsage::default()
            }),
            writable_layer: written.map(|written| cri::FilesystemUsage {
                timestamp,
                fs_id: Some(cri::FilesystemIdentifier {
                    mountpoint: self.docker_root_dir.borrow().clone(),
                }),
                used_bytes: value(written),
                ..cri::FilesystemUsage::default()
            }),
            ..cri::ContainerStats::default()
        })
    }
}

/// What memory is not part of: the kubelet's limits for creating and updating differ there.
fn resources(wanted: &cri::LinuxContainerResources) -> Resources {
    Resources {
        cpu_shares: wanted.cpu_shares,
        cpu_quota: wanted.cpu_quota,
        cpu_period: wanted.cpu_period,
        cpuset_cpus: wanted.cpuset_cpus.clone(),
        cpuset_mems: wanted.cpuset_mems.clone(),
        ..Resources::default()
    }
}

/// Go's `filepath.Join` of a directory and a path in it.
fn join(directory: &str, path: &str) -> String {
    let joined = [directory, path];
    let parts = joined.iter().flat_map(|part| part.split('/'));
    let mut clean: Vec<&str> = Vec::new();
    let absolute = joined.iter().find(|part| !part.is_empty()).is_some_and(|p| p.starts_with('/'));
    for part in parts.filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." && clean.last().is_some_and(|last| *last != "..") {
            clean.pop();
        } else if part != ".." || !absolute {
            clean.push(part);
        }
    }
    format!("{}{}", if absolute { "/" } else { "" }, clean.join("/"))
}

/// Models: kubernetes@v1.22.6 `helpers.go` `generateMountBindings`.
fn mount_binding(mount: &cri::Mount) -> String {
    let mut bind = format!("{}:{}", mount.host_path, mount.container_path);
    let mut options = Vec::new();
    if mount.readonly {
        options.push("ro");
    }
    if mount.selinux_relabel {
        options.push("Z");
    }
    let propagation = propagation(mount);
    if !propagation.is_empty() {
        options.push(propagation);
    }
    if !options.is_empty() {
        bind = format!("{bind}:{}", options.join(","));
    }
    bind
}

fn mount_point(mount: &cri::Mount) -> MountPoint {
    MountPoint {
        source: mount.host_path.clone(),
        target: mount.container_path.clone(),
        readonly: mount.readonly,
        propagation: propagation(mount),
    }
}

fn propagation(mount: &cri::Mount) -> &'static str {
    match MountPropagation::try_from(mount.propagation) {
        Ok(MountPropagation::PropagationBidirectional) => "rshared",
        Ok(MountPropagation::PropagationHostToContainer) => "rslave",
        _ => "",
    }
}

/// A text of runc is made shorter if it is written with as many backslashes as an old Docker's.
///
/// Models: kubernetes@v1.22.6 `helpers.go` `transformStartContainerError`.
fn transform_start_error(text: String) -> String {
    const QUOTE: &str = "\\\\\\\"";
    const SAYS: &str = "\\\\\\\": executable file not found";
    let matches = text.rfind(SAYS).is_some_and(|end| text[..end].contains(QUOTE));
    if matches { "executable not found in $PATH".to_owned() } else { text }
}

const fn docker_status(state: ContainerState) -> &'static str {
    match state {
        ContainerState::ContainerCreated => "created",
        ContainerState::ContainerRunning => "running",
        ContainerState::ContainerExited => "exited",
        ContainerState::ContainerUnknown => "unknown",
    }
}

/// Models: kubernetes@v1.22.6 `convert.go` `toRuntimeAPIContainer`.
fn container_of_summary(summary: &ContainerSummary) -> Result<cri::Container, String> {
    let parsed = parse_name(&summary.name, "container")?;
    let state = match &summary.status {
        status if status.starts_with("Up") => ContainerState::ContainerRunning,
        status if status.starts_with("Exited") => ContainerState::ContainerExited,
        status if status.starts_with("Created") => ContainerState::ContainerCreated,
        _ => ContainerState::ContainerUnknown,
    };
    let (labels, annotations) = extract_labels(summary.labels());
    Ok(cri::Container {
        id: (*summary.id).to_owned(),
        pod_sandbox_id: summary.labels().get(SANDBOX_ID_LABEL).cloned().unwrap_or_default(),
        metadata: Some(cri::ContainerMetadata { name: parsed.container, attempt: parsed.attempt }),
        image: Some(cri::ImageSpec { image: summary.image.clone(), ..cri::ImageSpec::default() }),
        image_ref: (*summary.image_id).to_owned(),
        state: state.into(),
        created_at: summary.created.unix_nanos() / 1_000_000_000 * 1_000_000_000,
        labels,
        annotations,
        ..cri::Container::default()
    })
}

/// Models: kubernetes@v1.22.6 `docker_container.go` `ContainerStatus`.
fn status_of(
    container: &ContainerJson,
    image: Option<&ImageInspect>,
    flavor: Flavor,
) -> Result<cri::ContainerStatus, Status> {
    let docker = &container.state;
    let never = if flavor == Flavor::CriDockerd { GO_ZERO_TIME } else { 0 };
    let nanos = |time: Option<Time>| time.map_or(never, Time::unix_nanos);
    let created_at = container.created.unix_nanos();
    let (mut started_at, mut finished_at) = (nanos(docker.started_at), nanos(docker.finished_at));
    let (mut reason, mut message) = ("", "");
    let state = if docker.running {
        ContainerState::ContainerRunning
    } else {
        message = &docker.error;
        if docker.finished_at.is_some() {
            reason = match docker.exit_code {
                _ if docker.oom_killed => "OOMKilled",
                0 => "Completed",
                _ => "Error",
            };
            ContainerState::ContainerExited
        } else if docker.exit_code != 0 {
            // It never ran, and that was long ago as far as anybody knows.
            (started_at, finished_at) = (created_at, created_at);
            reason = "ContainerCannotRun";
            ContainerState::ContainerExited
        } else {
            ContainerState::ContainerCreated
        }
    };
    let digest = image.and_then(|image| image.repo_digests.first());
    let image_ref = match digest {
        Some(digest) => format!("docker-pullable://{digest}"),
        None => format!("docker://{}", container.image_id),
    };
    let tag = image.and_then(|image| image.repo_tags.first());
    let image_name = tag.unwrap_or(&container.config.image).clone();
    let mounts = container.mounts.iter().map(|(source, destination, writable)| cri::Mount {
        host_path: source.clone(),
        container_path: destination.clone(),
        readonly: !writable,
        ..cri::Mount::default()
    });
    let parsed = parse_name(&container.name, "container").map_err(failed)?;
    let (labels, annotations) = extract_labels(&container.config.labels);
    Ok(cri::ContainerStatus {
        id: (*container.id).to_owned(),
        metadata: Some(cri::ContainerMetadata { name: parsed.container, attempt: parsed.attempt }),
        state: state.into(),
        created_at,
        started_at,
        finished_at,
        exit_code: docker.exit_code,
        image: Some(cri::ImageSpec { image: image_name, ..cri::ImageSpec::default() }),
        image_ref,
        reason: reason.to_owned(),
        message: message.to_owned(),
        labels,
        annotations,
        mounts: mounts.collect(),
        log_path: container.config.labels.get(LOG_PATH_LABEL).cloned().unwrap_or_default(),
        ..cri::ContainerStatus::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_join_as_in_go() {
        assert_eq!(join("/var/log/pods/a", "app/0.log"), "/var/log/pods/a/app/0.log");
        assert_eq!(join("/var/log/pods/a/", ""), "/var/log/pods/a");
        assert_eq!(join("/a/b", "../c//d/."), "/a/c/d");
        assert_eq!(join("", "app/0.log"), "app/0.log");
    }

    #[test]
    fn only_old_texts_are_made_shorter() {
        let old = r#"oci runtime error: exec: \\\"nosuch\\\": executable file not found in $PATH"#;
        assert_eq!(transform_start_error(old.to_owned()), "executable not found in $PATH");
        let new = r#"exec: "nosuch": executable file not found in $PATH: unknown"#;
        assert_eq!(transform_start_error(new.to_owned()), new);
    }

    #[test]
    fn a_mount_is_a_bind_string() {
        let mount = cri::Mount {
            host_path: "/data".to_owned(),
            container_path: "/in".to_owned(),
            readonly: true,
            selinux_relabel: true,
            propagation: MountPropagation::PropagationHostToContainer.into(),
            ..cri::Mount::default()
        };
        assert_eq!(mount_binding(&mount), "/data:/in:ro,Z,rslave");
    }
}
