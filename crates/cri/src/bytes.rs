//! Calls by path and bytes, as they come from a socket.

use std::future::ready;

use crate::{ContainerEventResponse, Cri, EventStream, Message, Reply, Rpc, Status, StreamRpc, v1};

/// What a method answers with, encoded.
pub enum Answer {
    /// One response.
    One(Vec<u8>),
    /// A stream of responses that are all there.
    Many(Vec<Vec<u8>>),
    /// A stream of responses that will come; not encoded yet.
    Events(EventStream<ContainerEventResponse>),
}

impl<T: Message> From<Vec<T>> for Answer {
    fn from(responses: Vec<T>) -> Answer {
        Answer::Many(responses.iter().map(Message::encode_to_vec).collect())
    }
}

impl From<EventStream<ContainerEventResponse>> for Answer {
    fn from(events: EventStream<ContainerEventResponse>) -> Answer {
        Answer::Events(events)
    }
}

/// Decodes a request, calls the method of that path and encodes what it answers with.
///
/// This is all that a server needs to know of CRI: the path is that of gRPC's HTTP/2 request,
/// `/runtime.v1.RuntimeService/RunPodSandbox`, the body the message without gRPC's five bytes of
/// framing.
///
/// # Errors
/// What the method answers with; for a path that is unknown and for a body that is no such message,
/// what a gRPC server in Go answers with.
///
/// Upstream: `handleStream` and `processUnaryRPC` in grpc-go's `server.go`.
pub fn dispatch_bytes<'a, C>(
    cri: &'a dyn Cri<C>,
    ctx: &'a C,
    path: &str,
    body: &[u8],
) -> Reply<'a, Answer> {
    let (service, method) = path.trim_start_matches('/').rsplit_once('/').unwrap_or_default();
    let reply = match service {
        "runtime.v1.RuntimeService" => v1::runtime_service(method, body, cri, ctx),
        "runtime.v1.ImageService" => v1::image_service(method, body, cri, ctx),
        _ => return Box::pin(ready(Err(Status::unknown_service(service)))),
    };
    reply.unwrap_or_else(|| Box::pin(ready(Err(Status::unknown_method(method, service)))))
}

pub(crate) fn unary<'a, C, R: Rpc>(
    body: &[u8],
    cri: &'a dyn Cri<C>,
    ctx: &'a C,
) -> Reply<'a, Answer> {
    match decode::<R>(body) {
        Ok(request) => {
            let reply = request.dispatch(cri, ctx);
            Box::pin(async move { Ok(Answer::One(reply.await?.encode_to_vec())) })
        }
        Err(status) => Box::pin(ready(Err(status))),
    }
}

pub(crate) fn stream<'a, C, R: StreamRpc>(
    body: &[u8],
    cri: &'a dyn Cri<C>,
    ctx: &'a C,
) -> Reply<'a, Answer>
where
    Answer: From<R::Stream>,
{
    match decode::<R>(body) {
        Ok(request) => {
            let reply = request.dispatch(cri, ctx);
            Box::pin(async move { Ok(Answer::from(reply.await?)) })
        }
        Err(status) => Box::pin(ready(Err(status))),
    }
}

fn decode<R: Message + Default>(body: &[u8]) -> Result<R, Status> {
    R::decode(body)
        .map_err(|error| Status::internal(format!("grpc: error unmarshalling request: {error}")))
}
