//! What a pod worker does in each of a pod's three lives.
//!
//! Upstream: `pkg/kubelet/kubelet.go` `SyncPod`, `SyncTerminatingPod`, `SyncTerminatedPod`.

use crate::container::{PodStatus, is_host_network_pod};
use crate::events::Warning;
use crate::kubelet::{Inner, Work};
use crate::kuberuntime::{SyncResult, compute_pod_actions};
use crate::pod_workers::{Synced, Turn, UpdateType};
use sim::{Ctx, Hop};
use std::rc::Rc;
use trace::{Component, Effect, Level, Payload, Protocol, Time};

/// Why a sync failed.
#[derive(Clone, Debug)]
pub(crate) struct SyncError {
    pub(crate) message: String,
    /// Until when it is no use to try again, if that is known.
    pub(crate) until: Option<Time>,
}

impl SyncError {
    pub(crate) fn text(message: impl Into<String>) -> Self {
        Self { message: message.into(), until: None }
    }
}

impl sim::Failure for SyncError {
    fn describe(&self) -> (trace::Text, String) {
        ("Error".into(), self.message.clone())
    }

    fn injected(error: sim::Injected) -> Self {
        Self::text(error.message)
    }
}

impl Inner {
    /// Brings a pod to what its spec says.
    pub(crate) async fn sync_pod(
        self: &Rc<Self>,
        turn: &Turn,
        status: &Rc<PodStatus>,
    ) -> Result<Synced, SyncError> {
        let work = &turn.work;
        let pod = &work.pod;
        let ctx = self.ctx_of(work, turn.cause);
        let api_status = self.generate_api_pod_status(pod, status, false);
        let terminal = matches!(api_status.phase.as_str(), "Succeeded" | "Failed");
        let restarting = api_status
            .conditions
            .iter()
            .any(|it| it.type_ == "AllContainersRestarting" && it.status == "True");
        self.set_pod_status(&ctx, work, api_status);
        if terminal && self.features.terminal_short_cut {
            return Ok(Synced { terminal, ..Synced::default() });
        }
        if let Some(error) = self.network_error()
            && !is_host_network_pod(pod)
        {
            let text = format!("network is not ready: {error}");
            self.pod_event(&ctx, work, Warning, "NetworkNotReady", &text);
            return Err(SyncError::text(text));
        }
        self.create_mirror_pod(&ctx, work).await;
        self.make_pod_data_dirs(pod);
        self.wait_for_attach_and_mount(&ctx, work).await?;
        if self.is_termination_requested(&work.uid) {
            return Ok(Synced::default());
        }
        self.add_probes(work);

        let facts = self.facts();
        let actions = compute_pod_actions(pod, status, restarting, &facts);
        if actions.is_empty() && turn.update == UpdateType::Sync && turn.cause.is_none() {
            // Only a look now and then, and all is well: nothing to tell.
            return Ok(Synced { terminal, ..Synced::default() });
        }
        let hop = Hop::new(
            Component::PodWorkers,
            Component::RuntimeManager,
            Protocol::Function,
            "SyncPod",
        )
        .level(Level::Steps)
        .source(self.source("pkg/kubelet/kuberuntime/kuberuntime_manager.go SyncPod"));
        let outcome = ctx
            .call_answering(
                hop,
                |_: &Synced| Payload::None,
                async |ctx| {
                    let result = self.sync_pod_actions(&ctx, work, status, &actions).await;
                    ctx.effect(Effect::SyncStep { pod: work.reference, step: 0 });
                    self.sync_outcome(work, result)
                },
            )
            .await;
        outcome.map(|synced| Synced { terminal, ..synced })
    }

    /// Remembers why containers could not be started, and sums a sync up.
    fn sync_outcome(&self, work: &Work, result: SyncResult) -> Result<Synced, SyncError> {
        if !result.starts.is_empty() {
            let mut reasons = self.reasons.borrow_mut();
            let known = reasons.entry(work.uid.clone()).or_default();
            for (name, failure) in &result.starts {
                known.retain(|(other, _)| other != name);
                if let Some(failure) = failure {
                    known.push((name.clone(), failure.clone()));
                }
            }
            if known.is_empty() {
                reasons.remove(&work.uid);
            }
        }
        if let Some(error) = result.error {
            return Err(SyncError::text(error));
        }
        let swallowed = |reason: &str| {
            self.features.swallow_backoff_errors
                && matches!(reason, "CrashLoopBackOff" | "ImagePullBackOff")
        };
        let mut failures = result
            .starts
            .iter()
            .filter_map(|(name, failure)| Some((name, failure.as_ref()?)))
            .filter(|(_, failure)| !swallowed(failure.reason))
            .peekable();
        if failures.peek().is_none() {
            // A sync that stopped short of its end did not act as a whole.
            let acted = result.actions > 0 && result.starts.iter().all(|(_, it)| it.is_none());
            return Ok(Synced { terminal: false, acted, again: result.reset });
        }
        let until = failures.clone().filter_map(|(_, failure)| failure.until).min();
        let texts: Vec<String> = failures
            .map(|(name, failure)| {
                let (reason, message) = (failure.reason, &*failure.message);
                format!("failed to \"StartContainer\" for {name:?} with {reason}: {message:?}")
            })
            .collect();
        let message = match texts.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        Err(SyncError { message, until })
    }

