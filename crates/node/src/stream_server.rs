//! The server behind the URLs that Exec, Attach and PortForward give: it keeps what was asked for
//! until somebody opens the URL. Who carries the bytes then is decided outside the simulation.
//!
//! Models: k8s.io/cri-streaming v0.36.3 `pkg/streaming/{server,request_cache}.go`.

use crate::{Connection, Node, Stdio};
use sim::{Ctx, SimError};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;
use trace::Time;

/// How many requests may wait, and how long each does.
const WAITING_MAX: usize = 1000;
const WAITING_TIME: Duration = Duration::from_secs(60);

/// The answer to something that a stream server asks.
pub type StreamReply<T> = Pin<Box<dyn Future<Output = Result<T, SimError>>>>;

/// What a stream server asks of the runtime that it belongs to.
pub trait StreamRuntime {
    /// Runs a command in a running container to its exit code.
    fn exec(
        self: Rc<Self>,
        ctx: Ctx,
        container: Rc<str>,
        argv: Vec<Rc<str>>,
        stdio: Stdio,
    ) -> StreamReply<i32>;

    /// Connects streams with those of a container's first process until that ends; the answer is 0.
    fn attach(self: Rc<Self>, ctx: Ctx, container: Rc<str>, stdio: Stdio) -> StreamReply<i32>;

    /// Connects to a port in a sandbox.
    fn port_forward(
        self: Rc<Self>,
        ctx: Ctx,
        sandbox: Rc<str>,
        port: u16,
    ) -> StreamReply<Connection>;
}

/// Which streams a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Whether they are a terminal.
    pub tty: bool,
}

/// What a URL stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamRequest {
    /// To run a command in a container.
    Exec {
        /// The container's id.
        container: Rc<str>,
        /// The command.
        argv: Vec<Rc<str>>,
        /// The streams.
        wanted: Wanted,
    },
    /// To attach to a container's first process.
    Attach {
        /// The container's id.
        container: Rc<str>,
        /// The streams.
        wanted: Wanted,
    },
    /// To connect to ports in a sandbox.
    PortForward {
        /// The sandbox's id.
        sandbox: Rc<str>,
    },
}

impl StreamRequest {
    /// The first part of the URL's path.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Exec { .. } => "exec",
            Self::Attach { .. } => "attach",
            Self::PortForward { .. } => "portforward",
        }
    }
}

impl Wanted {
    /// Checks the rules that every runtime has.
    ///
    /// # Errors
    /// None of the three, or a terminal with a standard error of its own (`InvalidArgument`).
    pub fn check(self) -> Result<(), SimError> {
        let problem = if !self.stdin && !self.stdout && !self.stderr {
            "one of stdin, stdout, or stderr must be set"
        } else if self.tty && self.stderr {
            "tty and stderr cannot both be true"
        } else {
            return Ok(());
        };
        Err(SimError::new("InvalidArgument", problem))
    }
}

/// What waits for its URL to be opened.
struct Waiting {
    token: Rc<str>,
    until: Time,
    runtime: Rc<dyn StreamRuntime>,
    request: StreamRequest,
}

/// The server.
pub(crate) struct StreamServer {
    base_url: RefCell<Rc<str>>,
    /// In the order of their ends.
    waiting: RefCell<VecDeque<Waiting>>,
}

impl Default for StreamServer {
    fn default() -> Self {
        Self {
            base_url: RefCell::new("http://127.0.0.1:38217".into()),
            waiting: RefCell::default(),
        }
    }
}

impl Node {
    /// Says where the stream server can be reached: `http://127.0.0.1:38217`.
    pub fn set_stream_url(&self, base_url: &str) {
        *self.0.stream_server.base_url.borrow_mut() = base_url.into();
    }

    /// Keeps a request for a minute, and gives its URL, which is good for one use.
    ///
    /// # Errors
    /// Too many that wait (`ResourceExhausted`).
    pub fn prepare_stream(
        &self,
        ctx: &Ctx,
        runtime: Rc<dyn StreamRuntime>,
        request: StreamRequest,
    ) -> Result<String, SimError> {
        let server = &self.0.stream_server;
        server.forget_old(ctx);
        let mut waiting = server.waiting.borrow_mut();
        if waiting.len() >= WAITING_MAX {
            return Err(SimError::new(
                "ResourceExhausted",
                "maximum number of in-flight requests exceeded",
            ));
        }
        let token: Rc<str> = ctx.sim().random_hex("streaming/token", 8).into();
        let url = format!("{}/{}/{token}", server.base_url.borrow(), request.kind());
        let until = ctx.now() + WAITING_TIME;
        waiting.push_back(Waiting { token, until, runtime, request });
        Ok(url)
    }

    /// Takes the request of a token from a URL of that kind; none if there is none, or no longer.
    #[must_use]
    pub fn take_stream(
        &self,
        ctx: &Ctx,
        kind: &str,
        token: &str,
    ) -> Option<(Rc<dyn StreamRuntime>, StreamRequest)> {
        let server = &self.0.stream_server;
        server.forget_old(ctx);
        let mut waiting = server.waiting.borrow_mut();
        let at = waiting
            .iter()
            .position(|waiting| *waiting.token == *token && waiting.request.kind() == kind)?;
        waiting.remove(at).map(|waiting| (waiting.runtime, waiting.request))
    }
}

impl StreamServer {
    fn forget_old(&self, ctx: &Ctx) {
        self.waiting.borrow_mut().retain(|waiting| waiting.until > ctx.now());
    }
}
