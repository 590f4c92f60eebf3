//! Programs that use the network.

use super::Arguments;
use crate::process::{Fd, Process};
use crate::servers::{self, http};
use futures_util::future::{Either, select};
use node::{ConnectError, Connection};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// A connection and its first answer on a local network.
const ROUND_TRIP: Duration = Duration::from_millis(1);
/// How long a connection to nowhere takes to fail.
const GIVE_UP: Duration = Duration::from_secs(130);

/// Why a host could not be reached.
pub(crate) enum Unreached {
    /// Its name is not known.
    BadAddress,
    Refused,
    TimedOut,
}

/// Connects to a host by name or address.
pub(crate) async fn connect(
    p: &Process,
    host: &str,
    port: u16,
    limit: Option<Duration>,
) -> Result<Connection, Unreached> {
    let Some(address) = servers::resolve(p, host) else {
        p.sleep(ROUND_TRIP * 5).await;
        return Err(Unreached::BadAddress);
    };
    p.sleep(ROUND_TRIP).await;
    let network = p.node.network_of(p.pid);
    match p.node.connect(&p.ctx, network, &address, port) {
        Ok(connection) => Ok(connection),
        Err(ConnectError::Refused) => Err(Unreached::Refused),
        Err(ConnectError::Unreachable) => {
            p.sleep(limit.unwrap_or(GIVE_UP)).await;
            Err(Unreached::TimedOut)
        }
    }
}

/// The parts of an address such as `http://host:80/path`.
fn url(text: &str) -> (bool, String, u16, String) {
    let (secure, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme == "https", rest),
        None => (false, text),
    };
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => (&rest[..at], rest[at..].to_owned()),
        Some(at) => (&rest[..at], format!("/{}", &rest[at..])),
        None => (rest, "/".to_owned()),
    };
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    let default = if secure { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') => (host, port.parse().unwrap_or(default)),
        _ => (authority, default),
    };
    (secure, host.trim_matches(['[', ']']).to_owned(), port, path)
}

/// `wget`, `curl`.
pub(super) async fn wget(p: &Process) -> i32 {
    let is_curl = p.name() == "curl";
    let valued = if is_curl { "oHXdmwuAeb" } else { "OTtPUY" };
    let args = Arguments::of(p, valued);
    let Some(target) = args.rest.first() else {
        return p.fail(if is_curl {
            "try 'curl --help' for more information"
        } else {
            "missing URL"
        });
    };
    let (_, host, port, path) = url(target);
    let limit = args.value(if is_curl { 'm' } else { 'T' });
    let limit = limit.and_then(|text| text.parse::<f64>().ok());
    let limit = limit.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let quiet = args.has('q') || args.has('s');
    let limited = async {
        let connection = connect(p, &host, port, limit).await?;
        if !quiet && !is_curl {
            p.write(2, &format!("Connecting to {host} ({})\n", connection.peer));
        }
        Ok(http::get(&connection, &host, &path).await)
    };
    let answer = {
        let limited = pin!(limited);
        match limit {
            None => limited.await,
            Some(limit) => match select(limited, p.ctx.sleep(limit)).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => Err(Unreached::TimedOut),
            },
        }
    };
    let answer = match answer {
        Ok(Some(answer)) => answer,
        Ok(None) => {
            let text =
                if is_curl { "(52) Empty reply from server" } else { "error getting response" };
            p.fail(text);
            return if is_curl { 52 } else { 1 };
        }
        Err(reason) => return unreached(p, is_curl, &host, port, &reason),
    };
    if is_curl {
        let fails = args.has('f') && answer.status >= 400;
        if fails {
            p.fail(&format!("(22) The requested URL returned error: {}", answer.status));
            return 22;
        }
        let body = if args.has('I') {
            answer.head.clone()
        } else if args.has('i') {
            format!("{}\r\n{}", answer.head, answer.body)
        } else {
            answer.body.clone()
        };
        save(p, args.value('o'), &body);
        if let Some(format) = args.value('w') {
            p.print(
                &format.replace("%{http_code}", &answer.status.to_string()).replace("\\n", "\n"),
            );
        }
        return 0;
    }
    if answer.status >= 400 {
        let (status, reason) = (answer.status, http::reason(answer.status));
        return p.fail(&format!("server returned error: HTTP/1.1 {status} {reason}"));
    }
    if args.flags.contains("spider") || p.args().iter().any(|arg| arg == "--spider") {
        return 0;
    }
    let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("index.html");
    let file = args.value('O').unwrap_or(name);
    let saved = save(p, Some(file), &answer.body);
    if saved == 0 && !quiet && file != "-" {
        p.write(2, &format!("saving to '{file}'\n'{file}' saved\n"));
    }
    saved
}

