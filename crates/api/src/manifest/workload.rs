//! Objects that make Pods from a template: what of them is checked, and the Pod that they would make.
//!
//! Upstream: `pkg/apis/apps/validation`, `pkg/apis/batch/validation`, `pkg/controller`.

use std::collections::BTreeMap;

use crate::print::quoted;
use crate::validation::{Bad, Errors, Path};
use crate::yaml::{Kind, Node};
use crate::{ObjectMeta, OwnerReference, PersistentVolumeClaimVolumeSource, Pod, Volume};

/// A kind of object that has a Pod template.
pub(super) struct Workload {
    /// `Deployment`
    pub(super) kind: &'static str,
    /// Where its specification is that has the template in it.
    spec_path: &'static str,
    /// The `apiVersion` that current Kubernetes serves.
    pub(super) version: &'static str,
}

const WORKLOADS: &[Workload] = &[
    Workload { kind: "Deployment", spec_path: "spec", version: "apps/v1" },
    Workload { kind: "ReplicaSet", spec_path: "spec", version: "apps/v1" },
    Workload { kind: "StatefulSet", spec_path: "spec", version: "apps/v1" },
    Workload { kind: "DaemonSet", spec_path: "spec", version: "apps/v1" },
    Workload { kind: "Job", spec_path: "spec", version: "batch/v1" },
    Workload { kind: "CronJob", spec_path: "spec.jobTemplate.spec", version: "batch/v1" },
    Workload { kind: "ReplicationController", spec_path: "spec", version: "v1" },
];

impl Workload {
    /// The kind, also under the groups and versions in which it was served in former times.
    pub(super) fn find(version: &str, kind: &str) -> Option<&'static Workload> {
        let group = version.split_once('/').map(|(group, _)| group);
        WORKLOADS.iter().find(|workload| {
            let own_group = workload.version.split_once('/').map(|(group, _)| group);
            workload.kind == kind
                && (group == own_group
                    || (group == Some("extensions") && own_group == Some("apps")))
        })
    }

    /// The path of the Pod template.
    pub(super) fn template_path(&self) -> String {
        format!("{}.template", self.spec_path)
    }

    /// The Go name of the struct that the template is a field of.
    pub(super) fn spec_name(&self) -> &'static str {
        match self.kind {
            "Deployment" => "DeploymentSpec",
            "ReplicaSet" => "ReplicaSetSpec",
            "StatefulSet" => "StatefulSetSpec",
            "DaemonSet" => "DaemonSetSpec",
            "ReplicationController" => "ReplicationControllerSpec",
            _ => "JobSpec",
        }
    }

    fn spec<'a>(&self, node: &'a Node) -> Option<&'a Node> {
        self.spec_path.split('.').try_fold(node, |node, field| node.get(field))
    }

    /// What the object's own rules say of its selector and template.
    pub(super) fn validate(&self, node: &Node, pod: &Pod, errors: &mut Errors) {
        let spec_path = Path::new(self.spec_path);
        let spec = self.spec(node);
        let template = spec_path.child("template");
        let is_job = self.version == "batch/v1";
        if self.kind == "CronJob"
            && node.get("spec").and_then(|spec| spec.get("schedule")).is_none()
        {
            errors.required(&Path::new("spec").child("schedule"), "");
        }
        if !is_job {
            let is_old = node.get("apiVersion").and_then(Node::as_str) != Some(self.version);
            self.validate_selector(spec.and_then(|spec| spec.get("selector")), is_old, pod, errors);
        }
        let policy_path = template.child("spec");
        let policy_path = policy_path.child("restartPolicy");
        match pod.spec.restart_policy.as_str() {
            "" | "Always" if is_job => {
                errors.required(&policy_path, "valid values: \"OnFailure\", \"Never\"");
            }
            "" | "Always" => {}
            policy if is_job => errors.one_of(&policy_path, Some(policy), &["OnFailure", "Never"]),
            policy => errors.not_supported(&policy_path, policy, &["Always"]),
        }
    }

    /// Upstream: `ValidateDeploymentSpec` and its like.
    fn validate_selector(
        &self,
        selector: Option<&Node>,
        is_old: bool,
        pod: &Pod,
        errors: &mut Errors,
    ) {
        let selector_path = Path::new("spec");
        let selector_path = selector_path.child("selector");
        let labels = &pod.metadata.labels;
        let matches = match selector {
            // It was optional in versions of the API that are no longer served.
            None if self.kind == "ReplicationController" || is_old => return,
            None => return errors.required(&selector_path, ""),
            Some(selector) if self.kind == "ReplicationController" => has_labels(selector, labels),
            Some(selector) => {
                let is_empty = ["matchLabels", "matchExpressions"].iter().all(|field| {
                    selector.get(field).is_none_or(|part| match &part.kind {
                        Kind::Map(entries) => entries.is_empty(),
                        Kind::List(items) => items.is_empty(),
                        _ => true,
                    })
                });
                if is_empty {
                    let detail =
                        format!("empty selector is invalid for {}", self.kind.to_ascii_lowercase());
                    return errors.invalid(&selector_path, Bad::Json("{}".to_owned()), &detail);
                }
                selector.get("matchLabels").is_none_or(|wanted| has_labels(wanted, labels))
                    && selector
                        .get("matchExpressions")
                        .is_none_or(|list| list.items().iter().all(|item| is_met(item, labels)))
            }
        };
        if !matches {
            let path = Path::new("spec.template.metadata");
            let mut json = "{".to_owned();
            for (index, (key, value)) in labels.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                quoted(key, &mut json);
                json.push(':');
                quoted(value, &mut json);
            }
            json.push('}');
            let detail = "`selector` does not match template `labels`";
            errors.invalid(&path.child("labels"), Bad::Json(json), detail);
        }
    }

    /// Gives the Pod the name, labels and owner that the controllers would, with a suffix that depends on the
    /// names alone.
    pub(super) fn make_pod(&self, node: &Node, owner: &ObjectMeta, pod: &mut Pod) {
        let mut owner_kind = self.kind;
        let mut owner_name = owner.name.clone();
        pod.metadata.namespace.clone_from(&owner.namespace);
        let labels = &mut pod.metadata.labels;
        let mut label = |key: &str, value: &str| {
            labels.insert(key.to_owned(), value.to_owned());
        };
        match self.kind {
            "StatefulSet" => {
                let start = self.spec(node).and_then(|spec| spec.get("ordinals")?.get("start"));
                let ordinal = match start.map(|start| &start.kind) {
                    Some(Kind::Int(start)) => *start,
                    _ => 0,
                };
                pod.metadata.name = format!("{owner_name}-{ordinal}");
                label("apps.kubernetes.io/pod-index", &ordinal.to_string());
                label("statefulset.kubernetes.io/pod-name", &pod.metadata.name);
                self.add_claims(node, pod);
            }
            "Deployment" => {
                let hash = suffix(&owner_name, 10);
                label("pod-template-hash", &hash);
                owner_kind = "ReplicaSet";
                owner_name = format!("{owner_name}-{hash}");
            }
            "CronJob" => {
                // The minute for which the Job runs, counted from 1970.
                owner_kind = "Job";
                owner_name = format!("{owner_name}-29000000");
            }
            _ => {}
        }
        if owner_kind == "Job" {
            let labels = &mut pod.metadata.labels;
            labels.insert("batch.kubernetes.io/job-name".to_owned(), owner_name.clone());
            labels.insert("job-name".to_owned(), owner_name.clone());
        }
        if self.kind != "StatefulSet" {
            pod.metadata.name.clear();
            pod.metadata.generate_name = format!("{owner_name}-");
            generate_name(&mut pod.metadata, 0);
        }
        let of = |part: u32| suffix_number(&format!("{owner_kind}/{owner_name}/{part}"));
        let (a, b) = (of(0), of(1));
        pod.metadata.owner_references = vec![OwnerReference {
            api_version: self.version.to_owned(),
            kind: owner_kind.to_owned(),
            name: owner_name,
            // It has the form of a random UUID, version 4.
            uid: format!(
                "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
                a >> 32,
                a >> 16 & 0xffff,
                a & 0xfff,
                0x8000 | b >> 48 & 0x3fff,
                b & 0xffff_ffff_ffff
            ),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }];
    }

    /// A StatefulSet's Pods have a name in a domain, and a claim of their own for each claim template.
    fn add_claims(&self, node: &Node, pod: &mut Pod) {
        let Some(spec) = self.spec(node) else { return };
        pod.spec.hostname.clone_from(&pod.metadata.name);
        if let Some(service) = spec.get("serviceName").and_then(Node::as_str) {
            service.clone_into(&mut pod.spec.subdomain);
        }
        for template in spec.get("volumeClaimTemplates").map(Node::items).unwrap_or_default() {
            let name = template.get("metadata").and_then(|metadata| metadata.get("name"));
            let Some(name) = name.and_then(Node::as_str) else { continue };
            let claim_name = format!("{name}-{}", pod.metadata.name);
            pod.spec.volumes.retain(|volume| volume.name != name);
            pod.spec.volumes.push(Volume {
                name: name.to_owned(),
                persistent_volume_claim: Some(Box::new(PersistentVolumeClaimVolumeSource {
                    claim_name,
                    read_only: false,
                })),
                ..Volume::default()
            });
        }
    }
}

