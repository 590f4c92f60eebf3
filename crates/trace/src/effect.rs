//! Effects: the changes of the world that a frame is folded from.
//!
//! Each carries the new state whole, so that folding never has to ask anybody.

use crate::{Component, Level, PodRef, Text, Time};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// A change of the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The kubelet learns of a pod. The pods of a trace are numbered in the order of these.
    PodAdded(Rc<api::Pod>),
    /// The pod's manifest or metadata changed: deletion asked for, a spec updated.
    PodUpdated {
        /// Which pod.
        pod: PodRef,
        /// As it is now.
        object: Rc<api::Pod>,
    },
    /// The API object is gone.
    PodRemoved {
        /// Which pod.
        pod: PodRef,
    },
    /// The status that the API server holds changed.
    PodStatus {
        /// Which pod.
        pod: PodRef,
        /// As it is now.
        status: Rc<api::PodStatus>,
    },
    /// The kubelet recorded an event.
    KubeEvent(KubeEvent),
    /// SyncPod decided what to do.
    Plan {
        /// For which pod.
        pod: PodRef,
        /// The decision.
        plan: Rc<Plan>,
    },
    /// SyncPod entered one of its numbered steps; 0 when it is over.
    SyncStep {
        /// For which pod.
        pod: PodRef,
        /// The step's number in the reference version.
        step: u8,
    },
    /// A sandbox came to be or changed, as the runtime reports it.
    Sandbox(Rc<SandboxView>),
    /// A sandbox is gone.
    SandboxRemoved {
        /// Its id.
        id: Rc<str>,
    },
    /// A container came to be or changed, as the runtime reports it.
    Container(Rc<ContainerView>),
    /// A container is gone.
    ContainerRemoved {
        /// Its id.
        id: Rc<str>,
    },
    /// An image is in a store.
    ImageAdded(Rc<ImageView>),
    /// An image is no longer in a store.
    ImageRemoved {
        /// Its id.
        id: Rc<str>,
    },
    /// A process was started, or what is known of it changed.
    Process(Rc<Process>),
    /// A process ended.
    ProcessExited {
        /// Which.
        pid: u32,
        /// How.
        exit: Exit,
    },
    /// A namespace was made, or bound to a file.
    Namespace(Rc<Namespace>),
    /// The last process and file of a namespace are gone.
    NamespaceRemoved {
        /// Its inode number.
        id: u32,
    },
    /// A network interface in a namespace got an address.
    AddressAdded {
        /// The namespace's inode number.
        namespace: u32,
        /// The interface.
        interface: Text,
        /// The address with its prefix length: `10.244.1.5/24`.
        address: Rc<str>,
    },
    /// A network interface lost its address.
    AddressRemoved {
        /// The namespace's inode number.
        namespace: u32,
        /// The interface.
        interface: Text,
    },
    /// A file was written.
    FileWritten {
        /// The absolute path.
        path: Rc<str>,
        /// What it is now.
        content: FileContent,
    },
    /// Something was added to the end of a file.
    FileAppended {
        /// The absolute path.
        path: Rc<str>,
        /// What was added.
        text: Rc<str>,
    },
    /// A file is gone.
    FileRemoved {
        /// The absolute path.
        path: Rc<str>,
    },
    /// A control group was made.
    CgroupCreated {
        /// Its path below the hierarchy's root.
        path: Rc<str>,
    },
    /// A control group is gone.
    CgroupRemoved {
        /// Its path below the hierarchy's root.
        path: Rc<str>,
    },
    /// Something was mounted.
    Mounted(Rc<Mount>),
    /// Something was unmounted.
    Unmounted {
        /// Where it was.
        target: Rc<str>,
    },
}

impl Effect {
    /// From which detail level on it is shown.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::PodAdded(_)
            | Self::PodUpdated { .. }
            | Self::PodRemoved { .. }
            | Self::PodStatus { .. }
            | Self::KubeEvent(_)
            | Self::Plan { .. }
            | Self::SyncStep { .. } => Level::Steps,
            Self::Sandbox(_)
            | Self::SandboxRemoved { .. }
            | Self::Container(_)
            | Self::ContainerRemoved { .. } => Level::Calls,
            Self::ImageAdded(_)
            | Self::ImageRemoved { .. }
            | Self::Process(_)
            | Self::ProcessExited { .. }
            | Self::Namespace(_)
            | Self::NamespaceRemoved { .. }
            | Self::AddressAdded { .. }
            | Self::AddressRemoved { .. }
            | Self::FileWritten { .. }
            | Self::FileAppended { .. }
            | Self::FileRemoved { .. }
            | Self::CgroupCreated { .. }
            | Self::CgroupRemoved { .. }
            | Self::Mounted(_)
            | Self::Unmounted { .. } => Level::Effects,
        }
    }
}

/// An event as `kubectl describe` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeEvent {
    /// The pod that it is about; none for the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodRef>,
    /// Normal or Warning.
    #[serde(rename = "type")]
    pub kind: KubeEventType,
    /// The machine-readable reason: `Pulled`, `BackOff`.
    pub reason: Text,
    /// The part of the pod: `spec.containers{app}`; empty for the pod as a whole.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub field_path: Rc<str>,
    /// The text for people.
    pub message: Rc<str>,
    /// How often the same event has happened; above 1 it replaces the earlier one.
    pub count: u32,
    /// When it happened first.
    pub first: Time,
    /// What became of it on its way to the API server.
    #[serde(default, skip_serializing_if = "Delivery::is_plain")]
    pub delivery: Delivery,
}

