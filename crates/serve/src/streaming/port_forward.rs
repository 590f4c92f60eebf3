//! PortForward: pairs of streams, each pair a connection to a port.
//!
//! Upstream: `k8s.io/cri-streaming` `pkg/streaming/portforward/httpstream.go`.

use super::channel::{Channel, Connection};
use crate::machine::Machine;
use node::{StreamReply, StreamRuntime};
use sim::SimError;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Connects a client with ports of a sandbox until the client goes away.
pub(super) async fn serve(
    machine: Rc<Machine>,
    mut connection: Connection,
    runtime: Rc<dyn StreamRuntime>,
    sandbox: Rc<str>,
) {
    let mut half: BTreeMap<String, Channel> = BTreeMap::new();
    while let Some(channel) = connection.next().await {
        // Both streams of a connection have its number; old clients have one connection for each
        // port.
        let id = match channel.header("requestid") {
            "" => channel.header("port"),
            id => id,
        };
        let id = id.to_owned();
        let Some(other) = half.remove(&id) else {
            half.insert(id, channel);
            continue;
        };
        let (data, error) = match channel.header("streamtype") {
            "data" => (channel, other),
            _ => (other, channel),
        };
        let (machine, runtime, sandbox) = (machine.clone(), runtime.clone(), sandbox.clone());
        tokio::task::spawn_local(async move {
            let port = data.header("port").parse().unwrap_or_default();
            let connect = |ctx| runtime.port_forward(ctx, sandbox.clone(), port);
            if let Err(problem) = forward(&machine, data, connect).await {
                let message =
                    format!("an error occurred forwarding {port} -> {port}: {}", problem.message);
                error.writer().send(message.into());
            }
            error.writer().close();
        });
    }
}

async fn forward(
    machine: &Rc<Machine>,
    mut data: Channel,
    connect: impl FnOnce(sim::Ctx) -> StreamReply<node::Connection>,
) -> Result<(), SimError> {
    let node::Connection { input, output, .. } = machine.run(connect).await?;
    let writer = data.writer().clone();
    let back = machine.run(async move |_| {
        while let Some(bytes) = input.read().await {
            if !writer.send(bytes.into()) {
                break;
            }
        }
        writer.close();
        Ok::<_, SimError>(())
    });
    let there = async {
        while let Some(bytes) = data.read().await {
            output.push(&bytes);
            machine.catch_up();
        }
        drop(output);
        machine.catch_up();
    };
    let (back, ()) = tokio::join!(back, there);
    back
}
