//! The kubelet as a whole: what lives as long as its process, and what outlives it.
//!
//! Upstream: `pkg/kubelet/kubelet.go`.

use crate::backoff::Backoff;
use crate::container::PodStatus;
use crate::events::Recorder;
use crate::eviction::EvictionManager;
use crate::images::{ImageGcManager, ImageManager};
use crate::kuberuntime::Failure;
use crate::pleg::Pleg;
use crate::pod_workers::{UpdateType, Workers};
use crate::prober::ProbeManager;
use crate::sync_loop::SyncLoop;
use crate::work_queue::WorkQueue;
use crate::{Features, Host, KubeletConfig, NoHost};
use api::Pod;
use sim::{CriClient, Ctx, Endpoint, Sim, TaskHandle};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Effect, EventId, PodRef, Time};

/// A pod's UID.
pub(crate) type Uid = Rc<str>;

/// A node's kubelet, and what the API server holds for it. Cloning gives another handle.
#[derive(Clone)]
pub struct Kubelet(Rc<Machine>);

/// What outlives a kubelet's process.
struct Machine {
    sim: Sim,
    config: Rc<KubeletConfig>,
    endpoint: Endpoint,
    host: Rc<dyn Host>,
    api_server: Rc<ApiServer>,
    memory_available: Rc<Cell<Option<u64>>>,
    process: RefCell<Option<Rc<Inner>>>,
}

/// The pods that are meant for the node: those of the API server and those of files.
#[derive(Default)]
pub(crate) struct ApiServer {
    pods: RefCell<BTreeMap<Uid, Registered>>,
    /// The static pods of which it holds a mirror pod.
    mirrors: RefCell<BTreeSet<Uid>>,
}

/// One of them.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) pod: Rc<Pod>,
    pub(crate) reference: PodRef,
    pub(crate) from_file: bool,
    /// What the kubelet last reported; nobody keeps that of a pod from a file.
    pub(crate) status: Option<Rc<api::PodStatus>>,
}

impl ApiServer {
    pub(crate) fn get(&self, uid: &str) -> Option<Registered> {
        self.pods.borrow().get(uid).cloned()
    }

    pub(crate) fn remove(&self, uid: &str) -> Option<Registered> {
        self.pods.borrow_mut().remove(uid)
    }

    pub(crate) fn set_status(&self, uid: &str, status: Rc<api::PodStatus>) {
        if let Some(registered) = self.pods.borrow_mut().get_mut(uid)
            && !registered.from_file
        {
            registered.status = Some(status);
        }
    }

    /// Notes a mirror pod; false if there is one already.
    pub(crate) fn mirror(&self, uid: &Uid) -> bool {
        self.mirrors.borrow_mut().insert(uid.clone())
    }

    /// Forgets a mirror pod; false if there is none.
    pub(crate) fn unmirror(&self, uid: &Uid) -> bool {
        self.mirrors.borrow_mut().remove(uid)
    }

    /// Calls a function with each, in the order of their UIDs.
    pub(crate) fn each(&self, mut see: impl FnMut(&Uid, &Registered)) {
        self.pods.borrow().iter().for_each(|(uid, registered)| see(uid, registered));
    }
}

impl Drop for Machine {
    /// The process holds itself, by its tasks, until somebody ends it.
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.tasks.abort_all();
        }
    }
}

impl Kubelet {
    /// Starts a kubelet on a machine without files.
    pub fn start(sim: &Sim, config: KubeletConfig, endpoint: Endpoint) -> Self {
        Self::start_on(sim, config, endpoint, Rc::new(NoHost))
    }

    /// Starts a kubelet.
    pub fn start_on(
        sim: &Sim,
        config: KubeletConfig,
        endpoint: Endpoint,
        host: Rc<dyn Host>,
    ) -> Self {
        let kubelet = Self::install(sim, config, endpoint, host);
        kubelet.restart();
        kubelet
    }

    /// A kubelet whose process has not started yet.
    pub fn install(
        sim: &Sim,
        config: KubeletConfig,
        endpoint: Endpoint,
        host: Rc<dyn Host>,
    ) -> Self {
        Self(Rc::new(Machine {
            sim: sim.clone(),
            config: Rc::new(config),
            endpoint,
            host,
            api_server: Rc::default(),
            memory_available: Rc::default(),
            process: RefCell::default(),
        }))
    }

