//! PLEG: finds out from lists what has happened to containers, and keeps each pod's state.
//!
//! Upstream: `pkg/kubelet/pleg/generic.go`, `pkg/kubelet/container/cache.go`,
//! `pkg/kubelet/kuberuntime/kuberuntime_manager.go` `GetPodStatus`.

use super::evented::{CACHE_PERIOD, RELIST_PERIOD};
use crate::container::{PodStatus, Sandbox, State, Status};
use crate::kubelet::{Inner, Uid};
use crate::kuberuntime::labels;
use crate::pod_workers::UpdateType;
use cri::{
    Code, ContainerFilter, ContainerStatusRequest, ListContainersRequest, ListPodSandboxRequest,
    NamespaceMode, PodSandboxFilter, PodSandboxState, PodSandboxStatusRequest,
};
use sim::{Ctx, Hop, Lock, Signal};
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, EventId, Level, Payload, Protocol, Time};

/// How long after a tick of the other loops the relist comes. Upstream's drifts behind them.
const OFFSET: Duration = Duration::from_millis(10);

/// The states that a relist tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Running,
    Exited,
    Unknown,
}

/// What happened to a container or sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventType {
    Started,
    Died,
    Removed,
    Changed,
}

/// The containers and sandboxes of one pod.
pub(super) type Record = Vec<Item>;

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: Rc<str>,
    pub(super) seen: Seen,
    pub(super) sandbox: bool,
}

/// What was found out of one pod, and when.
pub(super) struct Cached {
    pub(super) status: Result<Rc<PodStatus>, cri::Status>,
    pub(super) stamp: u64,
    pub(super) at: Time,
}

/// The generator's memory.
#[derive(Default)]
pub(crate) struct Pleg {
    pub(super) records: RefCell<BTreeMap<Uid, Record>>,
    pub(super) cache: RefCell<BTreeMap<Uid, Cached>>,
    /// The runtime's events are followed.
    pub(super) evented: Cell<bool>,
    pub(super) cache_update: Cell<bool>,
    /// When the relist comes that has been asked for.
    due: Cell<Option<Time>>,
    /// The number of the last relist that went well.
    relisted: Cell<u64>,
    pub(super) fresh: Signal,
    reinspect: RefCell<BTreeSet<Uid>>,
    orphans: RefCell<BTreeSet<Uid>>,
    lock: Lock,
    /// Containers to remove, and whether somebody is at it.
    deletor: RefCell<VecDeque<(Uid, Rc<str>)>>,
    deleting: Cell<bool>,
}

impl Pleg {
    /// What is known of a pod from the runtime.
    pub(crate) fn cached(&self, uid: &str) -> Option<Rc<PodStatus>> {
        self.cache.borrow().get(uid)?.status.as_ref().ok().cloned()
    }

    /// Whether the runtime has anything of a pod.
    pub(crate) fn knows(&self, uid: &str) -> bool {
        self.records.borrow().contains_key(uid)
    }

    pub(crate) fn pods_with_running(&self) -> Vec<Uid> {
        let records = self.records.borrow();
        let running = records
            .iter()
            .filter(|(_, record)| record.iter().any(|item| item.seen == Seen::Running));
        running.map(|(uid, _)| uid.clone()).collect()
    }

    pub(crate) fn claim_orphan(&self, uid: &Uid) -> bool {
        self.orphans.borrow_mut().insert(uid.clone())
    }

    pub(crate) fn release_orphan(&self, uid: &Uid) {
        self.orphans.borrow_mut().remove(uid);
    }
}

impl Inner {
    /// The first relist comes at once.
    pub(crate) fn start_pleg(self: &Rc<Self>) {
        self.pleg.due.set(Some(self.sim.now()));
        let this = self.clone();
        self.spawn(async move {
            this.relist().await;
            // What came back to life with the process may have lost its manifest meanwhile.
            this.request_housekeeping();
            if this.config.evented_pleg && this.features.evented_pleg {
                this.watch_events().await;
            }
        });
    }