/// Makes a name of `generateName`, as the API server does; `number` tells equal ones apart.
pub(super) fn generate_name(meta: &mut ObjectMeta, number: usize) {
    if meta.name.is_empty() && !meta.generate_name.is_empty() {
        let base: String = meta.generate_name.chars().take(58).collect();
        meta.name = format!("{base}{}", suffix(&format!("{base}{number}"), 5));
    }
}

fn has_labels(wanted: &Node, labels: &BTreeMap<String, String>) -> bool {
    match &wanted.kind {
        Kind::Map(entries) => entries.iter().all(|entry| {
            entry
                .value
                .as_str()
                .is_none_or(|value| labels.get(&entry.key).is_some_and(|label| label == value))
        }),
        _ => true,
    }
}

fn is_met(expression: &Node, labels: &BTreeMap<String, String>) -> bool {
    let text = |field: &str| expression.get(field).and_then(Node::as_str).unwrap_or_default();
    let label = labels.get(text("key"));
    let is_listed = || {
        let values = expression.get("values").map(Node::items).unwrap_or_default();
        label.is_some_and(|label| values.iter().any(|value| value.as_str() == Some(label)))
    };
    match text("operator") {
        "In" => is_listed(),
        "NotIn" => !is_listed(),
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        _ => true,
    }
}

/// FNV-1a, 64 bits.
fn suffix_number(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Characters as the controllers' random suffixes have them: no vowels, so that no words come out.
///
/// Upstream: `staging/src/k8s.io/apimachinery/pkg/util/rand/rand.go`.
fn suffix(text: &str, length: usize) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut number = suffix_number(text);
    (0..length)
        .map(|_| {
            let c = ALPHABET[(number % ALPHABET.len() as u64) as usize];
            number /= ALPHABET.len() as u64;
            char::from(c)
        })
        .collect()
}
