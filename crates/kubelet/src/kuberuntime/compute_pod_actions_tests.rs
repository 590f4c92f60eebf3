//! The decision table, row by row. Cases that upstream tests have upstream's names
//! (`kuberuntime_manager_test.go` `TestComputePodActions` and those after it).

use super::*;
use crate::Version;
use crate::container::Sandbox;
use api::{ContainerRestartRule, ContainerRestartRuleOnExitCodes, Probe};
use std::collections::BTreeMap;
use trace::Time;

/// A pod with its state, built up by each case from one that runs.
struct World {
    pod: Pod,
    status: PodStatus,
    minor: u16,
    liveness: BTreeMap<Rc<str>, ProbeResult>,
    startup: BTreeMap<Rc<str>, ProbeResult>,
    resize: Resize,
}

impl Facts for World {
    fn features(&self) -> Features {
        Version::minor(self.minor).features()
    }

    fn liveness(&self, id: &str) -> Option<ProbeResult> {
        self.liveness.get(id).copied()
    }

    fn startup(&self, id: &str) -> Option<ProbeResult> {
        self.startup.get(id).copied()
    }

    fn resize(&self, _: &Pod, container: &Container, _: &Status) -> Resize {
        if container.name == "foo1" { self.resize } else { Resize::Nothing }
    }
}

fn container(name: &str) -> Container {
    Container { name: name.into(), image: "busybox".into(), ..Container::default() }
}

fn sandbox(attempt: u32, ready: bool) -> Sandbox {
    Sandbox {
        id: format!("sandbox{attempt}").into(),
        attempt,
        ready,
        created_at: Time::from_millis(u64::from(attempt)),
        host_network: false,
        ips: vec!["10.0.0.1".into()],
    }
}

impl World {
    /// Three regular containers that run in a sandbox that is ready.
    fn running(policy: &str) -> Self {
        let mut world = Self {
            pod: Pod::default(),
            status: PodStatus::default(),
            minor: 36,
            liveness: BTreeMap::new(),
            startup: BTreeMap::new(),
            resize: Resize::Nothing,
        };
        world.pod.spec.restart_policy = policy.into();
        world.status.sandboxes.push(sandbox(0, true));
        for name in ["foo1", "foo2", "foo3"] {
            world.pod.spec.containers.push(container(name));
            world.add(name, State::Running, 0);
        }
        world
    }

    /// Three init containers, all of which have ended well, and nothing else yet.
    fn initializing(policy: &str) -> Self {
        let mut world = Self::running(policy);
        world.status.containers.clear();
        for name in ["init1", "init2", "init3"] {
            world.pod.spec.init_containers.push(container(name));
            world.add(name, State::Exited, 0);
        }
        world
    }

    /// Three sidecars that run, and no regular container yet.
    fn with_sidecars(policy: &str) -> Self {
        let mut world = Self::initializing(policy);
        for sidecar in &mut world.pod.spec.init_containers {
            sidecar.restart_policy = Some("Always".into());
        }
        for name in ["init1", "init2", "init3"] {
            world.set(name, State::Running, 0);
        }
        world
    }

    fn at(mut self, minor: u16) -> Self {
        self.minor = minor;
        self.rehash();
        self
    }

    /// Containers are made by the kubelet that looks at them, unless a case says otherwise.
    fn rehash(&mut self) {
        let features = self.features();
        let all = self.pod.spec.init_containers.iter().chain(&self.pod.spec.containers);
        let hashes: BTreeMap<String, u64> =
            all.map(|it| (it.name.clone(), hash_container(it, features))).collect();
        for status in &mut self.status.containers {
            if let Some(hash) = hashes.get(&*status.name) {
                Rc::make_mut(status).hash = *hash;
            }
        }
    }

    fn add(&mut self, name: &str, state: State, exit_code: i32) {
        let status = Status {
            id: format!("id-{name}").into(),
            name: name.into(),
            state,
            created_at: Time::ZERO,
            started_at: Time::ZERO,
            finished_at: Time::ZERO,
            exit_code,
            image: "busybox".into(),
            image_id: "".into(),
            hash: hash_container(&container(name), self.features()),
            restart_count: 0,
            reason: "".into(),
            message: "".into(),
        };
        self.status.containers.push(Rc::new(status));
    }