fn save(p: &Process, file: Option<&str>, text: &str) -> i32 {
    match file {
        None | Some("-" | "/dev/stdout") => i32::from(!p.print(text)),
        Some("/dev/null") => 0,
        Some(file) => match p.write_file(file, text) {
            Ok(()) => 0,
            Err(error) => p.fail(&format!("can't open '{file}': {error}")),
        },
    }
}

fn unreached(p: &Process, is_curl: bool, host: &str, port: u16, reason: &Unreached) -> i32 {
    let (code, text) = match (is_curl, reason) {
        (true, Unreached::BadAddress) => (6, format!("(6) Could not resolve host: {host}")),
        (true, Unreached::Refused) => {
            (7, format!("(7) Failed to connect to {host} port {port}: Connection refused"))
        }
        (true, Unreached::TimedOut) => (28, "(28) Connection timed out".to_owned()),
        (false, Unreached::BadAddress) => (1, format!("bad address '{host}'")),
        (false, Unreached::Refused) => {
            let address = servers::resolve(p, host).unwrap_or_else(|| host.to_owned());
            (1, format!("can't connect to remote host ({address}): Connection refused"))
        }
        (false, Unreached::TimedOut) => (1, "download timed out".to_owned()),
    };
    p.fail(&text);
    code
}

pub(super) async fn nslookup(p: &Process) -> i32 {
    let args = Arguments::of(p, "");
    let Some(name) = args.rest.first() else { return p.fail("missing operand") };
    p.sleep(ROUND_TRIP).await;
    let resolv = p.read_file("/etc/resolv.conf").unwrap_or_default();
    let server = resolv.lines().find_map(|line| line.strip_prefix("nameserver "));
    let server = server.unwrap_or("127.0.0.1").trim();
    p.say(&format!("Server:\t\t{server}\nAddress:\t{server}:53\n"));
    match servers::resolve(p, name) {
        Some(address) => {
            p.say(&format!("Name:\t{name}\nAddress: {address}\n"));
            0
        }
        None => {
            p.say(&format!("** server can't find {name}: NXDOMAIN\n"));
            1
        }
    }
}

pub(super) async fn ping(p: &Process) -> i32 {
    let args = Arguments::of(p, "cwWi");
    let Some(host) = args.rest.first() else { return p.fail("missing host operand") };
    let Some(address) = servers::resolve(p, host) else {
        return p.fail(&format!("bad address '{host}'"));
    };
    p.say(&format!("PING {host} ({address}): 56 data bytes"));
    if !p.credentials.has(node::Credentials::NET_RAW) {
        return p.fail("permission denied (are you root?)");
    }
    let count = args.value('c').and_then(|text| text.parse::<u64>().ok()).unwrap_or(u64::MAX);
    let mut sent = 0;
    while sent < count {
        p.sleep(Duration::from_secs(u64::from(sent > 0))).await;
        if !p.say(&format!("64 bytes from {address}: seq={sent} ttl=64 time=0.100 ms")) {
            return 141;
        }
        sent += 1;
    }
    p.say(&format!(
        "\n--- {host} ping statistics ---\n{sent} packets transmitted, {sent} packets received, \
         0% packet loss"
    ));
    0
}

