//! DockerManager: Docker, driven by the kubelet itself.
//!
//! Models: kubernetes@v1.4.0 `pkg/kubelet/dockertools/docker_manager.go`.

use crate::runtime::{Found, FoundState, PodStatus, Runtime, Work};
use api::{Container, Pod};
use async_trait::async_trait;
use futures_util::future::join_all;
use kubelet::backoff::{Backoff, key_of};
use node::{Node, ProcessSpec, Programs, Registry};
use runtimes::cni::{CONFIG_0_4, Cni, CniOptions, CniRequest};
use runtimes::containerd::Containerd;
use runtimes::docker::engine::{
    ContainerJson, CreateBody, DockerEngine, EngineError, Filters, HostConfig, Progress,
    PullMessage, Request, Resources, Response, pull_parameters,
};
use runtimes::docker::{Dockerd, DockerdOptions, Views};
use runtimes::oci::ShimVersion;
use sim::{Changes, Ctx, Hop, SimError};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, KubeEventType, Protocol, Time};

/// The name of the container that holds a pod's namespaces.
const POD_INFRA_CONTAINER_NAME: &str = "POD";
/// Its image.
const INFRA_IMAGE: &str = "gcr.io/google_containers/pause-amd64:3.0";
/// The least that a container gets to stop, in seconds.
const MINIMUM_GRACE_PERIOD: i64 = 2;
/// How long the infra container gets.
const INFRA_GRACE_PERIOD: i64 = 10;
/// A request on a unix socket, one way and back.
const HTTP: Duration = Duration::from_micros(400);

/// A reference into the dockertools of Kubernetes 1.4.0.
macro_rules! at {
    ($place:literal) => {
        concat!("kubernetes@v1.4.0 pkg/kubelet/dockertools/", $place)
    };
}

/// Starts containerd and dockerd as they were in the days of 1.4, and gives the manager.
#[must_use]
pub fn start_docker(
    ctx: &Ctx,
    node: &Node,
    registry: Rc<Registry>,
    programs: Rc<Programs>,
) -> Rc<DockerManager> {
    Cni::install(ctx, node, CONFIG_0_4);
    let process = ProcessSpec::host(Node::INIT, ["/usr/bin/kubelet"]);
    let kubelet = node.start_process(ctx, process.of(Component::Kubelet));
    let changes = Changes::default();
    let views = Views::new(changes.clone());
    let shims = &ShimVersion::V1;
    let containerd = Containerd::start_with(ctx, node, Rc::clone(&registry), shims);
    let options = DockerdOptions {
        version: "1.11.2".to_owned(),
        api_version: "1.23".to_owned(),
        ..DockerdOptions::default()
    };
    let views_of_daemon = views.clone();
    let daemon = Dockerd::start(
        ctx,
        &containerd,
        registry,
        programs,
        options,
        views_of_daemon,
        changes.clone(),
    );
    let cni = Cni::new(
        node,
        CniOptions {
            caller: Component::DockerManager,
            caller_pid: kubelet,
            bin_dir: "/opt/cni/bin".into(),
            conf_dir: "/etc/cni/net.d".into(),
            loopback: Some((
                r#"{"cniVersion":"0.2.0","name":"cni-loopback","plugins":[{"type":"loopback"}]}"#,
                "lo",
            )),
            source: "kubernetes@v1.4.0 pkg/kubelet/network/cni/cni.go addToNetwork",
            glue: None,
        },
    );
    Rc::new(DockerManager {
        engine: Rc::new(daemon),
        node: node.clone(),
        cni,
        views,
        changes,
        ips: RefCell::default(),
        backoff: RefCell::new(Backoff::new(Duration::from_secs(10), Duration::from_secs(300))),
    })
}

/// The manager.
pub struct DockerManager {
    engine: Rc<dyn DockerEngine>,
    node: Node,
    cni: Cni,
    views: Views,
    changes: Changes,
    /// The addresses of pods, by UID.
    ips: RefCell<BTreeMap<Rc<str>, Rc<str>>>,
    backoff: RefCell<Backoff>,
}

/// What SyncPod will do.
///
/// Models: `podContainerChangesSpec`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PodContainerChanges {
    start_infra: bool,
    infra_changed: bool,
    infra: Option<Rc<str>>,
    init_failed: bool,
    /// The containers to start, by their place in the manifest.
    to_start: Vec<usize>,
    /// The ids of those that stay.
    to_keep: BTreeSet<Rc<str>>,
}

