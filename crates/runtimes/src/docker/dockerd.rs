//! dockerd: containers by name, images in a graph driver's store, json-file logs, and a network of
//! its own; what runs is containerd's business.
//!
//! ```text
//! client ──HTTP──► /var/run/docker.sock ──► dockerd
//!                    ├─ gRPC ──► /run/containerd/containerd.sock (namespace moby)
//!                    │             └─ ttrpc ──► containerd-shim-runc-v2, one per container ──► runc
//!                    ├─ libnetwork: none, bridge (172.17.0.0/16), host, another container's
//!                    └─ HTTPS ──► registry
//! ```
//!
//! Models: moby@v20.10.7 `daemon`, `api/server/router`, `libcontainerd`.
//!
//! # What we simplify
//! Docker never starts a container again by itself: dockershim always asks for the policy `no`.
//! Layers are not shared between images. Attach, logs over HTTP and everything of swarm, volumes
//! and builds are left out, since nobody here uses them.

mod containers;
mod images;
mod network;

use super::engine::{
    DockerEngine, EngineError, EngineInfo, EngineVersion, Request, Response, Stats,
};
use super::views::Views;
use crate::containerd::{Client, Containerd};
use crate::oci::TaskEventKind;
use async_trait::async_trait;
pub use containers::bind_mounts;
use containers::{Container, Exec};
use images::Images;
use network::Bridge;
use node::{Node, ProcessSpec, Programs, Registry};
use sim::{Changes, Ctx};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{Component, Protocol};

/// Where the daemon keeps everything.
const ROOT: &str = "/var/lib/docker";
/// containerd's namespace for Docker.
const NAMESPACE: &str = "moby";

/// What the daemon is started with.
#[derive(Clone, Debug)]
pub struct DockerdOptions {
    /// `20.10.7`.
    pub version: String,
    /// `1.41`.
    pub api_version: String,
    /// `cgroupfs` or `systemd`.
    pub cgroup_driver: String,
    /// `json-file`, `journald`, …
    pub logging_driver: String,
}

impl Default for DockerdOptions {
    fn default() -> Self {
        Self {
            version: "20.10.7".to_owned(),
            api_version: "1.41".to_owned(),
            cgroup_driver: "cgroupfs".to_owned(),
            logging_driver: "json-file".to_owned(),
        }
    }
}

/// The daemon. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Dockerd(Rc<Inner>);

struct Inner {
    options: DockerdOptions,
    node: Node,
    containerd: Client,
    registry: Rc<Registry>,
    programs: Rc<Programs>,
    views: Views,
    changes: Changes,
    containers: RefCell<BTreeMap<Rc<str>, Rc<Container>>>,
    /// The index of names. It can hold a name whose container is gone.
    names: RefCell<BTreeMap<String, Rc<str>>>,
    created: Cell<u64>,
    execs: RefCell<BTreeMap<Rc<str>, Exec>>,
    images: Images,
    bridge: Bridge,
}

impl Dockerd {
    /// Starts the daemon as a child of systemd, next to a containerd that runs.
    #[must_use]
    pub fn start(
        ctx: &Ctx,
        containerd: &Containerd,
        registry: Rc<Registry>,
        programs: Rc<Programs>,
        options: DockerdOptions,
        views: Views,
        changes: Changes,
    ) -> Self {
        let node = containerd.node().clone();
        let process = ProcessSpec::host(Node::INIT, ["/usr/bin/dockerd", "-H", "fd://"]);
        node.start_process(ctx, process.of(Component::Dockerd));
        let client = containerd.client(Component::Dockerd, Protocol::Grpc, NAMESPACE);
        let this = Self(Rc::new(Inner {
            options,
            images: Images::new(&node),
            node,
            containerd: client,
            registry,
            programs,
            views,
            changes,
            containers: RefCell::default(),
            names: RefCell::default(),
            created: Cell::new(0),
            execs: RefCell::default(),
            bridge: Bridge::default(),
        }));
        this.0.images.preload(ctx, &this.0.registry);
        let weak = Rc::downgrade(&this.0);
        this.0.containerd.subscribe(move |ctx, event| {
            let Some(inner) = weak.upgrade() else { return };
            let daemon = Self(inner);
            match &event.kind {
                TaskEventKind::Oom => daemon.container_is_out_of_memory(&event.container_id),
                TaskEventKind::Exit { id, exit, .. } if *id == event.container_id => {
                    let (ctx, id, exit) = (ctx.detached(), Rc::clone(id), *exit);
                    ctx.clone()
                        .spawn(async move { daemon.container_exited(&ctx, &id, exit).await });
                }
                _ => {}
            }
        });
        this
    }

