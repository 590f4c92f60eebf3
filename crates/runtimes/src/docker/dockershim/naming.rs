//! Names and labels: all that Docker can remember of a pod.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/naming.go`, `helpers.go` `makeLabels`,
//! `extractLabels`.

use std::collections::BTreeMap;

/// Docker's label for a container that is one of a pod's.
pub(crate) const TYPE_LABEL: &str = "io.kubernetes.docker.type";
pub(crate) const TYPE_SANDBOX: &str = "podsandbox";
pub(crate) const TYPE_CONTAINER: &str = "container";
/// The label with the path of the log's symbolic link.
pub(crate) const LOG_PATH_LABEL: &str = "io.kubernetes.container.logpath";
/// The label with the sandbox's id.
pub(crate) const SANDBOX_ID_LABEL: &str = "io.kubernetes.sandbox.id";
/// The kubelet's label with the container's name; dockershim sets it on sandboxes, too.
pub(crate) const CONTAINER_NAME_LABEL: &str = "io.kubernetes.container.name";
/// What a label begins with that is an annotation in truth.
const ANNOTATION_PREFIX: &str = "annotation.";
/// What dockershim calls the container of a sandbox.
pub(super) const SANDBOX_CONTAINER: &str = "POD";

const PREFIX: &str = "k8s";

/// What a name in Docker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsedName {
    /// The container, or `POD`.
    pub(crate) container: String,
    pub(crate) pod: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    pub(crate) attempt: u32,
}

/// The name of a container in Docker.
pub(super) fn make_name(
    container: &str,
    sandbox: &cri::PodSandboxMetadata,
    attempt: u32,
) -> String {
    let cri::PodSandboxMetadata { name, uid, namespace, .. } = sandbox;
    format!("{PREFIX}_{container}_{name}_{namespace}_{uid}_{attempt}")
}

/// Reads a name back. Docker puts a `/` before it; a random suffix may follow.
///
/// # Errors
/// A name that dockershim did not make; `kind` is `sandbox` or `container`.
pub(crate) fn parse_name(name: &str, kind: &str) -> Result<ParsedName, String> {
    let name = name.strip_prefix('/').unwrap_or(name);
    let parts: Vec<&str> = name.split('_').collect();
    let (&[prefix, container, pod, namespace, uid, attempt]
    | &[prefix, container, pod, namespace, uid, attempt, _]) = parts.as_slice()
    else {
        return Err(format!("failed to parse the {kind} name: {name:?}"));
    };
    if prefix != PREFIX {
        return Err(format!("container is not managed by kubernetes: {name:?}"));
    }
    let attempt = attempt.parse().map_err(|_| {
        format!(
            "failed to parse the {kind} name {name:?}: strconv.ParseUint: parsing {attempt:?}: \
             invalid syntax"
        )
    })?;
    Ok(ParsedName {
        container: container.to_owned(),
        pod: pod.to_owned(),
        namespace: namespace.to_owned(),
        uid: uid.to_owned(),
        attempt,
    })
}

/// What a container of Docker's is to Kubernetes.
pub(crate) struct Identity {
    pub(crate) name: ParsedName,
    /// Whether it stands for its pod.
    pub(crate) is_sandbox: bool,
}

/// What Kubernetes calls a container: by its name where dockershim made it, by its labels where
/// the kubelet of 1.4 did, whose names have a hash and random digits. None of others.
pub(crate) fn identify(name: &str, labels: &BTreeMap<String, String>) -> Option<Identity> {
    let label = |key: &str| labels.get(key).cloned();
    if let Some(kind) = labels.get(TYPE_LABEL) {
        let is_sandbox = kind == TYPE_SANDBOX;
        if !is_sandbox && kind != TYPE_CONTAINER {
            return None;
        }
        let mut name = parse_name(name, if is_sandbox { "sandbox" } else { "container" }).ok()?;
        if !is_sandbox && let Some(container) = label(CONTAINER_NAME_LABEL) {
            name.container = container;
        }
        return Some(Identity { name, is_sandbox });
    }
    let container = label(CONTAINER_NAME_LABEL)?;
    let attempt = label("io.kubernetes.container.restartCount");
    Some(Identity {
        is_sandbox: container == SANDBOX_CONTAINER,
        name: ParsedName {
            container,
            pod: label("io.kubernetes.pod.name")?,
            namespace: label("io.kubernetes.pod.namespace")?,
            uid: label("io.kubernetes.pod.uid")?,
            attempt: attempt.and_then(|count| count.parse().ok()).unwrap_or_default(),
        },
    })
}

/// Labels and annotations as labels.
pub(super) fn make_labels(
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let annotations =
        annotations.iter().map(|(key, value)| (format!("{ANNOTATION_PREFIX}{key}"), value.clone()));
    let labels = labels.iter().map(|(key, value)| (key.clone(), value.clone()));
    labels.chain(annotations).collect()
}

/// Labels as labels and annotations, without those that are dockershim's own.
pub(super) fn extract_labels(
    input: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let of_sandbox = input.get(TYPE_LABEL).is_some_and(|kind| kind == TYPE_SANDBOX);
    let (mut labels, mut annotations) = (BTreeMap::new(), BTreeMap::new());
    for (key, value) in input {
        let internal = [TYPE_LABEL, LOG_PATH_LABEL, SANDBOX_ID_LABEL].contains(&key.as_str())
            || (of_sandbox && key == CONTAINER_NAME_LABEL);
        if internal {
            continue;
        }
        match key.strip_prefix(ANNOTATION_PREFIX) {
            Some(key) => annotations.insert(key.to_owned(), value.clone()),
            None => labels.insert(key.clone(), value.clone()),
        };
    }
    (labels, annotations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let parsed = parse_name("/k8s_app_web_default_0-1_2_5616b09b", "container");
        let parsed = parsed.expect("a name with a random suffix");
        assert_eq!((&*parsed.container, &*parsed.pod, parsed.attempt), ("app", "web", 2));
        assert_eq!(
            parse_name("/manual", "sandbox").expect_err("too few fields"),
            "failed to parse the sandbox name: \"manual\""
        );
        assert_eq!(
            parse_name("a_b_c_d_e_0", "sandbox").expect_err("a foreign prefix"),
            "container is not managed by kubernetes: \"a_b_c_d_e_0\""
        );
    }
}
