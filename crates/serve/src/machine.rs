//! The simulated node in real time.

use crate::Options;
use crate::disk::SharedDisk;
use crate::record::Recorder;
use anyhow::Result;
use bytes::Bytes;
use cri::{Answer, Status};
use futures_channel::oneshot;
use futures_util::future::LocalBoxFuture;
use node::{Node, OpenPort, StreamRequest, StreamRuntime};
use runtimes::cni::{DEFAULT_CONFIG, DEFAULT_CONFIG_FILE};
use sim::{Ctx, Hop, Sim, SimError, TaskHandle};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tokio::time::Instant;
use trace::{Component, Payload, Protocol, Time};

/// Where pods get their addresses from.
const POD_SUBNET: &str = "127.88.0.0/16";

/// A node whose virtual time follows real time.
pub(crate) struct Machine {
    sim: Sim,
    node: Node,
    endpoint: sim::Endpoint,
    /// The same moment on both clocks.
    started: (Instant, Time),
    /// When [`Machine::drive`] will look again by itself.
    armed: Cell<Option<Time>>,
    rearm: Notify,
    recorder: RefCell<Option<Recorder>>,
    /// Why the trace can no longer be written.
    broken: Cell<Option<anyhow::Error>>,
}

impl Machine {
    /// Boots the node: it is now there as well.
    pub(crate) fn boot(options: &Options) -> Result<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let begin = Time::from_unix_nanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(0));
        let started = (Instant::now(), begin);
        let machine = scenario::Machine::boot(&options.scenario, options.stack, begin);
        let node = &machine.node;
        node.set_disk(Rc::new(SharedDisk::new(options.shared.clone())));
        // Addresses that every machine has to itself, so that clients reach pods.
        let config = DEFAULT_CONFIG.replace("10.244.0.0/16", POD_SUBNET);
        node.write_file(&machine.sim.ctx(), DEFAULT_CONFIG_FILE, &config);
        let recorder = match &options.record {
            Some(path) => Some(Recorder::create(path, &machine.header, begin)?),
            None => None,
        };
        machine.sim.set_recording(recorder.is_some());
        Ok(Self {
            sim: machine.sim,
            node: machine.node,
            endpoint: machine.endpoint,
            started,
            armed: Cell::new(None),
            rearm: Notify::new(),
            recorder: RefCell::new(recorder),
            broken: Cell::new(None),
        })
    }

    /// Lets virtual time follow real time for ever; ends only if the trace cannot be written.
    pub(crate) async fn drive(&self) -> Result<()> {
        loop {
            self.catch_up();
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            let next = self.sim.next_timer();
            self.armed.set(next);
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep(next.since(self.present())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.rearm.notified() => {}
            }
        }
    }

    /// The present moment in virtual time.
    fn present(&self) -> Time {
        let (real, virtual_time) = self.started;
        virtual_time + real.elapsed()
    }

    /// Brings the simulation to the present and lets it do what it can.
    pub(crate) fn catch_up(&self) {
        self.sim.run_until(self.present());
        if let Some(recorder) = &mut *self.recorder.borrow_mut()
            && let Err(error) = recorder.append(self.sim.take_events())
        {
            self.broken.set(Some(error));
            self.rearm.notify_one();
        }
        let next = self.sim.next_timer();
        if next.is_some_and(|next| self.armed.get().is_none_or(|armed| next < armed)) {
            self.armed.set(next);
            self.rearm.notify_one();
        }
    }

    /// Writes down what is left to write.
    pub(crate) fn finish(&self) -> Result<()> {
        self.catch_up();
        self.broken.take().map_or(Ok(()), Err)
    }

    /// The node.
    pub(crate) const fn node(&self) -> &Node {
        &self.node
    }

    /// Waits until the ports have changed since a count, and gives those that are open.
    pub(crate) async fn ports_after(&self, seen: Option<u64>) -> Ports {
        let node = self.node.clone();
        let changed = self.run(async move |_| {
            if let Some(seen) = seen {
                node.port_changes().more_than(seen).await;
            }
            Ok(Ports { count: node.port_changes().count(), ports: node.open_ports() })
        });
        match changed.await {
            Ok(ports) => ports,
            Err(_) => std::future::pending().await,
        }
    }

    /// Says where the stream server listens.
    pub(crate) fn set_stream_url(&self, url: &str) {
        self.node.set_stream_url(url);
    }

    /// Takes what a URL of the stream server stands for.
    pub(crate) fn take_stream(
        &self,
        kind: &str,
        token: &str,
    ) -> Option<(Rc<dyn StreamRuntime>, StreamRequest)> {
        self.sim.run_until(self.present());
        self.node.take_stream(&self.sim.ctx(), kind, token)
    }

    /// Does something inside the simulation, whether somebody waits for its end or not.
    ///
    /// # Errors
    /// Those of the work.
    pub(crate) fn run<T: 'static, F>(
        &self,
        work: impl FnOnce(Ctx) -> F,
    ) -> LocalBoxFuture<'static, Result<T, SimError>>
    where
        F: Future<Output = Result<T, SimError>> + 'static,
    {
        self.sim.run_until(self.present());
        let (sender, ended) = oneshot::channel();
        let work = work(self.sim.ctx());
        self.sim.spawn(async move {
            // Nobody may be waiting any more.
            let _ = sender.send(work.await);
        });
        self.catch_up();
        Box::pin(async {
            ended.await.unwrap_or_else(|_| {
                Err(SimError::new("Internal", "the simulation has ended the work"))
            })
        })
    }

    /// Makes a call of the CRI, by its path in gRPC. If nobody waits for the answer any more, the
    /// call is cancelled.
    pub(crate) async fn call(self: &Rc<Self>, path: &str, body: Bytes) -> Result<Answer, Status> {
        // Time stands still between calls; the call begins now.
        self.sim.run_until(self.present());
        let (answer, answered) = oneshot::channel();
        let (ctx, endpoint) = (self.sim.ctx(), self.endpoint.clone());
        let path = path.to_owned();
        let task = self.sim.spawn(async move {
            // Nobody may be waiting any more.
            let _ = answer.send(dispatch(&ctx, &endpoint, &path, body).await);
        });
        let _call = OpenCall { machine: self, task: Some(task) };
        self.catch_up();
        answered
            .await
            .unwrap_or_else(|_| Err(Status::internal("the call has ended without answer")))
    }
}