/// Models: `computePodContainerChanges`.
fn compute_pod_container_changes(work: &Work, status: &PodStatus) -> PodContainerChanges {
    let spec = &work.pod.spec;
    let mut changes = PodContainerChanges::default();
    let infra = status.find(POD_INFRA_CONTAINER_NAME);
    match infra.filter(|infra| infra.is_running()) {
        None => changes.start_infra = true,
        // Ports and network of the pod are the infra container's.
        Some(infra) if infra.hash != infra_hash(&work.pod) => {
            changes.start_infra = true;
            changes.infra_changed = true;
        }
        Some(infra) => {
            changes.infra = Some(infra.id.clone());
            changes.to_keep.insert(infra.id.clone());
        }
    }
    if !changes.start_infra {
        for init in &spec.init_containers {
            let Some(found) = status.find(&init.name) else { break };
            match found.state {
                FoundState::Exited { code: 0, .. } => {}
                FoundState::Exited { .. } => {
                    changes.init_failed = true;
                    break;
                }
                _ => {
                    changes.to_keep.insert(found.id.clone());
                }
            }
        }
    }
    for (index, container) in spec.containers.iter().enumerate() {
        let found = status.find(&container.name);
        match found.filter(|found| found.is_running()) {
            None if work.should_be_restarted(status, container) => changes.to_start.push(index),
            None => {}
            Some(_) if changes.start_infra && spec.restart_policy == "Never" => {}
            Some(_) if changes.start_infra => changes.to_start.push(index),
            Some(found) if found.hash != Work::hash_of(container) => changes.to_start.push(index),
            Some(found) => {
                changes.to_keep.insert(found.id.clone());
            }
        }
    }
    // A pod of which nothing but the infra container would be left needs none of it.
    let infra_only = changes
        .infra
        .as_ref()
        .is_some_and(|infra| changes.to_keep.len() == 1 && changes.to_keep.contains(infra));
    if infra_only && changes.to_start.is_empty() {
        changes.to_keep.clear();
    }
    changes
}

/// What the infra container depends on.
fn infra_hash(pod: &Pod) -> String {
    let ports: Vec<_> = pod.spec.containers.iter().flat_map(|it| it.ports.iter()).collect();
    let text = format!("{INFRA_IMAGE} {} {ports:?}", pod.spec.host_network);
    format!("{:x}", key_of(&[&text]) as u32)
}

/// An error in the words of the events.
fn text(error: EngineError) -> String {
    let (_, message) = sim::Failure::describe(&error);
    match error {
        EngineError::Status { .. } => format!("Error response from daemon: {message}"),
        _ => message,
    }
}

impl DockerManager {
    async fn ask(
        &self,
        ctx: &Ctx,
        source: &'static str,
        glue: Option<&'static str>,
        request: Request,
    ) -> Result<Response, EngineError> {
        let shown = request.clone();
        let mut hop = Hop::new(
            Component::DockerManager,
            Component::Dockerd,
            Protocol::DockerApi,
            request.op(),
        )
        .source(source)
        .takes(HTTP)
        .request(move || shown.payload());
        if let Some(reason) = glue {
            hop = hop.glue(reason);
        }
        let answer = |response: &Response| trace::Payload::HttpResponse {
            status: response.status(),
            body: response.body().map(Rc::from),
        };
        ctx.call_answering(hop, answer, async |ctx| self.engine.request(&ctx, &request).await).await
    }

    async fn inspect(&self, ctx: &Ctx, id: &Rc<str>) -> Result<ContainerJson, EngineError> {
        let request = Request::InspectContainer { id: id.clone(), size: false };
        match self.ask(ctx, at!("docker_manager.go inspectContainer"), None, request).await? {
            Response::Container(container) => Ok(*container),
            _ => Err(EngineError::Connection("unexpected answer".to_owned())),
        }
    }

    async fn list(&self, ctx: &Ctx, uid: Option<&str>) -> Result<Vec<Rc<str>>, EngineError> {
        let request =
            Request::ListContainers { all: true, filters: Filters::default(), limit: true };
        let answer = self.ask(ctx, at!("docker.go GetKubeletDockerContainers"), None, request);
        let Response::Containers(found) = answer.await? else { return Ok(Vec::new()) };
        // The kubelet reads names: whose they are stands in them.
        let is_ours = |labels: &BTreeMap<String, String>| {
            let of = labels.get("io.kubernetes.pod.uid");
            of.is_some_and(|of| uid.is_none_or(|uid| of == uid))
        };
        Ok(found.iter().filter(|it| is_ours(&it.config.labels)).map(|it| it.id.clone()).collect())
    }

