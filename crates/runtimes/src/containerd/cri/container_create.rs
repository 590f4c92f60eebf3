//! CreateContainer.
//!
//! Models: containerd v2.3.4 `internal/cri/server/container_create.go`.

use super::sandbox_run::{cgroups_path, hostname_file, hosts, resolv_conf, shm};
use super::store::{Container, ContainerState, Kept, Sandbox, pod_label};
use super::{CriPlugin, Inner, ROOT, STATE, failed, prefixed, validate};
use crate::containerd::Flavor;
use crate::containerd::core::{ContainerSpec, Rootfs};
use crate::oci::{NamespaceRequest, Spec};
use crate::server::config::{
    binds, credentials, id_map, kept_status, memory_limit, name_mounted_images, namespace_options,
    paths, process_args, process_cwd, process_env, security_context, target,
};
use crate::server::images::{Image, ImageStore};
use cri::{
    ContainerConfig, ContainerEventType, CreateContainerRequest, CreateContainerResponse,
    NamespaceMode, NamespaceOption, PodSandboxConfig, Status,
};
use node::Bind;
use sim::{Ctx, Signal};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::NamespaceKind;

impl CriPlugin {
    pub(super) async fn do_create_container(
        &self,
        ctx: &Ctx,
        request: &CreateContainerRequest,
    ) -> Result<CreateContainerResponse, Status> {
        let Inner { client, sandboxes, container_names, .. } = &*self.0;
        let sandbox = sandboxes.get(&request.pod_sandbox_id).map_err(|error| {
            prefixed(format_args!("failed to find sandbox id {:?}", request.pod_sandbox_id), error)
        })?;
        if !sandbox.is_ready() {
            return Err(not_running(&sandbox));
        }
        let id = Self::generate_id(ctx);
        let config = request.config.as_ref();
        let Some((config, metadata)) = config.and_then(|c| Some((c, c.metadata.as_ref()?))) else {
            return Err(Status::unknown("container config must include metadata"));
        };
        let pod = request.sandbox_config.as_ref();
        let Some((sandbox_config, pod)) = pod.and_then(|c| Some((c, c.metadata.as_ref()?))) else {
            return Err(Status::unknown("pod sandbox config must include metadata"));
        };
        let name: Rc<str> = format!(
            "{}_{}_{}_{}_{}",
            metadata.name, pod.name, pod.namespace, pod.uid, metadata.attempt
        )
        .into();
        container_names.reserve(&name, &id).map_err(|error| {
            Status::unknown(format!(
                "failed to reserve container name {name:?}; \
                 check if another CreateContainer request is in progress: {error}"
            ))
        })?;
        let images = client.images();
        if let Err(error) = validate::image_mounts(&config.mounts, images, &self.0.node) {
            container_names.release(&name);
            return Err(error);
        }
        let wanted = config.image.as_ref().map_or("", |image| image.image.as_str());
        let created = match client.images().resolve(wanted) {
            Some(image) => {
                self.create_in_sandbox(ctx, &id, &name, &sandbox, config, sandbox_config, &image)
                    .await
            }
            None => {
                Err(Status::not_found(format!("failed to resolve image {wanted:?}: not found")))
            }
        };
        if let Err(error) = created {
            container_names.release(&name);
            return Err(error);
        }
        Ok(CreateContainerResponse { container_id: id.to_string() })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request, taken apart")]
    async fn create_in_sandbox(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        name: &Rc<str>,
        sandbox: &Rc<Sandbox>,
        config: &ContainerConfig,
        sandbox_config: &PodSandboxConfig,
        image: &Image,
    ) -> Result<(), Status> {
        let Inner { client, node, programs, containers, .. } = &*self.0;
        let metadata = config.metadata.clone().unwrap_or_default();
        let container_name: Rc<str> = metadata.name.as_str().into();
        node.make_private_dir(ctx, &container_dir(ROOT, id));
        node.make_private_dir(ctx, &container_dir(STATE, id));
        let spec = match self.container_spec(id, sandbox, config, sandbox_config, image) {
            Ok(spec) => spec,
            Err(error) => {
                self.remove_container_dirs(ctx, id);
                let doing = format_args!("failed to generate container {:?} spec", &**id);
                return Err(prefixed(doing, error));
            }
        };
        let credentials = spec.credentials.clone();
        let attempt = metadata.attempt;
        let declared = programs.declared(&sandbox.pod_name, &container_name, attempt);
        // A shim of version 1 has one container.
        let in_sandbox = self.0.flavor == Flavor::Plugin;
        let new = ContainerSpec {
            id: id.clone(),
            image: image.id.clone(),
            labels: labels_for(ctx, &config.labels, "container"),
            spec,
            rootfs: Rootfs::Snapshot,
            declared,
            shim_group: if in_sandbox { sandbox.id.clone() } else { id.clone() },
            in_sandbox,
        };
        if let Err(error) = client.create_container(ctx, new).await {
            self.remove_container_dirs(ctx, id);
            return Err(failed("failed to create containerd container", error));
        }
        let created_at = ctx.now().unix_nanos();
        let mut status = kept_status(config, &credentials, created_at);
        name_mounted_images(&mut status, client.images());
        let log_path = match (sandbox_config.log_directory.as_str(), config.log_path.as_str()) {
            ("", _) | (_, "") => "".into(),
            (directory, path) => format!("{}/{path}", directory.trim_end_matches('/')).into(),
        };
        let container = Rc::new(Container {
            id: id.clone(),
            name: name.clone(),
            sandbox: sandbox.clone(),
            container_name,
            pod_label: pod_label(&config.labels).into(),
            attempt,
            image: config.image.as_ref().map_or("", |image| &image.image).into(),
            image_id: image.id.clone(),
            log_path,
            stdin: config.stdin,
            stdin_once: config.stdin_once,
            tty: config.tty,
            io: RefCell::default(),
            stop_signal: config.stop_signal,
            target: target(config),
            kept: RefCell::new(Kept::new(&status)),
            status: RefCell::new(ContainerState { created_at, ..ContainerState::default() }),
            early_exit: Cell::new(None),
            stop_signalled: Cell::new(false),
            stopped: Signal::default(),
        });
        containers.insert(id, &container);
        sandbox.containers.borrow_mut().push(id.clone());
        self.container_changed(ctx, &container);
        self.publish(ctx, id, &sandbox.id, ContainerEventType::ContainerCreatedEvent);
        Ok(())
    }

    pub(super) fn remove_container_dirs(&self, ctx: &Ctx, id: &str) {
        self.0.node.remove_dir_all(ctx, &container_dir(ROOT, id));
        self.0.node.remove_dir_all(ctx, &container_dir(STATE, id));
    }

    /// Models: `internal/cri/server/container_create.go` `buildLinuxSpec`.
    fn container_spec(
        &self,
        id: &Rc<str>,
        sandbox: &Sandbox,
        config: &ContainerConfig,
        sandbox_config: &PodSandboxConfig,
        image: &Image,
    ) -> Result<Spec, Status> {
        let context = security_context(config);
        let options = context.and_then(|context| context.namespace_options.as_ref());
        validate::user(context)?;
        let credentials = credentials(context, image, &self.0.node)?;
        validate::mounts(&config.mounts)?;
        let own = options.and_then(|options| options.userns_options.as_ref());
        let user_namespace = validate::user_namespace(own)
            .map_err(|error| prefixed("user namespace configuration", error))?;
        let of_pod = namespace_options(sandbox_config).userns_options;
        validate::same_user_namespace(of_pod.as_ref(), own)?;
        let pid = sandbox.pid.get();
        let of_sandbox = |kind| (kind, NamespaceRequest::of_process(pid, kind));
        let mut namespaces = vec![
            of_sandbox(NamespaceKind::Net),
            of_sandbox(NamespaceKind::Ipc),
            of_sandbox(NamespaceKind::Uts),
        ];
        match options.map_or(NamespaceMode::Pod, NamespaceOption::pid) {
            NamespaceMode::Pod => namespaces.push(of_sandbox(NamespaceKind::Pid)),
            NamespaceMode::Container => {
                namespaces.push((NamespaceKind::Pid, NamespaceRequest::New))
            }
            NamespaceMode::Node => {}
            NamespaceMode::Target => {
                let target = self.target_pid(sandbox, target(config).as_deref())?;
                let request = NamespaceRequest::of_process(target, NamespaceKind::Pid);
                namespaces.push((NamespaceKind::Pid, request));
            }
        }
        namespaces.push((NamespaceKind::Mnt, NamespaceRequest::New));
        if user_namespace {
            namespaces.push(of_sandbox(NamespaceKind::User));
        }
        let image_name = config.image.as_ref().map_or("", |image| image.image.as_str());
        let hostname = match sandbox_config.hostname.as_str() {
            "" => &**self.0.node.name(),
            hostname => hostname,
        };
        Ok(Spec {
            args: process_args(config, image),
            cwd: process_cwd(config, image),
            env: process_env(config, image, hostname),
            hostname: "".into(),
            namespaces,
            cgroups_path: cgroups_path(sandbox_config, id),
            mounts: container_mounts(sandbox, config, self.0.client.images()),
            readonly_rootfs: context.is_some_and(|context| context.readonly_rootfs),
            credentials: Rc::new(credentials),
            uid_map: id_map(own.map_or(&[], |own| &own.uids)),
            gid_map: id_map(own.map_or(&[], |own| &own.gids)),
            terminal: config.tty,
            sysctls: Vec::new(),
            memory_limit: memory_limit(config),
            masked_paths: paths(context.map(|context| &context.masked_paths)),
            readonly_paths: paths(context.map(|context| &context.readonly_paths)),
            image: image.references.borrow().first().cloned().unwrap_or_default(),
            annotations: vec![
                ("io.kubernetes.cri.container-type", "container".into()),
                ("io.kubernetes.cri.sandbox-id", sandbox.id.clone()),
                (
                    "io.kubernetes.cri.container-name",
                    config.metadata.as_ref().map_or("", |metadata| &metadata.name).into(),
                ),
                ("io.kubernetes.cri.image-name", image_name.into()),
            ],
        })
    }

    /// The process of the container whose PID namespace is to be joined.
    ///
    /// Models: `internal/cri/server/container_start.go` `validateTargetContainer`.
    pub(super) fn target_pid(
        &self,
        sandbox: &Sandbox,
        target: Option<&str>,
    ) -> Result<u32, Status> {
        let target = target.unwrap_or_default();
        let container = self.0.containers.get(target);
        let container = container.map_err(|error| {
            prefixed(
                format_args!("invalid target container: container {target:?} does not exist"),
                error,
            )
        })?;
        if container.sandbox.id != sandbox.id {
            return Err(Status::unknown(format!(
                "invalid target container: container {target:?} (in sandbox {}) \
                 is not in sandbox {}",
                container.sandbox.id, sandbox.id
            )));
        }
        let pid = container.status.borrow().pid;
        if pid == 0 {
            return Err(Status::unknown(format!(
                "invalid target container: container {target:?} is not running"
            )));
        }
        Ok(pid)
    }
}

pub(super) fn not_running(sandbox: &Sandbox) -> Status {
    Status::unknown(format!("sandbox container {:?} is not running", &*sandbox.id))
}

/// A container's labels in containerd; none where nobody records them.
pub(super) fn labels_for(
    ctx: &Ctx,
    labels: &BTreeMap<String, String>,
    kind: &'static str,
) -> Vec<(Rc<str>, Rc<str>)> {
    if !ctx.sim().is_recording() {
        return Vec::new();
    }
    let given = labels.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    given.chain([("io.cri-containerd.kind".into(), kind.into())]).collect()
}

/// The request's mounts, and the sandbox's files where the request has nothing in their place.
///
/// Models: `internal/cri/server/container_create.go` `linuxContainerMounts`.
fn container_mounts(sandbox: &Sandbox, config: &ContainerConfig, images: &ImageStore) -> Vec<Bind> {
    let readonly = security_context(config).is_some_and(|context| context.readonly_rootfs);
    let id = &sandbox.id;
    let given = |path: &str| config.mounts.iter().any(|mount| mount.container_path == path);
    let of_sandbox = [
        ("/etc/hostname", hostname_file(id), readonly),
        ("/etc/hosts", hosts(id), readonly),
        ("/etc/resolv.conf", resolv_conf(id), readonly),
        ("/dev/shm", if sandbox.host_ipc { "/dev/shm".to_owned() } else { shm(id) }, false),
    ];
    let of_sandbox = of_sandbox.into_iter().filter(|(path, ..)| !given(path));
    let of_sandbox = of_sandbox.map(|(path, source, readonly)| Bind {
        destination: path.into(),
        source: source.into(),
        readonly,
        ..Bind::default()
    });
    of_sandbox.chain(binds(&config.mounts, images)).collect()
}

fn container_dir(root: &str, id: &str) -> String {
    format!("{root}/containers/{id}")
}
