//! The OCI runtime: a program that is started for each step of a container's life and exits at once.

use super::{NamespaceRequest, Spec, cgroup_directory};
use node::{Command, Declared, Node, ProcessSpec};
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

/// A subcommand: who runs it, under which name faults know it, where upstream does, how long it
/// takes.
pub(crate) struct Step {
    pub(crate) caller: Component,
    pub(crate) op: &'static str,
    pub(crate) source: &'static str,
    pub(crate) takes: Duration,
}

impl Step {
    /// `create`, of `runc create`.
    fn subcommand(&self) -> &'static str {
        self.op.split_once(' ').map_or(self.op, |(_, subcommand)| subcommand)
    }
}

/// The subcommands that somebody uses.
pub(crate) struct Steps {
    /// Where in the bundle the runtime writes the number of the first process.
    pub(crate) pid_file: &'static str,
    pub(crate) create: Step,
    pub(crate) start: Step,
    pub(crate) kill: Step,
    pub(crate) delete: Step,
    pub(crate) exec: Step,
    pub(crate) update: Step,
}

/// Those of a shim.
pub(super) static SHIM: Steps = of_shim(
    Component::ContainerdShim,
    [
        "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Create",
        "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Start",
        "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Kill",
        "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Delete",
        "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/exec.go Start",
        "containerd@v2.3.4 cmd/containerd-shim-runc-v2/process/init.go Update",
    ],
);

/// Those of a shim of version 1.
pub(super) static SHIM_V1: Steps = of_shim(
    Component::ContainerdShimV1,
    [
        "containerd@v1.0.0 linux/shim/init.go newInitProcess",
        "containerd@v1.0.0 linux/shim/init_state.go Start",
        "containerd@v1.0.0 linux/shim/init_state.go Kill",
        "containerd@v1.0.0 linux/shim/init_state.go Delete",
        "containerd@v1.0.0 linux/shim/exec.go Start",
        "containerd@v1.0.0 linux/shim/init.go Update",
    ],
);

