//! One worker for each pod: what a pod is doing, what comes next, and when.
//!
//! ```text
//! SyncPod ──(deletion, terminal phase, removal, eviction)──▶ TerminatingPod
//! TerminatingPod ──(all containers are stopped)──▶ TerminatedPod
//! TerminatedPod ──(nothing is left to clean up)──▶ finished; housekeeping forgets it
//! ```
//!
//! Upstream: `pkg/kubelet/pod_workers.go`.

use crate::kubelet::{Inner, Uid, Work};
use crate::sync_pod::SyncError;
use api::Pod;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use trace::{EventId, PodRef, Time};

const BACK_OFF_PERIOD: Duration = Duration::from_secs(10);
/// What a pod gets that has to go at once, in seconds (`immediateEvictionGracePeriodSeconds`).
const EVICTION_GRACE_PERIOD: i64 = 1;
const TRANSIENT_BACK_OFF_PERIOD: Duration = Duration::from_secs(1);
/// Waits are multiplied by a random factor from 1 to 1 and this.
const JITTER: f64 = 0.5;

/// Why a worker is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpdateType {
    /// The pod is new.
    Create,
    /// Its manifest changed.
    Update,
    /// Something may have changed.
    Sync,
    /// It is to end.
    Kill,
}

/// Which of its three lives a pod is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkType {
    /// Bring it to what its spec says.
    Sync,
    /// Stop its containers.
    Terminating,
    /// Clean up after it.
    Terminated,
}

#[derive(Clone)]
struct Update {
    pod: Rc<Pod>,
    kind: UpdateType,
    cause: Option<EventId>,
}

/// How an eviction changes a pod's status.
#[derive(Clone, Debug)]
pub(crate) struct Eviction {
    pub(crate) reason: Rc<str>,
    pub(crate) message: Rc<str>,
}

/// What is known of one pod's work.
struct Worker {
    reference: PodRef,
    full_name: Rc<str>,
    from_file: bool,
    working: bool,
    pending: Option<Update>,
    active: Option<Update>,
    /// When the last sync ended: the time, and the number that tells it from others.
    last_sync: Option<(Time, u64)>,
    started: bool,
    terminating: bool,
    terminated: bool,
    finished: bool,
    deleted: bool,
    restart_requested: bool,
    grace: Option<i64>,
    eviction: Option<Eviction>,
}

impl Worker {
    const fn work_type(&self) -> WorkType {
        if self.terminated {
            WorkType::Terminated
        } else if self.terminating {
            WorkType::Terminating
        } else {
            WorkType::Sync
        }
    }
}

/// All workers.
#[derive(Default)]
pub(crate) struct Workers {
    by_uid: RefCell<BTreeMap<Uid, Worker>>,
    /// Which static pod of a name has started; others of the name wait for its end.
    started_static_pods: RefCell<BTreeMap<Rc<str>, Uid>>,
}

/// One turn of a worker.
pub(crate) struct Turn {
    pub(crate) work: Work,
    pub(crate) kind: WorkType,
    pub(crate) update: UpdateType,
    pub(crate) cause: Option<EventId>,
    pub(crate) grace: Option<i64>,
    pub(crate) last_sync: Option<(Time, u64)>,
    pub(crate) eviction: Option<Eviction>,
}

impl Inner {
    /// Whether a pod is ending or has ended.
    pub(crate) fn is_termination_requested(&self, uid: &str) -> bool {
        self.workers.by_uid.borrow().get(uid).is_some_and(|worker| worker.terminating)
    }

    /// Whether nothing is left to do for a pod.
    pub(crate) fn is_finished(&self, uid: &str) -> bool {
        self.workers.by_uid.borrow().get(uid).is_some_and(|worker| worker.finished)
    }

    /// Whether all that the runtime has of a pod may go.
    pub(crate) fn should_pod_content_be_removed(&self, uid: &str) -> bool {
        match self.workers.by_uid.borrow().get(uid) {
            Some(worker) => worker.eviction.is_some() || (worker.deleted && worker.terminated),
            None => !self.pod_manager.borrow().contains_key(uid),
        }
    }

    /// Tells a pod's worker of something. The worker starts if it rests.
    pub(crate) fn update_worker(
        self: &Rc<Self>,
        uid: &Uid,
        pod: Rc<Pod>,
        kind: UpdateType,
        cause: Option<EventId>,
    ) {
        self.tell_worker(uid, Update { pod, kind, cause }, None);
    }

