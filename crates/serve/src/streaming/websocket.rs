//! WebSockets: streams told apart by the first byte of each message, or SPDY inside.
//!
//! Upstream: `k8s.io/streaming` `pkg/httpstream/wsstream/conn.go`; the fifth version of the protocol
//! is that of KEP-4006.

use super::channel::{Carrier, Channel, Connection, Outbox, Outgoing, connection};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use std::collections::BTreeMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

/// The channel that says that another one has ended; since version 5.
const CLOSE: u8 = 255;
/// The longest message that is read, in bytes.
const MESSAGE_MAX: usize = 1 << 20;

async fn open<I>(io: I) -> WebSocketStream<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX));
    WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await
}

/// Speaks on an upgraded connection on which the streams of these names are open from the
/// beginning; the place of a name is its number.
pub(super) async fn accept<I>(io: I, names: &[&str]) -> Connection
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (connection, Carrier { streams, outlet, outbox }) = connection();
    let mut incoming = BTreeMap::new();
    for (id, name) in (0..).zip(names) {
        let headers = BTreeMap::from([("streamtype".to_owned(), (*name).to_owned())]);
        let (channel, sender) = Channel::new(u32::from(id), headers, &outlet);
        incoming.insert(id, sender);
        // There is room for so few.
        let _ = streams.send(channel).await;
    }
    let socket = open(io).await;
    tokio::task::spawn_local(carry(socket, incoming, streams, outbox));
    connection
}

/// Carries messages both ways until one side has had enough. The sender of streams is kept, since
/// without it the connection would seem to be closed.
async fn carry<I>(
    mut socket: WebSocketStream<I>,
    mut incoming: BTreeMap<u8, mpsc::Sender<Bytes>>,
    streams: mpsc::Sender<Channel>,
    mut outbox: Outbox,
) where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let mut streams = Some(streams);
    loop {
        tokio::select! {
            message = socket.next(), if streams.is_some() => match message {
                Some(Ok(message)) => receive(message.into_data(), &mut incoming).await,
                _ => {
                    // What is on its way to the client is given up with the next error.
                    incoming.clear();
                    streams = None;
                }
            },
            message = outbox.next() => {
                let sent = match message {
                    Some(Outgoing::Data { id, bytes, .. }) if !bytes.is_empty() => {
                        let mut message = BytesMut::with_capacity(bytes.len() + 1);
                        message.put_u8(u8::try_from(id).unwrap_or(CLOSE));
                        message.put_slice(&bytes);
                        socket.send(Message::Binary(message.freeze())).await
                    }
                    None | Some(Outgoing::Close) => break,
                    // The end of a single stream is not told.
                    Some(_) => Ok(()),
                };
                if sent.is_err() {
                    return;
                }
            }
        }
    }
    let _ = socket.close(Some(finished())).await;
    // Until the client has answered, so that nothing on its way is lost.
    while let Some(Ok(_)) = socket.next().await {}
}

/// The end that is no error.
fn finished() -> CloseFrame {
    CloseFrame { code: CloseCode::Normal, reason: "".into() }
}

/// Gives a message to its stream. Pings are answered by the library.
async fn receive(mut message: Bytes, incoming: &mut BTreeMap<u8, mpsc::Sender<Bytes>>) {
    if message.is_empty() {
        return;
    }
    let id = message.split_to(1)[0];
    if id == CLOSE {
        if let Some(ended) = message.first() {
            incoming.remove(ended);
        }
    } else if let Some(stream) = incoming.get(&id).filter(|_| !message.is_empty()) {
        // Its reader may be gone.
        let _ = stream.send(message).await;
    }
}

/// The bytes inside binary messages, as one connection.
pub(super) async fn tunnel<I>(io: I) -> DuplexStream
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    const BUFFER: usize = 64 << 10;
    let (outer, inner) = tokio::io::duplex(BUFFER);
    let mut socket = open(io).await;
    tokio::task::spawn_local(async move {
        let (mut from, mut to) = tokio::io::split(inner);
        let mut buffer = BytesMut::with_capacity(BUFFER);
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(message)) if message.is_binary() => {
                        if to.write_all(&message.into_data()).await.is_err() {
                            break;
                        }
                    }
                    Some(Ok(_)) => {}
                    _ => break,
                },
                read = from.read_buf(&mut buffer) => match read {
                    Ok(1..) => {
                        let bytes = buffer.split().freeze();
                        if socket.send(Message::Binary(bytes)).await.is_err() {
                            break;
                        }
                    }
                    _ => break,
                },
            }
        }
        let _ = socket.close(Some(finished())).await;
    });
    outer
}
