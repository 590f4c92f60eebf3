//! A running `shimscope serve`, as its own process.

#![allow(missing_docs, dead_code, unreachable_pub, reason = "shared by tests that each use a part")]

use serve::Client;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of a test's own.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a directory");
    folder
}

/// A running program; killed when the test is over.
pub struct Served {
    child: Child,
    pub socket: PathBuf,
}

impl Served {
    pub async fn start(folder: &Path, arguments: &[&str]) -> Self {
        let socket = folder.join("s.sock");
        let child = program(&socket).args(arguments).spawn().expect("the program runs");
        let served = Self { child, socket };
        let begin = Instant::now();
        while std::os::unix::net::UnixStream::connect(&served.socket).is_err() {
            assert!(begin.elapsed() < PATIENCE, "nobody listens");
            sleep(Duration::from_millis(5)).await;
        }
        served
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.socket.to_str().expect("UTF-8")).await.expect("somebody listens")
    }

    pub fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        self.child.wait().expect("it ends")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn program(socket: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_shimscope"));
    program.args(["serve", "--listen"]).arg(format!("unix://{}", socket.display()));
    program.stderr(Stdio::piped());
    program
}
