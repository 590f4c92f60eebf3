//! What an in-memory runtime's calls take and end with, and what its containers do.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The behaviour of a runtime.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Script {
    /// The images that are there from the beginning.
    pub images: Vec<String>,
    /// The calls that fail or take longer.
    pub faults: Vec<ScriptFault>,
    /// What containers do, by their names.
    pub containers: BTreeMap<String, ContainerScript>,
    /// What happens without anybody asking for it.
    pub events: Vec<RuntimeEvent>,
    /// How long calls take, by method, in milliseconds.
    pub delays: BTreeMap<String, u64>,
}

/// A rule for calls of one method.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ScriptFault {
    /// The method.
    pub method: String,
    /// A part of the image's, container's or pod's name; empty for any.
    #[serde(rename = "match")]
    pub about: String,
    /// How many matching calls pass first.
    pub skip: u32,
    /// How many it then works on; all, if negative.
    pub times: i64,
    /// The error's code.
    pub code: String,
    /// The error's text.
    pub message: String,
    /// How much longer the call takes.
    pub delay_ms: u64,
    /// Whether the call works all the same, only slower.
    pub ok: bool,
}

impl Default for ScriptFault {
    fn default() -> Self {
        Self {
            method: String::new(),
            about: String::new(),
            skip: 0,
            times: 1,
            code: "Unknown".to_owned(),
            message: String::new(),
            delay_ms: 0,
            ok: false,
        }
    }
}

/// What containers of one name do.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerScript {
    /// Run after run; the last is that of all later ones.
    pub runs: Vec<Run>,
    /// How long a container takes to obey SIGTERM.
    pub term_delay_ms: u64,
    /// The exit code of one that obeys.
    pub term_exit_code: i32,
    /// What commands that are run in it answer.
    pub exec: Vec<Exec>,
}

impl Default for ContainerScript {
    fn default() -> Self {
        Self { runs: Vec::new(), term_delay_ms: 20, term_exit_code: 143, exec: Vec::new() }
    }
}

/// How a container ends by itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Run {
    /// After so long; never, if 0.
    pub exit_after_ms: u64,
    /// With this code.
    pub exit_code: i32,
    /// For this reason, if not the usual one.
    pub reason: Option<String>,
}

/// What a command answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Exec {
    /// The command, or a part of it.
    pub cmd: String,
    /// Whether each run of the container begins with the first result again.
    pub per_run: bool,
    /// Result after result; the last is that of all later ones.
    pub results: Vec<ExecResult>,
}

/// One answer of a command.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExecResult {
    /// Its exit code.
    pub exit_code: i32,
    /// How often it comes before the next.
    pub times: u32,
    /// What it prints.
    pub stdout: String,
    /// What it prints as an error.
    pub stderr: String,
    /// How long it takes.
    pub delay_ms: u64,
    /// The text of the error that the call itself ends with, or the error's code.
    pub error: Option<String>,
}

impl Default for ExecResult {
    fn default() -> Self {
        Self {
            exit_code: 0,
            times: 1,
            stdout: String::new(),
            stderr: String::new(),
            delay_ms: 0,
            error: None,
        }
    }
}

/// Something that happens some time after the first container was started.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RuntimeEvent {
    /// How long after.
    pub after_ms: u64,
    /// `sandboxNotReady`, `sandboxNotReadyOnly`, `removeSandbox`, `killContainer` or
    /// `removeContainer`.
    pub action: String,
    /// The container's name; empty for the newest.
    pub container: String,
    /// The exit code of one that is killed.
    pub exit_code: Option<i32>,
}

impl Script {
    /// How long a call takes, in milliseconds.
    #[must_use]
    pub fn delay_of(&self, method: &str) -> u64 {
        self.delays.get(method).copied().unwrap_or(match method {
            "RunPodSandbox" => 100,
            "PullImage" => 200,
            "CreateContainer" => 20,
            "StartContainer" => 30,
            _ => 0,
        })
    }

    /// What containers of a name do.
    #[must_use]
    pub fn container(&self, name: &str) -> ContainerScript {
        self.containers.get(name).cloned().unwrap_or_default()
    }
}

impl ContainerScript {
    /// The n-th run, counted from 0.
    #[must_use]
    pub fn run(&self, index: usize) -> Run {
        self.runs.get(index).or(self.runs.last()).cloned().unwrap_or_default()
    }
}

impl Exec {
    /// The n-th result, counted from 0.
    #[must_use]
    pub fn result(&self, index: u32) -> ExecResult {
        let mut passed = 0_u32;
        for result in &self.results {
            passed = passed.saturating_add(result.times.max(1));
            if index < passed {
                return result.clone();
            }
        }
        self.results.last().cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_result_and_the_last_run_repeat() {
        let script: Script = serde_json::from_str(
            r#"{"containers": {"c": {"runs": [{"exitAfterMs": 5}, {"exitCode": 3}],
                "exec": [{"cmd": "x", "results": [{"times": 2}, {"exitCode": 1}]}]}}}"#,
        )
        .expect("a script");
        let container = script.container("c");
        let codes: Vec<i32> = (0..4).map(|it| container.exec[0].result(it).exit_code).collect();
        assert_eq!(codes, [0, 0, 1, 1]);
        let runs: Vec<i32> = (0..3).map(|it| container.run(it).exit_code).collect();
        assert_eq!(runs, [0, 3, 3]);
        assert_eq!(script.container("other").run(0).exit_after_ms, 0);
        assert_eq!(script.delay_of("RunPodSandbox"), 100);
    }
}
