//! The part of the kubelet of 1.4 that is the same for every runtime: pod workers, the pod
//! lifecycle event generator, the status.

use crate::runtime::{Found, FoundState, PodStatus, Runtime, Work};
use api::{ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting};
use futures_util::future::{Either, select};
use sim::{Ctx, Hop, Signal, Sim, SimError};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Effect, Level, PodRef, Protocol, Time};

/// How often the runtime's containers are listed, if anything can have changed.
const RELIST: Duration = Duration::from_secs(1);
/// When a pod is looked at again after a sync that failed, and after one that did not.
const BACK_OFF: Duration = Duration::from_secs(10);
const RESYNC: Duration = Duration::from_secs(60);

/// The kubelet of 1.4. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Kubelet(Rc<Inner>);

struct Inner {
    sim: Sim,
    runtime: Rc<dyn Runtime>,
    pods: RefCell<Vec<Rc<Worker>>>,
}

/// A pod's worker.
struct Worker {
    work: Work,
    /// There is something to look at.
    pending: Cell<bool>,
    wake: Signal,
    /// Somebody has deleted the pod, with this grace period in seconds.
    deleted: Cell<Option<i64>>,
    removed: Cell<bool>,
    status: RefCell<Rc<api::PodStatus>>,
}

impl Worker {
    fn look(&self) {
        self.pending.set(true);
        self.wake.notify();
    }
}

impl Kubelet {
    /// A kubelet that runs, with one of its runtimes.
    #[must_use]
    pub fn start(sim: &Sim, runtime: Rc<dyn Runtime>) -> Self {
        let kubelet = Self(Rc::new(Inner { sim: sim.clone(), runtime, pods: RefCell::default() }));
        let pleg = kubelet.clone();
        sim.spawn(async move { pleg.generate_lifecycle_events().await });
        kubelet
    }

    /// A pod is bound to the node.
    pub fn add_pod(&self, pod: Rc<api::Pod>) -> PodRef {
        let reference = self.0.sim.ctx().add_pod(&pod);
        let worker = Rc::new(Worker {
            work: Work { pod, reference },
            pending: Cell::new(true),
            wake: Signal::default(),
            deleted: Cell::new(None),
            removed: Cell::new(false),
            status: RefCell::default(),
        });
        self.0.pods.borrow_mut().push(worker.clone());
        let kubelet = self.clone();
        self.0.sim.spawn(async move { kubelet.pod_worker_loop(&worker).await });
        reference
    }

    /// Somebody deletes a pod, with a grace period in seconds or with the pod's own.
    pub fn delete_pod(&self, name: &str, grace: Option<i64>) {
        let pods = self.0.pods.borrow();
        let found = pods.iter().find(|worker| worker.work.pod.metadata.name == name);
        if let Some(worker) = found {
            let own = worker.work.pod.spec.termination_grace_period_seconds;
            worker.deleted.set(Some(grace.or(own).unwrap_or(30)));
            worker.look();
        }
    }

    /// How many pods are in phase `Running`.
    #[must_use]
    pub fn running_pods(&self) -> usize {
        let pods = self.0.pods.borrow();
        pods.iter()
            .filter(|worker| !worker.removed.get() && worker.status.borrow().phase == "Running")
            .count()
    }

    /// Models: kubernetes@v1.4.0 `pkg/kubelet/pleg/generic.go`.
    async fn generate_lifecycle_events(&self) {
        let Inner { sim, runtime, pods } = &*self.0;
        let mut seen = 0;
        loop {
            sim.sleep(RELIST).await;
            let count = runtime.changes().count();
            if count == seen {
                continue;
            }
            seen = count;
            let ctx = sim.ctx();
            let hop = Hop::new(Component::Kubelet, Component::Pleg, Protocol::Function, "Relist")
                .level(Level::Calls)
                .source("kubernetes@v1.4.0 pkg/kubelet/pleg/generic.go relist");
            let listed = ctx
                .call(hop, async |ctx| {
                    runtime.get_pods(&ctx).await.map_err(|error| SimError::new("Error", error))
                })
                .await;
            if listed.is_ok() {
                for worker in &*pods.borrow() {
                    worker.look();
                }
            }
        }
    }

    /// Models: kubernetes@v1.4.0 `pkg/kubelet/pod_workers.go` `managePodLoop`.
    async fn pod_worker_loop(&self, worker: &Worker) {
        let sim = &self.0.sim;
        let ctx = sim.ctx().about_pod(worker.work.reference);
        let mut again = RESYNC;
        loop {
            if !worker.pending.replace(false) {
                let woken = pin!(worker.wake.wait());
                if let Either::Right(_) = select(woken, sim.sleep(again)).await {
                    worker.pending.set(true);
                }
                continue;
            }
            again = match self.sync(&ctx, worker).await {
                Ok(()) => RESYNC,
                Err(()) => BACK_OFF,
            };
            if worker.removed.get() {
                return;
            }
        }
    }

