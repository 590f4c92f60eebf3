//! Probes: questions that containers are asked again and again.
//!
//! Upstream: `pkg/kubelet/prober/prober_manager.go`, `worker.go`, `prober.go`.

mod probe;
pub(crate) use probe::port_of;
mod worker;

use crate::container::is_restartable_init_container;
use crate::kubelet::{Inner, Uid, Work};
use crate::pod_workers::UpdateType;
use crate::status::conditions;
use api::{Container, ContainerStatus, Pod, Probe};
use sim::Signal;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::EventId;

/// What a container's probe has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// Not decided yet.
    Unknown,
    /// All is well.
    Success,
    /// It is not.
    Failure,
}

/// The three questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeType {
    /// Does it still work?
    Liveness,
    /// May it get requests?
    Readiness,
    /// Has it begun to work?
    Startup,
}

impl ProbeType {
    const ALL: [Self; 3] = [Self::Startup, Self::Readiness, Self::Liveness];

    const fn name(self) -> &'static str {
        match self {
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
            Self::Startup => "Startup",
        }
    }

    const fn initial(self) -> ProbeResult {
        match self {
            Self::Liveness => ProbeResult::Success,
            Self::Readiness => ProbeResult::Failure,
            Self::Startup => ProbeResult::Unknown,
        }
    }

    fn spec(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Liveness => container.liveness_probe.as_deref(),
            Self::Readiness => container.readiness_probe.as_deref(),
            Self::Startup => container.startup_probe.as_deref(),
        }
    }
}

/// How to reach a worker.
struct Handle {
    triggered: Cell<bool>,
    stopped: Cell<bool>,
    wake: Signal,
}

impl Handle {
    fn trigger(&self) {
        self.triggered.set(true);
        self.wake.notify();
    }

    fn stop(&self) {
        self.stopped.set(true);
        self.wake.notify();
    }
}

type Key = (Rc<str>, ProbeType);

/// The workers and their results.
#[derive(Default)]
pub(crate) struct ProbeManager {
    workers: RefCell<BTreeMap<Uid, BTreeMap<Key, Rc<Handle>>>>,
    results: RefCell<BTreeMap<(Rc<str>, ProbeType), ProbeResult>>,
}

impl ProbeManager {
    pub(crate) fn result(&self, container_id: &str, kind: ProbeType) -> Option<ProbeResult> {
        let results = self.results.borrow();
        if results.is_empty() {
            return None;
        }
        results.get(&(container_id.into(), kind)).copied()
    }

    fn worker(&self, uid: &str, name: &str, kind: ProbeType) -> Option<Rc<Handle>> {
        let workers = self.workers.borrow();
        workers.get(uid)?.get(&(name.into(), kind)).cloned()
    }

    /// Whether a running container has begun to work.
    pub(crate) fn started(
        &self,
        pod: &Pod,
        container: &Container,
        id: &str,
        status: &ContainerStatus,
    ) -> bool {
        if container.startup_probe.is_none() {
            return true;
        }
        match self.result(id, ProbeType::Startup) {
            Some(result) => result == ProbeResult::Success,
            None if status.started == Some(true) => true,
            None => {
                let uid = &pod.metadata.uid;
                self.worker(uid, &container.name, ProbeType::Startup).is_none()
            }
        }
    }

    /// Whether a container that has begun to work may get requests. If its probe has not said so
    /// yet, it is asked at once.
    pub(crate) fn ready(
        &self,
        pod: &Pod,
        container: &Container,
        id: &str,
        status: &ContainerStatus,
    ) -> bool {
        if status.state.running.is_none() {
            return false;
        }
        if container.readiness_probe.is_none()
            || self.result(id, ProbeType::Readiness) == Some(ProbeResult::Success)
        {
            return true;
        }
        match self.worker(&pod.metadata.uid, &container.name, ProbeType::Readiness) {
            Some(worker) => {
                worker.trigger();
                false
            }
            None => true,
        }
    }
}

impl Inner {
    /// Starts the probes of a pod's containers.
    pub(crate) fn add_probes(self: &Rc<Self>, work: &Work) {
        let spec = &work.pod.spec;
        let sidecars = spec
            .init_containers
            .iter()
            .filter(|container| is_restartable_init_container(container));
        for container in spec.containers.iter().chain(sidecars) {
            for kind in ProbeType::ALL {
                let Some(probe) = kind.spec(container) else { continue };
                let name: Rc<str> = container.name.as_str().into();
                let mut workers = self.probes.workers.borrow_mut();
                let of_pod = workers.entry(work.uid.clone()).or_default();
                if of_pod.contains_key(&(name.clone(), kind)) {
                    continue;
                }
                let handle = Rc::new(Handle {
                    triggered: Cell::new(false),
                    stopped: Cell::new(false),
                    wake: Signal::default(),
                });
                of_pod.insert((name, kind), handle.clone());
                drop(workers);
                let worker = worker::Worker::new(work, container, kind, probe, handle);
                let this = self.clone();
                self.spawn(async move { worker.run(this).await });
            }
        }
    }

