//! SyncPod: from the plan to the runtime's calls.
//!
//! Upstream: `pkg/kubelet/kuberuntime/kuberuntime_manager.go`.

use super::compute_pod_actions::PodActions;
use super::kuberuntime_container::{InSandbox, Kill, StartError, TerminationOrdering};
use super::kuberuntime_sandbox::generate_pod_sandbox_config;
use super::resources::container_resources;
use crate::backoff::key_of;
use crate::container::{
    PodStatus, State, hash_container, is_host_network_pod, is_restartable_init_container,
};
use crate::events::{Normal, Warning};
use crate::kubelet::{Inner, Work};
use api::{Container, Pod};
use cri::{PodSandboxStatusRequest, StopPodSandboxRequest, UpdateContainerResourcesRequest};
use sim::Ctx;
use std::rc::Rc;
use trace::{Effect, Time};

/// What a sync did, as far as others have to know.
#[derive(Debug, Default)]
pub(crate) struct SyncResult {
    /// How many things were tried.
    pub(crate) actions: usize,
    /// The containers that were to be started, and why those that failed did.
    pub(crate) starts: Vec<(Rc<str>, Option<Failure>)>,
    /// Another failure, which ended the sync.
    pub(crate) error: Option<String>,
    /// Whether containers were removed so that the pod starts over.
    pub(crate) reset: bool,
}

/// Why a container does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: &'static str,
    pub(crate) message: Rc<str>,
    /// Until when it waits, if that is why.
    pub(crate) until: Option<Time>,
}

impl SyncResult {
    fn fail(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }
}

impl Inner {
    /// Carries a plan out.
    pub(crate) async fn sync_pod_actions(
        &self,
        ctx: &Ctx,
        work: &Work,
        status: &PodStatus,
        actions: &PodActions,
    ) -> SyncResult {
        let pod = &*work.pod;
        let step = |step| {
            ctx.effect(Effect::SyncStep { pod: work.reference, step });
        };
        let mut result = SyncResult::default();
        // Steps 1 to 4 have the same numbers everywhere.
        step(1);
        let plan = Rc::new(actions.to_plan(pod));
        ctx.effect(Effect::Plan { pod: work.reference, plan });
        if actions.create_sandbox && !actions.sandbox_id.is_empty() {
            let text = "Pod sandbox changed, it will be killed and re-created.";
            self.pod_event(ctx, work, Normal, "SandboxChanged", text);
        }

        if actions.kill_pod {
            step(2);
            result.actions += 1;
            if let Err(error) = self.kill_pod(ctx, work, status, None).await {
                return result.fail(error);
            }
            if actions.create_sandbox {
                self.purge_init_containers(ctx, pod, status).await;
            }
        } else if !actions.containers_to_kill.is_empty() || !actions.containers_to_reset.is_empty()
        {
            step(3);
            if let Err(error) = self.kill_unwanted(ctx, work, actions, &mut result).await {
                return result.fail(error);
            }
        }
        if self.features.sidecars || !actions.init_containers_to_start.is_empty() {
            self.prune_init_containers_before_start(ctx, pod, status).await;
        }

        let mut ips = status.ips.clone();
        let mut sandbox_id = actions.sandbox_id.clone();
        let nine = self.features.nine_steps;
        let config = generate_pod_sandbox_config(&self.config, pod, actions.attempt);
        if actions.create_sandbox {
            step(4);
            result.actions += 1;
            let made = self.create_pod_sandbox(ctx, config.clone(), pod).await;
            sandbox_id = match made {
                Ok(id) => id,
                Err(_) if self.is_termination_requested(&pod.metadata.uid) => return result,
                Err(status) => {
                    let text = format!("Failed to create pod sandbox: {status}");
                    self.pod_event(ctx, work, Warning, "FailedCreatePodSandBox", &text);
                    return result.fail(format!(
                        "failed to \"CreatePodSandbox\" for {:?} with CreatePodSandboxError: {:?}",
                        crate::format_pod(pod),
                        format!(
                            "Failed to create sandbox for pod {:?}: {status}",
                            crate::format_pod(pod)
                        )
                    ));
                }
            };
            let request =
                PodSandboxStatusRequest { pod_sandbox_id: sandbox_id.to_string(), verbose: false };
            match self.cri.call(ctx, request).await {
                Ok(response) => {
                    if !is_host_network_pod(pod) {
                        ips =
                            response.status.map(|it| crate::pleg::ips_of(&it)).unwrap_or_default();
                    }
                }
                Err(status) => {
                    let text = format!("Unable to get pod sandbox status: {status}");
                    self.pod_event(ctx, work, Warning, "FailedPodSandBoxStatus", &text);
                    return result.fail(status.to_string());
                }
            }
            if self.features.sandbox_ready_callback {
                step(5);
                self.on_pod_sandbox_ready(ctx, work);
            }
            let hosts = super::hosts_file(pod, &ips);
            let root = &self.config.root_directory;
            self.host.write(&format!("{root}/pods/{}/etc-hosts", pod.metadata.uid), &hosts);
        }

        let sandbox = InSandbox { id: &sandbox_id, config: &config, ips: &ips };
        if !actions.ephemeral_containers_to_start.is_empty() {
            step(if nine { 6 } else { 5 });
            for &index in &actions.ephemeral_containers_to_start {
                if let Some(ephemeral) = pod.spec.ephemeral_containers.get(index) {
                    let container = &ephemeral.container;
                    let _ = self.start(ctx, work, container, status, &sandbox, &mut result).await;
                }
            }
        }
        if !actions.init_containers_to_start.is_empty() {
            step(if nine { 7 } else { 6 });
            for &index in &actions.init_containers_to_start {
                let Some(container) = pod.spec.init_containers.get(index) else { continue };
                let started = self.start(ctx, work, container, status, &sandbox, &mut result).await;
                if started.is_err() && !is_restartable_init_container(container) {
                    return result;
                }
            }
        }
        if !actions.containers_to_update.is_empty() {
            step(8);
            self.resize(ctx, work, actions, &mut result).await;
        }
        if !actions.containers_to_start.is_empty() {
            step(if nine { 9 } else { 7 });
            for &index in &actions.containers_to_start {
                if let Some(container) = pod.spec.containers.get(index) {
                    let _ = self.start(ctx, work, container, status, &sandbox, &mut result).await;
                }
            }
        }
        result
    }

