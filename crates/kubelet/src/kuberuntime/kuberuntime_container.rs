//! Starting, stopping and removing one container.
//!
//! Upstream: `pkg/kubelet/kuberuntime/kuberuntime_container.go`,
//! `pkg/kubelet/kuberuntime/kuberuntime_termination_order.go`.

use super::KillReason;
use super::container_config::{ImageUser, Start};
use crate::container::{PodStatus, container_spec, is_restartable_init_container};
use crate::events::{Normal, Warning};
use crate::kubelet::{Inner, Work};
use api::{Container, Pod};
use cri::{
    Code, ContainerStatusRequest, CreateContainerRequest, ImageSpec, ImageStatusRequest,
    PodSandboxConfig, RemoveContainerRequest, StartContainerRequest, StopContainerRequest,
};
use sim::{Ctx, Hop, Signal, SimError};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Level, Payload, Protocol};

/// No container is stopped with less, in seconds.
const MINIMUM_GRACE_PERIOD: i64 = 2;

/// Why a container was not started: the reason that its status shows, and the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartError {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl StartError {
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

impl sim::Failure for StartError {
    fn describe(&self) -> (trace::Text, String) {
        (self.reason.into(), self.message.clone())
    }

    fn injected(error: sim::Injected) -> Self {
        Self::new("RunContainerError", error.message)
    }
}

/// The sandbox that containers are started in.
pub(crate) struct InSandbox<'a> {
    pub(crate) id: &'a str,
    pub(crate) config: &'a PodSandboxConfig,
    pub(crate) ips: &'a [Rc<str>],
}

impl Inner {
    /// Starts a container: pulls its image, creates it, starts it, runs its postStart hook.
    pub(crate) async fn start_container(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        status: &PodStatus,
        sandbox: &InSandbox<'_>,
    ) -> Result<(), StartError> {
        let ctx = &ctx.about_container(&container.name);
        let hop = Hop::new(
            Component::RuntimeManager,
            Component::CriClient,
            Protocol::Function,
            "startContainer",
        )
        .level(Level::Hops)
        .source(self.source("pkg/kubelet/kuberuntime/kuberuntime_container.go startContainer"));
        ctx.call(hop, async |ctx| {
            self.start_container_steps(&ctx, work, container, status, sandbox).await
        })
        .await
    }

    async fn start_container_steps(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        status: &PodStatus,
        sandbox: &InSandbox<'_>,
    ) -> Result<(), StartError> {
        let pod = &*work.pod;
        let failed = |reason, message: String| {
            let text = format!("Error: {message}");
            self.container_event(ctx, work, container, Warning, "Failed", &text);
            StartError::new(reason, message)
        };

        // 1. The image.
        let image_ref = match self.ensure_image_exists(ctx, work, container, sandbox.config).await {
            Ok(image_ref) => image_ref,
            Err(error) => {
                let text = format!("Error: {}", error.reason);
                self.container_event(ctx, work, container, Warning, "Failed", &text);
                return Err(error);
            }
        };

        // 2. The container.
        let restart_count = match status.find(&container.name) {
            Some(status) => status.restart_count + 1,
            None => self.restart_count_by_log_directory(sandbox.config, &container.name),
        };
        let target_id = self
            .ephemeral_target(pod, container, status)
            .map_err(|message| failed("CreateContainerConfigError", message))?;
        let image_user = self
            .image_user(ctx, &container.image)
            .await
            .map_err(|status| failed("CreateContainerConfigError", status.message))?;
        let start = Start {
            restart_count,
            image_ref: &image_ref,
            image_user,
            pod_ips: sandbox.ips,
            target_id: target_id.as_deref(),
        };
        let config = self
            .generate_container_config(pod, container, &start)
            .map_err(|message| failed("CreateContainerConfigError", message))?;
        let log_path = config.log_path.clone();
        let logs = format!("{}/{}", sandbox.config.log_directory, container.name);
        self.host.create_directory(&logs);
        let request = CreateContainerRequest {
            pod_sandbox_id: sandbox.id.to_owned(),
            config: Some(config),
            sandbox_config: Some(sandbox.config.clone()),
        };
        let response = self.cri.call(ctx, request).await;
        let id: Rc<str> = response
            .map_err(|status| failed("CreateContainerError", status.message))?
            .container_id
            .into();
        let name = &container.name;
        let text = if self.features.short_event_texts {
            "Container created".to_owned()
        } else {
            format!("Created container {name}")
        };
        self.container_event(ctx, work, container, Normal, "Created", &text);

        // 3. The start.
        let request = StartContainerRequest { container_id: id.to_string() };
        let response = self.cri.call(ctx, request).await;
        response.map_err(|status| failed("RunContainerError", status.message))?;
        let text = if self.features.short_event_texts {
            "Container started".to_owned()
        } else {
            format!("Started container {name}")
        };
        self.container_event(ctx, work, container, Normal, "Started", &text);
        let metadata = &pod.metadata;
        let link =
            format!("/var/log/containers/{}_{}_{name}-{id}.log", metadata.name, metadata.namespace);
        self.host.symlink(&format!("{}/{log_path}", sandbox.config.log_directory), &link);

        // 4. The hook.
        let hook = container.lifecycle.as_ref().and_then(|it| it.post_start.as_deref());
        if let Some(hook) = hook
            && let Err(message) = self.run_hook(ctx, pod, container, &id, hook, sandbox.ips).await
        {
            let (reason, text) = ("FailedPostStartHook", "PostStartHook failed");
            self.container_event(ctx, work, container, Warning, reason, text);
            let kill = Kill {
                id: &id,
                name,
                message: "FailedPostStartHook",
                reason: KillReason::FailedPostStartHook,
                grace_override: None,
                ordering: None,
            };
            // The hook's failure is what counts, whether or not the kill works.
            let _ = self.kill_container(ctx, work, kill).await;
            return Err(StartError::new("PostStartHookError", message));
        }
        Ok(())
    }

