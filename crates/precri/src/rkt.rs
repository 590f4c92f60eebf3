//! rkt, driven by the kubelet itself ("rktnetes"): a pod is one rkt pod and one systemd unit, and
//! its containers share their fate.
//!
//! Models: kubernetes@v1.4.0 `pkg/kubelet/rkt/rkt.go`.

use crate::runtime::{Found, FoundState, PodStatus, Runtime, Work};
use api::Container;
use async_trait::async_trait;
use futures_util::future::{Either, select};
use node::{Command, Node, ProcessSpec, Programs, Registry, SIGKILL, SIGTERM, Surroundings, image};
use runtimes::cni::{CONFIG_0_4, Cni, CniOptions, CniRequest};
use sim::{Changes, Ctx, Hop, Signal, SimError};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use trace::{
    Component, ContainerState, ContainerView, Effect, Exit, KubeEventType, NamespaceKind, Payload,
    Protocol, SandboxView, Time,
};

/// Where units are that are gone after a reboot.
const UNITS: &str = "/run/systemd/system";
/// A message on D-Bus, one way and back.
const DBUS: Duration = Duration::from_millis(1);
/// A call of the API service.
const GRPC: Duration = Duration::from_millis(2);
/// Rendering a pod's images into a directory tree.
const PREPARE: Duration = Duration::from_millis(350);
/// From the unit's start until stage1's systemd starts the apps.
const STAGE1: Duration = Duration::from_millis(400);
/// Executing any other small program.
const EXEC: Duration = Duration::from_millis(10);

/// A reference into the rkt runtime of Kubernetes 1.4.0.
macro_rules! at {
    ($place:literal) => {
        concat!("kubernetes@v1.4.0 pkg/kubelet/rkt/", $place)
    };
}

/// Starts rkt's API service and gives the runtime.
#[must_use]
pub fn start_rkt(
    ctx: &Ctx,
    node: &Node,
    registry: Rc<Registry>,
    programs: Rc<Programs>,
) -> Rc<RktRuntime> {
    Cni::install(ctx, node, CONFIG_0_4);
    let kubelet = ProcessSpec::host(Node::INIT, ["/usr/bin/kubelet"]).of(Component::Kubelet);
    let kubelet = node.start_process(ctx, kubelet);
    let api = ProcessSpec::host(Node::INIT, ["/usr/bin/rkt", "api-service"]);
    node.start_process(ctx, api.of(Component::RktApi));
    let cni = Cni::new(
        node,
        CniOptions {
            caller: Component::RktRuntime,
            caller_pid: kubelet,
            bin_dir: "/opt/cni/bin".into(),
            conf_dir: "/etc/cni/net.d".into(),
            loopback: None,
            source: "kubernetes@v1.4.0 pkg/kubelet/network/cni/cni.go addToNetwork",
            glue: None,
        },
    );
    let images = registry.present().map(|reference| reference.to_string()).collect();
    Rc::new(RktRuntime {
        node: node.clone(),
        kubelet,
        cni,
        registry,
        programs,
        changes: Changes::default(),
        images: RefCell::new(images),
        pods: RefCell::default(),
    })
}

/// The runtime.
pub struct RktRuntime {
    node: Node,
    /// The kubelet's process.
    kubelet: u32,
    cni: Cni,
    registry: Rc<Registry>,
    programs: Rc<Programs>,
    changes: Changes,
    /// The images in rkt's store, by their full reference.
    images: RefCell<BTreeSet<String>>,
    pods: RefCell<Vec<Rc<RktPod>>>,
}

/// A pod of rkt's.
struct RktPod {
    uuid: Rc<str>,
    pod_uid: Rc<str>,
    attempt: u32,
    ip: Rc<str>,
    created: Time,
    /// systemd-nspawn's process; 0 before it starts and after it ends.
    stage1: Cell<u32>,
    apps: Vec<Rc<App>>,
    changed: Signal,
}

/// A program in it.
struct App {
    name: Rc<str>,
    id: Rc<str>,
    image: Rc<str>,
    hash: String,
    restart_count: u32,
    argv: Vec<Rc<str>>,
    env: Vec<Rc<str>>,
    pid: Cell<u32>,
    state: Cell<FoundState>,
}

