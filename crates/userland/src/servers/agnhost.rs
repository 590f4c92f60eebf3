//! agnhost, the program of Kubernetes' own tests, as far as they and the documentation use it.
//!
//! Models: kubernetes `test/images/agnhost`.

use super::http::{self, Request, Response};
use super::serve;
use crate::applets::Arguments;
use crate::process::Process;
use node::{Connection, Service};
use sim::Ctx;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use trace::Time;

/// How long the server of `liveness` says that it is well.
const WELL: Duration = Duration::from_secs(10);

struct Server {
    process: Process,
    kind: Kind,
    started: Time,
    ready: Rc<Cell<bool>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Netexec,
    Liveness,
    Hostname,
    Web,
    Grpc,
}

impl Service for Server {
    fn connected(&self, ctx: &Ctx, connection: Connection) {
        let server = Self { process: self.process.clone(), ready: self.ready.clone(), ..*self };
        http::answer(ctx, connection, move |request| server.page(request));
    }
}

impl Server {
    fn page(&self, request: &Request) -> Response {
        let p = &self.process;
        let host = || p.node.hostname_of(p.pid).to_string();
        match (self.kind, request.path()) {
            (_, service) if request.method == "GRPC" => {
                let _ = service;
                Response::text(200, if self.ready.get() { "SERVING" } else { "NOT_SERVING" })
            }
            (Kind::Grpc, "/make-not-serving") => {
                self.ready.set(false);
                Response::text(200, "")
            }
            (Kind::Grpc, "/make-serving") => {
                self.ready.set(true);
                Response::text(200, "")
            }
            (Kind::Liveness, "/healthz") => {
                let age = p.ctx.now().since(self.started);
                if age > WELL {
                    Response::text(500, format!("error: {:.6}", age.as_secs_f64()))
                } else {
                    Response::text(200, "ok")
                }
            }
            (Kind::Liveness, _) => {
                Response::text(200, p.ctx.now().since(self.started).as_secs().to_string())
            }
            (Kind::Hostname, _) => Response::text(200, host() + "\n"),
            (Kind::Web, path) => match p.read_file(path) {
                Ok(text) => Response::text(200, &*text),
                Err(_) if path == "/" => {
                    Response::html(200, "<html><body>test-webserver</body></html>")
                }
                Err(_) => Response::text(404, "404 page not found\n"),
            },
            (_, "/hostname" | "/hostName") => Response::text(200, host()),
            (_, "/clientip") => Response::text(200, request.peer.clone()),
            (_, "/echo") => Response::text(200, request.query("msg").unwrap_or_default()),
            (_, "/healthz") => {
                let status = if self.ready.get() { 200 } else { 412 };
                Response::text(status, "")
            }
            (_, "/header") => {
                let name = request.query("key").unwrap_or_default().to_ascii_lowercase();
                Response::text(200, request.header(&name).unwrap_or_default())
            }
            (_, "/redirect") => Response::text(302, ""),
            (_, "/exit") => {
                let code = request.query("code").and_then(|code| code.parse().ok()).unwrap_or(0);
                let exit = trace::Exit { code, oom_killed: false };
                p.node.end_process(&p.ctx.detached(), p.pid, exit);
                Response::text(200, "")
            }
            (Kind::Netexec, "/") => {
                Response::text(200, format!("NOW: {}", p.ctx.now().rfc3339_nanos()))
            }
            _ => Response::text(404, "404 page not found\n"),
        }
    }
}

pub(super) async fn run(p: Process) -> i32 {
    let command = p.args().first().cloned().unwrap_or_default();
    let args = Arguments::of(&p, "");
    let port = |name: &str, default: u16| {
        let mut given = p.args().iter();
        given
            .find_map(|arg| arg.trim_start_matches('-').strip_prefix(name)?.strip_prefix('='))
            .or_else(|| {
                let at = p.args().iter().position(|arg| arg.trim_start_matches('-') == name)?;
                p.args().get(at + 1).map(String::as_str)
            })
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (kind, ports) = match command.as_str() {
        "netexec" => (Kind::Netexec, vec![port("http-port", 8080)]),
        "liveness" => (Kind::Liveness, vec![8080]),
        "serve-hostname" => (Kind::Hostname, vec![port("port", 9376)]),
        "test-webserver" => (Kind::Web, vec![port("port", 80)]),
        "grpc-health-checking" => (Kind::Grpc, vec![port("port", 5000), port("http-port", 8080)]),
        "pause" => {
            p.say("Paused");
            return serve(p).await;
        }
        "help" | "" => {
            p.say("Usage: agnhost [command]");
            return 0;
        }
        "env" => {
            for (name, value) in &p.env {
                p.say(&format!("{name}={value}"));
            }
            return 0;
        }
        "entrypoint-tester" => {
            let words: Vec<String> = p.argv.iter().map(|word| format!("{word:?}")).collect();
            p.say(&words.join(" "));
            return 0;
        }
        "check-ok" | "true" => return 0,
        command => {
            // The rest of its commands is not modelled: it serves like any other program.
            let _ = (command, args.rest.len());
            return serve(p).await;
        }
    };
    let delay = port("delay-shutdown", 0);
    let server =
        Server { process: p.clone(), kind, started: p.ctx.now(), ready: Rc::new(Cell::new(true)) };
    let server = Rc::new(server);
    for port in ports {
        if !p.node.listen(p.pid, port, false, server.clone()) {
            p.fail(&format!("listen tcp :{port}: bind: address already in use"));
            return 1;
        }
    }
    p.write(2, &format!("Started HTTP server ({command})\n"));
    let (ctx, code) = (p.ctx.clone(), serve(p).await);
    ctx.sleep(Duration::from_secs(delay.into())).await;
    code
}
