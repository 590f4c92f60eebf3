//! What the kubelet does on its own machine besides talking to the runtime.

use sim::Ctx;
use std::pin::Pin;
use std::rc::Rc;

/// The machine's files, and the way from it to a pod's ports. Every method has a body that stands
/// for an empty machine whose pods answer everything.
pub trait Host {
    /// The text of a file.
    fn read(&self, _path: &str) -> Option<Rc<str>> {
        None
    }

    /// The names in a directory.
    fn list(&self, _directory: &str) -> Vec<String> {
        Vec::new()
    }

    /// Writes a file.
    fn write(&self, _path: &str, _text: &str) {}

    /// Makes a directory.
    fn create_directory(&self, _path: &str) {}

    /// Makes a symbolic link.
    fn symlink(&self, _target: &str, _link: &str) {}

    /// Removes a file, or a directory with everything in it.
    fn remove(&self, _path: &str) {}

    /// The data of a ConfigMap of a namespace; none if there is no such ConfigMap.
    fn config_map(&self, _namespace: &str, _name: &str) -> Option<Data> {
        None
    }

    /// The data of a Secret of a namespace; none if there is no such Secret.
    fn secret(&self, _namespace: &str, _name: &str) -> Option<Data> {
        None
    }

    /// The variables that say where the Services of the namespace are; none where there are none.
    ///
    /// Upstream: `pkg/kubelet/envvars/envvars.go` `FromServices`.
    fn service_environment(&self, _namespace: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Connects from the node and asks: what the other side says, or why it could not be asked or
    /// is not well. Whoever calls limits the time.
    fn connect<'a>(&'a self, _ctx: &'a Ctx, _connection: &'a Connection<'a>) -> Answer<'a> {
        Box::pin(std::future::ready(Ok(String::new())))
    }
}

/// What a connection will find.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + 'a>>;

/// The keys and values of a ConfigMap or Secret.
pub type Data = std::collections::BTreeMap<String, String>;

/// A connection that a probe or hook makes.
#[derive(Clone, Debug)]
pub struct Connection<'a> {
    /// The address: the pod's, unless the probe names another.
    pub address: &'a str,
    /// The port.
    pub port: u16,
    /// What is asked once connected.
    pub kind: ConnectionKind<'a>,
    /// The pod's UID.
    pub pod_uid: &'a str,
    /// The container that asks for the probe.
    pub container: &'a str,
}

/// What is asked over a connection.
#[derive(Clone, Debug)]
pub enum ConnectionKind<'a> {
    /// `GET` of a path.
    Http {
        /// `HTTP` or `HTTPS`.
        scheme: &'a str,
        /// The path.
        path: &'a str,
    },
    /// Nothing: that it can be made is enough.
    Tcp,
    /// The health of a gRPC service.
    Grpc {
        /// The service's name; empty for the server as a whole.
        service: &'a str,
    },
}

/// A machine without files, whose pods answer everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {}
