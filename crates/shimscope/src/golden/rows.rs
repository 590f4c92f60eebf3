//! One run, recorded or ours, in a form that can be compared.

use serde_json::Value;

/// A run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// The calls that change something, and a few that ask, in the order of their arrival.
    pub(crate) calls: Vec<Call>,
    /// When containers ended by themselves or by a stop, in milliseconds.
    pub(crate) exits: Vec<Exit>,
    /// What happened to the set-up: `deletePodFile`.
    pub(crate) marks: Vec<(f64, String)>,
    /// The pods' statuses, each from when it was seen.
    pub(crate) statuses: Vec<(f64, Value)>,
    /// The events.
    pub(crate) events: Vec<Event>,
    /// The pods at the end, with their statuses.
    pub(crate) pods: Vec<Value>,
}

/// One call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// When it arrived, in milliseconds since the pod's file was written.
    pub(crate) at: f64,
    pub(crate) took: f64,
    pub(crate) method: String,
    pub(crate) container: String,
    pub(crate) attempt: Option<u64>,
    pub(crate) image: String,
    pub(crate) command: String,
    pub(crate) timeout: Option<i64>,
    pub(crate) sandbox: String,
    pub(crate) id: String,
    /// The kind of error that it ended with; empty for none.
    pub(crate) error: String,
    pub(crate) error_message: String,
    /// The request as protobuf JSON.
    pub(crate) request: Value,
    pub(crate) response: Value,
}

/// A container's end.
#[derive(Clone, Debug)]
pub(crate) struct Exit {
    pub(crate) at: f64,
    pub(crate) container: String,
    pub(crate) attempt: u64,
    pub(crate) id: String,
    pub(crate) code: i32,
    pub(crate) reason: String,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) at: f64,
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Call {
    /// What two runs must agree on.
    pub(crate) fn key(&self) -> String {
        let mut text = self.method.clone();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                text.push_str(&format!(" {name}={value}"));
            }
        };
        add("container", &self.container);
        add("attempt", &self.attempt.map(|it| it.to_string()).unwrap_or_default());
        add("image", &self.image);
        add("command", &self.command);
        add("timeout", &self.timeout.map(|it| it.to_string()).unwrap_or_default());
        add("sandbox", &self.sandbox);
        add("error", &self.error);
        text
    }
}

/// The methods that a recording lists.
pub(crate) fn is_listed(method: &str) -> bool {
    matches!(
        method,
        "RunPodSandbox"
            | "StopPodSandbox"
            | "RemovePodSandbox"
            | "CreateContainer"
            | "StartContainer"
            | "StopContainer"
            | "RemoveContainer"
            | "UpdateContainerResources"
            | "PullImage"
            | "RemoveImage"
            | "ImageStatus"
            | "ExecSync"
    )
}

/// The parts of a pod's status that are recorded.
pub(crate) fn status_row(status: &api::PodStatus) -> Value {
    let text = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
    let mut conditions = serde_json::Map::new();
    for condition in &status.conditions {
        let shown = if condition.reason.is_empty() {
            condition.status.clone()
        } else {
            format!("{}:{}", condition.status, condition.reason)
        };
        conditions.insert(condition.type_.clone(), shown.into());
    }
    let container = |it: &api::ContainerStatus| {
        let mut row = serde_json::Map::new();
        let (state, reason, exit, message) = if it.state.running.is_some() {
            ("running", "", None, "")
        } else if let Some(ended) = &it.state.terminated {
            ("terminated", ended.reason.as_str(), Some(ended.exit_code), ended.message.as_str())
        } else if let Some(waiting) = &it.state.waiting {
            ("waiting", waiting.reason.as_str(), None, waiting.message.as_str())
        } else {
            ("waiting", "", None, "")
        };
        row.insert("name".into(), it.name.as_str().into());
        row.insert("state".into(), state.into());
        row.insert("restartCount".into(), it.restart_count.into());
        row.insert("ready".into(), it.ready.into());
        row.insert("started".into(), it.started.unwrap_or(false).into());
        if !reason.is_empty() {
            row.insert("reason".into(), reason.into());
        }
        if let Some(exit) = exit {
            row.insert("exitCode".into(), exit.into());
        }
        if !message.is_empty() {
            row.insert("message".into(), message.into());
        }
        if let Some(last) = &it.last_state.terminated {
            row.insert(
                "last".into(),
                serde_json::json!({"reason": last.reason, "exitCode": last.exit_code}),
            );
        } else if it.last_state.waiting.is_some() {
            row.insert("last".into(), serde_json::json!({}));
        }
        Value::Object(row)
    };
    let list =
        |statuses: &[api::ContainerStatus]| -> Value { statuses.iter().map(container).collect() };
    serde_json::json!({
        "phase": status.phase,
        "reason": text(&status.reason),
        "conditions": conditions,
        "init": list(&status.init_container_statuses),
        "containers": list(&status.container_statuses),
    })
}