    fn relist_period(&self) -> Duration {
        if self.pleg.evented.get() { RELIST_PERIOD } else { self.config.relist_period }
    }

    /// Asks for a relist at the next tick.
    pub(crate) fn schedule_relist(self: &Rc<Self>) {
        let tick = self.next_tick(self.relist_period(), OFFSET);
        // One that comes later is left over from a time of events.
        if self.pleg.due.get().is_some_and(|due| due <= tick) {
            return;
        }
        self.pleg.due.set(Some(tick));
        let this = self.clone();
        self.spawn(async move {
            this.sim.sleep_until(tick).await;
            if this.pleg.due.get() == Some(tick) {
                this.relist().await;
            }
        });
    }

    /// The state of a pod, newer than its last sync.
    ///
    /// Upstream: `cache.go` `GetNewerThan`.
    pub(crate) async fn newer_than(
        self: &Rc<Self>,
        uid: &Uid,
        last_sync: Option<(Time, u64)>,
    ) -> Result<Rc<PodStatus>, cri::Status> {
        loop {
            if self.pleg.relisted.get() > 0 {
                let cache = self.pleg.cache.borrow();
                let cached = cache.get(uid);
                let newer = match last_sync {
                    None => true,
                    Some((time, stamp)) => {
                        cached.is_some_and(|cached| cached.stamp > stamp)
                            || self.pleg.relisted.get() > stamp
                            || self.idle_since(time)
                    }
                };
                if newer {
                    return cached
                        .map_or_else(|| Ok(Rc::default()), |cached| cached.status.clone());
                }
            }
            if self.pleg.evented.get() {
                self.schedule_cache_update();
            } else {
                self.schedule_relist();
            }
            self.pleg.fresh.wait().await;
        }
    }

    /// Whether a relist after a moment would have found nothing new, so that it was not made; or,
    /// if the runtime's events are followed, whether there has been time enough for one.
    fn idle_since(&self, time: Time) -> bool {
        let last = |period, offset| self.next_tick(period, offset) - period;
        if self.pleg.evented.get() {
            return last(CACHE_PERIOD, Duration::ZERO) > time;
        }
        self.pleg.due.get().is_none() && last(self.config.relist_period, OFFSET) > time
    }

    /// Looks at everything that the runtime has.
    pub(super) async fn relist(self: &Rc<Self>) {
        let guard = self.pleg.lock.acquire().await;
        let seen = self.cri.endpoint().changes.count();
        let stamp = self.stamp();
        let ctx = self.sim.ctx();
        let hop = Hop::new(Component::Kubelet, Component::Pleg, Protocol::Function, "Relist")
            .level(Level::Hops)
            .source(self.source("pkg/kubelet/pleg/generic.go Relist"));
        let listed: Result<(), cri::Status> = ctx
            .call_answering(
                hop,
                |()| Payload::None,
                async |ctx| {
                    let current = self.list_pods(&ctx, None).await?;
                    let cause = ctx.call_id();
                    let mut uids: BTreeSet<Uid> =
                        self.pleg.records.borrow().keys().cloned().collect();
                    uids.extend(current.keys().cloned());
                    let mut current = current;
                    for uid in uids {
                        let record = current.remove(&uid);
                        self.reconcile(&ctx, &uid, record, stamp, cause).await;
                    }
                    Ok(())
                },
            )
            .await;
        drop(guard);
        self.pleg.due.set(None);
        if listed.is_ok() {
            self.pleg.relisted.set(stamp);
        }
        let more = self.cri.endpoint().changes.count() > seen;
        if listed.is_err() || more || !self.pleg.reinspect.borrow().is_empty() {
            self.schedule_relist();
        }
        self.pleg.fresh.notify();
    }

