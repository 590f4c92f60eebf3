//! What programs do: the seam to those who say it.
//!
//! The node starts processes and tells them of signals; what a process does is said by the
//! [`Userland`] that the node was given, or by what a scenario declares.

use crate::{Node, Stdio};
use sim::{Ctx, Signal};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// The programs of images.
pub trait Userland {
    /// Looks the program of a command up, as `execve` after a search of `$PATH` does.
    ///
    /// # Errors
    /// In runc's words: `exec: "foo": executable file not found in $PATH`.
    fn find(&self, node: &Node, command: &Command) -> Result<(), String>;

    /// What a process does, to its exit code; none if it does nothing but serve until it is asked
    /// to end. Signals come in through [`UserProcess::signals`]; a process that is killed is
    /// dropped.
    fn run(
        self: Rc<Self>,
        ctx: Ctx,
        process: UserProcess,
    ) -> Option<Pin<Box<dyn Future<Output = i32>>>>;

    /// The text of a file of an image; none where it has no such file.
    fn image_file(&self, image: &str, path: &str) -> Option<String> {
        let _ = (image, path);
        None
    }

    /// Whether an image has anything at a path.
    fn image_has(&self, image: &str, path: &str) -> bool {
        let _ = (image, path);
        true
    }
}

/// What `execve` is given, and what the process inherits.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// The arguments, the program first.
    pub argv: Vec<Rc<str>>,
    /// The environment, as `NAME=value`.
    pub env: Vec<Rc<str>>,
    /// The working directory; empty for `/`.
    pub cwd: Rc<str>,
    /// Who it runs as and what it may do.
    pub credentials: Rc<Credentials>,
    /// What it finds around it.
    pub surroundings: Rc<Surroundings>,
    /// Its standard streams.
    pub stdio: Stdio,
}

/// A process as its program sees it.
#[derive(Clone)]
pub struct UserProcess {
    /// The machine.
    pub node: Node,
    /// Its number on the machine.
    pub pid: u32,
    /// Whether it is a container's first process.
    pub is_first: bool,
    /// What it was started with.
    pub command: Command,
    /// The signals that it is sent.
    pub signals: Rc<Signals>,
}

/// What the processes of a container find around them: the parts of its specification that
/// programs can ask about. Host name and sysctls belong to namespaces.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The name of the image, in its full form; empty where there is none.
    pub image: Rc<str>,
    /// Where the root file system is mounted on the node.
    pub rootfs: Rc<str>,
    /// Whether nothing can be written to it.
    pub readonly_rootfs: bool,
    /// What of the node is mounted into it.
    pub mounts: Vec<Bind>,
    /// How much memory its processes may use, in bytes; 0 for any.
    pub memory_limit: u64,
    /// What cannot be read.
    pub masked_paths: Vec<Rc<str>>,
    /// What cannot be written.
    pub readonly_paths: Vec<Rc<str>>,
    /// How users are mapped, in a user namespace of its own; empty in the host's.
    pub uid_map: Vec<IdMap>,
    /// How groups are mapped.
    pub gid_map: Vec<IdMap>,
}

/// A line of `/proc/self/uid_map`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdMap {
    /// The first number inside.
    pub inside: u32,
    /// What it is outside.
    pub outside: u32,
    /// How many numbers follow each other.
    pub length: u32,
}

/// A file or directory of the host, or of an image, inside a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    /// Where the container sees it.
    pub destination: Rc<str>,
    /// What it is on the host; empty where it is an image's.
    pub source: Rc<str>,
    /// Whether the container cannot write to it.
    pub readonly: bool,
    /// Whether it cannot write to what is mounted below it either.
    pub recursive: bool,
    /// The image whose files these are, and where in it they are.
    pub image: Option<(Rc<str>, Rc<str>)>,
}

/// Who a process runs as and what it may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The supplementary groups.
    pub groups: Vec<u32>,
    /// The capabilities, as bits: of the bounding set, and of those in effect.
    pub bounding: u64,
    /// The capabilities that are in effect.
    pub effective: u64,
    /// Whether it can never get more (`no_new_privs`).
    pub no_new_privs: bool,
    /// Whether a seccomp filter is in place.
    pub seccomp: bool,
    /// What that filter says of system calls, unless it is the runtime's own, which allows all
    /// that programs here do.
    pub syscalls: Option<Rc<SyscallFilter>>,
    /// The AppArmor profile; empty where there is none.
    pub apparmor: Rc<str>,
}

impl Credentials {
    /// `CAP_NET_ADMIN`.
    pub const NET_ADMIN: u32 = 12;
    /// `CAP_NET_RAW`.
    pub const NET_RAW: u32 = 13;
    /// `CAP_SYS_ADMIN`.
    pub const SYS_ADMIN: u32 = 21;

    /// Whether a capability is in effect, by its number.
    #[must_use]
    pub const fn has(&self, capability: u32) -> bool {
        self.effective >> capability & 1 == 1
    }

