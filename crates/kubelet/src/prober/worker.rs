//! One worker for each probe of a container.

use super::{Handle, ProbeResult, ProbeType};
use crate::container::{all_containers_could_restart, container_should_restart};
use crate::kubelet::{Inner, Work};
use api::{Container, Probe};
use futures_util::future::{Either, select};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use trace::Time;

pub(super) struct Worker {
    pub(super) work: Work,
    pub(super) container: Rc<str>,
    pub(super) kind: ProbeType,
    pub(super) spec: Probe,
    handle: Rc<Handle>,
    /// The container that the counts below are about.
    id: Rc<str>,
    last_result: ProbeResult,
    result_run: i32,
    /// Decided: nothing to ask until the container is another one.
    on_hold: bool,
}

impl Worker {
    pub(super) fn new(
        work: &Work,
        container: &Container,
        kind: ProbeType,
        spec: &Probe,
        handle: Rc<Handle>,
    ) -> Self {
        Self {
            work: work.clone(),
            container: container.name.as_str().into(),
            kind,
            spec: spec.clone(),
            handle,
            id: "".into(),
            last_result: ProbeResult::Unknown,
            result_run: 0,
            on_hold: false,
        }
    }

    pub(super) async fn run(mut self, inner: Rc<Inner>) {
        let period = Duration::from_secs(self.spec.period_seconds.max(1).unsigned_abs().into());
        let sim = inner.sim.clone();
        if period > sim.now().since(inner.started) {
            // Kubelets that restart must not ask all their containers at once.
            let nanos = sim.random_below("prober", period.as_nanos() as u64);
            sim.sleep(Duration::from_nanos(nanos)).await;
        }
        let mut tick = sim.now() + period;
        while self.do_probe(&inner).await {
            loop {
                if self.handle.stopped.get() {
                    break;
                }
                if self.handle.triggered.take() {
                    tick = sim.now() + period;
                    break;
                }
                if sim.now() >= tick {
                    // Ticks that nobody had time for are lost.
                    let late = sim.now().since(tick).as_nanos() / period.as_nanos().max(1);
                    tick += period * (u32::try_from(late).unwrap_or(u32::MAX).saturating_add(1));
                    break;
                }
                let ticked = pin!(sim.sleep_until(tick));
                let woken = pin!(self.handle.wake.wait());
                if let Either::Left(_) = select(ticked, woken).await {
                    // The loop sees that the time has come.
                }
            }
            if self.handle.stopped.get() {
                break;
            }
        }
        inner.probes.results.borrow_mut().remove(&(self.id.clone(), self.kind));
        let mut workers = inner.probes.workers.borrow_mut();
        if let Some(of_pod) = workers.get_mut(&self.work.uid) {
            let key = (self.container.clone(), self.kind);
            if of_pod.get(&key).is_some_and(|handle| Rc::ptr_eq(handle, &self.handle)) {
                of_pod.remove(&key);
            }
            if of_pod.is_empty() {
                workers.remove(&self.work.uid);
            }
        }
    }

    /// Asks once, if it is time to. Gives whether to go on.
    async fn do_probe(&mut self, inner: &Rc<Inner>) -> bool {
        let Some(status) = inner.status.get(&self.work.uid) else { return true };
        if matches!(status.phase.as_str(), "Failed" | "Succeeded") {
            return false;
        }
        if let Some(pod) = inner.pod_manager.borrow().get(&self.work.uid) {
            self.work.pod = pod.clone();
        }
        let all = status.container_statuses.iter().chain(&status.init_container_statuses);
        let own = { all }.find(|it| it.name == *self.container && !it.container_id.is_empty());
        let Some(own) = own else { return true };
        let id = own.container_id.rsplit('/').next().unwrap_or_default();
        if *self.id != *id {
            inner.probes.results.borrow_mut().remove(&(self.id.clone(), self.kind));
            self.id = id.into();
            self.on_hold = false;
            self.result_run = 0;
            let running = own.state.running.as_ref();
            let before_kubelet = running.is_some_and(|running| {
                let grace = Duration::from_secs(10);
                running.started_at.0 < (inner.started - grace).rfc3339()
                    && inner.started > Time::ZERO + grace
            });
            if !(inner.features.keep_probe_results && before_kubelet) {
                self.set(inner, self.kind.initial(), None);
            }
        }
        if self.on_hold {
            return true;
        }
        let spec = self.work.pod.clone();
        let container = crate::container::container_spec(&spec, &self.container);
        let Some(container) = container else { return false };
        let Some(running) = own.state.running.as_ref() else {
            self.set(inner, ProbeResult::Failure, None);
            let Some(terminated) = &own.state.terminated else { return true };
            let code = terminated.exit_code;
            return container_should_restart(container, &spec.spec, code, inner.features)
                || (inner.features.restart_all_containers
                    && all_containers_could_restart(&spec.spec));
        };
        if spec.metadata.deletion_timestamp.is_some() && self.kind != ProbeType::Readiness {
            self.set(inner, ProbeResult::Success, None);
            return false;
        }
        if self.spec.initial_delay_seconds > 0 {
            let delay = Duration::from_secs(self.spec.initial_delay_seconds.unsigned_abs().into());
            let since = inner
                .pleg
                .cached(&self.work.uid)
                .and_then(|status| Some(status.find(&self.container)?.started_at));
            // Whole seconds, as the status counts them.
            let early = since.is_some_and(|since| inner.sim.now() < since + delay);
            if early && !running.started_at.0.is_empty() {
                return true;
            }
        }
        if (own.started == Some(true)) == (self.kind == ProbeType::Startup) {
            return true;
        }
        let ctx = inner.ctx_of(&self.work, None).about_container(&self.container);
        let ip = status.pod_ip.clone();
        let (result, cause) = inner.probe(&ctx, self, container, &ip).await;
        let Some(result) = result else { return true };
        if self.handle.stopped.get() {
            return false;
        }
        if self.last_result == result {
            self.result_run += 1;
        } else {
            self.last_result = result;
            self.result_run = 1;
        }
        let threshold = match result {
            ProbeResult::Failure => self.spec.failure_threshold,
            _ => self.spec.success_threshold,
        };
        if self.result_run < threshold {
            return true;
        }
        self.set(inner, result, cause);
        if (self.kind == ProbeType::Liveness && result == ProbeResult::Failure)
            || self.kind == ProbeType::Startup
        {
            self.on_hold = true;
            self.result_run = 0;
        }
        true
    }

    /// The container that is asked.
    pub(super) fn container_id(&self) -> &str {
        &self.id
    }

    fn set(&self, inner: &Rc<Inner>, result: ProbeResult, cause: Option<trace::EventId>) {
        inner.set_probe_result(&self.work, self.kind, &self.id, result, cause);
    }
}
