//! `docker`: what dockerd knows, the pods' sandboxes among its containers.

use crate::crictl::tag;
use crate::tabwriter::align;
use crate::times::{size, units};
use crate::{Machine, set};
use std::collections::BTreeSet;
use std::fmt::Write;
use trace::{Component, ContainerState, Time};

/// A container as dockerd sees it: a sandbox is one as well.
struct Row<'a> {
    id: &'a str,
    image: &'a str,
    command: String,
    created: Time,
    status: String,
    running: bool,
    name: String,
}

pub(crate) fn run(machine: &Machine<'_>, args: &[&str]) -> String {
    let all = args.contains(&"-a") || args.contains(&"--all");
    let words: Vec<&str> = args.iter().copied().filter(|arg| !arg.starts_with('-')).collect();
    match words.as_slice() {
        ["ps"] | ["container", "ls"] => ps(machine, all),
        ["images"] | ["image", "ls"] => images(machine),
        ["inspect", name] => inspect(machine, name),
        ["logs", name] => {
            let rows = rows(machine);
            match rows.iter().find(|row| row.is(name)) {
                Some(row) => {
                    let path = format!("/var/lib/docker/containers/{0}/{0}-json.log", row.id);
                    crate::kubectl::log_text(machine.read(&path).unwrap_or_default())
                }
                None => format!("Error: No such container: {name}\n"),
            }
        }
        [] => "Usage:  docker [OPTIONS] COMMAND\n".to_owned(),
        [command, ..] => format!("shimscope: docker {command} is not simulated here; see `help`\n"),
    }
}

pub(crate) fn complete(machine: &Machine<'_>, before: &[&str]) -> BTreeSet<String> {
    match before {
        [] => set(&["images", "inspect", "logs", "ps"]),
        ["ps"] => set(&["-a"]),
        ["inspect" | "logs"] => rows(machine).into_iter().map(|row| row.name).collect(),
        _ => BTreeSet::new(),
    }
}

impl Row<'_> {
    fn is(&self, name: &str) -> bool {
        self.name == name || self.id.starts_with(name)
    }
}

/// Every container of dockerd, the newest first.
fn rows<'a>(machine: &Machine<'a>) -> Vec<Row<'a>> {
    let frame = machine.frame;
    let ago = |time: Time| units(frame.at.since(time).as_secs());
    let mut rows = Vec::new();
    // What it was started with, whatever the process has turned into since.
    let command = |id: &str| {
        let first = machine.past().find_map(|(_, event)| match event.as_effect()? {
            trace::Effect::Process(process)
                if *process.container_id == *id
                    && process.argv.get(1).is_none_or(|word| &**word != "init") =>
            {
                Some(process.argv.join(" "))
            }
            _ => None,
        });
        first.unwrap_or_default()
    };
    let name = |uid: &str, container: &str, attempt: u32| {
        let (pod, namespace) = machine.pod_of_uid(uid).map_or(("", ""), |pod| {
            let meta = &pod.object.metadata;
            (&*meta.name, &*meta.namespace)
        });
        format!("k8s_{container}_{pod}_{namespace}_{uid}_{attempt}")
    };
    for view in frame.containers.values() {
        let created = machine.created(&view.id);
        let status = match view.state {
            ContainerState::Created | ContainerState::Unknown => "Created".to_owned(),
            ContainerState::Running => {
                let since = machine.reached(&view.id, ContainerState::Running);
                format!("Up {}", ago(since.unwrap_or(created)))
            }
            ContainerState::Exited => {
                let since = machine.reached(&view.id, ContainerState::Exited);
                let code = view.exit_code.unwrap_or_default();
                format!("Exited ({code}) {} ago", ago(since.unwrap_or(created)))
            }
        };
        rows.push(Row {
            id: &view.id,
            image: &view.image,
            command: command(&view.id),
            created,
            status,
            running: view.state == ContainerState::Running,
            name: name(&view.pod_uid, &view.name, view.attempt),
        });
    }
    for view in frame.sandboxes.values() {
        let created = machine.created(&view.id);
        let running = frame.processes.contains_key(&view.pid);
        let pause = frame.images.values().find_map(|image| {
            image.references.iter().find(|name| name.contains("/pause")).map(|name| &**name)
        });
        let ended = machine
            .last(|effect| matches!(effect, trace::Effect::Sandbox(known) if known.id == view.id));
        rows.push(Row {
            id: &view.id,
            image: pause.unwrap_or("pause"),
            command: command(&view.id),
            created,
            status: match running {
                true => format!("Up {}", ago(created)),
                false => format!("Exited (0) {} ago", ago(ended.unwrap_or(created))),
            },
            running,
            name: name(&view.pod_uid, "POD", view.attempt),
        });
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.created));
    rows
}

fn short(id: &str) -> &str {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.get(..12).unwrap_or(hex)
}

fn ps(machine: &Machine<'_>, all: bool) -> String {
    let mut text = "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES\n".to_owned();
    for row in rows(machine).iter().filter(|row| all || row.running) {
        let command = match row.command.chars().count() > 20 {
            true => format!("{}…", row.command.chars().take(19).collect::<String>()),
            false => row.command.clone(),
        };
        let created = units(machine.frame.at.since(row.created).as_secs());
        let _ = writeln!(
            text,
            "{}\t{}\t\"{command}\"\t{created} ago\t{}\t\t{}",
            short(row.id),
            row.image,
            row.status,
            row.name
        );
    }
    align(&text, 10, 3)
}

fn images(machine: &Machine<'_>) -> String {
    let mut text = "REPOSITORY\tTAG\tIMAGE ID\tSIZE\n".to_owned();
    let own = |image: &&std::rc::Rc<trace::ImageView>| image.store == Component::Dockerd;
    for image in machine.frame.images.values().filter(own) {
        for reference in image.references.iter().filter(|name| !name.contains('@')) {
            let (name, tag) = tag(reference);
            let _ = writeln!(text, "{name}\t{tag}\t{}\t{}", short(&image.id), size(image.size));
        }
    }
    align(&text, 10, 3)
}

/// What dockerd answered last when it was asked about the container.
fn inspect(machine: &Machine<'_>, name: &str) -> String {
    let rows = rows(machine);
    let found = rows.iter().find(|row| row.is(name)).and_then(|row| {
        machine.past().rev().find_map(|(_, event)| {
            let answer = event.as_return()?;
            let trace::Payload::HttpResponse { status: 200, body: Some(body) } = &answer.response
            else {
                return None;
            };
            let call = machine.trace.event(answer.call).as_call()?;
            let trace::Payload::Http { path, .. } = &call.request else { return None };
            (path.ends_with("/json") && path.contains(row.id)).then(|| body.clone())
        })
    });
    match found {
        Some(body) => crate::kubectl::pretty(&format!("[{body}]")),
        None => format!("[]\nError: No such object: {name}\n"),
    }
}
