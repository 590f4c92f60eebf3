//! Programs that serve: web servers, Redis, agnhost, and those that are not modelled.

mod agnhost;
pub(crate) mod http;
mod redis;
mod web;

pub(crate) use redis::answer as redis_answer;

use crate::process::{Process, Running};
use http::Response;
use node::{Connection, Service, Signals};
use sim::{Ctx, Signal};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// How long a server takes to end once it is asked to.
const SHUTDOWN: Duration = Duration::from_millis(20);

/// The signals by which servers are asked to end: `SIGINT`, `SIGQUIT`, `SIGTERM`.
const ASKING: [i32; 3] = [2, 3, 15];

/// The server of a process, if it is one.
pub(crate) fn find(process: &Process) -> Option<Running> {
    match process.name() {
        "nginx" => Some(Box::pin(web::nginx(process.clone()))),
        "httpd" | "httpd-foreground" | "apache2" => Some(Box::pin(web::httpd(process.clone()))),
        "redis-server" => Some(Box::pin(redis::server(process.clone()))),
        "agnhost" => Some(Box::pin(agnhost::run(process.clone()))),
        "etcd" => Some(Box::pin(web::etcd(process.clone()))),
        "nnp" => Some(Box::pin(no_new_privs(process.clone()))),
        "pause" if !process.is_first => Some(Box::pin(serve(process.clone()))),
        _ => None,
    }
}

/// The program of Kubernetes' own tests that belongs to root and has the set-user-ID bit, which
/// `no_new_privs` takes from it.
///
/// Models: kubernetes `test/images/nonewprivs`.
async fn no_new_privs(process: Process) -> i32 {
    process.step().await;
    let credentials = &process.credentials;
    let effective = if credentials.no_new_privs { credentials.uid } else { 0 };
    process.say(&format!("Effective uid: {effective}"));
    0
}

/// Waits until it is asked to end, and ends well.
pub(crate) async fn serve(process: Process) -> i32 {
    wait_to_be_asked(&process.signals).await;
    process.ctx.sleep(SHUTDOWN).await;
    0
}

async fn wait_to_be_asked(signals: &Signals) {
    ASKING.iter().for_each(|&signal| signals.handle(signal));
    signals.next().await;
}

/// A program that is not modelled: it accepts whoever comes, at any port.
pub(crate) struct Anything;

impl Service for Anything {
    fn connected(&self, ctx: &Ctx, connection: Connection) {
        http::answer(ctx, connection, |_| Response::text(200, "ok\n"));
    }
}

/// The world outside the cluster: every host answers with a page that says its name.
pub(crate) struct Outside;

impl Service for Outside {
    fn connected(&self, ctx: &Ctx, connection: Connection) {
        http::answer(ctx, connection, |request| {
            let host = request.header("host").unwrap_or("somewhere").to_owned();
            Response::html(200, crate::image::page(&host, &format!("This is {host}.")))
        });
    }
}

/// Connections that wait to be accepted.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: RefCell<VecDeque<Connection>>,
    arrived: Signal,
}

impl Queue {
    /// Listens at a port; none if it is taken.
    pub(crate) fn listen(process: &Process, port: u16) -> Option<Rc<Self>> {
        let queue = Rc::new(Self::default());
        let service = Rc::new(Waiting(queue.clone()));
        process.node.listen(process.pid, port, false, service).then_some(queue)
    }

    pub(crate) async fn accept(&self) -> Connection {
        loop {
            if let Some(connection) = self.waiting.borrow_mut().pop_front() {
                return connection;
            }
            self.arrived.wait().await;
        }
    }
}

struct Waiting(Rc<Queue>);

impl Service for Waiting {
    fn connected(&self, _: &Ctx, connection: Connection) {
        self.0.waiting.borrow_mut().push_back(connection);
        self.0.arrived.notify();
    }
}

/// The address of a host: given as such, in the hosts file, of the cluster, or of the world.
///
/// The cluster's DNS knows its own two Services; every host of the world has an address that
/// follows from its name.
pub(crate) fn resolve(process: &Process, host: &str) -> Option<String> {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Some(host.to_owned());
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let hosts = process.read_file("/etc/hosts").unwrap_or_default();
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(address) = words.next().filter(|address| !address.contains(':')) else { continue };
        if words.any(|name| name.eq_ignore_ascii_case(&host)) {
            return Some(address.to_owned());
        }
    }
    match host.as_str() {
        "localhost" => return Some("127.0.0.1".to_owned()),
        "kubernetes"
        | "kubernetes.default"
        | "kubernetes.default.svc"
        | "kubernetes.default.svc.cluster.local" => return Some("10.96.0.1".to_owned()),
        "kube-dns.kube-system.svc.cluster.local" | "kube-dns.kube-system" => {
            return Some("10.96.0.10".to_owned());
        }
        _ => {}
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let private = ["local", "internal", "invalid", "test", "localhost", "svc"];
    if !host.contains('.') || private.contains(&last) || host.contains(".svc.") {
        return None;
    }
    // A name of two labels may be SERVICE.NAMESPACE: the world's end in a domain of letters.
    if last.len() < 2 || last == "default" || last.starts_with("kube-") {
        return None;
    }
    let sum = host.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    Some(format!("{}.{}.{}.{}", 93, sum >> 16 & 255, sum >> 8 & 255, sum & 127 | 1))
}
