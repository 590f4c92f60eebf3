//! CreateContainer, StartContainer and ReopenContainerLog.
//!
//! Models: cri-o@v1.37.0 `server/container_create.go`, `server/container_start.go`,
//! `server/container_reopen_log.go`.

use super::conmon::NewContainer;
use super::sandbox_run::{annotations, cgroups_path, hostname_file, resolv_conf, shm};
use super::{Crio, Pod, validate};
use crate::oci::{NamespaceRequest, Spec};
use crate::server::config::{
    binds, credentials, id_map, kept_status, memory_limit, name_mounted_images, namespace_options,
    paths, process_args, process_cwd, process_env, security_context, target,
};
use crate::server::images::{Image, ImageStore};
use crate::server::store::{Container, ContainerState, Kept, SandboxState, pod_label};
use crate::server::{failed, status};
use cri::{
    ContainerConfig, CreateContainerRequest, CreateContainerResponse, NamespaceMode,
    NamespaceOption, PodSandboxConfig, ReopenContainerLogResponse, StartContainerResponse, Status,
};
use node::Bind;
use sim::{Ctx, Signal};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use trace::{Effect, NamespaceKind};

impl Crio {
    pub(super) async fn do_create_container(
        &self,
        ctx: &Ctx,
        request: &CreateContainerRequest,
    ) -> Result<CreateContainerResponse, Status> {
        let wanted = &request.pod_sandbox_id;
        if wanted.is_empty() {
            return Err(Status::unknown("PodSandboxId should not be empty"));
        }
        let found = self.0.sandboxes.get(wanted).ok();
        let pod = found.and_then(|sandbox| self.0.pods.borrow().get(&sandbox.id).cloned());
        let Some(pod) = pod else {
            return Err(Status::unknown(format!(
                "specified sandbox not found: {wanted}: PodSandbox with ID starting with {wanted} \
                 not found: ID does not exist"
            )));
        };
        let sandbox = &pod.sandbox;
        if sandbox.state.get() == SandboxState::NotReady {
            return Err(Status::unknown(format!(
                "CreateContainer failed as the sandbox was stopped: {}",
                sandbox.id
            )));
        }
        let config = request.config.as_ref();
        let Some((config, metadata)) = config.and_then(|c| Some((c, c.metadata.as_ref()?))) else {
            return Err(Status::unknown("setting container config: metadata is nil"));
        };
        let Some(pod_config) = request.sandbox_config.as_ref() else {
            return Err(Status::unknown("setting container config: sandbox config is nil"));
        };
        let pod_metadata = pod_config.metadata.clone().unwrap_or_default();
        let id = Self::generate_id(ctx);
        let name: Rc<str> = format!(
            "k8s_{}_{}_{}_{}_{}",
            metadata.name,
            pod_metadata.name,
            pod_metadata.namespace,
            pod_metadata.uid,
            metadata.attempt
        )
        .into();
        if self.0.container_names.reserve(&name, &id).is_err() {
            // Who asks for the same again gets what was made for the first.
            let holder = self.0.container_names.holder(&name).unwrap_or_default();
            return match self.0.containers.get(&holder) {
                Ok(made) => Ok(CreateContainerResponse { container_id: made.id.to_string() }),
                Err(_) => Err(Status::unknown(format!(
                    "error attempting to watch for container {name}: no longer found: \
                     error reserving ctr name {name} for id {id}: name is reserved"
                ))),
            };
        }
        let image_name = config.image.as_ref().map_or("", |image| image.image.as_str());
        let created = match self.0.images.resolve(image_name) {
            Some(image) => {
                self.create_in_pod(ctx, &id, &name, &pod, config, pod_config, &image).await
            }
            None => Err(Status::unknown(format!(
                "locating image {image_name:?} in storage: identifier is not an image"
            ))),
        };
        if let Err(error) = created {
            self.0.container_names.release(&name);
            return Err(error);
        }
        Ok(CreateContainerResponse { container_id: id.to_string() })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request, taken apart")]
    async fn create_in_pod(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        name: &Rc<str>,
        pod: &Pod,
        config: &ContainerConfig,
        pod_config: &PodSandboxConfig,
        image: &Image,
    ) -> Result<(), Status> {
        let sandbox = &pod.sandbox;
        let metadata = config.metadata.clone().unwrap_or_default();
        validate::mounts(&config.mounts, &self.0.images, &self.0.node)?;
        validate::user(security_context(config))?;
        let spec = self.container_spec(id, name, pod, config, pod_config, image)?;
        let credentials = spec.credentials.clone();
        let stored = self.storage_create(ctx, "Storage.CreateContainer", id, name, &image.id);
        stored.await.map_err(status)?;
        let log_path: Rc<str> = match (pod_config.log_directory.as_str(), config.log_path.as_str())
        {
            ("", path) => path.into(),
            (_, "") => "".into(),
            (directory, path) => format!("{}/{path}", directory.trim_end_matches('/')).into(),
        };
        let created = match self.storage_mount(ctx, id).await {
            Ok(rootfs) => {
                let container: Rc<str> = metadata.name.as_str().into();
                let (pod_name, attempt) = (&sandbox.pod_name, metadata.attempt);
                let declared = self.0.programs.declared(pod_name, &container, attempt);
                let new = NewContainer {
                    id: id.clone(),
                    name: name.clone(),
                    log_path: log_path.clone(),
                    rootfs,
                    spec,
                    declared,
                    stdin: config.stdin,
                };
                self.create_in_runtime(ctx, new).await.map_err(status)
            }
            Err(error) => {
                Err(failed(format_args!("failed to mount container {name}({id})"), error))
            }
        };
        let held = match created {
            Ok(held) => held,
            Err(error) => {
                let _ = self.storage_delete(ctx, id).await;
                return Err(error);
            }
        };
        let created_at = ctx.now().unix_nanos();
        let mut status = kept_status(config, &credentials, created_at);
        name_mounted_images(&mut status, &self.0.images);
        let container = Rc::new(Container {
            id: id.clone(),
            name: name.clone(),
            sandbox: sandbox.clone(),
            container_name: metadata.name.as_str().into(),
            pod_label: pod_label(&config.labels).into(),
            attempt: metadata.attempt,
            image: config.image.as_ref().map_or("", |image| &image.image).into(),
            image_id: image.id.clone(),
            log_path,
            io: RefCell::new(Some(held.io.clone())),
            stdin: config.stdin,
            stdin_once: config.stdin_once,
            tty: config.tty,
            stop_signal: config.stop_signal,
            target: target(config),
            kept: RefCell::new(Kept::new(&status)),
            status: RefCell::new(ContainerState { created_at, ..ContainerState::default() }),
            early_exit: Cell::new(None),
            stop_signalled: Cell::new(false),
            stopped: Signal::default(),
        });
        self.0.containers.insert(id, &container);
        sandbox.containers.borrow_mut().push(id.clone());
        ctx.effect(Effect::Container(container.view()));
        self.update_status(ctx, &held).await;
        self.0.changes.mark();
        Ok(())
    }

    fn container_spec(
        &self,
        id: &Rc<str>,
        name: &str,
        pod: &Pod,
        config: &ContainerConfig,
        pod_config: &PodSandboxConfig,
        image: &Image,
    ) -> Result<Spec, Status> {
        let sandbox = &pod.sandbox;
        let context = security_context(config);
        let options = context.and_then(|context| context.namespace_options.as_ref());
        let mut namespaces = pod.namespace_requests();
        match options.map_or(NamespaceMode::Pod, NamespaceOption::pid) {
            NamespaceMode::Pod => {
                let infra = sandbox.pid.get();
                if infra == 0 {
                    return Err(Status::unknown(format!(
                        "PID namespace requested, but sandbox infra container unexpectedly \
                         invalid: {}",
                        sandbox.id
                    )));
                }
                let request = NamespaceRequest::of_process(infra, NamespaceKind::Pid);
                namespaces.push((NamespaceKind::Pid, request));
            }
            NamespaceMode::Container => {
                namespaces.push((NamespaceKind::Pid, NamespaceRequest::New));
            }
            NamespaceMode::Node => {}
            NamespaceMode::Target => {
                let wanted = target(config).unwrap_or_default();
                let found = self.0.containers.get(&wanted).ok();
                let pid = found.map_or(0, |target| target.status.borrow().pid);
                if pid == 0 {
                    return Err(Status::unknown(format!(
                        "target container {wanted} of container {id} not found"
                    )));
                }
                let request = NamespaceRequest::of_process(pid, NamespaceKind::Pid);
                namespaces.push((NamespaceKind::Pid, request));
            }
        }
        namespaces.push((NamespaceKind::Mnt, NamespaceRequest::New));
        let hostname = match pod_config.hostname.as_str() {
            "" => &**self.0.node.name(),
            hostname => hostname,
        };
        // A container is in the user namespace of its pod.
        let options = namespace_options(pod_config);
        let own = options.userns_options.as_ref();
        Ok(Spec {
            args: process_args(config, image),
            cwd: process_cwd(config, image),
            env: process_env(config, image, hostname),
            hostname: "".into(),
            namespaces,
            cgroups_path: cgroups_path(pod_config, id),
            mounts: container_mounts(pod, config, &self.0.images),
            readonly_rootfs: context.is_some_and(|context| context.readonly_rootfs),
            credentials: Rc::new(credentials(context, image, &self.0.node)?),
            terminal: config.tty,
            sysctls: Vec::new(),
            memory_limit: memory_limit(config),
            masked_paths: paths(context.map(|context| &context.masked_paths)),
            readonly_paths: paths(context.map(|context| &context.readonly_paths)),
            image: image.references.borrow().first().cloned().unwrap_or_default(),
            uid_map: id_map(own.map_or(&[], |own| &own.uids)),
            gid_map: id_map(own.map_or(&[], |own| &own.gids)),
            annotations: annotations(sandbox, "container", name),
        })
    }

    pub(super) async fn do_start_container(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<StartContainerResponse, Status> {
        let container = self.find_container(id)?;
        let id = &container.id;
        let state = container.state();
        if state != cri::ContainerState::ContainerCreated {
            let state = state_name(state);
            return Err(Status::unknown(format!(
                "container {id} is not in created state: {state}"
            )));
        }
        let held = self.0.monitored.borrow().get(id).cloned();
        let Some(held) = held else {
            return Err(Status::unknown(format!(
                "container {id} is not in created state: stopped"
            )));
        };
        let started = self.start_in_runtime(ctx, &held, Some(&container)).await;
        if let Err(error) = started {
            // Whatever could not be started is not kept.
            let _ = self.remove_from_pod(ctx, &container).await;
            return Err(failed(format_args!("failed to start container {id}"), error));
        }
        self.container_changed(ctx, &container);
        self.update_status(ctx, &held).await;
        Ok(StartContainerResponse {})
    }

    pub(super) fn do_reopen_container_log(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<ReopenContainerLogResponse, Status> {
        let container = self.0.containers.get(id).map_err(|error| {
            Status::unknown(format!("could not find container {id}: {}", error.message))
        })?;
        if container.state() != cri::ContainerState::ContainerRunning {
            return Err(Status::unknown("container is not running"));
        }
        if !container.log_path.is_empty() && !self.0.node.exists(&container.log_path) {
            self.0.node.write_file(ctx, &container.log_path, "");
        }
        Ok(ReopenContainerLogResponse {})
    }

    /// # Errors
    /// No such container.
    pub(super) fn find_container(&self, id: &str) -> Result<Rc<Container>, Status> {
        self.0.containers.get(id).map_err(|error| {
            let reason = match error.code {
                cri::Code::NotFound => {
                    format!("container with ID starting with {id} not found: ID does not exist")
                }
                _ => error.message,
            };
            Status::not_found(format!("could not find container {id:?}: {reason}"))
        })
    }
}

/// A state as the OCI runtime calls it.
pub(super) const fn state_name(state: cri::ContainerState) -> &'static str {
    match state {
        cri::ContainerState::ContainerCreated => "created",
        cri::ContainerState::ContainerRunning => "running",
        cri::ContainerState::ContainerExited => "stopped",
        cri::ContainerState::ContainerUnknown => "",
    }
}

/// The sandbox's files, and the request's mounts in their place or besides.
///
/// Models: `server/container_create.go` `setupBaseContainerMounts`.
fn container_mounts(pod: &Pod, config: &ContainerConfig, images: &ImageStore) -> Vec<Bind> {
    let readonly = security_context(config).is_some_and(|context| context.readonly_rootfs);
    let sandbox = &pod.sandbox;
    let id = &sandbox.id;
    let given = |path: &str| config.mounts.iter().any(|mount| mount.container_path == path);
    let shm = if sandbox.host_ipc { "/dev/shm".to_owned() } else { shm(id) };
    let mut of_sandbox = vec![
        ("/dev/shm", shm, false),
        ("/etc/resolv.conf", resolv_conf(id), readonly),
        ("/etc/hostname", hostname_file(id), readonly),
    ];
    if sandbox.network.is_none() {
        of_sandbox.push(("/etc/hosts", "/etc/hosts".to_owned(), readonly));
    }
    let of_sandbox = of_sandbox.into_iter().filter(|(path, ..)| !given(path));
    let of_sandbox = of_sandbox.map(|(path, source, readonly)| Bind {
        destination: path.into(),
        source: source.into(),
        readonly,
        ..Bind::default()
    });
    of_sandbox.chain(binds(&config.mounts, images)).collect()
}
