//! The state of the world at one cursor.

use crate::{
    ContainerView, Delivery, Effect, EventId, Exit, FileContent, ImageView, KubeEvent, Mount,
    Namespace, Plan, PodRef, Process, SandboxView, Text, Time, Trace, What,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The state of the world after the first `cursor` events of a trace.
///
/// Cloning is cheap in what it shares: everything big is behind an [`Rc`].
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// How many events it has seen.
    pub cursor: usize,
    /// The time of the last of them.
    pub at: Time,
    /// The calls that have not returned.
    pub open_calls: BTreeSet<EventId>,
    /// The pods, by reference.
    pub pods: Vec<Rc<PodView>>,
    /// The sandboxes, by id.
    pub sandboxes: BTreeMap<Rc<str>, Rc<SandboxView>>,
    /// The containers, by id.
    pub containers: BTreeMap<Rc<str>, Rc<ContainerView>>,
    /// The images, by id.
    pub images: BTreeMap<Rc<str>, Rc<ImageView>>,
    /// The live processes, by number.
    pub processes: BTreeMap<u32, Rc<Process>>,
    /// The namespaces besides the host's, by inode number.
    pub namespaces: BTreeMap<u32, Rc<NamespaceView>>,
    /// The files, by path.
    pub files: BTreeMap<Rc<str>, FileView>,
    /// The control groups.
    pub cgroups: BTreeSet<Rc<str>>,
    /// The mounts, by target.
    pub mounts: BTreeMap<Rc<str>, Rc<Mount>>,
    /// The last process that ended, and how.
    pub last_exit: Option<(Rc<Process>, Exit)>,
}

/// A pod, as the kubelet and the API server see it.
#[derive(Clone, Debug)]
pub struct PodView {
    /// The object as the API server holds it, less its status.
    pub object: Rc<api::Pod>,
    /// The status; none before the first.
    pub status: Option<Rc<api::PodStatus>>,
    /// Its events, with the event of the trace that recorded each last.
    pub events: Vec<(EventId, KubeEvent)>,
    /// SyncPod's latest decision.
    pub plan: Option<Rc<Plan>>,
    /// The step of SyncPod that is in progress; 0 for none.
    pub step: u8,
    /// Whether the API object is gone.
    pub removed: bool,
}

/// A namespace and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceView {
    /// The namespace.
    pub namespace: Rc<Namespace>,
    /// The addresses of a network namespace, by interface.
    pub addresses: BTreeMap<Text, Rc<str>>,
}

/// A file and the event that wrote it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileView {
    /// What stands there.
    pub content: FileContent,
    /// Who wrote it.
    pub written_by: EventId,
}

impl Frame {
    /// Applies the next event of the trace; false when there is none.
    pub fn step(&mut self, trace: &Trace) -> bool {
        let Some(event) = trace.events.get(self.cursor) else { return false };
        let id = EventId(self.cursor as u32);
        self.cursor += 1;
        self.at = event.at;
        match &event.what {
            What::Call(_) => {
                self.open_calls.insert(id);
            }
            What::Return(answer) => {
                self.open_calls.remove(&answer.call);
            }
            What::Effect(effect) => self.apply(id, effect),
        }
        true
    }

