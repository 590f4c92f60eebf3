//! A recording on disk.

use super::rows::{Call, Event, Exit, Run};
use anyhow::{Context, Result};
use api::Pod;
use runtimes::fake::Script;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// One recording and the scenario that it is of.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder's name.
    pub name: String,
    pub(crate) pod: Pod,
    pub(crate) replacement: Option<Pod>,
    pub(crate) script: Script,
    pub(crate) duration: Duration,
    /// What is done, and when.
    pub(crate) actions: Vec<(Duration, String)>,
    /// The UIDs that the pods had, in the order of their files.
    pub(crate) uids: Vec<String>,
    /// The node's name, which ends the names of static pods.
    pub(crate) node: String,
    pub(crate) recorded: Run,
}

fn lines(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let rows = text.lines().filter(|line| !line.trim().is_empty());
    rows.map(|line| serde_json::from_str(line).with_context(|| path.display().to_string()))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn pod_of(path: &Path) -> Result<Pod> {
    let manifest = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let manifest = api::manifest::parse(&manifest);
    let problem = manifest.problems.iter().find(|problem| problem.is_error());
    let problem = problem.map(|problem| format!("{problem:?}")).unwrap_or_default();
    manifest
        .pods
        .into_iter()
        .next()
        .with_context(|| format!("{}: no pod in it {problem}", path.display()))
}

impl Folder {
    /// Reads one.
    ///
    /// # Errors
    /// If it is not a recording.
    pub fn read(directory: &Path) -> Result<Self> {
        let read = |name: &str| -> Result<Value> {
            let path = directory.join(name);
            let text =
                std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            serde_json::from_str(&text).with_context(|| path.display().to_string())
        };
        let script = serde_json::from_value(read("script.json")?)
            .with_context(|| format!("{}: script.json", directory.display()))?;
        let timeline = read("timeline.json")?;
        let seconds = |value: &Value| {
            let secs = value.as_f64().filter(|secs| secs.is_finite()).unwrap_or(0.0);
            Duration::from_secs_f64(secs.clamp(0.0, 1e6))
        };
        let actions = timeline["actions"].as_array().cloned().unwrap_or_default();
        let actions = actions.iter().map(|pair| (seconds(&pair[0]), text(&pair[1]))).collect();
        let pod = pod_of(&directory.join("pod.yaml"))?;
        let second = directory.join("pod2.yaml");
        let replacement = if second.exists() { Some(pod_of(&second)?) } else { None };
        let recorded = recorded(directory)?;

        let mut uids: Vec<String> = Vec::new();
        let mut node = String::new();
        let mut see = |uid: &str, name: &str| {
            if !uid.is_empty() && !uids.iter().any(|known| known == uid) {
                uids.push(uid.to_owned());
            }
            if let Some(suffix) = name.strip_prefix(&format!("{}-", pod.metadata.name)) {
                suffix.clone_into(&mut node);
            }
        };
        for call in recorded.calls.iter().filter(|call| call.method == "RunPodSandbox") {
            let metadata = &call.request["config"]["metadata"];
            see(&text(&metadata["uid"]), &text(&metadata["name"]));
        }
        if let Ok(list) = read("podstatus.json") {
            for item in list["items"].as_array().into_iter().flatten() {
                let metadata = &item["metadata"];
                see(&text(&metadata["uid"]), &text(&metadata["name"]));
            }
        }
        let name = directory.file_name().unwrap_or(directory.as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            pod,
            replacement,
            script,
            duration: seconds(&timeline["duration_s"]),
            actions,
            uids,
            node: if node.is_empty() { "node".to_owned() } else { node },
            recorded,
        })
    }

    pub(crate) fn duration_millis(&self) -> f64 {
        self.duration.as_secs_f64() * 1000.0
    }
}

