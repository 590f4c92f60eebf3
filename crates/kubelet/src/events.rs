//! Events, as `kubectl describe` lists them.
//!
//! Upstream: `pkg/kubelet/events/event.go`, `k8s.io/client-go/tools/record`.

use crate::backoff::key_of;
use crate::kubelet::{Inner, Work};
use api::Container;
use sim::Ctx;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use trace::{Delivery, Effect, KubeEvent, KubeEventType, Text, Time};

pub(crate) use KubeEventType::{Normal, Warning};

/// How many events about one object may follow each other at once.
///
/// Upstream: `events_cache.go`, `defaultSpamBurst`, `defaultSpamQPS`.
const SPAM_BURST: u32 = 25;
/// After which time there is room for one more.
const SPAM_REFILL: Duration = Duration::from_secs(300);
/// How many messages one reason may have before its events become one.
///
/// Upstream: `events_cache.go`, `defaultAggregateMaxEvents`, `defaultAggregateIntervalInSeconds`.
const MOST_SIMILAR: usize = 10;
/// How long they count, from the last one.
const SIMILAR_FOR: Duration = Duration::from_secs(600);

/// Counts equal events, so that a list shows each once, and keeps from the API server what is too
/// much of one kind, or about one object.
///
/// Upstream: `events_cache.go`, `EventCorrelator`.
#[derive(Default)]
pub(crate) struct Recorder {
    objects: RefCell<BTreeMap<Rc<str>, Correlated>>,
}

/// What the recorder knows of one object.
#[derive(Default)]
struct Correlated {
    /// How often, and since when, each event has happened.
    counts: BTreeMap<u64, (u32, Time)>,
    /// The latest messages of a type and reason, and when the last came.
    similar: BTreeMap<u64, (BTreeSet<u64>, Time)>,
    /// When the bucket would be full again.
    full_at: Time,
}

impl Recorder {
    pub(crate) fn forget(&self, uid: &str) {
        self.objects.borrow_mut().remove(uid);
    }

    /// How often the event has happened, since when, and whether the API server learns of it.
    fn correlate(
        &self,
        object: &Rc<str>,
        reason: &[&str; 2],
        text: &[&str; 2],
        now: Time,
    ) -> (u32, Time, Delivery) {
        let mut objects = self.objects.borrow_mut();
        let object = match objects.get_mut(object) {
            Some(known) => known,
            None => objects.entry(object.clone()).or_default(),
        };
        let similar = key_of(reason);
        let message = key_of(&[reason[0], reason[1], text[0], text[1]]);
        let combined = object.is_one_of_many(similar, key_of(&text[1..]), now);
        let key = if combined { similar } else { message };
        let entry = object.counts.entry(key).or_insert((0, now));
        entry.0 += 1;
        let (count, first) = *entry;
        let delivery = match (object.has_room(now), combined) {
            (false, _) => Delivery::Dropped,
            (true, true) => Delivery::Combined,
            (true, false) => Delivery::Plain,
        };
        (count, first, delivery)
    }
}

impl Correlated {
    /// Upstream: `events_cache.go`, `EventAggregator.EventAggregate`.
    fn is_one_of_many(&mut self, reason: u64, message: u64, now: Time) -> bool {
        let (messages, last) = self.similar.entry(reason).or_insert((BTreeSet::new(), now));
        if now.since(*last) > SIMILAR_FOR {
            messages.clear();
        }
        *last = now;
        messages.insert(message);
        let many = messages.len() >= MOST_SIMILAR;
        if many {
            messages.pop_first();
        }
        many
    }

    /// Upstream: `events_cache.go`, `EventSourceObjectSpamFilter.Filter`, a token bucket.
    fn has_room(&mut self, now: Time) -> bool {
        let full_at = self.full_at.max(now) + SPAM_REFILL;
        let room = full_at.since(now) <= SPAM_REFILL * SPAM_BURST;
        if room {
            self.full_at = full_at;
        }
        room
    }
}

impl Inner {
    /// Records an event about a pod.
    pub(crate) fn pod_event(
        &self,
        ctx: &Ctx,
        work: &Work,
        kind: KubeEventType,
        reason: &'static str,
        message: &str,
    ) {
        self.record(ctx, Some(work), kind, reason, "".into(), message);
    }

    /// Records an event about the node.
    pub(crate) fn node_event(
        &self,
        ctx: &Ctx,
        kind: KubeEventType,
        reason: &'static str,
        message: &str,
    ) {
        self.record(ctx, None, kind, reason, "".into(), message);
    }

    /// Records an event about a container.
    pub(crate) fn container_event(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        kind: KubeEventType,
        reason: &'static str,
        message: &str,
    ) {
        let name = &container.name;
        let has = |containers: &[Container]| containers.iter().any(|it| it.name == *name);
        let list = if has(&work.pod.spec.containers) {
            "containers"
        } else if has(&work.pod.spec.init_containers) {
            "initContainers"
        } else {
            "ephemeralContainers"
        };
        self.record(
            ctx,
            Some(work),
            kind,
            reason,
            format!("spec.{list}{{{name}}}").into(),
            message,
        );
    }

    fn record(
        &self,
        ctx: &Ctx,
        work: Option<&Work>,
        kind: KubeEventType,
        reason: &'static str,
        field_path: Rc<str>,
        message: &str,
    ) {
        let about = work.map_or(&self.config.node_name, |work| &work.uid);
        let (count, first, delivery) = self.recorder.correlate(
            about,
            &[kind.as_str(), reason],
            &[&field_path, message],
            self.sim.now(),
        );
        ctx.effect(Effect::KubeEvent(KubeEvent {
            pod: work.map(|work| work.reference),
            kind,
            reason: Text::Borrowed(reason),
            field_path,
            message: message.into(),
            count,
            first,
            delivery,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(recorder: &Recorder, second: u64, message: &str) -> (u32, Delivery) {
        let now = Time::from_millis(second * 1000);
        let (count, _, delivery) =
            recorder.correlate(&"pod".into(), &["Warning", "BackOff"], &["", message], now);
        (count, delivery)
    }

    #[test]
    fn twenty_five_events_go_out_at_once_and_then_one_in_five_minutes() {
        let recorder = Recorder::default();
        for nth in 1..=25 {
            assert_eq!(record(&recorder, 0, "again"), (nth, Delivery::Plain));
        }
        // Those that are kept back count all the same.
        assert_eq!(record(&recorder, 0, "again"), (26, Delivery::Dropped));
        assert_eq!(record(&recorder, 299, "again"), (27, Delivery::Dropped));
        assert_eq!(record(&recorder, 300, "again"), (28, Delivery::Plain));
        assert_eq!(record(&recorder, 301, "again"), (29, Delivery::Dropped));
        recorder.forget("pod");
        assert_eq!(record(&recorder, 302, "again"), (1, Delivery::Plain));
    }

    #[test]
    fn from_the_tenth_message_on_a_reason_has_one_event() {
        let recorder = Recorder::default();
        for nth in 1..=9 {
            let expected = (1, Delivery::Plain);
            assert_eq!(record(&recorder, nth, &format!("message {nth}")), expected);
        }
        assert_eq!(record(&recorder, 10, "message 10"), (1, Delivery::Combined));
        assert_eq!(record(&recorder, 11, "message 11"), (2, Delivery::Combined));
        // Ten minutes without one, and they are forgotten.
        assert_eq!(record(&recorder, 612, "message 12"), (1, Delivery::Plain));
    }
}
