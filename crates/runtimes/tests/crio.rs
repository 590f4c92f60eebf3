//! CRI-O hop by hop: what a pod's start looks like, and what is left after a failure.

#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

mod support;

use cri::*;
use expect_test::expect_file;
use sim::{Ctx, Endpoint, Fault, Sim};
use std::cell::Cell;
use std::rc::Rc;
use support::{World, annotated, container, play, pod};
use trace::Component;

/// Which step of which operation a line of a listing is.
const STEPS: &[(&str, &str)] = &[
    ("· RunPodSandbox ·", "RunPodSandbox: name and id, wait for CNI, handler, container name"),
    ("· GET manifest ·", "RunPodSandbox, storage: the pause image, pulled if needed"),
    ("· GET config ·", "RunPodSandbox, storage: the pause image's configuration"),
    ("· GET layer ·", "RunPodSandbox, storage: the pause image's layers"),
    ("· pinns ·", "RunPodSandbox: namespaces created and pinned by pinns"),
    ("· CNI ADD ·", "RunPodSandbox: then CNI ADD, before any process; lo is ocicni's own"),
    ("· IPAM ADD ·", "RunPodSandbox: the plugin delegates to host-local"),
    (": READY", "RunPodSandbox is done: without a process, unless one is needed"),
    ("· CreateContainer ·", "CreateContainer: reserve, storage container, spec"),
    ("· conmon exec ·", "ExecSync: conmon -e with a process of its own"),
    ("· conmon ·", "CreateContainer: conmon, which forks and stays"),
    ("create ·", "CreateContainer: conmon runs the runtime's create, reports the pid"),
    (": CREATED", "CreateContainer: the container is known"),
    ("state ·", "the container's state is written to disk: the runtime is asked"),
    ("· StartContainer ·", "StartContainer: must be created; hooks"),
    ("start ·", "StartContainer: CRI-O itself runs the runtime's start"),
    (": RUNNING", "StartContainer: event"),
    ("· StopContainer ·", "StopContainer: the stop signal, then patience, then SIGKILL"),
    ("kill ·", "StopContainer: CRI-O runs the runtime's kill"),
    (": EXITED", "conmon has left an exit file, which CRI-O watches for"),
    ("· StopPodSandbox ·", "StopPodSandbox: the network goes first"),
    ("· CNI DEL ·", "networkStop: CNI DEL"),
    ("· IPAM DEL ·", "networkStop: the plugin delegates to host-local"),
    (": NOTREADY", "StopPodSandbox: containers, infra, namespaces, shm are done"),
    ("· RemovePodSandbox ·", "RemovePodSandbox: containers, infra, network, namespaces, names"),
    ("delete ·", "RemovePodSandbox, RemoveContainer: the runtime's delete --force"),
    ("- container", "RemoveContainer: from runtime, exit directory, storage, index"),
    ("- sandbox", "RemovePodSandbox: out of the index"),
    ("exec ·", "ExecSync: conmon runs the runtime's exec"),
    ("· ExecSync ·", "ExecSync: the container must live"),
    ("· ListPodSandbox ·", "the test looks"),
    ("· ListContainers ·", "the test looks"),
];

async fn start_pod(world: &World) -> (String, String) {
    let config = pod("web");
    let sandbox = world.run(&config).await.unwrap();
    let id = world.create(&sandbox, &config, container("app")).await.unwrap();
    world.start(&id).await.unwrap();
    (sandbox, id)
}

#[test]
fn a_pod_starts() {
    let trace = play(
        support::crio,
        |_| {},
        async |world: World| {
            start_pod(&world).await;
        },
    );
    expect_file!["crio/pod_start.txt"].assert_eq(&annotated(&trace, 0, STEPS));
}

/// CRI-O of the days of 1.22 is the same with runc.
#[test]
fn a_pod_starts_in_1_22() {
    let crio = |ctx: &Ctx, node: &node::Node, registry, programs| -> Endpoint {
        use runtimes::crio::{CrioOptions, start};
        let options = CrioOptions { registry, programs, ..CrioOptions::for_kubernetes(22) };
        start(ctx, node, options)
    };
    let trace = play(
        crio,
        |_| {},
        async |world: World| {
            start_pod(&world).await;
            let version = world.call(VersionRequest::default()).await.unwrap();
            assert_eq!(version.runtime_version, "1.22.0");
        },
    );
    let runtimes: Vec<_> = trace
        .calls()
        .filter(|(.., call)| matches!(call.to, Component::Runc | Component::Crun))
        .map(|(.., call)| call.op.to_string())
        .collect();
    assert_eq!(runtimes, ["runc create", "runc state", "runc start", "runc state"]);
}