impl RktPod {
    fn unit(&self) -> String {
        format!("k8s_{}.service", self.uuid)
    }

    fn is_active(&self) -> bool {
        self.stage1.get() != 0
    }

    fn view(&self) -> Effect {
        Effect::Sandbox(Rc::new(SandboxView {
            id: self.uuid.clone(),
            pod_uid: self.pod_uid.clone(),
            attempt: self.attempt,
            ready: self.is_active(),
            ip: if self.is_active() { self.ip.clone() } else { "".into() },
            pid: self.stage1.get(),
        }))
    }

    fn app_view(&self, app: &App) -> Effect {
        let (state, exit_code, reason) = match app.state.get() {
            FoundState::Created => (ContainerState::Created, None, ""),
            FoundState::Running(_) => (ContainerState::Running, None, ""),
            FoundState::Exited { code, oom_killed, .. } => {
                let reason = match (oom_killed, code) {
                    (true, _) => "OOMKilled",
                    (_, 0) => "Completed",
                    _ => "Error",
                };
                (ContainerState::Exited, Some(code), reason)
            }
        };
        Effect::Container(Rc::new(ContainerView {
            id: app.id.clone(),
            sandbox_id: self.uuid.clone(),
            pod_uid: self.pod_uid.clone(),
            name: app.name.clone(),
            attempt: app.restart_count,
            state,
            image: app.image.clone(),
            pid: app.pid.get(),
            exit_code,
            reason: reason.into(),
        }))
    }
}

fn netns_of(work: &Work) -> String {
    format!("/var/run/netns/k8s_{}", work.uid())
}

impl RktRuntime {
    /// A program that runs for a while and does something.
    async fn exec<T>(
        &self,
        ctx: &Ctx,
        to: Component,
        op: &'static str,
        argv: Vec<String>,
        takes: Duration,
        then: impl AsyncFnOnce(&Ctx) -> Result<T, SimError>,
    ) -> Result<T, SimError> {
        let shown = argv.clone();
        let hop = Hop::new(Component::RktRuntime, to, Protocol::Exec, op)
            .source(at!("rkt.go"))
            .request(move || Payload::Exec { argv: shown.clone(), env: Vec::new(), stdin: None });
        ctx.call_answering(
            hop,
            |_| Payload::None,
            async |ctx| {
                let words = argv.iter().map(String::as_str);
                let process = ProcessSpec::host(self.kubelet, words);
                let process = if to == Component::Rkt { process.of(to) } else { process };
                let pid = self.node.start_process(&ctx, process);
                ctx.sleep(takes).await;
                let result = then(&ctx).await;
                let code = i32::from(result.is_err());
                self.node.end_process(&ctx, pid, Exit { code, oom_killed: false });
                result
            },
        )
        .await
    }

    fn dbus(op: &'static str, source: &'static str, unit: &str) -> Hop {
        let unit = unit.to_owned();
        Hop::new(Component::RktRuntime, Component::Systemd, Protocol::Dbus, op)
            .source(source)
            .takes(DBUS)
            .request(move || Payload::Text(format!("{unit} replace").into()))
    }

    /// The API service can only be read from.
    async fn api(&self, ctx: &Ctx, op: &'static str, source: &'static str) -> Result<(), String> {
        let hop = Hop::new(Component::RktRuntime, Component::RktApi, Protocol::Grpc, op)
            .source(source)
            .takes(GRPC);
        let asked: Result<(), SimError> = ctx.call(hop, async |_| Ok(())).await;
        asked.map_err(|error| error.message)
    }

    /// The network namespace is made before anything runs, as it would be under the CRI.
    ///
    /// Models: `setupPodNetwork`.
    async fn set_up_pod_network(&self, ctx: &Ctx, work: &Work) -> Result<Rc<str>, String> {
        if work.pod.spec.host_network {
            return Ok("".into());
        }
        let path = netns_of(work);
        let words = ["ip", "netns", "add"].map(str::to_owned).into_iter();
        let argv = words.chain([format!("k8s_{}", work.uid())]).collect();
        self.exec(ctx, Component::Kernel, "ip netns add", argv, EXEC, async |ctx| {
            let namespace = self.node.new_namespace(ctx, NamespaceKind::Net);
            self.node.bind_namespace(ctx, namespace, &path);
            Ok(())
        })
        .await
        .map_err(|error| error.message)?;
        let added = self.cni.add(ctx, &self.cni_request(work)).await;
        let added = added.map_err(|error| error.message)?;
        Ok(added.ip.unwrap_or_else(|| "".into()))
    }

