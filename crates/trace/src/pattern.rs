//! Naming steps by what they are: how captions, lessons and tests find them in any trace.
//!
//! The key of a call is `> RunPodSandbox @dockershim`, of its return `< …` or, where it failed,
//! `! …`; the key of an effect is `~sandbox-ready`, `~file /etc/hosts`, `~step 4`.

use crate::{ContainerState, Effect, Event, FileContent, Trace, What};

/// The key of a step, which patterns are compared with.
#[must_use]
pub fn key_of(trace: &Trace, event: &Event) -> String {
    match &event.what {
        What::Call(call) => format!("> {} @{}", call.op, call.to.key()),
        What::Return(answer) => {
            let mark = if answer.outcome.is_ok() { '<' } else { '!' };
            match trace.event(answer.call).as_call() {
                Some(call) => format!("{mark} {} @{}", call.op, call.to.key()),
                None => mark.to_string(),
            }
        }
        What::Effect(effect) => format!("~{}", effect_key(effect)),
    }
}

fn effect_key(effect: &Effect) -> String {
    let plain = match effect {
        Effect::PodAdded(_) => "pod-added",
        Effect::PodUpdated { .. } => "pod-updated",
        Effect::PodRemoved { .. } => "pod-removed",
        Effect::PodStatus { status, .. } => return format!("status {}", status.phase.as_str()),
        Effect::KubeEvent(event) => return format!("event {}", event.reason),
        Effect::Plan { plan, .. } if plan.is_empty() => "plan-empty",
        Effect::Plan { .. } => "plan",
        Effect::SyncStep { step, .. } => return format!("step {step}"),
        Effect::Sandbox(sandbox) if sandbox.ready => "sandbox-ready",
        Effect::Sandbox(_) => "sandbox-notready",
        Effect::SandboxRemoved { .. } => "sandbox-removed",
        Effect::Container(container) => match container.state {
            ContainerState::Created => "container created",
            ContainerState::Running => "container running",
            ContainerState::Exited => "container exited",
            ContainerState::Unknown => "container unknown",
        },
        Effect::ContainerRemoved { .. } => "container-removed",
        Effect::ImageAdded(_) => "image-added",
        Effect::ImageRemoved { .. } => "image-removed",
        Effect::Process(process) => {
            return format!("process {}", process.argv.first().map_or("", |word| word));
        }
        Effect::ProcessExited { .. } => "exit",
        Effect::Namespace(namespace) => return format!("namespace {}", namespace.kind.as_str()),
        Effect::NamespaceRemoved { .. } => "namespace-removed",
        Effect::AddressAdded { .. } => "address-added",
        Effect::AddressRemoved { .. } => "address-removed",
        Effect::FileWritten { path, content } => {
            let kind = match content {
                FileContent::Text(_) => "file",
                FileContent::Symlink(_) => "symlink",
                FileContent::Directory => "directory",
            };
            return format!("{kind} {path}");
        }
        Effect::FileAppended { path, .. } => return format!("file-appended {path}"),
        Effect::FileRemoved { path } => return format!("file-removed {path}"),
        Effect::CgroupCreated { .. } => "cgroup",
        Effect::CgroupRemoved { .. } => "cgroup-removed",
        Effect::Mounted(_) => "mount",
        Effect::Unmounted { .. } => "unmount",
    };
    plain.to_owned()
}

/// Whether a pattern with `*` fits all of a text, as a shell would read it.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_a_shell_would_read_them() {
        assert!(fits("> GET /images/*/json @dockerd", "> GET /images/a/b/json @dockerd"));
        assert!(!fits("> GET /images/*/json @dockerd", "> GET /images/json @dockerd"));
        assert!(fits("~plan", "~plan"));
        assert!(!fits("~plan", "~plan-empty"));
        assert!(fits("> *", "> anything"));
        assert!(fits("> *create* @runc", "> runc create @runc"));
    }
}