    fn apply(&mut self, id: EventId, effect: &Effect) {
        match effect {
            Effect::PodAdded(object) => self.pods.push(Rc::new(PodView {
                object: object.clone(),
                status: None,
                events: Vec::new(),
                plan: None,
                step: 0,
                removed: false,
            })),
            Effect::PodUpdated { pod, object } => {
                self.pod(*pod, |view| view.object = object.clone());
            }
            Effect::PodRemoved { pod } => self.pod(*pod, |view| view.removed = true),
            Effect::PodStatus { pod, status } => {
                self.pod(*pod, |view| view.status = Some(status.clone()));
            }
            Effect::KubeEvent(event) => {
                if let Some(pod) = event.pod {
                    self.pod(pod, |view| view.record(id, event));
                }
            }
            Effect::Plan { pod, plan } => self.pod(*pod, |view| view.plan = Some(plan.clone())),
            Effect::SyncStep { pod, step } => self.pod(*pod, |view| view.step = *step),
            Effect::Sandbox(sandbox) => {
                self.sandboxes.insert(sandbox.id.clone(), sandbox.clone());
            }
            Effect::SandboxRemoved { id } => {
                self.sandboxes.remove(id);
            }
            Effect::Container(container) => {
                self.containers.insert(container.id.clone(), container.clone());
            }
            Effect::ContainerRemoved { id } => {
                self.containers.remove(id);
            }
            Effect::ImageAdded(image) => {
                self.images.insert(image.id.clone(), image.clone());
            }
            Effect::ImageRemoved { id } => {
                self.images.remove(id);
            }
            Effect::Process(process) => {
                self.processes.insert(process.pid, process.clone());
            }
            Effect::ProcessExited { pid, exit } => {
                self.last_exit = self.processes.remove(pid).map(|process| (process, *exit));
            }
            Effect::Namespace(namespace) => {
                let addresses =
                    self.namespaces.get(&namespace.id).map(|view| view.addresses.clone());
                let view = NamespaceView {
                    namespace: namespace.clone(),
                    addresses: addresses.unwrap_or_default(),
                };
                self.namespaces.insert(namespace.id, Rc::new(view));
            }
            Effect::NamespaceRemoved { id } => {
                self.namespaces.remove(id);
            }
            Effect::AddressAdded { namespace, interface, address } => {
                if let Some(view) = self.namespaces.get_mut(namespace) {
                    Rc::make_mut(view).addresses.insert(interface.clone(), address.clone());
                }
            }
            Effect::AddressRemoved { namespace, interface } => {
                if let Some(view) = self.namespaces.get_mut(namespace) {
                    Rc::make_mut(view).addresses.remove(interface);
                }
            }
            Effect::FileWritten { path, content } => {
                let view = FileView { content: content.clone(), written_by: id };
                self.files.insert(path.clone(), view);
            }
            Effect::FileAppended { path, text } => {
                if let Some(FileView { content: FileContent::Text(whole), written_by }) =
                    self.files.get_mut(path)
                {
                    *whole = format!("{whole}{text}").into();
                    *written_by = id;
                }
            }
            Effect::FileRemoved { path } => {
                self.files.remove(path);
            }
            Effect::CgroupCreated { path } => {
                self.cgroups.insert(path.clone());
            }
            Effect::CgroupRemoved { path } => {
                self.cgroups.remove(path);
            }
            Effect::Mounted(mount) => {
                self.mounts.insert(mount.target.clone(), mount.clone());
            }
            Effect::Unmounted { target } => {
                self.mounts.remove(target);
            }
        }
    }

    fn pod(&mut self, pod: PodRef, change: impl FnOnce(&mut PodView)) {
        if let Some(view) = self.pods.get_mut(pod.0 as usize) {
            change(Rc::make_mut(view));
        }
    }

    /// The sandboxes of a pod, oldest first.
    pub fn sandboxes_of<'a>(&'a self, pod_uid: &'a str) -> impl Iterator<Item = &'a SandboxView> {
        let mut found: Vec<_> =
            self.sandboxes.values().filter(|sandbox| &*sandbox.pod_uid == pod_uid).collect();
        found.sort_by_key(|sandbox| sandbox.attempt);
        found.into_iter().map(|sandbox| &**sandbox)
    }

    /// The containers of a pod, by name, the oldest of each name first.
    pub fn containers_of<'a>(
        &'a self,
        pod_uid: &'a str,
    ) -> impl Iterator<Item = &'a ContainerView> {
        let mut found: Vec<_> =
            self.containers.values().filter(|container| &*container.pod_uid == pod_uid).collect();
        found.sort_by(|a, b| (&a.name, a.attempt).cmp(&(&b.name, b.attempt)));
        found.into_iter().map(|container| &**container)
    }

    /// The live children of a process, by number.
    pub fn children_of(&self, ppid: u32) -> impl Iterator<Item = &Process> {
        self.processes.values().filter(move |process| process.ppid == ppid).map(|rc| &**rc)
    }
}

impl PodView {
    /// Adds an event as the API server gets it, or replaces the earlier one that it is a repetition of.
    fn record(&mut self, id: EventId, event: &KubeEvent) {
        let mut event = event.clone();
        match event.delivery {
            Delivery::Plain => {}
            Delivery::Combined => {
                event.message = format!("(combined from similar events): {}", event.message).into();
            }
            Delivery::Dropped => return,
        }
        let earlier = self.events.iter().position(|(_, old)| {
            event.count > 1
                && old.reason == event.reason
                && old.field_path == event.field_path
                && old.first == event.first
        });
        match earlier {
            Some(index) => self.events[index] = (id, event),
            None => self.events.push((id, event)),
        }
    }
}