    pub(crate) fn config(&self) -> &KubeletConfig {
        &self.0.config
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// A client of the runtime.
    pub(crate) fn cri(&self) -> CriClient {
        cri_client(&self.0.config, self.0.endpoint.clone())
    }

    /// Kills the process. Containers go on; calls that are open are cut off.
    pub fn stop(&self) {
        if let Some(process) = self.0.process.take() {
            process.tasks.abort_all();
        }
    }

    /// Starts the process again, after [`Kubelet::stop`] or in place of a running one. It knows
    /// nothing but what the runtime and the API server tell it.
    pub fn restart(&self) {
        self.stop();
        let machine = &self.0;
        let process = Inner::new(machine);
        *machine.process.borrow_mut() = Some(process.clone());
        process.run();
        let mut known = Vec::new();
        machine.api_server.each(|uid, it| known.push((uid.clone(), it.pod.clone())));
        for (uid, pod) in known {
            process.handle_pod_additions(&uid, pod, None);
        }
    }

    /// Whether the process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.process.borrow().is_some()
    }

    /// The API server gives the kubelet a pod. One with a UID that is known already replaces it.
    pub fn add_pod(&self, pod: Rc<Pod>) -> PodRef {
        self.register(pod, false)
    }

    /// A manifest is put into the directory of static pods.
    pub fn add_static_pod(&self, pod: Rc<Pod>) -> PodRef {
        self.register(pod, true)
    }

    fn register(&self, pod: Rc<Pod>, from_file: bool) -> PodRef {
        let machine = &self.0;
        let uid: Uid = pod.metadata.uid.as_str().into();
        if let Some(known) = machine.api_server.get(&uid) {
            self.update_pod(pod);
            return known.reference;
        }
        let reference = machine.sim.ctx().add_pod(&pod);
        let registered = Registered { pod: pod.clone(), reference, from_file, status: None };
        machine.api_server.pods.borrow_mut().insert(uid.clone(), registered);
        if let Some(process) = &*machine.process.borrow() {
            process.handle_pod_additions(&uid, pod, None);
        }
        reference
    }

    /// A pod's manifest has changed.
    pub fn update_pod(&self, pod: Rc<Pod>) {
        let machine = &self.0;
        let uid = pod.metadata.uid.as_str();
        let reference = {
            let mut pods = machine.api_server.pods.borrow_mut();
            let Some(known) = pods.get_mut(uid) else { return };
            known.pod = pod.clone();
            known.reference
        };
        let ctx = machine.sim.ctx().about_pod(reference);
        let cause = ctx.effect(Effect::PodUpdated { pod: reference, object: pod.clone() });
        if let Some(process) = &*machine.process.borrow() {
            process.handle_pod_updates(&uid.into(), pod, Some(cause));
        }
    }

    /// Somebody deletes a pod, with a grace period in seconds or with the pod's own. A pod that is
    /// being deleted can be given less time, never more.
    pub fn delete_pod(&self, uid: &str, grace: Option<i64>) {
        let Some(known) = self.0.api_server.get(uid) else { return };
        if known.from_file {
            // Only the mirror pod is deleted; the kubelet makes another.
            let process = self.0.process.borrow();
            if self.0.api_server.unmirror(&uid.into())
                && let Some(process) = &*process
            {
                process.handle_pod_updates(&uid.into(), known.pod, None);
            }
            return;
        }
        let mut pod = Pod::clone(&known.pod);
        let own = pod.spec.termination_grace_period_seconds.unwrap_or(30);
        let mut grace = grace.unwrap_or(own).max(0);
        let metadata = &mut pod.metadata;
        if let Some(before) = metadata.deletion_grace_period_seconds {
            grace = grace.min(before);
        }
        let deadline = self.0.sim.now() + Duration::from_secs(grace.unsigned_abs());
        metadata.deletion_timestamp = Some(api::Time(deadline.rfc3339()));
        metadata.deletion_grace_period_seconds = Some(grace);
        self.update_pod(Rc::new(pod));
    }

    /// A static pod's manifest is removed.
    pub fn remove_static_pod(&self, uid: &str) {
        let machine = &self.0;
        let Some(known) = machine.api_server.remove(uid) else { return };
        let ctx = machine.sim.ctx().about_pod(known.reference);
        let cause = ctx.effect(Effect::PodRemoved { pod: known.reference });
        if let Some(process) = &*machine.process.borrow() {
            process.handle_pod_removes(&uid.into(), &known, Some(cause));
        }
    }

    /// From now on so many bytes of the node's memory are free; none: enough for everybody.
    pub fn set_memory_available(&self, bytes: Option<u64>) {
        self.0.memory_available.set(bytes);
        if let Some(process) = &*self.0.process.borrow() {
            process.schedule_eviction();
        }
    }

    /// The UID of the pod of a name, if there is one.
    #[must_use]
    pub fn uid_of(&self, namespace: &str, name: &str) -> Option<Rc<str>> {
        let pods = self.0.api_server.pods.borrow();
        let matches = |it: &&Registered| {
            it.pod.metadata.name == name && it.pod.metadata.namespace == namespace
        };
        pods.values().find(matches).map(|it| it.pod.metadata.uid.as_str().into())
    }

