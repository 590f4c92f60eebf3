//! `ctr`: containerd's own view, in which a Kubernetes pod is containers in a namespace.

use crate::tabwriter::align;
use crate::times::size;
use crate::{Machine, set};
use std::collections::BTreeSet;
use std::fmt::Write;
use trace::{Component, ContainerState};

/// containerd's namespace for whoever drives it.
fn namespace(machine: &Machine<'_>) -> &'static str {
    if machine.has(Component::Dockerd) { "moby" } else { "k8s.io" }
}

pub(crate) fn run(machine: &Machine<'_>, args: &[&str]) -> String {
    let (mut chosen, mut words) = ("default", Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.strip_prefix("--namespace=") {
            Some(name) => chosen = name,
            None if ["-n", "--namespace"].contains(arg) => {
                chosen = args.next().copied().unwrap_or_default();
            }
            None if arg.starts_with('-') => {}
            None => words.push(*arg),
        }
    }
    let own = chosen == namespace(machine);
    match words.as_slice() {
        ["namespaces" | "namespace" | "ns", "ls" | "list"] => {
            align(&format!("NAME\tLABELS\t\n{}\t\t\n", namespace(machine)), 1, 1)
        }
        ["containers" | "container" | "c", "ls" | "list"] => containers(machine, own),
        ["tasks" | "task" | "t", "ls" | "list"] => tasks(machine, own),
        ["images" | "image" | "i", "ls" | "list"] => images(machine, own),
        [] => "NAME:\n   ctr - containerd CLI\n".to_owned(),
        words => {
            format!("shimscope: ctr {} is not simulated here; see `help`\n", words.join(" "))
        }
    }
}

pub(crate) fn complete(machine: &Machine<'_>, before: &[&str]) -> BTreeSet<String> {
    match before {
        [] => set(&["-n", "containers", "images", "namespaces", "tasks"]),
        ["-n"] => set(&[namespace(machine)]),
        ["-n", _] => set(&["containers", "images", "tasks"]),
        [.., "containers" | "images" | "namespaces" | "tasks"] => set(&["ls"]),
        _ => BTreeSet::new(),
    }
}

/// Id, image, first process, state.
fn all<'a>(machine: &Machine<'a>) -> Vec<(&'a str, &'a str, u32, &'static str)> {
    let frame = machine.frame;
    let mut rows = Vec::new();
    let pause = frame.images.values().find_map(|image| {
        image.references.iter().find(|name| name.contains("/pause")).map(|name| &**name)
    });
    for view in frame.sandboxes.values() {
        let state = if frame.processes.contains_key(&view.pid) { "RUNNING" } else { "STOPPED" };
        rows.push((&*view.id, pause.unwrap_or("-"), view.pid, state));
    }
    for view in frame.containers.values() {
        let state = match view.state {
            ContainerState::Created => "CREATED",
            ContainerState::Running => "RUNNING",
            ContainerState::Exited => "STOPPED",
            ContainerState::Unknown => "UNKNOWN",
        };
        let image = frame.images.get(&view.image).and_then(|image| image.references.first());
        rows.push((&*view.id, image.map_or(&*view.image, |name| name), view.pid, state));
    }
    // dockerd gives containerd no image; it mounts its own layers.
    if machine.has(Component::Dockerd) {
        rows.iter_mut().for_each(|row| row.1 = "-");
    }
    rows.sort_unstable();
    rows
}

fn containers(machine: &Machine<'_>, own: bool) -> String {
    let mut text = "CONTAINER\tIMAGE\tRUNTIME\t\n".to_owned();
    for (id, image, ..) in all(machine).iter().filter(|_| own) {
        let _ = writeln!(text, "{id}\t{image}\tio.containerd.runc.v2\t");
    }
    align(&text, 4, 4)
}

fn tasks(machine: &Machine<'_>, own: bool) -> String {
    let mut text = "TASK\tPID\tSTATUS\t\n".to_owned();
    // An exited container of dockerd has no task any more.
    for (id, _, pid, state) in all(machine).iter().filter(|row| own && row.2 > 0) {
        let _ = writeln!(text, "{id}\t{pid}\t{state}\t");
    }
    align(&text, 4, 4)
}

fn images(machine: &Machine<'_>, own: bool) -> String {
    let mut text = "REF\tDIGEST\tSIZE\t\n".to_owned();
    let stored =
        |image: &&std::rc::Rc<trace::ImageView>| own && image.store == Component::Containerd;
    for image in machine.frame.images.values().filter(stored) {
        for reference in &image.references {
            let _ = writeln!(text, "{reference}\t{}\t{}\t", image.id, size(image.size));
        }
    }
    align(&text, 1, 1)
}
