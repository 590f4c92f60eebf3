//! Streams of bytes between programs, log writers and clients.

use sim::{Ctx, Signal};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Where output goes: a log writer, a file, a pipe, a client that is attached.
pub trait Sink {
    /// Takes bytes; false if nobody will ever read them (`EPIPE`).
    fn write(&self, ctx: &Ctx, bytes: &[u8]) -> bool;

    /// Whether it is a terminal (`isatty`).
    fn is_terminal(&self) -> bool {
        false
    }
}

/// `/dev/null`, for writing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Sink for Null {
    fn write(&self, _: &Ctx, _: &[u8]) -> bool {
        true
    }
}

/// Keeps what is written, up to a limit; what comes later is lost.
pub struct Buffer {
    bytes: RefCell<Vec<u8>>,
    limit: usize,
}

impl Buffer {
    /// An empty buffer that keeps so many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self { bytes: RefCell::default(), limit })
    }

    /// Takes what has been written so far.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.bytes.take()
    }
}

impl Sink for Buffer {
    fn write(&self, _: &Ctx, bytes: &[u8]) -> bool {
        let mut kept = self.bytes.borrow_mut();
        let room = self.limit.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
        true
    }
}

#[derive(Default)]
struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
    closed: Cell<bool>,
    unread: Cell<bool>,
    changed: Signal,
}

/// A pipe: what is written at one end can be read at the other.
#[must_use]
pub fn pipe() -> (Output, Input) {
    let pipe = Rc::new(Pipe::default());
    (Output(pipe.clone()), Input(Rc::new(ReadEnd(pipe))))
}

/// The end of a pipe that is written to. Dropping it ends the stream.
pub struct Output(Rc<Pipe>);

impl Output {
    /// Adds bytes; false if nobody will ever read them.
    pub fn push(&self, bytes: &[u8]) -> bool {
        if self.0.unread.get() || self.0.closed.get() {
            return false;
        }
        self.0.bytes.borrow_mut().extend(bytes);
        self.0.changed.notify();
        true
    }

    /// Ends the stream.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.0.changed.notify();
    }

    /// Waits until nobody will read any more.
    pub async fn unread(&self) {
        while !self.0.unread.get() {
            self.0.changed.wait().await;
        }
    }
}

impl Sink for Output {
    fn write(&self, _: &Ctx, bytes: &[u8]) -> bool {
        self.push(bytes)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.close();
    }
}

/// The end of a pipe that is read from: a process's standard input, one way of a connection.
/// Clones read from the same stream.
#[derive(Clone)]
pub struct Input(Rc<ReadEnd>);

struct ReadEnd(Rc<Pipe>);

impl Drop for ReadEnd {
    fn drop(&mut self) {
        self.0.unread.set(true);
        self.0.changed.notify();
    }
}

impl Input {
    /// Waits for bytes and takes all that are there; none at the end of the stream.
    pub async fn read(&self) -> Option<Vec<u8>> {
        self.read_some(usize::MAX).await
    }

    /// Waits for bytes and takes at most so many; none at the end of the stream.
    pub async fn read_some(&self, most: usize) -> Option<Vec<u8>> {
        self.read_until(&|bytes| bytes.len().min(most)).await
    }

    /// Waits for a line and takes it with its end; what is left at the end of the stream counts as
    /// one, and then there is none.
    pub async fn read_line(&self) -> Option<Vec<u8>> {
        let line = |bytes: &VecDeque<u8>| {
            let end = bytes.iter().position(|&byte| byte == b'\n');
            end.map_or(0, |at| at + 1)
        };
        self.read_until(&line).await
    }

    /// Takes as many bytes as `ready` says, once it says any.
    async fn read_until(&self, ready: &dyn Fn(&VecDeque<u8>) -> usize) -> Option<Vec<u8>> {
        let pipe = &self.0.0;
        loop {
            {
                let mut bytes = pipe.bytes.borrow_mut();
                let count = match ready(&bytes) {
                    0 if pipe.closed.get() => bytes.len(),
                    count => count,
                };
                if count > 0 {
                    return Some(bytes.drain(..count).collect());
                }
            }
            if pipe.closed.get() {
                return None;
            }
            pipe.changed.wait().await;
        }
    }
}

/// The standard streams of a process.
#[derive(Clone)]
pub struct Stdio {
    /// Standard input; none reads as empty.
    pub stdin: Option<Input>,
    /// Standard output.
    pub stdout: Rc<dyn Sink>,
    /// Standard error; with a terminal both are one.
    pub stderr: Rc<dyn Sink>,
    /// Whether they are a terminal.
    pub tty: bool,
}

impl Default for Stdio {
    /// `/dev/null` three times.
    fn default() -> Self {
        Self { stdin: None, stdout: Rc::new(Null), stderr: Rc::new(Null), tty: false }
    }
}

impl std::fmt::Debug for Stdio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stdin, tty, .. } = self;
        f.debug_struct("Stdio").field("stdin", &stdin.is_some()).field("tty", tty).finish()
    }
}
