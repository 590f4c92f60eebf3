//! What has been achieved on the node, in words that every stack shares: the points at which two
//! traces of one pod are laid side by side.

use crate::{ContainerState, Effect, EventId, Trace};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Something that every stack achieves sooner or later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    /// The kubelet knows the pod.
    PodAdded {
        /// The pod's UID.
        pod: Rc<str>,
    },
    /// A sandbox is ready.
    SandboxReady {
        /// The pod's UID.
        pod: Rc<str>,
        /// Which sandbox of the pod.
        attempt: u32,
    },
    /// A container has reached a state.
    Container {
        /// The pod's UID.
        pod: Rc<str>,
        /// The container's name.
        name: Rc<str>,
        /// Which container of that name.
        attempt: u32,
        /// 0 created, 1 running, 2 exited.
        state: u8,
    },
    /// The pod has reached a phase.
    Phase {
        /// The pod's UID.
        pod: Rc<str>,
        /// `Pending`, `Running`, `Succeeded`, `Failed`.
        phase: Rc<str>,
    },
    /// A sandbox is not ready any more.
    SandboxStopped {
        /// The pod's UID.
        pod: Rc<str>,
        /// Which sandbox of the pod.
        attempt: u32,
    },
    /// The pod's API object is gone.
    PodRemoved {
        /// The pod's UID.
        pod: Rc<str>,
    },
}

/// The milestones of a trace, each with the event that first reached it, in order.
#[must_use]
pub fn milestones(trace: &Trace) -> Vec<(Milestone, EventId)> {
    let mut pods: Vec<Rc<str>> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut reached = Vec::new();
    for (id, event) in trace.iter() {
        let Some(effect) = event.as_effect() else { continue };
        if let Effect::PodAdded(pod) = effect {
            pods.push(pod.metadata.uid.as_str().into());
        }
        if let Some(milestone) = milestone(effect, &pods)
            && seen.insert(milestone.clone())
        {
            reached.push((milestone, id));
        }
    }
    reached
}

fn milestone(effect: &Effect, pods: &[Rc<str>]) -> Option<Milestone> {
    let uid = |pod: crate::PodRef| pods.get(pod.0 as usize).cloned();
    Some(match effect {
        Effect::PodAdded(_) => Milestone::PodAdded { pod: pods.last()?.clone() },
        Effect::PodRemoved { pod } => Milestone::PodRemoved { pod: uid(*pod)? },
        Effect::PodStatus { pod, status } => {
            Milestone::Phase { pod: uid(*pod)?, phase: status.phase.as_str().into() }
        }
        Effect::Sandbox(sandbox) => {
            let (pod, attempt) = (sandbox.pod_uid.clone(), sandbox.attempt);
            match sandbox.ready {
                true => Milestone::SandboxReady { pod, attempt },
                false => Milestone::SandboxStopped { pod, attempt },
            }
        }
        Effect::Container(container) => Milestone::Container {
            pod: container.pod_uid.clone(),
            name: container.name.clone(),
            attempt: container.attempt,
            state: match container.state {
                ContainerState::Created => 0,
                ContainerState::Running => 1,
                ContainerState::Exited => 2,
                ContainerState::Unknown => return None,
            },
        },
        _ => return None,
    })
}

/// For two traces, the pairs of cursors at which both have just reached the same milestone, in
/// the order of the first trace.
#[must_use]
pub fn align(left: &Trace, right: &Trace) -> Vec<(usize, usize)> {
    let right: Vec<_> = milestones(right);
    let mut pairs = vec![(0, 0)];
    for (milestone, left_id) in milestones(left) {
        if let Some((_, right_id)) = right.iter().find(|(other, _)| *other == milestone) {
            pairs.push((left_id.index() + 1, right_id.index() + 1));
        }
    }
    pairs
}

/// The cursor of the right trace that corresponds to one of the left: as far past the latest
/// common milestone, in proportion, as the left one is.
#[must_use]
pub fn aligned_cursor(pairs: &[(usize, usize)], left: usize, right_len: usize) -> usize {
    let after = pairs.iter().find(|pair| pair.0 > left);
    let Some(before) = pairs.iter().rev().find(|pair| pair.0 <= left) else { return 0 };
    let Some(after) = after else {
        return if left == before.0 { before.1 } else { right_len };
    };
    if after.1 <= before.1 {
        return before.1;
    }
    before.1 + (left - before.0) * (after.1 - before.1) / (after.0 - before.0)
}

#[cfg(test)]
mod tests {
    use super::aligned_cursor;

    #[test]
    fn cursors_between_milestones_correspond_in_proportion() {
        let pairs = [(0, 0), (10, 20), (20, 24)];
        assert_eq!(aligned_cursor(&pairs, 0, 30), 0);
        assert_eq!(aligned_cursor(&pairs, 5, 30), 10);
        assert_eq!(aligned_cursor(&pairs, 10, 30), 20);
        assert_eq!(aligned_cursor(&pairs, 15, 30), 22);
        assert_eq!(aligned_cursor(&pairs, 20, 30), 24);
        assert_eq!(aligned_cursor(&pairs, 25, 30), 30);
    }
}