    fn set(&mut self, name: &str, state: State, exit_code: i32) -> &mut Self {
        self.remove(name);
        self.add(name, state, exit_code);
        self
    }

    fn remove(&mut self, name: &str) -> &mut Self {
        self.status.containers.retain(|status| *status.name != *name);
        self
    }

    fn plan(&self) -> String {
        self.plan_restarting(false)
    }

    fn plan_restarting(&self, all: bool) -> String {
        let actions = compute_pod_actions(&self.pod, &self.status, all, self);
        let mut words = Vec::new();
        if actions.kill_pod {
            words.push("kill-pod".to_owned());
        }
        if actions.create_sandbox {
            words.push(format!("sandbox({})", actions.attempt));
        }
        let list = |name: &str, indices: &[usize]| {
            let text: Vec<String> = indices.iter().map(ToString::to_string).collect();
            (!indices.is_empty()).then(|| format!("{name}[{}]", text.join(",")))
        };
        words.extend(list("ephemeral", &actions.ephemeral_containers_to_start));
        words.extend(list("init", &actions.init_containers_to_start));
        words.extend(list("start", &actions.containers_to_start));
        let update: Vec<usize> = actions.containers_to_update.iter().map(|it| it.0).collect();
        words.extend(list("update", &update));
        for kill in &actions.containers_to_kill {
            words.push(format!("kill({}, {:?}: {})", kill.name, kill.reason, kill.message));
        }
        for reset in &actions.containers_to_reset {
            let kill = if reset.kill { "!" } else { "" };
            words.push(format!("reset({}{kill})", reset.name));
        }
        assert_eq!(actions.is_empty(), words.is_empty(), "{words:?}");
        if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
    }
}

/// Each case changes what runs, and names the plan that follows.
fn check(name: &str, base: World, change: impl FnOnce(&mut World), expected: &str) {
    let mut world = base;
    change(&mut world);
    assert_eq!(world.plan(), expected, "{name}");
}

const ALWAYS: fn() -> World = || World::running("Always");
const ON_FAILURE: fn() -> World = || World::running("OnFailure");
const NEVER: fn() -> World = || World::running("Never");

#[test]
fn new_sandboxes() {
    // State of the sandboxes, newest first, and what pod_sandbox_changed says.
    let changed = |change: &dyn Fn(&mut World)| {
        let mut world = ALWAYS();
        change(&mut world);
        let (changed, attempt, id) = pod_sandbox_changed(&world.pod, &world.status);
        (changed, attempt, id.to_string())
    };
    let no = |attempt: u32| (false, attempt, format!("sandbox{attempt}"));
    let yes = |attempt, id: &str| (true, attempt, id.to_owned());
    assert_eq!(changed(&|_| {}), no(0));
    assert_eq!(changed(&|world| world.status.sandboxes.clear()), yes(0, ""));
    assert_eq!(changed(&|world| world.status.sandboxes[0].ready = false), yes(1, "sandbox0"));
    let two = |world: &mut World, old_ready| {
        world.status.sandboxes = vec![sandbox(1, true), sandbox(0, old_ready)];
    };
    assert_eq!(changed(&|world| two(world, true)), yes(2, "sandbox1"));
    assert_eq!(changed(&|world| two(world, false)), no(1));
    assert_eq!(changed(&|world| world.status.sandboxes[0].host_network = true), yes(1, ""));
    assert_eq!(changed(&|world| world.pod.spec.host_network = true), yes(1, ""));
    assert_eq!(changed(&|world| world.status.sandboxes[0].ips.clear()), yes(1, "sandbox0"));
    let host = |world: &mut World| {
        world.pod.spec.host_network = true;
        world.status.sandboxes[0].host_network = true;
        world.status.sandboxes[0].ips.clear();
    };
    assert_eq!(changed(&host), no(0));
    let world = ALWAYS();
    let actions = compute_pod_actions(&world.pod, &world.status, false, &world);
    assert_eq!(&*actions.sandbox_id, "sandbox0", "what is to be done is done in it");
}