    /// The restart count of a container that the runtime no longer knows: one more than that of
    /// its last log file.
    fn restart_count_by_log_directory(&self, sandbox: &PodSandboxConfig, name: &str) -> u32 {
        let files = self.host.list(&format!("{}/{name}", sandbox.log_directory));
        let number = |file: &String| file.split('.').next()?.parse::<u32>().ok();
        files.iter().filter_map(number).max().map_or(0, |last| last.saturating_add(1))
    }

    fn ephemeral_target(
        &self,
        pod: &Pod,
        container: &Container,
        status: &PodStatus,
    ) -> Result<Option<Rc<str>>, String> {
        let ephemeral = &pod.spec.ephemeral_containers;
        let own = ephemeral.iter().find(|it| it.container.name == container.name);
        let target = own.map_or("", |own| own.target_container_name.as_str());
        if target.is_empty() {
            return Ok(None);
        }
        match status.find(target) {
            Some(status) if status.state == crate::container::State::Running => {
                Ok(Some(status.id.clone()))
            }
            Some(_) => Err(format!("container {target:?} is not running")),
            None => Err(format!("unable to find target container {target:?}")),
        }
    }

    /// Whom an image runs as: the superuser, unless it says otherwise.
    async fn image_user(&self, ctx: &Ctx, image: &str) -> Result<ImageUser, cri::Status> {
        let spec = ImageSpec { image: image.to_owned(), ..ImageSpec::default() };
        let request = ImageStatusRequest { image: Some(spec), verbose: false };
        let image = self.cri.call(ctx, request).await?.image;
        Ok(match image {
            Some(image) => match (image.uid, image.username) {
                (Some(uid), _) => ImageUser { uid: Some(uid.value), name: String::new() },
                (None, name) if !name.is_empty() => ImageUser { uid: None, name },
                _ => ImageUser { uid: Some(0), name: String::new() },
            },
            None => ImageUser { uid: Some(0), name: String::new() },
        })
    }

    /// Stops a container: preStop hook, its turn among sidecars, SIGTERM, SIGKILL.
    pub(crate) async fn kill_container(
        &self,
        ctx: &Ctx,
        work: &Work,
        kill: Kill<'_>,
    ) -> Result<(), cri::Status> {
        let ctx = &ctx.about_container(kill.name);
        let hop = Hop::new(
            Component::RuntimeManager,
            Component::CriClient,
            Protocol::Function,
            "killContainer",
        )
        .level(Level::Hops)
        .source(self.source("pkg/kubelet/kuberuntime/kuberuntime_container.go killContainer"));
        ctx.call_answering(
            hop,
            |()| Payload::None,
            async |ctx| self.kill_container_steps(&ctx, work, kill).await,
        )
        .await
    }

