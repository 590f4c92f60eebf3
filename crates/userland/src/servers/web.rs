//! Web servers: nginx, Apache httpd, busybox httpd; and etcd's health.

use super::http::{self, Request, Response};
use super::{SHUTDOWN, serve, wait_to_be_asked};
use crate::files::Kind;
use crate::process::Process;
use crate::procfs::processes;
use node::{Connection, Service};
use sim::Ctx;
use std::rc::Rc;

/// A directory whose files are served.
struct Site {
    process: Process,
    root: String,
    server: &'static str,
    logs: bool,
}

impl Service for Site {
    fn connected(&self, ctx: &Ctx, connection: Connection) {
        let site = Self { process: self.process.clone(), root: self.root.clone(), ..*self };
        http::answer(ctx, connection, move |request| site.page(request));
    }
}

impl Site {
    fn page(&self, request: &Request) -> Response {
        let mut response = self.file(request);
        response.server = self.server;
        if self.logs {
            let time = crate::applets::format_time(self.process.ctx.now(), "%d/%b/%Y:%H:%M:%S %z");
            let peer = request.peer.split(':').next().unwrap_or_default();
            let agent = request.header("user-agent").unwrap_or("-");
            self.process.say(&format!(
                "{peer} - - [{time}] \"{} {} HTTP/1.1\" {} {} \"-\" \"{agent}\" \"-\"",
                request.method,
                request.target,
                response.status,
                response.body.len()
            ));
        }
        response
    }

    fn file(&self, request: &Request) -> Response {
        let p = &self.process;
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Response::html(405, crate::image::page("405", "405 Not Allowed"));
        }
        let mut path = format!("{}{}", self.root, p.absolute(request.path()));
        if p.is_dir(&path) {
            path = format!("{}/index.html", path.trim_end_matches('/'));
            if p.stat(&path).is_none() {
                return Response::html(403, crate::image::page("403 Forbidden", "403 Forbidden"));
            }
        }
        match p.read_file(&path) {
            Ok(text) if path.ends_with(".html") => Response::html(200, &*text),
            Ok(text) => Response::text(200, &*text),
            Err(_) => Response::html(404, crate::image::page("404 Not Found", "404 Not Found")),
        }
    }
}

/// Listens and serves until it is asked to end.
async fn run(p: Process, ports: &[u16], root: &str, server: &'static str, logs: bool) -> i32 {
    let site = Site { process: p.clone(), root: root.to_owned(), server, logs };
    let site = Rc::new(site);
    for &port in ports {
        if !p.node.listen(p.pid, port, false, site.clone()) {
            p.fail(&format!(
                "[emerg] bind() to 0.0.0.0:{port} failed (98: Address already in use)"
            ));
            return 1;
        }
    }
    serve(p).await
}