    /// Models: `kube_docker_client.go` `PullImage`, `images/image_manager.go` `EnsureImageExists`.
    async fn ensure_image_exists(
        &self,
        ctx: &Ctx,
        work: &Work,
        name: Option<&str>,
        image: &str,
        policy: &str,
    ) -> Result<(), String> {
        let source = at!("docker.go IsImagePresent");
        let inspect = Request::InspectImage { reference: image.to_owned() };
        let present = self.ask(ctx, source, None, inspect).await.is_ok();
        if present && policy != "Always" {
            let message = format!("Container image {image:?} already present on machine");
            work.event(ctx, name, KubeEventType::Normal, "Pulled", &message);
            return Ok(());
        }
        if policy == "Never" {
            let message =
                format!("Container image {image:?} is not present with pull policy of Never");
            work.event(ctx, name, KubeEventType::Warning, "ErrImageNeverPull", &message);
            return Err(message);
        }
        work.event(
            ctx,
            name,
            KubeEventType::Normal,
            "Pulling",
            &format!("pulling image {image:?}"),
        );
        let (from_image, tag) = pull_parameters(image);
        let progress = Progress::beginning(ctx.now());
        let pull = Request::PullImage { from_image, tag, auth: Default::default(), progress };
        let pulled = match self.ask(ctx, at!("docker.go Pull"), None, pull).await {
            Ok(Response::Pulled(messages)) => messages
                .into_iter()
                .find_map(|message| match message {
                    PullMessage::Error { message, .. } => Some(message),
                    _ => None,
                })
                .map_or(Ok(()), Err),
            Ok(_) => Ok(()),
            Err(error) => Err(text(error)),
        };
        match pulled {
            Ok(()) => {
                let message = format!("Successfully pulled image {image:?}");
                work.event(ctx, name, KubeEventType::Normal, "Pulled", &message);
                Ok(())
            }
            Err(error) => {
                let message = format!("Failed to pull image {image:?}: {error}");
                work.event(ctx, name, KubeEventType::Warning, "Failed", &message);
                Err(message)
            }
        }
    }

    /// Models: `runContainer`.
    async fn run_container(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        new: NewContainer,
    ) -> Result<Rc<str>, String> {
        let NewContainer { hash, restart_count, network_mode, ipc_mode, dns, glue } = new;
        let metadata = &work.pod.metadata;
        // Not the attempt but the hash is part of the name, and digits that nobody can guess.
        let name = format!(
            "k8s_{}.{hash}_{}_{}_{}_{}",
            container.name,
            metadata.name,
            metadata.namespace,
            metadata.uid,
            ctx.sim().random_hex("dockertools/names", 8)
        );
        let labels = [
            ("io.kubernetes.pod.name", metadata.name.clone()),
            ("io.kubernetes.pod.namespace", metadata.namespace.clone()),
            ("io.kubernetes.pod.uid", metadata.uid.clone()),
            ("io.kubernetes.container.name", container.name.clone()),
            ("io.kubernetes.container.hash", hash),
            ("io.kubernetes.container.restartCount", restart_count.to_string()),
        ];
        let is_infra = container.name == POD_INFRA_CONTAINER_NAME;
        let some = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
        let body = CreateBody {
            hostname: if is_infra { metadata.name.clone() } else { String::new() },
            env: Some(container.env.iter().map(|it| format!("{}={}", it.name, it.value)).collect()),
            entrypoint: some(&container.command),
            cmd: some(&container.args),
            image: container.image.clone(),
            working_dir: container.working_dir.clone(),
            labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
            host_config: HostConfig {
                network_mode,
                ipc_mode,
                resources: Resources {
                    cpu_shares: 2,
                    cgroup_parent: format!("/kubepods/pod{}", metadata.uid),
                    ..Resources::default()
                },
                ..HostConfig::default()
            },
            ..CreateBody::default()
        };
        let event = (!is_infra).then_some(container.name.as_str());
        let create = Request::CreateContainer { name, body: Rc::new(body) };
        let created = self.ask(ctx, at!("docker_manager.go runContainer"), glue, create).await;
        let id = match created {
            Ok(Response::Created { id }) => id,
            Ok(_) => return Err("unexpected answer".to_owned()),
            Err(error) => {
                let error = text(error);
                let message = format!("Failed to create docker container with error: {error}");
                work.event(ctx, event, KubeEventType::Warning, "Failed", &message);
                return Err(error);
            }
        };
        let short = &id[..12];
        let message = format!("Created container with docker id {short}");
        work.event(ctx, event, KubeEventType::Normal, "Created", &message);
        let start = Request::StartContainer { id: id.clone() };
        let started = self.ask(ctx, at!("docker_manager.go runContainer"), glue, start).await;
        if let Err(error) = started {
            let error = text(error);
            let message =
                format!("Failed to start container with docker id {short} with error: {error}");
            work.event(ctx, event, KubeEventType::Warning, "Failed", &message);
            return Err(error);
        }
        let message = format!("Started container with docker id {short}");
        work.event(ctx, event, KubeEventType::Normal, "Started", &message);
        self.after_start(ctx, work, container, &id, dns).await?;
        Ok(id)
    }

