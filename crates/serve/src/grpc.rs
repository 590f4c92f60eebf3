//! gRPC over HTTP/2: from paths and bytes to calls, and back.

use crate::machine::Machine;
use crate::socket::Socket;
use bytes::{Buf, BufMut, Bytes};
use cri::{Answer, Message, Status};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::UnixStream;
use tonic::body::Body;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, ServerStreamingService};
use tonic::{Request, Response};

/// The longest message that is read or written, as containerd has it
/// (`defaults.DefaultMaxRecvMsgSize`).
const MESSAGE_MAX: usize = 16 << 20;

/// The answers to one request. On the wire a single response looks like a stream of one.
pub(crate) type Responses = BoxStream<'static, Result<Bytes, tonic::Status>>;

/// How a request ends: with responses, or with a status.
pub(crate) type Reply = Pin<Box<dyn Future<Output = Result<Response<Responses>, tonic::Status>>>>;

/// Whoever answers requests.
pub(crate) trait Handler {
    /// Answers a request to a path.
    fn call(self: Rc<Self>, path: String, request: Request<Bytes>) -> Reply;

    /// The longest message that is read or written, in bytes.
    fn message_max(&self) -> usize {
        MESSAGE_MAX
    }
}

/// Answers on connections for ever; ends only if no more can be accepted.
pub(crate) async fn accept(socket: &Socket, handler: Rc<dyn Handler>) -> std::io::Result<()> {
    loop {
        let stream = socket.accept().await?;
        tokio::task::spawn_local(answer(stream, handler.clone()));
    }
}

async fn answer(stream: UnixStream, handler: Rc<dyn Handler>) {
    let service = service_fn(|request| {
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(handle(handler, request).await) }
    });
    // However the connection ends, the client knows it better.
    let _ = hyper::server::conn::http2::Builder::new(OnThisThread)
        .timer(TokioTimer::new())
        .max_concurrent_streams(1000)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Runs what a connection consists of on the thread that it was accepted on.
#[derive(Clone, Copy)]
struct OnThisThread;

impl<F: Future + 'static> Executor<F> for OnThisThread {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

async fn handle(
    handler: Rc<dyn Handler>,
    request: hyper::Request<Incoming>,
) -> hyper::Response<Body> {
    let path = request.uri().path().to_owned();
    let time = request.headers().get("grpc-timeout").and_then(|value| timeout(value.as_bytes()));
    let limit = handler.message_max();
    let mut grpc =
        Grpc::new(Bytewise).max_decoding_message_size(limit).max_encoding_message_size(limit);
    let answer = grpc.server_streaming(Call { handler, path }, request);
    let response = match time {
        Some(time) => match tokio::time::timeout(time, answer).await {
            Ok(response) => response,
            Err(_) => tonic::Status::deadline_exceeded("context deadline exceeded").into_http(),
        },
        None => answer.await,
    };
    as_go_says(response)
}

/// A message that is too long is `ResourceExhausted` in Go, and `OutOfRange` here.
fn as_go_says(response: hyper::Response<Body>) -> hyper::Response<Body> {
    let status = tonic::Status::from_header_map(response.headers());
    match status.filter(|status| status.code() == tonic::Code::OutOfRange) {
        Some(status) => {
            let text = format!("grpc: received message larger than max ({})", status.message());
            tonic::Status::resource_exhausted(text).into_http()
        }
        None => response,
    }
}

/// A deadline as gRPC writes it: digits and a unit.
fn timeout(header: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(header).ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = digits.parse::<u64>().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// One request on its way.
struct Call {
    handler: Rc<dyn Handler>,
    path: String,
}

impl ServerStreamingService<Bytes> for Call {
    type Response = Bytes;
    type ResponseStream = Responses;
    type Future = Reply;

    fn call(&mut self, request: Request<Bytes>) -> Reply {
        self.handler.clone().call(std::mem::take(&mut self.path), request)
    }
}

impl Handler for Machine {
    fn call(self: Rc<Self>, path: String, request: Request<Bytes>) -> Reply {
        Box::pin(async move {
            let answer = Self::call(&self, &path, request.into_inner()).await.map_err(status)?;
            Ok(Response::new(responses(answer)))
        })
    }
}

fn responses(answer: Answer) -> Responses {
    match answer {
        Answer::One(bytes) => stream::iter([Ok(bytes.into())]).boxed(),
        Answer::Many(all) => stream::iter(all.into_iter().map(|bytes| Ok(bytes.into()))).boxed(),
        Answer::Events(events) => events
            .map(|event| event.map(|event| event.encode_to_vec().into()).map_err(status))
            .boxed(),
    }
}

/// A status of the simulation's as one of tonic's.
pub(crate) fn status(status: Status) -> tonic::Status {
    tonic::Status::new(i32::from(status.code.number()).into(), status.message)
}

/// Messages as bytes: what they say is read elsewhere, or not at all.
#[derive(Clone, Copy)]
pub(crate) struct Bytewise;

impl Codec for Bytewise {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytewise {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        to.put(item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Bytewise {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
