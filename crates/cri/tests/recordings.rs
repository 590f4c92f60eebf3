//! Calls as they were recorded between real programs, through bytes and back.
//!
//! * `data/kubelet-*.jsonl`: calls of a kubelet (Kubernetes 1.36.2) to an in-memory runtime.
//! * `data/dockershim-*.json`: calls to the dockershim of Kubernetes 1.22.6, which spoke v1alpha2.

use cri::descriptor::{JsonStyle, from_json, from_json_with, method, to_json, to_json_with};
use cri::{CreateContainerRequest, Message, NamespaceMode, RunPodSandboxRequest};
use serde_json::{Value, json};

const KUBELET: [&str; 2] =
    [include_str!("data/kubelet-single.jsonl"), include_str!("data/kubelet-rich-config.jsonl")];
const DOCKERSHIM: [&str; 2] = [
    include_str!("data/dockershim-container-life.json"),
    include_str!("data/dockershim-exec-sync.json"),
];

/// Method, and the names and contents of the request and of the response.
fn messages_of(call: &Value) -> Vec<(&'static str, &Value)> {
    let name = call["method"].as_str().expect("a call has a method");
    let (_, method) = method(name).expect("a method of CRI");
    let request = (method.request, &call["req"]);
    let response = call.get("resp").map(|response| (method.response, response));
    [Some(request), response].into_iter().flatten().collect()
}

fn kubelet_calls() -> Vec<Value> {
    let lines = KUBELET.iter().flat_map(|file| file.lines());
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn dockershim_calls() -> Vec<Value> {
    let files = DOCKERSHIM.iter().map(|file| serde_json::from_str::<Value>(file).expect("JSON"));
    let calls = files.flat_map(|file| file["calls"].as_array().cloned().expect("calls"));
    calls.filter(|call| call.get("method").is_some()).collect()
}

#[test]
fn what_the_kubelet_sent_survives_the_wire() {
    let calls = kubelet_calls();
    assert!(calls.len() > 15);
    for call in &calls {
        for (name, recorded) in messages_of(call) {
            let bytes = from_json(name, recorded).expect("readable");
            let back = to_json_with(name, &bytes, JsonStyle::RECORDED).expect("well-formed");
            assert_eq!(&back, recorded, "{name}");

            // Names of enum values instead of numbers, and whatever crictl would print, mean the
            // same bytes.
            for style in [JsonStyle::PEOPLE, JsonStyle::CRICTL] {
                let other = to_json_with(name, &bytes, style).expect("well-formed");
                assert_eq!(from_json(name, &other).as_ref(), Ok(&bytes), "{name}: {other}");
            }
        }
    }
}

#[test]
fn what_dockershim_answered_survives_the_wire() {
    let calls = dockershim_calls();
    assert!(calls.len() > 20);
    let style = JsonStyle::RECORDED_ENV_TEXT;
    for call in &calls {
        for (name, recorded) in messages_of(call) {
            let bytes = from_json_with(name, recorded, style).expect("readable");
            let back = to_json_with(name, &bytes, style).expect("well-formed");
            assert_eq!(back, without_zeroes(recorded), "{name}");
        }
    }
}

/// Requests that people wrote say `"attempt": 0`, which the wire does not.
fn without_zeroes(json: &Value) -> Value {
    match json {
        Value::Object(object) => {
            let kept = object.iter().filter(|(_, value)| **value != json!(0));
            kept.map(|(name, value)| (name.clone(), without_zeroes(value))).collect()
        }
        Value::Array(list) => list.iter().map(without_zeroes).collect(),
        other => other.clone(),
    }
}

#[test]
fn prost_reads_and_writes_the_same_bytes() {
    let mut seen = 0;
    for call in &kubelet_calls() {
        let (name, recorded) = messages_of(call)[0];
        let bytes = from_json(name, recorded).expect("readable");
        let again = match name {
            "RunPodSandboxRequest" => {
                let request = RunPodSandboxRequest::decode(bytes.as_slice()).expect("well-formed");
                let config = request.config.as_ref().expect("a config");
                assert_eq!(config.metadata.as_ref().expect("metadata").name, "p-oracle");
                request.encode_to_vec()
            }
            "CreateContainerRequest" => {
                let request =
                    CreateContainerRequest::decode(bytes.as_slice()).expect("well-formed");
                let linux = request.config.as_ref().and_then(|config| config.linux.as_ref());
                let security = linux.and_then(|linux| linux.security_context.as_ref());
                let namespaces = security.and_then(|security| security.namespace_options.as_ref());
                let users = namespaces.and_then(|namespaces| namespaces.userns_options.as_ref());
                assert_eq!(users.expect("user namespace").mode(), NamespaceMode::Node);
                request.encode_to_vec()
            }
            _ => continue,
        };
        assert_eq!(again, bytes, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn people_read_names_and_mistakes_name_their_place() {
    let request = json!({ "config": { "linux": { "security_context": {
        "namespace_options": { "network": 2, "pid": "CONTAINER" },
        "run_as_user": { "value": "1000" },
        "supplemental_groups": [3000, -1],
    }}}});
    let bytes = from_json("RunPodSandboxRequest", &request).expect("readable");
    assert_eq!(
        to_json("RunPodSandboxRequest", &bytes).expect("well-formed"),
        json!({ "config": { "linux": { "security_context": {
            "namespace_options": { "network": "NODE", "pid": "CONTAINER" },
            "run_as_user": { "value": 1000 },
            "supplemental_groups": [3000, -1],
        }}}}),
    );

    let mistakes = [
        (json!([]), "RunPodSandboxRequest: an object is expected"),
        (
            json!({ "name": "x" }),
            "RunPodSandboxRequest.name: RunPodSandboxRequest has no such field",
        ),
        (
            json!({ "config": { "port_mappings": [{}, { "protocol": "ICMP" }] } }),
            "RunPodSandboxRequest.config.port_mappings[1].protocol: \"ICMP\" is not of type Protocol",
        ),
        (
            json!({ "config": { "labels": { "app": 1 } } }),
            "RunPodSandboxRequest.config.labels.app: 1 is not of type string",
        ),
        (
            json!({ "config": { "metadata": { "attempt": -1 } } }),
            "RunPodSandboxRequest.config.metadata.attempt: -1 is not of type uint32",
        ),
    ];
    for (json, mistake) in mistakes {
        let error = from_json("RunPodSandboxRequest", &json).expect_err("a mistake");
        assert_eq!(error.to_string(), mistake);
    }
    let error = from_json("KeyValue", &json!({ "value": "two words" })).expect_err("not base64");
    assert_eq!(error.to_string(), "KeyValue.value: \"two words\" is not of type bytes in base64");
}