    /// Models: `runContainerInPod`: the log's link, and one line more in resolv.conf.
    async fn after_start(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        id: &Rc<str>,
        dns: bool,
    ) -> Result<(), String> {
        let inspected = self.inspect(ctx, id).await.map_err(text)?;
        let metadata = &work.pod.metadata;
        let link = format!(
            "/var/log/containers/{}_{}_{}-{id}.log",
            metadata.name, metadata.namespace, container.name
        );
        let hop = Hop::new(
            Component::DockerManager,
            Component::DockerManager,
            Protocol::Function,
            "symlink log",
        )
        .source(at!("docker_manager.go runContainerInPod"))
        .glue("log-symlink");
        ctx.call::<(), SimError>(hop, async |ctx| {
            self.node.symlink(&ctx, &inspected.log_path, &link);
            Ok(())
        })
        .await
        .map_err(|error| error.message)?;
        if !dns || inspected.resolv_conf_path.is_empty() {
            return Ok(());
        }
        // Docker of those days has no way to set an option.
        let path = &inspected.resolv_conf_path;
        let hop = Hop::new(
            Component::DockerManager,
            Component::DockerManager,
            Protocol::Function,
            "addNDotsOption",
        )
        .source(at!("docker_manager.go addNDotsOption"))
        .glue("resolv-conf-rewrite");
        ctx.call::<(), SimError>(hop, async |ctx| {
            let before = self.node.read_file(path).unwrap_or_default();
            self.node.write_file(&ctx, path, &format!("{before}options ndots:5\n"));
            Ok(())
        })
        .await
        .map_err(|error| error.message)
    }

    /// Models: `createPodInfraContainer`.
    async fn create_pod_infra_container(&self, ctx: &Ctx, work: &Work) -> Result<Rc<str>, String> {
        let host = work.pod.spec.host_network;
        self.ensure_image_exists(ctx, work, None, INFRA_IMAGE, "IfNotPresent").await?;
        let container = Container {
            name: POD_INFRA_CONTAINER_NAME.to_owned(),
            image: INFRA_IMAGE.to_owned(),
            ..Container::default()
        };
        let new = NewContainer {
            hash: infra_hash(&work.pod),
            restart_count: 0,
            network_mode: if host { "host" } else { "none" }.to_owned(),
            ipc_mode: String::new(),
            dns: !host,
            glue: Some("infra-container"),
        };
        self.run_container(ctx, work, &container, new).await
    }

    fn cni_request(work: &Work, id: &Rc<str>, pid: u32) -> Rc<CniRequest> {
        let metadata = &work.pod.metadata;
        Rc::new(CniRequest {
            container_id: id.clone(),
            netns: if pid == 0 { "".into() } else { format!("/proc/{pid}/ns/net").into() },
            args: vec![
                ("IgnoreUnknown", "1".into()),
                ("K8S_POD_NAMESPACE", metadata.namespace.as_str().into()),
                ("K8S_POD_NAME", metadata.name.as_str().into()),
                ("K8S_POD_INFRA_CONTAINER_ID", id.clone()),
            ],
            capabilities: Vec::new(),
        })
    }

