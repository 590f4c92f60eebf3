//! What a server keeps in memory about sandboxes and containers.

use crate::cni::CniRequest;
use crate::io::ContainerIo;
use cri::{ContainerStatus, Message, PodSandboxStatus, Status};
use sim::Signal;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::ops::Bound;
use std::rc::Rc;
use trace::{ContainerView, Exit, SandboxView};

/// A message in its encoded form, which is several times smaller than the message itself. Making
/// the message out of it costs about as much as a copy would.
pub(crate) struct Kept<M> {
    bytes: Box<[u8]>,
    message: PhantomData<M>,
}

impl<M: Message + Default> Kept<M> {
    pub(crate) fn new(message: &M) -> Self {
        Self { bytes: message.encode_to_vec().into(), message: PhantomData }
    }

    pub(crate) fn get(&self) -> M {
        // The bytes are those of a message of this type.
        M::decode(&*self.bytes).unwrap_or_default()
    }
}

/// Where a sandbox stands.
///
/// Models: containerd v2.3.4 `internal/cri/store/sandbox/status.go` `State`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SandboxState {
    /// Being set up, or impossible to clean up.
    Unknown,
    /// Its process runs.
    Ready,
    /// Its process has ended.
    NotReady,
}

/// A pod sandbox.
pub(crate) struct Sandbox {
    pub(crate) id: Rc<str>,
    /// `POD_NAMESPACE_UID_ATTEMPT`, which only one sandbox can have.
    pub(crate) name: Rc<str>,
    pub(crate) pod_name: Rc<str>,
    pub(crate) pod_uid: Rc<str>,
    pub(crate) pod_label: Rc<str>,
    pub(crate) attempt: u32,
    /// Metadata, labels, annotations, namespace options and handler, as the status gives them.
    pub(crate) kept: Kept<PodSandboxStatus>,
    pub(crate) host_ipc: bool,
    pub(crate) created_at: i64,
    pub(crate) state: Cell<SandboxState>,
    pub(crate) pid: Cell<u32>,
    /// None on the host's network.
    pub(crate) network: Option<Network>,
    pub(crate) containers: RefCell<Vec<Rc<str>>>,
    pub(crate) stopped: Signal,
}

/// A sandbox's network.
pub(crate) struct Network {
    /// The file that the namespace is bound to.
    pub(crate) path: Rc<str>,
    /// What the CNI plugins are asked about; without the path once the file is gone.
    pub(crate) request: RefCell<Rc<CniRequest>>,
    /// The namespace; none once it is removed.
    pub(crate) namespace: Cell<Option<u32>>,
    pub(crate) ip: RefCell<Rc<str>>,
    /// Whether the plugins have set the network up.
    pub(crate) set_up: Cell<bool>,
}

impl Network {
    /// The file is gone: from now on the plugins are asked without a path.
    pub(crate) fn forget_path(&self) {
        let mut request = self.request.borrow_mut();
        *request = Rc::new(CniRequest { netns: "".into(), ..(**request).clone() });
    }
}

impl Sandbox {
    pub(crate) fn is_ready(&self) -> bool {
        self.state.get() == SandboxState::Ready
    }

    /// The address; empty on the host's network and once the namespace is gone.
    pub(crate) fn ip(&self) -> Rc<str> {
        match &self.network {
            Some(network) if network.namespace.get().is_some() => network.ip.borrow().clone(),
            _ => "".into(),
        }
    }

    pub(crate) fn view(&self) -> Rc<SandboxView> {
        Rc::new(SandboxView {
            id: self.id.clone(),
            pod_uid: self.pod_uid.clone(),
            attempt: self.attempt,
            ready: self.is_ready(),
            ip: self.ip(),
            pid: self.pid.get(),
        })
    }
}

