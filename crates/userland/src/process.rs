//! A process as the programs here see it: descriptors, environment, time.

use crate::Linux;
use node::{Command, Credentials, Input, Node, Null, Signals, Sink, Surroundings, UserProcess};
use sim::Ctx;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// A program that runs, to its exit code.
pub(crate) type Running = Pin<Box<dyn Future<Output = i32>>>;

/// What a builtin or a small step of a program takes.
const STEP: Duration = Duration::from_micros(100);
/// What starting a program takes.
pub(crate) const EXEC: Duration = Duration::from_millis(1);
/// A loop that never waits gets slower: each so many steps double what a step takes, up to a
/// second, so that it cannot keep virtual time from going on.
const BUSY_STEPS: u32 = 1000;
/// How many processes a container may have at a time.
const PROCESSES_MAX: u32 = 200;
/// How long a file may become, in bytes.
pub(crate) const FILE_MAX: usize = 4 << 20;

/// What the processes that descend from one have in common.
pub(crate) struct Shared {
    pub(crate) linux: Rc<Linux>,
    /// Steps since somebody last waited for something.
    steps: Cell<u32>,
    processes: Cell<u32>,
}

/// A process.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) ctx: Ctx,
    pub(crate) node: Node,
    pub(crate) pid: u32,
    pub(crate) is_first: bool,
    pub(crate) signals: Rc<Signals>,
    pub(crate) credentials: Rc<Credentials>,
    pub(crate) surroundings: Rc<Surroundings>,
    pub(crate) shared: Rc<Shared>,
    pub(crate) cwd: String,
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) fds: BTreeMap<u32, Fd>,
}

/// An open descriptor.
#[derive(Clone)]
pub(crate) enum Fd {
    /// `/dev/null`, for reading.
    Empty,
    /// A pipe or connection that is read.
    Input(Input),
    /// Something that is written.
    Sink(Rc<dyn Sink>),
    /// A file, by its real path, and how far it was read.
    File(Rc<str>, Rc<Cell<usize>>),
}

impl Process {
    pub(crate) fn new(ctx: Ctx, linux: Rc<Linux>, process: UserProcess) -> Self {
        let UserProcess { node, pid, is_first, command, signals } = process;
        let Command { argv, env, cwd, credentials, surroundings, stdio } = command;
        let env: BTreeMap<String, String> = env
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let stdin = stdio.stdin.map_or(Fd::Empty, Fd::Input);
        let fds = [(0, stdin), (1, Fd::Sink(stdio.stdout)), (2, Fd::Sink(stdio.stderr))];
        Self {
            ctx,
            node,
            pid,
            is_first,
            signals,
            credentials,
            surroundings,
            shared: Rc::new(Shared { linux, steps: Cell::new(0), processes: Cell::new(1) }),
            cwd: if cwd.is_empty() { "/".to_owned() } else { cwd.to_string() },
            argv: argv.iter().map(|word| word.to_string()).collect(),
            env,
            fds: fds.into(),
        }
    }

    /// The name of the program, without its directory.
    pub(crate) fn name(&self) -> &str {
        let program = self.argv.first().map_or("", String::as_str);
        let name = program.rsplit('/').next().unwrap_or(program);
        // A login shell has a dash in front.
        name.strip_prefix('-').unwrap_or(name)
    }

    /// The arguments after the program.
    pub(crate) fn args(&self) -> &[String] {
        self.argv.get(1..).unwrap_or_default()
    }

    /// Spends the time of a small step.
    pub(crate) async fn step(&self) {
        self.spend(STEP).await;
    }

    /// Spends time on work.
    pub(crate) async fn spend(&self, time: Duration) {
        let steps = self.shared.steps.get().saturating_add(1);
        self.shared.steps.set(steps);
        let slower = 1_u32 << (steps / BUSY_STEPS).min(14);
        self.ctx.sleep((time * slower).min(Duration::from_secs(1))).await;
    }

    /// Waits, which is no work.
    pub(crate) async fn sleep(&self, time: Duration) {
        if time >= Duration::from_millis(100) {
            self.shared.steps.set(0);
        }
        self.ctx.sleep(time).await;
    }

    /// Makes a child (`fork`); none where there are too many processes.
    pub(crate) fn fork(&self) -> Option<Self> {
        let processes = self.shared.processes.get();
        if processes >= PROCESSES_MAX {
            return None;
        }
        let (pid, signals) = self.node.fork(&self.ctx, self.pid)?;
        self.shared.processes.set(processes + 1);
        Some(Self { pid, signals, is_first: false, ..self.clone() })
    }

