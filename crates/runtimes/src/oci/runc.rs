//! runc: a program that is started for each step of a container's life and exits at once.

use super::{NamespaceRequest, Spec, cgroup_directory};
use node::{Node, ProcessSpec, Program};
use sim::{Ctx, Hop, SimError};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Exit, Mount, NamespaceKind, Payload, Protocol};

/// Starting the program; namespaces, control group, mounts, and `runc init` up to the point where it waits.
const CREATE: Duration = Duration::from_millis(25);
/// Opening the FIFO that `runc init` waits on.
const START: Duration = Duration::from_millis(10);
/// Sending a signal.
const KILL: Duration = Duration::from_millis(7);
/// Removing the control group and the state.
const DELETE: Duration = Duration::from_millis(10);
/// Joining a container's namespaces with another process.
const EXEC: Duration = Duration::from_millis(20);
/// Writing to the control group.
const UPDATE: Duration = Duration::from_millis(8);

/// How a shim runs runc.
#[derive(Clone)]
pub(super) struct Runc {
    pub(super) node: Node,
    /// containerd's namespace, under which runc keeps its state.
    pub(super) namespace: &'static str,
}

/// What runc made of a bundle.
pub(super) struct Created {
    /// The process that waits to become the container's first.
    pub(super) pid: u32,
    /// The control group.
    pub(super) cgroup: Rc<str>,
}

impl Runc {
    /// One run of the program: it is there, works for a while, does `then`, and is gone.
    async fn run<T>(
        &self,
        ctx: &Ctx,
        shim: u32,
        op: &'static str,
        source: &'static str,
        argv: Vec<Rc<str>>,
        work: Duration,
        then: impl FnOnce(&Ctx, u32) -> Result<T, SimError>,
    ) -> Result<T, SimError> {
        let (node, namespace) = (self.node.clone(), self.namespace);
        let shown = argv.clone();
        let hop = Hop::new(Component::ContainerdShim, Component::Runc, Protocol::Exec, op)
            .source(source)
            .request(move || command_line(namespace, &shown));
        ctx.call_answering(
            hop,
            |_| Payload::None,
            async move |ctx| {
                let mut command: Vec<Rc<str>> = Vec::with_capacity(argv.len() + 1);
                command.push("runc".into());
                command.extend(argv);
                let spec = ProcessSpec {
                    ppid: shim,
                    argv: command,
                    component: Some(Component::Runc),
                    container_id: "".into(),
                    namespaces: Vec::new(),
                    cgroup: "".into(),
                };
                let pid = node.start_process(&ctx, spec);
                ctx.sleep(work).await;
                let result = then(&ctx, pid);
                let code = i32::from(result.is_err());
                node.end_process(&ctx, pid, Exit { code, oom_killed: false });
                result
            },
        )
        .await
    }

    /// `runc create`: everything but the user's program.
    pub(super) async fn create(
        &self,
        ctx: &Ctx,
        shim: u32,
        id: &Rc<str>,
        bundle: &str,
        rootfs: &str,
        spec: &Spec,
    ) -> Result<Created, SimError> {
        let argv = ["create", "--bundle", bundle, "--pid-file"].map(Rc::from).into_iter();
        let argv = argv.chain([format!("{bundle}/init.pid").into(), id.clone()]).collect();
        let source = "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Create";
        self.run(ctx, shim, "runc create", source, argv, CREATE, |ctx, runc| {
            let mut namespaces = Vec::with_capacity(spec.namespaces.len());
            for (kind, request) in &spec.namespaces {
                match request {
                    NamespaceRequest::New => {
                        namespaces.push((*kind, self.node.new_namespace(ctx, *kind)));
                    }
                    NamespaceRequest::Path(path) => match self.join(path, *kind)? {
                        Some(namespace) => namespaces.push((*kind, namespace)),
                        None => {}
                    },
                }
            }
            let cgroup: Rc<str> = cgroup_directory(&spec.cgroups_path).into();
            if !cgroup.is_empty() {
                self.node.create_cgroup(ctx, &cgroup);
            }
            for bind in &spec.mounts {
                self.node.mount(
                    ctx,
                    Mount {
                        target: format!("{rootfs}{}", bind.destination).into(),
                        source: bind.source.clone(),
                        fs_type: "bind".into(),
                        options: if bind.readonly { "ro".into() } else { "".into() },
                    },
                );
            }
            let init = ProcessSpec {
                ppid: runc,
                argv: vec!["runc".into(), "init".into()],
                component: None,
                container_id: id.clone(),
                namespaces,
                cgroup: cgroup.clone(),
            };
            Ok(Created { pid: self.node.start_process(ctx, init), cgroup })
        })
        .await
    }

