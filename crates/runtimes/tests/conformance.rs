//! What CRI demands of every runtime, as a table of short scenes. A stack is added with one line.

#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

mod support;

use cri::*;
use futures_util::future::LocalBoxFuture;
use support::{IMAGE, Start, World, container, play, pod};

/// A runtime, and where it differs from what the contract says.
struct Stack {
    name: &'static str,
    start: Start,
    /// The code for a status that nobody has.
    not_found: Code,
    /// Whether StopContainer of an unknown container succeeds.
    stops_unknown_containers: bool,
    /// Whether a timeout of ExecSync is a `DeadlineExceeded`.
    exec_timeout: Code,
    /// The scenes that it does not pass, and why. That it fails them is checked, too.
    fails: &'static [(&'static str, &'static str)],
}

const STACKS: &[Stack] = &[
    Stack {
        name: "containerd",
        start: support::containerd,
        not_found: Code::NotFound,
        stops_unknown_containers: true,
        exec_timeout: Code::DeadlineExceeded,
        fails: &[],
    },
    Stack {
        name: "cri-containerd",
        start: support::cri_containerd,
        not_found: Code::NotFound,
        stops_unknown_containers: true,
        exec_timeout: Code::DeadlineExceeded,
        fails: &[(
            "what_is_gone_can_be_stopped_and_removed",
            "StopPodSandbox wants a sandbox that is there",
        )],
    },
    Stack {
        name: "crio",
        start: support::crio,
        not_found: Code::NotFound,
        stops_unknown_containers: true,
        exec_timeout: Code::DeadlineExceeded,
        fails: &[
            ("one_name_is_for_one_container", "whoever asks again gets the same container"),
            ("one_name_is_for_one_sandbox", "whoever asks again gets the same sandbox"),
            ("a_stopped_sandbox_has_no_process_and_no_address", "the address stays in the status"),
            ("exec_sync_times_out", "a command that takes too long has exit code -1"),
            ("requests_without_anything_are_answered", "an image without a name is an error"),
        ],
    },
    Stack {
        name: "dockershim",
        start: support::dockershim,
        not_found: Code::Unknown,
        stops_unknown_containers: false,
        exec_timeout: Code::DeadlineExceeded,
        fails: &[
            ("what_is_gone_can_be_stopped_and_removed", "RemoveContainer wants the log's path"),
            ("stopping_and_removing_can_be_repeated", "RemoveContainer wants the log's path"),
            ("a_container_starts_once", "Docker says 304 to what runs, and that is no error"),
            ("a_container_needs_a_ready_sandbox", "create does not look at the sandbox"),
            ("one_name_is_for_one_container", "the container that has the name is removed"),
            (
                "a_stopped_sandbox_has_no_process_and_no_address",
                "StopPodSandbox leaves containers running",
            ),
            ("images_come_and_go", "RemoveImage takes ids only; a tag counts as absent"),
        ],
    },
];