    /// Ends a pod that has to make room.
    pub(crate) fn evict(self: &Rc<Self>, uid: &Uid, pod: Rc<Pod>, eviction: Eviction) {
        let update = Update { pod, kind: UpdateType::Kill, cause: None };
        self.tell_worker(uid, update, Some(eviction));
    }

    fn tell_worker(self: &Rc<Self>, uid: &Uid, update: Update, eviction: Option<Eviction>) {
        let Update { ref pod, kind, .. } = update;
        let mut workers = self.workers.by_uid.borrow_mut();
        if !workers.contains_key(uid) {
            let Some(worker) = self.new_worker(uid, pod, kind) else { return };
            workers.insert(uid.clone(), worker);
        }
        let Some(worker) = workers.get_mut(uid) else { return };
        if worker.terminating && kind == UpdateType::Create && worker.deleted_or_removed(self, uid)
        {
            // The same pod has come back while the old one ends.
            worker.restart_requested = true;
            drop(workers);
            self.request_housekeeping();
            return;
        }
        if worker.finished {
            return;
        }
        if !worker.terminating {
            if pod.metadata.deletion_timestamp.is_some() {
                worker.deleted = true;
                worker.terminating = true;
            } else if matches!(pod.status.phase.as_str(), "Failed" | "Succeeded")
                || kind == UpdateType::Kill
            {
                worker.terminating = true;
            }
        }
        if eviction.is_some() {
            worker.eviction = eviction;
            worker.grace = Some(EVICTION_GRACE_PERIOD);
        }
        if worker.terminating {
            worker.grace = Some(effective_grace(worker.grace, pod));
        }
        worker.pending = Some(update);
        self.wake(uid, worker);
    }

    fn new_worker(&self, uid: &Uid, pod: &Pod, kind: UpdateType) -> Option<Worker> {
        if kind == UpdateType::Kill {
            // Nobody has started it, so there is nothing to end.
            return None;
        }
        let registered = self.api_server.get(uid)?;
        let terminal = matches!(pod.status.phase.as_str(), "Failed" | "Succeeded")
            || registered
                .status
                .as_ref()
                .is_some_and(|status| matches!(status.phase.as_str(), "Failed" | "Succeeded"));
        let running = self.pleg.cached(uid).is_some_and(|status| status.any_running());
        Some(Worker {
            reference: registered.reference,
            full_name: full_name(pod),
            from_file: registered.from_file,
            working: false,
            pending: None,
            active: None,
            last_sync: None,
            started: false,
            // One that had ended before the kubelet started only has to be cleaned up after.
            terminating: terminal,
            terminated: terminal && !running,
            finished: false,
            deleted: false,
            restart_requested: false,
            grace: None,
            eviction: None,
        })
    }

    fn wake(self: &Rc<Self>, uid: &Uid, worker: &mut Worker) {
        if !worker.working {
            worker.working = true;
            let (this, uid) = (self.clone(), uid.clone());
            self.spawn(async move { this.pod_worker_loop(uid).await });
        }
    }

    async fn pod_worker_loop(self: Rc<Self>, uid: Uid) {
        while let Some(turn) = self.start_pod_sync(&uid) {
            let result = Box::pin(self.turn(&turn)).await;
            let after_sync = self.finish_turn(&turn, result);
            if after_sync {
                self.request_pod_relist(&uid);
            }
        }
    }

    /// What the worker has to do now, if anything. Without anything it rests.
    fn start_pod_sync(self: &Rc<Self>, uid: &Uid) -> Option<Turn> {
        let mut workers = self.workers.by_uid.borrow_mut();
        let worker = workers.get_mut(uid)?;
        let Some(update) = worker.pending.take() else {
            worker.working = false;
            return None;
        };
        worker.active = Some(update.clone());
        if !worker.started {
            if worker.terminating && !worker.terminated && !self.pleg.knows(uid) {
                // It ends before it has begun: there is nothing to stop, only to clean up.
                worker.terminated = true;
            } else if !self.allow_static_pod_start(worker, uid) {
                let wait = self.sim.jitter("pod-workers", BACK_OFF_PERIOD, JITTER);
                worker.working = false;
                drop(workers);
                self.enqueue(uid, wait);
                return None;
            }
            worker.started = true;
        }
        let work = Work { uid: uid.clone(), pod: update.pod, reference: worker.reference };
        Some(Turn {
            work,
            kind: worker.work_type(),
            update: update.kind,
            cause: update.cause,
            grace: worker.grace,
            last_sync: worker.last_sync,
            eviction: worker.eviction.clone(),
        })
    }