    /// Looks at one pod at once.
    pub(crate) fn request_pod_relist(self: &Rc<Self>, uid: &Uid) {
        let (this, uid) = (self.clone(), uid.clone());
        self.spawn(async move {
            let guard = this.pleg.lock.acquire().await;
            let stamp = this.stamp();
            let reference = this.api_server.get(&uid).map(|it| it.reference);
            let ctx = this.sim.ctx();
            let ctx = reference.map_or(ctx.clone(), |reference| ctx.about_pod(reference));
            let hop =
                Hop::new(Component::Kubelet, Component::Pleg, Protocol::Function, "relistPod")
                    .level(Level::Hops)
                    .source(this.source("pkg/kubelet/pleg/generic.go relistPod"));
            let listed: Result<(), cri::Status> = ctx
                .call_answering(
                    hop,
                    |()| Payload::None,
                    async |ctx| {
                        let mut current = this.list_pods(&ctx, Some(&uid)).await?;
                        let record = current.remove(&uid);
                        this.reconcile(&ctx, &uid, record, stamp, ctx.call_id()).await;
                        Ok(())
                    },
                )
                .await;
            drop(guard);
            if listed.is_ok()
                && let Some(cached) = this.pleg.cache.borrow_mut().get_mut(&uid)
            {
                cached.stamp = cached.stamp.max(stamp);
            }
            this.pleg.fresh.notify();
        });
    }

    /// Sandboxes and containers, of all pods or of one.
    async fn list_pods(
        &self,
        ctx: &Ctx,
        uid: Option<&Uid>,
    ) -> Result<BTreeMap<Uid, Record>, cri::Status> {
        let selector =
            uid.map(|uid| BTreeMap::from([(labels::POD_UID.to_owned(), uid.to_string())]));
        let filter = selector.clone().map(|label_selector| PodSandboxFilter {
            label_selector,
            ..PodSandboxFilter::default()
        });
        let sandboxes = self.cri.call(ctx, ListPodSandboxRequest { filter }).await?.items;
        let filter = selector
            .map(|label_selector| ContainerFilter { label_selector, ..ContainerFilter::default() });
        let containers = self.cri.call(ctx, ListContainersRequest { filter }).await?.containers;
        let mut pods: BTreeMap<Uid, Record> = BTreeMap::new();
        let mut add = |labels: &BTreeMap<String, String>, id: String, seen, sandbox| {
            // What has no UID was not made by a kubelet.
            if let Some(uid) = labels.get(labels::POD_UID) {
                let item = Item { id: id.into(), seen, sandbox };
                match pods.get_mut(uid.as_str()) {
                    Some(record) => record.push(item),
                    None => {
                        pods.insert(uid.as_str().into(), vec![item]);
                    }
                }
            }
        };
        for container in containers {
            let seen = State::from(container.state()).into();
            add(&container.labels, container.id, seen, false);
        }
        for sandbox in sandboxes {
            let ready = sandbox.state() == PodSandboxState::SandboxReady;
            let seen = if ready { Seen::Running } else { Seen::Exited };
            add(&sandbox.labels, sandbox.id, seen, true);
        }
        Ok(pods)
    }

    /// Compares a pod with what it was; if it has changed, finds out everything about it and tells
    /// its worker.
    async fn reconcile(
        self: &Rc<Self>,
        ctx: &Ctx,
        uid: &Uid,
        current: Option<Record>,
        stamp: u64,
        cause: Option<EventId>,
    ) {
        let events = {
            let records = self.pleg.records.borrow();
            compute_events(records.get(uid), current.as_ref())
        };
        let reinspect = self.pleg.reinspect.borrow_mut().remove(uid);
        if events.is_empty() && !reinspect {
            return;
        }
        let reference = self.api_server.get(uid).map(|it| it.reference);
        let ctx = reference.map_or_else(|| ctx.clone(), |reference| ctx.about_pod(reference));
        match &current {
            Some(record) => {
                let at = self.sim.now();
                let status = self.pod_status_of(&ctx, uid, record).await;
                let failed = status.is_err();
                let status = status.map(|status| Rc::new(self.keep_ips(uid, status)));
                self.pleg.cache.borrow_mut().insert(uid.clone(), Cached { status, stamp, at });
                if failed {
                    self.pleg.reinspect.borrow_mut().insert(uid.clone());
                    return;
                }
            }
            None => {
                self.pleg.cache.borrow_mut().remove(uid);
            }
        }
        match current {
            Some(record) => self.pleg.records.borrow_mut().insert(uid.clone(), record),
            None => self.pleg.records.borrow_mut().remove(uid),
        };
        let telling = |event: &EventType| matches!(event, EventType::Started | EventType::Died);
        if events.iter().any(|(event, _)| telling(event)) || events.is_empty() {
            self.handle_pleg_event(uid, cause);
        }
        for (event, id) in events {
            if event == EventType::Died {
                self.clean_up_containers_in_pod(uid, &id);
            }
        }
    }

