//! containerd's own services: containers, snapshots, tasks, leases, events.
//!
//! A [`Client`] stands for the Go client library: what one of its functions asks of several
//! services is several calls here.

use crate::json::Json;
use crate::oci::{ExecProcess, NewTask, Shim, ShimVersion, ShimWords, Spec, TaskEvent, TaskEvents};
use crate::server::images::ImageStore;
use node::{Declared, Node, ProcessSpec, Registry, Stdio};
use sim::{Ctx, Hop, SimError};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Exit, Mount, Payload, Protocol};

/// A gRPC call on a unix socket, one way and back.
const GRPC: Duration = Duration::from_millis(1);
/// Writing a container, a snapshot or an image to the metadata database (bbolt, with `fsync`).
/// What is written about leases and sandboxes counts as part of that.
pub(super) const DATABASE: Duration = Duration::from_millis(1);
/// Where the overlay snapshotter keeps its directories.
const SNAPSHOTS: &str = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots";
/// Where bundles are.
const BUNDLES: &str = "/run/containerd/io.containerd.runtime.v2.task";

/// containerd's process and what it keeps. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Containerd(Rc<Inner>);

struct Inner {
    node: Node,
    pid: Cell<u32>,
    registry: Rc<Registry>,
    shims: &'static ShimVersion,
    events: TaskEvents,
    namespaces: RefCell<BTreeMap<&'static str, Rc<Namespace>>>,
    snapshots: Cell<u32>,
}

/// What one of containerd's namespaces holds.
struct Namespace {
    shim_words: ShimWords,
    containers: RefCell<BTreeMap<Rc<str>, Rc<Container>>>,
    tasks: RefCell<BTreeMap<Rc<str>, Rc<Shim>>>,
    leases: RefCell<BTreeSet<Rc<str>>>,
    sandboxes: RefCell<BTreeSet<Rc<str>>>,
    images: ImageStore,
}

impl Namespace {
    fn new(shims: &'static ShimVersion, name: &'static str) -> Self {
        Self {
            shim_words: ShimWords::new(shims, name),
            containers: RefCell::default(),
            tasks: RefCell::default(),
            leases: RefCell::default(),
            sandboxes: RefCell::default(),
            images: ImageStore::default(),
        }
    }
}

struct Container {
    shim_group: Rc<str>,
    in_sandbox: bool,
    /// Gone once there is a task where there will be no second one: with a snapshot of its own.
    spec: RefCell<Option<Rc<Spec>>>,
    declared: Declared,
    rootfs: Rootfs,
    /// The number of its snapshot's directory.
    snapshot: Cell<u32>,
}

/// Where a container's root file system comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rootfs {
    /// A new snapshot on top of an image's: the shim mounts it.
    Snapshot,
    /// A directory that somebody else has mounted, as Docker's graph driver does.
    Directory(Rc<str>),
}

/// What a container is made from.
#[derive(Clone, Debug)]
pub struct ContainerSpec {
    /// Its id.
    pub id: Rc<str>,
    /// Its image's name; Docker leaves it empty, since its images are not containerd's.
    pub image: Rc<str>,
    /// Its labels.
    pub labels: Vec<(Rc<str>, Rc<str>)>,
    /// The OCI specification: arguments, namespaces, control group, mounts.
    pub spec: Spec,
    /// Where its root file system comes from.
    pub rootfs: Rootfs,
    /// What a scenario says about its first process.
    pub declared: Declared,
    /// Containers of one group share a shim. Docker gives the container's own id, the CRI plugin
    /// the sandbox's.
    pub shim_group: Rc<str>,
    /// Whether it belongs to a sandbox that containerd knows: then its shim is known as well, and
    /// no shim binary is executed.
    pub in_sandbox: bool,
}

impl Containerd {
    /// Starts the daemon as a child of systemd.
    #[must_use]
    pub fn start(ctx: &Ctx, node: &Node, registry: Rc<Registry>) -> Self {
        Self::start_with(ctx, node, registry, &ShimVersion::V2)
    }

