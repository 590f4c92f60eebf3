//! The real programs and libraries that take part, and how they talk.

use serde::{Deserialize, Serialize};

/// Declares the components once: variant, key in traces, name for people, layer, kind.
macro_rules! components {
    ($($(#[$doc:meta])* $variant:ident $key:literal $name:literal $layer:ident $kind:ident,)*) => {
        /// A program or library that takes part in starting a container, under its own name.
        ///
        /// Which of them exist on a node, and inside which process, is said by its
        /// [`Topology`](crate::Topology).
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[non_exhaustive]
        pub enum Component {
            $($(#[$doc])* #[serde(rename = $key)] $variant,)*
        }

        impl Component {
            /// Every component of every stack.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The key that traces, scenarios and style sheets use.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)* }
            }

            /// The name that people use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Where the stage draws it, from top to bottom.
            #[must_use]
            pub const fn layer(self) -> Layer {
                match self { $(Self::$variant => Layer::$layer,)* }
            }

            /// What it is to the operating system.
            #[must_use]
            pub const fn kind(self) -> ComponentKind {
                match self { $(Self::$variant => ComponentKind::$kind,)* }
            }
        }
    };
}

components! {
    /// Whoever changes pods: `kubectl`, a controller, the scenario's timeline.
    User "user" "kubectl" Control Remote,
    /// The API server, seen from the node.
    ApiServer "api-server" "kube-apiserver" Control Remote,
    /// The kubelet process.
    Kubelet "kubelet" "kubelet" Kubelet Process,
    /// The goroutine for each pod (`pkg/kubelet/pod_workers.go`).
    PodWorkers "pod-workers" "pod workers" Kubelet Library,
    /// `kubeGenericRuntimeManager` (`pkg/kubelet/kuberuntime`).
    RuntimeManager "runtime-manager" "SyncPod" Kubelet Library,
    /// The image manager (`pkg/kubelet/images`).
    ImageManager "image-manager" "image manager" Kubelet Library,
    /// The pod lifecycle event generator (`pkg/kubelet/pleg`).
    Pleg "pleg" "PLEG" Kubelet Library,
    /// Liveness, readiness and startup probes (`pkg/kubelet/prober`).
    Prober "prober" "prober" Kubelet Library,
    /// The status manager (`pkg/kubelet/status`).
    StatusManager "status-manager" "status manager" Kubelet Library,
    /// Container, sandbox and image garbage collection.
    GarbageCollector "garbage-collector" "garbage collector" Kubelet Library,
    /// `DockerManager` (`pkg/kubelet/dockertools`), before the CRI.
    DockerManager "docker-manager" "DockerManager" Kubelet Library,
    /// The rkt runtime (`pkg/kubelet/rkt`), before the CRI.
    RktRuntime "rkt-runtime" "rkt runtime" Kubelet Library,
    /// The gRPC client of the kubelet (`pkg/kubelet/cri/remote`).
    CriClient "cri-client" "CRI client" Kubelet Library,
    /// The CRI server inside the kubelet that speaks to Docker.
    Dockershim "dockershim" "dockershim" Shim Library,
    /// The place for rkt behind the CRI (`pkg/kubelet/rktshim`), which was never filled.
    Rktshim "rktshim" "rktshim" Shim Library,
    /// Dockershim's successor, a process of its own.
    CriDockerd "cri-dockerd" "cri-dockerd" Shim Process,
    /// containerd's CRI server before it was a plugin: a process of its own.
    CriContainerd "cri-containerd" "cri-containerd" Shim Process,
    /// The Docker daemon.
    Dockerd "dockerd" "dockerd" Daemon Process,
    /// systemd.
    Systemd "systemd" "systemd" Daemon Process,
    /// rkt's gRPC service, which can only be read from.
    RktApi "rkt-api" "rkt api-service" Daemon Process,
    /// containerd.
    Containerd "containerd" "containerd" Daemon Process,
    /// The CRI plugin inside containerd.
    CriPlugin "cri-plugin" "CRI plugin" Shim Library,
    /// CRI-O.
    Crio "crio" "CRI-O" Daemon Process,
    /// CRI-O's monitor, one for each container.
    Conmon "conmon" "conmon" Monitor Process,
    /// CRI-O's helper that pins namespaces as files.
    Pinns "pinns" "pinns" Monitor Process,
    /// containerd's shim, API version 2.
    ContainerdShim "containerd-shim" "containerd-shim-runc-v2" Monitor Process,
    /// containerd's shim of version 1, one for each container.
    ContainerdShimV1 "containerd-shim-v1" "containerd-shim" Monitor Process,
    /// rkt's stage1, which holds a pod's programs.
    Stage1 "stage1" "systemd-nspawn" Monitor Process,
    /// rkt's command line.
    Rkt "rkt" "rkt" Oci Process,
    /// The OCI runtime.
    Runc "runc" "runc" Oci Process,
    /// CRI-O's preferred OCI runtime.
    Crun "crun" "crun" Oci Process,
    /// A CNI plugin's binary.
    Cni "cni" "CNI plugin" Oci Process,
    /// The Linux kernel.
    Kernel "kernel" "Linux kernel" Kernel Kernel,
    /// The image registry.
    Registry "registry" "registry" Control Remote,
    /// A runtime that answers from memory, with nothing below it.
    FakeRuntime "fake-runtime" "in-memory runtime" Daemon Process,
}

/// The layers of the stage, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The API server and everything else that is not on the node.
    Control,
    /// The kubelet and its rooms.
    Kubelet,
    /// Whatever translates the CRI.
    Shim,
    /// The long-running daemons.
    Daemon,
    /// What stays with a container: shims and monitors.
    Monitor,
    /// Programs that run and exit: OCI runtimes, CNI plugins.
    Oci,
    /// The kernel.
    Kernel,
}

/// What a component is to the operating system. The stage draws a process with a solid outline
/// and a library with a dashed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// A process of its own.
    Process,
    /// Code inside somebody else's process.
    Library,
    /// The kernel itself.
    Kernel,
    /// On another machine.
    Remote,
}

/// How one component asks another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// A function call inside one process.
    Function,
    /// The Container Runtime Interface: gRPC on a unix socket.
    Cri,
    /// Another gRPC service on a unix socket.
    Grpc,
    /// The Docker Engine API: HTTP on a unix socket.
    DockerApi,
    /// containerd's shim protocol: ttrpc on a unix socket.
    Ttrpc,
    /// Fork and exec of a program.
    Exec,
    /// Exec of a CNI plugin: configuration on standard input, result on standard output.
    Cni,
    /// systemd's interface: messages on D-Bus.
    Dbus,
    /// HTTPS to another machine.
    Https,
    /// System calls.
    Syscall,
}

