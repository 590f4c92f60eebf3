//! A proxy between a kubelet and its runtime that records what they say.
//!
//! It hands bytes on as they are, so that fields and methods that this program has never heard of
//! come through unharmed.

use crate::client::{Client, received};
use crate::grpc::{self, Handler, Reply};
use crate::machine::{message, method};
use crate::record::Recorder;
use crate::socket::Socket;
use crate::{block_on, until_signal};
use anyhow::{Context, Result};
use bytes::Bytes;
use cri::VersionRequest;
use futures_util::{StreamExt, stream};
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tonic::{Request, Response};
use trace::{
    Call, Component, Event, EventId, Header, Level, Outcome, Payload, Protocol, Return, Subject,
    Time, Topology, What,
};

/// The longest message that is handed on, in bytes: more than any runtime's own limit.
const MESSAGE_MAX: usize = 128 << 20;

/// Between whom, and where the recording goes.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// The runtime's socket.
    pub upstream: String,
    /// The socket for the kubelet.
    pub listen: String,
    /// The trace's file.
    pub file: PathBuf,
}

/// Hands calls on until SIGTERM or SIGINT, and writes each down as it happens.
///
/// # Errors
/// No runtime at the upstream socket; a socket that somebody listens on already; a file that
/// cannot be written.
pub fn proxy(options: &ProxyOptions) -> Result<()> {
    block_on(until_signal(record(options)))
}

async fn record(options: &ProxyOptions) -> Result<()> {
    let mut upstream = Client::connect(&options.upstream).await?;
    let version = upstream.call(VersionRequest::default()).await;
    let version = version.map_err(|error| anyhow::anyhow!("asking the runtime: {error}"))?;
    let runtime = component(&version.runtime_name);
    let header = Header {
        format: trace::Trace::FORMAT,
        scenario: format!("{} {}", version.runtime_name, version.runtime_version),
        stack: runtime.key().to_owned(),
        topology: topology(runtime, &options.upstream),
        ..Header::default()
    };
    let recorder = Recorder::create(&options.file, &header, Time::ZERO)?;
    let socket = Socket::bind(&options.listen)?;
    eprintln!("{} behind {}", header.scenario, socket.address());
    let proxy = Rc::new(Proxy {
        upstream,
        runtime,
        started: Instant::now(),
        recorder: RefCell::new(recorder),
        events: Cell::new(0),
        broken: Cell::new(None),
        stop: Notify::new(),
    });
    tokio::select! {
        () = proxy.stop.notified() => {
            proxy.broken.take().map_or(Ok(()), Err).context("writing the trace")
        }
        result = grpc::accept(&socket, proxy.clone()) => result.context("accepting a connection"),
    }
}

/// The component that a runtime's own name stands for.
fn component(runtime: &str) -> Component {
    match runtime {
        "cri-o" => Component::Crio,
        "docker" => Component::CriDockerd,
        _ => Component::CriPlugin,
    }
}

fn topology(runtime: Component, socket: &str) -> Topology {
    let mut topology = Topology::default();
    topology.add(Component::Kubelet).add_inside(Component::Kubelet, Component::CriClient);
    if runtime == Component::CriPlugin {
        topology.add(Component::Containerd).add_inside(Component::Containerd, runtime);
    } else {
        topology.add(runtime);
    }
    let socket = socket.trim_start_matches("unix://");
    topology.link_at(Component::CriClient, runtime, Protocol::Cri, socket);
    topology
}

struct Proxy {
    upstream: Client,
    runtime: Component,
    started: Instant,
    recorder: RefCell<Recorder>,
    events: Cell<u32>,
    /// Why the trace can no longer be written.
    broken: Cell<Option<anyhow::Error>>,
    stop: Notify,
}

impl Proxy {
    fn record(&self, what: What) -> EventId {
        let id = EventId(self.events.get());
        self.events.set(id.0.wrapping_add(1));
        let at = Time::ZERO + self.started.elapsed();
        let event = Event { at, parent: None, subject: Subject::default(), what };
        if let Err(error) = self.recorder.borrow_mut().append([event]) {
            self.broken.set(Some(error));
            self.stop.notify_one();
        }
        id
    }
}

impl Handler for Proxy {
    fn call(self: Rc<Self>, path: String, request: Request<Bytes>) -> Reply {
        Box::pin(async move {
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            let known = method(&path);
            let sent = known.map_or_else(|| format!("{name}Request"), |it| it.request.to_owned());
            let answered =
                known.map_or_else(|| format!("{name}Response"), |it| it.response.to_owned());
            let call = self.record(What::Call(Box::new(Call {
                from: Component::CriClient,
                to: self.runtime,
                protocol: Protocol::Cri,
                op: name.into(),
                level: Level::Calls,
                request: message(&sent, request.get_ref()),
                source: None,
                glue: None,
                cause: None,
            })));
            let open = OpenCall { proxy: self.clone(), call: Some(call), answered, first: None };
            let mut upstream = self.upstream.clone();
            let response = match upstream.send(&path, request).await {
                Ok(response) => response,
                Err(status) => {
                    open.close(Err(status.clone()));
                    return Err(status);
                }
            };
            let (metadata, responses, extensions) = response.into_parts();
            // The stream that goes to the client has to be able to change threads, and what
            // records has not.
            let (sender, mut receiver) = mpsc::channel(1);
            tokio::task::spawn_local(hand_on(responses, sender, open));
            let receiver = stream::poll_fn(move |cx| receiver.poll_recv(cx));
            Ok(Response::from_parts(metadata, receiver.boxed(), extensions))
        })
    }

