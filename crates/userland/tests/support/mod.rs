//! A container without a runtime: one process on a modelled machine.

use node::{Bind, Buffer, Command, Credentials, Declared, Node, ProcessSpec, Stdio, Surroundings};
use sim::{Ctx, Sim};
use std::rc::Rc;
use std::time::Duration;
use trace::NamespaceKind;
use userland::Linux;

/// A machine with one network and one PID namespace for what is run.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) ctx: Ctx,
    pub(crate) node: Node,
    pub(crate) image: Rc<str>,
    pub(crate) credentials: Credentials,
    pub(crate) readonly_rootfs: bool,
    namespaces: Vec<(NamespaceKind, u32)>,
}

/// A process that was started.
pub(crate) struct Started {
    pub(crate) pid: u32,
    stdout: Rc<Buffer>,
    stderr: Rc<Buffer>,
}

impl World {
    pub(crate) fn new(image: &str) -> Self {
        let sim = Sim::new(1);
        let ctx = sim.ctx();
        let node = Node::boot(&ctx, "node");
        Linux::install(&node);
        let net = node.new_namespace(&ctx, NamespaceKind::Net);
        node.bind_namespace(&ctx, net, "/run/netns/test");
        node.add_address(&ctx, net, "eth0", "10.244.0.5/24");
        node.make_dir(&ctx, "/volumes/data");
        Self {
            namespaces: vec![(NamespaceKind::Net, net)],
            sim,
            ctx,
            node,
            image: image.into(),
            credentials: Credentials::default(),
            readonly_rootfs: false,
        }
    }

    pub(crate) fn start(&self, words: &[&str], env: &[&str]) -> Started {
        let pids = self.node.new_namespace(&self.ctx, NamespaceKind::Pid);
        let mut namespaces = self.namespaces.clone();
        namespaces.push((NamespaceKind::Pid, pids));
        let argv: Vec<Rc<str>> = words.iter().map(|&word| word.into()).collect();
        let spec = ProcessSpec {
            container_id: "c".into(),
            namespaces,
            ..ProcessSpec::host(1, ["runc init"])
        };
        let (stdout, stderr) = (Buffer::new(1 << 20), Buffer::new(1 << 20));
        let bind = |destination: &str, source: &str, readonly| Bind {
            destination: destination.into(),
            source: source.into(),
            readonly,
            ..Bind::default()
        };
        let command = Command {
            argv,
            env: env.iter().map(|&pair| pair.into()).collect(),
            cwd: "".into(),
            credentials: Rc::new(self.credentials.clone()),
            surroundings: Rc::new(Surroundings {
                image: self.image.clone(),
                rootfs: "/rootfs".into(),
                readonly_rootfs: self.readonly_rootfs,
                mounts: vec![bind("/data", "/volumes/data", false)],
                ..Surroundings::default()
            }),
            stdio: Stdio {
                stdin: None,
                stdout: stdout.clone(),
                stderr: stderr.clone(),
                tty: false,
            },
        };
        self.node.find_program(&command).expect("the image has the program");
        let pid = self.node.start_process(&self.ctx, spec);
        self.node.exec(&self.ctx, pid, command, Declared::default());
        Started { pid, stdout, stderr }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.sim.run_until(self.sim.now() + time);
    }

    /// Runs a command to its end; its exit code, none if it does not end within a day, and what it
    /// wrote.
    pub(crate) fn run(&self, words: &[&str], env: &[&str]) -> (Option<i32>, String, String) {
        let started = self.start(words, env);
        let code = self.end(&started, Duration::from_secs(86_400));
        (code, started.output(), started.errors())
    }

    /// The exit code of a process that ends within some time.
    pub(crate) fn end(&self, started: &Started, limit: Duration) -> Option<i32> {
        let end = self.sim.now() + limit;
        self.sim.run_ready();
        while self.node.is_alive(started.pid) && self.sim.now() < end {
            let next = self.sim.next_timer().unwrap_or(end).min(end);
            self.sim.run_until(next);
        }
        self.node.reap(started.pid).map(|exit| exit.code)
    }
}

impl Started {
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&self.stdout.take()).into_owned()
    }

    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr.take()).into_owned()
    }
}
