//! The kubelet against the in-memory runtime: what it asks for, tells and reports, line by line.

use expect_test::{Expect, expect};
use kubelet::{Data, Host, Kubelet, KubeletConfig, Version};
use runtimes::fake::{FakeRuntime, RuntimeEvent, Script};
use sim::Sim;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use trace::{Effect, Outcome, Payload, Protocol, Time, What};

/// A machine whose only files are the runtime's logs, and a few ConfigMaps.
struct Machine {
    runtime: FakeRuntime,
    config_maps: RefCell<BTreeMap<String, Data>>,
}

impl Host for Machine {
    fn read(&self, path: &str) -> Option<Rc<str>> {
        self.runtime.log(path)
    }

    fn list(&self, directory: &str) -> Vec<String> {
        self.runtime.logs_in(directory)
    }

    fn remove(&self, path: &str) {
        self.runtime.remove_logs(path);
    }

    fn config_map(&self, _namespace: &str, name: &str) -> Option<Data> {
        self.config_maps.borrow().get(name).cloned()
    }
}

/// A kubelet, its runtime and its machine.
struct World {
    sim: Sim,
    kubelet: Kubelet,
    runtime: FakeRuntime,
    machine: Rc<Machine>,
    events: RefCell<Vec<trace::Event>>,
}

impl World {
    fn new(minor: u16, script: &str) -> Self {
        let config = KubeletConfig { version: Version::minor(minor), ..KubeletConfig::default() };
        Self::configured(config, script)
    }

    fn configured(config: KubeletConfig, script: &str) -> Self {
        let sim = Sim::new(7);
        let script: Script = serde_json::from_str(script).expect("a script");
        let runtime = FakeRuntime::new(&sim, script);
        let machine =
            Rc::new(Machine { runtime: runtime.clone(), config_maps: RefCell::default() });
        let kubelet = Kubelet::start_on(&sim, config, runtime.endpoint(), machine.clone());
        let world = Self { sim, kubelet, runtime, machine, events: RefCell::default() };
        world.until(0.5);
        world
    }

    fn until(&self, secs: f64) {
        self.sim.run_until(Time((secs * 1e9) as u64));
    }

    fn pod(&self, yaml: &str) -> Rc<api::Pod> {
        let mut pod = api::manifest::parse(yaml).pods.remove(0);
        api::set_defaults(&mut pod, 36);
        pod.metadata.uid = "u1".into();
        Rc::new(pod)
    }

    /// Calls but polls, events, and changes of the status since the last time, one a line.
    fn lines(&self) -> String {
        let mut text = String::new();
        let mut events = self.events.borrow_mut();
        let seen = events.len();
        events.extend(self.sim.take_events());
        for event in &events[seen..] {
            let at = event.at;
            match &event.what {
                What::Call(call) if call.protocol == Protocol::Cri => {
                    let op = &*call.op;
                    let poll = op.starts_with("List")
                        || op.ends_with("Status")
                        || op == "ContainerEventResponse";
                    if !poll {
                        writeln!(text, "{at} {op}{}", request(&call.request)).expect("text");
                    }
                }
                What::Return(answer) => {
                    let failed = match &answer.outcome {
                        Outcome::Error { code, .. } => code,
                        Outcome::Ok => continue,
                    };
                    let call = events.get(answer.call.0 as usize).and_then(trace::Event::as_call);
                    if let Some(call) = call.filter(|call| call.protocol == Protocol::Cri) {
                        writeln!(text, "{at}   {} failed: {failed}", call.op).expect("text");
                    }
                }
                What::Effect(effect) => match &**effect {
                    Effect::KubeEvent(event) => {
                        let (reason, field) = (&event.reason, &event.field_path);
                        writeln!(text, "{at}   {reason} {field} {}", event.message).expect("text");
                    }
                    Effect::PodStatus { status, .. } => {
                        writeln!(text, "{at}     = {}", api::summary(status)).expect("text");
                    }
                    Effect::PodRemoved { .. } => writeln!(text, "{at}     gone").expect("text"),
                    _ => {}
                },
                What::Call(_) => {}
            }
        }
        text
    }

    fn check(&self, expected: &Expect) {
        expected.assert_eq(&self.lines());
    }
}

