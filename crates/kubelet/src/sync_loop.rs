//! What wakes the kubelet: tickers, and whoever asks for the next tick of one.
//!
//! Upstream's loop looks at everything each second or two. Ours is woken only for the ticks at
//! which there is something to see, at the moments when upstream would see it.
//!
//! Upstream: `pkg/kubelet/kubelet.go` `syncLoop`, `syncLoopIteration`, `updateRuntimeUp`,
//! `StartGarbageCollection`.

use crate::kubelet::{Inner, Uid};
use crate::pod_workers::UpdateType;
use cri::StatusRequest;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;
use trace::Time;

const SYNC_PERIOD: Duration = Duration::from_secs(1);
const HOUSEKEEPING_PERIOD: Duration = Duration::from_secs(2);
const STATUS_PERIOD: Duration = Duration::from_secs(5);
const GC_PERIOD: Duration = Duration::from_secs(60);
/// Without a good answer for so long the runtime counts as down.
const RUNTIME_STATE_LIMIT: Duration = Duration::from_secs(30);

type Deferred = Box<dyn FnOnce(&Rc<Inner>)>;

/// What the loop waits for, and what waits for the loop.
#[derive(Default)]
pub(crate) struct SyncLoop {
    sync_ticks: RefCell<BTreeSet<Time>>,
    housekeeping: Cell<bool>,
    gc: Cell<bool>,
    /// The time of the runtime's last good status.
    runtime_seen: Cell<Option<Time>>,
    runtime_ready: Cell<bool>,
    network_error: RefCell<Option<Rc<str>>>,
    status_asked: Cell<bool>,
    deferred: RefCell<Vec<Deferred>>,
}

impl Inner {
    /// Lets work go on, once the runtime is up.
    pub(crate) fn dispatch(
        self: &Rc<Self>,
        work: impl FnOnce(&Rc<Self>, &Uid) + 'static,
        uid: &Uid,
    ) {
        if self.sync_loop.runtime_ready.get() {
            work(self, uid);
        } else {
            let uid = uid.clone();
            let deferred: Deferred = Box::new(move |this| work(this, &uid));
            self.sync_loop.deferred.borrow_mut().push(deferred);
        }
    }

    pub(crate) fn network_error(&self) -> Option<Rc<str>> {
        self.sync_loop.network_error.borrow().clone()
    }

    /// Puts a pod into the work queue.
    pub(crate) fn enqueue(self: &Rc<Self>, uid: &Uid, wait: Duration) {
        let now = self.sim.now();
        self.work_queue.borrow_mut().enqueue(uid, now + wait);
        // The first tick at or after the due time.
        let due = now + wait;
        let period = SYNC_PERIOD.as_nanos() as u64;
        let ticks = (due.since(self.started).as_nanos() as u64).div_ceil(period);
        let tick = self.started + Duration::from_nanos(ticks * period);
        let tick = if tick > now { tick } else { tick + SYNC_PERIOD };
        if self.sync_loop.sync_ticks.borrow_mut().insert(tick) {
            let this = self.clone();
            self.spawn(async move {
                this.sim.sleep_until(tick).await;
                this.sync_loop.sync_ticks.borrow_mut().remove(&tick);
                this.sync_tick();
            });
        }
    }

    fn sync_tick(self: &Rc<Self>) {
        let due = self.work_queue.borrow_mut().get_work(self.sim.now());
        for uid in due {
            let pod = self.pod_manager.borrow().get(&uid).cloned();
            if let Some(pod) = pod {
                let sync = move |this: &Rc<Self>, uid: &Uid| {
                    this.update_worker(uid, pod, UpdateType::Sync, None);
                };
                self.dispatch(sync, &uid);
            }
        }
    }

