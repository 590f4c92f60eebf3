//! `kubectl`.

use crate::tabwriter::align;
use crate::times::{age, parse, rfc1123};
use crate::yaml::yaml;
use crate::{Act, Answer, Machine, set};
use api::{ContainerState, ContainerStatus, Pod};
use std::collections::BTreeSet;
use std::fmt::Write;
use trace::{Effect, PodView, Time};

/// The flags that take a value in the next word.
const VALUED: [&str; 8] =
    ["-o", "--output", "-n", "--namespace", "-c", "--container", "-f", "--filename"];

/// A command line taken apart.
struct Line<'a> {
    words: Vec<&'a str>,
    flags: Vec<(&'a str, &'a str)>,
}

impl<'a> Line<'a> {
    fn of(args: &[&'a str]) -> Self {
        let mut line = Self { words: Vec::new(), flags: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if !arg.starts_with('-') || *arg == "-" {
                line.words.push(arg);
            } else if let Some((name, value)) = arg.split_once('=') {
                line.flags.push((name, value));
            } else if VALUED.contains(arg) {
                line.flags.push((arg, args.next().copied().unwrap_or_default()));
            } else if let Some(value) = arg.strip_prefix("-o").filter(|value| !value.is_empty()) {
                line.flags.push(("-o", value));
            } else {
                line.flags.push((arg, ""));
            }
        }
        line
    }

    fn flag(&self, names: &[&str]) -> Option<&'a str> {
        let found = self.flags.iter().rev().find(|(name, _)| names.contains(name));
        found.map(|(_, value)| *value)
    }

    fn output(&self) -> &'a str {
        self.flag(&["-o", "--output"]).unwrap_or_default()
    }
}

pub(crate) fn run(machine: &Machine<'_>, args: &[&str]) -> Answer {
    let line = Line::of(args);
    let Some((&verb, rest)) = line.words.split_first() else {
        return Answer::of("kubectl controls the Kubernetes cluster manager.\n");
    };
    match verb {
        "get" => get(machine, &line, rest).into(),
        "describe" => describe(machine, rest).into(),
        "logs" => logs(machine, &line, rest).into(),
        "delete" => delete(machine, &line, rest),
        "apply" | "create" => apply(machine, &line, verb),
        "run" => run_pod(machine, &line, rest),
        "exec" | "attach" | "port-forward" | "cp" | "edit" | "patch" | "scale" | "rollout"
        | "debug" | "top" | "drain" | "cordon" | "label" | "annotate" | "explain" | "version"
        | "config" | "cluster-info" | "api-resources" | "wait" => {
            Answer::of(format!("shimscope: kubectl {verb} is not simulated here; see `help`\n"))
        }
        _ => Answer::of(format!("error: unknown command \"{verb}\" for \"kubectl\"\n")),
    }
}

pub(crate) fn complete(machine: &Machine<'_>, before: &[&str]) -> BTreeSet<String> {
    let pods = || machine.pods().map(|pod| pod.object.metadata.name.to_string()).collect();
    match before {
        [] => set(&["apply", "delete", "describe", "get", "logs", "run"]),
        [.., "-o"] => set(&["json", "name", "wide", "yaml"]),
        [.., "-f"] => set(&["manifest.yaml"]),
        ["get"] => set(&["events", "pods"]),
        ["describe" | "delete"] => set(&["pod"]),
        ["logs", pod, .., "-c"] => find(machine, pod)
            .map(|pod| containers(&pod.object).map(|c| c.name.to_string()).collect())
            .unwrap_or_default(),
        ["logs"] | ["get" | "describe" | "delete", "pod" | "pods" | "po"] => pods(),
        ["logs", _] => set(&["-c", "--previous"]),
        ["get", _, ..] => set(&["-o"]),
        ["delete", ..] => set(&["--grace-period=0", "--now"]),
        ["apply"] => set(&["-f"]),
        ["run", _] => set(&["--image="]),
        _ => BTreeSet::new(),
    }
}

