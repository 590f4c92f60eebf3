//! `shimscope serve` as its clients meet it: over the socket, with the program as its own process.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod served;

use cri::{
    Code, ContainerConfig, ContainerMetadata, CreateContainerRequest, ImageSpec,
    ListContainersRequest, PodSandboxConfig, PodSandboxMetadata, PullImageRequest,
    RunPodSandboxRequest, StartContainerRequest, VersionRequest,
};
use scenario::Stack;
use serve::Client;
use served::{PATIENCE, Served, program, scratch};
use std::os::unix::fs::PermissionsExt;

fn image(name: &str) -> Option<ImageSpec> {
    Some(ImageSpec { image: name.to_owned(), ..ImageSpec::default() })
}

fn pod(name: &str) -> PodSandboxConfig {
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.to_owned(),
            uid: format!("{name}-uid"),
            namespace: "default".to_owned(),
            attempt: 0,
        }),
        ..PodSandboxConfig::default()
    }
}

/// Runs a pod with one container, and gives their ids.
async fn run_container(client: &mut Client, name: &str) -> (String, String) {
    client.call(PullImageRequest { image: image("nginx"), ..Default::default() }).await.unwrap();
    let request = RunPodSandboxRequest { config: Some(pod(name)), ..Default::default() };
    let sandbox = client.call(request).await.unwrap().pod_sandbox_id;
    let request = CreateContainerRequest {
        pod_sandbox_id: sandbox.clone(),
        config: Some(ContainerConfig {
            metadata: Some(ContainerMetadata { name: "nginx".to_owned(), attempt: 0 }),
            image: image("nginx"),
            ..ContainerConfig::default()
        }),
        sandbox_config: Some(pod(name)),
    };
    let container = client.call(request).await.unwrap().container_id;
    let request = StartContainerRequest { container_id: container.clone() };
    client.call(request).await.unwrap();
    (sandbox, container)
}

#[tokio::test]
async fn a_container_runs_on_every_stack() {
    let served = |stack: &Stack| stack.has_cri() && *stack != Stack::Rktshim;
    for stack in Stack::ALL.into_iter().filter(served) {
        let served = Served::start(&scratch(stack.key()), &["--stack", stack.key()]).await;
        let mut client = served.client().await;
        let version = client.call(VersionRequest::default()).await.unwrap();
        assert!(!version.runtime_name.is_empty());
        let (sandbox, container) = run_container(&mut client, "web").await;
        let listed = client.call(ListContainersRequest::default()).await.unwrap().containers;
        assert_eq!(listed.len(), 1, "{}", stack.key());
        assert_eq!((&listed[0].id, &listed[0].pod_sandbox_id), (&container, &sandbox));
        let missing = StartContainerRequest { container_id: "none".to_owned() };
        let error = client.call(missing).await.unwrap_err();
        assert_ne!(error.code, Code::Ok);
    }
}

#[tokio::test]
async fn the_socket_belongs_to_its_owner_and_to_one_program() {
    let folder = scratch("socket");
    let served = Served::start(&folder, &[]).await;
    let mode = std::fs::metadata(&served.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let second = program(&served.socket).output().unwrap();
    assert!(!second.status.success());
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("somebody listens on"), "{text}");
    served.client().await.call(VersionRequest::default()).await.unwrap();

    // A program that was killed leaves its socket behind, which the next one replaces.
    let socket = served.socket.clone();
    drop(served);
    assert!(socket.exists());
    let served = Served::start(&folder, &[]).await;
    served.client().await.call(VersionRequest::default()).await.unwrap();

    assert!(served.terminate().success());
    assert!(!socket.exists());

    // Another kind of file is nobody's to remove.
    std::fs::write(&socket, "text").unwrap();
    let refused = program(&socket).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no socket"));
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "text");
}

#[tokio::test]
async fn what_is_recorded_is_a_trace_at_any_time() {
    let folder = scratch("record");
    let file = folder.join("trace.json");
    let served = Served::start(&folder, &["--record", file.to_str().unwrap()]).await;
    let mut client = served.client().await;
    run_container(&mut client, "web").await;
    let text = std::fs::read_to_string(&file).unwrap();
    let trace: trace::Trace = serde_json::from_str(&text).expect("a whole trace, while it grows");
    let calls: Vec<_> = trace.calls().map(|(.., call)| call.op.to_string()).collect();
    for op in ["PullImage", "RunPodSandbox", "CreateContainer", "StartContainer", "runc start"] {
        assert!(calls.iter().any(|call| call == op), "{op} of {calls:?}");
    }
    let (start, ..) = trace.calls().find(|(.., call)| call.op == "StartContainer").unwrap();
    let (_, _, answer) = trace.return_of(start).expect("it was answered");
    assert!(answer.outcome.is_ok());
    assert!(trace.end().since(trace::Time::ZERO) < PATIENCE, "times begin at zero");
    // The states of the world can be folded from it.
    let cursor = trace.len();
    let frame = trace::Player::new(trace.into()).seek(cursor);
    assert_eq!(frame.containers.len(), 1);
    assert!(served.terminate().success());
}