fn request(payload: &Payload) -> String {
    let Payload::Proto { message, bytes } = payload else { return String::new() };
    let json = cri::descriptor::to_json(message, bytes).unwrap_or_default();
    let mut text = String::new();
    let paths = [
        "/pod_sandbox_id",
        "/container_id",
        "/config/metadata/name",
        "/config/metadata/attempt",
        "/image/image",
        "/timeout",
    ];
    for path in paths {
        if let Some(value) = json.pointer(path) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            write!(text, " {value}").expect("text");
        }
    }
    text
}

const ONE: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 5
  containers: [{name: app, image: 'example.com/app:1'}]
";

#[test]
fn a_pod_of_the_api_server_lives_and_is_deleted() {
    let world = World::new(36, r#"{"images": ["example.com/app:1"]}"#);
    world.kubelet.add_pod(world.pod(ONE));
    world.until(4.5);
    world.kubelet.delete_pod("u1", None);
    world.until(70.0);
    assert_eq!(world.runtime.leftovers(), (vec![], vec![]));
    assert!(world.kubelet.pods().is_empty());
    world.check(&expect![[r#"
        0.500     = Pending; app waiting (ContainerCreating)
        0.500 RunPodSandbox web
        0.600     = Pending; app waiting (ContainerCreating)
        0.600   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.600 CreateContainer sb-1 app
        0.620   Created spec.containers{app} Container created
        0.620 StartContainer ctr-1
        0.650   Started spec.containers{app} Container started
        0.650     = Running, ready; app running
        4.500   Killing spec.containers{app} Stopping container app
        4.500 StopContainer ctr-1 5
        4.520 StopPodSandbox sb-1
        4.520     = Failed; app terminated (Error)
        5.010 RemoveContainer ctr-1
        5.010     gone
        60.000 StopPodSandbox sb-1
        60.000 RemovePodSandbox sb-1
    "#]]);
}

/// How often the runtime was asked for a list of everything.
fn lists(world: &World) -> usize {
    world.lines();
    let events = world.events.borrow();
    events.iter().filter(|event| event.as_call().is_some_and(|call| call.op == "Relist")).count()
}

#[test]
fn pleg_follows_events_and_goes_back_to_lists_when_the_stream_breaks_off() {
    let config = KubeletConfig { evented_pleg: true, ..KubeletConfig::default() };
    let script = r#"{"images": ["example.com/app:1"], "containers": {"app": {"runs": [
        {"exitAfterMs": 2345, "exitCode": 1}, {"exitAfterMs": 2345, "exitCode": 1}, {}]}}}"#;
    let world = World::configured(config, script);
    world.kubelet.add_pod(world.pod(ONE));
    world.until(20.0);
    world.check(&expect![[r#"
        0.000 GetContainerEvents
        0.500     = Pending; app waiting (ContainerCreating)
        0.500 RunPodSandbox web
        0.600     = Pending; app waiting (ContainerCreating)
        0.600   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.600 CreateContainer sb-1 app
        0.620   Created spec.containers{app} Container created
        0.620 StartContainer ctr-1
        0.650   Started spec.containers{app} Container started
        0.650     = Running, ready; app running
        2.995     = Running; app terminated (Error)
        2.995   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        2.995 CreateContainer sb-1 app 1
        3.015   Created spec.containers{app} Container created
        3.015 StartContainer ctr-2
        3.045   Started spec.containers{app} Container started
        3.045     = Running, ready; app running
        5.390     = Running; app terminated (Error)
        5.390   BackOff spec.containers{app} Back-off restarting failed container app in pod web_default(u1)
        5.390 RemoveContainer ctr-1
        5.390   ContainerStatus failed: NotFound
        10.000     = Running; app waiting (CrashLoopBackOff)
        10.000   BackOff spec.containers{app} Back-off restarting failed container app in pod web_default(u1)
        17.000   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        17.000 CreateContainer sb-1 app 2
        17.020   Created spec.containers{app} Container created
        17.020 StartContainer ctr-3
        17.050   Started spec.containers{app} Container started
        17.050     = Running, ready; app running
    "#]]);
    assert_eq!(lists(&world), 1, "the list at the start");
    // Each stream that ends is followed by a list, the fifth by lists each second.
    for stream in 1..=5 {
        world.runtime.break_off_events();
        world.until(20.0 + f64::from(stream) / 100.0);
        assert_eq!(lists(&world), 1 + stream as usize);
    }
    let kill = RuntimeEvent {
        action: "killContainer".to_owned(),
        container: "app".to_owned(),
        exit_code: Some(3),
        after_ms: 0,
    };
    world.runtime.happen(&kill);
    world.until(22.0);
    world.check(&expect![[r#"
        21.010     = Running; app terminated (Error)
        21.010   BackOff spec.containers{app} Back-off restarting failed container app in pod web_default(u1)
        21.010 RemoveContainer ctr-2
    "#]]);
    assert!(lists(&world) > 6);
    // A kubelet before 1.26 has no such gate.
    let config = KubeletConfig {
        version: Version::minor(25),
        evented_pleg: true,
        ..KubeletConfig::default()
    };
    let world = World::configured(config, r#"{"images": ["example.com/app:1"]}"#);
    world.kubelet.add_pod(world.pod(ONE));
    world.until(20.0);
    assert!(lists(&world) > 1);
}

#[test]
fn images_that_nobody_uses_go_when_their_disk_gets_full() {
    let script = r#"{"images": ["example.com/app:1", "example.com/old:1", "example.com/old:2"]}"#;
    // Three images of a million bytes each fill more than 85 % of the disk, two less than 80 %.
    let on_a_disk_of = |bytes| KubeletConfig { image_fs_bytes: bytes, ..KubeletConfig::default() };
    let removed = |world: &World| {
        world.kubelet.add_pod(world.pod(ONE));
        world.until(1000.0);
        let lines = world.lines();
        let about = |line: &&str| line.contains("RemoveImage") || line.contains("FreeDisk");
        lines.lines().filter(about).map(str::to_owned).collect::<Vec<_>>()
    };
    let world = World::configured(on_a_disk_of(Some(3_400_000)), script);
    let lines = removed(&world);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("300.000 RemoveImage sha256:"), "{lines:?}");
    for enough in [None, Some(4_000_000)] {
        assert_eq!(removed(&World::configured(on_a_disk_of(enough), script)), [""; 0]);
    }
    // What is in use stays, however full the disk is.
    let world = World::configured(on_a_disk_of(Some(1_000_000)), script);
    let lines = removed(&world);
    assert_eq!(lines.iter().filter(|line| line.contains("RemoveImage")).count(), 2, "{lines:?}");
    assert!(
        lines[2].contains("Attempted to free 2200000 bytes, but only found 2000000 bytes"),
        "{lines:?}"
    );
}

#[test]
fn seven_steps_with_init_containers_in_an_old_kubelet() {
    let script = r#"{"containers": {"init": {"runs": [{"exitAfterMs": 500}]},
        "app": {"runs": [{"exitAfterMs": 1000, "exitCode": 1}]}}}"#;
    let world = World::new(22, script);
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  restartPolicy: OnFailure
  initContainers: [{name: init, image: 'example.com/init:1'}]
  containers: [{name: app, image: 'example.com/app:1'}]
";
    world.kubelet.add_pod(world.pod(pod));
    world.until(25.0);
    world.check(&expect![[r#"
        0.500     = Pending; init waiting (PodInitializing), app waiting (PodInitializing)
        0.500 RunPodSandbox web
        0.600   Pulling spec.initContainers{init} Pulling image "example.com/init:1"
        0.600 PullImage example.com/init:1
        0.800   Pulled spec.initContainers{init} Successfully pulled image "example.com/init:1" in 200ms
        0.800 CreateContainer sb-1 init
        0.820   Created spec.initContainers{init} Created container init
        0.820 StartContainer ctr-1
        0.850   Started spec.initContainers{init} Started container init
        1.010     = Pending; init running, app waiting (PodInitializing)
        2.010     = Pending; init terminated (Completed), app waiting (PodInitializing)
        2.010   Pulling spec.containers{app} Pulling image "example.com/app:1"
        2.010 PullImage example.com/app:1
        2.210   Pulled spec.containers{app} Successfully pulled image "example.com/app:1" in 200ms
        2.210 CreateContainer sb-1 app
        2.230   Created spec.containers{app} Created container app
        2.230 StartContainer ctr-2
        2.260   Started spec.containers{app} Started container app
        3.010     = Running, ready; init terminated (Completed), app running
        4.010     = Running; init terminated (Completed), app terminated (Error)
        4.010   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine
        4.010 CreateContainer sb-1 app 1
        4.030   Created spec.containers{app} Created container app
        4.030 StartContainer ctr-3
        4.060   Started spec.containers{app} Started container app
        5.010     = Running, ready; init terminated (Completed), app running
        6.010     = Running; init terminated (Completed), app terminated (Error)
        6.010   BackOff spec.containers{app} Back-off restarting failed container
        6.010 RemoveContainer ctr-2
    "#]]);
}

#[test]
fn a_sandbox_that_vanishes_is_made_again_from_the_start() {
    let script = r#"{"images": ["example.com/app:1"],
        "events": [{"afterMs": 3000, "action": "removeSandbox"}]}"#;
    let world = World::new(36, script);
    world.kubelet.add_pod(world.pod(ONE));
    world.until(10.0);
    world.check(&expect![[r#"
        0.500     = Pending; app waiting (ContainerCreating)
        0.500 RunPodSandbox web
        0.600     = Pending; app waiting (ContainerCreating)
        0.600   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.600 CreateContainer sb-1 app
        0.620   Created spec.containers{app} Container created
        0.620 StartContainer ctr-1
        0.650   Started spec.containers{app} Container started
        0.650     = Running, ready; app running
        4.010     = Running; app waiting (ContainerCreating)
        4.010 RunPodSandbox web
        4.110     = Running; app waiting (ContainerCreating)
        4.110   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        4.110 CreateContainer sb-2 app 1
        4.130   Created spec.containers{app} Container created
        4.130 StartContainer ctr-2
        4.160   Started spec.containers{app} Container started
        4.160     = Running, ready; app running
    "#]]);
}

#[test]
fn a_static_pod_that_comes_back_while_it_ends() {
    let world = World::new(36, r#"{"images": ["example.com/app:1"]}"#);
    let pod = world.pod(ONE);
    world.kubelet.add_static_pod(pod.clone());
    world.until(4.5);
    world.kubelet.remove_static_pod("u1");
    world.until(4.6);
    world.kubelet.add_static_pod(pod);
    world.until(12.0);
    world.check(&expect![[r#"
        0.500     = Pending; app waiting (ContainerCreating)
        0.502 RunPodSandbox web
        0.602     = Pending; app waiting (ContainerCreating)
        0.602   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.602 CreateContainer sb-1 app
        0.622   Created spec.containers{app} Container created
        0.622 StartContainer ctr-1
        0.652   Started spec.containers{app} Container started
        0.652     = Running, ready; app running
        4.500     gone
        4.500   Killing spec.containers{app} Stopping container app
        4.500 StopContainer ctr-1 5
        4.520 StopPodSandbox sb-1
        4.520     = Running; app terminated (Error)
        6.000   SandboxChanged  Pod sandbox changed, it will be killed and re-created.
        6.000 StopPodSandbox sb-1
        6.000 RunPodSandbox web 1
        6.100     = Running; app terminated (Error)
        6.100   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        6.100 CreateContainer sb-2 app 1
        6.120   Created spec.containers{app} Container created
        6.120 StartContainer ctr-2
        6.150   Started spec.containers{app} Container started
        6.150     = Running, ready; app running
    "#]]);
}

#[test]
fn a_rule_that_restarts_all_containers() {
    let script = r#"{"images": ["example.com/app:1"], "containers": {
        "side": {"termDelayMs": 5000},
        "main": {"runs": [{"exitAfterMs": 2000, "exitCode": 9}, {"exitAfterMs": 0}]}}}"#;
    let world = World::new(36, script);
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  restartPolicy: Never
  initContainers: [{name: side, image: 'example.com/app:1', restartPolicy: Always}]
  containers:
  - name: main
    image: example.com/app:1
    restartPolicy: Never
    restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: In, values: [9]}}]
  - {name: other, image: 'example.com/app:1'}
";
    world.kubelet.add_pod(world.pod(pod));
    world.until(12.0);
    world.check(&expect![[r#"
        0.500     = Pending; side waiting (PodInitializing), main waiting (PodInitializing), other waiting (PodInitializing)
        0.500 RunPodSandbox web
        0.600     = Pending; side waiting (PodInitializing), main waiting (PodInitializing), other waiting (PodInitializing)
        0.600   Pulled spec.initContainers{side} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.600 CreateContainer sb-1 side
        0.620   Created spec.initContainers{side} Container created
        0.620 StartContainer ctr-1
        0.650   Started spec.initContainers{side} Container started
        0.650     = Pending; side running, main waiting (PodInitializing), other waiting (PodInitializing)
        0.650   Pulled spec.containers{main} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.650 CreateContainer sb-1 main
        0.670   Created spec.containers{main} Container created
        0.670 StartContainer ctr-2
        0.700   Started spec.containers{main} Container started
        0.700   Pulled spec.containers{other} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.700 CreateContainer sb-1 other
        0.720   Created spec.containers{other} Container created
        0.720 StartContainer ctr-3
        0.750   Started spec.containers{other} Container started
        0.750     = Running, ready; side running, main running, other running
        3.010     = Running; side running, main terminated (Error), other running
        3.010   Killing spec.containers{other} killing
        3.010 StopContainer ctr-3 2
        3.030 RemoveContainer ctr-3
        3.030   Killing spec.initContainers{side} killing
        3.030 StopContainer ctr-1 2
        5.030 RemoveContainer ctr-1
        5.030 RemoveContainer ctr-2
        5.030     = Running; side waiting (RestartingAllContainers), main waiting (RestartingAllContainers), other waiting (RestartingAllContainers)
        5.030   Pulled spec.initContainers{side} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        5.030 CreateContainer sb-1 side
        5.050   Created spec.initContainers{side} Container created
        5.050 StartContainer ctr-4
        5.080   Started spec.initContainers{side} Container started
        5.080     = Pending; side running, main waiting (PodInitializing), other waiting (PodInitializing)
        5.080   Pulled spec.containers{main} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        5.080 CreateContainer sb-1 main
        5.100   Created spec.containers{main} Container created
        5.100 StartContainer ctr-5
        5.130   Started spec.containers{main} Container started
        5.130   Pulled spec.containers{other} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        5.130 CreateContainer sb-1 other
        5.150   Created spec.containers{other} Container created
        5.150 StartContainer ctr-6
        5.180   Started spec.containers{other} Container started
        5.180     = Running, ready; side running, main running, other running
    "#]]);
}

#[test]
fn a_missing_config_map_holds_the_pod() {
    let world = World::new(36, r#"{"images": ["example.com/app:1"]}"#);
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  volumes: [{name: settings, configMap: {name: settings}}]
  containers:
  - name: app
    image: example.com/app:1
    volumeMounts: [{name: settings, mountPath: /etc/app}]
";
    world.kubelet.add_pod(world.pod(pod));
    world.until(3.0);
    world.machine.config_maps.borrow_mut().insert("settings".into(), Data::new());
    world.until(6.0);
    world.check(&expect![[r#"
        0.500     = Pending; app waiting (ContainerCreating)
        0.500   FailedMount  MountVolume.SetUp failed for volume "settings" : configmap "settings" not found
        1.000   FailedMount  MountVolume.SetUp failed for volume "settings" : configmap "settings" not found
        2.000   FailedMount  MountVolume.SetUp failed for volume "settings" : configmap "settings" not found
        4.000 RunPodSandbox web
        4.100     = Pending; app waiting (ContainerCreating)
        4.100   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        4.100 CreateContainer sb-1 app
        4.120   Created spec.containers{app} Container created
        4.120 StartContainer ctr-1
        4.150   Started spec.containers{app} Container started
        4.150     = Running, ready; app running
    "#]]);
}

#[test]
fn a_finished_pod_is_deleted_at_once() {
    let script = r#"{"images": ["example.com/app:1"],
        "containers": {"app": {"runs": [{"exitAfterMs": 500}]}}}"#;
    let world = World::new(36, script);
    let mut pod = api::Pod::clone(&world.pod(ONE));
    pod.spec.restart_policy = "Never".into();
    world.kubelet.add_pod(Rc::new(pod));
    world.until(6.0);
    world.kubelet.delete_pod("u1", None);
    world.until(70.0);
    assert!(world.kubelet.pods().is_empty());
    assert_eq!(world.runtime.leftovers(), (vec![], vec![]));
    world.check(&expect![[r#"
        0.500     = Pending; app waiting (ContainerCreating)
        0.500 RunPodSandbox web
        0.600     = Pending; app waiting (ContainerCreating)
        0.600   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.600 CreateContainer sb-1 app
        0.620   Created spec.containers{app} Container created
        0.620 StartContainer ctr-1
        0.650   Started spec.containers{app} Container started
        0.650     = Running, ready; app running
        2.010     = Succeeded; app terminated (Completed)
        3.010 StopPodSandbox sb-1
        3.010     = Succeeded; app terminated (Completed)
        6.000     gone
        60.000 RemoveContainer ctr-1
        60.000 StopPodSandbox sb-1
        60.000 RemovePodSandbox sb-1
    "#]]);
}

#[test]
fn a_kubelet_that_was_away_kills_what_is_no_longer_wanted() {
    let world = World::new(36, r#"{"images": ["example.com/app:1"]}"#);
    world.kubelet.add_static_pod(world.pod(ONE));
    world.until(3.5);
    world.kubelet.stop();
    world.until(4.5);
    world.kubelet.remove_static_pod("u1");
    world.until(5.5);
    world.kubelet.restart();
    world.until(80.0);
    assert_eq!(world.runtime.leftovers(), (vec![], vec![]));
    world.check(&expect![[r#"
        0.500     = Pending; app waiting (ContainerCreating)
        0.502 RunPodSandbox web
        0.602     = Pending; app waiting (ContainerCreating)
        0.602   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.602 CreateContainer sb-1 app
        0.622   Created spec.containers{app} Container created
        0.622 StartContainer ctr-1
        0.652   Started spec.containers{app} Container started
        0.652     = Running, ready; app running
        4.500     gone
        7.500 StopContainer ctr-1 2
        7.520 StopPodSandbox sb-1
        7.520 RemoveContainer ctr-1
        65.500 StopPodSandbox sb-1
        65.500 RemovePodSandbox sb-1
    "#]]);
}

#[test]
fn sidecars_end_last_in_reverse_order_with_what_grace_is_left() {
    let script = r#"{"images": ["example.com/app:1"],
        "containers": {"main": {"termDelayMs": 2000}, "s1": {"termDelayMs": 1500}, "s2": {"termDelayMs": 60000}}}"#;
    let world = World::new(36, script);
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 10
  initContainers:
  - {name: s1, image: 'example.com/app:1', restartPolicy: Always}
  - {name: s2, image: 'example.com/app:1', restartPolicy: Always}
  containers:
  - {name: main, image: 'example.com/app:1'}
  - {name: other, image: 'example.com/app:1'}
";
    world.kubelet.add_pod(world.pod(pod));
    world.until(4.0);
    world.lines();
    world.kubelet.delete_pod("u1", None);
    world.until(20.0);
    world.check(&expect![[r#"
        4.000   Killing spec.containers{other} Stopping container other
        4.000 StopContainer ctr-4 10
        4.000   Killing spec.containers{main} Stopping container main
        4.000 StopContainer ctr-3 10
        4.000   Killing spec.initContainers{s2} Stopping container s2
        4.000   Killing spec.initContainers{s1} Stopping container s1
        6.000 StopContainer ctr-2 8
        14.000 StopContainer ctr-1 2
        15.500 StopPodSandbox sb-1
        15.500     = Failed; s1 terminated (Error), s2 terminated (Error), main terminated (Error), other terminated (Error)
        16.010 RemoveContainer ctr-4
        16.010 RemoveContainer ctr-3
        16.010 RemoveContainer ctr-2
        16.010 RemoveContainer ctr-1
        16.010     gone
    "#]]);
}

#[test]
fn probes_that_time_out_and_a_grace_of_their_own() {
    let script = r#"{"images": ["example.com/app:1"], "containers": {"app": {"termDelayMs": 9000,
        "exec": [{"cmd": "live", "results": [{"delayMs": 3000}]}]}}}"#;
    let world = World::new(36, script);
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: app
    image: example.com/app:1
    livenessProbe:
      exec: {command: [live]}
      periodSeconds: 2
      failureThreshold: 2
      terminationGracePeriodSeconds: 3
";
    world.until(5.0);
    world.kubelet.add_pod(world.pod(pod));
    world.until(14.0);
    world.check(&expect![[r#"
        5.000     = Pending; app waiting (ContainerCreating)
        5.000 RunPodSandbox web
        5.100     = Pending; app waiting (ContainerCreating)
        5.100   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        5.100 CreateContainer sb-1 app
        5.120   Created spec.containers{app} Container created
        5.120 StartContainer ctr-1
        5.150   Started spec.containers{app} Container started
        5.150     = Running, ready; app running
        7.000 ExecSync ctr-1 1
        8.000   ExecSync failed: DeadlineExceeded
        8.000   Unhealthy spec.containers{app} Liveness probe failed: command timed out: "live" timed out after 1s
        9.000 ExecSync ctr-1 1
        10.000   ExecSync failed: DeadlineExceeded
        10.000   Unhealthy spec.containers{app} Liveness probe failed: command timed out: "live" timed out after 1s
        10.000   Killing spec.containers{app} Container app failed liveness probe, will be restarted
        10.000 StopContainer ctr-1 3
        13.000   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        13.000 CreateContainer sb-1 app 1
        13.020   Created spec.containers{app} Container created
        13.020 StartContainer ctr-2
        13.050   Started spec.containers{app} Container started
        13.050     = Running, ready; app running
    "#]]);
}

#[test]
fn a_sandbox_that_cannot_be_stopped_at_once() {
    let script = r#"{"images": ["example.com/app:1"],
        "faults": [{"method": "StopPodSandbox", "code": "Unknown", "message": "busy"}]}"#;
    let world = World::new(36, script);
    world.kubelet.add_static_pod(world.pod(ONE));
    world.until(4.5);
    world.lines();
    world.kubelet.remove_static_pod("u1");
    world.until(12.0);
    world.check(&expect![[r#"
        4.500     gone
        4.500   Killing spec.containers{app} Stopping container app
        4.500 StopContainer ctr-1 5
        4.520 StopPodSandbox sb-1
        4.520   StopPodSandbox failed: Unknown
        4.520   FailedKillPod  error killing pod: failed to "KillPodSandbox" for "web_default(u1)" with KillPodSandboxError: "rpc error: code = Unknown desc = busy"
        6.000     = Running; app terminated (Error)
        6.000 StopPodSandbox sb-1
        6.000     = Running; app terminated (Error)
        6.010 RemoveContainer ctr-1
    "#]]);
}

#[test]
fn a_deletion_without_grace_and_a_second_one_that_is_shorter() {
    let script = r#"{"images": ["example.com/app:1"],
        "containers": {"app": {"termDelayMs": 60000}}}"#;
    let world = World::new(36, script);
    world.kubelet.add_pod(world.pod(ONE));
    world.until(4.5);
    world.lines();
    world.kubelet.delete_pod("u1", Some(0));
    world.until(9.0);
    world.check(&expect![[r#"
        4.500   Killing spec.containers{app} Stopping container app
        4.500 StopContainer ctr-1 2
        6.500 StopPodSandbox sb-1
        6.500     = Failed; app terminated (Error)
        7.010 RemoveContainer ctr-1
        7.010     gone
    "#]]);
}

#[test]
fn a_key_that_a_config_map_does_not_have() {
    let world = World::new(36, r#"{"images": ["example.com/app:1"]}"#);
    world.machine.config_maps.borrow_mut().insert("settings".into(), Data::new());
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: app
    image: example.com/app:1
    env: [{name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}]
";
    world.kubelet.add_pod(world.pod(pod));
    world.until(5.0);
    let colour = Data::from([("colour".to_owned(), "red".to_owned())]);
    world.machine.config_maps.borrow_mut().insert("settings".into(), colour);
    world.until(20.0);
    world.check(&expect![[r#"
        0.500     = Pending; app waiting (ContainerCreating)
        0.500 RunPodSandbox web
        0.600     = Pending; app waiting (ContainerCreating)
        0.600   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        0.600   Failed spec.containers{app} Error: couldn't find key colour in ConfigMap default/settings
        1.010     = Pending; app waiting (CreateContainerConfigError)
        1.010   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        1.010   Failed spec.containers{app} Error: couldn't find key colour in ConfigMap default/settings
        13.000   Pulled spec.containers{app} Container image "example.com/app:1" already present on machine and can be accessed by the pod
        13.000 CreateContainer sb-1 app
        13.020   Created spec.containers{app} Container created
        13.020 StartContainer ctr-1
        13.050   Started spec.containers{app} Container started
        13.050     = Running, ready; app running
    "#]]);
}
