//! containerd hop by hop: what a pod's start looks like, and what is left after a failure.

#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used)]

mod support;

use cri::*;
use expect_test::expect_file;
use sim::{Fault, Sim};
use std::cell::RefCell;
use std::rc::Rc;
use support::{World, container, play, pod};
use trace::{NamespaceKind, Outcome, Trace, What};

/// Which step of which upstream function a line of the listing is, so that a reader can compare.
/// A line that nobody can place fails the test.
const STEPS: &[(&str, &str)] = &[
    ("· RunPodSandbox ·", "RunPodSandbox begins: id, name reserved, lease, runtime, record, netns"),
    ("· HEAD manifest ·", "ensurePauseImageExists, after the network: resolve"),
    ("· GET manifest ·", "ensurePauseImageExists: fetch the manifest"),
    ("· GET config ·", "ensurePauseImageExists: fetch the configuration"),
    ("· GET layer ·", "ensurePauseImageExists: fetch the layers"),
    ("· CNI ADD ·", "setupPodNetwork, before any process: lo, then each plugin of the list"),
    ("· IPAM ADD ·", "setupPodNetwork: the plugin delegates to host-local"),
    ("· containerd-shim-runc-v2 start ·", "Controller.Start, NewTask: one shim for the pod"),
    ("· containerd-shim ·", "NewTask: one shim of version 1 for each container"),
    ("· Snapshots.Prepare ·", "NewContainer: WithNewSnapshot"),
    ("· Containers.Create ·", "NewContainer: the container is written down"),
    ("· Tasks.Create ·", "NewTask: containerd is asked"),
    ("· Tasks.Start ·", "task.Start: containerd is asked"),
    ("· Tasks.Kill ·", "task.Kill: containerd is asked"),
    ("· Tasks.Delete ·", "task.Delete: containerd is asked"),
    ("· Snapshots.Remove ·", "container.Delete: WithSnapshotCleanup"),
    ("· Containers.Delete ·", "container.Delete"),
    ("· Snapshots.Commit ·", "image.Unpack: a layer becomes a snapshot"),
    ("· Images.Create ·", "Pull: the image gets its name"),
    ("· Task.Create ·", "NewTask: the shim creates"),
    ("· runc create ·", "NewTask: everything but the program"),
    ("· Task.Connect ·", "NewTask: the task's process number"),
    ("· Forward /tasks/create ·", "event, published on its own"),
    ("· Task.Start ·", "task.Start"),
    ("· runc start ·", "task.Start: the waiting process becomes the program"),
    ("· Task.State ·", "task.Start: how the process stands"),
    ("· Forward /tasks/start ·", "event; never after the exit"),
    (": READY", "sandbox in the store: READY"),
    (": NOTREADY", "handleSandboxExit; the address goes with the namespace"),
    ("· CreateContainer ·", "CreateContainer: no process, no hop out of containerd"),
    (": CREATED", "container in the store"),
    (": RUNNING", "status: pid, startedAt"),
    (": EXITED", "handleContainerExit: status: exit code, finishedAt"),
    ("· StartContainer ·", "StartContainer begins: no shim is started, the sandbox's is used"),
    ("· StopContainer ·", "StopContainer: the signal once, then wait"),
    ("· StopPodSandbox ·", "StopPodSandbox: containers, then the sandbox's container"),
    ("· RemovePodSandbox ·", "RemovePodSandbox: stop again, remove containers, then all the rest"),
    ("· Task.Kill ·", "task.Kill"),
    ("· runc kill ·", "task.Kill"),
    ("· Forward /tasks/exit ·", "the shim has reaped the process"),
    ("· Task.Delete ·", "handleContainerExit or handleSandboxExit: task.Delete"),
    ("· runc delete ·", "task.Delete: control group and state"),
    ("· Task.Shutdown ·", "task.Delete: the shim stays while it has containers"),
    ("· Forward /tasks/delete ·", "event"),
    ("· CNI DEL ·", "teardownPodNetwork: in reverse; again without a namespace on removal"),
    ("· IPAM DEL ·", "teardownPodNetwork: the plugin delegates to host-local"),
    ("- container", "container gone from the store"),
    ("- sandbox", "sandbox gone from the store"),
];

