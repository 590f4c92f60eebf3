//! Events, as `kubectl describe` lists them.
//!
//! Upstream: `pkg/kubelet/events/event.go`, `k8s.io/client-go/tools/record`.

use crate::backoff::key_of;
use crate::kubelet::{Inner, Work};
use api::Container;
use sim::Ctx;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{Effect, KubeEvent, KubeEventType, Text, Time};

pub(crate) use KubeEventType::{Normal, Warning};

/// How often, and since when, each event has happened.
type Counts = BTreeMap<u64, (u32, Time)>;

/// Counts equal events, so that a list shows each once.
#[derive(Default)]
pub(crate) struct Recorder {
    pods: RefCell<BTreeMap<Rc<str>, Counts>>,
}

impl Recorder {
    pub(crate) fn forget(&self, uid: &str) {
        self.pods.borrow_mut().remove(uid);
    }

    fn count(&self, uid: &Rc<str>, key: u64, now: Time) -> (u32, Time) {
        let mut pods = self.pods.borrow_mut();
        let counts = match pods.get_mut(uid) {
            Some(counts) => counts,
            None => pods.entry(uid.clone()).or_default(),
        };
        let entry = counts.entry(key).or_insert((0, now));
        entry.0 += 1;
        *entry
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
        let key = key_of(&[kind.as_str(), reason, &field_path, message]);
        let about = work.map_or(&self.config.node_name, |work| &work.uid);
        let (count, first) = self.recorder.count(about, key, self.sim.now());
        ctx.effect(Effect::KubeEvent(KubeEvent {
            pod: work.map(|work| work.reference),
            kind,
            reason: Text::Borrowed(reason),
            field_path,
            message: message.into(),
            count,
            first,
        }));
    }
}
