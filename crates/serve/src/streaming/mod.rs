//! The streaming server: HTTP/1.1 connections that are upgraded to SPDY or to WebSockets.
//!
//! Upstream: `k8s.io/cri-streaming` `pkg/streaming/server.go`.

mod channel;
mod port_forward;
mod remote_command;
mod spdy;
mod websocket;

use crate::machine::Machine;
use bytes::Bytes;
use channel::Connection;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use node::{StreamRequest, StreamRuntime};
use remote_command::Version;
use std::convert::Infallible;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
const SOCKET_PROTOCOL: HeaderName = HeaderName::from_static("sec-websocket-protocol");
const SOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const SOCKET_ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// What is spoken for exec and attach on SPDY, the best first.
const COMMAND_PROTOCOLS: &[&str] =
    &["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];
/// The same on a WebSocket.
const SOCKET_COMMAND_PROTOCOLS: &[&str] =
    &["v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"];
/// What is spoken for port-forward on SPDY, and on a WebSocket with SPDY inside.
const FORWARD_PROTOCOLS: &[&str] = &["portforward.k8s.io"];
const SOCKET_FORWARD_PROTOCOLS: &[&str] = &["SPDY/3.1+portforward.k8s.io"];

/// The streams of a WebSocket, by their numbers.
const SOCKET_STREAMS: [&str; 5] = ["stdin", "stdout", "stderr", "error", "resize"];

/// Accepts connections for ever; ends only if no more can be accepted.
pub(crate) async fn accept(listener: TcpListener, machine: Rc<Machine>) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::task::spawn_local(answer(stream, machine.clone()));
    }
}

async fn answer(stream: TcpStream, machine: Rc<Machine>) {
    let service = service_fn(|request| {
        let response = handle(&machine, request);
        async { Ok::<_, Infallible>(response) }
    });
    // However the connection ends, the client knows it better.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// What is answered before the upgrade, or in its place.
type Answer = Response<Full<Bytes>>;

/// How a connection goes on after the upgrade.
enum Protocol {
    Spdy(&'static str),
    WebSocket(&'static str),
}

fn handle(machine: &Rc<Machine>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let mut parts = path.trim_matches('/').split('/');
    let (Some(kind), Some(token), None) = (parts.next(), parts.next(), parts.next()) else {
        return refused(StatusCode::NOT_FOUND, "404 page not found\n");
    };
    let (response, protocol) = match negotiate(kind, request.headers()) {
        Ok(negotiated) => negotiated,
        Err(response) => return *response,
    };
    // A URL is good for one use; one without an upgrade is none.
    let Some((runtime, asked)) = machine.take_stream(kind, token) else {
        return refused(StatusCode::NOT_FOUND, "404 page not found\n");
    };
    let machine = machine.clone();
    tokio::task::spawn_local(async move {
        // If the client has gone away before the upgrade, there is nothing to do.
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            stream(machine, upgraded, protocol, runtime, asked).await;
        }
    });
    response
}

fn refused(status: StatusCode, text: &str) -> Answer {
    let mut response = Response::new(Full::from(text.to_owned()));
    *response.status_mut() = status;
    response
}

/// Agrees on a protocol, and on the response that says so.
fn negotiate(kind: &str, headers: &HeaderMap) -> Result<(Answer, Protocol), Box<Answer>> {
    let upgrade = headers.get(UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (on_spdy, on_socket) = match kind {
        "exec" | "attach" => (COMMAND_PROTOCOLS, SOCKET_COMMAND_PROTOCOLS),
        "portforward" => (FORWARD_PROTOCOLS, SOCKET_FORWARD_PROTOCOLS),
        _ => return Err(refused(StatusCode::NOT_FOUND, "404 page not found\n").into()),
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let to = response.headers_mut();
    to.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if upgrade.eq_ignore_ascii_case("SPDY/3.1") {
        let offered = offers(headers, &STREAM_PROTOCOL);
        let Some(chosen) = choose(on_spdy, &offered) else {
            let text = format!(
                "unable to upgrade: unable to negotiate protocol: client supports {offered:?}, server accepts {on_spdy:?}\n"
            );
            return Err(refused(StatusCode::FORBIDDEN, &text).into());
        };
        to.insert(UPGRADE, HeaderValue::from_static("SPDY/3.1"));
        to.insert(STREAM_PROTOCOL, HeaderValue::from_static(chosen));
        return Ok((response, Protocol::Spdy(chosen)));
    }
    if upgrade.eq_ignore_ascii_case("websocket") {
        let offered = offers(headers, &SOCKET_PROTOCOL);
        let accept = headers.get(SOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
        let (Some(chosen), Some(accept)) = (choose(on_socket, &offered), accept) else {
            return Err(
                refused(StatusCode::FORBIDDEN, "no protocol that both sides speak\n").into()
            );
        };
        to.insert(UPGRADE, HeaderValue::from_static("websocket"));
        to.insert(SOCKET_PROTOCOL, HeaderValue::from_static(chosen));
        if let Ok(accept) = HeaderValue::try_from(accept) {
            to.insert(SOCKET_ACCEPT, accept);
        }
        return Ok((response, Protocol::WebSocket(chosen)));
    }
    let text = "Upgrade request required\n";
    Err(refused(StatusCode::BAD_REQUEST, text).into())
}

/// The values of a header, which may stand in one line or in several.
fn offers(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|offer| offer.trim().to_owned()).collect()
}

/// The first that the client wants and the server speaks; a client that wants nothing in
/// particular speaks the oldest.
fn choose(spoken: &[&'static str], offered: &[String]) -> Option<&'static str> {
    if offered.is_empty() {
        return spoken.last().copied();
    }
    offered.iter().find_map(|offer| spoken.iter().find(|own| *own == offer).copied())
}

async fn stream(
    machine: Rc<Machine>,
    upgraded: Upgraded,
    protocol: Protocol,
    runtime: Rc<dyn StreamRuntime>,
    asked: StreamRequest,
) {
    let io = TokioIo::new(upgraded);
    let name = match protocol {
        Protocol::Spdy(name) | Protocol::WebSocket(name) => name,
    };
    let version = match name {
        "v4.channel.k8s.io" | "v5.channel.k8s.io" => Version::Status,
        _ => Version::Text,
    };
    match asked {
        StreamRequest::Exec { container, argv, wanted } => {
            let connection = command_streams(io, &protocol).await;
            let start = |ctx, stdio| runtime.exec(ctx, container, argv, stdio);
            remote_command::serve(&machine, connection, wanted, version, start).await;
        }
        StreamRequest::Attach { container, wanted } => {
            let connection = command_streams(io, &protocol).await;
            let start = |ctx, stdio| runtime.attach(ctx, container, stdio);
            remote_command::serve(&machine, connection, wanted, version, start).await;
        }
        StreamRequest::PortForward { sandbox } => {
            let connection = match protocol {
                Protocol::Spdy(_) => spdy::accept(io),
                Protocol::WebSocket(_) => spdy::accept(websocket::tunnel(io).await),
            };
            port_forward::serve(machine, connection, runtime, sandbox).await;
        }
    }
}

async fn command_streams(io: TokioIo<Upgraded>, protocol: &Protocol) -> Connection {
    match protocol {
        Protocol::Spdy(_) => spdy::accept(io),
        Protocol::WebSocket(_) => websocket::accept(io, &SOCKET_STREAMS).await,
    }
}