    /// The same with the shims of another generation.
    #[must_use]
    pub fn start_with(
        ctx: &Ctx,
        node: &Node,
        registry: Rc<Registry>,
        shims: &'static ShimVersion,
    ) -> Self {
        let process = ProcessSpec::host(Node::INIT, ["/usr/bin/containerd"]);
        let pid = node.start_process(ctx, process.of(Component::Containerd));
        Self(Rc::new(Inner {
            node: node.clone(),
            pid: Cell::new(pid),
            registry,
            shims,
            events: TaskEvents::default(),
            namespaces: RefCell::default(),
            snapshots: Cell::new(0),
        }))
    }

    /// The daemon's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.pid.get()
    }

    /// The machine.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// The registry that images come from.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The events of the tasks of all namespaces.
    #[must_use]
    pub fn events(&self) -> &TaskEvents {
        &self.0.events
    }

    /// A client: who calls, how, and in which of containerd's namespaces.
    #[must_use]
    pub fn client(&self, caller: Component, protocol: Protocol, namespace: &'static str) -> Client {
        let mut namespaces = self.0.namespaces.borrow_mut();
        let objects = namespaces
            .entry(namespace)
            .or_insert_with(|| Rc::new(Namespace::new(self.0.shims, namespace)));
        let objects = objects.clone();
        Client { containerd: self.clone(), caller, protocol, namespace, objects }
    }
}

/// Somebody who uses containerd. Methods fail with the gRPC codes that the services answer with.
///
/// Operations, as faults name them: `Snapshots.Prepare`, `Snapshots.Remove`, `Containers.Create`,
/// `Containers.Delete`, `Tasks.Create`, `Tasks.Start`, `Tasks.Kill`, `Tasks.Exec`, `Tasks.Delete`,
/// `Tasks.DeleteProcess`, `Tasks.Update`, `Leases.Create`, `Leases.Delete`, `Sandboxes.Create`,
/// `Sandboxes.Update`, `Sandboxes.Delete`.
#[derive(Clone)]
pub struct Client {
    containerd: Containerd,
    caller: Component,
    protocol: Protocol,
    namespace: &'static str,
    objects: Rc<Namespace>,
}

impl Client {
    /// The daemon.
    #[must_use]
    pub const fn containerd(&self) -> &Containerd {
        &self.containerd
    }

    /// The images of the namespace.
    pub(super) fn images(&self) -> &ImageStore {
        &self.objects.images
    }

    /// Calls a function for every task event of this namespace (`Events.Subscribe`). It should
    /// only start what follows, with [`Ctx::detached`].
    pub fn subscribe(&self, subscriber: impl Fn(&Ctx, &TaskEvent) + 'static) {
        let namespace = self.namespace;
        self.containerd.0.events.subscribe(move |ctx, event| {
            if event.namespace == namespace {
                subscriber(ctx, event);
            }
        });
    }

    pub(super) fn hop(&self, op: &'static str, source: &'static str) -> Hop {
        let takes = if self.protocol == Protocol::Function { Duration::ZERO } else { GRPC };
        Hop::new(self.caller, Component::Containerd, self.protocol, op).source(source).takes(takes)
    }

    /// A call that names one object and nothing else.
    fn hop_for(&self, op: &'static str, source: &'static str, id: &Rc<str>) -> Hop {
        let id = id.clone();
        self.hop(op, source).request(move || Json::object().str("id", &id).payload())
    }

    fn container(&self, id: &str) -> Result<Rc<Container>, SimError> {
        let found = self.objects.containers.borrow().get(id).cloned();
        found.ok_or_else(|| {
            let namespace = self.namespace;
            not_found(format!("container {id:?} in namespace {namespace:?}: not found"))
        })
    }

    fn task(&self, id: &str) -> Result<Rc<Shim>, SimError> {
        let found = self.objects.tasks.borrow().get(id).cloned();
        found.ok_or_else(|| not_found(format!("task {id} not found: not found")))
    }