/// `nc HOST PORT`, `nc -l -p PORT [-e PROGRAM]`, `nc -z HOST PORT`.
pub(super) async fn nc(p: &Process) -> i32 {
    let args = Arguments::of(p, "pews");
    if args.has('l') {
        let port = args.value('p').or(args.rest.last().map(String::as_str));
        let Some(port) = port.and_then(|text| text.parse::<u16>().ok()) else {
            return p.fail("missing port");
        };
        let again = args.has('k');
        let Some(queue) = servers::Queue::listen(p, port) else {
            return p.fail("bind: Address already in use");
        };
        loop {
            let connection = queue.accept().await;
            if let Some(program) = args.value('e') {
                let argv = std::iter::once(program.to_owned()).chain(args.rest.iter().cloned());
                let argv: Vec<String> = argv.filter(|word| word.parse::<u16>().is_err()).collect();
                let mut own = p.clone();
                own.fds.insert(0, Fd::Input(connection.input));
                own.fds.insert(1, Fd::Sink(Rc::new(connection.output)));
                super::run_child(&own, argv).await;
            } else {
                exchange(p, connection).await;
            }
            if !again {
                p.node.unlisten(p.pid, port);
                return 0;
            }
        }
    }
    let [host, port, ..] = args.rest.as_slice() else { return p.fail("missing host or port") };
    let Ok(port) = port.parse::<u16>() else { return p.fail(&format!("bad port '{port}'")) };
    let limit = args.value('w').and_then(|text| text.parse().ok()).map(Duration::from_secs);
    match connect(p, host, port, limit).await {
        Ok(_) if args.has('z') => {
            if args.has('v') {
                p.write(2, &format!("{host} ({host}:{port}) open\n"));
            }
            0
        }
        Ok(connection) => {
            exchange(p, connection).await;
            0
        }
        Err(Unreached::BadAddress) => p.fail(&format!("bad address '{host}'")),
        Err(Unreached::Refused) => p.fail(&format!("{host} ({host}:{port}): Connection refused")),
        Err(Unreached::TimedOut) => p.fail("timed out"),
    }
}

/// Copies standard input to a connection and the connection to standard output, until the other
/// side has nothing more to say.
async fn exchange(p: &Process, connection: Connection) {
    let Connection { input, output, .. } = connection;
    let sending = pin!(async {
        while let Some(bytes) = p.read(0, 1 << 16).await {
            if !output.push(&bytes) {
                break;
            }
        }
        output.close();
        std::future::pending::<()>().await;
    });
    let receiving = pin!(async {
        while let Some(bytes) = input.read().await {
            if !p.write_bytes(1, &bytes) {
                break;
            }
        }
    });
    select(sending, receiving).await;
}

pub(super) fn netstat(p: &Process) -> i32 {
    p.say("Active Internet connections (only servers)");
    p.say("Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name");
    let network = p.node.network_of(p.pid);
    let own = p.node.listening(network);
    let of_machine = if network == node::HOST_NETWORK { machine_ports(p) } else { Vec::new() };
    for (kind, local, port) in of_machine {
        if own.iter().all(|&(own, _)| own != port) {
            let any = if kind == "tcp6" { ":::*" } else { "0.0.0.0:*" };
            p.say(&format!("{kind:10} 0      0 {local:23} {any:23} LISTEN      -"));
        }
    }
    for (port, pid) in own {
        let own = crate::procfs::processes(p).into_iter().find(|(_, process)| process.pid == pid);
        let owner = own.map_or("-".to_owned(), |(number, process)| {
            format!("{number}/{}", crate::procfs::command_name(&process))
        });
        let local = format!("0.0.0.0:{port}");
        p.say(&format!(
            "tcp        0      0 {local:23} 0.0.0.0:*               LISTEN      {owner}"
        ));
    }
    0
}

/// Where the machine itself listens, of which the host's network is a part: protocol, address and
/// port.
fn machine_ports(p: &Process) -> Vec<(&'static str, String, u16)> {
    let mut ports = Vec::new();
    for (kind, file) in [("tcp", "/proc/net/tcp"), ("tcp6", "/proc/net/tcp6")] {
        let text = p.node.kernel_file(file).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // `0A` is LISTEN.
            let [_, local, _, "0A", ..] = words[..] else { continue };
            let Some((address, port)) = local.split_once(':') else { continue };
            let Ok(port) = u16::from_str_radix(port, 16) else { continue };
            let address = match u32::from_str_radix(address, 16) {
                // In the machine's own order of bytes.
                Ok(bits) => std::net::Ipv4Addr::from(bits.swap_bytes()).to_string(),
                Err(_) => "::".to_owned(),
            };
            ports.push((kind, format!("{address}:{port}"), port));
        }
    }
    ports.sort();
    ports
}

