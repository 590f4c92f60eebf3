//! What containers do, as far as it shows in their pods: restarts, readiness, logs.

use expect_test::{Expect, expect};
use scenario::{Scenario, Stack, simulate};
use std::time::Duration;
use trace::{Effect, Frame, Trace, What};

fn run(manifest: &str, stack: Stack, seconds: u64) -> Trace {
    let mut scenario = Scenario::of_manifest(manifest);
    scenario.until = Some(scenario::ScenarioDuration(Duration::from_secs(seconds)));
    simulate(&scenario, stack).expect("the manifest is good")
}

/// The warnings and what was killed, restarted and could not be started, with seconds.
fn story(trace: &Trace) -> String {
    let mut lines = String::new();
    for event in &trace.events {
        let What::Effect(effect) = &event.what else { continue };
        let second = event.at.as_millis() / 1000;
        match &**effect {
            Effect::KubeEvent(event)
                if !matches!(&*event.reason, "Pulling" | "Pulled" | "Created") =>
            {
                lines.push_str(&format!(
                    "{second}s {}: {}\n",
                    event.reason,
                    event.message.trim_end()
                ));
            }
            _ => {}
        }
    }
    lines
}

/// The texts of files whose path fits.
fn files(trace: &Trace, fits: impl Fn(&str) -> bool) -> String {
    let mut frame = Frame::default();
    while frame.step(trace) {}
    let found = frame.files.iter().filter(|(path, _)| fits(path));
    let texts = found.filter_map(|(_, file)| match &file.content {
        trace::FileContent::Text(text) => Some(text.to_string()),
        _ => None,
    });
    texts.collect()
}

#[track_caller]
fn check(manifest: &str, stack: Stack, seconds: u64, expected: Expect) {
    expected.assert_eq(&story(&run(manifest, stack, seconds)));
}

/// The pod of the documentation's page on probes.
const EXEC_LIVENESS: &str = r"
apiVersion: v1
kind: Pod
metadata: {name: liveness-exec}
spec:
  containers:
  - name: liveness
    image: registry.k8s.io/busybox:1.27.2
    args: [/bin/sh, -c, touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600]
    livenessProbe:
      exec: {command: [cat, /tmp/healthy]}
      initialDelaySeconds: 5
      periodSeconds: 5
";