fn find<'a>(machine: &Machine<'a>, name: &str) -> Option<&'a PodView> {
    let name = name.strip_prefix("pod/").unwrap_or(name);
    machine.pods().find(|pod| *pod.object.metadata.name == *name)
}

fn pod_not_found(name: &str) -> String {
    format!("Error from server (NotFound): pods \"{name}\" not found\n")
}

fn is_pods(word: &str) -> bool {
    ["pods", "pod", "po"].contains(&word)
}

fn no_type(word: &str) -> String {
    format!("error: the server doesn't have a resource type \"{word}\"\n")
}

fn containers(pod: &Pod) -> impl Iterator<Item = &api::Container> {
    pod.spec.init_containers.iter().chain(&pod.spec.containers)
}

/// The object with its status.
fn whole(pod: &PodView) -> Pod {
    let mut object = (*pod.object).clone();
    if let Some(status) = &pod.status {
        object.status = (**status).clone();
    }
    object
}

fn get(machine: &Machine<'_>, line: &Line<'_>, rest: &[&str]) -> String {
    let (kind, names) = match rest {
        [] => {
            return "error: Required resource not specified.\n".to_owned();
        }
        [first, names @ ..] => match first.split_once('/') {
            Some((kind, name)) => (kind, [&[name], names].concat()),
            None => (*first, names.to_vec()),
        },
    };
    if ["events", "event", "ev"].contains(&kind) {
        return events(machine);
    }
    if !is_pods(kind) {
        return no_type(kind);
    }
    let mut missing = String::new();
    let mut pods = Vec::new();
    if names.is_empty() {
        pods.extend(machine.pods());
    }
    for name in &names {
        match find(machine, name) {
            Some(pod) => pods.push(pod),
            None => missing += &pod_not_found(name),
        }
    }
    if pods.is_empty() {
        return match missing.is_empty() {
            true => "No resources found in default namespace.\n".to_owned(),
            false => missing,
        };
    }
    let text = match line.output() {
        "" | "wide" => table(machine, line, &pods),
        "name" => {
            let names = pods.iter().map(|pod| format!("pod/{}\n", pod.object.metadata.name));
            names.collect()
        }
        "yaml" | "json" => {
            let objects: Vec<String> =
                pods.iter().map(|pod| api::print::to_json(&whole(pod))).collect();
            let json = match objects.as_slice() {
                [one] if !names.is_empty() => one.clone(),
                many => format!(
                    r#"{{"apiVersion":"v1","items":[{}],"kind":"List","metadata":{{"resourceVersion":""}}}}"#,
                    many.join(",")
                ),
            };
            if line.output() == "yaml" { yaml(&json) } else { pretty(&json) }
        }
        other => format!(
            "error: unable to match a printer suitable for the output format \"{other}\", allowed formats are: json,name,wide,yaml\n"
        ),
    };
    text + &missing
}

/// JSON over several lines, as the tools of the field print it.
pub(crate) fn pretty(json: &str) -> String {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(json) else {
        return json.to_owned();
    };
    let Ok(text) = serde_json::to_string_pretty(&value) else { return json.to_owned() };
    // Go indents by four spaces.
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        let body = line.trim_start();
        out.extend(std::iter::repeat_n(' ', 2 * (line.len() - body.len())));
        out.push_str(body);
        out.push('\n');
    }
    out
}

/// The rows of `get pods`: `printPod` of `pkg/printers/internalversion/printers.go`.
fn table(machine: &Machine<'_>, line: &Line<'_>, pods: &[&PodView]) -> String {
    let all = line.flag(&["-A", "--all-namespaces"]).is_some();
    let wide = line.output() == "wide";
    let mut text = String::new();
    if line.flag(&["--no-headers"]).is_none() {
        text.push_str(if all { "NAMESPACE\t" } else { "" });
        text.push_str("NAME\tREADY\tSTATUS\tRESTARTS\tAGE");
        text.push_str(if wide { "\tIP\tNODE\tNOMINATED NODE\tREADINESS GATES\n" } else { "\n" });
    }
    let now = machine.frame.at;
    for pod in pods {
        let meta = &pod.object.metadata;
        if all {
            let _ = write!(text, "{}\t", meta.namespace);
        }
        let summary = Summary::of(pod, now);
        let _ = write!(
            text,
            "{}\t{}\t{}\t{}\t{}",
            meta.name,
            summary.ready,
            summary.status,
            summary.restarts,
            age(now.since(added(machine, pod)).as_secs())
        );
        if wide {
            let ip = pod.status.as_ref().map_or("", |status| &status.pod_ip);
            let ip = if ip.is_empty() { "<none>" } else { ip };
            let _ = write!(text, "\t{ip}\t{NODE}\t<none>\t<none>");
        }
        text.push('\n');
    }
    align(&text, 6, 3)
}