fn check(trace: &Trace, file: expect_test::ExpectFile) {
    file.assert_eq(&support::annotated(trace, 0, STEPS));
}

async fn start_pod(world: World) -> (String, String) {
    let config = pod("web");
    let sandbox = world.run(&config).await.unwrap();
    let id = world.create(&sandbox, &config, container("app")).await.unwrap();
    world.start(&id).await.unwrap();
    (sandbox, id)
}

#[test]
fn a_pod_starts() {
    let trace = play(
        support::containerd,
        |_| {},
        async |world: World| {
            start_pod(world).await;
        },
    );
    check(&trace, expect_file!["containerd/pod_start.txt"]);
}

#[test]
fn a_pod_stops() {
    let from = Rc::new(RefCell::new(0));
    let cursor = from.clone();
    let trace = play(
        support::containerd,
        |_| {},
        async move |world: World| {
            let (sandbox, id) = start_pod(world.clone()).await;
            world.sleep(1000).await;
            *cursor.borrow_mut() = world.ctx.sim().event_count() as usize;
            world.stop(&id, 30).await.unwrap();
            world.stop_sandbox(&sandbox).await.unwrap();
            world.remove_sandbox(&sandbox).await.unwrap();
        },
    );
    let start = *from.borrow();
    let text = support::annotated(&trace, start, STEPS);
    expect_file!["containerd/pod_stop.txt"].assert_eq(&text);
}

/// Before the plugin: the image first, no lease, one more hop for whatever is asked of containerd.
#[test]
fn a_pod_starts_beside_containerd() {
    let trace = play(
        support::cri_containerd,
        |_| {},
        async |world: World| {
            start_pod(world).await;
        },
    );
    check(&trace, expect_file!["containerd/daemon_pod_start.txt"]);
}

/// The network goes while the sandbox's process still runs.
#[test]
fn a_pod_stops_beside_containerd() {
    let from = Rc::new(RefCell::new(0));
    let cursor = from.clone();
    let trace = play(
        support::cri_containerd,
        |_| {},
        async move |world: World| {
            let (sandbox, id) = start_pod(world.clone()).await;
            world.sleep(1000).await;
            *cursor.borrow_mut() = world.ctx.sim().event_count() as usize;
            world.stop(&id, 30).await.unwrap();
            world.stop_sandbox(&sandbox).await.unwrap();
            world.remove_sandbox(&sandbox).await.unwrap();
        },
    );
    let text = support::annotated(&trace, *from.borrow(), STEPS);
    expect_file!["containerd/daemon_pod_stop.txt"].assert_eq(&text);
}