/// `brctl addbr|delbr|show`
pub(super) fn brctl(p: &Process) -> i32 {
    let network = p.node.network_of(p.pid);
    let words: Vec<&str> = p.args().iter().map(String::as_str).collect();
    let change = match words[..] {
        [] | ["show"] => {
            p.say("bridge name\tbridge id\t\tSTP enabled\tinterfaces");
            for bridge in p.node.bridges(network) {
                p.say(&format!("{bridge}\t\t8000.000000000000\tno\t\t"));
            }
            return 0;
        }
        ["addbr", name] => (name, true),
        ["delbr", name] => (name, false),
        _ => return p.fail("usage: brctl addbr|delbr|show"),
    };
    let (name, add) = change;
    if !p.credentials.has(node::Credentials::NET_ADMIN) {
        return p.fail(&format!("bridge {name}: Operation not permitted"));
    }
    match add {
        true if !p.node.add_bridge(network, name) => p.fail(&format!("bridge {name}: File exists")),
        false if !p.node.remove_bridge(network, name) => {
            p.fail(&format!("bridge {name}: No such device or address"))
        }
        _ => 0,
    }
}

/// `ip addr`, `ip route`, `ifconfig`.
pub(super) fn ip(p: &Process) -> i32 {
    let network = p.node.network_of(p.pid);
    let own = if network == node::HOST_NETWORK {
        Some(format!("{}/24", node::NODE_ADDRESS))
    } else {
        p.node.address(network, "eth0").map(|address| address.to_string())
    };
    if p.name() == "ifconfig" {
        if let Some(own) = &own {
            let address = own.split('/').next().unwrap_or(own);
            p.say(&format!(
                "eth0      Link encap:Ethernet  HWaddr 0A:58:0A:F4:00:05\n          inet \
                 addr:{address}  Mask:255.255.255.0\n          UP BROADCAST RUNNING MULTICAST  \
                 MTU:1500  Metric:1\n"
            ));
        }
        p.say("lo        Link encap:Local Loopback\n          inet addr:127.0.0.1  Mask:255.0.0.0\n          UP LOOPBACK RUNNING  MTU:65536  Metric:1\n");
        return 0;
    }
    let about = p.args().iter().find(|arg| !arg.starts_with('-')).map_or("", String::as_str);
    if about.starts_with('r') {
        if let Some(own) = &own {
            let network = own.rsplit_once('.').map_or("", |(network, _)| network);
            p.say(&format!("default via {network}.1 dev eth0"));
            p.say(&format!("{network}.0/24 dev eth0 scope link"));
        }
        return 0;
    }
    p.say("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000");
    p.say("    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00");
    p.say("    inet 127.0.0.1/8 scope host lo");
    if let Some(own) = own {
        p.say("2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue");
        p.say("    link/ether 0a:58:0a:f4:00:05 brd ff:ff:ff:ff:ff:ff");
        p.say(&format!("    inet {own} scope global eth0"));
    }
    0
}

/// `redis-cli [-h HOST] [-p PORT] COMMAND…`
pub(super) async fn redis_cli(p: &Process) -> i32 {
    let args = Arguments::of(p, "hpan");
    let host = args.value('h').filter(|host| !host.is_empty()).unwrap_or("127.0.0.1");
    let port = args.value('p').and_then(|text| text.parse().ok()).unwrap_or(6379);
    let Ok(connection) = connect(p, host, port, None).await else {
        return p.fail(&format!("Could not connect to Redis at {host}:{port}: Connection refused"));
    };
    let request = args.rest.join(" ");
    let request = if request.is_empty() { p.read_all(0).await } else { request + "\n" };
    for line in request.lines().filter(|line| !line.trim().is_empty()) {
        connection.output.push(format!("{line}\r\n").as_bytes());
        let Some(answer) = servers::redis_answer(&connection.input).await else { break };
        p.say(&answer);
    }
    0
}