    /// The network is the kubelet's work, within SyncPod.
    async fn set_up_network(&self, ctx: &Ctx, work: &Work, id: &Rc<str>) -> Result<(), String> {
        let inspected = self.inspect(ctx, id).await.map_err(text)?;
        let request = Self::cni_request(work, id, inspected.state.pid);
        let added = self.cni.add(ctx, &request).await.map_err(|error| error.message)?;
        if let Some(ip) = added.ip {
            self.views.set_ip(ctx, id, &ip);
            self.ips.borrow_mut().insert(work.uid().into(), ip);
        }
        Ok(())
    }

    async fn tear_down_network(&self, ctx: &Ctx, work: &Work, id: &Rc<str>) -> Result<(), String> {
        let pid = self.inspect(ctx, id).await.map_or(0, |inspected| inspected.state.pid);
        let request = Self::cni_request(work, id, pid);
        self.cni.del(ctx, &request).await.map_err(|error| error.message)
    }

    /// Models: `killContainer`.
    async fn kill_container(
        &self,
        ctx: &Ctx,
        work: &Work,
        found: &Found,
        grace: i64,
        reason: &str,
    ) -> Result<(), String> {
        let grace = grace.max(MINIMUM_GRACE_PERIOD);
        let stop = Request::StopContainer { id: found.id.clone(), timeout: grace };
        let stopped = self.ask(ctx, at!("docker_manager.go killContainer"), None, stop).await;
        let message = format!("Killing container with docker id {}: {reason}", &found.id[..12]);
        let event = (*found.name != *POD_INFRA_CONTAINER_NAME).then_some(&*found.name);
        work.event(ctx, event, KubeEventType::Normal, "Killing", &message);
        stopped.map(|_| ()).map_err(text)
    }

    /// Everything but the infra container at the same time, then the network, then the infra
    /// container.
    ///
    /// Models: `killPodWithSyncResult`.
    async fn kill_all(
        &self,
        ctx: &Ctx,
        work: &Work,
        status: &PodStatus,
        grace: Option<i64>,
    ) -> Result<(), String> {
        let grace = grace.or(work.pod.spec.termination_grace_period_seconds).unwrap_or(30);
        let (infra, others): (Vec<_>, Vec<_>) =
            status.running().partition(|found| *found.name == *POD_INFRA_CONTAINER_NAME);
        let kills = others
            .into_iter()
            .map(|found| self.kill_container(ctx, work, found, grace, "Need to kill pod."));
        join_all(kills).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        for infra in infra {
            if !work.pod.spec.host_network {
                self.tear_down_network(ctx, work, &infra.id).await?;
            }
            let why = "Need to kill pod.";
            self.kill_container(ctx, work, infra, INFRA_GRACE_PERIOD, why).await?;
        }
        Ok(())
    }

    /// Whether a container has to wait before it is started again.
    ///
    /// Models: `doBackOff`.
    fn do_back_off(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        status: &PodStatus,
    ) -> bool {
        let ended = status.find(&container.name).and_then(|found| match found.state {
            FoundState::Exited { finished, .. } => Some(finished),
            _ => None,
        });
        let Some(ended) = ended else { return false };
        let key = key_of(&[work.uid(), &container.name, &Work::hash_of(container)]);
        let mut backoff = self.backoff.borrow_mut();
        if backoff.until_since(key, ended, ctx.now()).is_some() {
            work.event(
                ctx,
                Some(&container.name),
                KubeEventType::Warning,
                "BackOff",
                "Back-off restarting failed docker container",
            );
            return true;
        }
        backoff.next(key, ended, ctx.now());
        false
    }

    /// Models: `tryContainerStart`.
    async fn try_container_start(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
        status: &PodStatus,
        infra: &Rc<str>,
    ) -> Result<(), String> {
        let ctx = ctx.about_container(&container.name);
        let policy = container.image_pull_policy.as_str();
        self.ensure_image_exists(&ctx, work, Some(&container.name), &container.image, policy)
            .await?;
        let before = status.find(&container.name);
        let of_infra = format!("container:{infra}");
        let new = NewContainer {
            hash: Work::hash_of(container),
            restart_count: before.map_or(0, |found| found.restart_count + 1),
            network_mode: of_infra.clone(),
            ipc_mode: of_infra,
            dns: false,
            glue: None,
        };
        self.run_container(&ctx, work, container, new).await.map(|_| ())
    }
}

/// What distinguishes an infra container from others.
struct NewContainer {
    hash: String,
    restart_count: u32,
    network_mode: String,
    ipc_mode: String,
    /// Whether its resolv.conf is the pod's.
    dns: bool,
    glue: Option<&'static str>,
}