    /// Whether there is a container of this id.
    #[must_use]
    pub fn has_container(&self, id: &str) -> bool {
        self.objects.containers.borrow().contains_key(id)
    }

    /// Whether a container has a task.
    #[must_use]
    pub fn has_task(&self, id: &str) -> bool {
        self.objects.tasks.borrow().contains_key(id)
    }

    /// The specification that a container was created with, as long as it is needed.
    #[must_use]
    pub fn spec(&self, id: &str) -> Option<Rc<Spec>> {
        self.objects
            .containers
            .borrow()
            .get(id)
            .and_then(|container| container.spec.borrow().clone())
    }

    /// `client.NewContainer`: prepares the snapshot, if one is asked for, and writes the
    /// container down. Nothing runs yet.
    ///
    /// # Errors
    /// An id that is taken (`AlreadyExists`), and injected ones.
    pub fn create_container(
        &self,
        ctx: &Ctx,
        new: ContainerSpec,
    ) -> impl Future<Output = Result<(), SimError>> {
        // What the container is made from is taken apart before the future exists, which would
        // carry it along.
        let ContainerSpec { id, image, labels, spec, rootfs, declared, shim_group, in_sandbox } =
            new;
        let spec = Rc::new(spec);
        let container = Rc::new(Container {
            shim_group,
            in_sandbox,
            spec: RefCell::new(Some(spec.clone())),
            declared,
            rootfs,
            snapshot: Cell::new(0),
        });
        let has_snapshot = container.rootfs == Rootfs::Snapshot;
        let (shown, shown_image) = (id.clone(), image.clone());
        let hop = self
            .hop(
                "Containers.Create",
                "containerd@v2.3.4 plugins/services/containers/local.go Create",
            )
            .takes(if self.protocol == Protocol::Function { DATABASE } else { GRPC })
            .request(move || {
                let labels = labels
                    .iter()
                    .fold(Json::object(), |object, (name, value)| object.str(name, value));
                let container = Json::object()
                    .str("id", &shown)
                    .str_if("image", &shown_image)
                    .object_in("labels", labels)
                    .object_in("runtime", Json::object().str("name", "io.containerd.runc.v2"))
                    .object_in("spec", spec.object());
                let container = if has_snapshot {
                    container.str("snapshotter", "overlayfs").str("snapshot_key", &shown)
                } else {
                    container
                };
                Json::object().object_in("container", container).payload()
            });
        self.write_container(ctx, id, image, container, hop)
    }

    async fn write_container(
        &self,
        ctx: &Ctx,
        id: Rc<str>,
        image: Rc<str>,
        container: Rc<Container>,
        hop: Hop,
    ) -> Result<(), SimError> {
        let has_snapshot = container.rootfs == Rootfs::Snapshot;
        if has_snapshot {
            container.snapshot.set(self.prepare_snapshot(ctx, &id, &image).await?);
        }
        let created = ctx
            .call(hop, async |_| {
                let mut containers = self.objects.containers.borrow_mut();
                if containers.contains_key(&id) {
                    let message = format!("container {:?}: already exists", &*id);
                    return Err(SimError::new("AlreadyExists", message));
                }
                containers.insert(id.clone(), container.clone());
                Ok(())
            })
            .await;
        if created.is_err() && has_snapshot {
            // The client gives the snapshot up; upstream it is left to the garbage collector.
            self.remove_snapshot_directory(ctx, container.snapshot.get());
        }
        created
    }

    async fn prepare_snapshot(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        image: &Rc<str>,
    ) -> Result<u32, SimError> {
        let (shown, parent) = (id.clone(), image.clone());
        let hop = self
            .hop(
                "Snapshots.Prepare",
                "containerd@v2.3.4 plugins/snapshots/overlay/overlay.go Prepare",
            )
            .takes(DATABASE)
            .request(move || {
                Json::object()
                    .str("snapshotter", "overlayfs")
                    .str("key", &shown)
                    .str("parent", &parent)
                    .payload()
            });
        ctx.call_answering(
            hop,
            |_| Payload::None,
            async |ctx| Ok(self.make_snapshot_directory(&ctx)),
        )
        .await
    }

