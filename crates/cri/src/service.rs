//! What ties a request message to its method, and both services to one object.

use std::future::{Future, ready};
use std::pin::Pin;

use futures_channel::mpsc::UnboundedReceiver;

use crate::{ImageService, RuntimeService, Status};

/// The future of a call: one thread, one answer.
///
/// `#[async_trait(?Send)]` on an implementation of [`RuntimeService`] or [`ImageService`] makes
/// these out of `async fn`s.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, Status>> + 'a>>;

/// A server stream without an end, such as that of `GetContainerEvents`.
///
/// The runtime keeps the sending half. A server moves from it to the wire; a client in the same
/// process reads it with `futures_util::StreamExt::next`. It ends when the sender is dropped, and
/// should end after the first error.
pub type EventStream<T> = UnboundedReceiver<Result<T, Status>>;

/// A message that knows its name on the wire, by which the descriptors find it.
pub trait Named: prost::Message + Default + Clone + 'static {
    /// With its package: `runtime.v1.RunPodSandboxRequest`.
    const FULL_NAME: &'static str;
}

/// A message that starts a call. CRI has one request message for each method, so the type alone
/// says which method is called.
pub trait Request: Named {
    /// What the method answers with; for a server stream, one message of it.
    type Response: Named;
    /// `runtime.v1.RuntimeService` or `runtime.v1.ImageService`.
    const SERVICE: &'static str;
    /// `RunPodSandbox`.
    const METHOD: &'static str;
    /// As in an HTTP/2 request of gRPC: `/runtime.v1.RuntimeService/RunPodSandbox`.
    const PATH: &'static str;
}

/// A request that gets one response.
///
/// ```
/// use cri::{Cri, Rpc, Status, VersionRequest};
///
/// async fn call<C, R: Rpc>(cri: &dyn Cri<C>, ctx: &C, request: R) -> Result<R::Response, Status> {
///     println!("{}", R::METHOD);
///     request.dispatch(cri, ctx).await
/// }
///
/// # struct Nothing;
/// # impl cri::RuntimeService<()> for Nothing {}
/// # impl cri::ImageService<()> for Nothing {}
/// # use futures_util::FutureExt;
/// let answer = call(&Nothing, &(), VersionRequest::default()).now_or_never();
/// # assert_eq!(answer.unwrap().unwrap_err().code, cri::Code::Unimplemented);
/// ```
pub trait Rpc: Request {
    /// Calls the method of the service to which this request belongs.
    fn dispatch<'a, C>(self, cri: &'a dyn Cri<C>, ctx: &'a C) -> Reply<'a, Self::Response>;
}

/// A request that gets a stream of responses.
pub trait StreamRpc: Request {
    /// A `Vec` of responses for a list that comes in pieces, an [`EventStream`] for events.
    type Stream;

    /// Calls the method of the service to which this request belongs.
    fn dispatch<'a, C>(self, cri: &'a dyn Cri<C>, ctx: &'a C) -> Reply<'a, Self::Stream>;
}

/// A runtime as the kubelet sees it: both services behind one endpoint.
///
/// Nobody implements this; whoever implements both services has it.
pub trait Cri<C>: RuntimeService<C> + ImageService<C> {}

impl<C, T: RuntimeService<C> + ImageService<C> + ?Sized> Cri<C> for T {}

/// The answer of a method that nobody wrote.
pub(crate) fn unknown_method<'a, T: 'a>(method: &str, service: &str) -> Reply<'a, T> {
    Box::pin(ready(Err(Status::unknown_method(method, service))))
}