/// The operations of a trace, in order, from the first that a component outside of containerd
/// takes part in.
fn ops(trace: &Trace) -> Vec<String> {
    trace.calls().map(|(_, _, call)| call.op.to_string()).collect()
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

/// Whichever hop of RunPodSandbox fails: the call fails, nothing is left on the node, the name is
/// free, and the next attempt succeeds.
#[test]
fn a_failed_sandbox_leaves_nothing_behind() {
    let hops = [
        "Leases.Create",
        "Sandboxes.Create",
        "unshare(CLONE_NEWNET)",
        "Sandboxes.Update",
        "CNI ADD",
        "IPAM ADD",
        "HEAD manifest",
        "GET manifest",
        "GET config",
        "GET layer",
        "Snapshots.Commit",
        "Images.Create",
        "Snapshots.Prepare",
        "Containers.Create",
        "Tasks.Create",
        "containerd-shim-runc-v2 start",
        "Task.Create",
        "runc create",
        "Tasks.Start",
        "Task.Start",
        "runc start",
        "Task.State",
    ];
    for after in [false, true] {
        // A program whose answer gets lost leaves behind what it made, upstream as well.
        let lost = ["containerd-shim-runc-v2 start", "runc create"];
        for hop in hops.into_iter().filter(|hop| !(after && lost.contains(hop))) {
            let fault = Fault { after, ..fault(hop, "Unknown") };
            play(
                support::containerd,
                |sim: &Sim| sim.arm(fault),
                async move |world: World| {
                    let before = (world.node.process_count(), world.node.namespace_count());
                    let error = world.run(&pod("p")).await.unwrap_err();
                    assert!(error.message.contains("broken on purpose"), "{hop}: {error}");
                    world.sleep(1000).await;
                    let now = (world.node.process_count(), world.node.namespace_count());
                    assert_eq!(now, before, "{hop}, after: {after}");
                    assert!(world.sandboxes(PodSandboxFilter::default()).await.is_empty(), "{hop}");
                    for path in ["/var/run/netns", "/var/lib/cni/networks/podnet"] {
                        assert_eq!(
                            world.node.list_dir(path).len(),
                            0,
                            "{hop}, after: {after}: {path}"
                        );
                    }
                    if !(after && ["Leases.Create", "Sandboxes.Create"].contains(&hop)) {
                        let again = world.run(&pod("p")).await;
                        assert!(again.is_ok(), "{hop}: {again:?}");
                    }
                },
            );
        }
    }
}

/// CNI ADD fails: DEL follows, the namespace goes, the error reaches the kubelet in full.
#[test]
fn a_network_that_fails_is_torn_down() {
    let trace = play(
        support::containerd,
        |sim| sim.arm(Fault { skip: 1, ..fault("CNI ADD", "11") }),
        async |world: World| {
            let error = world.run(&pod("p")).await.unwrap_err();
            assert_eq!(error.code, Code::Unknown);
            let expected = r#": plugin type="bridge" failed (add): broken on purpose"#;
            assert!(error.message.starts_with("failed to setup network for sandbox \""));
            assert!(error.message.ends_with(expected), "{error}");
        },
    );
    let wanted: Vec<String> = ops(&trace)
        .into_iter()
        .filter(|op| !op.starts_with("Leases") && !op.starts_with("Sandboxes"))
        .collect();
    assert_eq!(
        wanted,
        [
            "RunPodSandbox",
            "unshare(CLONE_NEWNET)",
            "CNI ADD",
            "CNI ADD",
            "CNI DEL",
            "CNI DEL",
            "CNI DEL",
            "IPAM DEL",
        ]
    );
}

/// What cannot be cleaned up stays visible, not ready, and StopPodSandbox can finish it.
#[test]
fn a_sandbox_that_cannot_be_cleaned_up_is_kept() {
    let arm = |sim: &Sim| {
        sim.arm(fault("runc create", "1"));
        sim.arm(fault("CNI DEL", "1"));
    };
    play(support::containerd, arm, async |world: World| {
        let error = world.run(&pod("p")).await.unwrap_err();
        assert!(error.message.contains("OCI runtime create failed: broken on purpose"), "{error}");
        let kept = world.sandboxes(PodSandboxFilter::default()).await;
        assert_eq!(kept.len(), 1);
        let status = world.sandbox_status(&kept[0]).await.unwrap();
        assert_eq!(status.state(), PodSandboxState::SandboxNotready);
        // The name is still taken.
        let again = world.run(&pod("p")).await.unwrap_err();
        assert!(again.message.starts_with("failed to reserve sandbox name"), "{again}");
        world.stop_sandbox(&kept[0]).await.unwrap();
        world.remove_sandbox(&kept[0]).await.unwrap();
        assert!(world.run(&pod("p")).await.is_ok());
    });
}

/// A container that cannot be started has exited, with a code and a reason of its own.
#[test]
fn a_container_that_cannot_be_started_has_exited() {
    for op in ["Task.Create", "runc create", "Task.Start", "runc start"] {
        // The sandbox's container comes first.
        let fault = Fault { skip: 1, ..fault(op, "1") };
        play(
            support::containerd,
            |sim: &Sim| sim.arm(fault),
            async move |world: World| {
                let config = pod("p");
                let sandbox = world.run(&config).await.unwrap();
                let processes = world.node.process_count();
                let id = world.create(&sandbox, &config, container("c")).await.unwrap();
                let error = world.start(&id).await.unwrap_err();
                assert!(error.message.contains("broken on purpose"), "{op}: {error}");
                let status = world.container_status(&id).await.unwrap();
                assert_eq!(status.state(), ContainerState::ContainerExited);
                assert_eq!((status.exit_code, status.reason.as_str()), (128, "StartError"), "{op}");
                assert_eq!(status.message, error.message);
                assert_eq!(status.started_at, 0);
                world.sleep(1000).await;
                assert_eq!(world.node.process_count(), processes, "{op}");
                assert_eq!(world.remove(&id).await, Ok(()));
                assert_eq!(world.remove_sandbox(&sandbox).await, Ok(()));
            },
        );
    }
}

/// An exit whose task cannot be deleted is handled again.
#[test]
fn an_exit_is_handled_until_it_works() {
    let arm = |sim: &Sim| sim.arm(Fault { times: Some(2), ..fault("Task.Delete", "Unknown") });
    play(support::containerd, arm, async |world: World| {
        let (_, id) = world.running("completes").await;
        world.sleep(10_000).await;
        let status = world.container_status(&id).await.unwrap();
        assert_eq!(status.state(), ContainerState::ContainerExited);
        assert_eq!(status.finished_at - status.started_at, 1_000_000_000);
    });
}

/// An event that does not get through is sent again.
#[test]
fn an_event_is_sent_until_it_arrives() {
    let arm = |sim: &Sim| sim.arm(fault("Forward /tasks/exit", "Unavailable"));
    play(support::containerd, arm, async |world: World| {
        let (_, id) = world.running("completes").await;
        world.sleep(1500).await;
        let status = world.container_status(&id).await.unwrap();
        assert_eq!(status.state(), ContainerState::ContainerRunning);
        world.sleep(1000).await;
        let status = world.container_status(&id).await.unwrap();
        assert_eq!(status.state(), ContainerState::ContainerExited);
    });
}

/// A client that gives up does not leave work half done.
#[test]
fn a_client_that_goes_away_does_not_stop_the_work() {
    play(
        support::containerd,
        |_| {},
        async |world: World| {
            let (this, config) = (world.clone(), pod("p"));
            let asking = world.ctx.spawn(async move { this.run(&config).await });
            world.sleep(20).await;
            asking.abort();
            world.sleep(5000).await;
            let found = world.sandboxes(PodSandboxFilter::default()).await;
            assert_eq!(found.len(), 1);
            assert_eq!(world.remove_sandbox(&found[0]).await, Ok(()));
        },
    );
}

/// The containers of a pod share namespaces with the sandbox's container, and each has its own
/// for processes and mounts.
#[test]
fn a_pods_containers_share_namespaces() {
    play(
        support::containerd,
        |_| {},
        async |world: World| {
            let (sandbox, id) = start_pod(world.clone()).await;
            let pid_of = async |verbose_info: String| -> u32 {
                let info: serde_json::Value = serde_json::from_str(&verbose_info).unwrap();
                info["pid"].as_u64().unwrap() as u32
            };
            let request = PodSandboxStatusRequest { pod_sandbox_id: sandbox, verbose: true };
            let pause = pid_of(world.call(request).await.unwrap().info["info"].clone()).await;
            let request = ContainerStatusRequest { container_id: id, verbose: true };
            let app = pid_of(world.call(request).await.unwrap().info["info"].clone()).await;
            let namespace = |pid: u32, kind: NamespaceKind| {
                let process = world.node.process(pid).unwrap();
                process.namespaces.iter().find(|(other, _)| *other == kind).map(|&(_, id)| id)
            };
            for kind in [NamespaceKind::Net, NamespaceKind::Ipc, NamespaceKind::Uts] {
                assert_eq!(namespace(app, kind), namespace(pause, kind), "{kind:?}");
            }
            for kind in [NamespaceKind::Pid, NamespaceKind::Mnt] {
                assert_ne!(namespace(app, kind), namespace(pause, kind), "{kind:?}");
            }
            // Both are children of the pod's shim, which is a child of systemd.
            let shim = world.node.process(app).unwrap().ppid;
            assert_eq!(world.node.process(pause).unwrap().ppid, shim);
            assert_eq!(world.node.process(shim).unwrap().ppid, node::Node::INIT);
        },
    );
}

/// The sandbox's `resolv.conf` is the runtime's own, and nothing is rewritten afterwards.
#[test]
fn resolv_conf_says_what_the_kubelet_asked_for() {
    play(
        support::containerd,
        |_| {},
        async |world: World| {
            let sandbox = world.run(&pod("p")).await.unwrap();
            let directory =
                format!("/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{sandbox}");
            let text = world.node.read_file(&format!("{directory}/resolv.conf"));
            assert_eq!(
                text.as_deref(),
                Some(concat!(
                    "search default.svc.cluster.local svc.cluster.local\n",
                    "nameserver 10.96.0.10\n",
                    "options ndots:5\n",
                ))
            );
            let mut config = pod("q");
            config.dns_config = None;
            let sandbox = world.run(&config).await.unwrap();
            let directory =
                format!("/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{sandbox}");
            assert_eq!(
                world.node.read_file(&format!("{directory}/resolv.conf")),
                world.node.read_file("/etc/resolv.conf")
            );
        },
    );
}

/// Without a network configuration the runtime says so, and only pods on the host's network start.
#[test]
fn without_a_network_configuration_the_network_is_not_ready() {
    let start: support::Start = |ctx, node, registry, programs| {
        let options = runtimes::containerd::ContainerdOptions {
            registry,
            programs,
            network_configured: false,
            ..runtimes::containerd::ContainerdOptions::default()
        };
        runtimes::containerd::start(ctx, node, options)
    };
    play(
        start,
        |_| {},
        async |world: World| {
            let status = world.call(StatusRequest::default()).await.unwrap().status.unwrap();
            let network = status.conditions.iter().find(|c| c.r#type == "NetworkReady").unwrap();
            assert!(!network.status);
            assert_eq!(network.reason, "NetworkPluginNotReady");
            assert_eq!(network.message, "Network plugin returns error: cni plugin not initialized");
            let error = world.run(&pod("p")).await.unwrap_err();
            assert!(error.message.ends_with("cni config not initialized"), "{error}");
        },
    );
}

/// Two runs of one scene are equal to the last byte.
#[test]
fn runs_repeat() {
    let run = || {
        let trace = play(
            support::containerd,
            |_| {},
            async |world: World| {
                let (sandbox, _) = start_pod(world.clone()).await;
                world.remove_sandbox(&sandbox).await.unwrap();
            },
        );
        serde_json::to_string(&trace.events).unwrap()
    };
    assert_eq!(run(), run());
}

/// Every call has a return, and every hop says where upstream does it.
#[test]
fn hops_return_and_have_sources() {
    let trace = play(
        support::containerd,
        |_| {},
        async |world: World| {
            let (sandbox, _) = start_pod(world.clone()).await;
            world.remove_sandbox(&sandbox).await.unwrap();
            world.sleep(100).await;
        },
    );
    let mut open = std::collections::BTreeSet::new();
    for (id, event) in trace.iter() {
        match &event.what {
            What::Call(call) => {
                open.insert(id);
                assert!(
                    call.source.is_some() || call.protocol == trace::Protocol::Cri,
                    "{}",
                    call.op
                );
                assert_eq!(call.glue, None);
            }
            What::Return(answer) => {
                assert!(open.remove(&answer.call));
                assert_eq!(answer.outcome, Outcome::Ok, "{:?}", trace.event(answer.call));
            }
            What::Effect(_) => {}
        }
    }
    assert!(open.is_empty());
}