fn found_of(inspected: &ContainerJson) -> Found {
    let label = |name: &str| inspected.config.labels.get(name).map_or("", String::as_str);
    let state = &inspected.state;
    let started = state.started_at.unwrap_or(Time::ZERO);
    Found {
        name: label("io.kubernetes.container.name").into(),
        id: inspected.id.clone(),
        hash: label("io.kubernetes.container.hash").to_owned(),
        restart_count: label("io.kubernetes.container.restartCount").parse().unwrap_or_default(),
        created: inspected.created,
        state: match (state.running, state.finished_at) {
            (true, _) => FoundState::Running(started),
            (false, Some(finished)) => FoundState::Exited {
                started,
                finished,
                code: state.exit_code,
                oom_killed: state.oom_killed,
            },
            (false, None) => FoundState::Created,
        },
    }
}

#[async_trait(?Send)]
impl Runtime for DockerManager {
    fn component(&self) -> Component {
        Component::DockerManager
    }

    fn changes(&self) -> &Changes {
        &self.changes
    }

    async fn get_pods(&self, ctx: &Ctx) -> Result<(), String> {
        self.list(ctx, None).await.map(|_| ()).map_err(text)
    }

    async fn get_pod_status(&self, ctx: &Ctx, work: &Work) -> Result<PodStatus, String> {
        let mut containers = Vec::new();
        for id in self.list(ctx, Some(work.uid())).await.map_err(text)? {
            // One that has gone in the meantime does not count.
            if let Ok(inspected) = self.inspect(ctx, &id).await {
                containers.push(found_of(&inspected));
            }
        }
        containers.sort_by_key(|found| std::cmp::Reverse(found.created));
        let ip = self.ips.borrow().get(work.uid()).cloned().unwrap_or_else(|| "".into());
        Ok(PodStatus { ip, containers })
    }

    async fn sync_pod(&self, ctx: &Ctx, work: &Work, status: &PodStatus) -> Result<(), String> {
        let changes = compute_pod_container_changes(work, status);
        if changes.infra_changed {
            let message = "Pod infrastructure changed, it will be killed and re-created.";
            work.event(ctx, None, KubeEventType::Normal, "InfraChanged", message);
        }
        if changes.start_infra || (changes.to_keep.is_empty() && changes.to_start.is_empty()) {
            self.kill_all(ctx, work, status, None).await?;
        } else {
            let grace = work.pod.spec.termination_grace_period_seconds.unwrap_or(30);
            for found in status.running().filter(|found| !changes.to_keep.contains(&found.id)) {
                let reason = "pod container hash changed, it will be killed and re-created.";
                self.kill_container(ctx, work, found, grace, reason).await?;
            }
        }
        let mut infra = changes.infra.clone();
        let inits_left = work.pod.spec.init_containers.iter().any(|init| {
            !matches!(
                status.find(&init.name).map(|found| found.state),
                Some(FoundState::Exited { code: 0, .. })
            )
        });
        if changes.start_infra && (!changes.to_start.is_empty() || inits_left) {
            let id = self.create_pod_infra_container(ctx, work).await?;
            if !work.pod.spec.host_network
                && let Err(error) = self.set_up_network(ctx, work, &id).await
            {
                let metadata = &work.pod.metadata;
                let pod = format!("{}_{}", metadata.name, metadata.namespace);
                let message = format!(
                    "Failed to setup network for pod {pod:?} using network plugins \"cni\": {error}; Skipping pod"
                );
                let found = found_of(&self.inspect(ctx, &id).await.map_err(text)?);
                let why = message.as_str();
                let _ = self.tear_down_network(ctx, work, &id).await;
                self.kill_container(ctx, work, &found, INFRA_GRACE_PERIOD, why).await?;
                return Err(message);
            }
            infra = Some(id);
        }
        let Some(infra) = infra else { return Ok(()) };
        // One init container at a time, and nothing else until all have succeeded.
        for init in &work.pod.spec.init_containers {
            let found = status.find(&init.name).filter(|_| !changes.start_infra);
            match found.map(|found| found.state) {
                Some(FoundState::Exited { code: 0, .. }) => continue,
                Some(FoundState::Running(_)) => return Ok(()),
                Some(FoundState::Exited { .. }) if work.pod.spec.restart_policy == "Never" => {
                    return Ok(());
                }
                _ => {}
            }
            if self.do_back_off(ctx, work, init, status) {
                return Ok(());
            }
            return self.try_container_start(ctx, work, init, status, &infra).await;
        }
        let mut errors = Vec::new();
        for index in changes.to_start {
            let container = &work.pod.spec.containers[index];
            if !changes.start_infra && self.do_back_off(ctx, work, container, status) {
                let name = &container.name;
                errors.push(format!(
                    "failed to \"StartContainer\" for {name:?} with CrashLoopBackOff"
                ));
                continue;
            }
            let started = self.try_container_start(ctx, work, container, status, &infra).await;
            if let Err(error) = started {
                let name = &container.name;
                errors.push(format!(
                    "failed to \"StartContainer\" for {name:?} with RunContainerError: {error:?}"
                ));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors.join(", ")) }
    }