#[test]
fn a_pod_stops() {
    let from = Rc::new(Cell::new(0));
    let cursor = from.clone();
    let trace = play(
        support::crio,
        |_| {},
        async move |world: World| {
            let (sandbox, id) = start_pod(&world).await;
            world.sleep(1000).await;
            cursor.set(world.ctx.sim().event_count() as usize);
            world.stop(&id, 30).await.unwrap();
            world.stop_sandbox(&sandbox).await.unwrap();
            world.remove_sandbox(&sandbox).await.unwrap();
        },
    );
    expect_file!["crio/pod_stop.txt"].assert_eq(&annotated(&trace, from.get(), STEPS));
}

fn fault(op: &str, code: &str) -> Fault {
    Fault {
        op: op.to_owned(),
        code: Some(code.to_owned()),
        message: "broken on purpose".to_owned(),
        times: Some(1),
        ..Fault::default()
    }
}

/// A pod that shares its PID namespace, which only a process can hold.
fn sharing(name: &str) -> PodSandboxConfig {
    let mut config = pod(name);
    if let Some(context) = config.linux.as_mut().and_then(|linux| linux.security_context.as_mut()) {
        context.namespace_options = Some(NamespaceOption::default());
    }
    config
}

/// From the first failure of a listing to the answer.
fn failure(title: &str, listing: &str) -> String {
    let lines = listing.lines().take_while(|line| !line.contains("ListPodSandbox"));
    let lines = lines.skip_while(|line| !line.contains("broken on purpose"));
    lines.fold(format!("== {title} fails\n"), |text, line| text + line + "\n")
}

/// Whichever step of RunPodSandbox fails: the call fails, nothing is left on the node, the name
/// is free, and the next attempt succeeds.
#[test]
fn a_failed_sandbox_leaves_nothing_behind() {
    let mut text = String::new();
    for (step, says) in [
        ("GET manifest", "initializing source docker://registry.k8s.io/pause:3.10.1: "),
        ("GET config", ""),
        ("GET layer", ""),
        ("Storage.PutLayer", ""),
        ("Storage.CreateImage", ""),
        (
            "Storage.CreatePodSandbox",
            "creating pod sandbox with name \"k8s_p_default_uid-of-p_0\": ",
        ),
        ("pinns", "failed to pin namespaces: "),
        ("CNI ADD", "failed to create pod network sandbox k8s_p_default_uid-of-p_0("),
        ("IPAM ADD", "failed to create pod network sandbox k8s_p_default_uid-of-p_0("),
        ("Storage.StartContainer", "failed to mount container k8s_POD_p_default_uid-of-p_0 in "),
        ("conmon", "container create failed: "),
        ("crun create", "container create failed: "),
        ("crun start", "`/usr/bin/crun --root /run/crun --systemd-cgroup start "),
    ] {
        let trace = play(
            support::crio,
            |sim: &Sim| sim.arm(fault(step, "1")),
            async move |world: World| {
                let before = (world.node.process_count(), world.node.namespace_count());
                let error = world.run(&sharing("p")).await.unwrap_err();
                assert!(error.message.starts_with(says), "{step}: {error}");
                assert!(error.message.contains("broken on purpose"), "{step}: {error}");
                world.sleep(1000).await;
                let now = (world.node.process_count(), world.node.namespace_count());
                assert_eq!(now, before, "{step}");
                assert!(world.sandboxes(PodSandboxFilter::default()).await.is_empty(), "{step}");
                for path in ["/var/lib/cni/networks/podnet", "/var/run/crio/exits"] {
                    assert_eq!(world.node.list_dir(path).len(), 0, "{step}: {path}");
                }
                assert_eq!(world.run(&sharing("p")).await.err(), None, "{step}");
            },
        );
        text.push_str(&failure(step, &annotated(&trace, 0, STEPS)));
    }
    expect_file!["crio/sandbox_failures.txt"].assert_eq(&text);
}