    /// A pod whose sandbox has ended keeps the addresses that it had.
    pub(super) fn keep_ips(&self, uid: &Uid, mut status: PodStatus) -> PodStatus {
        let ready = status.sandboxes.iter().any(|sandbox| sandbox.ready);
        if status.ips.is_empty()
            && !ready
            && let Some(old) = self.pleg.cached(uid)
        {
            status.ips = old.ips.clone();
        }
        status
    }

    pub(super) fn handle_pleg_event(self: &Rc<Self>, uid: &Uid, cause: Option<EventId>) {
        let pod = self.pod_manager.borrow().get(uid).cloned();
        if let Some(pod) = pod {
            let sync = move |this: &Rc<Self>, uid: &Uid| {
                this.update_worker(uid, pod, UpdateType::Sync, cause);
            };
            self.dispatch(sync, uid);
        }
    }

    /// The state of a pod as it is at this moment.
    pub(crate) async fn pod_status_now(
        &self,
        ctx: &Ctx,
        uid: &Uid,
    ) -> Result<PodStatus, cri::Status> {
        let mut listed = self.list_pods(ctx, Some(uid)).await?;
        let record = listed.remove(uid).unwrap_or_default();
        let status = self.pod_status_of(ctx, uid, &record).await?;
        Ok(self.keep_ips(uid, status))
    }

    /// Asks for the status of everything that a pod has.
    async fn pod_status_of(
        &self,
        ctx: &Ctx,
        uid: &Uid,
        record: &Record,
    ) -> Result<PodStatus, cri::Status> {
        // Old kubelets do not use what the relist has found, and look for themselves.
        let own = if self.features.status_by_ids {
            None
        } else {
            self.list_pods(ctx, Some(uid)).await?.remove(uid)
        };
        let record = own.as_ref().unwrap_or(record);
        let mut status = PodStatus::default();
        for item in record.iter().filter(|item| item.sandbox) {
            let pod_sandbox_id = item.id.to_string();
            let request = PodSandboxStatusRequest { pod_sandbox_id, verbose: false };
            match self.cri.call(ctx, request).await {
                Ok(response) => status.sandboxes.extend(response.status.map(|it| sandbox_of(&it))),
                Err(error) if error.code == Code::NotFound && self.features.missing_is_gone => {}
                Err(error) => return Err(error),
            }
        }
        for item in record.iter().filter(|item| !item.sandbox) {
            let container_id = item.id.to_string();
            let request = ContainerStatusRequest { container_id, verbose: false };
            match self.cri.call(ctx, request).await {
                Ok(response) => {
                    let found = response.status.map(|it| Rc::new(self.status_of(&it)));
                    status.containers.extend(found);
                }
                Err(error) if error.code == Code::NotFound && self.features.missing_is_gone => {}
                Err(error) => return Err(error),
            }
        }
        status.sandboxes.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        status.containers.sort_by_key(|it| Reverse(it.created_at));
        if let Some(newest) = status.sandboxes.first().filter(|sandbox| sandbox.ready) {
            status.ips = newest.ips.clone();
        }
        Ok(status)
    }