    /// Stops a pod's containers and sandbox.
    pub(crate) async fn sync_terminating_pod(
        self: &Rc<Self>,
        turn: &Turn,
        status: &Rc<PodStatus>,
    ) -> Result<(), SyncError> {
        let work = &turn.work;
        let pod = &work.pod;
        let ctx = self.ctx_of(work, turn.cause);
        let mut api_status = self.generate_api_pod_status(pod, status, false);
        if let Some(eviction) = &turn.eviction {
            api_status.phase = "Failed".to_owned();
            api_status.reason = eviction.reason.to_string();
            api_status.message = eviction.message.to_string();
        }
        self.set_pod_status(&ctx, work, api_status);
        let hop = Hop::new(
            Component::PodWorkers,
            Component::RuntimeManager,
            Protocol::Function,
            "SyncTerminatingPod",
        )
        .level(Level::Steps)
        .source(self.source("pkg/kubelet/kubelet.go SyncTerminatingPod"));
        ctx.call_answering(hop, |()| Payload::None, async |ctx| {
            self.stop_liveness_and_startup_probes(&work.uid);
            if let Err(error) = self.kill_pod(&ctx, work, status, turn.grace).await {
                let text = format!("error killing pod: {error}");
                self.pod_event(&ctx, work, Warning, "FailedKillPod", &text);
                return Err(SyncError::text(format!("error killing terminating pod: {error}")));
            }
            self.remove_probes(&work.uid);
            let stopped = self.pod_status_now(&ctx, &work.uid).await.map_err(|status| {
                SyncError::text(format!(
                    "unable to read pod status prior to final pod termination: {status}"
                ))
            })?;
            let running: Vec<&str> = stopped
                .containers
                .iter()
                .filter(|it| it.state == crate::container::State::Running)
                .map(|it| &*it.id)
                .collect();
            if !running.is_empty() {
                return Err(SyncError::text(format!(
                    "detected running containers after a successful KillPod, CRI violation: [{}]",
                    running.join(" ")
                )));
            }
            let api_status = self.generate_api_pod_status(pod, &stopped, true);
            self.set_pod_status(&ctx, work, api_status);
            Ok(())
        })
        .await
    }

    /// Cleans up after a pod whose containers are stopped.
    pub(crate) fn sync_terminated_pod(self: &Rc<Self>, turn: &Turn, status: &Rc<PodStatus>) {
        let work = &turn.work;
        let ctx = self.ctx_of(work, turn.cause);
        let api_status = self.generate_api_pod_status(&work.pod, status, true);
        self.set_pod_status(&ctx, work, api_status);
        let uid = &work.pod.metadata.uid;
        self.host.remove(&format!("{}/pods/{uid}/volumes", self.config.root_directory));
        self.terminate_pod(&ctx, work);
    }

    /// A worker has nothing left to do for its pod.
    pub(crate) fn pod_finished(self: &Rc<Self>, turn: &Turn) {
        self.after_finish(&turn.work);
    }

    /// The API object of a deleted pod goes; whoever was waiting for the end hears of it.
    pub(crate) fn after_finish(self: &Rc<Self>, work: &Work) {
        let uid = &work.uid;
        // Not the object that was worked on: the pod may have been deleted during its last turn.
        let removable = self
            .api_server
            .get(uid)
            .is_some_and(|it| !it.from_file && it.pod.metadata.deletion_timestamp.is_some());
        if removable {
            let ctx = self.ctx_of(work, None);
            ctx.effect(Effect::PodRemoved { pod: work.reference });
            self.api_server.remove(uid);
            self.pod_manager.borrow_mut().remove(uid);
        }
        if self.api_server.get(uid).is_none() {
            self.delete_mirror_pod(work.clone());
        }
        self.request_housekeeping();
    }

    /// Nothing is kept of a pod that is gone.
    pub(crate) fn forget_pod(self: &Rc<Self>, uid: &Rc<str>) {
        self.work_queue.borrow_mut().remove(uid);
        self.reasons.borrow_mut().remove(uid);
        self.status.forget(uid);
        self.remove_probes(uid);
        self.recorder.forget(uid);
        self.actuated.borrow_mut().retain(|(other, _), _| other != uid);
        self.host.remove(&format!("{}/pods/{uid}", self.config.root_directory));
    }

    fn make_pod_data_dirs(&self, pod: &api::Pod) {
        let root = &self.config.root_directory;
        let uid = &pod.metadata.uid;
        for name in ["volumes", "plugins"] {
            self.host.create_directory(&format!("{root}/pods/{uid}/{name}"));
        }
    }

    /// Stops what runs for pods that nobody wants: their manifests went while no kubelet ran.
    pub(crate) fn terminate_orphans(self: &Rc<Self>) {
        for uid in self.pleg.pods_with_running() {
            let wanted = self.pod_manager.borrow().contains_key(&uid);
            if wanted || self.has_worker(&uid) || !self.pleg.claim_orphan(&uid) {
                continue;
            }
            let this = self.clone();
            self.spawn(async move {
                let ctx = this.sim.ctx();
                this.sync_terminating_runtime_pod(&ctx, &uid).await;
                this.pleg.release_orphan(&uid);
                this.request_pod_relist(&uid);
            });
        }
    }

    /// Stops containers that nothing but the runtime knows of, by what their labels say.
    async fn sync_terminating_runtime_pod(&self, ctx: &Ctx, uid: &str) {
        let Some(status) = self.pleg.cached(uid) else { return };
        for container in &status.containers {
            if container.state == crate::container::State::Running {
                let request = cri::StopContainerRequest {
                    container_id: container.id.to_string(),
                    timeout: 2,
                };
                // Whatever does not work is tried again with the next housekeeping.
                let _ = self.cri.call(ctx, request).await;
            }
        }
        for sandbox in &status.sandboxes {
            let request = cri::StopPodSandboxRequest { pod_sandbox_id: sandbox.id.to_string() };
            let _ = self.cri.call(ctx, request).await;
        }
    }
}