/// A container that cannot be created or started is gone, and its name is free.
#[test]
fn a_failed_container_leaves_nothing_behind() {
    let mut text = String::new();
    for (step, says) in [
        ("Storage.CreateContainer", ""),
        ("Storage.StartContainer", "failed to mount container k8s_app_web_default_uid-of-web_0("),
        ("conmon", "container create failed: "),
        ("crun create", "container create failed: "),
        ("crun start", "failed to start container "),
    ] {
        let trace = play(
            support::crio,
            |sim: &Sim| {
                // The sandbox's root file system comes first.
                let skip = u32::from(step == "Storage.StartContainer");
                sim.arm(Fault { skip, ..fault(step, "1") });
            },
            async move |world: World| {
                let config = pod("web");
                let sandbox = world.run(&config).await.unwrap();
                let processes = world.node.process_count();
                let id = world.create(&sandbox, &config, container("app")).await;
                let error = match id {
                    Ok(id) => world.start(&id).await.unwrap_err(),
                    Err(error) => error,
                };
                assert!(error.message.starts_with(says), "{step}: {error}");
                assert!(error.message.contains("broken on purpose"), "{step}: {error}");
                world.sleep(1000).await;
                assert_eq!(world.node.process_count(), processes, "{step}");
                assert!(world.sandboxes(PodSandboxFilter::default()).await.len() == 1, "{step}");
                assert!(world.containers(ContainerFilter::default()).await.is_empty(), "{step}");
                let again = world.create(&sandbox, &config, container("app")).await;
                assert_eq!(world.start(&again.unwrap()).await, Ok(()), "{step}");
            },
        );
        text.push_str(&failure(step, &annotated(&trace, 0, STEPS)));
    }
    expect_file!["crio/container_failures.txt"].assert_eq(&text);
}

/// Whatever fails on the way down, the next attempt comes to the end of it.
#[test]
fn a_failed_stop_can_be_repeated() {
    let mut text = String::new();
    for step in ["CNI DEL", "IPAM DEL", "crun kill", "crun delete", "Storage.DeleteContainer"] {
        let trace = play(
            support::crio,
            |sim: &Sim| sim.arm(fault(step, "1")),
            async move |world: World| {
                let before = (world.node.process_count(), world.node.namespace_count());
                let (sandbox, _) = start_pod(&world).await;
                let first = world.stop_sandbox(&sandbox).await;
                let first = match first {
                    Ok(()) => world.remove_sandbox(&sandbox).await,
                    failed => failed,
                };
                // A signal that does not get through shows by the process being there.
                assert_eq!(first.is_ok(), step == "crun kill", "{step}");
                world.call(ListPodSandboxRequest::default()).await.unwrap();
                assert_eq!(world.stop_sandbox(&sandbox).await, Ok(()), "{step}");
                assert_eq!(world.remove_sandbox(&sandbox).await, Ok(()), "{step}");
                world.sleep(1000).await;
                let now = (world.node.process_count(), world.node.namespace_count());
                assert_eq!(now, before, "{step}");
            },
        );
        text.push_str(&failure(step, &annotated(&trace, 0, STEPS)));
    }
    expect_file!["crio/stop_failures.txt"].assert_eq(&text);
}

/// The answer to whoever asks again for a sandbox that was made for somebody who went away.
#[test]
fn a_sandbox_that_nobody_waited_for_is_kept_for_the_next() {
    let slow = Fault { delay_ms: Some(3000), ..Fault::default() };
    let slow = Fault { op: "CNI ADD".to_owned(), times: Some(1), ..slow };
    play(
        support::crio,
        move |sim: &Sim| sim.arm(slow),
        async |world: World| {
            use futures_util::future::{Either, select};
            let config = pod("p");
            let first = Box::pin(world.run(&config));
            match select(first, Box::pin(world.sleep(1000))).await {
                Either::Right((_, first)) => drop(first),
                Either::Left(_) => panic!("the network takes longer"),
            }
            world.sleep(10_000).await;
            assert!(world.sandboxes(PodSandboxFilter::default()).await.is_empty());
            let id = world.run(&config).await.unwrap();
            let listed = world.sandboxes(PodSandboxFilter::default()).await;
            assert_eq!(listed, std::slice::from_ref(&id));
            // And again: it is the same.
            assert_eq!(world.run(&config).await, Ok(id));
        },
    );
}