#[test]
fn pods_without_init_containers() {
    let new = |world: &mut World| world.status = PodStatus::default();
    let dead_sandbox = |world: &mut World| world.status.sandboxes[0].ready = false;
    check("everything is good; do nothing", ALWAYS(), |_| {}, "nothing");
    check(
        "start pod sandbox and all containers for a new pod",
        ALWAYS(),
        new,
        "kill-pod sandbox(0) start[0,1,2]",
    );
    check("the same when it never restarts", NEVER(), new, "kill-pod sandbox(0) start[0,1,2]");
    check(
        "restart exited containers if RestartPolicy == Always",
        ALWAYS(),
        |world| {
            world.set("foo1", State::Exited, 0).set("foo2", State::Exited, 111);
        },
        "start[0,1]",
    );
    check(
        "restart failed containers if RestartPolicy == OnFailure",
        ON_FAILURE(),
        |world| {
            world.set("foo1", State::Exited, 0).set("foo2", State::Exited, 111);
        },
        "start[1]",
    );
    check(
        "don't restart containers if RestartPolicy == Never",
        NEVER(),
        |world| {
            world.set("foo1", State::Exited, 0).set("foo2", State::Exited, 111);
        },
        "nothing",
    );
    check(
        "a container that was never started",
        ALWAYS(),
        |world| {
            world.remove("foo2");
        },
        "start[1]",
    );
    check(
        "a container that was made and not started",
        NEVER(),
        |world| {
            world.set("foo2", State::Created, 0);
        },
        "start[1]",
    );
    check(
        "Kill pod and recreate everything if the pod sandbox is dead, and RestartPolicy == Always",
        ALWAYS(),
        dead_sandbox,
        "kill-pod sandbox(1) start[0,1,2]",
    );
    check(
        "Kill pod and recreate all containers (except for the succeeded one) if the pod sandbox is dead, and RestartPolicy == OnFailure",
        ON_FAILURE(),
        |world| {
            dead_sandbox(world);
            world.set("foo2", State::Exited, 0);
        },
        "kill-pod sandbox(1) start[0,2]",
    );
    check(
        "a failed one is started again with the new sandbox",
        ON_FAILURE(),
        |world| {
            dead_sandbox(world);
            world.set("foo2", State::Exited, 1);
        },
        "kill-pod sandbox(1) start[0,1,2]",
    );
    check("a dead sandbox ends a pod that never restarts", NEVER(), dead_sandbox, "kill-pod");
    check(
        "Verify we create a pod sandbox if no ready sandbox for pod with RestartPolicy=Never and no containers have ever been created",
        NEVER(),
        |world| {
            dead_sandbox(world);
            world.status.containers.clear();
        },
        "kill-pod sandbox(1) start[0,1,2]",
    );
    check(
        "Kill pod and do not recreate a pod sandbox if all containers of an OnFailure pod have succeeded",
        ON_FAILURE(),
        |world| {
            dead_sandbox(world);
            for name in ["foo1", "foo2", "foo3"] {
                world.set(name, State::Exited, 0);
            }
        },
        "kill-pod",
    );
    check(
        "Kill pod if all containers exited except RestartPolicy == Always",
        NEVER(),
        |world| {
            for name in ["foo1", "foo2", "foo3"] {
                world.set(name, State::Exited, 0);
            }
        },
        "kill-pod",
    );
    check(
        "a pod that is deleted starts nothing",
        ALWAYS(),
        |world| {
            world.pod.metadata.deletion_timestamp = Some(api::Time("now".into()));
            world.set("foo1", State::Exited, 1);
        },
        "nothing",
    );
}