/// `nginx [-g DIRECTIVES] [-s SIGNAL] [-t]`
pub(super) async fn nginx(p: Process) -> i32 {
    let args = p.args();
    if let Some(at) = args.iter().position(|arg| arg == "-s") {
        let signal = match args.get(at + 1).map(String::as_str) {
            Some("quit") => 3,
            Some("stop") => 15,
            _ => 1,
        };
        let all = processes(&p);
        let master = all.iter().find(|(_, process)| {
            process.pid != p.pid && process.argv.first().is_some_and(|own| own.contains("nginx"))
        });
        return match master {
            Some((_, process)) => {
                if signal != 1 {
                    p.node.signal(&p.ctx, process.pid, signal);
                }
                0
            }
            None => p.fail("[error] invalid PID number \"\" in \"/var/run/nginx.pid\""),
        };
    }
    if args.iter().any(|arg| arg == "-v" || arg == "-V") {
        p.write(2, "nginx version: nginx/1.29.0\n");
        return 0;
    }
    let config = p.read_file("/etc/nginx/nginx.conf");
    let Ok(config) = config else {
        return p.fail(
            "[emerg] open() \"/etc/nginx/nginx.conf\" failed (2: No such file or directory)",
        );
    };
    let mut text = config.to_string();
    if text.contains("conf.d") {
        for name in p.list("/etc/nginx/conf.d").unwrap_or_default() {
            let path = format!("/etc/nginx/conf.d/{name}");
            if name.ends_with(".conf") && matches!(p.stat(&path), Some(Kind::File(_))) {
                text.push_str(&p.read_file(&path).unwrap_or_default());
            }
        }
    }
    let directive = |name: &str| -> Vec<String> {
        let words = |line: &str| {
            let line = line.trim().strip_prefix(name)?;
            line.starts_with(char::is_whitespace)
                .then(|| line.trim().trim_end_matches(';').to_owned())
        };
        text.lines().flat_map(|line| line.split_inclusive(';')).filter_map(words).collect()
    };
    let mut ports: Vec<u16> = directive("listen")
        .iter()
        .filter_map(|value| {
            let first = value.split_whitespace().next()?;
            first.rsplit(':').next()?.parse().ok()
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    if ports.is_empty() {
        ports.push(80);
    }
    if args.iter().any(|arg| arg == "-t") {
        p.write(2, "nginx: configuration file /etc/nginx/nginx.conf test is successful\n");
        return 0;
    }
    let root = directive("root").into_iter().next();
    let root = root.unwrap_or_else(|| "/usr/share/nginx/html".to_owned());
    let command = p.argv.join(" ");
    p.node.set_title(p.pid, &format!("nginx: master process {command}"));
    if let Some(path) = directive("pid").into_iter().next()
        && let Err(error) = p.write_own_file(&path, &format!("{}\n", p.own_pid()))
    {
        return p.fail(&format!("[emerg] open() \"{path}\" failed ({error})"));
    }
    run(p, &ports, &root, "nginx/1.29.0", true).await
}

/// Apache's `httpd`, and busybox's: `httpd [-f] [-p PORT] [-h DIRECTORY]`.
pub(super) async fn httpd(p: Process) -> i32 {
    let apache = p.stat("/usr/local/apache2") == Some(Kind::Directory);
    if apache || p.name() != "httpd" {
        let time = crate::applets::format_time(p.ctx.now(), "%a %b %d %H:%M:%S.%N %Y");
        let pid = p.own_pid();
        for (module, message) in [
            ("mpm_event", "AH00489: Apache/2.4.65 (Unix) configured -- resuming normal operations"),
            ("core", "AH00094: Command line: 'httpd -D FOREGROUND'"),
        ] {
            p.write(2, &format!("[{time}] [{module}:notice] [pid {pid}:tid {pid}] {message}\n"));
        }
        return run(p, &[80], "/usr/local/apache2/htdocs", "Apache/2.4.65 (Unix)", true).await;
    }
    let args = crate::applets::Arguments::of(&p, "phcur");
    let port = args.value('p').and_then(|text| text.rsplit(':').next()?.parse().ok());
    let root = args.value('h').map_or_else(|| p.cwd.clone(), |root| p.absolute(root));
    let port = port.unwrap_or(80);
    if args.has('f') {
        return run(p, &[port], root.trim_end_matches('/'), "", false).await;
    }
    // It goes on in the background.
    let Some(child) = p.fork() else { return p.fail("can't fork") };
    let starter = child.clone();
    starter.start(Box::pin(async move {
        run(child, &[port], root.trim_end_matches('/'), "", false).await
    }));
    0
}

/// etcd: only that it is healthy.
pub(super) async fn etcd(p: Process) -> i32 {
    struct Health;
    impl Service for Health {
        fn connected(&self, ctx: &Ctx, connection: Connection) {
            http::answer(ctx, connection, |request| match request.method.as_str() {
                "GRPC" => Response::text(200, "SERVING"),
                _ => Response::text(200, "{\"health\":\"true\"}\n"),
            });
        }
    }
    for port in [2379, 2381] {
        p.node.listen(p.pid, port, false, Rc::new(Health));
    }
    wait_to_be_asked(&p.signals).await;
    p.ctx.sleep(SHUTDOWN).await;
    0
}