/// The simulated node's name.
const NODE: &str = "node-1";

fn added(machine: &Machine<'_>, pod: &PodView) -> Time {
    let uid = &pod.object.metadata.uid;
    let added = machine
        .first(|effect| matches!(effect, Effect::PodAdded(known) if known.metadata.uid == *uid));
    added.unwrap_or_default()
}

struct Summary {
    ready: String,
    status: String,
    restarts: String,
}

impl Summary {
    fn of(pod: &PodView, now: Time) -> Self {
        let spec = &pod.object.spec;
        let default = api::PodStatus::default();
        let status = pod.status.as_deref().unwrap_or(&default);
        let sidecar = |name: &str| {
            let mut inits = spec.init_containers.iter();
            inits.any(|c| *c.name == *name && c.restart_policy.as_deref() == Some("Always"))
        };
        let sidecars = spec.init_containers.iter().filter(|c| sidecar(&c.name)).count();
        let total = spec.containers.len() + sidecars;
        let mut reason = match (&*status.reason, &*status.phase) {
            ("", "") => "Pending".to_owned(),
            ("", phase) => phase.to_owned(),
            (reason, _) => reason.to_owned(),
        };
        let (mut ready, mut restarts, mut init_restarts) = (0, 0, 0);
        let mut last: Option<Time> = None;
        let mut note_restart = |container: &ContainerStatus| {
            let ended = container.last_state.terminated.as_ref();
            let at = ended.and_then(|ended| parse(&ended.finished_at.0));
            last = last.max(at);
        };
        let mut initializing = false;
        for (index, container) in status.init_container_statuses.iter().enumerate() {
            init_restarts += container.restart_count;
            note_restart(container);
            let state = &container.state;
            if sidecar(&container.name) {
                restarts += container.restart_count;
                ready += usize::from(container.ready);
                if container.started == Some(true) {
                    continue;
                }
            }
            reason = match (&state.terminated, &state.waiting) {
                (Some(end), _) if end.exit_code == 0 => continue,
                (Some(end), _) => format!("Init:{}", ending(end)),
                (_, Some(waiting))
                    if !waiting.reason.is_empty() && waiting.reason != "PodInitializing" =>
                {
                    format!("Init:{}", waiting.reason)
                }
                _ => format!("Init:{index}/{}", spec.init_containers.len()),
            };
            initializing = true;
            break;
        }
        if initializing {
            restarts = init_restarts;
        } else {
            let mut running = false;
            for container in status.container_statuses.iter().rev() {
                restarts += container.restart_count;
                note_restart(container);
                let state = &container.state;
                match (&state.waiting, &state.terminated) {
                    (Some(waiting), _) if !waiting.reason.is_empty() => {
                        reason.clone_from(&waiting.reason);
                    }
                    (_, Some(end)) => reason = ending(end),
                    _ if container.ready && state.running.is_some() => {
                        running = true;
                        ready += 1;
                    }
                    _ => {}
                }
            }
            if reason == "Completed" && running {
                let is_ready = |c: &api::PodCondition| c.type_ == "Ready" && c.status == "True";
                let ready = status.conditions.iter().any(is_ready);
                reason = if ready { "Running" } else { "NotReady" }.to_owned();
            }
        }
        if pod.object.metadata.deletion_timestamp.is_some()
            && !["Succeeded", "Failed"].contains(&&*status.phase)
        {
            reason = "Terminating".to_owned();
        }
        let restarts = match last.filter(|_| restarts > 0) {
            Some(at) => format!("{restarts} ({} ago)", age(now.since(at).as_secs())),
            None => restarts.to_string(),
        };
        Self { ready: format!("{ready}/{total}"), status: reason, restarts }
    }
}

