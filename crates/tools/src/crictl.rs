//! `crictl`: what the CRI server reports.

use crate::kubectl::{log_text, pretty};
use crate::tabwriter::align;
use crate::times::{size, units};
use crate::{Machine, set};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write;
use trace::{ContainerState, ContainerView, SandboxView};

/// How much of an id is shown: `truncatedIDLen` of `cri-tools/cmd/crictl/util.go`.
const ID: usize = 13;

pub(crate) fn run(machine: &Machine<'_>, args: &[&str]) -> String {
    let all = args.contains(&"-a") || args.contains(&"--all");
    let words: Vec<&str> = args.iter().copied().filter(|arg| !arg.starts_with('-')).collect();
    match words.as_slice() {
        ["ps"] => ps(machine, all),
        ["pods" | "pod"] => pods(machine),
        ["images" | "image" | "img"] => images(machine),
        ["inspect", id] => match container(machine, id) {
            Some(view) => inspect(machine, view),
            None => missing("container", id),
        },
        ["inspectp", id] => match sandbox(machine, id) {
            Some(view) => inspectp(machine, view),
            None => missing("pod sandbox", id),
        },
        ["logs", id] => match container(machine, id) {
            Some(view) => log_text(machine.read(&log_path(machine, view)).unwrap_or_default()),
            None => missing("container", id),
        },
        [] => "NAME:\n   crictl - client for CRI\n".to_owned(),
        [command, ..] => format!("shimscope: crictl {command} is not simulated here; see `help`\n"),
    }
}

pub(crate) fn complete(machine: &Machine<'_>, before: &[&str]) -> BTreeSet<String> {
    let short = |id: &str| id.get(..ID).unwrap_or(id).to_owned();
    match before {
        [] => set(&["images", "inspect", "inspectp", "logs", "pods", "ps"]),
        ["ps"] => set(&["-a"]),
        ["inspect" | "logs"] => machine.frame.containers.keys().map(|id| short(id)).collect(),
        ["inspectp"] => machine.frame.sandboxes.keys().map(|id| short(id)).collect(),
        _ => BTreeSet::new(),
    }
}

fn missing(what: &str, id: &str) -> String {
    format!("rpc error: code = NotFound desc = could not find {what} {id:?}: not found\n")
}

fn container<'a>(machine: &Machine<'a>, id: &str) -> Option<&'a ContainerView> {
    let mut found = machine.frame.containers.iter().filter(|(known, _)| known.starts_with(id));
    found.next().map(|(_, view)| &**view)
}

fn sandbox<'a>(machine: &Machine<'a>, id: &str) -> Option<&'a SandboxView> {
    let mut found = machine.frame.sandboxes.iter().filter(|(known, _)| known.starts_with(id));
    found.next().map(|(_, view)| &**view)
}

fn short(id: &str) -> &str {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.get(..ID).unwrap_or(hex)
}

fn ago(machine: &Machine<'_>, id: &str) -> String {
    format!("{} ago", units(machine.frame.at.since(machine.created(id)).as_secs()))
}

/// The newest first, as crictl sorts them.
fn newest<'a, T>(machine: &Machine<'_>, mut list: Vec<(&'a str, T)>) -> Vec<(&'a str, T)> {
    list.sort_by_key(|(id, _)| std::cmp::Reverse(machine.created(id)));
    list
}

fn names<'a>(machine: &Machine<'a>, uid: &str) -> (&'a str, &'a str) {
    machine.pod_of_uid(uid).map_or(("", ""), |pod| {
        let meta = &pod.object.metadata;
        (&*meta.name, &*meta.namespace)
    })
}

fn ps(machine: &Machine<'_>, all: bool) -> String {
    let mut text =
        "CONTAINER\tIMAGE\tCREATED\tSTATE\tNAME\tATTEMPT\tPOD ID\tPOD\tNAMESPACE\n".to_owned();
    let shown = machine.frame.containers.iter();
    let shown = shown.filter(|(_, view)| all || view.state == ContainerState::Running);
    for (id, view) in newest(machine, shown.map(|(id, view)| (&**id, view)).collect()) {
        let (pod, namespace) = names(machine, &view.pod_uid);
        let image = image_id(machine, &view.image).unwrap_or(&view.image);
        let state = match view.state {
            ContainerState::Created => "Created",
            ContainerState::Running => "Running",
            ContainerState::Exited => "Exited",
            ContainerState::Unknown => "Unknown",
        };
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{state}\t{}\t{}\t{}\t{pod}\t{namespace}",
            short(id),
            short(image),
            ago(machine, id),
            view.name,
            view.attempt,
            short(&view.sandbox_id),
        );
    }
    align(&text, 20, 3)
}