    /// Whether the seccomp filter lets a system call pass.
    #[must_use]
    pub fn may_call(&self, syscall: &str) -> bool {
        self.syscalls.as_ref().is_none_or(|filter| filter.allows(syscall))
    }
}

/// A seccomp filter, as far as names decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyscallFilter {
    /// Whether a call that is not listed passes.
    pub passes: bool,
    /// The calls that are treated otherwise.
    pub listed: Vec<Rc<str>>,
}

impl SyscallFilter {
    fn allows(&self, syscall: &str) -> bool {
        self.listed.iter().any(|listed| **listed == *syscall) != self.passes
    }
}

/// The signals that a process handles, ignores and has been sent.
#[derive(Default)]
pub struct Signals {
    handled: Cell<u64>,
    ignored: Cell<u64>,
    pending: RefCell<VecDeque<i32>>,
    arrived: Signal,
}

impl Signals {
    const fn bit(signal: i32) -> u64 {
        if signal > 0 && signal < 64 { 1 << signal } else { 0 }
    }

    /// From now on the process handles a signal.
    pub fn handle(&self, signal: i32) {
        self.handled.set(self.handled.get() | Self::bit(signal));
        self.ignored.set(self.ignored.get() & !Self::bit(signal));
    }

    /// From now on the process ignores a signal.
    pub fn ignore(&self, signal: i32) {
        self.ignored.set(self.ignored.get() | Self::bit(signal));
        self.handled.set(self.handled.get() & !Self::bit(signal));
    }

    /// From now on a signal does what it does by default.
    pub fn reset(&self, signal: i32) {
        self.ignored.set(self.ignored.get() & !Self::bit(signal));
        self.handled.set(self.handled.get() & !Self::bit(signal));
    }

    /// What `execve` leaves: what was handled is reset, what was ignored stays so.
    pub fn reset_handled(&self) {
        self.handled.set(0);
        self.pending.borrow_mut().clear();
    }

    /// Takes the first signal that has arrived.
    pub fn take(&self) -> Option<i32> {
        self.pending.borrow_mut().pop_front()
    }

    /// Puts a signal back that was taken, as the next to be taken.
    pub fn put_back(&self, signal: i32) {
        self.pending.borrow_mut().push_front(signal);
    }

    /// Waits for a signal that the process handles.
    pub async fn next(&self) -> i32 {
        loop {
            if let Some(signal) = self.take() {
                return signal;
            }
            self.arrived.wait().await;
        }
    }

    /// True if the process handles or ignores the signal, so that nothing else happens.
    pub(crate) fn deliver(&self, signal: i32) -> bool {
        if self.handled.get() & Self::bit(signal) != 0 {
            self.pending.borrow_mut().push_back(signal);
            self.arrived.notify();
            return true;
        }
        self.ignored.get() & Self::bit(signal) != 0
    }
}

/// What a scenario says about a process, in place of what its image and command say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// How it ends by itself.
    pub run: Option<Run>,
    /// What it does when it is asked to end.
    pub on_term: Option<TermBehaviour>,
}

/// How a process ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// After how long.
    pub exit_after: Duration,
    /// With which exit code.
    pub exit_code: i32,
    /// Because it used more memory than it may.
    pub oom_killed: bool,
}

/// What a process does with `SIGTERM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermBehaviour {
    /// Ends after some time.
    Exits {
        /// How long it takes.
        after: Duration,
        /// With which exit code.
        code: i32,
    },
    /// Does nothing: so does the first process of a PID namespace, unless it has a handler.
    Ignores,
}

impl Default for TermBehaviour {
    fn default() -> Self {
        Self::Exits { after: Duration::from_millis(20), code: 0 }
    }
}

/// A container's behaviour over its restarts, as a scenario declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// How each attempt ends; the last holds for all that follow. Empty: as the command says.
    pub runs: Vec<Run>,
    /// What it does with `SIGTERM`; none: as the command says.
    pub on_term: Option<TermBehaviour>,
}

/// The behaviours that a scenario declares, by pod and container.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    declared: BTreeMap<(Rc<str>, Rc<str>), Behaviour>,
}

impl Programs {
    /// Declares a container's behaviour. An empty pod name stands for every pod.
    pub fn declare(&mut self, pod: &str, container: &str, behaviour: Behaviour) {
        self.declared.insert((pod.into(), container.into()), behaviour);
    }

    /// What is declared about the first process of a container.
    #[must_use]
    pub fn declared(&self, pod: &str, container: &str, attempt: u32) -> Declared {
        if self.declared.is_empty() {
            return Declared::default();
        }
        let behaviour = self
            .declared
            .get(&(Rc::from(pod), Rc::from(container)))
            .or_else(|| self.declared.get(&(Rc::from(""), Rc::from(container))));
        let Some(behaviour) = behaviour else { return Declared::default() };
        let run = behaviour.runs.get(attempt as usize).or(behaviour.runs.last());
        Declared { run: run.copied(), on_term: behaviour.on_term }
    }
}
