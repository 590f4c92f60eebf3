//! Breakpoints and watches: what playing stops at, and what "run" runs to.

use super::run::Run;
use std::rc::Rc;
use trace::{Component, Effect, EventId, Level, What};

/// Something that is waited for. Of a container and a file, the page also shows how they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// A call of this operation; a `*` at the end stands for any ending.
    Op(Rc<str>),
    /// A call to this component.
    Component(Component),
    /// A call that fails.
    Error,
    /// What the kubelet and the API server say of the pod of this name.
    Pod(Rc<str>),
    /// A change of the container `pod/container`.
    Container(Rc<str>),
    /// A change of the file at this path.
    File(Rc<str>),
}

/// The kinds, by their keys.
pub const KINDS: [&str; 6] = ["op", "component", "error", "pod", "container", "file"];

impl Point {
    /// The point of a kind and what it is about; none where that makes none.
    #[must_use]
    pub fn new(kind: &str, what: &str) -> Option<Self> {
        let what = what.trim();
        if what.is_empty() && kind != "error" {
            return None;
        }
        Some(match kind {
            "op" => Self::Op(what.into()),
            "component" => {
                let named = |c: &&Component| c.key() == what || c.name() == what;
                Self::Component(*Component::ALL.iter().find(named)?)
            }
            "error" => Self::Error,
            "pod" => Self::Pod(what.into()),
            "container" => Self::Container(what.into()),
            "file" => Self::File(what.into()),
            _ => return None,
        })
    }

    /// The point of a key in a link: `op:RunPodSandbox`, `error`.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        let (kind, what) = key.split_once(':').unwrap_or((key, ""));
        Self::new(kind, what)
    }

    /// Its kind's key, and what it is about.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Op(op) => ("op", op),
            Self::Component(component) => ("component", component.key()),
            Self::Error => ("error", ""),
            Self::Pod(name) => ("pod", name),
            Self::Container(name) => ("container", name),
            Self::File(path) => ("file", path),
        }
    }

    /// Whether it is watched, and not only waited for.
    #[must_use]
    pub const fn is_watch(&self) -> bool {
        matches!(self, Self::Container(_) | Self::File(_))
    }

    /// Whether an event is what is waited for.
    #[must_use]
    pub fn hits(&self, run: &Run, id: EventId) -> bool {
        let event = run.trace().event(id);
        match (self, &event.what) {
            (Self::Op(op), What::Call(call)) => match op.strip_suffix('*') {
                Some(prefix) => call.op.starts_with(prefix),
                None => call.op == **op,
            },
            (Self::Component(component), What::Call(call)) => call.to == *component,
            (Self::Error, What::Return(answer)) => !answer.outcome.is_ok(),
            (Self::Pod(name), What::Effect(effect)) => {
                effect.level() == Level::Steps
                    && event.subject.pod.is_some_and(|pod| *run.pod_name(pod) == **name)
            }
            (Self::Container(name), What::Effect(effect)) => match &**effect {
                Effect::Container(view) => name.split_once('/').is_some_and(|(pod, container)| {
                    container == &*view.name && run.pod_of_uid(&view.pod_uid) == Some(pod)
                }),
                _ => false,
            },
            (Self::File(watched), What::Effect(effect)) => match &**effect {
                Effect::FileWritten { path, .. } | Effect::FileRemoved { path } => path == watched,
                _ => false,
            },
            _ => false,
        }
    }

    /// The cursors at which it has just been hit, in order.
    #[must_use]
    pub fn cursors(&self, run: &Run) -> Vec<usize> {
        let ids = run.trace().iter().map(|(id, _)| id);
        ids.filter(|id| self.hits(run, *id)).map(|id| id.index() + 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back() {
        for key in [
            "op:GET /images/*",
            "component:dockerd",
            "error:",
            "pod:web",
            "container:a/b",
            "file:/etc/hosts",
        ] {
            let point = Point::from_key(key).expect(key);
            let (kind, what) = point.parts();
            assert_eq!(format!("{kind}:{what}"), key);
            assert!(KINDS.contains(&kind));
        }
        for wrong in ["", "op", "op: ", "component:nobody", "moon:full"] {
            assert_eq!(Point::from_key(wrong), None, "{wrong:?}");
        }
    }
}
