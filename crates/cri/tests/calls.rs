//! Implementing the services and calling them.

use std::cell::RefCell;

use async_trait::async_trait;
use cri::{
    Answer, Code, ContainerEventResponse, Cri, EventStream, GetEventsRequest, ImageService,
    ListImagesRequest, Named, PullImageRequest, Reply, Request, Rpc, RunPodSandboxRequest,
    RunPodSandboxResponse, RuntimeService, Status, StreamPodSandboxesRequest,
    StreamPodSandboxesResponse, StreamRpc, VersionRequest, dispatch_bytes,
};
use futures_channel::mpsc;
use futures_util::{FutureExt, StreamExt};

/// A context: whatever the caller wants the runtime to have.
#[derive(Default)]
struct Journal(RefCell<Vec<String>>);

struct Runtime;

#[async_trait(?Send)]
impl RuntimeService<Journal> for Runtime {
    async fn run_pod_sandbox(
        &self,
        journal: &Journal,
        request: RunPodSandboxRequest,
    ) -> Result<RunPodSandboxResponse, Status> {
        let config = request.config.ok_or_else(|| Status::invalid_argument("no config"))?;
        journal.0.borrow_mut().push(config.hostname);
        Ok(RunPodSandboxResponse { pod_sandbox_id: "sb-1".to_owned() })
    }

    async fn stream_pod_sandboxes(
        &self,
        _: &Journal,
        _: StreamPodSandboxesRequest,
    ) -> Result<Vec<StreamPodSandboxesResponse>, Status> {
        Ok(vec![StreamPodSandboxesResponse::default(); 2])
    }

    async fn get_container_events(
        &self,
        _: &Journal,
        _: GetEventsRequest,
    ) -> Result<EventStream<ContainerEventResponse>, Status> {
        let (sender, receiver) = mpsc::unbounded();
        let event = ContainerEventResponse { container_id: "c".to_owned(), ..Default::default() };
        sender.unbounded_send(Ok(event)).expect("the receiver is here");
        sender.unbounded_send(Err(Status::unavailable("bye"))).expect("the receiver is here");
        Ok(receiver)
    }
}

impl ImageService<Journal> for Runtime {}

/// Nothing but the methods' defaults.
struct Silent;

impl RuntimeService<Journal> for Silent {}
impl ImageService<Journal> for Silent {}

/// What a client looks like: it records what it sends and what comes back.
async fn call<R: Rpc>(
    cri: &dyn Cri<Journal>,
    journal: &Journal,
    request: R,
) -> Result<R::Response, Status> {
    let sent = format!("{} {} {}", R::PATH, R::FULL_NAME, request.encoded_len());
    journal.0.borrow_mut().push(sent);
    request.dispatch(cri, journal).await
}

fn now<T>(reply: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    reply.now_or_never().expect("nothing here waits")
}

#[test]
fn a_request_finds_its_method() {
    let journal = Journal::default();
    let config = cri::PodSandboxConfig { hostname: "web".to_owned(), ..Default::default() };
    let request = RunPodSandboxRequest { config: Some(config), ..Default::default() };
    let response = now(call(&Runtime, &journal, request)).expect("implemented");
    assert_eq!(response.pod_sandbox_id, "sb-1");
    assert_eq!(
        *journal.0.borrow(),
        ["/runtime.v1.RuntimeService/RunPodSandbox runtime.v1.RunPodSandboxRequest 7", "web"],
    );
    let error = now(call(&Runtime, &journal, RunPodSandboxRequest::default()));
    assert_eq!(error.expect_err("no config").code, Code::InvalidArgument);
}

#[test]
fn methods_left_out_are_unknown() {
    let journal = Journal::default();
    let error = now(call(&Runtime, &journal, VersionRequest::default())).expect_err("left out");
    assert_eq!(
        error.to_string(),
        "rpc error: code = Unimplemented desc = \
         unknown method Version for service runtime.v1.RuntimeService",
    );
    let error = now(call(&Runtime, &journal, ListImagesRequest::default())).expect_err("left out");
    assert_eq!(error.message, "unknown method ListImages for service runtime.v1.ImageService");
}

