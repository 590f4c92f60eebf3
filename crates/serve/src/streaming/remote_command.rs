//! Exec and attach: a client's streams and those of a process.
//!
//! Upstream: `k8s.io/cri-streaming` `pkg/streaming/remotecommand/{exec,attach,httpstream}.go`.

use super::channel::{Channel, Connection, Writer};
use crate::machine::Machine;
use node::{Null, Sink, Stdio, StreamReply, Wanted, pipe};
use serde_json::json;
use sim::{Ctx, SimError};
use std::rc::Rc;
use std::time::Duration;

/// How long a client may take to open its streams.
const OPENING: Duration = Duration::from_secs(30);

/// Which version of the protocol both sides speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Errors as text.
    Text,
    /// Errors as a Status object with the exit code, and a size of the terminal; version 4 and 5.
    Status,
}

/// The streams of a client, by what they are for.
#[derive(Default)]
struct Streams {
    error: Option<Channel>,
    stdin: Option<Channel>,
    stdout: Option<Channel>,
    stderr: Option<Channel>,
    resize: Option<Channel>,
}

/// Connects a client with a process: `start` runs it with the client's streams to an exit code.
pub(super) async fn serve(
    machine: &Machine,
    mut connection: Connection,
    wanted: Wanted,
    version: Version,
    start: impl FnOnce(Ctx, Stdio) -> StreamReply<i32>,
) {
    let opened = tokio::time::timeout(OPENING, open(&mut connection, wanted, version)).await;
    let Ok(Some(streams)) = opened else { return };
    let sink = |channel: &Option<Channel>| -> Rc<dyn Sink> {
        match channel {
            Some(channel) => Rc::new(channel.writer().clone()),
            None => Rc::new(Null),
        }
    };
    let (stdout, stderr) = (sink(&streams.stdout), sink(&streams.stderr));
    let stderr = if wanted.tty { stdout.clone() } else { stderr };
    let (input, stdin) = match streams.stdin {
        Some(channel) => {
            let (input, stdin) = pipe();
            (Some((channel, input)), Some(stdin))
        }
        None => (None, None),
    };
    let stdio = Stdio { stdin, stdout, stderr, tty: wanted.tty };
    let ended = machine.run(|ctx| start(ctx, stdio));
    let feeding = async {
        if let Some((mut channel, input)) = input {
            while let Some(bytes) = channel.read().await {
                input.push(&bytes);
                machine.catch_up();
            }
            input.close();
            machine.catch_up();
        }
    };
    // The size of the terminal matters to no program here, but has to be read.
    let resizing = async {
        if let Some(mut channel) = streams.resize {
            while channel.read().await.is_some() {}
        }
    };
    let result = {
        let side = async {
            tokio::join!(feeding, resizing);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            result = ended => result,
            // The client is gone. What it has started goes on, with no more to read.
            () = gone(&mut connection) => return,
            () = side => return,
        }
    };
    if let Some(error) = &streams.error {
        report(error.writer(), version, result);
    }
    for channel in [streams.stdout, streams.stderr, streams.error].into_iter().flatten() {
        channel.writer().close();
    }
}

/// Waits for the streams that both sides have agreed on; none if the client goes away.
async fn open(connection: &mut Connection, wanted: Wanted, version: Version) -> Option<Streams> {
    let mut streams = Streams::default();
    let resizes = wanted.tty && version == Version::Status;
    let mut missing = 1
        + usize::from(wanted.stdin)
        + usize::from(wanted.stdout)
        + usize::from(wanted.stderr && !wanted.tty)
        + usize::from(resizes);
    while missing > 0 {
        let channel = connection.next().await?;
        let place = match channel.header("streamtype") {
            "error" => &mut streams.error,
            "stdin" => &mut streams.stdin,
            "stdout" => &mut streams.stdout,
            "stderr" => &mut streams.stderr,
            "resize" => &mut streams.resize,
            _ => continue,
        };
        missing -= usize::from(place.is_none());
        *place = Some(channel);
    }
    Some(streams)
}

/// Waits until the client has closed the connection.
async fn gone(connection: &mut Connection) {
    while connection.next().await.is_some() {}
}

/// Says how it ended.
fn report(error: &Writer, version: Version, result: Result<i32, SimError>) {
    let status = match (&result, version) {
        (Ok(0), Version::Text) => return,
        (Ok(0), Version::Status) => json!({"metadata": {}, "status": "Success"}),
        (Ok(code), _) => json!({
            "metadata": {},
            "status": "Failure",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        (Err(error), _) => json!({
            "metadata": {},
            "status": "Failure",
            "message": error.message,
            "reason": "InternalError",
            "details": {"causes": [{"message": error.message}]},
            "code": 500,
        }),
    };
    let text = match version {
        Version::Status => status.to_string(),
        Version::Text => status["message"].as_str().unwrap_or_default().to_owned(),
    };
    error.send(text.into());
}