    async fn kill_unwanted(
        &self,
        ctx: &Ctx,
        work: &Work,
        actions: &PodActions,
        result: &mut SyncResult,
    ) -> Result<(), String> {
        for wanted in &actions.containers_to_kill {
            result.actions += 1;
            let kill = Kill {
                id: &wanted.id,
                name: &wanted.name,
                message: &wanted.message,
                reason: wanted.reason,
                grace_override: None,
                ordering: None,
            };
            self.kill_container(ctx, work, kill)
                .await
                .map_err(|status| kill_error(&wanted.name, &status))?;
        }
        for wanted in &actions.containers_to_reset {
            result.actions += 1;
            if wanted.kill {
                let kill = Kill {
                    id: &wanted.id,
                    name: &wanted.name,
                    message: "killing",
                    reason: super::KillReason::RestartAllContainers,
                    grace_override: Some(0),
                    ordering: None,
                };
                self.kill_container(ctx, work, kill)
                    .await
                    .map_err(|status| kill_error(&wanted.name, &status))?;
            }
            let ctx = &ctx.about_container(&wanted.name);
            self.remove_container(ctx, &wanted.id, true).await.map_err(|it| it.to_string())?;
            result.reset = true;
        }
        Ok(())
    }

    /// Starts a container unless it is backing off, and notes how that went.
    async fn start(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        status: &PodStatus,
        sandbox: &InSandbox<'_>,
        result: &mut SyncResult,
    ) -> Result<(), ()> {
        result.actions += 1;
        let outcome = match self.do_back_off(ctx, work, container, status) {
            Some(failure) => Err(failure),
            None => self.start_container(ctx, work, container, status, sandbox).await.map_err(
                |StartError { reason, message }| Failure {
                    reason,
                    message: message.into(),
                    until: None,
                },
            ),
        };
        let failed = outcome.is_err();
        result.starts.push((container.name.as_str().into(), outcome.err()));
        if failed { Err(()) } else { Ok(()) }
    }

    /// Whether a container that has crashed must wait. If not, this start counts.
    fn do_back_off(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        status: &PodStatus,
    ) -> Option<Failure> {
        let exited = |it: &&Rc<crate::container::Status>| {
            *it.name == *container.name && it.state == State::Exited
        };
        let ended = status.containers.iter().find(exited)?.finished_at;
        let key = self.crash_loop_key(&work.pod, container);
        let now = self.sim.now();
        let mut backoff = self.crash_loop_back_off.borrow_mut();
        let Some(until) = backoff.until_since(key, ended, now) else {
            backoff.next(key, ended, now);
            return None;
        };
        let wait = crate::go_duration(backoff.get(key));
        drop(backoff);
        let (name, who) = (&container.name, crate::format_pod(&work.pod));
        let ctx = &ctx.about_container(name);
        let text = if self.config.version.minor >= 24 {
            format!("Back-off restarting failed container {name} in pod {who}")
        } else {
            "Back-off restarting failed container".to_owned()
        };
        self.container_event(ctx, work, container, Warning, "BackOff", &text);
        Some(Failure {
            reason: "CrashLoopBackOff",
            message: format!("back-off {wait} restarting failed container={name} pod={who}").into(),
            until: Some(until),
        })
    }