    /// Makes the next snapshot's directory and gives its number.
    pub(super) fn make_snapshot_directory(&self, ctx: &Ctx) -> u32 {
        let inner = &self.containerd.0;
        let snapshot = inner.snapshots.get() + 1;
        inner.snapshots.set(snapshot);
        inner.node.make_private_dir(ctx, &format!("{SNAPSHOTS}/{snapshot}"));
        snapshot
    }

    pub(super) fn remove_snapshot_directory(&self, ctx: &Ctx, snapshot: u32) {
        self.containerd.0.node.remove_dir_all(ctx, &format!("{SNAPSHOTS}/{snapshot}"));
    }

    /// `container.Delete` with the clean-up of the snapshot.
    ///
    /// # Errors
    /// No such container (`NotFound`), one that has a task (`FailedPrecondition`), and injected
    /// ones.
    pub async fn delete_container(&self, ctx: &Ctx, id: &Rc<str>) -> Result<(), SimError> {
        let container = self.container(id)?;
        if self.has_task(id) {
            let message = format!("cannot delete running task {id}: failed precondition");
            return Err(SimError::new("FailedPrecondition", message));
        }
        if container.rootfs == Rootfs::Snapshot {
            let source = "containerd@v2.3.4 plugins/snapshots/overlay/overlay.go Remove";
            let hop = self.hop_for("Snapshots.Remove", source, id).takes(DATABASE);
            ctx.call::<(), SimError>(hop, async |ctx| {
                self.remove_snapshot_directory(&ctx, container.snapshot.get());
                Ok(())
            })
            .await?;
        }
        let source = "containerd@v2.3.4 plugins/services/containers/local.go Delete";
        ctx.call(self.hop_for("Containers.Delete", source, id), async |_| {
            match self.objects.containers.borrow_mut().remove(id) {
                Some(_) => Ok(()),
                None => Err(not_found(format!("container {:?}: not found", &**id))),
            }
        })
        .await
    }

    /// `container.NewTask`: starts a shim, or finds the group's, and has it create the container.
    /// Its first process waits, with the streams that it will have; the number of that process is
    /// the answer.
    ///
    /// # Errors
    /// No such container (`NotFound`), one that has a task (`AlreadyExists`), those of the shim
    /// and of runc, and injected ones.
    pub async fn new_task(&self, ctx: &Ctx, id: &Rc<str>, stdio: Stdio) -> Result<u32, SimError> {
        let shown = id.clone();
        let hop = self
            .hop("Tasks.Create", "containerd@v2.3.4 plugins/services/tasks/local.go Create")
            .request(move || Json::object().str("container_id", &shown).payload());
        let answer = |pid: &u32| Json::object().num("pid", *pid).payload();
        ctx.call_answering(hop, answer, async |ctx| {
            let container = self.container(id)?;
            if self.has_task(id) {
                let message = format!("task {id}: already exists");
                return Err(SimError::new("AlreadyExists", message));
            }
            self.create_task(&ctx, id, &container, stdio).await
        })
        .await
    }

    async fn create_task(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        container: &Container,
        stdio: Stdio,
    ) -> Result<u32, SimError> {
        let node = &self.containerd.0.node;
        let bundle: Rc<str> = format!("{BUNDLES}/{}/{id}", self.namespace).into();
        node.make_private_dir(ctx, &bundle);
        let created = self.create_in_shim(ctx, id, &bundle, container, stdio).await;
        match created {
            Ok(_) if container.rootfs == Rootfs::Snapshot => {
                container.spec.take();
            }
            Ok(_) => {}
            Err(_) => node.remove_dir_all(ctx, &bundle),
        }
        created
    }