fn ending(end: &api::ContainerStateTerminated) -> String {
    match (end.reason.as_str(), end.signal) {
        ("", 0) => format!("ExitCode:{}", end.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn events(machine: &Machine<'_>) -> String {
    let now = machine.frame.at;
    let mut text = "LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n".to_owned();
    let header = text.len();
    for pod in machine.pods() {
        for (id, event) in &pod.events {
            let seen = age(now.since(machine.trace.event(*id).at).as_secs());
            let _ = writeln!(
                text,
                "{seen}\t{}\t{}\tpod/{}\t{}",
                event.kind.as_str(),
                event.reason,
                pod.object.metadata.name,
                event.message
            );
        }
    }
    if text.len() == header {
        return "No resources found in default namespace.\n".to_owned();
    }
    align(&text, 6, 3)
}

fn describe(machine: &Machine<'_>, rest: &[&str]) -> String {
    let (kind, name) = match rest {
        [] => {
            return "error: You must specify the type of resource to describe.\n".to_owned();
        }
        [word] => match word.split_once('/') {
            Some((kind, name)) => (kind, Some(name)),
            None => (*word, None),
        },
        [kind, name, ..] => (*kind, Some(*name)),
    };
    if !is_pods(kind) {
        return no_type(kind);
    }
    match name {
        Some(name) => find(machine, name)
            .map_or_else(|| pod_not_found(name), |pod| describe_pod(machine, pod)),
        None => {
            let pods: Vec<String> = machine.pods().map(|pod| describe_pod(machine, pod)).collect();
            match pods.is_empty() {
                true => "No resources found in default namespace.\n".to_owned(),
                false => pods.join("\n\n"),
            }
        }
    }
}

/// What `kubectl describe pod` prints of a pod: `describePod` of
/// `k8s.io/kubectl/pkg/describe/describe.go`.
#[must_use]
pub fn describe_pod(machine: &Machine<'_>, pod: &PodView) -> String {
    let mut text = String::new();
    let (meta, spec) = (&pod.object.metadata, &pod.object.spec);
    let default = api::PodStatus::default();
    let status = pod.status.as_deref().unwrap_or(&default);
    let mut line = |name: &str, value: &str| {
        let value = if value.is_empty() { "<none>" } else { value };
        let _ = writeln!(text, "{name}:\t{value}");
    };
    line("Name", &meta.name);
    line("Namespace", &meta.namespace);
    line("Priority", &spec.priority.unwrap_or_default().to_string());
    if !spec.service_account_name.is_empty() {
        line("Service Account", &spec.service_account_name);
    }
    line("Node", &format!("{NODE}/{}", status.host_ip));
    if let Some(start) = &status.start_time {
        line("Start Time", &rfc1123(&start.0));
    }
    let pairs = |map: &std::collections::BTreeMap<String, String>, sign: &str| {
        let list: Vec<String> =
            map.iter().map(|(key, value)| format!("{key}{sign}{value}")).collect();
        list.join("\n\t")
    };
    line("Labels", &pairs(&meta.labels, "="));
    line("Annotations", &pairs(&meta.annotations, ": "));
    match &meta.deletion_timestamp {
        Some(deadline) => {
            let left = parse(&deadline.0).unwrap_or_default();
            let grace = meta.deletion_grace_period_seconds.unwrap_or_default();
            let since = machine.frame.at.since(left).as_secs();
            line("Status", &format!("Terminating (lasts {})", age(since)));
            line("Termination Grace Period", &format!("{grace}s"));
        }
        None => line("Status", &status.phase),
    }
    if !status.reason.is_empty() {
        line("Reason", &status.reason);
    }
    line("IP", &status.pod_ip);
    if status.pod_ips.is_empty() {
        line("IPs", "<none>");
    } else {
        let _ = writeln!(text, "IPs:");
        for ip in &status.pod_ips {
            let _ = writeln!(text, "  IP:\t{}", ip.ip);
        }
    }
    describe_containers(
        &mut text,
        "Init Containers",
        &spec.init_containers,
        &status.init_container_statuses,
    );
    describe_containers(&mut text, "Containers", &spec.containers, &status.container_statuses);
    if !status.conditions.is_empty() {
        let _ = writeln!(text, "Conditions:\n  Type\tStatus");
        for condition in &status.conditions {
            let _ = writeln!(text, "  {}\t{} ", condition.type_, condition.status);
        }
    }
    if spec.volumes.is_empty() {
        let _ = writeln!(text, "Volumes:\t<none>");
    } else {
        let _ = writeln!(text, "Volumes:");
        for volume in &spec.volumes {
            let _ = writeln!(text, "  {}:", volume.name);
        }
    }
    let _ = writeln!(text, "QoS Class:\t{}", status.qos_class);
    let selectors = pairs(&spec.node_selector, "=");
    let selectors = if selectors.is_empty() { "<none>" } else { &selectors };
    let _ = writeln!(text, "Node-Selectors:\t{selectors}");
    if pod.events.is_empty() {
        let _ = writeln!(text, "Events:\t<none>");
    } else {
        let _ = writeln!(
            text,
            "Events:\n  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------"
        );
        for (id, event) in &pod.events {
            let ago = |at: Time| age(machine.frame.at.since(at).as_secs());
            let mut when = ago(machine.trace.event(*id).at);
            if event.count > 1 {
                when = format!("{when} (x{} over {})", event.count, ago(event.first));
            }
            let (kind, reason) = (event.kind.as_str(), &event.reason);
            let _ = writeln!(text, "  {kind}\t{reason}\t{when}\tkubelet\t{}", event.message);
        }
    }
    align(&text, 0, 2)
}

fn describe_containers(
    text: &mut String,
    title: &str,
    containers: &[api::Container],
    statuses: &[ContainerStatus],
) {
    if containers.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}:");
    for container in containers {
        let status = statuses.iter().find(|status| status.name == container.name);
        let _ = writeln!(text, "  {}:", container.name);
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "    {name}:\t{value}");
        };
        let known = |value: fn(&ContainerStatus) -> &str| status.map_or("", value);
        line("Container ID", known(|status| &status.container_id));
        line("Image", &container.image);
        line("Image ID", known(|status| &status.image_id));
        let ports = |number: fn(&api::ContainerPort) -> i32| match container.ports.as_slice() {
            [] => "<none>".to_owned(),
            ports => {
                let one = |port: &api::ContainerPort| {
                    let protocol = if port.protocol.is_empty() { "TCP" } else { &port.protocol };
                    format!("{}/{protocol}", number(port))
                };
                ports.iter().map(one).collect::<Vec<_>>().join(", ")
            }
        };
        line("Port", &ports(|port| port.container_port));
        line("Host Port", &ports(|port| port.host_port));
        for (name, words) in [("Command", &container.command), ("Args", &container.args)] {
            if !words.is_empty() {
                let _ = writeln!(text, "    {name}:\n      {}", words.join("\n      "));
            }
        }
        if let Some(status) = status {
            describe_state(text, "State", &status.state);
            if status.last_state.terminated.is_some() {
                describe_state(text, "Last State", &status.last_state);
            }
            let ready = if status.ready { "True" } else { "False" };
            let _ =
                writeln!(text, "    Ready:\t{ready}\n    Restart Count:\t{}", status.restart_count);
        }
        if container.env.is_empty() {
            let _ = writeln!(text, "    Environment:\t<none>");
        } else {
            let _ = writeln!(text, "    Environment:");
            for variable in &container.env {
                let _ = writeln!(text, "      {}:\t{}", variable.name, variable.value);
            }
        }
        if container.volume_mounts.is_empty() {
            let _ = writeln!(text, "    Mounts:\t<none>");
        } else {
            let _ = writeln!(text, "    Mounts:");
            for mount in &container.volume_mounts {
                let mode = if mount.read_only { "ro" } else { "rw" };
                let _ = writeln!(text, "      {} from {} ({mode})", mount.mount_path, mount.name);
            }
        }
    }
}