    /// The network knows the pod by its UID: there is no container yet.
    fn cni_request(&self, work: &Work) -> Rc<CniRequest> {
        let metadata = &work.pod.metadata;
        Rc::new(CniRequest {
            container_id: metadata.uid.as_str().into(),
            netns: netns_of(work).into(),
            args: vec![
                ("IgnoreUnknown", "1".into()),
                ("K8S_POD_NAMESPACE", metadata.namespace.as_str().into()),
                ("K8S_POD_NAME", metadata.name.as_str().into()),
                ("K8S_POD_INFRA_CONTAINER_ID", metadata.uid.as_str().into()),
            ],
            capabilities: Vec::new(),
        })
    }

    /// Models: `cleanupPodNetwork`.
    async fn clean_up_pod_network(&self, ctx: &Ctx, work: &Work) -> Result<(), String> {
        let path = netns_of(work);
        let Some(namespace) = self.node.namespace_at(&path) else { return Ok(()) };
        self.cni.del(ctx, &self.cni_request(work)).await.map_err(|error| error.message)?;
        let words = ["ip", "netns", "del"].map(str::to_owned).into_iter();
        let argv = words.chain([format!("k8s_{}", work.uid())]).collect();
        self.exec(ctx, Component::Kernel, "ip netns del", argv, EXEC, async |ctx| {
            self.node.unbind_namespace(ctx, namespace);
            Ok(())
        })
        .await
        .map_err(|error| error.message)
    }

    /// Models: `image.go` `PullImage`: `--no-store` asks again for what is there.
    async fn ensure_image(
        &self,
        ctx: &Ctx,
        work: &Work,
        container: &Container,
    ) -> Result<(), String> {
        let name = Some(container.name.as_str());
        let wanted = &container.image;
        let full = image::normalize(wanted);
        self.api(ctx, "ListImages", at!("image.go IsImagePresent")).await?;
        let present = self.images.borrow().contains(&full);
        if present && container.image_pull_policy != "Always" {
            let message = format!("Container image {wanted:?} already present on machine");
            work.event(ctx, name, KubeEventType::Normal, "Pulled", &message);
            return Ok(());
        }
        let message = format!("pulling image {wanted:?}");
        work.event(ctx, name, KubeEventType::Normal, "Pulling", &message);
        let argv = ["/usr/bin/rkt", "--insecure-options=image,ondisk", "fetch", "--no-store"];
        let argv = argv.iter().map(|&word| word.to_owned());
        let argv = argv.chain([format!("docker://{wanted}")]).collect();
        let spec = self.registry.resolve(&full);
        let fetched = self.exec(ctx, Component::Rkt, "rkt fetch", argv, EXEC, async |ctx| {
            let shown = full.clone();
            let takes = spec.as_ref().map_or(Duration::from_secs(1), |spec| spec.pull_time);
            let hop = Hop::new(Component::Rkt, Component::Registry, Protocol::Https, "GET image")
                .source("rkt@v1.15.0 rkt/image/fetcher.go FetchImage")
                .takes(takes)
                .request(move || Payload::Text(shown.as_str().into()));
            ctx.call(hop, async |_| match &spec {
                Some(_) => Ok(()),
                None => Err(SimError::new("404", "manifest unknown")),
            })
            .await
        });
        match fetched.await {
            Ok(()) => {
                self.images.borrow_mut().insert(full);
                let message = format!("Successfully pulled image {wanted:?}");
                work.event(ctx, name, KubeEventType::Normal, "Pulled", &message);
                Ok(())
            }
            Err(error) => {
                let message = format!("Failed to pull image {wanted:?}: {}", error.message);
                work.event(ctx, name, KubeEventType::Warning, "Failed", &message);
                Err(message)
            }
        }
    }