    fn crash_loop_key(&self, pod: &Pod, container: &Container) -> u64 {
        let metadata = &pod.metadata;
        let hash = hash_container(container, self.features).to_string();
        let parts = [&metadata.name, &metadata.namespace, &metadata.uid, &container.name, &hash];
        key_of(&parts.map(String::as_str))
    }

    /// Stops all containers of a pod at the same time, then its sandboxes.
    pub(crate) async fn kill_pod(
        &self,
        ctx: &Ctx,
        work: &Work,
        status: &PodStatus,
        grace_override: Option<i64>,
    ) -> Result<(), String> {
        let active = |it: &&Rc<crate::container::Status>| it.state == State::Running;
        let running: Vec<Rc<crate::container::Status>> =
            status.containers.iter().filter(active).cloned().collect();
        let names: Vec<Rc<str>> = running.iter().map(|it| it.name.clone()).collect();
        let ordering =
            self.features.sidecar_ordering.then(|| TerminationOrdering::new(&work.pod, &names));
        let kills = running.iter().map(|container| {
            let kill = Kill {
                id: &container.id,
                name: &container.name,
                message: "",
                reason: super::KillReason::None,
                grace_override,
                ordering: ordering.as_ref(),
            };
            async move {
                let killed = self.kill_container(ctx, work, kill).await;
                killed.map_err(|status| kill_error(&container.name, &status))
            }
        });
        let killed = futures_util::future::join_all(kills).await;
        let mut errors: Vec<String> = killed.into_iter().filter_map(Result::err).collect();
        for sandbox in &status.sandboxes {
            let request = StopPodSandboxRequest { pod_sandbox_id: sandbox.id.to_string() };
            match self.cri.call(ctx, request).await {
                Err(status) if status.code != cri::Code::NotFound => {
                    let who = crate::format_pod(&work.pod);
                    errors.push(format!(
                        "failed to \"KillPodSandbox\" for {who:?} with KillPodSandboxError: {:?}",
                        status.to_string()
                    ));
                }
                _ => {}
            }
        }
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(format!("[{}]", errors.join(", "))),
        }
    }

    /// Keeps the newest dead instance of each init container.
    async fn prune_init_containers_before_start(&self, ctx: &Ctx, pod: &Pod, status: &PodStatus) {
        for container in &pod.spec.init_containers {
            let dead = status.containers.iter().filter(|it| {
                *it.name == *container.name && matches!(it.state, State::Exited | State::Unknown)
            });
            for old in dead.skip(1) {
                // Whatever is left is removed another time.
                let _ = self.remove_container(ctx, &old.id, false).await;
            }
        }
    }

    /// Removes all instances of init containers, before they run in a new sandbox.
    async fn purge_init_containers(&self, ctx: &Ctx, pod: &Pod, status: &PodStatus) {
        for container in &pod.spec.init_containers {
            for old in status.containers.iter().filter(|it| *it.name == *container.name) {
                let _ = self.remove_container(ctx, &old.id, false).await;
            }
        }
    }

    /// Changes the resources of running containers.
    async fn resize(&self, ctx: &Ctx, work: &Work, actions: &PodActions, result: &mut SyncResult) {
        for (index, id) in &actions.containers_to_update {
            let Some(container) = work.pod.spec.containers.get(*index) else { continue };
            result.actions += 1;
            let ctx = &ctx.about_container(&container.name);
            let request = UpdateContainerResourcesRequest {
                container_id: id.to_string(),
                linux: Some(container_resources(&self.config, &work.pod, container)),
                ..UpdateContainerResourcesRequest::default()
            };
            match self.cri.call(ctx, request).await {
                Ok(_) => self.actuated(&work.pod, container),
                Err(status) => {
                    let text = format!("Error resizing container {:?}: {status}", container.name);
                    self.pod_event(ctx, work, Warning, "ResizeError", &text);
                    result.error = Some(text);
                    return;
                }
            }
        }
    }
}

fn kill_error(name: &str, status: &cri::Status) -> String {
    let text = status.to_string();
    format!("failed to \"KillContainer\" for {name:?} with KillContainerError: {text:?}")
}
