//! The streams of a container: a log, and the clients that are attached.
//!
//! Models: containerd v2.3.4 `internal/cri/io/{container_io,logger}.go`; moby@v20.10.7
//! `daemon/logger/copier.go`.

use node::{Buffer, Input, Node, Output, Sink, Stdio, pipe};
use sim::Ctx;
use std::cell::RefCell;
use std::rc::Rc;

/// The longest line that goes into a log in one piece, in bytes.
const LINE_MAX: usize = 16 * 1024;
/// How much of each stream of a command is kept for whoever waits for it, in bytes.
pub(crate) const OUTPUT_MAX: usize = 16 * 1024 * 1024;

/// Writes lines into a log.
pub trait Log {
    /// Writes a line without its end; `stream` is `stdout` or `stderr`. A line that is not `whole`
    /// goes on in the next.
    fn line(&self, ctx: &Ctx, stream: &'static str, line: &[u8], whole: bool);
}

/// A log in the format of the CRI: `TIME stdout F LINE`, with `P` where the line goes on.
pub struct LogFile {
    node: Node,
    path: Rc<str>,
}

impl LogFile {
    /// Makes the file, empty; none where the path is.
    #[must_use]
    pub fn create(ctx: &Ctx, node: &Node, path: &Rc<str>) -> Option<Box<dyn Log>> {
        if path.is_empty() {
            return None;
        }
        node.write_file(ctx, path, "");
        Some(Box::new(Self { node: node.clone(), path: path.clone() }))
    }
}

impl Log for LogFile {
    fn line(&self, ctx: &Ctx, stream: &'static str, line: &[u8], whole: bool) {
        let (time, tag) = (ctx.now().rfc3339_nanos(), if whole { 'F' } else { 'P' });
        let line = String::from_utf8_lossy(line);
        self.node.append_file(ctx, &self.path, &format!("{time} {stream} {tag} {line}\n"));
    }
}

/// What a container's first process reads and writes. Its output goes to the log and to whoever is
/// attached at the moment.
pub struct ContainerIo {
    ctx: Ctx,
    log: Option<Box<dyn Log>>,
    stdin: RefCell<Option<Output>>,
    clients: RefCell<Vec<Client>>,
}

/// Somebody who has attached.
#[derive(Clone)]
pub struct Client {
    /// Where the output shall go.
    pub stdout: Rc<dyn Sink>,
    /// Where the errors shall go.
    pub stderr: Rc<dyn Sink>,
}

impl ContainerIo {
    /// The streams of a container that is about to start.
    #[must_use]
    pub fn new(ctx: &Ctx, log: Option<Box<dyn Log>>, stdin: bool, tty: bool) -> (Rc<Self>, Stdio) {
        let (output, input): (Option<Output>, Option<Input>) =
            if stdin { Some(pipe()).unzip() } else { (None, None) };
        let io = Rc::new(Self {
            ctx: ctx.detached(),
            log,
            stdin: RefCell::new(output),
            clients: RefCell::default(),
        });
        let stream = |name| Stream { io: io.clone(), name, tty, rest: RefCell::default() };
        let stdout: Rc<dyn Sink> = Rc::new(stream("stdout"));
        let stderr = if tty { stdout.clone() } else { Rc::new(stream("stderr")) };
        (io.clone(), Stdio { stdin: input, stdout, stderr, tty })
    }

    /// Sends bytes to the standard input; false where it has none, or it is closed.
    pub fn write_stdin(&self, bytes: &[u8]) -> bool {
        self.stdin.borrow().as_ref().is_some_and(|stdin| stdin.push(bytes))
    }

    /// Ends the standard input (`StdinOnce`).
    pub fn close_stdin(&self) {
        self.stdin.take();
    }

    /// From now on a client gets the output as well, until it takes no more.
    pub fn attach(&self, client: Client) {
        self.clients.borrow_mut().push(client);
    }

    /// Connects a client's streams with these until the process has stopped. The client's input may
    /// end before; `once` says whether the process's then ends too.
    pub(crate) async fn carry(
        self: &Rc<Self>,
        ctx: &Ctx,
        stdio: Stdio,
        once: bool,
        stopped: impl Future<Output = ()>,
    ) {
        let Stdio { stdin, stdout, stderr, .. } = stdio;
        self.attach(Client { stdout, stderr });
        if let Some(stdin) = stdin {
            let io = self.clone();
            // It goes on by itself: what is sent to a process that has stopped is lost.
            ctx.spawn(async move {
                while let Some(bytes) = stdin.read().await {
                    if !io.write_stdin(&bytes) {
                        return;
                    }
                }
                if once {
                    io.close_stdin();
                }
            });
        }
        stopped.await;
    }
}

/// One of the two outputs.
struct Stream {
    io: Rc<ContainerIo>,
    name: &'static str,
    tty: bool,
    /// The beginning of a line whose end has not come.
    rest: RefCell<Vec<u8>>,
}

impl Sink for Stream {
    fn write(&self, ctx: &Ctx, bytes: &[u8]) -> bool {
        let is_error = self.name == "stderr";
        self.io.clients.borrow_mut().retain(|client| {
            let sink = if is_error { &client.stderr } else { &client.stdout };
            sink.write(ctx, bytes)
        });
        let Some(log) = &self.io.log else { return true };
        let mut rest = self.rest.borrow_mut();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            rest.extend_from_slice(piece);
            if let Some(line) = rest.strip_suffix(b"\n") {
                log.line(ctx, self.name, line, true);
                rest.clear();
            } else if rest.len() >= LINE_MAX {
                log.line(ctx, self.name, &rest, false);
                rest.clear();
            }
        }
        true
    }

    fn is_terminal(&self) -> bool {
        self.tty
    }
}

impl Drop for Stream {
    /// A last line without an end.
    fn drop(&mut self) {
        let rest = self.rest.take();
        if let Some(log) = self.io.log.as_ref().filter(|_| !rest.is_empty()) {
            log.line(&self.io.ctx, self.name, &rest, false);
        }
    }
}

/// Streams into buffers, for a command that somebody waits for.
pub(crate) fn captured() -> (Stdio, Rc<Buffer>, Rc<Buffer>) {
    let (stdout, stderr) = (Buffer::new(OUTPUT_MAX), Buffer::new(OUTPUT_MAX));
    let stdio = Stdio { stdin: None, stdout: stdout.clone(), stderr: stderr.clone(), tty: false };
    (stdio, stdout, stderr)
}
