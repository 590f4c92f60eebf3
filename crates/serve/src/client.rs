//! A client of the CRI on a socket.

use crate::grpc::Bytewise;
use crate::socket::path_of;
use anyhow::{Context, Result};
use bytes::Bytes;
use cri::{Code, Message, Rpc, Status, StreamRpc};
use futures_util::{Stream, StreamExt};
use hyper::http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Streaming};

/// A connection. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Client(Grpc<Channel>);

impl Client {
    /// Connects to a socket, given as the address `unix:///run/x.sock` or as a path.
    ///
    /// # Errors
    /// Nobody who listens there.
    pub async fn connect(address: &str) -> Result<Self> {
        let path = path_of(address)?;
        let endpoint = Endpoint::from_shared(format!("unix://{}", path.display()))?;
        let channel = endpoint.connect().await;
        Ok(Self(Grpc::new(channel.with_context(|| format!("connecting to {}", path.display()))?)))
    }

    /// Makes a call and waits for its response.
    ///
    /// # Errors
    /// The server's, and those of the connection as gRPC reports them.
    pub async fn call<R: Rpc>(&mut self, request: R) -> Result<R::Response, Status> {
        let bytes = request.encode_to_vec().into();
        let mut responses =
            self.send(R::PATH, Request::new(bytes)).await.map_err(received)?.into_inner();
        let response = responses
            .next()
            .await
            .unwrap_or_else(|| Err(tonic::Status::internal("the server has sent no response")));
        let response = decoded(&response.map_err(received)?)?;
        // The status comes behind the response.
        match responses.next().await {
            Some(Err(error)) => Err(received(error)),
            _ => Ok(response),
        }
    }

    /// Makes a call that is answered by a stream of responses.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn stream<R: StreamRpc>(
        &mut self,
        request: R,
    ) -> Result<impl Stream<Item = Result<R::Response, Status>> + use<R>, Status> {
        let bytes = request.encode_to_vec().into();
        let responses = self.send(R::PATH, Request::new(bytes)).await.map_err(received)?;
        Ok(responses
            .into_inner()
            .map(|response| response.map_err(received).and_then(|bytes| decoded(&bytes))))
    }

    /// Makes a call by its path, with an encoded request, and gives all encoded responses.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_bytes(&mut self, path: &str, request: Bytes) -> Result<Vec<Bytes>, Status> {
        let responses = self.send(path, Request::new(request)).await.map_err(received)?;
        let responses: Vec<_> = responses.into_inner().collect().await;
        responses.into_iter().map(|response| response.map_err(received)).collect()
    }

    /// Sends bytes to a path, and gives bytes back. On the wire a single response looks like a
    /// stream of one.
    pub(crate) async fn send(
        &mut self,
        path: &str,
        request: Request<Bytes>,
    ) -> Result<Response<Streaming<Bytes>>, tonic::Status> {
        let path = PathAndQuery::try_from(path)
            .map_err(|error| tonic::Status::internal(error.to_string()))?;
        self.0
            .ready()
            .await
            .map_err(|error| tonic::Status::unavailable(format!("the server is gone: {error}")))?;
        self.0.server_streaming(request, path, Bytewise).await
    }
}

fn decoded<M: Message + Default>(bytes: &[u8]) -> Result<M, Status> {
    M::decode(bytes).map_err(|error| {
        Status::internal(format!("grpc: failed to unmarshal the received message: {error}"))
    })
}

/// A status of tonic's as one of ours.
pub(crate) fn received(status: tonic::Status) -> Status {
    let number = u8::try_from(i32::from(status.code())).unwrap_or_default();
    Status::new(Code::from_number(number).unwrap_or(Code::Unknown), status.message())
}
