//! GetContainerEvents: who is told what happens to sandboxes and containers.

use cri::{ContainerEventResponse, EventStream};
use futures_channel::mpsc::{self, UnboundedSender};
use std::cell::RefCell;

/// The clients that listen.
///
/// # What we simplify
/// Upstream keeps events for some minutes for a client that comes later; here it gets what happens
/// from then on.
#[derive(Default)]
pub(crate) struct Events(
    RefCell<Vec<UnboundedSender<Result<ContainerEventResponse, cri::Status>>>>,
);

impl Events {
    /// Everything that happens from now on.
    pub(crate) fn subscribe(&self) -> EventStream<ContainerEventResponse> {
        let (sender, events) = mpsc::unbounded();
        self.0.borrow_mut().push(sender);
        events
    }

    /// Tells everybody; the event is made only where somebody listens.
    pub(crate) fn publish(&self, event: impl FnOnce() -> ContainerEventResponse) {
        let mut clients = self.0.borrow_mut();
        clients.retain(|client| !client.is_closed());
        if clients.is_empty() {
            return;
        }
        let event = event();
        for client in clients.iter() {
            // One that has hung up just now is forgotten with the next event.
            let _ = client.unbounded_send(Ok(event.clone()));
        }
    }
}