    /// Forgets a container and leaves its name in the index, as a crash in the wrong moment does.
    pub fn lose_container(&self, name: &str) {
        let id = self.0.names.borrow().get(name).cloned();
        if let Some(id) = id {
            self.0.containers.borrow_mut().remove(&id);
            self.0.changes.mark();
        }
    }
}

#[async_trait(?Send)]
impl DockerEngine for Dockerd {
    async fn request(&self, ctx: &Ctx, request: &Request) -> Result<Response, EngineError> {
        let options = &self.0.options;
        match request {
            Request::Ping => Ok(Response::Pong { api_version: options.api_version.clone() }),
            Request::Version => Ok(Response::Version(EngineVersion {
                version: options.version.clone(),
                api_version: options.api_version.clone(),
            })),
            Request::Info => Ok(Response::Info(EngineInfo {
                docker_root_dir: ROOT.to_owned(),
                cgroup_driver: options.cgroup_driver.clone(),
                logging_driver: options.logging_driver.clone(),
                server_version: options.version.clone(),
                name: (**self.0.node.name()).to_owned(),
                runtimes: vec!["runc".to_owned()],
            })),
            Request::ListContainers { all, filters, .. } => {
                Ok(Response::Containers(self.list(ctx, *all, filters)))
            }
            Request::InspectContainer { id, size } => {
                Ok(Response::Container(Box::new(self.inspect(id, *size)?)))
            }
            Request::CreateContainer { name, body } => {
                Ok(Response::Created { id: self.create(ctx, name, body).await? })
            }
            Request::StartContainer { id } => self.start_container(ctx, id).await,
            Request::StopContainer { id, timeout } => self.stop(ctx, id, *timeout).await,
            Request::UpdateContainer { id, resources, api } => {
                self.update(ctx, id, resources, *api).await
            }
            Request::RemoveContainer { id, force } => self.remove(ctx, id, *force).await,
            Request::ContainerStats { id, .. } => {
                let container = self.container(id)?;
                let state = container.state.borrow();
                let ran = state.started_at.map(|at| ctx.now().since(at)).unwrap_or_default();
                // A thousandth of a CPU and two megabytes.
                let cpu_nanos = (ran.as_nanos() / 1000) as u64;
                let memory = if state.running { 2 << 20 } else { 0 };
                Ok(Response::Stats(Stats { cpu_nanos, private_working_set: 0, memory }))
            }
            Request::InspectImage { reference } => {
                Ok(Response::Image(self.0.images.inspect(reference)?))
            }
            Request::ImageHistory { reference } => {
                self.0.images.inspect(reference)?;
                Ok(Response::History)
            }
            Request::ListImages { reference, .. } => {
                Ok(Response::Images(self.0.images.list(reference)))
            }
            Request::PullImage { from_image, tag, progress, .. } => {
                let pulled =
                    self.0.images.pull(ctx, &self.0.registry, from_image, tag, progress).await?;
                self.0.changes.mark();
                Ok(Response::Pulled(pulled))
            }
            Request::RemoveImage { reference } => self.remove_image(ctx, reference),
            Request::CreateExec { id, command } => self.create_exec(ctx, id, command),
            Request::StartExec { id } => self.start_exec(ctx, id).await,
            Request::InspectExec { id } => self.inspect_exec(id),
        }
    }
}
