//! A trace as text, one line for an event: what the command line prints and what tests compare.

use crate::{
    ContainerState, Delivery, Effect, Event, FileContent, Level, Outcome, Payload, Trace, What,
};
use std::fmt::Write;

/// The events up to a detail level, one line each, calls indented by how deep they are.
///
/// ```text
///  0.120   kubelet → dockershim · RunPodSandbox · CRI (gRPC)
///  0.121     dockershim → dockerd · GET /images/k8s.gcr.io/pause:3.5/json · Docker API (HTTP)
///  0.124     ← ok
/// ```
#[must_use]
pub fn listing(trace: &Trace, level: Level) -> String {
    let mut text = String::new();
    let mut depths: Vec<u16> = Vec::with_capacity(trace.len());
    for (id, event) in trace.iter() {
        let shown = trace.level(id) <= level;
        let depth = event.parent.map_or(0, |parent| depths[parent.index()]);
        // A hidden call adds no indentation to what happens in it.
        depths.push(depth + u16::from(shown && event.as_call().is_some()));
        if shown {
            let depth = match event.as_return() {
                Some(answer) => depths[answer.call.index()],
                None => depth,
            };
            let indent = usize::from(depth) * 2;
            let _ = writeln!(
                text,
                "{:>9}  {:indent$}{}",
                event.at.to_string(),
                "",
                describe(trace, event)
            );
        }
    }
    text
}

/// One event in one line.
#[must_use]
pub fn describe(trace: &Trace, event: &Event) -> String {
    match &event.what {
        What::Call(call) => {
            let mut line = format!(
                "{} → {} · {} · {}",
                call.from.name(),
                call.to.name(),
                call.op,
                call.protocol.name()
            );
            if let Payload::Http { query, .. } = &call.request {
                let query: Vec<_> = query.iter().map(|(k, v)| format!("{k}={v}")).collect();
                if !query.is_empty() {
                    let _ = write!(line, " · {}", query.join("&"));
                }
            }
            if let Some(glue) = &call.glue {
                let _ = write!(line, " · glue: {glue}");
            }
            line
        }
        What::Return(answer) => match &answer.outcome {
            Outcome::Ok => {
                let took = event.at.since(trace.event(answer.call).at);
                format!("← {} ms", took.as_micros() as f64 / 1000.0)
            }
            Outcome::Error { code, message } => {
                // What a program printed may have several lines; here it has one.
                format!("← error {code}: {}", message.replace('\n', " "))
            }
        },
        What::Effect(effect) => describe_effect(trace, effect),
    }
}

