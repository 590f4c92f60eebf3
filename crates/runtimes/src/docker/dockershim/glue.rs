//! Why steps exist that only translate, and where upstream takes a step.

/// One request's place upstream, and why it is glue, if it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    /// File and function.
    pub(super) source: &'static str,
    /// The key of the reason; empty where the step is the work itself.
    pub(super) glue: &'static str,
}

/// A step that does what was asked.
pub(super) const fn step(source: &'static str) -> Step {
    Step { source, glue: "" }
}

/// A step that exists only because the CRI and Docker do not speak the same language.
pub(super) const fn glue(reason: &'static str, source: &'static str) -> Step {
    Step { source, glue: reason }
}

/// A reference into the dockershim of Kubernetes 1.22.6.
macro_rules! at {
    ($place:literal) => {
        concat!("kubernetes@v1.22.6 pkg/kubelet/dockershim/", $place)
    };
}
pub(super) use at;

/// The reasons for glue: key, and one sentence in English.
pub const GLUE: &[(&str, &str)] = &[
    (
        "infra-container",
        "Docker knows no pods: a container that only sleeps stands for the sandbox and holds its \
         namespaces.",
    ),
    (
        "image-check",
        "Docker's create call does not pull: dockershim looks for the pause image and pulls it \
         itself.",
    ),
    (
        "conflict-recovery",
        "Docker's names are unique and outlive crashes: a name that is taken is read from the text \
         of an error, and its container removed.",
    ),
    (
        "checkpoint",
        "Docker may lose a container with everything that was known of its pod: dockershim keeps \
         ports and host network in a file of its own.",
    ),
    (
        "resolv-conf-rewrite",
        "Docker writes a resolv.conf of its own: dockershim asks where it is and writes over it \
         after the container has started.",
    ),
    (
        "cni-by-hand",
        "Docker's networks are not CNI: the container starts without one, and dockershim asks for \
         its process to run the plugins on it.",
    ),
    (
        "ip-by-nsenter",
        "CNI cannot be asked for an address later: dockershim enters the network namespace and \
         reads it off.",
    ),
    (
        "log-symlink",
        "Docker writes its logs under its own directory and in its own format: a symbolic link \
         leads there from where the kubelet looks.",
    ),
    (
        "labels-for-annotations",
        "Docker has no annotations, sandboxes or log paths: all of them are kept in labels and \
         sorted out again on every read.",
    ),
    (
        "self-dial",
        "The kubelet and dockershim are one process: the CRI call leaves through a socket and \
         comes back.",
    ),
    (
        "api-version",
        "Docker's API differs between versions: dockershim asks for the version to decide what it \
         may send.",
    ),
    (
        "image-id",
        "Docker's containers carry the id of their image only: its digest has to be looked up for \
         every status.",
    ),
    (
        "exec-inspect",
        "Docker's exec stream ends without an exit code: dockershim asks for it afterwards, \
         several times if need be.",
    ),
    (
        "name-parsing",
        "Pod, namespace and attempt are read back from the container's name in Docker, for which \
         the container is inspected.",
    ),
    (
        "remove-children",
        "Docker does not know which containers belong to a sandbox: they are found by a label and \
         removed one by one.",
    ),
];
