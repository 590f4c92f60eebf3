//! Runs a recording's scenario with our kubelet.

use super::folder::Folder;
use super::rows::{Call, Event, Exit, Run, is_listed, status_row};
use cri::descriptor::{JsonStyle, to_json_with};
use kubelet::{Host, Kubelet, KubeletConfig};
use runtimes::fake::FakeRuntime;
use serde_json::{Map, Value};
use sim::Sim;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{ContainerState, Effect, Outcome, Payload, Protocol, Time, What};

/// How long the kubelet had been running when the pod's file was written, in milliseconds. Where
/// exactly its tickers stood is not recorded, so each seed takes one of these.
const LEADS: [u64; 4] = [3030, 3085, 3000, 2985];

/// The machine: its files are the runtime's logs and what the kubelet itself writes.
struct Machine(FakeRuntime);

impl Host for Machine {
    fn read(&self, path: &str) -> Option<Rc<str>> {
        self.0.log(path)
    }

    fn list(&self, directory: &str) -> Vec<String> {
        self.0.logs_in(directory)
    }

    fn remove(&self, path: &str) {
        self.0.remove_logs(path);
    }
}

/// The kubelet's settings in the recordings.
fn config(folder: &Folder) -> KubeletConfig {
    KubeletConfig {
        node_name: folder.node.as_str().into(),
        node_dns: vec!["10.255.255.53".into()],
        cgroups_per_qos: false,
        cpu_millis: 2000,
        memory_bytes: 64 << 30,
        standalone: true,
        ..KubeletConfig::default()
    }
}

/// A pod as the kubelet reads it from a file.
fn static_pod(folder: &Folder, pod: &api::Pod, uid: &str) -> Rc<api::Pod> {
    let seen = Time::from_millis(3_030);
    Rc::new(kubelet::static_pod(pod, 36, &folder.node, uid, seen))
}

/// Runs the scenario.
pub(crate) fn replay(folder: &Folder, seed: u64) -> Run {
    let sim = Sim::new(seed);
    let runtime = FakeRuntime::new(&sim, folder.script.clone());
    let host = Rc::new(Machine(runtime.clone()));
    let kubelet = Kubelet::start_on(&sim, config(folder), runtime.endpoint(), host);
    let start = Time::from_millis(LEADS[(seed % 4) as usize]);
    sim.run_until(start);

    let uid = |index: usize| {
        let known = folder.uids.get(index).cloned();
        known.unwrap_or_else(|| format!("{index:032x}"))
    };
    let first = static_pod(folder, &folder.pod, &uid(0));
    let mut marks = vec![(0.0, "podFileWritten".to_owned())];
    kubelet.add_static_pod(first.clone());
    let mut current = first.clone();
    for (at, action) in &folder.actions {
        sim.run_until(start + *at);
        marks.push((at.as_secs_f64() * 1000.0, action.clone()));
        match action.as_str() {
            "deletePodFile" => kubelet.remove_static_pod(&current.metadata.uid),
            "replacePodFile" => {
                let next = folder.replacement.as_ref().unwrap_or(&folder.pod);
                kubelet.remove_static_pod(&current.metadata.uid);
                current = static_pod(folder, next, &uid(1));
                kubelet.add_static_pod(current.clone());
            }
            "killKubelet" => kubelet.stop(),
            "startKubelet" => kubelet.restart(),
            "stopRuntime" => runtime.freeze(),
            "contRuntime" => runtime.thaw(),
            // Whatever else is done to the file brings it back.
            _ => {
                kubelet.add_static_pod(current.clone());
            }
        }
    }
    let end = start + folder.duration;
    sim.run_until(end);
    let known = kubelet.pods();
    let pods = known.iter().map(|pod| {
        let mut pod = api::Pod::clone(pod);
        if let Some(status) = kubelet.pod_status(&pod.metadata.uid) {
            pod.status = api::PodStatus::clone(&status);
        }
        serde_json::to_value(&pod).unwrap_or_default()
    });
    let pods = pods.collect();
    kubelet.stop();
    sim.run_ready();
    let events = sim.take_events();
    let restarts = folder.actions.iter().filter(|(_, action)| action == "startKubelet");
    let restarts = restarts.map(|(at, _)| at.as_secs_f64() * 1000.0).collect();
    let mut run = read(&events, start, restarts);
    run.pods = pods;
    run.marks = marks;
    run.marks.push((folder.duration_millis(), "end".to_owned()));
    run
}

fn millis(at: Time, start: Time) -> f64 {
    (at.0 as f64 - start.0 as f64) / 1e6
}