/// A container.
pub(crate) struct Container {
    pub(crate) id: Rc<str>,
    /// `CONTAINER_POD_NAMESPACE_UID_ATTEMPT`, which only one container can have.
    pub(crate) name: Rc<str>,
    pub(crate) sandbox: Rc<Sandbox>,
    pub(crate) container_name: Rc<str>,
    pub(crate) pod_label: Rc<str>,
    pub(crate) attempt: u32,
    pub(crate) image: Rc<str>,
    pub(crate) image_id: Rc<str>,
    pub(crate) log_path: Rc<str>,
    /// Its streams, once it was started.
    pub(crate) io: RefCell<Option<Rc<ContainerIo>>>,
    pub(crate) stdin: bool,
    /// Whether its standard input ends with the first client's.
    pub(crate) stdin_once: bool,
    pub(crate) tty: bool,
    pub(crate) stop_signal: i32,
    /// The process whose PID namespace it wants to join, for an ephemeral container.
    pub(crate) target: Option<Rc<str>>,
    /// Metadata, image, labels, annotations, mounts and resources, as the status gives them.
    pub(crate) kept: RefCell<Kept<ContainerStatus>>,
    pub(crate) status: RefCell<ContainerState>,
    /// How it ended, if it did before StartContainer had returned.
    pub(crate) early_exit: Cell<Option<Exit>>,
    /// Whether it was sent its stop signal: that happens only once.
    pub(crate) stop_signalled: Cell<bool>,
    pub(crate) stopped: Signal,
}

/// What changes about a container. Times are in nanoseconds since 1970; 0 is never.
///
/// Models: containerd v2.3.4 `internal/cri/store/container/status.go` `Status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContainerState {
    pub(crate) pid: u32,
    pub(crate) created_at: i64,
    pub(crate) started_at: i64,
    pub(crate) finished_at: i64,
    pub(crate) exit_code: i32,
    pub(crate) reason: &'static str,
    pub(crate) message: Rc<str>,
    pub(crate) starting: bool,
    pub(crate) removing: bool,
    pub(crate) unknown: bool,
}

impl ContainerState {
    /// The state as CRI has it.
    pub(crate) const fn state(&self) -> cri::ContainerState {
        if self.unknown {
            cri::ContainerState::ContainerUnknown
        } else if self.finished_at != 0 {
            cri::ContainerState::ContainerExited
        } else if self.started_at != 0 {
            cri::ContainerState::ContainerRunning
        } else {
            cri::ContainerState::ContainerCreated
        }
    }

    /// The reason, which follows from the exit code where nothing else gave one.
    pub(crate) fn reason(&self) -> &'static str {
        match (self.state(), self.reason) {
            (cri::ContainerState::ContainerExited, "") if self.exit_code == 0 => "Completed",
            (cri::ContainerState::ContainerExited, "") => "Error",
            (_, reason) => reason,
        }
    }
}

impl Container {
    pub(crate) fn state(&self) -> cri::ContainerState {
        self.status.borrow().state()
    }

    pub(crate) fn view(&self) -> Rc<ContainerView> {
        let status = self.status.borrow();
        let (state, exit_code) = match status.state() {
            cri::ContainerState::ContainerCreated => (trace::ContainerState::Created, None),
            cri::ContainerState::ContainerRunning => (trace::ContainerState::Running, None),
            cri::ContainerState::ContainerExited => {
                (trace::ContainerState::Exited, Some(status.exit_code))
            }
            cri::ContainerState::ContainerUnknown => (trace::ContainerState::Unknown, None),
        };
        Rc::new(ContainerView {
            id: self.id.clone(),
            sandbox_id: self.sandbox.id.clone(),
            pod_uid: self.sandbox.pod_uid.clone(),
            name: self.container_name.clone(),
            attempt: self.attempt,
            state,
            image: self.image.clone(),
            pid: status.pid,
            exit_code,
            reason: status.reason().into(),
        })
    }
}

/// The label by which the kubelet asks for what belongs to one pod.
const POD_UID_LABEL: &str = "io.kubernetes.pod.uid";

/// The value of the label by which the kubelet asks; empty where there is none.
pub(crate) fn pod_label(labels: &BTreeMap<String, String>) -> &str {
    labels.get(POD_UID_LABEL).map_or("", String::as_str)
}

