//! Calling a runtime over the Container Runtime Interface.

use crate::{Changes, Ctx, Hop};
use cri::{Cri, Named, Rpc, Status};
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
        let sent = if ctx.sim().is_recording() { encode(&request) } else { Payload::None };
        let mut hop = Hop::new(self.caller, self.endpoint.component, Protocol::Cri, R::METHOD)
            .request(move || sent)
            .takes(self.endpoint.latency);
        if let Some([runtime, image]) = self.sources {
            let file = if R::SERVICE.ends_with("ImageService") { image } else { runtime };
            hop = hop.source(format!("{file} {}", R::METHOD));
        }
        ctx.call_answering(hop, encode, async |ctx| {
            request.dispatch(&*self.endpoint.service, &ctx).await
        })
        .await
    }
}

/// A message as a payload.
fn encode<M: Named>(message: &M) -> Payload {
    Payload::Proto { message: M::FULL_NAME.into(), bytes: message.encode_to_vec().into() }
}