    /// Models: `preparePod`: images, the pod's manifest, `rkt prepare`, the unit's file.
    async fn prepare_pod(
        &self,
        ctx: &Ctx,
        work: &Work,
        status: &PodStatus,
        ip: Rc<str>,
    ) -> Result<Rc<RktPod>, String> {
        for container in &work.pod.spec.containers {
            self.ensure_image(&ctx.about_container(&container.name), work, container).await?;
        }
        let manifest = format!("/tmp/manifest-{}", work.pod.metadata.name);
        let names = work.pod.spec.containers.iter().map(|it| it.name.as_str());
        let names = names.collect::<Vec<_>>().join("\",\"");
        let text = format!(r#"{{"acKind":"PodManifest","apps":["{names}"]}}"#);
        self.node.write_file(ctx, &manifest, &text);
        let argv = ["/usr/bin/rkt", "prepare", "--quiet", "--pod-manifest", &manifest];
        let argv = argv.map(str::to_owned).into();
        let uuid: Rc<str> = self
            .exec(ctx, Component::Rkt, "rkt prepare", argv, PREPARE, async |ctx| {
                let uuid = ctx.sim().random_uuid("rkt/pods");
                self.node.make_private_dir(ctx, &format!("/var/lib/rkt/pods/prepared/{uuid}"));
                Ok(uuid.into())
            })
            .await
            .map_err(|error| error.message)?;
        self.node.remove_file(ctx, &manifest);
        // A restart is the whole pod's: the count of each is the highest of all.
        let before = status.containers.iter().map(|found| found.restart_count + 1).max();
        let restart_count = before.unwrap_or(0);
        let apps = work.pod.spec.containers.iter().map(|container| {
            let spec = self.registry.resolve(&image::normalize(&container.image));
            let (entrypoint, cmd) =
                spec.map_or_else(Default::default, |spec| (spec.entrypoint, spec.cmd));
            let given = |words: &[String]| -> Vec<Rc<str>> {
                words.iter().map(|word| word.as_str().into()).collect()
            };
            let (command, args) = (given(&container.command), given(&container.args));
            // Arguments stand in the place of the image's, a command in that of both.
            let argv = match (command.is_empty(), args.is_empty()) {
                (true, true) => [entrypoint, cmd].concat(),
                (true, false) => [entrypoint, args].concat(),
                (false, _) => [command, args].concat(),
            };
            Rc::new(App {
                name: container.name.as_str().into(),
                id: format!("{uuid}:{}", container.name).into(),
                image: image::normalize(&container.image).into(),
                hash: Work::hash_of(container),
                restart_count,
                argv,
                env: container
                    .env
                    .iter()
                    .map(|it| format!("{}={}", it.name, it.value).into())
                    .collect(),
                pid: Cell::new(0),
                state: Cell::new(FoundState::Created),
            })
        });
        let pod = Rc::new(RktPod {
            pod_uid: work.uid().into(),
            attempt: restart_count,
            ip,
            created: ctx.now(),
            stage1: Cell::new(0),
            apps: apps.collect(),
            changed: Signal::default(),
            uuid,
        });
        self.node.write_file(ctx, &format!("{UNITS}/{}", pod.unit()), &unit_file(work, &pod));
        self.pods.borrow_mut().push(pod.clone());
        Ok(pod)
    }

    /// Models: `RunPod`.
    async fn run_pod(&self, ctx: &Ctx, work: &Work, status: &PodStatus) -> Result<(), String> {
        let ip = match self.set_up_pod_network(ctx, work).await {
            Ok(ip) => ip,
            Err(error) => {
                let _ = self.clean_up_pod_network(ctx, work).await;
                return Err(error);
            }
        };
        let pod = match self.prepare_pod(ctx, work, status, ip).await {
            Ok(pod) => pod,
            Err(error) => {
                let _ = self.clean_up_pod_network(ctx, work).await;
                return Err(error);
            }
        };
        for app in &pod.apps {
            let message = format!("Created with rkt id {}", &pod.uuid[..8]);
            work.event(ctx, Some(&app.name), KubeEventType::Normal, "Created", &message);
            ctx.effect(pod.app_view(app));
        }
        let hop = Self::dbus("RestartUnit", at!("rkt.go RunPod"), &pod.unit());
        let started = ctx.call(hop, async |ctx| self.start_unit(&ctx, work, &pod).await).await;
        for app in &pod.apps {
            let (kind, reason, what) = match &started {
                Ok(()) => (KubeEventType::Normal, "Started", "Started".to_owned()),
                Err(error) => {
                    let message = format!("Failed to start: {}", error.message);
                    (KubeEventType::Warning, "Failed", message)
                }
            };
            let message = format!("{what} with rkt id {}", &pod.uuid[..8]);
            work.event(ctx, Some(&app.name), kind, reason, &message);
        }
        self.changes.mark();
        if let Err(error) = started {
            let _ = self.clean_up_pod_network(ctx, work).await;
            return Err(error.message);
        }
        Ok(())
    }

    /// systemd executes rkt, which becomes stage1, in which another systemd starts the apps.
    async fn start_unit(&self, ctx: &Ctx, work: &Work, pod: &Rc<RktPod>) -> Result<(), SimError> {
        let argv = run_prepared(work, &pod.uuid);
        let shown = argv.clone();
        let run = Hop::new(Component::Systemd, Component::Rkt, Protocol::Exec, "rkt run-prepared")
            .source("rkt@v1.15.0 rkt/run_prepared.go runRunPrepared")
            .request(move || Payload::Exec { argv: shown.clone(), env: Vec::new(), stdin: None });
        ctx.call(run, async |ctx| {
            let stage1 =
                Hop::new(Component::Rkt, Component::Stage1, Protocol::Exec, "systemd-nspawn")
                    .source("rkt@v1.15.0 stage1/init/init.go stage1")
                    .takes(STAGE1);
            ctx.call(stage1, async |ctx| {
                self.start_apps(&ctx, work, pod);
                Ok(())
            })
            .await
        })
        .await
    }

    fn start_apps(&self, ctx: &Ctx, work: &Work, pod: &Rc<RktPod>) {
        let node = &self.node;
        let unit: Rc<str> = format!("/system.slice/{}", pod.unit()).into();
        node.create_cgroup(ctx, &unit);
        let machine = format!("--machine=rkt-{}", pod.uuid);
        let stage1 = ProcessSpec::host(Node::INIT, ["systemd-nspawn", &machine]);
        let stage1 = ProcessSpec { cgroup: unit.clone(), ..stage1.of(Component::Stage1) };
        let stage1 = node.start_process(ctx, stage1);
        node.set_subreaper(stage1);
        pod.stage1.set(stage1);
        ctx.effect(pod.view());
        let mut shared: Vec<(NamespaceKind, u32)> =
            [NamespaceKind::Pid, NamespaceKind::Ipc, NamespaceKind::Uts]
                .map(|kind| (kind, node.new_namespace(ctx, kind)))
                .into();
        if let Some(net) = node.namespace_at(&netns_of(work)) {
            shared.push((NamespaceKind::Net, net));
        }
        for app in &pod.apps {
            let mut namespaces = shared.clone();
            namespaces.push((NamespaceKind::Mnt, node.new_namespace(ctx, NamespaceKind::Mnt)));
            let (pod_name, attempt) = (&work.pod.metadata.name, app.restart_count);
            let declared = self.programs.declared(pod_name, &app.name, attempt);
            let surroundings = Surroundings { image: app.image.clone(), ..Surroundings::default() };
            let command = Command {
                argv: app.argv.clone(),
                env: app.env.clone(),
                surroundings: Rc::new(surroundings),
                ..Command::default()
            };
            let spec = ProcessSpec {
                ppid: stage1,
                argv: vec!["systemd".into()],
                component: None,
                container_id: app.id.clone(),
                namespaces,
                cgroup: unit.clone(),
            };
            let ctx = ctx.about_container(&app.name);
            let pid = node.start_process(&ctx, spec);
            app.pid.set(pid);
            app.state.set(FoundState::Running(ctx.now()));
            ctx.effect(pod.app_view(app));
            let (pod, app, node, changes) =
                (pod.clone(), app.clone(), node.clone(), self.changes.clone());
            let (child, ctx) = (ctx.clone(), ctx.detached());
            let _ = self.node.on_exit(pid, move |exit, event| {
                let ctx = ctx.woken_by(Some(event));
                app_ended(&ctx, &node, &pod, &app, exit);
                changes.mark();
            });
            self.node.exec(&child, pid, command, declared);
        }
    }
}

/// An app has ended. The pod goes on as long as one runs, unless one has failed: then all end.
fn app_ended(ctx: &Ctx, node: &Node, pod: &RktPod, app: &App, exit: Exit) {
    node.reap(app.pid.replace(0));
    let FoundState::Running(started) = app.state.get() else { return };
    app.state.set(FoundState::Exited {
        started,
        finished: ctx.now(),
        code: exit.code,
        oom_killed: exit.oom_killed,
    });
    ctx.effect(pod.app_view(app));
    let alive: Vec<u32> =
        pod.apps.iter().map(|app| app.pid.get()).filter(|pid| *pid != 0).collect();
    if exit.code != 0 {
        for pid in &alive {
            node.signal(ctx, *pid, SIGKILL);
        }
    } else if !alive.is_empty() {
        pod.changed.notify();
        return;
    }
    let stage1 = pod.stage1.replace(0);
    if stage1 != 0 {
        node.end_process(ctx, stage1, Exit { code: exit.code, oom_killed: false });
        node.remove_cgroup(ctx, &format!("/system.slice/{}", pod.unit()));
        // `ExecStopPost=touch`: the pod's finish time is this file's.
        node.write_file(ctx, &format!("/var/lib/rkt/pods/finished-{}", pod.uuid), "");
        ctx.effect(pod.view());
    }
    pod.changed.notify();
}

/// What the unit executes.
fn run_prepared(work: &Work, uuid: &str) -> Vec<String> {
    let host = work.pod.spec.host_network;
    let mut argv = Vec::new();
    if !host {
        let net = format!("--net={}", netns_of(work));
        argv.extend(["nsenter", &net, "--"].map(str::to_owned));
    }
    argv.extend(["/usr/bin/rkt", "run-prepared"].map(str::to_owned));
    // rkt can set what Docker could not, without any file being written over.
    argv.extend(["--net=host", "--dns=10.96.0.10", "--dns-opt=ndots:5"].map(str::to_owned));
    argv.push(format!("--hostname={}", work.pod.metadata.name));
    argv.push(uuid.to_owned());
    argv
}

/// Models: `preparePod`, the unit's options.
fn unit_file(work: &Work, pod: &RktPod) -> String {
    let metadata = &work.pod.metadata;
    let grace = work.pod.spec.termination_grace_period_seconds.unwrap_or(30);
    format!(
        "[Service]\nExecStart={}\nExecStopPost=/usr/bin/touch /var/lib/rkt/pods/finished-{}\n\
         KillMode=mixed\nTimeoutStopSec={grace}s\n[X-Kubernetes]\nPodUID={}\nPodName={}\n\
         PodNamespace={}\nPodHostNetwork={}\n",
        run_prepared(work, &pod.uuid).join(" "),
        pod.uuid,
        metadata.uid,
        metadata.name,
        metadata.namespace,
        work.pod.spec.host_network
    )
}

#[async_trait(?Send)]
impl Runtime for RktRuntime {
    fn component(&self) -> Component {
        Component::RktRuntime
    }

