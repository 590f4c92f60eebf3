//! HTTP/1.1, one request for a connection.
//!
//! # What we simplify
//! Every answer closes its connection. A line that begins with `grpc` stands for a call of gRPC's
//! health service, which has no bytes of its own here.

use node::Connection;
use sim::Ctx;
use std::time::Duration;

/// What a server takes to answer.
const ANSWER: Duration = Duration::from_millis(1);
/// How long the head of a request may be, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) peer: String,
}

impl Request {
    /// The value of a header; the name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The value of a parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(own, _)| *own == name).map(|(_, value)| decode(value))
    }
}

/// Text of a URL with `+` and `%XX` replaced.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let hex = String::from_utf8_lossy(&hex).into_owned();
                bytes.extend(u8::from_str_radix(&hex, 16));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    kind: &'static str,
    pub(crate) body: String,
    pub(crate) server: &'static str,
}

impl Response {
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: body.into(), server: "" }
    }

    pub(crate) fn html(status: u16, body: impl Into<String>) -> Self {
        Self { status, kind: "text/html", body: body.into(), server: "" }
    }
}

/// The words of a status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}

/// Reads a request and answers it.
pub(crate) fn answer(
    ctx: &Ctx,
    connection: Connection,
    handle: impl FnOnce(&Request) -> Response + 'static,
) {
    answer_boxed(ctx, connection, Box::new(handle));
}

fn answer_boxed(ctx: &Ctx, connection: Connection, handle: Box<dyn FnOnce(&Request) -> Response>) {
    let ctx = ctx.detached();
    ctx.clone().spawn(async move {
        let Connection { input, output, peer } = connection;
        let mut head = Vec::new();
        while let Some(bytes) = input.read().await {
            head.extend(bytes);
            if head.windows(4).any(|end| end == b"\r\n\r\n")
                || head.starts_with(b"grpc") && head.ends_with(b"\n")
                || head.len() > HEAD_MAX
            {
                break;
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        ctx.sleep(ANSWER).await;
        if let Some(service) = text.strip_prefix("grpc ") {
            let request = Request {
                method: "GRPC".to_owned(),
                target: service.trim().to_owned(),
                headers: Vec::new(),
                peer: peer.to_string(),
            };
            output.push(format!("{}\n", handle(&request).body.trim()).as_bytes());
            return;
        }
        let Some(request) = parse(&text, &peer) else {
            if !text.is_empty() {
                output.push(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
            }
            return;
        };
        let is_head = request.method == "HEAD";
        let response = handle(&request);
        let server = if response.server.is_empty() {
            String::new()
        } else {
            format!("Server: {}\r\n", response.server)
        };
        let head = format!(
            "HTTP/1.1 {} {}\r\n{server}Content-Type: {}\r\nContent-Length: {}\r\nConnection: \
             close\r\n\r\n",
            response.status,
            reason(response.status),
            response.kind,
            response.body.len()
        );
        output.push(head.as_bytes());
        if !is_head {
            output.push(response.body.as_bytes());
        }
    });
}

fn parse(text: &str, peer: &str) -> Option<Request> {
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        peer: peer.to_owned(),
    })
}

/// The answer to a request as a client gets it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends a `GET` and reads the answer; none if there is no good one.
pub(crate) async fn get(connection: &Connection, host: &str, path: &str) -> Option<Answer> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Wget\r\nConnection: close\r\n\r\n"
    );
    connection.output.push(request.as_bytes());
    let mut all = Vec::new();
    while let Some(bytes) = connection.input.read().await {
        all.extend(bytes);
    }
    let text = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