fn describe_state(text: &mut String, title: &str, state: &ContainerState) {
    let mut line = |indent: &str, name: &str, value: &str| {
        let _ = writeln!(text, "    {indent}{name}:\t{value}");
    };
    match (&state.running, &state.terminated, &state.waiting) {
        (Some(running), ..) => {
            line("", title, "Running");
            line("  ", "Started", &rfc1123(&running.started_at.0));
        }
        (_, Some(end), _) => {
            line("", title, "Terminated");
            line("  ", "Reason", &end.reason);
            line("  ", "Exit Code", &end.exit_code.to_string());
            line("  ", "Started", &rfc1123(&end.started_at.0));
            line("  ", "Finished", &rfc1123(&end.finished_at.0));
        }
        (_, _, waiting) => {
            line("", title, "Waiting");
            if let Some(waiting) = waiting.as_ref().filter(|waiting| !waiting.reason.is_empty()) {
                line("  ", "Reason", &waiting.reason);
            }
        }
    }
}

fn logs(machine: &Machine<'_>, line: &Line<'_>, rest: &[&str]) -> String {
    let Some(name) = rest.first() else {
        return "error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\n".to_owned();
    };
    let Some(pod) = find(machine, name) else { return pod_not_found(name) };
    let meta = &pod.object.metadata;
    let wanted = line.flag(&["-c", "--container"]).or_else(|| rest.get(1).copied());
    let mut said = String::new();
    let container = match wanted {
        Some(wanted) => match containers(&pod.object).find(|c| *c.name == *wanted) {
            Some(container) => &container.name,
            None => {
                return format!("error: container {wanted} is not valid for pod {}\n", meta.name);
            }
        },
        None => {
            let all: Vec<&str> = pod.object.spec.containers.iter().map(|c| &*c.name).collect();
            let Some(first) = pod.object.spec.containers.first() else { return said };
            if all.len() > 1 {
                let _ = writeln!(
                    said,
                    "Defaulted container {:?} out of: {}",
                    &*first.name,
                    all.join(", ")
                );
            }
            &first.name
        }
    };
    let previous = line.flag(&["-p", "--previous"]).is_some();
    let newest = machine
        .frame
        .containers_of(&meta.uid)
        .filter(|view| *view.name == **container && view.state != trace::ContainerState::Created)
        .last();
    let attempt = newest.map(|view| view.attempt);
    let attempt = if previous { attempt.and_then(|n| n.checked_sub(1)) } else { attempt };
    let Some(attempt) = attempt else {
        let why = match previous {
            true => format!(
                "previous terminated container {:?} in pod {:?} not found",
                &**container, &*meta.name
            ),
            false => {
                let statuses = pod.status.iter().flat_map(|status| {
                    status.init_container_statuses.iter().chain(&status.container_statuses)
                });
                let waiting = statuses
                    .filter(|status| status.name == *container)
                    .find_map(|status| status.state.waiting.as_ref());
                let reason = waiting.map_or("ContainerCreating", |waiting| &waiting.reason);
                format!(
                    "container {:?} in pod {:?} is waiting to start: {reason}",
                    &**container, &*meta.name
                )
            }
        };
        return format!("{said}Error from server (BadRequest): {why}\n");
    };
    let path = format!(
        "/var/log/pods/{}_{}_{}/{container}/{attempt}.log",
        meta.namespace, meta.name, meta.uid
    );
    said + &log_text(machine.read(&path).unwrap_or_default())
}