    fn changes(&self) -> &Changes {
        &self.changes
    }

    async fn get_pods(&self, ctx: &Ctx) -> Result<(), String> {
        self.api(ctx, "ListPods", at!("rkt.go GetPods")).await
    }

    async fn get_pod_status(&self, ctx: &Ctx, work: &Work) -> Result<PodStatus, String> {
        self.api(ctx, "ListPods", at!("rkt.go GetPodStatus")).await?;
        let pods = self.pods.borrow();
        let mut status = PodStatus::default();
        // The newest first.
        for pod in pods.iter().rev().filter(|pod| *pod.pod_uid == *work.uid()) {
            if pod.is_active() {
                status.ip = pod.ip.clone();
            }
            status.containers.extend(pod.apps.iter().map(|app| Found {
                name: app.name.clone(),
                id: app.id.clone(),
                hash: app.hash.clone(),
                restart_count: app.restart_count,
                created: pod.created,
                state: app.state.get(),
            }));
        }
        Ok(status)
    }

    /// Models: `SyncPod`: whatever has to be restarted restarts the pod.
    async fn sync_pod(&self, ctx: &Ctx, work: &Work, status: &PodStatus) -> Result<(), String> {
        let restart = work.pod.spec.containers.iter().any(|container| {
            match status.find(&container.name).filter(|found| found.is_running()) {
                Some(found) => found.hash != Work::hash_of(container),
                None => work.should_be_restarted(status, container),
            }
        });
        if !restart {
            return Ok(());
        }
        if status.running().next().is_some() {
            let grace = work.pod.spec.termination_grace_period_seconds.unwrap_or(30);
            self.kill_pod(ctx, work, status, grace).await?;
        } else {
            self.clean_up_pod_network(ctx, work).await?;
        }
        self.run_pod(ctx, work, status).await
    }