    /// What the kubelet's own pod list says of a pod: its spec's pod and the status that it knows.
    #[must_use]
    pub fn pod_status(&self, uid: &str) -> Option<Rc<api::PodStatus>> {
        let process = self.0.process.borrow();
        let known = process.as_ref().and_then(|process| process.status.get(uid));
        known.or_else(|| self.0.api_server.get(uid)?.status)
    }

    /// The pods that are meant for the node.
    #[must_use]
    pub fn pods(&self) -> Vec<Rc<Pod>> {
        let mut pods = Vec::new();
        self.0.api_server.each(|_, it| pods.push(it.pod.clone()));
        pods
    }
}

/// A kubelet's process.
pub(crate) struct Inner {
    pub(crate) sim: Sim,
    pub(crate) config: Rc<KubeletConfig>,
    pub(crate) features: Features,
    pub(crate) cri: CriClient,
    pub(crate) host: Rc<dyn Host>,
    pub(crate) api_server: Rc<ApiServer>,
    /// So many bytes of the node's memory are free; none: enough.
    pub(crate) memory_available: Rc<Cell<Option<u64>>>,
    pub(crate) eviction: EvictionManager,
    pub(crate) started: Time,
    pub(crate) tasks: Tasks,
    pub(crate) sync_loop: SyncLoop,
    /// The pods that are to run here, by UID (`pkg/kubelet/pod/pod_manager.go`).
    pub(crate) pod_manager: RefCell<BTreeMap<Uid, Rc<Pod>>>,
    pub(crate) workers: Workers,
    pub(crate) work_queue: RefCell<WorkQueue>,
    pub(crate) pleg: Pleg,
    pub(crate) status: crate::status::StatusManager,
    pub(crate) probes: ProbeManager,
    pub(crate) images: ImageManager,
    pub(crate) image_gc: ImageGcManager,
    pub(crate) recorder: Recorder,
    pub(crate) crash_loop_back_off: RefCell<Backoff>,
    /// Why containers could not be started (`pkg/kubelet/reason_cache.go`).
    pub(crate) reasons: RefCell<BTreeMap<Uid, StartFailures>>,
    /// The resources that running containers were given last.
    pub(crate) actuated: RefCell<BTreeMap<(Uid, Rc<str>), api::ResourceRequirements>>,
    stamps: Cell<u64>,
}

/// Why containers of a pod could not be started, by their names.
type StartFailures = Vec<(Rc<str>, Failure)>;

/// What a pod worker works on.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) uid: Uid,
    pub(crate) pod: Rc<Pod>,
    pub(crate) reference: PodRef,
}

/// The client of the version's own source tree.
fn cri_client(config: &KubeletConfig, endpoint: Endpoint) -> CriClient {
    let [runtime, image] = match config.version.minor {
        ..=22 => [
            "kubernetes@v1.22.6 pkg/kubelet/cri/remote/remote_runtime.go",
            "kubernetes@v1.22.6 pkg/kubelet/cri/remote/remote_image.go",
        ],
        23..=32 => [
            "kubernetes@v1.32.10 staging/src/k8s.io/cri-client/pkg/remote_runtime.go",
            "kubernetes@v1.32.10 staging/src/k8s.io/cri-client/pkg/remote_image.go",
        ],
        _ => [
            "kubernetes@v1.36.3 staging/src/k8s.io/cri-client/pkg/remote_runtime.go",
            "kubernetes@v1.36.3 staging/src/k8s.io/cri-client/pkg/remote_image.go",
        ],
    };
    CriClient::new(Component::CriClient, endpoint).with_sources(runtime, image)
}

impl Inner {
    fn new(machine: &Machine) -> Rc<Self> {
        let config = machine.config.clone();
        let cap = config.max_container_restart_period;
        Rc::new(Self {
            sim: machine.sim.clone(),
            features: config.version.features(),
            cri: cri_client(&config, machine.endpoint.clone()),
            host: machine.host.clone(),
            api_server: machine.api_server.clone(),
            memory_available: machine.memory_available.clone(),
            eviction: EvictionManager::default(),
            started: machine.sim.now(),
            tasks: Tasks::default(),
            sync_loop: SyncLoop::default(),
            pod_manager: RefCell::default(),
            workers: Workers::default(),
            work_queue: RefCell::default(),
            pleg: Pleg::default(),
            status: crate::status::StatusManager::default(),
            probes: ProbeManager::default(),
            images: ImageManager::new(&config),
            image_gc: ImageGcManager::default(),
            recorder: Recorder::default(),
            crash_loop_back_off: RefCell::new(Backoff::new(Duration::from_secs(10), cap)),
            reasons: RefCell::default(),
            actuated: RefCell::default(),
            stamps: Cell::new(0),
            config,
        })
    }