    /// A container's status in the kubelet's terms, with its last words.
    pub(super) fn status_of(&self, status: &cri::ContainerStatus) -> Status {
        let state = State::from(status.state());
        let annotation = |name: &str| status.annotations.get(name).map_or("", String::as_str);
        let image = status.image.as_ref();
        let by_user = image.map_or("", |image| image.user_specified_image.as_str());
        let by_name = image.map_or("", |image| image.image.as_str());
        let exited = state == State::Exited;
        let id = if status.image_id.is_empty() { &status.image_ref } else { &status.image_id };
        Status {
            id: status.id.as_str().into(),
            name: status.metadata.as_ref().map_or("", |metadata| metadata.name.as_str()).into(),
            state,
            created_at: Time::from_unix_nanos(status.created_at),
            started_at: if state == State::Created {
                Time::ZERO
            } else {
                Time::from_unix_nanos(status.started_at)
            },
            finished_at: if exited {
                Time::from_unix_nanos(status.finished_at)
            } else {
                Time::ZERO
            },
            exit_code: if exited { status.exit_code } else { 0 },
            image: if by_user.is_empty() { by_name } else { by_user }.into(),
            image_id: id.as_str().into(),
            hash: u64::from_str_radix(annotation(labels::HASH), 16).unwrap_or(0),
            restart_count: annotation(labels::RESTART_COUNT).parse().unwrap_or(0),
            reason: if exited { status.reason.as_str() } else { "" }.into(),
            message: if exited { self.termination_message(status) } else { "".into() },
        }
    }

    /// The last words of a container: what the runtime says, and what it has left in its file or,
    /// failing that, in its log.
    ///
    /// Upstream: `kuberuntime_container.go` `getTerminationMessage`.
    fn termination_message(&self, status: &cri::ContainerStatus) -> Rc<str> {
        let annotation = |name: &str| status.annotations.get(name).map_or("", String::as_str);
        let path = annotation(labels::TERMINATION_MESSAGE_PATH);
        let mount = status.mounts.iter().find(|mount| mount.container_path == path);
        let file = mount.and_then(|mount| self.host.read(&mount.host_path));
        let mut words = file.filter(|text| !text.is_empty());
        let fall_back = annotation(labels::TERMINATION_MESSAGE_POLICY) == "FallbackToLogsOnError";
        if words.is_none() && fall_back && status.exit_code != 0 {
            words = self.host.read(&status.log_path).map(|log| tail_of_log(&log).into());
        }
        match words {
            Some(words) if status.message.is_empty() => words,
            Some(words) => format!("{}: {words}", status.message).into(),
            None => status.message.as_str().into(),
        }
    }

    /// Keeps the newest dead container of each name; none of a pod that is gone.
    ///
    /// Upstream: `pkg/kubelet/pod_container_deletor.go`.
    pub(super) fn clean_up_containers_in_pod(self: &Rc<Self>, uid: &Uid, exited: &str) {
        let Some(status) = self.pleg.cached(uid) else { return };
        let remove_all = self.should_pod_content_be_removed(uid);
        let matched = status.containers.iter().find(|it| *it.id == *exited);
        if matched.is_none() && !remove_all {
            return;
        }
        let dead = status.containers.iter().filter(|it| {
            it.state == State::Exited
                && (remove_all || matched.is_some_and(|matched| matched.name == it.name))
        });
        let keep = usize::from(!remove_all);
        let mut queue = self.pleg.deletor.borrow_mut();
        for container in dead.skip(keep) {
            let entry = (uid.clone(), container.id.clone());
            if !queue.contains(&entry) {
                queue.push_back(entry);
            }
        }
        drop(queue);
        if !self.pleg.deleting.replace(true) {
            let this = self.clone();
            self.spawn(async move {
                loop {
                    let first = this.pleg.deletor.borrow_mut().pop_front();
                    let Some((uid, id)) = first else { break };
                    let reference = this.api_server.get(&uid).map(|it| it.reference);
                    let ctx = this.sim.ctx();
                    let ctx = reference.map_or(ctx.clone(), |it| ctx.about_pod(it));
                    // What cannot be removed now is found by the garbage collection.
                    let _ = this.remove_container(&ctx, &id, false).await;
                }
                this.pleg.deleting.set(false);
            });
        }
    }
}