    async fn create_in_shim(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        bundle: &Rc<str>,
        container: &Container,
        stdio: Stdio,
    ) -> Result<u32, SimError> {
        let inner = &self.containerd.0;
        let groups_shim = match container.in_sandbox {
            true => self.objects.tasks.borrow().get(&container.shim_group).cloned(),
            false => None,
        };
        if container.in_sandbox && groups_shim.is_none() {
            let group = &container.shim_group;
            return Err(SimError::new(
                "NotFound",
                format!("failed to start shim: can't find shim for sandbox {group}: not found"),
            ));
        }
        let shim = match groups_shim {
            Some(shim) => shim,
            None => Shim::start(
                ctx,
                &inner.node,
                &inner.events,
                self.containerd.pid(),
                &self.objects.shim_words,
                id,
            )
            .await
            .map_err(|error| wrapped("failed to start shim: start failed", error))?,
        };
        inner.node.write_file(ctx, &format!("{bundle}/bootstrap.json"), &shim.bootstrap());
        let (rootfs, rootfs_mount) = match &container.rootfs {
            Rootfs::Directory(path) => (path.clone(), None),
            Rootfs::Snapshot => {
                let rootfs: Rc<str> = format!("{bundle}/rootfs").into();
                let directory = format!("{SNAPSHOTS}/{}", container.snapshot.get());
                let mount = Mount {
                    target: rootfs.clone(),
                    source: "overlay".into(),
                    fs_type: "overlay".into(),
                    options: format!("workdir={directory}/work,upperdir={directory}/fs").into(),
                };
                (rootfs, Some(mount))
            }
        };
        let new = NewTask {
            id: id.clone(),
            bundle: bundle.clone(),
            rootfs_mount,
            rootfs,
            spec: container.spec.borrow().clone().unwrap_or_default(),
            declared: container.declared,
            stdio,
        };
        let created = match shim.create(ctx, new).await {
            Ok(_) => {
                self.objects.tasks.borrow_mut().insert(id.clone(), shim.clone());
                shim.connect(ctx, id).await
            }
            Err(error) => Err(wrapped("failed to create shim task", error)),
        };
        if created.is_err() {
            self.objects.tasks.borrow_mut().remove(id);
            Box::pin(self.clean_up_shim(ctx, id, &shim)).await;
        }
        created
    }

    /// `cleanupShimTask`: whatever the shim has made of the container goes; a shim without
    /// containers ends. What fails here was mostly never there.
    async fn clean_up_shim(&self, ctx: &Ctx, id: &Rc<str>, shim: &Rc<Shim>) {
        let _ = shim.delete(ctx, id, "").await;
        let _ = shim.shutdown(ctx, id).await;
    }

    /// `task.Start`: the container's program begins. Its process's number is the answer.
    ///
    /// # Errors
    /// No such task (`NotFound`), those of the shim and of runc, and injected ones.
    pub async fn start_task(&self, ctx: &Ctx, id: &Rc<str>) -> Result<u32, SimError> {
        let source = "containerd@v2.3.4 plugins/services/tasks/local.go Start";
        let answer = |pid: &u32| Json::object().num("pid", *pid).payload();
        ctx.call_answering(self.hop_for("Tasks.Start", source, id), answer, async |ctx| {
            let shim = self.task(id)?;
            shim.start_task(&ctx, id).await?;
            shim.state(&ctx, id, "").await
        })
        .await
    }

    /// `task.Kill`: sends a signal to the container's first process.
    ///
    /// # Errors
    /// No such task, or one that has ended (both `NotFound`), and injected ones.
    pub async fn kill_task(&self, ctx: &Ctx, id: &Rc<str>, signal: i32) -> Result<(), SimError> {
        self.kill_process(ctx, id, "", signal).await
    }