    /// Static pods of one name run one after the other.
    fn allow_static_pod_start(&self, worker: &Worker, uid: &Uid) -> bool {
        if !worker.from_file {
            return true;
        }
        let mut started = self.workers.started_static_pods.borrow_mut();
        let current = started.entry(worker.full_name.clone()).or_insert_with(|| uid.clone());
        current == uid
    }

    async fn turn(self: &Rc<Self>, turn: &Turn) -> Result<Synced, SyncError> {
        let status = self.newer_than(&turn.work.uid, turn.last_sync).await;
        let status = match status {
            Ok(status) => status,
            Err(status) => {
                let ctx = self.ctx_of(&turn.work, turn.cause);
                let text = format!("error determining status: {status}");
                self.pod_event(&ctx, &turn.work, crate::events::Warning, "FailedSync", &text);
                return Err(SyncError::text(text));
            }
        };
        match turn.kind {
            WorkType::Sync => self.sync_pod(turn, &status).await,
            WorkType::Terminating => {
                self.sync_terminating_pod(turn, &status).await.map(|()| Synced::default())
            }
            WorkType::Terminated => {
                self.sync_terminated_pod(turn, &status);
                Ok(Synced::default())
            }
        }
    }

    /// Notes how a turn went and when the next one is due. Gives whether PLEG should look at the
    /// pod at once.
    fn finish_turn(self: &Rc<Self>, turn: &Turn, result: Result<Synced, SyncError>) -> bool {
        let uid = &turn.work.uid;
        let mut workers = self.workers.by_uid.borrow_mut();
        let Some(worker) = workers.get_mut(uid) else { return false };
        worker.last_sync = Some((self.sim.now(), self.stamp()));
        let mut relist = false;
        let mut wait = None;
        match result {
            Err(error) => wait = Some(self.retry_after(&error)),
            Ok(synced) => match turn.kind {
                WorkType::Terminated => {
                    worker.finished = true;
                    worker.working = false;
                    worker.pending = None;
                    drop(workers);
                    self.pod_finished(turn);
                    return false;
                }
                WorkType::Terminating => {
                    worker.terminated = true;
                    worker.requeue_last_update();
                }
                WorkType::Sync if synced.terminal => {
                    if !worker.terminating {
                        worker.terminating = true;
                        worker.grace = Some(effective_grace(worker.grace, &turn.work.pod));
                    }
                    worker.requeue_last_update();
                }
                WorkType::Sync => {
                    relist = synced.acted && self.features.relist_on_demand;
                    if synced.again {
                        worker.requeue_last_update();
                    }
                    let frequency = self.config.sync_frequency;
                    wait = Some(self.sim.jitter("pod-workers", frequency, JITTER));
                }
            },
        }
        drop(workers);
        if let Some(wait) = wait {
            self.enqueue(uid, wait);
        }
        relist
    }

    fn retry_after(&self, error: &SyncError) -> Duration {
        if error.message.contains("network is not ready") {
            return self.sim.jitter("pod-workers", TRANSIENT_BACK_OFF_PERIOD, JITTER);
        }
        let wait = match error.until.filter(|_| self.features.backoff_expiry) {
            Some(until) => until.since(self.sim.now()).min(self.config.sync_frequency),
            None => BACK_OFF_PERIOD,
        };
        self.sim.jitter("pod-workers", wait, JITTER)
    }

