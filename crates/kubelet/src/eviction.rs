//! Eviction: pods make room when the node runs short of memory, one at a time.
//!
//! *What we simplify:* of the signals there is `memory.available`, with the hard threshold that a
//! kubelet has by default. How much is available is said from outside; an evicted pod gives back
//! what it used.
//!
//! Upstream: `pkg/kubelet/eviction/eviction_manager.go`, `helpers.go`.

use crate::events::Warning;
use crate::kubelet::{Inner, Uid, Work};
use crate::kuberuntime::labels;
use crate::kuberuntime::resources::{Qos, pod_qos, pod_total};
use crate::pod_workers::Eviction;
use api::{Pod, Quantity};
use cri::ListContainerStatsRequest;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;
use trace::Time;

/// How often the signals are looked at (`evictionMonitoringPeriod`).
const MONITORING_PERIOD: Duration = Duration::from_secs(10);
/// How long a condition of the node lasts after its reason (`evictionPressureTransitionPeriod`).
const TRANSITION_PERIOD: Duration = Duration::from_secs(5 * 60);
/// `memory.available<100Mi`.
const THRESHOLD: u64 = 100 << 20;
/// Pods of this priority and above are critical (`SystemCriticalPriority`).
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// The memory that each container of a pod uses, in bytes, by name.
type Usage = BTreeMap<String, i64>;

/// What the manager remembers.
#[derive(Default)]
pub(crate) struct EvictionManager {
    scheduled: Cell<bool>,
    /// When too little memory was seen last.
    seen: Cell<Option<Time>>,
    /// What evicted pods will have given back when they have ended.
    leaving: RefCell<Vec<(Uid, i64)>>,
}

impl Inner {
    fn lacks_memory(&self) -> bool {
        self.memory_available.get().is_some_and(|available| available < THRESHOLD)
    }

    /// Looks at the signals at the next tick, as long as there is something to look at.
    pub(crate) fn schedule_eviction(self: &Rc<Self>) {
        if !self.lacks_memory() || self.eviction.scheduled.replace(true) {
            return;
        }
        let tick = self.next_tick(MONITORING_PERIOD, Duration::ZERO);
        let this = self.clone();
        self.spawn(async move {
            this.sim.sleep_until(tick).await;
            this.eviction.scheduled.set(false);
            this.synchronize_evictions().await;
            this.schedule_eviction();
        });
    }

    /// Upstream: `synchronize`.
    async fn synchronize_evictions(self: &Rc<Self>) {
        self.take_back();
        if !self.lacks_memory() {
            return;
        }
        self.eviction.seen.set(Some(self.sim.now()));
        if !self.eviction.leaving.borrow().is_empty() {
            return;
        }
        let ctx = self.sim.ctx();
        self.node_event(&ctx, Warning, "EvictionThresholdMet", "Attempting to reclaim memory");
        let filter = None;
        let Ok(stats) = self.cri.call(&ctx, ListContainerStatsRequest { filter }).await else {
            return;
        };
        let mut usage: BTreeMap<String, Usage> = BTreeMap::new();
        for stats in stats.stats {
            let Some(attributes) = stats.attributes else { continue };
            let Some(uid) = attributes.labels.get(labels::POD_UID) else { continue };
            let name = attributes.metadata.map(|metadata| metadata.name).unwrap_or_default();
            let used = stats.memory.and_then(|memory| memory.working_set_bytes);
            let used = used.map_or(0, |used| i64::try_from(used.value).unwrap_or(i64::MAX));
            usage.entry(uid.clone()).or_default().insert(name, used);
        }
        let mut ranked: Vec<(Uid, Rc<Pod>)> = self.active_pods();
        let rank = |(uid, pod): &(Uid, Rc<Pod>)| {
            let used = usage.get(&**uid).map_or(0, |usage| usage.values().sum::<i64>());
            let over = used - requested(pod);
            // Those first that use more than they asked for, then the least important, then the
            // largest.
            (over <= 0, pod.spec.priority.unwrap_or(0), Reverse(over))
        };
        ranked.sort_by_cached_key(rank);
        for (uid, pod) in ranked {
            let Some(known) = self.api_server.get(&uid) else { continue };
            let critical = known.from_file
                || pod.spec.priority.is_some_and(|priority| priority >= SYSTEM_CRITICAL_PRIORITY);
            if critical {
                continue;
            }
            let nothing = Usage::new();
            let usage = usage.get(&*uid).unwrap_or(&nothing);
            self.evict_pod(&Work { uid, pod, reference: known.reference }, usage);
            return;
        }
    }

    /// Counts in what evicted pods have given back.
    fn take_back(&self) {
        let mut leaving = self.eviction.leaving.borrow_mut();
        leaving.retain(|(uid, used)| {
            let gone = self.is_finished(uid) || !self.pod_manager.borrow().contains_key(uid);
            if gone && let Some(available) = self.memory_available.get() {
                self.memory_available.set(Some(available + used.unsigned_abs()));
            }
            !gone
        });
    }

    /// The pods that have not ended and are not ending.
    fn active_pods(&self) -> Vec<(Uid, Rc<Pod>)> {
        let pods = self.pod_manager.borrow();
        let active = pods.iter().filter(|(uid, _)| {
            let status = self.status.get(uid);
            !status.is_some_and(|it| matches!(it.phase.as_str(), "Failed" | "Succeeded"))
        });
        active.map(|(uid, pod)| (uid.clone(), pod.clone())).collect()
    }

    fn evict_pod(self: &Rc<Self>, work: &Work, usage: &Usage) {
        let message = self.eviction_message(&work.pod, usage);
        let ctx = self.ctx_of(work, None);
        self.pod_event(&ctx, work, Warning, "Evicted", &message);
        let eviction = Eviction { reason: "Evicted".into(), message: message.into() };
        self.eviction.leaving.borrow_mut().push((work.uid.clone(), usage.values().sum()));
        self.evict(&work.uid, work.pod.clone(), eviction);
    }

    /// Upstream: `evictionMessage`.
    fn eviction_message(&self, pod: &Pod, usage: &Usage) -> String {
        let bytes = |bytes: u64| Quantity::from_bytes(i64::try_from(bytes).unwrap_or(i64::MAX));
        let mut text = format!(
            "The node was low on resource: memory. Threshold quantity: {}, available: {}. ",
            bytes(THRESHOLD).as_str(),
            bytes(self.memory_available.get().unwrap_or(0)).as_str(),
        );
        for container in &pod.spec.containers {
            let Some(&used) = usage.get(&container.name) else { continue };
            let request = container.resources.requests.get("memory");
            if used > request.map_or(0, Quantity::value) {
                let _ = write!(
                    text,
                    "Container {} was using {}, request is {}, has larger consumption of memory. ",
                    container.name,
                    Quantity::from_bytes(used).as_str(),
                    request.map_or("0", |request| request.as_str()),
                );
            }
        }
        text
    }

    /// Why a pod may not come while the node has the condition MemoryPressure; none if it may.
    ///
    /// Upstream: `Admit`.
    pub(crate) fn eviction_admits(&self, pod: &Pod, from_file: bool) -> Option<String> {
        let stays = from_file || pod_qos(pod) != Qos::BestEffort;
        let pressure = self
            .eviction
            .seen
            .get()
            .is_some_and(|seen| self.sim.now().since(seen) < TRANSITION_PERIOD);
        (pressure && !stays).then(|| "The node had condition: [MemoryPressure]. ".to_owned())
    }
}

fn requested(pod: &Pod) -> i64 {
    let requests = pod_total(pod, |container| &container.resources.requests);
    requests.get("memory").map_or(0, Quantity::value)
}