    async fn kill_process(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        exec: &str,
        signal: i32,
    ) -> Result<(), SimError> {
        let (shown, exec_id) = (id.clone(), exec.to_owned());
        let hop = self
            .hop("Tasks.Kill", "containerd@v2.3.4 plugins/services/tasks/local.go Kill")
            .request(move || {
                Json::object()
                    .str("container_id", &shown)
                    .str_if("exec_id", &exec_id)
                    .num("signal", signal)
                    .payload()
            });
        ctx.call(hop, async |ctx| self.task(id)?.kill(&ctx, id, exec, signal).await).await
    }

    /// `task.Delete`: what is left of a task that has ended. When the shim has no other container
    /// it ends as well. How the task had ended is the answer.
    ///
    /// # Errors
    /// No such task (`NotFound`), one that still runs (`FailedPrecondition`), and injected ones.
    pub async fn delete_task(&self, ctx: &Ctx, id: &Rc<str>) -> Result<Exit, SimError> {
        let source = "containerd@v2.3.4 plugins/services/tasks/local.go Delete";
        let answer = |exit: &Exit| Json::object().num("exit_status", exit.code).payload();
        ctx.call_answering(self.hop_for("Tasks.Delete", source, id), answer, async |ctx| {
            let shim = self.task(id)?;
            let exit = shim.delete(&ctx, id, "").await?;
            self.objects.tasks.borrow_mut().remove(id);
            // A shim that cannot be shut down is left behind, upstream as well as here.
            let _ = shim.shutdown(&ctx, id).await;
            let bundle = format!("{BUNDLES}/{}/{id}", self.namespace);
            self.containerd.0.node.remove_dir_all(&ctx, &bundle);
            Ok(exit)
        })
        .await
    }