    /// The namespace at a path; none for the host's own.
    fn join(&self, path: &str, kind: NamespaceKind) -> Result<Option<u32>, SimError> {
        if let Some(namespace) = self.node.namespace_at(path) {
            return Ok(Some(namespace));
        }
        let process = path.strip_prefix("/proc/").and_then(|rest| rest.split('/').next());
        let alive =
            process.and_then(|pid| pid.parse().ok()).is_some_and(|pid| self.node.is_alive(pid));
        if alive {
            return Ok(None);
        }
        Err(SimError::new(
            "1",
            format!(
                "runc create failed: cannot join {} namespace: lstat {path}: \
                 no such file or directory",
                kind.as_str()
            ),
        ))
    }

    /// `runc start`: the waiting process becomes the user's program.
    pub(super) async fn start(
        &self,
        ctx: &Ctx,
        shim: u32,
        id: &Rc<str>,
        pid: u32,
        argv: Vec<Rc<str>>,
        program: &Program,
    ) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Start";
        let words = vec!["start".into(), id.clone()];
        self.run(ctx, shim, "runc start", source, words, START, |ctx, _| {
            if argv.is_empty() {
                return Err(SimError::new(
                    "1",
                    "runc create failed: process.args must not be empty",
                ));
            }
            self.node.exec(ctx, pid, argv, program);
            Ok(())
        })
        .await
    }

    /// `runc kill`: a signal to the container's first process.
    pub(super) async fn kill(
        &self,
        ctx: &Ctx,
        shim: u32,
        id: &Rc<str>,
        pid: u32,
        signal: i32,
    ) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Kill";
        let words = vec!["kill".into(), id.clone(), signal.to_string().into()];
        self.run(ctx, shim, "runc kill", source, words, KILL, |ctx, _| {
            self.node.signal(ctx, pid, signal);
            Ok(())
        })
        .await
    }

    /// `runc delete`: the control group and the state go.
    pub(super) async fn delete(
        &self,
        ctx: &Ctx,
        shim: u32,
        id: &Rc<str>,
        cgroup: &str,
    ) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Delete";
        let words = vec!["delete".into(), id.clone()];
        self.run(ctx, shim, "runc delete", source, words, DELETE, |ctx, _| {
            self.node.remove_cgroup(ctx, cgroup);
            Ok(())
        })
        .await
    }

    /// `runc exec`: one more process in the container.
    pub(super) async fn exec(
        &self,
        ctx: &Ctx,
        shim: u32,
        id: &Rc<str>,
        init: u32,
        argv: Vec<Rc<str>>,
        program: &Program,
    ) -> Result<u32, SimError> {
        let source = "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/exec.go Start";
        let words = ["exec", "--process", "process.json", "--detach"].map(Rc::from).into_iter();
        let words = words.chain([id.clone()]).collect();
        self.run(ctx, shim, "runc exec", source, words, EXEC, |ctx, runc| {
            let Some(init) = self.node.process(init) else {
                return Err(SimError::new("255", "cannot exec in a stopped container"));
            };
            let spec = ProcessSpec {
                ppid: runc,
                argv,
                component: None,
                container_id: id.clone(),
                namespaces: init.namespaces.clone(),
                cgroup: init.cgroup.clone(),
            };
            Ok(self.node.start_program(ctx, spec, program))
        })
        .await
    }

    /// `runc update`: other limits for the control group.
    pub(super) async fn update(&self, ctx: &Ctx, shim: u32, id: &Rc<str>) -> Result<(), SimError> {
        let source = "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Update";
        let words = ["update", "--resources", "-"].map(Rc::from).into_iter();
        let words = words.chain([id.clone()]).collect();
        self.run(ctx, shim, "runc update", source, words, UPDATE, |_, _| Ok(())).await
    }
}

/// The whole command, with the options that go-runc puts before the subcommand.
fn command_line(namespace: &str, words: &[Rc<str>]) -> Payload {
    let root = format!("/run/containerd/runc/{namespace}");
    let options = ["runc", "--root", &root, "--log-format", "json"].map(str::to_owned);
    let argv = options.into_iter().chain(words.iter().map(|word| word.to_string())).collect();
    Payload::Exec { argv, env: Vec::new(), stdin: None }
}