const fn of_shim(caller: Component, sources: [&'static str; 6]) -> Steps {
    let [create, start, kill, delete, exec, update] = sources;
    Steps {
        pid_file: "init.pid",
        create: Step { caller, op: "runc create", source: create, takes: CREATE },
        start: Step { caller, op: "runc start", source: start, takes: START },
        kill: Step { caller, op: "runc kill", source: kill, takes: KILL },
        delete: Step { caller, op: "runc delete", source: delete, takes: DELETE },
        exec: Step { caller, op: "runc exec", source: exec, takes: EXEC },
        update: Step { caller, op: "runc update", source: update, takes: UPDATE },
    }
}

/// Who words an error.
enum Words {
    /// runc as it is now.
    Runc,
    /// The runc of Docker 20.10.
    Docker,
    Crun,
}

/// How somebody runs an OCI runtime.
#[derive(Clone)]
pub(crate) struct Runc {
    pub(crate) node: Node,
    /// runc, or crun, which is used in the same way.
    pub(crate) program: Component,
    /// What stands before the subcommand: where it keeps its state, how it logs.
    pub(crate) options: Rc<[Rc<str>]>,
    /// The subcommands.
    pub(crate) steps: &'static Steps,
}

/// What runc made of a bundle.
pub(crate) struct Created {
    /// The process that waits to become the container's first.
    pub(crate) pid: u32,
    /// The control group.
    pub(crate) cgroup: Rc<str>,
}

impl Runc {
    /// What the program is called.
    const fn name(&self) -> &'static str {
        self.program.name()
    }

    /// One run of the program by a process: it is there, works for a while, does `then`, and is
    /// gone. All its arguments are in the call's payload; the process table has the container's id
    /// only.
    pub(crate) async fn run<T>(
        &self,
        ctx: &Ctx,
        caller: u32,
        step: &Step,
        id: &Rc<str>,
        arguments: impl Fn(&str) -> Vec<String> + 'static,
        then: impl FnOnce(&Ctx, u32) -> Result<T, SimError>,
    ) -> Result<T, SimError> {
        let (node, work) = (&self.node, step.takes);
        let (name, subcommand, shown) = (self.name(), step.subcommand(), id.clone());
        let options = self.options.clone();
        let hop = Hop::new(step.caller, self.program, Protocol::Exec, step.op)
            .source(step.source)
            .request(move || command_line(name, &options, subcommand, arguments(&shown)));
        ctx.call_answering(
            hop,
            |_| Payload::None,
            async |ctx| {
                let spec = ProcessSpec {
                    ppid: caller,
                    argv: vec![name.into(), subcommand.into(), id.clone()],
                    component: Some(self.program),
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
    pub(crate) async fn create(
        &self,
        ctx: &Ctx,
        caller: u32,
        id: &Rc<str>,
        bundle: &Rc<str>,
        spec: &Spec,
        command: &Command,
    ) -> Result<Created, SimError> {
        let step = &self.steps.create;
        let (bundle, pid_file) = (bundle.clone(), self.steps.pid_file);
        let arguments = move |id: &str| {
            let pid_file = format!("{bundle}/{pid_file}");
            vec![
                "--bundle".to_owned(),
                bundle.to_string(),
                "--pid-file".to_owned(),
                pid_file,
                id.to_owned(),
            ]
        };
        self.run(ctx, caller, step, id, arguments, |ctx, runc| {
            // `runc init` looks the program up before it waits.
            self.check(command)?;
            let mut namespaces = Vec::with_capacity(spec.namespaces.len());
            for (kind, request) in &spec.namespaces {
                match request {
                    NamespaceRequest::New => {
                        namespaces.push((*kind, self.node.new_namespace(ctx, *kind)));
                    }
                    NamespaceRequest::Path(path) => {
                        let namespace = self.join(path, *kind)?;
                        namespaces.extend(namespace.map(|namespace| (*kind, namespace)));
                    }
                }
            }
            self.set_up_namespaces(spec, &namespaces);
            let cgroup: Rc<str> = cgroup_directory(&spec.cgroups_path).into();
            if !cgroup.is_empty() {
                self.node.create_cgroup(ctx, &cgroup);
            }
            for bind in &spec.mounts {
                self.node.mount(
                    ctx,
                    Mount {
                        target: format!("{}{}", command.surroundings.rootfs, bind.destination)
                            .into(),
                        source: bind.source.clone(),
                        fs_type: "bind".into(),
                        options: if bind.readonly { "ro".into() } else { "".into() },
                    },
                );
            }
            let init = ProcessSpec {
                ppid: runc,
                argv: vec![self.name().into(), "init".into()],
                component: None,
                container_id: id.clone(),
                namespaces,
                cgroup: cgroup.clone(),
            };
            Ok(Created { pid: self.node.start_process(ctx, init), cgroup })
        })
        .await
    }

    /// How it words its errors.
    fn words(&self) -> Words {
        if self.program == Component::Crun {
            Words::Crun
        } else if self.options.iter().any(|option| option.ends_with("/moby")) {
            Words::Docker
        } else {
            Words::Runc
        }
    }

    /// Whether the program of a container can be executed, in the words of the runc of the time.
    fn check(&self, command: &Command) -> Result<(), SimError> {
        let found = match command.argv.first() {
            Some(_) => self.node.find_program(command),
            None => {
                return Err(SimError::new(
                    "1",
                    "runc create failed: process.args must not be empty",
                ));
            }
        };
        found.map_err(|error| {
            let doing = match self.words() {
                Words::Crun => "",
                Words::Docker => "container_linux.go:380: starting container process caused: ",
                Words::Runc => {
                    "runc create failed: unable to start container process: \
                     error during container init: "
                }
            };
            SimError::new("1", format!("{doing}{}", self.in_own_words(&error)))
        })
    }

    /// `exec: "foo": executable file not found in $PATH` as crun says it.
    fn in_own_words(&self, error: &str) -> String {
        let program = error.split('"').nth(1).unwrap_or_default();
        match self.words() {
            Words::Crun if program.contains('/') => {
                format!("open executable: {program}: No such file or directory")
            }
            Words::Crun => {
                format!("executable file `{program}` not found in $PATH: No such file or directory")
            }
            _ => error.to_owned(),
        }
    }

    /// Host name and sysctls belong to namespaces.
    fn set_up_namespaces(&self, spec: &Spec, namespaces: &[(NamespaceKind, u32)]) {
        let of_kind = |kind| namespaces.iter().find(|(other, _)| *other == kind).map(|&(_, id)| id);
        if let Some(uts) = of_kind(NamespaceKind::Uts).filter(|_| !spec.hostname.is_empty()) {
            self.node.set_hostname(uts, &spec.hostname);
        }
        for (name, value) in &spec.sysctls {
            let kind =
                if name.starts_with("net.") { NamespaceKind::Net } else { NamespaceKind::Ipc };
            if let Some(namespace) = of_kind(kind) {
                self.node.set_sysctl(namespace, name, value);
            }
        }
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
    pub(crate) async fn start(
        &self,
        ctx: &Ctx,
        caller: u32,
        id: &Rc<str>,
        pid: u32,
        command: Command,
        declared: Declared,
    ) -> Result<(), SimError> {
        let step = &self.steps.start;
        self.run(ctx, caller, step, id, only_id, |ctx, _| {
            self.node.exec(ctx, pid, command, declared);
            Ok(())
        })
        .await
    }

    /// `runc kill`: a signal to the container's first process.
    pub(crate) async fn kill(
        &self,
        ctx: &Ctx,
        caller: u32,
        id: &Rc<str>,
        pid: u32,
        signal: i32,
    ) -> Result<(), SimError> {
        let step = &self.steps.kill;
        let arguments = move |id: &str| vec![id.to_owned(), signal.to_string()];
        self.run(ctx, caller, step, id, arguments, |ctx, _| {
            self.node.signal(ctx, pid, signal);
            Ok(())
        })
        .await
    }

    /// `runc delete`: the control group and the state go.
    pub(crate) async fn delete(
        &self,
        ctx: &Ctx,
        caller: u32,
        id: &Rc<str>,
        cgroup: &str,
    ) -> Result<(), SimError> {
        let step = &self.steps.delete;
        self.run(ctx, caller, step, id, only_id, |ctx, _| {
            self.node.remove_cgroup(ctx, cgroup);
            Ok(())
        })
        .await
    }

    /// `runc exec`: one more process in the container.
    pub(crate) async fn exec(
        &self,
        ctx: &Ctx,
        caller: u32,
        id: &Rc<str>,
        init: u32,
        command: Command,
    ) -> Result<u32, SimError> {
        let step = &self.steps.exec;
        let arguments =
            |id: &str| ["--process", "process.json", "--detach", id].map(str::to_owned).into();
        self.run(ctx, caller, step, id, arguments, |ctx, runc| {
            let Some(init) = self.node.process(init) else {
                return Err(SimError::new("255", "cannot exec in a stopped container"));
            };
            self.node.find_program(&command).map_err(|error| {
                let doing = match self.words() {
                    Words::Crun => "",
                    Words::Docker => {
                        "exec failed: container_linux.go:380: starting container process caused: "
                    }
                    Words::Runc => "exec failed: unable to start container process: ",
                };
                SimError::new("255", format!("{doing}{}", self.in_own_words(&error)))
            })?;
            let spec = ProcessSpec {
                ppid: runc,
                argv: command.argv.clone(),
                component: None,
                container_id: id.clone(),
                namespaces: init.namespaces.clone(),
                cgroup: init.cgroup.clone(),
            };
            Ok(self.node.start_command(ctx, spec, command))
        })
        .await
    }

    /// `runc update`: other limits for the control group.
    pub(crate) async fn update(
        &self,
        ctx: &Ctx,
        caller: u32,
        id: &Rc<str>,
    ) -> Result<(), SimError> {
        let step = &self.steps.update;
        let arguments = |id: &str| ["--resources", "-", id].map(str::to_owned).into();
        self.run(ctx, caller, step, id, arguments, |_, _| Ok(())).await
    }
}

fn only_id(id: &str) -> Vec<String> {
    vec![id.to_owned()]
}

/// The whole command, with what stands before the subcommand.
fn command_line(
    name: &str,
    options: &[Rc<str>],
    subcommand: &str,
    arguments: Vec<String>,
) -> Payload {
    let words = [name].into_iter().chain(options.iter().map(|word| &**word)).chain([subcommand]);
    let argv = words.map(str::to_owned).chain(arguments).collect();
    Payload::Exec { argv, env: Vec::new(), stdin: None }
}
