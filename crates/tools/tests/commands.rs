//! What the tools print, on the built-in scenarios.

use expect_test::{Expect, expect};
use scenario::{Stack, find, simulate};
use std::rc::Rc;
use tools::{Act, Answer, Machine, complete, run};
use trace::{Player, Time, Trace};

struct Node {
    player: Player,
    cursor: usize,
}

impl Node {
    fn new(scenario: &str, stack: Stack) -> Self {
        let scenario = find(scenario).expect("it is built in").scenario();
        let trace = simulate(&scenario, stack).expect("it runs");
        let cursor = trace.len();
        Self { player: Player::new(Rc::new(trace)), cursor }
    }

    fn at(mut self, millis: u64) -> Self {
        self.cursor = self.player.at(Time::from_millis(millis));
        self
    }

    fn trace(&self) -> &Trace {
        self.player.trace()
    }

    fn with<T>(&self, body: impl FnOnce(&Machine<'_>) -> T) -> T {
        let frame = self.player.seek(self.cursor);
        let manifest = "kind: Pod\napiVersion: v1\nmetadata: {name: more}\nspec: {containers: [{name: a, image: b}]}";
        body(&Machine { trace: self.trace(), frame: &frame, manifest })
    }

    fn answer(&self, line: &str) -> Answer {
        self.with(|machine| run(machine, line))
    }

    /// Checks a session: each command after a `$`, and what it prints. Trailing blanks are cut, and
    /// ids to what fits on a line.
    fn check(&self, lines: &[&str], expect: Expect) {
        let mut text = String::new();
        for line in lines {
            text += &format!("$ {line}\n");
            for line in self.answer(line).text.lines() {
                text += line.trim_end();
                text.push('\n');
            }
        }
        expect.assert_eq(&text);
    }
}

#[test]
fn kubectl_lists_and_describes() {
    let node = Node::new("single-container", Stack::Containerd);
    node.check(
        &[
            "kubectl get pods",
            "kubectl get pod web -o wide",
            "kubectl get pods -o name",
            "kubectl get events",
            "kubectl describe pod web",
            "kubectl get pods nope",
            "kubectl get moons",
            "kubectl frobnicate",
            "kubectl logs web",
        ],
        expect![[r#"
            $ kubectl get pods
            NAME   READY   STATUS    RESTARTS   AGE
            web    1/1     Running   0          5s
            $ kubectl get pod web -o wide
            NAME   READY   STATUS    RESTARTS   AGE   IP           NODE     NOMINATED NODE   READINESS GATES
            web    1/1     Running   0          5s    10.244.0.2   node-1   <none>           <none>
            $ kubectl get pods -o name
            pod/web
            $ kubectl get events
            LAST SEEN   TYPE     REASON    OBJECT    MESSAGE
            4s          Normal   Pulling   pod/web   Pulling image "nginx:1.25"
            2s          Normal   Pulled    pod/web   Successfully pulled image "nginx:1.25" in 2.127s (2.127s including waiting). Image size: 70993000 bytes.
            2s          Normal   Created   pod/web   Container created
            2s          Normal   Started   pod/web   Container started
            $ kubectl describe pod web
            Name:         web
            Namespace:    default
            Priority:     0
            Node:         node-1/192.0.2.10
            Start Time:   Thu, 01 Jan 2026 00:00:00 +0000
            Labels:       app=web
            Annotations:  <none>
            Status:       Running
            IP:           10.244.0.2
            IPs:
              IP:  10.244.0.2
            Containers:
              nginx:
                Container ID:   containerd://2c50d58dfdfe77ba889bd0afdb03e105b1184c2a5191a4eac0597343d255218b
                Image:          nginx:1.25
                Image ID:       sha256:13102aa40dd7ae2fdeb79e63838e4550dd43e800adfdae431bbaa1ad8e3a0e3e
                Port:           80/TCP
                Host Port:      0/TCP
                State:          Running
                  Started:      Thu, 01 Jan 2026 00:00:02 +0000
                Ready:          True
                Restart Count:  0
                Environment:    <none>
                Mounts:         <none>
            Conditions:
              Type                       Status
              PodReadyToStartContainers  True
              Initialized                True
              Ready                      True
              ContainersReady            True
              PodScheduled               True
            Volumes:                     <none>
            QoS Class:                   BestEffort
            Node-Selectors:              <none>
            Events:
              Type    Reason   Age   From     Message
              ----    ------   ----  ----     -------
              Normal  Pulling  4s    kubelet  Pulling image "nginx:1.25"
              Normal  Pulled   2s    kubelet  Successfully pulled image "nginx:1.25" in 2.127s (2.127s including waiting). Image size: 70993000 bytes.
              Normal  Created  2s    kubelet  Container created
              Normal  Started  2s    kubelet  Container started
            $ kubectl get pods nope
            Error from server (NotFound): pods "nope" not found
            $ kubectl get moons
            error: the server doesn't have a resource type "moons"
            $ kubectl frobnicate
            error: unknown command "frobnicate" for "kubectl"
            $ kubectl logs web
        "#]],
    );
    let before = Node::new("single-container", Stack::Containerd).at(700);
    before.check(&["kubectl get pods", "kubectl logs web"], expect![[r#"
        $ kubectl get pods
        NAME   READY   STATUS              RESTARTS   AGE
        web    0/1     ContainerCreating   0          0s
        $ kubectl logs web
        Error from server (BadRequest): container "nginx" in pod "web" is waiting to start: ContainerCreating
    "#]]);
}

#[test]
fn restarts_and_their_age() {
    Node::new("crash-loop", Stack::Dockershim).check(
        &["kubectl get pods", "kubectl logs flaky --previous | grep nothing", "docker ps -a"],
        expect![[r#"
            $ kubectl get pods
            NAME       READY   STATUS   RESTARTS        AGE
            crashing   0/1     Error    4 (2m27s ago)   4m55s
            $ kubectl logs flaky --previous | grep nothing
            $ docker ps -a
            CONTAINER ID   IMAGE                  COMMAND                  CREATED              STATUS                      PORTS     NAMES
            30a44e8d3e31   busybox:1.36           "sh -c echo about to…"   About a minute ago   Exited (1) 59 seconds ago             k8s_worker_crashing_default_918062ab-dff8-4391-92fb-96b4f08c56d9_4
            93de7328d2ee   k8s.gcr.io/pause:3.5   "/pause"                 4 minutes ago        Up 4 minutes                          k8s_POD_crashing_default_918062ab-dff8-4391-92fb-96b4f08c56d9_0
        "#]],
    );
    Node::new("init-containers", Stack::Containerd).at(4_000).check(
        &["kubectl get pods"],
        expect![[r#"
            $ kubectl get pods
            NAME   READY   STATUS     RESTARTS   AGE
            shop   0/2     Init:1/2   0          3s
        "#]],
    );
}

#[test]
fn each_stack_has_its_own_tools() {
    Node::new("single-container", Stack::Dockershim).check(
        &[
            "docker ps",
            "docker images",
            "crictl ps",
            "crictl pods",
            "crictl images",
            "ctr namespaces ls",
            "ctr -n moby tasks ls",
            "ps -ef --forest",
        ],
        expect![[r#"
            $ docker ps
            CONTAINER ID   IMAGE                  COMMAND                  CREATED         STATUS         PORTS     NAMES
            30ec3a793658   nginx:1.25             "/docker-entrypoint.…"   7 seconds ago   Up 7 seconds             k8s_nginx_web_default_918062ab-dff8-4391-92fb-96b4f08c56d9_0
            93de7328d2ee   k8s.gcr.io/pause:3.5   "/pause"                 9 seconds ago   Up 9 seconds             k8s_POD_web_default_918062ab-dff8-4391-92fb-96b4f08c56d9_0
            $ docker images
            REPOSITORY         TAG       IMAGE ID       SIZE
            nginx              1.25      13102aa40dd7   71MB
            k8s.gcr.io/pause   3.5       f2db1d703dc5   302kB
            $ crictl ps
            CONTAINER           IMAGE               CREATED             STATE               NAME                ATTEMPT             POD ID              POD                 NAMESPACE
            30ec3a7936581       13102aa40dd7a       7 seconds ago       Running             nginx               0                   93de7328d2eed       web                 default
            $ crictl pods
            POD ID              CREATED             STATE               NAME                NAMESPACE           ATTEMPT             RUNTIME
            93de7328d2eed       9 seconds ago       Ready               web                 default             0                   (default)
            $ crictl images
            IMAGE               TAG                 IMAGE ID            SIZE
            k8s.gcr.io/pause    3.5                 f2db1d703dc50       302kB
            nginx               1.25                13102aa40dd7a       71MB
            $ ctr namespaces ls
            NAME LABELS
            moby
            $ ctr -n moby tasks ls
            TASK                                                                PID    STATUS
            30ec3a7936581b51f93dbe5f4ac2b46028c06e1e4dc7d6ca31c2220b9c92115f    314    RUNNING
            93de7328d2eedc39fff81a8fd19923cf57b9936e4b2c0b08a4328c88efb8d585    305    RUNNING
            $ ps -ef --forest
            UID          PID    PPID  C STIME TTY          TIME CMD
            root           1       0  0 00:00 ?        00:00:00 /sbin/init
            root         300       1  0 00:00 ?        00:00:00  \_ /usr/bin/containerd
            root         301       1  0 00:00 ?        00:00:00  \_ /usr/bin/dockerd -H fd://
            root         303       1  0 00:00 ?        00:00:00  \_ /usr/bin/containerd-shim-runc-v2 -namespace moby -address /run/containerd/containerd.sock -id 93de7328d2eedc39fff81a8fd19923cf57b9936e4b2c0b08a4328c88efb8d585
            root         305     303  0 00:00 ?        00:00:00      \_ /pause
            root         312       1  0 00:00 ?        00:00:00  \_ /usr/bin/containerd-shim-runc-v2 -namespace moby -address /run/containerd/containerd.sock -id 30ec3a7936581b51f93dbe5f4ac2b46028c06e1e4dc7d6ca31c2220b9c92115f
            root         314     312  0 00:00 ?        00:00:00      \_ nginx -g daemon off;
        "#]],
    );
    Node::new("single-container", Stack::Containerd).check(
        &[
            "docker ps",
            "crictl ps",
            "crictl images",
            "ctr containers ls",
            "ctr -n k8s.io containers ls",
            "ctr -n k8s.io images ls",
            "cat /etc/resolv.conf",
            "cat /etc",
            "ls /etc",
            "nonsense",
        ],
        expect![[r#"
            $ docker ps
            -bash: docker: command not found
            $ crictl ps
            CONTAINER           IMAGE               CREATED             STATE               NAME                ATTEMPT             POD ID              POD                 NAMESPACE
            2c50d58dfdfe7       13102aa40dd7a       2 seconds ago       Running             nginx               0                   49c83326e6f91       web                 default
            $ crictl images
            IMAGE                     TAG                 IMAGE ID            SIZE
            docker.io/library/nginx   1.25                13102aa40dd7a       71MB
            registry.k8s.io/pause     3.10.2              9a82986f6cb09       302kB
            $ ctr containers ls
            CONTAINER    IMAGE    RUNTIME
            $ ctr -n k8s.io containers ls
            CONTAINER                                                           IMAGE                           RUNTIME
            2c50d58dfdfe77ba889bd0afdb03e105b1184c2a5191a4eac0597343d255218b    docker.io/library/nginx:1.25    io.containerd.runc.v2
            49c83326e6f91cf270e881f52365cdd5476494967e16570ff541fd3f8752163c    registry.k8s.io/pause:3.10.2    io.containerd.runc.v2
            $ ctr -n k8s.io images ls
            REF                                                                                             DIGEST                                                                  SIZE
            docker.io/library/nginx:1.25                                                                    sha256:13102aa40dd7ae2fdeb79e63838e4550dd43e800adfdae431bbaa1ad8e3a0e3e 71MB
            docker.io/library/nginx@sha256:a95529fad275fb548551a3a7c7d416346b54539d2dfe88ef430ea693bdf0b7c7 sha256:13102aa40dd7ae2fdeb79e63838e4550dd43e800adfdae431bbaa1ad8e3a0e3e 71MB
            registry.k8s.io/pause:3.10.2                                                                    sha256:9a82986f6cb09200b91bfa0c5fbe4c4d27422a9a37ee24aec2f0eeb449823093 302kB
            registry.k8s.io/pause@sha256:3bd0e11dec9d761dcf969465aedfe85d6ccf95793d89d9add37edc3e73cdada0   sha256:9a82986f6cb09200b91bfa0c5fbe4c4d27422a9a37ee24aec2f0eeb449823093 302kB
            $ cat /etc/resolv.conf
            nameserver 192.0.2.53
            search example.internal
            $ cat /etc
            cat: /etc: Is a directory
            $ ls /etc
            cni
            hosts
            resolv.conf
            $ nonsense
            -bash: nonsense: command not found
        "#]],
    );
}

#[test]
fn inspect_is_json() {
    for stack in [Stack::Dockershim, Stack::Containerd] {
        let node = Node::new("single-container", stack);
        let id = node.answer("crictl ps").text.lines().nth(1).expect("a row")[..13].to_owned();
        let pod = node.answer("crictl pods").text.lines().nth(1).expect("a row")[..13].to_owned();
        for line in [
            format!("crictl inspect {id}"),
            format!("crictl inspectp {pod}"),
            "kubectl get pod web -o json".to_owned(),
        ] {
            let text = node.answer(&line).text;
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert!(value.is_object(), "{line}: {text}");
        }
    }
    let node = Node::new("single-container", Stack::Dockershim);
    let text = node.answer("docker inspect k8s_nginx").text;
    assert!(text.contains("No such object"));
    let name = node.with(|machine| complete(machine, "docker inspect k8s_nginx"));
    let text = node.answer(&format!("docker inspect {}", name[0])).text;
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|v| v.is_array()), "{text}");
}

#[test]
fn acting_commands_say_what_is_to_happen() {
    let node = Node::new("single-container", Stack::Dockershim);
    let answer = node.answer("kubectl delete pod web --grace-period=0");
    assert_eq!(answer.text, "pod \"web\" deleted\n");
    let name = "web".to_owned();
    assert_eq!(answer.act, Some(Act::DeletePod { name, grace_period_seconds: Some(0) }));
    assert_eq!(node.answer("kubectl delete pod nope").act, None);
    let answer = node.answer("kubectl apply -f manifest.yaml");
    assert_eq!(answer.text, "pod/more created\n");
    assert!(matches!(answer.act, Some(Act::Apply { .. })));
    let Some(Act::Apply { manifest }) = node.answer("kubectl run x --image=nginx:1").act else {
        panic!("nothing was applied");
    };
    assert_eq!(api::manifest::parse(&manifest).pods.len(), 1);
    assert_eq!(node.answer("kubectl run web --image=a").act, None);
    assert_eq!(node.answer("kubectl run BAD --image=a").act, None);
    let pid = node.with(|machine| {
        let nginx = machine.frame.processes.values().find(|p| p.argv[0].contains("nginx"));
        nginx.expect("it runs").pid
    });
    assert_eq!(node.answer(&format!("kill -9 {pid}")).act, Some(Act::Kill { pid, signal: 9 }));
    assert_eq!(node.answer("kill 99999").act, None);
}

#[test]
fn every_place_of_a_line_is_completed() {
    let node = Node::new("single-container", Stack::Containerd);
    let complete = |line: &str| node.with(|machine| complete(machine, line));
    assert_eq!(complete("kub"), ["kubectl"]);
    assert_eq!(complete("do"), [""; 0], "there is no docker on this stack");
    assert_eq!(complete("kubectl d"), ["delete", "describe"]);
    assert_eq!(complete("kubectl describe pod "), ["web"]);
    assert_eq!(complete("kubectl logs web -c "), ["nginx"]);
    assert_eq!(complete("cat /etc/re"), ["/etc/resolv.conf"]);
    assert_eq!(complete("ctr -n "), ["k8s.io"]);
    assert_eq!(complete("crictl inspect ").len(), 1);
}