    /// Each pod that is still wanted gets another look; what is left of others is cleaned up.
    ///
    /// Upstream: `pkg/kubelet/kubelet_pods.go` `HandlePodCleanups`, `pod_workers.go`
    /// `SyncKnownPods`.
    pub(crate) fn handle_pod_cleanups(self: &Rc<Self>) {
        let mut again = false;
        let mut gone = Vec::new();
        let mut restart = Vec::new();
        {
            let mut workers = self.workers.by_uid.borrow_mut();
            let pods = self.pod_manager.borrow();
            let uids: Vec<Uid> = workers.keys().cloned().collect();
            for uid in uids {
                let Some(worker) = workers.get_mut(&uid) else { continue };
                let orphan = !pods.contains_key(&uid);
                if !orphan && !worker.restart_requested {
                    continue;
                }
                if worker.finished {
                    if worker.restart_requested && !orphan {
                        restart.push(uid.clone());
                    }
                    gone.push(uid);
                    continue;
                }
                again = true;
                if !orphan {
                    // It is on its way to its end, and will then begin anew.
                    continue;
                }
                worker.deleted = true;
                if !worker.terminating {
                    worker.terminating = true;
                    if let Some(active) = &worker.active {
                        worker.grace = Some(effective_grace(worker.grace, &active.pod));
                    }
                }
                worker.requeue_last_update();
                if worker.pending.is_some() {
                    self.wake(&uid, worker);
                }
            }
            if !gone.is_empty() {
                // What is left of them has become superfluous, though nothing in the runtime changed.
                self.request_garbage_collection();
            }
            for uid in &gone {
                if let Some(worker) = workers.remove(uid) {
                    let mut started = self.workers.started_static_pods.borrow_mut();
                    if started.get(&worker.full_name) == Some(uid) {
                        started.remove(&worker.full_name);
                    }
                }
            }
        }
        for uid in gone {
            let back = restart.contains(&uid);
            if !back {
                self.forget_pod(&uid);
            }
            let pod = self.pod_manager.borrow().get(&uid).cloned();
            if let Some(pod) = pod.filter(|_| back) {
                self.update_worker(&uid, pod, UpdateType::Create, None);
            }
        }
        self.terminate_orphans();
        if again {
            self.request_housekeeping();
        }
    }

    /// Whether a worker knows the pod.
    pub(crate) fn has_worker(&self, uid: &str) -> bool {
        self.workers.by_uid.borrow().contains_key(uid)
    }
}

impl Worker {
    /// Whether the pod that ends is gone from where it came.
    fn deleted_or_removed(&self, _inner: &Inner, _uid: &Uid) -> bool {
        // A kubelet that has just started is told of ended pods with the same kind of update, but
        // before anything else.
        self.started || self.deleted
    }

    fn requeue_last_update(&mut self) {
        if self.pending.is_none() {
            self.pending = self.active.clone();
            if let Some(pending) = &mut self.pending {
                pending.cause = None;
                pending.kind = UpdateType::Sync;
            }
        }
    }
}

/// How a sync went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Synced {
    /// The pod has come to its end.
    pub(crate) terminal: bool,
    /// Something was done.
    pub(crate) acted: bool,
    /// It is to be repeated at once.
    pub(crate) again: bool,
}

fn full_name(pod: &Pod) -> Rc<str> {
    format!("{}_{}", pod.metadata.name, pod.metadata.namespace).into()
}

/// The grace period that a pod has left: the shortest of those asked for, at least a second.
///
/// Upstream: `pod_workers.go` `calculateEffectiveGracePeriod`.
fn effective_grace(before: Option<i64>, pod: &Pod) -> i64 {
    let deletion = pod.metadata.deletion_grace_period_seconds;
    let own = pod.spec.termination_grace_period_seconds;
    let grace = match (before.filter(|&grace| grace > 0), deletion) {
        (Some(before), Some(deletion)) => before.min(deletion),
        (Some(before), None) => before,
        (None, Some(deletion)) => deletion,
        (None, None) => own.unwrap_or(0),
    };
    grace.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effective_grace_periods() {
        let pod = |deletion, own| {
            let mut pod = Pod::default();
            pod.metadata.deletion_grace_period_seconds = deletion;
            pod.spec.termination_grace_period_seconds = own;
            pod
        };
        // Before, of the deletion, of the spec, effective.
        let table = [
            (None, None, Some(30), 30),
            (None, Some(5), Some(30), 5),
            (None, Some(0), Some(30), 1),
            (Some(10), Some(5), Some(30), 5),
            (Some(5), Some(10), Some(30), 5),
            (Some(5), None, Some(30), 5),
            (None, None, None, 1),
        ];
        for (before, deletion, own, expected) in table {
            assert_eq!(effective_grace(before, &pod(deletion, own)), expected);
        }
    }
}