    /// Models: `KillPod`: systemd does the rest.
    async fn kill_pod(
        &self,
        ctx: &Ctx,
        work: &Work,
        _: &PodStatus,
        grace: i64,
    ) -> Result<(), String> {
        let active = {
            let pods = self.pods.borrow();
            let mut of_pod = pods.iter().filter(|pod| *pod.pod_uid == *work.uid());
            of_pod.find(|pod| pod.is_active()).cloned()
        };
        if let Some(pod) = active {
            for app in &pod.apps {
                let message = format!("Killing with rkt id {}", &pod.uuid[..8]);
                work.event(ctx, Some(&app.name), KubeEventType::Normal, "Killing", &message);
            }
            let hop = Self::dbus("StopUnit", at!("rkt.go KillPod"), &pod.unit());
            let patience = Duration::from_secs(u64::try_from(grace).unwrap_or_default());
            ctx.call::<(), SimError>(hop, async |ctx| {
                let pids: Vec<u32> =
                    pod.apps.iter().map(|app| app.pid.get()).filter(|pid| *pid != 0).collect();
                for pid in &pids {
                    self.node.signal(&ctx, *pid, SIGTERM);
                }
                let deadline = ctx.now() + patience;
                while pod.is_active() && ctx.now() < deadline {
                    let changed = pin!(pod.changed.wait());
                    let rest = ctx.sleep(deadline.since(ctx.now()));
                    if let Either::Right(_) = select(changed, rest).await {
                        break;
                    }
                }
                for pid in pids.into_iter().filter(|_| pod.is_active()) {
                    self.node.signal(&ctx, pid, SIGKILL);
                }
                Ok(())
            })
            .await
            .map_err(|error| error.message)?;
        }
        self.clean_up_pod_network(ctx, work).await
    }

