//! Running other programs so that a person sees what is going on.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a long step says that it is still alive.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// The root folder of the clone.
pub(crate) fn workspace_root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().expect("xtask lies inside the workspace").to_path_buf()
}

/// Where cargo puts what it builds natively.
pub(crate) fn target_dir() -> PathBuf {
    let root = workspace_root();
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    }
}

/// A command that starts in the root of the clone.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace_root());
    command
}

/// `cargo`, the one that runs us where there is one.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Prints the command line, runs it with its output streamed, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = display(command);
    println!("  $ {line}");
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("`{line}` did not start"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Like [`run`], and shows each line of standard output to `read` as it passes by.
pub(crate) fn run_reading(command: &mut Command, mut read: impl FnMut(&str)) -> Result<()> {
    let line = display(command);
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    let stdout = child.stdout.take().expect("standard output was piped");
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        read(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Prints the command line and starts it beside us.
pub(crate) fn spawn(command: &mut Command) -> Result<Child> {
    let line = display(command);
    println!("  $ {line}");
    command.stdin(Stdio::null()).spawn().with_context(|| format!("`{line}` did not start"))
}

/// What the command prints on standard output, trimmed; an error when it fails or is not there.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = display(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("`{line}` did not start"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}): {}", output.status, stderr.trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The command as somebody would type it.
pub(crate) fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| {
            let word = word.to_string_lossy();
            if word.is_empty() || word.contains(char::is_whitespace) {
                format!("'{word}'")
            } else {
                word.into_owned()
            }
        })
        .collect();
    words.join(" ")
}

/// Finds a program the way a shell does.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|dir| [dir.join(program), dir.join(format!("{program}.exe"))])
        .find(|file| file.is_file())
}

/// `PATH` with some folders put before it.
pub(crate) fn path_with(first: &[PathBuf]) -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let all = first.iter().cloned().chain(std::env::split_paths(&rest));
    std::env::join_paths(all).expect("our folders have no colon in their names")
}

/// Says what is being done, then every [`HEARTBEAT`] that it is still being done, then how long it
/// took.
pub(crate) struct Step {
    what: String,
    started: Instant,
    heart: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Step {
    pub(crate) fn start(what: &str, expectation: &str) -> Self {
        println!("\n▸ {what} ({expectation})");
        let started = Instant::now();
        let (stop, stopped) = mpsc::channel::<()>();
        let label = what.to_owned();
        let heart = std::thread::spawn(move || {
            while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                println!("  … {label}: {} so far", duration(started.elapsed()));
            }
        });
        Self { what: what.to_owned(), started, heart: Some((stop, heart)) }
    }

    pub(crate) fn done(mut self) {
        self.stop();
        println!("✓ {} in {}", self.what, duration(self.started.elapsed()));
    }

    fn stop(&mut self) {
        if let Some((stop, heart)) = self.heart.take() {
            drop(stop);
            let _ = heart.join();
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.stop();
    }
}

/// `1 min 05 s`, or `0.8 s` when it was quick.
pub(crate) fn duration(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{secs} s"),
        _ => format!("{} min {:02} s", secs / 60, secs % 60),
    }
}

/// Removes a folder with everything in it; a folder that is not there is fine.
pub(crate) fn remove_dir(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}
