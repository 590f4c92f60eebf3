//! What `shimscope serve` costs, measured from outside of its process.

use cpu_time::ProcessTime;
use cri::{
    ContainerConfig, ContainerFilter, ContainerMetadata, ContainerStatusRequest,
    CreateContainerRequest, ImageSpec, ImageStatusRequest, ListContainersRequest,
    ListPodSandboxRequest, Message, PodSandboxConfig, PodSandboxMetadata, PodSandboxStatusRequest,
    PullImageRequest, Request, RunPodSandboxRequest, StartContainerRequest, StatusRequest,
    VersionRequest,
};
use scenario::{Machine, Scenario, Stack};
use serve::Client;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};
use trace::Time;

const IMAGE: &str = "registry.k8s.io/pause:3.10.2";
/// How many pods there are while calls are counted.
const PODS: u32 = 10;
/// How long calls are counted.
const TIME: Duration = Duration::from_secs(5);
/// How many calls are on their way at the same time where containers are made.
const AT_ONCE: u32 = 50;

type Result<T> = std::result::Result<T, String>;

/// A running `shimscope serve`.
struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    fn start(program: &str) -> Result<Self> {
        let socket = std::env::temp_dir().join(format!("shimscope-bench-{}", std::process::id()));
        let mut command = Command::new(program);
        command.args(["serve", "--listen"]).arg(&socket).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        Ok(Self { child, socket })
    }

    async fn client(&self) -> Result<Client> {
        let begin = Instant::now();
        loop {
            match Client::connect(&self.socket.to_string_lossy()).await {
                Ok(client) => return Ok(client),
                Err(error) if begin.elapsed() > TIME => return Err(format!("{error:#}")),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// A figure of `/proc/PID/status`, in bytes.
    fn memory(&self) -> Result<f64> {
        let text = read(&format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.map(|kilobytes| kilobytes * 1024.0).ok_or_else(|| "no VmRSS".to_owned())
    }

    /// The processor time that it has used, in seconds.
    fn cpu(&self) -> Result<f64> {
        const TICKS_PER_SECOND: f64 = 100.0;
        let text = read(&format!("/proc/{}/stat", self.child.id()))?;
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: Vec<f64> =
            fields.skip(11).take(2).filter_map(|tick| tick.parse().ok()).collect();
        Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(Path::new(path)).map_err(|error| format!("{path}: {error}"))
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}

/// What clients of the socket measure.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    /// Microseconds from one answer to the next, over all clients.
    Interval,
    /// Microseconds that all but one of a hundred calls take at most.
    P99,
    /// Microseconds of the server's processor time for each call.
    Cpu,
}

/// Counts calls of several clients at the same time.
pub(crate) fn calls(program: &str, clients: u32, figure: Figure) -> Result<f64> {
    block_on(async {
        let server = Server::start(program)?;
        let mut client = server.client().await?;
        let (sandbox, container) = prepare(&mut client, PODS).await?;
        let begin = (Instant::now(), server.cpu()?);
        let mut tasks = Vec::new();
        for _ in 0..clients {
            let client = server.client().await?;
            tasks.push(tokio::spawn(load(client, sandbox.clone(), container.clone())));
        }
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.map_err(|error| error.to_string())??);
        }
        let count = times.len() as f64;
        Ok(match figure {
            Figure::Interval => begin.0.elapsed().as_secs_f64() * 1e6 / count,
            Figure::Cpu => (server.cpu()? - begin.1) * 1e6 / count,
            Figure::P99 => {
                times.sort_unstable();
                times[times.len() * 99 / 100].as_secs_f64() * 1e6
            }
        })
    })
}

/// One client, which makes each kind of call in turn.
async fn load(mut client: Client, sandbox: String, container: String) -> Result<Vec<Duration>> {
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < TIME {
        macro_rules! time {
            ($($request:expr),*) => {$(
                let start = Instant::now();
                client.call($request).await.map_err(|error| error.to_string())?;
                times.push(start.elapsed());
            )*};
        }
        time!(
            VersionRequest::default(),
            StatusRequest::default(),
            ListPodSandboxRequest::default(),
            list_containers(&sandbox),
            PodSandboxStatusRequest { pod_sandbox_id: sandbox.clone(), verbose: false },
            ContainerStatusRequest { container_id: container.clone(), verbose: false },
            ImageStatusRequest { image: image(), verbose: false }
        );
    }
    Ok(times)
}

/// How many bytes the server's memory is after so many containers have been made, in as many pods.
pub(crate) fn memory(program: &str, containers: u32) -> Result<f64> {
    block_on(async {
        let server = Server::start(program)?;
        let mut client = server.client().await?;
        prepare(&mut client, containers).await?;
        server.memory()
    })
}

/// Runs pods with a container each, and gives the ids of one.
async fn prepare(client: &mut Client, pods: u32) -> Result<(String, String)> {
    let text = |error: cri::Status| error.to_string();
    let pull = PullImageRequest { image: image(), ..PullImageRequest::default() };
    client.call(pull).await.map_err(text)?;
    let mut last = (String::new(), String::new());
    for first in (0..pods).step_by(AT_ONCE as usize) {
        let numbers = first..pods.min(first + AT_ONCE);
        let tasks: Vec<_> =
            numbers.map(|number| tokio::spawn(run_pod(client.clone(), number))).collect();
        for task in tasks {
            last = task.await.map_err(|error| error.to_string())?.map_err(text)?;
        }
    }
    Ok(last)
}

async fn run_pod(
    mut client: Client,
    number: u32,
) -> std::result::Result<(String, String), cri::Status> {
    let pod = pod(number);
    let run = RunPodSandboxRequest { config: Some(pod.clone()), ..RunPodSandboxRequest::default() };
    let sandbox = client.call(run).await?.pod_sandbox_id;
    let container = client.call(create(&sandbox, pod)).await?.container_id;
    client.call(StartContainerRequest { container_id: container.clone() }).await?;
    Ok((sandbox, container))
}

fn image() -> Option<ImageSpec> {
    Some(ImageSpec { image: IMAGE.to_owned(), ..ImageSpec::default() })
}

fn pod(number: u32) -> PodSandboxConfig {
    let name = format!("web-{number}");
    let uid = format!("uid-{number}");
    let labels = [("io.kubernetes.pod.name", &name), ("io.kubernetes.pod.uid", &uid)];
    PodSandboxConfig {
        labels: labels.map(|(key, value)| (key.to_owned(), value.clone())).into(),
        metadata: Some(PodSandboxMetadata { name, uid, namespace: "default".into(), attempt: 0 }),
        ..PodSandboxConfig::default()
    }
}

fn create(sandbox: &str, pod: PodSandboxConfig) -> CreateContainerRequest {
    let config = ContainerConfig {
        metadata: Some(ContainerMetadata { name: "nginx".to_owned(), attempt: 0 }),
        image: image(),
        labels: pod.labels.clone(),
        ..ContainerConfig::default()
    };
    CreateContainerRequest {
        pod_sandbox_id: sandbox.to_owned(),
        config: Some(config),
        sandbox_config: Some(pod),
    }
}

fn list_containers(sandbox: &str) -> ListContainersRequest {
    let filter =
        ContainerFilter { pod_sandbox_id: sandbox.to_owned(), ..ContainerFilter::default() };
    ListContainersRequest { filter: Some(filter) }
}

/// The same kinds of calls without a socket: microseconds of processor time for each.
pub(crate) fn own_work() -> Result<f64> {
    const ROUNDS: u32 = 20_000;
    let machine = Machine::boot(&Scenario::default(), Stack::Containerd, Time::ZERO);
    machine.sim.set_recording(false);
    let (mut sandbox, mut container) = (String::new(), String::new());
    dispatch(&machine, &PullImageRequest { image: image(), ..PullImageRequest::default() })?;
    for number in 0..PODS {
        let pod = pod(number);
        let config = Some(pod.clone());
        let run = RunPodSandboxRequest { config, ..RunPodSandboxRequest::default() };
        sandbox = dispatch(&machine, &run)?.pod_sandbox_id;
        container = dispatch(&machine, &create(&sandbox, pod))?.container_id;
        dispatch(&machine, &StartContainerRequest { container_id: container.clone() })?;
    }
    let calls = [
        encoded(&VersionRequest::default()),
        encoded(&StatusRequest::default()),
        encoded(&ListPodSandboxRequest::default()),
        encoded(&list_containers(&sandbox)),
        encoded(&PodSandboxStatusRequest { pod_sandbox_id: sandbox, verbose: false }),
        encoded(&ContainerStatusRequest { container_id: container, verbose: false }),
        encoded(&ImageStatusRequest { image: image(), verbose: false }),
    ];
    let start = ProcessTime::now();
    for _ in 0..ROUNDS {
        for (path, body) in &calls {
            dispatch_bytes(&machine, path, body)?;
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS) / calls.len() as f64)
}

fn encoded<R: Request>(request: &R) -> (&'static str, Vec<u8>) {
    (R::PATH, request.encode_to_vec())
}

fn dispatch<R: Request>(machine: &Machine, request: &R) -> Result<R::Response> {
    let bytes = dispatch_bytes(machine, R::PATH, &request.encode_to_vec())?;
    R::Response::decode(&*bytes).map_err(|error| error.to_string())
}

/// One call, with as much virtual time as it needs.
fn dispatch_bytes(machine: &Machine, path: &'static str, body: &[u8]) -> Result<Vec<u8>> {
    let (ctx, service) = (machine.sim.ctx(), machine.endpoint.service.clone());
    let (body, answer) = (body.to_vec(), Rc::new(Cell::new(None)));
    let slot = answer.clone();
    machine.sim.spawn(async move {
        slot.set(Some(cri::dispatch_bytes(&*service, &ctx, path, &body).await));
    });
    machine.sim.run_ready();
    let mut ended = answer.take();
    while ended.is_none() {
        let next = machine.sim.next_timer().ok_or("the call waits for ever")?;
        machine.sim.run_until(next);
        ended = answer.take();
    }
    match ended {
        Some(Ok(cri::Answer::One(bytes))) => Ok(bytes),
        Some(Err(status)) => Err(status.to_string()),
        _ => Err("a stream".to_owned()),
    }
}