    /// `task.Update`: other resource limits, as JSON text of the OCI specification's kind.
    ///
    /// # Errors
    /// No such task (`NotFound`), and injected ones.
    pub async fn update_task(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        resources: Rc<str>,
    ) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 plugins/services/tasks/local.go Update";
        ctx.call(self.hop_for("Tasks.Update", source, id), async |ctx| {
            self.task(id)?.update(&ctx, id, resources).await
        })
        .await
    }

    /// `task.Exec` and its `Start`: runs one more process in a container. The number of the
    /// process is the answer; wait for it with [`Client::wait_process`], then tidy up with
    /// [`Client::delete_process`].
    ///
    /// # Errors
    /// No such task (`NotFound`), an id that is taken (`AlreadyExists`), those of the shim and of
    /// runc, and injected ones.
    pub async fn exec(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        exec_id: &Rc<str>,
        process: ExecProcess,
    ) -> Result<u32, SimError> {
        let (shown, exec, words) = (id.clone(), exec_id.clone(), process.argv.clone());
        let hop = self
            .hop("Tasks.Exec", "containerd@v2.3.4 plugins/services/tasks/local.go Exec")
            .request(move || {
                Json::object()
                    .str("container_id", &shown)
                    .str("exec_id", &exec)
                    .object_in("spec", Json::object().strs("args", &words))
                    .payload()
            });
        ctx.call(hop, async |ctx| self.task(id)?.exec(&ctx, id, exec_id, process).await).await?;
        let (shown, exec) = (id.clone(), exec_id.clone());
        let hop = self
            .hop("Tasks.Start", "containerd@v2.3.4 plugins/services/tasks/local.go Start")
            .request(move || {
                Json::object().str("container_id", &shown).str("exec_id", &exec).payload()
            });
        let answer = |pid: &u32| Json::object().num("pid", *pid).payload();
        let started = ctx
            .call_answering(hop, answer, async |ctx| {
                let shim = self.task(id)?;
                let pid = shim.start_exec(&ctx, id, exec_id).await?;
                shim.state(&ctx, id, exec_id).await?;
                Ok(pid)
            })
            .await;
        if started.is_err() {
            // What was prepared is of no use; the error that counts is the first.
            let _ = self.delete_process(ctx, id, exec_id).await;
        }
        started
    }

    /// Waits until a process has ended, and until its shim has told containerd.
    pub async fn wait_process(&self, ctx: &Ctx, pid: u32) -> Exit {
        let exit = self.containerd.0.node.wait(pid).await;
        ctx.sleep(GRPC).await;
        exit
    }

    /// Kills an additional process.
    ///
    /// # Errors
    /// No such process, or one that has ended (both `NotFound`), and injected ones.
    pub async fn kill_exec(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        exec_id: &str,
        signal: i32,
    ) -> Result<(), SimError> {
        self.kill_process(ctx, id, exec_id, signal).await
    }

    /// `process.Delete`: what is left of an additional process that has ended.
    ///
    /// # Errors
    /// No such task or process (`NotFound`), one that still runs (`FailedPrecondition`), and
    /// injected ones.
    pub async fn delete_process(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        exec_id: &Rc<str>,
    ) -> Result<Exit, SimError> {
        let (shown, exec) = (id.clone(), exec_id.clone());
        let hop = self
            .hop(
                "Tasks.DeleteProcess",
                "containerd@v2.3.4 plugins/services/tasks/local.go DeleteProcess",
            )
            .request(move || {
                Json::object().str("container_id", &shown).str("exec_id", &exec).payload()
            });
        let answer = |exit: &Exit| Json::object().num("exit_status", exit.code).payload();
        ctx.call_answering(hop, answer, async |ctx| self.task(id)?.delete(&ctx, id, exec_id).await)
            .await
    }

    /// Makes a lease, which keeps what belongs to it from the garbage collector.
    ///
    /// # Errors
    /// An id that is taken (`AlreadyExists`), and injected ones.
    pub async fn create_lease(&self, ctx: &Ctx, id: &Rc<str>) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 plugins/services/leases/local.go Create";
        let hop = self.hop_for("Leases.Create", source, id);
        ctx.call(hop, async |_| insert_new(&self.objects.leases, id, "lease")).await
    }

    /// Removes a lease.
    ///
    /// # Errors
    /// No such lease (`NotFound`), and injected ones.
    pub async fn delete_lease(&self, ctx: &Ctx, id: &Rc<str>) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 plugins/services/leases/local.go Delete";
        let hop = self.hop_for("Leases.Delete", source, id);
        ctx.call(hop, async |_| remove_old(&self.objects.leases, id, "lease")).await
    }

    /// Writes a sandbox down.
    ///
    /// # Errors
    /// An id that is taken (`AlreadyExists`), and injected ones.
    pub async fn create_sandbox(&self, ctx: &Ctx, id: &Rc<str>) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 core/metadata/sandbox.go Create";
        let hop = self.hop_for("Sandboxes.Create", source, id);
        ctx.call(hop, async |_| insert_new(&self.objects.sandboxes, id, "sandbox")).await
    }

    /// Writes down what changed about a sandbox.
    ///
    /// # Errors
    /// No such sandbox (`NotFound`), and injected ones.
    pub async fn update_sandbox(&self, ctx: &Ctx, id: &Rc<str>) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 core/metadata/sandbox.go Update";
        let hop = self.hop_for("Sandboxes.Update", source, id);
        ctx.call(hop, async |_| {
            if self.objects.sandboxes.borrow().contains(id) {
                Ok(())
            } else {
                Err(not_found(format!("sandbox {:?}: not found", &**id)))
            }
        })
        .await
    }

    /// Removes what is written about a sandbox.
    ///
    /// # Errors
    /// No such sandbox (`NotFound`), and injected ones.
    pub async fn delete_sandbox(&self, ctx: &Ctx, id: &Rc<str>) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 core/metadata/sandbox.go Delete";
        let hop = self.hop_for("Sandboxes.Delete", source, id);
        ctx.call(hop, async |_| remove_old(&self.objects.sandboxes, id, "sandbox")).await
    }
}

fn insert_new(set: &RefCell<BTreeSet<Rc<str>>>, id: &Rc<str>, what: &str) -> Result<(), SimError> {
    if set.borrow_mut().insert(id.clone()) {
        Ok(())
    } else {
        Err(SimError::new("AlreadyExists", format!("{what} {:?}: already exists", &**id)))
    }
}