/// What a log file says, in the CRI's format or in Docker's.
pub(crate) fn log_text(log: &str) -> String {
    let mut text = String::new();
    for line in log.lines() {
        if line.starts_with('{') {
            let value: Result<serde_json::Value, _> = serde_json::from_str(line);
            text.push_str(value.as_ref().ok().and_then(|v| v["log"].as_str()).unwrap_or(line));
            continue;
        }
        // `TIME STREAM TAG TEXT`; a line that goes on has the tag P.
        let mut parts = line.splitn(4, ' ');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some("stdout" | "stderr"), Some(tag), words) => {
                text.push_str(words.unwrap_or_default());
                text.push_str(if tag == "P" { "" } else { "\n" });
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

fn delete(machine: &Machine<'_>, line: &Line<'_>, rest: &[&str]) -> Answer {
    let name = match rest {
        [word] => match word.split_once('/') {
            Some((kind, name)) if is_pods(kind) => name,
            _ => {
                return Answer::of("error: resource(s) were provided, but no name was specified\n");
            }
        },
        [kind, name, ..] if is_pods(kind) => *name,
        [kind, ..] => return no_type(kind).into(),
        [] => {
            return Answer::of(
                "error: You must provide one or more resources by argument or filename.\n",
            );
        }
    };
    if find(machine, name).is_none() {
        return pod_not_found(name).into();
    }
    let grace = match line.flag(&["--grace-period"]) {
        Some(seconds) => match seconds.parse() {
            Ok(seconds) => Some(seconds),
            Err(_) => {
                return Answer::of(format!(
                    "error: invalid argument {seconds:?} for \"--grace-period\" flag\n"
                ));
            }
        },
        None => line.flag(&["--now"]).map(|_| 1),
    };
    // Since 1.34 it says from which namespace.
    let place = if machine.minor() >= 34 { " from default namespace" } else { "" };
    Answer {
        text: format!("pod \"{name}\" deleted{place}\n"),
        act: Some(Act::DeletePod { name: name.to_owned(), grace_period_seconds: grace }),
    }
}

/// Creates those pods of a manifest that are not there yet.
fn apply_text(machine: &Machine<'_>, manifest: &str) -> Answer {
    let parsed = api::manifest::parse(manifest);
    if let Some(problem) = parsed.problems.iter().find(|problem| problem.is_error()) {
        return Answer::of(format!("error: error parsing manifest.yaml: {problem}\n"));
    }
    let mut text = String::new();
    let there = |pod: &Pod| find(machine, &pod.metadata.name).is_some();
    for pod in &parsed.pods {
        let what = if there(pod) { "unchanged" } else { "created" };
        let _ = writeln!(text, "pod/{} {what}", pod.metadata.name);
    }
    let new: Vec<String> =
        parsed.pods.iter().filter(|pod| !there(pod)).map(|pod| api::print::to_json(pod)).collect();
    let manifest = match new.as_slice() {
        [] => return text.into(),
        [one] => one.clone(),
        many => format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, many.join(",")),
    };
    Answer { text, act: Some(Act::Apply { manifest }) }
}

fn apply(machine: &Machine<'_>, line: &Line<'_>, verb: &str) -> Answer {
    match line.flag(&["-f", "--filename"]) {
        Some("manifest.yaml" | "-") => apply_text(machine, machine.manifest),
        Some(path) if !path.is_empty() => {
            Answer::of(format!("error: the path {path:?} does not exist\n"))
        }
        _ => Answer::of(format!(
            "error: must specify one of -f and -k\nSee 'kubectl {verb} --help' for usage.\n"
        )),
    }
}

fn run_pod(machine: &Machine<'_>, line: &Line<'_>, rest: &[&str]) -> Answer {
    let Some(name) = rest.first() else {
        return Answer::of("error: NAME is required for run\n");
    };
    let Some(image) = line.flag(&["--image"]).filter(|image| !image.is_empty()) else {
        return Answer::of("error: required flag(s) \"image\" not set\n");
    };
    if find(machine, name).is_some() {
        return Answer::of(format!(
            "Error from server (AlreadyExists): pods \"{name}\" already exists\n"
        ));
    }
    apply_text(
        machine,
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name:?}, labels: {{run: {name:?}}}}}\nspec: {{containers: [{{name: {name:?}, image: {image:?}}}]}}\n"
        ),
    )
}