#[test]
fn running_containers_that_must_go() {
    let hash = |world: &mut World, name: &str| {
        let status = world.status.containers.iter_mut().find(|it| *it.name == *name);
        Rc::make_mut(status.expect("a container")).hash += 1;
    };
    check(
        "Kill and recreate the container if the container's spec changed",
        ALWAYS(),
        |world| hash(world, "foo2"),
        "start[1] kill(foo2, None: Container foo2 definition changed, will be restarted)",
    );
    check(
        "also in a pod that never restarts",
        NEVER(),
        |world| hash(world, "foo2"),
        "start[1] kill(foo2, None: Container foo2 definition changed, will be restarted)",
    );
    check(
        "Kill and recreate the container if the liveness check has failed",
        ALWAYS(),
        |world| {
            world.liveness.insert("id-foo2".into(), ProbeResult::Failure);
        },
        "start[1] kill(foo2, LivenessProbe: Container foo2 failed liveness probe, will be restarted)",
    );
    check(
        "kill only in a pod that never restarts",
        NEVER(),
        |world| {
            world.liveness.insert("id-foo2".into(), ProbeResult::Failure);
        },
        "kill(foo2, LivenessProbe: Container foo2 failed liveness probe)",
    );
    check(
        "Kill and recreate the container if the startup check has failed",
        ON_FAILURE(),
        |world| {
            world.startup.insert("id-foo2".into(), ProbeResult::Failure);
        },
        "start[1] kill(foo2, StartupProbe: Container foo2 failed startup probe, will be restarted)",
    );
    check(
        "a probe that has not decided kills nobody",
        ALWAYS(),
        |world| {
            world.liveness.insert("id-foo1".into(), ProbeResult::Success);
            world.startup.insert("id-foo1".into(), ProbeResult::Unknown);
        },
        "nothing",
    );
    check(
        "the container's own policy wins over the pod's",
        ALWAYS(),
        |world| {
            world.pod.spec.containers[1].restart_policy = Some("Never".into());
            world.liveness.insert("id-foo2".into(), ProbeResult::Failure);
        },
        "kill(foo2, LivenessProbe: Container foo2 failed liveness probe)",
    );
    check(
        "before 1.35 containers have no policy",
        ALWAYS().at(32),
        |world| {
            world.pod.spec.containers[1].restart_policy = Some("Never".into());
            world.rehash();
            world.liveness.insert("id-foo2".into(), ProbeResult::Failure);
        },
        "start[1] kill(foo2, LivenessProbe: Container foo2 failed liveness probe, will be restarted)",
    );
    check(
        "Verify we do kill and restart containers in unknown state with RestartPolicy == Always",
        ALWAYS(),
        |world| {
            world.set("foo2", State::Unknown, 0);
        },
        "start[1] kill(foo2, Unknown: Container is in \"unknown\" state, try killing it before restart)",
    );
    check(
        "the last one that is killed and not restarted ends the pod",
        NEVER(),
        |world| {
            world.set("foo1", State::Exited, 0).set("foo3", State::Exited, 0);
            world.liveness.insert("id-foo2".into(), ProbeResult::Failure);
        },
        "kill-pod kill(foo2, LivenessProbe: Container foo2 failed liveness probe)",
    );
    check("a resize in place", ALWAYS(), |world| world.resize = Resize::InPlace, "update[0]");
    check(
        "a resize that needs a restart",
        ALWAYS(),
        |world| world.resize = Resize::Restart,
        "start[0] kill(foo1, None: Container foo1 resize requires restart)",
    );
}