    async fn kill_container_steps(
        &self,
        ctx: &Ctx,
        work: &Work,
        kill: Kill<'_>,
    ) -> Result<(), cri::Status> {
        let pod = &*work.pod;
        let Some(container) = container_spec(pod, kill.name) else {
            let who = crate::format_pod(pod);
            return Err(cri::Status::unknown(format!(
                "failed to get containerSpec {:?} (id={:?}) in pod {who:?} when killing container \
                 for reason {:?}",
                kill.name, kill.id, kill.message
            )));
        };
        let own = termination_grace_period(pod, container, kill.reason);
        let text = if kill.message.is_empty() {
            format!("Stopping container {}", kill.name)
        } else {
            kill.message.to_owned()
        };
        self.container_event(ctx, work, container, Normal, "Killing", &text);
        let first = self.features.override_before_minimum;
        let mut grace = if first { kill.grace_override.unwrap_or(own) } else { own };

        let hook = container.lifecycle.as_ref().and_then(|it| it.pre_stop.as_deref());
        if let Some(hook) = hook.filter(|_| grace > 0) {
            let began = self.sim.now();
            let ips = self.cached_ips(&pod.metadata.uid);
            let running = self.run_hook(ctx, pod, container, kill.id, hook, &ips);
            let limit = Duration::from_secs(grace.unsigned_abs());
            if let Some(Err(message)) = self.at_most(limit, running).await {
                let text = if first { "PreStopHook failed".to_owned() } else { message };
                self.container_event(ctx, work, container, Warning, "FailedPreStopHook", &text);
            }
            grace -= self.sim.now().since(began).as_secs() as i64;
        }
        if let Some(ordering) = kill.ordering.filter(|_| grace > 0) {
            let limit = Duration::from_secs(grace.unsigned_abs());
            let began = self.sim.now();
            let _ = self.at_most(limit, ordering.turn_of(kill.name)).await;
            grace -= self.sim.now().since(began).as_secs() as i64;
        }
        grace = grace.max(MINIMUM_GRACE_PERIOD);
        if let Some(grace_override) = kill.grace_override.filter(|_| !first) {
            grace = grace_override;
        }
        let request = StopContainerRequest { container_id: kill.id.to_owned(), timeout: grace };
        match self.cri.call(ctx, request).await {
            Err(status) if !(status.code == Code::NotFound && self.features.missing_is_gone) => {
                return Err(status);
            }
            _ => {}
        }
        if let Some(ordering) = kill.ordering {
            ordering.ended(kill.name);
        }
        Ok(())
    }

    /// Runs a future for a limited time; none if that was not enough. What it was doing then goes
    /// on unobserved, and is recorded as cancelled.
    async fn at_most<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
        let timeout = std::pin::pin!(self.sim.sleep(limit));
        let future = std::pin::pin!(future);
        match futures_util::future::select(future, timeout).await {
            futures_util::future::Either::Left((value, _)) => Some(value),
            futures_util::future::Either::Right(_) => None,
        }
    }

    /// Removes a container and its logs.
    pub(crate) async fn remove_container(
        &self,
        ctx: &Ctx,
        id: &str,
        keep_logs: bool,
    ) -> Result<(), cri::Status> {
        if !keep_logs {
            self.remove_container_log(ctx, id).await?;
        }
        let request = RemoveContainerRequest { container_id: id.to_owned() };
        self.cri.call(ctx, request).await.map(|_| ())
    }

    async fn remove_container_log(&self, ctx: &Ctx, id: &str) -> Result<(), cri::Status> {
        let request = ContainerStatusRequest { container_id: id.to_owned(), verbose: false };
        let status = self.cri.call(ctx, request).await?.status.unwrap_or_default();
        if !status.log_path.is_empty() {
            self.host.remove(&status.log_path);
            let label = |name: &str| status.labels.get(name).map_or("", String::as_str);
            let link = format!(
                "/var/log/containers/{}_{}_{}-{id}.log",
                label(super::labels::POD_NAME),
                label(super::labels::POD_NAMESPACE),
                label(super::labels::CONTAINER_NAME)
            );
            self.host.remove(&link);
        }
        Ok(())
    }

    /// Runs a hook of a container.
    async fn run_hook(
        &self,
        ctx: &Ctx,
        pod: &Pod,
        container: &Container,
        id: &str,
        hook: &api::LifecycleHandler,
        ips: &[Rc<str>],
    ) -> Result<(), String> {
        let hop = Hop::new(
            Component::RuntimeManager,
            Component::CriClient,
            Protocol::Function,
            "runLifecycleHook",
        )
        .source(self.source("pkg/kubelet/lifecycle/handlers.go Run"));
        let result: Result<(), SimError> = ctx
            .call(hop, async |ctx| {
                crate::lifecycle::run(self, &ctx, pod, container, id, hook, ips)
                    .await
                    .map_err(|message| SimError::new("HookFailed", message))
            })
            .await;
        result.map_err(|error| error.message)
    }
}