/// The last 80 lines, at most 2 KiB, of a log in the format of the CRI.
fn tail_of_log(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let first = lines.len().saturating_sub(80);
    let mut text = String::new();
    for line in &lines[first..] {
        // Time, stream, tag, text.
        text.push_str(line.splitn(4, ' ').nth(3).unwrap_or(line));
        text.push('\n');
    }
    let mut start = text.len().saturating_sub(2048);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.split_off(start)
}

pub(super) fn sandbox_of(status: &cri::PodSandboxStatus) -> Sandbox {
    let namespaces = status.linux.as_ref().and_then(|linux| linux.namespaces.as_ref());
    let options = namespaces.and_then(|namespaces| namespaces.options.as_ref());
    Sandbox {
        id: status.id.as_str().into(),
        attempt: status.metadata.as_ref().map_or(0, |metadata| metadata.attempt),
        ready: status.state() == PodSandboxState::SandboxReady,
        created_at: Time::from_unix_nanos(status.created_at),
        host_network: options.is_some_and(|options| options.network() == NamespaceMode::Node),
        ips: ips_of(status),
    }
}

/// The addresses of a sandbox.
pub(crate) fn ips_of(status: &cri::PodSandboxStatus) -> Vec<Rc<str>> {
    let Some(network) = &status.network else { return Vec::new() };
    let more = network.additional_ips.iter().map(|ip| &ip.ip);
    std::iter::once(&network.ip)
        .chain(more)
        .filter(|ip| !ip.is_empty())
        .map(|ip| ip.as_str().into())
        .collect()
}

/// What happened between two looks at a pod.
fn compute_events(old: Option<&Record>, new: Option<&Record>) -> Vec<(EventType, Rc<str>)> {
    let empty = Record::new();
    let (old, new) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
    let find = |record: &Record, id: &Rc<str>| {
        record.iter().find(|item| item.id == *id).map(|item| item.seen)
    };
    let mut events = Vec::new();
    for Item { id, seen, .. } in old {
        match find(new, id) {
            Some(_) => {}
            None if *seen == Seen::Exited => events.push((EventType::Removed, id.clone())),
            None => {
                events.push((EventType::Died, id.clone()));
                events.push((EventType::Removed, id.clone()));
            }
        }
    }
    for Item { id, seen, .. } in new {
        if find(old, id) != Some(*seen) {
            let event = match seen {
                Seen::Running => EventType::Started,
                Seen::Exited => EventType::Died,
                Seen::Unknown => EventType::Changed,
            };
            events.push((event, id.clone()));
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_a_relist() {
        let record = |seen: Option<Seen>| {
            seen.map(|seen| vec![Item { id: "c".into(), seen, sandbox: false }])
        };
        use EventType::{Changed, Died, Removed, Started};
        let table: [(Option<Seen>, Option<Seen>, &[EventType]); 9] = [
            (None, Some(Seen::Running), &[Started]),
            (None, Some(Seen::Exited), &[Died]),
            (None, Some(Seen::Unknown), &[Changed]),
            (Some(Seen::Running), Some(Seen::Running), &[]),
            (Some(Seen::Running), Some(Seen::Exited), &[Died]),
            (Some(Seen::Unknown), Some(Seen::Running), &[Started]),
            (Some(Seen::Exited), None, &[Removed]),
            (Some(Seen::Running), None, &[Died, Removed]),
            (Some(Seen::Unknown), None, &[Died, Removed]),
        ];
        for (old, new, expected) in table {
            let got = compute_events(record(old).as_ref(), record(new).as_ref());
            let kinds: Vec<EventType> = got.into_iter().map(|(kind, _)| kind).collect();
            assert_eq!(kinds, expected, "{old:?} to {new:?}");
        }
    }

    #[test]
    fn the_tail_of_a_log_is_its_text() {
        let log = "2026-01-01T00:00:00.000000000Z stdout F hello from c1\n";
        assert_eq!(tail_of_log(log), "hello from c1\n");
    }
}