#[test]
fn restart_rules() {
    let rule = |action: &str| ContainerRestartRule {
        action: action.into(),
        exit_codes: Some(ContainerRestartRuleOnExitCodes {
            operator: "In".into(),
            values: vec![42],
        }),
    };
    let with = |action: &'static str, code| {
        move |world: &mut World| {
            world.pod.spec.containers[1].restart_policy = Some("Never".into());
            world.pod.spec.containers[1].restart_policy_rules.push(rule(action));
            world.set("foo2", State::Exited, code);
        }
    };
    check("a rule that matches", NEVER(), with("Restart", 42), "start[1]");
    check("a rule that does not match", NEVER(), with("Restart", 41), "nothing");
    check(
        "in a new sandbox the container's policy decides",
        ALWAYS(),
        |world| {
            world.status.sandboxes[0].ready = false;
            world.pod.spec.containers[1].restart_policy = Some("OnFailure".into());
            world.set("foo2", State::Exited, 0);
        },
        "kill-pod sandbox(1) start[0,2]",
    );
    check(
        "in an old kubelet's new sandbox the pod's policy decides",
        ALWAYS().at(34),
        |world| {
            world.status.sandboxes[0].ready = false;
            world.pod.spec.containers[1].restart_policy = Some("OnFailure".into());
            world.set("foo2", State::Exited, 0);
        },
        "kill-pod sandbox(1) start[0,1,2]",
    );
    let mut world = NEVER();
    with("RestartAllContainers", 42)(&mut world);
    world.set("foo3", State::Exited, 0);
    world.pod.spec.init_containers.push(container("init1"));
    world.add("init1", State::Exited, 0);
    let expected = "reset(foo1!) reset(foo3) reset(init1) reset(foo2)";
    assert_eq!(world.plan_restarting(true), expected, "the cause goes last");
}

#[test]
fn ephemeral_containers() {
    let add = |world: &mut World| {
        let ephemeral = api::EphemeralContainer {
            container: container("debug"),
            ..api::EphemeralContainer::default()
        };
        world.pod.spec.ephemeral_containers.push(ephemeral);
    };
    check("Start ephemeral containers", ALWAYS(), add, "ephemeral[0]");
    check(
        "Ephemeral containers are not restarted",
        ALWAYS(),
        |world| {
            add(world);
            world.add("debug", State::Exited, 1);
        },
        "nothing",
    );
    check(
        "Create a new pod sandbox if the pod sandbox is dead, init container failed and RestartPolicy == OnFailure",
        World::initializing("OnFailure"),
        |world| {
            add(world);
            world.set("init3", State::Exited, 1);
        },
        "ephemeral[0] init[2]",
    );
    check(
        "Kill pod and do not start ephemeral container if the pod sandbox is dead",
        NEVER(),
        |world| {
            add(world);
            world.status.sandboxes[0].ready = false;
        },
        "kill-pod",
    );
}

#[test]
fn init_containers() {
    for minor in [22, 36] {
        let always = || World::initializing("Always").at(minor);
        let never = || World::initializing("Never").at(minor);
        let mut base = Vec::new();
        for policy in ["Always", "OnFailure", "Never"] {
            base.push(World::initializing(policy).at(minor));
        }
        for world in base {
            check("initialization completed; start all containers", world, |_| {}, "start[0,1,2]");
        }
        check(
            "no init containers have been started; start the first one",
            always(),
            |world| world.status.containers.clear(),
            "init[0]",
        );
        check(
            "initialization in progress; do nothing",
            always(),
            |world| {
                world.set("init3", State::Running, 0);
            },
            "nothing",
        );
        check(
            "the next one follows when one is over",
            always(),
            |world| {
                world.remove("init3");
            },
            "init[2]",
        );
        check(
            "initialization failed; restart the last init container if RestartPolicy == Always",
            always(),
            |world| {
                world.set("init3", State::Exited, 111);
            },
            "init[2]",
        );
        check(
            "initialization failed; restart the last init container if RestartPolicy == OnFailure",
            World::initializing("OnFailure").at(minor),
            |world| {
                world.set("init3", State::Exited, 111);
            },
            "init[2]",
        );
        check(
            "initialization failed; kill pod if RestartPolicy == Never",
            never(),
            |world| {
                world.set("init3", State::Exited, 111);
            },
            "kill-pod",
        );
        check(
            "init container is in unknown state; kill and restart",
            always(),
            |world| {
                world.set("init3", State::Unknown, 0);
            },
            "init[2] kill(init3, Unknown: Init container is in \"unknown\" state, try killing it before restart)",
        );
        check(
            "unknown in a pod that never restarts",
            never(),
            |world| {
                world.set("init3", State::Unknown, 0);
            },
            "kill-pod",
        );
        check(
            "Pod sandbox not ready, init container failed, but RestartPolicy == Never; kill pod only",
            never(),
            |world| world.status.sandboxes[0].ready = false,
            "kill-pod",
        );
        check(
            "Pod sandbox not ready, init container failed, and RestartPolicy == Always; create a new pod sandbox",
            always(),
            |world| world.status.sandboxes[0].ready = false,
            "kill-pod sandbox(1) init[0]",
        );
        check(
            "a running container means that all init containers are over, whatever is left of them",
            always(),
            |world| {
                world.status.containers.clear();
                world.add("foo1", State::Running, 0);
            },
            "start[1,2]",
        );
        check(
            "an OnFailure pod that has succeeded gets no new sandbox",
            World::initializing("OnFailure").at(minor),
            |world| {
                world.status.sandboxes[0].ready = false;
                for name in ["foo1", "foo2", "foo3"] {
                    world.set(name, State::Exited, 0);
                }
            },
            "kill-pod",
        );
    }
    check(
        "one that was made and not started is started (1.28)",
        World::initializing("Always"),
        |world| {
            world.set("init3", State::Created, 0);
        },
        "init[2]",
    );
    check(
        "an old kubelet looks at the one before it",
        World::initializing("Always").at(22),
        |world| {
            world.set("init3", State::Created, 0);
        },
        "init[2]",
    );
    check(
        "a failed one that its own rules do not start again",
        World::initializing("Always"),
        |world| {
            world.pod.spec.init_containers[2].restart_policy = Some("Never".into());
            world.set("init3", State::Exited, 1);
        },
        "kill-pod",
    );
    check(
        "a failure that comes before: an old kubelet takes the last",
        World::initializing("Always").at(22),
        |world| {
            world.set("init1", State::Exited, 1).set("init2", State::Exited, 1).remove("init3");
        },
        "init[1]",
    );
}