#[test]
fn streams_are_vectors_or_channels() {
    let journal = Journal::default();
    let cri: &dyn Cri<Journal> = &Runtime;
    let pieces = now(StreamPodSandboxesRequest::default().dispatch(cri, &journal));
    assert_eq!(pieces.expect("implemented").len(), 2);

    let events = now(GetEventsRequest::default().dispatch(cri, &journal)).expect("implemented");
    let events = events.collect::<Vec<_>>().now_or_never().expect("the sender is gone");
    assert_eq!(events[0].as_ref().expect("an event").container_id, "c");
    assert_eq!(events[1].as_ref().expect_err("the end").code, Code::Unavailable);
}

#[test]
fn a_path_and_bytes_are_a_call() {
    let journal = Journal::default();
    let call = |path: &str, body: &[u8]| now(dispatch_bytes(&Runtime, &journal, path, body));

    let path = RunPodSandboxRequest::PATH;
    let Ok(Answer::One(response)) = call(path, b"\x0a\x05\x12\x03web") else {
        panic!("implemented")
    };
    assert_eq!(response, b"\x0a\x04sb-1");
    assert_eq!(*journal.0.borrow(), ["web"]);

    let many = call("/runtime.v1.RuntimeService/StreamPodSandboxes", b"");
    assert!(matches!(many, Ok(Answer::Many(pieces)) if pieces.len() == 2));
    let events = call("/runtime.v1.RuntimeService/GetContainerEvents", b"");
    assert!(matches!(events, Ok(Answer::Events(_))));

    let refused = |path, body| call(path, body).err().expect("refused").to_string();
    assert_eq!(
        refused("/runtime.v1alpha2.RuntimeService/Version", b""),
        "rpc error: code = Unimplemented desc = unknown service runtime.v1alpha2.RuntimeService",
    );
    assert_eq!(
        refused("/runtime.v1.ImageService/PushImage", b""),
        "rpc error: code = Unimplemented desc = \
         unknown method PushImage for service runtime.v1.ImageService",
    );
    assert!(refused(path, b"\x0a").starts_with("rpc error: code = Internal desc = grpc: error"));
}

#[test]
fn every_method_has_a_path() {
    let journal = Journal::default();
    for service in cri::descriptor::services() {
        for method in &service.methods {
            let path = format!("/runtime.v1.{}/{}", service.name, method.name);
            let Err(status) = now(dispatch_bytes(&Silent, &journal, &path, b"")) else {
                panic!("nothing is implemented");
            };
            assert!(status.message.starts_with(&format!("unknown method {}", method.name)));
        }
    }
}

#[test]
fn one_service_is_reached_through_both() {
    let cri: &dyn Cri<Journal> = &Runtime;
    let images: &dyn ImageService<Journal> = cri;
    let journal = Journal::default();
    let reply: Reply<'_, _> = images.pull_image(&journal, PullImageRequest::default());
    assert!(reply.now_or_never().is_some_and(|result| result.is_err()));
}

#[test]
fn names_are_those_of_the_wire() {
    assert_eq!(cri::DnsConfig::FULL_NAME, "runtime.v1.DNSConfig");
    assert_eq!(cri::SeLinuxOption::FULL_NAME, "runtime.v1.SELinuxOption");
    assert_eq!(<GetEventsRequest as Request>::METHOD, "GetContainerEvents");
    assert_eq!(<PullImageRequest as Request>::SERVICE, "runtime.v1.ImageService");
    for message in cri::descriptor::messages() {
        assert!(cri::descriptor::message(&format!("runtime.v1.{}", message.name)).is_ok());
    }
}

#[test]
fn codes_have_the_names_and_numbers_of_grpc() {
    for (number, code) in Code::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(code.number()), number);
        assert_eq!(Code::from_name(code.as_str()), Some(code));
        assert_eq!(Code::from_number(code.number()), Some(code));
    }
    assert_eq!(Code::from_number(17), None);
    assert_eq!(Code::from_name("NOT_FOUND"), None);
    assert_eq!(Code::Ok.to_string(), "OK");
    assert_eq!(Code::Unauthenticated.number(), 16);
}