    /// Starts the loops.
    fn run(self: &Rc<Self>) {
        self.start_update_runtime_up();
        self.start_pleg();
        self.start_garbage_collection();
        self.start_image_gc();
        self.schedule_eviction();
    }

    /// Starts a task that ends with the process.
    pub(crate) fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        Tasks::spawn(self, task);
    }

    /// The next of a sequence of numbers by which earlier and later are told apart even within one
    /// moment of virtual time.
    pub(crate) fn stamp(&self) -> u64 {
        self.stamps.set(self.stamps.get() + 1);
        self.stamps.get()
    }

    /// A place in upstream's source, at this kubelet's version.
    pub(crate) fn source(&self, place: &str) -> trace::Text {
        if !self.sim.is_recording() {
            return trace::Text::Borrowed("");
        }
        format!("{} {place}", self.config.version.source()).into()
    }

    /// The next moment of a ticker that began with the process.
    pub(crate) fn next_tick(&self, period: Duration, offset: Duration) -> Time {
        let period = period.as_nanos().max(1) as u64;
        let since = self.sim.now().since(self.started + offset).as_nanos() as u64;
        let passed = since / period + 1;
        self.started + offset + Duration::from_nanos(passed * period)
    }

    pub(crate) fn ctx_of(&self, work: &Work, cause: Option<EventId>) -> Ctx {
        self.sim.ctx().about_pod(work.reference).woken_by(cause)
    }

    pub(crate) fn cached_ips(&self, uid: &str) -> Vec<Rc<str>> {
        self.pleg.cached(uid).map(|status: Rc<PodStatus>| status.ips.clone()).unwrap_or_default()
    }

    /// The kubelet learns of a pod: from the API server, from a file, or because it has just
    /// started itself.
    pub(crate) fn handle_pod_additions(
        self: &Rc<Self>,
        uid: &Uid,
        pod: Rc<Pod>,
        cause: Option<EventId>,
    ) {
        self.pod_manager.borrow_mut().insert(uid.clone(), pod.clone());
        self.dispatch(move |this, uid| this.add_admitted(uid, pod, cause), uid);
    }

    fn add_admitted(self: &Rc<Self>, uid: &Uid, pod: Rc<Pod>, cause: Option<EventId>) {
        if !self.can_admit_pod(uid, &pod) {
            return;
        }
        self.update_worker(uid, pod, UpdateType::Create, cause);
    }

    /// A pod's manifest changed.
    pub(crate) fn handle_pod_updates(
        self: &Rc<Self>,
        uid: &Uid,
        pod: Rc<Pod>,
        cause: Option<EventId>,
    ) {
        self.pod_manager.borrow_mut().insert(uid.clone(), pod.clone());
        let update = move |this: &Rc<Self>, uid: &Uid| {
            this.update_worker(uid, pod.clone(), UpdateType::Update, cause);
            if this.is_finished(uid)
                && let Some(known) = this.api_server.get(uid)
            {
                // Nothing is left to stop: only the object has to go.
                this.after_finish(&Work { uid: uid.clone(), pod, reference: known.reference });
            }
        };
        self.dispatch(update, uid);
    }

    /// A pod is no longer to run here.
    pub(crate) fn handle_pod_removes(
        self: &Rc<Self>,
        uid: &Uid,
        known: &Registered,
        cause: Option<EventId>,
    ) {
        self.pod_manager.borrow_mut().remove(uid);
        let pod = known.pod.clone();
        let kill = move |this: &Rc<Self>, uid: &Uid| {
            this.update_worker(uid, pod, UpdateType::Kill, cause);
            this.request_housekeeping();
        };
        self.dispatch(kill, uid);
    }
}

/// The tasks of one process.
#[derive(Default)]
pub(crate) struct Tasks {
    running: RefCell<BTreeMap<u64, TaskHandle<()>>>,
    count: Cell<u64>,
    over: Cell<bool>,
}

impl Tasks {
    fn spawn(inner: &Rc<Inner>, task: impl Future<Output = ()> + 'static) {
        let tasks = &inner.tasks;
        if tasks.over.get() {
            return;
        }
        let number = tasks.count.get();
        tasks.count.set(number + 1);
        let owner = Rc::downgrade(inner);
        let handle = inner.sim.spawn(async move {
            task.await;
            if let Some(owner) = owner.upgrade() {
                let handle = owner.tasks.running.borrow_mut().remove(&number);
                drop(handle);
            }
        });
        tasks.running.borrow_mut().insert(number, handle);
    }

    fn abort_all(&self) {
        self.over.set(true);
        // One at a time: what a dropped task holds may drop others.
        loop {
            let first = self.running.borrow_mut().pop_first();
            let Some((_, handle)) = first else { return };
            handle.abort();
        }
    }
}