fn image_id<'a>(machine: &Machine<'a>, reference: &str) -> Option<&'a str> {
    let mut images = machine.frame.images.values();
    let named = |known: &str| known == reference || known.ends_with(&format!("/{reference}"));
    images.find(|image| image.references.iter().any(|known| named(known))).map(|image| &*image.id)
}

fn pods(machine: &Machine<'_>) -> String {
    let mut text = "POD ID\tCREATED\tSTATE\tNAME\tNAMESPACE\tATTEMPT\tRUNTIME\n".to_owned();
    let all = machine.frame.sandboxes.iter().map(|(id, view)| (&**id, view));
    for (id, view) in newest(machine, all.collect()) {
        let (name, namespace) = names(machine, &view.pod_uid);
        let state = if view.ready { "Ready" } else { "NotReady" };
        let _ = writeln!(
            text,
            "{}\t{}\t{state}\t{name}\t{namespace}\t{}\t(default)",
            short(id),
            ago(machine, id),
            view.attempt
        );
    }
    align(&text, 20, 3)
}

/// A reference without its tag, and the tag.
pub(crate) fn tag(reference: &str) -> (&str, &str) {
    let slash = reference.rfind('/').map_or(0, |at| at + 1);
    match reference[slash..].rfind(':') {
        Some(colon) => (&reference[..slash + colon], &reference[slash + colon + 1..]),
        None => (reference, "<none>"),
    }
}

fn images(machine: &Machine<'_>) -> String {
    let mut text = "IMAGE\tTAG\tIMAGE ID\tSIZE\n".to_owned();
    let mut rows: Vec<(&str, &trace::ImageView)> = Vec::new();
    for image in machine.frame.images.values() {
        let tagged = image.references.iter().filter(|reference| !reference.contains('@'));
        rows.extend(tagged.map(|reference| (&**reference, &**image)));
    }
    rows.sort_by_key(|(reference, _)| *reference);
    rows.dedup();
    for (reference, image) in rows {
        let (name, tag) = tag(reference);
        let _ = writeln!(text, "{name}\t{tag}\t{}\t{}", short(&image.id), size(image.size));
    }
    align(&text, 20, 3)
}

fn log_path(machine: &Machine<'_>, view: &ContainerView) -> String {
    let (pod, namespace) = names(machine, &view.pod_uid);
    format!("/var/log/pods/{namespace}_{pod}_{}/{}/{}.log", view.pod_uid, view.name, view.attempt)
}

fn labels(machine: &Machine<'_>, uid: &str) -> serde_json::Value {
    let (pod, namespace) = names(machine, uid);
    json!({
        "io.kubernetes.pod.name": pod,
        "io.kubernetes.pod.namespace": namespace,
        "io.kubernetes.pod.uid": uid,
    })
}

fn inspect(machine: &Machine<'_>, view: &ContainerView) -> String {
    let time = |state: ContainerState| {
        machine
            .reached(&view.id, state)
            .map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), trace::Time::rfc3339_nanos)
    };
    let state = match view.state {
        ContainerState::Created => "CONTAINER_CREATED",
        ContainerState::Running => "CONTAINER_RUNNING",
        ContainerState::Exited => "CONTAINER_EXITED",
        ContainerState::Unknown => "CONTAINER_UNKNOWN",
    };
    let mut labels = labels(machine, &view.pod_uid);
    labels["io.kubernetes.container.name"] = json!(&*view.name);
    let value = json!({
        "status": {
            "id": &*view.id,
            "metadata": { "attempt": view.attempt, "name": &*view.name },
            "state": state,
            "createdAt": machine.created(&view.id).rfc3339_nanos(),
            "startedAt": time(ContainerState::Running),
            "finishedAt": time(ContainerState::Exited),
            "exitCode": view.exit_code.unwrap_or_default(),
            "image": { "image": &*view.image },
            "imageRef": image_id(machine, &view.image).unwrap_or_default(),
            "reason": &*view.reason,
            "labels": labels,
            "logPath": log_path(machine, view),
        },
        "info": { "sandboxID": &*view.sandbox_id, "pid": view.pid },
    });
    pretty(&value.to_string())
}

fn inspectp(machine: &Machine<'_>, view: &SandboxView) -> String {
    let (name, namespace) = names(machine, &view.pod_uid);
    let state = if view.ready { "SANDBOX_READY" } else { "SANDBOX_NOTREADY" };
    let value = json!({
        "status": {
            "id": &*view.id,
            "metadata": {
                "attempt": view.attempt,
                "name": name,
                "namespace": namespace,
                "uid": &*view.pod_uid,
            },
            "state": state,
            "createdAt": machine.created(&view.id).rfc3339_nanos(),
            "network": { "ip": &*view.ip },
            "labels": labels(machine, &view.pod_uid),
        },
        "info": { "pid": view.pid },
    });
    pretty(&value.to_string())
}
