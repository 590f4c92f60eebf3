//! The modelled network's ports on the real one: whoever connects to a pod's address, or to a port
//! of the machine, talks to the program in the simulation.

use crate::machine::Machine;
use bytes::BytesMut;
use node::OpenPort;
use sim::SimError;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Keeps real listeners for the ports that are open in the simulation. Ports that cannot be had are
/// named on standard error.
pub(crate) async fn follow(machine: Rc<Machine>) {
    let mut listeners: BTreeMap<OpenPort, Option<JoinHandle<()>>> = BTreeMap::new();
    let mut seen = None;
    loop {
        let open = machine.ports_after(seen).await;
        seen = Some(open.count);
        listeners.retain(|port, listener| {
            let stays = open.ports.contains(port);
            if let Some(listener) = listener.as_ref().filter(|_| !stays) {
                listener.abort();
            }
            stays
        });
        for port in open.ports {
            if listeners.contains_key(&port) {
                continue;
            }
            let listener = match listen(&port).await {
                Ok(listener) => {
                    Some(tokio::task::spawn_local(accept(machine.clone(), port.clone(), listener)))
                }
                Err(error) => {
                    eprintln!("port {} of {}: {error}", port.port, shown(&port));
                    None
                }
            };
            listeners.insert(port, listener);
        }
    }
}

const fn shown(port: &OpenPort) -> &str {
    if port.host { "the node" } else { "a pod" }
}

/// What belongs to the node is open on this machine alone.
fn address(port: &OpenPort) -> Option<IpAddr> {
    let given: Option<IpAddr> = port.address.parse().ok();
    match given {
        Some(address) if !address.is_unspecified() => Some(address),
        _ if port.host => Some(Ipv4Addr::LOCALHOST.into()),
        _ => None,
    }
}

async fn listen(port: &OpenPort) -> std::io::Result<TcpListener> {
    let Some(address) = address(port) else {
        return Err(std::io::Error::other("it has no address"));
    };
    if !address.is_loopback() {
        return Err(std::io::Error::other(format!("{address} is not an address of this machine")));
    }
    TcpListener::bind(SocketAddr::new(address, port.port)).await
}

async fn accept(machine: Rc<Machine>, port: OpenPort, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let (machine, port) = (machine.clone(), port.clone());
        tokio::task::spawn_local(async move {
            // However the connection ends, both sides know it better.
            let _ = carry(&machine, &port, stream).await;
        });
    }
}

/// Carries bytes between a client and a program until both have said all.
async fn carry(machine: &Rc<Machine>, port: &OpenPort, stream: TcpStream) -> Result<(), SimError> {
    let address = if port.host { node::NODE_ADDRESS.into() } else { port.address.clone() };
    let (node, number) = (machine.node().clone(), port.port);
    let connected = machine.run(async move |ctx| {
        node.connect(&ctx, node::HOST_NETWORK, &address, number)
            .map_err(|_| SimError::new("Unavailable", "connection refused"))
    });
    let node::Connection { input, output, .. } = connected.await?;
    let (mut from, mut to) = stream.into_split();
    let (sender, mut bytes) = mpsc::unbounded_channel::<Vec<u8>>();
    // Reading happens inside the simulation, writing outside.
    drop(machine.run(async move |_| {
        while let Some(bytes) = input.read().await {
            if sender.send(bytes).is_err() {
                break;
            }
        }
        Ok::<_, SimError>(())
    }));
    let back = async {
        while let Some(bytes) = bytes.recv().await {
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    let there = async {
        let mut buffer = BytesMut::with_capacity(16 << 10);
        while let Ok(1..) = from.read_buf(&mut buffer).await {
            if !output.push(&buffer.split()) {
                break;
            }
            machine.catch_up();
        }
        output.close();
        machine.catch_up();
    };
    tokio::join!(back, there);
    Ok(())
}