#[test]
fn what_is_easily_overlooked() {
    check("an old kubelet and a pod without init containers", ALWAYS().at(22), |_| {}, "nothing");
    check(
        "one init container that has not run",
        World::initializing("Always").at(22),
        |world| {
            world.pod.spec.init_containers.truncate(1);
            world.status.containers.clear();
        },
        "init[0]",
    );
    check(
        "a container that never ran has not succeeded",
        ON_FAILURE(),
        |world| {
            world.status.sandboxes[0].ready = false;
            world.remove("foo2");
        },
        "kill-pod sandbox(1) start[0,1,2]",
    );
    check(
        "an old kubelet, containers that have succeeded, and an init container that has failed since",
        World::initializing("OnFailure").at(22),
        |world| {
            world.status.sandboxes[0].ready = false;
            world.set("init3", State::Exited, 1);
            for name in ["foo1", "foo2", "foo3"] {
                world.set(name, State::Exited, 0);
            }
        },
        "kill-pod sandbox(1) init[0]",
    );
    check(
        "an unknown init container that must not restart by its own policy",
        World::initializing("Always"),
        |world| {
            world.pod.spec.init_containers[2].restart_policy = Some("Never".into());
            world.set("init3", State::Unknown, 0);
        },
        "kill-pod",
    );
}