fn recorded(directory: &Path) -> Result<Run> {
    let mut run = Run::default();
    let full = lines(&directory.join("full.jsonl"))?;
    for row in lines(&directory.join("trace.jsonl"))? {
        let at = row["t"].as_f64().unwrap_or(0.0);
        if let Some(event) = row["event"].as_str() {
            if event == "containerExited" {
                run.exits.push(Exit {
                    at,
                    container: text(&row["container"]),
                    attempt: row["attempt"].as_u64().unwrap_or(0),
                    id: text(&row["containerId"]),
                    code: row["exitCode"].as_i64().unwrap_or(0) as i32,
                    reason: text(&row["reason"]),
                });
            } else {
                run.marks.push((at, event.to_owned()));
            }
            continue;
        }
        let request = &row["req"];
        let method = text(&row["method"]);
        let whole = full.iter().find(|it| it["seq"] == row["seq"] && it["method"] == row["method"]);
        let image = match method.as_str() {
            "ImageStatus" | "PullImage" | "RemoveImage" => text(&request["image"]),
            "CreateContainer" => text(&request["userImage"]),
            _ => String::new(),
        };
        let list = |value: &Value| {
            let parts = value.as_array().map(Vec::as_slice).unwrap_or_default();
            parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        };
        let sandbox = match method.as_str() {
            "RunPodSandbox" | "ImageStatus" | "PullImage" => String::new(),
            _ => text(&request["sandbox"]),
        };
        run.calls.push(Call {
            at,
            took: row["dur"].as_f64().unwrap_or(0.0),
            container: text(&request["container"]),
            attempt: request["attempt"].as_u64(),
            image,
            command: if method == "ExecSync" { list(&request["cmd"]) } else { String::new() },
            timeout: request["timeout"].as_i64(),
            sandbox,
            id: text(&request["containerId"]),
            error: text(&row["err"]["code"]),
            error_message: text(&row["err"]["message"]),
            request: whole.map(|it| it["req"].clone()).unwrap_or_default(),
            response: whole.map(|it| it["resp"].clone()).unwrap_or_default(),
            method,
        });
    }
    for row in lines(&directory.join("statuslog.jsonl"))? {
        run.statuses.push((row["t"].as_f64().unwrap_or(0.0), row["pods"].clone()));
    }
    for row in lines(&directory.join("events.jsonl"))? {
        run.events.push(Event {
            at: row["t"].as_f64().unwrap_or(0.0),
            kind: text(&row["type"]),
            reason: text(&row["reason"]),
            field: text(&row["field"]),
            message: text(&row["message"]),
        });
    }
    Ok(run)
}

/// Writes a run as a recording.
pub(crate) fn write(folder: &Folder, run: &Run, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    let pod_name = format!("{}-{}", folder.pod.metadata.name, folder.node);
    let (mut trace, mut full) = (Vec::new(), String::new());
    for (seq, call) in run.calls.iter().enumerate() {
        let mut request = serde_json::Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() && value.as_str() != Some("") {
                request.insert(name.into(), value);
            }
        };
        put("container", call.container.as_str().into());
        put("attempt", call.attempt.map_or(Value::Null, Value::from));
        let image = if call.method == "CreateContainer" { "userImage" } else { "image" };
        put(image, call.image.as_str().into());
        if call.method == "ExecSync" {
            put("cmd", call.request["cmd"].clone());
        }
        put("timeout", call.timeout.map_or(Value::Null, Value::from));
        put("sandbox", call.sandbox.as_str().into());
        put("containerId", call.id.as_str().into());
        put("pod", pod_name.as_str().into());
        let mut row = json!({
            "dur": call.took, "method": call.method, "req": request, "seq": seq, "t": call.at,
            "resp": {},
        });
        if !call.error.is_empty() {
            row["err"] = json!({"code": call.error, "message": call.error_message});
        }
        trace.push((call.at, row));
        let row = json!({
            "method": call.method, "req": call.request, "resp": call.response, "seq": seq,
        });
        writeln!(full, "{row}")?;
    }
    for exit in &run.exits {
        let row = json!({
            "event": "containerExited", "t": exit.at, "container": exit.container,
            "attempt": exit.attempt, "containerId": exit.id, "exitCode": exit.code,
            "reason": exit.reason,
        });
        trace.push((exit.at, row));
    }
    for (at, mark) in &run.marks {
        trace.push((*at, json!({"event": mark, "t": at, "seq": -1})));
    }
    trace.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut text = String::new();
    for (_, row) in &trace {
        writeln!(text, "{row}")?;
    }
    std::fs::write(to.join("trace.jsonl"), text)?;
    std::fs::write(to.join("full.jsonl"), full)?;
    let mut text = String::new();
    for (at, pods) in &run.statuses {
        writeln!(text, "{}", json!({"t": at, "pods": pods}))?;
    }
    std::fs::write(to.join("statuslog.jsonl"), text)?;
    let mut text = String::new();
    for event in &run.events {
        let row = json!({
            "t": event.at, "type": event.kind, "reason": event.reason, "field": event.field,
            "object": format!("default/{pod_name}"), "message": event.message,
        });
        writeln!(text, "{row}")?;
    }
    std::fs::write(to.join("events.jsonl"), text)?;
    let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": run.pods});
    std::fs::write(to.join("podstatus.json"), serde_json::to_string_pretty(&list)?)?;
    Ok(())
}
