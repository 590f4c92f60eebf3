//! Calling a runtime over the Container Runtime Interface.

use crate::{Changes, Ctx, Hop};
use cri::{Cri, Named, Request, Rpc, Status, StreamRpc};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Payload, Protocol};

/// A runtime that can be dialled.
#[derive(Clone)]
pub struct Endpoint {
    /// Which component answers.
    pub component: Component,
    /// The socket: `unix:///run/containerd/containerd.sock`.
    pub address: Rc<str>,
    /// The runtime itself.
    pub service: Rc<dyn Cri<Ctx>>,
    /// Counts whatever changes what the runtime would answer to a list, status or image call. A
    /// poller that has seen the count need not ask again: the answer would be the same.
    pub changes: Changes,
    /// What the way there and back takes, besides the runtime's own work.
    pub latency: Duration,
}

/// A client of the Container Runtime Interface: its component, and the runtime that it dials.
#[derive(Clone)]
pub struct CriClient {
    caller: Component,
    endpoint: Endpoint,
    sources: Option<[&'static str; 2]>,
}

impl CriClient {
    /// A client that belongs to a component.
    #[must_use]
    pub const fn new(caller: Component, endpoint: Endpoint) -> Self {
        Self { caller, endpoint, sources: None }
    }

    /// The upstream files of the client, as `project@version path`: that of the runtime service
    /// and that of the image service. Their functions are called as the methods are.
    #[must_use]
    pub fn with_sources(self, runtime: &'static str, image: &'static str) -> Self {
        Self { sources: Some([runtime, image]), ..self }
    }

    /// Where it dials.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Makes a call. The trace gets request and response as they would stand on the wire.
    ///
    /// # Errors
    /// The runtime's, and injected ones.
    pub async fn call<R: Rpc>(&self, ctx: &Ctx, request: R) -> Result<R::Response, Status> {
        ctx.call_answering(self.hop(ctx, &request), encode, async |ctx| {
            request.dispatch(&*self.endpoint.service, &ctx).await
        })
        .await
    }

    /// Opens a stream. What comes through it is recorded by [`CriClient::receive`].
    ///
    /// # Errors
    /// The runtime's, and injected ones.
    pub async fn stream<R: StreamRpc>(&self, ctx: &Ctx, request: R) -> Result<R::Stream, Status> {
        let nothing = |_: &R::Stream| Payload::None;
        ctx.call_answering(self.hop(ctx, &request), nothing, async |ctx| {
            request.dispatch(&*self.endpoint.service, &ctx).await
        })
        .await
    }

    /// Takes a message from a stream: the runtime speaks, and the client acts on it.
    pub async fn receive<M: Named>(&self, ctx: &Ctx, message: &M, act: impl AsyncFnOnce(Ctx)) {
        let name = M::FULL_NAME.rsplit('.').next().unwrap_or(M::FULL_NAME);
        let sent = if ctx.sim().is_recording() { encode(message) } else { Payload::None };
        let hop = Hop::new(self.endpoint.component, self.caller, Protocol::Cri, name)
            .request(move || sent)
            .takes(self.endpoint.latency);
        // A message that a fault takes away never comes.
        let _: Result<(), Status> = ctx
            .call_answering(
                hop,
                |()| Payload::None,
                async |ctx| {
                    act(ctx).await;
                    Ok(())
                },
            )
            .await;
    }

    fn hop<R: Request>(&self, ctx: &Ctx, request: &R) -> Hop {
        let sent = if ctx.sim().is_recording() { encode(request) } else { Payload::None };
        let hop = Hop::new(self.caller, self.endpoint.component, Protocol::Cri, R::METHOD)
            .request(move || sent)
            .takes(self.endpoint.latency);
        match self.sources {
            Some([runtime, image]) => {
                let file = if R::SERVICE.ends_with("ImageService") { image } else { runtime };
                hop.source(format!("{file} {}", R::METHOD))
            }
            None => hop,
        }
    }
}

/// A message as a payload.
fn encode<M: Named>(message: &M) -> Payload {
    Payload::Proto { message: M::FULL_NAME.into(), bytes: message.encode_to_vec().into() }
}