/// A container to stop.
pub(crate) struct Kill<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    /// What the event says; empty for the usual.
    pub(crate) message: &'a str,
    pub(crate) reason: KillReason,
    pub(crate) grace_override: Option<i64>,
    pub(crate) ordering: Option<&'a TerminationOrdering>,
}

/// How long a container may take to end, in seconds.
///
/// Upstream: `kuberuntime_container.go` `setTerminationGracePeriod`.
#[must_use]
pub fn termination_grace_period(pod: &Pod, container: &Container, reason: KillReason) -> i64 {
    if let Some(grace) = pod.metadata.deletion_grace_period_seconds {
        return grace;
    }
    let Some(grace) = pod.spec.termination_grace_period_seconds else {
        return MINIMUM_GRACE_PERIOD;
    };
    let probe = match reason {
        KillReason::StartupProbe => container.startup_probe.as_deref(),
        KillReason::LivenessProbe => container.liveness_probe.as_deref(),
        _ => None,
    };
    probe.and_then(|probe| probe.termination_grace_period_seconds).unwrap_or(grace)
}

/// Who of a pod has ended, and who has to wait for that: each sidecar for all regular containers
/// and for the sidecars after it.
pub(crate) struct TerminationOrdering {
    names: Vec<(Rc<str>, Cell<bool>)>,
    prerequisites: RefCell<Vec<(Rc<str>, Vec<usize>)>>,
    changed: Signal,
}

impl TerminationOrdering {
    pub(crate) fn new(pod: &Pod, running: &[Rc<str>]) -> Self {
        let regular = pod.spec.containers.iter();
        let reversed = pod.spec.init_containers.iter().rev();
        let entry = |container: &Container| {
            let name: Rc<str> = container.name.as_str().into();
            let ended = !running.contains(&name);
            (name, Cell::new(ended))
        };
        let names: Vec<(Rc<str>, Cell<bool>)> =
            regular.chain(reversed.clone()).map(entry).collect();
        let mains: Vec<usize> = (0..pod.spec.containers.len()).collect();
        let mut prerequisites = Vec::new();
        let mut previous: Option<usize> = None;
        for (offset, container) in reversed.enumerate() {
            if is_restartable_init_container(container) {
                let before = mains.iter().copied().chain(previous).collect();
                let index = mains.len() + offset;
                prerequisites.push((names[index].0.clone(), before));
                previous = Some(index);
            }
        }
        let prerequisites = RefCell::new(prerequisites);
        Self { names, prerequisites, changed: Signal::default() }
    }

    async fn turn_of(&self, name: &str) {
        loop {
            let waits = {
                let prerequisites = self.prerequisites.borrow();
                let mine = prerequisites.iter().find(|(other, _)| **other == *name);
                mine.is_some_and(|(_, before)| before.iter().any(|&it| !self.names[it].1.get()))
            };
            if !waits {
                return;
            }
            self.changed.wait().await;
        }
    }

    fn ended(&self, name: &str) {
        for (other, ended) in &self.names {
            if **other == *name {
                ended.set(true);
            }
        }
        self.changed.notify();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_periods() {
        let mut pod = Pod::default();
        let mut container = Container::default();
        let probe = api::Probe { termination_grace_period_seconds: Some(7), ..Default::default() };
        container.liveness_probe = Some(Box::new(probe));
        let grace = |pod: &Pod, reason| termination_grace_period(pod, &container, reason);
        assert_eq!(grace(&pod, KillReason::None), 2);
        pod.spec.termination_grace_period_seconds = Some(30);
        assert_eq!(grace(&pod, KillReason::None), 30);
        assert_eq!(grace(&pod, KillReason::LivenessProbe), 7);
        assert_eq!(grace(&pod, KillReason::StartupProbe), 30);
        pod.metadata.deletion_grace_period_seconds = Some(1);
        assert_eq!(grace(&pod, KillReason::LivenessProbe), 1);
    }
}