/// An object that can be asked for by its pod.
pub(crate) trait Labelled {
    /// The value of [`POD_UID_LABEL`]; empty where there is none.
    fn pod_label(&self) -> &Rc<str>;
}

impl Labelled for Sandbox {
    fn pod_label(&self) -> &Rc<str> {
        &self.pod_label
    }
}

impl Labelled for Container {
    fn pod_label(&self) -> &Rc<str> {
        &self.pod_label
    }
}

/// Objects by id. The beginning of an id will do, where only one object's id has it.
///
/// Models: containerd v2.3.4 `internal/truncindex`. The index by pod is ours: a list with a
/// selector costs what it finds, however many objects there are.
pub(crate) struct Store<T> {
    objects: RefCell<BTreeMap<Rc<str>, Rc<T>>>,
    by_pod: RefCell<BTreeMap<Rc<str>, BTreeSet<Rc<str>>>>,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self { objects: RefCell::default(), by_pod: RefCell::default() }
    }
}

impl<T: Labelled> Store<T> {
    /// # Errors
    /// No such object (`NotFound`); nothing given, or a beginning that several ids have
    /// (`Unknown`).
    pub(crate) fn get(&self, id: &str) -> Result<Rc<T>, Status> {
        let objects = self.objects.borrow();
        if let Some(object) = objects.get(id) {
            return Ok(object.clone());
        }
        if id.is_empty() {
            return Err(Status::unknown("prefix can't be empty"));
        }
        let from = (Bound::Included(id), Bound::Unbounded);
        let mut found =
            objects.range::<str, _>(from).take_while(|(other, _)| other.starts_with(id));
        match (found.next(), found.next()) {
            (Some((_, object)), None) => Ok(object.clone()),
            (None, _) => Err(Status::not_found("not found")),
            _ => Err(Status::unknown(format!("multiple IDs found with provided prefix: {id}"))),
        }
    }

    pub(crate) fn insert(&self, id: &Rc<str>, object: &Rc<T>) {
        self.objects.borrow_mut().insert(id.clone(), object.clone());
        let mut by_pod = self.by_pod.borrow_mut();
        by_pod.entry(object.pod_label().clone()).or_default().insert(id.clone());
    }

    pub(crate) fn remove(&self, id: &str) -> bool {
        let Some(object) = self.objects.borrow_mut().remove(id) else { return false };
        let mut by_pod = self.by_pod.borrow_mut();
        if let Some(ids) = by_pod.get_mut(object.pod_label()) {
            ids.remove(id);
            if ids.is_empty() {
                by_pod.remove(object.pod_label());
            }
        }
        true
    }

    /// Those that can match a selector, by id: those of its pod where it names one, or else all.
    pub(crate) fn candidates(&self, selector: &BTreeMap<String, String>) -> Vec<Rc<T>> {
        let objects = self.objects.borrow();
        let Some(label) = selector.get(POD_UID_LABEL) else {
            return objects.values().cloned().collect();
        };
        let by_pod = self.by_pod.borrow();
        let ids = by_pod.get(label.as_str()).into_iter().flatten();
        ids.filter_map(|id| objects.get(id).cloned()).collect()
    }
}

/// Names and the ids of those who have them.
///
/// Models: containerd v2.3.4 `internal/registrar`.
#[derive(Default)]
pub(crate) struct Names(RefCell<BTreeMap<Rc<str>, Rc<str>>>);

impl Names {
    /// # Errors
    /// A name that somebody else has.
    pub(crate) fn reserve(&self, name: &Rc<str>, id: &Rc<str>) -> Result<(), String> {
        let mut names = self.0.borrow_mut();
        if let Some(other) = names.get(name) {
            return Err(format!("name {:?} is reserved for {:?}", &**name, &**other));
        }
        names.insert(name.clone(), id.clone());
        Ok(())
    }

    /// Who has a name.
    pub(crate) fn holder(&self, name: &str) -> Option<Rc<str>> {
        self.0.borrow().get(name).cloned()
    }

    pub(crate) fn release(&self, name: &str) {
        self.0.borrow_mut().remove(name);
    }
}