/// Well for 30 seconds; then three failures, five seconds apart; then 30 seconds of grace, since a
/// `sleep` with process number 1 has no handler for `SIGTERM`; then all over again.
#[test]
fn a_container_that_is_no_longer_well_is_restarted() {
    check(
        EXEC_LIVENESS,
        Stack::Containerd,
        100,
        expect![[r#"
            0s Started: Container started
            32s Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            37s Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            42s Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            42s Killing: Container liveness failed liveness probe, will be restarted
            72s Started: Container started
        "#]],
    );
    check(
        EXEC_LIVENESS,
        Stack::Dockershim,
        100,
        expect![[r#"
            1s Started: Started container liveness
            32s Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            37s Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            42s Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            42s Killing: Container liveness failed liveness probe, will be restarted
            72s Started: Started container liveness
        "#]],
    );
    check(
        EXEC_LIVENESS,
        Stack::Crio,
        80,
        expect![[r#"
            0s Started: Container started
            32s Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            37s Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            42s Unhealthy: Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            42s Killing: Container liveness failed liveness probe, will be restarted
            72s Started: Container started
        "#]],
    );
}

#[test]
fn probes_reach_the_servers_of_the_containers() {
    let liveness = r"
apiVersion: v1
kind: Pod
metadata: {name: liveness-http}
spec:
  containers:
  - name: liveness
    image: registry.k8s.io/e2e-test-images/agnhost:2.40
    args: [liveness]
    livenessProbe:
      httpGet: {path: /healthz, port: 8080}
      initialDelaySeconds: 3
      periodSeconds: 3
";
    check(
        liveness,
        Stack::Containerd,
        40,
        expect![[r#"
            2s Started: Container started
            13s Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500
            16s Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500
            19s Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500
            19s Killing: Container liveness failed liveness probe, will be restarted
            19s Started: Container started
            31s Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500
            34s Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500
            37s Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500
            37s Killing: Container liveness failed liveness probe, will be restarted
            37s Started: Container started
        "#]],
    );
    let wrong_port = r"
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: nginx:1.25
    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 5}
";
    check(
        wrong_port,
        Stack::Containerd,
        12,
        expect![[r#"
               2s Started: Container started
               2s Unhealthy: Readiness probe failed: dial tcp 10.244.0.2:8080: connect: connection refused
               3s Unhealthy: Readiness probe failed: dial tcp 10.244.0.2:8080: connect: connection refused
               4s Unhealthy: Readiness probe failed: dial tcp 10.244.0.2:8080: connect: connection refused
               9s Unhealthy: Readiness probe failed: dial tcp 10.244.0.2:8080: connect: connection refused
        "#]],
    );
    let grpc = r"
apiVersion: v1
kind: Pod
metadata: {name: etcd-with-grpc}
spec:
  containers:
  - name: etcd
    image: registry.k8s.io/etcd:3.5.1-0
    command: [/usr/local/bin/etcd, --data-dir, /var/lib/etcd]
    livenessProbe: {grpc: {port: 2379}, initialDelaySeconds: 10}
";
    check(
        grpc,
        Stack::Containerd,
        60,
        expect![[r#"
               3s Started: Container started
        "#]],
    );
}

#[test]
fn what_an_image_does_not_have_cannot_be_started() {
    let manifest = r"
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  restartPolicy: Never
  containers: [{name: c, image: busybox, command: [bash, -c, 'echo hi']}]
";
    check(
        manifest,
        Stack::Containerd,
        10,
        expect![[r#"
               0s Failed: Error: failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "bash": executable file not found in $PATH: unknown
        "#]],
    );
    check(
        manifest,
        Stack::Dockershim,
        10,
        expect![[r#"
               1s Failed: Error: failed to start container "30ec3a7936581b51f93dbe5f4ac2b46028c06e1e4dc7d6ca31c2220b9c92115f": Error response from daemon: failed to create shim task: OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "bash": executable file not found in $PATH: unknown
               2s Failed: Error: failed to start container "e6b5370ca01c6d7195ae10a1445a73a08bd7603fb7a3e2949c6a89cc4c58e348": Error response from daemon: failed to create shim task: OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "bash": executable file not found in $PATH: unknown
        "#]],
    );
    check(
        manifest,
        Stack::Crio,
        10,
        expect![[r#"
               0s Failed: Error: container create failed: executable file `bash` not found in $PATH: No such file or directory
               1s Failed: Error: container create failed: executable file `bash` not found in $PATH: No such file or directory
        "#]],
    );
}

#[test]
fn what_containers_say_is_in_their_logs() {
    let manifest = r"
apiVersion: v1
kind: Pod
metadata: {name: counter}
spec:
  restartPolicy: Never
  containers:
  - name: count
    image: busybox:1.28
    args: [/bin/sh, -c, 'i=0; while [ $i -lt 3 ]; do echo $i: $HOSTNAME >&$((i % 2 + 1)); i=$((i+1)); sleep 1; done; printf end']
";
    let pods = |path: &str| path.starts_with("/var/log/pods/") && path.contains("/count/");
    let log = files(&run(manifest, Stack::Containerd, 10), pods);
    expect![[r#"
        2026-01-01T00:00:00.921600000Z stdout F 0: counter
        2026-01-01T00:00:01.923300000Z stderr F 1: counter
        2026-01-01T00:00:02.925000000Z stdout F 2: counter
        2026-01-01T00:00:03.926600000Z stdout P end
    "#]]
    .assert_eq(&log);
    let docker = files(&run(manifest, Stack::Dockershim, 10), |path| path.ends_with("-json.log"));
    expect![[r#"
        {"log":"0: counter\n","stream":"stdout","time":"2026-01-01T00:00:01.052400000Z"}
        {"log":"1: counter\n","stream":"stderr","time":"2026-01-01T00:00:02.054100000Z"}
        {"log":"2: counter\n","stream":"stdout","time":"2026-01-01T00:00:03.055800000Z"}
        {"log":"end","stream":"stdout","time":"2026-01-01T00:00:04.057400000Z"}
    "#]]
    .assert_eq(&docker);
}