    /// Lets a child that was forked run.
    pub(crate) fn start(&self, running: Running) {
        let alive = Alive(self.shared.clone());
        let running = Box::pin(async move {
            let _alive = alive;
            running.await
        });
        self.node.set_program(&self.ctx, self.pid, running);
    }

    /// Waits for a child and reaps it.
    pub(crate) async fn wait_for(&self, pid: u32) -> i32 {
        let before = self.ctx.now();
        let exit = self.node.wait(pid).await;
        if self.ctx.now().since(before) >= Duration::from_millis(100) {
            self.shared.steps.set(0);
        }
        self.node.reap(pid);
        exit.code
    }

    /// Turns into another program (`execve`), which runs in the same task.
    pub(crate) fn become_program(self, argv: Vec<String>) -> Running {
        let words = argv.iter().map(|word| word.as_str().into()).collect();
        self.node.rename(&self.ctx, self.pid, words);
        self.signals.reset_handled();
        let linux = self.shared.linux.clone();
        let next = Self { argv, ..self };
        linux.program(next)
    }

    /// Reads at most so many bytes; none at the end.
    pub(crate) async fn read(&self, fd: u32, most: usize) -> Option<Vec<u8>> {
        match self.fds.get(&fd)?.clone() {
            Fd::Empty | Fd::Sink(_) => None,
            Fd::Input(input) => {
                let before = self.ctx.now();
                let bytes = input.read_some(most).await;
                if self.ctx.now() > before {
                    self.shared.steps.set(0);
                }
                bytes
            }
            Fd::File(path, offset) => {
                let text = self.read_real(&path).ok()?;
                let rest = text.as_bytes().get(offset.get()..).filter(|rest| !rest.is_empty())?;
                let count = rest.len().min(most);
                offset.set(offset.get() + count);
                Some(rest[..count].to_vec())
            }
        }
    }

    /// Reads a line without its end; none at the end.
    pub(crate) async fn read_line(&self, fd: u32) -> Option<String> {
        let mut line = match self.fds.get(&fd)?.clone() {
            Fd::Empty | Fd::Sink(_) => return None,
            Fd::Input(input) => {
                let before = self.ctx.now();
                let line = input.read_line().await?;
                if self.ctx.now() > before {
                    self.shared.steps.set(0);
                }
                line
            }
            Fd::File(path, offset) => {
                let text = self.read_real(&path).ok()?;
                let rest = text.as_bytes().get(offset.get()..).filter(|rest| !rest.is_empty())?;
                let end = rest.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
                let line = &rest[..end.unwrap_or(rest.len())];
                offset.set(offset.get() + line.len());
                line.to_vec()
            }
        };
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    /// Reads everything.
    pub(crate) async fn read_all(&self, fd: u32) -> String {
        let mut all = Vec::new();
        while let Some(bytes) = self.read(fd, 1 << 16).await {
            all.extend(bytes);
            if all.len() >= FILE_MAX {
                break;
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Writes; false where nobody reads any more, or nothing can be written.
    pub(crate) fn write(&self, fd: u32, text: &str) -> bool {
        self.write_bytes(fd, text.as_bytes())
    }

    pub(crate) fn write_bytes(&self, fd: u32, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        match self.fds.get(&fd) {
            Some(Fd::Sink(sink)) => sink.write(&self.ctx, bytes),
            Some(Fd::File(path, _)) => {
                self.append_real(path, &String::from_utf8_lossy(bytes)).is_ok()
            }
            _ => false,
        }
    }

    /// Writes to standard output.
    pub(crate) fn print(&self, text: &str) -> bool {
        self.write(1, text)
    }

    /// Writes a line to standard output.
    pub(crate) fn say(&self, line: &str) -> bool {
        self.write(1, &format!("{line}\n"))
    }

    /// Writes a message with the program's name to standard error, and gives the exit code 1.
    pub(crate) fn fail(&self, message: &str) -> i32 {
        self.write(2, &format!("{}: {message}\n", self.name()));
        1
    }

    /// Whether a descriptor is a terminal.
    pub(crate) fn is_terminal(&self, fd: u32) -> bool {
        matches!(self.fds.get(&fd), Some(Fd::Sink(sink)) if sink.is_terminal())
    }

    /// The number in its own PID namespace.
    pub(crate) fn own_pid(&self) -> u32 {
        self.node.own_pid(self.pid).unwrap_or(self.pid)
    }
}

/// Counts a process as long as it lives.
struct Alive(Rc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.processes.set(self.0.processes.get().saturating_sub(1));
    }
}

/// A descriptor that takes everything and keeps nothing.
pub(crate) fn null() -> Fd {
    Fd::Sink(Rc::new(Null))
}