    async fn kill_pod(
        &self,
        ctx: &Ctx,
        work: &Work,
        status: &PodStatus,
        grace: i64,
    ) -> Result<(), String> {
        self.kill_all(ctx, work, status, Some(grace)).await
    }

    /// Models: `container_gc.go`: the containers of a pod that is gone.
    async fn garbage_collect(&self, ctx: &Ctx, work: &Work) {
        let ids = self.list(ctx, Some(work.uid())).await.unwrap_or_default();
        for id in ids {
            let remove = Request::RemoveContainer { id, force: false };
            let source = at!("container_gc.go removeOldestN");
            // What cannot be removed now is left to the next time.
            let _ = self.ask(ctx, source, None, remove).await;
        }
        self.ips.borrow_mut().remove(work.uid());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trace::PodRef;

    fn work(policy: &str) -> Work {
        let mut pod = Pod::default();
        pod.spec.restart_policy = policy.to_owned();
        for name in ["a", "b"] {
            let container = Container { name: name.to_owned(), ..Container::default() };
            pod.spec.containers.push(container);
        }
        Work { pod: Rc::new(pod), reference: PodRef(0) }
    }

    fn found(work: &Work, name: &str, state: FoundState) -> Found {
        let container = work.pod.spec.containers.iter().find(|it| it.name == name);
        Found {
            name: name.into(),
            id: format!("id-{name}").into(),
            hash: container.map_or_else(|| infra_hash(&work.pod), Work::hash_of),
            restart_count: 0,
            created: Time::ZERO,
            state,
        }
    }

    /// Which containers are running or have exited with a code, and what follows: whether the
    /// infra container is made, which containers are started, how many are kept.
    #[test]
    fn changes_follow_from_what_is_there() {
        let running = FoundState::Running(Time::ZERO);
        let exited = |code| FoundState::Exited {
            started: Time::ZERO,
            finished: Time::ZERO,
            code,
            oom_killed: false,
        };
        type Case<'a> = (&'a str, &'a [(&'a str, FoundState)], (bool, &'a [usize], usize));
        let cases: &[Case<'_>] = &[
            ("Always", &[], (true, &[0, 1], 0)),
            ("Always", &[("POD", running)], (false, &[0, 1], 1)),
            ("Always", &[("POD", running), ("a", running), ("b", running)], (false, &[], 3)),
            ("Always", &[("POD", running), ("a", exited(0)), ("b", running)], (false, &[0], 2)),
            ("OnFailure", &[("POD", running), ("a", exited(0)), ("b", running)], (false, &[], 2)),
            ("OnFailure", &[("POD", running), ("a", exited(1)), ("b", running)], (false, &[0], 2)),
            ("Never", &[("POD", running), ("a", exited(1)), ("b", exited(0))], (false, &[], 0)),
            // Without the infra container, everything that runs has lost its network.
            ("Always", &[("POD", exited(137)), ("a", running), ("b", running)], (true, &[0, 1], 0)),
            ("Never", &[("POD", exited(137)), ("a", running), ("b", running)], (true, &[], 0)),
        ];
        for (policy, there, expected) in cases {
            let work = work(policy);
            let containers = there.iter().map(|(name, state)| found(&work, name, *state)).collect();
            let status = PodStatus { ip: "".into(), containers };
            let changes = compute_pod_container_changes(&work, &status);
            let made = (changes.start_infra, changes.to_start.as_slice(), changes.to_keep.len());
            assert_eq!(made, *expected, "{policy} {there:?}");
        }
    }
}