    /// Asks for the next housekeeping.
    pub(crate) fn request_housekeeping(self: &Rc<Self>) {
        if self.sync_loop.housekeeping.replace(true) {
            return;
        }
        let tick = self.next_tick(HOUSEKEEPING_PERIOD, Duration::from_secs(0));
        let this = self.clone();
        self.spawn(async move {
            this.sim.sleep_until(tick).await;
            this.sync_loop.housekeeping.set(false);
            this.handle_pod_cleanups();
        });
    }

    /// The runtime's answers may have changed: asks for a look at the next tick of every poll.
    pub(crate) fn runtime_changed(self: &Rc<Self>) {
        self.schedule_relist();
        self.request_runtime_status();
        self.request_garbage_collection();
        self.schedule_image_gc();
    }

    /// Asks for the next garbage collection: something may have become superfluous since the last.
    pub(crate) fn request_garbage_collection(self: &Rc<Self>) {
        if self.sync_loop.gc.replace(true) {
            return;
        }
        let tick = self.next_tick(GC_PERIOD, Duration::ZERO);
        let this = self.clone();
        self.spawn(async move {
            this.sim.sleep_until(tick).await;
            this.sync_loop.gc.set(false);
            if !this.garbage_collect().await {
                this.request_garbage_collection();
            }
        });
    }

    fn request_runtime_status(self: &Rc<Self>) {
        if self.sync_loop.status_asked.replace(true) {
            return;
        }
        let tick = self.next_tick(STATUS_PERIOD, Duration::ZERO);
        let this = self.clone();
        self.spawn(async move {
            this.sim.sleep_until(tick).await;
            this.sync_loop.status_asked.set(false);
            this.update_runtime_up().await;
        });
    }

    /// Asks the runtime how it is, at once, and then whenever that may have changed.
    pub(crate) fn start_update_runtime_up(self: &Rc<Self>) {
        let this = self.clone();
        self.spawn(async move { this.update_runtime_up().await });
    }

    async fn update_runtime_up(self: &Rc<Self>) {
        let ctx = self.sim.ctx();
        let state = &self.sync_loop;
        let answer = self.cri.call(&ctx, StatusRequest { verbose: false }).await;
        let Ok(response) = answer else {
            self.runtime_down_unless_recent();
            self.request_runtime_status();
            return;
        };
        let conditions = response.status.map(|status| status.conditions).unwrap_or_default();
        let find = |name: &str| conditions.iter().find(|condition| condition.r#type == name);
        let network = find("NetworkReady");
        let error = match network {
            Some(condition) if condition.status => None,
            Some(condition) => Some(format!(
                "container runtime network not ready: NetworkReady=false reason:{} message:{}",
                condition.reason, condition.message
            )),
            None => Some("container runtime status check may not have completed yet".to_owned()),
        };
        *state.network_error.borrow_mut() = error.map(Into::into);
        if find("RuntimeReady").is_some_and(|condition| condition.status) {
            state.runtime_seen.set(Some(self.sim.now()));
            if !state.runtime_ready.replace(true) {
                let deferred = state.deferred.take();
                for work in deferred {
                    work(self);
                }
            }
        } else {
            self.runtime_down_unless_recent();
            self.request_runtime_status();
        }
    }

    fn runtime_down_unless_recent(&self) {
        let state = &self.sync_loop;
        let recent = state
            .runtime_seen
            .get()
            .is_some_and(|seen| self.sim.now().since(seen) <= RUNTIME_STATE_LIMIT);
        if !recent {
            state.runtime_ready.set(false);
        }
    }

    /// Looks for what can be removed each minute in which something changed.
    pub(crate) fn start_garbage_collection(self: &Rc<Self>) {
        let this = self.clone();
        self.spawn(async move {
            let changes = this.cri.endpoint().changes.clone();
            let mut seen = changes.count();
            if seen > 0 {
                // What an earlier kubelet left is no change to this one.
                this.request_garbage_collection();
            }
            loop {
                changes.more_than(seen).await;
                seen = changes.count();
                this.runtime_changed();
            }
        });
    }
}