impl Protocol {
    /// Whether a call by this protocol leaves the caller's process for another program.
    #[must_use]
    pub const fn is_hop(self) -> bool {
        !matches!(self, Self::Function | Self::Syscall)
    }

    /// How many messages a call encodes for another program to decode: request and response, unless
    /// nothing but arguments and an exit code crosses over.
    #[must_use]
    pub const fn messages(self) -> usize {
        match self {
            Self::Function | Self::Syscall | Self::Exec => 0,
            Self::Cri
            | Self::Grpc
            | Self::DockerApi
            | Self::Ttrpc
            | Self::Cni
            | Self::Dbus
            | Self::Https => 2,
        }
    }

    /// The name that people use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Function => "function call",
            Self::Cri => "CRI (gRPC)",
            Self::Grpc => "gRPC",
            Self::DockerApi => "Docker API (HTTP)",
            Self::Ttrpc => "ttrpc",
            Self::Exec => "fork/exec",
            Self::Cni => "CNI (exec)",
            Self::Dbus => "D-Bus",
            Self::Https => "HTTPS",
            Self::Syscall => "system call",
        }
    }

    /// The key that traces and style sheets use.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Cri => "cri",
            Self::Grpc => "grpc",
            Self::DockerApi => "docker-api",
            Self::Ttrpc => "ttrpc",
            Self::Exec => "exec",
            Self::Cni => "cni",
            Self::Dbus => "dbus",
            Self::Https => "https",
            Self::Syscall => "syscall",
        }
    }
}