#[test]
fn sidecars() {
    let sidecars = || World::with_sidecars("Always");
    let probe = || Some(Box::new(Probe::default()));
    let main = |world: &mut World, state| {
        for name in ["foo1", "foo2", "foo3"] {
            world.set(name, state, 0);
        }
    };
    check("initialization completed, start all containers", sidecars(), |_| {}, "start[0,1,2]");
    check(
        "no init containers have been started; start the first one",
        sidecars(),
        |world| world.status.containers.clear(),
        "init[0]",
    );
    check(
        "the next follows while the one before runs",
        sidecars(),
        |world| {
            world.remove("init3").remove("init2");
        },
        "init[1]",
    );
    check(
        "startup probe pending: wait",
        sidecars(),
        |world| {
            world.pod.spec.init_containers[2].startup_probe = probe();
            world.startup.insert("id-init3".into(), ProbeResult::Unknown);
        },
        "nothing",
    );
    check(
        "no startup result yet: wait",
        sidecars(),
        |world| world.pod.spec.init_containers[2].startup_probe = probe(),
        "nothing",
    );
    check(
        "startup probe passed: on",
        sidecars(),
        |world| {
            world.pod.spec.init_containers[2].startup_probe = probe();
            world.startup.insert("id-init3".into(), ProbeResult::Success);
        },
        "start[0,1,2]",
    );
    check(
        "kill and recreate the restartable init container if the startup check has failed",
        sidecars(),
        |world| {
            world.pod.spec.init_containers[2].startup_probe = probe();
            world.startup.insert("id-init3".into(), ProbeResult::Failure);
        },
        "init[2] kill(init3, StartupProbe: Init container init3 failed startup probe)",
    );
    check(
        "kill and recreate the restartable init container if the liveness check has failed",
        sidecars(),
        |world| {
            world.pod.spec.init_containers[2].liveness_probe = probe();
            world.liveness.insert("id-init3".into(), ProbeResult::Failure);
            main(world, State::Running);
        },
        "init[2] kill(init3, LivenessProbe: Init container init3 failed liveness probe)",
    );
    check(
        "a liveness result without a probe is somebody else's",
        sidecars(),
        |world| {
            world.liveness.insert("id-init3".into(), ProbeResult::Failure);
            main(world, State::Running);
        },
        "nothing",
    );
    check(
        "a changed definition",
        sidecars(),
        |world| {
            main(world, State::Running);
            world.pod.spec.init_containers[1].image = "other".into();
        },
        "init[1] kill(init2, None: Init container init2 definition changed)",
    );
    check(
        "initialization completed; start the dead sidecar again beside the running containers",
        sidecars(),
        |world| {
            main(world, State::Running);
            world.set("init2", State::Exited, 0);
        },
        "init[1]",
    );
    check(
        "a sidecar that is gone from the runtime",
        sidecars(),
        |world| {
            main(world, State::Running);
            world.remove("init1");
        },
        "init[0]",
    );
    check(
        "a normal init container that is gone stays gone",
        sidecars(),
        |world| {
            main(world, State::Running);
            world.pod.spec.init_containers[0].restart_policy = None;
            world.remove("init1");
        },
        "nothing",
    );
    check(
        "unknown: kill and start again, even if the pod never restarts",
        World::with_sidecars("Never"),
        |world| {
            main(world, State::Running);
            world.set("init1", State::Unknown, 0);
        },
        "init[0] kill(init1, Unknown: Init container is in \"unknown\" state, try killing it before restart)",
    );
    check(
        "a sidecar failed before the others have begun",
        World::with_sidecars("Never"),
        |world| {
            world.set("init2", State::Exited, 1).remove("init3");
        },
        "init[1]",
    );
    check(
        "all regular containers of a job are over: the sidecars end",
        World::with_sidecars("Never"),
        |world| main(world, State::Exited),
        "kill-pod",
    );
    check(
        "and are not started again",
        World::with_sidecars("Never"),
        |world| {
            main(world, State::Exited);
            world.set("init1", State::Exited, 0);
        },
        "kill-pod",
    );
    check(
        "a created main container counts as initialized",
        sidecars(),
        |world| {
            world.remove("init1");
            world.add("foo1", State::Created, 0);
        },
        "init[0] start[0,1,2]",
    );
}

#[test]
fn plans_are_shown_by_name() {
    let mut world = World::initializing("Always");
    world.set("init3", State::Unknown, 0);
    let actions = compute_pod_actions(&world.pod, &world.status, false, &world);
    let plan = actions.to_plan(&world.pod);
    assert_eq!(plan.init_containers_to_start, ["init3".into()]);
    assert_eq!(plan.containers_to_kill.len(), 1);
    assert!(!plan.is_empty());
    let mut world = ALWAYS();
    world.status = PodStatus::default();
    let plan = compute_pod_actions(&world.pod, &world.status, false, &world).to_plan(&world.pod);
    assert_eq!(plan.containers_to_start.len(), 3);
    assert!(plan.kill_pod && plan.create_sandbox);
}
