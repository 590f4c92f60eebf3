//! Several streams on one connection, whatever carries them.

use bytes::Bytes;
use node::Sink;
use sim::Ctx;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::mpsc;

/// How much may wait for a client that does not read, in bytes.
const QUEUED_MAX: usize = 64 << 20;
/// How many pieces may wait for somebody here who does not read.
const PIECES_MAX: usize = 64;

/// A connection with streams that the client opens. Dropping it closes the connection once all
/// that was written is sent.
pub(super) struct Connection {
    streams: mpsc::Receiver<Channel>,
    outlet: Outlet,
}

/// The inner side of a [`Connection`], for whoever speaks its protocol.
pub(super) struct Carrier {
    /// Where to put the streams that the client opens.
    pub(super) streams: mpsc::Sender<Channel>,
    /// What is sent on them, and what is to be sent besides.
    pub(super) outlet: Outlet,
    /// All of it, in order.
    pub(super) outbox: Outbox,
}

/// A connection's two sides.
pub(super) fn connection() -> (Connection, Carrier) {
    let (streams, opened) = mpsc::channel(16);
    let (sender, receiver) = mpsc::unbounded_channel();
    let queued = Rc::<Cell<usize>>::default();
    let outlet = Outlet { messages: sender, queued: queued.clone() };
    let outbox = Outbox { messages: receiver, queued };
    (Connection { streams: opened, outlet: outlet.clone() }, Carrier { streams, outlet, outbox })
}

impl Connection {
    /// Waits for the next stream; none once the client has closed the connection.
    pub(super) async fn next(&mut self) -> Option<Channel> {
        self.streams.recv().await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.outlet.send(Outgoing::Close);
    }
}

/// What is to be sent.
pub(super) enum Outgoing {
    /// A stream's bytes.
    Data {
        /// Which stream.
        id: u32,
        /// Empty where only the end is to be sent.
        bytes: Bytes,
        /// Nothing follows on it.
        last: bool,
    },
    /// A stream that the client has opened is accepted.
    Accepted {
        /// Which stream.
        id: u32,
    },
    /// A whole frame of the protocol.
    Frame(Bytes),
    /// Nothing; the connection is closed.
    Close,
}

/// The way out of a connection, which all its streams share.
#[derive(Clone)]
pub(super) struct Outlet {
    messages: mpsc::UnboundedSender<Outgoing>,
    queued: Rc<Cell<usize>>,
}

/// The other end of an [`Outlet`].
pub(super) struct Outbox {
    messages: mpsc::UnboundedReceiver<Outgoing>,
    queued: Rc<Cell<usize>>,
}

impl Outgoing {
    fn len(&self) -> usize {
        match self {
            Self::Data { bytes, .. } | Self::Frame(bytes) => bytes.len(),
            Self::Accepted { .. } | Self::Close => 0,
        }
    }
}

impl Outlet {
    /// Sends something; false if nobody will get it.
    pub(super) fn send(&self, message: Outgoing) -> bool {
        let queued = self.queued.get() + message.len();
        if queued > QUEUED_MAX {
            return false;
        }
        self.queued.set(queued);
        self.messages.send(message).is_ok()
    }
}

impl Outbox {
    /// Waits for the next message.
    pub(super) async fn next(&mut self) -> Option<Outgoing> {
        let message = self.messages.recv().await?;
        self.queued.set(self.queued.get() - message.len());
        Some(message)
    }
}

/// A stream.
pub(super) struct Channel {
    headers: BTreeMap<String, String>,
    incoming: mpsc::Receiver<Bytes>,
    writer: Writer,
}

/// The half of a stream that is written to.
#[derive(Clone)]
pub(super) struct Writer {
    id: u32,
    outlet: Outlet,
}

impl Channel {
    /// A stream with headers by lower-case name, and where to put what the client sends on it.
    pub(super) fn new(
        id: u32,
        headers: BTreeMap<String, String>,
        outlet: &Outlet,
    ) -> (Self, mpsc::Sender<Bytes>) {
        let (sender, incoming) = mpsc::channel(PIECES_MAX);
        let writer = Writer { id, outlet: outlet.clone() };
        (Self { headers, incoming, writer }, sender)
    }

    /// What a header says; empty if it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Waits for bytes; none at the end.
    pub(super) async fn read(&mut self) -> Option<Bytes> {
        self.incoming.recv().await
    }

    /// The half that is written to.
    pub(super) const fn writer(&self) -> &Writer {
        &self.writer
    }
}

impl Writer {
    /// Sends bytes; false if nobody will get them.
    pub(super) fn send(&self, bytes: Bytes) -> bool {
        bytes.is_empty() || self.outlet.send(Outgoing::Data { id: self.id, bytes, last: false })
    }

    /// Ends the stream in this direction.
    pub(super) fn close(&self) {
        self.outlet.send(Outgoing::Data { id: self.id, bytes: Bytes::new(), last: true });
    }
}

impl Sink for Writer {
    fn write(&self, _: &Ctx, bytes: &[u8]) -> bool {
        self.send(Bytes::copy_from_slice(bytes))
    }
}