/// What a trace says of calls, statuses and events.
fn read(events: &[trace::Event], start: Time, mut restarts: Vec<f64>) -> Run {
    let mut run = Run::default();
    let mut open: BTreeMap<u32, usize> = BTreeMap::new();
    let mut containers: BTreeMap<String, (String, u64, String)> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    let mut pods: Map<String, Value> = Map::new();
    for (index, event) in events.iter().enumerate() {
        let at = millis(event.at, start);
        if restarts.first().is_some_and(|restart| at >= *restart) {
            // A kubelet that has just started knows of no status.
            let restart = restarts.remove(0);
            pods.values_mut().for_each(|row| *row = Value::Null);
            run.statuses.push((restart, Value::Object(pods.clone())));
        }
        match &event.what {
            What::Call(call) if call.protocol == Protocol::Cri && is_listed(&call.op) => {
                let row = read_call(call, at, &mut containers);
                open.insert(index as u32, run.calls.len());
                run.calls.push(row);
            }
            What::Return(answer) => {
                let Some(&row) = open.get(&answer.call.0) else { continue };
                let row = &mut run.calls[row];
                row.took = at - row.at;
                if let Outcome::Error { code, message } = &answer.outcome {
                    row.error = code.to_string();
                    row.error_message.clone_from(message);
                }
                if let Payload::Proto { message, bytes } = &answer.response {
                    let json = to_json_with(message, bytes, JsonStyle::RECORDED);
                    row.response = json.unwrap_or_default();
                    if row.method == "CreateContainer" {
                        let id = row.response["container_id"].as_str().unwrap_or_default();
                        let attempt = row.attempt.unwrap_or(0);
                        let known = (row.container.clone(), attempt, row.sandbox.clone());
                        containers.insert(id.to_owned(), known);
                    }
                }
            }
            What::Effect(effect) => match &**effect {
                Effect::Container(view) if view.state == ContainerState::Exited => {
                    run.exits.push(Exit {
                        at,
                        container: view.name.to_string(),
                        attempt: view.attempt.into(),
                        id: view.id.to_string(),
                        code: view.exit_code.unwrap_or(0),
                        reason: view.reason.to_string(),
                    });
                }
                Effect::PodAdded(pod) => {
                    names.push(pod.metadata.name.clone());
                    let row = serde_json::json!({
                        "phase": "Pending", "reason": null, "conditions": {}, "init": [],
                        "containers": [],
                    });
                    pods.insert(pod.metadata.name.clone(), row);
                    run.statuses.push((at, Value::Object(pods.clone())));
                }
                Effect::PodRemoved { pod } => {
                    if let Some(name) = names.get(pod.0 as usize) {
                        pods.remove(name);
                    }
                    run.statuses.push((at, Value::Object(pods.clone())));
                }
                Effect::PodStatus { pod, status } => {
                    if let Some(name) = names.get(pod.0 as usize)
                        && (pods.contains_key(name))
                        // Of two pods of a name the newer is listed.
                        && names.iter().rposition(|other| other == name) == Some(pod.0 as usize)
                    {
                        pods.insert(name.clone(), status_row(status));
                        run.statuses.push((at, Value::Object(pods.clone())));
                    }
                }
                Effect::KubeEvent(event) if event.pod.is_some() => run.events.push(Event {
                    at,
                    kind: event.kind.as_str().to_owned(),
                    reason: event.reason.to_string(),
                    field: event.field_path.to_string(),
                    message: event.message.to_string(),
                }),
                _ => {}
            },
            What::Call(_) => {}
        }
    }
    run
}

fn read_call(
    call: &trace::Call,
    at: f64,
    containers: &mut BTreeMap<String, (String, u64, String)>,
) -> Call {
    let request = match &call.request {
        Payload::Proto { message, bytes } => {
            to_json_with(message, bytes, JsonStyle::RECORDED).unwrap_or_default()
        }
        _ => Value::Null,
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let method = call.op.to_string();
    let mut row = Call { at, method: method.clone(), ..Call::default() };
    match method.as_str() {
        "RunPodSandbox" => {
            row.attempt = Some(request["config"]["metadata"]["attempt"].as_u64().unwrap_or(0));
        }
        "StopPodSandbox" | "RemovePodSandbox" => row.sandbox = text(&request["pod_sandbox_id"]),
        "CreateContainer" => {
            let metadata = &request["config"]["metadata"];
            row.container = text(&metadata["name"]);
            row.attempt = Some(metadata["attempt"].as_u64().unwrap_or(0));
            row.image = text(&request["config"]["image"]["user_specified_image"]);
            row.sandbox = text(&request["pod_sandbox_id"]);
        }
        "ImageStatus" | "PullImage" | "RemoveImage" => {
            row.image = text(&request["image"]["image"]);
        }
        _ => {
            let id = text(&request["container_id"]);
            if let Some((name, attempt, sandbox)) = containers.get(&id) {
                row.container.clone_from(name);
                row.attempt = Some(*attempt);
                row.sandbox.clone_from(sandbox);
            }
            row.id = id;
            match method.as_str() {
                "StopContainer" => row.timeout = Some(request["timeout"].as_i64().unwrap_or(0)),
                "ExecSync" => {
                    row.timeout = Some(request["timeout"].as_i64().unwrap_or(0));
                    let parts = request["cmd"].as_array().cloned().unwrap_or_default();
                    let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
                    row.command = parts.join(" ");
                }
                _ => {}
            }
        }
    }
    if method == "RemoveContainer" {
        containers.remove(&row.id);
    }
    row.request = request;
    row
}