    fn message_max(&self) -> usize {
        MESSAGE_MAX
    }
}

/// Hands responses on until one of the two sides has had enough.
async fn hand_on(
    mut responses: tonic::Streaming<Bytes>,
    to: mpsc::Sender<Result<Bytes, tonic::Status>>,
    mut open: OpenCall,
) {
    loop {
        let response = tokio::select! {
            response = responses.next() => response,
            () = to.closed() => return,
        };
        match response {
            None => return open.close(Ok(())),
            Some(Ok(bytes)) => {
                open.first.get_or_insert_with(|| bytes.clone());
                if to.send(Ok(bytes)).await.is_err() {
                    return;
                }
            }
            Some(Err(status)) => {
                open.close(Err(status.clone()));
                let _ = to.send(Err(status)).await;
                return;
            }
        }
    }
}

/// A call without its return; one whose client goes away is recorded as cancelled.
struct OpenCall {
    proxy: Rc<Proxy>,
    call: Option<EventId>,
    answered: String,
    first: Option<Bytes>,
}

impl OpenCall {
    fn close(mut self, end: Result<(), tonic::Status>) {
        let outcome = match end {
            Ok(()) => Outcome::Ok,
            Err(status) => {
                let status = received(status);
                Outcome::Error { code: status.code.as_str().into(), message: status.message }
            }
        };
        self.record(outcome);
    }

    fn record(&mut self, outcome: Outcome) {
        let Some(call) = self.call.take() else { return };
        let response =
            self.first.take().map_or(Payload::None, |bytes| message(&self.answered, &bytes));
        self.proxy.record(What::Return(Box::new(Return { call, outcome, response })));
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let message = "context canceled".to_owned();
        self.record(Outcome::Error { code: "Canceled".into(), message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;
    use tokio::task::{LocalSet, spawn_local};

    /// Sends back what it gets, and fails where the path says so.
    struct Echo;

    impl Handler for Echo {
        fn call(self: Rc<Self>, path: String, request: Request<Bytes>) -> Reply {
            Box::pin(async move {
                if path.ends_with("Fails") {
                    return Err(tonic::Status::failed_precondition("not today"));
                }
                let bytes = request.into_inner();
                Ok(Response::new(stream::iter([Ok(bytes.clone()), Ok(bytes)]).boxed()))
            })
        }
    }

    async fn connected(address: &Path) -> Client {
        loop {
            match Client::connect(address.to_str().unwrap()).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    }

    #[test]
    fn what_nobody_knows_comes_through_and_is_written_down() {
        let folder = std::env::temp_dir().join(format!("shimscope-proxy-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (above, below, file) =
            (folder.join("above"), folder.join("below"), folder.join("trace.json"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let test = async {
            let socket = Socket::bind(below.to_str().unwrap()).unwrap();
            spawn_local(async move { grpc::accept(&socket, Rc::new(Echo)).await });
            let options = ProxyOptions {
                upstream: below.to_str().unwrap().to_owned(),
                listen: above.to_str().unwrap().to_owned(),
                file: file.clone(),
            };
            spawn_local(async move { record(&options).await });
            let mut client = connected(&above).await;
            // Field 4095, which no message has.
            let bytes = Bytes::from_static(&[0xfa, 0xff, 0x01, 0x03, b'n', b'e', b'w']);
            for path in ["/runtime.v1.RuntimeService/Version", "/runtime.v2.Later/Invented"] {
                let responses = client.send(path, Request::new(bytes.clone())).await.unwrap();
                let responses: Vec<_> = responses.into_inner().collect().await;
                assert_eq!(responses.len(), 2);
                assert!(responses.iter().all(|it| it.as_ref().is_ok_and(|it| *it == bytes)));
            }
            let failed = client.send("/runtime.v2.Later/Fails", Request::new(bytes.clone())).await;
            let status = failed.unwrap_err();
            assert_eq!(status.code(), tonic::Code::FailedPrecondition);
            assert_eq!(status.message(), "not today");

            let trace: trace::Trace =
                serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            let ops: Vec<_> = trace.calls().map(|(.., call)| call.op.to_string()).collect();
            assert_eq!(ops, ["Version", "Invented", "Fails"]);
            let ends: Vec<_> = trace
                .events
                .iter()
                .filter_map(|event| Some(event.as_return()?.outcome.is_ok()))
                .collect();
            assert_eq!(ends, [true, true, false]);
            let (.., invented) = trace.calls().nth(1).unwrap();
            let Payload::Proto { message, bytes: written } = &invented.request else { panic!() };
            assert_eq!((&**message, &**written), ("runtime.v1.InventedRequest", &*bytes));
        };
        LocalSet::new().block_on(&runtime, test);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
