//! What a runtime was to a kubelet before the CRI: a Go interface at the level of pods.

use api::{Container, Pod};
use async_trait::async_trait;
use kubelet::backoff::key_of;
use sim::{Changes, Ctx};
use std::rc::Rc;
use trace::{Component, Effect, KubeEvent, KubeEventType, PodRef, Time};

/// A container runtime that is linked into the kubelet.
///
/// Models: kubernetes@v1.4.0 `pkg/kubelet/container/runtime.go` `Runtime`, as far as it is used.
#[async_trait(?Send)]
pub trait Runtime {
    /// Which package of the kubelet it is.
    fn component(&self) -> Component;

    /// Counts whatever changes what a list would answer.
    fn changes(&self) -> &Changes;

    /// Lists the pods that are there.
    ///
    /// # Errors
    /// Nobody answers.
    async fn get_pods(&self, ctx: &Ctx) -> Result<(), String>;

    /// How a pod stands.
    ///
    /// # Errors
    /// Nobody answers.
    async fn get_pod_status(&self, ctx: &Ctx, work: &Work) -> Result<PodStatus, String>;

    /// Brings a pod to what its spec says.
    ///
    /// # Errors
    /// What went wrong, for the pod's events.
    async fn sync_pod(&self, ctx: &Ctx, work: &Work, status: &PodStatus) -> Result<(), String>;

    /// Ends a pod; the grace period is in seconds.
    ///
    /// # Errors
    /// What could not be ended.
    async fn kill_pod(
        &self,
        ctx: &Ctx,
        work: &Work,
        status: &PodStatus,
        grace: i64,
    ) -> Result<(), String>;

    /// Removes what is left of a pod that has ended.
    async fn garbage_collect(&self, ctx: &Ctx, work: &Work);
}

/// A pod that a kubelet works on.
#[derive(Clone)]
pub struct Work {
    /// Its manifest.
    pub pod: Rc<Pod>,
    /// Its reference in the trace.
    pub reference: PodRef,
}

/// How a pod stands, as the runtime reports it.
#[derive(Clone, Debug, Default)]
pub struct PodStatus {
    /// Its address; empty on the host's network.
    pub ip: Rc<str>,
    /// Its containers, the newest first.
    pub containers: Vec<Found>,
}

/// A container that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The container's name in the manifest; `POD` for Docker's infra container.
    pub name: Rc<str>,
    /// The runtime's id.
    pub id: Rc<str>,
    /// What the manifest said of it when it was made, as a hash.
    pub hash: String,
    /// How many there were before it.
    pub restart_count: u32,
    /// When it was made.
    pub created: Time,
    /// How far it has come.
    pub state: FoundState,
}

/// How far a container has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundState {
    /// Not started yet.
    Created,
    /// Running since.
    Running(Time),
    /// It ended.
    Exited {
        /// When it had begun.
        started: Time,
        /// When it ended.
        finished: Time,
        /// How.
        code: i32,
        /// Whether the kernel killed it for lack of memory.
        oom_killed: bool,
    },
}

impl PodStatus {
    /// The newest container of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Found> {
        self.containers.iter().find(|found| &*found.name == name)
    }

    /// Those that run.
    pub fn running(&self) -> impl Iterator<Item = &Found> {
        self.containers.iter().filter(|found| found.is_running())
    }
}

impl Found {
    /// Whether it runs.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self.state, FoundState::Running(_))
    }
}

impl Work {
    /// The pod's UID.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.pod.metadata.uid
    }

    /// A pod in the kubelet's messages: `name_namespace(uid)`.
    #[must_use]
    pub fn format(&self) -> String {
        let metadata = &self.pod.metadata;
        format!("{}_{}({})", metadata.name, metadata.namespace, metadata.uid)
    }

    /// Whether a container that does not run has to be started.
    ///
    /// Models: kubernetes@v1.4.0 `pkg/kubelet/container/helpers.go` `ShouldContainerBeRestarted`.
    #[must_use]
    pub fn should_be_restarted(&self, status: &PodStatus, container: &Container) -> bool {
        match status.find(&container.name).map(|found| found.state) {
            None => true,
            Some(FoundState::Running(_)) => false,
            Some(FoundState::Created) => true,
            Some(FoundState::Exited { code, .. }) => match self.pod.spec.restart_policy.as_str() {
                "Never" => false,
                "OnFailure" => code != 0,
                _ => true,
            },
        }
    }

    /// A container's hash: when it changes, the container has to be made anew.
    #[must_use]
    pub fn hash_of(container: &Container) -> String {
        let text = format!("{container:?}");
        format!("{:x}", key_of(&[&text]) as u32)
    }

    /// Records an event; `container` is none for one about the pod.
    pub fn event(
        &self,
        ctx: &Ctx,
        container: Option<&str>,
        kind: KubeEventType,
        reason: &'static str,
        message: &str,
    ) {
        let field_path =
            container.map_or_else(String::new, |name| format!("spec.containers{{{name}}}"));
        ctx.effect(Effect::KubeEvent(KubeEvent {
            pod: Some(self.reference),
            kind,
            reason: reason.into(),
            field_path: field_path.into(),
            message: message.into(),
            count: 1,
            first: ctx.now(),
            delivery: trace::Delivery::Plain,
        }));
    }
}