fn remove_old(set: &RefCell<BTreeSet<Rc<str>>>, id: &Rc<str>, what: &str) -> Result<(), SimError> {
    if set.borrow_mut().remove(id) {
        Ok(())
    } else {
        Err(not_found(format!("{what} {:?}: not found", &**id)))
    }
}

pub(super) fn not_found(message: String) -> SimError {
    SimError::new("NotFound", message)
}

/// An error with what was being done in front of it.
pub(super) fn wrapped(doing: &str, error: SimError) -> SimError {
    SimError { message: format!("{doing}: {}", error.message), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{NamespaceRequest, TaskEventKind};
    use node::SIGTERM;
    use sim::Sim;
    use trace::{NamespaceKind, Time};

    fn spec_of(id: &str, words: &[&str]) -> ContainerSpec {
        let args: Vec<Rc<str>> = words.iter().map(|&word| word.into()).collect();
        ContainerSpec {
            id: id.into(),
            image: "".into(),
            labels: Vec::new(),
            rootfs: Rootfs::Directory("/var/lib/docker/overlay2/1/merged".into()),
            declared: Declared::default(),
            shim_group: id.into(),
            in_sandbox: false,
            spec: Spec {
                args,
                namespaces: vec![(NamespaceKind::Pid, NamespaceRequest::New)],
                cgroups_path: format!("/docker/{id}").into(),
                ..Spec::default()
            },
        }
    }

    /// Runs a container as dockerd does and says what became of the machine, and the kinds of the
    /// events.
    #[test]
    fn a_container_comes_and_goes_and_leaves_nothing_behind() {
        let sim = Sim::new(1);
        let ctx = sim.ctx();
        let node = Node::boot(&ctx, "node");
        let containerd = Containerd::start(&ctx, &node, Rc::new(Registry::default()));
        let client = containerd.client(Component::Dockerd, Protocol::Grpc, "moby");
        let seen: Rc<RefCell<Vec<&'static str>>> = Rc::default();
        let log = seen.clone();
        client.subscribe(move |_, event| {
            log.borrow_mut().push(match event.kind {
                TaskEventKind::Create { .. } => "create",
                TaskEventKind::Start { .. } => "start",
                TaskEventKind::Exit { exit: Exit { code: 143, .. }, .. } => "exit 143",
                TaskEventKind::Exit { .. } => "exit",
                TaskEventKind::Delete { .. } => "delete",
                _ => "other",
            });
        });
        let before = node.process_count();
        let id: Rc<str> = "c1".into();
        sim.spawn({
            let (client, node) = (client.clone(), node.clone());
            async move {
                client.create_container(&ctx, spec_of("c1", &["nginx"])).await.unwrap();
                let pid = client.new_task(&ctx, &id, Stdio::default()).await.unwrap();
                assert_eq!(client.start_task(&ctx, &id).await, Ok(pid));
                assert_eq!(&*node.process(pid).unwrap().argv[0], "nginx");
                let again = client.new_task(&ctx, &id, Stdio::default()).await.unwrap_err();
                assert_eq!(again.code, "AlreadyExists");
                let running = client.delete_task(&ctx, &id).await.unwrap_err();
                assert_eq!(running.code, "FailedPrecondition");
                client.kill_task(&ctx, &id, SIGTERM).await.unwrap();
                client.wait_process(&ctx, pid).await;
                client.delete_task(&ctx, &id).await.unwrap();
                client.delete_container(&ctx, &id).await.unwrap();
                let gone = client.delete_container(&ctx, &id).await.unwrap_err();
                assert_eq!(gone.code, "NotFound");
            }
        });
        sim.run_until(Time::from_millis(60_000));
        assert_eq!(*seen.borrow(), ["create", "start", "exit", "delete"]);
        assert_eq!(node.process_count(), before);
    }
}