    /// Models: `GarbageCollect`, `removePod`.
    async fn garbage_collect(&self, ctx: &Ctx, work: &Work) {
        let gone: Vec<_> = {
            let pods = self.pods.borrow();
            let of_pod = pods.iter().filter(|pod| *pod.pod_uid == *work.uid());
            of_pod.filter(|pod| !pod.is_active()).cloned().collect()
        };
        for pod in gone {
            let argv = ["/usr/bin/rkt", "rm", &pod.uuid].map(str::to_owned).into();
            let removed = self
                .exec(ctx, Component::Rkt, "rkt rm", argv, EXEC, async |ctx| {
                    let prepared = format!("/var/lib/rkt/pods/prepared/{}", pod.uuid);
                    self.node.remove_dir_all(ctx, &prepared);
                    Ok(())
                })
                .await;
            if removed.is_err() {
                // Left to the next time.
                continue;
            }
            let hop = Self::dbus("ResetFailedUnit", at!("rkt.go removePod"), &pod.unit());
            let _: Result<(), SimError> = ctx.call(hop, async |_| Ok(())).await;
            self.node.remove_file(ctx, &format!("{UNITS}/{}", pod.unit()));
            self.node.remove_file(ctx, &format!("/var/lib/rkt/pods/finished-{}", pod.uuid));
            for app in &pod.apps {
                ctx.effect(Effect::ContainerRemoved { id: app.id.clone() });
            }
            ctx.effect(Effect::SandboxRemoved { id: pod.uuid.clone() });
            self.pods.borrow_mut().retain(|other| other.uuid != pod.uuid);
        }
    }
}