    /// Models: kubernetes@v1.4.0 `pkg/kubelet/kubelet.go` `syncPod`.
    async fn sync(&self, ctx: &Ctx, worker: &Worker) -> Result<(), ()> {
        let runtime = &self.0.runtime;
        let work = &worker.work;
        let Ok(status) = runtime.get_pod_status(ctx, work).await else { return Err(()) };
        self.set_status(ctx, worker, &status);
        if let Some(grace) = worker.deleted.get() {
            let hop = self.hop("KillPod");
            ctx.call(hop, async |ctx| {
                let killed = runtime.kill_pod(&ctx, work, &status, grace).await;
                killed.map_err(|error| SimError::new("Error", error))
            })
            .await
            .map_err(|_| ())?;
            if let Ok(status) = runtime.get_pod_status(ctx, work).await {
                self.set_status(ctx, worker, &status);
            }
            ctx.effect(Effect::PodRemoved { pod: work.reference });
            worker.removed.set(true);
            runtime.garbage_collect(ctx, work).await;
            return Ok(());
        }
        if matches!(worker.status.borrow().phase.as_str(), "Succeeded" | "Failed")
            && status.running().next().is_none()
        {
            return Ok(());
        }
        let synced = ctx
            .call(self.hop("SyncPod"), async |ctx| {
                let synced = runtime.sync_pod(&ctx, work, &status).await;
                synced.map_err(|error| SimError::new("Error", error))
            })
            .await;
        synced.map_err(|error| {
            let text = format!("Error syncing pod, skipping: {}", error.message);
            work.event(ctx, None, trace::KubeEventType::Warning, "FailedSync", &text);
        })
    }

    /// A call of the runtime's Go interface.
    fn hop(&self, op: &'static str) -> Hop {
        Hop::new(Component::PodWorkers, self.0.runtime.component(), Protocol::Function, op)
            .level(Level::Steps)
            .source("kubernetes@v1.4.0 pkg/kubelet/kubelet.go syncPod")
    }

    fn set_status(&self, ctx: &Ctx, worker: &Worker, found: &PodStatus) {
        let status = generate_api_pod_status(&worker.work, found);
        let mut known = worker.status.borrow_mut();
        if **known != status {
            *known = Rc::new(status);
            let pod = worker.work.reference;
            ctx.effect(Effect::PodStatus { pod, status: known.clone() });
        }
    }
}

fn api_time(time: Time) -> api::Time {
    api::Time(time.rfc3339())
}

fn container_state(found: Option<&Found>) -> ContainerState {
    match found.map(|found| (found, found.state)) {
        Some((_, FoundState::Running(since))) => ContainerState {
            running: Some(ContainerStateRunning { started_at: api_time(since) }),
            ..ContainerState::default()
        },
        Some((found, FoundState::Exited { started, finished, code, oom_killed })) => {
            let reason = match (oom_killed, code) {
                (true, _) => "OOMKilled",
                (_, 0) => "Completed",
                _ => "Error",
            };
            ContainerState {
                terminated: Some(Box::new(ContainerStateTerminated {
                    exit_code: code,
                    reason: reason.to_owned(),
                    started_at: api_time(started),
                    finished_at: api_time(finished),
                    container_id: found.id.to_string(),
                    ..ContainerStateTerminated::default()
                })),
                ..ContainerState::default()
            }
        }
        _ => ContainerState {
            waiting: Some(ContainerStateWaiting {
                reason: "ContainerCreating".to_owned(),
                message: String::new(),
            }),
            ..ContainerState::default()
        },
    }
}

/// Models: kubernetes@v1.4.0 `pkg/kubelet/kubelet_pods.go` `generateAPIPodStatus`, `GetPhase`.
fn generate_api_pod_status(work: &Work, found: &PodStatus) -> api::PodStatus {
    let spec = &work.pod.spec;
    let statuses: Vec<api::ContainerStatus> = spec
        .containers
        .iter()
        .map(|container| {
            let newest = found.find(&container.name);
            let before = found
                .containers
                .iter()
                .filter(|found| *found.name == *container.name)
                .nth(1)
                .filter(|found| matches!(found.state, FoundState::Exited { .. }));
            api::ContainerStatus {
                name: container.name.clone(),
                state: container_state(newest),
                last_state: before
                    .map_or_else(ContainerState::default, |found| container_state(Some(found))),
                ready: newest.is_some_and(Found::is_running),
                restart_count: newest.map_or(0, |found| found.restart_count as i32),
                image: container.image.clone(),
                container_id: newest.map_or_else(String::new, |found| found.id.to_string()),
                ..api::ContainerStatus::default()
            }
        })
        .collect();
    let waiting = statuses.iter().any(|status| status.state.waiting.is_some());
    let running = statuses.iter().any(|status| status.state.running.is_some());
    let codes: Vec<i32> = statuses
        .iter()
        .filter_map(|status| Some(status.state.terminated.as_ref()?.exit_code))
        .collect();
    let failed = codes.iter().any(|code| *code != 0);
    let phase = match spec.restart_policy.as_str() {
        _ if waiting && statuses.iter().all(|status| status.last_state.terminated.is_none()) => {
            "Pending"
        }
        _ if running || waiting => "Running",
        "Never" => {
            if failed {
                "Failed"
            } else {
                "Succeeded"
            }
        }
        "OnFailure" if !failed => "Succeeded",
        _ => "Running",
    };
    let ready = !statuses.is_empty() && statuses.iter().all(|status| status.ready);
    api::PodStatus {
        phase: phase.to_owned(),
        pod_ip: found.ip.to_string(),
        conditions: vec![api::PodCondition {
            type_: "Ready".to_owned(),
            status: if ready { "True" } else { "False" }.to_owned(),
            ..api::PodCondition::default()
        }],
        container_statuses: statuses,
        ..api::PodStatus::default()
    }
}