    /// A pod that is being stopped must not be restarted because it no longer answers.
    pub(crate) fn stop_liveness_and_startup_probes(&self, uid: &str) {
        if let Some(of_pod) = self.probes.workers.borrow().get(uid) {
            for ((_, kind), handle) in of_pod {
                if *kind != ProbeType::Readiness {
                    handle.stop();
                }
            }
        }
    }

    /// Stops all probes of a pod.
    pub(crate) fn remove_probes(&self, uid: &str) {
        let of_pod = self.probes.workers.borrow_mut().remove(uid);
        for handle in of_pod.into_iter().flat_map(BTreeMap::into_values) {
            handle.stop();
        }
    }

    /// Keeps a result, and tells whom it concerns if it is new.
    fn set_probe_result(
        self: &Rc<Self>,
        work: &Work,
        kind: ProbeType,
        id: &Rc<str>,
        result: ProbeResult,
        cause: Option<EventId>,
    ) {
        let before = self.probes.results.borrow_mut().insert((id.clone(), kind), result);
        if before == Some(result) {
            return;
        }
        let success = result == ProbeResult::Success;
        match kind {
            ProbeType::Liveness if result != ProbeResult::Failure => return,
            ProbeType::Liveness => {}
            ProbeType::Readiness => self.set_container_readiness(work, id, success),
            ProbeType::Startup => self.set_container_startup(work, id, success),
        }
        let pod = self.pod_manager.borrow().get(&work.uid).cloned();
        if let Some(pod) = pod {
            let sync = move |this: &Rc<Self>, uid: &Uid| {
                this.update_worker(uid, pod, UpdateType::Sync, cause);
            };
            self.dispatch(sync, &work.uid);
        }
    }

    /// Upstream: `pkg/kubelet/status/status_manager.go` `SetContainerReadiness`.
    fn set_container_readiness(&self, work: &Work, id: &str, ready: bool) {
        self.change_container_status(work, id, |status| {
            let changes = status.ready != ready;
            status.ready = ready;
            changes
        });
    }

    /// Upstream: `pkg/kubelet/status/status_manager.go` `SetContainerStartup`.
    fn set_container_startup(&self, work: &Work, id: &str, started: bool) {
        self.change_container_status(work, id, |status| {
            let changes = status.started != Some(started);
            status.started = Some(started);
            changes
        });
    }

    fn change_container_status(
        &self,
        work: &Work,
        id: &str,
        change: impl Fn(&mut ContainerStatus) -> bool,
    ) {
        let Some(known) = self.status.get(&work.uid) else { return };
        let mut status = api::PodStatus::clone(&known);
        let mut all =
            status.container_statuses.iter_mut().chain(&mut status.init_container_statuses);
        let own = all.find(|it| it.container_id.ends_with(id) && !id.is_empty());
        let Some(own) = own.filter(|own| own.state.running.is_some()) else { return };
        if !change(own) {
            return;
        }
        let Some(runtime) = self.pleg.cached(&work.uid) else { return };
        let mut statuses = status.init_container_statuses.clone();
        statuses.extend(status.container_statuses.iter().cloned());
        let (phase, old) = (&status.phase, &status.conditions);
        let made = conditions(&work.pod, &runtime, &statuses, phase, old, self.features);
        for condition in made {
            if matches!(condition.type_.as_str(), "Ready" | "ContainersReady") {
                let before = status.conditions.iter_mut().find(|it| it.type_ == condition.type_);
                if let Some(before) = before {
                    *before = condition;
                }
            }
        }
        let ctx = self.ctx_of(work, None);
        self.set_pod_status(&ctx, work, status);
    }

    /// What SyncPod has to know besides the pod and its status.
    pub(crate) fn facts(&self) -> InnerFacts<'_> {
        InnerFacts(self)
    }
}

/// Probe results and resources, for the plan.
pub(crate) struct InnerFacts<'a>(&'a Inner);

impl crate::kuberuntime::Facts for InnerFacts<'_> {
    fn features(&self) -> crate::Features {
        self.0.features
    }

    fn liveness(&self, container_id: &str) -> Option<ProbeResult> {
        self.0.probes.result(container_id, ProbeType::Liveness)
    }

    fn startup(&self, container_id: &str) -> Option<ProbeResult> {
        self.0.probes.result(container_id, ProbeType::Startup)
    }

    fn resize(
        &self,
        pod: &Pod,
        container: &Container,
        _status: &crate::container::Status,
    ) -> crate::kuberuntime::compute_pod_actions::Resize {
        self.0.resize_of(pod, container)
    }
}