/// The ports that were open after so many changes.
pub(crate) struct Ports {
    pub(crate) count: u64,
    pub(crate) ports: Vec<OpenPort>,
}

/// A call on its way; dropped before its end, it is cancelled.
struct OpenCall<'a> {
    machine: &'a Machine,
    task: Option<TaskHandle<()>>,
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take().filter(|task| !task.is_finished()) {
            task.abort();
            self.machine.catch_up();
        }
    }
}

/// The call inside the simulation. The way there has taken its time already.
async fn dispatch(
    ctx: &Ctx,
    endpoint: &sim::Endpoint,
    path: &str,
    body: Bytes,
) -> Result<Answer, Status> {
    let Some(method) = method(path).filter(|_| ctx.sim().is_recording()) else {
        return cri::dispatch_bytes(&*endpoint.service, ctx, path, &body).await;
    };
    let sent = body.clone();
    let hop = Hop::new(Component::CriClient, endpoint.component, Protocol::Cri, method.name)
        .takes(Duration::ZERO)
        .request(move || message(method.request, &sent));
    let shown = |answer: &Answer| match answer {
        Answer::One(bytes) => message(method.response, bytes),
        Answer::Many(_) | Answer::Events(_) => Payload::None,
    };
    ctx.call_answering(hop, shown, async |ctx| {
        cri::dispatch_bytes(&*endpoint.service, &ctx, path, &body).await
    })
    .await
}

/// The method of a path; none if CRI has no such.
pub(crate) fn method(path: &str) -> Option<&'static cri::descriptor::Method> {
    let (service, method) = path.rsplit_once('/')?;
    let service = service.strip_prefix('/')?.strip_prefix(cri::descriptor::PACKAGE)?;
    let service = service.strip_prefix('.')?;
    let services = cri::descriptor::services();
    let service = services.iter().find(|other| other.name == service)?;
    service.methods.iter().find(|other| other.name == method)
}

/// A message's bytes for the trace.
pub(crate) fn message(name: &str, bytes: &[u8]) -> Payload {
    let message = format!("{}.{name}", cri::descriptor::PACKAGE).into();
    Payload::Proto { message, bytes: bytes.into() }
}