/// What a component's event recorder makes of an event before it sends it. Its log has it as it was.
///
/// Upstream: `k8s.io/client-go/tools/record/events_cache.go`, `EventCorrelator`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Delivery {
    /// It is sent as it is.
    #[default]
    Plain,
    /// It is one of many with the same reason and different messages, and becomes part of one event
    /// for all of them.
    Combined,
    /// There were too many about one object: nobody but the log learns of it.
    Dropped,
}

impl Delivery {
    fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// The two types of Kubernetes event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KubeEventType {
    /// For information.
    Normal,
    /// Something is wrong.
    Warning,
}

impl KubeEventType {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What SyncPod decided to do: `podActions` of `pkg/kubelet/kuberuntime/kuberuntime_manager.go`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Stop all containers and the sandbox.
    pub kill_pod: bool,
    /// Make a new sandbox.
    pub create_sandbox: bool,
    /// The sandbox that there is.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub sandbox_id: Rc<str>,
    /// The attempt of the sandbox to make.
    pub attempt: u32,
    /// The init containers to start, by name, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init_containers_to_start: Vec<Rc<str>>,
    /// The ephemeral containers to start, by name, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ephemeral_containers_to_start: Vec<Rc<str>>,
    /// The regular containers to start, by name, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers_to_start: Vec<Rc<str>>,
    /// The containers to stop, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers_to_kill: Vec<PlannedKill>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.kill_pod
            && !self.create_sandbox
            && self.init_containers_to_start.is_empty()
            && self.ephemeral_containers_to_start.is_empty()
            && self.containers_to_start.is_empty()
            && self.containers_to_kill.is_empty()
    }
}

/// A container that SyncPod decided to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedKill {
    /// Its name.
    pub name: Rc<str>,
    /// Its id.
    pub id: Rc<str>,
    /// Why, in the kubelet's words.
    pub message: Rc<str>,
}

/// A pod sandbox, as the runtime reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxView {
    /// Its id.
    pub id: Rc<str>,
    /// The UID of the pod that it is for.
    pub pod_uid: Rc<str>,
    /// How many sandboxes the pod had before.
    pub attempt: u32,
    /// `SANDBOX_READY` or not.
    pub ready: bool,
    /// Its address; empty on the host's network or before the network is set up.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub ip: Rc<str>,
    /// The process that holds its namespaces; 0 for none.
    pub pid: u32,
}

/// The states of a container. The diagram of the transitions is in the runtimes' crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerState {
    /// `CONTAINER_CREATED`.
    Created,
    /// `CONTAINER_RUNNING`.
    Running,
    /// `CONTAINER_EXITED`.
    Exited,
    /// `CONTAINER_UNKNOWN`.
    Unknown,
}

/// A container, as the runtime reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerView {
    /// Its id.
    pub id: Rc<str>,
    /// The sandbox that it is in.
    pub sandbox_id: Rc<str>,
    /// The UID of the pod that it is for.
    pub pod_uid: Rc<str>,
    /// Its name in the pod.
    pub name: Rc<str>,
    /// How many containers of this name the pod had before.
    pub attempt: u32,
    /// Where it stands.
    pub state: ContainerState,
    /// Its image, as the pod asked for it.
    pub image: Rc<str>,
    /// Its first process; 0 for none.
    pub pid: u32,
    /// The exit code, once it has exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it exited: `Completed`, `Error`, `OOMKilled`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Text,
}

/// An image in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageView {
    /// Its id: `sha256:…`.
    pub id: Rc<str>,
    /// The names that it goes by.
    pub references: Vec<Rc<str>>,
    /// Its size in bytes.
    pub size: u64,
    /// Whose store it is in.
    pub store: Component,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its parent's number.
    pub ppid: u32,
    /// Its arguments, the program first.
    pub argv: Vec<Rc<str>>,
    /// The component whose program it is; none for what runs in a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// The container or sandbox that it runs in; empty on the host.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub container_id: Rc<str>,
    /// The namespaces that differ from the host's, by inode number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<(NamespaceKind, u32)>,
    /// Its control group; empty for the root.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub cgroup: Rc<str>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code, as a shell reports it: 128 plus the signal's number for a signal.
    pub code: i32,
    /// Whether the kernel's out-of-memory killer ended it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oom_killed: bool,
}

/// The kinds of Linux namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamespaceKind {
    /// Network interfaces, addresses, routes.
    Net,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host name.
    Uts,
    /// Process numbers.
    Pid,
    /// Mounts.
    Mnt,
    /// Users and groups.
    User,
    /// Control groups.
    Cgroup,
}

impl NamespaceKind {
    /// The name below `/proc/PID/ns`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Pid => "pid",
            Self::Mnt => "mnt",
            Self::User => "user",
            Self::Cgroup => "cgroup",
        }
    }
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Its inode number, as in `net:[4026532201]`.
    pub id: u32,
    /// Its kind.
    pub kind: NamespaceKind,
    /// The file that it is bound to, which keeps it alive without a process; empty for none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub path: Rc<str>,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileContent {
    /// A file with text.
    Text(Rc<str>),
    /// A symbolic link and where it points.
    Symlink(Rc<str>),
    /// A directory.
    Directory,
}

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where.
    pub target: Rc<str>,
    /// What.
    pub source: Rc<str>,
    /// The file system's type: `overlay`, `bind`, `tmpfs`.
    pub fs_type: Text,
    /// The options, as `mount` prints them.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub options: Rc<str>,
}