fn describe_effect(trace: &Trace, effect: &Effect) -> String {
    let pod_name = |pod: &crate::PodRef| {
        trace
            .events
            .iter()
            .filter_map(|event| match event.as_effect() {
                Some(Effect::PodAdded(pod)) => Some(pod.metadata.name.as_str()),
                _ => None,
            })
            .nth(pod.0 as usize)
            .unwrap_or("?")
            .to_owned()
    };
    match effect {
        Effect::PodAdded(pod) => {
            format!("+ pod {}/{}", pod.metadata.namespace, pod.metadata.name)
        }
        Effect::PodUpdated { pod, .. } => format!("~ pod {} updated", pod_name(pod)),
        Effect::PodRemoved { pod } => format!("- pod {}", pod_name(pod)),
        Effect::PodStatus { pod, status } => {
            format!("~ pod {} status: {}", pod_name(pod), api::summary(status))
        }
        Effect::KubeEvent(event) => {
            let times =
                if event.count > 1 { format!(" (x{})", event.count) } else { String::new() };
            let delivery = match event.delivery {
                Delivery::Plain => "",
                Delivery::Combined => " (combined with similar ones)",
                Delivery::Dropped => " (only logged)",
            };
            let kind = event.kind.as_str();
            format!("! {kind} {}{times}{delivery}: {}", event.reason, event.message)
        }
        Effect::Plan { pod, plan } => {
            format!("? plan for {}: {}", pod_name(pod), describe_plan(plan))
        }
        Effect::SyncStep { step: 0, .. } => "§ SyncPod is done".to_owned(),
        Effect::SyncStep { step, .. } => format!("§ SyncPod step {step}"),
        Effect::Sandbox(sandbox) => format!(
            "~ sandbox {} attempt {}: {}{}",
            short(&sandbox.id),
            sandbox.attempt,
            if sandbox.ready { "READY" } else { "NOTREADY" },
            if sandbox.ip.is_empty() { String::new() } else { format!(", {}", sandbox.ip) }
        ),
        Effect::SandboxRemoved { id } => format!("- sandbox {}", short(id)),
        Effect::Container(container) => format!(
            "~ container {} {} attempt {}: {}",
            container.name,
            short(&container.id),
            container.attempt,
            match container.state {
                ContainerState::Created => "CREATED".to_owned(),
                ContainerState::Running => "RUNNING".to_owned(),
                ContainerState::Unknown => "UNKNOWN".to_owned(),
                ContainerState::Exited => format!(
                    "EXITED {} {}",
                    container.exit_code.unwrap_or_default(),
                    container.reason
                ),
            }
        ),
        Effect::ContainerRemoved { id } => format!("- container {}", short(id)),
        Effect::ImageAdded(image) => {
            format!("+ image {} in {}", image.references.join(", "), image.store.name())
        }
        Effect::ImageRemoved { id } => format!("- image {}", short(id)),
        Effect::Process(process) => {
            format!(
                "+ process {} (parent {}): {}",
                process.pid,
                process.ppid,
                process.argv.join(" ")
            )
        }
        Effect::ProcessExited { pid, exit } => format!("- process {pid}: exit code {}", exit.code),
        Effect::Namespace(namespace) => {
            let path = &namespace.path;
            let at = if path.is_empty() { String::new() } else { format!(" at {path}") };
            format!("+ namespace {}:[{}]{at}", namespace.kind.as_str(), namespace.id)
        }
        Effect::NamespaceRemoved { id } => format!("- namespace [{id}]"),
        Effect::AddressAdded { namespace, interface, address } => {
            format!("+ address {address} on {interface} in net:[{namespace}]")
        }
        Effect::AddressRemoved { namespace, interface } => {
            format!("- address on {interface} in net:[{namespace}]")
        }
        Effect::FileWritten { path, content } => match content {
            FileContent::Text(_) => format!("+ file {path}"),
            FileContent::Symlink(to) => format!("+ link {path} → {to}"),
            FileContent::Directory => format!("+ directory {path}"),
        },
        Effect::FileAppended { path, text } => {
            format!("+ in file {path}: {:?}", text.trim_end_matches('\n'))
        }
        Effect::FileRemoved { path } => format!("- file {path}"),
        Effect::CgroupCreated { path } => format!("+ cgroup {path}"),
        Effect::CgroupRemoved { path } => format!("- cgroup {path}"),
        Effect::Mounted(mount) => {
            format!("+ mount {} on {} ({})", mount.source, mount.target, mount.fs_type)
        }
        Effect::Unmounted { target } => format!("- mount {target}"),
    }
}

/// A plan in one line.
#[must_use]
pub fn describe_plan(plan: &crate::Plan) -> String {
    let mut parts = Vec::new();
    if plan.kill_pod {
        parts.push("kill the pod".to_owned());
    }
    if plan.create_sandbox {
        parts.push(format!("create sandbox, attempt {}", plan.attempt));
    }
    for kill in &plan.containers_to_kill {
        parts.push(format!("kill {}", kill.name));
    }
    for (what, names) in [
        ("start init", &plan.init_containers_to_start),
        ("start ephemeral", &plan.ephemeral_containers_to_start),
        ("start", &plan.containers_to_start),
    ] {
        if !names.is_empty() {
            parts.push(format!("{what} {}", names.join(", ")));
        }
    }
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join("; ") }
}

/// An id as short as the tools print it.
#[must_use]
pub fn short(id: &str) -> &str {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.get(..12).unwrap_or(hex)
}