type Scene = fn(World, &'static Stack) -> LocalBoxFuture<'static, ()>;

/// Makes a table of async functions.
macro_rules! scenes {
    ($($name:ident),* $(,)?) => {
        const SCENES: &[(&str, Scene)] =
            &[$((stringify!($name), |world, stack| Box::pin($name(world, stack))),)*];
    };
}

scenes! {
    version_says_four_things,
    status_reports_both_conditions,
    what_is_gone_can_be_stopped_and_removed,
    what_never_was_has_no_status,
    a_container_goes_from_created_to_exited,
    stopping_and_removing_can_be_repeated,
    a_container_starts_once,
    a_container_needs_a_ready_sandbox,
    a_container_needs_an_image,
    one_name_is_for_one_container,
    one_name_is_for_one_sandbox,
    the_sequence_can_be_repeated,
    labels_and_annotations_come_back,
    containers_can_be_filtered,
    sandboxes_can_be_filtered,
    exits_have_codes_and_reasons,
    an_exit_at_once_is_not_lost,
    who_obeys_is_not_killed,
    who_does_not_is_killed_after_the_grace_period,
    a_running_container_can_be_removed,
    a_stopped_sandbox_has_no_process_and_no_address,
    a_removed_sandbox_takes_its_containers_along,
    a_sandbox_on_the_hosts_network_has_no_address,
    addresses_differ,
    images_come_and_go,
    an_image_that_nobody_has_cannot_be_pulled,
    exec_sync_gives_the_exit_code,
    exec_sync_times_out,
    exec_sync_needs_a_running_container,
    changes_are_marked,
    requests_without_anything_are_answered,
}

#[test]
fn every_stack_behaves() {
    for stack in STACKS {
        for (name, scene) in SCENES {
            println!("{}: {name}", stack.name);
            let act = || {
                play(stack.start, |_| {}, |world| scene(world, stack));
            };
            match stack.fails.iter().find(|(scene, _)| scene == name) {
                None => act(),
                Some((_, why)) => {
                    let passed = std::panic::catch_unwind(act).is_ok();
                    assert!(!passed, "{} passes {name} although {why}", stack.name);
                }
            }
        }
    }
}

async fn version_says_four_things(world: World, _: &Stack) {
    let version = world.call(VersionRequest::default()).await.unwrap();
    assert_eq!(version.version, "0.1.0");
    assert!(!version.runtime_name.is_empty());
    assert!(!version.runtime_version.is_empty());
    assert!(!version.runtime_api_version.is_empty());
}

async fn status_reports_both_conditions(world: World, _: &Stack) {
    let status = world.call(StatusRequest::default()).await.unwrap().status.unwrap();
    for kind in ["RuntimeReady", "NetworkReady"] {
        let found = status.conditions.iter().find(|condition| condition.r#type == kind);
        assert!(found.is_some_and(|condition| condition.status), "{kind}");
    }
}

async fn what_is_gone_can_be_stopped_and_removed(world: World, stack: &Stack) {
    assert_eq!(world.stop_sandbox("deadbeef").await, Ok(()));
    assert_eq!(world.remove_sandbox("deadbeef").await, Ok(()));
    assert_eq!(world.remove("deadbeef").await, Ok(()));
    assert_eq!(world.stop("deadbeef", 1).await.is_ok(), stack.stops_unknown_containers);
    let image = Some(ImageSpec { image: "never-pulled".to_owned(), ..Default::default() });
    assert!(world.call(RemoveImageRequest { image }).await.is_ok());
}

async fn what_never_was_has_no_status(world: World, stack: &Stack) {
    let sandbox = world.sandbox_status("deadbeef").await.unwrap_err();
    assert_eq!(sandbox.code, stack.not_found);
    let container = world.container_status("deadbeef").await.unwrap_err();
    assert_eq!(container.code, stack.not_found);
}

async fn a_container_goes_from_created_to_exited(world: World, _: &Stack) {
    let config = pod("p");
    let sandbox = world.run(&config).await.unwrap();
    let status = world.sandbox_status(&sandbox).await.unwrap();
    assert_eq!(status.id, sandbox);
    assert_eq!(status.state(), PodSandboxState::SandboxReady);
    assert!(status.created_at > 0);

    let id = world.create(&sandbox, &config, container("c")).await.unwrap();
    let created = world.container_status(&id).await.unwrap();
    assert_eq!(created.state(), ContainerState::ContainerCreated);
    assert_eq!((created.started_at, created.finished_at), (0, 0));
    assert!(created.created_at >= status.created_at);

    world.start(&id).await.unwrap();
    let running = world.container_status(&id).await.unwrap();
    assert_eq!(running.state(), ContainerState::ContainerRunning);
    assert!(running.started_at > running.created_at);
    assert_eq!(running.finished_at, 0);

    world.stop(&id, 10).await.unwrap();
    let exited = world.container_status(&id).await.unwrap();
    assert_eq!(exited.state(), ContainerState::ContainerExited);
    assert!(exited.finished_at > exited.started_at);
    assert_eq!(exited.started_at, running.started_at);

    world.remove(&id).await.unwrap();
    assert!(world.container_status(&id).await.is_err());
}

async fn stopping_and_removing_can_be_repeated(world: World, _: &Stack) {
    let (sandbox, id) = world.running("c").await;
    for _ in 0..2 {
        assert_eq!(world.stop(&id, 10).await, Ok(()));
    }
    for _ in 0..2 {
        assert_eq!(world.remove(&id).await, Ok(()));
    }
    for _ in 0..2 {
        assert_eq!(world.stop_sandbox(&sandbox).await, Ok(()));
    }
    for _ in 0..2 {
        assert_eq!(world.remove_sandbox(&sandbox).await, Ok(()));
    }
}

async fn a_container_starts_once(world: World, _: &Stack) {
    let (_, id) = world.running("c").await;
    assert!(world.start(&id).await.is_err());
    world.stop(&id, 10).await.unwrap();
    assert!(world.start(&id).await.is_err());
    assert!(world.start("deadbeef").await.is_err());
}

async fn a_container_needs_a_ready_sandbox(world: World, _: &Stack) {
    let config = pod("p");
    assert!(world.create("deadbeef", &config, container("c")).await.is_err());
    let sandbox = world.run(&config).await.unwrap();
    world.stop_sandbox(&sandbox).await.unwrap();
    assert!(world.create(&sandbox, &config, container("c")).await.is_err());
}

async fn a_container_needs_an_image(world: World, _: &Stack) {
    let config = pod("p");
    let sandbox = world.run(&config).await.unwrap();
    let mut wanted = container("c");
    wanted.image = Some(ImageSpec { image: "not-pulled:1".to_owned(), ..Default::default() });
    assert!(world.create(&sandbox, &config, wanted).await.is_err());
    // Nothing is left of the attempt.
    assert!(world.containers(ContainerFilter::default()).await.is_empty());
    assert!(world.create(&sandbox, &config, container("c")).await.is_ok());
}

async fn one_name_is_for_one_container(world: World, _: &Stack) {
    let config = pod("p");
    let sandbox = world.run(&config).await.unwrap();
    let id = world.create(&sandbox, &config, container("c")).await.unwrap();
    assert!(world.create(&sandbox, &config, container("c")).await.is_err());
    let mut next = container("c");
    next.metadata = Some(ContainerMetadata { name: "c".to_owned(), attempt: 1 });
    assert!(world.create(&sandbox, &config, next).await.is_ok());
    world.remove(&id).await.unwrap();
    assert!(world.create(&sandbox, &config, container("c")).await.is_ok());
}

async fn one_name_is_for_one_sandbox(world: World, _: &Stack) {
    let sandbox = world.run(&pod("p")).await.unwrap();
    assert!(world.run(&pod("p")).await.is_err());
    let mut next = pod("p");
    if let Some(metadata) = &mut next.metadata {
        metadata.attempt = 1;
    }
    assert!(world.run(&next).await.is_ok());
    world.remove_sandbox(&sandbox).await.unwrap();
    assert!(world.run(&pod("p")).await.is_ok());
}

/// Everything again and again, and the node looks as before.
async fn the_sequence_can_be_repeated(world: World, _: &Stack) {
    // What stays is there after the first time: the image of the sandbox's container.
    let first = world.run(&pod("p")).await.unwrap();
    world.remove_sandbox(&first).await.unwrap();
    world.sleep(5000).await;
    let processes = world.node.process_count();
    for _ in 0..3 {
        let (sandbox, id) = world.running("c").await;
        assert!(world.node.process_count() > processes);
        world.stop(&id, 10).await.unwrap();
        world.stop_sandbox(&sandbox).await.unwrap();
        world.remove_sandbox(&sandbox).await.unwrap();
        world.sleep(5000).await;
        assert_eq!(world.node.process_count(), processes);
        assert!(world.sandboxes(PodSandboxFilter::default()).await.is_empty());
        assert!(world.containers(ContainerFilter::default()).await.is_empty());
    }
}

async fn labels_and_annotations_come_back(world: World, _: &Stack) {
    let config = pod("p");
    let sandbox = world.run(&config).await.unwrap();
    let status = world.sandbox_status(&sandbox).await.unwrap();
    assert_eq!(status.metadata, config.metadata);
    assert_eq!(status.labels, config.labels);
    assert_eq!(status.annotations, config.annotations);
    let listed = world.call(ListPodSandboxRequest::default()).await.unwrap().items;
    assert_eq!(listed[0].labels, config.labels);
    assert_eq!(listed[0].annotations, config.annotations);
    assert_eq!(listed[0].metadata, config.metadata);

    let wanted = container("c");
    let id = world.create(&sandbox, &config, wanted.clone()).await.unwrap();
    let status = world.container_status(&id).await.unwrap();
    assert_eq!(status.metadata, wanted.metadata);
    assert_eq!(status.labels, wanted.labels);
    assert_eq!(status.annotations, wanted.annotations);
    assert!(status.log_path.ends_with("/c/0.log"));
    let listed = world.call(ListContainersRequest::default()).await.unwrap().containers;
    assert_eq!(listed[0].labels, wanted.labels);
    assert_eq!(listed[0].annotations, wanted.annotations);
    assert_eq!(listed[0].pod_sandbox_id, sandbox);
}

async fn containers_can_be_filtered(world: World, _: &Stack) {
    let (sandbox_a, a) = world.running("a").await;
    let (_, b) = world.running("b").await;
    world.stop(&b, 10).await.unwrap();
    let state = |state: ContainerState| Some(ContainerStateValue { state: state.into() });
    let label =
        |value: &str| [("io.kubernetes.container.name".to_owned(), value.to_owned())].into();
    let filter = ContainerFilter::default;
    let cases = [
        (filter(), vec![&a, &b]),
        (ContainerFilter { id: a.clone(), ..filter() }, vec![&a]),
        (ContainerFilter { id: a[..12].to_owned(), ..filter() }, vec![&a]),
        (ContainerFilter { id: "deadbeef".to_owned(), ..filter() }, vec![]),
        (ContainerFilter { state: state(ContainerState::ContainerRunning), ..filter() }, vec![&a]),
        (ContainerFilter { state: state(ContainerState::ContainerExited), ..filter() }, vec![&b]),
        (ContainerFilter { state: state(ContainerState::ContainerCreated), ..filter() }, vec![]),
        (ContainerFilter { pod_sandbox_id: sandbox_a.clone(), ..filter() }, vec![&a]),
        (ContainerFilter { pod_sandbox_id: "deadbeef".to_owned(), ..filter() }, vec![]),
        (ContainerFilter { label_selector: label("b"), ..filter() }, vec![&b]),
        (ContainerFilter { label_selector: label("x"), ..filter() }, vec![]),
        // All that is set must hold.
        (
            ContainerFilter { label_selector: label("b"), pod_sandbox_id: sandbox_a, ..filter() },
            vec![],
        ),
    ];
    for (filter, mut expected) in cases {
        let mut found = world.containers(filter.clone()).await;
        found.sort();
        expected.sort();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

async fn sandboxes_can_be_filtered(world: World, _: &Stack) {
    let a = world.run(&pod("a")).await.unwrap();
    let b = world.run(&pod("b")).await.unwrap();
    world.stop_sandbox(&b).await.unwrap();
    let state = |state: PodSandboxState| Some(PodSandboxStateValue { state: state.into() });
    let label = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let filter = PodSandboxFilter::default;
    let cases = [
        (filter(), vec![&a, &b]),
        (PodSandboxFilter { id: a.clone(), ..filter() }, vec![&a]),
        (PodSandboxFilter { id: a[..12].to_owned(), ..filter() }, vec![&a]),
        (PodSandboxFilter { id: "deadbeef".to_owned(), ..filter() }, vec![]),
        (PodSandboxFilter { state: state(PodSandboxState::SandboxReady), ..filter() }, vec![&a]),
        (PodSandboxFilter { state: state(PodSandboxState::SandboxNotready), ..filter() }, vec![&b]),
        (PodSandboxFilter { label_selector: label("app", "web"), ..filter() }, vec![&a, &b]),
        (
            PodSandboxFilter { label_selector: label("io.kubernetes.pod.name", "b"), ..filter() },
            vec![&b],
        ),
    ];
    for (filter, mut expected) in cases {
        let mut found = world.sandboxes(filter.clone()).await;
        found.sort();
        expected.sort();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

async fn exits_have_codes_and_reasons(world: World, _: &Stack) {
    for (name, code, reason) in
        [("completes", 0, "Completed"), ("fails", 7, "Error"), ("eats-memory", 137, "OOMKilled")]
    {
        let (_, id) = world.running(name).await;
        world.sleep(3000).await;
        let status = world.container_status(&id).await.unwrap();
        assert_eq!(status.state(), ContainerState::ContainerExited);
        assert_eq!((status.exit_code, status.reason.as_str()), (code, reason));
        assert!(status.finished_at > status.started_at);
    }
}

async fn an_exit_at_once_is_not_lost(world: World, _: &Stack) {
    let (_, id) = world.running("at-once").await;
    world.sleep(1000).await;
    let status = world.container_status(&id).await.unwrap();
    assert_eq!(status.state(), ContainerState::ContainerExited);
    assert_eq!(status.exit_code, 3);
    assert!(status.started_at > 0);
}

async fn who_obeys_is_not_killed(world: World, _: &Stack) {
    let (_, id) = world.running("c").await;
    let before = world.ctx.now();
    world.stop(&id, 30).await.unwrap();
    assert!(world.ctx.now().since(before).as_secs() < 5);
    assert_eq!(world.container_status(&id).await.unwrap().exit_code, 0);
}

async fn who_does_not_is_killed_after_the_grace_period(world: World, _: &Stack) {
    let (_, id) = world.running("stubborn").await;
    let before = world.ctx.now();
    world.stop(&id, 7).await.unwrap();
    assert_eq!(world.ctx.now().since(before).as_secs(), 7);
    let status = world.container_status(&id).await.unwrap();
    assert_eq!((status.exit_code, status.reason.as_str()), (137, "Error"));
}

async fn a_running_container_can_be_removed(world: World, _: &Stack) {
    let (_, id) = world.running("stubborn").await;
    assert_eq!(world.remove(&id).await, Ok(()));
    assert!(world.containers(ContainerFilter::default()).await.is_empty());
}

async fn a_stopped_sandbox_has_no_process_and_no_address(world: World, _: &Stack) {
    let (sandbox, id) = world.running("stubborn").await;
    assert!(!world.sandbox_status(&sandbox).await.unwrap().network.unwrap().ip.is_empty());
    world.stop_sandbox(&sandbox).await.unwrap();
    let status = world.sandbox_status(&sandbox).await.unwrap();
    assert_eq!(status.state(), PodSandboxState::SandboxNotready);
    assert_eq!(status.network.unwrap_or_default().ip, "");
    let container = world.container_status(&id).await.unwrap();
    assert_eq!((container.state(), container.exit_code), (ContainerState::ContainerExited, 137));
}

async fn a_removed_sandbox_takes_its_containers_along(world: World, _: &Stack) {
    let (sandbox, id) = world.running("c").await;
    world.remove_sandbox(&sandbox).await.unwrap();
    assert!(world.container_status(&id).await.is_err());
    assert!(world.sandbox_status(&sandbox).await.is_err());
}

async fn a_sandbox_on_the_hosts_network_has_no_address(world: World, _: &Stack) {
    let mut config = pod("p");
    let options = NamespaceOption { network: NamespaceMode::Node.into(), ..Default::default() };
    if let Some(context) = config.linux.as_mut().and_then(|linux| linux.security_context.as_mut()) {
        context.namespace_options = Some(options.clone());
    }
    config.hostname = String::new();
    let sandbox = world.run(&config).await.unwrap();
    let status = world.sandbox_status(&sandbox).await.unwrap();
    assert_eq!(status.network.unwrap_or_default().ip, "");
    let namespaces = status.linux.unwrap().namespaces.unwrap();
    assert_eq!(namespaces.options.unwrap().network(), NamespaceMode::Node);
    let id = world.create(&sandbox, &config, container("c")).await.unwrap();
    world.start(&id).await.unwrap();
    world.remove_sandbox(&sandbox).await.unwrap();
}

async fn addresses_differ(world: World, _: &Stack) {
    let mut addresses = std::collections::BTreeSet::new();
    for name in ["a", "b", "c"] {
        let sandbox = world.run(&pod(name)).await.unwrap();
        let status = world.sandbox_status(&sandbox).await.unwrap();
        addresses.insert(status.network.unwrap().ip);
    }
    assert_eq!(addresses.len(), 3);
}

async fn images_come_and_go(world: World, _: &Stack) {
    let image = |image: &str| Some(ImageSpec { image: image.to_owned(), ..Default::default() });
    let status = async |reference: &str| {
        let request = ImageStatusRequest { image: image(reference), verbose: false };
        world.call(request).await.unwrap().image
    };
    assert!(status(IMAGE).await.is_some());
    assert_eq!(status("busybox:1.36").await, None);
    let request = PullImageRequest { image: image("busybox:1.36"), ..Default::default() };
    let pulled = world.call(request).await.unwrap().image_ref;
    let found = status("busybox:1.36").await.unwrap();
    assert!(pulled == found.id || found.repo_digests.contains(&pulled), "{pulled}");
    assert!(found.size > 0);
    assert!(found.repo_tags.iter().any(|tag| tag.ends_with("busybox:1.36")));
    assert_eq!(status(&found.id).await.unwrap().id, found.id);
    assert_eq!(status(&found.repo_digests[0]).await.unwrap().id, found.id);
    let listed = world.call(ListImagesRequest::default()).await.unwrap().images;
    assert!(listed.iter().any(|image| image.id == found.id));
    let usage = world.call(ImageFsInfoRequest::default()).await.unwrap();
    assert!(!usage.image_filesystems.is_empty());

    world.call(RemoveImageRequest { image: image("busybox:1.36") }).await.unwrap();
    assert_eq!(status("busybox:1.36").await, None);
    assert_eq!(status(&found.id).await, None);
    assert!(status(IMAGE).await.is_some());
}

async fn an_image_that_nobody_has_cannot_be_pulled(world: World, _: &Stack) {
    for reference in ["missing:1", "NOT A REFERENCE", ""] {
        let image = Some(ImageSpec { image: reference.to_owned(), ..Default::default() });
        let request = PullImageRequest { image, ..Default::default() };
        assert!(world.call(request).await.is_err(), "{reference}");
    }
}

async fn exec_sync_gives_the_exit_code(world: World, _: &Stack) {
    let (_, container_id) = world.running("c").await;
    for (words, code) in [(vec!["true"], 0), (vec!["false"], 1), (vec!["sh", "-c", "exit 3"], 3)] {
        let cmd = words.iter().map(|&word| word.to_owned()).collect();
        let request = ExecSyncRequest { container_id: container_id.clone(), cmd, timeout: 10 };
        assert_eq!(world.call(request).await.unwrap().exit_code, code, "{words:?}");
    }
}

async fn exec_sync_times_out(world: World, stack: &Stack) {
    let (_, container_id) = world.running("c").await;
    let cmd = vec!["sleep".to_owned(), "30".to_owned()];
    let before = world.ctx.now();
    let error = world.call(ExecSyncRequest { container_id, cmd, timeout: 2 }).await.unwrap_err();
    assert_eq!(error.code, stack.exec_timeout);
    assert_eq!(world.ctx.now().since(before).as_secs(), 2);
}

async fn exec_sync_needs_a_running_container(world: World, _: &Stack) {
    let (_, container_id) = world.running("c").await;
    world.stop(&container_id, 10).await.unwrap();
    let request = |container_id| {
        let cmd = vec!["true".to_owned()];
        ExecSyncRequest { container_id, cmd, timeout: 1 }
    };
    assert!(world.call(request(container_id)).await.is_err());
    assert!(world.call(request("deadbeef".to_owned())).await.is_err());
}

/// A poller that has seen the count need not ask again until it moves.
async fn changes_are_marked(world: World, _: &Stack) {
    let changes = world.client.endpoint().changes.clone();
    let (sandbox, id) = world.running("completes").await;
    let mut seen = changes.count();
    assert!(seen >= 3);
    world.sleep(3000).await;
    // The process has ended by itself.
    assert!(changes.count() > seen);
    seen = changes.count();
    world.container_status(&id).await.unwrap();
    world.call(ListContainersRequest::default()).await.unwrap();
    world.call(ListPodSandboxRequest::default()).await.unwrap();
    assert_eq!(changes.count(), seen);
    world.remove(&id).await.unwrap();
    assert!(changes.count() > seen);
    seen = changes.count();
    world.stop_sandbox(&sandbox).await.unwrap();
    assert!(changes.count() > seen);
    seen = changes.count();
    world.remove_sandbox(&sandbox).await.unwrap();
    assert!(changes.count() > seen);
}

/// Nobody panics, and most say that something is missing.
async fn requests_without_anything_are_answered(world: World, _: &Stack) {
    assert!(world.call(RunPodSandboxRequest::default()).await.is_err());
    assert!(world.call(CreateContainerRequest::default()).await.is_err());
    assert!(world.call(StartContainerRequest::default()).await.is_err());
    assert!(world.call(ContainerStatusRequest::default()).await.is_err());
    assert!(world.call(PodSandboxStatusRequest::default()).await.is_err());
    assert!(world.call(ExecSyncRequest::default()).await.is_err());
    assert!(world.call(PullImageRequest::default()).await.is_err());
    assert!(world.call(ListContainersRequest::default()).await.unwrap().containers.is_empty());
    assert!(world.call(ListPodSandboxRequest::default()).await.unwrap().items.is_empty());
    let image = world.call(ImageStatusRequest::default()).await.unwrap().image;
    assert_eq!(image, None);
    // Whatever these answer, they answer.
    let _ = world.call(StopContainerRequest::default()).await;
    let _ = world.call(RemoveContainerRequest::default()).await;
    let _ = world.call(StopPodSandboxRequest::default()).await;
    let _ = world.call(RemovePodSandboxRequest::default()).await;
    let _ = world.call(RemoveImageRequest::default()).await;
    let _ = world.call(UpdateRuntimeConfigRequest::default()).await;
}
