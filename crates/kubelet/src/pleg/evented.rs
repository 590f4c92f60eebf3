//! Event-driven PLEG: the runtime says what happens to containers, and lists are made seldom.
//!
//! Upstream: `pkg/kubelet/pleg/evented.go`, behind the gate `EventedPLEG` (alpha since 1.26).

use super::generic::{Cached, Item, Record, Seen, ips_of, sandbox_of};
use crate::container::{PodStatus, State};
use crate::kubelet::{Inner, Uid};
use cri::{ContainerEventResponse, ContainerEventType, GetEventsRequest};
use futures_util::StreamExt;
use sim::Ctx;
use std::cmp::Reverse;
use std::rc::Rc;
use std::time::Duration;
use trace::Time;

/// How often everything is listed all the same (`eventedPlegRelistPeriod`).
pub(super) const RELIST_PERIOD: Duration = Duration::from_secs(300);
/// How often what nothing was said of counts as looked at (`globalCacheUpdatePeriod`).
pub(super) const CACHE_PERIOD: Duration = Duration::from_secs(5);
/// After so many streams that broke off it goes back to lists (`eventedPlegMaxStreamRetries`).
const STREAMS_MAX: u32 = 5;

impl Inner {
    /// Follows the runtime's events, as long as there is a stream of them.
    pub(super) async fn watch_events(self: &Rc<Self>) {
        self.pleg.evented.set(true);
        for _ in 0..STREAMS_MAX {
            self.process_cri_events().await;
            // What happened meanwhile was told to nobody.
            self.relist().await;
        }
        self.pleg.evented.set(false);
        self.schedule_relist();
    }

    /// Follows one stream to its end.
    async fn process_cri_events(self: &Rc<Self>) {
        let ctx = self.sim.ctx();
        let Ok(mut events) = self.cri.stream(&ctx, GetEventsRequest {}).await else { return };
        while let Some(Ok(event)) = events.next().await {
            self.cri.receive(&ctx, &event, async |ctx| self.process_cri_event(&ctx, &event)).await;
        }
    }

    fn process_cri_event(self: &Rc<Self>, ctx: &Ctx, event: &ContainerEventResponse) {
        // A sandbox that is gone has nothing to say about its pod; the next relist finds that out.
        let Some(sandbox) = &event.pod_sandbox_status else { return };
        let Some(metadata) = &sandbox.metadata else { return };
        let uid: Uid = metadata.uid.as_str().into();
        let mut status = PodStatus {
            sandboxes: vec![sandbox_of(sandbox)],
            containers: event
                .containers_statuses
                .iter()
                .map(|status| Rc::new(self.status_of(status)))
                .collect(),
            ips: ips_of(sandbox),
        };
        status.containers.sort_by_key(|it| Reverse(it.created_at));
        let at = Time::from_unix_nanos(event.created_at);
        let kind = event.container_event_type();
        if kind == ContainerEventType::ContainerDeletedEvent {
            if event.container_id == sandbox.id {
                self.pleg.cache.borrow_mut().remove(&uid);
                self.pleg.records.borrow_mut().remove(&uid);
            }
        } else {
            let known = self.pleg.cache.borrow().get(&uid).map(|cached| cached.at);
            if known.is_some_and(|known| known > at) {
                // A relist has seen later things.
                return;
            }
            self.pleg.records.borrow_mut().insert(uid.clone(), record_of(&status));
            let status = Ok(Rc::new(self.keep_ips(&uid, status)));
            let cached = Cached { status, stamp: self.stamp(), at };
            self.pleg.cache.borrow_mut().insert(uid.clone(), cached);
        }
        // A container that was created changes nothing but the status.
        if kind != ContainerEventType::ContainerCreatedEvent {
            self.handle_pleg_event(&uid, ctx.call_id());
        }
        if kind == ContainerEventType::ContainerStoppedEvent
            || kind == ContainerEventType::ContainerDeletedEvent
        {
            self.clean_up_containers_in_pod(&uid, &event.container_id);
        }
        self.pleg.fresh.notify();
    }

    /// Wakes whoever waits for news at the next moment at which none are good news.
    ///
    /// Upstream: `updateGlobalCache`.
    pub(super) fn schedule_cache_update(self: &Rc<Self>) {
        if self.pleg.cache_update.replace(true) {
            return;
        }
        let tick = self.next_tick(CACHE_PERIOD, Duration::ZERO);
        let this = self.clone();
        self.spawn(async move {
            this.sim.sleep_until(tick).await;
            this.pleg.cache_update.set(false);
            this.pleg.fresh.notify();
        });
    }
}

/// What a relist would have seen.
fn record_of(status: &PodStatus) -> Record {
    let sandboxes = status.sandboxes.iter().map(|sandbox| Item {
        id: sandbox.id.clone(),
        seen: if sandbox.ready { Seen::Running } else { Seen::Exited },
        sandbox: true,
    });
    let containers = status.containers.iter().map(|container| Item {
        id: container.id.clone(),
        seen: container.state.into(),
        sandbox: false,
    });
    sandboxes.chain(containers).collect()
}

impl From<State> for Seen {
    fn from(state: State) -> Self {
        match state {
            State::Running => Self::Running,
            State::Exited => Self::Exited,
            State::Created | State::Unknown => Self::Unknown,
        }
    }
}
